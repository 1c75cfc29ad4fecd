//! Sums in single precision keep their precision.
