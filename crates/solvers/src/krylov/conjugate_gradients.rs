//! Conjugate gradients.
use super::linear_solver::{LinearSolver, Map, Workspace, outcome, trivial};
use super::outcome::{Outcome, Status};
use super::vectors::{axpy, dot, from_right, narrow, noise, norm, xpby};
use hypertape_autodiff::array::Real;

/// Conjugate gradients (Hestenes and Stiefel 1952), for symmetric positive definite A: one application and 5 passes an iteration.
///
/// α = rᵀr/dᵀAd, x ← x + αd, r ← r − αAd, d ← r + (rᵀr)/(r₋ᵀr₋) d.
///
/// Before it starts, ⟨u, A v⟩ = ⟨v, A u⟩ is checked on one pseudo-random pair; [`trusted`](Cg::trusted) leaves the check (two
/// applications) out. A direction with ⟨d, A d⟩ ≤ 0 ends it with the status `NegativeCurvature`. When the recursion says that it has converged and
/// the true residual does not, it begins again from x.
///
/// ```
/// use hypertape_solvers::krylov::{Cg, LinearSolver, Workspace};
/// let mut a = |x: &[f64], y: &mut [f64]| {
///     (y[0], y[1]) = (2.0 * x[0] + x[1], x[0] + 3.0 * x[1]);
///     Ok::<(), String>(())
/// };
/// let mut x = [0.0, 0.0];
/// let outcome = Cg::default().solve(&mut a, &[3.0, 4.0], &mut x, 1e-14, &mut Workspace::new())?;
/// assert!(outcome.converged() && outcome.iterations == 2 && (x[0] - 1.0).abs() < 1e-13);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cg {
    /// The most iterations; by default 2 n + 10.
    pub iterations: Option<usize>,
    /// Whether the check of symmetry is left out.
    pub trusted: bool,
}

impl Cg {
    /// The most iterations.
    #[must_use]
    pub fn max_iterations(mut self, n: usize) -> Self {
        self.iterations = Some(n);
        self
    }
    /// Leaves out the check of symmetry.
    #[must_use]
    pub fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }
}

/// Whether ⟨u, A v⟩ = ⟨v, A u⟩ for a pseudo-random pair, to the rounding of the operator.
pub(super) fn symmetric<T: Real, E>(a: &mut dyn Map<T, E>, [u, v, w]: [&mut [T]; 3]) -> Result<bool, E> {
    let n = u.len();
    u.iter_mut().enumerate().for_each(|(i, u)| *u = narrow(noise(1, i)));
    v.iter_mut().enumerate().for_each(|(i, v)| *v = narrow(noise(2, i)));
    a.apply(v, w)?;
    let (left, size) = (dot(u, w), norm(u) * norm(w));
    a.apply(u, w)?;
    let (right, other) = (dot(v, w), norm(v) * norm(w));
    let epsilon = a.epsilon();
    let allowed = epsilon.sqrt() * 0.1 * size.max(other) / (n.max(1) as f64).sqrt() + 64.0 * epsilon * (n as f64).sqrt() * size.max(other);
    // What is not finite is left to the solve, which names it.
    Ok((left - right).abs() <= allowed || !(left - right).is_finite())
}

impl<T: Real, E> LinearSolver<T, E> for Cg {
    fn name(&self) -> &'static str {
        "conjugate gradients"
    }
    fn workspace_len(&self, n: usize) -> usize {
        3 * n
    }
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E> {
        if let Some(o) = trivial(b, x) {
            return Ok(o);
        }
        let n = b.len();
        let [r, d, ad] = work.split::<3>(n);
        if !self.trusted && !symmetric(a, [&mut *r, &mut *d, &mut *ad])? {
            return outcome(a, b, x, r, 0, tolerance, Status::NotSymmetric);
        }
        let (limit, goal) = (self.iterations.unwrap_or(2 * n + 10), tolerance * norm(b));
        let mut k = 0;
        // A second and third start repair what the recursion of r has lost to rounding.
        for _ in 0..3 {
            a.apply(x, r)?;
            from_right(b, r);
            d.copy_from_slice(r);
            let mut rr = dot(r, r);
            let start = rr.sqrt();
            while rr.sqrt() > goal && k < limit {
                a.apply(d, ad)?;
                let curvature = dot(d, ad);
                if !curvature.is_finite() || !rr.is_finite() {
                    return outcome(a, b, x, r, k, tolerance, Status::Diverged);
                }
                if curvature <= 0.0 {
                    let status =
                        if dot(d, d) == 0.0 { Status::Breakdown("breakdown: a direction of length 0") } else { Status::NegativeCurvature };
                    return outcome(a, b, x, r, k, tolerance, status);
                }
                let alpha = rr / curvature;
                axpy(alpha, d, x);
                axpy(-alpha, ad, r);
                let now = dot(r, r);
                xpby(r, now / rr, d);
                rr = now;
                k += 1;
            }
            let found = outcome(a, b, x, ad, k, tolerance, Status::IterationLimit)?;
            if found.converged() || k >= limit || found.residual > 0.5 * start {
                return Ok(found);
            }
        }
        outcome(a, b, x, r, k, tolerance, Status::IterationLimit)
    }
}
