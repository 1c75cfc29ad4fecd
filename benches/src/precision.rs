//! Single against double precision: time of one element where lanes bound it and where bandwidth does.
use hypertape::array::Real;
use hypertape::prelude::*;
use hypertape_testkit::random::sym;
use ndarray::{Array1, Array2};
use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

/// Elements of a vector in the caches nearby.
const NEAR: usize = 4096;

/// The table: nanoseconds an element in double and in single precision, and their ratio.
///
/// # Errors
/// When a function cannot be recorded or fails.
pub fn table() -> Result<String, Box<dyn Error>> {
    let mut out = format!("{:<34} {:>8} {:>8} {:>7}\n", "ns an element", "f64", "f32", "ratio");
    let mut line = |name: &str, double: f64, single: f64| {
        let _ = writeln!(out, "{name:<34} {double:>8.3} {single:>8.3} {:>7.2}", double / single);
    };
    // The same body for variables of either type.
    macro_rules! functions {
        ($($name:literal: $x:ident => $body:expr;)*) => {
            $(line($name, elementwise::<f64>(|$x| $body)?, elementwise::<f32>(|$x| $body)?);)*
        };
    }
    functions! {
        "2 x + 1": x => x * 2.0 + 1.0;
        "1 / x": x => x.recip();
        "sqrt": x => x.sqrt();
        "exp": x => x.exp();
        "exp_m1": x => x.exp_m1();
        "ln": x => x.ln();
        "ln_1p": x => x.ln_1p();
        "sigmoid": x => x.sigmoid();
        "softplus": x => x.softplus();
        "tanh": x => x.tanh();
        "sinh": x => x.sinh();
        "cosh": x => x.cosh();
        "sin": x => x.sin();
        "cos": x => x.cos();
        "tan": x => x.tan();
        "asin": x => (x - 0.5).asin();
        "acos": x => (x - 0.5).acos();
        "atan": x => x.atan();
        "erf": x => x.erf();
        "x ^ 1.7": x => x.powf(1.7);
    }
    for (m, n) in [(500, 200), (10_000, 1000)] {
        let size = format!("{m} x {n}");
        line(&format!("matrix times vector, {size}"), vector::<f64>((m, n), false)?, vector::<f32>((m, n), false)?);
        line(&format!("gradient of a GLM, {size}"), vector::<f64>((m, n), true)?, vector::<f32>((m, n), true)?);
    }
    line("matrix times matrix, 512", matrix::<f64>(512)?, matrix::<f32>(512)?);
    Ok(out)
}

/// A function of elements in [½, 1½).
fn elementwise<T: Real>(f: impl Fn(Var<T>) -> Var<T>) -> Result<f64, Box<dyn Error>> {
    let x: Array1<T> = sym(1, NEAR).mapv(|v| T::from_f64(v + 1.0));
    let f = Function::record(Leaf::<T>::new([NEAR]), f)?;
    let mut workspace = f.workspace();
    Ok(time(&mut || Ok(workspace.run_each(&x, &mut |y| drop(black_box(y)))?))? / NEAR as f64)
}

/// X v, or Xᵀ σ(X v).
fn vector<T: Real>((m, n): (usize, usize), gradient: bool) -> Result<f64, Box<dyn Error>> {
    let x: Array2<T> = sym(2, (m, n)).mapv(T::from_f64);
    let v: Array1<T> = sym(3, n).mapv(T::from_f64);
    let x = x.into_shared();
    let f = Function::record(Leaf::<T>::new([n]), |v| {
        let margin = constant(&x).dot(v);
        if gradient { constant(&x).t().dot(margin.sigmoid()) } else { margin }
    })?;
    let mut workspace = f.workspace();
    Ok(time(&mut || Ok(workspace.run_each(&v, &mut |y| drop(black_box(y)))?))? / (m * n) as f64)
}

fn matrix<T: Real>(n: usize) -> Result<f64, Box<dyn Error>> {
    let a: Array2<T> = sym(4, (n, n)).mapv(T::from_f64);
    let f = Function::record(Leaf::<T>::new([n, n]), |a: Var<T>| a.dot(a))?;
    let mut workspace = f.workspace();
    Ok(time(&mut || Ok(workspace.run_each(&a, &mut |y| drop(black_box(y)))?))? / (n * n) as f64)
}

/// The shortest of eleven samples of about 10 ms, in nanoseconds a call.
fn time(call: &mut dyn FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut sample = |calls: usize| -> Result<f64, Box<dyn Error>> {
        let start = Instant::now();
        (0..calls).try_for_each(|_| call())?;
        Ok(start.elapsed().as_nanos() as f64 / calls as f64)
    };
    sample(2)?;
    let calls = (1e7 / sample(4)?.max(1.0)) as usize + 1;
    (0..11).try_fold(f64::INFINITY, |best, _| Ok(best.min(sample(calls)?)))
}
