//! Checks as many random programs as asked: `cargo run --release -p hypertape-generator -- --cases 100000 --seed 1`.
use clap::Parser;
use hypertape_generator::check;
use hypertape_generator::check::Class;
use hypertape_generator::draw::{self, Sizes};
use hypertape_generator::many::{self, Case};
use hypertape_generator::shrink::shrink;
use indicatif::{ProgressBar, ProgressStyle};
use std::process::ExitCode;

/// Random programs over the whole public surface, against an evaluation that shares nothing with the engine.
#[derive(Debug, Parser)]
struct Options {
    /// How many programs.
    #[arg(long, default_value_t = 1000)]
    cases: u64,
    /// Names the stream of programs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of the first case.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How many run at a time.
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    threads: usize,
    /// Only small programs.
    #[arg(long)]
    small: bool,
    /// Show this one case with its listing.
    #[arg(long)]
    case: Option<u64>,
    /// How many failing programs are made small and shown.
    #[arg(long, default_value_t = 5)]
    show: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let sizes = if options.small { Sizes::Small } else { Sizes::All };
    if let Some(case) = options.case {
        return show((options.seed, case), sizes, false);
    }
    let cases: Vec<Case> = (options.first..options.first + options.cases).map(|case| (options.seed, case)).collect();
    println!("seed {}, cases {} to {}", options.seed, options.first, options.first + options.cases);
    let bar = ProgressBar::new(options.cases);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta}").expect("the template is well formed"));
    let summary = many::run(&cases, sizes, options.threads, &|| bar.inc(1));
    bar.finish_and_clear();
    for (case, flags) in &summary.faults {
        for f in flags.iter().filter(|f| f.class == Class::Fault) {
            println!("{case:?}: {}: {}", f.what, f.text);
        }
    }
    for (case, _) in summary.faults.iter().take(options.show) {
        show(*case, sizes, true);
    }
    println!("{summary}");
    if summary.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a case, made small, with its flags.
fn show(case: Case, sizes: Sizes, small: bool) -> ExitCode {
    let mut program = draw::program(case.0, case.1, sizes);
    if small {
        program = shrink(&program);
    }
    println!("\ncase {case:?}\n{program}");
    let flags = check::check(&program);
    for f in &flags {
        println!("{:?}: {}: {}", f.class, f.what, f.text);
    }
    if flags.iter().any(|f| f.class == Class::Fault) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
