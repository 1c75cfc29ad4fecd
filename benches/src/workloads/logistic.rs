//! Ridge logistic regression: gradients and Hessian-vector products, dense and sparse.
use super::{Ready, Size, Workload, call, ready};
use hypertape::Linear;
use hypertape::array::AnyView;
use hypertape::plan::Memory;
use hypertape::prelude::*;
use hypertape_testkit::random::{SQRT_12, sym, uniform};
use ndarray::{ArcArray1, ArcArray2, Array1, Array2};
use std::error::Error;

const PENALTY: f64 = 1e-3;

/// The data of a logistic regression: rows, labels ±1.
pub(super) fn dense(base: u64, n: usize, d: usize) -> (Array2<f64>, Array1<f64>) {
    let x = sym(base, (n, d)) * SQRT_12;
    let truth = sym(base + 1, d) * 2.0;
    let scores = x.dot(&truth) + sym(base + 2, n) * (20.0 * (d as f64 / 200.0).sqrt());
    (x, scores.mapv(|s| if s > 0.0 { 1.0 } else { -1.0 }))
}

/// The rows of the data.
enum Rows {
    Dense(ArcArray2<f64>),
    Sparse(Csr<f64>),
}

/// Data, and where derivatives are taken: the weights, and a direction.
struct Problem {
    rows: Rows,
    labels: ArcArray1<f64>,
    w: Array1<f64>,
    v: Array1<f64>,
}

impl Problem {
    fn new(size: Size) -> Result<Self, Box<dyn Error>> {
        if size == Size::Large {
            let (n, d, k) = (20_000, 100_000, 100);
            let columns = uniform(300, (n, k));
            let columns: Vec<u32> = columns.indexed_iter().map(|((_, c), u)| 1000 * c as u32 + (u * 1000.0) as u32).collect();
            let values: Vec<f64> = sym(301, n * k).iter().map(|v| v * SQRT_12).collect();
            let rows = Rows::Sparse(Csr::new([n, d], (0..=n).map(|i| i * k).collect(), columns, values)?);
            let labels = sym(302, n).mapv(|v| if v > 0.0 { 1.0 } else { -1.0 }).into_shared();
            return Ok(Problem { rows, labels, w: sym(303, d) * 0.2, v: sym(304, d) });
        }
        let (n, d) = if size == Size::Small { (2000, 200) } else { (20_000, 500) };
        let (x, y) = dense(310, n, d);
        Ok(Problem { rows: Rows::Dense(x.into_shared()), labels: y.into_shared(), w: sym(313, d) * 0.2, v: sym(314, d) })
    }
    /// The mean logistic loss with a ridge, as a function of the weights.
    fn objective(&self) -> Result<Function<Leaf, Leaf>> {
        Function::record(shape![self.w.len()], |w| {
            let scores = match &self.rows {
                Rows::Dense(x) => constant(x).dot(w),
                Rows::Sparse(x) => csr(x).dot(w),
            };
            (-(constant(&self.labels) * scores)).softplus().mean() + 0.5 * PENALTY * w.square().sum()
        })
    }
}

/// ∇f at a point.
pub(super) fn gradient(size: Size) -> Ready {
    let p = Problem::new(size)?;
    ready(move || call(p.objective()?.wrt(|w| w).gradient(), p.w))
}

/// ∇²f v, everything from the point anew.
pub(super) fn hvp_full(size: Size) -> Ready {
    let p = Problem::new(size)?;
    ready(move || call(p.objective()?.wrt(|w| w).hvp(), (p.w, p.v)))
}

/// ∇²f v at a point that was linearised before: what one application takes.
pub(super) fn hvp(size: Size) -> Ready {
    let p = Problem::new(size)?;
    ready(move || Ok(Box::new(Applied { linear: p.objective()?.wrt(|w| w).gradient().linearize(&p.w)?, v: p.v })))
}

struct Applied {
    linear: Linear<Leaf, Leaf>,
    v: Array1<f64>,
}

impl Workload for Applied {
    fn call(&mut self, leaf: &mut dyn FnMut(AnyView<'_>)) -> Result<()> {
        self.linear.apply_each(&self.v, leaf)
    }
    fn memory(&self) -> Memory {
        self.linear.memory()
    }
    fn plan(&self) -> Result<String> {
        Ok(self.linear.plan().to_string())
    }
}
