//! The price of conditioning: how the products to a given error grow with the condition number κ, as √κ for CG and as κ for the Neumann series.
use crate::support::*;
use hypertape_linear::*;
use hypertape_testkit::random;

const N: usize = 300;
const ERROR: f64 = 1e-6;
const CONDITIONS: [f64; 6] = [10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0];

/// Eigenvalues evenly spaced in log from 1/κ to 1.
fn spectrum(condition: f64) -> Vec<f64> {
    (0..N).map(|i| condition.powf(i as f64 / (N - 1) as f64 - 1.0)).collect()
}

/// ‖x_k − x‖/‖x‖ of the k-th iterate from 0, where x = b/d, and the iterations that made it. Products that only judge x are no part of them.
fn kth(solver: &dyn LinearSolver, d: &[f64], b: &[f64]) -> (f64, u64) {
    let mut x = vec![0.0; N];
    let o = solve(solver, &mut Diagonal(d.to_vec()), b, &mut x, 0.0).unwrap();
    let exact: Vec<f64> = b.iter().zip(d).map(|(b, d)| b / d).collect();
    let difference: Vec<f64> = exact.iter().zip(&x).map(|(e, x)| e - x).collect();
    (norm(&difference) / norm(&exact), o.iterations)
}

/// The iterations of the first iterate whose error is at or under 10⁻⁶. The error shrinks with every iterate: for CG by Hestenes and Stiefel 1952, theorem 6:3,
/// for Neumann since it is (I − A)ᵏ x. So k is found by halving.
fn iterations(of: &dyn Fn(usize) -> Box<dyn LinearSolver>, d: &[f64], b: &[f64]) -> u64 {
    let error = |k: usize| kth(&*of(k), d, b).0;
    let mut high = 1;
    while error(high) > ERROR {
        high *= 2;
        assert!(high < 1 << 20, "it stands still");
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low.midpoint(high);
        if error(middle) > ERROR { low = middle } else { high = middle }
    }
    kth(&*of(high), d, b).1
}

/// The slope of log y against log x by least squares.
fn slope(x: &[f64], y: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().map(|v| v.ln()).sum::<f64>() / v.len() as f64;
    let (at, of) = (mean(x), mean(y));
    let along: f64 = x.iter().zip(y).map(|(x, y)| (x.ln() - at) * (y.ln() - of)).sum();
    along / x.iter().map(|x| (x.ln() - at).powi(2)).sum::<f64>()
}

#[test]
fn products_grow_as_the_root_and_as_the_condition_number() {
    let b = random::normal(41, N).to_vec();
    let cg = |k: usize| -> Box<dyn LinearSolver> { Box::new(Cg::default().trusted().max_iterations(k)) };
    let neumann = |k: usize| -> Box<dyn LinearSolver> { Box::new(Neumann::terms(k).step(1.0)) };
    let (mut of_cg, mut of_neumann) = (vec![], vec![]);
    println!("{:>6} {:>8} {:>8}", "κ", "CG", "Neumann");
    for condition in CONDITIONS {
        let d = spectrum(condition);
        // CG makes one product an iteration; the first term of the series is b itself.
        let (c, n) = (iterations(&cg, &d, &b), iterations(&neumann, &d, &b) - 1);
        println!("{condition:>6} {c:>8} {n:>8}");
        of_cg.push(c as f64);
        of_neumann.push(n as f64);
    }
    let (c, n) = (slope(&CONDITIONS, &of_cg), slope(&CONDITIONS, &of_neumann));
    println!("slopes: CG {c:.3}, Neumann {n:.3}");
    assert!((c - 0.46).abs() <= 0.06 && (n - 1.01).abs() <= 0.06, "CG {c}, Neumann {n}");
}
