//! What the tests of operations and transforms share: running programs, lists of arrays as vectors, and every check of a derivative.
#![allow(dead_code, reason = "each test file uses its own part")]
pub(crate) mod derivatives;
mod planned;

use hypertape_autodiff::array::{AnyArray, Kind, LeafType};
use hypertape_autodiff::execute::reference;
use hypertape_autodiff::operation::{Builder, Op, Program, Value};
use hypertape_testkit::random;

/// Outputs of a program by the reference executor, with checks: the program is sound, values have the inferred types, and the planned
/// executor agrees.
#[track_caller]
pub(crate) fn run(program: &Program, inputs: &[AnyArray]) -> Vec<AnyArray> {
    if let Err(problem) = program.check() {
        panic!("{problem}\n{program}");
    }
    let given: Vec<LeafType> = inputs.iter().map(AnyArray::leaf_type).collect();
    assert_eq!(given, program.input_types(), "inputs of\n{program}");
    let made = reference::run(program, inputs).unwrap_or_else(|e| panic!("{e}\n{program}"));
    let types: Vec<LeafType> = made.iter().map(AnyArray::leaf_type).collect();
    assert_eq!(types, program.output_types(), "outputs of\n{program}");
    planned::compare(program, inputs, &made);
    made
}

/// Outputs of a program by the reference executor alone.
#[track_caller]
pub(crate) fn quick(program: &Program, inputs: &[AnyArray]) -> Vec<AnyArray> {
    reference::run(program, inputs).unwrap_or_else(|e| panic!("{e}\n{program}"))
}

/// A program of one equation.
pub(crate) fn program_of(op: &Op, inputs: &[AnyArray]) -> Program {
    build(&inputs.iter().map(AnyArray::leaf_type).collect::<Vec<_>>(), |b, x| b.emit(op.clone(), x).to_vec())
}

/// A program of inputs of these types, simplified as it is written.
pub(crate) fn build(types: &[LeafType], f: impl FnOnce(&mut Builder, &[Value]) -> Vec<Value>) -> Program {
    let mut b = Builder::new();
    let inputs = b.inputs(types);
    let outputs = f(&mut b, &inputs);
    b.finish(&outputs).unwrap_or_else(|e| panic!("{e}"))
}

/// Double precision of this shape.
pub(crate) fn f64s(shape: &[usize]) -> LeafType {
    LeafType::new(shape, Kind::F64)
}

/// A number.
pub(crate) fn number(v: f64) -> AnyArray {
    array(&[], &[v])
}

/// An index.
pub(crate) fn index(v: u32) -> AnyArray {
    AnyArray::full(&LeafType::new(&[], Kind::U32), f64::from(v))
}

/// An array of double precision, by rows.
pub(crate) fn array(shape: &[usize], v: &[f64]) -> AnyArray {
    AnyArray::from_f64(&f64s(shape), v).expect("as many elements as the shape holds")
}

/// Uniform on [−1, 1).
pub(crate) fn uniform(t: &LeafType, seed: u64) -> AnyArray {
    let v: Vec<f64> = (0..t.len() as u64).map(|i| 2.0 * random::unit(seed, i) - 1.0).collect();
    AnyArray::from_f64(t, &v).expect("as many elements as the type holds")
}

/// One array for each type for which `of` holds.
pub(crate) fn directions(types: &[LeafType], of: &[bool], seed: u64) -> Vec<AnyArray> {
    types.iter().zip(of).enumerate().filter(|(_, (_, of))| **of).map(|(i, (t, _))| uniform(t, seed + 1000 * i as u64)).collect()
}

/// All elements of all arrays.
pub(crate) fn flat(a: &[AnyArray]) -> Vec<f64> {
    a.iter().flat_map(AnyArray::to_f64).collect()
}

/// Arrays of these types from all their elements.
pub(crate) fn unflat<'a>(types: impl IntoIterator<Item = &'a LeafType>, v: &[f64]) -> Vec<AnyArray> {
    let mut rest = v;
    let take = |t: &LeafType| {
        let (mine, others) = rest.split_at(t.len());
        rest = others;
        AnyArray::from_f64(t, mine).expect("as many elements as the type holds")
    };
    types.into_iter().map(take).collect()
}

/// Σ aᵢbᵢ over all elements, and Σ |aᵢbᵢ|.
pub(crate) fn inner(a: &[AnyArray], b: &[AnyArray]) -> (f64, f64) {
    let (a, b) = (flat(a), flat(b));
    assert_eq!(a.len(), b.len());
    a.iter().zip(&b).fold((0.0, 0.0), |(sum, size), (a, b)| (sum + a * b, size + (a * b).abs()))
}

/// The largest absolute value; 0 of nothing.
pub(crate) fn largest(a: &[AnyArray]) -> f64 {
    flat(a).iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// Whether each type has derivatives.
pub(crate) fn real(types: &[LeafType]) -> Vec<bool> {
    types.iter().map(|t| t.kind.is_real()).collect()
}

/// The items for which a mask holds.
pub(crate) fn masked<T: Clone>(items: &[T], mask: &[bool]) -> Vec<T> {
    items.iter().zip(mask).filter(|(_, m)| **m).map(|(v, _)| v.clone()).collect()
}
