//! Items: the units of a schedule.
use super::code::Step;
use super::fusion::{Fusion, Node};
use super::roots::{Root, Seen};
use crate::kernels::stream::Pass;

/// A unit of the schedule.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "almost every item is a cluster, and each is looked at again and again while planning")]
pub(crate) enum Item {
    Fusion(Fusion),
    /// A matrix pass: a fusion and the products around it, which share one reading of their matrix.
    Stream(Box<Draft>),
    /// The place of an item that became part of another. It stays, so that the other items keep their numbers.
    Nothing,
    Step(Box<Step<Seen>>),
}

/// A matrix pass under construction: a fusion over the rows of the matrix, and the products around it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) pass: Pass,
    pub(crate) matrix: Seen,
    pub(crate) fusion: Fusion,
    /// The products that the fusion reads: for each, its vector and the root of its result.
    pub(crate) heads: Vec<(Seen, usize)>,
    /// The sums of rows with factors that the fusion makes: for each, the root of its factors and the root of its result.
    pub(crate) ends: Vec<(usize, usize)>,
}

impl Item {
    /// The fusion in this item, if it has one.
    pub(crate) fn fusion(&self) -> Option<&Fusion> {
        match self {
            Item::Fusion(c) => Some(c),
            Item::Stream(d) => Some(&d.fusion),
            _ => None,
        }
    }
    /// Calls `f` with every root that the item reads or writes, scratch included. A result of a fusion counts only if it is stored.
    pub(crate) fn roots(&self, roots: &[Root], f: &mut dyn FnMut(usize)) {
        if let Some(c) = self.fusion() {
            c.reads().for_each(|l| f(l.root));
            c.made.iter().filter(|m| roots[m.0].stored).for_each(|m| f(m.0));
            c.endings.iter().for_each(|e| f(e.root));
        }
        match self {
            Item::Stream(d) => {
                f(d.matrix.root);
                d.heads.iter().for_each(|(v, out)| {
                    f(v.root);
                    f(*out);
                });
                d.ends.iter().for_each(|e| f(e.1));
            }
            Item::Step(s) => s.instruction.visit(&mut |o, _| f(o.root)),
            Item::Fusion(_) | Item::Nothing => {}
        }
    }
    /// The roots that a fusion reads only as a whole and in order. A result may overwrite them.
    pub(crate) fn in_place(&self, roots: &[Root]) -> Vec<usize> {
        let Item::Fusion(c) = self else { return vec![] };
        let whole = |x: &Seen| x.is_whole(roots) && x.layout.len() == c.len;
        let mut fit: Vec<usize> = c.loads.iter().filter(|x| whole(x)).map(|x| x.root).collect();
        fit.retain(|r| c.reads().all(|x| x.root != *r || whole(x)));
        fit.dedup();
        fit
    }
    /// Whether a node of a fusion is an operand, unchanged.
    pub(crate) fn is_operand(&self, node: usize) -> bool {
        matches!(self, Item::Fusion(c) if matches!(c.nodes[node], Node::Load(_) | Node::Join(_)))
    }
}
