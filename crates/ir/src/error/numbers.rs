//! What failed of a matrix, and what an operation was given that made a value that is not finite.
use super::Site;

/// Why a matrix cannot be factored or divided by. `item` of `items` is its place in a batch.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Matrix {
    /// A pivot is 0, or rounding of what it was computed from.
    #[error(
        "the matrix{} is singular: column {pivot} depends on those before it, which leaves {}; add a multiple of the identity, or check the model",
        item_name(*item, *items), left(*value)
    )]
    Singular {
        /// Which pivot, from 0.
        pivot: usize,
        /// Its value.
        value: f64,
        /// Which matrix of the batch.
        item: usize,
        /// How many there are.
        items: usize,
    },
    /// A pivot is not finite.
    #[error("the matrix{} is not finite: the pivot of column {pivot} is {value}; check where it comes from", item_name(*item, *items))]
    NotFinite {
        /// Which pivot, from 0.
        pivot: usize,
        /// Its value.
        value: f64,
        /// Which matrix of the batch.
        item: usize,
        /// How many there are.
        items: usize,
    },
    /// A pivot is not positive, or rounding.
    #[error(
        "the matrix{} is not positive definite: pivot {pivot} is {value:?}{}; add a multiple of the identity, or check the model",
        item_name(*item, *items), if *rounding { ", which is rounding" } else { "" }
    )]
    NotPositiveDefinite {
        /// Which pivot, from 0.
        pivot: usize,
        /// Its value.
        value: f64,
        /// Whether it is as small as rounding of what it was computed from.
        rounding: bool,
        /// Which matrix of the batch.
        item: usize,
        /// How many there are.
        items: usize,
    },
    /// An element of the diagonal of a triangle is 0.
    #[error("the triangle is singular: element ({pivot}, {pivot}) is 0; check the model, or use a unit diagonal")]
    Triangle {
        /// Which element, from 0.
        pivot: usize,
    },
    /// A row depends on those before it.
    #[error("the {what}{} is {value}; remove the rows that depend on those before them", element.map_or(String::new(), |i| format!(" of element {i}")))]
    DependentRows {
        /// What was looked at.
        what: String,
        /// Which row, where there are several.
        element: Option<usize>,
        /// What it has that those before it have not.
        value: f64,
    },
}

fn item_name(item: usize, of: usize) -> String {
    if of == 1 { String::new() } else { format!(" (item {item} of the batch of {of})") }
}

fn left(value: f64) -> String {
    if value == 0.0 { "no pivot".to_string() } else { format!("a pivot of {value}, which is rounding") }
}

/// What an operation was given that made a value that is not finite.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fed {
    /// Only finite operands: the value arose here.
    Finite,
    /// An infinite operand, from outside of the loop or branch.
    Outside,
    /// An infinite operand, from an input or a literal.
    Input,
    /// An infinite operand, which another operation made from finite ones.
    Operation {
        /// That operation.
        operation: String,
        /// The user's line.
        site: Option<Site>,
    },
}
