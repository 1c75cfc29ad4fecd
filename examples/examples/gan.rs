//! Games of two players: a bilinear one, on which methods part, and a generator of points on a ring against a discriminator, with and without unrolling.
//!
//! Ring: Metz et al. 2017; eight Gaussians on a circle, both players by Adam, the discriminator with a tenth of the generator's step size. The generator's objective is that of a
//! discriminator five gradient steps ahead, and its gradient goes through these steps.

use clap::Parser;
use hypertape::bilevel::{Adam, Alternating, Descent, Extragradient, Game, Optimistic, Outcome, Run};
use hypertape::ndarray::{Array1, Array2, ArrayD, ArrayView2, Ix2};
use hypertape::prelude::*;
use hypertape_examples::chart::{Series, log_log};
use hypertape_testkit::random;
use std::cell::RefCell;
use std::error::Error as StdError;
use std::f64::consts::TAU;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

/// Plays a bilinear game by five methods, and learns a ring of Gaussians with and without unrolling.
#[derive(Debug, Parser)]
struct Options {
    /// One key and fewer steps.
    #[arg(long)]
    quick: bool,
    /// Unused: the data are made here.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the tables and the pictures go.
    #[arg(long, default_value = "target/gan")]
    out: PathBuf,
}

type Done<T> = std::result::Result<T, Box<dyn StdError>>;

/// F = xᵀ A y, whose only solution is 0.
struct Bilinear {
    a: Array2<f64>,
    start: [Array1<f64>; 2],
}

/// The distance after each step, and at the end.
type Curve = Vec<(f64, f64)>;

impl Bilinear {
    const N: usize = 10;
    const STEP: f64 = 0.3;
    fn new() -> Self {
        let a = Array2::eye(Self::N) + 0.3 * random::sym(1, (Self::N, Self::N));
        Bilinear { a, start: [random::sym(2, Self::N), random::sym(3, Self::N)] }
    }
    fn game(&self, unrolled: usize) -> Result<Game<Leaf, Leaf>> {
        let a = self.a.to_shared();
        let shapes = || (shape![Self::N], shape![Self::N]);
        let f = Function::record(shapes(), |(x, y)| x.dot(constant(&a).dot(y)))?;
        let g = Function::record(shapes(), |(x, y)| -x.dot(constant(&a).dot(y)))?;
        if unrolled == 0 {
            return Ok(Game::zero_sum(&f));
        }
        let second = g.rebind(shapes(), |(y, x)| (x, y))?;
        let ahead = GradientDescent::new(&second).step_size(Self::STEP).unroll(unrolled);
        let seen = Function::record(shapes(), |(x, y)| f.call(Own::<(Leaf, Leaf)>((x, ahead.solve(y, x)))))?;
        Ok(Game::new(&seen, &g))
    }
    fn distance(w: &[f64]) -> f64 {
        linear::norm(w)
    }
    fn go(&self, run: Run<(Leaf, Leaf)>, steps: u64) -> Done<Curve> {
        let curve = Rc::new(RefCell::new(vec![]));
        let seen = curve.clone();
        let each = move |r: &bilevel::Record, (x, y): &(ArrayD<f64>, ArrayD<f64>), _: &bilevel::State| {
            let w: Vec<f64> = x.iter().chain(y).copied().collect();
            seen.borrow_mut().push(((r.step + 1) as f64, Self::distance(&w)));
            ControlFlow::Continue(())
        };
        run.steps(steps).each(each).start((&self.start[0], &self.start[1]))?.go()?;
        Ok(curve.take())
    }
    /// The methods, and what they came to.
    fn all(&self, steps: u64) -> Done<Vec<(&'static str, Curve)>> {
        let (game, seen) = (self.game(0)?, self.game(5)?);
        let a = Self::STEP;
        Ok(vec![
            ("simultaneous", self.go(Run::play(&game, Descent::new(a))?, steps)?),
            ("alternating", self.go(Run::play(&game, Alternating::new(&game, a))?, steps)?),
            ("extragradient", self.go(Run::play(&game, Extragradient::new(a))?, steps)?),
            ("optimistic", self.go(Run::play(&game, Optimistic::new(a))?, steps)?),
            ("simultaneous, 5 steps unrolled", self.go(Run::play(&seen, Descent::new(a))?, steps)?),
        ])
    }
}

/// Weights and offsets of three layers.
type Net = ((Leaf<f32>, Leaf<f32>), (Leaf<f32>, Leaf<f32>), (Leaf<f32>, Leaf<f32>));
type Layers = Vec<(Array2<f32>, Array1<f32>)>;

const MODES: usize = 8;
const RADIUS: f64 = 2.0;
const DEVIATION: f64 = 0.1;
const ROWS: usize = 256;
const WIDTH: usize = 32;
const NOISE: usize = 2;
const UNROLLED: usize = 5;

fn net(inputs: usize, outputs: usize) -> Net {
    let layer = |i: usize, o: usize| (shape![f32; i, o], shape![f32; o]);
    (layer(inputs, WIDTH), layer(WIDTH, WIDTH), layer(WIDTH, outputs))
}

fn through(((a, b), (c, d), (e, f)): V<Net>, x: Var<f32>) -> Var<f32> {
    ((x.dot(a) + b).tanh().dot(c) + d).tanh().dot(e) + f
}

fn layers(inputs: usize, outputs: usize, seed: u64) -> Layers {
    let layer = |k: u64, i: usize, o: usize| {
        let w = random::normal(random::bits(seed, k), (i, o)) / (i as f64).sqrt();
        let b = random::normal(random::bits(seed, 10 + k), o) * 0.1;
        (w.mapv(|v| v as f32), b.mapv(|v| v as f32))
    };
    vec![layer(0, inputs, WIDTH), layer(1, WIDTH, WIDTH), layer(2, WIDTH, outputs)]
}

fn single(a: Array2<f64>) -> hypertape::ndarray::ArcArray2<f32> {
    a.mapv(|v| v as f32).into_shared()
}

fn centre(k: usize) -> [f64; 2] {
    let turn = TAU * k as f64 / MODES as f64;
    [RADIUS * turn.cos(), RADIUS * turn.sin()]
}

/// Modes within three deviations of which at least a fifth of their share of the points lies, and the part of all points that lies so near to one.
fn covered(points: ArrayView2<'_, f32>) -> (usize, f64) {
    let near = |k: usize| {
        let [x, y] = centre(k);
        points.rows().into_iter().filter(|p| (f64::from(p[0]) - x).hypot(f64::from(p[1]) - y) < 3.0 * DEVIATION).count()
    };
    let counts: Vec<usize> = (0..MODES).map(near).collect();
    let n = points.nrows();
    (counts.iter().filter(|c| **c * 5 * MODES >= n).count(), counts.iter().sum::<usize>() as f64 / n as f64)
}

/// What a run on the ring came to.
struct Ring {
    modes: usize,
    near: f64,
    curve: Curve,
    seconds: f64,
    points: String,
}

fn ring(key: u64, unrolled: usize, steps: u64) -> Done<Ring> {
    let seed = |k: u64| 10 * key + k;
    let spread = random::normal(seed(1), (ROWS, 2)) * DEVIATION;
    let data = single(Array2::from_shape_fn((ROWS, 2), |(i, j)| centre(i % MODES)[j] + spread[[i, j]]));
    let noise = single(random::normal(seed(2), (ROWS, NOISE)));
    let (generator, discriminator) = (net(NOISE, 2), net(2, 1));
    let shapes = (generator.clone(), discriminator.clone());
    // The logistic loss of the discriminator.
    let loss = |d: V<Net>, g: V<Net>| {
        let (real, made) = (through(d, constant(&data)), through(d, through(g, constant(&noise))));
        (-real).softplus().mean() + made.softplus().mean()
    };
    let second = Function::record(shapes.clone(), |(g, d)| loss(d, g))?;
    let answering = second.rebind((discriminator, generator.clone()), |(d, g)| (g, d))?;
    let ahead = GradientDescent::new(&answering).step_size(0.1).unroll(unrolled);
    let first = Function::record(shapes, |(g, d)| -loss(if unrolled > 0 { ahead.solve(d, g) } else { d }, g))?;
    let game = Game::new(&first, &second);
    let [mine, yours] = game.sizes()?;
    let adam = Adam::new(0.003).decay(0.5, 0.999).parts([(mine, 1.0), (yours, 0.1)]);
    // Noise that the generator was not trained on.
    let fresh = single(random::normal(999, (2000, NOISE)));
    let made = Function::record(generator, |g| through(g, constant(&fresh)))?;
    let points = move |((a, b), (c, d), (e, f)): &<Net as Structure>::Arrays| -> Done<Array2<f32>> {
        Ok(made.eval(((a, b), (c, d), (e, f)))?.into_dimensionality::<Ix2>()?)
    };
    let (curve, every) = (Rc::new(RefCell::new(vec![])), (steps / 40).max(1));
    let (seen, look) = (curve.clone(), points.clone());
    let each = move |r: &bilevel::Record, (g, _): &<(Net, Net) as Structure>::Arrays, _: &bilevel::State| {
        if (r.step + 1).is_multiple_of(every) {
            let Ok(points) = look(g) else { return ControlFlow::Break(()) };
            seen.borrow_mut().push(((r.step + 1) as f64, covered(points.view()).0 as f64));
        }
        ControlFlow::Continue(())
    };
    let (g, d) = (layers(NOISE, 2, seed(4)), layers(2, 1, seed(3)));
    let start =
        (((&g[0].0, &g[0].1), (&g[1].0, &g[1].1), (&g[2].0, &g[2].1)), ((&d[0].0, &d[0].1), (&d[1].0, &d[1].1), (&d[2].0, &d[2].1)));
    let found: Outcome<(Net, Net)> = Run::play(&game, adam)?.steps(steps).each(each).start(start)?.go()?;
    let last = points(&found.solution().0)?;
    let (modes, near) = covered(last.view());
    let mut text = String::from("x,y\n");
    for p in last.rows() {
        writeln!(text, "{},{}", p[0], p[1])?;
    }
    let seconds = found.records.last().map_or(0.0, |r| r.seconds);
    Ok(Ring { modes, near, curve: curve.take(), seconds, points: text })
}

fn main() -> Done<ExitCode> {
    let options = Options::parse();
    std::fs::create_dir_all(&options.out)?;
    let bilinear = Bilinear::new();
    let start: Vec<f64> = bilinear.start.iter().flatten().copied().collect();
    let from = Bilinear::distance(&start);
    let all = bilinear.all(1000)?;
    println!("xᵀ A y with {} unknowns a player, at a distance of {from:.2} from the solution", Bilinear::N);
    println!("| method | distance after 100 steps | 1000 |\n|---|---|---|");
    for (name, curve) in &all {
        println!("| {name} | {:.1e} | {:.1e} |", curve[99].1, curve[999].1);
    }
    let end = |k: usize| all[k].1.last().map_or(f64::NAN, |p| p.1);
    let (simultaneous, extragradient) = (end(0), end(2));
    let series: Vec<Series> = all.into_iter().map(|(name, points)| Series { name: name.into(), points }).collect();
    log_log(&options.out.join("bilinear.svg"), "A bilinear game", ["step", "distance from the solution"], &series)?;

    let (keys, steps) = if options.quick { (1, 1200) } else { (5, 2000) };
    println!("Ring of {MODES} Gaussians");
    println!("| key | unrolled steps | steps of both players | modes | points near one | seconds |\n|---|---|---|---|---|---|");
    let (mut whole, mut plain, mut longer, mut series) = (0, vec![], vec![], vec![]);
    // The last is as dear as the first: each unrolled step is one gradient of the discriminator more.
    let long = (UNROLLED as u64 + 1) * steps;
    let ways = [(UNROLLED, steps), (0, steps), (0, long)];
    for key in 0..keys {
        for (unrolled, steps) in ways.into_iter().take(if options.quick { 2 } else { 3 }) {
            let found = ring(key, unrolled, steps)?;
            println!("| {key} | {unrolled} | {steps} | {} | {:.2} | {:.1} |", found.modes, found.near, found.seconds);
            match (unrolled, steps == long) {
                (0, true) => longer.push(found.modes),
                (0, false) => plain.push(found.modes),
                _ => whole += u64::from(found.modes == MODES),
            }
            std::fs::write(options.out.join(format!("ring_{unrolled}_{steps}_{key}.csv")), found.points)?;
            if key == 0 {
                series.push(Series { name: format!("{unrolled} unrolled, {steps} steps"), points: found.curve });
            }
        }
    }
    log_log(&options.out.join("modes.svg"), "Modes that the generator covers, key 0", ["step", "modes"], &series)?;
    println!("Tables and pictures: {}", options.out.display());
    let list = |modes: &[usize]| modes.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    if !longer.is_empty() {
        println!("Without unrolling and with {long} steps, which are as many gradients: {} modes", list(&longer));
    }
    println!(
        "gan: extragradient at {extragradient:.1e}, expected at most 1e-6; simultaneous descent from {from:.1} to {simultaneous:.1e}, expected farther; \
         {MODES} modes for {whole} of {keys} keys, expected at least 4 of 5; {} modes without unrolling, expected fewer",
        list(&plain)
    );
    let parted = extragradient <= 1e-6 && simultaneous > from;
    let right = parted && (options.quick || whole >= 4 && plain.iter().all(|m| *m < MODES));
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
