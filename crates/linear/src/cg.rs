//! Conjugate gradients.
use crate::block_cg;
use crate::operator::{Known, Operator};
use crate::preconditioner::{Chosen, Inverse, any_size, inverse, named, needs, preconditioner_setting};
use crate::scratch::{Scratch, split};
use crate::solver::{Column, Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, STARTS, Stop, stop_settings};
use crate::system::System;
use crate::tridiagonal::{KEPT, Tridiagonal};
use crate::vectors::{axpy, axpy_dot, axpy_xpby, dot, fill_noise, from_right, norm, scale, xpby};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// Conjugate gradients (Hestenes and Stiefel 1952), for symmetric definite A: one application and 3 passes an iteration.
///
/// α = rᵀz/dᵀAd, x ← x + αd, r ← r − αAd, z = M⁻¹r, d ← z + (rᵀz)/(r₋ᵀz₋) d; without a preconditioner z = r.
///
/// A negative definite A needs no more than negative α: that is −A x = −b, and the outcome's remark says so. Where directions with
/// ⟨d, A d⟩ of both signs are met, the solve fails as [`Failed::NotDefinite`].
///
/// Before its first solve with an operator, ⟨u, A v⟩ = ⟨v, A u⟩ is checked on one pseudo-random pair, unless the operator says that it is symmetric; [`trusted`](Cg::trusted)
/// leaves this check (two applications) and the search for a null space ([`Stop::probe`]) out. When the recursion says that it has converged and
/// the true residual does not, it begins again from x, and ends as [`Status::Rounding`] or [`Status::Stalled`] where that does not halve the residual.
///
/// A small residual says little where A is ill-conditioned. So one more step is made when the residual is small enough, and as many as are
/// needed while a step still moves x by more than the accuracy asked for, from a residual that is 1/√ε times smaller. The condition
/// number, of M⁻¹A with a preconditioner, is estimated from the coefficients (Lanczos).
///
/// Several right-hand sides ([`Prepared::solve_many`](crate::Prepared::solve_many)) are solved as a block, over the space of all of them
/// (O'Leary 1980): one application an iteration for each, and far fewer iterations
/// where a few eigenvalues are small. The residuals are written in an orthonormal basis (Dubrulle 2001), from which a direction that the others
/// span is dropped, as Ji and Li 2017 do: equal right-hand sides cost
/// no more than one. Each has its own convergence and its own true residual. Where the block cannot go on, those that are left are solved one by
/// one from where they stand. The block takes about ten vectors for each right-hand side, which the bytes of the state do not count.
///
/// ```
/// use hypertape_linear::{Cg, Prepare};
/// let a = ndarray::arr2(&[[2.0, 1.0], [1.0, 3.0]]);
/// let solved = Cg::tolerance(1e-14).prepare(a)?.solve(&[3.0, 4.0])?;
/// assert!(solved.outcome.converged() && solved.outcome.iterations == 2 && (solved.x[0] - 1.0).abs() < 1e-13);
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cg {
    /// When it stops; by default after 10 n + 100 iterations.
    pub stop: Stop,
    /// Whether the checks of symmetry and of a null space are left out.
    pub trusted: bool,
    preconditioner: Chosen,
    /// Whether the estimate of A⁻¹ that comes with the operator is the preconditioner.
    estimate: bool,
}

stop_settings!(Cg);
preconditioner_setting!(Cg);

impl Cg {
    /// Leaves out the checks of symmetry and of a null space.
    #[must_use]
    pub fn trusted(mut self) -> Self {
        self.trusted = true;
        self.stop.probe = 0;
        self
    }
    /// With the estimate of A⁻¹ that comes with the operator as the preconditioner; A is symmetric then.
    pub(crate) fn by_estimate(stop: Stop) -> Self {
        Cg { stop, trusted: true, preconditioner: None, estimate: true }
    }
}

impl LinearSolver for Cg {
    fn name(&self) -> String {
        named("CG", &self.preconditioner)
    }
    fn stop(&self) -> Stop {
        self.stop
    }
    fn needs(&self) -> Vec<Need> {
        needs(&self.preconditioner)
    }
    fn any_size(&self) -> bool {
        any_size(&self.preconditioner)
    }
    fn state_bytes(&self, n: usize) -> u64 {
        let own = if self.estimate { 8 * n as u64 } else { 0 };
        let z = self.preconditioner.as_ref().map_or(own, |p| p.bytes(n) + 8 * n as u64);
        8 * (3 * n + 2 * self.stop.limit(n).min(KEPT)) as u64 + z
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        let by = match inverse(&self.preconditioner, n) {
            Some(map) => By::Map(map),
            None if self.estimate => By::Estimate(vec![]),
            None => By::Nothing,
        };
        let z = vec![0.0; if by.nothing() { 0 } else { n }];
        Box::new(Iterations { settings: self.clone(), z, by, symmetric: false, scratch: Scratch::default() })
    }
}

#[derive(Debug)]
struct Iterations {
    settings: Cg,
    by: By,
    z: Vec<f64>,
    /// Whether the operator was seen to be symmetric.
    symmetric: bool,
    scratch: Scratch,
}

/// What the residual is multiplied by.
#[derive(Debug)]
enum By {
    Nothing,
    Map(Box<dyn Inverse>),
    /// The estimate of A⁻¹ that comes with the operator, with scratch.
    Estimate(Vec<f64>),
}

impl By {
    fn nothing(&self) -> bool {
        matches!(self, By::Nothing)
    }
}

impl State for Iterations {
    fn prepare(&mut self, a: &mut dyn Operator, _: &Hints) -> Result<(), Failed> {
        self.symmetric = false;
        match &mut self.by {
            By::Map(p) => p.prepare(a),
            By::Nothing | By::Estimate(_) => Ok(()),
        }
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        self.look(a, b.len())?;
        self.iterate(a, b, x, goal, 0)
    }
    fn solve_block(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goals: &[Goal]) -> Option<Vec<Column>> {
        let n = (b.len() / goals.len().max(1)).max(1);
        if let Err(e) = self.look(a, n) {
            return Some(goals.iter().map(|_| Column { ended: Err(e.clone()), products: a.products }).collect());
        }
        let by = &mut self.by;
        let made = block_cg::iterate(self.settings.stop.limit(n), a, b, x, goals, &mut |a, r, z, ended| {
            z.copy_from_slice(r);
            precondition(by, a, r, z, dot(r, r), ended).map(|_| ())
        });
        let vectors = b.chunks_exact(n).zip(x.chunks_exact_mut(n)).zip(goals);
        // A column that left goes on by itself, so that what it meets is its own.
        let alone = made.into_iter().zip(vectors).map(|((left, column), ((b, x), goal))| match column.ended {
            Ok(ended) if left => {
                a.products = column.products;
                scale(a.factor(), x);
                Column { ended: self.iterate(a, b, x, goal, ended.iterations), products: a.products }
            }
            ended => Column { ended, ..column },
        });
        Some(alone.collect())
    }
}

impl Iterations {
    /// Looks whether A is symmetric, unless that is known.
    fn look(&mut self, a: &mut System<'_>, n: usize) -> Result<(), Failed> {
        if !(self.settings.trusted || self.symmetric || a.known().symmetric) {
            symmetric(a, split::<3>(&mut self.scratch.vectors, n))?;
            self.symmetric = true;
        }
        if self.symmetric {
            a.know(Known { symmetric: true, ..a.known() });
        }
        Ok(())
    }
    /// From x, after so many iterations.
    fn iterate(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal, before: usize) -> Result<Ended, Failed> {
        let n = b.len();
        let Iterations { settings, by, z, scratch, .. } = self;
        let Scratch { vectors, numbers, .. } = scratch;
        let [r, d, ad] = split::<3>(vectors, n);
        let mut coefficients = Tridiagonal::new(numbers);
        let limit = settings.stop.limit(n);
        let mut ended = Ended::new(before, Ok(Status::Stalled));
        let (mut sign, mut least, mut most) = (0.0, f64::INFINITY, 0.0_f64);
        // ‖A‖ from below, as the diagonal of the tridiagonal matrix tells it.
        let mut seen = 0.0_f64;
        a.start(b, x, r)?;
        let mut size = norm(r);
        ended.residual = Some(size);
        // Further starts repair what the recursion of r has lost to rounding.
        for _ in 0..STARTS {
            if size <= goal.length || ended.iterations >= limit {
                break;
            }
            let mut rr = dot(r, r);
            let mut rz = precondition(by, a, r, z, rr, &mut ended)?;
            d.copy_from_slice(if by.nothing() { r } else { z });
            ended.residual = None;
            coefficients.clear();
            // `carried` is what the last step adds to the next entry of that diagonal.
            let (mut made, mut settled, mut carried, mut shortest) = (0, false, 0.0, f64::INFINITY);
            let stopped = loop {
                let length = rr.sqrt();
                let near = length <= goal.length.max(goal.floor());
                if ended.iterations >= limit || near && (settled || made >= n || length <= goal.floor()) {
                    break None;
                }
                // A residual grows by √κ at the most. Beyond 1/√ε the directions are no longer conjugate: it begins again from x.
                shortest = shortest.min(length);
                if length * goal.epsilon.sqrt() > shortest {
                    break None;
                }
                a.apply(d, ad)?;
                let curvature = dot(d, ad);
                if !curvature.is_finite() || !rr.is_finite() {
                    break Some(Failed::Diverged { growth: None, at: Reached::default() });
                }
                // After convergence only the rounding of a direction is left.
                if curvature == 0.0 || curvature * sign < 0.0 {
                    break if near { None } else { Some(flat(curvature, norm(ad), norm(d), seen, goal)) };
                }
                // 1/α bounds the smallest eigenvalue from above.
                let inverse = curvature / rz;
                if inverse.abs() <= 4.0 * goal.epsilon * seen {
                    break if near { None } else { Some(Failed::Singular { at: Reached::default(), flat: None }) };
                }
                sign = curvature.signum();
                seen = seen.max(inverse.abs() + carried);
                let alpha = inverse.recip();
                rr = axpy_dot(-alpha, ad, r);
                let now = match precondition(by, a, r, z, rr, &mut ended) {
                    Ok(now) => now,
                    Err(e) => {
                        axpy(alpha, d, x);
                        return Err(e);
                    }
                };
                coefficients.push(inverse, now / rz);
                carried = inverse.abs() * (now / rz);
                let (z, beta) = (if by.nothing() { &*r } else { &*z }, now / rz);
                if near {
                    axpy(alpha, d, x);
                    settled = !goal.moved(alpha.abs() * norm(d), length, norm(x));
                    xpby(z, beta, d);
                } else {
                    axpy_xpby(alpha, x, z, beta, d);
                }
                rz = now;
                made += 1;
                ended.iterations += 1;
            };
            if let Some((low, high)) = coefficients.extremes() {
                (least, most) = (least.min(low), most.max(high));
            }
            if let Some(why) = stopped {
                ended.said = Err(why);
                break;
            }
            a.apply(x, ad)?;
            from_right(b, ad);
            let before = std::mem::replace(&mut size, norm(ad));
            ended.residual = Some(size);
            if size > goal.length && size > 0.5 * before && ended.iterations < limit {
                break;
            }
            r.copy_from_slice(ad);
        }
        if ended.said.is_ok() && ended.iterations >= limit {
            ended.said = Ok(Status::IterationLimit);
        }
        if most > 0.0 {
            ended.condition = most / least;
            if by.nothing() {
                (ended.norm, ended.smallest) = (most, Some(least));
            }
        }
        if sign < 0.0 {
            ended.remark = Some("the operator is negative definite: −A x = −b was solved");
        }
        Ok(ended)
    }
}

/// z = M⁻¹r; gives rᵀz, which is rᵀr without a preconditioner.
fn precondition(by: &mut By, a: &System<'_>, r: &[f64], z: &mut [f64], rr: f64, ended: &mut Ended) -> Result<f64, Failed> {
    match by {
        By::Nothing => return Ok(rr),
        By::Map(map) => map.apply(a.side(), r, z)?,
        By::Estimate(alphas) => a.estimate(r, z, alphas)?,
    }
    ended.preconditioned += 1;
    let rz = dot(r, z);
    if rz > 0.0 || rr == 0.0 || !rz.is_finite() { Ok(rz) } else { Err(Failed::NotDefinite { curvature: Some(rz / rr) }) }
}

/// A direction without curvature, or with curvature of the other sign: a null vector, or an indefinite operator. Of a definite operator, ‖A d‖² is ‖A‖ times the curvature at
/// the most: so a null vector up to rounding has an image of √ε‖A‖‖d‖ at the most.
fn flat(curvature: f64, image: f64, length: f64, most: f64, goal: &Goal) -> Failed {
    let rounding = 4.0 * goal.epsilon * most;
    if length == 0.0 {
        Failed::Breakdown { what: "breakdown: a direction of length 0", at: Reached::default() }
    } else if image <= rounding * length || (curvature / length / length).abs() <= rounding && image <= (rounding * most).sqrt() * length {
        Failed::Singular { at: Reached::default(), flat: None }
    } else {
        Failed::NotDefinite { curvature: Some(curvature / length / length) }
    }
}

/// That ⟨u, A v⟩ = ⟨v, A u⟩ for a pseudo-random pair, to the rounding of the operator.
pub(crate) fn symmetric(a: &mut System<'_>, [u, v, w]: [&mut [f64]; 3]) -> Result<(), Failed> {
    let root = (u.len().max(1) as f64).sqrt();
    fill_noise(1, u);
    fill_noise(2, v);
    a.apply(v, w)?;
    let (left, size) = (dot(u, w), norm(u) * norm(w));
    a.apply(u, w)?;
    let (right, other) = (dot(v, w), norm(v) * norm(w));
    let (epsilon, size, difference) = (a.epsilon(), size.max(other), (left - right).abs());
    let allowed = epsilon.sqrt() * 0.1 * size / root + 64.0 * epsilon * root * size;
    // What is not finite is left to the solve, which names it.
    if difference <= allowed || !difference.is_finite() { Ok(()) } else { Err(Failed::NotSymmetric { difference, size }) }
}
