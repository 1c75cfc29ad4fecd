//! Contractions of two arrays, convolutions, and products with sparse matrices.
use super::jet::{Arithmetic, Jet, Total};
use super::tensor::{Tensor, each, offset, size, strides};
use crate::language::Boundary;

/// Σ over pairs of axes, with pairs running together: (batch, free axes of x, free axes of y).
pub(super) fn contract(
    cx: &mut Arithmetic,
    x: &Tensor<Jet>,
    y: &Tensor<Jet>,
    sum: &[(usize, usize)],
    batch: &[(usize, usize)],
) -> Tensor<Jet> {
    let used = |axis: usize, first: bool| sum.iter().chain(batch).any(|p| if first { p.0 == axis } else { p.1 == axis });
    let free_x: Vec<usize> = (0..x.shape.len()).filter(|i| !used(*i, true)).collect();
    let free_y: Vec<usize> = (0..y.shape.len()).filter(|i| !used(*i, false)).collect();
    let own: Vec<usize> = batch.iter().map(|p| p.0).chain(free_x.iter().copied()).chain(sum.iter().map(|p| p.0)).collect();
    let other: Vec<usize> = batch.iter().map(|p| p.1).chain(free_y.iter().copied()).chain(sum.iter().map(|p| p.1)).collect();
    let (x, y) = (x.permute(&own), y.permute(&other));
    let items = size(&x.shape[..batch.len()]);
    let rows = size(&x.shape[batch.len()..batch.len() + free_x.len()]);
    let columns = size(&y.shape[batch.len()..batch.len() + free_y.len()]);
    let inner = size(&x.shape[batch.len() + free_x.len()..]);
    let mut data = Vec::with_capacity(items * rows * columns);
    for item in 0..items {
        for i in 0..rows {
            let left = &x.data[(item * rows + i) * inner..][..inner];
            for j in 0..columns {
                let right = &y.data[(item * columns + j) * inner..][..inner];
                let mut total = Total::default();
                for (p, q) in left.iter().zip(right) {
                    let t = cx.mul(*p, *q);
                    total.add(cx, t);
                }
                data.push(total.done());
            }
        }
    }
    let mut shape = x.shape[..batch.len() + free_x.len()].to_vec();
    shape.extend(&y.shape[batch.len()..batch.len() + free_y.len()]);
    Tensor::new(&shape, data)
}

/// The last axis against the first of a vector or the last but one of a matrix.
pub(super) fn dot(cx: &mut Arithmetic, x: &Tensor<Jet>, y: &Tensor<Jet>) -> Tensor<Jet> {
    contract(cx, x, y, &[(x.shape.len() - 1, y.shape.len().saturating_sub(2))], &[])
}

/// Products of matrices, leading axes together.
pub(super) fn matmul(cx: &mut Arithmetic, x: &Tensor<Jet>, y: &Tensor<Jet>) -> Tensor<Jet> {
    let rank = x.shape.len();
    if rank < 2 {
        return dot(cx, x, y);
    }
    let batch: Vec<(usize, usize)> = (0..rank - 2).map(|i| (i, i)).collect();
    contract(cx, x, y, &[(rank - 1, rank - 2)], &batch)
}

/// Where the pixel `at` of an image of n is read, beyond its ends too.
fn pixel(boundary: Boundary, at: isize, n: usize) -> Option<usize> {
    let m = n as isize;
    if (0..m).contains(&at) {
        return Some(at as usize);
    }
    match boundary {
        Boundary::Valid | Boundary::Zero => None,
        Boundary::Periodic => Some(((at % m + m) % m) as usize),
        Boundary::Replicate => Some(if at < 0 { 0 } else { n - 1 }),
        Boundary::Symmetric => {
            let mut at = at;
            while !(0..m).contains(&at) {
                at = if at < 0 { -1 - at } else { 2 * m - 1 - at };
            }
            Some(at as usize)
        }
    }
}

/// Filters over images: y[b, o, p, q] = Σ w[o, c, i, j] x[b, c, p s + i − ⌊(h−1)/2⌋, q t + j − ⌊(w−1)/2⌋].
pub(super) fn convolve(
    cx: &mut Arithmetic,
    x: &Tensor<Jet>,
    w: &Tensor<Jet>,
    boundary: Boundary,
    stride: [usize; 2],
    to: &[usize],
) -> Tensor<Jet> {
    let four = |s: &[usize]| -> Vec<usize> { std::iter::repeat_n(1, 4 - s.len()).chain(s.iter().copied()).collect() };
    let (image, taps, out) = (four(&x.shape), four(&w.shape), four(to));
    let (of_x, of_w) = (strides(&image), strides(&taps));
    let before = |d: usize| if boundary == Boundary::Valid { 0 } else { (taps[d] as isize - 1) / 2 };
    let mut data = vec![];
    each(&out, |at| {
        let mut s = Jet::default();
        for c in 0..taps[1] {
            for i in 0..taps[2] {
                for j in 0..taps[3] {
                    let row = pixel(boundary, (at[2] * stride[0] + i) as isize - before(2), image[2]);
                    let column = pixel(boundary, (at[3] * stride[1] + j) as isize - before(3), image[3]);
                    if let (Some(row), Some(column)) = (row, column) {
                        let p = x.data[offset(&of_x, &[at[0], c, row, column])];
                        let t = cx.mul(p, w.data[offset(&of_w, &[at[1], c, i, j])]);
                        s = cx.add(s, t);
                    }
                }
            }
        }
        data.push(s);
    });
    Tensor::new(to, data)
}

/// Entries of the rows that are named, in order.
pub(super) fn rows(cx: &mut Arithmetic, rows: usize, entries: &[(usize, usize, Jet)], named: &Tensor<u32>) -> Vec<(usize, usize, Jet)> {
    if let Some(i) = named.data.iter().find(|i| **i as usize >= rows) {
        cx.note(|| format!("row {i} of a sparse matrix of {rows}"));
    }
    let of = |(b, i): (usize, &u32)| {
        let i = *i as usize;
        entries.iter().filter(move |e| e.0 == i).map(move |e| (b, e.1, e.2))
    };
    named.data.iter().enumerate().flat_map(of).collect()
}

/// A sparse matrix times a vector or matrix.
pub(super) fn sparse(
    cx: &mut Arithmetic,
    [rows, columns]: [usize; 2],
    entries: &[(usize, usize, Jet)],
    transposed: bool,
    x: &Tensor<Jet>,
) -> Tensor<Jet> {
    let k = size(&x.shape[1..]);
    let mut shape = x.shape.clone();
    shape[0] = if transposed { columns } else { rows };
    let mut data = vec![Jet::default(); size(&shape)];
    for (row, column, value) in entries {
        let (to, from) = if transposed { (*column, *row) } else { (*row, *column) };
        for j in 0..k {
            let t = cx.mul(x.data[from * k + j], *value);
            data[to * k + j] = cx.add(data[to * k + j], t);
        }
    }
    Tensor::new(&shape, data)
}
