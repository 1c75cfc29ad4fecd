//! Products and extremes over axes; means, and norms made of them.
use super::fold::{beyond, without};
use crate::array::{AnyArray, Kind, LeafType, Real, Shape};
use crate::error::{Elements, ErrorKind, Result};
use crate::operation::{Builder, Fold, Items, Lowering, Made, Maybe, Op, Operation, Probe, Probed, Switch, Value, same_value};
use crate::program::{Types, Values};
use ndarray::{ArrayD, Axis};
use smallvec::smallvec;

fn infer(inputs: &[&LeafType], axes: &[usize]) -> Result<Types, ErrorKind> {
    if !inputs[0].kind.is_real() {
        return Err(ErrorKind::elements(Elements::Real, inputs));
    }
    Ok(smallvec![LeafType { shape: without(&inputs[0].shape, axes)?, kind: inputs[0].kind }])
}

fn fold_axes<T: Real>(a: &ArrayD<T>, axes: &[usize], start: T, f: impl Fn(T, T) -> T) -> Vec<AnyArray> {
    vec![T::array(axes.iter().rev().fold(a.clone(), |a, i| a.fold_axis(Axis(*i), start, |p, q| f(*p, *q))))]
}

fn on_reals(
    a: &AnyArray,
    f64s: impl Fn(&ArrayD<f64>) -> Vec<AnyArray>,
    f32s: impl Fn(&ArrayD<f32>) -> Vec<AnyArray>,
) -> Result<Vec<AnyArray>, ErrorKind> {
    match a {
        AnyArray::F64(a) => Ok(f64s(a)),
        AnyArray::F32(a) => Ok(f32s(a)),
        AnyArray::U32(_) => Err(ErrorKind::elements(Elements::Real, &[&a.leaf_type()])),
    }
}

/// Π over the marked axes, which the result lacks; 1 of nothing.
///
/// Both rules go through a tree of products of halves, so that the derivative for an element, the product of all others, is right with
/// any number of zeros among them.
#[derive(Debug, Clone, PartialEq)]
pub struct Prod {
    /// Axes multiplied away, ascending.
    pub axes: Shape,
}

/// One level of the tree of products: the lower and the upper half of the rows, multiplied, and the odd row that goes on as it is.
struct Halves {
    low: Value,
    high: Value,
    odd: Option<Value>,
}

/// Some axes in front and flat: the permutation, and the shapes before and after.
fn front(shape: &[usize], axes: &[usize]) -> (Vec<usize>, Shape, [usize; 2]) {
    let kept: Vec<usize> = (0..shape.len()).filter(|i| !axes.contains(i)).collect();
    let order: Vec<usize> = axes.iter().copied().chain(kept.iter().copied()).collect();
    let rows = axes.iter().map(|i| shape[*i]).product();
    let columns = kept.iter().map(|i| shape[*i]).product();
    (order.clone(), order.iter().map(|i| shape[*i]).collect(), [rows, columns])
}

/// The array as a matrix with a column for each element of a fold over these axes.
fn flatten(b: &mut Builder, x: Value, axes: &[usize]) -> Value {
    let (order, _, flat) = front(&b.shape(x), axes);
    let p = b.permute(x, &order);
    b.reshape(p, &flat)
}

impl Prod {
    fn halves(b: &mut Builder, x: Value) -> Halves {
        let shape = b.shape(x);
        let half = shape[0] / 2;
        let rows = |b: &mut Builder, from: usize, n: usize| b.slice(x, &[from, 0], &[1, 1], &[n, shape[1]]);
        let (low, high) = (rows(b, 0, half), rows(b, half, half));
        Halves { low, high, odd: (shape[0] % 2 == 1).then(|| rows(b, 2 * half, 1)) }
    }
    fn join(b: &mut Builder, parts: &[Option<Value>]) -> Value {
        let parts: Vec<Value> = parts.iter().flatten().copied().collect();
        if let [one] = parts[..] { one } else { b.concatenate(&parts, 0) }
    }
}

impl Operation for Prod {
    fn name(&self) -> &str {
        "prod"
    }
    fn attributes(&self) -> String {
        format!("{:?}", self.axes)
    }
    fn arity(&self) -> Option<usize> {
        Some(1)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        infer(inputs, &self.axes)
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        on_reals(inputs[0], |a| fold_axes(a, &self.axes, 1.0, |p, q| p * q), |a| fold_axes(a, &self.axes, 1.0, |p, q| p * q))
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let y = b.emit1(op.clone(), inputs);
        let Some(t) = tangents[0] else { return (smallvec![y], vec![None]) };
        let (mut x, mut t) = (flatten(b, inputs[0], &self.axes), flatten(b, t, &self.axes));
        if b.shape(x)[0] == 0 {
            return (smallvec![y], vec![None]);
        }
        while b.shape(x)[0] > 1 {
            let (v, d) = (Self::halves(b, x), Self::halves(b, t));
            let p = b.mul(v.low, v.high);
            let (left, right) = (b.mul(d.low, v.high), b.mul(v.low, d.high));
            let q = b.add(left, right);
            x = Self::join(b, &[Some(p), v.odd]);
            t = Self::join(b, &[Some(q), d.odd]);
        }
        let shape = b.shape(y);
        let t = b.reshape(t, &shape);
        (smallvec![y], vec![Some(t)])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], _: &[Value], cotangents: &[Option<Value>], _: &[bool]) -> Maybe {
        let Some(c) = cotangents[0] else { return vec![None] };
        let shape = b.shape(inputs[0]);
        let (axes, moved, [rows, columns]) = front(&shape, &self.axes);
        if rows == 0 {
            return vec![None];
        }
        let mut x = flatten(b, inputs[0], &self.axes);
        let mut levels = vec![];
        while b.shape(x)[0] > 1 {
            let v = Self::halves(b, x);
            let p = b.mul(v.low, v.high);
            x = Self::join(b, &[Some(p), v.odd]);
            levels.push(v);
        }
        let mut c = b.reshape(c, &[1, columns]);
        for v in levels.iter().rev() {
            let half = b.shape(v.low)[0];
            let head = b.slice(c, &[0, 0], &[1, 1], &[half, columns]);
            let tail = v.odd.map(|_| b.slice(c, &[half, 0], &[1, 1], &[1, columns]));
            let (low, high) = (b.mul(head, v.high), b.mul(head, v.low));
            c = Self::join(b, &[Some(low), Some(high), tail]);
        }
        let c = b.reshape(c, &moved);
        let mut back = vec![0; axes.len()];
        for (k, a) in axes.iter().enumerate() {
            back[*a] = k;
        }
        vec![Some(b.permute(c, &back))]
    }
    fn batch(&self, b: &mut Builder, _: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(items.same(b, Op::new(Prod { axes: beyond(&self.axes) }))))
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Fold { fold: Fold::Prod, axes: self.axes.clone() }
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Values> {
        single(b, x[0], &self.axes)
    }
}

/// The largest or the smallest element over the marked axes, which the result lacks; ∓∞ of nothing; NaN if any element is NaN.
///
/// The elements that are extreme share the derivative equally, an element of the subdifferential.
#[derive(Debug, Clone, PartialEq)]
pub struct Extreme {
    /// The largest, or else the smallest.
    pub largest: bool,
    /// Axes folded away, ascending.
    pub axes: Shape,
}

impl Extreme {
    /// 1 over the number of extreme elements at each of them, 0 elsewhere.
    fn share(&self, b: &mut Builder, x: Value, y: Value) -> Value {
        let shape = b.shape(x);
        let extreme = b.unsum(y, &shape, &self.axes);
        let mask = b.equal(x, extreme);
        let count = b.sum(mask, &self.axes);
        let each = b.recip(count);
        let each = b.unsum(each, &shape, &self.axes);
        b.mul(mask, each)
    }
}

impl Operation for Extreme {
    fn name(&self) -> &str {
        if self.largest { "max" } else { "min" }
    }
    fn attributes(&self) -> String {
        format!("{:?}", self.axes)
    }
    fn arity(&self) -> Option<usize> {
        Some(1)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        infer(inputs, &self.axes)
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        fn pick<T: Real>(largest: bool, p: T, q: T) -> T {
            let keep = p.is_nan() || (if largest { p >= q } else { p <= q });
            if keep { p } else { q }
        }
        let start = if self.largest { f64::NEG_INFINITY } else { f64::INFINITY };
        on_reals(
            inputs[0],
            |a| fold_axes(a, &self.axes, start, |p, q| pick(self.largest, p, q)),
            |a| fold_axes(a, &self.axes, start as f32, |p, q| pick(self.largest, p, q)),
        )
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let y = b.emit1(op.clone(), inputs);
        let t = tangents[0].map(|t| {
            let share = self.share(b, inputs[0], y);
            let t = b.absorb(share, t);
            b.sum(t, &self.axes)
        });
        (smallvec![y], vec![t])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value], cotangents: &[Option<Value>], _: &[bool]) -> Maybe {
        let Some(c) = cotangents[0] else { return vec![None] };
        let share = self.share(b, inputs[0], outputs[0]);
        let shape = b.shape(inputs[0]);
        let c = b.unsum(c, &shape, &self.axes);
        vec![Some(b.absorb(share, c))]
    }
    fn batch(&self, b: &mut Builder, _: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(items.same(b, Op::new(Extreme { axes: beyond(&self.axes), ..self.clone() }))))
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Fold { fold: if self.largest { Fold::Max } else { Fold::Min }, axes: self.axes.clone() }
    }
    /// How far every element is from the extreme one, a row for each that is folded; ∞ for one that is extreme alone, and less than 0 before the
    /// first extreme one. So the signs say which one it is.
    fn switching(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value]) -> Vec<Switch> {
        let x = flatten(b, inputs[0], &self.axes);
        let shape = b.shape(x);
        let y = b.reshape(outputs[0], &shape[1..]);
        let y = b.unsum(y, &shape, &[0]);
        let gap = if self.largest { b.sub(y, x) } else { b.sub(x, y) };
        let extreme = b.equal(x, y);
        let seen = b.cumulative_sum(extreme, 0, false);
        let before = b.neg(gap);
        let gap = b.select(seen, gap, before);
        let (one, far) = (b.full_like(y, 1.0), b.full_like(y, f64::INFINITY));
        let many = b.sum(extreme, &[0]);
        let many = b.unsum(many, &shape, &[0]);
        let alone = b.equal(many, one);
        let alone = b.mul(alone, extreme);
        vec![Switch::Kink(b.select(alone, far, gap))]
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Values> {
        single(b, x[0], &self.axes)
    }
}

/// A fold of single elements is the element.
fn single(b: &mut Builder, x: Value, axes: &[usize]) -> Option<Values> {
    let shape = b.shape(x);
    axes.iter().all(|a| shape[*a] == 1).then(|| {
        let shape: Shape = (0..shape.len()).filter(|i| !axes.contains(i)).map(|i| shape[i]).collect();
        smallvec![b.reshape(x, &shape)]
    })
}

/// Shapes and axes at which folds are tested; nothing of nothing is 0/0 for some.
fn cases(empty: bool) -> Vec<(&'static [usize], &'static [usize])> {
    let mut cases: Vec<(&[usize], &[usize])> =
        vec![(&[5], &[0]), (&[3, 4], &[0]), (&[3, 4], &[1]), (&[2, 3, 2], &[0, 2]), (&[2, 3], &[0, 1]), (&[3, 1], &[1]), (&[3, 0], &[0])];
    if empty {
        cases.push((&[0, 3], &[0]));
    }
    cases
}

impl Probed for Prod {
    fn probes(kind: Kind) -> Vec<Probe> {
        let op = |axes: &[usize]| Prod { axes: Shape::from_slice(axes) };
        let mut probes: Vec<Probe> =
            cases(true).into_iter().map(|(shape, axes)| Probe::new(op(axes), vec![Probe::array(shape, kind, 1)])).collect();
        // One zero, two zeros, three zeros among the factors.
        for zeros in 1..4 {
            let mut v = vec![1.5, -0.5, 2.0, 0.75, -1.25];
            v[..zeros].fill(0.0);
            probes.extend(AnyArray::from_f64(&LeafType::new(&[5], kind), &v).map(|x| Probe::new(op(&[0]), vec![x])));
        }
        probes
    }
}
impl Probed for Extreme {
    fn probes(kind: Kind) -> Vec<Probe> {
        let probe = |largest: bool, shape: &[usize], axes: &[usize]| {
            // Elements differ by far more than differences move them.
            Probe::new(Extreme { largest, axes: Shape::from_slice(axes) }, vec![Probe::array(shape, kind, 1)]).within(0.5)
        };
        cases(false).into_iter().flat_map(|(shape, axes)| [probe(true, shape, axes), probe(false, shape, axes)]).collect()
    }
}

impl Builder {
    /// Π over some axes, which the result lacks.
    pub fn prod(&mut self, a: Value, axes: &[usize]) -> Value {
        self.emit1(Op::new(Prod { axes: Shape::from_slice(axes) }), &[a])
    }
    /// The largest element over some axes, which the result lacks; ties share the derivative equally.
    pub fn max(&mut self, a: Value, axes: &[usize]) -> Value {
        self.emit1(Op::new(Extreme { largest: true, axes: Shape::from_slice(axes) }), &[a])
    }
    /// The smallest element over some axes, which the result lacks; ties share the derivative equally.
    pub fn min(&mut self, a: Value, axes: &[usize]) -> Value {
        self.emit1(Op::new(Extreme { largest: false, axes: Shape::from_slice(axes) }), &[a])
    }
    /// The mean over some axes, which the result lacks; NaN of nothing.
    pub fn mean(&mut self, a: Value, axes: &[usize]) -> Value {
        let shape = self.shape(a);
        let n: usize = axes.iter().filter_map(|i| shape.get(*i)).product();
        let s = self.sum(a, axes);
        if n == 0 { self.full_like(s, f64::NAN) } else { self.scale(s, 1.0 / n as f64) }
    }
    /// Σ|x| over some axes; derivative 0 for elements that are 0.
    pub fn norm_l1(&mut self, a: Value, axes: &[usize]) -> Value {
        let a = self.abs(a);
        self.sum(a, axes)
    }
    /// max|x| over some axes; ties share the derivative equally.
    pub fn norm_max(&mut self, a: Value, axes: &[usize]) -> Value {
        let a = self.abs(a);
        self.max(a, axes)
    }
}
