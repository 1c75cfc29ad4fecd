//! HOAG on logistic regression: one penalty for 130 107 features of 20 Newsgroups, whose inner and adjoint solves become exact by a schedule.
//!
//! Protocol and reference: Pedregosa 2016; rows of length 1, labels below the mean are −1, summed logistic loss and eᵃ/2 ‖w‖², a = 0 at the start, validation loss on the other half.

use clap::Parser;
use hypertape::bilevel::{Hoag, Maid, Tolerances, csv};
use hypertape_examples::chart::{Series, log_log};
use hypertape_examples::penalty::LogPenalty;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::process::ExitCode;

/// Tunes the penalty of logistic regression by approximate gradients, and counts what that takes.
#[derive(Debug, Parser)]
struct Options {
    /// Digits, which are part of the program, instead of 20 Newsgroups.
    #[arg(long)]
    quick: bool,
    /// The folder of the data; `HYPERTAPE_DATA` unless given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the table and the picture go.
    #[arg(long, default_value = "target/hoag")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    let full = if options.quick { None } else { LogPenalty::newsgroups(options.data.as_ref())? };
    if full.is_none() && !options.quick {
        println!("20 newsgroups is not there: give its folder by `--data` or HYPERTAPE_DATA. This is the run on digits.");
    }
    let (real, data) = match full {
        Some(data) => (true, data),
        None => (false, LogPenalty::digits()?),
    };
    let (best, least, at_start) = data.least()?;
    println!("{}: least validation loss {least:.6} at a = {best:.6}; {at_start:.3} at a = 0", data.name);

    let steps = 40;
    let runs = [
        data.run("exact", Hoag::new(Tolerances::Constant).first(1e-12), steps, least)?,
        data.run("quadratic", Hoag::new(Tolerances::Quadratic), steps, least)?,
        data.run("cubic", Hoag::new(Tolerances::Cubic), steps, least)?,
        data.run("exponential", Hoag::new(Tolerances::Exponential(0.9)), steps, least)?,
        data.run("MAID", Maid::new(), steps, least)?,
    ];
    std::fs::create_dir_all(&options.out)?;
    let whole = runs[0].calls_to(1e-3);
    println!("| tolerances | a | \\|a − a*\\| | calls to 1e-3 | of exact | seconds |\n|---|---|---|---|---|---|");
    for r in &runs {
        let a = r.outcome.solution()[[]];
        let calls = r.calls_to(1e-3);
        let part = calls.zip(whole).map_or("".into(), |(c, w)| format!("{:.2}", c as f64 / w as f64));
        let seconds = r.outcome.records.last().map_or(0.0, |r| r.seconds);
        let calls = calls.map_or("never".into(), |c| c.to_string());
        println!("| {} | {a:.5} | {:.1e} | {calls} | {part} | {seconds:.1} |", r.name, (a - best).abs());
        std::fs::write(options.out.join(format!("{}.csv", r.name)), csv(&r.outcome.records))?;
    }
    let series: Vec<Series> =
        runs.iter().map(|r| Series { name: r.name.clone(), points: r.curve.iter().map(|c| (c.0 as f64, c.1)).collect() }).collect();
    let picture = options.out.join("suboptimality.svg");
    log_log(&picture, "Suboptimality of the penalty", ["gradients and products", "validation loss above the least"], &series)?;
    println!("Tables and picture: {}", options.out.display());
    let share = |k: usize| runs[k].calls_to(1e-3).zip(whole).map_or(f64::INFINITY, |(c, w)| c as f64 / w as f64);
    let (quadratic, cubic, exponential, adaptive) = (share(1), share(2), share(3), share(4));
    let best_schedule = quadratic.min(cubic).min(exponential);
    println!(
        "hoag: {quadratic:.2}, {cubic:.2}, {exponential:.2} and MAID {adaptive:.2} of the exact calls, expected at most 0.50, 0.60, 0.50 and {best_schedule:.2}"
    );
    let right = !real
        || (best + 5.46959).abs() < 1e-3
            && (least - 974.220).abs() < 1e-2
            && runs[..3].iter().all(|r| (r.outcome.solution()[[]] - best).abs() < 1e-3)
            && quadratic <= 0.5
            && cubic <= 0.6
            && exponential <= 0.5
            && adaptive <= best_schedule;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
