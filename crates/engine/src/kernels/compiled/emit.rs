//! Machine code of micro-instructions: a loop over vectors, and the last, partial vector once more with masks.
//!
//! Values live in registers. Where there are too few, the value that is needed last of all leaves its register (Belady 1966): one that is given, such as
//! a load, is made again when it is needed, another waits in memory of the stack. Constants and scalars that are used most keep a register for the whole
//! loop, as far as any are free.
use super::assembler::{AT, Assembler, BYTES, CELLS, PASSING, Refused, Result, Source};
use super::micro::{Micro, One, Test, Two, Value};
use super::target::{Op, Target};
use iced_x86::{Code, Instruction, MemoryOperand, Register};
use std::collections::HashMap;

/// Registers that hold addresses of cells. Cells beyond these have their addresses fetched at each use.
const POINTERS: [Register; 9] =
    [Register::R8, Register::R9, Register::R10, Register::R11, Register::RBX, Register::R12, Register::R13, Register::R14, Register::R15];
/// The same that a function must leave as they were.
const SAVED: [Register; 5] = [Register::RBX, Register::R12, Register::R13, Register::R14, Register::R15];
/// The number of the test a < b.
const BELOW: u32 = 17;
/// The number of the test a ≥ b.
const AT_LEAST: u32 = 29;
/// Registers that are kept free for operands in passing.
const SLACK: usize = 4;

/// Writes the machine code of one function.
pub(super) struct Emitter<'a> {
    a: Assembler,
    micros: &'a [Micro],
    pointers: HashMap<u16, Register>,
    /// The places where each value is used.
    uses: Vec<Vec<usize>>,
    /// What each register holds.
    held: Vec<Option<Value>>,
    /// The register of each value.
    place: Vec<Option<u8>>,
    /// Values that keep their register.
    pinned: Vec<bool>,
    /// The place of each value on the stack.
    spilled: Vec<Option<usize>>,
    spills: usize,
    most_spills: usize,
    /// Whether this is the partial vector.
    last: bool,
}

/// Appends a function of the System V convention, of the cells, the scalars and the number of elements, to `bytes`: where it is entered.
pub(super) fn function(target: Target, micros: &[Micro], bytes: &mut Vec<u8>) -> Result<usize> {
    let mut uses = vec![vec![]; micros.len()];
    for (i, m) in micros.iter().enumerate() {
        m.operands().for_each(|o| uses[o as usize].push(i));
    }
    let mut e = Emitter {
        a: Assembler::new(target, std::mem::take(bytes)),
        micros,
        pointers: HashMap::new(),
        uses,
        held: vec![None; target.registers() as usize],
        place: vec![None; micros.len()],
        pinned: vec![false; micros.len()],
        spilled: vec![None; micros.len()],
        spills: 0,
        most_spills: 0,
        last: false,
    };
    let before = e.a.bytes.len();
    let entry = e.whole();
    *bytes = e.a.bytes;
    if entry.is_err() {
        bytes.truncate(before);
    }
    entry
}

impl Emitter<'_> {
    /// Constants, prologue, the loop, the partial vector and the end.
    fn whole(&mut self) -> Result<usize> {
        let masks = self.a.constants(self.micros);
        let entry = self.a.bytes.len();
        self.a.emit(&Instruction::with1(Code::Push_r64, Register::RBP)?)?;
        self.a.emit(&Instruction::with2(Code::Mov_r64_rm64, Register::RBP, Register::RSP)?)?;
        for r in SAVED {
            self.a.emit(&Instruction::with1(Code::Push_r64, r)?)?;
        }
        self.a.emit(&Instruction::with2(Code::Sub_rm64_imm32, Register::RSP, 0x1000_0000)?)?;
        let frame = self.a.bytes.len() - 4;
        self.a.emit(&Instruction::with2(Code::And_rm64_imm8, Register::RSP, -64)?)?;
        let shift = self.a.target.element().trailing_zeros();
        self.a.emit(&Instruction::with2(Code::Shl_rm64_imm8, BYTES, shift)?)?;
        self.a.emit(&Instruction::with2(Code::Xor_r32_rm32, Register::EAX, Register::EAX)?)?;
        self.point()?;
        self.pin()?;
        let top = self.a.bytes.len() as u64;
        let next = MemoryOperand::with_base_displ(AT, i64::from(self.a.target.bytes()));
        self.a.emit(&Instruction::with2(Code::Lea_r64_m, PASSING, next)?)?;
        self.a.emit(&Instruction::with2(Code::Cmp_r64_rm64, PASSING, BYTES)?)?;
        let to_last = self.a.jump(Code::Ja_rel32_64)?;
        self.body()?;
        self.next_columns()?;
        self.a.emit(&Instruction::with2(Code::Add_rm64_imm8, AT, self.a.target.bytes() as i32)?)?;
        self.a.emit(&Instruction::with_branch(Code::Jmp_rel32_64, top)?)?;
        self.a.land(to_last);
        self.a.emit(&Instruction::with2(Code::Mov_r64_rm64, PASSING, BYTES)?)?;
        self.a.emit(&Instruction::with2(Code::Sub_r64_rm64, PASSING, AT)?)?;
        let to_end = self.a.jump(Code::Je_rel32_64)?;
        self.a.mask(masks, shift)?;
        self.last = true;
        self.body()?;
        self.a.land(to_end);
        let saved = MemoryOperand::with_base_displ(Register::RBP, -8 * SAVED.len() as i64);
        self.a.emit(&Instruction::with2(Code::Lea_r64_m, Register::RSP, saved)?)?;
        for r in SAVED.iter().rev() {
            self.a.emit(&Instruction::with1(Code::Pop_r64, *r)?)?;
        }
        self.a.emit(&Instruction::with1(Code::Pop_r64, Register::RBP)?)?;
        self.a.emit(&Instruction::with(Code::VEX_Vzeroupper))?;
        self.a.emit(&Instruction::with(Code::Retnq))?;
        let room = (self.most_spills as u32 * self.a.target.bytes()).to_le_bytes();
        self.a.bytes[frame..frame + 4].copy_from_slice(&room);
        Ok(entry)
    }
    /// Fetches the addresses of cells.
    fn point(&mut self) -> Result {
        for m in self.micros {
            let (Micro::Load(cell) | Micro::Store(_, cell) | Micro::Part(cell, ..)) = *m else { continue };
            if let Some(r) = POINTERS.get(self.pointers.len()).filter(|_| !self.pointers.contains_key(&cell)) {
                self.pointers.insert(cell, *r);
                self.a.emit(&Instruction::with2(Code::Mov_r64_rm64, *r, address(cell))?)?;
            }
        }
        Ok(())
    }
    /// Gives registers to the constants and scalars that are used most, as far as values leave any free.
    fn pin(&mut self) -> Result {
        let micros = self.micros;
        let (mut living, mut most) = (0, 0);
        for (i, m) in micros.iter().enumerate() {
            let ends = |v: &Value| !micros[*v as usize].is_given() && self.uses[*v as usize].last() == Some(&i);
            let mut operands: Vec<Value> = m.operands().collect();
            operands.sort_unstable();
            operands.dedup();
            living -= operands.iter().filter(|v| ends(v)).count();
            living += usize::from(!m.is_given() && !matches!(m, Micro::Store(..)));
            most = most.max(living);
        }
        let columns: Vec<usize> = (0..micros.len()).filter(|v| matches!(micros[*v], Micro::Column(..))).collect();
        for v in &columns {
            let number = self.keep(*v)?;
            self.begin_column(*v, self.a.target.register(number))?;
        }
        let free = self.held.len().saturating_sub(most + SLACK + columns.len());
        let mut shared: Vec<usize> = (0..micros.len()).filter(|v| matches!(micros[*v], Micro::Scalar(_) | Micro::Constant(_))).collect();
        shared.sort_by_key(|v| std::cmp::Reverse(self.uses[*v].len()));
        for v in shared.into_iter().take(free) {
            let number = self.keep(v)?;
            self.make(v as Value, number)?;
        }
        Ok(())
    }
    /// A register that a value keeps.
    fn keep(&mut self, v: usize) -> Result<u8> {
        let number = self.held.iter().rposition(Option::is_none).ok_or(Refused)? as u8;
        self.pinned[v] = true;
        self.held[number as usize] = Some(v as Value);
        self.place[v] = Some(number);
        Ok(number)
    }
    /// The columns of the first vector.
    fn begin_column(&mut self, v: usize, to: Register) -> Result {
        let Micro::Column(scalar, row) = self.micros[v] else { return Ok(()) };
        self.a.with(Op::Spread, to, None, Source::Memory(self.a.scalar(scalar, false)), None)?;
        let lanes = MemoryOperand::with_base_displ(Register::RIP, self.a.lanes as i64);
        self.a.with(Op::Add, to, Some(to), Source::Memory(lanes), None)?;
        self.wrap(to, row)
    }
    /// The columns of the next vector.
    fn next_columns(&mut self) -> Result {
        let wide = self.a.target.wide;
        for v in 0..self.micros.len() {
            if let (Micro::Column(_, row), Some(number)) = (self.micros[v], self.place[v]) {
                let (to, lanes) = (self.a.target.register(number), f64::from(self.a.target.lanes()).to_bits());
                self.a.with(Op::Add, to, Some(to), Source::Memory(self.a.constant(lanes, wide)), None)?;
                self.wrap(to, row)?;
            }
        }
        Ok(())
    }
    /// Columns beyond a row are those of the next row. A row has at least as many elements as a vector.
    fn wrap(&mut self, to: Register, row: u64) -> Result {
        let (t, mask) = (self.a.target, self.a.target.tested());
        let row = self.a.constant((row as f64).to_bits(), t.wide);
        self.a.with(Op::Compare, mask, Some(to), Source::Memory(row), Some(AT_LEAST))?;
        if t.wide {
            let mut i = Instruction::with3(t.code(Op::Sub), to, to, row)?;
            i.set_op_mask(mask);
            return self.a.emit(&i);
        }
        self.a.with(Op::And, mask, Some(mask), Source::Memory(row), None)?;
        self.a.with(Op::Sub, to, Some(to), Source::Register(mask), None)
    }
    /// The code of all micro-instructions.
    fn body(&mut self) -> Result {
        for v in 0..self.micros.len() {
            if !self.pinned[v] {
                (self.place[v], self.spilled[v]) = (None, None);
            }
        }
        for r in &mut self.held {
            *r = r.filter(|v| self.pinned[*v as usize]);
        }
        self.spills = 0;
        for i in 0..self.micros.len() {
            self.micro(i)?;
        }
        Ok(())
    }
    fn micro(&mut self, i: usize) -> Result {
        let t = self.a.target;
        match self.micros[i] {
            // Made where they are used.
            Micro::Load(_) | Micro::Scalar(_) | Micro::Constant(_) | Micro::Column(..) => Ok(()),
            Micro::Part(cell, column, from, to) => self.part(i, cell, [column, from, to]),
            Micro::Store(v, cell) => {
                let from = self.register(v, i, &[])?;
                let to = self.memory(cell)?;
                self.release(i);
                self.a.store(to, from, self.last)
            }
            // Shifts of 256 bits take no memory.
            Micro::One(f @ (One::Up(by) | One::Down(by)), a) => {
                let from = self.register(a, i, &[])?;
                self.release(i);
                let (to, op) = (self.result(i)?, if f == One::Up(by) { Op::Up } else { Op::Down });
                self.a.with(op, to, None, Source::Register(from), Some(by.into()))
            }
            Micro::Fused(a, b, c) => self.fused(i, [a, b, c]),
            Micro::One(f, a) => {
                let from = self.source(a, i, &[])?;
                self.release(i);
                let to = self.result(i)?;
                match f {
                    One::Sqrt => self.a.with(Op::Sqrt, to, None, from, None),
                    One::Floor => self.a.with(Op::Whole, to, None, from, Some(9)),
                    One::Truncate => self.a.with(Op::Whole, to, None, from, Some(11)),
                    _ => self.a.round(to, from),
                }
            }
            Micro::Two(f, a, b) => {
                // A sum of two has no order; the one that is in memory comes last.
                let turned =
                    !matches!(f, Two::Sub | Two::Div | Two::Larger | Two::Smaller | Two::SubBits) && self.place[a as usize].is_none();
                let (a, b) = if turned { (b, a) } else { (a, b) };
                let x = self.register(a, i, &[])?;
                let y = self.source(b, i, &[a])?;
                self.release(i);
                let to = self.result(i)?;
                let op = match f {
                    Two::Add => Op::Add,
                    Two::Sub => Op::Sub,
                    Two::Mul => Op::Mul,
                    Two::Div => Op::Div,
                    Two::Larger => Op::Max,
                    Two::Smaller => Op::Min,
                    Two::And => Op::And,
                    Two::Or => Op::Or,
                    Two::AddBits => Op::AddBits,
                    Two::SubBits => Op::SubBits,
                    Two::Xor => Op::Xor,
                };
                self.a.with(op, to, Some(x), y, None)
            }
            Micro::Pick(test, x, y, a, b) => {
                let x_at = self.register(x, i, &[])?;
                let y_at = self.source(y, i, &[x])?;
                let kind = match test {
                    Test::Equal => 0,
                    Test::Less => BELOW,
                    Test::LessEq => 18,
                    Test::Unordered => 3,
                };
                self.a.with(Op::Compare, t.tested(), Some(x_at), y_at, Some(kind))?;
                let no = self.register(b, i, &[a])?;
                let yes = self.source(a, i, &[b])?;
                self.release(i);
                let to = self.result(i)?;
                self.a.blend(to, no, yes)
            }
        }
    }
    /// a·b + c, in the register of c if that is not needed any more.
    fn fused(&mut self, i: usize, [a, b, c]: [Value; 3]) -> Result {
        let (a, b) = if self.place[a as usize].is_none() { (b, a) } else { (a, b) };
        let x = self.register(a, i, &[])?;
        let sum = self.register(c, i, &[a])?;
        let y = self.source(b, i, &[a, c])?;
        let ends = !self.pinned[c as usize] && self.next(c, i).is_none();
        let to = if ends {
            self.release(i);
            let number = (0..self.held.len()).find(|n| self.a.target.register(*n as u8) == sum).ok_or(Refused)?;
            self.held[number] = Some(i as Value);
            self.place[i] = Some(number as u8);
            sum
        } else {
            let to = self.result(i)?;
            self.release(i);
            self.a.with(Op::Load, to, None, Source::Register(sum), None)?;
            to
        };
        self.a.with(Op::Fused, to, Some(x), y, None)
    }
    /// Loads the elements of a cell whose column is at least the second value and below the third.
    fn part(&mut self, i: usize, cell: u16, [column, from, to]: [Value; 3]) -> Result {
        let (t, mask) = (self.a.target, self.a.target.tested());
        let c = self.register(column, i, &[])?;
        let low = self.source(from, i, &[column, to])?;
        self.a.with(Op::Compare, mask, Some(c), low, Some(AT_LEAST))?;
        let high = self.source(to, i, &[column, from])?;
        if t.wide {
            let mut below = match high {
                Source::Register(r) => Instruction::with4(t.code(Op::Compare), mask, c, r, BELOW),
                Source::Memory(m) => Instruction::with4(t.code(Op::Compare), mask, c, m, BELOW),
            }?;
            below.set_op_mask(mask);
            self.a.emit(&below)?;
            if self.last {
                self.a.emit(&Instruction::with3(Code::VEX_Kandw_kr_kr_kr, mask, mask, t.first())?)?;
            }
        }
        self.release(i);
        let result = self.result(i)?;
        if !t.wide {
            // The register of the result holds the second mask until then.
            self.a.with(Op::Compare, result, Some(c), high, Some(BELOW))?;
            self.a.with(Op::And, mask, Some(mask), Source::Register(result), None)?;
            if self.last {
                self.a.with(Op::And, mask, Some(mask), Source::Register(t.first()), None)?;
            }
        }
        let from = self.memory(cell)?;
        if !t.wide {
            return self.a.with(Op::LoadFirst, result, Some(mask), Source::Memory(from), None);
        }
        let mut load = Instruction::with2(t.code(Op::LoadFirst), result, from)?;
        load.set_op_mask(mask);
        load.set_zeroing_masking(true);
        self.a.emit(&load)
    }
    /// The elements of a cell in this round.
    fn memory(&mut self, cell: u16) -> Result<MemoryOperand> {
        let base = match self.pointers.get(&cell) {
            Some(r) => *r,
            None => {
                self.a.emit(&Instruction::with2(Code::Mov_r64_rm64, PASSING, address(cell))?)?;
                PASSING
            }
        };
        Ok(MemoryOperand::with_base_index(base, AT))
    }
    /// Makes a given value in a register, or fetches one from the stack.
    fn make(&mut self, v: Value, number: u8) -> Result {
        let t = self.a.target;
        let to = t.register(number);
        if let Some(slot) = self.spilled[v as usize] {
            return self.a.with(Op::Load, to, None, Source::Memory(self.a.slot(slot)), None);
        }
        match self.micros[v as usize] {
            Micro::Load(cell) => {
                let from = self.memory(cell)?;
                if !self.last {
                    return self.a.with(Op::Load, to, None, Source::Memory(from), None);
                }
                if !t.wide {
                    return self.a.with(Op::LoadFirst, to, Some(t.first()), Source::Memory(from), None);
                }
                let mut i = Instruction::with2(t.code(Op::LoadFirst), to, from)?;
                i.set_op_mask(t.first());
                i.set_zeroing_masking(true);
                self.a.emit(&i)
            }
            Micro::Scalar(s) => self.a.with(Op::Spread, to, None, Source::Memory(self.a.scalar(s, false)), None),
            Micro::Constant(bits) => {
                let op = if t.wide { Op::Spread } else { Op::Load };
                self.a.with(op, to, None, Source::Memory(self.a.constant(bits, false)), None)
            }
            // Any other value has a register or a place on the stack from the moment it is made until its last use.
            _ => Err(Refused),
        }
    }
    /// The value in a register. Those of `others` keep theirs.
    fn register(&mut self, v: Value, i: usize, others: &[Value]) -> Result<Register> {
        let number = match self.place[v as usize] {
            Some(number) => number,
            None => {
                let number = self.free(i, others)?;
                self.make(v, number)?;
                self.held[number as usize] = Some(v);
                self.place[v as usize] = Some(number);
                number
            }
        };
        Ok(self.a.target.register(number))
    }
    /// The value in a register, or in memory if it is there and is not used again.
    fn source(&mut self, v: Value, i: usize, others: &[Value]) -> Result<Source> {
        if self.place[v as usize].is_none() {
            let again = self.next(v, i).is_some();
            let wide = self.a.target.wide;
            match (self.spilled[v as usize], self.micros[v as usize]) {
                (Some(slot), _) if !again => return Ok(Source::Memory(self.a.slot(slot))),
                (None, Micro::Load(cell)) if !again && !self.last => return Ok(Source::Memory(self.memory(cell)?)),
                (None, Micro::Scalar(s)) if wide => return Ok(Source::Memory(self.a.scalar(s, true))),
                (None, Micro::Constant(bits)) => return Ok(Source::Memory(self.a.constant(bits, wide))),
                _ => {}
            }
        }
        Ok(Source::Register(self.register(v, i, others)?))
    }
    /// Where a value is used next after micro-instruction `i`.
    fn next(&self, v: Value, i: usize) -> Option<usize> {
        let uses = &self.uses[v as usize];
        uses.get(uses.partition_point(|u| *u <= i)).copied()
    }
    /// A register for the result of `i`.
    fn result(&mut self, i: usize) -> Result<Register> {
        let operands: Vec<Value> = self.micros[i].operands().collect();
        let number = self.free(i, &operands)?;
        self.held[number as usize] = Some(i as Value);
        self.place[i] = Some(number);
        Ok(self.a.target.register(number))
    }
    /// A register without a value: a free one, or that of the value that is needed last of all.
    fn free(&mut self, i: usize, others: &[Value]) -> Result<u8> {
        if let Some(number) = self.held.iter().position(Option::is_none) {
            return Ok(number as u8);
        }
        let current: Vec<Value> = self.micros[i].operands().collect();
        let leaves = (0..self.held.len())
            .filter_map(|n| Some((n, self.held[n]?)))
            .filter(|(_, v)| !self.pinned[*v as usize] && !others.contains(v) && !current.contains(v))
            .max_by_key(|(_, v)| self.next(*v, i).unwrap_or(usize::MAX));
        let Some((number, v)) = leaves else { return Err(Refused) };
        self.place[v as usize] = None;
        self.held[number] = None;
        if !self.micros[v as usize].is_given() && self.spilled[v as usize].is_none() && self.next(v, i).is_some() {
            let slot = self.spills;
            self.spills += 1;
            self.most_spills = self.most_spills.max(self.spills);
            self.spilled[v as usize] = Some(slot);
            let (code, to) = (self.a.target.code(Op::Store), self.a.slot(slot));
            self.a.emit(&Instruction::with2(code, to, self.a.target.register(number as u8))?)?;
        }
        Ok(number as u8)
    }
    /// Frees the registers of operands that are not used after micro-instruction `i`.
    fn release(&mut self, i: usize) {
        for v in self.micros[i].operands() {
            if let Some(number) = self.place[v as usize].filter(|_| !self.pinned[v as usize] && self.next(v, i).is_none()) {
                self.held[number as usize] = None;
                self.place[v as usize] = None;
            }
        }
    }
}

/// Where the address of a cell stands.
fn address(cell: u16) -> MemoryOperand {
    MemoryOperand::with_base_displ(CELLS, i64::from(cell) * 8)
}
