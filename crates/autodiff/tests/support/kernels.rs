//! Dense kernels of single equations against naive values.
use hypertape_autodiff::array::{AnyArray, Kind, LeafType, Slice, SliceMut};
use hypertape_autodiff::operation::{Lowering, Program};
use hypertape_testkit::differences::{assert_close, rounding};

/// Runs a program naively, and every equation that lowers to a dense kernel both ways.
#[track_caller]
pub(crate) fn compare(program: &Program, inputs: &[AnyArray]) {
    let mut values: Vec<Option<AnyArray>> = vec![None; program.types.len()];
    for (v, x) in program.inputs.iter().zip(inputs) {
        values[v.index()] = Some(x.clone());
    }
    for e in &program.equations {
        let x: Vec<&AnyArray> = e.inputs.iter().map(|v| values[v.index()].as_ref().expect("made before it is read")).collect();
        let types = |v: &[hypertape_autodiff::operation::Value]| v.iter().map(|v| program.type_of(*v).clone()).collect::<Vec<_>>();
        let (given, made) = (types(&e.inputs), types(&e.outputs));
        let naive = e.op.value(&x).unwrap_or_else(|p| panic!("{}", p.running(e.op.name(), None)));
        if let Lowering::Kernel(kernel) = e.op.lower(&given.iter().collect::<Vec<_>>(), &made.iter().collect::<Vec<_>>()) {
            let x: Vec<AnyArray> = x.iter().map(|a| AnyArray::from_f64(&a.leaf_type(), &a.to_f64()).expect("the same elements")).collect();
            // Neither results nor scratch memory begin clean.
            let mut y: Vec<AnyArray> = made.iter().map(|t| AnyArray::full(t, if t.kind.is_real() { f64::NAN } else { 77.0 })).collect();
            let mut scratch = vec![f64::NAN; kernel.scratch()];
            kernel
                .run(&x.iter().map(slice).collect::<Vec<_>>(), &mut y.iter_mut().map(slice_mut).collect::<Vec<_>>(), &mut scratch)
                .unwrap_or_else(|p| panic!("{}", p.running(e.op.name(), None)));
            for (fast, naive) in y.iter().zip(&naive) {
                let n = given.iter().chain(&made).map(LeafType::len).max().unwrap_or(1);
                let eps = if naive.kind() == Kind::F32 { f64::from(f32::EPSILON) / f64::EPSILON } else { 1.0 };
                let scale = naive.to_f64().iter().fold(1.0, |m: f64, v| m.max(v.abs()));
                assert_close(&format!("kernel of {}", e.op.name()), &fast.to_f64(), &naive.to_f64(), eps * rounding(n, scale));
            }
        }
        for (v, y) in e.outputs.iter().zip(naive) {
            values[v.index()] = Some(y);
        }
    }
}

fn slice(a: &AnyArray) -> Slice<'_> {
    match a {
        AnyArray::F64(a) => Slice::F64(a.as_slice().expect("row-major")),
        AnyArray::F32(a) => Slice::F32(a.as_slice().expect("row-major")),
        AnyArray::U32(a) => Slice::U32(a.as_slice().expect("row-major")),
    }
}

fn slice_mut(a: &mut AnyArray) -> SliceMut<'_> {
    match a {
        AnyArray::F64(a) => SliceMut::F64(a.as_slice_mut().expect("row-major")),
        AnyArray::F32(a) => SliceMut::F32(a.as_slice_mut().expect("row-major")),
        AnyArray::U32(a) => SliceMut::U32(a.as_slice_mut().expect("row-major")),
    }
}
