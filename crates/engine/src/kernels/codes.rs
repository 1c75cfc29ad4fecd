//! Runs the instructions of a fused group on a tile, one after the other. Cheap functions run inline, the others as calls.
#![allow(unsafe_code)]
use super::group::Code;
use super::isa::per_isa;
use super::math;
use hypertape_ir::array::{Element, Real};
use hypertape_ir::operation::{BinaryFn, UnaryFn};

/// `$run`, with `$f` constant, if the function is listed as cheap (no slower than a call); else `$call`.
macro_rules! here {
    ($F:ident, $f:ident, [$($short:ident)*], $run:expr, $call:expr) => {
        match $f {
            $($F::$short => {
                let $f = $F::$short;
                $run
            })*
            _ => $call,
        }
    };
}

per_isa! {
    /// Runs the instructions on `n` elements of the cells.
    ///
    /// # Safety
    /// The cells that instructions name have `n` elements, the scalars a value. No instruction's result is its own operand. Nothing else uses the
    /// results.
    pub(super) unsafe fn run<T: Real>(codes: &[Code], cells: *const *mut T, scalars: *const T, n: usize) = body
}

#[inline(always)]
unsafe fn body<T: Real, const FMA: bool>(codes: &[Code], cells: *const *mut T, scalars: *const T, n: usize) {
    // SAFETY: the caller's promise.
    let read = |cell: u16| unsafe { std::slice::from_raw_parts(*cells.add(cell as usize), n) };
    // SAFETY: as above, and nothing else uses the elements while the slice lives.
    let write = |cell: u16| unsafe { std::slice::from_raw_parts_mut(*cells.add(cell as usize), n) };
    // SAFETY: as above.
    let scalar = |s: u16| unsafe { *scalars.add(s as usize) };
    for code in codes {
        match *code {
            Code::Unary(f, x, y) => {
                let (x, y) = (read(x), write(y));
                here!(UnaryFn, f, [Neg Abs Sqrt Recip], math::unary_body::<T, FMA>(f, x, y), math::unary(f, x, y));
            }
            Code::Binary(f, a, b, y) => {
                let (a, b, y) = (read(a), read(b), write(y));
                here!(BinaryFn, f, [Add Sub Mul Div Max Min Less LessEq Equal Share Absorb], math::binary_body::<T, FMA>(f, a, b, y), math::binary(f, a, b, y));
            }
            Code::With(f, a, s, y) => {
                let (a, s, y) = (read(a), scalar(s), write(y));
                here!(BinaryFn, f, [Add Sub Mul Div Max Min LessEq Equal Share], math::binary_with_body::<T, FMA>(f, a, s, y), math::binary_with(f, a, s, y));
            }
            Code::Of(f, s, b, y) => {
                let (s, b, y) = (scalar(s), read(b), write(y));
                here!(BinaryFn, f, [Sub Div Less Share], math::binary_of_body::<T, FMA>(f, s, b, y), math::binary_of(f, s, b, y));
            }
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
