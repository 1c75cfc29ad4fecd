//! One adjoint on one case: the derivatives at every point, forth and back in one workspace, as the library gives them.
use crate::adjoint::Adjoint;
use crate::case::{Case, Kind, Precision};
use crate::rule::Mode;
use hypertape::array::Element;
use hypertape::implicit::Outside;
use hypertape::operation::Report;
use hypertape::prelude::*;
use ndarray::{Array1, ArrayViewD};
use std::convert::Infallible;

/// A derivative, and what was said of its linear solve.
pub(crate) struct Given {
    pub(crate) derivative: Vec<f64>,
    pub(crate) report: Option<Report>,
}

/// The function of the parameters alone.
fn through<T: Real, Q: Equation<Unknown = Leaf<T>, Params = Leaf<T>, Solution = Leaf<T>>>(
    by: &Outside<Q>,
    unknown: Leaf<T>,
    params: Leaf<T>,
) -> Result<Function<Leaf<T>, Leaf<T>>> {
    Function::record(params, |p| by.solve(zeros(unknown), p))
}

/// θ ↦ z by the code that knows it, differentiated by this adjoint.
pub(crate) fn record<T: Precision>(case: &Case, adjoint: Adjoint, policy: OnResidual) -> Result<Function<Leaf<T>, Leaf<T>>> {
    let (n, m) = (case.points[0].z.len(), case.points[0].params.len());
    let (unknown, params) = (Leaf::<T>::new([n]), Leaf::<T>::new([m]));
    let cast = |v: &[f64]| v.iter().map(|v| T::from_f64(*v)).collect::<Vec<T>>();
    let known: Vec<(Vec<T>, Vec<T>)> = case.points.iter().map(|p| (cast(&p.params), cast(&p.z))).collect();
    let find = move |p: ArrayViewD<'_, T>, _: ArrayViewD<'_, T>| {
        let found = known.iter().find(|(params, _)| params.iter().eq(p.iter())).expect("the parameters are those of a point");
        Ok::<_, Infallible>(Array1::from(found.1.clone()))
    };
    let e = T::of(&case.expression);
    let f = Function::record((unknown.clone(), params.clone()), |(z, p)| e(z, p))?;
    let solver = adjoint.solver(n);
    match case.kind {
        Kind::Root => through(&implicit::root(&f, find).adjoint(solver).on_residual(policy), unknown, params),
        Kind::FixedPoint => through(&implicit::fixed_point(&f, find).adjoint(solver).on_residual(policy), unknown, params),
        Kind::Argmin => through(&implicit::argmin(&f, find).adjoint(solver).on_residual(policy), unknown, params),
    }
}

/// The points, forth and back.
pub(crate) fn order(points: usize) -> Vec<usize> {
    (0..points).chain((0..points).rev().skip(1)).collect()
}

/// The derivatives along `order`, with these weights or the direction of the case.
pub(crate) fn derivatives<T: Precision>(case: &Case, f: &Function<Leaf<T>, Leaf<T>>, mode: Mode, cotangent: &[f64]) -> Vec<Result<Given>> {
    let (derived, with) = match mode {
        Mode::Reverse => (f.wrt(|p| p).vjp(), cotangent),
        Mode::Forward => (f.wrt(|p| p).jvp(), &case.tangent[..]),
    };
    let cast = |v: &[f64]| v.iter().map(|v| T::from_f64(*v)).collect::<Array1<T>>();
    let with = cast(with);
    let mut workspace = derived.workspace();
    let mut run = |at: usize| {
        let params = cast(&case.points[at].params);
        let derivative = workspace.run((&params, &with))?.1.iter().map(|v| Element::to_f64(*v)).collect();
        let report = workspace.reports().iter().rev().find(|r| r.name.ends_with("solve")).cloned();
        Ok(Given { derivative, report })
    };
    order(case.points.len()).into_iter().map(&mut run).collect()
}
