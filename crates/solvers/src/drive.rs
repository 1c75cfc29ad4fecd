//! The one loop that drives every method to its tolerance, as a recording.
use crate::handles::{at_most, choose, double, require};
use crate::method::Method;
use hypertape_autodiff::Error;
use hypertape_autodiff::array::LeafType;
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{self, Scalar, Var, counted_scan_until, scalar, scan};
use hypertape_autodiff::tree::{V, Vars};

/// What the loop gives: the solution, steps run, and [last step undone, residual at the solution, tolerance].
pub(crate) type Driven<M> = (V<<M as Method>::Solution>, (Var<u32>, [Var; 3]));

/// Records the loop.
///
/// One turn measures the state and makes a step from it, which share their work. When the measure is at the tolerance, or not finite,
/// the state stays as it is and the loop ends: so the solution is the state that was measured.
#[track_caller]
pub(crate) fn drive<M: Method>(m: &M, start: V<M::Solution>, params: &V<M::Params>, each: V<M::Each>) -> Driven<M> {
    let tolerance = require(m.name(), "tolerance", double(m.limits().tolerance), Condition::FiniteNotNegative);
    let state = m.start(start, params);
    let turn = |state: V<M::State>, done: Var, each: V<M::Each>, k: Var<u32>| {
        let measure: Var = double(Scalar::Var(m.stopping(&state, params)));
        let next = m.step(state.clone(), params, each, k);
        same_types(m.name(), &state, &next);
        let go = tolerance.less_than(measure) * at_most(measure, scalar(f64::MAX)) * (1.0 - done);
        (choose(go, &next, &state), 1.0 - go)
    };
    let none = scalar::<f64>(0.0);
    let ((state, done), count) = if !each.flat().is_empty() {
        let (carry, running) = scan((state, none, scalar::<f64>(0.0)), each, |(s, done, k), e| {
            let counter = whole(k);
            let (s, now) = turn(s, done, e, counter);
            ((s, now, k + 1.0 - done), ())
        })
        .0
        .into_pair();
        (carry, whole(running))
    } else if m.limits().iterations == 0 {
        ((state, none), whole(none))
    } else {
        counted_scan_until((state, none), m.limits().iterations, |(_, done)| *done, |(s, done), k| turn(s, done, each.clone(), k))
    };
    let residual: Var = double(Scalar::Var(m.stopping(&state, params)));
    (m.solution(&state), (count, [done, residual, tolerance]))
}

/// That a step hands on a state of the types that it was given.
#[track_caller]
fn same_types<W: Vars>(name: &str, state: &W, next: &W) {
    let types = |w: &W| w.flat().iter().map(|v| v.leaf_type()).collect::<Option<Vec<_>>>();
    if let (Some(given), Some(made)) = (types(state), types(next))
        && given != made
    {
        let list = |t: &[LeafType]| t.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let problem =
            format!("a step makes ({}) of the state ({}); make the functions it is made from keep the shapes", list(&made), list(&given));
        record::fail(Error::Operands { op: name.into(), problem, operands: given, at: Some(std::panic::Location::caller()) });
    }
}

/// A whole number as a counter.
#[track_caller]
fn whole(v: Var) -> Var<u32> {
    let at = std::panic::Location::caller();
    let kind = hypertape_autodiff::array::Kind::U32;
    Var::from_dyn(hypertape_autodiff::record::apply("cast", &[v.to_dyn()], at, |b, x| b.cast(x[0], kind)))
}

trait IntoPair<A, B, C> {
    fn into_pair(self) -> ((A, B), C);
}
impl<A, B, C> IntoPair<A, B, C> for (A, B, C) {
    fn into_pair(self) -> ((A, B), C) {
        ((self.0, self.1), self.2)
    }
}
