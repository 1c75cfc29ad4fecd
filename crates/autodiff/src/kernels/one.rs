//! Groups of one element: an interpreter on numbers instead of tiles.
#![allow(unsafe_code)]
use super::fold::Number;
use super::group::{CELLS, Code, Group, SCALARS, Target, get, put};
use super::math;
use crate::array::{Element, Real};
use crate::operation::{BinaryFn, UnaryFn};
use std::mem::MaybeUninit;

/// Runs a group whose index space has one element.
///
/// # Safety
/// As `parts::run`.
pub(super) unsafe fn run<T: Real + Number>(g: &Group, ports: &[*mut u8]) {
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
            };
        }
        for code in &g.code {
            let cell = |c: u16| cells[c as usize].assume_init();
            let (y, v) = match *code {
                Code::Unary(f, x, y) => (y, unary(f, cell(x))),
                Code::Binary(f, a, b, y) => (y, binary(f, cell(a), cell(b))),
                Code::With(f, a, s, y) => (y, binary(f, cell(a), scalars[s as usize].assume_init())),
                Code::Of(f, s, b, y) => (y, binary(f, scalars[s as usize].assume_init(), cell(b))),
                Code::Select(t, a, b, y) => (y, if cell(t) == T::zero() { cell(b) } else { cell(a) }),
                Code::Fill(s, y) => (y, scalars[s as usize].assume_init()),
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

#[inline(always)]
fn unary<T: Real>(f: UnaryFn, x: T) -> T {
    match f {
        UnaryFn::Neg => -x,
        UnaryFn::Abs => x.abs(),
        UnaryFn::Sqrt => x.sqrt(),
        UnaryFn::Recip => x.recip(),
        _ => math::unary_scalar(f, x),
    }
}

#[inline(always)]
fn binary<T: Real>(f: BinaryFn, a: T, b: T) -> T {
    match f {
        BinaryFn::Add => a + b,
        BinaryFn::Sub => a - b,
        BinaryFn::Mul => a * b,
        BinaryFn::Div => a / b,
        _ => math::binary_scalar(f, a, b),
    }
}
