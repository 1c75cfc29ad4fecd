//! Instructions into bytes: the encoder, constants, jumps, and the forms that micro-instructions take.
use super::micro::{ABS, Micro};
use super::target::{Op, Target};
use iced_x86::{Code, Encoder, IcedError, Instruction, MemoryOperand, Register};
use std::collections::HashMap;

/// The bytes from the first element to that of this round.
pub(super) const AT: Register = Register::RAX;
/// An address or a number in passing.
pub(super) const PASSING: Register = Register::RCX;
/// The addresses of the cells.
pub(super) const CELLS: Register = Register::RDI;
/// The address of the scalars.
pub(super) const SCALARS: Register = Register::RSI;
/// The bytes of all elements.
pub(super) const BYTES: Register = Register::RDX;

/// The last operand of an instruction.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Register(Register),
    Memory(MemoryOperand),
}

/// The group cannot be compiled; it is interpreted then.
pub(super) struct Refused;

impl From<IcedError> for Refused {
    fn from(_: IcedError) -> Self {
        Refused
    }
}

/// What assembling gives.
pub(super) type Result<T = ()> = std::result::Result<T, Refused>;

/// Machine code as it is written.
pub(super) struct Assembler {
    pub(super) target: Target,
    encoder: Encoder,
    pub(super) bytes: Vec<u8>,
    /// Where each constant lies, counted from the first byte.
    pool: HashMap<u64, usize>,
    /// Where the numbers 0, 1, 2, … of the lanes lie.
    pub(super) lanes: usize,
}

impl Assembler {
    /// One that appends to these bytes.
    pub(super) fn new(target: Target, bytes: Vec<u8>) -> Self {
        Assembler { target, encoder: Encoder::new(64), bytes, pool: HashMap::new(), lanes: 0 }
    }
    /// Appends an instruction.
    pub(super) fn emit(&mut self, i: &Instruction) -> Result {
        self.encoder.encode(i, self.bytes.len() as u64)?;
        self.bytes.append(&mut self.encoder.take_buffer());
        Ok(())
    }
    /// Writes the constants, and the masks of partial vectors of 256 bits; where these begin.
    pub(super) fn constants(&mut self, micros: &[Micro]) -> usize {
        let t = self.target;
        self.bytes.resize(self.bytes.len().next_multiple_of(64), 0);
        let masks = self.bytes.len();
        if !t.wide {
            self.bytes.extend([0xFF; 32]);
            self.bytes.extend([0; 32]);
        }
        let number = |bits: u64| match t.single {
            true if bits == ABS => (i32::MAX as u32).to_le_bytes().to_vec(),
            true => (f64::from_bits(bits) as f32).to_le_bytes().to_vec(),
            false => bits.to_le_bytes().to_vec(),
        };
        if micros.iter().any(|m| matches!(m, Micro::Column(..))) {
            self.lanes = self.bytes.len();
            (0..t.lanes()).for_each(|l| self.bytes.extend(number(f64::from(l).to_bits())));
        }
        let constants = micros.iter().flat_map(|m| match *m {
            Micro::Constant(bits) => vec![bits],
            Micro::Column(_, row) => vec![(row as f64).to_bits(), f64::from(t.lanes()).to_bits()],
            _ => vec![],
        });
        for bits in constants {
            if !self.pool.contains_key(&bits) {
                self.pool.insert(bits, self.bytes.len());
                // Instructions on 256 bits read whole vectors, the others one number that they spread.
                let times = if t.wide { 1 } else { t.lanes() as usize };
                self.bytes.extend(number(bits).repeat(times));
            }
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(64), 0);
        masks
    }
    /// A jump forward, to a place that `land` names later.
    pub(super) fn jump(&mut self, code: Code) -> Result<usize> {
        self.emit(&Instruction::with_branch(code, self.bytes.len() as u64)?)?;
        Ok(self.bytes.len())
    }
    /// The place of a jump is here.
    pub(super) fn land(&mut self, jump: usize) {
        let distance = (self.bytes.len() - jump) as u32;
        self.bytes[jump - 4..jump].copy_from_slice(&distance.to_le_bytes());
    }
    /// The mask of the partial vector, of as many bytes as `PASSING` says.
    pub(super) fn mask(&mut self, masks: usize, shift: u32) -> Result {
        let first = self.target.first();
        if self.target.wide {
            self.emit(&Instruction::with2(Code::Shr_rm64_imm8, PASSING, shift)?)?;
            self.emit(&Instruction::with2(Code::Mov_r32_imm32, Register::EDX, 1)?)?;
            self.emit(&Instruction::with2(Code::Shl_rm32_CL, Register::EDX, Register::CL)?)?;
            self.emit(&Instruction::with2(Code::Sub_rm32_imm8, Register::EDX, 1)?)?;
            return self.emit(&Instruction::with2(Code::VEX_Kmovw_kr_r32, first, Register::EDX)?);
        }
        let middle = MemoryOperand::with_base_displ(Register::RIP, (masks + 32) as i64);
        self.emit(&Instruction::with2(Code::Lea_r64_m, BYTES, middle)?)?;
        self.emit(&Instruction::with2(Code::Sub_r64_rm64, BYTES, PASSING)?)?;
        self.emit(&Instruction::with2(Code::VEX_Vmovupd_ymm_ymmm256, first, MemoryOperand::with_base(BYTES))?)
    }
    /// Encodes an instruction with one or two operands and perhaps a number.
    pub(super) fn with(&mut self, op: Op, to: Register, first: Option<Register>, last: Source, number: Option<u32>) -> Result {
        let code = self.target.code(op);
        let i = match (first, last, number) {
            (None, Source::Register(r), None) => Instruction::with2(code, to, r),
            (None, Source::Memory(m), None) => Instruction::with2(code, to, m),
            (None, Source::Register(r), Some(n)) => Instruction::with3(code, to, r, n),
            (None, Source::Memory(m), Some(n)) => Instruction::with3(code, to, m, n),
            (Some(f), Source::Register(r), None) => Instruction::with3(code, to, f, r),
            (Some(f), Source::Memory(m), None) => Instruction::with3(code, to, f, m),
            (Some(f), Source::Register(r), Some(n)) => Instruction::with4(code, to, f, r, n),
            (Some(f), Source::Memory(m), Some(n)) => Instruction::with4(code, to, f, m, n),
        }?;
        self.emit(&i)
    }
    /// The second where the mask of the last test holds, else the first.
    pub(super) fn blend(&mut self, to: Register, no: Register, yes: Source) -> Result {
        let (code, tested) = (self.target.code(Op::Blend), self.target.tested());
        if self.target.wide {
            let mut i = match yes {
                Source::Register(r) => Instruction::with3(code, to, no, r),
                Source::Memory(m) => Instruction::with3(code, to, no, m),
            }?;
            i.set_op_mask(tested);
            return self.emit(&i);
        }
        let i = match yes {
            Source::Register(r) => Instruction::with4(code, to, no, r, tested),
            Source::Memory(m) => Instruction::with4(code, to, no, m, tested),
        }?;
        self.emit(&i)
    }
    /// Rounds doubles to single precision and back.
    pub(super) fn round(&mut self, to: Register, from: Source) -> Result {
        let wide = self.target.wide;
        let half =
            if wide { Register::YMM0 + (to as u32 - Register::ZMM0 as u32) } else { Register::XMM0 + (to as u32 - Register::YMM0 as u32) };
        let (narrow, widen) = if wide {
            (Code::EVEX_Vcvtpd2ps_ymm_k1z_zmmm512b64_er, Code::EVEX_Vcvtps2pd_zmm_k1z_ymmm256b32_sae)
        } else {
            (Code::VEX_Vcvtpd2ps_xmm_ymmm256, Code::VEX_Vcvtps2pd_ymm_xmmm128)
        };
        let i = match from {
            Source::Register(r) => Instruction::with2(narrow, half, r),
            Source::Memory(m) => Instruction::with2(narrow, half, m),
        }?;
        self.emit(&i)?;
        self.emit(&Instruction::with2(widen, to, half)?)
    }
    /// Writes a register to memory; of the partial vector only its elements.
    pub(super) fn store(&mut self, to: MemoryOperand, from: Register, last: bool) -> Result {
        let (t, op) = (self.target, if last { Op::StoreFirst } else { Op::Store });
        let mut i = match last && !t.wide {
            true => Instruction::with3(t.code(op), to, t.first(), from),
            false => Instruction::with2(t.code(op), to, from),
        }?;
        if last && t.wide {
            i.set_op_mask(t.first());
        }
        self.emit(&i)
    }
    /// A place on the stack.
    pub(super) fn slot(&self, slot: usize) -> MemoryOperand {
        MemoryOperand::with_base_displ(Register::RSP, (slot as u32 * self.target.bytes()).into())
    }
    /// A scalar, as it is or spread over the lanes.
    pub(super) fn scalar(&self, s: u16, spread: bool) -> MemoryOperand {
        MemoryOperand::new(SCALARS, Register::None, 1, i64::from(u32::from(s) * self.target.element()), 1, spread, Register::None)
    }
    /// A constant of the pool.
    pub(super) fn constant(&self, bits: u64, spread: bool) -> MemoryOperand {
        MemoryOperand::new(Register::RIP, Register::None, 1, self.pool[&bits] as i64, 8, spread, Register::None)
    }
}
