//! What makes the steps of a run: a loop with an estimator, a search, or a loop that sees mini-batches.
use crate::calls::Phases;
use crate::domain::{Bounds, Domain};
use crate::estimator::Oracle;
use crate::outer_loop::{Asked, OuterLoop, Seen};
use crate::record::Record;
use crate::search::{Failed, Search, step};
use crate::state::State;
use crate::stochastic::{Samples, StochasticLoop};

/// A step, and the point that its value is of, where that was to be kept and is not the one before the step.
type Made = hypertape_autodiff::Result<(Record, Option<Seen>)>;

/// What makes the steps.
pub(crate) trait Stepper {
    fn name(&self) -> String;
    /// The name of the loop alone.
    fn algorithm(&self) -> String;
    /// All settings in words: those of the loop, and those of the estimator.
    fn settings(&self) -> [String; 2];
    /// The entries of the inner unknown, where it is one vector.
    fn unknowns(&self) -> Option<usize>;
    fn step(&mut self, state: &mut State, watched: bool) -> Made;
    /// Whether it finds hypergradients.
    fn has_gradient(&self) -> bool {
        true
    }
    /// The trials that failed.
    fn failed(&mut self) -> Failed {
        vec![]
    }
    /// Whether what it takes for one is that of a mini-batch.
    fn is_noisy(&self) -> bool {
        false
    }
}

/// A loop that asks an estimator.
pub(crate) struct Estimating<A> {
    pub(crate) oracle: Box<dyn Oracle>,
    pub(crate) algorithm: A,
    pub(crate) domain: Domain,
}

impl<A: OuterLoop> Stepper for Estimating<A> {
    fn name(&self) -> String {
        format!("{}, {}", self.algorithm(), self.oracle.name())
    }
    fn algorithm(&self) -> String {
        self.algorithm.name()
    }
    fn settings(&self) -> [String; 2] {
        [format!("{:?}", self.algorithm), self.oracle.settings()]
    }
    fn unknowns(&self) -> Option<usize> {
        self.oracle.unknowns()
    }
    fn step(&mut self, state: &mut State, watched: bool) -> Made {
        // A loop that has solved where it stands need not do so again.
        let known = state.value.take().filter(|_| watched).map(|_| Seen { free: state.free.clone(), memory: state.memory.clone() });
        let mut asked = Asked { oracle: &mut *self.oracle, domain: &self.domain, watched: watched && known.is_none(), seen: None };
        let record = self.algorithm.step(&mut asked, state)?;
        Ok((record, known.or(asked.seen)))
    }
}

/// A search, which asks an estimator for values.
pub(crate) struct Searching<A> {
    pub(crate) oracle: Box<dyn Oracle>,
    pub(crate) search: A,
    pub(crate) bounds: Vec<Bounds>,
    pub(crate) failed: Failed,
}

impl<A: Search> Stepper for Searching<A> {
    fn name(&self) -> String {
        format!("{}, {}", self.algorithm(), self.oracle.name())
    }
    fn algorithm(&self) -> String {
        self.search.name()
    }
    fn settings(&self) -> [String; 2] {
        [format!("{:?}", self.search), self.oracle.settings()]
    }
    fn unknowns(&self) -> Option<usize> {
        self.oracle.unknowns()
    }
    fn step(&mut self, state: &mut State, watched: bool) -> Made {
        let record = step(&self.search, &mut *self.oracle, &self.bounds, state, &mut self.failed)?;
        let trial = state.vectors.last().filter(|_| watched);
        let seen = trial.map(|point| Seen { free: point.clone(), memory: state.memory.clone() });
        Ok((record, seen))
    }
    fn has_gradient(&self) -> bool {
        false
    }
    fn failed(&mut self) -> Failed {
        std::mem::take(&mut self.failed)
    }
}

/// A loop that sees mini-batches.
pub(crate) struct Sampling<A> {
    pub(crate) samples: Samples,
    pub(crate) algorithm: A,
}

impl<A: StochasticLoop> Stepper for Sampling<A> {
    fn name(&self) -> String {
        self.algorithm.name()
    }
    fn algorithm(&self) -> String {
        self.algorithm.name()
    }
    fn settings(&self) -> [String; 2] {
        [format!("{:?}", self.algorithm), self.samples.settings()]
    }
    fn unknowns(&self) -> Option<usize> {
        Some(self.samples.first().len())
    }
    fn step(&mut self, state: &mut State, _: bool) -> Made {
        state.value = None;
        let memory = &mut state.memory;
        if memory.solution.is_empty() {
            memory.solution = self.samples.first().to_vec();
        }
        if memory.adjoint.is_empty() {
            memory.adjoint = vec![0.0; memory.solution.len()];
        }
        self.samples.phases = Phases::default();
        let record = self.algorithm.step(&mut self.samples, state)?;
        Ok((Record { phases: self.samples.phases, ..record }, None))
    }
    fn is_noisy(&self) -> bool {
        true
    }
}
