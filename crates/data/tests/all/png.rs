//! PNG images: every colour type and depth, interlacing, transparency, cut and hostile files.
use flate2::write::ZlibEncoder;
use hypertape_data::{Error, Image, Limit, Load, Png};
use ndarray::{Array2, arr2, arr3};
use png::{BitDepth, ColorType, Encoder};
use proptest::prelude::*;
use std::io::Write;

fn encoded(width: u32, height: u32, color: ColorType, depth: BitDepth, data: &[u8], palette: Option<(&[u8], &[u8])>) -> Vec<u8> {
    let mut file = vec![];
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if let Some((colours, alpha)) = palette {
        encoder.set_palette(colours.to_vec());
        encoder.set_trns(alpha.to_vec());
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    file
}

/// A PNG by hand: the header's fields, and lines with their filter bytes.
fn by_hand(width: u32, height: u32, depth: u8, color: u8, interlaced: u8, lines: &[u8]) -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(data);
        [&(data.len() as u32).to_be_bytes()[..], kind, data, &crc.sum().to_be_bytes()].concat()
    };
    let mut zlib = ZlibEncoder::new(vec![], flate2::Compression::best());
    zlib.write_all(lines).unwrap();
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, color, 0, 0, interlaced]].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &head), &chunk(b"IDAT", &zlib.finish().unwrap()), &chunk(b"IEND", &[])].concat()
}

fn grey(file: &[u8]) -> Array2<f64> {
    Png::new().load_bytes(file).unwrap().into_grey().unwrap()
}

#[test]
fn grey_images_of_every_depth_are_read() {
    let eight = encoded(3, 2, ColorType::Grayscale, BitDepth::Eight, &[0, 51, 255, 102, 1, 254], None);
    assert_eq!(grey(&eight), arr2(&[[0.0, 0.2, 1.0], [0.4, 1.0 / 255.0, 254.0 / 255.0]]));
    let sixteen = encoded(2, 1, ColorType::Grayscale, BitDepth::Sixteen, &[0x33, 0x33, 0x00, 0x01], None);
    assert_eq!(grey(&sixteen), arr2(&[[0.2, 1.0 / 65535.0]]));
    let one = encoded(3, 1, ColorType::Grayscale, BitDepth::One, &[0b1010_0000], None);
    assert_eq!(grey(&one), arr2(&[[1.0, 0.0, 1.0]]));
    let two = encoded(4, 1, ColorType::Grayscale, BitDepth::Two, &[0b0001_1011], None);
    assert_eq!(grey(&two), arr2(&[[0.0, 85.0 / 255.0, 170.0 / 255.0, 1.0]]));
    let four = encoded(2, 1, ColorType::Grayscale, BitDepth::Four, &[0x3f], None);
    assert_eq!(grey(&four), arr2(&[[0.2, 1.0]]));
}

#[test]
fn coloured_images_are_read() {
    let rgb = Png::new().load_bytes(&encoded(2, 1, ColorType::Rgb, BitDepth::Eight, &[255, 0, 51, 0, 102, 255], None)).unwrap();
    let expected = arr3(&[[[1.0, 0.0, 0.2], [0.0, 0.4, 1.0]]]);
    assert_eq!(rgb, Image::Rgb(expected.clone()));
    assert_eq!(rgb.luma(), arr2(&[[0.2126 + 0.0722 * 0.2, 0.7152 * 0.4 + 0.0722]]));
    assert!(matches!(rgb.clone().into_grey().unwrap_err(), Error::Colours { .. }));
    assert_eq!(rgb.into_rgb().unwrap(), expected);
    let palette = (&[255, 0, 51, 0, 102, 255][..], &[255, 255][..]);
    let indexed = encoded(2, 1, ColorType::Indexed, BitDepth::One, &[0b0100_0000], Some(palette));
    assert_eq!(Png::new().load_bytes(&indexed).unwrap(), Image::Rgb(expected.clone()));
    let wide: Vec<u8> = [255, 0, 51, 0, 102, 255].iter().flat_map(|b| [*b, *b]).collect();
    let sixteen = encoded(2, 1, ColorType::Rgb, BitDepth::Sixteen, &wide, None);
    assert_eq!(Png::new().load_bytes(&sixteen).unwrap(), Image::Rgb(expected));
    let image = Png::new().load_bytes(&encoded(1, 1, ColorType::Grayscale, BitDepth::Eight, &[51], None)).unwrap();
    assert_eq!(image.luma(), arr2(&[[0.2]]));
    assert_eq!(image.into_rgb().unwrap_err().to_string(), "the image is grey, not coloured; call `luma` for grey, or take the other one");
}

#[test]
fn pixels_that_are_not_opaque_are_named() {
    let opaque = encoded(2, 1, ColorType::GrayscaleAlpha, BitDepth::Eight, &[51, 255, 0, 255], None);
    assert_eq!(grey(&opaque), arr2(&[[0.2, 0.0]]));
    let file = encoded(2, 2, ColorType::Rgba, BitDepth::Eight, &[[9; 4], [0, 0, 0, 255], [0, 0, 0, 255], [0; 4]].concat(), None);
    assert!(matches!(Png::new().load_bytes(&file).unwrap_err(), Error::Transparent { pixel: [0, 0], .. }));
    assert_eq!(Png::new().ignore_alpha().load_bytes(&file).unwrap().into_rgb().unwrap()[[0, 0, 2]], 9.0 / 255.0);
    let last =
        encoded(2, 2, ColorType::GrayscaleAlpha, BitDepth::Sixteen, &[[255; 4], [255; 4], [255; 4], [255, 255, 255, 254]].concat(), None);
    assert!(matches!(Png::new().load_bytes(&last).unwrap_err(), Error::Transparent { pixel: [1, 1], .. }));
    let palette = (&[0, 0, 0, 255, 255, 255][..], &[255, 7][..]);
    let indexed = encoded(2, 1, ColorType::Indexed, BitDepth::One, &[0b0100_0000], Some(palette));
    assert!(matches!(Png::new().load_bytes(&indexed).unwrap_err(), Error::Transparent { pixel: [0, 1], .. }));
}

#[test]
fn interlaced_images_are_read() {
    // Adam7: the first pixel, the step, along rows and along columns, of each pass.
    const PASSES: [[usize; 4]; 7] = [[0, 8, 0, 8], [0, 8, 4, 8], [4, 8, 0, 4], [0, 4, 2, 4], [2, 4, 0, 2], [0, 2, 1, 2], [1, 2, 0, 1]];
    for (height, width) in [(1, 1), (3, 5), (9, 10)] {
        let image = Array2::from_shape_fn((height, width), |(i, j)| (i * width + j) as u8);
        let mut lines = vec![];
        for [first_row, rows, first_column, columns] in PASSES {
            let across: Vec<usize> = (first_column..width).step_by(columns).collect();
            for i in (first_row..height).step_by(rows).filter(|_| !across.is_empty()) {
                lines.push(0);
                lines.extend(across.iter().map(|j| image[[i, *j]]));
            }
        }
        let file = by_hand(width as u32, height as u32, 8, 0, 1, &lines);
        assert_eq!(grey(&file), image.mapv(|v| f64::from(v) / 255.0));
    }
}

#[test]
fn a_file_that_is_cut_at_any_byte_is_refused() {
    let data: Vec<u8> = (0..90_u8).map(|i| i.wrapping_mul(37)).collect();
    for file in [encoded(10, 9, ColorType::Grayscale, BitDepth::Eight, &data, None), by_hand(1, 1, 8, 0, 1, &[0, 7])] {
        for end in 0..file.len() {
            let error = Png::new().load_bytes(&file[..end]).unwrap_err();
            assert!(matches!(error, Error::Png { .. }), "{end}: {error}");
        }
    }
    let error = Png::new().load_bytes(b"GIF89a, which is another format").unwrap_err();
    assert!(error.to_string().ends_with("is the file damaged, or no PNG?"), "{error}");
}

#[test]
fn bytes_after_the_end_are_refused() {
    let file = encoded(2, 1, ColorType::Grayscale, BitDepth::Eight, &[51, 255], None);
    let more = [&file[..], b"\0tail"].concat();
    let Error::Trailing { place, extra: 5, .. } = Png::new().load_bytes(&more).unwrap_err() else { panic!("five bytes are too many") };
    assert_eq!(place.to_string(), format!("bytes, byte {}", file.len()));
    // Two images in one file are not the first one.
    assert!(matches!(Png::new().load_bytes(&[&file[..], &file].concat()).unwrap_err(), Error::Trailing { .. }));
}

#[test]
fn a_hostile_header_allocates_nothing() {
    for (width, height, depth, color) in
        [(1 << 30, 1, 8, 0), (1 << 20, 1 << 20, 8, 0), (u32::MAX >> 1, u32::MAX >> 1, 16, 2), (60_000, 60_000, 1, 0)]
    {
        let error = Png::new().load_bytes(&by_hand(width, height, depth, color, 0, &[0; 100])).unwrap_err();
        assert!(matches!(error, Error::Png { .. }), "{error}");
    }
    for (width, height) in [(0, 1), (1, 0)] {
        assert!(matches!(Png::new().load_bytes(&by_hand(width, height, 8, 0, 0, &[])).unwrap_err(), Error::Png { .. }));
    }
}

#[test]
fn pixels_have_a_limit() {
    let file = by_hand(1000, 1000, 8, 0, 0, &vec![0; 1001 * 1000]);
    assert!(file.len() < 5000);
    assert_eq!(Png::new().parse(&Limit(8_000_000).bytes(&file).unwrap()).unwrap().into_grey().unwrap().dim(), (1000, 1000));
    let error = Png::new().parse(&Limit(7_999_999).bytes(&file).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: 7_999_999, .. }), "{error}");
}

proptest! {
    #[test]
    fn what_is_written_is_read(width in 1_usize..9, height in 1_usize..9, values in prop::collection::vec(any::<u16>(), 64)) {
        let values = &values[..width * height];
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
        let file = encoded(width as u32, height as u32, ColorType::Grayscale, BitDepth::Sixteen, &bytes, None);
        let expected: Vec<f64> = values.iter().map(|v| f64::from(*v) / 65535.0).collect();
        prop_assert_eq!(grey(&file), Array2::from_shape_vec((height, width), expected).unwrap());
    }

    #[test]
    fn no_bytes_make_it_panic(at in 8_usize..80, byte: u8, depth in 0_u8..17, color in 0_u8..7, lines in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut file = encoded(3, 2, ColorType::Rgba, BitDepth::Eight, &[7; 24], None);
        let at = at.min(file.len() - 1);
        file[at] = byte;
        let _ = Png::new().ignore_alpha().load_bytes(&file);
        let _ = Png::new().load_bytes(&by_hand(3, 2, depth, color, depth % 2, &lines));
    }
}
