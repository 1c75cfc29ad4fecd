//! Programs: straight-line equations over typed values, generic in what an equation does.
mod check;
mod display;

pub use display::Dot;

use crate::array::LeafType;
use crate::error::{ErrorKind, Site};
use smallvec::SmallVec;
use std::sync::Arc;

/// A value of a program: an input, or an output of an equation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

impl Value {
    /// Its place in the program's table of types.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A short list of values.
pub type Values = SmallVec<[Value; 4]>;
/// A short list of types.
pub type Types = SmallVec<[LeafType; 2]>;

/// What programs ask of an operation.
pub trait Symbol: Clone + std::fmt::Debug {
    /// Name and attributes, as a listing shows them.
    fn label(&self) -> String;
    /// Types of the outputs for inputs of these types, or what does not fit; inputs are too many or too few in a program that is wrong.
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind>;
    /// Programs inside: the bodies of loops and branches, with a name each.
    fn bodies(&self) -> Vec<(&'static str, Arc<Program<Self>>)>;
}

/// outputs = op(inputs).
#[derive(Debug, Clone)]
pub struct Equation<P> {
    /// The operation.
    pub op: P,
    /// Values it reads.
    pub inputs: Values,
    /// Values it makes.
    pub outputs: Values,
    /// The user's line it comes from; derivatives keep the line of what they differentiate.
    pub site: Option<Site>,
}

/// Straight-line equations, each value made once and before it is read.
#[derive(Debug, Clone)]
pub struct Program<P> {
    /// Type of every value.
    pub types: Vec<LeafType>,
    /// The values given from outside, in order.
    pub inputs: Vec<Value>,
    /// What is computed, in order.
    pub equations: Vec<Equation<P>>,
    /// The values handed out, in order; a value may stand here more than once.
    pub outputs: Vec<Value>,
}

impl<P> Program<P> {
    /// The type of a value.
    #[must_use]
    pub fn type_of(&self, v: Value) -> &LeafType {
        &self.types[v.index()]
    }
    /// Types of the inputs, in order.
    #[must_use]
    pub fn input_types(&self) -> Vec<LeafType> {
        self.inputs.iter().map(|v| self.type_of(*v).clone()).collect()
    }
    /// Types of the outputs, in order.
    #[must_use]
    pub fn output_types(&self) -> Vec<LeafType> {
        self.outputs.iter().map(|v| self.type_of(*v).clone()).collect()
    }
    /// For each value, whether an equation reads it, or it is handed out.
    #[must_use]
    pub fn read(&self) -> Vec<bool> {
        let mut read = vec![false; self.types.len()];
        self.equations.iter().flat_map(|e| &e.inputs).chain(&self.outputs).for_each(|v| read[v.index()] = true);
        read
    }
    /// For each value, whether one of the targets depends on it.
    #[must_use]
    pub fn needed_for(&self, targets: &[Value]) -> Vec<bool> {
        let mut needed = vec![false; self.types.len()];
        targets.iter().for_each(|v| needed[v.index()] = true);
        for e in self.equations.iter().rev() {
            if e.outputs.iter().any(|v| needed[v.index()]) {
                e.inputs.iter().for_each(|v| needed[v.index()] = true);
            }
        }
        needed
    }
    /// For each value, whether it depends on an input for which `seeds` holds.
    pub fn depends_on(&self, seeds: &[bool]) -> Vec<bool> {
        let mut active = vec![false; self.types.len()];
        for (v, s) in self.inputs.iter().zip(seeds) {
            active[v.index()] = *s;
        }
        for e in &self.equations {
            if e.inputs.iter().any(|v| active[v.index()]) {
                for o in &e.outputs {
                    active[o.index()] = true;
                }
            }
        }
        active
    }
}
