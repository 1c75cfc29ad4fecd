//! The instructions of a fused group on a tile, one after the other: what takes no longer than a call runs without one.
#![allow(unsafe_code)]
use super::group::Code;
use super::isa::per_isa;
use super::math;
use crate::array::{Element, Real};
use crate::operation::{BinaryFn, UnaryFn};

per_isa! {
    /// Runs the instructions on `n` elements of the cells.
    ///
    /// # Safety
    /// Cells that they name have `n` elements, scalars a value. No instruction's result is its own operand; nothing else sees results.
    pub(super) unsafe fn run<T: Real>(codes: &[Code], cells: *const *mut T, scalars: *const T, n: usize) = body
}

#[inline(always)]
unsafe fn body<T: Real, const FMA: bool>(codes: &[Code], cells: *const *mut T, scalars: *const T, n: usize) {
    // SAFETY: the caller's promise, for each of the three.
    let read = |cell: u16| unsafe { std::slice::from_raw_parts(*cells.add(cell as usize), n) };
    let write = |cell: u16| unsafe { std::slice::from_raw_parts_mut(*cells.add(cell as usize), n) };
    let scalar = |s: u16| unsafe { *scalars.add(s as usize) };
    for code in codes {
        match *code {
            Code::Unary(f, x, y) => unary::<T, FMA>(f, read(x), write(y)),
            Code::Binary(f, a, b, y) => binary::<T, FMA>(f, read(a), read(b), write(y)),
            Code::With(f, a, s, y) => binary_with::<T, FMA>(f, read(a), scalar(s), write(y)),
            Code::Of(f, s, b, y) => binary_of::<T, FMA>(f, scalar(s), read(b), write(y)),
            Code::MulAdd(s, a, b, c, y) => math::mul_add_body::<T, FMA>(s, read(a), read(b), read(c), write(y)),
            Code::ScaleAdd(s, a, b, c, y) => math::scale_add_body::<T, FMA>(s, read(a), scalar(b), read(c), write(y)),
            Code::Select(t, a, b, y) => math::select_body::<T, FMA>(read(t), read(a), read(b), write(y)),
            Code::Fill(s, y) => write(y).fill(scalar(s)),
            Code::Round(x, y) => each(read(x), write(y), |v| f64::from(v as f32)),
            Code::Index(x, y) => each(read(x), write(y), |v| f64::from(v as u32)),
        }
    }
}

#[inline(always)]
fn each<T: Real>(x: &[T], y: &mut [T], f: impl Fn(f64) -> f64) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y = T::from_f64(f(Element::to_f64(*x))));
}

#[inline(always)]
fn unary<T: Real, const FMA: bool>(f: UnaryFn, x: &[T], y: &mut [T]) {
    match f {
        UnaryFn::Neg => math::unary_body::<T, FMA>(UnaryFn::Neg, x, y),
        UnaryFn::Abs => math::unary_body::<T, FMA>(UnaryFn::Abs, x, y),
        UnaryFn::Sqrt => math::unary_body::<T, FMA>(UnaryFn::Sqrt, x, y),
        UnaryFn::Recip => math::unary_body::<T, FMA>(UnaryFn::Recip, x, y),
        dear => math::unary(dear, x, y),
    }
}

#[inline(always)]
fn binary<T: Real, const FMA: bool>(f: BinaryFn, a: &[T], b: &[T], y: &mut [T]) {
    match f {
        BinaryFn::Add => math::binary_body::<T, FMA>(BinaryFn::Add, a, b, y),
        BinaryFn::Sub => math::binary_body::<T, FMA>(BinaryFn::Sub, a, b, y),
        BinaryFn::Mul => math::binary_body::<T, FMA>(BinaryFn::Mul, a, b, y),
        BinaryFn::Div => math::binary_body::<T, FMA>(BinaryFn::Div, a, b, y),
        BinaryFn::Max => math::binary_body::<T, FMA>(BinaryFn::Max, a, b, y),
        BinaryFn::Less => math::binary_body::<T, FMA>(BinaryFn::Less, a, b, y),
        BinaryFn::Equal => math::binary_body::<T, FMA>(BinaryFn::Equal, a, b, y),
        BinaryFn::Absorb => math::binary_body::<T, FMA>(BinaryFn::Absorb, a, b, y),
        dear => math::binary(dear, a, b, y),
    }
}

#[inline(always)]
fn binary_with<T: Real, const FMA: bool>(f: BinaryFn, a: &[T], c: T, y: &mut [T]) {
    match f {
        BinaryFn::Add => math::binary_with_body::<T, FMA>(BinaryFn::Add, a, c, y),
        BinaryFn::Sub => math::binary_with_body::<T, FMA>(BinaryFn::Sub, a, c, y),
        BinaryFn::Mul => math::binary_with_body::<T, FMA>(BinaryFn::Mul, a, c, y),
        BinaryFn::Max => math::binary_with_body::<T, FMA>(BinaryFn::Max, a, c, y),
        BinaryFn::Equal => math::binary_with_body::<T, FMA>(BinaryFn::Equal, a, c, y),
        dear => math::binary_with(dear, a, c, y),
    }
}

#[inline(always)]
fn binary_of<T: Real, const FMA: bool>(f: BinaryFn, c: T, b: &[T], y: &mut [T]) {
    match f {
        BinaryFn::Sub => math::binary_of_body::<T, FMA>(BinaryFn::Sub, c, b, y),
        BinaryFn::Less => math::binary_of_body::<T, FMA>(BinaryFn::Less, c, b, y),
        dear => math::binary_of(dear, c, b, y),
    }
}
