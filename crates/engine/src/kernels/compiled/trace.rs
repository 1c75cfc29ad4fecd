//! Traced numbers: an elementary function that is called with them writes its own micro-instructions. So each function is written once.
use super::super::elementary::words::{Bits, Word};
use super::super::elementary::{of_two_words, of_word};
use super::micro::{ABS, List, Micro, One, Test, Two, Value};
use hypertape_ir::operation::{BinaryFn, UnaryFn};
use std::cell::RefCell;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Shl, Shr, Sub};

/// Appends the micro-instructions of f(x), if f consists of arithmetic and selections: the value of the result.
pub(super) fn unary(f: UnaryFn, x: Value, single: bool, list: &mut List) -> Option<Value> {
    // Machine code is made only where the processor has fused multiply-add.
    within(list, |list| match single {
        true => of_word::<Traced<'_, true>, true>(f, Made(list, x)).map(|y| y.value(list)),
        false => of_word::<Traced<'_, false>, true>(f, Made(list, x)).map(|y| y.value(list)),
    })
}

/// The same, of f(a, b).
pub(super) fn binary(f: BinaryFn, a: Value, b: Value, single: bool, list: &mut List) -> Option<Value> {
    within(list, |list| match single {
        true => of_two_words::<Traced<'_, true>, true>(f, Made(list, a), Made(list, b)).map(|y| y.value(list)),
        false => of_two_words::<Traced<'_, false>, true>(f, Made(list, a), Made(list, b)).map(|y| y.value(list)),
    })
}

/// Shares the list with all numbers that are traced.
fn within<R>(list: &mut List, trace: impl FnOnce(&RefCell<List>) -> R) -> R {
    let shared = RefCell::new(std::mem::take(list));
    let made = trace(&shared);
    *list = shared.into_inner();
    made
}

/// A number, or the name of one that is known only when machine code runs.
#[derive(Clone, Copy)]
enum Traced<'a, const SINGLE: bool> {
    Known(f64),
    Made(&'a RefCell<List>, Value),
}
use Traced::{Known, Made};

/// The bits of a number.
#[derive(Clone, Copy)]
enum TracedBits<'a, const SINGLE: bool> {
    Known(u64),
    Made(&'a RefCell<List>, Value),
}

/// A test: 1 where it holds, else 0.
#[derive(Clone, Copy)]
struct TracedTest<'a, const SINGLE: bool>(Traced<'a, SINGLE>);

/// The nearest number of the precision.
fn rounded<const SINGLE: bool>(v: f64) -> f64 {
    if SINGLE { f64::from(v as f32) } else { v }
}

impl<'a, const SINGLE: bool> Traced<'a, SINGLE> {
    fn value(self, list: &RefCell<List>) -> Value {
        match self {
            Made(_, v) => v,
            Known(v) => list.borrow_mut().push(Micro::Constant(v.to_bits())),
        }
    }
    /// Where micro-instructions on these are written; none where all are known.
    fn list(of: &[Self]) -> Option<&'a RefCell<List>> {
        of.iter().find_map(|x| if let Made(list, _) = x { Some(*list) } else { None })
    }
    fn one(self, f: One, known: impl Fn(f64) -> f64) -> Self {
        match self {
            Known(v) => Known(known(v)),
            Made(list, v) => Made(list, list.borrow_mut().push(Micro::One(f, v))),
        }
    }
    /// Sums, differences, products and quotients of known numbers are rounded as those of the precision: double precision has more than twice as many bits.
    fn two(self, f: Two, other: Self, known: impl Fn(f64, f64) -> f64) -> Self {
        match (self, other, Self::list(&[self, other])) {
            (_, _, Some(list)) => {
                let (a, b) = (self.value(list), other.value(list));
                Made(list, list.borrow_mut().push(Micro::Two(f, a, b)))
            }
            (Known(a), Known(b), None) => Known(rounded::<SINGLE>(known(a, b))),
            _ => self,
        }
    }
    fn test(self, test: Test, other: Self, known: impl Fn(f64, f64) -> bool) -> TracedTest<'a, SINGLE> {
        TracedTest(match (self, other, Self::list(&[self, other])) {
            (_, _, Some(list)) => {
                let all = [self, other, Known(1.0), Known(0.0)].map(|x| x.value(list));
                Made(list, list.borrow_mut().push(Micro::Pick(test, all[0], all[1], all[2], all[3])))
            }
            (Known(a), Known(b), None) => Known(f64::from(u8::from(known(a, b)))),
            _ => self,
        })
    }
}

/// Operators of two operands as micro-instructions, and what they give where both are known.
macro_rules! operators {
    ($($of:ident: $operator:ident $method:ident = $two:ident, $known:expr;)*) => {$(
        impl<const SINGLE: bool> $operator for $of<'_, SINGLE> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                self.two(Two::$two, other, $known)
            }
        }
    )*};
}
operators! {
    Traced: Add add = Add, |a, b| a + b;
    Traced: Sub sub = Sub, |a, b| a - b;
    Traced: Mul mul = Mul, |a, b| a * b;
    Traced: Div div = Div, |a, b| a / b;
    TracedBits: Add add = AddBits, u64::wrapping_add;
    TracedBits: Sub sub = SubBits, u64::wrapping_sub;
    TracedBits: BitAnd bitand = And, |a, b| a & b;
    TracedBits: BitOr bitor = Or, |a, b| a | b;
    TracedBits: BitXor bitxor = Xor, |a, b| a ^ b;
    TracedTest: BitAnd bitand = And, |a, b| a & b;
    TracedTest: BitOr bitor = Or, |a, b| a | b;
    TracedTest: BitXor bitxor = Xor, |a, b| a ^ b;
}

impl<const SINGLE: bool> Neg for Traced<'_, SINGLE> {
    type Output = Self;
    fn neg(self) -> Self {
        match self {
            Known(v) => Known(-v),
            Made(..) => self.two(Two::Xor, Known(-0.0), |a, _| a),
        }
    }
}

impl<'a, const SINGLE: bool> TracedBits<'a, SINGLE> {
    /// The number of these bits.
    fn number(self) -> Traced<'a, SINGLE> {
        match self {
            TracedBits::Known(b) => Known(if SINGLE { f64::from(f32::from_bits(b as u32)) } else { f64::from_bits(b) }),
            TracedBits::Made(list, v) => Made(list, v),
        }
    }
    fn two(self, f: Two, other: Self, known: impl Fn(u64, u64) -> u64) -> Self {
        if let (TracedBits::Known(a), TracedBits::Known(b)) = (self, other) {
            let bits = known(a, b);
            return TracedBits::Known(if SINGLE { u64::from(bits as u32) } else { bits });
        }
        self.number().two(f, other.number(), |a, _| a).bits()
    }
    fn moved(self, f: One, known: impl Fn(u64) -> u64) -> Self {
        match self {
            TracedBits::Known(b) => TracedBits::Known(if SINGLE { u64::from(known(b) as u32) } else { known(b) }),
            TracedBits::Made(..) => self.number().one(f, |v| v).bits(),
        }
    }
}

impl<const SINGLE: bool> Shl<usize> for TracedBits<'_, SINGLE> {
    type Output = Self;
    fn shl(self, by: usize) -> Self {
        self.moved(One::Up(by as u8), |b| b << by)
    }
}
impl<const SINGLE: bool> Shr<usize> for TracedBits<'_, SINGLE> {
    type Output = Self;
    fn shr(self, by: usize) -> Self {
        self.moved(One::Down(by as u8), |b| b >> by)
    }
}
impl<const SINGLE: bool> Bits for TracedBits<'_, SINGLE> {
    fn of(n: u32) -> Self {
        TracedBits::Known(u64::from(n))
    }
}

impl<const SINGLE: bool> TracedTest<'_, SINGLE> {
    /// The bits of 1 and 0 go together as the tests do.
    fn two(self, f: Two, other: Self, known: impl Fn(bool, bool) -> bool) -> Self {
        TracedTest(self.0.two(f, other.0, |a, b| f64::from(u8::from(known(a != 0.0, b != 0.0)))))
    }
}
impl<const SINGLE: bool> Not for TracedTest<'_, SINGLE> {
    type Output = Self;
    fn not(self) -> Self {
        self ^ TracedTest(Known(1.0))
    }
}

impl<'a, const SINGLE: bool> Word for Traced<'a, SINGLE> {
    type Bits = TracedBits<'a, SINGLE>;
    type Test = TracedTest<'a, SINGLE>;
    const SINGLE: bool = SINGLE;
    fn of(v: f64) -> Self {
        Known(rounded::<SINGLE>(v))
    }
    fn bits(self) -> Self::Bits {
        match self {
            Known(v) => TracedBits::Known(if SINGLE { u64::from((v as f32).to_bits()) } else { v.to_bits() }),
            Made(list, v) => TracedBits::Made(list, v),
        }
    }
    fn of_bits(b: Self::Bits) -> Self {
        b.number()
    }
    fn less(self, than: Self) -> Self::Test {
        self.test(Test::Less, than, |a, b| a < b)
    }
    fn at_most(self, other: Self) -> Self::Test {
        self.test(Test::LessEq, other, |a, b| a <= b)
    }
    fn equals(self, other: Self) -> Self::Test {
        self.test(Test::Equal, other, |a, b| a == b)
    }
    fn is_nan(self) -> Self::Test {
        self.test(Test::Unordered, self, |a, _| a.is_nan())
    }
    fn pick(test: Self::Test, yes: Self, no: Self) -> Self {
        match test.0 {
            Known(t) => {
                if t == 0.0 {
                    no
                } else {
                    yes
                }
            }
            Made(list, t) => {
                let (yes, no) = (yes.value(list), no.value(list));
                Made(list, list.borrow_mut().select(t, yes, no))
            }
        }
    }
    fn abs(self) -> Self {
        match self {
            Known(v) => Known(v.abs()),
            Made(..) => self.two(Two::And, Known(f64::from_bits(ABS)), |a, _| a),
        }
    }
    fn copysign(self, sign: Self) -> Self {
        if let (Known(a), Known(b)) = (self, sign) {
            return Known(a.copysign(b));
        }
        let sign = match sign {
            Known(v) => Known(0.0_f64.copysign(v)),
            Made(..) => sign.two(Two::And, Known(-0.0), |a, _| a),
        };
        self.abs().two(Two::Or, sign, |a, _| a)
    }
    fn sqrt(self) -> Self {
        self.one(One::Sqrt, |v| rounded::<SINGLE>(v.sqrt()))
    }
    fn floor(self) -> Self {
        self.one(One::Floor, f64::floor)
    }
    fn mul_add<const FMA: bool>(a: Self, b: Self, c: Self) -> Self {
        match ([a, b, c], Self::list(&[a, b, c])) {
            (all, Some(list)) => {
                let [a, b, c] = all.map(|x| x.value(list));
                Made(list, list.borrow_mut().push(Micro::Fused(a, b, c)))
            }
            ([Known(a), Known(b), Known(c)], None) if SINGLE => Known(f64::from((a as f32).mul_add(b as f32, c as f32))),
            ([Known(a), Known(b), Known(c)], None) => Known(a.mul_add(b, c)),
            _ => a,
        }
    }
    fn product_error<const FMA: bool>(a: Self, b: Self, p: Self) -> Self {
        Self::mul_add::<FMA>(a, b, -p)
    }
    fn cancelling<const FMA: bool>(a: Self, b: Self, c: Self) -> Self {
        Self::mul_add::<FMA>(a, b, c)
    }
}
