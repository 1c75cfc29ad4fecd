//! Derivatives and kernels of the larger operation families.
mod convolution;
