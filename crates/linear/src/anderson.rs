//! Anderson acceleration of the iteration x ← x + α (b − A x).
use crate::operator::Operator;
use crate::scratch::{Scratch, split};
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::step::{Step, step_settings};
use crate::stop::{Goal, STARTS, Stop, stop_settings};
use crate::system::System;
use crate::vectors::{axpy, dot, from_right, norm, scale};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// Anderson acceleration (Anderson 1965; type II with memory m, as in Walker and Ni 2011): one application an iteration and 3m + 3 vectors.
///
/// Of the last m + 1 iterates, the affine combination of least residual is made, and α times its residual is added. On linear systems with all iterates kept it is
/// GMRES without a restart (Walker and Ni 2011), whose requirements it shares; a short memory restarts nothing, but drops the oldest iterate. α is the step of the
/// method that found the point, unless another is given.
///
/// ```
/// use hypertape_linear::{Anderson, Prepare};
/// let a = ndarray::arr2(&[[4.0, 1.0], [2.0, 3.0]]);
/// let x = Anderson::default().step(0.2).prepare(a)?.solve(&[1.0, 2.0])?.x;
/// assert!((x[0] - 0.1).abs() < 1e-12 && (x[1] - 0.6).abs() < 1e-12);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Anderson {
    /// When it stops; by default after 10 n + 100 iterations.
    pub stop: Stop,
    /// How many differences of iterates are kept: 10 unless set.
    pub memory: usize,
    step: Step,
}

impl Default for Anderson {
    fn default() -> Self {
        Anderson { stop: Stop::default(), memory: 10, step: Step::Method }
    }
}

stop_settings!(Anderson);
step_settings!(Anderson);

impl Anderson {
    /// Keeps so many differences of iterates.
    #[must_use]
    pub fn memory(mut self, differences: usize) -> Self {
        self.memory = differences;
        self
    }
    fn kept(&self, n: usize) -> usize {
        self.memory.min(n).max(1)
    }
}

impl LinearSolver for Anderson {
    fn name(&self) -> String {
        format!("Anderson({})", self.memory)
    }
    fn stop(&self) -> Stop {
        self.stop
    }
    fn check(&self) -> Result<(), Failed> {
        if self.memory == 0 {
            return Err(Failed::Setting { what: "memory", value: 0.0, allowed: "at least one difference" });
        }
        self.step.check()?;
        self.stop.check()
    }
    fn needs(&self) -> Vec<Need> {
        self.step.needs()
    }
    fn state_bytes(&self, n: usize) -> u64 {
        let m = self.kept(n);
        8 * ((3 * m + 3) * n + m * m + m) as u64
    }
    fn state(&self, _: usize) -> Box<dyn State> {
        Box::new(Iterations { settings: *self, alpha: 0.0, scratch: Scratch::default() })
    }
}

#[derive(Debug)]
struct Iterations {
    settings: Anderson,
    alpha: f64,
    scratch: Scratch,
}

/// γ ← the minimiser of ‖r − R γ‖ over the columns of R that are given, the newest first; columns that depend on newer ones get 0. `basis` takes their
/// orthonormal form, `triangle` what they are made of.
fn least(r: &[f64], columns: &[f64], order: impl Iterator<Item = usize> + Clone, basis: &mut [f64], small: &mut [f64], epsilon: f64) {
    let n = r.len();
    let (gamma, triangle) = small.split_at_mut(small.len() / (columns.len() / n + 1));
    let m = gamma.len();
    gamma.fill(0.0);
    triangle.fill(0.0);
    for (k, j) in order.clone().enumerate() {
        let (before, here) = basis.split_at_mut(k * n);
        let q = &mut here[..n];
        q.copy_from_slice(&columns[j * n..][..n]);
        let size = norm(q);
        // Twice is enough (Kahan, in Parlett 1980).
        for _ in 0..2 {
            for (i, p) in before.chunks_exact(n).enumerate() {
                let part = dot(p, q);
                axpy(-part, p, q);
                triangle[i * m + k] += part;
            }
        }
        let left = norm(q);
        if left > 10.0 * epsilon * size {
            triangle[k * m + k] = left;
            scale(1.0 / left, q);
        } else {
            q.fill(0.0);
        }
    }
    let used = order.clone().count();
    for k in (0..used).rev() {
        let own = triangle[k * m + k];
        let known: f64 = (k + 1..used).map(|i| triangle[k * m + i] * gamma[i]).sum();
        gamma[k] = if own == 0.0 { 0.0 } else { (dot(&basis[k * n..][..n], r) - known) / own };
    }
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
        let Scratch { vectors, numbers, .. } = &mut self.scratch;
        vectors.resize(vectors.len().max((3 * m + 3) * n), 0.0);
        numbers.resize(m * m + m, 0.0);
        let (fixed, rest) = vectors.split_at_mut(3 * n);
        let (moves, rest) = rest.split_at_mut(m * n);
        let (changes, basis) = rest.split_at_mut(m * n);
        let (r, rest) = fixed.split_at_mut(n);
        let (best, image) = rest.split_at_mut(n);
        let alpha = crate::step::settle(a, self.alpha, goal);
        let limit = self.settings.stop.limit(n);
        let mut ended = Ended::new(0, Ok(Status::Stalled));
        a.start(b, x, r)?;
        let mut size = norm(r);
        ended.residual = Some(size);
        for _ in 0..STARTS {
            if size <= goal.length || ended.iterations >= limit {
                break;
            }
            let (mut made, mut length) = (0_usize, size);
            while ended.iterations < limit && length > goal.length.max(goal.floor()) {
                let kept = made.min(m);
                let order = (1..=kept).map(|back| (made - back) % m);
                least(r, changes, order.clone(), basis, numbers, goal.epsilon);
                // The next difference takes the place of the oldest one, whose part is in it.
                let slot = made % m;
                let oldest = if kept == m { -numbers[m - 1] } else { 0.0 };
                best.copy_from_slice(r);
                for columns in [&mut *moves, &mut *changes] {
                    columns[slot * n..][..n].iter_mut().for_each(|v| *v = if oldest == 0.0 { 0.0 } else { oldest * *v });
                    numbers.iter().zip(order.clone()).filter(|(_, j)| *j != slot).for_each(|(g, j)| add_column(columns, n, slot, j, -g));
                }
                // The combination of least residual …
                let (moved, changed) = (&mut moves[slot * n..][..n], &mut changes[slot * n..][..n]);
                axpy(1.0, changed, best);
                a.apply(best, image)?;
                ended.norm = ended.norm.max(norm(image) / norm(best).max(f64::MIN_POSITIVE));
                // … and a step from it.
                axpy(alpha, best, moved);
                axpy(-alpha, image, changed);
                axpy(1.0, moved, x);
                axpy(1.0, changed, r);
                length = norm(r);
                made += 1;
                ended.iterations += 1;
                if !length.is_finite() {
                    return Ok(Ended { said: Err(Failed::Diverged { growth: None, at: Reached::default() }), ..ended });
                }
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

/// Column `to` of a matrix by columns of n entries gets `factor` times column `from`.
fn add_column(columns: &mut [f64], n: usize, to: usize, from: usize, factor: f64) {
    let (low, high) = columns.split_at_mut(to.max(from) * n);
    if to < from {
        axpy(factor, &high[..n], &mut low[to * n..][..n]);
    } else {
        axpy(factor, &low[from * n..][..n], &mut high[..n]);
    }
}
