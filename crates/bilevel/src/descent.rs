//! Projected gradient descent on the outer variables.
use crate::domain::Domain;
use crate::estimator::Ask;
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{Error, ErrorKind, Result};

/// x ← P(x − α_k ∇h(x)), with any estimate of ∇h: with [`Aid`](crate::Aid) of a fixed number of warm steps this is AID-BiO, with [`Recorded`](crate::Recorded) of an unrolled method ITD-BiO (Ji, Yang and Liang 2021).
#[derive(Debug, Clone)]
pub struct Descent {
    step: Schedule,
    ask: Ask,
}

impl Descent {
    /// With step sizes α: a number, or a [`Schedule`].
    #[must_use]
    pub fn new(step: impl Into<Schedule>) -> Self {
        Descent { step: step.into(), ask: Ask::default() }
    }
    /// Wants a certificate at every step.
    #[must_use]
    pub fn certified(mut self) -> Self {
        self.ask.certify = true;
        self
    }
}

impl OuterLoop for Descent {
    fn name(&self) -> String {
        "gradient descent".into()
    }
    fn check(&self, _: usize, _: &Domain) -> Result<(), ErrorKind> {
        self.step.at(0).map(|_| ())
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        let e = problem.at(&state.free, &mut state.memory, self.ask)?;
        let step = self.step.at(state.steps).map_err(|k| Error::new("gradient descent", k))?;
        let moved = problem.advance(&mut state.free, step, &e.gradient);
        Ok(Record { moved, ..Record::of(&e) })
    }
}
