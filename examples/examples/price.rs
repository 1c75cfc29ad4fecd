//! What choosing and certifying cost: `Auto` and a certificate beside the whole gradient, in products and in time.
//!
//! The whole gradient is the inner solve, until its residual has fallen to 10⁻⁸, and the adjoint solve to 10⁻⁸, each recorded and planned before. `Auto` is compared with the
//! solver that suits the problem, chosen by hand. The problems are those of the example `certificate`, and before them the workload `implicit_full` of the yardstick: the
//! hyperparameters of a logistic regression, one a feature. Its inner residual falls by 10⁻¹⁰ there, and the adjoint's by 10⁻¹²; the yardstick itself asks for a gradient of 10⁻¹⁰.

use clap::Parser;
use hypertape::implicit::{Certifier, Work};
use hypertape::prelude::*;
use hypertape_examples::stopped::{Case, Sort, cases, logistic_penalties};
use indicatif::{ProgressBar, ProgressStyle};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Measures what `Auto` and certificates cost.
#[derive(Debug, Parser)]
struct Options {
    /// Smaller problems, one repetition.
    #[arg(long)]
    quick: bool,
    /// Only problems with this in their name.
    #[arg(long, default_value = "")]
    only: String,
}

/// To which the inner and the adjoint systems are solved.
const ACCURACIES: [f64; 2] = [1e-8, 1e-8];
/// The same for the workload of the yardstick.
const YARDSTICK: [f64; 2] = [1e-10, 1e-12];

/// Microseconds of a call, once warm: the median.
fn time(repeats: usize, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    call()?;
    let mut times = vec![];
    for _ in 0..repeats {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Products and evaluations, a second derivative as two.
fn products(w: &Work) -> f64 {
    (w.evaluations + w.plain + w.transposed + w.params + w.outer + 2 * w.second + w.switching) as f64
}

/// What one problem costs.
struct Price {
    iterations: u64,
    /// Microseconds of the inner solve, of the gradient there by hand and by `Auto`, and of the gradient with its certificate by hand.
    times: [f64; 4],
    /// Products of the same, without the inner ones.
    products: [f64; 3],
}

impl Price {
    fn of(case: &Case, [inner, adjoint]: [f64; 2], repeats: usize) -> Result<Self> {
        let mut run = case.run(inner)?;
        let (z, iterations) = run()?;
        let inner = time(repeats, || run().map(|_| ()))?;
        let by_hand = (case.adjoint)(adjoint);
        let auto: Arc<dyn LinearSolver> = Arc::new(Auto::tolerance(adjoint));
        let gradient = |solver: &Arc<dyn LinearSolver>| -> Result<f64> {
            let gradient = case.outer(z.clone(), solver.clone())?.wrt(|t| t).gradient();
            let mut workspace = gradient.workspace();
            time(repeats, || workspace.run(&case.theta).map(|_| ()))
        };
        let times = [inner, gradient(&by_hand)?, gradient(&auto)?];
        let certified = |solver: &Arc<dyn LinearSolver>| -> Result<(Certifier<Leaf, Leaf>, [f64; 2])> {
            let mut certifier = case.certifier(solver.clone())?;
            let m = certifier.at(&z, &case.theta)?.measured;
            Ok((certifier, [products(&m.adjoint_work), products(&m.work)]))
        };
        let (mut certifier, [adjoint, all]) = certified(&by_hand)?;
        let (_, [chosen, _]) = certified(&auto)?;
        let found = time(repeats, || certifier.at(&z, &case.theta).map(|_| ()))?;
        Ok(Price { iterations, times: [times[0], times[1], times[2], found], products: [adjoint, chosen, all] })
    }
    /// What `Auto` and a certificate cost besides, as shares of the whole gradient: in products, and in time.
    fn shares(&self) -> [f64; 4] {
        let ([inner, gradient, auto, found], [adjoint, chosen, all]) = (self.times, self.products);
        let (work, whole) = (self.iterations as f64 + adjoint, inner + gradient);
        [(chosen - adjoint) / work, (all - adjoint) / work, (auto - gradient) / whole, (found - gradient) / whole]
    }
}

fn main() -> std::result::Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse();
    let mut all = vec![logistic_penalties(if options.quick { (500, 50) } else { (2000, 200) })?];
    all.extend(cases(options.quick)?.into_iter().filter(|c| c.sort != Sort::Weak));
    let names: Vec<&str> = all.iter().map(|c| c.name).collect();
    if !names.iter().any(|n| n.contains(&options.only)) {
        return Err(format!("no problem has {:?} in its name; there are: {}", options.only, names.join("; ")).into());
    }
    all.retain(|c| c.name.contains(&options.only));
    let progress = ProgressBar::new(all.len() as u64).with_style(ProgressStyle::with_template("{pos}/{len} {bar:30} {msg}")?);
    println!(
        "| problem | unknowns | inner iterations | inner, µs | gradient, µs | by Auto | with certificate | Auto: products | time | certificate: products | time |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut shares: [Vec<f64>; 4] = Default::default();
    // Of the problem that stands first.
    let mut first = None;
    for case in &all {
        progress.set_message(case.name);
        let accuracies = if case.name == names[0] { YARDSTICK } else { ACCURACIES };
        let price = Price::of(case, accuracies, if options.quick { 1 } else { 5 }).map_err(|e| format!("{}: {e}", case.name))?;
        let [inner, gradient, auto, found] = price.times;
        let s = price.shares();
        progress.suspend(|| {
            println!(
                "| {} | {} | {} | {inner:.0} | {gradient:.0} | {auto:.0} | {found:.0} | {:.0} % | {:.0} % | {:.0} % | {:.0} % |",
                case.name,
                case.unknowns,
                price.iterations,
                100.0 * s[0],
                100.0 * s[2],
                100.0 * s[1],
                100.0 * s[3]
            );
        });
        shares.iter_mut().zip(s).for_each(|(all, s)| all.push(100.0 * s));
        first.get_or_insert(s.map(|s| 100.0 * s));
        progress.inc(1);
    }
    progress.finish_and_clear();
    let medians = shares.map(|mut s| {
        s.sort_by(f64::total_cmp);
        s.get(s.len() / 2).copied().unwrap_or(0.0)
    });
    let first = first.unwrap_or_default();
    println!(
        "\nof the whole gradient, medians: Auto {:.0} % of products, {:.0} % of time; certificate {:.0} % and {:.0} %",
        medians[0], medians[2], medians[1], medians[3]
    );
    println!("{}, {:.0} % and {:.0} %; {:.0} % and {:.0} %", all[0].name, first[0], first[2], first[1], first[3]);
    println!(
        "price: Auto {:.0} %, certificate {:.0} % of products, expected at most 10 % and 50 %",
        medians[0].max(first[0]),
        medians[1].max(first[1])
    );
    let right = options.quick || medians[0].max(first[0]) <= 10.0 && medians[1].max(first[1]) <= 50.0;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
