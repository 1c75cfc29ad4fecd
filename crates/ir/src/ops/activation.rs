//! Sigmoids and rectifiers: the smooth and the kinked functions of neural networks and proximal steps.
use super::declare::unary;
use crate::array::{Kind, Real};
use crate::operation::{BinaryFn, Builder, Elementwise, MicroBuilder, Op, Pointwise, Probe, Probed, Reg, Slope, Switch, UnaryFn, Value};

unary! {
    /// 1/(1 + e⁻ˣ), without overflow. Slope: y(1 − y).
    Sigmoid, sigmoid, |p| if p >= T::zero() { (T::one() + (-p).exp()).recip() } else { let e = p.exp(); e / (T::one() + e) }, Sigmoid,
        slope |b, x, y| {
            let one = b.full_like(y, 1.0);
            let s = b.sub(one, y);
            Slope::Times(b.mul(y, s))
        }, at [0.5, -2.0, 0.0, 40.0];

    /// ln(1 + eˣ), without overflow. Slope: sigmoid x.
    Softplus, softplus, |p| p.max(T::zero()) + (-p.abs()).exp().ln_1p(), Softplus,
        slope |b, x, y| Slope::Times(b.sigmoid(x)), at [0.5, -2.0, 0.0, 40.0];
}

/// max(x, 0); NaN stays. Slope: 1 where x > 0, else 0, so 0 at the kink.
#[derive(Debug, Clone, PartialEq)]
pub struct Relu;
impl Elementwise for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }
    fn arity(&self) -> usize {
        1
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        if x[0] > T::zero() || x[0].is_nan() { x[0] } else { T::zero() }
    }
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, _: usize) -> Slope {
        let zero = b.full_like(x[0], 0.0);
        Slope::Masked(b.less(zero, x[0]))
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        let zero = m.constant(0.0);
        m.binary(BinaryFn::Max, x[0], zero)
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        b.fold_number(x[0], |v| self.apply(&[v]))
    }
    fn switching(&self, _: &mut Builder, x: &[Value], _: Value) -> Vec<Switch> {
        vec![Switch::Kink(x[0])]
    }
}
impl Probed for Relu {
    fn probes(kind: Kind) -> Vec<Probe> {
        Probe::pointwise(Relu, kind, &[&[0.5], &[-2.0], &[1.0]])
    }
}

/// sign(x) max(|x| − t, 0): the proximal operator of t|·| for t ≥ 0 (Donoho, 1995). Slopes: 1 for x and −sign x for t where |x| > t,
/// else 0, so 0 at the kink.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftThreshold;
impl Elementwise for SoftThreshold {
    fn name(&self) -> &'static str {
        "soft_threshold"
    }
    fn arity(&self) -> usize {
        2
    }
    fn apply<T: Real>(&self, x: &[T]) -> T {
        let (x, t) = (x[0], x[1]);
        let rest = x.abs() - t;
        if x == T::zero() || rest <= T::zero() { T::zero() } else { x.signum() * rest }
    }
    fn slope(&self, b: &mut Builder, x: &[Value], _: Value, i: usize) -> Slope {
        let size = b.abs(x[0]);
        let moved = b.less(x[1], size);
        if i == 0 {
            return Slope::Masked(moved);
        }
        let s = b.sign(x[0]);
        let s = b.neg(s);
        Slope::Masked(b.mul(moved, s))
    }
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg {
        let size = m.unary(UnaryFn::Abs, x[0]);
        let over = m.binary(BinaryFn::Sub, size, x[1]);
        let zero = m.constant(0.0);
        let rest = m.binary(BinaryFn::Max, over, zero);
        let sign = m.unary(UnaryFn::Sign, x[0]);
        m.binary(BinaryFn::Mul, sign, rest)
    }
    fn switching(&self, b: &mut Builder, x: &[Value], _: Value) -> Vec<Switch> {
        let size = b.abs(x[0]);
        vec![Switch::Kink(b.sub(size, x[1]))]
    }
}
impl Probed for SoftThreshold {
    fn probes(kind: Kind) -> Vec<Probe> {
        Probe::pointwise(SoftThreshold, kind, &[&[1.5, 0.5], &[-2.0, 0.5], &[0.25, 0.75], &[-0.25, 1.0]])
    }
}

impl Builder {
    /// max(x, 0); derivative 0 at 0.
    pub fn relu(&mut self, a: Value) -> Value {
        self.emit1(Op::new(Pointwise(Relu)), &[a])
    }
    /// sign(x) max(|x| − t, 0); derivative 0 at the kink.
    pub fn soft_threshold(&mut self, x: Value, t: Value) -> Value {
        self.emit1(Op::new(Pointwise(SoftThreshold)), &[x, t])
    }
    /// ln(1/(1 + e⁻ˣ)) = −softplus(−x), without overflow.
    pub fn log_sigmoid(&mut self, a: Value) -> Value {
        let a = self.neg(a);
        let s = self.softplus(a);
        self.neg(s)
    }
}
