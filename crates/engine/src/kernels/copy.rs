//! Strided copies to and from contiguous arrays, in tiles where the two sides suit different loop orders.
#![allow(unsafe_code, reason = "strided loops and slices of generic elements; each block says why it is sound")]
use super::axes::{Axes, Axis, each, guard, merge};
use hypertape_ir::array::{Element, Layout};

/// dst = src, element by element in row-major order. `dst` holds exactly the layout's elements.
pub(crate) fn copy<T: Element>(src: &[T], layout: &Layout, dst: &mut [T]) {
    guard(src, layout);
    assert_eq!(dst.len(), layout.len(), "the destination holds the elements of the layout");
    if layout.is_contiguous() {
        dst.copy_from_slice(&src[layout.offset..layout.offset + dst.len()]);
        return;
    }
    let axes = pair(layout, false);
    // SAFETY: `guard` checked every source offset; contiguous offsets of `layout.len()` elements lie in `dst`.
    unsafe { walk(&axes, src.as_ptr().wrapping_add(layout.offset), dst.as_mut_ptr()) }
}

#[cfg(test)]
/// Writes contiguous `src` to the places that the layout names in `dst`. No place may be named twice.
pub(crate) fn scatter<T: Element>(src: &[T], dst: &mut [T], layout: &Layout) {
    guard(dst, layout);
    assert_eq!(src.len(), layout.len(), "the source holds the elements of the layout");
    if layout.is_contiguous() {
        dst[layout.offset..layout.offset + src.len()].copy_from_slice(src);
        return;
    }
    let axes = pair(layout, true);
    // SAFETY: `guard` checked every destination offset; contiguous offsets of `layout.len()` elements lie in `src`.
    unsafe { walk(&axes, src.as_ptr(), dst.as_mut_ptr().wrapping_add(layout.offset)) }
}

/// Writes the elements that one layout names in `src` to the places that another names in `dst`. No place may be named twice.
pub(crate) fn place<T: Element>(src: &[T], from: &Layout, dst: &mut [T], to: &Layout) {
    guard(src, from);
    guard(dst, to);
    assert_eq!(from.shape, to.shape, "both sides have the same elements");
    let axes = merge((0..from.shape.len()).map(|i| Axis { n: from.shape[i], s: [from.strides[i], to.strides[i]] }));
    if from.is_empty() {
        return;
    }
    // SAFETY: `guard` checked the offsets of both sides.
    unsafe { walk(&axes, src.as_ptr().wrapping_add(from.offset), dst.as_mut_ptr().wrapping_add(to.offset)) }
}

#[cfg(test)]
/// Converts every element as `as` does.
pub(crate) fn convert<S: Element, D: Element>(src: &[S], dst: &mut [D]) {
    for (d, s) in dst.iter_mut().zip(src) {
        *d = D::from_f64(s.to_f64());
    }
}

/// Loops over (source, destination) where one side has the layout and the other is contiguous.
fn pair(layout: &Layout, scatter: bool) -> Axes<2> {
    let flat = Layout::contiguous(&layout.shape);
    merge((0..layout.shape.len()).map(|i| {
        let (l, c) = (layout.strides[i], flat.strides[i]);
        Axis { n: layout.shape[i], s: if scatter { [c, l] } else { [l, c] } }
    }))
}

/// Copies over a nest of loops.
///
/// # Safety
/// Every offset that the loops reach lies within the source, or the destination; they do not overlap.
unsafe fn walk<T: Element>(axes: &[Axis<2>], src: *const T, dst: *mut T) {
    let Some((inner, outer)) = axes.split_last() else {
        // SAFETY: the empty nest reaches offset 0 only.
        unsafe { *dst = *src };
        return;
    };
    // `side` is the one that is not contiguous in the innermost loop. `near` is the other loop in which it has its smallest stride.
    let side = usize::from(inner.s[0].abs() == 1);
    let near = (0..outer.len()).filter(|k| outer[*k].s[side] != 0).min_by_key(|k| outer[*k].s[side].abs());
    if let Some(k) = near
        && inner.s[side].abs() > outer[k].s[side].abs()
        && inner.n >= 4
        && outer[k].n >= 4
    {
        let mut rest: Axes<2> = outer.iter().copied().collect();
        let across = rest.remove(k);
        // SAFETY: the same offsets in another order.
        each(&rest, [0, 0], |at| unsafe { tiles(across, *inner, src.offset(at[0]), dst.offset(at[1])) });
        return;
    }
    each(outer, [0, 0], |at| {
        // SAFETY: offsets of the nest.
        unsafe { row(*inner, src.offset(at[0]), dst.offset(at[1])) }
    });
}

/// Copies one loop.
///
/// # Safety
/// As `walk`.
#[inline]
unsafe fn row<T: Element>(a: Axis<2>, src: *const T, dst: *mut T) {
    // SAFETY: the loop reaches offsets 0, s, …, (n − 1)·s only.
    unsafe {
        match a.s {
            [1, 1] => std::ptr::copy_nonoverlapping(src, dst, a.n),
            [0, 1] => std::slice::from_raw_parts_mut(dst, a.n).fill(*src),
            [s, 1] => {
                let d = std::slice::from_raw_parts_mut(dst, a.n);
                d.iter_mut().enumerate().for_each(|(i, d)| *d = *src.offset(i as isize * s));
            }
            [s, t] => (0..a.n as isize).for_each(|i| *dst.offset(i * t) = *src.offset(i * s)),
        }
    }
}

/// Copies two loops, of which each suits one side, in tiles that stay in the first-level cache.
///
/// # Safety
/// As `walk`.
unsafe fn tiles<T: Element>(p: Axis<2>, q: Axis<2>, src: *const T, dst: *mut T) {
    const TILE: usize = 16;
    let (mut i, at) = (0, |i: usize, s: isize| i as isize * s);
    while i < p.n {
        let m = TILE.min(p.n - i);
        let mut j = 0;
        while j < q.n {
            let n = TILE.min(q.n - j);
            for k in i..i + m {
                // SAFETY: k < p.n and j + n ≤ q.n.
                unsafe {
                    row(Axis { n, s: q.s }, src.offset(at(k, p.s[0]) + at(j, q.s[0])), dst.offset(at(k, p.s[1]) + at(j, q.s[1])));
                }
            }
            j += n;
        }
        i += m;
    }
}

#[cfg(test)]
/// A layout prepared for reading and writing pieces of its elements in row-major order.
#[derive(Debug, Clone)]
pub(crate) struct Pieces {
    axes: Axes<1>,
    offset: isize,
    span: (usize, usize),
    len: usize,
}

#[cfg(test)]
impl Pieces {
    /// The pieces of a layout.
    #[must_use]
    pub(crate) fn new(layout: &Layout) -> Self {
        let axes = merge(layout.shape.iter().zip(&layout.strides).map(|(&n, &s)| Axis { n, s: [s] }));
        Pieces { axes, offset: layout.offset as isize, span: layout.span(), len: layout.len() }
    }
    /// Where the elements start, if they are one contiguous run.
    #[must_use]
    pub(crate) fn contiguous(&self) -> Option<usize> {
        match self.axes[..] {
            [] => Some(self.offset as usize),
            [Axis { s: [1], .. }] => Some(self.offset as usize),
            _ => (self.len == 0).then_some(0),
        }
    }
    /// Where the element lies, if all are one and the same.
    #[must_use]
    pub(crate) fn repeated(&self) -> Option<usize> {
        (self.len > 0 && self.axes.iter().all(|a| a.s == [0])).then_some(self.offset as usize)
    }
    /// Elements `from`, `from` + 1, … in row-major order, as many as `dst` holds.
    pub(crate) fn load<T: Element>(&self, src: &[T], from: usize, dst: &mut [T]) {
        assert!(self.span.1 <= src.len() && from + dst.len() <= self.len, "a piece lies within its layout");
        let (p, d) = (src.as_ptr(), dst.as_mut_ptr());
        self.runs(from, dst.len(), |at, s, done, n| {
            // SAFETY: offsets of the layout lie in its span, which lies in `src`; done + n ≤ dst.len().
            unsafe { row(Axis { n, s: [s, 1] }, p.offset(at), d.add(done)) }
        });
    }
    /// Writes `src` to the places of elements `from`, `from` + 1, … in row-major order.
    pub(crate) fn store<T: Element>(&self, src: &[T], dst: &mut [T], from: usize) {
        assert!(self.span.1 <= dst.len() && from + src.len() <= self.len, "a piece lies within its layout");
        let (p, d) = (src.as_ptr(), dst.as_mut_ptr());
        self.runs(from, src.len(), |at, s, done, n| {
            // SAFETY: offsets of the layout lie in its span, which lies in `dst`; done + n ≤ src.len().
            unsafe { row(Axis { n, s: [1, s] }, p.add(done), d.offset(at)) }
        });
    }
    /// Calls `f` with (offset, stride, elements before, length) of each run of elements along the innermost axis.
    #[inline]
    fn runs(&self, from: usize, len: usize, mut f: impl FnMut(isize, isize, usize, usize)) {
        if len == 0 {
            return;
        }
        let Some((inner, outer)) = self.axes.split_last() else {
            return f(self.offset, 1, 0, 1);
        };
        let s = inner.s[0];
        let (mut row, mut column, mut done) = (from / inner.n, from % inner.n, 0);
        while done < len {
            let n = (inner.n - column).min(len - done);
            let (mut rest, mut at) = (row, self.offset + column as isize * s);
            for a in outer.iter().rev() {
                at += (rest % a.n) as isize * a.s[0];
                rest /= a.n;
            }
            f(at, s, done, n);
            done += n;
            column = 0;
            row += 1;
        }
    }
}
