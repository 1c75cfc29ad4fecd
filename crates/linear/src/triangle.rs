//! The smallest singular value of the narrow triangle into which a Lanczos process is rotated.
use crate::tridiagonal::KEPT;
use crate::vectors::noise;

/// Numbers that are kept of a column.
const WIDTH: usize = 4;
/// The most rounds of inverse iteration.
const ROUNDS: usize = 12;
/// A gain of a round below which there is no other.
const GAIN: f64 = 1e-3;

/// Numbers that a triangle of so many columns takes.
pub(crate) fn len(columns: usize) -> usize {
    WIDTH * columns.min(KEPT)
}

/// The columns of an upper triangle R with three diagonals, R = Q T for the tridiagonal (k + 1) × k matrix of MINRES or the bidiagonal one of LSMR:
/// the reciprocal of the diagonal entry, the two entries above it, and one of a vector. A triangle that is cut off is that of fewer steps.
#[derive(Debug)]
pub(crate) struct Triangle<'a>(&'a mut Vec<f64>);

impl<'a> Triangle<'a> {
    pub(crate) fn new(numbers: &'a mut Vec<f64>) -> Self {
        numbers.clear();
        Triangle(numbers)
    }
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
    /// A column: its entry on the diagonal and the two above that.
    pub(crate) fn push(&mut self, [diagonal, beside, beyond]: [f64; 3]) {
        if self.0.len() < len(KEPT) {
            self.0.extend([1.0 / diagonal, beside, beyond, 0.0]);
        }
    }
    /// The least of `known` and an estimate of the smallest singular value from above, by inverse iteration on RᵀR. It bounds that of A from above: A V = V T
    /// has ‖A V y‖ = ‖R y‖.
    pub(crate) fn smallest(&mut self, known: Option<f64>) -> Option<f64> {
        let columns = self.0.as_chunks_mut::<WIDTH>().0;
        if columns.is_empty() {
            return known;
        }
        let mut scale = 1.0;
        columns.iter_mut().enumerate().for_each(|(j, c)| c[3] = noise(5, j));
        let mut inverse = 0.0_f64;
        // The first pass only makes the start a unit vector.
        for round in 0..=ROUNDS {
            let before = inverse;
            if round > 0 {
                // Rᵀ y = g, from the top.
                let (mut one, mut two, mut sum) = (0.0, 0.0, 0.0);
                for [reciprocal, beside, beyond, g] in columns.iter_mut() {
                    let y = (*g * scale - *beside * one - *beyond * two) * *reciprocal;
                    (*g, one, two) = (y, y, one);
                    sum += y * y;
                }
                let size = sum.sqrt();
                inverse = inverse.max(size);
                scale = 1.0 / size;
                // R z = y, from the bottom: what a column takes from the rows above it.
                let (mut one, mut two) = (0.0, 0.0);
                for [reciprocal, beside, beyond, g] in columns.iter_mut().rev() {
                    let z = (*g * scale - one) * *reciprocal;
                    (one, two) = (two + *beside * z, *beyond * z);
                    *g = z;
                }
            }
            let size = columns.iter().map(|c| c[3] * c[3]).sum::<f64>().sqrt();
            if !(size.is_finite() && inverse.is_finite()) {
                return Some(0.0);
            }
            if round > 0 {
                inverse = inverse.max(size);
            }
            scale = 1.0 / size;
            if round > 1 && inverse <= before * (1.0 + GAIN) {
                break;
            }
        }
        let found = 1.0 / inverse;
        Some(known.map_or(found, |k| k.min(found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smallest_singular_values_of_triangles() {
        // [[1, t], [0, 1]]: (√(t² + 4) − t)/2.
        for t in [0.0_f64, 1.0, 100.0, 1e6] {
            let mut numbers = vec![];
            let mut r = Triangle::new(&mut numbers);
            r.push([1.0, 0.0, 0.0]);
            r.push([1.0, t, 0.0]);
            let exact = 2.0 / (t.hypot(2.0) + t);
            let found = r.smallest(None).unwrap();
            assert!((found / exact - 1.0).abs() < 1e-3, "{t}: {found:e}, {exact:e}");
            assert_eq!(r.smallest(Some(1e-9)), Some(1e-9));
        }
        // [[1, 0, t], [0, 2, 0], [0, 0, 1]] has the same smallest one.
        for (t, unit) in [(3.0_f64, 1.0), (50.0, 1e-30), (50.0, 1e30)] {
            let mut numbers = vec![];
            let mut r = Triangle::new(&mut numbers);
            r.push([unit, 0.0, 0.0]);
            r.push([2.0 * unit, 0.0, 0.0]);
            r.push([unit, 0.0, t * unit]);
            let exact = 2.0 / (t.hypot(2.0) + t);
            let found = r.smallest(None).unwrap() / unit;
            assert!((found / exact - 1.0).abs() < 1e-3, "{t}: {found:e}, {exact:e}");
        }
        let mut numbers = vec![];
        assert_eq!(Triangle::new(&mut numbers).smallest(None), None);
        let mut r = Triangle::new(&mut numbers);
        r.push([0.0, 0.0, 0.0]);
        assert_eq!(r.smallest(None), Some(0.0));
    }
}
