//! Matrix-vector products of every small shape against plain loops, with each instruction set; and their bits, however rows are taken.
use super::Random;
use crate::kernels::added::axpys;
use crate::kernels::contract::ContractPlan;
use crate::kernels::isa::on_each;
use crate::kernels::matvec::{Rows, dot, dots, dots_here};
use crate::kernels::pipelined::dots_and_sums;
use crate::kernels::row_sums::axpys_onto;
use hypertape_ir::array::{Element, Layout, Real};
use hypertape_ir::operation::Contraction;

fn typed<T: Real>(r: &mut Random, n: usize) -> Vec<T> {
    r.reals(n).into_iter().map(<T as Element>::from_f64).collect()
}

/// Rows some distance apart, upwards or downwards in memory, that begin somewhere; what lies between them must not be read.
fn rows<'a, T: Real>(data: &'a mut Vec<T>, r: &mut Random, rows: usize, columns: usize) -> Rows<'a, T> {
    let (gap, before, down) = (r.below(3), r.below(3), r.below(2) == 1);
    let step = columns + gap;
    *data = vec![T::nan(); before + rows * step];
    for i in 0..rows {
        data[before + i * step..][..columns].copy_from_slice(&typed(r, columns));
    }
    let last = rows.saturating_sub(1) * step;
    let (start, stride) = if down { (before + last, -(step as isize)) } else { (before, step as isize) };
    Rows { data, stride, start: start as isize, rows, columns }
}

fn at<T: Real>(a: &Rows<'_, T>, i: usize, j: usize) -> T {
    a.data[(a.start + i as isize * a.stride) as usize + j]
}

/// Each result against the sum of its terms.
fn close<T: Real>(results: &[T], n: usize, terms: impl Fn(usize, usize) -> (T, T)) {
    for (i, y) in results.iter().enumerate() {
        let products = (0..n).map(|j| terms(i, j)).map(|(a, b)| Element::to_f64(a) * Element::to_f64(b));
        let (sum, size) = products.fold((0.0, 0.0), |(s, m), p| (s + p, m + p.abs()));
        let bound = Element::to_f64(T::epsilon()) * (2 + n) as f64 * size;
        assert!((Element::to_f64(*y) - sum).abs() <= bound, "{i} of {}, {n} terms: {y} against {sum}", results.len());
    }
}

fn bits<T: Real>(x: &[T]) -> Vec<u64> {
    x.iter().map(|v| Element::to_f64(*v).to_bits()).collect()
}

fn small<T: Real>() {
    let mut r = Random::new(31);
    let mut data = vec![];
    for m in 0..=40 {
        for n in 0..=70 {
            let a = rows::<T>(&mut data, &mut r, m, n);
            let (v, w, u, t): (Vec<T>, Vec<T>, Vec<T>, Vec<T>) = (typed(&mut r, n), typed(&mut r, n), typed(&mut r, m), typed(&mut r, m));
            let nan = |n: usize| vec![T::nan(); n];
            let (mut y, mut z, mut one, mut two) = (nan(m), nan(m), nan(m), nan(m));
            dots(a, &v, &mut y);
            close(&y, n, |i, j| (at(&a, i, j), v[j]));
            dots_here(a, [&v, &w], [&mut one, &mut two], false);
            close(&two, n, |i, j| (at(&a, i, j), w[j]));
            dots_here(a, [&v], [&mut z], true);
            assert_eq!((bits(&y), bits(&y)), (bits(&one), bits(&z)), "{m} × {n}: rows and vectors do not know of each other");
            let (mut y, mut one, mut two) = (nan(n), v.clone(), w.clone());
            axpys(a, &u, &mut y);
            close(&y, m, |j, i| (at(&a, i, j), u[i]));
            axpys_onto(a, [&u, &t], [&mut one, &mut two], true);
            let ones = |j: usize, i: usize, u: &[T], from: &[T]| if i < m { (at(&a, i, j), u[i]) } else { (T::one(), from[j]) };
            close(&one, m + 1, |j, i| ones(j, i, &u, &v));
            close(&two, m + 1, |j, i| ones(j, i, &t, &w));
            let mut alone = w.clone();
            for i in 0..m {
                axpys_onto(Rows { start: a.start + i as isize * a.stride, rows: 1, ..a }, [&t[i..=i]], [&mut alone], false);
            }
            assert_eq!(bits(&two), bits(&alone), "{m} × {n}: sums run over the rows one by one");
        }
    }
}

/// Rows of one matrix, some dotted and some added up, at once and apart.
fn together<T: Real>() {
    let mut r = Random::new(32);
    let mut data = vec![];
    for n in (0..=70).chain([128, 260, 511, 1030, 2100]) {
        for (m, first) in [(0, 0), (1, 0), (8, 3), (9, 8), (16, 8), (21, 8), (24, 16), (35, 16)] {
            let whole = rows::<T>(&mut data, &mut r, m, n);
            let (a, b) =
                (Rows { start: whole.start + first as isize * whole.stride, rows: m - first, ..whole }, Rows { rows: first, ..whole });
            let vectors: [Vec<T>; 6] = [n, n, n, n, first, first].map(|k| typed(&mut r, k));
            let [v, w, s, t, u, x] = &vectors;
            let nan = || vec![T::nan(); m - first];
            let (mut y, mut z, mut one, mut two) = (nan(), nan(), s.clone(), t.clone());
            dots_here(a, [v, w], [&mut y, &mut z], false);
            axpys_onto(b, [u, x], [&mut one, &mut two], false);
            let expected = [&y, &z, &one, &two].map(|x| bits(x));
            let check = |heads: usize, ends: usize, found: [Vec<T>; 4]| {
                for (k, (f, e)) in found.iter().zip(&expected).enumerate() {
                    assert!(
                        [heads > 0, heads > 1, ends > 0, ends > 1][k] == (bits(f) == *e) || f.is_empty(),
                        "{m} x {n}, {first}: {heads} {ends}, {k}"
                    );
                }
            };
            let fresh = || (nan(), nan(), vec![T::nan(); n], vec![T::nan(); n]);
            let (mut y, z, _, two) = fresh();
            let mut one = s.clone();
            dots_and_sums(a, ([v], [&mut y]), b, ([u], [&mut one]));
            check(1, 1, [y, z, one, two]);
            let (mut y, mut z, _, two) = fresh();
            let mut one = s.clone();
            dots_and_sums(a, ([v, w], [&mut y, &mut z]), b, ([u], [&mut one]));
            check(2, 1, [y, z, one, two]);
            let (mut y, z, ..) = fresh();
            let (mut one, mut two) = (s.clone(), t.clone());
            dots_and_sums(a, ([v], [&mut y]), b, ([u, x], [&mut one, &mut two]));
            check(1, 2, [y, z, one, two]);
            let (mut y, mut z, ..) = fresh();
            let (mut one, mut two) = (s.clone(), t.clone());
            dots_and_sums(a, ([v, w], [&mut y, &mut z]), b, ([u, x], [&mut one, &mut two]));
            check(2, 2, [y, z, one, two]);
        }
    }
}

#[test]
fn rows_dotted_beside_rows_added() {
    on_each(|| {
        together::<f64>();
        together::<f32>();
    });
}

#[test]
fn every_small_shape() {
    on_each(|| {
        small::<f64>();
        small::<f32>();
    });
}

#[test]
fn dots_of_every_length() {
    fn of<T: Real>() {
        let mut r = Random::new(32);
        for n in 0..300 {
            let (x, y): (Vec<T>, Vec<T>) = (typed(&mut r, n), typed(&mut r, n));
            close(&[dot(&x, &y)], n, |_, j| (x[j], y[j]));
        }
    }
    on_each(|| {
        of::<f64>();
        of::<f32>();
    });
}

#[test]
fn sums_wider_than_the_nearest_cache() {
    let mut r = Random::new(33);
    let mut data = vec![];
    for (m, n) in [(1, 3000), (9, 2048), (13, 5003), (3, 9001)] {
        let a = rows::<f64>(&mut data, &mut r, m, n);
        let (u, t) = (typed::<f64>(&mut r, m), typed::<f64>(&mut r, m));
        let (mut y, mut one, mut two) = (vec![f64::NAN; n], vec![0.0; n], vec![0.0; n]);
        axpys(a, &u, &mut y);
        axpys_onto(a, [&u, &t], [&mut one, &mut two], true);
        close(&y, m, |j, i| (at(&a, i, j), u[i]));
        close(&two, m, |j, i| (at(&a, i, j), t[i]));
        assert_eq!(bits(&y), bits(&one));
    }
}

/// The same numbers at every distance from a boundary of a vector.
#[test]
fn bits_do_not_know_where_memory_lies() {
    fn of<T: Real>() {
        let mut r = Random::new(35);
        for (m, n) in [(9, 16), (13, 70), (17, 50), (8, 200), (3, 33)] {
            let (x, v, w, u): (Vec<T>, Vec<T>, Vec<T>, Vec<T>) =
                (typed(&mut r, m * n), typed(&mut r, n), typed(&mut r, n), typed(&mut r, m));
            let mut first = None;
            for beyond in 0..16 {
                let mut data = vec![T::nan(); m * n + 32];
                let start = (data.as_ptr() as usize / size_of::<T>()).wrapping_neg() % 16 + beyond;
                data[start..][..m * n].copy_from_slice(&x);
                let a = Rows { data: &data, stride: n as isize, start: start as isize, rows: m, columns: n };
                let (mut p, mut q, mut g) = (vec![T::nan(); m], vec![T::nan(); m], v.clone());
                dots_here(a, [&v, &w], [&mut p, &mut q], false);
                axpys_onto(a, [&u], [&mut g], false);
                let all = (bits(&p), bits(&q), bits(&g));
                assert_eq!(*first.get_or_insert_with(|| all.clone()), all, "{m} × {n}, {beyond} beyond a boundary");
            }
        }
    }
    on_each(|| {
        of::<f64>();
        of::<f32>();
    });
}

#[test]
fn views_of_matrices() {
    let mut r = Random::new(34);
    for _ in 0..500 {
        let (m, n) = (r.below(40), r.below(70));
        let (sum, kept) = if r.below(2) == 0 { (n, m) } else { (m, n) };
        let axis = usize::from(sum == n);
        let (la, stored) = r.layout(&[m, n], true);
        let (lv, length) = r.layout(&[sum], true);
        let (a, v) = (typed::<f32>(&mut r, stored), typed::<f32>(&mut r, length));
        let spec = Contraction { batch: Default::default(), sum: [(axis, 0)].into_iter().collect() };
        let plan = ContractPlan::new(&spec, &la, &lv);
        let mut out = vec![f32::NAN; kept];
        plan.run(&a, &v, &mut out, &mut vec![f32::NAN; plan.scratch()]);
        let place = |l: &Layout, i: &[usize]| super::place(l, i);
        close(&out, sum, |i, j| (a[place(&la, &if axis == 1 { [i, j] } else { [j, i] })], v[place(&lv, &[j])]));
    }
}
