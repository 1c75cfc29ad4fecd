//! Code generation: a fusion becomes a group. Its loops are merged and split, registers are allocated, and parts for threads are sized.
use super::cost;
use super::fusion::{Fusion, Node};
use super::peephole::multiply_adds;
use super::roots::Root;
use super::thresholds::{FUSION_PART, FUSION_PARTS, INNER_LOOP};
use crate::kernels::group::{Code, Extent, Group, Load, Store, Tail, Target, tile};
use crate::kernels::join::{Join, Piece};
use crate::kernels::one;
use hypertape_ir::array::Kind;
use smallvec::SmallVec;

/// One loop of a fusion: its length and the stride of every load.
struct Loop {
    n: usize,
    strides: SmallVec<[isize; 4]>,
}

/// The loops of a fusion. Two neighbouring loops are merged if every load keeps its inner stride from one row to the next.
fn loops(c: &Fusion) -> Vec<Loop> {
    let mut merged: Vec<Loop> = vec![];
    for (i, &n) in c.shape.iter().enumerate() {
        let strides: SmallVec<[isize; 4]> = c.loads.iter().map(|l| l.layout.strides[i]).collect();
        match merged.last_mut() {
            Some(o) if o.strides.iter().zip(&strides).all(|(a, b)| *a == b * n as isize) => *o = Loop { n: o.n * n, strides },
            _ => merged.push(Loop { n, strides }),
        }
    }
    merged
}

/// Where the value of a node is while a tile runs.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    Cell(u16),
    Scalar(u16),
    Nowhere,
}

/// The registers that are free, and the number of all registers.
#[derive(Default)]
struct Registers {
    free: Vec<u16>,
    total: u16,
}

impl Registers {
    fn take(&mut self) -> u16 {
        self.free.pop().unwrap_or_else(|| {
            self.total += 1;
            self.total - 1
        })
    }
}

/// A root that the group writes to memory. `direct` says whether its values may be computed in that memory, without a register.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) root: usize,
    pub(crate) node: usize,
    pub(crate) direct: bool,
}

/// The group that computes the results of a fusion. Its ports are the loads, the results and the endings.
pub(crate) fn group(c: &Fusion, results: &[Stored], roots: &[Root]) -> Group {
    let loops = loops(c);
    let mut split = loops.len();
    let mut inner = 1;
    while split > 0 && inner < INNER_LOOP {
        split -= 1;
        inner *= loops[split].n;
    }
    let ends = results.iter().map(|r| r.node).chain(c.endings.iter().map(|e| e.node));
    let mut w = Writer {
        c,
        nodes: multiply_adds(&c.nodes, ends),
        roots,
        cells: vec![],
        held: vec![Held::Nowhere; c.nodes.len()],
        last: vec![0; c.nodes.len()],
        joins: vec![],
        code: vec![],
        constants: vec![],
    };
    let mut registers = Registers::default();
    w.lifetimes(results);
    let mut loads = vec![];
    let mut scalars = c.nodes.iter().filter(|n| matches!(n, Node::Const(_))).count() as u16;
    for (k, seen) in c.loads.iter().enumerate() {
        let kind = roots[seen.root].kind;
        let axes: SmallVec<[(usize, isize); 4]> = loops[split..].iter().map(|l| (l.n, l.strides[k])).collect();
        let mut run = 1;
        let contiguous = axes.iter().rev().all(|(n, s)| {
            let on = *s == run;
            run *= *n as isize;
            on
        });
        let target = if contiguous && kind == c.kind() {
            Target::Direct(w.direct())
        } else if !axes.is_empty() && axes.iter().all(|a| a.1 == 0) {
            scalars += 1;
            Target::Scalar(scalars - 1)
        } else {
            let r = registers.take();
            Target::Gather(r, merged(&axes))
        };
        loads.push(Load { kind, outer: loops[..split].iter().map(|l| l.strides[k]).collect(), target });
    }
    for j in &c.joins {
        let pieces = j.pieces.iter().enumerate().map(|(i, p)| Piece { load: loads.len() + i, from: p.from, to: p.to, stride: p.stride });
        let cell = w.direct();
        w.joins.push(Join { cell, register: registers.take(), row: j.row, fill: j.fill, pieces: pieces.collect() });
        let load = |p: &super::roots::Piece| Load { kind: roots[p.seen.root].kind, outer: SmallVec::new(), target: Target::Piece };
        loads.extend(j.pieces.iter().map(load));
    }
    w.write(&loads, results, &mut registers);
    let stores = results.iter().map(|r| (r, w.end_cell(r.node))).collect::<Vec<_>>();
    let base = registers.total;
    // In the finished group, cells in place are numbered after the registers.
    let fix = |cell: u16| if cell >= IN_PLACE { cell - IN_PLACE + base } else { cell };
    let loads: Vec<Load> = loads
        .into_iter()
        .map(|l| Load { target: if let Target::Direct(x) = l.target { Target::Direct(fix(x)) } else { l.target }, ..l })
        .collect();
    let joins = w.joins.iter().map(|j| Join { cell: fix(j.cell), ..j.clone() }).collect();
    let stores = stores
        .into_iter()
        .map(|(r, cell)| Store { kind: roots[r.root].kind, cell: fix(cell), direct: w.cells.contains(&(r.root, cell)) })
        .collect();
    let tails = c
        .endings
        .iter()
        .map(|e| Tail { fold: e.fold, extent: e.extent, cell: fix(w.end_cell(e.node)), kind: roots[e.root].kind })
        .collect::<Vec<_>>();
    let code: Vec<Code> = w.code.iter().map(|x| renumber(*x, &fix)).collect();
    let steps = if c.len == 1 { one::steps(&code) } else { vec![] };
    let part = part(c, loops.get(..split).is_some_and(|o| !o.is_empty()), inner);
    let outer = loops[..split].iter().map(|l| l.n).collect();
    let (parts, tile) = (c.len.div_ceil(part.max(1)).max(1), tile(part, base as usize));
    Group {
        single: c.single,
        len: c.len,
        outer,
        inner,
        part,
        parts,
        tile,
        registers: base as usize,
        constants: w.constants,
        loads,
        joins,
        code,
        steps,
        stores,
        tails,
        compiled: None,
    }
}

/// The same group in parts of this many elements.
pub(crate) fn rowwise(g: Group, part: usize) -> Group {
    Group { part, parts: g.len.div_ceil(part), tile: tile(part, g.registers), ..g }
}

/// While a group is written, cells from this number on are memory used in place.
const IN_PLACE: u16 = 1 << 14;

impl Fusion {
    fn kind(&self) -> Kind {
        if self.single { Kind::F32 } else { Kind::F64 }
    }
}

struct Writer<'a> {
    c: &'a Fusion,
    nodes: Vec<Node>,
    roots: &'a [Root],
    /// The cells in place, each with the result that lies there. The root is `usize::MAX` if the cell is not a result.
    cells: Vec<(usize, u16)>,
    held: Vec<Held>,
    /// For each node, one past the last node that reads it; 0 if none does; `usize::MAX` if a result or a fold reads it at the end of a tile.
    last: Vec<usize>,
    joins: Vec<Join>,
    code: Vec<Code>,
    constants: Vec<f64>,
}

impl Writer<'_> {
    fn lifetimes(&mut self, results: &[Stored]) {
        let ends = results.iter().map(|r| r.node).chain(self.c.endings.iter().map(|e| e.node));
        ends.for_each(|n| self.last[n] = usize::MAX);
        // A node that nothing reads is not computed, so it reads nothing.
        for i in (0..self.nodes.len()).rev() {
            if self.last[i] > 0 {
                self.nodes[i].operands().iter().for_each(|o| self.last[*o] = self.last[*o].max(i + 1));
            }
        }
    }
    /// A new cell in place.
    fn direct(&mut self) -> u16 {
        let cell = IN_PLACE + self.cells.len() as u16;
        self.cells.push((usize::MAX, cell));
        cell
    }
    /// The cell for a node's value: the memory of a result, or a register.
    fn target(&mut self, node: usize, results: &[Stored], registers: &mut Registers) -> u16 {
        match results.iter().find(|r| r.node == node && r.direct && self.roots[r.root].kind == self.c.kind()) {
            Some(r) => {
                let cell = self.direct();
                if let Some(c) = self.cells.last_mut() {
                    c.0 = r.root;
                }
                cell
            }
            None => registers.take(),
        }
    }
    /// The cell of a node that an instruction reads. A scalar is first copied into a register, which is free again after the instruction.
    fn vector(&mut self, node: usize, registers: &mut Registers, borrowed: &mut SmallVec<[u16; 3]>) -> u16 {
        match self.held[node] {
            Held::Cell(c) => c,
            Held::Scalar(s) => {
                let r = registers.take();
                borrowed.push(r);
                self.code.push(Code::Fill(s, r));
                r
            }
            Held::Nowhere => 0,
        }
    }
    fn write(&mut self, loads: &[Load], results: &[Stored], registers: &mut Registers) {
        let mut constants = vec![];
        for (i, n) in self.nodes.iter().enumerate() {
            match n {
                Node::Const(v) => {
                    constants.push(*v);
                    self.held[i] = Held::Scalar(constants.len() as u16 - 1);
                }
                Node::Load(k) => {
                    self.held[i] = match loads[*k].target {
                        Target::Direct(c) | Target::Gather(c, _) => Held::Cell(c),
                        Target::Scalar(s) => Held::Scalar(s),
                        Target::Piece => Held::Nowhere,
                    }
                }
                Node::Join(j) => self.held[i] = Held::Cell(self.joins[*j].cell),
                _ => {}
            }
        }
        self.constants = constants;
        for i in 0..self.nodes.len() {
            let n = self.nodes[i];
            if !matches!(n, Node::Load(_) | Node::Join(_) | Node::Const(_)) && self.last[i] > 0 {
                self.instruction(i, n, results, registers);
                self.release(i, &n.operands(), registers);
            }
        }
        // A result or fold of a bare scalar needs a cell, so the scalar is copied into one.
        let ends: Vec<usize> = results.iter().map(|r| r.node).chain(self.c.endings.iter().map(|e| e.node)).collect();
        for node in ends {
            if let Held::Scalar(s) = self.held[node] {
                let y = self.target(node, results, registers);
                self.code.push(Code::Fill(s, y));
                self.held[node] = Held::Cell(y);
            }
        }
    }
    fn instruction(&mut self, i: usize, n: Node, results: &[Stored], registers: &mut Registers) {
        let mut borrowed = SmallVec::new();
        let code: Box<dyn Fn(u16) -> Code> = match n {
            Node::Unary(f, a) => {
                let a = self.vector(a, registers, &mut borrowed);
                Box::new(move |y| Code::Unary(f, a, y))
            }
            Node::Round(a) => {
                let a = self.vector(a, registers, &mut borrowed);
                Box::new(move |y| Code::Round(a, y))
            }
            Node::Index(a) => {
                let a = self.vector(a, registers, &mut borrowed);
                Box::new(move |y| Code::Index(a, y))
            }
            Node::Select(t, a, b) => {
                let t = self.vector(t, registers, &mut borrowed);
                let a = self.vector(a, registers, &mut borrowed);
                let b = self.vector(b, registers, &mut borrowed);
                Box::new(move |y| Code::Select(t, a, b, y))
            }
            Node::Binary(f, a, b) => match (self.held[a], self.held[b]) {
                (Held::Scalar(s), Held::Cell(b)) => Box::new(move |y| Code::Of(f, s, b, y)),
                (_, Held::Scalar(s)) => {
                    let a = self.vector(a, registers, &mut borrowed);
                    Box::new(move |y| Code::With(f, a, s, y))
                }
                _ => {
                    let a = self.vector(a, registers, &mut borrowed);
                    let b = self.vector(b, registers, &mut borrowed);
                    Box::new(move |y| Code::Binary(f, a, b, y))
                }
            },
            Node::MulAdd(s, a, b, c) => {
                let (a, b) = if let Held::Scalar(_) = self.held[a] { (b, a) } else { (a, b) };
                let a = self.vector(a, registers, &mut borrowed);
                let c = self.vector(c, registers, &mut borrowed);
                if let Held::Scalar(b) = self.held[b] {
                    Box::new(move |y| Code::ScaleAdd(s, a, b, c, y))
                } else {
                    let b = self.vector(b, registers, &mut borrowed);
                    Box::new(move |y| Code::MulAdd(s, a, b, c, y))
                }
            }
            Node::Load(_) | Node::Join(_) | Node::Const(_) => return,
        };
        let y = self.target(i, results, registers);
        self.held[i] = Held::Cell(y);
        self.code.push(code(y));
        registers.free.extend(borrowed);
    }
    /// Frees the registers of the operands that node `i` was the last to read.
    fn release(&mut self, i: usize, operands: &[usize], registers: &mut Registers) {
        for (k, o) in operands.iter().enumerate() {
            let done = self.last[*o] == i + 1 && !operands[..k].contains(o);
            match (self.nodes[*o], self.held[*o]) {
                (Node::Join(j), _) if done => registers.free.push(self.joins[j].register),
                (_, Held::Cell(c)) if done && c < IN_PLACE => registers.free.push(c),
                _ => {}
            }
        }
    }
    fn end_cell(&self, node: usize) -> u16 {
        match self.held[node] {
            Held::Cell(c) => c,
            _ => 0,
        }
    }
}

fn renumber(code: Code, fix: &dyn Fn(u16) -> u16) -> Code {
    match code {
        Code::Unary(f, x, y) => Code::Unary(f, fix(x), fix(y)),
        Code::Binary(f, a, b, y) => Code::Binary(f, fix(a), fix(b), fix(y)),
        Code::With(f, a, s, y) => Code::With(f, fix(a), s, fix(y)),
        Code::Of(f, s, b, y) => Code::Of(f, s, fix(b), fix(y)),
        Code::MulAdd(s, a, b, c, y) => Code::MulAdd(s, fix(a), fix(b), fix(c), fix(y)),
        Code::ScaleAdd(s, a, b, c, y) => Code::ScaleAdd(s, fix(a), b, fix(c), fix(y)),
        Code::Select(t, a, b, y) => Code::Select(fix(t), fix(a), fix(b), fix(y)),
        Code::Fill(s, y) => Code::Fill(s, fix(y)),
        Code::Round(x, y) => Code::Round(fix(x), fix(y)),
        Code::Index(x, y) => Code::Index(fix(x), fix(y)),
    }
}

/// The loops of one operand. Two neighbouring loops are merged if the operand keeps its inner stride from one row to the next.
fn merged(axes: &[(usize, isize)]) -> SmallVec<[(usize, isize); 4]> {
    let mut out: SmallVec<[(usize, isize); 4]> = SmallVec::new();
    for &(n, s) in axes {
        match out.last_mut() {
            Some((m, t)) if *t == s * n as isize => (*m, *t) = (*m * n, s),
            _ => out.push((n, s)),
        }
    }
    out
}

/// The number of elements of a part: enough work for a thread, and whole rows of each fold.
fn part(c: &Fusion, outer: bool, inner: usize) -> usize {
    let wanted = ((FUSION_PART / cost::fusion(c).max(0.05)) as usize).max(c.len.div_ceil(FUSION_PARTS));
    let mut unit = if outer { inner } else { 16 };
    for e in &c.endings {
        match e.extent {
            Extent::Rows(r) if r < c.len => unit = unit / gcd(unit, r) * r,
            Extent::Columns(m) if m * 16 > wanted => return c.len,
            _ => {}
        }
    }
    let part = wanted.div_ceil(unit) * unit;
    if part * 2 > c.len { c.len } else { part }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
