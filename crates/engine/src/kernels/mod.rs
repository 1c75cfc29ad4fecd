//! Numeric kernels: pure functions on slices that allocate nothing.
//!
//! Operands are whole storages with a [`Layout`](hypertape_ir::array::Layout); outputs never alias inputs. Loops are compiled once per
//! instruction set and chosen at run time. Big work is split by size, never by thread count, so results have the same bits for any
//! number of threads.
pub(crate) mod cast;
pub(crate) mod compiled;
pub mod contract;
pub mod convolution;
pub(crate) mod copy;
pub(crate) mod dense;
pub mod finite;
pub(crate) mod fold;
pub(crate) mod group;
pub(crate) mod halves;
pub(crate) mod math;
pub(crate) mod named;
pub(crate) mod norm;
pub(crate) mod one;
pub(crate) mod parts;
pub(crate) mod sampled;
pub(crate) mod sparse;
pub(crate) mod stream;

mod added;
mod axes;
mod codes;
mod elementary;
mod gemm;
mod isa;
pub(crate) mod join;
mod machine_code;
mod many;
mod matvec;
mod pipelined;
mod row_sums;
mod step;
mod tile;
mod vector;

pub use gemm::make_packing_buffers;

#[cfg(test)]
mod tests;
