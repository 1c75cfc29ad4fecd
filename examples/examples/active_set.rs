//! The hypergradient of a lasso with few active features: its linear system on the active set, beside that of all features by matrix-free GMRES to the same tolerance.
//!
//! min ½‖X z − y‖² + Σ θ_i|z_i|, with normal X whose inactive features are smaller, and y such that the solution is known. The cotangent of the solution is pulled back to θ: that is one system with the
//! transpose of F_z, at a point that was moved to just before. The time of the system is what the pull-back takes more than that of a cotangent of 0, which does all but solve.

use clap::Parser;
use hypertape::prelude::*;
use hypertape_testkit::{dense, random};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use std::error::Error as StdError;
use std::process::ExitCode;
use std::time::Instant;

/// Solves the linear system of a hypergradient on the active set and on all unknowns.
#[derive(Debug, Parser)]
struct Options {
    /// A fifth of the rows, a tenth of the features: times are shown and not judged.
    #[arg(long)]
    quick: bool,
}

type Outcome<T> = std::result::Result<T, Box<dyn StdError>>;

const TOLERANCE: f64 = 1e-12;
/// How much faster the restricted system is to be, and how near both results.
const FASTER: f64 = 20.0;
const NEAR: f64 = 1e-10;

/// A lasso whose solution is known.
struct Problem {
    x: Array2<f64>,
    y: Array1<f64>,
    weights: Array1<f64>,
    solution: Array1<f64>,
    active: Vec<usize>,
    step: f64,
}

/// X_A z_A + r, where r = X_A (X_AᵀX_A)⁻¹ (θ s)_A gives active features their signs s.
fn problem(rows: usize, features: usize, count: usize) -> Outcome<Problem> {
    let mut x: Array2<f64> = random::normal(1, (rows, features));
    let active: Vec<usize> = (0..count).map(|k| k * (features / count) + k % 7).collect();
    let mut scale = Array1::from_elem(features, 0.6);
    active.iter().for_each(|i| scale[*i] = 1.0);
    x *= &scale;
    let weights = Array1::from_shape_fn(features, |i| 20.0 * (1.0 + 0.1 * (i as f64).sin()));
    let part = x.select(Axis(1), &active);
    let mut solution = Array1::zeros(features);
    active.iter().enumerate().for_each(|(k, i)| solution[*i] = if k % 3 == 0 { -1.0 } else { 1.0 + 0.01 * k as f64 });
    let forces: Array1<f64> = active.iter().map(|i| weights[*i] * f64::signum(solution[*i])).collect();
    let along = solve(&part, forces.view())?;
    let residual = part.dot(&along);
    let y = x.dot(&solution) + &residual;
    let slack = x.t().dot(&residual).iter().zip(&weights).map(|(f, w)| f.abs() / w).filter(|r| *r < 1.0 - 1e-9).fold(0.0, f64::max);
    let beyond = x.t().dot(&residual).iter().zip(&weights).filter(|(f, w)| f.abs() > **w * (1.0 + 1e-9)).count();
    if beyond > 0 || slack > 0.999 {
        return Err("the data do not have the solution that they were made for".into());
    }
    // ‖X‖² by the power method, from above by a tenth.
    let mut v = Array1::from_elem(features, 1.0);
    let mut size = 0.0;
    for _ in 0..20 {
        let w = x.t().dot(&x.dot(&v));
        size = w.dot(&w).sqrt();
        v = w / size;
    }
    Ok(Problem { x, y, weights, solution, active, step: 1.0 / (1.1 * size) })
}

/// (X_AᵀX_A)⁻¹ b.
fn solve(part: &Array2<f64>, b: ArrayView1<'_, f64>) -> Outcome<Array1<f64>> {
    let gram = part.t().dot(part);
    let l = dense::cholesky(gram.view()).ok_or("the active features depend on each other")?;
    Ok(dense::cholesky_solve(l.view(), b))
}

/// What was measured of one way.
struct Measured {
    gradient: Array1<f64>,
    /// Milliseconds of the system: the median of many points, and at the first one, where programs are planned.
    median: f64,
    first: f64,
    /// Multiplications in products of arrays, of one system.
    multiplications: f64,
    iterations: u64,
    active: Option<[u64; 2]>,
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// θ ↦ the solution, whose start it is already.
fn lasso(p: &Problem, restricted: bool) -> Result<Function<Leaf, Leaf>> {
    let (x, y, n) = (p.x.clone().into_shared(), p.y.clone().into_shared(), p.solution.len());
    let start = p.solution.clone().into_shared();
    let fit = Function::record((shape![n], shape![n]), |(z, _)| 0.5 * (constant(&x).dot(z) - constant(&y)).square().sum())?;
    let fista = Fista::new(&Composite::new(&fit, prox::l1::<Leaf, _>(|w| *w))).step_size(p.step).tolerance(1e-10).max_iterations(100);
    let fista = fista.implicit(Gmres::tolerance(TOLERANCE).restart(200)).accuracy(f64::INFINITY).restricted(restricted);
    Function::record(shape![n], |w| fista.solve(constant(&start), w))
}

fn measure(p: &Problem, restricted: bool, rounds: usize) -> Outcome<Measured> {
    let f = lasso(p, restricted)?;
    let loss = |z: &Array1<f64>| Array1::from_shape_fn(z.len(), |i| (0.7 * i as f64).cos() * z[i] + if z[i] == 0.0 { 0.01 } else { 0.0 });
    let (cotangent, zero) = (loss(&p.solution), Array1::zeros(p.solution.len()));
    let mut j = f.linearize(&p.weights)?;
    let mut first = f64::NAN;
    let (mut with, mut without) = (vec![], vec![]);
    let mut gradient = Array1::zeros(0);
    let mut work = [0.0; 2];
    // The zero cotangent goes first: what is planned for every pull-back is not counted as the system's.
    for round in 0..2 * rounds + 2 {
        let solves = round % 2 == 1;
        j.move_to(&p.weights)?;
        let before = multiplications(&j.counts().1);
        let now = Instant::now();
        let pulled = j.apply_transpose(if solves { &cotangent } else { &zero })?;
        let time = 1e3 * now.elapsed().as_secs_f64();
        work[usize::from(solves)] = multiplications(&j.counts().1) - before;
        if solves {
            gradient = pulled.into_dimensionality()?;
        }
        match round {
            0 => {}
            1 => first = time,
            _ if solves => with.push(time),
            _ => without.push(time),
        }
    }
    let rest = median(&mut without);
    f.vjp(&p.weights, &cotangent)?;
    let solved = f.reports().into_iter().find(|r| r.name.contains("solve")).ok_or("no linear system was reported")?;
    Ok(Measured {
        gradient,
        median: median(&mut with) - rest,
        first: first - rest,
        multiplications: work[1] - work[0],
        iterations: solved.iterations.unwrap_or(0),
        active: solved.active,
    })
}

fn multiplications(counts: &hypertape::execute::Counts) -> f64 {
    counts.products.iter().map(|p| p.work as f64 * p.times as f64).sum()
}

fn away(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    let difference = a - b;
    (difference.dot(&difference) / b.dot(b)).sqrt()
}

fn main() -> Outcome<ExitCode> {
    let options = Options::parse();
    let (rows, features, active, rounds) = if options.quick { (200, 1000, 20, 5) } else { (1000, 10_000, 100, 21) };
    let p = problem(rows, features, active)?;
    let [all, few] = [measure(&p, false, rounds)?, measure(&p, true, rounds)?];
    // By hand: F_zᵀ u = c on the support gives dL/dθ_A = −s (X_AᵀX_A)⁻¹ c_A.
    let part = p.x.select(Axis(1), &p.active);
    let c: Array1<f64> = p.active.iter().map(|i| (0.7 * *i as f64).cos() * p.solution[*i]).collect();
    let by_hand = solve(&part, c.view())?;
    let mut expected = Array1::zeros(features);
    p.active.iter().zip(&by_hand).for_each(|(i, v)| expected[*i] = -v * p.solution[*i].signum());

    println!(
        "Lasso, {rows} rows, {features} features, {active} active; the adjoint system by GMRES to a relative residual of {TOLERANCE:e}.\n"
    );
    println!(
        "| unknowns | milliseconds, median of {rounds} points | at the first point, with planning | GMRES iterations | multiplications | away from the closed form |"
    );
    println!("|---|---|---|---|---|---|");
    for m in [&all, &few] {
        let unknowns = m.active.map_or_else(|| format!("all {features}"), |[k, n]| format!("{k} active of {n}"));
        println!(
            "| {unknowns} | {:.3} | {:.3} | {} | {:.3e} | {:.1e} |",
            m.median,
            m.first,
            m.iterations,
            m.multiplications,
            away(&m.gradient, &expected)
        );
    }
    let (faster, fewer) = (all.median / few.median, all.multiplications / few.multiplications);
    let apart = away(&few.gradient, &all.gradient);
    println!("\nfewer multiplications: {fewer:.1} times");
    println!("active_set: {faster:.1} times faster, {apart:.1e} apart, expected at least {FASTER:.0} times and at most {NEAR:e}");
    let near = apart <= NEAR && few.active == Some([active as u64, features as u64]);
    Ok(if near && (options.quick || faster >= FASTER) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
