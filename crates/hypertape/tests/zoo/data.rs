//! Problem 15: the errors of hypergradients on the UCI digits, unrolled and implicit, after 10 to 3000 steps.
use crate::problem::{Problem, flat};
use crate::solver::{Made, Solution, make};
use crate::table::{Adjoint, Cell, Solver, cell};
use hypertape::prelude::*;
use hypertape_testkit::problems::digits::{self, CLASSES, Digits, FEATURES, IMPLICIT_ERRORS, Part, UNROLLED_ERRORS};
use hypertape_testkit::random::sym;
use ndarray::{Array2, ArrayView1, ArrayView2};

const WEIGHTS: usize = FEATURES * CLASSES;

/// The mean cross-entropy of some rows at weights that lie in one vector.
fn loss(part: &Part, w: Var) -> Var {
    let (x, y) = (constant(&part.x.to_shared()), constant(&part.y.to_shared()));
    let scores = x.dot(w.reshape(&[FEATURES, CLASSES]));
    (scores.logsumexp_axis(1) - (scores * y).sum_axis(1)).mean()
}

fn matrix(v: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((FEATURES, CLASSES), v).expect("there are 640 weights")
}

/// W and λ as vectors; what a user's own solver would find is Newton's solution.
fn problem(data: &Digits) -> Problem {
    let (own, train) = (data.clone(), data.train.clone());
    let solve = move |l: &[f64]| own.solve(matrix(l), Array2::zeros((FEATURES, CLASSES)).view()).iter().copied().collect();
    let at = vec![-4.0; WEIGHTS];
    // The steps that the solvers with momentum need; the least eigenvalue of the Hessian is at least e⁻⁴.
    let step = data.step_size();
    // The rounding of 640 weights and 1000 rows is above the usual tolerance.
    let problem = Problem { tolerance: 1e-11, ..Problem::new(&at, &[0.0; WEIGHTS], solve, Array2::zeros((0, WEIGHTS))) };
    problem.numbers(step, 400, 1.0 / step, 4f64.exp() / step).smooth(move |w, l| loss(&train, w) + 0.5 * (l.exp() * w.square()).sum())
}

/// λ ↦ the validation loss.
fn outer(data: &Digits, z: &Solution) -> Function<Leaf, Leaf> {
    Function::record(shape![WEIGHTS], |l| loss(&data.validation, z.call(l))).expect("the validation loss records")
}

/// What the tests of one solver share.
struct Digit {
    what: String,
    data: Digits,
    problem: Problem,
    exact: Vec<f64>,
}

impl Digit {
    fn hypergradient(&self, how: &str, z: Result<Solution>) -> Vec<f64> {
        let gradient = z.map(|z| outer(&self.data, &z)).and_then(|f| f.gradient(&self.problem.at));
        flat(&gradient.unwrap_or_else(|e| panic!("{}, {how}: {e}", self.what)))
    }
    fn error(&self, g: &[f64]) -> f64 {
        let (g, exact) = (ArrayView1::from(g), ArrayView1::from(&self.exact));
        let off = &g - &exact;
        (off.dot(&off) / exact.dot(&exact)).sqrt()
    }
    /// Equal to three digits.
    fn three_digits(&self, how: &str, found: f64, known: f64) {
        let half = 0.5 * 10f64.powf(known.log10().floor() - 2.0);
        // The known numbers are rounded themselves.
        assert!((found - known).abs() <= half * (1.0 + 1e-9), "{}, {how}: an error of {found:.4e}, known as {known:.2e}", self.what);
    }
    fn unrolled(&self, made: &dyn Made, k: usize, keep: Keep) -> Vec<f64> {
        self.hypergradient(&format!("{k} steps, {keep:?}"), made.unrolled(k, keep).expect("the solver has steps"))
    }
    /// Both rows of errors; the long ones where `rows` lets them.
    fn rows(&self, made: &dyn Made, solver: Solver, rows: usize) {
        let adjoint = match solver {
            // I − T_z, of a map that says nothing of its symmetry.
            Solver::FixedPoint => Adjoint::Gmres,
            _ => Adjoint::Cg,
        };
        for ((k, unrolled), (_, implicit)) in UNROLLED_ERRORS.into_iter().zip(IMPLICIT_ERRORS).take(rows) {
            self.three_digits(&format!("{k} steps, unrolled"), self.error(&self.unrolled(made, k, Keep::All)), unrolled);
            if solver != Solver::Sgd {
                let g = self.hypergradient("implicit", made.implicit(adjoint, Some(k)));
                self.three_digits(&format!("implicit after {k} steps"), self.error(&g), implicit);
            }
        }
    }
    /// Equal up to the linear solves.
    fn close(&self, how: &str, found: &[f64], expected: &[f64]) {
        let (a, b) = (ArrayView1::from(found), ArrayView1::from(expected));
        let off = &a - &b;
        let off = (off.dot(&off) / b.dot(&b)).sqrt();
        let allowed = self.problem.allowed(&[1.0]);
        assert!(off <= allowed, "{}, {how}: {off:e} apart, {allowed:e} allowed", self.what);
    }
    /// Other storage, other linear solvers and forward mode give the same numbers at one iterate.
    fn ways(&self, made: &dyn Made) {
        let k = 100;
        let v = sym(3, WEIGHTS).to_vec();
        let forward = |how: &str, z: Result<Solution>| {
            let f = z.map(|z| outer(&self.data, &z)).and_then(|f| f.jvp(&self.problem.at, ArrayView1::from(&v)));
            f.unwrap_or_else(|e| panic!("{}, {how}, forward: {e}", self.what)).1.iter().copied().collect::<Vec<f64>>()
        };
        let along = |g: &[f64]| vec![ArrayView1::from(g).dot(&ArrayView1::from(&v))];
        let all = self.unrolled(made, k, Keep::All);
        for keep in [Keep::Sqrt, Keep::Last(k)] {
            self.close(&format!("{k} steps, {keep:?}"), &self.unrolled(made, k, keep), &all);
        }
        self.close("unrolled, forward", &forward("unrolled", made.unrolled(k, Keep::All).expect("it has steps")), &along(&all));
        let by_cg = self.hypergradient("CG", made.implicit(Adjoint::Cg, Some(k)));
        self.close("implicit, forward", &forward("implicit", made.implicit(Adjoint::Cg, Some(k))), &along(&by_cg));
        for adjoint in [
            Adjoint::Minres,
            Adjoint::Gmres,
            Adjoint::Bicgstab,
            Adjoint::NormalCg,
            Adjoint::Lsmr,
            Adjoint::Lu,
            Adjoint::Cholesky,
            Adjoint::Ldlt,
            Adjoint::Auto,
        ] {
            let how = format!("implicit, {adjoint:?}");
            self.close(&how, &self.hypergradient(&how, made.implicit(adjoint, Some(k))), &by_cg);
        }
    }
}

/// Problem 15.
pub(crate) fn digits(name: &str, solver: Solver) {
    let data = digits::data();
    let problem = problem(&data);
    let made = make(&problem, solver, true).expect("the digits have a smooth objective");
    let (_, exact) = data.hypergradient(digits::log_penalty().view());
    let digit = Digit { what: format!("{name}, {solver:?}"), data, problem, exact: exact.iter().copied().collect() };
    match (cell(name, solver), solver) {
        (Cell::Iterates, Solver::GradientDescent) => {
            digit.rows(&*made, solver, UNROLLED_ERRORS.len());
            digit.ways(&*made);
        }
        // The steps are those of gradient descent, one by one.
        (Cell::Iterates, _) => digit.rows(&*made, solver, 2),
        (Cell::Runs(..), _) => {
            let adjoint = if solver == Solver::OwnFixedPoint { Adjoint::Gmres } else { Adjoint::Cg };
            digit.close("implicit", &digit.hypergradient("implicit", made.implicit(adjoint, None)), &digit.exact);
        }
        (Cell::Not(_), _) => {
            let f = made.unrolled(300, Keep::All).expect("the solver has steps").expect("it records");
            let z = flat(&f.eval(&digit.problem.at).expect("it runs"));
            let known = digit.problem.known();
            let (a, b) = (ArrayView1::from(&z[..WEIGHTS]), ArrayView1::from(&known));
            let off = (&a - &b).mapv(f64::abs).sum() / b.mapv(f64::abs).sum();
            assert!(off > 1e-3, "{}: excluded as slow, yet {off:e} from the solution after 300 steps", digit.what);
        }
    }
}
