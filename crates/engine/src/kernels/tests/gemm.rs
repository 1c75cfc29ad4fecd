//! Products of matrices of every layout against plain sums, with each instruction set; and their bits, however operands lie.
#![allow(unsafe_code)]
use super::Random;
use crate::kernels::gemm::{Gemm, Pointers};
use crate::kernels::isa::on_each;
use hypertape_ir::array::{Element, Layout, Real};

/// A matrix in a storage that is longer: where it is not, there are NaNs.
struct Stored<T> {
    data: Vec<T>,
    start: isize,
    strides: [isize; 2],
}

impl<T: Real> Stored<T> {
    fn new(layout: &Layout, length: usize, values: &[T]) -> Self {
        let (start, strides) = (layout.offset as isize, [layout.strides[0], layout.strides[1]]);
        let mut made = Stored { data: vec![T::nan(); length], start, strides };
        let columns = layout.shape[1];
        for (at, v) in values.iter().enumerate() {
            let place = made.place(at / columns, at % columns);
            made.data[place] = *v;
        }
        made
    }
    fn place(&self, i: usize, j: usize) -> usize {
        (self.start + i as isize * self.strides[0] + j as isize * self.strides[1]) as usize
    }
    fn at(&self, i: usize, j: usize) -> T {
        self.data[self.place(i, j)]
    }
}

/// Rows, columns, or any layout.
fn layout(r: &mut Random, shape: [usize; 2], kind: usize) -> (Layout, usize) {
    let mut l = Layout::contiguous(&shape);
    match kind {
        0 => (l, shape[0] * shape[1]),
        1 => {
            (l.strides[0], l.strides[1]) = (1, shape[0] as isize);
            (l, shape[0] * shape[1])
        }
        _ => r.layout(&shape, false),
    }
}

/// The bits of a product whose operands have layouts of these kinds.
fn made<T: Real>(r: &mut Random, [m, n, k]: [usize; 3], kinds: [usize; 3], [a, b, before]: [&[T]; 3], add: Option<f64>) -> Vec<u64> {
    let mut stored = |shape, kind, values| {
        let (l, length) = layout(r, shape, kind);
        Stored::new(&l, length, values)
    };
    let (sa, sb, mut so) = (stored([m, k], kinds[0], a), stored([k, n], kinds[1], b), stored([m, n], kinds[2], before));
    let g = Gemm { m, n, k, a: sa.strides, b: sb.strides, out: so.strides };
    let from = |s: &Stored<T>| s.data.as_ptr().wrapping_offset(s.start);
    let p = Pointers(from(&sa), from(&sb), so.data.as_mut_ptr().wrapping_offset(so.start));
    let written = so.data.iter().filter(|v| !v.is_nan()).count();
    // SAFETY: the storages hold all places of their layouts, and are apart.
    unsafe { g.apply(p, add.map(T::from_f64)) };
    let double = |v: T| Element::to_f64(v);
    for i in 0..m {
        for j in 0..n {
            let old = add.map_or(0.0, |_| double(before[i * n + j]));
            let products = (0..k).map(|p| double(a[i * k + p]) * double(b[p * n + j]) * add.unwrap_or(1.0));
            let (sum, size) = products.fold((old, old.abs()), |(s, z), p| (s + p, z + p.abs()));
            let (got, bound) = (double(so.at(i, j)), double(T::epsilon()) * (k as f64 + 2.0) * size);
            assert!((got - sum).abs() <= bound, "{m} x {n} x {k}, layouts {kinds:?}, {add:?}: ({i}, {j}) is {got}, not {sum}");
        }
    }
    assert_eq!(so.data.iter().filter(|v| !v.is_nan()).count(), written, "nothing else is written");
    (0..m * n).map(|at| double(so.at(at / n, at % n)).to_bits()).collect()
}

fn all<T: Real>(shapes: &[[usize; 3]]) {
    let mut r = Random::new(11);
    for shape @ [m, n, k] in shapes.iter().copied() {
        for add in [None, Some(1.0), Some(-0.5)] {
            let mut draw = |n: usize| -> Vec<T> { r.reals(n).into_iter().map(<T as Element>::from_f64).collect() };
            let (a, b, before) = (draw(m * k), draw(k * n), draw(m * n));
            let first = made(&mut r, shape, [0; 3], [&a, &b, &before], add);
            for kinds in [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1], [2, 2, 2], [2, 0, 2]] {
                let other = made(&mut r, shape, kinds, [&a, &b, &before], add);
                assert_eq!(first, other, "{shape:?}: the bits do not know the layouts {kinds:?}");
            }
        }
    }
}

#[test]
fn products_of_every_layout() {
    let small = [1, 2, 3, 7, 8, 9, 16, 17, 31, 33].into_iter().flat_map(|m| {
        [[1, 5], [3, 40], [4, 3], [8, 16], [15, 9], [24, 130], [25, 33], [48, 7], [49, 20], [97, 129]].map(|[n, k]| [m, n, k])
    });
    let mut shapes: Vec<[usize; 3]> = small.collect();
    shapes.extend([[0, 3, 2], [3, 0, 2], [40, 30, 0], [2, 2, 0], [257, 30, 128], [70, 260, 129], [259, 50, 257], [33, 128, 128]]);
    on_each(|| {
        all::<f64>(&shapes);
        all::<f32>(&shapes);
    });
}
