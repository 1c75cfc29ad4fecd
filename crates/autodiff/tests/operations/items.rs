//! Programs for many items at once against the same programs item by item: every operation of the registry, and their derivatives.
use crate::support::{directions, flat, largest, program_of, quick, real, run, unflat};
use hypertape_autodiff::array::{AnyArray, Kind, LeafType};
use hypertape_autodiff::error::Result;
use hypertape_autodiff::execute::reference;
use hypertape_autodiff::operation::{Probe, Program};
use hypertape_autodiff::transform::{batch, vjp};
use hypertape_autodiff::{each_operation, ops};
use hypertape_testkit::differences::assert_close;

/// Operand `x` as item k has it: numbers a little smaller, indices in another order, or the one before.
fn of_item(x: &AnyArray, k: usize) -> AnyArray {
    let mut v = x.to_f64();
    match x.kind() {
        Kind::U32 if v.len() == 1 => v[0] = (v[0] - k as f64).max(0.0),
        Kind::U32 if k % 2 == 1 => v.reverse(),
        Kind::U32 => {}
        _ => v.iter_mut().enumerate().for_each(|(i, v)| *v *= 1.0 - 0.03 * k as f64 / (1.0 + i as f64)),
    }
    AnyArray::from_f64(&x.leaf_type(), &v).expect("as many elements")
}

fn stacked(of: &LeafType, all: &[AnyArray]) -> AnyArray {
    let mut t = of.clone();
    t.shape.insert(0, all.len());
    AnyArray::from_f64(&t, &flat(all)).expect("as many elements")
}

/// The program at `n` items, of which those inputs differ for which `each` holds: the inputs of each item, and those of all items at once.
fn inputs(at: &[AnyArray], each: &[bool], n: usize) -> (Vec<Vec<AnyArray>>, Vec<AnyArray>) {
    let item = |k: usize| at.iter().zip(each).map(|(x, e)| if *e { of_item(x, k) } else { x.clone() }).collect::<Vec<_>>();
    let items: Vec<Vec<AnyArray>> = (0..n).map(item).collect();
    let column = |i: usize| stacked(&at[i].leaf_type(), &items.iter().map(|x| x[i].clone()).collect::<Vec<_>>());
    let all = (0..at.len()).map(|i| if each[i] { column(i) } else { at[i].clone() }).collect();
    (items, all)
}

/// Compares a program for `n` items with running it `n` times.
fn compare(program: &Program, at: &[AnyArray], each: &[bool], n: usize, tolerance: f64) {
    let (items, all) = inputs(at, each, n);
    let many = batch(program, n, each).unwrap_or_else(|e| panic!("{e}\n{program}"));
    let one_by_one: Result<Vec<Vec<AnyArray>>> = items.iter().map(|x| reference::run(program, x)).collect();
    let Ok(one_by_one) = one_by_one else {
        assert!(reference::run(&many, &all).is_err(), "an error of one item is none for all: {program}");
        return;
    };
    let made = run(&many, &all);
    for (i, t) in program.output_types().iter().enumerate() {
        let expected = stacked(t, &one_by_one.iter().map(|y| y[i].clone()).collect::<Vec<_>>());
        let tolerance = tolerance * (1.0 + largest(std::slice::from_ref(&expected)));
        let what = format!("output {i} of {n} items, {each:?}, of\n{program}\n{many}");
        assert_eq!(made[i].leaf_type(), expected.leaf_type(), "{what}");
        assert_close(&what, &made[i].to_f64(), &expected.to_f64(), tolerance);
    }
}

fn every_subset(probe: &Probe, eps: f64) {
    let program = program_of(&probe.op, &probe.inputs);
    let tolerance = 64.0 * eps * probe.growth;
    let count = probe.inputs.len();
    for subset in 1..1_usize << count.min(5) {
        let each: Vec<bool> = (0..count).map(|i| subset >> i & 1 == 1).collect();
        compare(&program, &probe.inputs, &each, 3, tolerance);
        compare(&program, &probe.inputs, &each, 1, tolerance);
    }
    if count > 0 {
        let many = batch(&program, 0, &vec![true; count]).unwrap_or_else(|e| panic!("{e}\n{program}"));
        let none: Vec<AnyArray> = probe.inputs.iter().map(|x| stacked(&x.leaf_type(), &[])).collect();
        assert!(flat(&run(&many, &none)).is_empty());
    }
}

/// The derivative of a program for all items against that of one program for all items.
fn backwards(probe: &Probe, eps: f64) {
    let program = program_of(&probe.op, &probe.inputs);
    let (of, to) = (real(&program.input_types()), real(&program.output_types()));
    if !of.contains(&true) || !to.contains(&true) {
        return;
    }
    let n = 2;
    let back = vjp(&program, &of, &to).expect("every operation has a rule");
    let bars = directions(&program.output_types(), &to, 7);
    let at = [&probe.inputs[..], &bars].concat();
    let (items, all) = inputs(&at, &vec![true; at.len()], n);
    if items.iter().any(|x| reference::run(&back, x).is_err()) {
        return;
    }
    let one = batch(&back, n, &vec![true; at.len()]).unwrap_or_else(|e| panic!("{e}\n{back}"));
    let many = batch(&program, n, &vec![true; probe.inputs.len()]).unwrap_or_else(|e| panic!("{e}\n{program}"));
    let other = vjp(&many, &of, &to).expect("a program of operations");
    let (made, expected) = (quick(&other, &all), quick(&one, &all));
    for (a, b) in made.iter().zip(&expected) {
        let tolerance = 256.0 * eps * probe.growth * (1.0 + largest(std::slice::from_ref(b)));
        assert_close(&format!("the derivative of {many}"), &a.to_f64(), &b.to_f64(), tolerance);
    }
    assert_close(&format!("{one}"), &flat(&run(&one, &all)), &flat(&unflat(&one.output_types(), &flat(&expected))), f64::INFINITY);
}

fn check(probes: fn(Kind) -> Vec<Probe>) {
    for kind in [Kind::F64, Kind::F32] {
        for probe in probes(kind) {
            let single = program_of(&probe.op, &probe.inputs).types.iter().any(|t| t.kind == Kind::F32);
            let eps = if single { f64::from(f32::EPSILON) } else { f64::EPSILON };
            every_subset(&probe, eps);
            backwards(&probe, eps);
        }
    }
}

macro_rules! items {
    ($($name:ident: $family:ident::$type:ident;)*) => { $(
        #[test]
        fn $name() {
            use hypertape_autodiff::operation::Probed;
            check(ops::$family::$type::probes);
        }
    )* };
}
each_operation!(items);
