//! Which of two numbers is larger, and choosing between values: comparisons, maximum, minimum, clamp, select.
use super::declare::binary;
use crate::array::{AnyArray, Element, Kind, LeafType, Real};
use crate::each_kind;
use crate::error::{Counted, ErrorKind, Result};
use crate::operation::{
    BinaryFn, Builder, Elementwise, Items, Lowering, Made, Maybe, MicroBuilder, Op, Operation, Pointwise, Probe, Probed, Reg, Slope,
    Switch, Value, same_kind, same_value,
};
use crate::program::{Types, Values};
use ndarray::{ArrayD, Zip};
use smallvec::smallvec;

binary! {
    /// The larger of a and b; NaN if either is. Ties share the derivative equally.
    Maximum, maximum, |p, q| if p.is_nan() || q.is_nan() { T::nan() } else { p.max(q) }, Max, indices: true,
    slope |b, x, y, i| Slope::Masked(b.share(x[1 - i], x[i])),
    simplify |b, x| if x[0] == x[1] { Some(x[0]) } else { b.fold_numbers(x, |p, q| Maximum.apply(&[p, q])) },
    switch |b, x, y| b.apart(x).map(Switch::Kink),
    at [[0.5, -1.5], [0.25, 2.0], [-3.0, 0.0]];

    /// The smaller of a and b; NaN if either is. Ties share the derivative equally.
    Minimum, minimum, |p, q| if p.is_nan() || q.is_nan() { T::nan() } else { p.min(q) }, Min, indices: true,
    slope |b, x, y, i| Slope::Masked(b.share(x[i], x[1 - i])),
    simplify |b, x| if x[0] == x[1] { Some(x[0]) } else { b.fold_numbers(x, |p, q| Minimum.apply(&[p, q])) },
    switch |b, x, y| b.apart(x).map(Switch::Kink),
    at [[0.5, -1.5], [0.25, 2.0], [-3.0, 0.0]];

    /// 1 where a < b, else 0; no derivative.
    Less, less, |p, q| if p < q { T::one() } else { T::zero() }, Less, indices: true,
    slope |b, x, y, i| Slope::Zero, simplify |b, x| b.fold_numbers(x, |p, q| Less.apply(&[p, q])),
    switch |b, x, y| b.apart(x).map(Switch::Jump),
    at [[0.5, -1.5], [0.25, 2.0], [-3.0, 0.0]];

    /// 1 where a ≤ b, else 0; no derivative.
    LessEqual, less_equal, |p, q| if p <= q { T::one() } else { T::zero() }, LessEq, indices: true,
    slope |b, x, y, i| Slope::Zero, simplify |b, x| b.fold_numbers(x, |p, q| LessEqual.apply(&[p, q])),
    switch |b, x, y| b.apart(x).map(Switch::Jump),
    at [[0.5, -1.5], [0.25, 2.0], [-3.0, 0.0]];

    /// 1 where a = b, else 0; no derivative.
    Equal, equal, |p, q| if p == q { T::one() } else { T::zero() }, Equal, indices: true,
    slope |b, x, y, i| Slope::Zero, simplify |b, x| b.fold_numbers(x, |p, q| Equal.apply(&[p, q])),
    // What is never negative does not pass 0.
    switch |b, x, y| if b.known_number(x[1]) == Some(0.0) && b.never_negative(x[0], 4) { None } else { b.apart(x).map(Switch::Jump) },
    at [[0.5, -1.5], [0.25, 2.0], [-3.0, 0.0]];

    /// What b has of the derivative of the larger of a and b: 1 where a < b, ½ where they are equal, else 0; no derivative.
    Share, share, |p, q| T::from_f64(if p < q { 1.0 } else if p == q { 0.5 } else { 0.0 }), Share, indices: false,
    slope |b, x, y, i| Slope::Zero, simplify |b, x| b.fold_numbers(x, |p, q| Share.apply(&[p, q])),
    switch |b, x, y| b.apart(x).map(Switch::Jump),
    at [[0.5, -1.5], [0.25, 2.0], [-3.0, 0.0]];
}

/// b where `test` is not 0, else c; the test may be of any element type. The unused branch has derivative exactly 0 both ways,
/// whatever its value and its derivative.
#[derive(Debug, Clone, PartialEq)]
pub struct Select;

impl Operation for Select {
    fn name(&self) -> &str {
        "select"
    }
    fn arity(&self) -> Option<usize> {
        Some(3)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        let [test, yes, no] = inputs else { return Err(ErrorKind::count(Counted::Operands, 3, inputs.len())) };
        if test.shape != yes.shape || yes.shape != no.shape {
            return Err(ErrorKind::Broadcast { shapes: inputs.iter().map(|t| t.shape.clone()).collect(), to: None });
        }
        Ok(smallvec![LeafType { shape: yes.shape.clone(), kind: same_kind(&[yes.kind, no.kind], true)? }])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        fn choose<T: Element>(test: &[f64], yes: &ArrayD<T>, no: &AnyArray) -> Option<AnyArray> {
            let test = ArrayD::from_shape_vec(yes.raw_dim(), test.to_vec()).ok()?;
            let no = T::of_array(no)?;
            Some(T::array(Zip::from(&test).and(yes).and(no).map_collect(|t, y, n| if *t != 0.0 { *y } else { *n })))
        }
        let test = inputs[0].to_f64();
        each_kind!(AnyArray, inputs[1], yes => choose(&test, yes, inputs[2]))
            .map(|y| vec![y])
            .ok_or_else(|| ErrorKind::misuse("operands differ"))
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let y = b.emit1(op.clone(), inputs);
        let moves = tangents[1].is_some() || tangents[2].is_some();
        let t = moves.then(|| {
            let (yes, no) = (b.or_zeros(tangents[1], y), b.or_zeros(tangents[2], y));
            b.select(inputs[0], yes, no)
        });
        (smallvec![y], vec![t])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], _: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        let Some(c) = cotangents[0] else { return vec![None; 3] };
        let zero = b.full_like(c, 0.0);
        let yes = wanted[1].then(|| b.select(inputs[0], c, zero));
        let no = wanted[2].then(|| b.select(inputs[0], zero, c));
        vec![None, yes, no]
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(items.same(b, op.clone())))
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        let (mut m, x) = MicroBuilder::new(3);
        let y = m.select(x[0], x[1], x[2]);
        Lowering::Pointwise(m.finish(y))
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
    fn has_slope(&self, input: usize) -> bool {
        input > 0
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Values> {
        match b.known_number(x[0]) {
            Some(0.0) => Some(smallvec![x[2]]),
            Some(_) => Some(smallvec![x[1]]),
            None => (x[1] == x[2]).then(|| smallvec![x[1]]),
        }
    }
}
impl Probed for Select {
    fn probes(kind: Kind) -> Vec<Probe> {
        let probe = |shape: &[usize], test: &[u32]| {
            let operands = || vec![Probe::indices(shape, test), Probe::array(shape, kind, 1), Probe::array(shape, kind, 2)];
            Probe::new(Select, operands())
        };
        let mut real = Probe::new(Select, vec![Probe::array(&[3], kind, 3), Probe::array(&[3], kind, 1), Probe::array(&[3], kind, 2)]);
        real.reach = 0.05;
        vec![probe(&[], &[1]), probe(&[], &[0]), probe(&[2, 2], &[0, 1, 2, 0]), probe(&[0], &[]), real]
    }
}

impl Builder {
    /// b where `test` is not 0, else c.
    pub fn select(&mut self, test: Value, yes: Value, no: Value) -> Value {
        self.emit1(Op::new(Select), &[test, yes, no])
    }
    /// 1 where a > b, else 0; no derivative.
    pub fn greater(&mut self, a: Value, b: Value) -> Value {
        self.less(b, a)
    }
    /// 1 where a ≥ b, else 0; no derivative.
    pub fn greater_equal(&mut self, a: Value, b: Value) -> Value {
        self.less_equal(b, a)
    }
    /// 1 where a ≠ b, else 0, so 1 where either is NaN; no derivative.
    pub fn not_equal(&mut self, a: Value, b: Value) -> Value {
        let equal = self.equal(a, b);
        self.not(equal)
    }
    /// 1 where a is 0, else 0; no derivative.
    pub fn not(&mut self, a: Value) -> Value {
        let zero = self.full_like(a, 0.0);
        self.equal(a, zero)
    }
    /// min(max(a, low), high). At a bound the derivative is shared equally between it and `a`, as ties of `maximum` are.
    pub fn clamp(&mut self, a: Value, low: Value, high: Value) -> Value {
        let a = self.maximum(a, low);
        self.minimum(a, high)
    }
    /// min(max(a, low), high) between two numbers. At a bound the derivative is ½.
    pub fn clamp_to(&mut self, a: Value, low: f64, high: f64) -> Value {
        let (low, high) = (self.full_like(a, low), self.full_like(a, high));
        self.clamp(a, low, high)
    }
}
