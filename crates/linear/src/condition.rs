//! How far a dense solve can be trusted: condition number and forward error, from the factors.

use crate::stop::Goal;
use crate::system::correction;
use crate::vectors::{exponent, fill_noise, norm, scale};
use hypertape_autodiff::outcome::{Failed, Status};

/// v ← B v, or v ← Bᵀ v.
type Map<'a> = dyn FnMut(&mut [f64], bool) + 'a;

/// An estimate from below of ‖B‖₁, by products with B and Bᵀ through a vector of scratch: Hager 1984, Higham 1988, as in LAPACK.
fn one_norm(v: &mut [f64], map: &mut Map<'_>) -> f64 {
    let n = v.len();
    if n == 0 {
        return 0.0;
    }
    let sum = |v: &[f64]| v.iter().map(|v| v.abs()).sum::<f64>();
    v.fill(1.0 / n as f64);
    let (mut estimate, mut last) = (0.0_f64, n);
    for _ in 0..5 {
        map(v, false);
        let size = sum(v);
        if !size.is_finite() {
            return f64::INFINITY;
        }
        if size <= estimate && last < n {
            break;
        }
        estimate = estimate.max(size);
        v.iter_mut().for_each(|v| *v = if *v < 0.0 { -1.0 } else { 1.0 });
        map(v, true);
        let largest = (0..n).max_by(|i, j| v[*i].abs().total_cmp(&v[*j].abs())).unwrap_or(0);
        if largest == last {
            break;
        }
        last = largest;
        v.fill(0.0);
        v[largest] = 1.0;
    }
    // A vector of alternating signs finds what cancels in the others.
    v.iter_mut().enumerate().for_each(|(i, v)| {
        let size = 1.0 + i as f64 / (n.max(2) - 1) as f64;
        *v = if i % 2 == 0 { size } else { -size };
    });
    map(v, false);
    estimate.max(2.0 * sum(v) / (3.0 * n as f64))
}

/// An estimate of ‖A‖₁‖A⁻¹‖₁ from below, for A by columns; `solve` is A⁻¹.
pub(crate) fn one_norm_condition(m: &[f64], v: &mut [f64], solve: &mut Map<'_>) -> f64 {
    let size = m.chunks_exact(v.len().max(1)).map(|c| c.iter().map(|a| a.abs()).sum::<f64>()).fold(0.0, f64::max);
    condition(size, v, solve)
}

/// The same where ‖A‖₁ is known.
pub(crate) fn condition(size: f64, v: &mut [f64], solve: &mut Map<'_>) -> f64 {
    size * one_norm(v, solve)
}

/// Rounds of inverse iteration: one solve with A and one with Aᵀ each.
const ROUNDS: usize = 4;

/// An estimate of the smallest singular value of A from above, by inverse iteration on AᵀA from a pseudo-random vector; `solve` is A⁻¹. None where a
/// solve leaves the range, or gives 0.
pub(crate) fn smallest(v: &mut [f64], solve: &mut Map<'_>) -> Option<f64> {
    fill_noise(9, v);
    scale(1.0 / norm(v), v);
    let mut inverse = 0.0_f64;
    for half in 0..2 * ROUNDS {
        solve(v, half % 2 == 1);
        // ‖A⁻¹‖ ≥ ‖A⁻¹v‖ for every unit vector, and so for Aᵀ.
        let size = norm(v);
        if !(size > 0.0 && size.is_finite()) {
            return None;
        }
        inverse = inverse.max(size);
        scale(1.0 / size, v);
    }
    Some(1.0 / inverse)
}

/// A bound on the relative error of x in the largest norm, ‖|A⁻¹|(|r| + ε(|A||x| + |b|))‖ / ‖x‖, estimated (Arioli, Demmel and Duff 1989). The
/// scale of rows does not enter. On entry `weights` is |A||x|; v is scratch; `solve` is A⁻¹.
pub(crate) fn forward_error(weights: &mut [f64], v: &mut [f64], solve: &mut Map<'_>, [b, x, residual]: [&[f64]; 3], epsilon: f64) -> f64 {
    let size = x.iter().fold(0.0_f64, |s, x| s.max(x.abs()));
    if size == 0.0 {
        return 0.0;
    }
    // In units of the largest component of x, which may lie at either end of the range.
    for ((w, r), b) in weights.iter_mut().zip(residual).zip(b) {
        *w = r.abs() / size + 2.0 * epsilon * (*w / size + b.abs() / size);
    }
    // ‖A⁻¹W‖_∞ = ‖W A⁻ᵀ‖₁.
    one_norm(v, &mut |v, transposed| {
        if transposed {
            v.iter_mut().zip(weights.iter()).for_each(|(v, w)| *v *= w);
            solve(v, false);
        } else {
            solve(v, true);
            v.iter_mut().zip(weights.iter()).for_each(|(v, w)| *v *= w);
        }
    })
}

/// The largest forward error, relative to the solution, at which it counts as one.
const ACCURACY: f64 = 1e-2;

/// What is to be said of a solution by factors with this forward error and this residual; `image` is ‖|A||x|‖.
///
/// Where the residual is above the goal, it must be small beside b, or rounding of A x, which may be much larger than b: then the forward error decides.
pub(crate) fn status(error: f64, residual: f64, image: f64, n: usize, goal: &Goal) -> Status {
    let small = residual <= goal.epsilon.sqrt() * goal.size;
    match residual.is_finite() && error <= ACCURACY {
        true if residual <= goal.length => Status::Converged,
        true if small || residual <= 64.0 * goal.epsilon * n as f64 * image => Status::Rounding,
        // No rounding leaves so much: the operator is not the one that was factorised.
        _ if !small => Status::Stalled,
        _ => Status::IllConditioned,
    }
}

/// What is said of a residual that only the second rule of [`status`] accepts.
pub(crate) fn remark(status: Status, residual: f64, goal: &Goal) -> Option<&'static str> {
    let large = status == Status::Rounding && residual > goal.epsilon.sqrt() * goal.size;
    large.then_some(
        "the residual is large beside the right-hand side, and rounding of A x: the solution is judged by its componentwise error",
    )
}

/// Brings the entries of a matrix near 1 by a power of two, where they are far from it, and gives that. All must be finite.
pub(crate) fn near_one(entries: &mut [f64], epsilon: f64) -> Result<f64, Failed> {
    if let Some(v) = entries.iter().find(|v| !v.is_finite()) {
        return Err(Failed::NotFinite { what: "the matrix of the linear system is not finite", value: Some(*v) });
    }
    let factor = correction(exponent(entries.iter().fold(0.0_f64, |m, v| m.max(v.abs()))), epsilon);
    if factor != 1.0 {
        scale(factor, entries);
    }
    Ok(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;
    use faer::linalg::solvers::Solve as _;

    fn inverse(m: &Mat<f64>) -> impl FnMut(&mut [f64], bool) + use<> {
        let lu = m.partial_piv_lu();
        move |v, transposed| {
            let b = Mat::from_fn(v.len(), 1, |i, _| v[i]);
            let x = if transposed { lu.solve_transpose(&b) } else { lu.solve(&b) };
            v.iter_mut().enumerate().for_each(|(i, v)| *v = x[(i, 0)]);
        }
    }

    #[test]
    fn conditions_of_known_matrices() {
        for (m, exact) in [
            (Mat::from_fn(2, 2, |i, j| if i == j { [1e12, 1.0][i] } else { 0.0 }), 1e12),
            // The Hilbert matrix of 5: 943656 (Higham 2002, table 28.1).
            (Mat::from_fn(5, 5, |i, j| 1.0 / (i + j + 1) as f64), 943_656.0),
            (Mat::from_fn(1, 1, |_, _| -3.0), 1.0),
            (Mat::zeros(0, 0), 0.0),
        ] {
            let n = m.nrows();
            let columns: Vec<f64> = (0..n * n).map(|k| m[(k % n, k / n)]).collect();
            let found = one_norm_condition(&columns, &mut vec![0.0; n], &mut inverse(&m));
            assert!((found - exact).abs() <= 1e-6 * exact, "{found:e} instead of {exact:e}");
        }
    }

    #[test]
    fn the_scale_of_rows_is_no_error() {
        for d in [1e20, 1e150, 1e-150] {
            let m = Mat::from_fn(2, 2, |i, j| if i == j { [d, 1.0][i] } else { 0.0 });
            let vectors = [&[d, 1.0][..], &[1.0, 1.0], &[0.0, 0.0]];
            assert!(forward_error(&mut [d, 1.0], &mut [0.0; 2], &mut inverse(&m), vectors, f64::EPSILON) < 1e-14, "{d:e}");
        }
    }
}
