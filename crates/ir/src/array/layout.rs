//! How the elements of an array lie in its storage: shape, strides, offset.
use super::leaf_type::Shape;
use smallvec::SmallVec;

/// Element (i, j, …) lies at offset + i·`strides[0]` + j·`strides[1]` + …, in elements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Lengths of the axes.
    pub shape: Shape,
    /// Distance between neighbours along each axis; 0 repeats one element.
    pub strides: SmallVec<[isize; 4]>,
    /// Where element (0, 0, …) lies.
    pub offset: usize,
}

impl Layout {
    /// Row-major, without gaps, from offset 0.
    #[must_use]
    pub fn contiguous(shape: &[usize]) -> Self {
        let mut strides = SmallVec::from_elem(1, shape.len());
        for i in (1..shape.len()).rev() {
            strides[i - 1] = isize::saturating_mul(strides[i], isize::try_from(shape[i]).unwrap_or(isize::MAX));
        }
        Layout { shape: Shape::from_slice(shape), strides, offset: 0 }
    }
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().fold(1, |p: usize, n| p.saturating_mul(*n))
    }
    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Row-major without gaps (from any offset). Axes of length 1 may have any stride.
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&n, &s) in self.shape.iter().zip(&self.strides).rev() {
            if n != 1 && s != expected {
                return self.is_empty();
            }
            expected = isize::saturating_mul(expected, n as isize);
        }
        true
    }
    /// The axes in another order: axis k of the result is axis `axes[k]` of this.
    #[must_use]
    pub fn permute(&self, axes: &[usize]) -> Self {
        Layout {
            shape: axes.iter().map(|&a| self.shape[a]).collect(),
            strides: axes.iter().map(|&a| self.strides[a]).collect(),
            offset: self.offset,
        }
    }
    /// Every `step`-th element of each axis from `start`, `len` of them; negative steps go backwards.
    #[must_use]
    pub fn slice(&self, start: &[usize], step: &[isize], len: &[usize]) -> Self {
        let mut offset = self.offset as isize;
        let mut strides = SmallVec::new();
        for i in 0..self.shape.len() {
            if len[i] > 0 {
                offset += start[i] as isize * self.strides[i];
            }
            // No step is made along an axis of length 1, however long it would be.
            strides.push(self.strides[i] * if len[i] > 1 { step[i] } else { 1 });
        }
        Layout { shape: Shape::from_slice(len), strides, offset: offset as usize }
    }
    /// Repeats along new axes: axis i of this becomes axis `axes[i]` of the result (of the same length, or of length 1 here).
    #[must_use]
    pub fn broadcast(&self, shape: &[usize], axes: &[usize]) -> Self {
        let mut strides = SmallVec::from_elem(0, shape.len());
        for (i, &a) in axes.iter().enumerate() {
            strides[a] = if self.shape[i] == 1 { 0 } else { self.strides[i] };
        }
        Layout { shape: Shape::from_slice(shape), strides, offset: self.offset }
    }
    /// The same elements in row-major order under another shape, where strides can express it.
    #[must_use]
    pub fn reshape(&self, shape: &[usize]) -> Option<Self> {
        if self.is_empty() {
            return Some(Layout { offset: self.offset, ..Layout::contiguous(shape) });
        }
        // Merge this layout's axes where they run on, then cut the pieces to the new lengths.
        let mut pieces: SmallVec<[(usize, isize); 4]> = SmallVec::new();
        for (&n, &s) in self.shape.iter().zip(&self.strides) {
            if n == 1 {
                continue;
            }
            match pieces.last_mut() {
                Some((m, t)) if *t == s * n as isize => {
                    *m *= n;
                    *t = s;
                }
                _ => pieces.push((n, s)),
            }
        }
        let mut strides: SmallVec<[isize; 4]> = SmallVec::from_elem(0, shape.len());
        let mut left = pieces.pop();
        for (i, &n) in shape.iter().enumerate().rev() {
            if n == 1 {
                continue;
            }
            let (m, s) = left?;
            if m % n != 0 {
                return None;
            }
            strides[i] = s;
            left = if m == n { pieces.pop() } else { Some((m / n, s * n as isize)) };
        }
        Some(Layout { shape: Shape::from_slice(shape), strides, offset: self.offset })
    }
    /// Offsets, relative to the start of the storage, of the lowest and one past the highest element.
    #[must_use]
    pub fn span(&self) -> (usize, usize) {
        if self.is_empty() {
            return (self.offset, self.offset);
        }
        let (mut low, mut high) = (self.offset as isize, self.offset as isize);
        for (&n, &s) in self.shape.iter().zip(&self.strides) {
            let reach = (n as isize - 1) * s;
            if reach < 0 { low += reach } else { high += reach }
        }
        (low as usize, high as usize + 1)
    }
}
