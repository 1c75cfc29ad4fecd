//! An evaluation that shares nothing with the engine: plain loops over numbers that carry exact first and second derivatives.
mod arrange;
mod evaluate;
mod indexing;
mod jet;
mod matrices;
mod pointwise;
mod product;
mod reduce;
mod repeat;
mod tensor;

pub use evaluate::{results, step};
pub use jet::{Arithmetic, Jet};
pub use tensor::{Tensor, Value, common, size};

use crate::language::{Kind, Program};

/// What a program comes to at one of its points.
#[derive(Debug)]
pub struct Evaluation {
    /// The outputs.
    pub outputs: Vec<Tensor<Jet>>,
    /// The loss.
    pub loss: Jet,
    /// What was seen on the way.
    pub arithmetic: Arithmetic,
}

/// The inputs as values; the second point where `other`.
pub fn inputs(program: &Program, other: bool) -> Vec<Value> {
    let value = |input: &crate::language::Input| {
        let data = if other { &input.other } else { &input.data };
        if input.of.kind == Kind::Index {
            return Value::Index(Tensor::new(&input.of.shape, data.iter().map(|v| *v as u32).collect()));
        }
        let [a, b] = &input.directions;
        let jets = data.iter().zip(a.iter().zip(b)).map(|(v, (a, b))| Jet { v: *v, a: *a, b: *b, ab: 0.0 }).collect();
        Value::Real(Tensor::new(&input.of.shape, jets))
    };
    program.inputs.iter().map(value).collect()
}

/// Evaluates a program.
pub fn evaluate(program: &Program, other: bool, mut arithmetic: Arithmetic) -> Evaluation {
    let inputs = inputs(program, other);
    let mut env = vec![];
    for s in &program.steps {
        step(&mut arithmetic, &inputs, &mut env, s);
    }
    let outputs = program.outputs.iter().map(|id| env[*id].real().clone()).collect();
    let loss = env[program.loss].real().data[0];
    Evaluation { outputs, loss, arithmetic }
}
