//! Problems with a kink or a constraint: thresholds, lasso, simplex, quadratic program, box.
use crate::problem::{PrimalDual, Problem, Split, entry, shared};
use hypertape::prelude::*;
use hypertape_testkit::differences;
use hypertape_testkit::problems::{constrained, lasso, proximal};
use ndarray::{Array2, ArrayView1, array, s};

/// ½‖z − c‖² with c the first entries of θ.
fn distance(z: Var, p: Var) -> Var {
    let n = z.shape()[0];
    0.5 * (z - p.slice_axis(0, 0, n)).square().sum()
}

/// Problem 7: min ½‖z − c‖² + λ‖z‖₁ with θ = (c, λ).
pub(crate) fn soft_threshold() -> Problem {
    let (c, lambda) = proximal::soft_threshold_case();
    let (by_c, by_lambda) = proximal::soft_threshold_derivatives(c.view(), lambda);
    let mut jacobian = Array2::zeros((4, 5));
    jacobian.slice_mut(s![.., ..4]).assign(&Array2::from_diag(&by_c));
    jacobian.slice_mut(s![.., 4]).assign(&by_lambda);
    let mut at = c.to_vec();
    at.push(lambda);
    Problem::new(&at, &[1.0; 4], |p| proximal::soft_threshold(ArrayView1::from(&p[..4]), p[4]).to_vec(), jacobian)
        .numbers(1.0, 100, 1.0, 1.0)
        .composite(distance, prox::l1::<Leaf, _>(|p| entry(*p, 4)))
        .objective(|z, p| distance(z, p) + entry(p, 4) * z.abs().sum())
        .linear()
}

/// Problem 7, group: min ½‖z − x‖² + λ‖z‖₂ with θ = (x, λ). The objective is smooth where z ≠ 0.
pub(crate) fn group_threshold() -> Problem {
    let (x, lambda) = proximal::group_soft_threshold_case();
    let both = |p: &[f64]| {
        let (by_x, by_lambda) = proximal::group_soft_threshold_derivatives(ArrayView1::from(&p[..2]), p[2]);
        array![[by_x[[0, 0]], by_x[[0, 1]], by_lambda[0]], [by_x[[1, 0]], by_x[[1, 1]], by_lambda[1]]]
    };
    let at = [x[0], x[1], lambda];
    Problem::new(&at, &[1.0, 1.0], |p| proximal::group_soft_threshold(ArrayView1::from(&p[..2]), p[2]).to_vec(), both(&at))
        .numbers(1.0, 100, 1.0, 2.0)
        .composite(distance, prox::l2::<Leaf, _>(|p| entry(*p, 2)))
        .objective(|z, p| distance(z, p) + entry(p, 2) * z.norm_l2())
        // d/dε J(θ + εv)ᵀc.
        .second(move |c, v| differences::jvp(|p| both(p).t().dot(&ArrayView1::from(c)).to_vec(), &at, v))
}

/// Problem 8: the lasso at θ = λ. With both features on the support the objective is smooth at the solution, else it has a kink there.
fn lasso_at(case: lasso::Case) -> Problem {
    let (_, derivative) = lasso::solution(case.y.view(), case.lambda);
    let (x, y) = (lasso::x().into_shared(), case.y.clone().into_shared());
    let loss = move |beta: Var, _: Var| (constant(&x).dot(beta) - constant(&y)).square().sum() / 6.0;
    let fit = loss.clone();
    // The eigenvalues of XᵀX/n are 0.21 and 1.21.
    Problem::new(
        &[case.lambda],
        &[1.0, 1.0],
        move |l| lasso::solution(case.y.view(), l[0]).0.to_vec(),
        derivative.insert_axis(ndarray::Axis(1)),
    )
    .numbers(1.4, 200, 1.3, 8.0)
    .composite(loss, prox::l1::<Leaf, _>(|l| entry(*l, 0)))
    .objective(move |beta, l| fit(beta, l) + entry(l, 0) * beta.abs().sum())
    .linear()
}

/// Problem 8 with both features on the support.
pub(crate) fn lasso_full_support() -> Problem {
    lasso_at(lasso::full_support())
}

/// Problem 8 with one feature on the support.
pub(crate) fn lasso_one_feature() -> Problem {
    lasso_at(lasso::one_feature())
}

/// Problem 9: the point of the simplex nearest to θ.
pub(crate) fn simplex_projection() -> Problem {
    let v = proximal::simplex_case();
    let jacobian = proximal::project_simplex_jacobian(v.view());
    Problem::new(&v.to_vec(), &[0.2, 0.3, 0.5], |v| proximal::project_simplex(ArrayView1::from(v)).to_vec(), jacobian)
        .numbers(1.0, 100, 1.0, 1.0)
        .composite(distance, prox::simplex::<Leaf, _>(prox::number(1.0)))
        .objective(distance)
        .linear()
}

/// ½xᵀQx + cᵀx with c = (θ₁, θ₂), of the first two entries of z.
fn quadratic(z: Var, p: Var) -> Var {
    let (q, x) = (constant(&constrained::qp_matrix().into_shared()), z.slice_axis(0, 0, 2));
    0.5 * x.dot(q.dot(x)) + p.slice_axis(0, 1, 3).dot(x)
}

/// Problem 10: min ½xᵀQx + cᵀx with x₁ + x₂ = b, z = (x, μ) and θ = (b, c). Its objective as one expression is the Lagrangian. The composite
/// problem finds x alone.
pub(crate) fn quadratic_program() -> Problem {
    let c = constrained::qp_linear();
    // By μ: the first equation is 4x₁ + x₂ + c₁ + μ = 0.
    let (by_b, by_c) = (constrained::qp_by_total(), constrained::qp_by_linear());
    let mut jacobian = Array2::zeros((3, 3));
    jacobian.slice_mut(s![..2, 0]).assign(&by_b);
    jacobian.slice_mut(s![..2, 1..]).assign(&by_c);
    for j in 0..3 {
        jacobian[[2, j]] = -4.0 * jacobian[[0, j]] - jacobian[[1, j]] - if j == 1 { 1.0 } else { 0.0 };
    }
    let solve = |p: &[f64]| {
        let (x, mu) = constrained::qp_solution(ArrayView1::from(&p[1..]), p[0]);
        vec![x[0], x[1], mu]
    };
    let lagrangian = |z: Var, p: Var| quadratic(z, p) + entry(z, 2) * (entry(z, 0) + entry(z, 1) - entry(p, 0));
    let step = 0.4;
    let problem = Problem::new(&[constrained::QP_TOTAL, c[0], c[1]], &[0.1, 0.2, 0.0], solve, jacobian).numbers(step, 200, 4.5, 8.0);
    let problem = problem.smooth(lagrangian).linear();
    // The constraint as the projection onto x₁ + x₂ = b.
    let plane = prox::affine::<Leaf, _>(|p| (constant(&array![[1.0, 1.0]].into_shared()), p.slice_axis(0, 0, 1)));
    let start = problem.start.slice(s![..2]).to_owned().into_dyn();
    let smooth = Function::record((shape![2], shape![3]), |(x, p)| quadratic(x, p)).expect("the program records");
    let split = Split { smooth, prox: shared(plane), start };
    // The conjugate of the indicator of {b} is μ ↦ bμ, whose prox is v − σb.
    let dual = prox::of::<Leaf, Leaf, _>(|v: Var, sigma: Var, p: &Var| v - sigma * p.slice_axis(0, 0, 1));
    let primal_dual = PrimalDual { matrix: array![[1.0, 1.0]], dual_prox: shared(dual) };
    Problem { split: Some(split), primal_dual: Some(primal_dual), ..problem }
}

/// Problem 11: min ‖y² − x‖² over 0 ≤ y ≤ 1 at x = (0.3, 1.4).
pub(crate) fn box_argmin() -> Problem {
    let x = constrained::BOX_AT;
    let jacobian = Array2::from_diag(&constrained::box_argmin_jacobian(ArrayView1::from(&x)));
    let fit = |y: Var, x: Var| (y.square() - x).square().sum();
    // Inside, the Hessian is 8x; y'' = −1/(4x√x).
    let curved = -0.25 / (x[0] * x[0].sqrt());
    Problem::new(&x, &[0.5, 0.5], |x| constrained::box_argmin(ArrayView1::from(x)).to_vec(), jacobian)
        .numbers(0.2, 100, 8.0, 8.0)
        .composite(fit, prox::between::<Leaf, _>(|_| (scalar(0.0), scalar(1.0))))
        .objective(fit)
        .second(move |c, v| vec![c[0] * curved * v[0], 0.0])
}
