//! Methods of first order as optimisers of arrays: the steps of the tape, for gradients that come from anywhere.
use crate::method::Method;
use crate::methods::{AdamDescent, GradientDescent, Sgd};
use crate::problem::{Problem, Sampling, Scale, Smooth};
use hypertape_autodiff::array::{AnyArray, AnyViewMut, LeafType};
use hypertape_autodiff::record::{self, Var};
use hypertape_autodiff::tree::{AnyLeaf, Arrays, Feed, Leaf, Structure, V};
use hypertape_autodiff::{Allow, Error, ErrorKind, Function, Result, Site, Workspace, index};

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
/// (a state, a gradient, the number of the step) → the next state.
type Step = Function<(L, L, Leaf<u32>), L>;

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
/// // What there is to save: the number of updates, and the moments.
/// let mut other = Optimiser::adam(&shape![2], |m| m.step_size(0.1));
/// other.restore(adam.updates(), adam.moments())?;
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
pub struct Optimiser<S: Structure> {
    name: &'static str,
    step: Result<Step>,
    /// Made when it is first used.
    run: Option<Workspace<(L, L, Leaf<u32>), L>>,
    like: S,
    /// What the method keeps beside the point, at first and now.
    first: Vec<AnyArray>,
    moments: Vec<AnyArray>,
    updates: u32,
}

impl<S: Structure> Clone for Optimiser<S> {
    fn clone(&self) -> Self {
        let (step, like, first, moments) = (self.step.clone(), self.like.clone(), self.first.clone(), self.moments.clone());
        Optimiser { name: self.name, step, run: None, like, first, moments, updates: self.updates }
    }
}

impl<S: Structure> std::fmt::Debug for Optimiser<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Optimiser")
            .field("name", &self.name)
            .field("updates", &self.updates)
            .field("moments", &self.moments)
            .finish_non_exhaustive()
    }
}

impl<S: Structure> Optimiser<S> {
    /// Gradient descent on arrays of these shapes, with the settings of the method: x ← x − η g.
    #[must_use]
    #[track_caller]
    pub fn gradient_descent(like: &S, set: impl FnOnce(GradientDescent<Given<S>>) -> GradientDescent<Given<S>>) -> Self {
        let method = set(GradientDescent::new(&Given(like.clone())));
        if method.searches() {
            let problem = "a line search looks at values, and an optimiser of arrays sees gradients alone; give a step size".to_string();
            return Self::failed(method.name(), like, Error::new(method.name(), problem).at(Site::caller()));
        }
        Self::of(like, &method, |_| ())
    }
    /// Momentum, with the settings of the method: m ← β m + g, x ← x − η m.
    #[must_use]
    #[track_caller]
    pub fn momentum(like: &S, set: impl FnOnce(Sgd<Given<S>>) -> Sgd<Given<S>>) -> Self {
        Self::of(like, &set(Sgd::new(&Given(like.clone()))), |g| g)
    }
    /// Adam, with the settings of the method.
    #[must_use]
    #[track_caller]
    pub fn adam(like: &S, set: impl FnOnce(AdamDescent<Given<S>>) -> AdamDescent<Given<S>>) -> Self {
        Self::of(like, &set(AdamDescent::new(&Given(like.clone()))), |_| ())
    }
    fn failed(name: &'static str, like: &S, e: Error) -> Self {
        Optimiser { name, step: Err(e), run: None, like: like.clone(), first: vec![], moments: vec![], updates: 0 }
    }
    /// Of a method whose state begins with the point.
    #[track_caller]
    fn of<M: Method<Problem = Given<S>>>(like: &S, method: &M, each: fn(V<S>) -> V<M::Each>) -> Self {
        let at = Site::caller();
        match Self::recorded(like, method, each) {
            Ok((step, first)) => {
                let (moments, like) = (first.clone(), like.clone());
                Optimiser { name: method.name(), step: Ok(step), run: None, like, first, moments, updates: 0 }
            }
            Err(e) => Self::failed(method.name(), like, e.or_at(at)),
        }
    }
    fn recorded<M: Method<Problem = Given<S>>>(like: &S, method: &M, each: fn(V<S>) -> V<M::Each>) -> Result<(Step, Vec<AnyArray>)> {
        let wrong = |kind: ErrorKind| Error::new(method.name(), kind);
        let types = like.leaf_types();
        if let Some(t) = types.iter().find(|t: &&LeafType| !t.kind.is_real()) {
            return Err(wrong(format!("arrays that are optimised are real, and one of them is {t}; leave it out").into()));
        }
        method.check(None).map_err(wrong)?;
        let start = Function::record(like.clone(), |z| method.start(z.clone(), &z))?;
        let state = start.outputs().clone();
        let step = Function::record((state.clone(), like.clone(), index![]), |(s, g, k)| method.step(s, &g, each(g.clone()), k))?;
        let erased = |types: Vec<LeafType>| types.into_iter().map(AnyLeaf).collect::<L>();
        let (state, point) = (erased(state.leaf_types()), erased(types.clone()));
        let start = Function::with_doors((*start.program()?).clone(), point.clone(), state.clone())?;
        let doors = (state.clone(), point, Leaf::new([]));
        let step = Function::with_doors((*step.program()?).clone(), doors, state)?.allow(Allow::Everything);
        let zeros: Vec<AnyArray> = types.iter().map(|t| AnyArray::full(t, 0.0)).collect();
        let mut first = vec![];
        start.workspace().run_each(&zeros, &mut |v| first.push(v.to_owned()))?;
        first.drain(..types.len());
        Ok((step, first))
    }
    /// Forgets the moments, and begins to count anew.
    pub fn reset(&mut self) {
        self.moments.clone_from(&self.first);
        self.updates = 0;
    }
    /// Updates so far: the counter of schedules of steps.
    #[must_use]
    pub fn updates(&self) -> u64 {
        u64::from(self.updates)
    }
    /// What the method keeps beside the point, array by array; with the number of updates, all that there is to save.
    #[must_use]
    pub fn moments(&self) -> Vec<Vec<f64>> {
        self.moments.iter().map(AnyArray::to_f64).collect()
    }
    /// Goes on from moments after so many updates.
    ///
    /// # Errors
    /// Moments of other sizes, settings that cannot work.
    #[track_caller]
    pub fn restore(&mut self, updates: u64, moments: Vec<Vec<f64>>) -> Result<()> {
        let at = Site::caller();
        self.step.as_ref().map_err(Clone::clone)?;
        let made = |(m, like): (&Vec<f64>, &AnyArray)| AnyArray::from_f64(&like.leaf_type(), m);
        let all: Option<Vec<AnyArray>> = moments.iter().zip(&self.first).map(made).collect();
        match (all, u32::try_from(updates)) {
            (Some(all), Ok(n)) if moments.len() == self.first.len() => {
                (self.moments, self.updates) = (all, n);
                Ok(())
            }
            _ => {
                let problem = "the moments that were given have other sizes; give those of the same method on the same arrays".to_string();
                Err(Error::new(self.name, problem).at(at))
            }
        }
    }
    /// One step against a gradient.
    ///
    /// # Errors
    /// Arrays of other shapes than declared, what is not finite, settings that cannot work, a step that leads to what is not finite: then the arrays and the moments are as they were before.
    #[track_caller]
    pub fn update(&mut self, x: &mut S::Arrays, gradient: &S::Arrays) -> Result<()> {
        let at = Site::caller();
        let step = self.step.as_ref().map_err(|e| e.clone().or_at(at))?;
        let declared = self.like.leaf_types();
        let gradient = finite(self.name, "the gradient", gradient, &declared, at)?;
        let mut state = finite(self.name, "the array", x, &declared, at)?;
        state.extend(self.moments.iter().cloned());
        let run = self.run.get_or_insert_with(|| step.workspace());
        let (k, mut next) = (ndarray::arr0(self.updates), vec![]);
        run.run_each((&state, &gradient, &k), &mut |v| next.push(v.to_owned())).map_err(|e| e.or_at(at))?;
        for (leaf, (to, from)) in next.iter().zip(&state).enumerate() {
            let Some((index, value)) = to.view().first_non_finite() else { continue };
            // A measure that is the largest number stays finite; a moment that is not is told by the point that it moves.
            let place = leaf % declared.len().max(1);
            let flat = index.iter().zip(&to.leaf_type().shape).fold(0, |k, (i, n)| k * n + i);
            let of = |a: &AnyArray| a.to_f64().get(flat).copied().unwrap_or(f64::NAN);
            let problem = format!(
                "the step of element {index:?} of array {place} is not finite: from {} with the gradient {} to {value}; scale the objective or clip the gradient",
                of(from),
                gradient.get(place).map_or(f64::NAN, of)
            );
            return Err(Error::numeric(self.name, problem).at(at));
        }
        self.moments = next.split_off(declared.len());
        self.updates = self.updates.saturating_add(1);
        let mut next = next.into_iter();
        x.each_mut(&mut |to| match (to, next.next()) {
            (AnyViewMut::F64(mut to), Some(AnyArray::F64(from))) => to.assign(&from),
            (AnyViewMut::F32(mut to), Some(AnyArray::F32(from))) => to.assign(&from),
            _ => {}
        });
        Ok(())
    }
}

/// The leaves of arrays, which have the declared types and are finite.
fn finite<S: Structure>(
    name: &'static str,
    what: &'static str,
    arrays: &impl Feed<S>,
    declared: &[LeafType],
    at: Site,
) -> Result<Vec<AnyArray>> {
    let mut leaves: Vec<AnyArray> = vec![];
    arrays.feed(&mut |v| leaves.push(v.to_owned()));
    let given: Vec<LeafType> = leaves.iter().map(AnyArray::leaf_type).collect();
    if given != declared {
        let list = declared.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let problem = format!("{what} must be ({list}), as it was made for; give the same shapes, or make another one");
        return Err(Error::new(name, problem).with_operands(given).at(at));
    }
    for (leaf, a) in leaves.iter().enumerate() {
        if let Some((index, value)) = a.view().first_non_finite() {
            let what = format!("{what} {leaf} of {} given to {name}", leaves.len());
            return Err(Error::new(name, ErrorKind::NotFinite { what, index, value }).at(at));
        }
    }
    Ok(leaves)
}
