//! Hyper-cleaning: a weight for each of 3000 MNIST images, some of whose labels are wrong, learned from images that are right.
//!
//! Problem: Franceschi et al. 2017. Inner: the mean of σ(xᵢ)-weighted cross-entropies of softmax regression and 10⁻³ ‖W‖²; outer: cross-entropy on 3000 other images. 80 outer steps,
//! each after 10 warm gradient steps on W and at most 10 iterations of CG on the adjoint; then 300 gradient steps with the weights found.

use clap::Parser;
use hypertape::bilevel::{Aid, Bilevel, ClippedDescent, Run, csv};
use hypertape::data::metrics::{accuracy, auc};
use hypertape::ndarray::{ArcArray2, Array1, Array2, ArrayD, ArrayView2, Axis, concatenate, s};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_examples::digits::Digits;
use hypertape_examples::folder::{find, numbers};
use hypertape_examples::mnist::Mnist;
use hypertape_testkit::random;
use std::cell::RefCell;
use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

/// Learns which labels are wrong, and trains without them.
#[derive(Debug, Parser)]
struct Options {
    /// Digits, which are part of the program, instead of MNIST.
    #[arg(long)]
    quick: bool,
    /// The folder of the data; `HYPERTAPE_DATA` unless given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the tables and the picture go.
    #[arg(long, default_value = "target/hyper_cleaning")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;

const CLASSES: usize = 10;
const OUTER: u64 = 80;
const STEP: f64 = 0.4;
/// The logarithm of the odds whose weight is 1, and that of a weight of 0.
const SURE: f32 = 40.0;

/// Images by rows, with a constant in the last column, and their labels.
struct Part {
    x: ArcArray2<f32>,
    labels: Vec<u32>,
}

impl Part {
    fn new(pixels: ArrayView2<'_, f32>, labels: Vec<u32>) -> Done<Part> {
        let constant = Array2::ones((pixels.nrows(), 1));
        Ok(Part { x: concatenate(Axis(1), &[pixels, constant.view()])?.into_shared(), labels })
    }
    /// The cross-entropy of each row of scores X W.
    fn losses(&self, labels: &[u32], w: Var<f32>) -> Var<f32> {
        let one_hot = Array2::from_shape_fn((labels.len(), CLASSES), |(i, c)| f32::from(u8::from(labels[i] as usize == c)));
        let scores = constant(&self.x).dot(w);
        scores.logsumexp_axis(1) - (scores * constant(&one_hot.into_shared())).sum_axis(1)
    }
    fn accuracy(&self, w: ArrayView2<'_, f32>) -> Done<f64> {
        let best =
            |row: hypertape::ndarray::ArrayView1<'_, f32>| (0..CLASSES).max_by(|a, b| row[*a].total_cmp(&row[*b])).map_or(0, |c| c as u32);
        let found: Vec<u32> = self.x.dot(&w).rows().into_iter().map(best).collect();
        Ok(accuracy(&self.labels, &found)?)
    }
}

struct Data {
    name: &'static str,
    train: Part,
    validation: Part,
    test: Part,
    /// For each share of wrong labels, in percent, the labels.
    given: Vec<(u32, Vec<u32>)>,
}

impl Data {
    fn mnist(folder: Option<&PathBuf>) -> Done<Option<Data>> {
        let (Some(all), Some(test)) = (Mnist::load(folder, "train")?, Mnist::load(folder, "t10k")?) else { return Ok(None) };
        let rows = |of: &Mnist| of.rows(|p| f32::from(p) / 255.0);
        let digits = |of: &Mnist| of.labels.iter().map(|l| u32::from(*l)).collect::<Vec<_>>();
        let (x, y, x_test, y_test) = (rows(&all)?, digits(&all), rows(&test)?, digits(&test));
        let mut given = vec![];
        for share in [10, 40, 50] {
            let Some(path) = find(folder, &format!("splits/mnist_corrupted_{share}.txt")) else { return Ok(None) };
            given.push((share, numbers(&path)?.into_iter().map(|l| l as u32).collect()));
        }
        let train = Part::new(x.slice(s![..3000, ..]), y[..3000].to_vec())?;
        let validation = Part::new(x.slice(s![3000..6000, ..]), y[3000..6000].to_vec())?;
        Ok(Some(Data { name: "MNIST", train, validation, test: Part::new(x_test.view(), y_test)?, given }))
    }
    fn digits() -> Done<Data> {
        let d = Digits::load()?;
        let part =
            |x: &ArcArray2<f64>, labels: &[usize]| Part::new(x.mapv(|v| v as f32).view(), labels.iter().map(|l| *l as u32).collect());
        let train = part(&d.x_train, &d.labels_train)?;
        let wrong = |share: u32| {
            let (seed, labels) = (u64::from(share), train.labels.iter().enumerate());
            let label = |(i, l): (usize, &u32)| {
                let shift = 1 + random::bits(seed + 1, i as u64) % (CLASSES as u64 - 1);
                if random::unit(seed, i as u64) < f64::from(share) / 100.0 { (l + shift as u32) % CLASSES as u32 } else { *l }
            };
            (share, labels.map(label).collect())
        };
        let given = [10, 40, 50].map(wrong).to_vec();
        let (validation, test) = (part(&d.x_validation, &d.labels_validation)?, part(&d.x_test, &d.labels_test)?);
        Ok(Data { name: "digits", train, validation, test, given })
    }
    fn weights(&self) -> Leaf<f32> {
        shape![f32; self.train.x.ncols(), CLASSES]
    }
    /// Of W and the log-odds of the training images' weights.
    fn problem(&self, labels: &[u32]) -> Result<Bilevel<Objective<Leaf<f32>, Leaf<f32>>>> {
        let given = (self.weights(), shape![f32; labels.len()]);
        let inner =
            Function::record(given.clone(), |(w, x)| (x.sigmoid() * self.train.losses(labels, w)).mean() + 1e-3 * w.square().sum())?;
        let outer = Function::record(given, |(w, _)| self.validation.losses(&self.validation.labels, w).mean())?;
        Ok(Bilevel::new(&inner, &outer))
    }
    /// W after so many steps with fixed weights.
    fn train(&self, labels: &[u32], from: &Array2<f32>, x: &ArrayD<f32>, steps: usize) -> Done<Array2<f32>> {
        let problem = self.problem(labels)?;
        let descent = GradientDescent::new(&problem).step_size(STEP).tolerance(0.0).max_iterations(steps);
        Ok(descent.solve(from, x)?.solution.into_dimensionality()?)
    }
}

/// What a run found.
struct Ran {
    accuracy: f64,
    auc: f64,
    curve: Vec<(f64, f64)>,
    seconds: f64,
    table: String,
}

fn run(data: &Data, labels: &[u32], warm_adjoint: bool) -> Done<Ran> {
    let problem = data.problem(labels)?;
    let descent = GradientDescent::new(&problem).step_size(STEP).tolerance(0.0).max_iterations(10);
    let mut aid = Aid::new(&descent).adjoint(Cg::default().max_iterations(10).trusted()).warm_start();
    if warm_adjoint {
        aid = aid.warm_adjoint();
    }
    let right: Vec<bool> = labels.iter().zip(&data.train.labels).map(|(a, b)| a == b).collect();
    let quality = move |x: &ArrayD<f32>| auc(&x.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>(), &right).unwrap_or(f64::NAN);
    let curve = Rc::new(RefCell::new(vec![]));
    let (seen, by_step, began) = (curve.clone(), quality.clone(), Instant::now());
    let outcome = Run::new(&problem, &aid, ClippedDescent::new(0.2))?
        .steps(OUTER)
        .each(move |r, x, _| {
            seen.borrow_mut().push(((r.step + 1) as f64, 1.0 - by_step(x)));
            ControlFlow::Continue(())
        })
        .start(Array1::zeros(labels.len()))?
        .go()?;
    let seconds = began.elapsed().as_secs_f64();
    let x = outcome.solution();
    let w: Vec<f32> = outcome.state.memory.solution.iter().map(|w| *w as f32).collect();
    let w = Array2::from_shape_vec((data.train.x.ncols(), CLASSES), w)?;
    let w = data.train(labels, &w, &x, 300)?;
    Ok(Ran { accuracy: data.test.accuracy(w.view())?, auc: quality(&x), curve: curve.take(), seconds, table: csv(&outcome.records) })
}

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    let full = if options.quick { None } else { Data::mnist(options.data.as_ref())? };
    if full.is_none() && !options.quick {
        println!("MNIST is not there: give its folder by `--data` or HYPERTAPE_DATA. This is the run on digits.");
    }
    let real = full.is_some();
    let data = full.map_or_else(Data::digits, Ok)?;
    std::fs::create_dir_all(&options.out)?;
    println!("{}: accuracy on {} test images, AUC of the weights", data.name, data.test.labels.len());
    println!(
        "| wrong labels | all labels | right labels alone | learned weights | AUC | AUC, warm adjoint | seconds |\n|---|---|---|---|---|---|---|"
    );
    let least = [0.92, 0.94, 0.95];
    let (mut series, mut found, mut reached) = (vec![], vec![], true);
    for ((share, labels), least) in data.given.iter().zip(least) {
        let zero = Array2::zeros((data.train.x.ncols(), CLASSES));
        let all = data.train(labels, &zero, &ArrayD::from_elem(vec![labels.len()], SURE), 400)?;
        let right =
            labels.iter().zip(&data.train.labels).map(|(a, b)| if a == b { SURE } else { -SURE }).collect::<Array1<f32>>().into_dyn();
        let right = data.train(labels, &zero, &right, 400)?;
        let (all, right) = (data.test.accuracy(all.view())?, data.test.accuracy(right.view())?);
        let (cold, warm) = (run(&data, labels, false)?, run(&data, labels, true)?);
        println!("| {share} % | {all:.4} | {right:.4} | {:.4} | {:.4} | {:.4} | {:.1} |", cold.accuracy, cold.auc, warm.auc, cold.seconds);
        reached &= cold.accuracy >= right && cold.auc >= least;
        found.push((cold.accuracy - right, cold.auc));
        for (kind, ran) in [("", cold), (", warm adjoint", warm)] {
            std::fs::write(options.out.join(format!("{share}{}.csv", if kind.is_empty() { "" } else { "_warm" })), ran.table)?;
            series.push(Series { name: format!("{share} %{kind}"), points: ran.curve });
        }
    }
    let picture = options.out.join("auc.svg");
    log_log(&picture, "Wrong and right labels told apart by their weights", ["outer step", "1 − AUC"], &series)?;
    println!("Tables and picture: {}", options.out.display());
    let list = |f: &dyn Fn(&(f64, f64)) -> String| found.iter().map(f).collect::<Vec<_>>().join(", ");
    println!(
        "hyper_cleaning: AUC {}, expected on MNIST at least 0.92, 0.94, 0.95; accuracy {} above that of the right labels alone, expected at least 0",
        list(&|f| format!("{:.4}", f.1)),
        list(&|f| format!("{:+.4}", f.0))
    );
    Ok(if reached || !real { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
