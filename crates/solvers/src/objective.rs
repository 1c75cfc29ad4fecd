//! What methods take from an objective: its derivatives in the solution, without its element type.
use hypertape_autodiff::Function;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::{Scalar, Var};
use hypertape_autodiff::tree::{AnyLeaf, Leaf, Own, Structure, V};

/// A function of (solution, parameters) with one real number as its value.
pub type Objective<S, P, T = f64> = Function<(S, P), Leaf<T>>;

/// The gradient in the solution, alone and with the value.
#[derive(Debug, Clone)]
pub(crate) struct Derivatives<S: Structure, P: Structure> {
    pub(crate) gradient: Function<(S, P), S>,
    pub(crate) both: Function<(S, P), (AnyLeaf, S)>,
}

impl<S: Structure, P: Structure> Derivatives<S, P> {
    #[track_caller]
    pub(crate) fn of<T: Real>(f: &Objective<S, P, T>) -> Self {
        let both = f.wrt(|(z, _)| z).value_and_gradient();
        Derivatives { gradient: both.output(|(_, g)| g), both: both.output(|(y, g)| (y.to_dyn(), g)) }
    }
    /// (z, p), v → ∇²f v: derived where it is recorded, so that a solve without it needs none.
    #[track_caller]
    pub(crate) fn hvp(&self) -> Function<((S, P), S), S> {
        self.gradient.wrt(|(z, _)| z).jvp().output(|(_, t)| t)
    }
    #[track_caller]
    pub(crate) fn gradient(&self, z: &V<S>, p: &V<P>) -> V<S> {
        self.gradient.call(Own::<(S, P)>((z.clone(), p.clone())))
    }
    #[track_caller]
    pub(crate) fn both(&self, z: &V<S>, p: &V<P>) -> (Var, V<S>) {
        let (y, g) = self.both.call(Own::<(S, P)>((z.clone(), p.clone())));
        (Scalar::Var(y).real(), g)
    }
}

/// `limits` and `limits_mut` of a method with a field `limits`.
macro_rules! limits {
    () => {
        fn limits(&self) -> &crate::limits::Limits {
            &self.limits
        }
        fn limits_mut(&mut self) -> &mut crate::limits::Limits {
            &mut self.limits
        }
    };
}
pub(crate) use limits;
