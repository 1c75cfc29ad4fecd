//! Times hypertape on the workloads that it shares with its peers: one JSON line a measurement, and the table of both sides.
use clap::{Parser, Subcommand};
use hypertape_benches::measure::Measurement;
use hypertape_benches::workloads::{ALL, Size, make};
use std::error::Error;

/// Measures a workload and prints one line of JSON.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    one: One,
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its name; `list` prints all of them.
    #[arg(long)]
    workload: Option<String>,
    /// small, medium or large.
    #[arg(long, default_value = "small")]
    size: Size,
    /// Another way to the same result: `list` prints them.
    #[arg(long, default_value = "")]
    variant: String,
    /// Threads of the pool.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Samples.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Prints the plan and its memory instead of measuring.
    #[arg(long)]
    plan: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The workloads and their variants.
    List,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if let Some(Command::List) = options.command {
        for (name, variants) in ALL {
            println!("{name:<22} {}", variants.join(" "));
        }
        return Ok(());
    }
    let One { workload, size, variant, threads, repeat, plan } = options.one;
    let workload = workload.ok_or("which workload? give --workload NAME, or `list`")?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    if plan {
        println!("{}", make(&workload, size, &variant)?.plan()?);
        return Ok(());
    }
    println!("{}", Measurement::of(&workload, size, &variant, threads, repeat)?.json());
    Ok(())
}
