//! Fixed-point iteration.
use super::{alike, holds_its_problem};
use crate::handles::norm;
use crate::limits::Limits;
use crate::method::Method;
use crate::problem::{AsMapping, Mapping, asked};
use hypertape_autodiff::record::{DynVar, Var};
use hypertape_autodiff::tree::{V, Vars};

/// Fixed-point iteration z ← T(z, p) (Picard 1890; Banach 1922).
///
/// Stopping measure: ‖T(z, p) − z‖. It converges where T is a contraction in z.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_solvers::{FixedPoint, Method, Solve};
/// let half = Function::record((shape![], shape![]), |(z, x)| 0.5 * z + x)?;
/// let solved = FixedPoint::new(&half).tolerance(1e-12).solve(0.0, 1.0)?;
/// assert!((solved.solution[[]] - 2.0).abs() < 4e-12);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FixedPoint<Q> {
    problem: Q,
    limits: Limits,
}

impl<Q: Mapping> FixedPoint<Q> {
    /// Of a map from (z, parameters) to the next z, or a problem that has one.
    #[must_use]
    pub fn new(map: &impl AsMapping<Problem = Q>) -> Self {
        FixedPoint { problem: map.mapping(), limits: Limits::default() }
    }
}

impl<Q: Mapping> Method for FixedPoint<Q> {
    type Problem = Q;
    alike!();
    type State = Q::Unknown;
    holds_its_problem!("fixed point");
    fn start(&self, z: V<Q::Unknown>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z
    }
    fn step(&self, z: V<Q::Unknown>, p: &V<Q::Params>, (): (), _: Var<u32>) -> V<Q::Unknown> {
        asked::map(&self.problem, &z, p)
    }
    fn unknown(&self, z: &V<Q::Unknown>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z.clone()
    }
    fn stopping(&self, z: &V<Q::Unknown>, p: &V<Q::Params>) -> DynVar {
        norm(&asked::map(&self.problem, z, p).minus(z)).to_dyn()
    }
    fn map(&self, z: &V<Q::Unknown>, p: &V<Q::Params>) -> Option<V<Q::Unknown>> {
        Some(asked::map(&self.problem, z, p))
    }
}
