//! The ℓ₁ norm, weighted, and the same on non-negative vectors.
use super::definition::{Prox, family};
use super::faces::{cast, scaled, weight};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V};

family!(
    /// g(x) = Σ wᵢ|xᵢ|; see [`l1`].
    L1,
    /// g(x) = Σ wᵢ|xᵢ|, with one weight or an array of them. prox: sign(v) max(|v| − ηw, 0), soft thresholding
    /// (Donoho and Johnstone 1994). Derivative at a kink: 0. Weights are
    /// not negative; where one is ∞ the result is 0.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, record::scalar, shape, tree::Leaf};
    /// use hypertape_solvers::prox::{self, Prox};
    /// let f = Function::record((shape![4], shape![]), |(v, w)| prox::l1::<Leaf, _>(|w| *w).prox(v, scalar(1.0), &w))?;
    /// let x = f.eval((&ndarray::arr1(&[3.0, -0.2, -1.5, 0.7]), 0.5))?;
    /// assert_eq!(x.as_slice().map(|x| x[0]), Some(2.5));
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    l1(weight)
);

family!(
    /// g(x) = Σ wᵢxᵢ for x ≥ 0, ∞ elsewhere; see [`non_negative_l1`].
    NonNegativeL1,
    /// g(x) = Σ wᵢxᵢ for x ≥ 0, ∞ elsewhere. prox: max(v − ηw, 0), 0 ≤ w ≤ ∞. Derivative at a kink: 0.
    non_negative_l1(weight)
);

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for L1<P, F> {
    fn prox(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        v.soft_threshold(scaled::<T>("l1", step, weight("l1", (self.0)(p))))
    }
    fn conjugate(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        // Of the indicator of |xᵢ| ≤ wᵢ.
        let w = cast::<T>(weight("l1", (self.0)(p)));
        v.abs().greater_than(w).select(v.sign() * w, v)
    }
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for NonNegativeL1<P, F> {
    fn prox(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        (v - scaled::<T>("non_negative_l1", step, weight("non_negative_l1", (self.0)(p)))).relu()
    }
    fn conjugate(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        // Of the indicator of xᵢ ≤ wᵢ.
        let w = cast::<T>(weight("non_negative_l1", (self.0)(p)));
        v.greater_than(w).select(w, v)
    }
}
