//! The idx format: every type, cut files, hostile headers.
use crate::gzip::packed;
use hypertape_data::{AnyArray, Error, Idx, Load};
use ndarray::{Array, Array2, ArrayD, Ix0, IxDyn, arr2};
use proptest::prelude::*;

fn encoded(code: u8, shape: &[u32], elements: &[u8]) -> Vec<u8> {
    let sizes = shape.iter().flat_map(|s| s.to_be_bytes());
    [0, 0, code, shape.len() as u8].into_iter().chain(sizes).chain(elements.iter().copied()).collect()
}

#[test]
fn every_type_is_read() {
    macro_rules! check {
        ($code:literal, $type:ident, $variant:ident, $($x:expr),*) => {{
            let values: Vec<$type> = vec![$($x),*];
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
            let array = Idx.load_bytes(&encoded($code, &[2, 2], &bytes)).unwrap();
            let expected = ArrayD::from_shape_vec(IxDyn(&[2, 2]), values).unwrap();
            assert_eq!(array, AnyArray::$variant(expected.clone()));
            assert_eq!(array.elements(), stringify!($type));
            assert_eq!(array.to_f64().unwrap(), expected.mapv(f64::from));
        }};
    }
    check!(0x08, u8, U8, 0, 1, 254, 255);
    check!(0x09, i8, I8, 0, 1, -1, -128);
    check!(0x0B, i16, I16, 0, 258, -2, i16::MIN);
    check!(0x0C, i32, I32, 0, 16_909_060, -2, i32::MIN);
    check!(0x0D, f32, F32, 0.0, 1.5, -2.25, f32::MAX);
    check!(0x0E, f64, F64, 0.0, 1.5, -2.25, f64::MIN_POSITIVE);
}

#[test]
fn small_shapes_are_read() {
    for (shape, elements) in [(&[][..], &[7][..]), (&[0], &[]), (&[1], &[7]), (&[0, 28, 28], &[]), (&[28, 0], &[]), (&[1, 1, 1], &[7])] {
        let array = Idx.load_bytes(&encoded(8, shape, elements)).unwrap();
        assert_eq!(array.shape(), shape.iter().map(|s| *s as usize).collect::<Vec<_>>());
    }
    let number: Array<u8, Ix0> = Idx.load_bytes(&encoded(8, &[], &[7])).unwrap().into_array().unwrap();
    assert_eq!(number.into_scalar(), 7);
}

#[test]
fn a_file_that_is_cut_at_any_byte_is_refused() {
    let whole = encoded(0x0C, &[2, 3], &[1; 24]);
    for end in 0..whole.len() {
        let error = Idx.load_bytes(&whole[..end]).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{end}: {error}");
    }
    let error = Idx.load_bytes(&whole[..20]).unwrap_err();
    let words =
        "bytes, byte 12: 24 bytes belong here, of elements of the shape [2, 3], and 8 are left; the file is cut short: fetch it again";
    assert_eq!(error.to_string(), words);
    let error = Idx.load_bytes(&[&whole[..], &[1, 2]].concat()).unwrap_err();
    assert!(matches!(error, Error::Trailing { extra: 2, .. }), "{error}");
    assert!(error.to_string().starts_with("bytes, byte 36: 2 bytes too many"), "{error}");
}

#[test]
fn a_hostile_header_allocates_nothing() {
    let error = Idx.load_bytes(&encoded(0x0E, &[u32::MAX; 3], &[])).unwrap_err();
    assert!(matches!(error, Error::Truncated { needed, .. } if needed == 8 * u128::from(u32::MAX).pow(3)), "{error}");
    // No memory has so many elements; not even u128 counts them.
    assert!(matches!(Idx.load_bytes(&encoded(0x0E, &[u32::MAX; 255], &[])).unwrap_err(), Error::Shape { .. }));
    // Nothing in it, but no array has such axes.
    assert!(matches!(Idx.load_bytes(&encoded(8, &[0, u32::MAX, u32::MAX, u32::MAX], &[])).unwrap_err(), Error::Shape { .. }));
}

#[test]
fn other_files_are_named() {
    for bytes in [&b"\x01\0\x08\x01"[..], b"1 1:2\n", b"\x93NUMPY\x01\0"] {
        assert!(matches!(Idx.load_bytes(bytes).unwrap_err(), Error::Format { .. }));
    }
    let error = Idx.load_bytes(&[0, 0, 0x0A, 1, 0, 0, 0, 0]).unwrap_err();
    assert!(matches!(&error, Error::ElementType { found, .. } if found == "0A"), "{error}");
}

#[test]
fn another_type_or_rank_than_asked_for_is_named() {
    let array = || Idx.load_bytes(&encoded(8, &[1, 2], &[3, 4])).unwrap();
    let error = array().into_array::<f32, ndarray::Ix2>().unwrap_err();
    assert_eq!(error.to_string(), "the elements are u8, not f32; ask for these, or call `to_f64`");
    let error = array().into_array::<u8, ndarray::Ix3>().unwrap_err();
    assert_eq!(error.to_string(), "the array has the shape [1, 2], not 3 axes; ask for its own rank, or reshape it");
    let numbers: Array2<f64> = array().into_f64().unwrap();
    assert_eq!(numbers, arr2(&[[3.0, 4.0]]));
}

proptest! {
    #[test]
    fn what_is_written_is_read(shape in prop::collection::vec(0_u32..5, 0..4), seed in 0_u8..255) {
        let n = shape.iter().product::<u32>() as usize;
        let elements: Vec<u8> = (0..n).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
        let bytes = encoded(8, &shape, &elements);
        let array: ArrayD<u8> = Idx.load_bytes(&packed(&bytes)).unwrap().into_array().unwrap();
        prop_assert_eq!(array.iter().copied().collect::<Vec<_>>(), elements);
    }

    #[test]
    fn no_bytes_make_it_panic(head in prop::collection::vec(any::<u8>(), 0..4), code in 7_u8..16, rest in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = Idx.load_bytes(&[&head[..], &rest].concat());
        let _ = Idx.load_bytes(&[&[0, 0, code], &rest[..]].concat());
    }
}
