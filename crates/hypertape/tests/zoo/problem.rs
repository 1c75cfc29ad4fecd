//! What a problem of the zoo is: expressions that solvers take, and what is known about the solution.
use hypertape::prelude::*;
use hypertape_testkit::differences::rounding;
use ndarray::{Array1, Array2, ArrayD};
use std::rc::Rc;
use std::sync::Arc;

/// Arrays (z, θ) to a number or an array.
pub(crate) type Recorded = Function<(Leaf, Leaf), Leaf>;

/// Where methods stop unless the problem says otherwise, and the relative residual of the linear solves.
pub(crate) const SOLVED: f64 = 1e-12;

/// min f + g: the smooth part and the proximal operator of the other.
#[derive(Clone)]
pub(crate) struct Split {
    /// f(z, θ).
    pub(crate) smooth: Recorded,
    /// prox of g(·, θ).
    pub(crate) prox: SharedProx,
    /// Where to begin: it may lack dual variables that the whole problem has.
    pub(crate) start: ArrayD<f64>,
}

/// min f + h∘K as Condat–Vu takes it.
#[derive(Clone)]
pub(crate) struct PrimalDual {
    /// K.
    pub(crate) matrix: Array2<f64>,
    /// prox of the conjugate h*.
    pub(crate) dual_prox: SharedProx,
}

/// A proximal operator that several solvers hold.
#[derive(Clone)]
pub(crate) struct SharedProx(Rc<dyn Prox<Leaf, Leaf>>);

impl Prox<Leaf, Leaf> for SharedProx {
    fn prox(&self, v: Var, step: Var, params: &Var) -> Var {
        self.0.prox(v, step, params)
    }
}

/// A problem: expressions, a point θ, and what is known there.
#[derive(Clone)]
pub(crate) struct Problem {
    /// θ.
    pub(crate) at: ArrayD<f64>,
    /// z₀.
    pub(crate) start: ArrayD<f64>,
    /// η of gradient and proximal steps.
    pub(crate) step: f64,
    /// Entries of θ that are the step size and the start instead, where the iterates themselves are the problem.
    pub(crate) entries: Option<[usize; 2]>,
    /// Steps of gradient or proximal descent after which derivatives have converged to rounding.
    pub(crate) steps: usize,
    /// A bound of the condition number of F_z: what an error of a linear solve is multiplied by.
    pub(crate) condition: f64,
    /// Where methods stop.
    pub(crate) tolerance: f64,
    /// A Lipschitz constant of the gradient of the smooth part.
    pub(crate) lipschitz: f64,
    /// The objective, where the problem is one of minimisation or a saddle.
    pub(crate) objective: Option<Recorded>,
    /// The same in two parts.
    pub(crate) split: Option<Split>,
    /// The same for a primal-dual method; unless given, h = g and K = I.
    pub(crate) primal_dual: Option<PrimalDual>,
    /// T with z = T(z, θ).
    pub(crate) map: Option<Recorded>,
    /// F with F(z, θ) = 0.
    pub(crate) residual: Option<Recorded>,
    /// z*(θ) in closed form: what a user's own solver would find.
    pub(crate) solution: Arc<dyn Fn(&[f64]) -> Vec<f64> + Send + Sync>,
    /// dz*/dθ, a row for each entry of z.
    pub(crate) jacobian: Array2<f64>,
    /// Σ cᵢ ∂²zᵢ/∂θ² v as a function of (c, v), where it is known.
    pub(crate) second: Option<Rc<dyn Fn(&[f64], &[f64]) -> Vec<f64>>>,
}

impl Problem {
    /// With a point, a start, and the known solution and Jacobian; expressions follow.
    pub(crate) fn new(
        at: &[f64],
        start: &[f64],
        solution: impl Fn(&[f64]) -> Vec<f64> + Send + Sync + 'static,
        jacobian: Array2<f64>,
    ) -> Problem {
        Problem {
            at: vector(at),
            start: vector(start),
            step: 1.0,
            entries: None,
            steps: 1,
            condition: 1.0,
            tolerance: SOLVED,
            lipschitz: 1.0,
            objective: None,
            split: None,
            primal_dual: None,
            map: None,
            residual: None,
            solution: Arc::new(solution),
            jacobian,
            second: None,
        }
    }
    /// Steps of size η, so many of them; the Lipschitz constant and the condition number.
    pub(crate) fn numbers(self, step: f64, steps: usize, lipschitz: f64, condition: f64) -> Problem {
        Problem { step, steps, lipschitz, condition, ..self }
    }
    /// A smooth objective: it splits into itself and 0, and its gradient gives the residual and the map.
    pub(crate) fn smooth(self, f: impl Fn(Var, Var) -> Var) -> Problem {
        let objective = self.record(&f);
        let gradient = objective.wrt(|(z, _)| z).gradient();
        let step = self.step;
        let map = self.record(&|z, p| z - step * gradient.call((z, p)));
        let split =
            Split { smooth: objective.clone(), prox: shared(prox::of::<Leaf, Leaf, _>(|v: Var, _, _: &Var| v)), start: self.start.clone() };
        Problem { objective: Some(objective), residual: Some(gradient), map: Some(map), split: Some(split), ..self }
    }
    /// A smooth part and a proximal operator: the proximal step gives the map and the residual.
    pub(crate) fn composite(self, f: impl Fn(Var, Var) -> Var, prox: impl Prox<Leaf, Leaf>) -> Problem {
        let (smooth, prox, step) = (self.record(&f), shared(prox), self.step);
        let gradient = smooth.wrt(|(z, _)| z).gradient();
        let map = self.record(&|z, p| prox.prox(z - step * gradient.call((z, p)), scalar(step), &p));
        let residual = self.record(&|z, p| z - map.call((z, p)));
        let split = Split { smooth, prox, start: self.start.clone() };
        Problem { split: Some(split), map: Some(map), residual: Some(residual), ..self }
    }
    /// The objective as one expression.
    pub(crate) fn objective(self, f: impl Fn(Var, Var) -> Var) -> Problem {
        let objective = self.record(&f);
        Problem { objective: Some(objective), ..self }
    }
    /// The map, where it is not a gradient or proximal step.
    pub(crate) fn map(self, f: impl Fn(Var, Var) -> Var) -> Problem {
        let map = self.record(&f);
        Problem { map: Some(map), ..self }
    }
    /// Second derivatives that are 0: the solution is linear in θ near the point.
    pub(crate) fn linear(self) -> Problem {
        let n = self.at.len();
        self.second(move |_, _| vec![0.0; n])
    }
    /// Second derivatives (c, v) ↦ Σ cᵢ ∂²zᵢ/∂θ² v.
    pub(crate) fn second(self, f: impl Fn(&[f64], &[f64]) -> Vec<f64> + 'static) -> Problem {
        Problem { second: Some(Rc::new(f)), ..self }
    }
    /// z*(θ) at the point.
    pub(crate) fn known(&self) -> Vec<f64> {
        (self.solution)(&flat(&self.at))
    }
    /// What a derivative of this size may be off by: the residuals of both solves times the condition number, and the rounding of the steps.
    pub(crate) fn allowed(&self, expected: &[f64]) -> f64 {
        let size = expected.iter().fold(1.0, |size: f64, v| size.max(v.abs()));
        20.0 * self.condition * self.tolerance * size + rounding(self.steps, size)
    }
    pub(crate) fn record(&self, f: &dyn Fn(Var, Var) -> Var) -> Recorded {
        Function::record((Leaf::new(self.start.shape()), Leaf::new(self.at.shape())), |(z, p)| f(z, p))
            .expect("the zoo's expressions record")
    }
}

/// A proximal operator that several solvers hold.
pub(crate) fn shared(prox: impl Prox<Leaf, Leaf>) -> SharedProx {
    SharedProx(Rc::new(prox))
}

/// Entry i of a vector, as a number.
pub(crate) fn entry(v: Var, i: usize) -> Var {
    v.slice_axis(0, i, i + 1).reshape(&[])
}

/// A vector of dynamic rank.
pub(crate) fn vector(v: &[f64]) -> ArrayD<f64> {
    Array1::from(v.to_vec()).into_dyn()
}

/// The elements in order.
pub(crate) fn flat(a: &ArrayD<f64>) -> Vec<f64> {
    a.iter().copied().collect()
}
