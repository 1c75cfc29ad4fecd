//! Runs the engine through its doors.
use super::compare::{Class, Judge};
use super::{beside, pools};
use crate::door::{self, Many, One};
use crate::language::{Kind, Program};
use crate::reference::{Arithmetic, Evaluation, Jet, evaluate};
use hypertape::Result;
use hypertape::array::{AnyArray, Real};
use hypertape_testkit::random::unit;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The elements of all arrays.
pub(super) fn flat(arrays: &[AnyArray]) -> Vec<f64> {
    arrays.iter().flat_map(AnyArray::to_f64).collect()
}

/// Whether two lists are the same bits.
fn same(x: &[f64], y: &[f64]) -> bool {
    x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits())
}

/// Σ x y, and Σ |x y|.
fn inner(x: &[f64], y: &[f64]) -> (f64, f64) {
    x.iter().zip(y).fold((0.0, 0.0), |(s, t), (x, y)| (s + x * y, t + (x * y).abs()))
}

pub(super) fn parts(e: &Evaluation, part: fn(Jet) -> f64) -> Vec<f64> {
    e.outputs.iter().flat_map(|t| t.data.iter().map(|x| part(*x))).collect()
}

/// Runs a piece of the engine; an error is refused, a panic a fault.
pub(super) fn attempt<R>(judge: &mut Judge<'_>, what: &str, work: impl FnOnce() -> Result<R>) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(r)) => Some(r),
        Ok(Err(e)) => {
            let class = if judge.trouble().is_some() || judge.reference.arithmetic.convention { Class::Refused } else { Class::Fault };
            let met = judge.trouble().map_or(String::new(), |t| format!("; the reference met {t}"));
            judge.flag(what, class, format!("refused: {e}{met}"));
            None
        }
        Err(cause) => {
            let words = cause.downcast_ref::<String>().cloned().or_else(|| cause.downcast_ref::<&str>().map(|s| (*s).to_string()));
            judge.flag(what, Class::Fault, format!("a panic: {}", words.unwrap_or_default()));
            None
        }
    }
}

/// All checks of a program.
pub(super) fn run<T: Real>(program: &Program, judge: &mut Judge<'_>) {
    let x = door::point::<T>(program, false);
    let Some(f) = attempt(judge, "record", || door::outputs::<T>(program)) else { return };
    let Some(l) = attempt(judge, "record", || door::loss::<T>(program)) else { return };
    values(program, judge, &f, &x, &door::point::<T>(program, true));
    derivatives::<T>(program, judge, &f, &x);
    gradients::<T>(program, judge, &l, &x);
}

/// Values, again and again, at another point, with two threads.
fn values(program: &Program, judge: &mut Judge<'_>, f: &Many, x: &Vec<AnyArray>, other: &Vec<AnyArray>) {
    let mut w = f.workspace();
    let mut run = |x: &Vec<AnyArray>| {
        let mut made = vec![];
        w.run_each(x, &mut |v| made.extend(v.to_owned().to_f64()))?;
        Ok(made)
    };
    let Some(first) = attempt(judge, "value", || run(x)) else { return };
    judge.compare("value", &first, &[], |e| parts(e, |x| x.v));
    // The second point may lie where the program is refused.
    let moved = catch_unwind(AssertUnwindSafe(|| run(other)));
    if moved.is_err() {
        judge.flag("value at a second point", Class::Fault, "a panic".into());
        return;
    }
    let again = attempt(judge, "value again", || run(x));
    if again.is_some_and(|again| !same(&again, &first)) {
        judge.flag("value again", Class::Fault, "a rerun at the same point gives other bits".into());
    }
    if let Ok(Ok(moved)) = moved {
        let there = evaluate(program, true, Arithmetic::exact(program.single));
        if there.arithmetic.trouble.is_none() {
            let fresh = attempt(judge, "value at a second point", || f.eval(other));
            if fresh.is_some_and(|fresh| !same(&flat(&fresh), &moved)) {
                judge.flag("value at a second point", Class::Fault, "a used and a new workspace give other bits".into());
            }
        }
    }
    let two = pools::two();
    let shared = attempt(judge, "value on two threads", || two.install(|| f.eval(x)));
    if shared.is_some_and(|y| !same(&flat(&y), &first)) {
        judge.flag("value on two threads", Class::Fault, "other bits than on one".into());
    }
}

/// J u, Jᵀ c, and both of the linearisation.
fn derivatives<T: Real>(program: &Program, judge: &mut Judge<'_>, f: &Many, x: &Vec<AnyArray>) {
    let (u, v) = (door::direction::<T>(program, 0), door::direction::<T>(program, 1));
    let (first, second) = (flat(&u), flat(&v));
    if let Some((_, t)) = attempt(judge, "jvp", || f.jvp(x, &u)) {
        judge.compare("jvp", &flat(&t), &[], |e| parts(e, |x| x.a));
    }
    let shapes: Vec<Vec<usize>> = judge.reference.outputs.iter().map(|t| t.shape.clone()).collect();
    let mut at = 0;
    let weights: Vec<Vec<f64>> = judge
        .reference
        .outputs
        .iter()
        .map(|t| {
            let number = |i: usize| f64::from((2.0 * unit(77, (at + i) as u64) - 1.0) as f32);
            let some = (0..t.data.len()).map(number).collect();
            at += t.data.len();
            some
        })
        .collect();
    let c = door::arrays::<T>(&shapes, &weights);
    let weights = weights.concat();
    let transposed = |judge: &mut Judge<'_>, what: &str, g: &[AnyArray]| {
        let g = flat(g);
        let (p, q) = (inner(&g, &first), inner(&g, &second));
        // Sums may cancel on either side.
        let sizes = [|x: Jet| x.a, |x: Jet| x.b].map(|part: fn(Jet) -> f64| inner(&weights, &parts(&judge.reference, part)).1);
        judge.compare(what, &[p.0, q.0], &[p.1 + sizes[0], q.1 + sizes[1]], |e| {
            vec![inner(&weights, &parts(e, |x| x.a)).0, inner(&weights, &parts(e, |x| x.b)).0]
        });
    };
    if let Some((_, g)) = attempt(judge, "vjp", || f.vjp(x, &c)) {
        transposed(judge, "vjp", &g);
    }
    if let Some(mut linear) = attempt(judge, "linearize", || f.linearize(x)) {
        if let Some(t) = attempt(judge, "linear", || linear.apply(&u)) {
            judge.compare("linear", &flat(&t), &[], |e| parts(e, |x| x.a));
        }
        if let Some(g) = attempt(judge, "linear transpose", || linear.apply_transpose(&c)) {
            transposed(judge, "linear transpose", &g);
        }
    }
}

/// The gradient of the loss, whole and by one input, and a product with its Hessian.
fn gradients<T: Real>(program: &Program, judge: &mut Judge<'_>, l: &One<T>, x: &Vec<AnyArray>) {
    let (u, v) = (door::direction::<T>(program, 0), door::direction::<T>(program, 1));
    let (first, second) = (flat(&u), flat(&v));
    let Some((value, g)) = attempt(judge, "gradient", || l.value_and_gradient(x)) else { return };
    let g = flat(&g);
    judge.compare("loss", &[real(value)], &[], |e| vec![e.loss.v]);
    slopes(judge, "gradient", &g, [&first, &second]);
    let beside = |moved: &Program, own: &mut Judge<'_>| {
        if let Some(g) = attempt(own, "gradient", || l.gradient(&door::point::<T>(moved, false))) {
            slopes(own, "gradient", &flat(&g), [&first, &second]);
        }
    };
    if judge.doubts(false) && beside::agrees(program, beside) {
        judge.excuse();
    }
    let again = attempt(judge, "gradient again", || l.value_and_gradient(x));
    if again.is_some_and(|(_, again)| !same(&flat(&again), &g)) {
        judge.flag("gradient again", Class::Fault, "a second call gives other bits".into());
    }
    let two = pools::two();
    let shared = attempt(judge, "gradient on two threads", || two.install(|| l.value_and_gradient(x)));
    if shared.is_some_and(|(_, h)| !same(&flat(&h), &g)) {
        judge.flag("gradient on two threads", Class::Fault, "other bits than on one".into());
    }
    curvature(judge, l, x, &u, &second);
    if judge.doubts(true) && beside::agrees(program, |moved, own| curvature(own, l, &door::point::<T>(moved, false), &u, &second)) {
        judge.excuse();
    }
    let Some(k) = program.inputs.iter().position(|i| i.of.kind == Kind::Real && !i.of.is_empty()) else { return };
    by_one_input::<T>(program, judge, l, x, k);
}

/// Along both directions.
pub(super) fn slopes(judge: &mut Judge<'_>, what: &str, g: &[f64], [u, v]: [&[f64]; 2]) {
    let (p, q) = (inner(g, u), inner(g, v));
    judge.compare(what, &[p.0, q.0], &[p.1, q.1], |e| vec![e.loss.a, e.loss.b]);
}

/// vᵀ H u.
fn curvature<T: Real>(judge: &mut Judge<'_>, l: &One<T>, x: &Vec<AnyArray>, u: &Vec<AnyArray>, v: &[f64]) {
    if let Some(h) = attempt(judge, "hvp", || l.hvp(x, u)) {
        let (p, size) = inner(&flat(&h), v);
        judge.compare("hvp", &[p], &[size], |e| vec![e.loss.ab]);
    }
}

/// The gradient by the input k alone, and the product with that part of the Hessian.
fn by_one_input<T: Real>(program: &Program, judge: &mut Judge<'_>, l: &One<T>, x: &Vec<AnyArray>, k: usize) {
    let mut alone = program.clone();
    let zero = |d: &mut Vec<f64>| d.iter_mut().for_each(|d| *d = 0.0);
    for (i, input) in alone.inputs.iter_mut().enumerate() {
        if i != k {
            input.directions.iter_mut().for_each(zero);
        }
    }
    let mut own = Judge::new(&alone);
    let (u, v) = (door::direction::<T>(program, 0).swap_remove(k), door::direction::<T>(program, 1).swap_remove(k));
    let wrt = l.wrt(|inputs| inputs[k]);
    let slope = |own: &mut Judge<'_>, x: &Vec<AnyArray>| {
        if let Some(g) = attempt(own, "gradient by one input", || wrt.gradient().eval(x)) {
            let (p, size) = inner(&g.to_f64(), &u.to_f64());
            own.compare("gradient by one input", &[p], &[size], |e| vec![e.loss.a]);
        }
    };
    slope(&mut own, x);
    if own.doubts(false) && beside::agrees(&alone, |moved, own| slope(own, &door::point::<T>(moved, false))) {
        own.excuse();
    }
    let curvature = |own: &mut Judge<'_>, x: &Vec<AnyArray>| {
        if let Some(h) = attempt(own, "hvp by one input", || wrt.hvp().eval((x, &u))) {
            let (p, size) = inner(&h.to_f64(), &v.to_f64());
            own.compare("hvp by one input", &[p], &[size], |e| vec![e.loss.ab]);
        }
    };
    curvature(&mut own, x);
    if own.doubts(true) && beside::agrees(&alone, |moved, own| curvature(own, &door::point::<T>(moved, false))) {
        own.excuse();
    }
    judge.flags.extend(own.flags);
}

fn real<T: Real>(v: T) -> f64 {
    hypertape::array::Element::to_f64(v)
}
