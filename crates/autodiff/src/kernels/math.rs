//! Elementwise functions over slices: one loop for each function.
use super::isa::per_isa;
use crate::array::Real;
use crate::operation::{BinaryFn, UnaryFn};

/// y_i = f(x_i).
pub fn unary<T: Real>(f: UnaryFn, x: &[T], y: &mut [T]) {
    let n = y.len();
    unary_isa(f, &x[..n], y);
}

/// x_i = f(x_i).
pub fn unary_in_place<T: Real>(f: UnaryFn, x: &mut [T]) {
    unary_in_place_isa(f, x);
}

/// y_i = f(a_i, b_i).
pub fn binary<T: Real>(f: BinaryFn, a: &[T], b: &[T], y: &mut [T]) {
    let n = y.len();
    binary_isa(f, &a[..n], &b[..n], y);
}

/// a_i = f(a_i, b_i).
pub fn binary_left<T: Real>(f: BinaryFn, a: &mut [T], b: &[T]) {
    let n = a.len();
    binary_left_isa(f, a, &b[..n]);
}

/// b_i = f(a_i, b_i).
pub fn binary_right<T: Real>(f: BinaryFn, a: &[T], b: &mut [T]) {
    let n = b.len();
    binary_right_isa(f, &a[..n], b);
}

/// y_i = f(a_i, c).
pub fn binary_with<T: Real>(f: BinaryFn, a: &[T], c: T, y: &mut [T]) {
    let n = y.len();
    binary_with_isa(f, &a[..n], c, y);
}

/// y_i = f(c, b_i).
pub fn binary_of<T: Real>(f: BinaryFn, c: T, b: &[T], y: &mut [T]) {
    let n = y.len();
    binary_of_isa(f, c, &b[..n], y);
}

/// a_i = f(a_i, c).
pub fn binary_with_in_place<T: Real>(f: BinaryFn, a: &mut [T], c: T) {
    binary_with_in_place_isa(f, a, c);
}

/// b_i = f(c, b_i).
pub fn binary_of_in_place<T: Real>(f: BinaryFn, c: T, b: &mut [T]) {
    binary_of_in_place_isa(f, c, b);
}

/// y_i = a_i where test_i is not 0, else b_i.
pub fn select<T: Real>(test: &[T], a: &[T], b: &[T], y: &mut [T]) {
    let n = y.len();
    select_isa(&test[..n], &a[..n], &b[..n], y);
}

/// f of one number.
#[must_use]
pub fn unary_scalar<T: Real>(f: UnaryFn, x: T) -> T {
    let mut y = [x];
    unary_in_place(f, &mut y);
    y[0]
}

/// f of two numbers.
#[must_use]
pub fn binary_scalar<T: Real>(f: BinaryFn, a: T, b: T) -> T {
    let mut y = [a];
    binary_with_in_place(f, &mut y, b);
    y[0]
}

/// Runs `$go` with `$f` bound to the function of one number that `$which` names.
macro_rules! with_unary {
    ($which:expr, $T:ident, $f:ident => $go:expr) => {
        match $which {
            UnaryFn::Neg => with_unary!(@ |v: $T| -v, $f => $go),
            UnaryFn::Abs => with_unary!(@ |v: $T| v.abs(), $f => $go),
            UnaryFn::Sign => with_unary!(@ sign::<$T>, $f => $go),
            UnaryFn::Sqrt => with_unary!(@ |v: $T| v.sqrt(), $f => $go),
            UnaryFn::Recip => with_unary!(@ |v: $T| v.recip(), $f => $go),
            UnaryFn::Floor => with_unary!(@ |v: $T| v.floor(), $f => $go),
            UnaryFn::Exp => with_unary!(@ |v: $T| v.exp(), $f => $go),
            UnaryFn::ExpM1 => with_unary!(@ |v: $T| v.exp_m1(), $f => $go),
            UnaryFn::Ln => with_unary!(@ |v: $T| v.ln(), $f => $go),
            UnaryFn::Ln1p => with_unary!(@ |v: $T| v.ln_1p(), $f => $go),
            UnaryFn::Sin => with_unary!(@ |v: $T| v.sin(), $f => $go),
            UnaryFn::Cos => with_unary!(@ |v: $T| v.cos(), $f => $go),
            UnaryFn::Tan => with_unary!(@ |v: $T| v.tan(), $f => $go),
            UnaryFn::Asin => with_unary!(@ |v: $T| v.asin(), $f => $go),
            UnaryFn::Acos => with_unary!(@ |v: $T| v.acos(), $f => $go),
            UnaryFn::Atan => with_unary!(@ |v: $T| v.atan(), $f => $go),
            UnaryFn::Sinh => with_unary!(@ |v: $T| v.sinh(), $f => $go),
            UnaryFn::Cosh => with_unary!(@ |v: $T| v.cosh(), $f => $go),
            UnaryFn::Tanh => with_unary!(@ |v: $T| v.tanh(), $f => $go),
            UnaryFn::Sigmoid => with_unary!(@ sigmoid::<$T>, $f => $go),
            UnaryFn::Softplus => with_unary!(@ softplus::<$T>, $f => $go),
            UnaryFn::Erf => with_unary!(@ |v: $T| $T::from_f64(libm::erf(v.to_f64())), $f => $go),
        }
    };
    (@ $body:expr, $f:ident => $go:expr) => {{
        let $f = $body;
        $go
    }};
}

/// Runs `$go` with `$f` bound to the function of two numbers that `$which` names.
macro_rules! with_binary {
    ($which:expr, $T:ident, $f:ident => $go:expr) => {
        match $which {
            BinaryFn::Add => with_binary!(@ |a: $T, b: $T| a + b, $f => $go),
            BinaryFn::Sub => with_binary!(@ |a: $T, b: $T| a - b, $f => $go),
            BinaryFn::Mul => with_binary!(@ |a: $T, b: $T| a * b, $f => $go),
            BinaryFn::Div => with_binary!(@ |a: $T, b: $T| a / b, $f => $go),
            BinaryFn::Max => with_binary!(@ |a: $T, b: $T| if (a > b) | a.is_nan() { a } else { b }, $f => $go),
            BinaryFn::Min => with_binary!(@ |a: $T, b: $T| if (a < b) | a.is_nan() { a } else { b }, $f => $go),
            BinaryFn::Less => with_binary!(@ |a: $T, b: $T| one_if::<$T>(a < b), $f => $go),
            BinaryFn::LessEq => with_binary!(@ |a: $T, b: $T| one_if::<$T>(a <= b), $f => $go),
            BinaryFn::Equal => with_binary!(@ |a: $T, b: $T| one_if::<$T>(a == b), $f => $go),
            BinaryFn::Pow => with_binary!(@ |a: $T, b: $T| a.powf(b), $f => $go),
            BinaryFn::Atan2 => with_binary!(@ |a: $T, b: $T| a.atan2(b), $f => $go),
            BinaryFn::Rem => with_binary!(@ |a: $T, b: $T| a % b, $f => $go),
            BinaryFn::Absorb => with_binary!(@ |a: $T, b: $T| if a == $T::zero() { $T::zero() } else { a * b }, $f => $go),
        }
    };
    (@ $body:expr, $f:ident => $go:expr) => {{
        let $f = $body;
        $go
    }};
}

#[inline(always)]
fn one_if<T: Real>(yes: bool) -> T {
    if yes { T::one() } else { T::zero() }
}

#[inline(always)]
fn sign<T: Real>(v: T) -> T {
    if v > T::zero() {
        T::one()
    } else if v < T::zero() {
        -T::one()
    } else {
        v * T::zero()
    }
}

#[inline(always)]
fn sigmoid<T: Real>(v: T) -> T {
    let e = (-v.abs()).exp();
    (if v < T::zero() { e } else { T::one() }) / (T::one() + e)
}

#[inline(always)]
fn softplus<T: Real>(v: T) -> T {
    (-v.abs()).exp().ln_1p() + if v > T::zero() { v } else { T::zero() }
}

per_isa! { fn unary_isa<T: Real>(f: UnaryFn, x: &[T], y: &mut [T]) = unary_body }
per_isa! { fn unary_in_place_isa<T: Real>(f: UnaryFn, x: &mut [T]) = unary_in_place_body }
per_isa! { fn binary_isa<T: Real>(f: BinaryFn, a: &[T], b: &[T], y: &mut [T]) = binary_body }
per_isa! { fn binary_left_isa<T: Real>(f: BinaryFn, a: &mut [T], b: &[T]) = binary_left_body }
per_isa! { fn binary_right_isa<T: Real>(f: BinaryFn, a: &[T], b: &mut [T]) = binary_right_body }
per_isa! { fn binary_with_isa<T: Real>(f: BinaryFn, a: &[T], c: T, y: &mut [T]) = binary_with_body }
per_isa! { fn binary_of_isa<T: Real>(f: BinaryFn, c: T, b: &[T], y: &mut [T]) = binary_of_body }
per_isa! { fn binary_with_in_place_isa<T: Real>(f: BinaryFn, a: &mut [T], c: T) = binary_with_in_place_body }
per_isa! { fn binary_of_in_place_isa<T: Real>(f: BinaryFn, c: T, b: &mut [T]) = binary_of_in_place_body }
per_isa! { fn select_isa<T: Real>(test: &[T], a: &[T], b: &[T], y: &mut [T]) = select_body }

#[inline(always)]
fn unary_body<T: Real, const FMA: bool>(f: UnaryFn, x: &[T], y: &mut [T]) {
    with_unary!(f, T, f => for (y, x) in y.iter_mut().zip(x) { *y = f(*x) });
}

#[inline(always)]
fn unary_in_place_body<T: Real, const FMA: bool>(f: UnaryFn, x: &mut [T]) {
    with_unary!(f, T, f => for x in x { *x = f(*x) });
}

#[inline(always)]
fn binary_body<T: Real, const FMA: bool>(f: BinaryFn, a: &[T], b: &[T], y: &mut [T]) {
    with_binary!(f, T, f => for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) { *y = f(*a, *b) });
}

#[inline(always)]
fn binary_left_body<T: Real, const FMA: bool>(f: BinaryFn, a: &mut [T], b: &[T]) {
    with_binary!(f, T, f => for (a, b) in a.iter_mut().zip(b) { *a = f(*a, *b) });
}

#[inline(always)]
fn binary_right_body<T: Real, const FMA: bool>(f: BinaryFn, a: &[T], b: &mut [T]) {
    with_binary!(f, T, f => for (b, a) in b.iter_mut().zip(a) { *b = f(*a, *b) });
}

#[inline(always)]
fn binary_with_body<T: Real, const FMA: bool>(f: BinaryFn, a: &[T], c: T, y: &mut [T]) {
    with_binary!(f, T, f => for (y, a) in y.iter_mut().zip(a) { *y = f(*a, c) });
}

#[inline(always)]
fn binary_of_body<T: Real, const FMA: bool>(f: BinaryFn, c: T, b: &[T], y: &mut [T]) {
    with_binary!(f, T, f => for (y, b) in y.iter_mut().zip(b) { *y = f(c, *b) });
}

#[inline(always)]
fn binary_with_in_place_body<T: Real, const FMA: bool>(f: BinaryFn, a: &mut [T], c: T) {
    with_binary!(f, T, f => for a in a { *a = f(*a, c) });
}

#[inline(always)]
fn binary_of_in_place_body<T: Real, const FMA: bool>(f: BinaryFn, c: T, b: &mut [T]) {
    with_binary!(f, T, f => for b in b { *b = f(c, *b) });
}

#[inline(always)]
fn select_body<T: Real, const FMA: bool>(test: &[T], a: &[T], b: &[T], y: &mut [T]) {
    for (y, (t, (a, b))) in y.iter_mut().zip(test.iter().zip(a.iter().zip(b))) {
        *y = if *t == T::zero() { *b } else { *a };
    }
}
