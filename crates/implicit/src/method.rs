//! A method whose solution is differentiated by the equation that it satisfies, not through its steps.
use crate::certificate::{Certify, certify};
use crate::check::{CheckHypergradient, check_hypergradient};
use crate::feed::Views;
use crate::find::{Find, Found};
use crate::outside::emit;
use crate::policy::{Asked, OnResidual, asking};
use crate::region::{Drawn, Region};
use crate::root::RootOf;
use hypertape_autodiff::array::{AnyView, LeafType, Real};
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::record::{self, DynVar};
use hypertape_autodiff::tree::{Give, Leaf, Own, Structure, V, Vars};
use hypertape_autodiff::{ErrorKind, Function, Result, Site};
use hypertape_linear::{Known, LinearSolver, Need, Status};
use hypertape_solvers::{Equation, Inner, Method, Params, Prepared, Problem, Solution, Solve, Unknown};
use std::any::Any;
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::{Arc, Mutex};

/// Makes any method implicit.
pub trait ImplicitExt: Method {
    /// The method, differentiated by the implicit function theorem, with this way to solve its linear systems. The problem of the method must have an
    /// equation.
    ///
    /// A ridge regression of 40 rows, whose adjoint system is solved with 4 rows at a time:
    ///
    /// ```
    /// use hypertape_autodiff::record::{constant, random_index, zeros};
    /// use hypertape_autodiff::{Function, index, shape};
    /// use hypertape_implicit::ImplicitExt;
    /// use hypertape_linear::{Cg, Lissa};
    /// use hypertape_autodiff::tree::Ranked;
    /// use hypertape_solvers::{Lbfgs, Sampled};
    /// use ndarray::Array;
    /// let x = Array::from_shape_fn((40, 2), |(i, j)| (0.7 * i as f64 + 2.0 * j as f64).sin()).into_shared();
    /// let y = x.dot(&ndarray::arr1(&[1.0, -2.0])).into_shared();
    /// let batched = Function::record((shape![2], shape![], index![4]), |(z, a, rows)| {
    ///     (constant(&x).rows(rows).dot(z) - constant(&y).rows(rows)).square().mean() + a.exp() * z.square().sum()
    /// })?;
    /// let whole = Function::record((shape![2], shape![]), |(z, a)| {
    ///     (constant(&x).dot(z) - constant(&y)).square().mean() + a.exp() * z.square().sum()
    /// })?;
    /// let sum = Sampled::new(&batched).whole(&whole).drawn(|draw, _| random_index(1, draw, index![4], 40));
    /// let solver = Lbfgs::new(&sum);
    /// let estimated = solver.implicit(Lissa::terms(30).repeats(50).step(0.3).key(7));
    /// let f = Function::record(shape![], |a| estimated.solve(zeros(shape![2]), a).square().sum())?;
    /// let exact = Function::record(shape![], |a| solver.implicit(Cg::default()).solve(zeros(shape![2]), a).square().sum())?;
    /// let (estimate, truth) = (f.gradient(-1.0)?.number()?, exact.gradient(-1.0)?.number()?);
    /// assert!((estimate / truth - 1.0).abs() < 0.1 && estimate != truth);
    /// // The same key, the same draws, the same bits.
    /// assert_eq!(f.gradient(-1.0)?.number()?, estimate);
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    fn implicit(&self, adjoint: impl LinearSolver) -> Implicit<Self>
    where
        Self::Problem: Equation,
    {
        let (method, adjoint) = (self.clone(), Arc::new(adjoint));
        Implicit { method, adjoint, policy: OnResidual::Error, warm: false, asked: Asked::default(), name: None }
    }
}
impl<M: Method> ImplicitExt for M {}

/// A method differentiated by the implicit function theorem: memory does not grow with its iterations.
#[derive(Debug, Clone)]
pub struct Implicit<M> {
    method: M,
    adjoint: Arc<dyn LinearSolver>,
    policy: OnResidual,
    warm: bool,
    asked: Asked,
    name: Option<Cow<'static, str>>,
}

impl<M: Method> Implicit<M>
where
    M::Problem: Equation,
{
    asking!();
    /// The largest norm of the optimality map that counts as a solution, instead of the method's own measure and tolerance. With a relative
    /// tolerance besides, either is enough.
    #[must_use]
    pub fn residual_tolerance(mut self, tolerance: f64) -> Self {
        self.asked.absolute = Some(tolerance);
        self
    }
    /// Another name in reports and comparisons.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_string().into());
        self
    }
    /// Asks how wrong derivatives of L(solution, parameters) are where this method stopped: [`certify`](crate::certify) with its problem, its steps and its linear solver.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, shape, tree::Leaf};
    /// use hypertape_implicit::ImplicitExt;
    /// use hypertape_linear::Gmres;
    /// use hypertape_solvers::{Composite, Ista, Method, Solve, prox};
    /// use ndarray::arr1;
    /// let fit = Function::record((shape![2], shape![]), |(z, _)| (z.square() - 2.0 * z).sum())?;
    /// let outer = Function::record((shape![2], shape![]), |(z, _)| z.square().sum())?;
    /// let lasso = Ista::new(&Composite::new(&fit, prox::l1::<Leaf, _>(|w| *w))).step_size(0.3).max_iterations(5);
    /// let early = lasso.solve(arr1(&[0.0, 0.0]), 0.5)?;
    /// let found = lasso.implicit(Gmres::default()).certify(&outer).prepare()?.at(&early.solution, 0.5)?;
    /// // z = 1 − w/2 in both, so the derivative is −2 (1 − w/2).
    /// assert!(found.certified() && (found.corrected[[]] + 1.5).abs() < 1e-12);
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[must_use]
    pub fn certify<T: Real>(&self, outer: &Function<(Solution<M>, Params<M>), Leaf<T>>) -> Certify<M::Problem, T> {
        certify(self.method.problem(), outer).scale(self.method.scale()).adjoint(self.adjoint.clone()).restricted(self.asked.restricted)
    }
    /// Asks whether the derivative is right, and what is wrong where it is not: [`check_hypergradient`](crate::check_hypergradient) of the method with its linear solver.
    #[must_use]
    pub fn check_hypergradient<T: Real>(&self, outer: &Function<(Solution<M>, Params<M>), Leaf<T>>) -> CheckHypergradient<M, T>
    where
        M: Method<Each = ()>,
    {
        check_hypergradient(&self.method, outer).adjoint(self.adjoint.clone()).warm(self.warm)
    }
    /// The solution, in the open recording. The start has no derivative.
    #[track_caller]
    pub fn solve(&self, start: impl Give<Unknown<M>>, params: impl Give<Params<M>>) -> V<Solution<M>>
    where
        M: Method<Each = ()>,
    {
        self.record(start.give(), params.give(), (), Site::caller())
    }
    /// The same for a method whose steps differ: one step at the most for each entry of the leading axis.
    #[track_caller]
    pub fn solve_over(&self, start: impl Give<Unknown<M>>, params: impl Give<Params<M>>, each: impl Give<M::Each>) -> V<Solution<M>> {
        self.record(start.give(), params.give(), each.give(), Site::caller())
    }
    #[track_caller]
    fn record(&self, start: V<Unknown<M>>, params: V<Params<M>>, each: V<M::Each>, at: Site) -> V<Solution<M>> {
        let made = self.emit(&start, &params, &each, at).unwrap_or_else(|e| {
            record::fail(e.or_at(at));
            vec![]
        });
        let mut made = made.into_iter();
        let unknown = start.map(&mut |_| made.next().unwrap_or(DynVar::POISON));
        record::on_behalf(at, &[hypertape_solvers::SOURCES, crate::SOURCES], || {
            self.method.problem().solution(&unknown, &params, self.method.scale())
        })
    }
    #[track_caller]
    fn emit(&self, start: &V<Unknown<M>>, params: &V<Params<M>>, each: &V<M::Each>, at: Site) -> Result<Vec<DynVar>> {
        // A handle that is not one of this recording's own: the recording says why.
        for v in [start.flat(), params.flat(), each.flat()].concat().iter().filter(|v| v.leaf_type().is_none()) {
            record::apply(self.method.name(), &[*v], at, |_, x| x[0]);
        }
        let (unknown, parameters, steps) = (start.structure(), params.structure(), each.structure());
        let estimate = self.adjoint.needs().contains(&Need::Estimate);
        let (prepared, captures) = self.method.prepare_over(&unknown, &parameters, &steps, estimate)?;
        let own = captures.len();
        let between = each.flat();
        let asked = self.adjoint.needs().contains(&Need::Map);
        let mapped = Cell::new(false);
        let known = if asked { Known::default() } else { self.method.problem().known() };
        let drawn: Drawn<'_, Unknown<M>, Params<M>> = &|w, p, draw| self.method.problem().sampled_residual(w, p, self.method.scale(), draw);
        let sampled = self.adjoint.needs().contains(&Need::Samples).then_some(drawn);
        // A problem whose steps are counted counts its map itself.
        let counter = if asked { None } else { self.method.problem().counter() };
        let region = Region { unknown: &unknown, params: &parameters, between: between.clone(), captures, known, at, counter, sampled };
        let made = region.record(|w, p| match asked.then(|| self.method.map(w, p)).flatten() {
            Some(next) => {
                mapped.set(true);
                w.minus(&next)
            }
            None => self.method.problem().residual(w, p, self.method.scale()),
        })?;
        let Some((equation, all)) = made else { return Ok(vec![]) };
        let given: Vec<DynVar> = params.flat();
        let counts = [given.len(), between.len(), own];
        let limit = between.first().and_then(|v| v.leaf_type()).and_then(|t| t.shape.first().copied());
        let limit = limit.unwrap_or(self.method.limits().iterations) as u64;
        let secants = prepared.secants().to_vec();
        let find = Arc::new(ByMethod { prepared: Mutex::new(prepared), secants, counts, limit });
        let root = RootOf {
            name: self.name.clone().unwrap_or_else(|| self.method.name().into()),
            equation,
            find,
            solver: self.adjoint.clone(),
            policy: self.policy,
            asked: self.asked.of(self.method.problem().may_have_active_set()),
            warm: self.warm,
            step: mapped.get().then_some(1.0),
        };
        let inputs: Vec<DynVar> = start.flat().into_iter().chain(given).chain(all).collect();
        Ok(emit(root, inputs, at))
    }
}

impl<S: Structure, M: Method<Each = ()>> Inner<S, Params<M>> for Implicit<M>
where
    M::Problem: Equation + Problem<Unknown = S, Solution = S>,
{
    fn name(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => format!("{}, implicit, {}", self.method.name(), self.adjoint.name()),
        }
    }
    #[track_caller]
    fn solve_vars(&self, start: V<S>, params: V<Params<M>>) -> V<S> {
        self.solve(Own::<S>(start), Own::<Params<M>>(params))
    }
}

/// The method's own loop finds the point.
struct ByMethod<M: Method> {
    /// Cloned once for each workspace; nothing else takes the lock.
    prepared: Mutex<Prepared<M>>,
    /// Types of the secant pairs that it hands over.
    secants: Vec<LeafType>,
    /// Leaves of the parameters, of what differs from step to step, and of the loop's own captures.
    counts: [usize; 3],
    /// The most iterations.
    limit: u64,
}

impl<M: Method> std::fmt::Debug for ByMethod<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByMethod").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl<M: Method> Find for ByMethod<M> {
    fn state(&self) -> Box<dyn Any + Send> {
        let prepared = self.prepared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Box::new(prepared.clone())
    }
    fn bytes(&self) -> u64 {
        let prepared = self.prepared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        prepared.function().plan().map_or(0, |p| p.memory().total())
    }
    fn measures(&self) -> bool {
        true
    }
    fn secants(&self) -> Vec<LeafType> {
        self.secants.clone()
    }
    fn count(&self, state: &(dyn Any + Send), into: &mut Counts) {
        if let Some(p) = state.downcast_ref::<Prepared<M>>() {
            into.add(&p.counts());
        }
    }
    fn find(
        &self,
        state: &mut (dyn Any + Send),
        start: &[AnyView<'_>],
        params: &[AnyView<'_>],
        sink: &mut dyn FnMut(AnyView<'_>),
    ) -> Result<Found, ErrorKind> {
        let prepared = state.downcast_mut::<Prepared<M>>().ok_or("the state belongs to another solver")?;
        let [p, e, c] = self.counts;
        let report =
            prepared.run_leaves(&Views(start), &Views(&params[..p]), &Views(&params[p..p + e]), &params[p + e..p + e + c], sink)?;
        Ok(Found {
            iterations: Some((report.iterations, self.limit)),
            measure: Some((report.residual, report.tolerance)),
            stalled: report.status == Status::Stalled,
        })
    }
}
