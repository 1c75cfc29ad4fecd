//! Classes of labels: which there are, and which one each row has.
use crate::error::{Error, Result};
use ndarray::AsArray;
use std::cmp::Ordering;
use std::fmt::Display;

/// A label: a whole number, ±1 as f64, a bool, a text. Labels are ordered, and those that are not, like NaN, are refused.
pub trait Label: Copy + PartialOrd + Display {}

impl<T: Copy + PartialOrd + Display> Label for T {}

/// The classes in ascending order, and the number of each row's class among them.
///
/// ```
/// let (classes, numbers) = hypertape_data::class_numbers(&[1.0, -1.0, 1.0])?;
/// assert_eq!((classes, numbers), (vec![-1.0, 1.0], vec![1, 0, 1]));
/// # Ok::<(), hypertape_data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Nothing`] without labels, [`Error::NotFinite`] for a label that is not equal to itself.
pub fn class_numbers<'a, T: Label + 'a>(labels: impl AsArray<'a, T>) -> Result<(Vec<T>, Vec<usize>)> {
    let labels: Vec<T> = labels.into().iter().copied().collect();
    let classes = classes("class_numbers", "labels", &labels)?;
    let numbers = labels.iter().map(|label| number_of(&classes, *label).unwrap_or(0)).collect();
    Ok((classes, numbers))
}

/// The classes in ascending order, of at least one label.
pub(crate) fn classes<T: Label>(of: &'static str, what: &'static str, labels: &[T]) -> Result<Vec<T>> {
    if labels.is_empty() {
        return Err(Error::Nothing { of, what });
    }
    if let Some(index) = labels.iter().position(|x| x.partial_cmp(x).is_none()) {
        return Err(Error::NotFinite { of, what, index, value: labels[index].to_string() });
    }
    let mut classes = labels.to_vec();
    classes.sort_by(compare);
    classes.dedup_by(|a, b| a == b);
    Ok(classes)
}

/// The number of a class among those in ascending order.
pub(crate) fn number_of<T: Label>(classes: &[T], class: T) -> Option<usize> {
    classes.binary_search_by(|c| compare(c, &class)).ok().filter(|k| classes[*k] == class)
}

/// The classes in words.
pub(crate) fn in_words<T: Label>(classes: &[T]) -> String {
    const MOST: usize = 12;
    let mut words: Vec<String> = classes.iter().take(MOST).map(ToString::to_string).collect();
    if classes.len() > MOST {
        words.push(format!("… {} in all", classes.len()));
    }
    words.join(", ")
}

fn compare<T: Label>(a: &T, b: &T) -> Ordering {
    a.partial_cmp(b).unwrap_or(Ordering::Equal)
}
