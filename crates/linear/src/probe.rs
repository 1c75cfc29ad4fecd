//! Whether an operator is singular, by a second Krylov space.
use crate::hessenberg::{self, Hessenberg, extend};
use crate::scratch::Scratch;
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
    if n <= limit { (m + 8) * n + hessenberg::len(m) + 4 * m } else { 0 }
}

/// Steps of a probe in n dimensions for a solve of so many iterations: max(64, k + 2), at most n.
pub(crate) fn steps(n: usize, iterations: usize) -> usize {
    n.min(STEPS.max(iterations.saturating_add(2)))
}

/// Estimates of the extreme singular values of A, as [`arnoldi`] gives them; of a symmetric A of one curvature in fewer steps, where these suffice. `begun` goes on
/// from where it stands.
pub(crate) fn probe(a: &mut System<'_>, n: usize, m: usize, begun: &mut Definite, work: &mut Scratch) -> Result<(f64, f64), Failed> {
    let found = if a.known().symmetric { begun.finish(a, n, m)? } else { None };
    found.map_or_else(|| arnoldi(a, n, m, work), Ok)
}

/// The extreme eigenvalues of a symmetric A by size, by conjugate gradients (Hestenes and Stiefel 1952) for a pseudo-random right-hand side, up to the step at which
/// no more than [`UNSEEN`] of it is left. Nothing where the steps do not suffice, or curvatures of both signs are met: then they tell too little.
///
/// What is left after k steps is p(A) times the right-hand side, for a polynomial p of degree k that is 1 at 0 and 0 at the estimates of eigenvalues. So all of its part along
/// a null vector is left. Where little is left, a null vector has that share of a pseudo-random vector at the most, and so has an eigenvector whose eigenvalue is far
/// smaller than the estimates.
///
/// It is made step by step: a step takes the product with [`direction`](Definite::direction), which a solve can make beside a product of its own.
#[derive(Debug, Default)]
pub(crate) struct Definite {
    r: Vec<f64>,
    d: Vec<f64>,
    product: Vec<f64>,
    numbers: Vec<f64>,
    rr: f64,
    sign: f64,
    enough: f64,
    steps: usize,
    stands: Stands,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Stands {
    Open,
    /// The largest eigenvalue by size and the smallest.
    Found(f64, f64),
    /// It tells nothing.
    #[default]
    Useless,
}

impl Definite {
    /// Begins anew, in n dimensions.
    pub(crate) fn begin(&mut self, n: usize) {
        self.r.resize(n, 0.0);
        fill_noise(7, &mut self.r);
        self.d.clear();
        self.d.extend_from_slice(&self.r);
        self.numbers.clear();
        self.rr = dot(&self.r, &self.r);
        (self.sign, self.enough, self.steps, self.stands) = (0.0, UNSEEN * UNSEEN * self.rr, 0, Stands::Open);
    }
    /// Whether it has steps to make beside a solve.
    pub(crate) fn goes_on(&self) -> bool {
        self.stands == Stands::Open && self.steps < self.r.len().min(STEPS)
    }
    /// What A is to be multiplied with.
    pub(crate) fn direction(&self) -> &[f64] {
        &self.d
    }
    /// A step, from the product of A with the direction.
    pub(crate) fn step(&mut self, ad: &[f64]) {
        let curvature = dot(&self.d, ad);
        if !(curvature.is_finite() && curvature != 0.0 && curvature * self.sign >= 0.0) {
            self.stands = Stands::Useless;
            return;
        }
        self.sign = curvature.signum();
        let alpha = self.rr / curvature;
        axpy(-alpha, ad, &mut self.r);
        let now = dot(&self.r, &self.r);
        let mut coefficients = Tridiagonal::onto(&mut self.numbers);
        coefficients.push(1.0 / alpha, now / self.rr);
        self.steps += 1;
        if now <= self.enough {
            self.stands = coefficients.extremes().map_or(Stands::Useless, |(least, most)| Stands::Found(most, least));
            return;
        }
        xpby(&self.r, now / self.rr, &mut self.d);
        self.rr = now;
    }
    /// Makes the steps that are left, m in all at the most.
    fn finish(&mut self, a: &mut System<'_>, n: usize, m: usize) -> Result<Option<(f64, f64)>, Failed> {
        while self.stands == Stands::Open && self.steps < m {
            let mut product = std::mem::take(&mut self.product);
            product.resize(n, 0.0);
            a.apply(&self.d, &mut product)?;
            self.step(&product);
            self.product = product;
        }
        Ok(if let Stands::Found(most, least) = self.stands { Some((most, least)) } else { None })
    }
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
