//! Nested arrays compared to a tolerance, by the traits and macros of `approx`.
use super::{Arrays, Feed};
use crate::array::AnyArray;
use approx::{AbsDiffEq, RelativeEq};

/// The leaves of nested arrays, in order: what `approx::assert_relative_eq!` and `assert_abs_diff_eq!` compare.
///
/// Leaves are equal within a tolerance when their types agree and so does each pair of elements. Index leaves must be equal.
///
/// ```
/// use approx::assert_relative_eq;
/// use hypertape_autodiff::{Function, shape, tree::leaves};
/// let f = Function::record((shape![3], shape![]), |(x, a)| (a * x.square()).sum())?;
/// let gradient = f.gradient((&ndarray::arr1(&[1.0, 2.0, 3.0]), 0.1))?;
/// let expected = (ndarray::arr1(&[0.2, 0.4, 0.6]).into_dyn(), ndarray::arr0(14.0).into_dyn());
/// assert_relative_eq!(leaves(&gradient), leaves(&expected), max_relative = 1e-15);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Leaves(Vec<AnyArray>);

/// The leaves of nested arrays, to be compared; see [`Leaves`].
pub fn leaves<A: Arrays + Feed<A::Structure>>(arrays: &A) -> Leaves {
    let mut all = vec![];
    arrays.feed(&mut |v| all.push(v.to_owned()));
    Leaves(all)
}

impl Leaves {
    fn agree(&self, other: &Self, close: impl Fn(f64, f64) -> bool) -> bool {
        let pair = |(a, b): (&AnyArray, &AnyArray)| {
            let elements = || a.to_f64().into_iter().zip(b.to_f64());
            a.leaf_type() == b.leaf_type() && if a.kind().is_real() { elements().all(|(a, b)| close(a, b)) } else { a == b }
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(pair)
    }
}

impl AbsDiffEq for Leaves {
    type Epsilon = f64;
    fn default_epsilon() -> f64 {
        f64::default_epsilon()
    }
    fn abs_diff_eq(&self, other: &Self, epsilon: f64) -> bool {
        self.agree(other, |a, b| a.abs_diff_eq(&b, epsilon))
    }
}

impl RelativeEq for Leaves {
    fn default_max_relative() -> f64 {
        f64::default_max_relative()
    }
    fn relative_eq(&self, other: &Self, epsilon: f64, max_relative: f64) -> bool {
        self.agree(other, |a, b| a.relative_eq(&b, epsilon, max_relative))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::{assert_abs_diff_eq, assert_relative_eq, assert_relative_ne};
    use ndarray::{arr0, arr1};

    #[test]
    fn nested_arrays_are_compared_element_by_element() {
        let a = (arr1(&[1.0, 2.0]).into_dyn(), (arr0(3.0_f32).into_dyn(), arr1(&[4_u32]).into_dyn()));
        let mut b = a.clone();
        b.0[1] += 1e-9;
        assert_relative_eq!(leaves(&a), leaves(&b), max_relative = 1e-9);
        assert_abs_diff_eq!(leaves(&a), leaves(&b), epsilon = 2e-9);
        assert_relative_ne!(leaves(&a), leaves(&b), max_relative = 1e-10);
        b.1.1[0] = 5;
        assert_relative_ne!(leaves(&a), leaves(&b), max_relative = 1.0);
        let c = (arr1(&[1.0, 2.0, 3.0]).into_dyn(), a.1.clone());
        assert_relative_ne!(leaves(&a), leaves(&c), max_relative = 1.0);
    }
}
