//! Finds outer products that a backward loop adds up, so that they can become one product after the loop.
//!
//! If a loop body computes A x with a captured matrix A, the cotangent of A is Σ_k u_k x_kᵀ. Adding an outer product to a matrix in every step moves
//! the whole matrix through memory each time. Stacking the vectors and multiplying once, Uᵀ X, moves it once.
use crate::array::Shape;
use crate::error::Result;
use crate::operation::{BinaryFn, Builder, Contraction, Instruction, Lowering, Program, ScanSpec, Storage, Trip, Value, View};
use crate::transform;
use std::sync::Arc;

/// Elements of an accumulator from which on this is worthwhile.
const LARGE: usize = 1 << 10;
/// Without a budget of bytes, the stacked vectors may take this many times the size of the accumulator for each product.
const ROOM: usize = 4;

/// One product u vᵀ, its axes perhaps permuted.
#[derive(Debug, Clone)]
struct Outer {
    factors: [Value; 2],
    axes: Option<Shape>,
}

/// Where the stack of a factor is found.
#[derive(Debug, Clone, Copy)]
enum Stack {
    /// Among the loop's stacked outputs.
    Output(usize),
    /// Among the loop's items.
    Item(usize),
}

/// A loop from which some accumulators have been taken out.
pub(super) struct Deferred {
    /// The loop with the factors as further stacked outputs.
    pub(super) spec: ScanSpec,
    /// For each carry of the original loop, whether it is taken out.
    pub(super) out: Vec<bool>,
    /// For each carry that is taken out, in order: the factors of its products, and the permutation of the axes of each product.
    products: Vec<Vec<([Stack; 2], Option<Shape>)>>,
}

/// Takes out the accumulators among the carries from `first` on; `None` when there are none. Under a budget of bytes, it takes out only those whose
/// vectors take hardly more than the second buffer that the accumulator would have. It then stacks all factors instead of reading items, which would
/// have to be stored whole.
pub(super) fn defer(s: &ScanSpec, first: usize) -> Result<Option<Deferred>> {
    let found: Vec<Option<Vec<Outer>>> = if first < s.carries {
        let known = Known::of(&s.body);
        (0..s.carries).map(|i| if i < first { None } else { products(s, &known, i) }).collect()
    } else {
        vec![]
    };
    if found.iter().all(Option::is_none) {
        return Ok(None);
    }
    let out: Vec<bool> = found.iter().map(Option::is_some).collect();
    let kept: Vec<usize> = (0..s.carries).filter(|i| !out[*i]).collect();
    // The body's outputs: the carries that stay, what was stacked before, and the factors, each once.
    let mut body = (*s.body).clone();
    let mut stacked = s.stacked;
    let mut products = vec![];
    for outer in found.into_iter().flatten() {
        let mut places = vec![];
        for o in outer {
            let mut stack = |v: Value, may_be_item: bool| {
                let may_be_item = may_be_item && !matches!(s.storage, Storage::Bytes(_));
                if let Some(k) = body.inputs[s.body_items()..s.body_items() + s.items].iter().position(|w| *w == v && may_be_item) {
                    return Stack::Item(k);
                }
                let known = body.outputs[s.carries + s.stacked..].iter().position(|w| *w == v);
                Stack::Output(known.map_or_else(
                    || {
                        body.outputs.push(v);
                        stacked += 1;
                        stacked - 1
                    },
                    |k| s.stacked + k,
                ))
            };
            let u = stack(o.factors[0], true);
            // Rows of steps that are not taken are zero in outputs, but need not be in items. So at least one factor is an output, unless the trip is
            // static.
            let v = stack(o.factors[1], matches!((u, &s.trip), (Stack::Output(_), _) | (_, Trip::Static(_))));
            places.push(([u, v], o.axes));
        }
        products.push(places);
    }
    let order: Vec<usize> = std::iter::once(0).chain(kept.iter().map(|i| 1 + i)).chain(1 + s.carries..body.inputs.len()).collect();
    let outputs: Vec<usize> = kept.iter().copied().chain(s.carries..body.outputs.len()).collect();
    let body = Arc::new(transform::rearrange(&body, &order, &outputs)?);
    Ok(Some(Deferred { spec: ScanSpec { body, carries: kept.len(), stacked, ..s.clone() }, out, products }))
}

impl Deferred {
    /// The final value of each carry that was taken out, from the items and the stacked outputs of the loop. The carry began at zero.
    pub(super) fn totals(&self, b: &mut Builder, items: &[Value], stacked: &[Value]) -> Vec<Value> {
        let sum = Contraction { sum: smallvec::smallvec![(0, 0)], ..Contraction::default() };
        let mut totals = vec![];
        for outer in &self.products {
            let mut total = None;
            for ([u, v], axes) in outer {
                let [u, v] = [u, v].map(|s| match s {
                    Stack::Output(k) => stacked[*k],
                    Stack::Item(k) => items[*k],
                });
                let product = b.contract(u, v, sum.clone());
                let product = axes.as_ref().map_or(product, |axes| b.permute(product, axes));
                total = b.plus(total, Some(product));
            }
            totals.extend(total);
        }
        totals
    }
}

/// The outer products that each step adds to carry i. `None` if the carry changes or is read in any other way, or if this is not worthwhile.
fn products(s: &ScanSpec, known: &Known, i: usize) -> Option<Vec<Outer>> {
    let (carry, next) = (s.body.inputs[1 + i], s.body.outputs[i]);
    let mut terms = Terms { body: &s.body, known, carry, found: 0, outer: vec![] };
    if known.reads[carry.index()] != 1 || !terms.collect(next) || terms.found != 1 {
        return None;
    }
    let size = s.body.type_of(carry).len();
    let vectors: usize = terms.outer.iter().flat_map(|o| o.factors).map(|v| s.body.type_of(v).len()).sum();
    let room = if let Storage::Bytes(_) = s.storage { size + size / 2 } else { ROOM * terms.outer.len() * size };
    let fits = size >= LARGE && s.trip.at_most() * vectors <= room;
    (fits && !terms.outer.is_empty()).then_some(terms.outer)
}

/// How often each value of a body is read, and the equation that makes it.
struct Known {
    reads: Vec<u32>,
    makers: Vec<Option<usize>>,
}

impl Known {
    fn of(body: &Program) -> Self {
        let mut known = Known { reads: vec![0; body.types.len()], makers: vec![None; body.types.len()] };
        body.equations.iter().flat_map(|e| &e.inputs).chain(&body.outputs).for_each(|v| known.reads[v.index()] += 1);
        for (k, e) in body.equations.iter().enumerate() {
            e.outputs.iter().for_each(|v| known.makers[v.index()] = Some(k));
        }
        known
    }
}

/// The terms of a sum.
struct Terms<'a> {
    body: &'a Program,
    known: &'a Known,
    carry: Value,
    /// How often the carry is among them.
    found: usize,
    outer: Vec<Outer>,
}

impl Terms<'_> {
    /// Collects the terms of a sum. Returns whether each of them is the carry or an outer product.
    fn collect(&mut self, sum: Value) -> bool {
        // Values to visit, each with the permutation that is applied to it.
        let mut left: Vec<(Value, Option<Shape>)> = vec![(sum, None)];
        while let Some((v, axes)) = left.pop() {
            if v == self.carry && axes.is_none() {
                self.found += 1;
                continue;
            }
            let Some(e) = self.known.makers[v.index()].map(|k| &self.body.equations[k]) else { return false };
            let given: Vec<_> = e.inputs.iter().map(|x| self.body.type_of(*x)).collect();
            match (e.op.lower(&given, &[self.body.type_of(v)]), axes) {
                (Lowering::Pointwise(m), None) if matches!(m.code[..], [Instruction::Binary(BinaryFn::Add, a, b)] if a != b) => {
                    left.extend(e.inputs.iter().rev().map(|x| (*x, None)));
                }
                (Lowering::View(View::Permute(axes)), None) => left.push((e.inputs[0], Some(axes))),
                (Lowering::Contract(c), axes) if c.batch.is_empty() && c.sum.is_empty() => {
                    self.outer.push(Outer { factors: [e.inputs[0], e.inputs[1]], axes });
                }
                _ => return false,
            }
        }
        true
    }
}
