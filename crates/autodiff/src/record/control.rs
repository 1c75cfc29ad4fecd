//! Loops and branches. Bodies are regions of the same recording: what they use from outside is captured, and differentiated.
use crate::array::{Element, Kind, LeafType, Shape};
use crate::error::{Counted, Error, ErrorKind, Many, Nothing, Scalar, Site, Vectors};
use crate::operation::{CondSpec, Op, ScanSpec, Storage, Trip};
use crate::ops::control::{Cond, Scan};
use crate::tape::DynVar;
use crate::tape::Var;
use crate::tape::{self, Captured};
use crate::tree::{Structure, Vars};
use std::sync::Arc;

/// What a loop runs over: a number of steps (the item is the counter), or arrays by their leading axis.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a loop runs over",
    note = "give a number of steps (a `usize`), or variables whose leading axis is the step"
)]
pub trait Steps {
    /// What one step receives.
    type Item;
    /// The stacked handles, and how many steps; an error names what does not fit.
    #[doc(hidden)]
    fn open(&self) -> Result<(Vec<DynVar>, usize), ErrorKind>;
    /// The item of one step, from the counter and the handles of this step.
    #[doc(hidden)]
    fn item(&self, counter: DynVar, items: &[DynVar]) -> Self::Item;
}
impl Steps for usize {
    type Item = Var<u32>;
    fn open(&self) -> Result<(Vec<DynVar>, usize), ErrorKind> {
        Ok((vec![], *self))
    }
    fn item(&self, counter: DynVar, _: &[DynVar]) -> Var<u32> {
        Var::from_dyn(counter)
    }
}
#[diagnostic::do_not_recommend]
impl<W: Vars> Steps for W {
    type Item = W;
    fn open(&self) -> Result<(Vec<DynVar>, usize), ErrorKind> {
        let flat = self.flat();
        let mut n = None;
        for v in &flat {
            let t = v.leaf_type().unwrap_or(LeafType::new(&[1], v.kind()));
            match (t.shape.first(), n) {
                (None, _) => {
                    return Err(ErrorKind::NotOneNumber { of: Scalar::Item, given: t });
                }
                (Some(m), Some(n)) if *m != n => {
                    return Err(ErrorKind::Lengths { of: Vectors::Items, expected: vec![n], given: vec![*m] });
                }
                (Some(m), _) => n = Some(*m),
            }
        }
        n.map(|n| (flat, n)).ok_or(ErrorKind::Empty(Nothing::Items))
    }
    fn item(&self, _: DynVar, items: &[DynVar]) -> W {
        let mut it = items.iter().copied();
        self.map(&mut |_| it.next().unwrap_or(DynVar::POISON))
    }
}

fn types(vars: &[DynVar]) -> Vec<LeafType> {
    vars.iter().map(|v| v.leaf_type().unwrap_or(LeafType::new(&[], v.kind()))).collect()
}

fn row_types(stacked: &[DynVar]) -> Vec<LeafType> {
    types(stacked).into_iter().map(|t| LeafType { shape: Shape::from_slice(t.shape.get(1..).unwrap_or(&[])), kind: t.kind }).collect()
}

fn fail(op: &str, kind: ErrorKind, at: Site) {
    tape::fail(Error::new(op, kind).at(at));
}

/// That the counter of a loop can count its steps.
fn countable(op: &str, steps: usize, at: Site) {
    if u32::try_from(steps).is_err() {
        fail(op, ErrorKind::TooMany { of: Many::Steps, given: steps as u64, most: u64::from(u32::MAX) }, at);
    }
}

/// That the body hands on as many variables as it was given, in vectors of the same lengths: a `Vec` may have grown or shrunk.
fn same_leaves<W: Vars>(op: &str, start: &W, next: &W, at: Site) {
    let (m, n) = (start.flat().len(), next.flat().len());
    if m != n {
        fail(op, ErrorKind::count(Counted::Carry, m, n), at);
    }
    let (a, b) = (lengths(start), lengths(next));
    if a != b {
        fail(op, ErrorKind::Lengths { of: Vectors::Carry, expected: a, given: b }, at);
    }
}

fn lengths<W: Vars>(w: &W) -> Vec<usize> {
    w.structure().all_lengths()
}

/// Handles of a failed recording, in the structure asked for.
fn poisoned<W: Vars>(like: &W) -> W {
    like.map(&mut |_| DynVar::POISON)
}

/// Repeats `body`: (carry, item) → (carry, output). Gives the last carry and the outputs stacked along a new leading axis.
///
/// `over` is a number of steps, or arrays whose leading axis is the step. Variables of the enclosing recording that the body
/// uses are captured, and differentiated. Zero steps give back `init`.
#[track_caller]
pub fn scan<C: Vars, X: Steps, Y: Vars>(init: C, over: X, body: impl FnOnce(C, X::Item) -> (C, Y)) -> (C, Y) {
    run("scan", Storage::Iterates, init, over, Site::caller(), body)
}

/// [`scan`], with what it stores for its reverse derivative.
#[track_caller]
pub fn scan_storing<C: Vars, X: Steps, Y: Vars>(storage: Storage, init: C, over: X, body: impl FnOnce(C, X::Item) -> (C, Y)) -> (C, Y) {
    run("scan", storage, init, over, Site::caller(), body)
}

fn run<C: Vars, X: Steps, Y: Vars>(
    op: &str,
    storage: Storage,
    init: C,
    over: X,
    at: Site,
    body: impl FnOnce(C, X::Item) -> (C, Y),
) -> (C, Y) {
    let (items, n) = over.open().unwrap_or_else(|problem| {
        fail(op, problem, at);
        (vec![], 0)
    });
    countable(op, n, at);
    let start = init.flat();
    let mut inputs = vec![LeafType::new(&[], Kind::U32)];
    inputs.extend(types(&start));
    inputs.extend(row_types(&items));
    let (y, region) = tape::capture(&inputs, at, op, |v| {
        let mut carry = v[1..].iter().copied();
        let c = init.map(&mut |_| carry.next().unwrap_or(DynVar::POISON));
        let rest: Vec<DynVar> = carry.collect();
        let (c, y) = body(c, over.item(v[0], &rest));
        let mut out = c.flat();
        same_leaves(op, &init, &c, at);
        y.flatten(&mut out);
        (y, out)
    });
    let Some(Captured { program, captures }) = region else { return (poisoned(&init), poisoned(&y)) };
    let (carries, stacked) = (start.len(), program.outputs.len() - start.len());
    let spec = ScanSpec {
        body: Arc::new(program),
        carries,
        items: items.len(),
        constants: captures.len(),
        stacked,
        trip: Trip::Static(n),
        reverse: false,
        storage,
    };
    let operands: Vec<DynVar> = start.iter().chain(&items).chain(&captures).copied().collect();
    let made = tape::apply_many(op, &operands, at, |b, v| b.emit(Op::new(Scan(spec.sharing())), v));
    let mut made = made.into_iter();
    let mut next = |_| made.next().unwrap_or(DynVar::POISON);
    (init.map(&mut next), y.map(&mut next))
}

/// Repeats `body` until `done(carry)` gives a number other than 0, at the latest after `limit` steps. Gives the last carry.
///
/// The test is made before each step, so no step is made from a carry that is done.
#[track_caller]
pub fn scan_until<C: Vars, D: Element>(init: C, limit: usize, done: impl FnOnce(&C) -> Var<D>, body: impl FnOnce(C, Var<u32>) -> C) -> C {
    counted_scan_until(init, limit, done, body).0
}

/// The same, with the number of steps made.
#[track_caller]
pub fn counted_scan_until<C: Vars, D: Element>(
    init: C,
    limit: usize,
    done: impl FnOnce(&C) -> Var<D>,
    body: impl FnOnce(C, Var<u32>) -> C,
) -> (C, Var<u32>) {
    scan_until_storing(Storage::Iterates, init, limit, done, body)
}

/// [`counted_scan_until`], with what it stores for its reverse derivative.
#[track_caller]
pub fn scan_until_storing<C: Vars, D: Element>(
    storage: Storage,
    init: C,
    limit: usize,
    done: impl FnOnce(&C) -> Var<D>,
    body: impl FnOnce(C, Var<u32>) -> C,
) -> (C, Var<u32>) {
    let at = Site::caller();
    countable("scan_until", limit, at);
    let start = init.flat();
    let carried = types(&start);
    let read = |v: &[DynVar]| {
        let mut it = v.iter().copied();
        init.map(&mut |_| it.next().unwrap_or(DynVar::POISON))
    };
    let failed = || (poisoned(&init), Var::from_dyn(DynVar::POISON));
    let (_, test) = tape::capture(&carried, at, "scan_until", |v| ((), vec![done(&read(v)).to_dyn()]));
    let Some(test) = test else { return failed() };
    let mut inputs = vec![LeafType::new(&[], Kind::U32)];
    inputs.extend(carried);
    let (_, step) = tape::capture(&inputs, at, "scan_until", |v| {
        let next = body(read(&v[1..]), Var::from_dyn(v[0]));
        same_leaves("scan_until", &init, &next, at);
        ((), next.flat())
    });
    let Some(step) = step else { return failed() };
    let all = step.captures_with(&test);
    let carries = start.len();
    let test = Arc::new(test.over(carries, &all));
    let spec = ScanSpec {
        body: Arc::new(step.over(carries + 1, &all)),
        carries,
        items: 0,
        constants: all.len(),
        stacked: 0,
        trip: Trip::Until { test, at_most: limit },
        reverse: false,
        storage,
    };
    let operands: Vec<DynVar> = start.iter().chain(&all).copied().collect();
    let made = tape::apply_many("scan_until", &operands, at, |b, v| b.emit(Op::new(Scan(spec.sharing())), v));
    let count = made.last().copied().unwrap_or(DynVar::POISON);
    (read(&made), Var::from_dyn(count))
}

/// Independent items: `body` for each entry of the leading axis, results stacked along a new leading axis; in parallel where it pays.
///
/// An item that fails ends the run with an error that names it. [`Function::try_each`](crate::Function::try_each) of a function of one item has a
/// result for each. Under [`Allow::Everything`](crate::Allow::Everything) the run goes on: the item's results are NaN, and a report names it. So is
/// what is summed over items, as the derivative by what they share.
///
/// ```
/// use hypertape_autodiff::{Allow, Function, outcome::Status, record::map, shape};
/// // The second matrix is singular.
/// let f = Function::record(shape![2, 1, 1], |a| map(a, |a| a.inverse()))?.allow(Allow::Everything);
/// let mut w = f.workspace();
/// let y = w.run(ndarray::arr3(&[[[2.0]], [[0.0]]]))?.to_owned();
/// assert!(y[[0, 0, 0]] == 0.5 && y[[1, 0, 0]].is_nan());
/// let report = &w.reports()[0];
/// assert!(report.status == Status::ItemFailed && report.name.starts_with("item 1: "));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[track_caller]
pub fn map<W: Vars, Y: Vars>(over: W, body: impl FnOnce(W) -> Y) -> Y {
    run("map", Storage::Iterates, (), over, Site::caller(), |(), x| ((), body(x))).1
}

fn branch<Y: Vars>(at: Site, f: impl FnOnce() -> Y) -> (Y, Option<Captured>) {
    tape::capture(&[], at, "cond", |_| {
        let y = f();
        let out = y.flat();
        (y, out)
    })
}

/// `yes()` where `test` (one number) is not 0, else `no()`; only one of them runs. Both give the same shapes.
#[track_caller]
pub fn cond<D: Element, Y: Vars>(test: Var<D>, yes: impl FnOnce() -> Y, no: impl FnOnce() -> Y) -> Y {
    let at = Site::caller();
    let (y, first) = branch(at, yes);
    let (other, second) = branch(at, no);
    if lengths(&y) != lengths(&other) {
        fail("cond", ErrorKind::Lengths { of: Vectors::Branches, expected: lengths(&y), given: lengths(&other) }, at);
    }
    let (Some(first), Some(second)) = (first, second) else { return poisoned(&y) };
    let all = first.captures_with(&second);
    let spec = CondSpec { yes: Arc::new(first.over(0, &all)), no: Arc::new(second.over(0, &all)) };
    let operands: Vec<DynVar> = [test.to_dyn()].into_iter().chain(all).collect();
    let made = tape::apply_many("cond", &operands, at, |b, v| b.emit(Op::new(Cond(spec)), v));
    let mut made = made.into_iter();
    y.map(&mut |_| made.next().unwrap_or(DynVar::POISON))
}
