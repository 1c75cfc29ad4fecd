//! Sentences of errors that one format string does not make.
use super::numbers::Fed;
use super::origin::Origin;
use crate::array::{LeafType, Shape};
use std::fmt;

/// What to do about values that grow.
const GROWS: &str = "another start may help, or a smaller step size where the method has one";

/// What to do about steps whose derivatives grow.
const MULTIPLIES: &str =
    "its steps multiply derivatives: fewer or shorter steps, a larger epsilon inside Adam's root, or differentiating implicitly may help";

/// What to do about a derivative that is NaN.
const UNDEFINED: &str = "keep its operands where it has this derivative, such as norms away from 0, or write what is smooth in squares";

pub(super) const UNSETTLED: &str = "its second derivative would be that of the steps, which is not near that of the solution: the steps did not come to rest, or too \
     few followed; unroll more steps, differentiate implicitly, or allow it with `second_derivatives_of_steps`";

/// Of an input, after its name and the line.
pub(super) fn input(expected: &LeafType, given: &LeafType) -> String {
    format!("expected {expected}, given {given}; give an array of that shape and element type")
}

/// Of a value from outside, after its name and the line.
pub(super) fn not_finite(index: &[usize], value: f64) -> String {
    format!("is not finite: element {index:?} is {value}; clean the data, or mask it with `select`")
}

pub(super) fn axis(axis: usize, rank: usize, of: Option<&LeafType>, advice: &str) -> String {
    match of {
        Some(t) => format!("{t} has no axis {axis}; {advice}"),
        None => format!("axis {axis} is no axis of an array of rank {rank}; {advice}"),
    }
}

pub(super) fn broadcast(shapes: &[Shape], to: Option<&Shape>) -> String {
    let how = "trailing axes are aligned, and an axis of length 1 repeats";
    match to {
        Some(to) => format!("does not broadcast to {to:?}; {how}"),
        None => format!("shapes {shapes:?} do not broadcast; {how}"),
    }
}

pub(super) fn index(index: u32, place: &[usize], axis: Option<usize>, length: usize) -> String {
    match axis {
        Some(axis) => format!("index {index} at {place:?} is out of range: axis {axis} has length {length}; give indices below it"),
        None => format!("index {index} at {place:?} is out of range: there are {length}; give indices below that"),
    }
}

fn place(element: Option<usize>) -> String {
    element.map_or(String::new(), |i| format!(" of element {i}"))
}

pub(super) fn setting(what: &str, value: f64, element: Option<usize>, allowed: &str) -> String {
    format!("the {what}{} is {value}; {allowed}", place(element))
}

pub(super) fn bounds(what: &str, [low, high]: [f64; 2], element: Option<usize>) -> String {
    format!("the {what} [{low}, {high}]{} is empty; give the lower bound first", place(element))
}

pub(super) fn result(what: &str, index: &[usize], value: f64, made: f64, from: Option<&Fed>) -> String {
    let from = match from {
        None => return format!("it is {value} at {index:?}; look for an operation outside its domain, or allow it with `Function::allow`"),
        Some(Fed::Finite) => "finite operands".to_string(),
        Some(Fed::Outside) => "an infinite operand, which came from outside".to_string(),
        Some(Fed::Input) => "an infinite operand, which an input or a literal brought in".to_string(),
        Some(Fed::Operation { operation, site }) => {
            let at = site.map_or(String::new(), |s| format!(" at {s}"));
            format!("an infinite operand, which `{operation}`{at} gave from finite ones")
        }
    };
    let advice = if value.is_nan() {
        "keep its operands where it is defined"
    } else {
        "keep its operands away from the pole and in range, or allow it with `Function::allow`"
    };
    format!("gave {made} from {from}, so {what} is not finite, first {value} at {index:?}; {advice}")
}

/// The iteration, from 1, before what arose in it.
fn turn(iteration: Option<u64>, backwards: bool) -> String {
    let way = if backwards { ", going backwards" } else { "" };
    iteration.map_or(String::new(), |k| format!("iteration {k}{way}: "))
}

pub(super) fn diverged(iteration: Option<u64>, value: f64, origin: Option<&Origin>) -> String {
    match (origin, iteration) {
        (Some(o), _) => format!("{}{o}; {GROWS}", turn(iteration, o.backwards)),
        (None, Some(k)) => format!("iteration {k}: a value is not finite (residual {value}); {GROWS}"),
        (None, None) => format!("its result is not finite: {value}; {GROWS}"),
    }
}

pub(super) fn derivative(iteration: Option<u64>, value: f64, origin: Option<&Origin>) -> String {
    match origin {
        // Steps that multiply derivatives overflow; NaN from finite operands is not of that kind.
        Some(o) => {
            let advice = if o.value.is_nan() { UNDEFINED } else { MULTIPLIES };
            format!("its derivative is not finite: {}{o}; {advice}", turn(iteration, o.backwards))
        }
        None => format!("its derivative is not finite: {value}; {MULTIPLIES}"),
    }
}

/// Bytes that are planned, in words.
pub(super) struct Planned(pub(super) u64);
impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == u64::MAX { write!(f, "more than 2^64 bytes are planned, ") } else { write!(f, "{} bytes are planned, ", self.0) }
    }
}

pub(super) fn solution(
    [measure, tolerance, residual]: [f64; 3],
    newton: bool,
    iterations: Option<u64>,
    refined: u64,
    advice: &str,
) -> String {
    let measure = if newton {
        format!("a Newton step of {measure:.2e} of its size, tolerance {tolerance:e} (residual {residual:e})")
    } else {
        format!("residual {measure:e}, tolerance {tolerance:e}")
    };
    let made = match (iterations, refined) {
        (Some(k), 0) => format!("{k} iterations"),
        (Some(k), r) => format!("{k} iterations, {r} of them Newton steps"),
        (None, 0) => "iterations not known".into(),
        (None, r) => format!("{r} iterations of Newton's method after an unknown number"),
    };
    format!("the point found is not a solution: {measure}, {made}; {advice}")
}

pub(super) fn uncertain(change: f64, conditioning: f64, uncertainty: f64, accuracy: f64, advice: &str) -> String {
    format!(
        "the derivative changes by {change:.2e} of itself within the uncertainty of the solution: the conditioning {conditioning:.2e} times the relative \
         uncertainty {uncertainty:.2e}, where the accuracy asked for is {accuracy:e}; {advice}, or accept it with `on_residual(OnResidual::Warn)` or a \
         larger `accuracy`"
    )
}

pub(super) fn mismatch(gradient: f64, difference: f64, error: f64, allowed: f64) -> String {
    format!(
        "along the direction of the check the gradient gives {gradient:e} and central differences {difference:e}: they differ by {error:.2e} of their size, \
         where the differences allow {allowed:.2e}; look for a rule that is not the derivative, or for a kink at this point"
    )
}

/// What is left of a relative error, where it was measured.
pub(super) fn left(reached: Option<f64>) -> String {
    reached.map_or(String::new(), |r| format!(", what is left after the correction as {r:e}"))
}
