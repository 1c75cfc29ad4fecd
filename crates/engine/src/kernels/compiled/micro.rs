//! Micro-instructions: what happens to the elements of one vector, each value named once.
use std::collections::HashMap;

/// The number of a value: of the micro-instruction that makes it.
pub(super) type Value = u32;

/// A function of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum One {
    Sqrt,
    Floor,
    /// Towards 0.
    Truncate,
    /// Rounded to single precision.
    Round,
    /// The bits, moved up or down by so many places.
    Up(u8),
    Down(u8),
}

/// A function of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Two {
    Add,
    Sub,
    Mul,
    Div,
    /// a where a > b, else b.
    Larger,
    /// a where a < b, else b.
    Smaller,
    /// Of the bits.
    And,
    Or,
    Xor,
    /// Of the bits, as integers that wrap around.
    AddBits,
    SubBits,
}

/// A test of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Test {
    Equal,
    Less,
    LessEq,
    /// One of the two is not a number.
    Unordered,
}

/// A micro-instruction. Its operands are made before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Micro {
    /// The elements of a cell.
    Load(u16),
    /// A scalar of the group.
    Scalar(u16),
    /// A number, as the bits of a double; in single precision it is rounded.
    Constant(u64),
    /// The place of each element in its row. A scalar holds the first one's; rows have so many elements.
    Column(u16, u64),
    /// The elements of a cell where their column, the first value, is from the second value on and below the third; else 0. What lies elsewhere is not
    /// read.
    Part(u16, Value, Value, Value),
    One(One, Value),
    Two(Two, Value, Value),
    /// a·b + c, rounded once.
    Fused(Value, Value, Value),
    /// Where the test of the first two holds, the third, else the fourth.
    Pick(Test, Value, Value, Value, Value),
    /// A value is written to a cell. It makes none.
    Store(Value, u16),
}

impl Micro {
    /// The values that it reads.
    pub(super) fn operands(&self) -> impl Iterator<Item = Value> + use<> {
        let all = match *self {
            Micro::Load(_) | Micro::Scalar(_) | Micro::Constant(_) | Micro::Column(..) => [None; 4],
            Micro::Part(_, c, a, b) => [Some(c), Some(a), Some(b), None],
            Micro::One(_, a) | Micro::Store(a, _) => [Some(a), None, None, None],
            Micro::Two(_, a, b) => [Some(a), Some(b), None, None],
            Micro::Fused(a, b, c) => [Some(a), Some(b), Some(c), None],
            Micro::Pick(_, a, b, c, d) => [Some(a), Some(b), Some(c), Some(d)],
        };
        all.into_iter().flatten()
    }
    /// Whether it can be made again at any time, so that it need not be kept, or is kept for the whole loop.
    pub(super) fn is_given(&self) -> bool {
        matches!(self, Micro::Load(_) | Micro::Scalar(_) | Micro::Constant(_) | Micro::Column(..))
    }
}

/// Micro-instructions as they are written, each once.
#[derive(Default)]
pub(super) struct List {
    pub(super) micros: Vec<Micro>,
    known: HashMap<Micro, Value>,
}

impl List {
    pub(super) fn push(&mut self, m: Micro) -> Value {
        if let Some(v) = self.known.get(&m) {
            return *v;
        }
        let v = self.micros.len() as Value;
        self.micros.push(m);
        self.known.insert(m, v);
        v
    }
    /// a where t is not 0, else b. If t is 1 or 0 by a test, the test is made here.
    pub(super) fn select(&mut self, t: Value, a: Value, b: Value) -> Value {
        let [zero, one] = [0.0_f64, 1.0].map(|v| self.push(Micro::Constant(v.to_bits())));
        match self.micros[t as usize] {
            Micro::Pick(test, x, y, yes, no) if yes == one && no == zero => self.push(Micro::Pick(test, x, y, a, b)),
            _ => self.push(Micro::Pick(Test::Equal, t, zero, b, a)),
        }
    }
}

/// The bits of the constant that clears a sign.
pub(super) const ABS: u64 = !(1 << 63);

/// Drops what no store needs, and numbers the rest anew.
pub(super) fn without_dead(micros: &[Micro]) -> Vec<Micro> {
    let mut needed = vec![false; micros.len()];
    for (i, m) in micros.iter().enumerate().rev() {
        needed[i] |= matches!(m, Micro::Store(..));
        if needed[i] {
            m.operands().for_each(|o| needed[o as usize] = true);
        }
    }
    let (mut number, mut kept) = (vec![0; micros.len()], vec![]);
    for (i, m) in micros.iter().enumerate().filter(|(i, _)| needed[*i]) {
        number[i] = kept.len() as Value;
        let n = |v: Value| number[v as usize];
        kept.push(match *m {
            Micro::One(f, a) => Micro::One(f, n(a)),
            Micro::Two(f, a, b) => Micro::Two(f, n(a), n(b)),
            Micro::Fused(a, b, c) => Micro::Fused(n(a), n(b), n(c)),
            Micro::Pick(t, x, y, a, b) => Micro::Pick(t, n(x), n(y), n(a), n(b)),
            Micro::Store(v, cell) => Micro::Store(n(v), cell),
            Micro::Part(cell, c, a, b) => Micro::Part(cell, n(c), n(a), n(b)),
            given => given,
        });
    }
    kept
}
