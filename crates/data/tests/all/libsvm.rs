//! The libsvm format: what is read, and what each mistake is called.
use crate::gzip::packed;
use hypertape_data::{Error, Labelled, Libsvm, Load, SparseRows};
use proptest::prelude::*;
use std::fmt::Write;

fn parse(text: &str) -> Labelled {
    Libsvm::new().load_bytes(text.as_bytes()).unwrap()
}

/// The message of an error in a text, after the name of the source.
fn message(format: Libsvm, text: &[u8]) -> String {
    let error = format.load_bytes(text).unwrap_err().to_string();
    error.strip_prefix("bytes, ").unwrap_or_else(|| panic!("{error}")).to_string()
}

#[test]
fn rows_are_read_whatever_the_blanks() {
    let plain = parse("1 1:0.5 3:-2e-1\n-1\n2.5 2:1\n");
    assert_eq!(plain.labels.to_vec(), [1.0, -1.0, 2.5]);
    assert_eq!(plain.rows, SparseRows::new([3, 3], vec![0, 2, 2, 3], vec![0, 2, 1], vec![0.5, -0.2, 1.0]).unwrap());
    for same in [
        "1 1:0.5 3:-2e-1\n-1\n2.5 2:1",
        "+1 1:0.5 3:-2e-1 \r\n-1\r\n2.5 2:1\r\n",
        "\u{feff}1\t1:0.5\t3:-.2 # a comment: with 7:8\n\n  \n# another\n-1#\n 2.5  2:1 #\n\n",
    ] {
        assert_eq!(parse(same), plain);
        assert_eq!(Libsvm::new().load_bytes(&packed(same.as_bytes())).unwrap(), plain);
        assert_eq!(Libsvm::new().load_reader(same.as_bytes()).unwrap(), plain);
    }
}

#[test]
fn sizes_0_and_1() {
    for nothing in ["", "\n", "# nothing\n"] {
        let data = parse(nothing);
        assert_eq!((data.rows.rows(), data.rows.columns(), data.labels.len()), (0, 0, 0));
    }
    let data = parse("3");
    assert_eq!((data.rows.rows(), data.rows.columns(), data.rows.entries()), (1, 0, 0));
    let data = parse("3 1:0");
    assert_eq!((data.rows.rows(), data.rows.columns(), data.rows.entries()), (1, 1, 1));
}

#[test]
fn columns_may_be_given() {
    let five = Libsvm::new().columns(5);
    assert_eq!(five.load_bytes(b"1 2:1\n").unwrap().rows.columns(), 5);
    assert_eq!(five.load_bytes(b"1 5:1\n").unwrap().rows.columns(), 5);
    let words = "line 2, column 3: index 6 is not among 1 … 5; indices count from 1, unless `from_zero` is set";
    assert_eq!(message(five, b"1 5:1\n1 6:1\n"), words);
    assert!(message(five.from_zero(), b"1 5:1").contains("index 5 is not among 0 … 4"));
    assert_eq!(five.from_zero().load_bytes(b"1 0:1 4:2").unwrap().rows.indices(), [0, 4]);
    assert!(message(Libsvm::new().columns(0), b"1 1:1").contains("index 1"));
}

#[test]
fn each_mistake_has_its_name_and_place() {
    for (text, words) in [
        ("1 1:1\nx 1:1\n", "line 2, column 1: `x` is no finite number, as a label must be;"),
        ("1,2 1:1", "line 1, column 1: `1,2` is no finite number, as a label must be;"),
        ("nan 1:1", "line 1, column 1: `nan` is no finite number"),
        ("1:1 2:1", "line 1, column 1: `1:1` is no finite number, as a label must be;"),
        ("1 1:1  2:y", "line 1, column 10: `y` is no finite number, as a value must be;"),
        ("1 1:inf", "line 1, column 5: `inf` is no finite number"),
        ("1 1:1e999", "line 1, column 5: `1e999` is no finite number"),
        ("1 1:", "line 1, column 5: `` is no finite number"),
        ("1 1:2:3", "line 1, column 5: `2:3` is no finite number"),
        ("1 7", "line 1, column 3: `7` is no `index:value`"),
        ("1 :7", "line 1, column 3: `:7` is no `index:value`"),
        ("1 -1:7", "line 1, column 3: `-1:7` is no `index:value`"),
        ("1 1.0:7", "line 1, column 3: `1.0:7` is no `index:value`"),
        ("1 1: 7", "line 1, column 5: `` is no finite number"),
        ("1 0:7", "line 1, column 3: index 0 is not among 1 … 4294967295;"),
        ("1 4294967296:7", "line 1, column 3: index 4294967296 is not among"),
        ("1 99999999999999999999999:7", "line 1, column 3: index 18446744073709551615 is not among"),
        ("\n# a\n1 2:1 2:1", "line 3, column 7: index 2 follows 2; sort the indices"),
        ("1 2:1 1:1", "line 1, column 7: index 1 follows 2; sort the indices"),
        ("1 qid:3 1:1", "line 1, column 3: `qid:3` groups rows by query, which is not read; call `ignore_qid`"),
    ] {
        let found = message(Libsvm::new(), text.as_bytes());
        assert!(found.starts_with(words), "{text:?}: {found}");
    }
    let found = message(Libsvm::new(), b"1 1:\xff\xfe");
    assert!(found.starts_with(r"line 1, column 5: `\xff\xfe` is no finite number"), "{found}");
    let ignored = Libsvm::new().ignore_qid().load_bytes(b"1 qid:3 1:1").unwrap();
    assert_eq!(ignored, parse("1 1:1"));
    assert!(message(Libsvm::new(), &[b"1 ", &[b'7'; 1000][..]].concat()).len() < 300);
}

#[test]
fn a_path_stands_in_the_message() {
    let path = std::env::temp_dir().join(format!("hypertape-data-{}.svm", std::process::id()));
    std::fs::write(&path, packed(b"1 1:1\n1 0:1\n")).unwrap();
    let error = Libsvm::new().load(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(error, Error::Index { index: 0, .. }));
    assert!(error.to_string().starts_with(&format!("{}, line 2, column 3", path.display())), "{error}");
}

#[test]
fn text_that_is_cut_at_any_byte_gives_a_part_or_an_error() {
    let text = "1 1:0.5 3:-2 # c\n-1 2:1\n";
    for end in 0..=text.len() {
        if let Ok(data) = Libsvm::new().load_bytes(&text.as_bytes()[..end]) {
            assert!(data.rows.rows() <= 2 && data.labels.len() == data.rows.rows(), "{end}");
        }
    }
}

#[test]
fn one_line_cannot_ask_for_all_memory() {
    let data = parse("1 4294967295:1\n");
    assert_eq!((data.rows.columns(), data.rows.entries()), (4_294_967_295, 1));
    assert!(matches!(data.rows.to_dense().unwrap_err(), Error::Dense { rows: 1, columns: 4_294_967_295, .. }));
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in prop::collection::vec((-1e6..1e6_f64, prop::collection::btree_map(0_u32..50, any::<f64>(), 0..6)), 0..6)) {
        let (mut text, mut starts, mut indices, mut values) = (String::new(), vec![0], vec![], vec![]);
        for (label, row) in &rows {
            write!(text, "{label:e}").unwrap();
            for (j, v) in row.iter().filter(|(_, v)| v.is_finite()) {
                write!(text, " {}:{v:e}", j + 1).unwrap();
                indices.push(*j);
                values.push(*v);
            }
            text.push('\n');
            starts.push(values.len());
        }
        let read = Libsvm::new().columns(50).load_bytes(text.as_bytes()).unwrap();
        prop_assert_eq!(read.rows, SparseRows::new([rows.len(), 50], starts, indices, values).unwrap());
        prop_assert_eq!(read.labels.to_vec(), rows.iter().map(|r| r.0).collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop::sample::select(&b"0123456789.-+e: \t\r\n#qidnaf\xff\0"[..]), 0..60)) {
        let _ = Libsvm::new().load_bytes(&bytes);
        let _ = Libsvm::new().columns(3).from_zero().ignore_qid().load_bytes(&bytes);
    }
}
