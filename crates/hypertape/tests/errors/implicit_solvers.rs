//! Implicit differentiation of what is not a solution, by linear solvers that cannot take the system, around code that fails.
use crate::{here, wrong};
use hypertape::linear::LinearSolver;
use hypertape::prelude::*;
use ndarray::{Array1, Array2, arr1, arr2};
use std::convert::Infallible;

type Found = Result<Array1<f64>, Infallible>;

/// A z = p, with the solution by LU.
fn linear(a: &Array2<f64>, adjoint: impl LinearSolver) -> Result<implicit::Outside<Root<Leaf, Leaf>>> {
    let m = a.clone().into_shared();
    let residual = Function::record((shape![2], shape![2]), |(z, p)| constant(&m).dot(z) - p)?;
    let solve = Function::record(shape![2], |p| constant(&m).solve(p))?;
    let find = move |p: ndarray::ArrayViewD<'_, f64>, _: ndarray::ArrayViewD<'_, f64>| solve.eval(p);
    Ok(implicit::root(&residual, find).adjoint(adjoint))
}

/// A z = p where A is singular, with a solution that is given.
fn singular(adjoint: impl LinearSolver) -> Result<implicit::Outside<Root<Leaf, Leaf>>> {
    let m = arr2(&[[1.0, 2.0], [2.0, 4.0]]).into_shared();
    let residual = Function::record((shape![2], shape![2]), |(z, p)| constant(&m).dot(z) - p)?;
    Ok(implicit::root(&residual, |_, _| -> Found { Ok(arr1(&[1.0, 0.0])) }).adjoint(adjoint))
}

fn skew() -> Array2<f64> {
    arr2(&[[2.0, 1.0], [-1.0, 2.0]])
}

fn indefinite() -> Array2<f64> {
    arr2(&[[1.0, 3.0], [3.0, 1.0]])
}

fn p() -> Array1<f64> {
    arr1(&[1.0, 2.0])
}

/// The gradient of a coordinate of the solution.
#[track_caller]
fn first(root: &implicit::Outside<Root<Leaf, Leaf>>, p: Var) -> Var {
    root.solve(zeros(shape![2]), p).slice_axis(0, 0, 1).sum()
}

/// z = p + 1, whatever the code finds.
fn shifted<R: Feed<Leaf>, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    find: impl for<'a> Fn(ndarray::ArrayViewD<'a, f64>, ndarray::ArrayViewD<'a, f64>) -> Result<R, E> + Send + Sync + 'static,
) -> Result<implicit::Outside<Root<Leaf, Leaf>>> {
    let residual = Function::record((shape![2], shape![2]), |(z, p)| z - p - 1.0)?;
    Ok(implicit::root(&residual, find))
}

/// Gradient descent on ½‖z‖² − p·z that stops long before its tolerance.
fn unsolved(adjoint: impl LinearSolver) -> Result<implicit_method::Early> {
    let f = Function::record((shape![2], shape![2]), |(z, p)| 0.5 * z.dot(z) - p.dot(z))?;
    Ok(GradientDescent::new(&f).step_size(0.1).max_iterations(3).implicit(adjoint))
}

mod implicit_method {
    //! The type of the solver above.
    use hypertape::prelude::*;
    pub(super) type Early = implicit::Implicit<GradientDescent<Objective<Leaf, Leaf>>>;
}

const GRADIENT: &str = "adjoint solve";

wrong! {
    cg_on_a_system_that_is_not_symmetric: numeric(GRADIENT, ["not symmetric", "use GMRES"]) => {
        let r = linear(&skew(), Cg::default())?;
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    cg_on_a_system_that_is_not_symmetric_forward: numeric("linear solve", ["not symmetric", "use GMRES"]) => {
        let r = linear(&skew(), Cg::default())?;
        Function::record(shape![2], |p| here!(first(&r, p)))?.jvp(p(), p())
    };
    cg_on_a_system_that_is_not_symmetric_second: numeric("linear solve", ["not symmetric"]) => {
        let r = linear(&skew(), Cg::default())?;
        Function::record(shape![2], |p| here!(first(&r, p)).square())?.hvp(&p(), &p())
    };
    cholesky_on_a_system_that_is_not_symmetric: numeric(GRADIENT, ["not symmetric", "use GMRES"]) => {
        let r = linear(&skew(), Cholesky)?;
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    cg_on_an_indefinite_system: numeric(GRADIENT, ["not positive definite", "use MINRES or LDLᵀ", "GMRES"]) => {
        let r = linear(&indefinite(), Cg::default())?;
        Function::record(shape![2], |p| here!(r.solve(zeros(shape![2]), p)).dot(constant(arr1(&[1.0, -0.25]))))?.gradient(&p())
    };
    cholesky_on_an_indefinite_system: numeric(GRADIENT, ["positive definite", "use MINRES or LDLᵀ", "GMRES"]) => {
        let r = linear(&indefinite(), Cholesky)?;
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    lu_on_a_singular_system: numeric(GRADIENT, ["singular", "pivot 1"]) => {
        let r = singular(Lu)?.tolerance(10.0);
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    cholesky_on_a_singular_system: numeric(GRADIENT, ["positive definite"]) => {
        let r = singular(Cholesky)?.tolerance(10.0);
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    cg_on_a_singular_system: numeric(GRADIENT, ["CG"]) => {
        let r = singular(Cg::default())?.tolerance(10.0);
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    gmres_on_a_singular_system: numeric(GRADIENT, ["GMRES"]) => {
        let r = singular(Gmres::default())?.tolerance(10.0);
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    bicgstab_on_a_singular_system: numeric(GRADIENT, ["BiCGStab"]) => {
        let r = singular(Bicgstab::default())?.tolerance(10.0);
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    normal_cg_on_a_singular_system: numeric(GRADIENT, ["normal CG", "least squares"]) => {
        let r = singular(NormalCg::default())?.tolerance(10.0);
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    too_few_iterations_of_the_adjoint: numeric(GRADIENT, ["did not reach its tolerance", "relative residual", "1 iterations", "allow more"]) => {
        let r = linear(&skew(), Gmres::default().max_iterations(1))?;
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    a_series_that_diverges: numeric(GRADIENT, ["diverges", "not a contraction (factor 3.000 a term); use GMRES or LU"]) => {
        let r = linear(&indefinite(), Neumann::terms(20).step(1.0))?;
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    a_series_without_a_step: argument("root", ["needs a step", "`step`"]) => {
        let r = linear(&skew(), Neumann::terms(3))?;
        Function::record(shape![2], |p| here!(first(&r, p)))
    };
    one_step_without_a_step: argument("root", ["needs a step", "`step`"]) => {
        let r = linear(&skew(), OneStep::default())?;
        Function::record(shape![2], |p| here!(first(&r, p)))
    };
    a_series_of_no_terms: argument("root", ["number of terms", "at least one"]) => {
        let r = linear(&skew(), Neumann::terms(0))?;
        Function::record(shape![2], |p| here!(first(&r, p)))
    };
    a_negative_tolerance_of_the_adjoint: argument("root", ["the tolerance is -1", "not negative"]) => {
        let r = linear(&skew(), Gmres::tolerance(-1.0))?;
        Function::record(shape![2], |p| here!(first(&r, p)))
    };
    a_tolerance_of_the_adjoint_that_is_a_vector: argument("root", ["the tolerance is f64[2]", "one number"]) => {
        let m = skew();
        Function::record(shape![2], |p| {
            let r = linear(&m, Gmres::tolerance(p)).expect("nothing is wrong with it");
            here!(first(&r, p))
        })
    };
    a_negative_residual_tolerance: argument("root", ["the residual tolerance is -1"]) => {
        let r = linear(&skew(), Lu)?.tolerance(-1.0);
        Function::record(shape![2], |p| here!(first(&r, p)))
    };
    a_residual_tolerance_that_is_not_a_number: argument("gradient descent", ["the residual tolerance is NaN"]) => {
        let s = unsolved(Lu)?.residual_tolerance(f64::NAN);
        Function::record(shape![2], |p| here!(s.solve(zeros(shape![2]), p)))
    };

    code_that_fails: user("root", ["the oven is cold"]) => {
        let r = shifted(|_, _| Err::<Array1<f64>, _>("the oven is cold"))?;
        Function::record(shape![2], |p| here!(r.solve(zeros(shape![2]), p)))?.eval(p())
    };
    code_that_fails_in_a_derivative: user("root", ["the oven is cold"]) => {
        let r = shifted(|_, _| Err::<Array1<f64>, _>("the oven is cold"))?;
        Function::record(shape![2], |p| here!(first(&r, p)))?.gradient(&p())
    };
    code_that_fails_in_a_loop: user("root", ["the oven is cold"]) => {
        let r = shifted(|_, _| Err::<Array1<f64>, _>("the oven is cold"))?;
        Function::record(shape![2], |p| scan(p, 3, |c, _| (here!(r.solve(c, c)), ())).0)?.eval(p())
    };
    code_that_gives_another_shape: numeric("root", ["f64[3]", "part 0", "f64[2]"]) => {
        let r = shifted(|_, _| -> Found { Ok(Array1::zeros(3)) })?;
        Function::record(shape![2], |p| here!(r.solve(zeros(shape![2]), p)))?.eval(p())
    };
    code_that_gives_too_many_arrays: numeric("root", ["3 arrays", "2"]) => {
        let residual = Function::record((vec![shape![], shape![]], shape![]), |(z, p)| vec![z[0] - p, z[1] + p])?;
        let r = implicit::root(&residual, |_, _| Ok::<_, Infallible>(vec![1.0, -1.0, 0.0]));
        Function::record(shape![], |p| here!(r.solve(vec![p, p], p))[0])?.eval(1.0)
    };
    code_that_gives_too_few_arrays: numeric("root", ["1 arrays", "2"]) => {
        let residual = Function::record((vec![shape![], shape![]], shape![]), |(z, p)| vec![z[0] - p, z[1] + p])?;
        let r = implicit::root(&residual, |_, _| Ok::<_, Infallible>(vec![1.0]));
        Function::record(shape![], |p| here!(r.solve(vec![p, p], p))[0])?.eval(1.0)
    };
    code_that_gives_no_number: numeric("root", ["not finite", "[1] of part 0 is NaN"]) => {
        let r = shifted(|_, _| -> Found { Ok(arr1(&[2.0, f64::NAN])) })?;
        Function::record(shape![2], |p| here!(r.solve(zeros(shape![2]), p)))?.eval(p())
    };
    code_that_gives_no_solution: numeric("root", ["not a solution", "residual 1e0", "Warn", "Refine"]) => {
        let r = shifted(|_, _| -> Found { Ok(arr1(&[2.0, 4.0])) })?;
        Function::record(shape![2], |p| here!(r.solve(zeros(shape![2]), p)))?.eval(p())
    };
    a_fixed_point_that_is_none: numeric("fixed_point", ["not a solution"]) => {
        let map = Function::record((shape![], shape![]), |(z, p)| 0.5 * z + p)?;
        let r = implicit::fixed_point(&map, |_, _| Ok::<_, Infallible>(0.0));
        Function::record(shape![], |p| here!(r.solve(0.0, p)))?.eval(1.0)
    };
    a_minimiser_that_is_none: numeric("argmin", ["not a solution"]) => {
        let f = Function::record((shape![], shape![]), |(z, p)| (z - p) * (z - p))?;
        let r = implicit::argmin(&f, |_, _| Ok::<_, Infallible>(0.0));
        Function::record(shape![], |p| here!(r.solve(0.0, p)))?.eval(1.0)
    };
    the_argmin_of_a_vector: argument("gradient", ["f64[2]", "sum it"]) => {
        let f = Function::record((shape![2], shape![]), |(z, p)| z * p)?;
        let r = here!(implicit::argmin(&f, |_, _| -> Found { Ok(arr1(&[0.0, 0.0])) }));
        Function::record(shape![], |p| r.solve(zeros(shape![2]), p))
    };
    a_residual_of_another_shape: argument("implicit", ["the residual is (f64[])", "the solution (f64[2])", "same real types"]) => {
        let residual = Function::record((shape![2], shape![]), |(z, p)| z.sum() - p)?;
        let r = implicit::root(&residual, |_, _| -> Found { Ok(arr1(&[0.0, 0.0])) });
        Function::record(shape![], |p| here!(r.solve(zeros(shape![2]), p)))
    };
    a_root_from_a_start_of_another_shape: operands("root", ["the start must be (f64[2])", "operands f64[3]"]) => {
        let r = linear(&skew(), Lu)?;
        Function::record(shape![2], |p| here!(r.solve(zeros(shape![3]), p)))
    };
    a_refinement_that_does_not_help: numeric("root", ["not a solution", "20 iterations"]) => {
        // z² + p has no root for p > 0.
        let residual = Function::record((shape![], shape![]), |(z, p)| z * z + p)?;
        let r = implicit::root(&residual, |_, _| Ok::<_, Infallible>(1.5)).adjoint(Lu).on_residual(OnResidual::Refine);
        Function::record(shape![], |p| here!(r.solve(0.0, p)))?.eval(1.0)
    };

    a_method_that_did_not_converge: numeric("gradient descent", ["not a solution", "3 iterations", "raise the iteration limit", "Warn"]) => {
        let s = unsolved(Cg::default())?;
        Function::record(shape![2], |p| here!(s.solve(zeros(shape![2]), p)))?.eval(p())
    };
    a_method_that_diverges: numeric("gradient descent", ["not a solution", "diverge", "1e0 at the start", "smaller steps"]) => {
        let objective = Function::record((shape![], shape![]), |(z, p)| 0.5 * (z - p).square())?;
        let s = GradientDescent::new(&objective).step_size(3.0).max_iterations(20).implicit(Cg::default());
        Function::record(shape![], |p| here!(s.solve(0.0, p)))?.eval(1.0)
    };
    a_method_that_did_not_converge_in_a_derivative: numeric("gradient descent", ["not a solution"]) => {
        let s = unsolved(Cg::default())?;
        Function::record(shape![2], |p| here!(s.solve(zeros(shape![2]), p)).sum())?.gradient(&p())
    };
}

#[test]
fn what_is_accepted_unsolved_says_so() {
    let s = unsolved(Cg::default()).expect("nothing is wrong with it").on_residual(OnResidual::Warn);
    let f = Function::record(shape![2], |p| s.solve(zeros(shape![2]), p)).expect("nothing is wrong with it");
    let mut w = f.workspace();
    w.run(p()).expect("it is accepted");
    let r = &w.reports()[0];
    assert!(!r.converged && r.residual > r.tolerance, "{r:?}");
    assert_eq!((&*r.name, r.status, r.iterations), ("gradient descent", Status::NotARoot, Some(3)));
}

#[test]
fn what_is_refined_is_a_solution() {
    let s = unsolved(Cg::default()).expect("nothing is wrong with it").on_residual(OnResidual::Refine);
    let f = Function::record(shape![2], |p| s.solve(zeros(shape![2]), p)).expect("nothing is wrong with it");
    let mut w = f.workspace();
    let z = w.run(p()).expect("it is refined").to_owned();
    assert!((&z - &p()).iter().all(|d| d.abs() < 1e-7), "{z}");
    let r = &w.reports()[0];
    assert!(r.converged && r.iterations > Some(3), "{r:?}");
}

#[test]
fn a_truncated_series_says_how_far_off_it_is() {
    let m = arr2(&[[1.0, 0.2], [0.1, 1.0]]);
    let r = linear(&m, Neumann::terms(3).step(1.0)).expect("nothing is wrong with it");
    let f = Function::record(shape![2], |p| first(&r, p)).expect("nothing is wrong with it");
    let g = f.wrt(|p| p).gradient();
    let mut w = g.workspace();
    w.run(p()).expect("it is an approximation, and no error");
    let adjoint = w.reports().iter().find(|r| r.name == "adjoint solve").expect("it reports");
    assert!(!adjoint.converged && adjoint.residual > 1e-4 && matches!(adjoint.status, Status::Truncated { .. }), "{adjoint:?}");
}

#[test]
fn a_point_with_a_singular_jacobian_is_accepted_where_it_is_asked_for() {
    let residual = Function::record((shape![], shape![]), |(z, t)| z * z - t).expect("nothing is wrong with it");
    let r = implicit::root(&residual, |_, _| Ok::<_, Infallible>(0.0)).on_residual(OnResidual::Warn);
    let f = Function::record(shape![], |t| r.solve(0.0, t)).expect("nothing is wrong with it");
    let mut w = f.workspace();
    assert_eq!(w.run(2.0).and_then(|z| z.number()).expect("it is accepted"), 0.0);
    assert!(!w.reports()[0].converged, "{:?}", w.reports());
    assert!(f.gradient(2.0).is_err());
}
