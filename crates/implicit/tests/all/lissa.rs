//! LiSSA on sums that are seen in mini-batches: the Neumann series with all rows, the mean over draws, what is reported, what is refused.
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{Scalar, Var, constant, iota, random_index, scalar, scan, stop_gradient, zeros};
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{ErrorKind, Function, index, shape};
use hypertape_implicit::*;
use hypertape_linear::{Cg, Failed, Lissa, Need, Neumann, Status};
use hypertape_solvers::{FiniteSum, GradientDescent, Lbfgs, Method, Sampled, Sgd, Solve};
use hypertape_testkit::random;
use ndarray::{Array1, Array2, ArrayD, arr0, arr1};

const ROWS: usize = 12;
const N: usize = 3;
const STEP: f64 = 0.4;

/// Rows with labels and a weight of their own: the mean of w (x·z − y)²/2 + ln(1 + exp x·z)/4 over some rows, and eᵃ ‖z‖²/2.
fn objective(z: Var, (a, w): (Var, Var), rows: Option<Var<u32>>, n: usize) -> Var {
    let (x, y): (Array2<f64>, Array1<f64>) = (random::sym(1, (ROWS, n)), random::normal(2, ROWS));
    let (mut x, mut y, mut w) = (constant(x.into_shared()), constant(y.into_shared()), w);
    if let Some(rows) = rows {
        (x, y, w) = (x.rows(rows), y.rows(rows), w.rows(rows));
    }
    let fits = x.dot(z);
    (0.5 * w * (fits - y).square() + 0.25 * fits.softplus()).mean() + 0.5 * a.exp() * z.square().sum()
}

type Sum = FiniteSum<Leaf, (Leaf, Leaf), Leaf<u32>>;

/// In batches of so many rows.
fn sum(batch: usize, n: usize) -> Sum {
    let params = || (shape![], shape![ROWS]);
    let batched = Function::record((shape![n], params(), index![batch]), |(z, p, rows)| objective(z, p, Some(rows), n)).unwrap();
    let whole = Function::record((shape![n], params()), |(z, p)| objective(z, p, None, n)).unwrap();
    Sampled::new(&batched).whole(&whole)
}

fn drawn(batch: usize, n: usize) -> Sum {
    sum(batch, n).drawn(move |draw, _| random_index(3, draw, index![batch], ROWS as u32))
}

/// Every batch is all rows.
fn all(n: usize) -> Sum {
    sum(ROWS, n).drawn(|_, _| iota(ROWS))
}

fn solver(of: &Sum) -> Lbfgs<Sum> {
    Lbfgs::new(of).tolerance(1e-12)
}

/// Σ sin z at the solution.
fn value(method: &Implicit<Lbfgs<Sum>>, n: usize) -> Function<(Leaf, Leaf), Leaf> {
    Function::record((shape![], shape![ROWS]), |(a, w)| method.solve(zeros(shape![n]), (a, w)).sin().sum()).unwrap()
}

fn at() -> (f64, Array1<f64>) {
    (-0.5, random::uniform(9, ROWS) + 0.5)
}

fn distance(a: &ArrayD<f64>, b: &ArrayD<f64>) -> f64 {
    (a - b).mapv(|v: f64| v * v).sum().sqrt() / b.mapv(|v: f64| v * v).sum().sqrt()
}

#[test]
fn with_all_rows_it_is_the_neumann_series() {
    for n in [0, 1, N] {
        for terms in [1, 8, 60] {
            let exact = value(&solver(&all(n)).implicit(Neumann::terms(terms).step(STEP)), n);
            let found = value(&solver(&all(n)).implicit(Lissa::terms(terms).step(STEP).repeats(2)), n);
            let ((a, w), (ea, ew)) = (found.gradient(&at()).unwrap(), exact.gradient(&at()).unwrap());
            // Solutions to 1e-12 over the smallest curvature, 0.6.
            assert!((&a - &ea).sum().abs() <= 1e-10 && (&w - &ew).iter().all(|v| v.abs() <= 1e-10), "n = {n}: {a} {w}, {ea} {ew}");
            let along = (1.0, random::sym(4, ROWS));
            let (f, e) = (found.jvp(at(), &along).unwrap().1, exact.jvp(at(), &along).unwrap().1);
            assert!((f - e).sum().abs() <= 1e-10);
        }
    }
}

#[test]
fn the_mean_over_keys_is_that_of_the_series() {
    let of = drawn(2, N);
    let exact = value(&solver(&all(N)).implicit(Neumann::terms(15).step(STEP)), N).gradient(&at()).unwrap().1;
    let keys = 400;
    let one = |key: u64| value(&solver(&of).implicit(Lissa::terms(15).step(STEP).key(key)), N).gradient(&at()).unwrap().1;
    let made: Vec<ArrayD<f64>> = (0..keys).map(one).collect();
    let mean = made.iter().fold(ArrayD::zeros(exact.raw_dim()), |s, x| s + x) / keys as f64;
    let scatter = made.iter().map(|x| (x - &exact).mapv(|v: f64| v * v).sum()).sum::<f64>() / keys as f64;
    let off = (&mean - &exact).mapv(|v: f64| v * v).sum().sqrt();
    // Five standard errors.
    assert!(scatter > 0.0 && off <= 5.0 * (scatter / keys as f64).sqrt(), "{off:e} with the variance {scatter:e}");
    // Averaged repeats come as near.
    let averaged = value(&solver(&of).implicit(Lissa::terms(15).step(STEP).repeats(keys as usize)), N).gradient(&at()).unwrap().1;
    assert!((&averaged - &exact).mapv(|v: f64| v * v).sum().sqrt() <= 5.0 * (scatter / keys as f64).sqrt());
}

#[test]
fn what_it_says_of_itself() {
    let gradient = value(&solver(&drawn(3, N)).implicit(Lissa::terms(20).step(STEP)), N).wrt(|p| p).gradient();
    let mut w = gradient.workspace();
    w.run(at()).unwrap();
    let report = w.reports().iter().find(|r| r.name == "adjoint solve").cloned().unwrap();
    assert!(report.status == Status::Estimated && !report.converged && report.residual > 1e-3 && report.residual < 1.0, "{report}");
    assert!(report.to_string().contains("an estimate of the inverse was applied after 20 iterations, residual "), "{report}");
    // The same key, the same bits; another key, others.
    let by = |key: u64| value(&solver(&drawn(3, N)).implicit(Lissa::terms(20).step(STEP).key(key)), N).gradient(&at()).unwrap();
    assert!(by(1) == by(1) && by(1) != by(2));
    // A step that is too large is an error that names it.
    let e = value(&solver(&drawn(3, N)).implicit(Lissa::terms(20).step(50.0)), N).gradient(&at()).unwrap_err();
    assert!(matches!(e.kind(), ErrorKind::Solve { failed: Failed::Diverged { growth: Some(_), .. }, .. }), "{e}");
    assert!(e.to_string().contains("LiSSA, 20 terms") && e.to_string().contains("a smaller step"), "{e}");
}

#[test]
fn second_derivatives_are_refused_and_products_of_the_first_are_not() {
    let of = value(&solver(&all(N)).implicit(Lissa::terms(60).step(STEP)), N);
    let exact = value(&solver(&all(N)).implicit(Cg::default()), N);
    let e = of.hvp(&at(), &(1.0, Array1::zeros(ROWS))).unwrap_err();
    assert!(e.to_string().contains("LiSSA, 60 terms") && e.to_string().contains("second derivative"), "{e}");
    let mut linear = of.linearize(at()).unwrap();
    let (_, pulled) = linear.apply_transpose(arr0(1.0)).unwrap();
    // (1 − 0.4 · 0.6)⁶⁰ is 7e-8.
    assert!(distance(&pulled, &exact.gradient(&at()).unwrap().1) <= 1e-6);
}

#[test]
fn a_lack_is_found_before_anything_runs() {
    let lacks = |e: &hypertape_autodiff::Error| {
        assert!(matches!(e.kind(), ErrorKind::Solve { failed: Failed::Lacks(Need::Samples), .. }), "{e}");
        assert!(e.to_string().contains("`FiniteSum::drawn`") && e.to_string().contains("`Neumann`"), "{e}");
    };
    // Nobody has said how a batch is drawn.
    let silent = solver(&sum(2, N)).implicit(Lissa::terms(9).step(STEP));
    let record = |m: &Implicit<Lbfgs<Sum>>| Function::record((shape![], shape![ROWS]), |(a, w)| m.solve(zeros(shape![N]), (a, w)).sum());
    lacks(&record(&silent).unwrap_err());
    // No sum.
    let f = Function::record((shape![N], shape![]), |(z, a)| a.exp() * z.square().sum() - z.sum()).unwrap();
    let method = GradientDescent::new(&f).step_size(0.1).implicit(Lissa::terms(9).step(STEP));
    lacks(&Function::record(shape![], |a| method.solve(zeros(shape![N]), a).sum()).unwrap_err());
    let own = outside(&f, |_, z| Ok::<_, std::convert::Infallible>(z.to_owned())).adjoint(Lissa::terms(9));
    lacks(&Function::record(shape![], |a| own.solve(zeros(shape![N]), a).sum()).unwrap_err());
    // A batch of another shape is refused where it is drawn.
    let other = sum(2, N).drawn(|draw, _| random_index(3, draw, index![4], ROWS as u32));
    assert!(record(&solver(&other).implicit(Lissa::terms(9).step(STEP))).is_err());
}

#[test]
fn by_stochastic_steps_outside_code_and_in_loops() {
    let of = all(N);
    let exact = value(&solver(&of).implicit(Cg::default()), N).gradient(&at()).unwrap().1;
    // (1 − 0.4 · 0.37)²⁰⁰ is 1e-14.
    let lissa = || Lissa::terms(200).step(STEP);
    // The batches of the steps stand between the parameters and what is captured.
    let sgd = Sgd::new(&of).step_size(STEP).tolerance(1e-12);
    let turns = Array2::from_shape_fn((300, ROWS), |(_, i)| i as u32);
    let f = Function::record((shape![], shape![ROWS]), |(a, w)| {
        sgd.implicit(lissa()).solve_over(zeros(shape![N]), (a, w), constant(turns.into_shared())).sin().sum()
    });
    assert!(distance(&f.unwrap().gradient(&at()).unwrap().1, &exact) <= 1e-8);
    let inner = solver(&of);
    let own =
        outside(&of, move |(a, w), z| inner.clone().solve(z.to_owned(), (a.to_owned(), w.to_owned())).map(|s| s.solution)).adjoint(lissa());
    let f = Function::record((shape![], shape![ROWS]), |(a, w)| own.solve(zeros(shape![N]), (a, w)).sin().sum()).unwrap();
    assert!(distance(&f.gradient(&at()).unwrap().1, &exact) <= 1e-8);
    let looped = |by: &Implicit<Lbfgs<Sum>>| {
        let f = Function::record((shape![], shape![ROWS]), |(a, w)| {
            let turns = constant(arr1(&[0.5, 1.0, 2.0]));
            scan(scalar(0.0), turns, |s: Var, t: Var| (s + by.solve(zeros(shape![N]), (t * a, w)).sin().sum(), ())).0
        });
        f.unwrap().gradient(&at()).unwrap().1
    };
    let (found, exact) = (looped(&solver(&of).implicit(lissa())), looped(&solver(&of).implicit(Cg::default())));
    assert!(distance(&found, &exact) <= 1e-8, "{found} instead of {exact}");
}

#[test]
fn draws_may_depend_on_the_parameters() {
    // An index among the parameters: fresh batches at every outer step.
    let leaves = || (shape![], index![]);
    let x: Array2<f64> = random::sym(1, (ROWS, N));
    let x = x.into_shared();
    let part = |z: Var, a: Var, x: Var| (x.dot(z) - 1.0).square().mean() + a.exp() * z.square().sum();
    let batched = Function::record((shape![N], leaves(), index![2]), |(z, (a, _), rows)| part(z, a, constant(&x).rows(rows))).unwrap();
    let whole = Function::record((shape![N], leaves()), |(z, (a, _))| part(z, a, constant(&x))).unwrap();
    let of = Sampled::new(&batched).whole(&whole).drawn(|draw, (_, step)| random_index(3, draw + *step * 1000, index![2], ROWS as u32));
    let method = Lbfgs::new(&of).tolerance(1e-12).implicit(Lissa::terms(10).step(STEP));
    let f = Function::record(leaves(), |(a, step)| method.solve(zeros(shape![N]), (a, step)).sin().sum()).unwrap();
    let by = |step: u32| f.gradient((-0.5, step)).unwrap().0[[]];
    assert!(by(0) == by(0) && by(0) != by(1) && (by(0) / by(1) - 1.0).abs() < 1.0);
}

fn slope<T: Real>(tolerance: f64, lissa: Lissa) -> f64 {
    let (number, vector) = (Leaf::<T>::new([]), Leaf::<T>::new([N]));
    let x: Array2<f64> = random::sym(1, (ROWS, N));
    let x = x.mapv(T::from_f64).into_shared();
    let part = |z: Var<T>, l: Var<T>, x: Var<T>| (x.dot(z) - scalar::<T>(1.0)).square().mean() + l * z.square().sum();
    let batched = Function::record((vector.clone(), number.clone(), index![3]), |(z, l, rows)| part(z, l, constant(&x).rows(rows)));
    let whole = Function::record((vector.clone(), number.clone()), |(z, l)| part(z, l, constant(&x)));
    let of = Sampled::new(&batched.unwrap()).whole(&whole.unwrap()).drawn(|d, _| random_index(3, d, index![3], ROWS as u32));
    let method = Lbfgs::new(&of).tolerance(Scalar::from(tolerance)).implicit(lissa);
    let f = Function::record(number, |l| method.solve(stop_gradient(&zeros(vector)), l).sum()).unwrap();
    f.gradient(&arr0(T::from_f64(0.3))).unwrap()[[]].to_f64()
}

#[test]
fn single_precision_has_the_same_draws() {
    let lissa = Lissa::terms(20).step(0.3).repeats(3).key(5);
    let (single, double) = (slope::<f32>(1e-5, lissa), slope::<f64>(1e-12, lissa));
    // The solution is within 1e-5 over the curvature 0.6, and twenty terms of a few roundings each.
    assert!((single - double).abs() <= 1e-3 * double.abs(), "{single} instead of {double}");
}
