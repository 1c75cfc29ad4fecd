//! What the examples share.

pub mod chart;
pub mod digits;
pub mod softmax_regression;
