//! The operations: one for each way that the front door offers.
use super::Body;

/// Functions of one real number.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names of the front door")]
pub enum Unary {
    Neg,
    Exp,
    ExpM1,
    Ln,
    Ln1p,
    Sqrt,
    Square,
    Recip,
    Abs,
    Sign,
    Floor,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Sigmoid,
    Softplus,
    LogSigmoid,
    Relu,
    Erf,
    Powi(i32),
    Powf(f64),
    /// Derivative 0.
    StopGradient,
    /// To single precision and back.
    ThroughSingle,
}

/// Functions of two real numbers, which broadcast.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names of the front door")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Max,
    Min,
    LessThan,
    AtMost,
    GreaterThan,
    AtLeast,
    Equals,
    Pow,
    Atan2,
    SoftThreshold,
}

/// Functions of indices.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names of the front door")]
pub enum Index {
    Add,
    Sub,
    Mul,
    Rem,
    Equals,
    LessThan,
}

/// Folds over axes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names of the front door")]
pub enum Reduce {
    Sum,
    Mean,
    Prod,
    Max,
    Min,
    Logsumexp,
    NormL1,
    NormL2,
    NormSquared,
    NormMax,
}

/// Over which axes a fold runs, and whether they stay.
#[derive(Debug, Clone, PartialEq)]
pub enum Axes {
    /// All of them.
    All,
    /// One.
    One(usize),
    /// Some, ascending.
    Some(Vec<usize>),
    /// Some, ascending, which stay at length 1.
    Keep(Vec<usize>),
}

/// What lies beyond an image.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names of the front door")]
pub enum Boundary {
    Valid,
    Zero,
    Periodic,
    Symmetric,
    Replicate,
}

/// What a loop keeps for its derivative.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names of the front door")]
pub enum Storage {
    Iterates,
    Values,
    Bytes(u64),
}

/// One operation with its attributes. The result types stand in the step.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Nothing: the step is not needed.
    Absent,
    /// An input of the program, also within bodies.
    Input(usize),
    /// An array that is part of the program.
    Constant(Vec<f64>),
    /// A number that is part of the program.
    Number(f64),
    /// The same number everywhere: 0 or 1.
    Full(f64),
    /// A function of one number.
    Unary(Unary),
    /// A function of two arrays.
    Binary(Binary),
    /// A function of an array and a number on its right.
    BinaryRight(Binary, f64),
    /// A function of a number and an array on its right.
    BinaryLeft(Binary, f64),
    /// Between two arrays.
    Clamp,
    /// Between two numbers.
    ClampTo(f64, f64),
    /// One of two arrays by a third.
    Select,
    /// An array where a test holds, else a number.
    SelectOr(f64),
    /// A fold.
    Reduce(Reduce, Axes),
    /// Along an axis.
    Softmax(usize),
    /// Along an axis.
    LogSoftmax(usize),
    /// Along an axis.
    CumulativeSum(usize),
    /// To the type of the result.
    Reshape,
    /// Axes in reverse order.
    T,
    /// Axes in another order.
    Permute(Vec<usize>),
    /// To the type of the result.
    BroadcastTo,
    /// Axis, from, to, step.
    Slice(usize, usize, usize, isize),
    /// From, to.
    SliceLast(usize, usize),
    /// Some axes.
    Flip(Vec<usize>),
    /// Before, after.
    Pad(Vec<usize>, Vec<usize>),
    /// Of square matrices.
    Diagonal,
    /// Square matrices.
    DiagonalMatrix,
    /// Along an axis.
    Concat(usize),
    /// Along a new leading axis.
    Stack,
    /// Of vectors and matrices.
    Dot,
    /// Over the last two axes.
    Matmul,
    /// Every element by every element.
    Outer,
    /// Pairs of axes that are summed, and that run together.
    Contract(Vec<(usize, usize)>, Vec<(usize, usize)>),
    /// Of square matrices.
    Trace,
    /// Lower factor.
    Cholesky,
    /// Of regular matrices.
    Solve,
    /// Of positive definite matrices.
    SolvePositive,
    /// Upper, transposed, unit diagonal.
    SolveTriangular(bool, bool, bool),
    /// On and below the diagonal.
    LowerTriangle,
    /// On and above the diagonal.
    UpperTriangle,
    /// Of regular matrices.
    Inverse,
    /// Of positive definite matrices.
    LogDetPositive,
    /// Of regular matrices: logarithm and sign.
    LogDet,
    /// Entries of the leading axis.
    Rows,
    /// Entries of an axis.
    Take(usize),
    /// So many rows from a start.
    SliceAt(usize),
    /// Into so many rows from a start.
    PlaceAt(usize),
    /// Sums of entries: axis and its length.
    ScatterAdd(usize, usize),
    /// Of so many classes.
    OneHot(usize),
    /// 0, 1, ….
    Iota(usize),
    /// Of two arrays of indices.
    Index(Index),
    /// Of indices and a number.
    IndexNumber(Index, u32),
    /// Real numbers as indices.
    ToIndex,
    /// Indices as real numbers.
    ToReal,
    /// Axis, periodic, adjoint.
    Difference(usize, bool, bool),
    /// Of images and filters.
    Convolve(Boundary, [usize; 2]),
    /// A constant sparse matrix in a product: rows, columns, entries, transposed.
    Sparse(usize, usize, Vec<(usize, usize, f64)>, bool),
    /// The same matrix; its rows that the last operand names.
    SparseRows(usize, usize, Vec<(usize, usize, f64)>, bool),
    /// A sparse matrix whose values are the first operand, in a product with the second: rows, columns, places, transposed; a third operand names rows.
    SparseWith(usize, usize, Vec<(usize, usize)>, bool),
    /// Random numbers on [0, 1): key; the operand is the counter.
    Uniform(u64),
    /// Random indices: key, bound; the operand is the counter.
    RandomIndex(u64, u32),
    /// A loop of a number of steps (items = 0) or over items; the operands are carries, then items. Results: carries, stacked outputs.
    Scan {
        /// (counter if there are no items, carries, items) → (carries, outputs).
        body: Body,
        /// How many operands are carries.
        carries: usize,
        /// Steps.
        steps: usize,
        /// What is kept.
        storage: Storage,
    },
    /// A loop that ends by a test. Results: carries, the count.
    ScanUntil {
        /// Carries → one number.
        test: Body,
        /// (counter, carries) → carries.
        body: Body,
        /// At most so many steps.
        limit: usize,
        /// What is kept.
        storage: Storage,
    },
    /// Independent items.
    Map(Body),
    /// One of two bodies by the operand.
    Cond(Body, Body),
    /// A function of its own, called.
    Call(Body),
}
