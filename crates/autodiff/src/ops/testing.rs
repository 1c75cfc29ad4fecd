//! What every operation is tested for: differences, the transpose identity, second derivatives, kernels against naive values.
use crate::array::{AnyArray, Kind, LeafType, Slice, SliceMut};
use crate::error::Error;
use crate::execute::reference;
use crate::operation::{Builder, Lowering, Program, Value};
use crate::transform;
use hypertape_testkit::differences::{self, STEP, assert_close, rounding, tolerance};
use hypertape_testkit::random;

/// A program of inputs of these types.
pub(crate) fn record(types: &[LeafType], build: impl FnOnce(&mut Builder, &[Value]) -> Vec<Value>) -> Result<Program, Error> {
    let mut b = Builder::new();
    let x = b.inputs(types);
    let y = build(&mut b, &x);
    b.finish(&y)
}

/// Seeded numbers in [−½, ½) of a shape.
pub(crate) fn numbers(seed: u64, shape: &[usize]) -> AnyArray {
    AnyArray::F64(random::sym(seed, shape.to_vec()).into_dyn())
}

/// Runs a program by its dense kernels where an operation lowers to one, and naively elsewhere.
pub(crate) fn run_kernels(program: &Program, inputs: &[AnyArray]) -> Result<Vec<AnyArray>, Error> {
    let mut values: Vec<Option<AnyArray>> = vec![None; program.types.len()];
    for (v, x) in program.inputs.iter().zip(inputs) {
        values[v.index()] = Some(x.clone());
    }
    for e in &program.equations {
        let x: Vec<&AnyArray> = e.inputs.iter().filter_map(|v| values[v.index()].as_ref()).collect();
        let types = |v: &[Value]| v.iter().map(|v| program.type_of(*v).clone()).collect::<Vec<_>>();
        let (ti, to) = (types(&e.inputs), types(&e.outputs));
        let lowered = e.op.lower(&ti.iter().collect::<Vec<_>>(), &to.iter().collect::<Vec<_>>());
        let made = if let Lowering::Kernel(kernel) = lowered {
            let x: Vec<AnyArray> = x.iter().map(|a| AnyArray::from_f64(&a.leaf_type(), &a.to_f64()).expect("the same elements")).collect();
            let slices: Vec<Slice<'_>> = x.iter().map(slice).collect();
            // Neither results nor scratch memory begin clean.
            let mut y: Vec<AnyArray> = to.iter().map(|t| AnyArray::full(t, if t.kind.is_real() { f64::NAN } else { 77.0 })).collect();
            let mut scratch = vec![f64::NAN; kernel.scratch()];
            let mut outputs: Vec<SliceMut<'_>> = y.iter_mut().map(slice_mut).collect();
            kernel.run(&slices, &mut outputs, &mut scratch).map_err(|p| p.running(e.op.name(), e.site))?;
            y
        } else {
            e.op.value(&x).map_err(|p| p.running(e.op.name(), e.site))?
        };
        for (v, y) in e.outputs.iter().zip(made) {
            values[v.index()] = Some(y);
        }
    }
    Ok(program.outputs.iter().filter_map(|v| values[v.index()].clone()).collect())
}

fn slice(a: &AnyArray) -> Slice<'_> {
    match a {
        AnyArray::F64(a) => Slice::F64(a.as_slice().expect("arrays are row-major here")),
        AnyArray::F32(a) => Slice::F32(a.as_slice().expect("arrays are row-major here")),
        AnyArray::U32(a) => Slice::U32(a.as_slice().expect("arrays are row-major here")),
    }
}

fn slice_mut(a: &mut AnyArray) -> SliceMut<'_> {
    match a {
        AnyArray::F64(a) => SliceMut::F64(a.as_slice_mut().expect("arrays are row-major here")),
        AnyArray::F32(a) => SliceMut::F32(a.as_slice_mut().expect("arrays are row-major here")),
        AnyArray::U32(a) => SliceMut::U32(a.as_slice_mut().expect("arrays are row-major here")),
    }
}

fn flat(arrays: &[AnyArray]) -> Vec<f64> {
    arrays.iter().flat_map(AnyArray::to_f64).collect()
}

/// Cuts a flat list into arrays of these types.
fn cut(types: &[LeafType], mut v: &[f64]) -> Vec<AnyArray> {
    types
        .iter()
        .map(|t| {
            let (head, tail) = v.split_at(t.len());
            v = tail;
            AnyArray::from_f64(t, head).expect("as many elements as the type says")
        })
        .collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Naive values and kernels agree.
pub(crate) fn check_kernels(what: &str, program: &Program, inputs: &[AnyArray]) -> Vec<f64> {
    program.check().unwrap_or_else(|e| panic!("{what}: {e}\n{program}"));
    let naive = flat(&reference::run(program, inputs).unwrap_or_else(|e| panic!("{what}: {e}\n{program}")));
    let fast = flat(&run_kernels(program, inputs).unwrap_or_else(|e| panic!("{what}: {e}\n{program}")));
    let size = naive.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
    let n = program.types.iter().map(LeafType::len).max().unwrap_or(1);
    let single = program.types.iter().any(|t| t.kind == Kind::F32);
    let eps = if single { f64::from(f32::EPSILON) / f64::EPSILON } else { 1.0 };
    assert_close(&format!("{what}: kernels"), &fast, &naive, eps * rounding(n, size));
    naive
}

/// First and second derivatives of a program of f64 inputs and outputs, at a point.
///
/// `scale` bounds the values, and the derivatives of high order that the error of differences depends on.
pub(crate) fn check(what: &str, scale: f64, inputs: &[AnyArray], build: impl Fn(&mut Builder, &[Value]) -> Vec<Value>) {
    let types: Vec<LeafType> = inputs.iter().map(AnyArray::leaf_type).collect();
    let f = record(&types, &build).unwrap_or_else(|e| panic!("{what}: {e}"));
    check_program(what, scale, &f, inputs, 2);
    let narrow: Vec<LeafType> =
        types.iter().map(|t| LeafType::new(&t.shape, if t.kind == Kind::F64 { Kind::F32 } else { t.kind })).collect();
    if let Ok(single) = record(&narrow, &build) {
        let x = cut(&narrow, &flat(inputs));
        check_kernels(&format!("{what}, f32"), &single, &x);
    }
}

fn check_program(what: &str, scale: f64, f: &Program, x: &[AnyArray], orders: usize) {
    let y = check_kernels(what, f, x);
    if orders == 0 {
        return;
    }
    let (ti, to) = (f.input_types(), f.output_types());
    let real = |t: &[LeafType]| t.iter().map(|t| t.kind.is_real()).collect::<Vec<_>>();
    let (active, wanted) = (real(&ti), real(&to));
    let picked = |t: &[LeafType], seed: u64| -> Vec<AnyArray> {
        t.iter().filter(|t| t.kind.is_real()).enumerate().map(|(i, t)| numbers(seed + i as u64, &t.shape)).collect()
    };
    let (v, c) = (picked(&ti, 1000), picked(&to, 2000));
    let n: usize = x.iter().map(|x| x.shape().iter().product::<usize>()).sum::<usize>() + y.len();
    let scale = y.iter().fold(scale, |m, v| m.max(v.abs()));

    let jvp = transform::jvp(f, &active, &wanted).unwrap_or_else(|e| panic!("{what}: {e}"));
    let values = check_kernels(&format!("{what}: jvp"), &jvp, &[x, &v].concat());
    assert_close(&format!("{what}: values of the jvp"), &values[..y.len()], &y, rounding(n, scale));
    let jv = &values[y.len()..];

    // Differences move the real inputs only.
    let point: Vec<AnyArray> = x.iter().filter(|x| x.kind().is_real()).cloned().collect();
    let types: Vec<LeafType> = point.iter().map(AnyArray::leaf_type).collect();
    let moved = |p: &[f64]| -> Vec<f64> {
        let mut moved = cut(&types, p).into_iter();
        let all: Vec<AnyArray> =
            x.iter().map(|x| if x.kind().is_real() { moved.next().expect("one for each") } else { x.clone() }).collect();
        let y = reference::run(f, &all).unwrap_or_else(|e| panic!("{what}: {e}"));
        flat(&y.into_iter().filter(|y| y.kind().is_real()).collect::<Vec<_>>())
    };
    let found = differences::jvp(moved, &flat(&point), &flat(&v));
    assert_close(&format!("{what}: jvp against differences"), jv, &found, tolerance(n, scale, STEP));

    let vjp = transform::vjp(f, &active, &wanted).unwrap_or_else(|e| panic!("{what}: {e}"));
    let values = check_kernels(&format!("{what}: vjp"), &vjp, &[x, &c].concat());
    let vc = &values[y.len()..];
    let (left, right) = (dot(&flat(&c), jv), dot(vc, &flat(&v)));
    let size = jv.iter().chain(vc).fold(scale, |m, v| m.max(v.abs()));
    assert_close(&format!("{what}: transpose identity"), &[left], &[right], rounding(n, size));

    // The derivative of the vjp, and of the jvp, are derivatives like any other.
    check_program(&format!("{what}: vjp"), scale, &vjp, &[x, &c].concat(), orders - 1);
    check_program(&format!("{what}: jvp"), scale, &jvp, &[x, &v].concat(), orders - 1);
}
