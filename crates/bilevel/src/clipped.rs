//! Descent with clipped entries: each outer variable moves by its own part of the hypergradient, at most by the step size.
use crate::domain::Domain;
use crate::estimator::Ask;
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::schedule::Schedule;
use crate::state::State;
use hypertape_autodiff::{Error, ErrorKind, Result};
use hypertape_linear::norm;

/// xᵢ ← P(xᵢ − α_k clip(gᵢ/r, −1, 1)), with r = ‖g‖/√n the root mean square of the hypergradient.
///
/// No variable moves by more than α, however long the hypergradient is, and entries below the mean size keep their proportions: between gradient descent, whose step
/// a few large entries decide, and descent by signs (Riedmiller and Braun 1993), which forgets sizes. It suits a weight for each training point (hyper-cleaning; Franceschi et al. 2017),
/// where the entries are of order 1/n and most of them say little. Only the direction of g counts, so the steps do not become shorter towards a minimum: let α fall by a [`Schedule`] for that.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_bilevel::{Aid, Bilevel, ClippedDescent, Run};
/// use hypertape_solvers::GradientDescent;
/// use ndarray::{Array1, arr1};
/// // z = x, and h = ½ Σ sᵢ (zᵢ − 1)², whose curvatures s differ by 10⁶.
/// let inner = Function::record((shape![2], shape![2]), |(z, x)| 0.5 * (z - x).square().sum())?;
/// let outer = Function::record((shape![2], shape![2]), |(z, _)| (0.5 * hypertape_autodiff::record::constant(&arr1(&[1e3, 1e-3]).into_shared()) * (z - 1.0).square()).sum())?;
/// let problem = Bilevel::new(&inner, &outer);
/// let found = Run::new(&problem, &Aid::new(&GradientDescent::new(&problem)), ClippedDescent::new(0.25))?.steps(1).start(Array1::zeros(2))?.go()?;
/// // g = −s: the first entry is clipped, and moves by α.
/// assert!((found.solution()[0] - 0.25).abs() < 1e-15 && found.solution()[1] > 0.0);
/// # Ok::<(), hypertape_bilevel::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClippedDescent {
    step: Schedule,
}

impl ClippedDescent {
    /// With the most that a variable moves in a step: a number, or a [`Schedule`].
    #[must_use]
    pub fn new(step: impl Into<Schedule>) -> Self {
        ClippedDescent { step: step.into() }
    }
}

/// clip(gᵢ/r, −1, 1).
fn clipped(g: &[f64]) -> Vec<f64> {
    // The root mean square does not depend on the scale of g, however small its entries are.
    let largest = g.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
    if largest == 0.0 {
        return vec![0.0; g.len()];
    }
    let scaled: Vec<f64> = g.iter().map(|g| g / largest).collect();
    let mean = norm(&scaled) / (g.len() as f64).sqrt();
    scaled.iter().map(|g| (g / mean).clamp(-1.0, 1.0)).collect()
}

impl OuterLoop for ClippedDescent {
    fn name(&self) -> String {
        "clipped descent".into()
    }
    fn check(&self, _: usize, domain: &Domain) -> Result<(), ErrorKind> {
        domain.scaled_by(&self.name())?;
        self.step.at(0).map(|_| ())
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        let e = problem.at(&state.free, &mut state.memory, Ask::default())?;
        let step = self.step.at(state.steps).map_err(|k| Error::new("clipped descent", k))?;
        let moved = problem.advance(&mut state.free, step, &clipped(&e.gradient));
        Ok(Record { moved, ..Record::of(&e) })
    }
}
