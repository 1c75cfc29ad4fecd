//! The facade: what users import. No logic lives here.
#![doc = include_str!("../README.md")]

pub use hypertape_autodiff::{
    Allow, Error, ErrorKind, Function, GradientCheck, Lacking, Linear, Primitive, Result, Site, SparseDerivative, Within, Workspace, Wrt,
    apply_primitive, array, error, execute, index, operation, plan, record, shape, tree,
};
/// Bilevel problems: estimators of hypergradients, outer loops, runs.
pub use hypertape_bilevel as bilevel;
/// Loaders, splits and measures of quality for experiments: the feature `data`.
///
/// Sparse rows become a constant of a recording by their parts:
///
/// ```
/// use hypertape::data::{Libsvm, Load};
/// use hypertape::prelude::*;
/// let data = Libsvm::new().load_bytes(b"+1 1:2 3:1\n-1 2:3\n")?;
/// let (shape, starts, columns, values) = data.rows.into_parts();
/// let x = Csr::new(shape, starts, columns, values)?;
/// let f = Function::record(shape![3], |w| csr(&x).dot(w))?;
/// assert_eq!(f.eval(hypertape::ndarray::arr1(&[1.0, 1.0, 1.0]))?.as_slice(), Some(&[3.0, 3.0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "data")]
pub use hypertape_data as data;
pub use hypertape_derive::Tree;
/// Differentiation of solutions by the implicit function theorem.
pub use hypertape_implicit as implicit;
/// Linear systems, dense and matrix-free.
pub use hypertape_linear as linear;
/// Solvers, proximal operators, linear operators.
pub use hypertape_solvers as solvers;
/// The arrays of the doors, in the version that they take: 0.17.
pub use ndarray;

/// All that most programs need.
pub mod prelude {
    pub use crate::array::Real;
    pub use crate::bilevel;
    pub use crate::implicit::{self, ImplicitExt, OnResidual};
    pub use crate::linear::{
        self, Anderson, Auto, Bicgstab, Broyden, Cg, Cholesky, Failed, Gmres, Ldlt, LinearSolver, Lissa, Lsmr, Lu, Minres, Neumann,
        NormalCg, OneStep, Prepare, Qr, Shine, Status, Svd,
    };
    pub use crate::record::{
        Boundary, Csr, DynVar, Edge, Pattern, Scalar, Triangle, Var, concat, cond, constant, csr, csr_with, iota, map, normal, ones,
        ones_like, random_index, scalar, scan, scan_until, stack, stop_gradient, uniform, zeros, zeros_like,
    };
    pub use crate::solvers::*;
    pub use crate::tree::{AnyLeaf, Arrays, Feed, Give, Leaf, Own, Ranked, Structure, V, Vars, leaves};
    pub use crate::{Allow, Error, ErrorKind, Function, Result, Tree, Workspace, index, shape};
}
