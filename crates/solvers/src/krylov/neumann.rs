//! The Neumann series.
use super::linear_solver::{LinearSolver, Map, Workspace, outcome, trivial};
use super::outcome::{Outcome, Status};
use super::vectors::{axpy, norm, scale};
use hypertape_autodiff::array::Real;

/// The Neumann series x = α Σ_{k<K} (I − αA)ᵏ b (Neumann 1877; Lorraine, Vicol and Duvenaud 2020): one application a term. It converges when
/// the spectral radius of I − αA is under 1.
///
/// The terms are added to no start: the x given is overwritten, so that K terms mean K terms. It stops early when a term is
/// under the tolerance. When the last term is longer than the first, and longer than half-way, the status is `Diverged`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neumann {
    /// K.
    pub terms: usize,
    /// α.
    pub step: f64,
}

impl Neumann {
    /// So many terms with α = 1.
    #[must_use]
    pub fn terms(terms: usize) -> Self {
        Neumann { terms, step: 1.0 }
    }
    /// Another α.
    #[must_use]
    pub fn step(mut self, alpha: f64) -> Self {
        self.step = alpha;
        self
    }
}

impl<T: Real, E> LinearSolver<T, E> for Neumann {
    fn name(&self) -> &'static str {
        "Neumann series"
    }
    fn workspace_len(&self, n: usize) -> usize {
        2 * n
    }
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E> {
        if let Some(o) = trivial(b, x) {
            return Ok(o);
        }
        let [term, product] = work.split::<2>(b.len());
        x.fill(T::default());
        term.copy_from_slice(b);
        scale(self.step, term);
        let first = norm(term);
        let (mut k, mut last, mut half) = (0, first, first);
        while k < self.terms {
            x.iter_mut().zip(term.iter()).for_each(|(x, t)| *x += *t);
            k += 1;
            last = norm(term);
            if k == self.terms.div_ceil(2) {
                half = last;
            }
            if last <= tolerance * first || !last.is_finite() || k == self.terms {
                break;
            }
            a.apply(term, product)?;
            axpy(-self.step, product, term);
        }
        let diverged = !last.is_finite() || (last > first && last > half);
        let status = if diverged { Status::Diverged } else { Status::IterationLimit };
        outcome(a, b, x, product, k, tolerance, status)
    }
}
