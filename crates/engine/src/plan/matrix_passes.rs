//! Matrix passes: in a program such as Xᵀ f(X v), the products with one matrix around a fusion are fused with it, so that the matrix is read once.
use super::code::Instruction;
use super::fusion::{Fusion, Node};
use super::item::{Draft, Item};
use super::roots::{Root, Seen};
use super::schedule::Schedule;
use super::thresholds::PASS_ROWS;
use super::uses::Uses;
use crate::kernels::contract::Stream as Shape;
use crate::kernels::group::Extent;
use crate::kernels::stream::{PRODUCTS, Pass};
use hypertape_ir::array::Kind;
use hypertape_ir::error::Result;
use std::collections::HashMap;

/// A product of a matrix and a vector, as a stream over the rows of the matrix.
struct Found {
    item: usize,
    shape: Shape,
    matrix: Seen,
    vector: Seen,
    out: usize,
}

impl Found {
    fn of(item: usize, i: &Item) -> Option<Self> {
        let Item::Step(step) = i else { return None };
        let Instruction::Contract { plan, a, b, out, .. } = &step.instruction else { return None };
        let shape = plan.stream()?;
        let (matrix, vector) = if shape.matrix == 0 { (a, b) } else { (b, a) };
        Some(Found { item, shape, matrix: matrix.clone(), vector: vector.clone(), out: out.root })
    }
    fn same_matrix(&self, other: &Found) -> bool {
        let key = |f: &Found| (f.matrix.root, f.matrix.start, f.shape.rows, f.shape.columns, f.shape.stride, f.shape.start);
        key(self) == key(other)
    }
}

/// Fuses products with the fusions between them. A head is a product that dots the rows with a vector; an end is a product that adds up the rows,
/// each times a factor. A pass has at least one head, and may have several heads and ends.
pub(crate) fn fuse(s: &mut Schedule) -> Result<()> {
    let products: Vec<Found> = s.items.iter().enumerate().filter_map(|(k, i)| Found::of(k, i)).collect();
    if products.is_empty() {
        return Ok(());
    }
    let mut uses = Uses::of(&s.items, &s.roots);
    // The products that may be heads, by the root of their result, and those that may be ends, by the root of their factors.
    let (mut dots, mut sums): (HashMap<usize, Vec<usize>>, HashMap<usize, Vec<usize>>) = Default::default();
    for (i, f) in products.iter().enumerate() {
        if f.shape.across { sums.entry(f.vector.root).or_default().push(i) } else { dots.entry(f.out).or_default().push(i) }
    }
    let mut taken = vec![false; s.items.len()];
    for k in 0..s.items.len() {
        let Item::Fusion(c) = &s.items[k] else { continue };
        let free = |f: &&Found| !taken[f.item];
        let near = |by: &HashMap<usize, Vec<usize>>, roots: &mut dyn Iterator<Item = usize>| {
            let mut near: Vec<usize> = roots.flat_map(|r| by.get(&r).into_iter().flatten().copied()).collect();
            near.sort_unstable();
            near.dedup();
            near
        };
        let made = near(&sums, &mut c.made.iter().map(|m| m.0));
        let read = near(&dots, &mut c.reads().map(|l| l.root));
        let ends = || made.iter().map(|i| &products[*i]).filter(free).filter(|f| f.item > k && is_end(f, c, &s.roots));
        let first_reader = |f: &&Found| f.item < k && !uses.between(f.out, f.item, k);
        let heads = || read.iter().map(|i| &products[*i]).filter(free).filter(first_reader).filter(|f| is_head(f, c, &s.roots));
        let Some(first) = ends().chain(heads()).next() else { continue };
        let ends: Vec<&Found> = ends().filter(|f| f.same_matrix(first)).take(PRODUCTS).collect();
        let heads: Vec<&Found> = heads().filter(|f| f.same_matrix(first)).take(PRODUCTS).collect();
        if heads.is_empty() || heads.len() + ends.len() < 2 || !fits(c, first, &s.roots) {
            continue;
        }
        let shape = first.shape;
        let draft = Draft {
            pass: Pass { rows: shape.rows, columns: shape.columns, stride: shape.stride, start: shape.start },
            matrix: first.matrix.clone(),
            fusion: c.clone(),
            heads: heads.iter().map(|h| (h.vector.clone(), h.out)).collect(),
            ends: ends.iter().map(|e| (e.vector.root, e.out)).collect(),
        };
        uses.remove(k, &s.items[k], &s.roots);
        for f in heads.iter().chain(&ends) {
            taken[f.item] = true;
            s.roots[f.out].ready = k + 1;
            uses.remove(f.item, &s.items[f.item], &s.roots);
            s.items[f.item] = Item::Nothing;
        }
        s.items[k] = Item::Stream(Box::new(draft));
        uses.add(k, &s.items[k], &s.roots);
    }
    Ok(())
}

/// Whether a product adds up the rows with factors that the fusion makes.
fn is_end(f: &Found, c: &Fusion, roots: &[Root]) -> bool {
    let made = c.made.iter().any(|m| m.0 == f.vector.root && !matches!(c.nodes[m.1], Node::Load(_) | Node::Join(_)));
    f.shape.across && f.shape.rows == c.len && made && f.vector.is_whole(roots)
}

/// Whether a product dots the rows, and the fusion reads its result in order.
fn is_head(f: &Found, c: &Fusion, roots: &[Root]) -> bool {
    let mut reads = c.reads().filter(|l| l.root == f.out).peekable();
    let alike = reads.peek().is_some() && reads.all(|l| l.is_whole(roots) && l.layout.len() == c.len);
    !f.shape.across && f.shape.rows == c.len && alike
}

/// Whether the fusion can run over the rows block by block, in the matrix's element type.
fn fits(c: &Fusion, f: &Found, roots: &[Root]) -> bool {
    let rows = f.shape.rows;
    let whole = |e: Extent| e == Extent::Rows(rows);
    rows >= PASS_ROWS
        && f.shape.columns > 1
        && c.shape[..] == [rows]
        && c.single == (roots[f.matrix.root].kind == Kind::F32)
        && c.endings.iter().all(|e| whole(e.extent))
}
