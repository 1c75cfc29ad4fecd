//! What a run evaluates, counted by kind and phase: the currency in which methods are compared.
use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign, Sub};

/// Evaluations by kind: those that really ran, where nothing else is said. What an evaluation took that failed is in no count, and neither is a step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calls {
    /// Gradients of the inner objective, with or without its value, or evaluations of the inner map or of the inner equation; those of line searches too, and those by which a solution is judged.
    pub gradients: u64,
    /// Products with the inner Hessian, or with the Jacobian of the inner equation by the solution, of either side; those from which a direct solver forms its matrix too. A product on the active set
    /// alone counts as one, and the search for that set, which runs no product with matrices, as none.
    pub products: u64,
    /// Products with the derivative of the inner equation by the outer variables. Recordings do not tell them apart from the rest of the way back: of [`Recorded`](crate::Recorded) they are not known, and 0 here.
    pub crosses: u64,
    /// Proximal operators.
    pub proxes: u64,
    /// Rows of mini-batches, for whatever they were read.
    pub samples: u64,
}

impl Calls {
    /// Gradients and products: what is compared where one costs about as much as the other.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.gradients + self.products
    }
    fn zip(self, o: Calls, f: impl Fn(u64, u64) -> u64) -> Calls {
        Calls {
            gradients: f(self.gradients, o.gradients),
            products: f(self.products, o.products),
            crosses: f(self.crosses, o.crosses),
            proxes: f(self.proxes, o.proxes),
            samples: f(self.samples, o.samples),
        }
    }
}

impl Add for Calls {
    type Output = Calls;
    fn add(self, o: Calls) -> Calls {
        self.zip(o, u64::saturating_add)
    }
}

impl Sub for Calls {
    type Output = Calls;
    fn sub(self, o: Calls) -> Calls {
        self.zip(o, u64::saturating_sub)
    }
}

/// Evaluations by phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Phases {
    /// Finding the inner solution.
    pub inner: Calls,
    /// The derivative of it: adjoint solves, or the way back through unrolled steps.
    pub adjoint: Calls,
    /// Values and gradients of the outer objective.
    pub outer: u64,
}

impl Phases {
    /// Gradients and products of both phases.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.inner.total() + self.adjoint.total()
    }
}

impl AddAssign for Phases {
    fn add_assign(&mut self, o: Phases) {
        *self = Phases { inner: self.inner + o.inner, adjoint: self.adjoint + o.adjoint, outer: self.outer.saturating_add(o.outer) };
    }
}
