//! What methods ask of a problem, whose answers have the types of what they are about: a gradient that broadcasts would be wrong without a word.
use super::{Mapping, PrimalDual, Proximal, Sampling, Smooth, Splitting};
use hypertape_autodiff::array::LeafType;
use hypertape_autodiff::error::Typed;
use hypertape_autodiff::record::{self, DynVar, Var};
use hypertape_autodiff::tree::{V, Vars};
use hypertape_autodiff::{Error, ErrorKind, Site};

/// What a problem's own code gave, or the reason why it does not fit, which makes the recording fail.
#[track_caller]
fn fitting<W: Vars>(what: &'static str, made: W, like: &W) -> W {
    let types = |w: &W| w.flat().iter().map(|v| v.leaf_type()).collect::<Option<Vec<_>>>();
    // A handle without a type: the recording has failed before.
    if let (Some(given), Some(expected)) = (types(&made), types(like))
        && given != expected
    {
        refuse(what, expected, given);
        return like.map(&mut |_| DynVar::POISON);
    }
    made
}

/// Makes the recording fail: a part of a problem has other types than are asked for.
#[track_caller]
fn refuse(what: &'static str, expected: Vec<LeafType>, given: Vec<LeafType>) {
    let kind = ErrorKind::Types { of: Typed::Part(what), expected, given: given.clone() };
    record::fail(Error::new(what, kind).with_operands(given).at(Site::caller()));
}

/// One number.
#[track_caller]
fn number(v: Var) -> Var {
    match v.to_dyn().leaf_type() {
        Some(t) if !t.shape.is_empty() => {
            refuse("value", vec![LeafType::new(&[], t.kind)], vec![t]);
            Var::from_dyn(DynVar::POISON)
        }
        _ => v,
    }
}

/// ∇f of a smooth objective.
#[track_caller]
pub(crate) fn gradient<Q: Smooth>(q: &Q, w: &V<Q::Unknown>, p: &V<Q::Params>) -> V<Q::Unknown> {
    fitting("gradient", q.gradient(w, p), w)
}

/// f and ∇f.
#[track_caller]
pub(crate) fn value_and_gradient<Q: Smooth>(q: &Q, w: &V<Q::Unknown>, p: &V<Q::Params>) -> (Var, V<Q::Unknown>) {
    let (value, gradient) = q.value_and_gradient(w, p);
    (number(value), fitting("gradient", gradient, w))
}

/// ∇²f v.
#[track_caller]
pub(crate) fn hessian_product<Q: Smooth>(q: &Q, w: &V<Q::Unknown>, p: &V<Q::Params>, v: &V<Q::Unknown>) -> V<Q::Unknown> {
    fitting("Hessian-vector product", q.hessian_product(w, p, v), w)
}

/// ∇f on one batch.
#[track_caller]
pub(crate) fn sampled_gradient<Q: Sampling>(q: &Q, w: &V<Q::Unknown>, p: &V<Q::Params>, batch: V<Q::Batch>) -> V<Q::Unknown> {
    fitting("gradient on a batch", q.sampled_gradient(w, p, batch), w)
}

/// ∇f of the smooth term of a composite objective.
#[track_caller]
pub(crate) fn smooth_gradient<Q: Proximal>(q: &Q, w: &V<Q::Unknown>, p: &V<Q::Params>) -> V<Q::Unknown> {
    fitting("gradient", q.gradient(w, p), w)
}

/// prox of the other term.
#[track_caller]
pub(crate) fn prox<Q: Proximal>(q: &Q, w: V<Q::Unknown>, step: Var, p: &V<Q::Params>) -> V<Q::Unknown> {
    let like = w.clone();
    fitting("proximal operator", q.prox(w, step, p), &like)
}

/// The first prox of a splitting.
#[track_caller]
pub(crate) fn first<Q: Splitting>(q: &Q, s: &V<Q::Point>, step: Var, p: &V<Q::Params>) -> V<Q::Point> {
    fitting("first proximal operator", q.first(s, step, p), s)
}

/// The second prox of a splitting.
#[track_caller]
pub(crate) fn second<Q: Splitting>(q: &Q, s: &V<Q::Point>, step: Var, p: &V<Q::Params>) -> V<Q::Point> {
    fitting("second proximal operator", q.second(s, step, p), s)
}

/// T(w).
#[track_caller]
pub(crate) fn map<Q: Mapping>(q: &Q, w: &V<Q::Unknown>, p: &V<Q::Params>) -> V<Q::Unknown> {
    fitting("map", q.map(w, p), w)
}

/// ∇f of a primal-dual problem.
#[track_caller]
pub(crate) fn primal_gradient<Q: PrimalDual>(q: &Q, x: &V<Q::Primal>, p: &V<Q::Params>) -> V<Q::Primal> {
    fitting("gradient", q.gradient(x, p), x)
}

/// Kᵀu.
#[track_caller]
pub(crate) fn adjoint<Q: PrimalDual>(q: &Q, u: &V<Q::Dual>, x: &V<Q::Primal>, p: &V<Q::Params>) -> V<Q::Primal> {
    fitting("adjoint operator", q.adjoint(u.clone(), p), x)
}

/// K x.
#[track_caller]
pub(crate) fn apply<Q: PrimalDual>(q: &Q, x: V<Q::Primal>, u: &V<Q::Dual>, p: &V<Q::Params>) -> V<Q::Dual> {
    fitting("operator", q.apply(x, p), u)
}

/// prox of the primal term.
#[track_caller]
pub(crate) fn primal_prox<Q: PrimalDual>(q: &Q, x: V<Q::Primal>, tau: Var, p: &V<Q::Params>) -> V<Q::Primal> {
    let like = x.clone();
    fitting("proximal operator of the primal", q.primal_prox(x, tau, p), &like)
}

/// prox of the conjugate of the dual term.
#[track_caller]
pub(crate) fn dual_prox<Q: PrimalDual>(q: &Q, u: V<Q::Dual>, sigma: Var, p: &V<Q::Params>) -> V<Q::Dual> {
    let like = u.clone();
    fitting("proximal operator of the dual", q.dual_prox(u, sigma, p), &like)
}
