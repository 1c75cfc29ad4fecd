//! Fused groups: what they compute, and how they are split into parts that may run at the same time.
#![allow(unsafe_code)]
use super::fold::Number;
use super::join::Join;
use super::math::Sum;
use super::step::Step;
use hypertape_ir::array::Kind;
use hypertape_ir::operation::{BinaryFn, Fold, UnaryFn};
use smallvec::SmallVec;

/// Cells (registers, operands and results read or written in place) of a group at the most.
pub(crate) const CELLS: usize = 128;
/// Operands of a group at the most.
pub(crate) const LOADS: usize = 48;
/// Scalars of a group at the most.
pub(crate) const SCALARS: usize = 160;
/// Operands, results and folds of a group at the most.
pub(crate) const PORTS: usize = 160;
/// Folds of a group at the most.
pub(crate) const FOLDS: usize = 8;
/// Registers, in bytes, that a part of a group keeps on its stack.
pub(crate) const STACK: usize = 32 * 1024;
/// The same for small groups.
pub(crate) const SMALL_STACK: usize = 4 * 1024;
/// Elements of a tile at the most.
const TILE: usize = 512;

/// One instruction of a group. Numbers of cells and scalars; `y` is never an operand of the same instruction.
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
    /// y = a·b with or without c.
    MulAdd(Sum, u16, u16, u16, u16),
    /// y = a·scalar with or without c.
    ScaleAdd(Sum, u16, u16, u16, u16),
    /// y = a where the test is not 0, else b.
    Select(u16, u16, u16, u16),
    /// y = scalar.
    Fill(u16, u16),
    /// y = x rounded to single precision.
    Round(u16, u16),
    /// y = x as an index.
    Index(u16, u16),
}

/// Where the elements of an operand go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// Read in place, as this cell.
    Direct(u16),
    /// One element for each index of the outer loops, as this scalar.
    Scalar(u16),
    /// Gathered, and converted, into this cell: the inner loops with the operand's strides.
    Gather(u16, SmallVec<[(usize, isize); 4]>),
    /// Read by joins.
    Piece,
}

/// An operand of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Load {
    /// Element type in memory.
    pub(crate) kind: Kind,
    /// Strides along the outer loops, in elements.
    pub(crate) outer: SmallVec<[isize; 4]>,
    /// Where it goes.
    pub(crate) target: Target,
}

/// A result of a group, contiguous in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Store {
    /// Element type in memory.
    pub(crate) kind: Kind,
    /// The cell it comes from.
    pub(crate) cell: u16,
    /// Whether the cell is the memory itself.
    pub(crate) direct: bool,
}

/// Which elements a fold takes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// This many in a row.
    Rows(usize),
    /// Every element this far apart; as many results. Only in double precision.
    Columns(usize),
}

/// A fold at the end of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tail {
    /// How elements combine.
    pub(crate) fold: Fold,
    /// Which.
    pub(crate) extent: Extent,
    /// The cell folded.
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
    /// Elements of the inner loops, which run as one.
    pub(crate) inner: usize,
    /// Elements of a part; parts may run at the same time.
    pub(crate) part: usize,
    /// How many parts: by size, never by number of threads.
    pub(crate) parts: usize,
    /// Elements of a tile: as many as let all registers fit.
    pub(crate) tile: usize,
    /// Number of registers: cells 0, 1, ….
    pub(crate) registers: usize,
    /// Numbers: scalars 0, 1, ….
    pub(crate) constants: Vec<f64>,
    /// Operands.
    pub(crate) loads: Vec<Load>,
    /// Operands made of pieces of others.
    pub(crate) joins: Vec<Join>,
    /// Instructions.
    pub(crate) code: Vec<Code>,
    /// The same for numbers, if the index space has one element.
    pub(crate) steps: Vec<Step>,
    /// Results.
    pub(crate) stores: Vec<Store>,
    /// Folds.
    pub(crate) tails: Vec<Tail>,
}

impl Tail {
    /// Doubles that one part needs for its share.
    pub(crate) fn width(&self, len: usize) -> usize {
        match self.extent {
            Extent::Rows(r) => usize::from(r == len),
            Extent::Columns(m) => m,
        }
    }
}

impl Group {
    /// Doubles for what parts hand in for folds.
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
    /// Doubles that one part hands in.
    pub(crate) fn width(&self) -> usize {
        self.tails.iter().map(|t| t.width(self.len)).fold(0, usize::saturating_add)
    }
}

/// Elements of a tile of a part, with so many registers.
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
