//! Values without operands: one number everywhere, and constant arrays.
use crate::array::{AnyArray, Kind, LeafType, Shared};
use crate::each_kind;
use crate::error::{ErrorKind, IndexRange};
use crate::operation::{Builder, Lowering, Maybe, Op, Operation, Probe, Probed, Value};
use crate::program::{Types, Values};
use smallvec::smallvec;
use std::any::Any;
use std::hash::Hasher;

/// Every element the same number; takes no storage.
#[derive(Debug, Clone, PartialEq)]
pub struct Full {
    /// The number.
    pub value: f64,
    /// Shape and element type.
    pub of: LeafType,
}

impl Operation for Full {
    fn name(&self) -> &str {
        "full"
    }
    fn attributes(&self) -> String {
        self.value.to_string()
    }
    fn hash_attributes(&self, state: &mut dyn Hasher) {
        state.write_u64(self.value.to_bits());
    }
    fn arity(&self) -> Option<usize> {
        Some(0)
    }
    fn infer(&self, _: &[&LeafType]) -> Result<Types, ErrorKind> {
        if self.of.kind == Kind::U32 && self.value != f64::from(self.value as u32) {
            return Err(ErrorKind::NotAnIndex { value: self.value, place: vec![], from: vec![], range: IndexRange::Literal });
        }
        Ok(smallvec![self.of.clone()])
    }
    fn value(&self, _: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        Ok(vec![AnyArray::full(&self.of, self.value)])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, _: &[Value], _: &[Option<Value>]) -> (Values, Maybe) {
        (b.emit(op.clone(), &[]), vec![None])
    }
    fn vjp(&self, _: &mut Builder, _: &[Value], _: &[Value], _: &[Option<Value>], _: &[bool]) -> Maybe {
        vec![]
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Fill(self.value)
    }
    fn same(&self, other: &dyn Operation) -> bool {
        // By bits, so that 0 and −0 stay apart.
        let other: &dyn Any = other;
        other.downcast_ref::<Full>().is_some_and(|o| o.of == self.of && o.value.to_bits() == self.value.to_bits())
    }
}

/// An array that is part of the program: shared with the user, never copied.
#[derive(Clone)]
pub struct Constant(pub Shared);

impl std::fmt::Debug for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Constant({})", self.0.leaf_type())
    }
}

impl Operation for Constant {
    fn name(&self) -> &str {
        "constant"
    }
    fn hash_attributes(&self, state: &mut dyn Hasher) {
        state.write_usize(each_kind!(Shared, &self.0, a => a.as_ptr() as usize));
    }
    fn arity(&self) -> Option<usize> {
        Some(0)
    }
    fn infer(&self, _: &[&LeafType]) -> Result<Types, ErrorKind> {
        Ok(smallvec![self.0.leaf_type()])
    }
    fn value(&self, _: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        Ok(vec![self.0.view().to_owned()])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, _: &[Value], _: &[Option<Value>]) -> (Values, Maybe) {
        (b.emit(op.clone(), &[]), vec![None])
    }
    fn vjp(&self, _: &mut Builder, _: &[Value], _: &[Value], _: &[Option<Value>], _: &[bool]) -> Maybe {
        vec![]
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Constant(self.0.clone())
    }
    fn same(&self, other: &dyn Operation) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Constant>().is_some_and(|o| o.0.same(&self.0))
    }
}

impl Probed for Full {
    fn probes(kind: Kind) -> Vec<Probe> {
        let shapes: [&[usize]; 4] = [&[], &[3], &[2, 2], &[0]];
        let of = |value, shape: &[usize], kind| Probe::new(Full { value, of: LeafType::new(shape, kind) }, vec![]);
        shapes.into_iter().map(|s| of(2.5, s, kind)).chain([of(2.0, &[2], Kind::U32)]).collect()
    }
}
impl Probed for Constant {
    fn probes(kind: Kind) -> Vec<Probe> {
        let shapes: [&[usize]; 4] = [&[], &[3], &[2, 2], &[0]];
        shapes.map(|s| Probe::new(Constant(Probe::array(s, kind, 1).into()), vec![])).to_vec()
    }
}

/// Whether a number is finite, or infinite as one of those that it was made of is.
fn inherited(y: f64, of: &[f64]) -> bool {
    y.is_finite() || y.is_infinite() && of.iter().any(|x| x.is_infinite())
}

impl Builder {
    /// One number everywhere.
    pub fn full(&mut self, of: &LeafType, value: f64) -> Value {
        self.emit1(Op::new(Full { value, of: of.clone() }), &[])
    }
    /// One number everywhere, with the type of `like`.
    pub fn full_like(&mut self, like: Value, value: f64) -> Value {
        let t = self.type_of(like).clone();
        self.full(&t, value)
    }
    /// A constant array.
    pub fn constant(&mut self, a: Shared) -> Value {
        self.emit1(Op::new(Constant(a)), &[])
    }
    /// The number that every element of `v` is, where the program says so.
    #[must_use]
    pub fn known_number(&self, v: Value) -> Option<f64> {
        self.made_by::<Full>(v).map(|(f, _)| f.value)
    }
    /// f of the number that every element of `v` is known to be; only in double precision, where the executor computes the same, and not where
    /// a result that is not finite comes of what is: the operation stays then, to be named.
    pub(crate) fn fold_number(&mut self, v: Value, f: impl Fn(f64) -> f64) -> Option<Value> {
        let x = self.known_number(v)?;
        let y = f(x);
        (self.kind(v) == Kind::F64 && inherited(y, &[x])).then(|| self.full_like(v, y))
    }
    /// As [`fold_number`](Self::fold_number), of two.
    pub(crate) fn fold_numbers(&mut self, x: &[Value], f: impl Fn(f64, f64) -> f64) -> Option<Value> {
        let (p, q) = (self.known_number(x[0])?, self.known_number(x[1])?);
        let y = f(p, q);
        (self.kind(x[0]) == Kind::F64 && inherited(y, &[p, q])).then(|| self.full_like(x[0], y))
    }
    /// Whether every element of `v` is known to be 0.
    #[must_use]
    pub fn is_zero(&self, v: Value) -> bool {
        self.known_number(v) == Some(0.0)
    }
}
