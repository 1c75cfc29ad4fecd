//! LU factors, and the determinant computed from them.
use super::matrices::{factors, items, matrices, on_reals, rounded_away, square};
use crate::array::{AnyArray, Element, Kind, LeafType, Real};
use crate::error::{ErrorKind, Matrix, Result};
use crate::operation::{Builder, Items, Lowering, Made, Maybe, Named, Op, Operation, Probe, Probed, Value, same_value};
use crate::program::{Types, Values};
use ndarray::{ArrayD, IxDyn};
use smallvec::smallvec;

/// P A = L U with partial pivoting: L (its unit diagonal left out) and U in one matrix, and the rows of A in their new order.
///
/// It has no derivative of its own: it only says how `solve` and `log_det` do their work, and those take A as well and give the whole
/// derivative with respect to it. So one factorisation serves a solve, its derivatives of every order, and the determinant.
#[derive(Debug, Clone, PartialEq)]
pub struct Lu;

impl Lu {
    /// The error of a pivot that is 0, or rounding, or no number.
    pub fn broken(pivot: usize, value: f64, item: usize, items: usize) -> ErrorKind {
        if value.is_finite() {
            Matrix::Singular { pivot, value, item, items }.into()
        } else {
            Matrix::NotFinite { pivot, value, item, items }.into()
        }
    }
    /// Whether every pivot of factors is more than rounding; else the first that is not.
    ///
    /// # Errors
    /// That pivot, and its value.
    pub fn trusted<T: Real>(f: &[T], n: usize) -> Result<(), (usize, T)> {
        rounded_away(n, |j| f[j * n + j], |j, k| f[j * n + k] * f[k * n + j]).map_or(Ok(()), Err)
    }
}

fn unfilled() -> ErrorKind {
    ErrorKind::misuse("the elements do not fill the shape")
}

impl Operation for Lu {
    fn name(&self) -> &str {
        "lu"
    }
    fn arity(&self) -> Option<usize> {
        Some(1)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        let (mut rows, n) = square(inputs[0])?;
        rows.push(n);
        Ok(smallvec![inputs[0].clone(), LeafType { shape: rows, kind: Kind::U32 }])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        fn factor<T: Real>(a: &ArrayD<T>) -> Result<Vec<AnyArray>, ErrorKind> {
            let (count, n) = items(a.shape());
            let mut f: Vec<T> = a.iter().copied().collect();
            let mut rows = vec![];
            for item in 0..count {
                let a = &mut f[item * n * n..(item + 1) * n * n];
                let mut order: Vec<u32> = (0..n as u32).collect();
                for j in 0..n {
                    let size = |i: usize| if a[i * n + j].is_nan() { T::infinity() } else { a[i * n + j].abs() };
                    let best = (j..n).fold(j, |b, i| if size(i) > size(b) { i } else { b });
                    let pivot = a[best * n + j];
                    if pivot == T::zero() || !pivot.is_finite() {
                        return Err(Lu::broken(j, Element::to_f64(pivot), item, count));
                    }
                    order.swap(j, best);
                    (0..n).for_each(|k| a.swap(j * n + k, best * n + k));
                    for i in j + 1..n {
                        let v = a[i * n + j] / pivot;
                        a[i * n + j] = v;
                        for k in j + 1..n {
                            let u = a[j * n + k];
                            a[i * n + k] -= v * u;
                        }
                    }
                }
                Lu::trusted(a, n).map_err(|(p, v)| Lu::broken(p, Element::to_f64(v), item, count))?;
                rows.extend(order);
            }
            let f = ArrayD::from_shape_vec(a.raw_dim(), f).map_err(|_| unfilled())?;
            let rows = ArrayD::from_shape_vec(IxDyn(&a.shape()[..a.ndim() - 1]), rows).map_err(|_| unfilled())?;
            Ok(vec![T::array(f), AnyArray::U32(rows)])
        }
        let a = inputs[0];
        on_reals!([a] => factor(a))
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], _: &[Option<Value>]) -> (Values, Maybe) {
        (b.emit(op.clone(), inputs), vec![None, None])
    }
    fn vjp(&self, _: &mut Builder, _: &[Value], _: &[Value], _: &[Option<Value>], _: &[bool]) -> Maybe {
        vec![None]
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(items.same(b, op.clone())))
    }
    fn lower(&self, inputs: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Named(Named::Lu { n: items(&inputs[0].shape).1 }, inputs[0].kind)
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
}

const SHAPES: [&[usize]; 5] = [&[3, 3], &[4, 4], &[2, 3, 3], &[0, 0], &[1, 1]];

/// Matrices that make rows change places, with their factors.
pub(super) fn factored(shape: &[usize], kind: Kind) -> Vec<AnyArray> {
    let a = matrices(shape, kind, 3);
    let (_, n) = items(shape);
    // The last row comes first.
    let turned: Vec<f64> = (0..a.to_f64().len()).map(|i| a.to_f64()[i / (n * n) * n * n + (i + n * (n - 1)) % (n * n)]).collect();
    let a = AnyArray::from_f64(&a.leaf_type(), &turned).unwrap_or(a);
    let factors = Lu.value(&[&a]).unwrap_or_default();
    [vec![a], factors].concat()
}

impl Probed for Lu {
    fn probes(kind: Kind) -> Vec<Probe> {
        SHAPES.map(|s| Probe::new(Lu, factored(s, kind)[..1].to_vec()).growing(8.0).surrogate()).to_vec()
    }
}

/// ln |det A| and the sign of det A, from A, its factors and rows.
///
/// The derivative of the first is tr(A⁻¹ Ȧ), so Ā = c A⁻ᵀ (Giles 2008); the sign has none. The value is read off the factors, the
/// derivative is all in A: right when the factors are those of A, as `Builder::log_det` sees to.
#[derive(Debug, Clone, PartialEq)]
pub struct LogDet;

impl Operation for LogDet {
    fn name(&self) -> &str {
        "log_det"
    }
    fn arity(&self) -> Option<usize> {
        Some(3)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        let (shape, _) = square(inputs[0])?;
        factors(inputs[0], &inputs[1..])?;
        let t = LeafType { shape, kind: inputs[0].kind };
        Ok(smallvec![t.clone(), t])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        // The sign of a permutation by the lengths of its cycles.
        fn from<T: Real>(f: &ArrayD<T>, rows: &AnyArray) -> Result<Vec<AnyArray>, ErrorKind> {
            let (count, n) = items(f.shape());
            let (flat, rows): (Vec<T>, Vec<usize>) = (f.iter().copied().collect(), rows.to_f64().iter().map(|v| *v as usize).collect());
            let (mut logs, mut signs) = (vec![], vec![]);
            for item in 0..count {
                let diagonal: Vec<T> = (0..n).map(|i| flat[item * n * n + i * (n + 1)]).collect();
                let order = &rows[item * n..(item + 1) * n];
                let mut seen = vec![false; n];
                let mut odd = diagonal.iter().filter(|d| **d < T::zero()).count();
                for start in 0..n {
                    let (mut at, mut steps) = (start, 0usize);
                    while !std::mem::replace(&mut seen[at], true) {
                        at = order[at];
                        steps += 1;
                    }
                    odd += steps.saturating_sub(1);
                }
                logs.push(diagonal.iter().map(|d| d.abs().ln()).fold(T::zero(), |p, q| p + q));
                signs.push(if odd % 2 == 1 { -T::one() } else { T::one() });
            }
            let shape = IxDyn(&f.shape()[..f.ndim() - 2]);
            let array = |v: Vec<T>| ArrayD::from_shape_vec(shape.clone(), v).map(T::array).map_err(|_| unfilled());
            Ok(vec![array(logs)?, array(signs)?])
        }
        let f = inputs[1];
        on_reals!([f] => from(f, inputs[2]))
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let y = b.emit(op.clone(), inputs);
        let d = tangents[0].map(|t| {
            let x = b.solve_with_lu([inputs[0], inputs[1], inputs[2]], t, false);
            b.trace(x)
        });
        (y, vec![d, None])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], _: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        let a = cotangents[0].filter(|_| wanted[0]).map(|c| {
            let mut shape = b.shape(inputs[0]);
            shape.pop();
            let kept: Vec<usize> = (0..shape.len() - 1).collect();
            let c = b.broadcast(c, &shape, &kept);
            let c = b.diagonal_matrix(c);
            b.solve_with_lu([inputs[0], inputs[1], inputs[2]], c, true)
        });
        vec![a, None, None]
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(items.same(b, op.clone())))
    }
    fn lower(&self, inputs: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Named(Named::LogDet { n: items(&inputs[0].shape).1 }, inputs[0].kind)
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
}

impl Probed for LogDet {
    fn probes(kind: Kind) -> Vec<Probe> {
        SHAPES.map(|s| Probe::new(LogDet, factored(s, kind)).growing(8.0).surrogate()).to_vec()
    }
}

impl Builder {
    /// ln |det A| and the sign of det A; an error at run time if A is singular.
    pub fn log_det(&mut self, a: Value) -> (Value, Value) {
        let f = self.emit(Op::new(Lu), &[a]);
        let y = self.emit(Op::new(LogDet), &[a, f[0], f[1]]);
        (y[0], y[1])
    }
}
