//! What a check of a hypergradient says.
use crate::certificate::Certificate;
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::tree::Structure;
use std::fmt::{self, Display, Formatter};

/// Along what derivatives were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// One real parameter, counted over all leaves.
    Coordinate(usize),
    /// A pseudo-random direction of length 1, counted from 0.
    Random(usize),
}

impl Display for Direction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Direction::Coordinate(k) => f.pad(&format!("parameter {k}")),
            Direction::Random(k) => f.pad(&format!("random {k}")),
        }
    }
}

/// The derivatives along one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Along {
    /// The direction.
    pub direction: Direction,
    /// The implicit derivative, by the adjoint solver at the point where the method stopped; none where that failed.
    pub implicit: Option<f64>,
    /// The derivative through the steps of the method; none where it failed or was not asked for.
    pub unrolled: Option<f64>,
    /// Central differences of the outer objective over solutions that were solved further, extrapolated.
    pub difference: f64,
    /// What truncation and the inner error leave of the differences.
    pub error: f64,
    /// The slopes from below and from above, where they differ.
    pub sides: Option<[f64; 2]>,
}

/// Which solve or iteration something is said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The method that finds the solution.
    Inner,
    /// The adjoint linear system.
    Adjoint,
}

/// Which derivative or equation is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Culprit {
    /// The derivative of the equation by the solution is not that of the equation's values.
    BySolution,
    /// The derivative of the equation by the parameters is not that of the equation's values.
    ByParameters,
    /// The gradient of the outer objective is not that of its values.
    Outer,
    /// The method's solutions do not satisfy the equation, at the parameters or beside them.
    NotSatisfied,
    /// The equation and its derivatives fit each other and the solutions, as far as can be told.
    Unknown,
}

impl Display for Culprit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Culprit::BySolution => "the derivative of the equation by the solution is not that of its values",
            Culprit::ByParameters => "the derivative of the equation by the parameters is not that of its values",
            Culprit::Outer => "the gradient of the outer objective is not that of its values",
            Culprit::NotSatisfied => "the solutions that the method finds do not satisfy the equation",
            Culprit::Unknown => "the implicit derivative is not that of the solutions",
        })
    }
}

/// What a check found. Errors are relative.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// All derivatives are the same, within the accuracy and what differences are uncertain by.
    Agree {
        /// The largest difference between the implicit derivative and differences.
        error: f64,
    },
    /// The slopes from below and from above differ: there is no derivative.
    Kink {
        /// Along what.
        direction: Direction,
        /// The slopes from below and from above.
        sides: [f64; 2],
        /// How far the nearest kink is from the solution, as switching variables of the equation and of the outer gradient say.
        margin: f64,
    },
    /// The outer objective has two values there, and no derivative. The solution does not jump.
    Jump {
        /// Along what.
        direction: Direction,
        /// By how much it changes across the point.
        by: f64,
    },
    /// The point where the method stopped is too far from the solution.
    InnerTooLoose {
        /// The error that this makes in the derivative.
        error: f64,
        /// How far the point is from the solution, relative to it.
        distance: f64,
        /// The stopping measure that the method allowed itself.
        tolerance: f64,
        /// Its iterations.
        iterations: u64,
        /// Whether solving on came to rest.
        settled: bool,
    },
    /// The adjoint system was not solved well enough.
    AdjointTooLoose {
        /// The error that this makes in the derivative.
        error: f64,
        /// The relative residual that was left.
        residual: f64,
        /// Iterations, or terms.
        iterations: u64,
    },
    /// An iteration that needs a contraction has none.
    NotAContraction {
        /// By how much a step moves differences apart.
        factor: f64,
        /// Whose iteration.
        stage: Stage,
    },
    /// The equation does not determine its solution: F_z is singular.
    Singular {
        /// How many independent directions it leaves flat; none where they were not counted.
        flat: Option<usize>,
        /// Unknowns.
        unknowns: usize,
    },
    /// Solves at or beside the parameters land at other solutions.
    SeveralMinima {
        /// How far from the solution that was followed, relative to it.
        distance: f64,
        /// The outer objective there, and at the solution that was followed.
        values: [f64; 2],
    },
    /// The equation, its derivative, or the gradient of the outer objective is wrong.
    WrongEquation {
        /// Which one.
        what: Culprit,
        /// By how much the implicit derivative is wrong.
        error: f64,
    },
    /// So few unrolled steps do not give the derivative of the solution.
    UnrolledTooShort {
        /// The error of the unrolled derivative.
        error: f64,
        /// Its steps.
        steps: usize,
        /// Its error after twice as many, where that was found.
        longer: Option<f64>,
    },
    /// The differences are too uncertain to tell.
    Unresolved {
        /// Their relative uncertainty.
        error: f64,
    },
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Verdict::Agree { error } => write!(f, "agree: the derivatives differ by at most {error:.1e} of themselves"),
            Verdict::Kink { direction, sides: [below, above], margin } => {
                write!(f, "a kink: along {direction} the slope is {below:.6e} from below and {above:.6e} from above")?;
                if margin.is_finite() {
                    write!(f, " (a switching variable changes its sign {margin:.1e} from the solution)")
                } else {
                    Ok(())
                }
            }
            Verdict::Jump { direction, by } => {
                write!(
                    f,
                    "a jump: along {direction} the outer objective changes by {by:.6e} across the point, however short the step, while the solution does not"
                )
            }
            Verdict::InnerTooLoose { error, distance, tolerance, iterations, .. } => write!(
                f,
                "the inner solve is too loose: after {iterations} iterations, tolerance {tolerance:.1e}, it is {distance:.1e} of the solution away from it, which \
                 makes an error of {error:.1e}"
            ),
            Verdict::AdjointTooLoose { error, residual, iterations } => write!(
                f,
                "the adjoint solve is too loose: a relative residual of {residual:.1e} after {iterations} iterations makes an error of {error:.1e}"
            ),
            Verdict::NotAContraction { factor, stage: Stage::Inner } => {
                write!(f, "the map of the method is not a contraction (factor {factor:.3})")
            }
            Verdict::NotAContraction { factor, stage: Stage::Adjoint } => {
                write!(f, "the step by which the adjoint is solved is not a contraction (factor {factor:.3})")
            }
            Verdict::Singular { flat: Some(1), unknowns } => write!(f, "singular: 1 flat direction of {unknowns} unknowns"),
            Verdict::Singular { flat: Some(k), unknowns } => write!(f, "singular: {k} flat directions of {unknowns} unknowns"),
            Verdict::Singular { flat: None, unknowns } => {
                write!(f, "singular: an unknown number of flat directions of {unknowns} unknowns")
            }
            Verdict::SeveralMinima { distance, values: [other, here] } => write!(
                f,
                "several solutions: a solve lands {distance:.1e} of the solution away from it, where the outer objective is {other:.6e} instead of {here:.6e}"
            ),
            Verdict::WrongEquation { what, error } => write!(f, "{what}: the implicit derivative is off by {error:.1e}"),
            Verdict::UnrolledTooShort { error, steps, longer } => {
                write!(f, "the unrolled derivative is off by {error:.1e} after {steps} steps")?;
                longer.map_or(Ok(()), |e| write!(f, ", by {e:.1e} after {}", 2 * steps))
            }
            Verdict::Unresolved { error } => write!(f, "unresolved: the differences are uncertain by {error:.1e} of themselves"),
        }
    }
}

/// Three ways to a hypergradient, and what their differences come from. P is the structure of the parameters.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HypergradientCheck<P: Structure> {
    /// What was found.
    pub verdict: Verdict,
    /// What was found besides, of less weight.
    pub besides: Vec<Verdict>,
    /// What to do.
    pub remedy: String,
    /// The derivatives along each direction.
    pub along: Vec<Along>,
    /// The implicit derivative, where the adjoint system could be solved.
    pub implicit: Option<P::Arrays>,
    /// The unrolled derivative.
    pub unrolled: Option<P::Arrays>,
    /// What the equation says of the error of the implicit derivative.
    pub certificate: Option<Certificate<P>>,
    /// How the inner solve ended.
    pub inner: Option<Report>,
    /// Flat directions of F_z at the solution, where they were counted.
    pub flat: Option<usize>,
    /// The factor of the method's map at the solution, where it has one.
    pub factor: Option<f64>,
}

impl<P: Structure> HypergradientCheck<P> {
    /// Whether all derivatives agree.
    #[must_use]
    pub fn passed(&self) -> bool {
        matches!(self.verdict, Verdict::Agree { .. })
    }
}

impl<P: Structure> Display for HypergradientCheck<P> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict)?;
        if !self.remedy.is_empty() {
            writeln!(f, "remedy: {}", self.remedy)?;
        }
        for v in &self.besides {
            writeln!(f, "besides: {v}")?;
        }
        let number = |v: Option<f64>| v.map_or("-".into(), |v| format!("{v:.8e}"));
        if !self.along.is_empty() {
            writeln!(f, "{:<14} {:>16} {:>16} {:>16} {:>9}", "derivative by", "implicit", "unrolled", "differences", "±")?;
        }
        for a in &self.along {
            let (implicit, unrolled) = (number(a.implicit), number(a.unrolled));
            writeln!(f, "{:<14} {implicit:>16} {unrolled:>16} {:>16} {:>9.1e}", a.direction, number(Some(a.difference)), a.error)?;
        }
        if let Some(r) = &self.inner {
            writeln!(f, "inner: {r}")?;
        }
        if let Some(c) = &self.certificate {
            let bound = c.bound.map_or("none".into(), |b| format!("{b:.1e}"));
            writeln!(f, "certificate: {}; estimate of the error {:.1e}, bound {bound}", c.standing, c.estimate)?;
        }
        match (self.flat, self.factor) {
            (None, None) => Ok(()),
            (flat, factor) => {
                let words = [flat.map(|k| format!("{k} flat directions")), factor.map(|q| format!("factor of the map {q:.4}"))];
                writeln!(f, "equation: {}", words.into_iter().flatten().collect::<Vec<_>>().join(", "))
            }
        }
    }
}
