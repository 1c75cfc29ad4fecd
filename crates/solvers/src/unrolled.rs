//! Unrolling: a fixed number of steps through the tape, under a choice of what is kept for the derivative.
use crate::handles;
use crate::keep::Keep;
use crate::method::{Method, Params, Solution, Unknown};
use crate::prepared::{fits, wrong};
use hypertape_autodiff::array::LeafType;
use hypertape_autodiff::error::Many;
use hypertape_autodiff::operation::Storage;
use hypertape_autodiff::record::{self, DynVar, Var, scan_storing, stop_gradient};
use hypertape_autodiff::tree::{Give, Structure, V, Vars};
use hypertape_autodiff::{ErrorKind, Site};

/// A method as a number of steps through the tape. Made by [`Solve::unroll`](crate::Solve::unroll).
#[derive(Debug, Clone)]
pub struct Unrolled<M> {
    method: M,
    steps: usize,
    keep: Keep,
}

impl<M> Unrolled<M> {
    pub(crate) fn new(method: M, steps: usize, keep: Keep) -> Self {
        Unrolled { method, steps, keep }
    }
    /// What is kept for the derivative.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }
    /// The method.
    pub fn method(&self) -> &M {
        &self.method
    }
    /// The number of steps.
    pub fn steps(&self) -> usize {
        self.steps
    }
    /// What is kept for the derivative.
    pub fn kept(&self) -> Keep {
        self.keep
    }
}

impl<M: Method> Unrolled<M> {
    /// The solution after the steps, inside a recording. Settings that cannot work make the recording fail, with the line of this call.
    #[track_caller]
    pub fn solve(&self, start: impl Give<Unknown<M>>, params: impl Give<Params<M>>) -> V<Solution<M>>
    where
        M: Method<Each = ()>,
    {
        self.run(start.give(), &params.give(), (), &mut |_, _| ()).0
    }
    /// The same with one step for each entry of the leading axis of `each`, which has as many entries as there are steps.
    #[track_caller]
    pub fn solve_over(&self, start: impl Give<Unknown<M>>, params: impl Give<Params<M>>, each: impl Give<M::Each>) -> V<Solution<M>> {
        self.run(start.give(), &params.give(), each.give(), &mut |_, _| ()).0
    }
    /// The solution after the steps, and every iterate z₁ … z_K stacked along a new leading axis.
    #[track_caller]
    pub fn trace(&self, start: impl Give<Unknown<M>>, params: impl Give<Params<M>>) -> (V<Solution<M>>, V<Solution<M>>)
    where
        M: Method<Each = ()>,
    {
        self.run(start.give(), &params.give(), (), &mut |s, p| self.method.solution(s, p))
    }

    #[track_caller]
    fn run<Y: Vars>(
        &self,
        start: V<Unknown<M>>,
        params: &V<Params<M>>,
        each: V<M::Each>,
        emit: &mut dyn FnMut(&V<M::State>, &V<Params<M>>) -> Y,
    ) -> (V<Solution<M>>, Y) {
        let at = Site::caller();
        record::on_behalf(at, &[crate::SOURCES], || self.run_at(start, params, each, emit, at))
    }
    fn run_at<Y: Vars>(
        &self,
        start: V<Unknown<M>>,
        params: &V<Params<M>>,
        each: V<M::Each>,
        emit: &mut dyn FnMut(&V<M::State>, &V<Params<M>>) -> Y,
        at: Site,
    ) -> (V<Solution<M>>, Y) {
        handles::known(self.method.name(), &[start.flat(), params.flat(), each.flat()].concat(), at);
        let types = [start.structure().leaf_types(), params.structure().leaf_types(), each.structure().leaf_types()];
        let name = self.method.name();
        let checked =
            fits(&self.method, [&types[0], &types[1], &types[2]], at).and_then(|()| self.check(&each).map_err(|p| wrong(name, p, at)));
        if let Err(e) = checked {
            record::fail(e);
            let state = self.method.start(start, params);
            return (self.method.solution(&state, params), emit(&state, params));
        }
        // Cotangents are checked where they come out, at what enters.
        let watched = |v: DynVar| if v.kind().is_real() { record::apply("watched", &[v], at, |b, x| b.watched(x[0], name)) } else { v };
        let (start, each) = (start.map(&mut { watched }), each.map(&mut { watched }));
        let params = &params.map(&mut { watched });
        let state = self.method.start(start, params);
        let emit = &mut |s: &V<M::State>| emit(s, params);
        let k = self.steps;
        let storage = match self.keep {
            Keep::Values => Storage::Values,
            Keep::Bytes(most) => Storage::Bytes(most),
            Keep::Sqrt => Storage::Bytes(roots(k, &state.structure().leaf_types())),
            Keep::All | Keep::Last(_) => Storage::Iterates,
        };
        if let Keep::Bytes(most) = self.keep {
            // Arrays of a state begin at whole doubles.
            let one: u64 = state.structure().leaf_types().iter().map(|t| (t.bytes() as u64).next_multiple_of(8)).sum();
            if most < one {
                record::fail(wrong(name, ErrorKind::TooFewBytes { given: most, needed: one }, at));
            }
        }
        let loops = Loops { method: &self.method, params, each: &each, storage };
        let (state, y) = match self.keep {
            Keep::All | Keep::Values | Keep::Bytes(_) | Keep::Sqrt => loops.stretch(state, 0, k, emit),
            Keep::Last(last) => {
                let (state, head) = loops.stretch(state, 0, k - last, emit);
                let state = self.method.resume(stop_gradient(&state), params);
                let (state, tail) = loops.stretch(state, k - last, last, emit);
                (state, join(&stop_gradient(&head), &tail))
            }
        };
        // A divergence is an error, with the iteration and the line where it began; so is a second derivative that is not to be had.
        let unsettled = self.method.unsettled(&state);
        let mut finite = |v: DynVar| {
            if !v.kind().is_real() {
                return v;
            }
            let v = unsettled.map_or(v, |left| record::apply("settled", &[v, left.to_dyn()], at, |b, x| b.settled(x[0], x[1], name)));
            record::apply("finite", &[v], at, |b, x| b.finite(x[0], name))
        };
        (self.method.solution(&state, params).map(&mut finite), y)
    }
    fn check(&self, each: &V<M::Each>) -> Result<(), ErrorKind> {
        let k = self.steps;
        if k == 0 {
            return Err(ErrorKind::setting("number of steps", 0.0, "unroll at least 1"));
        }
        if u32::try_from(k).is_err() {
            return Err(ErrorKind::setting("number of steps", k as f64, "more than can be counted; unroll fewer"));
        }
        match self.keep {
            Keep::Last(0) => {
                let what = "number of steps that `Keep::Last(0)` keeps";
                return Err(ErrorKind::setting(what, 0.0, "the derivative would be 0; keep at least 1"));
            }
            Keep::Last(last) if last > k => {
                return Err(ErrorKind::TooMany { of: Many::Last, given: last as u64, most: k as u64 });
            }
            _ => {}
        }
        for v in each.flat() {
            let n = handles::shape(v).first().copied();
            if let Some(entries) = n.filter(|n| *n != k) {
                return Err(ErrorKind::TooFewEntries { what: "data of the steps".into(), entries, iterations: k });
            }
        }
        self.method.check(Some(k))
    }
}

/// The bytes of 2⌈√k⌉ states, in which each array begins a cache line.
fn roots(k: usize, state: &[LeafType]) -> u64 {
    let root = if k.isqrt().pow(2) == k { k.isqrt() } else { k.isqrt() + 1 };
    let one: u64 = state.iter().map(|t| (t.bytes() as u64).next_multiple_of(64)).sum();
    one.saturating_mul(2 * root as u64)
}

/// Two stacks one after the other.
#[track_caller]
fn join<Y: Vars>(head: &Y, tail: &Y) -> Y {
    let mut tails = tail.flat().into_iter();
    let joined: Vec<_> = head.flat().into_iter().filter_map(|h| tails.next().map(|t| handles::join(&[h, t]))).collect();
    let mut joined = joined.into_iter();
    tail.map(&mut |t| joined.next().unwrap_or(t))
}

/// The loops of one unrolling.
struct Loops<'a, M: Method> {
    method: &'a M,
    params: &'a V<Params<M>>,
    each: &'a V<M::Each>,
    storage: Storage,
}

impl<M: Method> Loops<'_, M> {
    fn part(&self, from: usize, n: usize) -> V<M::Each> {
        let whole = |v| handles::shape(v).first() == Some(&n);
        self.each.map(&mut |v| if from == 0 && whole(v) { v } else { handles::rows(v, from, n) })
    }
    /// Steps `from..from + n`.
    fn stretch<Y: Vars>(&self, s: V<M::State>, from: usize, n: usize, emit: &mut dyn FnMut(&V<M::State>) -> Y) -> (V<M::State>, Y) {
        let (m, params, each) = (self.method, self.params, self.part(from, n));
        let moved = |k: Var<u32>| if from > 0 { k + from as u32 } else { k };
        if each.flat().is_empty() {
            return scan_storing(self.storage, s, n, |s, k| {
                let s = m.step_with_derivative(s, params, each.clone(), moved(k));
                let y = emit(&s);
                (s, y)
            });
        }
        scan_storing(self.storage, s, (each, handles::counters(n)), |s, (e, k)| {
            let s = m.step_with_derivative(s, params, e, moved(k));
            let y = emit(&s);
            (s, y)
        })
    }
}
