//! Kernels that are the same for both real element types, and their operands as slices of one type.
use crate::array::{Element, Kind, Real, Slice, SliceMut};
use crate::error::{ErrorKind, Malformed};
use crate::operation::Kernel;
use std::fmt::Debug;

/// A kernel for f64 and f32 from one source.
pub trait RealKernel: Debug + Send + Sync {
    /// Doubles of scratch memory it needs.
    fn scratch<T: Real>(&self) -> usize {
        0
    }
    /// Constant data that it reads besides its inputs: where they lie, and their bytes.
    fn data(&self) -> Vec<(usize, usize)> {
        vec![]
    }
    /// Whether it only looks at its inputs and hands on the first.
    fn is_check(&self) -> bool {
        false
    }
    /// Computes every output from the inputs.
    fn run<T: Real>(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind>;
}

/// A kernel for one real element type.
#[derive(Debug)]
pub struct OfKind<K>(pub K, pub Kind);

impl<K: RealKernel> Kernel for OfKind<K> {
    fn scratch(&self) -> usize {
        if self.1 == Kind::F32 { self.0.scratch::<f32>() } else { self.0.scratch::<f64>() }
    }
    fn data(&self) -> Vec<(usize, usize)> {
        self.0.data()
    }
    fn is_check(&self) -> bool {
        self.0.is_check()
    }
    fn run(&self, inputs: &[Slice<'_>], outputs: &mut [SliceMut<'_>], scratch: &mut [f64]) -> Result<(), ErrorKind> {
        if self.1 == Kind::F32 { self.0.run::<f32>(inputs, outputs, scratch) } else { self.0.run::<f64>(inputs, outputs, scratch) }
    }
}

/// Input `i` as a slice of its type.
pub fn input<'a, T: Element>(inputs: &[Slice<'a>], i: usize) -> Result<&'a [T], ErrorKind> {
    inputs.get(i).and_then(|s| T::of_slice(*s)).ok_or_else(|| Malformed::Operand { index: i, kind: T::KIND }.into())
}

/// Output `i` as a slice of its type.
pub fn output<'b, T: Element>(outputs: &'b mut [SliceMut<'_>], i: usize) -> Result<&'b mut [T], ErrorKind> {
    outputs.get_mut(i).and_then(|s| T::of_slice_mut(s)).ok_or_else(|| Malformed::Result { index: i, kind: T::KIND }.into())
}
