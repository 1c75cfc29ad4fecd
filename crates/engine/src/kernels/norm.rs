//! Norms as roots of sums of squares. Where squares overflowed or underflowed, they are summed again, scaled or in double precision.
use super::halves::both;
use hypertape_ir::array::{Element, Kind, Real};

/// Results above which roots are worth two threads.
const PARALLEL: usize = 1 << 18;

/// `outer` blocks of `n` rows of `inner` elements: a norm for each block and each place in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Norms {
    pub(crate) outer: usize,
    pub(crate) n: usize,
    pub(crate) inner: usize,
}

impl Norms {
    /// The norms of x. `sums` holds its sums of squares, which may have overflowed or underflowed.
    pub(crate) fn run<T: Real>(self, x: &[T], sums: &[T], out: &mut [T]) {
        let results = self.outer * self.inner;
        assert!(x.len() == results * self.n && sums.len() == results && out.len() == results, "operands are as long as the sizes say");
        self.roots(x, sums, out, 0);
    }
    fn roots<T: Real>(self, x: &[T], sums: &[T], out: &mut [T], first: usize) {
        if out.len() >= PARALLEL {
            let half = out.len() / 2;
            let ((s, t), (p, q)) = (sums.split_at(half), out.split_at_mut(half));
            both(|| self.roots(x, s, p, first), || self.roots(x, t, q, first + half));
            return;
        }
        let (least, most) = trusted::<T>(self.n);
        let mut all = true;
        for (o, s) in out.iter_mut().zip(sums) {
            all &= (*s >= least) & (*s <= most);
            *o = s.sqrt();
        }
        if !all {
            for (i, (o, s)) in out.iter_mut().zip(sums).enumerate() {
                if !(*s >= least && *s <= most) {
                    let at = first + i;
                    let from = at / self.inner * self.n * self.inner + at % self.inner;
                    *o = scaled((0..self.n).map(|k| x[from + k * self.inner]));
                }
            }
        }
    }
}

/// The bounds between which a sum of n squares is accurate: squares that underflowed are less than its rounding error, and none overflowed.
fn trusted<T: Real>(n: usize) -> (T, T) {
    let least = T::min_positive_value() * T::from_f64(4.0 * n as f64);
    (least, T::max_value())
}

/// The norm of elements of any size: NaN if one is NaN, else ∞ if one is infinite.
pub(crate) fn scaled<T: Real>(x: impl Iterator<Item = T> + Clone) -> T {
    if T::KIND == Kind::F32 {
        // Squares of single precision do not leave the range of double precision.
        let sum: f64 = x.map(|v| Element::to_f64(v) * Element::to_f64(v)).sum();
        return T::from_f64(sum.sqrt());
    }
    let mut largest = 0.0f64;
    for v in x.clone().map(Element::to_f64) {
        if v.is_nan() {
            return T::from_f64(v);
        }
        largest = largest.max(v.abs());
    }
    if largest == 0.0 || largest.is_infinite() {
        return T::from_f64(largest);
    }
    // A power of two near the inverse of the largest, so that nothing is rounded.
    let exponent = ((largest.to_bits() >> 52) as i64 - 1023).clamp(-1022, 1021);
    let scale = f64::from_bits(((1023 - exponent) as u64) << 52);
    let sum: f64 = x.map(|v| Element::to_f64(v) * scale).map(|v| v * v).sum();
    T::from_f64(sum.sqrt() / scale)
}
