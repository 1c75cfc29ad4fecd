//! How many directions a singular operator leaves flat.
use crate::operator::Operator;
use faer::Mat;
use hypertape_autodiff::outcome::{Failed, Reached};

/// Unknowns up to which a failure counts them.
const FEW: usize = 64;

/// The singular values of A, the largest first: by n products and a decomposition (Golub and Kahan 1965), about 8 n² bytes and 3 n³ work. None for n above `most`.
///
/// # Errors
/// What the operator gives; [`Failed::NotFinite`] where a product is not finite.
pub fn singular_values(a: &mut dyn Operator, most: usize) -> Result<Option<Vec<f64>>, Failed> {
    let n = a.len();
    if n > most {
        return Ok(None);
    }
    let (mut unit, mut image, mut matrix) = (vec![0.0; n], vec![0.0; n], Mat::<f64>::zeros(n, n));
    for j in 0..n {
        unit.fill(0.0);
        unit[j] = 1.0;
        a.apply(&unit, &mut image)?;
        if let Some(v) = image.iter().find(|v| !v.is_finite()) {
            return Err(Failed::NotFinite { what: "the operator's product is not finite", value: Some(*v) });
        }
        image.iter().enumerate().for_each(|(i, v)| matrix[(i, j)] = *v);
    }
    if n == 0 {
        return Ok(Some(vec![]));
    }
    let failed = |_| Failed::Breakdown { what: "the singular value decomposition did not converge", at: Reached::default() };
    matrix.singular_values().map(Some).map_err(failed)
}

/// How many independent v have A v = 0, up to rounding: singular values at or below 4 ε n times the largest one. By [`singular_values`]; none for n above `most`.
///
/// # Errors
/// As there.
///
/// ```
/// use hypertape_linear::flat_directions;
/// let mut a = ndarray::arr2(&[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
/// assert_eq!(flat_directions(&mut a, 10)?, Some(2));
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
pub fn flat_directions(a: &mut dyn Operator, most: usize) -> Result<Option<usize>, Failed> {
    let share = 4.0 * a.epsilon() * a.len() as f64;
    let values = singular_values(a, most)?;
    Ok(values.map(|s| s.iter().filter(|v| **v <= share * s[0]).count()))
}

/// A failure that says the operator is singular, with how many directions are flat where these are few unknowns.
pub(crate) fn counted(e: Failed, a: &mut dyn Operator) -> Failed {
    match e.is_singular().then(|| flat_directions(a, FEW)) {
        Some(Ok(Some(directions))) => e.with_flat(directions),
        _ => e,
    }
}
