//! Derivatives as functions: every one is a program again.
use super::places::places;
use super::{Function, Number, value_and_gradient};
use crate::error::{Result, Site};
use crate::operation::Program;
use crate::transform;
use crate::tree::{Structure, Vars};

/// A function together with the inputs that count as its variables.
#[derive(Debug, Clone)]
pub struct Wrt<I: Structure, O: Structure, W: Structure> {
    pub(super) f: Function<I, O>,
    /// Places of the variables among the input leaves, in the order of `W`.
    pub(super) picked: Result<Vec<usize>>,
    pub(super) variables: W,
}

impl<I: Structure, O: Structure, W: Structure> Wrt<I, O, W> {
    #[track_caller]
    pub(super) fn new<R: Vars<Structure = W>>(f: &Function<I, O>, pick: impl FnOnce(I::Vars) -> R) -> Self {
        let (picked, variables) = places("wrt", &f.inputs, pick);
        Wrt { f: f.clone(), picked, variables }
    }
    /// An error of the rule names the line that asked for the derivative.
    #[track_caller]
    pub(super) fn derive<J: Structure, P: Structure>(
        &self,
        inputs: J,
        outputs: P,
        rule: impl FnOnce(&Program, &[usize], &[bool]) -> Result<Program>,
    ) -> Function<J, P> {
        let at = Site::caller();
        let program = self.f.inner.program.clone().and_then(|p| {
            let picked = self.picked.clone()?;
            let mut mask = vec![false; p.inputs.len()];
            picked.iter().for_each(|i| mask[*i] = true);
            rule(&p, &picked, &mask)
        });
        Function { inner: self.f.inner.derived(program.map_err(|e| e.or_at(at))), inputs, outputs }
    }
    /// (inputs, tangent of the variables) → (outputs, tangent of the outputs): J·v.
    #[must_use]
    #[track_caller]
    pub fn jvp(&self) -> Function<(I, W), (O, O)> {
        self.derive((self.f.inputs.clone(), self.variables.clone()), (self.f.outputs.clone(), self.f.outputs.clone()), |p, picked, mask| {
            let q = transform::jvp(p, mask, &vec![true; p.outputs.len()])?;
            transform::rearrange(&q, &after(p.inputs.len(), picked), &(0..q.outputs.len()).collect::<Vec<_>>())
        })
    }
    /// (inputs, cotangent of the outputs) → (outputs, cotangent of the variables): Jᵀ·c.
    #[must_use]
    #[track_caller]
    pub fn vjp(&self) -> Function<(I, O), (O, W)> {
        self.derive((self.f.inputs.clone(), self.f.outputs.clone()), (self.f.outputs.clone(), self.variables.clone()), |p, picked, mask| {
            let q = transform::vjp(p, mask, &vec![true; p.outputs.len()])?;
            transform::rearrange(&q, &(0..q.inputs.len()).collect::<Vec<_>>(), &after(p.outputs.len(), picked))
        })
    }
}

/// The first n places, then those of picked leaves, which follow in ascending order, in the order of picking.
pub(super) fn after(n: usize, picked: &[usize]) -> Vec<usize> {
    let mut ascending: Vec<usize> = picked.to_vec();
    ascending.sort_unstable();
    (0..n).chain(picked.iter().map(|i| n + ascending.partition_point(|p| p < i))).collect()
}

impl<I: Structure, O: Structure, W: Structure> Wrt<I, O, W> {
    /// inputs → gradient with respect to the variables.
    #[must_use]
    #[track_caller]
    pub fn gradient(&self) -> Function<I, W>
    where
        O: Number,
    {
        self.value_and_gradient().output(|(_, g)| g)
    }
    /// inputs → (value, gradient with respect to the variables).
    #[must_use]
    #[track_caller]
    pub fn value_and_gradient(&self) -> Function<I, (O, W)>
    where
        O: Number,
    {
        self.derive(self.f.inputs.clone(), (self.f.outputs.clone(), self.variables.clone()), |p, picked, mask| {
            let q = value_and_gradient(p, mask)?;
            transform::rearrange(&q, &(0..p.inputs.len()).collect::<Vec<_>>(), &after(1, picked))
        })
    }
    /// (inputs, direction) → Hessian with respect to the variables, times the direction: forward over reverse.
    #[must_use]
    #[track_caller]
    pub fn hvp(&self) -> Function<(I, W), W>
    where
        O: Number,
    {
        self.derive((self.f.inputs.clone(), self.variables.clone()), self.variables.clone(), |p, picked, mask| {
            let gradient = value_and_gradient(p, mask)?;
            let n = picked.len();
            let wanted: Vec<bool> = (0..1 + n).map(|i| i > 0).collect();
            let q = transform::jvp(&gradient, mask, &wanted)?;
            let tangents: Vec<usize> = after(1 + n, picked)[1 + n..].to_vec();
            transform::rearrange(&q, &after(p.inputs.len(), picked), &tangents)
        })
    }
}
