//! Projection onto the simplex.
use super::definition::{Prox, family};
use super::faces::{above, beside_rows, cast, not_negative, simplex_threshold};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V};

family!(
    /// The indicator of {x ≥ 0, Σ x = r}; see [`simplex`].
    Simplex,
    /// Projection of each row of the last axis onto {x ≥ 0, Σ x = r}, r > 0 one number or one for each row: max(v − τ, 0) with the τ
    /// that gives the sum (Michelot 1986). Jacobian: I − 11ᵀ/|S| on the support S, by r: 1/|S|. Without a sort, in a few passes.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, record::scalar, shape};
    /// use hypertape_solvers::prox::{self, Prox};
    /// let f = Function::record((shape![3], shape![]), |(v, r)| prox::simplex::<hypertape_autodiff::tree::Leaf, _>(|r| *r).prox(v, scalar(1.0), &r))?;
    /// let x = f.eval((&ndarray::arr1(&[0.8, 0.5, -0.2]), 1.0))?;
    /// assert!((x[[0]] - 0.65).abs() < 1e-15 && (x[[1]] - 0.35).abs() < 1e-15 && x[[2]] == 0.0);
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    simplex(radius)
);

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for Simplex<P, F> {
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        let tau = simplex_threshold(v, beside_rows(cast(not_negative("simplex", (self.0)(p)))));
        above(v, tau) * (v - tau)
    }
}
