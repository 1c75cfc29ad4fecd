//! Vectors and numbers that a solve works with: they grow to what the largest one needs, and are used again.

/// Scratch of one state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scratch {
    pub(crate) vectors: Vec<f64>,
    pub(crate) numbers: Vec<f64>,
    pub(crate) rotations: Vec<(f64, f64)>,
}

/// `N` vectors of length n.
pub(crate) fn split<const N: usize>(vectors: &mut Vec<f64>, n: usize) -> [&mut [f64]; N] {
    if vectors.len() < N * n {
        vectors.resize(N * n, 0.0);
    }
    let mut rest = &mut vectors[..N * n];
    std::array::from_fn(|_| {
        let (head, tail) = std::mem::take(&mut rest).split_at_mut(n);
        rest = tail;
        head
    })
}
