//! What a linear program does elementwise, whatever its products, sums and loops give.
use super::dead_code;
use crate::error::Result;
use crate::operation::{Builder, Lowering, Program, Value};
use crate::program::Values;

/// A program of (residuals…, directions…, results of products…) → (results…): every equation between direction and result that is neither elementwise nor a view, such as a product with a matrix, gives what comes
/// from outside instead. An element of the result that does not move with these does not depend on them.
///
/// What is left is cheap: it reads residuals that have the size of a direction.
pub fn skeleton(linear: &Program, residuals: usize) -> Result<Program> {
    let directions: Vec<bool> = (0..linear.inputs.len()).map(|i| i >= residuals).collect();
    let moving = linear.depends_on(&directions);
    let mut b = Builder::new();
    let mut map = vec![Value(0); linear.types.len()];
    for v in &linear.inputs {
        map[v.index()] = b.input(linear.type_of(*v).clone());
    }
    for e in &linear.equations {
        b.at(e.site);
        let [from, to] = [&e.inputs, &e.outputs].map(|values| values.iter().map(|v| linear.type_of(*v)).collect::<Vec<_>>());
        let moves = e.outputs.iter().any(|v| moving[v.index()]);
        if moves && !matches!(e.op.lower(&from, &to), Lowering::Pointwise(_) | Lowering::View(_) | Lowering::Place { .. }) {
            for v in &e.outputs {
                map[v.index()] = b.input(linear.type_of(*v).clone());
            }
            continue;
        }
        let x: Values = e.inputs.iter().map(|v| map[v.index()]).collect();
        let made = b.emit(e.op.clone(), &x);
        e.outputs.iter().zip(made).for_each(|(v, y)| map[v.index()] = y);
    }
    let outputs: Vec<Value> = linear.outputs.iter().map(|v| map[v.index()]).collect();
    dead_code(&b.finish(&outputs)?)
}
