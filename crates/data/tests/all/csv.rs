//! Tables: headers, classes, missing values, and what each mistake is called.
use crate::gzip::packed;
use hypertape_data::{Column, Csv, Error, Header, Load, Table};
use ndarray::{Array2, arr2};
use proptest::prelude::*;

fn parse(format: Csv, text: &str) -> Table {
    format.load_bytes(text.as_bytes()).unwrap()
}

/// The message of an error in a text, after the name of the source.
fn message(format: Csv, text: &[u8]) -> String {
    let error = format.load_bytes(text).unwrap_err().to_string();
    error.strip_prefix("bytes").unwrap_or_else(|| panic!("{error}")).trim_start_matches(", ").to_string()
}

#[test]
fn numbers_are_read_whatever_the_line_ends() {
    let expected = arr2(&[[1.0, -2.5], [3e4, 0.25]]);
    for text in ["1,-2.5\n3e4,.25\n", "1,-2.5\r\n3e4,.25", "\u{feff}1 , -2.5\n\n\"3e4\",+.25\n\n", "a,b\n1,-2.5\n3e4,.25\n"] {
        assert_eq!(parse(Csv::new(), text).values, expected, "{text:?}");
        assert_eq!(Csv::new().load_bytes(&packed(text.as_bytes())).unwrap().values, expected);
        assert_eq!(Csv::new().load_reader(text.as_bytes()).unwrap().values, expected);
    }
    assert_eq!(parse(Csv::new().delimiter(b'\t'), "1\t-2.5\n3e4\t.25").values, expected);
    assert_eq!(parse(Csv::new().delimiter(b' '), "1 -2.5\n3e4 .25").values, expected);
    assert_eq!(parse(Csv::new().comment(b'#').skip_lines(1), "2,2,x,y\n# a\n1,-2.5\n#3,4,5\n3e4,.25").values, expected);
}

#[test]
fn headers_are_seen() {
    let names = |format: Csv, text: &str| parse(format, text).names;
    assert_eq!(names(Csv::new(), "a,b\n1,2\n"), ["a", "b"]);
    assert_eq!(names(Csv::new(), "\"a, b\",2019\n1,2\n"), ["a, b", "2019"]);
    assert_eq!(names(Csv::new(), "a,b\n"), ["a", "b"]);
    assert_eq!(names(Csv::new(), "1,2\n3,4\n"), [""; 0]);
    assert_eq!(names(Csv::new(), "1,2\n"), [""; 0]);
    assert_eq!(names(Csv::new().missing_as_nan(), "NA,2\n3,4\n"), [""; 0]);
    assert_eq!(names(Csv::new().classes([1]), "1,x\n2,y\n"), [""; 0]);
    assert_eq!(names(Csv::new().classes([1]), "a,b\n2,y\n"), ["a", "b"]);
    assert_eq!(names(Csv::new().header(Header::Present), "1,2\n3,4\n"), ["1", "2"]);
    // Text only: it has to be told.
    assert_eq!(names(Csv::new().detect_classes(), "a,b\nx,y\n"), [""; 0]);
    assert_eq!(names(Csv::new().detect_classes().header(Header::Present), "a,b\nx,y\n"), ["a", "b"]);
    assert_eq!(message(Csv::new().header(Header::Absent), b"a\n1\n").split(':').next().unwrap(), "line 1, field 1");
}

#[test]
fn sizes_0_and_1() {
    for nothing in ["", "\n\n", "\u{feff}"] {
        assert!(matches!(Csv::new().load_bytes(nothing.as_bytes()).unwrap_err(), Error::Empty { .. }));
    }
    assert!(matches!(Csv::new().skip_lines(9).load_bytes(b"1\n2\n").unwrap_err(), Error::Empty { .. }));
    assert_eq!(parse(Csv::new(), "a,b\n").values.dim(), (0, 2));
    assert_eq!(parse(Csv::new(), "1").values, arr2(&[[1.0]]));
}

#[test]
fn columns_are_found_by_name_and_number() {
    let table = parse(Csv::new(), "a,b,a\n1,2,3\n4,5,6\n");
    assert_eq!(table.column("b").unwrap().to_vec(), [2.0, 5.0]);
    assert_eq!(table.column(2).unwrap().to_vec(), [3.0, 6.0]);
    assert_eq!(table.columns([Column::from(2), Column::from("b")]).unwrap(), arr2(&[[3.0, 2.0], [6.0, 5.0]]));
    assert_eq!(table.columns([""; 0]).unwrap().dim(), (2, 0));
    let (x, y) = table.split_off("b").unwrap();
    assert_eq!((x, y.to_vec()), (arr2(&[[1.0, 3.0], [4.0, 6.0]]), vec![2.0, 5.0]));
    assert_eq!(table.position("c").unwrap_err().to_string(), "bytes: no column c; there are a, b, a");
    assert_eq!(table.position(3).unwrap_err().to_string(), "bytes: no column 3; there are a, b, a");
    assert!(matches!(table.position("a").unwrap_err(), Error::SameName { first: 0, second: 2, .. }));
    let table = parse(Csv::new(), "1,2\n");
    assert_eq!(table.position("a").unwrap_err().to_string(), "bytes: no column a; there are 2 columns without names, counted from 0");
    assert!(matches!(Csv::new().classes(["c"]).load_bytes(b"a,b\n1,2\n").unwrap_err(), Error::NoColumn { .. }));
}

#[test]
fn classes_have_the_order_of_their_texts_or_numbers() {
    let text = "x,c,d\n1,pear,10\n2,apple,9\n3,fig,10\n4,apple,-1\n";
    let table = parse(Csv::new().classes(["c"]).classes([2]), text);
    assert_eq!(table.column("c").unwrap().to_vec(), [2.0, 0.0, 1.0, 0.0]);
    assert_eq!(table.column("d").unwrap().to_vec(), [2.0, 1.0, 2.0, 0.0]);
    assert_eq!(
        table.classes,
        [None, Some(vec!["apple".into(), "fig".into(), "pear".into()]), Some(vec!["-1".into(), "9".into(), "10".into()])]
    );
    let table = parse(Csv::new().detect_classes(), text);
    assert_eq!(table.classes.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(table.column("d").unwrap().to_vec(), [10.0, 9.0, 10.0, -1.0]);
    // A number among texts is a text.
    let table = parse(Csv::new().detect_classes(), "1,7\n2,x\n3,7\n");
    assert_eq!(table.column(1).unwrap().to_vec(), [0.0, 1.0, 0.0]);
    // Infinity is a number, and no class.
    assert!(message(Csv::new().detect_classes(), b"1\ninf\n").starts_with("line 2, field 1: `inf` is no finite number"));
}

#[test]
fn missing_values_are_an_error_or_nan() {
    for missing in ["", "?", "NA", "n/a", "NaN", "null", " "] {
        let text = format!("a,b,c\n1,2,x\n3,{missing},y\n");
        let found = message(Csv::new().classes(["c"]), text.as_bytes());
        assert!(found.starts_with(&format!("line 3, field 2 (b): `{}` is a missing value;", missing.trim())), "{found}");
        let table = parse(Csv::new().classes(["c"]).missing_as_nan(), &text);
        assert!(table.values[[1, 1]].is_nan() && table.values.iter().filter(|x| x.is_nan()).count() == 1);
    }
    let table = parse(Csv::new().detect_classes().missing_as_nan(), "1,x\n2,\n3,y\n");
    assert!(table.values[[1, 1]].is_nan() && table.values[[2, 1]] == 1.0);
    assert!(matches!(Csv::new().detect_classes().load_bytes(b"1,x\n2,\n").unwrap_err(), Error::Missing { .. }));
}

#[test]
fn each_mistake_has_its_name_and_place() {
    for (text, words) in [
        (&b"a,b\n1,2\n3,x\n"[..], "line 3, field 2 (b): `x` is no finite number, as a value must be;"),
        (b"a,b\r\n1,2\r\n\r\n3,x\r\n", "line 4, field 2 (b): `x`"),
        (b"\n\n1,2\n\n\n3,x\n", "line 6, field 2: `x`"),
        (b"\"a\nb\",c\n1,2\n3,x", "line 4, field 2 (c): `x`"),
        (b"1,2\n3\n", "line 2, field 2: 1 fields, and 2 in the first row;"),
        (b"1,2\n3,4,5\n", "line 2, field 3: 3 fields, and 2 in the first row;"),
        (b"a,b\n1,2\n3\n", "line 3, field 2 (b): 1 fields, and 2 in the first row;"),
        (b"1,2\n3,4,\n", "line 2, field 3: 3 fields"),
        (b"1\ninf\n", "line 2, field 1: `inf` is no finite number"),
        (b"1\n1e999\n", "line 2, field 1: `1e999` is no finite number"),
        (b"1\n1_0\n", "line 2, field 1: `1_0` is no finite number"),
        (b"1\n\xff\n", r"line 2, field 1: `\xff` is no finite number"),
        (b"a\xff\n1\n", r"line 1, field 1: `a\xff` is no UTF-8;"),
        (b"1,2\n3,\"4\n5,6\n", "line 2, field 2: a quote is opened here and closed nowhere;"),
        (b"\"a\"\"b\n1\n", "line 1, field 1: a quote is opened here"),
        (b"\"a\nb\",1\r\n\"\"\"\",\"", "line 3, field 2: a quote is opened here"),
    ] {
        let found = message(Csv::new(), text);
        assert!(found.starts_with(words), "{:?}: {found}", text.escape_ascii().to_string());
    }
    assert!(message(Csv::new().classes([0]), b"1\n\xff\n").starts_with(r"line 2, field 1: `\xff` is no UTF-8;"));
    // In a comment, or within a field, a quote is a byte like others; before the table, nothing counts.
    let quotes = Csv::new().comment(b'%').skip_lines(1).classes([1]);
    assert_eq!(parse(quotes.clone(), "a \"\n% it\"s\n1,5\"\n2,\"6\"\"\"\n3, \"x\n").values, arr2(&[[1.0, 1.0], [2.0, 2.0], [3.0, 0.0]]));
    assert!(message(quotes, b"a \"\n% it\"s\n1,5\n2,\"6\"\"\n").starts_with("line 4, field 2: a quote is opened here"));
    let skipped = Csv::new().skip_lines(2).comment(b'%');
    assert!(message(skipped, b"about\n5\n% x\r\na,b\n% y\n\n% z\n3,x\n1,2\n").starts_with("line 8, field 2 (b): `x`"));
}

proptest! {
    #[test]
    fn what_is_written_is_read(rows in 0_usize..5, columns in 1_usize..4, numbers in any::<[i32; 12]>(), header: bool) {
        let expected = Array2::from_shape_fn((rows, columns), |(i, j)| f64::from(numbers[i * columns + j % 12 % columns].wrapping_add(j as i32)) / 7.0);
        let mut text = String::new();
        if header {
            text += &(0..columns).map(|j| format!("\"column, {j}\"")).collect::<Vec<_>>().join(";");
            text += "\n";
        }
        for row in expected.rows() {
            text += &row.iter().map(ToString::to_string).collect::<Vec<_>>().join(";");
            text += "\n";
        }
        match Csv::new().delimiter(b';').load_bytes(text.as_bytes()) {
            Ok(table) => {
                prop_assert_eq!(table.values, expected);
                prop_assert_eq!(table.names.len(), if header { columns } else { 0 });
            }
            Err(error) => prop_assert!(matches!(error, Error::Empty { .. }) && !header && rows == 0, "{}", error),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop::sample::select(&b"01.,,\n\n\r\"ax?# \xff"[..]), 0..60), skip in 0_usize..3) {
        let _ = Csv::new().load_bytes(&bytes);
        let all = Csv::new().comment(b'#').skip_lines(skip).missing_as_nan().classes([0]).detect_classes();
        if let Ok(table) = all.load_bytes(&bytes) {
            prop_assert_eq!(table.values.ncols(), table.classes.len());
        }
        let _ = Csv::new().delimiter(b'\n').load_bytes(&bytes);
        let _ = Csv::new().delimiter(b'"').load_bytes(&bytes);
    }
}
