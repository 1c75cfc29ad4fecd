//! What is computed and not finite: one rule for outputs and derivatives.
//!
//! NaN in a result is an error that names the operation which made it, its line, and the item or turn of the loop; ±∞ is one unless an input
//! (which must be allowed), a literal or a mask brought it in; what lies between is not looked at. `Allow` says what more may pass.
//!
//! Looked at, and found:
//! - `eval`, `eval_each`, `value_and_gradient`, `gradient`, `vjp`, `jvp`, `hvp`, `jacobian`, `hessian`, `Workspace::run`, `run_into`, `run_each`: gave
//!   NaN as a result. All go through one place in `Workspace`.
//! - `linearize`: values are looked at, residuals not (they are operands); `apply` and `apply_transpose` gave NaN: they look at results too.
//! - `ln`, `ln_1p`, `rem`: a finite slope where there is no value, so that a gradient alone looked right. The slope is NaN there now.
//!   `sqrt`, `asin`, `acos`, `pow`: NaN slopes there already. Division: infinite ones.
//! - `mean` of nothing: refused while recording. `sum` is 0, `prod` 1; `max`, `min` and `logsumexp` are ∓∞: errors as results.
//! - solvers' own loops (`solve`, `prepare`): named iteration and operation already; they look at their results themselves.
//! - user primitives: their results are looked at as all others are.
use hypertape::prelude::*;
use ndarray::{Array1, Array2, arr0, arr1, arr2};

const INF: f64 = f64::INFINITY;

#[track_caller]
fn says<T>(r: Result<T>, parts: &[&str]) {
    let Err(e) = r else { panic!("accepted") };
    let e = e.to_string();
    for part in parts {
        assert!(e.contains(part), "no `{part}` in: {e}");
    }
    assert!(e.contains("not_finite.rs:"), "no line in: {e}");
}

fn log_sum() -> Result<Function<Leaf, Leaf>> {
    Function::record(shape![2], |x| (2.0 * x).ln().sum())
}

fn bad() -> Array1<f64> {
    arr1(&[1.0, -1.0])
}

#[test]
fn the_logarithm_of_minus_one_by_every_door() -> Result<()> {
    let f = log_sum()?;
    let ln = ["`ln` at", "gave NaN from finite operands"];
    let slope = ["derivative of ln", "NaN"];
    says(f.eval(bad()), &ln);
    says(f.eval_each(&[arr1(&[1.0, 1.0]), bad()]), &["point 1: `ln` at"]);
    says(f.value_and_gradient(bad()), &ln);
    says(f.gradient(bad()), &ln);
    says(f.vjp(bad(), 1.0), &ln);
    says(f.jvp(bad(), arr1(&[1.0, 1.0])), &ln);
    says(f.hvp(bad(), arr1(&[1.0, 1.0])), &slope);
    says(f.linearize(bad()), &ln);
    says(f.workspace().run(bad()), &ln);
    says(f.workspace().run_into(bad(), &mut f.outputs().zeros()), &ln);
    says(f.workspace().run_each(bad(), &mut |_| ()), &ln);
    // Functions of derivatives, which do not compute the value.
    says(f.wrt(|x| x).gradient().eval(bad()), &slope);
    says(f.wrt(|x| x).value_and_gradient().eval(bad()), &ln);
    says(f.wrt(|x| x).jacobian().eval(bad()), &slope);
    says(f.wrt(|x| x).hessian().eval(bad()), &slope);
    says(f.wrt(|x| x).hvp().eval((bad(), bad())), &slope);
    says(f.wrt(|x| x).jvp().eval((bad(), bad())), &ln);
    says(f.wrt(|x| x).vjp().eval((bad(), 1.0)), &ln);
    // Called by another function.
    let g = Function::record(shape![2], |x| 1.0 + f.call(x))?;
    says(g.gradient(bad()), &ln);
    // Where there is a value, all doors give it: ln 2 + ln 4, and slopes 1/x.
    let (value, slope) = f.value_and_gradient(arr1(&[1.0, 2.0]))?;
    assert!((value - 8.0_f64.ln()).abs() < 1e-15);
    assert_eq!(slope, arr1(&[1.0, 0.5]).into_dyn());
    Ok(())
}

#[test]
fn functions_outside_their_domain_have_no_slope_either() -> Result<()> {
    type Of = fn(Var) -> Var;
    let all: [(&str, Of, f64); 7] = [
        ("ln", |x| x.ln(), -2.0),
        ("ln_1p", |x| x.ln_1p(), -2.0),
        ("sqrt", |x| x.sqrt(), -1.0),
        ("asin", |x| x.asin(), 2.0),
        ("acos", |x| x.acos(), -2.0),
        ("powf", |x| x.powf(0.5), -1.0),
        ("rem", |x| x % (0.0 * x), 1.0),
    ];
    for (name, f, at) in all {
        let f = Function::record(shape![], f)?;
        says(f.eval(at), &["NaN"]);
        assert!(f.wrt(|x| x).gradient().eval(at).is_err(), "{name}");
        let g = Function::record(shape![], |x| x.powi(2) + f.call(x))?;
        assert!(g.wrt(|x| x).gradient().eval(at).is_err(), "{name}");
        assert!(g.wrt(|x| x).jvp().output(|(_, t)| t).eval((at, 1.0)).is_err(), "{name}");
    }
    Ok(())
}

#[test]
fn single_precision_too() -> Result<()> {
    let f = Function::record(shape![f32; 1], |x| x.ln().sum())?;
    says(f.gradient(arr1(&[-1.0_f32])), &["`ln` at", "NaN"]);
    says(f.eval(arr1(&[0.0_f32])), &["`ln` at", "gave -inf from finite operands"]);
    let e = Function::record(shape![f32; 1], |x| x.exp().sum())?;
    says(e.eval(arr1(&[100.0_f32])), &["`exp` at", "gave inf"]);
    // Not an overflow, though a sum of results is one.
    let large = Function::record(shape![f32; 40], |x| 1.0 * x)?;
    let x = Array1::from_elem(40, 3e38_f32);
    assert_eq!(large.eval(&x)?, x.into_dyn());
    Ok(())
}

#[test]
fn the_mean_of_nothing() -> Result<()> {
    says(Function::record(shape![0, 3], |x| x.mean_axis(0)), &["mean", "0/0"]);
    says(Function::record(shape![0], |x| x.mean()), &["`mean`", "0/0"]);
    // No mean is made where there is no column either.
    assert_eq!(Function::record(shape![0, 0], |x| x.mean_axis(0))?.eval(Array2::zeros((0, 0)))?.shape(), [0]);
    // Written out, it is an error when it runs.
    let f = Function::record((shape![0], shape![]), |(x, n)| x.sum() / n)?;
    says(f.eval((arr1(&[]), 0.0)), &["`div` at", "NaN from finite operands"]);
    assert_eq!(Function::record(shape![0], |x| x.sum())?.eval(arr1(&[]))?, arr0(0.0).into_dyn());
    says(Function::record(shape![0], |x| x.max_all())?.eval(arr1(&[])), &["`max` at", "-inf"]);
    says(Function::record(shape![0], |x| x.min_all())?.eval(arr1(&[])), &["`min` at", "inf"]);
    // Between, −∞ is what it should be.
    let f = Function::record((shape![0], shape![]), |(x, y)| x.max_all().max(y))?;
    assert_eq!(f.eval((arr1(&[]), 3.0))?, arr0(3.0).into_dyn());
    Ok(())
}

#[test]
fn infinities_that_an_operation_made() -> Result<()> {
    let overflow = Function::record(shape![2], |x| x.exp())?;
    says(overflow.eval(arr1(&[1.0, 1000.0])), &["`exp` at", "gave inf from finite operands", "output 0 of 1", "at [1]", "Function::allow"]);
    let pole = Function::record(shape![], |x| 1.0 / x)?;
    says(pole.eval(0.0), &["gave inf from finite operands"]);
    let squares = Function::record(shape![2], |x| x.dot(x))?;
    says(squares.eval(arr1(&[1e160, 1e160])), &["gave inf"]);
    // The difference of two that overflowed: NaN, and where it began.
    let difference = Function::record(shape![], |x| x.exp() - (2.0 * x).exp())?;
    says(difference.eval(1000.0), &["`sub` at", "NaN from an infinite operand", "`exp` at", "gave from finite ones"]);
    // An infinity on the way does no harm.
    let f = Function::record(shape![], |x| 1.0 / (1.0 + x.exp()))?;
    assert_eq!(f.eval(1000.0)?, arr0(0.0).into_dyn());
    Ok(())
}

#[test]
fn derivatives_at_poles() -> Result<()> {
    let f = Function::record(shape![2], |x| x.powf(0.75).sum())?;
    says(f.gradient(arr1(&[1.0, 0.0])), &["inf", "output 1 of 2", "at [1]"]);
    let g = f.allow(Allow::Infinite).gradient(arr1(&[1.0, 0.0]))?;
    assert_eq!(g, arr1(&[0.75, INF]).into_dyn());
    // By convention √ is flat at 0, and a derivative of 0 that meets a pole stays 0.
    assert_eq!(Function::record(shape![1], |x| x.sqrt().sum())?.gradient(arr1(&[0.0]))?, arr1(&[0.0]).into_dyn());
    let masked = Function::record(shape![2], |x| x.select(x.ln(), 0.0).sum())?;
    assert_eq!(masked.gradient(arr1(&[2.0, 0.0]))?, arr1(&[0.5, 0.0]).into_dyn());
    Ok(())
}

#[test]
fn masks_bring_infinities_in() -> Result<()> {
    let logits = |x: Var, keep: Var<u32>| keep.real::<f64>().select(x, -INF);
    let f = Function::record((shape![3], index![3]), |(x, keep)| logits(x, keep).logsumexp())?;
    let (x, keep) = (arr1(&[1.0, 5.0, 1.0]), arr1(&[1, 0, 1]));
    let (value, (slope, _)) = f.value_and_gradient((&x, &keep))?;
    assert!((value - (1.0 + 2.0_f64.ln())).abs() < 1e-15);
    assert!(slope.iter().zip([0.5, 0.0, 0.5]).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-15));
    // As results: what the mask brought in may be there, what overflowed beside it may not.
    let f = Function::record((shape![3], index![3]), |(x, keep)| 2.0 * logits(x, keep))?;
    assert_eq!(f.eval((&x, &keep))?, arr1(&[2.0, -INF, 2.0]).into_dyn());
    says(f.eval((arr1(&[1.7e308, 5.0, 1.0]), &keep)), &["`mul` at", "gave inf from finite operands", "[0]"]);
    // All masked: the mask's −∞ is the maximum.
    let most = Function::record((shape![3], index![3]), |(x, keep)| logits(x, keep).max_all())?;
    assert_eq!(most.eval((&x, arr1(&[0, 0, 0])))?, arr0(-INF).into_dyn());
    // Seen through views and sums.
    let turned = Function::record((shape![3], index![3]), |(x, keep)| logits(x, keep).reshape(&[3, 1]).t().sum_axis(0))?;
    assert_eq!(turned.eval((&x, &keep))?, arr1(&[1.0, -INF, 1.0]).into_dyn());
    // In a loop: a running maximum that starts at −∞, of nothing.
    let running =
        Function::record((shape![2], shape![0]), |(x, y)| scan((x.sum() * 0.0 - INF, y), 3, |(m, y), _| ((m.max(y.sum() - INF), y), m)).1)?;
    assert_eq!(running.eval((arr1(&[1.0, 1.0]), arr1(&[])))?, arr1(&[-INF; 3]).into_dyn());
    Ok(())
}

#[test]
fn what_is_not_chosen_is_not_named() -> Result<()> {
    // `sqrt` gives NaN where it is masked out; the NaN of the result comes from `asin`.
    let f = Function::record(shape![2], |x| x.less_than(0.0).select(1.0 + 0.0 * x, x.sqrt()) + x.asin())?;
    says(f.eval(arr1(&[-0.5, 2.0])), &["`asin` at", "[1]"]);
    assert!(f.eval(arr1(&[-0.5, 0.25]))?.iter().all(|v| v.is_finite()));
    Ok(())
}

#[test]
fn what_is_allowed() -> Result<()> {
    let f = Function::record(shape![2], |x| (1.0 / x, (-x).exp()))?;
    let infinite = arr1(&[2.0, INF]);
    says(f.eval(&infinite), &["input 0 of 1", "inf"]);
    let (r, e) = f.allow(Allow::InfiniteInputs).eval(&infinite)?;
    assert_eq!((r, e[[1]]), (arr1(&[0.5, 0.0]).into_dyn(), 0.0));
    // An input's ∞ may go through, a pole's may not.
    let g = Function::record(shape![2], |x| (2.0 * x, 1.0 / x))?.allow(Allow::InfiniteInputs);
    assert_eq!(g.eval(&infinite)?.0, arr1(&[4.0, INF]).into_dyn());
    says(g.eval(arr1(&[INF, 0.0])), &["gave inf from finite operands", "output 1 of 2"]);
    assert_eq!(g.allow(Allow::Infinite).eval(arr1(&[INF, 0.0]))?.1, arr1(&[0.0, INF]).into_dyn());
    // NaN never, unless everything is.
    let d = Function::record(shape![2], |x| x - x)?;
    says(d.allow(Allow::Infinite).eval(&infinite), &["`sub` at", "NaN", "an input or a literal brought in"]);
    says(d.allow(Allow::Infinite).eval(arr1(&[f64::NAN, 0.0])), &["input 0 of 1", "NaN"]);
    assert!(d.allow(Allow::Everything).eval(arr1(&[f64::NAN, 0.0]))?[[0]].is_nan());
    // Derivatives and workspaces follow.
    let ln = log_sum()?;
    assert_eq!(ln.allow(Allow::Infinite).wrt(|x| x).gradient().eval(arr1(&[1.0, 0.0]))?, arr1(&[1.0, INF]).into_dyn());
    let mut w = ln.workspace();
    says(w.run(bad()), &["`ln` at"]);
    w.allow(Allow::Results);
    assert!(w.run(bad())?.number()?.is_nan());
    says(w.run(arr1(&[1.0, INF])), &["input 0 of 1"]);
    Ok(())
}

#[test]
fn a_linear_map_at_a_pole() -> Result<()> {
    // Values are finite at 0, slopes are not.
    let f = Function::record(shape![2], |x| x.powf(0.75))?;
    let mut l = f.linearize(arr1(&[1.0, 0.0]))?;
    says(l.apply(arr1(&[1.0, 1.0])), &["inf", "[1]"]);
    says(l.apply_transpose(arr1(&[1.0, 1.0])), &["inf", "[1]"]);
    assert_eq!(l.apply(arr1(&[1.0, 0.0]))?, arr1(&[0.75, 0.0]).into_dyn());
    let mut l = f.allow(Allow::Infinite).linearize(arr1(&[1.0, 0.0]))?;
    assert_eq!(l.apply(arr1(&[1.0, 1.0]))?, arr1(&[0.75, INF]).into_dyn());
    Ok(())
}

#[test]
fn loops_name_the_turn() -> Result<()> {
    // x, 2x, … overflows in turn 3 from 2e307: 4e307, 8e307, 1.6e308, ∞.
    let f = Function::record(shape![], |x| scan(x, 6, |x, _| (2.0 * x, ())).0)?;
    says(f.eval(2e307), &["turn 3: `mul` at", "gave inf from finite operands"]);
    // Forwards a square root in turn 2, backwards the same turn.
    let f = Function::record(shape![], |x| scan(x, 4, |x, _| ((x - 1.0).sqrt() + 1.0, ())).0)?;
    says(f.eval(0.5), &["turn 0: `sqrt` at"]);
    let f = Function::record(shape![], |x| scan((x, 1.0 * x), 4, |(x, s), _| ((x - 1.0, s + x.ln()), ())).0.1)?;
    says(f.eval(2.5), &["turn 3: `ln` at", "NaN"]);
    says(f.wrt(|x| x).gradient().eval(2.5), &["turn 3: ", "derivative of ln", "NaN"]);
    let f = Function::record(shape![], |x| scan_until(x, 10, |x| x.less_than(-3.5), |x, _| x - 1.0 + (x + 2.5).ln() - (x + 2.5).ln()))?;
    says(f.eval(0.0), &["turn 3: `ln` at"]);
    let f = Function::record(shape![], |x| cond(x.less_than(0.0), || x.ln(), || x))?;
    says(f.eval(-1.0), &["`ln` at"]);
    assert_eq!(f.eval(2.0)?, arr0(2.0).into_dyn());
    Ok(())
}

#[test]
fn matrices_and_gathers_are_followed() -> Result<()> {
    let f = Function::record((shape![2, 2], shape![2]), |(a, x)| a.dot(x.ln()).rows(constant(arr1(&[1_u32]))))?;
    says(f.eval((arr2(&[[1.0, 0.0], [0.0, 1.0]]), bad())), &["`ln` at", "NaN"]);
    let sorted = Function::record(shape![3], |x| x.cumulative_sum(0).ln())?;
    says(sorted.eval(arr1(&[1.0, -2.0, 5.0])), &["`ln` at", "[1]"]);
    Ok(())
}

#[test]
fn what_is_made_of_nothing_or_of_literals() -> Result<()> {
    let empty = Array1::<f64>::zeros(0);
    let f = Function::record(shape![0], |x| 1.0 / x.norm_l2())?;
    says(f.eval(&empty), &["inf"]);
    says(Function::record(shape![0], |x| x.logsumexp())?.eval(&empty), &["inf"]);
    says(Function::record(shape![0], |x| x.max_all())?.eval(&empty), &["max"]);
    says(Function::record(shape![0], |x| x.sum().ln())?.eval(&empty), &["inf"]);
    // Of literals that are finite.
    says(Function::record(shape![], |x| x + 1.0 / scalar::<f64>(0.0))?.eval(1.0), &["inf"]);
    says(Function::record(shape![], |x| x + scalar::<f64>(0.0).ln())?.eval(1.0), &["inf"]);
    says(Function::record(shape![], |x| x + scalar::<f64>(0.0) / scalar::<f64>(0.0))?.eval(1.0), &["NaN"]);
    says(Function::record(shape![], |x| x + scalar::<f64>(1e308) * scalar::<f64>(10.0))?.eval(1.0), &["inf"]);
    says(Function::record(shape![], |x| x + scalar::<f64>(1000.0).exp())?.eval(1.0), &["inf"]);
    // An infinite literal may stay infinite.
    assert_eq!(Function::record(shape![], |x| x + 2.0 * scalar::<f64>(INF))?.eval(1.0)?.number()?, INF);
    Ok(())
}
