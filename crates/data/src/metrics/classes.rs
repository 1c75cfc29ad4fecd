//! Measures of predicted classes: accuracy, and what the confusion matrix holds.
use crate::error::{Error, Result};
use crate::labels::{Label, classes, in_words, number_of};
use ndarray::{Array2, ArrayView1, AsArray};

/// The share of labels that are predicted.
///
/// # Errors
/// [`Error::Shapes`], [`Error::Nothing`], [`Error::NotFinite`] for a label like NaN.
pub fn accuracy<'a, T: Label + 'a>(truth: impl AsArray<'a, T>, predicted: impl AsArray<'a, T>) -> Result<f64> {
    let (truth, predicted) = (truth.into(), predicted.into());
    check("accuracy", truth, predicted)?;
    let right = truth.iter().zip(predicted).filter(|(t, p)| t == p).count();
    Ok(right as f64 / truth.len() as f64)
}

fn check<T: Label>(of: &'static str, truth: ArrayView1<'_, T>, predicted: ArrayView1<'_, T>) -> Result<()> {
    if truth.len() != predicted.len() {
        return Err(Error::Shapes { of, left: truth.shape().to_vec(), right: predicted.shape().to_vec() });
    }
    if truth.is_empty() {
        return Err(Error::Nothing { of, what: "labels" });
    }
    for (what, labels) in [("true labels", truth), ("predicted labels", predicted)] {
        if let Some(index) = labels.iter().position(|x| x.partial_cmp(x).is_none()) {
            return Err(Error::NotFinite { of, what, index, value: labels[index].to_string() });
        }
    }
    Ok(())
}

/// How often each true class was predicted as each class.
///
/// ```
/// use hypertape_data::metrics::Confusion;
/// let confusion = Confusion::new(&[1, 1, 1, 0, 0], &[1, 1, 0, 1, 0])?;
/// assert_eq!(confusion.counts, ndarray::arr2(&[[1, 1], [1, 2]]));
/// assert_eq!(confusion.precision(1)?, 2.0 / 3.0);
/// assert_eq!(confusion.recall(0)?, 1.0 / 2.0);
/// # Ok::<(), hypertape_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Confusion<T> {
    /// All classes that are true or predicted somewhere, in ascending order.
    pub classes: Vec<T>,
    /// The number of labels of a true class (row) that were predicted as a class (column).
    pub counts: Array2<usize>,
}

impl<T: Label> Confusion<T> {
    /// Counts.
    ///
    /// # Errors
    /// [`Error::Shapes`], [`Error::Nothing`], [`Error::NotFinite`] for a label like NaN.
    pub fn new<'a>(truth: impl AsArray<'a, T>, predicted: impl AsArray<'a, T>) -> Result<Self>
    where
        T: 'a,
    {
        let (truth, predicted) = (truth.into(), predicted.into());
        check("Confusion::new", truth, predicted)?;
        let all: Vec<T> = truth.iter().chain(predicted).copied().collect();
        let classes = classes("Confusion::new", "labels", &all)?;
        let mut counts = Array2::zeros((classes.len(), classes.len()));
        for (t, p) in truth.iter().zip(predicted) {
            if let (Some(t), Some(p)) = (number_of(&classes, *t), number_of(&classes, *p)) {
                counts[[t, p]] += 1;
            }
        }
        Ok(Confusion { classes, counts })
    }
    /// The share of labels that are predicted.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.counts.diag().sum() as f64 / self.counts.sum() as f64
    }
    /// Of what was predicted as the class, the share that is of it: TP / (TP + FP).
    ///
    /// # Errors
    /// [`Error::NoClass`]; [`Error::Undefined`] where nothing was predicted as the class.
    pub fn precision(&self, class: T) -> Result<f64> {
        let k = self.number("precision", class)?;
        self.ratio("precision", k, self.counts.column(k).sum(), "nothing was predicted as it; leave it out, or look at f1")
    }
    /// Of the labels of the class, the share that was predicted: TP / (TP + FN).
    ///
    /// # Errors
    /// [`Error::NoClass`]; [`Error::Undefined`] where no label is of the class.
    pub fn recall(&self, class: T) -> Result<f64> {
        let k = self.number("recall", class)?;
        self.ratio("recall", k, self.counts.row(k).sum(), "no label is of it; leave it out, or look at f1")
    }
    /// The harmonic mean of both, 2 TP / (2 TP + FP + FN), which is defined for every class (van Rijsbergen, 1979).
    ///
    /// # Errors
    /// [`Error::NoClass`].
    pub fn f1(&self, class: T) -> Result<f64> {
        self.number("f1", class).map(|k| self.f1_of(k))
    }
    /// The mean of the precision over all classes, each with the same weight.
    ///
    /// # Errors
    /// [`Error::Undefined`] where nothing was predicted as one of them.
    pub fn macro_precision(&self) -> Result<f64> {
        self.mean(|class| self.precision(class))
    }
    /// The mean of the recall over all classes, each with the same weight: the balanced accuracy.
    ///
    /// # Errors
    /// [`Error::Undefined`] where no label is of one of them.
    pub fn macro_recall(&self) -> Result<f64> {
        self.mean(|class| self.recall(class))
    }
    /// The mean of f1 over all classes, each with the same weight.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        (0..self.classes.len()).map(|k| self.f1_of(k)).sum::<f64>() / self.classes.len() as f64
    }

    fn f1_of(&self, k: usize) -> f64 {
        let seen = self.counts.row(k).sum() + self.counts.column(k).sum();
        2.0 * self.counts[[k, k]] as f64 / seen as f64
    }

    fn mean(&self, of: impl Fn(T) -> Result<f64>) -> Result<f64> {
        let all: Vec<f64> = self.classes.iter().map(|class| of(*class)).collect::<Result<_>>()?;
        Ok(all.iter().sum::<f64>() / all.len() as f64)
    }

    fn number(&self, of: &'static str, class: T) -> Result<usize> {
        let unknown = || Error::NoClass { of, class: class.to_string(), classes: in_words(&self.classes) };
        number_of(&self.classes, class).ok_or_else(unknown)
    }

    fn ratio(&self, of: &'static str, k: usize, whole: usize, because: &'static str) -> Result<f64> {
        if whole == 0 {
            return Err(Error::Undefined { of, what: format!("class {}", self.classes[k]), because });
        }
        Ok(self.counts[[k, k]] as f64 / whole as f64)
    }
}
