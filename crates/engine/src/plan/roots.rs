//! Roots and views: a root is an array that owns storage, a view is a root seen through a layout.
use super::thresholds::{PIECED_ROW, PIECES};
use hypertape_ir::array::{Kind, Layout, Shared};
use hypertape_ir::each_kind;
use hypertape_ir::operation::Part;
use std::sync::Arc;

/// An array that owns storage: an input, a constant, a number, or the result of an item.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) kind: Kind,
    /// The number of elements.
    pub(crate) len: usize,
    pub(crate) home: Home,
    /// How many items must run before the root can be read: 0 for a root from outside, k + 1 for a root that item k makes.
    pub(crate) ready: usize,
    /// Whether a fusion makes it index by index.
    pub(crate) elementwise: bool,
    /// Whether the root needs memory.
    pub(crate) stored: bool,
    /// The constant array, if the root is one.
    pub(crate) constant: Option<Whole>,
}

/// A constant array, or the part of one that a block was given: the first element from the lowest one of the array on.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub(crate) array: Shared,
    pub(crate) start: usize,
}

impl Whole {
    pub(crate) fn address(&self) -> usize {
        each_kind!(Shared, &self.array, a => a.as_ptr() as usize)
    }
    /// The part from an element on.
    pub(crate) fn from(&self, start: usize) -> Self {
        Whole { array: self.array.clone(), start: self.start + start }
    }
}

/// Where a root lies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Home {
    /// At an input.
    Input(usize),
    /// At a constant of the block.
    Constant(usize),
    /// Nowhere: every element is this number. It becomes a constant if a reader needs it in memory.
    Literal(f64),
    /// At an output, from this element on.
    Output(usize, usize),
    /// In pieces of other roots. It is materialised if a reader needs it in memory.
    Joined(Arc<Joined>),
    /// In a slot of the frame, once slots are assigned.
    Slot,
}

/// A view of a root: the lowest element, and the layout from there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) root: usize,
    pub(crate) start: usize,
    pub(crate) layout: Layout,
}

/// Moves a layout so that its lowest element is at 0. Returns where that element was, and the moved layout.
pub(crate) fn grounded(mut layout: Layout) -> (usize, Layout) {
    let low = layout.span().0;
    if layout.is_empty() {
        layout.offset = 0;
        return (0, layout);
    }
    layout.offset -= low;
    (low, layout)
}

impl Seen {
    /// A whole root, contiguous, in this shape.
    pub(crate) fn whole(root: usize, shape: &[usize]) -> Self {
        Seen { root, start: 0, layout: Layout::contiguous(shape) }
    }
    /// The view through another layout, whose offset counts from the start of this view.
    pub(crate) fn with(&self, layout: Layout) -> Self {
        let (low, layout) = grounded(layout);
        Seen { root: self.root, start: self.start + low, layout }
    }
    /// Whether the view is all elements of its root in order.
    pub(crate) fn is_whole(&self, roots: &[Root]) -> bool {
        self.start == 0 && self.layout.len() == roots[self.root].len && self.layout.is_contiguous()
    }
}

/// The layout without axes of length 1.
pub(crate) fn squeezed(layout: &Layout) -> Layout {
    let keep: Vec<usize> = (0..layout.shape.len()).filter(|i| layout.shape[*i] != 1).collect();
    layout.permute(&keep)
}

/// An array in pieces: each row consists of pieces of other roots, with `fill` between them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Joined {
    pub(crate) rows: usize,
    /// The number of elements of a row.
    pub(crate) row: usize,
    pub(crate) fill: f64,
    /// In order, without overlap.
    pub(crate) pieces: Vec<Piece>,
}

/// A piece: elements `from..to` of every row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    /// The elements of the piece, as rows of contiguous elements.
    pub(crate) seen: Seen,
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Elements of the piece's root from one row to the next.
    pub(crate) stride: isize,
}

impl Joined {
    /// The array of this shape with `parts` at their places and `fill` elsewhere. Returns `None` if parts are shorter than the array along more than
    /// one axis, if a part is not contiguous within a row, if there are too many parts, or if several rows are too short.
    pub(crate) fn of(fill: f64, parts: &[(&Part, Seen)], shape: &[usize]) -> Option<Self> {
        let full = |axis: usize| parts.iter().all(|(_, x)| x.layout.shape[axis] == shape[axis]);
        let mut cut = (0..shape.len()).filter(|a| !full(*a));
        let axis = cut.next().unwrap_or(0);
        let in_order = |p: &Part, x: &Seen| p.step.iter().zip(&x.layout.shape).all(|(s, n)| *s == 1 || *n == 1);
        if shape.is_empty() || cut.next().is_some() || parts.len() > PIECES || !parts.iter().all(|(p, x)| in_order(p, x)) {
            return None;
        }
        let rows: usize = shape[..axis].iter().product();
        let inner: usize = shape[axis + 1..].iter().product();
        let row = shape[axis] * inner;
        if rows > 1 && row < PIECED_ROW {
            return None;
        }
        let mut pieces = vec![];
        for (part, x) in parts {
            let run = x.layout.shape[axis] * inner;
            let layout = x.layout.reshape(&[rows, run])?;
            if run > 1 && layout.strides[1] != 1 {
                return None;
            }
            let stride = if rows > 1 { layout.strides[0] } else { row as isize };
            let from = part.start[axis] * inner;
            pieces.push(Piece { seen: x.with(layout), from, to: from + run, stride });
        }
        pieces.sort_by_key(|p| p.from);
        Some(Joined { rows, row, fill, pieces })
    }
    /// Whether the pieces cover every row.
    pub(crate) fn covers(&self) -> bool {
        self.pieces.iter().map(|p| p.to - p.from).sum::<usize>() == self.row
    }
}
