//! What must hold between passes over items: each root is made once and before it is read, views lie within their roots, outputs are written.
use crate::kernels::group::Extent;
use crate::plan::code::{Access, Instruction};
use crate::plan::fusion::{Ending, Fusion, Node};
use crate::plan::item::{Draft, Item};
use crate::plan::roots::{Home, Joined, Seen};
use crate::plan::schedule::Schedule;

/// Checks items. An error says what is wrong. As long as equations are not items yet, there is nothing to check.
pub(crate) fn items(s: &Schedule) -> Result<(), String> {
    if s.pending.is_some() {
        return Ok(());
    }
    let mut c = Checker { s, made: vec![false; s.roots.len()] };
    for (k, item) in s.items.iter().enumerate() {
        c.item(k, item).map_err(|problem| format!("item {k}, {}: {problem}", label(item)))?;
    }
    c.outputs()
}

/// The name of an item in messages.
fn label(item: &Item) -> String {
    match (item, item.fusion()) {
        (Item::Step(step), _) => step.name.clone(),
        (_, Some(c)) => c.names.join("+"),
        _ => "nothing".into(),
    }
}

struct Checker<'a> {
    s: &'a Schedule,
    /// For each root, whether an item that was checked so far makes it.
    made: Vec<bool>,
}

impl Checker<'_> {
    fn item(&mut self, k: usize, item: &Item) -> Result<(), String> {
        match item {
            Item::Nothing => Ok(()),
            Item::Fusion(c) => self.fusion(k, c, &[]),
            Item::Stream(d) => self.stream(k, d),
            Item::Step(step) => self.instruction(k, &step.instruction),
        }
    }
    /// Checks a view that item `k` reads from memory.
    fn read(&self, k: usize, x: &Seen) -> Result<(), String> {
        let root = self.s.roots.get(x.root).ok_or_else(|| format!("reads root {}, which there is not", x.root))?;
        self.within(x)?;
        match root.home {
            Home::Input(_) | Home::Constant(_) => Ok(()),
            Home::Literal(_) | Home::Joined(_) => Err(format!("reads root {} from memory, which it has not", x.root)),
            _ if !self.made[x.root] => Err(format!("reads root {} before it is made", x.root)),
            _ if root.ready > k => Err(format!("reads root {}, which is said to be ready after item {}", x.root, root.ready - 1)),
            _ if !root.stored => Err(format!("reads root {}, which does not go to memory", x.root)),
            _ => Ok(()),
        }
    }
    /// Checks that a view lies within its root.
    fn within(&self, x: &Seen) -> Result<(), String> {
        let (low, high) = x.layout.span();
        let len = self.s.roots[x.root].len;
        let fits = x.layout.is_empty() || low < high && x.start.checked_add(high).is_some_and(|end| end <= len);
        if fits { Ok(()) } else { Err(format!("a view leaves root {}: elements {}..{} of {len}", x.root, x.start + low, x.start + high)) }
    }
    /// Checks a root that item `k` makes, and notes that it is made.
    fn make(&mut self, k: usize, r: usize) -> Result<(), String> {
        let root = self.s.roots.get(r).ok_or_else(|| format!("makes root {r}, which there is not"))?;
        if !matches!(root.home, Home::Slot | Home::Output(..)) {
            return Err(format!("makes root {r}, which comes from outside"));
        }
        if std::mem::replace(&mut self.made[r], true) {
            return Err(format!("makes root {r} a second time"));
        }
        if root.ready != k + 1 {
            return Err(format!("makes root {r}, which is said to be ready after item {}", root.ready as isize - 1));
        }
        Ok(())
    }
    fn instruction(&mut self, k: usize, i: &Instruction<Seen>) -> Result<(), String> {
        let (mut reads, mut makes) = (vec![], vec![]);
        let is_scan = matches!(i, Instruction::Scan(_));
        i.visit(&mut |x, access| match access {
            Access::Read | Access::Add => reads.push(x),
            // A loop that recomputes the states of an earlier loop may use the pool of that loop.
            Access::Scratch if is_scan && self.made[x.root] => reads.push(x),
            Access::Write | Access::Scratch => makes.push(x),
        });
        reads.iter().try_for_each(|x| self.read(k, x))?;
        makes.iter().try_for_each(|x| {
            self.within(x)?;
            self.make(k, x.root)
        })
    }
    /// Checks a fusion. Besides what is in memory, it may read `heads`, products that the same item makes.
    fn fusion(&mut self, k: usize, c: &Fusion, heads: &[usize]) -> Result<(), String> {
        for x in &c.loads {
            if x.layout.shape != c.shape {
                return Err(format!("reads root {} as {:?} in a loop over {:?}", x.root, x.layout.shape, c.shape));
            }
        }
        c.joins.iter().try_for_each(|j| joined(j, c.len))?;
        c.reads().filter(|x| !heads.contains(&x.root)).try_for_each(|x| self.read(k, x))?;
        for (i, n) in c.nodes.iter().enumerate() {
            let there = match *n {
                Node::Load(l) => l < c.loads.len(),
                Node::Join(j) => j < c.joins.len(),
                _ => n.operands().iter().all(|o| *o < i),
            };
            if !there {
                return Err(format!("node {i}, {n:?}, reads what is not there by then"));
            }
        }
        let mut nodes = c.made.iter().map(|m| m.1).chain(c.endings.iter().map(|e| e.node));
        if let Some(n) = nodes.find(|n| *n >= c.nodes.len()) {
            return Err(format!("a result is node {n} of {}", c.nodes.len()));
        }
        for (r, _) in &c.made {
            self.make(k, *r)?;
            let root = &self.s.roots[*r];
            if root.len != c.len || !root.elementwise {
                return Err(format!("makes root {r} of {} elements index by index, in a loop over {}", root.len, c.len));
            }
        }
        c.endings.iter().try_for_each(|e| self.ending(k, c, e))
    }
    fn ending(&mut self, k: usize, c: &Fusion, e: &Ending) -> Result<(), String> {
        self.make(k, e.root)?;
        let (len, whole) = match e.extent {
            Extent::Rows(r) => (c.len / r.max(1), r > 0 && c.len.is_multiple_of(r)),
            Extent::Columns(m) => (m, m > 0 && c.len.is_multiple_of(m)),
        };
        let root = &self.s.roots[e.root];
        let fits = whole && root.len == len && root.stored;
        if fits { Ok(()) } else { Err(format!("folds {} elements by {:?} into root {} of {}", c.len, e.extent, e.root, root.len)) }
    }
    fn stream(&mut self, k: usize, d: &Draft) -> Result<(), String> {
        if d.pass.rows != d.fusion.len {
            return Err(format!("a loop over {} elements in a pass over {} rows", d.fusion.len, d.pass.rows));
        }
        self.read(k, &d.matrix)?;
        d.heads.iter().try_for_each(|(v, _)| self.read(k, v))?;
        d.heads.iter().try_for_each(|(_, out)| self.make(k, *out))?;
        let heads: Vec<usize> = d.heads.iter().map(|h| h.1).collect();
        self.fusion(k, &d.fusion, &heads)?;
        for (u, out) in &d.ends {
            if !d.fusion.made.iter().any(|m| m.0 == *u) {
                return Err(format!("adds up rows by root {u}, which it does not make"));
            }
            self.make(k, *out)?;
        }
        Ok(())
    }
    /// Checks that each output is written, in pieces without gaps or overlaps.
    fn outputs(&self) -> Result<(), String> {
        let mut pieces = vec![vec![]; self.s.outputs];
        for (r, root) in self.s.roots.iter().enumerate() {
            let Home::Output(k, at) = root.home else { continue };
            if !self.made[r] {
                return Err(format!("root {r}, at output {k}, is never made"));
            }
            pieces.get_mut(k).ok_or_else(|| format!("root {r} lies at output {k}, which there is not"))?.push((at, root.len));
        }
        for (k, of) in pieces.iter_mut().enumerate() {
            of.sort_unstable();
            let mut end = 0;
            for (at, len) in &*of {
                if *at != end {
                    return Err(format!("a piece of output {k} begins at element {at}, the one before ends at {end}"));
                }
                end += len;
            }
            if of.is_empty() {
                return Err(format!("nothing writes output {k}"));
            }
        }
        Ok(())
    }
}

/// Checks that pieces lie within their rows, in order and without overlaps.
fn joined(j: &Joined, len: usize) -> Result<(), String> {
    let mut end = 0;
    for p in &j.pieces {
        if p.from < end || p.to < p.from || p.to > j.row || p.seen.layout.shape[..] != [j.rows, p.to - p.from] {
            return Err(format!("a piece of root {} lies at {}..{} of a row of {}, after {end}", p.seen.root, p.from, p.to, j.row));
        }
        end = p.to;
    }
    if j.rows * j.row == len { Ok(()) } else { Err(format!("{} rows of {} in a loop over {len}", j.rows, j.row)) }
}
