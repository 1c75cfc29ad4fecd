//! Values of a loop's steps that its derivative reads again, if they are dear to compute: products, dense kernels, external code.
use super::{Equation, Lowering, Program, ScanSpec, Storage, Value};
use crate::array::LeafType;
use std::sync::Arc;

/// Multiplications an element from which on a product is dear.
const DEAR: usize = 16;

/// Whether an equation's results are dear.
fn dear(body: &Program, e: &Equation) -> bool {
    let inputs: Vec<&LeafType> = e.inputs.iter().map(|v| body.type_of(*v)).collect();
    let outputs: Vec<&LeafType> = e.outputs.iter().map(|v| body.type_of(*v)).collect();
    match e.op.lower(&inputs, &outputs) {
        Lowering::Contract(c) => c.sum.iter().map(|p| inputs[0].shape[p.0]).product::<usize>() >= DEAR,
        Lowering::Kernel(k) => !k.is_check(),
        Lowering::Named(..) => true,
        Lowering::External(_) | Lowering::Scan(_) => true,
        _ => false,
    }
}

impl ScanSpec {
    /// The loop with the dear values of a step as further stacked outputs, which cost nothing unless something reads them.
    pub fn sharing(self) -> Self {
        if self.storage != Storage::Values {
            return self;
        }
        let mut body = (*self.body).clone();
        let mut changes = vec![true; body.inputs.len()];
        changes[1 + self.carries + self.items..].fill(false);
        let changes = body.depends_on(&changes);
        let is_new = |v: &Value| changes[v.index()] && !body.outputs.contains(v);
        let results = body.equations.iter().filter(|e| dear(&body, e)).flat_map(|e| e.outputs.iter().copied());
        let more: Vec<Value> = results.filter(is_new).collect();
        let stacked = self.stacked + more.len();
        body.outputs.extend(more);
        ScanSpec { body: Arc::new(body), stacked, ..self }
    }
    /// The numbers of the stacked outputs that are dear values, for a loop that stores them.
    pub fn shared(&self) -> Vec<usize> {
        let body = &self.body;
        let is_dear = |v: Value| body.equations.iter().any(|e| e.outputs.contains(&v) && dear(body, e));
        (0..self.stacked).filter(|j| self.storage == Storage::Values && is_dear(body.outputs[self.carries + j])).collect()
    }
}
