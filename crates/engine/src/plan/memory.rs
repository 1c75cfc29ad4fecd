//! The memory that a plan needs, by purpose, and the listing of a plan.
use super::Plan;
use super::code::{Block, Buffer, Instruction, Operand};
use hypertape_ir::each_kind;
use std::fmt::{Display, Formatter, Result};

/// Bytes by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Copies of inputs that are not given in row-major order. Known once the inputs are given.
    pub door: u64,
    /// Constant arrays of the program. They are the user's own memory, and are not counted in the total.
    pub constants: u64,
    /// Copies of constant arrays in row-major order, for operations that read them so. They are made with the plan.
    pub ordered: u64,
    /// Slots for intermediate results, which share memory over time. What other fields count is left out.
    pub workspace: u64,
    /// Values that a loop stores at every step: carries and outputs.
    pub trajectory: u64,
    /// Values from within each step of a loop that are stored for its derivative.
    pub values: u64,
    /// States of some steps of a loop, from which the other states are recomputed.
    pub checkpoints: u64,
    /// Slots of the bodies of loops and branches.
    pub frames: u64,
    /// Outputs of the plan.
    pub outputs: u64,
    /// States of external code.
    pub external: u64,
    /// Machine code of fused groups, in whole pages. All runs of a plan share it, and it is not counted in the total.
    pub machine_code: u64,
}

impl Memory {
    /// The bytes that a run needs, besides the user's own arrays.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.door
            + self.ordered
            + self.workspace
            + self.trajectory
            + self.values
            + self.checkpoints
            + self.frames
            + self.outputs
            + self.external
    }
}

struct Bytes(u64);
impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut v = self.0 as f64;
        let mut unit = "B";
        for u in ["KiB", "MiB", "GiB", "TiB"] {
            if v < 1024.0 {
                break;
            }
            v /= 1024.0;
            unit = u;
        }
        if unit == "B" { write!(f, "{v} {unit}") } else { write!(f, "{v:.1} {unit}") }
    }
}

impl Display for Memory {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let rows = [
            ("inputs copied", self.door),
            ("ordered copies", self.ordered),
            ("workspace", self.workspace),
            ("trajectory", self.trajectory),
            ("values of steps", self.values),
            ("checkpoints", self.checkpoints),
            ("loop frames", self.frames),
            ("outputs", self.outputs),
            ("external state", self.external),
        ];
        for (name, bytes) in rows.iter().filter(|r| r.1 > 0) {
            writeln!(f, "{name:<15} {:>12}", Bytes(*bytes).to_string())?;
        }
        write!(f, "{:<15} {:>12}", "total", Bytes(self.total()).to_string())?;
        if self.constants > 0 {
            write!(f, "\n{:<15} {:>12}  (shared with you, not in the total)", "constants", Bytes(self.constants).to_string())?;
        }
        if self.machine_code > 0 {
            write!(f, "\n{:<15} {:>12}  (shared by all runs, not in the total)", "machine code", Bytes(self.machine_code).to_string())?;
        }
        Ok(())
    }
}

/// Memory of a plan.
pub(super) fn of(p: &Plan) -> Memory {
    let mut m = Memory { external: p.block.states(), outputs: (p.bytes - p.block.frame) as u64, ..Memory::default() };
    let mut constants = Constants::default();
    constants.collect(&p.block);
    (m.constants, m.ordered) = (bytes_of(&constants.all) as u64, bytes_of(&constants.copied) as u64);
    m.machine_code = constants.machine_code as u64;
    let n = Nested::of(&p.block);
    // Slots share memory over time, so these sizes together may exceed the frame.
    let mut left = p.block.frame;
    let mut take = |bytes: usize| {
        let taken = bytes.min(left);
        left -= taken;
        taken as u64
    };
    m.trajectory = take(n.trajectory);
    m.values = take(n.values);
    m.checkpoints = take(n.checkpoints);
    m.frames = take(n.frames);
    m.workspace = left as u64;
    m
}

fn bytes(o: &Operand) -> usize {
    o.layout.len() * o.kind.bytes()
}

/// The bytes that loops and branches take in the frame of their block.
#[derive(Default)]
struct Nested {
    /// Trajectories and stacked outputs.
    trajectory: usize,
    /// Stacked outputs that only a derivative reads.
    values: usize,
    checkpoints: usize,
    /// Frames of bodies, without what the other fields count.
    frames: usize,
}

impl Nested {
    fn of(b: &Block) -> Self {
        let mut n = Nested::default();
        for step in &b.steps {
            match &step.instruction {
                Instruction::Scan(s) => {
                    let long = s.spare.iter().filter_map(|x| if let Buffer::Trajectory(o) = x { Some(o) } else { None });
                    n.trajectory += long.filter(|o| o.base == 0).map(bytes).sum::<usize>();
                    for (r, shared) in s.stacked.iter().zip(&s.shared).filter(|(r, _)| r.whole.base == 0) {
                        *(if *shared { &mut n.values } else { &mut n.trajectory }) += bytes(&r.whole);
                    }
                    n.checkpoints += s.keeps.iter().map(|k| &k.pool).chain(s.replays.iter().map(|r| &r.own)).map(bytes).sum::<usize>();
                    let inner =
                        s.test.iter().chain(s.replays.iter().map(|r| &r.body)).map(Nested::of).fold(Nested::of(&s.body), Nested::or);
                    n.add(&inner, s.frames.iter().map(bytes).sum(), s.parts);
                }
                Instruction::Cond(c) => {
                    n.add(&Nested::of(&c.yes).or(Nested::of(&c.no)), bytes(&c.frame), 1);
                }
                _ => {}
            }
        }
        n
    }
    /// The most of each of two blocks that share a frame.
    fn or(self, o: Self) -> Self {
        Nested {
            trajectory: self.trajectory.max(o.trajectory),
            values: self.values.max(o.values),
            checkpoints: self.checkpoints.max(o.checkpoints),
            frames: self.frames.max(o.frames),
        }
    }
    /// Adds what is in the frames of a nested block, one for each part. `frames` is the bytes of all of them.
    fn add(&mut self, inner: &Nested, frames: usize, parts: usize) {
        self.trajectory += inner.trajectory * parts;
        self.values += inner.values * parts;
        self.checkpoints += inner.checkpoints * parts;
        self.frames += frames.saturating_sub((inner.trajectory + inner.values + inner.checkpoints) * parts);
    }
}

/// Constant arrays and constant data of kernels as (address, bytes), each listed once, and the bytes of machine code.
#[derive(Default)]
struct Constants {
    /// Addresses and bytes of the user's arrays.
    all: Vec<(usize, usize)>,
    /// Those of copies.
    copied: Vec<(usize, usize)>,
    machine_code: usize,
}

fn bytes_of(data: &[(usize, usize)]) -> usize {
    data.iter().map(|d| d.1).sum()
}

impl Constants {
    fn add(&mut self, data: (usize, usize)) {
        if !self.all.contains(&data) {
            self.all.push(data);
        }
    }
    fn collect(&mut self, b: &Block) {
        self.machine_code += b.machine_code;
        for (k, c) in b.constants.iter().enumerate() {
            let data = (each_kind!(Shared, c, a => a.as_ptr().addr()), c.leaf_type().bytes());
            if b.copies.contains(&k) {
                self.copied.push(data);
            } else {
                self.add(data);
            }
        }
        for step in &b.steps {
            match &step.instruction {
                Instruction::Kernel { kernel, .. } => {
                    kernel.data().into_iter().for_each(|d| self.add(d));
                }
                Instruction::Scan(s) => {
                    self.collect(&s.body);
                    s.replays.iter().for_each(|r| self.collect(&r.body));
                    s.test.iter().for_each(|t| self.collect(t));
                }
                Instruction::Cond(c) => {
                    self.collect(&c.yes);
                    self.collect(&c.no);
                }
                _ => {}
            }
        }
    }
}

/// Writes the instructions of a plan, then its memory.
pub(super) fn write(p: &Plan, f: &mut Formatter<'_>) -> Result {
    block(&p.block, f, 0)?;
    write!(f, "{}", of(p))
}

fn place(b: &Block, o: &Operand) -> String {
    let where_from = match o.base {
        0 => format!("@{}", o.start),
        i if i <= b.inputs => format!("in{}", i - 1),
        i if i <= b.inputs + b.outputs => format!("out{}", i - 1 - b.inputs),
        i => format!("const{}", i - 1 - b.inputs - b.outputs),
    };
    let shape = o.layout.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    format!("{where_from}:{}[{shape}]", o.kind)
}

fn block(b: &Block, f: &mut Formatter<'_>, indent: usize) -> Result {
    use super::code::Access;
    let pad = " ".repeat(indent);
    writeln!(f, "{pad}frame {}", Bytes(b.frame as u64))?;
    for step in &b.steps {
        let (mut reads, mut writes, mut passing) = (vec![], vec![], 0);
        step.instruction.visit(&mut |o, access| match access {
            Access::Read => reads.push(place(b, o)),
            Access::Write => writes.push(place(b, o)),
            Access::Add => {
                writes.push(place(b, o));
                reads.push(place(b, o));
            }
            Access::Scratch => passing += bytes(o),
        });
        let kind = match &step.instruction {
            Instruction::Group { group, .. } => format!("group of {} [{}]", group.code.len() + group.tails.len(), group.len),
            Instruction::Fold { .. } => "fold".into(),
            Instruction::Contract { plan, .. } => format!("{:?}", plan.class()).to_lowercase(),
            Instruction::Copy { .. } => "copy".into(),
            Instruction::Place { .. } => "place".into(),
            Instruction::Kernel { .. } => "kernel".into(),
            Instruction::External { .. } => "external".into(),
            Instruction::Stream(s) => format!("pass of {} dots, {} sums", s.heads.len(), s.ends.len()),
            Instruction::Scan(s) => {
                let kept = s.keeps.as_ref().map_or(String::new(), |k| format!(" keeping {} states", k.slots));
                let again = if s.replays.is_empty() { "" } else { " making states again" };
                format!("scan of {}{kept}{again}", s.at_most)
            }
            Instruction::Cond(c) => if c.test.is_some() { "cond" } else { "attempt" }.into(),
        };
        write!(f, "{pad}{} = {kind} {}({})", writes.join(" "), step.name, reads.join(" "))?;
        if passing > 0 {
            write!(f, " + {}", Bytes(passing as u64))?;
        }
        writeln!(f)?;
        match &step.instruction {
            Instruction::Scan(s) => {
                if let Some(t) = &s.test {
                    writeln!(f, "{pad}  until")?;
                    block(t, f, indent + 4)?;
                }
                for r in &s.replays {
                    writeln!(f, "{pad}  again")?;
                    block(&r.body, f, indent + 4)?;
                }
                writeln!(f, "{pad}  body")?;
                block(&s.body, f, indent + 4)?;
            }
            Instruction::Cond(c) => {
                let [yes, no] = if c.test.is_some() { ["yes", "no"] } else { ["first", "else"] };
                writeln!(f, "{pad}  {yes}")?;
                block(&c.yes, f, indent + 4)?;
                writeln!(f, "{pad}  {no}")?;
                block(&c.no, f, indent + 4)?;
            }
            _ => {}
        }
    }
    Ok(())
}
