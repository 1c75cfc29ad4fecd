//! What a certificate says.
use super::model::Work;
use hypertape_autodiff::outcome::Uncertified;
use hypertape_autodiff::tree::Structure;
use std::fmt::{self, Display, Formatter};

/// How far the bounds of a certificate can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The bounds hold up to rounding, by the constants that were given: a lower bound of the smallest singular value of F_z, and a Lipschitz constant of the derivative.
    Proven,
    /// Every test was passed. The smallest singular value and the change of the derivative were measured by finitely many products, so this is no theorem.
    Certified,
    /// A test failed: there is an estimate, and no bound.
    Uncertified(Uncertified),
}

impl Standing {
    /// Whether there is a bound.
    #[must_use]
    pub fn certified(self) -> bool {
        !matches!(self, Standing::Uncertified(_))
    }
}

impl Display for Standing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Proven => f.write_str("proven"),
            Standing::Certified => f.write_str("certified"),
            Standing::Uncertified(reason) => write!(f, "uncertified: {reason}"),
        }
    }
}

/// Where most of an error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Term {
    /// The point is not the solution.
    Inner,
    /// The adjoint system was not solved exactly.
    Adjoint,
    /// Rounding.
    Rounding,
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Term::Inner => "the inner solve",
            Term::Adjoint => "the adjoint solve",
            Term::Rounding => "rounding",
        })
    }
}

/// What was measured on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Measured {
    /// ‖F(z₀, θ)‖ at the point that was given.
    pub residual: f64,
    /// ‖L_z − F_zᵀ w₀‖ there.
    pub adjoint_residual: f64,
    /// The estimate of the smallest singular value of F_z, or the lower bound that was given.
    pub smallest: f64,
    /// The estimate of the largest singular value of F_z.
    pub largest: f64,
    /// Lanczos steps in the last round; 0 where the singular values of the solves were enough.
    pub lanczos: usize,
    /// Whether the smallest singular value has settled.
    pub settled: bool,
    /// ‖δ‖ of the last Newton step.
    pub newton: f64,
    /// What is left of the distance to the solution after it, as bounded.
    pub distance: f64,
    /// How far the whole correction moved the point.
    pub moved: f64,
    /// By how much the derivative changes for each unit of distance, as measured or given.
    pub change: f64,
    /// The least distance to a kink, in units of the point; ∞ where there is none.
    pub margin: f64,
    /// Rounds that were made.
    pub rounds: usize,
    /// The bound of the corrected derivative's error, whether or not every test was passed: where not, it is no bound.
    pub remainder: f64,
    /// What was executed, the adjoint solve at the given point included.
    pub work: Work,
    /// Of it, what finding the derivative at the given point took: the adjoint solve there, and the derivative.
    pub adjoint_work: Work,
}

/// A derivative of an outer objective through the solution of an equation, and what is known of its error. P is the structure of the parameters.
///
/// All norms are Euclidean, over all real parameters.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Certificate<P: Structure> {
    /// The derivative at the point that was given, by the adjoint solve there.
    pub gradient: P::Arrays,
    /// How far the bounds can be trusted, or why there is none.
    pub standing: Standing,
    /// An estimate of ‖gradient − true‖: by how much the correction changed it.
    pub estimate: f64,
    /// A bound of ‖gradient − true‖, where certified.
    pub bound: Option<f64>,
    /// The derivative after the correction.
    pub corrected: P::Arrays,
    /// A bound of ‖corrected − true‖, where certified.
    pub corrected_bound: Option<f64>,
    /// ‖corrected‖.
    pub size: f64,
    /// Where most of the error of `gradient` comes from.
    pub dominant: Term,
    /// What rounding alone may leave of an error; the bounds include it.
    pub rounding: f64,
    /// Where the solution lies on a kink: the derivative of the piece on either side.
    pub one_sided: Option<[P::Arrays; 2]>,
    /// What was measured.
    pub measured: Measured,
}

impl<P: Structure> Certificate<P> {
    /// Whether there are bounds.
    #[must_use]
    pub fn certified(&self) -> bool {
        self.standing.certified()
    }
    /// The bound of the corrected derivative relative to the true one, ∞ where it may be 0; none where uncertified.
    #[must_use]
    pub fn relative_bound(&self) -> Option<f64> {
        self.corrected_bound.map(|r| relative(r, self.size))
    }
}

/// r / (‖g‖ − r), ∞ where that is not positive; 0 for r = 0.
pub(super) fn relative(r: f64, size: f64) -> f64 {
    if r == 0.0 {
        0.0
    } else if r < size {
        r / (size - r)
    } else {
        f64::INFINITY
    }
}

impl<P: Structure> Display for Certificate<P> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let relatively = |r: f64| if self.size > 0.0 { format!("{r:.2e} ({:.1e} relative)", r / self.size) } else { format!("{r:.2e}") };
        let bound = |b: Option<f64>| b.map_or("none".into(), relatively);
        writeln!(f, "{}", self.standing)?;
        let estimate = if self.estimate.is_finite() { relatively(self.estimate) } else { "unknown".into() };
        writeln!(f, "error of the gradient: estimate {estimate}, bound {}, mostly from {}", bound(self.bound), self.dominant)?;
        let Measured { residual, adjoint_residual, smallest, newton, distance, margin, rounds, work, .. } = self.measured;
        writeln!(f, "corrected gradient: norm {:.6e}, bound {}, rounding {:.1e}", self.size, bound(self.corrected_bound), self.rounding)?;
        writeln!(f, "residual {residual:.1e}, adjoint residual {adjoint_residual:.1e}, smallest singular value {smallest:.2e}")?;
        write!(f, "{rounds} rounds: last Newton step {newton:.1e}, distance left {distance:.1e}")?;
        if margin.is_finite() {
            write!(f, ", nearest kink {margin:.1e}")?;
        }
        write!(f, "; {} products with F_z, {} with its transpose, {} second derivatives", work.plain, work.transposed, work.second)
    }
}
