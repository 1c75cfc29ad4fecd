//! The ℓ₂ norm, whose squares leave no range, and whose convention at 0 ends with the first derivative.
use super::fold::{beyond, without};
use crate::array::{AnyArray, Element, Kind, LeafType, Real, Shape};
use crate::error::{Elements, ErrorKind, Order, Result, Typed};
use crate::operation::{Builder, Items, Lowering, Made, Maybe, Named, Op, Operation, Probe, Probed, Value, same_value};
use crate::program::{Types, Values};
use ndarray::{ArrayD, IxDyn};
use smallvec::smallvec;
use std::sync::Arc;

/// √Σx² over the marked axes, which follow one another and which the result lacks. It is right whenever it is a number of its type, though
/// squares may not be. A second operand, if there is one, is Σx² where that is in range: what is known already, and no other dependence.
///
/// With u = x/‖x‖: ẏ = Σ u ẋ and x̄ = u ȳ, and 0 where the norm is 0 by convention. The convention is that of the first derivative alone. The
/// second derivative at 0 is infinite, or NaN where ȳ is 0 because it depends on the norm, as that of cosh ‖x‖ does; it is 0 where ẋ is 0, and
/// where ȳ is 0 because a mask says so. Even powers of norms are written as sums of squares, so they have all their derivatives.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm {
    /// Axes over which squares are added up, ascending.
    pub axes: Shape,
}

impl Norm {
    /// Blocks, the rows of each that are added up, and the elements of a row.
    fn sizes(&self, shape: &[usize]) -> [usize; 3] {
        let (from, to) = (self.axes.first().copied().unwrap_or(0), self.axes.last().map_or(0, |a| a + 1));
        let product = |s: &[usize]| s.iter().product();
        [product(&shape[..from]), product(&shape[from..to]), product(&shape[to..])]
    }
    /// x and y over one number near y: x/y, and 1, or 0 and 0 where y is 0.
    fn unit(&self, b: &mut Builder, x: Value, y: Value) -> (Value, Value) {
        let shape = b.shape(x);
        let least = if b.kind(y) == Kind::F32 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
        let least = b.full_like(y, least);
        let size = b.maximum(y, least);
        // Quotients do not depend on it.
        let size = b.stop_gradient(size);
        let r = b.recip(size);
        let wide = b.unsum(r, &shape, &self.axes);
        (b.mul(x, wide), b.mul(y, r))
    }
}

impl Operation for Norm {
    fn name(&self) -> &str {
        "norm_l2"
    }
    fn attributes(&self) -> String {
        format!("{:?}", self.axes)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        if !inputs[0].kind.is_real() {
            return Err(ErrorKind::elements(Elements::Real, inputs));
        }
        let made = LeafType { shape: without(&inputs[0].shape, &self.axes)?, kind: inputs[0].kind };
        if self.axes.windows(2).any(|w| w[0] + 1 != w[1]) {
            return Err(ErrorKind::Axes { axes: self.axes.to_vec(), rank: inputs[0].shape.len(), order: Order::Adjacent });
        }
        match inputs.get(1) {
            Some(sums) if **sums != made => Err(ErrorKind::types(Typed::Squares, &made, sums)),
            _ => Ok(smallvec![made]),
        }
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        fn norms<T: Real>(a: &ArrayD<T>, [outer, n, inner]: [usize; 3], shape: &[usize]) -> Vec<AnyArray> {
            let x: Vec<f64> = a.iter().map(|v| Element::to_f64(*v)).collect();
            let norm = |at: usize| {
                let from = at / inner * n * inner + at % inner;
                let all = (0..n).map(|k| x[from + k * inner].abs());
                let largest = all.clone().fold(0.0, f64::max);
                T::from_f64(match all.clone().any(f64::is_nan) {
                    true => f64::NAN,
                    false if largest == 0.0 || largest.is_infinite() => largest,
                    false => largest * all.map(|v| (v / largest).powi(2)).sum::<f64>().sqrt(),
                })
            };
            let made = (0..outer * inner).map(norm).collect();
            ArrayD::from_shape_vec(IxDyn(shape), made).map(|y| vec![T::array(y)]).unwrap_or_default()
        }
        let shape = without(inputs[0].shape(), &self.axes)?;
        let of = self.sizes(inputs[0].shape());
        match inputs[0] {
            AnyArray::F64(a) => Ok(norms(a, of, &shape)),
            AnyArray::F32(a) => Ok(norms(a, of, &shape)),
            AnyArray::U32(_) => Err(ErrorKind::elements(Elements::Real, &[&inputs[0].leaf_type()])),
        }
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let y = b.emit1(op.clone(), inputs);
        let t = tangents[0].map(|t| {
            let (unit, near) = self.unit(b, inputs[0], y);
            let along = b.mul(unit, t);
            let along = b.sum(along, &self.axes);
            let r = b.recip(near);
            b.absorb(along, r)
        });
        (smallvec![y], vec![t])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value], cotangents: &[Option<Value>], _: &[bool]) -> Maybe {
        let mut parts = vec![None; inputs.len()];
        if let Some(c) = cotangents[0] {
            let (unit, near) = self.unit(b, inputs[0], outputs[0]);
            let w = if b.zero_wins(c) {
                let r = b.recip(near);
                b.absorb(c, r)
            } else {
                b.div(c, near)
            };
            let shape = b.shape(inputs[0]);
            let w = b.unsum(w, &shape, &self.axes);
            // Where the norm is 0, w may be infinite or NaN, but every x is 0, which wins.
            parts[0] = Some(b.absorb(unit, w));
        }
        parts
    }
    fn batch(&self, b: &mut Builder, _: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(items.same(b, Op::new(Norm { axes: beyond(&self.axes) }))))
    }
    fn lower(&self, inputs: &[&LeafType], _: &[&LeafType]) -> Lowering {
        if inputs.len() == 2 {
            let [outer, n, inner] = self.sizes(&inputs[0].shape);
            return Lowering::Named(Named::Norm { outer, n, inner }, inputs[0].kind);
        }
        let norm = self.clone();
        Lowering::Composite(Arc::new(move |b, x| {
            let sums = b.norm_squared(x[0], &norm.axes);
            smallvec![b.emit1(Op::new(norm.clone()), &[x[0], sums])]
        }))
    }
    fn has_slope(&self, input: usize) -> bool {
        input == 0
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Values> {
        let shape = b.shape(x[0]);
        let kept: Shape = (0..shape.len()).filter(|i| !self.axes.contains(i)).map(|i| shape[i]).collect();
        if b.is_zero(x[0]) || self.axes.iter().any(|a| shape[*a] == 0) {
            let t = LeafType { shape: kept, kind: b.kind(x[0]) };
            return Some(smallvec![b.full(&t, 0.0)]);
        }
        if self.axes.iter().all(|a| shape[*a] == 1) {
            let size = b.abs(x[0]);
            return Some(smallvec![b.reshape(size, &kept)]);
        }
        None
    }
}

impl Probed for Norm {
    fn probes(kind: Kind) -> Vec<Probe> {
        let cases: [(&[usize], &[usize]); 7] =
            [(&[5], &[0]), (&[3, 4], &[0]), (&[3, 4], &[1]), (&[2, 3, 2], &[1]), (&[2, 3], &[0, 1]), (&[3, 0], &[0]), (&[0, 3], &[0])];
        let probe = |(shape, axes): (&[usize], &[usize])| {
            Probe::new(Norm { axes: Shape::from_slice(axes) }, vec![Probe::array(shape, kind, 1)]).within(0.1).growing(8.0)
        };
        cases.into_iter().map(probe).collect()
    }
}

impl Builder {
    /// √Σx² over some axes, which the result lacks; right whenever it is a number of its type. Derivative 0 where the norm is 0, and no second
    /// derivative there.
    pub fn norm_l2(&mut self, a: Value, axes: &[usize]) -> Value {
        let rank = self.shape(a).len();
        let apart = axes.windows(2).any(|w| w[0] + 1 < w[1]) && axes.iter().all(|i| *i < rank);
        if !apart {
            return self.emit1(Op::new(Norm { axes: Shape::from_slice(axes) }), &[a]);
        }
        let kept: Vec<usize> = (0..rank).filter(|i| !axes.contains(i)).collect();
        let order: Vec<usize> = kept.iter().chain(axes).copied().collect();
        let a = self.permute(a, &order);
        self.emit1(Op::new(Norm { axes: (kept.len()..order.len()).collect() }), &[a])
    }
    /// Σx² over some axes.
    pub fn norm_squared(&mut self, a: Value, axes: &[usize]) -> Value {
        let s = self.square(a);
        self.sum(s, axes)
    }
}
