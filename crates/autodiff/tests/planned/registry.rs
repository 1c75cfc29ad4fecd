//! Every operation of the registry, and its derivatives of first and second order, planned and by the reference.
use super::{compare, program};
use hypertape_autodiff::array::{AnyArray, Kind, LeafType};
use hypertape_autodiff::operation::{Probe, Program};
use hypertape_autodiff::ops::registry::registry;
use hypertape_autodiff::transform;

fn along(program: &Program, first: &[AnyArray]) -> Vec<AnyArray> {
    let mut all = first.to_vec();
    all.extend(super::inputs(program, 5).into_iter().skip(first.len()));
    all
}

fn at(probe: &Probe) {
    let types: Vec<LeafType> = probe.inputs.iter().map(AnyArray::leaf_type).collect();
    let shapes: Vec<(&[usize], Kind)> = types.iter().map(|t| (&t.shape[..], t.kind)).collect();
    let p = program(&shapes, |b, x| b.emit(probe.op.clone(), x).to_vec());
    let single = types.iter().any(|t| t.kind == Kind::F32) || p.types.iter().any(|t| t.kind == Kind::F32);
    let tolerance = probe.growth * if single { 1e-4 } else { 1e-11 };
    compare(&p, &probe.inputs, tolerance);
    let (active, wanted): (Vec<bool>, Vec<bool>) =
        (types.iter().map(|t| t.kind.is_real()).collect(), p.output_types().iter().map(|t| t.kind.is_real()).collect());
    if !wanted.contains(&true) || !active.contains(&true) {
        return;
    }
    let forward = transform::jvp(&p, &active, &wanted).unwrap();
    compare(&forward, &along(&forward, &probe.inputs), tolerance);
    let backward = transform::vjp(&p, &active, &wanted).unwrap();
    compare(&backward, &along(&backward, &probe.inputs), tolerance);
    let active: Vec<bool> = backward.input_types().iter().map(|t| t.kind.is_real()).collect();
    let wanted: Vec<bool> = backward.output_types().iter().map(|t| t.kind.is_real()).collect();
    let second = transform::jvp(&backward, &active, &wanted).unwrap();
    compare(&second, &along(&second, &probe.inputs), 10.0 * tolerance);
}

#[test]
fn every_operation_in_double_precision() {
    registry().iter().flat_map(|e| (e.probes)(Kind::F64)).for_each(|p| at(&p));
}

#[test]
fn every_operation_in_single_precision() {
    registry().iter().flat_map(|e| (e.probes)(Kind::F32)).for_each(|p| at(&p));
}
