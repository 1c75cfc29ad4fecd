//! Choosing and ordering the leaves of a program's doors.
use crate::error::{Choice, Error, ErrorKind, Result, Site};
use crate::operation::{Builder, Program, Value};
use crate::record::{self, DynVar};
use crate::transform;
use crate::tree::{Structure, Vars};
use std::collections::HashMap;

/// The places, among the leaves of `from`, of what `pick` chooses for the method `op`.
#[track_caller]
pub(super) fn places<S: Structure, R: Vars>(op: &str, from: &S, pick: impl FnOnce(S::Vars) -> R) -> (Result<Vec<usize>>, R::Structure) {
    let at = Site::caller();
    let bad = |choice| Error::new(op, ErrorKind::Choice(choice)).at(at);
    let ((chosen, structure), traced) = record::trace(&from.leaf_types(), at, |v| {
        let mut given = v.iter().copied();
        let picked = pick(from.vars(&mut |_| given.next().unwrap_or(DynVar::POISON)));
        let flat = picked.flat();
        let places: HashMap<DynVar, usize> = v.iter().enumerate().map(|(i, g)| (*g, i)).collect();
        let chosen: Option<Vec<usize>> = flat.iter().map(|p| places.get(p).copied()).collect();
        ((chosen, picked.structure()), flat)
    });
    let picked = traced.and_then(|_| {
        let picked = chosen.ok_or_else(|| bad(Choice::Computed))?;
        let mut sorted = picked.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() == picked.len() { Ok(picked) } else { Err(bad(Choice::Twice)) }
    });
    (picked, structure)
}

/// The program with its inputs in another order (`inputs[k]` is the place of input k in `program`) and some outputs.
pub(super) fn arrange(program: &Program, inputs: &[usize], outputs: &[usize]) -> Result<Program> {
    let mut b = Builder::new();
    let mut given = vec![Value(0); program.inputs.len()];
    for place in inputs {
        given[*place] = b.input(program.type_of(program.inputs[*place]).clone());
    }
    let selected = transform::select(program, outputs)?;
    let made = b.inline(&selected, &given);
    transform::dead_code(&b.finish(&made)?)
}
