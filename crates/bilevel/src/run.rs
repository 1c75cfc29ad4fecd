//! A run: outer steps with records, callbacks, early stopping, and a state that can be saved and resumed.
use crate::domain::Domain;
use crate::error::{Error, about};
use crate::estimator::{Estimator, Oracle};
use crate::file::{Identity, load, save};
use crate::leaves::{flat, len};
use crate::outcome::{Ended, Outcome, arrays};
use crate::outer_loop::{OuterLoop, Seen};
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
        let wrong = |kind| hypertape_autodiff::Error::new(algorithm.name(), kind).at(here);
        algorithm.check(n, &domain).map_err(wrong)?;
        if algorithm.sets_tolerances() && !oracle.takes_tolerances() {
            let problem = format!(
                "the tolerances of the inner and the adjoint solve are set by the loop, and the estimator `{}` has none that its error falls with; estimate by `Aid` with an adjoint solver that has a tolerance, such as CG, or take another loop, such as `Descent` or `OuterLbfgs`",
                oracle.name()
            );
            return Err(wrong(ErrorKind::Other(problem)).into());
        }
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
    /// Calls back after every step, with its record, the outer variables and the state: for progress, for pictures, to end the run. The state's `memory` has what the step solved last: the inner solution and the adjoint
    /// at the outer variables before the step, of `OuterLbfgs` and [`Maid`](crate::Maid) at those after it.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, shape};
    /// use hypertape_bilevel::{Aid, Bilevel, Descent, Ended, Run};
    /// use hypertape_solvers::{Lbfgs, Method};
    /// use ndarray::arr1;
    /// use std::ops::ControlFlow;
    /// // z = x and h = ½ z²: every step halves x.
    /// let inner = Function::record((shape![1], shape![1]), |(z, x)| 0.5 * (z - x).square().sum())?;
    /// let outer = Function::record((shape![1], shape![1]), |(z, _)| 0.5 * z.square().sum())?;
    /// let problem = Bilevel::new(&inner, &outer);
    /// let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12));
    /// let run = Run::new(&problem, &aid, Descent::new(0.5))?.each(|record, x, state| {
    ///     println!("step {}: value {}, x {}, z {}", record.step, record.value, x[[0]], state.memory.solution[0]);
    ///     if x[[0]] < 0.2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    /// });
    /// let found = run.start(arr1(&[1.0]))?.go()?;
    /// assert!(found.ended == Ended::Callback && found.records.len() == 3);
    /// # Ok::<(), hypertape_bilevel::Error>(())
    /// ```
    #[must_use]
    pub fn each(mut self, f: impl FnMut(&Record, &P::Arrays, &State) -> ControlFlow<()> + 'static) -> Self {
        self.callback = Some(Box::new(f));
        self
    }
    /// Looks at an objective that is held out at every step, and ends when it has not fallen for so many steps: then the outcome is the state of its least value. However the run ends, [`Outcome::best`] has it.
    ///
    /// The objective sees the outer variables that the value and the hypergradient of the same record are of, those before the step, and the state with `memory.solution` at these very variables: the first look is at
    /// the start, and none is at where the last step led, since nothing was solved there. Of a stochastic loop the solution is as far as this step has moved it; searches show each trial. It costs no solve.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, shape};
    /// use hypertape_bilevel::{Aid, Bilevel, Descent, Ended, Run};
    /// use hypertape_solvers::{Lbfgs, Method};
    /// use ndarray::arr1;
    /// // z = x goes to 1 by steps of a tenth of the way; what is held out is least at 0.5.
    /// let inner = Function::record((shape![1], shape![1]), |(z, x)| 0.5 * (z - x).square().sum())?;
    /// let outer = Function::record((shape![1], shape![1]), |(z, _)| 0.5 * (z - 1.0).square().sum())?;
    /// let problem = Bilevel::new(&inner, &outer);
    /// let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-12));
    /// let run = Run::new(&problem, &aid, Descent::new(0.1))?.held_out(3, |_, state| Ok((state.memory.solution[0] - 0.5).abs()));
    /// let found = run.start(arr1(&[0.0]))?.go()?;
    /// // 1 − 0.9ᵏ is nearest to 0.5 at k = 7, and three more steps see it rise.
    /// assert!(found.ended == Ended::HeldOut && found.records.len() == 11);
    /// let (least, x) = found.best().ok_or(hypertape_bilevel::Error::NoStart)?;
    /// assert!((x[[0]] - (1.0 - 0.9_f64.powi(7))).abs() < 1e-9 && (least - (x[[0]] - 0.5).abs()).abs() < 1e-9);
    /// assert_eq!(found.solution(), x);
    /// # Ok::<(), hypertape_bilevel::Error>(())
    /// ```
    #[must_use]
    pub fn held_out(mut self, patience: u64, f: impl FnMut(&P::Arrays, &State) -> hypertape_autodiff::Result<f64> + 'static) -> Self {
        self.held_out = Some((Box::new(f), patience));
        self
    }
    /// Saves the state to a file after so many steps, again and again, and at the end; 0 is at the end alone. A file is replaced in one step: a run that is killed while it writes leaves the state before.
    ///
    /// The file has the settings of loop and estimator, the numbers of variables and a checksum besides, by which [`resume`](Run::resume) knows it.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, shape};
    /// use hypertape_bilevel::{Adam, Aid, Bilevel, Run};
    /// use hypertape_solvers::{Lbfgs, Method};
    /// use ndarray::arr1;
    /// let inner = Function::record((shape![1], shape![1]), |(z, x)| 0.5 * (z - x).square().sum())?;
    /// let outer = Function::record((shape![1], shape![1]), |(z, _)| 0.5 * (z - 1.0).square().sum())?;
    /// let problem = Bilevel::new(&inner, &outer);
    /// let aid = Aid::new(&Lbfgs::new(&problem)).warm_start();
    /// let run = |rate: f64| Run::new(&problem, &aid, Adam::new(rate));
    /// let file = std::env::temp_dir().join(format!("run-{}.json", std::process::id()));
    /// run(0.1)?.steps(6).save(&file, 2).start(arr1(&[0.0]))?.go()?;
    /// // Four steps more lead where ten at once do, to the last bit.
    /// let resumed = run(0.1)?.steps(10).resume(&file)?.go()?;
    /// let whole = run(0.1)?.steps(10).start(arr1(&[0.0]))?.go()?;
    /// assert!(resumed.state == whole.state && resumed.records.len() == 4);
    /// // Other settings are refused by name.
    /// let refused = run(0.2)?.resume(&file).unwrap_err().to_string();
    /// assert!(refused.contains("its loop is `Adam { step: 0.1,"));
    /// # std::fs::remove_file(&file).ok();
    /// # Ok::<(), hypertape_bilevel::Error>(())
    /// ```
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
    /// Goes on from a state of the same problem, with these or other settings: what its loop knows of values and gradients is taken to hold. Of one that another loop has left, the variables and what the estimator keeps are
    /// taken over, and nothing else.
    ///
    /// # Errors
    /// A state of another number of outer or inner variables.
    #[track_caller]
    pub fn go_on(mut self, state: State) -> Result<Self, Error> {
        let n = len(&self.types);
        if state.free.len() != n {
            let problem = format!("the state has {} outer variables, and the problem {n}; give one of the same problem", state.free.len());
            return Err(hypertape_autodiff::Error::new("go_on", ErrorKind::Other(problem)).at(Site::caller()).into());
        }
        let found = state.memory.solution.len();
        if let Some(m) = self.stepper.unknowns().filter(|m| found > 0 && found != *m) {
            let problem = format!("the state has {found} inner variables, and the problem {m}; give one of the same problem");
            return Err(hypertape_autodiff::Error::new("go_on", ErrorKind::Other(problem)).at(Site::caller()).into());
        }
        self.state = Some(state);
        Ok(self)
    }
    /// Goes on from a file that a run with the same loop, the same estimator, the same settings of both and as many variables has saved. A run that has ended by its tolerance or its steps ends at once.
    /// Step sizes that are functions, settings of inner methods but for their tolerances and limits, and the data of the problem are not in the file, and not compared. See [`save`](Run::save) for an example.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read, [`Error::NoState`] for a damaged one and for one of another run, with what differs: [`State::load`] and [`go_on`](Run::go_on) go on from there with other settings.
    #[track_caller]
    pub fn resume(self, file: impl AsRef<Path>) -> Result<Self, Error> {
        let state = load(file.as_ref(), &self.identity())?;
        self.go_on(state)
    }
    /// What a file of this run says of it.
    fn identity(&self) -> Identity {
        let [algorithm, estimator] = self.stepper.settings();
        let within = if self.domain == Domain::all() { String::new() } else { format!(" within {:?}", self.domain) };
        Identity { algorithm: algorithm + &within, estimator, outer_variables: len(&self.types), inner_variables: self.stepper.unknowns() }
    }
    /// The error of a step, with the state before it, which is saved too.
    fn stopped(&self, source: hypertape_autodiff::Error, state: State, best: Option<Box<Best>>) -> Error {
        let (step, state) = (state.steps, State { best, ..state });
        if let Some((file, _)) = &self.file {
            // The error of the step says more than one of the file would.
            let _ = save(file, &self.identity(), &state);
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
            state = State { of: algorithm, vectors: vec![], table: vec![], numbers: vec![], value: None, gradient: None, ..state };
        }
        if let Some((file, _)) = &self.file {
            // A path that cannot be written is found before anything is computed.
            save(file, &self.identity(), &state)?;
        }
        let (began, mut outside, mut records) = (Instant::now(), Duration::ZERO, vec![]);
        let mut best = state.best.take();
        let identity = self.identity();
        let ended = loop {
            if self.tolerance.is_some_and(|t| state.gradient.is_some_and(|g| g <= t)) {
                break Ended::Tolerance;
            }
            if state.steps >= self.steps {
                break Ended::Steps;
            }
            if state.phases.total() >= self.calls {
                break Ended::Calls;
            }
            let mut next = state.clone();
            let made = self.stepper.step(&mut next, self.held_out.is_some());
            let made = made.and_then(|(r, seen)| Ok((finite(r, self.stepper.has_gradient(), &next)?, seen)));
            let (mut record, seen) = match made {
                Ok(made) => made,
                Err(source) => return Err(self.stopped(about(source, self.at), state, best)),
            };
            (record.step, next.steps) = (state.steps, state.steps + 1);
            next.gradient = Some(record.gradient).filter(|g| !g.is_nan());
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
            let looking = Instant::now();
            // A trial that failed has no solution to be looked at.
            if let Some((f, _)) = self.held_out.as_mut().filter(|_| record.value.is_finite()) {
                let Seen { free, memory } = seen.unwrap_or_else(|| Seen { free: state.free.clone(), memory: next.memory.clone() });
                let value = Some(record.value).filter(|_| !self.stepper.is_noisy());
                let there = State { free, memory, value, ..state.clone() };
                let looked = f(&arrays(&self.params, &self.domain, &there.free), &there).and_then(|v| {
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
                    best = Some(Box::new(Best { value, step: record.step, state: there }));
                }
            }
            outside += looking.elapsed();
            let x = arrays(&self.params, &self.domain, &next.free);
            records.push(record);
            state = next;
            if let Some((file, every)) = &self.file
                && *every > 0
                && state.steps.is_multiple_of(*every)
            {
                save(file, &identity, &State { best: best.clone(), ..state.clone() })?;
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
        };
        if let (Ended::HeldOut, Some(best)) = (ended, &best) {
            state = best.state.clone();
        }
        state.best = best;
        if let Some((file, _)) = &self.file {
            save(file, &identity, &state)?;
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
