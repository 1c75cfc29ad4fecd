//! How the time to record, to differentiate and to plan grows with the length of a program, for programs of several forms.
use hypertape::prelude::*;
use std::error::Error;
use std::fmt::Write;
use std::time::Instant;

/// Lengths of programs.
const LENGTHS: [usize; 5] = [1000, 3000, 10_000, 30_000, 100_000];
/// A form is not tried longer once a length took so many seconds.
const PATIENCE: f64 = 20.0;
/// Levels of nested loops and branches.
const LEVELS: usize = 12;

/// Seconds to record a function, to make its gradient, and to plan that.
#[derive(Debug, Clone, Copy)]
struct Times {
    n: usize,
    seconds: [f64; 3],
}

type Form = (&'static str, fn(usize) -> Result<[f64; 3]>);

/// Programs of n operations each, or a few times n.
const FORMS: [Form; 10] = [
    ("chain", |n| times(8, |x| repeat(n, x, |h, _| (h + 0.1).tanh()).sum())),
    ("products", |n| {
        times(16, |x| {
            let w = x.reshape(&[4, 4]);
            repeat(n, w, |h, _| (h.dot(w) + 0.1).tanh()).sum()
        })
    }),
    ("chain of products", |n| {
        times(16, |x| {
            let w = x.reshape(&[4, 4]);
            repeat(n, w, |h, _| h.dot(w)).sum()
        })
    }),
    ("fan", |n| times(8, |x| repeat(n, x.sin(), |s, i| s + x * (i as f64 + 0.5)).sum())),
    ("sums", |n| {
        times(8, |x| {
            let terms: Vec<Var> = (0..n).map(|i| (x * (i as f64 + 0.5)).sin()).collect();
            terms[1..].iter().fold(terms[0], |s, t| s + *t).sum()
        })
    }),
    ("slices", |n| times(61, |x| repeat(n, x.slice_axis(0, 0, 1), |s, i| s + x.slice_axis(0, i % 60, i % 60 + 1) * s).sum())),
    ("literals", |n| times(8, |x| repeat(n, x, |h, i| h * (1.0 + 1e-9 * i as f64)).sum())),
    ("constants", |n| {
        times(8, |x| {
            let arrays = (0..n).map(|i| ndarray::Array1::from_elem(8, 1.0 + 1e-9 * i as f64).into_shared());
            arrays.fold(x, |h, a| h * constant(&a)).sum()
        })
    }),
    ("captures", |n| {
        times(8, |x| {
            let outer: Vec<Var> = (0..n).map(|i| x * (i as f64 + 0.5)).collect();
            scan(x, 2, |h, _| (outer.iter().fold(h, |h, v| h + *v).tanh(), ())).0.sum()
        })
    }),
    ("carries", |n| {
        times(8, |x| {
            let start: Vec<Var> = (0..n).map(|i| x * (i as f64 + 0.5)).collect();
            let (end, ()) = scan(start, 2, |h: Vec<Var>, _| {
                let last = h[h.len() - 1];
                (h.iter().map(|v| (*v + last).tanh()).collect(), ())
            });
            end[1..].iter().fold(end[0], |s, t| s + *t).sum()
        })
    }),
];

fn repeat(n: usize, start: Var, step: impl Fn(Var, usize) -> Var) -> Var {
    (0..n).fold(start, step)
}

/// Seconds to record f over d numbers, to make its gradient, and to plan that.
fn times(d: usize, f: impl Fn(Var) -> Var) -> Result<[f64; 3]> {
    let mut at = Instant::now();
    let mut lap = || std::mem::replace(&mut at, Instant::now()).elapsed().as_secs_f64();
    let recorded = Function::record(shape![d], f)?;
    let record = lap();
    let gradient = recorded.wrt(|x| x).value_and_gradient();
    let differentiate = lap();
    gradient.plan()?;
    Ok([record, differentiate, lap()])
}

/// Seconds for loops and branches nested so deep: recorded, the Hessian times a vector made, and planned.
fn nested(levels: usize) -> Result<[f64; 3]> {
    fn level(x: Var, left: usize) -> Var {
        if left == 0 {
            return (x * x).sin();
        }
        if left.is_multiple_of(2) {
            return cond(x.sum().less_than(1.0), || level(x * 0.5, left - 1), || x.cos());
        }
        map(x.broadcast_to(&[2, 4]), |row| level(row * x, left - 1)).sum_axis(0)
    }
    let mut at = Instant::now();
    let mut lap = || std::mem::replace(&mut at, Instant::now()).elapsed().as_secs_f64();
    let recorded = Function::record(shape![4], |x| level(x, levels).sum())?;
    let record = lap();
    let hvp = recorded.wrt(|x| x).hvp();
    let differentiate = lap();
    hvp.plan()?;
    Ok([record, differentiate, lap()])
}

/// The slope of log seconds over log n between the shortest program that takes at least a millisecond and the longest.
fn exponent(runs: &[Times], part: usize) -> Option<f64> {
    let first = runs.iter().find(|r| r.seconds[part] >= 1e-3)?;
    let last = runs.last().filter(|l| l.n > first.n)?;
    Some((last.seconds[part] / first.seconds[part]).ln() / (last.n as f64 / first.n as f64).ln())
}

/// The table. `report` hears of every program as it is done.
///
/// # Errors
/// When a program cannot be recorded, differentiated or planned.
pub fn table(longest: usize, only: &str, report: &mut dyn FnMut(&str)) -> std::result::Result<String, Box<dyn Error>> {
    let mut out = format!("{:<18} {:>8}   {:>25}   {:>26}\n", "program", "longest", "seconds there", "exponent");
    let _ = writeln!(
        out,
        "{:<18} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "", "record", "gradient", "plan", "record", "gradient", "plan"
    );
    for (name, form) in FORMS.iter().filter(|f| f.0.contains(only)) {
        let mut runs: Vec<Times> = vec![];
        for n in LENGTHS.into_iter().filter(|n| *n <= longest) {
            let seconds = form(n)?;
            report(&format!("{name} {n}: {seconds:.3?} s"));
            runs.push(Times { n, seconds });
            if seconds.iter().sum::<f64>() > PATIENCE {
                break;
            }
        }
        let Some(last) = runs.last() else { continue };
        let [a, b, c] = last.seconds;
        let slope = |part: usize| exponent(&runs, part).map_or("-".into(), |e| format!("{e:.2}"));
        let _ = writeln!(out, "{name:<18} {:>8} {a:>9.3} {b:>9.3} {c:>9.3} {:>9} {:>9} {:>9}", last.n, slope(0), slope(1), slope(2));
    }
    if "nests".contains(only) {
        let _ = writeln!(out, "\n{:<18} {:>8} {:>9} {:>9} {:>9}", "nests: Hvp", "levels", "record", "hvp", "plan");
        for levels in (2..=LEVELS).step_by(2) {
            let [a, b, c] = nested(levels)?;
            report(&format!("nests {levels}: {:.3?} s", [a, b, c]));
            let _ = writeln!(out, "{:<18} {levels:>8} {a:>9.4} {b:>9.4} {c:>9.4}", "");
            if a + b + c > PATIENCE {
                break;
            }
        }
    }
    Ok(out)
}
