//! Unrolling against implicit differentiation: the hypergradient of 640 penalties on the digits, by every method, and a tuning with it.
//!
//! Softmax regression with one log-penalty for each feature and class. The hypergradient of the validation loss after K steps of gradient
//! descent is compared with the exact one, in error, time, bytes and products; then the penalties are tuned by both ways.

use clap::Parser;
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_examples::digits::Digits;
use hypertape_examples::hypergradients::{Way, exact, measured, ways};
use hypertape_examples::softmax_regression::{LOG_PENALTY, SoftmaxRegression, accuracy, single, weights};
use hypertape_testkit::allocations::Counting;
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::Array2;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

#[global_allocator]
static MEMORY: Counting = Counting::new();

/// Compares unrolled and implicit hypergradients on the UCI digits, then tunes 640 penalties with them.
#[derive(Debug, Parser)]
struct Options {
    /// Every kind of row, up to 300 steps, and a short tuning.
    #[arg(long)]
    quick: bool,
    /// A row whose plan needs more megabytes is not run.
    #[arg(long, default_value_t = 2000.0)]
    memory: f64,
    /// Where the table and the charts are written.
    #[arg(long, default_value = "target/unrolling_vs_implicit")]
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if !(options.memory > 0.0 && options.memory.is_finite()) {
        return Err(format!("--memory is {}; give a positive number of megabytes", options.memory).into());
    }
    fs::create_dir_all(&options.out)
        .map_err(|e| format!("cannot create {}: {e}; give another folder with --out", options.out.display()))?;
    let problem = SoftmaxRegression::new(Digits::load()?)?;
    let steps: &[usize] = if options.quick { &[10, 30, 100, 300] } else { &[10, 30, 100, 300, 1000, 3000] };
    let table = hypergradients(&problem, steps, &options)?;
    println!(
        "Hypergradient of the validation loss by 640 log-penalties, at penalties of e^{LOG_PENALTY}, after K steps of gradient descent from 0."
    );
    println!("Error: relative, against Newton's method to 1e-12 and a dense Cholesky solve. Seconds: one hypergradient, once warm.\n");
    println!("{table}");
    fs::write(options.out.join("hypergradients.csv"), table.csv())?;
    if table.rows.iter().any(|row| matches!(row.outcome, Some(Ok(_)))) {
        draw(&table, &options.out)?;
        picture(&table, steps, &options.out)?;
    } else {
        println!("No chart is drawn: no row was run. The least plan needs more than --memory {} megabytes.\n", options.memory);
    }
    tune(&problem, options.quick)?;
    println!("\nTable and charts: {}", options.out.display());
    Ok(())
}

/// The table: one row for each number of steps and way.
fn hypergradients(problem: &SoftmaxRegression, steps: &[usize], options: &Options) -> Result<Comparison, Box<dyn Error>> {
    let exact = exact(problem)?;
    let rows: Vec<(usize, &str, Way)> =
        steps.iter().flat_map(|k| ways(problem, *k).into_iter().map(|(name, way)| (*k, name, way))).collect();
    let bar = progress(rows.len());
    let mut table = Comparison { rows: vec![] };
    for (k, name, way) in rows {
        let name = format!("K = {k:<4}  {name}");
        bar.set_message(name.clone());
        let repeats = if k >= 1000 { 1 } else { 3 };
        let row = measured(problem, &*way, &exact, &MEMORY, (options.memory * 1e6) as u64, repeats)?;
        table.rows.push(Row { name, ..row });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(table)
}

fn progress(n: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(n as u64).with_style(style)
}

/// Error against K, bytes against K, time against error.
fn draw(table: &Comparison, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut lines: Vec<(String, Vec<[f64; 4]>)> = vec![];
    for row in &table.rows {
        let Some(Ok(m)) = &row.outcome else { continue };
        let Some((k, way)) = row.name.trim_start_matches("K = ").split_once("  ") else { continue };
        let (way, point) = (way.trim(), [k.trim().parse()?, m.error.unwrap_or(f64::NAN), m.measured.unwrap_or(0) as f64, m.seconds]);
        match lines.iter_mut().find(|l| l.0 == way) {
            Some(line) => line.1.push(point),
            None => lines.push((way.into(), vec![point])),
        }
    }
    let series = |x: usize, y: usize| -> Vec<Series> {
        lines.iter().map(|(name, p)| Series { name: name.clone(), points: p.iter().map(|p| (p[x], p[y])).collect() }).collect()
    };
    log_log(&out.join("error.svg"), "Error of the hypergradient", ["steps K", "relative error"], &series(0, 1))?;
    log_log(&out.join("memory.svg"), "Memory of one hypergradient", ["steps K", "peak bytes"], &series(0, 2))?;
    log_log(&out.join("time.svg"), "Time against error", ["relative error", "seconds"], &series(1, 3))
}

/// Error and bytes against time, of all ways after the most steps that were run.
fn picture(table: &Comparison, steps: &[usize], out: &Path) -> Result<(), Box<dyn Error>> {
    let of = |k: &usize| -> Vec<Row> { table.rows.iter().filter(|r| r.name.starts_with(&format!("K = {k:<4}  "))).cloned().collect() };
    let pictures = steps.iter().rev().map(|k| Comparison { rows: of(k) }.svg());
    if let Some(svg) = pictures.flatten().next() {
        fs::write(out.join("comparison.svg"), svg)?;
    }
    Ok(())
}

/// Validation loss, test loss and weights, as a function of the penalties.
type Losses = Function<Leaf, (Leaf, (Leaf, Leaf))>;

/// Tunes the penalties from the best single one of a grid, and prints what each way reaches.
fn tune(problem: &SoftmaxRegression, quick: bool) -> Result<(), Box<dyn Error>> {
    let (k, turns) = if quick { (100, 10) } else { (1000, 30) };
    let solver = Lbfgs::new(&problem.inner).tolerance(1e-9).max_iterations(2000);
    let descent = GradientDescent::new(&problem.inner).step_size(problem.step_size);
    let losses = |weights_at: &dyn Fn(Var) -> Var| {
        Function::record(weights(), |penalties| {
            let w = weights_at(penalties);
            (problem.validation_loss(w), (problem.test_loss(w), w))
        })
    };
    let at_minimiser = losses(&|p| solver.implicit(Cg::tolerance(1e-9)).warm_start().solve(zeros(weights()), p))?;
    let at_iterate = losses(&|p| descent.unroll(k).solve(zeros(weights()), p))?;

    let bar = progress(GRID.len() + 2 * turns);
    bar.set_message("single penalties");
    let mut best = (f64::INFINITY, 0.0);
    for v in GRID {
        let (validation, _) = at_minimiser.eval(single(v))?;
        if validation.number()? < best.0 {
            best = (validation.number()?, v);
        }
        bar.inc(1);
    }
    let start = single(best.1);
    bar.set_message("tuning, unrolled");
    let (unrolled, unrolled_step) = descend(&at_iterate.output(|(validation, _)| validation), start.clone(), turns, &bar)?;
    bar.set_message("tuning, implicit");
    let (implicit, implicit_step) = descend(&at_minimiser.output(|(validation, _)| validation), start.clone(), turns, &bar)?;
    bar.finish_and_clear();

    println!(
        "Tuned on the validation loss: {turns} steps of Adam, λ in [−12, 4], early stopping. Weights are the minimiser for the penalties (W*), or the"
    );
    println!("iterate after {k} steps of gradient descent (W_K), which is what unrolling tunes.\n");
    println!(
        "{:<30} {:>8} {:>5} {:>12} {:>10} {:>10} {:>10}",
        "penalties", "weights", "step", "validation", "accuracy", "test", "accuracy"
    );
    let baseline = format!("best single one, e^{}", best.1);
    for (name, weights, losses, penalties, step) in [
        (baseline.as_str(), "W*", &at_minimiser, &start, 0),
        (baseline.as_str(), "W_K", &at_iterate, &start, 0),
        ("640, tuned by unrolling", "W_K", &at_iterate, &unrolled, unrolled_step),
        ("640, tuned by unrolling", "W*", &at_minimiser, &unrolled, unrolled_step),
        ("640, tuned implicitly", "W*", &at_minimiser, &implicit, implicit_step),
    ] {
        let [validation, on_validation, test, on_test] = scores(problem, losses, penalties)?;
        println!("{name:<30} {weights:>8} {step:>5} {validation:>12.5} {on_validation:>9.2}% {test:>10.5} {on_test:>9.2}%");
    }
    Ok(())
}

/// The log-penalties tried for all weights together.
const GRID: [f64; 17] = [-12.0, -11.0, -10.0, -9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0];

/// Validation loss and accuracy, test loss and accuracy; accuracies in per cent.
fn scores(problem: &SoftmaxRegression, losses: &Losses, penalties: &Array2<f64>) -> Result<[f64; 4], Box<dyn Error>> {
    let (validation, (test, w)) = losses.eval(penalties)?;
    let d = &problem.digits;
    let on_validation = 100.0 * accuracy(&d.x_validation, &d.labels_validation, w.d2().view());
    let on_test = 100.0 * accuracy(&d.x_test, &d.labels_test, w.d2().view());
    Ok([validation.number()?, on_validation, test.number()?, on_test])
}

/// Adam on the validation loss within [−12, 4], stopped when 8 steps in a row bring nothing: the best penalties and their step.
fn descend(
    loss: &Function<Leaf, Leaf>,
    start: Array2<f64>,
    turns: usize,
    bar: &ProgressBar,
) -> Result<(Array2<f64>, usize), Box<dyn Error>> {
    let mut gradient = loss.wrt(|p| p).value_and_gradient().workspace();
    let mut adam = Optimiser::adam(&weights(), |m| m.step_size(0.2));
    let mut penalties = start.into_dyn();
    let mut best = (f64::INFINITY, penalties.clone(), 0);
    for turn in 0..=turns {
        let (value, g) = gradient.run(&penalties)?;
        if value.number()? < best.0 {
            best = (value.number()?, penalties.clone(), turn);
        }
        if turn - best.2 >= 8 {
            break;
        }
        let g = g.to_owned();
        adam.update(&mut penalties, &g)?;
        penalties.mapv_inplace(|v| v.clamp(-12.0, 4.0));
        bar.inc(1);
    }
    Ok((best.1.into_dimensionality()?, best.2))
}
