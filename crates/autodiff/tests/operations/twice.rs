//! An operation of a user's own, without a rule for many items: twice its operand.
use hypertape_autodiff::array::{AnyView, AnyViewMut, LeafType};
use hypertape_autodiff::error::ErrorKind;
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::record::DynVar;
use hypertape_autodiff::{Primitive, apply_primitive};

/// Twice its operand, by code of its own; so is its derivative.
#[derive(Debug)]
pub(crate) struct Twice;

impl Primitive for Twice {
    type Scratch = ();
    fn name(&self) -> &str {
        "twice"
    }
    fn outputs(&self, inputs: &[LeafType]) -> Result<Vec<LeafType>, ErrorKind> {
        Ok(inputs.to_vec())
    }
    fn scratch(&self, _: &[LeafType]) {}
    fn value(&self, _: &mut (), x: &[AnyView<'_>], y: &mut [AnyViewMut<'_>]) -> Result<Option<Report>, ErrorKind> {
        if let (AnyView::F64(x), AnyViewMut::F64(y)) = (&x[0], &mut y[0]) {
            y.zip_mut_with(x, |y, x| *y = 2.0 * x);
        }
        Ok(None)
    }
    fn tangent(&self, _: &[DynVar], _: &[DynVar], t: &[Option<DynVar>]) -> Vec<Option<DynVar>> {
        vec![t[0].map(|t| apply_primitive(Twice, &[t])[0])]
    }
    fn cotangent(&self, _: &[DynVar], _: &[DynVar], c: &[Option<DynVar>], _: &[bool]) -> Vec<Option<DynVar>> {
        self.tangent(&[], &[], c)
    }
}
