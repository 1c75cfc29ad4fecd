//! Kernel of the named convolution operations.
use crate::kernels::cast::{scratch_as, scratch_for};
use crate::kernels::convolution::Convolver;
use hypertape_ir::array::{Real, Slice, SliceMut};
use hypertape_ir::error::ErrorKind;
use hypertape_ir::operation::named::Role;
use hypertape_ir::operation::typed::{RealKernel, input, output};

#[derive(Debug)]
pub(super) struct Convolve {
    pub(super) made: Result<Convolver, ErrorKind>,
    pub(super) role: Role,
}
impl RealKernel for Convolve {
    fn scratch<T: Real>(&self) -> usize {
        self.made.as_ref().map_or(0, |c| scratch_for::<T>(c.scratch()))
    }
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        let c = self.made.as_ref().map_err(Clone::clone)?;
        let (a, b, out, scratch) = (input::<T>(inputs, 0)?, input(inputs, 1)?, output(outputs, 0)?, scratch_as(scratch));
        match self.role {
            Role::Output => c.output_of(a, b, out, scratch),
            Role::Image => c.input_of(a, b, out, scratch),
            Role::Filter => c.filter_of(a, b, out, scratch),
        }
        Ok(())
    }
}
