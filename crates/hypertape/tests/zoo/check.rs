//! One cell of the table: every differentiation that applies gives the known numbers, every other one says why not.
use crate::problem::{Problem, flat};
use crate::solver::{Made, Solution, make, steps};
use crate::table::{Adjoint, Cell, Solver, Step, System, Unrolling, Verdict, cell, linear, series, unrolling};
use hypertape::prelude::*;
use hypertape_testkit::differences::{STEP, assert_close, rounding, tolerance};
use hypertape_testkit::random::sym;

/// Bytes for states of unrolled loops: some problems keep all of theirs in them, others a few.
const BUDGET: u64 = 16 << 10;

/// Runs the cell of a problem and a solver whose solution is known.
pub(crate) fn solution(name: &str, problem: &Problem, solver: Solver) {
    let made = make(problem, solver, false);
    match cell(name, solver) {
        Cell::Runs(system, step) => {
            let made = made.unwrap_or_else(|| panic!("{name}, {solver:?}: the problem lacks what the solver takes"));
            let check = Check::new(name, problem, solver, &*made);
            check.solved();
            check.unrolled();
            check.truncated(step);
            check.implicit(system, step);
        }
        Cell::Not(reason) => excluded(name, problem, solver, made.as_deref(), reason),
        Cell::Iterates => panic!("{name}, {solver:?}: the numbers of this problem are of a solution"),
    }
}

/// An excluded pair, tried all the same: it must not reach the known solution.
pub(crate) fn excluded(name: &str, problem: &Problem, solver: Solver, made: Option<&dyn Made>, reason: &str) {
    let Some(made) = made else { return };
    let Ok((z, converged)) = made.solved() else { return };
    let known = problem.known();
    let off = z.iter().zip(&known).fold(0.0, |off: f64, (a, b)| off.max((a - b).abs()));
    assert!(!converged || off > 1e-3, "{name}, {solver:?}: excluded because {reason}; yet it finds the solution to {off:e}");
}

/// What the checks of one cell share.
pub(crate) struct Check<'a> {
    what: String,
    problem: &'a Problem,
    solver: Solver,
    made: &'a dyn Made,
    /// A direction in θ, and weights of z; both without a pattern.
    direction: Vec<f64>,
    weights: Vec<f64>,
    z: Vec<f64>,
}

impl<'a> Check<'a> {
    pub(crate) fn new(name: &str, problem: &'a Problem, solver: Solver, made: &'a dyn Made) -> Self {
        let (n, z) = (problem.at.len(), problem.known());
        let weights = sym(42, z.len()).to_vec();
        Check { what: format!("{name}, {solver:?}"), problem, solver, made, direction: sym(41, n).to_vec(), weights, z }
    }
    /// The known entries that this solver finds: the composite quadratic program has no multiplier.
    fn known(&self, found: usize) -> usize {
        found.min(self.z.len())
    }
    /// J v.
    fn pushed(&self) -> Vec<f64> {
        self.problem.jacobian.dot(&ndarray::ArrayView1::from(&self.direction)).to_vec()
    }
    /// Jᵀ c, c without weights beyond the first m entries of z.
    fn pulled(&self, m: usize) -> Vec<f64> {
        let mut c = self.weights.clone();
        c[m..].fill(0.0);
        self.problem.jacobian.t().dot(&ndarray::Array1::from(c)).to_vec()
    }
    /// Weights for a function with so many outputs: none beyond the known ones.
    fn cotangent(&self, len: usize) -> Vec<f64> {
        (0..len).map(|i| self.weights.get(i).copied().unwrap_or(0.0)).collect()
    }
    fn close(&self, how: &str, found: &[f64], expected: &[f64], factor: f64) {
        let m = found.len().min(expected.len());
        let allowed = factor * self.problem.allowed(expected);
        assert_close(&format!("{}, {how}", self.what), &found[..m], &expected[..m], allowed);
    }

    /// Outside the tape: converged, at the known solution.
    pub(crate) fn solved(&self) {
        let (z, converged) = self.made.solved().unwrap_or_else(|e| panic!("{}, solve: {e}", self.what));
        assert!(converged, "{}, solve: not converged, at {z:?}", self.what);
        self.close("solve", &z, &self.z, 1.0);
    }

    /// Value, forward and reverse.
    pub(crate) fn first(&self, how: &str, f: &Solution) {
        self.against(how, f, &self.pushed(), |m| self.pulled(m));
    }
    fn against(&self, how: &str, f: &Solution, pushed: &[f64], pulled: impl Fn(usize) -> Vec<f64>) {
        let (z, dz) = self.forward(how, f);
        self.close(&format!("{how}, value"), &z, &self.z, 1.0);
        self.close(&format!("{how}, forward"), &dz, pushed, 1.0);
        let back = self.reverse(how, f, z.len());
        self.close(&format!("{how}, reverse"), &back, &pulled(self.known(z.len())), 1.0);
    }
    fn tangent(&self) -> ndarray::ArrayD<f64> {
        ndarray::ArrayD::from_shape_vec(self.problem.at.shape(), self.direction.clone()).expect("a direction for each entry")
    }
    fn forward(&self, how: &str, f: &Solution) -> (Vec<f64>, Vec<f64>) {
        let (z, dz) = f.jvp(&self.problem.at, self.tangent()).unwrap_or_else(|e| panic!("{}, {how}, forward: {e}", self.what));
        (flat(&z), flat(&dz))
    }
    fn reverse(&self, how: &str, f: &Solution, len: usize) -> Vec<f64> {
        let c = ndarray::ArrayD::from_shape_vec(f.outputs().shape().to_vec(), self.cotangent(len)).expect("a weight for each entry");
        flat(&f.vjp(&self.problem.at, c).unwrap_or_else(|e| panic!("{}, {how}, reverse: {e}", self.what)).1)
    }
    /// Forward over reverse and reverse over reverse, of c·z.
    fn second(&self, how: &str, f: &Solution) {
        let Some(second) = &self.problem.second else { return };
        let len = f.outputs().shape().iter().product();
        let c = self.cotangent(len);
        let weighted = Function::record(f.inputs().clone(), |p| f.call(p).dot(constant(&ndarray::Array1::from(c.clone()).into_shared())));
        let weighted = weighted.expect("a dot with weights records");
        let mut known = self.weights.clone();
        known[self.known(len)..].fill(0.0);
        let expected = second(&known, &self.direction);
        // An error of a solve enters twice.
        let factor = 10.0 * self.problem.condition;
        let h = weighted.hvp(&self.problem.at, self.tangent()).unwrap_or_else(|e| panic!("{}, {how}, second: {e}", self.what));
        self.close(&format!("{how}, forward over reverse"), &flat(&h), &expected, factor);
        let twice = weighted.wrt(|p| p).gradient().wrt(|p| p).vjp().output(|(_, c)| c);
        let h = twice.eval((&self.problem.at, self.tangent())).unwrap_or_else(|e| panic!("{}, {how}, second: {e}", self.what));
        self.close(&format!("{how}, reverse over reverse"), &flat(&h), &expected, factor);
    }

    fn unroll(&self, k: usize, keep: Keep) -> Solution {
        let how = format!("{}, {k} steps, {keep:?}", self.what);
        self.made.unrolled(k, keep).unwrap_or_else(|| panic!("{how}: no steps")).unwrap_or_else(|e| panic!("{how}: {e}"))
    }

    /// Through the steps, in each storage form.
    pub(crate) fn unrolled(&self) {
        let k = steps(self.solver, self.problem);
        match unrolling(self.solver) {
            Unrolling::Never => assert!(self.made.unrolled(k, Keep::All).is_none(), "{}: a user's own code has no steps", self.what),
            Unrolling::Converges => {
                for keep in [Keep::All, Keep::Sqrt, Keep::Values, Keep::Bytes(BUDGET)] {
                    self.first(&format!("{k} steps, {keep:?}"), &self.unroll(k, keep));
                }
                // The state of L-BFGS has the gradient of the start, which is held fixed with it.
                if self.solver != Solver::Lbfgs {
                    self.first(&format!("the last {k} steps"), &self.unroll(k, Keep::Last(k)));
                }
                self.second(&format!("{k} steps"), &self.unroll(k, Keep::All));
            }
            // The derivative of the program that ran, against its own differences.
            Unrolling::OfItsSteps(_) => {
                let f = self.unroll(k, Keep::All);
                let differences = hypertape_testkit::differences::jvp_with(
                    |p| flat(&f.eval(crate::problem::vector(p)).unwrap_or_else(|e| panic!("{}, {k} steps: {e}", self.what))),
                    &flat(&self.problem.at),
                    &self.direction,
                    STEP / 16.0,
                );
                let allowed = tolerance(k * self.z.len(), self.problem.condition, STEP / 16.0);
                for keep in [Keep::All, Keep::Sqrt, Keep::Values, Keep::Bytes(BUDGET), Keep::Last(k)] {
                    let how = format!("{k} steps, {keep:?}");
                    let f = self.unroll(k, keep);
                    let (z, dz) = self.forward(&how, &f);
                    assert_close(&format!("{}, {how}, differences", self.what), &dz, &differences, allowed);
                    self.transposed(&how, &f, &z, &dz);
                }
            }
        }
    }
    /// ⟨c, J v⟩ = ⟨Jᵀc, v⟩.
    fn transposed(&self, how: &str, f: &Solution, z: &[f64], dz: &[f64]) {
        let back = self.reverse(how, f, z.len());
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (left, right) = (dot(&self.cotangent(z.len()), dz), dot(&back, &self.direction));
        let size = dz.iter().chain(&back).fold(1.0, |size: f64, v| size.max(v.abs()));
        let allowed = rounding(steps(self.solver, self.problem) * z.len(), self.problem.condition * size);
        assert_close(&format!("{}, {how}, transpose", self.what), &[left], &[right], allowed);
    }

    /// The last k steps at the solution are k terms of the Neumann series (problem 12), where the solver's step has one.
    pub(crate) fn truncated(&self, step: Step) {
        if unrolling(self.solver) == Unrolling::Never {
            return;
        }
        let all = steps(self.solver, self.problem);
        for k in [1, 2, 5] {
            let how = format!("the last {k} of {all} steps");
            let f = self.unroll(all, Keep::Last(k));
            let (z, dz) = self.forward(&how, &f);
            if unrolling(self.solver) == Unrolling::Converges {
                self.close(&format!("{how}, value"), &z, &self.z, 1.0);
            }
            self.transposed(&how, &f, &z, &dz);
            if step != Step::Unknown && self.solver.last_steps_are_terms() {
                let terms = self.implicit_by(Adjoint::Neumann(k));
                let (_, series) = self.forward("Neumann", &terms);
                self.close(&format!("{how}, against Neumann terms"), &dz, &series, 1.0);
                let (a, b) = (self.reverse(&how, &f, z.len()), self.reverse("Neumann", &terms, z.len()));
                self.close(&format!("{how}, against Neumann terms, reverse"), &a, &b, 1.0);
            }
        }
    }

    fn implicit_by(&self, adjoint: Adjoint) -> Solution {
        self.made.implicit(adjoint, None).unwrap_or_else(|e| panic!("{}, {adjoint:?}: {e}", self.what))
    }
    /// By the implicit function theorem, with each linear solver.
    pub(crate) fn implicit(&self, system: System, step: Step) {
        for adjoint in Adjoint::all(steps(self.solver, self.problem)) {
            let verdict = linear(adjoint, system).or_else(|| series(adjoint, step)).expect("every linear solver stands in a table");
            let how = format!("implicit, {adjoint:?}");
            // What a solver lacks is found while recording.
            let recorded = self.made.implicit(adjoint, None);
            if let (Verdict::Refuses(words), Err(e)) = (verdict, &recorded) {
                assert!(e.to_string().contains(words), "{}, {how}: {e}", self.what);
                continue;
            }
            let f = recorded.unwrap_or_else(|e| panic!("{}, {adjoint:?}: {e}", self.what));
            match verdict {
                Verdict::Exact => {
                    self.first(&how, &f);
                    self.second(&how, &f);
                }
                Verdict::Approximates => {
                    let (z, dz) = self.forward(&how, &f);
                    self.close(&format!("{how}, value"), &z, &self.z, 1.0);
                    let (_, one) = self.forward("one term", &self.implicit_by(Adjoint::Neumann(1)));
                    assert_close(&format!("{}, {how}, one term", self.what), &dz, &one, 0.0);
                    let expected = self.pushed();
                    let off = dz.iter().zip(&expected).fold(0.0, |off: f64, (a, b)| off.max((a - b).abs()));
                    assert!(off > 1e-3, "{}, {how}: exact to {off:e}; the table says that it is not", self.what);
                }
                Verdict::Refuses(words) => {
                    let at = &self.problem.at;
                    let forward = f.jvp(at, self.tangent()).map(|(_, dz)| flat(&dz));
                    let len: usize = f.outputs().shape().iter().product();
                    let c = ndarray::ArrayD::from_shape_vec(f.outputs().shape().to_vec(), self.cotangent(len))
                        .expect("a weight for each entry");
                    let reverse = f.vjp(at, c).map(|(_, c)| flat(&c));
                    for (mode, result) in [("forward", forward), ("reverse", reverse)] {
                        match result {
                            Ok(v) => panic!("{}, {how}, {mode}: gave {v:?} instead of an error", self.what),
                            Err(e) => assert!(e.to_string().contains(words), "{}, {how}, {mode}: {e}", self.what),
                        }
                    }
                }
            }
        }
    }
}
