//! Checks of derivatives as operations: what enters an unrolled solver, and the derivative that comes out.
use crate::array::{AnyArray, Element, Kind, LeafType, Real, Slice, SliceMut};
use crate::error::{ErrorKind, Result, Typed};
use crate::operation::typed::{input, output};
use crate::operation::{Builder, Common, External, Items, Lowering, Made, Maybe, Op, Operation, Probe, Probed, Report, Value, same_value};
use crate::outcome::Status;
use crate::program::{Types, Values};
use smallvec::smallvec;
use std::any::Any;
use std::sync::Arc;

/// The same values: a parameter or start of an unrolled solver. Its cotangent is checked ([`Derivative`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// The solver.
    pub of: String,
}

/// The same values, of a derivative: an error where one is not finite, and a report where they are huge.
///
/// The second operand is what the derivative is of. Huge is a derivative that, times or over the size of that, is above 10¹².
#[derive(Debug, Clone, PartialEq)]
pub struct Derivative {
    /// The solver.
    pub of: String,
    /// Whether it is a tangent of the second operand, or else a cotangent.
    pub tangent: bool,
}

/// Above this a derivative is reported.
pub const HUGE: f64 = 1e12;

fn size<T: Real>(x: &[T]) -> f64 {
    x.iter().fold(0.0, |most: f64, v| most.max(Element::to_f64(*v).abs()))
}

impl Derivative {
    fn check<T: Real>(&self, d: &[T], of: &[T]) -> Result<Option<Report>, ErrorKind> {
        if let Some(v) = d.iter().map(|v| Element::to_f64(*v)).find(|v| !v.is_finite()) {
            return Err(ErrorKind::DerivativeNotFinite { iteration: None, value: v, origin: None }.of(&self.of));
        }
        let (derivative, scale) = (size(d), size(of));
        let relative = match (scale > 0.0, self.tangent) {
            (false, _) => derivative,
            (_, true) => derivative / scale,
            (_, false) => derivative * scale,
        };
        let report = || Report {
            name: format!("derivative of {}", self.of).into(),
            iterations: None,
            residual: relative,
            tolerance: HUGE,
            converged: false,
            status: Status::HugeDerivative,
            active: None,
            pairs: None,
            remark: None,
        };
        Ok((relative > HUGE).then(report))
    }
}

impl Operation for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }
    fn attributes(&self) -> String {
        self.of.clone()
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        Ok(smallvec![inputs[0].clone()])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        Ok(vec![inputs[0].clone()])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        (b.emit(op.clone(), inputs), tangents.to_vec())
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], _: &[Value], cotangents: &[Option<Value>], _: &[bool]) -> Maybe {
        let check = Op::new(Derivative { of: self.of.clone(), tangent: false });
        vec![cotangents[0].map(|c| b.emit1(check, &[c, inputs[0]]))]
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        Ok(Some(items.same(b, op.clone())))
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Composite(Arc::new(|_, x| smallvec![x[0]]))
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
}

impl Operation for Derivative {
    fn name(&self) -> &'static str {
        "derivative"
    }
    fn attributes(&self) -> String {
        self.of.clone()
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        let [d, of] = inputs else { return Err(ErrorKind::misuse("takes a derivative and what it is of")) };
        if !d.kind.is_real() || d != of {
            return Err(ErrorKind::types(Typed::Watched, of, d));
        }
        Ok(smallvec![(*d).clone()])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        self.check(&inputs[0].to_f64(), &inputs[1].to_f64())?;
        Ok(vec![inputs[0].clone()])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let t = tangents[0].map(|t| b.emit1(op.clone(), &[t, inputs[1]]));
        (b.emit(op.clone(), inputs), vec![t])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], _: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        let c = cotangents[0].filter(|_| wanted[0]).map(|c| b.emit1(Op::new(self.clone()), &[c, inputs[1]]));
        vec![c, None]
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        // The sizes that are compared are those of one item.
        items.one_by_one(b, op).map(Some)
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::External(Arc::new(self.clone()))
    }
    fn has_slope(&self, input: usize) -> bool {
        input == 0
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
}

impl External for Derivative {
    fn state(&self, _: &mut Common) -> Box<dyn Any + Send> {
        Box::new(())
    }
    fn state_bytes(&self) -> u64 {
        0
    }
    fn run(&self, _: &mut (dyn Any + Send), inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>]) -> Result<Option<Report>, ErrorKind> {
        fn typed<T: Real>(d: &Derivative, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>]) -> Result<Option<Report>, ErrorKind> {
            let (x, of) = (input::<T>(inputs, 0)?, input::<T>(inputs, 1)?);
            let report = d.check(x, of)?;
            output::<T>(outputs, 0)?.copy_from_slice(x);
            Ok(report)
        }
        match &inputs[0] {
            Slice::F32(_) => typed::<f32>(self, inputs, outputs),
            _ => typed::<f64>(self, inputs, outputs),
        }
    }
}

const SHAPES: [&[usize]; 4] = [&[], &[3], &[2, 2], &[0]];

impl Probed for Watched {
    fn probes(kind: Kind) -> Vec<Probe> {
        SHAPES.map(|s| Probe::new(Watched { of: "a solver".into() }, vec![Probe::array(s, kind, 1)])).into()
    }
}

impl Probed for Derivative {
    fn probes(kind: Kind) -> Vec<Probe> {
        let of = |tangent| Derivative { of: "a solver".into(), tangent };
        let probe = |s: &[usize], tangent| Probe::new(of(tangent), vec![Probe::array(s, kind, 1), Probe::array(s, kind, 2)]);
        SHAPES.into_iter().flat_map(|s| [probe(s, true), probe(s, false)]).collect()
    }
}

impl Builder {
    /// The same values, which enter `of`: their cotangent is checked.
    pub fn watched(&mut self, a: Value, of: &str) -> Value {
        self.emit1(Op::new(Watched { of: of.into() }), &[a])
    }
}
