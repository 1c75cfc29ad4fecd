//! What the examples share.

pub mod chart;
pub mod digits;
pub mod early_stop;
pub mod hypergradients;
pub mod softmax_regression;
pub mod stopped;
