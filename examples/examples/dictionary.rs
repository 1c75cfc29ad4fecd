//! Derivatives of sparse codes by the dictionary, through the steps of ISTA: their rate, how they blow up before the support has settled, and dictionary learning.
//!
//! Malézieux, Moreau and Kowalski 2022. Signals: 50 random atoms of length 1, of which a code uses about three in ten, with noise; the dictionary of the codes is another one nearby.

use clap::Parser;
use hypertape::bilevel::{Bilevel, Descent, Domain, Ended, Recorded, Run};
use hypertape::data::{Load, Png};
use hypertape::ndarray::{ArcArray2, Array1, Array2, Axis, s};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_examples::digits::Digits;
use hypertape_examples::fit::rate;
use hypertape_examples::folder::find;
use hypertape_examples::tiles::tiles;
use hypertape_testkit::random;
use std::cell::RefCell;
use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

/// Measures derivatives of ISTA by its dictionary, then learns a dictionary.
#[derive(Debug, Parser)]
struct Options {
    /// Fewer signals and steps, and digits, which are part of the program, instead of a photograph.
    #[arg(long)]
    quick: bool,
    /// The folder of the data; `HYPERTAPE_DATA` unless given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the tables and the pictures go.
    #[arg(long, default_value = "target/dictionary")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;
type Lasso = Composite<Leaf, Leaf>;

const ATOMS: usize = 50;
const PENALTY: f64 = 0.1;
/// Steps of the derivative that is cut off.
const LAST: usize = 20;

fn unit_columns(mut d: Array2<f64>) -> Array2<f64> {
    for mut atom in d.columns_mut() {
        let length = atom.dot(&atom).sqrt();
        atom.mapv_inplace(|v| v / length);
    }
    d
}

/// Signals of so many rows, the dictionary D of the codes, and a direction in which it changes.
struct Signals {
    signals: Array2<f64>,
    dictionary: ArcArray2<f64>,
    direction: ArcArray2<f64>,
    lipschitz: f64,
}

impl Signals {
    fn new(rows: usize, count: usize) -> Done<Self> {
        let seed = rows as u64;
        let atoms = unit_columns(random::normal(seed, (rows, ATOMS)));
        let chosen: Array2<f64> = random::uniform(seed + 1, (ATOMS, count)).mapv(|u| if u > 0.7 { 1.0 } else { 0.0 });
        let codes = chosen * random::normal(seed + 2, (ATOMS, count));
        let signals = atoms.dot(&codes) + 0.1 * random::normal(seed + 3, (rows, count));
        let near = 0.5 / (rows as f64).sqrt() * random::normal(seed + 4, (rows, ATOMS));
        let dictionary = atoms + near;
        let direction = random::normal(seed + 5, (rows, ATOMS));
        let values = linear::singular_values(&mut dictionary.t().dot(&dictionary), ATOMS)?.ok_or("too many atoms")?;
        Ok(Signals { signals, dictionary: dictionary.into_shared(), direction: direction.into_shared(), lipschitz: values[0] })
    }
    /// The lasso of one signal by t, with the dictionary D + t E.
    fn lasso(&self, signal: usize) -> Result<Lasso> {
        let y = self.signals.column(signal).to_owned().into_shared();
        let fit = Function::record((shape![ATOMS], shape![]), |(z, t)| {
            let d = constant(&self.dictionary) + t * constant(&self.direction);
            0.5 * (d.dot(z) - constant(&y)).square().sum()
        })?;
        Ok(Composite::with(&fit, |v, step, _| v.soft_threshold(PENALTY * step)))
    }
    /// 1 − μ/L, with the least eigenvalue μ of D_SᵀD_S.
    fn rate(&self, support: &[usize]) -> Done<f64> {
        let d = self.dictionary.select(Axis(1), support);
        let values = linear::singular_values(&mut d.t().dot(&d), ATOMS)?.ok_or("too many atoms")?;
        Ok(1.0 - values.last().copied().unwrap_or(0.0) / self.lipschitz)
    }
}

/// What happened to the derivative of one signal's code.
struct Path {
    /// Relative errors after 1, 2, … steps.
    errors: Vec<f64>,
    /// Atoms in use after as many.
    sizes: Vec<usize>,
    /// The step after which the support is that of the solution.
    settled: usize,
    /// The largest relative error of the derivative through the last 20 steps alone.
    cut: f64,
    rate: Option<f64>,
    expected: f64,
}

impl Path {
    fn of(data: &Signals, signal: usize, steps: usize) -> Done<Path> {
        let lasso = data.lasso(signal)?;
        let ista = Ista::new(&lasso).step_size(1.0 / data.lipschitz);
        // All iterates and their derivatives, in forward mode.
        let unrolled = Function::record(shape![], |t| ista.unroll(steps).trace(zeros(shape![ATOMS]), t).1)?;
        let (iterates, tangents) = unrolled.jvp(0.0, 1.0)?;
        let (iterates, tangents) = (iterates.d2(), tangents.d2());
        // The limit, by the implicit function theorem.
        let fista = Fista::new(&lasso).step_size(1.0 / data.lipschitz).tolerance(1e-13).max_iterations(1_000_000);
        let solved = Function::record(shape![], |t| fista.implicit(Lu).solve(zeros(shape![ATOMS]), t))?;
        let (solution, limit) = solved.jvp(0.0, 1.0)?;
        let (solution, limit) = (solution.d1(), limit.d1());
        let length = |v: &Array1<f64>| v.dot(v).sqrt();
        let size = length(&limit.to_owned());
        let error = |d: &Array1<f64>| length(&(d - &limit)) / size;
        let errors: Vec<f64> = tangents.rows().into_iter().map(|d| error(&d.to_owned())).collect();
        let same = |k: &usize| iterates.row(*k).iter().zip(&solution).all(|(a, b)| (*a == 0.0) == (*b == 0.0));
        let settled = (0..steps).rev().find(|k| !same(k)).map_or(0, |k| k + 1);
        let support: Vec<usize> = (0..ATOMS).filter(|i| solution[*i] != 0.0).collect();
        // K steps with the last 20 differentiated are 20 steps from the iterate before them: ISTA remembers nothing else.
        let last = Function::record((shape![ATOMS], shape![]), |(z, t)| ista.unroll(LAST).solve(stop_gradient(&z), t))?;
        let mut cut = 0.0_f64;
        let mut k = 0;
        while k + LAST < steps {
            let z = iterates.row(k).to_owned();
            let (_, d) = last.jvp((&z, 0.0), (&Array1::zeros(ATOMS), 1.0))?;
            cut = cut.max(error(&d.d1().to_owned()));
            k += 1 + k / 20;
        }
        // The slowest direction alone: the second half of the way from the settled support to rounding. What decays is (a + bK)ρᴷ, so a line fitted to its
        // logarithm is off by about 1/K.
        let clear = errors.iter().skip(settled).position(|e| *e < 1e-9).map_or(steps, |n| settled + n);
        let tail: Vec<(f64, f64)> = (settled.midpoint(clear)..clear).map(|k| (k as f64, errors[k])).collect();
        let found = if tail.len() > 20 { rate(&tail) } else { None };
        let sizes = iterates.rows().into_iter().map(|z| z.iter().filter(|z| **z != 0.0).count()).collect();
        Ok(Path { errors, sizes, settled, cut, rate: found, expected: data.rate(&support)? })
    }
    /// The largest relative error, and the number of atoms in use there.
    fn peak(&self) -> (f64, usize) {
        self.errors.iter().zip(&self.sizes).fold((0.0, 0), |most, (e, n)| if *e > most.0 { (*e, *n) } else { most })
    }
}

/// The paths of all signals, and a table of them.
fn paths(rows: usize, count: usize, steps: usize) -> Done<(Vec<Path>, String)> {
    let data = Signals::new(rows, count)?;
    let all = (0..count).map(|i| Path::of(&data, i, steps)).collect::<Done<Vec<_>>>()?;
    println!("\n{rows} rows, {ATOMS} atoms, {steps} steps:");
    println!(
        "| signal | peak error | atoms there | last {LAST} steps, peak | settled after | atoms at last | error at last | rate | 1 − μ/L |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut table = String::from("signal,peak,atoms_at_peak,peak_of_last,settled,atoms,error,rate,expected\n");
    for (i, p) in all.iter().enumerate() {
        let ((peak, at), atoms, error) = (p.peak(), p.sizes[steps - 1], p.errors[steps - 1]);
        let found = p.rate.map_or("".into(), |r| format!("{r:.6}"));
        println!("| {i} | {peak:.2} | {at} | {:.2} | {} | {atoms} | {error:.1e} | {found} | {:.6} |", p.cut, p.settled, p.expected);
        table += &format!("{i},{peak:e},{at},{:e},{},{atoms},{error:e},{found},{:e}\n", p.cut, p.settled, p.expected);
    }
    Ok((all, table))
}

/// Patches of 8 × 8 pixels as rows, without their means.
fn patches(options: &Options) -> Done<(&'static str, Array2<f64>)> {
    let found = if options.quick { None } else { find(options.data.as_ref(), "images/camera.png") };
    if found.is_none() && !options.quick {
        println!("images/camera.png is not there: give its folder by `--data` or HYPERTAPE_DATA. These are digits.");
    }
    let (name, mut rows) = match found {
        Some(path) => {
            let image = Png::new().load(path)?.luma();
            let place = |i: u64, n: usize| (random::bits(7, i) % (n as u64 - 7)) as usize;
            let patch = |i: usize| {
                let (r, c) = (place(2 * i as u64, image.nrows()), place(2 * i as u64 + 1, image.ncols()));
                image.slice(s![r..r + 8, c..c + 8]).to_owned()
            };
            let flat = |p: Array2<f64>| p.iter().copied().collect::<Vec<f64>>();
            // Flat patches say nothing: the first 600 with some contrast.
            let rough = |p: &Array2<f64>| p.std(0.0) > 0.05;
            let all: Vec<f64> = (0..).map(patch).filter(rough).take(600).flat_map(flat).collect();
            ("camera", Array2::from_shape_vec((600, 64), all)?)
        }
        None => ("digits", Digits::load()?.x_train.slice(s![..200, ..]).to_owned()),
    };
    for mut row in rows.rows_mut() {
        let mean = row.sum() / row.len() as f64;
        row.mapv_inplace(|v| v - mean);
        let length = row.dot(&row).sqrt();
        row.mapv_inplace(|v| v / length);
    }
    Ok((name, rows))
}

/// Learns a dictionary whose atoms are rows: losses by outer step, and the atoms.
fn learn(x: &Array2<f64>, atoms: usize, steps: u64, inner: usize) -> Done<(Vec<(f64, f64)>, Array2<f64>)> {
    let (n, pixels) = x.dim();
    let start = {
        // Patches of the data, with noise, of length 1.
        let some = x.slice(s![..atoms, ..]).to_owned() + 0.5 / (pixels as f64).sqrt() * random::normal(9, (atoms, pixels));
        unit_columns(some.t().to_owned()).t().to_owned()
    };
    let lipschitz = linear::singular_values(&mut start.dot(&start.t()), atoms)?.ok_or("too many atoms")?[0];
    let (data, shapes) = (x.clone().into_shared(), || (shape![n, atoms], shape![atoms, pixels]));
    let fit = Function::record(shapes(), |(z, d)| 0.5 * (z.dot(d) - constant(&data)).square().sum())?;
    let outer = Function::record(shapes(), |(z, d)| (fit.call((z, d)) + PENALTY * z.norm_l1()) / n as f64)?;
    let lasso = Composite::with(&fit, |v, step, _| v.soft_threshold(PENALTY * step));
    let balls = Domain::each((0..atoms).map(|_| (pixels, Domain::ball(1.0))));
    let problem = Bilevel::new(&lasso, &outer).within(balls);
    // Half of 1/L at the start: L grows as atoms learn the same.
    let fista = Fista::new(&problem).step_size(0.5 / lipschitz);
    let estimator = Recorded::new(fista.unroll(inner).keep(Keep::Last(LAST))).warm_start();
    let losses = Rc::new(RefCell::new(vec![]));
    let seen = losses.clone();
    let found = Run::new(&problem, &estimator, Descent::new(2.0))?
        .steps(steps)
        .each(move |r, _, _| {
            seen.borrow_mut().push(((r.step + 1) as f64, r.value));
            ControlFlow::Continue(())
        })
        .start(&start)?
        .go()?;
    if found.ended != Ended::Steps {
        return Err(format!("the run has ended early: {:?}", found.ended).into());
    }
    Ok((losses.take(), found.solution().into_dimensionality()?))
}

/// A path with so few points that a picture holds them, evenly spaced in log after the first twenty.
fn thinned(errors: &[f64]) -> Vec<(f64, f64)> {
    let mut points = vec![];
    let mut k = 0;
    while k < errors.len() {
        points.push(((k + 1) as f64, errors[k]));
        k += 1 + k / 20;
    }
    points
}

/// The median; NaN of nothing.
fn middle(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.out)?;
    let (count, steps) = if options.quick { (5, 5000) } else { (20, 20_000) };
    let (wide, table) = paths(30, count, steps)?;
    std::fs::write(options.out.join("rows_30.csv"), table)?;
    let (narrow, table) = paths(10, count, steps)?;
    std::fs::write(options.out.join("rows_10.csv"), table)?;
    let rates: Vec<f64> = wide.iter().filter_map(|p| Some((p.rate? - p.expected).abs())).collect();
    let most = rates.iter().copied().fold(0.0, f64::max);
    let median = middle(&rates);
    let worst = narrow.iter().max_by(|a, b| a.peak().0.total_cmp(&b.peak().0)).ok_or("there are no signals")?;
    let cut = narrow.iter().map(|p| p.cut).fold(0.0, f64::max);
    let series =
        [("30 rows", &wide[0]), ("10 rows, the largest peak", worst)].map(|(n, p)| Series { name: n.into(), points: thinned(&p.errors) });
    log_log(&options.out.join("errors.svg"), "Derivative of a sparse code", ["steps of ISTA", "relative error"], &series)?;

    let (name, x) = patches(&options)?;
    let (atoms, outer, inner) = if options.quick { (25, 40, 30) } else { (64, 300, 30) };
    let (losses, learned) = learn(&x, atoms, outer, inner)?;
    let (first, last) = (losses[0].1, losses[losses.len() - 1].1);
    println!("\n{name}: {} patches, {atoms} atoms, loss {first:.5} at first, {last:.5} after {outer} steps", x.nrows());
    log_log(
        &options.out.join("loss.svg"),
        "Dictionary learning",
        ["outer steps", "loss"],
        &[Series { name: name.into(), points: losses }],
    )?;
    tiles(&options.out.join("atoms.svg"), &learned, 8)?;
    println!("Tables and pictures: {}", options.out.display());

    let (peak, at) = worst.peak();
    println!(
        "dictionary: rate off by {median:.1e} in the middle and {most:.1e} at most of {} signals, expected at most 1.0e-3 in the middle; peak {peak:.1} with {at} atoms of 10 rows, expected above 5; last {LAST} steps {cut:.2}, expected below 1.5; loss {:.2} of the first",
        rates.len(),
        last / first
    );
    let right = median <= 1e-3 && rates.len() >= count / 2 && peak > 5.0 && at > 10 && cut < 1.5 && last < 0.9 * first;
    Ok(if right || options.quick { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
