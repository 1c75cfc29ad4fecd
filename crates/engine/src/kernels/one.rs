//! Groups of one element: an interpreter on numbers instead of tiles.
#![allow(unsafe_code)]
use super::group::{CELLS, Code, Group, SCALARS, Target, get, put};
use super::isa::per_isa;
use super::step::{Op, Scalar, Step, result};
use hypertape_ir::array::Element;
use std::mem::MaybeUninit;

/// The instructions of a group as steps.
pub(crate) fn steps(code: &[Code]) -> Vec<Step> {
    let scalar = |s: u16| CELLS as u16 + s;
    let step = |op: Op, a: u16, b: u16, c: u16, y: u16| Step { op, a, b, c, y };
    let steps = code.iter().map(|code| match *code {
        Code::Unary(f, x, y) => step(f.into(), x, 0, 0, y),
        Code::Binary(f, a, b, y) => step(f.into(), a, b, 0, y),
        Code::With(f, a, s, y) => step(f.into(), a, scalar(s), 0, y),
        Code::Of(f, s, b, y) => step(f.into(), scalar(s), b, 0, y),
        Code::MulAdd(s, a, b, c, y) => step(s.into(), a, b, c, y),
        Code::ScaleAdd(s, a, b, c, y) => step(s.into(), a, scalar(b), c, y),
        Code::Select(t, a, b, y) => step(Op::Select, t, a, b, y),
        Code::Fill(s, y) => step(Op::Same, scalar(s), 0, 0, y),
        Code::Round(x, y) => step(Op::Round, x, 0, 0, y),
        Code::Index(x, y) => step(Op::Index, x, 0, 0, y),
    });
    steps.collect()
}

per_isa! {
    /// Runs a group whose index space has one element.
    ///
    /// # Safety
    /// As `parts::run`.
    pub(super) unsafe fn run<T: Scalar>(g: &Group, ports: &[*mut u8]) = run_one
}

/// # Safety
/// As `parts::run`.
#[inline(always)]
unsafe fn run_one<T: Scalar, const FMA: bool>(g: &Group, ports: &[*mut u8]) {
    let mut memory = [MaybeUninit::<T>::uninit(); CELLS + SCALARS];
    let places: *mut T = memory.as_mut_ptr().cast();
    debug_assert!(g.fits() && ports.len() == g.loads.len() + g.stores.len() + g.tails.len(), "a place for each number");
    // SAFETY: the caller's promise. The group fits, so that all places exist. The plan orders instructions so that every place is written before it
    // is read.
    unsafe {
        let put_at = |place: usize, v: T| *places.add(place) = v;
        g.constants.iter().enumerate().for_each(|(s, v)| put_at(CELLS + s, T::from_f64(*v)));
        for (load, port) in g.loads.iter().zip(ports) {
            let place = match load.target {
                Target::Direct(c) | Target::Gather(c, _) => c as usize,
                Target::Scalar(s) => CELLS + s as usize,
                Target::Piece => continue,
            };
            put_at(place, T::from_f64(get(load.kind, *port)));
        }
        for j in &g.joins {
            let v =
                j.find(0, 1).map_or(j.fill, |(p, i)| get(g.loads[p.load].kind, ports[p.load].wrapping_offset(i * size_of::<T>() as isize)));
            put_at(j.cell as usize, T::from_f64(v));
        }
        for step in &g.steps {
            put_at(step.y as usize, result::<T, FMA>(step, |p| *places.add(p as usize)));
        }
        let results = g.stores.iter().map(|s| (s.cell, s.kind)).chain(g.tails.iter().map(|t| (t.cell, t.kind)));
        for ((cell, kind), port) in results.zip(&ports[g.loads.len()..]) {
            put(kind, *port, 0, Element::to_f64(*places.add(cell as usize)));
        }
    }
}
