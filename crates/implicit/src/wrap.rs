//! A user's own solver made differentiable: the equation is recorded, the code that finds the point is not.
use crate::adjoint::LinearSolve;
use crate::adjoint::{Cg, Gmres};
use crate::equation::Equation;
use crate::find::{AnyError, Closure, Find};
use crate::policy::{Asked, OnResidual};
use crate::root::RootOf;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{self, DynVar};
use hypertape_autodiff::tree::{Feed, Give, Leaf, Structure, V, Vars};
use hypertape_autodiff::{Error, Function, Result, Site, apply_shared};
use std::sync::Arc;

/// A root, fixed point or minimiser found by any code, differentiated by the implicit function theorem.
#[derive(Debug)]
pub struct Root<S: Structure, P: Structure> {
    name: &'static str,
    equation: Result<Arc<Equation>>,
    find: Arc<dyn Find>,
    solution: S,
    params: P,
    adjoint: Arc<dyn LinearSolve>,
    policy: OnResidual,
    asked: Asked,
    warm: bool,
    /// −1 for fixed points: T_z = I + F_z.
    step: Option<f64>,
}

impl<S: Structure, P: Structure> Clone for Root<S, P> {
    fn clone(&self) -> Self {
        Root {
            name: self.name,
            equation: self.equation.clone(),
            find: self.find.clone(),
            solution: self.solution.clone(),
            params: self.params.clone(),
            adjoint: self.adjoint.clone(),
            policy: self.policy,
            asked: self.asked,
            warm: self.warm,
            step: self.step,
        }
    }
}

fn wrap<S, P, C, R, E, F>(
    name: &'static str,
    residual: Result<Function<(S, P), S>>,
    doors: (S, P),
    make: Box<dyn Fn() -> C + Send + Sync>,
    find: F,
    adjoint: Arc<dyn LinearSolve>,
) -> Root<S, P>
where
    S: Structure,
    P: Structure,
    C: Send + 'static,
    R: Feed<S>,
    E: Into<AnyError>,
    F: for<'a> Fn(&mut C, P::Views<'a>, S::Views<'a>) -> Result<R, E> + Send + Sync + 'static,
{
    let (solution, params) = doors;
    let leaves = solution.leaf_types().len();
    let equation = residual.and_then(|f| Equation::new(&*f.program()?, leaves)).map(Arc::new);
    let find = Arc::new(Closure { solution: solution.clone(), params: params.clone(), make, find });
    Root { name, equation, find, solution, params, adjoint, policy: OnResidual::Error, asked: Asked::default(), warm: false, step: None }
}

/// z with F(z, θ) = 0, found by `find(θ, start)`: any code, never traced. Its errors surface when the function runs.
///
/// The linear systems are solved by GMRES unless [`adjoint`](Root::adjoint) says otherwise.
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
) -> Root<S, P> {
    wrap("root", Ok(residual.clone()), residual.inputs().clone(), Box::new(|| ()), move |_, p, s| find(p, s), Arc::new(Gmres::default()))
}

/// As [`root`], for code with a state of its own: `state()` makes one for each workspace.
pub fn root_with<S: Structure, P: Structure, C: Send + 'static, R: Feed<S>, E: Into<AnyError>>(
    residual: &Function<(S, P), S>,
    state: impl Fn() -> C + Send + Sync + 'static,
    find: impl for<'a> Fn(&mut C, P::Views<'a>, S::Views<'a>) -> Result<R, E> + Send + Sync + 'static,
) -> Root<S, P> {
    wrap("root", Ok(residual.clone()), residual.inputs().clone(), Box::new(state), find, Arc::new(Gmres::default()))
}

/// z = T(z, θ), found by any code.
#[track_caller]
pub fn fixed_point<S: Structure, P: Structure, R: Feed<S>, E: Into<AnyError>>(
    map: &Function<(S, P), S>,
    find: impl for<'a> Fn(P::Views<'a>, S::Views<'a>) -> Result<R, E> + Send + Sync + 'static,
) -> Root<S, P> {
    let residual = Function::record(map.inputs().clone(), |(z, p)| {
        let t = map.call(hypertape_autodiff::tree::Own::<(S, P)>((z.clone(), p)));
        t.minus(&z)
    });
    let root = wrap("fixed_point", residual, map.inputs().clone(), Box::new(|| ()), move |_, p, s| find(p, s), Arc::new(Gmres::default()));
    Root { step: Some(-1.0), ..root }
}

/// The minimiser of f(·, θ), found by any code: stationarity ∇_z f = 0 is derived from the objective, and its symmetric systems
/// are solved by CG.
///
/// What is looked at is the gradient: a maximum or a saddle point satisfies it too. CG and Cholesky refuse a Hessian of both signs.
#[track_caller]
pub fn argmin<S: Structure, P: Structure, T: Real, R: Feed<S>, E: Into<AnyError>>(
    objective: &Function<(S, P), Leaf<T>>,
    find: impl for<'a> Fn(P::Views<'a>, S::Views<'a>) -> Result<R, E> + Send + Sync + 'static,
) -> Root<S, P> {
    let gradient = objective.wrt(|(z, _)| z).gradient();
    wrap("argmin", Ok(gradient), objective.inputs().clone(), Box::new(|| ()), move |_, p, s| find(p, s), Arc::new(Cg::default()))
}

impl<S: Structure, P: Structure> Root<S, P> {
    /// How the linear systems of its derivatives are solved.
    #[must_use]
    pub fn adjoint(mut self, solver: impl LinearSolve) -> Self {
        self.adjoint = Arc::new(solver);
        self
    }
    /// What to do when the point found is not a solution.
    #[must_use]
    pub fn on_residual(mut self, policy: OnResidual) -> Self {
        self.policy = policy;
        self
    }
    /// The largest ‖F(z, θ)‖ that counts as a solution, whatever the scale of F and z: an absolute question, asked instead of the relative one. With
    /// [`relative_tolerance`](Root::relative_tolerance) set besides, either is enough.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.asked.absolute = Some(tolerance);
        self
    }
    /// The largest Newton step ‖F_z⁻¹F‖ relative to ‖z‖ that counts as a solution: √ε of the coarsest leaf unless set.
    ///
    /// The scale of F does not enter. Where z is 0 to the Newton step, 1 stands for ‖z‖. What is only the rounding of F, entry by entry, counts as
    /// a solution whatever the conditioning. The price is a product with F_z, and a solve to 10⁻⁴ unless F is rounding: by the solver of
    /// the adjoint, or by GMRES where that is an approximation. Where F_z cannot be inverted, each entry of F is compared with
    /// its row of F_z times z.
    #[must_use]
    pub fn relative_tolerance(mut self, tolerance: f64) -> Self {
        self.asked.relative = Some(tolerance);
        self
    }
    /// How much of itself a derivative may change by within the uncertainty of the solution; 0.1 unless set. Near a fold, where F_z is
    /// singular, it changes by half or more, and is an error unless [`OnResidual::Warn`] accepts it. ∞ does not ask.
    #[must_use]
    pub fn accuracy(mut self, relative: f64) -> Self {
        self.asked.accuracy = relative;
        self
    }
    /// Starts the next replay of the same workspace from this one's solution and adjoint.
    #[must_use]
    pub fn warm_start(mut self) -> Self {
        self.warm = true;
        self
    }
    /// The solution, in the open recording. `start` is handed to the code that finds the point; it has no derivative.
    #[track_caller]
    pub fn solve(&self, start: impl Give<S>, params: impl Give<P>) -> V<S> {
        let at = Site::caller();
        let inputs: Vec<DynVar> = start.give().flat().into_iter().chain(params.give().flat()).collect();
        let made = match &self.equation {
            Ok(equation) => {
                let root = RootOf {
                    name: self.name.into(),
                    equation: equation.clone(),
                    find: self.find.clone(),
                    solver: self.adjoint.clone(),
                    policy: self.policy,
                    asked: self.asked,
                    warm: self.warm,
                    step: self.step,
                };
                emit(root, inputs, at)
            }
            Err(e) => {
                record::fail(e.clone().or_at(at));
                vec![]
            }
        };
        let mut made = made.into_iter();
        self.solution.vars(&mut |_| made.next().unwrap_or(DynVar::POISON))
    }
    /// Shapes of the parameters.
    #[must_use]
    pub fn params(&self) -> &P {
        &self.params
    }
}

/// Applies a root to (start…, θ…) in the open recording, or makes the recording fail.
#[track_caller]
pub(crate) fn emit(root: RootOf, mut inputs: Vec<DynVar>, at: Site) -> Vec<DynVar> {
    let fits = root.asked.check().and_then(|()| root.solver.tolerance());
    match fits {
        Ok(t) => {
            inputs.push(t.real::<f64>().to_dyn());
            apply_shared(Arc::new(root), &inputs)
        }
        Err(problem) => {
            record::fail(Error::new(root.name, problem).at(at));
            vec![]
        }
    }
}
