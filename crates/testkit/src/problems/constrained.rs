//! Constrained minimisers: a quadratic program with one equation, and a least-squares problem in a box.

use crate::dense;
use ndarray::{Array1, Array2, ArrayView1, array, s};

/// The matrix `Q` of the program `min xᵀQx / 2 + cᵀx, x₁ + x₂ = b`, with Lagrangian `.. + μ (x₁ + x₂ − b)`.
#[must_use]
pub fn qp_matrix() -> Array2<f64> {
    array![[4.0, 1.0], [1.0, 2.0]]
}

/// The linear term `c` of the case of the tables.
#[must_use]
pub fn qp_linear() -> Array1<f64> {
    array![1.0, 1.0]
}

/// The total `b` of the case of the tables.
pub const QP_TOTAL: f64 = 1.0;

/// The solution of the program: `x` and the multiplier `μ`. At the case of the tables, x = (0.25, 0.75) and μ = −2.75.
#[must_use]
pub fn qp_solution(c: ArrayView1<'_, f64>, b: f64) -> (Array1<f64>, f64) {
    let solution = qp_solve(array![-c[0], -c[1], b].view());
    (solution.slice(s![..2]).to_owned(), solution[2])
}

/// `dx/db = (0.25, 0.75)`.
#[must_use]
pub fn qp_by_total() -> Array1<f64> {
    qp_solve(array![0.0, 0.0, 1.0].view()).slice(s![..2]).to_owned()
}

/// `dx/dc = −[[1, −1], [−1, 1]] / 4`.
#[must_use]
pub fn qp_by_linear() -> Array2<f64> {
    let columns = [array![-1.0, 0.0, 0.0], array![0.0, -1.0, 0.0]].map(|column| qp_solve(column.view()));
    Array2::from_shape_fn((2, 2), |(i, j)| columns[j][i])
}

/// Solves the equations of Karush, Kuhn and Tucker: `Q x + μ 1 = first two`, `1ᵀx = last`.
fn qp_solve(right: ArrayView1<'_, f64>) -> Array1<f64> {
    let q = qp_matrix();
    let system = array![[q[[0, 0]], q[[0, 1]], 1.0], [q[[1, 0]], q[[1, 1]], 1.0], [1.0, 1.0, 0.0]];
    dense::solve(system.view(), right).expect("Q is positive definite, so the system is regular")
}

/// The point at which the box problem's values are known.
pub const BOX_AT: [f64; 2] = [0.3, 1.4];

/// The minimiser of `‖y² − x‖²` over `0 ≤ y ≤ 1`: `min(√x, 1)`.
#[must_use]
pub fn box_argmin(x: ArrayView1<'_, f64>) -> Array1<f64> {
    x.mapv(|x| x.max(0.0).sqrt().min(1.0))
}

/// The diagonal of the Jacobian of [`box_argmin`]: `1 / 2√x` inside the box, 0 on its border. At [`BOX_AT`], (0.912870929, 0).
#[must_use]
pub fn box_argmin_jacobian(x: ArrayView1<'_, f64>) -> Array1<f64> {
    x.mapv(|x| if x > 0.0 && x < 1.0 { 0.5 / x.sqrt() } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{STEP, assert_close, jacobian, jvp, jvp_with, rounding, tolerance};

    #[test]
    fn the_quadratic_program_has_its_known_values() {
        let (x, mu) = qp_solution(qp_linear().view(), QP_TOTAL);
        assert_close("x", &x, &[0.25, 0.75], rounding(3, 1.0));
        assert_close("μ", &[mu], &[-2.75], rounding(3, 3.0));
        assert_close("dx/db", &qp_by_total(), &[0.25, 0.75], rounding(3, 1.0));
        assert_close("dx/dc", &qp_by_linear(), &[-0.25, 0.25, 0.25, -0.25], rounding(3, 1.0));
    }

    #[test]
    fn the_quadratic_program_agrees_with_differences() {
        let c = qp_linear();
        let found = jvp(|b| qp_solution(c.view(), b[0]).0.to_vec(), &[QP_TOTAL], &[1.0]);
        assert_close("dx/db", &found, &qp_by_total(), tolerance(3, 1.0, STEP));
        let found = jacobian(|c| qp_solution(ArrayView1::from(c), QP_TOTAL).0.to_vec(), &[1.0, 1.0]);
        assert_close("dx/dc", &found, &qp_by_linear(), tolerance(3, 1.0, STEP));
    }

    #[test]
    fn the_box_problem_has_its_known_values() {
        let x = ArrayView1::from(&BOX_AT);
        assert_close("y", &box_argmin(x), &[0.3f64.sqrt(), 1.0], rounding(1, 1.0));
        assert_close("dy/dx", &box_argmin_jacobian(x), &[0.912870929, 0.0], 5e-10);
        // √x is analytic within 0.3 of 0.3.
        let step = 0.25 * STEP;
        for (index, direction) in [[1.0, 0.0], [0.0, 1.0]].iter().enumerate() {
            let found = jvp_with(|x| box_argmin(ArrayView1::from(x)).to_vec(), &BOX_AT, direction, step);
            assert_close("dy/dx", &[found[index]], &[box_argmin_jacobian(x)[index]], tolerance(1, 1.0, step));
            assert_eq!(found[1 - index], 0.0);
        }
    }
}
