//! A whole program from a seed and a case: steps of all families, then outputs and a loss.
use super::chance::Chance;
use super::writer::Writer;
use super::{arrange, control, indexing, matrices, pointwise, product};
use crate::language::{Axes, Binary, Id, Op, Program, Reduce, Type};
use crate::reference::size;

/// One step of any family, and what keeps its values moderate.
fn one(w: &mut Writer) {
    let loops = if w.depth < 2 && w.floor == 0 { 1.0 } else { 0.0 };
    let branches = if w.depth < 2 { 0.5 } else { 0.0 };
    let weights = [3.0, 3.5, 2.5, 3.5, 4.0, 0.5, 0.4, 0.7, 1.5, 0.3, 0.3, loops, 0.5 * loops, 0.6 * loops, branches * loops, 0.5 * loops];
    let made = match w.chance.weighted(&weights) {
        0 => pointwise::unary(w),
        1 => pointwise::binary(w),
        2 => arrange::reduce(w),
        3 => arrange::arrange(w),
        4 => product::product(w),
        5 => product::convolve(w),
        6 => product::sparse(w),
        7 => matrices::linear_algebra(w),
        8 => indexing::indexing(w),
        9 => match indexing::of_indices(w) {
            Some(_) => return,
            None => pointwise::creation(w),
        },
        10 => pointwise::creation(w),
        11 => control::scan(w),
        12 => control::scan_until(w),
        13 => control::map(w),
        14 => control::cond(w),
        _ => control::call(w),
    };
    w.moderate(made);
}

/// A number made of a value: by weights, by itself, by another value.
fn number_of(w: &mut Writer, y: Id) -> Id {
    let shape = w.shape(y);
    let sum = |w: &mut Writer, x: Id| w.real(Op::Reduce(Reduce::Sum, Axes::All), &[x]);
    match w.chance.below(6) {
        0 => sum(w, y),
        1 => w.real(Op::Reduce(Reduce::NormSquared, Axes::All), &[y]),
        2 => {
            let other = w.shaped(&shape);
            let p = w.binary(Binary::Mul, y, other);
            sum(w, p)
        }
        3 if size(&shape) > 0 => w.real(Op::Reduce(Reduce::Mean, Axes::All), &[y]),
        _ => {
            let data = w.draw_numbers(size(&shape));
            let weights = w.emit(Op::Constant(data), &[], Type::real(&shape));
            let p = w.binary(Binary::Mul, y, weights);
            sum(w, p)
        }
    }
}

/// How large programs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// Mostly small, now and then with long axes.
    All,
    /// Small.
    Small,
}

/// Lengths of axes, and the most elements of a value.
fn lengths(c: &mut Chance, sizes: Sizes) -> (Vec<usize>, usize) {
    let long = if sizes == Sizes::All { 1.0 } else { 0.0 };
    match c.weighted(&[0.6, 0.27 * long, 0.12 * long, 0.01 * long]) {
        0 => (vec![1, 2, 3, c.of(&[1, 2, 7])], 400),
        1 => (vec![1, 2, c.of(&[0, 1, 7, 7]), c.of(&[1, 7, 64])], 1500),
        2 => (vec![1, c.of(&[2, 7]), c.of(&[64, 513, 513])], 3000),
        _ => (vec![1, c.of(&[7, 64]), 513], 300_000),
    }
}

/// The program of a case.
pub fn program(seed: u64, case: u64, sizes: Sizes) -> Program {
    let mut chance = Chance::new(seed, case);
    let single = chance.chance(0.25);
    let (lengths, most) = lengths(&mut chance, sizes);
    let steps = if most > 10_000 { 4 } else { 3 + chance.below(12) };
    let mut w = Writer::new(chance, single, lengths, most, one);
    for _ in 0..1 + w.chance.below(2) {
        let shape = w.draw_shape();
        w.fresh(&shape);
    }
    w.some_steps(steps);
    let outputs = outputs(&mut w);
    let mut loss = None;
    for y in outputs.clone() {
        let part = number_of(&mut w, y);
        loss = Some(match loss {
            None => part,
            Some(sum) => w.binary(Binary::Add, sum, part),
        });
    }
    let mut made = Program { single, inputs: w.inputs, steps: w.steps, outputs, loss: loss.expect("a program has an output") };
    made.prune();
    made
}

/// One to three values, most of them such that nothing else reads them.
fn outputs(w: &mut Writer) -> Vec<Id> {
    let read = w.read();
    let ends: Vec<Id> = w.reals().into_iter().filter(|id| !read[*id]).collect();
    let count = 1 + w.chance.below(3);
    let mut outputs: Vec<Id> = ends.iter().rev().take(count).copied().collect();
    if outputs.is_empty() || w.chance.chance(0.3) {
        let y = w.any();
        outputs.push(y);
    }
    outputs
}
