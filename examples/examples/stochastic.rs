//! stocBiO, BSA and TTSA on a noisy quadratic problem whose hypergradient is known: its square against the rows that were read.
//!
//! Ji, Yang and Liang 2021; Ghadimi and Wang 2018; Hong, Wai, Wang and Yang 2020. Each method gets the best step sizes, batch and lengths of its loops of a grid, found on keys that are not those of the figure.
//! Rows are off their mean by a tenth. With `--noise 1` they are off by their own size: then so many rows do not say more of ∇Φ than what every method reaches, and none is told from the others.

use clap::Parser;
use hypertape::bilevel::stochastic::{Amigo, Batches, Bsa, Mrbo, Saba, Soba, StocBio, Stochastic, StochasticLoop, Ttsa};
use hypertape::bilevel::{Run, Schedule};
use hypertape::ndarray::{Array1, Array2, Axis};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_testkit::random;
use std::cell::RefCell;
use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

/// Compares stochastic bilevel methods at equal numbers of rows.
#[derive(Debug, Parser)]
struct Options {
    /// Fewer rows, keys and step sizes.
    #[arg(long)]
    quick: bool,
    /// How far rows are off their mean.
    #[arg(long, default_value_t = 0.1)]
    noise: f64,
    /// Where the table and the picture go.
    #[arg(long, default_value = "target/stochastic")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;

const N: usize = 20;
const P: usize = 20;
const ROWS: usize = 4000;

/// g = mean ½ Σ hᵢⱼ zⱼ² − zᵀ(A x + bᵢ), h = mean ½‖z − cᵢ‖² + ½ρ‖x‖².
struct Quadratic {
    h: Array2<f64>,
    b: Array2<f64>,
    a: Array2<f64>,
    c: Array2<f64>,
    rho: f64,
}

impl Quadratic {
    fn new(noise: f64) -> Self {
        // Curvatures from 0.1 to 1; those of a row stay positive.
        let curve = Array1::from_shape_fn(N, |j| 0.1_f64.powf(j as f64 / (N - 1) as f64));
        let h = (noise.min(0.75) * random::sym(1, (ROWS, N)) + 1.0) * &curve;
        let a = random::sym(3, (N, P)) / (N as f64).sqrt();
        Quadratic { h, b: noise * random::normal(2, (ROWS, N)), a, c: noise * random::normal(4, (ROWS, N)) + 1.0, rho: 0.1 }
    }
    fn problem(&self, size: usize, key: u64) -> Done<Stochastic<Leaf, Leaf>> {
        let [h, b, c] = [&self.h, &self.b, &self.c].map(|a| a.clone().into_shared());
        let (a, rho) = (self.a.clone().into_shared(), self.rho);
        let inner = Function::record((shape![N], shape![P], index![size]), |(z, x, rows)| {
            let curved = (0.5 * constant(&h).rows(rows) * z.square()).sum() / size as f64;
            curved - z.dot(constant(&a).dot(x)) - constant(&b).rows(rows).dot(z).mean()
        })?;
        let outer = Function::record((shape![N], shape![P], index![size]), |(z, x, rows)| {
            0.5 * (z - constant(&c).rows(rows)).square().sum() / size as f64 + 0.5 * rho * x.square().sum()
        })?;
        let batches = |key| Batches::with_replacement(ROWS, size, key);
        Ok(Stochastic::new(&inner, batches(2 * key), &outer, batches(2 * key + 1)))
    }
    /// ‖∇Φ‖² as a function of x.
    fn exact(&self) -> impl Fn(&Array1<f64>) -> f64 + use<> {
        let mean = |a: &Array2<f64>| a.mean_axis(Axis(0)).unwrap_or_default();
        let (h, b, c) = (mean(&self.h), mean(&self.b), mean(&self.c));
        let (a, rho) = (self.a.clone(), self.rho);
        move |x| {
            let z = (a.dot(x) + &b) / &h;
            let g = a.t().dot(&((z - &c) / &h)) + rho * x;
            g.dot(&g)
        }
    }
}

/// What is chosen for a method.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Choice {
    /// Rows of a batch.
    batch: usize,
    outer: f64,
    inner: f64,
    /// Inner steps T and the last term Q of the series.
    lengths: (usize, usize),
}

/// A method by its choices. BSA and TTSA see one row at a time, as they were published.
struct Method {
    name: &'static str,
    batches: &'static [usize],
    lengths: &'static [(usize, usize)],
    outers: &'static [f64],
    make: fn(Choice) -> Box<dyn StochasticLoop>,
}

/// α/√(1 + k): the rule of all steps but those of TTSA and SABA and the inner ones of stocBiO, which have their own.
fn root(a: f64) -> Schedule {
    Schedule::power(a, 0.5)
}

const BATCHES: &[usize] = &[1, 4, 16];
const OUTERS: &[f64] = &[0.03, 0.1, 0.3];
/// Methods whose inner variables and adjoint make one step at a time follow shorter steps alone.
const SHORT: &[f64] = &[0.003, 0.01, 0.03, 0.1];
/// η of the series: at most 1 over the largest curvature, near enough.
const ETA: f64 = 1.0;

fn methods() -> Vec<Method> {
    vec![
        Method {
            name: "stocBiO",
            batches: BATCHES,
            lengths: &[(10, 10), (20, 20), (40, 20)],
            outers: OUTERS,
            make: |c| {
                let (t, q) = c.lengths;
                Box::new(StocBio::new(root(c.outer), c.inner).inner_steps(t).terms(q).series_step(ETA))
            },
        },
        Method {
            name: "BSA",
            batches: &[1],
            lengths: &[(0, 10), (0, 20)],
            outers: OUTERS,
            make: |c| Box::new(Bsa::new(root(c.outer), root(c.inner)).terms(c.lengths.1).series_step(ETA)),
        },
        Method {
            name: "TTSA",
            batches: &[1],
            lengths: &[(1, 10), (1, 20)],
            outers: OUTERS,
            make: |c| {
                let (outer, inner) = (Schedule::power(c.outer, 0.6), Schedule::power(c.inner, 0.4));
                Box::new(Ttsa::new(outer, inner).terms(c.lengths.1).series_step(ETA))
            },
        },
        Method {
            name: "AmIGO",
            batches: BATCHES,
            lengths: &[(3, 3), (10, 10), (20, 20)],
            outers: OUTERS,
            make: |c| Box::new(Amigo::new(root(c.outer), root(c.inner)).inner_steps(c.lengths.0).adjoint_steps(c.lengths.1)),
        },
        Method {
            name: "SOBA",
            batches: BATCHES,
            lengths: &[(1, 1)],
            outers: SHORT,
            make: |c| Box::new(Soba::new(root(c.outer), root(c.inner))),
        },
        Method { name: "SABA", batches: BATCHES, lengths: &[(1, 1)], outers: SHORT, make: |c| Box::new(Saba::new(c.outer, c.inner)) },
        Method {
            name: "MRBO",
            batches: BATCHES,
            lengths: &[(1, 1)],
            outers: OUTERS,
            make: |c| Box::new(Mrbo::new(root(c.outer), root(c.inner), c.inner)),
        },
    ]
}

/// ‖∇Φ‖² after so many rows.
fn run(q: &Quadratic, m: &Method, c: Choice, key: u64, budget: u64) -> Done<Vec<(u64, f64)>> {
    let curve = Rc::new(RefCell::new(vec![]));
    let (seen, exact) = (curve.clone(), q.exact());
    let ran = Run::stochastic(&q.problem(c.batch, key)?, (m.make)(c))?
        .steps(u64::MAX)
        .each(move |r, x, _| {
            let rows = r.phases.inner.samples + r.phases.adjoint.samples;
            let x: Array1<f64> = x.iter().copied().collect();
            seen.borrow_mut().push((rows, exact(&x)));
            if rows >= budget { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .start(Array1::zeros(P))?
        .go();
    // Steps that are too long end with an error, and are not the best ones.
    if ran.is_err() {
        curve.borrow_mut().push((budget, f64::INFINITY));
    }
    Ok(curve.take())
}

/// The mean of the last tenth of the rows.
fn last(curve: &[(u64, f64)], budget: u64) -> f64 {
    let end: Vec<f64> = curve.iter().filter(|c| c.0 as f64 >= 0.9 * budget as f64).map(|c| c.1).collect();
    end.iter().sum::<f64>() / end.len().max(1) as f64
}

/// Means over runs at numbers of rows that grow by a tenth.
fn mean(curves: &[Vec<(u64, f64)>], budget: u64) -> Vec<(f64, f64)> {
    let (mut at, mut out) = (500.0, vec![]);
    while at * 1.1 <= budget as f64 {
        let next = at * 1.1;
        let bin: Vec<f64> = curves.iter().flatten().filter(|c| (at..next).contains(&(c.0 as f64))).map(|c| c.1).collect();
        if !bin.is_empty() {
            out.push(((at * next).sqrt(), bin.iter().sum::<f64>() / bin.len() as f64));
        }
        at = next;
    }
    out
}

/// The slope of log y by log x.
fn slope(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|p| (p.0.ln(), p.1.ln())).collect();
    let n = logs.len() as f64;
    let (mx, my) = (logs.iter().map(|p| p.0).sum::<f64>() / n, logs.iter().map(|p| p.1).sum::<f64>() / n);
    logs.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / logs.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>()
}

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    let q = Quadratic::new(options.noise);
    let (budget, keys): (u64, u64) = if options.quick { (10_000, 1) } else { (200_000, 5) };
    let inners: &[f64] = if options.quick { &[0.3, 1.0] } else { &[0.1, 0.3, 1.0] };
    let start = q.exact()(&Array1::zeros(P));
    println!("a quadratic problem, its rows off by {}: ‖∇Φ‖² = {start:.3} at the start", options.noise);
    println!("| method | rows a batch | T, Q | outer step | inner step | ‖∇Φ‖² at {budget} rows | slope |\n|---|---|---|---|---|---|---|");
    let (mut series, mut ends, mut slopes) = (vec![], vec![], vec![]);
    for m in methods() {
        let (batches, lengths) =
            if options.quick { (&m.batches[m.batches.len() / 2..][..1], &m.lengths[..1]) } else { (m.batches, m.lengths) };
        let outers = if options.quick { &m.outers[1..2] } else { m.outers };
        let mut best = (f64::INFINITY, Choice { batch: batches[0], outer: outers[0], inner: inners[0], lengths: lengths[0] });
        for (batch, lengths) in batches.iter().flat_map(|b| lengths.iter().map(move |l| (*b, *l))) {
            for (outer, inner) in outers.iter().flat_map(|o| inners.iter().map(move |i| (*o, *i))) {
                let choice = Choice { batch, outer, inner, lengths };
                // Tuned on keys of its own.
                let mut value = 0.0;
                for key in 1000..1000 + keys.min(2) {
                    value += last(&run(&q, &m, choice, key, budget)?, budget);
                }
                if value < best.0 {
                    best = (value, choice);
                }
            }
        }
        let curves = (0..keys).map(|key| run(&q, &m, best.1, key, budget)).collect::<Done<Vec<_>>>()?;
        let end = curves.iter().map(|c| last(c, budget)).sum::<f64>() / keys as f64;
        let points = mean(&curves, budget);
        let half = &points[points.len() / 3..];
        let s = slope(half);
        let Choice { batch, outer, inner, lengths: (steps, terms) } = best.1;
        let steps = if steps == 0 { "√k".into() } else { steps.to_string() };
        println!("| {} | {batch} | {steps}, {terms} | {outer} | {inner} | {end:.2e} | {s:.2} |", m.name);
        series.push(Series { name: m.name.into(), points });
        ends.push(end);
        slopes.push(s);
    }
    std::fs::create_dir_all(&options.out)?;
    let picture = options.out.join("samples.svg");
    log_log(&picture, "Square of the hypergradient", ["rows read", "square of its length"], &series)?;
    println!("Picture: {}", picture.display());
    let lowest = ends[0] <= ends[1] && ends[0] <= ends[2];
    println!(
        "stochastic: stocBiO {:.1e}, BSA {:.1e}, TTSA {:.1e}, slope {:.2}, expected stocBiO lowest and a slope of at most -0.45",
        ends[0], ends[1], ends[2], slopes[0]
    );
    let right = options.quick || lowest && slopes[0] <= -0.45;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
