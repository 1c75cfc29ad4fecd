//! GMRES with restarts.
use super::linear_solver::{LinearSolver, Map, Workspace, outcome, trivial};
use super::outcome::{Outcome, Status};
use super::vectors::{axpy, dot, from_right, narrow, norm, scale};
use hypertape_autodiff::array::Real;

/// GMRES (Saad and Schultz 1986), restarted, for general A: one application an iteration and `restart` + 1 vectors. The basis is made
/// by Arnoldi with modified Gram-Schmidt, twice (Giraud and Langou 2002), the least-squares problem solved by Givens rotations.
///
/// A restart that does not make the residual smaller ends it: `Breakdown` names stagnation, as for a singular A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gmres {
    /// Vectors of the basis before it begins again.
    pub restart: usize,
    /// The most iterations; by default 10 n + 10.
    pub iterations: Option<usize>,
}

impl Default for Gmres {
    fn default() -> Self {
        Gmres { restart: 50, iterations: None }
    }
}

impl Gmres {
    /// Begins again after so many vectors.
    #[must_use]
    pub fn restart(vectors: usize) -> Self {
        Gmres { restart: vectors.max(1), iterations: None }
    }
    /// The most iterations.
    #[must_use]
    pub fn max_iterations(mut self, n: usize) -> Self {
        self.iterations = Some(n);
        self
    }
    fn basis(&self, n: usize) -> usize {
        self.restart.clamp(1, n.max(1))
    }
}

/// The small problem: the rotated Hessenberg matrix by columns, rotations, right-hand side.
struct Small<'a> {
    h: &'a mut [f64],
    rotations: &'a mut [(f64, f64)],
    g: &'a mut [f64],
    m: usize,
}

impl Small<'_> {
    /// Rotates column j, whose last entry is below the diagonal; gives the residual's norm.
    fn rotate(&mut self, j: usize) -> f64 {
        let column = &mut self.h[j * (self.m + 1)..(j + 1) * (self.m + 1)];
        for (i, (c, s)) in self.rotations[..j].iter().enumerate() {
            (column[i], column[i + 1]) = (c * column[i] + s * column[i + 1], c * column[i + 1] - s * column[i]);
        }
        let length = column[j].hypot(column[j + 1]);
        let (c, s) = if length > 0.0 { (column[j] / length, column[j + 1] / length) } else { (1.0, 0.0) };
        self.rotations[j] = (c, s);
        (column[j], column[j + 1]) = (length, 0.0);
        (self.g[j], self.g[j + 1]) = (c * self.g[j], -s * self.g[j]);
        self.g[j + 1].abs()
    }
    /// Solves for the coefficients of the first k basis vectors in place of g; false when the triangle is singular.
    fn back_substitute(&mut self, k: usize) -> bool {
        let largest = (0..k).map(|i| self.h[i * (self.m + 1) + i].abs()).fold(0.0, f64::max);
        for i in (0..k).rev() {
            let sum: f64 = (i + 1..k).map(|j| self.h[j * (self.m + 1) + i] * self.g[j]).sum();
            let pivot = self.h[i * (self.m + 1) + i];
            if pivot.abs() <= f64::EPSILON * largest {
                return false;
            }
            self.g[i] = (self.g[i] - sum) / pivot;
        }
        true
    }
}

impl<T: Real, E> LinearSolver<T, E> for Gmres {
    fn name(&self) -> &'static str {
        "GMRES"
    }
    fn workspace_len(&self, n: usize) -> usize {
        (self.basis(n) + 1) * n + 3 * (self.basis(n) + 1) + self.basis(n) * (self.basis(n) + 1)
    }
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E> {
        if let Some(o) = trivial(b, x) {
            return Ok(o);
        }
        let (n, m) = (b.len(), self.basis(b.len()));
        let Workspace { vectors, numbers, rotations } = work;
        if vectors.len() < (m + 1) * n {
            vectors.resize((m + 1) * n, T::default());
        }
        numbers.resize(numbers.len().max((m + 1) * (m + 1)), 0.0);
        rotations.resize(rotations.len().max(m), (0.0, 0.0));
        let (h, g) = numbers.split_at_mut(m * (m + 1));
        let mut small = Small { h, rotations, g: &mut g[..m + 1], m };
        let (limit, goal) = (self.iterations.unwrap_or(10 * n + 10), tolerance * norm(b));
        let (mut k, mut before) = (0, f64::INFINITY);
        loop {
            let (first, _) = vectors.split_at_mut(n);
            a.apply(x, first)?;
            from_right(b, first);
            let beta = norm(first);
            if beta <= goal || k >= limit || !beta.is_finite() {
                return outcome(a, b, x, &mut vectors[..n], k, tolerance, Status::IterationLimit);
            }
            if beta >= before * (1.0 - 1e-3) {
                return outcome(
                    a,
                    b,
                    x,
                    &mut vectors[..n],
                    k,
                    tolerance,
                    Status::Breakdown("stagnation: a restart does not make the residual smaller"),
                );
            }
            before = beta;
            scale(1.0 / beta, first);
            small.g.fill(0.0);
            small.g[0] = beta;
            let mut used = 0;
            while used < m && k < limit {
                let (basis, next) = vectors.split_at_mut((used + 1) * n);
                let next = &mut next[..n];
                a.apply(&basis[used * n..], next)?;
                let column = &mut small.h[used * (m + 1)..(used + 1) * (m + 1)];
                column.fill(0.0);
                let size = norm(next);
                for _ in 0..2 {
                    for (i, v) in basis.chunks_exact(n).enumerate() {
                        let along = dot(v, next);
                        column[i] += along;
                        axpy(-along, v, next);
                    }
                }
                let left = norm(next);
                // Within rounding of the span: the Krylov space is exhausted.
                let epsilon = hypertape_autodiff::array::Element::to_f64(T::epsilon());
                let exhausted = left <= 4.0 * epsilon * size;
                column[used + 1] = if exhausted { 0.0 } else { left };
                let residual = small.rotate(used);
                used += 1;
                k += 1;
                if exhausted || residual <= goal || !residual.is_finite() {
                    break;
                }
                scale(1.0 / left, next);
            }
            while used > 0 && !small.back_substitute(used) {
                // A singular last column adds nothing: its coefficient is left out.
                used -= 1;
            }
            for (coefficient, v) in small.g[..used].iter().zip(vectors.chunks_exact(n)) {
                let c: T = narrow(*coefficient);
                x.iter_mut().zip(v).for_each(|(x, v)| *x += c * *v);
            }
        }
    }
}
