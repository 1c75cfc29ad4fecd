//! Groups of one element: an interpreter on numbers instead of tiles.
#![allow(unsafe_code)]
use super::fold::Number;
use super::group::{CELLS, Code, Group, SCALARS, Target, get, put};
use super::isa::per_isa;
use super::math::{binary_of_one, unary_of_one};
use crate::array::{Element, Real};
use std::mem::MaybeUninit;

/// What a group of one element computes in.
pub(super) trait Scalar: Real + Number {}
impl<T: Real + Number> Scalar for T {}

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
    let mut cells = [MaybeUninit::<T>::uninit(); CELLS];
    let mut scalars = [MaybeUninit::<T>::uninit(); SCALARS];
    for (s, v) in scalars.iter_mut().zip(&g.constants) {
        s.write(T::from_f64(*v));
    }
    // SAFETY: the caller's promise; an instruction's operands are written before it, as the plan orders them.
    unsafe {
        for (load, port) in g.loads.iter().zip(ports) {
            let v = T::from_f64(get(load.kind, *port));
            match load.target {
                Target::Direct(c) | Target::Gather(c, _) => cells[c as usize].write(v),
                Target::Scalar(s) => scalars[s as usize].write(v),
                Target::Piece => continue,
            };
        }
        for j in &g.joins {
            let v =
                j.find(0, 1).map_or(j.fill, |(p, i)| get(g.loads[p.load].kind, ports[p.load].wrapping_offset(i * size_of::<T>() as isize)));
            cells[j.cell as usize].write(T::from_f64(v));
        }
        for code in &g.code {
            let cell = |c: u16| cells[c as usize].assume_init();
            let scalar = |s: u16| scalars[s as usize].assume_init();
            let (y, v) = match *code {
                Code::Unary(f, x, y) => (y, unary_of_one::<T, FMA>(f, cell(x))),
                // One call for all three: what it calls stands here in full.
                Code::Binary(f, a, b, y) | Code::With(f, a, b, y) | Code::Of(f, a, b, y) => {
                    let a = if matches!(code, Code::Of(..)) { scalar(a) } else { cell(a) };
                    let b = if matches!(code, Code::With(..)) { scalar(b) } else { cell(b) };
                    (y, binary_of_one::<T, FMA>(f, a, b))
                }
                Code::Select(t, a, b, y) => (y, if cell(t) == T::zero() { cell(b) } else { cell(a) }),
                Code::Fill(s, y) => (y, scalar(s)),
                Code::Round(x, y) => (y, T::from_f64(f64::from(Element::to_f64(cell(x)) as f32))),
                Code::Index(x, y) => (y, T::from_f64(f64::from(Element::to_f64(cell(x)) as u32))),
            };
            cells[y as usize].write(v);
        }
        let results = g.stores.iter().map(|s| (s.cell, s.kind)).chain(g.tails.iter().map(|t| (t.cell, t.kind)));
        for ((cell, kind), port) in results.zip(&ports[g.loads.len()..]) {
            put(kind, *port, 0, Element::to_f64(cells[cell as usize].assume_init()));
        }
    }
}
