//! Sums over axes, and their transpose, broadcasting.
use crate::array::{AnyArray, Kind, LeafType, Real, Shape};
use crate::each_kind;
use crate::error::{Elements, ErrorKind, Order, Result};
use crate::operation::{Builder, Fold, Items, Lowering, Multilinear, Op, Probe, Probed, Product, Value, View};
use ndarray::{ArrayD, Axis, IxDyn};

/// Σ over the marked axes, which the result lacks. Transpose: broadcast.
#[derive(Debug, Clone, PartialEq)]
pub struct Sum {
    /// Axes summed away, ascending.
    pub axes: Shape,
}

/// The shape without some axes, or what is wrong with the axes.
pub fn without(shape: &[usize], axes: &[usize]) -> Result<Shape, ErrorKind> {
    if axes.windows(2).any(|w| w[0] >= w[1]) || axes.last().is_some_and(|a| *a >= shape.len()) {
        return Err(ErrorKind::Axes { axes: axes.to_vec(), rank: shape.len(), order: Order::Ascending });
    }
    Ok((0..shape.len()).filter(|i| !axes.contains(i)).map(|i| shape[i]).collect())
}

/// The same axes of an array with one more leading axis.
pub(super) fn beyond(axes: &[usize]) -> Shape {
    axes.iter().map(|a| a + 1).collect()
}

fn sum_axes<T: Real>(a: &ArrayD<T>, axes: &[usize]) -> ArrayD<T> {
    axes.iter().rev().fold(a.clone(), |a, i| a.sum_axis(Axis(*i)))
}

impl Multilinear for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }
    fn attributes(&self) -> String {
        format!("{:?}", self.axes)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        if !inputs[0].kind.is_real() {
            return Err(ErrorKind::elements(Elements::Real, inputs));
        }
        Ok(LeafType { shape: without(&inputs[0].shape, &self.axes)?, kind: inputs[0].kind })
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        Ok(match inputs[0] {
            AnyArray::F64(a) => AnyArray::F64(sum_axes(a, &self.axes)),
            AnyArray::F32(a) => AnyArray::F32(sum_axes(&a.mapv(f64::from), &self.axes).mapv(|v| v as f32)),
            AnyArray::U32(_) => return Err(ErrorKind::elements(Elements::Real, &[&inputs[0].leaf_type()])),
        })
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], _: usize, cotangent: Value) -> Value {
        let shape = b.shape(inputs[0]);
        let kept: Vec<usize> = (0..shape.len()).filter(|i| !self.axes.contains(i)).collect();
        b.broadcast(cotangent, &shape, &kept)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let x = items.each(b, 0);
        Ok(b.sum(x, &beyond(&self.axes)))
    }
    fn lower(&self, _: &[&LeafType], _: &LeafType) -> Lowering {
        Lowering::Fold { fold: Fold::Sum, axes: self.axes.clone() }
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let t = b.type_of(x[0]).clone();
        if self.axes.is_empty() {
            return Some(x[0]);
        }
        if self.axes.iter().all(|a| t.shape[*a] == 1) {
            let shape = without(&t.shape, &self.axes).ok()?;
            return Some(b.reshape(x[0], &shape));
        }
        if b.is_zero(x[0]) {
            let shape = without(&t.shape, &self.axes).ok()?;
            return Some(b.full(&LeafType { shape, kind: t.kind }, 0.0));
        }
        None
    }
}

/// Input axis i becomes axis `axes[i]` of the result; the other axes repeat. Transpose: sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Broadcast {
    /// Shape of the result.
    pub shape: Shape,
    /// Where the input's axes go, ascending; an axis of length 1 may go to a longer one.
    pub axes: Shape,
}

impl Multilinear for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast"
    }
    fn attributes(&self) -> String {
        format!("{:?} along {:?}", self.shape, self.axes)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        let x = &inputs[0].shape;
        let fits = self.axes.len() == x.len()
            && self.axes.windows(2).all(|w| w[0] < w[1])
            && self.axes.iter().zip(x).all(|(a, n)| self.shape.get(*a).is_some_and(|m| m == n || *n == 1));
        if !fits {
            return Err(ErrorKind::Broadcast { shapes: vec![x.clone()], to: Some(self.shape.clone()) });
        }
        Ok(LeafType { shape: self.shape.clone(), kind: inputs[0].kind })
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn broadcast<T: crate::array::Element>(a: &ndarray::ArrayD<T>, shape: &[usize], axes: &[usize]) -> AnyArray {
            T::array(ndarray::ArrayD::from_shape_fn(IxDyn(shape), |at| {
                let index: Vec<usize> = axes.iter().zip(a.shape()).map(|(k, n)| if *n == 1 { 0 } else { at[*k] }).collect();
                a[&index[..]]
            }))
        }
        Ok(each_kind!(AnyArray, inputs[0], a => broadcast(a, &self.shape, &self.axes)))
    }
    fn transpose(&self, b: &mut Builder, inputs: &[Value], _: usize, cotangent: Value) -> Value {
        let shape = b.shape(inputs[0]);
        let repeated = |k: usize| self.axes.iter().position(|a| *a == k).is_none_or(|i| shape[i] != self.shape[k]);
        let axes: Vec<usize> = (0..self.shape.len()).filter(|k| repeated(*k)).collect();
        let s = b.sum(cotangent, &axes);
        b.reshape(s, &shape)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let x = items.each(b, 0);
        let shape: Shape = [items.n].into_iter().chain(self.shape.iter().copied()).collect();
        let axes: Shape = [0].into_iter().chain(beyond(&self.axes)).collect();
        Ok(b.broadcast(x, &shape, &axes))
    }
    fn lower(&self, _: &[&LeafType], _: &LeafType) -> Lowering {
        Lowering::View(View::Broadcast { shape: self.shape.clone(), axes: self.axes.clone() })
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let t = b.type_of(x[0]).clone();
        if t.shape == self.shape {
            return Some(x[0]);
        }
        if let Some(v) = b.known_number(x[0]) {
            return Some(b.full(&LeafType { shape: self.shape.clone(), kind: t.kind }, v));
        }
        // A broadcast of a broadcast is one.
        let (inner, from) = b.made_by::<Product<Broadcast>>(x[0])?;
        let (inner, from) = (inner.0.clone(), from[0]);
        let stretched = inner.shape.iter().zip(&self.axes).any(|(n, a)| *n != self.shape[*a]);
        if stretched {
            return None;
        }
        let axes: Vec<usize> = inner.axes.iter().map(|a| self.axes[*a]).collect();
        Some(b.broadcast(from, &self.shape, &axes))
    }
}

impl Probed for Sum {
    fn probes(kind: Kind) -> Vec<Probe> {
        let cases: [(&[usize], &[usize]); 8] = [
            (&[5], &[0]),
            (&[3, 4], &[0]),
            (&[3, 4], &[1]),
            (&[2, 3, 4], &[0, 2]),
            (&[3, 1], &[1]),
            (&[0, 3], &[0]),
            (&[3, 0], &[0]),
            (&[], &[]),
        ];
        cases.map(|(shape, axes)| Probe::new(Product(Sum { axes: Shape::from_slice(axes) }), vec![Probe::array(shape, kind, 1)])).to_vec()
    }
}
impl Probed for Broadcast {
    fn probes(kind: Kind) -> Vec<Probe> {
        let cases: [(&[usize], &[usize], &[usize]); 7] = [
            (&[], &[3, 2], &[]),
            (&[3], &[3, 2], &[0]),
            (&[2], &[3, 2], &[1]),
            (&[3, 1], &[3, 4], &[0, 1]),
            (&[1, 2], &[4, 3, 2], &[0, 2]),
            (&[3], &[0, 3], &[1]),
            (&[0], &[0, 3], &[0]),
        ];
        let op = |shape: &[usize], axes: &[usize]| Product(Broadcast { shape: Shape::from_slice(shape), axes: Shape::from_slice(axes) });
        let mut probes = cases.map(|(from, to, axes)| Probe::new(op(to, axes), vec![Probe::array(from, kind, 1)])).to_vec();
        probes.push(Probe::new(op(&[2, 3], &[0]), vec![Probe::indices(&[2], &[7, 4_000_000_000])]));
        probes
    }
}

impl Builder {
    /// Σ over some axes, which the result lacks.
    pub fn sum(&mut self, a: Value, axes: &[usize]) -> Value {
        self.emit1(Op::new(Product(Sum { axes: Shape::from_slice(axes) })), &[a])
    }
    /// Σ over all axes.
    pub fn sum_all(&mut self, a: Value) -> Value {
        let axes: Vec<usize> = (0..self.shape(a).len()).collect();
        self.sum(a, &axes)
    }
    /// Input axis i becomes axis `axes[i]` of the result; the other axes repeat.
    pub fn broadcast(&mut self, a: Value, shape: &[usize], axes: &[usize]) -> Value {
        self.emit1(Op::new(Product(Broadcast { shape: Shape::from_slice(shape), axes: Shape::from_slice(axes) })), &[a])
    }
    /// Broadcasts as NumPy does: trailing axes are aligned.
    pub fn broadcast_to(&mut self, a: Value, shape: &[usize]) -> Value {
        let rank = self.shape(a).len();
        let axes: Vec<usize> = (shape.len().saturating_sub(rank)..shape.len()).collect();
        self.broadcast(a, shape, &axes)
    }
    /// Undoes a sum's loss of axes: `reduced` lacks `axes` of `shape`, and is repeated along them.
    pub fn unsum(&mut self, reduced: Value, shape: &[usize], axes: &[usize]) -> Value {
        let kept: Vec<usize> = (0..shape.len()).filter(|i| !axes.contains(i)).collect();
        self.broadcast(reduced, shape, &kept)
    }
}
