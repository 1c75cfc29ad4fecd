//! z = T(z, p).
use super::{Equation, Mapping, Problem, Scale};
use hypertape_autodiff::tree::{Own, Structure, V, Vars};
use hypertape_autodiff::{Function, Result};

/// The fixed point of a map of (z, parameters) in z: an equilibrium, as of an equilibrium network.
///
/// Equation: z − T(z, p) = 0.
#[derive(Debug)]
pub struct Equilibrium<S: Structure, P: Structure> {
    map: Function<(S, P), S>,
}

impl<S: Structure, P: Structure> Clone for Equilibrium<S, P> {
    fn clone(&self) -> Self {
        Equilibrium { map: self.map.clone() }
    }
}

impl<S: Structure, P: Structure> Equilibrium<S, P> {
    /// Of a map.
    #[must_use]
    pub fn new(map: &Function<(S, P), S>) -> Self {
        Equilibrium { map: map.clone() }
    }
}

/// What a fixed-point iteration is made from: a problem with a map, or the map itself. The map of one number has the type of an objective, so this is
/// not [`AsProblem`](super::AsProblem).
pub trait AsMapping {
    /// The problem.
    type Problem: Mapping;
    /// As a problem.
    fn mapping(&self) -> Self::Problem;
}

impl<Q: Mapping> AsMapping for Q {
    type Problem = Q;
    fn mapping(&self) -> Q {
        self.clone()
    }
}

impl<S: Structure, P: Structure> AsMapping for Function<(S, P), S> {
    type Problem = Equilibrium<S, P>;
    fn mapping(&self) -> Equilibrium<S, P> {
        Equilibrium::new(self)
    }
}

impl<S: Structure, P: Structure> Problem for Equilibrium<S, P> {
    type Unknown = S;
    type Params = P;
    type Solution = S;
    fn shapes(&self) -> Result<(S, P)> {
        self.map.program().map(|_| self.map.inputs().clone())
    }
    fn solution(&self, w: &V<S>, _: &V<P>, _: Scale) -> V<S> {
        w.clone()
    }
}

impl<S: Structure, P: Structure> Equation for Equilibrium<S, P> {
    fn residual(&self, w: &V<S>, p: &V<P>, _: Scale) -> V<S> {
        w.minus(&self.map(w, p))
    }
    fn fixed_point_map(&self, w: &V<S>, p: &V<P>) -> Option<V<S>> {
        Some(self.map(w, p))
    }
}

impl<S: Structure, P: Structure> Mapping for Equilibrium<S, P> {
    #[track_caller]
    fn map(&self, w: &V<S>, p: &V<P>) -> V<S> {
        self.map.call(Own::<(S, P)>((w.clone(), p.clone())))
    }
}
