//! Operations that are linear in each argument: both rules from the operation and its transposes.
use super::{Builder, Items, Lowering, Made, Maybe, Op, Operation, Value, same_value};
use crate::array::{AnyArray, LeafType};
use crate::error::{ErrorKind, Result};
use crate::program::{Types, Values};
use smallvec::smallvec;
use std::fmt::Debug;

/// One output, linear in each real argument on its own (or in all of them together).
pub trait Multilinear: Clone + PartialEq + Debug + Send + Sync + 'static {
    /// The field's name.
    fn name(&self) -> &'static str;
    /// Attributes for a listing.
    fn attributes(&self) -> String {
        String::new()
    }
    /// How many arguments it takes.
    fn arity(&self) -> usize {
        1
    }
    /// Type of the output.
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind>;
    /// The value, naively.
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind>;
    /// The cotangent of argument `i`. May read the other arguments, of argument `i` only its type.
    fn transpose(&self, b: &mut Builder, inputs: &[Value], i: usize, cotangent: Value) -> Value;
    /// What it asks of the planned executor.
    fn lower(&self, inputs: &[&LeafType], output: &LeafType) -> Lowering;
    /// Whether it is linear in all arguments together, as concatenation is, rather than in each.
    fn jointly(&self) -> bool {
        false
    }
    /// An identity that makes this application cheaper.
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let _ = (b, x);
        None
    }
    /// The output for many items at once, with their axis first, where some operands have it.
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value>;
}

/// A multilinear function as an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Product<M>(pub M);

impl<M: Multilinear> Operation for Product<M> {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn attributes(&self) -> String {
        self.0.attributes()
    }
    fn arity(&self) -> Option<usize> {
        Some(self.0.arity())
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        self.0.infer(inputs).map(|t| smallvec![t])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        self.0.value(inputs).map(|v| vec![v])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let y = b.emit1(op.clone(), inputs);
        let mut total = None;
        if !b.kind(y).is_real() || tangents.iter().all(Option::is_none) {
        } else if self.0.jointly() {
            let t: Values = inputs.iter().zip(tangents).map(|(x, t)| b.or_zeros(*t, *x)).collect();
            total = Some(b.emit1(op.clone(), &t));
        } else {
            for (i, t) in tangents.iter().enumerate() {
                if let Some(t) = t {
                    let mut x = Values::from_slice(inputs);
                    x[i] = *t;
                    let part = b.emit1(op.clone(), &x);
                    total = b.plus(total, Some(part));
                }
            }
        }
        (smallvec![y], vec![total])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], _: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        let Some(c) = cotangents[0] else { return vec![None; inputs.len()] };
        (0..inputs.len()).map(|i| (wanted[i] && b.kind(inputs[i]).is_real()).then(|| self.0.transpose(b, inputs, i, c))).collect()
    }
    fn lower(&self, inputs: &[&LeafType], outputs: &[&LeafType]) -> Lowering {
        self.0.lower(inputs, outputs[0])
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
    fn simplify(&self, b: &mut Builder, inputs: &[Value]) -> Option<Values> {
        self.0.simplify(b, inputs).map(|v| smallvec![v])
    }
    fn batch(&self, b: &mut Builder, _: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(vec![(self.0.batch(b, items)?, super::Form::Each)]))
    }
}
