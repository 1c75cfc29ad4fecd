//! Hessians: a dense one of a logistic regression, and one with three diagonals, whose pattern the program finds.
use super::{Ready, Size, Workload, call, logistic, ready};
use hypertape::SparseDerivative;
use hypertape::array::AnyView;
use hypertape::plan::Memory;
use hypertape::prelude::*;
use hypertape_testkit::random::sym;
use ndarray::Array1;

/// The Hessian of a ridge logistic regression with 2000 rows, by 50, 200 or 500 weights.
pub(super) fn dense(size: Size) -> Ready {
    let d = size.of(50, 200, 500);
    let (x, y) = logistic::dense(1010, 2000, d);
    let (x, y, w) = (x.into_shared(), y.into_shared(), sym(1013, d) * 0.2);
    ready(move || {
        let f = Function::record(shape![d], |w| (-(constant(&y) * constant(&x).dot(w))).softplus().mean() + 0.5e-3 * w.square().sum())?;
        call(f.wrt(|w| w).hessian(), w)
    })
}

/// The Hessian of the chained Rosenbrock function of 10³, 10⁴ or 10⁵ variables: its diagonal, then the one above it.
pub(super) fn banded(size: Size) -> Ready {
    let x: Array1<f64> = sym(1000, size.of(1_000, 10_000, 100_000));
    ready(move || {
        let n = x.len();
        let f = Function::record(shape![n], |x| {
            let (next, here) = (x.slice_last(1, n), x.slice_last(0, n - 1));
            100.0 * (next - here.square()).square().sum() + (1.0 - here).square().sum()
        })?;
        Ok(Box::new(Banded { hessian: f.wrt(|x| x).hessian_sparse()?, x, diagonals: [vec![], vec![]] }))
    })
}

struct Banded {
    hessian: SparseDerivative<Leaf, Leaf>,
    x: Array1<f64>,
    /// Where the entries of the diagonal and of the one above it stand in the pattern.
    diagonals: [Vec<u32>; 2],
}

impl Workload for Banded {
    fn call(&mut self, leaf: &mut dyn FnMut(AnyView<'_>)) -> Result<()> {
        let h = self.hessian.at(&self.x)?;
        for (by, places) in self.diagonals.iter_mut().enumerate() {
            if places.is_empty() {
                *places = h.entries().enumerate().filter(|(_, (i, j, _))| *j == i + by).map(|(at, _)| at as u32).collect();
            }
            let values = h.values();
            let diagonal: Array1<f64> = places.iter().map(|at| values[*at as usize]).collect();
            leaf(AnyView::F64(diagonal.into_dyn().view()));
        }
        Ok(())
    }
    fn memory(&self) -> Memory {
        self.hessian.memory()
    }
    fn plan(&self) -> Result<String> {
        let (colours, products) = (self.hessian.colours(), self.hessian.products());
        Ok(format!("{colours} colours, {products} products\n{}", self.hessian.plan().map_or(String::new(), ToString::to_string)))
    }
}
