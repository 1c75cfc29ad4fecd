//! A preconditioner from an estimate of the diagonal, by products alone.
use crate::operator::{Operator, Side};
use crate::preconditioner::{Inverse, Preconditioner};
use crate::vectors::noise;
use hypertape_autodiff::outcome::Failed;

/// The reciprocal of the diagonal's sizes, where the diagonal is estimated as Σ z ∘ A z / Σ z ∘ z over vectors z of pseudo-random signs (Hutchinson 1990; Bekas,
/// Kokiopoulou and Saad 2007): for operators without a matrix. Where the estimate is 0, 1.
///
/// One product a probe, for every new operator. The error of an entry is about √(Σ_{j≠i} a_ij² / probes); n probes or more take the unit vectors, which are exact.
///
/// ```
/// use hypertape_linear::{Cg, Hutchinson, Prepare, from_fn};
/// let a = from_fn(99, |x, y| {
///     y.iter_mut().zip(x).enumerate().for_each(|(i, (y, x))| *y = ((i + 1) as f64).powi(3) * x);
///     Ok::<(), String>(())
/// });
/// let solved = Cg::default().preconditioner(Hutchinson::default()).prepare(a)?.solve(&[1.0; 99])?;
/// assert!(solved.outcome.converged() && solved.outcome.iterations <= 2);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hutchinson {
    /// How many vectors of signs: 20 unless set.
    pub probes: usize,
}

impl Default for Hutchinson {
    fn default() -> Self {
        Hutchinson { probes: 20 }
    }
}

#[derive(Debug)]
struct Estimate {
    probes: usize,
    reciprocals: Vec<f64>,
    probe: Vec<f64>,
    image: Vec<f64>,
}

impl Preconditioner for Hutchinson {
    fn name(&self) -> String {
        format!("a diagonal of {} probes", self.probes)
    }
    fn bytes(&self, n: usize) -> u64 {
        24 * n as u64
    }
    fn inverse(&self, n: usize) -> Box<dyn Inverse> {
        Box::new(Estimate { probes: self.probes, reciprocals: vec![1.0; n], probe: vec![0.0; n], image: vec![0.0; n] })
    }
}

impl Inverse for Estimate {
    fn prepare(&mut self, a: &mut dyn Operator) -> Result<(), Failed> {
        let Estimate { probes, reciprocals, probe, image } = self;
        let n = reciprocals.len();
        reciprocals.fill(0.0);
        let exact = *probes >= n;
        for k in 0..(*probes).min(n) {
            for (i, z) in probe.iter_mut().enumerate() {
                *z = match exact {
                    true => f64::from(u8::from(i == k)),
                    false => 1.0_f64.copysign(noise(31 + k as u64, i)),
                };
            }
            a.apply(probe, image)?;
            let share = if exact { 1.0 } else { 1.0 / *probes as f64 };
            reciprocals.iter_mut().zip(probe.iter().zip(image.iter())).for_each(|(d, (z, y))| *d += share * z * y);
        }
        if reciprocals.iter().any(|d| !d.is_finite()) {
            return Err(Failed::NotFinite { what: "the operator's product is not finite", value: None });
        }
        reciprocals.iter_mut().for_each(|d| *d = if *d == 0.0 { 1.0 } else { 1.0 / d.abs() });
        Ok(())
    }
    fn apply(&mut self, _: Side, r: &[f64], z: &mut [f64]) -> Result<(), Failed> {
        z.iter_mut().zip(r).zip(&self.reciprocals).for_each(|((z, r), d)| *z = d * r);
        Ok(())
    }
}
