//! Problems with a smooth objective: ridge, Heron, cube root, linear root, contraction, min-min.
use crate::problem::{Problem, Split, entry, shared};
use hypertape::prelude::*;
use hypertape_testkit::problems::{gradient_descent, min_min::MinMin, ridge as ridge_case, roots};
use ndarray::{Array1, Array2, ArrayView1, array};

/// The loss of the ridge problem, ‖X w − y‖²/2n.
fn ridge_loss(w: Var) -> Var {
    let (x, y) = (ridge_case::x(), ridge_case::y());
    let residual = constant(&x.into_shared()).dot(w) - constant(&y.into_shared());
    residual.square().sum() / 20.0
}

/// Problem 1, at θ = λ = 0.1. As a composite problem, the penalty is the second part.
pub(crate) fn ridge() -> Problem {
    let derivative = ridge_case::derivative(ridge_case::LAMBDA).insert_axis(ndarray::Axis(1));
    // The eigenvalues of the Hessian lie between 0.12 and 1.
    let ridge = Problem::new(&[ridge_case::LAMBDA], &[0.0; 3], |l| ridge_case::solution(l[0]).to_vec(), derivative)
        .numbers(1.0, 400, 1.0, 10.0)
        .smooth(|w, l| ridge_loss(w) + 0.5 * entry(l, 0) * w.square().sum())
        .second(|c, v| vec![ArrayView1::from(c).dot(&ridge_case::second_derivative(ridge_case::LAMBDA)) * v[0]]);
    let split = Split {
        smooth: ridge.record(&|w, _| ridge_loss(w)),
        prox: shared(prox::squared_l2::<Leaf, _>(|l| entry(*l, 0))),
        start: ridge.start.clone(),
    };
    Problem { split: Some(split), ..ridge }
}

/// Second derivatives of a solution whose entry i depends on entry i of θ alone.
fn separable(second: [f64; 2]) -> impl Fn(&[f64], &[f64]) -> Vec<f64> {
    move |c, v| (0..2).map(|i| c[i] * second[i] * v[i]).collect()
}

/// Problem 2: y = ½(y + x/y) at x = (4, 9). The objective is the one whose gradient is y − T(y, x), so a step of size 1 is Heron's.
pub(crate) fn heron() -> Problem {
    let [four, nine] = roots::HERON_AT.map(roots::heron);
    let jacobian = Array2::from_diag(&array![four[1], nine[1]]);
    Problem::new(&roots::HERON_AT, &[1.5, 2.5], |x| x.iter().map(|x| roots::heron(*x)[0]).collect(), jacobian)
        .numbers(1.0, 60, 1.0, 2.0)
        .smooth(|y, x| 0.25 * y.square().sum() - 0.5 * (x * y.ln()).sum())
        .map(|y, x| 0.5 * (y + x / y))
        .second(separable([four[2], nine[2]]))
}

/// Problem 3: z³ = x at x = (8, 27). The objective is z⁴/4 − x z, the map is Newton's.
pub(crate) fn cube_root() -> Problem {
    let [eight, other] = roots::CUBE_ROOT_AT.map(roots::cube_root);
    let jacobian = Array2::from_diag(&array![eight[1], other[1]]);
    // The Hessian is 3z²: 12 and 27 at the solution, no more than 40 on the way.
    Problem::new(&roots::CUBE_ROOT_AT, &[1.5, 2.5], |x| x.iter().map(|x| roots::cube_root(*x)[0]).collect(), jacobian)
        .numbers(2.0 / 39.0, 150, 40.0, 3.0)
        .smooth(|z, x| 0.25 * z.powi(4).sum() - (x * z).sum())
        .map(|z, x| (2.0 * z + x / z.square()) / 3.0)
        .second(separable([eight[2], other[2]]))
}

/// Problem 4: A z + x = 0 with A = [[2, 1], [1, 3]], the minimum of zᵀAz/2 + xᵀz.
pub(crate) fn linear_root() -> Problem {
    let a = roots::linear_matrix().into_shared();
    Problem::new(&[0.3, -0.7], &[0.0, 0.0], |x| roots::linear_solution([x[0], x[1]]).to_vec(), roots::linear_jacobian())
        .numbers(0.4, 150, 3.7, 3.0)
        .smooth(move |z, x| 0.5 * z.dot(constant(&a).dot(z)) + x.dot(z))
        .linear()
}

/// Problem 5: z = z/2 + x, the minimum of z²/4 − x z. A step of size 1 is the map.
pub(crate) fn contraction() -> Problem {
    Problem::new(&[0.7], &[0.0], |x| vec![roots::contraction_solution(x[0])], array![[roots::CONTRACTION_DERIVATIVE]])
        .numbers(1.0, 100, 0.8, 1.0)
        .smooth(|z, x| 0.25 * z.square().sum() - (x * z).sum())
        .map(|z, x| 0.5 * z + x)
        .linear()
}

/// Problem 6: w after K = 10 gradient steps on a w²/2 − b w, with θ = (a, b, η, w₀).
pub(crate) fn quadratic_iterate() -> Problem {
    let case = gradient_descent::CASE;
    let known = case.closed_form();
    let jacobian = array![[known.by_curvature, known.by_theta, known.by_step_size, known.by_start]];
    let at = [case.curvature, case.theta, case.step_size, case.start];
    let run = move |x: &[f64]| {
        vec![gradient_descent::Quadratic { curvature: x[0], theta: x[1], step_size: x[2], start: x[3], ..case }.closed_form().value]
    };
    let problem = Problem::new(&at, &[case.start], run, jacobian).numbers(case.step_size, case.steps as usize, 2.0, 1.0);
    let problem = problem.smooth(|w, p| (0.5 * entry(p, 0) * w.square() - entry(p, 1) * w).sum());
    let gradient = problem.residual.clone().expect("a smooth problem has a residual");
    Problem { entries: Some([2, 3]), ..problem }.map(move |w, p| w - entry(p, 2) * gradient.call((w, p)))
}

/// Problem 13: θ*(λ), the minimum of the logistic loss with a coupling, ten variables and ten parameters.
pub(crate) fn min_min(seed: u64) -> Problem {
    let case = MinMin::new(seed);
    let theta = case.solution();
    // dθ*/dλ = −H⁻¹Cᵀ.
    let factor = hypertape_testkit::dense::cholesky(case.hessian(theta.view()).view()).expect("the Hessian is at least μ I");
    let columns: Vec<Array1<f64>> =
        case.c.rows().into_iter().map(|c| -hypertape_testkit::dense::cholesky_solve(factor.view(), c)).collect();
    let n = theta.len();
    let jacobian = Array2::from_shape_fn((n, n), |(i, j)| columns[j][i]);
    let (a, b, c, mu) = (case.a.clone().into_shared(), case.b.clone().into_shared(), case.c.clone().into_shared(), case.mu);
    let (at, step) = (case.lambda.to_vec(), case.step_size());
    let solve = move |lambda: &[f64]| MinMin { lambda: Array1::from(lambda.to_vec()), ..case.clone() }.solution().to_vec();
    Problem::new(&at, &vec![0.0; n], solve, jacobian).numbers(step, 600, 1.0 / step, 1.0 / (step * mu)).smooth(move |theta, lambda| {
        let loss = (-(constant(&b) * constant(&a).dot(theta))).softplus().mean();
        loss + 0.5 * mu * theta.square().sum() + lambda.dot(constant(&c).dot(theta))
    })
}
