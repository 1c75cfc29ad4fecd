//! Fusions: elementwise equations, with folds at the end, that run in one loop over one index space.
use super::roots::{Home, Joined, Root, Seen, squeezed};
use super::thresholds::FUSION_NODES;
use crate::kernels::group::{Extent, FOLDS, LOADS, PORTS, SCALARS};
use crate::kernels::math::Sum;
use hypertape_ir::array::Kind;
use hypertape_ir::array::Shape;
use hypertape_ir::error::Site;
use hypertape_ir::operation::{BinaryFn, Fold, Instruction, Micro, UnaryFn};
use smallvec::SmallVec;
use std::sync::Arc;

/// A node: a value at one index. It names its operands by their numbers in the fusion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Node {
    Load(usize),
    Join(usize),
    Const(f64),
    Unary(UnaryFn, usize),
    Binary(BinaryFn, usize, usize),
    Select(usize, usize, usize),
    /// a·b + c, a·b − c or c − a·b. Only code generation makes it.
    MulAdd(Sum, usize, usize, usize),
    Round(usize),
    Index(usize),
}

impl Node {
    /// The same node with its operands renumbered.
    fn map(self, at: impl Fn(usize) -> usize) -> Self {
        match self {
            Node::Load(_) | Node::Join(_) | Node::Const(_) => self,
            Node::Unary(f, a) => Node::Unary(f, at(a)),
            Node::Binary(f, a, b) => Node::Binary(f, at(a), at(b)),
            Node::Select(t, a, b) => Node::Select(at(t), at(a), at(b)),
            Node::MulAdd(s, a, b, c) => Node::MulAdd(s, at(a), at(b), at(c)),
            Node::Round(a) => Node::Round(at(a)),
            Node::Index(a) => Node::Index(at(a)),
        }
    }
    /// The nodes that this node reads.
    pub(crate) fn operands(&self) -> SmallVec<[usize; 3]> {
        match *self {
            Node::Load(_) | Node::Join(_) | Node::Const(_) => SmallVec::new(),
            Node::Unary(_, a) | Node::Round(a) | Node::Index(a) => SmallVec::from_slice(&[a]),
            Node::Binary(_, a, b) => SmallVec::from_slice(&[a, b]),
            Node::Select(a, b, c) | Node::MulAdd(_, a, b, c) => SmallVec::from_slice(&[a, b, c]),
        }
    }
}

/// A fold over the fusion's index space.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) fold: Fold,
    pub(crate) extent: Extent,
    pub(crate) node: usize,
    pub(crate) root: usize,
}

/// Equations over one index space.
#[derive(Debug, Clone)]
pub(crate) struct Fusion {
    /// The index space, without axes of length 1.
    pub(crate) shape: Shape,
    pub(crate) len: usize,
    pub(crate) single: bool,
    pub(crate) nodes: Vec<Node>,
    pub(crate) loads: Vec<Seen>,
    pub(crate) joins: Vec<Arc<Joined>>,
    /// The roots that the fusion makes index by index, with their nodes.
    pub(crate) made: Vec<(usize, usize)>,
    pub(crate) endings: Vec<Ending>,
    pub(crate) names: Vec<String>,
    pub(crate) site: Option<Site>,
}

impl Fusion {
    pub(crate) fn new(shape: &[usize], single: bool, site: Option<Site>) -> Self {
        let shape: Shape = shape.iter().copied().filter(|n| *n != 1).collect();
        let len = shape.iter().product();
        Fusion { shape, len, single, nodes: vec![], loads: vec![], joins: vec![], made: vec![], endings: vec![], names: vec![], site }
    }
    /// The node of a view, if the fusion makes its root and the view is the whole root in order.
    fn inside(&self, x: &Seen, roots: &[Root]) -> Option<usize> {
        let node = self.made.iter().find(|m| m.0 == x.root)?.1;
        x.is_whole(roots).then_some(node)
    }
    /// Whether this fusion, which is item number `position`, can read a view.
    pub(crate) fn can_read(&self, x: &Seen, roots: &[Root], position: usize) -> bool {
        let root = &roots[x.root];
        if matches!(root.home, Home::Literal(_)) {
            return true;
        }
        if let Home::Joined(_) = root.home {
            return root.ready <= position && root.len == self.len && x.is_whole(roots);
        }
        if root.ready <= position {
            return squeezed(&x.layout).reshape(&self.shape).is_some();
        }
        root.elementwise && root.ready == position + 1 && self.inside(x, roots).is_some()
    }
    /// What the fusion reads from memory: operands, then the pieces of joins.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &Seen> {
        self.loads.iter().chain(self.joins.iter().flat_map(|j| j.pieces.iter().map(|p| &p.seen)))
    }
    /// Whether the fusion already reads or makes one of these operands.
    pub(crate) fn shares(&self, inputs: &[Seen], roots: &[Root]) -> bool {
        let here = |root: usize| self.reads().any(|l| l.root == root) || self.made.iter().any(|m| m.0 == root);
        inputs.iter().any(|x| match &roots[x.root].home {
            Home::Joined(j) => j.pieces.iter().any(|p| here(p.seen.root)),
            _ => here(x.root),
        })
    }
    /// Whether there is room for this many more operands, nodes and folds.
    pub(crate) fn has_room(&self, loads: usize, nodes: usize, folds: usize) -> bool {
        let constants = self.nodes.iter().filter(|n| matches!(n, Node::Const(_))).count();
        let reads = self.reads().count() + loads;
        self.nodes.len() + self.joins.len() - constants + nodes + loads <= FUSION_NODES
            && reads <= LOADS
            && constants + reads + nodes <= SCALARS
            && reads + self.made.len() + FOLDS < PORTS
            && self.endings.len() + folds <= FOLDS
    }
    /// Adds a node, with common subexpression elimination: returns a cheaper node of the same value if a peephole rule finds one, else an equal
    /// earlier node if there is one, else a new node.
    fn node(&mut self, n: Node) -> usize {
        if let Some(simpler) = self.simpler(n) {
            return simpler;
        }
        let same = |m: &Node| match (m, &n) {
            (Node::Const(a), Node::Const(b)) => a.to_bits() == b.to_bits(),
            (a, b) => *a == *b,
        };
        if let Some(i) = self.nodes.iter().position(same) {
            return i;
        }
        self.nodes.push(n);
        self.nodes.len() - 1
    }
    /// Peephole rules: signs, and factors that are powers of two, move to where they cost nothing. The rules keep every bit of a result, so that
    /// results do not depend on which equations share a loop. They do not change loads.
    fn simpler(&mut self, n: Node) -> Option<usize> {
        let negated = |i: usize| if let Node::Unary(UnaryFn::Neg, x) = self.nodes[i] { Some(x) } else { None };
        let number = |i: usize| if let Node::Const(v) = self.nodes[i] { Some(v) } else { None };
        let scaled = |i: usize| match self.nodes[i] {
            Node::Binary(BinaryFn::Mul, a, b) => number(b).map(|k| (a, k)).or_else(|| number(a).map(|k| (b, k))),
            _ => None,
        };
        match n {
            Node::Unary(UnaryFn::Neg, a) => match (negated(a), scaled(a)) {
                (Some(x), _) => Some(x),
                (None, Some((x, k))) => Some(self.scale(x, -k)),
                _ => None,
            },
            Node::Binary(BinaryFn::Add, a, b) => match (negated(a), negated(b)) {
                (_, Some(y)) => Some(self.node(Node::Binary(BinaryFn::Sub, a, y))),
                (Some(x), None) => Some(self.node(Node::Binary(BinaryFn::Sub, b, x))),
                _ => None,
            },
            Node::Binary(BinaryFn::Sub, a, b) => negated(b).map(|y| self.node(Node::Binary(BinaryFn::Add, a, y))),
            Node::Binary(BinaryFn::Mul, a, b) => match (negated(a), negated(b)) {
                (Some(x), Some(y)) => Some(self.times(x, y)),
                (Some(x), None) => Some(self.minus_product(x, b)),
                (None, Some(y)) => Some(self.minus_product(a, y)),
                (None, None) => {
                    let ((x, j), k) = scaled(a).zip(number(b)).or_else(|| scaled(b).zip(number(a)))?;
                    // If one factor is a power of two, the product rounds only once in either order, unless it overflows or underflows.
                    let moderate = |v: f64| (1e-9..1e9).contains(&v.abs());
                    let power_of_two = |v: f64| v.to_bits() << 12 == 0;
                    (moderate(j) && moderate(k) && (power_of_two(j) || power_of_two(k))).then(|| self.scale(x, j * k))
                }
            },
            _ => None,
        }
    }
    fn scale(&mut self, x: usize, k: f64) -> usize {
        let k = self.node(Node::Const(k));
        self.times(x, k)
    }
    fn minus_product(&mut self, a: usize, b: usize) -> usize {
        let product = self.times(a, b);
        self.node(Node::Unary(UnaryFn::Neg, product))
    }
    /// The node that reads an operand, if the fusion can read it.
    pub(crate) fn read(&mut self, x: &Seen, roots: &[Root]) -> Option<usize> {
        if let Home::Literal(v) = roots[x.root].home {
            return Some(self.node(Node::Const(v)));
        }
        if let Some(n) = self.inside(x, roots) {
            return Some(n);
        }
        if let Home::Joined(j) = &roots[x.root].home {
            return Some(self.join(j));
        }
        let seen = x.with(squeezed(&x.layout).reshape(&self.shape)?);
        let at = self.loads.iter().position(|l| *l == seen).unwrap_or_else(|| {
            self.loads.push(seen);
            self.loads.len() - 1
        });
        Some(self.node(Node::Load(at)))
    }
    fn join(&mut self, j: &Arc<Joined>) -> usize {
        let at = self.joins.iter().position(|k| k == j).unwrap_or_else(|| {
            self.joins.push(j.clone());
            self.joins.len() - 1
        });
        self.node(Node::Join(at))
    }
    /// Applies a micro-program to these nodes. Returns the node of its result, converted to the element type.
    pub(crate) fn apply(&mut self, micro: &Micro, inputs: &[usize], kind: Kind) -> usize {
        let mut registers = inputs.to_vec();
        for i in &micro.code {
            let at = |r: &hypertape_ir::operation::Reg| registers[r.0 as usize];
            let node = match i {
                Instruction::Const(v) => Node::Const(*v),
                Instruction::Unary(f, a) => Node::Unary(*f, at(a)),
                Instruction::Binary(f, a, b) => Node::Binary(*f, at(a), at(b)),
                Instruction::Select(t, a, b) => Node::Select(at(t), at(a), at(b)),
            };
            let node = self.node(node);
            registers.push(node);
        }
        let result = registers[micro.result.0 as usize];
        match (kind, self.single) {
            (Kind::F64, _) | (Kind::F32, true) => result,
            (Kind::F32, false) => self.node(Node::Round(result)),
            (Kind::U32, _) => self.node(Node::Index(result)),
        }
    }
    /// Merges this fusion and a later one. Returns `None` if the two differ in length or precision, if the later one reads results of this one at
    /// other indices, if no shape suits both, or if there is no room.
    pub(crate) fn and(&self, next: &Fusion, roots: &[Root]) -> Option<Fusion> {
        let made = |l: &Seen| self.made.iter().find(|m| m.0 == l.root).map(|m| m.1);
        let here = |l: &Seen| made(l).is_some() || self.endings.iter().any(|e| e.root == l.root);
        let pieces = next.joins.iter().flat_map(|j| &j.pieces);
        let apart = next.loads.iter().all(|l| !here(l) || made(l).is_some() && l.is_whole(roots)) && !pieces.map(|p| &p.seen).any(here);
        if self.len != next.len || self.single != next.single || !apart {
            return None;
        }
        // A shape in which both fusions can read their operands.
        let reads = |c: &Fusion, s: &Shape| c.loads.iter().all(|l| here(l) || l.layout.reshape(s).is_some());
        let shape = [&next.shape, &self.shape].into_iter().find(|s| reads(self, s) && reads(next, s))?.clone();
        let mut both = Fusion { shape, ..self.clone() };
        for l in &mut both.loads {
            *l = l.with(l.layout.reshape(&both.shape)?);
        }
        let mut map = vec![];
        for n in &next.nodes {
            let node = match n {
                Node::Load(k) => match made(&next.loads[*k]) {
                    Some(node) => node,
                    None => both.read(&next.loads[*k], roots)?,
                },
                Node::Join(k) => both.join(&next.joins[*k]),
                n => both.node(n.map(|i| map[i])),
            };
            map.push(node);
        }
        both.made.extend(next.made.iter().map(|m| (m.0, map[m.1])));
        both.endings.extend(next.endings.iter().map(|e| Ending { node: map[e.node], ..e.clone() }));
        both.names.extend(next.names.iter().cloned());
        both.has_room(0, 0, 0).then_some(both)
    }
    /// How often nodes, results and folds read a node.
    pub(crate) fn readers(&self, node: usize) -> usize {
        let nodes = self.nodes.iter().flat_map(Node::operands).chain(self.made.iter().map(|m| m.1));
        nodes.chain(self.endings.iter().map(|e| e.node)).filter(|n| *n == node).count()
    }
    /// The fusion with node `new` in place of `old`, and without the nodes that nothing reads any more.
    pub(crate) fn with(&self, old: usize, new: usize) -> Fusion {
        let at = |i: usize| if i == old { new } else { i };
        let mut read = vec![false; self.nodes.len()];
        self.made.iter().map(|m| m.1).chain(self.endings.iter().map(|e| e.node)).for_each(|i| read[at(i)] = true);
        for i in (0..self.nodes.len()).rev().filter(|i| *i != old) {
            if read[i] {
                self.nodes[i].operands().iter().for_each(|o| read[at(*o)] = true);
            }
        }
        let mut c = Fusion { nodes: vec![], loads: vec![], joins: vec![], ..self.clone() };
        let mut map = vec![0; self.nodes.len()];
        for (i, n) in self.nodes.iter().enumerate().filter(|(i, _)| read[*i]) {
            let node = match n {
                Node::Load(k) => {
                    c.loads.push(self.loads[*k].clone());
                    Node::Load(c.loads.len() - 1)
                }
                Node::Join(k) => {
                    c.joins.push(self.joins[*k].clone());
                    Node::Join(c.joins.len() - 1)
                }
                n => n.map(|o| map[at(o)]),
            };
            map[i] = c.nodes.len();
            c.nodes.push(node);
        }
        c.made.iter_mut().for_each(|m| m.1 = map[at(m.1)]);
        c.endings.iter_mut().for_each(|e| e.node = map[at(e.node)]);
        c
    }
    /// The product of two nodes.
    pub(crate) fn times(&mut self, a: usize, b: usize) -> usize {
        self.node(Node::Binary(BinaryFn::Mul, a, b))
    }
}

/// The extent of a fold over these axes: rows if the last axes are folded, columns if the first axes are. `None` for any other axes, and for columns
/// if the element type is not double precision.
pub(crate) fn extent(shape: &[usize], axes: &[usize], kind: Kind) -> Option<Extent> {
    let flags: Vec<(usize, bool)> = (0..shape.len()).filter(|i| shape[*i] != 1).map(|i| (shape[i], axes.contains(&i))).collect();
    let changes = flags.windows(2).filter(|w| w[0].1 != w[1].1).count();
    let product = |folded: bool| flags.iter().filter(|f| f.1 == folded).map(|f| f.0).product::<usize>();
    match (changes, flags.last().is_none_or(|f| f.1)) {
        (0 | 1, true) => Some(Extent::Rows(product(true))),
        (1, false) if kind == Kind::F64 => Some(Extent::Columns(product(false))),
        _ => None,
    }
}
