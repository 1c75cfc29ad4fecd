//! Emitters that compose operations: values against their formulas, and all derivatives.

use crate::support::derivatives::{Check, check};
use crate::support::{build, f64s, run, uniform};
use hypertape_autodiff::operation::{Builder, Value};
use hypertape_testkit::differences::{assert_close, rounding};

/// All derivatives at a random point of this shape, and the value against a formula of the flat elements.
#[track_caller]
fn holds(shape: &[usize], f: impl Fn(&mut Builder, Value) -> Value, formula: impl Fn(&[f64]) -> Vec<f64>) {
    let t = f64s(shape);
    let p = build(std::slice::from_ref(&t), |b, v| vec![f(b, v[0])]);
    let at = [uniform(&t, 11)];
    let (found, expected) = (run(&p, &at)[0].to_f64(), formula(&at[0].to_f64()));
    assert_close("value", &found, &expected, rounding(t.len(), 8.0));
    check(&p, &at, Check { growth: 8.0, ..Check::default() });
}

fn rows(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    x.chunks(4).map(f).collect()
}

fn lse(x: &[f64]) -> f64 {
    x.iter().map(|v| v.exp()).sum::<f64>().ln()
}

#[test]
fn means_and_norms() {
    holds(&[3, 4], |b, x| b.mean(x, &[1]), |x| rows(x, |r| r.iter().sum::<f64>() / 4.0));
    holds(&[3, 4], |b, x| b.mean(x, &[0, 1]), |x| vec![x.iter().sum::<f64>() / 12.0]);
    holds(&[3, 4], |b, x| b.norm_l2(x, &[1]), |x| rows(x, |r| r.iter().map(|v| v * v).sum::<f64>().sqrt()));
    holds(&[3, 4], |b, x| b.norm_squared(x, &[1]), |x| rows(x, |r| r.iter().map(|v| v * v).sum()));
    let nothing = build(&[f64s(&[0])], |b, v| vec![b.mean(v[0], &[0])]);
    assert!(run(&nothing, &[uniform(&f64s(&[0]), 1)])[0].to_f64()[0].is_nan());
    let l1 = |b: &mut Builder, x: Value| {
        let away = b.plus_number(x, 1.5);
        b.norm_l1(away, &[1])
    };
    holds(&[3, 4], l1, |x| rows(x, |r| r.iter().map(|v| v + 1.5).sum()));
}

#[test]
fn exponentials_over_an_axis() {
    holds(&[3, 4], |b, x| b.logsumexp(x, &[1]), |x| rows(x, lse));
    holds(&[3, 4], |b, x| b.logsumexp(x, &[0, 1]), |x| vec![lse(x)]);
    holds(&[3, 4], |b, x| b.softmax(x, &[1]), |x| x.chunks(4).flat_map(|r| r.iter().map(|v| (v - lse(r)).exp())).collect());
    holds(&[3, 4], |b, x| b.log_softmax(x, &[1]), |x| x.chunks(4).flat_map(|r| r.iter().map(|v| v - lse(r))).collect());
    // Far from 0 the exponentials would overflow.
    let far = |b: &mut Builder, x: Value| {
        let x = b.plus_number(x, 900.0);
        let y = b.logsumexp(x, &[1]);
        b.plus_number(y, -900.0)
    };
    let t = f64s(&[3, 4]);
    let p = build(std::slice::from_ref(&t), |b, v| vec![far(b, v[0])]);
    let at = uniform(&t, 3);
    assert_close("far", &run(&p, std::slice::from_ref(&at))[0].to_f64(), &rows(&at.to_f64(), lse), rounding(4, 900.0));
}

#[test]
fn compositions_of_elementwise_functions() {
    holds(&[5], |b, x| b.log_sigmoid(x), |x| x.iter().map(|v| -(-v).exp().ln_1p()).collect());
    let entropy = |b: &mut Builder, x: Value| {
        let p = b.plus_number(x, 1.5);
        b.x_ln_y(p, p)
    };
    holds(&[5], entropy, |x| x.iter().map(|v| (v + 1.5) * (v + 1.5).ln()).collect());
    let ceiling = |b: &mut Builder, x: Value| {
        let half = b.scale(x, 0.5);
        let c = b.ceil(half);
        b.add(c, x)
    };
    holds(&[5], ceiling, |x| x.iter().map(|v| (v / 2.0).ceil() + v).collect());
}

#[test]
fn comparisons_by_swaps() {
    let types = [f64s(&[3]), f64s(&[3])];
    let p =
        build(&types, |b, v| vec![b.greater(v[0], v[1]), b.greater_equal(v[0], v[1]), b.not_equal(v[0], v[1]), b.clamp_to(v[0], 0.5, 2.0)]);
    let at = [crate::support::array(&[3], &[0.0, 1.0, f64::NAN]), crate::support::array(&[3], &[-1.0, 1.0, 1.0])];
    let out = run(&p, &at);
    assert_eq!(out[0].to_f64(), [1.0, 0.0, 0.0]);
    assert_eq!(out[1].to_f64(), [1.0, 1.0, 0.0]);
    assert_eq!(out[2].to_f64(), [1.0, 0.0, 1.0]);
    assert_eq!(out[3].to_f64()[..2], [0.5, 1.0]);
}

#[test]
fn identities_do_not_hide_mistakes() {
    for write in [
        (|b, v| {
            let zero = b.full(&f64s(&[2]), 0.0);
            b.add(v, zero)
        }) as fn(&mut Builder, Value) -> Value,
        |b, v| {
            let one = b.full(&f64s(&[2]), 1.0);
            b.mul(one, v)
        },
        |b, v| b.sum(v, &[1]),
        |b, v| {
            let yes = b.full(&f64s(&[]), 1.0);
            b.select(yes, v, v)
        },
    ] {
        let mut b = Builder::new();
        let v = b.input(f64s(&[3]));
        let y = write(&mut b, v);
        assert!(b.finish(&[y]).is_err());
    }
}
