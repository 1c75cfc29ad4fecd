//! A table of numbers: columns by name or number, and classes that were text.
mod quotes;
mod read;

use crate::error::{Error, Result};
use ndarray::{Array1, Array2, ArrayView1, Axis};
pub use read::{Csv, Header};

/// A table of numbers. A column of classes holds the number of each row's class.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Table {
    /// Rows and columns. A missing value that was allowed is NaN.
    pub values: Array2<f64>,
    /// What the header calls the columns; empty without a header.
    pub names: Vec<String>,
    /// For each column of classes, their texts: class k has the number k.
    pub classes: Vec<Option<Vec<String>>>,
    /// What errors call the table.
    source: String,
}

/// A column, by its name in the header or by its number from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// By name.
    Name(String),
    /// By number, from 0.
    Number(usize),
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Column::Name(name.into())
    }
}

impl From<String> for Column {
    fn from(name: String) -> Self {
        Column::Name(name)
    }
}

impl From<usize> for Column {
    fn from(number: usize) -> Self {
        Column::Number(number)
    }
}

/// The number of a column among so many, of which those with a header have names.
fn position(source: &str, names: &[String], columns: usize, column: &Column) -> Result<usize> {
    let nothing = |column: String| {
        let there = if names.is_empty() { format!("{columns} columns without names, counted from 0") } else { names.join(", ") };
        Err(Error::NoColumn { table: source.into(), column, columns: there })
    };
    match column {
        Column::Number(number) if *number < columns => Ok(*number),
        Column::Number(number) => nothing(number.to_string()),
        Column::Name(name) => {
            let mut found = names.iter().enumerate().filter(|(_, n)| *n == name).map(|(k, _)| k);
            match (found.next(), found.next()) {
                (Some(first), Some(second)) => Err(Error::SameName { table: source.into(), name: name.clone(), first, second }),
                (Some(only), None) => Ok(only),
                _ => nothing(name.clone()),
            }
        }
    }
}

impl Table {
    /// The number of a column, from 0.
    ///
    /// # Errors
    /// [`Error::NoColumn`], [`Error::SameName`].
    pub fn position(&self, column: impl Into<Column>) -> Result<usize> {
        position(&self.source, &self.names, self.values.ncols(), &column.into())
    }
    /// A column.
    ///
    /// # Errors
    /// Those of [`Table::position`].
    pub fn column(&self, column: impl Into<Column>) -> Result<ArrayView1<'_, f64>> {
        Ok(self.values.column(self.position(column)?))
    }
    /// Several columns, in the order that is given.
    ///
    /// # Errors
    /// Those of [`Table::position`].
    pub fn columns<C: Into<Column>>(&self, columns: impl IntoIterator<Item = C>) -> Result<Array2<f64>> {
        let numbers: Vec<usize> = columns.into_iter().map(|c| self.position(c)).collect::<Result<_>>()?;
        Ok(self.values.select(Axis(1), &numbers))
    }
    /// All other columns, and this one: what a model sees, and what it predicts.
    ///
    /// # Errors
    /// Those of [`Table::position`].
    pub fn split_off(&self, target: impl Into<Column>) -> Result<(Array2<f64>, Array1<f64>)> {
        let target = self.position(target)?;
        let others: Vec<usize> = (0..self.values.ncols()).filter(|k| *k != target).collect();
        Ok((self.values.select(Axis(1), &others), self.values.column(target).to_owned()))
    }
}
