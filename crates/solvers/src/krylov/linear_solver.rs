//! What the linear solvers share: the operator, the workspace, the interface.
use super::outcome::{Outcome, Status};
use super::vectors::{from_right, norm};
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
}

impl<T: Real> Workspace<T> {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Workspace { vectors: vec![], numbers: vec![], rotations: vec![] }
    }
    /// `N` vectors of length n.
    pub(super) fn split<const N: usize>(&mut self, n: usize) -> [&mut [T]; N] {
        if self.vectors.len() < N * n {
            self.vectors.resize(N * n, T::default());
        }
        let mut rest = &mut self.vectors[..N * n];
        std::array::from_fn(|_| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(n);
            rest = tail;
            head
        })
    }
}

/// An iterative solver of A x = b: its settings, `Send + Sync`, usable as an object.
pub trait LinearSolver<T: Real, E>: Debug + Send + Sync {
    /// The field's name of it.
    fn name(&self) -> &'static str;
    /// Numbers of type T in a workspace for vectors of length n.
    fn workspace_len(&self, n: usize) -> usize;
    /// Solves A x = b from the x given. Stops once ‖b − A x‖ ≤ tolerance·‖b‖ (for b = 0: x = 0).
    ///
    /// # Errors
    /// What the operator gives. How the solve itself ended is the outcome's status.
    fn solve(&self, a: &mut dyn Map<T, E>, b: &[T], x: &mut [T], tolerance: f64, work: &mut Workspace<T>) -> Result<Outcome, E>;
}

/// b = 0 has the solution 0; and x and b have one length.
pub(super) fn trivial<T: Real>(b: &[T], x: &mut [T]) -> Option<Outcome> {
    if b.len() != x.len() {
        let status = Status::Breakdown("the vectors b and x differ in length");
        return Some(Outcome { iterations: 0, residual: f64::NAN, relative: f64::NAN, status });
    }
    if b.iter().all(|b| *b == T::default()) {
        x.fill(T::default());
        return Some(Outcome { iterations: 0, residual: 0.0, relative: 0.0, status: Status::Converged });
    }
    None
}

/// The outcome at x: the true residual, through scratch. A status other than `Converged` stands only where the residual does not refute it.
pub(super) fn outcome<T: Real, E>(
    a: &mut dyn Map<T, E>,
    b: &[T],
    x: &[T],
    scratch: &mut [T],
    iterations: usize,
    tolerance: f64,
    status: Status,
) -> Result<Outcome, E> {
    a.apply(x, scratch)?;
    from_right(b, scratch);
    let (residual, size) = (norm(scratch), norm(b));
    let relative = if size > 0.0 { residual / size } else { residual };
    let status = match status {
        Status::NotSymmetric => status,
        _ if relative <= tolerance => Status::Converged,
        Status::Converged => Status::IterationLimit,
        _ if !residual.is_finite() => Status::Diverged,
        other => other,
    };
    Ok(Outcome { iterations, residual, relative, status })
}
