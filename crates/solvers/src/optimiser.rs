//! Methods of first order as optimisers of arrays: the steps of the tape, for gradients that come from anywhere.
use crate::method::{Method, Params};
use crate::methods::{AdamDescent, GradientDescent, Sgd};
use crate::problem::{Problem, Sampling, Scale, Smooth};
use hypertape_autodiff::array::{AnyArray, AnyView, AnyViewMut, LeafType};
use hypertape_autodiff::record::{self, Var};
use hypertape_autodiff::tree::{AnyLeaf, Arrays, Feed, Structure, V, leaves};
use hypertape_autodiff::{Error, ErrorKind, Function, Result, Site, Workspace, index};

/// A problem whose gradient is given: it is its parameter, or its batch.
///
/// It has neither values nor curvatures: they are 0. A method that looks at them, as a line search does, has no use for it.
#[derive(Debug, Clone)]
pub struct Given<S>(S);

impl<S: Structure> Problem for Given<S> {
    type Unknown = S;
    type Params = S;
    type Solution = S;
    fn shapes(&self) -> Result<(S, S)> {
        Ok((self.0.clone(), self.0.clone()))
    }
    fn solution(&self, w: &V<S>, _: &V<S>, _: Scale) -> V<S> {
        w.clone()
    }
}

impl<S: Structure> Smooth for Given<S> {
    fn gradient(&self, _: &V<S>, given: &V<S>) -> V<S> {
        given.clone()
    }
    fn value_and_gradient(&self, _: &V<S>, given: &V<S>) -> (Var, V<S>) {
        (record::scalar(0.0), given.clone())
    }
    fn hessian_product(&self, _: &V<S>, _: &V<S>, v: &V<S>) -> V<S> {
        record::zeros_like(v)
    }
}

impl<S: Structure> Sampling for Given<S> {
    type Batch = S;
    fn batch(&self) -> Result<S> {
        Ok(self.0.clone())
    }
    fn sampled_gradient(&self, _: &V<S>, _: &V<S>, given: V<S>) -> V<S> {
        given
    }
}

type L = Vec<AnyLeaf>;
/// A state, a gradient, the number of the step.
type Input = (L, L, record::scalar_leaf::U32);

/// An optimiser of arrays: a step of [`GradientDescent`], of [`Sgd`] with momentum or of [`AdamDescent`], recorded once and run for each gradient that it is given. What it does is what the method does in the
/// tape, with the same settings and schedules of steps.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_solvers::{Optimiser, Step};
/// let f = Function::record(shape![2], |x| (x - 1.0).dot(x - 1.0))?;
/// let mut adam = Optimiser::adam(&shape![2], |m| m.step_size(Step::rule(|k| 0.3 / (1.0 + 0.01 * k))));
/// let mut x = ndarray::arr1(&[0.0, 3.0]).into_dyn();
/// for _ in 0..500 {
///     let gradient = f.gradient(&x)?;
///     adam.update(&mut x, &gradient)?;
/// }
/// assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-3));
/// // What there is to save: the number of updates, and the moments of each array.
/// let (updates, moments) = (adam.updates(), adam.moments().to_vec());
/// let mut other = Optimiser::adam(&shape![2], |m| m.step_size(0.1));
/// other.restore(updates, moments)?;
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug)]
pub struct Optimiser<S: Structure> {
    name: &'static str,
    run: Result<Workspace<Input, L>>,
    like: S,
    /// What the method keeps beside the point.
    moments: Vec<AnyArray>,
    first: Vec<AnyArray>,
    updates: u32,
}
