//! The reference executor: every equation's own naive value, in order; shares no kernel with the planned one.
use crate::array::AnyArray;
use crate::error::Error;
use crate::operation::Program;

/// Outputs of a program at these inputs.
pub fn run(program: &Program, inputs: &[AnyArray]) -> Result<Vec<AnyArray>, Error> {
    let mut values: Vec<Option<AnyArray>> = vec![None; program.types.len()];
    for (v, x) in program.inputs.iter().zip(inputs) {
        values[v.index()] = Some(x.clone());
    }
    for e in &program.equations {
        let made = {
            let operands: Vec<&AnyArray> = e.inputs.iter().filter_map(|v| values[v.index()].as_ref()).collect();
            e.op.value(&operands).map_err(|p| p.running(e.op.name(), e.site))?
        };
        for (v, y) in e.outputs.iter().zip(made) {
            values[v.index()] = Some(y);
        }
    }
    Ok(program.outputs.iter().filter_map(|v| values[v.index()].clone()).collect())
}
