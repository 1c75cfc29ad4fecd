//! The same loss through several solvers, unrolled and implicit: error, time, bytes and products of its gradient.
use crate::inner::Inner;
use hypertape_autodiff::array::{AnyArray, AnyView, Real};
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::execute::make_packing_buffers;
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::plan::Memory;
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{AnyLeaf, Feed, Ranked, Structure};
use hypertape_autodiff::{Error, Function, Result, Site};
use std::fmt::{Display, Formatter};
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
    /// What iterative parts said.
    pub reports: Vec<Report>,
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

/// All lines of a comparison; prints as a table.
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
        let f = Function::record(inputs, |v| outer(method, v))?;
        let planned = f.memory();
        let outcome = if planned.total() <= self.limit { Some(self.measure(&f, at)) } else { None };
        Ok(Row { name: method.name(), planned, outcome })
    }
    #[track_caller]
    fn measure<I: Structure, T: Real>(&self, f: &Function<I, hypertape_autodiff::tree::Leaf<T>>, at: &impl Feed<I>) -> Result<Measured> {
        let leaves: Vec<AnyLeaf> = f.inputs().leaf_types().into_iter().map(AnyLeaf).collect();
        let flat = Function::with_doors((*f.program()?).clone(), leaves, f.outputs().clone())?;
        let derived = flat.wrt(|x| x).value_and_gradient();
        derived.plan()?;
        let mut x: Vec<AnyArray> = vec![];
        at.feed(&mut |v: AnyView<'_>| x.push(v.to_owned()));
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
        Ok(Measured { value, gradient, error, seconds: times[times.len() / 2], measured, counts, reports })
    }
}

/// Compares solvers on one loss: see [`Compare`] for a reference gradient, a meter and a limit.
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

fn relative(a: &[AnyArray], b: &[AnyArray]) -> f64 {
    let (mut gap, mut size) = (0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        for (x, y) in a.to_f64().into_iter().zip(b.to_f64()) {
            gap += (x - y) * (x - y);
            size += y * y;
        }
    }
    (gap / size).sqrt()
}

/// Products by kind, as a person reads them: `gemm 40 · dot 3`.
fn kinds(counts: &Counts) -> String {
    let words: Vec<String> = counts.by_class().iter().map(|(class, times)| format!("{class} {times}")).collect();
    words.join(" · ")
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let width = self.rows.iter().map(|r| r.name.chars().count()).max().unwrap_or(0).max(20);
        writeln!(f, "{:<width$} {:>10} {:>10} {:>12} {:>12}  products", "solver", "error", "seconds", "planned B", "measured B")?;
        for r in &self.rows {
            write!(f, "{:<width$} ", r.name)?;
            let planned = r.planned.total();
            match &r.outcome {
                None => writeln!(f, "{:>10} {:>10} {planned:>12} {:>12}", "-", "-", "not run")?,
                Some(Err(e)) => writeln!(f, "{:>10} {:>10} {planned:>12} {:>12}  {e}", "-", "-", "failed")?,
                Some(Ok(m)) => {
                    let error = m.error.map_or("-".into(), |e| format!("{e:.3e}"));
                    let measured = m.measured.map_or("-".into(), |b| b.to_string());
                    writeln!(f, "{error:>10} {:>10.4} {planned:>12} {measured:>12}  {}", m.seconds, kinds(&m.counts))?;
                }
            }
        }
        Ok(())
    }
}

impl Comparison {
    /// The rows as comma-separated values with a header; what is unknown is empty.
    #[must_use]
    pub fn csv(&self) -> String {
        let quoted = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
        let mut out = String::from("solver,error,seconds,planned_bytes,measured_bytes,products,status\n");
        for r in &self.rows {
            let [error, seconds, measured, products, status] = match &r.outcome {
                None => ["", "", "", "", "not run"].map(String::from),
                Some(Err(e)) => [String::new(), String::new(), String::new(), String::new(), e.to_string()],
                Some(Ok(m)) => {
                    let error = m.error.map(|e| format!("{e:e}")).unwrap_or_default();
                    let measured = m.measured.map(|b| b.to_string()).unwrap_or_default();
                    [error, format!("{:e}", m.seconds), measured, kinds(&m.counts), "run".into()]
                }
            };
            let (name, planned, products, status) = (quoted(&r.name), r.planned.total(), quoted(&products), quoted(&status));
            out += &format!("{name},{error},{seconds},{planned},{measured},{products},{status}\n");
        }
        out
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
