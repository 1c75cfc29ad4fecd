//! Peephole optimisation of a group: a product, and the sum or difference that alone reads it, become one multiply-add instruction.
use super::fusion::Node;
use crate::kernels::math::Sum;
use hypertape_ir::operation::BinaryFn;

/// Replaces sums and differences by multiply-adds. The merged products stay in the list, but nothing reads them. `ends` are the nodes that are read
/// at the end of a tile.
///
/// A multiply-add goes through a tile once instead of twice. It still rounds twice, so results keep every bit.
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
        // One factor may be a constant at no cost. Any other constant would need a register.
        let (p, q) = if number(p) { (q, p) } else { (p, q) };
        (!number(p) && !number(other)).then_some(Node::MulAdd(sum, p, q, other))
    };
    nodes.iter().map(|n| pair(n).unwrap_or(*n)).collect()
}
