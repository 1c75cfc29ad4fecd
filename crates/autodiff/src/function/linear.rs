//! The derivative of a function at a point, as a linear operator.
use super::trace::{Bad, Source, source};
use super::workspace::{here, same_lengths};
use super::{Allow, Function};
use crate::array::{AnyArray, AnyView, Kind, LeafType};
use crate::error::{Counted, Error, ErrorKind, Result};
use crate::execute::Executor;
use crate::operation::Program;
use crate::plan::{Memory, Plan};
use crate::transform;
use crate::tree::{Feed, Structure};
use smallvec::SmallVec;
use std::sync::Arc;

/// J at a point: [`apply`](Linear::apply) is J·t, [`apply_transpose`](Linear::apply_transpose) is Jᵀ·c.
///
/// The function itself ran once, when this was made; an application runs only what depends on the tangent.
#[derive(Debug)]
pub struct Linear<I: Structure, O: Structure> {
    inputs: I,
    outputs: O,
    /// Lengths of the vectors in both.
    lengths: [Vec<usize>; 2],
    values: Vec<AnyArray>,
    residuals: Vec<AnyArray>,
    forward: Executor,
    reverse: Executor,
    rules: Rules,
}

/// What results may be, and how to find out what made them so.
#[derive(Debug)]
struct Rules {
    allow: Allow,
    primal: Arc<Program>,
    /// The program of values and residuals.
    value: Program,
    /// J·t and Jᵀ·c.
    programs: [Program; 2],
}

impl<I: Structure, O: Structure> Function<I, O> {
    /// Runs the function at a point and keeps what its derivative needs.
    ///
    /// # Errors
    /// As [`Workspace::run`](super::Workspace::run).
    #[track_caller]
    pub fn linearize(&self, at: impl Feed<I>) -> Result<Linear<I, O>> {
        let p = self.program()?;
        let active = self.real_inputs();
        let wanted: Vec<bool> = self.outputs.leaf_types().iter().map(|t| t.kind.is_real()).collect();
        let parts = transform::linearize(&p, &active, &wanted)?;
        let types = parts.primal.output_types();
        let outputs: Vec<crate::tree::AnyLeaf> = types.iter().cloned().map(crate::tree::AnyLeaf).collect();
        let primal = Function::from_program(Ok(parts.primal.clone()), self.inputs.clone(), outputs);
        // What the derivative keeps may be infinite, as operands are; only values are looked at.
        let mut workspace = primal.allow(self.inner.allow).workspace().watch(p.outputs.len());
        let mut values = vec![];
        workspace.each(&at, &mut |v| values.push(v.to_owned())).map_err(here())?;
        let residuals = values.split_off(p.outputs.len());
        let back = parts.transpose()?;
        let executor = |p: &Program| Ok::<_, Error>(Executor::new(Arc::new(Plan::new(p)?)));
        Ok(Linear {
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            lengths: [self.inputs.all_lengths(), self.outputs.all_lengths()],
            values,
            residuals,
            forward: executor(&parts.linear)?,
            reverse: executor(&back)?,
            rules: Rules { allow: self.inner.allow, primal: p, value: parts.primal, programs: [parts.linear, back] },
        })
    }
}

impl<I: Structure, O: Structure> Linear<I, O> {
    /// The function's outputs at the point.
    #[must_use]
    pub fn values(&self) -> O::Arrays {
        let mut it = self.values.iter().cloned();
        self.outputs.arrays(&mut |t| it.next().unwrap_or_else(|| AnyArray::full(t, 0.0)))
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
        run(&mut self.forward, &self.residuals, &tangent, &types, (&self.rules, 0), leaf).map_err(here())
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
        run(&mut self.reverse, &self.residuals, &cotangent, &types, (&self.rules, 1), leaf).map_err(here())
    }
    /// The plan of one application of J, to print.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        self.forward.plan()
    }
    /// What applications need in memory: both plans, and what is kept of the point.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let (forward, reverse) = (self.forward.memory(), self.reverse.memory());
        let kept: usize = self.residuals.iter().map(|a| a.leaf_type().bytes()).sum();
        Memory { workspace: forward.total() + reverse.total() + kept as u64, constants: forward.constants, ..Memory::default() }
    }
    /// Kernels that one kind of application has executed so far: (J·t, Jᵀ·c).
    #[must_use]
    pub fn counts(&self) -> (crate::execute::Counts, crate::execute::Counts) {
        (self.forward.counts(), self.reverse.counts())
    }
}

/// Index leaves have no derivative: zeros stand for it.
fn next(t: &LeafType, made: &mut impl Iterator<Item = AnyArray>) -> AnyArray {
    if t.kind == Kind::U32 { AnyArray::full(t, 0.0) } else { made.next().unwrap_or_else(|| AnyArray::full(t, 0.0)) }
}

fn run<S: Structure>(
    e: &mut Executor,
    residuals: &[AnyArray],
    x: &impl Feed<S>,
    types: &[LeafType],
    (rules, which): (&Rules, usize),
    leaf: &mut dyn FnMut(AnyView<'_>),
) -> Result<()> {
    let mut given: SmallVec<[AnyView<'_>; 16]> = SmallVec::new();
    x.feed(&mut |v| given.push(v));
    if given.len() != types.len() {
        return Err(Error::new("linearize", ErrorKind::count(Counted::Leaves, types.len(), given.len())));
    }
    for (leaf, (v, t)) in given.iter().zip(types).enumerate() {
        if v.leaf_type() != *t {
            let (expected, given) = (t.clone().into(), v.leaf_type().into());
            return Err(Error::new("linearize", ErrorKind::Input { leaf, leaves: types.len(), expected, given }));
        }
        if let Some((index, value)) = rules.allow.refuses(v) {
            let what = format!("direction {leaf} of {}", types.len());
            return Err(Error::new("linearize", ErrorKind::NotFinite { what, index, value }));
        }
    }
    let real = given.iter().filter(|v| v.kind().is_real()).map(AnyView::reborrow);
    let views: SmallVec<[AnyView<'_>; 16]> = residuals.iter().map(AnyArray::view).chain(real).collect();
    e.run(&views)?;
    let n = e.plan().outputs().len();
    if let Some((k, (index, value))) = (0..n).filter(|k| !e.surely_finite(*k)).find_map(|k| Some((k, rules.allow.suspects(&e.output(k))?)))
    {
        rules.look_into(e, which, &views, residuals, (k, &index, value))?;
    }
    (0..n).for_each(|k| leaf(e.output(k)));
    Ok(())
}

impl Rules {
    /// Whether what is not finite in a result may be. Directions are finite, or allowed not to be, so the fault is with the point.
    #[cold]
    fn look_into(
        &self,
        e: &Executor,
        which: usize,
        views: &[AnyView<'_>],
        residuals: &[AnyArray],
        (k, index, value): (usize, &[usize], f64),
    ) -> Result<()> {
        let n = e.plan().outputs().len();
        let nan = (0..n).find_map(|k| e.output(k).first_nan().map(|(index, value)| (k, index, value)));
        let bad = if nan.is_some() { Bad::Nan } else { Bad::Infinite };
        let (k, index, value) = nan.as_ref().map_or((k, index, value), |(k, i, v)| (*k, i, *v));
        let what = format!("output {k} of {n}");
        let inputs: Vec<AnyArray> = views.iter().map(AnyView::to_owned).collect();
        if let Source::Operation(made) = source(&self.programs[which], &inputs, bad, |_| true) {
            return Err(made.error(Some(&self.primal), &what, index, value));
        }
        // A slope that was not finite at the point.
        let slope = residuals.iter().position(|r| r.view().first_non_finite().is_some());
        let outputs = &self.value.outputs[self.value.outputs.len() - residuals.len()..];
        let maker = slope.and_then(|r| self.value.equations.iter().find(|e| e.outputs.contains(&outputs[r])));
        if maker.is_none() && bad == Bad::Infinite && self.allow != Allow::Finite {
            return Ok(());
        }
        let (op, at) = maker.map_or((what.clone(), None), |e| (e.op.name().to_string(), e.site));
        Err(Error::numeric(op, ErrorKind::NoDerivative { what, index: index.to_vec(), value }).or(at))
    }
}
