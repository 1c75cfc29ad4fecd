//! The npy format of NumPy: a header that describes one array, and its elements.
mod header;

use crate::any_array::{AnyArray, assemble, bytes_of};
use crate::error::{Error, Result};
use crate::load::Load;
use crate::place::{At, quoted};
use crate::source::Source;
use header::Header;

/// The npy format (NumPy enhancement proposal 1; `numpy.lib.format`), versions 1 to 3: arrays of bool, of whole numbers of 8 to 64 bits, of f32 and f64, in
/// the byte order and in the order of axes, C or Fortran, that the file says.
///
/// ```no_run
/// use hypertape_data::{Load, Npy};
/// let spectra: ndarray::Array2<f64> = Npy.load("spectra.npy")?.into_f64()?;
/// # Ok::<(), hypertape_data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Format`] for bytes that are no npy header, [`Error::ElementType`] for other elements (complex, half, text, objects, records), [`Error::Truncated`],
/// [`Error::Trailing`], [`Error::Shape`]. Nothing is allocated for elements that are not there, and nothing in the file is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Npy;

impl Load for Npy {
    type Data = AnyArray;

    fn parse(&self, source: &Source<'_>) -> Result<AnyArray> {
        let Header { kind, size, big_endian, fortran, shape, start } = header::read(source)?;
        let elements = &source.content()[start..];
        let at = |byte: usize| source.place(At::Byte((start + byte) as u64));
        let what = || format!("elements of the shape {shape:?}");
        let too_large = || Error::Shape { place: source.place(At::Byte(0)), shape: format!("{shape:?}") };
        let needed = bytes_of(&shape, size).ok_or_else(too_large)?;
        if (elements.len() as u128) < needed {
            return Err(Error::Truncated { place: at(0), what: what(), needed, found: elements.len() as u64 });
        }
        // It is at most the number of bytes that there are.
        let end = needed as usize;
        if elements.len() > end {
            return Err(Error::Trailing { place: at(end), what: what(), extra: (elements.len() - end) as u64 });
        }
        /// Elements of a numeric type, in one byte order or the other.
        macro_rules! numbers {
            ($type:ty) => {
                assemble(&shape, fortran, elements, if big_endian { <$type>::from_be_bytes } else { <$type>::from_le_bytes })
            };
        }
        let array = match (kind, size) {
            (b'b', _) => {
                if let Some(byte) = elements.iter().position(|b| *b > 1) {
                    let found = quoted(&elements[byte..=byte]);
                    return Err(Error::Format { place: at(byte), expected: "a bool, 0 or 1,", found });
                }
                assemble(&shape, fortran, elements, |[b]: [u8; 1]| b == 1)
            }
            (b'u', 1) => numbers!(u8),
            (b'u', 2) => numbers!(u16),
            (b'u', 4) => numbers!(u32),
            (b'u', _) => numbers!(u64),
            (b'i', 1) => numbers!(i8),
            (b'i', 2) => numbers!(i16),
            (b'i', 4) => numbers!(i32),
            (b'i', _) => numbers!(i64),
            (_, 4) => numbers!(f32),
            (_, _) => numbers!(f64),
        };
        array.ok_or_else(too_large)
    }
}
