//! Ten inner solvers that stop early: what hypertape says of the hypergradient, beside what jaxopt and optimistix returned and said.
//!
//! The problems and the numbers of the peers are those of benches/peers/early_stop.

use clap::Parser;
use hypertape::prelude::*;
use hypertape_examples::early_stop::{Case, cases};
use std::error::Error as StdError;
use std::process::ExitCode;

const REFERENCE: &str = include_str!("../../benches/peers/early_stop/reference.csv");
const RESULTS: &str = include_str!("../../benches/peers/early_stop/results.csv");

/// Certifies ten hypergradients of solvers that were cut off, beside what jaxopt and optimistix say.
#[derive(Debug, Parser)]
struct Options {
    /// The same: it takes seconds.
    #[arg(long)]
    quick: bool,
}

type Outcome<T> = std::result::Result<T, Box<dyn StdError>>;

/// The fields of a line; commas between quotes do not count.
fn fields(line: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match (c, out.last_mut()) {
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => out.push(String::new()),
            (_, Some(field)) => field.push(c),
            _ => {}
        }
    }
    out
}

fn numbers(text: &str) -> Outcome<Vec<f64>> {
    Ok(text.split(';').map(str::parse).collect::<std::result::Result<_, _>>()?)
}

/// The row that begins with these fields.
fn row(table: &str, key: &[&str]) -> Outcome<Vec<String>> {
    let found = table.lines().map(fields).find(|f| f.iter().zip(key).all(|(a, b)| a == b) && f.len() > key.len());
    Ok(found.ok_or_else(|| format!("no row of the table begins with {}", key.join(",")))?)
}

/// |a − b| / |b|.
fn relative<'a>(a: impl IntoIterator<Item = &'a f64>, b: &[f64]) -> f64 {
    let away: Vec<f64> = a.into_iter().zip(b).map(|(a, b)| a - b).collect();
    linear::norm(&away) / linear::norm(b)
}

/// What a peer returned, and whether it said so.
fn peer(library: &str, problem: &str) -> Outcome<(String, String)> {
    let row = row(RESULTS, &[library, problem])?;
    let [_, _, status, said, error, _] = &row[..] else { return Err(format!("a row of {library} has not six fields").into()) };
    let error = if error.is_empty() { "none".into() } else { format!("{:.1e}", error.parse::<f64>()?) };
    let said = if status == "raised" { "raises".into() } else { said.replace("result=nonlinear_max_steps_reached", "flagged") };
    Ok((error, said))
}

/// What a certificate says, and whether it is right.
struct Judged {
    line: String,
    certified: bool,
    /// Whether both bounds are above the distances to the reference.
    above: bool,
    /// Whether the gradient at the stop is that of numpy there, and the default was an error by name.
    as_expected: bool,
    left: f64,
}

fn judge(case: &mut Case) -> Outcome<Judged> {
    let name = case.name;
    let truth = numbers(&row(REFERENCE, &[name])?[1])?;
    let there = numbers(&row(RESULTS, &["numpy_ift", name])?[5])?;
    let (default, refused) = match case.strict.gradient(&case.theta) {
        Ok(_) => ("a gradient, nothing".into(), false),
        Err(e) => match e.kind() {
            ErrorKind::NotASolution { .. } => ("error: NotASolution".to_string(), true),
            _ => return Err(e.into()),
        },
    };
    let warned = case.lenient.gradient(&case.theta)?;
    let says: Vec<String> =
        case.lenient.reports().iter().filter(|r| !r.converged).map(|r| format!("{}, {:.1e}", r.status, r.residual)).collect();
    let found = case.certifier.at(&case.stop, &case.theta)?;
    let size = linear::norm(&truth);
    let (error, left) = (relative(&warned, &truth), relative(&found.corrected, &truth));
    let agree = [&warned, &found.gradient].map(|g| relative(g, &there));
    let as_expected = refused && !says.is_empty() && agree.iter().all(|a| *a <= 1e-8);
    if !as_expected {
        eprintln!("{name}: by default {default}; with Warn {says:?}; away from numpy at the stop by {agree:?}");
    }
    let (bounds, certified) = match (found.bound, found.corrected_bound) {
        (Some(bound), Some(after)) => ([bound / size, after / size], true),
        _ => ([f64::NAN; 2], false),
    };
    let shown = bounds.map(|b| if certified { format!("{b:.1e}") } else { found.standing.to_string() });
    let ((jaxopt, nothing), (raised, stops), (lenient, flag)) =
        (peer("jaxopt", name)?, peer("optimistix", name)?, peer("optimistix_no_throw", name)?);
    let line = format!(
        "| {name} | {:.1e} | {jaxopt}, {nothing} | {raised}, {stops} | {lenient}, {flag} | {default} | {error:.1e}, {} | {:.1e} | {} | {left:.1e} | {} |",
        relative(&there, &truth),
        says.join("; "),
        found.estimate / size,
        shown[0],
        shown[1]
    );
    let above = certified && bounds[0] >= error && bounds[1] >= left;
    Ok(Judged { line, certified, above, as_expected, left })
}

fn main() -> Outcome<ExitCode> {
    let _ = Options::parse();
    let mut all = cases()?;
    println!("Relative errors of hypergradients whose inner solver was cut off, and what each library says.\n");
    println!(
        "| problem | true error at the stop | jaxopt: error, says | optimistix, default | optimistix, throw=False | hypertape, default | hypertape, Warn: error, report | estimate | bound | error after correction | its bound |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let (mut certified, mut above, mut expected, mut worst) = (0, 0, true, 0.0_f64);
    for case in &mut all {
        let found = judge(case).map_err(|e| format!("{}: {e}", case.name))?;
        println!("{}", found.line);
        certified += usize::from(found.certified);
        above += usize::from(found.above);
        expected &= found.as_expected;
        worst = worst.max(found.left);
    }
    let n = all.len();
    println!("\ncertified: {certified} of {n}");
    println!("early_stop: bound above the true error in {above} of {n}, corrected error at most {worst:.1e}, expected {n} of {n}");
    Ok(if above >= certified && expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
