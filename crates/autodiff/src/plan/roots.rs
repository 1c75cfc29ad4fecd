//! Roots, what owns storage, and views of them.
use crate::array::{Kind, Layout};

/// What owns storage: an input, a constant, a number, or the result of an instruction.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) kind: Kind,
    /// Elements.
    pub(crate) len: usize,
    pub(crate) home: Home,
    /// The number of items before it is there: 0 for what comes from outside, k + 1 for what item k makes.
    pub(crate) ready: usize,
    /// Whether it is made index by index in a cluster.
    pub(crate) indexwise: bool,
    /// Whether it needs memory.
    pub(crate) stored: bool,
    /// Where the constant array lies that it is.
    pub(crate) constant: Option<usize>,
}

/// Where a root lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Home {
    /// At an input.
    Input(usize),
    /// At a constant of the block.
    Constant(usize),
    /// Every element is this number; memory only when somebody asks.
    Literal(f64),
    /// At an output.
    Output(usize),
    /// In the frame, once slots are given out.
    Slot,
}

/// A view of a root: the lowest element, and the layout from there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) root: usize,
    pub(crate) start: usize,
    pub(crate) layout: Layout,
}

/// The layout with its lowest element at 0, and where that element lay.
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
    /// Another layout of the same view.
    pub(crate) fn with(&self, layout: Layout) -> Self {
        let (low, layout) = grounded(layout);
        Seen { root: self.root, start: self.start + low, layout }
    }
    /// Whether it is the root's elements in their order.
    pub(crate) fn is_whole(&self, roots: &[Root]) -> bool {
        self.start == 0 && self.layout.len() == roots[self.root].len && self.layout.is_contiguous()
    }
}

/// The shape without axes of length 1.
pub(crate) fn squeezed(layout: &Layout) -> Layout {
    let keep: Vec<usize> = (0..layout.shape.len()).filter(|i| layout.shape[*i] != 1).collect();
    layout.permute(&keep)
}
