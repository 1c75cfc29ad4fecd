//! Elements of an axis chosen by an array of indices, and the transpose, adding to them.
use super::below::Below;
use crate::array::{AnyArray, Element, Kind, LeafType, Real, Shape, Shared, Slice, SliceMut};
use crate::each_kind;
use crate::error::{Counted, Elements, Error, ErrorKind, Lacking, Many, Misfit, Result};
use crate::operation::typed::{OfKind, RealKernel, input, output};
use crate::operation::{Builder, Items, Kernel, Lowering, Multilinear, Op, Probe, Probed, Product, Value};
use crate::ops::literal::Constant;
use ndarray::{ArrayD, Dimension, IxDyn};
use std::sync::Arc;

/// out[l…, i…, r…] = table[l…, index[i…], r…]: the elements of one axis that an array of indices names. Transpose: scatter-add.
///
/// Operands: the table, and u32 indices of any rank, whose axes take the place of the table's axis. An index beyond the axis is an error.
#[derive(Debug, Clone, PartialEq)]
pub struct Take {
    /// The axis of the table.
    pub axis: usize,
}

/// out[l…, k, r…] = Σ of updates[l…, i…, r…] over all i with index[i…] = k: the transpose of taking. Terms are added in the order of the
/// indices, so results are the same bits every time.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterAdd {
    /// The axis of the result.
    pub axis: usize,
    /// The length of that axis.
    pub len: usize,
}

/// A problem with the first index that is not below `len`.
fn in_range(index: &[u32], shape: &[usize], axis: usize, len: usize) -> Result<(), ErrorKind> {
    let Some(at) = index.iter().position(|i| *i as usize >= len) else { return Ok(()) };
    let mut place = vec![0; shape.len()];
    let mut rest = at;
    for (p, n) in place.iter_mut().zip(shape).rev() {
        (*p, rest) = (rest % n, rest / n);
    }
    Err(ErrorKind::IndexOutOfRange { index: index[at], place, axis: Some(axis), length: len })
}

/// Whether the program says that every index is below `len`: only then what does not depend on them is known beforehand.
pub(super) fn known_in_range(b: &Builder, index: Value, len: usize) -> bool {
    match (b.known_number(index), b.made_by::<Constant>(index)) {
        (Some(v), _) => (v as usize) < len,
        (_, Some((Constant(Shared::U32(a)), _))) => a.iter().all(|i| (*i as usize) < len),
        _ => b.type_of(index).is_empty() || b.made_by::<Below>(index).is_some_and(|(c, _)| c.n <= len),
    }
}

/// The range that these indices run through one after the other, if that is known.
fn known_range(b: &Builder, index: Value) -> Option<std::ops::Range<usize>> {
    let (Constant(Shared::U32(a)), _) = b.made_by::<Constant>(index)? else { return None };
    let first = *a.first().filter(|_| a.ndim() == 1)? as usize;
    a.iter().zip(first..).all(|(i, k)| *i as usize == k).then_some(first..first + a.len())
}

/// The indices, and a check of their element type.
fn indices(a: &AnyArray) -> Result<&ArrayD<u32>, ErrorKind> {
    u32::of_array(a).ok_or_else(|| ErrorKind::elements(Elements::Lookup, &[&a.leaf_type()]))
}

fn product(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// For each element of `long` (axes l…, i…, r…), its place in the array with one axis instead of i….
fn folded(at: &IxDyn, axis: usize, index: &ArrayD<u32>) -> Vec<usize> {
    let at = at.slice();
    let rank = index.ndim();
    let k = index[&at[axis..axis + rank]] as usize;
    at[..axis].iter().copied().chain([k]).chain(at[axis + rank..].iter().copied()).collect()
}

impl Multilinear for Take {
    fn name(&self) -> &'static str {
        "take"
    }
    fn attributes(&self) -> String {
        if self.axis == 0 { String::new() } else { format!("axis {}", self.axis) }
    }
    fn arity(&self) -> usize {
        2
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let [table, index] = inputs else { return Err(ErrorKind::count(Counted::Operands, 2, inputs.len())) };
        if index.kind != Kind::U32 {
            return Err(ErrorKind::elements(Elements::Lookup, &[index]));
        }
        if self.axis >= table.shape.len() {
            return Err(ErrorKind::axis_of(table, self.axis));
        }
        let mut shape = Shape::from_slice(&table.shape[..self.axis]);
        shape.extend_from_slice(&index.shape);
        shape.extend_from_slice(&table.shape[self.axis + 1..]);
        Ok(LeafType { shape, kind: table.kind })
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn take<T: Element>(table: &ArrayD<T>, index: &ArrayD<u32>, axis: usize) -> AnyArray {
            let shape = table.shape();
            let out = [&shape[..axis], index.shape(), &shape[axis + 1..]].concat();
            T::array(ArrayD::from_shape_fn(IxDyn(&out), |at| table[&folded(&at, axis, index)[..]]))
        }
        let index = indices(inputs[1])?;
        let flat: Vec<u32> = index.iter().copied().collect();
        in_range(&flat, index.shape(), self.axis, inputs[0].shape()[self.axis])?;
        Ok(each_kind!(AnyArray, inputs[0], table => take(table, index, self.axis)))
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], _: usize, cotangent: Value) -> Value {
        let len = b.shape(inputs[0])[self.axis];
        b.scatter_add(cotangent, inputs[1], self.axis, len)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let axis = self.axis;
        let [table, index] = [items.inputs[0], items.inputs[1]];
        if !items.is_each(1) {
            return Ok(b.take(table, index, axis + 1));
        }
        let len = items.shape(b, 0)[axis];
        if !items.is_each(0) {
            let made = b.take(table, index, axis);
            return Ok(b.move_axis(made, axis, 0));
        }
        // One table of all items: the items' axis beside that of the elements.
        let (index, shape) = (b.place_of_items(index, len, "take", items.n), items.shape(b, 0));
        let table = b.move_axis(table, 0, axis);
        let table = b.reshape(table, &[&shape[..axis], &[items.n * len], &shape[axis + 1..]].concat());
        let made = b.take(table, index, axis);
        Ok(b.move_axis(made, axis, 0))
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        Lowering::Kernel(Arc::new(Rows::new(&inputs[0].shape, self.axis, inputs[1])))
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let (axis, mut shape) = (self.axis, b.shape(x[0]));
        if let Some(range) = known_range(b, x[1]).filter(|r| shape.get(axis).is_some_and(|n| r.end <= *n)) {
            let (mut start, step) = (vec![0; shape.len()], vec![1; shape.len()]);
            (start[axis], shape[axis]) = (range.start, range.len());
            return Some(b.slice(x[0], &start, &step, &shape));
        }
        let v = b.known_number(x[0])?;
        let t = self.infer(&[b.type_of(x[0]), b.type_of(x[1])]).ok()?;
        known_in_range(b, x[1], shape[axis]).then(|| b.full(&t, v))
    }
}

impl Multilinear for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }
    fn attributes(&self) -> String {
        if self.axis == 0 { self.len.to_string() } else { format!("{}, axis {}", self.len, self.axis) }
    }
    fn arity(&self) -> usize {
        2
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let [updates, index] = inputs else { return Err(ErrorKind::count(Counted::Operands, 2, inputs.len())) };
        if index.kind != Kind::U32 || !updates.kind.is_real() {
            return Err(ErrorKind::elements(Elements::Updates, &[updates, index]));
        }
        let rest = self.axis + index.shape.len();
        if updates.shape.get(self.axis..rest) != Some(&index.shape[..]) {
            let (updates, indices) = ((*updates).clone().into(), (*index).clone().into());
            return Err(Misfit::Updates { axis: self.axis, end: rest, updates, indices }.into());
        }
        let mut shape = Shape::from_slice(&updates.shape[..self.axis]);
        shape.push(self.len);
        shape.extend_from_slice(&updates.shape[rest..]);
        Ok(LeafType { shape, kind: updates.kind })
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn scatter<T: Real>(updates: &ArrayD<T>, index: &ArrayD<u32>, axis: usize, shape: &[usize]) -> AnyArray {
            let mut y = ArrayD::<T>::zeros(IxDyn(shape));
            for (at, v) in updates.indexed_iter() {
                y[&folded(&at, axis, index)[..]] += *v;
            }
            T::array(y)
        }
        let index = indices(inputs[1])?;
        let flat: Vec<u32> = index.iter().copied().collect();
        in_range(&flat, index.shape(), self.axis, self.len)?;
        let shape = self.infer(&[&inputs[0].leaf_type(), &inputs[1].leaf_type()])?.shape;
        match inputs[0] {
            AnyArray::F64(updates) => Ok(scatter(updates, index, self.axis, &shape)),
            AnyArray::F32(updates) => {
                let sums = scatter(&updates.mapv(f64::from), index, self.axis, &shape);
                Ok(f64::of_array(&sums).map_or(sums.clone(), |y| AnyArray::F32(y.mapv(|v| v as f32))))
            }
            AnyArray::U32(_) => Err(ErrorKind::elements(Elements::Real, &[&inputs[0].leaf_type()])),
        }
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], _: usize, cotangent: Value) -> Value {
        b.take(cotangent, inputs[1], self.axis)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let (axis, len) = (self.axis, self.len);
        let updates = items.each(b, 0);
        if !items.is_each(1) {
            return Ok(b.scatter_add(updates, items.inputs[1], axis + 1, len));
        }
        let index = b.place_of_items(items.inputs[1], len, "scatter_add", items.n);
        let updates = b.move_axis(updates, 0, axis);
        let made = b.scatter_add(updates, index, axis, items.n * len);
        let mut shape = b.shape(made);
        if b.problem().is_some() {
            return Ok(made);
        }
        shape[axis] = items.n;
        shape.insert(axis + 1, len);
        let made = b.reshape(made, &shape);
        Ok(b.move_axis(made, axis, 0))
    }
    fn lower(&self, inputs: &[&LeafType], output: &LeafType) -> Lowering {
        Lowering::Kernel(Arc::new(OfKind(Sums(Rows::new(&output.shape, self.axis, inputs[1])), output.kind)))
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let t = self.infer(&[b.type_of(x[0]), b.type_of(x[1])]).ok()?;
        (b.is_zero(x[0]) && known_in_range(b, x[1], self.len)).then(|| b.full(&t, 0.0))
    }
}

/// `outer` blocks of `len` rows of `inner` elements, and `count` indices of rows.
#[derive(Debug)]
struct Rows {
    outer: usize,
    len: usize,
    inner: usize,
    axis: usize,
    index: Shape,
}

impl Rows {
    fn new(table: &[usize], axis: usize, index: &LeafType) -> Self {
        Rows { outer: product(&table[..axis]), len: table[axis], inner: product(&table[axis + 1..]), axis, index: index.shape.clone() }
    }
    /// Hands every pair (row of the table, row of the chosen) to `f`, as their first elements, in the order of the chosen.
    fn each(&self, index: &[u32], mut f: impl FnMut(usize, usize)) -> Result<(), ErrorKind> {
        in_range(index, &self.index, self.axis, self.len)?;
        for block in 0..self.outer {
            for (i, k) in index.iter().enumerate() {
                f((block * self.len + *k as usize) * self.inner, (block * index.len() + i) * self.inner);
            }
        }
        Ok(())
    }
}

impl Kernel for Rows {
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        fn take<T: Element>(rows: &Rows, inputs: &[Slice<'_>], y: &mut [T]) -> Result<(), ErrorKind> {
            let (table, index, n) = (input::<T>(inputs, 0)?, input::<u32>(inputs, 1)?, rows.inner);
            if n == 1 {
                return rows.each(index, |from, to| y[to] = table[from]);
            }
            rows.each(index, |from, to| y[to..to + n].copy_from_slice(&table[from..from + n]))
        }
        each_kind!(SliceMut, &mut outputs[0], y => take(self, inputs, y))
    }
}

/// Sums of rows by their indices.
#[derive(Debug)]
struct Sums(Rows);

/// Terms up to which sums in single precision stay there.
const FEW: usize = 64;

impl Sums {
    /// Indices, and rows of sums, if sums in single precision may have many terms: those of the rows that have are in double precision.
    fn many<T: Real>(&self) -> Option<[usize; 2]> {
        let count = product(&self.0.index);
        (T::KIND == Kind::F32 && count > FEW).then(|| [count, (count / FEW).min(self.0.len)])
    }
    /// The same where some rows have many terms. `scratch` holds a place for each row, and sums for those that have many.
    fn wide<T: Real>(&self, index: &[u32], x: &[T], y: &mut [T], scratch: &mut [f64], heavy: usize) -> Result<(), ErrorKind> {
        let Rows { outer, len, inner: n, .. } = self.0;
        let (places, sums) = scratch.split_at_mut(len);
        in_range(index, &self.0.index, self.0.axis, len)?;
        // First how many terms a row has; then which of the wide sums is its own, or −1.
        places.fill(0.0);
        index.iter().for_each(|k| places[*k as usize] += 1.0);
        let mut next = 0;
        for p in places.iter_mut() {
            let many = *p >= FEW as f64 && next < heavy;
            *p = if many { next as f64 } else { -1.0 };
            next += usize::from(many);
        }
        for block in 0..outer {
            sums[..next * n].fill(0.0);
            for (i, k) in index.iter().enumerate() {
                let from = (block * index.len() + i) * n;
                let (x, place) = (&x[from..from + n], places[*k as usize]);
                if place < 0.0 {
                    let to = (block * len + *k as usize) * n;
                    y[to..to + n].iter_mut().zip(x).for_each(|(y, x)| *y += *x);
                } else {
                    let at = place as usize * n;
                    sums[at..at + n].iter_mut().zip(x).for_each(|(s, x)| *s += Element::to_f64(*x));
                }
            }
            for (row, place) in places.iter().enumerate().filter(|(_, p)| **p >= 0.0) {
                let (to, at) = ((block * len + row) * n, *place as usize * n);
                y[to..to + n].iter_mut().zip(&sums[at..at + n]).for_each(|(y, s)| *y = T::from_f64(*s));
            }
        }
        Ok(())
    }
}

impl RealKernel for Sums {
    fn scratch<T: Real>(&self) -> usize {
        self.many::<T>().map_or(0, |[_, heavy]| self.0.len + heavy * self.0.inner)
    }
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        let (x, index, n) = (input::<T>(inputs, 0)?, input::<u32>(inputs, 1)?, self.0.inner);
        let y = output::<T>(outputs, 0)?;
        y.fill(T::zero());
        if let Some([_, heavy]) = self.many::<T>() {
            return self.wide(index, x, y, scratch, heavy);
        }
        self.0.each(index, |to, from| {
            for (y, x) in y[to..to + n].iter_mut().zip(&x[from..from + n]) {
                *y += *x;
            }
        })
    }
}

impl Probed for Take {
    fn probes(kind: Kind) -> Vec<Probe> {
        let probe = |table: &[usize], axis, index: AnyArray| Probe::new(Product(Take { axis }), vec![Probe::array(table, kind, 1), index]);
        vec![
            probe(&[4, 3], 0, Probe::indices(&[5], &[3, 0, 3, 1, 3])),
            probe(&[4], 0, Probe::indices(&[2, 2], &[1, 1, 0, 3])),
            probe(&[4, 2], 0, Probe::indices(&[], &[2])),
            probe(&[2, 4, 3], 1, Probe::indices(&[3], &[3, 3, 0])),
            probe(&[3, 4], 1, Probe::indices(&[2, 1], &[0, 2])),
            probe(&[4, 3], 0, Probe::indices(&[0], &[])),
            probe(&[1], 0, Probe::indices(&[1], &[0])),
            Probe::new(Product(Take { axis: 0 }), vec![Probe::indices(&[3], &[7, 8, 9]), Probe::indices(&[2], &[2, 0])]),
        ]
    }
}
impl Probed for ScatterAdd {
    fn probes(kind: Kind) -> Vec<Probe> {
        let probe = |updates: &[usize], axis, len, index: AnyArray| {
            Probe::new(Product(ScatterAdd { axis, len }), vec![Probe::array(updates, kind, 1), index])
        };
        vec![
            probe(&[5, 3], 0, 4, Probe::indices(&[5], &[3, 0, 3, 1, 3])),
            probe(&[2, 2], 0, 4, Probe::indices(&[2, 2], &[1, 1, 0, 3])),
            probe(&[2], 0, 4, Probe::indices(&[], &[2])),
            probe(&[2, 3, 3], 1, 4, Probe::indices(&[3], &[3, 3, 0])),
            probe(&[0, 3], 0, 2, Probe::indices(&[0], &[])),
        ]
    }
}

impl Builder {
    /// Rows of a table, chosen by indices of any rank; an index beyond the table is an error when it runs.
    pub fn rows(&mut self, table: Value, index: Value) -> Value {
        self.take(table, index, 0)
    }
    /// Elements along an axis, chosen by indices of any rank, whose axes take the place of that axis.
    pub fn take(&mut self, table: Value, index: Value, axis: usize) -> Value {
        self.emit1(Op::new(Product(Take { axis })), &[table, index])
    }
    /// Sums of the updates with equal index, along an axis of this length; the transpose of `take`.
    pub fn scatter_add(&mut self, updates: Value, index: Value, axis: usize, len: usize) -> Value {
        self.emit1(Op::new(Product(ScatterAdd { axis, len })), &[updates, index])
    }
    /// Indices below `len`, one array for each item, as places in one axis that holds those of all items one after another. An index that is not below is
    /// an error of `of` when it runs.
    pub(super) fn place_of_items(&mut self, index: Value, len: usize, of: &str, n: usize) -> Value {
        if u32::try_from(n.saturating_mul(len)).is_err() {
            let kind = ErrorKind::TooMany { of: Many::Indices, given: n as u64 * len as u64, most: u64::from(u32::MAX) };
            return self.refuse(of, &[index], kind);
        }
        let index = self.below(index, len, of);
        let shape = self.shape(index);
        let first = self.iota(n);
        let first = self.broadcast(first, &shape, &[0]);
        let len = self.full_like(first, len as f64);
        let first = self.mul(first, len);
        self.add(index, first)
    }
    /// The indices 0, 1, …, n − 1.
    pub fn iota(&mut self, n: usize) -> Value {
        if u32::try_from(n).is_err() {
            return self.refuse("iota", &[], ErrorKind::TooMany { of: Many::Indices, given: n as u64, most: u64::from(u32::MAX) });
        }
        let mut all: Vec<u32> = vec![];
        if all.try_reserve_exact(n).is_err() {
            self.fail(Error::new("iota", ErrorKind::Memory { bytes: 4 * n as u64, lacking: Lacking::Memory }).or(self.site()));
            return self.full(&LeafType::new(&[n], Kind::U32), 0.0);
        }
        all.extend(0..n as u32);
        self.constant(AnyArray::U32(ndarray::Array1::from(all).into_dyn()).into())
    }
    /// 1 at the place that each index names along a new last axis of length n, 0 elsewhere; an index beyond it is an error when it runs.
    pub fn one_hot(&mut self, index: Value, n: usize, kind: Kind) -> Value {
        let index = self.below(index, n, "one_hot");
        let mut shape = self.shape(index);
        let before: Vec<usize> = (0..shape.len()).collect();
        shape.push(n);
        let wide = self.broadcast(index, &shape, &before);
        let places = self.iota(n);
        let places = self.broadcast(places, &shape, &[before.len()]);
        let hot = self.equal(wide, places);
        self.cast(hot, kind)
    }
}
