//! Tells a fault from what finite precision explains: the reference is evaluated again with disturbances of the size of rounding.
use crate::language::Program;
use crate::reference::{Arithmetic, Evaluation, evaluate};

/// Units of rounding, of an entry and of a thousandth of the largest, that two orders of evaluation may differ by without a question.
const UNITS: f64 = 64.0;
/// Disturbed evaluations, and how far beyond their spread a value may lie.
const RUNS: u64 = 10;
const BEYOND: f64 = 16.0;
/// A relative spread above this is chaos rather than rounding.
const CHAOS: f64 = 1e-3;

/// Why a value may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Rounding, let through by an ill-conditioned program; the disturbed evaluations differ as much.
    Rounding,
    /// Disturbances of the size of rounding change the leading digits.
    Chaos,
    /// The difference is of the size of rounding beside the largest number on the way: a sum taken backwards cancels where the same sum
    /// taken forwards does not.
    Cancelled,
    /// A disturbance changes a decision: a tie, a step, the number of turns.
    Kink,
    /// The point lies on a kink, where the second derivative is a convention, or on a root of 0, where the first is; beside it, wherever the
    /// program has a value, engine and reference agree.
    Convention,
    /// Something on the way is infinite, undefined, singular, or so large that its rounding explains the difference.
    Pole,
    /// The engine refuses what the reference has trouble with too.
    Refused,
    /// None of these.
    Fault,
}

impl Class {
    /// What it means, and how it is told from a fault.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Class::Rounding => "no further apart than evaluations of the reference with disturbances of the size of rounding",
            Class::Chaos => "the same, where the disturbances change more than a thousandth: loops that amplify",
            Class::Cancelled => "within rounding of the largest number on the way, where a sum taken backwards cancels",
            Class::Kink => "a disturbance changes a decision: a tie, a step, the number of turns",
            Class::Convention => "the point lies on a kink or the root of 0, and both agree at points beside it",
            Class::Pole => "infinite, undefined or singular on the way, or so large that its rounding explains it",
            Class::Refused => "an error, where the reference meets something singular, undefined or out of range too",
            Class::Fault => "none of these",
        }
    }
}

/// One difference.
#[derive(Debug, Clone)]
pub struct Flag {
    /// What was compared.
    pub what: String,
    /// Why it may differ.
    pub class: Class,
    /// The worst entry in words.
    pub text: String,
}

/// Compares, and keeps what differs.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    program: &'a Program,
    /// The undisturbed reference.
    pub(super) reference: Evaluation,
    disturbed: Vec<Evaluation>,
    /// What differs.
    pub(super) flags: Vec<Flag>,
}

impl<'a> Judge<'a> {
    /// Evaluates the reference.
    pub(super) fn new(program: &'a Program) -> Judge<'a> {
        let reference = evaluate(program, false, Arithmetic::exact(program.single));
        Judge { program, reference, disturbed: vec![], flags: vec![] }
    }
    /// The unit of rounding.
    pub(super) fn eps(&self) -> f64 {
        if self.program.single { f64::from(f32::EPSILON) } else { f64::EPSILON }
    }
    /// What the reference met that a program may refuse.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.reference.arithmetic.trouble.as_deref()
    }
    /// Whether the last flag is a fault where a derivative is a convention: the first at the root of 0, the second at any kink.
    pub(super) fn doubts(&self, second: bool) -> bool {
        let met = &self.reference.arithmetic;
        (if second { met.kink } else { met.root }) && self.flags.last().is_some_and(|f| f.class == Class::Fault)
    }
    /// Calls the last flag what a kink explains.
    pub(super) fn excuse(&mut self) {
        if let Some(f) = self.flags.last_mut() {
            f.class = Class::Convention;
        }
    }
    /// A flag without numbers.
    pub(super) fn flag(&mut self, what: &str, class: Class, text: String) {
        self.flags.push(Flag { what: what.into(), class, text });
    }
    /// Compares numbers with those that `of` takes from the reference. `slack` is an error that found[i] has of its own.
    pub(super) fn compare(&mut self, what: &str, found: &[f64], slack: &[f64], of: impl Fn(&Evaluation) -> Vec<f64>) {
        let expected = of(&self.reference);
        if expected.len() != found.len() {
            let text = format!("{} numbers, expected {}", found.len(), expected.len());
            return self.flag(what, Class::Fault, text);
        }
        let eps = self.eps();
        let tiny = if self.program.single { 1e-35 } else { 1e-290 };
        let top = expected.iter().filter(|v| v.is_finite()).fold(0.0, |m: f64, v| m.max(v.abs()));
        let base = |i: usize| UNITS * eps * (expected[i].abs() + 1e-3 * top) + UNITS * eps * slack.get(i).copied().unwrap_or(0.0) + tiny;
        let apart = |i: usize| {
            if expected[i] == found[i] || expected[i].is_nan() && found[i].is_nan() { 0.0 } else { (expected[i] - found[i]).abs() }
        };
        let off: Vec<usize> = (0..found.len()).filter(|i| apart(*i) > base(*i) || apart(*i).is_nan()).collect();
        if off.is_empty() {
            return;
        }
        if self.disturbed.is_empty() {
            let run = |k| evaluate(self.program, false, Arithmetic::disturbed(self.program.single, 2.0 * eps, k));
            self.disturbed = (1..=RUNS).map(run).collect();
        }
        let shaken: Vec<Vec<f64>> = self.disturbed.iter().map(&of).collect();
        let spread = |i: usize| {
            shaken.iter().fold(0.0, |m: f64, v| if v[i].is_finite() { m.max((v[i] - expected[i]).abs()) } else { f64::INFINITY })
        };
        let decided = self.disturbed.iter().any(|d| d.arithmetic.decisions != self.reference.arithmetic.decisions);
        let largest = self.reference.arithmetic.largest;
        let class = |i: usize| {
            let (d, s) = (apart(i), spread(i));
            if d <= base(i) + BEYOND * s {
                match (decided, s > CHAOS * (expected[i].abs() + 1e-3 * top)) {
                    (true, _) => Class::Kink,
                    (_, true) => Class::Chaos,
                    _ => Class::Rounding,
                }
            } else if d <= UNITS * eps * largest {
                Class::Cancelled
            } else if self.trouble().is_some() || largest > 1e4 && d <= 1e3 * eps * largest {
                Class::Pole
            } else {
                Class::Fault
            }
        };
        let worst = off.into_iter().map(|i| (class(i), i)).max().expect("something is off");
        let (class, i) = worst;
        let text = format!(
            "entry {i} of {}: found {:e}, expected {:e}, {:e} apart; disturbed evaluations spread {:e}",
            found.len(),
            found[i],
            expected[i],
            apart(i),
            spread(i)
        );
        self.flag(what, class, text);
    }
}
