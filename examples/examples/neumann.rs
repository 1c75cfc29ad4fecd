//! K terms of the Neumann series are backpropagation through the last K gradient steps at the solution, and what is cut off shrinks by 1 − αμ with each.
//!
//! Logistic regression with a penalty for each of 30 features. The equality is that of Lorraine, Vicol and Duvenaud 2020, the decay that of Shaban, Cheng, Hatch and Boots 2019.

use clap::Parser;
use hypertape::bilevel::{Aid, Ask, Bilevel, Estimate, Estimator, Memory, Recorded};
use hypertape::ndarray::{ArcArray1, ArcArray2, Array1, Array2};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_examples::fit::rate;
use hypertape_testkit::random;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::process::ExitCode;

/// Compares the Neumann series with truncated backpropagation.
#[derive(Debug, Parser)]
struct Options {
    /// The same: it takes seconds.
    #[arg(long)]
    quick: bool,
    /// Where the tables and the picture go.
    #[arg(long, default_value = "target/neumann")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;
type Logistic = Bilevel<Objective<Leaf, Leaf>>;

const ROWS: usize = 200;
const FEATURES: usize = 30;

/// Mean logistic loss of 200 rows and ½ Σ e^{xᵢ} wᵢ²; the outer objective is the loss of other rows.
struct Problem {
    train: (ArcArray2<f64>, ArcArray1<f64>),
    validation: (ArcArray2<f64>, ArcArray1<f64>),
}

impl Problem {
    fn new() -> Self {
        let plane: Array1<f64> = random::normal(1, FEATURES);
        let rows = |seed: u64| {
            let a = random::normal(seed, (ROWS, FEATURES)).into_shared();
            let b = (a.dot(&plane) + random::normal(seed + 1, ROWS)).mapv(f64::signum).into_shared();
            (a, b)
        };
        Problem { train: rows(2), validation: rows(4) }
    }
    fn bilevel(&self) -> Result<Logistic> {
        let shapes = || (shape![FEATURES], shape![FEATURES]);
        let loss = |(a, b): &(ArcArray2<f64>, ArcArray1<f64>), w: Var| (-(constant(b) * constant(a).dot(w))).softplus().mean();
        let inner = Function::record(shapes(), |(w, x)| loss(&self.train, w) + 0.5 * (x.exp() * w.square()).sum())?;
        let outer = Function::record(shapes(), |(w, _)| loss(&self.validation, w))?;
        Ok(Bilevel::new(&inner, &outer))
    }
    /// The largest and the smallest eigenvalue of the inner Hessian.
    fn curvatures(&self, w: &[f64], x: &[f64]) -> Done<(f64, f64)> {
        let a = &self.train.0;
        let s = a.dot(&Array1::from(w.to_vec())).mapv(|v| 1.0 / (1.0 + (-v).exp()));
        let weighted = Array2::from_shape_fn(a.dim(), |(i, j)| a[[i, j]] * s[i] * (1.0 - s[i]) / ROWS as f64);
        let mut hessian: Array2<f64> = a.t().dot(&weighted);
        hessian.diag_mut().iter_mut().zip(x).for_each(|(h, x)| *h += x.exp());
        let values = linear::singular_values(&mut hessian, FEATURES)?.ok_or("there are more features than expected")?;
        Ok((values[0], values[FEATURES - 1]))
    }
}

fn at(estimator: &impl Estimator<Objective<Leaf, Leaf>>, problem: &Logistic, x: &[f64]) -> Result<(Estimate, Vec<f64>)> {
    let mut memory = Memory::default();
    let found = estimator.prepare(problem)?.at(x, &mut memory, Ask::default())?;
    Ok((found, memory.solution))
}

/// ‖a − b‖ / ‖b‖.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    let d: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    linear::norm(&d) / linear::norm(b)
}

/// At the solution: for each K the two derivatives' distance, and the error of K terms.
fn at_the_solution(data: &Problem) -> Done<Vec<(usize, f64, f64)>> {
    let problem = data.bilevel()?;
    let x = [-1.0; FEATURES];
    let newton = Aid::new(&NewtonCg::new(&problem).tolerance(1e-15)).adjoint(Cholesky);
    let (exact, solution) = at(&newton, &problem, &x)?;
    let alpha = 0.9 / data.curvatures(&solution, &x)?.0;
    let w = Array1::from(solution);
    // No step is made: the start is the solution.
    let descent = GradientDescent::new(&problem).step_size(alpha).tolerance(1e-12);
    let mut rows = vec![];
    for k in [1, 2, 5, 10, 20, 50, 100] {
        let series = Aid::new(&descent).adjoint(Neumann::terms(k).step(alpha)).start(&w);
        let unrolled = Recorded::new(descent.unroll(200).keep(Keep::Last(k))).start(&w);
        let (series, unrolled) = (at(&series, &problem, &x)?.0, at(&unrolled, &problem, &x)?.0);
        rows.push((k, apart(&series.gradient, &unrolled.gradient), apart(&series.gradient, &exact.gradient)));
    }
    Ok(rows)
}

/// Stopped after so many steps from 0, with weak penalties: the distance of the last iterate from the solution, the bias of the derivative through the last K steps
/// against that through all, and 1 − αμ.
fn stopped_early(data: &Problem, steps: usize) -> Done<(f64, Vec<(usize, f64)>, f64)> {
    let problem = data.bilevel()?;
    let x = [-5.0; FEATURES];
    let (_, solution) = at(&Aid::new(&NewtonCg::new(&problem).tolerance(1e-14)), &problem, &x)?;
    let alpha = 0.9 / data.curvatures(&solution, &x)?.0;
    let descent = GradientDescent::new(&problem).step_size(alpha);
    let (whole, last) = at(&Recorded::new(descent.unroll(steps)), &problem, &x)?;
    let bias = |k: usize| -> Result<(usize, f64)> {
        let (part, _) = at(&Recorded::new(descent.unroll(steps).keep(Keep::Last(k))), &problem, &x)?;
        Ok((k, apart(&part.gradient, &whole.gradient)))
    };
    let biases = (1..=20).map(|i| bias(i * steps / 40)).collect::<Result<Vec<_>>>()?;
    let mu = data.curvatures(&last, &x)?.1;
    Ok((apart(&last, &solution), biases, 1.0 - alpha * mu))
}

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    let data = Problem::new();
    let rows = at_the_solution(&data)?;
    println!("At the solution:\n| K | Neumann − backpropagation | error of both |\n|---|---|---|");
    let mut table = String::from("k,apart,error\n");
    for (k, apart, error) in &rows {
        println!("| {k} | {apart:.1e} | {error:.1e} |");
        table += &format!("{k},{apart:e},{error:e}\n");
    }
    let (away, biases, expected) = stopped_early(&data, 120)?;
    println!("\nStopped {away:.1e} away from the solution:\n| K | bias of the last K steps |\n|---|---|");
    table += "k,bias\n";
    for (k, bias) in &biases {
        println!("| {k} | {bias:.2e} |");
        table += &format!("{k},{bias:e}\n");
    }
    std::fs::create_dir_all(&options.out)?;
    std::fs::write(options.out.join("errors.csv"), table)?;
    let series = [
        Series { name: "K terms, at the solution".into(), points: rows.iter().map(|r| (r.0 as f64, r.2)).collect() },
        Series { name: "last K steps, stopped".into(), points: biases.iter().map(|b| (b.0 as f64, b.1)).collect() },
    ];
    log_log(&options.out.join("errors.svg"), "What is cut off", ["terms or steps", "relative error"], &series)?;
    println!("Table and picture: {}", options.out.display());
    // The slowest direction is alone after a while.
    let tail: Vec<(f64, f64)> = biases[biases.len() / 3..].iter().map(|b| (b.0 as f64, b.1)).collect();
    let found = rate(&tail).ok_or("too few biases")?;
    let most = rows.iter().map(|r| r.1).fold(0.0, f64::max);
    let last = rows.last().map_or(f64::NAN, |r| r.2);
    println!(
        "neumann: apart by {most:.1e} at most, expected at most 1.0e-12; rate {found:.4}, 1 − αμ = {expected:.4}, expected within 2 %: (1 − rate)/αμ = {:.3}",
        (1.0 - found) / (1.0 - expected)
    );
    let right = most <= 1e-12 && last <= 1e-12 && (found / expected - 1.0).abs() <= 0.02 && away > 1e-6;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
