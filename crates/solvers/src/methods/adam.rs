//! Adam, as a method in the tape and as an optimiser of arrays.
use crate::handles::{like, norm};
use crate::limits::Limits;
use crate::method::Method;
use crate::objective::{Derivatives, Objective, limits};
use crate::step::Step;
use hypertape_autodiff::Result;
use hypertape_autodiff::array::{AnyArray, AnyViewMut, LeafType, Real};
use hypertape_autodiff::record::{DynVar, Scalar, Var, zeros_like};
use hypertape_autodiff::tree::{Arrays, Structure, V, Vars};

/// Adam (Kingma and Ba 2015) in the tape: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², z ← z − η m̂/(√v̂ + ε), with g = ∇f(z, p) and
/// m̂ = m/(1 − β₁ᵏ), v̂ = v/(1 − β₂ᵏ).
///
/// Optimality map: ∇f(z, p). Stopping measure: ‖∇f‖. With a fixed η it settles only to a distance near η.
#[derive(Debug, Clone)]
pub struct AdamDescent<S: Structure, P: Structure> {
    f: Derivatives<S, P>,
    step: Step,
    decay: (f64, f64),
    limits: Limits,
}

impl<S: Structure, P: Structure> AdamDescent<S, P> {
    /// Of an objective of (z, parameters), with η = 10⁻³, β = (0.9, 0.999), ε = 10⁻⁸.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(objective: &Objective<S, P, T>) -> Self {
        AdamDescent { f: Derivatives::of(objective), step: Step::from(1e-3), decay: (0.9, 0.999), limits: Limits::default() }
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
}

const EPSILON: f64 = 1e-8;

impl<S: Structure, P: Structure> Method for AdamDescent<S, P> {
    type Solution = S;
    type Params = P;
    type Each = ();
    type State = (S, S, S);
    fn name(&self) -> &'static str {
        "Adam"
    }
    fn shapes(&self) -> Result<(S, P, ())> {
        let (z, p) = self.f.gradient.inputs().clone();
        self.f.gradient.program().map(|_| (z, p, ()))
    }
    fn start(&self, z: V<S>, _: &V<P>) -> V<Self::State> {
        let zero = zeros_like(&z);
        (z, zero.clone(), zero)
    }
    fn step(&self, (z, m, v): V<Self::State>, p: &V<P>, (): (), k: Var<u32>) -> V<Self::State> {
        let (first, second) = self.decay;
        let g = self.f.gradient(&z, p);
        let m = m.scaled(first).add_scaled(1.0 - first, &g);
        let square = g.zip(&g, &mut |a, b| a * b);
        let v = v.scaled(second).add_scaled(1.0 - second, &square);
        let turns: Var = k.real::<f64>() + 1.0;
        let unbias = |decay: f64| Scalar::from(1.0 - (turns * decay.ln()).exp());
        let (by_m, by_v, step) = (unbias(first), unbias(second), self.step.now(k));
        // √v at 0 has derivative 0, as the gradient there is 0 too.
        let update = m.zip(&v, &mut |m, v| {
            let root = sqrt(v / like(by_v, v)) + like(EPSILON.into(), v);
            m / like(by_m, m) / root
        });
        (z.zip(&update, &mut |z, u| z - like(step, u) * u), m, v)
    }
    fn solution(&self, (z, ..): &V<Self::State>) -> V<S> {
        z.clone()
    }
    fn optimality(&self, z: &V<S>, p: &V<P>) -> V<S> {
        self.f.gradient(z, p)
    }
    fn stopping(&self, (z, ..): &V<Self::State>, p: &V<P>) -> DynVar {
        norm(&self.f.gradient(z, p)).to_dyn()
    }
    fn check(&self, steps: Option<usize>) -> Result<(), String> {
        for b in [self.decay.0, self.decay.1] {
            if !(b > 0.0 && b < 1.0) {
                return Err(format!("a decay rate is {b}; give a number between 0 and 1"));
            }
        }
        self.step.check("step size", steps)
    }
    limits!();
}

#[track_caller]
fn sqrt(v: DynVar) -> DynVar {
    hypertape_autodiff::record::apply("sqrt", &[v], std::panic::Location::caller(), |b, x| b.sqrt(x[0]))
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
///     adam.update(&mut x, &gradient);
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
    /// ε, which keeps the division finite.
    pub epsilon: f64,
    turns: i32,
    moments: Vec<(Vec<f64>, Vec<f64>)>,
    like: S,
}

impl<S: Structure> Adam<S> {
    /// With step η for arrays of these shapes, β = (0.9, 0.999) and ε = 10⁻⁸.
    #[must_use]
    pub fn new(step: f64, like: &S) -> Self {
        let moments = like.leaf_types().iter().map(|t: &LeafType| (vec![0.0; t.len()], vec![0.0; t.len()])).collect();
        Adam { step, decay: (0.9, 0.999), epsilon: EPSILON, turns: 0, moments, like: like.clone() }
    }
    /// Forgets the moments.
    pub fn reset(&mut self) {
        *self = Adam { step: self.step, decay: self.decay, epsilon: self.epsilon, ..Adam::new(self.step, &self.like) };
    }
    /// One step against the gradient. Indices stay as they are; a leaf of another size than declared is left alone.
    pub fn update(&mut self, x: &mut S::Arrays, gradient: &S::Arrays) {
        self.turns += 1;
        let (first, second) = self.decay;
        let (by_m, by_v) = (1.0 - first.powi(self.turns), 1.0 - second.powi(self.turns));
        let mut gradients: Vec<AnyArray> = vec![];
        hypertape_autodiff::tree::Feed::<S>::feed(gradient, &mut |g| gradients.push(g.to_owned()));
        let mut leaves = gradients.into_iter().zip(&mut self.moments);
        let (step, epsilon) = (self.step, self.epsilon);
        x.each_mut(&mut |x| {
            let Some((g, (m, v))) = leaves.next() else { return };
            let size = match &x {
                AnyViewMut::F64(x) => x.len(),
                AnyViewMut::F32(x) => x.len(),
                AnyViewMut::U32(_) => return,
            };
            let g = g.to_f64();
            if g.len() != m.len() || size != m.len() {
                return;
            }
            let change = m.iter_mut().zip(v.iter_mut()).zip(g).map(|((m, v), g)| {
                *m = first * *m + (1.0 - first) * g;
                *v = second * *v + (1.0 - second) * g * g;
                step * (*m / by_m) / ((*v / by_v).sqrt() + epsilon)
            });
            match x {
                AnyViewMut::F64(mut x) => x.iter_mut().zip(change).for_each(|(x, c)| *x -= c),
                AnyViewMut::F32(mut x) => x.iter_mut().zip(change).for_each(|(x, c)| *x -= c as f32),
                AnyViewMut::U32(_) => {}
            }
        });
    }
}
