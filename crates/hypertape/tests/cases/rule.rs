//! What each adjoint is expected to give: one rule, from what the matrix is.
use crate::adjoint::Adjoint;
use crate::case::Kind;
use crate::reference::{Nature, Powers};

/// How a cell is to end. The law holds in any case: a wrong number never passes without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The derivative, as near as rounding, the tolerance and the condition number allow.
    Right,
    /// An error of one of these kinds.
    Refused(&'static [&'static str]),
    /// A result that is reported as not converged, with its residual.
    SaysSo,
    /// An error or such a report.
    NotRight,
    /// Any of them: the matrix is too ill-conditioned to say beforehand which.
    Lawful,
}

/// Which derivative is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Reverse,
    Forward,
}

const LACKS: &[&str] = &["Lacks"];
const NOT_SYMMETRIC: &[&str] = &["NotSymmetric"];
const NOT_DEFINITE: &[&str] = &["NotDefinite"];
const SINGULAR: &[&str] = &["Singular", "SingularPivot", "Breakdown", "NotDefinite", "NotConverged"];
const GROWS: &[&str] = &["Diverged", "NotConverged"];

/// A condition number up to which an iteration reaches its tolerance, and a factorisation leaves digits that are surely right.
const ITERATED: f64 = 1e4;
const FACTORISED: f64 = 1e10;
/// The same for a series.
const SLOW: f64 = 5e2;
/// Differences that Anderson's method keeps.
const KEPT: usize = 10;

/// What follows from the kind of the problem, the matrix, and whether the right-hand side is in its range.
pub(crate) fn expected(adjoint: Adjoint, kind: Kind, nature: &Nature, in_range: bool, single: bool) -> Expected {
    use Expected::{Lawful, NotRight, Refused, Right, SaysSo};
    // Half of the digits.
    let of_digits = |limit: f64| if single { limit.sqrt() } else { limit };
    if adjoint.steps() && kind != Kind::FixedPoint {
        return Refused(LACKS);
    }
    if adjoint.symmetric() && !nature.symmetric {
        return Refused(NOT_SYMMETRIC);
    }
    match adjoint {
        // The series, whatever else is known of the matrix.
        Adjoint::OneStep => return if nature.powers == Powers::Vanish { Right } else { SaysSo },
        Adjoint::Terms => {
            return match nature.powers {
                _ if nature.flat > 0 && !in_range => NotRight,
                Powers::Grow => NotRight,
                Powers::Shrink { hump, .. } if hump >= 1e3 => Lawful,
                _ if nature.left <= 1e-10 => Right,
                _ if nature.left >= if single { 1e-2 } else { 1e-6 } => SaysSo,
                _ => Lawful,
            };
        }
        Adjoint::Neumann => {
            return match nature.powers {
                _ if nature.flat > 0 && !in_range => NotRight,
                Powers::Vanish => Right,
                // Terms that grow first cancel later; a slow series ends where z − T(z) is rounding.
                Powers::Shrink { hump, .. } if hump < 1e3 && nature.condition() <= of_digits(SLOW) => Right,
                Powers::Shrink { .. } => Lawful,
                Powers::Linger | Powers::Grow => Refused(GROWS),
            };
        }
        // They keep fewer steps than there are unknowns, and the map leads away.
        Adjoint::Anderson | Adjoint::Broyden if nature.n > KEPT && nature.powers == Powers::Grow => return Lawful,
        _ => {}
    }
    if nature.flat > 0 {
        let one_of_many = adjoint.least_squares() || adjoint == Adjoint::MinresUnprobed && in_range;
        return if one_of_many { Right } else { Refused(SINGULAR) };
    }
    if adjoint.definite() && !nature.definite {
        return Refused(NOT_DEFINITE);
    }
    let enough = match adjoint {
        _ if adjoint.direct() => FACTORISED,
        // Where rounding ends the exactness of n steps, the condition of AᵀA is what counts.
        _ if adjoint.squares() && nature.n > 64 => ITERATED.sqrt(),
        _ => ITERATED,
    };
    if nature.condition() <= of_digits(enough) { Right } else { Lawful }
}
