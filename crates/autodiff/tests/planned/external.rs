//! Code with a state of its own: one state a use, reports in order, errors with the user's line, forgetting; and threads.
use super::{inputs, program};
use hypertape_autodiff::array::{AnyArray, AnyView, Kind::*, LeafType, Slice, SliceMut};
use hypertape_autodiff::execute::Executor;
use hypertape_autodiff::operation::{
    Builder, Common, External, Lowering, Maybe, Op, Operation, Program, Report, ScanSpec, Storage, Trip, Value,
};
use hypertape_autodiff::ops::control::Scan;
use hypertape_autodiff::plan::Plan;
use hypertape_autodiff::program::{Types, Values};
use hypertape_autodiff::{ErrorKind, Site};
use std::any::Any;
use std::sync::Arc;

/// y = x + how often this use ran before; fails at negative first elements.
#[derive(Debug, Clone)]
struct Tally;

impl External for Tally {
    fn state(&self, _: &mut Common) -> Box<dyn Any + Send> {
        Box::new(0.0_f64)
    }
    fn state_bytes(&self) -> u64 {
        8
    }
    fn run(&self, state: &mut (dyn Any + Send), inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>]) -> Result<Option<Report>, ErrorKind> {
        let before = state.downcast_mut::<f64>().ok_or("another state")?;
        let (Slice::F64(x), SliceMut::F64(y)) = (&inputs[0], &mut outputs[0]) else { return Err("another type".into()) };
        if x[0] < 0.0 {
            return Err("a negative number".into());
        }
        y.iter_mut().zip(*x).for_each(|(y, x)| *y = x + *before);
        *before += 1.0;
        let iterations = *before as u64;
        Ok(Some(Report {
            name: "tally".into(),
            iterations: Some(iterations),
            residual: 0.0,
            tolerance: 0.0,
            converged: true,
            status: hypertape_autodiff::outcome::Status::Converged,
            active: None,
            pairs: None,
            remark: None,
        }))
    }
    fn forget(&self, state: &mut (dyn Any + Send)) {
        if let Some(s) = state.downcast_mut::<f64>() {
            *s = 0.0;
        }
    }
}

impl Operation for Tally {
    fn name(&self) -> &str {
        "tally"
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        Ok(inputs.iter().map(|t| (*t).clone()).collect())
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        Ok(vec![inputs[0].clone()])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        (b.emit(op.clone(), inputs), tangents.to_vec())
    }
    fn vjp(&self, _: &mut Builder, _: &[Value], _: &[Value], cotangents: &[Option<Value>], _: &[bool]) -> Maybe {
        cotangents.to_vec()
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::External(Arc::new(Tally))
    }
    fn same(&self, _: &dyn Operation) -> bool {
        false
    }
    fn is_opaque(&self) -> bool {
        true
    }
}

fn executor(p: &Program) -> Executor {
    Executor::new(Arc::new(Plan::new(p).unwrap()))
}

fn looped(carries: usize, items: usize, n: usize, body: Program) -> Op {
    let stacked = body.outputs.len() - carries;
    Op::new(Scan(ScanSpec {
        body: Arc::new(body),
        carries,
        items,
        constants: 0,
        stacked,
        trip: Trip::Static(n),
        reverse: false,
        storage: Storage::Iterates,
    }))
}

#[test]
fn each_use_has_a_state() {
    let body = program(&[(&[], U32), (&[2], F64)], |b, x| vec![b.emit1(Op::new(Tally), &[x[1]])]);
    let p = program(&[(&[2], F64)], |b, x| {
        let y = b.emit1(Op::new(Tally), &[x[0]]);
        let r = b.flip(y, &[0]);
        let z = b.emit1(Op::new(Tally), &[r]);
        vec![z, b.emit(looped(1, 0, 3, body.clone()), &[y])[0]]
    });
    let mut e = executor(&p);
    let x = AnyArray::from_f64(&LeafType::new(&[2], F64), &[1.0, 2.0]).unwrap();
    e.run(&[x.view()]).unwrap();
    assert_eq!(e.output(0).to_owned().to_f64(), [2.0, 1.0]);
    assert_eq!(e.output(1).to_owned().to_f64(), [1.0 + 3.0, 2.0 + 3.0]);
    let counts = |e: &Executor| e.reports().iter().map(|r| r.iterations.unwrap()).collect::<Vec<_>>();
    assert_eq!(counts(&e), [1, 1, 1, 2, 3]);
    e.run(&[x.view()]).unwrap();
    assert_eq!(e.output(0).to_owned().to_f64(), [4.0, 3.0]);
    assert_eq!(counts(&e), [2, 2, 4, 5, 6]);
    e.forget();
    e.run(&[x.view()]).unwrap();
    assert_eq!(counts(&e), [1, 1, 1, 2, 3]);
    assert_eq!(e.counts().externals, 3 * 5);
    assert_eq!(e.memory().external, 3 * 8);
}

#[test]
fn errors_name_the_line() {
    let here = Site::caller();
    let mut b = Builder::new();
    let x = b.input(LeafType::new(&[2], F64));
    let s = b.scale(x, 2.0);
    b.at(Some(here));
    let y = b.emit1(Op::new(Tally), &[s]);
    let body = b.finish(&[y]).unwrap();
    let mut e = executor(&body);
    let at = |v: f64| AnyArray::full(&LeafType::new(&[2], F64), v);
    let problem = e.run(&[at(-1.0).view()]).unwrap_err();
    assert_eq!(problem.site(), Some(here));
    assert!(problem.to_string().starts_with("`tally` at "), "{problem}");
    e.run(&[at(1.0).view()]).unwrap();
    assert_eq!(e.output(0).to_owned().to_f64(), [2.0, 2.0]);
}

/// What big enough programs give with one thread, and with more.
#[test]
fn threads_change_no_bits() {
    let body = program(&[(&[], U32), (&[20_000], F64)], |b, x| {
        let e = b.exp(x[1]);
        let t = b.tanh(e);
        let c = b.emit1(Op::new(Tally), &[e]);
        vec![t, b.sum_all(t), c]
    });
    let p = program(&[(&[61, 20_000], F64), (&[20_000], F64)], |b, x| {
        let y = b.emit(looped(0, 1, 61, body.clone()), &[x[0]]);
        let w = b.broadcast(x[1], &[61, 20_000], &[1]);
        let z = b.sub(y[0], w);
        let z = b.sin(z);
        let rows = b.sum(z, &[1]);
        let columns = b.sum(z, &[0]);
        let v = b.dot(x[0], x[1]);
        vec![y[0], y[1], y[2], rows, columns, b.sum_all(z), v]
    });
    let x: Vec<AnyArray> = inputs(&p, 1)
        .iter()
        .map(|a| AnyArray::from_f64(&a.leaf_type(), &a.to_f64().iter().map(|v| v.abs()).collect::<Vec<_>>()).unwrap())
        .collect();
    let results = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut e = executor(&p);
        pool.install(|| {
            (0..2).for_each(|_| {
                let views: Vec<AnyView<'_>> = x.iter().map(AnyArray::view).collect();
                e.run(&views).unwrap();
            });
        });
        assert_eq!(e.reports().len(), 61);
        (0..p.outputs.len()).map(|i| e.output(i).to_owned()).collect::<Vec<_>>()
    };
    let one = results(1);
    assert_eq!(one, results(2));
    assert_eq!(one, results(5));
}
