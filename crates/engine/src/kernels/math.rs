//! Elementwise functions over slices: one loop for each function.
use super::elementary;
use super::isa::per_isa;
use hypertape_ir::array::Real;
use hypertape_ir::operation::{BinaryFn, UnaryFn};

/// A sum or difference with a product in it. It is rounded twice: after the product and after the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sum {
    /// a·b + c.
    Plus,
    /// a·b − c.
    Minus,
    /// c − a·b.
    From,
}

/// y_i = f(x_i).
pub(crate) fn unary<T: Real>(f: UnaryFn, x: &[T], y: &mut [T]) {
    let n = y.len();
    unary_isa(f, &x[..n], y);
}

/// y_i = f(a_i, b_i).
pub(crate) fn binary<T: Real>(f: BinaryFn, a: &[T], b: &[T], y: &mut [T]) {
    let n = y.len();
    binary_isa(f, &a[..n], &b[..n], y);
}

/// y_i = f(a_i, c).
pub(crate) fn binary_with<T: Real>(f: BinaryFn, a: &[T], c: T, y: &mut [T]) {
    let n = y.len();
    binary_with_isa(f, &a[..n], c, y);
}

/// y_i = f(c, b_i).
pub(crate) fn binary_of<T: Real>(f: BinaryFn, c: T, b: &[T], y: &mut [T]) {
    let n = y.len();
    binary_of_isa(f, c, &b[..n], y);
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
            UnaryFn::Exp => with_unary!(@ elementary::exp::<$T, FMA>, $f => $go),
            UnaryFn::ExpM1 => with_unary!(@ elementary::exp_m1::<$T, FMA>, $f => $go),
            UnaryFn::Ln => with_unary!(@ elementary::ln::<$T, FMA>, $f => $go),
            UnaryFn::Ln1p => with_unary!(@ elementary::ln_1p::<$T, FMA>, $f => $go),
            UnaryFn::Sin => with_unary!(@ elementary::sin::<$T, FMA>, $f => $go),
            UnaryFn::Cos => with_unary!(@ elementary::cos::<$T, FMA>, $f => $go),
            UnaryFn::Tan => with_unary!(@ elementary::tan::<$T, FMA>, $f => $go),
            UnaryFn::Asin => with_unary!(@ elementary::asin::<$T, FMA>, $f => $go),
            UnaryFn::Acos => with_unary!(@ elementary::acos::<$T, FMA>, $f => $go),
            UnaryFn::Atan => with_unary!(@ elementary::atan::<$T, FMA>, $f => $go),
            UnaryFn::Sinh => with_unary!(@ elementary::sinh::<$T, FMA>, $f => $go),
            UnaryFn::Cosh => with_unary!(@ elementary::cosh::<$T, FMA>, $f => $go),
            UnaryFn::Tanh => with_unary!(@ elementary::tanh::<$T, FMA>, $f => $go),
            UnaryFn::Sigmoid => with_unary!(@ elementary::sigmoid::<$T, FMA>, $f => $go),
            UnaryFn::Softplus => with_unary!(@ elementary::softplus::<$T, FMA>, $f => $go),
            UnaryFn::Erf => with_unary!(@ elementary::erf::<$T, FMA>, $f => $go),
            UnaryFn::Own(own) => with_unary!(@ |v: $T| own.value(v), $f => $go),
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
            BinaryFn::Share => with_binary!(@ share::<$T>, $f => $go),
            BinaryFn::Pow => with_binary!(@ elementary::pow::<$T, FMA>, $f => $go),
            BinaryFn::Atan2 => with_binary!(@ elementary::atan2::<$T, FMA>, $f => $go),
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
fn share<T: Real>(a: T, b: T) -> T {
    let half = one_if::<T>(a == b) * T::from_f64(0.5);
    if a < b { T::one() } else { half }
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

per_isa! { fn unary_isa<T: Real>(f: UnaryFn, x: &[T], y: &mut [T]) = unary_body }
per_isa! { fn binary_isa<T: Real>(f: BinaryFn, a: &[T], b: &[T], y: &mut [T]) = binary_body }
per_isa! { fn binary_with_isa<T: Real>(f: BinaryFn, a: &[T], c: T, y: &mut [T]) = binary_with_body }
per_isa! { fn binary_of_isa<T: Real>(f: BinaryFn, c: T, b: &[T], y: &mut [T]) = binary_of_body }

#[inline(always)]
pub(super) fn unary_body<T: Real, const FMA: bool>(f: UnaryFn, x: &[T], y: &mut [T]) {
    with_unary!(f, T, f => for (y, x) in y.iter_mut().zip(x) { *y = f(*x) });
    if let Some(periodic) = elementary::periodic::<T>(f) {
        // Such arguments are rare, so all are tested first, before any result is replaced.
        if x.iter().fold(false, |any, x| any | elementary::beyond_reduction(*x)) {
            y.iter_mut().zip(x).filter(|(_, x)| elementary::beyond_reduction(**x)).for_each(|(y, x)| *y = periodic(*x));
        }
    }
}

/// f of one number, with the same bits as in a slice.
#[inline(always)]
pub(super) fn unary_of_one<T: Real, const FMA: bool>(f: UnaryFn, x: T) -> T {
    let y = with_unary!(f, T, f => f(x));
    if elementary::beyond_reduction(x) {
        return elementary::periodic(f).map_or(y, |periodic: fn(T) -> T| periodic(x));
    }
    y
}

#[inline(always)]
pub(super) fn binary_body<T: Real, const FMA: bool>(f: BinaryFn, a: &[T], b: &[T], y: &mut [T]) {
    with_binary!(f, T, f => for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) { *y = f(*a, *b) });
}

#[inline(always)]
pub(super) fn binary_with_body<T: Real, const FMA: bool>(f: BinaryFn, a: &[T], c: T, y: &mut [T]) {
    with_binary!(f, T, f => for (y, a) in y.iter_mut().zip(a) { *y = f(*a, c) });
}

#[inline(always)]
pub(super) fn binary_of_body<T: Real, const FMA: bool>(f: BinaryFn, c: T, b: &[T], y: &mut [T]) {
    with_binary!(f, T, f => for (y, b) in y.iter_mut().zip(b) { *y = f(c, *b) });
}

/// f of two numbers, with the same bits as in slices.
#[inline(always)]
pub(super) fn binary_of_one<T: Real, const FMA: bool>(f: BinaryFn, a: T, b: T) -> T {
    with_binary!(f, T, f => f(a, b))
}

/// a·b + c, a·b − c or c − a·b, rounded twice.
#[inline(always)]
pub(super) fn mul_add_of_one<T: Real>(s: Sum, a: T, b: T, c: T) -> T {
    match s {
        Sum::Plus => a * b + c,
        Sum::Minus => a * b - c,
        Sum::From => c - a * b,
    }
}

/// Runs `$go` with `$s` bound to the form that `$which` has, as a constant.
macro_rules! with_sum {
    ($which:expr, $s:ident => $go:expr) => {
        match $which {
            Sum::Plus => with_sum!(@ Sum::Plus, $s => $go),
            Sum::Minus => with_sum!(@ Sum::Minus, $s => $go),
            Sum::From => with_sum!(@ Sum::From, $s => $go),
        }
    };
    (@ $form:expr, $s:ident => $go:expr) => {{
        let $s = $form;
        $go
    }};
}

/// y_i = a_i b_i + c_i, a_i b_i − c_i or c_i − a_i b_i.
#[inline(always)]
pub(super) fn mul_add_body<T: Real, const FMA: bool>(s: Sum, a: &[T], b: &[T], c: &[T], y: &mut [T]) {
    with_sum!(s, s => for (y, (a, (b, c))) in y.iter_mut().zip(a.iter().zip(b.iter().zip(c))) { *y = mul_add_of_one(s, *a, *b, *c) });
}

/// y_i = a_i b + c_i, a_i b − c_i or c_i − a_i b.
#[inline(always)]
pub(super) fn scale_add_body<T: Real, const FMA: bool>(s: Sum, a: &[T], b: T, c: &[T], y: &mut [T]) {
    with_sum!(s, s => for (y, (a, c)) in y.iter_mut().zip(a.iter().zip(c)) { *y = mul_add_of_one(s, *a, b, *c) });
}

/// y_i = a_i where test_i is not 0, else b_i.
#[inline(always)]
pub(super) fn select_body<T: Real, const FMA: bool>(test: &[T], a: &[T], b: &[T], y: &mut [T]) {
    for (y, (t, (a, b))) in y.iter_mut().zip(test.iter().zip(a.iter().zip(b))) {
        // Read both first: otherwise compilers may select an address instead of a value.
        let (a, b) = (*a, *b);
        *y = if *t == T::zero() { b } else { a };
    }
}
