//! The elementary functions against references of twice the precision, at special values, and alone against among others.
use super::Random;
use super::math::{binary_scalar, unary_scalar};
use crate::kernels::math::{self, binary_of_one, unary_of_one};
use hypertape_ir::array::{Element, Real};
use hypertape_ir::operation::{BinaryFn, UnaryFn};
use hypertape_testkit::double_double::{self as exact, Double};

/// A function, its reference, the least and the greatest argument, and the bound on the error in units in the last place.
type Case = (UnaryFn, fn(f64) -> Double, f64, f64, f64);

/// Double precision: what the headers of the functions' files say. Beyond these arguments results are subnormal or constant.
const CASES: [Case; 16] = [
    (UnaryFn::Exp, |x| exact::exp(x), -700.0, 709.7, 0.75),
    (UnaryFn::ExpM1, exact::exp_m1, -40.0, 709.7, 1.25),
    (UnaryFn::Sigmoid, exact::sigmoid, -700.0, 40.0, 2.0),
    (UnaryFn::Softplus, exact::softplus, -600.0, 1e6, 1.5),
    (UnaryFn::Ln, |x| exact::ln(x), 1e-290, 1e300, 0.8),
    (UnaryFn::Ln1p, exact::ln_1p, -0.9999999999999999, 1e300, 0.9),
    (UnaryFn::Sin, |x| exact::sin_cos(x).0, -32768.0, 32768.0, 0.9),
    (UnaryFn::Cos, |x| exact::sin_cos(x).1, -32768.0, 32768.0, 0.9),
    (UnaryFn::Tan, exact::tan, -32768.0, 32768.0, 1.1),
    (UnaryFn::Asin, exact::asin, -1.0, 1.0, 1.25),
    (UnaryFn::Acos, exact::acos, -1.0, 1.0, 1.25),
    (UnaryFn::Atan, |x| exact::atan(x), -1e6, 1e6, 1.5),
    (UnaryFn::Sinh, exact::sinh, -710.4, 710.4, 1.25),
    (UnaryFn::Cosh, exact::cosh, -710.4, 710.4, 1.1),
    (UnaryFn::Tanh, exact::tanh, -22.0, 22.0, 1.9),
    (UnaryFn::Erf, exact::erf, -6.0, 6.0, 1.75),
];

/// Distance of neighbours of v in the type.
fn ulp<T: Real>(v: f64) -> f64 {
    let fraction = if size_of::<T>() == 4 { 23 } else { 52 };
    let exponent = ((v.abs().to_bits() >> 52) as i32 - 1023).max(if size_of::<T>() == 4 { -126 } else { -1022 });
    2f64.powi(exponent) * 2f64.powi(-fraction)
}

/// Error in units in the last place.
fn error<T: Real>(got: T, exact: Double) -> f64 {
    (((Element::to_f64(got) - exact.high) - exact.low) / ulp::<T>(exact.high)).abs()
}

/// Arguments in [lo, hi] of the type: every binade down to 2⁻⁷⁰, everywhere alike, and what is hard: next to multiples of π/4 and of
/// ½ ln 2, and next to ±½, ±1, √½, √2 and the ends.
fn arguments<T: Real>(lo: f64, hi: f64, r: &mut Random) -> Vec<T> {
    let mut all: Vec<f64> = (0..12_000).map(|_| lo + (hi - lo) * (0.5 + 0.5 * r.real())).collect();
    for k in -70..1000 {
        if 2f64.powi(k) > hi.max(-lo) {
            break;
        }
        all.extend((0..150).map(|_| 2f64.powi(k) * (1.5 + 0.5 * r.real()) * r.real().signum()));
    }
    for n in 0..2000 {
        let n = if n < 1000 { n } else { r.below(1 << 16) };
        all.extend([std::f64::consts::FRAC_PI_4, 0.5 * std::f64::consts::LN_2].map(|p| f64::from(n as u32) * p * r.real().signum()));
    }
    let next = |x: f64, k: i64| f64::from_bits((x.to_bits() as i64 + k) as u64);
    for x in [0.5, 1.0, 2.0, lo, hi, std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::SQRT_2] {
        all.extend((-40..40).flat_map(|k| [next(x, k), -next(x, k), x * (1.0 + 1e-3 * r.real()), -x * (1.0 + 1e-9 * r.real())]));
    }
    all.into_iter().map(T::from_f64).filter(|x| (lo..=hi).contains(&Element::to_f64(*x)) && *x != T::zero()).collect()
}

/// The greatest error, and where.
fn worst<T: Real>(x: &[T], y: impl Iterator<Item = T>, reference: impl Fn(T) -> Double) -> (f64, T) {
    let mut worst = (0.0, T::zero());
    for (x, y) in x.iter().zip(y) {
        let e = error(y, reference(*x));
        if e > worst.0 || e.is_nan() {
            worst = (e, *x);
        }
    }
    worst
}

fn accuracy<T: Real>(bound: impl Fn(f64) -> f64, least: f64, most: f64) {
    let mut r = Random::new(17);
    let mut report = String::new();
    let mut good = true;
    for (f, reference, lo, hi, double) in CASES {
        let x: Vec<T> = arguments(lo.max(if lo > 0.0 { least } else { -most }), hi.min(most), &mut r);
        let keep = |x: &T| reference(Element::to_f64(*x)).high.abs();
        let x: Vec<T> = x.into_iter().filter(|x| (least..most).contains(&keep(x))).collect();
        assert!(x.len() > 1000);
        let mut y = vec![T::nan(); x.len()];
        math::unary(f, &x, &mut y);
        let reference = |x: T| reference(Element::to_f64(x));
        let here = worst(&x, y.into_iter(), reference);
        let portable = worst(&x, x.iter().map(|x| unary_of_one::<T, false>(f, *x)), reference);
        good &= here.0 <= bound(double) && portable.0 <= bound(double);
        report +=
            &format!("\n{f:?}: {:.3} at {:e}, portable {:.3} at {:e}; bound {}", here.0, here.1, portable.0, portable.1, bound(double));
    }
    assert!(good, "errors in units in the last place:{report}");
}

#[test]
fn functions_of_one_number_are_within_their_bounds() {
    accuracy::<f64>(|double| double, 1e-300, f64::MAX);
    accuracy::<f32>(|double| double, 1e-37, 3e38);
}

fn accuracy_of_two<T: Real>(bounds: [f64; 2]) {
    let mut r = Random::new(18);
    let (mut power, mut angle) = ((0.0, T::zero(), T::zero()), (0.0, T::zero(), T::zero()));
    let (least, most) = if size_of::<T>() == 4 { (1e-37, 1e38) } else { (1e-290, 1e300) };
    for i in 0..60_000 {
        // Bases near 1 with large exponents, and of every size with small ones; points in every direction.
        let spread = if i % 2 == 0 { 0.5 } else { 60.0 };
        let x = T::from_f64((spread * r.real()).exp2());
        let y = T::from_f64(r.real() * 1.1 * f64::ln(most) / Element::to_f64(x).ln().abs().max(1e-3));
        let exact = exact::pow(Element::to_f64(x), Element::to_f64(y));
        if (least..most).contains(&exact.high) {
            for got in [binary_scalar(BinaryFn::Pow, x, y), binary_of_one::<T, false>(BinaryFn::Pow, x, y)] {
                let e = error(got, exact);
                if e > power.0 || e.is_nan() {
                    power = (e, x, y);
                }
            }
        }
        let (x, y) = (T::from_f64(r.real() * (spread * r.real()).exp2()), T::from_f64(r.real()));
        let exact = exact::atan2(Element::to_f64(y), Element::to_f64(x));
        for got in [binary_scalar(BinaryFn::Atan2, y, x), binary_of_one::<T, false>(BinaryFn::Atan2, y, x)] {
            let e = error(got, exact);
            if e > angle.0 || e.is_nan() {
                angle = (e, y, x);
            }
        }
    }
    assert!(power.0 <= bounds[0] && angle.0 <= bounds[1], "errors in units in the last place: pow {power:?}, atan2 {angle:?}");
}

#[test]
fn functions_of_two_numbers_are_within_their_bounds() {
    accuracy_of_two::<f64>([0.8, 1.5]);
    accuracy_of_two::<f32>([0.8, 1.5]);
}

/// Subnormal results round once more than others: one unit, of 2⁻¹⁰⁷⁴.
#[test]
fn subnormal_results_are_within_a_unit() {
    let mut r = Random::new(19);
    for _ in 0..4000 {
        let x = -726.5 + 18.5 * r.real();
        let exact = exact::exp_scaled(x.into(), 300);
        for f in [UnaryFn::Exp, UnaryFn::Sigmoid, UnaryFn::Softplus] {
            for got in [unary_scalar(f, x), unary_of_one::<f64, false>(f, x)] {
                let e = (got * 2f64.powi(300) - exact.high) / 2f64.powi(300 - 1074);
                assert!(e.abs() <= 1.0 + exact.high * f64::EPSILON / 2f64.powi(300 - 1074), "{f:?}({x}) is {e} units off");
            }
        }
    }
    for x in [1e-310, 5e-324, 2e-308] {
        assert!(error(unary_scalar(UnaryFn::Ln, x), exact::ln(x)) <= 0.75);
    }
}

/// Two units at most in single precision, against double, at every so many-th number that there is.
#[test]
fn single_precision_is_within_its_bounds_everywhere() {
    const STEP: u32 = 4099;
    const COUNT: u32 = u32::MAX / STEP;
    let numbers = |from: u32| (from..COUNT.min(from + 4096)).map(|i| f32::from_bits(i * STEP)).collect::<Vec<_>>();
    let (mut y, mut exact, mut bad) = ([0.0; 4096], [0.0; 4096], String::new());
    for (f, ..) in CASES {
        let mut worst = (0.0, 0.0, 0.0);
        for x in (0..COUNT - 4096).step_by(4096).map(numbers) {
            let (y, exact) = (&mut y[..x.len()], &mut exact[..x.len()]);
            math::unary(f, &x, y);
            math::unary(f, &x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>(), exact);
            for ((x, y), exact) in x.iter().zip(y).zip(exact) {
                if *exact as f32 == *y || exact.is_nan() && y.is_nan() {
                    continue;
                }
                // Subnormal results round once more than others.
                let more = if exact.abs() < f64::from(f32::MIN_POSITIVE) { 0.5 } else { 0.0 };
                let e = (f64::from(*y) - *exact).abs() / ulp::<f32>(*exact) - more;
                if e > worst.0 || e.is_nan() {
                    worst = (e, *x, *y);
                }
            }
        }
        if worst.0 > 2.0 || f64::is_nan(worst.0) {
            bad += &format!("\n{f:?}({:e}) gave {:e}: {} units in the last place", worst.1, worst.2, worst.0);
        }
    }
    assert!(bad.is_empty(), "{bad}");
}

const UNARY: [UnaryFn; 22] = super::math::UNARY;
const BINARY: [BinaryFn; 2] = [BinaryFn::Pow, BinaryFn::Atan2];

fn same<T: Real>(a: T, b: T) -> bool {
    a == b && a.is_sign_negative() == b.is_sign_negative() || a.is_nan() && b.is_nan()
}

/// A result does not depend on where in a slice its argument stands.
fn position<T: Real>() {
    let mut r = Random::new(20);
    let special = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-310, 1e30, -1e5, 40000.0, -745.1, 709.9];
    let mut draw = || -> Vec<T> {
        (0..80).map(|i| T::from_f64(if i % 9 == 4 { r.pick(&special) } else { r.real() * (8.0 * r.real()).exp2() })).collect()
    };
    let (x, b) = (draw(), draw());
    let mut y = [T::nan(); 80];
    for offset in 0..9 {
        for n in 0..=70 {
            let (x, b, y) = (&x[offset..offset + n], &b[offset..offset + n], &mut y[..n]);
            for f in UNARY {
                math::unary(f, x, y);
                assert!((0..n).all(|i| same(y[i], unary_scalar(f, x[i]))), "{f:?} from {offset}, {n} long");
            }
            for f in BINARY {
                math::binary(f, x, b, y);
                assert!((0..n).all(|i| same(y[i], binary_scalar(f, x[i], b[i]))), "{f:?} from {offset}, {n} long");
                math::binary_with(f, x, b[n / 2..].first().copied().unwrap_or_default(), y);
                assert!((0..n).all(|i| same(y[i], binary_scalar(f, x[i], b[n / 2]))), "{f:?} from {offset}, {n} long");
                math::binary_of(f, b[n / 2..].first().copied().unwrap_or_default(), x, y);
                assert!((0..n).all(|i| same(y[i], binary_scalar(f, b[n / 2], x[i]))), "{f:?} from {offset}, {n} long");
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_position() {
    position::<f64>();
    position::<f32>();
}

fn special<T: Real>() {
    use UnaryFn::*;
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let odd = [ExpM1, Ln1p, Sin, Tan, Asin, Atan, Sinh, Tanh, Erf];
    let zeros = odd.iter().flat_map(|f| [(*f, 0.0, 0.0), (*f, -0.0, -0.0)]);
    let nans = UNARY.iter().map(|f| (*f, nan, nan));
    let half_pi = std::f64::consts::FRAC_PI_2;
    let tiny = if size_of::<T>() == 4 { f64::from(f32::from_bits(1)) } else { f64::from_bits(1) };
    let tinies = odd.iter().flat_map(|f| [(*f, tiny, tiny), (*f, -tiny, -tiny)]).filter(|(f, ..)| *f != Erf);
    let table = [
        (Exp, 0.0, 1.0),
        (Exp, -0.0, 1.0),
        (Exp, inf, inf),
        (Exp, -inf, 0.0),
        (Exp, 1e4, inf),
        (Exp, -1e4, 0.0),
        (ExpM1, inf, inf),
        (ExpM1, -inf, -1.0),
        (ExpM1, 1e4, inf),
        (ExpM1, -1e4, -1.0),
        (Sigmoid, 0.0, 0.5),
        (Sigmoid, inf, 1.0),
        (Sigmoid, -inf, 0.0),
        (Softplus, inf, inf),
        (Softplus, -inf, 0.0),
        (Ln, 0.0, -inf),
        (Ln, -0.0, -inf),
        (Ln, 1.0, 0.0),
        (Ln, inf, inf),
        (Ln, -1.0, nan),
        (Ln, -inf, nan),
        (Ln1p, -1.0, -inf),
        (Ln1p, inf, inf),
        (Ln1p, -1.5, nan),
        (Ln1p, -inf, nan),
        (Sin, inf, nan),
        (Cos, -inf, nan),
        (Tan, inf, nan),
        (Cos, 0.0, 1.0),
        (Asin, 1.0, half_pi),
        (Asin, -1.0, -half_pi),
        (Asin, 1.5, nan),
        (Asin, -inf, nan),
        (Acos, 1.0, 0.0),
        (Acos, -1.0, 2.0 * half_pi),
        (Acos, 0.0, half_pi),
        (Acos, -1.5, nan),
        (Acos, inf, nan),
        (Atan, inf, half_pi),
        (Atan, -inf, -half_pi),
        (Sinh, inf, inf),
        (Sinh, -inf, -inf),
        (Sinh, 1e4, inf),
        (Cosh, 0.0, 1.0),
        (Cosh, -inf, inf),
        (Cosh, 1e4, inf),
        (Tanh, inf, 1.0),
        (Tanh, -inf, -1.0),
        (Tanh, 1e4, 1.0),
        (Erf, inf, 1.0),
        (Erf, -inf, -1.0),
        (Erf, 1e4, 1.0),
    ];
    for (f, x, y) in table.into_iter().chain(zeros).chain(nans).chain(tinies) {
        let (x, y) = (T::from_f64(x), T::from_f64(y));
        for got in [unary_scalar(f, x), unary_of_one::<T, false>(f, x)] {
            assert!(same(got, y), "{f:?}({x}) gave {got}, not {y}");
        }
    }
}

/// The cases that ISO C, annex F, lists for pow and atan2, which the system's functions satisfy, and numbers about them.
fn special_of_two<T: Real>() {
    let all = [0.0, 0.5, 1.0, 2.0, 3.0, 3.5, 1e30, f64::INFINITY].map(|v| [v, -v]).concat();
    for a in all.iter().chain([&f64::NAN]) {
        for b in all.iter().chain([&f64::NAN]) {
            let (a, b) = (T::from_f64(*a), T::from_f64(*b));
            for (f, expected) in [(BinaryFn::Pow, a.powf(b)), (BinaryFn::Atan2, a.atan2(b))] {
                for got in [binary_scalar(f, a, b), binary_of_one::<T, false>(f, a, b)] {
                    let near =
                        (got - expected).abs() <= T::epsilon() * expected.abs() && got.is_sign_negative() == expected.is_sign_negative();
                    assert!(same(got, expected) || near, "{f:?}({a}, {b}) gave {got}, not {expected}");
                }
            }
        }
    }
}

#[test]
fn special_values() {
    special::<f64>();
    special::<f32>();
    special_of_two::<f64>();
    special_of_two::<f32>();
}

/// Beyond the reduction of arguments the system's functions answer, whatever the neighbours are.
#[test]
fn large_angles() {
    for x in [32768.0f64, 32769.0, -1e6, 1e22, f64::MAX] {
        for (f, system) in [(UnaryFn::Sin, x.sin()), (UnaryFn::Cos, x.cos()), (UnaryFn::Tan, x.tan())] {
            let mut y = [0.0; 3];
            math::unary(f, &[0.5, x, 40.0], &mut y);
            assert!((y[1] - system).abs() <= 2.0 * ulp::<f64>(system), "{f:?}({x})");
            assert_eq!([y[0], y[1], y[2]], [0.5, x, 40.0].map(|x| unary_scalar(f, x)));
        }
    }
}
