//! The inner solves of a check: as the user asked for them, tighter ones that go on from there, and the outer objective at what they find.
use crate::equation::Leaves;
use crate::feed::Owned;
use crate::flat;
use crate::operator::{coarsest, epsilon};
use hypertape_autodiff::array::{AnyArray, Real};
use hypertape_autodiff::record::Scalar;
use hypertape_autodiff::tree::{AnyLeaf, Leaf, Own, Structure};
use hypertape_autodiff::{Function, Result, Workspace};
use hypertape_linear::{Status, norm};
use hypertape_solvers::{Ended, Method, Params, Prepared, Problem, Solution, Solve, Unknown};

/// Each tighter solve has its tolerance over this.
const TIGHTER: f64 = 1e-3;
/// Tighter solves at the least, while they help, and at the most, while the point still moves.
const LEVELS: usize = 3;
const MOST: usize = 24;
/// A movement, relative to the point, that is none.
pub(super) const RESTS: f64 = 1e-6;

/// All leaves in one vector.
pub(super) fn packed(leaves: &[AnyArray]) -> Vec<f64> {
    leaves.iter().flat_map(AnyArray::to_f64).collect()
}

/// ‖a − b‖.
pub(super) fn apart(a: &[AnyArray], b: &[AnyArray]) -> f64 {
    norm(&packed(a).iter().zip(packed(b)).map(|(a, b)| a - b).collect::<Vec<_>>())
}

/// Where a solve ended.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) z: Vec<AnyArray>,
    pub(super) value: f64,
    pub(super) ended: Ended,
}

/// What the tighter solves found.
pub(super) struct Refined<M: Method> {
    /// The last one.
    pub(super) best: Point,
    /// Whether it reached its tolerance, or rounding.
    pub(super) settled: bool,
    /// The error of the value of a solve with `work`.
    pub(super) noise: f64,
    /// By how much the stopping measure is smaller than at the given solve.
    pub(super) shrunk: f64,
    /// The solves by which differences are taken.
    pub(super) work: Prepared<M>,
    /// Tighter ones, which show the error of those.
    pub(super) tight: Option<Prepared<M>>,
}

/// One problem, one outer objective.
pub(super) struct Solves<M: Method> {
    method: M,
    unknown: Unknown<M>,
    params: Params<M>,
    value: Workspace<(Leaves, Leaves), Leaves>,
    /// The machine epsilon of what is coarsest.
    pub(super) epsilon: f64,
    /// The most iterations of a tighter solve.
    pub(super) limit: usize,
}

impl<M: Method<Each = ()>> Solves<M> {
    pub(super) fn new<T: Real>(method: &M, outer: &Function<(Solution<M>, Params<M>), Leaf<T>>, limit: Option<usize>) -> Result<Self> {
        let (unknown, params) = method.problem().shapes()?;
        let value = Function::record((unknown.clone(), params.clone()), |(w, p)| {
            let solution = method.problem().solution(&w, &p, method.scale());
            outer.call((Own::<Solution<M>>(solution), Own::<Params<M>>(p)))
        })?;
        let leaves = |t: Vec<_>| -> Leaves { t.into_iter().map(AnyLeaf).collect() };
        let doors = (leaves(unknown.leaf_types()), leaves(params.leaf_types()));
        let value: Function<(Leaves, Leaves), Leaves> =
            Function::with_doors((*value.program()?).clone(), doors, leaves(value.outputs().leaf_types()))?;
        let real = |s: &[hypertape_autodiff::array::LeafType]| s.iter().map(|t| t.kind).filter(|k| k.is_real()).collect::<Vec<_>>();
        let kinds = [real(&unknown.leaf_types()), real(&params.leaf_types()), vec![T::KIND]].concat();
        let limit = limit.unwrap_or_else(|| method.limits().iterations.saturating_mul(4).max(2000));
        let epsilon = epsilon(coarsest(kinds.into_iter()));
        Ok(Solves { method: method.clone(), unknown, params, value: value.workspace(), epsilon, limit })
    }
    /// L(z, θ).
    pub(super) fn value(&mut self, z: &[AnyArray], theta: &[AnyArray]) -> Result<f64> {
        let mut out = [f64::NAN];
        self.value.run_each((z, theta), &mut |v| flat::pack(std::iter::once(v), &mut out))?;
        Ok(out[0])
    }
    /// The method as it was given.
    pub(super) fn given(&self) -> Result<Prepared<M>> {
        self.method.prepare(&self.unknown, &self.params)
    }
    /// With this tolerance, and the limit of tighter solves.
    pub(super) fn tighter(&self, tolerance: f64) -> Result<Prepared<M>> {
        let mut method = self.method.clone();
        let limits = method.limits_mut();
        (limits.tolerance, limits.relative, limits.iterations) = (Scalar::Value(tolerance), Scalar::Value(0.0), self.limit);
        method.prepare(&self.unknown, &self.params)
    }
    /// Solves from a start.
    pub(super) fn solve(&mut self, by: &mut Prepared<M>, start: &[AnyArray], theta: &[AnyArray]) -> Result<Point> {
        let mut z = vec![];
        let ended = by.run_leaves(&Owned(start), &Owned(theta), &(), &[], &mut |v| z.push(v.to_owned()))?;
        let value = self.value(&z, theta)?;
        Ok(Point { z, value, ended })
    }
    /// Goes on from where the given solve ended, with smaller and smaller tolerances, while that helps.
    pub(super) fn refine(&mut self, base: &Point, given: Prepared<M>, theta: &[AnyArray]) -> Result<Refined<M>> {
        let goal = base.ended.tolerance;
        let (mut best, mut work, mut at_work) = (base.clone(), given, base.clone());
        let (mut settled, mut last) = (false, f64::INFINITY);
        let mut tolerance = goal;
        for level in 0..MOST {
            tolerance *= TIGHTER;
            let mut solver = self.tighter(tolerance)?;
            let Ok(point) = self.solve(&mut solver, &best.z, theta) else { break };
            if point.ended.residual.is_nan() || point.ended.residual > best.ended.residual {
                // As near as rounding lets it come, or no nearer.
                settled = base.ended.converged;
                break;
            }
            last = (point.value - best.value).abs();
            let end = point.ended;
            let moves = apart(&point.z, &best.z) > RESTS * norm(&packed(&point.z));
            // A tolerance that the start meets says nothing yet.
            let idle = end.iterations == 0 && end.residual > 0.0;
            best = point;
            settled = end.converged || end.status == Status::Stalled;
            if end.converged || !base.ended.converged {
                (work, at_work) = (solver, best.clone());
            }
            if !end.converged || level + 1 >= LEVELS && !moves && !idle {
                break;
            }
        }
        let off = (at_work.value - best.value).abs();
        let inner = if off > 0.0 {
            off * spread(&at_work.ended)
        } else if settled {
            last * TIGHTER.sqrt()
        } else {
            last
        };
        let inner = if inner.is_finite() { inner } else { 0.0 };
        let tight = self.tighter(at_work.ended.tolerance * TIGHTER).ok();
        let [from, to] = [base.ended.residual, best.ended.residual];
        let shrunk = if from > 0.0 && to < from { to / from } else { 1.0 };
        Ok(Refined { noise: inner + 8.0 * self.epsilon * best.value.abs(), best, settled, shrunk, work, tight })
    }
    /// The error of the value of a solve at these parameters, as a tighter one shows it; 0 where there is none.
    pub(super) fn error_at(
        &mut self,
        work: &mut Prepared<M>,
        tight: Option<&mut Prepared<M>>,
        start: &[AnyArray],
        theta: &[AnyArray],
    ) -> f64 {
        let Some(tight) = tight else { return 0.0 };
        let Ok(point) = self.solve(work, start, theta) else { return 0.0 };
        let Ok(nearer) = self.solve(tight, &point.z, theta) else { return 0.0 };
        let error = (point.value - nearer.value).abs() * spread(&point.ended);
        if error.is_finite() { error } else { 0.0 }
    }
}

/// A solve ends somewhere below its tolerance, not where this one did: by how much its error may be larger.
fn spread(ended: &Ended) -> f64 {
    match *ended {
        Ended { residual, tolerance, .. } if residual > 0.0 && tolerance > residual => (tolerance / residual).min(1.0 / TIGHTER),
        _ => 1.0,
    }
}
