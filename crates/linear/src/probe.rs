//! Whether an operator is singular, by a second Krylov space.
use crate::hessenberg::{self, Hessenberg, extend};
use crate::scratch::{Scratch, split};
use crate::system::System;
use crate::tridiagonal::Tridiagonal;
use crate::vectors::{axpy, dot, fill_noise, norm, scale, xpby};
use hypertape_autodiff::outcome::Failed;

/// Steps beyond which a probe goes only as far as the solve itself.
const STEPS: usize = 64;

/// The share of a pseudo-random vector that may be left unseen of an operator of one curvature.
const UNSEEN: f64 = 1e-5;

/// Numbers of a workspace that a probe in n dimensions takes, if it is made.
pub(crate) fn len(n: usize, limit: usize) -> usize {
    let m = n.min(STEPS);
    if n <= limit { (m + 1) * n + hessenberg::len(m) + 2 * m } else { 0 }
}

/// Steps of a probe in n dimensions for a solve of so many iterations: max(64, k + 2), at most n.
pub(crate) fn steps(n: usize, iterations: usize) -> usize {
    n.min(STEPS.max(iterations.saturating_add(2)))
}

/// Estimates of the extreme singular values of A, as [`arnoldi`] gives them; of a symmetric A of one curvature in fewer steps, where these suffice.
pub(crate) fn probe(a: &mut System<'_>, n: usize, m: usize, work: &mut Scratch) -> Result<(f64, f64), Failed> {
    let found = if a.known().symmetric { definite(a, n, m, work)? } else { None };
    found.map_or_else(|| arnoldi(a, n, m, work), Ok)
}

/// The extreme eigenvalues of a symmetric A by size, by conjugate gradients (Hestenes and Stiefel 1952) for a pseudo-random right-hand side, up to the step at which
/// no more than [`UNSEEN`] of it is left. None where m steps do not suffice, or curvatures of both signs are met: then they tell too little.
///
/// What is left after k steps is p(A) times the right-hand side, for a polynomial p of degree k that is 1 at 0 and 0 at the estimates of eigenvalues. So all of its part along
/// a null vector is left. Where little is left, a null vector has that share of a pseudo-random vector at the most, and so has an eigenvector whose eigenvalue is far
/// smaller than the estimates.
fn definite(a: &mut System<'_>, n: usize, m: usize, work: &mut Scratch) -> Result<Option<(f64, f64)>, Failed> {
    let Scratch { vectors, numbers, .. } = work;
    let [r, d, ad] = split::<3>(vectors, n);
    let mut coefficients = Tridiagonal::new(numbers);
    fill_noise(7, r);
    d.copy_from_slice(r);
    let (mut rr, mut sign) = (dot(r, r), 0.0);
    let enough = UNSEEN * UNSEEN * rr;
    for _ in 0..m {
        a.apply(d, ad)?;
        let curvature = dot(d, ad);
        if !(curvature.is_finite() && curvature != 0.0 && curvature * sign >= 0.0) {
            return Ok(None);
        }
        sign = curvature.signum();
        let alpha = rr / curvature;
        axpy(-alpha, ad, r);
        let now = dot(r, r);
        coefficients.push(1.0 / alpha, now / rr);
        if now <= enough {
            return Ok(coefficients.extremes().map(|(least, most)| (most, least)));
        }
        xpby(r, now / rr, d);
        rr = now;
    }
    Ok(None)
}

/// Estimates of the largest singular value of A, from below, and of the smallest, from above, by the Arnoldi process from a pseudo-random vector.
///
/// Its space holds a part of every eigenvector, a null vector too, where the space of a right-hand side in the range of A holds none: then the
/// estimate of the smallest is rounding. With n steps, or once the space is exhausted, nothing is left out. NaN where a product is not finite.
fn arnoldi(a: &mut System<'_>, n: usize, m: usize, work: &mut Scratch) -> Result<(f64, f64), Failed> {
    let Scratch { vectors, numbers, rotations } = work;
    vectors.resize(vectors.len().max((m + 1) * n), 0.0);
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
