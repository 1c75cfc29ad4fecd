//! The equation of a problem, recorded as a region of the open recording.
use crate::equation::Equation;
use hypertape_autodiff::array::{Kind, LeafType};
use hypertape_autodiff::record::{self, DynVar, Var};
use hypertape_autodiff::tree::{Structure, V, Vars};
use hypertape_autodiff::{Result, Site};
use hypertape_linear::Known;
use hypertape_solvers::Counter;
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
    /// Who counts what is evaluated of it.
    pub(crate) counter: Option<Counter>,
    /// F of the mini-batch of a draw, where it is asked for.
    pub(crate) sampled: Option<Drawn<'a, W, P>>,
}

/// F of a mini-batch of the problem, by the number of its draw; none where there is none.
pub(crate) type Drawn<'a, W, P> = &'a dyn Fn(&V<W>, &V<P>, Var<u32>) -> Option<V<W>>;

impl<W: Structure, P: Structure> Region<'_, W, P> {
    /// The equation, and what follows the declared parameters in its θ: what lies between, then all captures. None where the recording has failed.
    #[track_caller]
    pub(crate) fn record(self, residual: impl Fn(&V<W>, &V<P>) -> V<W>) -> Result<Option<(Arc<Equation>, Vec<DynVar>)>> {
        let Region { unknown, params, between, mut captures, known, at, counter, sampled } = self;
        let mut types = unknown.leaf_types();
        let n = types.len();
        types.extend(params.leaf_types());
        let declared = types.len();
        let sources: &'static [&'static str] = &[hypertape_solvers::SOURCES, crate::SOURCES];
        let handed = |v: &[DynVar]| {
            let mut given = v.iter().copied();
            let mut next = |_: &LeafType| given.next().unwrap_or(DynVar::POISON);
            (unknown.vars(&mut next), params.vars(&mut next))
        };
        let mut drawn = None;
        if let Some(f) = sampled {
            let body = |v: &[DynVar]| {
                let (w, p) = handed(v);
                let made = f(&w, &p, v.last().map_or(Var::from_dyn(DynVar::POISON), |v| Var::from_dyn(*v)));
                (made.is_some(), made.map_or(vec![], |f| f.flat()))
            };
            let types: Vec<LeafType> = types.iter().cloned().chain([LeafType::new(&[], Kind::U32)]).collect();
            let (there, region) = record::capture(&types, at, "optimality of a mini-batch", |v| record::on_behalf(at, sources, || body(v)));
            let Some(region) = region else { return Ok(None) };
            add(&mut captures, &region.captures);
            drawn = there.then_some(region);
        }
        let body = |v: &[DynVar]| {
            let (w, p) = handed(v);
            ((), residual(&w, &p).flat())
        };
        // It may use other variables of the recording than the loop does.
        let (_, region) = record::capture(&types, at, "optimality", |v| record::on_behalf(at, sources, || body(v)));
        // The recording keeps the reason when the region could not be closed.
        let Some(region) = region else { return Ok(None) };
        add(&mut captures, &region.captures);
        let mut all = between;
        all.extend(captures);
        let mut equation = Equation::new(&region.over(declared, &all), n, known)?.counted(counter);
        if let Some(drawn) = drawn {
            equation = equation.with_sampled(&drawn.over(declared + 1, &all), declared - n)?;
        }
        Ok(Some((Arc::new(equation), all)))
    }
}

/// Adds the variables that are not there yet.
fn add(to: &mut Vec<DynVar>, captures: &[DynVar]) {
    for v in captures {
        if !to.iter().any(|c| c.same_value(*v)) {
            to.push(*v);
        }
    }
}
