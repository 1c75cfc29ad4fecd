//! The Neumann series.
use super::linear_solver::{LinearSolver, Map, Workspace, split};
use super::outcome::{Outcome, Status};
use super::stop::{Ended, Stop};
use super::system::{Asked, run};
use super::vectors::{axpy, norm, scale};
use hypertape_autodiff::array::Real;

/// The Neumann series x = α Σ_{k<K} (I − αA)ᵏ b (Neumann 1877; Lorraine, Vicol and Duvenaud 2020): one application a term. It converges when
/// the spectral radius of I − αA is under 1.
///
/// The terms are added to no start: the x given is overwritten, so that K terms mean K terms. It stops early when a term is at or
/// under the tolerance, which a term of 0 always is. When the last term is longer than the first, and longer than half-way, the status is
/// `Diverged`; so it is where terms do not shrink over thousands, which ends the series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neumann {
    /// K.
    pub terms: usize,
    /// α.
    pub step: f64,
    /// A length of a term at or under which the series ends, beside the relative tolerance. 0 by default.
    pub absolute: f64,
}

impl Neumann {
    /// So many terms with α = 1.
    #[must_use]
    pub fn terms(terms: usize) -> Self {
        Neumann { terms, step: 1.0, absolute: 0.0 }
    }
    /// Another α.
    #[must_use]
    pub fn step(mut self, alpha: f64) -> Self {
        self.step = alpha;
        self
    }
    /// An absolute tolerance on ‖b − A x‖, beside the relative one: the larger of the two counts.
    #[must_use]
    pub fn absolute_tolerance(mut self, tolerance: f64) -> Self {
        self.absolute = tolerance;
        self
    }
}

/// Terms after which, and whenever their number has doubled, the terms must have become smaller.
const WATCHED: usize = 4096;

impl<T: Real, E> LinearSolver<T, E> for Neumann {
    fn name(&self) -> &'static str {
        "Neumann series"
    }
    fn workspace_len(&self, n: usize) -> usize {
        2 * n
    }
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E> {
        let stop = Stop { absolute: self.absolute, probe: 0, ..Stop::default() };
        let asked = Asked { stop: &stop, tolerance, scaled: false };
        run(&asked, a, b, x, work, &mut |a, b, x, goal, work| {
            let [term, product] = split::<T, 2>(&mut work.vectors, b.len());
            x.fill(T::default());
            term.copy_from_slice(b);
            scale(self.step, term);
            let first = norm(term);
            // A term is α times the residual before it.
            let enough = goal.length / goal.size * first;
            let (mut k, mut last, mut half, mut watched) = (0, first, first, first);
            let mut stuck = false;
            while k < self.terms {
                x.iter_mut().zip(term.iter()).for_each(|(x, t)| *x += *t);
                k += 1;
                last = norm(term);
                if k == self.terms.div_ceil(2) {
                    half = last;
                }
                if k >= WATCHED && k.is_power_of_two() {
                    stuck = k > WATCHED && last >= watched;
                    watched = last;
                }
                if last <= enough || !last.is_finite() || stuck || k == self.terms {
                    break;
                }
                a.apply(term, product)?;
                axpy(-self.step, product, term);
            }
            let diverged = !last.is_finite() || stuck || (last > first && last > half);
            Ok(Ended::new(k, if diverged { Status::Diverged } else { Status::IterationLimit }))
        })
    }
}
