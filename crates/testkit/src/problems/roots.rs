//! Roots and fixed points of one or two numbers: Heron's iteration, the cube root, a linear system, a contraction.

use ndarray::{Array1, Array2, array};

/// Heron's step `T(y, x) = (y + x / y) / 2`, whose fixed point is √x. `∂T/∂y = 0` there, so the one-step derivative is exact.
#[must_use]
pub fn heron_step(y: f64, x: f64) -> f64 {
    0.5 * (y + x / y)
}

/// The points at which Heron's values are known: `(4, 9)`.
pub const HERON_AT: [f64; 2] = [4.0, 9.0];

/// The fixed point √x, its derivative `1 / 2√x` and its second derivative `−1 / 4x√x`.
#[must_use]
pub fn heron(x: f64) -> [f64; 3] {
    let root = x.sqrt();
    [root, 0.5 / root, -0.25 / (x * root)]
}

/// The points at which the values of the cube root are known: `(8, 27)`.
pub const CUBE_ROOT_AT: [f64; 2] = [8.0, 27.0];

/// The root of `z³ = x`, its derivative `1 / 3z²` and its second derivative `−2 / 9z⁵`.
#[must_use]
pub fn cube_root(x: f64) -> [f64; 3] {
    let z = x.cbrt();
    [z, 1.0 / (3.0 * z.powi(2)), -2.0 / (9.0 * z.powi(5))]
}

/// The matrix of the linear root `A z + x = 0`.
#[must_use]
pub fn linear_matrix() -> Array2<f64> {
    array![[2.0, 1.0], [1.0, 3.0]]
}

/// The Jacobian of the linear root: `dz/dx = −A⁻¹`.
#[must_use]
pub fn linear_jacobian() -> Array2<f64> {
    array![[-0.6, 0.2], [0.2, -0.4]]
}

/// The linear root `z = −A⁻¹ x`.
#[must_use]
pub fn linear_solution(x: [f64; 2]) -> Array1<f64> {
    linear_jacobian().dot(&Array1::from(x.to_vec()))
}

/// The fixed point of the contraction `T(z, x) = z / 2 + x`.
#[must_use]
pub fn contraction_solution(x: f64) -> f64 {
    2.0 * x
}

/// The derivative of the contraction's fixed point.
pub const CONTRACTION_DERIVATIVE: f64 = 2.0;

/// The derivative of the contraction by `terms` Neumann terms, or through `terms` unrolled steps: `2 (1 − 2⁻ᴷ)`.
#[must_use]
pub fn contraction_truncated(terms: i32) -> f64 {
    2.0 * (1.0 - 0.5f64.powi(terms))
}

/// A map that has a fixed point, `−x`, but moves away from it: `T(z, x) = 2 z + x`. Iterations and Neumann series must report divergence.
#[must_use]
pub fn expansion_step(z: f64, x: f64) -> f64 {
    2.0 * z + x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{STEP, assert_close, directional, rounding, tolerance};

    #[test]
    fn values_are_the_known_ones() {
        let [of_4, of_9] = HERON_AT.map(heron);
        assert_close("√4", &of_4, &[2.0, 1.0 / 4.0, -1.0 / 32.0], rounding(1, 1.0));
        assert_close("√9", &of_9, &[3.0, 1.0 / 6.0, -1.0 / 108.0], rounding(1, 1.0));
        let [of_8, of_27] = CUBE_ROOT_AT.map(cube_root);
        assert_close("∛8", &of_8, &[2.0, 1.0 / 12.0, -1.0 / 144.0], rounding(1, 1.0));
        assert_close("∛27", &of_27, &[3.0, 1.0 / 27.0, -2.0 / 2187.0], rounding(1, 1.0));
        assert_eq!([1, 5, 10].map(contraction_truncated), [1.0, 1.9375, 1.998046875]);
    }

    #[test]
    fn solutions_solve_and_derivatives_agree_with_differences() {
        for x in HERON_AT {
            let [root, first, second] = heron(x);
            assert_close("fixed point", &[heron_step(root, x)], &[root], rounding(1, root));
            assert_close("first", &[directional(|x| heron(x[0])[0], &[x], &[1.0])], &[first], tolerance(1, x, x * STEP));
            assert_close("second", &[directional(|x| heron(x[0])[1], &[x], &[1.0])], &[second], tolerance(1, x, x * STEP));
            assert_close("one step", &[directional(|x| heron_step(root, x[0]), &[x], &[1.0])], &[first], tolerance(1, x, x * STEP));
        }
        for x in CUBE_ROOT_AT {
            let [root, first, second] = cube_root(x);
            assert_close("root", &[root.powi(3)], &[x], rounding(3, x));
            assert_close("first", &[directional(|x| cube_root(x[0])[0], &[x], &[1.0])], &[first], tolerance(1, root, STEP));
            assert_close("second", &[directional(|x| cube_root(x[0])[1], &[x], &[1.0])], &[second], tolerance(1, root, STEP));
        }
        let product = linear_matrix().dot(&linear_jacobian());
        assert_close("−A J", &product, &-Array2::<f64>::eye(2), rounding(2, 1.0));
        let x = [0.3, -0.8];
        assert_close("A z", &linear_matrix().dot(&linear_solution(x)), &x.map(|x| -x), rounding(2, 1.0));
        assert_eq!(contraction_solution(3.0) / 2.0 + 3.0, contraction_solution(3.0));
        assert_eq!(contraction_truncated(60), CONTRACTION_DERIVATIVE);
        assert_eq!(expansion_step(-1.5, 1.5), -1.5);
    }
}
