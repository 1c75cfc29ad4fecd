//! Every operation of the registry at its probe points, in double and in single precision.

use crate::support::derivatives::{Check, check};
use crate::support::{directions, flat, largest, program_of, quick, real};
use hypertape_autodiff::array::{AnyArray, Kind};
use hypertape_autodiff::operation::{Probe, Program};
use hypertape_autodiff::transform::{jvp, vjp};
use hypertape_autodiff::{each_operation, ops};
use hypertape_testkit::differences::assert_close;

/// What tolerances allow for one operation: a few roundings, and differences of functions as smooth as a sine of twice the argument.
fn allowed(probe: &Probe, eps: f64) -> Check {
    Check { growth: 4.0 * probe.growth, roughness: 128.0 * probe.growth, reach: probe.reach, eps, exact: probe.exact, ..Check::default() }
}

fn double(probes: fn(Kind) -> Vec<Probe>) {
    let probes = probes(Kind::F64);
    assert!(!probes.is_empty());
    for probe in probes {
        let program = program_of(&probe.op, &probe.inputs);
        // A conversion rounds to single precision on the way.
        let eps = if program.types.iter().any(|t| t.kind == Kind::F32) { f64::from(f32::EPSILON) } else { f64::EPSILON };
        check(&program, &probe.inputs, allowed(&probe, eps));
    }
}

/// Single precision: the identities to its own roundoff, and everything equal to double precision at the same points.
fn single(probes: fn(Kind) -> Vec<Probe>) {
    let eps = f64::from(f32::EPSILON);
    for (probe, wide) in probes(Kind::F32).iter().zip(&probes(Kind::F64)) {
        let program = program_of(&probe.op, &probe.inputs);
        let allowed = allowed(probe, eps);
        check(&program, &probe.inputs, allowed);
        let point: Vec<AnyArray> = probe.inputs.iter().zip(&wide.inputs).map(|(x, w)| retyped(x, w.kind())).collect();
        let precise = program_of(&wide.op, &point);
        for (narrow, wide) in derivatives(&program, &probe.inputs).iter().zip(derivatives(&precise, &point)) {
            let tolerance = 4.0 * eps * allowed.growth * (flat(&probe.inputs).len().max(1) as f64) * (1.0 + largest(&wide));
            assert_close(&format!("{} in single precision", program), &flat(narrow), &flat(&wide), tolerance);
        }
    }
}

fn retyped(x: &AnyArray, kind: Kind) -> AnyArray {
    let mut t = x.leaf_type();
    t.kind = kind;
    AnyArray::from_f64(&t, &x.to_f64()).unwrap()
}

/// Values with tangents, and values with cotangents, along directions that single precision holds exactly.
fn derivatives(program: &Program, at: &[AnyArray]) -> [Vec<AnyArray>; 2] {
    let (inputs, outputs) = (program.input_types(), program.output_types());
    let (active, wanted) = (real(&inputs), real(&outputs));
    let short = |a: Vec<AnyArray>| -> Vec<AnyArray> { a.iter().map(|a| retyped(&retyped(a, Kind::F32), a.kind())).collect() };
    let (v, ybar) = (short(directions(&inputs, &active, 1)), short(directions(&outputs, &wanted, 2)));
    let forward = jvp(program, &active, &wanted).unwrap();
    let backward = vjp(program, &active, &wanted).unwrap();
    [quick(&forward, &[at, &v].concat()), quick(&backward, &[at, &ybar].concat())]
}

macro_rules! conformance {
    ($($name:ident: $family:ident::$type:ident;)*) => { $(
        mod $name {
            use hypertape_autodiff::operation::Probed;
            #[test]
            fn double() {
                super::double(super::ops::$family::$type::probes);
            }
            #[test]
            fn single() {
                super::single(super::ops::$family::$type::probes);
            }
        }
    )* };
}
each_operation!(conformance);

#[test]
fn names_are_distinct() {
    let mut names: Vec<&str> = ops::registry::registry().iter().map(|e| e.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|w| w[0] != w[1]));
}
