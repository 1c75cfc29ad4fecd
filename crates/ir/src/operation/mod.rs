//! What an operation is: one place that gives value, both rules and lowering.
mod builder;
mod common;
mod counts;
mod elementwise;
mod items;
mod lowering;
mod micro;
mod multilinear;
pub mod named;
mod probe;
mod prune;
mod spec;
mod switch;
pub mod typed;
mod values;

pub use builder::Builder;
pub use common::Common;
pub use counts::{Class, Counts, Products};
pub use elementwise::{Elementwise, Pointwise, Slope, same_kind};
pub(crate) use items::no_rule;
pub use items::{Form, Items, Made, Want};
pub use lowering::{CondSpec, Contraction, External, Fold, Kernel, Lowering, Part, Report, ScanSpec, Storage, Trip, View};
pub use micro::{BinaryFn, Instruction, Micro, MicroBuilder, OwnFn, Reg, UnaryFn};
pub use multilinear::{Multilinear, Product};
pub use named::Named;
pub use probe::{Probe, Probed};
pub use prune::Pruned;
pub(crate) use prune::{Remember, pruned};
pub use switch::Switch;

use crate::array::{AnyArray, LeafType};
use crate::error::{Counted, ErrorKind};
pub use crate::program::Value;
use crate::program::{self, Symbol, Types, Values};
use std::any::Any;
use std::fmt::Debug;
use std::hash::Hasher;
use std::sync::Arc;

/// A shared operation: what programs hold.
#[derive(Debug, Clone)]
pub struct Op(pub Arc<dyn Operation>);
/// A program of operations.
pub type Program = program::Program<Op>;
/// An equation of operations.
pub type Equation = program::Equation<Op>;
/// A derivative per argument or output; `None` is a symbolic zero, which is never materialised.
pub type Maybe = Vec<Option<Value>>;

/// One operation on arrays.
///
/// Rules are programs: they emit equations through a [`Builder`], all arguments at once, with masks of what is present
/// and what is wanted. Linear rules never read the linear input, so transposing a linear program is its vjp without dead code.
pub trait Operation: Any + Debug + Send + Sync {
    /// The field's name of it.
    fn name(&self) -> &str;
    /// Attributes for a listing, such as axes; empty for most.
    fn attributes(&self) -> String {
        String::new()
    }
    /// Adds the attributes to a hash, so that operations which are not the same are told apart quickly; those that are the same add the same.
    fn hash_attributes(&self, state: &mut dyn Hasher) {
        state.write(self.attributes().as_bytes());
    }
    /// How many inputs it takes, where that is always the same: `infer` is given as many.
    fn arity(&self) -> Option<usize> {
        None
    }
    /// Types of the outputs, or what does not fit and what would.
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind>;
    /// Values, naively and independently of the kernels: the oracle that the planned executor is tested against.
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind>;
    /// Forward rule: emits values and tangents. `op` is this operation, shared.
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe);
    /// Reverse rule: emits the cotangents of the inputs for which `wanted` holds.
    fn vjp(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe;
    /// What it asks of the planned executor.
    fn lower(&self, inputs: &[&LeafType], outputs: &[&LeafType]) -> Lowering;
    /// Whether the other operation is the same with the same attributes; equations of both on the same values are one.
    fn same(&self, other: &dyn Operation) -> bool;
    /// An algebraic identity that makes this application cheaper, emitted instead of it.
    fn simplify(&self, b: &mut Builder, inputs: &[Value]) -> Option<Values> {
        let _ = (b, inputs);
        None
    }
    /// Programs inside, by name.
    fn bodies(&self) -> Vec<(&'static str, Arc<Program>)> {
        vec![]
    }
    /// The same without what only unread outputs need. Gives the operation, which inputs and which outputs it keeps.
    fn prune(&self, read: &[bool]) -> Option<Pruned> {
        let _ = read;
        None
    }
    /// Emits it for many items at once, where some operands have the items as a further leading axis, and gives the results; `None` where it has no rule
    /// for that. `op` is this operation, shared. For `batch`.
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> crate::error::Result<Option<Made>> {
        let _ = (b, op, items);
        Ok(None)
    }
    /// Emits control flow that mixes known and unknown inputs as two equations, one that reads only known inputs and one for
    /// the rest, and gives the outputs; `None` where it cannot be divided. For `linearize`.
    fn split(&self, b: &mut Builder, inputs: &[Value], known: &[bool]) -> crate::error::Result<Option<Values>> {
        let _ = (b, inputs, known);
        Ok(None)
    }
    /// Emits the numbers whose signs decide which smooth piece of it is active; none for an operation that is smooth. Where there is only a pole or
    /// an infinite slope nothing is decided. Loops and branches leave it to the transform, which goes into their bodies.
    fn switching(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value]) -> Vec<Switch> {
        let _ = (b, inputs, outputs);
        vec![]
    }
    /// Emits control flow with these bodies instead of its own, which have more real outputs after their own. Gives the outputs, and these further
    /// ones: a loop stacks them, and they are ∞ in steps and branches that are not taken. For `switching`.
    fn widened(&self, b: &mut Builder, inputs: &[Value], bodies: Vec<Program>) -> crate::error::Result<(Values, Vec<Value>)> {
        let _ = (b, inputs, bodies);
        Err(crate::error::Error::new(self.name(), ErrorKind::misuse("has no bodies")))
    }
    /// Whether a derivative by this operand is ever other than 0: not of a comparison, nor by the test of a choice.
    fn has_slope(&self, input: usize) -> bool {
        let _ = input;
        true
    }
    /// Whether it is the identity with its derivative held back. Its value moves with the operand, though `has_slope` says no.
    fn is_stop(&self) -> bool {
        false
    }
    /// Whether equal applications must stay apart, because each has a state of its own.
    fn is_opaque(&self) -> bool {
        false
    }
}

impl Op {
    /// Shares an operation.
    pub fn new(op: impl Operation) -> Self {
        Op(Arc::new(op))
    }
    /// The operation as its own type.
    pub fn downcast<T: Operation>(&self) -> Option<&T> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref()
    }
}

impl std::ops::Deref for Op {
    type Target = dyn Operation;
    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl Symbol for Op {
    fn label(&self) -> String {
        let attributes = self.attributes();
        if attributes.is_empty() { self.name().to_string() } else { format!("{}[{attributes}]", self.name()) }
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        if let Some(n) = self.0.arity().filter(|n| *n != inputs.len()) {
            return Err(ErrorKind::count(Counted::Operands, n, inputs.len()));
        }
        self.0.infer(inputs)
    }
    fn bodies(&self) -> Vec<(&'static str, Arc<Program>)> {
        self.0.bodies()
    }
}

/// `same` for operations that are comparable values.
pub fn same_value<T: Operation + PartialEq>(a: &T, b: &dyn Operation) -> bool {
    let b: &dyn Any = b;
    b.downcast_ref::<T>().is_some_and(|b| a == b)
}

/// What the test of a branch or loop says: whether it is not 0.
///
/// # Errors
/// When it is NaN, which is neither.
pub fn truth(test: f64) -> Result<bool, ErrorKind> {
    if test.is_nan() { Err(ErrorKind::TestIsNan) } else { Ok(test != 0.0) }
}
