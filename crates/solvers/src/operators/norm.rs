//! The norm of an operator, by power iteration.
use super::linear::LinearOperator;
use hypertape_autodiff::array::{AnyArray, AnyViewMut, LeafType};
use hypertape_autodiff::tree::{Arrays, Feed, Structure};
use hypertape_autodiff::{Error, Function, Result, Site, record};
use hypertape_linear::norm;

/// ‖K‖₂ at these parameters, by `iterations` of power iteration on KᵀK (von Mises and Pollaczek-Geiringer 1929) from a fixed
/// pseudo-random start. It approaches the norm from below, by a factor that nears 1; allow a few percent for step sizes.
///
/// K and Kᵀ are applied to vectors of length 1, and no length is measured by squares that leave the range: the norm of c K is |c| times that of K,
/// as long as the element type holds the products.
///
/// # Errors
/// When the operator cannot be recorded on these shapes, the parameters do not fit, or a product is not finite.
#[track_caller]
pub fn operator_norm<S: Structure, D: Structure, P: Structure>(
    operator: &impl LinearOperator<S, D, P>,
    domain: &S,
    params: &P,
    at: impl Feed<P>,
    iterations: usize,
) -> Result<f64> {
    let line = Site::caller();
    let forward: Function<(S, P), D> =
        Function::record((domain.clone(), params.clone()), |(x, p)| record::on_behalf(line, &[crate::SOURCES], || operator.apply(x, &p)))?;
    let range = forward.outputs().clone();
    let adjoint: Function<(D, P), S> =
        Function::record((range.clone(), params.clone()), |(u, p)| record::on_behalf(line, &[crate::SOURCES], || operator.adjoint(u, &p)))?;
    let (mut apply, mut transpose) = (forward.workspace(), adjoint.workspace());
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut x = domain.arrays(&mut |t: &LeafType| {
        let values: Vec<f64> = (0..t.len())
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 11) as f64 / (1u64 << 53) as f64 - 0.5
            })
            .collect();
        AnyArray::from_f64(t, &values).unwrap_or_else(|| AnyArray::full(t, 1.0))
    });
    let (mut y, mut size) = (range.zeros(), 0.0);
    normalise(&mut x);
    for k in 0..iterations.max(1) {
        if k > 0 {
            transpose.run_into((&y, &at), &mut x)?;
            normalise(&mut x);
        }
        apply.run_into((&x, &at), &mut y)?;
        size = normalise(&mut y);
        if !size.is_finite() {
            let problem = format!(
                "the operator gives {size} for a vector of length 1 in iteration {k}; its entries are not finite, or beyond the range of their type"
            );
            return Err(Error::numeric("operator norm", problem).at(line));
        }
        if size == 0.0 {
            break;
        }
    }
    Ok(size)
}

/// Brings the length over all real leaves to 1, unless it is 0 or not finite, and gives what it was.
fn normalise<A: Arrays>(x: &mut A) -> f64 {
    let mut lengths = vec![];
    x.each_mut(&mut |leaf| match leaf {
        AnyViewMut::F64(a) => lengths.push(norm(&a.iter().copied().collect::<Vec<_>>())),
        AnyViewMut::F32(a) => lengths.push(norm(&a.iter().map(|v| f64::from(*v)).collect::<Vec<_>>())),
        AnyViewMut::U32(_) => {}
    });
    let size = norm(&lengths);
    if size > 0.0 && size.is_finite() {
        // First by a power of two: the reciprocal of the smallest numbers is not finite.
        let near = 2f64.powi(size.log2().floor().clamp(-1000.0, 1000.0) as i32);
        let rest = size / near;
        x.each_mut(&mut |leaf| match leaf {
            AnyViewMut::F64(mut a) => a.mapv_inplace(|v| v / near / rest),
            AnyViewMut::F32(mut a) => a.mapv_inplace(|v| (f64::from(v) / near / rest) as f32),
            AnyViewMut::U32(_) => {}
        });
    }
    size
}
