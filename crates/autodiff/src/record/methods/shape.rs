//! Methods that arrange the same elements in another way.
use crate::array::{Element, Shape};
use crate::error::{ErrorKind, Misfit, Stretch};
use crate::operation::{Builder, Part, Value};
use crate::tape::Var;

impl<T: Element> Var<T> {
    /// The same elements in row-major order under another shape.
    #[track_caller]
    #[must_use]
    pub fn reshape(self, shape: &[usize]) -> Var<T> {
        self.unary("reshape", |b, x| b.reshape(x, shape))
    }
    /// Axes in reverse order: the transpose of a matrix.
    #[track_caller]
    #[must_use]
    pub fn t(self) -> Var<T> {
        self.unary("t", |b, x| {
            let axes: Vec<usize> = (0..b.shape(x).len()).rev().collect();
            b.permute(x, &axes)
        })
    }
    /// Axis k of the result is axis `axes[k]`.
    #[track_caller]
    #[must_use]
    pub fn permute(self, axes: &[usize]) -> Var<T> {
        self.unary("permute", |b, x| b.permute(x, axes))
    }
    /// Repeats to a shape as NumPy does: trailing axes are aligned, axes of length 1 repeat.
    #[track_caller]
    #[must_use]
    pub fn broadcast_to(self, shape: &[usize]) -> Var<T> {
        self.unary("broadcast_to", |b, x| b.broadcast_to(x, shape))
    }
    /// Elements `from..to` of one axis.
    #[track_caller]
    #[must_use]
    pub fn slice_axis(self, axis: usize, from: usize, to: usize) -> Var<T> {
        self.slice_step(axis, from, to, 1)
    }
    /// Every `step`-th element of `from..to` of one axis; a negative step takes them from the last to the first.
    #[track_caller]
    #[must_use]
    pub fn slice_step(self, axis: usize, from: usize, to: usize, step: isize) -> Var<T> {
        self.unary("slice", |b, x| slice(b, x, axis, from, to, step))
    }
    /// Elements `from..to` of the last axis.
    #[track_caller]
    #[must_use]
    pub fn slice_last(self, from: usize, to: usize) -> Var<T> {
        self.unary("slice", |b, x| {
            let rank = b.shape(x).len();
            slice(b, x, rank.saturating_sub(1), from, to, 1)
        })
    }
    /// Elements in reverse order along some axes.
    #[track_caller]
    #[must_use]
    pub fn flip(self, axes: &[usize]) -> Var<T> {
        self.unary("flip", |b, x| b.flip(x, axes))
    }
    /// Zeros around: `before[i]` and `after[i]` of them along axis i.
    #[track_caller]
    #[must_use]
    pub fn pad(self, before: &[usize], after: &[usize]) -> Var<T> {
        self.unary("pad", |b, x| {
            let mut shape = b.shape(x);
            if [before.len(), after.len()] != [shape.len(); 2] {
                let (before, after, rank) = (before.len(), after.len(), shape.len());
                return b.refuse("pad", &[x], Misfit::Widths { before, after, rank });
            }
            let ends = before.iter().zip(after);
            shape.iter_mut().zip(ends).for_each(|(n, (b, a))| *n = n.saturating_add(*b).saturating_add(*a));
            let part = Part { start: Shape::from_slice(before), step: Shape::from_elem(1, before.len()) };
            b.place(&shape, &[(x, part)])
        })
    }
    /// Elements (…, i, i) of square matrices.
    #[track_caller]
    #[must_use]
    pub fn diagonal(self) -> Var<T> {
        self.unary("diagonal", |b, x| b.diagonal(x))
    }
    /// Square matrices with these diagonals, zero elsewhere.
    #[track_caller]
    #[must_use]
    pub fn diagonal_matrix(self) -> Var<T> {
        self.unary("diagonal_matrix", |b, x| b.diagonal_matrix(x))
    }
}

fn slice(b: &mut Builder, x: Value, axis: usize, from: usize, to: usize, step: isize) -> Value {
    let mut len = b.shape(x);
    let rank = len.len();
    let Some(n) = len.get(axis).copied() else {
        return b.refuse("slice", &[x], ErrorKind::axis(axis, rank));
    };
    if from > to || to > n {
        return b.refuse("slice", &[x], ErrorKind::Range { of: Stretch::Slice, from, to, axis, length: n });
    }
    let mut start = Shape::from_elem(0, rank);
    let mut steps: Vec<isize> = vec![1; rank];
    start[axis] = if step < 0 { to.saturating_sub(1) } else { from };
    steps[axis] = step;
    len[axis] = (to - from).div_ceil(step.unsigned_abs().max(1));
    b.slice(x, &start, &steps, &len)
}
