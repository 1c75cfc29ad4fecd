//! The interpreter of fused groups: it runs each instruction on a tile, a run of elements that stays in the first-level cache.
#![allow(unsafe_code)]
use super::compiled;
use super::fold::{Number, fold_all};
use super::group::{CELLS, Extent, FOLDS, Group, LOADS, SCALARS, Target, get, put, step, unit};
use hypertape_ir::array::{Element, Kind, Real};
use hypertape_ir::operation::Fold;
use std::mem::MaybeUninit;

#[repr(C, align(64))]
struct Registers<const BYTES: usize>([MaybeUninit<u8>; BYTES]);

/// The state of one part while it runs.
pub(crate) struct Run<'a, T> {
    group: &'a Group,
    ports: &'a [*mut u8],
    partial: *mut f64,
    cells: [MaybeUninit<*mut T>; CELLS],
    scalars: [MaybeUninit<T>; SCALARS],
    registers: *mut T,
    /// The address of each operand at the current index of the outer loops.
    starts: [MaybeUninit<*const u8>; LOADS],
    totals: [f64; FOLDS],
}

impl<'a, T: Real + Number> Run<'a, T> {
    /// A part before its first element.
    #[inline(always)]
    pub(crate) fn new(group: &'a Group, ports: &'a [*mut u8], partial: *mut f64) -> Self {
        // The big arrays stay uninitialised, so that they are not copied when the value moves.
        Run {
            group,
            ports,
            partial,
            cells: [const { MaybeUninit::uninit() }; CELLS],
            scalars: [const { MaybeUninit::uninit() }; SCALARS],
            registers: std::ptr::null_mut(),
            starts: [const { MaybeUninit::uninit() }; LOADS],
            totals: [0.0; FOLDS],
        }
    }
    /// Runs the elements `lo..hi`.
    ///
    /// # Safety
    /// As `parts::run`, for these elements; all registers fit into `BYTES`.
    #[inline(never)]
    pub(crate) unsafe fn part<const BYTES: usize>(&mut self, lo: usize, hi: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.blocks::<BYTES>(lo, hi, hi - lo, |_, _| (), |_, _| ()) };
    }
    /// Runs the elements `lo..hi` block by block; calls `before` and `after` with the range of each block.
    ///
    /// # Safety
    /// As `part`.
    #[inline(always)]
    pub(crate) unsafe fn blocks<const BYTES: usize>(
        &mut self,
        lo: usize,
        hi: usize,
        block: usize,
        before: impl Fn(usize, usize),
        after: impl Fn(usize, usize),
    ) {
        let g = self.group;
        let mut memory = Registers([MaybeUninit::<u8>::uninit(); BYTES]);
        self.registers = memory.0.as_mut_ptr().cast();
        for r in 0..g.registers {
            self.cells[r].write(self.registers.wrapping_add(r * g.tile));
        }
        for (s, v) in self.scalars.iter_mut().zip(&g.constants) {
            s.write(T::from_f64(*v));
        }
        // SAFETY: the caller's promise; every index below lies in the loops.
        unsafe {
            self.open();
            let mut from = lo;
            while from < hi {
                let to = (from + block).min(hi);
                before(from, to);
                self.range(from, to);
                after(from, to);
                from = to;
            }
            self.close();
        }
    }
    /// # Safety
    /// As `part`; the registers have memory, and the folds have been started.
    #[inline(always)]
    unsafe fn range(&mut self, lo: usize, hi: usize) {
        let (g, tile) = (self.group, compiled::tile(self.group));
        let (mut o, mut i, mut flat) = if lo == 0 { (0, 0, 0) } else { (lo / g.inner, lo % g.inner, lo) };
        // SAFETY: the caller's promise.
        unsafe {
            while flat < hi {
                self.enter(o);
                while i < g.inner && flat < hi {
                    let n = tile.min(g.inner - i).min(hi - flat);
                    self.tile(i, flat, n);
                    i += n;
                    flat += n;
                }
                i = 0;
                o += 1;
            }
        }
    }
    /// Starts the folds.
    ///
    /// # Safety
    /// As `parts::run`.
    unsafe fn open(&mut self) {
        let mut at = 0;
        for (k, t) in self.group.tails.iter().enumerate() {
            self.totals[k] = unit(t.fold);
            if let Extent::Columns(m) = t.extent {
                // SAFETY: the result, or this part's share, has `m` places.
                unsafe { std::slice::from_raw_parts_mut(self.columns(k, at), m).fill(unit(t.fold)) };
            }
            at += t.width(self.group.len);
        }
    }
    /// Where the column totals of a fold lie: in its result, or in this part's share.
    fn columns(&self, k: usize, at: usize) -> *mut f64 {
        let g = self.group;
        if self.partial.is_null() { self.ports[g.loads.len() + g.stores.len() + k].cast() } else { self.partial.wrapping_add(at) }
    }
    /// Writes the totals of folds over the whole index space to this part's share.
    ///
    /// # Safety
    /// As `parts::run`.
    unsafe fn close(&mut self) {
        let mut at = 0;
        for (k, t) in self.group.tails.iter().enumerate() {
            if t.extent == Extent::Rows(self.group.len) && !self.partial.is_null() {
                // SAFETY: this part's share has a place for it.
                unsafe { *self.partial.add(at) = self.totals[k] };
            }
            at += t.width(self.group.len);
        }
    }
    /// Moves every operand to an index of the outer loops.
    ///
    /// # Safety
    /// The index lies in the outer loops. Otherwise as `parts::run`.
    #[inline]
    unsafe fn enter(&mut self, o: usize) {
        let g = self.group;
        for (k, load) in g.loads.iter().enumerate() {
            let mut start: *const u8 = self.ports[k];
            let mut rest = o;
            for (n, s) in g.outer.iter().zip(&load.outer).rev() {
                start = start.wrapping_offset((rest % n) as isize * s * load.kind.bytes() as isize);
                rest /= n;
            }
            self.starts[k].write(start);
            if let Target::Scalar(s) = load.target {
                // SAFETY: the operand has an element at every index.
                self.scalars[s as usize].write(T::from_f64(unsafe { get(load.kind, start) }));
            }
        }
    }
    /// # Safety
    /// The cell is a register, an operand or a result, and has `n` elements that nothing writes while the slice lives.
    #[inline(always)]
    unsafe fn read(&self, cell: u16, n: usize) -> &'a [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.cells[cell as usize].assume_init(), n) }
    }
    /// # Safety
    /// As `read`, and nothing else uses the elements while the slice lives.
    #[inline(always)]
    unsafe fn write(&self, cell: u16, n: usize) -> &'a mut [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.cells[cell as usize].assume_init(), n) }
    }
    /// Runs one tile: elements `i..i + n` of the inner loops, which are elements `flat..flat + n` of the index space.
    ///
    /// # Safety
    /// The elements exist. No instruction's result is its own operand. Otherwise as `parts::run`.
    unsafe fn tile(&mut self, i: usize, flat: usize, n: usize) {
        let g = self.group;
        let size = size_of::<T>();
        // SAFETY: the caller's promise. Cells of operands and results have `n` elements from here; registers have a tile of them.
        unsafe {
            for (k, load) in g.loads.iter().enumerate() {
                let start = self.starts[k].assume_init();
                match &load.target {
                    Target::Direct(c) => {
                        self.cells[*c as usize].write(start.wrapping_add(i * size).cast_mut().cast());
                    }
                    Target::Scalar(_) | Target::Piece => {}
                    Target::Gather(c, axes) => {
                        let to = self.write(*c, n);
                        match load.kind {
                            Kind::F64 => gather::<f64, T>(axes, start.cast(), i, to),
                            Kind::F32 => gather::<f32, T>(axes, start.cast(), i, to),
                            Kind::U32 => gather::<u32, T>(axes, start.cast(), i, to),
                        }
                    }
                }
            }
            let shifted = compiled::shifted(g);
            for s in shifted {
                self.scalars[s.column as usize].write(T::from_f64((flat % s.row) as f64));
                for p in &s.pieces {
                    let at = self.ports[p.load].cast::<T>().wrapping_offset(flat as isize - p.from as isize);
                    self.cells[p.cell as usize].write(at);
                }
            }
            for (_, j) in g.joins.iter().enumerate().filter(|(k, _)| shifted.iter().all(|s| s.join != *k)) {
                let at = match j.find(flat, n) {
                    Some((p, i)) => self.ports[p.load].cast::<T>().wrapping_offset(i),
                    None => {
                        let to = self.registers.wrapping_add(j.register as usize * g.tile);
                        j.gather(self.ports, flat, std::slice::from_raw_parts_mut(to, n));
                        to
                    }
                };
                self.cells[j.cell as usize].write(at);
            }
            let results = &self.ports[g.loads.len()..];
            for (store, port) in g.stores.iter().zip(results) {
                if store.direct {
                    self.cells[store.cell as usize].write(port.wrapping_add(flat * size).cast());
                }
            }
            let gather = |join: usize, to: &mut [T]| g.joins[join].gather(self.ports, flat, to);
            compiled::run(g, self.cells.as_ptr().cast(), self.scalars.as_ptr().cast::<T>(), n, gather);
            // Fold before results are stored: a result may overwrite an operand that is folded.
            if !g.tails.is_empty() {
                self.fold(flat, n);
            }
            for (store, port) in g.stores.iter().zip(results).filter(|(s, _)| !s.direct) {
                let from = self.read(store.cell, n);
                match store.kind {
                    Kind::F64 => scatter::<T, f64>(from, port.cast::<f64>().add(flat)),
                    Kind::F32 => scatter::<T, f32>(from, port.cast::<f32>().add(flat)),
                    Kind::U32 => scatter::<T, u32>(from, port.cast::<u32>().add(flat)),
                }
            }
        }
    }
    /// # Safety
    /// As `tile`.
    unsafe fn fold(&mut self, flat: usize, n: usize) {
        let g = self.group;
        let mut at = 0;
        for (k, t) in g.tails.iter().enumerate() {
            // SAFETY: the caller's promise; the cell is written, and rows and columns lie in the result.
            unsafe {
                let x = self.read(t.cell, n);
                let port = self.ports[g.loads.len() + g.stores.len() + k];
                match t.extent {
                    Extent::Rows(r) => {
                        let (mut row, mut place, mut done) = (flat / r, flat % r, 0);
                        while done < n {
                            let m = (r - place).min(n - done);
                            self.totals[k] = step(t.fold, self.totals[k], fold_all(t.fold, &x[done..done + m]).to_f64());
                            done += m;
                            place += m;
                            if place == r {
                                if r < g.len || self.partial.is_null() {
                                    put(t.kind, port, row, self.totals[k]);
                                    self.totals[k] = unit(t.fold);
                                }
                                row += 1;
                                place = 0;
                            }
                        }
                    }
                    Extent::Columns(m) => {
                        let out = std::slice::from_raw_parts_mut(self.columns(k, at), m);
                        let (mut place, mut done) = (flat % m, 0);
                        while done < n {
                            let w = (m - place).min(n - done);
                            down(t.fold, &x[done..done + w], &mut out[place..place + w]);
                            done += w;
                            place = 0;
                        }
                    }
                }
            }
            at += t.width(g.len);
        }
    }
}

fn down<T: Real>(fold: Fold, x: &[T], out: &mut [f64]) {
    match fold {
        Fold::Sum => out.iter_mut().zip(x).for_each(|(o, v)| *o += Element::to_f64(*v)),
        _ => out.iter_mut().zip(x).for_each(|(o, v)| *o = step(fold, *o, Element::to_f64(*v))),
    }
}

/// # Safety
/// `to` has as many places as `from`; they do not overlap.
unsafe fn scatter<T: Real, D: Element>(from: &[T], to: *mut D) {
    // SAFETY: the caller's promise.
    unsafe {
        if T::KIND == D::KIND {
            return std::ptr::copy_nonoverlapping(from.as_ptr().cast(), to, from.len());
        }
        let to = std::slice::from_raw_parts_mut(to, from.len());
        to.iter_mut().zip(from).for_each(|(t, f)| *t = D::from_f64(Element::to_f64(*f)));
    }
}

/// Copies elements of nested strided loops, from element `i` on, into `to`.
///
/// # Safety
/// `from` reaches every element of the loops; there are at least `i + to.len()` of them.
unsafe fn gather<S: Element, T: Real>(axes: &[(usize, isize)], from: *const S, i: usize, to: &mut [T]) {
    let Some((&(len, stride), outer)) = axes.split_last() else {
        // SAFETY: without loops there is one element.
        return to.fill(unsafe { T::from_f64((*from).to_f64()) });
    };
    let (mut row, mut column, mut done) = (i / len, i % len, 0);
    while done < to.len() {
        let n = (len - column).min(to.len() - done);
        let (mut rest, mut at) = (row, column as isize * stride);
        for (m, s) in outer.iter().rev() {
            at += (rest % m) as isize * s;
            rest /= m;
        }
        let to = &mut to[done..done + n];
        // SAFETY: the run lies in the loops.
        unsafe {
            let p = from.offset(at);
            match stride {
                0 => to.fill(T::from_f64((*p).to_f64())),
                1 if S::KIND == T::KIND => std::ptr::copy_nonoverlapping(p.cast(), to.as_mut_ptr(), n),
                _ => to.iter_mut().enumerate().for_each(|(k, t)| *t = T::from_f64((*p.offset(k as isize * stride)).to_f64())),
            }
        }
        done += n;
        column = 0;
        row += 1;
    }
}
