//! The default tolerance of an adjoint solve is one that rounding allows.
