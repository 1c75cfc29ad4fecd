//! The extreme eigenvalues of an objective's Hessian at a point, by products alone.
use crate::flat;
use hypertape_autodiff::array::{AnyArray, LeafType};
use hypertape_autodiff::function::Number;
use hypertape_autodiff::function::Wrt;
use hypertape_autodiff::tree::{Feed, Structure};
use hypertape_autodiff::{Error, ErrorKind, Function, Result};
use hypertape_linear::{Eigenvalues, Failed, Known, eigenvalues, from_fn};

/// How the eigenvalues of a Hessian are looked for: made by [`curvature`].
#[derive(Debug, Clone)]
pub struct Curvature<I: Structure, W: Structure> {
    product: Function<(I, W), W>,
    tolerance: f64,
    most: usize,
}

/// The curvatures of an objective: the extreme eigenvalues of its Hessian with respect to some of its inputs, by [`eigenvalues`](hypertape_linear::eigenvalues) on Hessian-vector products. They give a step size
/// (below 2/λ_max), the condition number λ_max/λ_min, and show a saddle (λ_min < 0).
///
/// Relative tolerance 10⁻⁶ and at most 200 products, unless they are set.
///
/// ```
/// use hypertape_autodiff::{Function, record::constant, shape};
/// use hypertape_implicit::curvature;
/// // ½ Σ hᵢ zᵢ² + ½ p ‖z‖² with h = (1, 5): curvatures 1 + p and 5 + p.
/// let h = ndarray::arr1(&[1.0, 5.0]).into_shared();
/// let f = Function::record((shape![2], shape![]), |(z, p)| 0.5 * constant(&h).dot(z.square()) + 0.5 * p * z.square().sum())?;
/// let found = curvature(&f.wrt(|(z, _)| z)).at((ndarray::arr1(&[0.3, -2.0]), 0.5))?;
/// assert!((found.smallest - 1.5).abs() < 1e-14 && (found.largest - 5.5).abs() < 1e-14 && found.converged);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[must_use]
#[track_caller]
pub fn curvature<I: Structure, O: Number, W: Structure>(of: &Wrt<I, O, W>) -> Curvature<I, W> {
    Curvature { product: of.hvp(), tolerance: 1e-6, most: 200 }
}

impl<I: Structure, W: Structure> Curvature<I, W> {
    /// The residuals that are asked for, relative to the larger absolute value.
    #[must_use]
    pub fn tolerance(mut self, relative: f64) -> Self {
        self.tolerance = relative;
        self
    }
    /// The most steps, of a product each.
    #[must_use]
    pub fn max_products(mut self, most: usize) -> Self {
        self.most = most;
        self
    }
    /// At a point: all inputs of the objective.
    ///
    /// # Errors
    /// A tolerance that is negative or not a number; inputs of other shapes; products that are not finite, or of a Hessian that is not symmetric by rules of the user's own.
    #[track_caller]
    pub fn at(&self, point: impl Feed<I>) -> Result<Eigenvalues> {
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            return Err(Error::new("curvature", ErrorKind::setting("tolerance", self.tolerance, "give 0 or a positive number")));
        }
        let types = self.product.inputs().1.leaf_types();
        let mut run = self.product.workspace();
        let mut direction: Vec<AnyArray> = types.iter().map(|t| AnyArray::full(t, 0.0)).collect();
        let mut failed = None;
        let n = types.iter().map(LeafType::len).sum();
        let product = |x: &[f64], y: &mut [f64]| {
            flat::unpack(x, direction.iter_mut().map(AnyArray::view_mut));
            let mut at = 0;
            run.run_each((&point, &crate::feed::Owned(&direction)), &mut |v| {
                let len = v.shape().iter().product::<usize>();
                flat::pack(std::iter::once(v), &mut y[at..at + len]);
                at += len;
            })
            .map_err(|e| {
                let said = e.to_string();
                failed = Some(e);
                said
            })
        };
        let single = types.iter().any(|t| t.kind == hypertape_autodiff::array::Kind::F32);
        let mut operator = from_fn(n, product).known(Known { symmetric: true, ..Known::default() });
        if single {
            operator = operator.kind(hypertape_autodiff::array::Kind::F32);
        }
        let found = eigenvalues(&mut operator, self.tolerance, self.most);
        found.map_err(|e: Failed| {
            failed.unwrap_or_else(|| Error::new("curvature", ErrorKind::Solve { solver: "Lanczos".into(), failed: e }))
        })
    }
}
