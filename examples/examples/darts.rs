//! DARTS: which operation made the data is found by descent on the weights of a mixture, for operations that are known.
//!
//! Liu, Simonyan and Yang 2019. Candidates: zero, identity, linear, relu, tanh, the last three with weights of their own; y = o(x W) + noise for one of these three. The mixture has softmax
//! weights, which the validation loss moves through one step on W; a step of the weights of the operations follows each ten of W.

use clap::Parser;
use hypertape::bilevel::{Ask, Bilevel, ClippedDescent, Estimator, FiniteDifference, Memory, Oracle, Run, csv};
use hypertape::ndarray::{Array1, Array2, ArrayD};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_testkit::random;
use std::cell::RefCell;
use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

/// Finds a planted operation, and holds the second-order term of finite differences to the exact one.
#[derive(Debug, Parser)]
struct Options {
    /// One key instead of five.
    #[arg(long)]
    quick: bool,
    /// Unused: the data are made here.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the tables and the picture go.
    #[arg(long, default_value = "target/darts")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;
/// The weights of linear, relu and tanh.
type Weights = (Leaf, Leaf, Leaf);

const NAMES: [&str; 5] = ["zero", "identity", "linear", "relu", "tanh"];
const PLANTED: [usize; 3] = [2, 3, 4];
const D: usize = 6;
const ROWS: usize = 120;
const STEP: f64 = 0.3;
/// Of the difference: by the rounding of the weights, that of the paper, and a shorter one.
const DISPLACEMENTS: [Option<f64>; 3] = [None, Some(1e-2), Some(1e-3)];
const STAGES: u64 = 5;
const STEPS: u64 = 100;

struct Data {
    train: [Array2<f64>; 2],
    validation: [Array2<f64>; 2],
    start: [Array2<f64>; 3],
}

impl Data {
    fn new(planted: usize, key: u64) -> Data {
        let seed = |k: u64| random::bits(key, 100 * planted as u64 + k);
        let w = random::normal(seed(0), (D, D)) * (2.0 / (D as f64).sqrt());
        let made = |k: u64| {
            let x = random::normal(seed(k), (ROWS, D));
            let y = match planted {
                2 => x.dot(&w),
                3 => x.dot(&w).mapv(|v| v.max(0.0)),
                _ => x.dot(&w).mapv(f64::tanh),
            };
            [x, y + 0.1 * random::normal(seed(k + 1), (ROWS, D))]
        };
        Data { train: made(1), validation: made(3), start: [5, 6, 7].map(|k| random::normal(seed(k), (D, D)) * 0.3) }
    }
    /// ½ mean over rows of ‖Σ aₒ o(x) − y‖², with the weights a of the candidates.
    fn loss([x, y]: &[Array2<f64>; 2], (linear, relu, tanh): V<Weights>, a: Var) -> Var {
        let (x, y) = (constant(&x.to_shared()), constant(&y.to_shared()));
        let share = |k: usize| a.slice_axis(0, k, k + 1);
        let mixed = share(1) * x + share(2) * x.dot(linear) + share(3) * x.dot(relu).relu() + share(4) * x.dot(tanh).tanh();
        0.5 * (mixed - y).square().sum() / ROWS as f64
    }
    fn shapes() -> (Weights, Leaf) {
        let w = || shape![D, D];
        ((w(), w(), w()), shape![NAMES.len()])
    }
    /// The training loss with a little decay, and the validation loss; both of the weights and the logits of the mixture.
    fn functions(&self) -> Result<[Function<(Weights, Leaf), Leaf>; 2]> {
        let inner = Function::record(Self::shapes(), |((l, r, t), x)| {
            let decay = l.square().sum() + r.square().sum() + t.square().sum();
            Self::loss(&self.train, (l, r, t), x.softmax(0)) + 1e-3 * decay
        })?;
        let outer = Function::record(Self::shapes(), |(w, x)| Self::loss(&self.validation, w, x.softmax(0)))?;
        Ok([inner, outer])
    }
    /// The validation loss of each candidate alone, trained until it does not fall.
    fn alone(&self) -> Result<Vec<f64>> {
        let f = Function::record(Self::shapes(), |(w, a)| Self::loss(&self.train, w, a))?;
        let held_out = Function::record(Self::shapes(), |(w, a)| Self::loss(&self.validation, w, a))?;
        let descent = GradientDescent::new(&f).step_size(STEP).tolerance(1e-6).max_iterations(20_000);
        let [l, r, t] = &self.start;
        let one = |k: usize| {
            let a = Array1::from_shape_fn(NAMES.len(), |j| f64::from(u8::from(j == k)));
            let w = descent.solve((l, r, t), &a)?.solution;
            Ok(held_out.eval(((&w.0, &w.1, &w.2), &a))?[[]])
        };
        (0..NAMES.len()).map(one).collect()
    }
}

/// What a run found.
struct Found {
    winner: usize,
    shares: Vec<f64>,
    /// The largest relative errors of the second-order term on the way, by displacement.
    errors: [f64; 3],
    curve: Vec<(f64, f64)>,
    table: String,
}

fn softmax(x: &ArrayD<f64>) -> Vec<f64> {
    let e: Vec<f64> = x.iter().map(|v| v.exp()).collect();
    e.iter().map(|v| v / e.iter().sum::<f64>()).collect()
}

/// ‖difference − product‖ / ‖product‖ of the second-order terms at one point, by displacement.
struct Compare {
    exact: Box<dyn Oracle>,
    differences: [Box<dyn Oracle>; 3],
    direct: Function<(Weights, Leaf), Leaf>,
    slope: Function<(Weights, Leaf), Weights>,
}

impl Compare {
    fn at(&mut self, x: &[f64], memory: &Memory) -> Done<[f64; 3]> {
        let exact = self.exact.at(x, &mut memory.clone(), Ask::default())?.gradient;
        // The first-order term stands at z′.
        let cut = |k: usize| Array2::from_shape_vec((D, D), memory.solution[k * D * D..(k + 1) * D * D].to_vec());
        let (w, logits) = ([cut(0)?, cut(1)?, cut(2)?], Array1::from(x.to_vec()));
        let slope = self.slope.eval(((&w[0], &w[1], &w[2]), &logits))?;
        let ahead = (&w[0] - STEP * &slope.0, &w[1] - STEP * &slope.1, &w[2] - STEP * &slope.2);
        let direct = self.direct.eval(((&ahead.0, &ahead.1, &ahead.2), &logits))?;
        let term: Vec<f64> = exact.iter().zip(&direct).map(|(g, d)| g - d).collect();
        let mut errors = [0.0; 3];
        for (error, way) in errors.iter_mut().zip(&mut self.differences) {
            let found = way.at(x, &mut memory.clone(), Ask::default())?.gradient;
            let off: Vec<f64> = found.iter().zip(&exact).map(|(a, b)| a - b).collect();
            *error = linear::norm(&off) / linear::norm(&term);
        }
        Ok(errors)
    }
}

fn run(data: &Data, planted: usize) -> Done<Found> {
    let [inner, outer] = data.functions()?;
    let problem = Bilevel::new(&inner, &outer);
    let [l, r, t] = &data.start;
    let descent = GradientDescent::new(&problem).step_size(STEP).tolerance(0.0);
    let darts = FiniteDifference::new(&descent.clone().max_iterations(10), STEP).start((l, r, t));
    let fixed = FiniteDifference::new(&descent.max_iterations(0), STEP).start((l, r, t));
    let difference = |length: Option<f64>| {
        let own = fixed.clone();
        length.map_or(own.clone(), |length| own.displacement(length)).prepare(&problem)
    };
    let differences = [difference(DISPLACEMENTS[0])?, difference(DISPLACEMENTS[1])?, difference(DISPLACEMENTS[2])?];
    let exact = fixed.clone().exact().prepare(&problem)?;
    let mut compare = Compare { exact, differences, direct: outer.wrt(|(_, x)| x).gradient(), slope: inner.wrt(|(z, _)| z).gradient() };
    let curve = Rc::new(RefCell::new(vec![]));
    let (mut state, mut records, mut errors) = (None, vec![], [0.0_f64; 3]);
    for stage in 1..=STAGES {
        let seen = curve.clone();
        let run = Run::new(&problem, &darts, ClippedDescent::new(0.1))?.steps(stage * STEPS / STAGES).each(move |r, x, _| {
            seen.borrow_mut().push(((r.step + 1) as f64, softmax(x)[planted]));
            ControlFlow::Continue(())
        });
        let run = match state.take() {
            Some(state) => run.go_on(state)?,
            None => run.start(Array1::zeros(NAMES.len()))?,
        };
        let outcome = run.go()?;
        let now = compare.at(&outcome.state.free, &outcome.state.memory)?;
        errors.iter_mut().zip(now).for_each(|(e, now)| *e = e.max(now));
        records.extend(outcome.records.iter().copied());
        state = Some(outcome.state);
    }
    let x = state.map(|s| s.free).unwrap_or_default();
    let shares = softmax(&Array1::from(x).into_dyn());
    let winner = (0..shares.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap_or(0);
    Ok(Found { winner, shares, errors, curve: curve.take(), table: csv(&records) })
}

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.out)?;
    let keys = if options.quick { 1 } else { 5 };
    println!("{D} features, {ROWS} rows each for training and validation, noise of 0.1");
    println!(
        "| planted | key | loss of it alone | least of the others | found | its share | error of the second-order term | with ε‖v‖ = 1e-2 | 1e-3 |\n|---|---|---|---|---|---|---|---|---|"
    );
    let (mut right, mut ratio, mut error, mut paper, mut series) = (0, f64::INFINITY, 0.0_f64, 0.0_f64, vec![]);
    for planted in PLANTED {
        for key in 0..keys {
            let data = Data::new(planted, key);
            let alone = data.alone()?;
            let others = (0..NAMES.len()).filter(|k| *k != planted).map(|k| alone[k]).fold(f64::INFINITY, f64::min);
            let found = run(&data, planted)?;
            let (name, winner) = (NAMES[planted], NAMES[found.winner]);
            let (share, [a, b, c]) = (found.shares[found.winner], found.errors);
            println!("| {name} | {key} | {:.4} | {others:.4} | {winner} | {share:.3} | {a:.2e} | {b:.2e} | {c:.2e} |", alone[planted]);
            right += u32::from(found.winner == planted);
            (ratio, error, paper) = (ratio.min(others / alone[planted]), error.max(a), paper.max(b));
            std::fs::write(options.out.join(format!("{name}_{key}.csv")), found.table)?;
            if key == 0 {
                series.push(Series { name: name.into(), points: found.curve });
            }
        }
    }
    let picture = options.out.join("shares.svg");
    log_log(&picture, "Share of the planted operation, key 0", ["outer step", "softmax weight"], &series)?;
    println!("Tables and picture: {}", options.out.display());
    let runs = PLANTED.len() as u64 * keys;
    println!(
        "darts: {right} of {runs} operations found, expected all; the others' loss at least {ratio:.1} times that of the right one, expected 2; \
         second-order term wrong by {error:.1e}, expected at most 1e-3 ({paper:.2e} with the paper's ε‖v‖ = 0.01)"
    );
    let reached = u64::from(right) == runs && ratio >= 2.0 && error <= 1e-3;
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
