//! A solver with a way to differentiate it chosen.
use crate::method::{Method, Params};
use crate::problem::Problem;
use crate::unrolled::Unrolled;
use hypertape_autodiff::tree::{Give, Own, Structure, V};

/// A solver with a way to differentiate it chosen, as an object: what comparisons range over. S is the structure of the start and of the solution.
pub trait Inner<S: Structure, P: Structure> {
    /// The method and the way.
    fn name(&self) -> String;
    /// The solution, inside a recording.
    #[track_caller]
    fn solve_vars(&self, start: V<S>, params: V<P>) -> V<S>;
}

impl<S: Structure, P: Structure> dyn Inner<S, P> + '_ {
    /// The solution, inside a recording.
    #[track_caller]
    pub fn solve(&self, start: impl Give<S>, params: impl Give<P>) -> V<S> {
        self.solve_vars(start.give(), params.give())
    }
}

impl<S: Structure, M: Method<Each = ()>> Inner<S, Params<M>> for Unrolled<M>
where
    M::Problem: Problem<Unknown = S, Solution = S>,
{
    fn name(&self) -> String {
        format!("{}, unrolled {} steps, {:?}", self.method().name(), self.steps(), self.kept())
    }
    #[track_caller]
    fn solve_vars(&self, start: V<S>, params: V<Params<M>>) -> V<S> {
        self.solve(Own::<S>(start), Own::<Params<M>>(params))
    }
}
