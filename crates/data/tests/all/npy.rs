//! The npy format: headers as NumPy 2.4 writes them, every type, cut files, hostile headers.
use crate::gzip::packed;
use hypertape_data::{AnyArray, Error, Load, Npy};
use ndarray::{Array2, ArrayD, IxDyn, ShapeBuilder, arr2};
use proptest::prelude::*;

/// A file of a version, with a header padded as NumPy does.
fn encoded(version: u8, header: &str, elements: &[u8]) -> Vec<u8> {
    let lengths = if version == 1 { 2 } else { 4 };
    let mut padded = header.to_string();
    while !(8 + lengths + padded.len() + 1).is_multiple_of(64) {
        padded.push(' ');
    }
    padded.push('\n');
    let length = (padded.len() as u32).to_le_bytes();
    [b"\x93NUMPY", &[version, 0][..], &length[..lengths], padded.as_bytes(), elements].concat()
}

fn plain(elements: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    encoded(1, &format!("{{'descr': '{elements}', 'fortran_order': False, 'shape': {shape}, }}"), bytes)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|k| u8::from_str_radix(&hex[k..k + 2], 16).unwrap()).collect()
}

/// `numpy.arange(6).reshape(2, 3).astype(..)`, as `numpy.save` writes it: elements, their name here, the bytes.
const WRITTEN: [(&str, &str, &str); 13] = [
    ("|u1", "u8", "000102030405"),
    ("|i1", "i8", "000102030405"),
    ("<u2", "u16", "000001000200030004000500"),
    (">u2", "u16", "000000010002000300040005"),
    ("<i2", "i16", "000001000200030004000500"),
    ("<u4", "u32", "000000000100000002000000030000000400000005000000"),
    ("<i4", "i32", "000000000100000002000000030000000400000005000000"),
    ("<u8", "u64", "000000000000000001000000000000000200000000000000030000000000000004000000000000000500000000000000"),
    ("<i8", "i64", "000000000000000001000000000000000200000000000000030000000000000004000000000000000500000000000000"),
    (">i8", "i64", "000000000000000000000000000000010000000000000002000000000000000300000000000000040000000000000005"),
    ("<f4", "f32", "000000000000803f0000004000004040000080400000a040"),
    ("<f8", "f64", "0000000000000000000000000000f03f0000000000000040000000000000084000000000000010400000000000001440"),
    (">f8", "f64", "00000000000000003ff00000000000004000000000000000400800000000000040100000000000004014000000000000"),
];

#[test]
fn what_numpy_writes_is_read() {
    let expected = arr2(&[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
    for (descr, name, hex) in WRITTEN {
        let file = plain(descr, "(2, 3)", &bytes_of(hex));
        assert_eq!(file.len(), 128 + hex.len() / 2);
        let array = Npy.load_bytes(&file).unwrap();
        assert_eq!((array.elements(), array.shape()), (name, &[2, 3][..]), "{descr}");
        assert_eq!(array.to_f64().unwrap(), expected.clone().into_dyn(), "{descr}");
        assert_eq!(array.into_f64::<ndarray::Ix2>().unwrap(), expected, "{descr}");
        assert_eq!(Npy.load_bytes(&packed(&file)).unwrap().elements(), name);
    }
    let bools: Array2<bool> = Npy.load_bytes(&plain("|b1", "(2, 3)", &[0, 1, 1, 1, 1, 0])).unwrap().into_array().unwrap();
    assert_eq!(bools, arr2(&[[false, true, true], [true, true, false]]));
    // numpy.asfortranarray(..): columns one after another.
    let header = "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }";
    let array: Array2<i16> = Npy.load_bytes(&encoded(1, header, &bytes_of("000003000100040002000500"))).unwrap().into_array().unwrap();
    assert_eq!(array.mapv(f64::from), expected);
}

#[test]
fn other_versions_and_spellings_are_read() {
    for (version, header) in [
        (2, "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }"),
        (3, "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }"),
        (1, "{\"shape\":(1L,),\"descr\":\"u1\",\"fortran_order\":False}"),
        (1, "{ 'fortran_order' : True , 'shape' : ( 1 , ) , 'descr' : '<u1' , }"),
    ] {
        let array: ndarray::Array1<u8> = Npy.load_bytes(&encoded(version, header, &[7])).unwrap().into_array().unwrap();
        assert_eq!(array.to_vec(), [7]);
    }
    // Without the padding of NumPy.
    let bare = [&b"\x93NUMPY\x01\0\x34\0"[..], b"{'descr':'|u1','fortran_order':False,'shape':(1,)} \n", &[9]].concat();
    assert_eq!(Npy.load_bytes(&bare).unwrap(), AnyArray::U8(ndarray::arr1(&[9]).into_dyn()));
}

#[test]
fn sizes_0_and_1() {
    let number = Npy.load_bytes(&plain("<f8", "()", &2.5_f64.to_le_bytes())).unwrap();
    assert_eq!(number.into_f64::<ndarray::Ix0>().unwrap().into_scalar(), 2.5);
    for shape in ["(0,)", "(0, 3)", "(3, 0, 2)"] {
        assert_eq!(Npy.load_bytes(&plain("<f8", shape, &[])).unwrap().to_f64().unwrap().len(), 0);
    }
}

#[test]
fn a_file_that_is_cut_at_any_byte_is_refused() {
    for version in [1, 2] {
        let whole = encoded(version, "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }", &[1; 12]);
        for end in 0..whole.len() {
            let error = Npy.load_bytes(&whole[..end]).unwrap_err();
            assert!(matches!(error, Error::Truncated { .. }), "{end}: {error}");
        }
        let error = Npy.load_bytes(&[&whole[..], b"abc"].concat()).unwrap_err();
        assert!(matches!(error, Error::Trailing { extra: 3, .. }), "{error}");
    }
    let error = Npy.load_bytes(&plain("<f8", "(3,)", &[0; 20])).unwrap_err();
    assert!(
        error.to_string().starts_with("bytes, byte 128: 24 bytes belong here, of elements of the shape [3], and 20 are left;"),
        "{error}"
    );
}

#[test]
fn a_hostile_header_allocates_nothing() {
    let error = Npy.load_bytes(&plain("<f8", "(1000000000000, 3)", &[])).unwrap_err();
    assert!(matches!(error, Error::Truncated { needed: 24_000_000_000_000, found: 0, .. }), "{error}");
    let long = Npy.load_bytes(&[&b"\x93NUMPY\x02\0\xff\xff\xff\xff"[..], b"{}"].concat()).unwrap_err();
    assert!(matches!(long, Error::Truncated { needed: 0xffff_ffff, found: 2, .. }), "{long}");
    // Nothing in it, but no array has such axes; then more elements than u128 counts.
    let many = "18446744073709551615, ".repeat(60);
    assert!(matches!(Npy.load_bytes(&plain("<f8", &format!("(0, {many})"), &[])).unwrap_err(), Error::Shape { .. }));
    assert!(matches!(Npy.load_bytes(&plain("<f8", &format!("({many})"), &[])).unwrap_err(), Error::Shape { .. }));
    for shape in ["(99999999999999999999999,)".to_string(), format!("({})", "1, ".repeat(65))] {
        assert!(matches!(Npy.load_bytes(&plain("<f8", &shape, &[])).unwrap_err(), Error::Format { .. }));
    }
}

#[test]
fn elements_that_are_not_read_are_named() {
    for descr in ["<c16", "<f2", "<U2", "|S3", "|O", "<M8[ns]", "=f8", "f8", "<b2", "<f16", "", "|V8"] {
        let error = Npy.load_bytes(&plain(descr, "(1,)", &[0; 16])).unwrap_err();
        assert!(matches!(&error, Error::ElementType { found, .. } if found == descr), "{descr}: {error}");
    }
    let records = "{'descr': [('a', '<i4'), ('b', '<f8')], 'fortran_order': False, 'shape': (1,), }";
    let error = Npy.load_bytes(&encoded(1, records, &[0; 12])).unwrap_err();
    assert!(error.to_string().starts_with(r"bytes, byte 20: elements of type [(\'a\', \'<i4\')"), "{error}");
    let error = Npy.load_bytes(&plain("|b1", "(3,)", &[0, 1, 2])).unwrap_err();
    assert!(error.to_string().starts_with(r"bytes, byte 130: `\x02` where a bool, 0 or 1, belongs"), "{error}");
}

#[test]
fn headers_that_are_no_dictionary_are_named() {
    for header in [
        "",
        "{",
        "{}",
        "[]",
        "{'descr': '<f8', 'fortran_order': False}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} 1",
        "{'descr' '<f8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8' 'fortran_order': False, 'shape': (1,)}",
        "{'de\\'scr': '<f8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr",
        "{'descr':",
        "{'descr': '",
    ] {
        let error = Npy.load_bytes(&encoded(1, header, &[0; 8])).unwrap_err();
        assert!(matches!(error, Error::Format { .. } | Error::ElementType { .. }), "{header}: {error}");
    }
    for (bytes, words) in [
        (&b"\x92NUMPY\x01\0\0\0"[..], "bytes, byte 0: `\\x92NUMPY` where \\x93NUMPY belongs"),
        (b"\x93NUMPY\x04\0\0\0", "bytes, byte 6: `\\x04\\x00` where a version from 1.0 to 3.0 belongs"),
        (b"\x93NUMPY\x01\x01\0\0", "bytes, byte 6:"),
    ] {
        let error = Npy.load_bytes(bytes).unwrap_err();
        assert!(error.to_string().starts_with(words), "{error}");
    }
}

#[test]
fn whole_numbers_that_f64_cannot_hold_are_named() {
    let numbers: Vec<u8> = [1_i64, (1 << 53) + 1, i64::MIN].iter().flat_map(|x| x.to_le_bytes()).collect();
    let array = Npy.load_bytes(&plain("<i8", "(3,)", &numbers)).unwrap();
    assert!(matches!(array.to_f64().unwrap_err(), Error::NotExact { index, value: 9_007_199_254_740_993 } if index == [1]));
    assert_eq!(array.into_array::<i64, ndarray::Ix1>().unwrap()[2], i64::MIN);
    let array = Npy.load_bytes(&plain("<u8", "(1,)", &u64::MAX.to_le_bytes())).unwrap();
    assert!(matches!(array.to_f64().unwrap_err(), Error::NotExact { value: 18_446_744_073_709_551_615, .. }));
}

proptest! {
    #[test]
    fn what_is_written_is_read(shape in prop::collection::vec(0_usize..4, 0..4), fortran: bool, bits in any::<[u64; 27]>()) {
        let n = shape.iter().product::<usize>();
        let values: Vec<f64> = bits[..n].iter().map(|b| f64::from_bits(*b)).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let order = if fortran { "True" } else { "False" };
        let axes: String = shape.iter().map(|s| format!("{s}, ")).collect();
        let file = encoded(1, &format!("{{'descr': '<f8', 'fortran_order': {order}, 'shape': ({axes}), }}"), &bytes);
        let array: ArrayD<f64> = Npy.load_bytes(&file).unwrap().into_array().unwrap();
        let expected = ArrayD::from_shape_vec(IxDyn(&shape).set_f(fortran), values).unwrap();
        // Bits, since some are NaN.
        prop_assert_eq!(array.mapv(f64::to_bits), expected.mapv(f64::to_bits));
    }

    #[test]
    fn no_bytes_make_it_panic(at in 0_usize..136, byte: u8, header in "[{}()\\[\\]'\":,TrueFalsdecshp_o0-9<fL ]{0,80}") {
        let mut file = plain("<i4", "(2,)", &[1; 8]);
        file[at] = byte;
        let _ = Npy.load_bytes(&file);
        let _ = Npy.load_bytes(&encoded(1, &header, &[0; 8]));
    }
}
