//! The micro-programs of fused elementwise groups: a few scalar instructions on registers.

use crate::array::{Element, Real};
use std::hash::{Hash, Hasher};

/// A register of a micro-program: first the inputs, then one for each instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reg(pub u16);

/// Functions of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum UnaryFn {
    Neg,
    Abs,
    /// −1, 0 or 1.
    Sign,
    Sqrt,
    Recip,
    Floor,
    Exp,
    ExpM1,
    Ln,
    Ln1p,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    /// 1 / (1 + e⁻ˣ), without overflow.
    Sigmoid,
    /// ln(1 + eˣ), without overflow.
    Softplus,
    Erf,
    /// One that an operation brings with it.
    Own(OwnFn),
}

/// A function of one number that an operation brings with it, with a parameter that is the same for all elements, such as an order.
///
/// Groups call it for one element after the other, in double precision; single precision is rounded from that. A function from which vectors would gain
/// much is worth a micro-instruction of its name.
#[derive(Debug, Clone, Copy)]
pub struct OwnFn {
    of: fn(u32, f64) -> f64,
    parameter: u32,
}

impl OwnFn {
    /// A function of a parameter, here 0, and a number. It must depend on nothing else.
    #[must_use]
    pub fn new(of: fn(u32, f64) -> f64) -> Self {
        OwnFn { of, parameter: 0 }
    }
    /// With this parameter.
    #[must_use]
    pub fn with(self, parameter: u32) -> Self {
        OwnFn { parameter, ..self }
    }
    /// The function of a number.
    #[must_use]
    pub fn value<T: Real>(self, x: T) -> T {
        T::from_f64((self.of)(self.parameter, Element::to_f64(x)))
    }
    fn key(&self) -> (usize, u32) {
        (self.of as usize, self.parameter)
    }
}

// Functions at one address are the same, so that what is computed once is not told apart.
impl PartialEq for OwnFn {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for OwnFn {}
impl Hash for OwnFn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// Functions of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinaryFn {
    Add,
    Sub,
    Mul,
    Div,
    /// The larger; NaN if either is.
    Max,
    /// The smaller; NaN if either is.
    Min,
    /// a < b as 1 or 0.
    Less,
    /// a ≤ b as 1 or 0.
    LessEq,
    /// a = b as 1 or 0.
    Equal,
    /// 1 where a < b, ½ where a = b, else 0.
    Share,
    /// aᵇ.
    Pow,
    Atan2,
    /// Remainder with the sign of a.
    Rem,
    /// a·b, but 0 where a is 0, whatever b: a derivative that is not there times a slope that is infinite.
    Absorb,
}

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Instruction {
    /// A number.
    Const(f64),
    /// f(a).
    Unary(UnaryFn, Reg),
    /// f(a, b).
    Binary(BinaryFn, Reg, Reg),
    /// b where a is not 0, else c.
    Select(Reg, Reg, Reg),
}

/// A micro-program of `inputs` inputs; the result is `result`.
#[derive(Debug, Clone, PartialEq)]
pub struct Micro {
    /// Number of inputs: registers 0 … inputs − 1.
    pub inputs: u16,
    /// Instructions; number k writes register inputs + k.
    pub code: Vec<Instruction>,
    /// The register of the result.
    pub result: Reg,
}

/// Writes a micro-program.
#[derive(Debug)]
pub struct MicroBuilder {
    inputs: u16,
    code: Vec<Instruction>,
}

impl MicroBuilder {
    /// For a number of inputs, with their registers.
    #[must_use]
    pub fn new(inputs: usize) -> (Self, Vec<Reg>) {
        (MicroBuilder { inputs: inputs as u16, code: vec![] }, (0..inputs as u16).map(Reg).collect())
    }
    fn push(&mut self, i: Instruction) -> Reg {
        self.code.push(i);
        Reg(self.inputs + self.code.len() as u16 - 1)
    }
    /// A number.
    pub fn constant(&mut self, v: f64) -> Reg {
        self.push(Instruction::Const(v))
    }
    /// f(a).
    pub fn unary(&mut self, f: UnaryFn, a: Reg) -> Reg {
        self.push(Instruction::Unary(f, a))
    }
    /// f(a) for a function that the operation brings with it.
    pub fn own(&mut self, f: OwnFn, a: Reg) -> Reg {
        self.unary(UnaryFn::Own(f), a)
    }
    /// f(a, b).
    pub fn binary(&mut self, f: BinaryFn, a: Reg, b: Reg) -> Reg {
        self.push(Instruction::Binary(f, a, b))
    }
    /// `yes` where `test` is not 0, else `no`.
    pub fn select(&mut self, test: Reg, yes: Reg, no: Reg) -> Reg {
        self.push(Instruction::Select(test, yes, no))
    }
    /// The finished program.
    #[must_use]
    pub fn finish(self, result: Reg) -> Micro {
        Micro { inputs: self.inputs, code: self.code, result }
    }
}
