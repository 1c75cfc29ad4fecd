//! Second derivatives that are an error where the first has not settled.
use crate::array::{AnyArray, Kind, LeafType, Real, Slice, SliceMut};
use crate::error::{ErrorKind, Result};
use crate::operation::typed::{OfKind, RealKernel, input, output};
use crate::operation::{Builder, Form, Items, Lowering, Made, Maybe, Op, Operation, Probe, Probed, Value, same_value};
use crate::program::{Types, Values};
use smallvec::smallvec;
use std::sync::Arc;

/// The same values. Operands: the values; what they were at the solution, for a derivative; last, how far the derivative is from settled.
///
/// A solution (`order` 2) may be differentiated once; a derivative of it (1) may be transposed, and an error shows when it is differentiated again,
/// unless the last operand is at most [`SETTLED`]; 0 is that check.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The solver.
    pub of: String,
    /// How often it may still be differentiated, plus one.
    pub order: u8,
}

/// A derivative whose error has shrunk by this is that of the solution.
pub const SETTLED: f64 = 1e-6;

impl Settled {
    fn at(&self, order: u8) -> Op {
        Op::new(Settled { of: self.of.clone(), order })
    }
    fn check(&self, left: f64) -> Result<(), ErrorKind> {
        if self.order > 0 || left <= SETTLED {
            return Ok(());
        }
        Err(ErrorKind::NotSettled { left }.of(&self.of))
    }
}

impl Operation for Settled {
    fn name(&self) -> &'static str {
        "settled"
    }
    fn attributes(&self) -> String {
        format!("{}, {}", self.of, self.order)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        let n = if self.order == 1 { 3 } else { 2 };
        if inputs.len() != n || !inputs[0].kind.is_real() || inputs[n - 1] != &LeafType::new(&[], Kind::F64) {
            return Err(ErrorKind::misuse("takes real values first and one f64 last"));
        }
        Ok(smallvec![inputs[0].clone()])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        self.check(inputs[inputs.len() - 1].to_f64()[0])?;
        Ok(vec![inputs[0].clone()])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let left = inputs[inputs.len() - 1];
        match self.order {
            2 => {
                let y = b.emit(op.clone(), inputs);
                let t = tangents[0].map(|t| b.emit1(self.at(1), &[t, inputs[0], left]));
                (y, vec![t])
            }
            1 if tangents[1].is_some() => {
                let y = b.emit(self.at(0), &[inputs[0], left]);
                (y, vec![tangents[0].map(|t| b.emit1(self.at(0), &[t, left]))])
            }
            1 => {
                let t = tangents[0].map(|t| b.emit1(op.clone(), &[t, inputs[1], left]));
                (b.emit(op.clone(), inputs), vec![t])
            }
            _ => {
                let t = tangents[0].map(|t| b.emit1(op.clone(), &[t, left]));
                (b.emit(op.clone(), inputs), vec![t])
            }
        }
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], _: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        let left = inputs[inputs.len() - 1];
        let c = cotangents[0].filter(|_| wanted[0]);
        match self.order {
            2 => vec![c.map(|c| b.emit1(self.at(1), &[c, inputs[0], left])), None],
            1 if wanted[1] => {
                // Nothing comes back to the solution but the check.
                let nothing = b.or_zeros(None, inputs[1]);
                let checked = b.emit1(self.at(0), &[nothing, left]);
                vec![c.map(|c| b.emit1(self.at(0), &[c, left])), Some(checked), None]
            }
            1 => vec![c.map(|c| b.emit1(self.at(1), &[c, inputs[1], left])), None, None],
            _ => vec![c.map(|c| b.emit1(self.at(0), &[c, left])), None],
        }
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        // The last operand is one number: of the items, the one that is farthest from settled.
        let last = items.inputs.len() - 1;
        let mut inputs = items.all(b);
        inputs[last] = if items.is_each(last) { b.max(inputs[last], &[0]) } else { items.inputs[last] };
        Ok(Some(vec![(b.emit1(op.clone(), &inputs), Form::Each)]))
    }
    fn lower(&self, inputs: &[&LeafType], _: &[&LeafType]) -> Lowering {
        if self.order == 0 {
            return Lowering::Kernel(Arc::new(OfKind(self.clone(), inputs[0].kind)));
        }
        Lowering::Composite(Arc::new(|_, x| smallvec![x[0]]))
    }
    fn has_slope(&self, input: usize) -> bool {
        input == 0
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
}

impl RealKernel for Settled {
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        let (x, y) = (input::<T>(inputs, 0)?, output::<T>(outputs, 0)?);
        self.check(input::<f64>(inputs, inputs.len() - 1)?.first().copied().unwrap_or(f64::INFINITY))?;
        y.copy_from_slice(x);
        Ok(())
    }
}

impl Probed for Settled {
    fn probes(kind: Kind) -> Vec<Probe> {
        // Differences move it, and it stays settled.
        let left = || AnyArray::full(&LeafType::new(&[], Kind::F64), -1.0);
        let shapes: [&[usize]; 3] = [&[], &[3], &[0]];
        let probe = |shape: &[usize], order: u8| {
            let x = |seed| Probe::array(shape, kind, seed);
            let inputs = if order == 1 { vec![x(1), x(2), left()] } else { vec![x(1), left()] };
            Probe::new(Settled { of: "a solver".into(), order }, inputs)
        };
        shapes.into_iter().flat_map(|s| [0, 1, 2].map(|order| probe(s, order))).collect()
    }
}

impl Builder {
    /// The same values, whose second derivative is an error about `of` unless `left` is small.
    pub fn settled(&mut self, a: Value, left: Value, of: &str) -> Value {
        self.emit1(Op::new(Settled { of: of.into(), order: 2 }), &[a, left])
    }
}
