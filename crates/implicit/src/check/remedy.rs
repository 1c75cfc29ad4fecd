//! The remedy that applies to a verdict, and is not what was tried already.
use super::report::{Culprit, Stage, Verdict};
use hypertape_linear::Status;

/// What was tried.
pub(super) struct Tried {
    /// Iterations that the method was allowed.
    pub(super) limit: usize,
    pub(super) status: Status,
    /// The stopping measure of the inner solve, and its tolerance.
    pub(super) measure: [f64; 2],
    pub(super) adjoint: String,
    /// Whether the adjoint solver cuts off a series.
    pub(super) approximate: bool,
    pub(super) adjoint_status: Option<Status>,
    /// Whether solves begin from the last solution.
    pub(super) warm: bool,
    pub(super) accuracy: f64,
    /// The factor of the method's map, and whether it turns differences around.
    pub(super) factor: Option<(f64, bool)>,
    /// Whether a solution of minimum norm was asked for.
    pub(super) minimum_norm: bool,
    /// Whether the inner tolerance is relative to the start as well.
    pub(super) relative: bool,
    /// Whether the rounding of the outer objective's own value is most of the uncertainty.
    pub(super) hidden: bool,
    /// Another tolerance of the inner solve, where that is needed, and its iterations, with which the derivative was right; the tolerance of the adjoint solve.
    pub(super) inner: Option<(Option<f64>, u64)>,
    pub(super) tolerance: Option<f64>,
}

impl Tried {
    /// Iterations that bring this error to the accuracy, by the factor of the map.
    fn more(&self, error: f64) -> Option<u64> {
        let (q, _) = self.factor.filter(|(q, _)| *q > 0.0 && *q < 1.0)?;
        let n = ((0.5 * self.accuracy / error).ln() / q.ln()).ceil();
        (n > 0.0 && n < 1e9).then_some(n as u64)
    }
    /// Linear solvers that need no contraction, without the one that was tried.
    fn other(&self) -> &'static str {
        let (lu, gmres) = (self.adjoint.to_lowercase().contains("lu"), self.adjoint.to_lowercase().contains("gmres"));
        match (lu, gmres) {
            (true, _) => "GMRES",
            (_, true) => "LU where the system is small",
            _ => "GMRES, or LU where the system is small",
        }
    }
    /// What to do about a verdict, and about a loose solve that was found besides: one turn should do.
    pub(super) fn remedy(&self, verdict: &Verdict, besides: &[Verdict]) -> String {
        let loose = |v: &Verdict| matches!(v, Verdict::InnerTooLoose { .. } | Verdict::AdjointTooLoose { .. });
        let others = besides.iter().filter(|v| loose(verdict) && loose(v)).map(|v| self.of(v));
        std::iter::once(self.of(verdict)).chain(others).collect::<Vec<_>>().join("; and ")
    }
    /// Iterations that bring the stopping measure under its tolerance, by the factor of the map.
    fn to_rest(&self) -> Option<u64> {
        let (q, _) = self.factor.filter(|(q, _)| *q > 0.0 && *q < 1.0)?;
        let [measure, tolerance] = self.measure;
        let n = (1.1 * (tolerance / measure).ln() / q.ln()).ceil();
        (n > 0.0 && n < 1e9).then_some(n as u64)
    }
    /// What to do about the inner solve, by what was tried and did.
    fn enough(&self) -> Option<String> {
        let (tolerance, iterations) = self.inner?;
        let more = iterations.saturating_sub(self.limit as u64);
        let allow = format!("allow about {more} iterations more than {}", self.limit);
        let Some(tolerance) = tolerance else { return Some(allow).filter(|_| more > 0) };
        let none = if self.relative { " and no relative one" } else { "" };
        let besides = if more > 0 { format!(", and {allow}") } else { String::new() };
        Some(format!("give the inner solve a tolerance of {tolerance:.0e}{none}{besides}"))
    }
    fn of(&self, verdict: &Verdict) -> String {
        match *verdict {
            Verdict::Agree { .. } => String::new(),
            Verdict::Kink { .. } => "there are two one-sided derivatives and no other: move the parameters off the kink, take one of the sides as a subgradient, or smooth \
                                     the problem; a smaller tolerance does not help"
                .into(),
            Verdict::Jump { .. } => "there is no derivative at a jump: move the parameters off it, or make the outer objective continuous, as by a smooth step instead of a \
                                     comparison; a smaller tolerance does not help"
                .into(),
            Verdict::InnerTooLoose { error, tolerance, settled, .. } => {
                let correct = "or correct the derivative with `certify(..).require(..)`";
                if let Some(enough) = self.enough() {
                    return format!("{enough}, {correct}");
                }
                if let (Status::IterationLimit, false, Some(n)) = (self.status, settled, self.to_rest()) {
                    return format!("allow about {n} iterations more than {}, or take another method, such as Newton's, {correct}", self.limit);
                }
                match self.status {
                    Status::Converged if tolerance > 0.0 => {
                        format!("give the inner solve a tolerance of {:.0e}, {correct}", (0.5 * tolerance * self.accuracy / error).max(f64::MIN_POSITIVE))
                    }
                    Status::IterationLimit | Status::Converged if settled => match self.more(error) {
                        Some(n) => format!("allow about {n} iterations more than {}, {correct}", self.limit),
                        None => format!("allow more than {} iterations, {correct}", self.limit),
                    },
                    _ => format!(
                        "take another method, such as Newton's, or scale the problem: this one does not come to rest in many times its {} iterations; {correct}",
                        self.limit
                    ),
                }
            }
            Verdict::AdjointTooLoose { error, residual, .. } => {
                let by = self.accuracy / error;
                match self.adjoint_status {
                    _ if self.approximate => match self.more(error) {
                        Some(n) => format!("take about {n} terms more, or {}, which cuts nothing off", self.other()),
                        None => format!("take more terms, or {}, which cuts nothing off", self.other()),
                    },
                    Some(s) if !s.converged() => {
                        format!("allow {} more iterations, precondition it, or take another solver: {}", self.adjoint, self.other())
                    }
                    _ => {
                        let tolerance = self.tolerance.unwrap_or(0.5 * residual * by);
                        format!("give {} a tolerance of {tolerance:.0e}, or take a direct solver", self.adjoint)
                    }
                }
            }
            Verdict::NotAContraction { stage: Stage::Inner, factor } => {
                let step = match self.factor {
                    // An eigenvalue 1 − ηλ below −1.
                    Some((_, true)) => format!("a step at most {:.2} times as long, where the map is a step of a gradient; else ", 1.9 / (1.0 + factor)),
                    _ => String::new(),
                };
                format!(
                    "{step}find the solution by Newton's method or another method that needs no contraction, and differentiate it with `outside`; \
                     more iterations lead away"
                )
            }
            Verdict::NotAContraction { stage: Stage::Adjoint, .. } => {
                format!("solve the adjoint with {}, which needs no contraction; more terms make it worse", self.other())
            }
            Verdict::Singular { .. } if self.minimum_norm => "the outer objective sees directions that the inner problem leaves open, so there is no derivative: add a small \
                                                              quadratic term to the inner problem, or make the outer objective a function of what is determined"
                .into(),
            Verdict::Singular { .. } => "add a small quadratic term to the inner problem, which makes its solution unique; or, where the outer objective does not see the flat \
                                         directions, solve the adjoint with `NormalCg::default().minimum_norm()`"
                .into(),
            Verdict::SeveralMinima { .. } => {
                let start = if self.warm { "fix the start near the solution that is meant" } else { "begin each solve at the last solution (`warm_start`)" };
                format!("{start}, take smaller outer steps, or give the inner problem one minimum; the implicit derivative is that of the solution that was found")
            }
            Verdict::WrongEquation { what, .. } => match what {
                Culprit::BySolution | Culprit::ByParameters => {
                    "check the rules of your own operations (`Primitive`) in the equation, and `stop_gradient` there".into()
                }
                Culprit::Outer => "check the rules of your own operations (`Primitive`) in the outer objective, and `stop_gradient` there".into(),
                Culprit::NotSatisfied => "check `Equation::residual`: it must be 0 at what the method finds, for all parameters".into(),
                Culprit::Unknown => "compare the pieces: `check_gradient` on the outer objective and on the inner one".into(),
            },
            Verdict::UnrolledTooShort { error, steps, longer } => {
                let few = longer.is_some_and(|l| l < 0.5 * error);
                match self.more(error).filter(|_| few) {
                    Some(n) => format!("unroll about {} steps, or use the implicit derivative, which agrees", steps as u64 + n),
                    None if few => format!("unroll more than {} steps, or use the implicit derivative, which agrees", 2 * steps),
                    None => "use the implicit derivative, which agrees; more steps do not bring the unrolled one nearer".into(),
                }
            }
            Verdict::Unresolved { .. } if self.hidden => "take off the outer objective what is large beside its changes, as a constant: of the differences of such values no digit is left; \
                                                          compute in double precision where it is single"
                .into(),
            Verdict::Unresolved { .. } => "allow the tighter inner solves more iterations (`iterations`), or give a method that reaches a smaller tolerance; compute in double precision \
                                           where it is single; of an outer objective that oscillates faster than the inner solve has digits there is no remedy here"
                .into(),
        }
    }
}
