//! Kernels against naive loops, at odd sizes, on random layouts.
#[cfg(target_arch = "x86_64")]
mod compiled;
mod contract;
mod copy;
mod dense;
mod elementary;

mod fold;
mod gemm;
mod join;
mod math;
mod matvec;
mod sparse;

use hypertape_ir::array::{Layout, Shape};

/// Seeded pseudo-random numbers (xorshift64*, Marsaglia 2003; Vigna 2016).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }
    /// Uniform in [−1, 1).
    pub(crate) fn real(&mut self) -> f64 {
        self.bits() as f64 / (1u64 << 52) as f64 - 1.0
    }
    /// Uniform in 0 … n − 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }
    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
    pub(crate) fn reals(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.real()).collect()
    }
    /// A layout of this shape: axes in any order, reversed, stepped, repeated; with the length its storage must have.
    pub(crate) fn layout(&mut self, shape: &[usize], repeats: bool) -> (Layout, usize) {
        let mut order: Vec<usize> = (0..shape.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, self.below(i + 1));
        }
        if self.below(3) == 0 {
            order = (0..shape.len()).collect();
        }
        let plain = self.below(2) == 0;
        let mut l = Layout::contiguous(shape);
        let (mut stride, mut low, mut high) = (1isize, 0isize, 0isize);
        for a in order.into_iter().rev() {
            let n = shape[a].max(1) as isize;
            let (step, sign) = if plain { (1, 1) } else { (self.pick(&[1, 1, 2, 3]), self.pick(&[1, 1, -1])) };
            if repeats && !plain && self.below(4) == 0 {
                l.strides[a] = 0;
                continue;
            }
            l.strides[a] = stride * step * sign;
            let reach = l.strides[a] * (n - 1);
            if reach < 0 {
                low += reach
            } else {
                high += reach
            }
            stride *= step * n;
        }
        let before = self.below(4);
        l.offset = before + low.unsigned_abs();
        let len = l.offset + high as usize + 1 + self.below(4);
        (l, len)
    }
    pub(crate) fn shape(&mut self, rank: usize, lengths: &[usize]) -> Shape {
        (0..rank).map(|_| self.pick(lengths)).collect()
    }
}

/// Every index of a shape, in row-major order.
pub(crate) fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for &n in shape {
        all = all.into_iter().flat_map(|i: Vec<usize>| (0..n).map(move |k| i.iter().copied().chain([k]).collect())).collect();
    }
    all
}

/// Where an index lies.
pub(crate) fn place(l: &Layout, index: &[usize]) -> usize {
    (l.offset as isize + index.iter().zip(&l.strides).map(|(i, s)| *i as isize * s).sum::<isize>()) as usize
}

/// Runs on one thread and on several; both must give the same.
pub(crate) fn on_threads<R: PartialEq + std::fmt::Debug + Send>(f: impl Fn() -> R + Sync) -> R {
    let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a pool of a few threads");
    let (one, three) = (pool(1).install(&f), pool(3).install(&f));
    assert_eq!(one, three, "the number of threads changed the result");
    one
}
