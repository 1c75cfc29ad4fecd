//! The language of random programs: data without behaviour, which the reference evaluates and the door records.
mod listing;
mod live;
mod op;

pub use live::bodies_mut;
pub use op::{Axes, Binary, Boundary, Index, Op, Reduce, Storage, Unary};

/// What kind of numbers an array holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Real numbers, of the program's precision.
    Real,
    /// Indices.
    Index,
}

/// Lengths of the axes, and the kind of the elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Kind of the elements.
    pub kind: Kind,
}

impl Type {
    /// Real numbers of a shape.
    pub fn real(shape: &[usize]) -> Type {
        Type { shape: shape.to_vec(), kind: Kind::Real }
    }
    /// Indices of a shape.
    pub fn index(shape: &[usize]) -> Type {
        Type { shape: shape.to_vec(), kind: Kind::Index }
    }
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A value by its place: those of the enclosing regions come first, then the inputs of the region, then the results of its steps.
pub type Id = usize;

/// One equation. A step that is [`Op::Absent`] keeps its places, so that others keep their names.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// On which values.
    pub args: Vec<Id>,
    /// What comes out.
    pub types: Vec<Type>,
}

/// The body of a loop or a branch. Values of enclosing regions that it uses are captured.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// What it is given.
    pub inputs: Vec<Type>,
    /// What it does.
    pub steps: Vec<Step>,
    /// What it hands on.
    pub outputs: Vec<Id>,
}

/// An input: its values, another set of values, and two directions.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Shape and kind.
    pub of: Type,
    /// Values in row-major order.
    pub data: Vec<f64>,
    /// Values of a second point.
    pub other: Vec<f64>,
    /// Two directions; zeros for indices.
    pub directions: [Vec<f64>; 2],
    /// The order of the axes in memory, from the slowest to the fastest.
    pub order: Vec<usize>,
}

/// A program: inputs enter by the step [`Op::Input`].
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Single precision rather than double.
    pub single: bool,
    /// What it is given.
    pub inputs: Vec<Input>,
    /// What it does.
    pub steps: Vec<Step>,
    /// Real values of any shape.
    pub outputs: Vec<Id>,
    /// One real number.
    pub loss: Id,
}
