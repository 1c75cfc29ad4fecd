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
            let q = value_and_gradient(p, mask, 0)?;
            transform::rearrange(&q, &(0..p.inputs.len()).collect::<Vec<_>>(), &after(1, picked))
        })
    }
    /// inputs → (all outputs, gradient of one of them): the loss that `pick` chooses is differentiated, and what else the function returns (weights, scores,
    /// the solution and how it was found) comes from the very run that made the gradient; `has_aux` elsewhere.
    ///
    /// The other outputs take no part in the derivative: they have no cotangents, not even zeros. Nothing is computed twice.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, shape};
    /// let f = Function::record((shape![3], shape![3]), |(w, x)| {
    ///     let scores = w * x;
    ///     (scores.square().sum(), scores)
    /// })?;
    /// let step = f.wrt(|(w, _)| w).value_and_gradient_of(|(loss, _)| loss);
    /// let ((loss, scores), gradient) = step.eval((ndarray::arr1(&[1.0, 2.0, 3.0]), ndarray::arr1(&[1.0, 0.0, 2.0])))?;
    /// assert_eq!(loss[[]], 37.0);
    /// assert_eq!(scores.as_slice(), Some(&[1.0, 0.0, 6.0][..]));
    /// assert_eq!(gradient.as_slice(), Some(&[2.0, 0.0, 24.0][..]));
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    ///
    /// What is picked must be one of the outputs as it is, and one real number; otherwise the function gives the error when it is used.
    #[must_use]
    #[track_caller]
    pub fn value_and_gradient_of<R: Vars<Structure: Number>>(&self, pick: impl FnOnce(O::Vars) -> R) -> Function<I, (O, W)> {
        let (place, _) = places("value_and_gradient_of", &self.f.outputs, pick);
        self.derive(self.f.inputs.clone(), (self.f.outputs.clone(), self.variables.clone()), |p, picked, mask| {
            // A `Number` is one leaf.
            let place = place?.first().copied().unwrap_or_default();
            let q = value_and_gradient(p, mask, place)?;
            transform::rearrange(&q, &(0..p.inputs.len()).collect::<Vec<_>>(), &after(p.outputs.len(), picked))
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
            let gradient = value_and_gradient(p, mask, 0)?;
            let n = picked.len();
            let wanted: Vec<bool> = (0..1 + n).map(|i| i > 0).collect();
            let q = transform::jvp(&gradient, mask, &wanted)?;
            let tangents: Vec<usize> = after(1 + n, picked)[1 + n..].to_vec();
            transform::rearrange(&q, &after(p.inputs.len(), picked), &tangents)
        })
    }
}
