//! Ridge logistic regression: gradients and Hessian-vector products, dense and sparse.
use super::{Made, Size, Workload, call};
use hypertape::Linear;
use hypertape::array::AnyView;
use hypertape::operation::Builder;
use hypertape::ops::sparse::{Csr, SparseMatrix};
use hypertape::plan::Memory;
use hypertape::prelude::*;
use hypertape_testkit::random::{SQRT_12, sym, uniform};
use ndarray::{Array1, Array2};
use std::error::Error;
use std::panic::Location;

const PENALTY: f64 = 1e-3;

/// The data of a logistic regression: rows, labels ±1.
pub(super) fn dense(base: u64, n: usize, d: usize) -> (Array2<f64>, Array1<f64>) {
    let x = sym(base, (n, d)) * SQRT_12;
    let truth = sym(base + 1, d) * 2.0;
    let scores = x.dot(&truth) + sym(base + 2, n) * (20.0 * (d as f64 / 200.0).sqrt());
    (x, scores.mapv(|s| if s > 0.0 { 1.0 } else { -1.0 }))
}

/// The mean logistic loss, as a function of the weights.
fn objective(size: Size) -> Result<(Function<Leaf, Leaf>, [Array1<f64>; 2]), Box<dyn Error>> {
    if size == Size::Large {
        let (n, d, k) = (20_000, 100_000, 100);
        let columns = uniform(300, (n, k));
        let columns: Vec<u32> = columns.indexed_iter().map(|((_, c), u)| 1000 * c as u32 + (u * 1000.0) as u32).collect();
        let values: Vec<f64> = sym(301, n * k).iter().map(|v| v * SQRT_12).collect();
        let x = SparseMatrix::from(Csr::new(n, d, (0..=n).map(|i| i * k).collect(), columns, values)?);
        let y = sym(302, n).mapv(|v| if v > 0.0 { 1.0 } else { -1.0 }).into_shared();
        let f = Function::record(shape![d], |w| loss(csr_dot(&x, w), constant(&y), w))?;
        return Ok((f, [sym(303, d) * 0.2, sym(304, d)]));
    }
    let (n, d) = if size == Size::Small { (2000, 200) } else { (20_000, 500) };
    let (x, y) = dense(310, n, d);
    let (x, y) = (x.into_shared(), y.into_shared());
    let f = Function::record(shape![d], |w| loss(constant(&x).dot(w), constant(&y), w))?;
    Ok((f, [sym(313, d) * 0.2, sym(314, d)]))
}

fn loss(scores: Var, y: Var, w: Var) -> Var {
    (-(y * scores)).softplus().mean() + 0.5 * PENALTY * w.square().sum()
}

/// ∇f at a point.
pub(super) fn gradient(size: Size) -> Made {
    let (f, [w, _]) = objective(size)?;
    call(f.wrt(|w| w).gradient(), w)
}

/// ∇²f v, everything from the point anew.
pub(super) fn hvp_full(size: Size) -> Made {
    let (f, [w, v]) = objective(size)?;
    call(f.wrt(|w| w).hvp(), (w, v))
}

/// ∇²f v at a point that was linearised before: what one application takes.
pub(super) fn hvp(size: Size) -> Made {
    let (f, [w, v]) = objective(size)?;
    let gradient = f.wrt(|w| w).gradient();
    Ok(Box::new(Applied { linear: gradient.linearize(&w)?, v }))
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
