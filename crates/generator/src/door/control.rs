//! Loops, branches and calls as closures.
use super::{Handle, Recorder, leaf};
use crate::language::{Body, Op, Step, Storage, Type};
use hypertape::array::Real;
use hypertape::operation::Storage as Kept;
use hypertape::prelude::*;
use hypertape::record::{scan_storing, scan_until_storing};

fn kept(s: Storage) -> Kept {
    match s {
        Storage::Iterates => Kept::Iterates,
        Storage::Values => Kept::Values,
        Storage::Bytes(n) => Kept::Bytes(n),
    }
}

impl<T: Real> Recorder<'_, T> {
    /// Records a body on these handles.
    fn body(&mut self, body: &Body, given: impl IntoIterator<Item = DynVar>) -> Vec<DynVar> {
        let outside = self.values.len();
        self.values.extend(given.into_iter().zip(&body.inputs).map(|(v, of)| Handle::of(of.kind, v)));
        self.steps(&body.steps);
        let made = body.outputs.iter().map(|id| self.values[*id].to_dyn()).collect();
        self.values.truncate(outside);
        made
    }
    pub(super) fn control(&mut self, s: &Step) -> Vec<Handle<T>> {
        let args: Vec<DynVar> = s.args.iter().map(|id| self.values[*id].to_dyn()).collect();
        let made: Vec<DynVar> = match &s.op {
            Op::Scan { body, carries, steps, storage } => {
                let (init, items) = (args[..*carries].to_vec(), args[*carries..].to_vec());
                let hand = |mut made: Vec<DynVar>| {
                    let outputs = made.split_off(*carries);
                    (made, outputs)
                };
                let (carry, outputs) = if items.is_empty() {
                    scan_storing(kept(*storage), init, *steps, |carry: Vec<DynVar>, k: Var<u32>| {
                        hand(self.body(body, [k.to_dyn()].into_iter().chain(carry)))
                    })
                } else if *storage == Storage::Iterates {
                    scan(init, items, |carry: Vec<DynVar>, item: Vec<DynVar>| hand(self.body(body, carry.into_iter().chain(item))))
                } else {
                    scan_storing(kept(*storage), init, items, |carry: Vec<DynVar>, item: Vec<DynVar>| {
                        hand(self.body(body, carry.into_iter().chain(item)))
                    })
                };
                carry.into_iter().chain(outputs).collect()
            }
            Op::ScanUntil { test, body, limit, storage } => {
                let recorder = std::cell::RefCell::new(self);
                let (carry, count) = scan_until_storing(
                    kept(*storage),
                    args,
                    *limit,
                    |carry: &Vec<DynVar>| Var::<T>::from_dyn(recorder.borrow_mut().body(test, carry.iter().copied())[0]),
                    |carry: Vec<DynVar>, k| recorder.borrow_mut().body(body, [k.to_dyn()].into_iter().chain(carry)),
                );
                carry.into_iter().chain([count.to_dyn()]).collect()
            }
            Op::Map(body) => map(args, |item: Vec<DynVar>| self.body(body, item)),
            Op::Cond(yes, no) => {
                let recorder = std::cell::RefCell::new(self);
                let test = Var::<T>::from_dyn(args[0]);
                cond(test, || recorder.borrow_mut().body(yes, []), || recorder.borrow_mut().body(no, []))
            }
            Op::Call(body) => {
                let leaves: Vec<AnyLeaf> = body.inputs.iter().map(leaf::<T>).collect();
                let program = self.program;
                let before = self.values.len();
                // A function of its own knows nothing of the variables outside.
                let f = Function::record(leaves, |given: Vec<DynVar>| {
                    let mut inner = Recorder::<T> { program, inputs: vec![], values: vec![Handle::Absent; before] };
                    inner.body(body, given)
                });
                match f {
                    Ok(f) => f.call(args),
                    Err(e) => {
                        hypertape::record::fail(e);
                        body.outputs.iter().map(|_| DynVar::POISON).collect()
                    }
                }
            }
            other => panic!("{other:?} is neither a loop nor a branch"),
        };
        made.into_iter().zip(&s.types).map(|(v, of): (DynVar, &Type)| Handle::of(of.kind, v)).collect()
    }
}
