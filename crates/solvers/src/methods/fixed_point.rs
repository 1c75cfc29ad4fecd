//! Fixed-point iteration.
use crate::handles::norm;
use crate::limits::Limits;
use crate::method::Method;
use crate::objective::limits;
use hypertape_autodiff::record::{DynVar, Var};
use hypertape_autodiff::tree::{Own, Structure, V, Vars};
use hypertape_autodiff::{Function, Result};

/// Fixed-point iteration z ← T(z, p) (Picard 1890; Banach 1922).
///
/// Optimality map: T(z, p) − z. Stopping measure: its norm. It converges where T is a contraction in z.
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
pub struct FixedPoint<S: Structure, P: Structure> {
    map: Function<(S, P), S>,
    limits: Limits,
}

impl<S: Structure, P: Structure> FixedPoint<S, P> {
    /// Of a map from (z, parameters) to the next z.
    #[must_use]
    pub fn new(map: &Function<(S, P), S>) -> Self {
        FixedPoint { map: map.clone(), limits: Limits::default() }
    }
}

impl<S: Structure, P: Structure> Method for FixedPoint<S, P> {
    type Solution = S;
    type Params = P;
    type Each = ();
    type State = S;
    fn name(&self) -> &'static str {
        "fixed point"
    }
    fn shapes(&self) -> Result<(S, P, ())> {
        let (z, p) = self.map.inputs().clone();
        self.map.program().map(|_| (z, p, ()))
    }
    fn start(&self, z: V<S>, _: &V<P>) -> V<S> {
        z
    }
    fn step(&self, z: V<S>, p: &V<P>, (): (), _: Var<u32>) -> V<S> {
        self.map.call(Own::<(S, P)>((z, p.clone())))
    }
    fn solution(&self, z: &V<S>) -> V<S> {
        z.clone()
    }
    fn optimality(&self, z: &V<S>, p: &V<P>) -> V<S> {
        self.map.call(Own::<(S, P)>((z.clone(), p.clone()))).minus(z)
    }
    fn stopping(&self, z: &V<S>, p: &V<P>) -> DynVar {
        norm(&self.optimality(z, p)).to_dyn()
    }
    fn contraction(&self) -> Option<f64> {
        Some(-1.0)
    }
    limits!();
}
