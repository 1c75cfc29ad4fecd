//! Conjugate gradients.
use super::linear_solver::{LinearSolver, Map, Workspace, split};
use super::outcome::{Outcome, Status};
use super::stop::{Ended, Goal, Stop, stop_settings};
use super::system::{Asked, Scaled, run};
use super::tridiagonal::Tridiagonal;
use super::vectors::{axpy, dot, fill_noise, from_right, norm, xpby};
use hypertape_autodiff::array::Real;

/// Conjugate gradients (Hestenes and Stiefel 1952), for symmetric definite A: one application and 5 passes an iteration.
///
/// α = rᵀr/dᵀAd, x ← x + αd, r ← r − αAd, d ← r + (rᵀr)/(r₋ᵀr₋) d.
///
/// A negative definite A needs no more than negative α: that is −A x = −b, and the outcome's remark says so. Where directions with
/// ⟨d, A d⟩ of both signs are met, the status is `NegativeCurvature`.
///
/// Before it starts, ⟨u, A v⟩ = ⟨v, A u⟩ is checked on one pseudo-random pair; [`trusted`](Cg::trusted) leaves this check (two applications) and
/// the search for a null space ([`Stop::probe`]) out. When the recursion says that it has converged and the true residual does not, it begins
/// again from x, and ends as `Rounding` or `Stalled` where that does not halve the residual.
///
/// A small residual says little where A is ill-conditioned. So one more step is made when the residual is small enough, and as many as are
/// needed while a step still moves x by more than the accuracy asked for, from a residual that is 1/√ε times smaller. The condition
/// number is estimated from the coefficients (Lanczos).
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
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cg {
    /// When it stops; by default after 2 n + 10 iterations.
    pub stop: Stop,
    /// Whether the checks of symmetry and of a null space are left out.
    pub trusted: bool,
}

stop_settings!(Cg);

impl Cg {
    /// Leaves out the checks of symmetry and of a null space.
    #[must_use]
    pub fn trusted(mut self) -> Self {
        self.trusted = true;
        self.stop.probe = 0;
        self
    }

    fn iterate<T: Real, E>(
        &self,
        a: &mut Scaled<'_, T, E>,
        b: &[T],
        x: &mut [T],
        goal: &Goal,
        work: &mut Workspace<T>,
    ) -> Result<Ended, E> {
        let n = b.len();
        let [r, d, ad] = split::<T, 3>(&mut work.vectors, n);
        if !self.trusted && !symmetric(a, [&mut *r, &mut *d, &mut *ad])? {
            return Ok(Ended::new(0, Status::NotSymmetric));
        }
        let mut coefficients = Tridiagonal::new(&mut work.numbers);
        let limit = self.stop.iterations.unwrap_or(2 * n + 10);
        let mut ended = Ended::new(0, Status::IterationLimit);
        let (mut sign, mut least, mut most) = (0.0, f64::INFINITY, 0.0_f64);
        a.start(b, x, r)?;
        let mut size = norm(r);
        ended.residual = Some(size);
        // Further starts repair what the recursion of r has lost to rounding.
        for _ in 0..STARTS {
            if size <= goal.length || ended.iterations >= limit {
                break;
            }
            d.copy_from_slice(r);
            ended.residual = None;
            coefficients.clear();
            let (mut rr, mut made, mut settled) = (dot(r, r), 0, false);
            let stopped = loop {
                let length = rr.sqrt();
                let near = length <= goal.length.max(goal.floor());
                if ended.iterations >= limit || near && (settled || made >= n || length <= goal.floor()) {
                    break None;
                }
                a.apply(d, ad)?;
                let curvature = dot(d, ad);
                if !curvature.is_finite() || !rr.is_finite() {
                    break Some(Status::Diverged);
                }
                if curvature == 0.0 || curvature * sign < 0.0 {
                    // After convergence only the rounding of a direction is left.
                    break if near { None } else { Some(flat(norm(ad), norm(d), most, goal)) };
                }
                sign = curvature.signum();
                let alpha = rr / curvature;
                axpy(alpha, d, x);
                axpy(-alpha, ad, r);
                let now = dot(r, r);
                coefficients.push(1.0 / alpha, now / rr);
                if near {
                    settled = !goal.moved(alpha.abs() * norm(d), length, norm(x));
                }
                xpby(r, now / rr, d);
                rr = now;
                made += 1;
                ended.iterations += 1;
            };
            if let Some((low, high)) = coefficients.extremes() {
                (least, most) = (least.min(low), most.max(high));
            }
            if let Some(status) = stopped {
                ended.status = status;
                break;
            }
            a.apply(x, ad)?;
            from_right(b, ad);
            let before = std::mem::replace(&mut size, norm(ad));
            ended.residual = Some(size);
            if size > goal.length && size > 0.5 * before && ended.iterations < limit {
                ended.status = Status::Stalled;
                break;
            }
            r.copy_from_slice(ad);
        }
        if most > 0.0 {
            (ended.norm, ended.condition) = (most, most / least);
        }
        if sign < 0.0 {
            ended.remark = Some("the operator is negative definite: −A x = −b was solved");
        }
        Ok(ended)
    }
}

/// Starts after what looked like convergence; each but the last has halved the residual.
const STARTS: usize = 8;

/// A direction without curvature, or with curvature of the other sign: a null vector, or an indefinite operator.
fn flat(image: f64, length: f64, most: f64, goal: &Goal) -> Status {
    if length == 0.0 {
        Status::Breakdown("breakdown: a direction of length 0")
    } else if image <= 4.0 * goal.epsilon * most * length {
        Status::Singular
    } else {
        Status::NegativeCurvature
    }
}

/// Whether ⟨u, A v⟩ = ⟨v, A u⟩ for a pseudo-random pair, to the rounding of the operator.
fn symmetric<T: Real, E>(a: &mut dyn Map<T, E>, [u, v, w]: [&mut [T]; 3]) -> Result<bool, E> {
    let n = u.len();
    fill_noise(1, u);
    fill_noise(2, v);
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
        let kept = self.stop.iterations.unwrap_or(2 * n + 10).min(super::tridiagonal::KEPT);
        (3 * n + 2 * kept).max(super::probe::len(n, self.stop.probe))
    }
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E> {
        let asked = Asked { stop: &self.stop, tolerance, scaled: true };
        run(&asked, a, b, x, work, &mut |a, b, x, goal, work| self.iterate(a, b, x, goal, work))
    }
}
