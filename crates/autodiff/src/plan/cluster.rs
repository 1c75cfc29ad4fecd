//! Clusters: equations over one index space gathered into one fused group.
use super::roots::{Home, Root, Seen, squeezed};
use crate::array::Kind;
use crate::array::Shape;
use crate::error::Site;
use crate::kernels::group::{Extent, FOLDS, LOADS, PORTS, SCALARS};
use crate::operation::{BinaryFn, Fold, Instruction, Micro, UnaryFn};

/// Nodes of a cluster that are no numbers, at the most; a single equation may have more.
const NODES: usize = 56;

/// A value at one index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Node {
    Load(usize),
    Const(f64),
    Unary(UnaryFn, usize),
    Binary(BinaryFn, usize, usize),
    Select(usize, usize, usize),
    Round(usize),
    Index(usize),
}

/// A fold over the cluster's index space.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) fold: Fold,
    pub(crate) extent: Extent,
    pub(crate) node: usize,
    pub(crate) root: usize,
}

/// Equations over one index space.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// Without axes of length 1.
    pub(crate) shape: Shape,
    pub(crate) len: usize,
    pub(crate) single: bool,
    pub(crate) nodes: Vec<Node>,
    pub(crate) loads: Vec<Seen>,
    /// Roots made here index by index, with their nodes.
    pub(crate) made: Vec<(usize, usize)>,
    pub(crate) endings: Vec<Ending>,
    pub(crate) names: Vec<String>,
    pub(crate) site: Option<Site>,
}

impl Cluster {
    pub(crate) fn new(shape: &[usize], single: bool, site: Option<Site>) -> Self {
        let shape: Shape = shape.iter().copied().filter(|n| *n != 1).collect();
        let len = shape.iter().product();
        Cluster { shape, len, single, nodes: vec![], loads: vec![], made: vec![], endings: vec![], names: vec![], site }
    }
    /// The node of a root that is made here, if the view is of all of it in order.
    fn inside(&self, x: &Seen, roots: &[Root]) -> Option<usize> {
        let node = self.made.iter().find(|m| m.0 == x.root)?.1;
        x.is_whole(roots).then_some(node)
    }
    /// How it would read a view, without changing anything: `None` if it cannot.
    pub(crate) fn can_read(&self, x: &Seen, roots: &[Root], position: usize) -> bool {
        let root = &roots[x.root];
        if matches!(root.home, Home::Literal(_)) {
            return true;
        }
        if root.ready <= position {
            return squeezed(&x.layout).reshape(&self.shape).is_some();
        }
        root.indexwise && root.ready == position + 1 && self.inside(x, roots).is_some()
    }
    /// Whether some operand is read or made here already.
    pub(crate) fn shares(&self, inputs: &[Seen]) -> bool {
        inputs.iter().any(|x| self.loads.iter().any(|l| l.root == x.root) || self.made.iter().any(|m| m.0 == x.root))
    }
    /// Whether there is room for so many more operands, nodes and folds.
    pub(crate) fn has_room(&self, loads: usize, nodes: usize, folds: usize) -> bool {
        let constants = self.nodes.iter().filter(|n| matches!(n, Node::Const(_))).count();
        self.nodes.len() - constants + nodes + loads <= NODES
            && self.loads.len() + loads <= LOADS
            && constants + self.loads.len() + nodes + loads <= SCALARS
            && self.loads.len() + loads + self.made.len() + FOLDS < PORTS
            && self.endings.len() + folds <= FOLDS
    }
    fn node(&mut self, n: Node) -> usize {
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
    /// The node of an operand.
    pub(crate) fn read(&mut self, x: &Seen, roots: &[Root]) -> Option<usize> {
        if let Home::Literal(v) = roots[x.root].home {
            return Some(self.node(Node::Const(v)));
        }
        if let Some(n) = self.inside(x, roots) {
            return Some(n);
        }
        let seen = x.with(squeezed(&x.layout).reshape(&self.shape)?);
        let at = self.loads.iter().position(|l| *l == seen).unwrap_or_else(|| {
            self.loads.push(seen);
            self.loads.len() - 1
        });
        Some(self.node(Node::Load(at)))
    }
    /// The result of a micro-program on these nodes, as an element of the kind.
    pub(crate) fn apply(&mut self, micro: &Micro, inputs: &[usize], kind: Kind) -> usize {
        let mut registers = inputs.to_vec();
        for i in &micro.code {
            let at = |r: &crate::operation::Reg| registers[r.0 as usize];
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
    /// The product of two nodes.
    pub(crate) fn times(&mut self, a: usize, b: usize) -> usize {
        self.node(Node::Binary(BinaryFn::Mul, a, b))
    }
}

/// Which elements, counted in row-major order, a fold over these axes takes together, if that is simple.
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
