//! What the examples share.

pub mod archive;
pub mod characters;
pub mod chart;
pub mod digits;
pub mod early_stop;
pub mod fit;
pub mod folder;
pub mod hypergradients;
pub mod images;
pub mod mnist;
pub mod newsgroups;
pub mod penalty;
pub mod softmax_regression;
pub mod stopped;
pub mod tiles;
