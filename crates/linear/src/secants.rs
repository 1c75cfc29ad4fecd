//! Secant pairs of a quasi-Newton method, and the estimate of an inverse that they stand for.
use crate::vectors::{axpy, dot, norm, scale};

/// Pairs s, y ≈ A s, and the estimate H of A⁻¹ by limited-memory BFGS (Nocedal 1980; Liu and Nocedal 1989): from H = γ I, for each pair, the oldest first,
/// H ← (I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ with ρ = 1/sᵀy.
///
/// H is symmetric positive definite, and H y = s for the newest pair. A product is two loops over the m pairs, 4 n m multiplications.
///
/// ```
/// use hypertape_linear::Secants;
/// let mut pairs = Secants::new(2);
/// assert!(pairs.push(&[1.0, 0.0], &[2.0, 1.0]) && !pairs.push(&[1.0, 0.0], &[-1.0, 0.0]));
/// assert_eq!((pairs.len(), pairs.unknowns()), (1, 2));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Secants {
    n: usize,
    /// s over their lengths, one after the other, the oldest first; y likewise. So no square leaves the range.
    s: Vec<f64>,
    y: Vec<f64>,
    /// For each pair 1/sᵀy of these, and the length of s over that of y.
    numbers: Vec<[f64; 2]>,
    gamma: f64,
}

/// A pair enters when the cosine of its angle is above this.
const CURVATURE: f64 = 1e-10;

impl Secants {
    /// No pairs yet, of n unknowns: H = I.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Secants { n, s: vec![], y: vec![], numbers: vec![], gamma: 1.0 }
    }
    /// Adds the newest pair, and sets γ = sᵀy/yᵀy, where sᵀy > 10⁻¹⁰ ‖s‖‖y‖; whether it did. A pair of other lengths, or that is not finite, does not enter.
    pub fn push(&mut self, s: &[f64], y: &[f64]) -> bool {
        let (a, b) = (norm(s), norm(y));
        let some = |v: f64| v > 0.0 && v.is_finite();
        if s.len() != self.n || y.len() != self.n || !some(a) || !some(b) {
            return false;
        }
        let cosine: f64 = s.iter().zip(y).map(|(s, y)| s / a * (y / b)).sum();
        if cosine.is_nan() || cosine <= CURVATURE || !some(a / b) {
            return false;
        }
        self.s.extend(s.iter().map(|v| v / a));
        self.y.extend(y.iter().map(|v| v / b));
        self.numbers.push([1.0 / cosine, a / b]);
        self.gamma = cosine * (a / b);
        true
    }
    /// Sets γ, a positive number, instead of that of the newest pair. Another one is not taken.
    pub fn set_scale(&mut self, gamma: f64) {
        if gamma > 0.0 && gamma.is_finite() {
            self.gamma = gamma;
        }
    }
    /// γ.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.gamma
    }
    /// Forgets all pairs; γ = 1.
    pub fn clear(&mut self) {
        self.s.clear();
        self.y.clear();
        self.numbers.clear();
        self.gamma = 1.0;
    }
    /// The number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }
    /// Whether there are none: H = γ I.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
    /// n.
    #[must_use]
    pub fn unknowns(&self) -> usize {
        self.n
    }
    /// Bytes that m pairs of n unknowns take.
    #[must_use]
    pub fn bytes(n: usize, pairs: usize) -> u64 {
        16 * (n as u64 + 1) * pairs as u64
    }
    /// x = c H b, by two loops; `alphas` is scratch.
    pub(crate) fn apply(&self, c: f64, b: &[f64], x: &mut [f64], alphas: &mut Vec<f64>) {
        let pair = |i: usize| (&self.s[i * self.n..][..self.n], &self.y[i * self.n..][..self.n], self.numbers[i]);
        x.copy_from_slice(b);
        alphas.clear();
        for i in (0..self.len()).rev() {
            let (s, y, [rho, _]) = pair(i);
            let alpha = rho * dot(s, x);
            axpy(-alpha, y, x);
            alphas.push(alpha);
        }
        scale(self.gamma * c, x);
        for (i, alpha) in alphas.iter().rev().enumerate() {
            let (s, y, [rho, ratio]) = pair(i);
            let beta = rho * dot(y, x);
            axpy(ratio * c * alpha - beta, s, x);
        }
    }
}
