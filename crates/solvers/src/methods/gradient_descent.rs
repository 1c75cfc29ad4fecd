//! Gradient descent.
use super::line_search::{Line, at_rest, backtrack};
use super::{alike, holds_its_problem, rest};
use crate::handles::{at_most, choose, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::problem::{AsProblem, Smooth, asked};
use crate::step::Step;
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::record::{DynVar, Scalar, Var, cond, scalar, scan_until, stop_gradient};
use hypertape_autodiff::tree::{V, Vars};

/// The most conjugate-gradient turns for a bound of the curvature.
const TURNS: usize = 20;
/// The most halvings: from the largest number to the smallest.
const HALVINGS: usize = 2200;

/// Gradient descent z ← z − η ∇f(z, p) (Cauchy 1847).
///
/// Stopping measure: ‖∇f‖. It converges for a gradient that is L-Lipschitz and η < 2/L.
///
/// ```
/// use hypertape_autodiff::{Function, shape, record::zeros};
/// use hypertape_solvers::{GradientDescent, Solve};
/// let f = Function::record((shape![], shape![]), |(w, theta)| w * w - theta * w)?;
/// let solver = GradientDescent::new(&f).step_size(0.1);
/// let outer = Function::record(shape![], |theta| solver.unroll(10).solve(zeros(shape![]), theta))?;
/// let (w, slope) = outer.value_and_gradient(3.0)?;
/// assert!((w - 1.3389387264).abs() < 1e-10 && (slope[[]] - 0.4463129088).abs() < 1e-10);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GradientDescent<Q> {
    problem: Q,
    step: Step,
    search: bool,
    limits: Limits,
}

impl<Q: Smooth> GradientDescent<Q> {
    /// Of a smooth objective of (z, parameters), with step size 1.
    #[must_use]
    #[track_caller]
    pub fn new(problem: &impl AsProblem<Problem = Q>) -> Self {
        GradientDescent { problem: problem.problem(), step: Step::from(1.0), search: false, limits: Limits::default() }
    }
    /// η: a number, a variable, one an iteration, or a rule.
    #[must_use]
    pub fn step_size(mut self, step: impl Into<Step>) -> Self {
        self.step = step.into();
        self
    }
    /// Halves the step size of each iteration until f falls by 10⁻⁴ η ‖∇f‖² (Armijo 1966).
    ///
    /// The derivative is that of the accepted steps: which halving is accepted does not change with small changes of the problem. A first step shorter
    /// than the rounding of z is not made. Unrolled, such a step leaves z where it is and moves its derivative as a step with the first of η, η/2, … that
    /// is at most 1/L: L bounds the curvature there, by conjugate gradients on Hessian-vector products. So more steps bring the derivative nearer to
    /// that of the solution, also from a start that is the solution.
    #[must_use]
    pub fn backtracking(mut self) -> Self {
        self.search = true;
        self
    }
    /// Whether it looks at values.
    pub(crate) fn searches(&self) -> bool {
        self.search
    }
    /// The gradient, the accepted step, which is 0 at rest, and whether it is at rest.
    #[track_caller]
    fn searched(&self, z: &V<Q::Unknown>, p: &V<Q::Params>, step: Scalar) -> (V<Q::Unknown>, Var, Var) {
        let (value, g) = asked::value_and_gradient(&self.problem, z, p);
        let rest = at_rest(z, step.real::<f64>() * norm(&g));
        let line = Line::new(value, &g, &g);
        let t = backtrack(step, rest, &line, |t| {
            let (value, there) = asked::value_and_gradient(&self.problem, &descend(z, t.into(), &g), p);
            (value, line.slope(&there))
        });
        (g, t, rest)
    }
    /// The first of 1, ½, ¼, … for which so much of the first step is at most 1/L, with L a bound of the curvature at z.
    #[track_caller]
    fn stable(&self, z: &V<Q::Unknown>, p: &V<Q::Params>, first: Var) -> Var {
        let (z, p) = (stop_gradient(z), stop_gradient(p));
        let l = rest::inverse(&z, TURNS, |v| asked::hessian_product(&self.problem, &z, &p, v)).bound;
        let (factor, _) = scan_until(
            (scalar::<f64>(1.0), stop_gradient(&first) * l),
            HALVINGS,
            |(_, length)| at_most(*length, scalar(1.0)),
            |(factor, length), _| (0.5 * factor, 0.5 * length),
        );
        stop_gradient(&factor)
    }
}

impl<Q: Smooth> Method for GradientDescent<Q> {
    type Problem = Q;
    alike!();
    type State = Q::Unknown;
    holds_its_problem!("gradient descent");
    fn start(&self, z: V<Q::Unknown>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z
    }
    fn step(&self, z: V<Q::Unknown>, p: &V<Q::Params>, (): (), k: Var<u32>) -> V<Q::Unknown> {
        let step = self.step.now(k);
        if !self.search {
            let g = asked::gradient(&self.problem, &z, p);
            return descend(&z, step, &g);
        }
        let (g, t, _) = self.searched(&z, p, step);
        descend(&z, t.into(), &g)
    }
    fn step_with_derivative(&self, z: V<Q::Unknown>, p: &V<Q::Params>, (): (), k: Var<u32>) -> V<Q::Unknown> {
        if !self.search {
            return self.step(z, p, (), k);
        }
        let step = self.step.now(k);
        let (g, t, rest) = self.searched(&z, p, step);
        let first = step.real::<f64>();
        let t = cond(rest, || self.stable(&z, p, first) * first, || t);
        let d = g.scaled(t);
        z.minus(&choose(rest, &rest::still(&d), &d))
    }
    fn unknown(&self, z: &V<Q::Unknown>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z.clone()
    }
    fn stopping(&self, z: &V<Q::Unknown>, p: &V<Q::Params>) -> DynVar {
        // With a search, the gradient comes from the same call as in the step.
        let g = if self.search { asked::value_and_gradient(&self.problem, z, p).1 } else { asked::gradient(&self.problem, z, p) };
        norm(&g).to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), ErrorKind> {
        self.step.check("step size", steps)
    }
    fn map(&self, z: &V<Q::Unknown>, p: &V<Q::Params>) -> Option<V<Q::Unknown>> {
        (!self.search).then(|| descend(z, self.step.first(), &asked::gradient(&self.problem, z, p)))
    }
}

/// z − step · g.
#[track_caller]
pub(super) fn descend<W: Vars>(z: &W, step: Scalar, g: &W) -> W {
    z.zip(g, &mut |z, g| z - crate::handles::like(step, g) * g)
}
