//! The schedule: equations become items, one after another, and values become views of roots.
use super::code::{Block, Instruction, Keeps, Row, Step};
use super::item::Item;
use super::machine::{Asked, Cuts, Expanded};
use super::rematerialisation::{self, Rematerialisation};
use super::roots::{Home, Root, Seen, Whole};
use crate::kernels::group::unit;
use hypertape_ir::array::{AnyArray, Kind, Layout, LeafType, Shape, Shared};
use hypertape_ir::error::Result;
use hypertape_ir::operation::{CondSpec, Equation, Kernel, Lowering, Program, Value, View};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// What is known of an input of a block when the block is planned.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) kind: Kind,
    pub(crate) layout: Layout,
    pub(crate) literal: Option<f64>,
    pub(crate) constant: Option<Whole>,
}

/// The planning passes, for the programs of loops and branches.
#[derive(Clone, Copy)]
pub(crate) struct Nest {
    /// Turns a program into machine instructions, with the outputs that are read.
    pub(crate) expand: fn(&Program, &[bool], Cuts) -> Result<Expanded>,
    /// What may be done with their loops.
    pub(crate) cuts: Cuts,
    /// Plans the block of a program with these inputs. For each carry, the last argument says whether its new value may be written over the old one.
    pub(crate) block: fn(Expanded, Vec<Given>, &[bool]) -> Result<Block>,
}

/// What a loop needs to recompute the states of an earlier loop that were not kept.
#[derive(Clone)]
pub(crate) struct Source {
    /// One step of the earlier loop, with the carries of a state as outputs.
    pub(crate) body: Expanded,
    pub(crate) given: Vec<Given>,
    pub(crate) items: Vec<Row<Seen>>,
    pub(crate) constants: Vec<Seen>,
    pub(crate) kept: Keeps<Seen>,
    pub(crate) reverse: bool,
}

/// The items under construction, and what is known of each value.
pub(crate) struct Schedule {
    /// The equations, until they become items.
    pub(crate) pending: Option<Expanded>,
    pub(crate) roots: Vec<Root>,
    pub(crate) items: Vec<Item>,
    pub(crate) constants: Vec<Shared>,
    pub(crate) states: usize,
    pub(crate) children: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) nest: Nest,
    /// The loops that keep only some of their states. Each has what is needed to recompute the others, once the loop is an item.
    pub(crate) rematerialised: Vec<(Rematerialisation, Option<Source>)>,
    literals: HashMap<(u64, Kind), usize>,
    /// The numbers of the constants, by their address.
    addresses: HashMap<usize, Vec<usize>>,
    /// Copies of constants in row-major order: the address, the first element and the layout of the view, and the root.
    pub(crate) ordered: Vec<((usize, usize, Layout), usize)>,
    values: Vec<Option<Seen>>,
    read: Vec<bool>,
}

impl Schedule {
    /// The schedule of a program with these inputs, without items so far.
    pub(crate) fn new(expanded: Expanded, given: Vec<Given>, nest: Nest) -> Self {
        let program = &expanded.program;
        let mut s = Schedule {
            pending: None,
            roots: vec![],
            items: vec![],
            constants: vec![],
            states: 0,
            children: 0,
            inputs: given.len(),
            outputs: program.outputs.len(),
            nest,
            rematerialised: vec![],
            literals: HashMap::new(),
            addresses: HashMap::new(),
            ordered: vec![],
            values: vec![None; program.types.len()],
            read: program.read(),
        };
        for (i, (v, g)) in program.inputs.iter().zip(given).enumerate() {
            let home = g.literal.map_or(Home::Input(i), Home::Literal);
            let len = g.layout.span().1;
            let root = s.root(Root { kind: g.kind, len, home, ready: 0, elementwise: false, stored: true, constant: g.constant });
            s.values[v.index()] = Some(Seen { root, start: 0, layout: g.layout });
        }
        s.pending = Some(expanded);
        s
    }
    /// Decides which loops keep only some of their states.
    pub(crate) fn rematerialise(&mut self) -> Result<()> {
        self.rematerialised = self.pending.iter().flat_map(rematerialisation::decide).map(|r| (r, None)).collect();
        Ok(())
    }
    /// Turns the equations into items, one after another.
    pub(crate) fn fuse(&mut self) -> Result<()> {
        let Some(Expanded { program, asked, .. }) = self.pending.take() else { return Ok(()) };
        for (e, a) in program.equations.iter().zip(asked) {
            self.equation(&program, e, a)?;
        }
        for (k, v) in program.outputs.iter().enumerate() {
            self.output(&program, k, *v);
        }
        Ok(())
    }
    pub(crate) fn root(&mut self, r: Root) -> usize {
        self.roots.push(r);
        self.roots.len() - 1
    }
    /// A new root, which the next item writes.
    pub(crate) fn fresh(&mut self, kind: Kind, len: usize) -> usize {
        let ready = self.items.len() + 1;
        self.root(Root { kind, len, home: Home::Slot, ready, elementwise: false, stored: true, constant: None })
    }
    fn literal(&mut self, kind: Kind, value: f64) -> usize {
        self.root(Root { kind, len: 1, home: Home::Literal(value), ready: 0, elementwise: false, stored: false, constant: None })
    }
    /// The view of a value. It is known, because equations are in order.
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
    /// Has an operand put in memory: a number becomes a constant, an array in pieces is materialised, the result of a fusion is stored.
    pub(crate) fn stored(&mut self, x: Seen) -> Seen {
        let kind = self.roots[x.root].kind;
        if let Home::Literal(v) = self.roots[x.root].home {
            let key = (v.to_bits(), kind);
            let root = match self.literals.get(&key) {
                Some(root) => *root,
                None => {
                    self.constants.push(Shared::from(AnyArray::full(&LeafType::new(&[], kind), v)));
                    let home = Home::Constant(self.constants.len() - 1);
                    let root = self.root(Root { kind, len: 1, home, ready: 0, elementwise: false, stored: true, constant: None });
                    self.literals.insert(key, root);
                    root
                }
            };
            return Seen { root, ..x };
        }
        self.materialise(x.root);
        self.roots[x.root].stored = true;
        x
    }
    /// Has an operand put in memory, contiguous. It is copied if its layout is not contiguous.
    pub(crate) fn contiguous(&mut self, x: Seen, e: &Equation) -> Seen {
        if x.layout.is_contiguous() {
            return self.stored(x);
        }
        self.ordered(&x).unwrap_or_else(|| self.copied(x, e))
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
                let seen = if t.is_empty() { self.splat(t, 0.0) } else { self.pointwise(&m, &inputs, t, e) };
                self.set(e.outputs[0], seen);
            }
            Lowering::Fold { fold, axes } => {
                let seen = if t.is_empty() || inputs[0].layout.is_empty() {
                    self.splat(t, unit(fold))
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
                let seen = if empty { self.splat(t, 0.0) } else { self.contract(&spec, &inputs, t, e) };
                self.set(e.outputs[0], seen);
            }
            Lowering::Fill(v) => {
                let seen = self.splat(t, v);
                self.set(e.outputs[0], seen);
            }
            Lowering::Constant(c) => {
                let seen = self.constant(c);
                self.set(e.outputs[0], seen);
            }
            Lowering::Place { fill, parts } => {
                let seen = if t.is_empty() { self.splat(t, fill) } else { self.place(fill, &parts, inputs, t, e) };
                self.set(e.outputs[0], seen);
            }
            Lowering::Kernel(kernel) => self.kernel(kernel, inputs, p, e),
            Lowering::Named(named, kind) => self.kernel(crate::kernels::named::kernel(&named, kind), inputs, p, e),
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
            Lowering::Cond(CondSpec { yes, no }) => {
                let read = self.all_read(e);
                let cuts = self.nest.cuts;
                let sides = [(self.nest.expand)(&yes, &read, cuts)?, (self.nest.expand)(&no, &read, cuts)?];
                self.cond(true, sides, inputs, p, e)?;
            }
            Lowering::Attempt([first, other]) => {
                let read = self.all_read(e);
                let cuts = self.nest.cuts;
                let inner = Cuts { levels: cuts.levels.saturating_sub(1), ..cuts };
                let sides =
                    [(self.nest.expand)(&first, &read, inner)?, (self.nest.expand)(&other, &read, Cuts { attempts: false, ..cuts })?];
                self.cond(false, sides, inputs, p, e)?;
            }
            Lowering::Composite(_) => debug_assert!(false, "composites are written out"),
        }
        Ok(())
    }
    fn kernel(&mut self, kernel: Arc<dyn Kernel>, inputs: Vec<Seen>, p: &Program, e: &Equation) {
        let inputs = inputs.into_iter().map(|x| self.contiguous(x, e)).collect();
        let outputs = self.results(p, e);
        let doubles = kernel.scratch();
        let scratch = (doubles > 0).then(|| Seen::whole(self.fresh(Kind::F64, doubles), &[doubles]));
        self.push(Instruction::Kernel { kernel, inputs, outputs, scratch }, e);
    }
    /// New contiguous roots for the outputs of an equation. The next item writes them.
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
    /// A splat: an array in which every element is this number.
    fn splat(&mut self, t: &LeafType, v: f64) -> Seen {
        let root = self.literal(t.kind, v);
        let mut layout = Layout::contiguous(&t.shape);
        layout.strides.iter_mut().for_each(|s| *s = 0);
        Seen { root, start: 0, layout }
    }
    fn constant(&mut self, c: Shared) -> Seen {
        let (address, strides, shape, kind) = hypertape_ir::each_kind!(Shared, &c, a => {
            (a.as_ptr() as usize, SmallVec::from_slice(a.strides()), Shape::from_slice(a.shape()), c.leaf_type().kind)
        });
        let mut layout = Layout { shape, strides, offset: 0 };
        // The base of a constant is its lowest element.
        let low: isize = layout.shape.iter().zip(&layout.strides).map(|(n, s)| (*n as isize - 1).max(0) * (*s).min(0)).sum();
        layout.offset = if layout.is_empty() { 0 } else { low.unsigned_abs() };
        let there = self.addresses.entry(address).or_default();
        let index = there.iter().copied().find(|k| self.constants[*k].same(&c)).unwrap_or_else(|| {
            self.constants.push(c.clone());
            there.push(self.constants.len() - 1);
            self.constants.len() - 1
        });
        let len = layout.span().1;
        let root = self.root(Root {
            kind,
            len,
            home: Home::Constant(index),
            ready: 0,
            elementwise: false,
            stored: true,
            constant: Some(Whole { array: c, start: 0 }),
        });
        Seen { root, start: 0, layout }
    }
    fn view(&mut self, view: &View, x: Seen, e: &Equation) -> Seen {
        if let Some(layout) = view.apply(&x.layout) {
            return x.with(layout);
        }
        let x = self.ordered(&x).unwrap_or_else(|| self.copied(x, e));
        match view.apply(&x.layout) {
            Some(layout) => x.with(layout),
            None => x,
        }
    }
    /// Has output `k` written to its place, by the item that makes the value or by a copy.
    fn output(&mut self, p: &Program, k: usize, v: Value) {
        let x = self.seen(v);
        if self.output_in_pieces(k, &x) {
            return;
        }
        self.materialise(x.root);
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
        Given { kind: root.kind, layout: x.layout.clone(), literal, constant: root.constant.as_ref().map(|c| c.from(x.start)) }
    }
}
