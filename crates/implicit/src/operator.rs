//! F_z at a point, as a linear operator on vectors of doubles.
use crate::equation::Equation;
use crate::flat;
use hypertape_autodiff::array::{AnyArray, AnyView, Kind};
use hypertape_autodiff::execute::{Counts, Executor};
use hypertape_autodiff::plan::Plan;
use hypertape_autodiff::{Problem, Result};
use smallvec::SmallVec;
use std::sync::Arc;

/// A square linear operator, and its adjoint.
pub trait Operator {
    /// Length of the vectors.
    fn len(&self) -> usize;
    /// Whether vectors have no element.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// out = A v.
    ///
    /// # Errors
    /// What running the operator's program gives.
    fn apply(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Problem>;
    /// out = Aᵀ v.
    ///
    /// # Errors
    /// What running the operator's program gives.
    fn apply_adjoint(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Problem>;
    /// The machine epsilon of what computes the products: vectors are doubles, the equation may be in single precision.
    fn epsilon(&self) -> f64 {
        f64::EPSILON
    }
}

/// The executors of an equation's derivative with respect to the solution. The point is set once, the operator applied often.
#[derive(Debug)]
pub(crate) struct Jacobian {
    /// What of the point's run the linear part reads follows these outputs.
    values: usize,
    point: Executor,
    forward: Executor,
    adjoint: Executor,
    leaves: Vec<AnyArray>,
    n: usize,
}

impl Jacobian {
    pub(crate) fn new(e: &Equation) -> Result<Self> {
        let executor = |p| Ok::<_, hypertape_autodiff::Error>(Executor::new(Arc::new(Plan::new(p)?)));
        Ok(Jacobian {
            values: e.solution.len(),
            point: executor(&e.linear.primal)?,
            forward: executor(&e.linear.linear)?,
            adjoint: executor(&e.transposed)?,
            leaves: e.solution.iter().map(|t| AnyArray::full(t, 0.0)).collect(),
            n: flat::len(&e.solution),
        })
    }
    /// Bytes that one of these holds.
    pub(crate) fn bytes(e: &Equation) -> u64 {
        let of = |p| Plan::new(p).map_or(0, |p| p.memory().total());
        of(&e.linear.primal) + of(&e.linear.linear) + of(&e.transposed)
    }
    /// Moves to a point (z…, θ…) and gives F there.
    pub(crate) fn at(&mut self, point: &[AnyView<'_>], residual: &mut [f64]) -> Result<(), Problem> {
        self.point.run(point)?;
        flat::pack((0..self.values).map(|k| self.point.output(k)), residual);
        Ok(())
    }
    /// Adds what its programs have executed.
    pub(crate) fn count(&self, into: &mut Counts) {
        for e in [&self.point, &self.forward, &self.adjoint] {
            into.add(&e.counts());
        }
    }
    fn product(&mut self, v: &[f64], out: &mut [f64], adjoint: bool) -> Result<(), Problem> {
        flat::unpack(v, flat::views_mut(&mut self.leaves));
        let residuals = self.point.plan().outputs().len();
        let inputs: SmallVec<[AnyView<'_>; 16]> =
            (self.values..residuals).map(|k| self.point.output(k)).chain(self.leaves.iter().map(AnyArray::view)).collect();
        let executor = if adjoint { &mut self.adjoint } else { &mut self.forward };
        executor.run(&inputs)?;
        flat::pack((0..self.values).map(|k| executor.output(k)), out);
        Ok(())
    }
}

impl Operator for Jacobian {
    fn len(&self) -> usize {
        self.n
    }
    fn apply(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Problem> {
        self.product(v, out, false)
    }
    fn apply_adjoint(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Problem> {
        self.product(v, out, true)
    }
    fn epsilon(&self) -> f64 {
        epsilon(self.leaves.iter().map(AnyArray::kind))
    }
}

/// The machine epsilon of the coarsest of some element types.
pub(crate) fn epsilon(mut kinds: impl Iterator<Item = Kind>) -> f64 {
    if kinds.any(|k| k == Kind::F32) { f64::from(f32::EPSILON) } else { f64::EPSILON }
}

/// An operator with its two directions exchanged.
pub(crate) struct Transposed<'a>(pub(crate) &'a mut Jacobian);

impl Operator for Transposed<'_> {
    fn len(&self) -> usize {
        self.0.n
    }
    fn apply(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Problem> {
        self.0.product(v, out, true)
    }
    fn apply_adjoint(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Problem> {
        self.0.product(v, out, false)
    }
    fn epsilon(&self) -> f64 {
        self.0.epsilon()
    }
}
