//! Factorisations and solves of small matrices, by the schoolbook, on numbers with derivatives.
use super::jet::{Arithmetic, Jet};
use super::pointwise::unary;
use super::tensor::{Tensor, size};
use crate::language::Unary;

/// Calls `f` with each matrix of a batch and the matching part of a right-hand side.
fn each_item(a: &Tensor<Jet>, b: Option<&Tensor<Jet>>, mut f: impl FnMut(&[Jet], &[Jet], usize) -> Vec<Jet>) -> Vec<Jet> {
    let n = a.shape[a.shape.len() - 1];
    let items = size(&a.shape[..a.shape.len() - 2]);
    let part = b.map_or(0, |b| b.data.len().checked_div(items).unwrap_or(0));
    let rhs: &[Jet] = b.map_or(&[], |b| &b.data);
    (0..items).flat_map(|i| f(&a.data[i * n * n..(i + 1) * n * n], &rhs[i * part..(i + 1) * part], n)).collect()
}

/// The lower triangular L with L Lᵀ = a; only the lower half is read.
pub(super) fn cholesky(cx: &mut Arithmetic, a: &Tensor<Jet>) -> Tensor<Jet> {
    let data = each_item(a, None, |a, _, n| factor(cx, a, n));
    Tensor::new(&a.shape, data)
}

fn factor(cx: &mut Arithmetic, a: &[Jet], n: usize) -> Vec<Jet> {
    let mut l = vec![Jet::default(); n * n];
    for i in 0..n {
        for j in 0..=i {
            let mut rest = a[i * n + j];
            for k in 0..j {
                let t = cx.mul(l[i * n + k], l[j * n + k]);
                rest = cx.sub(rest, t);
            }
            l[i * n + j] = if i > j {
                cx.div(rest, l[j * n + j])
            } else {
                if rest.v <= 1e-6 * a[i * n + i].v.abs() {
                    cx.note(|| format!("a pivot of {} in a Cholesky factor", rest.v));
                }
                unary(cx, Unary::Sqrt, rest)
            };
        }
    }
    l
}

/// A right-hand side of n rows and k columns by elimination with partial pivoting; the pivots too.
fn eliminate(cx: &mut Arithmetic, a: &[Jet], b: &[Jet], n: usize) -> (Vec<Jet>, Vec<Jet>, f64) {
    let k = b.len().checked_div(n).unwrap_or(0);
    let (mut a, mut x, mut sign) = (a.to_vec(), b.to_vec(), 1.0);
    let scale = a.iter().fold(0.0, |m: f64, p| m.max(p.v.abs()));
    for c in 0..n {
        let best = (c..n).fold(c, |best, i| if a[i * n + c].v.abs() > a[best * n + c].v.abs() { i } else { best });
        if best != c {
            sign = -sign;
            (0..n).for_each(|j| a.swap(c * n + j, best * n + j));
            (0..k).for_each(|j| x.swap(c * k + j, best * k + j));
        }
        let pivot = a[c * n + c];
        if pivot.v.abs() <= 1e-6 * scale {
            cx.note(|| format!("a pivot of {} among entries of {scale}", pivot.v));
        }
        for i in 0..n {
            if i == c {
                continue;
            }
            let factor = cx.div(a[i * n + c], pivot);
            if i > c {
                for j in c..n {
                    let t = cx.mul(factor, a[c * n + j]);
                    a[i * n + j] = cx.sub(a[i * n + j], t);
                }
                for j in 0..k {
                    let t = cx.mul(factor, x[c * k + j]);
                    x[i * k + j] = cx.sub(x[i * k + j], t);
                }
            }
        }
    }
    for i in (0..n).rev() {
        for j in 0..k {
            let mut rest = x[i * k + j];
            for c in i + 1..n {
                let t = cx.mul(a[i * n + c], x[c * k + j]);
                rest = cx.sub(rest, t);
            }
            x[i * k + j] = cx.div(rest, a[i * n + i]);
        }
    }
    let pivots: Vec<Jet> = (0..n).map(|i| a[i * n + i]).collect();
    (x, pivots, sign)
}

/// x with a x = b.
pub(super) fn solve(cx: &mut Arithmetic, a: &Tensor<Jet>, b: &Tensor<Jet>) -> Tensor<Jet> {
    let data = each_item(a, Some(b), |a, b, n| eliminate(cx, a, b, n).0);
    Tensor::new(&b.shape, data)
}

/// The inverse.
pub(super) fn inverse(cx: &mut Arithmetic, a: &Tensor<Jet>) -> Tensor<Jet> {
    let data = each_item(a, None, |a, _, n| {
        let identity: Vec<Jet> = (0..n * n).map(|k| Jet::number(if k / n == k % n { 1.0 } else { 0.0 })).collect();
        eliminate(cx, a, &identity, n).0
    });
    Tensor::new(&a.shape, data)
}

/// (ln |det|, sign).
pub(super) fn log_det(cx: &mut Arithmetic, a: &Tensor<Jet>) -> (Tensor<Jet>, Tensor<Jet>) {
    let mut signs = vec![];
    let logs = each_item(a, None, |a, _, n| {
        let (_, pivots, mut sign) = eliminate(cx, a, &[], n);
        let mut total = Jet::default();
        for p in pivots {
            sign *= p.v.signum();
            let size = if p.v < 0.0 { cx.neg(p) } else { p };
            let l = unary(cx, Unary::Ln, size);
            total = cx.add(total, l);
        }
        signs.push(Jet::number(sign));
        vec![total]
    });
    let shape = &a.shape[..a.shape.len() - 2];
    (Tensor::new(shape, logs), Tensor::new(shape, signs))
}

/// x with op(a) x = b, where one triangle of `a` is read.
pub(super) fn solve_triangular(
    cx: &mut Arithmetic,
    a: &Tensor<Jet>,
    b: &Tensor<Jet>,
    upper: bool,
    transposed: bool,
    unit: bool,
) -> Tensor<Jet> {
    let data = each_item(a, Some(b), |a, b, n| {
        let k = b.len().checked_div(n).unwrap_or(0);
        let at = |i: usize, j: usize| if transposed { a[j * n + i] } else { a[i * n + j] };
        let mut x = b.to_vec();
        // The matrix that stands in the equation is lower where upper and transposed agree.
        let lower = upper == transposed;
        let order: Vec<usize> = if lower { (0..n).collect() } else { (0..n).rev().collect() };
        for (done, &i) in order.iter().enumerate() {
            for j in 0..k {
                let mut rest = x[i * k + j];
                for &c in &order[..done] {
                    let t = cx.mul(at(i, c), x[c * k + j]);
                    rest = cx.sub(rest, t);
                }
                x[i * k + j] = if unit { rest } else { cx.div(rest, at(i, i)) };
            }
            if !unit && at(i, i).v.abs() < 1e-6 {
                cx.note(|| format!("a diagonal of {} in a triangular solve", at(i, i).v));
            }
        }
        x
    });
    Tensor::new(&b.shape, data)
}
