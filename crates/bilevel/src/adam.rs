//! Projected Adam on the outer variables.
use crate::estimator::Ask;
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{Error, ErrorKind, Result, shape};
use hypertape_solvers::Adam;
use ndarray::Array1;

/// x ← P(x − Adam's step), by [`Adam`](hypertape_solvers::Adam) of the solvers (Kingma and Ba 2015), whose moments are saved with the run.
#[derive(Debug, Clone)]
pub struct OuterAdam {
    step: Schedule,
    decay: (f64, f64),
}

impl OuterAdam {
    /// With step sizes η, and β = (0.9, 0.999).
    #[must_use]
    pub fn new(step: impl Into<Schedule>) -> Self {
        OuterAdam { step: step.into(), decay: (0.9, 0.999) }
    }
    /// β₁ and β₂.
    #[must_use]
    pub fn decay(mut self, first: f64, second: f64) -> Self {
        self.decay = (first, second);
        self
    }
}

impl OuterLoop for OuterAdam {
    fn name(&self) -> String {
        "Adam".into()
    }
    fn check(&self, _: usize) -> Result<(), ErrorKind> {
        let inside = |b: f64| (0.0..1.0).contains(&b);
        if !inside(self.decay.0) || !inside(self.decay.1) {
            return Err(ErrorKind::setting("decay rate", self.decay.0, "give numbers from 0 to below 1"));
        }
        self.step.at(0).map(|_| ())
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        let e = problem.at(&state.free, &mut state.memory, Ask::default())?;
        let eta = self.step.at(state.steps).map_err(|k| Error::new("Adam", k))?;
        let n = state.free.len();
        let mut adam = Adam::new(eta, &shape![n]);
        adam.decay = self.decay;
        if let [m, r] = &state.vectors[..] {
            adam.restore(state.steps, vec![(m.clone(), r.clone())]);
        }
        let mut x = Array1::from_vec(state.free.clone()).into_dyn();
        adam.update(&mut x, &Array1::from_vec(e.gradient.clone()).into_dyn())?;
        let direction: Vec<f64> = state.free.iter().zip(&x).map(|(a, b)| a - b).collect();
        let moved = problem.advance(&mut state.free, 1.0, &direction);
        state.vectors = adam.moments().iter().flat_map(|(m, r)| [m.clone(), r.clone()]).collect();
        Ok(Record { moved, ..Record::of(&e) })
    }
}
