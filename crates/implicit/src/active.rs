//! F_z on the active set of a point, as a linear operator of its own.
use crate::failure::of_product;
use crate::operator::At;
use crate::restricted::Part;
use crate::stamp::Stamp;
use hypertape_autodiff::array::Kind;
use hypertape_linear::{Failed, Known, Operator};

/// F_AA at a point.
pub(crate) struct Active<'a, 'b, 'v> {
    pub(crate) at: &'a mut At<'b, 'v>,
    pub(crate) stamp: Stamp,
    pub(crate) n: usize,
}

impl Active<'_, '_, '_> {
    /// A product with a part of F_z.
    pub(crate) fn part(&mut self, part: Part, v: &[f64], out: &mut [f64]) -> Result<(), Failed> {
        let (restricted, e, point, at) = self.at.parts();
        restricted.product(e, (point, at, self.stamp), part, v, out).map_err(of_product)
    }
}

impl Operator for Active<'_, '_, '_> {
    fn len(&self) -> usize {
        self.n
    }
    fn apply(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Failed> {
        self.part(Part::Plain, v, out)
    }
    fn apply_transposed(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Failed> {
        self.part(Part::Transposed, v, out)
    }
    fn kind(&self) -> Kind {
        self.at.kind()
    }
    fn known(&self) -> Known {
        self.at.known()
    }
}
