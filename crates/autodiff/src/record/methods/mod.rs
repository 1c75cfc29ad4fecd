//! What can be done with a variable: the operations as methods, one file a family.
mod elementwise;
mod indexing;
mod linalg;
mod reduce;
mod shape;
mod stencil;

use crate::array::{Element, Real};
use crate::error::Site;
use crate::operation::{Builder, Value};
use crate::tape;
use crate::tape::DynVar;
use crate::tape::Var;
use crate::tape::literal;

/// A variable or a number, where an operation takes either.
pub trait Operand<T: Element> {
    /// As a variable.
    fn operand(self, at: Site) -> DynVar;
}
impl<T: Element> Operand<T> for Var<T> {
    fn operand(self, _: Site) -> DynVar {
        self.to_dyn()
    }
}
impl<T: Real> Operand<T> for f64 {
    fn operand(self, at: Site) -> DynVar {
        literal(self, T::KIND, at)
    }
}

impl<T: Element> Var<T> {
    /// Applies an emitter to this variable.
    #[track_caller]
    pub(super) fn unary(self, op: &str, f: impl FnOnce(&mut Builder, Value) -> Value) -> Var<T> {
        Var::from_dyn(tape::apply(op, &[self.to_dyn()], Site::caller(), |b, v| f(b, v[0])))
    }
}
