//! Whether a symmetric operator of one curvature is singular: conjugate gradients for a pseudo-random right-hand side, step by step.
use crate::tridiagonal::Tridiagonal;
use crate::vectors::{axpy, dot, fill_noise, xpby};

/// Steps beyond which a search for a null space goes only as far as the solve itself.
pub(crate) const STEPS: usize = 64;

/// The share of a pseudo-random vector that may be left unseen of an operator of one curvature.
const UNSEEN: f64 = 1e-5;

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
    /// Whether it has a step to make, of m in all at the most.
    pub(crate) fn goes_on(&self, m: usize) -> bool {
        self.stands == Stands::Open && self.steps < m.min(self.r.len())
    }
    /// The largest eigenvalue by size and the smallest, where they are known.
    pub(crate) fn found(&self) -> Option<(f64, f64)> {
        if let Stands::Found(most, least) = self.stands { Some((most, least)) } else { None }
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
}
