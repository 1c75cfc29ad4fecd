//! Values of a program that runs many items at once, and what the rules for that have in common.
use super::{Builder, Op, Program, ScanSpec, Storage, Trip, Value};
use crate::array::{LeafType, Shape};
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;

/// What a value stands for, where items run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The value is the same for every item.
    Shared,
    /// Every item has its own: one more leading axis.
    Each,
    /// The sum over the items of what each has.
    Sum,
}

/// How much of a value is read, where items run at once. Of several readers the one that reads most counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// Nothing.
    Nothing,
    /// Its sum over the items.
    Sum,
    /// What each item has.
    Each,
}

/// One application for many items: how many they are, the operands, and what is read of the results.
#[derive(Debug, Clone, Copy)]
pub struct Items<'a> {
    /// How many items.
    pub n: usize,
    /// The operands.
    pub inputs: &'a [Value],
    /// What each operand stands for: at least one is not shared. Sums are only those that carries of loops start from.
    pub forms: &'a [Form],
    /// What is read of each result.
    pub wants: &'a [Want],
}

/// The results of an application for many items, with what they stand for.
pub type Made = Vec<(Value, Form)>;

impl Items<'_> {
    /// Whether items have operand `i` of their own.
    #[must_use]
    pub fn is_each(&self, i: usize) -> bool {
        self.forms[i] == Form::Each
    }
    /// Operand `i` with the axis of the items.
    pub fn each(&self, b: &mut Builder, i: usize) -> Value {
        match self.forms[i] {
            Form::Each => self.inputs[i],
            _ => b.for_each_item(self.inputs[i], self.n),
        }
    }
    /// All operands with the axis of the items.
    pub fn all(&self, b: &mut Builder) -> Vec<Value> {
        (0..self.inputs.len()).map(|i| self.each(b, i)).collect()
    }
    /// The shape of operand `i` for one item.
    #[must_use]
    pub fn shape(&self, b: &Builder, i: usize) -> Shape {
        let shape = b.shape(self.inputs[i]);
        if self.is_each(i) { shape[1..].into() } else { shape }
    }
    /// The operation on all operands with their further axis, for one that takes leading axes.
    pub fn same(&self, b: &mut Builder, op: Op) -> Made {
        let inputs = self.all(b);
        b.emit(op, &inputs).into_iter().map(|v| (v, Form::Each)).collect()
    }
    /// The operation for one item after the other, in a loop: for operands that no kernel takes together.
    pub fn one_by_one(&self, b: &mut Builder, op: &Op) -> Result<Made> {
        let shared = |i: &usize| !self.is_each(*i);
        let (items, constants): (Vec<usize>, Vec<usize>) = (0..self.inputs.len()).partition(|i| !shared(i));
        let mut body = Builder::literal();
        body.at(b.site());
        body.input(LeafType::new(&[], crate::array::Kind::U32));
        let mut given = vec![Value(0); self.inputs.len()];
        for i in items.iter().chain(&constants) {
            given[*i] = body.input(LeafType { shape: self.shape(b, *i), kind: b.kind(self.inputs[*i]) });
        }
        let made = body.emit(op.clone(), &given);
        let stacked = made.len();
        let spec = ScanSpec {
            body: Arc::new(body.finish(&made)?),
            carries: 0,
            items: items.len(),
            constants: constants.len(),
            stacked,
            trip: Trip::Static(self.n),
            reverse: false,
            storage: Storage::Iterates,
        };
        let inputs: Vec<Value> = items.iter().chain(&constants).map(|i| self.inputs[*i]).collect();
        Ok(b.scan(spec, &inputs)[..stacked].iter().map(|v| (*v, Form::Each)).collect())
    }
}

/// One axis moved to another place.
fn moved(rank: usize, from: usize, to: usize) -> Vec<usize> {
    let mut axes: Vec<usize> = (0..rank).filter(|a| *a != from).collect();
    axes.insert(to.min(axes.len()), from);
    axes
}

impl Builder {
    /// What is the same for all items, with the axis of the items.
    pub(crate) fn for_each_item(&mut self, v: Value, n: usize) -> Value {
        let mut shape = self.shape(v);
        let axes: Vec<usize> = (1..=shape.len()).collect();
        shape.insert(0, n);
        self.broadcast(v, &shape, &axes)
    }
    /// The array with one axis at another place.
    pub(crate) fn move_axis(&mut self, v: Value, from: usize, to: usize) -> Value {
        let rank = self.shape(v).len();
        if from >= rank || to >= rank || self.problem().is_some() {
            return v;
        }
        self.permute(v, &moved(rank, from, to))
    }
}

/// The error that an operation cannot run for many items at once.
pub(crate) fn no_rule(op: &Op, p: &Program, inputs: &[Value]) -> Error {
    let operands = inputs.iter().map(|v| p.type_of(*v).clone()).collect();
    Error::new(op.name(), ErrorKind::misuse("has no rule for many items at once; run `map`, or leave it out")).with_operands(operands)
}
