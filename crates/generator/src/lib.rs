//! Random programs over the whole public surface, held against an evaluation that shares nothing with the engine.
//!
//! A program is data ([`language`]), drawn from a seed and a case number ([`draw`]). The [`reference`](mod@reference) evaluates it by plain loops over numbers
//! that carry exact first and second derivatives; the [`door`] records it as a user would. [`check`] compares values, derivatives, transposes,
//! reruns and thread counts, and tells rounding, chaos, poles and kinks from faults; [`shrink`] makes a failing program small; [`many`] runs
//! as many cases as asked.

pub mod check;
pub mod door;
pub mod draw;
pub mod language;
pub mod many;
pub mod reference;
pub mod shrink;
