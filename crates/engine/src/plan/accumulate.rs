//! Accumulation: where a sum adds a matrix product to an earlier result, the product adds itself to the memory of that result (β = 1 in BLAS).
//!
//! The sum disappears, and with it a buffer as large as the result. Nothing but the sum may read either operand. If the sum reads a product
//! transposed, the product is written transposed.
use super::code::Instruction;
use super::fusion::{Fusion, Node};
use super::item::Item;
use super::roots::{Home, Seen};
use super::schedule::Schedule;
use super::uses::Uses;
use crate::kernels::contract::ContractPlan;
use hypertape_ir::error::Result;
use hypertape_ir::operation::BinaryFn;

/// Looks at every sum of two operands in every fusion.
pub(crate) fn accumulate(s: &mut Schedule) -> Result<()> {
    let mut uses = Uses::of(&s.items, &s.roots);
    let mut added = vec![0; s.roots.len()];
    for k in 0..s.items.len() {
        if let Item::Fusion(c) = &mut s.items[k] {
            // It is known by now which results go to memory. The others have no reader outside the fusion.
            c.made.retain(|m| s.roots[m.0].stored);
        }
        let mut joined = false;
        while let Some(sum) = find(s, &uses, &added, k) {
            join(s, &mut uses, &mut added, k, sum);
            joined = true;
        }
        if joined {
            result_in_place(s, &mut uses, &mut added, k);
        }
    }
    for item in &mut s.items {
        let Item::Step(step) = item else { continue };
        let mut renamed = false;
        step.instruction.visit(&mut |x, _| renamed |= uses.name(x.root) != x.root);
        if renamed {
            step.instruction = step.instruction.clone().map(&mut |x: Seen| Seen { root: uses.name(x.root), ..x });
        }
    }
    Ok(())
}

/// An operand of a sum, which nothing but the sum reads.
struct Side {
    node: usize,
    seen: Seen,
    maker: usize,
    /// Whether the operand is a matrix product to which nothing was added yet.
    product: bool,
    /// Whether the product is read transposed.
    transposed: bool,
}

/// Finds a sum that can disappear: its node, the operand that is made first, and the product that is made later.
fn find(s: &Schedule, uses: &Uses, added: &[usize], k: usize) -> Option<(usize, Side, Side)> {
    let Item::Fusion(c) = &s.items[k] else { return None };
    c.nodes.iter().enumerate().find_map(|(node, n)| {
        let Node::Binary(BinaryFn::Add, a, b) = *n else { return None };
        let may_add = |n: usize| matches!(c.nodes[n], Node::Load(l) if matrix(s, c.loads[l].root).is_some());
        if !may_add(a) && !may_add(b) {
            return None;
        }
        let (a, b) = (side(s, uses, added, k, c, a)?, side(s, uses, added, k, c, b)?);
        let (first, later) = if a.maker < b.maker { (a, b) } else { (b, a) };
        let alike = s.roots[first.seen.root].kind == s.roots[later.seen.root].kind;
        (alike && later.product && first.maker < later.maker).then_some((node, first, later))
    })
}

fn side(s: &Schedule, uses: &Uses, added: &[usize], k: usize, c: &Fusion, node: usize) -> Option<Side> {
    let Node::Load(l) = c.nodes[node] else { return None };
    let seen = c.loads[l].clone();
    if c.readers(node) != 1 || s.roots[seen.root].len != c.len {
        return None;
    }
    let maker = only_for(s, uses, added, k, seen.root)?;
    let matrix = matrix(s, seen.root).filter(|_| added[seen.root] == 0);
    let transposed = match matrix {
        _ if seen.is_whole(&s.roots) => false,
        Some([m, n]) if seen.layout.reshape(&[n, m]).is_some_and(|l| l.strides[..] == [1, n as isize]) => true,
        _ => return None,
    };
    Some(Side { node, seen, maker, product: matrix.is_some(), transposed })
}

/// The rows and columns of a root that a matrix product makes.
fn matrix(s: &Schedule, root: usize) -> Option<[usize; 2]> {
    product(&s.items[s.roots[root].ready.checked_sub(1)?])?.matrix()
}

/// The item that makes a root, if only item `k` reads the root. Products that were added to the root do not count as readers.
fn only_for(s: &Schedule, uses: &Uses, added: &[usize], k: usize, root: usize) -> Option<usize> {
    let maker = s.roots[root].ready.checked_sub(1).filter(|_| s.roots[root].home == Home::Slot)?;
    (uses.ends(root)? == (maker, k, 2 + added[root])).then_some(maker)
}

fn product(item: &Item) -> Option<&ContractPlan> {
    match item {
        Item::Step(step) => match &step.instruction {
            Instruction::Contract { plan, .. } => Some(plan),
            _ => None,
        },
        _ => None,
    }
}

fn join(s: &mut Schedule, uses: &mut Uses, added: &mut [usize], k: usize, (node, first, later): (usize, Side, Side)) {
    let root = first.seen.root;
    [later.maker, k].iter().for_each(|i| uses.remove(*i, &s.items[*i], &s.roots));
    for (side, add) in [(&first, false), (&later, true)] {
        let Item::Step(step) = &mut s.items[side.maker] else { continue };
        let Instruction::Contract { plan, out, .. } = &mut step.instruction else { continue };
        // The output may have axes of length 1 besides the two axes of the matrix, so the plan tells its rows and columns.
        if let (true, Some([rows, columns])) = (side.transposed, plan.matrix()) {
            *out = Seen::whole(out.root, &[columns, rows]);
            plan.turn();
        }
        if add {
            out.root = root;
            plan.add();
        }
    }
    if let Item::Fusion(c) = &mut s.items[k] {
        if let (true, Node::Load(l)) = (first.transposed, c.nodes[first.node]) {
            c.loads[l] = Seen::whole(root, &c.shape);
        }
        *c = c.with(node, first.node);
    }
    [later.maker, k].iter().for_each(|i| uses.add(*i, &s.items[*i], &s.roots));
    added[root] += 1;
}

/// If only a copy is left of a fusion, removes the fusion. The operand is then made in the place of the copy.
fn result_in_place(s: &mut Schedule, uses: &mut Uses, added: &mut [usize], k: usize) {
    let Item::Fusion(c) = &s.items[k] else { return };
    let ([(result, _)], [load], true, true) = (&c.made[..], &c.loads[..], c.joins.is_empty(), c.endings.is_empty()) else { return };
    let (result, root) = (*result, load.root);
    let bare = matches!(c.nodes[..], [Node::Load(_)]) && load.is_whole(&s.roots);
    let alike = s.roots[result].kind == s.roots[root].kind && s.roots[result].len == s.roots[root].len;
    let Some(maker) = only_for(s, uses, added, k, root).filter(|_| bare && alike && s.roots[result].stored) else { return };
    if !matches!(s.items[maker], Item::Step(_)) {
        return;
    }
    uses.remove(k, &s.items[k], &s.roots);
    uses.rename(root, result);
    added[result] = added[root];
    s.roots[result].ready = maker + 1;
    s.roots[result].elementwise = false;
    s.items[k] = Item::Nothing;
}
