//! Choosing leaves of a function's doors.
use crate::error::{Choice, Error, ErrorKind, Result, Site};
use crate::record::{self, DynVar};
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
