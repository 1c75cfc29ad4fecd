//! Arrays joined along an axis, and shifted arrays, read by groups as if they lay in memory so.
#![allow(unsafe_code)]
use hypertape_ir::array::Real;
use smallvec::SmallVec;

/// An operand made of pieces of others, in row-major order. A row holds, from index to index, elements of a piece; between pieces 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Join {
    /// The cell that holds its elements.
    pub(crate) cell: u16,
    /// The register that they are gathered in where they do not lie in one piece.
    pub(crate) register: u16,
    /// Elements of a row.
    pub(crate) row: usize,
    /// What stands between pieces.
    pub(crate) fill: f64,
    /// In order, and apart.
    pub(crate) pieces: SmallVec<[Piece; 2]>,
}

/// Elements of an operand within each row of a join.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piece {
    /// Number of the operand.
    pub(crate) load: usize,
    /// Where in the row it begins and ends.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Elements of the operand from row to row.
    pub(crate) stride: isize,
}

impl Join {
    /// The piece and the element of it at an index.
    pub(super) fn find(&self, flat: usize, n: usize) -> Option<(&Piece, isize)> {
        let (row, at) = (flat / self.row, flat % self.row);
        let piece = self.pieces.iter().find(|p| p.from <= at && at + n <= p.to)?;
        Some((piece, row as isize * piece.stride + (at - piece.from) as isize))
    }
    /// Gathers the elements `flat..`.
    ///
    /// # Safety
    /// The join has the elements; `ports` point to the operands, which have those of the pieces as `T`, and are apart from `to`.
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
    /// One piece whose rows are as far apart as the join's: everything moves by the same distance, then the gaps are filled.
    ///
    /// # Safety
    /// As `gather`.
    unsafe fn shift<T: Real>(&self, p: Piece, port: *const T, flat: usize, to: &mut [T]) {
        let (n, row) = (to.len(), self.row);
        let fill = T::from_f64(self.fill);
        // The first and one past the last element of the piece in here.
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
            // SAFETY: both ends lie in the operand, so what lies between does: rows follow each other as in the join.
            unsafe {
                let from = port.offset((flat + first) as isize - p.from as isize);
                std::ptr::copy_nonoverlapping(from, to.as_mut_ptr().add(first), last - first);
            }
        }
        // Gaps lie around every end of a row.
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
