//! Which values a program needs.
use super::{Body, Id, Op, Program, Step};

/// The bodies within an operation.
pub(super) fn bodies(op: &Op) -> Vec<&Body> {
    match op {
        Op::Scan { body, .. } | Op::Map(body) | Op::Call(body) => vec![body],
        Op::ScanUntil { test, body, .. } => vec![test, body],
        Op::Cond(yes, no) => vec![yes, no],
        _ => vec![],
    }
}

/// The bodies within an operation, to change.
pub fn bodies_mut(op: &mut Op) -> Vec<&mut Body> {
    match op {
        Op::Scan { body, .. } | Op::Map(body) | Op::Call(body) => vec![body],
        Op::ScanUntil { test, body, .. } => vec![test, body],
        Op::Cond(yes, no) => vec![yes, no],
        _ => vec![],
    }
}

impl Step {
    /// Calls `f` with every value below `first` that this step or its bodies read.
    pub fn each_read(&self, f: &mut dyn FnMut(Id), first: Id) {
        if self.op == Op::Absent {
            return;
        }
        self.args.iter().filter(|id| **id < first).for_each(|id| f(*id));
        for body in bodies(&self.op) {
            body.steps.iter().for_each(|s| s.each_read(f, first));
            body.outputs.iter().filter(|id| **id < first).for_each(|id| f(*id));
        }
    }
}

/// Marks steps absent whose results nothing needs. `first` is the place of the first result.
fn prune(steps: &mut [Step], first: Id, outputs: &[Id]) {
    let total = first + steps.iter().map(|s| s.types.len()).sum::<usize>();
    let mut needed = vec![false; total];
    outputs.iter().for_each(|id| needed[*id] = true);
    let mut place = total;
    for s in steps.iter_mut().rev() {
        place -= s.types.len();
        if !(place..place + s.types.len()).any(|id| needed[id]) {
            s.op = Op::Absent;
            s.args.clear();
            continue;
        }
        for body in bodies_mut(&mut s.op) {
            prune(&mut body.steps, place + body.inputs.len(), &body.outputs);
        }
        s.each_read(&mut |id| needed[id] = true, place);
    }
}

impl Program {
    /// Marks steps absent that neither the outputs nor the loss need.
    pub fn prune(&mut self) {
        let wanted: Vec<Id> = self.outputs.iter().copied().chain([self.loss]).collect();
        prune(&mut self.steps, 0, &wanted);
    }
    /// How many steps there are, with those of bodies.
    pub fn len(&self) -> usize {
        fn count(steps: &[Step]) -> usize {
            let of = |s: &Step| 1 + bodies(&s.op).iter().map(|b| count(&b.steps)).sum::<usize>();
            steps.iter().filter(|s| s.op != Op::Absent).map(of).sum()
        }
        count(&self.steps)
    }
    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
