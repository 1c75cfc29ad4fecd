//! Sums, differences, products, quotients, comparisons and selection, element by element.
use crate::array::{Kind, Real};
use crate::operation::same_kind;
use crate::operation::{BinaryFn, Builder, Elementwise, MicroBuilder, Op, Pointwise, Reg, Slope, UnaryFn, Value};

/// Declares a binary elementwise function: docs, type, label, value, micro-instruction, slopes, identities.
macro_rules! binary {
    ($(#[$doc:meta])* $name:ident, $emit:ident, $label:literal, |$p:ident, $q:ident| $value:expr, $fun:ident, indices: $indices:literal,
     slope |$b:ident, $x:ident, $y:ident, $i:ident| $slope:expr, simplify |$sb:ident, $sx:ident| $simplify:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name;
        impl Elementwise for $name {
            fn name(&self) -> &'static str { $label }
            fn arity(&self) -> usize { 2 }
            fn apply<T: Real>(&self, x: &[T]) -> T { let ($p, $q) = (x[0], x[1]); $value }
            fn slope(&self, $b: &mut Builder, $x: &[Value], $y: Value, $i: usize) -> Slope { let _ = (&$b, $x, $y, $i); $slope }
            fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg { m.binary(BinaryFn::$fun, x[0], x[1]) }
            fn simplify(&self, $sb: &mut Builder, $sx: &[Value]) -> Option<Value> { let _ = (&$sb, $sx); $simplify }
            fn kind(&self, inputs: &[Kind]) -> Result<Kind, String> { same_kind(inputs, $indices) }
        }
        impl Builder {
            $(#[$doc])*
            pub fn $emit(&mut self, a: Value, b: Value) -> Value { self.emit1(Op::new(Pointwise($name)), &[a, b]) }
        }
    };
}

/// The number both operands are known to be everywhere, combined; only for reals, where it is exact to rounding.
fn fold_numbers(b: &mut Builder, x: &[Value], f: impl Fn(f64, f64) -> f64) -> Option<Value> {
    let (p, q) = (b.known_number(x[0])?, b.known_number(x[1])?);
    (b.kind(x[0]) == Kind::F64).then(|| b.full_like(x[0], f(p, q)))
}

binary!(/// a + b.
    Add, add, "add", |p, q| p + q, Add, indices: true,
    slope |b, x, y, i| Slope::One,
    simplify |b, x| if b.is_zero(x[0]) { Some(x[1]) } else if b.is_zero(x[1]) { Some(x[0]) } else { fold_numbers(b, x, |p, q| p + q) });
binary!(/// a − b.
    Sub, sub, "sub", |p, q| p - q, Sub, indices: true,
    slope |b, x, y, i| if i == 0 { Slope::One } else { Slope::MinusOne },
    simplify |b, x| if b.is_zero(x[1]) { Some(x[0]) } else if b.is_zero(x[0]) && b.kind(x[0]).is_real() { Some(b.neg(x[1])) } else { fold_numbers(b, x, |p, q| p - q) });
binary!(/// a·b.
Mul, mul, "mul", |p, q| p * q, Mul, indices: true,
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
        _ => fold_numbers(b, x, |p, q| p * q),
    }
});
binary!(/// a / b. The slopes 1/b and −y/b are infinite at b = 0, where a derivative of 0 stays 0.
    Div, div, "div", |p, q| p / q, Div, indices: false,
    slope |b, x, y, i| {
        let r = b.recip(x[1]);
        if i == 0 { Slope::Absorb(r) } else { let s = b.mul(y, r); let s = b.neg(s); Slope::Absorb(s) }
    },
    simplify |b, x| if b.known_number(x[1]) == Some(1.0) || b.is_zero(x[0]) { Some(x[0]) } else { fold_numbers(b, x, |p, q| p / q) });
binary!(/// a·s, but 0 where a is 0, whatever s: an absent derivative times a slope that may be infinite.
Absorb, absorb, "absorb", |p, q| if p == T::zero() { T::zero() } else { p * q }, Absorb, indices: false,
slope |b, x, y, i| if i == 0 { Slope::Times(x[1]) } else { Slope::Times(x[0]) },
simplify |b, x| match b.known_number(x[1]) {
    Some(1.0) => Some(x[0]),
    Some(s) if s.is_finite() => Some(b.mul(x[0], x[1])),
    _ => b.is_zero(x[0]).then_some(x[0]),
});
binary!(/// The larger of a and b; NaN if either is. Ties share the derivative equally.
    Maximum, maximum, "maximum", |p, q| if p.is_nan() || q.is_nan() { T::nan() } else { p.max(q) }, Max, indices: true,
    slope |b, x, y, i| Slope::Times(share(b, x[1 - i], x[i])),
    simplify |b, x| (x[0] == x[1]).then_some(x[0]));
binary!(/// The smaller of a and b; NaN if either is. Ties share the derivative equally.
    Minimum, minimum, "minimum", |p, q| if p.is_nan() || q.is_nan() { T::nan() } else { p.min(q) }, Min, indices: true,
    slope |b, x, y, i| Slope::Times(share(b, x[i], x[1 - i])),
    simplify |b, x| (x[0] == x[1]).then_some(x[0]));
binary!(/// 1 where a < b, else 0; no derivative.
    Less, less, "less", |p, q| if p < q { T::one() } else { T::zero() }, Less, indices: true,
    slope |b, x, y, i| Slope::Zero, simplify |b, x| None);
binary!(/// 1 where a ≤ b, else 0; no derivative.
    LessEqual, less_equal, "less_equal", |p, q| if p <= q { T::one() } else { T::zero() }, LessEq, indices: true,
    slope |b, x, y, i| Slope::Zero, simplify |b, x| None);
binary!(/// 1 where a = b, else 0; no derivative.
    Equal, equal, "equal", |p, q| if p == q { T::one() } else { T::zero() }, Equal, indices: true,
    slope |b, x, y, i| Slope::Zero, simplify |b, x| None);
binary!(/// Remainder of a / b with the sign of a; the derivative is that of a on each piece, and −trunc(a/b) for b.
    Rem, rem, "rem", |p, q| p % q, Rem, indices: true,
    slope |b, x, y, i| if i == 0 { Slope::One } else {
        let d = b.sub(y, x[0]);
        let s = b.div(d, x[1]);
        Slope::Absorb(s)
    },
    simplify |b, x| None);

/// 1 where low < high, ½ where they are equal, else 0.
fn share(b: &mut Builder, low: Value, high: Value) -> Value {
    let (less, equal) = (b.less(low, high), b.equal(low, high));
    let half = b.full_like(equal, 0.5);
    let tie = b.mul(half, equal);
    b.add(less, tie)
}

/// b where `test` is not 0, else c. The unused branch has derivative exactly 0, whatever its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Select;
impl Elementwise for Select {
    fn name(&self) -> &'static str {
        "select"
    }
    fn arity(&self) -> usize {
        3
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        if x[0] != T::zero() { x[1] } else { x[2] }
    }
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, i: usize) -> Slope {
        let one = b.full_like(x[0], 1.0);
        let zero = b.full_like(x[0], 0.0);
        match i {
            0 => Slope::Zero,
            1 => Slope::Times(b.select(x[0], one, zero)),
            _ => Slope::Times(b.select(x[0], zero, one)),
        }
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        m.select(x[0], x[1], x[2])
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        match b.known_number(x[0]) {
            Some(0.0) => Some(x[2]),
            Some(_) => Some(x[1]),
            None => (x[1] == x[2]).then_some(x[1]),
        }
    }
    fn kind(&self, inputs: &[Kind]) -> Result<Kind, String> {
        same_kind(inputs, true)
    }
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

/// The same number as another element type; indices saturate. Linear between reals.
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
    fn kind(&self, _: &[Kind]) -> Result<Kind, String> {
        Ok(self.0)
    }
}

impl Builder {
    /// b where `test` is not 0, else c.
    pub fn select(&mut self, test: Value, yes: Value, no: Value) -> Value {
        self.emit1(Op::new(Pointwise(Select)), &[test, yes, no])
    }
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
    fn kind(&self, inputs: &[Kind]) -> Result<Kind, String> {
        same_kind(inputs, true)
    }
}

impl Builder {
    /// The same value, with derivative 0.
    pub fn stop_gradient(&mut self, a: Value) -> Value {
        self.emit1(Op::new(Pointwise(StopGradient)), &[a])
    }
}
