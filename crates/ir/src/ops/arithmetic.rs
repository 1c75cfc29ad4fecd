//! Sums, differences, products and quotients, element by element.
use super::declare::binary;
use crate::array::{Kind, Real};
use crate::error::ErrorKind;
use crate::operation::{
    BinaryFn, Builder, Elementwise, MicroBuilder, Op, Pointwise, Probe, Probed, Reg, Slope, Switch, UnaryFn, Value, same_kind,
};

binary! {
    /// a + b. A sum of indices that is none is an error when it runs.
    Add, add, |p, q| p + q, Add, indices: true leaving true,
    slope |b, x, y, i| Slope::One,
    simplify |b, x| if b.is_zero(x[0]) {
        Some(x[1])
    } else if b.is_zero(x[1]) {
        Some(x[0])
    } else {
        b.placed_together(x[0], x[1]).or_else(|| b.fold_numbers(x, |p, q| p + q))
    },
    at [[0.5, -1.5], [2.0, 0.25], [-3.0, 3.0]];

    /// a − b. A difference of indices that is none is an error when it runs.
    Sub, sub, |p, q| p - q, Sub, indices: true leaving true,
    slope |b, x, y, i| if i == 0 { Slope::One } else { Slope::MinusOne },
    simplify |b, x| if b.is_zero(x[1]) {
        Some(x[0])
    } else if b.is_zero(x[0]) && b.kind(x[0]).is_real() {
        Some(b.neg(x[1]))
    } else {
        b.fold_numbers(x, |p, q| p - q)
    },
    at [[0.5, -1.5], [2.0, 0.25], [-3.0, 3.0]];

    /// a·b. A product of indices that is none is an error when it runs.
    Mul, mul, |p, q| p * q, Mul, indices: true leaving true,
    slope |b, x, y, i| Slope::Times(x[1 - i]),
    simplify |b, x| {
        let (p, q) = (b.known_number(x[0]), b.known_number(x[1]));
        match (p, q) {
            (Some(1.0), _) => Some(x[1]),
            (_, Some(1.0)) => Some(x[0]),
            // 0·x is 0 for the finite x that programs carry; an infinite slope goes through `absorb`.
            (Some(0.0), _) => Some(x[0]),
            (_, Some(0.0)) => Some(x[1]),
            (Some(-1.0), _) if b.kind(x[0]).is_real() => Some(b.neg(x[1])),
            (_, Some(-1.0)) if b.kind(x[0]).is_real() => Some(b.neg(x[0])),
            _ => b.fold_numbers(x, |p, q| p * q).or_else(|| b.smooth_product(x[0], x[1])),
        }
    },
    at [[0.5, -1.5], [2.0, 0.25], [0.0, 3.0], [0.0, 0.0]];

    /// a / b. The slopes 1/b and −y/b are infinite at b = 0, where a derivative of 0 stays 0.
    Div, div, |p, q| p / q, Div, indices: false,
    slope |b, x, y, i| {
        let r = b.recip(x[1]);
        if i == 0 {
            Slope::Absorb(r)
        } else {
            let s = b.mul(y, r);
            Slope::Absorb(b.neg(s))
        }
    },
    simplify |b, x| if b.known_number(x[1]) == Some(1.0) || b.is_zero(x[0]) && !b.is_zero(x[1]) { Some(x[0]) } else { b.fold_numbers(x, |p, q| p / q) },
    at [[0.5, -1.5], [2.0, 1.25], [0.0, 3.0], [-1.0, 2.0]];

    /// a·s, but 0 where a is 0, whatever s: an absent derivative times a slope that may be infinite. Linear in each operand.
    Absorb, absorb, |p, q| if p == T::zero() { T::zero() } else { p * q }, Absorb, indices: false,
    // Both ways a zero of `a` wins: over an infinite s, and over an infinite derivative of s.
    slope |b, x, y, i| if i == 0 { Slope::Absorb(x[1]) } else { Slope::Masked(x[0]) },
    simplify |b, x| match (b.known_number(x[0]), b.known_number(x[1])) {
        (Some(0.0), _) => Some(x[0]),
        (Some(_), _) => Some(b.mul(x[0], x[1])),
        (None, Some(s)) if s.is_finite() => Some(b.mul(x[0], x[1])),
        _ => None,
    },
    at [[0.5, -1.5], [2.0, 0.25], [-0.5, 3.0], [1.5, 0.0]];

    /// Remainder of a / b with the sign of a. Slopes on each piece: 1 for a, −trunc(a/b) for b; NaN where there is no value.
    Rem, rem, |p, q| p % q, Rem, indices: true leaving true,
    slope |b, x, y, i| if i == 0 {
        // y − y is 0, and NaN where y is.
        let (none, one) = (b.sub(y, y), b.full_like(y, 1.0));
        Slope::Times(b.add(none, one))
    } else {
        let d = b.sub(y, x[0]);
        Slope::Absorb(b.div(d, x[1]))
    },
    simplify |b, x| None, switch |b, x, y| within_remainder(b, x, y).map(Switch::Jump),
    at [[7.0, 3.0], [-1.5, 0.7], [0.5, -2.0]];
}

/// The distances of |a/b| from the whole numbers on both sides, at which a remainder jumps; there is none at 0. Signs alternate from one to the next.
fn within_remainder(b: &mut Builder, x: &[Value], y: Value) -> [Value; 2] {
    let size = b.abs(x[1]);
    let (rest, whole) = (b.abs(y), b.sub(x[0], y));
    let (below, times) = (b.div(rest, size), b.div(whole, size));
    let times = b.abs(times);
    // What is a whole number but for rounding.
    let times = b.plus_number(times, 0.5);
    let times = b.floor(times);
    let (zero, one, far) = (b.full_like(y, 0.0), b.full_like(y, 1.0), b.full_like(y, f64::INFINITY));
    let above = b.sub(one, below);
    let first = b.equal(times, zero);
    let below = b.select(first, far, below);
    let sign = b.alternating(times);
    [b.mul(sign, below), b.mul(sign, above)]
}

/// −a.
#[derive(Debug, Clone, PartialEq)]
pub struct Neg;
impl Elementwise for Neg {
    fn name(&self) -> &'static str {
        "neg"
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        -x[0]
    }
    fn slope(&self, _: &mut Builder, _: &[Value], _: Value, _: usize) -> Slope {
        Slope::MinusOne
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        m.unary(UnaryFn::Neg, x[0])
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if let Some((_, inner)) = b.made_by::<Pointwise<Neg>>(x[0]) {
            return Some(inner[0]);
        }
        b.known_number(x[0]).map(|v| b.full_like(x[0], -v))
    }
}
impl Probed for Neg {
    fn probes(kind: Kind) -> Vec<Probe> {
        Probe::pointwise(Neg, kind, &[&[0.5], &[-2.0], &[0.0]])
    }
}

/// The same number as another element type. Numbers from 0 to below 2³² become indices, rounded towards 0; others are an error when it runs, and so
/// are those from 2²⁴ on in single precision, which does not tell neighbours apart there. Linear between reals.
#[derive(Debug, Clone, PartialEq)]
pub struct Cast(pub Kind);
impl Elementwise for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }
    fn attributes(&self) -> String {
        self.0.to_string()
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        x[0]
    }
    fn slope(&self, _: &mut Builder, _: &[Value], _: Value, _: usize) -> Slope {
        Slope::One
    }
    fn micro(&self, _: &mut MicroBuilder, x: &[Reg]) -> Reg {
        x[0]
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if b.kind(x[0]) == self.0 {
            return Some(x[0]);
        }
        let mut t = b.type_of(x[0]).clone();
        t.kind = self.0;
        b.known_number(x[0]).filter(|_| self.0.is_real()).map(|v| b.full(&t, v))
    }
    fn kind(&self, _: &[Kind]) -> Result<Kind, ErrorKind> {
        Ok(self.0)
    }
    fn may_leave_indices(&self) -> bool {
        true
    }
    fn switching(&self, b: &mut Builder, x: &[Value], _: Value) -> Vec<Switch> {
        if self.0.is_real() {
            return vec![];
        }
        let whole = b.floor(x[0]);
        b.within_step(x[0], whole).map(Switch::Jump).into()
    }
}
impl Probed for Cast {
    fn probes(kind: Kind) -> Vec<Probe> {
        let points: &[&[f64]] = &[&[0.5], &[2.25], &[0.0]];
        // Below 0 there are no indices.
        let inside: &[&[f64]] = &[&[0.5], &[2.25], &[1.5]];
        let to = |to: Kind| Probe::pointwise(Cast(to), kind, if to.is_real() { points } else { inside });
        let of = Probe::pointwise(Cast(kind), Kind::U32, &[&[3.0], &[0.0], &[4_000_000_000.0]]);
        [to(Kind::F64), to(Kind::F32), to(Kind::U32), of].concat()
    }
}

/// The same value, with derivative 0.
#[derive(Debug, Clone, PartialEq)]
pub struct StopGradient;
impl Elementwise for StopGradient {
    fn name(&self) -> &'static str {
        "stop_gradient"
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        x[0]
    }
    fn slope(&self, _: &mut Builder, _: &[Value], _: Value, _: usize) -> Slope {
        Slope::Zero
    }
    fn micro(&self, _: &mut MicroBuilder, x: &[Reg]) -> Reg {
        x[0]
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        (b.known_number(x[0]).is_some() || !b.kind(x[0]).is_real()).then_some(x[0])
    }
    fn kind(&self, inputs: &[Kind]) -> Result<Kind, ErrorKind> {
        same_kind(inputs, true)
    }
    fn is_stop(&self) -> bool {
        true
    }
}
impl Probed for StopGradient {
    fn probes(kind: Kind) -> Vec<Probe> {
        Probe::pointwise(StopGradient, kind, &[&[0.5], &[-2.0], &[0.0]]).into_iter().map(Probe::surrogate).collect()
    }
}

impl Builder {
    /// −a.
    pub fn neg(&mut self, a: Value) -> Value {
        self.emit1(Op::new(Pointwise(Neg)), &[a])
    }
    /// The same numbers as another element type.
    pub fn cast(&mut self, a: Value, kind: Kind) -> Value {
        self.emit1(Op::new(Pointwise(Cast(kind))), &[a])
    }
    /// a·s for a number s.
    pub fn scale(&mut self, a: Value, s: f64) -> Value {
        let s = self.full_like(a, s);
        self.mul(a, s)
    }
    /// The same value, with derivative 0.
    pub fn stop_gradient(&mut self, a: Value) -> Value {
        self.emit1(Op::new(Pointwise(StopGradient)), &[a])
    }
}
