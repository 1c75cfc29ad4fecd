//! Real data, from the folder in the environment variable `HYPERTAPE_DATA`: counts and sums that were taken by other programs.
use hypertape_data::metrics::{accuracy, auc, psnr};
use hypertape_data::scaling::{Standard, normalise_sparse_rows};
use hypertape_data::splits::{stratified_k_folds, stratified_split};
use hypertape_data::{Csv, Header, Idx, Image, Libsvm, Load, Npy, Png};
use ndarray::{Array1, Array2, Array3, Axis};
use std::path::PathBuf;

/// The path of a file, or a line that says why the test is left out.
fn file(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("HYPERTAPE_DATA") else {
        println!("left out: set HYPERTAPE_DATA to a folder that holds {name}");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    if path.is_file() {
        return Some(path);
    }
    println!("left out: {} is not there", path.display());
    None
}

#[test]
fn libsvm_files() {
    for (name, rows, columns, entries, positive) in [
        ("libsvm/a9a.gz", 32_561, 123, 451_592, 7_841),
        ("libsvm/a9a.t.gz", 16_281, 122, 225_731, 3_846),
        ("libsvm/agaricus.train.gz", 6_513, 126, 143_286, 3_140),
        ("libsvm/agaricus.test.gz", 1_611, 126, 35_442, 776),
    ] {
        let Some(path) = file(name) else { continue };
        let data = Libsvm::new().load(&path).unwrap();
        assert_eq!((data.rows.rows(), data.rows.columns(), data.rows.entries()), (rows, columns, entries), "{name}");
        assert_eq!(data.labels.iter().filter(|l| **l > 0.0).count(), positive, "{name}");
        assert_eq!(Libsvm::new().columns(200).load(&path).unwrap().rows.columns(), 200);
        let unit = normalise_sparse_rows(&data.rows);
        let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>();
        let all_units = (0..rows).filter_map(|i| unit.row(i)).all(|(_, v)| (length(v) - 1.0).abs() <= 4.0 * v.len() as f64 * f64::EPSILON);
        assert!(all_units, "{name}");
        let split = stratified_split(&data.labels, 0.2, 1).unwrap();
        let test = data.rows.select(&split.test).unwrap().to_dense().unwrap();
        assert_eq!(test.nrows(), (0.2 * rows as f64).round() as usize);
    }
}

#[test]
fn mnist() {
    for (set, count, sum, ones) in [("train", 60_000, 1_567_298_545_u64, 6_742), ("t10k", 10_000, 264_923_200, 1_135)] {
        let Some(images) = file(&format!("mnist/{set}-images-idx3-ubyte.gz")) else { continue };
        let Some(labels) = file(&format!("mnist/{set}-labels-idx1-ubyte.gz")) else { continue };
        let images: Array3<u8> = Idx.load(images).unwrap().into_array().unwrap();
        assert_eq!(images.dim(), (count, 28, 28));
        assert_eq!(images.iter().map(|p| u64::from(*p)).sum::<u64>(), sum);
        let labels: Array1<u8> = Idx.load(labels).unwrap().into_array().unwrap();
        assert_eq!((labels.len(), labels.iter().filter(|l| **l == 1).count()), (count, ones));
        assert_eq!(accuracy(&labels, &Array1::from_elem(count, 1_u8)).unwrap(), ones as f64 / count as f64);
        let folds = stratified_k_folds(&labels, 5, 1).unwrap();
        assert_eq!(folds.iter().map(|f| f.test.len()).sum::<usize>(), count);
    }
}

#[test]
fn tables() {
    let sum = |x: &Array2<f64>, expected: f64, name: &str| {
        assert!((x.sum() - expected).abs() <= expected * x.len() as f64 * f64::EPSILON, "{name}: {}", x.sum());
    };
    for (name, format, shape, total) in [
        ("tables/breast_cancer.csv", Csv::new().skip_lines(1), (569, 31), 1_056_831.459_635_6),
        ("tables/iris.csv", Csv::new().skip_lines(1), (150, 5), 2_228.7),
        ("tables/wine_data.csv", Csv::new().skip_lines(1), (178, 14), 160_142.295_999),
        ("tables/digits.csv.gz", Csv::new(), (1797, 65), 569_788.0),
        ("tables/diabetes_data_raw.csv.gz", Csv::new().delimiter(b' '), (442, 10), 276_404.233_6),
        ("tables/diabetes_target.csv.gz", Csv::new(), (442, 1), 67_243.0),
        ("covtype/covtype.20k.csv.gz", Csv::new().header(Header::Absent), (20_000, 55), 165_624_483.0),
    ] {
        let Some(path) = file(name) else { continue };
        let table = format.load(path).unwrap();
        assert_eq!(table.values.dim(), shape, "{name}");
        sum(&table.values, total, name);
        assert!(table.names.is_empty(), "{name}");
    }
    if let Some(path) = file("tables/breast_cancer.csv") {
        // Its first line counts rows and columns, and is shorter.
        let error = Csv::new().load(&path).unwrap_err().to_string();
        assert!(error.contains("line 2, field 5: 31 fields, and 4 in the first row; look at the delimiter"), "{error}");
        let (x, y) = Csv::new().skip_lines(1).load(&path).unwrap().split_off(30).unwrap();
        let x = Standard::of(x.view()).unwrap().apply(x.view()).unwrap();
        assert!(x.mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < 569.0 * 8.0 * f64::EPSILON));
        // Benign cells (1) have a smaller radius. Pairs in order, by counting, ties as half.
        let area = auc(&(-&x.column(0)), &y.mapv(|y| y == 1.0)).unwrap();
        assert_eq!(area, 141_910.0 / 151_368.0);
    }
    if let Some(path) = file("covtype/covtype.20k.csv.gz") {
        let table = Csv::new().classes([54]).load(path).unwrap();
        assert_eq!(table.classes[54].as_deref(), Some(&["1", "2", "3", "4", "5", "6", "7"].map(String::from)[..]));
    }
}

#[test]
fn spectra() {
    if let Some(path) = file("hsi/jasper_Y_198x10000_u16.npy") {
        let y: Array2<u16> = Npy.load(path).unwrap().into_array().unwrap();
        assert_eq!((y.dim(), y.iter().max().copied(), y[[0, 1]], y[[197, 9999]]), ((198, 10_000), Some(5437), 122, 372));
        assert_eq!(y.iter().map(|v| u64::from(*v)).sum::<u64>(), 2_364_404_028);
    }
    if let Some(path) = file("hsi/jasper_abundances_4x10000_f32.npy") {
        let a: Array2<f32> = Npy.load(path).unwrap().into_array().unwrap();
        assert_eq!((a.dim(), a[[0, 0]]), ((4, 10_000), 0.559_983_1));
        // Shares of a pixel, in single precision.
        assert!(a.sum_axis(Axis(0)).iter().all(|s| (s - 1.0).abs() < 4.0 * f32::EPSILON));
    }
    if let Some(path) = file("hsi/jasper_endmembers_198x4_f64.npy") {
        let e: Array2<f64> = Npy.load(path).unwrap().into_array().unwrap();
        assert_eq!((e.dim(), e[[0, 0]], e[[197, 3]]), ((198, 4), 0.0, 0.343_207_547_169_811_33));
        assert!((e.sum() - 214.025_594_689_028_65).abs() < 214.1 * 792.0 * f64::EPSILON);
    }
}

#[test]
fn images() {
    // Sums of the stored bytes, as Pillow reads them.
    let bytes = |x: f64| (x * 255.0).round();
    if let Some(path) = file("images/camera.png") {
        let camera = Png::new().load(&path).unwrap().into_grey().unwrap();
        assert_eq!((camera.dim(), camera.mapv(bytes).sum(), bytes(camera[[0, 0]])), ((512, 512), 33_832_495.0, 200.0));
        let noisy = camera.mapv(|v| v + if v > 0.5 { -0.1 } else { 0.1 });
        // A plain sum of n terms is right to n ε, which is 10 n ε / ln 10 in decibels.
        let tolerance = 4.4 * noisy.len() as f64 * f64::EPSILON;
        assert!((psnr(&camera, &noisy, 1.0).unwrap() - 20.0).abs() < tolerance);
    }
    if let Some(path) = file("images/astronaut.png") {
        let Image::Rgb(astronaut) = Png::new().load(&path).unwrap() else { panic!("{} has colours", path.display()) };
        assert_eq!(astronaut.dim(), (512, 512, 3));
        let sums = astronaut.mapv(bytes).sum_axis(Axis(0)).sum_axis(Axis(0)).to_vec();
        assert_eq!(sums, [37_109_758.0, 27_724_204.0, 25_290_362.0]);
    }
}
