//! Joins: arrays concatenated along an axis, or shifted, which fused groups read without storing them first.
#![allow(unsafe_code)]
use hypertape_ir::array::Real;
use smallvec::SmallVec;

/// An operand made of pieces of other operands, in row-major order. Each row holds a range of each piece, and `fill` between them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Join {
    /// The cell that holds its elements.
    pub(crate) cell: u16,
    /// The register into which elements are gathered where they do not lie in one piece.
    pub(crate) register: u16,
    /// Elements in a row.
    pub(crate) row: usize,
    /// The value between pieces.
    pub(crate) fill: f64,
    /// In order, without overlap.
    pub(crate) pieces: SmallVec<[Piece; 2]>,
}

/// The range of each row that one operand fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piece {
    /// Number of the operand.
    pub(crate) load: usize,
    /// Where the range begins and ends in the row.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Elements of the operand from one row to the next.
    pub(crate) stride: isize,
}

impl Join {
    /// The piece that holds all of the elements `flat..flat + n`, and the offset of the first one in its operand. `None` if no piece holds them all.
    pub(super) fn find(&self, flat: usize, n: usize) -> Option<(&Piece, isize)> {
        let (row, at) = (flat / self.row, flat % self.row);
        let piece = self.pieces.iter().find(|p| p.from <= at && at + n <= p.to)?;
        Some((piece, row as isize * piece.stride + (at - piece.from) as isize))
    }
    /// Copies the elements from `flat` on into `to`.
    ///
    /// # Safety
    /// The join has these elements. `ports` point to the operands, which hold the elements of the pieces as `T` and do not overlap `to`.
    pub(super) unsafe fn gather<T: Real>(&self, ports: &[*mut u8], flat: usize, to: &mut [T]) {
        // SAFETY: the caller's promise.
        unsafe {
            match &self.pieces[..] {
                [p] if p.stride == self.row as isize => self.shift(*p, ports[p.load].cast(), flat, to),
                _ => self.rows(ports, flat, to),
            }
        }
    }
    /// # Safety
    /// As `gather`.
    unsafe fn rows<T: Real>(&self, ports: &[*mut u8], flat: usize, to: &mut [T]) {
        let fill = T::from_f64(self.fill);
        let (mut row, mut at, mut done) = (flat / self.row, flat % self.row, 0);
        while done < to.len() {
            let end = self.row.min(at + to.len() - done);
            let run = &mut to[done..done + end - at];
            let mut next = at;
            for p in &self.pieces {
                let (lo, hi) = (p.from.clamp(next, end), p.to.clamp(next, end));
                if lo < hi {
                    run[next - at..lo - at].fill(fill);
                    let run = &mut run[lo - at..hi - at];
                    // SAFETY: these elements of the row are in the piece.
                    unsafe {
                        let from = ports[p.load].cast::<T>().cast_const().offset(row as isize * p.stride + (lo - p.from) as isize);
                        std::ptr::copy_nonoverlapping(from, run.as_mut_ptr(), run.len());
                    }
                    next = hi;
                }
            }
            run[next - at..].fill(fill);
            done += end - at;
            at = 0;
            row += 1;
        }
    }
    /// Gathers from one piece whose rows are as far apart as those of the join: one copy moves all elements, then the gaps are filled.
    ///
    /// # Safety
    /// As `gather`.
    unsafe fn shift<T: Real>(&self, p: Piece, port: *const T, flat: usize, to: &mut [T]) {
        let (n, row) = (to.len(), self.row);
        let fill = T::from_f64(self.fill);
        // Where the first element of the piece lies in `to`; below, `last` is one past its last element.
        let at = flat % row;
        let first = if at < p.from {
            p.from - at
        } else if at < p.to {
            0
        } else {
            row - at + p.from
        };
        let end = (flat + n) % row;
        let over = if end == 0 {
            row.saturating_sub(p.to)
        } else if end <= p.from {
            end + row - p.to
        } else {
            end.saturating_sub(p.to)
        };
        let last = n.saturating_sub(over);
        if first < last {
            // SAFETY: both ends lie in the operand, so all elements between do: its rows are as far apart as those of the join.
            unsafe {
                let from = port.offset((flat + first) as isize - p.from as isize);
                std::ptr::copy_nonoverlapping(from, to.as_mut_ptr().add(first), last - first);
            }
        }
        // Every row has a gap before the piece and one after it.
        let mut start = flat as isize - at as isize;
        while start < (flat + n) as isize {
            let mut blank = |lo: isize, hi: isize| {
                let inside = |i: isize| (i - flat as isize).clamp(0, n as isize) as usize;
                to[inside(lo)..inside(hi)].fill(fill);
            };
            blank(start, start + p.from as isize);
            blank(start + p.to as isize, start + row as isize);
            start += row as isize;
        }
    }
}
