//! Certificates of a case: a bound that is given is never below the true error, and there is none where there is no derivative to bound.
use crate::adjoint::Adjoint;
use crate::case::{Case, Kind, Point, array};
use crate::reference::norm;
use crate::table::Certified;
use crate::truth::{Truth, beyond, distance};
use hypertape::implicit::{Certificate, Standing, Uncertified, certify};
use hypertape::prelude::*;
use ndarray::Array1;

/// Adjoints that certificates are asked of: a factorisation, the default, a method of least squares, and a truncated series.
const ADJOINTS: [Adjoint; 4] = [Adjoint::Lu, Adjoint::Gmres, Adjoint::Lsmr, Adjoint::Terms];

/// How far the point is moved, relative to it.
const MOVED: [f64; 2] = [0.0, 1e-6];

/// A condition number up to which a smooth problem must be certified.
const SURE: f64 = 5e2;

fn ask(case: &Case, point: &Point, adjoint: Adjoint, z: &[f64]) -> Result<Certificate<Leaf>> {
    let (n, m) = (point.z.len(), point.params.len());
    let e = case.expression.double.clone();
    let f = Function::record((shape![n], shape![m]), |(z, p)| e(z, p))?;
    let weights = Array1::from(case.cotangent.clone());
    let outer = Function::record((shape![n], shape![m]), |(z, _)| array(&weights).dot(z))?;
    let (z, p) = (Array1::from(z.to_vec()), Array1::from(point.params.clone()));
    let solver = adjoint.solver(n);
    match case.kind {
        Kind::Root => certify(&Root::new(&f), &outer).adjoint(solver).prepare()?.at(&z, &p),
        Kind::FixedPoint => certify(&Equilibrium::new(&f), &outer).adjoint(solver).prepare()?.at(&z, &p),
        Kind::Argmin => certify(&Objective::new(&f), &outer).adjoint(solver).prepare()?.at(&z, &p),
    }
}

/// What is wrong with a certificate, where something is.
fn wrong(found: &Certificate<Leaf>, truth: &Truth, cotangent: &[f64]) -> Option<String> {
    let answer = truth.reverse(cotangent);
    // The reference is rounded once.
    let slack = 4.0 * f64::EPSILON * norm(&answer.derivative);
    for (gradient, bound) in [(&found.gradient, found.bound), (&found.corrected, found.corrected_bound)] {
        let error = distance(&gradient.iter().copied().collect::<Vec<_>>(), &answer);
        if let Some(bound) = bound.filter(|b| beyond(error, b + slack)) {
            return Some(format!("a bound of {bound:e} for an error of {error:e}\n{found}"));
        }
    }
    None
}

/// How many certificates there are of how many, and what is wrong.
pub(crate) fn check(case: &Case, pieces: &[Vec<Truth>]) -> (Certified, Vec<String>) {
    let (mut counted, mut faults) = (Certified::default(), vec![]);
    for (point, sides) in case.points.iter().zip(pieces) {
        for adjoint in ADJOINTS {
            if adjoint.steps() && case.kind != Kind::FixedPoint {
                continue;
            }
            for moved in MOVED {
                let sign = |i: usize| if i % 3 == 1 { -1.0 } else { 1.0 };
                let z: Vec<f64> = point.z.iter().enumerate().map(|(i, z)| z * (1.0 + moved * sign(i))).collect();
                counted.asked += 1;
                let what = format!("certificate by {adjoint:?}, moved by {moved:e}");
                let found = match ask(case, point, adjoint, &z) {
                    Ok(found) => found,
                    Err(e) => {
                        let regular = sides[0].nature.flat == 0 && sides[0].nature.condition() <= SURE;
                        if regular && adjoint != Adjoint::Terms {
                            faults.push(format!("{what}: {e}"));
                        }
                        continue;
                    }
                };
                counted.given += usize::from(found.certified());
                if sides.len() > 1 {
                    if found.standing != Standing::Uncertified(Uncertified::WeaklyActive) {
                        faults.push(format!("{what}: on a kink it is {}", found.standing));
                    }
                } else if sides[0].nature.flat > 0 {
                    if found.certified() {
                        faults.push(format!("{what}: of a singular system\n{found}"));
                    }
                } else if let Some(fault) = wrong(&found, &sides[0], &case.cotangent) {
                    faults.push(format!("{what}: {fault}"));
                } else if !found.certified() && sides[0].nature.condition() <= SURE && adjoint != Adjoint::Terms {
                    faults.push(format!("{what}: not certified\n{found}"));
                }
            }
        }
    }
    (counted, faults)
}
