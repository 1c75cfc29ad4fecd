//! Matrices that tests solve with, and one solve.
use hypertape_linear::{Failed, Hints, LinearSolver, Operator, Outcome, Side, Tolerance, Workspace};
use hypertape_testkit::random;
use ndarray::{Array1, Array2, arr1};

/// I/2 + BᵀB/n: symmetric positive definite.
pub(crate) fn definite(n: usize) -> Array2<f64> {
    let b = random::normal(11, (n, n));
    b.t().dot(&b) / n as f64 + 0.5 * Array2::<f64>::eye(n)
}

/// A symmetric matrix with eigenvalues of both signs, away from 0: (I/2 + BᵀB/n) with every other row and column of the other sign.
pub(crate) fn indefinite(n: usize) -> Array2<f64> {
    let q = Array2::<f64>::eye(n) - 2.0 / n as f64 * Array2::<f64>::ones((n, n));
    let d = Array2::from_diag(&Array1::from_shape_fn(n, |i| (1.0 + i as f64 / n as f64) * if i % 2 == 0 { 1.0 } else { -1.0 }));
    q.dot(&d).dot(&q)
}

/// I + B/(2√n): general and well-conditioned.
pub(crate) fn general(n: usize) -> Array2<f64> {
    Array2::eye(n) + random::normal(12, (n, n)) / (2.0 * (n as f64).sqrt())
}

/// A matrix with these singular values: reflections at both sides.
pub(crate) fn with_singular_values(values: &[f64]) -> Array2<f64> {
    let n = values.len();
    let reflection = |seed: u64| {
        let v: Array1<f64> = random::normal(seed, n);
        let v = &v / v.dot(&v).sqrt();
        Array2::<f64>::eye(n) - 2.0 * v.clone().insert_axis(ndarray::Axis(1)).dot(&v.insert_axis(ndarray::Axis(0)))
    };
    reflection(21).dot(&Array2::from_diag(&arr1(values))).dot(&reflection(22))
}

pub(crate) fn solve(s: &dyn LinearSolver, a: &mut dyn Operator, b: &[f64], x: &mut [f64], relative: f64) -> Result<Outcome, Failed> {
    let mut w = Workspace::new(s, b.len());
    w.prepare(a, &Hints { step: Some(1.0) })?;
    w.solve(a, Side::Plain, b, x, Tolerance { relative, absolute: s.stop().absolute })
}

/// Counts products, and calls for several of them.
pub(crate) struct Counted {
    a: Array2<f64>,
    pub(crate) products: usize,
    pub(crate) calls: usize,
}

impl Counted {
    pub(crate) fn of(a: &Array2<f64>) -> Self {
        Counted { a: a.clone(), products: 0, calls: 0 }
    }
}

impl Operator for Counted {
    fn len(&self) -> usize {
        self.a.ncols()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.products += 1;
        self.a.apply(x, y)
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.products += 1;
        self.a.apply_transposed(x, y)
    }
    fn apply_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.calls += 1;
        self.products += x.len() / self.len();
        self.a.apply_many(x, y)
    }
}
