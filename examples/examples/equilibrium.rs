//! A deep equilibrium classifier of digits: its implicit gradient beside the unrolled one, what both keep in memory, and its accuracy beside explicit networks.
//!
//! Bai, Kolter and Koltun 2019. The state of an image is the fixed point z = tanh(W z + U x + b) of 32 numbers, and a linear head reads it. After every step of training the singular values
//! of W are cut at 0.9 (Winston and Kolter 2020 give other ways), so that the map contracts. Explicit networks have the same weights: W cut at 0, or one further layer in the place of the fixed point.

use clap::Parser;
use faer::Mat;
use hypertape::data::metrics::accuracy;
use hypertape::ndarray::{ArcArray2, Array1, Array2, ArrayD, ArrayView1};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_examples::digits::{CLASSES, Digits, FEATURES};
use hypertape_examples::fit::mean;
use hypertape_testkit::allocations::Counting;
use hypertape_testkit::random;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[global_allocator]
static MEMORY: Counting = Counting::new();

/// Trains an equilibrium model and explicit networks on digits, and looks at the gradient of the first.
#[derive(Debug, Parser)]
struct Options {
    /// One key, and fewer steps of training.
    #[arg(long)]
    quick: bool,
    /// Not used: the digits are part of the program.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the tables and the picture go.
    #[arg(long, default_value = "target/equilibrium")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;

const STATES: usize = 32;
/// The largest singular value of W.
const NORM: f64 = 0.9;

#[derive(Tree, Clone, Debug)]
struct Net<L> {
    /// State to state.
    w: L,
    /// Image to state.
    u: L,
    bias: L,
    /// State to scores.
    head: L,
    offset: L,
}

fn shapes() -> Net<Leaf> {
    Net {
        w: shape![STATES, STATES],
        u: shape![FEATURES, STATES],
        bias: shape![STATES],
        head: shape![STATES, CLASSES],
        offset: shape![CLASSES],
    }
}

/// Random weights of a key.
fn start(key: u64) -> Net<ArrayD<f64>> {
    let normal = |k: u64, from: usize, to: usize| (random::normal(10 * key + k, (from, to)) / (from as f64).sqrt()).into_dyn();
    let zeros = |n: usize| ArrayD::zeros(vec![n]);
    Net {
        w: 0.1 * normal(0, STATES, STATES),
        u: normal(1, FEATURES, STATES),
        bias: zeros(STATES),
        head: normal(2, STATES, CLASSES),
        offset: zeros(CLASSES),
    }
}

/// Cuts the singular values of W at a number: the nearest matrix whose operator norm is at most that.
fn cut(w: &mut ArrayD<f64>, most: f64) -> Done<()> {
    let svd = Mat::from_fn(STATES, STATES, |i, j| w[[i, j]]).svd().map_err(|e| format!("singular values of W: {e:?}"))?;
    let (u, s, v) = (svd.U(), svd.S().column_vector(), svd.V());
    let entry = |i: usize, j: usize| (0..STATES).map(|k| u[(i, k)] * s[k].min(most) * v[(j, k)]).sum();
    *w = Array2::from_shape_fn((STATES, STATES), |(i, j)| entry(i, j)).into_dyn();
    Ok(())
}

fn norm_of(w: &ArrayD<f64>) -> Done<f64> {
    let mut w: Array2<f64> = w.clone().into_dimensionality()?;
    Ok(linear::singular_values(&mut w, STATES)?.ok_or("W is too large")?[0])
}

/// How the state of images comes about. States and images are rows.
#[derive(Clone, Copy, PartialEq)]
enum Layer {
    /// The fixed point, to a tolerance, or after so many iterations.
    Implicit { tolerance: f64, most: usize },
    /// So many iterations, through the tape.
    Unrolled(usize),
    /// tanh(U x + b), and tanh(W · + b') of that if there are two.
    Explicit(usize),
}

/// (network, where the iteration starts) → (loss, (states, scores)).
type Model = Function<(Net<Leaf>, Leaf), (Leaf, (Leaf, Leaf))>;

fn model(x: &ArcArray2<f64>, y: &ArcArray2<f64>, layer: Layer) -> Result<Model> {
    let state = shape![x.nrows(), STATES];
    let cell = Function::record((state.clone(), (shapes().w, state.clone())), |(z, (w, injected))| (z.dot(w) + injected).tanh())?;
    Function::record((shapes(), state), |(net, z0)| {
        let injected = constant(x).dot(net.u) + net.bias;
        let z = match layer {
            Layer::Implicit { tolerance, most } => {
                let solver = FixedPoint::new(&cell).tolerance(tolerance).max_iterations(most);
                // The adjoint is as exact as the state; a fixed number of iterations is what it is.
                let kept = if tolerance > 0.0 { OnResidual::Error } else { OnResidual::Warn };
                solver.implicit(Gmres::tolerance(tolerance.max(1e-12))).on_residual(kept).solve(z0, (net.w, injected))
            }
            Layer::Unrolled(steps) => FixedPoint::new(&cell).unroll(steps).solve(z0, (net.w, injected)),
            Layer::Explicit(1) => injected.tanh(),
            Layer::Explicit(_) => injected.tanh().dot(net.w).tanh(),
        };
        let scores = z.dot(net.head) + net.offset;
        let loss = (scores.logsumexp_axis(1) - (scores * constant(y)).sum_axis(1)).mean();
        (loss, (z, scores))
    })
}

/// Adam on the training images, all at once, with W cut after every step; of the weights after every tenth step, those with the least loss on the validation images.
fn train(digits: &Digits, layer: Layer, most: f64, key: u64, steps: usize) -> Done<Net<ArrayD<f64>>> {
    let both = model(&digits.x_train, &digits.y_train, layer)?;
    let gradient = both.wrt(|(net, _)| net).value_and_gradient_of(|(loss, _)| loss);
    let (mut step, mut out) = (gradient.workspace(), gradient.outputs().zeros());
    let validation = model(&digits.x_validation, &digits.y_validation, layer)?.output(|(loss, _)| loss);
    let (mut look, zero) = (validation.workspace(), Array2::zeros((digits.x_validation.nrows(), STATES)));
    let (mut net, mut adam) = (start(key), Optimiser::adam(&shapes(), |m| m.step_size(0.01)));
    cut(&mut net.w, most)?;
    let mut states = Array2::zeros((digits.x_train.nrows(), STATES)).into_dyn();
    let mut best = (f64::INFINITY, net.clone());
    for k in 1..=steps {
        step.run_into((&net, &states), &mut out)?;
        adam.update(&mut net, &out.1)?;
        cut(&mut net.w, most)?;
        // The next iteration begins where this one ended.
        states.assign(&out.0.1.0);
        if k % 10 == 0 {
            let loss = look.run((&net, &zero))?.number()?;
            if loss < best.0 {
                best = (loss, net.clone());
            }
        }
    }
    Ok(best.1)
}

/// The share of test images whose largest score is at the label.
fn test(digits: &Digits, layer: Layer, net: &Net<ArrayD<f64>>) -> Done<f64> {
    let model = model(&digits.x_test, &digits.y_test, layer)?;
    let (_, (_, scores)) = model.eval((net, &Array2::zeros((digits.x_test.nrows(), STATES))))?;
    let best = |row: ArrayView1<'_, f64>| (0..CLASSES).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0);
    let found: Vec<usize> = scores.d2().rows().into_iter().map(best).collect();
    Ok(accuracy(&digits.labels_test, &found)?)
}

fn flat(net: &Net<ArrayD<f64>>) -> Array1<f64> {
    [&net.w, &net.u, &net.bias, &net.head, &net.offset].into_iter().flatten().copied().collect()
}

/// The gradient of the training loss by all weights.
fn gradient(digits: &Digits, layer: Layer, net: &Net<ArrayD<f64>>) -> Done<Array1<f64>> {
    let loss = model(&digits.x_train, &digits.y_train, layer)?.output(|(loss, _)| loss);
    let g = loss.wrt(|(net, _)| net).gradient();
    Ok(flat(&g.eval((net, &Array2::zeros((digits.x_train.nrows(), STATES))))?))
}

/// How far a gradient is from central differences along a random direction of length 1, relative to these; extrapolated (Richardson 1911).
fn difference(digits: &Digits, layer: Layer, net: &Net<ArrayD<f64>>, gradient: &Array1<f64>) -> Done<f64> {
    let loss = model(&digits.x_train, &digits.y_train, layer)?.output(|(loss, _)| loss);
    let along: Array1<f64> = random::normal(5, gradient.len());
    let along = &along / along.dot(&along).sqrt();
    let at = |step: f64| -> Done<f64> {
        let (mut moved, mut by) = (net.clone(), along.iter());
        for leaf in [&mut moved.w, &mut moved.u, &mut moved.bias, &mut moved.head, &mut moved.offset] {
            leaf.iter_mut().zip(&mut by).for_each(|(w, v)| *w += step * v);
        }
        Ok(loss.eval((&moved, &Array2::zeros((digits.x_train.nrows(), STATES))))?.number()?)
    };
    let central = |h: f64| -> Done<f64> { Ok((at(h)? - at(-h)?) / (2.0 * h)) };
    let slope = (4.0 * central(1e-3)? - central(2e-3)?) / 3.0;
    Ok((gradient.dot(&along) - slope).abs() / slope.abs())
}

/// Planned and measured bytes of a gradient.
fn bytes(digits: &Digits, layer: Layer, net: &Net<ArrayD<f64>>) -> Done<[u64; 2]> {
    let loss = model(&digits.x_train, &digits.y_train, layer)?.output(|(loss, _)| loss);
    let g = loss.wrt(|(net, _)| net).gradient();
    let planned = g.plan()?.memory().total();
    let z0 = Array2::zeros((digits.x_train.nrows(), STATES));
    let (run, used) = MEMORY.measure(|| g.workspace().run((net, &z0)).map(|_| ()));
    run?;
    Ok([planned, used.peak as u64])
}

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.out)?;
    let digits = Digits::load()?;
    let (keys, steps) = if options.quick { (1, 40) } else { (5, 250) };
    let fixed = Layer::Implicit { tolerance: 1e-4, most: 1000 };
    let kinds = [("equilibrium", fixed, NORM), ("64-32-10", Layer::Explicit(1), 0.0), ("64-32-32-10", Layer::Explicit(2), f64::MAX)];
    println!("Accuracy on {} test images, {steps} steps of training, {keys} keys", digits.labels_test.len());
    println!("| network | accuracy | standard error | norm of W | seconds |\n|---|---|---|---|---|");
    let (mut found, mut trained) = (vec![], vec![]);
    let mut table = String::from("network,key,accuracy,norm\n");
    for (name, layer, most) in kinds {
        let (began, mut all, mut largest) = (Instant::now(), vec![], 0.0_f64);
        for key in 0..keys {
            let net = train(&digits, layer, most, key, steps)?;
            let (share, norm) = (test(&digits, layer, &net)?, norm_of(&net.w)?);
            table += &format!("{name},{key},{share},{norm}\n");
            largest = largest.max(norm);
            all.push(share);
            if layer == fixed {
                trained.push(net);
            }
        }
        let (share, error) = mean(&all);
        println!("| {name} | {share:.4} | {error:.4} | {largest:.3} | {:.1} |", began.elapsed().as_secs_f64());
        found.push((share, largest));
    }
    std::fs::write(options.out.join("accuracy.csv"), table)?;

    // At trained weights: W has the norm 0.9 there.
    let exact = Layer::Implicit { tolerance: 1e-13, most: 10_000 };
    let (mut apart, mut off) = (0.0_f64, 0.0_f64);
    for net in &trained {
        let (implicit, unrolled) = (gradient(&digits, exact, net)?, gradient(&digits, Layer::Unrolled(200), net)?);
        apart = apart.max(linear::norm(&(&implicit - &unrolled).to_vec()) / linear::norm(&unrolled.to_vec()));
        off = off.max(difference(&digits, exact, net, &implicit)?);
    }
    println!("\nGradient by {} weights at {} trained networks:", flat(&trained[0]).len(), trained.len());
    println!("implicit against 200 unrolled iterations {apart:.1e}; against central differences {off:.1e}");

    println!(
        "\nBytes of one gradient:\n| iterations | implicit, planned | measured | unrolled, planned | measured |\n|---|---|---|---|---|"
    );
    let all = [25, 50, 100, 200, 400];
    let counts = if options.quick { &all[..3] } else { &all[..] };
    let mut rows: Vec<[u64; 4]> = vec![];
    let mut table = String::from("iterations,implicit_planned,implicit_measured,unrolled_planned,unrolled_measured\n");
    for &k in counts {
        let [a, b] = bytes(&digits, Layer::Implicit { tolerance: 0.0, most: k }, &trained[0])?;
        let [c, d] = bytes(&digits, Layer::Unrolled(k), &trained[0])?;
        println!("| {k} | {a} | {b} | {c} | {d} |");
        table += &format!("{k},{a},{b},{c},{d}\n");
        rows.push([a, b, c, d]);
    }
    std::fs::write(options.out.join("bytes.csv"), table)?;
    let line = |name: &str, j: usize| Series {
        name: name.into(),
        points: counts.iter().zip(&rows).map(|(k, r)| (*k as f64, r[j] as f64)).collect(),
    };
    let series = [line("implicit, planned", 0), line("implicit, measured", 1), line("unrolled, planned", 2), line("unrolled, measured", 3)];
    log_log(&options.out.join("bytes.svg"), "Memory of one gradient", ["iterations", "bytes"], &series)?;
    println!("Tables and picture: {}", options.out.display());

    let constant = rows.iter().all(|r| r[0] == rows[0][0] && r[1].abs_diff(rows[0][1]) < 10_000);
    // Of a straight line all slopes are the same: the bytes of an iteration.
    let slope = |k: usize| (rows[k + 1][2] - rows[k][2]) as f64 / (counts[k + 1] - counts[k]) as f64;
    let linear = (1..rows.len() - 1).all(|k| (slope(k) / slope(0) - 1.0).abs() < 0.01);
    let (here, best) = (found[0].0, found[1].0.max(found[2].0));
    println!(
        "equilibrium: implicit against unrolled {apart:.1e}, expected at most 1.0e-8; against differences {off:.1e}, expected at most 1.0e-6; {} bytes after any number of iterations against {:.0} for each one; accuracy {:+.2} % beside the better explicit network, expected at least -1",
        rows[0][0],
        slope(0),
        100.0 * (here - best)
    );
    let right = apart <= 1e-8 && off <= 1e-6 && constant && linear && found[0].1 <= NORM + 1e-12 && here >= best - 0.01;
    Ok(if right || (options.quick && apart <= 1e-8 && off <= 1e-6) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
