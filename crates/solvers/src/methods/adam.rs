//! Adam, as a method in the tape and as an optimiser of arrays.
use super::{alike, holds_its_problem};
use crate::handles::{hypot, like, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::prepared::wrong;
use crate::problem::{AsProblem, Smooth, asked};
use crate::step::Step;
use hypertape_autodiff::array::{AnyArray, AnyViewMut, Kind, LeafType};
use hypertape_autodiff::record::{DynVar, Scalar, Var, scalar, zeros_like};
use hypertape_autodiff::tree::{Arrays, Feed, Structure, V, Vars};
use hypertape_autodiff::{Error, ErrorKind, Result, Site};

/// Adam (Kingma and Ba 2015) in the tape: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², z ← z − η m̂/(√(v̂ + ε') + ε), with g = ∇f(z, p) and
/// m̂ = m/(1 − β₁ᵏ), v̂ = v/(1 − β₂ᵏ). ε' is 0 unless it is set.
///
/// Stopping measure: ‖∇f‖. With a fixed η it settles only to a distance near η. √v is kept instead of v, so that gradients of
/// any size are taken.
///
/// **Unrolled near a solution**, the slope of a step is of order η/ε: gradients as small as ε decide on whole steps. After k steps from the solution
/// the derivative is of order (η/ε)ᵏ, exact and useless; a report flags it, and one that is not finite is an error. With
/// [`epsilon_inside_root`](AdamDescent::epsilon_inside_root) of 10⁻⁴, say, a slope is at most 100 η.
#[derive(Debug, Clone)]
pub struct AdamDescent<Q> {
    problem: Q,
    step: Step,
    decay: (f64, f64),
    /// ε, and ε' inside the root.
    epsilon: (f64, f64),
    limits: Limits,
}

impl<Q: Smooth> AdamDescent<Q> {
    /// Of an objective of (z, parameters), with η = 10⁻³, β = (0.9, 0.999), ε = 10⁻⁸.
    #[must_use]
    #[track_caller]
    pub fn new(problem: &impl AsProblem<Problem = Q>) -> Self {
        AdamDescent {
            problem: problem.problem(),
            step: Step::from(1e-3),
            decay: (0.9, 0.999),
            epsilon: (EPSILON, 0.0),
            limits: Limits::default(),
        }
    }
    /// η: a number, a variable, one an iteration, or a rule.
    #[must_use]
    pub fn step_size(mut self, step: impl Into<Step>) -> Self {
        self.step = step.into();
        self
    }
    /// β₁ and β₂.
    #[must_use]
    pub fn decay(mut self, first: f64, second: f64) -> Self {
        self.decay = (first, second);
        self
    }
    /// ε, added to the root: 10⁻⁸ unless it is set.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon.0 = epsilon;
        self
    }
    /// ε', added to v̂ inside the root: 0 unless it is set. It bounds the derivative of a step by η/√ε'.
    #[must_use]
    pub fn epsilon_inside_root(mut self, epsilon: f64) -> Self {
        self.epsilon.1 = epsilon;
        self
    }
}

const EPSILON: f64 = 1e-8;

/// What is wrong with decay rates and both ε.
fn check((first, second): (f64, f64), (outside, inside): (f64, f64)) -> Result<(), ErrorKind> {
    if let Some(b) = [first, second].into_iter().find(|b| !(*b >= 0.0 && *b < 1.0)) {
        return Err(ErrorKind::setting("decay rate", b, "give a number from 0 to below 1"));
    }
    if let Some(e) = [outside, inside].into_iter().find(|e| !(e.is_finite() && *e >= 0.0)) {
        return Err(ErrorKind::setting("epsilon", e, "give a finite number that is not negative, such as 1e-8"));
    }
    if outside == 0.0 && inside == 0.0 {
        return Err(format!("both epsilons are 0, so a gradient of 0 is divided by 0; give one of them, such as {EPSILON:e}").into());
    }
    Ok(())
}

impl<Q: Smooth> Method for AdamDescent<Q> {
    type Problem = Q;
    alike!();
    /// z, m and √v: its squares would leave the range.
    type State = (Q::Unknown, Q::Unknown, Q::Unknown);
    holds_its_problem!("Adam");
    fn start(&self, z: V<Q::Unknown>, _: &V<Q::Params>) -> V<Self::State> {
        let zero = zeros_like(&z);
        (z, zero.clone(), zero)
    }
    fn step(&self, (z, m, r): V<Self::State>, p: &V<Q::Params>, (): (), k: Var<u32>) -> V<Self::State> {
        let (first, second) = self.decay;
        let g = asked::gradient(&self.problem, &z, p);
        let m = m.scaled(first).add_scaled(1.0 - first, &g);
        let root = r.scaled(second.sqrt()).zip(&g.scaled((1.0 - second).sqrt()), &mut hypot);
        let turns: Var = k.real::<f64>() + 1.0;
        let unbias = |decay: f64| if decay == 0.0 { scalar(1.0) } else { 1.0 - (turns * decay.ln()).exp() };
        let (by_m, by_r, step) = (Scalar::from(unbias(first)), Scalar::from(unbias(second).sqrt()), self.step.now(k));
        let update = m.zip(&root, &mut |m, r| {
            let unbiased = r / like(by_r, r);
            let inside = like(self.epsilon.1.sqrt().into(), r);
            let size = if self.epsilon.1 > 0.0 { hypot(unbiased, inside) } else { unbiased };
            m / like(by_m, m) / (size + like(self.epsilon.0.into(), r))
        });
        (z.zip(&update, &mut |z, u| z - like(step, u) * u), m, root)
    }
    fn unknown(&self, (z, ..): &V<Self::State>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z.clone()
    }
    fn stopping(&self, (z, ..): &V<Self::State>, p: &V<Q::Params>) -> DynVar {
        norm(&asked::gradient(&self.problem, z, p)).to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), ErrorKind> {
        check(self.decay, self.epsilon)?;
        self.step.check("step size", steps)
    }
}

/// Adam (Kingma and Ba 2015) on arrays: the outer loop's optimiser.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_solvers::Adam;
/// let f = Function::record(shape![2], |x| (x - 1.0).dot(x - 1.0))?;
/// let (mut adam, mut x) = (Adam::new(0.1, &shape![2]), ndarray::arr1(&[0.0, 3.0]).into_dyn());
/// for _ in 0..500 {
///     let gradient = f.gradient(&x)?;
///     adam.update(&mut x, &gradient)?;
/// }
/// assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-3));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Adam<S: Structure> {
    /// η.
    pub step: f64,
    /// β₁ and β₂.
    pub decay: (f64, f64),
    /// ε, added to the root, which keeps the division finite.
    pub epsilon: f64,
    /// ε', added inside the root.
    pub epsilon_inside_root: f64,
    turns: i32,
    /// m and √v.
    moments: Vec<(Vec<f64>, Vec<f64>)>,
    like: S,
}

impl<S: Structure> Adam<S> {
    /// With step η for arrays of these shapes, β = (0.9, 0.999) and ε = 10⁻⁸.
    #[must_use]
    pub fn new(step: f64, like: &S) -> Self {
        let moments = like.leaf_types().iter().map(|t: &LeafType| (vec![0.0; t.len()], vec![0.0; t.len()])).collect();
        Adam { step, decay: (0.9, 0.999), epsilon: EPSILON, epsilon_inside_root: 0.0, turns: 0, moments, like: like.clone() }
    }
    /// With ε, added to the root.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
    /// With ε', added to v̂ inside the root.
    #[must_use]
    pub fn epsilon_inside_root(mut self, epsilon: f64) -> Self {
        self.epsilon_inside_root = epsilon;
        self
    }
    /// Forgets the moments.
    pub fn reset(&mut self) {
        self.turns = 0;
        self.moments.iter_mut().for_each(|(m, r)| {
            m.fill(0.0);
            r.fill(0.0);
        });
    }
    /// The moments m and √v of each leaf: with the number of updates, all that there is to save.
    #[must_use]
    pub fn moments(&self) -> &[(Vec<f64>, Vec<f64>)] {
        &self.moments
    }
    /// Updates so far.
    #[must_use]
    pub fn updates(&self) -> u64 {
        u64::from(self.turns.unsigned_abs())
    }
    /// Goes on from moments after so many updates. Moments of other shapes are refused by the next update.
    pub fn restore(&mut self, updates: u64, moments: Vec<(Vec<f64>, Vec<f64>)>) {
        (self.turns, self.moments) = (i32::try_from(updates).unwrap_or(i32::MAX), moments);
    }
    /// One step against the gradient. Indices stay as they are.
    ///
    /// # Errors
    /// Arrays of other shapes than declared, a gradient that is not finite, a step or rates that cannot work, a step that leads to what is not finite:
    /// then the arrays and the moments are as they were before.
    #[track_caller]
    pub fn update(&mut self, x: &mut S::Arrays, gradient: &S::Arrays) -> Result<()> {
        let at = Site::caller();
        if !(self.step.is_finite() && self.step > 0.0) {
            return Err(wrong("Adam", ErrorKind::setting("step", self.step, "give a finite positive number"), at));
        }
        check(self.decay, (self.epsilon, self.epsilon_inside_root)).map_err(|problem| wrong("Adam", problem, at))?;
        let declared = self.like.leaf_types();
        let fits = |(t, (m, r)): (&LeafType, &(Vec<f64>, Vec<f64>))| m.len() == t.len() && r.len() == t.len();
        if self.moments.len() != declared.len() || !declared.iter().zip(&self.moments).all(fits) {
            return Err(Error::new(
                "Adam",
                "the moments that were restored have other shapes; restore those of the same arrays".to_string(),
            )
            .at(at));
        }
        let gradients = self.finite("the gradient", gradient, &declared, at)?;
        let points = self.finite("the array", x, &declared, at)?;
        let turns = self.turns.saturating_add(1);
        let mut moments = self.moments.clone();
        let mut moved = vec![];
        for (leaf, ((g, x), (m, r))) in gradients.iter().zip(&points).zip(&mut moments).enumerate() {
            let single = g.kind() == Kind::F32;
            let mut next = x.to_f64();
            if g.kind().is_real() {
                for (i, (((x, g), m), r)) in next.iter_mut().zip(g.to_f64()).zip(m.iter_mut()).zip(r.iter_mut()).enumerate() {
                    let change = self.change(g, (m, r), turns);
                    let y = if single { f64::from((*x - change) as f32) } else { *x - change };
                    if !(y.is_finite() && m.is_finite() && r.is_finite()) {
                        let problem = format!(
                            "the step of element {i} of array {leaf} is not finite: from {x} with the gradient {g} to {y}; scale the objective or clip the \
                             gradient"
                        );
                        return Err(Error::numeric("Adam", problem).at(at));
                    }
                    *x = y;
                }
            }
            moved.push(next);
        }
        (self.turns, self.moments) = (turns, moments);
        let mut moved = moved.into_iter();
        x.each_mut(&mut |x| {
            let Some(next) = moved.next() else { return };
            match x {
                AnyViewMut::F64(mut x) => x.iter_mut().zip(next).for_each(|(x, y)| *x = y),
                AnyViewMut::F32(mut x) => x.iter_mut().zip(next).for_each(|(x, y)| *x = y as f32),
                AnyViewMut::U32(_) => {}
            }
        });
        Ok(())
    }
    /// η m̂/(√(v̂ + ε') + ε), with the moments moved.
    fn change(&self, g: f64, (m, r): (&mut f64, &mut f64), turns: i32) -> f64 {
        let (first, second) = self.decay;
        *m = first * *m + (1.0 - first) * g;
        *r = (second.sqrt() * *r).hypot((1.0 - second).sqrt() * g);
        let (by_m, by_r) = (1.0 - first.powi(turns), (1.0 - second.powi(turns)).sqrt());
        self.step * (*m / by_m / ((*r / by_r).hypot(self.epsilon_inside_root.sqrt()) + self.epsilon))
    }
    /// The leaves of arrays, which have the declared types and are finite.
    fn finite(&self, what: &str, arrays: &impl Feed<S>, declared: &[LeafType], at: Site) -> Result<Vec<AnyArray>> {
        let mut leaves: Vec<AnyArray> = vec![];
        arrays.feed(&mut |v| leaves.push(v.to_owned()));
        let given: Vec<LeafType> = leaves.iter().map(AnyArray::leaf_type).collect();
        if given != declared {
            let list = declared.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let problem = format!("{what} must be ({list}), as it was made for; give the same shapes, or make another one");
            return Err(Error::new("Adam", problem).with_operands(given).at(at));
        }
        for (leaf, a) in leaves.iter().enumerate() {
            if let Some((index, value)) = a.view().first_non_finite() {
                let what = format!("{what} {leaf} of {} given to Adam", leaves.len());
                return Err(Error::new("Adam", ErrorKind::NotFinite { what, index, value }).at(at));
            }
        }
        Ok(leaves)
    }
}
