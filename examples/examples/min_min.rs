//! Three gradients of a minimum, x ↦ min over z of g(z, x), where the minimisation stopped early: how their errors fall with the distance to the minimiser.
//!
//! Ablin, Peyré and Moreau 2020. No estimators of their own are needed: the outer objective is the inner one. The analytic gradient ∂₂g(z_t, x) is [`Recorded::first_order`], the
//! automatic one, of x ↦ g(z_t(x), x), is [`Recorded`], and the implicit one, ∂₂g with the correction −F_xᵀ F_z⁻ᵀ ∂₁g, is [`Aid`]. The error of the first is of the order of the
//! distance, that of the last of its square; the automatic one comes near the last since the Jacobian of z_t converges too.

use clap::Parser;
use hypertape::bilevel::{Aid, Ask, Bilevel, Estimator, Memory, Recorded};
use hypertape::ndarray::{Array1, Array2};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_examples::fit::power;
use hypertape_testkit::random;
use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Compares gradients of a minimum by their errors.
#[derive(Debug, Parser)]
struct Options {
    /// The same: it takes seconds.
    #[arg(long)]
    quick: bool,
    /// Where the tables and the pictures go.
    #[arg(long, default_value = "target/min_min")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;

const NAMES: [&str; 3] = ["analytic", "automatic", "implicit"];

/// After some steps: ‖z_t − z*‖, and the errors of the three gradients.
struct Point {
    steps: usize,
    distance: f64,
    errors: [f64; 3],
}

/// Estimators of the three gradients after so many steps.
type Three<Q> = [Box<dyn Estimator<Q>>; 3];

fn apart(a: &[f64], b: &[f64]) -> f64 {
    linear::norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
}

/// Where the solver ends, and the gradient there.
fn at<Q: Equation>(estimator: &dyn Estimator<Q>, problem: &Bilevel<Q>, x: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
    let mut memory = Memory::default();
    let found = estimator.prepare(problem)?.at(x, &mut memory, Ask::default())?;
    Ok((memory.solution, found.gradient))
}

/// The three gradients after 1, 2, … steps, until the minimiser is within 10⁻⁶.
fn curve<Q: Equation>(
    problem: &Bilevel<Q>,
    x: &[f64],
    exact: &dyn Estimator<Q>,
    stopped: &dyn Fn(usize) -> Three<Q>,
) -> Result<Vec<Point>> {
    let (minimiser, gradient) = at(exact, problem, x)?;
    let mut points: Vec<Point> = vec![];
    for steps in 1..100 {
        let (mut distance, mut errors) = (0.0, [0.0; 3]);
        for (estimator, error) in stopped(steps).iter().zip(&mut errors) {
            let (z, g) = at(&**estimator, problem, x)?;
            (distance, *error) = (apart(&z, &minimiser), apart(&g, &gradient));
        }
        points.push(Point { steps, distance, errors });
        if distance < 1e-6 {
            break;
        }
    }
    Ok(points)
}

/// Slopes of log error against log distance, where the distance is from 10⁻⁶ to 10⁻² and the error above rounding.
fn slopes(points: &[Point]) -> Done<[f64; 3]> {
    let mut found = [0.0; 3];
    for (k, slope) in found.iter_mut().enumerate() {
        let of = points.iter().filter(|p| p.distance > 1e-6 && p.distance < 1e-2 && p.errors[k] > 1e-14);
        *slope = power(&of.map(|p| (p.distance, p.errors[k])).collect::<Vec<_>>()).ok_or("too few points")?;
    }
    Ok(found)
}

/// A table, a file and a picture.
fn report(name: &str, title: &str, points: &[Point], out: &Path) -> Done<[f64; 3]> {
    println!("\n{title}:\n| steps | distance | analytic | automatic | implicit |\n|---|---|---|---|---|");
    let mut table = String::from("steps,distance,analytic,automatic,implicit\n");
    for Point { steps, distance, errors: [a, b, c] } in points {
        println!("| {steps} | {distance:.1e} | {a:.1e} | {b:.1e} | {c:.1e} |");
        table += &format!("{steps},{distance:e},{a:e},{b:e},{c:e}\n");
    }
    std::fs::write(out.join(format!("{name}.csv")), table)?;
    let line = |k: usize| Series { name: NAMES[k].into(), points: points.iter().map(|p| (p.distance, p.errors[k])).collect() };
    log_log(&out.join(format!("{name}.svg")), title, ["distance to the minimiser", "error of the gradient"], &[line(0), line(1), line(2)])?;
    slopes(points)
}

/// Logistic regression of 10 features by 5 outer variables: the mean loss, ½ μ‖z‖² and xᵀ C z.
fn logistic() -> Done<Vec<Point>> {
    let (rows, p, q, mu) = (100, 10, 5, 0.05);
    let a = random::normal(1, (rows, p)).into_shared();
    let b = random::normal(2, rows).mapv(f64::signum).into_shared();
    let c = (0.3 * random::normal(3, (q, p))).into_shared();
    let g = Function::record((shape![p], shape![q]), |(z, x)| {
        let loss = (-(constant(&b) * constant(&a).dot(z))).softplus().mean();
        loss + 0.5 * mu * z.square().sum() + x.dot(constant(&c).dot(z))
    })?;
    let problem = Bilevel::new(&g, &g);
    let x = (0.1 * random::normal(4, q)).to_vec();
    // A step of 1/L, with L = ‖A‖²/4n + μ.
    let values = linear::singular_values(&mut a.t().dot(&a), p)?.ok_or("too many features")?;
    let descent = GradientDescent::new(&problem).step_size(1.0 / (values[0] / (4 * rows) as f64 + mu));
    let newton = Aid::new(&NewtonCg::new(&problem).tolerance(1e-15)).adjoint(Cholesky);
    let stopped = |steps: usize| -> Three<_> {
        let unrolled = Recorded::new(descent.unroll(steps));
        let early = descent.clone().tolerance(0.0).max_iterations(steps);
        [Box::new(unrolled.clone().first_order()), Box::new(unrolled), Box::new(Aid::new(&early).adjoint(Cholesky))]
    };
    Ok(curve(&problem, &x, &newton, &stopped)?)
}

/// A barycentre of three histograms on a grid, as the softmax of the outer variables: minus the weighted costs of entropic transport, by the potentials of the barycentre alone, which
/// Sinkhorn's sweeps make better.
fn barycentre() -> Done<Vec<Point>> {
    let (measures, n, epsilon) = (3, 20, 0.05);
    let place = |i: usize| i as f64 / (n - 1) as f64;
    let cost = Array2::from_shape_fn((n, n), |(i, j)| (place(i) - place(j)).powi(2)).into_shared();
    // One bump each.
    let bumps = Array2::from_shape_fn((measures, n), |(k, i)| (-(place(i) - [0.2, 0.5, 0.8][k]).powi(2) / 0.01).exp() + 0.01);
    let masses = Array2::from_shape_fn((measures, n), |(k, i)| bumps[[k, i]] / bumps.row(k).sum());
    let logs = masses.mapv(f64::ln).into_shared();
    let masses = masses.into_shared();
    let weights = Array1::from(vec![0.5, 0.3, 0.2]).into_shared();
    // f = ε ln a − ε ln Σ_j exp((z_j − C_ij)/ε), one row for each measure.
    let other = |z: Var, logs: Var| {
        let spread = (z.reshape(&[measures, 1, n]) - constant(&cost).reshape(&[1, n, n])) / epsilon;
        epsilon * (logs - spread.logsumexp_axis(2))
    };
    let shapes = || (shape![measures, n], shape![n]);
    let g = Function::record(shapes(), |(z, x)| {
        let f = other(z, constant(&logs));
        let costs = z.dot(x.softmax(0)) + (f * constant(&masses)).sum_axis(1);
        -costs.dot(constant(&weights))
    })?;
    // Potentials are determined up to a number for each measure: their means are 0.
    let sweep = Function::record(shapes(), |(z, x)| {
        let next = other(other(z, constant(&logs)), x.log_softmax(0).reshape(&[1, n]));
        next - next.mean_axis(1).reshape(&[measures, 1])
    })?;
    let problem = Bilevel::fixed_point(&sweep, &g);
    let x = random::normal(5, n).to_vec();
    let sinkhorn = FixedPoint::new(&problem);
    let whole = Aid::new(&sinkhorn.clone().tolerance(1e-15).max_iterations(5000)).adjoint(Lu);
    let stopped = |steps: usize| -> Three<_> {
        let unrolled = Recorded::new(sinkhorn.unroll(steps));
        let early = sinkhorn.clone().tolerance(0.0).max_iterations(steps);
        [Box::new(unrolled.clone().first_order()), Box::new(unrolled), Box::new(Aid::new(&early).adjoint(Lu))]
    };
    Ok(curve(&problem, &x, &whole, &stopped)?)
}

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.out)?;
    let logistic = report("logistic", "Logistic regression by gradient descent", &logistic()?, &options.out)?;
    let transport = report("barycentre", "A barycentre by Sinkhorn's sweeps", &barycentre()?, &options.out)?;
    println!("Tables and pictures: {}", options.out.display());
    let [[a, b, c], [d, e, f]] = [logistic, transport];
    println!(
        "min_min: logistic {a:.2}, {b:.2}, {c:.2}, expected 1.02, 1.95, 2.04 within 0.05, 0.10, 0.10; barycentre {d:.2}, {e:.2}, {f:.2}, expected 1 and 2 of first and last within 0.15"
    );
    let near = |found: f64, expected: f64, within: f64| (found - expected).abs() <= within;
    let right = near(a, 1.02, 0.05) && near(b, 1.95, 0.1) && near(c, 2.04, 0.1) && near(d, 1.0, 0.15) && near(f, 2.0, 0.15);
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
