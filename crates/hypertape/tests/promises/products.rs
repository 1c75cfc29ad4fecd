//! Readings of the data: the reverse of one step of a generalised linear model is two dots and one axpy.
use super::alone;
use super::problem::{Problem, penalties};
use hypertape::array::Shared;
use hypertape::operation::Class;
use hypertape::prelude::*;
use ndarray::{ArcArray1, ArcArray2, Array, Array1, Array2};

/// An array as recorded constants hold it.
fn shared(x: &ArcArray2<f64>) -> Shared {
    Shared::F64(x.clone().into_dyn())
}

/// Products with a constant in one run: (dots of its rows, sums of its rows).
fn readings(f: &Function<Leaf, (Leaf, Leaf)>, at: impl Feed<Leaf>, x: &ArcArray2<f64>) -> (u64, u64) {
    let mut workspace = f.workspace();
    workspace.run(at).unwrap();
    let counts = workspace.counts();
    let x = shared(x);
    (counts.products(Class::MatVec, Some(&x)), counts.products(Class::VecMat, Some(&x)))
}

/// Logistic regression, a penalty for each feature, gradient descent by `steps`, every iterate kept; value and hypergradient.
fn logistic(steps: usize, x: &ArcArray2<f64>, y: &ArcArray1<f64>, keep: Keep) -> Function<Leaf, (Leaf, Leaf)> {
    let d = x.ncols();
    let inner = Function::record((shape![d], shape![d]), |(w, penalty)| {
        (-(constant(y) * constant(x).dot(w))).softplus().mean() + 0.5 * (penalty.exp() * w.square()).sum()
    })
    .unwrap();
    let solver = GradientDescent::new(&inner).step_size(0.1);
    let outer = Function::record(shape![d], |penalty| solver.unroll(steps).keep(keep).solve(zeros(shape![d]), penalty).square().sum());
    outer.unwrap().wrt(|p| p).value_and_gradient()
}

#[test]
fn the_reverse_of_a_step_is_two_dots_and_one_axpy() {
    let _alone = alone();
    let (n, d) = (2000, 64);
    let x = Array::from_shape_fn((n, d), |(i, j)| ((3 * i + 5 * j) as f64).sin()).into_shared();
    let y = Array::from_shape_fn(n, |i| (i as f64).cos().signum()).into_shared();
    let at = Array1::from_elem(d, -3.0);
    let count = |steps| readings(&logistic(steps, &x, &y, Keep::All), &at, &x);
    let (short, long) = (count(10), count(30));
    // A forward step is one dot and one axpy; its reverse is two dots (margins again, and of the cotangent) and one axpy.
    assert_eq!((long.0 - short.0, long.1 - short.1), (20 * 3, 20 * 2), "dots and axpys of 20 more steps, there and back");
}

#[test]
fn the_reverse_of_a_softmax_step_is_three_products() {
    let _alone = alone();
    let problem = Problem::new();
    let count = |steps| {
        let mut workspace = problem.outer(&problem.descent.unroll(steps)).wrt(|p| p).value_and_gradient().workspace();
        workspace.run(penalties()).unwrap();
        workspace.counts().products(Class::Gemm, Some(&shared(&problem.x)))
    };
    assert_eq!(count(30) - count(10), 20 * 5, "2 products with X for a step, 3 for its reverse");
}

#[test]
fn the_gradient_and_hvp_of_a_linear_model_read_the_data_once() {
    let _alone = alone();
    let (n, d) = (2000, 64);
    let x = Array2::from_shape_fn((n, d), |(i, j)| ((3 * i + 5 * j) as f64).sin()).into_shared();
    let f = Function::record(shape![d], |w| constant(&x).dot(w).softplus().mean()).unwrap();
    let w = Array1::from_elem(d, 0.1);
    let mut gradient = f.wrt(|w| w).value_and_gradient().workspace();
    gradient.run(&w).unwrap();
    assert_eq!(gradient.counts().passes, 1, "{}", f.wrt(|w| w).value_and_gradient().plan().unwrap());
    let mut hvp = f.wrt(|w| w).hvp().workspace();
    hvp.run((&w, &w)).unwrap();
    assert_eq!(hvp.counts().passes, 1, "{}", f.wrt(|w| w).hvp().plan().unwrap());
    let counts = hvp.counts();
    let x = shared(&x);
    assert_eq!((counts.products(Class::MatVec, Some(&x)), counts.products(Class::VecMat, Some(&x))), (2, 1));
}

/// Everything executed in `steps` steps of a solve whose tolerance is 0, and of the same steps unrolled.
fn work<M: Method<Problem: Equation<Unknown = Leaf, Params = Leaf, Solution = Leaf>, Each = ()>>(
    solver: &M,
    d: usize,
    tolerance: f64,
    steps: usize,
) -> [u64; 2] {
    let all = |c: hypertape::execute::Counts| c.all_products() + c.groups + c.folds + c.kernels + c.passes;
    let at = Array1::from_elem(d, 0.1);
    let mut prepared = solver.clone().tolerance(tolerance).max_iterations(steps).prepare(&shape![d], &shape![d]).unwrap();
    prepared.run(Array1::<f64>::zeros(d), &at, (), &[]).unwrap();
    let unrolled = Function::record(shape![d], |p| solver.unroll(steps).solve(zeros(shape![d]), p)).unwrap();
    let mut workspace = unrolled.workspace();
    workspace.run(&at).unwrap();
    [all(prepared.counts()), all(workspace.counts())]
}

#[test]
fn a_tolerance_of_zero_measures_nothing_in_its_steps() {
    let _alone = alone();
    let (n, d) = (300, 20);
    let x = Array::from_shape_fn((n, d), |(i, j)| ((3 * i + 5 * j) as f64).sin()).into_shared();
    let y = Array::from_shape_fn(n, |i| (i as f64).cos()).into_shared();
    let fit = Function::record((shape![d], shape![d]), |(w, p)| {
        let r = constant(&x).dot(w) - constant(&y);
        r.dot(r) / (2.0 * n as f64) + (p * w).sum()
    })
    .unwrap();
    let soft = |v: Var, step: Var, p: &Var| v.soft_threshold(step * *p);
    let gradient = fit.wrt(|(w, _)| w).gradient();
    let map = Function::record((shape![d], shape![d]), |(w, p)| w - 0.5 * gradient.call((w, p))).unwrap();
    fn held<M: Method<Problem: Equation<Unknown = Leaf, Params = Leaf, Solution = Leaf>, Each = ()>>(solver: &M, d: usize) {
        let more_steps = |tolerance| {
            let [short, long] = [10, 30].map(|k| work(solver, d, tolerance, k));
            [long[0] - short[0], long[1] - short[1]]
        };
        let [solved, unrolled] = more_steps(0.0);
        assert!(solved <= unrolled, "{}: 20 steps execute {solved}, unrolled {unrolled}", solver.name());
        let [measured, _] = more_steps(1e-300);
        assert!(measured > solved, "{}: a tolerance above 0 is compared in every step: {measured} and {solved}", solver.name());
    }
    held(&GradientDescent::new(&fit).step_size(0.5), d);
    held(&AdamDescent::new(&fit), d);
    held(&Ista::new(&Composite::with(&fit, soft)).step_size(0.5), d);
    held(&Fista::new(&Composite::with(&fit, soft)).step_size(0.5), d);
    held(&FixedPoint::new(&map), d);
}
