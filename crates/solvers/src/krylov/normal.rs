//! Conjugate gradients on the normal equations.
use super::linear_solver::{LinearSolver, Map, Workspace, outcome, trivial};
use super::outcome::{Outcome, Status};
use super::vectors::{axpy, dot, from_right, norm, xpby};
use hypertape_autodiff::array::Real;

/// Conjugate gradients on AᵀA x = Aᵀb (CGNR; Hestenes and Stiefel 1952), for general A with its adjoint: two applications an iteration.
///
/// It never breaks down, and from x = 0 it finds the least-squares solution of minimum norm of a singular system; the condition number is squared. It
/// also ends where ‖Aᵀr‖ is zero to rounding: the status then says that the residual is the least possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NormalCg {
    /// The most iterations; by default 4 n + 10.
    pub iterations: Option<usize>,
}

impl NormalCg {
    /// The most iterations.
    #[must_use]
    pub fn max_iterations(mut self, n: usize) -> Self {
        self.iterations = Some(n);
        self
    }
}

impl<T: Real, E> LinearSolver<T, E> for NormalCg {
    fn name(&self) -> &'static str {
        "conjugate gradients on the normal equations"
    }
    fn workspace_len(&self, n: usize) -> usize {
        4 * n
    }
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E> {
        if let Some(o) = trivial(b, x) {
            return Ok(o);
        }
        let n = b.len();
        let [r, z, d, w] = work.split::<4>(n);
        let (limit, goal) = (self.iterations.unwrap_or(4 * n + 10), tolerance * norm(b));
        a.apply(x, r)?;
        from_right(b, r);
        if !a.apply_adjoint(r, z)? {
            return outcome(a, b, x, r, 0, tolerance, Status::Breakdown("no adjoint was given"));
        }
        d.copy_from_slice(z);
        let mut zz = dot(z, z);
        let epsilon = hypertape_autodiff::array::Element::to_f64(T::epsilon());
        let (mut k, mut status, mut largest) = (0, Status::IterationLimit, 0.0_f64);
        while norm(r) > goal && k < limit {
            // ‖A‖ ≥ ‖Ad‖/‖d‖ scales what counts as zero.
            if zz.sqrt() <= 4.0 * epsilon * largest * norm(r) || zz == 0.0 {
                status = Status::Breakdown("least squares: no smaller residual is possible");
                break;
            }
            a.apply(d, w)?;
            let ww = dot(w, w);
            if !ww.is_finite() {
                status = Status::Diverged;
                break;
            }
            if ww == 0.0 {
                status = Status::Breakdown("least squares: no smaller residual is possible");
                break;
            }
            largest = largest.max((ww / dot(d, d)).sqrt());
            let alpha = zz / ww;
            axpy(alpha, d, x);
            axpy(-alpha, w, r);
            a.apply_adjoint(r, z)?;
            let now = dot(z, z);
            xpby(z, now / zz, d);
            zz = now;
            k += 1;
        }
        outcome(a, b, x, r, k, tolerance, status)
    }
}
