//! F_z on the active set of a point. The rows of the other unknowns are those of the identity, so only the set's own system is left to be solved.
//!
//! With A the active set and I the rest, F_z = [[F_AA, F_AI], [0, 1]]: F_z x = b is x_I = b_I and F_AA x_A = b_A − F_AI b_I, and F_zᵀ x = b is F_AAᵀ x_A = b_A and
//! x_I = b_I − F_AIᵀ x_A.
use crate::equation::Equation;
use crate::flat;
use crate::signs::noise;
use crate::stamp::Stamp;
use crate::support::Support;
use hypertape_autodiff::array::{AnyArray, AnyView};
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::function::{Point, Restriction, Skeleton};
use hypertape_autodiff::{ErrorKind, Result};
use smallvec::SmallVec;
use std::sync::Arc;

/// Unknowns below which nothing is restricted: solves are cheap then.
const FEW: usize = 64;
/// Runs of the skeleton that a row must pass.
const RUNS: u64 = 4;

/// A product with a part of F_z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// F_AA v.
    Plain,
    /// F_AAᵀ u.
    Transposed,
    /// All of (F_A)ᵀ u.
    Outward,
}

/// The active set of the point that was looked at last, and the products on it.
#[derive(Debug, Default)]
pub(crate) struct Restricted {
    /// None where it could not be made.
    finder: Option<Option<Finder>>,
    looked: Option<Stamp>,
    support: Option<Arc<Support>>,
    /// What `parts` were made for.
    planned: Option<Arc<Support>>,
    /// Products, each with the point that it is ready for.
    parts: [Option<(Restriction, Option<Stamp>)>; 3],
    /// A direction on the set.
    leaves: Vec<AnyArray>,
}

/// The elementwise part of F_z, and what its runs need.
#[derive(Debug)]
struct Finder {
    skeleton: Skeleton,
    given: Vec<AnyArray>,
    values: Vec<f64>,
    made: Vec<f64>,
    active: Vec<bool>,
}

impl Finder {
    fn new(e: &Equation) -> Option<Self> {
        let skeleton = Skeleton::new(&e.linear).ok()?;
        let given = skeleton.types().iter().map(|t| AnyArray::full(t, 0.0)).collect();
        let (n, all) = (flat::len(&e.solution), flat::len(skeleton.types()));
        Some(Finder { skeleton, given, values: vec![0.0; all], made: vec![0.0; n], active: vec![false; n] })
    }
    /// The unknowns that do not have a row of the identity, whatever products with matrices give; none where more than half of all are active.
    ///
    /// A row of the identity returns its direction bit by bit. One run has the direction 0, and two have it on a half of the unknowns each, so that nothing that a row takes from products or
    /// from its neighbours can hide in rounding.
    fn rows(&mut self, e: &Equation, point: &Point, at: &[AnyView<'_>]) -> Result<Option<&[bool]>> {
        let Finder { skeleton, given, values, made, active } = self;
        let n = active.len();
        active.fill(false);
        for run in 0..RUNS {
            let half = |i: usize| noise(RUNS, i) > 0.0;
            let still = |i: usize| i < n && [false, true, half(i), !half(i)][run as usize];
            values.iter_mut().enumerate().for_each(|(i, v)| *v = if still(i) { 0.0 } else { noise(run, i) });
            flat::unpack(values, given.iter_mut().map(AnyArray::view_mut));
            skeleton.run(point, at, given)?;
            flat::pack((0..e.solution.len()).map(|k| skeleton.result(k)), made);
            active.iter_mut().zip(made.iter()).zip(values.iter()).for_each(|((a, made), v)| *a |= made != v);
            if 2 * active.iter().filter(|a| **a).count() > n {
                return Ok(None);
            }
        }
        Ok(Some(active))
    }
}

impl Restricted {
    /// The active set at a point, where it pays to solve on it alone.
    pub(crate) fn support(&mut self, e: &Equation, point: &Point, at: &[AnyView<'_>], stamp: Stamp) -> Option<Arc<Support>> {
        if self.looked != Some(stamp) {
            self.looked = Some(stamp);
            self.support = self.find(e, point, at).map(Arc::new);
        }
        self.support.clone()
    }
    fn find(&mut self, e: &Equation, point: &Point, at: &[AnyView<'_>]) -> Option<Support> {
        let n = flat::len(&e.solution);
        if n < FEW || !e.has_kinks() {
            return None;
        }
        let finder = self.finder.get_or_insert_with(|| Finder::new(e));
        let active = finder.as_mut()?.rows(e, point, at).ok()??;
        let found = Support::new(&e.solution, active);
        (2 * found.places.len() <= n).then_some(found)
    }
    /// Takes a set for the one of a point.
    #[cfg(test)]
    pub(crate) fn pretend(&mut self, stamp: Stamp, support: Support) {
        (self.looked, self.support) = (Some(stamp), Some(Arc::new(support)));
    }
    /// Gives the set of this point up.
    pub(crate) fn refuse(&mut self) {
        self.support = None;
    }
    /// A product on the active set.
    pub(crate) fn product(
        &mut self,
        e: &Equation,
        (point, at, stamp): (&Point, &[AnyView<'_>], Stamp),
        part: Part,
        v: &[f64],
        out: &mut [f64],
    ) -> Result<(), ErrorKind> {
        let support = self.support.clone().ok_or("there is no active set")?;
        if !self.planned.as_ref().is_some_and(|p| p.like(&support)) {
            self.parts = [None, None, None];
            self.leaves = support.types.iter().map(|t| AnyArray::full(t, 0.0)).collect();
        }
        self.planned = Some(support.clone());
        let slot = &mut self.parts[part as usize];
        if slot.is_none() {
            let whole = vec![None; support.cuts.len()];
            let results = if part == Part::Outward { &whole } else { &support.cuts };
            let cuts = [&support.cuts[..], &results[..]];
            let made = Restriction::new(&e.linear, part != Part::Plain, cuts, &support.sizes())?;
            *slot = Some((made, None));
        }
        let Some((product, ready)) = slot else { return Ok(()) };
        let sets: SmallVec<[AnyView<'_>; 8]> = support.indices.iter().map(AnyArray::view).collect();
        if *ready != Some(stamp) {
            *ready = None;
            product.set(point, at, &sets)?;
            *ready = Some(stamp);
        }
        e.multiplied();
        flat::unpack(v, self.leaves.iter_mut().map(AnyArray::view_mut));
        let direction: SmallVec<[AnyView<'_>; 8]> = self.leaves.iter().map(AnyArray::view).collect();
        product.apply(point, at, &sets, &direction)?;
        flat::pack((0..e.solution.len()).map(|k| product.result(k)), out);
        Ok(())
    }
    /// Adds what its programs have executed.
    pub(crate) fn count(&self, into: &mut Counts) {
        self.parts.iter().flatten().for_each(|(p, _)| p.count(into));
    }
}
