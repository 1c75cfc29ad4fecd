//! The small problem of the Arnoldi process: a Hessenberg matrix, rotated into a triangle as its columns come.
use crate::system::System;
use crate::vectors::{axpy, dot, noise, norm};
use hypertape_autodiff::outcome::Failed;

/// The rotated Hessenberg matrix by columns of m + 1, the rotations, the right-hand side.
pub(crate) struct Hessenberg<'a> {
    pub(crate) h: &'a mut [f64],
    pub(crate) rotations: &'a mut [(f64, f64)],
    pub(crate) g: &'a mut [f64],
    pub(crate) m: usize,
}

/// Numbers that a Hessenberg matrix of m columns takes, beside 2 m for its rotations.
pub(crate) fn len(m: usize) -> usize {
    m.saturating_add(1).saturating_pow(2)
}

impl<'a> Hessenberg<'a> {
    pub(crate) fn new(numbers: &'a mut Vec<f64>, rotations: &'a mut Vec<(f64, f64)>, m: usize) -> Self {
        numbers.resize(numbers.len().max(len(m)), 0.0);
        rotations.resize(rotations.len().max(m), (0.0, 0.0));
        let (h, g) = numbers.split_at_mut(m * (m + 1));
        Hessenberg { h, rotations: &mut rotations[..m], g: &mut g[..m + 1], m }
    }

    /// Column j from the next vector, in place of which A times the last one stands: modified Gram-Schmidt, twice (Giraud and Langou 2002).
    /// Gives the length of what is left, 0 where that is within rounding of the span: the Krylov space is exhausted.
    pub(crate) fn orthogonalise(&mut self, j: usize, basis: &[f64], next: &mut [f64], epsilon: f64) -> f64 {
        let column = &mut self.h[j * (self.m + 1)..(j + 1) * (self.m + 1)];
        column.fill(0.0);
        let size = norm(next);
        for _ in 0..2 {
            for (i, v) in basis.chunks_exact(next.len()).enumerate() {
                let along = dot(v, next);
                column[i] += along;
                axpy(-along, v, next);
            }
        }
        let left = norm(next);
        let left = if left <= 4.0 * epsilon * size { 0.0 } else { left };
        column[j + 1] = left;
        left
    }

    /// Rotates column j, whose last entry is below the diagonal; gives the residual's norm.
    pub(crate) fn rotate(&mut self, j: usize) -> f64 {
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

    /// Solves for the coefficients of the first k basis vectors in place of g; false when the triangle is singular to rounding.
    pub(crate) fn back_substitute(&mut self, k: usize, epsilon: f64) -> bool {
        let largest = (0..k).map(|i| self.at(i, i).abs()).fold(0.0, f64::max);
        for i in (0..k).rev() {
            let sum: f64 = (i + 1..k).map(|j| self.at(i, j) * self.g[j]).sum();
            let pivot = self.at(i, i);
            if pivot.abs() <= 4.0 * epsilon * largest {
                return false;
            }
            self.g[i] = (self.g[i] - sum) / pivot;
        }
        true
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.h[j * (self.m + 1) + i]
    }

    /// Estimates of the largest singular value of the triangle of k columns, from below, and of the smallest, from above: power and inverse
    /// iteration on RᵀR. They bound ‖A‖ from below and 1/‖A⁻¹‖ from above. Overwrites g and the rotations, at O(k²).
    pub(crate) fn extremes(&mut self, k: usize) -> (f64, f64) {
        let mut largest = (0..k).map(|j| (0..=j).map(|i| self.at(i, j)).fold(0.0, f64::hypot)).fold(0.0, f64::max);
        if k == 0 || !(largest > 0.0 && largest.is_finite()) {
            return (largest, 0.0);
        }
        // In units of the largest column: nothing leaves the range.
        let unit = 1.0 / largest;
        let normalise = |g: &mut [f64]| {
            let size = g.iter().copied().fold(0.0, f64::hypot);
            g.iter_mut().for_each(|g| *g /= size);
            size
        };
        self.start(k);
        for _ in 0..4 {
            for i in 0..k {
                self.g[i] = (i..k).map(|j| self.at(i, j) * unit * self.g[j]).sum();
            }
            for j in (0..k).rev() {
                self.g[j] = (0..=j).map(|i| self.at(i, j) * unit * self.g[i]).sum();
            }
            largest = largest.max(normalise(&mut self.g[..k]).sqrt() / unit);
        }
        self.start(k);
        let mut inverse = 0.0_f64;
        for _ in 0..6 {
            for i in 0..k {
                let sum: f64 = (0..i).map(|j| self.at(j, i) * unit * self.g[j]).sum();
                self.g[i] = (self.g[i] - sum) / (self.at(i, i) * unit);
            }
            // Two halves, so that the reciprocal is squared nowhere.
            let half = normalise(&mut self.g[..k]);
            for i in (0..k).rev() {
                let sum: f64 = (i + 1..k).map(|j| self.at(i, j) * unit * self.g[j]).sum();
                self.g[i] = (self.g[i] - sum) / (self.at(i, i) * unit);
            }
            let other = normalise(&mut self.g[..k]);
            if !(half.is_finite() && other.is_finite()) {
                return (largest, 0.0);
            }
            inverse = inverse.max(half.max(other));
        }
        (largest, 1.0 / (inverse * unit))
    }

    /// A pseudo-random unit vector in g.
    fn start(&mut self, k: usize) {
        let size = (0..k).map(|i| noise(5, i)).fold(0.0, f64::hypot);
        self.g[..k].iter_mut().enumerate().for_each(|(i, g)| *g = noise(5, i) / size);
    }
}

/// A times the last vector of a basis, in `next`.
pub(crate) fn extend(a: &mut System<'_>, basis: &[f64], next: &mut [f64]) -> Result<(), Failed> {
    a.apply(&basis[basis.len() - next.len()..], next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singular_values_of_triangles() {
        // [[1, t], [0, 1]]: singular values (√(t² + 4) ± t)/2.
        for t in [0.0_f64, 1.0, 100.0, 1e6] {
            let (mut numbers, mut rotations) = (vec![1.0, 0.0, 0.0, t, 1.0, 0.0, 0.0, 0.0, 0.0], vec![]);
            let (most, least) = Hessenberg::new(&mut numbers, &mut rotations, 2).extremes(2);
            let exact = (t.hypot(2.0) + t) / 2.0;
            assert!((most / exact - 1.0).abs() < 0.1 && (least * exact - 1.0).abs() < 0.1, "{t}: {most:e} {least:e}, {exact:e}");
        }
        for scale in [1e-200, 1.0, 1e200] {
            let (mut numbers, mut rotations) = (vec![scale, 0.0, 0.0, 0.0, 1e-9 * scale, 0.0, 0.0, 0.0, 0.0], vec![]);
            let (most, least) = Hessenberg::new(&mut numbers, &mut rotations, 2).extremes(2);
            assert!((most / scale - 1.0).abs() < 1e-3 && (least / scale / 1e-9 - 1.0).abs() < 1e-3);
        }
        let (mut numbers, mut rotations) = (vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], vec![]);
        assert_eq!(Hessenberg::new(&mut numbers, &mut rotations, 2).extremes(2).1, 0.0);
    }
}
