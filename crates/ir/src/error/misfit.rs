//! Shapes that do not go together, of operations that have a way of their own to fit.
use crate::array::{LeafType, Shape};

/// Shapes that do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Misfit {
    /// An array of none or several elements, read as one number.
    #[error("an array of shape {shape:?} has {elements} elements; reduce it to one, or index it")]
    OneElement {
        /// Its shape.
        shape: Shape,
        /// Its elements.
        elements: usize,
    },
    /// A pair of axes of a product of which one is not there, or is used twice.
    #[error("({left}, {right}) is no pair of axes that both operands have and use once; pair an axis of each")]
    AxisPair {
        /// The axis of the left operand.
        left: usize,
        /// The axis of the right operand.
        right: usize,
        /// The ranks of both.
        ranks: [usize; 2],
    },
    /// Parts of a whole that differ in an axis along which they are not put together.
    #[error("part {part} differs from the first in other axes than axis {axis}; make those alike")]
    Parts {
        /// Which part, from 0.
        part: usize,
        /// The axis along which they are put together.
        axis: usize,
    },
    /// A number of elements that does not fill a shape.
    #[error("{elements} elements do not fill the shape {shape:?}; give a shape of {elements} elements")]
    Reshape {
        /// Elements of the array.
        elements: usize,
        /// The shape.
        shape: Shape,
    },
    /// A part that does not lie within the whole.
    #[error("{part} from {start:?} by {step:?} does not fit into {whole:?}")]
    Placed {
        /// The part.
        part: Box<LeafType>,
        /// Where it starts.
        start: Vec<usize>,
        /// Its steps.
        step: Vec<usize>,
        /// The shape of the whole.
        whole: Vec<usize>,
    },
    /// Widths of a margin that are not one for each axis.
    #[error("widths for {before} axes before and {after} after, of an array of rank {rank}; give one for each axis")]
    Widths {
        /// Widths before.
        before: usize,
        /// Widths after.
        after: usize,
        /// Axes.
        rank: usize,
    },
    /// Updates without one index each.
    #[error("axes {axis}..{end} of the updates {updates} must be those of the indices {indices}; give one update for each index")]
    Updates {
        /// The first axis of the indices, in the updates.
        axis: usize,
        /// One beyond the last.
        end: usize,
        /// The updates.
        updates: Box<LeafType>,
        /// The indices.
        indices: Box<LeafType>,
    },
    /// A sparse matrix and an operand that do not go together.
    #[error("the matrix has {columns} columns, the operand is {given}; give a vector of {columns} elements, or a matrix of {columns} rows")]
    SparseOperand {
        /// Columns of the matrix, or its rows where it is transposed.
        columns: usize,
        /// The operand.
        given: LeafType,
    },
    /// Values of a sparse matrix that are not one for each entry.
    #[error("the sparse matrix has {entries} entries, its values are {given}; give a vector with one value for each entry")]
    SparseValues {
        /// Entries of the matrix.
        entries: usize,
        /// The values.
        given: LeafType,
    },
    /// Numbers of the rows of a sparse matrix that are not a vector of indices.
    #[error("the rows of a sparse matrix are named by a vector of indices, and {given} is none")]
    SparseRows {
        /// What is given.
        given: LeafType,
    },
    /// Factors of a product that is taken in places of a sparse matrix.
    #[error(
        "the product of {left} and {right} is no matrix of {rows} rows and {columns} columns; give two vectors of these lengths, or two matrices of these many rows and as many columns as each other"
    )]
    SampledFactors {
        /// The left factor.
        left: Box<LeafType>,
        /// The right factor, of which the transpose stands in the product.
        right: Box<LeafType>,
        /// Rows of the product.
        rows: usize,
        /// Columns of the product.
        columns: usize,
    },
    /// A matrix that is not square.
    #[error("{given} is no square matrix, and no batch of them; give one with two last axes of the same length")]
    NotSquare {
        /// What is given.
        given: LeafType,
    },
    /// A right-hand side that does not go with its matrix.
    #[error("the right-hand side {given} does not fit the matrix {matrix}; give it the same leading axes and {rows} rows")]
    RightHandSide {
        /// The matrix.
        matrix: Box<LeafType>,
        /// The right-hand side.
        given: Box<LeafType>,
        /// Rows that it must have.
        rows: usize,
    },
}
