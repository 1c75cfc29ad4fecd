//! One split in two, at random or class by class.
use super::Split;
use crate::error::{Error, Result};
use crate::labels::{Label, classes, number_of};
use crate::random::Stream;
use ndarray::AsArray;

/// The numbers below `rows` in an order that the key gives.
#[must_use]
pub fn permutation(rows: usize, key: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    Stream::new(key).shuffle(&mut order);
    order
}

/// Splits rows at random, with a share of them to test on, rounded to whole rows, but at least one row in each part. Both are in random order.
///
/// # Errors
/// [`Error::Setting`] for a share that is not between 0 and 1, [`Error::FewRows`] for fewer than two rows.
pub fn train_test_split(rows: usize, test_share: f64, key: u64) -> Result<Split> {
    let test_rows = test_rows("train_test_split", rows, test_share)?;
    let mut train = permutation(rows, key);
    let test = train.split_off(rows - test_rows);
    Ok(Split { train, test })
}

fn test_rows(of: &'static str, rows: usize, share: f64) -> Result<usize> {
    if !(share > 0.0 && share < 1.0) {
        return Err(Error::Setting { of, what: "the share of rows to test on", value: share, range: "more than 0 and less than 1" });
    }
    if rows < 2 {
        return Err(Error::FewRows { of, rows, class: String::new(), needed: 2 });
    }
    Ok(((share * rows as f64).round() as usize).clamp(1, rows - 1))
}

/// Splits rows at random so that each class has its share among those to test on, up to less than one row; all classes together have the share of
/// [`train_test_split`]. The rows that are left by rounding go to the classes with the largest remainders (Hamilton's method), ties to the first.
///
/// # Errors
/// Those of [`train_test_split`]; [`Error::FewRows`] for a class of a single row, [`Error::NotFinite`] for a label like NaN.
pub fn stratified_split<'a, T: Label + 'a>(labels: impl AsArray<'a, T>, test_share: f64, key: u64) -> Result<Split> {
    const OF: &str = "stratified_split";
    let labels: Vec<T> = labels.into().iter().copied().collect();
    let total = test_rows(OF, labels.len(), test_share)?;
    let (classes, mut members) = members(OF, &labels, 2)?;
    let exact: Vec<f64> = members.iter().map(|m| test_share * m.len() as f64).collect();
    // A share below 1 of m rows is at most m − 1 whole rows, also where the product rounds to m.
    let mut counts: Vec<usize> = exact.iter().zip(&members).map(|(x, m)| (x.floor() as usize).min(m.len() - 1)).collect();
    let mut by_remainder: Vec<usize> = (0..classes.len()).collect();
    by_remainder.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()));
    let left = total.saturating_sub(counts.iter().sum());
    by_remainder.iter().take(left).for_each(|k| counts[*k] += 1);
    let mut split = Split { train: vec![], test: vec![] };
    for (k, rows) in members.iter_mut().enumerate() {
        Stream::new(Stream::key_of(key, k as u64)).shuffle(rows);
        split.test.extend_from_slice(&rows[..counts[k]]);
        split.train.extend_from_slice(&rows[counts[k]..]);
    }
    let mut stream = Stream::new(key);
    stream.shuffle(&mut split.train);
    stream.shuffle(&mut split.test);
    Ok(split)
}

/// The classes, and the rows of each, at least so many.
pub(super) fn members<T: Label>(of: &'static str, labels: &[T], needed: usize) -> Result<(Vec<T>, Vec<Vec<usize>>)> {
    let classes = classes(of, "labels", labels)?;
    let mut members = vec![vec![]; classes.len()];
    for (row, label) in labels.iter().enumerate() {
        if let Some(k) = number_of(&classes, *label) {
            members[k].push(row);
        }
    }
    match members.iter().position(|m| m.len() < needed) {
        Some(k) => Err(Error::FewRows { of, rows: members[k].len(), class: format!(" of class {}", classes[k]), needed }),
        None => Ok((classes, members)),
    }
}
