//! Elementwise functions against scalar ones, at ordinary and at special values.
use super::Random;
use crate::kernels::isa::{on_each, per_isa};
use crate::kernels::math::{self, Sum, binary_of_one, mul_add_body, scale_add_body, select_body, unary_of_one};
use hypertape_ir::array::Real;
use hypertape_ir::operation::{BinaryFn, UnaryFn};

pub(crate) const UNARY: [UnaryFn; 22] = {
    use UnaryFn::*;
    [Neg, Abs, Sign, Sqrt, Recip, Floor, Exp, ExpM1, Ln, Ln1p, Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Tanh, Sigmoid, Softplus, Erf]
};
const BINARY: [BinaryFn; 14] = {
    use BinaryFn::*;
    [Add, Sub, Mul, Div, Max, Min, Less, LessEq, Equal, Share, Pow, Atan2, Rem, Absorb]
};

per_isa! { pub(crate) fn unary_scalar<T: Real>(f: UnaryFn, x: T) -> T = unary_of_one }
per_isa! { fn mul_add<T: Real>(s: Sum, a: &[T], b: &[T], c: &[T], y: &mut [T]) = mul_add_body }
per_isa! { fn scale_add<T: Real>(s: Sum, a: &[T], b: T, c: &[T], y: &mut [T]) = scale_add_body }
per_isa! { fn select<T: Real>(test: &[T], a: &[T], b: &[T], y: &mut [T]) = select_body }
per_isa! { pub(crate) fn binary_scalar<T: Real>(f: BinaryFn, a: T, b: T) -> T = binary_of_one }

/// The function in double precision, with the system's functions.
pub(crate) fn exact(f: UnaryFn, v: f64) -> f64 {
    match f {
        UnaryFn::Neg => -v,
        UnaryFn::Abs => v.abs(),
        UnaryFn::Sign => {
            if v == 0.0 || v.is_nan() {
                v
            } else {
                v.signum()
            }
        }
        UnaryFn::Sqrt => v.sqrt(),
        UnaryFn::Recip => 1.0 / v,
        UnaryFn::Floor => v.floor(),
        UnaryFn::Exp => v.exp(),
        UnaryFn::ExpM1 => v.exp_m1(),
        UnaryFn::Ln => v.ln(),
        UnaryFn::Ln1p => v.ln_1p(),
        UnaryFn::Sin => v.sin(),
        UnaryFn::Cos => v.cos(),
        UnaryFn::Tan => v.tan(),
        UnaryFn::Asin => v.asin(),
        UnaryFn::Acos => v.acos(),
        UnaryFn::Atan => v.atan(),
        UnaryFn::Sinh => v.sinh(),
        UnaryFn::Cosh => v.cosh(),
        UnaryFn::Tanh => v.tanh(),
        UnaryFn::Sigmoid => {
            if v < 0.0 {
                v.exp() / (1.0 + v.exp())
            } else {
                1.0 / (1.0 + (-v).exp())
            }
        }
        UnaryFn::Softplus => {
            if v > 40.0 {
                v
            } else {
                v.exp().ln_1p()
            }
        }
        UnaryFn::Erf => libm::erf(v),
        UnaryFn::Own(own) => own.value(v),
    }
}

fn exact2(f: BinaryFn, a: f64, b: f64) -> f64 {
    match f {
        BinaryFn::Add => a + b,
        BinaryFn::Sub => a - b,
        BinaryFn::Mul => a * b,
        BinaryFn::Div => a / b,
        BinaryFn::Max | BinaryFn::Min if a.is_nan() || b.is_nan() => f64::NAN,
        BinaryFn::Max => a.max(b),
        BinaryFn::Min => a.min(b),
        BinaryFn::Less => f64::from(u8::from(a < b)),
        BinaryFn::LessEq => f64::from(u8::from(a <= b)),
        BinaryFn::Equal => f64::from(u8::from(a == b)),
        BinaryFn::Share => f64::from(u8::from(a <= b)) - 0.5 * f64::from(u8::from(a == b)),
        BinaryFn::Pow => a.powf(b),
        BinaryFn::Atan2 => a.atan2(b),
        BinaryFn::Rem => a % b,
        BinaryFn::Absorb => {
            if a == 0.0 {
                0.0
            } else {
                a * b
            }
        }
    }
}

const SPECIAL: [f64; 13] =
    [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 30.0, -30.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE];

fn close<T: Real>(got: T, expected: f64) -> bool {
    let e = T::from_f64(expected);
    got == e || got.is_nan() && e.is_nan() || (got - e).abs() <= e.abs() * T::epsilon() * T::from_f64(4.0)
}

/// The same bits, or both not a number.
fn same<T: Real>(a: T, b: T) -> bool {
    a == b && a.is_sign_negative() == b.is_sign_negative() || a.is_nan() && b.is_nan()
}

fn unary<T: Real>() {
    let mut r = Random::new(8);
    for f in UNARY {
        for n in [0, 1, 7, 64, 301] {
            let x: Vec<T> = (0..n).map(|i| T::from_f64(if i < SPECIAL.len() { SPECIAL[i] } else { 3.0 * r.real() })).collect();
            let mut y = vec![T::nan(); n];
            math::unary(f, &x, &mut y);
            for i in 0..n {
                assert!(close(y[i], exact(f, x[i].to_f64())), "{f:?}({}) gave {}", x[i], y[i]);
            }
        }
    }
}

fn binary<T: Real>() {
    let mut r = Random::new(9);
    for f in BINARY {
        for n in [0, 1, 200] {
            let mut draw =
                |k: usize| -> Vec<T> { (0..n).map(|i| T::from_f64(if i < 169 { SPECIAL[i / k % 13] } else { 3.0 * r.real() })).collect() };
            let (a, b) = (draw(1), draw(13));
            let mut y = vec![T::nan(); n];
            math::binary(f, &a, &b, &mut y);
            for i in 0..n {
                // In single precision the arguments are what the test's reference sees.
                assert!(close(y[i], exact2(f, a[i].to_f64(), b[i].to_f64())), "{f:?}({}, {}) gave {}", a[i], b[i], y[i]);
                let mut one = [T::nan(); 1];
                math::binary_with(f, &a[i..=i], b[i], &mut one);
                let mut other = [T::nan(); 1];
                math::binary_of(f, a[i], &b[i..=i], &mut other);
                for v in [one[0], other[0], binary_scalar(f, a[i], b[i])] {
                    assert!(same(v, y[i]), "{f:?}({}, {}): {v} and {}", a[i], b[i], y[i]);
                }
            }
        }
    }
}

#[test]
fn functions_of_one_number() {
    unary::<f64>();
    unary::<f32>();
}

#[test]
fn functions_of_two_numbers() {
    binary::<f64>();
    binary::<f32>();
}

/// Both roundings, as of a product and a sum that follow each other.
fn sums_with_products<T: Real>() {
    let mut r = Random::new(10);
    let mut draw = || -> Vec<T> { (0..301).map(|i| T::from_f64(if i % 7 == 3 { r.pick(&SPECIAL) } else { 3.0 * r.real() })).collect() };
    let (a, b, c) = (draw(), draw(), draw());
    for (s, sum) in [(Sum::Plus, (|p, c| p + c) as fn(T, T) -> T), (Sum::Minus, |p, c| p - c), (Sum::From, |p, c| c - p)] {
        for n in [0, 1, 7, 64, 301] {
            let mut y = vec![T::nan(); n];
            mul_add(s, &a, &b, &c, &mut y);
            assert!((0..n).all(|i| same(y[i], sum(a[i] * b[i], c[i]))), "{s:?}");
            scale_add(s, &a, b[5], &c, &mut y);
            assert!((0..n).all(|i| same(y[i], sum(a[i] * b[5], c[i]))), "{s:?} with a number");
        }
    }
}

#[test]
fn sums_with_products_in_them() {
    on_each(|| {
        sums_with_products::<f64>();
        sums_with_products::<f32>();
    });
}

#[test]
fn selects() {
    let mut y = [0.0; 4];
    select(&[0.0, -0.0, 1.0, f64::NAN], &[1.0; 4], &[2.0; 4], &mut y);
    assert_eq!(y, [2.0, 2.0, 1.0, 1.0]);
}
