//! What does not fit of a convolution or of the parts of a sparse matrix.

/// What does not fit of images, filters and outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Convolved {
    /// An operand does not have four axes.
    #[error("ranks differ from those of images and filters; give [batch, channels, rows, columns] and [filters, channels, rows, columns]")]
    Ranks([usize; 2]),
    /// Rows and columns of the two operands.
    #[error("rows and columns are {found:?}, expected {expected:?}; give those")]
    Sizes {
        /// Those given.
        found: [[usize; 2]; 2],
        /// Those that fit.
        expected: [[usize; 2]; 2],
    },
    /// The axis of channels or of the batch.
    #[error("images and filters differ in their channels, or images and outputs in their batch; make these axes agree")]
    Channels([usize; 2]),
    /// The size of a filter, or a stride, is 0 along an axis.
    #[error("a filter or stride is 0 along an axis; give at least 1 along both")]
    Zero {
        /// Which axis: 0 for rows, 1 for columns.
        axis: usize,
    },
    /// A filter is larger than the image, without a boundary.
    #[error("a filter of {filter} does not lie within an image of {image}; choose a boundary")]
    Filter {
        /// Size of the filter.
        filter: usize,
        /// Size of the image.
        image: usize,
    },
}

/// What does not fit of the parts of a compressed sparse matrix.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Compressed {
    /// There are not rows + 1 starts, or the first is not 0, or the last not the number of entries.
    #[error("the starts of {rows} rows must be {} numbers from 0 to the number of entries, {entries}", *rows as u128 + 1)]
    Starts {
        /// Rows.
        rows: usize,
        /// Entries.
        entries: usize,
    },
    /// The starts decrease.
    #[error("row {row} starts at {start} and the next at {next}; give starts that do not decrease")]
    Decreasing {
        /// The row.
        row: usize,
        /// Its start.
        start: usize,
        /// That of the next one.
        next: usize,
    },
    /// Columns and values of the entries are not as many.
    #[error("there are {columns} columns of entries and {values} values; give one of each for every entry")]
    Entries {
        /// Columns given.
        columns: usize,
        /// Values given.
        values: usize,
    },
    /// An entry stands in a column that there is not.
    #[error("entry {entry} stands in column {column}, of {columns}; give columns below that")]
    Column {
        /// The entry.
        entry: usize,
        /// Its column.
        column: usize,
        /// How many columns there are.
        columns: usize,
    },
    /// An entry is not finite.
    #[error("entry {entry} is {value}; clean the data")]
    Value {
        /// The entry.
        entry: usize,
        /// Its value.
        value: f64,
    },
}
