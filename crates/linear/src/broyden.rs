//! Broyden's method on a linear system.
use crate::operator::Operator;
use crate::scratch::{Scratch, split};
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::step::{self, Step, step_settings};
use crate::stop::{Goal, STARTS, Stop, stop_settings};
use crate::system::System;
use crate::vectors::{axpy, dot, from_right, norm};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// Broyden's "good" method (Broyden 1965) on b − A x = 0, with an inverse of limited memory that begins as α I, as equilibrium networks use it (Bai, Kolter and Koltun 2019):
/// one application an iteration and 2m + 4 vectors.
///
/// With room for all pairs it ends after 2n steps (Gay 1979). When its memory is full it begins again from α I. α is the step of the method that found the
/// point, unless another is given.
///
/// ```
/// use hypertape_linear::{Broyden, Prepare};
/// let a = ndarray::arr2(&[[4.0, 1.0], [2.0, 3.0]]);
/// let x = Broyden::default().step(0.2).prepare(a)?.solve(&[1.0, 2.0])?.x;
/// assert!((x[0] - 0.1).abs() < 1e-12 && (x[1] - 0.6).abs() < 1e-12);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Broyden {
    /// When it stops; by default after 10 n + 100 iterations.
    pub stop: Stop,
    /// How many pairs are kept: 30 unless set.
    pub memory: usize,
    step: Step,
}

impl Default for Broyden {
    fn default() -> Self {
        Broyden { stop: Stop::default(), memory: 30, step: Step::Method }
    }
}

stop_settings!(Broyden);
step_settings!(Broyden);

impl Broyden {
    /// Keeps so many pairs.
    #[must_use]
    pub fn memory(mut self, pairs: usize) -> Self {
        self.memory = pairs;
        self
    }
    fn kept(&self, n: usize) -> usize {
        self.memory.min(2 * n).max(1)
    }
}

impl LinearSolver for Broyden {
    fn name(&self) -> String {
        format!("Broyden({})", self.memory)
    }
    fn stop(&self) -> Stop {
        self.stop
    }
    fn check(&self) -> Result<(), Failed> {
        if self.memory == 0 {
            return Err(Failed::Setting { what: "memory", value: 0.0, allowed: "at least one pair" });
        }
        self.step.check()?;
        self.stop.check()
    }
    fn needs(&self) -> Vec<Need> {
        self.step.needs()
    }
    fn state_bytes(&self, n: usize) -> u64 {
        8 * ((2 * self.kept(n) + 4) * n) as u64
    }
    fn state(&self, _: usize) -> Box<dyn State> {
        Box::new(Iterations { settings: *self, alpha: 0.0, scratch: Scratch::default() })
    }
}

#[derive(Debug)]
struct Iterations {
    settings: Broyden,
    alpha: f64,
    scratch: Scratch,
}

/// y ← H z for H = α I + Σ u vᵀ over the pairs (u, v), or Hᵀ z for the pairs (v, u).
fn inverse(alpha: f64, u: &[f64], v: &[f64], z: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(z).for_each(|(y, z)| *y = alpha * z);
    u.chunks_exact(z.len()).zip(v.chunks_exact(z.len())).for_each(|(u, v)| axpy(dot(v, z), u, y));
}

impl State for Iterations {
    fn prepare(&mut self, a: &mut dyn Operator, hints: &Hints) -> Result<(), Failed> {
        let [v, image] = split::<2>(&mut self.scratch.vectors, a.len());
        self.alpha = self.settings.step.find(a, hints, v, image)?;
        Ok(())
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let n = b.len();
        let m = self.settings.kept(n);
        let vectors = &mut self.scratch.vectors;
        vectors.resize(vectors.len().max((2 * m + 4) * n), 0.0);
        let (fixed, rest) = vectors.split_at_mut(4 * n);
        let (left, right) = rest.split_at_mut(m * n);
        let (r, rest) = fixed.split_at_mut(n);
        let (s, rest) = rest.split_at_mut(n);
        let (y, back) = rest.split_at_mut(n);
        let alpha = step::settle(a, self.alpha, goal);
        let limit = self.settings.stop.limit(n);
        let mut ended = Ended::new(0, Ok(Status::Stalled));
        a.start(b, x, r)?;
        let mut size = norm(r);
        ended.residual = Some(size);
        for _ in 0..STARTS {
            if size <= goal.length || ended.iterations >= limit {
                break;
            }
            let (mut pairs, mut length) = (0, size);
            while ended.iterations < limit && length > goal.length.max(goal.floor()) {
                inverse(alpha, &left[..pairs * n], &right[..pairs * n], r, s);
                a.apply(s, y)?;
                ended.norm = ended.norm.max(norm(y) / norm(s).max(f64::MIN_POSITIVE));
                axpy(1.0, s, x);
                axpy(-1.0, y, r);
                length = norm(r);
                ended.iterations += 1;
                if !length.is_finite() {
                    return Ok(Ended { said: Err(Failed::Diverged { growth: None, at: Reached::default() }), ..ended });
                }
                // H ← H + (s − H y) sᵀH / (sᵀH y), so that the new H y is s.
                inverse(alpha, &left[..pairs * n], &right[..pairs * n], y, back);
                let along = dot(s, back);
                let vanished = along.abs() <= 4.0 * goal.epsilon * norm(s) * norm(back);
                if vanished && pairs == 0 {
                    let said = Err(Failed::Breakdown { what: "breakdown: A s is orthogonal to s", at: Reached::default() });
                    return Ok(Ended { said, residual: None, ..ended });
                }
                if vanished || pairs == m {
                    pairs = 0;
                    continue;
                }
                let (known, new) = right.split_at_mut(pairs * n);
                inverse(alpha, known, &left[..pairs * n], s, &mut new[..n]);
                left[pairs * n..][..n].iter_mut().zip(s.iter().zip(back.iter())).for_each(|(u, (s, h))| *u = (s - h) / along);
                pairs += 1;
            }
            a.apply(x, r)?;
            from_right(b, r);
            let before = std::mem::replace(&mut size, norm(r));
            ended.residual = Some(size);
            if size > goal.length && size > 0.5 * before {
                break;
            }
        }
        if ended.iterations >= limit && size > goal.length {
            ended.said = Ok(Status::IterationLimit);
        }
        Ok(ended)
    }
}
