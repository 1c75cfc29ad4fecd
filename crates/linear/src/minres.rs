//! MINRES, for symmetric systems that need not be definite.
use crate::cg::symmetric;
use crate::operator::{Operator, Side};
use crate::preconditioner::{Chosen, Inverse, any_size, inverse, named, needs, preconditioner_setting};
use crate::scratch::{Scratch, split};
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, STARTS, Stop, stop_settings};
use crate::system::System;
use crate::triangle::{self, Triangle};
use crate::vectors::{axpy_two, dot, from_right, norm, scale};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// MINRES (Paige and Saunders 1975), for symmetric A, definite or not: saddle points, stationary points. One application and six vectors.
///
/// The Lanczos process A V = V T makes T tridiagonal; of all x in the space it has made, this one has the least ‖b − A x‖. T is rotated into a
/// triangle as it grows (Givens), so x is updated by vectors that only look two back. A preconditioner must be symmetric positive definite; the residual
/// is then the least in the norm of M⁻¹, and what is reported is ‖b − A x‖ as ever.
///
/// Symmetry is checked as by [`Cg`](crate::Cg). The condition number is estimated from the triangle, whose diagonal bounds the smallest singular value from
/// above: a far weaker estimate than that of CG, often by orders of magnitude.
///
/// ```
/// use hypertape_linear::{Minres, Prepare};
/// // Indefinite: conjugate gradients refuse it.
/// let a = ndarray::arr2(&[[1.0, 2.0], [2.0, -1.0]]);
/// let solved = Minres::default().prepare(a)?.solve(&[5.0, 0.0])?;
/// assert!(solved.outcome.converged() && (solved.x[0] - 1.0).abs() < 1e-14 && (solved.x[1] - 2.0).abs() < 1e-14);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Minres {
    /// When it stops; by default after 10 n + 100 iterations.
    pub stop: Stop,
    preconditioner: Chosen,
}

stop_settings!(Minres);
preconditioner_setting!(Minres);

impl LinearSolver for Minres {
    fn name(&self) -> String {
        named("MINRES", &self.preconditioner)
    }
    fn stop(&self) -> Stop {
        self.stop
    }
    fn needs(&self) -> Vec<Need> {
        needs(&self.preconditioner)
    }
    fn any_size(&self) -> bool {
        any_size(&self.preconditioner)
    }
    fn state_bytes(&self, n: usize) -> u64 {
        8 * (7 * n + triangle::len(self.stop.limit(n))) as u64 + self.preconditioner.as_ref().map_or(0, |p| p.bytes(n))
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        let inverse = inverse(&self.preconditioner, n);
        Box::new(Iterations { settings: self.clone(), inverse, symmetric: false, scratch: Scratch::default() })
    }
}

#[derive(Debug)]
struct Iterations {
    settings: Minres,
    inverse: Option<Box<dyn Inverse>>,
    /// Whether the operator was seen to be symmetric.
    symmetric: bool,
    scratch: Scratch,
}

impl State for Iterations {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        self.symmetric = false;
        self.inverse.as_mut().map_or(Ok(()), |p| p.prepare(a))
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let n = b.len();
        let Iterations { settings, inverse, symmetric: seen, scratch } = self;
        let Scratch { vectors, numbers, .. } = scratch;
        let [mut v, mut before, mut z, mut next, mut w, mut older, mut fresh] = split::<7>(vectors, n);
        let mut triangle = Triangle::new(numbers);
        if !(*seen || a.known().symmetric) {
            symmetric(a, [&mut *v, &mut *z, &mut *next])?;
            *seen = true;
        }
        let limit = settings.stop.limit(n);
        let mut ended = Ended::new(0, Ok(Status::Stalled));
        a.start(b, x, v)?;
        let mut size = norm(v);
        ended.residual = Some(size);
        let (mut most, mut least) = (0.0_f64, f64::INFINITY);
        for _ in 0..STARTS {
            if size <= goal.length || ended.iterations >= limit {
                break;
            }
            let first = precondition(inverse, a.side(), v, z, &mut ended)?;
            [&mut *before, &mut *w, &mut *older].into_iter().for_each(|v| v.fill(0.0));
            let (mut gamma, mut last, mut eta) = (first, 1.0, first);
            let ((mut c, mut s), (mut c0, mut s0)) = ((1.0, 0.0), (1.0, 0.0));
            let (mut made, mut settled) = (0, false);
            triangle.clear();
            // The residual that the recursion stands for, in its own norm, against that of the start.
            let enough = goal.length / size * first;
            let floor = goal.floor() / size * first;
            while ended.iterations < limit && gamma > 0.0 {
                let near = eta.abs() <= enough.max(floor);
                if near && (settled || made >= n || eta.abs() <= floor) {
                    break;
                }
                scale(1.0 / gamma, z);
                a.apply(z, next)?;
                let delta = dot(z, next);
                axpy_two([-delta / gamma, -gamma / last], [v, before], next);
                let image = precondition(inverse, a.side(), next, fresh, &mut ended)?;
                // Rounding of the span: the space is exhausted.
                let column = (if made > 0 { gamma } else { 0.0 }).hypot(delta).hypot(image);
                let image = if image <= 4.0 * goal.epsilon * column { 0.0 } else { image };
                if !column.is_finite() {
                    ended.said = Err(Failed::Diverged { growth: None, at: Reached::default() });
                    break;
                }
                // The first column has nothing above its diagonal: γ₁ is the length of the start.
                let beside = if made > 0 { gamma } else { 0.0 };
                let a0 = c * delta - c0 * s * beside;
                let a1 = a0.hypot(image);
                let a2 = s * delta + c0 * c * beside;
                let a3 = s0 * beside;
                most = most.max(column);
                if a1 <= 4.0 * goal.epsilon * most {
                    ended.said = Err(Failed::Singular { at: Reached::default(), flat: None });
                    break;
                }
                least = least.min(a1);
                triangle.push([a1, a2, a3]);
                (c0, s0) = (c, s);
                (c, s) = (a0 / a1, image / a1);
                // The vector of w that is oldest takes the new one, along which x moves.
                for (((older, w), z), x) in older.iter_mut().zip(&*w).zip(&*z).zip(&mut *x) {
                    *older = (z - a3 * *older - a2 * w) / a1;
                    *x += c * eta * *older;
                }
                std::mem::swap(&mut older, &mut w);
                if near {
                    settled = !goal.moved((c * eta).abs() * norm(w), eta.abs() * size / first, norm(x));
                }
                eta *= -s;
                (last, gamma) = (gamma, image);
                // v₋ ← v ← v₊, and the same of z.
                std::mem::swap(&mut before, &mut v);
                std::mem::swap(&mut v, &mut next);
                std::mem::swap(&mut z, &mut fresh);
                made += 1;
                ended.iterations += 1;
            }
            if inverse.is_none() {
                ended.smallest = triangle.smallest(ended.smallest);
            }
            a.apply(x, next)?;
            from_right(b, next);
            let old = std::mem::replace(&mut size, norm(next));
            ended.residual = Some(size);
            if ended.said.is_err() || size > goal.length && size > 0.5 * old {
                break;
            }
            v.copy_from_slice(next);
        }
        if ended.said.is_ok() && ended.iterations >= limit {
            ended.said = Ok(Status::IterationLimit);
        }
        if most > 0.0 {
            ended.norm = if inverse.is_some() { 0.0 } else { most };
            ended.condition = most / least.min(most);
        }
        Ok(ended)
    }
}

/// z = M⁻¹v; gives √(vᵀz), which is ‖v‖ without a preconditioner.
fn precondition(by: &mut Option<Box<dyn Inverse>>, side: Side, v: &[f64], z: &mut [f64], ended: &mut Ended) -> Result<f64, Failed> {
    let Some(by) = by else {
        z.copy_from_slice(v);
        return Ok(norm(v));
    };
    ended.preconditioned += 1;
    by.apply(side, v, z)?;
    let product = dot(v, z);
    if product >= 0.0 || !product.is_finite() {
        Ok(product.sqrt())
    } else {
        Err(Failed::NotDefinite { curvature: Some(product / dot(v, v)) })
    }
}
