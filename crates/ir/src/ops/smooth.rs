//! Where a composition is smooth though its parts are not: squares of roots, norms and sizes, and zeros that masks made.
use super::arithmetic::{Absorb, Add, Cast, Div, Mul, Neg, StopGradient, Sub};
use super::comparison::{Equal, Less, LessEqual, Select, Share};
use super::contract::Contract;
use super::elementary::{Abs, Exp, Sign};
use super::fold::{Broadcast, Sum};
use super::literal::{Constant, Full};
use super::norm::Norm;
use super::power::{Powi, Sqrt};
use super::shape::{Permute, Reshape};
use crate::array::Shape;
use crate::operation::{Builder, Operation, Pointwise, Product, Value};
use std::any::Any;

/// A function with a kink or an infinite slope at 0 whose square has neither.
enum Root {
    /// ‖x‖ over some axes.
    Norm(Value, Shape),
    /// √u.
    Sqrt(Value),
    /// |x|.
    Abs(Value),
}

/// Values that are looked at to see whether a zero is a mask's.
const LOOKS: usize = 64;

/// What a zero of a derivative means.
#[derive(Clone, Copy, PartialEq)]
enum Zero {
    /// A mask made it: nothing depends on what comes after.
    Masked,
    /// It stands for no dependence, as a seed or a number does.
    Given,
    /// It may be the slope of a smooth function at its flat point.
    Computed,
}

impl Builder {
    fn root_of(&self, v: Value) -> Option<Root> {
        if let Some((n, x)) = self.made_by::<Norm>(v) {
            return Some(Root::Norm(x[0], n.axes.clone()));
        }
        if let Some((_, x)) = self.made_by::<Pointwise<Sqrt>>(v) {
            return Some(Root::Sqrt(x[0]));
        }
        self.made_by::<Pointwise<Abs>>(v).map(|(_, x)| Root::Abs(x[0]))
    }
    /// v², for a norm, a root or a size, perhaps times a factor, over a divisor or in another shape: as a function that has every derivative
    /// where v is 0. The factor goes inside, so that nothing leaves the range that did not before.
    pub(crate) fn smooth_square(&mut self, v: Value) -> Option<Value> {
        if let Some(root) = self.root_of(v) {
            return Some(self.root_squared(root, None));
        }
        let one = |b: &Builder, of: Option<Value>| of.and_then(|a| b.root_of(a).map(|_| a));
        let inner = self.made_by::<Pointwise<Neg>>(v).map(|(_, x)| x[0]);
        if let Some(a) = one(self, inner) {
            return self.smooth_square(a);
        }
        if let Some([p, q]) = self.made_by::<Pointwise<Mul>>(v).map(|(_, x)| [x[0], x[1]]) {
            let (root, factor) = self.root_of(p).map(|r| (r, q)).or_else(|| self.root_of(q).map(|r| (r, p)))?;
            return Some(self.root_squared(root, Some((factor, false))));
        }
        if let Some([p, q]) = self.made_by::<Pointwise<Div>>(v).map(|(_, x)| [x[0], x[1]]) {
            let root = self.root_of(p)?;
            return Some(self.root_squared(root, Some((q, true))));
        }
        let shape = self.shape(v);
        if let Some(a) = self.made_by::<Product<Reshape>>(v).map(|(_, x)| x[0]) {
            let s = self.smooth_square(a)?;
            return Some(self.reshape(s, &shape));
        }
        if let Some((axes, a)) = self.made_by::<Product<Permute>>(v).map(|(p, x)| (p.0.axes.clone(), x[0])) {
            let s = self.smooth_square(a)?;
            return Some(self.permute(s, &axes));
        }
        let (axes, a) = self.made_by::<Product<Broadcast>>(v).map(|(p, x)| (p.0.axes.clone(), x[0]))?;
        let s = self.smooth_square(a)?;
        Some(self.broadcast(s, &shape, &axes))
    }
    /// (root · factor)², or (root / divisor)².
    fn root_squared(&mut self, root: Root, factor: Option<(Value, bool)>) -> Value {
        let times = |b: &mut Builder, x: Value, k: Value, over: bool| if over { b.div(x, k) } else { b.mul(x, k) };
        match (root, factor) {
            (Root::Norm(x, axes), None) => self.norm_squared(x, &axes),
            (Root::Norm(x, axes), Some((k, over))) => {
                let shape = self.shape(x);
                let k = self.unsum(k, &shape, &axes);
                let x = times(self, x, k, over);
                self.norm_squared(x, &axes)
            }
            (Root::Sqrt(u), None) => self.where_not_negative(u),
            (Root::Sqrt(u), Some((k, over))) => {
                let u = self.where_not_negative(u);
                let u = times(self, u, k, over);
                times(self, u, k, over)
            }
            (Root::Abs(x), None) => self.square(x),
            (Root::Abs(x), Some((k, over))) => {
                let x = times(self, x, k, over);
                self.square(x)
            }
        }
    }
    /// The product of two equal roots, each perhaps times a factor of its own.
    pub(crate) fn smooth_product(&mut self, p: Value, q: Value) -> Option<Value> {
        if p == q {
            return self.smooth_square(p);
        }
        let apart = |b: &Builder, v: Value| -> Option<(Value, Option<Value>)> {
            if b.root_of(v).is_some() {
                return Some((v, None));
            }
            let [m, n] = b.made_by::<Pointwise<Mul>>(v).map(|(_, x)| [x[0], x[1]])?;
            if b.root_of(m).is_some() { Some((m, Some(n))) } else { b.root_of(n).map(|_| (n, Some(m))) }
        };
        let ((r, k), (s, l)) = (apart(self, p)?, apart(self, q)?);
        if r != s {
            return None;
        }
        let times = |b: &mut Builder, x: Value, k: Option<Value>| k.map_or(x, |k| b.mul(x, k));
        Some(match self.root_of(r)? {
            Root::Norm(x, axes) => {
                let shape = self.shape(x);
                let wide = |b: &mut Builder, k: Option<Value>| k.map(|k| b.unsum(k, &shape, &axes));
                let (k, l) = (wide(self, k), wide(self, l));
                let (m, n) = (times(self, x, k), times(self, x, l));
                let products = self.mul(m, n);
                self.sum(products, &axes)
            }
            Root::Sqrt(u) => {
                let u = self.where_not_negative(u);
                let u = times(self, u, k);
                times(self, u, l)
            }
            Root::Abs(x) => {
                let (m, n) = (times(self, x, k), times(self, x, l));
                self.mul(m, n)
            }
        })
    }
    /// Root vᵖ of a norm or root v with p > 2, as a power of the square, whose derivatives at 0 are the right ones.
    pub(crate) fn smooth_power(&mut self, v: Value, p: f64) -> Option<Value> {
        if p == 2.0 {
            return self.smooth_square(v);
        }
        let whole = p.fract() == 0.0 && p % 2.0 == 0.0;
        match self.root_of(v)? {
            Root::Abs(x) => (whole && p.abs() <= 64.0).then(|| self.powi(x, p as i32)),
            _ if p > 2.0 || whole => {
                let s = self.smooth_square(v)?;
                Some(self.powf(s, p / 2.0))
            }
            _ => None,
        }
    }
    /// √u as a norm or a size, where u is a sum of squares or a square.
    pub(crate) fn root_of_squares(&mut self, u: Value) -> Option<Value> {
        if let Some((axes, s)) = self.made_by::<Product<Sum>>(u).map(|(p, x)| (p.0.axes.clone(), x[0])) {
            let x = self.squared(s)?;
            return Some(self.norm_l2(x, &axes));
        }
        if let Some((c, [p, q])) = self.made_by::<Product<Contract>>(u).map(|(c, x)| (c.0.0.clone(), [x[0], x[1]])) {
            let rank = self.shape(p).len();
            let same = p == q && c.batch.is_empty() && c.sum.len() == rank && c.sum.iter().all(|(i, j)| i == j);
            let axes: Vec<usize> = (0..rank).collect();
            return same.then(|| self.norm_l2(p, &axes));
        }
        if let Some(a) = self.made_by::<Product<Reshape>>(u).map(|(_, x)| x[0]) {
            let shape = self.shape(u);
            let y = self.root_of_squares(a)?;
            return Some(self.reshape(y, &shape));
        }
        if let Some([p, q]) = self.made_by::<Pointwise<Mul>>(u).map(|(_, x)| [x[0], x[1]])
            && let Some((c, of)) = self.known_number(p).map(|c| (c, q)).or_else(|| self.known_number(q).map(|c| (c, p)))
            && c > 0.0
            && c.is_finite()
        {
            let y = self.root_of_squares(of)?;
            return Some(self.scale(y, c.sqrt()));
        }
        let x = self.squared(u)?;
        Some(self.abs(x))
    }
    /// What a value is the square of.
    fn squared(&self, v: Value) -> Option<Value> {
        if let Some((Pointwise(Powi(2)), x)) = self.made_by::<Pointwise<Powi>>(v) {
            return Some(x[0]);
        }
        self.made_by::<Pointwise<Mul>>(v).and_then(|(_, x)| (x[0] == x[1]).then_some(x[0]))
    }
    /// u, or NaN with a slope that is NaN where it is negative, as the square of its root is.
    fn where_not_negative(&mut self, u: Value) -> Value {
        if self.never_negative(u, 4) {
            return u;
        }
        let [zero, one, nan] = [0.0, 1.0, f64::NAN].map(|v| self.full_like(u, v));
        let negative = self.less(u, zero);
        let defined = self.select(negative, nan, one);
        self.mul(u, defined)
    }
    /// Whether a value is a sum of squares, sizes, exponentials and the like, as far as so many looks tell.
    pub(crate) fn never_negative(&self, u: Value, looks: usize) -> bool {
        let sizes = self.made_by::<Pointwise<Abs>>(u).is_some() || self.made_by::<Pointwise<Exp>>(u).is_some();
        let even = self.made_by::<Pointwise<Powi>>(u).is_some_and(|(p, _)| p.0.0 % 2 == 0);
        if sizes || even || self.made_by::<Norm>(u).is_some() || self.squared(u).is_some() {
            return true;
        }
        let sum = self.made_by::<Product<Sum>>(u).map(|(_, x)| x[0]);
        let of = sum.or_else(|| self.made_by::<Product<Reshape>>(u).map(|(_, x)| x[0]));
        of.is_some_and(|v| looks > 0 && self.never_negative(v, looks - 1))
    }
    /// Whether a zero of this derivative says that nothing depends on what it is multiplied with: unless it may be the slope of a smooth
    /// function at a flat point, whose product with an infinite slope is not 0.
    pub(crate) fn zero_wins(&self, c: Value) -> bool {
        let mut looks = LOOKS;
        self.zero(c, &mut looks) != Zero::Computed
    }
    /// Whether a `select` holds a derivative at 0 somewhere: along a branch that is not taken, whose values may be infinite or none.
    pub(crate) fn held_at_zero(&self, c: Value) -> bool {
        let mut looks = LOOKS;
        self.held(c, &mut looks)
    }
    fn held(&self, v: Value, looks: &mut usize) -> bool {
        let Some(e) = self.maker(v).filter(|_| *looks > 0) else { return false };
        *looks -= 1;
        let (op, x) = (&*e.op, &e.inputs);
        if is::<Select>(op) {
            return self.is_zero(x[1]) || self.is_zero(x[2]) || self.held(x[1], looks) && self.held(x[2], looks);
        }
        if is::<Pointwise<Mul>>(op) {
            return self.held(x[0], looks) || self.held(x[1], looks);
        }
        if is::<Pointwise<Add>>(op) || is::<Pointwise<Sub>>(op) {
            return self.held(x[0], looks) && self.held(x[1], looks);
        }
        let same = is::<Pointwise<Neg>>(op) || is::<Pointwise<Cast>>(op) || is::<Pointwise<Absorb>>(op) || is::<Pointwise<Div>>(op);
        let moved = is::<Product<Reshape>>(op) || is::<Product<Broadcast>>(op) || is::<Product<Permute>>(op);
        (same || moved || is::<Product<Sum>>(op)) && self.held(x[0], looks)
    }
    fn zero(&self, v: Value, looks: &mut usize) -> Zero {
        let Some(e) = self.maker(v) else { return if self.is_seed(v) { Zero::Given } else { Zero::Computed } };
        if *looks == 0 {
            return Zero::Computed;
        }
        *looks -= 1;
        let op = &*e.op;
        let x = &e.inputs;
        if is::<Full>(op) || is::<Constant>(op) {
            return Zero::Given;
        }
        let comparison = is::<Pointwise<Less>>(op) || is::<Pointwise<LessEqual>>(op) || is::<Pointwise<Equal>>(op);
        if comparison || is::<Pointwise<Share>>(op) || is::<Pointwise<Sign>>(op) {
            return Zero::Masked;
        }
        if is::<Select>(op) {
            if self.is_zero(x[1]) || self.is_zero(x[2]) {
                return Zero::Masked;
            }
            return both(self.zero(x[1], looks), || self.zero(x[2], looks));
        }
        if is::<Pointwise<Mul>>(op) || is::<Pointwise<Absorb>>(op) {
            return either(self.zero(x[0], looks), || self.zero(x[1], looks));
        }
        let same = is::<Pointwise<Neg>>(op) || is::<Pointwise<Cast>>(op) || is::<Pointwise<StopGradient>>(op);
        if same || is::<Pointwise<Div>>(op) || is::<Product<Sum>>(op) || is::<Product<Reshape>>(op) {
            return self.zero(x[0], looks);
        }
        if is::<Product<Broadcast>>(op) || is::<Product<Permute>>(op) {
            return self.zero(x[0], looks);
        }
        if is::<Pointwise<Add>>(op) || is::<Pointwise<Sub>>(op) {
            return both(self.zero(x[0], looks), || self.zero(x[1], looks));
        }
        Zero::Computed
    }
}

fn is<T: Operation>(op: &dyn Operation) -> bool {
    let op: &dyn Any = op;
    op.is::<T>()
}

/// What a zero of a product means.
fn either(a: Zero, b: impl FnOnce() -> Zero) -> Zero {
    match (a, b) {
        (Zero::Masked, _) => Zero::Masked,
        (Zero::Given, b) => b(),
        (Zero::Computed, b) => {
            if b() == Zero::Masked {
                Zero::Masked
            } else {
                Zero::Computed
            }
        }
    }
}

/// What a zero of a sum means.
fn both(a: Zero, b: impl FnOnce() -> Zero) -> Zero {
    match (a, b) {
        (Zero::Computed, _) => Zero::Computed,
        (Zero::Given, b) => b(),
        (Zero::Masked, b) => {
            if b() == Zero::Computed {
                Zero::Computed
            } else {
                Zero::Masked
            }
        }
    }
}
