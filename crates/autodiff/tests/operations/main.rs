//! Operations and what is composed of them: values, derivatives of every kind, conventions, storage.
mod batched;
mod compositions;
mod conformance;
mod conventions;
mod convolution;
mod dense_derivatives;
mod diagonals;
mod gamma;
mod indexing;
mod items;
mod linalg;
mod loops;
mod methods;
mod sparse;
mod sparse_derivatives;
mod storage;
#[path = "../support/mod.rs"]
mod support;
mod switching;
mod twice;
