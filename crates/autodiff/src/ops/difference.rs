//! Differences of neighbours along an axis: the discrete gradient of total variation.
use crate::array::{AnyArray, LeafType, Real, Slice, SliceMut};
use crate::error::Problem;
use crate::kernels::difference::Differences;
use crate::kernels::typed::{OfKind, RealKernel, input, output};
use crate::operation::{Builder, Lowering, Multilinear, Op, Product, Value};
use ndarray::{ArrayD, Axis};
use std::sync::Arc;

/// What the last element's neighbour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// None: the last difference is 0 (Chambolle 2004).
    Zero,
    /// The first element.
    Periodic,
}

/// y_i = x_{i+1} − x_i along one axis, or its transpose x_i = y_{i−1} − y_i, the negative divergence.
///
/// With `Edge::Zero` the last difference is 0, so the transpose does not read it. Transpose: the other of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Along which axis.
    pub axis: usize,
    /// What lies beyond the last element.
    pub edge: Edge,
    /// The transpose.
    pub adjoint: bool,
}

impl Multilinear for Difference {
    fn name(&self) -> &'static str {
        "difference"
    }
    fn attributes(&self) -> String {
        let edge = if self.edge == Edge::Zero { "zero at the edge" } else { "periodic" };
        format!("axis {}, {edge}{}", self.axis, if self.adjoint { ", adjoint" } else { "" })
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, String> {
        if !inputs[0].kind.is_real() {
            return Err("not defined for indices; convert them with `real`".into());
        }
        if self.axis >= inputs[0].shape.len() {
            return Err(format!("{} has no axis {}", inputs[0], self.axis));
        }
        Ok(inputs[0].clone())
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, Problem> {
        fn lanes<T: Real>(d: &Difference, x: &ArrayD<T>) -> ArrayD<T> {
            let mut y = ArrayD::zeros(x.raw_dim());
            for (x, mut y) in x.lanes(Axis(d.axis)).into_iter().zip(y.lanes_mut(Axis(d.axis))) {
                let n = x.len();
                for i in 0..n {
                    let next = if i + 1 < n {
                        i + 1
                    } else if d.edge == Edge::Periodic {
                        0
                    } else {
                        continue;
                    };
                    if d.adjoint {
                        y[next] += x[i];
                        y[i] -= x[i];
                    } else {
                        y[i] = x[next] - x[i];
                    }
                }
            }
            y
        }
        match inputs[0] {
            AnyArray::F64(x) => Ok(AnyArray::F64(lanes(self, x))),
            AnyArray::F32(x) => Ok(AnyArray::F32(lanes(self, x))),
            AnyArray::U32(_) => Err("not defined for indices".into()),
        }
    }
    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, cotangent: Value) -> Value {
        b.emit1(Op::new(Product(Difference { adjoint: !self.adjoint, ..self.clone() })), &[cotangent])
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        let shape = &inputs[0].shape;
        let d = Differences { n: shape[self.axis], inner: shape[self.axis + 1..].iter().product(), periodic: self.edge == Edge::Periodic };
        Lowering::Kernel(Arc::new(OfKind(DifferenceKernel(d, self.adjoint), inputs[0].kind)))
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        b.is_zero(x[0]).then_some(x[0])
    }
}

#[derive(Debug)]
struct DifferenceKernel(Differences, bool);
impl RealKernel for DifferenceKernel {
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), Problem> {
        let (x, y) = (input::<T>(inputs, 0)?, output(outputs, 0)?);
        if self.1 {
            self.0.adjoint(x, y)
        } else {
            self.0.forward(x, y)
        }
        Ok(())
    }
}

impl Builder {
    /// y_i = x_{i+1} − x_i along an axis.
    pub fn difference(&mut self, x: Value, axis: usize, edge: Edge) -> Value {
        self.emit1(Op::new(Product(Difference { axis, edge, adjoint: false })), &[x])
    }
    /// The transpose of `difference`: x_i = y_{i−1} − y_i along an axis.
    pub fn difference_adjoint(&mut self, y: Value, axis: usize, edge: Edge) -> Value {
        self.emit1(Op::new(Product(Difference { axis, edge, adjoint: true })), &[y])
    }
}

#[cfg(test)]
mod tests {
    use super::Edge;
    use crate::array::{AnyArray, Kind, LeafType};
    use crate::ops::testing::{check, numbers, record, run_kernels};

    #[test]
    fn differences_and_their_adjoints() {
        for shape in [&[7][..], &[4, 5], &[2, 3, 4], &[1], &[0, 3], &[3, 1, 2], &[2, 2]] {
            for axis in 0..shape.len() {
                for edge in [Edge::Zero, Edge::Periodic] {
                    let what = format!("{shape:?} {axis} {edge:?}");
                    check(&what, 4.0, &[numbers(1, shape)], |b, x| {
                        let y = b.difference(x[0], axis, edge);
                        let z = b.mul(y, y);
                        vec![b.difference_adjoint(z, axis, edge), y]
                    });
                }
            }
        }
    }

    #[test]
    fn the_last_difference_is_zero_or_wraps() {
        let t = LeafType::new(&[4], Kind::F64);
        let x = AnyArray::from_f64(&t, &[1.0, 4.0, 9.0, 16.0]).expect("four elements");
        for (edge, expected) in [(Edge::Zero, [3.0, 5.0, 7.0, 0.0]), (Edge::Periodic, [3.0, 5.0, 7.0, -15.0])] {
            let f = record(std::slice::from_ref(&t), |b, x| vec![b.difference(x[0], 0, edge)]).expect("there is an axis 0");
            assert_eq!(run_kernels(&f, std::slice::from_ref(&x)).expect("no operation fails")[0].to_f64(), expected);
        }
        let e = record(&[t], |b, x| vec![b.difference(x[0], 1, Edge::Zero)]).expect_err("there is no axis 1").to_string();
        assert!(e.contains("has no axis 1"), "{e}");
    }
}
