//! Every operation, one line each, with the applications at which tests run it.
use crate::array::Kind;
use crate::operation::{Probe, Probed};

/// Hands the list of all operations to a macro: `name: family::Type;` for each.
#[macro_export]
#[doc(hidden)]
macro_rules! each_operation {
    ($do:ident) => {
        $do! {
            add: arithmetic::Add;
            sub: arithmetic::Sub;
            mul: arithmetic::Mul;
            div: arithmetic::Div;
            absorb: arithmetic::Absorb;
            rem: arithmetic::Rem;
            neg: arithmetic::Neg;
            cast: arithmetic::Cast;
            stop_gradient: arithmetic::StopGradient;
            maximum: comparison::Maximum;
            minimum: comparison::Minimum;
            less: comparison::Less;
            less_equal: comparison::LessEqual;
            equal: comparison::Equal;
            share: comparison::Share;
            select: comparison::Select;
            exp: elementary::Exp;
            exp_m1: elementary::ExpM1;
            ln: elementary::Ln;
            ln_1p: elementary::Ln1p;
            abs: elementary::Abs;
            sign: elementary::Sign;
            floor: elementary::Floor;
            sin: elementary::Sin;
            cos: elementary::Cos;
            tan: elementary::Tan;
            asin: elementary::Asin;
            acos: elementary::Acos;
            atan: elementary::Atan;
            atan2: elementary::Atan2;
            sinh: elementary::Sinh;
            cosh: elementary::Cosh;
            tanh: elementary::Tanh;
            erf: elementary::Erf;
            ln_gamma: gamma::LnGamma;
            polygamma: gamma::Polygamma;
            sqrt: power::Sqrt;
            root_slope: power::RootSlope;
            root: power::Root;
            recip: power::Recip;
            powi: power::Powi;
            powf: power::Powf;
            pow: power::Pow;
            sigmoid: activation::Sigmoid;
            softplus: activation::Softplus;
            relu: activation::Relu;
            soft_threshold: activation::SoftThreshold;
            full: literal::Full;
            constant: literal::Constant;
            finite: finite::Finite;
            require: require::Require;
            watched: watched::Watched;
            derivative: watched::Derivative;
            settled: settled::Settled;
            sum: fold::Sum;
            broadcast: fold::Broadcast;
            prod: reduce::Prod;
            extreme: reduce::Extreme;
            norm: norm::Norm;
            cumulative_sum: cumulative::CumulativeSum;
            reshape: shape::Reshape;
            permute: shape::Permute;
            slice: shape::Slice;
            place: shape::Place;
            diagonal: shape::Diagonal;
            contract: contract::Contract;
            take: indexing::Take;
            scatter_add: indexing::ScatterAdd;
            slice_at: indexing::SliceAt;
            place_at: indexing::PlaceAt;
            below: indexing::Below;
            random: random::Random;
            triangle: linalg::Triangular;
            solve_triangular: linalg::TriangularSolve;
            cholesky: linalg::Cholesky;
            lu: linalg::Lu;
            log_det: linalg::LogDet;
            solve: linalg::Solve;
            convolve: convolution::Convolve;
            difference: difference::Difference;
            sparse_dot: sparse::SparseDot;
            sparse_product: sparse_values::SparseProduct;
            sampled_product: sparse_values::SampledProduct;
            scan: control::Scan;
            cond: control::Cond;
        }
    };
}

/// One operation.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Applications with operands of a real element type.
    pub probes: fn(Kind) -> Vec<Probe>,
}

/// All operations.
#[must_use]
pub fn registry() -> Vec<Entry> {
    macro_rules! entries {
        ($($name:ident: $family:ident::$type:ident;)*) => {
            vec![$(Entry { name: stringify!($name), probes: super::$family::$type::probes }),*]
        };
    }
    each_operation!(entries)
}
