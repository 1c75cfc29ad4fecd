//! An equation and an outer objective at a point: everything that a certificate evaluates, on vectors of doubles.
use crate::equation::{Equation, Leaves};
use crate::failure::of_solve;
use crate::flat;
use crate::operator::{At, Jacobian};
use crate::settled::unsettled;
use crate::signs::sign;
use crate::stamp::Stamp;
use crate::system::{Solvers, Task};
use hypertape_autodiff::array::{AnyArray, AnyView, AnyViewMut, LeafType};
use hypertape_autodiff::error::Typed;
use hypertape_autodiff::function::Workspace;
use hypertape_autodiff::tree::{AnyLeaf, Structure};
use hypertape_autodiff::{Error, ErrorKind, Function, Result};
use hypertape_linear::{Extremes, Failed, Hints, LinearSolver, Operator, Outcome, Side, Tolerance, extremes, flat_directions, norm};
use smallvec::SmallVec;
use std::sync::Arc;

/// (z, θ).
type Doors = (Leaves, Leaves);

/// What was executed, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Work {
    /// Evaluations of F, each with what the products there read.
    pub evaluations: u64,
    /// Products with F_z.
    pub plain: u64,
    /// Products with F_zᵀ.
    pub transposed: u64,
    /// Products with F_θ or F_θᵀ.
    pub params: u64,
    /// Gradients of the outer objective.
    pub outer: u64,
    /// Derivatives of these along a direction, each with those of F_zᵀw and F_θᵀw.
    pub second: u64,
    /// Evaluations of switching variables or of their derivative along a direction.
    pub switching: u64,
}

/// Programs of one problem and one outer objective, and what runs them.
#[derive(Debug)]
pub(crate) struct Model {
    equation: Arc<Equation>,
    jacobian: Jacobian,
    solvers: Solvers,
    hints: Hints,
    /// Whether systems are solved on the active set.
    restricted: bool,
    /// L and (L_z, L_θ).
    outer: Workspace<Doors, (Leaves, Doors)>,
    /// ∂_d (L_z, L_θ).
    outer_moved: Workspace<(Doors, Leaves), Doors>,
    /// ∂_d (F_zᵀw, F_θᵀw), w fixed.
    moved: Workspace<((Doors, Leaves), Leaves), Doors>,
    params_transposed: Workspace<(Doors, Leaves), Leaves>,
    params_plain: Workspace<(Doors, Leaves), Leaves>,
    /// The switching variables of F and of the outer gradient, where there are any.
    switches: Vec<Switches>,
    z: Vec<AnyArray>,
    theta: Vec<AnyArray>,
    w: Vec<AnyArray>,
    d: Vec<AnyArray>,
    t: Vec<AnyArray>,
    stamp: Stamp,
    residual: Vec<f64>,
    pub(crate) work: Work,
}

/// Numbers whose signs decide which smooth piece of a function is active: their values, and their derivatives along a direction and back.
#[derive(Debug)]
struct Switches {
    moved: Workspace<(Doors, Leaves), (Leaves, Leaves)>,
    moved_params: Workspace<(Doors, Leaves), (Leaves, Leaves)>,
    back: Workspace<(Doors, Leaves), Leaves>,
    /// Types of the variables.
    types: Vec<LeafType>,
}

/// The part of the largest switching number, in machine epsilons, under which one may be rounding.
const SLIGHT: f64 = 1e4;
/// Directions of pseudo-random signs by which the lengths of gradients are estimated.
const PROBES: u64 = 4;
/// Over what an estimate of such a length may be too small.
const SHORT: f64 = 2.0;

impl Switches {
    fn of<O: Structure>(f: &Function<Doors, O>) -> Option<Self> {
        let s = f.wrt(|(z, p)| (z, p)).switching();
        let types = s.outputs().leaf_types();
        let some = types.iter().any(|t| !t.is_empty());
        some.then(|| Switches {
            moved: s.wrt(|(z, _)| z).jvp().workspace(),
            moved_params: s.wrt(|(_, p)| p).jvp().workspace(),
            back: s.wrt(|(z, _)| z).vjp().output(|(_, c)| c).workspace(),
            types,
        })
    }
}

fn leaves(types: &[LeafType]) -> Leaves {
    types.iter().cloned().map(AnyLeaf).collect()
}

fn zeros(types: &[LeafType]) -> Vec<AnyArray> {
    types.iter().map(|t| AnyArray::full(t, 0.0)).collect()
}

/// Packs the real leaves that a run hands out, one after the other, into two vectors.
struct Sink<'a> {
    to: [&'a mut [f64]; 2],
    at: usize,
}

impl<'a> Sink<'a> {
    fn new(first: &'a mut [f64], second: &'a mut [f64]) -> Self {
        Sink { to: [first, second], at: 0 }
    }
    fn take(&mut self, v: &AnyView<'_>) {
        if !v.kind().is_real() {
            return;
        }
        let (n, first) = (v.shape().iter().product::<usize>(), self.to[0].len());
        let (half, from) = if self.at < first { (0, self.at) } else { (1, self.at - first) };
        flat::pack(std::iter::once(v.reborrow()), &mut self.to[half][from..from + n]);
        self.at += n;
    }
}

/// That leaves have these types and are finite.
fn check(what: &'static str, given: &[AnyView<'_>], expected: &[LeafType]) -> Result<()> {
    let types: Vec<LeafType> = given.iter().map(AnyView::leaf_type).collect();
    if types != expected {
        return Err(Error::new("certify", ErrorKind::Types { of: Typed::Given(what), expected: expected.to_vec(), given: types }));
    }
    match given.iter().find_map(AnyView::first_non_finite) {
        Some((index, value)) => Err(Error::new("certify", ErrorKind::NotFinite { what: what.into(), index, value })),
        None => Ok(()),
    }
}

/// Number of elements of the real leaves.
fn reals(types: &[LeafType]) -> usize {
    types.iter().filter(|t| t.kind.is_real()).map(LeafType::len).sum()
}

fn real_leaves(leaves: &mut [AnyArray]) -> impl Iterator<Item = AnyViewMut<'_>> {
    leaves.iter_mut().filter(|a| a.kind().is_real()).map(AnyArray::view_mut)
}

impl Model {
    /// Of F(z, θ), and L(z, θ) with its gradient by both, with the α for which I − αF_z is the Jacobian of a step, where there is one.
    pub(crate) fn new<I: Structure, O: Structure>(
        equation: Equation,
        outer: &Function<I, O>,
        step: Option<f64>,
        restricted: bool,
    ) -> Result<Self> {
        let doors = (leaves(&equation.solution), leaves(&equation.params));
        let program = outer.program()?;
        let value = leaves(&program.output_types()[..1]);
        let both: Function<Doors, (Leaves, Doors)> = Function::with_doors((*program).clone(), doors.clone(), (value, doors))?;
        let outer = both.output(|(_, g)| g);
        let switches = [Switches::of(&equation.residual), Switches::of(&outer)].into_iter().flatten().collect();
        let outer_moved = outer.wrt(|(z, _)| z).jvp().output(|(_, t)| t);
        let back = equation.residual.wrt(|(z, p)| (z, p)).vjp().output(|(_, c)| c);
        let moved = back.wrt(|((z, _), _)| z).jvp().output(|(_, t)| t);
        let equation = Arc::new(equation);
        let n = flat::len(&equation.solution);
        Ok(Model {
            jacobian: Jacobian::new(&equation)?,
            solvers: Solvers::default(),
            hints: Hints { step },
            restricted,
            outer: both.workspace(),
            outer_moved: outer_moved.workspace(),
            moved: moved.workspace(),
            params_transposed: equation.by_params_transposed.workspace(),
            params_plain: equation.by_params.workspace(),
            switches,
            z: zeros(&equation.solution),
            theta: zeros(&equation.params),
            w: zeros(&equation.solution),
            d: zeros(&equation.solution),
            t: zeros(&equation.params),
            stamp: Stamp::new(),
            residual: vec![0.0; n],
            work: Work::default(),
            equation,
        })
    }
    /// Unknowns.
    pub(crate) fn len(&self) -> usize {
        flat::len(&self.equation.solution)
    }
    /// Numbers that the gradient has: the real entries of θ.
    pub(crate) fn params(&self) -> usize {
        reals(&self.equation.params)
    }
    /// The machine epsilon of what is computed.
    pub(crate) fn epsilon(&self) -> f64 {
        self.jacobian.epsilon()
    }
    /// Sets θ.
    pub(crate) fn set_params(&mut self, theta: &[AnyView<'_>]) -> Result<()> {
        check("the parameters", theta, &self.equation.params)?;
        for (to, from) in self.theta.iter_mut().zip(theta) {
            *to = from.to_owned();
        }
        Ok(())
    }
    /// Leaves like z as a vector.
    pub(crate) fn pack(&self, what: &'static str, z: &[AnyView<'_>]) -> Result<Vec<f64>> {
        check(what, z, &self.equation.solution)?;
        let mut out = vec![0.0; self.len()];
        flat::pack(z.iter().map(AnyView::reborrow), &mut out);
        Ok(out)
    }
    /// Leaves like θ as a vector.
    pub(crate) fn pack_params(&self, what: &'static str, g: &[AnyView<'_>]) -> Result<Vec<f64>> {
        check(what, g, &self.equation.params)?;
        let mut out = vec![0.0; self.params()];
        flat::pack(g.iter().filter(|v| v.kind().is_real()).map(AnyView::reborrow), &mut out);
        Ok(out)
    }
    /// A vector as leaves like θ; of index leaves zeros.
    pub(crate) fn unpack_params(&self, g: &[f64]) -> Vec<AnyArray> {
        let mut out = zeros(&self.equation.params);
        flat::unpack(g, real_leaves(&mut out));
        out
    }
    /// Moves to a point; F there.
    pub(crate) fn move_to(&mut self, z: &[f64], f: &mut [f64]) -> Result<(), ErrorKind> {
        flat::unpack(z, self.z.iter_mut().map(AnyArray::view_mut));
        self.stamp = Stamp::new();
        self.work.evaluations += 1;
        self.at(|_, _, _, residual| {
            f.copy_from_slice(residual);
            Ok(())
        })
    }
    /// F_z at the point, the solvers, and F.
    fn at<R>(&mut self, work: impl FnOnce(&mut At<'_, '_>, &mut Solvers, Stamp, &[f64]) -> Result<R, ErrorKind>) -> Result<R, ErrorKind> {
        let Model { jacobian, solvers, z, theta, stamp, residual, .. } = self;
        let point: SmallVec<[AnyView<'_>; 16]> = z.iter().chain(theta.iter()).map(AnyArray::view).collect();
        let mut operator = jacobian.at(&point, Some(*stamp), residual)?;
        work(&mut operator, solvers, *stamp, residual)
    }
    /// x with F_z x = b, or F_zᵀ x = b, from 0. A singular F_z is looked for where `look` says so.
    pub(crate) fn solve(
        &mut self,
        how: (&Arc<dyn LinearSolver>, bool),
        side: Side,
        b: &[f64],
        x: &mut [f64],
        tolerance: Tolerance,
    ) -> Result<Outcome, ErrorKind> {
        x.fill(0.0);
        self.solve_from(how, side, b, x, tolerance)
    }
    /// The same from x.
    pub(crate) fn solve_from(
        &mut self,
        (solver, look): (&Arc<dyn LinearSolver>, bool),
        side: Side,
        b: &[f64],
        x: &mut [f64],
        tolerance: Tolerance,
    ) -> Result<Outcome, ErrorKind> {
        let (hints, restricted) = (self.hints, self.restricted);
        let solved = self.at(|operator, solvers, stamp, _| {
            let task = Task { side, b, x, tolerance, restricted, look };
            let solved = solvers.of(solver, hints).solve(operator, stamp, task);
            Ok(solved.map(|s| s.outcome).map_err(|e| of_solve(&**solver, e)))
        })?;
        let outcome = solved.map_err(|kind| {
            let [z, theta]: [Vec<AnyView<'_>>; 2] = [&self.z, &self.theta].map(|all| all.iter().map(AnyArray::view).collect());
            unsettled(&self.jacobian.equation, &z, &theta, &self.residual, kind)
        })?;
        self.work.plain += outcome.products.plain;
        self.work.transposed += outcome.products.transposed;
        Ok(outcome)
    }
    /// out = F_z v, or F_zᵀ v.
    pub(crate) fn product(&mut self, side: Side, v: &[f64], out: &mut [f64]) -> Result<(), ErrorKind> {
        match side {
            Side::Plain => self.work.plain += 1,
            Side::Transposed => self.work.transposed += 1,
        }
        let failed = |e: Failed| ErrorKind::Solve { solver: "product".into(), failed: e };
        self.at(|operator, _, _, _| match side {
            Side::Plain => operator.apply(v, out).map_err(failed),
            Side::Transposed => operator.apply_transposed(v, out).map_err(failed),
        })
    }
    /// The extreme singular values of F_z, from inside.
    pub(crate) fn extremes(&mut self, steps: usize, most: usize) -> Result<Extremes, ErrorKind> {
        let found = self.at(|operator, _, _, _| {
            extremes(operator, steps, most).map_err(|e| ErrorKind::Solve { solver: "Lanczos".into(), failed: e })
        })?;
        self.work.plain += found.products.plain;
        self.work.transposed += found.products.transposed;
        Ok(found)
    }
    /// How many directions F_z leaves flat, where there are not more unknowns than this.
    pub(crate) fn flat_directions(&mut self, most: usize) -> Result<Option<usize>, ErrorKind> {
        self.at(|operator, _, _, _| {
            flat_directions(operator, most).map_err(|e| ErrorKind::Solve { solver: "singular values".into(), failed: e })
        })
    }
    /// The largest singular value of F_z from below: a step of the power method on F_zᵀF_z from pseudo-random signs.
    pub(crate) fn largest(&mut self) -> Result<f64, ErrorKind> {
        let n = self.len();
        let mut v: Vec<f64> = (0..n).map(|i| sign(31, i)).collect();
        let mut image = vec![0.0; n];
        let mut found = 0.0_f64;
        for last in [false, true] {
            let length = norm(&v);
            if !(length > 0.0 && length.is_finite()) {
                break;
            }
            v.iter_mut().for_each(|v| *v /= length);
            self.product(Side::Plain, &v, &mut image)?;
            found = found.max(norm(&image));
            if !last {
                self.product(Side::Transposed, &image, &mut v)?;
            }
        }
        Ok(found)
    }
    /// (L_z, L_θ) at the point.
    pub(crate) fn outer(&mut self, by_z: &mut [f64], by_params: &mut [f64]) -> Result<f64> {
        self.work.outer += 1;
        let (mut sink, mut value) = (Sink::new(by_z, by_params), None);
        self.outer.run_each((&self.z, &self.theta), &mut |v| match value {
            Some(_) => sink.take(&v),
            None => {
                let mut number = [f64::NAN];
                flat::pack(std::iter::once(v), &mut number);
                value = Some(number[0]);
            }
        })?;
        Ok(value.unwrap_or(f64::NAN))
    }
    /// F_θᵀ u at the point.
    pub(crate) fn params_transposed(&mut self, u: &[f64], out: &mut [f64]) -> Result<()> {
        self.work.params += 1;
        flat::unpack(u, self.w.iter_mut().map(AnyArray::view_mut));
        let mut sink = Sink::new(out, &mut []);
        self.params_transposed.run_each(((&self.z, &self.theta), &self.w), &mut |v| sink.take(&v))
    }
    /// F_θ t at the point.
    pub(crate) fn params_plain(&mut self, t: &[f64], out: &mut [f64]) -> Result<()> {
        self.work.params += 1;
        flat::unpack(t, real_leaves(&mut self.t));
        let mut sink = Sink::new(out, &mut []);
        self.params_plain.run_each(((&self.z, &self.theta), &self.t), &mut |v| sink.take(&v))
    }
    /// (∂_d (L_z − F_zᵀw), ∂_d (L_θ − F_θᵀw)) at the point, for w fixed.
    pub(crate) fn moved(&mut self, w: &[f64], d: &[f64], by_z: &mut [f64], by_params: &mut [f64]) -> Result<()> {
        self.work.second += 1;
        flat::unpack(w, self.w.iter_mut().map(AnyArray::view_mut));
        flat::unpack(d, self.d.iter_mut().map(AnyArray::view_mut));
        let (mut f_z, mut f_t) = (vec![0.0; by_z.len()], vec![0.0; by_params.len()]);
        let mut sink = Sink::new(&mut f_z, &mut f_t);
        self.moved.run_each((((&self.z, &self.theta), &self.w), &self.d), &mut |v| sink.take(&v))?;
        let mut sink = Sink::new(by_z, by_params);
        self.outer_moved.run_each(((&self.z, &self.theta), &self.d), &mut |v| sink.take(&v))?;
        by_z.iter_mut().zip(&f_z).for_each(|(l, f)| *l -= f);
        by_params.iter_mut().zip(&f_t).for_each(|(l, f)| *l -= f);
        Ok(())
    }
    /// For each switching variable how far the nearest point is at which it changes its sign, to first order; the length of its gradient is estimated from above, by
    /// derivatives along pseudo-random signs. ∞ where it does not move.
    fn margins(&mut self, z: &[f64]) -> Result<Vec<Vec<f64>>> {
        flat::unpack(z, self.z.iter_mut().map(AnyArray::view_mut));
        let mut all = vec![];
        for s in &mut self.switches {
            let m = flat::len(&s.types);
            let (mut values, mut tangents, mut squares) = (vec![0.0; m], vec![0.0; m], vec![0.0; m]);
            for seed in 0..PROBES {
                self.work.switching += 1;
                let signs: Vec<f64> = (0..z.len()).map(|i| sign(29 + seed, i)).collect();
                flat::unpack(&signs, self.d.iter_mut().map(AnyArray::view_mut));
                let mut sink = Sink::new(&mut values, &mut tangents);
                s.moved.run_each(((&self.z, &self.theta), &self.d), &mut |v| sink.take(&v))?;
                squares.iter_mut().zip(&tangents).for_each(|(s, t)| *s += t * t);
            }
            let length = |square: f64| SHORT * (square / PROBES as f64).sqrt();
            let mut margins: Vec<f64> = values
                .iter()
                .zip(&squares)
                .map(|(v, s)| if v.is_infinite() || *s == 0.0 { f64::INFINITY } else { v.abs() / length(*s) })
                .collect();
            // What the parameters alone decide has no distance, and z says nothing of the rounding of what is nearly 0 where z is: the point lies on such a kink, to the rounding of θ, or not.
            let (zeros, epsilon) = (norm(z) == 0.0, self.jacobian.epsilon());
            let most = values.iter().filter(|v| v.is_finite()).fold(0.0, |m: f64, v| m.max(v.abs()));
            let on = |i: &usize| squares[*i] == 0.0 || zeros || values[*i].abs() <= SLIGHT * epsilon * most;
            let fixed: Vec<usize> = (0..m).filter(|i| on(i) && values[*i].is_finite()).collect();
            if !fixed.is_empty() {
                squares.fill(0.0);
                let theta: Vec<f64> = self.theta.iter().filter(|t| t.kind().is_real()).flat_map(AnyArray::to_f64).collect();
                let size = theta.iter().fold(0.0, |m: f64, t| m.max(t.abs()));
                for seed in 0..PROBES {
                    self.work.switching += 1;
                    let along: Vec<f64> = (0..theta.len()).map(|i| sign(37 + seed, i)).collect();
                    flat::unpack(&along, real_leaves(&mut self.t));
                    let mut sink = Sink::new(&mut values, &mut tangents);
                    s.moved_params.run_each(((&self.z, &self.theta), &self.t), &mut |v| sink.take(&v))?;
                    squares.iter_mut().zip(&tangents).for_each(|(s, t)| *s += t * t);
                }
                for i in fixed {
                    if squares[i] > 0.0 && values[i].abs() <= 500.0 * epsilon * size * length(squares[i]) {
                        margins[i] = 0.0;
                    }
                }
            }
            all.push(margins);
        }
        Ok(all)
    }
    /// How far the nearest kink is.
    pub(crate) fn margin(&mut self, z: &[f64]) -> Result<f64> {
        Ok(self.margins(z)?.into_iter().flatten().fold(f64::INFINITY, f64::min))
    }
    /// A direction of length 1 that leads across all kinks that are no farther away than this, and the distance of the next one; none where no direction does.
    pub(crate) fn across(&mut self, z: &[f64], reach: f64) -> Result<Option<(Vec<f64>, f64)>> {
        let margins = self.margins(z)?;
        let next = margins.iter().flatten().filter(|m| **m > reach).fold(f64::INFINITY, |a, m| a.min(*m));
        let mut total = vec![0.0; z.len()];
        for (s, margins) in self.switches.iter_mut().zip(margins) {
            let near: Vec<f64> = margins.iter().map(|m| f64::from(u8::from(*m <= reach))).collect();
            let mut cotangent = zeros(&s.types);
            flat::unpack(&near, cotangent.iter_mut().map(AnyArray::view_mut));
            let mut part = vec![0.0; z.len()];
            let mut sink = Sink::new(&mut part, &mut []);
            s.back.run_each(((&self.z, &self.theta), &cotangent), &mut |v| sink.take(&v))?;
            total.iter_mut().zip(&part).for_each(|(t, p)| *t += p);
        }
        let length = norm(&total);
        Ok((length > 0.0 && length.is_finite()).then(|| (total.iter().map(|t| t / length).collect(), next)))
    }
}
