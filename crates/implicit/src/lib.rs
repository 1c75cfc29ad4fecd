//! Implicit differentiation of roots, fixed points and minimisers.
