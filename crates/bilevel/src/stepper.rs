//! What makes the steps of a run: a loop with an estimator, a search, or a loop that sees mini-batches.
use crate::calls::Phases;
use crate::domain::{Bounds, Domain};
use crate::estimator::Oracle;
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::search::{Failed, Search, step};
use crate::state::State;
use crate::stochastic::{Samples, StochasticLoop};

/// What makes the steps.
pub(crate) trait Stepper {
    fn name(&self) -> String;
    /// The name of the loop alone.
    fn algorithm(&self) -> String;
    fn step(&mut self, state: &mut State) -> hypertape_autodiff::Result<Record>;
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
    fn step(&mut self, state: &mut State) -> hypertape_autodiff::Result<Record> {
        self.algorithm.step(&mut Asked { oracle: &mut *self.oracle, domain: &self.domain }, state)
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
    fn step(&mut self, state: &mut State) -> hypertape_autodiff::Result<Record> {
        step(&self.search, &mut *self.oracle, &self.bounds, state, &mut self.failed)
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
    fn step(&mut self, state: &mut State) -> hypertape_autodiff::Result<Record> {
        let memory = &mut state.memory;
        if memory.solution.is_empty() {
            memory.solution = self.samples.first().to_vec();
        }
        if memory.adjoint.is_empty() {
            memory.adjoint = vec![0.0; memory.solution.len()];
        }
        self.samples.phases = Phases::default();
        let record = self.algorithm.step(&mut self.samples, state)?;
        Ok(Record { phases: self.samples.phases, ..record })
    }
    fn is_noisy(&self) -> bool {
        true
    }
}
