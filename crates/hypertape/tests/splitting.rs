//! Douglas–Rachford splitting: the same problem as FISTA, two proximal operators without a gradient, and both ways to differentiate.
use hypertape::prelude::*;
use ndarray::{Array1, arr1};

const WEIGHTS: [f64; 3] = [1.0, 2.0, 0.5];
const DATA: [f64; 3] = [0.3, -2.0, 1.5];

/// ½ Σ w (z − y)².
fn fit() -> Function<(Leaf, Leaf), Leaf> {
    let (w, y) = (arr1(&WEIGHTS).into_shared(), arr1(&DATA).into_shared());
    Function::record((shape![3], shape![]), |(z, _)| 0.5 * (constant(&w) * (z - constant(&y)).square()).sum()).unwrap()
}

/// Its proximal operator, (v + η w y)/(1 + η w).
fn smooth() -> impl Prox<Leaf, Leaf> {
    let (w, y) = (arr1(&WEIGHTS).into_shared(), arr1(&DATA).into_shared());
    prox::of::<Leaf, Leaf, _>(move |v, step, _: &_| (v + step * constant(&w) * constant(&y)) / (1.0 + step * constant(&w)))
}

fn absolute() -> impl Prox<Leaf, Leaf> {
    prox::l1::<Leaf, _>(|l| l.exp())
}

fn composite() -> Composite<Leaf, Leaf> {
    Composite::new(&fit(), absolute())
}

/// (Σ z², its derivative by ln λ) where z_i = sign(y_i) max(|y_i| − λ/w_i, 0).
fn exact(l: f64) -> (f64, f64) {
    let lambda = l.exp();
    let terms = DATA.iter().zip(WEIGHTS).map(|(y, w)| {
        let z = y.signum() * (y.abs() - lambda / w).max(0.0);
        (z * z, if z == 0.0 { 0.0 } else { -2.0 * z * y.signum() * lambda / w })
    });
    terms.fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y))
}

fn close(what: &str, f: &Function<Leaf, Leaf>, allowed: f64) {
    let l = -1.0;
    let (value, slope) = f.value_and_gradient(l).unwrap_or_else(|e| panic!("{what}: {e}"));
    let (z, d) = exact(l);
    assert!((value - z).abs() <= allowed && (slope.number().unwrap() - d).abs() <= allowed, "{what}: {value} {slope}, {z} {d}");
}

#[test]
fn the_same_problem_as_fista() {
    let both = composite().smooth_prox(smooth());
    let fista = Fista::new(&both).step_size(0.4).tolerance(1e-13);
    let ista = Ista::new(&both).step_size(0.4).tolerance(1e-13);
    let splitting = DouglasRachford::new(&both).step_size(0.7).tolerance(1e-13).max_iterations(5000);
    let start = || zeros(shape![3]);
    let record = |solve: &dyn Fn(Var) -> Var| Function::record(shape![], |l| solve(l).square().sum()).unwrap();
    close("FISTA", &record(&|l| fista.implicit(Lu).solve(start(), l)), 1e-11);
    close("ISTA", &record(&|l| ista.implicit(Gmres::default()).solve(start(), l)), 1e-11);
    close("ISTA, Neumann", &record(&|l| ista.implicit(Neumann::terms(400)).solve(start(), l)), 1e-11);
    close("Douglas-Rachford", &record(&|l| splitting.implicit(Lu).solve(start(), l)), 1e-11);
    close("Douglas-Rachford, unrolled", &record(&|l| splitting.unroll(400).solve(start(), l)), 1e-11);
    for keep in [Keep::Sqrt, Keep::Values, Keep::Bytes(4096)] {
        close("Douglas-Rachford, unrolled", &record(&|l| splitting.unroll(400).keep(keep).solve(start(), l)), 1e-11);
    }
}

#[test]
fn two_proximal_operators_and_no_gradient() {
    let split = Split::new((shape![3], shape![]), absolute(), smooth());
    let by = |eta: Scalar| DouglasRachford::new(&split).step_size(eta).tolerance(1e-13).max_iterations(5000);
    let start = || zeros(shape![3]);
    for eta in [0.1, 0.7, 3.0] {
        let f = Function::record(shape![], |l| by(eta.into()).implicit(Lu).solve(start(), l).square().sum()).unwrap();
        close("implicit", &f, 1e-10);
        let f = Function::record(shape![], |l| by(eta.into()).unroll(800).solve(start(), l).square().sum()).unwrap();
        close("unrolled", &f, 1e-10);
    }
    // The point moves with the step, the solution does not.
    let f = Function::record((shape![], shape![]), |(l, eta)| by(eta.into()).implicit(Lu).solve(start(), l).square().sum()).unwrap();
    let (value, (by_l, by_step)) = f.value_and_gradient((-1.0, 0.7)).unwrap();
    let (z, d) = exact(-1.0);
    assert!((value - z).abs() < 1e-11 && (by_l.number().unwrap() - d).abs() < 1e-11, "{value} {by_l}");
    assert!(by_step.number().unwrap().abs() < 1e-11, "{by_step}");
    // Outside a recording the user gets the solution, not the point.
    let solved = by(0.7.into()).solve(Array1::zeros(3), -1.0).unwrap();
    let total: f64 = solved.solution.iter().map(|z| z * z).sum();
    assert!(solved.report.converged && (total - z).abs() < 1e-11, "{solved:?}");
    // Its own code may find the point.
    let mine = implicit::outside(&split, |l: ndarray::ArrayViewD<'_, f64>, _| {
        // s = z + η g with g in the subdifferential of λ|·| at z, which is −f'(z) at the solution.
        let lambda = l.sum().exp();
        let point = |(y, w): (&f64, f64)| {
            let z = y.signum() * (y.abs() - lambda / w).max(0.0);
            z + w * (y - z)
        };
        Ok::<_, std::convert::Infallible>(Array1::from_iter(DATA.iter().zip(WEIGHTS).map(point)))
    });
    close("own code", &Function::record(shape![], |l| mine.solve(start(), l).square().sum()).unwrap(), 1e-11);
}

#[test]
fn stochastic_methods_are_implicit_once_the_whole_is_given() {
    let sampled =
        Function::record((shape![2], shape![], shape![2]), |(z, a, x)| 0.5 * a.exp() * (z - x).square().sum() + 0.5 * z.square().sum())
            .unwrap();
    let x = arr1(&[1.0, -2.0]).into_shared();
    let whole =
        Function::record((shape![2], shape![]), |(z, a)| 0.5 * a.exp() * (z - constant(&x)).square().sum() + 0.5 * z.square().sum())
            .unwrap();
    let sgd = Sgd::new(&Sampled::new(&sampled).whole(&whole)).step_size(0.3).tolerance(1e-12);
    let batches = || constant(x.broadcast((200, 2)).unwrap().to_owned());
    // z = eᵃ/(1 + eᵃ) x.
    let f = Function::record(shape![], |a| sgd.implicit(Cg::default()).solve_over(zeros(shape![2]), a, batches()).sum()).unwrap();
    let (value, slope) = f.value_and_gradient(0.4).unwrap();
    let s = 1.0 / (1.0 + (-0.4_f64).exp());
    assert!((value + s).abs() < 1e-10 && (slope.number().unwrap() + s * (1.0 - s)).abs() < 1e-10, "{value} {slope}");
}

#[test]
fn a_variable_step_is_like_a_number_for_a_series() {
    let inner = Function::record((shape![2], shape![]), |(z, a)| 0.5 * a.exp() * z.dot(z) + (z - 1.0).square().sum()).unwrap();
    let gd = |eta: Scalar| GradientDescent::new(&inner).step_size(eta).tolerance(1e-13);
    let number = Function::record(shape![], |a| gd(0.2.into()).implicit(Neumann::terms(300)).solve(zeros(shape![2]), a).sum()).unwrap();
    let variable =
        Function::record((shape![], shape![]), |(a, eta)| gd(eta.into()).implicit(Neumann::terms(300)).solve(zeros(shape![2]), a).sum())
            .unwrap();
    let (a, b) = (number.gradient(0.3).unwrap(), variable.gradient((0.3, 0.2)).unwrap());
    // z = 2/(eᵃ + 2) in both entries.
    let e = 0.3_f64.exp();
    let exact = -4.0 * e / (e + 2.0).powi(2);
    assert!((a.number().unwrap() - exact).abs() < 1e-11 && (b.0.number().unwrap() - exact).abs() < 1e-11, "{a} {b:?} {exact}");
    assert!(b.1.number().unwrap().abs() < 1e-11, "{b:?}");
    // A method without such a map is refused while recording.
    let search = GradientDescent::new(&inner).backtracking().implicit(OneStep::default());
    let e = Function::record(shape![], |a| search.solve(zeros(shape![2]), a).sum()).unwrap_err().to_string();
    assert!(e.contains("needs a step"), "{e}");
}
