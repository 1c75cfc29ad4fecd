//! Extreme counts and sizes neither panic nor wrap: they are named errors, or nothing grows with them.
//!
//! Places that were looked at, and what was found:
//! - `Builder::emit`: refuses a result without addresses, zeros among its lengths left out. Right before.
//! - `slots::pack`, `Plan::new`, `Demand`: bytes were added up unchecked. Now they saturate, and more than memory has addresses is an error.
//! - `LeafType::len`, `Layout`, `axes::count`, `ContractPlan`, `Group::partials`, `Pass`, states and frames of loops, costs: products saturate.
//! - `Arena`: a size without a layout became a dangling pointer. Now it is no arena, and an error.
//! - `Slice`, `Place`, `concat`, `diagonal_matrix`: starts, steps and lengths were multiplied unchecked.
//! - `Convolver`: its scratch held the rows and columns between the taps, which nothing reads. Now it does not grow with the stride.
//! - `Csr::new`, `Csr::from_dense`: rows + 1 overflowed; columns were cut to 32 bits.
//! - Loops: more steps than u32 counts are refused, in recordings before and in programs now.
use hypertape::prelude::*;
use ndarray::{arr1, arr2};

#[test]
fn totals_beyond_all_addresses_are_named_errors() {
    let f = Function::record(shape![], |x: Var| {
        let wide = |s: f64| (s * x).broadcast_to(&[1 << 59]);
        (wide(1.0), wide(2.0), wide(3.0), wide(4.0))
    })
    .unwrap();
    let e = f.eval(1.0).unwrap_err();
    // 4 · 2⁵⁹ · 8 bytes are 2⁶⁴, and a frame besides.
    assert!(matches!(e.kind(), ErrorKind::Memory { bytes: u64::MAX, .. }), "{e:?}");
    assert!(e.to_string().contains("more than 2^64 bytes") && e.to_string().contains("sizes.rs:"), "{e}");
    let f = Function::record(shape![], |x: Var| (x.broadcast_to(&[1 << 59]), x.broadcast_to(&[1 << 59]).sin())).unwrap();
    // Two are 2⁶³ bytes.
    let e = f.eval(1.0).unwrap_err();
    assert!(matches!(e.kind(), ErrorKind::Memory { bytes, .. } if *bytes >= 1 << 63), "{e:?}");
    assert_eq!(Function::record(shape![], |x: Var| x.sin()).unwrap().eval(0.0).unwrap()[[]], 0.0);
}

#[test]
fn cumulative_sums_of_more_than_there_is() {
    let f = Function::record(shape![], |x: Var| x.broadcast_to(&[1 << 59]).cumulative_sum(0).sum()).unwrap();
    let e = f.eval(1.0).unwrap_err();
    assert!(matches!(e.kind(), ErrorKind::Memory { bytes, .. } if *bytes >= 1 << 62), "{e:?}");
    assert!(e.to_string().contains("sizes.rs:"), "{e}");
    let e = f.gradient(1.0).unwrap_err();
    assert!(matches!(e.kind(), ErrorKind::Memory { .. }), "{e:?}");
    let f = Function::record(Leaf::<f32>::new([]), |x: Var<f32>| x.broadcast_to(&[1 << 60]).cumulative_sum(0).sum()).unwrap();
    assert!(matches!(f.eval(1.0_f32).unwrap_err().kind(), ErrorKind::Memory { .. }));
}

#[test]
fn shapes_without_addresses_are_refused_where_they_are_written() {
    for shape in [vec![1 << 60], vec![1 << 40, 1 << 40], vec![1 << 40, 0, 1 << 40], vec![usize::MAX, 0]] {
        let e = Function::record(shape![], |x: Var| x.broadcast_to(&shape).sum()).unwrap_err().to_string();
        assert!(e.contains("sizes.rs:") && e.contains("addresses"), "{e}");
    }
    let e =
        Function::record(shape![2], |x: Var| x.broadcast_to(&[1 << 33, 2]).slice_last(0, 1).reshape(&[1 << 33]).diagonal_matrix().sum());
    assert!(e.unwrap_err().to_string().contains("addresses"));
    let e = Function::record(shape![1], |x: Var| concat(0, &[x.broadcast_to(&[1 << 59]), x.broadcast_to(&[1 << 59])]).sum());
    assert!(e.unwrap_err().to_string().contains("addresses"));
    // Without elements and with addresses, it is an array like others.
    let f = Function::record(shape![], |x: Var| x.broadcast_to(&[1 << 40, 0, 7]).sum()).unwrap();
    assert_eq!(f.eval(2.0).unwrap()[[]], 0.0);
}

/// With a stride beyond the image there is one output a filter: the taps on the first corner.
#[test]
fn convolutions_do_not_grow_with_their_stride() {
    let image = arr2(&[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 10.0, 11.0, 12.0], [13.0, 14.0, 15.0, 16.0]]);
    let filter = arr2(&[[1.0, 10.0], [100.0, 1000.0]]);
    let made = |boundary, stride: usize| {
        let f = Function::record((shape![4, 4], shape![2, 2]), |(x, w)| x.convolve(w, boundary, [stride, stride]).sum()).unwrap();
        let (bytes, (value, slopes)) = (f.memory().total(), f.value_and_gradient((&image, &filter)).unwrap());
        (bytes, value, slopes)
    };
    // 1·1 + 2·10 + 5·100 + 6·1000
    for stride in [3, 4, 1_000_000, 1 << 60, (1 << 63) - 1, 1 << 63, usize::MAX] {
        for boundary in [Boundary::Valid, Boundary::Zero] {
            if boundary == Boundary::Zero && stride == 3 {
                continue;
            }
            let (bytes, value, (dx, dw)) = made(boundary, stride);
            assert_eq!(value, 6521.0, "{boundary:?}, stride {stride}");
            assert_eq!(dw.as_slice(), Some(&[1.0, 2.0, 5.0, 6.0][..]));
            assert_eq!((dx[[0, 0]], dx[[0, 1]], dx[[1, 0]], dx[[1, 1]], dx.sum()), (1.0, 10.0, 100.0, 1000.0, 1111.0));
            assert!(bytes < 4096, "{bytes}");
        }
    }
    // Stride 3 with a periodic boundary: outputs at (0, 0), (0, 3), (3, 0), (3, 3), by hand.
    let (_, value, _) = made(Boundary::Periodic, 3);
    let at = |i: usize, j: usize| image[[i % 4, j % 4]];
    let one = |i, j| at(i, j) + 10.0 * at(i, j + 1) + 100.0 * at(i + 1, j) + 1000.0 * at(i + 1, j + 1);
    assert_eq!(value, one(0, 0) + one(0, 3) + one(3, 0) + one(3, 3));
}

#[test]
fn sparse_matrices_of_any_size_are_checked() {
    for (rows, starts) in [(usize::MAX, vec![0, 1]), (usize::MAX, vec![]), (1, vec![]), (3, vec![0, 1])] {
        let e = Csr::new([rows, 2], starts, vec![0], vec![1.0]).unwrap_err().to_string();
        assert!(e.contains("sizes.rs:") && e.contains("the starts of"), "{e}");
    }
    let e = Csr::new([1, usize::MAX], vec![0, 1], vec![u32::MAX], vec![1.0]).map(|a| a.columns()).unwrap();
    assert_eq!(e, usize::MAX);
}

#[test]
fn counts_beyond_all_counting_are_named_errors() {
    let e = Function::record(shape![], |x: Var| scan(x, usize::MAX, |x, _| (x, ())).0).unwrap_err().to_string();
    assert!(e.contains("sizes.rs:"), "{e}");
    let e = Function::record(index![], |i| i.one_hot::<f64>(1 << 33).sum()).unwrap_err().to_string();
    assert!(e.contains("more than u32 can count"), "{e}");
    let e = Function::record(shape![], |x: Var| (x + normal::<f64>(1, 0, Leaf::new([1 << 40, 1 << 40]))).sum()).unwrap_err().to_string();
    assert!(e.contains("addresses"), "{e}");
    // One element by a step as long as there is.
    for step in [isize::MAX, isize::MIN, -1] {
        let f = Function::record(shape![3], |x: Var| x.slice_step(0, 0, 3, step).sum()).unwrap();
        let first = if step == isize::MAX {
            1.0
        } else if step == -1 {
            7.0
        } else {
            4.0
        };
        assert_eq!(f.eval(arr1(&[1.0, 2.0, 4.0])).unwrap()[[]], first, "{step}");
    }
}

#[test]
fn batches_of_none_and_of_too_many() -> Result<()> {
    let f = Function::record((shape![3, 3], shape![2, 2]), |(m, k)| m.convolve(k, Boundary::Zero, [1, 1]))?;
    let (images, windows) = (ndarray::Array3::zeros((0, 3, 3)), ndarray::Array3::zeros((0, 2, 2)));
    assert_eq!(f.batched(0, |(m, _)| m).eval((&images, ndarray::Array2::ones((2, 2))))?.shape(), [0, 3, 3]);
    assert_eq!(f.batched(0, |(_, k)| k).eval((ndarray::Array2::ones((3, 3)), &windows))?.shape(), [0, 3, 3]);
    let dot = Function::record((shape![3], shape![3]), |(w, x)| (w * x).sum())?;
    for n in [1 << 60, usize::MAX] {
        let e = dot.batched(n, |(_, x)| x).plan().unwrap_err();
        assert!(matches!(e.kind(), ErrorKind::Unaddressable { .. }) && e.to_string().contains("sizes.rs"), "{e}");
    }
    let twice = dot.batched(1 << 40, |(_, x)| x).batched(1 << 40, |(_, x)| x);
    assert!(matches!(twice.plan().unwrap_err().kind(), ErrorKind::Unaddressable { .. }));
    Ok(())
}
