//! The steps of a case through the tape, where they converge: K steps from the solution give (I − (I − αA)ᴷ) times the derivative, and a long enough loop gives it.
use crate::case::{Case, Kind};
use crate::reference::{Powers, powers};
use crate::rule::Mode;
use crate::truth::{Truth, beyond, distance};
use hypertape::prelude::*;
use ndarray::{Array1, Array2};

/// Steps at the most.
const MOST: usize = 2048;

fn through(case: &Case, step: f64, steps: usize) -> Result<Function<Leaf, Leaf>> {
    let point = &case.points[0];
    let (n, m) = (point.z.len(), point.params.len());
    let e = case.expression.double.clone();
    let f = Function::record((shape![n], shape![m]), |(z, p)| e(z, p))?;
    let start = Array1::from(point.z.clone()).into_shared();
    Function::record(shape![m], |p| match case.kind {
        Kind::Argmin => GradientDescent::new(&Objective::new(&f)).step_size(step).unroll(steps).solve(constant(&start), p),
        _ => FixedPoint::new(&f).unroll(steps).solve(constant(&start), p),
    })
}

/// The worst relative error of both modes, where there are steps that converge, and what is wrong.
pub(crate) fn check(case: &Case, pieces: &[Vec<Truth>]) -> (Option<f64>, Vec<String>) {
    let (point, truth) = (&case.points[0], &pieces[0][0]);
    let (n, nature) = (point.z.len(), &truth.nature);
    let step = match case.kind {
        Kind::Root => return (None, vec![]),
        Kind::FixedPoint => 1.0,
        Kind::Argmin if !nature.definite || point.a[[0, 0]] < 0.0 => return (None, vec![]),
        Kind::Argmin => 2.0 / (nature.largest + nature.smallest),
    };
    let steps = match powers(Array2::eye(n) - &point.a * step) {
        Powers::Vanish => 1,
        Powers::Shrink { steps, hump } if steps <= MOST && hump < 1e3 => steps,
        _ => return (None, vec![]),
    };
    let mut faults = vec![];
    let mut most: f64 = 0.0;
    let run = |mode| -> Result<Vec<f64>> {
        let f = through(case, step, steps)?;
        let p = Array1::from(point.params.clone());
        Ok(match mode {
            Mode::Reverse => f.vjp(&p, Array1::from(case.cotangent.clone()))?.1.iter().copied().collect(),
            Mode::Forward => f.jvp(&p, Array1::from(case.tangent.clone()))?.1.iter().copied().collect(),
        })
    };
    for mode in [Mode::Reverse, Mode::Forward] {
        let answer = truth.answer(mode, &case.cotangent);
        match run(mode) {
            Ok(found) => {
                let error = distance(&found, &answer);
                // Rounding of each step, and what is left of the series.
                let allowed = truth.allowed(&answer, 1e-12, f64::EPSILON * steps as f64);
                most = most.max(truth.relative(&answer, error));
                if beyond(error, allowed) {
                    faults.push(format!("{steps} steps, {mode:?}: error {error:e} where {allowed:e} is allowed"));
                }
            }
            Err(e) => faults.push(format!("{steps} steps, {mode:?}: {e}")),
        }
    }
    (Some(most), faults)
}
