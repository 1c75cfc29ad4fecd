//! What a function takes and gives besides finite numbers.
use super::{Function, Inner};
use crate::array::AnyView;
use crate::operation::{CondSpec, Equation, Op, Program, ScanSpec, Trip, Value};
use crate::ops::control::{Cond, Scan};
use crate::ops::finite::Finite;
use crate::program::Values;
use crate::tree::Structure;
use hypertape_engine::kernels::finite::surely_finite;
use std::sync::Arc;

/// What a function takes and gives besides finite numbers: its values and its derivatives alike.
///
/// | | inputs | results |
/// |---|---|---|
/// | `Finite` | finite | finite, or ±∞ that a literal or a mask brought in |
/// | `InfiniteInputs` | not NaN | finite, or ±∞ that an input, a literal or a mask brought in |
/// | `Infinite` | not NaN | not NaN |
/// | `Results` | finite | all |
/// | `Everything` | all | all |
///
/// What lies between is not looked at: ln Σ eˣ of masked entries, which are −∞ inside, is as finite as its value.
///
/// Looking at results is one pass over them. Only what is not finite costs more: the function runs again, equation by equation, to name the
/// operation that made it, and the item or turn of the loop. A function whose results are infinite on purpose runs without that under `Infinite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Allow {
    /// Results are finite, except for ±∞ that a literal or a mask brought in; inputs are finite.
    #[default]
    Finite,
    /// Inputs may be ±∞, and results may be where an input, a literal or a mask brought it in.
    InfiniteInputs,
    /// Inputs and results may be ±∞, whatever made it. NaN is an error.
    Infinite,
    /// Inputs are finite, and results are not looked at: for code that does so itself.
    Results,
    /// NaN too: nothing is looked at, neither here nor at the end of solvers that are unrolled inside. An item of a [`map`](crate::record::map) that fails, such as an implicit solve
    /// that does not converge, has NaN as its results (0 where they are indices) and leaves the other items as they are; a report with
    /// [`Status::ItemFailed`](crate::outcome::Status::ItemFailed) names it.
    Everything,
}

impl Allow {
    /// The first element of an input that is refused, with its index.
    pub(super) fn refuses(self, input: &AnyView<'_>) -> Option<(Vec<usize>, f64)> {
        match self {
            Allow::Everything => None,
            _ if all_finite(input) => None,
            Allow::Finite | Allow::Results => input.first_non_finite(),
            Allow::InfiniteInputs | Allow::Infinite => input.first_nan(),
        }
    }
    /// Whether results are looked at.
    pub(super) fn looks(self) -> bool {
        !matches!(self, Allow::Results | Allow::Everything)
    }
    /// The first element of a result that has to be looked into, with its index.
    pub(super) fn suspects(self, result: &AnyView<'_>) -> Option<(Vec<usize>, f64)> {
        match self {
            Allow::Results | Allow::Everything => None,
            Allow::Finite | Allow::InfiniteInputs => result.first_non_finite(),
            Allow::Infinite => result.first_nan(),
        }
    }
}

/// Whether all elements are finite, where one pass over memory tells.
fn all_finite(a: &AnyView<'_>) -> bool {
    match a {
        AnyView::F64(a) => a.as_slice().is_some_and(surely_finite),
        AnyView::F32(a) => a.as_slice().is_some_and(surely_finite),
        AnyView::U32(_) => true,
    }
}

impl<I: Structure, O: Structure> Function<I, O> {
    /// The same function, with other rules for what is not finite; its derivatives follow them too.
    ///
    /// ```
    /// use hypertape_autodiff::{Allow, Function, shape};
    /// let f = Function::record(shape![2], |x| x.ln())?;
    /// let e = f.eval(&ndarray::arr1(&[1.0, 0.0])).unwrap_err().to_string();
    /// assert!(e.contains("`ln` at") && e.contains("gave -inf from finite operands"));
    /// let y = f.allow(Allow::Infinite).eval(&ndarray::arr1(&[1.0, 0.0]))?;
    /// assert_eq!(y.as_slice(), Some(&[0.0, f64::NEG_INFINITY][..]));
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[must_use]
    pub fn allow(&self, what: Allow) -> Self {
        let program = self.inner.program.clone();
        let (program, planned) = match program {
            Ok(p) if what == Allow::Everything && has_checks(&p) => (Ok(Arc::new(unchecked(&p))), Arc::default()),
            p => (p, self.inner.planned.clone()),
        };
        Function {
            inner: Inner::allowing(program, self.inner.primal.clone(), what, planned),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
        }
    }
}

fn has_checks(p: &Program) -> bool {
    p.equations.iter().any(|e| e.op.downcast::<Finite>().is_some() || e.op.bodies().iter().any(|(_, p)| has_checks(p)))
}

/// The program without the checks of unrolled solvers, here and in bodies of loops and branches.
fn unchecked(p: &Program) -> Program {
    let mut seen: Vec<Value> = (0..p.types.len() as u32).map(Value).collect();
    let mut equations = vec![];
    for e in &p.equations {
        let inputs: Values = e.inputs.iter().map(|v| seen[v.index()]).collect();
        if e.op.downcast::<Finite>().is_some() {
            seen[e.outputs[0].index()] = inputs[0];
            continue;
        }
        equations.push(Equation { op: without_checks(&e.op), inputs, outputs: e.outputs.clone(), site: e.site });
    }
    let outputs = p.outputs.iter().map(|v| seen[v.index()]).collect();
    Program { types: p.types.clone(), inputs: p.inputs.clone(), equations, outputs }
}

fn without_checks(op: &Op) -> Op {
    if !op.bodies().iter().any(|(_, p)| has_checks(p)) {
        return op.clone();
    }
    if let Some(Scan(s)) = op.downcast::<Scan>() {
        let trip = match &s.trip {
            Trip::Until { test, at_most } => Trip::Until { test: Arc::new(unchecked(test)), at_most: *at_most },
            trip => trip.clone(),
        };
        return Op::new(Scan(ScanSpec { body: Arc::new(unchecked(&s.body)), trip, ..s.clone() }));
    }
    match op.downcast::<Cond>() {
        Some(Cond(c)) => Op::new(Cond(CondSpec { yes: Arc::new(unchecked(&c.yes)), no: Arc::new(unchecked(&c.no)) })),
        None => op.clone(),
    }
}
