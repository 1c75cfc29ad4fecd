//! Negative definite systems are solved by the methods for positive definite ones.
