//! How wrong a hypergradient is, said and true: certificates for inner and adjoint solvers that stop early, on thirty-odd problems.
//!
//! Each problem is solved until its residual has fallen by some factor, its adjoint system to some relative residual; the true error of the derivative there is
//! compared with the estimate and the bound of its certificate. Then a relative error of 10⁻⁶ is asked for.

use clap::Parser;
use hypertape::implicit::{Certificate, Standing};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, scatter};
use hypertape_examples::stopped::{Case, Sort, cases};
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::ArrayD;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Certifies hypergradients of solvers that were stopped early, and compares with the truth.
#[derive(Debug, Parser)]
struct Options {
    /// Smaller problems, fewer stopping points.
    #[arg(long)]
    quick: bool,
    /// Only problems with this in their name.
    #[arg(long, default_value = "")]
    only: String,
    /// Where the table and the chart are written.
    #[arg(long, default_value = "target/certificate")]
    out: PathBuf,
}

/// What the experiment counts.
#[derive(Debug, Default, Clone)]
struct Tally {
    /// Stopping points.
    all: usize,
    certified: usize,
    /// Certified ones whose bounds, of the derivative and of the corrected one, are not below the true errors.
    above: usize,
    /// Certified ones whose error is above ten times what rounding leaves.
    visible: usize,
    /// Of these, those whose estimate is within a factor 3.
    near: usize,
    /// The largest bound over the true error, of the visible ones.
    widest: f64,
    refused: BTreeMap<String, usize>,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.all += other.all;
        self.certified += other.certified;
        self.above += other.above;
        self.visible += other.visible;
        self.near += other.near;
        self.widest = self.widest.max(other.widest);
        other.refused.iter().for_each(|(k, n)| *self.refused.entry(k.clone()).or_default() += n);
    }
    fn reasons(&self) -> String {
        self.refused.iter().map(|(k, n)| format!("{n} {k}")).collect::<Vec<_>>().join(", ")
    }
}

/// One stopping point.
struct Cell {
    inner: f64,
    adjoint: f64,
    found: Certificate<Leaf>,
    /// True errors of the derivative and of the corrected one: to the nearer one-sided derivative where there are two.
    errors: [f64; 2],
}

fn distance(a: &ArrayD<f64>, truth: &[ArrayD<f64>]) -> f64 {
    let one = |t: &ArrayD<f64>| hypertape::linear::norm(&(a - t).iter().copied().collect::<Vec<_>>());
    truth.iter().map(one).fold(f64::INFINITY, f64::min)
}

/// The name of a reason: what stands before the explanation.
fn reason(words: impl std::fmt::Debug) -> String {
    format!("{words:?}")
}

impl Cell {
    fn tally(&self) -> Tally {
        let Cell { found, errors: [error, left], .. } = self;
        let mut t = Tally { all: 1, ..Tally::default() };
        match (found.standing, found.bound, found.corrected_bound) {
            (_, Some(bound), Some(after)) => {
                t.certified = 1;
                t.above = usize::from(bound >= *error && after >= *left);
                t.visible = usize::from(*error > 10.0 * found.rounding);
                if t.visible == 1 {
                    t.near = usize::from(found.estimate <= 3.0 * error && *error <= 3.0 * found.estimate);
                    t.widest = bound / error;
                }
            }
            (Standing::Uncertified(why), ..) => {
                t.refused.insert(reason(why), 1);
            }
            _ => {}
        }
        t
    }
}

fn cells(case: &Case, truth: &[ArrayD<f64>], inner: &[f64], adjoint: &[f64]) -> Result<Vec<Cell>> {
    let mut out = vec![];
    let mut certifiers = adjoint.iter().map(|a| Ok((*a, case.certifier((case.adjoint)(*a))?))).collect::<Result<Vec<_>>>()?;
    for inner in inner {
        let z = case.stop(*inner)?;
        for (adjoint, certifier) in &mut certifiers {
            let found = certifier.at(&z, &case.theta)?;
            let errors = [distance(&found.gradient, truth), distance(&found.corrected, truth)];
            out.push(Cell { inner: *inner, adjoint: *adjoint, found, errors });
        }
    }
    Ok(out)
}

/// Asks for 10⁻⁶ from every stopping point: how many were accepted, how many of these are right, and why others were refused.
fn required(case: &Case, truth: &[ArrayD<f64>], inner: &[f64]) -> Result<Tally> {
    let mut certifier = case.certifier((case.adjoint)(1e-8))?;
    let size = hypertape::linear::norm(&truth[0].iter().copied().collect::<Vec<_>>());
    let mut t = Tally::default();
    for inner in inner {
        t.all += 1;
        match certifier.require(1e-6, &case.stop(*inner)?, &case.theta) {
            Ok(found) => {
                t.certified += 1;
                t.above += usize::from(distance(&found.corrected, truth) <= 1e-6 * size);
            }
            Err(e) => match e.kind() {
                ErrorKind::NotCertified { reason: why, .. } => *t.refused.entry(reason(why)).or_default() += 1,
                _ => return Err(e),
            },
        }
    }
    Ok(t)
}

/// The weakly active problems: both one-sided derivatives as reported and in closed form.
fn weak(cases: &[Case]) -> Result<String> {
    let mut out = String::from(
        "\n| solution on a kink | stopped at | one-sided derivatives, found | true | largest distance |\n|---|---|---|---|---|\n",
    );
    for case in cases.iter().filter(|c| c.sort == Sort::Weak) {
        let truth = case.truth()?;
        for inner in [1e-2, 1e-6, 1e-12] {
            let found = case.certifier((case.adjoint)(1e-8))?.at(&case.stop(inner)?, &case.theta)?;
            let numbers = |v: &[ArrayD<f64>]| v.iter().map(|s| format!("{:.6}", s.sum())).collect::<Vec<_>>().join(", ");
            let sides = found.one_sided.as_ref().map(|s| s.to_vec()).unwrap_or_default();
            let far = truth.iter().map(|t| distance(t, &sides)).fold(0.0, f64::max);
            let _ = writeln!(out, "| {} | {inner:e} | {} | {} | {far:.1e} |", case.name, numbers(&sides), numbers(&truth));
        }
    }
    Ok(out)
}

fn main() -> std::result::Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse();
    fs::create_dir_all(&options.out)
        .map_err(|e| format!("cannot create {}: {e}; give another folder with --out", options.out.display()))?;
    let (inner, adjoint): (&[f64], &[f64]) = if options.quick {
        (&[1e-1, 1e-2, 1e-4, 1e-8, 1e-12], &[1e-1, 1e-3, 1e-8])
    } else {
        (&[1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14], &[1e-1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-13])
    };
    let mut all = cases(options.quick)?;
    let names: Vec<&str> = all.iter().map(|c| c.name).collect();
    if !names.iter().any(|n| n.contains(&options.only)) {
        return Err(format!("no problem has {:?} in its name; there are: {}", options.only, names.join("; ")).into());
    }
    all.retain(|c| c.name.contains(&options.only));
    let style = ProgressStyle::with_template("{pos}/{len} {bar:30} {msg}")?;
    let progress = ProgressBar::new(all.len() as u64).with_style(style);
    let mut csv = String::from(
        "problem,sort,unknowns,inner,adjoint,standing,error,estimate,bound,corrected_error,corrected_bound,rounding,rounds,plain,transposed\n",
    );
    let mut table = String::from(
        "| problem | unknowns | stopping points | certified | bound above | estimate within 3 | widest bound | not certified | 1e-6: accepted, right | refused |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let (mut strict, mut weakly, mut asked) = (Tally::default(), Tally::default(), Tally::default());
    let mut points: [Vec<(f64, f64)>; 2] = [vec![], vec![]];
    for case in &all {
        progress.set_message(case.name);
        let truth = case.truth()?;
        let made = cells(case, &truth, inner, adjoint).map_err(|e| format!("{}: {e}", case.name))?;
        let mut tally = Tally::default();
        for c in &made {
            tally.add(&c.tally());
            let f = &c.found;
            let text = |b: Option<f64>| b.map(|b| format!("{b:e}")).unwrap_or_default();
            let standing = match f.standing {
                Standing::Uncertified(why) => reason(why),
                standing => reason(standing),
            };
            let (work, bounds) = (f.measured.work, [text(f.bound), text(f.corrected_bound)]);
            let _ = writeln!(
                csv,
                "{:?},{:?},{},{:e},{:e},{standing},{:e},{:e},{},{:e},{},{:e},{},{},{}",
                case.name,
                case.sort,
                case.unknowns,
                c.inner,
                c.adjoint,
                c.errors[0],
                f.estimate,
                bounds[0],
                c.errors[1],
                bounds[1],
                f.rounding,
                f.measured.rounds,
                work.plain,
                work.transposed
            );
            if let (Some(bound), true) = (f.bound, c.errors[0] > 10.0 * f.rounding) {
                points[0].push((c.errors[0], bound));
                points[1].push((c.errors[0], f.estimate));
            }
        }
        let wanted = if case.sort == Sort::Weak { Tally::default() } else { required(case, &truth, inner)? };
        let _ = writeln!(
            table,
            "| {}{} | {} | {} | {} | {} of {} | {} of {} | {:.2} | {} | {}, {} of {} | {} |",
            case.name,
            if case.seen { "" } else { " *" },
            case.unknowns,
            tally.all,
            tally.certified,
            tally.above,
            tally.certified,
            tally.near,
            tally.visible,
            tally.widest,
            tally.reasons(),
            wanted.certified,
            wanted.above,
            wanted.certified,
            wanted.reasons()
        );
        if case.sort == Sort::Weak {
            weakly.add(&tally)
        } else {
            strict.add(&tally)
        }
        asked.add(&wanted);
        progress.inc(1);
    }
    progress.finish_and_clear();
    println!(
        "Derivatives of solutions that were stopped early: true error against certificate. Problems with a * are of other kinds than those on which the method was designed.\n"
    );
    println!("{table}");
    println!("{}", weak(&all)?);
    println!(
        "require(1e-6): {} of {} accepted, {} of these right to 1e-6; refused: {}",
        asked.certified,
        asked.all,
        asked.above,
        asked.reasons()
    );
    println!("solutions on a kink: {} of {} certified, as should be none; {}", weakly.certified, weakly.all, weakly.reasons());
    fs::write(options.out.join("certificate.csv"), csv)?;
    let [bound, estimate] = points;
    let series = [Series { name: "bound".into(), points: bound }, Series { name: "estimate".into(), points: estimate }];
    let chart = options.out.join("certificate.svg");
    scatter(&chart, "Error of a hypergradient: true, estimated, bounded", ["true error", "estimate, bound"], &series)?;
    println!("Table and chart: {}", options.out.display());
    let Tally { all: t, certified: c, above: n, visible: k, near: m, .. } = strict;
    println!("certified {c} of {t}, bound above the true error in {n} of {c}, estimate within 3 in {m} of {k} above rounding");
    let right = n == c && m * 10 >= k * 9 && c * 100 >= t * 85 && asked.above == asked.certified && weakly.certified == 0;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
