//! What can go wrong: each variant has the place, the values that did not fit, and what to do.
use crate::place::Place;
use std::io;

/// What a call of this crate gives.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong while data were read, split or judged.
///
/// ```
/// use hypertape_data::{Error, Libsvm, Load};
/// let e = Libsvm::new().load_bytes(b"1 3:1\n-1 4:0.5 2:1\n").unwrap_err();
/// assert_eq!(e.to_string(), "bytes, line 2, column 10: index 2 follows 4; sort the indices of a row, and give each once");
/// assert!(matches!(e, Error::NotAscending { index: 2, previous: 4, .. }));
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be opened.
    #[error("{path}: {error}; look at the path and its permissions")]
    Open {
        /// The path.
        path: String,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// A source broke off.
    #[error("{place}: {error}; look at the disk or the connection, and read again")]
    Read {
        /// Where.
        place: Place,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// Compressed bytes are damaged or end early.
    #[error("{place} of the decompressed bytes: {error}; the gzip file is damaged or cut short: fetch it again")]
    Gzip {
        /// How far decompression came.
        place: Place,
        /// What the decoder says.
        #[source]
        error: io::Error,
    },
    /// More bytes than allowed, after decompression.
    #[error("{place}: more than the limit of {limit} bytes; if it is to be so large, give a higher `Limit`")]
    Limit {
        /// Where the limit was passed.
        place: Place,
        /// The limit in bytes.
        limit: u64,
    },
    /// A table without a single field.
    #[error("{place}: no field at all; give a file with a header or a row")]
    Empty {
        /// Where.
        place: Place,
    },
    /// Bytes that are no text.
    #[error("{place}: `{found}` is no UTF-8; save the file in this encoding")]
    NotText {
        /// Where.
        place: Place,
        /// The bytes, escaped.
        found: String,
    },
    /// Text where a finite number belongs.
    #[error("{place}: `{found}` is no finite number, as a {what} must be; {remedy}")]
    NotANumber {
        /// Where.
        place: Place,
        /// The text.
        found: String,
        /// What the number stands for.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Text where `index:value` belongs.
    #[error("{place}: `{found}` is no `index:value` with a whole index; put a colon between both, and blanks between pairs only")]
    NotAPair {
        /// Where.
        place: Place,
        /// The text.
        found: String,
    },
    /// An index of 0 or of more than 32 bits.
    #[error("{place}: index {index} is not among {first} … {last}; indices count from 1, unless `from_zero` is set")]
    Index {
        /// Where.
        place: Place,
        /// The index as it stands.
        index: u64,
        /// The first index that may stand there.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// Indices of a row that do not ascend.
    #[error("{place}: index {index} follows {previous}; sort the indices of a row, and give each once")]
    NotAscending {
        /// Where.
        place: Place,
        /// The index.
        index: u64,
        /// The one before it.
        previous: u64,
    },
    /// A query number, which only rankings use.
    #[error("{place}: `{found}` groups rows by query, which is not read; call `ignore_qid` if it has no meaning here")]
    Query {
        /// Where.
        place: Place,
        /// The text.
        found: String,
    },
    /// A field without a value.
    #[error("{place}: `{found}` is a missing value; fill it in, drop the row, or call `missing_as_nan`")]
    Missing {
        /// Where.
        place: Place,
        /// The text.
        found: String,
    },
    /// A row of more or fewer fields than the first one.
    #[error("{place}: {found} fields, and {expected} in the first row; look at the delimiter, at quotes, and at `skip_lines`")]
    Ragged {
        /// Where.
        place: Place,
        /// Its fields.
        found: u64,
        /// Those of the first row.
        expected: u64,
    },
    /// A quote that is opened and not closed: the rest of the file would be one field.
    #[error("{place}: a quote is opened here and closed nowhere; close it, or double it inside of a quoted field")]
    Unclosed {
        /// The field that begins with it.
        place: Place,
    },
    /// A column that is not in a table.
    #[error("{table}: no column {column}; there are {columns}")]
    NoColumn {
        /// The table.
        table: String,
        /// What was asked for.
        column: String,
        /// The columns that there are.
        columns: String,
    },
    /// A name that two columns have.
    #[error("{table}: columns {first} and {second}, counted from 0, are both called {name}; ask for one by its number")]
    SameName {
        /// The table.
        table: String,
        /// The name.
        name: String,
        /// The first column of that name, from 0.
        first: usize,
        /// The second one.
        second: usize,
    },
    /// Bytes that the format does not allow.
    #[error("{place}: `{found}` where {expected} belongs; is the file of another format, or damaged?")]
    Format {
        /// Where.
        place: Place,
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Elements of a type that is not read.
    #[error("{place}: elements of type {found}; convert the array to one of {known}")]
    ElementType {
        /// Where.
        place: Place,
        /// What the file says.
        found: String,
        /// The types that are read.
        known: &'static str,
    },
    /// Fewer bytes than the header promises.
    #[error("{place}: {needed} bytes belong here, of {what}, and {found} are left; the file is cut short: fetch it again")]
    Truncated {
        /// Where what is missing begins.
        place: Place,
        /// Of what.
        what: String,
        /// The bytes that are promised.
        needed: u128,
        /// The bytes that there are.
        found: u64,
    },
    /// Bytes after the end.
    #[error("{place}: {extra} bytes too many, after {what}; cut them off if they mean nothing")]
    Trailing {
        /// Where they begin.
        place: Place,
        /// What ends there.
        what: String,
        /// How many there are.
        extra: u64,
    },
    /// A shape that no array in memory can have.
    #[error("{place}: an array of shape {shape} fits no memory; is the header damaged?")]
    Shape {
        /// Where.
        place: Place,
        /// The shape.
        shape: String,
    },
    /// An image that cannot be decoded.
    #[error("{place}: {error}; is the file damaged, or no PNG?")]
    Png {
        /// Where.
        place: Place,
        /// What the decoder says.
        #[source]
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An image with pixels that are not opaque.
    #[error("{place}: pixel {pixel:?}, row and column counted from 0, is not opaque; flatten the image, or call `ignore_alpha`")]
    Transparent {
        /// Where.
        place: Place,
        /// The row and the column of the first such pixel.
        pixel: [usize; 2],
    },
    /// A grey image where a coloured one is needed, or the other way round.
    #[error("the image is {found}, not {wanted}; call `luma` for grey, or take the other one")]
    Colours {
        /// What it is.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// An array of other elements than asked for.
    #[error("the elements are {found}, not {wanted}; ask for these, or call `to_f64`")]
    Elements {
        /// What they are.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// An array of another rank than asked for.
    #[error("the array has the shape {shape:?}, not {wanted} axes; ask for its own rank, or reshape it")]
    Rank {
        /// The shape.
        shape: Vec<usize>,
        /// The number of axes that was asked for.
        wanted: usize,
    },
    /// A whole number that no f64 is equal to.
    #[error("element {index:?} is {value}, which f64 cannot hold; take the whole numbers themselves by `into_array`")]
    NotExact {
        /// Its place.
        index: Vec<usize>,
        /// Its value.
        value: i128,
    },
    /// Starts of rows that do not fit the entries.
    #[error("the starts of {rows} rows must be one number more than rows, from 0 to the number of entries, {entries}")]
    Starts {
        /// The number of rows.
        rows: usize,
        /// The number of entries.
        entries: usize,
    },
    /// A row that ends before it starts.
    #[error("row {row} starts at {start} and the next at {next}; give starts that do not decrease")]
    Decreasing {
        /// The row.
        row: usize,
        /// Its start.
        start: usize,
        /// The start of the next.
        next: usize,
    },
    /// Not as many values as indices.
    #[error("{indices} indices and {values} values; give one of each for every entry")]
    Entries {
        /// The number of indices.
        indices: usize,
        /// The number of values.
        values: usize,
    },
    /// An entry outside, or not after the one before it.
    #[error("row {row}: entry {entry} stands in column {column}, of {columns}; give columns that ascend within a row, below that number")]
    Column {
        /// The row.
        row: usize,
        /// The number of the entry.
        entry: usize,
        /// Its column.
        column: u32,
        /// The number of columns.
        columns: usize,
    },
    /// A row that is not there.
    #[error("{of}: row {row}, of {rows}; count from 0")]
    Row {
        /// The call.
        of: &'static str,
        /// The row that was asked for.
        row: usize,
        /// The number of rows.
        rows: usize,
    },
    /// A dense matrix that would be too large.
    #[error("to_dense: {rows} × {columns} numbers are more than {limit} bytes; stay sparse, take fewer rows, or give a higher limit")]
    Dense {
        /// The number of rows.
        rows: usize,
        /// The number of columns.
        columns: usize,
        /// The limit.
        limit: u64,
    },
    /// Nothing to compute from.
    #[error("{of}: no {what}; give at least one")]
    Nothing {
        /// The call.
        of: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// Two arrays that differ in shape.
    #[error("{of}: the shapes {left:?} and {right:?} differ; give one of each for every element")]
    Shapes {
        /// The call.
        of: &'static str,
        /// The shape of the first.
        left: Vec<usize>,
        /// The shape of the second.
        right: Vec<usize>,
    },
    /// A value that is not a number, or not finite where it has to be.
    #[error("{of}: element {index} of the {what} is {value}; find out where it comes from, or leave it out")]
    NotFinite {
        /// The call.
        of: &'static str,
        /// Of what.
        what: &'static str,
        /// Which one, counted by rows.
        index: usize,
        /// Its value.
        value: String,
    },
    /// Labels that are all the same.
    #[error("{of}: all {rows} labels are {class}; give examples of both classes")]
    OneClass {
        /// The call.
        of: &'static str,
        /// The class.
        class: String,
        /// The number of labels.
        rows: usize,
    },
    /// A class that nothing has.
    #[error("{of}: no class {class}; there are {classes}")]
    NoClass {
        /// The call.
        of: &'static str,
        /// The class that was asked for.
        class: String,
        /// The classes that there are.
        classes: String,
    },
    /// A measure that divides by zero.
    #[error("{of} of {what} is undefined: {because}")]
    Undefined {
        /// The measure.
        of: &'static str,
        /// Of what: a class, or numbers without a spread.
        what: String,
        /// Why, and what to do.
        because: &'static str,
    },
    /// A setting out of its range.
    #[error("{of}: {what} is {value}; give {range}")]
    Setting {
        /// The call.
        of: &'static str,
        /// The setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// Too few rows for a split.
    #[error("{of}: {rows} rows{class} do not give every part a row; give at least {needed}, or fewer parts")]
    FewRows {
        /// The call.
        of: &'static str,
        /// The number of rows.
        rows: usize,
        /// Of which class, in words; empty for all.
        class: String,
        /// How many there must be.
        needed: usize,
    },
}

/// One line that a person can read, as `main() -> Result<..>` prints it.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
