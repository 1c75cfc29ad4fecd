//! What a proximal operator is, and how a family with one closure of the parameters is written.
use crate::handles::require;
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{Var, scalar};
use hypertape_autodiff::tree::{Structure, V, Vars};

/// A proximal operator of a function of S that may depend on the parameters.
pub trait Prox<S: Structure, P: Structure>: 'static {
    /// prox_{step·g(·, params)}(v).
    #[track_caller]
    fn prox(&self, v: V<S>, step: Var, params: &V<P>) -> V<S>;
    /// prox_{step·g*(·, params)}(v) of the convex conjugate g*, step > 0: by Moreau's identity v − step · prox_{g/step}(v/step) (1965), unless it has a
    /// formula. A formula does not cancel where v is large.
    #[track_caller]
    fn conjugate(&self, v: V<S>, step: Var, params: &V<P>) -> V<S> {
        let step = require("conjugate", "step", step, Condition::Positive);
        let inverse = require("conjugate", "1/step", step.recip(), Condition::Positive);
        let inner = self.prox(v.scaled(inverse), inverse, params);
        v.add_scaled(-step, &inner)
    }
}

/// A closure of (point, step, parameters) as a proximal operator; see [`of`].
#[derive(Debug, Clone)]
pub struct Of<F>(F);

impl<S: Structure, P: Structure, F: Fn(V<S>, Var, &V<P>) -> V<S> + 'static> Prox<S, P> for Of<F> {
    fn prox(&self, v: V<S>, step: Var, params: &V<P>) -> V<S> {
        (self.0)(v, step, params)
    }
}

/// A closure of (point, step, parameters) as a proximal operator.
pub fn of<S: Structure, P: Structure, F: Fn(V<S>, Var, &V<P>) -> V<S> + 'static>(f: F) -> Of<F> {
    Of(f)
}

/// A fixed weight, radius or bound.
pub fn number<W>(v: f64) -> impl Fn(&W) -> Var + Clone + 'static {
    move |_: &W| scalar(v)
}

/// A family with one closure of the parameters: the struct and its constructor.
macro_rules! family {
    ($(#[$of:meta])* $type:ident, $(#[$doc:meta])* $new:ident($what:ident)) => {
        $(#[$of])*
        #[derive(Debug, Clone)]
        pub struct $type<P, F>(F, std::marker::PhantomData<fn() -> P>);

        $(#[$doc])*
        pub fn $new<P: hypertape_autodiff::tree::Structure, F>($what: F) -> $type<P, F>
        where
            F: Fn(&hypertape_autodiff::tree::V<P>) -> hypertape_autodiff::record::Var + 'static,
        {
            $type($what, std::marker::PhantomData)
        }
    };
}
pub(crate) use family;
