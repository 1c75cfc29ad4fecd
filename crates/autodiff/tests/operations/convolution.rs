//! Convolutions: what boundaries mean, sizes that fill tiles and sizes that do not, and shapes that do not fit.

use crate::support::derivatives::{Check, check};
use crate::support::{build, flat, uniform};
use hypertape_autodiff::array::{AnyArray, AnyView, Kind, LeafType};
use hypertape_autodiff::execute::{Executor, reference};
use hypertape_autodiff::operation::{Builder, Program};
use hypertape_autodiff::ops::convolution::Boundary::{self, Periodic, Replicate, Symmetric, Valid, Zero};
use hypertape_autodiff::plan::Plan;
use hypertape_autodiff::transform;
use hypertape_testkit::differences::{assert_close, rounding};
use std::sync::Arc;

fn planned(program: &Program, inputs: &[AnyArray]) -> Vec<AnyArray> {
    let mut executor = Executor::new(Arc::new(Plan::new(program).unwrap()));
    executor.run(&inputs.iter().map(AnyArray::view).collect::<Vec<AnyView<'_>>>()).unwrap();
    (0..program.outputs.len()).map(|i| executor.output(i).to_owned()).collect()
}

fn inputs(program: &Program) -> Vec<AnyArray> {
    program.input_types().iter().zip(1..).map(|(t, seed)| uniform(t, seed)).collect()
}

fn convolution(x: &[usize], w: &[usize], boundary: Boundary, stride: [usize; 2]) -> Program {
    build(&[LeafType::new(x, Kind::F64), LeafType::new(w, Kind::F64)], |b, v| vec![b.convolve(v[0], v[1], boundary, stride)])
}

#[test]
fn an_image_an_image_with_channels_or_a_batch() {
    for (x, w, y) in
        [(&[5, 4][..], &[3, 3][..], &[5, 4][..]), (&[2, 5, 4], &[3, 2, 2, 3], &[3, 5, 4]), (&[2, 1, 5, 4], &[1, 1, 3, 1], &[2, 1, 5, 4])]
    {
        let program = convolution(x, w, Symmetric, [1, 1]);
        assert_eq!(program.output_types()[0].shape[..], *y);
        check(&program, &inputs(&program), Check::default());
    }
}

#[test]
fn sizes_that_fill_tiles_and_sizes_that_do_not() {
    for boundary in [Valid, Zero, Periodic, Symmetric, Replicate] {
        for (x, w, stride) in [
            ([1, 3, 9, 75], [2, 3, 3, 5], [1, 1]),
            ([2, 1, 12, 64], [1, 1, 4, 4], [2, 2]),
            ([1, 2, 40, 41], [5, 2, 7, 3], [1, 3]),
            ([1, 8, 33, 32], [8, 8, 3, 3], [1, 1]),
        ] {
            let program = transform::vjp(&convolution(&x, &w, boundary, stride), &[true, true], &[true]).unwrap();
            let at = inputs(&program);
            let (fast, naive) = (flat(&planned(&program, &at)), flat(&reference::run(&program, &at).unwrap()));
            assert_close(&format!("{boundary:?} {x:?} {w:?}"), &fast, &naive, rounding(x[2] * x[3], 16.0));
        }
    }
}

#[test]
fn boundaries_are_what_they_say() {
    // The middle tap is the pixel itself: this filter reads the left neighbour once and the right one ten times.
    let x = AnyArray::F64(ndarray::array![[1.0, 2.0, 3.0, 4.0]].into_dyn());
    let w = AnyArray::F64(ndarray::array![[1.0, 0.0, 10.0]].into_dyn());
    for (boundary, expected) in [
        (Valid, vec![31.0, 42.0]),
        (Zero, vec![20.0, 31.0, 42.0, 3.0]),
        (Periodic, vec![24.0, 31.0, 42.0, 13.0]),
        (Symmetric, vec![21.0, 31.0, 42.0, 43.0]),
        (Replicate, vec![21.0, 31.0, 42.0, 43.0]),
    ] {
        let program = convolution(&[1, 4], &[1, 3], boundary, [1, 1]);
        let at = [x.clone(), w.clone()];
        assert_eq!(reference::run(&program, &at).unwrap()[0].to_f64(), expected, "{boundary:?}");
        assert_eq!(planned(&program, &at)[0].to_f64(), expected, "{boundary:?}");
    }
    // Two columns beyond the edge tell a mirror from a repetition.
    let w = AnyArray::F64(ndarray::array![[1.0, 0.0, 0.0, 0.0, 0.0]].into_dyn());
    for (boundary, expected) in [(Symmetric, [2.0, 1.0, 1.0, 2.0]), (Replicate, [1.0, 1.0, 1.0, 2.0])] {
        let program = convolution(&[1, 4], &[1, 5], boundary, [1, 1]);
        assert_eq!(planned(&program, &[x.clone(), w.clone()])[0].to_f64(), expected, "{boundary:?}");
    }
}

#[test]
fn sizes_that_do_not_fit_are_named() {
    let say = |x: &[usize], w: &[usize], boundary, stride| {
        let mut b = Builder::new();
        let (x, w) = (b.input(LeafType::new(x, Kind::F64)), b.input(LeafType::new(w, Kind::F64)));
        let y = b.convolve(x, w, boundary, stride);
        b.finish(&[y]).unwrap_err().to_string()
    };
    assert!(say(&[2, 2], &[3, 3], Valid, [1, 1]).contains("does not lie within an image of 2"));
    assert!(say(&[1, 2, 4, 4], &[1, 3, 2, 2], Zero, [1, 1]).contains("channels"));
    assert!(say(&[4, 4], &[2, 2], Zero, [0, 1]).contains("at least 1"));
    assert!(say(&[4], &[2, 2], Zero, [1, 1]).contains("those of images"));
}
