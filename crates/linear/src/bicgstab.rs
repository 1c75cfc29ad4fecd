//! BiCGStab, and BiCGStab(2) where it breaks down.
use crate::operator::Operator;
use crate::preconditioner::{Chosen, Inverse, inverse, named, needs, preconditioner_setting};
use crate::scratch::{Scratch, split};
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop, stop_settings};
use crate::system::System;
use crate::vectors::{axpy, dot, fill_noise, from_right, norm, xpby};
use crate::{gmres, hessenberg, right};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// BiCGStab (van der Vorst 1992), for general A: two applications an iteration and six vectors, eight after a breakdown. A preconditioner stands at
/// the right: the residual is that of x.
///
/// When ρ, ω or ⟨r̂, A p⟩ vanishes, it begins again from the best x with a pseudo-random shadow residual r̂, as BiCGStab(2) (Sleijpen and Fokkema
/// 1993): its polynomials of degree two go on where A r is orthogonal to r, as for skew A. Where that breaks down eight times, systems of at most
/// 64 unknowns are handed over to GMRES; for larger ones the failure names the breakdown. The outcome's remark says which method it was.
#[derive(Debug, Clone, Default)]
pub struct Bicgstab {
    /// When it stops; by default after 10 n + 100 iterations.
    pub stop: Stop,
    preconditioner: Chosen,
}

stop_settings!(Bicgstab);
preconditioner_setting!(Bicgstab);

/// Starts after breakdowns and false convergences.
const STARTS: usize = 9;
/// The largest system that is handed over.
const SMALL: usize = 64;
/// A cosine that counts as 0 for ω: below it a step of steepest descent takes nothing off.
const ORTHOGONAL: f64 = 1e-7;

/// A division by zero, by its name.
fn broken(what: &'static str) -> Failed {
    Failed::Breakdown { what, at: Reached::default() }
}

/// The vectors of one start: r_0 … r_ℓ, u_0 … u_ℓ and the shadow residual.
struct Vectors<'a> {
    r: [&'a mut [f64]; 3],
    u: [&'a mut [f64]; 3],
    shadow: &'a mut [f64],
}

impl Vectors<'_> {
    /// Iterations from the residual in r_0 until it is at or under the goal by its recursion, or the limit is reached. The error of the
    /// inner result is a breakdown.
    fn cycle(
        &mut self,
        ell: usize,
        limit: usize,
        a: &mut System<'_>,
        x: &mut [f64],
        goal: &Goal,
        ended: &mut Ended,
    ) -> Result<Result<(), Failed>, Failed> {
        let Vectors { r, u, shadow } = self;
        let target = goal.length.max(goal.floor());
        let tiny = 4.0 * goal.epsilon;
        let far = norm(shadow);
        let (mut rho, mut alpha, mut omega) = (1.0, 0.0, 1.0);
        u[0].fill(0.0);
        while ended.iterations < limit {
            rho *= -omega;
            for j in 0..ell {
                let next = dot(r[j], shadow);
                if next.abs() <= tiny * far * norm(r[j]) {
                    return Ok(Err(broken("breakdown: the residual is orthogonal to its shadow")));
                }
                let beta = alpha * next / rho;
                rho = next;
                r.iter().zip(u.iter_mut()).take(j + 1).for_each(|(r, u)| xpby(r, -beta, u));
                let (from, to) = u.split_at_mut(j + 1);
                a.apply(from[j], to[0])?;
                let along = dot(to[0], shadow);
                if along.abs() <= tiny * far * norm(to[0]) {
                    return Ok(Err(broken("breakdown: the shadow residual is orthogonal to A p")));
                }
                alpha = rho / along;
                r.iter_mut().zip(&u[1..]).take(j + 1).for_each(|(r, u)| axpy(-alpha, u, r));
                axpy(alpha, u[0], x);
                ended.iterations += 1;
                let length = norm(r[0]);
                if !length.is_finite() {
                    return Ok(Err(Failed::Diverged { growth: None, at: Reached::default() }));
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
                return Ok(Err(Failed::Singular { at: Reached::default() }));
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
                    return Ok(Err(broken("breakdown: A r is orthogonal to r")));
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
                return Ok(Err(Failed::Diverged { growth: None, at: Reached::default() }));
            }
            if length <= target {
                return Ok(Ok(()));
            }
            if omega == 0.0 {
                return Ok(Err(broken("breakdown: A²r is orthogonal to r")));
            }
        }
        Ok(Ok(()))
    }
}

/// At most `limit` iterations, from x.
fn iterate(limit: usize, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal, work: &mut Scratch) -> Result<Ended, Failed> {
    let n = b.len();
    let mut ended = Ended::new(0, Ok(Status::IterationLimit));
    let mut degree = 1;
    let mut least = f64::INFINITY;
    for start in 0..=STARTS {
        let [r, r1, u, u1, shadow, best] = split::<6>(&mut work.vectors, n);
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
        let stalled = matches!(ended.said, Ok(Status::Stalled)) && least > 0.5 * before;
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
            let [r, r1, u, u1, shadow, _, r2, u2] = split::<8>(&mut work.vectors, n);
            Vectors { r: [r, r1, r2], u: [u, u1, u2], shadow }.cycle(2, limit, a, x, goal, &mut ended)?
        };
        ended.said = match turn {
            Ok(()) if ended.iterations >= limit => Ok(Status::IterationLimit),
            // The recursion has converged; if the true residual has not, that is to be repaired, or rounding.
            Ok(()) => Ok(Status::Stalled),
            Err(breakdown) => {
                degree = 2;
                ended.remark = Some("BiCGStab broke down and was continued as BiCGStab(2)");
                Err(breakdown)
            }
        };
    }
    let broken = matches!(ended.said, Err(Failed::Breakdown { .. } | Failed::Singular { .. })) && least > goal.length;
    if broken && n <= SMALL && ended.iterations < limit {
        x.fill(0.0);
        let rest = gmres::iterate(n, limit - ended.iterations, a, b, x, goal, work)?;
        let remark = Some("BiCGStab and BiCGStab(2) broke down and the system was handed over to GMRES");
        ended = Ended { iterations: ended.iterations + rest.iterations, norm: ended.norm.max(rest.norm), remark, ..rest };
    }
    Ok(ended)
}

impl LinearSolver for Bicgstab {
    fn name(&self) -> String {
        named("BiCGStab", &self.preconditioner)
    }
    fn stop(&self) -> Stop {
        self.stop
    }
    fn needs(&self) -> Vec<Need> {
        needs(&self.preconditioner)
    }
    fn state_bytes(&self, n: usize) -> u64 {
        let handed_over = if n <= SMALL { (n + 1) * n + hessenberg::len(n) + 2 * n } else { 0 };
        8 * (8 * n).max(handed_over) as u64 + right::bytes(&self.preconditioner, n)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        let inverse = inverse(&self.preconditioner, n);
        Box::new(Iterations { settings: self.clone(), inverse, scratch: Scratch::default(), beside: vec![] })
    }
}

#[derive(Debug)]
struct Iterations {
    settings: Bicgstab,
    inverse: Option<Box<dyn Inverse>>,
    scratch: Scratch,
    beside: Vec<f64>,
}

impl State for Iterations {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        self.inverse.as_mut().map_or(Ok(()), |p| p.prepare(a))
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let limit = self.settings.stop.limit(b.len());
        let Iterations { inverse, scratch, beside, .. } = self;
        right::solve(a, inverse, beside, b, x, |a, b, x| iterate(limit, a, b, x, goal, scratch))
    }
}
