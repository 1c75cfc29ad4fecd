//! Items: what a schedule puts in order.
use super::cluster::{Cluster, Node};
use super::code::Step;
use super::roots::{Root, Seen};
use crate::kernels::stream::Pass;

/// A unit of the schedule.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "almost every item is a cluster, and each is looked at again and again while planning")]
pub(crate) enum Item {
    Cluster(Cluster),
    /// Products around a cluster, with one reading of their matrix.
    Stream(Box<Draft>),
    /// What became part of another item.
    Nothing,
    Step(Box<Step<Seen>>),
}

/// A pass under construction: a cluster over the rows, and the products around it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) pass: Pass,
    pub(crate) matrix: Seen,
    pub(crate) cluster: Cluster,
    /// Vectors, and roots of the products.
    pub(crate) heads: Vec<(Seen, usize)>,
    /// Roots of factors, and of the sums.
    pub(crate) ends: Vec<(usize, usize)>,
}

impl Item {
    /// The cluster inside.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        match self {
            Item::Cluster(c) => Some(c),
            Item::Stream(d) => Some(&d.cluster),
            _ => None,
        }
    }
    /// Calls `f` with every root that it reads or writes, those in passing too. What a cluster makes counts if it is stored.
    pub(crate) fn roots(&self, roots: &[Root], f: &mut dyn FnMut(usize)) {
        if let Some(c) = self.cluster() {
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
            Item::Cluster(_) | Item::Nothing => {}
        }
    }
    /// Numbers of loads in a cluster that are the whole root in order: what a result may take the place of.
    pub(crate) fn in_place(&self, roots: &[Root]) -> Vec<usize> {
        let Item::Cluster(c) = self else { return vec![] };
        let whole = |x: &Seen| x.is_whole(roots) && x.layout.len() == c.len;
        let mut fit: Vec<usize> = c.loads.iter().filter(|x| whole(x)).map(|x| x.root).collect();
        fit.retain(|r| c.reads().all(|x| x.root != *r || whole(x)));
        fit.dedup();
        fit
    }
    /// Whether a result of a cluster is an operand as it is.
    pub(crate) fn is_operand(&self, node: usize) -> bool {
        matches!(self, Item::Cluster(c) if matches!(c.nodes[node], Node::Load(_) | Node::Join(_)))
    }
}
