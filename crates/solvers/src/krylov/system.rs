//! One solve: the system is scaled by powers of two where squares would leave the range, and what is found is judged.
use super::linear_solver::{Map, Workspace, split};
use super::outcome::{Outcome, Status};
use super::probe::probe;
use super::stop::{Ended, Goal, Stop};
use super::vectors::{exponent, from_right, narrow, norm, scale_wide, wide};
use hypertape_autodiff::array::{Element, Real};

/// f A for a power of two f, chosen by the first product so that ‖A‖ is near 1 where it would be far from it.
pub(super) struct Scaled<'a, T, E> {
    inner: &'a mut dyn Map<T, E>,
    factor: f64,
    settled: bool,
}

/// Exponents of two within which a system is left as it is: four factors of such a size stay in the range of what adds them up.
fn window(epsilon: f64) -> i32 {
    if epsilon > f64::EPSILON { 20 } else { 150 }
}

/// 2^−k for an exponent outside the window, else 1.
fn correction(k: i32, epsilon: f64) -> f64 {
    if k.abs() > window(epsilon) { 2f64.powi(-k.clamp(-1020, 1020)) } else { 1.0 }
}

impl<T: Real, E> Scaled<'_, T, E> {
    fn settle(&mut self, x: &[T], y: &mut [T]) {
        if !self.settled {
            let (x, y) = (norm(x), norm(y));
            self.settled = x > 0.0 && y > 0.0 && y.is_finite();
            if self.settled {
                self.factor = correction(exponent(y) - exponent(x), self.epsilon());
            }
        }
        scale_wide(self.factor, y);
    }
    /// r = b − A x from a start in the units of A, which is brought to those of f A. A start that leaves the range is given up for 0.
    pub(super) fn start(&mut self, b: &[T], x: &mut [T], r: &mut [T]) -> Result<(), E> {
        if x.iter().all(|x| *x == T::default()) {
            r.copy_from_slice(b);
            return Ok(());
        }
        self.inner.apply(x, r)?;
        if !self.settled {
            let (size, image) = (norm(x), norm(r));
            if image > 0.0 && image.is_finite() {
                self.factor = correction(exponent(image) - exponent(size), self.epsilon());
            }
            self.settled = true;
        }
        scale_wide(1.0 / self.factor, x);
        from_right(b, r);
        if !norm(r).is_finite() || !norm(x).is_finite() {
            x.fill(T::default());
            r.copy_from_slice(b);
        }
        Ok(())
    }
}

impl<T: Real, E> Map<T, E> for Scaled<'_, T, E> {
    fn apply(&mut self, x: &[T], y: &mut [T]) -> Result<(), E> {
        self.inner.apply(x, y)?;
        self.settle(x, y);
        Ok(())
    }
    fn apply_adjoint(&mut self, x: &[T], y: &mut [T]) -> Result<bool, E> {
        let given = self.inner.apply_adjoint(x, y)?;
        if given {
            self.settle(x, y);
        }
        Ok(given)
    }
    fn epsilon(&self) -> f64 {
        self.inner.epsilon().max(Element::to_f64(T::epsilon()))
    }
}

/// The iterations of a method on a scaled system: from x, to the goal.
pub(super) type Method<'m, T, E> = dyn FnMut(&mut Scaled<'_, T, E>, &[T], &mut [T], &Goal, &mut Workspace<T>) -> Result<Ended, E> + 'm;

/// What no method is asked about: vectors of two lengths, what is not finite, b = 0.
fn trivial<T: Real>(b: &[T], x: &mut [T]) -> Option<Outcome> {
    let ended = |residual, status| Outcome {
        iterations: 0,
        residual,
        relative: residual,
        backward: residual,
        norm: None,
        condition: None,
        remark: None,
        status,
    };
    if b.len() != x.len() {
        return Some(ended(f64::NAN, Status::Breakdown("the vectors b and x differ in length")));
    }
    if b.iter().any(|b| !b.is_finite()) {
        return Some(ended(f64::NAN, Status::NotFinite("the right-hand side is not finite")));
    }
    if x.iter().any(|x| !x.is_finite()) {
        return Some(ended(f64::NAN, Status::NotFinite("the start is not finite")));
    }
    if b.iter().all(|b| *b == T::default()) {
        x.fill(T::default());
        return Some(ended(0.0, Status::Converged));
    }
    None
}

/// What a solve is asked for.
pub(super) struct Asked<'s> {
    pub(super) stop: &'s Stop,
    pub(super) tolerance: f64,
    /// Whether A may be scaled: not where a step is given in its units.
    pub(super) scaled: bool,
}

/// Solves A x = b by a method from the x given.
pub(super) fn run<T: Real, E>(
    asked: &Asked<'_>,
    a: &mut dyn Map<T, E>,
    b: &[T],
    x: &mut [T],
    work: &mut Workspace<T>,
    method: &mut Method<'_, T, E>,
) -> Result<Outcome, E> {
    if let Some(o) = trivial(b, x) {
        return Ok(o);
    }
    let Asked { stop, tolerance, scaled } = *asked;
    let epsilon = a.epsilon().max(Element::to_f64(T::epsilon()));
    let shrink = correction(exponent(norm(b)), epsilon);
    let mut held = std::mem::take(&mut work.right);
    let right = if shrink == 1.0 {
        b
    } else {
        held.clear();
        held.extend(b.iter().map(|b| narrow::<T>(wide(*b) * shrink)));
        scale_wide(shrink, x);
        if x.iter().any(|x| !x.is_finite()) {
            x.fill(T::default());
        }
        &held[..]
    };
    let size = norm(right);
    let mut system = Scaled { inner: a, factor: 1.0, settled: !scaled };
    // A tolerance that is not a number is none.
    let length = (tolerance * size).max(stop.absolute * shrink).max(0.0);
    let goal = Goal { length, size, epsilon, accuracy: stop.accuracy };
    let judged = method(&mut system, right, x, &goal, work).and_then(|ended| judge(stop, &mut system, right, x, &goal, work, ended));
    let factor = system.factor;
    work.right = held;
    let mut o = judged?;
    let before = factor / shrink == 1.0 || norm(x) == 0.0;
    scale_wide(factor / shrink, x);
    o.residual /= shrink;
    o.norm = o.norm.map(|n| n / factor);
    if !matches!(o.status, Status::Diverged | Status::NotFinite(_)) && (x.iter().any(|x| !x.is_finite()) || !before && norm(x) == 0.0) {
        o.status = Status::NotFinite("the solution is beyond the range of its element type");
    }
    Ok(o)
}

/// What is to be said of x: the true residual, its backward error, the conditioning.
fn judge<T: Real, E>(
    stop: &Stop,
    a: &mut Scaled<'_, T, E>,
    b: &[T],
    x: &[T],
    goal: &Goal,
    work: &mut Workspace<T>,
    ended: Ended,
) -> Result<Outcome, E> {
    let n = b.len();
    let residual = match ended.residual {
        Some(r) => r,
        None => {
            let [scratch] = split::<T, 1>(&mut work.vectors, n);
            a.apply(x, scratch)?;
            from_right(b, scratch);
            norm(scratch)
        }
    };
    let length = norm(x);
    let met = residual <= goal.length;
    // ‖A‖ ≥ ‖A x‖/‖x‖.
    let seen = if length > 0.0 && residual < goal.size { (goal.size - residual) / length } else { 0.0 };
    let mut norm_of_a = ended.norm.max(seen);
    let mut condition = ended.condition;
    let rounding = 8.0 * goal.epsilon * (n as f64).sqrt();
    let backward = |norm: f64| residual / (norm * length + goal.size);
    // A residual that is no part of b is no solution, however large x is: A is singular to rounding then.
    let rounded = residual <= goal.accuracy * goal.size && backward(norm_of_a) <= rounding;
    let mut status = match ended.status {
        s @ (Status::NotSymmetric | Status::NotFinite(_)) => s,
        _ if !residual.is_finite() || !length.is_finite() => Status::Diverged,
        _ if met => Status::Converged,
        Status::Converged | Status::Stalled | Status::IterationLimit | Status::Breakdown(_) if rounded => Status::Rounding,
        Status::Converged => Status::IterationLimit,
        s => s,
    };
    if status == Status::Diverged {
        let [scratch] = split::<T, 1>(&mut work.vectors, n);
        a.apply(b, scratch)?;
        if !norm(scratch).is_finite() {
            status = Status::NotFinite("the operator's product is not finite");
        }
    }
    let solved = matches!(status, Status::Converged | Status::Rounding);
    let failed = matches!(status, Status::Stalled | Status::Breakdown(_) | Status::IterationLimit | Status::Singular);
    if (solved || failed) && !ended.complete && n <= stop.probe {
        let (largest, smallest) = probe(a, n, ended.iterations, work)?;
        norm_of_a = norm_of_a.max(largest);
        if largest.is_finite() {
            condition = condition.max(if largest > 0.0 { largest / smallest } else { f64::INFINITY });
        }
    }
    if solved && n <= stop.probe.max(if ended.complete { n } else { 0 }) && condition * 4.0 * goal.epsilon * (n as f64).sqrt() >= 1.0 {
        status = Status::Singular;
    } else if solved && condition >= goal.ill_conditioned() && condition * residual > goal.accuracy * norm_of_a * length {
        status = Status::IllConditioned;
    }
    Ok(Outcome {
        iterations: ended.iterations,
        residual,
        relative: residual / goal.size,
        backward: backward(norm_of_a),
        norm: (norm_of_a > 0.0).then_some(norm_of_a),
        condition: (condition > 0.0).then_some(condition),
        remark: ended.remark,
        status,
    })
}
