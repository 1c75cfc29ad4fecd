//! Times hypertape on the workloads that it shares with its peers: one JSON line a measurement, and the table of both sides.
use clap::{Parser, Subcommand};
use hypertape_benches::limits::Limits;
use hypertape_benches::line::Line;
use hypertape_benches::measure::measure;
use hypertape_benches::table::{Runs, run, table};
use hypertape_benches::workloads::{ALL, Size, make};
use std::error::Error;
use std::fs::{OpenOptions, read_to_string};
use std::io::Write;
use std::path::PathBuf;

/// Measures a workload and prints one line of JSON; or all of them, beside their peers, as a table.
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
    /// Single against double precision: time an element of functions and products.
    Precision,
    /// What this machine allows: bytes a second from caches and memory, multiply-adds a second; on as many threads as given.
    Limits {
        /// Threads; with `1,2` one and two.
        #[arg(long, default_value = "1,2", value_delimiter = ',')]
        threads: Vec<usize>,
    },
    /// How recording, differentiating and planning grow with the length of a program: seconds and exponents by form.
    Growth {
        /// The longest programs.
        #[arg(long, default_value_t = 100_000)]
        longest: usize,
        /// Only forms whose name contains this.
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Measures every workload in a process of its own, and its peers beside it; prints the table.
    All {
        /// Only cells `workload size` that contain this.
        #[arg(long, default_value = "")]
        only: String,
        /// Threads; with `1,2` each workload is run on one and on two.
        #[arg(long, default_value = "1", value_delimiter = ',')]
        threads: Vec<usize>,
        /// Samples.
        #[arg(long, default_value_t = 5)]
        repeat: usize,
        /// The folder with the peers' `bench.py` and their Python environment `.venv`.
        #[arg(long)]
        peers: Option<PathBuf>,
        /// A file that the JSON lines are added to.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Prints the table of JSON lines that were written before, ours and the peers'.
    Table {
        /// Files of JSON lines.
        files: Vec<PathBuf>,
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    match options.command {
        None => one(&options.one),
        Some(Command::List) => {
            ALL.iter().for_each(|(name, variants)| println!("{name:<22} {}", variants.join(" ")));
            Ok(())
        }
        Some(Command::Precision) => {
            print!("{}", hypertape_benches::precision::table()?);
            Ok(())
        }
        Some(Command::Limits { threads }) => {
            for n in threads.into_iter().filter(|n| *n > 0) {
                println!("{}", Limits::measure(n));
            }
            Ok(())
        }
        Some(Command::Growth { longest, only }) => {
            print!("{}", hypertape_benches::growth::table(longest, &only, &mut |line| eprintln!("{line}"))?);
            Ok(())
        }
        Some(Command::All { only, threads, repeat, peers, out }) => {
            if threads.contains(&0) {
                return Err("no threads; give --threads at least 1".into());
            }
            let limits: Vec<Limits> = threads.iter().map(|n| Limits::measure(*n)).collect();
            let mut lines = vec![];
            let mut file = out.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
            let mut failed = Ok(());
            run(&Runs { only: &only, threads: &threads, repeat, peers: peers.as_deref() }, &mut |line| {
                eprintln!("{} {} {}: {:.3e} s", line.workload, line.size, line.peer, line.time_s);
                if let (Some(file), Ok(text)) = (&mut file, serde_json::to_string(line)) {
                    failed = writeln!(file, "{text}");
                }
                lines.push(line.clone());
            })?;
            failed?;
            if lines.is_empty() {
                return Err(format!(
                    "no workload and size contain `{only}`; `list` names the workloads, sizes are small, medium and large"
                )
                .into());
            }
            print!("{}", table(&limits, &lines));
            Ok(())
        }
        Some(Command::Table { files }) => {
            let mut lines: Vec<Line> = vec![];
            for path in files {
                let text = read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                // Lines of cells that failed have other fields, and are left out.
                lines.extend(text.lines().filter_map(|l| serde_json::from_str(l).ok()));
            }
            print!("{}", table(&[], &lines));
            Ok(())
        }
    }
}

fn one(options: &One) -> Result<(), Box<dyn Error>> {
    let One { workload, size, variant, threads, repeat, plan } = options;
    let workload = workload.as_ref().ok_or("which workload? give --workload NAME, or `list`")?;
    if *threads == 0 {
        return Err("no threads; give --threads at least 1".into());
    }
    rayon::ThreadPoolBuilder::new().num_threads(*threads).build_global()?;
    if *plan {
        let mut made = make(workload, *size, variant)?;
        // Some plans are made at the first point.
        made.call(&mut |_| {})?;
        println!("{}", made.plan()?);
        return Ok(());
    }
    println!("{}", serde_json::to_string(&measure(workload, *size, variant, *threads, *repeat)?)?);
    Ok(())
}
