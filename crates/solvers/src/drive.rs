//! The one loop that drives every method to its tolerance, as a recording.
use crate::handles::{at_most, choose, counters, double, largest, pick, require, setting, shape};
use crate::method::{Method, Params, Unknown};
use hypertape_autodiff::array::LeafType;
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{self, DynVar, Scalar, Var, counted_scan_until, scalar, scan};
use hypertape_autodiff::tree::{V, Vars};
use hypertape_autodiff::{Error, Site};

/// What the loop gives: the unknown, the secant pairs of a method that has some, steps run, and [last step undone, residual at the solution, tolerance, stalled]. The residual of a solution that
/// is not finite is NaN.
pub(crate) type Driven<M> = (V<Unknown<M>>, Option<[DynVar; 4]>, (Var<u32>, [Var; 4]));

/// A measure that is this much smaller is progress.
const FALL: f64 = 0.99;
/// So many iterations without progress, and two thirds of all, are a stall,
const STILL: f64 = 10.0;
/// unless the measure fell, however little, in more than this part of them.
const FALLING: f64 = 0.75;
/// A measure that has risen to more than this many times its best does not stall, it diverges.
const RISEN: f64 = 1e3;

/// Records the loop.
///
/// One turn measures the state and makes a step from it, which share their work. When the measure is at the tolerance, or not finite,
/// the state stays as it is and the loop ends: so the solution is the state that was measured. Where only the count ends it, nothing is measured in steps.
#[track_caller]
pub(crate) fn drive<M: Method>(m: &M, start: V<Unknown<M>>, params: &V<Params<M>>, each: V<M::Each>) -> Driven<M> {
    let number = |v: f64| scalar::<f64>(v);
    let state = m.start(start, params);
    if m.limits().only_counts() {
        return counted(m, state, params, each);
    }
    let absolute = require(m.name(), "tolerance", double(m.limits().tolerance), Condition::FiniteNotNegative);
    let relative = setting(m.name(), "relative tolerance", m.limits().relative, Condition::Fraction);
    let fixed = matches!(relative, Scalar::Value(0.0));
    let reach = |measure: Var| if fixed { absolute } else { absolute.max(double(relative) * measure) };
    // done; the measure where it is; the goal; the best measure, when it was, and how often the measure fell since; the last measure.
    let turn = |state: V<M::State>, [done, _, goal, best, at, falls, before]: [Var; 7], each: V<M::Each>, k: Var<u32>| {
        let measure: Var = double(Scalar::Var(m.stopping(&state, params)));
        let next = m.step(state.clone(), params, each, k);
        same_types(m.name(), &state, &next);
        let k = k.real::<f64>();
        let goal = if fixed { goal } else { pick(k.less_than(number(0.5)), reach(measure), goal) };
        let go = goal.less_than(measure) * at_most(measure, number(f64::MAX)) * (1.0 - done);
        let better = measure.less_than(FALL * best);
        let numbers = [
            1.0 - go,
            measure,
            goal,
            pick(better, measure, best),
            pick(better, k, at),
            pick(better, number(0.0), falls + measure.less_than(before)),
            measure,
        ];
        (choose(go, &next, &state), numbers)
    };
    let most = number(f64::MAX);
    let first = [number(0.0), most, absolute, most, number(0.0), number(0.0), most];
    let ((state, numbers), count) = if !each.flat().is_empty() {
        let (carry, running) = scan((state, first, number(0.0)), each, |(s, numbers, k), e| {
            let done = numbers[0];
            let (s, now) = turn(s, numbers, e, whole(k));
            ((s, now, k + 1.0 - done), ())
        })
        .0
        .into_pair();
        (carry, whole(running))
    } else if m.limits().iterations == 0 {
        ((state, first), whole(number(0.0)))
    } else {
        counted_scan_until(
            (state, first),
            m.limits().iterations,
            |(_, numbers)| numbers[0],
            |(s, numbers), k| turn(s, numbers, each.clone(), k),
        )
    };
    let [done, measure, goal, best, at, falls, _] = numbers;
    // What the loop measured decides: computed once more, it may round to the other side of the tolerance.
    let after: Var = double(Scalar::Var(m.stopping(&state, params)));
    let solution = m.unknown(&state, params);
    let residual = known(&solution, pick(done, measure, after));
    let none = at_most(count.real(), number(0.0));
    let goal = pick(none, reach(residual), goal);
    let (all, still) = (count.real::<f64>(), count.real::<f64>() - at);
    let stalled =
        (1.0 - done) * at_most((2.0 / 3.0 * all).max(STILL), still) * at_most(falls, FALLING * still) * at_most(residual, RISEN * best);
    (solution, m.secants(&state), (count, [done, residual, goal, stalled]))
}

/// The measure of a solution that is finite, else NaN: a step that is not finite may leave a measure of the one before.
#[track_caller]
fn known<W: Vars>(solution: &W, measure: Var) -> Var {
    let largest = largest(solution);
    // 0, or NaN.
    measure + (-largest + largest)
}

/// All iterations, and the measure at the end.
#[track_caller]
fn counted<M: Method>(m: &M, state: V<M::State>, params: &V<Params<M>>, each: V<M::Each>) -> Driven<M> {
    let step = |s: V<M::State>, e: V<M::Each>, k: Var<u32>| {
        let next = m.step(s.clone(), params, e, k);
        same_types(m.name(), &s, &next);
        next
    };
    let (state, steps) = if let Some(steps) = each.flat().first().map(|v| shape(*v).first().copied().unwrap_or(0)) {
        (scan(state, (each, counters(steps)), |s, (e, k)| (step(s, e, k), ())).0, steps)
    } else {
        let steps = m.limits().iterations;
        (scan(state, steps, |s, k| (step(s, each.clone(), k), ())).0, steps)
    };
    let residual: Var = double(Scalar::Var(m.stopping(&state, params)));
    let none = scalar::<f64>(0.0);
    let solution = m.unknown(&state, params);
    let residual = known(&solution, residual);
    (solution, m.secants(&state), (whole(scalar(steps as f64)), [none, residual, none, none]))
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
        record::fail(Error::new(name, problem).with_operands(given).at(Site::caller()));
    }
}

/// A whole number as a counter.
#[track_caller]
fn whole(v: Var) -> Var<u32> {
    let at = Site::caller();
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
