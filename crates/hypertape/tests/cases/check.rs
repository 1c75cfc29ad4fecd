//! One case: every adjoint in both modes and precisions, held to the law and to what is expected of it.
use crate::adjoint::Adjoint;
use crate::case::{Case, Precision};
use crate::reference::norm;
use crate::rule::{Expected, Mode, expected};
use crate::run::{Given, derivatives, order, record};
use crate::table::{Mark, Row};
use crate::truth::{Answer, Truth, beyond, distance};
use crate::{certificate, unrolled};
use hypertape::prelude::*;

/// How a cell has ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// To this share of the solution of its linear system.
    Right(f64),
    /// An error of this kind.
    Refused(&'static str, String),
    /// Reported as not converged.
    SaysSo,
    /// A wrong number without a word, or a report that is not honest.
    Wrong(String),
}

/// The kind of an error, as rules name it.
fn kind_of(e: &Error) -> &'static str {
    match e.kind() {
        ErrorKind::Solve { failed, .. } => match failed {
            Failed::SingularPivot { .. } => "SingularPivot",
            Failed::Singular { .. } => "Singular",
            Failed::NotSymmetric { .. } => "NotSymmetric",
            Failed::NotDefinite { .. } => "NotDefinite",
            Failed::Breakdown { .. } => "Breakdown",
            Failed::Diverged { .. } => "Diverged",
            Failed::NotConverged { .. } => "NotConverged",
            Failed::Lacks(_) => "Lacks",
            Failed::NotFinite { .. } => "NotFinite",
            _ => "another failure of the solve",
        },
        ErrorKind::Uncertain { .. } => "Uncertain",
        ErrorKind::NotASolution { .. } => "NotASolution",
        _ => "another error",
    }
}

/// What was given at one point, against the truth there.
fn judge(given: &Result<Given>, truth: &Truth, answer: &Answer, adjoint: Adjoint, epsilon: f64) -> Found {
    let given = match given {
        Ok(given) => given,
        Err(e) => return Found::Refused(kind_of(e), e.to_string()),
    };
    let error = distance(&given.derivative, answer);
    let Some(report) = &given.report else { return Found::Wrong("no report of a linear solve".into()) };
    // Least squares of a regular matrix: it is singular to rounding, and the residual says what was left out.
    let least = truth.nature.flat == 0 && report.status == Status::LeastSquares;
    if report.converged && !least {
        // The tolerance of the library is not below rounding.
        let tolerance = adjoint.tolerance().max(report.tolerance.min(8.0 * epsilon * (truth.nature.n as f64).sqrt()));
        // A series of so many terms counts as converged at a residual of √ε.
        let tolerance = if matches!(adjoint, Adjoint::Terms | Adjoint::OneStep) { epsilon.sqrt() } else { tolerance };
        let allowed = truth.allowed(answer, tolerance, epsilon).min(truth.passes(answer).max(f64::MIN_POSITIVE));
        if error <= allowed {
            return Found::Right(truth.relative(answer, error));
        }
        let far = truth.relative(answer, error);
        return Found::Wrong(format!("error {error:e} ({far:.1e} of the solution) where {allowed:e} is allowed: {report:?}"));
    }
    if truth.nature.flat == 0 {
        // An honest residual bounds the error, with the smallest singular value.
        let allowed = truth.allowed(answer, report.residual, epsilon);
        if beyond(error, allowed) {
            return Found::Wrong(format!("the residual that is reported allows an error of {allowed:e}, and it is {error:e}: {report:?}"));
        }
    }
    Found::SaysSo
}

/// The worst of all points; where a point lies on a kink, either side will do.
fn worst(given: &[Result<Given>], pieces: &[Vec<Truth>], adjoint: Adjoint, mode: Mode, cotangent: &[f64], epsilon: f64) -> Found {
    let rank = |f: &Found| match f {
        Found::Right(e) => (0, *e),
        Found::SaysSo => (1, 0.0),
        Found::Refused(..) => (2, 0.0),
        Found::Wrong(_) => (3, 0.0),
    };
    let order_of = |a: &Found, b: &Found| rank(a).partial_cmp(&rank(b)).expect("errors are numbers");
    let at = |(given, point): (&Result<Given>, usize)| {
        let answer = |t: &Truth| if adjoint.series() { t.limit(mode, cotangent) } else { t.answer(mode, cotangent) };
        let sides = pieces[point].iter().map(|t| judge(given, t, &answer(t), adjoint, epsilon));
        sides.min_by(order_of).expect("a point lies on a piece")
    };
    given.iter().zip(order(pieces.len())).map(at).max_by(order_of).expect("a case has a point")
}

/// What was found against what is expected.
fn agrees(found: &Found, expected: Expected) -> bool {
    match (found, expected) {
        (Found::Wrong(_), _) => false,
        (Found::SaysSo | Found::Refused(..), Expected::NotRight) => true,
        (_, Expected::Lawful) | (Found::Right(_), Expected::Right) | (Found::SaysSo, Expected::SaysSo) => true,
        (Found::Refused(kind, _), Expected::Refused(kinds)) => kinds.contains(kind),
        _ => false,
    }
}

/// One case in hand.
struct Check<'a> {
    name: &'a str,
    case: &'a Case,
    pieces: &'a [Vec<Truth>],
    faults: Vec<String>,
}

impl Check<'_> {
    /// What this cell should give at every point: the same of all of them.
    fn expected(&self, adjoint: Adjoint, mode: Mode, single: bool) -> Expected {
        let at = |t: &Vec<Truth>| {
            let in_range = t[0].in_range(mode, &self.case.cotangent, self.case);
            expected(adjoint, self.case.kind, &t[0].nature, in_range, single)
        };
        let mut all = self.pieces.iter().map(at);
        let first = all.next().expect("a case has a point");
        if all.all(|e| e == first) { first } else { Expected::Lawful }
    }
    fn fault(&mut self, what: String) {
        self.faults.push(format!("{}, {what}", self.name));
    }
    /// Both modes of one adjoint in one precision: by default, and where what is not solved is accepted.
    fn adjoint<T: Precision>(&mut self, adjoint: Adjoint) -> [Found; 2] {
        let of = |policy, mode| match record::<T>(self.case, adjoint, policy) {
            Ok(f) => {
                let given = derivatives(self.case, &f, mode, &self.case.cotangent);
                worst(&given, self.pieces, adjoint, mode, &self.case.cotangent, T::ROUNDING)
            }
            Err(e) => Found::Refused(kind_of(&e), e.to_string()),
        };
        let precision = std::any::type_name::<T>();
        [Mode::Reverse, Mode::Forward].map(|mode| {
            let found = of(OnResidual::Error, mode);
            let expected = self.expected(adjoint, mode, T::ROUNDING > f64::EPSILON);
            if !agrees(&found, expected) {
                self.fault(format!("{adjoint:?}, {mode:?}, {precision}: {found:?}, where {expected:?} is expected"));
            }
            if let Found::Refused(kind, _) = &found
                && matches!(*kind, "NotConverged" | "Uncertain")
            {
                let accepted = of(OnResidual::Warn, mode);
                if !matches!(accepted, Found::SaysSo | Found::Refused(..)) {
                    self.fault(format!("{adjoint:?}, {mode:?}, {precision}, accepted: {accepted:?} after {found:?}"));
                }
            }
            found
        })
    }
    /// Cotangents of other sizes, where the derivative is right: 0 gives exact zeros, and a factor is a factor.
    fn scales(&mut self, adjoint: Adjoint) {
        let Ok(f) = record::<f64>(self.case, adjoint, OnResidual::Error) else { return };
        for factor in [0.0, 1e150, 1e-150] {
            let cotangent: Vec<f64> = self.case.cotangent.iter().map(|c| c * factor).collect();
            let given = derivatives(self.case, &f, Mode::Reverse, &cotangent);
            if factor == 0.0 {
                let zeros = given.iter().all(|g| g.as_ref().is_ok_and(|g| g.derivative.iter().all(|v| *v == 0.0)));
                if !zeros {
                    self.fault(format!("{adjoint:?}: a cotangent of zeros does not give zeros"));
                }
                continue;
            }
            let found = worst(&given, self.pieces, adjoint, Mode::Reverse, &cotangent, f64::EPSILON);
            if !matches!(found, Found::Right(_)) {
                self.fault(format!("{adjoint:?}, cotangent times {factor:e}: {found:?}"));
            }
        }
    }
    /// The reference itself, against a closed form where there is one.
    fn reference(&mut self) {
        let Some(jacobian) = &self.case.jacobian else { return };
        let truth = &self.pieces[0][0];
        let answer = truth.reverse(&self.case.cotangent);
        let closed = jacobian.t().dot(&ndarray::Array1::from(self.case.cotangent.clone())).to_vec();
        let (error, allowed) = (distance(&closed, &answer), truth.allowed(&answer, 0.0, f64::EPSILON));
        if beyond(error, allowed) {
            self.fault(format!("the closed form and the reference are {error:e} apart, where {allowed:e} is allowed"));
        }
    }
}

/// Whether numbers of the case stay in the range when its cotangent is scaled by 10^±150.
fn scales(truth: &Truth, case: &Case) -> bool {
    let answer = truth.reverse(&case.cotangent);
    let sizes = [truth.nature.largest, truth.nature.smallest, norm(&case.cotangent), norm(&answer.derivative)];
    sizes.iter().all(|s| (1e-100..1e100).contains(s))
}

/// Runs a case, adds its row to the table, and fails with all that is wrong.
pub(crate) fn run(name: &str, case: &Case) {
    let pieces: Vec<Vec<Truth>> = case.points.iter().map(|p| Truth::of(case, p)).collect();
    let mut check = Check { name, case, pieces: &pieces, faults: vec![] };
    check.reference();
    let mut row = Row::new(name, &pieces[0][0].nature);
    let scalable = pieces.iter().flatten().all(|t| scales(t, case));
    for adjoint in Adjoint::ALL {
        let found = check.adjoint::<f64>(adjoint);
        if scalable && check.expected(adjoint, Mode::Reverse, false) == Expected::Right {
            check.scales(adjoint);
        }
        row.adjoint(adjoint, found.map(Mark::from));
        if case.single {
            let found = check.adjoint::<f32>(adjoint);
            row.single(found.map(Mark::from));
        }
    }
    let (certified, mut faults) = certificate::check(case, &pieces);
    row.certificate(certified);
    let (mark, more) = unrolled::check(case, &pieces);
    row.unrolled(mark);
    faults.extend(more);
    for fault in faults {
        check.fault(fault);
    }
    let faults = check.faults;
    row.finish();
    assert!(faults.is_empty(), "{} cells are wrong:\n{}", faults.len(), faults.join("\n"));
}
