//! Stochastic loops on a sum of quadratics: they find the minimum in closed form; estimates have the mean and variance that theory says; keys decide every bit.
use hypertape_autodiff::record::constant;
use hypertape_autodiff::tree::Leaf;
use hypertape_autodiff::{Function, index, shape};
use hypertape_bilevel::stochastic::{Amigo, Batches, Bome, Bsa, F2sa, Mrbo, Saba, Soba, StocBio, Stochastic, StochasticLoop, Ttsa, Vrbo};
use hypertape_bilevel::{Error, Run, Schedule, State};
use hypertape_testkit::{dense, random};
use ndarray::{Array1, Array2};
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

const N: usize = 4;
const P: usize = 3;
const ROWS: usize = 32;

/// g = mean over i of ½ Σ (1 + dᵢⱼ) zⱼ² − zᵀ(A x + noiseᵢ), h = mean over i of ½‖z − cᵢ‖² + ½ ρ‖x‖².
struct Sum {
    d: Array2<f64>,
    noise: Array2<f64>,
    a: Array2<f64>,
    c: Array2<f64>,
}

impl Sum {
    fn new() -> Self {
        Sum {
            d: random::sym(1, (ROWS, N)) * 0.5,
            noise: random::sym(2, (ROWS, N)),
            a: random::sym(3, (N, P)),
            c: random::sym(4, (ROWS, N)),
        }
    }
    fn problem(&self, size: usize, key: u64) -> Stochastic<Leaf, Leaf> {
        let [d, noise, c] = [&self.d, &self.noise, &self.c].map(|a| a.clone().into_shared());
        let a = self.a.clone().into_shared();
        let inner = Function::record((shape![N], shape![P], index![size]), |(z, x, rows)| {
            let curved = (0.5 * (1.0 + constant(&d).rows(rows)) * z.square()).sum() / size as f64;
            curved - z.dot(constant(&a).dot(x)) - constant(&noise).rows(rows).dot(z).mean()
        });
        let outer = Function::record((shape![N], shape![P], index![size]), |(z, x, rows)| {
            0.5 * (z - constant(&c).rows(rows)).square().sum() / size as f64 + 0.05 * x.square().sum()
        });
        let batches = |key| if size == ROWS { Batches::all(ROWS) } else { Batches::with_replacement(ROWS, size, key) };
        Stochastic::new(&inner.unwrap(), batches(key), &outer.unwrap(), batches(key + 1))
    }
    /// z = D⁻¹(A x + n̄), and the x with Aᵀ D⁻¹ (z − c̄) + ρ x = 0.
    fn minimum(&self) -> Array1<f64> {
        let mean = |a: &Array2<f64>| a.mean_axis(ndarray::Axis(0)).unwrap();
        let d = mean(&self.d) + 1.0;
        let b = &self.a / &d.view().insert_axis(ndarray::Axis(1));
        let system = b.t().dot(&b) + 0.1 * Array2::<f64>::eye(P);
        let right = b.t().dot(&(mean(&self.c) - mean(&self.noise) / &d));
        dense::solve(system.view(), right.view()).unwrap()
    }
}

fn distance(x: &ndarray::ArrayD<f64>, to: &Array1<f64>) -> f64 {
    x.iter().zip(to).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[test]
fn with_all_rows_every_loop_finds_the_minimum() -> Result<(), Error> {
    let sum = Sum::new();
    let best = sum.minimum();
    let loops: Vec<(Box<dyn StochasticLoop>, u64, f64)> = vec![
        (Box::new(StocBio::new(0.3, 0.5).inner_steps(20).terms(40)), 400, 1e-6),
        // One term that is drawn is random even where batches are not.
        (Box::new(Bsa::new(Schedule::power(0.3, 0.7), 0.5).terms(10)), 3000, 0.1),
        (Box::new(Ttsa::new(Schedule::power(0.3, 0.6), Schedule::power(0.5, 0.4)).terms(10).series_step(0.5)), 4000, 0.1),
        (Box::new(Soba::new(0.1, 0.5)), 2000, 1e-9),
        (Box::new(Saba::new(0.1, 0.5)), 2000, 1e-9),
        (Box::new(Amigo::new(0.3, 0.5)), 600, 1e-6),
        (Box::new(Mrbo::new(0.1, 0.5, 0.5).terms(60)), 1500, 1e-6),
        (Box::new(Vrbo::new(0.1, 0.5, 0.5).terms(60).period(5, 1)), 900, 1e-6),
        (Box::new(F2sa::new(0.3, 0.5).penalty(10.0, 1.0)), 2000, 2e-3),
        (Box::new(Bome::new(0.05, 0.5)), 6000, 2e-2),
    ];
    for (l, steps, tolerance) in loops {
        let name = l.name();
        let found = Run::stochastic(&sum.problem(ROWS, 1), l)?.steps(steps).start(Array1::zeros(P))?.go()?;
        let d = distance(&found.solution(), &best);
        assert!(d <= tolerance, "{name}: {d:e}");
        assert!(found.phases().inner.samples > 0, "{name}");
    }
    Ok(())
}

#[test]
fn with_batches_steps_that_fall_come_near_and_variance_reduction_arrives() -> Result<(), Error> {
    let sum = Sum::new();
    let best = sum.minimum();
    let falling = |a: f64| Schedule::of(move |k| a / (1.0 + k as f64 / 200.0).sqrt());
    let far = Run::stochastic(&sum.problem(4, 1), Soba::new(0.1, 0.3))?.steps(4000).start(Array1::zeros(P))?.go()?;
    let near = Run::stochastic(&sum.problem(4, 1), Soba::new(falling(0.1), falling(0.3)))?.steps(20_000).start(Array1::zeros(P))?.go()?;
    let arrived = Run::stochastic(&sum.problem(4, 1), Saba::new(0.05, 0.2))?.steps(6000).start(Array1::zeros(P))?.go()?;
    let [far, near, arrived] = [far, near, arrived].map(|f| distance(&f.solution(), &best));
    assert!(near < 0.1 && far > 1e-3, "{far:e} {near:e}");
    assert!(arrived < 1e-7, "{arrived:e}");
    Ok(())
}

#[test]
fn the_same_key_gives_the_same_bits_on_any_number_of_threads_and_after_a_resumption() -> Result<(), Error> {
    let sum = Sum::new();
    let on = |threads: usize, key: u64| -> State {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let run = Run::stochastic(&sum.problem(4, key), Saba::new(0.05, 0.2)).unwrap();
            run.steps(60).start(Array1::zeros(P)).unwrap().go().unwrap().state
        })
    };
    assert_eq!(on(1, 1), on(2, 1));
    assert_ne!(on(1, 1).free, on(1, 7).free);
    let dir = std::env::temp_dir().join(format!("hypertape-stochastic-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("run.json");
    let run = |steps: u64| Ok::<_, Error>(Run::stochastic(&sum.problem(4, 1), Saba::new(0.05, 0.2))?.steps(steps));
    run(25)?.save(&file, 10).start(Array1::zeros(P))?.go()?;
    assert_eq!(run(60)?.resume(&file)?.go()?.state, on(1, 1));
    std::fs::remove_dir_all(dir).unwrap();
    Ok(())
}

/// The mean and the second moment of S_Q = Σ_{q ≤ Q} Π_{j ≤ q} r_j for independent r_j.
fn moments(terms: usize, mean: f64, square: f64) -> (f64, f64) {
    (0..terms).fold((1.0, 1.0), |(m, s), _| (1.0 + mean * m, 1.0 + 2.0 * mean * m + square * s))
}

#[test]
fn the_series_of_stocbio_has_its_mean_and_variance() -> Result<(), Error> {
    // g = ½ hᵢ z² with h = 0.5 or 1.5; ∂h/∂z = 1.
    let h = Array1::from(vec![0.5, 1.5]).into_shared();
    let inner = Function::record((shape![], shape![], index![1]), |(z, x, rows)| (0.5 * constant(&h).rows(rows)).sum() * z * z + 0.0 * x)?;
    let outer = Function::record((shape![], shape![], index![1]), |(z, x, _)| z + 0.0 * x)?;
    let (eta, terms, count) = (0.4, 6, 20_000_u64);
    let r = [1.0 - eta * 0.5, 1.0 - eta * 1.5];
    let (m, s) = moments(terms, (r[0] + r[1]) / 2.0, (r[0] * r[0] + r[1] * r[1]) / 2.0);
    let (mean, variance) = (eta * m, eta * eta * (s - m * m));
    let adjoints = Rc::new(RefCell::new(vec![]));
    let problem = Stochastic::new(&inner, Batches::with_replacement(2, 1, 5), &outer, Batches::all(1));
    // Nothing moves, so that every step is another draw of one estimate.
    let still = StocBio::new(0.0, 0.0).inner_steps(1).terms(terms).series_step(eta);
    let mut state = Run::stochastic(&problem, still.clone())?.steps(1).start(0.0)?.go()?.state;
    let run = Run::stochastic(&problem, Seen(still, adjoints.clone()))?.steps(count);
    state.steps = 0;
    run.go_on(state)?.each(|_, _, _| ControlFlow::Continue(())).go()?;
    let all = adjoints.take();
    let (n, found) = (all.len() as f64, all.iter().sum::<f64>() / all.len() as f64);
    let spread = all.iter().map(|v| (v - found) * (v - found)).sum::<f64>() / (n - 1.0);
    // Five standard errors of the mean, and of the variance for a kurtosis of at most 10.
    assert!((found - mean).abs() < 5.0 * (variance / n).sqrt(), "{found} {mean}");
    assert!((spread / variance - 1.0).abs() < 5.0 * (9.0 / n).sqrt(), "{spread} {variance}");
    Ok(())
}

/// A loop whose adjoints are kept.
#[derive(Debug)]
struct Seen(StocBio, Rc<RefCell<Vec<f64>>>);
impl StochasticLoop for Seen {
    fn name(&self) -> String {
        self.0.name()
    }
    fn check(&self) -> Result<(), hypertape_autodiff::ErrorKind> {
        self.0.check()
    }
    fn step(
        &self,
        samples: &mut hypertape_bilevel::stochastic::Samples,
        state: &mut State,
    ) -> hypertape_autodiff::Result<hypertape_bilevel::Record> {
        let made = self.0.step(samples, state);
        self.1.borrow_mut().push(state.memory.adjoint[0]);
        made
    }
}

#[test]
fn epochs_see_every_row_once_and_mistakes_are_named() {
    let sum = Sum::new();
    for (size, word) in [(0, "at least 1"), (33, "at most all")] {
        let problem = Stochastic::new(&one(size), Batches::epochs(ROWS, size, 1), &one(size), Batches::all(ROWS));
        let e = Run::stochastic(&problem, Soba::new(0.1, 0.1)).unwrap_err().to_string();
        assert!(e.contains(word) || e.contains("takes"), "{e}");
    }
    let problem = Stochastic::new(&one(4), Batches::epochs(ROWS, 8, 1), &one(4), Batches::epochs(ROWS, 4, 1));
    let e = Run::stochastic(&problem, Soba::new(0.1, 0.1)).unwrap_err().to_string();
    assert!(e.contains("takes 4 rows") && e.contains("index![8]"), "{e}");
    let wrong: Vec<Box<dyn StochasticLoop>> = vec![
        Box::new(Soba::new(f64::NAN, 0.1)),
        Box::new(StocBio::new(0.1, 0.1).inner_steps(0)),
        Box::new(Mrbo::new(0.1, 0.1, 0.1).momentum(0.0)),
        Box::new(F2sa::new(0.1, 0.1).penalty(0.0, 0.0)),
        Box::new(Vrbo::new(0.1, 0.1, 0.1).period(0, 1)),
        Box::new(Bome::new(-1.0, 0.1)),
    ];
    for l in wrong {
        let name = l.name();
        let e = Run::stochastic(&sum.problem(4, 1), l).unwrap_err().to_string();
        assert!(e.contains("give"), "{name}: {e}");
    }
}

fn one(size: usize) -> Function<(Leaf, Leaf, Leaf<u32>), Leaf> {
    Function::record((shape![N], shape![P], index![size]), |(z, _, _)| z.square().sum()).unwrap()
}
