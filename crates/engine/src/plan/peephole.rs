//! Peephole optimisation of a group: a product and the sum or difference that alone reads it become one multiply-add instruction.
use super::fusion::Node;
use crate::kernels::math::Sum;
use hypertape_ir::operation::BinaryFn;

/// The nodes with multiply-adds. The products that went into them stay, but nothing reads them. `ends` are read at the end of a tile.
///
/// A tile is gone through once instead of twice. Both roundings stay, so that every bit of a result does.
pub(super) fn multiply_adds(nodes: &[Node], ends: impl Iterator<Item = usize>) -> Vec<Node> {
    let mut reads = vec![0u32; nodes.len()];
    ends.for_each(|o| reads[o] += 1);
    // Operands come before their readers. A node that nothing reads does not count as a reader.
    for i in (0..nodes.len()).rev() {
        if reads[i] > 0 {
            nodes[i].operands().iter().for_each(|o| reads[*o] += 1);
        }
    }
    let product = |n: usize| match nodes[n] {
        Node::Binary(BinaryFn::Mul, a, b) if reads[n] == 1 => Some((a, b)),
        _ => None,
    };
    let number = |n: usize| matches!(nodes[n], Node::Const(_));
    let pair = |n: &Node| {
        let (sum, (p, q), other) = match *n {
            Node::Binary(BinaryFn::Add, a, b) => match (product(a), product(b)) {
                (Some(p), _) => (Sum::Plus, p, b),
                (None, p) => (Sum::Plus, p?, a),
            },
            Node::Binary(BinaryFn::Sub, a, b) => match (product(a), product(b)) {
                (Some(p), _) => (Sum::Minus, p, b),
                (None, p) => (Sum::From, p?, a),
            },
            _ => return None,
        };
        // One factor may be a number at no cost; any other number would need a register.
        let (p, q) = if number(p) { (q, p) } else { (p, q) };
        (!number(p) && !number(other)).then_some(Node::MulAdd(sum, p, q, other))
    };
    nodes.iter().map(|n| pair(n).unwrap_or(*n)).collect()
}
