//! The equation of a problem, recorded as a region of the open recording.
use crate::equation::Equation;
use hypertape_autodiff::array::LeafType;
use hypertape_autodiff::record::{self, DynVar};
use hypertape_autodiff::tree::{Structure, V, Vars};
use hypertape_autodiff::{Result, Site};
use hypertape_linear::Known;
use std::sync::Arc;

/// What an equation is recorded for.
pub(crate) struct Region<'a, W: Structure, P: Structure> {
    pub(crate) unknown: &'a W,
    pub(crate) params: &'a P,
    /// Further parameters, which the residual does not read.
    pub(crate) between: Vec<DynVar>,
    /// Variables of the recording that the code which finds the point reads.
    pub(crate) captures: Vec<DynVar>,
    pub(crate) known: Known,
    pub(crate) at: Site,
}

impl<W: Structure, P: Structure> Region<'_, W, P> {
    /// The equation, and what follows the declared parameters in its θ: what lies between, then all captures. None where the recording has failed.
    #[track_caller]
    pub(crate) fn record(self, residual: impl Fn(&V<W>, &V<P>) -> V<W>) -> Result<Option<(Arc<Equation>, Vec<DynVar>)>> {
        let Region { unknown, params, between, mut captures, known, at } = self;
        let mut types = unknown.leaf_types();
        let n = types.len();
        types.extend(params.leaf_types());
        let declared = types.len();
        let body = |v: &[DynVar]| {
            let mut given = v.iter().copied();
            let mut next = |_: &LeafType| given.next().unwrap_or(DynVar::POISON);
            let (w, p) = (unknown.vars(&mut next), params.vars(&mut next));
            ((), residual(&w, &p).flat())
        };
        // It may use other variables of the recording than the loop does.
        let (_, region) =
            record::capture(&types, at, "optimality", |v| record::on_behalf(at, &[hypertape_solvers::SOURCES, crate::SOURCES], || body(v)));
        // The recording keeps the reason when the region could not be closed.
        let Some(region) = region else { return Ok(None) };
        for v in &region.captures {
            if !captures.iter().any(|c| c.same_value(*v)) {
                captures.push(*v);
            }
        }
        let mut all = between;
        all.extend(captures);
        Ok(Some((Arc::new(Equation::new(&region.over(declared, &all), n, known)?), all)))
    }
}
