//! Each verdict of `check_hypergradient` on a problem with exactly that fault, by derivatives known in closed form.
use hypertape_autodiff::array::{AnyView, AnyViewMut, LeafType};
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::record::{DynVar, Var, constant, scalar, stop_gradient};
use hypertape_autodiff::tree::{Leaf, Ranked};
use hypertape_autodiff::{ErrorKind, Function, Primitive, Result, apply_primitive, shape};
use hypertape_implicit::{Along, Culprit, HypergradientCheck, ImplicitExt, Stage, Verdict, check_hypergradient};
use hypertape_linear::{Cg, Gmres, LinearSolver, Lissa, Lu, Neumann, NormalCg, Shine};
use hypertape_solvers::{
    Composite, Equation, Fista, FixedPoint, GradientDescent, Ista, Lbfgs, Method, NewtonCg, Problem, Scale, Smooth, Step, prox,
};
use ndarray::{Array1, Array2, arr1, arr2};
use std::sync::Arc;

type Inner = Function<(Leaf, Leaf), Leaf>;

/// min ½ Σ dᵢ zᵢ² − t Σ zᵢ: zᵢ = t/dᵢ.
fn quadratic(d: &[f64]) -> Inner {
    let (n, d) = (d.len(), arr1(d).into_shared());
    Function::record((shape![n], shape![]), |(z, t)| (0.5 * constant(&d) * z.square() - t * z).sum()).unwrap()
}

/// ½‖z‖².
fn half_square(n: usize) -> Inner {
    Function::record((shape![n], shape![]), |(z, _)| 0.5 * z.square().sum()).unwrap()
}

/// Σ t/dᵢ² = dL/dt.
fn truth(d: &[f64], t: f64) -> f64 {
    d.iter().map(|d| t / (d * d)).sum()
}

fn close(a: f64, b: f64, relative: f64) {
    assert!((a - b).abs() <= relative * a.abs().max(b.abs()), "{a} and {b}");
}

/// Differences are within what they state.
fn holds(a: &Along, truth: f64) {
    assert!((a.difference - truth).abs() <= a.error + 1e-12 * truth.abs(), "{a:?}, true {truth:e}");
}

const D: [f64; 3] = [1.0, 2.0, 5.0];

#[test]
fn healthy() -> Result<()> {
    let method = GradientDescent::new(&quadratic(&D)).step_size(0.3).tolerance(1e-8);
    let found = method.implicit(Cg::default()).check_hypergradient(&half_square(3)).at(Array1::zeros(3), 1.5)?;
    assert!(found.passed() && found.remedy.is_empty(), "{found}");
    holds(&found.along[0], truth(&D, 1.5));
    close(found.implicit.unwrap().number()?, truth(&D, 1.5), 1e-6);
    close(found.unrolled.unwrap().number()?, truth(&D, 1.5), 1e-4);
    assert_eq!(found.flat, Some(0));
    // The largest |1 − 0.3 d|.
    close(found.factor.unwrap(), 0.7, 1e-3);
    Ok(())
}

#[test]
fn healthy_with_vectors_of_parameters() -> Result<()> {
    // min ½‖z − p‖² + ¼ Σ z⁴: dz/dp = 1/(1 + 3z²).
    for p in [2, 7] {
        let inner = Function::record((shape![p], shape![p]), |(z, p)| (0.5 * (z - p).square() + 0.25 * z.powi(4)).sum())?;
        let outer = Function::record((shape![p], shape![p]), |(z, _)| z.square().sum())?;
        let at: Array1<f64> = (0..p).map(|i| 0.2 + 0.1 * i as f64).collect();
        let method = GradientDescent::new(&inner).step_size(0.4).tolerance(1e-10);
        let found = check_hypergradient(&method, &outer).at(Array1::zeros(p), &at)?;
        assert!(found.passed(), "{found}");
        assert_eq!(found.along.len(), if p == 2 { 4 } else { 2 });
        for (k, a) in found.along.iter().enumerate().take(if p == 2 { 2 } else { 0 }) {
            let z = (0..100).fold(at[k], |z: f64, _| z - (z + z.powi(3) - at[k]) / (1.0 + 3.0 * z * z));
            holds(a, 2.0 * z / (1.0 + 3.0 * z * z));
        }
    }
    Ok(())
}

#[test]
fn healthy_in_single_precision() -> Result<()> {
    let (vector, number) = (Leaf::<f32>::new([2]), Leaf::<f32>::new([]));
    let half = || -> Var<f32> { scalar(0.5) };
    let inner = Function::record((vector.clone(), number.clone()), |(z, t)| (half() * t * z.square() - z).sum())?;
    let outer = Function::record((vector, number), |(z, _)| z.square().sum())?;
    let method = GradientDescent::new(&inner).step_size(0.5).tolerance(1e-5);
    let found = check_hypergradient(&method, &outer).at(arr1(&[0.0_f32, 0.0]), ndarray::arr0(1.25_f32))?;
    assert!(found.passed(), "{found}");
    holds(&found.along[0], -4.0 / 1.25_f64.powi(3));
    Ok(())
}

#[test]
fn nothing_and_one() -> Result<()> {
    let inner = Function::record((shape![0], shape![]), |(z, t)| (z.square() * t).sum())?;
    let outer = Function::record((shape![0], shape![]), |(z, t)| z.sum() + t.square())?;
    let method = GradientDescent::new(&inner).step_size(0.5);
    let found = check_hypergradient(&method, &outer).at(Array1::zeros(0), 3.0)?;
    assert!(found.passed(), "{found}");
    holds(&found.along[0], 6.0);
    // No parameters.
    let inner = Function::record((shape![2], shape![0]), |(z, _)| (0.5 * z.square() - z).sum())?;
    let outer = Function::record((shape![2], shape![0]), |(z, _)| z.sum())?;
    let found = check_hypergradient(&GradientDescent::new(&inner).step_size(0.5), &outer).at(arr1(&[0.0, 0.0]), Array1::zeros(0))?;
    assert!(found.passed() && found.along.is_empty(), "{found}");
    // One unknown, and a derivative that is 0.
    let found = check_hypergradient(&GradientDescent::new(&quadratic(&[2.0])).step_size(0.4), &half_square(1)).at(Array1::zeros(1), 0.0)?;
    assert!(found.passed(), "{found}");
    Ok(())
}

#[test]
fn a_minimum_of_the_outer_objective_that_is_attained() -> Result<()> {
    // ½(z − a)² and (z − t)² at a = t: the derivative is 0, and so is the value.
    let inner = Function::record((shape![], shape![]), |(z, a)| 0.5 * (z - a).square())?;
    for t in [0.5, 1.0, 2.0, -1.0, 8.0, 3.7] {
        let outer = Function::record((shape![], shape![]), |(z, _)| (z - t).square())?;
        for step in [0.3, 0.5, 0.7] {
            for tolerance in [1e-8, 1e-10, 1e-13, 1e-15] {
                let method = GradientDescent::new(&inner).step_size(step).tolerance(tolerance);
                let found = check_hypergradient(&method, &outer).at(0.0, t)?;
                assert!(found.passed(), "{t} {step} {tolerance:e}\n{found}");
            }
        }
    }
    Ok(())
}

/// min ½‖z − b‖² + w‖z‖₁, Σ z: −1 for each |bᵢ| > w.
fn lasso(b: &[f64]) -> (Inner, Inner) {
    let (n, b) = (b.len(), arr1(b).into_shared());
    let fit = Function::record((shape![n], shape![]), |(z, _)| 0.5 * (z - constant(&b)).square().sum()).unwrap();
    (fit, Function::record((shape![n], shape![]), |(z, _)| z.sum()).unwrap())
}

#[test]
fn a_kink() -> Result<()> {
    // At w = 1 the second entry becomes 0.
    let (fit, outer) = lasso(&[3.0, 1.0]);
    let method = Ista::new(&Composite::new(&fit, prox::l1::<Leaf, _>(|w| *w))).step_size(0.7).tolerance(1e-9);
    let found = check_hypergradient(&method, &outer).at(arr1(&[0.0, 0.0]), 1.0)?;
    let Verdict::Kink { sides: [below, above], .. } = found.verdict else { panic!("{found}") };
    close(below, -2.0, 1e-6);
    close(above, -1.0, 1e-6);
    assert!(found.remedy.contains("smaller tolerance does not help"), "{found}");
    // Beside it there is none.
    let found = check_hypergradient(&method, &outer).at(arr1(&[0.0, 0.0]), 0.9)?;
    assert!(found.passed(), "{found}");
    holds(&found.along[0], -2.0);
    Ok(())
}

#[test]
fn a_loose_inner_solve_is_not_taken_for_a_kink() -> Result<()> {
    // Stopped where the active set is wrong: the second entry is negative at the point, and 0.1 at the solution.
    let (fit, outer) = lasso(&[3.0, 1.0]);
    let problem = Composite::new(&fit, prox::l1::<Leaf, _>(|w| *w));
    let method = Ista::new(&problem).step_size(0.05).tolerance(2.5);
    let found = check_hypergradient(&method, &outer).at(arr1(&[2.0, -3.0]), 0.9)?;
    let Verdict::InnerTooLoose { error, .. } = found.verdict else { panic!("{found}") };
    let given = found.implicit.as_ref().unwrap().number()?;
    close(error, (given + 2.0).abs() / 2.0, 1e-2);
    assert!(found.remedy.contains("tolerance"), "{found}");
    holds(&found.along[0], -2.0);
    // On the kink and loose: it is a kink.
    let found = check_hypergradient(&method, &outer).at(arr1(&[2.0, -3.0]), 1.0)?;
    assert!(matches!(found.verdict, Verdict::Kink { .. }), "{found}");
    Ok(())
}

#[test]
fn an_inner_solve_that_stops_early() -> Result<()> {
    let method = GradientDescent::new(&quadratic(&D)).step_size(0.3).max_iterations(4);
    let found = method.implicit(Cg::default()).check_hypergradient(&half_square(3)).at(Array1::zeros(3), 1.5)?;
    let Verdict::InnerTooLoose { error, iterations: 4, settled: true, .. } = found.verdict else { panic!("{found}") };
    let given = found.implicit.as_ref().unwrap().number()?;
    close(error, (given - truth(&D, 1.5)).abs() / truth(&D, 1.5), 1e-2);
    // More iterations, by about as many as the remedy says, are enough; a smaller tolerance was not asked for in vain.
    let more: usize = found.remedy.split_whitespace().find_map(|w| w.parse().ok()).unwrap();
    let longer = method.max_iterations(4 + more);
    let found = check_hypergradient(&longer, &half_square(3)).at(Array1::zeros(3), 1.5)?;
    assert!(!matches!(found.verdict, Verdict::InnerTooLoose { .. }), "{found}");
    Ok(())
}

#[test]
fn an_adjoint_that_is_too_loose() -> Result<()> {
    // ½ Σ cᵢ zᵢ². With equal weights a Galerkin method finds the derivative at once: the right-hand side is F_θ's, A⁻¹ applied.
    let (d, c) = ([1.0, 2.0, 5.0, 30.0], [1.0, -2.0, 3.0, 50.0]);
    let weights = arr1(&c).into_shared();
    let outer = Function::record((shape![4], shape![]), |(z, _)| 0.5 * (constant(&weights) * z.square()).sum())?;
    let truth: f64 = d.iter().zip(c).map(|(d, c)| c * 1.5 / (d * d)).sum();
    let method = GradientDescent::new(&quadratic(&d)).step_size(0.06).tolerance(1e-9);
    let check = |found: HypergradientCheck<Leaf>| -> Result<String> {
        let Verdict::AdjointTooLoose { error, .. } = found.verdict else { panic!("{found}") };
        close(error, (found.implicit.as_ref().unwrap().number()? - truth).abs() / truth.abs(), 1e-2);
        Ok(found.remedy)
    };
    let remedy = check(method.implicit(Cg::tolerance(0.5)).check_hypergradient(&outer).at(Array1::zeros(4), 1.5)?)?;
    assert!(remedy.contains("tolerance of"), "{remedy}");
    let remedy = check(method.implicit(Neumann::terms(3)).check_hypergradient(&outer).at(Array1::zeros(4), 1.5)?)?;
    assert!(remedy.contains("terms more") && remedy.contains("GMRES"), "{remedy}");
    let remedy = check(method.implicit(Gmres::default().max_iterations(1)).check_hypergradient(&outer).at(Array1::zeros(4), 1.5)?)?;
    assert!(remedy.contains("more iterations") && !remedy.contains("another solver: GMRES"), "{remedy}");
    Ok(())
}

#[test]
fn the_larger_of_a_loose_inner_and_a_loose_adjoint_is_named() -> Result<()> {
    let method = |k| GradientDescent::new(&quadratic(&D)).step_size(0.3).max_iterations(k);
    let found = method(3).implicit(Neumann::terms(30)).check_hypergradient(&half_square(3)).at(Array1::zeros(3), 1.5)?;
    assert!(matches!(found.verdict, Verdict::InnerTooLoose { .. }), "{found}");
    let found = method(25).implicit(Neumann::terms(2)).check_hypergradient(&half_square(3)).at(Array1::zeros(3), 1.5)?;
    assert!(matches!(found.verdict, Verdict::AdjointTooLoose { .. }), "{found}");
    Ok(())
}

#[test]
fn a_map_that_is_no_contraction() -> Result<()> {
    // z = −1.07 z + t: dz/dt = 1/2.07.
    let map = Function::record((shape![], shape![]), |(z, t)| -1.07 * z + t)?;
    let outer = Function::record((shape![], shape![]), |(z, _)| z)?;
    for method in [FixedPoint::new(&map).max_iterations(30), FixedPoint::new(&map).max_iterations(100_000)] {
        let found = check_hypergradient(&method, &outer).at(0.0, 1.0)?;
        let Verdict::NotAContraction { factor, stage: Stage::Inner } = found.verdict else { panic!("{found}") };
        close(factor, 1.07, 1e-6);
        assert!(found.to_string().contains("not a contraction (factor 1.070)"), "{found}");
        assert!(found.remedy.contains("more iterations lead away"), "{found}");
        close(found.implicit.unwrap().number()?, 1.0 / 2.07, 1e-9);
    }
    // A step that is 2.07 times 1/L.
    let method = GradientDescent::new(&quadratic(&D)).step_size(2.07 / 5.0).max_iterations(200);
    let found = check_hypergradient(&method, &half_square(3)).at(Array1::zeros(3), 1.5)?;
    assert!(matches!(found.verdict, Verdict::NotAContraction { factor, stage: Stage::Inner } if (factor - 1.07).abs() < 1e-6), "{found}");
    // Steps that shrink find the solution; the series by the first one does not.
    let method = GradientDescent::new(&quadratic(&D)).step_size(Step::rule(|k| 2.07 / 5.0 / (1.0 + 0.1 * k))).tolerance(1e-9);
    let found = method.implicit(Neumann::tolerance(1e-9)).check_hypergradient(&half_square(3)).at(Array1::zeros(3), 1.5)?;
    assert!(matches!(found.verdict, Verdict::NotAContraction { factor, stage: Stage::Adjoint } if (factor - 1.07).abs() < 1e-3), "{found}");
    assert!(found.remedy.contains("GMRES"), "{found}");
    let found = method.implicit(Gmres::default()).check_hypergradient(&half_square(3)).unroll(0).at(Array1::zeros(3), 1.5)?;
    assert!(found.passed(), "{found}");
    Ok(())
}

#[test]
fn flat_directions() -> Result<()> {
    // ½‖A z − t b‖² with two equations for five unknowns.
    let a: Array2<f64> = arr2(&[[1.0, 2.0, 0.0, -1.0, 0.5], [0.0, 1.0, 3.0, 1.0, 1.0]]);
    let (a, b) = (a.into_shared(), arr1(&[1.0, -2.0]).into_shared());
    let inner = Function::record((shape![5], shape![]), |(z, t)| 0.5 * (constant(&a).dot(z) - t * constant(&b)).square().sum())?;
    let outer = Function::record((shape![5], shape![]), |(z, _)| z.square().sum() + z.sum())?;
    let method = GradientDescent::new(&inner).step_size(0.1).tolerance(1e-10).max_iterations(5000);
    let start = arr1(&[1.0, 0.0, -1.0, 2.0, 0.0]);
    for found in [
        method.implicit(Lu).check_hypergradient(&outer).at(&start, 1.0)?,
        method.implicit(Cg::default()).check_hypergradient(&outer).at(&start, 1.0)?,
    ] {
        assert!(matches!(found.verdict, Verdict::Singular { flat: Some(3), unknowns: 5 }), "{found}");
        assert!(found.to_string().contains("singular: 3 flat directions"), "{found}");
        assert!(found.remedy.contains("minimum_norm"), "{found}");
    }
    // The remedy that was tried is not given again.
    let minimum = NormalCg::default().minimum_norm();
    let cubic = Function::record((shape![5], shape![]), |(z, t)| (t * z.powi(3)).sum())?;
    let found = method.implicit(minimum).check_hypergradient(&cubic).at(&start, 1.0)?;
    if let Verdict::Singular { .. } = found.verdict {
        assert!(!found.remedy.contains("minimum_norm"), "{found}");
    }
    // An outer objective that sees A z alone has a derivative: A z = t b, so that of t² Σ b² is 2 t Σ b².
    let seen = Function::record((shape![5], shape![]), |(z, _)| constant(&a).dot(z).square().sum())?;
    let found = method.implicit(minimum).check_hypergradient(&seen).at(&start, 1.5)?;
    assert!(found.passed() && found.flat == Some(3), "{found}");
    holds(&found.along[0], 2.0 * 1.5 * 5.0);
    Ok(())
}

#[test]
fn several_minima() -> Result<()> {
    // ¼(z² − 1)² − t z from 0: the sign of t decides where it goes.
    let inner = Function::record((shape![], shape![]), |(z, t)| 0.25 * (z * z - 1.0).square() - t * z)?;
    let outer = Function::record((shape![], shape![]), |(z, _)| z * z + z)?;
    let method = GradientDescent::new(&inner).step_size(0.2).tolerance(1e-10);
    let start = 1e-3;
    let found = check_hypergradient(&method, &outer).at(start, 1e-3)?;
    assert!(found.passed(), "{found}");
    let t = -9.9e-4;
    // The start's own pull to the right is −(z² − 1) z = 1e-3: at t = −0.99e-3 it just wins.
    let found = check_hypergradient(&method, &outer).at(start, t)?;
    let Verdict::SeveralMinima { distance, values: [other, here] } = found.verdict else { panic!("{found}") };
    assert!(distance > 1.9 && other < 0.1 && here > 1.9, "{found}");
    assert!(found.remedy.contains("warm_start"), "{found}");
    let z = (0..100).fold(1.0, |z: f64, _| z - (z * z * z - z - t) / (3.0 * z * z - 1.0));
    holds(&found.along[0], (2.0 * z + 1.0) / (3.0 * z * z - 1.0));
    let warm = method.implicit(Lu).warm_start().check_hypergradient(&outer).at(start, t)?;
    assert!(matches!(warm.verdict, Verdict::SeveralMinima { .. }) && !warm.remedy.contains("warm_start"), "{warm}");
    Ok(())
}

/// min ½‖w − p‖², whose equation forgets a factor of p.
#[derive(Clone)]
struct Forgetful(f64);
impl Problem for Forgetful {
    type Unknown = Leaf;
    type Params = Leaf;
    type Solution = Leaf;
    fn shapes(&self) -> Result<(Leaf, Leaf)> {
        Ok((shape![2], shape![2]))
    }
    fn solution(&self, w: &Var, _: &Var, _: Scale) -> Var {
        *w
    }
}
impl Smooth for Forgetful {
    fn gradient(&self, w: &Var, p: &Var) -> Var {
        *w - *p
    }
    fn value_and_gradient(&self, w: &Var, p: &Var) -> (Var, Var) {
        (0.5 * (*w - *p).square().sum(), *w - *p)
    }
    fn hessian_product(&self, _: &Var, _: &Var, v: &Var) -> Var {
        *v
    }
}
impl Equation for Forgetful {
    fn residual(&self, w: &Var, p: &Var, _: Scale) -> Var {
        *w - self.0 * *p - (1.0 - self.0) * constant(&arr1(&[1.0, 3.0]).into_shared())
    }
}

/// x³, or with a factor in its derivative that is wrong.
#[derive(Debug, Clone)]
struct Cube(f64);
impl Primitive for Cube {
    type Scratch = ();
    fn name(&self) -> &'static str {
        "cube"
    }
    fn outputs(&self, inputs: &[LeafType]) -> Result<Vec<LeafType>, ErrorKind> {
        Ok(inputs.to_vec())
    }
    fn scratch(&self, _: &[LeafType]) {}
    fn value(&self, (): &mut (), x: &[AnyView<'_>], y: &mut [AnyViewMut<'_>]) -> Result<Option<Report>, ErrorKind> {
        if let (AnyView::F64(x), AnyViewMut::F64(y)) = (&x[0], &mut y[0]) {
            y.zip_mut_with(x, |y, x| *y = x * x * x);
        }
        Ok(None)
    }
    fn tangent(&self, x: &[DynVar], _: &[DynVar], t: &[Option<DynVar>]) -> Vec<Option<DynVar>> {
        let x = Var::<f64>::from_dyn(x[0]);
        vec![t[0].map(|t| (self.0 * x * x * Var::from_dyn(t)).to_dyn())]
    }
    fn cotangent(&self, x: &[DynVar], _: &[DynVar], c: &[Option<DynVar>], _: &[bool]) -> Vec<Option<DynVar>> {
        self.tangent(x, &[], c)
    }
}
fn cube(x: Var, factor: f64) -> Var {
    Var::from_dyn(apply_primitive(Cube(factor), &[x.to_dyn()])[0])
}

#[test]
fn an_equation_that_is_wrong() -> Result<()> {
    let outer = Function::record((shape![2], shape![2]), |(z, _)| z.square().sum())?;
    // It is satisfied at p = (1, 3), and beside it not.
    for (factor, p) in [(0.5, [1.0, 3.0]), (0.5, [2.0, 1.0]), (0.9, [1.0, 3.0])] {
        let method = GradientDescent::new(&Forgetful(factor)).step_size(0.5).tolerance(1e-10);
        let found = check_hypergradient(&method, &outer).at(arr1(&[0.0, 0.0]), arr1(&p))?;
        let Verdict::WrongEquation { what: Culprit::NotSatisfied, error } = found.verdict else { panic!("{found}") };
        close(error, 1.0 - factor, 1e-3);
        assert!(found.remedy.contains("Equation::residual"), "{found}");
        found.along.iter().take(2).zip(p).for_each(|(a, p)| holds(a, 2.0 * p));
    }
    let method = GradientDescent::new(&Forgetful(1.0)).step_size(0.5).tolerance(1e-10);
    assert!(check_hypergradient(&method, &outer).at(arr1(&[0.0, 0.0]), arr1(&[2.0, 1.0]))?.passed());
    Ok(())
}

#[test]
fn rules_of_own_operations_that_are_wrong() -> Result<()> {
    let number = Function::record((shape![], shape![]), |(z, _)| z)?;
    // z = 0.2 cos z + 0.1 t³, z = 0.5 + 0.2 z³ + 0.3 t.
    for factor in [3.0, 2.0] {
        let by_params = Function::record((shape![], shape![]), |(z, t)| 0.2 * z.cos() + 0.1 * cube(t, factor))?;
        let by_solution = Function::record((shape![], shape![]), |(z, t)| 0.5 + 0.2 * cube(z, factor) + 0.1 * t)?;
        for (map, culprit) in [(by_params, Culprit::ByParameters), (by_solution, Culprit::BySolution)] {
            let method = FixedPoint::new(&map).tolerance(1e-12);
            let found = check_hypergradient(&method, &number).at(0.1, 1.2)?;
            match found.verdict {
                Verdict::Agree { .. } if factor == 3.0 => {}
                Verdict::WrongEquation { what, .. } if factor == 2.0 => {
                    assert_eq!(what, culprit);
                    assert!(found.remedy.contains("Primitive"), "{found}");
                }
                _ => panic!("{found}"),
            }
        }
        let outer = Function::record((shape![2], shape![]), |(z, _)| cube(z.sum(), factor))?;
        let method = GradientDescent::new(&quadratic(&[1.0, 2.0])).step_size(0.4).tolerance(1e-10);
        let found = check_hypergradient(&method, &outer).at(Array1::zeros(2), 1.0)?;
        match found.verdict {
            Verdict::Agree { .. } if factor == 3.0 => {}
            Verdict::WrongEquation { what: Culprit::Outer, .. } if factor == 2.0 => {}
            _ => panic!("{found}"),
        }
        // Σ z = 1.5 t.
        holds(&found.along[0], 3.0 * 1.5_f64.powi(3));
    }
    let outer = Function::record((shape![2], shape![]), |(z, _)| (z * stop_gradient(&z)).sum())?;
    let method = GradientDescent::new(&quadratic(&[1.0, 2.0])).step_size(0.4).tolerance(1e-10);
    let found = check_hypergradient(&method, &outer).at(Array1::zeros(2), 1.0)?;
    assert!(matches!(found.verdict, Verdict::WrongEquation { what: Culprit::Outer, error } if (error - 0.5).abs() < 1e-3), "{found}");
    Ok(())
}

#[test]
fn an_unrolled_derivative_that_is_too_short() -> Result<()> {
    let method = GradientDescent::new(&quadratic(&D)).step_size(0.3).tolerance(1e-10);
    let found = check_hypergradient(&method, &half_square(3)).unroll(5).at(Array1::zeros(3), 1.5)?;
    let Verdict::UnrolledTooShort { error, steps: 5, longer: Some(longer) } = found.verdict else { panic!("{found}") };
    let unrolled = found.unrolled.as_ref().unwrap().number()?;
    close(error, (unrolled - truth(&D, 1.5)).abs() / truth(&D, 1.5), 1e-3);
    assert!(longer < 0.3 * error, "{found}");
    let steps: usize = found.remedy.split_whitespace().find_map(|w| w.parse().ok()).unwrap();
    let found = check_hypergradient(&method, &half_square(3)).unroll(steps).at(Array1::zeros(3), 1.5)?;
    assert!(found.passed(), "{steps}: {found}");
    Ok(())
}

#[test]
fn differences_that_cannot_tell() -> Result<()> {
    // 10⁷ + z in single precision.
    let (vector, number) = (Leaf::<f32>::new([2]), Leaf::<f32>::new([]));
    let c = |v: f64| -> Var<f32> { scalar(v) };
    let inner = Function::record((vector.clone(), number.clone()), |(z, t)| (c(0.5) * t * z.square() - z).sum())?;
    let outer = Function::record((vector, number), |(z, _)| c(1e7) + z.square().sum())?;
    let method = GradientDescent::new(&inner).step_size(0.5).tolerance(1e-5);
    let found = check_hypergradient(&method, &outer).at(arr1(&[0.0_f32, 0.0]), ndarray::arr0(1.25_f32))?;
    assert!(matches!(found.verdict, Verdict::Unresolved { .. }), "{found}");
    Ok(())
}

#[test]
fn other_methods_and_settings() -> Result<()> {
    // min ¼ z⁴ − x z: z³ = x.
    let inner = Function::record((shape![], shape![]), |(z, x)| 0.25 * z.powi(4) - x * z)?;
    let value = Function::record((shape![], shape![]), |(z, _)| z)?;
    let found = check_hypergradient(&NewtonCg::new(&inner).tolerance(1e-12), &value).at(1.5, 8.0)?;
    assert!(found.passed(), "{found}");
    holds(&found.along[0], 1.0 / 12.0);
    let found = check_hypergradient(&Lbfgs::new(&inner).tolerance(1e-10), &value).unroll(0).at(1.5, 8.0)?;
    assert!(found.passed() && found.unrolled.is_none(), "{found}");
    holds(&found.along[0], 1.0 / 12.0);
    let (fit, outer) = lasso(&[3.0, -2.0, 0.1]);
    let method = Fista::new(&Composite::new(&fit, prox::l1::<Leaf, _>(|w| *w))).step_size(0.7).tolerance(1e-10);
    let found = check_hypergradient(&method, &outer).at(Array1::zeros(3), 0.5)?;
    assert!(found.passed(), "{found}");
    let e = check_hypergradient(&method, &outer).accuracy(2.0).at(Array1::zeros(3), 0.5).unwrap_err();
    assert!(matches!(e.kind(), ErrorKind::Setting { value, .. } if *value == 2.0), "{e}");
    Ok(())
}

/// Solvers that live on what a solve hands over cannot be checked outside of it, and the message says what to do instead.
#[test]
fn solvers_that_need_a_solve_are_named_with_another_way() -> Result<()> {
    let inner = Function::record((shape![2], shape![]), |(z, t)| 0.5 * (z - t).square().sum())?;
    let outer = Function::record((shape![2], shape![]), |(z, _)| z.square().sum())?;
    let method = Lbfgs::new(&inner);
    let solvers: [(Arc<dyn LinearSolver>, &str); 2] =
        [(Arc::new(Shine::default()), "secant pairs"), (Arc::new(Lissa::terms(3).step(0.5)), "mini-batches")];
    for (solver, what) in solvers {
        let e = check_hypergradient(&method, &outer).adjoint(solver.clone()).at(Array1::zeros(2), 1.0).unwrap_err().to_string();
        assert!(e.contains(what) && e.contains("check with another adjoint solver"), "{e}");
        let e = hypertape_implicit::certify(&inner, &outer).adjoint(solver).prepare().unwrap_err().to_string();
        assert!(e.contains(what) && e.contains("with_derivative"), "{e}");
    }
    Ok(())
}
