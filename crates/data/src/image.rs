//! Images: PNG as grey or coloured arrays with values from 0 to 1.
use crate::error::{Error, Result};
use crate::load::Load;
use crate::place::At;
use crate::source::Source;
use ndarray::{Array2, Array3, Axis};
use png::{ColorType, Decoder, Transformations};
use std::io::Cursor;

/// PNG images (ISO/IEC 15948) of 1 to 16 bits, grey, coloured or with a palette, interlaced or not, as values from 0 to 1.
///
/// A value is the stored one divided by the largest: gamma and colour profiles do nothing. Of an animation, the first image is read.
///
/// ```no_run
/// use hypertape_data::{Load, Png};
/// let camera: ndarray::Array2<f64> = Png::new().load("camera.png")?.into_grey()?;
/// # Ok::<(), hypertape_data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Png`] for what is no PNG, damaged or cut short, [`Error::Trailing`] for bytes after its end, [`Error::Transparent`], [`Error::Limit`] where the values would take more bytes than the source
/// may have. An image that its compressed bytes cannot hold is refused before anything is allocated for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Png {
    ignore_alpha: bool,
}

/// An image, with values from 0 to 1: rows, columns, and for colour red, green and blue.
#[derive(Debug, Clone, PartialEq)]
pub enum Image {
    /// Without colour.
    Grey(Array2<f64>),
    /// Red, green, blue along the last axis.
    Rgb(Array3<f64>),
}

/// The most that deflate can make of a byte (zlib, technical details): 1032.
const DEFLATE: u128 = 1032;

impl Png {
    /// Transparent pixels are an error.
    #[must_use]
    pub fn new() -> Self {
        Png::default()
    }
    /// Takes the colours of pixels that are not opaque as they stand.
    #[must_use]
    pub fn ignore_alpha(mut self) -> Self {
        self.ignore_alpha = true;
        self
    }
}

impl Image {
    /// The grey image.
    ///
    /// # Errors
    /// [`Error::Colours`] of a coloured one.
    pub fn into_grey(self) -> Result<Array2<f64>> {
        match self {
            Image::Grey(grey) => Ok(grey),
            Image::Rgb(_) => Err(Error::Colours { found: "coloured", wanted: "grey" }),
        }
    }
    /// The coloured image.
    ///
    /// # Errors
    /// [`Error::Colours`] of a grey one.
    pub fn into_rgb(self) -> Result<Array3<f64>> {
        match self {
            Image::Rgb(rgb) => Ok(rgb),
            Image::Grey(_) => Err(Error::Colours { found: "grey", wanted: "coloured" }),
        }
    }
    /// The grey image, or 0.2126 red + 0.7152 green + 0.0722 blue of a coloured one (Recommendation ITU-R BT.709), of the values as stored.
    #[must_use]
    pub fn luma(&self) -> Array2<f64> {
        match self {
            Image::Grey(grey) => grey.clone(),
            Image::Rgb(rgb) => rgb.map_axis(Axis(2), |c| 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]),
        }
    }
}

/// Where an image that was decoded ends: after its chunk IEND.
fn end(content: &[u8]) -> Option<usize> {
    // Behind the signature, each chunk is its length, its name, so many bytes, and a check sum.
    let mut at = 8;
    loop {
        let length = u32::from_be_bytes(*content.get(at..)?.first_chunk()?) as usize;
        let name = content.get(at + 4..at + 8)?;
        at = at.checked_add(length)?.checked_add(12)?;
        if name == b"IEND" {
            return Some(at);
        }
    }
}

impl Load for Png {
    type Data = Image;

    fn parse(&self, source: &Source<'_>) -> Result<Image> {
        let failed = |error: png::DecodingError| Error::Png { place: source.place(At::Whole), error: Box::new(error) };
        let mut decoder = Decoder::new(Cursor::new(source.content()));
        // What is not used cannot be wrong.
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        // Palettes to colours, few bits to 8, a transparent colour to alpha.
        decoder.set_transformations(Transformations::EXPAND);
        let mut reader = decoder.read_info().map_err(failed)?;
        let (width, height) = (reader.info().width as usize, reader.info().height as usize);
        let bits = (reader.info().bits_per_pixel() as u128) * (width as u128) * (height as u128);
        if bits / 8 > DEFLATE * source.content().len() as u128 {
            let error = format!("{width} × {height} pixels are more than {} compressed bytes can hold", source.content().len());
            return Err(Error::Png { place: source.place(At::Whole), error: error.into() });
        }
        let (color, depth) = reader.output_color_type();
        let samples = color.samples();
        let limit = source.limit().0;
        let bytes = (width as u128) * (height as u128) * (samples as u128) * size_of::<f64>() as u128;
        let size = reader.output_buffer_size().filter(|_| bytes <= u128::from(limit));
        let size = size.ok_or_else(|| Error::Limit { place: source.place(At::Whole), limit })?;
        let mut buffer = vec![0; size];
        reader.next_frame(&mut buffer).map_err(failed)?;
        reader.finish().map_err(failed)?;
        if let Some(end) = end(source.content()).filter(|end| *end < source.content().len()) {
            let extra = (source.content().len() - end) as u64;
            return Err(Error::Trailing { place: source.place(At::Byte(end as u64)), what: "the end of the image".into(), extra });
        }
        let values: Vec<f64> = match depth {
            png::BitDepth::Sixteen => {
                let (pairs, _) = buffer.as_chunks::<2>();
                pairs.iter().map(|p| f64::from(u16::from_be_bytes(*p)) / f64::from(u16::MAX)).collect()
            }
            _ => buffer.iter().map(|b| f64::from(*b) / f64::from(u8::MAX)).collect(),
        };
        let alpha = matches!(color, ColorType::GrayscaleAlpha | ColorType::Rgba);
        let colours = samples - usize::from(alpha);
        let clear = values.chunks_exact(samples).position(|p| alpha && p[colours] < 1.0);
        if let Some(pixel) = clear.filter(|_| !self.ignore_alpha) {
            return Err(Error::Transparent { place: source.place(At::Whole), pixel: [pixel / width, pixel % width] });
        }
        let values = if alpha { values.chunks_exact(samples).flat_map(|p| &p[..colours]).copied().collect() } else { values };
        let wrong = |_| Error::Shape { place: source.place(At::Whole), shape: format!("({height}, {width}, {colours})") };
        if colours == 1 {
            Array2::from_shape_vec((height, width), values).map(Image::Grey).map_err(wrong)
        } else {
            Array3::from_shape_vec((height, width, colours), values).map(Image::Rgb).map_err(wrong)
        }
    }
}
