//! Optimistic gradient descent: extragradient with the field that was seen last in the place of the first evaluation.
use crate::domain::Domain;
use crate::estimator::Ask;
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{Error, ErrorKind, Result};

/// u_k = P(w_k − α v(u_{k−1})), then w_{k+1} = P(w_k − α v(u_k)), with u_0 = w_0 (Popov 1980). One evaluation a step.
///
/// Without a domain that is u_{k+1} = u_k − 2α v(u_k) + α v(u_{k−1}). For a monotone L-Lipschitz field v and a constant α < 1/(2L) it converges. Records are of v(u_k); the run stands at w.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_bilevel::{Game, Optimistic, Run};
/// use ndarray::arr0;
/// let f = Function::record((shape![], shape![]), |(x, y)| x * y)?;
/// let found = Run::play(&Game::zero_sum(&f), Optimistic::new(0.4))?.steps(400).start((arr0(1.0), arr0(1.0)))?.go()?;
/// assert!(found.solution().0[[]].hypot(found.solution().1[[]]) < 1e-12);
/// # Ok::<(), hypertape_bilevel::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Optimistic {
    step: Schedule,
}

impl Optimistic {
    /// With step sizes α: a number, or a [`Schedule`].
    #[must_use]
    pub fn new(step: impl Into<Schedule>) -> Self {
        Optimistic { step: step.into() }
    }
}

impl OuterLoop for Optimistic {
    fn name(&self) -> String {
        "optimistic gradient descent".into()
    }
    fn check(&self, _: usize, _: &Domain) -> Result<(), ErrorKind> {
        self.step.at(0).map(|_| ())
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        let step = self.step.at(state.steps).map_err(|k| Error::new("optimistic gradient descent", k))?;
        // Vectors: the field that was seen last.
        let mut ahead = state.free.clone();
        if let Some(last) = state.vectors.first() {
            problem.advance(&mut ahead, step, last);
        }
        let there = problem.at(&ahead, &mut state.memory, Ask::default())?;
        let moved = problem.advance(&mut state.free, step, &there.gradient);
        let record = Record { moved, ..Record::of(&there) };
        state.vectors = vec![there.gradient];
        Ok(record)
    }
}
