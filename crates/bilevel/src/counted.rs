//! A problem whose evaluations are counted where they run, in whatever loop they stand.
use crate::calls::Calls;
use hypertape_autodiff::array::{AnyView, AnyViewMut, LeafType};
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::record::{DynVar, Var};
use hypertape_autodiff::tree::{V, Vars};
use hypertape_autodiff::{Error, ErrorKind, Primitive, Result, apply_shared};
use hypertape_linear::Known;
use hypertape_solvers::{Counter, Equation, Mapping, Problem, Proximal, Scale, Smooth};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Kinds of evaluations.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Gradient,
    Product,
    Prox,
    /// The derivative of a gradient or a product.
    Derivative,
}

/// The numbers so far.
#[derive(Debug, Default)]
struct Numbers([AtomicU64; 4]);

/// Counts of a problem and its clones: what its methods and their derivatives run, and what linear solvers evaluate of its equation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Arc<Numbers>, Counter);

impl Tally {
    /// Whether both count together, as those of a problem and its clones do.
    pub(crate) fn same(&self, other: &Tally) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
    /// What was evaluated so far.
    pub(crate) fn calls(&self) -> Calls {
        let [forward, back] = self.both();
        forward + back
    }
    /// The same, apart: what methods ask for, and products with derivatives.
    pub(crate) fn both(&self) -> [Calls; 2] {
        let [gradients, products, proxes, derivatives] = self.0.0.each_ref().map(|n| n.load(Ordering::Relaxed));
        let forward = Calls { gradients: gradients + self.1.evaluations(), products, proxes, ..Calls::default() };
        [forward, Calls { products: derivatives + self.1.products(), ..Calls::default() }]
    }
}

/// The identity, which counts its runs. Its derivatives count as products: one passes through wherever a product with the derivative of what follows is made.
#[derive(Debug)]
struct Tick {
    numbers: Arc<Numbers>,
    kind: Kind,
}

impl Tick {
    fn again(&self, of: &[Option<DynVar>]) -> Vec<Option<DynVar>> {
        let kind = if let Kind::Prox = self.kind { Kind::Prox } else { Kind::Derivative };
        let some: Vec<DynVar> = of.iter().flatten().copied().collect();
        if some.is_empty() {
            return of.to_vec();
        }
        let mut made = apply_shared(Arc::new(Tick { numbers: self.numbers.clone(), kind }), &some).into_iter();
        of.iter().map(|v| v.and_then(|_| made.next())).collect()
    }
}

impl Primitive for Tick {
    type Scratch = ();
    fn name(&self) -> &str {
        "counted"
    }
    fn outputs(&self, inputs: &[LeafType]) -> std::result::Result<Vec<LeafType>, ErrorKind> {
        Ok(inputs.to_vec())
    }
    fn scratch(&self, _: &[LeafType]) {}
    fn value(&self, (): &mut (), inputs: &[AnyView<'_>], outputs: &mut [AnyViewMut<'_>]) -> std::result::Result<Option<Report>, ErrorKind> {
        self.numbers.0[self.kind as usize].fetch_add(1, Ordering::Relaxed);
        let same = outputs.iter_mut().zip(inputs).all(|(to, from)| to.assign(from));
        if same { Ok(None) } else { Err(ErrorKind::misuse("an output has another type than its input")) }
    }
    fn tangent(&self, _: &[DynVar], _: &[DynVar], tangents: &[Option<DynVar>]) -> Vec<Option<DynVar>> {
        self.again(tangents)
    }
    fn cotangent(&self, _: &[DynVar], _: &[DynVar], cotangents: &[Option<DynVar>], _: &[bool]) -> Vec<Option<DynVar>> {
        self.again(cotangents)
    }
}

/// A problem whose gradients, products and proximal operators are counted, in loops and in their derivatives, and of whose equation the evaluations and products of linear solvers are. Made by
/// [`Bilevel::new`](crate::Bilevel::new); methods take `&bilevel`.
#[derive(Debug, Clone)]
pub struct Counted<Q> {
    problem: Q,
    tally: Tally,
    /// Of gradients, products and proximal operators.
    ticks: [Arc<Tick>; 3],
}

impl<Q> Counted<Q> {
    pub(crate) fn new(problem: Q) -> Self {
        let tally = Tally::default();
        let ticks = [Kind::Gradient, Kind::Product, Kind::Prox].map(|kind| Arc::new(Tick { numbers: tally.0.clone(), kind }));
        Counted { problem, tally, ticks }
    }
    /// The problem itself.
    #[must_use]
    pub fn inner(&self) -> &Q {
        &self.problem
    }
    /// That it is the inner problem of what is run.
    pub(crate) fn made_for(&self, run: &Self, estimator: &'static str) -> Result<()> {
        if self.tally.same(&run.tally) {
            return Ok(());
        }
        let problem =
            "the inner method was made from another problem; make it from the one that is run: `Lbfgs::new(&problem)`".to_string();
        Err(Error::new(estimator, ErrorKind::Other(problem)))
    }
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }
    /// The same handles; the runs of what reads them are counted.
    #[track_caller]
    fn tick<W: Vars>(&self, kind: Kind, w: &W) -> W {
        let mut made = apply_shared(self.ticks[kind as usize].clone(), &w.flat()).into_iter();
        w.map(&mut |_| made.next().unwrap_or(DynVar::POISON))
    }
}

impl<Q: Problem> Problem for Counted<Q> {
    type Unknown = Q::Unknown;
    type Params = Q::Params;
    type Solution = Q::Solution;
    fn shapes(&self) -> Result<(Q::Unknown, Q::Params)> {
        self.problem.shapes()
    }
    fn solution(&self, w: &V<Q::Unknown>, params: &V<Q::Params>, scale: Scale) -> V<Q::Solution> {
        self.problem.solution(w, params, scale)
    }
}

/// The equation has no primitive before it, which would hide what it is made of: whoever differentiates the solution counts by the counter.
impl<Q: Equation> Equation for Counted<Q> {
    fn residual(&self, w: &V<Q::Unknown>, params: &V<Q::Params>, scale: Scale) -> V<Q::Unknown> {
        self.problem.residual(w, params, scale)
    }
    fn fixed_point_map(&self, w: &V<Q::Unknown>, params: &V<Q::Params>) -> Option<V<Q::Unknown>> {
        self.problem.fixed_point_map(w, params)
    }
    fn sampled_residual(&self, w: &V<Q::Unknown>, params: &V<Q::Params>, scale: Scale, draw: Var<u32>) -> Option<V<Q::Unknown>> {
        self.problem.sampled_residual(w, params, scale, draw)
    }
    fn known(&self) -> Known {
        self.problem.known()
    }
    fn may_have_active_set(&self) -> bool {
        self.problem.may_have_active_set()
    }
    fn counter(&self) -> Option<Counter> {
        Some(self.tally.1.clone())
    }
}

impl<Q: Smooth> Smooth for Counted<Q> {
    #[track_caller]
    fn gradient(&self, w: &V<Q::Unknown>, params: &V<Q::Params>) -> V<Q::Unknown> {
        self.problem.gradient(&self.tick(Kind::Gradient, w), params)
    }
    #[track_caller]
    fn value_and_gradient(&self, w: &V<Q::Unknown>, params: &V<Q::Params>) -> (Var, V<Q::Unknown>) {
        self.problem.value_and_gradient(&self.tick(Kind::Gradient, w), params)
    }
    #[track_caller]
    fn hessian_product(&self, w: &V<Q::Unknown>, params: &V<Q::Params>, v: &V<Q::Unknown>) -> V<Q::Unknown> {
        self.problem.hessian_product(w, params, &self.tick(Kind::Product, v))
    }
}

impl<Q: Proximal> Proximal for Counted<Q> {
    #[track_caller]
    fn gradient(&self, w: &V<Q::Unknown>, params: &V<Q::Params>) -> V<Q::Unknown> {
        self.problem.gradient(&self.tick(Kind::Gradient, w), params)
    }
    #[track_caller]
    fn prox(&self, w: V<Q::Unknown>, step: Var, params: &V<Q::Params>) -> V<Q::Unknown> {
        self.problem.prox(self.tick(Kind::Prox, &w), step, params)
    }
}

impl<Q: Mapping> Mapping for Counted<Q> {
    #[track_caller]
    fn map(&self, w: &V<Q::Unknown>, params: &V<Q::Params>) -> V<Q::Unknown> {
        self.problem.map(&self.tick(Kind::Gradient, w), params)
    }
}
