//! Powers and roots, element by element, with slopes that stay numbers at base 0.
use super::declare::unary;
use crate::array::{Kind, Real};
use crate::operation::{BinaryFn, Builder, Elementwise, MicroBuilder, Op, Pointwise, Probe, Probed, Reg, Slope, UnaryFn, Value};

/// √x. Slope: 1/(2y), and 0 at x = 0 by convention, which is that of the first derivative alone: the second is infinite there.
#[derive(Debug, Clone, PartialEq)]
pub struct Sqrt;
impl Elementwise for Sqrt {
    fn name(&self) -> &'static str {
        "sqrt"
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        x[0].sqrt()
    }
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, _: usize) -> Slope {
        // A zero of the slope wins over an infinite derivative, so that √ of what is flat at 0 stays flat.
        Slope::Edge(b.emit1(Op::new(Pointwise(RootSlope)), &[x[0]]))
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        m.unary(UnaryFn::Sqrt, x[0])
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        b.fold_number(x[0], f64::sqrt).or_else(|| b.root_of_squares(x[0]))
    }
}
impl Probed for Sqrt {
    fn probes(kind: Kind) -> Vec<Probe> {
        Probe::pointwise(Sqrt, kind, &[&[1.5], &[3.0], &[20.0]])
    }
}

/// The slope of √u: 1/(2√u), and 0 at 0. Its own slope is −1/(4u√u): infinite at 0.
#[derive(Debug, Clone, PartialEq)]
pub struct RootSlope;
impl Elementwise for RootSlope {
    fn name(&self) -> &'static str {
        "slope of sqrt"
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        if x[0] == T::zero() { T::zero() } else { x[0].sqrt().recip() * T::from_f64(0.5) }
    }
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, _: usize) -> Slope {
        let root = b.emit1(Op::new(Pointwise(Root)), x);
        let (p, q) = (b.recip(x[0]), b.recip(root));
        let p = b.scale(p, -0.25);
        Slope::Edge(b.mul(p, q))
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        let (half, zero) = (m.constant(0.5), m.constant(0.0));
        // In a group, √u is one with that of the value.
        let root = m.unary(UnaryFn::Sqrt, x[0]);
        let r = m.unary(UnaryFn::Recip, root);
        let r = m.binary(BinaryFn::Mul, r, half);
        m.select(x[0], r, zero)
    }
}
impl Probed for RootSlope {
    fn probes(kind: Kind) -> Vec<Probe> {
        Probe::pointwise(RootSlope, kind, &[&[2.25], &[4.0], &[0.75]])
    }
}

/// √x where it is a slope: its own slope, 1/(2y), is infinite at 0, where a derivative of 0 stays 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Root;
impl Elementwise for Root {
    fn name(&self) -> &'static str {
        "root"
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        x[0].sqrt()
    }
    fn slope(&self, b: &mut Builder, _: &[Value], y: Value, _: usize) -> Slope {
        let r = b.recip(y);
        Slope::Absorb(b.scale(r, 0.5))
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        m.unary(UnaryFn::Sqrt, x[0])
    }
}
impl Probed for Root {
    fn probes(kind: Kind) -> Vec<Probe> {
        Probe::pointwise(Root, kind, &[&[1.5], &[3.0], &[20.0]])
    }
}

unary! {
    /// 1/x. Slope: −y².
    Recip, recip, |p| p.recip(), Recip, slope |b, x, y| {
        let s = b.square(y);
        Slope::Absorb(b.neg(s))
    }, at [1.5, -3.0, 20.0];
}

/// xⁿ for an integer n; 1 for n = 0. Slope: n xⁿ⁻¹, infinite at 0 for negative n, where a derivative of 0 stays 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Powi(pub i32);
impl Elementwise for Powi {
    fn name(&self) -> &'static str {
        if self.0 == 2 { "square" } else { "powi" }
    }
    fn attributes(&self) -> String {
        if self.0 == 2 { String::new() } else { self.0.to_string() }
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        x[0].powi(self.0)
    }
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, _: usize) -> Slope {
        let p = match self.0.checked_sub(1) {
            Some(n) => b.powi(x[0], n),
            None => {
                // Of one more, over one more x.
                let (y, r) = (b.powi(x[0], self.0), b.recip(x[0]));
                b.mul(y, r)
            }
        };
        let s = b.scale(p, f64::from(self.0));
        if self.0 < 0 { Slope::Absorb(s) } else { Slope::Times(s) }
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        // By squaring, from the lowest bit.
        let (mut left, mut square, mut y) = (self.0.unsigned_abs(), x[0], None);
        loop {
            if left % 2 == 1 {
                y = Some(y.map_or(square, |y| m.binary(BinaryFn::Mul, y, square)));
            }
            left /= 2;
            if left == 0 {
                break;
            }
            square = m.binary(BinaryFn::Mul, square, square);
        }
        match y {
            None => m.constant(1.0),
            Some(y) if self.0 < 0 => m.unary(UnaryFn::Recip, y),
            Some(y) => y,
        }
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        match self.0 {
            0 if b.kind(x[0]).is_real() => Some(b.full_like(x[0], 1.0)),
            1 if b.kind(x[0]).is_real() => Some(x[0]),
            -1 => Some(b.recip(x[0])),
            n => b.fold_number(x[0], |v| v.powi(n)).or_else(|| b.smooth_power(x[0], f64::from(n))),
        }
    }
}
impl Probed for Powi {
    fn probes(kind: Kind) -> Vec<Probe> {
        let at = |n: i32| Probe::pointwise(Powi(n), kind, &[&[1.5], &[-2.0], &[-1.25]]);
        let through_zero = |n: i32| Probe::pointwise(Powi(n), kind, &[&[0.0], &[0.5]]);
        [at(2), at(3), at(7), at(-1), at(-2), at(0), at(1), through_zero(2), through_zero(3)].concat()
    }
}

/// xᵖ for a number p and x ≥ 0; NaN for x < 0 unless p is an integer. Slope: p xᵖ⁻¹, infinite at 0 for p < 1, where a derivative of 0
/// stays 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Powf(pub f64);
impl Elementwise for Powf {
    fn name(&self) -> &'static str {
        "powf"
    }
    fn attributes(&self) -> String {
        self.0.to_string()
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        x[0].powf(T::from_f64(self.0))
    }
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, _: usize) -> Slope {
        let p = if self.0 == 1.5 { b.root(x[0]) } else { b.powf(x[0], self.0 - 1.0) };
        let s = b.scale(p, self.0);
        if self.0 < 1.0 { Slope::Absorb(s) } else { Slope::Times(s) }
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        let p = m.constant(self.0);
        m.binary(BinaryFn::Pow, x[0], p)
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if self.0.fract() == 0.0 && self.0.abs() <= 64.0 {
            return Some(b.powi(x[0], self.0 as i32));
        }
        if self.0 == 0.5 {
            return Some(b.sqrt(x[0]));
        }
        b.fold_number(x[0], |v| v.powf(self.0)).or_else(|| b.smooth_power(x[0], self.0))
    }
}
impl Probed for Powf {
    fn probes(kind: Kind) -> Vec<Probe> {
        let at = |p: f64| Probe::pointwise(Powf(p), kind, &[&[1.5], &[2.0], &[20.0]]);
        [at(0.5), at(2.5), at(-1.5), at(0.3), at(3.0)].concat()
    }
}

/// aᵇ. Slopes: b aᵇ⁻¹ for a, which is 0 where b = 0 and may be infinite at a = 0, where a derivative of 0 stays 0; aᵇ ln a for b, which at a = 0
/// is 0 for b > 0 and −∞ for b = 0, from where the value falls to 0 at once: so xˣ has the slope −∞ at 0. For a < 0 the value is defined at integers b
/// only, so the slope for b is NaN; a derivative of 0 stays 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Pow;
impl Elementwise for Pow {
    fn name(&self) -> &'static str {
        "pow"
    }
    fn arity(&self) -> usize {
        2
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        x[0].powf(x[1])
    }
    fn slope(&self, b: &mut Builder, x: &[Value], y: Value, i: usize) -> Slope {
        if i == 0 {
            let e = b.plus_number(x[1], -1.0);
            let p = b.pow(x[0], e);
            Slope::Absorb(b.absorb(x[1], p))
        } else {
            let l = b.ln(x[0]);
            Slope::Absorb(b.absorb(y, l))
        }
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        m.binary(BinaryFn::Pow, x[0], x[1])
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        b.known_number(x[1]).map(|p| b.powf(x[0], p))
    }
}
impl Probed for Pow {
    fn probes(kind: Kind) -> Vec<Probe> {
        Probe::pointwise(Pow, kind, &[&[1.5, 0.5], &[2.0, -1.5], &[3.0, 3.0], &[2.5, 0.0]])
    }
}

impl Builder {
    /// √x; derivative 0 at 0, and no second derivative there.
    pub fn sqrt(&mut self, a: Value) -> Value {
        self.emit1(Op::new(Pointwise(Sqrt)), &[a])
    }
    /// √x in a slope, with its own slope: infinite at 0.
    pub(crate) fn root(&mut self, a: Value) -> Value {
        self.emit1(Op::new(Pointwise(Root)), &[a])
    }
    /// x².
    pub fn square(&mut self, a: Value) -> Value {
        self.powi(a, 2)
    }
    /// xⁿ.
    pub fn powi(&mut self, a: Value, n: i32) -> Value {
        self.emit1(Op::new(Pointwise(Powi(n))), &[a])
    }
    /// xᵖ for a number p.
    pub fn powf(&mut self, a: Value, p: f64) -> Value {
        self.emit1(Op::new(Pointwise(Powf(p))), &[a])
    }
    /// aᵇ.
    pub fn pow(&mut self, a: Value, b: Value) -> Value {
        self.emit1(Op::new(Pointwise(Pow)), &[a, b])
    }
}
