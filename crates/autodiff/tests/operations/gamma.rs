//! ln |Γ|, digamma and polygamma: 60-digit values, closed forms, recurrences, derivatives of every order, poles, both precisions.

use crate::support::{array, build, f64s, run};
use hypertape_autodiff::array::{AnyArray, AnyView};
use hypertape_autodiff::execute::Executor;
use hypertape_autodiff::operation::{Builder, Program, Value};
use hypertape_autodiff::plan::Plan;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::Ranked;
use hypertape_autodiff::{Allow, Function, Result, shape};
use hypertape_testkit::differences::{self, STEP, assert_close, rounding, tolerance};
use hypertape_testkit::random;
use ndarray::{Array1, arr1};
use std::f64::consts::{LN_2, PI};
use std::sync::Arc;

const EPS: f64 = f64::EPSILON;
const EULER: f64 = 0.5772156649015329;
const INF: f64 = f64::INFINITY;

/// x, and ln |Γ|, ψ, ψ′, ψ″ there, by mpmath with 60 digits.
const TABLE: [(f64, [f64; 4]); 24] = [
    (1e-300, [690.7755278982137, -9.999999999999999e+299, INF, -INF]),
    (1e-05, [11.512919692895826, -100000.57719921567, 10000000001.644909, -2000000000000002.0]),
    (0.125, [2.0194183575537963, -8.388492663295855, 65.38813344498803, -1025.7533381181356]),
    (0.5, [0.5723649429247001, -1.9635100260214235, 4.934802200544679, -16.82879664423432]),
    (0.99999, [5.772238896093089e-06, -0.5772321143624081, 1.6449581083109905, -2.4041787469575446]),
    (1.0, [0.0, -0.5772156649015329, 1.6449340668482264, -2.4041138063191885]),
    (1.00001, [-5.7720744027504825e-06, -0.5771992156810689, 1.644910026034856, -2.4040488681694585]),
    (1.25, [-0.09827183642181316, -0.22745353337626542, 1.1973291545071107, -1.3277399375369203]),
    (1.5, [-0.12078223763524522, 0.03648997397857652, 0.9348022005446793, -0.82879664423432]),
    (2.0, [0.0, 0.42278433509846713, 0.6449340668482264, -0.4041138063191886]),
    (2.00001, [4.22787559764836e-06, 0.42279078441893003, 0.64493002573486, -0.40410886696947884]),
    (2.5, [0.2846828704729192, 0.7031566406452432, 0.49035775610023485, -0.2362040516417274]),
    (3.0, [std::f64::consts::LN_2, 0.9227843350984671, 0.39493406684822646, -0.15411380631918858]),
    (4.75, [2.8085714185757364, 1.4492040552784629, 0.23422874157914197, -0.05462041258997334]),
    (9.5, [11.689333420797269, 2.1977378764029494, 0.11099728846909904, -0.012307845807709338]),
    (10.0, [12.801827480081469, 2.251752589066721, 0.10516633568168575, -0.011049834970802067]),
    (33.25, [82.42923834590904, 3.4889418035209387, 0.030531979535421604, -0.0009321294003733813]),
    (100000.0, [1051287.7089736569, 11.512920464961896, 1.0000050000166667e-05, -1.00001000005e-10]),
    (1e+300, [6.897755278982137e+302, 690.7755278982137, 1e-300, 0.0]),
    (-1e-05, [11.512931237209125, 99999.42276788563, 10000000001.644957, 1999999999999997.0]),
    (-0.5, [1.2655121234846454, 0.03648997397857652, 8.934802200544679, -0.82879664423432]),
    (-1.75, [1.0160888092144358, -2.322691628614361, 19.301637544529786, -124.21382135423057]),
    (-4.25, [-2.070072434257324, 4.701569989997338, 19.529448389881463, 123.98126436732758]),
    (-100.375, [-364.24498152513286, 5.915176505784257, 11.553047627998797, 30.093438844585023]),
];

/// ln |Γ|, ψ, ψ′, ψ″, ψ‴ at these points.
fn family(x: &[f64]) -> Program {
    build(&[f64s(&[x.len()])], |b: &mut Builder, v: &[Value]| {
        let y = b.ln_gamma(v[0]);
        [y].into_iter().chain((0..4).map(|n| b.polygamma(n, v[0]))).collect()
    })
}

fn planned(program: &Program, x: &[f64]) -> Vec<AnyArray> {
    let mut executor = Executor::new(Arc::new(Plan::new(program).unwrap()));
    let x = array(&[x.len()], x);
    let given: Vec<AnyView<'_>> = vec![x.view()];
    executor.run(&given).unwrap();
    (0..program.outputs.len()).map(|k| executor.output(k).to_owned()).collect()
}

/// How far the member of the family may be from the value: units of rounding of the value; where it may be near a zero, of the terms that cancel there.
fn allowed(member: usize, x: f64, value: f64) -> f64 {
    let terms = match member {
        0 if x > 0.0 => 0.0,
        0 => 1.0,
        1 => 0.5,
        _ if x > 0.0 => 0.0,
        _ => 16.0,
    };
    [5.0, 4.0, 4.0, 6.0][member] * EPS * value.abs().max(terms)
}

#[test]
fn values() {
    let x: Vec<f64> = TABLE.iter().map(|(x, _)| *x).collect();
    let program = family(&x);
    // The naive values are less exact: they are sums of more terms.
    for (made, looser) in [(planned(&program, &x), 1.0), (run(&program, &[array(&[x.len()], &x)]), 64.0)] {
        for (member, y) in made.iter().enumerate().take(4) {
            for ((x, expected), y) in TABLE.iter().zip(y.to_f64()) {
                let e = expected[member];
                let error = (y - e).abs();
                assert!(y == e || error <= looser * allowed(member, *x, e), "{member} of {x:e}: {y:e} for {e:e}, {error:e}");
            }
        }
    }
}

#[test]
fn closed_forms() {
    let at = |x: f64| -> Vec<f64> { planned(&family(&[x]), &[x]).iter().map(|y| y.to_f64()[0]).collect() };
    let near = |a: f64, b: f64| assert!((a - b).abs() <= 4.0 * EPS * b.abs(), "{a} for {b}");
    let (one, half, three_quarters) = (at(1.0), at(0.5), at(0.75));
    assert_eq!((one[0], at(2.0)[0]), (0.0, 0.0));
    near(one[1], -EULER);
    near(one[2], PI * PI / 6.0);
    near(half[0], 0.5 * PI.ln());
    near(half[1], -EULER - 2.0 * LN_2);
    near(half[2], 0.5 * PI * PI);
    near(three_quarters[1], 0.5 * PI - 3.0 * LN_2 - EULER);
    near(at(-0.5)[0], (2.0 * PI.sqrt()).ln());
    // Factorials, and harmonic numbers.
    let (mut factorial, mut harmonic) = (1.0_f64, 0.0);
    for n in 1..20 {
        let y = at(f64::from(n) + 1.0);
        (factorial, harmonic) = (factorial * f64::from(n), harmonic + 1.0 / f64::from(n));
        near(y[0], factorial.ln());
        near(y[1], harmonic - EULER);
    }
}

#[test]
fn recurrences_and_reflections() {
    let x: Vec<f64> = (0..400).map(|i| 30.0 * random::unit(1, i) + 0.05).chain((0..400).map(|i| -8.0 * random::unit(2, i))).collect();
    let moved = |f: fn(f64) -> f64| -> Vec<f64> { x.iter().map(|x| f(*x)).collect() };
    let of = |x: &[f64]| -> Vec<Vec<f64>> { planned(&family(x), x).iter().map(AnyArray::to_f64).collect() };
    let (here, next, mirrored) = (of(&x), of(&moved(|x| x + 1.0)), of(&moved(|x| 1.0 - x)));
    let (twice, halfway) = (of(&moved(|x| 2.0 * x)), of(&moved(|x| x + 0.5)));
    for (i, &x) in x.iter().enumerate() {
        // Errors are those of the terms, of which rounded arguments times slopes are some. Below 0, terms of order 16 cancel where none is seen.
        let check = |name: &str, member: usize, a: f64, b: f64, terms: &[f64]| {
            let size = terms.iter().fold(if x < 0.0 { 64.0 } else { a.abs() }, |s, t| s + t.abs());
            assert!((a - b).abs() <= 4.0 * EPS * size, "{name} {member} at {x}: {a} and {b}");
        };
        let steps = [x.abs().ln(), 1.0 / x, -1.0 / (x * x), 2.0 / (x * x * x)];
        for (n, step) in steps.into_iter().enumerate() {
            check("recurrence", n, next[n][i], here[n][i] + step, &[here[n][i], step, (x + 1.0) * next[n + 1][i]]);
        }
        let (sin, cot) = ((PI * x).sin(), 1.0 / (PI * x).tan());
        let terms = |n: usize| [here[n][i], mirrored[n][i], (1.0 - x) * mirrored[n + 1][i]];
        check("reflection", 0, here[0][i] + mirrored[0][i], (PI / sin.abs()).ln(), &[&terms(0)[..], &[PI * x * cot]].concat());
        check("reflection", 1, mirrored[1][i] - here[1][i], PI * cot, &[&terms(1)[..], &[PI * PI * x * (1.0 + cot * cot)]].concat());
        if x > 0.0 {
            let terms = |n: usize| [here[n][i], halfway[n][i], (x + 0.5) * halfway[n + 1][i]];
            check("duplication", 1, twice[1][i], 0.5 * (here[1][i] + halfway[1][i]) + LN_2, &[&terms(1)[..], &[1.0]].concat());
            check("duplication", 2, twice[2][i], 0.25 * (here[2][i] + halfway[2][i]), &terms(2));
        }
    }
}

/// Derivatives of order 1 to 4 of ln |Γ| are ψ, ψ′, ψ″, ψ‴, on both sides of 0.
#[test]
fn derivatives_of_every_order() -> Result<()> {
    let x = arr1(&[0.25, 1.0, 1.5, 2.0, 3.5, 20.0, -0.75, -2.5]);
    let points = x.to_vec();
    let family: Vec<Vec<f64>> = planned(&family(&points), &points).iter().map(AnyArray::to_f64).collect();
    let f = Function::record(shape![8], |x| x.ln_gamma().sum())?;
    let first = f.wrt(|x| x).gradient();
    let second = first.wrt(|x| x).jvp();
    let third = second.wrt(|(x, _)| x).jvp();
    let ones = Array1::<f64>::ones(8);
    assert_eq!(f.gradient(&x)?.iter().copied().collect::<Vec<_>>(), family[1]);
    assert_eq!(f.hvp(&x, &ones)?.iter().copied().collect::<Vec<_>>(), family[2]);
    let ((_, _), (_, made)) = third.eval(((&x, &ones), &ones))?;
    assert_eq!(made.iter().copied().collect::<Vec<_>>(), family[3]);
    let digamma = Function::record(shape![8], |x| x.digamma().sum())?;
    assert_eq!(digamma.gradient(&x)?.iter().copied().collect::<Vec<_>>(), family[2]);
    assert_eq!(digamma.hvp(&x, &ones)?.iter().copied().collect::<Vec<_>>(), family[3]);
    // Of high order by differences of the one before, and by the leading term near the pole.
    for n in 3..12 {
        let at = |n: u32, x: f64| planned(&build(&[f64s(&[1])], |b, v| vec![b.polygamma(n, v[0])]), &[x])[0].to_f64()[0];
        for x in [1.5, 8.0, -1.5] {
            let reach = 0.05;
            let expected = differences::jvp_with(|x| vec![at(n - 1, x[0])], &[x], &[1.0], STEP * reach);
            let size = 1.0 + at(n, x).abs() + at(n - 1, x).abs() + at(n + 6, x).abs() * reach.powi(6) / 322_560.0;
            assert_close("polygamma", [&at(n, x)], &expected, 16.0 * tolerance(1, size, STEP * reach));
        }
        let (x, sign) = (1e-9, if n % 2 == 1 { 1.0 } else { -1.0 });
        let leading = (1..=n).fold(sign / x, |p, k| p * f64::from(k) / x);
        assert!((at(n, x) / leading - 1.0).abs() <= rounding(n as usize, 1.0));
    }
    Ok(())
}

#[test]
fn poles() -> Result<()> {
    let (nan, poles) = (f64::NAN, [0.0, -0.0, -1.0, -2.0, -77.0, -1e300, -INF]);
    let p = family(&poles);
    for made in [planned(&p, &poles), run(&p, &[array(&[7], &poles)])] {
        for (y, e) in made.iter().zip([INF, nan, INF, nan, INF]) {
            assert!(y.to_f64().iter().all(|y| *y == e || y.is_nan() && e.is_nan()), "{y:?}");
        }
    }
    let edges = [INF, nan];
    for (k, y) in planned(&family(&edges), &edges).iter().enumerate() {
        assert_eq!(y.to_f64()[0], [INF, INF, 0.0, 0.0, 0.0][k]);
        assert!(y.to_f64()[1].is_nan());
    }
    // Errors as results, which name the operation; none under a mask, where the derivative is 0.
    let (l, d) = (Function::record(shape![], |x| x.ln_gamma())?, Function::record(shape![], |x| x.digamma())?);
    assert!(l.eval(-3.0).unwrap_err().to_string().contains("ln_gamma"));
    assert!(d.eval(-3.0).unwrap_err().to_string().contains("digamma"));
    let e = l.gradient(0.0).unwrap_err().to_string();
    assert!(e.contains("`derivative of ln_gamma`"), "{e}");
    assert_eq!(l.allow(Allow::Everything).eval(-3.0)?.number()?, INF);
    let masked = Function::record(shape![], |x| x.greater_than(0.0).select(x.ln_gamma() + x.digamma(), x))?;
    assert_eq!((masked.eval(-1.0)?.number()?, masked.gradient(-1.0)?.number()?), (-1.0, 1.0));
    assert_eq!(masked.hvp(-1.0, 1.0)?.number()?, 0.0);
    Ok(())
}

/// Rounded once from double precision, in groups of any size; and a number on its own has the bits that it has among others.
#[test]
fn single_precision_and_sizes() -> Result<()> {
    let x: Vec<f32> = (0..700).map(|i| 40.0 * random::unit(3, i) as f32 - 10.0).collect();
    let wide = planned(&family(&x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>()), &x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
    let both = |n: usize| Function::record(shape![f32; n], |x: Var<f32>| (x.ln_gamma(), x.digamma()));
    for n in [0, 1, 7, 700] {
        let (l, d) = both(n)?.eval(arr1(&x[..n]))?;
        for (narrow, wide) in [(l, &wide[0]), (d, &wide[1])] {
            assert!(narrow.iter().zip(wide.to_f64()).all(|(y, e)| *y == e as f32));
        }
    }
    let double = |n: usize| Function::record(shape![n], |x| (x.ln_gamma() * 2.0 + x.digamma(), x.digamma().sum()));
    let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
    let (all, _) = double(700)?.eval(arr1(&x))?;
    for i in 0..20 {
        let (one, _) = double(1)?.eval(arr1(&x[i..=i]))?;
        assert_eq!(one[[0]].to_bits(), all[[i]].to_bits());
    }
    assert_eq!(double(0)?.eval(arr1::<f64>(&[]))?.1.number()?, 0.0);
    let constant = Function::record(shape![], |x| (x * 0.0 + 0.5).digamma())?;
    assert!((constant.eval(0.0)?.number()? + EULER + 2.0 * LN_2).abs() <= 8.0 * EPS);
    Ok(())
}
