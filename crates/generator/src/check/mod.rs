//! Holds the engine to the reference: values, derivatives both ways, second derivatives, reruns, thread counts, two items at once.
mod beside;
mod compare;
mod engine;
mod items;
mod pools;

pub use compare::{Class, Flag};

use crate::language::Program;
use compare::Judge;

/// Everything that is not as the reference has it.
pub fn check(program: &Program) -> Vec<Flag> {
    let mut judge = Judge::new(program);
    pools::one().install(|| {
        if program.single {
            engine::run::<f32>(program, &mut judge);
            items::run::<f32>(program, &mut judge);
        } else {
            engine::run::<f64>(program, &mut judge);
            items::run::<f64>(program, &mut judge);
        }
    });
    judge.flags
}
