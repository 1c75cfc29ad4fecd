//! What a thread owns to run a function again and again without allocating.
use super::guard::Guard;
use super::{Allow, Function};
use crate::array::{AnyView, AnyViewMut};
use crate::error::{Counted, Error, ErrorKind, Result, Site, Typed, Vectors};
use crate::execute::{Counts, Executor};
use crate::operation::Report;
use crate::plan::Memory;
use crate::tree::{Arrays, Feed, Structure};
use smallvec::SmallVec;

/// The arena, the states of every primitive of the function (nested workspaces, warm starts), and the last reports.
#[derive(Debug)]
pub struct Workspace<I: Structure, O: Structure> {
    executor: Result<Executor>,
    guard: Guard,
    outputs: O,
    /// Lengths of the vectors in the inputs and in the outputs.
    lengths: [Vec<usize>; 2],
    _inputs: I,
}

impl<I: Structure, O: Structure> Workspace<I, O> {
    /// With an executor of the function's plan.
    pub(super) fn new(f: &Function<I, O>, executor: Result<Executor>) -> Self {
        let (outputs, inputs) = (f.outputs().clone(), f.inputs().clone());
        let lengths = [inputs.all_lengths(), outputs.all_lengths()];
        Workspace { executor, guard: f.inner.guard(), outputs, lengths, _inputs: inputs }
    }
    pub(super) fn into_executor(self) -> Option<Executor> {
        self.executor.ok()
    }
    /// What this workspace takes and gives besides finite numbers from now on; at first it is as with [`Function::allow`]. The checks at the end of
    /// solvers that are unrolled inside stay as they are.
    pub fn allow(&mut self, what: Allow) {
        self.guard.allow = what;
    }
    /// Runs the function. The result lies in the workspace: nothing is allocated once warm.
    ///
    /// # Errors
    /// Inputs of another shape or element type, or not finite; results that are not finite (see [`Allow`]); what operations meet (a singular
    /// system, a user's own error); an earlier transform's error.
    #[track_caller]
    pub fn run(&mut self, at: impl Feed<I>) -> Result<O::Views<'_>> {
        self.execute(&at).map_err(here())?;
        let executor = self.executor.as_ref().map_err(Clone::clone)?;
        let mut k = 0;
        Ok(self.outputs.views(&mut |_| {
            k += 1;
            executor.output(k - 1)
        }))
    }
    /// Runs the function and copies the result into arrays of the same shapes.
    ///
    /// # Errors
    /// As [`run`](Workspace::run), or when the arrays have other shapes.
    #[track_caller]
    pub fn run_into(&mut self, at: impl Feed<I>, out: &mut O::Arrays) -> Result<()> {
        same_lengths::<O>("run_into", out, &self.lengths[1]).map_err(here())?;
        self.execute(&at).map_err(here())?;
        let executor = self.executor.as_ref().map_err(Clone::clone)?;
        let mut k = 0;
        let mut problem = Ok(());
        out.each_mut(&mut |a| {
            if problem.is_ok() && k < executor.plan().outputs().len() {
                problem = assign(a, &executor.output(k), k);
            }
            k += 1;
        });
        let n = self.outputs.leaf_types().len();
        if problem.is_ok() && k != n {
            return Err(Error::new("run_into", ErrorKind::count(Counted::Outputs, n, k)).at(Site::caller()));
        }
        problem.map_err(here())
    }
    /// Runs the function and hands out every output leaf, in order: for code that is generic in the structure.
    ///
    /// # Errors
    /// As [`run`](Workspace::run).
    #[track_caller]
    pub fn run_each(&mut self, at: impl Feed<I>, out: &mut dyn FnMut(AnyView<'_>)) -> Result<()> {
        self.each(&at, out).map_err(here())
    }
    pub(super) fn each(&mut self, at: &impl Feed<I>, out: &mut dyn FnMut(AnyView<'_>)) -> Result<()> {
        self.execute(at)?;
        let executor = self.executor.as_ref().map_err(Clone::clone)?;
        (0..executor.plan().outputs().len()).for_each(|k| out(executor.output(k)));
        Ok(())
    }
    fn execute(&mut self, at: &impl Feed<I>) -> Result<()> {
        let executor = self.executor.as_mut().map_err(|e| e.clone())?;
        let mut views: SmallVec<[AnyView<'_>; 16]> = SmallVec::new();
        at.feed(&mut |v| views.push(v));
        executor.check(&views)?;
        same_lengths("run", at, &self.lengths[0])?;
        self.guard.run(executor, &views)
    }
    /// What the iterative operations of the last run said, in the order in which they ran.
    #[must_use]
    pub fn reports(&self) -> &[Report] {
        self.executor.as_ref().map(Executor::reports).unwrap_or(&[])
    }
    /// Forgets the points and adjoints that warm starts would begin from.
    pub fn forget_warm_starts(&mut self) {
        if let Ok(e) = &mut self.executor {
            e.forget();
        }
    }
    /// Kernels executed since the workspace was made, by kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.executor.as_ref().map(Executor::counts).unwrap_or_default()
    }
    /// What this workspace holds in memory, by purpose.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.executor.as_ref().map(Executor::memory).unwrap_or_default()
    }
}

/// What adds the line of the caller to an error that names none.
#[track_caller]
pub(super) fn here() -> impl Fn(Error) -> Error {
    let at = Site::caller();
    move |e| e.or_at(at)
}

/// That vectors in what is given have the lengths of those that are asked for: leaves of one would be taken for leaves of another.
pub(super) fn same_lengths<S: Structure>(op: &str, given: &impl Feed<S>, lengths: &[usize]) -> Result<()> {
    let (mut k, mut same, mut known) = (0, true, true);
    given.lengths(&mut |n| {
        same &= lengths.get(k) == Some(&n);
        known &= n != usize::MAX;
        k += 1;
    });
    if !known || same && k == lengths.len() {
        return Ok(());
    }
    let mut of = vec![];
    given.lengths(&mut |n| of.push(n));
    Err(Error::new(op, ErrorKind::Lengths { of: Vectors::Given, expected: lengths.to_vec(), given: of }))
}

fn assign(mut to: AnyViewMut<'_>, from: &AnyView<'_>, leaf: usize) -> Result<()> {
    if to.assign(from) {
        return Ok(());
    }
    Err(Error::new("run_into", ErrorKind::types(Typed::Into(leaf), &from.leaf_type(), &to.leaf_type())))
}
