//! The Lasso by ISTA, differentiated by its penalty or by its matrix: unrolled and implicit.
use super::{Ready, Size, call, keep, ready};
use hypertape::prelude::*;
use hypertape_testkit::random::{sym, uniform};
use ndarray::{Array1, Array2, arr0};

const STEP: f64 = 0.15;
const PENALTY: f64 = 0.05;

fn data(size: Size) -> (Array2<f64>, Array1<f64>, Array1<f64>) {
    let (m, n) = size.of((100, 200), (500, 1000), (1500, 3000));
    let a = sym(600, (m, n)) * (12.0 / m as f64).sqrt();
    let truth = (uniform(601, n), sym(602, n));
    let truth = Array1::from_shape_fn(n, |i| if truth.0[i] < 0.05 { 8.0 * truth.1[i] } else { 0.0 });
    let b = a.dot(&truth) + sym(603, m) * 0.05;
    (a, b, truth)
}

/// ½‖A x − b‖² + λ‖x‖₁ by 200 steps; the squared distance to the truth.
pub(super) fn unrolled(size: Size, by_matrix: bool, variant: &'static str) -> Ready {
    let (a, b, truth) = data(size);
    let ((m, n), b, truth) = (a.dim(), b.into_shared(), truth.into_shared());
    ready(move || {
        let distance = |x: Var| (x - constant(&truth)).square().sum();
        if by_matrix {
            let fit = Function::record((shape![n], shape![m, n]), |(x, a)| 0.5 * (a.dot(x) - constant(&b)).square().sum())?;
            let ista = Ista::new(&Composite::new(&fit, prox::l1::<Leaf, _>(|_| scalar(PENALTY))))
                .step_size(STEP)
                .unroll(200)
                .keep(keep(variant, 200 * 8 * n));
            let f = Function::record(shape![m, n], |a| distance(ista.solve(zeros(shape![n]), a)))?;
            return call(f.wrt(|a| a).gradient(), a);
        }
        let a = a.into_shared();
        let fit = Function::record((shape![n], shape![]), |(x, _)| 0.5 * (constant(&a).dot(x) - constant(&b)).square().sum())?;
        let ista = Ista::new(&Composite::new(&fit, prox::l1::<Leaf, _>(|lambda| *lambda)))
            .step_size(STEP)
            .unroll(200)
            .keep(keep(variant, 200 * 8 * n));
        let f = Function::record(shape![], |lambda| distance(ista.solve(zeros(shape![n]), lambda)))?;
        if variant == "fwd" {
            return call(f.wrt(|l| l).jvp().output(|(_, t)| t), (arr0(PENALTY), arr0(1.0)));
        }
        call(f.wrt(|l| l).gradient(), arr0(PENALTY))
    })
}

/// The same at the fixed point, to 1e-11.
pub(super) fn implicit(size: Size, by_matrix: bool) -> Ready {
    let (a, b, truth) = data(size);
    let ((m, n), b, truth) = (a.dim(), b.into_shared(), truth.into_shared());
    ready(move || {
        let distance = |x: Var| (x - constant(&truth)).square().sum();
        // The stopping measure is ‖T(x) − x‖ over the step.
        let tolerance = 1e-11 / STEP;
        if by_matrix {
            let fit = Function::record((shape![n], shape![m, n]), |(x, a)| 0.5 * (a.dot(x) - constant(&b)).square().sum())?;
            let ista = Ista::new(&Composite::new(&fit, prox::l1::<Leaf, _>(|_| scalar(PENALTY))))
                .step_size(STEP)
                .tolerance(tolerance)
                .max_iterations(20_000);
            let solver = ista.implicit(Bicgstab::default());
            let f = Function::record(shape![m, n], |a| distance(solver.solve(zeros(shape![n]), a)))?;
            return call(f.wrt(|a| a).gradient(), a);
        }
        let a = a.into_shared();
        let fit = Function::record((shape![n], shape![]), |(x, _)| 0.5 * (constant(&a).dot(x) - constant(&b)).square().sum())?;
        let ista = Ista::new(&Composite::new(&fit, prox::l1::<Leaf, _>(|lambda| *lambda)))
            .step_size(STEP)
            .tolerance(tolerance)
            .max_iterations(20_000);
        let solver = ista.implicit(Bicgstab::default());
        let f = Function::record(shape![], |lambda| distance(solver.solve(zeros(shape![n]), lambda)))?;
        call(f.wrt(|l| l).gradient(), arr0(PENALTY))
    })
}
