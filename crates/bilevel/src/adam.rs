//! Adam on the outer variables, or on the players of a game.
use crate::domain::Domain;
use crate::estimator::Ask;
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Error, ErrorKind, Result, shape};
use hypertape_solvers::Optimiser;
use ndarray::Array1;
use std::cell::RefCell;

/// m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², x ← P(x − α_k m̂/(√v̂ + ε)), with m̂ = m/(1 − β₁ᵏ) and v̂ = v/(1 − β₂ᵏ) (Kingma and Ba 2015), for any estimate g of a hypergradient: the steps of [`AdamDescent`](hypertape_solvers::AdamDescent), by an [`Optimiser`] whose moments are saved with the run.
///
/// [`parts`](Adam::parts) gives entries of their own step sizes, as the generator and the discriminator of a generative adversarial network. √v is kept instead of v, so that gradients of any size are
/// taken. With a constant α it settles only to a distance near α.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_bilevel::{Adam, Game, Run};
/// use ndarray::arr0;
/// let f = Function::record((shape![], shape![]), |(x, y)| 0.5 * x * x + x * y - 0.5 * y * y)?;
/// let adam = Adam::new(0.1).parts([(1, 1.0), (1, 2.0)]);
/// let found = Run::play(&Game::zero_sum(&f), adam)?.steps(1).start((arr0(1.0), arr0(1.0)))?.go()?;
/// // The first step has the size α, whatever the gradient; that of y is twice as long, and ∇_y is −x + y = 0.
/// assert!((found.solution().0[[]] - 0.9).abs() < 1e-8 && found.solution().1[[]] == 1.0);
/// # Ok::<(), hypertape_bilevel::Error>(())
/// ```
#[derive(Clone)]
pub struct Adam {
    step: Schedule,
    decay: (f64, f64),
    epsilon: f64,
    parts: Vec<(usize, f64)>,
    /// What makes the steps, of size 1, once it is known of how many variables.
    steps: RefCell<Option<(usize, Optimiser<Leaf>)>>,
}

/// Its settings; what it keeps is in the state of a run.
impl std::fmt::Debug for Adam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Adam { step, decay, epsilon, parts, steps: _ } = self;
        f.debug_struct("Adam").field("step", step).field("decay", decay).field("epsilon", epsilon).field("parts", parts).finish()
    }
}

impl Adam {
    /// With step sizes α: a number, or a [`Schedule`]; β = (0.9, 0.999) and ε = 10⁻⁸ unless they are set.
    #[must_use]
    pub fn new(step: impl Into<Schedule>) -> Self {
        Adam { step: step.into(), decay: (0.9, 0.999), epsilon: 1e-8, parts: vec![], steps: RefCell::default() }
    }
    /// β₁ and β₂.
    #[must_use]
    pub fn decay(mut self, first: f64, second: f64) -> Self {
        self.decay = (first, second);
        self
    }
    /// ε.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
    /// Factors of α for parts of the variables, one after the other: so many entries of each.
    #[must_use]
    pub fn parts(mut self, parts: impl IntoIterator<Item = (usize, f64)>) -> Self {
        self.parts = parts.into_iter().collect();
        self
    }
}

impl OuterLoop for Adam {
    fn name(&self) -> String {
        "Adam".into()
    }
    fn check(&self, n: usize, domain: &Domain) -> Result<(), ErrorKind> {
        domain.scaled_by("Adam")?;
        self.step.at(0)?;
        if let Some(b) = [self.decay.0, self.decay.1].into_iter().find(|b| !(0.0..1.0).contains(b)) {
            return Err(ErrorKind::setting("decay rate", b, "give a number from 0 to below 1"));
        }
        if !(self.epsilon.is_finite() && self.epsilon > 0.0) {
            return Err(ErrorKind::setting("epsilon", self.epsilon, "give a finite positive number, such as 1e-8"));
        }
        if let Some((_, f)) = self.parts.iter().find(|(_, f)| !(f.is_finite() && *f >= 0.0)) {
            return Err(ErrorKind::setting("factor of a step size", *f, "give a finite number that is not negative"));
        }
        let all = self.parts.iter().fold(0_usize, |all, p| all.saturating_add(p.0));
        if !self.parts.is_empty() && all != n {
            return Err(ErrorKind::Other(format!("the parts have {all} entries, and the variables {n}; give as many")));
        }
        Ok(())
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        let e = problem.at(&state.free, &mut state.memory, Ask::default())?;
        let step = self.step.at(state.steps).map_err(|k| Error::new("Adam", k))?;
        let n = state.free.len();
        if step == 0.0 {
            return Ok(Record::of(&e));
        }
        let mut steps = self.steps.borrow_mut();
        let (first, second) = self.decay;
        if steps.as_ref().is_some_and(|(of, _)| *of != n) {
            *steps = None;
        }
        let made = || (n, Optimiser::adam(&shape![n], |m| m.step_size(1.0).decay(first, second).epsilon(self.epsilon)));
        let (_, adam) = steps.get_or_insert_with(made);
        // Vectors: m and √v. Numbers: the steps of Adam, which are not those of a run that came from another loop.
        match (&state.vectors[..], &state.numbers[..]) {
            ([m, r], [turns]) => adam.restore(*turns as u64, vec![m.clone(), r.clone()])?,
            _ => adam.reset(),
        }
        // From 0 the step itself, without the rounding of x.
        let mut x = Array1::zeros(n).into_dyn();
        adam.update(&mut x, &Array1::from_vec(e.gradient.clone()).into_dyn())?;
        let mut factors = self.parts.iter().flat_map(|(n, f)| std::iter::repeat_n(*f, *n));
        let direction: Vec<f64> = x.iter().map(|x| -step * factors.next().unwrap_or(1.0) * x).collect();
        let moved = problem.advance(&mut state.free, 1.0, &direction);
        state.vectors = adam.moments();
        state.numbers = vec![adam.updates() as f64];
        Ok(Record { moved, ..Record::of(&e) })
    }
}
