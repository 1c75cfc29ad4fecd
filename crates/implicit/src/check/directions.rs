//! Along what a check moves the parameters.
use super::report::Direction;
use crate::signs::sign;
use hypertape_autodiff::array::AnyArray;

/// Parameters up to which each is moved alone.
const FEW: usize = 4;
/// Pseudo-random directions besides.
const RANDOM: usize = 2;
/// Arrays with their real leaves moved by t along a vector.
pub(super) fn moved(theta: &[AnyArray], along: &[f64], t: f64) -> Vec<AnyArray> {
    let mut at = 0;
    let one = |a: &AnyArray| {
        if !a.kind().is_real() {
            return a.clone();
        }
        let v: Vec<f64> = a.to_f64().iter().enumerate().map(|(i, v)| v + t * along[at + i]).collect();
        at += v.len();
        AnyArray::from_f64(&a.leaf_type(), &v).unwrap_or_else(|| a.clone())
    };
    theta.iter().map(one).collect()
}

/// Directions, and the step of each parameter in them: its own size, that of the largest of its array where it is 0, and 1 where all are.
pub(super) fn directions(theta: &[AnyArray]) -> Vec<(Direction, Vec<f64>)> {
    let mut sizes = vec![];
    for a in theta.iter().filter(|a| a.kind().is_real()) {
        let v = a.to_f64();
        let largest = v.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let zero = if largest > 0.0 { largest } else { 1.0 };
        sizes.extend(v.iter().map(|v| if *v == 0.0 { zero } else { v.abs() }));
    }
    let p = sizes.len();
    let mut found = vec![];
    if p <= FEW {
        found.extend((0..p).map(|k| (Direction::Coordinate(k), (0..p).map(|i| if i == k { sizes[k] } else { 0.0 }).collect())));
    }
    if p > 1 {
        let random = |k: usize| sizes.iter().enumerate().map(|(i, s)| s * sign(60 + k as u64, i)).collect();
        found.extend((0..RANDOM).map(|k| (Direction::Random(k), random(k))));
    }
    found
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
