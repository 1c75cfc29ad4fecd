//! Data augmentation that is learned: how far copies of 500 MNIST images are to be turned, by the hypergradient of the loss on images that are turned by unknown angles.
//!
//! After Cubuk et al. 2019 (AutoAugment) and Rommel et al. 2022 (CADDA), with one magnitude. Inner: the mean cross-entropy of softmax regression on four copies of each image, turned by r εᵢ with εᵢ
//! uniform on [−1, 1], and 10⁻³ ‖W‖². Outer: cross-entropy on 2000 images turned by up to 30 degrees, as the test images are. An image is turned by bilinear interpolation, on the tape:
//! its derivative by the angle is exact but where a point lies on a line of the grid.

use clap::Parser;
use hypertape::data::metrics::accuracy;
use hypertape::ndarray::{ArcArray1, ArcArray2, Array1, Array2, ArrayD, ArrayView1, Axis, concatenate, s};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, curves};
use hypertape_examples::digits::{CLASSES, Digits};
use hypertape_examples::fit::mean;
use hypertape_examples::images::Images;
use hypertape_examples::mnist::Mnist;
use hypertape_testkit::random;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Learns the range of rotation of training images, and compares it with a grid.
#[derive(Debug, Parser)]
struct Options {
    /// Digits, which are part of the program, instead of MNIST.
    #[arg(long)]
    quick: bool,
    /// The folder of the data; `HYPERTAPE_DATA` unless given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the tables and the picture go.
    #[arg(long, default_value = "target/augmentation")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;
/// The inner variables: weights and offsets.
type Scores = (Leaf, Leaf);

/// Copies of each training image.
const COPIES: usize = 4;
/// The largest angle of validation and test images, in degrees.
const UNKNOWN: f64 = 30.0;
const PENALTY: f64 = 1e-3;
/// Of an outer step.
const STEP: f64 = 0.2;
/// Where r begins, in degrees.
const START: f64 = 5.0;
/// The angles that are tried, in degrees.
const GRID: [f64; 8] = [0.0, 10.0, 20.0, 25.0, 30.0, 35.0, 40.0, 50.0];

/// Images to choose from.
struct Source {
    name: &'static str,
    train: Images,
    test: Images,
    /// How many of the first to train on, to validate on, and how many of the others to test on.
    sizes: [usize; 3],
}

impl Source {
    fn mnist(folder: Option<&PathBuf>) -> Done<Option<Source>> {
        let load = |part: &str, most: usize| -> Done<Option<Images>> {
            let Some(all) = Mnist::load(folder, part)? else { return Ok(None) };
            let (n, side) = (all.labels.len().min(most), all.images.dim().1);
            let pixels = all.rows(|p| f64::from(p) / 255.0)?.slice(s![..n, ..]).to_shared();
            Ok(Some(Images { side, pixels, labels: all.labels.iter().take(n).map(|l| u32::from(*l)).collect() }))
        };
        let (Some(train), Some(test)) = (load("train", 20_000)?, load("t10k", 10_000)?) else { return Ok(None) };
        Ok(Some(Source { name: "MNIST", train, test, sizes: [500, 2000, 5000] }))
    }
    fn digits() -> Done<Source> {
        let d = Digits::load()?;
        let images =
            |x: ArcArray2<f64>, labels: &[usize]| Images { side: 8, pixels: x, labels: labels.iter().map(|l| *l as u32).collect() };
        let rows = concatenate(Axis(0), &[d.x_train.view(), d.x_validation.view()])?.into_shared();
        let (train, test) = (images(rows, &[d.labels_train, d.labels_validation].concat()), images(d.x_test, &d.labels_test));
        Ok(Source { name: "digits", train, test, sizes: [100, 1000, 397] })
    }
    /// The images of a key, those for validation and test turned by unknown angles, and the ε of the copies.
    fn drawn(&self, key: u64) -> Done<Data> {
        let order = |seed: u64, n: usize| {
            let mut all: Vec<usize> = (0..n).collect();
            all.sort_by_key(|i| random::bits(seed, *i as u64));
            all
        };
        let [train, validation, test] = self.sizes;
        let (first, second) = (order(10 * key, self.train.len()), order(10 * key + 1, self.test.len()));
        let angles = |seed: u64, n: usize| 2.0 * UNKNOWN * random::sym(seed, n);
        let copies: Vec<usize> = (0..COPIES).flat_map(|_| first[..train].iter().copied()).collect();
        Ok(Data {
            train: self.train.select(&copies),
            validation: self.train.select(&first[train..train + validation]).turned_by(&angles(10 * key + 2, validation))?,
            test: self.test.select(&second[..test]).turned_by(&angles(10 * key + 3, test))?,
            epsilon: (2.0 * random::sym(10 * key + 4, copies.len())).into_shared(),
        })
    }
}

/// In a recording: the mean cross-entropy of rows of images.
fn loss(x: Var, labels: &[u32], (w, b): (Var, Var)) -> Var {
    let one_hot = Array2::from_shape_fn((labels.len(), CLASSES), |(i, c)| f64::from(u8::from(labels[i] as usize == c)));
    let scores = x.dot(w) + b;
    (scores.logsumexp_axis(1) - (scores * constant(&one_hot.into_shared())).sum_axis(1)).mean()
}

/// What is drawn by a key.
struct Data {
    /// Images, with their copies.
    train: Images,
    validation: Images,
    test: Images,
    epsilon: ArcArray1<f64>,
}

impl Data {
    fn heads(&self) -> Scores {
        (shape![self.train.side.pow(2), CLASSES], shape![CLASSES])
    }
    /// The inner objective, of weights and of turned images: these are its parameters, so that they are turned once for a solve, not in each of its steps.
    fn fit(&self) -> Result<Function<(Scores, Leaf), Leaf>> {
        let images = shape![self.train.len(), self.train.side.pow(2)];
        Function::record((self.heads(), images), |((w, b), x)| loss(x, &self.train.labels, (w, b)) + PENALTY * w.square().sum())
    }
    /// (r in radians, where the solver begins) → (validation loss, weights).
    fn outer(&self, solver: impl Inner<Scores, Leaf>) -> Result<Function<(Leaf, Scores), (Leaf, Scores)>> {
        Function::record((shape![], self.heads()), |(r, start)| {
            let x = self.train.turned(r * constant(&self.epsilon));
            let z = solver.solve_vars(start, x);
            (loss(constant(&self.validation.pixels), &self.validation.labels, z), z)
        })
    }
    /// Validation loss and test accuracy after training with a fixed r, in degrees.
    fn scores(&self, degrees: f64) -> Done<[f64; 2]> {
        let (x, v) = (self.train.turned_by(&(degrees * &self.epsilon))?.pixels, &self.validation);
        let (w, b) = Lbfgs::new(&self.fit()?).tolerance(1e-3).solve(self.zero(), &x)?.solution;
        let (w, b): (Array2<f64>, Array1<f64>) = (w.into_dimensionality()?, b.into_dimensionality()?);
        let of = Function::record(self.heads(), |z| loss(constant(&v.pixels), &v.labels, z))?;
        let best = |row: ArrayView1<'_, f64>| (0..CLASSES).max_by(|a, b| row[*a].total_cmp(&row[*b])).map_or(0, |c| c as u32);
        let found: Vec<u32> = (self.test.pixels.dot(&w) + &b).rows().into_iter().map(best).collect();
        Ok([of.eval((&w, &b))?.number()?, accuracy(&self.test.labels, &found)?])
    }
    fn zero(&self) -> (ArrayD<f64>, ArrayD<f64>) {
        (ArrayD::zeros(vec![self.train.side.pow(2), CLASSES]), ArrayD::zeros(vec![CLASSES]))
    }
    /// r, in degrees, at first and after each step of gradient descent with the hypergradient; and a table.
    fn learn(&self, steps: usize) -> Done<(Vec<f64>, String)> {
        let solver = Lbfgs::new(&self.fit()?).tolerance(1e-3).implicit(Cg::tolerance(1e-2));
        let outer = self.outer(solver)?;
        let gradient = outer.wrt(|(r, _)| r).value_and_gradient_of(|(loss, _)| loss);
        let (mut workspace, mut out) = (gradient.workspace(), gradient.outputs().zeros());
        let (mut r, mut start, mut path) = (START.to_radians(), self.zero(), vec![START]);
        let mut table = String::from("step,degrees,loss,gradient,iterations,products\n");
        for k in 0..steps {
            workspace.run_into((r, &start), &mut out)?;
            let ((loss, z), g) = (&out.0, out.1.number()?);
            let count = |k: usize| workspace.reports().get(k).and_then(|r| r.iterations).unwrap_or(0);
            table += &format!("{k},{},{},{g},{},{}\n", r.to_degrees(), loss.number()?, count(0), count(1));
            r = (r - STEP * g).clamp(0.0, std::f64::consts::FRAC_PI_2);
            path.push(r.to_degrees());
            // The next solve begins where this one ended.
            start.clone_from(z);
        }
        Ok((path, table))
    }
}

/// The derivative by angles against central differences: of turned images, and of the validation loss by r, on few images.
fn differences(source: &Source) -> Done<[f64; 2]> {
    let data = Source { sizes: [50, 200, 10], train: source.train.clone(), test: source.test.clone(), ..*source }.drawn(0)?;
    let some = data.train.select(&(0..20).collect::<Vec<_>>());
    let weights = random::normal(7, (20, some.side.pow(2))).into_shared();
    let sum = Function::record(shape![20], |angles| (some.turned(angles) * constant(&weights)).sum())?;
    let turned = sum.check_gradient(0.4 * random::sym(8, 20))?.error;
    let exact = data.outer(NewtonCg::new(&data.fit()?).tolerance(1e-13).implicit(Cg::tolerance(1e-10)))?.output(|(loss, _)| loss);
    let gradient = exact.wrt(|(r, _)| r).value_and_gradient();
    let at = |r: f64| -> Done<(f64, f64)> {
        let (value, slope) = gradient.eval((r, data.zero()))?;
        Ok((value.number()?, slope.number()?))
    };
    // Few points cross a line of the grid in so short a step.
    let (r, h) = (0.3, 1e-7);
    let exact = at(r)?.1;
    let slope = (at(r + h)?.0 - at(r - h)?.0) / (2.0 * h);
    Ok([turned, (exact - slope).abs() / slope.abs()])
}

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    let full = if options.quick { None } else { Source::mnist(options.data.as_ref())? };
    if full.is_none() && !options.quick {
        println!("MNIST is not there: give its folder by `--data` or HYPERTAPE_DATA. This is the run on digits.");
    }
    let real = full.is_some();
    let source = full.map_or_else(Source::digits, Ok)?;
    std::fs::create_dir_all(&options.out)?;
    let (keys, steps) = if real { (5, 12) } else { (2, 12) };
    let angles: Vec<f64> = if real { GRID.to_vec() } else { GRID.into_iter().step_by(2).collect() };
    let (mut learned, mut paths) = (vec![], vec![]);
    let mut grid: Vec<Vec<[f64; 2]>> = vec![vec![]; angles.len()];
    let off = differences(&source)?;
    println!("Derivatives against central differences: turned images {:.1e}, hypergradient {:.1e}", off[0], off[1]);
    for key in 0..keys {
        let data = source.drawn(key)?;
        let began = Instant::now();
        let (path, table) = data.learn(steps)?;
        std::fs::write(options.out.join(format!("key_{key}.csv")), table)?;
        let degrees = path.last().copied().unwrap_or(START);
        let seconds = began.elapsed().as_secs_f64();
        let [loss, share] = data.scores(degrees)?;
        for (d, all) in angles.iter().zip(&mut grid) {
            all.push(data.scores(*d)?);
        }
        println!("key {key}: r = {degrees:.1} degrees after {seconds:.1} seconds, validation loss {loss:.4}, test accuracy {share:.4}");
        learned.push([loss, share, degrees]);
        paths.push(Series { name: format!("key {key}"), points: path.iter().enumerate().map(|(k, d)| (k as f64, *d)).collect() });
    }
    println!(
        "\n{}: {} training, {} validation and {} test images, {keys} keys",
        source.name, source.sizes[0], source.sizes[1], source.sizes[2]
    );
    println!("| degrees | validation loss | test accuracy | standard error | learned less this, in pairs |\n|---|---|---|---|---|");
    let against = |all: &[[f64; 2]]| mean(&learned.iter().zip(all).map(|(a, b)| a[1] - b[1]).collect::<Vec<_>>());
    let column = |all: &[[f64; 2]], k: usize| mean(&all.iter().map(|a| a[k]).collect::<Vec<_>>());
    let mut table = String::from("degrees,validation,accuracy,error,difference,error_of_difference\n");
    let mut best = (0, 0.0);
    for (i, (d, all)) in angles.iter().zip(&grid).enumerate() {
        let ((loss, _), (share, error), (less, se)) = (column(all, 0), column(all, 1), against(all));
        println!("| {d} | {loss:.4} | {share:.4} | {error:.4} | {less:+.4} ± {se:.4} |");
        table += &format!("{d},{loss},{share},{error},{less},{se}\n");
        if share > best.1 {
            best = (i, share);
        }
    }
    let last: Vec<[f64; 2]> = learned.iter().map(|l| [l[0], l[1]]).collect();
    let (degrees, spread) = mean(&learned.iter().map(|l| l[2]).collect::<Vec<_>>());
    let ((loss, _), (share, error)) = (column(&last, 0), column(&last, 1));
    println!("| learned: {degrees:.1} ± {spread:.1} | {loss:.4} | {share:.4} | {error:.4} | |");
    std::fs::write(options.out.join("grid.csv"), table + &format!("{degrees},{loss},{share},{error},0,0\n"))?;
    curves(&options.out.join("degrees.svg"), "The range of rotation that is learned", ["outer steps", "degrees"], &paths)?;
    println!("Tables and picture: {}", options.out.display());
    let ((over, noise), (below, width)) = (against(&grid[0]), against(&grid[best.0]));
    println!(
        "augmentation: accuracy {:+.2} ± {:.2} % beside no augmentation, expected above 0 by two standard errors; {:+.2} ± {:.2} % beside the best of the grid, {} degrees, expected at least 0 within two standard errors or 0.5; derivatives off by {:.0e} and {:.0e}, expected at most 1e-5",
        100.0 * over,
        100.0 * noise,
        100.0 * below,
        100.0 * width,
        angles[best.0],
        off[0],
        off[1]
    );
    let right = over > 2.0 * noise && below >= -(2.0 * width).max(0.005) && off.iter().all(|o| *o <= 1e-5);
    Ok(if right || !real { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
