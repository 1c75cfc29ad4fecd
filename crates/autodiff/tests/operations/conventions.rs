//! What derivatives are where there is none: kinks, ties, infinite slopes, unused branches. Forward and reverse mode agree on them.

use crate::support::{array, build, f64s, run};
use hypertape_autodiff::operation::{Builder, Value};
use hypertape_autodiff::transform::{jvp, vjp};

type Elementwise = fn(&mut Builder, &[Value]) -> Value;

/// ∂y/∂x_i of an elementwise function at one point, in both modes, which must agree to the bit (NaN equals NaN).
#[track_caller]
fn slope(f: Elementwise, x: &[f64], i: usize) -> f64 {
    let types = vec![f64s(&[]); x.len()];
    let p = build(&types, |b, v| vec![f(b, v)]);
    let active: Vec<bool> = (0..x.len()).map(|k| k == i).collect();
    let mut at: Vec<_> = x.iter().map(|v| array(&[], &[*v])).collect();
    at.push(array(&[], &[1.0]));
    let forward = run(&jvp(&p, &active, &[true]).unwrap(), &at)[1].to_f64()[0];
    let backward = run(&vjp(&p, &active, &[true]).unwrap(), &at)[1].to_f64()[0];
    assert!(forward == backward || (forward.is_nan() && backward.is_nan()), "forward {forward}, reverse {backward}");
    forward
}

/// The second derivative for the first operand, as jvp of vjp.
fn curvature(f: Elementwise, x: f64) -> f64 {
    let p = build(&[f64s(&[])], |b, v| vec![f(b, v)]);
    let g = vjp(&p, &[true], &[true]).unwrap();
    let h = jvp(&g, &[true, false], &[false, true]).unwrap();
    let one = array(&[], &[1.0]);
    run(&h, &[array(&[], &[x]), one.clone(), one]).pop().unwrap().to_f64()[0]
}

/// The gradient of a function of a vector, in both modes.
#[track_caller]
fn gradient(f: impl Fn(&mut Builder, Value) -> Value, x: &[f64]) -> Vec<f64> {
    let p = build(&[f64s(&[x.len()])], |b, v| vec![f(b, v[0])]);
    let point = array(&[x.len()], x);
    let back = vjp(&p, &[true], &[true]).unwrap();
    let reverse = run(&back, &[point.clone(), array(&[], &[1.0])])[1].to_f64();
    let forward = jvp(&p, &[true], &[true]).unwrap();
    for i in 0..x.len() {
        let e: Vec<f64> = (0..x.len()).map(|k| f64::from(u8::from(k == i))).collect();
        let along = run(&forward, &[point.clone(), array(&[x.len()], &e)])[1].to_f64()[0];
        assert!(along == reverse[i] || (along.is_nan() && reverse[i].is_nan()), "element {i}: forward {along}, reverse {}", reverse[i]);
    }
    reverse
}

#[test]
fn abs_is_flat_at_zero() {
    assert_eq!(slope(|b, x| b.abs(x[0]), &[0.0], 0), 0.0);
    assert_eq!(slope(|b, x| b.abs(x[0]), &[-0.0], 0), 0.0);
}

#[test]
fn relu_is_flat_at_zero() {
    assert_eq!(slope(|b, x| b.relu(x[0]), &[0.0], 0), 0.0);
    assert_eq!(slope(|b, x| b.relu(x[0]), &[f64::MIN_POSITIVE], 0), 1.0);
}

#[test]
fn ties_of_maximum_and_minimum_share_equally() {
    for i in 0..2 {
        assert_eq!(slope(|b, x| b.maximum(x[0], x[1]), &[3.0, 3.0], i), 0.5);
        assert_eq!(slope(|b, x| b.minimum(x[0], x[1]), &[3.0, 3.0], i), 0.5);
    }
    assert_eq!(slope(|b, x| b.clamp_to(x[0], 0.0, 1.0), &[1.0], 0), 0.5);
}

#[test]
fn ties_over_an_axis_share_equally() {
    assert_eq!(gradient(|b, x| b.max(x, &[0]), &[1.0, 4.0, 4.0, 2.0, 4.0, 4.0]), [0.0, 0.25, 0.25, 0.0, 0.25, 0.25]);
    assert_eq!(gradient(|b, x| b.min(x, &[0]), &[1.0, 4.0, 1.0]), [0.5, 0.0, 0.5]);
}

#[test]
fn soft_threshold_is_flat_at_its_kink() {
    for x in [0.5, -0.5] {
        assert_eq!(slope(|b, x| b.soft_threshold(x[0], x[1]), &[x, 0.5], 0), 0.0);
        assert_eq!(slope(|b, x| b.soft_threshold(x[0], x[1]), &[x, 0.5], 1), 0.0);
    }
    assert_eq!(slope(|b, x| b.soft_threshold(x[0], x[1]), &[0.0, 0.0], 0), 0.0);
    assert_eq!(slope(|b, x| b.soft_threshold(x[0], x[1]), &[-0.75, 0.5], 1), 1.0);
}

#[test]
fn norms_are_flat_at_zero() {
    assert_eq!(gradient(|b, x| b.norm_l2(x, &[0]), &[0.0, 0.0]), [0.0, 0.0]);
    assert_eq!(gradient(|b, x| b.norm_l1(x, &[0]), &[0.0, -2.0]), [0.0, -1.0]);
    assert_eq!(gradient(|b, x| b.norm_squared(x, &[0]), &[0.0, -2.0]), [0.0, -4.0]);
    let p = build(&[f64s(&[2])], |b, v| vec![b.norm_l2(v[0], &[0])]);
    let g = vjp(&p, &[true], &[true]).unwrap();
    let h = jvp(&g, &[true, false], &[false, true]).unwrap();
    // There is no second derivative at 0, but along a direction that is 0.
    let at = |v: &[f64]| [array(&[2], &[0.0, 0.0]), array(&[], &[1.0]), array(&[2], v)];
    assert!(run(&h, &at(&[1.0, 2.0]))[2].to_f64().iter().all(|v| !v.is_finite()));
    assert_eq!(run(&h, &at(&[0.0, 0.0]))[2].to_f64(), [0.0, 0.0]);
    let p = build(&[f64s(&[2])], |b, v| {
        let y = b.norm_l2(v[0], &[0]);
        vec![b.square(y)]
    });
    let h = jvp(&vjp(&p, &[true], &[true]).unwrap(), &[true, false], &[false, true]).unwrap();
    assert_eq!(run(&h, &at(&[1.0, 2.0]))[2].to_f64(), [2.0, 4.0]);
}

#[test]
fn roots_are_flat_at_zero() {
    assert_eq!(slope(|b, x| b.sqrt(x[0]), &[0.0], 0), 0.0);
    assert_eq!(curvature(|b, x| b.sqrt(x[0]), 0.0), f64::NEG_INFINITY);
    // √(x²) as |x|.
    assert_eq!(
        slope(
            |b, x| {
                let s = b.square(x[0]);
                b.sqrt(s)
            },
            &[0.0],
            0
        ),
        0.0
    );
}

#[test]
fn powers_of_zero_have_no_nan() {
    let pow: Elementwise = |b, x| b.pow(x[0], x[1]);
    assert_eq!(slope(pow, &[0.0, 2.0], 0), 0.0);
    assert_eq!(slope(pow, &[0.0, 1.0], 0), 1.0);
    assert_eq!(slope(pow, &[0.0, 0.0], 0), 0.0);
    assert_eq!(slope(pow, &[0.0, 0.5], 0), f64::INFINITY);
    // 0ᵖ is 0 for p > 0 and 1 for p = 0, from where it falls at once.
    assert_eq!(slope(pow, &[0.0, 0.0], 1), f64::NEG_INFINITY);
    for p in [0.5, 1.0, 2.0, 3.0] {
        assert_eq!(slope(pow, &[0.0, p], 1), 0.0);
    }
    for (n, expected) in [(0, 0.0), (1, 0.0), (2, 2.0), (3, 0.0)] {
        let f: Elementwise = match n {
            0 => |b, x| b.powi(x[0], 0),
            1 => |b, x| b.powi(x[0], 1),
            2 => |b, x| b.powi(x[0], 2),
            _ => |b, x| b.powi(x[0], 3),
        };
        assert_eq!(curvature(f, 0.0), expected);
    }
    assert_eq!(curvature(|b, x| b.powf(x[0], 1.5), 0.0), f64::INFINITY);
    assert_eq!(curvature(|b, x| b.powf(x[0], 2.5), 0.0), 0.0);
}

#[test]
fn powers_of_negative_numbers() {
    let pow: Elementwise = |b, x| b.pow(x[0], x[1]);
    // Defined at integers: the slope for the base is, the one for the exponent is not.
    assert_eq!(slope(pow, &[-2.0, 3.0], 0), 12.0);
    assert!(slope(pow, &[-2.0, 3.0], 1).is_nan());
    // Nothing depends on the exponent: its NaN does not spread.
    assert_eq!(
        slope(
            |b, x| {
                let zero = b.full_like(x[0], 0.0);
                let frozen = b.mul(x[1], zero);
                let e = b.add(frozen, x[2]);
                b.pow(x[0], e)
            },
            &[-2.0, 1.0, 2.0],
            1
        ),
        0.0
    );
}

#[test]
fn infinite_slopes_absorb_absent_derivatives() {
    // ln 0, 1/0, asin 1, √ at 0, ln Γ and its derivatives at 0, times a derivative that is exactly 0.
    let cases: [Elementwise; 8] = [
        |b, x| b.ln(x[0]),
        |b, x| b.recip(x[0]),
        |b, x| {
            let one = b.plus_number(x[0], 1.0);
            b.asin(one)
        },
        |b, x| b.sqrt(x[0]),
        |b, x| b.powf(x[0], 0.25),
        |b, x| b.ln_gamma(x[0]),
        |b, x| b.digamma(x[0]),
        |b, x| b.polygamma(1, x[0]),
    ];
    for f in cases {
        let p = build(&[f64s(&[])], |b, v| vec![f(b, v)]);
        let zero = array(&[], &[0.0]);
        for d in [jvp(&p, &[true], &[true]), vjp(&p, &[true], &[true])] {
            assert_eq!(run(&d.unwrap(), &[zero.clone(), zero.clone()])[1].to_f64(), [0.0]);
        }
    }
}

#[test]
fn an_unused_branch_of_select_has_no_derivative() {
    let guarded: Elementwise = |b, x| {
        let zero = b.full_like(x[0], 0.0);
        let positive = b.less(zero, x[0]);
        let l = b.ln(x[0]);
        b.select(positive, l, x[0])
    };
    assert_eq!(slope(guarded, &[0.0], 0), 1.0);
    assert_eq!(slope(guarded, &[2.0], 0), 0.5);
    assert_eq!(curvature(guarded, 0.0), 0.0);
    let root: Elementwise = |b, x| {
        let r = b.powf(x[0], 0.25);
        let zero = b.full_like(x[0], 0.0);
        let positive = b.less(zero, x[0]);
        b.select(positive, r, zero)
    };
    assert_eq!(slope(root, &[0.0], 0), 0.0);
    assert_eq!(curvature(root, 0.0), 0.0);
}

#[test]
fn masks_stop_infinite_derivatives() {
    // |x^¼| and max(x^¼, 1) at 0: the mask is 0 or chooses the other side, and no 0·∞ comes of it.
    assert_eq!(
        slope(
            |b, x| {
                let r = b.powf(x[0], 0.25);
                b.abs(r)
            },
            &[0.0],
            0
        ),
        0.0
    );
    assert_eq!(
        slope(
            |b, x| {
                let r = b.powf(x[0], 0.25);
                let one = b.full_like(r, 1.0);
                b.maximum(r, one)
            },
            &[0.0],
            0
        ),
        0.0
    );
}

#[test]
fn atan2_is_flat_at_the_origin() {
    for i in 0..2 {
        assert_eq!(slope(|b, x| b.atan2(x[0], x[1]), &[0.0, 0.0], i), 0.0);
    }
}

#[test]
fn piecewise_constants_have_derivative_zero() {
    for f in [(|b, x| b.floor(x[0])) as Elementwise, |b, x| b.sign(x[0]), |b, x| b.ceil(x[0]), |b, x| b.less(x[0], x[0])] {
        assert_eq!(slope(f, &[1.0], 0), 0.0);
    }
}

#[test]
fn products_with_zeros_know_the_other_factors() {
    assert_eq!(gradient(|b, x| b.prod(x, &[0]), &[2.0, 0.0, 3.0, -1.0, 5.0]), [0.0, -30.0, 0.0, 0.0, 0.0]);
    assert_eq!(gradient(|b, x| b.prod(x, &[0]), &[2.0, 0.0, 0.0]), [0.0, 0.0, 0.0]);
}

#[test]
fn entropy_terms_are_zero_at_zero() {
    let term: Elementwise = |b, x| b.x_ln_y(x[0], x[1]);
    let p = build(&vec![f64s(&[]); 2], |b, v| vec![term(b, v)]);
    assert_eq!(run(&p, &[array(&[], &[0.0]), array(&[], &[0.0])])[0].to_f64(), [0.0]);
    assert_eq!(slope(term, &[0.0, 0.0], 1), 0.0);
    assert_eq!(slope(term, &[0.0, 0.0], 0), f64::NEG_INFINITY);
}

#[test]
fn masked_rows_of_softmax() {
    let nothing = [f64::NEG_INFINITY; 3];
    let some = [f64::NEG_INFINITY, 0.0, 0.0];
    let value = |f: fn(&mut Builder, Value) -> Value, x: &[f64]| {
        let p = build(&[f64s(&[x.len()])], |b, v| vec![f(b, v[0])]);
        run(&p, &[array(&[x.len()], x)])[0].to_f64()
    };
    assert_eq!(value(|b, x| b.logsumexp(x, &[0]), &nothing), [f64::NEG_INFINITY]);
    assert_eq!(value(|b, x| b.softmax(x, &[0]), &nothing), [0.0; 3]);
    assert_eq!(value(|b, x| b.log_softmax(x, &[0]), &nothing), nothing);
    assert_eq!(value(|b, x| b.softmax(x, &[0]), &some), [0.0, 0.5, 0.5]);
    assert_eq!(value(|b, x| b.logsumexp(x, &[0]), &[]), [f64::NEG_INFINITY]);
    assert_eq!(value(|b, x| b.logsumexp(x, &[0]), &[1.0, f64::INFINITY]), [f64::INFINITY]);
    assert_eq!(gradient(|b, x| b.logsumexp(x, &[0]), &nothing), [0.0; 3]);
    assert_eq!(gradient(|b, x| b.logsumexp(x, &[0]), &some), [0.0, 0.5, 0.5]);
    let first = |b: &mut Builder, y: Value| {
        let y = b.slice(y, &[1], &[1], &[1]);
        b.reshape(y, &[])
    };
    let softmax = |b: &mut Builder, x: Value| {
        let y = b.softmax(x, &[0]);
        first(b, y)
    };
    assert_eq!(gradient(softmax, &nothing), [0.0; 3]);
    assert_eq!(gradient(softmax, &some), [0.0, 0.25, -0.25]);
    let log_softmax = |b: &mut Builder, x: Value| {
        let y = b.log_softmax(x, &[0]);
        first(b, y)
    };
    assert!(gradient(log_softmax, &nothing).iter().all(|v| v.is_finite()));
    assert_eq!(gradient(log_softmax, &some), [0.0, 0.5, -0.5]);
}

#[test]
fn large_and_small_arguments_neither_overflow_nor_lose_their_value() {
    let value = |f: Elementwise, x: f64| {
        let p = build(&[f64s(&[])], |b, v| vec![f(b, v)]);
        run(&p, &[array(&[], &[x])])[0].to_f64()[0]
    };
    assert_eq!(value(|b, x| b.sigmoid(x[0]), -800.0), 0.0);
    assert_eq!(value(|b, x| b.sigmoid(x[0]), 800.0), 1.0);
    assert_eq!(value(|b, x| b.softplus(x[0]), 800.0), 800.0);
    assert_eq!(value(|b, x| b.softplus(x[0]), -50.0), (-50f64).exp());
    assert_eq!(value(|b, x| b.log_sigmoid(x[0]), -800.0), -800.0);
    for f in [(|b, x| b.sigmoid(x[0])) as Elementwise, |b, x| b.softplus(x[0]), |b, x| b.log_sigmoid(x[0]), |b, x| b.tanh(x[0])] {
        for x in [-800.0, 800.0] {
            assert!(slope(f, &[x], 0).is_finite() && curvature(f, x).is_finite());
        }
    }
}
