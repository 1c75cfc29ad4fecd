//! A run: outer steps with records, callbacks, early stopping, and a state that can be saved and resumed.
use crate::calls::Phases;
use crate::domain::Domain;
use crate::error::{Error, about};
use crate::estimator::{Estimator, Oracle};
use crate::file::{load, save};
use crate::leaves::{Leaves, flat, len};
use crate::outer_loop::OuterLoop;
use crate::problem::Bilevel;
use crate::record::Record;
use crate::search::Search;
use crate::state::{Best, State};
use crate::stepper::{Estimating, Sampling, Searching, Stepper};
use crate::stochastic::{Samples, Stochastic, StochasticLoop};
use hypertape_autodiff::array::LeafType;
use hypertape_autodiff::tree::{Feed, Structure};
use hypertape_autodiff::{ErrorKind, Site};
use hypertape_solvers::Equation;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// All steps were made.
    Steps,
    /// The hypergradient is at or under the tolerance.
    Tolerance,
    /// The gradients and products that were allowed are used up.
    Calls,
    /// The objective that is held out has not fallen for as many steps as were allowed. The state is that of its least value.
    HeldOut,
    /// The callback said so.
    Callback,
}

type Callback<P> = Box<dyn FnMut(&Record, &<P as Structure>::Arrays, &State) -> ControlFlow<()>>;
type HeldOut<P> = Box<dyn FnMut(&<P as Structure>::Arrays, &State) -> hypertape_autodiff::Result<f64>>;

/// Outer steps of a loop with an estimator. Made from a problem, started from outer variables or a file, then [`go`](Run::go).
pub struct Run<P: Structure> {
    stepper: Box<dyn Stepper>,
    domain: Domain,
    params: P,
    types: Vec<LeafType>,
    state: Option<State>,
    steps: u64,
    tolerance: Option<f64>,
    calls: u64,
    callback: Option<Callback<P>>,
    held_out: Option<(HeldOut<P>, u64)>,
    file: Option<(PathBuf, u64)>,
    /// Where it was made.
    at: Site,
}

impl<P: Structure> std::fmt::Debug for Run<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("name", &self.name()).field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// What a run found.
#[derive(Debug, Clone)]
pub struct Outcome<P: Structure> {
    /// Where it stands.
    pub state: State,
    /// One record for each step that was made.
    pub records: Vec<Record>,
    /// Why it ended.
    pub ended: Ended,
    /// Trials of a search that failed: their numbers, and why. Their value is ∞.
    pub failed: Vec<(u64, hypertape_autodiff::Error)>,
    domain: Domain,
    params: P,
}

impl<P: Structure> Outcome<P> {
    /// The outer variables.
    #[must_use]
    pub fn solution(&self) -> P::Arrays {
        arrays(&self.params, &self.domain, &self.state.free)
    }
    /// The least value of the objective that is held out, and the outer variables there, however the run has ended.
    #[must_use]
    pub fn best(&self) -> Option<(f64, P::Arrays)> {
        let best = self.state.best.as_ref()?;
        Some((best.value, arrays(&self.params, &self.domain, &best.state.free)))
    }
    /// What was evaluated in all steps.
    #[must_use]
    pub fn phases(&self) -> Phases {
        self.records.last().map_or(self.state.phases, |r| r.phases)
    }
}

fn arrays<P: Structure>(like: &P, domain: &Domain, free: &[f64]) -> P::Arrays {
    let mut x = free.to_vec();
    domain.outer_of(&mut x);
    Leaves::cut(&like.leaf_types(), &x).arrays(like)
}

impl<P: Structure> Run<P> {
    /// Of a problem, with an estimator of its hypergradient and an outer loop; 100 steps unless set.
    ///
    /// # Errors
    /// Settings that cannot work, functions that failed or do not fit.
    #[track_caller]
    pub fn new<Q: Equation<Params = P>>(
        problem: &Bilevel<Q>,
        estimator: &impl Estimator<Q>,
        algorithm: impl OuterLoop + 'static,
    ) -> Result<Self, Error> {
        let here = Site::caller();
        let (_, params) = problem.shapes().map_err(|e| about(e, here))?;
        let oracle = estimator.prepare(problem).map_err(|e| about(e, here))?;
        Self::ready(oracle, algorithm, problem.domain().clone(), params)
    }
    /// Of an estimator that is ready.
    #[track_caller]
    pub(crate) fn ready(oracle: Box<dyn Oracle>, algorithm: impl OuterLoop + 'static, domain: Domain, params: P) -> Result<Self, Error> {
        let (here, n) = (Site::caller(), len(&params.leaf_types()));
        algorithm.check(n, &domain).map_err(|kind| hypertape_autodiff::Error::new(algorithm.name(), kind).at(here))?;
        Ok(Self::of(Box::new(Estimating { oracle, algorithm, domain: domain.clone() }), domain, params))
    }
    /// Of a problem within a box, with an estimator that gives values, and a search. It needs no start, makes as many steps as the search has points unless set, and ends at the best point;
    /// the points and values of all trials are the vectors and numbers of its state.
    ///
    /// # Errors
    /// As [`new`](Run::new); a domain without finite bounds.
    #[track_caller]
    pub fn search<Q: Equation<Params = P>>(
        problem: &Bilevel<Q>,
        estimator: &impl Estimator<Q>,
        search: impl Search + 'static,
    ) -> Result<Self, Error> {
        let here = Site::caller();
        let (_, params) = problem.shapes().map_err(|e| about(e, here))?;
        let wrong = |kind| hypertape_autodiff::Error::new(search.name(), kind).at(here);
        let bounds = problem.domain().bounds(len(&params.leaf_types())).map_err(wrong)?;
        search.check(&bounds).map_err(wrong)?;
        let oracle = estimator.prepare(problem).map_err(|e| about(e, here))?;
        let steps = search.count(&bounds);
        let state = State { free: bounds.iter().map(|b| b.at(0.5)).collect(), ..State::default() };
        let run = Self::of(Box::new(Searching { oracle, search, bounds, failed: vec![] }), problem.domain().clone(), params);
        Ok(Run { steps, state: Some(state), ..run })
    }
    /// Of a problem that is seen in mini-batches, with a stochastic loop; 100 steps unless set.
    ///
    /// # Errors
    /// As [`new`](Run::new).
    #[track_caller]
    pub fn stochastic<S: Structure>(problem: &Stochastic<S, P>, algorithm: impl StochasticLoop + 'static) -> Result<Self, Error> {
        let here = Site::caller();
        let params = problem.params().map_err(|e| about(e, here))?;
        algorithm.check().map_err(|kind| hypertape_autodiff::Error::new(algorithm.name(), kind).at(here))?;
        let samples = Samples::new(problem).map_err(|e| about(e, here))?;
        Ok(Self::of(Box::new(Sampling { samples, algorithm }), problem.domain().clone(), params))
    }
    #[track_caller]
    fn of(stepper: Box<dyn Stepper>, domain: Domain, params: P) -> Self {
        Run {
            stepper,
            domain,
            types: params.leaf_types(),
            params,
            state: None,
            steps: 100,
            tolerance: None,
            calls: u64::MAX,
            callback: None,
            held_out: None,
            file: None,
            at: Site::caller(),
        }
    }
    /// The loop and the estimator.
    #[must_use]
    pub fn name(&self) -> String {
        self.stepper.name()
    }
    /// The most outer steps, those before a resumption included.
    #[must_use]
    pub fn steps(mut self, most: u64) -> Self {
        self.steps = most;
        self
    }
    /// Ends once the hypergradient is at or under this length: ‖x − P(x − g)‖ where a set holds the outer variables. The step that was begun there is made. Stochastic loops refuse it.
    #[must_use]
    pub fn tolerance(mut self, gradient: f64) -> Self {
        self.tolerance = Some(gradient);
        self
    }
    /// Ends once so many gradients and products were made, those before a resumption included.
    #[must_use]
    pub fn calls(mut self, most: u64) -> Self {
        self.calls = most;
        self
    }
    /// Calls back after every step, with its record, the outer variables and the state, whose `memory` has the inner solution and the adjoint that the step was made from, those of the outer variables before it: for progress, for pictures, to end the run.
    #[must_use]
    pub fn each(mut self, f: impl FnMut(&Record, &P::Arrays, &State) -> ControlFlow<()> + 'static) -> Self {
        self.callback = Some(Box::new(f));
        self
    }
    /// Looks at an objective that is held out after every step, and ends when it has not fallen for so many steps: then the outcome is the state of its least value. However the run ends, [`Outcome::best`] has it.
    /// The objective sees the outer variables after the step and the state, whose inner solution is that of the outer variables before it.
    #[must_use]
    pub fn held_out(mut self, patience: u64, f: impl FnMut(&P::Arrays, &State) -> hypertape_autodiff::Result<f64> + 'static) -> Self {
        self.held_out = Some((Box::new(f), patience));
        self
    }
    /// Saves the state to a file after so many steps, again and again, and at the end. A file is replaced in one step: a run that is killed while it writes leaves the state before.
    #[must_use]
    pub fn save(mut self, file: impl AsRef<Path>, every: u64) -> Self {
        self.file = Some((file.as_ref().to_path_buf(), every));
        self
    }
    /// Starts from outer variables, which are projected onto the domain.
    ///
    /// # Errors
    /// Arrays of other shapes, or that are not finite; a number that is not positive where the domain asks for it.
    #[track_caller]
    pub fn start(mut self, x: impl Feed<P>) -> Result<Self, Error> {
        let here = Site::caller();
        let mut free = flat("start", "the outer variables", &x, &self.types).map_err(|e| e.at(here))?;
        self.domain.free_of(&mut free).map_err(|kind| hypertape_autodiff::Error::new("start", kind).at(here))?;
        self.state = Some(State { free, ..State::default() });
        Ok(self)
    }
    /// Goes on from a state. Of one that another loop has left, the variables and what the estimator keeps are taken over, and nothing else.
    ///
    /// # Errors
    /// A state of another number of outer variables.
    #[track_caller]
    pub fn go_on(mut self, state: State) -> Result<Self, Error> {
        let n = len(&self.types);
        if state.free.len() != n {
            let problem = format!("the state has {} outer variables, and the problem {n}; give one of the same problem", state.free.len());
            return Err(hypertape_autodiff::Error::new("go_on", ErrorKind::Other(problem)).at(Site::caller()).into());
        }
        self.state = Some(state);
        Ok(self)
    }
    /// Goes on from a file that a run with the same loop and estimator has saved.
    ///
    /// # Errors
    /// A file that cannot be read or holds no state of such a run.
    #[track_caller]
    pub fn resume(self, file: impl AsRef<Path>) -> Result<Self, Error> {
        let state = load(file.as_ref(), &self.name())?;
        self.go_on(state)
    }
    /// The error of a step, with the state before it, which is saved too.
    fn stopped(&self, source: hypertape_autodiff::Error, state: State, best: Option<Box<Best>>) -> Error {
        let (step, state) = (state.steps, State { best, ..state });
        if let Some((file, _)) = &self.file {
            // The error of the step says more than one of the file would.
            let _ = save(file, &self.name(), &state);
        }
        Error::Step { step, source, state: Box::new(state) }
    }
    /// Makes the steps.
    ///
    /// # Errors
    /// [`Error::Step`] with the last good state where a step fails; a file that cannot be written; no start.
    pub fn go(mut self) -> Result<Outcome<P>, Error> {
        let mut state = self.state.take().ok_or(Error::NoStart)?;
        if self.tolerance.is_some() && self.stepper.is_noisy() {
            let problem = "a stochastic loop sees the gradients of mini-batches, which say nothing of where it stands; end it by steps, by calls or by an objective that is held out".to_string();
            return Err(hypertape_autodiff::Error::new(self.name(), ErrorKind::Other(problem)).at(self.at).into());
        }
        if let Some(t) = self.tolerance.filter(|t| t.is_nan() || *t < 0.0) {
            let kind = ErrorKind::setting("tolerance", t, "give 0 or a positive number");
            return Err(hypertape_autodiff::Error::new(self.name(), kind).at(self.at).into());
        }
        let algorithm = self.stepper.algorithm();
        if state.of != algorithm {
            // What another loop kept means something else here.
            state = State { of: algorithm, vectors: vec![], table: vec![], numbers: vec![], ..state };
        }
        if let Some((file, _)) = &self.file {
            // A path that cannot be written is found before anything is computed.
            save(file, &self.name(), &state)?;
        }
        let (began, mut outside, mut records) = (Instant::now(), Duration::ZERO, vec![]);
        let mut best = state.best.take();
        let name = self.name();
        let ended = loop {
            if state.steps >= self.steps {
                break Ended::Steps;
            }
            if state.phases.total() >= self.calls {
                break Ended::Calls;
            }
            let mut next = state.clone();
            let made = self.stepper.step(&mut next).and_then(|r| finite(r, self.stepper.has_gradient(), &next));
            let mut record = match made {
                Ok(record) => record,
                Err(source) => return Err(self.stopped(about(source, self.at), state, best)),
            };
            (record.step, next.steps) = (state.steps, state.steps + 1);
            next.phases += record.phases;
            record.phases = next.phases;
            record.seconds = (began.elapsed() - outside).as_secs_f64();
            if let Some(i) = self.domain.left_range(&next.free) {
                let problem = format!(
                    "the logarithm of positive outer variable {i} has become {}, whose exponential leaves the range of numbers; make shorter steps, or keep it in a box",
                    next.free[i]
                );
                let source = hypertape_autodiff::Error::new("outer step", ErrorKind::Other(problem));
                return Err(self.stopped(about(source, self.at), state, best));
            }
            let x = arrays(&self.params, &self.domain, &next.free);
            let looking = Instant::now();
            if let Some((f, _)) = &mut self.held_out {
                let looked = f(&x, &next).and_then(|v| {
                    let what = "the objective that is held out".into();
                    let wrong = || hypertape_autodiff::Error::new("outer step", ErrorKind::NotFinite { what, index: vec![], value: v });
                    if v.is_finite() { Ok(v) } else { Err(wrong()) }
                });
                let value = match looked {
                    Ok(value) => value,
                    Err(source) => return Err(self.stopped(source, state, best)),
                };
                record.held_out = Some(value);
                if best.as_ref().is_none_or(|b| value < b.value) {
                    best = Some(Box::new(Best { value, step: record.step, state: next.clone() }));
                }
            }
            outside += looking.elapsed();
            records.push(record);
            state = next;
            if let Some((file, every)) = &self.file
                && *every > 0
                && state.steps.is_multiple_of(*every)
            {
                save(file, &name, &State { best: best.clone(), ..state.clone() })?;
            }
            if let Some(f) = &mut self.callback {
                let called = Instant::now();
                let said = f(&record, &x, &state);
                outside += called.elapsed();
                if said.is_break() {
                    break Ended::Callback;
                }
            }
            if let (Some((_, patience)), Some(best)) = (&self.held_out, &best)
                && record.step.saturating_sub(best.step) >= *patience
            {
                break Ended::HeldOut;
            }
            if self.tolerance.is_some_and(|t| record.gradient <= t) {
                break Ended::Tolerance;
            }
        };
        if let (Ended::HeldOut, Some(best)) = (ended, &best) {
            state = best.state.clone();
        }
        state.best = best;
        if let Some((file, _)) = &self.file {
            save(file, &name, &state)?;
        }
        let failed = self.stepper.failed();
        if let Some((first, source)) = failed.first()
            && state.numbers.iter().all(|v| *v == f64::INFINITY)
        {
            return Err(Error::Step { step: *first, source: about(source.clone(), self.at), state: Box::new(state) });
        }
        Ok(Outcome { state, records, ended, failed, domain: self.domain, params: self.params })
    }
}

/// That a step has led to numbers.
fn finite(r: Record, has_gradient: bool, next: &State) -> hypertape_autodiff::Result<Record> {
    let wrong = |what: String, index: Vec<usize>, value: f64| {
        Err(hypertape_autodiff::Error::new("outer step", ErrorKind::NotFinite { what, index, value }))
    };
    if !r.value.is_finite() && has_gradient {
        return wrong("the outer objective".into(), vec![], r.value);
    }
    if has_gradient && !r.gradient.is_finite() {
        return wrong("the hypergradient".into(), vec![], r.gradient);
    }
    let memory = &next.memory;
    let all = [("the outer variable", &next.free), ("the inner variable", &memory.solution), ("the adjoint", &memory.adjoint)];
    for (what, v) in all.into_iter().chain(next.vectors.iter().map(|v| ("a vector of the loop", v))) {
        if let Some(i) = v.iter().position(|v| !v.is_finite()) {
            return wrong(what.into(), vec![i], v[i]);
        }
    }
    Ok(r)
}
