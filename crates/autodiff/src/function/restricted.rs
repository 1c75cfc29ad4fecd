//! A linearization between a few indices of axes: which of its rows do not depend on anything else, and products on the others.
use super::linearization::{Linearization, Point, inputs};
use crate::array::{AnyArray, AnyView, LeafType};
use crate::error::Result;
use crate::execute::{Counts, Executor};
use crate::plan::Plan;
use crate::transform::{Cut, restrict};
use smallvec::SmallVec;
use std::sync::Arc;

/// J·t, or Jᵀ·c, on cuts: directions are 0 off theirs, and results are made on theirs alone. Planned for the sizes of the sets, which may then change with the point.
#[derive(Debug)]
pub struct Restriction {
    /// Which residuals and indices the product reads itself.
    reads: Vec<usize>,
    gather: Executor,
    product: Executor,
}

impl Restriction {
    /// Of J·t, or of Jᵀ·c where `transposed`, to sets of these sizes, with the cuts of directions and results.
    ///
    /// # Errors
    /// When what is left cannot be planned.
    pub fn new(of: &Linearization, transposed: bool, [directions, results]: [&[Option<Cut>]; 2], sets: &[usize]) -> Result<Self> {
        let (product, residuals) = of.product(transposed);
        let made = restrict(product, residuals, directions, results, sets)?;
        let executor = |p| Plan::new(p).map(|p| Executor::new(Arc::new(p)));
        Ok(Restriction { reads: made.reads, gather: executor(&made.gather)?, product: executor(&made.product)? })
    }
    /// Gathers what products read, for a point that is set at `at`, and these sets.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub fn set(&mut self, point: &Point, at: &[AnyView<'_>], sets: &[AnyView<'_>]) -> Result<()> {
        self.gather.run(&inputs(point.of(), point.values(), at, sets))
    }
    /// The product with a direction on its cuts, at the point and the sets that were set last.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub fn apply(&mut self, point: &Point, at: &[AnyView<'_>], sets: &[AnyView<'_>], direction: &[AnyView<'_>]) -> Result<()> {
        let given = inputs(point.of(), point.values(), at, sets);
        let made = self.gather.plan().outputs().len();
        let read = self.reads.iter().map(|i| given[*i].reborrow());
        let all: SmallVec<[AnyView<'_>; 16]> =
            read.chain((0..made).map(|k| self.gather.output(k))).chain(direction.iter().map(AnyView::reborrow)).collect();
        self.product.run(&all)
    }
    /// A result of the last product.
    #[must_use]
    pub fn result(&self, k: usize) -> AnyView<'_> {
        self.product.output(k)
    }
    /// Kernels executed so far.
    pub fn count(&self, into: &mut Counts) {
        into.add(&self.gather.counts());
        into.add(&self.product.counts());
    }
}

/// J·t with numbers from outside in the place of its products with matrices, its sums and its loops: cheap, and enough to see which rows of J do not depend on these.
#[derive(Debug)]
pub struct Skeleton {
    executor: Executor,
    /// Types of the directions, then of the numbers from outside.
    types: Vec<LeafType>,
}

impl Skeleton {
    /// Of a linearization.
    ///
    /// # Errors
    /// When it cannot be planned.
    pub fn new(of: &Linearization) -> Result<Self> {
        let (plan, types) = of.skeleton()?;
        Ok(Skeleton { executor: Executor::new(plan.clone()), types: types.clone() })
    }
    /// Types of what a run is given: the directions, then the numbers from outside.
    #[must_use]
    pub fn types(&self) -> &[LeafType] {
        &self.types
    }
    /// Runs it at a point that is set at `at`.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub fn run(&mut self, point: &Point, at: &[AnyView<'_>], given: &[AnyArray]) -> Result<()> {
        let given: SmallVec<[AnyView<'_>; 16]> = given.iter().map(AnyArray::view).collect();
        self.executor.run(&inputs(point.of(), point.values(), at, &given))
    }
    /// A result of the last run.
    #[must_use]
    pub fn result(&self, k: usize) -> AnyView<'_> {
        self.executor.output(k)
    }
}
