//! Operations that act element by element: both rules from one set of slopes.
use super::{Builder, Lowering, Maybe, MicroBuilder, Op, Operation, Reg, Value, same_value};
use crate::array::{AnyArray, Element, Kind, LeafType, Real};
use crate::error::Problem;
use crate::program::{Types, Values};
use ndarray::ArrayD;
use smallvec::smallvec;
use std::fmt::Debug;

/// The derivative of an elementwise function with respect to one argument.
#[derive(Debug, Clone, Copy)]
pub enum Slope {
    /// It does not depend on the argument, or the convention says 0.
    Zero,
    /// 1, whatever the element types.
    One,
    /// −1.
    MinusOne,
    /// A finite slope.
    Times(Value),
    /// A slope that may be infinite: where the derivative that comes in is 0, 0 goes out.
    Absorb(Value),
    /// A slope whose zeros win, such as a mask: where it is 0, 0 goes out, even if the derivative that comes in is infinite.
    Masked(Value),
}

/// y_i = f(a_i, b_i, …) over operands of equal shape.
pub trait Elementwise: Clone + PartialEq + Debug + Send + Sync + 'static {
    /// The field's name.
    fn name(&self) -> &'static str;
    /// Attributes for a listing.
    fn attributes(&self) -> String {
        String::new()
    }
    /// Number of operands.
    fn arity(&self) -> usize;
    /// f, naively.
    fn apply<T: Real>(&self, x: &[T]) -> T;
    /// ∂y/∂x_i, from operands and result.
    fn slope(&self, b: &mut Builder, x: &[Value], y: Value, i: usize) -> Slope;
    /// f in micro-instructions.
    fn micro(&self, m: &mut MicroBuilder, x: &[Reg]) -> Reg;
    /// An identity that makes this application cheaper.
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        let _ = (b, x);
        None
    }
    /// Element type of the result. Unless said otherwise all operands are alike, and real.
    fn kind(&self, inputs: &[Kind]) -> Result<Kind, String> {
        same_kind(inputs, false)
    }
}

/// The common element type of operands; indices only where `indices` holds.
pub fn same_kind(inputs: &[Kind], indices: bool) -> Result<Kind, String> {
    let k = inputs[0];
    if inputs.iter().any(|i| *i != k) {
        return Err("element types differ; convert one with `cast`".into());
    }
    if !k.is_real() && !indices {
        return Err("not defined for indices; convert them with `real`".into());
    }
    Ok(k)
}

/// An elementwise function as an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Pointwise<E>(pub E);

impl<E: Elementwise> Pointwise<E> {
    /// The derivative `t` times the slope for operand `i`, with the element type of `like`.
    fn chain(&self, b: &mut Builder, x: &[Value], y: Value, i: usize, t: Value, like: Value) -> Option<Value> {
        let kind = b.kind(like);
        Some(match self.0.slope(b, x, y, i) {
            Slope::Zero => return None,
            Slope::One => b.cast(t, kind),
            Slope::MinusOne => b.neg(t),
            Slope::Times(s) => b.mul(t, s),
            Slope::Absorb(s) => b.absorb(t, s),
            Slope::Masked(s) => b.absorb(s, t),
        })
    }
}

impl<E: Elementwise> Operation for Pointwise<E> {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn attributes(&self) -> String {
        self.0.attributes()
    }
    fn arity(&self) -> Option<usize> {
        Some(self.0.arity())
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, String> {
        if inputs.len() != self.0.arity() {
            return Err(format!("takes {} operands", self.0.arity()));
        }
        if inputs.iter().any(|t| t.shape != inputs[0].shape) {
            let shapes: Vec<_> = inputs.iter().map(|t| &t.shape[..]).collect();
            return Err(format!("shapes {shapes:?} do not broadcast; trailing axes are aligned, and an axis of length 1 repeats"));
        }
        let kinds: Vec<Kind> = inputs.iter().map(|t| t.kind).collect();
        Ok(smallvec![LeafType { shape: inputs[0].shape.clone(), kind: self.0.kind(&kinds)? }])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, Problem> {
        let kinds: Vec<Kind> = inputs.iter().map(|x| x.kind()).collect();
        let kind = self.0.kind(&kinds)?;
        // Single precision only where every operand and the result are; indices go through double precision, exactly.
        if kinds.iter().chain([&kind]).all(|k| *k == Kind::F32) {
            return Ok(vec![f32::array(apply::<f32, E>(&self.0, inputs, |a| f32::of_array(a).cloned()))]);
        }
        let widened = apply::<f64, E>(&self.0, inputs, |a| ArrayD::from_shape_vec(a.shape(), a.to_f64()).ok());
        Ok(vec![match kind {
            Kind::F64 => AnyArray::F64(widened),
            Kind::F32 => AnyArray::F32(widened.mapv(|v| v as f32)),
            Kind::U32 => AnyArray::U32(widened.mapv(|v| v as u32)),
        }])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let y = b.emit1(op.clone(), inputs);
        let mut total = None;
        if b.kind(y).is_real() {
            for (i, t) in tangents.iter().enumerate() {
                if let Some(t) = t {
                    let part = self.chain(b, inputs, y, i, *t, y);
                    total = b.plus(total, part);
                }
            }
        }
        (smallvec![y], vec![total])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        let Some(c) = cotangents[0] else { return vec![None; inputs.len()] };
        (0..inputs.len()).map(|i| if wanted[i] { self.chain(b, inputs, outputs[0], i, c, inputs[i]) } else { None }).collect()
    }
    fn lower(&self, inputs: &[&LeafType], _: &[&LeafType]) -> Lowering {
        let (mut m, x) = MicroBuilder::new(inputs.len());
        let y = self.0.micro(&mut m, &x);
        Lowering::Pointwise(m.finish(y))
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
    fn simplify(&self, b: &mut Builder, inputs: &[Value]) -> Option<Values> {
        self.0.simplify(b, inputs).map(|v| smallvec![v])
    }
}

fn apply<T: Real, E: Elementwise>(f: &E, inputs: &[&AnyArray], get: impl Fn(&AnyArray) -> Option<ArrayD<T>>) -> ArrayD<T> {
    let x: Vec<ArrayD<T>> = inputs.iter().filter_map(|a| get(a)).collect();
    let mut at = 0;
    let flat: Vec<Vec<T>> = x.iter().map(|a| a.iter().copied().collect()).collect();
    ArrayD::from_shape_simple_fn(x[0].raw_dim(), || {
        let operands: Vec<T> = flat.iter().map(|a| a[at]).collect();
        at += 1;
        f.apply(&operands)
    })
}
