//! Runs fused groups, whole or in parts on several threads, and combines the partial folds of the parts in order.
#![allow(unsafe_code)]
use super::group::{Group, SMALL_STACK, STACK, put, step, unit};
use super::halves::both;
use super::one;
use super::tile::Run;

/// A pointer that parts on several threads share. Each part writes to a range of its own.
struct Shared<P: ?Sized>(*const P);
impl<P: ?Sized> Clone for Shared<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P: ?Sized> Copy for Shared<P> {}
// SAFETY: parts write to disjoint ranges, and read only what no part of the group writes; see `run`.
unsafe impl<P: ?Sized> Send for Shared<P> {}
// SAFETY: as above.
unsafe impl<P: ?Sized> Sync for Shared<P> {}

/// Runs the group. `ports` has one pointer for each operand, result and fold result, in this order.
///
/// # Safety
/// Every pointer is aligned. Every element that its layout names is initialised memory. No written range overlaps another range, with one exception:
/// a store that is not direct may overwrite an operand, if element i of both lies at the same place for every i. `partial` has `partials` places.
pub(crate) unsafe fn run(g: &Group, ports: &[*mut u8], partial: *mut f64) {
    if g.len <= 1 {
        // SAFETY: the caller's promise.
        return unsafe {
            match (g.len, g.single) {
                (0, _) => {}
                (_, false) => one::run::<f64>(g, ports),
                (_, true) => one::run::<f32>(g, ports),
            }
        };
    }
    let parts = g.parts;
    if parts == 1 {
        // SAFETY: the caller's promise.
        return unsafe { part_of(g, ports, 0, g.len, std::ptr::null_mut()) };
    }
    split(g, Shared(ports), Shared(partial), 0, parts);
    // SAFETY: every part has written its share.
    unsafe { combine(g, ports, partial, parts) };
}

fn split(g: &Group, ports: Shared<[*mut u8]>, partial: Shared<f64>, from: usize, to: usize) {
    if to - from > 1 {
        let middle = from + (to - from) / 2;
        both(|| split(g, ports, partial, from, middle), || split(g, ports, partial, middle, to));
        return;
    }
    let (lo, hi) = (from * g.part, ((from + 1) * g.part).min(g.len));
    // SAFETY: `run`'s caller promises the pointers; parts cover disjoint ranges and shares of `partial`, and the slice outlives `run`.
    unsafe { part_of(g, &*ports.0, lo, hi, partial.0.cast_mut().add(from * g.width())) }
}

/// Runs elements `lo..hi` as one part.
///
/// # Safety
/// As `run`; `partial` points to the places of this part, or is null if there is only one part.
unsafe fn part_of(g: &Group, ports: &[*mut u8], lo: usize, hi: usize, partial: *mut f64) {
    let bytes = g.registers * g.tile * 8;
    // SAFETY: the caller's promise; the stack holds the registers.
    unsafe {
        match (g.single, bytes <= SMALL_STACK) {
            (false, true) => Run::<f64>::new(g, ports, partial).part::<SMALL_STACK>(lo, hi),
            (false, false) => Run::<f64>::new(g, ports, partial).part::<STACK>(lo, hi),
            (true, true) => Run::<f32>::new(g, ports, partial).part::<SMALL_STACK>(lo, hi),
            (true, false) => Run::<f32>::new(g, ports, partial).part::<STACK>(lo, hi),
        }
    }
}

/// Folds the partial results of all parts.
///
/// # Safety
/// As `run`.
pub(crate) unsafe fn combine(g: &Group, ports: &[*mut u8], partial: *const f64, parts: usize) {
    let (width, mut at) = (g.width(), 0);
    for (tail, port) in g.tails.iter().zip(&ports[g.loads.len() + g.stores.len()..]) {
        let w = tail.width(g.len);
        for j in 0..w {
            // SAFETY: the shares of all parts lie in `partial`; this fold has `w` results.
            unsafe {
                let total = (0..parts).map(|p| *partial.add(p * width + at + j)).fold(unit(tail.fold), |a, b| step(tail.fold, a, b));
                put(tail.kind, *port, j, total);
            }
        }
        at += w;
    }
}
