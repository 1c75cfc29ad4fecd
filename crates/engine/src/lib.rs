//! Plans array programs and runs them: passes from a program to instructions over one arena, the kernels, and the executor.
//!
//! Internal to hypertape: what users need of it is in the facade. It knows nothing of recordings and of functions.
pub mod execute;
pub mod kernels;
pub mod plan;
