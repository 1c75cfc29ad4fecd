//! The CSV format: fields with a delimiter, as numbers or as classes.
use super::quotes::{Marks, unclosed};
use super::{Column, Table, position};
use crate::error::{Error, Result};
use crate::load::Load;
use crate::place::{At, Place, quoted};
use crate::source::Source;
use csv::{ByteRecord, ReaderBuilder, Trim};
use ndarray::Array2;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tables as text, a row a line (RFC 4180, with any delimiter): numbers, and classes where that is asked for.
///
/// Blanks around fields do not count, and empty lines are passed over.
///
/// ```
/// use hypertape_data::{Csv, Load};
/// let text = b"length,width,species\n5.1,3.5,setosa\n6.3,2.5,virginica\n4.9,3.0,setosa\n";
/// let table = Csv::new().classes(["species"]).load_bytes(text)?;
/// let (features, species) = table.split_off("species")?;
/// assert_eq!(features.dim(), (3, 2));
/// assert_eq!(species.to_vec(), [0.0, 1.0, 0.0]);
/// assert_eq!(table.classes[2].as_deref(), Some(&["setosa".to_string(), "virginica".to_string()][..]));
/// let e = Csv::new().load_bytes(text).unwrap_err();
/// assert!(e.to_string().starts_with("bytes, line 2, field 3 (species): `setosa` is no finite number"));
/// # Ok::<(), hypertape_data::Error>(())
/// ```
///
/// # Errors
/// [`Error::NotANumber`], [`Error::Missing`], [`Error::Ragged`], [`Error::NotText`], [`Error::Unclosed`], each with line and field; [`Error::Empty`] where there is no field;
/// [`Error::NoColumn`] and [`Error::SameName`] for columns of classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csv {
    header: Header,
    delimiter: u8,
    comment: Option<u8>,
    skip_lines: usize,
    missing_as_nan: bool,
    classes: Vec<Column>,
    detect_classes: bool,
}

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Header {
    /// It does where it has text above a number of the second row; where there is no second row, if none of its fields is a number.
    /// A table of text only has to be told.
    #[default]
    Detect,
    /// It does.
    Present,
    /// It does not.
    Absent,
}

impl Default for Csv {
    fn default() -> Self {
        Csv {
            header: Header::Detect,
            delimiter: b',',
            comment: None,
            skip_lines: 0,
            missing_as_nan: false,
            classes: vec![],
            detect_classes: false,
        }
    }
}

impl Csv {
    /// Numbers between commas, with a header if it looks like one.
    #[must_use]
    pub fn new() -> Self {
        Csv::default()
    }
    /// Whether there is a header.
    #[must_use]
    pub fn header(mut self, header: Header) -> Self {
        self.header = header;
        self
    }
    /// What stands between fields: `b','` unless set.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }
    /// Lines that begin with this byte are passed over.
    #[must_use]
    pub fn comment(mut self, comment: u8) -> Self {
        self.comment = Some(comment);
        self
    }
    /// Passes over so many lines before the table.
    #[must_use]
    pub fn skip_lines(mut self, lines: usize) -> Self {
        self.skip_lines = lines;
        self
    }
    /// Missing values become NaN instead of an error: empty fields, `?`, and `NA`, `N/A`, `NaN`, `null` in any case.
    #[must_use]
    pub fn missing_as_nan(mut self) -> Self {
        self.missing_as_nan = true;
        self
    }
    /// Columns of text: each becomes the number of its class, in the order of the texts; in the order of numbers, where all texts are such.
    #[must_use]
    pub fn classes<C: Into<Column>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.classes.extend(columns.into_iter().map(Into::into));
        self
    }
    /// Every column with a field that is neither a number nor missing becomes classes too. A typing error in a number then does so as well.
    #[must_use]
    pub fn detect_classes(mut self) -> Self {
        self.detect_classes = true;
        self
    }
}

/// A field, looked at.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Number(f64),
    Missing,
    Text,
}

fn look(field: &[u8]) -> Field {
    const MISSING: [&[u8]; 6] = [b"", b"?", b"na", b"n/a", b"nan", b"null"];
    if MISSING.iter().any(|m| field.eq_ignore_ascii_case(m)) {
        return Field::Missing;
    }
    std::str::from_utf8(field).ok().and_then(|text| text.parse().ok()).map_or(Field::Text, Field::Number)
}

/// A pass over the rows of a table.
struct Rows<'a> {
    source: &'a Source<'a>,
    /// Where the table begins.
    start: usize,
    comment: Option<u8>,
    reader: csv::Reader<&'a [u8]>,
    record: ByteRecord,
}

impl Rows<'_> {
    fn next(&mut self) -> Result<Option<&ByteRecord>> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => Ok(Some(&self.record)),
            Ok(false) => Ok(None),
            Err(error) => Err(Error::Read { place: self.source.place(At::Whole), error: error.into() }),
        }
    }
    /// The line of the record that was read last. What the reader says does not count lines that it passes over.
    fn line(&self) -> u64 {
        let content = self.source.content();
        let mut at = self.start + self.record.position().map_or(0, |p| p.byte() as usize).min(content.len() - self.start);
        loop {
            at += content[at..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            match (self.comment, content.get(at)) {
                (Some(comment), Some(first)) if *first == comment => {
                    at += content[at..].iter().take_while(|b| **b != b'\n').count();
                }
                _ => break,
            }
        }
        content[..at].iter().filter(|b| **b == b'\n').count() as u64 + 1
    }
    fn place(&self, field: usize, names: &[String]) -> Place {
        self.source.place(At::Field { line: self.line(), field: field + 1, name: names.get(field).map(|n| Arc::from(n.as_str())) })
    }
}

/// The texts of a column of classes, each with its number in order of appearance.
type Seen = BTreeMap<String, usize>;

impl Csv {
    fn rows<'a>(&self, source: &'a Source<'a>) -> Rows<'a> {
        let (content, start) = (source.content(), self.start(source.content()));
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).trim(Trim::All).delimiter(self.delimiter).comment(self.comment);
        Rows { source, start, comment: self.comment, reader: builder.from_reader(&content[start..]), record: ByteRecord::new() }
    }

    /// Where the table begins.
    fn start(&self, content: &[u8]) -> usize {
        let mut start = if content.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        for _ in 0..self.skip_lines {
            if start == content.len() {
                break;
            }
            start += content[start..].iter().position(|b| *b == b'\n').map_or(content.len() - start, |end| end + 1);
        }
        start
    }

    /// That every quote that is opened is closed.
    fn check_quotes(&self, source: &Source<'_>) -> Result<()> {
        let content = source.content();
        let (before, table) = content.split_at(self.start(content));
        let Some((line, field)) = unclosed(table, Marks { delimiter: self.delimiter, comment: self.comment }) else { return Ok(()) };
        let line = before.iter().filter(|b| **b == b'\n').count() as u64 + line + 1;
        Err(Error::Unclosed { place: source.place(At::Field { line, field: field + 1, name: None }) })
    }

    /// The names of the columns, empty without a header, and the number of columns.
    fn head(&self, source: &Source<'_>) -> Result<(Vec<String>, usize)> {
        let mut rows = self.rows(source);
        let Some(first) = rows.next()?.cloned() else { return Err(Error::Empty { place: source.place(At::Whole) }) };
        let named = match self.header {
            Header::Present => true,
            Header::Absent => false,
            Header::Detect => {
                let first: Vec<Field> = first.iter().map(look).collect();
                match rows.next()? {
                    Some(second) => first.iter().zip(second).any(|(a, b)| *a == Field::Text && matches!(look(b), Field::Number(_))),
                    None => first.iter().all(|a| *a == Field::Text),
                }
            }
        };
        let mut names = vec![];
        if named {
            let mut rows = self.rows(source);
            rows.next()?;
            for (k, field) in first.iter().enumerate() {
                let text = std::str::from_utf8(field);
                names.push(text.map_err(|_| Error::NotText { place: rows.place(k, &[]), found: quoted(field) })?.to_string());
            }
        }
        Ok((names, first.len()))
    }

    /// Goes through the rows below the header.
    fn each(
        &self,
        source: &Source<'_>,
        (names, columns): (&[String], usize),
        mut field: impl FnMut(usize, &[u8], &dyn Fn() -> Place) -> Result<()>,
    ) -> Result<usize> {
        let mut rows = self.rows(source);
        if !names.is_empty() {
            rows.next()?;
        }
        let mut count = 0;
        while let Some(record) = rows.next()? {
            let length = record.len();
            if length != columns {
                // The first field that is missing, or too much.
                let place = rows.place(length.min(columns), names);
                return Err(Error::Ragged { place, found: length as u64, expected: columns as u64 });
            }
            for (k, text) in rows.record.iter().enumerate() {
                field(k, text, &|| rows.place(k, names))?;
            }
            count += 1;
        }
        Ok(count)
    }
}

impl Load for Csv {
    type Data = Table;

    fn parse(&self, source: &Source<'_>) -> Result<Table> {
        self.check_quotes(source)?;
        let (names, columns) = self.head(source)?;
        let head = (&names[..], columns);
        let mut seen: Vec<Option<Seen>> = vec![None; columns];
        for column in &self.classes {
            seen[position(source.name(), &names, columns, column)?] = Some(Seen::new());
        }
        if self.detect_classes {
            self.each(source, head, |k, text, _| {
                if look(text) == Field::Text {
                    seen[k].get_or_insert_default();
                }
                Ok(())
            })?;
        }
        let mut values = vec![];
        let rows = self.each(source, head, |k, text, place| {
            values.push(match (&mut seen[k], look(text)) {
                (_, Field::Missing) if self.missing_as_nan => f64::NAN,
                (_, Field::Missing) => return Err(Error::Missing { place: place(), found: quoted(text) }),
                (Some(seen), _) => {
                    let text = std::str::from_utf8(text).map_err(|_| Error::NotText { place: place(), found: quoted(text) })?;
                    let next = seen.len();
                    *seen.entry(text.to_string()).or_insert(next) as f64
                }
                (None, Field::Number(x)) if x.is_finite() => x,
                (None, _) => {
                    let remedy = "correct it, or name its column in `classes`";
                    return Err(Error::NotANumber { place: place(), found: quoted(text), what: "value", remedy });
                }
            });
            Ok(())
        })?;
        // There is a value for each field of each row.
        let too_large = |_| Error::Shape { place: source.place(At::Whole), shape: format!("({rows}, {columns})") };
        let mut values = Array2::from_shape_vec((rows, columns), values).map_err(too_large)?;
        let classes = seen.into_iter().enumerate().map(|(k, seen)| seen.map(|seen| order(values.column_mut(k), seen))).collect();
        Ok(Table { values, names, classes, source: source.name().to_string() })
    }
}

/// Puts classes into the order of their texts, or of their numbers where all are such.
fn order(mut column: ndarray::ArrayViewMut1<'_, f64>, seen: Seen) -> Vec<String> {
    let mut texts: Vec<(String, usize)> = seen.into_iter().collect();
    let numbers: Option<Vec<f64>> = texts.iter().map(|(text, _)| text.parse().ok()).collect();
    if let Some(numbers) = numbers {
        let mut sorted: Vec<_> = numbers.into_iter().zip(texts).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        texts = sorted.into_iter().map(|(_, text)| text).collect();
    }
    let mut numbers = vec![0.0; texts.len()];
    for (number, (_, appeared)) in texts.iter().enumerate() {
        numbers[*appeared] = number as f64;
    }
    // NaN is a missing value.
    column.iter_mut().filter(|x| !x.is_nan()).for_each(|x| *x = numbers[*x as usize]);
    texts.into_iter().map(|(text, _)| text).collect()
}
