//! The same elements in another arrangement.
use super::tensor::{Tensor, each, offset, size, strides};

/// Elements `from..to` of an axis, every `step`-th; a negative step takes them from the last.
pub(super) fn slice<E: Copy>(x: &Tensor<E>, axis: usize, from: usize, to: usize, step: isize) -> Tensor<E> {
    let stride = step.unsigned_abs();
    let mut shape = x.shape.clone();
    shape[axis] = (to - from).div_ceil(stride);
    x.gather(&shape, |at| {
        let mut source = at.to_vec();
        source[axis] = if step > 0 { from + at[axis] * stride } else { to - 1 - at[axis] * stride };
        source
    })
}

/// Reverse order along some axes.
pub(super) fn flip<E: Copy>(x: &Tensor<E>, axes: &[usize]) -> Tensor<E> {
    x.gather(&x.shape.clone(), |at| at.iter().enumerate().map(|(i, k)| if axes.contains(&i) { x.shape[i] - 1 - k } else { *k }).collect())
}

/// Zeros around.
pub(super) fn pad<E: Copy + Default>(x: &Tensor<E>, before: &[usize], after: &[usize]) -> Tensor<E> {
    let shape: Vec<usize> = x.shape.iter().zip(before.iter().zip(after)).map(|(n, (b, a))| n + b + a).collect();
    let to = strides(&shape);
    let mut data = vec![E::default(); size(&shape)];
    let mut k = 0;
    each(&x.shape, |at| {
        let place: Vec<usize> = at.iter().zip(before).map(|(i, b)| i + b).collect();
        data[offset(&to, &place)] = x.data[k];
        k += 1;
    });
    Tensor::new(&shape, data)
}

/// One after another along an axis.
pub(super) fn concat<E: Copy>(parts: &[&Tensor<E>], axis: usize) -> Tensor<E> {
    let mut shape = parts[0].shape.clone();
    shape[axis] = parts.iter().map(|p| p.shape[axis]).sum();
    let outer = size(&shape[..axis]);
    let mut data = Vec::with_capacity(size(&shape));
    for i in 0..outer {
        for p in parts {
            let run = size(&p.shape[axis..]);
            data.extend_from_slice(&p.data[i * run..(i + 1) * run]);
        }
    }
    Tensor::new(&shape, data)
}

/// (…, i, i).
pub(super) fn diagonal<E: Copy>(x: &Tensor<E>) -> Tensor<E> {
    let shape = x.shape[..x.shape.len() - 1].to_vec();
    x.gather(&shape, |at| at.iter().copied().chain(at.last().copied()).collect())
}

/// Square matrices with these diagonals.
pub(super) fn diagonal_matrix<E: Copy + Default>(x: &Tensor<E>) -> Tensor<E> {
    let n = x.shape.last().copied().unwrap_or(0);
    let mut shape = x.shape.clone();
    shape.push(n);
    let mut data = vec![E::default(); size(&shape)];
    for (k, e) in x.data.iter().enumerate() {
        data[k / n * n * n + k % n * (n + 1)] = *e;
    }
    Tensor::new(&shape, data)
}

/// One triangle with the diagonal, zeros elsewhere.
pub(super) fn triangle<E: Copy + Default>(x: &Tensor<E>, upper: bool) -> Tensor<E> {
    let n = x.shape.last().copied().unwrap_or(0);
    let keep = |k: usize| if upper { k / n % n <= k % n } else { k / n % n >= k % n };
    Tensor { shape: x.shape.clone(), data: x.data.iter().enumerate().map(|(k, e)| if keep(k) { *e } else { E::default() }).collect() }
}
