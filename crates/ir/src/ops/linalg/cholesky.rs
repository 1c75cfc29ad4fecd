//! Cholesky factors of positive definite matrices.
use super::matrices::{each_matrix, items, matrices, on_reals, rounded_away, square};
use crate::array::{AnyArray, Element, Kind, LeafType, Real};
use crate::error::{ErrorKind, Matrix, Result};
use crate::operation::named::Triangle;
use crate::operation::{Builder, Items, Lowering, Made, Maybe, Named, Op, Operation, Probe, Probed, Value, same_value};
use crate::program::{Types, Values};
use smallvec::smallvec;

/// Lower triangular L with L Lᵀ = S, the symmetric part (A + Aᵀ)/2, which must be positive definite.
///
/// L̇ = L Φ(L⁻¹ Ṡ L⁻ᵀ) and Ā = sym(L⁻ᵀ Φ(Lᵀ L̄) L⁻¹), where Φ takes the lower triangle and halves its diagonal (Murray 2016).
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky;

impl Cholesky {
    /// The error of a pivot that is not positive; `diagonal` is the element that the pivot is what is left of.
    pub fn broken<T: Real>((pivot, value): (usize, T), diagonal: T, item: usize, of: usize) -> ErrorKind {
        let unit = T::epsilon() * T::from_f64(4.0 * (pivot as f64 + 1.0));
        let rounding = value > T::zero() || value.abs() <= unit * diagonal.abs();
        let value = Element::to_f64(value);
        Matrix::NotPositiveDefinite { pivot, value, rounding, item, items: of }.into()
    }
    /// Whether every pivot of a factor is more than rounding; else the first that is not.
    ///
    /// # Errors
    /// That pivot, and its value.
    pub fn trusted<T: Real>(l: &[T], n: usize) -> Result<(), (usize, T)> {
        let square = |i: usize, j: usize| l[i * n + j] * l[i * n + j];
        rounded_away(n, |j| square(j, j), square).map_or(Ok(()), Err)
    }
}

const L: Triangle = Triangle { upper: false, transpose: false, unit: false };
const LT: Triangle = Triangle { transpose: true, ..L };

impl Operation for Cholesky {
    fn name(&self) -> &str {
        "cholesky"
    }
    fn arity(&self) -> Option<usize> {
        Some(1)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        square(inputs[0])?;
        Ok(smallvec![inputs[0].clone()])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        fn factor<T: Real>(a: &ndarray::ArrayD<T>) -> Result<AnyArray, ErrorKind> {
            let (count, n) = items(a.shape());
            each_matrix(a, a.shape(), |item, a| {
                let half = T::from_f64(0.5);
                let mut l = vec![T::zero(); n * n];
                for j in 0..n {
                    for i in j..n {
                        let known = (0..j).map(|k| l[i * n + k] * l[j * n + k]).fold(T::zero(), |p, q| p + q);
                        let v = half * (a[i * n + j] + a[j * n + i]) - known;
                        if i == j && !(v > T::zero() && v.is_finite()) {
                            return Err(Cholesky::broken((j, v), a[j * n + j], item, count));
                        }
                        l[i * n + j] = if i == j { v.sqrt() } else { v / l[j * n + j] };
                    }
                }
                Cholesky::trusted(&l, n).map_err(|(p, v)| Cholesky::broken((p, v), a[p * n + p], item, count))?;
                Ok(l)
            })
        }
        let a = inputs[0];
        on_reals!([a] => factor(a)).map(|l| vec![l])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let l = b.emit1(op.clone(), inputs);
        let dl = tangents[0].map(|t| {
            let s = b.symmetric_part(t);
            // L⁻¹ S L⁻ᵀ: the second solve acts on the transpose, and the result is symmetric.
            let p = b.solve_triangular(l, s, L);
            let p = b.transpose_last(p);
            let p = b.solve_triangular(l, p, L);
            let p = b.triangle(p, false, 0.5);
            b.matmul_with(l, false, p, false)
        });
        (smallvec![l], vec![dl])
    }
    fn vjp(&self, b: &mut Builder, _: &[Value], outputs: &[Value], cotangents: &[Option<Value>], _: &[bool]) -> Maybe {
        let l = outputs[0];
        vec![cotangents[0].map(|c| {
            let p = b.matmul_with(l, true, c, false);
            let p = b.triangle(p, false, 0.5);
            let p = b.solve_triangular(l, p, LT);
            let p = b.transpose_last(p);
            let p = b.solve_triangular(l, p, LT);
            b.symmetric_part(p)
        })]
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(items.same(b, op.clone())))
    }
    fn lower(&self, inputs: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Named(Named::Cholesky { n: items(&inputs[0].shape).1 }, inputs[0].kind)
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
}

impl Probed for Cholesky {
    fn probes(kind: Kind) -> Vec<Probe> {
        let shapes: [&[usize]; 5] = [&[3, 3], &[5, 5], &[2, 2, 2], &[0, 0], &[1, 1]];
        shapes.map(|s| Probe::new(Cholesky, vec![matrices(s, kind, 1)]).growing(8.0)).to_vec()
    }
}

impl Builder {
    /// Lower triangular L with L Lᵀ = (A + Aᵀ)/2; an error at run time if that is not positive definite.
    pub fn cholesky(&mut self, a: Value) -> Value {
        self.emit1(Op::new(Cholesky), &[a])
    }
    /// ln det of positive definite matrices: 2 Σ ln L_ii.
    pub fn log_det_positive(&mut self, a: Value) -> Value {
        let l = self.cholesky(a);
        let d = self.diagonal(l);
        let d = self.ln(d);
        let last = self.shape(d).len().saturating_sub(1);
        let s = self.sum(d, &[last]);
        self.scale(s, 2.0)
    }
}
