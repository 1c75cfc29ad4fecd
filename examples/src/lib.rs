//! What the examples share.

pub mod chart;
pub mod digits;
pub mod early_stop;
pub mod fit;
pub mod folder;
pub mod hypergradients;
pub mod newsgroups;
pub mod penalty;
pub mod softmax_regression;
pub mod stopped;
pub mod tiles;
