//! One-off evaluation and derivatives at a point. Programs and plans are kept by the function; arrays are new each time.
use super::workspace::here;
use super::{Function, Inner, Workspace, lock};
use crate::array::{AnyArray, Real};
use crate::error::{Error, ErrorKind, Lacking, Result};
use crate::operation::Report;
use crate::transform;
use crate::tree::{Feed, Leaf, Ranked, Structure};
use ndarray::ArrayD;
use rayon::prelude::*;
use smallvec::SmallVec;
use std::sync::{Arc, OnceLock};

/// Stretches of points that a thread takes, one after the other, so that none waits long for another.
const STRETCHES: usize = 4;

impl<I: Structure, O: Structure> Function<I, O> {
    /// Runs a program of this function once: an executor that is idle is taken for it, and put back.
    fn through<J: Structure, P: Structure>(&self, inner: &Arc<Inner>, inputs: J, outputs: P, at: impl Feed<J>) -> Result<P::Arrays> {
        let f = Function { inner: inner.clone(), inputs, outputs };
        let mut w = Workspace::new(&f, inner.executor());
        let made = f.eval_in(&mut w, &at);
        {
            let mut reports = lock(&self.inner.reports);
            let said = if made.is_ok() { w.reports() } else { &[] };
            reports.truncate(said.len());
            let (old, new) = said.split_at(reports.len());
            reports.iter_mut().zip(old).for_each(|(to, from)| to.clone_from(from));
            reports.extend_from_slice(new);
        }
        inner.keep(w.into_executor());
        made
    }
    /// What solvers inside said in the last call in one line, such as [`eval`](Function::eval) or [`value_and_gradient`](Function::value_and_gradient), from any
    /// thread, in the order in which they ran; nothing after an error.
    ///
    /// Calls in one line keep what they run in: they allocate their results alone once warm, and solvers that start warm go on from the last call.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        lock(&self.inner.reports).clone()
    }
    /// Gives back the memory that calls in one line keep for the next one, and forgets what solvers would start warm from.
    pub fn release(&self) {
        let derived = [&self.inner.value_and_gradient, &self.inner.hvp, &self.inner.jvp, &self.inner.vjp];
        lock(&self.inner.planned.idle).clear();
        derived.into_iter().filter_map(OnceLock::get).for_each(|i| lock(&i.planned.idle).clear());
    }
    /// The outputs at these inputs.
    ///
    /// # Errors
    /// As [`Workspace::run`](super::Workspace::run).
    #[track_caller]
    pub fn eval(&self, at: impl Feed<I>) -> Result<O::Arrays> {
        self.through(&self.inner, self.inputs.clone(), self.outputs.clone(), at).map_err(here())
    }
    fn eval_in(&self, w: &mut Workspace<I, O>, at: &impl Feed<I>) -> Result<O::Arrays> {
        let mut views: SmallVec<[AnyArray; 4]> = SmallVec::new();
        let mut lacking = None;
        w.each(at, &mut |v| match v.try_to_owned() {
            Some(a) => views.push(a),
            None => lacking = Some(v.leaf_type()),
        })?;
        if let Some(t) = lacking {
            return Err(Error::new("output", ErrorKind::Memory { bytes: t.bytes() as u64, lacking: Lacking::Memory }));
        }
        let mut views = views.into_iter();
        Ok(self.outputs.arrays(&mut |t| views.next().unwrap_or_else(|| AnyArray::full(t, 0.0))))
    }
    /// The outputs at each of many points: independent problems, solved at the same time on as many threads as there are, each with a workspace
    /// of its own. Each starts cold. The results are in the order of the points, the same for any number of threads.
    ///
    /// Small problems of one shape run faster as one function over a leading axis: [`map`](crate::record::map).
    ///
    /// ```
    /// use hypertape_autodiff::Function;
    /// use hypertape_autodiff::record::Var;
    /// use hypertape_autodiff::tree::Leaf;
    /// use ndarray::arr1;
    ///
    /// let f = Function::record(Leaf::new(&[2]), |x: Var| x.square().sum())?;
    /// let gradient = f.wrt(|x| x).gradient();
    /// let at = [arr1(&[1.0, 2.0]), arr1(&[3.0, 4.0])];
    /// let all = gradient.eval_each(&at)?;
    /// assert_eq!(all[1], arr1(&[6.0, 8.0]).into_dyn());
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Workspace::run`](super::Workspace::run), of the first point that fails, with its number; [`try_each`](Function::try_each) gives the
    /// results of the others too.
    #[track_caller]
    pub fn eval_each<A: Feed<I> + Sync>(&self, points: &[A]) -> Result<Vec<O::Arrays>>
    where
        O::Arrays: Send,
    {
        self.try_each(points).into_iter().collect()
    }
    /// As [`eval_each`](Function::eval_each), with a result for each point: one that fails leaves the others as they are, and its error says "point k".
    ///
    /// ```
    /// use hypertape_autodiff::{Function, shape};
    /// let f = Function::record(shape![], |x| x.ln())?;
    /// let all = f.try_each(&[1.0, -1.0, 1.0]);
    /// assert!(all[0].is_ok() && all[2].is_ok() && all[1].as_ref().unwrap_err().to_string().starts_with("point 1: `ln` at"));
    /// assert!(f.eval_each(&[1.0, -1.0]).unwrap_err().to_string().starts_with("point 1: `ln` at"));
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[track_caller]
    pub fn try_each<A: Feed<I> + Sync>(&self, points: &[A]) -> Vec<Result<O::Arrays>>
    where
        O::Arrays: Send,
    {
        let at = here();
        let each = points.len().div_ceil(STRETCHES * rayon::current_num_threads()).max(1);
        let stretch = |points: &[A]| -> Vec<Result<O::Arrays>> {
            let mut w = Workspace::new(self, self.inner.executor());
            let one = |p: &A| {
                w.forget_warm_starts();
                self.eval_in(&mut w, p).map_err(&at)
            };
            let made = points.iter().map(one).collect();
            // Calls in one line go on from their own last call, not from a point that a thread happened to take.
            w.forget_warm_starts();
            self.inner.keep(w.into_executor());
            made
        };
        let all: Vec<Result<O::Arrays>> = points.par_chunks(each).flat_map_iter(stretch).collect();
        all.into_iter().enumerate().map(|(k, r)| r.map_err(|e| e.within_one("point", k as u64))).collect()
    }
    /// Outputs, and J·t for a tangent of all inputs (that of an index input is ignored).
    ///
    /// # Errors
    /// As [`Workspace::run`](super::Workspace::run).
    #[track_caller]
    pub fn jvp(&self, at: impl Feed<I>, tangent: impl Feed<I>) -> Result<(O::Arrays, O::Arrays)> {
        let inner = self
            .inner
            .jvp
            .get_or_init(|| self.inner.derive(|p| transform::jvp(p, &vec![true; p.inputs.len()], &vec![true; p.outputs.len()])));
        let (inputs, outputs) = ((self.inputs.clone(), self.inputs.clone()), (self.outputs.clone(), self.outputs.clone()));
        let (site, n) = (here(), self.inputs.leaf_types().len());
        self.through(inner, inputs, outputs, (at, tangent)).map_err(|e| site(e.after_point(n, "direction")))
    }
    /// Outputs, and Jᵀ·c with respect to all inputs (zero for index inputs).
    ///
    /// # Errors
    /// As [`Workspace::run`](super::Workspace::run).
    #[track_caller]
    pub fn vjp(&self, at: impl Feed<I>, cotangent: impl Feed<O>) -> Result<(O::Arrays, I::Arrays)> {
        let inner = self
            .inner
            .vjp
            .get_or_init(|| self.inner.derive(|p| transform::vjp(p, &vec![true; p.inputs.len()], &vec![true; p.outputs.len()])));
        let (inputs, outputs) = ((self.inputs.clone(), self.outputs.clone()), (self.outputs.clone(), self.inputs.clone()));
        let (site, n) = (here(), self.inputs.leaf_types().len());
        self.through(inner, inputs, outputs, (at, cotangent)).map_err(|e| site(e.after_point(n, "cotangent")))
    }
}

/// The structure of one real array: what has a gradient, where it is one number.
#[diagnostic::on_unimplemented(
    message = "a function with the outputs `{Self}` has no gradient",
    note = "choose one of the outputs: `f.output(|(loss, _)| loss)`; or use `vjp` or `jacobian`"
)]
pub trait Number: Structure<Arrays = ArrayD<Self::Real>> {
    /// Its element type.
    type Real: Real;
}
impl<T: Real> Number for Leaf<T> {
    type Real = T;
}

impl<I: Structure, O: Structure> Function<I, O> {
    /// The value, and the gradient with respect to all inputs (zero for index inputs).
    ///
    /// # Errors
    /// When the output is not one real number; otherwise as [`Workspace::run`](super::Workspace::run).
    #[track_caller]
    pub fn value_and_gradient(&self, at: impl Feed<I>) -> Result<(O::Real, I::Arrays)>
    where
        O: Number,
    {
        let inner = self.value_and_gradient_inner();
        let outputs = (self.outputs.clone(), self.inputs.clone());
        let (value, gradient) = self.through(&inner, self.inputs.clone(), outputs, at).map_err(here())?;
        Ok((value.number()?, gradient))
    }
    /// The gradient with respect to all inputs.
    ///
    /// # Errors
    /// As [`value_and_gradient`](Function::value_and_gradient).
    #[track_caller]
    pub fn gradient(&self, at: impl Feed<I>) -> Result<I::Arrays>
    where
        O: Number,
    {
        Ok(self.value_and_gradient(at)?.1)
    }
    /// The Hessian with respect to all inputs, times a direction.
    ///
    /// # Errors
    /// As [`value_and_gradient`](Function::value_and_gradient).
    #[track_caller]
    pub fn hvp(&self, at: impl Feed<I>, direction: impl Feed<I>) -> Result<I::Arrays>
    where
        O: Number,
    {
        let inner = self.inner.hvp.get_or_init(|| {
            self.value_and_gradient_inner().derive(|g| {
                let wanted: Vec<bool> = (0..g.outputs.len()).map(|i| i > 0).collect();
                let q = transform::jvp(g, &vec![true; g.inputs.len()], &wanted)?;
                transform::select(&q, &(g.outputs.len()..q.outputs.len()).collect::<Vec<_>>())
            })
        });
        let inputs = (self.inputs.clone(), self.inputs.clone());
        let (site, n) = (here(), self.inputs.leaf_types().len());
        self.through(inner, inputs, self.inputs.clone(), (at, direction)).map_err(|e| site(e.after_point(n, "direction")))
    }
}
