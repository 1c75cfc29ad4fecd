//! A condition on a setting as an operation: the same values, or an error that names the setting and the value that it must not have.
use super::literal::Constant;
use crate::array::{AnyArray, Element, Kind, LeafType, Real, Shape, Slice, SliceMut};
use crate::error::{ErrorKind, Matrix, Result};
use crate::operation::typed::{OfKind, RealKernel, input, output};
use crate::operation::{Builder, Form, Items, Lowering, Made, Maybe, Op, Operation, Probe, Probed, Value, same_value};
use crate::program::{Types, Values};
use smallvec::smallvec;
use std::sync::Arc;

/// What a setting must satisfy; NaN satisfies nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// 0 ≤ x ≤ ∞.
    NotNegative,
    /// 0 ≤ x < ∞.
    FiniteNotNegative,
    /// 0 < x < ∞.
    Positive,
    /// 0 ≤ x < 1.
    Fraction,
    /// x = 0.
    Zero,
    /// x > 0, of what each row has that those before it have not.
    Independent,
    /// x is a number: the test of a branch, of which NaN is neither true nor false.
    Decided,
    /// Two operands, the upper bound and then the lower one: low ≤ high, low < ∞ and high > −∞, element by element.
    Bounds,
}

impl Condition {
    /// Whether one number satisfies it; of a pair of bounds, the upper one and the lower one.
    fn holds(self, x: f64, low: f64) -> bool {
        match self {
            Condition::NotNegative => x >= 0.0,
            Condition::FiniteNotNegative => (0.0..f64::INFINITY).contains(&x),
            Condition::Positive => x > 0.0 && x < f64::INFINITY,
            Condition::Independent => x > 0.0,
            Condition::Fraction => (0.0..1.0).contains(&x),
            Condition::Zero => x == 0.0,
            Condition::Decided => !x.is_nan(),
            Condition::Bounds => low <= x && low < f64::INFINITY && x > f64::NEG_INFINITY,
        }
    }
    /// What to do where it does not hold.
    fn advice(self) -> &'static str {
        match self {
            Condition::NotNegative => "give a number that is not negative",
            Condition::FiniteNotNegative => "give a finite number that is not negative",
            Condition::Positive => "give a finite positive number",
            Condition::Fraction => "give a number from 0 to below 1",
            Condition::Zero => "of nothing the sum is 0; give at least one entry",
            Condition::Independent | Condition::Decided | Condition::Bounds => "",
        }
    }
    /// Whether numbers that satisfy it satisfy the other one.
    fn implies(self, other: Self) -> bool {
        use Condition::{Bounds, Decided, FiniteNotNegative, Fraction, Independent, NotNegative, Positive, Zero};
        self != Bounds
            && (self == other
                || match other {
                    NotNegative => self != Decided,
                    Decided => true,
                    FiniteNotNegative => matches!(self, Positive | Fraction | Zero),
                    Fraction => self == Zero,
                    Independent => self == Positive,
                    Positive | Zero | Bounds => false,
                })
    }
}

/// The same values as the first operand, if the condition holds; an error when it runs, otherwise. Its derivative is that of the identity.
///
/// Settings of solvers and proximal operators that are variables pass through it, so that a wrong one is an error, as a wrong constant is. It is
/// attached to the value that is used, and stays as long as that is read. A condition on what is the same in every step of a loop is looked at
/// once, before the loop.
#[derive(Debug, Clone, PartialEq)]
pub struct Require {
    /// What has the setting: the operation that the error names.
    pub of: String,
    /// The setting.
    pub what: String,
    /// What it must satisfy.
    pub condition: Condition,
}

impl Require {
    /// The elements, or the pairs of bounds, one after another; what is one number goes with every other.
    fn check<T: Element>(&self, x: &[T], low: &[T]) -> Result<(), ErrorKind> {
        let holds = |x: &T, low: &T| self.condition.holds(x.to_f64(), low.to_f64());
        let fails = match (x, low) {
            (_, []) => x.iter().position(|x| !holds(x, x)),
            (_, [low]) => x.iter().position(|x| !holds(x, low)),
            ([x], _) => low.iter().position(|low| !holds(x, low)),
            _ => x.iter().zip(low).position(|(x, low)| !holds(x, low)),
        };
        let Some(i) = fails else { return Ok(()) };
        let at = |v: &[T]| v.get(if v.len() == 1 { 0 } else { i }).map_or(f64::NAN, |v| v.to_f64());
        let element = (x.len().max(low.len()) > 1).then_some(i);
        let (what, value) = (self.what.clone(), at(x));
        Err(match self.condition {
            Condition::Decided => ErrorKind::TestIsNan,
            Condition::Bounds => ErrorKind::Bounds { what, low: at(low), high: value, element },
            Condition::Independent => Matrix::DependentRows { what, value, element }.into(),
            _ => ErrorKind::Setting { what, value, element, allowed: self.condition.advice() },
        })
    }
    /// The numbers of a value that the program states: one number, or a constant array.
    fn known(b: &Builder, v: Value) -> Option<Vec<f64>> {
        b.known_number(v).map(|v| vec![v]).or_else(|| b.made_by::<Constant>(v).map(|(c, _)| c.0.view().to_owned().to_f64()))
    }
}

impl Operation for Require {
    fn name(&self) -> &str {
        "require"
    }
    fn attributes(&self) -> String {
        format!("{} {:?}", self.what, self.condition)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        let fits = match (inputs, self.condition) {
            ([high, low], Condition::Bounds) => high.kind == low.kind && (high.shape == low.shape || high.len() == 1 || low.len() == 1),
            ([_], c) => c != Condition::Bounds,
            _ => false,
        };
        if !fits || !inputs.iter().all(|t| t.kind.is_real()) {
            return Err(ErrorKind::misuse("takes one real operand, or an upper and a lower bound of one element type that go together"));
        }
        Ok(smallvec![inputs[0].clone()])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        let low = inputs.get(1).map(|x| x.to_f64()).unwrap_or_default();
        self.check(&inputs[0].to_f64(), &low).map_err(|e| e.of(&self.of))?;
        Ok(vec![inputs[0].clone()])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        (b.emit(op.clone(), inputs), vec![tangents[0]])
    }
    fn vjp(&self, _: &mut Builder, inputs: &[Value], _: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        vec![cotangents[0].filter(|_| wanted[0]), None][..inputs.len()].to_vec()
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        // Bounds go together element by element.
        let x = items.all(b);
        let shapes: Vec<Shape> = x.iter().map(|v| b.shape(*v)).collect();
        let (short, long) = match &shapes[..] {
            [high, low] if high != low => {
                (high, if (b.type_of(x[0]).len(), high.len()) < (b.type_of(x[1]).len(), low.len()) { low } else { high })
            }
            _ => return Ok(Some(items.same(b, op.clone()))),
        };
        // Of nothing all is true.
        if x.iter().any(|v| b.type_of(*v).is_empty()) {
            return Ok(Some(vec![(x[0], Form::Each)]));
        }
        let [high, low] = [0, 1].map(|i| b.broadcast(x[i], long, &(0..shapes[i].len()).collect::<Vec<_>>()));
        let made = b.emit1(op.clone(), &[high, low]);
        if short == long {
            return Ok(Some(vec![(made, Form::Each)]));
        }
        // The upper bound, of which every lower bound has seen the same.
        let mut first = long.clone();
        first[1..].fill(1);
        let made = b.slice(made, &vec![0; long.len()], &vec![1; long.len()], &first);
        Ok(Some(vec![(b.reshape(made, short), Form::Each)]))
    }
    fn lower(&self, inputs: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Kernel(Arc::new(OfKind(self.clone(), inputs[0].kind)))
    }
    fn has_slope(&self, input: usize) -> bool {
        input == 0
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Values> {
        if let Some((inner, _)) = b.made_by::<Require>(x[0])
            && inner.condition.implies(self.condition)
        {
            return Some(smallvec![x[0]]);
        }
        // What the program states is looked at now.
        let numbers: Vec<Vec<f64>> = x.iter().map(|v| Self::known(b, *v)).collect::<Option<_>>()?;
        let low = numbers.get(1).map_or(&[][..], |v| v);
        match self.check(&numbers[0], low) {
            Ok(()) => Some(smallvec![x[0]]),
            Err(kind) => Some(smallvec![b.refuse(&self.of, x, kind)]),
        }
    }
}

impl RealKernel for Require {
    fn is_check(&self) -> bool {
        true
    }
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        let (x, y) = (input::<T>(inputs, 0)?, output::<T>(outputs, 0)?);
        self.check(x, if inputs.len() > 1 { input::<T>(inputs, 1)? } else { &[] }).map_err(|e| e.of(&self.of))?;
        y.copy_from_slice(x);
        Ok(())
    }
}

impl Probed for Require {
    fn probes(kind: Kind) -> Vec<Probe> {
        use Condition::{Bounds, Decided, FiniteNotNegative, Fraction, Independent, NotNegative, Positive};
        let op = |condition| Require { of: "a solver".into(), what: "step size".into(), condition };
        let filled = |shape: &[usize], v: f64| {
            let t = LeafType::new(shape, kind);
            let elements: Vec<f64> = (0..t.len()).map(|i| v + 0.125 * i as f64).collect();
            AnyArray::from_f64(&t, &elements).unwrap_or_else(|| AnyArray::full(&t, v))
        };
        let shapes: [&[usize]; 4] = [&[], &[3], &[2, 2], &[0]];
        let one = |c| shapes.map(|s| Probe::new(op(c), vec![filled(s, 0.25)]).within(0.05)).to_vec();
        let pair = |high: &[usize], low: &[usize]| Probe::new(op(Bounds), vec![filled(high, 1.5), filled(low, 0.25)]).within(0.05);
        let pairs =
            vec![pair(&[], &[]), pair(&[3], &[3]), pair(&[3], &[]), pair(&[], &[3]), pair(&[0], &[0]), pair(&[0], &[1]), pair(&[1], &[0])];
        [NotNegative, FiniteNotNegative, Positive, Fraction, Independent, Decided].into_iter().flat_map(one).chain(pairs).collect()
    }
}

impl Builder {
    /// The same values; an error about the setting `what` of `of` if they do not satisfy the condition: now where the program states them, else
    /// when it runs.
    pub fn require(&mut self, a: Value, condition: Condition, of: &str, what: &str) -> Value {
        self.emit1(Op::new(Require { of: of.into(), what: what.into(), condition }), &[a])
    }
    /// The tests of branches; an error of `cond` when it runs, if one is NaN.
    pub(crate) fn decided(&mut self, tests: Value) -> Value {
        if !self.kind(tests).is_real() {
            return tests;
        }
        self.emit1(Op::new(Require { of: "cond".into(), what: "test".into(), condition: Condition::Decided }), &[tests])
    }
    /// The upper bounds, of which each is at least its lower bound; an error about `of` otherwise, as [`require`](Builder::require).
    pub fn require_bounds(&mut self, low: Value, high: Value, of: &str) -> Value {
        self.emit1(Op::new(Require { of: of.into(), what: "range".into(), condition: Condition::Bounds }), &[high, low])
    }
}
