//! All that a run hands from one outer step to the next.
use crate::calls::Phases;
use crate::estimator::Memory;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// Where a run stands. With the same settings, a run that goes on from it makes the same steps to the last bit.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// The loop that made it: another one takes over the variables and what the estimator keeps, and nothing else.
    pub of: String,
    /// Outer steps made.
    pub steps: u64,
    /// The variables that the loop moves: the outer variables, or their logarithms where they are positive.
    #[serde(with = "bits")]
    pub free: Vec<f64>,
    /// What the estimator keeps.
    pub memory: Memory,
    /// Vectors of the loop: moments, directions, averages.
    #[serde(with = "all_bits")]
    pub vectors: Vec<Vec<f64>>,
    /// Vectors of the loop of which a step changes few, such as the last directions of every part of the data. Copies of a state share them.
    #[serde(with = "shared_bits")]
    pub table: Vec<Arc<Vec<f64>>>,
    /// Numbers of the loop: step sizes, tolerances, the last value.
    #[serde(with = "bits")]
    pub numbers: Vec<f64>,
    /// The outer objective at `free`, where the loop has evaluated it there; then `memory` has the inner solution at `free`. That of MAID is corrected to first order.
    #[serde(with = "maybe")]
    pub value: Option<f64>,
    /// The length of the hypergradient before the last step, as its record has it: what a tolerance ends a run by.
    #[serde(with = "maybe")]
    pub gradient: Option<f64>,
    /// What was evaluated in all steps.
    pub phases: Phases,
    /// Where the objective that is held out was least, if there is one.
    pub best: Option<Box<Best>>,
}

/// The least value of an objective that is held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The value, which is finite.
    #[serde(with = "one")]
    pub value: f64,
    /// The step that began there.
    pub step: u64,
    /// The state there: the outer variables, the inner solution at these, and what the loop kept before this step.
    pub state: State,
}

/// Its sizes: the vectors may be long, and an error may hold it.
impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("steps", &self.steps)
            .field("outer_variables", &self.free.len())
            .field("inner_variables", &self.memory.solution.len())
            .field("draws", &self.memory.draws)
            .field("vectors", &self.vectors.len())
            .field("table", &self.table.len())
            .finish_non_exhaustive()
    }
}

/// Doubles as the integers of their bits: JSON has no infinity, and no bit may change.
pub(crate) mod bits {
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    pub(crate) fn serialize<S: Serializer>(v: &[f64], s: S) -> Result<S::Ok, S::Error> {
        v.iter().map(|v| v.to_bits()).collect::<Vec<u64>>().serialize(s)
    }
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<u64>::deserialize(d)?.into_iter().map(f64::from_bits).collect())
    }
}

mod one {
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(super) fn serialize<S: Serializer>(v: &f64, s: S) -> Result<S::Ok, S::Error> {
        v.to_bits().serialize(s)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        Ok(f64::from_bits(u64::deserialize(d)?))
    }
}

mod maybe {
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    #[allow(clippy::ref_option)] // As serde calls it.
    pub(super) fn serialize<S: Serializer>(v: &Option<f64>, s: S) -> Result<S::Ok, S::Error> {
        v.map(f64::to_bits).serialize(s)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<u64>::deserialize(d)?.map(f64::from_bits))
    }
}

mod all_bits {
    use super::{Deserialize, Deserializer, Serialize, Serializer};
    pub(super) fn serialize<S: Serializer, V: std::ops::Deref<Target: AsRef<[f64]>>>(v: &[V], s: S) -> Result<S::Ok, S::Error> {
        v.iter().map(|v| (**v).as_ref().iter().map(|v| v.to_bits()).collect()).collect::<Vec<Vec<u64>>>().serialize(s)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Vec<f64>>, D::Error> {
        Ok(Vec::<Vec<u64>>::deserialize(d)?.into_iter().map(|v| v.into_iter().map(f64::from_bits).collect()).collect())
    }
}

mod shared_bits {
    use super::{Arc, Deserializer, Serializer, all_bits};
    pub(super) fn serialize<S: Serializer>(v: &[Arc<Vec<f64>>], s: S) -> Result<S::Ok, S::Error> {
        all_bits::serialize(v, s)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Arc<Vec<f64>>>, D::Error> {
        Ok(all_bits::deserialize(d)?.into_iter().map(Arc::new).collect())
    }
}
