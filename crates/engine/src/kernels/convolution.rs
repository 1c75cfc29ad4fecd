//! Two-dimensional convolutions: rows of a padded image against the rows of a filter.
//!
//! Each image of the batch is copied with its boundary. The copy sorts columns by their remainder modulo the stride, so that every tap of the filter
//! reads a contiguous row.
use super::halves::both;
use super::isa::{fma, per_isa};
use super::matvec::dot;
use hypertape_ir::array::{Element, Real};
use hypertape_ir::error::Convolved;
use hypertape_ir::operation::named::Geometry;

/// A convolution of `batch` images of `channels` channels with `filters` filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolver {
    geometry: Geometry,
    batch: usize,
    channels: usize,
    filters: usize,
    output: [usize; 2],
    /// Step between outputs in the padded image: the stride, but at most the size of the filter. Rows and columns that no tap reads are left out.
    step: [usize; 2],
    /// Rows of the padded image.
    rows: usize,
    /// Elements of the part of a row whose columns have one remainder: outputs rounded up to whole tiles, plus the taps beyond them.
    pitch: usize,
}

const TILE: usize = 32;
const SMALL: usize = 8;
/// Multiplications above which one item is worth two threads.
const PARALLEL: usize = 1 << 19;

impl Convolver {
    /// For these sizes.
    pub fn new(geometry: Geometry, batch: usize, channels: usize, filters: usize) -> Result<Self, Convolved> {
        let output = geometry.output()?;
        let step = [0, 1].map(|d| geometry.stride[d].min(geometry.window[d]));
        let rows = (output[0].max(1) - 1).saturating_mul(step[0]).saturating_add(geometry.window[0]);
        let pitch = output[1].saturating_add(SMALL - 1) / SMALL * SMALL + (geometry.window[1] - 1) / step[1];
        Ok(Convolver { geometry, batch, channels, filters, output, step, rows, pitch })
    }
    /// Elements of scratch memory.
    #[must_use]
    pub fn scratch(&self) -> usize {
        if self.empty() { 0 } else { self.channels.saturating_mul(self.plane()) }
    }
    /// Elements of one padded channel.
    fn plane(&self) -> usize {
        self.rows.saturating_mul(self.step[1]).saturating_mul(self.pitch)
    }
    /// Where tap (i, j) of output row p begins in a padded channel.
    #[inline(always)]
    fn tap(&self, p: usize, i: usize, j: usize) -> usize {
        let [s, t] = self.step;
        ((p * s + i) * t + j % t) * self.pitch + j / t
    }
    fn image_len(&self) -> usize {
        self.geometry.image[0] * self.geometry.image[1]
    }
    fn output_len(&self) -> usize {
        self.output[0] * self.output[1]
    }
    fn window_len(&self) -> usize {
        self.geometry.window[0] * self.geometry.window[1]
    }
    fn empty(&self) -> bool {
        [self.batch, self.channels, self.filters, self.output[0], self.output[1]].contains(&0)
    }
    /// Calls `f` with each place of a padded channel and the place of the image that it is copied from, if there is one.
    #[inline]
    fn places(&self, mut f: impl FnMut(usize, Option<usize>)) {
        let ([s, t], width) = (self.step, self.geometry.image[1]);
        let columns = (self.output[1] - 1) * t + self.geometry.window[1];
        // Index u here is index (u / s)·stride + u mod s of the full padded image; rows and columns between are left out.
        let [down, across] = self.geometry.stride;
        for u in 0..self.rows {
            let row = self.geometry.source(0, if s == down { u } else { u / s * down + u % s });
            for v in 0..columns {
                let column = self.geometry.source(1, if t == across { v } else { v / t * across + v % t });
                f((u * t + v % t) * self.pitch + v / t, row.zip(column).map(|(r, c)| r * width + c));
            }
        }
    }
    /// Copies one item of the batch to the padded image.
    fn pad<T: Real>(&self, x: &[T], padded: &mut [T]) {
        padded.fill(T::zero());
        for (x, padded) in x.chunks_exact(self.image_len()).zip(padded.chunks_exact_mut(self.plane())) {
            self.places(|to, from| {
                if let Some(from) = from {
                    padded[to] = x[from];
                }
            });
        }
    }
    /// y[b, o, p, q] = Σ w[o, c, i, j]·x[b, c, p·s + i, q·t + j].
    pub fn output_of<T: Real>(&self, x: &[T], w: &[T], y: &mut [T], scratch: &mut [T]) {
        if self.empty() {
            return y.fill(T::zero());
        }
        let padded = &mut scratch[..self.scratch()];
        for (x, y) in x.chunks_exact(self.channels * self.image_len()).zip(y.chunks_exact_mut(self.filters * self.output_len())) {
            self.pad(x, padded);
            self.forward_rows(padded, w, y, 0);
        }
    }
    /// Computes the rows of the output from row `first` on, numbered through all filters.
    fn forward_rows<T: Real>(&self, padded: &[T], w: &[T], y: &mut [T], first: usize) {
        let rows = y.len() / self.output[1];
        if rows > 1 && y.len() * self.channels * self.window_len() >= PARALLEL {
            let (a, b) = y.split_at_mut(rows / 2 * self.output[1]);
            both(|| self.forward_rows(padded, w, a, first), || self.forward_rows(padded, w, b, first + rows / 2));
            return;
        }
        forward_isa(self, padded, w, y, first);
    }
    /// x[b, c, …] = Σ w[o, c, i, j]·y[b, o, p, q] over all (o, p, q, i, j) that read x[b, c, …].
    pub fn input_of<T: Real>(&self, y: &[T], w: &[T], x: &mut [T], scratch: &mut [T]) {
        x.fill(T::zero());
        if self.empty() {
            return;
        }
        let padded = &mut scratch[..self.scratch()];
        for (x, y) in x.chunks_exact_mut(self.channels * self.image_len()).zip(y.chunks_exact(self.filters * self.output_len())) {
            padded.fill(T::zero());
            self.backward_channels(y, w, padded, 0);
            for (x, padded) in x.chunks_exact_mut(self.image_len()).zip(padded.chunks_exact(self.plane())) {
                self.places(|from, to| {
                    if let Some(to) = to {
                        x[to] += padded[from];
                    }
                });
            }
        }
    }
    fn backward_channels<T: Real>(&self, y: &[T], w: &[T], padded: &mut [T], first: usize) {
        let channels = padded.len() / self.plane();
        if channels > 1 && channels * y.len() * self.window_len() >= PARALLEL {
            let (a, b) = padded.split_at_mut(channels / 2 * self.plane());
            both(|| self.backward_channels(y, w, a, first), || self.backward_channels(y, w, b, first + channels / 2));
            return;
        }
        backward_isa(self, y, w, padded, first);
    }
    /// w[o, c, i, j] = Σ x[b, c, p·s + i, q·t + j]·y[b, o, p, q].
    pub fn filter_of<T: Real>(&self, x: &[T], y: &[T], w: &mut [T], scratch: &mut [T]) {
        w.fill(T::zero());
        if self.empty() {
            return;
        }
        let padded = &mut scratch[..self.scratch()];
        for (x, y) in x.chunks_exact(self.channels * self.image_len()).zip(y.chunks_exact(self.filters * self.output_len())) {
            self.pad(x, padded);
            self.filter_pairs(padded, y, w, 0);
        }
    }
    fn filter_pairs<T: Real>(&self, padded: &[T], y: &[T], w: &mut [T], first: usize) {
        let pairs = w.len() / self.window_len();
        if pairs > 1 && w.len() * self.output_len() >= PARALLEL {
            let (a, b) = w.split_at_mut(pairs / 2 * self.window_len());
            both(|| self.filter_pairs(padded, y, a, first), || self.filter_pairs(padded, y, b, first + pairs / 2));
            return;
        }
        let width = self.output[1];
        for (k, w) in w.chunks_exact_mut(self.window_len()).enumerate() {
            let (o, c) = ((first + k) / self.channels, (first + k) % self.channels);
            let (y, x) = (&y[o * self.output_len()..][..self.output_len()], &padded[c * self.plane()..][..self.plane()]);
            for (tap, w) in w.iter_mut().enumerate() {
                let (i, j) = (tap / self.geometry.window[1], tap % self.geometry.window[1]);
                let rows = y.chunks_exact(width).enumerate();
                let sum: f64 = rows.map(|(p, y)| Element::to_f64(dot(y, &x[self.tap(p, i, j)..][..width]))).sum();
                *w += T::from_f64(sum);
            }
        }
    }
}

per_isa! { fn forward_isa<T: Real>(c: &Convolver, padded: &[T], w: &[T], y: &mut [T], first: usize) = forward_body }
per_isa! { fn backward_isa<T: Real>(c: &Convolver, y: &[T], w: &[T], padded: &mut [T], first: usize) = backward_body }

#[inline(always)]
fn forward_body<T: Real, const FMA: bool>(c: &Convolver, padded: &[T], w: &[T], y: &mut [T], first: usize) {
    let taps = c.channels * c.window_len();
    for (r, y) in y.chunks_exact_mut(c.output[1]).enumerate() {
        let (o, p) = ((first + r) / c.output[0], (first + r) % c.output[0]);
        let w = &w[o * taps..(o + 1) * taps];
        let mut q = 0;
        while q + TILE <= y.len() {
            y[q..q + TILE].copy_from_slice(&tile::<T, TILE, FMA>(c, padded, w, p, q));
            q += TILE;
        }
        while q < y.len() {
            let n = SMALL.min(y.len() - q);
            y[q..q + n].copy_from_slice(&tile::<T, SMALL, FMA>(c, padded, w, p, q)[..n]);
            q += n;
        }
    }
}

/// Computes N neighbouring outputs, from (p, q) on.
#[inline(always)]
fn tile<T: Real, const N: usize, const FMA: bool>(c: &Convolver, padded: &[T], w: &[T], p: usize, q: usize) -> [T; N] {
    let mut acc = [T::zero(); N];
    for (w, x) in w.chunks_exact(c.window_len()).zip(padded.chunks_exact(c.plane())) {
        for (i, w) in w.chunks_exact(c.geometry.window[1]).enumerate() {
            for (j, w) in w.iter().enumerate() {
                let x = &x[c.tap(p, i, j) + q..][..N];
                for l in 0..N {
                    acc[l] = fma::<T, FMA>(*w, x[l], acc[l]);
                }
            }
        }
    }
    acc
}

#[inline(always)]
fn backward_body<T: Real, const FMA: bool>(c: &Convolver, y: &[T], w: &[T], padded: &mut [T], first: usize) {
    let width = c.output[1];
    for (k, x) in padded.chunks_exact_mut(c.plane()).enumerate() {
        for (o, y) in y.chunks_exact(c.output_len()).enumerate() {
            let w = &w[(o * c.channels + first + k) * c.window_len()..][..c.window_len()];
            for (p, y) in y.chunks_exact(width).enumerate() {
                for (tap, w) in w.iter().enumerate() {
                    let at = c.tap(p, tap / c.geometry.window[1], tap % c.geometry.window[1]);
                    for (x, y) in x[at..at + width].iter_mut().zip(y) {
                        *x = fma::<T, FMA>(*w, *y, *x);
                    }
                }
            }
        }
    }
}
