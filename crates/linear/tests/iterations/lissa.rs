//! LiSSA: expectation and variance against closed forms, the Neumann series where every mini-batch is the whole, what is refused, bits, scales.
use crate::MEMORY;
use crate::support::*;
use hypertape_linear::{
    Diagonal, Estimated, Failed, Hints, LinearSolver, Lissa, Need, Neumann, Operator, Outcome, Prepare, Secants, Side, Status, Tolerance,
    Workspace, norm,
};
use hypertape_testkit::random;
use ndarray::{Array1, Array2, arr1};
use rayon::ThreadPoolBuilder;
use std::sync::Arc;

/// Which of the matrices a draw is.
#[derive(Clone)]
enum Choice {
    /// By the number of the draw alone.
    ByNumber,
    /// One after another, whatever the numbers are.
    Listed(Vec<usize>, usize),
    /// The mean of all.
    Whole,
}

/// The mean of matrices, each of which is a mini-batch.
#[derive(Clone)]
struct Mean {
    all: Vec<Array2<f64>>,
    mean: Array2<f64>,
    choice: Choice,
    single: bool,
}

impl Mean {
    fn new(all: Vec<Array2<f64>>, choice: Choice) -> Self {
        let mean = all.iter().fold(Array2::zeros(all[0].dim()), |sum, a| sum + a) / all.len() as f64;
        Mean { all, mean, choice, single: false }
    }
    fn product(&self, a: &Array2<f64>, side: Side, x: &[f64], y: &mut [f64]) {
        let x = arr1(x);
        let made = if side == Side::Plain { a.dot(&x) } else { a.t().dot(&x) };
        y.iter_mut().zip(made).for_each(|(y, v)| *y = if self.single { f64::from(v as f32) } else { v });
    }
}

impl Operator for Mean {
    fn len(&self) -> usize {
        self.mean.nrows()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.product(&self.mean, Side::Plain, x, y);
        Ok(())
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.product(&self.mean, Side::Transposed, x, y);
        Ok(())
    }
    fn kind(&self) -> hypertape_autodiff::array::Kind {
        if self.single { hypertape_autodiff::array::Kind::F32 } else { hypertape_autodiff::array::Kind::F64 }
    }
    fn has_samples(&self) -> bool {
        true
    }
    fn apply_sampled(&mut self, side: Side, draw: u32, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        let which = match &mut self.choice {
            Choice::ByNumber => (random::bits(5, u64::from(draw)) % self.all.len() as u64) as usize,
            Choice::Listed(list, at) => {
                *at += 1;
                list[*at - 1]
            }
            Choice::Whole => return if side == Side::Plain { self.apply(x, y) } else { self.apply_transposed(x, y) },
        };
        self.product(&self.all[which], side, x, y);
        Ok(())
    }
}

/// λI + aᵢaᵢᵀ: the Hessians of the rows of a ridge regression.
fn rows(count: usize, n: usize) -> Vec<Array2<f64>> {
    let row = |i: usize| {
        let a: Array1<f64> = random::sym(30 + i as u64, n);
        0.3 * Array2::<f64>::eye(n) + outer(&a, &a)
    };
    (0..count).map(row).collect()
}

fn outer(a: &Array1<f64>, b: &Array1<f64>) -> Array2<f64> {
    Array2::from_shape_fn((a.len(), b.len()), |(i, j)| a[i] * b[j])
}

/// α Σ_{k<K} (I − αA)ᵏ b.
fn series(a: &Array2<f64>, alpha: f64, terms: usize, b: &Array1<f64>) -> Array1<f64> {
    let (mut term, mut sum) = (alpha * b, alpha * b);
    for _ in 1..terms {
        term = &term - alpha * a.dot(&term);
        sum += &term;
    }
    sum
}

/// E ‖x − E x‖² of one repeat, by the recursion of the second moments of v: with P the mean of d independent I − αA_j, E P M Pᵀ is that of one over d, and the rest by the mean.
fn variance(of: &Mean, alpha: f64, terms: usize, draws: usize, b: &Array1<f64>) -> f64 {
    let n = b.len();
    let step = |a: &Array2<f64>| Array2::<f64>::eye(n) - alpha * a;
    let (p, one) = (step(&of.mean), 1.0 / draws as f64);
    let (mut m, mut second) = (b.clone(), outer(b, b));
    for _ in 1..terms {
        let moved = p.dot(&m);
        let each = of.all.iter().map(|a| step(a).dot(&second).dot(&step(a).t())).fold(Array2::zeros((n, n)), |s, v| s + v);
        let with = one / of.all.len() as f64 * each + (1.0 - one) * p.dot(&second).dot(&p.t());
        second = outer(b, b) + outer(b, &moved) + outer(&moved, b) + with;
        m = b + &moved;
    }
    alpha * alpha * (second.diag().sum() - m.dot(&m))
}

fn prepared(s: Lissa, a: &Mean, b: &[f64]) -> (Array1<f64>, Outcome) {
    let solved = s.prepare(a.clone()).unwrap().solve(b).unwrap();
    (solved.x, solved.outcome)
}

fn far(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    norm(&(a - b).to_vec()) / norm(&b.to_vec())
}

#[test]
fn all_sequences_of_draws_have_the_expectation_and_the_variance_of_the_closed_form() {
    let (alpha, b): (f64, Array1<f64>) = (0.4, random::normal(3, 2));
    for terms in [1, 2, 4, 5] {
        let all = rows(3, 2);
        let truth = Mean::new(all.clone(), Choice::Whole);
        let (expected, spread) = (series(&truth.mean, alpha, terms, &b), variance(&truth, alpha, terms, 1, &b));
        let count = 3_usize.pow(terms as u32 - 1);
        let one = |k: usize| {
            let list = (0..terms - 1).map(|d| k / 3_usize.pow(d as u32) % 3).collect();
            let (x, o) = prepared(Lissa::terms(terms).step(alpha), &Mean::new(all.clone(), Choice::Listed(list, 0)), &b.to_vec());
            assert_eq!((o.products.sampled, o.products.plain), (terms as u64 - 1, 1));
            let r = norm(&(&b - &truth.mean.dot(&x)).to_vec());
            assert!((o.absolute - r).abs() <= 1e-14 && o.residual > 0.0 && !o.converged(), "the residual is that of the whole: {o:?}");
            x
        };
        let made: Vec<Array1<f64>> = (0..count).map(one).collect();
        let mean = made.iter().fold(Array1::zeros(2), |s, x| s + x) / count as f64;
        let scatter = made.iter().map(|x| (x - &expected).mapv(|v: f64| v * v).sum()).sum::<f64>() / count as f64;
        // Sums of 81 numbers near 1.
        assert!(far(&mean, &expected) <= 1e-14 * 81.0, "{terms} terms: {mean} instead of {expected}");
        assert!((scatter - spread).abs() <= 1e-14 * 81.0 * (1.0 + spread), "{terms} terms: {scatter} instead of {spread}");
    }
}

#[test]
fn many_keys_scatter_as_the_closed_form_says() {
    let (alpha, terms, b): (f64, usize, Array1<f64>) = (0.3, 12, random::normal(3, 4));
    let a = Mean::new(rows(6, 4), Choice::ByNumber);
    let expected = series(&a.mean, alpha, terms, &b);
    let keys = 4000;
    for (draws, repeats) in [(1, 1), (4, 1), (1, 5), (2, 2)] {
        let one = |key: u64| prepared(Lissa::terms(terms).step(alpha).batch(draws).repeats(repeats).key(key), &a, &b.to_vec()).0;
        let made: Vec<Array1<f64>> = (0..keys).map(one).collect();
        let mean = made.iter().fold(Array1::zeros(4), |s, x| s + x) / keys as f64;
        let squares: Vec<f64> = made.iter().map(|x| (x - &expected).mapv(|v: f64| v * v).sum()).collect();
        let spread = variance(&a, alpha, terms, draws, &b) / repeats as f64;
        let scatter = squares.iter().sum::<f64>() / keys as f64;
        let fourth = squares.iter().map(|v| (v - scatter).powi(2)).sum::<f64>() / keys as f64;
        // Five standard errors, of the mean and of the variance.
        let off = (&mean - &expected).mapv(|v: f64| v * v).sum().sqrt();
        assert!(off <= 5.0 * (spread / keys as f64).sqrt(), "batch {draws}, {repeats} repeats: {off:e} with the variance {spread:e}");
        assert!(
            (scatter - spread).abs() <= 5.0 * (fourth / keys as f64).sqrt(),
            "batch {draws}, {repeats} repeats: {scatter:e}, {spread:e}"
        );
    }
    // One term: the same expectation, and fewer products.
    let single = |key: u64| prepared(Lissa::terms(terms).step(alpha).single_term().key(key), &a, &b.to_vec());
    let made: Vec<(Array1<f64>, Outcome)> = (0..keys).map(single).collect();
    let mean = made.iter().fold(Array1::zeros(4), |s, (x, _)| s + x) / keys as f64;
    let scatter = made.iter().map(|(x, _)| (x - &expected).mapv(|v: f64| v * v).sum()).sum::<f64>() / keys as f64;
    assert!((&mean - &expected).mapv(|v: f64| v * v).sum() <= 25.0 * scatter / keys as f64, "{mean} instead of {expected}");
    let products = made.iter().map(|(_, o)| o.products.sampled).sum::<u64>() as f64 / keys as f64;
    // Uniform on 0, …, 11: 5.5 in the mean, with a standard error of 3.45/√4000.
    assert!((products - 5.5).abs() <= 5.0 * 3.45 / (keys as f64).sqrt(), "{products}");
    assert!(scatter > variance(&a, alpha, terms, 1, &b));
}

#[test]
fn with_the_whole_in_every_batch_it_is_the_neumann_series() {
    for n in [1, 2, 7, 40] {
        // Not symmetric: both sides.
        let a = Mean::new(vec![general(n), 0.1 * random::normal(2, (n, n)) + Array2::<f64>::eye(n)], Choice::Whole);
        let b: Array1<f64> = random::normal(4, n);
        for terms in [1, 2, 9, 200] {
            for side in [Side::Plain, Side::Transposed] {
                let by = |s: &dyn LinearSolver| {
                    let (mut x, mut w) = (vec![0.0; n], Workspace::new(s, n));
                    w.prepare(&mut a.clone(), &Hints::default()).unwrap();
                    let o = w.solve(&mut a.clone(), side, &b.to_vec(), &mut x, Tolerance::default()).unwrap();
                    (arr1(&x), o)
                };
                let (exact, e) = by(&Neumann::terms(terms).step(0.7));
                for s in [Lissa::terms(terms), Lissa::terms(terms).batch(3), Lissa::terms(terms).repeats(2)] {
                    let (x, o) = by(&s.step(0.7));
                    assert!(far(&x, &exact) <= 1e-15 * (10 + terms + n) as f64, "n = {n}, {terms} terms: {x} instead of {exact}");
                    assert!((o.residual - e.residual).abs() <= 1e-14 * (1.0 + e.residual), "{o:?} {e:?}");
                    let status = if e.status == Status::Converged { Status::Converged } else { Status::Estimated };
                    assert_eq!(o.status, status, "{terms} terms");
                }
            }
        }
    }
    // By the spectrum: the step of the Neumann series.
    let a = Mean::new(vec![definite(9)], Choice::Whole);
    let b = [1.0; 9];
    let exact = Neumann::terms(30).step_from_spectrum().prepare(definite(9)).unwrap().solve(&b).unwrap();
    for s in [Lissa::terms(30), Lissa::terms(30).step_from_spectrum()] {
        let (x, o) = prepared(s, &a, &b);
        assert!(far(&x, &exact.x) <= 1e-13 && o.products.plain == 1, "{o:?}");
    }
}

#[test]
fn a_step_that_is_too_large_is_named() {
    let b = [1.0, 1.0];
    // Of the whole: 1 − 3 · 1 = −2.
    let whole = Mean::new(vec![Array2::eye(2)], Choice::Whole);
    for terms in [5, 40, 3000] {
        let e = Lissa::terms(terms).step(3.0).prepare(whole.clone()).unwrap().solve(&b).unwrap_err();
        assert!(matches!(e, Failed::Diverged { growth: Some(g), .. } if (g - 2.0).abs() < 0.2), "{terms} terms: {e:?}");
        assert!(e.to_string().contains("a smaller step"), "{e}");
    }
    let e = Lissa::terms(40).step(-0.5).prepare(whole.clone()).unwrap().solve(&b).unwrap_err();
    assert!(matches!(e, Failed::Diverged { growth: Some(g), .. } if (g - 1.5).abs() < 0.1), "{e:?}");
    // Of the mini-batches alone: m eᵢeᵢᵀ, whose mean is I.
    let m = 30;
    let each = |i: usize| Array2::from_shape_fn((m, m), |(j, k)| if (i, i) == (j, k) { m as f64 } else { 0.0 });
    let apart = Mean::new((0..m).map(each).collect(), Choice::ByNumber);
    let b = vec![1.0; m];
    let e = Lissa::terms(300).step(1.0).prepare(apart.clone()).unwrap().solve(&b).unwrap_err();
    assert!(matches!(e, Failed::Diverged { growth: Some(g), .. } if g > 1.0), "{e:?}");
    // With a smaller one, or the whole, it is well.
    let solved = Lissa::terms(300).step(0.02).repeats(20).prepare(apart.clone()).unwrap().solve(&b).unwrap();
    assert!(solved.outcome.residual < 0.5, "{:?}", solved.outcome);
    let solved = Lissa::terms(3).step(1.0).prepare(Mean { choice: Choice::Whole, ..apart.clone() }).unwrap().solve(&b).unwrap();
    assert!(solved.outcome.residual < 1e-12, "{:?}", solved.outcome);
    // In between it says that it scatters.
    let solved = Lissa::terms(8).step(0.3).prepare(apart).unwrap().solve(&b).unwrap();
    assert!(solved.outcome.residual > 1.0 && solved.outcome.remark.is_some_and(|r| r.contains("scatters")), "{:?}", solved.outcome);
}

#[test]
fn the_same_key_has_the_same_bits_for_any_number_of_threads() {
    let a = || Mean::new(rows(6, 50), Choice::ByNumber);
    let b: Array1<f64> = random::normal(3, 50);
    let by = |key: u64, threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut given: Vec<_> = (0..4).map(|_| (a(), b.to_vec())).collect();
        let solver: Arc<dyn LinearSolver> = Arc::new(Lissa::terms(20).step(0.05).repeats(3).batch(2).key(key));
        let made = pool.install(|| solver.solve_each(&mut given));
        made.into_iter().map(|s| s.unwrap().x).collect::<Vec<_>>()
    };
    let first = by(7, 1);
    assert!(first.iter().all(|x| *x == first[0]) && first == by(7, 2) && first == by(7, 3));
    assert!(by(8, 1)[0] != first[0] && by(u64::MAX, 1)[0] != first[0]);
}

#[test]
fn small_sizes_and_every_scale() {
    // No unknowns, and b = 0: nothing is done.
    let none = Mean::new(vec![Array2::zeros((0, 0))], Choice::ByNumber);
    assert_eq!(prepared(Lissa::terms(5).step(1.0), &none, &[]).1.status, Status::Converged);
    assert_eq!(prepared(Lissa::terms(5), &none, &[]).0.len(), 0);
    let two = Mean::new(rows(3, 2), Choice::ByNumber);
    assert!(prepared(Lissa::terms(5).step(0.4), &two, &[0.0, 0.0]).0 == arr1(&[0.0, 0.0]));
    // One unknown: 0.5 and 1.5 with equal probability, so (1 − 0.9ᵏ)/1 in the mean.
    let one = Mean::new(vec![Array2::from_elem((1, 1), 0.5), Array2::from_elem((1, 1), 1.5)], Choice::ByNumber);
    let (x, _) = prepared(Lissa::terms(40).step(0.1).repeats(4000), &one, &[2.0]);
    let exact = 2.0 * (1.0 - 0.9_f64.powi(40));
    let spread = variance(&one, 0.1, 40, 1, &arr1(&[2.0])) / 4000.0;
    assert!((x[0] - exact).abs() <= 5.0 * spread.sqrt(), "{x} instead of {exact}");
    // Powers of two of b change no digit, and other scales no more than their rounding.
    let b = [1.0, -0.7];
    let by = |scale: f64| prepared(Lissa::terms(20).step(0.4).repeats(3), &two, &b.map(|b| b * scale));
    let (x, o) = by(1.0);
    for scale in [1e-300, 1e-150, 1e150, 1e300, 2f64.powi(500), 2f64.powi(-900)] {
        let (scaled, s) = by(scale);
        assert!(far(&(scaled / scale), &x) <= 1e-13 && (s.residual - o.residual).abs() <= 1e-13, "{scale:e}: {s:?} {o:?}");
    }
    // The operator's scale, with its step.
    for scale in [1e-150, 1e150] {
        let a = Mean::new(two.all.iter().map(|a| a * scale).collect(), Choice::ByNumber);
        let (scaled, s) = prepared(Lissa::terms(20).step(0.4 / scale).repeats(3), &a, &b);
        assert!(far(&(scaled * scale), &x) <= 1e-12 && (s.residual - o.residual).abs() <= 1e-12, "{scale:e}: {s:?} {o:?}");
        let (scaled, _) = prepared(Lissa::terms(20).repeats(3), &a, &b);
        let (plain, _) = prepared(Lissa::terms(20).repeats(3), &two, &b);
        assert!(far(&(scaled * scale), &plain) <= 1e-12);
    }
    // In single precision, twenty terms of a few roundings each.
    let (single, s) = prepared(Lissa::terms(20).step(0.4).repeats(3), &Mean { single: true, ..two.clone() }, &b);
    assert!(far(&single, &x) <= 100.0 * f64::from(f32::EPSILON) && s.status == Status::Estimated, "{single} instead of {x}");
}

#[test]
fn what_cannot_work_is_said() {
    let lacks = |r: Result<(), Failed>| {
        let e = r.unwrap_err();
        assert!(matches!(e, Failed::Lacks(Need::Samples)) && e.to_string().contains("FiniteSum::drawn"), "{e}");
    };
    lacks(Lissa::terms(3).prepare(Diagonal(vec![1.0])).map(|_| ()));
    lacks(Diagonal(vec![1.0]).apply_sampled(Side::Plain, 0, &[1.0], &mut [0.0]));
    // A wrapper, and a borrowed operator, hand their draws on.
    let a = Mean::new(rows(3, 2), Choice::ByNumber);
    let exact = prepared(Lissa::terms(9).step(0.4), &a, &[1.0, 2.0]).0;
    let wrapped = Estimated { operator: a.clone(), secants: Secants::new(2) };
    assert!(Lissa::terms(9).step(0.4).prepare(wrapped).unwrap().solve(&[1.0, 2.0]).unwrap().x == exact);
    assert!(Lissa::terms(9).step(0.4).prepare(&mut a.clone()).unwrap().solve(&[1.0, 2.0]).unwrap().x == exact);
    for s in
        [Lissa::terms(0), Lissa::terms(3).repeats(0), Lissa::terms(3).batch(0), Lissa::terms(3).step(0.0), Lissa::terms(3).step(f64::NAN)]
    {
        assert!(matches!(s.check(), Err(Failed::Setting { .. })), "{s:?}");
    }
    let e = Lissa::terms(1 << 20).repeats(1 << 20).check().unwrap_err();
    assert!(e.to_string().contains("number of draws"), "{e}");
    // Products that are not finite, and an operator's own error.
    let bad = Mean::new(vec![Array2::from_elem((2, 2), f64::NAN)], Choice::ByNumber);
    let e = Lissa::terms(9).step(0.4).prepare(bad).unwrap().solve(&[1.0, 2.0]).unwrap_err();
    assert!(matches!(e, Failed::NotFinite { .. }), "{e:?}");
    let huge = Mean::new(vec![Array2::from_elem((2, 2), 1e300)], Choice::ByNumber);
    let e = Lissa::terms(9).step(0.4).prepare(huge).unwrap().solve(&[1.0, 2.0]).unwrap_err();
    assert!(matches!(e, Failed::Diverged { growth: Some(_), .. }), "{e:?}");
}

#[test]
fn a_warm_workspace_allocates_nothing_but_what_the_operator_does() {
    struct Still;
    impl Operator for Still {
        fn len(&self) -> usize {
            3
        }
        fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
            y.copy_from_slice(x);
            Ok(())
        }
        fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
            self.apply(x, y)
        }
        fn has_samples(&self) -> bool {
            true
        }
        fn apply_sampled(&mut self, _: Side, draw: u32, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x * f64::from(draw % 2) * 2.0);
            Ok(())
        }
    }
    let s = Lissa::terms(9).step(0.3).batch(2).repeats(3);
    let (mut w, mut x) = (Workspace::new(&s, 3), [0.0; 3]);
    let mut run = || {
        w.prepare(&mut Still, &Hints::default()).unwrap();
        w.solve(&mut Still, Side::Plain, &[1.0; 3], &mut x, Tolerance::default()).unwrap()
    };
    run();
    let (_, used) = MEMORY.measure(run);
    assert_eq!(used.on_this_thread, 0);
}
