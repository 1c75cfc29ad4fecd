//! Preconditioners: maps M⁻¹ near A⁻¹, which make a system easier for its solver.
use crate::operator::{Matrix, Operator, Side};
use crate::system::correction;
use crate::vectors::{exponent, norm, scale};
use hypertape_autodiff::outcome::{Failed, Need, Reached};
use std::fmt::{self, Debug};
use std::sync::Arc;

/// A way to make M⁻¹ from an operator: settings, of which each workspace makes an [`Inverse`]. A value of its own: every solver that takes one takes
/// any.
pub trait Preconditioner: Debug + Send + Sync + 'static {
    /// The field's name of it.
    fn name(&self) -> String;
    /// What it needs of the operator besides products.
    fn needs(&self) -> Vec<Need> {
        vec![]
    }
    /// Whether it can be made for any number of unknowns.
    fn any_size(&self) -> bool {
        true
    }
    /// Bytes that it holds for n unknowns.
    fn bytes(&self, n: usize) -> u64;
    /// One for n unknowns, not ready yet.
    fn inverse(&self, n: usize) -> Box<dyn Inverse>;
}

/// M⁻¹ of one workspace.
pub trait Inverse: Debug + Send {
    /// Makes ready for an operator. Allocates nothing.
    ///
    /// # Errors
    /// When the operator fails, or is not what is needed.
    fn prepare(&mut self, a: &mut dyn Operator) -> Result<(), Failed>;
    /// z = M⁻¹ r, or M⁻ᵀ r. Conjugate gradients and MINRES need a symmetric positive definite M.
    ///
    /// # Errors
    /// What its own code gives.
    fn apply(&mut self, side: Side, r: &[f64], z: &mut [f64]) -> Result<(), Failed>;
}

/// The reciprocal of the diagonal's sizes (Jacobi 1845): of an operator that has its matrix. Where the diagonal is 0, 1.
///
/// ```
/// use hypertape_linear::{Cg, Diagonal, Jacobi, Prepare};
/// let a = Diagonal((1..100).map(|i| f64::from(i * i * i)).collect());
/// let solved = Cg::default().preconditioner(Jacobi).prepare(a)?.solve(&[1.0; 99])?;
/// assert!(solved.outcome.converged() && solved.outcome.iterations <= 2);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Jacobi;

#[derive(Debug)]
struct Reciprocals(Vec<f64>);

impl Preconditioner for Jacobi {
    fn name(&self) -> String {
        "Jacobi".into()
    }
    fn needs(&self) -> Vec<Need> {
        vec![Need::Diagonal]
    }
    fn bytes(&self, n: usize) -> u64 {
        8 * n as u64
    }
    fn inverse(&self, n: usize) -> Box<dyn Inverse> {
        Box::new(Reciprocals(vec![1.0; n]))
    }
}

impl Inverse for Reciprocals {
    fn prepare(&mut self, a: &mut dyn Operator) -> Result<(), Failed> {
        self.0.fill(0.0);
        match a.matrix() {
            Some(Matrix::Diagonal(d)) => self.0.iter_mut().zip(d).for_each(|(to, d)| *to = *d),
            Some(Matrix::Dense(m)) => self.0.iter_mut().zip(m.diag()).for_each(|(to, d)| *to = *d),
            Some(Matrix::Sparse(m)) => m.entries().filter(|(i, j, _)| i == j).for_each(|(i, _, v)| self.0[i] += v),
            None => return Err(Failed::Lacks(Need::Diagonal)),
        }
        self.0.iter_mut().for_each(|v| *v = if *v == 0.0 { 1.0 } else { 1.0 / v.abs() });
        Ok(())
    }
    fn apply(&mut self, _: Side, r: &[f64], z: &mut [f64]) -> Result<(), Failed> {
        z.iter_mut().zip(r).zip(&self.0).for_each(|((z, r), d)| *z = d * r);
        Ok(())
    }
}

/// A map of the user's own: z = M⁻¹ r, or M⁻ᵀ r, which stays as it is whatever the operator.
#[derive(Clone)]
pub struct InverseMap(Arc<Map>);
type Map = dyn Fn(Side, &[f64], &mut [f64]) -> Result<(), Failed> + Send + Sync;

impl InverseMap {
    /// Of a closure.
    pub fn new(map: impl Fn(Side, &[f64], &mut [f64]) -> Result<(), Failed> + Send + Sync + 'static) -> Self {
        InverseMap(Arc::new(map))
    }
}

impl Debug for InverseMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InverseMap")
    }
}

impl Preconditioner for InverseMap {
    fn name(&self) -> String {
        "a map".into()
    }
    fn any_size(&self) -> bool {
        false
    }
    fn bytes(&self, _: usize) -> u64 {
        0
    }
    fn inverse(&self, _: usize) -> Box<dyn Inverse> {
        Box::new(self.clone())
    }
}

impl Inverse for InverseMap {
    fn prepare(&mut self, _: &mut dyn Operator) -> Result<(), Failed> {
        Ok(())
    }
    fn apply(&mut self, side: Side, r: &[f64], z: &mut [f64]) -> Result<(), Failed> {
        (self.0)(side, r, z)
    }
}

/// The settings of a solver that takes a preconditioner: none, or one.
pub(crate) type Chosen = Option<Arc<dyn Preconditioner>>;

/// M⁻¹ times a power of two that brings its size near 1 where it is far from it, as its first application tells: no digit changes, and no solver below asks for the
/// scale of M.
#[derive(Debug)]
struct Scaled {
    by: Box<dyn Inverse>,
    factor: Option<f64>,
    epsilon: f64,
}

impl Inverse for Scaled {
    fn prepare(&mut self, a: &mut dyn Operator) -> Result<(), Failed> {
        (self.factor, self.epsilon) = (None, a.epsilon());
        self.by.prepare(a)
    }
    fn apply(&mut self, side: Side, r: &[f64], z: &mut [f64]) -> Result<(), Failed> {
        self.by.apply(side, r, z)?;
        if self.factor.is_none() {
            let (from, to) = (norm(r), norm(z));
            if !to.is_finite() && from.is_finite() {
                let value = z.iter().find(|z| !z.is_finite()).copied();
                return Err(Failed::NotFinite { what: "the product of the preconditioner is not finite", value });
            }
            if to == 0.0 && from > 0.0 {
                let what = "the preconditioner gives 0 for a residual that is not 0";
                return Err(Failed::Breakdown { what, at: Reached { residual: 1.0, ..Reached::default() } });
            }
            self.factor = (from > 0.0 && to > 0.0).then(|| correction(exponent(to) - exponent(from), self.epsilon));
        }
        match self.factor {
            Some(f) if f != 1.0 => scale(f, z),
            _ => {}
        }
        Ok(())
    }
}

/// The preconditioner of a state for n unknowns.
pub(crate) fn inverse(p: &Chosen, n: usize) -> Option<Box<dyn Inverse>> {
    p.as_ref().map(|p| Box::new(Scaled { by: p.inverse(n), factor: None, epsilon: f64::EPSILON }) as Box<dyn Inverse>)
}

/// The name of a solver with its preconditioner.
pub(crate) fn named(solver: &str, p: &Chosen) -> String {
    p.as_ref().map_or(solver.into(), |p| format!("{solver} with {}", p.name()))
}

/// What a solver needs for its preconditioner.
pub(crate) fn needs(p: &Chosen) -> Vec<Need> {
    p.as_ref().map_or(vec![], |p| p.needs())
}

/// Whether a solver with it solves systems of any size.
pub(crate) fn any_size(p: &Chosen) -> bool {
    p.as_ref().is_none_or(|p| p.any_size())
}

/// The builder method of a solver with a field `preconditioner`.
macro_rules! preconditioner_setting {
    ($method:ty) => {
        impl $method {
            /// With a preconditioner.
            #[must_use]
            pub fn preconditioner(mut self, p: impl crate::Preconditioner) -> Self {
                self.preconditioner = Some(std::sync::Arc::new(p));
                self
            }
        }
    };
}
pub(crate) use preconditioner_setting;
