//! One measurement as a line of JSON: the fields that every peer prints.
use serde::{Deserialize, Serialize};

/// One measurement. Times in seconds, memory in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// The workload's name.
    pub workload: String,
    /// small, medium or large.
    pub size: String,
    /// A library, or a library and a variant of the program, `jax_sqrt`.
    pub peer: String,
    /// Versions of the libraries.
    pub version: String,
    /// Element type.
    pub dtype: String,
    /// Threads.
    pub threads: usize,
    /// Recording or tracing, differentiation, compiling or planning.
    pub setup_s: f64,
    /// The first call, which makes the workspace.
    pub first_s: f64,
    /// The median of the samples; each is the mean of `inner` calls.
    pub time_s: f64,
    /// The shortest sample.
    pub min_s: f64,
    /// The longest sample.
    pub max_s: f64,
    /// Samples.
    pub samples: usize,
    /// Calls in a sample.
    pub inner: usize,
    /// Growth of the resident set to its peak, over what it was when the data stood.
    pub peak_bytes: i64,
    /// Growth of the resident set to its peak in the first call.
    pub run_peak_bytes: i64,
    /// Σ v_i (1 + i mod 7) over the results in order.
    pub value: f64,
    /// What else there is to say: planned bytes, iterations.
    pub counts: serde_json::Value,
}

impl Line {
    /// Whether the line is one of ours.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.peer == "hypertape" || self.peer.starts_with("hypertape_")
    }
    /// Whether the peer differentiates by itself; the others are written by hand.
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        !self.peer.starts_with("numpy") && !self.peer.starts_with("sklearn")
    }
    /// |value − reference| / |reference|.
    #[must_use]
    pub fn deviation(&self, reference: f64) -> f64 {
        (self.value - reference).abs() / reference.abs()
    }
}
