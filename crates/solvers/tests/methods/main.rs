//! Methods, proximal operators and linear operators: known solutions, derivatives, scales.
mod method_scales;
mod methods;
mod operators;
mod prox;
mod prox_scales;
mod prox_switching;
#[path = "../support/mod.rs"]
mod support;
mod unroll;
