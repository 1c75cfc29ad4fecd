//! What a hypergradient costs as the inner problem becomes ill-conditioned, and what warm starts do where each outer step affords ten inner ones.
//!
//! Ji, Yang and Liang 2021: conjugate gradients need √κ products where the Neumann series needs κ; with a fixed number of steps, only warm starts of both solves lead to the minimum.

use clap::Parser;
use hypertape::bilevel::{Aid, Bilevel, Descent, Estimator, Recorded, Run};
use hypertape::linear::Diagonal;
use hypertape::ndarray::{Array1, Array2, ArrayD};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_examples::fit::power;
use hypertape_testkit::random;
use std::cell::RefCell;
use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

/// Counts products against the condition number, and compares warm with cold starts.
#[derive(Debug, Parser)]
struct Options {
    /// Conditions to 300 and 4000 outer steps instead of 3000 and 20 000.
    #[arg(long)]
    quick: bool,
    /// Where the tables and the pictures go.
    #[arg(long, default_value = "target/aid_itd")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;
type Quadratics = Bilevel<Objective<Leaf, Leaf>>;

/// Products until ‖x_k − x‖ ≤ 10⁻⁶ ‖x‖, where A is diagonal with 300 eigenvalues from 1/κ to 1. Errors fall with every product of either method, so the number is found by halving.
fn products(condition: f64, solver: &dyn Fn(usize) -> Result<Solved>) -> Result<u64> {
    let n = 300;
    let d: Vec<f64> = (0..n).map(|i| condition.powf(i as f64 / (n - 1) as f64 - 1.0)).collect();
    let exact: Vec<f64> = random::normal(41, n).iter().zip(&d).map(|(b, d)| b / d).collect();
    let right = |k: usize| -> Result<bool> {
        let x = solver(k)?(&d)?;
        let away: Vec<f64> = x.iter().zip(&exact).map(|(x, e)| x - e).collect();
        Ok(linear::norm(&away) <= 1e-6 * linear::norm(&exact))
    };
    let mut high = 1;
    while !right(high)? {
        high *= 2;
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low.midpoint(high);
        if right(middle)? { high = middle } else { low = middle }
    }
    Ok(high as u64)
}

/// The solution after some products, by the diagonal.
type Solved = Box<dyn Fn(&[f64]) -> Result<Vec<f64>>>;

fn after(solver: impl Prepare + 'static) -> Result<Solved> {
    Ok(Box::new(move |d: &[f64]| {
        let b: Array1<f64> = random::normal(41, d.len());
        Ok(solver.prepare(Diagonal(d.to_vec()))?.solve(&b.to_vec())?.x.to_vec())
    }))
}

/// min ½ zᵀA z − zᵀB x and ½‖z − t‖² + ½ ρ‖x‖², with Φ(x) = ½‖A⁻¹B x − t‖² + ½ ρ‖x‖².
struct Quadratic {
    a: Array2<f64>,
    b: Array2<f64>,
    t: Array1<f64>,
    /// A⁻¹ B.
    jacobian: Array2<f64>,
    /// The largest and the smallest eigenvalue of A.
    curvatures: (f64, f64),
}

const UNKNOWNS: usize = 20;
const RHO: f64 = 0.1;

impl Quadratic {
    fn new() -> Done<Self> {
        let n = UNKNOWNS;
        let r = random::normal(1, (n, n));
        let mut a: Array2<f64> = r.dot(&r.t()) / n as f64 + 0.1 * Array2::eye(n);
        let b = random::normal(2, (n, n)) / 4.0;
        let values = linear::singular_values(&mut a, n)?.ok_or("too many unknowns")?;
        let jacobian = Cholesky.prepare(a.clone())?.solve_many(b.view()).x;
        Ok(Quadratic { a, b, t: random::normal(3, n), jacobian, curvatures: (values[0], values[n - 1]) })
    }
    fn problem(&self) -> Result<Quadratics> {
        let (a, b, t) = (self.a.clone().into_shared(), self.b.clone().into_shared(), self.t.clone().into_shared());
        let shapes = || (shape![UNKNOWNS], shape![UNKNOWNS]);
        let inner = Function::record(shapes(), |(z, x)| 0.5 * z.dot(constant(&a).dot(z)) - z.dot(constant(&b).dot(x)))?;
        let outer = Function::record(shapes(), |(z, x)| 0.5 * (z - constant(&t)).square().sum() + 0.5 * RHO * x.square().sum())?;
        Ok(Bilevel::new(&inner, &outer))
    }
    fn gradient(&self, x: &Array1<f64>) -> Array1<f64> {
        self.jacobian.t().dot(&(self.jacobian.dot(x) - &self.t)) + RHO * x
    }
    /// The largest eigenvalue of the Hessian of Φ.
    fn smoothness(&self) -> Done<f64> {
        let mut hessian: Array2<f64> = self.jacobian.t().dot(&self.jacobian) + RHO * Array2::eye(UNKNOWNS);
        Ok(linear::singular_values(&mut hessian, UNKNOWNS)?.ok_or("too many unknowns")?[0])
    }
    /// ‖∇Φ‖ along a run, at steps that are spaced evenly in log.
    fn run(&self, problem: &Quadratics, estimator: &impl Estimator<Objective<Leaf, Leaf>>, name: &str, steps: u64) -> Done<Ran> {
        let norms = Rc::new(RefCell::new(vec![(0, linear::norm(&self.gradient(&Array1::zeros(UNKNOWNS)).to_vec()))]));
        let (seen, jacobian, t) = (norms.clone(), self.jacobian.clone(), self.t.clone());
        let mut next = 1;
        let each = move |r: &bilevel::Record, x: &ArrayD<f64>, _: &bilevel::State| {
            let made = r.step + 1;
            if made >= next || made == steps {
                next = (made + 1).max((made as f64 * 1.1) as u64);
                let x: Array1<f64> = x.iter().copied().collect();
                let g = jacobian.t().dot(&(jacobian.dot(&x) - &t)) + RHO * &x;
                seen.borrow_mut().push((made, linear::norm(&g.to_vec())));
            }
            ControlFlow::Continue(())
        };
        let start = Array1::zeros(UNKNOWNS);
        let step = 0.5 / self.smoothness()?;
        let found = Run::new(problem, estimator, Descent::new(step))?.steps(steps).each(each).start(start)?.go()?;
        let per_step = found.phases().total() / steps;
        Ok(Ran { name: name.into(), norms: norms.take(), per_step })
    }
}

struct Ran {
    name: String,
    norms: Vec<(u64, f64)>,
    /// Gradients and products of an outer step.
    per_step: u64,
}

impl Ran {
    /// ‖∇Φ‖ at the end over that at the start.
    fn left(&self) -> f64 {
        self.norms.last().map_or(f64::NAN, |n| n.1) / self.norms[0].1
    }
}

/// Ten inner steps and ten adjoint ones for each outer step.
fn runs(q: &Quadratic, steps: u64) -> Done<Vec<Ran>> {
    let (problem, inner) = (q.problem()?, 10);
    let alpha = 1.0 / q.curvatures.0;
    let descent = GradientDescent::new(&problem).step_size(alpha).tolerance(0.0).max_iterations(inner);
    let series = Neumann::terms(10).step(alpha);
    let by_series = Aid::new(&descent).adjoint(series.from_start());
    let by_cg = Aid::new(&descent).adjoint(Cg::tolerance(0.0).max_iterations(10).trusted());
    let unrolled = Recorded::new(descent.unroll(inner));
    Ok(vec![
        q.run(&problem, &by_series.clone().warm_start().warm_adjoint(), "AID, gradient steps, both warm", steps)?,
        q.run(&problem, &by_series.clone().warm_start(), "AID, gradient steps, cold adjoint", steps)?,
        q.run(&problem, &by_series, "AID, gradient steps, both cold", steps)?,
        q.run(&problem, &by_cg.clone().warm_start().warm_adjoint(), "AID, CG, both warm", steps)?,
        q.run(&problem, &by_cg, "AID, CG, both cold", steps)?,
        q.run(&problem, &unrolled.clone().warm_start(), "ITD, warm", steps)?,
        q.run(&problem, &unrolled, "ITD, cold", steps)?,
    ])
}

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.out)?;
    let all = [10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0];
    let conditions = if options.quick { &all[..4] } else { &all[..] };
    println!("Products to a relative error of 1e-6:\n| condition | Neumann | CG |\n|---|---|---|");
    let (mut of_series, mut of_cg, mut table) = (vec![], vec![], String::from("condition,neumann,cg\n"));
    for &condition in conditions {
        // The first term of the series is b itself: k terms after the zeroth product.
        let series = products(condition, &|k| after(Neumann::terms(k).step(1.0)))?.max(2) - 1;
        let cg = products(condition, &|k| after(Cg::default().trusted().max_iterations(k)))?;
        println!("| {condition} | {series} | {cg} |");
        table += &format!("{condition},{series},{cg}\n");
        of_series.push((condition, series as f64));
        of_cg.push((condition, cg as f64));
    }
    std::fs::write(options.out.join("products.csv"), table)?;
    let (s, c) = (power(&of_series).ok_or("no slope")?, power(&of_cg).ok_or("no slope")?);
    let lines = [Series { name: "Neumann".into(), points: of_series }, Series { name: "CG".into(), points: of_cg }];
    log_log(&options.out.join("products.svg"), "The price of conditioning", ["condition number", "products to 1e-6"], &lines)?;

    let q = Quadratic::new()?;
    let steps = if options.quick { 4000 } else { 20_000 };
    let ran = runs(&q, steps)?;
    println!("\nκ = {:.1}, {steps} outer steps:", q.curvatures.0 / q.curvatures.1);
    println!("| estimator | calls a step | gradient at the start | at the end | share |\n|---|---|---|---|---|");
    let mut table = String::from("estimator,step,gradient\n");
    for r in &ran {
        let (first, last) = (r.norms[0].1, r.norms.last().map_or(f64::NAN, |n| n.1));
        println!("| {} | {} | {first:.2e} | {last:.2e} | {:.1e} |", r.name, r.per_step, r.left());
        r.norms.iter().for_each(|(step, g)| table += &format!("\"{}\",{step},{g:e}\n", r.name));
    }
    std::fs::write(options.out.join("gradients.csv"), table)?;
    let series: Vec<Series> =
        ran.iter().map(|r| Series { name: r.name.clone(), points: r.norms.iter().map(|n| (n.0 as f64, n.1)).collect() }).collect();
    log_log(&options.out.join("gradients.svg"), "Ten steps of each solve", ["outer steps", "length of the true hypergradient"], &series)?;
    println!("Tables and pictures: {}", options.out.display());
    let warm = ran[0].left().max(ran[3].left());
    let cold = ran[2].left();
    println!(
        "aid_itd: slopes {s:.3} and {c:.3}, expected 1.01 and 0.46 within 0.06; warm {warm:.1e}, expected below 1.0e-3; cold {cold:.1e}, expected above 1.0e-1"
    );
    let right = (s - 1.01).abs() <= 0.06 && (c - 0.46).abs() <= 0.06 && warm < 1e-3 && cold > 0.1;
    Ok(if right || options.quick { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
