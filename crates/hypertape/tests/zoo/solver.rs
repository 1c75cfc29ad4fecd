//! A problem in the hands of a solver: solved, unrolled, or differentiated implicitly, always as θ ↦ z.
use crate::problem::{PrimalDual, Problem, Recorded, flat};
use crate::table::{Adjoint, Solver};
use hypertape::implicit::{Implicit, Outside};
use hypertape::prelude::*;
use hypertape::record::ones;
use hypertape::solvers::{Problem as Solvable, Solution as SolutionOf, Unknown};
use ndarray::{Array2, ArrayD, IxDyn};
use std::convert::Infallible;

/// θ ↦ z.
pub(crate) type Solution = Function<Leaf, Leaf>;

/// A problem in the hands of a solver.
pub(crate) trait Made {
    /// Outside a recording: the solution, and whether the solver says that it has converged.
    fn solved(&self) -> Result<(Vec<f64>, bool)>;
    /// So many steps through the tape; `None` where there are none.
    fn unrolled(&self, steps: usize, keep: Keep) -> Option<Result<Solution>>;
    /// By the implicit function theorem, at the solution or, with a limit, at the iterate that is reached.
    fn implicit(&self, adjoint: Adjoint, limit: Option<usize>) -> Result<Solution>;
}

/// Runs an expression with the linear solver that a name stands for.
macro_rules! by {
    ($adjoint:expr, $solver:ident => $body:expr) => {
        match $adjoint {
            Adjoint::Cg => {
                let $solver = Cg::default();
                $body
            }
            Adjoint::Minres => {
                let $solver = Minres::default();
                $body
            }
            Adjoint::Gmres => {
                let $solver = Gmres::default();
                $body
            }
            Adjoint::Bicgstab => {
                let $solver = Bicgstab::default();
                $body
            }
            Adjoint::NormalCg => {
                let $solver = NormalCg::default();
                $body
            }
            Adjoint::Lsmr => {
                let $solver = Lsmr::default();
                $body
            }
            Adjoint::Lu => {
                let $solver = Lu;
                $body
            }
            Adjoint::Qr => {
                let $solver = Qr;
                $body
            }
            Adjoint::Svd => {
                let $solver = Svd::default();
                $body
            }
            Adjoint::Ldlt => {
                let $solver = Ldlt;
                $body
            }
            Adjoint::Auto => {
                let $solver = Auto::default();
                $body
            }
            Adjoint::Anderson => {
                let $solver = Anderson::default();
                $body
            }
            Adjoint::Broyden => {
                let $solver = Broyden::default();
                $body
            }
            Adjoint::Cholesky => {
                let $solver = Cholesky;
                $body
            }
            Adjoint::Neumann(terms) => {
                let $solver = Neumann::terms(terms);
                $body
            }
            Adjoint::OneStep => {
                let $solver = OneStep::default();
                $body
            }
        }
    };
}

/// One of our methods.
struct ByMethod<M: Method> {
    /// In the recording of θ, or outside.
    method: Box<dyn Fn(Option<Var>) -> M>,
    lift: fn(Var, &M) -> V<Unknown<M>>,
    vector: fn(V<SolutionOf<M>>) -> Var,
    outside: Box<dyn Fn(&M) -> Result<(Vec<f64>, bool)>>,
    start: ArrayD<f64>,
    problem: Problem,
}

impl<M: Method<Problem: Solvable<Params = Leaf>>> ByMethod<M> {
    fn record(&self, body: impl Fn(&M, V<Unknown<M>>, Var) -> V<SolutionOf<M>>) -> Result<Solution> {
        Function::record(Leaf::new(self.problem.at.shape()), |p| {
            let method = (self.method)(Some(p));
            let start = match self.problem.entries {
                Some([_, start]) => p.slice_axis(0, start, start + 1),
                None => constant(&self.start.to_shared()),
            };
            let start = (self.lift)(start, &method);
            (self.vector)(body(&method, start, p))
        })
    }
}

impl<M: Method<Problem: Equation<Params = Leaf>, Each = ()>> Made for ByMethod<M> {
    fn solved(&self) -> Result<(Vec<f64>, bool)> {
        (self.outside)(&(self.method)(None))
    }
    fn unrolled(&self, steps: usize, keep: Keep) -> Option<Result<Solution>> {
        Some(self.record(|m, start, p| m.unroll(steps).keep(keep).solve(Own::<Unknown<M>>(start), p)))
    }
    fn implicit(&self, adjoint: Adjoint, limit: Option<usize>) -> Result<Solution> {
        self.record(|m, start, p| {
            let method = by!(adjoint, solver => m.implicit(solver));
            let method: Implicit<M> = match limit {
                Some(k) => {
                    let m = m.clone().max_iterations(k);
                    by!(adjoint, solver => m.implicit(solver)).on_residual(OnResidual::Warn)
                }
                None => method,
            };
            method.solve(Own::<Unknown<M>>(start), p)
        })
    }
}

/// Gradient descent over batches, all of them the whole problem.
struct BySgd {
    method: ByMethod<Sgd<FiniteSum<Leaf, Leaf, Leaf>>>,
    steps: usize,
}

impl Made for BySgd {
    fn solved(&self) -> Result<(Vec<f64>, bool)> {
        (self.method.outside)(&(self.method.method)(None))
    }
    fn unrolled(&self, steps: usize, keep: Keep) -> Option<Result<Solution>> {
        Some(self.method.record(|m, start, p| m.unroll(steps).keep(keep).solve_over(start, p, ones(shape![steps]))))
    }
    fn implicit(&self, adjoint: Adjoint, limit: Option<usize>) -> Result<Solution> {
        self.method.record(|m, start, p| {
            let policy = if limit.is_some() { OnResidual::Warn } else { OnResidual::Error };
            let method = by!(adjoint, solver => m.implicit(solver)).on_residual(policy);
            method.solve_over(start, p, ones(shape![limit.unwrap_or(self.steps)]))
        })
    }
}

/// A user's own code.
struct ByOwnCode<Q: Equation>(Outside<Q>, Problem);

impl<Q: Equation<Unknown = Leaf, Params = Leaf, Solution = Leaf>> Made for ByOwnCode<Q> {
    fn solved(&self) -> Result<(Vec<f64>, bool)> {
        Ok((flat(&self.implicit(Adjoint::Gmres, None)?.eval(&self.1.at)?), true))
    }
    fn unrolled(&self, _: usize, _: Keep) -> Option<Result<Solution>> {
        None
    }
    fn implicit(&self, adjoint: Adjoint, _: Option<usize>) -> Result<Solution> {
        let root = by!(adjoint, solver => self.0.clone().adjoint(solver));
        Function::record(Leaf::new(self.1.at.shape()), |p| root.solve(constant(&self.1.start.to_shared()), p))
    }
}

/// Steps that a solver needs where gradient descent needs `steps`.
pub(crate) fn steps(solver: Solver, problem: &Problem) -> usize {
    let pace = match solver {
        Solver::Adam => 20,
        Solver::CondatVu => 4,
        Solver::Fista | Solver::Sgd => 2,
        Solver::Lbfgs => return 20 + 3 * problem.start.len(),
        Solver::NewtonCg => return 6,
        _ => 1,
    };
    pace * problem.steps
}

/// The problem in the hands of the solver; `None` where it lacks what the solver takes. `plain` asks for gradient steps of size η.
pub(crate) fn make(problem: &Problem, solver: Solver, plain: bool) -> Option<Box<dyn Made>> {
    let limit = 10 * steps(solver, problem) + 100;
    let step = problem.step;
    let eta = step_of(problem);
    let p = problem;
    Some(match solver {
        Solver::GradientDescent => {
            let f = p.objective.clone()?;
            method(p, p.start.clone(), limit, move |v| GradientDescent::new(&f).step_size(eta(v)))
        }
        Solver::Backtracking => {
            let f = p.objective.clone()?;
            let first = move |v| if plain { eta(v) } else { Scalar::Value(4.0 * step) };
            method(p, p.start.clone(), limit, move |v| GradientDescent::new(&f).step_size(first(v)).backtracking())
        }
        Solver::Adam => {
            // With an average over all squares, η/√k makes the preconditioned step constant.
            let f = p.objective.clone()?;
            let rule = Step::rule(|k| 0.5 / (1.0 + k).sqrt());
            method(p, p.start.clone(), limit, move |_| AdamDescent::new(&f).step_size(rule).decay(0.9, 1.0 - 1e-9))
        }
        Solver::Lbfgs => {
            let f = p.objective.clone()?;
            method(p, p.start.clone(), limit, move |_| Lbfgs::new(&f))
        }
        Solver::NewtonCg => {
            let f = p.objective.clone()?;
            method(p, p.start.clone(), limit, move |_| NewtonCg::new(&f))
        }
        Solver::Ista => {
            let s = p.split.clone()?;
            method(p, s.start, limit, move |v| Ista::new(&Composite::new(&s.smooth, s.prox.clone())).step_size(eta(v)))
        }
        Solver::Fista => {
            let s = p.split.clone()?;
            // With momentum, a step is at most 1/L.
            let most = 1.0 / p.lipschitz;
            method(p, s.start, limit, move |_| Fista::new(&Composite::new(&s.smooth, s.prox.clone())).step_size(most))
        }
        Solver::FixedPoint => {
            let map = p.map.clone()?;
            method(p, p.start.clone(), limit, move |_| FixedPoint::new(&map))
        }
        Solver::CondatVu => condat_vu(p, limit)?,
        Solver::Sgd => sgd(p, if plain { 0.0 } else { 0.2 })?,
        Solver::OwnRoot => {
            let solve = own(p);
            Box::new(ByOwnCode(implicit::root(p.residual.as_ref()?, move |p, _| solve(p)), p.clone()))
        }
        Solver::OwnFixedPoint => {
            let solve = own(p);
            Box::new(ByOwnCode(implicit::fixed_point(p.map.as_ref()?, move |p, _| solve(p)), p.clone()))
        }
        Solver::OwnArgmin => {
            let solve = own(p);
            Box::new(ByOwnCode(implicit::argmin(p.objective.as_ref()?, move |p, _| solve(p)), p.clone()))
        }
    })
}

/// The step size: a number, or an entry of θ.
fn step_of(problem: &Problem) -> impl Fn(Option<Var>) -> Scalar + Copy + 'static {
    let (step, entries) = (problem.step, problem.entries);
    move |p| match (entries, p) {
        (Some([i, _]), Some(p)) => Scalar::from(crate::problem::entry(p, i)),
        _ => Scalar::Value(step),
    }
}

/// What a user's own solver would find: the closed form.
fn own(problem: &Problem) -> impl Fn(ndarray::ArrayViewD<'_, f64>) -> Result<ArrayD<f64>, Infallible> + Send + Sync + 'static {
    let (solve, shape) = (problem.solution.clone(), problem.start.shape().to_vec());
    move |p| {
        let z = solve(&p.iter().copied().collect::<Vec<_>>());
        Ok(ArrayD::from_shape_vec(IxDyn(&shape), z).expect("the solution has the shape of the start"))
    }
}

fn method<M: Method<Problem: Equation<Unknown = Leaf, Params = Leaf, Solution = Leaf>, Each = ()>>(
    problem: &Problem,
    start: ArrayD<f64>,
    limit: usize,
    make: impl Fn(Option<Var>) -> M + 'static,
) -> Box<dyn Made> {
    let (from, at, tolerance) = (start.clone(), problem.at.clone(), problem.tolerance);
    Box::new(ByMethod {
        method: Box::new(move |p| make(p).tolerance(tolerance).max_iterations(limit)),
        lift: |v, _| v,
        vector: |v| v,
        outside: Box::new(move |m: &M| m.solve(&from, &at).map(|s| (flat(&s.solution), s.report.converged))),
        start,
        problem: problem.clone(),
    })
}

type PrimalDualMethod = CondatVu<Saddle<Leaf, Leaf, Leaf>>;

/// min f + h∘K: unless the problem says otherwise, h = g and K = I.
fn condat_vu(problem: &Problem, limit: usize) -> Option<Box<dyn Made>> {
    let split = problem.split.clone()?;
    let n = split.start.len();
    let (lipschitz, tolerance) = (problem.lipschitz, problem.tolerance);
    let (at, start) = (problem.at.clone(), split.start.clone());
    let dual = problem
        .primal_dual
        .clone()
        .unwrap_or_else(|| PrimalDual { matrix: Array2::eye(n), dual_prox: crate::problem::shared(prox::conjugate(split.prox.clone())) });
    let rows = dual.matrix.nrows();
    let norm = hypertape_testkit::dense::largest_eigenvalue(dual.matrix.t().dot(&dual.matrix).view()).sqrt();
    Some(Box::new(ByMethod::<PrimalDualMethod> {
        method: Box::new(move |_| {
            let m = CondatVu::new(&Saddle::new(&split.smooth, Matrix::fixed(dual.matrix.clone()), dual.dual_prox.clone()));
            m.steps_for(lipschitz, norm).tolerance(tolerance).max_iterations(limit)
        }),
        lift: |v, m| {
            let dual = m.problem().shapes().map_or(0, |((_, dual), _)| dual.shape()[0]);
            (v, zeros(shape![dual]))
        },
        vector: |(x, u)| concat(0, &[x, u]),
        outside: Box::new(move |m| {
            let s = m.solve((&start, ndarray::Array1::zeros(rows)), &at)?;
            Ok((s.solution.0.iter().chain(&s.solution.1).copied().collect(), s.report.converged))
        }),
        start: problem.split.as_ref()?.start.clone(),
        problem: problem.clone(),
    }))
}

fn sgd(problem: &Problem, momentum: f64) -> Option<Box<dyn Made>> {
    let f: Recorded = problem.objective.clone()?;
    let (z, p) = (Leaf::new(problem.start.shape()), Leaf::new(problem.at.shape()));
    let batched = Function::record((z, p, shape![]), |(z, p, weight)| weight * f.call((z, p))).expect("an objective takes a weight");
    let steps = 10 * steps(Solver::Sgd, problem) + 100;
    let (start, at, eta, tolerance) = (problem.start.clone(), problem.at.clone(), step_of(problem), problem.tolerance);
    Some(Box::new(BySgd {
        method: ByMethod {
            method: Box::new(move |p| {
                Sgd::new(&Sampled::new(&batched).whole(&f)).step_size(eta(p)).momentum(momentum).tolerance(tolerance)
            }),
            lift: |v, _| v,
            vector: |v| v,
            outside: Box::new(move |m| {
                m.solve_over(&start, &at, ndarray::Array1::ones(steps)).map(|s| (flat(&s.solution), s.report.converged))
            }),
            start: problem.start.clone(),
            problem: problem.clone(),
        },
        steps,
    }))
}
