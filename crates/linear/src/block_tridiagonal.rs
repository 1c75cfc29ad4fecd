//! The extreme eigenvalues of the matrix that block conjugate gradients make block tridiagonal.
use crate::vectors::{noise, norm};
use ndarray::Array2;

/// The most numbers that are kept: an estimate from below needs no more.
const KEPT: usize = 1 << 20;

/// T = UᵀDU of the block Lanczos process behind block conjugate gradients: D_i = PᵀAP of step i on the diagonal of D, and −Sᵀ beside the identity in U.
#[derive(Default)]
pub(crate) struct BlockTridiagonal {
    steps: Vec<(Curvature, Array2<f64>)>,
    kept: usize,
}

impl BlockTridiagonal {
    /// A step: PᵀAP, and the S that leads to the next.
    pub(crate) fn push(&mut self, curvature: Curvature, s: Array2<f64>) {
        self.kept += curvature.lower.len() + s.len();
        if self.kept <= KEPT {
            self.steps.push((curvature, s));
        }
    }
    /// Estimates of the smallest eigenvalue of ±T from above, and of the largest from below, by the power method on T⁻¹ and T; none before the first step.
    pub(crate) fn extremes(&self) -> Option<(f64, f64)> {
        self.steps.first()?;
        let (least, most) = (1.0 / self.power(&|v| self.solve(v)), self.power(&|v| self.apply(v)));
        (least > 0.0 && most.is_finite() && least.is_finite()).then_some((least, most))
    }
    /// ‖map v‖ for a unit vector v, after some rounds from a pseudo-random one.
    fn power(&self, map: &dyn Fn(&mut [Array2<f64>])) -> f64 {
        let mut at = 0;
        let mut next = |_| {
            at += 1;
            noise(5, at)
        };
        let mut v: Vec<_> = self.steps.iter().map(|(c, _)| Array2::from_shape_fn((c.lower.nrows(), 1), &mut next)).collect();
        let mut largest = 0.0_f64;
        for round in 0..8 {
            let parts: Vec<f64> = v.iter().flat_map(|v| v.iter().copied()).collect();
            let size = norm(&parts);
            if round > 0 {
                largest = largest.max(size);
            }
            v.iter_mut().for_each(|v| *v /= size);
            map(&mut v);
        }
        largest
    }
    /// v ← T⁻¹v.
    fn solve(&self, v: &mut [Array2<f64>]) {
        for i in 1..v.len() {
            let before = self.steps[i - 1].1.dot(&v[i - 1]);
            v[i] += &before;
        }
        for (v, (curvature, _)) in v.iter_mut().zip(&self.steps) {
            *v = curvature.solve(std::mem::take(v));
        }
        for i in (1..v.len()).rev() {
            let after = self.steps[i - 1].1.t().dot(&v[i]);
            v[i - 1] += &after;
        }
    }
    /// v ← T v, but for its sign.
    fn apply(&self, v: &mut [Array2<f64>]) {
        for i in 1..v.len() {
            let after = self.steps[i - 1].1.t().dot(&v[i]);
            v[i - 1] -= &after;
        }
        for (v, (curvature, _)) in v.iter_mut().zip(&self.steps) {
            *v = curvature.lower.dot(&curvature.lower.t().dot(v));
        }
        for i in (1..v.len()).rev() {
            let before = self.steps[i - 1].1.dot(&v[i - 1]);
            v[i] -= &before;
        }
    }
}

/// ±PᵀAP = L Lᵀ.
pub(crate) struct Curvature {
    lower: Array2<f64>,
    sign: f64,
}

impl Curvature {
    /// None where a pivot is rounding, or not positive, or not finite.
    pub(crate) fn of(g: &Array2<f64>, sign: f64, epsilon: f64) -> Option<Self> {
        let s = g.nrows();
        let floor = 4.0 * epsilon * g.diag().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let mut lower = Array2::zeros((s, s));
        for j in 0..s {
            for i in j..s {
                let known: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
                let left = 0.5 * sign * (g[[i, j]] + g[[j, i]]) - known;
                if i > j {
                    lower[[i, j]] = left / lower[[j, j]];
                } else if left > floor && left.is_finite() {
                    lower[[j, j]] = left.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Curvature { lower, sign })
    }
    /// (PᵀAP)⁻¹ B.
    pub(crate) fn solve(&self, mut b: Array2<f64>) -> Array2<f64> {
        let (l, s) = (&self.lower, self.lower.nrows());
        for mut b in b.columns_mut() {
            for i in 0..s {
                let known: f64 = (0..i).map(|k| l[[i, k]] * b[k]).sum();
                b[i] = (b[i] - known) / l[[i, i]];
            }
            for i in (0..s).rev() {
                let known: f64 = (i + 1..s).map(|k| l[[k, i]] * b[k]).sum();
                b[i] = (b[i] - known) / l[[i, i]];
            }
            b.mapv_inplace(|b| self.sign * b);
        }
        b
    }
}
