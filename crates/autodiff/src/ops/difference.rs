//! Differences of neighbours along an axis: the discrete gradient of total variation.
use crate::array::{AnyArray, Kind, LeafType, Real, Slice, SliceMut};
use crate::error::Problem;
use crate::kernels::difference::Differences;
use crate::kernels::typed::{OfKind, RealKernel, input, output};
use crate::operation::{Builder, Lowering, Multilinear, Op, Probe, Probed, Product, Value};
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
            return Err(format!("{} has no axis {}; name one below its rank", inputs[0], self.axis));
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

impl Probed for Difference {
    fn probes(kind: Kind) -> Vec<Probe> {
        let shapes: [&[usize]; 7] = [&[7], &[4, 5], &[2, 3, 4], &[1], &[0, 3], &[3, 1, 2], &[2, 2]];
        let mut probes = vec![];
        for (shape, axis) in shapes.iter().flat_map(|s| (0..s.len()).map(move |a| (*s, a))) {
            for (edge, adjoint) in [(Edge::Zero, false), (Edge::Zero, true), (Edge::Periodic, false), (Edge::Periodic, true)] {
                probes.push(Probe::new(Product(Difference { axis, edge, adjoint }), vec![Probe::array(shape, kind, 1)]));
            }
        }
        probes
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
