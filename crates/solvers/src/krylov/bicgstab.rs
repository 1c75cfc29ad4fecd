//! BiCGStab.
use super::linear_solver::{LinearSolver, Map, Workspace, outcome, trivial};
use super::outcome::{Outcome, Status};
use super::vectors::{axpy, dot, from_right, norm};
use hypertape_autodiff::array::Real;

/// BiCGStab (van der Vorst 1992), for general A: two applications an iteration and six vectors.
///
/// When ρ or ω vanishes it begins again from x with a new shadow residual; when that does not help, the status names the breakdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bicgstab {
    /// The most iterations; by default 2 n + 10.
    pub iterations: Option<usize>,
}

impl Bicgstab {
    /// The most iterations.
    #[must_use]
    pub fn max_iterations(mut self, n: usize) -> Self {
        self.iterations = Some(n);
        self
    }
}

/// Restarts after a breakdown or a false convergence.
const STARTS: usize = 8;

impl<T: Real, E> LinearSolver<T, E> for Bicgstab {
    fn name(&self) -> &'static str {
        "BiCGStab"
    }
    fn workspace_len(&self, n: usize) -> usize {
        6 * n
    }
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E> {
        if let Some(o) = trivial(b, x) {
            return Ok(o);
        }
        let n = b.len();
        let [r, shadow, p, v, t, best] = work.split::<6>(n);
        let (limit, goal) = (self.iterations.unwrap_or(2 * n + 10), tolerance * norm(b));
        let (mut k, mut status, mut least) = (0, Status::IterationLimit, f64::INFINITY);
        best.copy_from_slice(x);
        for _ in 0..STARTS {
            a.apply(x, r)?;
            from_right(b, r);
            let size = norm(r);
            if size < least {
                least = size;
                best.copy_from_slice(x);
            }
            if size <= goal || k >= limit || !size.is_finite() {
                break;
            }
            shadow.copy_from_slice(r);
            p.copy_from_slice(r);
            let mut rho = dot(shadow, r);
            status = Status::IterationLimit;
            while k < limit {
                a.apply(p, v)?;
                let along = dot(shadow, v);
                if along.abs() <= f64::EPSILON * f64::EPSILON * norm(shadow) * norm(v) {
                    status = Status::Breakdown("breakdown: the shadow residual is orthogonal to A p");
                    break;
                }
                let alpha = rho / along;
                axpy(alpha, p, x);
                axpy(-alpha, v, r);
                k += 1;
                if norm(r) <= goal {
                    break;
                }
                a.apply(r, t)?;
                let tt = dot(t, t);
                let omega = if tt > 0.0 { dot(t, r) / tt } else { 0.0 };
                if omega == 0.0 || !omega.is_finite() {
                    status = Status::Breakdown("breakdown: A r is orthogonal to r");
                    break;
                }
                axpy(omega, r, x);
                axpy(-omega, t, r);
                let (next, length) = (dot(shadow, r), norm(r));
                if length <= goal || !length.is_finite() {
                    break;
                }
                if next.abs() <= f64::EPSILON * norm(shadow) * length {
                    status = Status::Breakdown("breakdown: the residual is orthogonal to its shadow");
                    break;
                }
                let beta = next / rho * (alpha / omega);
                rho = next;
                // p ← r + β(p − ω v).
                axpy(-omega, v, p);
                super::vectors::xpby(r, beta, p);
            }
        }
        x.copy_from_slice(best);
        outcome(a, b, x, r, k, tolerance, status)
    }
}
