//! Searches: they ask for values alone, at one point of a box after the other, and keep the best. One file for each.
mod grid;
mod random;

pub use grid::GridSearch;
pub use random::RandomSearch;

use crate::domain::Bounds;
use crate::estimator::{Ask, Oracle};
use crate::record::Record;
use crate::state::State;
use hypertape_autodiff::{Error, ErrorKind, Result};

/// A search: where to look next, as a function of what was seen. See [`Run::search`](crate::Run::search).
///
/// Its settings never change, and the same trials give the same next one, so that a run that goes on makes the same steps. Its `Debug` text is all of its settings, by which a run knows its own files.
pub trait Search: std::fmt::Debug {
    /// The field's name of it.
    fn name(&self) -> String;
    /// What is wrong with its settings for a box.
    ///
    /// # Errors
    /// Settings that cannot work.
    fn check(&self, bounds: &[Bounds]) -> Result<(), ErrorKind>;
    /// The trials of a run that is not told otherwise.
    fn count(&self, bounds: &[Bounds]) -> u64;
    /// The next point, from all trials before.
    ///
    /// # Errors
    /// No point is left.
    fn next(&self, bounds: &[Bounds], trials: Trials<'_>) -> Result<Vec<f64>>;
}

/// A search that is chosen at run time.
impl<A: Search + ?Sized> Search for Box<A> {
    fn name(&self) -> String {
        (**self).name()
    }
    fn check(&self, bounds: &[Bounds]) -> Result<(), ErrorKind> {
        (**self).check(bounds)
    }
    fn count(&self, bounds: &[Bounds]) -> u64 {
        (**self).count(bounds)
    }
    fn next(&self, bounds: &[Bounds], trials: Trials<'_>) -> Result<Vec<f64>> {
        (**self).next(bounds, trials)
    }
}

/// Trials that failed: their numbers, and why.
pub(crate) type Failed = Vec<(u64, Error)>;

/// Points that were tried, and the outer objective there: ∞ where a trial failed.
#[derive(Debug, Clone, Copy)]
pub struct Trials<'a> {
    /// The points, in the order in which they were tried.
    pub points: &'a [Vec<f64>],
    /// The values.
    pub values: &'a [f64],
}

/// One trial. A state holds all of them, in `vectors` and `numbers`, and the best point is where it stands. A trial that fails has the value ∞.
pub(crate) fn step(
    search: &dyn Search,
    oracle: &mut dyn Oracle,
    bounds: &[Bounds],
    state: &mut State,
    failed: &mut Failed,
) -> Result<Record> {
    let fits = state.vectors.len() == state.numbers.len() && state.vectors.iter().all(|p| p.len() == bounds.len());
    if !fits {
        let problem = "the state holds no trials; go on from a state that a search has left".to_string();
        return Err(Error::new(search.name(), ErrorKind::Other(problem)));
    }
    let point = search.next(bounds, Trials { points: &state.vectors, values: &state.numbers })?;
    let inside = point.len() == bounds.len() && point.iter().zip(bounds).all(|(x, b)| (b.low..=b.high).contains(x));
    if !inside {
        let problem = format!("the point {point:?} is not in the box; give one that is");
        return Err(Error::new(search.name(), ErrorKind::Other(problem)));
    }
    let made = oracle.value(&point, &mut state.memory, Ask::default()).and_then(|e| {
        let wrong = || ErrorKind::NotFinite { what: "the outer objective".into(), index: vec![], value: e.value };
        if e.value.is_finite() { Ok(e) } else { Err(Error::new(search.name(), wrong())) }
    });
    let e = match made {
        Ok(e) => e,
        Err(source) => {
            failed.push((state.steps, source));
            state.vectors.push(point);
            state.numbers.push(f64::INFINITY);
            return Ok(Record { value: f64::INFINITY, gradient: f64::NAN, ..Record::default() });
        }
    };
    let least = state.numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let mut moved = 0.0;
    if e.value < least || state.numbers.is_empty() {
        let way: Vec<f64> = point.iter().zip(&state.free).map(|(a, b)| a - b).collect();
        moved = hypertape_linear::norm(&way);
        state.free.clone_from(&point);
        state.value = Some(e.value);
    }
    state.vectors.push(point);
    state.numbers.push(e.value);
    Ok(Record { moved, gradient: f64::NAN, ..Record::of(&e) })
}
