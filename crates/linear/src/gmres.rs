//! GMRES with restarts.
use crate::block_gmres;
use crate::hessenberg::{self, Hessenberg, extend};
use crate::operator::Operator;
use crate::preconditioner::{Chosen, Inverse, any_size, inverse, named, needs, preconditioner_setting};
use crate::right;
use crate::scratch::Scratch;
use crate::solver::{Column, Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop, stop_settings};
use crate::system::System;
use crate::vectors::{axpy, from_right, norm, scale};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// GMRES (Saad and Schultz 1986), restarted, for general A: one application an iteration and `restart` + 1 vectors. The basis is made
/// by Arnoldi with modified Gram-Schmidt, twice (Giraud and Langou 2002), the least-squares problem solved by Givens rotations. A preconditioner stands
/// at the right: the residual is that of x.
///
/// A restart that does not make the residual smaller ends it: [`Failed::Breakdown`] names stagnation, as for a singular A. When the residual is
/// small enough, one more vector shows what A does beyond; the condition number is estimated from the triangle.
#[derive(Debug, Clone)]
pub struct Gmres {
    /// Vectors of the basis before it begins again; 50 unless set.
    pub restart: usize,
    /// When it stops; by default after 10 n + 100 iterations.
    pub stop: Stop,
    preconditioner: Chosen,
    block: bool,
}

stop_settings!(Gmres);
preconditioner_setting!(Gmres);

impl Default for Gmres {
    fn default() -> Self {
        Gmres { restart: 50, stop: Stop::default(), preconditioner: None, block: false }
    }
}

impl Gmres {
    /// Begins again after so many vectors; each costs its memory.
    #[must_use]
    pub fn restart(mut self, vectors: usize) -> Self {
        self.restart = vectors.max(1);
        self
    }
    /// Solves several right-hand sides ([`Prepared::solve_many`](crate::Prepared::solve_many)) as a block (Vital 1990; Simoncini and Gallopoulos 1995): each has the space of all of them, so the steps are
    /// fewer where a few directions are hard, and a step makes its products at once. The basis has `restart` vectors for each right-hand side, beyond what is planned, and orthogonalising
    /// takes as many times more. With a preconditioner they are solved one after another, as without this.
    ///
    /// ```
    /// use hypertape_linear::{Gmres, Prepare};
    /// let a = ndarray::arr2(&[[4.0, 1.0], [-1.0, 3.0]]);
    /// let b = ndarray::arr2(&[[5.0, 4.0, 1.0], [2.0, -1.0, 3.0]]);
    /// let many = Gmres::default().as_block().prepare(a.clone())?.solve_many(b.view());
    /// assert!(many.converged() && (a.dot(&many.x) - &b).iter().all(|r| r.abs() < 1e-14));
    /// # Ok::<(), hypertape_linear::Failed>(())
    /// ```
    #[must_use]
    pub fn as_block(mut self) -> Self {
        self.block = true;
        self
    }
    fn basis(&self, n: usize) -> usize {
        self.restart.clamp(1, n.max(1))
    }
}

/// At most `limit` iterations, from x, with a basis of m vectors.
pub(crate) fn iterate(
    m: usize,
    limit: usize,
    a: &mut System<'_>,
    b: &[f64],
    x: &mut [f64],
    goal: &Goal,
    work: &mut Scratch,
) -> Result<Ended, Failed> {
    let n = b.len();
    let Scratch { vectors, numbers, rotations } = work;
    vectors.resize(vectors.len().max((m + 1) * n), 0.0);
    let mut small = Hessenberg::new(numbers, rotations, m);
    let mut ended = Ended::new(0, Ok(Status::IterationLimit));
    let (mut before, mut least) = (f64::INFINITY, f64::INFINITY);
    a.start(b, x, &mut vectors[..n])?;
    loop {
        let first = &mut vectors[..n];
        let beta = norm(first);
        ended.residual = Some(beta);
        if beta >= before * (1.0 - 1e-3) && beta > goal.length {
            ended.said =
                Err(Failed::Breakdown { what: "stagnation: a restart does not make the residual smaller", at: Reached::default() });
        }
        if beta <= goal.length || ended.iterations >= limit || !beta.is_finite() || ended.said.is_err() {
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
            axpy(*coefficient, v, x);
        }
        let (high, low) = small.extremes(all);
        if high.is_finite() && high > 0.0 {
            (ended.norm, least) = (ended.norm.max(high), least.min(low));
            (ended.condition, ended.smallest) = (ended.norm / least, Some(least));
        }
        ended.complete |= all == n;
        let first = &mut vectors[..n];
        a.apply(x, first)?;
        from_right(b, first);
    }
    Ok(ended)
}

impl LinearSolver for Gmres {
    fn name(&self) -> String {
        named("GMRES", &self.preconditioner)
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
        let m = self.basis(n);
        8 * ((m + 1) * n + hessenberg::len(m) + 2 * m) as u64 + right::bytes(&self.preconditioner, n)
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        let inverse = inverse(&self.preconditioner, n);
        Box::new(Iterations { settings: self.clone(), inverse, scratch: Scratch::default(), beside: vec![] })
    }
}

#[derive(Debug)]
struct Iterations {
    settings: Gmres,
    inverse: Option<Box<dyn Inverse>>,
    scratch: Scratch,
    beside: Vec<f64>,
}

impl State for Iterations {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        self.inverse.as_mut().map_or(Ok(()), |p| p.prepare(a))
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        let (m, limit) = (self.settings.basis(b.len()), self.settings.stop.limit(b.len()));
        let Iterations { inverse, scratch, beside, .. } = self;
        right::solve(a, inverse, beside, b, x, |a, b, x| iterate(m, limit, a, b, x, goal, scratch))
    }
    fn solve_block(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goals: &[Goal]) -> Option<Vec<Column>> {
        if !self.settings.block || self.inverse.is_some() {
            return None;
        }
        let n = (b.len() / goals.len().max(1)).max(1);
        let (m, limit) = (self.settings.basis(n), self.settings.stop.limit(n));
        let made = block_gmres::iterate(m, limit, a, b, x, goals);
        let vectors = b.chunks_exact(n).zip(x.chunks_exact_mut(n)).zip(goals);
        // A column that left goes on by itself, so that what it meets is its own.
        let alone = made.into_iter().zip(vectors).map(|((left, column), ((b, x), goal))| match column.ended {
            Ok(before) if left => {
                a.products = column.products;
                scale(a.factor(), x);
                let rest = limit.saturating_sub(before.iterations);
                let ended = iterate(m, rest, a, b, x, goal, &mut self.scratch);
                let ended = ended.map(|e| Ended { iterations: e.iterations + before.iterations, ..e });
                Column { ended, products: a.products }
            }
            ended => Column { ended, ..column },
        });
        Some(alone.collect())
    }
}
