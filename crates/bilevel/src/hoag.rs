//! HOAG: gradient descent whose inner and adjoint solves become more exact by a schedule.
use crate::calls::Phases;
use crate::domain::Domain;
use crate::estimator::Ask;
use crate::outer_loop::{Asked, OuterLoop};
use crate::record::Record;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// How the tolerance of step k falls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerances {
    /// ε₀ qᵏ.
    Exponential(f64),
    /// ε₀/k².
    Quadratic,
    /// ε₀/k³.
    Cubic,
    /// ε₀ throughout.
    Constant,
}

/// Gradient descent with the tolerance ε_k of inner and adjoint solves relative to the first inner gradient (Pedregosa 2016). Where Σ ε_k is finite it converges.
///
/// The step is 1/L. L begins as the length of the first hypergradient, so that the first step has length 1; it is doubled where the value has risen, and else falls by a tenth.
/// Meant for warm starts of both solves. Estimators without tolerances are refused.
#[derive(Debug, Clone)]
pub struct Hoag {
    tolerances: Tolerances,
    first: f64,
    least: f64,
}

impl Hoag {
    /// With a schedule; ε₀ is 10⁻³ and no tolerance is below 10⁻⁹ in absolute terms, unless they are set.
    #[must_use]
    pub fn new(tolerances: Tolerances) -> Self {
        Hoag { tolerances, first: 1e-3, least: 1e-9 }
    }
    /// ε₀, relative to the inner gradient at the start.
    #[must_use]
    pub fn first(mut self, tolerance: f64) -> Self {
        self.first = tolerance;
        self
    }
    /// The least tolerance, in absolute terms.
    #[must_use]
    pub fn least(mut self, tolerance: f64) -> Self {
        self.least = tolerance;
        self
    }
    /// The factor of step k.
    fn factor(&self, k: u64) -> f64 {
        // The first two steps have ε₀.
        let turn = k.max(1) as f64;
        match self.tolerances {
            Tolerances::Exponential(q) => q.powf(k as f64),
            Tolerances::Quadratic => turn.powi(-2),
            Tolerances::Cubic => turn.powi(-3),
            Tolerances::Constant => 1.0,
        }
    }
}

impl OuterLoop for Hoag {
    fn name(&self) -> String {
        "HOAG".into()
    }
    fn check(&self, _: usize, _: &Domain) -> Result<(), ErrorKind> {
        let positive = |what, v: f64| {
            if v.is_finite() && v > 0.0 { Ok(()) } else { Err(ErrorKind::setting(what, v, "give a finite positive number")) }
        };
        positive("first tolerance", self.first)?;
        positive("least tolerance", self.least)?;
        match self.tolerances {
            Tolerances::Exponential(q) if !(q > 0.0 && q < 1.0) => {
                Err(ErrorKind::setting("factor of the tolerances", q, "give a number between 0 and 1, such as 0.9"))
            }
            _ => Ok(()),
        }
    }
    fn sets_tolerances(&self) -> bool {
        true
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        // Numbers: L, the last value, the first inner gradient.
        let mut before = Phases::default();
        if state.numbers.is_empty() {
            let (measure, calls) = problem.first_measure(&state.free, &state.memory)?;
            state.numbers = vec![0.0, f64::INFINITY, measure];
            before.inner = calls;
        }
        let tolerance = (self.first * self.factor(state.steps) * state.numbers[2]).max(self.least);
        let e = problem.at(&state.free, &mut state.memory, Ask { inner: Some(tolerance), adjoint: Some(tolerance), certify: false })?;
        let length = hypertape_linear::norm(&e.gradient);
        let [l, last, _] = &mut state.numbers[..] else {
            return Err(hypertape_autodiff::Error::new("HOAG", ErrorKind::misuse("the state has other numbers")));
        };
        *l = match *l {
            0.0 => length,
            l if e.value > *last => 2.0 * l,
            l => 0.9 * l,
        };
        *last = e.value;
        let step = if *l > 0.0 { 1.0 / *l } else { 0.0 };
        let moved = problem.advance(&mut state.free, step, &e.gradient);
        let mut record = Record { moved, asked: Some(tolerance), ..Record::of(&e) };
        record.phases += before;
        Ok(record)
    }
}
