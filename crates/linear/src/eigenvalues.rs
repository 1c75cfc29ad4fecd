//! The extreme eigenvalues of a symmetric operator, by Lanczos from a pseudo-random vector.
use crate::cg::symmetric;
use crate::extremes::Space;
use crate::operator::{Operator, Side};
use crate::scratch::split;
use crate::system::{Products, System};
use faer::{Mat, Side as Triangle};
use hypertape_autodiff::outcome::{Failed, Reached};

/// Estimates of the extreme eigenvalues of a symmetric operator, from inside: λ_min ≤ `smallest` and `largest` ≤ λ_max, up to rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Eigenvalues {
    /// An estimate of the smallest eigenvalue from above.
    pub smallest: f64,
    /// An estimate of the largest eigenvalue from below.
    pub largest: f64,
    /// ‖A v − λ v‖ for the unit vectors v that belong to both: each estimate is within this distance of an eigenvalue.
    pub residuals: [f64; 2],
    /// Lanczos steps that were made.
    pub steps: usize,
    /// Whether both residuals are at or under the tolerance times the larger absolute value.
    pub converged: bool,
    /// Products that were made.
    pub products: Products,
}

/// Unknowns up to which the two products that show symmetry are no less than the whole.
const FEW: usize = 1;

/// λ_min and λ_max of a symmetric A by Lanczos (1950) from a pseudo-random vector, one product a step, until both residuals are at or under the tolerance times the larger absolute value, or after `most` steps.
///
/// Eigenvalues at the ends are found first, and a residual says how far an estimate is from *an* eigenvalue. That there is none beyond it is likely for a pseudo-random start, and not certain. The basis is held
/// and orthogonalised: 8 n bytes a step. Where there are no unknowns the smallest is ∞ and the largest −∞.
///
/// # Errors
/// What the operator gives; [`Failed::NotSymmetric`] where a pair of products shows it; [`Failed::NotFinite`] where a product is not finite.
///
/// ```
/// use hypertape_linear::eigenvalues;
/// let mut a = ndarray::arr2(&[[1.0, 2.0], [2.0, -2.0]]);
/// let found = eigenvalues(&mut a, 1e-10, 10)?;
/// assert!((found.smallest + 3.0).abs() < 1e-14 && (found.largest - 2.0).abs() < 1e-14 && found.converged);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
pub fn eigenvalues(a: &mut dyn Operator, tolerance: f64, most: usize) -> Result<Eigenvalues, Failed> {
    if tolerance.is_nan() || tolerance < 0.0 {
        return Err(Failed::Setting { what: "tolerance", value: tolerance, allowed: "0 or a positive number" });
    }
    let n = a.len();
    let known = a.known().symmetric;
    let mut s = System::new(a, Side::Plain);
    let (smallest, largest) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut found = Eigenvalues { smallest, largest, residuals: [0.0; 2], steps: 0, converged: true, products: Products::default() };
    if n == 0 {
        return Ok(found);
    }
    if !known && n > FEW {
        symmetric(&mut s, split::<3>(&mut vec![], n))?;
    }
    let mut space = Space::new(n, true);
    // The projection is decomposed where the steps have grown by a quarter: together that costs no more than the last time.
    let mut next = 1;
    loop {
        space.step(&mut s)?;
        let last = space.whole || space.steps >= most.max(1);
        if !last && space.steps < next {
            continue;
        }
        next = space.steps + space.steps.div_ceil(4);
        let [low, high] = ritz(&space)?;
        (found.smallest, found.largest, found.residuals) = (low.0, high.0, [low.1, high.1]);
        let allowed = tolerance * low.0.abs().max(high.0.abs());
        found.converged = low.1 <= allowed && high.1 <= allowed;
        if last || found.converged {
            break;
        }
    }
    let factor = s.factor();
    (found.smallest, found.largest) = (found.smallest / factor, found.largest / factor);
    found.residuals.iter_mut().for_each(|r| *r /= factor);
    (found.steps, found.products) = (space.steps, s.products);
    Ok(found)
}

/// The extreme eigenvalues of the projection, each with its residual.
fn ritz(space: &Space) -> Result<[(f64, f64); 2], Failed> {
    let k = space.columns.len();
    let mut t = Mat::<f64>::zeros(k, k);
    for (j, column) in space.columns.iter().enumerate() {
        column.iter().filter(|(i, _)| *i < k).for_each(|(i, v)| t[(*i, j)] = *v);
    }
    let what = "the eigenvalues of the projected operator were not found";
    let e = t.self_adjoint_eigen(Triangle::Lower).map_err(|_| Failed::Breakdown { what, at: Reached::default() })?;
    let pair = |j: usize| (e.S()[j], space.beta * e.U()[(k - 1, j)].abs());
    Ok([pair(0), pair(k - 1)])
}
