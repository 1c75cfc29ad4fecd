//! Central finite differences with Richardson extrapolation, and the error to expect of them.
//!
//! With `D(h) = (f(x + h v) − f(x − h v)) / 2h`, the value is `(64 D(h/4) − 20 D(h/2) + D(h)) / 45`. Its truncation error is
//! `h⁶ f⁽⁷⁾ / 322560`, and its rounding error at most `7 δ / h`, where `δ` is the error of one value of `f` (Richardson, 1911).
//!
//! ```
//! use hypertape_testkit::differences::{STEP, assert_close, gradient, tolerance};
//! let x = [0.3, -1.2];
//! let found = gradient(|x| x[0].sin() * x[1].exp(), &x);
//! let exact = [x[0].cos() * x[1].exp(), x[0].sin() * x[1].exp()];
//! assert_close("gradient", &found, &exact, tolerance(1, 1.0, STEP));
//! ```

use ndarray::Array2;

/// The step for points and directions of size one: near `ε^(1/7)`, and a power of two, so that it adds no rounding of its own.
pub const STEP: f64 = 1.0 / 256.0;

/// The derivative of a scalar function at `x` in the direction `v`.
pub fn directional(mut f: impl FnMut(&[f64]) -> f64, x: &[f64], v: &[f64]) -> f64 {
    jvp(|x| vec![f(x)], x, v)[0]
}

/// The derivative of a vector function at `x` in the direction `v`: its Jacobian times `v`.
///
/// The step is [`STEP`], longer for a large `x` and shorter for a large `v`: `h ‖v‖ = STEP max(1, ‖x‖)` in the maximum norm over the entries
/// that move.
pub fn jvp(f: impl FnMut(&[f64]) -> Vec<f64>, x: &[f64], v: &[f64]) -> Vec<f64> {
    jvp_with(f, x, v, step(x, v))
}

/// As [`jvp`], with a step `h` of your own: values at `x ± h v`, `x ± h v / 2` and `x ± h v / 4`.
///
/// # Panics
/// When `x` and `v` differ in length, or `f` returns vectors of different lengths.
pub fn jvp_with(mut f: impl FnMut(&[f64]) -> Vec<f64>, x: &[f64], v: &[f64], step: f64) -> Vec<f64> {
    assert_eq!(x.len(), v.len(), "finite differences: the point and the direction differ in length");
    let mut difference = |h: f64| -> Vec<f64> {
        let mut at = |h: f64| f(&x.iter().zip(v).map(|(x, v)| x + h * v).collect::<Vec<_>>());
        let (ahead, behind) = (at(h), at(-h));
        assert_eq!(ahead.len(), behind.len(), "finite differences: the function changes the length of its result");
        ahead.iter().zip(&behind).map(|(ahead, behind)| (ahead - behind) / (2.0 * h)).collect()
    };
    let (wide, middle, narrow) = (difference(step), difference(step / 2.0), difference(step / 4.0));
    (0..wide.len()).map(|index| (64.0 * narrow[index] - 20.0 * middle[index] + wide[index]) / 45.0).collect()
}

/// The gradient of a scalar function.
pub fn gradient(mut f: impl FnMut(&[f64]) -> f64, x: &[f64]) -> Vec<f64> {
    (0..x.len()).map(|index| directional(&mut f, x, &axis(x.len(), index))).collect()
}

/// The Jacobian of a vector function: a row for each output, a column for each input.
pub fn jacobian(mut f: impl FnMut(&[f64]) -> Vec<f64>, x: &[f64]) -> Array2<f64> {
    let columns: Vec<Vec<f64>> = (0..x.len()).map(|index| jvp(&mut f, x, &axis(x.len(), index))).collect();
    let rows = columns.first().map_or_else(|| f(x).len(), Vec::len);
    Array2::from_shape_fn((rows, x.len()), |(row, column)| columns[column][row])
}

/// The error to expect of a difference: `scale (7 ε size / step + step⁶)`.
///
/// `size` is the number of values that are summed or multiplied on the way to one output, `scale` bounds the output and `f⁽⁷⁾ / 322560`
/// in the direction, and `step` is [`STEP`] unless the point, the direction or the caller made it another. A function that is analytic only
/// within a distance `ρ < 1` wants [`jvp_with`] and a step of `ρ STEP`.
#[must_use]
pub fn tolerance(size: usize, scale: f64, step: f64) -> f64 {
    scale * (7.0 * f64::EPSILON * size.max(1) as f64 / step + step.powi(6))
}

/// The error to expect of two ways to compute the same number from `size` terms: `4 ε size scale`.
#[must_use]
pub fn rounding(size: usize, scale: f64) -> f64 {
    4.0 * f64::EPSILON * size.max(1) as f64 * scale
}

/// Fails the test, and names the worst entry, when two lists differ by more than an absolute tolerance. NaN is never close.
///
/// # Panics
/// When the lists differ.
#[track_caller]
pub fn assert_close<'a>(what: &str, found: impl IntoIterator<Item = &'a f64>, expected: impl IntoIterator<Item = &'a f64>, tolerance: f64) {
    let (found, expected): (Vec<f64>, Vec<f64>) = (found.into_iter().copied().collect(), expected.into_iter().copied().collect());
    assert_eq!(found.len(), expected.len(), "{what}: the lengths differ");
    let distance = |index: usize| if found[index] == expected[index] { 0.0 } else { (found[index] - expected[index]).abs() };
    // A NaN sorts above every number in `total_cmp`.
    let worst = (0..found.len()).max_by(|&a, &b| distance(a).abs().total_cmp(&distance(b).abs()));
    if let Some(worst) = worst {
        let (found, expected, distance) = (found[worst], expected[worst], distance(worst));
        assert!(
            distance <= tolerance,
            "{what}[{worst}]: found {found:e}, expected {expected:e}; {distance:e} apart, {tolerance:e} allowed"
        );
    }
}

fn step(x: &[f64], v: &[f64]) -> f64 {
    let length = v.iter().fold(0.0, |length: f64, v| length.max(v.abs()));
    let size = x.iter().zip(v).filter(|(_, v)| **v != 0.0).fold(1.0, |size: f64, (x, _)| size.max(x.abs()));
    if length == 0.0 { STEP } else { STEP * size / length }
}

fn axis(len: usize, index: usize) -> Vec<f64> {
    (0..len).map(|i| f64::from(u8::from(i == index))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn gradients_of_smooth_functions_are_within_the_tolerance() {
        let x = random::sym(1, 7).to_vec();
        let exact: Vec<f64> = x.iter().map(|x| (2.0 * x).cos() * 2.0).collect();
        let found = gradient(|x| x.iter().map(|x| (2.0 * x).sin()).sum(), &x);
        assert_close("gradient", &found, &exact, tolerance(x.len(), 1.0, STEP));
    }

    #[test]
    fn jacobians_have_a_row_for_each_output() {
        let found = jacobian(|x| vec![x[0] * x[1], x[1].exp(), x[2]], &[2.0, -1.0, 0.5]);
        let exact = [-1.0, 2.0, 0.0, 0.0, (-1.0f64).exp(), 0.0, 0.0, 0.0, 1.0];
        assert_eq!(found.dim(), (3, 3));
        assert_close("jacobian", found.iter(), &exact, tolerance(1, 2.0, STEP));
        assert_eq!(jacobian(|_| vec![1.0, 2.0], &[]).dim(), (2, 0));
    }

    #[test]
    fn polynomials_of_degree_six_have_no_truncation_error() {
        let found = directional(|x| x[0].powi(6), &[1.0], &[1.0]);
        assert_close("derivative", &[found], &[6.0], 7.0 * f64::EPSILON / STEP);
        let found = jvp_with(|x| vec![x[0].powi(6)], &[1.0], &[1.0], 1.0);
        assert_close("derivative", &found, &[6.0], rounding(6, 64.0));
    }

    #[test]
    fn large_points_and_directions_change_the_step() {
        let found = directional(|x| x[0].ln(), &[1e6], &[1e3]);
        assert_close("derivative", &[found], &[1e-3], tolerance(1, (1e6f64).ln(), STEP) * 1e-3);
        assert_eq!(directional(|x| x[0], &[1.0], &[0.0]), 0.0);
    }

    #[test]
    #[should_panic(expected = "gradient[1]: found NaN")]
    fn nan_is_not_close() {
        assert_close("gradient", &[1.0, f64::NAN, 2.0], &[1.0, 1.0, 9.0], 0.1);
    }

    #[test]
    fn equal_infinities_are_close() {
        assert_close("values", &[f64::INFINITY], &[f64::INFINITY], 0.0);
    }
}
