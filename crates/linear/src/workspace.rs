//! One solve: the system is scaled by powers of two where squares would leave the range, and what is found is judged.
use crate::flat::counted;
use crate::near::Near;
use crate::operator::{Matrix, Operator, Side};
use crate::outcome::{Outcome, Tolerance};
use crate::probe;
use crate::scratch::{Scratch, split};
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop, usable, usable_absolute};
use crate::system::{Beside, System};
use crate::vectors::{fill_noise, from_right, norm, scale};
use hypertape_autodiff::outcome::{Failed, Need, Reached, Status};

/// What one user of a solver owns: the solver's state, and scratch. One a thread; it allocates nothing once warm.
#[derive(Debug)]
pub struct Workspace {
    /// None where there is not the memory for it.
    state: Option<Box<dyn State>>,
    /// Bytes of the state.
    bytes: u64,
    ready: bool,
    stop: Stop,
    needs: Vec<Need>,
    n: usize,
    /// The right-hand side where it had to be scaled.
    right: Vec<f64>,
    scratch: Scratch,
    /// Whether a singular operator is looked for, up to the n of `stop`.
    probes: bool,
    /// What was seen of the operator that it is ready for.
    probed: Option<Probed>,
    beside: Beside,
}

/// Estimates of the extreme singular values of A, by so many steps from a pseudo-random vector. They do not depend on the right-hand side, and stand for A and Aᵀ.
#[derive(Debug, Clone, Copy)]
struct Probed {
    steps: usize,
    largest: f64,
    smallest: f64,
}

impl Workspace {
    /// Of a solver, for n unknowns.
    #[must_use]
    pub fn new(solver: &dyn LinearSolver, n: usize) -> Self {
        let bytes = solver.state_bytes(n);
        let state = there_is(bytes).then(|| solver.state(n));
        let (stop, needs) = (solver.stop(), solver.needs());
        Workspace {
            state,
            bytes,
            ready: false,
            stop,
            needs,
            n,
            right: vec![],
            scratch: Scratch::default(),
            probes: true,
            probed: None,
            beside: Beside::default(),
        }
    }
    /// Bytes that a workspace of this solver holds for n unknowns, at the most: where it looks for a singular operator, that takes more the more iterations a
    /// solve has made, and counts here with as many as it may make.
    #[must_use]
    pub fn bytes(solver: &dyn LinearSolver, n: usize) -> u64 {
        let own = (2 * n).max(probe::len(n, &solver.stop()));
        solver.state_bytes(n).saturating_add((own as u64).saturating_mul(8))
    }
    /// Makes ready for an operator: a factorisation, a preconditioner. To be called again when the operator has changed.
    ///
    /// # Errors
    /// When the operator has not n unknowns or fails, when it is singular, or is not what the method needs.
    pub fn prepare(&mut self, a: &mut dyn Operator, hints: &Hints) -> Result<(), Failed> {
        self.takes(a)?;
        for need in &self.needs {
            let given = match need {
                Need::Map => hints.step.is_some(),
                Need::Transpose => a.has_transpose(),
                Need::Diagonal => a.matrix().is_some(),
                Need::Entries => matches!(a.matrix(), Some(Matrix::Diagonal(_) | Matrix::Sparse(_))),
                Need::Estimate => match a.secants() {
                    Some(s) => {
                        self.fits("a secant pair", s.unknowns())?;
                        true
                    }
                    None => false,
                },
                Need::Samples => a.has_samples(),
                _ => true,
            };
            if !given {
                return Err(Failed::Lacks(*need));
            }
        }
        (self.ready, self.probed) = (false, None);
        self.state.as_mut().ok_or(Failed::Memory { bytes: self.bytes })?.prepare(a, hints).map_err(|e| counted(e, a))?;
        self.ready = true;
        Ok(())
    }
    /// Whether later solves look for a singular operator, as they do up to [`Stop::probe`] unknowns unless this says no. For who knows the operator from an
    /// earlier solve; it is looked at once for each [`prepare`](Workspace::prepare) anyway.
    pub fn look_for_singular(&mut self, look: bool) {
        self.probes = look;
    }
    fn takes(&self, a: &dyn Operator) -> Result<(), Failed> {
        let (rows, columns) = (a.rows(), a.len());
        if rows != columns {
            return Err(Failed::NotSquare { rows, columns });
        }
        self.fits("the operator", columns)?;
        match a.matrix() {
            Some(Matrix::Diagonal(d)) => self.fits("the diagonal of the operator", d.len()),
            Some(Matrix::Dense(m)) => {
                self.fits("a column of the operator's matrix", m.nrows()).and(self.fits("a row of the operator's matrix", m.ncols()))
            }
            Some(Matrix::Sparse(m)) => {
                self.fits("a column of the operator's matrix", m.rows()).and(self.fits("a row of the operator's matrix", m.columns()))
            }
            None => Ok(()),
        }
    }
    fn fits(&self, what: &'static str, given: usize) -> Result<(), Failed> {
        if given == self.n { Ok(()) } else { Err(Failed::WrongLength { what, given, expected: self.n }) }
    }
    /// Solves A x = b, or Aᵀ x = b, from the x given, with the operator that it was prepared for. For b = 0, x = 0.
    ///
    /// # Errors
    /// [`Failed`] says why there is no result; x then holds the best that was found.
    pub fn solve(&mut self, a: &mut dyn Operator, side: Side, b: &[f64], x: &mut [f64], tolerance: Tolerance) -> Result<Outcome, Failed> {
        self.begins(a, side, [b.len(), x.len()], tolerance)?;
        let Some(near) = Near::of(b, x, tolerance, a.epsilon(), self.stop.accuracy)? else { return Ok(Outcome::zero()) };
        let mut held = std::mem::take(&mut self.right);
        let right = if near.shrink == 1.0 {
            b
        } else {
            held.clear();
            held.extend(b.iter().map(|b| b * near.shrink));
            &held[..]
        };
        // A search for a null space that is to come takes its products beside those of the solve.
        let searches = self.n <= self.limit() && self.probed.is_none() && a.shares_reading();
        let Some(state) = &mut self.state else { return Err(Failed::NotPrepared) };
        let mut system = System::new(a, side);
        if searches {
            let mut beside = std::mem::take(&mut self.beside);
            beside.probe.begin(right.len());
            system.carry(beside);
        }
        let solved = state.solve(&mut system, right, x, &near.goal);
        let judged = solved.and_then(|ended| self.judge(&mut system, right, x, &near.goal, ended));
        let factor = system.factor();
        if let Some(beside) = system.carried() {
            self.beside = beside;
        }
        self.right = held;
        near.concluded(a, factor, x, judged)
    }
    /// That a solve can begin: with this operator, this tolerance, and vectors of these lengths, the right-hand side and the start.
    pub(crate) fn begins(&self, a: &dyn Operator, side: Side, [b, x]: [usize; 2], tolerance: Tolerance) -> Result<(), Failed> {
        self.takes(a)?;
        self.fits("the right-hand side", b)?;
        self.fits("the start", x)?;
        if side == Side::Transposed && !a.has_transpose() {
            return Err(Failed::Lacks(Need::Transpose));
        }
        usable(tolerance.relative)?;
        usable_absolute(tolerance.absolute)?;
        if self.ready && self.state.is_some() { Ok(()) } else { Err(Failed::NotPrepared) }
    }
    /// The state, where there is one.
    pub(crate) fn state(&mut self) -> Option<&mut Box<dyn State>> {
        self.state.as_mut()
    }
    /// The relative error of x that counts as converged; see [`Stop::accuracy`].
    pub(crate) fn accuracy(&self) -> f64 {
        self.stop.accuracy
    }

    /// What is to be said of x: the true residual, its backward error, the conditioning.
    pub(crate) fn judge(&mut self, a: &mut System<'_>, b: &[f64], x: &[f64], goal: &Goal, mut ended: Ended) -> Result<Outcome, Failed> {
        let n = b.len();
        let said = std::mem::replace(&mut ended.said, Ok(Status::Converged));
        let residual = match ended.residual {
            Some(r) => r,
            None if matches!(said, Ok(Status::Estimated)) => return self.unknown(x, a, ended),
            None => {
                let [scratch] = split::<1>(&mut self.scratch.vectors, n);
                a.apply(x, scratch)?;
                from_right(b, scratch);
                norm(scratch)
            }
        };
        let length = norm(x);
        let relative = residual / goal.size;
        let mut reached = Reached { iterations: ended.iterations as u64, residual: relative, condition: known(ended.condition) };
        if !residual.is_finite() || !length.is_finite() {
            return Err(self.diverged(a, b, Failed::Diverged { growth: None, at: reached })?);
        }
        // ‖A‖ ≥ ‖A x‖/‖x‖.
        let seen = if length > 0.0 && residual < goal.size { (goal.size - residual) / length } else { 0.0 };
        let mut size_of_a = ended.norm.max(seen);
        let mut condition = ended.condition;
        let root = (n as f64).sqrt();
        // A residual that is no part of b is no solution, however large x is: A is singular to rounding then.
        let rounded = |size_of_a: f64| residual <= goal.accuracy * goal.size && residual <= goal.rounding(n, size_of_a, length);
        let mut status = match said {
            said if ended.last_word => said.map_err(|e| e.reached(reached))?,
            Err(e @ (Failed::NotSymmetric { .. } | Failed::NotFinite { .. } | Failed::Operator(_) | Failed::Lacks(_))) => return Err(e),
            _ if residual <= goal.length => Status::Converged,
            Ok(Status::LeastSquares) => Status::LeastSquares,
            said @ (Ok(_) | Err(Failed::Breakdown { .. })) => {
                if !rounded(size_of_a) && residual <= goal.epsilon.sqrt() * goal.size {
                    // The recursion may have seen little of ‖A‖.
                    size_of_a = size_of_a.max(self.size(a, n)?);
                }
                match said {
                    _ if rounded(size_of_a) => Status::Rounding,
                    Ok(Status::Converged) => Status::Stalled,
                    Ok(status) => status,
                    Err(_) if relative <= goal.epsilon.sqrt() => Status::Stalled,
                    Err(e) => {
                        reached.condition = self.looked(a, &mut ended, n, &mut size_of_a, &mut condition)?;
                        return Err(e.reached(reached));
                    }
                }
            }
            Err(e) => {
                if matches!(e, Failed::Diverged { .. }) {
                    return Err(self.diverged(a, b, e.reached(reached))?);
                }
                reached.condition = self.looked(a, &mut ended, n, &mut size_of_a, &mut condition)?;
                return Err(e.reached(reached));
            }
        };
        if !ended.last_word && status != Status::LeastSquares {
            reached.condition = self.looked(a, &mut ended, n, &mut size_of_a, &mut condition)?;
            let whole = n <= self.limit().max(if ended.complete { n } else { 0 });
            let solved = status.converged();
            if solved && whole && condition * 4.0 * goal.epsilon * root >= 1.0 {
                return Err(Failed::Singular { at: reached, flat: None });
            }
            // The estimates of ‖A‖/σ are from below, so they hold on the part that was explored too.
            let spread = ended.smallest.map_or(0.0, |s| if s > 0.0 { size_of_a / s } else { f64::INFINITY });
            let nowhere = matches!(status, Status::IterationLimit | Status::Stalled) && residual > goal.epsilon.sqrt() * goal.size;
            if nowhere && condition.max(spread) * 4.0 * goal.epsilon * root >= 1.0 {
                return Err(Failed::Singular { at: reached, flat: None });
            }
            if solved && condition >= goal.ill_conditioned() && condition * residual > goal.accuracy * size_of_a * length {
                status = Status::IllConditioned;
            }
        }
        let products = crate::Products { preconditioner: ended.preconditioned, ..a.products };
        Ok(Outcome {
            status,
            iterations: ended.iterations as u64,
            residual: relative,
            absolute: residual,
            tolerance: 0.0,
            backward: residual / (size_of_a * length + goal.size),
            norm: known(size_of_a),
            condition: known(condition),
            smallest: ended.smallest,
            products,
            remark: ended.remark,
        })
    }

    /// What is to be said of an x whose residual is not computed, by design.
    fn unknown(&self, x: &[f64], a: &System<'_>, ended: Ended) -> Result<Outcome, Failed> {
        if !norm(x).is_finite() {
            return Err(Failed::NotFinite { what: "the estimate of the inverse is not finite where it is applied", value: None });
        }
        Ok(Outcome {
            status: Status::Estimated,
            iterations: ended.iterations as u64,
            residual: f64::NAN,
            absolute: f64::NAN,
            backward: f64::NAN,
            products: crate::Products { preconditioner: ended.preconditioned, ..a.products },
            remark: ended.remark,
            ..Outcome::zero()
        })
    }

    /// What diverged: the iterations, or the operator itself has products that are not finite.
    fn diverged(&mut self, a: &mut System<'_>, b: &[f64], e: Failed) -> Result<Failed, Failed> {
        let [scratch] = split::<1>(&mut self.scratch.vectors, b.len());
        a.apply(b, scratch)?;
        let finite = norm(scratch).is_finite();
        Ok(if finite { e } else { Failed::NotFinite { what: "the operator's product is not finite", value: None } })
    }

    /// Unknowns up to which a singular operator is looked for.
    fn limit(&self) -> usize {
        if self.probes { self.stop.probe } else { 0 }
    }
    /// Looks for a singular operator where that is asked for and not known; gives the condition number, where one is known.
    fn looked(
        &mut self,
        a: &mut System<'_>,
        ended: &mut Ended,
        n: usize,
        size: &mut f64,
        condition: &mut f64,
    ) -> Result<Option<f64>, Failed> {
        if !ended.complete && n <= self.limit() {
            let steps = probe::steps(n, ended.iterations);
            let found = match self.probed.filter(|p| p.steps >= steps) {
                Some(found) => found,
                None => {
                    let begun = a.carried();
                    if begun.is_none() {
                        self.beside.probe.begin(n);
                    }
                    let mut beside = begun.unwrap_or_else(|| std::mem::take(&mut self.beside));
                    let probed = probe::probe(a, n, steps, &mut beside.probe, &mut self.scratch);
                    self.beside = beside;
                    let (largest, smallest) = probed?;
                    let factor = a.factor();
                    Probed { steps, largest: largest / factor, smallest: smallest / factor }
                }
            };
            let [largest, smallest] = [found.largest, found.smallest].map(|v| v * a.factor());
            *size = size.max(largest);
            if largest.is_finite() {
                self.probed = Some(found);
                *condition = condition.max(if largest > 0.0 { largest / smallest } else { f64::INFINITY });
                ended.smallest = Some(ended.smallest.map_or(smallest, |s| s.min(smallest)));
            }
        }
        Ok(known(*condition))
    }

    /// ‖A‖ from below: a product with signs that look random, and where there is a transpose, a step of the power method on AᵀA.
    fn size(&mut self, a: &mut System<'_>, n: usize) -> Result<f64, Failed> {
        let [v, w] = split::<2>(&mut self.scratch.vectors, n);
        fill_noise(7, v);
        v.iter_mut().for_each(|v| *v = if *v < 0.0 { -1.0 } else { 1.0 });
        a.apply(v, w)?;
        let largest = norm(w) / norm(v);
        if !a.has_transpose() {
            return Ok(largest);
        }
        a.apply_transposed(w, v)?;
        let length = norm(v);
        if !(length > 0.0 && length.is_finite()) {
            return Ok(largest);
        }
        scale(1.0 / length, v);
        a.apply(v, w)?;
        Ok(largest.max(norm(w)))
    }
}

/// Bytes below which memory is not asked about first.
const MUCH: u64 = 1 << 26;

/// Whether there is so much memory, as far as the system says it beforehand: what cannot be had would end the process.
fn there_is(bytes: u64) -> bool {
    bytes < MUCH || usize::try_from(bytes).is_ok_and(|b| Vec::<u8>::new().try_reserve_exact(b).is_ok())
}

fn known(v: f64) -> Option<f64> {
    (v > 0.0).then_some(v)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Minres;
    use ndarray::Array2;

    #[test]
    fn a_probe_of_many_steps_holds_no_more_than_is_said() -> Result<(), Failed> {
        let n = 300;
        // Eigenvalues of both signs over six decades: some 140 iterations, and a probe of as many steps.
        let d = ndarray::Array1::from_shape_fn(n, |i| 10f64.powf(6.0 * i as f64 / n as f64) * if i % 2 == 0 { 1.0 } else { -1.0 });
        let solver = Minres::tolerance(1e-8).probe_up_to(1000).max_iterations(200);
        let mut w = Workspace::new(&solver, n);
        let mut a = Array2::from_diag(&d);
        w.prepare(&mut a, &Hints::default())?;
        let solved = w.solve(&mut a, Side::Plain, &vec![1.0; n], &mut vec![0.0; n], Tolerance { relative: 1e-8, absolute: 0.0 });
        let Scratch { vectors, numbers, rotations } = &w.scratch;
        assert!(w.probed.is_some_and(|p| p.steps > 64), "{solved:?}");
        let held = 8 * (vectors.capacity() + numbers.capacity() + 2 * rotations.capacity()) as u64 + solver.state_bytes(n);
        let said = Workspace::bytes(&solver, n);
        assert!(held <= said && said < 2 * held, "{held} bytes held, {said} said");
        Ok(())
    }
}
