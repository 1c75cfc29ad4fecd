//! Constants in another order: an operation that reads its operand in row-major order gets a copy of a constant that is made once, with the plan, and not at every run.
use super::roots::{Home, Root, Seen, Whole};
use super::schedule::Schedule;
use hypertape_ir::array::{Element, Layout, Shared};
use hypertape_ir::each_kind;
use ndarray::{ArcArray, IxDyn};

impl Whole {
    /// The elements of a view in row-major order. None where the array has gaps, or an element is repeated: the view would be smaller than its copy.
    fn ordered(&self, x: &Seen) -> Option<Shared> {
        if x.layout.strides.iter().zip(&x.layout.shape).any(|(s, n)| *s == 0 && *n > 1) {
            return None;
        }
        each_kind!(Shared, &self.array, a => {
            let all = a.as_slice_memory_order()?;
            let mut copy = Vec::with_capacity(x.layout.len());
            let first = isize::try_from(self.start + x.start + x.layout.offset).ok()?;
            walk(&x.layout, 0, first, &mut |at| usize::try_from(at).ok().and_then(|at| all.get(at)).map(|v| copy.push(*v)))?;
            Some(Element::shared(ArcArray::from_shape_vec(IxDyn(&x.layout.shape), copy).ok()?))
        })
    }
}

/// Calls with the place of each element, in row-major order.
fn walk(layout: &Layout, axis: usize, at: isize, f: &mut impl FnMut(isize) -> Option<()>) -> Option<()> {
    match layout.shape.get(axis) {
        None => f(at),
        Some(n) => (0..*n as isize).try_for_each(|i| walk(layout, axis + 1, at + i * layout.strides[axis], f)),
    }
}

impl Schedule {
    /// Which constants of the block are copies.
    pub(crate) fn copies(&self) -> Vec<usize> {
        let constant = |(_, root): &(_, usize)| if let Home::Constant(k) = self.roots[*root].home { Some(k) } else { None };
        self.ordered.iter().filter_map(constant).collect()
    }
    /// A view of a constant in row-major order, as a constant of its own.
    pub(crate) fn ordered(&mut self, x: &Seen) -> Option<Seen> {
        let whole = self.roots[x.root].constant.clone()?;
        let key = (whole.address(), whole.start + x.start, x.layout.clone());
        let known = self.ordered.iter().find(|(k, _)| *k == key).map(|(_, root)| *root);
        let root = match known {
            Some(root) => root,
            None => {
                // All copies together are no larger than the array: slices of a long program share a slot of the frame instead.
                let taken: usize = self.ordered.iter().filter(|(k, _)| k.0 == key.0).map(|(k, _)| k.2.len()).sum();
                if taken + x.layout.len() > whole.array.leaf_type().len() {
                    return None;
                }
                let array = whole.ordered(x)?;
                self.constants.push(array.clone());
                let (kind, len, home) = (array.leaf_type().kind, x.layout.len(), Home::Constant(self.constants.len() - 1));
                let constant = Some(Whole { array, start: 0 });
                let root = self.root(Root { kind, len, home, ready: 0, elementwise: false, stored: true, constant });
                self.ordered.push((key, root));
                root
            }
        };
        Some(Seen::whole(root, &x.layout.shape))
    }
}
