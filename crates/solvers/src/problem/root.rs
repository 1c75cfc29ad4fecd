//! F(z, p) = 0.
use super::{Equation, Problem, Scale};
use hypertape_autodiff::tree::{Own, Structure, V};
use hypertape_autodiff::{Function, Result};
use hypertape_linear::Known;

/// A root of a residual of (z, parameters) in z. A residual of one number has the type of an objective, so it is named: `Root::new(&f)`.
///
/// Equation: F(z, p) = 0.
#[derive(Debug)]
pub struct Root<S: Structure, P: Structure> {
    residual: Function<(S, P), S>,
    known: Known,
}

impl<S: Structure, P: Structure> Clone for Root<S, P> {
    fn clone(&self) -> Self {
        Root { residual: self.residual.clone(), known: self.known }
    }
}

impl<S: Structure, P: Structure> Root<S, P> {
    /// Of a residual.
    #[must_use]
    pub fn new(residual: &Function<(S, P), S>) -> Self {
        Root { residual: residual.clone(), known: Known::default() }
    }
    /// With what is known of F_z, which is not checked: linear solvers then leave their own checks out.
    #[must_use]
    pub fn known(mut self, known: Known) -> Self {
        self.known = known;
        self
    }
}

impl<S: Structure, P: Structure> Problem for Root<S, P> {
    type Unknown = S;
    type Params = P;
    type Solution = S;
    fn shapes(&self) -> Result<(S, P)> {
        self.residual.program().map(|_| self.residual.inputs().clone())
    }
    fn solution(&self, w: &V<S>, _: &V<P>, _: Scale) -> V<S> {
        w.clone()
    }
}

impl<S: Structure, P: Structure> Equation for Root<S, P> {
    fn residual(&self, w: &V<S>, p: &V<P>, _: Scale) -> V<S> {
        self.residual.call(Own::<(S, P)>((w.clone(), p.clone())))
    }
    fn known(&self) -> Known {
        self.known
    }
}
