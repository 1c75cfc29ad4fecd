//! A solver at rest is not taken for a constant.
