//! Products with sparse matrices whose values are an operand, also with some of their rows; and the derivative by the values.
use crate::array::{AnyArray, Element, Kind, LeafType, Shape};
use crate::error::{Counted, Elements, ErrorKind, Misfit, Result};
use crate::operation::named::Pattern;
use crate::operation::{Builder, Items, Lowering, Multilinear, Named, Op, Probe, Probed, Product, Value};
use ndarray::{ArrayD, Axis, IxDyn};

/// y = A x or Aᵀ x for the sparse A with given values in the places of a pattern, and x a vector or a matrix.
///
/// Operands: the values, x, and, if `rows`, a vector of numbers of rows, which may repeat: then A[rows, :] stands for A. The cost is that of the
/// entries in these rows, and of zeros for the result where A is transposed. Transpose by x: the same with the other of the two; by the
/// values: [`SampledProduct`].
///
/// ```
/// use hypertape_ir::{array::AnyArray, operation::{Multilinear, named::Pattern}, ops::sparse_values::SparseProduct};
/// // [a . b]
/// // [. . c]
/// let pattern = Pattern::new([2, 3], vec![0, 2, 3], vec![0, 2, 2])?;
/// let product = SparseProduct { pattern, rows: true, transpose: false };
/// let (values, x) = (ndarray::arr1(&[1.0, 2.0, 3.0]).into_dyn(), ndarray::arr1(&[1.0, 1.0, 10.0]).into_dyn());
/// let rows = ndarray::arr1(&[1, 0, 1]).into_dyn();
/// let y = product.value(&[&AnyArray::F64(values), &AnyArray::F64(x), &AnyArray::U32(rows)])?;
/// assert_eq!(y.to_f64(), [30.0, 21.0, 30.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SparseProduct {
    /// The places of the entries of A.
    pub pattern: Pattern,
    /// The last operand names rows of A.
    pub rows: bool,
    /// Aᵀ stands in the product.
    pub transpose: bool,
}

/// The entries of U Vᵀ in the places of a pattern: value e, in row i and column j, is Σ_c U[i, c] V[j, c], for two matrices or two vectors. Also known as
/// the sampled product of dense matrices (SDDMM).
///
/// Operands: U, V, and, if `rows`, a vector of numbers of rows: row b of U then belongs to the row of the pattern that the b-th of them names, and values
/// of a row that is named again add up. Transposes: [`SparseProduct`].
///
/// ```
/// use hypertape_ir::{array::AnyArray, operation::{Multilinear, named::Pattern}, ops::sparse_values::SampledProduct};
/// // [* . *]
/// // [. . *]
/// let pattern = Pattern::new([2, 3], vec![0, 2, 3], vec![0, 2, 2])?;
/// let (u, v) = (ndarray::arr1(&[1.0, 10.0]).into_dyn(), ndarray::arr1(&[2.0, 3.0, 4.0]).into_dyn());
/// let values = SampledProduct { pattern, rows: false }.value(&[&AnyArray::F64(u), &AnyArray::F64(v)])?;
/// assert_eq!(values.to_f64(), [2.0, 4.0, 40.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SampledProduct {
    /// Which entries.
    pub pattern: Pattern,
    /// The last operand names rows of the pattern.
    pub rows: bool,
}

/// As shown in a listing.
fn attributes(p: &Pattern, rows: bool) -> String {
    format!("{}{}×{}, {} entries", if rows { "rows of " } else { "" }, p.rows(), p.columns(), p.nonzeros())
}

/// How many rows take part; `named` is the type of the operand that names them.
fn count(p: &Pattern, named: Option<&&LeafType>) -> Result<usize, ErrorKind> {
    match named {
        None => Ok(p.rows()),
        Some(t) if t.kind != Kind::U32 => Err(ErrorKind::elements(Elements::Lookup, &[t])),
        Some(t) if t.shape.len() != 1 => Err(Misfit::SparseRows { given: (**t).clone() }.into()),
        Some(t) => Ok(t.shape[0]),
    }
}

/// The rows that take part, in order.
fn rows(p: &Pattern, named: Option<&&AnyArray>) -> Result<Vec<usize>, ErrorKind> {
    let Some(named) = named else { return Ok((0..p.rows()).collect()) };
    let named = u32::of_array(named).ok_or_else(|| ErrorKind::elements(Elements::Lookup, &[&named.leaf_type()]))?;
    let named: Vec<u32> = named.iter().copied().collect();
    p.has_rows(&named)?;
    Ok(named.into_iter().map(|i| i as usize).collect())
}

/// The operands, of which there are two and perhaps the rows, and the first two of the same real element type.
fn two<'a>(inputs: &[&'a LeafType], rows: bool) -> Result<[&'a LeafType; 2], ErrorKind> {
    let [p, q, ..] = inputs else { return Err(ErrorKind::count(Counted::Operands, 2 + usize::from(rows), inputs.len())) };
    if p.kind != q.kind || !p.kind.is_real() {
        return Err(ErrorKind::elements(Elements::AlikeReal, &[p, q]));
    }
    Ok([p, q])
}

/// Two arrays of doubles, so that sums are in double precision, whatever the operands.
fn doubles(inputs: &[&AnyArray]) -> [ArrayD<f64>; 2] {
    [0, 1].map(|i| match inputs[i] {
        AnyArray::F64(a) => a.clone(),
        AnyArray::F32(a) => a.mapv(f64::from),
        AnyArray::U32(a) => a.mapv(f64::from),
    })
}

/// An array of doubles in the element type of the operands.
fn in_kind(y: ArrayD<f64>, of: &AnyArray) -> AnyArray {
    if of.kind() == Kind::F32 { AnyArray::F32(y.mapv(|v| v as f32)) } else { AnyArray::F64(y) }
}

/// Zeros, where an operand is known to be 0. An operand that names rows could be wrong, so its operation stays.
fn zeros(b: &mut Builder, x: &[Value], t: Result<LeafType, ErrorKind>) -> Option<Value> {
    (x.len() == 2 && x.iter().any(|x| b.is_zero(*x))).then(|| t.ok().map(|t| b.full(&t, 0.0))).flatten()
}

impl SparseProduct {
    /// Lengths of x and of the result, for so many rows.
    fn lengths(&self, rows: usize) -> (usize, usize) {
        let n = self.pattern.columns();
        if self.transpose { (rows, n) } else { (n, rows) }
    }
}

impl Multilinear for SparseProduct {
    fn name(&self) -> &'static str {
        "sparse_product"
    }
    fn attributes(&self) -> String {
        attributes(&self.pattern, self.rows) + if self.transpose { ", transposed" } else { "" }
    }
    fn arity(&self) -> usize {
        2 + usize::from(self.rows)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let [values, x] = two(inputs, self.rows)?;
        let entries = self.pattern.nonzeros();
        if values.shape[..] != [entries] {
            return Err(Misfit::SparseValues { entries, given: values.clone() }.into());
        }
        let (from, to) = self.lengths(count(&self.pattern, inputs.get(2))?);
        if !(x.shape.len() == 1 || x.shape.len() == 2) || x.shape[0] != from {
            return Err(Misfit::SparseOperand { columns: from, given: x.clone() }.into());
        }
        let mut shape = x.shape.clone();
        shape[0] = to;
        Ok(LeafType { shape, kind: x.kind })
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        let rows = rows(&self.pattern, inputs.get(2))?;
        let [values, x] = doubles(inputs);
        let mut shape = Shape::from_slice(x.shape());
        shape[0] = self.lengths(rows.len()).1;
        let mut y = ArrayD::<f64>::zeros(IxDyn(&shape));
        for (b, i) in rows.into_iter().enumerate() {
            for (e, j) in self.pattern.row(i) {
                let (to, from) = if self.transpose { (j, b) } else { (b, j) };
                y.index_axis_mut(Axis(0), to).zip_mut_with(&x.index_axis(Axis(0), from), |y, x| *y += values[[e]] * *x);
            }
        }
        Ok(in_kind(y, inputs[0]))
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], i: usize, cotangent: Value) -> Value {
        let rows = inputs.get(2).copied();
        if i == 1 {
            return b.sparse_product(&self.pattern, !self.transpose, inputs[0], cotangent, rows);
        }
        let [u, v] = if self.transpose { [inputs[1], cotangent] } else { [cotangent, inputs[1]] };
        b.sampled_product(&self.pattern, u, v, rows)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let (values, rows) = (items.inputs[0], items.inputs.get(2).copied());
        if items.is_each(0) || rows.is_some() && items.is_each(2) {
            return Ok(items.one_by_one(b, &Op::new(Product(self.clone())))?[0].0);
        }
        Ok(b.columns_of_items(items.inputs[1], |b, x| b.sparse_product(&self.pattern, self.transpose, values, x, rows)))
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        let (k, rows) = (inputs[1].shape.get(1).copied().unwrap_or(1), inputs.get(2).map(|t| t.len()));
        let named = Named::SparseProduct { pattern: self.pattern.clone(), rows, transpose: self.transpose, k };
        Lowering::Named(named, inputs[0].kind)
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let t = self.infer(&x.iter().map(|x| b.type_of(*x)).collect::<Vec<_>>());
        zeros(b, x, t)
    }
}

impl Multilinear for SampledProduct {
    fn name(&self) -> &'static str {
        "sampled_product"
    }
    fn attributes(&self) -> String {
        attributes(&self.pattern, self.rows)
    }
    fn arity(&self) -> usize {
        2 + usize::from(self.rows)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let [u, v] = two(inputs, self.rows)?;
        let (rows, columns) = (count(&self.pattern, inputs.get(2))?, self.pattern.columns());
        let alike = u.shape.get(1) == v.shape.get(1) && u.shape.len() == v.shape.len() && (u.shape.len() == 1 || u.shape.len() == 2);
        if !alike || u.shape[0] != rows || v.shape[0] != columns {
            let (left, right) = (Box::new(u.clone()), Box::new(v.clone()));
            return Err(Misfit::SampledFactors { left, right, rows, columns }.into());
        }
        Ok(LeafType::new(&[self.pattern.nonzeros()], u.kind))
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        let rows = rows(&self.pattern, inputs.get(2))?;
        let [u, v] = doubles(inputs);
        let mut y = ArrayD::<f64>::zeros(IxDyn(&[self.pattern.nonzeros()]));
        for (b, i) in rows.into_iter().enumerate() {
            for (e, j) in self.pattern.row(i) {
                y[[e]] += u.index_axis(Axis(0), b).iter().zip(v.index_axis(Axis(0), j)).map(|(u, v)| u * v).sum::<f64>();
            }
        }
        Ok(in_kind(y, inputs[0]))
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], i: usize, cotangent: Value) -> Value {
        b.sparse_product(&self.pattern, i == 1, cotangent, inputs[1 - i], inputs.get(2).copied())
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        Ok(items.one_by_one(b, &Op::new(Product(self.clone())))?[0].0)
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        let (k, rows) = (inputs[0].shape.get(1).copied().unwrap_or(1), inputs.get(2).map(|t| t.len()));
        Lowering::Named(Named::SampledProduct { pattern: self.pattern.clone(), rows, k }, inputs[0].kind)
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let t = self.infer(&x.iter().map(|x| b.type_of(*x)).collect::<Vec<_>>());
        zeros(b, x, t)
    }
}

impl Probed for SparseProduct {
    fn probes(kind: Kind) -> Vec<Probe> {
        let mut probes = vec![];
        each_probe(|pattern, rows, m, columns| {
            for (transpose, from) in [(false, pattern.columns()), (true, m)] {
                let op = Product(SparseProduct { pattern: pattern.clone(), rows: rows.is_some(), transpose });
                let x = [&[from][..], columns].concat();
                let inputs = [Probe::array(&[pattern.nonzeros()], kind, 1), Probe::array(&x, kind, 2)];
                probes.push(Probe::new(op, inputs.into_iter().chain(rows.clone()).collect()));
            }
        });
        probes
    }
}

impl Probed for SampledProduct {
    fn probes(kind: Kind) -> Vec<Probe> {
        let mut probes = vec![];
        each_probe(|pattern, rows, m, columns| {
            let op = Product(SampledProduct { pattern: pattern.clone(), rows: rows.is_some() });
            let factor = |n: usize, seed| Probe::array(&[&[n][..], columns].concat(), kind, seed);
            let inputs = [factor(m, 1), factor(pattern.columns(), 2)];
            probes.push(Probe::new(op, inputs.into_iter().chain(rows).collect()));
        });
        probes
    }
}

/// Hands on patterns, rows of them, how many these are, and the second axis of factors: a pattern with entries out of order, two in one place and an empty
/// row, with all rows, some that repeat, one and none; and a pattern of nothing.
fn each_probe(mut f: impl FnMut(&Pattern, Option<AnyArray>, usize, &[usize])) {
    let small = Pattern::new([3, 4], vec![0, 3, 3, 6], vec![2, 0, 3, 1, 1, 2]);
    let nothing = Pattern::new([0, 2], vec![0], vec![]);
    let chosen: [(_, &[Option<&[u32]>]); 2] =
        [(small, &[None, Some(&[2, 0, 1, 2, 2]), Some(&[0]), Some(&[])]), (nothing, &[None, Some(&[])])];
    for (pattern, rows) in chosen {
        let Ok(pattern) = pattern else { continue };
        for rows in rows {
            let m = rows.map_or(pattern.rows(), <[u32]>::len);
            for columns in [&[][..], &[1], &[3], &[0]] {
                f(&pattern, rows.map(|r| Probe::indices(&[r.len()], r)), m, columns);
            }
        }
    }
}

impl Builder {
    /// A x, or Aᵀ x, for the sparse A of these values; or for those of its rows that `rows` names.
    pub fn sparse_product(&mut self, pattern: &Pattern, transpose: bool, values: Value, x: Value, rows: Option<Value>) -> Value {
        let op = Product(SparseProduct { pattern: pattern.clone(), rows: rows.is_some(), transpose });
        self.emit1(Op::new(op), &[&[values, x][..], rows.as_slice()].concat())
    }
    /// The entries of U Vᵀ in the places of a pattern; rows of U belong to all of its rows, or to those that `rows` names.
    pub fn sampled_product(&mut self, pattern: &Pattern, u: Value, v: Value, rows: Option<Value>) -> Value {
        let op = Product(SampledProduct { pattern: pattern.clone(), rows: rows.is_some() });
        self.emit1(Op::new(op), &[&[u, v][..], rows.as_slice()].concat())
    }
}
