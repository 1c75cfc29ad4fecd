//! What a Newton step on λ needs: the Hessian of a loss of the inner solution, at data that are inputs.
use hypertape_autodiff::record::{Var, zeros};
use hypertape_autodiff::tree::Ranked;
use hypertape_autodiff::{Function, shape};
use hypertape_implicit::*;
use hypertape_linear::*;
use hypertape_solvers::{Method, NewtonCg};
use hypertape_testkit::differences::{self, STEP, assert_close};
use hypertape_testkit::problems::ridge;

#[test]
fn the_hessian_agrees_with_differences_and_the_objective_is_generic_in_the_element_type() {
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
    let at = |l: f64| g.eval((l, (&x, &y))).unwrap().number().unwrap();
    let difference = differences::directional(|l| at(l[0]), &[-1.0], &[1.0]);
    // The gradient is off by the residuals of its solves, 10⁻¹³ and 10⁻¹², times a condition number below 10, and the differences multiply that.
    let allowed = differences::tolerance(10, 1.0, STEP) + 7.0 * 1e-11 / STEP;
    assert_close("second derivative", &[h.eval((-1.0, (&x, &y))).unwrap().number().unwrap()], &[difference], allowed);
}
