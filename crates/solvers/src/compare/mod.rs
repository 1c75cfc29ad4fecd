//! The same loss through several solvers, unrolled and implicit: error, time, bytes and products of its gradient.
mod labels;
mod phases;
mod picture;
mod table;

pub use phases::{Kinds, Phases};

use crate::inner::Inner;
use hypertape_autodiff::array::{AnyArray, AnyView, Real};
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::execute::make_packing_buffers;
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::plan::Memory;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{AnyLeaf, Feed, Ranked, Structure};
use hypertape_autodiff::{Error, Function, Result, Site};
use std::fmt::Formatter;
use std::time::Instant;

/// Measures memory that the process has allocated: what a counting allocator can say.
pub trait Meter {
    /// Bytes allocated now.
    fn live(&self) -> u64;
    /// The most bytes allocated since the peak was last reset.
    fn peak(&self) -> u64;
    /// Forgets the peak.
    fn reset_peak(&self);
}

/// What one solver did.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The loss.
    pub value: f64,
    /// Its gradient, leaf by leaf.
    pub gradient: Vec<AnyArray>,
    /// ‖gradient − reference‖ / ‖reference‖, where a reference was given.
    pub error: Option<f64>,
    /// Seconds of one evaluation of value and gradient, once warm: the median of the repetitions.
    pub seconds: f64,
    /// The most bytes allocated during a run from a new workspace, beyond those before it; where a meter was given.
    pub measured: Option<u64>,
    /// Kernels executed in one evaluation.
    pub counts: Counts,
    /// Products by phase, where the loss solves outside of loops and branches.
    pub phases: Option<Phases>,
    /// What iterative parts said.
    pub reports: Vec<Report>,
    /// What is known of the gradient's error without a reference: filled in by what certifies derivatives.
    pub certified: Option<Certified>,
}

/// What is known of the error of a gradient, relative to its size.
#[derive(Debug, Clone, PartialEq)]
pub struct Certified {
    /// How far the bound can be trusted, or why there is none.
    pub standing: String,
    /// An estimate of the error.
    pub estimate: f64,
    /// A bound of it, where there is one.
    pub bound: Option<f64>,
}

/// One line of a comparison.
#[derive(Debug, Clone)]
pub struct Row {
    /// The solver and the way to differentiate it.
    pub name: String,
    /// What its plan needs; known before it runs.
    pub planned: Memory,
    /// What it did; `None` when its plan needs more than the limit.
    pub outcome: Option<Result<Measured>>,
}

/// All lines of a comparison; prints as a table, and draws as a picture ([`svg`](Comparison::svg)).
#[derive(Debug, Clone)]
pub struct Comparison {
    /// One for each solver, in order.
    pub rows: Vec<Row>,
}

/// How to compare.
pub struct Compare<'m> {
    reference: Option<Vec<AnyArray>>,
    meter: Option<&'m dyn Meter>,
    repeats: usize,
    limit: u64,
}

impl std::fmt::Debug for Compare<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compare").field("repeats", &self.repeats).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Default for Compare<'_> {
    fn default() -> Self {
        Compare { reference: None, meter: None, repeats: 3, limit: u64::MAX }
    }
}

impl<'m> Compare<'m> {
    /// Errors are measured against this gradient.
    #[must_use]
    pub fn reference<S: Structure>(mut self, gradient: impl Feed<S>) -> Self {
        let mut leaves = vec![];
        gradient.feed(&mut |v| leaves.push(v.to_owned()));
        self.reference = Some(leaves);
        self
    }
    /// Bytes are measured by this meter. Buffers that a thread makes once and keeps, for matrix products, are made before.
    #[must_use]
    pub fn meter(mut self, meter: &'m dyn Meter) -> Self {
        self.meter = Some(meter);
        self
    }
    /// Timed runs of each solver, after one that warms up.
    #[must_use]
    pub fn repeats(mut self, n: usize) -> Self {
        self.repeats = n.max(1);
        self
    }
    /// A solver whose plan needs more bytes is not run.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }
    /// Compares the solvers. A solver that fails has its error in its row.
    ///
    /// # Errors
    /// When the loss cannot be recorded with a solver.
    #[track_caller]
    pub fn run<S: Structure, P: Structure, I: Structure, T: Real>(
        &self,
        methods: &[&dyn Inner<S, P>],
        inputs: I,
        at: impl Feed<I>,
        outer: impl Fn(&dyn Inner<S, P>, I::Vars) -> Var<T>,
    ) -> Result<Comparison> {
        let mut rows = vec![];
        for m in methods {
            rows.push(self.one(*m, inputs.clone(), &at, &outer)?);
        }
        Ok(Comparison { rows })
    }
    /// One solver's row.
    ///
    /// # Errors
    /// When the loss cannot be recorded with it.
    #[track_caller]
    pub fn one<S: Structure, P: Structure, I: Structure, T: Real>(
        &self,
        method: &dyn Inner<S, P>,
        inputs: I,
        at: &impl Feed<I>,
        outer: impl Fn(&dyn Inner<S, P>, I::Vars) -> Var<T>,
    ) -> Result<Row> {
        let f = Function::record(inputs.clone(), |v| outer(method, v))?;
        let planned = f.memory();
        let mut outcome = if planned.total() <= self.limit { Some(self.measure(&f, at)) } else { None };
        if let Some(Ok(m)) = &mut outcome {
            m.phases = Phases::of(&m.counts, method, &inputs, &owned(at), &outer).ok();
        }
        Ok(Row { name: method.name(), planned, outcome })
    }
    #[track_caller]
    fn measure<I: Structure, T: Real>(&self, f: &Function<I, hypertape_autodiff::tree::Leaf<T>>, at: &impl Feed<I>) -> Result<Measured> {
        let derived = flat(f)?.wrt(|x| x).value_and_gradient();
        derived.plan()?;
        let x = owned(at);
        let before = self.meter.map(|m| {
            make_packing_buffers();
            m.reset_peak();
            m.live()
        });
        let mut workspace = derived.workspace();
        let (mut value, mut gradient) = (f64::NAN, vec![]);
        workspace.run(&x)?;
        let measured = self.meter.zip(before).map(|(m, before)| m.peak().saturating_sub(before));
        let warm = workspace.counts();
        let mut times = vec![];
        for _ in 0..self.repeats {
            let start = Instant::now();
            let (v, g) = workspace.run(&x)?;
            times.push(start.elapsed().as_secs_f64());
            value = v.number()?.to_f64();
            gradient = g.iter().map(AnyView::to_owned).collect();
        }
        times.sort_by(f64::total_cmp);
        // The workspace counts from its beginning; the first run is all but the repetitions.
        let counts = warm;
        let reports = workspace.reports().to_vec();
        let types = |a: &[AnyArray]| a.iter().map(AnyArray::leaf_type).collect::<Vec<_>>();
        if let Some(r) = &self.reference
            && types(r) != types(&gradient)
        {
            let problem = "the reference does not have the shapes of the gradient; give one of the same inputs";
            return Err(Error::new("compare", problem).with_operands(types(r)).at(Site::caller()));
        }
        let error = self.reference.as_ref().map(|r| relative(&gradient, r));
        Ok(Measured { value, gradient, error, seconds: times[times.len() / 2], measured, counts, phases: None, reports, certified: None })
    }
}

/// Compares solvers on one loss: see [`Compare`] for a reference gradient, a meter and a limit.
///
/// ```
/// use hypertape_autodiff::{Function, record::zeros, shape, tree::Leaf};
/// use hypertape_solvers::{Compare, GradientDescent, Solve};
/// let inner = Function::record((shape![2], shape![]), |(z, a)| (0.5 * a.exp() * z.square() - z).sum())?;
/// let descent = GradientDescent::new(&inner).step_size(0.5);
/// // Σ z = 2 e⁻ᵃ.
/// let table = Compare::default().reference::<Leaf>(&ndarray::arr0(-2.0)).run(
///     &[&descent.unroll(10), &descent.unroll(60)],
///     shape![],
///     0.0,
///     |inner, a| inner.solve(zeros(shape![2]), a).sum(),
/// )?;
/// println!("{table}");
/// let error = |k: usize| table.rows[k].outcome.as_ref().and_then(|o| o.as_ref().ok()).and_then(|m| m.error);
/// assert!(error(0) > error(1) && error(1) < Some(1e-12));
/// assert!(table.csv().lines().count() == 3 && table.svg().is_some_and(|s| s.contains("unrolled 60 steps")));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
///
/// # Errors
/// When the loss cannot be recorded with a solver.
#[track_caller]
pub fn compare<S: Structure, P: Structure, I: Structure, T: Real>(
    methods: &[&dyn Inner<S, P>],
    inputs: I,
    at: impl Feed<I>,
    outer: impl Fn(&dyn Inner<S, P>, I::Vars) -> Var<T>,
) -> Result<Comparison> {
    Compare::default().run(methods, inputs, at, outer)
}

/// With inputs that are a list of leaves.
fn flat<I: Structure, O: Structure>(f: &Function<I, O>) -> Result<Function<Vec<AnyLeaf>, O>> {
    let leaves: Vec<AnyLeaf> = f.inputs().leaf_types().into_iter().map(AnyLeaf).collect();
    Function::with_doors((*f.program()?).clone(), leaves, f.outputs().clone())
}

fn owned<I: Structure>(at: &impl Feed<I>) -> Vec<AnyArray> {
    let mut x = vec![];
    at.feed(&mut |v: AnyView<'_>| x.push(v.to_owned()));
    x
}

/// ‖a − b‖ / ‖b‖, scaled before it is squared; 0 where both are 0.
fn relative(a: &[AnyArray], b: &[AnyArray]) -> f64 {
    let pairs: Vec<(f64, f64)> = a.iter().zip(b).flat_map(|(a, b)| a.to_f64().into_iter().zip(b.to_f64())).collect();
    let length = |of: &dyn Fn(&(f64, f64)) -> f64| {
        let largest = pairs.iter().map(of).fold(0.0, |m: f64, v| m.max(v.abs()));
        if largest == 0.0 { (0.0, 0.0) } else { (largest, pairs.iter().map(|p| (of(p) / largest).powi(2)).sum::<f64>().sqrt()) }
    };
    let ((gap, g), (size, s)) = (length(&|(x, y)| x - y), length(&|(_, y)| *y));
    match (gap == 0.0, size == 0.0) {
        (true, _) => 0.0,
        (false, true) => f64::INFINITY,
        _ => gap / size * (g / s),
    }
}

impl Comparison {
    /// Rows that failed, with why.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Error)> {
        self.rows.iter().filter_map(|r| match &r.outcome {
            Some(Err(e)) => Some((r.name.as_str(), e)),
            _ => None,
        })
    }
}
