//! Cumulative sums along an axis.
use crate::array::{AnyArray, Element, Kind, LeafType, Real, Slice, SliceMut};
use crate::error::{Elements, ErrorKind, Result};
use crate::operation::typed::{OfKind, RealKernel, input, output};
use crate::operation::{Builder, Items, Lowering, Multilinear, Op, Probe, Probed, Product, Value};
use ndarray::{ArrayD, Axis};
use std::sync::Arc;

/// y_i = x_0 + … + x_i along an axis; reversed, y_i = x_i + … + x_{n−1}. Transpose: the same from the other end.
#[derive(Debug, Clone, PartialEq)]
pub struct CumulativeSum {
    /// The axis.
    pub axis: usize,
    /// From the last element to the first.
    pub reverse: bool,
}

impl Multilinear for CumulativeSum {
    fn name(&self) -> &'static str {
        "cumulative_sum"
    }
    fn attributes(&self) -> String {
        format!("{}{}", self.axis, if self.reverse { ", reverse" } else { "" })
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        if !inputs[0].kind.is_real() {
            return Err(ErrorKind::elements(Elements::Real, inputs));
        }
        if self.axis >= inputs[0].shape.len() {
            return Err(ErrorKind::axis(self.axis, inputs[0].shape.len()));
        }
        Ok(inputs[0].clone())
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn accumulate<T: Real>(a: &ArrayD<T>, axis: usize, reverse: bool) -> AnyArray {
            let mut y = a.clone();
            if reverse {
                y.invert_axis(Axis(axis));
            }
            y.accumulate_axis_inplace(Axis(axis), |before, v| *v += *before);
            if reverse {
                y.invert_axis(Axis(axis));
            }
            T::array(y.as_standard_layout().into_owned())
        }
        match inputs[0] {
            AnyArray::F64(a) => Ok(accumulate(a, self.axis, self.reverse)),
            AnyArray::F32(a) => match accumulate(&a.mapv(f64::from), self.axis, self.reverse) {
                AnyArray::F64(sums) => Ok(AnyArray::F32(sums.mapv(|v| v as f32))),
                other => Ok(other),
            },
            AnyArray::U32(_) => Err(ErrorKind::elements(Elements::Real, &[&inputs[0].leaf_type()])),
        }
    }
    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, cotangent: Value) -> Value {
        b.cumulative_sum(cotangent, self.axis, !self.reverse)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let x = items.each(b, 0);
        Ok(b.cumulative_sum(x, self.axis + 1, self.reverse))
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        let shape = &inputs[0].shape;
        let kernel = Sums {
            outer: shape[..self.axis].iter().product(),
            steps: shape[self.axis],
            inner: shape[self.axis + 1..].iter().product(),
            reverse: self.reverse,
        };
        Lowering::Kernel(Arc::new(OfKind(kernel, inputs[0].kind)))
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        (b.is_zero(x[0]) || b.shape(x[0]).get(self.axis) == Some(&1)).then_some(x[0])
    }
}

/// Running sums of `outer` blocks of `steps` rows of `inner` elements.
#[derive(Debug)]
struct Sums {
    outer: usize,
    steps: usize,
    inner: usize,
    reverse: bool,
}

impl RealKernel for Sums {
    fn scratch<T: Real>(&self) -> usize {
        if self.inner == 1 { 0 } else { self.inner }
    }
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        let (x, y) = (input::<T>(inputs, 0)?, output::<T>(outputs, 0)?);
        let row = self.inner;
        let block = (self.steps * row).max(1);
        for (x, y) in x.chunks_exact(block).zip(y.chunks_exact_mut(block)).take(self.outer) {
            // Running sums are in double precision whatever the element type.
            if row == 1 {
                let mut sum = 0.0;
                let mut step = |x: &T, y: &mut T| {
                    sum += Element::to_f64(*x);
                    *y = T::from_f64(sum);
                };
                if self.reverse {
                    x.iter().zip(y.iter_mut()).rev().for_each(|(x, y)| step(x, y));
                } else {
                    x.iter().zip(y.iter_mut()).for_each(|(x, y)| step(x, y));
                }
                continue;
            }
            let sums = &mut scratch[..row];
            sums.fill(0.0);
            for k in 0..self.steps {
                let at = if self.reverse { self.steps - 1 - k } else { k } * row;
                for ((x, y), sum) in x[at..at + row].iter().zip(&mut y[at..at + row]).zip(sums.iter_mut()) {
                    *sum += Element::to_f64(*x);
                    *y = T::from_f64(*sum);
                }
            }
        }
        Ok(())
    }
}

impl Probed for CumulativeSum {
    fn probes(kind: Kind) -> Vec<Probe> {
        let cases: [(&[usize], usize); 6] = [(&[5], 0), (&[3, 4], 0), (&[3, 4], 1), (&[2, 3, 2], 1), (&[0, 3], 0), (&[1], 0)];
        let probe = |(shape, axis): (&[usize], usize), reverse| {
            Probe::new(Product(CumulativeSum { axis, reverse }), vec![Probe::array(shape, kind, 1)])
        };
        cases.into_iter().flat_map(|c| [probe(c, false), probe(c, true)]).collect()
    }
}

impl Builder {
    /// Running sums along an axis, from the first element or from the last.
    pub fn cumulative_sum(&mut self, a: Value, axis: usize, reverse: bool) -> Value {
        self.emit1(Op::new(Product(CumulativeSum { axis, reverse })), &[a])
    }
}
