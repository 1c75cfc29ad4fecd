//! An operator that comes with an estimate of its inverse.
use crate::operator::{Known, Matrix, Operator, Side};
use crate::secants::Secants;
use hypertape_autodiff::array::Kind;
use hypertape_autodiff::outcome::Failed;

/// An operator together with secant pairs that estimate its inverse: for [`Shine`](crate::Shine), where a user has the pairs.
#[derive(Debug, Clone)]
pub struct Estimated<A> {
    /// A.
    pub operator: A,
    /// Of as many unknowns.
    pub secants: Secants,
}

impl<A: Operator> Operator for Estimated<A> {
    fn len(&self) -> usize {
        self.operator.len()
    }
    fn rows(&self) -> usize {
        self.operator.rows()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.operator.apply(x, y)
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.operator.apply_transposed(x, y)
    }
    fn apply_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.operator.apply_many(x, y)
    }
    fn apply_transposed_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.operator.apply_transposed_many(x, y)
    }
    fn has_transpose(&self) -> bool {
        self.operator.has_transpose()
    }
    fn kind(&self) -> Kind {
        self.operator.kind()
    }
    fn epsilon(&self) -> f64 {
        self.operator.epsilon()
    }
    fn known(&self) -> Known {
        self.operator.known()
    }
    fn matrix(&self) -> Option<Matrix<'_>> {
        self.operator.matrix()
    }
    fn secants(&self) -> Option<&Secants> {
        Some(&self.secants)
    }
    fn has_samples(&self) -> bool {
        self.operator.has_samples()
    }
    fn apply_sampled(&mut self, side: Side, draw: u32, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.operator.apply_sampled(side, draw, x, y)
    }
}
