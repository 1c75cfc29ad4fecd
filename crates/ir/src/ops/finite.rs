//! A check as an operation: the same values, or an error that says whose they are.
use crate::array::{AnyArray, Element, Kind, LeafType, Real, Slice, SliceMut};
use crate::error::{Elements, ErrorKind, Result};
use crate::operation::typed::{OfKind, RealKernel, input, output};
use crate::operation::{Builder, Items, Lowering, Made, Maybe, Op, Operation, Probe, Probed, Value, same_value};
use crate::ops::watched::Derivative;
use crate::program::{Types, Values};
use smallvec::smallvec;
use std::sync::Arc;

/// The same values, all finite; an error when it runs, otherwise. Its derivative is that of the identity.
///
/// With a second operand, that one is checked instead: so derivatives, which pass as they are, are errors too where the value is.
/// Unrolled solvers end with it, so that a divergence is an error and not a NaN that travels on. Its tangent is checked too ([`Derivative`]); cotangents
/// are where they come out, at the start and the parameters ([`Watched`](crate::ops::watched::Watched)).
#[derive(Debug, Clone, PartialEq)]
pub struct Finite {
    /// What made the values: the operation that the error names.
    pub of: String,
}

impl Finite {
    fn check<T: Element>(&self, values: &[T]) -> Result<(), ErrorKind> {
        let Some(v) = values.iter().map(|v| v.to_f64()).find(|v| !v.is_finite()) else { return Ok(()) };
        Err(ErrorKind::Diverged { iteration: None, value: v, origin: None }.of(&self.of))
    }
}

impl Operation for Finite {
    fn name(&self) -> &str {
        "finite"
    }
    fn attributes(&self) -> String {
        self.of.clone()
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        if !(1..=2).contains(&inputs.len()) {
            return Err(ErrorKind::misuse("takes what is handed on, and perhaps what is checked instead"));
        }
        if !inputs.iter().all(|t| t.kind.is_real()) {
            return Err(ErrorKind::elements(Elements::Checked, inputs));
        }
        Ok(smallvec![inputs[0].clone()])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        self.check(&inputs[inputs.len() - 1].to_f64())?;
        Ok(vec![inputs[0].clone()])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let y = b.emit(op.clone(), inputs);
        let checked = inputs.get(1).copied().unwrap_or(y[0]);
        let watch = Op::new(Derivative { of: self.of.clone(), tangent: true });
        let t = tangents[0].map(|t| b.emit1(op.clone(), &[t, checked]));
        (y.clone(), vec![t.map(|t| b.emit1(watch, &[t, y[0]]))])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        let checked = inputs.get(1).copied().unwrap_or(outputs[0]);
        let c = cotangents[0].filter(|_| wanted[0]).map(|c| b.emit1(Op::new(self.clone()), &[c, checked]));
        vec![c, None][..inputs.len()].to_vec()
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(items.same(b, op.clone())))
    }
    fn lower(&self, inputs: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Kernel(Arc::new(OfKind(self.clone(), inputs[0].kind)))
    }
    fn has_slope(&self, input: usize) -> bool {
        input == 0
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
}

impl RealKernel for Finite {
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        let (x, y) = (input::<T>(inputs, 0)?, output::<T>(outputs, 0)?);
        self.check(input::<T>(inputs, inputs.len() - 1)?)?;
        y.copy_from_slice(x);
        Ok(())
    }
}

impl Probed for Finite {
    fn probes(kind: Kind) -> Vec<Probe> {
        let shapes: [&[usize]; 4] = [&[], &[3], &[2, 2], &[0]];
        let of = || Finite { of: "a solver".into() };
        let one = shapes.map(|s| Probe::new(of(), vec![Probe::array(s, kind, 1)]));
        let two = shapes.map(|s| Probe::new(of(), vec![Probe::array(s, kind, 1), Probe::array(&[2], kind, 2)]));
        [one, two].concat()
    }
}

impl Builder {
    /// The same values; an error at run time, about `of`, if one is not finite.
    pub fn finite(&mut self, a: Value, of: &str) -> Value {
        self.emit1(Op::new(Finite { of: of.into() }), &[a])
    }
}
