//! Kernel of the named norm operation.
use crate::kernels::norm::Norms;
use hypertape_ir::array::{Real, Slice, SliceMut};
use hypertape_ir::error::ErrorKind;
use hypertape_ir::operation::typed::{RealKernel, input, output};

impl RealKernel for Norms {
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], _: &mut [f64]) -> Result<(), ErrorKind> {
        Norms::run(*self, input::<T>(inputs, 0)?, input::<T>(inputs, 1)?, output::<T>(outputs, 0)?);
        Ok(())
    }
}
