//! Squares do not leave the range: norms, and what is divided by them, at every scale.
