//! Of which values of a program only the sum over items is read: then the sum is taken as early as possible, and what follows costs as much as for one item.
use super::reach::{Control, control};
use crate::operation::{BinaryFn, Equation, Fold, Instruction, Lowering, Program, ScanSpec, Trip, UnaryFn, View, Want};
use crate::program::Values;

/// Whether the sum over items of an equation's result can be computed from sums over items of its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sums {
    /// It cannot.
    Apart,
    /// It is linear in all operands together.
    Together,
    /// It is linear in the one operand that differs between items.
    Alone,
}

impl Sums {
    /// For an equation of which the marked operands differ between items.
    pub(crate) fn of(p: &Program, e: &Equation, differs: &[bool]) -> Self {
        let real = |v: &crate::program::Value| p.type_of(*v).kind.is_real();
        if e.outputs.len() != 1 || !e.op.bodies().is_empty() || !e.outputs.iter().chain(&e.inputs).all(real) {
            return Sums::Apart;
        }
        let kind = p.type_of(e.outputs[0]).kind;
        if e.inputs.iter().any(|v| p.type_of(*v).kind != kind) {
            return Sums::Apart;
        }
        let [from, to] = [&e.inputs, &e.outputs].map(|values: &Values| values.iter().map(|v| p.type_of(*v)).collect::<Vec<_>>());
        let one = differs.iter().filter(|d| **d).count() == 1;
        match e.op.lower(&from, &to) {
            Lowering::Pointwise(m) => match m.code[..] {
                [Instruction::Binary(BinaryFn::Add | BinaryFn::Sub, ..) | Instruction::Unary(UnaryFn::Neg, _)] => Sums::Together,
                [Instruction::Binary(BinaryFn::Mul, x, y)] if x != y && one => Sums::Alone,
                _ => Sums::Apart,
            },
            Lowering::View(View::Broadcast { .. } | View::Reshape(_) | View::Permute(_) | View::Slice { .. } | View::Diagonal) => {
                Sums::Together
            }
            Lowering::Fold { fold: Fold::Sum, .. } => Sums::Together,
            Lowering::Place { fill: 0.0, .. } => Sums::Together,
            Lowering::Contract(_) if one => Sums::Alone,
            _ => Sums::Apart,
        }
    }
}

/// For each value that differs between items, how much of it the outputs read, which are read as `asked` says.
#[must_use]
pub fn wants(p: &Program, differs: &[bool], asked: &[Want]) -> Vec<Want> {
    let mut wants = vec![Want::Nothing; p.types.len()];
    let raise = |wants: &mut Vec<Want>, v: crate::program::Value, to: Want| wants[v.index()] = wants[v.index()].max(to);
    for (v, w) in p.outputs.iter().zip(asked) {
        // What is no number is not summed up.
        raise(&mut wants, *v, if *w == Want::Sum && !p.type_of(*v).kind.is_real() { Want::Each } else { *w });
    }
    for e in p.equations.iter().rev() {
        let read: Vec<Want> = e.outputs.iter().map(|v| wants[v.index()]).collect();
        if read.iter().all(|w| *w == Want::Nothing) {
            continue;
        }
        let mask: Vec<bool> = e.inputs.iter().map(|v| differs[v.index()]).collect();
        let summed = if let Some(Control::Scan(s)) = control(p, e) {
            let carries = carry_wants(&s, &mask, &read);
            carries.into_iter().map(|w| w == Want::Sum).chain(std::iter::repeat(false)).take(e.inputs.len()).collect()
        } else {
            let sums = read.iter().all(|w| *w <= Want::Sum) && Sums::of(p, e, &mask) != Sums::Apart;
            vec![sums; e.inputs.len()]
        };
        for (v, s) in e.inputs.iter().zip(summed) {
            raise(&mut wants, *v, if s { Want::Sum } else { Want::Each });
        }
    }
    wants
}

/// Which inputs of a loop's body differ between items, where these operands do: a carry does if it once depends on one that does.
pub(crate) fn body_differs(s: &ScanSpec, operands: &[bool]) -> Vec<bool> {
    let mut given = vec![false; s.body.inputs.len()];
    let each = s.carries + s.items + s.constants;
    given[1..=each].copy_from_slice(&operands[..each]);
    loop {
        let differs = s.body.depends_on(&given);
        let before = given.clone();
        (0..s.carries).for_each(|i| given[1 + i] |= differs[s.body.outputs[i].index()]);
        if given == before {
            return given;
        }
    }
}

/// Whether items stop a loop at different steps, where these inputs of its body and this count differ.
pub(crate) fn stops_apart(s: &ScanSpec, body: &[bool], operands: &[bool]) -> bool {
    match &s.trip {
        Trip::Static(_) => false,
        Trip::Counted(_) => operands.last() == Some(&true),
        Trip::Until { test, .. } => {
            let given: Vec<bool> = body[1..1 + s.carries].iter().chain(&body[1 + s.carries + s.items..]).copied().collect();
            let differs = test.depends_on(&given);
            test.outputs.iter().any(|v| differs[v.index()])
        }
    }
}

/// How much of each carry of a loop is read, where its results are read as `read` says: only its sum, where all steps only add to it.
#[must_use]
pub fn carry_wants(s: &ScanSpec, operands: &[bool], read: &[Want]) -> Vec<Want> {
    let given = body_differs(s, operands);
    let carried = &s.body.outputs[..s.carries];
    let apart = stops_apart(s, &given, operands);
    let states = &read[s.carries + s.stacked..];
    let may = |i: usize| {
        given[1 + i] && !apart && read[i] <= Want::Sum && states[i] == Want::Nothing && s.body.type_of(carried[i]).kind.is_real()
    };
    let mut wants_of: Vec<Want> = (0..s.carries).map(|i| if may(i) { Want::Sum } else { Want::Each }).collect();
    if wants_of.iter().all(|w| *w == Want::Each) {
        return wants_of;
    }
    let differs = s.body.depends_on(&given);
    loop {
        let asked: Vec<Want> = wants_of.iter().copied().chain(read[s.carries..s.carries + s.stacked].iter().copied()).collect();
        let inside = wants(&s.body, &differs, &asked);
        let before = wants_of.clone();
        for (i, w) in wants_of.iter_mut().enumerate() {
            *w = (*w).max(inside[s.body.inputs[1 + i].index()]);
        }
        if wants_of == before {
            return wants_of;
        }
    }
}
