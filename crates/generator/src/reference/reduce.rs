//! Folds over axes, and what runs along one axis.
use super::jet::{Arithmetic, Jet, Total};
use super::pointwise::{largest, unary};
use super::tensor::{Tensor, size};
use crate::language::{Axes, Reduce, Unary};

/// The axes of a fold.
pub(super) fn axes_of(axes: &Axes, rank: usize) -> Vec<usize> {
    match axes {
        Axes::All => (0..rank).collect(),
        Axes::One(a) => vec![*a],
        Axes::Some(a) | Axes::Keep(a) => a.clone(),
    }
}

/// Σ of numbers.
pub(super) fn sum(cx: &mut Arithmetic, all: &[Jet]) -> Jet {
    let mut total = Total::default();
    all.iter().for_each(|x| total.add(cx, *x));
    total.done()
}

fn logsumexp(cx: &mut Arithmetic, all: &[Jet]) -> Jet {
    let top = all.iter().fold(f64::NEG_INFINITY, |t, x| t.max(x.v));
    if top.is_infinite() {
        return Jet::number(top);
    }
    let mut total = Jet::default();
    for x in all {
        let below = cx.sub(*x, Jet::number(top));
        let e = unary(cx, Unary::Exp, below);
        total = cx.add(total, e);
    }
    let l = unary(cx, Unary::Ln, total);
    cx.add(l, Jet::number(top))
}

/// One fold of some numbers.
fn fold(cx: &mut Arithmetic, f: Reduce, all: &[Jet]) -> Jet {
    match f {
        Reduce::Sum => sum(cx, all),
        Reduce::Mean => {
            let s = sum(cx, all);
            cx.scale(s, 1.0 / all.len() as f64)
        }
        Reduce::Prod => all.iter().fold(Jet::number(1.0), |p, x| cx.mul(p, *x)),
        Reduce::Max => largest(cx, all),
        Reduce::Min => {
            let opposite: Vec<Jet> = all.iter().map(|x| cx.neg(*x)).collect();
            let m = largest(cx, &opposite);
            cx.neg(m)
        }
        Reduce::Logsumexp => logsumexp(cx, all),
        Reduce::NormL1 => {
            let sizes: Vec<Jet> = all.iter().map(|x| unary(cx, Unary::Abs, *x)).collect();
            sum(cx, &sizes)
        }
        Reduce::NormL2 => {
            let s = fold(cx, Reduce::NormSquared, all);
            unary(cx, Unary::Sqrt, s)
        }
        Reduce::NormSquared => {
            let squares: Vec<Jet> = all.iter().map(|x| cx.mul(*x, *x)).collect();
            sum(cx, &squares)
        }
        Reduce::NormMax => {
            let sizes: Vec<Jet> = all.iter().map(|x| unary(cx, Unary::Abs, *x)).collect();
            largest(cx, &sizes)
        }
    }
}

/// A fold over axes.
pub(super) fn reduce(cx: &mut Arithmetic, f: Reduce, axes: &Axes, x: &Tensor<Jet>) -> Tensor<Jet> {
    let rank = x.shape.len();
    let folded = axes_of(axes, rank);
    let stay: Vec<usize> = (0..rank).filter(|i| !folded.contains(i)).collect();
    let order: Vec<usize> = stay.iter().chain(&folded).copied().collect();
    let x = x.permute(&order);
    let (outer, inner) = (size(&x.shape[..stay.len()]), size(&x.shape[stay.len()..]));
    let data: Vec<Jet> = (0..outer).map(|i| fold(cx, f, &x.data[i * inner..(i + 1) * inner])).collect();
    let mut shape = x.shape[..stay.len()].to_vec();
    if matches!(axes, Axes::Keep(_)) {
        folded.iter().for_each(|a| shape.insert(*a, 1));
    }
    Tensor::new(&shape, data)
}

/// Each line along an axis made into another of the same length.
pub(super) fn along(x: &Tensor<Jet>, axis: usize, mut f: impl FnMut(&[Jet]) -> Vec<Jet>) -> Tensor<Jet> {
    let rank = x.shape.len();
    let order: Vec<usize> = (0..rank).filter(|i| *i != axis).chain([axis]).collect();
    let turned = x.permute(&order);
    let n = x.shape[axis];
    let data: Vec<Jet> = if n == 0 { vec![] } else { turned.data.chunks(n).flat_map(&mut f).collect() };
    let mut back = vec![0; rank];
    order.iter().enumerate().for_each(|(k, a)| back[*a] = k);
    Tensor::new(&turned.shape, data).permute(&back)
}

/// eˣ / Σ eˣ, or its logarithm.
pub(super) fn softmax(cx: &mut Arithmetic, x: &Tensor<Jet>, axis: usize, logarithm: bool) -> Tensor<Jet> {
    along(x, axis, |line| {
        let l = logsumexp(cx, line);
        let logs: Vec<Jet> = line.iter().map(|x| cx.sub(*x, l)).collect();
        if logarithm { logs } else { logs.into_iter().map(|x| unary(cx, Unary::Exp, x)).collect() }
    })
}

/// Running sums.
pub(super) fn cumulative_sum(cx: &mut Arithmetic, x: &Tensor<Jet>, axis: usize) -> Tensor<Jet> {
    along(x, axis, |line| {
        let mut total = Total::default();
        line.iter()
            .map(|x| {
                total.add(cx, *x);
                total.done()
            })
            .collect()
    })
}

/// Differences of neighbours, or the transpose.
pub(super) fn difference(cx: &mut Arithmetic, x: &Tensor<Jet>, axis: usize, periodic: bool, adjoint: bool) -> Tensor<Jet> {
    along(x, axis, |line| {
        let n = line.len();
        let mut y = vec![Jet::default(); n];
        for i in 0..n {
            let next = if i + 1 < n { i + 1 } else { 0 };
            if i + 1 == n && !periodic {
                continue;
            }
            if adjoint {
                y[next] = cx.add(y[next], line[i]);
                y[i] = cx.sub(y[i], line[i]);
            } else {
                y[i] = cx.sub(line[next], line[i]);
            }
        }
        y
    })
}
