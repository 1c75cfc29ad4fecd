//! A run of a group's code as micro-instructions.
use super::super::group::Code;
use super::super::machine_code::Shifted;
use super::super::math::Sum;
use super::micro::{ABS, List, Micro, One, Test, Two, Value};
use super::trace;
use hypertape_ir::operation::{BinaryFn, UnaryFn};
use std::collections::HashMap;

/// The micro-instructions of a group's code.
#[derive(Default)]
pub(super) struct Writer<'a> {
    list: List,
    /// Joins that are read where their pieces lie.
    shifted: &'a [Shifted],
    /// What each cell holds.
    cells: HashMap<u16, Value>,
    single: bool,
}

/// Whether an instruction becomes micro-instructions.
pub(super) fn compiles(code: &Code) -> bool {
    match code {
        Code::Unary(UnaryFn::Neg | UnaryFn::Abs | UnaryFn::Sign | UnaryFn::Sqrt | UnaryFn::Recip | UnaryFn::Floor, ..) => true,
        Code::Unary(f, ..) => trace::unary(*f, 0, false, &mut List::default()).is_some(),
        Code::Binary(f, ..) | Code::With(f, ..) | Code::Of(f, ..) => *f != BinaryFn::Rem,
        _ => true,
    }
}

impl<'a> Writer<'a> {
    /// The micro-instructions of instructions that all compile. What the last of them leaves in a cell is written to it if the cell is `kept`.
    pub(super) fn write(codes: &[Code], single: bool, shifted: &'a [Shifted], kept: impl Fn(u16) -> bool) -> Vec<Micro> {
        let mut w = Writer { single, shifted, ..Writer::default() };
        let mut last: HashMap<u16, usize> = HashMap::new();
        for (i, code) in codes.iter().enumerate() {
            last.insert(code.result(), i);
        }
        for (i, code) in codes.iter().enumerate() {
            let value = w.instruction(code);
            let cell = code.result();
            w.cells.insert(cell, value);
            if last[&cell] == i && kept(cell) {
                w.list.micros.push(Micro::Store(value, cell));
            }
        }
        w.list.micros
    }
    fn push(&mut self, m: Micro) -> Value {
        self.list.push(m)
    }
    fn constant(&mut self, v: f64) -> Value {
        self.push(Micro::Constant(v.to_bits()))
    }
    fn cell(&mut self, cell: u16) -> Value {
        match self.cells.get(&cell) {
            Some(v) => *v,
            None => match self.shifted.iter().find(|s| s.cell == cell) {
                Some(s) => self.shifted(s),
                None => self.push(Micro::Load(cell)),
            },
        }
    }
    /// A join: each piece in its range of columns, and the fill elsewhere.
    fn shifted(&mut self, s: &Shifted) -> Value {
        let column = self.push(Micro::Column(s.column, s.row as u64));
        let fill = self.constant(s.fill);
        let mut whole = fill;
        for p in &s.pieces {
            let (from, to) = (self.constant(p.from as f64), self.constant(p.to as f64));
            let part = self.push(Micro::Part(p.cell, column, from, to));
            if s.pieces.len() == 1 && s.fill.to_bits() == 0 {
                return part;
            }
            let here = self.pick(Test::Less, column, to, part, whole);
            whole = self.pick(Test::Less, column, from, whole, here);
        }
        whole
    }
    fn scalar(&mut self, s: u16) -> Value {
        self.push(Micro::Scalar(s))
    }
    fn one(&mut self, f: One, a: Value) -> Value {
        self.push(Micro::One(f, a))
    }
    fn two(&mut self, f: Two, a: Value, b: Value) -> Value {
        self.push(Micro::Two(f, a, b))
    }
    fn pick(&mut self, test: Test, x: Value, y: Value, a: Value, b: Value) -> Value {
        self.push(Micro::Pick(test, x, y, a, b))
    }
    fn instruction(&mut self, code: &Code) -> Value {
        match *code {
            Code::Unary(f, x, _) => {
                let x = self.cell(x);
                self.unary(f, x)
            }
            Code::Binary(f, a, b, _) => {
                let (a, b) = (self.cell(a), self.cell(b));
                self.binary(f, a, b)
            }
            Code::With(f, a, s, _) => {
                let (a, b) = (self.cell(a), self.scalar(s));
                self.binary(f, a, b)
            }
            Code::Of(f, s, b, _) => {
                let (a, b) = (self.scalar(s), self.cell(b));
                self.binary(f, a, b)
            }
            Code::MulAdd(s, a, b, c, _) => {
                let (a, b, c) = (self.cell(a), self.cell(b), self.cell(c));
                self.mul_add(s, a, b, c)
            }
            Code::ScaleAdd(s, a, b, c, _) => {
                let (a, b, c) = (self.cell(a), self.scalar(b), self.cell(c));
                self.mul_add(s, a, b, c)
            }
            Code::Select(t, a, b, _) => {
                let (t, a, b) = (self.cell(t), self.cell(a), self.cell(b));
                self.list.select(t, a, b)
            }
            Code::Fill(s, _) => self.scalar(s),
            Code::Round(x, _) => {
                let x = self.cell(x);
                if self.single { x } else { self.one(One::Round, x) }
            }
            Code::Index(x, _) => {
                let x = self.cell(x);
                let (least, most) = (self.constant(0.0), self.constant(f64::from(u32::MAX)));
                let x = self.two(Two::Larger, x, least);
                let x = self.two(Two::Smaller, x, most);
                self.one(One::Truncate, x)
            }
        }
    }
    fn mul_add(&mut self, s: Sum, a: Value, b: Value, c: Value) -> Value {
        let p = self.two(Two::Mul, a, b);
        match s {
            Sum::Plus => self.two(Two::Add, p, c),
            Sum::Minus => self.two(Two::Sub, p, c),
            Sum::From => self.two(Two::Sub, c, p),
        }
    }
    fn unary(&mut self, f: UnaryFn, x: Value) -> Value {
        let (zero, one) = (self.constant(0.0), self.constant(1.0));
        match f {
            UnaryFn::Neg => {
                let sign = self.constant(-0.0);
                self.two(Two::Xor, x, sign)
            }
            UnaryFn::Abs => {
                // All bits but the sign: a number that is none, so its bits are written down for each precision.
                let rest = self.push(Micro::Constant(ABS));
                self.two(Two::And, x, rest)
            }
            UnaryFn::Sign => {
                let minus = self.constant(-1.0);
                let nothing = self.two(Two::Mul, x, zero);
                let below = self.pick(Test::Less, x, zero, minus, nothing);
                self.pick(Test::Less, zero, x, one, below)
            }
            UnaryFn::Sqrt => self.one(One::Sqrt, x),
            UnaryFn::Recip => self.two(Two::Div, one, x),
            UnaryFn::Floor => self.one(One::Floor, x),
            // What compiles is one of these or traced.
            f => trace::unary(f, x, self.single, &mut self.list).unwrap_or(x),
        }
    }
    fn binary(&mut self, f: BinaryFn, a: Value, b: Value) -> Value {
        let (zero, one) = (self.constant(0.0), self.constant(1.0));
        match f {
            BinaryFn::Add => self.two(Two::Add, a, b),
            BinaryFn::Sub => self.two(Two::Sub, a, b),
            BinaryFn::Mul => self.two(Two::Mul, a, b),
            BinaryFn::Div => self.two(Two::Div, a, b),
            BinaryFn::Max | BinaryFn::Min => {
                let most = self.two(if f == BinaryFn::Max { Two::Larger } else { Two::Smaller }, a, b);
                self.pick(Test::Unordered, a, a, a, most)
            }
            BinaryFn::Less => self.pick(Test::Less, a, b, one, zero),
            BinaryFn::LessEq => self.pick(Test::LessEq, a, b, one, zero),
            BinaryFn::Equal => self.pick(Test::Equal, a, b, one, zero),
            BinaryFn::Share => {
                let half = self.constant(0.5);
                let half = self.pick(Test::Equal, a, b, half, zero);
                self.pick(Test::Less, a, b, one, half)
            }
            BinaryFn::Absorb => {
                let p = self.two(Two::Mul, a, b);
                self.pick(Test::Equal, a, zero, zero, p)
            }
            f => trace::binary(f, a, b, self.single, &mut self.list).unwrap_or(a),
        }
    }
}
