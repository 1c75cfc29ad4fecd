//! How an iterative computation ended: with a result, and what is to be said of it (`Status`), or without one (`Failed`).
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// How a computation ended that has a result: of a linear solve, a method, a root. One type from where it ends up to the user's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// The residual is at or under the tolerance; of a series of so many terms, which has none, at or under √ε of the right-hand side.
    Converged,
    /// The residual is above the tolerance, but as small as rounding allows: no iteration gets below. Of a direct solver: ‖b − A x‖ is rounding of |A||x|, however large it is
    /// beside b, and the componentwise bound on the error of x (Arioli, Demmel and Duff 1989) is under 10⁻².
    Rounding,
    /// The least-squares solution of minimum norm of a linear system that has no solution, where that was asked for.
    LeastSquares,
    /// A series of so many terms, cut off by design.
    Truncated {
        /// Terms that were added.
        terms: u64,
    },
    /// A series cut off by design, whose terms grow.
    Growing {
        /// Terms that were added.
        terms: u64,
    },
    /// An estimate of the inverse was applied, by design. The residual is not known where it is NaN.
    Estimated,
    /// The residual is above the tolerance after all iterations that were allowed.
    IterationLimit,
    /// The residual is above the tolerance and does not become smaller: more iterations do not help.
    Stalled,
    /// The residual is not finite.
    Diverged,
    /// The residual is small, and the solution may still be wrong by more than the accuracy, as conditioning times residual bounds it.
    IllConditioned,
    /// The measure of a root is above its tolerance: ‖F‖, or the measure of the method that found it.
    NotARoot,
    /// The Newton step that a root still needs, relative to it, is above its tolerance.
    FarFromRoot,
    /// A derivative changes within the uncertainty of the solution by more than the accuracy that was asked for.
    Uncertain,
    /// The same where F_z is singular or nearly so, as at a fold.
    NearFold,
    /// A solution within its tolerance, with a kink so near that the active set may be another one at the solution itself.
    SetNotSettled,
    /// A derivative through the steps of a solver is so large that its steps cannot be right.
    HugeDerivative,
    /// An item of a `map` failed, where that is allowed: its results are NaN, those of index type 0. The report's name says which item, and why.
    ItemFailed,
}

impl Status {
    /// Whether the result is what was asked for, as far as rounding allows.
    #[must_use]
    pub fn converged(self) -> bool {
        matches!(self, Status::Converged | Status::Rounding | Status::LeastSquares)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Converged => "converged",
            Status::Rounding => "converged to rounding",
            Status::LeastSquares => "least squares of minimum norm",
            Status::Truncated { terms: 1 } => "one step",
            Status::Truncated { .. } => "truncated series",
            Status::Growing { .. } => "diverged: the terms of the series grow",
            Status::Estimated => "an estimate of the inverse was applied",
            Status::IterationLimit => "iteration limit",
            Status::Stalled => "stalled",
            Status::Diverged => "diverged (not finite)",
            Status::IllConditioned => "ill-conditioned: the residual is small, and the solution may still be wrong",
            Status::NotARoot => "not converged",
            Status::FarFromRoot => "not converged: the relative Newton step is above the tolerance",
            Status::Uncertain => "it changes within the uncertainty of the solution",
            Status::NearFold => "singular or nearly so: it changes within the uncertainty of the solution",
            Status::SetNotSettled => "the active set has not settled: a kink is within what is left to the solution",
            Status::HugeDerivative => "huge derivative",
            Status::ItemFailed => "its results are NaN",
        })
    }
}

/// Why the error of a derivative of a solution is estimated and not bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Uncertified {
    /// What is left after the correction stays too large beside the estimate: the conditioning.
    Remainder,
    /// A Newton step does not shrink the distance to the solution: a fold, a start that is far away, a singular system.
    NewtonDoesNotShrink,
    /// The point may lie on either side of a kink: the active set has not settled.
    SetNotSettled,
    /// The solution itself lies on a kink, to rounding: a weakly active constraint. There are two one-sided derivatives.
    WeaklyActive,
    /// The smallest singular value of the system was not found with certainty.
    SpectrumUnresolved,
    /// Rounding alone is larger than what was asked for.
    RoundingFloor,
    /// A relative error was asked for of a derivative that is 0 as far as can be told: an absolute one is needed.
    ZeroDerivative,
    /// A linear system could not be solved.
    Unsolved,
    /// A value is not finite, or could not be computed.
    NotFinite,
}

impl fmt::Display for Uncertified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Uncertified::Remainder => "what is left after the correction stays above what was asked for (allow more rounds or ask for less; where the system is ill-conditioned, precondition or rescale it, or use LU)",
            Uncertified::NewtonDoesNotShrink => {
                "a Newton step does not come nearer to the solution (a fold, a start that is far away, or a singular system: solve the inner problem further)"
            }
            Uncertified::SetNotSettled => "the active set has not settled (solve the inner problem further)",
            Uncertified::WeaklyActive => "the solution lies on a kink, as a weakly active constraint does (there are two one-sided derivatives)",
            Uncertified::SpectrumUnresolved => {
                "the smallest singular value was not resolved (allow more Lanczos steps, use a direct solver, or give a lower bound of it)"
            }
            Uncertified::RoundingFloor => "rounding alone is larger than what was asked for (no solve in this precision can give it: ask for less, or for a better conditioned system)",
            Uncertified::ZeroDerivative => "the derivative is 0 as far as can be told (give an absolute accuracy besides the relative one)",
            Uncertified::Unsolved => "a linear system could not be solved (use another linear solver)",
            Uncertified::NotFinite => "a value is not finite or could not be computed (the step led to where the functions are not defined: solve the inner problem further)",
        })
    }
}

/// What a linear solver needs besides the products of its operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// A number α for which I − αA contracts, as the step of the method that found a fixed point.
    Map,
    /// Products with the transpose.
    Transpose,
    /// The matrix itself, or its diagonal.
    Diagonal,
    /// A sparse matrix, or the places of its entries.
    Entries,
    /// An estimate of the inverse: the secant pairs of the quasi-Newton method that found the point.
    Estimate,
    /// Products on mini-batches.
    Samples,
}

/// Why a linear solve has no result, with the numbers that say so.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Failed {
    /// A factorisation met a pivot that is rounding of what it was computed from.
    #[error(
        "the matrix of the linear system is singular{}: pivot {pivot} of {n} is {value:e}, which is rounding of {of:e}; the solution is not determined, \
         check the model, or ask for one of the solutions with `NormalCg::default().minimum_norm()`", Flat(*.flat)
    )]
    SingularPivot {
        /// Which pivot, from 0.
        pivot: usize,
        /// How many there are.
        n: usize,
        /// Its value.
        value: f64,
        /// The sum of the sizes of what it was computed from.
        of: f64,
        /// How many independent v have A v = 0, up to rounding, where they were counted.
        flat: Option<usize>,
    },
    /// The operator is singular to rounding. Where the residual is small, other solutions have the same one; where it is not, the system has no solution, or none was found.
    #[error(
        "the system is singular to rounding{}, so its solution is not determined; if only the scales of its rows differ, divide them by their sizes \
         or use LU; else check the model, or ask for one of the solutions with `NormalCg::default().minimum_norm()` ({at})", Flat(*.flat)
    )]
    Singular {
        /// Where the iterations stood.
        at: Reached,
        /// How many independent v have A v = 0, up to rounding, where they were counted.
        flat: Option<usize>,
    },
    /// The method needs a symmetric operator.
    #[error(
        "the system is not symmetric: it differs from its transpose by {difference:e} where the size is {size:e}; use GMRES, BiCGStab, normal CG or LU"
    )]
    NotSymmetric {
        /// The largest difference that was seen.
        difference: f64,
        /// The size that it is compared with.
        size: f64,
    },
    /// The method needs a definite operator, and met directions with ⟨d, A d⟩ of both signs, or 0, or a pivot that is not positive.
    #[error("the system is not positive definite, nor negative definite{}; use MINRES or LDLᵀ where it is symmetric, else GMRES, BiCGStab or LU, or \
             `NormalCg::default().minimum_norm()` where it is singular", Curvature(*.curvature))]
    NotDefinite {
        /// The curvature ⟨d, A d⟩/⟨d, d⟩, or the pivot, where one number is known.
        curvature: Option<f64>,
    },
    /// The iterations cannot go on: a division by zero, which is named.
    #[error(
        "{what}; the system may be singular: check the model, or ask for one of its solutions with `NormalCg::default().minimum_norm()` ({at})"
    )]
    Breakdown {
        /// What vanished.
        what: &'static str,
        /// Where the iterations stood.
        at: Reached,
    },
    /// The residual, or the terms of a series, grew without bound.
    #[error("{} ({at})", Growth(*.growth))]
    Diverged {
        /// How much the terms of a series grow by, each.
        growth: Option<f64>,
        /// Where the iterations stood.
        at: Reached,
    },
    /// The solve ended above its tolerance, where that is an error.
    #[error("it did not reach its tolerance {tolerance:e}: {status} ({at}); {}, or accept it with `on_residual(OnResidual::Warn)`", Loosen(*.status))]
    NotConverged {
        /// How it ended.
        status: Status,
        /// The tolerance on the relative residual.
        tolerance: f64,
        /// Where the iterations stood.
        at: Reached,
    },
    /// A number that must be finite is not.
    #[error("{what}{}; look for the operation that made it", Entry(*.value))]
    NotFinite {
        /// What is not finite.
        what: &'static str,
        /// One such number, where it is known.
        value: Option<f64>,
    },
    /// Two vectors, or an operator and a vector, differ in length.
    #[error("{what} has {given} entries where the system has {expected} unknowns; give it that length")]
    WrongLength {
        /// Which vector.
        what: &'static str,
        /// Its length.
        given: usize,
        /// The length that fits.
        expected: usize,
    },
    /// A matrix has not as many rows as columns.
    #[error(
        "the matrix has {rows} rows and {columns} columns: a system has as many equations as unknowns; for least squares, solve with AᵀA"
    )]
    NotSquare {
        /// Equations.
        rows: usize,
        /// Unknowns.
        columns: usize,
    },
    /// A setting cannot work.
    #[error("the {what} is {value}; give {allowed}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What would do, with an example.
        allowed: &'static str,
    },
    /// A sparse operator has entries at other places than those that were given.
    #[error(
        "the operator has entries at other places than those given: products differ by {difference:e} where the size is {size:e}; give all places"
    )]
    OtherPlaces {
        /// ‖A v − M v‖ for one pseudo-random vector v, where M has the entries at the places that were given.
        difference: f64,
        /// ‖A v‖.
        size: f64,
    },
    /// There is not the memory that the solver needs.
    #[error("the solver needs {bytes} bytes, and they are not there; use a method without a factorisation, or a shorter basis")]
    Memory {
        /// Bytes in all; `u64::MAX` for more than can be counted.
        bytes: u64,
    },
    /// A workspace that is ready for no operator.
    #[error("the workspace is not ready for an operator; call `prepare` first, and again after it has failed")]
    NotPrepared,
    /// The solver needs what nobody handed over.
    #[error("{}", Lack(*.0))]
    Lacks(Need),
    /// The operator's own code failed.
    #[error("{0}")]
    Operator(Arc<dyn Error + Send + Sync>),
}

impl Failed {
    /// Whether the operator is singular, as far as the method can tell: a pivot of rounding, a null vector, or iterations that stand still because no solution is near.
    #[must_use]
    pub fn is_singular(&self) -> bool {
        matches!(self, Failed::SingularPivot { .. } | Failed::Singular { .. } | Failed::Breakdown { .. })
    }
    /// The same, of iterations that stood there.
    #[must_use]
    pub fn reached(mut self, now: Reached) -> Self {
        if let Failed::Singular { at, .. } | Failed::Breakdown { at, .. } | Failed::Diverged { at, .. } | Failed::NotConverged { at, .. } =
            &mut self
        {
            *at = now;
        }
        self
    }
    /// The same, with how many directions are flat; of a failure that says nothing of them, itself.
    #[must_use]
    pub fn with_flat(mut self, directions: usize) -> Self {
        if let Failed::SingularPivot { flat, .. } | Failed::Singular { flat, .. } = &mut self {
            *flat = Some(directions).filter(|k| *k > 0);
        }
        self
    }
    /// The failure of an operator's own code.
    pub fn operator(e: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Failed::Operator(Arc::from(e.into()))
    }
}

/// Where the iterations of a linear solve stood when they ended.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reached {
    /// Iterations made; terms of a series; 0 for a direct method.
    pub iterations: u64,
    /// ‖b − A x‖ / ‖b‖.
    pub residual: f64,
    /// An estimate of the condition number of A, from below; none where none is known.
    pub condition: Option<f64>,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "relative residual {:e}", self.residual)?;
        if self.iterations > 0 {
            write!(f, " after {} iterations", self.iterations)?;
        }
        match self.condition {
            Some(c) => write!(f, ", condition number about {c:.2e}"),
            None => Ok(()),
        }
    }
}

struct Curvature(Option<f64>);
impl fmt::Display for Curvature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |c| write!(f, ": a direction has the curvature {c:e}"))
    }
}

struct Flat(Option<usize>);
impl fmt::Display for Flat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(1) => f.write_str(", with 1 flat direction"),
            Some(k) => write!(f, ", with {k} flat directions"),
            None => Ok(()),
        }
    }
}

struct Growth(Option<f64>);
impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(g) => write!(
                f,
                "the Neumann series diverges: the step is not a contraction (factor {g:.3} a term); use GMRES or LU, which need none, or a smaller step"
            ),
            None => f.write_str("the iterations diverge; use another linear solver, LU where the system is small"),
        }
    }
}

struct Loosen(Status);
impl fmt::Display for Loosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Status::IterationLimit => "loosen the tolerance, allow more iterations or terms",
            _ => "loosen the tolerance, use another linear solver (LU where the system is small)",
        })
    }
}

struct Entry(Option<f64>);
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |v| write!(f, ": it has {v}"))
    }
}

struct Lack(Need);
impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Need::Map => "it needs a step α for which I − αA contracts, and the method that found the point has none; give it with `step`",
            Need::Transpose => "it needs products with the transpose, and the operator has none; give them with `with_transpose`",
            Need::Entries => "it needs the places of the entries, and the operator has no sparse matrix; give them with `places`",
            Need::Estimate => {
                "it needs the secant pairs of the method that found the point, and there are none; solve with L-BFGS, give them with `Estimated`, or use CG"
            }
            Need::Samples => {
                "it needs products on mini-batches, and the system has none; say how a mini-batch is drawn with `FiniteSum::drawn`, or use `Neumann`, the series on the whole data"
            }
            Need::Diagonal => {
                "it needs the diagonal of the matrix, and the operator does not have it; give a matrix, or the preconditioner as a map"
            }
        })
    }
}
