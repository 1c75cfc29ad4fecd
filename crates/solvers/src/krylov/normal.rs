//! Conjugate gradients on the normal equations.
use super::linear_solver::{LinearSolver, Map, Workspace, split};
use super::outcome::{Outcome, Status};
use super::stop::{Ended, Goal, Stop, stop_settings};
use super::system::{Asked, Scaled, run};
use super::tridiagonal::Tridiagonal;
use super::vectors::{axpy, dot, from_right, norm, xpby};
use hypertape_autodiff::array::Real;

/// Conjugate gradients on AᵀA x = Aᵀb (CGNR; Hestenes and Stiefel 1952), for general A with its adjoint: two applications an iteration.
///
/// It never breaks down; the condition number is squared. It also ends where ‖Aᵀr‖ is zero to rounding: the status then says that
/// the residual is the least possible. A singular system is refused as by the other methods, unless [`minimum_norm`](NormalCg::minimum_norm)
/// asks for one solution of the many.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NormalCg {
    /// When it stops; by default after 4 n + 10 iterations.
    pub stop: Stop,
    /// Whether the least-squares solution of minimum norm is asked for.
    pub minimum_norm: bool,
}

stop_settings!(NormalCg);

impl NormalCg {
    /// Asks for x = A⁺b: of all x with the least ‖b − A x‖, the one with the least ‖x‖. It begins at 0, whatever the start, and a system that
    /// has no solution or many is solved with the status `Converged` or `LeastSquares`.
    #[must_use]
    pub fn minimum_norm(mut self) -> Self {
        self.minimum_norm = true;
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
        let [r, z, d, w] = split::<T, 4>(&mut work.vectors, n);
        let mut coefficients = Tridiagonal::new(&mut work.numbers);
        let limit = self.stop.iterations.unwrap_or(4 * n + 10);
        let mut ended = Ended::new(0, Status::IterationLimit);
        if self.minimum_norm {
            x.fill(T::default());
        }
        a.start(b, x, r)?;
        let mut size = norm(r);
        ended.residual = Some(size);
        // What counts as zero of ‖Aᵀr‖/(‖A‖‖r‖).
        let zero = 4.0 * goal.epsilon * (n as f64).sqrt();
        let least_squares =
            if self.minimum_norm { Status::LeastSquares } else { Status::Breakdown("least squares: no smaller residual is possible") };
        let (mut least, mut most, mut largest) = (f64::INFINITY, 0.0_f64, 0.0_f64);
        for _ in 0..STARTS {
            if size <= goal.length || ended.iterations >= limit {
                break;
            }
            if !a.apply_adjoint(r, z)? {
                return Ok(Ended::new(ended.iterations, Status::Breakdown("no adjoint was given")));
            }
            d.copy_from_slice(z);
            ended.residual = None;
            coefficients.clear();
            let (mut zz, mut length, mut made, mut settled) = (dot(z, z), size, 0, false);
            let stopped = loop {
                let near = length <= goal.length.max(goal.floor());
                if ended.iterations >= limit || near && (settled || made >= n || length <= goal.floor()) {
                    break None;
                }
                // ‖A‖ ≥ ‖Ad‖/‖d‖ scales what counts as zero.
                if zz.sqrt() <= zero * largest * length || zz == 0.0 {
                    break (!near).then_some(least_squares);
                }
                a.apply(d, w)?;
                let (ww, dd) = (dot(w, w), dot(d, d));
                if !ww.is_finite() {
                    break Some(Status::Diverged);
                }
                if ww == 0.0 {
                    break (!near).then_some(least_squares);
                }
                largest = largest.max((ww / dd).sqrt());
                let alpha = zz / ww;
                axpy(alpha, d, x);
                axpy(-alpha, w, r);
                a.apply_adjoint(r, z)?;
                let now = dot(z, z);
                coefficients.push(ww / zz, now / zz);
                if near {
                    settled = !goal.moved(alpha * dd.sqrt(), length, norm(x));
                }
                xpby(z, now / zz, d);
                zz = now;
                length = norm(r);
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
            a.apply(x, w)?;
            from_right(b, w);
            let before = std::mem::replace(&mut size, norm(w));
            ended.residual = Some(size);
            if size > goal.length && size > 0.5 * before && ended.iterations < limit {
                ended.status = Status::Stalled;
                break;
            }
            r.copy_from_slice(w);
        }
        ended.norm = largest;
        if most > 0.0 {
            ended.condition = (most / least).sqrt();
        }
        Ok(ended)
    }
}

/// Starts after what looked like convergence; each but the last has halved the residual.
const STARTS: usize = 8;

impl<T: Real, E> LinearSolver<T, E> for NormalCg {
    fn name(&self) -> &'static str {
        "conjugate gradients on the normal equations"
    }
    fn workspace_len(&self, n: usize) -> usize {
        let kept = self.stop.iterations.unwrap_or(4 * n + 10).min(super::tridiagonal::KEPT);
        (4 * n + 2 * kept).max(super::probe::len(n, self.stop.probe))
    }
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E> {
        let stop = Stop { probe: if self.minimum_norm { 0 } else { self.stop.probe }, ..self.stop };
        let asked = Asked { stop: &stop, tolerance, scaled: true };
        run(&asked, a, b, x, work, &mut |a, b, x, goal, work| self.iterate(a, b, x, goal, work))
    }
}
