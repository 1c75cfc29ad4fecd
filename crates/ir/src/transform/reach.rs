//! What moves with the inputs of a program, and what its outputs read of each value: forwards and backwards through loops and branches.
use crate::operation::{CondSpec, Equation, Lowering, Op, Program, ScanSpec, Trip};
use std::collections::HashMap;

/// What of a value moves with the inputs, or is read by the outputs; of more than one way, the largest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// Nothing.
    Nothing,
    /// The value, but no derivative of it: the way goes through `stop_gradient`, or on through a comparison.
    Value,
    /// The value and its derivative.
    Slope,
}

/// An equation's loop or branch.
pub(super) enum Control {
    Scan(ScanSpec),
    Cond(CondSpec),
}

/// The loop or branch that an equation is, if it is one.
pub(super) fn control(p: &Program, e: &Equation) -> Option<Control> {
    if e.op.bodies().is_empty() {
        return None;
    }
    let [inputs, outputs] = [&e.inputs, &e.outputs].map(|values| values.iter().map(|v| p.type_of(*v)).collect::<Vec<_>>());
    match e.op.lower(&inputs, &outputs) {
        Lowering::Scan(s) => Some(Control::Scan(s)),
        Lowering::Cond(c) => Some(Control::Cond(c)),
        _ => None,
    }
}

type Answers = HashMap<(*const (), Vec<Part>), Vec<Part>>;

/// The questions, with their answers for loops and branches: without them the work would double with each level of nesting. They are found by
/// address, so the program that is asked about outlives this.
#[derive(Default)]
pub(super) struct Reach {
    moving: Answers,
    used: Answers,
}

fn address(op: &Op) -> *const () {
    std::sync::Arc::as_ptr(&op.0).cast()
}

impl Reach {
    /// For each value, what of it moves when the inputs move as `given` says: values move through `stop_gradient` too, but neither through what is
    /// piecewise constant, such as a comparison, nor through indices.
    pub(super) fn moving(&mut self, p: &Program, given: &[Part]) -> Vec<Part> {
        let mut moves = vec![Part::Nothing; p.types.len()];
        for (v, g) in p.inputs.iter().zip(given).filter(|(v, _)| p.type_of(**v).kind.is_real()) {
            moves[v.index()] = *g;
        }
        for e in &p.equations {
            let x: Vec<Part> = e.inputs.iter().map(|v| moves[v.index()]).collect();
            if x.iter().any(|m| *m > Part::Nothing) {
                let made = e.outputs.iter().zip(self.moved(p, e, &x));
                made.filter(|(v, _)| p.type_of(**v).kind.is_real()).for_each(|(v, y)| moves[v.index()] = y);
            }
        }
        moves
    }
    /// The same through one equation.
    fn moved(&mut self, p: &Program, e: &Equation, x: &[Part]) -> Vec<Part> {
        let Some(control) = control(p, e) else {
            let through = |(i, m): (usize, &Part)| match e.op.is_stop() {
                true => Some((*m).min(Part::Value)),
                false => e.op.has_slope(i).then_some(*m),
            };
            let most = x.iter().enumerate().filter_map(through).max().unwrap_or(Part::Nothing);
            return vec![most; e.outputs.len()];
        };
        let key = (address(&e.op), x.to_vec());
        if let Some(known) = self.moving.get(&key) {
            return known.clone();
        }
        let made: Vec<Part> = match &control {
            Control::Scan(s) => {
                let given = self.moving_in_body(s, x);
                let moves = self.moving(&s.body, &given);
                let carries = &given[1..1 + s.carries];
                let stacked = s.body.outputs[s.carries..].iter().map(|v| moves[v.index()]);
                carries.iter().copied().chain(stacked).chain(carries.iter().copied()).chain([Part::Nothing]).collect()
            }
            Control::Cond(c) => {
                let sides = [&c.yes, &c.no].map(|p| {
                    let moves = self.moving(p, &x[1..]);
                    p.outputs.iter().map(|v| moves[v.index()]).collect::<Vec<_>>()
                });
                sides[0].iter().zip(&sides[1]).map(|(a, b)| *a.max(b)).collect()
            }
        };
        self.moving.insert(key, made.clone());
        made
    }
    /// What of the inputs of a loop's body moves in some step.
    pub(super) fn moving_in_body(&mut self, s: &ScanSpec, x: &[Part]) -> Vec<Part> {
        let mut given = vec![Part::Nothing];
        given.extend(&x[..s.carries + s.items + s.constants]);
        loop {
            let moves = self.moving(&s.body, &given);
            let before = given.clone();
            (0..s.carries).for_each(|i| given[1 + i] = given[1 + i].max(moves[s.body.outputs[i].index()]));
            if given == before {
                return given;
            }
        }
    }
    /// For each value, what the outputs read of it, where they are read as `outputs` says.
    pub(super) fn used(&mut self, p: &Program, outputs: &[Part]) -> Vec<Part> {
        let mut used = vec![Part::Nothing; p.types.len()];
        let read = |used: &mut [Part], v: crate::program::Value, u: Part| {
            // An index has no derivative.
            let u = if p.type_of(v).kind.is_real() { u } else { u.min(Part::Value) };
            used[v.index()] = used[v.index()].max(u);
        };
        p.outputs.iter().zip(outputs).for_each(|(v, u)| read(&mut used, *v, *u));
        for e in p.equations.iter().rev() {
            let y: Vec<Part> = e.outputs.iter().map(|v| used[v.index()]).collect();
            if y.iter().any(|u| *u > Part::Nothing) {
                let x = self.used_by(p, e, &y);
                e.inputs.iter().zip(x).for_each(|(v, u)| read(&mut used, *v, u));
            }
        }
        used
    }
    /// What one equation reads of its inputs.
    fn used_by(&mut self, p: &Program, e: &Equation, y: &[Part]) -> Vec<Part> {
        let Some(control) = control(p, e) else {
            let slope = y.contains(&Part::Slope);
            return (0..e.inputs.len()).map(|i| if slope && e.op.has_slope(i) { Part::Slope } else { Part::Value }).collect();
        };
        let key = (address(&e.op), y.to_vec());
        if let Some(known) = self.used.get(&key) {
            return known.clone();
        }
        let made: Vec<Part> = match &control {
            Control::Scan(s) => {
                let outputs = self.used_of_body(s, y);
                let used = self.used(&s.body, &outputs);
                let mut x: Vec<Part> = s.body.inputs[1..].iter().map(|v| used[v.index()]).collect();
                x.iter_mut().zip(&outputs[..s.carries]).for_each(|(x, y)| *x = (*x).max(*y));
                if let Trip::Counted(_) = s.trip {
                    x.push(Part::Value);
                }
                x
            }
            Control::Cond(c) => {
                let sides = [&c.yes, &c.no].map(|p| {
                    let used = self.used(p, y);
                    p.inputs.iter().map(|v| used[v.index()]).collect::<Vec<_>>()
                });
                [Part::Value].into_iter().chain(sides[0].iter().zip(&sides[1]).map(|(a, b)| *a.max(b))).collect()
            }
        };
        self.used.insert(key, made.clone());
        made
    }
    /// What is read of the outputs of a loop's body in some step. The test of a loop reads nothing: the number of steps counts as given.
    pub(super) fn used_of_body(&mut self, s: &ScanSpec, y: &[Part]) -> Vec<Part> {
        let mut outputs = y[..s.carries + s.stacked].to_vec();
        (0..s.carries).for_each(|i| outputs[i] = outputs[i].max(y[s.carries + s.stacked + i]));
        loop {
            let used = self.used(&s.body, &outputs);
            let before = outputs.clone();
            (0..s.carries).for_each(|i| outputs[i] = outputs[i].max(used[s.body.inputs[1 + i].index()]));
            if outputs == before {
                return outputs;
            }
        }
    }
}
