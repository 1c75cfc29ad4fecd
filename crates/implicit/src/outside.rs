//! A user's own solver made differentiable: the equation of its problem is recorded, the code that finds the point is not.
use crate::find::{AnyError, Closure, Find};
use crate::policy::{Asked, OnResidual, asking};
use crate::region::{Drawn, Region};
use crate::root::RootOf;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::error::Typed;
use hypertape_autodiff::record::{self, DynVar, Scalar};
use hypertape_autodiff::tree::{Feed, Give, Leaf, Structure, V, Vars};
use hypertape_autodiff::{Error, ErrorKind, Function, Result, Site, apply_shared};
use hypertape_linear::{Auto, Cg, Failed, Known, LinearSolver, Need};
use hypertape_solvers::{AsProblem, Equation, Equilibrium, Objective, Problem, Root, Scale};
use std::cell::Cell;
use std::fmt::{self, Debug};
use std::sync::Arc;

/// A problem that any code solves, differentiated by the implicit function theorem.
pub struct Outside<Q: Equation> {
    name: &'static str,
    problem: Q,
    /// Shapes of the unknown and of the parameters, and the code.
    code: Result<(Q::Unknown, Q::Params, Arc<dyn Find>)>,
    scale: Scale,
    adjoint: Arc<dyn LinearSolver>,
    policy: OnResidual,
    asked: Asked,
    warm: bool,
}

impl<Q: Equation> Clone for Outside<Q> {
    fn clone(&self) -> Self {
        Outside {
            name: self.name,
            problem: self.problem.clone(),
            code: self.code.clone(),
            scale: self.scale,
            adjoint: self.adjoint.clone(),
            policy: self.policy,
            asked: self.asked,
            warm: self.warm,
        }
    }
}

impl<Q: Equation> Debug for Outside<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("name", &self.name).field("adjoint", &self.adjoint.name()).finish_non_exhaustive()
    }
}

fn wrap<Q, C, R, E, F>(
    name: &'static str,
    problem: Q,
    make: Box<dyn Fn() -> C + Send + Sync>,
    find: F,
    adjoint: Arc<dyn LinearSolver>,
) -> Outside<Q>
where
    Q: Equation,
    C: Send + 'static,
    R: Feed<Q::Unknown>,
    E: Into<AnyError>,
    F: for<'a> Fn(&mut C, <Q::Params as Structure>::Views<'a>, <Q::Unknown as Structure>::Views<'a>) -> Result<R, E>
        + Send
        + Sync
        + 'static,
{
    let code = problem.shapes().map(|(solution, params)| {
        let find: Arc<dyn Find> = Arc::new(Closure { solution: solution.clone(), params: params.clone(), make, find });
        (solution, params, find)
    });
    let (policy, asked, scale) = (OnResidual::Error, Asked::default(), Scale::default());
    Outside { name, problem, code, scale, adjoint, policy, asked, warm: false }
}

/// Any problem with an equation, solved by `find(θ, start)`: any code, never traced. It gives the unknown of the equation; for most problems that is the solution.
///
/// The linear systems are solved by [`Auto`], which chooses by what it sees of F_z, unless [`adjoint`](Outside::adjoint) says otherwise.
///
/// ```
/// use hypertape_autodiff::{Function, record::zeros, shape, tree::Leaf};
/// use hypertape_implicit::outside;
/// use hypertape_solvers::{Composite, prox};
/// // min ½(z − 3)² + w|z|, by the formula that is known for it.
/// let fit = Function::record((shape![], shape![]), |(z, _)| 0.5 * (z - 3.0) * (z - 3.0))?;
/// let lasso = Composite::new(&fit, prox::l1::<Leaf, _>(|w| *w));
/// let mine = outside(&lasso, |w, _start| w.number().map(|w: f64| 3.0 - w));
/// let f = Function::record(shape![], |w| mine.solve(zeros(shape![]), w))?;
/// let (z, slope) = f.value_and_gradient(0.5)?;
/// assert!((z - 2.5).abs() < 1e-15 && (slope.number()? + 1.0).abs() < 1e-12);
/// # use hypertape_autodiff::tree::Ranked;
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[track_caller]
pub fn outside<A, R, E>(
    problem: &A,
    find: impl for<'a> Fn(
        <<A::Problem as Problem>::Params as Structure>::Views<'a>,
        <<A::Problem as Problem>::Unknown as Structure>::Views<'a>,
    ) -> Result<R, E>
    + Send
    + Sync
    + 'static,
) -> Outside<A::Problem>
where
    A: AsProblem<Problem: Equation>,
    R: Feed<<A::Problem as Problem>::Unknown>,
    E: Into<AnyError>,
{
    outside_with(problem, || (), move |_, p, s| find(p, s))
}

/// As [`outside`], for code with a state of its own: `state()` makes one for each workspace.
#[track_caller]
pub fn outside_with<A, C, R, E>(
    problem: &A,
    state: impl Fn() -> C + Send + Sync + 'static,
    find: impl for<'a> Fn(
        &mut C,
        <<A::Problem as Problem>::Params as Structure>::Views<'a>,
        <<A::Problem as Problem>::Unknown as Structure>::Views<'a>,
    ) -> Result<R, E>
    + Send
    + Sync
    + 'static,
) -> Outside<A::Problem>
where
    A: AsProblem<Problem: Equation>,
    C: Send + 'static,
    R: Feed<<A::Problem as Problem>::Unknown>,
    E: Into<AnyError>,
{
    wrap("outside", problem.problem(), Box::new(state), find, Arc::new(Auto::default()))
}

/// z with F(z, θ) = 0, found by `find(θ, start)`: any code, never traced. Its errors surface when the function runs.
///
/// The linear systems are solved by [`Auto`], which chooses by what it sees of F_z, unless [`adjoint`](Outside::adjoint) says otherwise.
///
/// ```
/// use hypertape_autodiff::{Function, shape, tree::Ranked};
/// use hypertape_implicit::root;
/// // z³ = x, with the cube root of the standard library.
/// let residual = Function::record((shape![], shape![]), |(z, x)| z * z * z - x)?;
/// let cube_root = root(&residual, |x, _start| x.number().map(f64::cbrt));
/// let f = Function::record(shape![], |x| cube_root.solve(1.0, x))?;
/// let (z, dz) = f.value_and_gradient(8.0)?;
/// assert!((z - 2.0_f64).abs() < 1e-15 && (dz.number()? - 1.0 / 12.0).abs() < 1e-12);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
pub fn root<S: Structure, P: Structure, R: Feed<S>, E: Into<AnyError>>(
    residual: &Function<(S, P), S>,
    find: impl for<'a> Fn(P::Views<'a>, S::Views<'a>) -> Result<R, E> + Send + Sync + 'static,
) -> Outside<Root<S, P>> {
    root_with(residual, || (), move |_, p, s| find(p, s))
}

/// As [`root`], for code with a state of its own: `state()` makes one for each workspace.
pub fn root_with<S: Structure, P: Structure, C: Send + 'static, R: Feed<S>, E: Into<AnyError>>(
    residual: &Function<(S, P), S>,
    state: impl Fn() -> C + Send + Sync + 'static,
    find: impl for<'a> Fn(&mut C, P::Views<'a>, S::Views<'a>) -> Result<R, E> + Send + Sync + 'static,
) -> Outside<Root<S, P>> {
    wrap("root", Root::new(residual), Box::new(state), find, Arc::new(Auto::default()))
}

/// z = T(z, θ), found by any code.
#[track_caller]
pub fn fixed_point<S: Structure, P: Structure, R: Feed<S>, E: Into<AnyError>>(
    map: &Function<(S, P), S>,
    find: impl for<'a> Fn(P::Views<'a>, S::Views<'a>) -> Result<R, E> + Send + Sync + 'static,
) -> Outside<Equilibrium<S, P>> {
    wrap("fixed_point", Equilibrium::new(map), Box::new(|| ()), move |_, p, s| find(p, s), Arc::new(Auto::default()))
}

/// The minimiser of f(·, θ), found by any code: stationarity ∇_z f = 0 is derived from the objective, and its symmetric systems
/// are solved by CG.
///
/// What is looked at is the gradient: a maximum or a saddle point satisfies it too. CG and Cholesky refuse a Hessian of both signs.
#[track_caller]
pub fn argmin<S: Structure, P: Structure, T: Real, R: Feed<S>, E: Into<AnyError>>(
    objective: &Function<(S, P), Leaf<T>>,
    find: impl for<'a> Fn(P::Views<'a>, S::Views<'a>) -> Result<R, E> + Send + Sync + 'static,
) -> Outside<Objective<S, P>> {
    wrap("argmin", Objective::new(objective), Box::new(|| ()), move |_, p, s| find(p, s), Arc::new(Cg::default()))
}

impl<Q: Equation> Outside<Q> {
    /// The steps in which the equation is written, where it is that of a proximal method; 1 unless set.
    #[must_use]
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }
    /// How the linear systems of its derivatives are solved.
    #[must_use]
    pub fn adjoint(mut self, solver: impl LinearSolver) -> Self {
        self.adjoint = Arc::new(solver);
        self
    }
    asking!();
    /// The largest ‖F(z, θ)‖ that counts as a solution, whatever the scale of F and z: an absolute question, asked instead of the relative one. With
    /// [`relative_tolerance`](Outside::relative_tolerance) set besides, either is enough.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.asked.absolute = Some(tolerance);
        self
    }
    /// The solution, in the open recording. `start` is handed to the code that finds the point; it has no derivative.
    #[track_caller]
    pub fn solve(&self, start: impl Give<Q::Unknown>, params: impl Give<Q::Params>) -> V<Q::Solution> {
        let at = Site::caller();
        let (start, params) = (start.give(), params.give());
        let made = self.emit(&start, &params, at).unwrap_or_else(|e| {
            record::fail(e.or_at(at));
            vec![]
        });
        let mut made = made.into_iter();
        let unknown = start.map(&mut |_| made.next().unwrap_or(DynVar::POISON));
        record::on_behalf(at, &[hypertape_solvers::SOURCES, crate::SOURCES], || self.problem.solution(&unknown, &params, self.scale))
    }
    #[track_caller]
    fn emit(&self, start: &V<Q::Unknown>, params: &V<Q::Params>, at: Site) -> Result<Vec<DynVar>> {
        let (unknown, parameters, find) = self.code.clone()?;
        for (what, given, expected) in
            [("the start", start.flat(), unknown.leaf_types()), ("the parameters", params.flat(), parameters.leaf_types())]
        {
            // A handle without a type is refused as it is used.
            let given: Option<Vec<_>> = given.iter().map(|v| v.leaf_type()).collect();
            if let Some(given) = given.filter(|given| *given != expected) {
                let problem = ErrorKind::Types { of: Typed::Given(what), expected, given: given.clone() };
                return Err(Error::new(self.name, problem).with_operands(given));
            }
        }
        let asked = self.adjoint.needs().contains(&Need::Map);
        let mapped = Cell::new(false);
        let known = if asked { Known::default() } else { self.problem.known() };
        let drawn: Drawn<'_, Q::Unknown, Q::Params> = &|w, p, draw| self.problem.sampled_residual(w, p, self.scale, draw);
        let sampled = self.adjoint.needs().contains(&Need::Samples).then_some(drawn);
        let region = Region {
            unknown: &unknown,
            params: &parameters,
            between: vec![],
            captures: vec![],
            known,
            at,
            counter: self.problem.counter(),
            sampled,
        };
        let made = region.record(|w, p| match asked.then(|| self.problem.fixed_point_map(w, p)).flatten() {
            Some(next) => {
                mapped.set(true);
                w.minus(&next)
            }
            None => self.problem.residual(w, p, self.scale),
        })?;
        let Some((equation, captures)) = made else { return Ok(vec![]) };
        let root = RootOf {
            name: self.name.into(),
            equation,
            find,
            solver: self.adjoint.clone(),
            policy: self.policy,
            asked: self.asked.of(self.problem.may_have_active_set()),
            warm: self.warm,
            step: mapped.get().then_some(1.0),
        };
        Ok(emit(root, start.flat().into_iter().chain(params.flat()).chain(captures).collect(), at))
    }
}

/// Applies a root to (start…, θ…) in the open recording, or makes the recording fail.
#[track_caller]
pub(crate) fn emit(root: RootOf, mut inputs: Vec<DynVar>, at: Site) -> Vec<DynVar> {
    match root.asked.check().and_then(|()| tolerance(&root)) {
        Ok(t) => {
            inputs.push(t.real::<f64>().to_dyn());
            apply_shared(Arc::new(root), &inputs)
        }
        Err(kind) => {
            record::fail(Error::new(root.name, kind).at(at));
            vec![]
        }
    }
}

/// The tolerance of the linear solver, where its settings can work and it lacks nothing.
fn tolerance(root: &RootOf) -> Result<Scalar, ErrorKind> {
    let failed = |failed| ErrorKind::Solve { solver: root.solver.name(), failed };
    root.solver.check().map_err(failed)?;
    let lack = root.solver.needs().into_iter().find(|need| match need {
        Need::Map => root.step.is_none(),
        Need::Estimate => root.find.secants().is_empty(),
        Need::Samples => root.equation.sampled.is_none(),
        Need::Transpose => false,
        _ => true,
    });
    if let Some(need) = lack {
        return Err(failed(Failed::Lacks(need)));
    }
    let tolerance = root.solver.stop().tolerance;
    match tolerance {
        Scalar::Var(v) => match v.leaf_type() {
            Some(t) if !t.shape.is_empty() => Err(format!("the tolerance is {t}; give one number, or a variable that is one").into()),
            _ => Ok(tolerance),
        },
        Scalar::Value(_) => Ok(tolerance),
    }
}
