//! Alternating gradient descent in a game: the second player sees what the first one has done.
use crate::domain::Domain;
use crate::estimator::Ask;
use crate::game::Game;
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::tree::Structure;
use hypertape_autodiff::{Error, ErrorKind, Result};

/// x ← P(x − α_k ∇_x F(x, y)), then y ← P(y − α_k ∇_y G(x, y)) at the new x.
///
/// On a bilinear game xᵀAy it neither converges nor leaves: with α‖A‖ < 2 it stays on an ellipse (Gidel et al. 2019). It is what generative adversarial networks are usually trained by.
/// The step evaluates both players' gradients twice and uses half of them.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_bilevel::{Alternating, Game, Run};
/// use ndarray::arr0;
/// let f = Function::record((shape![], shape![]), |(x, y)| x * y)?;
/// let game = Game::zero_sum(&f);
/// let found = Run::play(&game, Alternating::new(&game, 0.5))?.steps(1).start((arr0(1.0), arr0(1.0)))?.go()?;
/// // x = 1 − ½, then y = 1 + ½ · ½.
/// assert_eq!((found.solution().0[[]], found.solution().1[[]]), (0.5, 1.25));
/// # Ok::<(), hypertape_bilevel::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Alternating {
    step: Schedule,
    sizes: Result<[usize; 2]>,
}

impl Alternating {
    /// For a game, with step sizes α: a number, or a [`Schedule`].
    #[must_use]
    pub fn new<X: Structure, Y: Structure>(game: &Game<X, Y>, step: impl Into<Schedule>) -> Self {
        Alternating { step: step.into(), sizes: game.sizes() }
    }
}

impl OuterLoop for Alternating {
    fn name(&self) -> String {
        "alternating gradient descent".into()
    }
    fn check(&self, n: usize, _: &Domain) -> Result<(), ErrorKind> {
        let [first, second] = self.sizes.as_ref().map_err(|e| ErrorKind::Other(e.to_string()))?;
        if first + second != n {
            let problem =
                format!("it was made for a game of {first} and {second} entries, and this one has {n} in all; make it for this one");
            return Err(ErrorKind::Other(problem));
        }
        self.step.at(0).map(|_| ())
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        let [first, _] = self.sizes.clone()?;
        let step = self.step.at(state.steps).map_err(|k| Error::new("alternating gradient descent", k))?;
        let before = problem.at(&state.free, &mut state.memory, Ask::default())?;
        let one = |g: &[f64], mine: &dyn Fn(usize) -> bool| -> Vec<f64> {
            g.iter().enumerate().map(|(i, g)| if mine(i) { *g } else { 0.0 }).collect()
        };
        let by_first = problem.advance(&mut state.free, step, &one(&before.gradient, &|i| i < first));
        let after = problem.at(&state.free, &mut state.memory, Ask::default())?;
        let by_second = problem.advance(&mut state.free, step, &one(&after.gradient, &|i| i >= first));
        let mut record = Record { moved: by_first.hypot(by_second), ..Record::of(&before) };
        record.phases += after.phases;
        Ok(record)
    }
}
