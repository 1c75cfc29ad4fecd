//! A check as an operation: the same indices, all below a bound.
use crate::array::{AnyArray, Element, Kind, LeafType, Slice, SliceMut};
use crate::error::{Elements, ErrorKind, Result};
use crate::operation::typed::{input, output};
use crate::operation::{Builder, Items, Kernel, Lowering, Made, Maybe, Op, Operation, Probe, Probed, Value, same_value};
use crate::program::{Types, Values};
use smallvec::smallvec;
use std::sync::Arc;

/// The same indices; an error when it runs, if one is not below `n`. No derivative.
#[derive(Debug, Clone, PartialEq)]
pub struct Below {
    /// The bound.
    pub n: usize,
    /// The operation that asks for it, which the error names.
    pub of: String,
}

impl Below {
    fn check(&self, index: &[u32], shape: &[usize]) -> Result<(), ErrorKind> {
        let Some(at) = index.iter().position(|i| *i as usize >= self.n) else { return Ok(()) };
        let mut place = vec![0; shape.len()];
        let mut rest = at;
        for (p, n) in place.iter_mut().zip(shape).rev() {
            (*p, rest) = (rest % n, rest / n);
        }
        Err(ErrorKind::IndexOutOfRange { index: index[at], place, axis: None, length: self.n }.of(&self.of))
    }
}

impl Operation for Below {
    fn name(&self) -> &str {
        "below"
    }
    fn attributes(&self) -> String {
        self.n.to_string()
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        match inputs {
            [t] if t.kind == Kind::U32 => Ok(smallvec![(*t).clone()]),
            _ => Err(ErrorKind::elements(Elements::Indices, inputs)),
        }
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        let index = u32::of_array(inputs[0]).ok_or_else(|| ErrorKind::elements(Elements::Indices, &[&inputs[0].leaf_type()]))?;
        self.check(&index.iter().copied().collect::<Vec<_>>(), index.shape())?;
        Ok(vec![inputs[0].clone()])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], _: &[Option<Value>]) -> (Values, Maybe) {
        (b.emit(op.clone(), inputs), vec![None])
    }
    fn vjp(&self, _: &mut Builder, _: &[Value], _: &[Value], _: &[Option<Value>], _: &[bool]) -> Maybe {
        vec![None]
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(items.same(b, op.clone())))
    }
    fn lower(&self, inputs: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Kernel(Arc::new(Run { check: self.clone(), of: inputs[0].clone() }))
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
    fn simplify(&self, b: &mut Builder, inputs: &[Value]) -> Option<Values> {
        let index = b.known_number(inputs[0])?;
        (b.kind(inputs[0]) == Kind::U32 && (index as usize) < self.n).then(|| smallvec![inputs[0]])
    }
}

/// The check on an array of this type.
#[derive(Debug)]
struct Run {
    check: Below,
    of: LeafType,
}

impl Kernel for Run {
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        let x = input::<u32>(inputs, 0)?;
        self.check.check(x, &self.of.shape)?;
        output::<u32>(outputs, 0)?.copy_from_slice(x);
        Ok(())
    }
}

impl Probed for Below {
    fn probes(_: Kind) -> Vec<Probe> {
        let probe = |shape: &[usize], index: &[u32]| Probe::new(Below { n: 4, of: "rows".into() }, vec![Probe::indices(shape, index)]);
        vec![probe(&[], &[3]), probe(&[3], &[0, 3, 1]), probe(&[2, 1], &[2, 0]), probe(&[0], &[])]
    }
}

impl Builder {
    /// The same indices; an error at run time, about `of`, if one is not below n.
    pub fn below(&mut self, index: Value, n: usize, of: &str) -> Value {
        self.emit1(Op::new(Below { n, of: of.into() }), &[index])
    }
}
