//! Hypergradients through a recorded solver: unrolled (ITD), truncated, implicit inside the recording, first-order, or in forward mode.
use crate::calls::Phases;
use crate::counted::Tally;
use crate::estimator::{Ask, Estimate, Estimator, Memory, Oracle, Solve};
use crate::file::in_short;
use crate::leaves::{Leaves, flat, len, push};
use crate::problem::Bilevel;
use hypertape_autodiff::array::{AnyView, LeafType};
use hypertape_autodiff::record::{Var, stop_gradient};
use hypertape_autodiff::tree::{AnyLeaf, Feed, Leaf, Own, Structure, V, Vars};
use hypertape_autodiff::{Error, Function, Result, Workspace};
use hypertape_solvers::{Equation, Inner, Problem};
use std::rc::Rc;

/// The derivative of h(z(x), x), where a solver with a way to differentiate it makes z(x) inside the recording.
///
/// - `Recorded::new(method.unroll(n))`: iterative differentiation (ITD; Franceschi et al. 2017), exact for the n-th iterate.
/// - `method.unroll(n).keep(Keep::Last(k))`: the last k steps alone (K-RMD; Shaban et al. 2019).
/// - `lbfgs.implicit(Shine::default())`: the inverse estimate of the forward solve (SHINE; Ramzi et al. 2022); any other implicit solver likewise.
/// - [`first_order`](Recorded::first_order): what the solution does with x is left out, but for its start.
/// - [`forward`](Recorded::forward): one pass for each outer variable, no memory for the way back.
///
/// The solver is made from the problem: `GradientDescent::new(&problem).step_size(0.1).unroll(50)`. What it evaluates is counted, the products of linear solvers in an implicit recording too; gradients that the way back computes
/// again count as those of the inner solve. Made from the bare objective it works, and its counts stay 0.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_bilevel::{Ask, Bilevel, Estimator, Memory, Recorded};
/// use hypertape_solvers::{GradientDescent, Solve};
/// use ndarray::arr1;
/// // z ← z − ½(z − x), twice from 0: z = ¾x, and h = z².
/// let inner = Function::record((shape![1], shape![1]), |(z, x)| 0.5 * (z - x).square().sum())?;
/// let outer = Function::record((shape![1], shape![1]), |(z, _)| z.square().sum())?;
/// let problem = Bilevel::new(&inner, &outer);
/// let itd = Recorded::new(GradientDescent::new(&problem).step_size(0.5).unroll(2));
/// let found = itd.prepare(&problem)?.at(&[2.0], &mut Memory::default(), Ask::default())?;
/// assert_eq!((found.value, found.gradient[0]), (2.25, 2.25));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
pub struct Recorded<S: Structure, P: Structure> {
    inner: Rc<dyn Inner<S, P>>,
    start: Start<S, P>,
    warm: bool,
    first_order: bool,
    forward: bool,
}

/// Where the solver begins.
#[derive(Clone)]
enum Start<S: Structure, P: Structure> {
    Zero,
    At(Vec<f64>, Vec<LeafType>),
    By(Rc<dyn Fn(&V<P>) -> V<S>>),
}

impl<S: Structure, P: Structure> std::fmt::Debug for Recorded<S, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").field("solver", &self.inner.name()).field("warm", &self.warm).finish_non_exhaustive()
    }
}

impl<S: Structure, P: Structure> Clone for Recorded<S, P> {
    fn clone(&self) -> Self {
        Recorded { inner: self.inner.clone(), start: self.start.clone(), ..*self }
    }
}

impl<S: Structure, P: Structure> Recorded<S, P> {
    /// With a solver that knows how it is differentiated. It starts from 0.
    #[must_use]
    pub fn new(inner: impl Inner<S, P> + 'static) -> Self {
        Recorded { inner: Rc::new(inner), start: Start::Zero, warm: false, first_order: false, forward: false }
    }
    /// Each solve begins where the last one ended. The start has no derivative.
    #[must_use]
    pub fn warm_start(mut self) -> Self {
        self.warm = true;
        self
    }
    /// Where solves begin, the first one of them if they are warm.
    #[must_use]
    pub fn start(mut self, z: impl Feed<S>) -> Self {
        let (mut all, mut types) = (vec![], vec![]);
        z.feed(&mut |v| {
            types.push(v.leaf_type());
            push(&v, &mut all);
        });
        self.start = Start::At(all, types);
        self
    }
    /// A start that depends on the outer variables, and is differentiated: the initialisation of meta-learning.
    #[must_use]
    pub fn start_by(mut self, start: impl Fn(&V<P>) -> V<S> + 'static) -> Self {
        self.start = Start::By(Rc::new(start));
        self
    }
    /// Takes the steps for constants: the derivative is that of h with the solution moving as its start does (first-order MAML: Finn, Abbeel and Levine 2017). Biased.
    #[must_use]
    pub fn first_order(mut self) -> Self {
        self.first_order = true;
        self
    }
    /// Forward mode: as many passes as there are outer variables.
    #[must_use]
    pub fn forward(mut self) -> Self {
        self.forward = true;
        self
    }
}

type Leaf1 = Leaf<f64>;
type Vector = Vec<AnyLeaf>;

/// What runs the derivative: of (x, z₀) the value, the solution and the gradient.
enum Way<S: Structure, P: Structure> {
    Back(Workspace<(P, S), ((Leaf1, S), P)>),
    Forth(Workspace<((P, S), P), ((Leaf1, S), (Leaf1, S))>),
}

struct Ready<S: Structure, P: Structure> {
    name: String,
    way: Way<S, P>,
    types: [Vec<LeafType>; 2],
    start: Vec<f64>,
    warm: bool,
    tally: Tally,
}

impl<Q: Equation + Problem<Solution = <Q as Problem>::Unknown>> Estimator<Q> for Recorded<Q::Unknown, Q::Params> {
    fn prepare(&self, problem: &Bilevel<Q>) -> Result<Box<dyn Oracle>> {
        let (unknown, params) = problem.shapes()?;
        let outer = problem.outer()?;
        let types = [unknown.leaf_types(), params.leaf_types()];
        let own = matches!(self.start, Start::By(_));
        if own && self.warm {
            return Err(Error::new(
                "Recorded",
                "a start that depends on the outer variables cannot be warm; choose one of both".to_string(),
            ));
        }
        let start = match &self.start {
            Start::At(z, given) => {
                let arrays = Leaves::cut(given, z);
                flat::<Vector>("Recorded", "the start", &arrays, &types[0])?
            }
            _ => vec![0.0; len(&types[0])],
        };
        let f: Function<(Q::Params, Q::Unknown), (Leaf1, Q::Unknown)> = Function::record((params, unknown), |(x, z0)| {
            let z0 = if let Start::By(f) = &self.start { f(&x) } else { stop_gradient(&z0) };
            let mut z = self.inner.solve_vars(z0.clone(), x.clone());
            if self.first_order {
                z = z0.zip(&stop_gradient(&z.minus(&z0)), &mut |a, b| a + b);
            }
            let value: Var = outer.call((Own::<Q::Unknown>(z.clone()), Own::<Q::Params>(x)));
            (value, z)
        })?;
        let by_x = f.wrt(|(x, _)| x);
        let way = if self.forward {
            Way::Forth(by_x.jvp().workspace())
        } else {
            Way::Back(by_x.value_and_gradient_of(|(value, _)| value).workspace())
        };
        let kind = ["", ", first-order"][usize::from(self.first_order)];
        let mode = ["", ", forward mode"][usize::from(self.forward)];
        let name = format!("{}{kind}{mode}", self.inner.name());
        Ok(Box::new(Ready { name, way, types, start, warm: self.warm, tally: problem.inner().tally().clone() }))
    }
}

impl<S: Structure, P: Structure> Oracle for Ready<S, P> {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn settings(&self) -> String {
        format!("{}; start {}, warm {}", self.name, in_short(&self.start), self.warm)
    }
    fn unknowns(&self) -> Option<usize> {
        Some(self.start.len())
    }
    fn at(&mut self, x: &[f64], memory: &mut Memory, _: Ask) -> Result<Estimate> {
        let before = self.tally.both();
        let from = if self.warm && !memory.solution.is_empty() { &memory.solution } else { &self.start };
        let (x, z0) = (Leaves::cut(&self.types[1], x), Leaves::cut(&self.types[0], from));
        let (leaves, n) = (self.types[0].len(), len(&self.types[1]));
        let (mut value, mut solution, mut gradient, mut inner, mut adjoint) = (vec![], vec![], vec![], None, None);
        match &mut self.way {
            Way::Back(w) => {
                let mut k = 0;
                w.run_each((&x, &z0), &mut |v: AnyView<'_>| {
                    push(
                        &v,
                        if k == 0 {
                            &mut value
                        } else if k <= leaves {
                            &mut solution
                        } else {
                            &mut gradient
                        },
                    );
                    k += 1;
                })?;
                (inner, adjoint) = solves_of(w.reports());
            }
            Way::Forth(w) => {
                for j in 0..n.max(1) {
                    let mut unit = vec![0.0; n];
                    unit.iter_mut().skip(j).take(1).for_each(|u| *u = 1.0);
                    let (mut all, mut k) = (vec![], 0);
                    let mut outputs = (vec![], vec![]);
                    w.run_each(((&x, &z0), &Leaves::cut(&self.types[1], &unit)), &mut |v: AnyView<'_>| {
                        push(
                            &v,
                            if k == 0 {
                                &mut outputs.0
                            } else if k <= leaves {
                                &mut outputs.1
                            } else {
                                &mut all
                            },
                        );
                        k += 1;
                    })?;
                    (value, solution) = outputs;
                    gradient.extend(all.first().filter(|_| n > 0));
                }
                let made = solves_of(w.reports());
                (inner, adjoint) = (inner.or(made.0), adjoint.or(made.1));
            }
        }
        memory.solution = solution;
        let [forward, back] = self.tally.both();
        // Forward mode runs everything once for each outer variable.
        let passes = if let Way::Forth(_) = self.way { n.max(1) as u64 } else { 1 };
        let phases = Phases { inner: forward - before[0], adjoint: back - before[1], outer: passes };
        let value = value.first().copied().unwrap_or(f64::NAN);
        Ok(Estimate {
            value,
            length: hypertape_linear::norm(&gradient),
            gradient,
            correction: 0.0,
            inner,
            adjoint,
            certified: None,
            phases,
        })
    }
}

/// The first inner and the first adjoint solve that report, where the solvers do.
fn solves_of(reports: &[hypertape_autodiff::operation::Report]) -> (Option<Solve>, Option<Solve>) {
    let solve = |adjoint: bool| {
        let r = reports.iter().find(|r| r.name.contains("adjoint") == adjoint)?;
        Some(Solve { iterations: r.iterations.unwrap_or(0), residual: r.residual, converged: r.converged })
    };
    (solve(false), solve(true))
}
