//! What was counted or compared where numbers, lengths or types do not fit: the words for each.
use crate::array::{Kind, LeafType};
use std::fmt;

/// What there is the wrong number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counted {
    /// Arrays given to a run.
    Inputs,
    /// Arrays given as a direction, one for each leaf.
    Leaves,
    /// Arrays that results are written into.
    Outputs,
    /// Operands of an operation.
    Operands,
    /// Inputs of a program that is called.
    Program,
    /// Operands of a placement.
    Places,
    /// Axes that an operation names.
    Axes,
    /// Variables of a carry.
    Carry,
    /// Derivatives that a primitive's rule gives.
    Derivatives,
    /// Values of the test of a loop.
    Test,
    /// Arrays that outside code gives as a solution.
    Solution,
}

impl Counted {
    pub(super) fn words(self, expected: usize, given: usize) -> String {
        match self {
            Counted::Inputs => format!("takes {expected} arrays, given {given}; give one for each input"),
            Counted::Leaves => format!("takes {expected} arrays, given {given}; give one for each leaf"),
            Counted::Outputs => format!("there are {expected} outputs, and {given} arrays to write them into; give one for each"),
            Counted::Solution => {
                format!("the code that solves it gave {given} arrays for a solution of {expected}; give one for each leaf")
            }
            Counted::Operands => format!("takes {expected} inputs, given {given}"),
            Counted::Program => format!("a program of {expected} inputs was given {given}"),
            Counted::Places => format!("there are places for {expected} operands, given {given}"),
            Counted::Axes => format!("names {given} axes of {expected}"),
            Counted::Carry => {
                format!("the carry starts as {expected} variables and is handed on as {given}; hand on as many as there were")
            }
            Counted::Derivatives => {
                format!("its rule gave {given} derivatives for {expected} values; give one, or `None`, for each")
            }
            Counted::Test => format!("the test of the loop gives {given} values; give one number"),
        }
    }
}

/// Whose vectors have other lengths: each length is the number of entries of a `Vec` in a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vectors {
    /// What a called function takes.
    Called,
    /// What is given to a run, or written into.
    Given,
    /// Two operands.
    Operands,
    /// A carry, at the start and handed on.
    Carry,
    /// The results of two branches.
    Branches,
    /// The leading axes of a loop's items.
    Items,
}

impl Vectors {
    pub(super) fn words(self, expected: &[usize], given: &[usize]) -> String {
        match self {
            Vectors::Called => {
                format!("the called function takes vectors of lengths {expected:?}, given {given:?}; give vectors of these lengths")
            }
            Vectors::Given => {
                format!("vectors of the lengths {expected:?} are asked for, those given have {given:?}; give vectors of these lengths")
            }
            Vectors::Operands => format!("its operands are vectors of lengths {expected:?} and {given:?}; give equal ones"),
            Vectors::Carry => {
                format!("the carry starts as vectors of lengths {expected:?} and is handed on as {given:?}; hand on the same lengths")
            }
            Vectors::Branches => format!("the branches give vectors of lengths {expected:?} and {given:?}; make them alike"),
            Vectors::Items => {
                let one = |v: &[usize]| v.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
                format!("the items have leading axes of length {} and {}; give one item of each for every step", one(expected), one(given))
            }
        }
    }
}

/// Whose types differ from those that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Typed {
    /// The handles that a recorded closure returns; expected are the types of the values they stand for.
    Returned,
    /// What a called function takes.
    Called,
    /// The inputs of a program, and those of a structure.
    Inputs,
    /// The outputs of a program, and those of a structure.
    Outputs,
    /// Output k, and the array to write it into.
    Into(usize),
    /// The derivative of value k that a primitive's rule gave.
    Derivative(usize),
    /// Carry k of a loop, at the start and handed on.
    Carry(usize),
    /// A constant of a loop.
    Constant,
    /// The counter of a loop.
    Counter,
    /// The operands of a branch, by name.
    Branch(&'static str),
    /// The results of two branches.
    Branches,
    /// The operands of a loop's test.
    Test,
    /// Sums of squares that go with norms.
    Squares,
    /// A derivative and what it is of.
    Watched,
    /// The factors of a matrix, and the order of its rows.
    Factors,
    /// What an operation of program equations is made of.
    Expanded,
    /// The residual of an equation, and its solution.
    Residual,
    /// Part k of the solution that outside code gives.
    Solution(usize),
    /// What a problem's own code gives, by name: its gradient, a proximal operator.
    Part(&'static str),
    /// What a method is given, by name: the start, the parameters.
    Given(&'static str),
    /// What a lowering gives.
    Lowered,
}

impl Typed {
    pub(super) fn words(self, expected: &[LeafType], given: &[LeafType]) -> String {
        let (e, g) = (List(expected), List(given));
        match self {
            Typed::Returned => format!("the handles returned are of types ({g}); convert with `cast`, `real` or `index`"),
            Typed::Called => format!("the called function takes ({e}); give inputs of these shapes and element types"),
            Typed::Inputs | Typed::Outputs => {
                let what = if self == Typed::Inputs { "inputs" } else { "outputs" };
                format!("the program's {what} are ({g}), the structure's leaves ({e}); give the same shapes in the same order")
            }
            Typed::Into(k) => format!("output {k} is {e}, the array to write it into is {g}; make it of that shape and element type"),
            Typed::Derivative(k) => {
                format!("its rule gave {g} as the derivative of value {k}, which is {e}; give a derivative of the same type")
            }
            Typed::Carry(k) => {
                format!("carry {k} starts as {e} and is handed on as {g}; hand it on with the type that it starts with")
            }
            Typed::Constant => format!("a constant is {g}, read as {e}"),
            Typed::Counter => format!("the body takes {g} as the number of the step; take {e}"),
            Typed::Branch(name) => format!("branch `{name}` takes other operands"),
            Typed::Branches => format!("the branches give different types, ({e}) and ({g}); make them alike"),
            Typed::Test => "the test of the loop takes other operands than the carries and constants".into(),
            Typed::Squares => format!("the sums of squares are {g}; give one for each norm"),
            Typed::Watched => format!("a derivative of {e} is of that type, not {g}"),
            Typed::Factors => {
                let (a, order) = (List(&expected[..1.min(expected.len())]), List(expected.get(1..).unwrap_or(&[])));
                format!("factors of {a} must be {a} too, and the order of the rows {order}; give those that were made from it")
            }
            Typed::Expanded => "the equations it is made of give values of other types".into(),
            Typed::Solution(k) => {
                format!("the code that solves it gave {g} for part {k} of the solution, which is {e}; give it that shape and element type")
            }
            Typed::Part(_) => {
                format!("it gives ({g}) where ({e}) is asked for; give the same shapes and element types")
            }
            Typed::Given(what) => format!("{what} must be ({e}), as the functions it was made from take; give the same shapes"),
            Typed::Residual => format!("the residual is ({g}), the solution ({e}); give a residual of the same real types"),
            Typed::Lowered => "its lowering gives values of other types".into(),
        }
    }
}

/// What element types an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Elements {
    /// Real numbers.
    Real,
    /// The same for all operands.
    Alike,
    /// The same for all operands, and real.
    AlikeReal,
    /// That of a matrix.
    Matrix(Kind),
    /// Indices.
    Indices,
    /// Indices to look up.
    Lookup,
    /// Real updates and their indices.
    Updates,
    /// Real numbers, of a check that indices pass anyway.
    Checked,
    /// Random numbers of a real distribution.
    RandomReal,
    /// Random indices.
    RandomIndices,
}

impl Elements {
    pub(super) fn words(self, given: &[LeafType]) -> String {
        let (g, last) = (List(given), List(given.get(1..).unwrap_or(&[])));
        match self {
            Elements::Real => "not defined for indices; convert them with `real`".into(),
            Elements::Alike => "element types differ; convert one with `cast`".into(),
            Elements::AlikeReal => "both operands must have the same real element type; convert one with `cast`".into(),
            Elements::Matrix(k) => format!("the matrix is of type {k}; convert one with `cast`"),
            Elements::Indices => "takes one array of indices; convert with `index`".into(),
            Elements::Lookup => format!("indices must be u32, given {g}; convert them with `index`"),
            Elements::Updates => {
                let first = List(&given[..1.min(given.len())]);
                format!("takes real updates and u32 indices, given {first} and {last}; convert with `index` or `real`")
            }
            Elements::Checked => "indices are always finite; check the numbers that they come from".into(),
            Elements::RandomReal => format!("{g} does not hold real numbers"),
            Elements::RandomIndices => format!("{g} does not hold indices"),
        }
    }
}

/// What must be one number, or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scalar {
    /// The output of a function that is to have a gradient.
    Output,
    /// The test of a branch.
    Test,
    /// The test of a loop.
    LoopTest,
    /// The counter of random numbers.
    Counter,
    /// The number of steps of a loop.
    Count,
    /// The start of a window.
    Start,
    /// An item of a loop, which must not be one number.
    Item,
}

impl Scalar {
    pub(super) fn words(self, given: &LeafType) -> String {
        match self {
            Scalar::Item => {
                format!("a loop runs over the leading axis of its items, {given} has none; give a number of steps, or stack the items")
            }
            Scalar::Output => format!("only one real number has a gradient, the output is {given}; sum it, or use `vjp`"),
            Scalar::Test => format!("the test is {given}; make it one number, or choose element by element with `select`"),
            Scalar::LoopTest => format!("the test of the loop is {given}; make it one number, such as a norm or a sum"),
            Scalar::Counter => "the counter is no single u32; give one number for each array".into(),
            Scalar::Count => "the count must be one u32".into(),
            Scalar::Start => format!("the start must be one u32, given {given}; for many starts use `rows`"),
        }
    }
}

/// Types in words.
pub(super) struct List<'a>(pub(super) &'a [LeafType]);
impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, t) in self.0.iter().enumerate() {
            write!(f, "{}{t}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
