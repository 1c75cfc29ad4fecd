//! 20 Newsgroups: counts of words in messages, as sparse rows of length 1.

use crate::folder::find;
use hypertape::data::Source;
use hypertape::record::Csr;
use std::error::Error;
use std::path::PathBuf;

/// Rows of features and their classes.
#[derive(Clone, Debug)]
pub struct Messages {
    /// For each row its columns and values.
    pub rows: Vec<Vec<(u32, f64)>>,
    /// The classes, from 0.
    pub classes: Vec<u8>,
    /// Columns.
    pub features: usize,
}

/// Takes a number of 7 bits a byte, the lowest first.
fn number(bytes: &mut std::slice::Iter<'_, u8>) -> Result<u32, String> {
    let (mut value, mut shift) = (0_u32, 0);
    for b in bytes {
        value |= u32::from(b & 127).checked_shl(shift).ok_or("a number is too long")?;
        if b & 128 == 0 {
            return Ok(value);
        }
        shift += 7;
    }
    Err("the file ends within a number".into())
}

impl Messages {
    /// The part `train` or `test`, of the folder given or that of `HYPERTAPE_DATA`; none where it is absent.
    ///
    /// # Errors
    /// A file that is not in its format.
    pub fn load(folder: Option<&PathBuf>, part: &str) -> Result<Option<Messages>, Box<dyn Error>> {
        let Some(path) = find(folder, &format!("20news/20news-{part}.n20s.gz")) else { return Ok(None) };
        Ok(Some(Messages::parse(Source::open(&path)?.content()).map_err(|e| format!("{}: {e}", path.display()))?))
    }
    /// From "N20S"; rows, columns, entries; a class a row; entries a row; then for each entry the step from the column before and the count.
    fn parse(bytes: &[u8]) -> Result<Messages, String> {
        let word = |k: usize| -> Result<usize, String> {
            let four = bytes.get(k..k + 4).ok_or("the file ends within its head")?;
            Ok(u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize)
        };
        if bytes.get(..4) != Some(b"N20S") {
            return Err("it does not begin with N20S".into());
        }
        let (n, features) = (word(4)?, word(8)?);
        let classes = bytes.get(16..16 + n).ok_or("the file ends within the classes")?.to_vec();
        let lengths: Vec<usize> = (0..n).map(|i| word(16 + n + 4 * i)).collect::<Result<_, _>>()?;
        let mut rest = bytes.get(16 + 5 * n..).ok_or("the file ends within the lengths")?.iter();
        let mut rows = Vec::with_capacity(n);
        for length in lengths {
            let (mut column, mut row) = (0, vec![]);
            for _ in 0..length {
                column += number(&mut rest)?;
                row.push((column, f64::from(number(&mut rest)?)));
            }
            let size = row.iter().map(|e| e.1 * e.1).sum::<f64>().sqrt();
            row.iter_mut().for_each(|e| e.1 /= if size > 0.0 { size } else { 1.0 });
            rows.push(row);
        }
        Ok(Messages { rows, classes, features })
    }
    /// Some rows as a sparse matrix.
    ///
    /// # Errors
    /// Rows that are not there.
    pub fn matrix(&self, which: &[usize]) -> Result<Csr<f64>, Box<dyn Error>> {
        let (mut starts, mut columns, mut values) = (vec![0], vec![], vec![]);
        for i in which {
            for (j, v) in self.rows.get(*i).ok_or_else(|| format!("there is no row {i} of {}", self.rows.len()))? {
                columns.push(*j);
                values.push(*v);
            }
            starts.push(columns.len());
        }
        Ok(Csr::new([which.len(), self.features], starts, columns, values)?)
    }
}
