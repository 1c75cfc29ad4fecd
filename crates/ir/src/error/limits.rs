//! Why there is nothing to work on, too much of it, or a place outside of it: the words for each.

/// What there is none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nothing {
    /// Elements of a mean.
    Mean,
    /// Arrays to concatenate.
    Concatenated,
    /// Arrays to place.
    Placed,
    /// Items of a loop.
    Items,
    /// Indices below 0.
    Indices,
    /// Axes of a number, to sum over.
    Axes,
    /// Rows of a number.
    Rows,
}

impl Nothing {
    pub(super) fn words(self) -> &'static str {
        match self {
            Nothing::Mean => "it is one of nothing, 0/0; leave it out, or give an element at least",
            Nothing::Concatenated => "there is nothing to concatenate; give at least one array",
            Nothing::Placed => "there is nothing to place",
            Nothing::Items => "there is nothing to run over; give a number of steps",
            Nothing::Indices => "there is no index below 0; give a larger bound",
            Nothing::Axes => "a number has no axis to sum over; multiply with `*`",
            Nothing::Rows => "a number has no rows; give an array of rank 1 or more",
        }
    }
}

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Many {
    /// Steps of a loop as it is recorded.
    Steps,
    /// Steps of a loop in a program.
    Turns,
    /// Indices counted up.
    Indices,
    /// Columns of a sparse matrix.
    Columns,
    /// Instructions of one operation.
    Instructions,
    /// Rows with fewer columns than there are rows, to be independent.
    Rows,
    /// Loops and branches within each other.
    Nested,
    /// Last steps to keep, of so many.
    Last,
}

impl Many {
    pub(super) fn words(self, given: u64, most: u64) -> String {
        match self {
            Many::Steps => format!("{given} steps are more than a u32 counts; nest two loops"),
            Many::Turns => format!("{given} steps are more than u32 can count; take fewer"),
            Many::Indices => format!("{given} indices are more than u32 can count; give fewer"),
            Many::Columns => format!("{given} columns are more than u32 can name; give fewer"),
            Many::Instructions => format!("{given} instructions at once, more than fit; write it as several operations"),
            Many::Last => format!("`Keep::Last({given})` of {most} steps; keep at most {most}, or unroll more"),
            Many::Nested => format!(
                "{given} loops and branches within each other are more than {most}; make one loop of several, or a `select` of a branch"
            ),
            Many::Rows => format!("{given} rows of {most} numbers depend on each other; remove those that depend on others"),
        }
    }
}

/// Which stretch of an axis lies outside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stretch {
    /// Entries `from..to`.
    Slice,
    /// `count` entries from `from`, by a step.
    Steps {
        /// How many.
        count: usize,
        /// The step.
        by: isize,
    },
    /// Rows `from..to`, of a start that is known when it runs.
    Window,
    /// More rows than there are, from any start.
    Rows,
    /// More rows than fit into the whole.
    Into,
}

impl Stretch {
    pub(super) fn words(self, [from, to]: [usize; 2], axis: usize, length: usize) -> String {
        match self {
            Stretch::Slice => format!("{from}..{to} is no range of axis {axis} of length {length}; stay within 0..{length}"),
            Stretch::Steps { count, by } => {
                format!("{count} elements from {from} by {by} do not lie in axis {axis} of length {length}; stay within the axis")
            }
            Stretch::Window => {
                format!("rows {from} to {to} are out of range: axis {axis} has length {length}; start earlier, or take fewer")
            }
            Stretch::Rows => format!("{to} rows are more than the {length} there are; take fewer"),
            Stretch::Into => format!("there are more rows, {to}, than {length}; give a longer axis"),
        }
    }
}

/// What numbers are indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexRange {
    /// A number written in the program: whole, from 0 to below 2³².
    Literal,
    /// From 0 to below 2³².
    U32,
    /// Computed in single precision: from 0 to below 2²⁴.
    Single,
}

impl IndexRange {
    pub(super) fn words(self, value: f64, place: &[usize], from: &[f64]) -> String {
        let from = match from {
            [a, b, ..] => format!(", from {a} and {b}"),
            _ => String::new(),
        };
        match self {
            IndexRange::Literal => format!("{value} is no index; give a whole number from 0 to below 2^32"),
            IndexRange::U32 => format!(
                "element {place:?} is {value}{from}, which is no index: it must be at least 0 and below 2^32; check what it is computed from"
            ),
            IndexRange::Single => format!(
                "element {place:?} is {value}{from}, which is no index in single precision, where integers from 2^24 on are not told apart; compute \
                 indices in f64 or u32"
            ),
        }
    }
}

/// What is wrong with a choice of a function's leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// A variable is not one of the function's own.
    Computed,
    /// One is chosen twice.
    Twice,
}

impl Choice {
    pub(super) fn words(self) -> &'static str {
        match self {
            Choice::Computed => "what is chosen is computed; choose among the function's own inputs or outputs as they are",
            Choice::Twice => "one leaf is chosen twice; choose each once",
        }
    }
}

/// What is wrong with the order of axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// They are not ascending, each once.
    Ascending,
    /// They are not each axis once.
    Permutation,
    /// They do not follow one another.
    Adjacent,
}

impl Order {
    pub(super) fn words(self, axes: &[usize], rank: usize) -> String {
        match self {
            Order::Ascending => format!("{axes:?} are no axes of an array of rank {rank}; name axes below it, ascending, each once"),
            Order::Permutation => format!("{axes:?} is not an order of the {rank} axes; name each of 0..{rank} once"),
            Order::Adjacent => format!("{axes:?} do not follow one another; permute them first"),
        }
    }
}
