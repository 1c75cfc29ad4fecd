//! Step sizes: a number, a variable, one for each iteration, or a rule of the counter.
use crate::handles;
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::array::Real;
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{DynVar, Scalar, Var};

/// A step size: a number, a variable, one value for each iteration, or a rule of the counter (from 0).
///
/// Variables belong to the recording that is open, and are differentiated.
///
/// ```
/// use hypertape_solvers::Step;
/// let fixed: Step = 0.1.into();
/// let decaying = Step::rule(|k| 0.5 / (1.0 + k));
/// # let _ = (fixed, decaying);
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// The same in every iteration.
    Fixed(Scalar),
    /// A vector: entry k in iteration k.
    Each(DynVar),
    /// Computed from the counter.
    Rule(fn(Var) -> Var),
}

impl<T: Into<Scalar>> From<T> for Step {
    fn from(v: T) -> Self {
        Step::Fixed(v.into())
    }
}

impl Step {
    /// One entry of a vector for each iteration.
    #[must_use]
    pub fn each<T: Real>(v: Var<T>) -> Step {
        Step::Each(v.to_dyn())
    }
    /// A rule of the counter, which counts from 0.
    #[must_use]
    pub fn rule(f: fn(Var) -> Var) -> Step {
        Step::Rule(f)
    }
    /// The step of iteration k: an error when it runs, if a variable, an entry or what a rule gives is not finite and positive.
    #[track_caller]
    #[must_use]
    pub fn now(&self, k: Var<u32>) -> Scalar {
        self.now_of("step size", k)
    }
    /// The step of iteration 0, which stands in optimality maps and stopping measures.
    #[track_caller]
    #[must_use]
    pub fn first(&self) -> Scalar {
        self.first_of("step size")
    }
    /// [`now`](Step::now) under another name.
    #[track_caller]
    pub(crate) fn now_of(&self, name: &str, k: Var<u32>) -> Scalar {
        match self {
            Step::Fixed(s) => positive(name, *s),
            Step::Each(v) => Scalar::Var(handles::entry(handles::require_dyn(name, name, *v, Condition::Positive), k)),
            Step::Rule(f) => positive(name, f(k.real()).into()),
        }
    }
    /// [`first`](Step::first) under another name.
    #[track_caller]
    pub(crate) fn first_of(&self, name: &str) -> Scalar {
        match self {
            Step::Fixed(s) => positive(name, *s),
            Step::Each(v) => {
                Scalar::Var(handles::reshape(handles::rows(handles::require_dyn(name, name, *v, Condition::Positive), 0, 1), &[]))
            }
            Step::Rule(f) => positive(name, f(hypertape_autodiff::record::scalar(0.0)).into()),
        }
    }
    /// The number that it is in every iteration, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Step::Fixed(Scalar::Value(v)) => Some(*v),
            _ => None,
        }
    }
    /// What is wrong with it; `steps` is the number of iterations where it is known.
    ///
    /// # Errors
    /// A number that is not finite and positive, or fewer entries than iterations.
    pub fn check(&self, name: &str, steps: Option<usize>) -> Result<(), ErrorKind> {
        match self {
            Step::Fixed(Scalar::Value(v)) if !(v.is_finite() && *v > 0.0) => {
                Err(ErrorKind::setting(name, *v, "give a finite positive number, or a variable"))
            }
            Step::Fixed(Scalar::Var(v)) => match v.leaf_type() {
                Some(t) if !t.shape.is_empty() => {
                    Err(format!("the {name} is {t}; give one number, or one for each iteration with `Step::each`").into())
                }
                _ => Ok(()),
            },
            Step::Each(v) => match (v.leaf_type(), steps) {
                (Some(t), _) if t.shape.len() != 1 => {
                    Err(format!("the {name} of each iteration is {t}; give a vector with one entry an iteration").into())
                }
                (Some(t), Some(n)) if t.shape[0] < n => {
                    Err(ErrorKind::TooFewEntries { what: name.into(), entries: t.shape[0], iterations: n })
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

#[track_caller]
fn positive(name: &str, s: Scalar) -> Scalar {
    handles::setting(name, name, s, Condition::Positive)
}
