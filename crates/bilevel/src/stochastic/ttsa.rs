//! TTSA: one inner step for each outer step, on two time scales.
use super::one_term::{OneTerm, one_term_settings};
use super::samples::Samples;
use super::stepping::StochasticLoop;
use crate::record::Record;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// The two-timescale stochastic approximation (Hong, Wai, Wang and Yang 2020): one inner step of SGD, an adjoint by one term of the Neumann series that is drawn, and
/// x ← P(x − β (∂h/∂x − ∂²g/∂x∂z v)). Its rates want α ∝ (1 + k)^(−2/5) and β ∝ (1 + k)^(−3/5): see [`Schedule::power`](crate::Schedule::power).
#[derive(Debug, Clone)]
pub struct Ttsa(OneTerm);

one_term_settings!(Ttsa);

impl StochasticLoop for Ttsa {
    fn name(&self) -> String {
        "TTSA".into()
    }
    fn check(&self) -> Result<(), ErrorKind> {
        self.0.check()
    }
    fn step(&self, samples: &mut Samples, state: &mut State) -> Result<Record> {
        let times = 1;
        self.0.step("TTSA", times, samples, state)
    }
}
