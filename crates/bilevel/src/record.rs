//! What is known of every outer step: a struct, and a line of CSV.
use crate::calls::Phases;
use crate::estimator::{Certified, Estimate, Solve};
use serde::{Deserialize, Serialize};

/// One outer step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 0.
    pub step: u64,
    /// The outer objective at the inner solution that was found, before the step.
    pub value: f64,
    /// The length of the hypergradient by the variables that the loop moves, ‖x − P(x − g)‖ where a set holds them; NaN where it asks for none.
    pub gradient: f64,
    /// How far the step went.
    pub moved: f64,
    /// The inner solve.
    pub inner: Option<Solve>,
    /// The adjoint solve.
    pub adjoint: Option<Solve>,
    /// The accuracy that was asked of the inner solve, where the loop asks for one.
    pub asked: Option<f64>,
    /// The error of the hypergradient, where it is known.
    pub certified: Option<Certified>,
    /// The objective that is held out, at the outer variables that `value` is of, where there is one.
    pub held_out: Option<f64>,
    /// Everything that was evaluated in all steps, this one and those before a resumption included.
    pub phases: Phases,
    /// Seconds since the run began or went on, without those of callbacks and of objectives that are held out.
    pub seconds: f64,
}

impl Record {
    /// Of an estimate, before a step: what a loop fills in further.
    #[must_use]
    pub fn of(e: &Estimate) -> Self {
        Record {
            value: e.value,
            gradient: e.length,
            inner: e.inner,
            adjoint: e.adjoint,
            certified: e.certified,
            phases: e.phases,
            ..Record::default()
        }
    }
    /// The names of the columns.
    #[must_use]
    pub fn csv_header() -> &'static str {
        "step,value,gradient,moved,inner_iterations,inner_residual,inner_converged,adjoint_iterations,adjoint_residual,adjoint_converged,asked,error,bound,held_out,\
         inner_gradients,inner_products,inner_proxes,inner_samples,adjoint_gradients,adjoint_products,adjoint_crosses,adjoint_samples,outer,seconds"
    }
    /// One line; what is not known is empty.
    #[must_use]
    pub fn csv(&self) -> String {
        let number = |v: Option<f64>| v.map_or(String::new(), |v| format!("{v:e}"));
        let solve = |s: Option<Solve>| match s {
            Some(s) => format!("{},{:e},{}", s.iterations, s.residual, s.converged),
            None => ",,".into(),
        };
        let Phases { inner, adjoint, outer } = self.phases;
        format!(
            "{},{:e},{},{:e},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{:.6}",
            self.step,
            self.value,
            number((!self.gradient.is_nan()).then_some(self.gradient)),
            self.moved,
            solve(self.inner),
            solve(self.adjoint),
            number(self.asked),
            number(self.certified.map(|c| c.estimate)),
            number(self.certified.and_then(|c| c.bound)),
            number(self.held_out),
            inner.gradients,
            inner.products,
            inner.proxes,
            inner.samples,
            adjoint.gradients,
            adjoint.products,
            adjoint.crosses,
            adjoint.samples,
            outer,
            self.seconds
        )
    }
}

/// Records as CSV, with the names of the columns first.
#[must_use]
pub fn csv(records: &[Record]) -> String {
    let mut out = String::from(Record::csv_header());
    for r in records {
        out.push('\n');
        out.push_str(&r.csv());
    }
    out.push('\n');
    out
}
