//! Whether an operator is singular, by a second Krylov space.
use crate::definite::{Definite, STEPS};
use crate::hessenberg::{self, Hessenberg, extend};
use crate::scratch::{Scratch, split};
use crate::stop::Stop;
use crate::system::System;
use crate::vectors::{fill_noise, norm, scale};
use hypertape_autodiff::outcome::Failed;

/// Numbers of a workspace that a probe in n dimensions takes at the most, if it is made: of a solve that takes all the iterations it may.
pub(crate) fn len(n: usize, stop: &Stop) -> usize {
    if n > stop.probe {
        return 0;
    }
    let m = steps(n, stop.limit(n));
    let basis = m.saturating_add(8).saturating_mul(n);
    basis.saturating_add(hessenberg::len(m)).saturating_add(m.saturating_mul(4))
}

/// Steps of a probe in n dimensions for a solve of so many iterations: max(64, k + 2), at most n.
pub(crate) fn steps(n: usize, iterations: usize) -> usize {
    n.min(STEPS.max(iterations.saturating_add(2)))
}

/// Estimates of the extreme singular values of A, as [`arnoldi`] gives them; of a symmetric A of one curvature in fewer steps, where these suffice. `begun` goes on
/// from where it stands.
pub(crate) fn probe(a: &mut System<'_>, n: usize, m: usize, begun: &mut Definite, work: &mut Scratch) -> Result<(f64, f64), Failed> {
    if a.known().symmetric {
        let [product] = split::<1>(&mut work.vectors, n);
        while begun.goes_on(m) {
            a.apply(begun.direction(), product)?;
            begun.step(product);
        }
        if let Some(found) = begun.found() {
            return Ok(found);
        }
    }
    arnoldi(a, n, m, work)
}

/// Room for so many numbers, where there is the memory.
fn room(v: &mut Vec<f64>, len: usize) -> Option<()> {
    v.try_reserve_exact(len.saturating_sub(v.len())).ok()
}

/// Estimates of the largest singular value of A, from below, and of the smallest, from above, by the Arnoldi process from a pseudo-random vector.
///
/// Its space holds a part of every eigenvector, a null vector too, where the space of a right-hand side in the range of A holds none: then the
/// estimate of the smallest is rounding. With n steps, or once the space is exhausted, nothing is left out. NaN where a product is not finite.
fn arnoldi(a: &mut System<'_>, n: usize, m: usize, work: &mut Scratch) -> Result<(f64, f64), Failed> {
    let Scratch { vectors, numbers, rotations } = work;
    let (basis, triangle) = ((m + 1).saturating_mul(n), hessenberg::len(m));
    let there_is = room(vectors, basis).and(room(numbers, triangle));
    there_is.ok_or(Failed::Memory { bytes: (basis.saturating_add(triangle) as u64).saturating_mul(8) })?;
    vectors.resize(vectors.len().max(basis), 0.0);
    let mut small = Hessenberg::new(numbers, rotations, m);
    fill_noise(7, &mut vectors[..n]);
    let size = norm(&vectors[..n]);
    scale(1.0 / size, &mut vectors[..n]);
    small.g.fill(0.0);
    let (mut used, epsilon) = (0, a.epsilon());
    while used < m {
        let (basis, next) = vectors.split_at_mut((used + 1) * n);
        let next = &mut next[..n];
        extend(a, basis, next)?;
        let left = small.orthogonalise(used, basis, next, epsilon);
        small.rotate(used);
        used += 1;
        if !left.is_finite() {
            return Ok((f64::NAN, 0.0));
        }
        if left == 0.0 {
            break;
        }
        scale(1.0 / left, next);
    }
    Ok(small.extremes(used))
}
