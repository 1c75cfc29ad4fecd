//! Differences of neighbours along an axis: the discrete gradient of total variation.
use crate::array::{AnyArray, Kind, LeafType, Real, Shape};
use crate::error::{Elements, ErrorKind, Result};
use crate::operation::{Builder, Items, Lowering, Multilinear, Op, Part, Probe, Probed, Product, Value};
use ndarray::{ArrayD, Axis};
use smallvec::smallvec;
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
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        if !inputs[0].kind.is_real() {
            return Err(ErrorKind::elements(Elements::Real, inputs));
        }
        if self.axis >= inputs[0].shape.len() {
            return Err(ErrorKind::axis_of(inputs[0], self.axis));
        }
        Ok(inputs[0].clone())
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
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
            AnyArray::U32(_) => Err(ErrorKind::elements(Elements::Real, &[&inputs[0].leaf_type()])),
        }
    }
    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, cotangent: Value) -> Value {
        b.emit1(Op::new(Product(Difference { adjoint: !self.adjoint, ..self.clone() })), &[cotangent])
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let x = items.each(b, 0);
        Ok(b.emit1(Op::new(Product(Difference { axis: self.axis + 1, ..self.clone() })), &[x]))
    }
    fn lower(&self, _: &[&LeafType], _: &LeafType) -> Lowering {
        let d = self.clone();
        Lowering::Composite(Arc::new(move |b, x| smallvec![d.shifted(b, x[0])]))
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

impl Difference {
    /// The difference of two shifted copies of `x`: elements moved by one, and what the edge says.
    fn shifted(&self, b: &mut Builder, x: Value) -> Value {
        let shape = b.shape(x);
        let n = shape[self.axis];
        if n < 2 {
            return b.full_like(x, 0.0);
        }
        // The run of `len` elements from `from`, at `to`.
        let run = |b: &mut Builder, from: usize, len: usize, to: usize| {
            let (mut start, mut place, mut lens) = (Shape::from_elem(0, shape.len()), Shape::from_elem(0, shape.len()), shape.clone());
            (start[self.axis], place[self.axis], lens[self.axis]) = (from, to, len);
            let part = b.slice(x, &start, &vec![1; shape.len()], &lens);
            (part, Part { start: place, step: Shape::from_elem(1, shape.len()) })
        };
        let (minuend, subtrahend) = match (self.edge, self.adjoint) {
            (Edge::Zero, false) => (vec![run(b, 1, n - 1, 0)], vec![run(b, 0, n - 1, 0)]),
            (Edge::Zero, true) => (vec![run(b, 0, n - 1, 1)], vec![run(b, 0, n - 1, 0)]),
            (Edge::Periodic, false) => (vec![run(b, 1, n - 1, 0), run(b, 0, 1, n - 1)], vec![]),
            (Edge::Periodic, true) => (vec![run(b, n - 1, 1, 0), run(b, 0, n - 1, 1)], vec![]),
        };
        let minuend = b.place(&shape, &minuend);
        let subtrahend = if subtrahend.is_empty() { x } else { b.place(&shape, &subtrahend) };
        b.sub(minuend, subtrahend)
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
