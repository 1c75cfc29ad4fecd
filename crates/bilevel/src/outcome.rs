//! What a run found, and why it ended.
use crate::calls::Phases;
use crate::domain::Domain;
use crate::leaves::Leaves;
use crate::record::Record;
use crate::state::State;
use hypertape_autodiff::tree::Structure;

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
    pub(crate) domain: Domain,
    pub(crate) params: P,
}

impl<P: Structure> Outcome<P> {
    /// The outer variables.
    #[must_use]
    pub fn solution(&self) -> P::Arrays {
        arrays(&self.params, &self.domain, &self.state.free)
    }
    /// The outer objective at these, where the loop has evaluated it there: L-BFGS and MAID do, searches do, and a run that ended by an objective that is held out goes back to where it did. Other loops step
    /// away from the point of their last value.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.state.value
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

/// The outer variables as arrays, from the variables that a loop moves.
pub(crate) fn arrays<P: Structure>(like: &P, domain: &Domain, free: &[f64]) -> P::Arrays {
    let mut x = free.to_vec();
    domain.outer_of(&mut x);
    Leaves::cut(&like.leaf_types(), &x).arrays(like)
}
