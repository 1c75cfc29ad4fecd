//! The arena: one aligned buffer, the bases from which operands are addressed, and the slices that are lent to instructions.
//!
//! This is the only unsafe code of the executor. It trusts the plan: operands come from [`Plan`](crate::plan::Plan)s alone. A plan lays them out so
//! that what an instruction writes overlaps nothing else that it reads or writes; `checks` verifies this in debug builds.
#![allow(unsafe_code)]
use crate::kernels::finite::surely_finite;
use crate::kernels::fold::Number;
use crate::kernels::group::{Group, PORTS};
use crate::kernels::stream::PRODUCTS;
use crate::kernels::{parts, stream};
use crate::plan::code::{Feed, Operand, Stream};
use hypertape_ir::array::{AnyView, Element, Kind, Real, Slice, SliceMut};
use ndarray::{ArrayViewD, IxDyn, ShapeBuilder};
use smallvec::SmallVec;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

const ALIGN: usize = 64;

/// A zeroed buffer, aligned to cache lines, of fixed size and place.
#[derive(Debug)]
pub(crate) struct Arena {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the buffer is owned, and only reached through `Bases` of the executor that owns it.
unsafe impl Send for Arena {}
// SAFETY: as above; a shared executor only lends shared views.
unsafe impl Sync for Arena {}

impl Arena {
    /// Allocates this many bytes; `None` if the system does not give them.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        if bytes == 0 {
            return Some(Self::empty());
        }
        let layout = Layout::from_size_align(bytes, ALIGN).ok()?;
        // SAFETY: the layout is not of size 0.
        let start = unsafe { alloc_zeroed(layout) };
        NonNull::new(start).map(|start| Arena { start, bytes })
    }
    /// An arena of no bytes.
    pub(crate) fn empty() -> Self {
        Arena { start: NonNull::<Line>::dangling().cast(), bytes: 0 }
    }
    pub(crate) fn base(&self) -> Base {
        Base { at: self.start.as_ptr(), bytes: self.bytes }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        if let (true, Ok(layout)) = (self.bytes > 0, Layout::from_size_align(self.bytes, ALIGN)) {
            // SAFETY: allocated in `new` with this layout.
            unsafe { dealloc(self.start.as_ptr(), layout) };
        }
    }
}

#[repr(align(64))]
struct Line;

/// Memory that holds operands: its address and its length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base {
    at: *mut u8,
    bytes: usize,
}

// SAFETY: a pointer alone reads and writes nothing; loans are made through `Bases`.
unsafe impl Send for Base {}
// SAFETY: as above.
unsafe impl Sync for Base {}

impl Base {
    pub(crate) fn nowhere() -> Self {
        Base { at: NonNull::<Line>::dangling().cast().as_ptr(), bytes: 0 }
    }
    /// The memory of a view, from its lowest element.
    pub(crate) fn of_view(v: &AnyView<'_>) -> Self {
        fn lowest<T>(a: &ArrayViewD<'_, T>) -> Base {
            let ends = a.shape().iter().zip(a.strides()).map(|(n, s)| (n.saturating_sub(1)) as isize * s);
            let (low, high) = ends.fold((0, 0), |(l, h): (isize, isize), e| (l + e.min(0), h + e.max(0)));
            if a.is_empty() {
                return Base::nowhere();
            }
            Base { at: a.as_ptr().wrapping_offset(low).cast_mut().cast(), bytes: (high - low + 1) as usize * size_of::<T>() }
        }
        hypertape_ir::each_kind!(AnyView, v, a => lowest(a))
    }
    /// The memory of a view in row-major order.
    #[inline]
    pub(crate) fn of_contiguous<T>(a: &ArrayViewD<'_, T>) -> Self {
        Base { at: a.as_ptr().cast_mut().cast(), bytes: size_of::<T>() * a.len() }
    }
    /// The `bytes` bytes that begin `from` bytes after the start of this base, or before it if `from` is negative.
    pub(crate) fn part(self, from: isize, bytes: usize) -> Self {
        Base { at: self.at.wrapping_offset(from), bytes }
    }
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.at as usize..self.at as usize + self.bytes
    }
    /// Fills it with zeros.
    pub(crate) fn clear(self) {
        // SAFETY: bases that are cleared are parts of the arena, which nothing else uses while an instruction runs.
        unsafe { std::ptr::write_bytes(self.at, 0, self.bytes) };
    }
    /// Fills it with NaN, or with the index 0.
    pub(crate) fn lose(self, kind: Kind) {
        fn fill<T: Copy>(b: Base, v: T) {
            // SAFETY: results of an instruction lie in the arena, aligned, and nothing else uses them meanwhile.
            unsafe { std::slice::from_raw_parts_mut(b.at.cast::<T>(), b.bytes / size_of::<T>()) }.fill(v);
        }
        match kind {
            Kind::F64 => fill(self, f64::NAN),
            Kind::F32 => fill(self, f32::NAN),
            Kind::U32 => fill(self, 0_u32),
        }
    }
    /// Writes an index at its start.
    pub(crate) fn put(self, v: u32) {
        debug_assert!(self.bytes >= 4, "counters have memory");
        // SAFETY: counters lie in the arena, aligned, and nothing else uses them meanwhile.
        unsafe { *self.at.cast::<u32>() = v };
    }
    /// Copies an array to its start, in row-major order.
    pub(crate) fn fill_from<T: Element>(self, a: &ArrayViewD<'_, T>) {
        debug_assert!(self.bytes >= a.len() * size_of::<T>(), "the array has room");
        // SAFETY: memory of the executor's own, aligned, that nothing else uses meanwhile.
        let to = unsafe { std::slice::from_raw_parts_mut(self.at.cast::<T>(), a.len()) };
        to.iter_mut().zip(a).for_each(|(t, v)| *t = *v);
    }
    /// Copies from another base of the same length.
    pub(crate) fn copy_from(self, from: Base) {
        debug_assert_eq!(self.bytes, from.bytes, "both are the same array");
        // SAFETY: both are live for their length; `copy` allows overlap.
        unsafe { std::ptr::copy(from.at, self.at, self.bytes.min(from.bytes)) };
    }
}

/// Where the bases of one block lie at the moment: frame, inputs, outputs, constants.
#[derive(Debug, Clone)]
pub(crate) struct Bases {
    at: Vec<Base>,
    /// Whether the last pass over a matrix went from the end to the start. The next pass goes the other way.
    turned: bool,
}

impl Bases {
    pub(crate) fn new(bases: Vec<Base>) -> Self {
        Bases { at: bases, turned: true }
    }
    pub(crate) fn set(&mut self, i: usize, b: Base) {
        self.at[i] = b;
    }
    pub(crate) fn all(&self) -> &[Base] {
        &self.at
    }
    /// Where an operand lies: from its lowest element to its highest.
    #[inline]
    pub(crate) fn find(&self, o: &Operand) -> Base {
        self.at[o.base].part(o.start as isize, o.reach() * o.kind.bytes())
    }
    #[inline]
    fn at<T: Element>(&self, o: &Operand) -> *mut T {
        debug_assert_eq!(T::KIND, o.kind, "operands are lent as what they are");
        self.at[o.base].at.wrapping_add(o.start).cast()
    }
    /// Lends the storages of operands and of one result.
    #[inline]
    pub(crate) fn lend<T: Element, const N: usize>(&mut self, reads: [&Operand; N], write: &Operand) -> ([&[T]; N], &mut [T]) {
        // SAFETY: the plan's operands lie in their bases, aligned, and the result does not overlap them; nobody else has a loan meanwhile.
        unsafe {
            let reads = reads.map(|o| std::slice::from_raw_parts(self.at::<T>(o).cast_const(), o.reach()));
            (reads, std::slice::from_raw_parts_mut(self.at(write), write.reach()))
        }
    }
    /// The same, with scratch memory seen as elements of `T`.
    #[inline]
    pub(crate) fn lend_with<T: Element, const N: usize>(
        &mut self,
        reads: [&Operand; N],
        write: &Operand,
        passing: Option<&Operand>,
    ) -> ([&[T]; N], &mut [T], &mut [T]) {
        let scratch: &mut [T] = match passing {
            // SAFETY: scratch memory belongs to the instruction alone and is aligned for doubles; every bit pattern is a number.
            Some(o) => unsafe {
                std::slice::from_raw_parts_mut(self.at[o.base].at.wrapping_add(o.start).cast(), o.reach() * o.kind.bytes() / size_of::<T>())
            },
            None => &mut [],
        };
        // SAFETY: as in `lend`; scratch memory does not overlap operands or result.
        unsafe {
            let reads = reads.map(|o| std::slice::from_raw_parts(self.at::<T>(o).cast_const(), o.reach()));
            (reads, std::slice::from_raw_parts_mut(self.at(write), write.reach()), scratch)
        }
    }
    /// Lends any number of operands and results, and scratch memory as doubles.
    pub(crate) fn lend_any(&mut self, reads: &[Operand], writes: &[Operand], passing: Option<&Operand>) -> Loan<'_> {
        // SAFETY: as in `lend` and `lend_with`; results do not overlap each other.
        unsafe {
            let read = |o: &Operand| match o.kind {
                Kind::F64 => Slice::F64(std::slice::from_raw_parts(self.at(o), o.reach())),
                Kind::F32 => Slice::F32(std::slice::from_raw_parts(self.at(o), o.reach())),
                Kind::U32 => Slice::U32(std::slice::from_raw_parts(self.at(o), o.reach())),
            };
            let write = |o: &Operand| match o.kind {
                Kind::F64 => SliceMut::F64(std::slice::from_raw_parts_mut(self.at(o), o.reach())),
                Kind::F32 => SliceMut::F32(std::slice::from_raw_parts_mut(self.at(o), o.reach())),
                Kind::U32 => SliceMut::U32(std::slice::from_raw_parts_mut(self.at(o), o.reach())),
            };
            Loan {
                inputs: reads.iter().map(read).collect(),
                outputs: writes.iter().map(write).collect(),
                scratch: match passing {
                    Some(o) => std::slice::from_raw_parts_mut(self.at(o), o.reach()),
                    None => &mut [],
                },
            }
        }
    }
    /// Runs a group on its operands, results, fold results, and scratch memory.
    #[inline]
    pub(crate) fn group(&mut self, g: &Group, loads: &[Operand], stores: &[Operand], tails: &[Operand], partial: Option<&Operand>) {
        let mut ports = [const { MaybeUninit::<*mut u8>::uninit() }; PORTS];
        let mut n = 0;
        for operands in [loads, stores, tails] {
            for o in operands {
                ports[n].write(self.at[o.base].at.wrapping_add(o.start + o.layout.offset * o.kind.bytes()));
                n += 1;
            }
        }
        let partial = partial.map_or(std::ptr::null_mut(), |o| self.at(o));
        // SAFETY: n ports are written; the plan's operands lie in their bases; results overlap only operands that they replace; see `lend`.
        unsafe { parts::run(g, std::slice::from_raw_parts(ports.as_ptr().cast(), n), partial) };
    }
    /// Runs a pass over a matrix.
    pub(crate) fn stream<T: Real + Number>(&mut self, s: &Stream<Operand>) {
        let mut ports = SmallVec::<[*mut u8; PORTS]>::new();
        let port = |o: &Operand| self.at[o.base].at.wrapping_add(o.start + o.layout.offset * o.kind.bytes());
        ports.extend(s.loads.iter().map(|l| match l {
            Feed::Operand(o) => port(o),
            Feed::Head(k) => port(&s.heads[*k].1),
        }));
        ports.extend(s.stores.iter().chain(&s.tails).map(port));
        let heads: SmallVec<[_; PRODUCTS]> = s.heads.iter().map(|(v, out)| (self.at::<T>(v).cast_const(), self.at::<T>(out))).collect();
        let ends: SmallVec<[_; PRODUCTS]> =
            s.ends.iter().map(|(u, out)| (self.at::<T>(&s.stores[*u]).cast_const(), self.at::<T>(out))).collect();
        let partial = s.partial.as_ref().map_or(std::ptr::null_mut(), |o| self.at(o));
        let sums = s.sums.as_ref().map_or(std::ptr::null_mut(), |o| self.at(o));
        // SAFETY: as in `lend` and `group`: the plan's operands lie in their bases and are as long as the pass says; results overlap nothing else.
        unsafe {
            let matrix = std::slice::from_raw_parts(self.at::<T>(&s.matrix).cast_const(), s.matrix.reach());
            let memory = stream::Memory { matrix, heads: &heads, ports: &ports, partial, ends: &ends, sums };
            self.turned = !self.turned;
            stream::run(&s.pass, &s.group, &memory, self.turned);
        }
    }
    /// The one element of an operand, as a double.
    pub(crate) fn number(&self, o: &Operand) -> f64 {
        let at = self.at[o.base].at.wrapping_add(o.start);
        // SAFETY: the operand has an element.
        unsafe {
            match o.kind {
                Kind::F64 => *at.cast::<f64>(),
                Kind::F32 => f64::from(*at.cast::<f32>()),
                Kind::U32 => f64::from(*at.cast::<u32>()),
            }
        }
    }
    /// Writes an index at the start of base `i`.
    pub(crate) fn put(&mut self, i: usize, v: u32) {
        self.at[i].put(v);
    }
    /// Copies an operand to contiguous memory of the plan.
    pub(crate) fn copy<T: Element>(&self, x: &Operand, to: Base) {
        // SAFETY: as in `lend`: carries do not overlap their initial values.
        unsafe {
            let from = std::slice::from_raw_parts(self.at::<T>(x).cast_const(), x.reach());
            crate::kernels::copy::copy(from, &x.layout, std::slice::from_raw_parts_mut(to.at.cast(), x.layout.len()));
        }
    }
    /// Whether the first `len` elements of base `i` are surely finite.
    pub(crate) fn finite(&self, i: usize, kind: Kind, len: usize) -> bool {
        fn typed<T: Real>(at: *const u8, len: usize) -> bool {
            // SAFETY: outputs lie in the arena, contiguous, aligned; this borrows the bases, so nothing runs meanwhile.
            surely_finite(unsafe { std::slice::from_raw_parts(at.cast::<T>(), len) })
        }
        let at = self.at[i].at;
        match kind {
            Kind::F64 => typed::<f64>(at, len),
            Kind::F32 => typed::<f32>(at, len),
            Kind::U32 => true,
        }
    }
    /// The array at the start of base `i`.
    pub(crate) fn view(&self, i: usize, kind: Kind, shape: &IxDyn, strides: &IxDyn) -> AnyView<'_> {
        fn typed<'a, T: Element>(at: *const u8, shape: &IxDyn, strides: &IxDyn) -> ArrayViewD<'a, T> {
            // SAFETY: outputs lie in the arena, contiguous, aligned; the view borrows the bases, so nothing runs meanwhile.
            unsafe { ArrayViewD::from_shape_ptr(shape.clone().strides(strides.clone()), at.cast()) }
        }
        let at = self.at[i].at;
        match kind {
            Kind::F64 => AnyView::F64(typed(at, shape, strides)),
            Kind::F32 => AnyView::F32(typed(at, shape, strides)),
            Kind::U32 => AnyView::U32(typed(at, shape, strides)),
        }
    }
}

/// Slices lent to a kernel.
pub(crate) struct Loan<'a> {
    pub(crate) inputs: SmallVec<[Slice<'a>; 16]>,
    pub(crate) outputs: SmallVec<[SliceMut<'a>; 16]>,
    pub(crate) scratch: &'a mut [f64],
}
