//! Convolutions: derivatives of first and second order, boundaries, strides, kernels.
use crate::array::{AnyArray, Kind, LeafType};
use crate::execute::reference;
use crate::ops::convolution::Boundary;
use crate::ops::testing::{check, check_kernels, numbers, record, run_kernels};

const ALL: [Boundary; 5] = [Boundary::Valid, Boundary::Zero, Boundary::Periodic, Boundary::Symmetric, Boundary::Replicate];

#[test]
fn convolutions_of_every_boundary_and_stride() {
    for boundary in ALL {
        for (x, w, stride) in [
            (&[2, 2, 5, 4][..], &[3, 2, 3, 2][..], [1, 1]),
            (&[1, 1, 6, 7], &[1, 1, 3, 3], [2, 3]),
            (&[2, 4, 5], &[1, 2, 2, 3], [1, 2]),
            (&[5, 4], &[3, 3], [1, 1]),
            (&[4, 3], &[1, 1], [2, 2]),
            (&[0, 1, 3, 3], &[2, 1, 2, 2], [1, 1]),
        ] {
            let what = format!("{boundary:?} {x:?} {w:?} {stride:?}");
            check(&what, 8.0, &[numbers(1, x), numbers(2, w)], |b, v| vec![b.convolve(v[0], v[1], boundary, stride)]);
        }
    }
}

#[test]
fn kernels_at_sizes_with_whole_and_broken_tiles() {
    for boundary in ALL {
        for (x, w, stride) in [
            ([1, 3, 9, 75], [2, 3, 3, 5], [1, 1]),
            ([2, 1, 12, 64], [1, 1, 4, 4], [2, 2]),
            ([1, 2, 40, 41], [5, 2, 7, 3], [1, 3]),
            // Filters wider than the image reach around or across it more than once.
            ([1, 1, 2, 3], [1, 1, 9, 11], [1, 1]),
        ] {
            if boundary == Boundary::Valid && w[2] > x[2] {
                continue;
            }
            let types: Vec<LeafType> = [x, w].iter().map(|s| LeafType::new(s, Kind::F64)).collect();
            let f = record(&types, |b, v| vec![b.convolve(v[0], v[1], boundary, stride)]).expect("the sizes fit");
            let df = crate::transform::vjp(&f, &[true, true], &[true]).expect("convolutions have derivatives");
            let y = df.type_of(df.inputs[2]).shape.clone();
            check_kernels(&format!("{boundary:?} {x:?} {w:?}"), &df, &[numbers(3, &x), numbers(4, &w), numbers(5, &y)]);
        }
    }
}

#[test]
fn boundaries_are_what_they_say() {
    let types = [LeafType::new(&[1, 4], Kind::F64), LeafType::new(&[1, 3], Kind::F64)];
    let x = AnyArray::from_f64(&types[0], &[1.0, 2.0, 3.0, 4.0]).expect("four elements");
    // The middle tap is the pixel itself: this one reads the left neighbour, and the right one ten times.
    let w = AnyArray::from_f64(&types[1], &[1.0, 0.0, 10.0]).expect("three elements");
    for (boundary, expected) in [
        (Boundary::Valid, vec![31.0, 42.0]),
        (Boundary::Zero, vec![20.0, 31.0, 42.0, 3.0]),
        (Boundary::Periodic, vec![24.0, 31.0, 42.0, 13.0]),
        (Boundary::Symmetric, vec![21.0, 31.0, 42.0, 43.0]),
        (Boundary::Replicate, vec![21.0, 31.0, 42.0, 43.0]),
    ] {
        let f = record(&types, |b, v| vec![b.convolve(v[0], v[1], boundary, [1, 1])]).expect("the sizes fit");
        for run in [reference::run, run_kernels] {
            assert_eq!(run(&f, &[x.clone(), w.clone()]).expect("no operation fails")[0].to_f64(), expected, "{boundary:?}");
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_named() {
    let say = |x: &[usize], w: &[usize], boundary, stride| {
        let types = [LeafType::new(x, Kind::F64), LeafType::new(w, Kind::F64)];
        record(&types, |b, v| vec![b.convolve(v[0], v[1], boundary, stride)]).expect_err("the sizes do not fit").to_string()
    };
    assert!(say(&[2, 2], &[3, 3], Boundary::Valid, [1, 1]).contains("does not lie within an image of 2"));
    assert!(say(&[1, 2, 4, 4], &[1, 3, 2, 2], Boundary::Zero, [1, 1]).contains("channels"));
    assert!(say(&[4, 4], &[2, 2], Boundary::Zero, [0, 1]).contains("at least 1"));
    assert!(say(&[4], &[2, 2], Boundary::Zero, [1, 1]).contains("takes images"));
}
