//! BiCGStab, and BiCGStab(2) where it breaks down.
use super::linear_solver::{LinearSolver, Map, Workspace, split};
use super::outcome::{Outcome, Status};
use super::stop::{Ended, Goal, Stop, stop_settings};
use super::system::{Asked, Scaled, run};
use super::vectors::{axpy, dot, fill_noise, from_right, norm, xpby};
use super::{gmres, hessenberg};
use hypertape_autodiff::array::Real;

/// BiCGStab (van der Vorst 1992), for general A: two applications an iteration and six vectors, eight after a breakdown.
///
/// When ρ, ω or ⟨r̂, A p⟩ vanishes, it begins again from the best x with a pseudo-random shadow residual r̂, as BiCGStab(2) (Sleijpen and Fokkema
/// 1993): its polynomials of degree two go on where A r is orthogonal to r, as for skew A. Where that breaks down eight times, systems of at most
/// 64 unknowns are handed over to GMRES; for larger ones the status names the breakdown. The outcome's remark says which method it was.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bicgstab {
    /// When it stops; by default after 2 n + 10 iterations.
    pub stop: Stop,
}

stop_settings!(Bicgstab);

/// Starts after breakdowns and false convergences.
const STARTS: usize = 9;
/// The largest system that is handed over.
const SMALL: usize = 64;
/// A cosine that counts as 0 for ω: below it a step of steepest descent takes nothing off.
const ORTHOGONAL: f64 = 1e-7;

/// The vectors of one start: r_0 … r_ℓ, u_0 … u_ℓ and the shadow residual.
struct Vectors<'a, T> {
    r: [&'a mut [T]; 3],
    u: [&'a mut [T]; 3],
    shadow: &'a mut [T],
}

impl<T: Real> Vectors<'_, T> {
    /// Iterations from the residual in r_0 until it is at or under the goal by its recursion, or the limit is reached. The error of the
    /// inner result is a breakdown.
    fn cycle<E>(
        &mut self,
        ell: usize,
        limit: usize,
        a: &mut Scaled<'_, T, E>,
        x: &mut [T],
        goal: &Goal,
        ended: &mut Ended,
    ) -> Result<Result<(), Status>, E> {
        let Vectors { r, u, shadow } = self;
        let target = goal.length.max(goal.floor());
        let tiny = 4.0 * goal.epsilon;
        let far = norm(shadow);
        let (mut rho, mut alpha, mut omega) = (1.0, 0.0, 1.0);
        u[0].fill(T::default());
        while ended.iterations < limit {
            rho *= -omega;
            for j in 0..ell {
                let next = dot(r[j], shadow);
                if next.abs() <= tiny * far * norm(r[j]) {
                    return Ok(Err(Status::Breakdown("breakdown: the residual is orthogonal to its shadow")));
                }
                let beta = alpha * next / rho;
                rho = next;
                r.iter().zip(u.iter_mut()).take(j + 1).for_each(|(r, u)| xpby(r, -beta, u));
                let (from, to) = u.split_at_mut(j + 1);
                a.apply(from[j], to[0])?;
                let along = dot(to[0], shadow);
                if along.abs() <= tiny * far * norm(to[0]) {
                    return Ok(Err(Status::Breakdown("breakdown: the shadow residual is orthogonal to A p")));
                }
                alpha = rho / along;
                r.iter_mut().zip(&u[1..]).take(j + 1).for_each(|(r, u)| axpy(-alpha, u, r));
                axpy(alpha, u[0], x);
                ended.iterations += 1;
                let length = norm(r[0]);
                if !length.is_finite() {
                    return Ok(Err(Status::Diverged));
                }
                if length <= target {
                    return Ok(Ok(()));
                }
                let (from, to) = r.split_at_mut(j + 1);
                a.apply(from[j], to[0])?;
            }
            // The part of r_0 along A r_0 … Aˡ r_0 is taken off.
            let length = norm(r[0]);
            let [residual, first, second] = r;
            let one = norm(first);
            if one == 0.0 {
                return Ok(Err(Status::Singular));
            }
            ended.norm = ended.norm.max(one / length);
            let part = dot(residual, first) / one / one;
            let mut gamma = [part, 0.0];
            if ell == 2 {
                let common = dot(second, first) / one / one;
                let whole = norm(second);
                axpy(-common, first, second);
                let two = norm(second);
                if two > tiny * whole {
                    gamma[1] = dot(residual, second) / two / two;
                    gamma[0] -= common * gamma[1];
                }
                // Back to A² r_0, which is what the steps are made of.
                axpy(common, first, second);
                omega = gamma[1];
            } else {
                omega = gamma[0];
                if omega.abs() * one <= ORTHOGONAL * length {
                    return Ok(Err(Status::Breakdown("breakdown: A r is orthogonal to r")));
                }
            }
            axpy(gamma[0], residual, x);
            axpy(gamma[1], first, x);
            axpy(-gamma[0], first, residual);
            axpy(-gamma[1], second, residual);
            let [direction, first, second] = u;
            axpy(-gamma[0], first, direction);
            axpy(-gamma[1], second, direction);
            let length = norm(residual);
            if !length.is_finite() {
                return Ok(Err(Status::Diverged));
            }
            if length <= target {
                return Ok(Ok(()));
            }
            if omega == 0.0 {
                return Ok(Err(Status::Breakdown("breakdown: A²r is orthogonal to r")));
            }
        }
        Ok(Ok(()))
    }
}

impl Bicgstab {
    fn iterate<T: Real, E>(
        &self,
        a: &mut Scaled<'_, T, E>,
        b: &[T],
        x: &mut [T],
        goal: &Goal,
        work: &mut Workspace<T>,
    ) -> Result<Ended, E> {
        let n = b.len();
        let limit = self.stop.iterations.unwrap_or(2 * n + 10);
        let mut ended = Ended::new(0, Status::IterationLimit);
        let mut degree = 1;
        let mut least = f64::INFINITY;
        for start in 0..=STARTS {
            let [r, r1, u, u1, shadow, best] = split::<T, 6>(&mut work.vectors, n);
            if start == 0 {
                a.start(b, x, r)?;
            } else {
                a.apply(x, r)?;
                from_right(b, r);
            }
            let size = norm(r);
            let before = least;
            if size < least {
                least = size;
                best.copy_from_slice(x);
            } else if start > 0 {
                x.copy_from_slice(best);
                a.apply(x, r)?;
                from_right(b, r);
            }
            ended.residual = Some(least);
            let stalled = ended.status == Status::Stalled && least > 0.5 * before;
            if least <= goal.length || stalled || ended.iterations >= limit || start == STARTS || !least.is_finite() {
                break;
            }
            shadow.copy_from_slice(r);
            if start > 0 {
                fill_noise(100 + start as u64, shadow);
            }
            let turn = if degree == 1 {
                let mut v = Vectors { r: [r, r1, &mut []], u: [u, u1, &mut []], shadow };
                v.cycle(1, limit, a, x, goal, &mut ended)?
            } else {
                let [r, r1, u, u1, shadow, _, r2, u2] = split::<T, 8>(&mut work.vectors, n);
                Vectors { r: [r, r1, r2], u: [u, u1, u2], shadow }.cycle(2, limit, a, x, goal, &mut ended)?
            };
            ended.status = match turn {
                Ok(()) if ended.iterations >= limit => Status::IterationLimit,
                // The recursion has converged; if the true residual has not, that is to be repaired, or rounding.
                Ok(()) => Status::Stalled,
                Err(breakdown) => {
                    degree = 2;
                    ended.remark = Some("BiCGStab broke down and was continued as BiCGStab(2)");
                    breakdown
                }
            };
        }
        let broken = matches!(ended.status, Status::Breakdown(_) | Status::Singular) && least > goal.length;
        if broken && n <= SMALL && ended.iterations < limit {
            x.fill(T::default());
            let rest = gmres::iterate(n, limit - ended.iterations, a, b, x, goal, work)?;
            let remark = Some("BiCGStab and BiCGStab(2) broke down and the system was handed over to GMRES");
            ended = Ended { iterations: ended.iterations + rest.iterations, norm: ended.norm.max(rest.norm), remark, ..rest };
        }
        Ok(ended)
    }
}

impl<T: Real, E> LinearSolver<T, E> for Bicgstab {
    fn name(&self) -> &'static str {
        "BiCGStab"
    }
    fn workspace_len(&self, n: usize) -> usize {
        let handed_over = if n <= SMALL { (n + 1) * n + hessenberg::len(n) + 2 * n } else { 0 };
        (8 * n).max(handed_over).max(super::probe::len(n, self.stop.probe))
    }
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E> {
        let asked = Asked { stop: &self.stop, tolerance, scaled: true };
        run(&asked, a, b, x, work, &mut |a, b, x, goal, work| self.iterate(a, b, x, goal, work))
    }
}
