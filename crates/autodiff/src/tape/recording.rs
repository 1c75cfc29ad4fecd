//! The recording that is open on this thread: a stack of tapes, each a stack of regions.
use super::handle::DynVar;
use crate::array::LeafType;
use crate::error::{Error, ErrorKind, Many, Result, Site};
use crate::operation::{Builder, Program, Value};
use crate::program::Values;
use smallvec::{SmallVec, smallvec};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};

/// A program under construction, and the variables of enclosing regions that it uses.
struct Region {
    id: u32,
    builder: Builder,
    /// Outer variables, in the order of the inputs that stand for them here.
    captures: Vec<DynVar>,
    /// The input for each, by region and index.
    captured: HashMap<(u32, u32), Value>,
}

struct Tape {
    id: u32,
    regions: Vec<Region>,
    error: Option<Error>,
}

thread_local! {
    static TAPES: RefCell<Vec<Tape>> = const { RefCell::new(Vec::new()) };
    static BEHALF: Cell<Option<(Site, &'static [&'static str])>> = const { Cell::new(None) };
}

/// Numbers of tapes and regions differ between threads too: an untyped handle that crosses over is a foreign one there.
fn fresh() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Runs library code that records on behalf of a user's line `at`: what it records on lines of its own, in files whose paths start with one
/// of `own`, counts as recorded at that line, in errors and listings. A user's closures inside keep their own lines.
pub fn on_behalf<R>(at: Site, own: &'static [&'static str], body: impl FnOnce() -> R) -> R {
    struct Restore(Option<(Site, &'static [&'static str])>);
    impl Drop for Restore {
        fn drop(&mut self) {
            BEHALF.set(self.0);
        }
    }
    let _restore = Restore(BEHALF.replace(Some((at, own))));
    body()
}

/// The line that a line stands for.
fn behalf(at: Site) -> Site {
    match BEHALF.get() {
        Some((user, own)) if own.iter().any(|o| at.file().starts_with(o)) => user,
        _ => at,
    }
}

/// Whether a recording is open on this thread.
#[must_use]
pub fn is_recording() -> bool {
    TAPES.with_borrow(|t| !t.is_empty())
}

/// Closes what it opened, also when the user's closure panics.
struct Guard {
    tapes: usize,
    regions: usize,
}
impl Drop for Guard {
    fn drop(&mut self) {
        TAPES.with_borrow_mut(|t| {
            t.truncate(self.tapes);
            if let Some(tape) = t.last_mut() {
                tape.regions.truncate(self.regions);
            }
        });
    }
}

fn guard() -> Guard {
    TAPES.with_borrow(|t| Guard { tapes: t.len(), regions: t.last().map_or(0, |t| t.regions.len()) })
}

fn region() -> Region {
    Region { id: fresh(), builder: Builder::new(), captures: vec![], captured: HashMap::new() }
}

/// New inputs of the innermost region.
fn inputs(types: &[LeafType]) -> Vec<DynVar> {
    TAPES.with_borrow_mut(|t| {
        let Some(tape) = t.last_mut() else { return vec![] };
        let id = tape.id;
        let Some(r) = tape.regions.last_mut() else { return vec![] };
        types.iter().map(|t| DynVar { tape: id, region: r.id, index: r.builder.input(t.clone()).0, kind: t.kind }).collect()
    })
}

/// Records a closure of handles into a program of its own. Gives what the closure returned besides its outputs, and the program.
pub fn trace<R>(types: &[LeafType], at: Site, body: impl FnOnce(&[DynVar]) -> (R, Vec<DynVar>)) -> (R, Result<Program>) {
    let closing = guard();
    TAPES.with_borrow_mut(|t| t.push(Tape { id: fresh(), regions: vec![region()], error: None }));
    let given = inputs(types);
    let (result, out) = body(&given);
    let closed = TAPES.with_borrow_mut(|t| {
        let mut tape = t.pop()?;
        let outputs: Vec<Value> = out.iter().map(|v| resolve(&mut tape, *v, "output", at)).collect();
        let region = tape.regions.into_iter().next()?;
        Some((tape.error, region.builder, outputs))
    });
    drop(closing);
    let program = match closed {
        None => Err(Error::new("record", ErrorKind::OutsideRecording).at(at)),
        Some((Some(e), ..)) => Err(e),
        Some((None, builder, outputs)) => builder.finish(&outputs).and_then(|p| crate::transform::dead_code(&p)),
    };
    (result, program)
}

/// A traced region.
#[derive(Debug)]
pub struct Captured {
    /// (declared inputs…, captures…) → (outputs…).
    pub program: Program,
    /// The outer variables.
    pub captures: Vec<DynVar>,
}

impl Captured {
    /// The captures of this region and another, each once.
    #[must_use]
    pub fn captures_with(&self, other: &Captured) -> Vec<DynVar> {
        let mine: HashSet<DynVar> = self.captures.iter().copied().collect();
        self.captures.iter().chain(other.captures.iter().filter(|v| !mine.contains(v))).copied().collect()
    }
    /// The program over a longer list of captures: (declared inputs…, `all`…) → (outputs…).
    #[must_use]
    pub fn over(&self, declared: usize, all: &[DynVar]) -> Program {
        let mut b = Builder::literal();
        let p = &self.program;
        let mut given: Vec<Value> = p.inputs[..declared].iter().map(|v| b.input(p.type_of(*v).clone())).collect();
        let mine: HashMap<DynVar, usize> = self.captures.iter().enumerate().map(|(k, c)| (*c, k)).collect();
        let mut places = vec![Value(0); self.captures.len()];
        for v in all {
            let input = b.input(v.leaf_type().unwrap_or(LeafType::new(&[], v.kind())));
            if let Some(k) = mine.get(v) {
                places[*k] = input;
            }
        }
        given.extend(places);
        let out = b.inline(p, &given);
        // Inlining a finished program on inputs of its own types does not fail.
        b.finish(&out).unwrap_or_else(|_| p.clone())
    }
}

/// Loops and branches within each other. Planning and running go down as deep, so a thread's stack bounds it: 100 loops in each other fit in 2 MiB.
const DEEPEST: usize = 64;

/// Traces a closure as a region of the open recording: outer variables it uses become captures. Gives what the closure returned
/// besides its outputs, and the region, unless the recording has failed.
pub fn capture<R>(types: &[LeafType], at: Site, op: &str, body: impl FnOnce(&[DynVar]) -> (R, Vec<DynVar>)) -> (R, Option<Captured>) {
    let closing = guard();
    TAPES.with_borrow_mut(|t| {
        if let Some(t) = t.last_mut() {
            t.regions.push(region());
            // The first region is the recording's own.
            let depth = t.regions.len() - 1;
            if depth > DEEPEST {
                let kind = ErrorKind::TooMany { of: Many::Nested, given: depth as u64, most: DEEPEST as u64 };
                t.error.get_or_insert(Error::new(op, kind).at(behalf(at)));
            }
        }
    });
    let mut given = inputs(types);
    given.resize(types.len(), DynVar::POISON);
    let (result, out) = body(&given);
    let captured = TAPES.with_borrow_mut(|t| {
        let tape = t.last_mut()?;
        let outputs: Vec<Value> = out.iter().map(|v| resolve(tape, *v, op, at)).collect();
        let r = tape.regions.pop()?;
        if tape.error.is_some() {
            return None;
        }
        match r.builder.finish(&outputs) {
            Ok(program) => Some(Captured { program, captures: r.captures }),
            Err(e) => {
                tape.error.get_or_insert(e);
                None
            }
        }
    });
    drop(closing);
    (result, captured)
}

/// Whether the innermost open recording has met a mistake.
#[must_use]
pub fn has_failed() -> bool {
    TAPES.with_borrow(|t| t.last().is_some_and(|t| t.error.is_some()))
}

/// Applies an operation, or a few, in the innermost region of the open recording.
pub fn apply_many(op: &str, operands: &[DynVar], at: Site, f: impl FnOnce(&mut Builder, &[Value]) -> Values) -> SmallVec<[DynVar; 4]> {
    let at = behalf(at);
    // The builder leaves its region while it works, so that an operation's own code may record.
    let taken = TAPES.with_borrow_mut(|tapes| {
        let tape = tapes.last_mut()?;
        let before = tape.error.is_some();
        let values: Values = operands.iter().map(|v| resolve(tape, *v, op, at)).collect();
        if before || tape.error.is_some() {
            return None;
        }
        let r = tape.regions.last_mut()?;
        Some((values, tape.id, r.id, std::mem::take(&mut r.builder)))
    });
    let Some((values, tape, region, mut builder)) = taken else { return smallvec![DynVar::POISON; 4] };
    builder.at(Some(at));
    let made = f(&mut builder, &values);
    let problem =
        builder.problem().cloned().map(|e| as_written(e, op, at, || values.iter().map(|v| builder.type_of(*v).clone()).collect()));
    let out = made.iter().map(|v| DynVar { tape, region, index: v.0, kind: builder.kind(*v) }).collect();
    TAPES.with_borrow_mut(|tapes| {
        if let Some(t) = tapes.last_mut() {
            if let Some(r) = t.regions.last_mut() {
                r.builder = builder;
            }
            t.error = t.error.take().or(problem.clone());
        }
    });
    if problem.is_some() { smallvec![DynVar::POISON; 4] } else { out }
}

/// A problem of an operation that a method is made of, as one of the method that the user wrote, with its operands.
fn as_written(e: Error, name: &str, line: Site, given: impl FnOnce() -> Vec<LeafType>) -> Error {
    // What a called function brings along has lines of its own.
    if e.is_about_operands() && e.site().is_none_or(|a| a == line) {
        e.with_operation(name).with_operands(given()).at(line)
    } else {
        e.or_at(line)
    }
}

/// Applies an operation with one result.
pub fn apply(op: &str, operands: &[DynVar], at: Site, f: impl FnOnce(&mut Builder, &[Value]) -> Value) -> DynVar {
    apply_many(op, operands, at, |b, v| smallvec![f(b, v)])[0]
}

/// Makes the open recording fail with this error, unless it has failed before.
pub fn fail(mut e: Error) {
    e.set_site(behalf);
    TAPES.with_borrow_mut(|t| {
        if let Some(t) = t.last_mut() {
            t.error.get_or_insert(e);
        }
    });
}

impl DynVar {
    /// Shape and element type; `None` when its recording is not open.
    #[must_use]
    pub fn leaf_type(self) -> Option<LeafType> {
        leaf_type(self)
    }
}

fn leaf_type(v: DynVar) -> Option<LeafType> {
    TAPES.with_borrow(|tapes| {
        let tape = tapes.iter().find(|t| t.id == v.tape)?;
        let r = tape.regions.iter().find(|r| r.id == v.region)?;
        r.builder.has(Value(v.index)).then(|| r.builder.type_of(Value(v.index)).clone())
    })
}

/// The value of `v` in the innermost region; a variable of an enclosing region is captured on the way in.
fn resolve(tape: &mut Tape, v: DynVar, op: &str, at: Site) -> Value {
    let at = behalf(at);
    let kind = if v.index == u32::MAX {
        // The first cause is kept, if it arose in this recording.
        ErrorKind::OutsideRecording
    } else if v.tape != tape.id {
        ErrorKind::ForeignVariable
    } else {
        match tape.regions.iter().position(|r| r.id == v.region) {
            None => ErrorKind::LeftBody,
            Some(from) => {
                let mut v = v;
                for level in from + 1..tape.regions.len() {
                    let t = tape.regions[level - 1].builder.type_of(Value(v.index)).clone();
                    let r = &mut tape.regions[level];
                    let (captures, builder) = (&mut r.captures, &mut r.builder);
                    let inner = *r.captured.entry((v.region, v.index)).or_insert_with(|| {
                        captures.push(v);
                        builder.input(t)
                    });
                    v = DynVar { tape: tape.id, region: r.id, index: inner.0, kind: v.kind };
                }
                return Value(v.index);
            }
        }
    };
    tape.error.get_or_insert_with(|| Error::new(op, kind).at(at));
    Value(0)
}
