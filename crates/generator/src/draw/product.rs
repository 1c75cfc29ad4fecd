//! Draws contractions, also of an array with itself and with permuted readers, convolutions, and sparse products.
use super::indexing::indices;
use super::writer::{MOST_AXES, Writer};
use crate::language::{Boundary, Id, Op, Type};
use crate::reference::size;

/// One product.
pub(super) fn product(w: &mut Writer) -> Id {
    let Some(x) = w.any_where(|s| !s.is_empty()) else { return w.any() };
    match w.chance.below(8) {
        0..=4 => contract(w, x),
        5 => {
            let shape = w.shape(x);
            let (rank, n) = (shape.len(), shape[shape.len() - 1]);
            let columns = w.length();
            let y = if w.chance.chance(0.4) { w.shaped(&[n]) } else { w.shaped(&[n, columns]) };
            if fits(w, x, y, &[(rank - 1, w.shape(y).len().saturating_sub(2))], &[]) { w.real(Op::Dot, &[x, y]) } else { x }
        }
        6 => {
            let shape = w.shape(x);
            let rank = shape.len();
            if rank < 2 {
                return contract(w, x);
            }
            let mut other = shape.clone();
            other[rank - 2] = shape[rank - 1];
            other[rank - 1] = w.length().min(64);
            if size(&other) > w.most {
                return contract(w, x);
            }
            let y = w.shaped(&other);
            let batch: Vec<(usize, usize)> = (0..rank - 2).map(|i| (i, i)).collect();
            if fits(w, x, y, &[(rank - 1, rank - 2)], &batch) { w.real(Op::Matmul, &[x, y]) } else { x }
        }
        _ => {
            let y = if w.chance.chance(0.3) { x } else { w.any() };
            if fits(w, x, y, &[], &[]) { w.real(Op::Outer, &[x, y]) } else { contract(w, x) }
        }
    }
}

/// Whether a contraction is small enough, in axes, elements and products.
fn fits(w: &Writer, x: Id, y: Id, sum: &[(usize, usize)], batch: &[(usize, usize)]) -> bool {
    let (s, t) = (w.shape(x), w.shape(y));
    let shared: usize = batch.iter().map(|p| s[p.0]).product();
    let inner: usize = sum.iter().map(|p| s[p.0]).product();
    let free = |shape: &[usize], first: bool| -> usize {
        let used = |i: usize| sum.iter().chain(batch).any(|p| if first { p.0 == i } else { p.1 == i });
        (0..shape.len()).filter(|i| !used(*i)).map(|i| shape[i]).product()
    };
    let made = shared * free(&s, true) * free(&t, false);
    s.len() + t.len() - 2 * sum.len() - batch.len() <= MOST_AXES && made <= w.most && made * inner.max(1) <= 8 * w.most
}

/// Random pairs of axes of equal length.
fn contract(w: &mut Writer, x: Id) -> Id {
    let y = match w.chance.below(10) {
        0..=3 => x,
        4 | 5 => w.turned(x),
        _ => w.any(),
    };
    let x = if w.chance.chance(0.2) { w.turned(x) } else { x };
    let (s, t) = (w.shape(x), w.shape(y));
    let (mut sum, mut batch) = (vec![], vec![]);
    let mut left: Vec<usize> = w.chance.order(t.len());
    for i in w.chance.order(s.len()) {
        let Some(at) = left.iter().position(|j| t[*j] == s[i]) else { continue };
        match w.chance.weighted(&[0.55, 0.2, 0.25]) {
            0 => sum.push((i, left.remove(at))),
            1 => batch.push((i, left.remove(at))),
            _ => {}
        }
    }
    if !fits(w, x, y, &sum, &batch) {
        // More sums until it fits.
        for i in 0..s.len() {
            let free = !sum.iter().chain(&batch).any(|p: &(usize, usize)| p.0 == i);
            if let Some(at) = left.iter().position(|j| t[*j] == s[i])
                && free
            {
                sum.push((i, left.remove(at)));
            }
        }
    }
    if fits(w, x, y, &sum, &batch) { w.real(Op::Contract(sum, batch), &[x, y]) } else { x }
}

/// Filters over images.
pub(super) fn convolve(w: &mut Writer) -> Id {
    let side = |w: &mut Writer| w.chance.of(&[1, 2, 3, 4, 7]);
    let boundary = w.chance.of(&[Boundary::Valid, Boundary::Zero, Boundary::Periodic, Boundary::Symmetric, Boundary::Replicate]);
    let (rows, columns) = (side(w), side(w));
    let taps: Vec<usize> = [rows, columns]
        .iter()
        .map(|n| {
            let taps = w.chance.of(&[1, 2, 3, 4]);
            if boundary == Boundary::Valid { taps.min(*n) } else { taps }
        })
        .collect();
    let stride = [w.chance.of(&[1, 1, 2, 3]), w.chance.of(&[1, 1, 2, 3])];
    let out = |d: usize, n: usize| match boundary {
        Boundary::Valid => (n - taps[d]) / stride[d] + 1,
        _ => n.div_ceil(stride[d]),
    };
    let to = [out(0, rows), out(1, columns)];
    let (batch, channels, filters) = (w.chance.of(&[0, 1, 1, 2, 3]), w.chance.of(&[1, 1, 2, 3]), w.chance.of(&[1, 1, 2, 3]));
    let (image, filter, made) = match w.chance.below(3) {
        0 => (vec![rows, columns], taps, to.to_vec()),
        1 => (vec![channels, rows, columns], vec![filters, channels, taps[0], taps[1]], vec![filters, to[0], to[1]]),
        _ => (vec![batch, channels, rows, columns], vec![filters, channels, taps[0], taps[1]], vec![batch, filters, to[0], to[1]]),
    };
    let x = w.shaped(&image);
    let f = w.shaped(&filter);
    w.emit(Op::Convolve(boundary, stride), &[x, f], Type::real(&made))
}

/// A sparse matrix times a vector or a matrix: a constant one or one with values of the program, all of its rows or some.
pub(super) fn sparse(w: &mut Writer) -> Id {
    let Some(x) = w.any_where(|s| (s.len() == 1 || s.len() == 2) && size(s) <= 2000) else {
        let n = w.length();
        return w.fresh(&[n]);
    };
    let shape = w.shape(x);
    let (from, to) = (shape[0], w.length());
    if size(&shape[1..]) * to > w.most {
        return x;
    }
    let transposed = w.chance.chance(0.5);
    // Rows of the product, and of the matrix that they are chosen from.
    let (m, columns) = if transposed { (from, to) } else { (to, from) };
    let chosen = w.chance.chance(0.4);
    let rows = if chosen { w.length().max(usize::from(m > 0)) } else { m };
    let mut entries = vec![];
    for i in 0..rows {
        if columns > 0 {
            // Some rows are empty, some name a column twice.
            for _ in 0..w.chance.of(&[0, 1, 2, 3]) {
                let (j, v) = (w.chance.below(columns), w.chance.of(&[0.5, -1.0, 2.0, 0.1, 0.0]));
                entries.push((i, j, v));
            }
        }
    }
    let index = chosen.then(|| if rows > 0 { indices(w, &[m], rows) } else { w.emit(Op::Constant(vec![]), &[], Type::index(&[0])) });
    let result = Type::real(&[&[to][..], &shape[1..]].concat());
    if w.chance.chance(0.4) {
        let values = w.shaped(&[entries.len()]);
        let places = entries.iter().map(|(i, j, _)| (*i, *j)).collect();
        let operands: Vec<Id> = [values, x].into_iter().chain(index).collect();
        return w.emit(Op::SparseWith(rows, columns, places, transposed), &operands, result);
    }
    match index {
        Some(index) => w.emit(Op::SparseRows(rows, columns, entries, transposed), &[x, index], result),
        None => w.emit(Op::Sparse(rows, columns, entries, transposed), &[x], result),
    }
}
