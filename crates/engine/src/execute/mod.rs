//! The executor, which runs plans.
mod arena;
mod carries;
mod checks;
mod player;
mod run;

pub use hypertape_ir::operation::{Counts, Products};

use crate::kernels::halves::threads;
use crate::plan::{Memory, Plan};
use arena::{Arena, Base};
use hypertape_ir::array::{AnyView, Element, Layout, LeafType};
use hypertape_ir::error::{Counted, Error, ErrorKind, Lacking, Result};
use hypertape_ir::operation::{Common, Report};
use ndarray::IxDyn;
use run::Runner;
use std::sync::Arc;

/// Runs a plan any number of times. It holds the plan's arena and the states of external code.
#[derive(Debug)]
pub struct Executor {
    plan: Arc<Plan>,
    /// Memory that the runner's bases point into.
    arena: Arena,
    /// Memory for copies of inputs that are not in row-major order; allocated when first needed.
    door: Vec<Option<Arena>>,
    runner: Runner,
    /// Shapes and strides of outputs.
    views: Vec<(IxDyn, IxDyn)>,
    reports: Vec<Report>,
    forgiving: bool,
    /// The error of every run, if the memory that the plan needs could not be allocated.
    failed: Option<Error>,
}

impl Executor {
    /// An executor for a plan. If the memory that the plan needs cannot be allocated, every run returns an error.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let arena = Arena::new(plan.bytes);
        let failed = arena.is_none().then(|| plan.most.error(plan.bytes as u64, Lacking::Memory));
        let arena = arena.unwrap_or_else(Arena::empty);
        let mut runner = Runner::new(&plan.block, &mut Common::default());
        if failed.is_none() {
            runner.bases.set(0, arena.base().part(0, plan.block.frame));
        }
        for (i, (t, at)) in plan.outputs.iter().zip(&plan.places).enumerate().filter(|_| failed.is_none()) {
            runner.bases.set(1 + plan.inputs.len() + i, arena.base().part(*at as isize, t.bytes()));
        }
        let door = plan.inputs.iter().map(|_| None).collect();
        let view = |t: &LeafType| {
            if failed.is_some() {
                return (IxDyn(&[0]), IxDyn(&[0]));
            }
            // ndarray gives arrays without elements strides of 0.
            let unit = usize::from(!t.is_empty());
            let strides: Vec<usize> = Layout::contiguous(&t.shape).strides.iter().map(|s| unit * s.unsigned_abs()).collect();
            (IxDyn(&t.shape), IxDyn(&strides))
        };
        let views = plan.outputs.iter().map(view).collect();
        Executor { plan, arena, door, runner, views, reports: vec![], forgiving: false, failed }
    }
    /// Whether it got the memory that the plan needs.
    #[must_use]
    pub fn has_memory(&self) -> bool {
        self.failed.is_none()
    }
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
    /// Runs the plan on these inputs.
    pub fn run(&mut self, inputs: &[AnyView<'_>]) -> Result<()> {
        self.check(inputs)?;
        self.replay(inputs)
    }
    /// Whether the inputs have the types that the plan asks for.
    pub fn check(&self, inputs: &[AnyView<'_>]) -> Result<()> {
        let types = &self.plan.inputs;
        if inputs.len() != types.len() {
            return Err(Error::new("run", ErrorKind::count(Counted::Inputs, types.len(), inputs.len())));
        }
        for (leaf, (x, t)) in inputs.iter().zip(types).enumerate() {
            // Shapes are short: comparing them one by one is faster than a call.
            let same = x.shape().len() == t.shape.len() && x.shape().iter().zip(&t.shape).all(|(a, b)| a == b);
            if !same || x.kind() != t.kind {
                let (expected, given) = (t.clone().into(), x.leaf_type().into());
                return Err(Error::new("run", ErrorKind::Input { role: "input", leaf, leaves: types.len(), expected, given }));
            }
        }
        Ok(())
    }
    /// Runs the plan on inputs that `check` has seen.
    pub fn replay(&mut self, inputs: &[AnyView<'_>]) -> Result<()> {
        if let Some(e) = &self.failed {
            return Err(e.clone());
        }
        let types = &self.plan.inputs;
        for (i, x) in inputs.iter().enumerate() {
            let base = hypertape_ir::each_kind!(AnyView, x, a => {
                if a.is_standard_layout() { Base::of_contiguous(a) } else { copied(&mut self.door[i], &types[i], a)? }
            });
            self.runner.bases.set(1 + i, base);
        }
        self.reports.clear();
        let (block, runner, reports) = (&self.plan.block, &mut self.runner, &mut self.reports);
        let result =
            if block.big && threads() { rayon::scope(|_| run::block(block, runner, reports)) } else { run::block(block, runner, reports) };
        // Forget the inputs, which were lent for this run only.
        for i in 0..inputs.len() {
            self.runner.bases.set(1 + i, Base::nowhere());
        }
        result
    }
    /// An output of the last run. It has no elements if memory could not be allocated.
    #[must_use]
    pub fn output(&self, i: usize) -> AnyView<'_> {
        let t = &self.plan.outputs[i];
        let (shape, strides) = &self.views[i];
        self.runner.bases.view(1 + self.plan.inputs.len() + i, t.kind, shape, strides)
    }
    /// Whether an output of the last run is finite, judged by a sum in one pass. "No" may also mean that the sum overflowed.
    #[inline]
    pub fn surely_finite(&self, i: usize) -> bool {
        let t = &self.plan.outputs[i];
        self.failed.is_some() || self.runner.bases.finite(1 + self.plan.inputs.len() + i, t.kind, t.len())
    }
    /// The reports of iterative operations in the last run, in the order in which they ran.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }
    /// Whether an item of a loop without carries that fails leaves the others as they are: its results are NaN, those of index type 0, and a report names it
    /// and says why. Otherwise, as at first, it ends the run.
    pub fn forgive(&mut self, items: bool) {
        if self.forgiving != items {
            self.forgiving = items;
            self.runner.forgive(items);
        }
    }
    /// Makes external code forget what earlier runs left for later ones, such as warm starts.
    pub fn forget(&mut self) {
        self.runner.forget(&self.plan.block);
    }
    /// How often each kind of instruction ran.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut c = Counts::default();
        self.runner.count(&self.plan.block, &mut c);
        c
    }
    /// Resets all counts to 0.
    pub fn reset_counts(&mut self) {
        self.runner.reset_counts();
    }
    /// The memory it holds: that of the plan, and that of copied inputs.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let copied = self.door.iter().flatten().map(|a| a.base().range().len() as u64).sum();
        debug_assert!(self.failed.is_some() || self.arena.base().range().len() == self.plan.bytes, "the arena is as big as planned");
        Memory { door: copied, ..self.plan.memory() }
    }
}

/// Copies an input to memory of the executor, in row-major order.
fn copied<T: Element>(door: &mut Option<Arena>, t: &LeafType, a: &ndarray::ArrayViewD<'_, T>) -> Result<Base> {
    if door.is_none() {
        *door = Arena::new(t.bytes());
    }
    let lacking = || Error::new("input", ErrorKind::Memory { bytes: t.bytes() as u64, lacking: Lacking::Memory });
    let base = door.as_ref().ok_or_else(lacking)?.base();
    base.fill_from(a);
    Ok(base)
}
