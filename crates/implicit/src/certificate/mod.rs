//! How wrong a hypergradient is: measured, bounded, and corrected until it is right enough.
mod adjoint;
mod bound;
mod compare;
mod limit;
mod model;
mod report;
mod rounds;
mod stand;
mod step;

pub use adjoint::Hypergradient;
pub use limit::Limit;
pub(crate) use model::Model;
pub use model::Work;
pub use report::{Certificate, Measured, Standing, Term};

use crate::equation::Equation as Residual;
use crate::failure::{of_solve, outside};
use hypertape_autodiff::array::{AnyArray, AnyView, Real};
use hypertape_autodiff::outcome::Uncertified;
use hypertape_autodiff::record::Scalar;
use hypertape_autodiff::tree::{Feed, Leaf, Own, Structure, Vars};
use hypertape_autodiff::{Error, ErrorKind, Function, Result, Site};
use hypertape_linear::{Auto, Failed, Gmres, LinearSolver, Need, Tolerance};
use hypertape_solvers::{AsProblem, Equation, Problem, Scale};
use report::relative;
use rounds::{Found, Goal, Settings};
use std::marker::PhantomData;
use std::sync::Arc;

/// Asks how wrong the derivative of L(z(θ), θ) is, where z(θ) solves a problem: see [`certify`].
#[derive(Clone)]
pub struct Certify<Q: Equation, T: Real = f64> {
    problem: Q,
    outer: Function<(Q::Solution, Q::Params), Leaf<T>>,
    scale: Scale,
    adjoint: Arc<dyn LinearSolver>,
    solver: Option<Arc<dyn LinearSolver>>,
    rounds: usize,
    lanczos: [usize; 2],
    smallest: Option<f64>,
    lipschitz: Option<f64>,
    absolute: f64,
    restricted: bool,
}

impl<Q: Equation, T: Real> std::fmt::Debug for Certify<Q, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certify").field("adjoint", &self.adjoint.name()).field("rounds", &self.rounds).finish_non_exhaustive()
    }
}

/// A certificate for derivatives of an outer objective L(solution, parameters) through the solution of a problem: for a point where an inner solver stopped, it says how wrong
/// the derivative there is.
///
/// It makes rounds: one Newton step on the equation F(z, θ) = 0 and on its adjoint, and a bound of what is left from residuals that are computed anew, from the smallest
/// singular value of F_z, and from how fast the derivative changes along the step. By how much the derivative has changed is the estimate of its error; estimate and what is
/// left are the bound. A bound is given only where all tests are passed: what is left is small beside the estimate, Newton steps shrink, the derivative moves as the
/// first order predicts or by no more than the round before allows, no kink lies within reach, and a search from a random vector at the last point finds no smaller singular
/// value. Near the solution one round is enough.
///
/// The true derivative is that at the root which Newton's method reaches from the point, where there are several.
///
/// ```
/// use hypertape_autodiff::{Function, shape, tree::Ranked};
/// use hypertape_implicit::certify;
/// use hypertape_linear::Cg;
/// use hypertape_solvers::{GradientDescent, Method, Solve};
/// use ndarray::arr1;
///
/// let inner = Function::record((shape![2], shape![]), |(z, a)| (z.square() * (0.5 + a) - z).sum() + 0.1 * z.powi(4).sum())?;
/// let outer = Function::record((shape![2], shape![]), |(z, _)| z.square().sum())?;
/// // An inner solver that stops early.
/// let early = GradientDescent::new(&inner).step_size(0.2).max_iterations(4).solve(&arr1(&[0.0, 0.0]), 0.3)?;
/// let mut certifier = certify(&inner, &outer).adjoint(Cg::default()).prepare()?;
/// let found = certifier.at(&early.solution, 0.3)?;
/// assert!(found.certified() && found.bound.is_some_and(|b| b < 1.0));
/// // The same to a relative error of 10⁻⁸, or an error that says what was reached.
/// let right = certifier.require(1e-8, &early.solution, 0.3)?;
/// assert!((right.corrected.number()? - found.corrected.number()?).abs() <= found.corrected_bound.unwrap_or(0.0) + 1e-7);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
///
/// The price of a round is two loose linear solves, a third one for the change of the derivative, and at the end some Lanczos steps; [`Measured::work`] counts all.
pub fn certify<A, T: Real>(
    problem: &A,
    outer: &Function<(<A::Problem as Problem>::Solution, <A::Problem as Problem>::Params), Leaf<T>>,
) -> Certify<A::Problem, T>
where
    A: AsProblem<Problem: Equation>,
{
    Certify {
        problem: problem.problem(),
        outer: outer.clone(),
        scale: Scale::default(),
        adjoint: Arc::new(Auto::default()),
        solver: None,
        rounds: 8,
        lanczos: [20, 320],
        smallest: None,
        lipschitz: None,
        absolute: 0.0,
        restricted: true,
    }
}

impl<Q: Equation, T: Real> Certify<Q, T> {
    /// How the adjoint system at the given point is solved, with its tolerance: [`Auto`] unless set. The rounds are made with it too, unless it is an approximation.
    #[must_use]
    pub fn adjoint(mut self, solver: impl LinearSolver) -> Self {
        self.adjoint = Arc::new(solver);
        self
    }
    /// How the systems of the rounds are solved: in the first round to a hundredth, then to a tenth, or to a hundredth where an accuracy is asked for.
    #[must_use]
    pub fn rounds_by(mut self, solver: impl LinearSolver) -> Self {
        self.solver = Some(Arc::new(solver));
        self
    }
    /// The steps in which the equation is written, where it is that of a proximal method; 1 unless set. A step of about 1/L, as the method itself takes, keeps
    /// the equation well conditioned.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }
    /// The most rounds, at least 2: where the first is not enough, the second has one before it to be compared with. 8 unless set.
    #[must_use]
    pub fn rounds(mut self, most: usize) -> Self {
        self.rounds = most;
        self
    }
    /// Lanczos steps for the smallest singular value of F_z, and the most that doubling them may lead to where it has not settled; 20 and 320 unless set.
    #[must_use]
    pub fn lanczos(mut self, steps: usize, most: usize) -> Self {
        self.lanczos = [steps, most];
        self
    }
    /// A lower bound of the smallest singular value of F_z near the solution: μ of a strongly convex objective, 1 − q of a contraction with ‖T_z‖₂ ≤ q. Nothing is measured
    /// of it then, and with [`lipschitz`](Certify::lipschitz) the bounds are a theorem, up to rounding.
    #[must_use]
    pub fn smallest_singular_value(mut self, at_least: f64) -> Self {
        self.smallest = Some(at_least);
        self
    }
    /// A Lipschitz constant of z ↦ L_θ − F_θᵀ F_z⁻ᵀ L_z near the solution, in the Euclidean norm.
    #[must_use]
    pub fn lipschitz(mut self, constant: f64) -> Self {
        self.lipschitz = Some(constant);
        self
    }
    /// An absolute error that satisfies [`require`](Certifier::require) whatever the relative one: for derivatives that may be 0.
    #[must_use]
    pub fn absolute(mut self, error: f64) -> Self {
        self.absolute = error;
        self
    }
    /// Whether linear systems are solved on the active set alone, as they are unless this says no: see [`Implicit::restricted`](crate::Implicit::restricted).
    #[must_use]
    pub fn restricted(mut self, to_active_set: bool) -> Self {
        self.restricted = to_active_set;
        self
    }
    fn check(&self) -> Result<Tolerance, ErrorKind> {
        for (what, v) in [("smallest singular value", self.smallest), ("Lipschitz constant", self.lipschitz)] {
            if let Some(v) = v.filter(|v| !(v.is_finite() && *v >= 0.0) || what.starts_with('s') && *v == 0.0) {
                let allowed = if what.starts_with('s') { "a positive number" } else { "a finite number that is not negative" };
                return Err(ErrorKind::setting(what, v, allowed));
            }
        }
        if !(self.absolute.is_finite() && self.absolute >= 0.0) {
            return Err(ErrorKind::setting("absolute error", self.absolute, "a finite number that is not negative"));
        }
        if self.rounds < 2 {
            return Err(ErrorKind::setting("number of rounds", self.rounds as f64, "at least 2"));
        }
        if self.lanczos[0] == 0 || self.lanczos[1] < self.lanczos[0] {
            return Err(ErrorKind::setting("number of Lanczos steps", self.lanczos[0] as f64, "at least 1, and at most the limit"));
        }
        for solver in [Some(&self.adjoint), self.solver.as_ref()].into_iter().flatten() {
            solver.check().map_err(|e| of_solve(&**solver, e))?;
        }
        let instead = "give the derivative that it gave to `with_derivative` of a certifier with another adjoint solver, or compare both by `Certify::compare`";
        if let Some(problem) = outside(&*self.adjoint, instead) {
            return Err(problem);
        }
        let stop = self.adjoint.stop();
        let Scalar::Value(relative) = stop.tolerance else {
            return Err("the tolerance of the adjoint solver is a variable; give a number".into());
        };
        Ok(Tolerance { relative, absolute: stop.absolute })
    }
    /// Records and plans everything once, for many points.
    ///
    /// # Errors
    /// Settings that cannot work, a problem or an outer objective that failed or do not fit, a scale that is a variable.
    #[track_caller]
    pub fn prepare(&self) -> Result<Certifier<Q::Unknown, Q::Params>> {
        let here = Site::caller();
        let at = |e: Error| e.or_at(here);
        let tolerance = self.check().map_err(|k| Error::new("certify", k).at(here))?;
        let (unknown, params) = self.problem.shapes().map_err(at)?;
        let shapes = (unknown.clone(), params.clone());
        let needs_map = self.adjoint.needs().contains(&Need::Map);
        let mut mapped = false;
        let residual = Function::record(shapes.clone(), |(w, p)| match needs_map.then(|| self.problem.fixed_point_map(&w, &p)).flatten() {
            Some(next) => {
                mapped = true;
                w.minus(&next)
            }
            None => self.problem.residual(&w, &p, self.scale),
        });
        let residual = residual.map_err(at)?;
        if needs_map && !mapped {
            let failed = Failed::Lacks(Need::Map);
            return Err(Error::new("certify", ErrorKind::Solve { solver: self.adjoint.name(), failed }).at(here));
        }
        let known = if mapped { hypertape_linear::Known::default() } else { self.problem.known() };
        let program = residual.program().map_err(at)?;
        let equation = Residual::new(&program, unknown.leaf_types().len(), known).map_err(at)?.counted(self.problem.counter());
        let outer = Function::record(shapes, |(w, p)| {
            let solution = self.problem.solution(&w, &p, self.scale);
            self.outer.call((Own::<Q::Solution>(solution), Own::<Q::Params>(p)))
        });
        let outer = outer.map_err(at)?.wrt(|inputs| inputs).value_and_gradient();
        let model =
            Model::new(equation, &outer, mapped.then_some(1.0), self.restricted && self.problem.may_have_active_set()).map_err(at)?;
        let exact: Arc<dyn LinearSolver> = Arc::new(Gmres::default());
        let solver = match &self.solver {
            Some(solver) => solver.clone(),
            None if self.adjoint.approximate() => exact,
            None => self.adjoint.clone(),
        };
        let settings = Settings {
            adjoint: self.adjoint.clone(),
            solver,
            tolerance,
            rounds: self.rounds,
            lanczos: self.lanczos,
            smallest: self.smallest,
            lipschitz: self.lipschitz,
            absolute: self.absolute,
        };
        Ok(Certifier { model, settings, unknown: PhantomData, params })
    }
}

/// What certifies derivatives at one point after the other: see [`certify`]. One a thread.
#[derive(Debug)]
pub struct Certifier<W: Structure, P: Structure> {
    model: Model,
    settings: Settings,
    unknown: PhantomData<W>,
    params: P,
}

/// What is given at a point besides it.
#[derive(Default)]
struct Given {
    adjoint: Option<Vec<f64>>,
    derivative: Option<Vec<f64>>,
}

fn views<'a, S: Structure>(x: &'a impl Feed<S>) -> Vec<AnyView<'a>> {
    let mut out = vec![];
    x.feed(&mut |v| out.push(v));
    out
}

impl<W: Structure, P: Structure> Certifier<W, P> {
    /// The derivative at the point z where an inner solver stopped, by an adjoint solve there, and what is known of its error. For most problems the point is
    /// the solution that a solver gave; it is the unknown of the equation.
    ///
    /// # Errors
    /// Inputs that do not fit or are not finite; an adjoint system that cannot be solved at the point, since there is no derivative then.
    #[track_caller]
    pub fn at(&mut self, z: impl Feed<W>, params: impl Feed<P>) -> Result<Certificate<P>> {
        let here = Site::caller();
        self.look("certify", &z, &params, |_| Ok(Given::default()), Goal::Known).map_err(|e| e.or_at(here))
    }
    /// The same with the adjoint w that was found there: F_zᵀ w = L_z, exactly or not.
    ///
    /// # Errors
    /// As [`at`](Certifier::at).
    #[track_caller]
    pub fn with_adjoint(&mut self, z: impl Feed<W>, params: impl Feed<P>, w: impl Feed<W>) -> Result<Certificate<P>> {
        let given = |model: &Model| Ok(Given { adjoint: Some(model.pack("the adjoint", &views(&w))?), ..Given::default() });
        let here = Site::caller();
        self.look("certify", &z, &params, given, Goal::Known).map_err(|e| e.or_at(here))
    }
    /// What is known of the error of a derivative that was found in another way, such as by unrolling the steps that led to z: its distance to the derivative of the
    /// solution.
    ///
    /// # Errors
    /// As [`at`](Certifier::at).
    #[track_caller]
    pub fn with_derivative(&mut self, z: impl Feed<W>, params: impl Feed<P>, derivative: impl Feed<P>) -> Result<Certificate<P>> {
        let given =
            |model: &Model| Ok(Given { derivative: Some(model.pack_params("the derivative", &views(&derivative))?), ..Given::default() });
        let here = Site::caller();
        self.look("certify", &z, &params, given, Goal::Known).map_err(|e| e.or_at(here))
    }
    /// Rounds until the bound of the corrected derivative is at or under this relative error, or under the absolute one that was set.
    ///
    /// # Errors
    /// [`ErrorKind::NotCertified`] with the reason and what was reached; else as [`at`](Certifier::at).
    #[track_caller]
    pub fn require(&mut self, relative_error: f64, z: impl Feed<W>, params: impl Feed<P>) -> Result<Certificate<P>> {
        let here = Site::caller();
        if !(relative_error > 0.0 && relative_error < 1.0) {
            let kind = ErrorKind::setting("relative error", relative_error, "a positive number below 1");
            return Err(Error::new("require", kind).at(here));
        }
        let asked = relative_error;
        let kind = match self.look("require", &z, &params, |_| Ok(Given::default()), Goal::Relative(asked)) {
            Ok(found) => {
                let Standing::Uncertified(reason) = found.standing else { return Ok(found) };
                let reached = Some(relative(found.measured.remainder, found.size)).filter(|r| r.is_finite());
                let estimate = if found.size > 0.0 { found.estimate / found.size } else { f64::INFINITY };
                ErrorKind::NotCertified { reason, asked, reached, estimate }
            }
            Err(e) if matches!(e.kind(), ErrorKind::SetNotSettled { .. }) => {
                ErrorKind::NotCertified { reason: Uncertified::SetNotSettled, asked, reached: None, estimate: f64::INFINITY }
            }
            Err(e) => return Err(e.or_at(here)),
        };
        Err(Error::new("require", kind).at(here))
    }
    fn look(
        &mut self,
        op: &str,
        z: &impl Feed<W>,
        params: &impl Feed<P>,
        given: impl FnOnce(&Model) -> Result<Given>,
        goal: Goal,
    ) -> Result<Certificate<P>> {
        let start = self.model.pack("the point", &views(z))?;
        self.model.set_params(&views(params))?;
        let Given { adjoint, derivative } = given(&self.model)?;
        let found = rounds::run(&mut self.model, &self.settings, start, adjoint, derivative, goal).map_err(|k| Error::numeric(op, k))?;
        Ok(self.report(found))
    }
    fn report(&self, found: Found) -> Certificate<P> {
        let arrays = |g: &[f64]| {
            let mut leaves = self.model.unpack_params(g).into_iter();
            self.params.arrays(&mut |t| leaves.next().unwrap_or_else(|| AnyArray::full(t, 0.0)))
        };
        let certified = found.standing.certified();
        Certificate {
            gradient: arrays(&found.given),
            standing: found.standing,
            estimate: found.estimate,
            bound: certified.then_some(found.estimate + found.remainder),
            corrected: arrays(&found.corrected),
            corrected_bound: certified.then_some(found.remainder),
            size: hypertape_linear::norm(&found.corrected),
            dominant: found.dominant,
            rounding: found.rounding,
            one_sided: found.sides.as_ref().map(|s| s.each_ref().map(|g| arrays(g))),
            measured: found.measured,
        }
    }
}
