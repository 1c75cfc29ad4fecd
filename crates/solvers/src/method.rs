//! What a method is: the loop, unrolling and the implicit layer know only this trait.
use crate::limits::Limits;
use crate::problem::{Problem, Scale};
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::Result;
use hypertape_autodiff::record::{DynVar, Scalar, Var};
use hypertape_autodiff::tree::{Structure, V};

/// The variable of the equation of a method's problem.
pub type Unknown<M> = <<M as Method>::Problem as Problem>::Unknown;
/// What the problem depends on.
pub type Params<M> = <<M as Method>::Problem as Problem>::Params;
/// What the user asks for.
pub type Solution<M> = <<M as Method>::Problem as Problem>::Solution;

/// An iterative method: it is made from a problem, holds it, and makes steps towards its unknown.
///
/// Everything is written with handles, so one step is recorded once, then iterated ([`Solve`](crate::Solve)), unrolled
/// ([`Unrolled`](crate::Unrolled)), or differentiated at its fixed point. A method names the most tape it needs and nothing of a loss.
pub trait Method: Clone + 'static {
    /// What it solves.
    type Problem: Problem;
    /// What differs from step to step: a mini-batch, a layer's weights; `()` for most.
    type Each: Structure;
    /// All that one step hands to the next.
    type State: Structure;

    /// The field's name of it.
    fn name(&self) -> &'static str;
    /// The problem that it was made from.
    fn problem(&self) -> &Self::Problem;
    /// Shapes of what one step gets.
    ///
    /// # Errors
    /// When the functions it was made from failed.
    fn each(&self) -> Result<Self::Each>;
    /// The first state.
    fn start(&self, unknown: V<Unknown<Self>>, params: &V<Params<Self>>) -> V<Self::State>;
    /// The next state; k counts from 0.
    fn step(&self, state: V<Self::State>, params: &V<Params<Self>>, each: V<Self::Each>, k: Var<u32>) -> V<Self::State>;
    /// The same step, where it is differentiated: what unrolling records. A method that makes no step at rest gives one here that leaves the solution
    /// where it is and moves its derivative.
    fn step_with_derivative(&self, state: V<Self::State>, params: &V<Params<Self>>, each: V<Self::Each>, k: Var<u32>) -> V<Self::State> {
        self.step(state, params, each, k)
    }
    /// A state whose derivative was cut off, with what depends on the parameters made again: where `Keep::Last` begins.
    fn resume(&self, state: V<Self::State>, params: &V<Params<Self>>) -> V<Self::State> {
        let _ = params;
        state
    }
    /// Where second derivatives of the steps need not come near those of the solution: by what factor the steps at rest have shrunk the error of the
    /// derivative. Above 10⁻⁶, differentiating an unrolled solution twice is an error.
    fn unsettled(&self, state: &V<Self::State>) -> Option<Var> {
        let _ = state;
        None
    }
    /// The unknown that a state stands for.
    fn unknown(&self, state: &V<Self::State>, params: &V<Params<Self>>) -> V<Unknown<Self>>;
    /// The solution that a state stands for.
    fn solution(&self, state: &V<Self::State>, params: &V<Params<Self>>) -> V<Solution<Self>> {
        self.problem().solution(&self.unknown(state, params), params, self.scale())
    }
    /// The stopping measure of a state: one real number, compared with the tolerance.
    ///
    /// It is written so that a step from the same state shares its work: the loop records both side by side.
    fn stopping(&self, state: &V<Self::State>, params: &V<Params<Self>>) -> DynVar;
    /// When it stops.
    fn limits(&self) -> &Limits;
    /// When it stops, to be set.
    fn limits_mut(&mut self) -> &mut Limits;
    /// What is wrong with its settings; `steps` is the number of iterations where it is known.
    ///
    /// # Errors
    /// A step size that is not positive, too few entries for the iterations, a count of zero.
    fn check(&self, steps: Option<usize>) -> Result<(), ErrorKind> {
        let _ = steps;
        Ok(())
    }

    /// The steps in which the problem writes its equation: those of the first iteration.
    fn scale(&self) -> Scale {
        Scale::default()
    }
    /// One step as a map T of the unknown, where it is one, with the steps of the first iteration and without momentum: then linear solvers that need a
    /// contraction (Neumann, one step) solve with w − T(w), and K terms are backpropagation through K steps.
    fn map(&self, unknown: &V<Unknown<Self>>, params: &V<Params<Self>>) -> Option<V<Unknown<Self>>> {
        let _ = (unknown, params);
        None
    }

    /// The secant pairs of a quasi-Newton method as a state keeps them, for linear solvers that estimate the inverse of ∇²f by them: rows of s and of y over
    /// their lengths, the oldest first; the length of s over that of y, 0 where there is no pair yet; γ, with H₀ = γ I.
    fn secants(&self, state: &V<Self::State>) -> Option<[DynVar; 4]> {
        let _ = state;
        None
    }

    /// Stops once the stopping measure is at or under this number or variable.
    #[must_use]
    fn tolerance(mut self, tolerance: impl Into<Scalar>) -> Self {
        self.limits_mut().tolerance = tolerance.into();
        self
    }
    /// Stops once the stopping measure is at or under this times the measure at the start too: what does not change with the scale of the problem. From a
    /// start that is nearly the solution it asks for more than rounding may allow; then the status is "stalled".
    #[must_use]
    fn relative_tolerance(mut self, tolerance: impl Into<Scalar>) -> Self {
        self.limits_mut().relative = tolerance.into();
        self
    }
    /// Stops after so many iterations at the latest.
    #[must_use]
    fn max_iterations(mut self, iterations: usize) -> Self {
        self.limits_mut().iterations = iterations;
        self
    }
}
