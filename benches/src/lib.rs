//! The workloads that hypertape is timed on, each written as a user would write it, with deterministic data.

pub mod growth;
pub mod limits;
pub mod line;
pub mod measure;
pub mod precision;
pub mod table;
pub mod workloads;
