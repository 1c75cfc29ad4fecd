//! Douglas–Rachford splitting.
use super::{alike, holds_its_problem};
use crate::handles::{double, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::problem::{AsProblem, Scale, Splitting, asked};
use crate::step::Step;
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::record::{DynVar, Scalar, Var};
use hypertape_autodiff::tree::{V, Vars};

/// Douglas–Rachford splitting (Lions and Mercier 1979; Eckstein and Bertsekas 1992), for min g + f by two proximal operators and no gradient:
///
/// z = prox_{ηg}(s), s ← s + prox_{ηf}(2z − s) − z.
///
/// Stopping measure: ‖z − prox_{ηf}(2z − s)‖/η. It converges for convex g and f with any η > 0, which is the same in every iteration: the point s depends on it, the
/// solution z does not.
///
/// ```
/// use hypertape_autodiff::{Function, shape, tree::Leaf};
/// use hypertape_solvers::{DouglasRachford, Method, Solve, Split, prox};
/// // |z| + ½ (z − 3)² has its minimum at 2; prox of the second term is (v + 3η)/(1 + η).
/// let problem = Split::new((shape![], shape![]), prox::l1::<Leaf, _>(|w| *w), prox::of::<Leaf, Leaf, _>(|v, step, _: &_| (v + 3.0 * step) / (1.0 + step)));
/// let solved = DouglasRachford::new(&problem).tolerance(1e-12).solve(0.0, 1.0)?;
/// assert!(solved.report.converged && (solved.solution[[]] - 2.0).abs() < 1e-11);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DouglasRachford<Q> {
    problem: Q,
    step: Scalar,
    limits: Limits,
}

impl<Q: Splitting> DouglasRachford<Q> {
    /// Of two terms with proximal operators, such as a [`Split`](crate::Split), with step size 1.
    #[must_use]
    #[track_caller]
    pub fn new(problem: &impl AsProblem<Problem = Q>) -> Self {
        DouglasRachford { problem: problem.problem(), step: Scalar::Value(1.0), limits: Limits::default() }
    }
    /// η: a number or a variable.
    #[must_use]
    pub fn step_size(mut self, step: impl Into<Scalar>) -> Self {
        self.step = step.into();
        self
    }
    #[track_caller]
    fn step(&self) -> Scalar {
        Step::Fixed(self.step).first()
    }
    /// z, and z − prox_{ηf}(2z − s): what s moves by.
    #[track_caller]
    fn moves(&self, s: &V<Q::Point>, p: &V<Q::Params>) -> V<Q::Point> {
        let step = double(self.step());
        let z = asked::first(&self.problem, s, step, p);
        z.minus(&asked::second(&self.problem, &z.plus(&z).minus(s), step, p))
    }
}

impl<Q: Splitting> Method for DouglasRachford<Q> {
    type Problem = Q;
    alike!();
    type State = Q::Point;
    holds_its_problem!("Douglas-Rachford");
    fn start(&self, w: V<Q::Unknown>, _: &V<Q::Params>) -> V<Q::Point> {
        self.problem.start(w)
    }
    fn step(&self, s: V<Q::Point>, p: &V<Q::Params>, (): (), _: Var<u32>) -> V<Q::Point> {
        s.minus(&self.moves(&s, p))
    }
    fn unknown(&self, s: &V<Q::Point>, p: &V<Q::Params>) -> V<Q::Unknown> {
        self.problem.unknown(s, double(self.step()), p)
    }
    fn stopping(&self, s: &V<Q::Point>, p: &V<Q::Params>) -> DynVar {
        (norm(&self.moves(s, p)) / double(self.step())).to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), ErrorKind> {
        Step::Fixed(self.step).check("step size", steps)
    }
    fn scale(&self) -> Scale {
        Scale { primal: self.step(), ..Scale::default() }
    }
}
