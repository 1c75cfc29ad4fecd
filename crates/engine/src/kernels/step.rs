//! One instruction on single numbers. All functions are in one list, so that a single jump finds the right one.
use super::fold::Number;
use super::math::{Sum, binary_of_one, mul_add_of_one, unary_of_one};
use hypertape_ir::array::{Element, Real};
use hypertape_ir::operation::{BinaryFn, OwnFn, UnaryFn};

/// The type in which a group of one element computes.
pub(super) trait Scalar: Real + Number {}
impl<T: Real + Number> Scalar for T {}

/// An instruction on numbers. Its fields are places: cells have the first numbers, scalars the numbers after them. `y` is the place of the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(super) op: Op,
    pub(super) a: u16,
    pub(super) b: u16,
    pub(super) c: u16,
    pub(super) y: u16,
}

/// Defines the operations of steps.
macro_rules! operations {
    (unary $($unary:ident)*; binary $($binary:ident)*) => {
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub(super) enum Op { $($unary,)* $($binary,)* Own(OwnFn), MulPlus, MulMinus, FromMul, Select, Same, Round, Index }
        impl From<UnaryFn> for Op {
            fn from(f: UnaryFn) -> Self {
                match f { $(UnaryFn::$unary => Op::$unary,)* UnaryFn::Own(own) => Op::Own(own) }
            }
        }
        impl From<BinaryFn> for Op {
            fn from(f: BinaryFn) -> Self {
                match f { $(BinaryFn::$binary => Op::$binary,)* }
            }
        }
        impl From<Sum> for Op {
            fn from(s: Sum) -> Self {
                match s {
                    Sum::Plus => Op::MulPlus,
                    Sum::Minus => Op::MulMinus,
                    Sum::From => Op::FromMul,
                }
            }
        }
        /// The result of a step; `at` gives the number at a place.
        #[inline(always)]
        pub(super) fn result<T: Scalar, const FMA: bool>(s: &Step, at: impl Fn(u16) -> T) -> T {
            match s.op {
                $(Op::$unary => unary_of_one::<T, FMA>(UnaryFn::$unary, at(s.a)),)*
                $(Op::$binary => binary_of_one::<T, FMA>(BinaryFn::$binary, at(s.a), at(s.b)),)*
                Op::Own(own) => own.value(at(s.a)),
                Op::MulPlus => mul_add_of_one(Sum::Plus, at(s.a), at(s.b), at(s.c)),
                Op::MulMinus => mul_add_of_one(Sum::Minus, at(s.a), at(s.b), at(s.c)),
                Op::FromMul => mul_add_of_one(Sum::From, at(s.a), at(s.b), at(s.c)),
                Op::Select => if at(s.a) == T::zero() { at(s.c) } else { at(s.b) },
                Op::Same => at(s.a),
                Op::Round => T::from_f64(f64::from(Element::to_f64(at(s.a)) as f32)),
                Op::Index => T::from_f64(f64::from(Element::to_f64(at(s.a)) as u32)),
            }
        }
    };
}
operations! {
    unary Neg Abs Sign Sqrt Recip Floor Exp ExpM1 Ln Ln1p Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Sigmoid Softplus Erf;
    binary Add Sub Mul Div Max Min Less LessEq Equal Share Pow Atan2 Rem Absorb
}
