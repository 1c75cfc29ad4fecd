//! What went wrong, as a type: a variant with its numbers as fields, and the words for it.
use super::fits::{Counted, Elements, Scalar, Typed, Vectors};
use super::images::{Compressed, Convolved};
use super::limits::{Choice, IndexRange, Many, Nothing, Order, Stretch};
use super::malformed::Malformed;
use super::misfit::Misfit;
use super::numbers::{Fed, Matrix};
use super::origin::Origin;
use super::words;
use super::{Error, Lacking};
use crate::array::{LeafType, Shape};
use crate::outcome::{Failed, Uncertified};
use std::sync::Arc;

/// What went wrong. Operations give one; the caller makes an [`Error`] of it, with the operation, its operands and the user's line.
///
/// A program that calls this library decides by the variant and its fields. The words are for people, and may change.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A variable was used in a recording that it does not belong to.
    #[error("a variable of another recording; make it an input of this one")]
    ForeignVariable,
    /// A variable was used outside the loop or branch body that made it.
    #[error("a variable left the loop body that made it; return it as an output of the loop")]
    LeftBody,
    /// A variable was made or used while no recording was open.
    #[error("used outside a recording; write it inside the closure given to `Function::record`")]
    OutsideRecording,
    /// A value given to a function does not fit its input.
    #[error("{role} {leaf} of {leaves}: {}", words::input(expected, given))]
    Input {
        /// What it was given as: "input", "direction", "cotangent".
        role: &'static str,
        /// Which leaf of what was given, flattened, from 0.
        leaf: usize,
        /// How many leaves there are.
        leaves: usize,
        /// The declared type.
        expected: Box<LeafType>,
        /// The type of the given value.
        given: Box<LeafType>,
    },
    /// The wrong number of arrays, leaves, operands or derivatives.
    #[error("{}", of.words(*expected, *given))]
    Count {
        /// What was counted.
        of: Counted,
        /// How many fit.
        expected: usize,
        /// How many there are.
        given: usize,
    },
    /// Structures whose vectors have other lengths.
    #[error("{}", of.words(expected, given))]
    Lengths {
        /// Whose.
        of: Vectors,
        /// Those that fit; of two that must be equal, the first.
        expected: Vec<usize>,
        /// Those given.
        given: Vec<usize>,
    },
    /// Shapes and element types that differ from those that fit.
    #[error("{}", of.words(expected, given))]
    Types {
        /// Whose.
        of: Typed,
        /// Those that fit; of two that must be equal, the first.
        expected: Vec<LeafType>,
        /// Those given.
        given: Vec<LeafType>,
    },
    /// Element types that an operation does not take.
    #[error("{}", needs.words(given))]
    ElementType {
        /// What it takes.
        needs: Elements,
        /// The types given.
        given: Vec<LeafType>,
    },
    /// An array where one number is needed.
    #[error("{}", of.words(given))]
    NotOneNumber {
        /// What must be one number.
        of: Scalar,
        /// What is given.
        given: LeafType,
    },
    /// Shapes that do not broadcast.
    #[error("{}", words::broadcast(shapes, to.as_ref()))]
    Broadcast {
        /// The shapes.
        shapes: Vec<Shape>,
        /// The shape that they should take, where it is given.
        to: Option<Shape>,
    },
    /// Axes that are summed over together, of different lengths, as in a matrix product.
    #[error(
        "axis {left_axis} of the left has length {left}, axis {right_axis} of the right has {right}; pair axes of equal length, or transpose one side"
    )]
    Contracted {
        /// The axis of the left operand.
        left_axis: usize,
        /// Its length.
        left: usize,
        /// The axis of the right operand.
        right_axis: usize,
        /// Its length.
        right: usize,
    },
    /// An axis that an array does not have.
    #[error("{}", words::axis(*axis, *rank, of.as_deref(), advice))]
    AxisOutOfRange {
        /// The axis, from 0.
        axis: usize,
        /// How many axes there are.
        rank: usize,
        /// The array, where it is one of several operands.
        of: Option<Box<LeafType>>,
        /// What to do.
        advice: &'static str,
    },
    /// Shapes that do not go together in another way.
    #[error("{0}")]
    Shape(Misfit),
    /// Axes that are not in the order that is needed, of which one repeats, or of which one is not there.
    #[error("{}", order.words(axes, *rank))]
    Axes {
        /// The axes.
        axes: Vec<usize>,
        /// How many axes the array has.
        rank: usize,
        /// The order that is needed.
        order: Order,
    },
    /// A stretch of an axis that does not lie within it.
    #[error("{}", of.words([*from, *to], *axis, *length))]
    Range {
        /// Which stretch.
        of: Stretch,
        /// The first entry.
        from: usize,
        /// One beyond the last entry.
        to: usize,
        /// The axis.
        axis: usize,
        /// Its length.
        length: usize,
    },
    /// A step of 0 along an axis.
    #[error("steps of 0 along axis {axis} stay where they are; give another step")]
    ZeroStep {
        /// The axis.
        axis: usize,
    },
    /// An index beyond an axis, or beyond a count.
    #[error("{}", words::index(*index, place, *axis, *length))]
    IndexOutOfRange {
        /// The index.
        index: u32,
        /// Where among the indices it stands.
        place: Vec<usize>,
        /// The axis that it points into, where there is one.
        axis: Option<usize>,
        /// Indices are below this.
        length: usize,
    },
    /// A number that should be an index and is none.
    #[error("{}", range.words(*value, place, from))]
    NotAnIndex {
        /// The number.
        value: f64,
        /// Where it stands.
        place: Vec<usize>,
        /// The two numbers that it was computed from, where it was.
        from: Vec<f64>,
        /// What would do.
        range: IndexRange,
    },
    /// There is nothing to work on.
    #[error("{}", .0.words())]
    Empty(Nothing),
    /// There is more than can be counted or than fits.
    #[error("{}", of.words(*given, *most))]
    TooMany {
        /// What there is too much of.
        of: Many,
        /// How many.
        given: u64,
        /// How many fit.
        most: u64,
    },
    /// A choice of a function's leaves that cannot be.
    #[error("{}", .0.words())]
    Choice(Choice),
    /// Sizes of a convolution.
    #[error("{0}")]
    Convolution(Convolved),
    /// Parts of a sparse matrix.
    #[error("{0}")]
    Sparse(Compressed),
    /// A setting that cannot work: a step size, a count, a penalty.
    #[error("{}", words::setting(what, *value, *element, allowed))]
    Setting {
        /// Which setting.
        what: String,
        /// Its value.
        value: f64,
        /// Which element of it, where it is an array.
        element: Option<usize>,
        /// What to do: "give …".
        allowed: &'static str,
    },
    /// Bounds of which the lower one is above the upper one.
    #[error("{}", words::bounds(what, [*low, *high], *element))]
    Bounds {
        /// Whose bounds.
        what: String,
        /// The lower bound.
        low: f64,
        /// The upper bound.
        high: f64,
        /// Which element of it, where it is an array.
        element: Option<usize>,
    },
    /// A value from outside that must be finite is not.
    #[error("{what} {}", words::not_finite(index, *value))]
    NotFinite {
        /// The input, direction, literal or constant.
        what: String,
        /// Index of the first such element.
        index: Vec<usize>,
        /// Its value.
        value: f64,
    },
    /// The solution that outside code gives is not finite.
    #[error("{name} gave a solution that is not finite: element {index:?} of part {part} is {value}; check what it computes there")]
    SolutionNotFinite {
        /// The code.
        name: String,
        /// The part of the solution.
        part: usize,
        /// Index of the first such element.
        index: Vec<usize>,
        /// Its value.
        value: f64,
    },
    /// A result is not finite, and not said to be allowed so.
    #[error("{}", words::result(what, index, *value, *made, made_from.as_ref()))]
    Result {
        /// Which output.
        what: String,
        /// Index of the first such element.
        index: Vec<usize>,
        /// Its value.
        value: f64,
        /// What the operation made that it comes from.
        made: f64,
        /// What that operation was given; none where the operation was not found.
        made_from: Option<Fed>,
    },
    /// A derivative that does not exist at this point.
    #[error("the slope at this point is not finite, so {what} is {value} at {index:?}; move away from the pole or the edge")]
    NoDerivative {
        /// Which output of the derivative.
        what: String,
        /// Index of the first element that is not finite.
        index: Vec<usize>,
        /// Its value.
        value: f64,
    },
    /// The values of a method that iterates are not finite.
    #[error("{}", words::diverged(*iteration, *value, origin.as_ref()))]
    Diverged {
        /// The iteration, from 1, where it is known.
        iteration: Option<u64>,
        /// The value that is not finite.
        value: f64,
        /// Where it arose, where that was found.
        origin: Option<Origin>,
    },
    /// A derivative through the steps of a method is not finite.
    #[error("{}", words::derivative(*iteration, *value, origin.as_ref()))]
    DerivativeNotFinite {
        /// The iteration, from 1, where it is known.
        iteration: Option<u64>,
        /// The value.
        value: f64,
        /// Where it arose, where that was found.
        origin: Option<Origin>,
    },
    /// A second derivative through the steps of a method whose first one has not settled.
    #[error("{}", words::UNSETTLED)]
    NotSettled {
        /// By how much of its error the first derivative is off.
        left: f64,
    },
    /// A test that is neither true nor false.
    #[error("the test is NaN; make it a comparison, which is 0 or 1")]
    TestIsNan,
    /// A matrix that cannot be factored, or divided by.
    #[error("{0}")]
    Matrix(Matrix),
    /// More memory is needed than there is, or than there are addresses for.
    #[error("{}{lacking}; give smaller shapes, keep less of a loop, or work in parts", words::Planned(*.bytes))]
    Memory {
        /// Bytes planned in all; `u64::MAX` for more than can be counted.
        bytes: u64,
        /// Whether there are no addresses for so many, or only no memory.
        lacking: Lacking,
    },
    /// An array has more bytes than memory has addresses.
    #[error("{what} {given} has more bytes than memory has addresses; give smaller shapes")]
    Unaddressable {
        /// Which array.
        what: &'static str,
        /// Its type.
        given: LeafType,
    },
    /// A linear solve without a result.
    #[error("{solver}: {failed}")]
    Solve {
        /// The solver.
        solver: String,
        /// Why.
        failed: Failed,
    },
    /// A linear solve without a result at a point whose active set is not that of the solution: more unknowns may be active there than the solution determines.
    #[error(
        "the active set has not settled: a kink is within a step of size |F| of the point, and the system is not solved there; solve the inner problem further ({source})"
    )]
    SetNotSettled {
        /// How the solve failed.
        source: Box<ErrorKind>,
    },
    /// A point that was found and is not a solution.
    #[error("{}", words::solution([*measure, *tolerance, *residual], *newton, *iterations, *refined, advice))]
    NotASolution {
        /// What is compared with the tolerance: ‖F‖, the method's own measure, or the Newton step relative to the point.
        measure: f64,
        /// The tolerance.
        tolerance: f64,
        /// ‖F‖.
        residual: f64,
        /// Whether the measure is a Newton step.
        newton: bool,
        /// Iterations made, where they are known.
        iterations: Option<u64>,
        /// How many Newton steps were made after the method.
        refined: u64,
        /// What to do.
        advice: String,
    },
    /// A derivative that changes within the uncertainty of the solution, as near a fold.
    #[error("{}", words::uncertain(*change, *conditioning, *uncertainty, *accuracy, advice))]
    Uncertain {
        /// How much of itself the derivative changes by.
        change: f64,
        /// The change over the uncertainty.
        conditioning: f64,
        /// The uncertainty of the solution, relative to it.
        uncertainty: f64,
        /// The accuracy asked for.
        accuracy: f64,
        /// What to do.
        advice: &'static str,
    },
    /// A derivative whose error cannot be brought, or not be shown to lie, under what was asked for.
    #[error("the derivative is not certified to {asked:e}: {reason}; the error at the point given is estimated as {estimate:e}{}", words::left(*reached))]
    NotCertified {
        /// Why not.
        reason: Uncertified,
        /// The largest relative error that was asked for.
        asked: f64,
        /// What is left of the relative error after the correction, as far as it was measured: no bound, since a test failed.
        reached: Option<f64>,
        /// The estimate of the relative error of the derivative at the point that was given.
        estimate: f64,
    },
    /// Data with fewer entries than there are iterations.
    #[error("the {what} has {entries} entries for {iterations} iterations; give one entry an iteration, or fewer iterations")]
    TooFewEntries {
        /// Which data.
        what: String,
        /// Its entries.
        entries: usize,
        /// Iterations.
        iterations: usize,
    },
    /// Fewer bytes for states than one of them takes.
    #[error("`Keep::Bytes({given})` does not hold one state of {needed} bytes; give at least {needed}")]
    TooFewBytes {
        /// Those given.
        given: u64,
        /// Those of one state.
        needed: u64,
    },
    /// A gradient and central differences that do not agree.
    #[error("{}", words::mismatch(*gradient, *difference, *error, *allowed))]
    GradientMismatch {
        /// The directional derivative by the gradient.
        gradient: f64,
        /// The same by differences.
        difference: f64,
        /// The relative error.
        error: f64,
        /// What the differences allow.
        allowed: f64,
    },
    /// A program or an operation that is not right: a mistake of code that writes or changes programs.
    #[error("{0}")]
    Malformed(Malformed),
    /// A program that is not right, handed over to be called, planned or wrapped.
    #[error("the program is not right: {0}")]
    Program(Malformed),
    /// A plan that does not pass its checks: a fault of the planner, not of the program.
    #[error("{0}")]
    Plan(String),
    /// A user's own code, called from a recorded function, failed.
    #[error("{source}")]
    User {
        /// What the user's code returned.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// Complete already, from a program within.
    #[error("{0}")]
    Nested(Error),
    /// In words: for primitives of other crates whose mistakes are none of the above.
    #[error("{0}")]
    Other(String),
}
