//! Large entries do not cancel in the threshold of a projection.
