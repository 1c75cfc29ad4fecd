//! The UCI digits: 1797 images of 8 x 8 pixels, split into training, validation and test rows.

use hypertape::linear::norm;
use hypertape::record::Csr;
use ndarray::{ArcArray2, Array2};
use std::error::Error;
use std::fmt;
use std::ops::Range;

/// Pixels of an image.
pub const FEATURES: usize = 64;
/// Digits.
pub const CLASSES: usize = 10;

const ROWS: usize = 1797;
const TRAIN: Range<usize> = 0..1000;
const VALIDATION: Range<usize> = 1000..1400;
const TEST: Range<usize> = 1400..ROWS;
/// The largest value of a pixel in the file.
const WHITE: u8 = 16;

/// Images and labels of the three parts. `x_*` has one image a row, pixels in 0..=1; `y_*` is one-hot; `labels_*` holds the digits.
#[derive(Clone, Debug)]
pub struct Digits {
    /// Training images, 1000 x 64.
    pub x_train: ArcArray2<f64>,
    /// Training labels, one-hot, 1000 x 10.
    pub y_train: ArcArray2<f64>,
    /// Training labels.
    pub labels_train: Vec<usize>,
    /// Validation images, 400 x 64.
    pub x_validation: ArcArray2<f64>,
    /// Validation labels, one-hot, 400 x 10.
    pub y_validation: ArcArray2<f64>,
    /// Validation labels.
    pub labels_validation: Vec<usize>,
    /// Test images, 397 x 64.
    pub x_test: ArcArray2<f64>,
    /// Test labels, one-hot, 397 x 10.
    pub y_test: ArcArray2<f64>,
    /// Test labels.
    pub labels_test: Vec<usize>,
}

impl Digits {
    /// The data set in `data/digits/optdigits.csv`, which is part of the program.
    pub fn load() -> Result<Digits, DigitsError> {
        Digits::parse(include_str!("../../data/digits/optdigits.csv"))
    }

    fn parse(text: &str) -> Result<Digits, DigitsError> {
        let rows = text.lines().enumerate().map(|(index, line)| row(index + 1, line)).collect::<Result<Vec<_>, _>>()?;
        if rows.len() != ROWS {
            return Err(DigitsError::Rows { found: rows.len() });
        }
        let (x_train, y_train, labels_train) = part(&rows[TRAIN]);
        let (x_validation, y_validation, labels_validation) = part(&rows[VALIDATION]);
        let (x_test, y_test, labels_test) = part(&rows[TEST]);
        Ok(Digits { x_train, y_train, labels_train, x_validation, y_validation, labels_validation, x_test, y_test, labels_test })
    }
}

/// Images as sparse rows of length 1.
///
/// # Errors
/// None of the digits; an image without a bright pixel.
pub fn unit_rows(x: &ArcArray2<f64>) -> hypertape::Result<Csr<f64>> {
    let (mut starts, mut columns, mut values) = (vec![0], vec![], vec![]);
    for row in x.rows() {
        let length = norm(&row.to_vec());
        for (j, v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            columns.push(j as u32);
            values.push(v / length);
        }
        starts.push(columns.len());
    }
    Csr::new([x.nrows(), x.ncols()], starts, columns, values)
}

/// Why a file is not the digits data set. Lines and columns count from 1.
#[derive(Clone, PartialEq, Eq)]
pub enum DigitsError {
    /// The number of lines is not 1797.
    Rows {
        /// How many there are.
        found: usize,
    },
    /// A line does not have 65 columns.
    Columns {
        /// The line.
        line: usize,
        /// How many columns it has.
        found: usize,
    },
    /// An entry is not a whole number in its range.
    Entry {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The entry as it stands in the file.
        found: String,
        /// The largest value that may stand there.
        most: u8,
    },
}

impl fmt::Display for DigitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DigitsError::Rows { found } => write!(f, "digits: {found} lines where {ROWS} are expected")?,
            DigitsError::Columns { line, found } => {
                write!(f, "digits: {found} columns where {} are expected, in line {line}", FEATURES + 1)?;
            }
            DigitsError::Entry { line, column, found, most } => {
                write!(f, "digits: `{found}` is not a whole number from 0 to {most}, in line {line}, column {column}")?;
            }
        }
        write!(f, "; restore data/digits/optdigits.csv and compare its SHA-256 with the README beside it")
    }
}

impl fmt::Debug for DigitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for DigitsError {}

struct Row {
    pixels: [f64; FEATURES],
    label: usize,
}

fn row(line: usize, text: &str) -> Result<Row, DigitsError> {
    let found = text.split(',').count();
    if found != FEATURES + 1 {
        return Err(DigitsError::Columns { line, found });
    }
    let mut row = Row { pixels: [0.0; FEATURES], label: 0 };
    for (column, entry) in text.split(',').enumerate() {
        let most = if column < FEATURES { WHITE } else { CLASSES as u8 - 1 };
        let value = entry.trim().parse::<u8>().ok().filter(|value| *value <= most);
        let value = value.ok_or_else(|| DigitsError::Entry { line, column: column + 1, found: entry.to_string(), most })?;
        match row.pixels.get_mut(column) {
            Some(pixel) => *pixel = f64::from(value) / f64::from(WHITE),
            None => row.label = usize::from(value),
        }
    }
    Ok(row)
}

fn part(rows: &[Row]) -> (ArcArray2<f64>, ArcArray2<f64>, Vec<usize>) {
    let x = Array2::from_shape_fn((rows.len(), FEATURES), |(row, column)| rows[row].pixels[column]);
    let y = Array2::from_shape_fn((rows.len(), CLASSES), |(row, class)| f64::from(u8::from(rows[row].label == class)));
    (x.into_shared(), y.into_shared(), rows.iter().map(|row| row.label).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_parts_have_their_rows_and_labels() {
        let digits = Digits::load().unwrap();
        for (x, y, labels, rows) in [
            (&digits.x_train, &digits.y_train, &digits.labels_train, 1000),
            (&digits.x_validation, &digits.y_validation, &digits.labels_validation, 400),
            (&digits.x_test, &digits.y_test, &digits.labels_test, 397),
        ] {
            assert_eq!((x.dim(), y.dim(), labels.len()), ((rows, FEATURES), (rows, CLASSES), rows));
            assert!(x.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
            for (row, label) in labels.iter().enumerate() {
                assert_eq!((y[[row, *label]], y.row(row).sum()), (1.0, 1.0));
            }
        }
        assert_eq!(digits.labels_train[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(digits.x_train[[0, 2]], 5.0 / 16.0);
        assert_eq!(digits.labels_test.last(), Some(&8));
    }

    #[test]
    fn a_wrong_file_is_an_error_that_says_where() {
        let good = include_str!("../../data/digits/optdigits.csv");
        let with = |old: &str, new: &str| Digits::parse(&good.replacen(old, new, 1)).unwrap_err();
        assert_eq!(Digits::parse("").unwrap_err(), DigitsError::Rows { found: 0 });
        assert_eq!(with("0,0,5,13", "0,5,13"), DigitsError::Columns { line: 1, found: 64 });
        assert_eq!(with("0,0,5,13", "0,0,5,17"), DigitsError::Entry { line: 1, column: 4, found: "17".into(), most: 16 });
        let message = with("0,0,5,13", "0,0,?,13").to_string();
        assert!(message.contains("`?`") && message.contains("line 1, column 3"), "{message}");
    }
}
