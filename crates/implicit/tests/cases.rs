//! Problems with known derivatives, through every linear solver that applies: first and second derivatives, both modes.
use hypertape_autodiff::record::{Var, zeros};
use hypertape_autodiff::tree::Ranked;
use hypertape_autodiff::{Function, shape};
use hypertape_implicit::*;
use hypertape_solvers::{FixedPoint, GradientDescent, Method, NewtonCg};
use hypertape_testkit::problems::ridge;
use ndarray::{Array1, arr1, arr2};
use std::convert::Infallible;

fn close(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * (1.0 + expected.abs()), "{what}: {found} instead of {expected}");
}

#[test]
fn cube_root_to_second_order() {
    let residual = Function::record((shape![], shape![]), |(z, x)| z * z * z - x).unwrap();
    let cube_root = root(&residual, |x, _| Ok::<f64, Infallible>(x.number().cbrt()));
    let f = Function::record(shape![], |x| cube_root.solve(1.0, x)).unwrap();
    for (x, first, second) in [(8.0, 1.0 / 12.0, -1.0 / 144.0), (27.0, 1.0 / 27.0, -2.0 / 2187.0)] {
        let (z, g) = f.value_and_gradient(x).unwrap();
        close("z", z, f64::cbrt(x), 1e-15);
        close("first", g.number(), first, 1e-12);
        close("forward", f.jvp(x, 1.0).unwrap().1.number(), first, 1e-12);
        close("second", f.hvp(x, 1.0).unwrap().number(), second, 1e-12);
        let third = f.wrt(|x| x).gradient().wrt(|x| x).gradient();
        close("second, reverse over reverse", third.eval(x).unwrap().number(), second, 1e-12);
    }
}

/// λ ↦ a coordinate of the ridge solution, by gradient descent and one linear solver.
fn ridge_coordinate(solver: impl LinearSolve, j: usize) -> (f64, f64, f64, f64) {
    let (x, y) = (ridge::x().into_shared(), ridge::y().into_shared());
    let n = y.len() as f64;
    let objective = Function::record((shape![3], shape![]), |(w, l)| {
        let r = hypertape_autodiff::record::constant(&x).dot(w) - hypertape_autodiff::record::constant(&y);
        (0.5 / n) * r.square().sum() + 0.5 * l * w.square().sum()
    })
    .unwrap();
    let method = GradientDescent::new(&objective).step_size(0.5).tolerance(1e-14).max_iterations(20_000).implicit(solver);
    let f = Function::record(shape![], |l| method.solve(zeros(shape![3]), l).slice_axis(0, j, j + 1).sum()).unwrap();
    let (w, g) = f.value_and_gradient(0.1).unwrap();
    (w, g.number(), f.hvp(0.1, 1.0).unwrap().number(), f.jvp(0.1, 1.0).unwrap().1.number())
}

macro_rules! ridge_by {
    ($($name:ident: $solver:expr, $tolerance:expr;)*) => { $(
        #[test]
        fn $name() {
            let (w, dw) = ([0.808554718404, 0.380132637054, 0.203517733997], [-3.05618654937, -1.304843643162, -2.345782593778]);
            let second = ridge::second_derivative(0.1);
            for j in 0..3 {
                let (value, first, hvp, forward) = ridge_coordinate($solver, j);
                close("w", value, w[j], 1e-11);
                close("w'", first, dw[j], $tolerance);
                close("w' forward", forward, dw[j], $tolerance);
                close("w''", hvp, second[j], 10.0 * $tolerance);
            }
        }
    )* };
}
ridge_by! {
    ridge_by_cg: Cg::default(), 1e-10;
    ridge_by_gmres: Gmres::default(), 1e-10;
    ridge_by_bicgstab: Bicgstab::default(), 1e-10;
    ridge_by_normal_cg: NormalCg::default(), 1e-10;
    ridge_by_cholesky: Cholesky, 1e-10;
    ridge_by_lu: Lu, 1e-10;
    ridge_by_neumann: Neumann::terms(2000), 1e-9;
}

#[test]
fn linear_root_has_its_jacobian() {
    let a = arr2(&[[2.0, 1.0], [1.0, 3.0]]).into_shared();
    let residual = Function::record((shape![2], shape![2]), |(z, x)| hypertape_autodiff::record::constant(&a).dot(z) + x).unwrap();
    let by = root(&residual, |x, _| {
        let (p, q) = (-x.d1()[0], -x.d1()[1]);
        Ok::<_, Infallible>(arr1(&[(3.0 * p - q) / 5.0, (2.0 * q - p) / 5.0]))
    });
    let f = Function::record(shape![2], |x| by.solve(zeros(shape![2]), x)).unwrap();
    let j = f.wrt(|x| x).jacobian().eval(arr1(&[0.3, -0.7])).unwrap();
    for (found, expected) in j.iter().zip([-0.6, 0.2, 0.2, -0.4]) {
        close("J", *found, expected, 1e-12);
    }
}

#[test]
fn neumann_terms_are_unrolled_steps_of_a_contraction() {
    let map = Function::record((shape![], shape![]), |(z, x)| 0.5 * z + x).unwrap();
    for (k, expected) in [(1, 1.0), (5, 1.9375), (10, 1.998046875)] {
        let method = FixedPoint::new(&map).tolerance(1e-13).implicit(Neumann::terms(k));
        let f = Function::record(shape![], |x| method.solve(zeros(shape![]), x)).unwrap();
        close("dz/dx", f.gradient(0.7).unwrap().number(), expected, 1e-14);
    }
}

#[test]
fn one_step_is_exact_for_heron() {
    let map = Function::record((shape![2], shape![2]), |(y, x)| 0.5 * (y + x / y)).unwrap();
    let method = FixedPoint::new(&map).tolerance(1e-13).implicit(OneStep::default());
    let f = Function::record(shape![2], |x| method.solve(hypertape_autodiff::record::ones(shape![2]), x).sum()).unwrap();
    let g = f.gradient(arr1(&[4.0, 9.0])).unwrap();
    close("1/4", g.d1()[0], 0.25, 1e-12);
    close("1/6", g.d1()[1], 1.0 / 6.0, 1e-12);
}

#[test]
fn newton_on_lambda_is_generic_in_the_element_type() {
    fn ridge<T: hypertape_autodiff::array::Real>(x: Var<T>, y: Var<T>, theta: Var<T>, lambda: Var<T>) -> Var<T> {
        0.5 * (x.dot(theta) - y).square().mean() + 0.5 * lambda.exp() * theta.square().sum()
    }
    let (x, y) = (ridge::x(), ridge::y());
    let inner = Function::record((shape![3], (shape![], (shape![10, 3], shape![10]))), |(t, (l, (x, y)))| ridge(x, y, t, l)).unwrap();
    let solver = NewtonCg::new(&inner).tolerance(1e-13);
    let outer = Function::record((shape![], (shape![10, 3], shape![10])), |(l, (x, y))| {
        let theta = solver.implicit(Cg::default()).solve(zeros(shape![3]), (l, (x, y)));
        (x.dot(theta) - y * 0.9).square().mean()
    })
    .unwrap();
    let (g, h) = (outer.wrt(|(l, _)| l).gradient(), outer.wrt(|(l, _)| l).hessian());
    let at = |l: f64| g.eval((l, (&x, &y))).unwrap().number();
    let difference = (at(-1.0 + 1e-5) - at(-1.0 - 1e-5)) / 2e-5;
    close("second derivative", h.eval((-1.0, (&x, &y))).unwrap().number(), difference, 1e-8);
}

#[test]
fn a_zero_cotangent_gives_exact_zeros_and_a_tiny_one_scales() {
    let residual = Function::record((shape![2], shape![2]), |(z, x)| z * z - x).unwrap();
    let sqrt = root(&residual, |x, _| Ok::<_, Infallible>(x.d1().mapv(f64::sqrt)));
    let f = Function::record(shape![2], |x| sqrt.solve(zeros(shape![2]), x)).unwrap();
    let x = arr1(&[4.0, 9.0]);
    let pull = |c: f64| f.vjp(&x, Array1::from_elem(2, c)).unwrap().1;
    assert!(pull(0.0).iter().all(|v| *v == 0.0));
    let (one, tiny) = (pull(1.0), pull(1e-30));
    one.iter().zip(&tiny).for_each(|(a, b)| close("scaled", b * 1e30, *a, 1e-12));
}
