//! The derivative of a function at a point, as a linear operator.
use super::guard::Guard;
use super::linearization::{Linearization, Point, inputs};
use super::workspace::{here, same_lengths};
use super::{Allow, Function};
use crate::array::{AnyArray, AnyView, Kind, LeafType};
use crate::error::{Counted, Error, ErrorKind, Result};
use crate::execute::Executor;
use crate::plan::{Memory, Plan};
use crate::transform;
use crate::tree::{Feed, Structure};
use smallvec::SmallVec;
use std::sync::Arc;

/// J at a point: [`apply`](Linear::apply) is J·t, [`apply_transpose`](Linear::apply_transpose) is Jᵀ·c.
///
/// The function itself runs once at each point; an application runs only what depends on the direction. All points of a function share its plans.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use ndarray::arr1;
/// let f = Function::record(shape![2], |x| x * x)?;
/// let mut j = f.linearize(&arr1(&[1.0, 2.0]))?;
/// assert_eq!(j.apply(&arr1(&[1.0, 1.0]))?, arr1(&[2.0, 4.0]).into_dyn());
/// j.move_to(&arr1(&[3.0, 4.0]))?;
/// assert_eq!(j.apply(&arr1(&[1.0, 1.0]))?, arr1(&[6.0, 8.0]).into_dyn());
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug)]
pub struct Linear<I: Structure, O: Structure> {
    inputs: I,
    outputs: O,
    /// Lengths of the vectors in both.
    lengths: [Vec<usize>; 2],
    point: Point,
    /// The inputs that products read; the others are empty.
    at: Vec<AnyArray>,
    stands: Stands,
    guard: Guard,
}

/// Where a linearization stands.
#[derive(Debug)]
enum Stands {
    AtPoint,
    /// Within a move, which user code may end by a panic.
    Between,
    /// Nowhere: the last move failed.
    Failed(Error),
}

impl<I: Structure, O: Structure> Function<I, O> {
    /// The programs and plans of its derivative at a point, made once. Its [`memory`](Linearization::memory) says what [`linearize`](Function::linearize) will take,
    /// before anything runs: the run at a point, a product with J, and one with Jᵀ.
    ///
    /// # Errors
    /// As [`plan`](Function::plan).
    #[track_caller]
    pub fn linearization(&self) -> Result<&Arc<Linearization>> {
        let parts = self.inner.linearization.get_or_init(|| {
            let p = self.inner.program.clone()?;
            let wanted: Vec<bool> = self.outputs.leaf_types().iter().map(|t| t.kind.is_real()).collect();
            let parts = transform::linearize(&p, &self.real_inputs(), &wanted)?;
            Linearization::new(p, parts).map(Arc::new)
        });
        parts.as_ref().map_err(|e| here()(e.clone()))
    }
    /// Runs the function at a point and keeps what its derivative needs.
    ///
    /// # Errors
    /// As [`Workspace::run`](super::Workspace::run).
    #[track_caller]
    pub fn linearize(&self, at: impl Feed<I>) -> Result<Linear<I, O>> {
        let point = self.linearization().and_then(Point::new).map_err(here())?;
        // What the derivative keeps may be infinite, as operands are; only values are looked at.
        let guard = self.inner.guard().watch(self.outputs.leaf_types().len());
        let (inputs, outputs) = (self.inputs.clone(), self.outputs.clone());
        let lengths = [inputs.all_lengths(), outputs.all_lengths()];
        let empty = || AnyArray::full(&LeafType::new(&[0], Kind::U32), 0.0);
        let at_leaves = inputs.leaf_types().iter().map(|_| empty()).collect();
        let mut linear = Linear { inputs, outputs, lengths, point, at: at_leaves, stands: Stands::AtPoint, guard };
        linear.place(&at).map_err(here())?;
        Ok(linear)
    }
}

impl<I: Structure, O: Structure> Linear<I, O> {
    /// Moves to another point. Nothing is planned, and nothing is allocated.
    ///
    /// # Errors
    /// As [`Function::linearize`]; applications give the same error then, until a move succeeds.
    #[track_caller]
    pub fn move_to(&mut self, at: impl Feed<I>) -> Result<()> {
        self.stands = Stands::Between;
        let moved = self.place(&at).map_err(here());
        self.stands = moved.as_ref().err().map_or(Stands::AtPoint, |e| Stands::Failed(e.clone()));
        moved
    }
    /// That it is at a point.
    #[track_caller]
    fn at_point(&self) -> Result<()> {
        match &self.stands {
            Stands::AtPoint => Ok(()),
            Stands::Between => Err(here()(Error::new("move_to", "the last move to a point did not end; move again"))),
            Stands::Failed(e) => Err(e.clone()),
        }
    }
    fn place(&mut self, at: &impl Feed<I>) -> Result<()> {
        let mut views: SmallVec<[AnyView<'_>; 16]> = SmallVec::new();
        at.feed(&mut |v| views.push(v));
        let executor = self.point.executor();
        executor.check(&views)?;
        same_lengths("run", at, &self.lengths[0])?;
        self.guard.run(executor, &views)?;
        let of = self.point.of();
        for (i, (to, from)) in self.at.iter_mut().zip(&views).enumerate() {
            if of.reads_input(i) && !to.view_mut().assign(from) {
                *to = from.to_owned();
            }
        }
        Ok(())
    }
    /// The function's outputs at the point.
    ///
    /// # Errors
    /// That of the last move, if it failed.
    #[track_caller]
    pub fn values(&self) -> Result<O::Arrays> {
        self.at_point()?;
        let mut k = 0;
        Ok(self.outputs.arrays(&mut |_| {
            k += 1;
            self.point.value(k - 1).to_owned()
        }))
    }
    /// J·t.
    ///
    /// # Errors
    /// When the tangent does not have the shapes of the inputs.
    #[track_caller]
    pub fn apply(&mut self, tangent: impl Feed<I>) -> Result<O::Arrays> {
        let mut made = vec![];
        self.apply_each(tangent, &mut |v| made.push(v.to_owned()))?;
        let mut made = made.into_iter();
        Ok(self.outputs.arrays(&mut |t| next(t, &mut made)))
    }
    /// J·t, whose real leaves are handed out in order: nothing is allocated once warm.
    ///
    /// # Errors
    /// As [`apply`](Linear::apply).
    #[track_caller]
    pub fn apply_each(&mut self, tangent: impl Feed<I>, leaf: &mut dyn FnMut(AnyView<'_>)) -> Result<()> {
        let types = self.inputs.leaf_types();
        same_lengths("linearize", &tangent, &self.lengths[0]).map_err(here())?;
        self.product(false, &tangent, &types, leaf).map_err(here())
    }
    /// Jᵀ·c.
    ///
    /// # Errors
    /// When the cotangent does not have the shapes of the outputs.
    #[track_caller]
    pub fn apply_transpose(&mut self, cotangent: impl Feed<O>) -> Result<I::Arrays> {
        let mut made = vec![];
        self.apply_transpose_each(cotangent, &mut |v| made.push(v.to_owned()))?;
        let mut made = made.into_iter();
        Ok(self.inputs.arrays(&mut |t| next(t, &mut made)))
    }
    /// Jᵀ·c, whose real leaves are handed out in order: nothing is allocated once warm.
    ///
    /// # Errors
    /// As [`apply_transpose`](Linear::apply_transpose).
    #[track_caller]
    pub fn apply_transpose_each(&mut self, cotangent: impl Feed<O>, leaf: &mut dyn FnMut(AnyView<'_>)) -> Result<()> {
        let types = self.outputs.leaf_types();
        same_lengths("linearize", &cotangent, &self.lengths[1]).map_err(here())?;
        self.product(true, &cotangent, &types, leaf).map_err(here())
    }
    fn product<S: Structure>(
        &mut self,
        transposed: bool,
        x: &impl Feed<S>,
        types: &[LeafType],
        leaf: &mut dyn FnMut(AnyView<'_>),
    ) -> Result<()> {
        self.at_point()?;
        let mut given: SmallVec<[AnyView<'_>; 16]> = SmallVec::new();
        x.feed(&mut |v| given.push(v));
        check(&given, types, self.guard.allow)?;
        let real: SmallVec<[AnyView<'_>; 16]> = given.into_iter().filter(|v| v.kind().is_real()).collect();
        self.along(transposed, &real, leaf)
    }
    /// J·t for a tangent given by its real leaves, which have the right shapes.
    pub(super) fn apply_leaves(&mut self, tangent: &[AnyArray], leaf: &mut dyn FnMut(AnyView<'_>)) -> Result<()> {
        self.at_point()?;
        let real: SmallVec<[AnyView<'_>; 16]> = tangent.iter().map(AnyArray::view).collect();
        self.along(false, &real, leaf)
    }
    /// Runs a program of what products read of the point and directions, at this point.
    pub(super) fn run(&self, executor: &mut Executor, directions: &[AnyArray]) -> Result<()> {
        self.at_point()?;
        let [at, directions] = [&self.at[..], directions].map(|a| a.iter().map(AnyArray::view).collect::<SmallVec<[AnyView<'_>; 16]>>());
        executor.run(&inputs(self.point.of(), self.point.values(), &at, &directions))
    }
    fn along(&mut self, transposed: bool, real: &[AnyView<'_>], leaf: &mut dyn FnMut(AnyView<'_>)) -> Result<()> {
        let at: SmallVec<[AnyView<'_>; 16]> = self.at.iter().map(AnyArray::view).collect();
        let (point, allow) = (&mut self.point, self.guard.allow);
        point.apply(transposed, &at, real)?;
        let n = point.results();
        let suspect = |k: usize| allow.suspects(&point.result(k)).map(|(index, value)| (k, index, value));
        if let Some((k, index, value)) = (0..n).filter(|k| !point.surely_finite(*k)).find_map(suspect) {
            point.look_into(allow, &at, real, (k, &index, value))?;
        }
        (0..n).for_each(|k| leaf(point.result(k)));
        Ok(())
    }
    /// The plan of one application of J, to print.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        self.point.plans()[0]
    }
    /// What applications need in memory: the plans, and what is kept of the point.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let [value, forward, reverse] = self.point.memory();
        let kept: usize = self.at.iter().map(|a| a.leaf_type().bytes()).sum();
        let workspace = value.total() + forward.total() + reverse.total() + kept as u64;
        Memory { workspace, constants: forward.constants, ..Memory::default() }
    }
    /// Kernels that one kind of application has executed so far: (J·t, Jᵀ·c).
    #[must_use]
    pub fn counts(&self) -> (crate::execute::Counts, crate::execute::Counts) {
        let [_, forward, reverse] = self.point.counts();
        (forward, reverse)
    }
}

/// Index leaves have no derivative: zeros stand for it.
fn next(t: &LeafType, made: &mut impl Iterator<Item = AnyArray>) -> AnyArray {
    if t.kind == Kind::U32 { AnyArray::full(t, 0.0) } else { made.next().unwrap_or_else(|| AnyArray::full(t, 0.0)) }
}

/// That a direction has these types, and what may be in it.
fn check(given: &[AnyView<'_>], types: &[LeafType], allow: Allow) -> Result<()> {
    if given.len() != types.len() {
        return Err(Error::new("linearize", ErrorKind::count(Counted::Leaves, types.len(), given.len())));
    }
    for (leaf, (v, t)) in given.iter().zip(types).enumerate() {
        if v.leaf_type() != *t {
            let (expected, given) = (t.clone().into(), v.leaf_type().into());
            return Err(Error::new("linearize", ErrorKind::Input { role: "direction", leaf, leaves: types.len(), expected, given }));
        }
        if let Some((index, value)) = allow.refuses(v) {
            let what = format!("direction {leaf} of {}", types.len());
            return Err(Error::new("linearize", ErrorKind::NotFinite { what, index, value }));
        }
    }
    Ok(())
}
