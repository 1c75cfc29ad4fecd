//! Sizes of a two-dimensional convolution, and which of its three arrays is the result.
use crate::error::Convolved;

/// What lies beyond the edge of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Boundary {
    /// Nothing is read there: the output is smaller than the image.
    Valid,
    /// Zeros.
    Zero,
    /// The image again.
    Periodic,
    /// The image mirrored, its edge repeated: d c b a | a b c d | d c b a.
    Symmetric,
    /// Its outermost row or column again and again: a a a | a b c d | d d d.
    Replicate,
}

/// Sizes of a convolution: output (p, q) reads image (p·stride + i − before, …) for the taps i of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// What lies beyond the edge.
    pub boundary: Boundary,
    /// Step between outputs, rows and columns.
    pub stride: [usize; 2],
    /// Rows and columns of the image.
    pub image: [usize; 2],
    /// Rows and columns of the filter.
    pub window: [usize; 2],
}

impl Geometry {
    /// Rows and columns of the output; an error in words if there is none.
    pub fn output(&self) -> Result<[usize; 2], Convolved> {
        let mut out = [0; 2];
        for d in 0..2 {
            let (n, k, s) = (self.image[d], self.window[d], self.stride[d]);
            if k == 0 || s == 0 {
                return Err(Convolved::Zero { axis: d });
            }
            out[d] = match self.boundary {
                Boundary::Valid if k > n => return Err(Convolved::Filter { filter: k, image: n }),
                Boundary::Valid => (n - k) / s + 1,
                _ => n.div_ceil(s),
            };
        }
        Ok(out)
    }
    /// Taps that lie before the output's own place.
    #[must_use]
    pub fn before(&self, d: usize) -> usize {
        if self.boundary == Boundary::Valid { 0 } else { (self.window[d] - 1) / 2 }
    }
    /// Which index of the image stands at `u` of the padded one.
    #[inline]
    #[must_use]
    pub fn source(&self, d: usize, u: usize) -> Option<usize> {
        let (n, at) = (self.image[d] as isize, u as isize - self.before(d) as isize);
        match self.boundary {
            Boundary::Valid | Boundary::Zero => (at >= 0 && at < n).then_some(at as usize),
            Boundary::Periodic => Some(at.rem_euclid(n) as usize),
            Boundary::Symmetric => {
                let m = at.rem_euclid(2 * n);
                Some(if m < n { m } else { 2 * n - 1 - m } as usize)
            }
            Boundary::Replicate => Some(at.clamp(0, n - 1) as usize),
        }
    }
}

/// Which array of a convolution is the result; the other two, in the order (image, filter, output), are the operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Image and filter give the output.
    Output,
    /// Output and filter give the image: the transpose with respect to it.
    Image,
    /// Image and output give the filter: the transpose with respect to it.
    Filter,
}
