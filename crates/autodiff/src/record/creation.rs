//! New arrays from shapes, and from other arrays.
use crate::array::{Element, Real};
use crate::error::Site;
use crate::tape;
use crate::tape::Var;
use crate::tree::{Structure, Vars};

#[track_caller]
fn full<S: Structure>(like: &S, value: f64) -> S::Vars {
    let at = Site::caller();
    like.vars(&mut |t| tape::apply("full", &[], at, |b, _| b.full(t, value)))
}

/// Zeros of a structure.
#[track_caller]
pub fn zeros<S: Structure>(like: S) -> S::Vars {
    full(&like, 0.0)
}

/// Ones of a structure.
#[track_caller]
pub fn ones<S: Structure>(like: S) -> S::Vars {
    full(&like, 1.0)
}

/// Zeros of the shapes of these handles.
#[track_caller]
pub fn zeros_like<W: Vars>(like: &W) -> W {
    full(&like.structure(), 0.0)
}

/// Ones of the shapes of these handles.
#[track_caller]
pub fn ones_like<W: Vars>(like: &W) -> W {
    full(&like.structure(), 1.0)
}

/// The indices 0, 1, …, n − 1.
#[track_caller]
#[must_use]
pub fn iota(n: usize) -> Var<u32> {
    Var::from_dyn(tape::apply("iota", &[], Site::caller(), |b, _| b.iota(n)))
}

/// The same values, with derivative 0.
#[track_caller]
pub fn stop_gradient<W: Vars>(w: &W) -> W {
    let at = Site::caller();
    w.map(&mut |v| tape::apply("stop_gradient", &[v], at, |b, v| b.stop_gradient(v[0])))
}

/// Arrays one after another along an axis; the other axes agree.
#[track_caller]
pub fn concat<T: Element>(axis: usize, parts: &[Var<T>]) -> Var<T> {
    let operands: Vec<_> = parts.iter().map(|v| v.to_dyn()).collect();
    Var::from_dyn(tape::apply("concat", &operands, Site::caller(), |b, v| b.concatenate(v, axis)))
}

/// Arrays of equal shape along a new leading axis.
#[track_caller]
pub fn stack<T: Real>(parts: &[Var<T>]) -> Var<T> {
    let operands: Vec<_> = parts.iter().map(|v| v.to_dyn()).collect();
    Var::from_dyn(tape::apply("stack", &operands, Site::caller(), |b, v| {
        let rows: Vec<_> = v
            .iter()
            .map(|v| {
                let mut shape = b.shape(*v);
                shape.insert(0, 1);
                b.reshape(*v, &shape)
            })
            .collect();
        b.concatenate(&rows, 0)
    }))
}
