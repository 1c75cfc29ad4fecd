//! Arrays in pieces: a placement or concatenation gets memory of its own only if a reader needs it.
use super::code::{Instruction, Step};
use super::item::Item;
use super::roots::{Home, Joined, Piece, Root, Seen};
use super::schedule::Schedule;
use crate::kernels::group::LOADS;
use hypertape_ir::array::{Kind, Layout, LeafType};
use hypertape_ir::operation::{Equation, Part};
use smallvec::SmallVec;
use std::sync::Arc;

impl Schedule {
    pub(crate) fn place(&mut self, fill: f64, parts: &[Part], inputs: Vec<Seen>, t: &LeafType, e: &Equation) -> Seen {
        let whole = Layout::contiguous(&t.shape);
        let blank = |x: &Seen| x.layout.is_empty() || self.roots[x.root].home == Home::Literal(fill);
        let parts: Vec<(&Part, Seen)> = parts.iter().zip(inputs).filter(|(_, x)| !blank(x)).collect();
        let parts: Vec<(&Part, Seen)> = parts.into_iter().map(|(p, x)| (p, self.stored(x))).collect();
        if let Some(joined) = Joined::of(fill, &parts, &t.shape) {
            let ready = parts.iter().map(|(_, x)| self.roots[x.root].ready).max().unwrap_or(0);
            let home = Home::Joined(Arc::new(joined));
            let root = self.root(Root { kind: t.kind, len: t.len(), home, ready, elementwise: false, stored: false, constant: None });
            return Seen::whole(root, &t.shape);
        }
        let mut placed = vec![];
        let mut covered = 0;
        for (part, x) in parts {
            covered = x.layout.len().saturating_add(covered);
            let steps: SmallVec<[isize; 4]> = part.step.iter().map(|s| *s as isize).collect();
            let layout = whole.slice(&part.start, &steps, &x.layout.shape);
            placed.push((x, layout));
        }
        let fill = (covered < t.len()).then_some(fill);
        let out = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
        self.push(Instruction::Place { fill, parts: placed, out: out.clone() }, e);
        out
    }
    /// Materialises an array in pieces: gives it memory of its own.
    pub(crate) fn materialise(&mut self, root: usize) {
        let Home::Joined(j) = self.roots[root].home.clone() else { return };
        let shape = [j.rows, j.row];
        let whole = Layout::contiguous(&shape);
        let part = |p: &Piece| (p.seen.clone(), whole.slice(&[0, p.from], &[1, 1], &p.seen.layout.shape));
        let parts = j.pieces.iter().map(part).collect();
        let instruction = Instruction::Place { fill: (!j.covers()).then_some(j.fill), parts, out: Seen::whole(root, &shape) };
        self.items.push(Item::Step(Box::new(Step { instruction, name: "place".into(), site: None })));
        self.roots[root] = Root { home: Home::Slot, ready: self.items.len(), stored: true, ..self.roots[root].clone() };
    }
    /// Materialises the operands that a fusion of this length and element type cannot read in pieces. Returns the number of loads that the operands
    /// need.
    pub(crate) fn materialise_unless_read(&mut self, inputs: &[Seen], len: usize, kind: Kind) -> usize {
        let pieces = |s: &Self, x: &Seen| if let Home::Joined(j) = &s.roots[x.root].home { j.pieces.len() } else { 1 };
        let many = inputs.iter().map(|x| pieces(self, x)).sum::<usize>() > LOADS / 2;
        for x in inputs {
            let root = &self.roots[x.root];
            if many || root.len != len || root.kind != kind || !x.is_whole(&self.roots) {
                self.materialise(x.root);
            }
        }
        inputs.iter().map(|x| pieces(self, x)).sum()
    }
    /// Tries to place the pieces of output `k` directly in it, so that no copy is needed. Returns false, and changes nothing, if the pieces do not
    /// cover the output, or if a piece is not a whole root with memory of its own.
    pub(crate) fn output_in_pieces(&mut self, k: usize, x: &Seen) -> bool {
        let Home::Joined(j) = self.roots[x.root].home.clone() else { return false };
        let free = |p: &Piece| self.roots[p.seen.root].home == Home::Slot && p.seen.is_whole(&self.roots);
        let alone = |i: usize| j.pieces[..i].iter().all(|p| p.seen.root != j.pieces[i].seen.root);
        let fits = j.rows == 1 && j.covers() && x.is_whole(&self.roots) && j.pieces.iter().all(free) && (0..j.pieces.len()).all(alone);
        if fits {
            j.pieces.iter().for_each(|p| self.roots[p.seen.root].home = Home::Output(k, p.from));
        }
        fits
    }
}
