//! Numbers that become indices are checked.
//!
//! Looked at, and found:
//! - `index` (the cast to u32): saturated; −1, NaN and 2³² became row 0 or the last one. Now a named error with element and value. From 2²⁴ on, single
//!   precision takes neighbours for one another: refused. Numbers between are rounded towards 0, as its docs say.
//! - `+`, `−`, `·`, `%` of indices: saturated, so 0 − 1 was row 0, and x % 0 too. Now errors with both operands.
//! - `one_hot`: a label beyond the classes was a row of zeros. Now an error with label and place.
//! - `rows`, `take`, `scatter_add`, `slice_at`, `place_at`: checked in every run; of known zeros they were cut short unchecked. Mended.
//! - literals of u32 (`Full`) and `AnyArray::from_f64`: took −1 and 1.5 as 0 and 1. Refused.
//! - `random_index`: below its bound by construction, a bound of 0 is refused. `iota`: counts are checked. `Csr`, `lu`: checked already. `rows` of sparse matrices: checked in every run.
//! - tests of `cond` and `scan_until`: a NaN was refused already. Counters of loops: counts beyond u32 were refused already.
use hypertape::array::{AnyArray, Kind, LeafType};
use hypertape::prelude::*;
use ndarray::{arr0, arr1, arr2};

#[track_caller]
fn says<T>(r: Result<T>, parts: &[&str]) {
    let Err(e) = r else { panic!("accepted") };
    let e = e.to_string();
    for part in parts {
        assert!(e.contains(part), "no `{part}` in: {e}");
    }
    assert!(e.contains("indices.rs:"), "no line in: {e}");
}

fn table() -> ndarray::Array1<f64> {
    arr1(&[10.0, 20.0, 30.0])
}

#[test]
fn the_root_of_minus_one_is_no_row() -> Result<()> {
    let f = Function::record((shape![3], shape![]), |(t, x)| t.rows(x.sqrt().index()))?;
    says(f.eval((table(), -1.0)), &["`index`", "NaN", "no index"]);
    assert_eq!(f.eval((table(), 4.0))?, arr0(30.0).into_dyn());
    Ok(())
}

#[test]
fn a_negative_number_is_no_row() -> Result<()> {
    let f = Function::record((shape![3], shape![2]), |(t, x)| t.rows(x.index()))?;
    says(f.eval((table(), arr1(&[1.0, -1.0]))), &["`index`", "element [1] is -1"]);
    says(f.eval((table(), arr1(&[-0.5, 1.0]))), &["element [0] is -0.5"]);
    // Rounded towards 0, and −0 is 0.
    assert_eq!(f.eval((table(), arr1(&[-0.0, 1.99])))?, arr1(&[10.0, 20.0]).into_dyn());
    // The gradient meets the same index.
    let g = f.output(|y| y).rebind((shape![3], shape![2]), |x| x)?;
    says(g.vjp((table(), arr1(&[0.0, -1.0])), arr1(&[1.0, 1.0])), &["element [1] is -1"]);
    Ok(())
}

#[test]
fn a_constant_that_is_no_index() -> Result<()> {
    let f = Function::record(shape![3], |t| t.rows(scalar::<f64>(-1.0).index()))?;
    says(f.eval(table()), &["`index`", "is -1"]);
    let f = Function::record(shape![3], |t| t.rows(constant(arr1(&[0.0, 1e300])).index()))?;
    says(f.eval(table()), &["`index`", "element [1] is 1000000"]);
    Ok(())
}

#[test]
fn numbers_beyond_u32() -> Result<()> {
    let f = Function::record(shape![], |x| x.index())?;
    assert_eq!(f.eval(4_294_967_295.0)?, arr0(u32::MAX).into_dyn());
    says(f.eval(4_294_967_296.0), &["4294967296", "below 2^32"]);
    says(f.eval(1e150), &["no index"]);
    let g = Function::record(shape![], |x| (x * 1e200).index())?;
    says(g.eval(1e200), &["is inf"]);
    let none = Function::record(shape![0], |x| x.index())?;
    assert_eq!(none.eval(arr1(&[]))?.shape(), [0]);
    Ok(())
}

#[test]
fn single_precision_does_not_tell_large_indices_apart() -> Result<()> {
    let f = Function::record(shape![f32; 1], |x| x.index())?;
    assert_eq!(f.eval(arr1(&[16_777_215.0_f32]))?, arr1(&[16_777_215]).into_dyn());
    // 2²⁴ + 1 in single precision is 2²⁴.
    says(f.eval(arr1(&[16_777_217.0_f32])), &["16777216", "single precision"]);
    says(f.eval(arr1(&[-1.0_f32])), &["element [0] is -1"]);
    says(f.eval(arr1(&[1e18_f32])), &["no index"]);
    let there_and_back = Function::record(index![1], |k| k.real::<f32>().index())?;
    assert_eq!(there_and_back.eval(arr1(&[7]))?, arr1(&[7]).into_dyn());
    says(there_and_back.eval(arr1(&[16_777_217])), &["single precision"]);
    let exact = Function::record(index![1], |k| k.real::<f64>().index())?;
    assert_eq!(exact.eval(arr1(&[u32::MAX]))?, arr1(&[u32::MAX]).into_dyn());
    Ok(())
}

#[test]
fn labels_that_count_from_one() -> Result<()> {
    let f = Function::record((shape![3, 3], index![3]), |(x, labels)| -(x.log_softmax(1) * labels.one_hot(3)).sum())?;
    let x = ndarray::Array2::<f64>::zeros((3, 3));
    says(f.value_and_gradient((&x, arr1(&[1, 2, 3]))), &["`one_hot`", "index 3 at [2]", "there are 3"]);
    let (value, _) = f.value_and_gradient((&x, arr1(&[0, 1, 2])))?;
    assert!((value - 3.0 * 3.0_f64.ln()).abs() < 1e-14);
    // Constant labels, and no classes at all.
    let f = Function::record(shape![2], |x| x * constant(arr1(&[1_u32, 2])).one_hot::<f64>(2).sum_axis(1))?;
    says(f.eval(arr1(&[1.0, 1.0])), &["`one_hot`", "index 2 at [1]"]);
    let f = Function::record(index![1], |k| k.one_hot::<f32>(0))?;
    says(f.eval(arr1(&[0])), &["`one_hot`", "there are 0"]);
    Ok(())
}

#[test]
fn arithmetic_of_indices_stays_among_indices() -> Result<()> {
    let before = Function::record((shape![3], index![]), |(t, k)| t.rows(k - 1))?;
    says(before.eval((table(), 0_u32)), &["`sub`", "is -1, from 0 and 1"]);
    assert_eq!(before.eval((table(), 1_u32))?, arr0(10.0).into_dyn());
    let product = Function::record(index![2], |k| k * k)?;
    assert_eq!(product.eval(arr1(&[65_535, 3]))?, arr1(&[4_294_836_225, 9]).into_dyn());
    says(product.eval(arr1(&[3, 65_536])), &["`mul`", "element [1] is 4294967296", "from 65536 and 65536"]);
    let sum = Function::record(index![], |k| k + 1)?;
    says(sum.eval(u32::MAX), &["`add`", "4294967296"]);
    let rest = Function::record((index![], index![]), |(a, b)| a % b)?;
    assert_eq!(rest.eval((7_u32, 3_u32))?, arr0(1).into_dyn());
    says(rest.eval((7_u32, 0_u32)), &["`rem`", "NaN", "from 7 and 0"]);
    // In a loop, with the turn.
    let looped = Function::record(shape![3], |t| scan((), 3, |(), k| ((), t.rows(k - 1))).1)?;
    says(looped.eval(table()), &["item 0: ", "`sub`", "from 0 and 1"]);
    Ok(())
}

#[test]
fn rows_and_windows_of_known_zeros_are_checked() -> Result<()> {
    let f = Function::record(index![], |k| zeros(shape![3]).rows(k))?;
    says(f.eval(3_u32), &["index 3", "axis 0 has length 3"]);
    assert_eq!(f.eval(2_u32)?, arr0(0.0).into_dyn());
    let f = Function::record(index![2], |k| zeros(shape![2]).scatter_add(k, 0, 3))?;
    says(f.eval(arr1(&[0, 3])), &["`scatter_add`", "index 3 at [1]"]);
    let f = Function::record(index![], |k| zeros(shape![2]).place_at(k, 3))?;
    says(f.eval(2_u32), &["`place_at`", "rows 2 to 4"]);
    let f = Function::record(index![], |k| zeros(shape![3]).slice_at(k, 2))?;
    says(f.eval(2_u32), &["`slice_at`", "rows 2 to 4"]);
    let f = Function::record(shape![3], |t| t.rows(3))?;
    says(f.eval(table()), &["index 3"]);
    let f = Function::record(shape![2, 3], |t| t.take(constant(arr1(&[0_u32, 3])), 1))?;
    says(f.eval(arr2(&[[0.0; 3], [0.0; 3]])), &["index 3 at [1]", "axis 1 has length 3"]);
    Ok(())
}

#[test]
fn arrays_of_indices_from_doubles() {
    let t = LeafType::new(&[2], Kind::U32);
    assert_eq!(AnyArray::from_f64(&t, &[3.0, 0.0]), Some(AnyArray::U32(arr1(&[3, 0]).into_dyn())));
    for bad in [-1.0, 1.5, f64::NAN, 4_294_967_296.0] {
        assert_eq!(AnyArray::from_f64(&t, &[0.0, bad]), None);
    }
}
