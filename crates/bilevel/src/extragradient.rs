//! The extragradient method: a step with the field of the point to which a step would lead.
use crate::domain::Domain;
use crate::estimator::Ask;
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{Error, ErrorKind, Result};

/// u = P(w − α_k v(w)), then w ← P(w − α_k v(u)) (Korpelevich 1976). Two evaluations a step.
///
/// For a monotone L-Lipschitz field v and α < 1/L it converges to a solution, where simultaneous descent may not. On a bilinear game xᵀAy each step shrinks the distance along a singular value s of A
/// by √(1 − α²s² + α⁴s⁴). See [`Game`](crate::Game) for an example.
#[derive(Debug, Clone)]
pub struct Extragradient {
    step: Schedule,
}

impl Extragradient {
    /// With step sizes α: a number, or a [`Schedule`].
    #[must_use]
    pub fn new(step: impl Into<Schedule>) -> Self {
        Extragradient { step: step.into() }
    }
}

impl OuterLoop for Extragradient {
    fn name(&self) -> String {
        "extragradient".into()
    }
    fn check(&self, _: usize, _: &Domain) -> Result<(), ErrorKind> {
        self.step.at(0).map(|_| ())
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        let step = self.step.at(state.steps).map_err(|k| Error::new("extragradient", k))?;
        let here = problem.at(&state.free, &mut state.memory, Ask::default())?;
        let mut ahead = state.free.clone();
        problem.advance(&mut ahead, step, &here.gradient);
        let there = problem.at(&ahead, &mut state.memory, Ask::default())?;
        let moved = problem.advance(&mut state.free, step, &there.gradient);
        let mut record = Record { moved, ..Record::of(&here) };
        record.phases += there.phases;
        Ok(record)
    }
}
