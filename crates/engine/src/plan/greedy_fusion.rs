//! Greedy fusion: an equation joins an earlier fusion over the same index space, or begins a new one.
use super::code::Instruction;
use super::fusion::{Ending, Fusion, extent};
use super::item::Item;
use super::roots::{Home, Root, Seen, Whole};
use super::schedule::Schedule;
use super::thresholds::{FUSION_WINDOW, SMALL_LOOP};
use crate::kernels::contract::ContractPlan;
use hypertape_ir::array::{Kind, LeafType};
use hypertape_ir::operation::{Contraction, Equation, Fold, Micro};

impl Schedule {
    /// The number of the fusion that an equation joins. First choice is a fusion that shares an operand with it. Second choice is a short loop. Else
    /// the equation begins a new fusion.
    fn fusion(&mut self, inputs: &[Seen], shape: &[usize], single: bool, nodes: usize, folds: usize, e: &Equation) -> usize {
        let len: usize = shape.iter().product();
        let loads = self.materialise_unless_read(inputs, len, if single { Kind::F32 } else { Kind::F64 });
        let ready = inputs.iter().map(|x| self.roots[x.root].ready).max().unwrap_or(0);
        let first = ready.saturating_sub(1).max(self.items.len().saturating_sub(FUSION_WINDOW));
        let mut found = None;
        for k in first..self.items.len() {
            let Item::Fusion(c) = &self.items[k] else { continue };
            if c.len != len || c.single != single || !c.has_room(loads, nodes, folds) {
                continue;
            }
            if !inputs.iter().all(|x| c.can_read(x, &self.roots, k)) {
                continue;
            }
            if c.shares(inputs, &self.roots) {
                found = Some(k);
                break;
            }
            if len <= SMALL_LOOP {
                found.get_or_insert(k);
            }
        }
        let k = found.unwrap_or_else(|| {
            self.items.push(Item::Fusion(Fusion::new(shape, single, e.site)));
            self.items.len() - 1
        });
        for x in inputs {
            if self.roots[x.root].ready <= k && !matches!(self.roots[x.root].home, Home::Literal(_) | Home::Joined(_)) {
                self.roots[x.root].stored = true;
            }
        }
        if let Item::Fusion(c) = &mut self.items[k] {
            c.names.push(e.op.name().to_string());
        }
        k
    }
    /// Runs `f` on fusion `k`, with the nodes of these operands in it.
    fn with_fusion<R>(&mut self, k: usize, inputs: &[Seen], f: impl FnOnce(&mut Fusion, &[usize]) -> R) -> R {
        let c = match &mut self.items[k] {
            Item::Fusion(c) => Some(c),
            _ => None,
        };
        let c = c.expect("`fusion` gives the number of a fusion");
        let nodes: Vec<usize> =
            inputs.iter().map(|x| c.read(x, &self.roots).expect("`can_read` was asked, or the shapes are equal")).collect();
        f(c, &nodes)
    }
    /// A new root that fusion `k` makes index by index.
    fn made(&mut self, k: usize, node: usize, t: &LeafType) -> Seen {
        let root = self.root(Root {
            kind: t.kind,
            len: t.len(),
            home: Home::Slot,
            ready: k + 1,
            elementwise: true,
            stored: false,
            constant: None,
        });
        self.with_fusion(k, &[], |c, _| c.made.push((root, node)));
        Seen::whole(root, &t.shape)
    }
    fn is_single(&self, inputs: &[Seen], t: &LeafType) -> bool {
        t.kind == Kind::F32 && inputs.iter().all(|x| self.roots[x.root].kind == Kind::F32)
    }
    pub(crate) fn pointwise(&mut self, m: &Micro, inputs: &[Seen], t: &LeafType, e: &Equation) -> Seen {
        let single = self.is_single(inputs, t);
        let k = self.fusion(inputs, &t.shape, single, m.code.len() + 1, 0, e);
        let node = self.with_fusion(k, inputs, |c, x| c.apply(m, x, t.kind));
        self.made(k, node, t)
    }
    pub(crate) fn fold(&mut self, fold: Fold, axes: &[usize], x: &Seen, t: &LeafType, e: &Equation) -> Seen {
        let same = axes.iter().all(|a| x.layout.shape[*a] == 1).then(|| x.layout.reshape(&t.shape)).flatten();
        if let Some(layout) = same {
            return x.with(layout);
        }
        let single = self.is_single(std::slice::from_ref(x), t);
        // The fold kernel is better for a layout that is not contiguous, unless a fusion has the elements in registers or the layout repeats
        // elements.
        let at_hand = self.roots[x.root].elementwise || x.layout.is_contiguous() || x.layout.strides.contains(&0);
        if let (true, Some(extent)) = (at_hand, extent(&x.layout.shape, axes, if single { Kind::F32 } else { t.kind })) {
            let k = self.fusion(std::slice::from_ref(x), &x.layout.shape, single, 0, 1, e);
            let root = self.fold_result(k, t);
            self.with_fusion(k, std::slice::from_ref(x), |c, n| c.endings.push(Ending { fold, extent, node: n[0], root }));
            return Seen::whole(root, &t.shape);
        }
        let x = self.stored(x.clone());
        let out = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
        self.push(Instruction::Fold { fold, axes: axes.to_vec(), x, out: out.clone() }, e);
        out
    }
    fn fold_result(&mut self, k: usize, t: &LeafType) -> usize {
        let (kind, len) = (t.kind, t.len());
        self.root(Root { kind, len, home: Home::Slot, ready: k + 1, elementwise: false, stored: true, constant: None })
    }
    pub(crate) fn contract(&mut self, spec: &Contraction, x: &[Seen], t: &LeafType, e: &Equation) -> Seen {
        if let Some(seen) = self.elementwise_product(spec, x, t, e) {
            return seen;
        }
        let (a, b) = (self.stored(x[0].clone()), self.stored(x[1].clone()));
        let constants = [&a, &b].map(|x| self.roots[x.root].constant.as_ref().map(Whole::address));
        let plan = Box::new(ContractPlan::new(spec, &a.layout, &b.layout));
        let out = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
        let doubles = plan.scratch().saturating_mul(t.kind.bytes()).div_ceil(8);
        let scratch = (doubles > 0).then(|| Seen::whole(self.fresh(Kind::F64, doubles), &[doubles]));
        self.push(Instruction::Contract { plan, a, b, out: out.clone(), scratch, constants }, e);
        out
    }
    /// Computes a product as elementwise work if nothing is summed (outer products), or if it only dots whole rows with each other.
    fn elementwise_product(&mut self, spec: &Contraction, x: &[Seen], t: &LeafType, e: &Equation) -> Option<Seen> {
        let free = [spec.free(0, x[0].layout.shape.len()), spec.free(1, x[1].layout.shape.len())];
        let long = |side: usize| free[side].iter().any(|a| x[side].layout.shape[*a] != 1);
        if !spec.sum.is_empty() && (long(0) || long(1)) {
            return None;
        }
        // The index space: batch axes, free axes of a, free axes of b, summed axes.
        let mut shape = t.shape.clone();
        shape.extend(spec.sum.iter().map(|p| x[0].layout.shape[p.0]));
        let (nb, n) = (spec.batch.len(), t.shape.len());
        let side = |s: usize| {
            let mut axes = vec![0; x[s].layout.shape.len()];
            let pick = |p: &(usize, usize)| if s == 0 { p.0 } else { p.1 };
            spec.batch.iter().enumerate().for_each(|(i, p)| axes[pick(p)] = i);
            free[s].iter().enumerate().for_each(|(i, a)| axes[*a] = nb + i + if s == 0 { 0 } else { free[0].len() });
            spec.sum.iter().enumerate().for_each(|(i, p)| axes[pick(p)] = n + i);
            x[s].with(x[s].layout.broadcast(&shape, &axes))
        };
        let operands = [side(0), side(1)];
        let single = t.kind == Kind::F32;
        if spec.sum.is_empty() {
            let k = self.fusion(&operands, &shape, single, 1, 0, e);
            let node = self.with_fusion(k, &operands, |c, n| c.times(n[0], n[1]));
            return Some(self.made(k, node, t));
        }
        let rows = shape[n..].iter().product();
        let k = self.fusion(&operands, &shape, single, 1, 1, e);
        let root = self.fold_result(k, t);
        self.with_fusion(k, &operands, |c, n| {
            let node = c.times(n[0], n[1]);
            let extent = crate::kernels::group::Extent::Rows(rows);
            c.endings.push(Ending { fold: Fold::Sum, extent, node, root });
        });
        Some(Seen::whole(root, &t.shape))
    }
}
