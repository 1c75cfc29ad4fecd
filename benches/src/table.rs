//! The table of our lines beside those of the peers, and the runs that fill it.
use crate::limits::Limits;
use crate::line::Line;
use crate::workloads::{ALL, least};
use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// The peers of each family of workloads, the fastest and the leanest first.
const PEERS: [(&str, &str); 11] = [
    ("tiny_", "casadi_buf jax torch"),
    ("mlp_", "jax torch"),
    ("logreg_", "jax autograd torch casadi"),
    ("unroll_", "jax_man jax jax_sqrt jax_fwd torch_ckpt"),
    ("implicit_", "jaxopt_lbfgs optimistix_lbfgs torchopt_cg torch"),
    ("ista_implicit", "jaxopt_bicgstab jaxopt_ncg"),
    ("ista_", "jax jax_fwd jax_ckpt"),
    ("tv_", "jax_fwd jax_sqrt jax_ckpt"),
    ("deq", "jaxopt_neumann jaxopt_gmres"),
    ("hess_", "jax casadi torch"),
    ("batch_", "jax torch"),
];

/// What to run.
#[derive(Debug, Clone)]
pub struct Runs<'a> {
    /// Only cells `workload size` that contain this.
    pub only: &'a str,
    /// Numbers of threads, each of which every cell is run with.
    pub threads: &'a [usize],
    /// Samples.
    pub repeat: usize,
    /// The folder with the peers' `bench.py` and their Python environment, if they are to run.
    pub peers: Option<&'a Path>,
}

/// Measures every workload in a process of its own, and beside it the peers. `done` sees each line as it comes.
///
/// # Errors
/// When a process of ours cannot be started or fails; a peer that fails is left out.
pub fn run(runs: &Runs<'_>, done: &mut dyn FnMut(&Line)) -> Result<(), Box<dyn Error>> {
    let own = std::env::current_exe()?;
    let repeat = runs.repeat.to_string();
    for (workload, variants) in ALL {
        for size in ["small", "medium", "large"] {
            if !format!("{workload} {size}").contains(runs.only) || (workload == "tiny_expr20" && size != "small") {
                continue;
            }
            for n in runs.threads {
                let threads = n.to_string();
                let common = ["--workload", workload, "--size", size, "--threads", &threads, "--repeat", &repeat];
                for variant in [""].iter().chain(variants) {
                    let out = pinned(&own, *n).args(common).args(["--variant", variant]).output()?;
                    if !out.status.success() {
                        return Err(format!("{workload} {size} {variant}: {}", String::from_utf8_lossy(&out.stderr)).into());
                    }
                    done(&serde_json::from_slice(&out.stdout)?);
                }
                let Some(folder) = runs.peers else { continue };
                for peer in peers(workload) {
                    let python = folder.join(".venv/bin/python");
                    let out = Command::new(python).current_dir(folder).args(["bench.py", "--peer", peer]).args(common).output()?;
                    if let Some(line) = out.stdout.split(|c| *c == b'\n').rev().find_map(|l| serde_json::from_slice::<Line>(l).ok()) {
                        done(&line);
                    }
                }
            }
        }
    }
    Ok(())
}

/// The peers that have a workload.
fn peers(workload: &str) -> impl Iterator<Item = &'static str> {
    let family = PEERS.iter().find(|p| workload.starts_with(p.0)).map_or("", |p| p.1);
    let forward = matches!(workload, "unroll_scalar" | "ista_lambda" | "tv_lambda");
    family.split(' ').filter(move |p| forward || *p != "jax_fwd")
}

/// A command on as many processors as there are threads, where that can be asked for.
fn pinned(program: &Path, threads: usize) -> Command {
    if Command::new("taskset").arg("--version").output().is_ok() {
        let mut c = Command::new("taskset");
        c.arg("-c").arg(format!("0-{}", threads - 1)).arg(program);
        return c;
    }
    Command::new(program)
}

/// The table, with the machine's limits on top if they are given: for each cell our variants, beside the fastest and the leanest peer that differentiates by itself and agrees; *gain* is our own time on
/// one thread over that on several, *limit* the time that the machine takes at least, as a share of ours, where the workload says what that is.
#[must_use]
pub fn table(limits: &[Limits], lines: &[Line]) -> String {
    let mut out: String = limits.iter().map(|l| format!("{l}\n")).collect();
    out += &format!(
        "{:<22} {:<7} {:>1}  {:<16} {:>10} {:>8} {:>8} {:>8} {:>5} {:>5}  {:<30} {:>6}  {}\n",
        "workload",
        "size",
        "t",
        "ours",
        "time",
        "setup",
        "run MiB",
        "planned",
        "gain",
        "limit",
        "fastest peer (run MiB)",
        "ratio",
        "leanest peer (run MiB)"
    );
    let mut cells: Vec<(&str, &str, usize)> = vec![];
    for l in lines {
        let cell = (l.workload.as_str(), l.size.as_str(), l.threads);
        if !cells.contains(&cell) {
            cells.push(cell);
        }
    }
    for (workload, size, threads) in cells {
        let here: Vec<&Line> =
            lines.iter().filter(|l| (l.workload.as_str(), l.size.as_str(), l.threads) == (workload, size, threads)).collect();
        let Some(reference) = here.iter().find(|l| l.is_ours()).map(|l| l.value) else { continue };
        let peers: Vec<&Line> =
            here.iter().copied().filter(|l| !l.is_ours() && l.is_automatic() && l.deviation(reference) < 1e-6).collect();
        let fastest = peers.iter().min_by(|a, b| a.time_s.total_cmp(&b.time_s));
        let leanest = peers.iter().min_by_key(|l| l.run_peak_bytes);
        for ours in here.iter().filter(|l| l.is_ours()) {
            let planned = ours.counts["planned_bytes"].as_f64().unwrap_or(f64::NAN);
            let show = |l: &Line| format!("{} {} ({})", l.peer, seconds(l.time_s), mebibytes(l.run_peak_bytes as f64));
            let (fast, ratio) = fastest.map_or(("-".into(), "-".into()), |l| (show(l), format!("{:.2}", l.time_s / ours.time_s)));
            let lean = leanest.map_or("-".into(), |l| show(l));
            let (time, setup, run) = (seconds(ours.time_s), seconds(ours.setup_s), mebibytes(ours.run_peak_bytes as f64));
            let planned = mebibytes(planned);
            let alone = |l: &&Line| (&l.workload, &l.size, &l.peer, l.threads) == (&ours.workload, &ours.size, &ours.peer, 1);
            let gain = lines.iter().find(alone).filter(|_| threads > 1).map_or(String::new(), |l| format!("{:.1}", l.time_s / ours.time_s));
            let least = least(workload, size).zip(limits.iter().find(|l| l.threads == threads));
            let share = least.map(|(least, l)| l.seconds(least.level, least.bytes, least.operations) / ours.time_s);
            let share = share.map_or(String::new(), |s| format!("{:.0}%", 100.0 * s));
            let peer = &ours.peer;
            // Writing to a string does not fail.
            let _ = writeln!(
                out,
                "{workload:<22} {size:<7} {threads:>1}  {peer:<16} {time:>10} {setup:>8} {run:>8} {planned:>8} {gain:>5} {share:>5}  {fast:<30} {ratio:>6}  {lean}"
            );
        }
        for wrong in here.iter().filter(|l| !l.is_ours() && l.deviation(reference) >= 1e-6) {
            let _ = writeln!(out, "{workload:<22} {size:<7} {threads:>1}  {} deviates by {:.1e}", wrong.peer, wrong.deviation(reference));
        }
    }
    out
}

fn seconds(t: f64) -> String {
    match t {
        _ if t < 1e-3 => format!("{:.3} us", t * 1e6),
        _ if t < 1.0 => format!("{:.3} ms", t * 1e3),
        _ => format!("{t:.3} s"),
    }
}

fn mebibytes(b: f64) -> String {
    format!("{:.1}", b / (1 << 20) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(peer: &str, time_s: f64, value: f64) -> Line {
        let text = format!(
            r#"{{"workload": "deq", "size": "small", "peer": "{peer}", "version": "", "dtype": "f64", "threads": 1, "setup_s": 0.1, "first_s": 0.1,
            "time_s": {time_s}, "min_s": 0, "max_s": 0, "samples": 1, "inner": 1, "peak_bytes": 0, "run_peak_bytes": 0, "value": {value}, "counts": {{}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_gain_is_that_over_one_thread() {
        let two = Line { threads: 2, ..line("hypertape", 4e-3, 2.0) };
        let table = table(&[], &[line("hypertape", 6e-3, 2.0), two]);
        let last = table.lines().last().unwrap_or_default();
        assert!(last.contains(" 2  hypertape ") && last.contains("   1.5  "), "{table}");
    }

    #[test]
    fn the_ratio_is_that_of_the_fastest_peer_that_agrees() {
        let lines = [
            line("hypertape", 1e-3, 2.0),
            line("jax", 3e-3, 2.0),
            line("torch", 2e-3, 2.0),
            line("wrong", 1e-4, 3.0),
            line("numpy", 1e-4, 2.0),
        ];
        let table = table(&[], &lines);
        assert!(table.contains("torch 2.000 ms (0.0)") && table.contains("  2.00  "), "{table}");
        assert!(table.contains("wrong deviates"), "{table}");
    }
}
