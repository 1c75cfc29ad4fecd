//! Every method at the ends of the range: scales of the objective and of the variable, both precisions, sizes 1 and 0. Right, or a named error.
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{Scalar, Var, constant};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, Result, shape};
use hypertape_solvers::{
    AdamDescent, Composite, CondatVu, Fista, FixedPoint, GradientDescent, Ista, Lbfgs, Matrix, Method, NewtonCg, Saddle, Sgd, Solve, Solved,
};
use ndarray::Array1;

/// s/2 Σ aᵢ (zᵢ/u − i − 1)² with a from 1 to 4: the solution is u (1, 2, …).
fn quadratic<T: Real>(n: usize, s: f64, u: f64) -> Function<(Leaf<T>, Leaf<T>), Leaf<T>> {
    let of =
        |f: &dyn Fn(usize) -> f64| Array1::from_shape_fn(n, |i| <T as hypertape_autodiff::array::Element>::from_f64(f(i))).into_shared();
    let (a, c) = (of(&|i| 1.0 + 3.0 * i as f64 / n as f64), of(&|i| i as f64 + 1.0));
    Function::record((Leaf::<T>::new([n]), Leaf::<T>::new([0])), |(z, _)| {
        let number = |v: f64| Scalar::from(v).real::<T>();
        let r = z * number(1.0 / u) - constant(&c);
        number(0.5 * s) * (constant(&a) * r * r).sum()
    })
    .unwrap()
}

/// The solution is right where it is called converged; an error names the method; anything else says that it did not converge.
fn right<T: Real>(what: &str, n: usize, u: f64, tolerance: f64, solved: Result<Solved<Leaf<T>>>, must: bool) {
    match solved {
        Err(e) => assert!(!must && !e.to_string().is_empty(), "{what}: {e}"),
        Ok(s) => {
            assert!(!must || s.report.converged, "{what}: {:?}", s.report);
            if s.report.converged {
                for (i, z) in s.solution.iter().enumerate() {
                    let off = (hypertape_autodiff::array::Element::to_f64(*z) / u - i as f64 - 1.0).abs();
                    assert!(off <= tolerance * (n as f64 + 1.0), "{what}: entry {i} is off by {off:e}, {:?}", s.report);
                }
            }
        }
    }
}

fn all<T: Real>(n: usize, s: f64, u: f64, r: f64) {
    let f = quadratic::<T>(n, s, u);
    let (start, none) = (Array1::<T>::zeros(n), Array1::<T>::zeros(0));
    let what = |name: &str| format!("{name}, n = {n}, objective {s:e}, variable {u:e}, {}", T::KIND);
    // The curvature is s/u² times 1 to 4; where a step size leaves the range, it is refused or does not converge.
    let step = 0.25 / s * u * u;
    let must = step > 1e-301 && step < 1e301;
    let must = must && (T::KIND != hypertape_autodiff::array::Kind::F32 || (1e-37..1e37).contains(&step));
    let tolerance = 1e2 * r;
    let keep = |v: Var<T>, _: Var, _: &Var<T>| v;
    let descent = GradientDescent::new(&f).tolerance(0.0).relative_tolerance(r);
    right(&what("fixed steps"), n, u, tolerance, descent.clone().step_size(step).solve(&start, &none), must);
    right(&what("backtracking"), n, u, tolerance, descent.step_size(4.0 * step).backtracking().solve(&start, &none), must);
    right(&what("L-BFGS"), n, u, tolerance, Lbfgs::new(&f).tolerance(0.0).relative_tolerance(r).solve(&start, &none), true);
    right(&what("Newton-CG"), n, u, tolerance, NewtonCg::new(&f).tolerance(0.0).relative_tolerance(r).solve(&start, &none), true);
    let ista = Ista::new(&Composite::with(&f, keep)).step_size(step).tolerance(0.0).relative_tolerance(r);
    right(&what("ISTA"), n, u, tolerance, ista.solve(&start, &none), must);
    let fista = Fista::new(&Composite::with(&f, keep)).step_size(step).tolerance(0.0).relative_tolerance(r);
    right(&what("FISTA"), n, u, tolerance, fista.solve(&start, &none), must);
    let gradient = f.wrt(|(z, _)| z).gradient();
    let map =
        Function::record((Leaf::<T>::new([n]), Leaf::<T>::new([0])), |(z, p)| z - Scalar::from(step).real::<T>() * gradient.call((z, p)));
    if must {
        let fixed = FixedPoint::new(&map.unwrap()).tolerance(0.0).relative_tolerance(r);
        right(&what("fixed point"), n, u, tolerance, fixed.solve(&start, &none), true);
    }
    // Adam's steps are of length η whatever the scale; it settles near the solution, so it must only not call that converged wrongly.
    let adam = AdamDescent::new(&f).step_size(0.05 * u).tolerance(0.0).relative_tolerance(r);
    right(&what("Adam"), n, u, tolerance, adam.solve(&start, &none), false);
    let batches = Function::record((Leaf::<T>::new([n]), Leaf::<T>::new([0]), shape![]), |(z, p, _)| f.call((z, p))).unwrap();
    let sgd = Sgd::new(&batches).step_size(step).tolerance(0.0);
    right(&what("SGD"), n, u, 1e-5_f64.max(tolerance), sgd.solve_over(&start, &none, Array1::<f64>::zeros(200)), false);
}

#[test]
fn double_precision() {
    for (s, u) in [(1.0, 1.0), (1e150, 1.0), (1e-150, 1.0), (1.0, 1e150), (1.0, 1e-150)] {
        for n in [1, 5] {
            all::<f64>(n, s, u, 1e-9);
        }
    }
}

#[test]
fn single_precision() {
    for (s, u) in [(1.0, 1.0), (1e18, 1.0), (1e-18, 1.0), (1.0, 1e18), (1.0, 1e-18)] {
        for n in [1, 5] {
            all::<f32>(n, s, u, 1e-5);
        }
    }
}

#[test]
fn nothing_to_solve_for() {
    let f = quadratic::<f64>(0, 1.0, 1.0);
    let (start, none) = (Array1::<f64>::zeros(0), Array1::<f64>::zeros(0));
    let keep = |v: Var, _: Var, _: &Var| v;
    let solved = [
        GradientDescent::new(&f).solve(&start, &none),
        GradientDescent::new(&f).backtracking().solve(&start, &none),
        Lbfgs::new(&f).solve(&start, &none),
        NewtonCg::new(&f).solve(&start, &none),
        Ista::new(&Composite::with(&f, keep)).solve(&start, &none),
        Fista::new(&Composite::with(&f, keep)).solve(&start, &none),
        AdamDescent::new(&f).solve(&start, &none),
    ];
    for s in solved {
        let s = s.unwrap();
        assert!(s.report.converged && s.report.residual == 0.0 && s.solution.is_empty(), "{:?}", s.report);
    }
}

#[test]
fn a_primal_dual_method_at_scales() {
    // ½ s (x − 1)² + s |x|/2 through K = I: x = ½; the dual is bounded by s/2.
    for s in [1.0, 1e150, 1e-150] {
        let f = Function::record((shape![1], shape![0]), |(x, _)| 0.5 * s * ((x - 1.0) * (x - 1.0)).sum()).unwrap();
        let k = Matrix::fixed::<f64>(ndarray::arr2(&[[1.0]]));
        let solver = CondatVu::new(&Saddle::with(&f, k, move |u: Var, _, _: &Var| u.min(0.5 * s).max(-0.5 * s)))
            .tau(0.5 / s)
            .sigma(s)
            .tolerance(0.0);
        let solved = solver.relative_tolerance(1e-10).solve((&Array1::zeros(1), &Array1::zeros(1)), Array1::zeros(0)).unwrap();
        assert!(solved.report.converged && (solved.solution.0[[0]] - 0.5).abs() < 1e-8, "{s:e}: {:?}", solved.report);
    }
}
