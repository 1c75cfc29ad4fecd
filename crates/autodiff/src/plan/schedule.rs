//! Equations put in order as items: clusters of elementwise work, and single instructions; greedy in topological order.
use super::cluster::{Cluster, Ending, extent};
use super::code::{Block, Instruction, Keeps, Row, Step};
use super::item::Item;
use super::machine::{Asked, Expanded};
use super::recompute::{self, Recompute};
use super::roots::{Home, Joined, Piece, Root, Seen};
use crate::array::{AnyArray, Kind, Layout, LeafType, Shape, Shared};
use crate::error::Result;
use crate::kernels::contract::ContractPlan;
use crate::kernels::group::{LOADS, unit};
use crate::operation::{Contraction, Equation, Fold, Lowering, Micro, Part, Program, Value, View};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// Below so many elements, sharing a loop pays even where nothing is shared in it.
const SMALL: usize = 2048;
/// Items looked at when an equation seeks a cluster to join.
const WINDOW: usize = 48;

/// An input of a block, as the block that runs it knows it.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) kind: Kind,
    pub(crate) layout: Layout,
    pub(crate) literal: Option<f64>,
    pub(crate) constant: Option<usize>,
}

/// Plans a nested program with these inputs, and carries that may be written where they are read.
pub(crate) type Nest = fn(Expanded, Vec<Given>, &[bool]) -> Result<Block>;

/// A loop that keeps some of its states, as loops that make the others again need it.
#[derive(Clone)]
pub(crate) struct Source {
    /// One step, of the carries that a state has.
    pub(crate) body: Expanded,
    pub(crate) given: Vec<Given>,
    pub(crate) items: Vec<Row<Seen>>,
    pub(crate) constants: Vec<Seen>,
    pub(crate) kept: Keeps<Seen>,
    pub(crate) reverse: bool,
}

/// Items under construction, and what is known of every value.
pub(crate) struct Schedule {
    pub(crate) roots: Vec<Root>,
    pub(crate) items: Vec<Item>,
    pub(crate) constants: Vec<Shared>,
    pub(crate) states: usize,
    pub(crate) children: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) nest: Nest,
    /// Loops that keep some of their states, and what it takes to make the others again, once they are in order.
    pub(crate) again: Vec<(Recompute, Option<Source>)>,
    literals: HashMap<(u64, Kind), usize>,
    /// Constants by where they lie.
    addresses: HashMap<usize, Vec<usize>>,
    values: Vec<Option<Seen>>,
    read: Vec<bool>,
}

impl Schedule {
    /// Puts a program in order.
    pub(crate) fn new(program: Expanded, given: Vec<Given>, nest: Nest) -> Result<Self> {
        let again = recompute::decide(&program).into_iter().map(|r| (r, None)).collect();
        let Expanded { program, asked } = program;
        let mut s = Schedule {
            roots: vec![],
            items: vec![],
            constants: vec![],
            states: 0,
            children: 0,
            inputs: given.len(),
            outputs: program.outputs.len(),
            nest,
            again,
            literals: HashMap::new(),
            addresses: HashMap::new(),
            values: vec![None; program.types.len()],
            read: program.read(),
        };
        for (i, (v, g)) in program.inputs.iter().zip(given).enumerate() {
            let home = g.literal.map_or(Home::Input(i), Home::Literal);
            let len = g.layout.span().1;
            let root = s.root(Root { kind: g.kind, len, home, ready: 0, indexwise: false, stored: true, constant: g.constant });
            s.values[v.index()] = Some(Seen { root, start: 0, layout: g.layout });
        }
        for (e, a) in program.equations.iter().zip(asked) {
            s.equation(&program, e, a)?;
        }
        for (k, v) in program.outputs.iter().enumerate() {
            s.output(&program, k, *v);
        }
        Ok(s)
    }
    fn root(&mut self, r: Root) -> usize {
        self.roots.push(r);
        self.roots.len() - 1
    }
    /// A root that an instruction (the next item) writes.
    pub(crate) fn fresh(&mut self, kind: Kind, len: usize) -> usize {
        let ready = self.items.len() + 1;
        self.root(Root { kind, len, home: Home::Slot, ready, indexwise: false, stored: true, constant: None })
    }
    fn literal(&mut self, kind: Kind, value: f64) -> usize {
        self.root(Root { kind, len: 1, home: Home::Literal(value), ready: 0, indexwise: false, stored: false, constant: None })
    }
    /// What a value is; equations are in order, so it is known.
    pub(crate) fn seen(&self, v: Value) -> Seen {
        self.values[v.index()].clone().expect("programs make values before they read them")
    }
    pub(crate) fn set(&mut self, v: Value, seen: Seen) {
        self.values[v.index()] = Some(seen);
    }
    /// Whether anything reads a value.
    pub(crate) fn is_read(&self, v: Value) -> bool {
        self.read[v.index()]
    }
    /// The operand in memory: numbers become constants, results of clusters are stored.
    pub(crate) fn stored(&mut self, x: Seen) -> Seen {
        let kind = self.roots[x.root].kind;
        if let Home::Literal(v) = self.roots[x.root].home {
            let key = (v.to_bits(), kind);
            let root = match self.literals.get(&key) {
                Some(root) => *root,
                None => {
                    self.constants.push(Shared::from(AnyArray::full(&LeafType::new(&[], kind), v)));
                    let home = Home::Constant(self.constants.len() - 1);
                    let root = self.root(Root { kind, len: 1, home, ready: 0, indexwise: false, stored: true, constant: None });
                    self.literals.insert(key, root);
                    root
                }
            };
            return Seen { root, ..x };
        }
        self.settle(x.root);
        self.roots[x.root].stored = true;
        x
    }
    /// The operand in memory, contiguous: copied if need be.
    pub(crate) fn contiguous(&mut self, x: Seen, e: &Equation) -> Seen {
        if x.layout.is_contiguous() {
            return self.stored(x);
        }
        self.copied(x, e)
    }
    fn copied(&mut self, x: Seen, e: &Equation) -> Seen {
        let x = self.stored(x);
        let out = self.fresh(self.roots[x.root].kind, x.layout.len());
        let out = Seen::whole(out, &x.layout.shape);
        self.push(Instruction::Copy { x, out: out.clone() }, e);
        out
    }
    pub(crate) fn push(&mut self, instruction: Instruction<Seen>, e: &Equation) {
        self.items.push(Item::Step(Box::new(Step { instruction, name: e.op.name().to_string(), site: e.site })));
    }
    fn equation(&mut self, p: &Program, e: &Equation, asked: Asked) -> Result<()> {
        let inputs: Vec<Seen> = e.inputs.iter().map(|v| self.seen(*v)).collect();
        let t = p.type_of(e.outputs[0]);
        match asked.lowering {
            Lowering::Pointwise(m) => {
                let seen = if t.is_empty() { self.nothing(t, 0.0) } else { self.pointwise(&m, &inputs, t, e) };
                self.set(e.outputs[0], seen);
            }
            Lowering::Fold { fold, axes } => {
                let seen = if t.is_empty() || inputs[0].layout.is_empty() {
                    self.nothing(t, unit(fold))
                } else {
                    self.fold(fold, &axes, &inputs[0], t, e)
                };
                self.set(e.outputs[0], seen);
            }
            Lowering::View(view) => {
                let seen = self.view(&view, inputs[0].clone(), e);
                self.set(e.outputs[0], seen);
            }
            Lowering::Contract(spec) => {
                let empty = t.is_empty() || inputs.iter().any(|x| x.layout.is_empty());
                let seen = if empty { self.nothing(t, 0.0) } else { self.contract(&spec, &inputs, t, e) };
                self.set(e.outputs[0], seen);
            }
            Lowering::Fill(v) => {
                let seen = self.nothing(t, v);
                self.set(e.outputs[0], seen);
            }
            Lowering::Constant(c) => {
                let seen = self.constant(c);
                self.set(e.outputs[0], seen);
            }
            Lowering::Place { fill, parts } => {
                let seen = if t.is_empty() { self.nothing(t, fill) } else { self.place(fill, &parts, inputs, t, e) };
                self.set(e.outputs[0], seen);
            }
            Lowering::Kernel(kernel) => {
                let inputs = inputs.into_iter().map(|x| self.contiguous(x, e)).collect();
                let outputs = self.results(p, e);
                let doubles = kernel.scratch();
                let scratch = (doubles > 0).then(|| Seen::whole(self.fresh(Kind::F64, doubles), &[doubles]));
                self.push(Instruction::Kernel { kernel, inputs, outputs, scratch }, e);
            }
            Lowering::External(external) => {
                let inputs = inputs.into_iter().map(|x| self.contiguous(x, e)).collect();
                let outputs = self.results(p, e);
                self.states += 1;
                self.push(Instruction::External { external, state: self.states - 1, inputs, outputs }, e);
            }
            Lowering::Scan(spec) => {
                let body = asked.body.expect("bodies of loops are expanded with what holds them");
                self.scan(&spec, &body, inputs, p, e)?;
            }
            Lowering::Cond(spec) => self.cond(&spec, inputs, p, e)?,
            Lowering::Composite(_) => debug_assert!(false, "composites are written out"),
        }
        Ok(())
    }
    /// Contiguous roots for all outputs of an equation, whose instruction is the next item.
    pub(crate) fn results(&mut self, p: &Program, e: &Equation) -> Vec<Seen> {
        let mut outputs = vec![];
        for v in &e.outputs {
            let t = p.type_of(*v);
            let seen = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
            self.set(*v, seen.clone());
            outputs.push(seen);
        }
        outputs
    }
    /// One number everywhere.
    fn nothing(&mut self, t: &LeafType, v: f64) -> Seen {
        let root = self.literal(t.kind, v);
        let mut layout = Layout::contiguous(&t.shape);
        layout.strides.iter_mut().for_each(|s| *s = 0);
        Seen { root, start: 0, layout }
    }
    fn constant(&mut self, c: Shared) -> Seen {
        let (address, strides, shape, kind) = crate::each_kind!(Shared, &c, a => {
            (a.as_ptr() as usize, SmallVec::from_slice(a.strides()), Shape::from_slice(a.shape()), c.leaf_type().kind)
        });
        let mut layout = Layout { shape, strides, offset: 0 };
        // The lowest element is the base.
        let low: isize = layout.shape.iter().zip(&layout.strides).map(|(n, s)| (*n as isize - 1).max(0) * (*s).min(0)).sum();
        layout.offset = if layout.is_empty() { 0 } else { low.unsigned_abs() };
        let there = self.addresses.entry(address).or_default();
        let index = there.iter().copied().find(|k| self.constants[*k].same(&c)).unwrap_or_else(|| {
            self.constants.push(c);
            there.push(self.constants.len() - 1);
            self.constants.len() - 1
        });
        let len = layout.span().1;
        let root =
            self.root(Root { kind, len, home: Home::Constant(index), ready: 0, indexwise: false, stored: true, constant: Some(address) });
        Seen { root, start: 0, layout }
    }
    fn view(&mut self, view: &View, x: Seen, e: &Equation) -> Seen {
        if let Some(layout) = view.apply(&x.layout) {
            return x.with(layout);
        }
        let x = self.copied(x, e);
        match view.apply(&x.layout) {
            Some(layout) => x.with(layout),
            None => x,
        }
    }
    /// The cluster that an equation with these operands over so many elements may join, or a new one.
    fn cluster(&mut self, inputs: &[Seen], shape: &[usize], single: bool, nodes: usize, folds: usize, e: &Equation) -> usize {
        let len: usize = shape.iter().product();
        let loads = self.settle_unless_read(inputs, len, if single { Kind::F32 } else { Kind::F64 });
        let ready = inputs.iter().map(|x| self.roots[x.root].ready).max().unwrap_or(0);
        let first = ready.saturating_sub(1).max(self.items.len().saturating_sub(WINDOW));
        let mut found = None;
        for k in first..self.items.len() {
            let Item::Cluster(c) = &self.items[k] else { continue };
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
            if len <= SMALL {
                found.get_or_insert(k);
            }
        }
        let k = found.unwrap_or_else(|| {
            self.items.push(Item::Cluster(Cluster::new(shape, single, e.site)));
            self.items.len() - 1
        });
        for x in inputs {
            if self.roots[x.root].ready <= k && !matches!(self.roots[x.root].home, Home::Literal(_) | Home::Joined(_)) {
                self.roots[x.root].stored = true;
            }
        }
        if let Item::Cluster(c) = &mut self.items[k] {
            c.names.push(e.op.name().to_string());
        }
        k
    }
    /// Runs `f` on a cluster with the nodes of the operands.
    fn with_cluster<R>(&mut self, k: usize, inputs: &[Seen], f: impl FnOnce(&mut Cluster, &[usize]) -> R) -> R {
        let c = match &mut self.items[k] {
            Item::Cluster(c) => Some(c),
            _ => None,
        };
        let c = c.expect("`cluster` gives the number of a cluster");
        let nodes: Vec<usize> =
            inputs.iter().map(|x| c.read(x, &self.roots).expect("`can_read` was asked, or the shapes are equal")).collect();
        f(c, &nodes)
    }
    /// A new root that cluster `k` makes index by index.
    fn made(&mut self, k: usize, node: usize, t: &LeafType) -> Seen {
        let root =
            self.root(Root { kind: t.kind, len: t.len(), home: Home::Slot, ready: k + 1, indexwise: true, stored: false, constant: None });
        self.with_cluster(k, &[], |c, _| c.made.push((root, node)));
        Seen::whole(root, &t.shape)
    }
    fn is_single(&self, inputs: &[Seen], t: &LeafType) -> bool {
        t.kind == Kind::F32 && inputs.iter().all(|x| self.roots[x.root].kind == Kind::F32)
    }
    fn pointwise(&mut self, m: &Micro, inputs: &[Seen], t: &LeafType, e: &Equation) -> Seen {
        let single = self.is_single(inputs, t);
        let k = self.cluster(inputs, &t.shape, single, m.code.len() + 1, 0, e);
        let node = self.with_cluster(k, inputs, |c, x| c.apply(m, x, t.kind));
        self.made(k, node, t)
    }
    fn fold(&mut self, fold: Fold, axes: &[usize], x: &Seen, t: &LeafType, e: &Equation) -> Seen {
        let same = axes.iter().all(|a| x.layout.shape[*a] == 1).then(|| x.layout.reshape(&t.shape)).flatten();
        if let Some(layout) = same {
            return x.with(layout);
        }
        let single = self.is_single(std::slice::from_ref(x), t);
        // The fold kernel suits layouts that do not run on better, unless the elements are at hand.
        let at_hand = self.roots[x.root].indexwise || x.layout.is_contiguous() || x.layout.strides.contains(&0);
        if let (true, Some(extent)) = (at_hand, extent(&x.layout.shape, axes, if single { Kind::F32 } else { t.kind })) {
            let k = self.cluster(std::slice::from_ref(x), &x.layout.shape, single, 0, 1, e);
            let root = self.fold_result(k, t);
            self.with_cluster(k, std::slice::from_ref(x), |c, n| c.endings.push(Ending { fold, extent, node: n[0], root }));
            return Seen::whole(root, &t.shape);
        }
        let x = self.stored(x.clone());
        let out = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
        self.push(Instruction::Fold { fold, axes: axes.to_vec(), x, out: out.clone() }, e);
        out
    }
    fn fold_result(&mut self, k: usize, t: &LeafType) -> usize {
        let (kind, len) = (t.kind, t.len());
        self.root(Root { kind, len, home: Home::Slot, ready: k + 1, indexwise: false, stored: true, constant: None })
    }
    fn contract(&mut self, spec: &Contraction, x: &[Seen], t: &LeafType, e: &Equation) -> Seen {
        if let Some(seen) = self.elementwise_product(spec, x, t, e) {
            return seen;
        }
        let (a, b) = (self.stored(x[0].clone()), self.stored(x[1].clone()));
        let constants = [self.roots[a.root].constant, self.roots[b.root].constant];
        let plan = Box::new(ContractPlan::new(spec, &a.layout, &b.layout));
        let out = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
        let doubles = plan.scratch().saturating_mul(t.kind.bytes()).div_ceil(8);
        let scratch = (doubles > 0).then(|| Seen::whole(self.fresh(Kind::F64, doubles), &[doubles]));
        self.push(Instruction::Contract { plan, a, b, out: out.clone(), scratch, constants }, e);
        out
    }
    /// Outer products, and products in which whole rows are dotted with each other, as elementwise work.
    fn elementwise_product(&mut self, spec: &Contraction, x: &[Seen], t: &LeafType, e: &Equation) -> Option<Seen> {
        let free = [spec.free(0, x[0].layout.shape.len()), spec.free(1, x[1].layout.shape.len())];
        let long = |side: usize| free[side].iter().any(|a| x[side].layout.shape[*a] != 1);
        if !spec.sum.is_empty() && (long(0) || long(1)) {
            return None;
        }
        // The index space: batch, free axes of a, of b, summed axes.
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
            let k = self.cluster(&operands, &shape, single, 1, 0, e);
            let node = self.with_cluster(k, &operands, |c, n| c.times(n[0], n[1]));
            return Some(self.made(k, node, t));
        }
        let rows = shape[n..].iter().product();
        let k = self.cluster(&operands, &shape, single, 1, 1, e);
        let root = self.fold_result(k, t);
        self.with_cluster(k, &operands, |c, n| {
            let node = c.times(n[0], n[1]);
            let extent = crate::kernels::group::Extent::Rows(rows);
            c.endings.push(Ending { fold: Fold::Sum, extent, node, root });
        });
        Some(Seen::whole(root, &t.shape))
    }
    fn place(&mut self, fill: f64, parts: &[Part], inputs: Vec<Seen>, t: &LeafType, e: &Equation) -> Seen {
        let whole = Layout::contiguous(&t.shape);
        let blank = |x: &Seen| x.layout.is_empty() || self.roots[x.root].home == Home::Literal(fill);
        let parts: Vec<(&Part, Seen)> = parts.iter().zip(inputs).filter(|(_, x)| !blank(x)).collect();
        let parts: Vec<(&Part, Seen)> = parts.into_iter().map(|(p, x)| (p, self.stored(x))).collect();
        if let Some(joined) = Joined::of(fill, &parts, &t.shape) {
            let ready = parts.iter().map(|(_, x)| self.roots[x.root].ready).max().unwrap_or(0);
            let home = Home::Joined(Arc::new(joined));
            let root = self.root(Root { kind: t.kind, len: t.len(), home, ready, indexwise: false, stored: false, constant: None });
            return Seen::whole(root, &t.shape);
        }
        let mut placed = vec![];
        let mut covered = 0;
        for (part, x) in parts {
            covered = x.layout.len().saturating_add(covered);
            let steps: SmallVec<[isize; 4]> = part.step.iter().map(|s| *s as isize).collect();
            let layout = whole.slice(&part.start, &steps, &x.layout.shape);
            placed.push((x, layout));
        }
        let fill = (covered < t.len()).then_some(fill);
        let out = Seen::whole(self.fresh(t.kind, t.len()), &t.shape);
        self.push(Instruction::Place { fill, parts: placed, out: out.clone() }, e);
        out
    }
    /// Gives what is in pieces memory of its own.
    fn settle(&mut self, root: usize) {
        let Home::Joined(j) = self.roots[root].home.clone() else { return };
        let shape = [j.rows, j.row];
        let whole = Layout::contiguous(&shape);
        let part = |p: &Piece| (p.seen.clone(), whole.slice(&[0, p.from], &[1, 1], &p.seen.layout.shape));
        let parts = j.pieces.iter().map(part).collect();
        let instruction = Instruction::Place { fill: (!j.covers()).then_some(j.fill), parts, out: Seen::whole(root, &shape) };
        self.items.push(Item::Step(Box::new(Step { instruction, name: "place".into(), site: None })));
        self.roots[root] = Root { home: Home::Slot, ready: self.items.len(), stored: true, ..self.roots[root].clone() };
    }
    /// Gives memory to those operands of a cluster over so many elements of a kind that it cannot read in pieces. Says how many loads it needs.
    fn settle_unless_read(&mut self, inputs: &[Seen], len: usize, kind: Kind) -> usize {
        let pieces = |s: &Self, x: &Seen| if let Home::Joined(j) = &s.roots[x.root].home { j.pieces.len() } else { 1 };
        let many = inputs.iter().map(|x| pieces(self, x)).sum::<usize>() > LOADS / 2;
        for x in inputs {
            let root = &self.roots[x.root];
            if many || root.len != len || root.kind != kind || !x.is_whole(&self.roots) {
                self.settle(x.root);
            }
        }
        inputs.iter().map(|x| pieces(self, x)).sum()
    }
    /// Has the pieces of an output written to their places in it, if they are all of it, and nothing else.
    fn output_in_pieces(&mut self, k: usize, x: &Seen) -> bool {
        let Home::Joined(j) = self.roots[x.root].home.clone() else { return false };
        let free = |p: &Piece| self.roots[p.seen.root].home == Home::Slot && p.seen.is_whole(&self.roots);
        let alone = |i: usize| j.pieces[..i].iter().all(|p| p.seen.root != j.pieces[i].seen.root);
        let fits = j.rows == 1 && j.covers() && x.is_whole(&self.roots) && j.pieces.iter().all(free) && (0..j.pieces.len()).all(alone);
        if fits {
            j.pieces.iter().for_each(|p| self.roots[p.seen.root].home = Home::Output(k, p.from));
        }
        fits
    }
    /// Sees to it that an output is written to its place: where it is made, or by a copy.
    fn output(&mut self, p: &Program, k: usize, v: Value) {
        let x = self.seen(v);
        if self.output_in_pieces(k, &x) {
            return;
        }
        self.settle(x.root);
        let root = &mut self.roots[x.root];
        if root.home == Home::Slot && x.start == 0 && x.layout.is_contiguous() && x.layout.len() == root.len {
            root.home = Home::Output(k, 0);
            root.stored = true;
            return;
        }
        let t = p.type_of(v);
        let x = self.stored(x);
        let out = self.fresh(t.kind, t.len());
        self.roots[out].home = Home::Output(k, 0);
        let instruction = Instruction::Copy { x, out: Seen::whole(out, &t.shape) };
        self.items.push(Item::Step(Box::new(Step { instruction, name: "output".into(), site: None })));
    }
    /// What a nested block knows of an operand.
    pub(crate) fn given(&self, x: &Seen) -> Given {
        let root = &self.roots[x.root];
        let literal = if let Home::Literal(v) = root.home { Some(v) } else { None };
        Given { kind: root.kind, layout: x.layout.clone(), literal, constant: root.constant }
    }
}
