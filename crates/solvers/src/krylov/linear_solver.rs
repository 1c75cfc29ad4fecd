//! What the linear solvers share: the operator, the workspace, the interface.
use super::outcome::Outcome;
use hypertape_autodiff::array::{Element, Real};
use std::fmt::Debug;

/// A linear map of vectors onto vectors of the same length. Any closure `FnMut(&[T], &mut [T]) -> Result<(), E>` is one.
pub trait Map<T, E> {
    /// y = A x.
    ///
    /// # Errors
    /// What the operator's own code gives; the solve ends with it.
    fn apply(&mut self, x: &[T], y: &mut [T]) -> Result<(), E>;
    /// y = Aᵀx; false where there is no adjoint.
    ///
    /// # Errors
    /// As [`apply`](Map::apply).
    fn apply_adjoint(&mut self, x: &[T], y: &mut [T]) -> Result<bool, E> {
        let _ = (x, y);
        Ok(false)
    }
    /// The machine epsilon of what computes the products: that of T, unless the operator works in a coarser type inside.
    fn epsilon(&self) -> f64
    where
        T: Real,
    {
        Element::to_f64(T::epsilon())
    }
}

impl<T, E, F: FnMut(&[T], &mut [T]) -> Result<(), E>> Map<T, E> for F {
    fn apply(&mut self, x: &[T], y: &mut [T]) -> Result<(), E> {
        self(x, y)
    }
}

/// A pair of closures: A x and Aᵀx.
#[derive(Debug, Clone, Copy)]
pub struct WithAdjoint<F, G>(pub F, pub G);

impl<T, E, F, G> Map<T, E> for WithAdjoint<F, G>
where
    F: FnMut(&[T], &mut [T]) -> Result<(), E>,
    G: FnMut(&[T], &mut [T]) -> Result<(), E>,
{
    fn apply(&mut self, x: &[T], y: &mut [T]) -> Result<(), E> {
        (self.0)(x, y)
    }
    fn apply_adjoint(&mut self, x: &[T], y: &mut [T]) -> Result<bool, E> {
        (self.1)(x, y).map(|()| true)
    }
}

/// Scratch vectors of a linear solver. It grows to what the largest solve needs, and is reused.
#[derive(Debug, Clone, Default)]
pub struct Workspace<T> {
    pub(super) vectors: Vec<T>,
    pub(super) numbers: Vec<f64>,
    pub(super) rotations: Vec<(f64, f64)>,
    /// The right-hand side where it had to be scaled.
    pub(super) right: Vec<T>,
}

impl<T: Real> Workspace<T> {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Workspace { vectors: vec![], numbers: vec![], rotations: vec![], right: vec![] }
    }
}

/// `N` vectors of length n.
pub(super) fn split<T: Real, const N: usize>(vectors: &mut Vec<T>, n: usize) -> [&mut [T]; N] {
    if vectors.len() < N * n {
        vectors.resize(N * n, T::default());
    }
    let mut rest = &mut vectors[..N * n];
    std::array::from_fn(|_| {
        let (head, tail) = std::mem::take(&mut rest).split_at_mut(n);
        rest = tail;
        head
    })
}

/// An iterative solver of A x = b: its settings, `Send + Sync`, usable as an object.
pub trait LinearSolver<T: Real, E>: Debug + Send + Sync {
    /// The field's name of it.
    fn name(&self) -> &'static str;
    /// Numbers of type T in a workspace for vectors of length n.
    fn workspace_len(&self, n: usize) -> usize;
    /// Solves A x = b from the x given. Stops once ‖b − A x‖ ≤ tolerance·‖b‖, or the method's absolute tolerance if that is larger (for
    /// b = 0: x = 0).
    ///
    /// # Errors
    /// What the operator gives. How the solve itself ended is the outcome's status.
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E>;
}
