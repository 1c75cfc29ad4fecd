//! SHINE: the hypergradient of a logistic regression without one product in the backward pass, by what L-BFGS already knows of the inverse.
//!
//! The method is that of Ramzi et al. (2022), "SHINE: SHaring the INverse Estimate from the forward pass for bi-level optimization and implicit models".

use clap::Parser;
use hypertape::array::Shared;
use hypertape::operation::Class;
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_testkit::random;
use ndarray::{ArcArray1, ArcArray2, Array1, Array2};
use std::error::Error as StdError;
use std::path::PathBuf;
use std::process::ExitCode;

/// Hypergradients by SHINE, with and without extra pairs, beside exact ones.
#[derive(Debug, Parser)]
struct Options {
    /// The same: it takes seconds.
    #[arg(long)]
    quick: bool,
    /// Where the picture goes.
    #[arg(long, default_value = "target/shine")]
    out: PathBuf,
}

type Outcome<T> = std::result::Result<T, Box<dyn StdError>>;

const SAMPLES: usize = 400;
const FEATURES: usize = 100;
const PENALTY: f64 = 1.0;
/// Steps from one extra pair to the next.
const EVERY: usize = 5;

/// X with columns of sizes from 1 to 0.1, and y = sign(X w + 0.3 ε).
fn data(seed: u64, w: &Array1<f64>) -> (ArcArray2<f64>, ArcArray1<f64>) {
    let mut x: Array2<f64> = random::normal(seed, (SAMPLES, FEATURES));
    for (j, mut column) in x.columns_mut().into_iter().enumerate() {
        column *= 10f64.powf(-(j as f64) / (FEATURES - 1) as f64);
    }
    let noise: Array1<f64> = random::normal(seed + 1, SAMPLES);
    let y = (x.dot(w) + 0.3 * noise).mapv(f64::signum);
    (x.into_shared(), y.into_shared())
}

/// The summed logistic loss.
fn loss(x: &ArcArray2<f64>, y: &ArcArray1<f64>, w: Var) -> Var {
    (-(constant(y) * constant(x).dot(w))).softplus().sum()
}

struct Task {
    x: ArcArray2<f64>,
    inner: Function<(Leaf, Leaf), Leaf>,
    outer: Function<Leaf, Leaf>,
}

/// What one way to differentiate gives.
struct Found {
    /// The derivative of the solution by the penalty.
    direction: Array1<f64>,
    hypergradient: f64,
    /// Iterations of the solver, and of the adjoint.
    iterations: [u64; 2],
    /// Readings of X in the backward pass, counted by the engine: a product with ∇²f is two.
    readings: u64,
}

impl Task {
    fn new() -> Outcome<Self> {
        let w = random::normal(1, FEATURES);
        let ((x, y), (vx, vy)) = (data(2, &w), data(4, &w));
        let inner = Function::record((shape![FEATURES], shape![]), |(w, penalty)| loss(&x, &y, w) + 0.5 * penalty * w.square().sum())?;
        let outer = Function::record(shape![FEATURES], |w| loss(&vx, &vy, w))?;
        Ok(Task { x, inner, outer })
    }
    fn lbfgs(&self, memory: usize) -> Lbfgs<Objective<Leaf, Leaf>> {
        Lbfgs::new(&self.inner).memory(memory).tolerance(1e-8).max_iterations(2000)
    }
    /// How often a run has read X.
    fn readings(&self, counts: &hypertape::execute::Counts) -> u64 {
        let x = Shared::F64(self.x.clone().into_dyn());
        [Class::MatVec, Class::VecMat].into_iter().map(|c| counts.products(c, Some(&x))).sum()
    }
    fn by(&self, solver: &Lbfgs<Objective<Leaf, Leaf>>, adjoint: impl LinearSolver) -> Outcome<Found> {
        let method = solver.implicit(adjoint);
        let start = || zeros(shape![FEATURES]);
        let solution = Function::record(shape![], |penalty| method.solve(start(), penalty))?;
        let value = Function::record(shape![], |penalty| self.outer.call(method.solve(start(), penalty)))?;
        let direction = solution.jvp(PENALTY, 1.0)?.1.into_iter().collect();
        let (mut there, mut back) = (value.workspace(), value.wrt(|p| p).value_and_gradient().workspace());
        there.run(PENALTY)?;
        let (_, hypergradient) = back.run(PENALTY)?;
        let hypergradient = hypergradient.number()?;
        let (forward, all) = (self.readings(&there.counts()), self.readings(&back.counts()));
        let iterations = |word: &str| back.reports().iter().find(|r| r.name.contains(word)).and_then(|r| r.iterations).unwrap_or(0);
        let iterations = [iterations("L-BFGS"), iterations("adjoint")];
        Ok(Found { direction, hypergradient, iterations, readings: all - forward })
    }
}

fn cosine(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    a.dot(b) / (a.dot(a) * b.dot(b)).sqrt()
}

fn main() -> Outcome<ExitCode> {
    let options = Options::parse();
    let task = Task::new()?;
    let exact = task.by(&task.lbfgs(30), Cholesky)?;
    let w: Array1<f64> = task.lbfgs(30).solve(Array1::zeros(FEATURES), PENALTY)?.solution.into_iter().collect();
    // Without any inverse: the derivative of the gradient by the penalty, which is w.
    let pull: f64 = task.outer.gradient(&w)?.iter().zip(&w).map(|(g, w)| g * w).sum();
    println!("l2-logistic regression, n = {SAMPLES}, d = {FEATURES}, penalty {PENALTY}; exact hypergradient {:.6}\n", exact.hypergradient);
    println!(
        "| backward pass | pairs | iterations | cosine of the direction | hypergradient / exact | readings of X in the backward pass |"
    );
    println!("|---|---|---|---|---|---|");
    println!("| Jacobian-free | | | {:.4} | {:.3} | 0 |", -cosine(&w, &exact.direction), -pull / exact.hypergradient);
    let (mut worst, mut least, mut most, mut products) = (1.0_f64, f64::INFINITY, 0.0_f64, 0);
    let mut series = vec![];
    for extra in [false, true] {
        let mut points = vec![];
        for memory in [10, 30, 100] {
            let solver = if extra { task.lbfgs(memory).extra_pairs(EVERY) } else { task.lbfgs(memory) };
            let found = task.by(&solver, Shine::default())?;
            let (cosine, ratio) = (cosine(&found.direction, &exact.direction), found.hypergradient / exact.hypergradient);
            let name = if extra { format!("SHINE, an extra pair every {EVERY}") } else { "SHINE".into() };
            println!("| {name} | {memory} | {} | {cosine:.4} | {ratio:.3} | {} |", found.iterations[0], found.readings);
            products += found.readings;
            if extra {
                (worst, least, most) = (worst.min(cosine), least.min(ratio), most.max(ratio));
            }
            points.push((memory as f64, 1.0 - cosine));
        }
        let name = if extra { format!("an extra pair every {EVERY} steps") } else { "SHINE".into() };
        series.push(Series { name, points });
    }
    let free = 1.0 + cosine(&w, &exact.direction);
    series.push(Series { name: "Jacobian-free".into(), points: vec![(10.0, free), (100.0, free)] });
    std::fs::create_dir_all(&options.out)?;
    log_log(&options.out.join("cosine.svg"), "Direction without a solve", ["pairs", "1 − cosine"], &series)?;
    let zero = task.by(&task.lbfgs(30), Cg::tolerance(1e-8).trusted())?;
    let shown = |name: &str, pairs: &str, f: &Found| {
        let off = (f.hypergradient / exact.hypergradient - 1.0).abs();
        println!("| {name} | {pairs} | {} | off by {off:.1e} | {} iterations | {} |", f.iterations[0], f.iterations[1], f.readings);
        off
    };
    println!("\n| to 1e-8 | pairs | iterations | hypergradient | adjoint | readings of X in the backward pass |");
    println!("|---|---|---|---|---|---|");
    let mut accuracy = shown("CG from zero", "30", &zero);
    let mut fewer = 0;
    for memory in [10, 30, 100] {
        for extra in [false, true] {
            let solver = if extra { task.lbfgs(memory).extra_pairs(EVERY) } else { task.lbfgs(memory) };
            let refined = task.by(&solver, Shine::tolerance(1e-8))?;
            let name = if extra { "SHINE refined, extra pairs" } else { "SHINE refined" };
            accuracy = accuracy.max(shown(name, &memory.to_string(), &refined));
            fewer += u64::from(refined.readings < zero.readings);
        }
    }
    let good = products == 0 && worst > 0.99 && least >= 0.9 && most <= 1.2 && accuracy <= 1e-6 && fewer == 6;
    println!(
        "\nshine: {products} products backward, cosine at least {worst:.4}, hypergradient / exact {least:.3} to {most:.3}, refined with fewer readings than CG in {fewer} of 6, off by at most {accuracy:.1e}, expected 0, above 0.99, 0.9 to 1.2, 6 of 6, at most 1e-6"
    );
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
