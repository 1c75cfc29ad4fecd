//! Folds against loops over all indices.
use super::{Random, indices, on_threads, place};
use crate::kernels::fold::{fold, fold_all};
use hypertape_ir::array::{Element, Layout, Real};
use hypertape_ir::operation::Fold;

const ALL: [Fold; 4] = [Fold::Sum, Fold::Prod, Fold::Max, Fold::Min];

fn naive(f: Fold, values: impl Iterator<Item = f64>) -> f64 {
    match f {
        Fold::Sum => values.sum(),
        Fold::Prod => values.product(),
        Fold::Max => values.fold(f64::NEG_INFINITY, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }),
        Fold::Min => values.fold(f64::INFINITY, |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }),
    }
}

fn check<T: Real + crate::kernels::fold::Number>(f: Fold, axes: &[usize], x: &[f64], l: &Layout) {
    let kept: Vec<usize> = (0..l.shape.len()).filter(|a| !axes.contains(a)).collect();
    let shape: Vec<usize> = kept.iter().map(|a| l.shape[*a]).collect();
    let mut groups = vec![vec![]; shape.iter().product()];
    let flat = Layout::contiguous(&shape);
    for i in indices(&l.shape) {
        let o: Vec<usize> = kept.iter().map(|a| i[*a]).collect();
        groups[place(&flat, &o)].push(x[place(l, &i)]);
    }
    let typed: Vec<T> = x.iter().map(|v| T::from_f64(*v)).collect();
    let mut out = vec![T::nan(); groups.len()];
    fold(f, axes, &typed, l, &mut out);
    for (o, g) in out.iter().zip(&groups) {
        let expected = naive(f, g.iter().map(|v| Element::to_f64(T::from_f64(*v))));
        let bound = Element::to_f64(T::epsilon()) * (8 + g.len()) as f64 * g.iter().map(|v| v.abs()).sum::<f64>().max(1.0);
        let (o, same) = (Element::to_f64(*o), expected.is_nan() && o.is_nan());
        assert!(same || o == expected || (o - expected).abs() <= bound, "{f:?} {axes:?} {l:?}: {o} against {expected}");
    }
}

#[test]
fn folds_any_layout() {
    let mut r = Random::new(3);
    for case in 0..500 {
        let rank = case % 5;
        let shape = r.shape(rank, if rank > 2 { &[0, 1, 2, 3, 5, 9] } else { &[0, 1, 2, 7, 31, 64, 65, 150] });
        let (l, n) = r.layout(&shape, true);
        let axes: Vec<usize> = (0..rank).filter(|_| r.below(2) == 0).collect();
        let mut x = r.reals(n);
        if case % 7 == 0 {
            let at = r.below(n);
            x[at] = f64::NAN;
        }
        for f in ALL {
            check::<f64>(f, &axes, &x, &l);
            check::<f32>(f, &axes, &x, &l);
        }
    }
}

#[test]
fn long_sums_lose_little_and_do_not_depend_on_threads() {
    let mut r = Random::new(4);
    let x: Vec<f32> = (0..1_000_003).map(|_| r.real() as f32 + 1.0).collect();
    let exact: f64 = x.iter().map(|v| f64::from(*v)).sum();
    let total = on_threads(|| fold_all(Fold::Sum, &x));
    assert!((f64::from(total) - exact).abs() <= 64.0 * f64::from(f32::EPSILON) * exact, "{total} against {exact}");
    for (shape, axes) in [(vec![1000, 1000], [0]), (vec![1000, 1000], [1]), (vec![10, 100_000], [1]), (vec![100_000, 10], [0])] {
        let l = Layout::contiguous(&shape);
        let out = on_threads(|| {
            let mut out = vec![0f32; 1_000_000 / shape[axes[0]]];
            fold(Fold::Sum, &axes, &x, &l, &mut out);
            out
        });
        let (total, exact): (f64, f64) = (out.iter().map(|v| f64::from(*v)).sum(), x[..1_000_000].iter().map(|v| f64::from(*v)).sum());
        assert!((total - exact).abs() <= 128.0 * f64::from(f32::EPSILON) * exact, "{shape:?}: {total} against {exact}");
    }
}

#[test]
fn nothing_folds_to_the_unit() {
    for (f, unit) in ALL.into_iter().zip([0.0, 1.0, f64::NEG_INFINITY, f64::INFINITY]) {
        let mut out = [5.0; 2];
        fold::<f64>(f, &[1], &[], &Layout::contiguous(&[2, 0]), &mut out);
        assert_eq!(out, [unit; 2]);
        assert_eq!(fold_all::<f64>(f, &[]), unit);
    }
    let mut out = [0u32];
    fold(Fold::Max, &[0], &[3, 9, 4], &Layout::contiguous(&[3]), &mut out);
    assert_eq!(out, [9]);
}
