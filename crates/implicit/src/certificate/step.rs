//! One round of a certificate: a Newton step on the equation and on its adjoint, and how fast the derivative changes along it.
use super::model::Model;
use super::rounds::{FIRST, LEAST, LOOSE, Rounds, tolerance};
use super::stand::{Stand, difference};
use crate::signs::sign;
use hypertape_autodiff::{ErrorKind, Result};
use hypertape_linear::{LinearSolver, Side, norm};
use std::sync::Arc;

fn plus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

impl<'a> Rounds<'a> {
    /// Newton's step on F = 0 and on its adjoint L_z − F_zᵀw = 0 together: δ with F_z δ = −F, and v with F_zᵀ v = r + ∂_δ r for r = L_z − F_zᵀw. To first order it moves the
    /// derivative by ∂_δ (L_θ − F_θᵀw) − F_θᵀ v, which says how fast the derivative changes, and by what it misses how fast that does. Returns what the linear solve left of F.
    pub(super) fn together(&mut self, model: &mut Model, stand: &mut Stand) -> Result<f64, ErrorKind> {
        let (delta, linear) = self.newton_step(model, stand, self.eta[0].min(FIRST))?;
        let (n, p, length) = (delta.len(), stand.g.len(), norm(&delta));
        let (mut right, mut predicted, mut v, mut part) = (vec![0.0; n], vec![0.0; p], vec![0.0; n], vec![0.0; p]);
        if length > 0.0 {
            let d: Vec<f64> = delta.iter().map(|v| v / length).collect();
            model.moved(&stand.w, &d, &mut right, &mut predicted)?;
        }
        let (by_z, by_params) = (length * norm(&right), norm(&predicted));
        right.iter_mut().zip(&stand.r).for_each(|(m, r)| *m = r + length * *m);
        let made = model.solve(self.solver(), Side::Transposed, &right, &mut v, tolerance(self.eta[1].min(FIRST)))?;
        self.spectrum.learn(&made, norm(&right), norm(&v));
        model.params_transposed(&v, &mut part)?;
        predicted.iter_mut().zip(&part).for_each(|(m, part)| *m = length * *m - part);
        let (left, own) = (linear * norm(&stand.f), norm(&stand.r));
        let next = Stand::move_to(model, plus(&stand.z, &delta))?.with_adjoint(model, plus(&stand.w, &v))?;
        self.spectrum = self.spectrum.moved((by_z + norm(&next.r)) / norm(&stand.w));
        let moved: Vec<f64> = next.g.iter().zip(&stand.g).map(|(new, old)| new - old).collect();
        let off = difference(&moved, &predicted);
        // What of it the residual of the given adjoint makes; the rest comes with the step.
        let share = if own > 0.0 { own / (own + by_z) } else { 0.0 };
        let inner: Vec<f64> = predicted.iter().zip(&part).map(|(m, part)| m + share * part).collect();
        self.parts = [share * norm(&part), norm(&inner)];
        *stand = next;
        self.stepped(model, length)?;
        self.misses = Some((off, norm(&moved)));
        if self.settings.lipschitz.is_none() {
            // A slope that grows by as much again to the end of the step.
            self.slope_at_end = (norm(&predicted) + 2.0 * off) / length;
            // Along another direction the two parts need not cancel, nor F_θᵀv be short.
            self.along = by_params + (self.params * norm(&v) + 2.0 * off) / length;
        }
        Ok(left)
    }
    /// One Newton step on F = 0, then the adjoint at the new point from the one before. Returns what the linear solve left of F.
    pub(super) fn in_turn(&mut self, model: &mut Model, stand: &mut Stand) -> Result<f64, ErrorKind> {
        let (delta, linear) = match self.step.take() {
            Some(made) => made,
            None => self.newton_step(model, stand, self.eta[0])?,
        };
        let left = linear * norm(&stand.f);
        let next = Stand::move_to(model, plus(&stand.z, &delta))?.with_adjoint(model, stand.w.clone())?;
        // By how much the adjoint's residual has changed with the point: by how much F_zᵀ has, along w, and L_z.
        let drift = difference(&next.r, &stand.r);
        self.spectrum = self.spectrum.moved(drift / norm(&stand.w));
        if !next.finite() {
            *stand = next;
            return Ok(left);
        }
        let mut more = vec![0.0; next.w.len()];
        let made = model.solve(self.solver(), Side::Transposed, &next.r, &mut more, tolerance(self.eta[1]))?;
        self.spectrum.learn(&made, norm(&next.r), norm(&more));
        let (w, fixed) = (plus(&next.w, &more), next.g.clone());
        *stand = next.with_adjoint(model, w)?;
        if self.settings.lipschitz.is_none() {
            // Where the derivative happens to be stationary at the end of the step, it was not at its start.
            let (start, end) = (self.slope_at_end, self.slope(model, stand, &delta)?);
            (self.along, self.slope_at_end) = (start.max(end), end);
        }
        self.misses = None;
        self.stepped(model, norm(&delta))?;
        if self.made == 1 {
            // What the residual of the given adjoint makes of the adjoint's correction; the rest comes with the move.
            let own = self.residuals[1] / (self.residuals[1] + drift);
            self.parts = [if own > 0.0 { own * difference(&stand.g, &fixed) } else { 0.0 }, self.along * self.newton];
        }
        Ok(left)
    }
    /// Counts a step of this length, and finds ‖F_θ‖ where it has led.
    fn stepped(&mut self, model: &mut Model, length: f64) -> Result<(), ErrorKind> {
        self.grown = if length > self.newton { self.grown + 1 } else { 0 };
        self.newton = length;
        if self.made == 0 {
            self.step_at_first = length;
        }
        self.made += 1;
        (self.params, self.not_below) = self.norm.of(model)?;
        Ok(())
    }
    /// What the rounds solve with, and whether it looks for a singular F_z: not where an earlier solve has.
    pub(super) fn solver(&self) -> (&'a Arc<dyn LinearSolver>, bool) {
        (&self.settings.solver, !self.spectrum.settled)
    }
    /// δ with F_z δ = −F, and the relative residual that is left.
    pub(super) fn newton_step(&mut self, model: &mut Model, stand: &Stand, eta: f64) -> Result<(Vec<f64>, f64), ErrorKind> {
        let right: Vec<f64> = stand.f.iter().map(|f| -f).collect();
        let mut delta = vec![0.0; right.len()];
        let made = model.solve(self.solver(), Side::Plain, &right, &mut delta, tolerance(eta))?;
        self.spectrum.learn(&made, norm(&right), norm(&delta));
        Ok((delta, made.residual))
    }
    /// How fast the derivative changes along a direction: ‖∂_d (L_θ − F_θᵀw) − F_θᵀv‖ for d of length 1, with F_zᵀv = ∂_d (L_z − F_zᵀw).
    pub(super) fn slope(&mut self, model: &mut Model, stand: &Stand, along: &[f64]) -> Result<f64, ErrorKind> {
        let (n, p, length) = (along.len(), stand.g.len(), norm(along));
        if n == 0 {
            return Ok(0.0);
        }
        let d: Vec<f64> = match length > 0.0 {
            true => along.iter().map(|v| v / length).collect(),
            false => (0..n).map(|i| sign(23, i) / (n as f64).sqrt()).collect(),
        };
        let (mut by_z, mut by_params, mut v, mut part) = (vec![0.0; n], vec![0.0; p], vec![0.0; n], vec![0.0; p]);
        model.moved(&stand.w, &d, &mut by_z, &mut by_params)?;
        let made = model.solve(self.solver(), Side::Transposed, &by_z, &mut v, tolerance(LOOSE))?;
        self.spectrum.learn(&made, norm(&by_z), norm(&v));
        model.params_transposed(&v, &mut part)?;
        Ok(difference(&by_params, &part))
    }
    /// The derivatives on both sides of the kinks that the point lies on, where there are any.
    pub(super) fn one_sided(&self, model: &mut Model, stand: &Stand) -> Result<Option<[Vec<f64>; 2]>, ErrorKind> {
        let reach = 2.0 * self.distance + 500.0 * model.epsilon() * norm(&stand.z);
        let Some((across, next)) = model.across(&stand.z, reach)? else { return Ok(None) };
        // Where z is 0 or its rounding, the next kink gives the scale, else nothing does.
        let scale = [norm(&stand.z), next].into_iter().filter(|s| s.is_finite()).fold(0.0, f64::max);
        let shift = (100.0 * reach).max(model.epsilon().sqrt() * if scale > 0.0 { scale } else { 1.0 });
        let mut side = |by: f64| -> Result<Vec<f64>, ErrorKind> {
            let there = Stand::move_to(model, stand.z.iter().zip(&across).map(|(z, d)| z + by * d).collect())?;
            let mut w = vec![0.0; there.z.len()];
            model.solve((&self.settings.solver, true), Side::Transposed, there.right(), &mut w, tolerance(LEAST))?;
            Ok(there.with_adjoint(model, w)?.g)
        };
        Ok(Some([side(-shift)?, side(shift)?]))
    }
}
