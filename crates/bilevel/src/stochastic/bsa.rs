//! BSA: inner SGD that grows longer, an adjoint by one random term of the Neumann series.
use super::one_term::{OneTerm, one_term_settings};
use super::samples::Samples;
use super::stepping::StochasticLoop;
use crate::record::Record;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// The bilevel stochastic approximation (Ghadimi and Wang 2018): ⌈√(k + 1)⌉ inner steps of SGD at outer step k, an adjoint by one term of the Neumann series that is drawn, and
/// x ← P(x − β (∂h/∂x − ∂²g/∂x∂z v)).
#[derive(Debug, Clone)]
pub struct Bsa(OneTerm);

one_term_settings!(Bsa);

impl StochasticLoop for Bsa {
    fn name(&self) -> String {
        "BSA".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        self.0.check()
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let times = (state.steps as f64 + 1.0).sqrt().ceil() as usize;
        self.0.step("BSA", times, samples, state)
    }
}
