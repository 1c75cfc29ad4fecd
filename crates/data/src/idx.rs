//! The idx format of MNIST: a magic number, the length of each axis, the elements.
use crate::any_array::{AnyArray, assemble, bytes_of};
use crate::error::{Error, Result};
use crate::load::Load;
use crate::place::{At, quoted};
use crate::source::Source;

/// The idx format (LeCun, Cortes and Burges, the MNIST database): two zero bytes, a type code, the number of axes, the length of each axis as 32
/// bits, and the elements by rows, most significant byte first. Types are u8 (08), i8 (09), i16 (0B), i32 (0C), f32 (0D) and f64 (0E).
///
/// ```no_run
/// use hypertape_data::{Idx, Load};
/// use ndarray::{Array1, Array3};
/// let labels: Array1<u8> = Idx.load("train-labels-idx1-ubyte.gz")?.into_array()?;
/// let images: Array3<u8> = Idx.load("train-images-idx3-ubyte.gz")?.into_array()?;
/// let pixels = images.mapv(|p| f64::from(p) / 255.0);
/// # Ok::<(), hypertape_data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Format`] for other bytes at the start, [`Error::ElementType`], [`Error::Truncated`], [`Error::Trailing`], [`Error::Shape`]. Nothing is allocated for
/// elements that are not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Idx;

const HEAD: usize = 4;

impl Load for Idx {
    type Data = AnyArray;

    fn parse(&self, source: &Source<'_>) -> Result<AnyArray> {
        let bytes = source.content();
        let at = |byte: usize| source.place(At::Byte(byte as u64));
        let missing = |byte: usize, needed: u128, what: String| Error::Truncated {
            place: at(byte),
            what,
            needed,
            found: bytes.len().saturating_sub(byte) as u64,
        };
        let Some(&[zero, also_zero, code, axes]) = bytes.first_chunk::<HEAD>() else {
            return Err(missing(0, HEAD as u128, "an idx header".into()));
        };
        if (zero, also_zero) != (0, 0) {
            return Err(Error::Format { place: at(0), expected: "the two zero bytes of idx", found: quoted(&bytes[..2]) });
        }
        let size = match code {
            0x08 | 0x09 => 1,
            0x0B => 2,
            0x0C | 0x0D => 4,
            0x0E => 8,
            other => {
                let known = "08 (u8), 09 (i8), 0B (i16), 0C (i32), 0D (f32), 0E (f64)";
                return Err(Error::ElementType { place: at(2), found: format!("{other:02X}"), known });
            }
        };
        let start = HEAD + 4 * usize::from(axes);
        let Some(sizes) = bytes.get(HEAD..start) else {
            return Err(missing(HEAD, 4 * u128::from(axes), format!("the lengths of {axes} axes")));
        };
        let too_large = |shape: &dyn std::fmt::Debug| Error::Shape { place: at(HEAD), shape: format!("{shape:?}") };
        let (sizes, _) = sizes.as_chunks::<4>();
        let shape: Option<Vec<usize>> = sizes.iter().map(|s| usize::try_from(u32::from_be_bytes(*s)).ok()).collect();
        let shape = shape.ok_or_else(|| too_large(&sizes))?;
        let needed = bytes_of(&shape, size).ok_or_else(|| too_large(&shape))?;
        let elements = &bytes[start..];
        let what = || format!("elements of the shape {shape:?}");
        if (elements.len() as u128) < needed {
            return Err(missing(start, needed, what()));
        }
        // It is at most the number of bytes that there are.
        let end = needed as usize;
        if elements.len() > end {
            return Err(Error::Trailing { place: at(start + end), what: what(), extra: (elements.len() - end) as u64 });
        }
        let array = match code {
            0x08 => assemble(&shape, false, elements, u8::from_be_bytes),
            0x09 => assemble(&shape, false, elements, i8::from_be_bytes),
            0x0B => assemble(&shape, false, elements, i16::from_be_bytes),
            0x0C => assemble(&shape, false, elements, i32::from_be_bytes),
            0x0D => assemble(&shape, false, elements, f32::from_be_bytes),
            _ => assemble(&shape, false, elements, f64::from_be_bytes),
        };
        array.ok_or_else(|| too_large(&shape))
    }
}
