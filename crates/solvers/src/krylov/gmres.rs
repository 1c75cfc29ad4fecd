//! GMRES with restarts.
use super::hessenberg::{self, Hessenberg, extend};
use super::linear_solver::{LinearSolver, Map, Workspace};
use super::outcome::{Outcome, Status};
use super::stop::{Ended, Goal, Stop, stop_settings};
use super::system::{Asked, Scaled, run};
use super::vectors::{from_right, narrow, norm, scale};
use hypertape_autodiff::array::Real;

/// GMRES (Saad and Schultz 1986), restarted, for general A: one application an iteration and `restart` + 1 vectors. The basis is made
/// by Arnoldi with modified Gram-Schmidt, twice (Giraud and Langou 2002), the least-squares problem solved by Givens rotations.
///
/// A restart that does not make the residual smaller ends it: `Breakdown` names stagnation, as for a singular A. When the residual is
/// small enough, one more vector shows what A does beyond; the condition number is estimated from the triangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gmres {
    /// Vectors of the basis before it begins again.
    pub restart: usize,
    /// When it stops; by default after 10 n + 10 iterations.
    pub stop: Stop,
}

stop_settings!(Gmres);

impl Default for Gmres {
    fn default() -> Self {
        Gmres { restart: 50, stop: Stop::default() }
    }
}

impl Gmres {
    /// Begins again after so many vectors.
    #[must_use]
    pub fn restart(vectors: usize) -> Self {
        Gmres { restart: vectors.max(1), stop: Stop::default() }
    }
    fn basis(&self, n: usize) -> usize {
        self.restart.clamp(1, n.max(1))
    }
}

/// At most `limit` iterations, from x, with a basis of m vectors.
pub(super) fn iterate<T: Real, E>(
    m: usize,
    limit: usize,
    a: &mut Scaled<'_, T, E>,
    b: &[T],
    x: &mut [T],
    goal: &Goal,
    work: &mut Workspace<T>,
) -> Result<Ended, E> {
    let n = b.len();
    let Workspace { vectors, numbers, rotations, .. } = work;
    vectors.resize(vectors.len().max((m + 1) * n), T::default());
    let mut small = Hessenberg::new(numbers, rotations, m);
    let mut ended = Ended::new(0, Status::IterationLimit);
    let (mut before, mut least) = (f64::INFINITY, f64::INFINITY);
    a.start(b, x, &mut vectors[..n])?;
    loop {
        let first = &mut vectors[..n];
        let beta = norm(first);
        ended.residual = Some(beta);
        if beta >= before * (1.0 - 1e-3) && beta > goal.length {
            ended.status = Status::Breakdown("stagnation: a restart does not make the residual smaller");
        }
        if beta <= goal.length || ended.iterations >= limit || !beta.is_finite() || ended.status != Status::IterationLimit {
            break;
        }
        before = beta;
        scale(1.0 / beta, first);
        small.g.fill(0.0);
        small.g[0] = beta;
        let (mut used, mut beyond) = (0, false);
        while used < m && ended.iterations < limit {
            let (basis, next) = vectors.split_at_mut((used + 1) * n);
            let next = &mut next[..n];
            extend(a, basis, next)?;
            let left = small.orthogonalise(used, basis, next, goal.epsilon);
            let residual = small.rotate(used);
            used += 1;
            ended.iterations += 1;
            if left == 0.0 || beyond || residual <= goal.floor() || !residual.is_finite() {
                break;
            }
            beyond = residual <= goal.length;
            scale(1.0 / left, next);
        }
        let all = used;
        while used > 0 && !small.back_substitute(used, goal.epsilon) {
            // A singular last column adds nothing: its coefficient is left out.
            used -= 1;
        }
        for (coefficient, v) in small.g[..used].iter().zip(vectors.chunks_exact(n)) {
            let c: T = narrow(*coefficient);
            x.iter_mut().zip(v).for_each(|(x, v)| *x += c * *v);
        }
        let (high, low) = small.extremes(all);
        if high.is_finite() && high > 0.0 {
            (ended.norm, least) = (ended.norm.max(high), least.min(low));
            ended.condition = ended.norm / least;
        }
        ended.complete |= all == n;
        let first = &mut vectors[..n];
        a.apply(x, first)?;
        from_right(b, first);
    }
    Ok(ended)
}

impl<T: Real, E> LinearSolver<T, E> for Gmres {
    fn name(&self) -> &'static str {
        "GMRES"
    }
    fn workspace_len(&self, n: usize) -> usize {
        let m = self.basis(n);
        ((m + 1) * n + hessenberg::len(m) + 2 * m).max(super::probe::len(n, self.stop.probe))
    }
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E> {
        let (m, limit) = (self.basis(b.len()), self.stop.iterations.unwrap_or(10 * b.len() + 10));
        let asked = Asked { stop: &self.stop, tolerance, scaled: true };
        run(&asked, a, b, x, work, &mut |a, b, x, goal, work| iterate(m, limit, a, b, x, goal, work))
    }
}
