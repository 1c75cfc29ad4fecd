//! How far an unrolled derivative is from that of the limit, where no equation is known: from the factors by which the iterates contract.
use crate::flat;
use hypertape_autodiff::array::AnyView;
use hypertape_autodiff::error::Counted;
use hypertape_autodiff::tree::{Feed, Structure};
use hypertape_autodiff::{Error, ErrorKind, Result, Site};
use hypertape_linear::norm;

/// What the last iterates of a loop say of the distance between the derivative of its last iterate and that of its limit.
///
/// The factor is that of a linear convergence: the ratio of the lengths of two steps, over 1, 5 and 10 iterations, each to the power of one iteration. Where these agree the rest of the
/// derivative's series is geometric: ‖g − g*‖ ≈ ‖g_K − g_{K−1}‖ ρ/(1 − ρ). Where they do not (momentum, several slow modes, the first iterations), there is no estimate. Where an
/// equation is known, [`with_derivative`](super::Certifier::with_derivative) says more.
///
/// ```
/// use hypertape_autodiff::{Function, shape, tree::Ranked};
/// use hypertape_implicit::Limit;
/// use hypertape_autodiff::{record::zeros, tree::Leaf};
/// use hypertape_solvers::{GradientDescent, Method, Solve};
///
/// let inner = Function::record((shape![2], shape![]), |(z, a)| (0.5 * a.exp() * z.square() - z).sum())?;
/// let solver = GradientDescent::new(&inner).step_size(0.5).tolerance(0.0);
/// let through = |k| Function::record(shape![], |a| solver.unroll(k).solve(zeros(shape![2]), a).sum())?.gradient(-1.0);
/// let at = |k| solver.clone().max_iterations(k).solve(ndarray::arr1(&[0.0, 0.0]), -1.0).map(|s| s.solution);
/// let points = (29..=40).map(at).collect::<Result<Vec<_>, _>>()?;
/// let found = Limit::of::<Leaf, Leaf>(&points, [&through(39)?, &through(40)?])?;
/// let exact = -2.0 * 1.0_f64.exp();
/// let error = (through(40)?.number()? - exact).abs();
/// assert!(found.estimate.is_some_and(|e| e > error / 3.0 && e < 3.0 * error));
/// assert!(found.steps_to(1e-8).is_some_and(|k| k > 50 && k < 150));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Limit {
    /// The factor of one iteration: that over ten.
    pub factor: f64,
    /// The factors over 1, 5 and 10 iterations.
    pub factors: [f64; 3],
    /// An estimate of ‖g − g*‖, where the factors agree within a tenth of 1 − ρ and are below 1.
    pub estimate: Option<f64>,
    /// ‖g‖.
    pub size: f64,
}

/// Iterates that are needed: eleven steps between them.
const ITERATES: usize = 12;
/// Over how many iterations factors are taken.
const SPANS: [usize; 3] = [1, 5, 10];
/// By how much of 1 − ρ factors may differ.
const AGREE: f64 = 0.1;

/// The real leaves in one vector.
fn packed<S: Structure>(x: &impl Feed<S>) -> Vec<f64> {
    let mut out = vec![];
    x.feed(&mut |v: AnyView<'_>| {
        if v.kind().is_real() {
            let from = out.len();
            out.resize(from + v.shape().iter().product::<usize>(), 0.0);
            flat::pack(std::iter::once(v), &mut out[from..]);
        }
    });
    out
}

fn apart(a: &[f64], b: &[f64]) -> Result<f64> {
    if a.len() != b.len() {
        return Err(Error::new("limit", ErrorKind::count(Counted::Leaves, a.len(), b.len())));
    }
    Ok(norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>()))
}

impl Limit {
    /// From the last 12 iterates or more, the last one last, and the derivatives of the last but one and of the last.
    ///
    /// # Errors
    /// Fewer iterates, or such that do not have one size.
    #[track_caller]
    pub fn of<W: Structure, P: Structure>(points: &[impl Feed<W>], derivatives: [impl Feed<P>; 2]) -> Result<Self> {
        let here = Site::caller();
        if points.len() < ITERATES {
            let kind = ErrorKind::TooFewEntries { what: "list of iterates".into(), entries: points.len(), iterations: ITERATES };
            return Err(Error::new("limit", kind).at(here));
        }
        let last: Vec<Vec<f64>> = points[points.len() - ITERATES..].iter().map(packed).collect();
        let steps = last.windows(2).map(|p| apart(&p[0], &p[1])).collect::<Result<Vec<_>>>().map_err(|e| e.or_at(here))?;
        let newest = steps.len() - 1;
        let factors = SPANS.map(|k| (steps[newest] / steps[newest - k]).powf(1.0 / k as f64));
        let factor = factors[2];
        let [before, now] = derivatives.each_ref().map(packed);
        let moved = apart(&now, &before).map_err(|e| e.or_at(here))?;
        let settled = factor < 1.0 && factors.iter().all(|f| (f - factor).abs() <= AGREE * (1.0 - factor));
        // An iterate that stands still has arrived, as far as can be told.
        let estimate = if moved == 0.0 && steps[newest] == 0.0 { Some(0.0) } else { settled.then(|| moved * factor / (1.0 - factor)) };
        Ok(Limit { factor, factors, estimate, size: norm(&now) })
    }
    /// How many iterations more bring the derivative to this relative error, at the factor that was found; 0 where it is there. None where the factors do not agree.
    #[must_use]
    pub fn steps_to(&self, relative_error: f64) -> Option<u64> {
        let goal = relative_error * self.size;
        let error = self.estimate?;
        if error <= goal {
            return Some(0);
        }
        let steps = (error / goal).ln() / -self.factor.ln();
        (steps.is_finite() && steps < 9e15).then(|| steps.ceil() as u64)
    }
}
