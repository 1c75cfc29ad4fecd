//! Fused groups: what they compute, and how they are split into parts that may run at the same time.
#![allow(unsafe_code)]
use super::fold::Number;
use super::join::Join;
use super::machine_code::Compiled;
use super::math::Sum;
use super::step::Step;
use hypertape_ir::array::Kind;
use hypertape_ir::operation::{BinaryFn, Fold, UnaryFn};
use smallvec::SmallVec;

/// Most cells of a group: registers, and operands and results that are read or written in place.
pub(crate) const CELLS: usize = 128;
/// Most operands of a group.
pub(crate) const LOADS: usize = 48;
/// Most scalars of a group.
pub(crate) const SCALARS: usize = 160;
/// Most ports of a group: operands, results and folds.
pub(crate) const PORTS: usize = 160;
/// Most folds of a group.
pub(crate) const FOLDS: usize = 8;
/// Bytes of stack for the registers of a part.
pub(crate) const STACK: usize = 32 * 1024;
/// The same for small groups.
pub(crate) const SMALL_STACK: usize = 4 * 1024;
/// Most elements of a tile.
const TILE: usize = 512;

/// One instruction of a group. Its fields are numbers of cells and scalars; the last is the result y, which is never one of its operands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Code {
    /// y = f(x).
    Unary(UnaryFn, u16, u16),
    /// y = f(a, b).
    Binary(BinaryFn, u16, u16, u16),
    /// y = f(a, scalar).
    With(BinaryFn, u16, u16, u16),
    /// y = f(scalar, b).
    Of(BinaryFn, u16, u16, u16),
    /// y = a·b + c, a·b − c or c − a·b.
    MulAdd(Sum, u16, u16, u16, u16),
    /// The same with a scalar for b.
    ScaleAdd(Sum, u16, u16, u16, u16),
    /// y = a where the test is not 0, else b.
    Select(u16, u16, u16, u16),
    /// y = scalar.
    Fill(u16, u16),
    /// y = x rounded to single precision.
    Round(u16, u16),
    /// y = x truncated to an index.
    Index(u16, u16),
}

impl Code {
    /// The cells that it reads.
    pub(crate) fn operands(&self) -> SmallVec<[u16; 3]> {
        match *self {
            Code::Unary(_, x, _) | Code::With(_, x, _, _) | Code::Of(_, _, x, _) | Code::Round(x, _) | Code::Index(x, _) => {
                SmallVec::from_slice(&[x])
            }
            Code::Binary(_, a, b, _) | Code::ScaleAdd(_, a, _, b, _) => SmallVec::from_slice(&[a, b]),
            Code::MulAdd(_, a, b, c, _) | Code::Select(a, b, c, _) => SmallVec::from_slice(&[a, b, c]),
            Code::Fill(..) => SmallVec::new(),
        }
    }
    /// The cell that it writes.
    pub(crate) fn result(&self) -> u16 {
        match *self {
            Code::Unary(_, _, y) | Code::Fill(_, y) | Code::Round(_, y) | Code::Index(_, y) => y,
            Code::Binary(_, _, _, y) | Code::With(_, _, _, y) | Code::Of(_, _, _, y) => y,
            Code::MulAdd(_, _, _, _, y) | Code::ScaleAdd(_, _, _, _, y) | Code::Select(_, _, _, y) => y,
        }
    }
}

/// How an operand is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// Read in place, as this cell.
    Direct(u16),
    /// One element for each index of the outer loops, read as this scalar.
    Scalar(u16),
    /// Gathered and converted into this cell, over the inner loops: their lengths and the operand's strides.
    Gather(u16, SmallVec<[(usize, isize); 4]>),
    /// Read only by joins.
    Piece,
}

/// An operand of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Load {
    /// Element type in memory.
    pub(crate) kind: Kind,
    /// Strides along the outer loops, in elements.
    pub(crate) outer: SmallVec<[isize; 4]>,
    /// How it is read.
    pub(crate) target: Target,
}

/// A result of a group, contiguous in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Store {
    /// Element type in memory.
    pub(crate) kind: Kind,
    /// The cell it comes from.
    pub(crate) cell: u16,
    /// Whether the cell is the memory of the result itself.
    pub(crate) direct: bool,
}

/// Which elements a fold combines into one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// This many consecutive elements.
    Rows(usize),
    /// All elements that are this far apart; so there are this many results. Results are in double precision only.
    Columns(usize),
}

/// A fold at the end of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tail {
    /// How elements combine.
    pub(crate) fold: Fold,
    /// Which elements combine.
    pub(crate) extent: Extent,
    /// The cell that is folded.
    pub(crate) cell: u16,
    /// Element type of the result.
    pub(crate) kind: Kind,
}

/// A fused group: loops over one index space.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// Whether it computes in single precision; else in double.
    pub(crate) single: bool,
    /// Elements of the index space.
    pub(crate) len: usize,
    /// Lengths of the outer loops.
    pub(crate) outer: SmallVec<[usize; 4]>,
    /// Elements of the inner loops, which run as one loop.
    pub(crate) inner: usize,
    /// Elements of a part; parts may run at the same time.
    pub(crate) part: usize,
    /// Number of parts: chosen by size, never by number of threads.
    pub(crate) parts: usize,
    /// Elements of a tile: few enough that all registers fit the stack.
    pub(crate) tile: usize,
    /// Number of registers: cells 0, 1, ….
    pub(crate) registers: usize,
    /// Constants: scalars 0, 1, ….
    pub(crate) constants: Vec<f64>,
    /// Operands.
    pub(crate) loads: Vec<Load>,
    /// Operands made of pieces of other operands.
    pub(crate) joins: Vec<Join>,
    /// Instructions.
    pub(crate) code: Vec<Code>,
    /// The instructions on numbers, if the index space has one element.
    pub(crate) steps: Vec<Step>,
    /// Results.
    pub(crate) stores: Vec<Store>,
    /// Folds.
    pub(crate) tails: Vec<Tail>,
    /// The instructions as machine code, if there is any.
    pub(crate) compiled: Option<Compiled>,
}

impl Tail {
    /// Doubles in one part's share of this fold.
    pub(crate) fn width(&self, len: usize) -> usize {
        match self.extent {
            Extent::Rows(r) => usize::from(r == len),
            Extent::Columns(m) => m,
        }
    }
}

impl Group {
    /// Doubles in the shares of all parts of the folds; none if there is one part.
    pub(crate) fn partials(&self) -> usize {
        if self.parts == 1 { 0 } else { self.parts.saturating_mul(self.width()) }
    }
    /// Whether the interpreter has room for it.
    pub(crate) fn fits(&self) -> bool {
        let loads = self.loads.iter().filter(|l| matches!(l.target, Target::Direct(_))).count();
        let cells = self.registers + self.joins.len() + loads + self.stores.iter().filter(|s| s.direct).count();
        let scalars = self.constants.len() + self.loads.iter().filter(|l| matches!(l.target, Target::Scalar(_))).count();
        let ports = self.loads.len() + self.stores.len() + self.tails.len();
        cells <= CELLS && scalars <= SCALARS && self.loads.len() <= LOADS && ports <= PORTS && self.tails.len() <= FOLDS
    }
    /// Doubles in one part's share of all folds.
    pub(crate) fn width(&self) -> usize {
        self.tails.iter().map(|t| t.width(self.len)).fold(0, usize::saturating_add)
    }
}

/// Elements of a tile, for a part of this many elements and a group of this many registers.
pub(crate) fn tile(part: usize, registers: usize) -> usize {
    let fits = STACK / 8 / registers.max(1) / 16 * 16;
    TILE.min(fits).min(part.next_multiple_of(16))
}

/// The result of folding nothing.
pub(crate) fn unit(fold: Fold) -> f64 {
    match fold {
        Fold::Sum => 0.0,
        Fold::Prod => 1.0,
        Fold::Max => f64::NEG_INFINITY,
        Fold::Min => f64::INFINITY,
    }
}

/// Two elements combined.
#[inline]
pub(crate) fn step(fold: Fold, a: f64, b: f64) -> f64 {
    match fold {
        Fold::Sum => a + b,
        Fold::Prod => a * b,
        Fold::Max => a.larger(b),
        Fold::Min => a.smaller(b),
    }
}

/// Writes element `i`.
///
/// # Safety
/// `to` points to at least `i + 1` elements of the kind.
pub(crate) unsafe fn put(kind: Kind, to: *mut u8, i: usize, v: f64) {
    // SAFETY: the caller's promise.
    unsafe {
        match kind {
            Kind::F64 => *to.cast::<f64>().add(i) = v,
            Kind::F32 => *to.cast::<f32>().add(i) = v as f32,
            Kind::U32 => *to.cast::<u32>().add(i) = v as u32,
        }
    }
}

/// Reads an element.
///
/// # Safety
/// `from` points to an element of the kind.
pub(crate) unsafe fn get(kind: Kind, from: *const u8) -> f64 {
    // SAFETY: the caller's promise.
    unsafe {
        match kind {
            Kind::F64 => *from.cast::<f64>(),
            Kind::F32 => f64::from(*from.cast::<f32>()),
            Kind::U32 => f64::from(*from.cast::<u32>()),
        }
    }
}
