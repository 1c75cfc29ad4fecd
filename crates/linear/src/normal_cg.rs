//! Conjugate gradients on the normal equations.
use crate::scratch::{Scratch, split};
use crate::solver::{Ended, LinearSolver, State};
use crate::stop::{Goal, STARTS, Stop, stop_settings};
use crate::system::System;
use crate::tridiagonal::{KEPT, Tridiagonal};
use crate::vectors::{axpy, dot, from_right, norm, xpby};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// Conjugate gradients on AᵀA x = Aᵀb (CGNR; Hestenes and Stiefel 1952), for general A with its transpose: two applications an iteration.
///
/// It never breaks down; the condition number is squared. It also ends where ‖Aᵀr‖ is zero to rounding: then the residual is the
/// least possible, which fails as a breakdown that says so. A singular system is refused as by the other methods, unless
/// [`minimum_norm`](NormalCg::minimum_norm) asks for one solution of the many.
#[derive(Debug, Clone, Copy, Default)]
pub struct NormalCg {
    /// When it stops; by default after 10 n + 100 iterations.
    pub stop: Stop,
    /// Whether the least-squares solution of minimum norm is asked for.
    pub minimum_norm: bool,
}

stop_settings!(NormalCg);

impl NormalCg {
    /// Asks for x = A⁺b: of all x with the least ‖b − A x‖, the one with the least ‖x‖. It begins at 0, whatever the start, and a system that
    /// has no solution or many is solved with the status `Converged` or `LeastSquares`. So a derivative there is that of the solution which
    /// changes least.
    #[must_use]
    pub fn minimum_norm(mut self) -> Self {
        self.minimum_norm = true;
        self
    }
}

impl LinearSolver for NormalCg {
    fn name(&self) -> String {
        if self.minimum_norm { "normal CG, minimum norm".into() } else { "normal CG".into() }
    }
    fn stop(&self) -> Stop {
        // A null space is no fault where it is asked about.
        Stop { probe: if self.minimum_norm { 0 } else { self.stop.probe }, ..self.stop }
    }
    fn needs(&self) -> Vec<Need> {
        vec![Need::Transpose]
    }
    fn state_bytes(&self, n: usize) -> u64 {
        8 * (4 * n + 2 * self.stop.limit(n).min(KEPT)) as u64
    }
    fn state(&self, _: usize) -> Box<dyn State> {
        Box::new(Iterations { settings: *self, scratch: Scratch::default() })
    }
}

#[derive(Debug)]
struct Iterations {
    settings: NormalCg,
    scratch: Scratch,
}

impl State for Iterations {
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let n = b.len();
        let Scratch { vectors, numbers, .. } = &mut self.scratch;
        let settings = self.settings;
        let [r, z, d, w] = split::<4>(vectors, n);
        let mut coefficients = Tridiagonal::new(numbers);
        let limit = settings.stop.limit(n);
        let mut ended = Ended::new(0, Ok(Status::Stalled));
        if settings.minimum_norm {
            x.fill(0.0);
        }
        a.start(b, x, r)?;
        let mut size = norm(r);
        ended.residual = Some(size);
        // What counts as zero of ‖Aᵀr‖/(‖A‖‖r‖).
        let zero = 4.0 * goal.epsilon * (n as f64).sqrt();
        let least_squares = || least_squares(settings.minimum_norm);
        let (mut least, mut most, mut largest) = (f64::INFINITY, 0.0_f64, 0.0_f64);
        for _ in 0..STARTS {
            if size <= goal.length || ended.iterations >= limit {
                break;
            }
            a.apply_transposed(r, z)?;
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
                    break (!near).then(least_squares);
                }
                a.apply(d, w)?;
                let (ww, dd) = (dot(w, w), dot(d, d));
                if !ww.is_finite() {
                    break Some(Err(Failed::Diverged { growth: None, at: Reached::default() }));
                }
                if ww == 0.0 {
                    break (!near).then(least_squares);
                }
                largest = largest.max((ww / dd).sqrt());
                let alpha = zz / ww;
                axpy(alpha, d, x);
                axpy(-alpha, w, r);
                a.apply_transposed(r, z)?;
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
            if let Some(said) = stopped {
                ended.said = said;
                break;
            }
            a.apply(x, w)?;
            from_right(b, w);
            let before = std::mem::replace(&mut size, norm(w));
            ended.residual = Some(size);
            if size > goal.length && size > 0.5 * before && ended.iterations < limit {
                break;
            }
            r.copy_from_slice(w);
        }
        if matches!(ended.said, Ok(Status::Stalled)) && ended.iterations >= limit {
            ended.said = Ok(Status::IterationLimit);
        }
        ended.norm = largest;
        if most > 0.0 {
            (ended.condition, ended.smallest) = ((most / least).sqrt(), Some(least.sqrt()));
        }
        Ok(ended)
    }
}

/// What no smaller residual means: the answer where the minimum norm is asked for, else that there is none.
pub(crate) fn least_squares(asked: bool) -> Result<Status, Failed> {
    if asked {
        return Ok(Status::LeastSquares);
    }
    Err(Failed::Breakdown { what: "least squares: no smaller residual is possible", at: Reached::default() })
}
