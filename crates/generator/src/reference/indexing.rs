//! Elements chosen by indices, sums by index, and random numbers by counter.
use super::jet::{Arithmetic, Jet};
use super::tensor::{Tensor, size};

/// Entries of an axis; the axes of the indices take its place.
pub(super) fn take<E: Copy + Default>(cx: &mut Arithmetic, x: &Tensor<E>, index: &Tensor<u32>, axis: usize) -> Tensor<E> {
    let (outer, n, inner) = (size(&x.shape[..axis]), x.shape[axis], size(&x.shape[axis + 1..]));
    let mut data = vec![];
    for o in 0..outer {
        for i in &index.data {
            let i = *i as usize;
            if i < n {
                data.extend_from_slice(&x.data[(o * n + i) * inner..][..inner]);
            } else {
                cx.note(|| format!("index {i} of an axis of {n}"));
                data.extend(std::iter::repeat_n(E::default(), inner));
            }
        }
    }
    if let Some(i) = index.data.iter().find(|i| **i as usize >= n) {
        cx.note(|| format!("index {i} of an axis of {n}"));
    }
    Tensor::new(&[&x.shape[..axis], &index.shape, &x.shape[axis + 1..]].concat(), data)
}

/// Sums of entries with equal index.
pub(super) fn scatter_add(cx: &mut Arithmetic, x: &Tensor<Jet>, index: &Tensor<u32>, axis: usize, len: usize) -> Tensor<Jet> {
    let rank = index.shape.len();
    let (outer, inner) = (size(&x.shape[..axis]), size(&x.shape[axis + rank..]));
    let shape = [&x.shape[..axis], &[len], &x.shape[axis + rank..]].concat();
    let mut data = vec![Jet::default(); size(&shape)];
    for o in 0..outer {
        for (k, i) in index.data.iter().enumerate() {
            for j in 0..inner {
                let from = x.data[(o * index.data.len() + k) * inner + j];
                let to = (o * len + *i as usize) * inner + j;
                if (*i as usize) < len {
                    data[to] = cx.add(data[to], from);
                }
            }
        }
    }
    if let Some(i) = index.data.iter().find(|i| **i as usize >= len) {
        cx.note(|| format!("index {i} of an axis of {len}"));
    }
    Tensor::new(&shape, data)
}

/// Rows from a start.
pub(super) fn slice_at<E: Copy + Default>(cx: &mut Arithmetic, x: &Tensor<E>, start: u32, len: usize) -> Tensor<E> {
    let (rows, row) = (x.shape[0], size(&x.shape[1..]));
    let shape = [&[len], &x.shape[1..]].concat();
    let start = start as usize;
    if start + len > rows {
        cx.note(|| format!("rows {start}.. of {rows}"));
        return Tensor::new(&shape, vec![E::default(); size(&shape)]);
    }
    Tensor::new(&shape, x.data[start * row..(start + len) * row].to_vec())
}

/// Zeros, and rows from a start.
pub(super) fn place_at<E: Copy + Default>(cx: &mut Arithmetic, x: &Tensor<E>, start: u32, rows: usize) -> Tensor<E> {
    let shape = [&[rows], &x.shape[1..]].concat();
    let (row, start) = (size(&x.shape[1..]), start as usize);
    let mut data = vec![E::default(); size(&shape)];
    if start + x.shape[0] > rows {
        cx.note(|| format!("rows {start}.. of {rows}"));
    } else {
        data[start * row..start * row + x.data.len()].copy_from_slice(&x.data);
    }
    Tensor::new(&shape, data)
}

/// 1 at the place that each index names.
pub(super) fn one_hot(cx: &mut Arithmetic, index: &Tensor<u32>, classes: usize) -> Tensor<Jet> {
    if let Some(i) = index.data.iter().find(|i| **i as usize >= classes) {
        cx.note(|| format!("label {i} of {classes}"));
    }
    let mut shape = index.shape.clone();
    shape.push(classes);
    let data = index.data.iter().flat_map(|i| (0..classes).map(|c| Jet::number(if c == *i as usize { 1.0 } else { 0.0 }))).collect();
    Tensor::new(&shape, data)
}

/// 64 random bits of element `i`: Philox4x32-10 (Salmon et al. 2011) over (block of two elements, counter, family).
fn bits(key: u64, counter: u32, family: u32, i: usize) -> u64 {
    let block = (i / 2) as u64;
    let mut word = [block as u32, (block >> 32) as u32, counter, family];
    for round in 0..10u64 {
        let k0 = (key as u32).wrapping_add((round * 0x9E37_79B9) as u32);
        let k1 = ((key >> 32) as u32).wrapping_add((round * 0xBB67_AE85) as u32);
        let (p, q) = (u64::from(word[0]) * 0xD251_1F53, u64::from(word[2]) * 0xCD9E_8D57);
        word = [(q >> 32) as u32 ^ word[1] ^ k0, q as u32, (p >> 32) as u32 ^ word[3] ^ k1, p as u32];
    }
    let half = 2 * (i % 2);
    u64::from(word[half]) | u64::from(word[half + 1]) << 32
}

/// Uniform on [0, 1).
pub(super) fn uniform(key: u64, counter: u32, shape: &[usize], single: bool) -> Tensor<Jet> {
    let number = |i| {
        let b = bits(key, counter, 0, i);
        if single { (b >> 40) as f64 / 2f64.powi(24) } else { (b >> 11) as f64 / 2f64.powi(53) }
    };
    Tensor::new(shape, (0..size(shape)).map(|i| Jet::number(number(i))).collect())
}

/// Indices below a bound.
pub(super) fn random_index(key: u64, counter: u32, shape: &[usize], below: u32) -> Tensor<u32> {
    let number = |i| ((u128::from(bits(key, counter, 2, i)) * u128::from(below)) >> 64) as u32;
    Tensor::new(shape, (0..size(shape)).map(number).collect())
}
