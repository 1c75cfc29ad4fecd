//! What the equation of a problem says at a point: the implicit derivative, flat directions, the factor of the map, and whether the equation is right.
use super::directions::{dot, moved};
use super::report::Culprit;
use super::solves::{apart, packed};
use crate::certificate::Model;
use crate::equation::Equation as Residual;
use crate::equation::Leaves;
use crate::signs::sign;
use hypertape_autodiff::array::{AnyArray, Real};
use hypertape_autodiff::tree::{AnyLeaf, Leaf, Own, Structure, Vars};
use hypertape_autodiff::{Error, ErrorKind, Function, Result, Workspace};
use hypertape_linear::{Failed, Gmres, Known, LinearSolver, Need, Outcome, Side, Svd, Tolerance, norm};
use hypertape_solvers::{Equation, Method, Params, Problem, Solution};
use std::sync::Arc;

/// Unknowns up to which systems are factored, and flat directions counted.
pub(super) const DENSE: usize = 256;
/// Steps of the power method at the most.
const POWER: usize = 400;
/// By how much a derivative of an equation may differ from differences of it, relative to it.
const OWN: f64 = 1e-2;
/// By how much of the solution's own movement the equation may be off along a direction.
const HELD: f64 = 1e-2;

/// The programs of one problem and one outer objective.
pub(super) struct ByEquation {
    model: Model,
    /// The equation w − T(w), where the adjoint solver needs the method's map.
    mapped: Option<Model>,
    exact: Arc<dyn LinearSolver>,
    adjoint: Arc<dyn LinearSolver>,
    tolerance: Tolerance,
    /// ∂_v T, where the method has a map.
    map: Option<Workspace<((Leaves, Leaves), Leaves), Leaves>>,
}

/// An implicit derivative.
pub(super) struct Slope {
    pub(super) gradient: Vec<f64>,
    pub(super) outcome: Outcome,
    /// L_θ, and w with F_zᵀ w = L_z.
    by_params: Vec<f64>,
    w: Vec<f64>,
}

/// Pseudo-random numbers of size 1, a different list for each seed.
fn direction(seed: u64, n: usize) -> Vec<f64> {
    (0..n).map(|i| sign(seed, i) * (1.0 + 0.5 * sign(seed + 40, i))).collect()
}

fn scaled(v: &[f64], by: f64) -> Vec<f64> {
    v.iter().map(|v| by * v).collect()
}

fn plus(a: &[f64], t: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + t * b).collect()
}

/// That two numbers are the same to a hundredth, or to `floor`.
fn same(a: f64, b: f64, floor: f64) -> bool {
    (a - b).abs() <= OWN * a.abs().max(b.abs()) + floor
}

impl ByEquation {
    pub(super) fn new<M: Method, T: Real>(
        method: &M,
        outer: &Function<(Solution<M>, Params<M>), Leaf<T>>,
        adjoint: &Arc<dyn LinearSolver>,
        tolerance: Tolerance,
    ) -> Result<Self>
    where
        M::Problem: Equation,
    {
        let problem = method.problem();
        let (unknown, params) = problem.shapes()?;
        let shapes = (unknown.clone(), params.clone());
        let gradient = Function::record(shapes.clone(), |(w, p)| {
            let solution = problem.solution(&w, &p, method.scale());
            outer.call((Own::<Solution<M>>(solution), Own::<Params<M>>(p)))
        })?;
        let gradient = gradient.wrt(|inputs| inputs).value_and_gradient();
        let leaves = unknown.leaf_types().len();
        let residual = Function::record(shapes.clone(), |(w, p)| problem.residual(&w, &p, method.scale()))?;
        let plain = Residual::new(&*residual.program()?, leaves, problem.known())?;
        let model = Model::new(plain, &gradient, None, true)?;
        let mut has = true;
        let map = Function::record(shapes.clone(), |(w, p)| {
            let next = method.map(&w, &p).or_else(|| problem.fixed_point_map(&w, &p));
            has = next.is_some();
            next.unwrap_or(w)
        })?;
        let mapped = if adjoint.needs().contains(&Need::Map) {
            if !has {
                return Err(Error::new(
                    "check_hypergradient",
                    ErrorKind::Solve { solver: adjoint.name(), failed: Failed::Lacks(Need::Map) },
                ));
            }
            let rest = Function::record(shapes, |(w, p)| match method.map(&w, &p).or_else(|| problem.fixed_point_map(&w, &p)) {
                Some(next) => w.minus(&next),
                None => w,
            })?;
            Some(Model::new(Residual::new(&*rest.program()?, leaves, Known::default())?, &gradient, Some(1.0), true)?)
        } else {
            None
        };
        let list = |t: Vec<_>| -> Leaves { t.into_iter().map(AnyLeaf).collect() };
        let (z, theta) = (list(unknown.leaf_types()), list(params.leaf_types()));
        let moved = has
            .then(|| -> Result<_> {
                let map: Function<(Leaves, Leaves), Leaves> = Function::with_doors((*map.program()?).clone(), (z.clone(), theta), z)?;
                Ok(map.wrt(|(w, _)| w).jvp().output(|(_, t)| t).workspace())
            })
            .transpose()?;
        let n = model.len();
        let exact: Arc<dyn LinearSolver> = if n <= DENSE { Arc::new(Svd::default()) } else { Arc::new(Gmres::default()) };
        Ok(ByEquation { model, mapped, exact, adjoint: adjoint.clone(), tolerance, map: moved })
    }
    pub(super) fn unpack(&self, g: &[f64]) -> Vec<AnyArray> {
        self.model.unpack_params(g)
    }
    pub(super) fn set(&mut self, theta: &[AnyArray]) -> Result<()> {
        let views: Vec<_> = theta.iter().map(AnyArray::view).collect();
        for m in [Some(&mut self.model), self.mapped.as_mut()].into_iter().flatten() {
            m.set_params(&views)?;
        }
        Ok(())
    }
    /// The derivative at a point by the adjoint solver that was given.
    pub(super) fn given(&mut self, z: &[AnyArray]) -> Result<Slope, ErrorKind> {
        let model = self.mapped.as_mut().unwrap_or(&mut self.model);
        derivative(model, &packed(z), &self.adjoint, self.tolerance)
    }
    /// The same where the adjoint solver has this tolerance.
    pub(super) fn given_to(&mut self, z: &[AnyArray], relative: f64) -> Result<Slope, ErrorKind> {
        let model = self.mapped.as_mut().unwrap_or(&mut self.model);
        derivative(model, &packed(z), &self.adjoint, Tolerance { relative, absolute: 0.0 })
    }
    /// Σ |L_θ t| + Σ |w F_θ t|, the terms of a derivative along t before they cancel, at a point.
    pub(super) fn terms(&mut self, z: &[AnyArray], slope: &Slope, t: &[f64]) -> Result<f64, ErrorKind> {
        let mut f = vec![0.0; self.model.len()];
        self.model.move_to(&packed(z), &mut f)?;
        self.model.params_plain(t, &mut f)?;
        let sizes = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a * b).abs()).sum::<f64>();
        Ok(sizes(&slope.by_params, t) + sizes(&slope.w, &f))
    }
    /// The derivative at a point by a solve to rounding.
    pub(super) fn exact(&mut self, z: &[AnyArray]) -> Result<Slope, ErrorKind> {
        derivative(&mut self.model, &packed(z), &self.exact, Tolerance { relative: 1e-12, absolute: 0.0 })
    }
    /// Flat directions of F_z at a point, where there are few unknowns.
    pub(super) fn flat(&mut self, z: &[AnyArray]) -> Result<Option<usize>, ErrorKind> {
        let mut f = vec![0.0; self.model.len()];
        self.model.move_to(&packed(z), &mut f)?;
        self.model.flat_directions(DENSE)
    }
    /// How far the nearest kink of F, or of the outer gradient, is.
    pub(super) fn margin(&mut self, z: &[AnyArray]) -> Result<f64> {
        self.model.margin(&packed(z))
    }
    /// The factor by which the method's map, linearised at a point, moves differences apart or together, by the power method; and whether it turns them around.
    pub(super) fn factor(&mut self, z: &[AnyArray], theta: &[AnyArray]) -> Result<Option<(f64, bool)>> {
        let n = self.model.len();
        let (Some(map), true) = (&mut self.map, n > 0) else { return Ok(None) };
        let mut v = direction(3, n);
        let mut direction: Vec<AnyArray> = z.to_vec();
        let (mut logs, mut turned, mut settled) = (vec![0.0_f64], false, 0);
        for _ in 0..POWER {
            let length = norm(&v);
            if !(length > 0.0 && length.is_finite()) {
                return Ok((length == 0.0).then_some((0.0, false)));
            }
            v = scaled(&v, 1.0 / length);
            crate::flat::unpack(&v, direction.iter_mut().map(AnyArray::view_mut));
            let mut next = vec![];
            map.run_each(((z, theta), &direction), &mut |t| next.extend(t.to_owned().to_f64()))?;
            turned = dot(&next, &v) < 0.0;
            let before = logs[logs.len() - 1];
            logs.push(norm(&next).ln());
            settled = if (logs[logs.len() - 1] - before).abs() < 1e-6 { settled + 1 } else { 0 };
            v = next;
            if settled > 5 {
                break;
            }
        }
        // A pair of complex eigenvalues lets the length go up and down: the mean of the last half.
        let last = if settled > 5 { &logs[logs.len() - 1..] } else { &logs[logs.len() / 2..] };
        let mean = last.iter().sum::<f64>() / last.len() as f64;
        Ok(Some((mean.exp(), turned)))
    }
    /// The root of F near a point by Newton's method, where that comes to rest.
    pub(super) fn root(&mut self, z: &[AnyArray]) -> Option<Vec<AnyArray>> {
        let (mut at, n) = (packed(z), self.model.len());
        let (mut f, mut delta) = (vec![0.0; n], vec![0.0; n]);
        for _ in 0..30 {
            self.model.move_to(&at, &mut f).ok()?;
            self.model.solve((&self.exact, true), Side::Plain, &f, &mut delta, Tolerance { relative: 1e-10, absolute: 0.0 }).ok()?;
            at = plus(&at, -1.0, &delta);
            if norm(&delta) <= 1e3 * self.model.epsilon() * norm(&at) {
                let mut out = z.to_vec();
                crate::flat::unpack(&at, out.iter_mut().map(AnyArray::view_mut));
                return Some(out);
            }
        }
        None
    }
    /// What is wrong of an equation whose derivative is not that of the solutions: asked of its own values, then of solutions at θ and beside it.
    pub(super) fn culprit(
        &mut self,
        at: [&[AnyArray]; 2],
        beside: [&[AnyArray]; 2],
        value: &mut dyn FnMut(&[AnyArray], &[AnyArray]) -> Result<f64>,
    ) -> Result<(Culprit, f64)> {
        let [z, theta] = at;
        let kinds = |k: ErrorKind| Error::numeric("check_hypergradient", k);
        let size = |v: &[AnyArray]| norm(&packed(v)).max(f64::MIN_POSITIVE);
        let (n, p, point) = (self.model.len(), self.model.params(), packed(z));
        let third = self.model.epsilon().cbrt();
        let difference = |a: &[f64], b: &[f64], h: f64| -> Vec<f64> { scaled(&plus(a, -1.0, b), 0.5 / h) };
        let (mut above, mut below) = (vec![0.0; n], vec![0.0; n]);
        let (v, u) = (direction(5, n), direction(6, n));
        // Rounding of the values, and what does not count beside the size of the product.
        let floor = |product: &[f64], h: f64, u: &[f64]| {
            norm(u) * (1e3 * third.powi(3) * (size(z) + norm(product)) / h + 1e-3 * OWN * norm(product))
        };

        let h = third * (size(z) / (n as f64).sqrt()).max(third);
        self.model.move_to(&plus(&point, h, &v), &mut above).map_err(kinds)?;
        self.model.move_to(&plus(&point, -h, &v), &mut below).map_err(kinds)?;
        let by_values = dot(&u, &difference(&above, &below, h));
        let mut base = vec![0.0; n];
        self.model.move_to(&point, &mut base).map_err(kinds)?;
        let (mut plain, mut back) = (vec![0.0; n], vec![0.0; n]);
        self.model.product(Side::Plain, &v, &mut plain).map_err(kinds)?;
        self.model.product(Side::Transposed, &u, &mut back).map_err(kinds)?;
        for slope in [dot(&u, &plain), dot(&back, &v)] {
            if !same(slope, by_values, floor(&plain, h, &u)) {
                return Ok((Culprit::BySolution, (slope - by_values).abs() / by_values.abs().max(slope.abs())));
            }
        }

        let (t, mut plain, mut back) = (direction(7, p), vec![0.0; n], vec![0.0; p]);
        let own: Vec<f64> = theta.iter().filter(|a| a.kind().is_real()).flat_map(AnyArray::to_f64).collect();
        let h = third * (norm(&own) / (p.max(1) as f64).sqrt()).max(third);
        self.model.params_plain(&t, &mut plain)?;
        self.model.params_transposed(&u, &mut back)?;
        let shift = |by: f64| moved(theta, &t, by);
        self.set(&shift(h))?;
        self.model.move_to(&point, &mut above).map_err(kinds)?;
        self.set(&shift(-h))?;
        self.model.move_to(&point, &mut below).map_err(kinds)?;
        self.set(theta)?;
        self.model.move_to(&point, &mut base).map_err(kinds)?;
        let by_values = dot(&u, &difference(&above, &below, h));
        for slope in [dot(&u, &plain), dot(&back, &t)] {
            if !same(slope, by_values, floor(&plain, h, &u)) {
                return Ok((Culprit::ByParameters, (slope - by_values).abs() / by_values.abs().max(slope.abs())));
            }
        }

        let (mut by_z, mut by_params) = (vec![0.0; n], vec![0.0; p]);
        self.model.outer(&mut by_z, &mut by_params)?;
        let h = third * (size(z) / (n.max(1) as f64).sqrt()).max(norm(&own) / (p.max(1) as f64).sqrt()).max(third);
        let mut shifted = |by: f64| -> Result<f64> { value(&moved(z, &v, by), &shift(by)) };
        let (high, low) = (shifted(h)?, shifted(-h)?);
        let (slope, by_values) = (dot(&by_z, &v) + dot(&by_params, &t), (high - low) / (2.0 * h));
        let whole = norm(&by_z) * norm(&v) + norm(&by_params) * norm(&t);
        if !same(slope, by_values, 1e3 * third.powi(3) * high.abs() / h + 1e-3 * OWN * whole) {
            return Ok((Culprit::Outer, (slope - by_values).abs() / by_values.abs().max(slope.abs())));
        }

        // The Newton steps that the equation asks for at solutions of the method.
        let step = |model: &mut Model, exact: &Arc<dyn LinearSolver>, z: &[AnyArray]| -> Result<Vec<f64>> {
            let (mut f, mut delta) = (vec![0.0; n], vec![0.0; n]);
            model.move_to(&packed(z), &mut f).map_err(kinds)?;
            model.solve((exact, true), Side::Plain, &f, &mut delta, Tolerance { relative: 1e-8, absolute: 0.0 }).map_err(kinds)?;
            Ok(delta)
        };
        let here = step(&mut self.model, &self.exact, z)?;
        if norm(&here) > HELD.powi(2) * size(z) {
            return Ok((Culprit::NotSatisfied, norm(&here) / size(z)));
        }
        self.set(beside[1])?;
        let there = step(&mut self.model, &self.exact, beside[0]);
        self.set(theta)?;
        let off = norm(&plus(&there?, -1.0, &here));
        let travelled = apart(beside[0], z).max(f64::MIN_POSITIVE);
        Ok(if off > HELD * travelled { (Culprit::NotSatisfied, off / travelled) } else { (Culprit::Unknown, f64::NAN) })
    }
}

/// dL/dθ = L_θ − F_θᵀ w with F_zᵀ w = L_z.
fn derivative(model: &mut Model, z: &[f64], solver: &Arc<dyn LinearSolver>, tolerance: Tolerance) -> Result<Slope, ErrorKind> {
    let (n, p) = (model.len(), model.params());
    let (mut f, mut b, mut w) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let (mut gradient, mut part) = (vec![0.0; p], vec![0.0; p]);
    model.move_to(z, &mut f)?;
    model.outer(&mut b, &mut gradient)?;
    let outcome = model.solve((solver, true), Side::Transposed, &b, &mut w, tolerance)?;
    model.params_transposed(&w, &mut part)?;
    let by_params = gradient.clone();
    gradient.iter_mut().zip(&part).for_each(|(g, v)| *g -= v);
    Ok(Slope { gradient, outcome, by_params, w })
}
