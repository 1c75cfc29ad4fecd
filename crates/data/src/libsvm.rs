//! The libsvm format: a line for each row, of its label and of its entries as `index:value`.
use crate::error::{Error, Result};
use crate::load::Load;
use crate::place::{At, Place, quoted};
use crate::source::Source;
use crate::sparse::SparseRows;
use ndarray::Array1;

/// The text format of LIBSVM and SVMlight (Chang and Lin, 2011): `label index:value index:value … # comment`, with ascending indices from 1.
///
/// Empty lines and comments are passed over. Entries that are 0 stay. There are as many columns as the largest index says, unless
/// [`Libsvm::columns`] does: training and test data need the same number.
///
/// # Errors
/// [`Error::NotANumber`], [`Error::NotAPair`], [`Error::Index`], [`Error::NotAscending`], [`Error::Query`], each with line and column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Libsvm {
    columns: Option<u32>,
    ignore_qid: bool,
    from_zero: bool,
}

/// Rows and their labels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Labelled {
    /// The rows.
    pub rows: SparseRows,
    /// The label of each row, as it stands in the file: ±1, a class, a number to predict.
    pub labels: Array1<f64>,
}

impl Libsvm {
    /// With as many columns as the largest index says.
    #[must_use]
    pub fn new() -> Self {
        Libsvm::default()
    }
    /// The number of columns. A larger index is an error.
    #[must_use]
    pub fn columns(mut self, columns: u32) -> Self {
        self.columns = Some(columns);
        self
    }
    /// Passes over `qid:…` instead of refusing it.
    #[must_use]
    pub fn ignore_qid(mut self) -> Self {
        self.ignore_qid = true;
        self
    }
    /// Indices count from 0 in the file.
    #[must_use]
    pub fn from_zero(mut self) -> Self {
        self.from_zero = true;
        self
    }
}

/// Entries as they come.
#[derive(Default)]
struct Rows {
    starts: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f64>,
}

impl Load for Libsvm {
    type Data = Labelled;

    fn parse(&self, source: &Source<'_>) -> Result<Labelled> {
        let mut rows = Rows { starts: vec![0], ..Rows::default() };
        let mut labels = vec![];
        let content = source.content();
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        for (number, line) in content.split(|b| *b == b'\n').enumerate() {
            let place = |column: usize| source.place(At::Line { line: number as u64 + 1, column: column + 1 });
            let mut words = words(line);
            let Some((column, label)) = words.next() else { continue };
            let remedy = "begin each row with one label, and each comment with #";
            labels.push(number_of(label, "label", remedy, || place(column))?);
            let mut previous = None;
            for (column, word) in words {
                if word.starts_with(b"qid:") {
                    if self.ignore_qid {
                        continue;
                    }
                    return Err(Error::Query { place: place(column), found: quoted(word) });
                }
                let (index, value) = self.pair(word, previous, |shift| place(column + shift))?;
                previous = Some(index);
                rows.indices.push((index - self.first()) as u32);
                rows.values.push(value);
            }
            rows.starts.push(rows.values.len());
        }
        let columns = match self.columns {
            Some(columns) => columns as usize,
            None => rows.indices.iter().max().map_or(0, |last| *last as usize + 1),
        };
        Ok(Labelled {
            rows: SparseRows::new([labels.len(), columns], rows.starts, rows.indices, rows.values)?,
            labels: Array1::from(labels),
        })
    }
}

impl Libsvm {
    fn first(&self) -> u64 {
        u64::from(!self.from_zero)
    }
    /// The index as it stands and the value of `index:value`. Places are given by the byte in it.
    fn pair(&self, word: &[u8], previous: Option<u64>, place: impl Fn(usize) -> Place) -> Result<(u64, f64)> {
        let split = word.iter().position(|b| *b == b':');
        let digits = split.map(|colon| &word[..colon]).filter(|d| !d.is_empty() && d.iter().all(u8::is_ascii_digit));
        let (Some(colon), Some(digits)) = (split, digits) else {
            return Err(Error::NotAPair { place: place(0), found: quoted(word) });
        };
        // Too many digits are out of range too.
        let index = digits.iter().fold(0_u64, |sum, d| sum.saturating_mul(10).saturating_add(u64::from(d - b'0')));
        let first = self.first();
        let columns = self.columns.unwrap_or(u32::MAX);
        if index < first || index - first >= u64::from(columns) {
            return Err(Error::Index { place: place(0), index, first, last: (u64::from(columns) + first).saturating_sub(1) });
        }
        if let Some(previous) = previous.filter(|p| *p >= index) {
            return Err(Error::NotAscending { place: place(0), index, previous });
        }
        let remedy = "write it like 1, -0.5 or 1e-3, after the colon";
        Ok((index, number_of(&word[colon + 1..], "value", remedy, || place(colon + 1))?))
    }
}

/// The words of a line before its comment, each with its first byte.
fn words(line: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let end = line.iter().position(|b| *b == b'#').unwrap_or(line.len());
    let mut at = 0;
    std::iter::from_fn(move || {
        at += line[at..end].iter().take_while(|b| b.is_ascii_whitespace()).count();
        let word = &line[at..end];
        let word = &word[..word.iter().position(u8::is_ascii_whitespace).unwrap_or(word.len())];
        at += word.len();
        (!word.is_empty()).then_some((at - word.len(), word))
    })
}

fn number_of(word: &[u8], what: &'static str, remedy: &'static str, place: impl Fn() -> Place) -> Result<f64> {
    let number = std::str::from_utf8(word).ok().and_then(|text| text.parse::<f64>().ok()).filter(|x| x.is_finite());
    number.ok_or_else(|| Error::NotANumber { place: place(), found: quoted(word), what, remedy })
}
