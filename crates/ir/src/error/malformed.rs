//! What is wrong with a program that was written or changed by hand, or with an operation from outside: for their authors.
use crate::array::{Kind, LeafType};

/// Why a program, or an operation in it, is not right. Recordings do not make such programs; transforms and operations of other crates may.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// A value has more bytes than memory has addresses.
    #[error("a value is {0}, of more bytes than memory has addresses")]
    Unaddressable(LeafType),
    /// An input stands twice, or is beyond the table of types.
    #[error("input Value({0}) stands twice, or has no type")]
    Input(u32),
    /// An equation reads a value before it is made.
    #[error("{operation} reads Value({value}) before it is made")]
    ReadEarly {
        /// The operation with its attributes.
        operation: String,
        /// The value.
        value: u32,
    },
    /// An operation was applied to a value that the program under construction does not have.
    #[error("reads Value({0}), which this program does not have")]
    Unknown(u32),
    /// An equation without outputs.
    #[error("{0} makes nothing")]
    MakesNothing(String),
    /// A value is made twice, or is beyond the table of types.
    #[error("{operation} makes Value({value}) a second time, or it has no type")]
    MadeTwice {
        /// The operation with its attributes.
        operation: String,
        /// The value.
        value: u32,
    },
    /// An output that nothing makes.
    #[error("output Value({0}) is never made")]
    NeverMade(u32),
    /// An operation refuses its operands.
    #[error("{operation}: {why}")]
    Refused {
        /// The operation with its attributes.
        operation: String,
        /// Why it refuses them.
        why: String,
    },
    /// An operation makes another number of values than its equation names.
    #[error("{operation} makes {makes} values, {named} are named")]
    Outputs {
        /// The operation with its attributes.
        operation: String,
        /// How many it makes.
        makes: usize,
        /// How many are named.
        named: usize,
    },
    /// A value has another type than its operation gives it.
    #[error("{operation} makes {makes}, Value({value}) is {named}")]
    Typed {
        /// The operation with its attributes.
        operation: String,
        /// The value.
        value: u32,
        /// The type that the operation makes.
        makes: Box<LeafType>,
        /// The type in the program's table.
        named: Box<LeafType>,
    },
    /// The program of a loop or branch is not right.
    #[error("{operation}, {body}: {flaw}")]
    Body {
        /// The operation with its attributes.
        operation: String,
        /// Which of its programs.
        body: &'static str,
        /// What is wrong with that.
        flaw: Box<Malformed>,
    },
    /// The body of a loop does not have the inputs and outputs that its numbers say.
    #[error(
        "the body takes {inputs} inputs and gives {outputs} outputs, of {carries} carries, {items} items, {constants} constants and {stacked} outputs a step"
    )]
    LoopBody {
        /// Inputs of the body.
        inputs: usize,
        /// Outputs of the body.
        outputs: usize,
        /// Carries.
        carries: usize,
        /// Items.
        items: usize,
        /// Constants.
        constants: usize,
        /// Outputs stacked from each step.
        stacked: usize,
    },
    /// An array does not hold the items of a loop.
    #[error("{given} does not hold {steps} steps of {item}")]
    Items {
        /// The array.
        given: Box<LeafType>,
        /// Steps.
        steps: usize,
        /// What one step reads.
        item: Box<LeafType>,
    },
    /// A lowering with another number of operands or results.
    #[error("its lowering takes {expected} operands and gives one, it has {operands} and {results}")]
    LoweredOperands {
        /// Operands that it takes.
        expected: usize,
        /// Operands that there are.
        operands: usize,
        /// Results that there are.
        results: usize,
    },
    /// A lowering that does not give a value of this type.
    #[error("its lowering to a {what} does not give {result} of these operands")]
    Lowering {
        /// What it is lowered to.
        what: &'static str,
        /// The result that is asked for.
        result: LeafType,
    },
    /// An operation written in terms of itself, over and over.
    #[error("written in terms of itself more than {0} times over")]
    Endless(usize),
    /// A kernel was given an operand of another element type.
    #[error("operand {index} is not of type {kind}")]
    Operand {
        /// Which one, from 0.
        index: usize,
        /// The element type that it takes.
        kind: Kind,
    },
    /// A kernel was given a result of another element type.
    #[error("result {index} is not of type {kind}")]
    Result {
        /// Which one, from 0.
        index: usize,
        /// The element type that it makes.
        kind: Kind,
    },
    /// An operation was applied in a way that no emitter of its own does.
    #[error("{0}")]
    Use(&'static str),
}
