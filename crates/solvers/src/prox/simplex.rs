//! Projection onto the simplex.
use super::definition::{Prox, family};
use super::faces::{beside_rows, cast, onto_simplex, scaled};
use crate::handles::require;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Leaf, Structure, V};

family!(
    /// The indicator of {x ≥ 0, Σ x = r}; see [`simplex`].
    Simplex,
    /// Projection of each row of the last axis onto {x ≥ 0, Σ x = r}, 0 ≤ r < ∞ one number or one for each row: max(v − τ, 0)
    /// with the τ that gives the sum (Michelot 1986). Jacobian: I − 11ᵀ/|S| on the support S, by r: 1/|S|. Without a sort, in a few passes.
    ///
    /// Entries may be −∞: they are 0. For r = 0 the set is the point 0; the derivative by v is 0 there, that by r the one to the right, 1/|S| on the
    /// largest entries. A row without entries only sums to 0.
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

#[track_caller]
fn radius<T: Real>(v: Var<T>, r: Var) -> Var {
    let empty = v.shape().last() == Some(&0);
    require("simplex", "radius", r, if empty { Condition::Zero } else { Condition::FiniteNotNegative })
}

impl<T: Real, P: Structure, F: Fn(&V<P>) -> Var + 'static> Prox<Leaf<T>, P> for Simplex<P, F> {
    fn prox(&self, v: Var<T>, _: Var, p: &V<P>) -> Var<T> {
        onto_simplex(v, beside_rows(cast(radius(v, (self.0)(p)))))
    }
    fn conjugate(&self, v: Var<T>, step: Var, p: &V<P>) -> Var<T> {
        // Of r max x: what is over a level is cut.
        v - onto_simplex(v, beside_rows(scaled("simplex", step, radius(v, (self.0)(p)))))
    }
}
