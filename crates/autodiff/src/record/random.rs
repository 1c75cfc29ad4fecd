//! Random numbers in a recording: pure functions of a key and a counter, so that a replay, a derivative and a loop run backwards see the same.
use crate::array::Real;
use crate::error::Site;
use crate::tape;
use crate::tape::Var;
use crate::tree::{Give, Leaf};

/// Normal numbers with mean 0 and variance 1.
///
/// The same key, counter and place in the array give the same number on every machine; another key or counter gives independent ones. The
/// key names a stream and is fixed; the counter is a number or a variable, such as the step of a loop or an input. No derivative.
///
/// ```
/// use hypertape_autodiff::{Function, index, record::{normal, scan}, shape};
/// // The mean of a random walk of 100 steps, whose seed is an input.
/// let walk = Function::record((shape![], index![]), |(start, seed)| {
///     scan(start, 100, |x, step| (x + 0.1 * normal(7, seed * 100 + step, shape![]), x)).1.mean()
/// })?;
/// assert_eq!(walk.eval((0.0, 3))?, walk.eval((0.0, 3))?);
/// assert_ne!(walk.eval((0.0, 3))?, walk.eval((0.0, 4))?);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[track_caller]
pub fn normal<T: Real>(key: u64, counter: impl Give<Leaf<u32>>, of: Leaf<T>) -> Var<T> {
    let at = Site::caller();
    let counter = counter.give().to_dyn();
    Var::from_dyn(tape::apply("normal", &[counter], at, |b, v| b.normal(key, v[0], of.leaf_type())))
}

/// Uniform numbers on [0, 1): a pure function of key and counter, as [`normal`]. No derivative.
#[track_caller]
pub fn uniform<T: Real>(key: u64, counter: impl Give<Leaf<u32>>, of: Leaf<T>) -> Var<T> {
    let at = Site::caller();
    let counter = counter.give().to_dyn();
    Var::from_dyn(tape::apply("uniform", &[counter], at, |b, v| b.uniform(key, v[0], of.leaf_type())))
}

/// Indices 0, …, below − 1 with equal probability: a pure function of key and counter, as [`normal`].
///
/// ```
/// use hypertape_autodiff::{Function, index, record::{random_index, scan}, shape};
/// // Ten mini-batches of 4 rows, drawn with replacement.
/// let f = Function::record(shape![50, 2], |x| scan((), 10, |(), step| ((), x.rows(random_index(1, step, index![4], 50)).mean())).1)?;
/// assert_eq!(f.eval(ndarray::Array2::ones((50, 2)))?.as_slice(), Some(&[1.0; 10][..]));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[track_caller]
pub fn random_index(key: u64, counter: impl Give<Leaf<u32>>, of: Leaf<u32>, below: u32) -> Var<u32> {
    let at = Site::caller();
    let counter = counter.give().to_dyn();
    Var::from_dyn(tape::apply("random_index", &[counter], at, |b, v| b.random_index(key, v[0], of.shape(), below)))
}
