//! Cross-validation: every row is tested on once (Stone, 1974).
use super::Split;
use super::halves::{members, permutation};
use crate::error::{Error, Result};
use crate::labels::Label;
use crate::random::Stream;
use ndarray::AsArray;

/// k splits of rows in random order: each row is in one test part, and the sizes of test parts differ by at most one.
///
/// # Errors
/// [`Error::Setting`] for fewer than two folds, [`Error::FewRows`] for fewer rows than folds.
pub fn k_folds(rows: usize, folds: usize, key: u64) -> Result<Vec<Split>> {
    const OF: &str = "k_folds";
    check(OF, folds)?;
    if rows < folds {
        return Err(Error::FewRows { of: OF, rows, class: String::new(), needed: folds });
    }
    Ok(dealt(&permutation(rows, key), folds))
}

/// k splits in which each test part has each class as often as any other, up to one row. Sizes of test parts differ by at most one.
///
/// # Errors
/// [`Error::Setting`] for fewer than two folds, [`Error::FewRows`] for a class of fewer rows than folds, [`Error::Nothing`], [`Error::NotFinite`] for a
/// label like NaN.
pub fn stratified_k_folds<'a, T: Label + 'a>(labels: impl AsArray<'a, T>, folds: usize, key: u64) -> Result<Vec<Split>> {
    const OF: &str = "stratified_k_folds";
    check(OF, folds)?;
    let labels: Vec<T> = labels.into().iter().copied().collect();
    let (_, mut members) = members(OF, &labels, folds)?;
    for (k, rows) in members.iter_mut().enumerate() {
        Stream::new(Stream::key_of(key, k as u64)).shuffle(rows);
    }
    // Dealt out class after class: neighbours go to different folds.
    Ok(dealt(&members.concat(), folds))
}

fn check(of: &'static str, folds: usize) -> Result<()> {
    if folds < 2 {
        return Err(Error::Setting { of, what: "the number of folds", value: folds as f64, range: "at least 2" });
    }
    Ok(())
}

/// Rows dealt out to the test parts in turn.
fn dealt(order: &[usize], folds: usize) -> Vec<Split> {
    let part = |fold: usize, test: bool| {
        let chosen = order.iter().enumerate().filter(|(k, _)| (k % folds == fold) == test);
        chosen.map(|(_, row)| *row).collect()
    };
    (0..folds).map(|fold| Split { train: part(fold, false), test: part(fold, true) }).collect()
}
