//! The derivative at a point by an adjoint solve alone: what an outer loop asks for at every step.
use super::{Certifier, views};
use hypertape_autodiff::tree::{Feed, Structure};
use hypertape_autodiff::{Error, ErrorKind, Result, Site};
use hypertape_linear::{Outcome, Side, Tolerance};

/// L_θ − F_θᵀ w with F_zᵀ w = L_z, as far as the adjoint solve went.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hypergradient {
    /// L at the point.
    pub value: f64,
    /// The derivative by θ: its real leaves one after the other.
    pub gradient: Vec<f64>,
    /// w: the leaves of the unknown one after the other. The start of the next adjoint solve.
    pub adjoint: Vec<f64>,
    /// How the adjoint solve ended.
    pub outcome: Outcome,
    /// −wᵀF: what is missing of L at the root, to first order in ‖F‖.
    pub correction: f64,
}

impl<W: Structure, P: Structure> Certifier<W, P> {
    /// The derivative at z by an adjoint solve from a given w to a given tolerance, without a certificate; from 0 where `from` is empty. A solve that ends at its iteration limit is no error: the
    /// outcome says so. Nor is a singular F_z looked for where the solver does not meet it, as derivatives of a recorded solution do: that takes some dozens of products.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, shape};
    /// use hypertape_implicit::certify;
    /// use hypertape_linear::{Cg, Tolerance};
    /// use ndarray::arr1;
    /// // z = θ/(1 + c), and L = ½‖z‖²: dL/dθ = z/(1 + c).
    /// let inner = Function::record((shape![2], shape![2]), |(z, t)| (0.5 * z.square() - t * z).sum())?;
    /// let outer = Function::record((shape![2], shape![2]), |(z, _)| 0.5 * z.square().sum())?;
    /// let mut at = certify(&inner, &outer).adjoint(Cg::default()).prepare()?;
    /// let (z, exact) = (arr1(&[1.0, 2.0]), Tolerance { relative: 1e-12, absolute: 0.0 });
    /// let found = at.hypergradient(&z, &z, &[], exact)?;
    /// assert_eq!((found.value, &found.gradient[..]), (2.5, &[1.0, 2.0][..]));
    /// // From the adjoint of before there is nothing left to do.
    /// assert_eq!(at.hypergradient(&z, &z, &found.adjoint, exact)?.outcome.iterations, 0);
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// Inputs that do not fit or are not finite, an adjoint system that cannot be solved.
    #[track_caller]
    pub fn hypergradient(&mut self, z: impl Feed<W>, params: impl Feed<P>, from: &[f64], tolerance: Tolerance) -> Result<Hypergradient> {
        let here = Site::caller();
        let start = self.model.pack("the point", &views(&z)).map_err(|e| e.or_at(here))?;
        self.model.set_params(&views(&params)).map_err(|e| e.or_at(here))?;
        if !from.is_empty() && from.len() != start.len() {
            let problem = format!(
                "the adjoint to start from has {} entries where the unknown has {}; give as many, or none",
                from.len(),
                start.len()
            );
            let kind = ErrorKind::Other(problem);
            return Err(Error::new("hypergradient", kind).at(here));
        }
        self.adjoint_at(&start, from, tolerance).map_err(|k| Error::numeric("hypergradient", k).at(here))
    }
    fn adjoint_at(&mut self, z: &[f64], from: &[f64], tolerance: Tolerance) -> Result<Hypergradient, ErrorKind> {
        let (n, p, model) = (z.len(), self.model.params(), &mut self.model);
        let (mut f, mut right, mut gradient, mut part) = (vec![0.0; n], vec![0.0; n], vec![0.0; p], vec![0.0; p]);
        model.move_to(z, &mut f)?;
        let value = model.outer(&mut right, &mut gradient)?;
        let mut w = if from.is_empty() { vec![0.0; n] } else { from.to_vec() };
        let outcome = model.solve_from((&self.settings.adjoint, false), Side::Transposed, &right, &mut w, tolerance)?;
        if w.iter().any(|w| *w != 0.0) {
            model.params_transposed(&w, &mut part)?;
        }
        gradient.iter_mut().zip(&part).for_each(|(g, p)| *g -= p);
        let correction = -w.iter().zip(&f).map(|(w, f)| w * f).sum::<f64>();
        Ok(Hypergradient { value, gradient, adjoint: w, outcome, correction })
    }
}
