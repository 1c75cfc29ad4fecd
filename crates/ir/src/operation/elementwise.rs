//! Operations that act element by element: both rules from one set of slopes.
use super::{Builder, Items, Kernel, Lowering, Made, Maybe, MicroBuilder, Op, Operation, Reg, Switch, Value, same_value};
use crate::array::{AnyArray, Element, Kind, LeafType, Real, Shape, Slice, SliceMut};
use crate::error::{Counted, Elements, ErrorKind, IndexRange};
use crate::program::{Types, Values};
use ndarray::ArrayD;
use smallvec::{SmallVec, smallvec};
use std::fmt::Debug;
use std::sync::Arc;

/// The derivative of an elementwise function with respect to one argument.
#[derive(Debug, Clone, Copy)]
pub enum Slope {
    /// It does not depend on the argument, or the convention says 0.
    Zero,
    /// 1, whatever the element types.
    One,
    /// −1.
    MinusOne,
    /// A finite slope. Where a `select` holds the derivative that comes in at 0, 0 goes out, whatever the slope.
    Times(Value),
    /// A slope that may be infinite: where the derivative that comes in is 0, 0 goes out.
    Absorb(Value),
    /// A slope whose zeros win, such as a mask: where it is 0, 0 goes out, even if the derivative that comes in is infinite.
    Masked(Value),
    /// A slope that a convention makes 0 where the function has none, and whose own derivative is infinite there. Its zeros win over an infinite
    /// derivative that comes in. A zero that comes in wins over its infinite derivative, unless it may be the slope of what is smooth.
    Edge(Value),
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
    /// The numbers whose signs decide which smooth piece is active, for real operands.
    fn switching(&self, b: &mut Builder, x: &[Value], y: Value) -> Vec<Switch> {
        let _ = (b, x, y);
        vec![]
    }
    /// Whether it is the identity with its derivative held back.
    fn is_stop(&self) -> bool {
        false
    }
    /// Whether results that should be indices may be none: below 0, above what u32 holds, NaN. They are errors when it runs.
    fn may_leave_indices(&self) -> bool {
        false
    }
    /// Element type of the result. Unless said otherwise all operands are alike, and real.
    fn kind(&self, inputs: &[Kind]) -> Result<Kind, ErrorKind> {
        same_kind(inputs, false)
    }
}

/// The common element type of operands; indices only where `indices` holds.
pub fn same_kind(inputs: &[Kind], indices: bool) -> Result<Kind, ErrorKind> {
    let k = inputs[0];
    if inputs.iter().any(|i| *i != k) {
        return Err(ErrorKind::ElementType { needs: Elements::Alike, given: numbers(inputs) });
    }
    if !k.is_real() && !indices {
        return Err(ErrorKind::ElementType { needs: Elements::Real, given: numbers(inputs) });
    }
    Ok(k)
}

/// One number of each element type: what an element type that does not fit is shown as.
fn numbers(kinds: &[Kind]) -> Vec<LeafType> {
    kinds.iter().map(|k| LeafType::new(&[], *k)).collect()
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
            Slope::Times(s) if b.held_at_zero(t) => b.absorb(t, s),
            Slope::Times(s) => b.mul(t, s),
            Slope::Absorb(s) => b.absorb(t, s),
            Slope::Masked(s) => b.absorb(s, t),
            Slope::Edge(s) => {
                let anything = b.known_number(t).is_none_or(|v| v == 0.0);
                if anything && b.zero_wins(t) { b.absorb(t, s) } else { b.absorb(s, t) }
            }
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
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        if inputs.len() != self.0.arity() {
            return Err(ErrorKind::count(Counted::Operands, self.0.arity(), inputs.len()));
        }
        if inputs.iter().any(|t| t.shape != inputs[0].shape) {
            let shapes = inputs.iter().map(|t| t.shape.clone()).collect();
            return Err(ErrorKind::Broadcast { shapes, to: None });
        }
        let kinds: Vec<Kind> = inputs.iter().map(|t| t.kind).collect();
        Ok(smallvec![LeafType { shape: inputs[0].shape.clone(), kind: self.0.kind(&kinds)? }])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
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
            Kind::U32 if self.0.may_leave_indices() && kinds[..] != [Kind::U32] => {
                let x: Vec<Vec<f64>> = inputs.iter().map(|a| a.to_f64()).collect();
                let single = kinds.contains(&Kind::F32);
                for (i, v) in widened.iter().enumerate() {
                    index(&self.0, *v, single, || (at(widened.shape(), i), x.iter().map(|x| x[i]).collect())).map_err(|e| *e)?;
                }
                AnyArray::U32(widened.mapv(|v| v as u32))
            }
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
    fn lower(&self, inputs: &[&LeafType], outputs: &[&LeafType]) -> Lowering {
        if outputs[0].kind == Kind::U32 && self.0.may_leave_indices() {
            return Lowering::Kernel(Arc::new(ToIndices { f: self.0.clone(), shape: outputs[0].shape.clone() }));
        }
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
    fn switching(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value]) -> Vec<Switch> {
        let real = inputs.iter().all(|x| b.kind(*x).is_real());
        if real { self.0.switching(b, inputs, outputs[0]) } else { vec![] }
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> crate::error::Result<Option<Made>> {
        Ok(Some(items.same(b, op.clone())))
    }
    fn has_slope(&self, input: usize) -> bool {
        // What the rule says of numbers it says of arrays.
        let mut b = Builder::literal();
        let number = LeafType::new(&[], Kind::F64);
        let x: Vec<Value> = (0..self.0.arity()).map(|_| b.input(number.clone())).collect();
        let y = b.emit1(Op::new(self.clone()), &x);
        !matches!(self.0.slope(&mut b, &x, y, input), Slope::Zero)
    }
    fn is_stop(&self) -> bool {
        self.0.is_stop()
    }
}

/// The first integer that single precision does not tell from its neighbour.
const SINGLE: f64 = 16_777_216.0;

/// A number as an index, rounded towards 0; `of` gives its place and the operands that it comes from.
fn index<E: Elementwise>(f: &E, v: f64, single: bool, of: impl FnOnce() -> (Vec<usize>, Vec<f64>)) -> Result<u32, Box<ErrorKind>> {
    let most = if single { SINGLE } else { 4_294_967_296.0 };
    if v >= 0.0 && v < most { Ok(v as u32) } else { Err(no_index(f, v, (single, most), of())) }
}

#[cold]
fn no_index<E: Elementwise>(f: &E, v: f64, (single, most): (bool, f64), (place, x): (Vec<usize>, Vec<f64>)) -> Box<ErrorKind> {
    let (op, from) = if f.arity() == 1 { ("index", vec![]) } else { (f.name(), x) };
    let range = if single && v >= most { IndexRange::Single } else { IndexRange::U32 };
    Box::new(ErrorKind::NotAnIndex { value: v, place, from, range }.of(op))
}

/// The place of element `i` in row-major order.
fn at(shape: &[usize], mut i: usize) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (p, n) in place.iter_mut().zip(shape).rev() {
        (*p, i) = (i % n, i / n);
    }
    place
}

/// An elementwise function whose results are indices, or an error.
#[derive(Debug)]
struct ToIndices<E> {
    f: E,
    shape: Shape,
}

impl<E: Elementwise> Kernel for ToIndices<E> {
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        let SliceMut::U32(y) = &mut outputs[0] else { return Err(ErrorKind::misuse("the result does not hold indices")) };
        let single = inputs.iter().any(|s| matches!(s, Slice::F32(_)));
        let element = |s: &Slice<'_>, i: usize| match s {
            Slice::F64(s) => s[i],
            Slice::F32(s) => f64::from(s[i]),
            Slice::U32(s) => f64::from(s[i]),
        };
        for (i, y) in y.iter_mut().enumerate() {
            let x: SmallVec<[f64; 2]> = inputs.iter().map(|s| element(s, i)).collect();
            *y = index(&self.f, self.f.apply(&x), single, || (at(&self.shape, i), x.to_vec())).map_err(|e| *e)?;
        }
        Ok(())
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
