//! A derivative in two parts: what depends on the point, and what is linear in the tangent.
use super::{dead_code, jvp};
use crate::error::Result;
use crate::operation::{Builder, Equation, Lowering, Program, Value};
use crate::program::Values;

/// jvp, split by "depends on a tangent".
#[derive(Debug, Clone)]
pub struct Linearized {
    /// (inputs…) → (outputs…, residuals…): runs once per point.
    pub primal: Program,
    /// (residuals…, tangents of the active inputs…) → (tangents of the wanted outputs…): runs once per application.
    pub linear: Program,
    /// How many of the linear program's inputs are residuals.
    pub residuals: usize,
}

impl Linearized {
    /// (residuals…, cotangents of the wanted outputs…) → (cotangents of the active inputs…): the linear part's vjp without dead
    /// code. It reads residuals, never a tangent.
    pub fn transpose(&self) -> Result<Program> {
        let (r, n, m) = (self.residuals, self.linear.inputs.len(), self.linear.outputs.len());
        let tangents: Vec<bool> = (0..n).map(|i| i >= r).collect();
        let mut back = super::vjp(&self.linear, &tangents, &vec![true; m])?;
        back.outputs.drain(..m);
        let mut back = dead_code(&back)?;
        // The tangents that the linear part took are inputs still; nobody reads them.
        back.inputs.drain(r..n);
        debug_assert_eq!(back.check(), Ok(()), "{back}");
        Ok(back)
    }
}

/// Splits the jvp of a program.
pub fn linearize(program: &Program, active: &[bool], wanted: &[bool]) -> Result<Linearized> {
    let joint = jvp(program, active, wanted)?;
    let (n, outputs) = (program.inputs.len(), program.outputs.len());
    let known: Vec<bool> = (0..joint.inputs.len()).map(|i| i < n).collect();
    let tangents: Vec<bool> = (0..joint.outputs.len()).map(|i| i >= outputs).collect();
    let parts = partition(&joint, &known, &tangents)?;
    // Inputs that the linear part reads are residuals too.
    let inputs = parts.inputs_read(n);
    let all: Vec<usize> = (0..n).collect();
    let mut primal = parts.known_body(&all, &(0..outputs).collect::<Vec<_>>())?;
    let made = primal.outputs.split_off(outputs);
    primal.outputs.extend(inputs.iter().map(|i| primal.inputs[*i]));
    primal.outputs.extend(made);
    let linear =
        parts.unknown_body(&inputs, &(n..joint.inputs.len()).collect::<Vec<_>>(), &(outputs..joint.outputs.len()).collect::<Vec<_>>())?;
    Ok(Linearized { primal, linear, residuals: inputs.len() + parts.made_residuals() })
}

/// A program divided by what depends on unknown inputs.
#[derive(Debug)]
pub struct Parts {
    joint: Program,
    unknown: Vec<bool>,
    /// For each equation, whether either part runs it for itself: values made from nothing, and known views of values that are no bigger.
    shared: Vec<bool>,
    residuals: Vec<Value>,
    /// For each output, whether it depends on an unknown input, or was asked of the unknown part.
    pub unknown_outputs: Vec<bool>,
}

/// Divides a program. The unknown part makes the outputs for which `asked` holds, and all that depend on unknown inputs.
pub fn partition(program: &Program, known: &[bool], asked: &[bool]) -> Result<Parts> {
    let joint = separate(program, known)?;
    let unknown = joint.depends_on(&known.iter().map(|k| !k).collect::<Vec<_>>());
    let shared = joint
        .equations
        .iter()
        .map(|e| e.inputs.is_empty() || !e.outputs.iter().any(|v| unknown[v.index()]) && is_view(&joint, e))
        .collect();
    let mut parts = Parts { joint, unknown, shared, residuals: vec![], unknown_outputs: vec![] };
    parts.ask(asked);
    Ok(parts)
}

/// Whether an equation moves nothing and computes nothing, and what it reads is no bigger than what it gives.
fn is_view(p: &Program, e: &Equation) -> bool {
    let types = |values: &[Value]| values.iter().map(|v| p.type_of(*v)).collect::<Vec<_>>();
    let (from, to) = (types(&e.inputs), types(&e.outputs));
    from.len() == 1 && to.len() == 1 && from[0].len() <= to[0].len() && matches!(e.op.lower(&from, &to), Lowering::View(_))
}

impl Parts {
    /// Asks the unknown part for these outputs, besides those that depend on unknown inputs.
    pub fn ask(&mut self, asked: &[bool]) {
        self.unknown_outputs = self.joint.outputs.iter().zip(asked).map(|(v, a)| *a || self.unknown[v.index()]).collect();
        let mut made = self.read_by_unknown();
        let free = self.free();
        self.joint.inputs.iter().for_each(|v| made[v.index()] = false);
        self.residuals = (0..made.len() as u32).map(Value).filter(|v| made[v.index()] && !free[v.index()]).collect();
    }
    fn is_unknown(&self, e: &Equation) -> bool {
        e.outputs.iter().any(|v| self.unknown[v.index()])
    }
    /// Values that either part makes for itself.
    fn free(&self) -> Vec<bool> {
        let mut free = vec![false; self.joint.types.len()];
        for (e, _) in self.joint.equations.iter().zip(&self.shared).filter(|(_, shared)| **shared) {
            e.outputs.iter().for_each(|v| free[v.index()] = true);
        }
        free
    }
    /// Known values that the unknown part reads, itself or through views.
    fn read_by_unknown(&self) -> Vec<bool> {
        let mut read = vec![false; self.joint.types.len()];
        let inputs = self.joint.equations.iter().filter(|e| self.is_unknown(e)).flat_map(|e| &e.inputs);
        let outputs = self.joint.outputs.iter().zip(&self.unknown_outputs).filter(|(_, u)| **u).map(|(v, _)| v);
        for v in inputs.chain(outputs) {
            read[v.index()] |= !self.unknown[v.index()];
        }
        for (e, _) in self.joint.equations.iter().zip(&self.shared).rev().filter(|(_, shared)| **shared) {
            if e.outputs.iter().any(|v| read[v.index()]) {
                e.inputs.iter().for_each(|v| read[v.index()] = true);
            }
        }
        read
    }
    /// Which of the first `n` inputs the unknown part reads.
    pub(super) fn inputs_read(&self, n: usize) -> Vec<usize> {
        let read = self.read_by_unknown();
        (0..n).filter(|i| read[self.joint.inputs[*i].index()]).collect()
    }
    /// Number of values that the known part makes for the unknown one.
    #[must_use]
    pub fn made_residuals(&self) -> usize {
        self.residuals.len()
    }
    /// (inputs at these places…) → (outputs at these places…, residuals…).
    pub fn known_body(&self, inputs: &[usize], outputs: &[usize]) -> Result<Program> {
        let mut p = self.joint.clone();
        p.inputs = inputs.iter().map(|i| self.joint.inputs[*i]).collect();
        p.equations.retain(|e| !self.is_unknown(e));
        p.outputs = outputs.iter().map(|i| self.joint.outputs[*i]).chain(self.residuals.iter().copied()).collect();
        dead_code(&p)
    }
    /// (inputs at these places…, residuals…, inputs at these other places…) → (outputs at these places…).
    pub fn unknown_body(&self, first: &[usize], last: &[usize], outputs: &[usize]) -> Result<Program> {
        let mut p = self.joint.clone();
        let input = |i: &usize| self.joint.inputs[*i];
        p.inputs = first.iter().map(input).chain(self.residuals.iter().copied()).chain(last.iter().map(input)).collect();
        let mut shared = self.shared.iter();
        p.equations.retain(|e| shared.next().copied().unwrap_or(false) || self.is_unknown(e));
        p.outputs = outputs.iter().map(|i| self.joint.outputs[*i]).collect();
        dead_code(&p)
    }
}

/// Rewrites loops and branches that mix known and unknown inputs into a known one and an unknown one.
fn separate(program: &Program, known: &[bool]) -> Result<Program> {
    let mut b = Builder::new();
    let mut map = vec![Value(0); program.types.len()];
    let mut is_known: Vec<bool> = vec![];
    for (v, k) in program.inputs.iter().zip(known) {
        map[v.index()] = b.input(program.type_of(*v).clone());
        is_known.push(*k);
    }
    for e in &program.equations {
        b.at(e.site);
        let x: Values = e.inputs.iter().map(|v| map[v.index()]).collect();
        let mask: Vec<bool> = x.iter().map(|v| is_known[v.index()]).collect();
        let mixed = mask.iter().any(|k| *k) && !mask.iter().all(|k| *k);
        let y = if mixed { e.op.split(&mut b, &x, &mask)? } else { None };
        let y = y.unwrap_or_else(|| b.emit(e.op.clone(), &x));
        b.extend_known(&mut is_known);
        for (v, y) in e.outputs.iter().zip(y) {
            map[v.index()] = y;
        }
    }
    let outputs: Vec<Value> = program.outputs.iter().map(|v| map[v.index()]).collect();
    b.finish(&outputs)
}
