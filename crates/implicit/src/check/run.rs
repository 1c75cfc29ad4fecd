//! One check: the solves, the derivatives, and what they say.
use super::CheckHypergradient;
use super::decide::{Evidence, Row};
use super::differences::{LONGEST, Noise, Seen, Shape, Slope, slope};
use super::directions::{directions, dot, moved};
use super::equation::{self, ByEquation};
use super::remedy::Tried;
use super::report::{HypergradientCheck, Stage, Verdict};
use super::solves::{Point, Solves, apart, packed};
use crate::certificate::{Certificate, certify};
use crate::feed::Owned;
use hypertape_autodiff::array::{AnyArray, Real};
use hypertape_autodiff::record::Scalar;
use hypertape_autodiff::tree::{Own, Structure};
use hypertape_autodiff::{Error, ErrorKind, Function, Result};
use hypertape_linear::{Failed, Status, norm};
use hypertape_solvers::{Equation, Method, Params, Prepared, Problem, Solution, Solve, Unknown};

/// Unrolled steps at the most, where none are asked for.
pub(super) const UNROLLED: usize = 10_000;
/// The length of the steps to solves that begin at the start again, relative to the numbers that move.
const AGAIN: f64 = 0.02;
/// The distance from the solution that was followed, relative to it, that counts as another solution.
const ELSEWHERE: f64 = 1e-2;

/// A linear solve that has no result because the system is singular, or because a series grows; other errors stand.
fn failure(e: ErrorKind) -> Result<Failed, ErrorKind> {
    match e {
        ErrorKind::Solve { failed, .. } if failed.is_singular() || matches!(failed, Failed::Diverged { growth: Some(_), .. }) => Ok(failed),
        other => Err(other),
    }
}

/// How far from the root of its equation, relative to the point, a solve that stalls is at rest.
const AT_REST: f64 = 1e-4;

impl<M: Method<Each = ()>, T: Real> CheckHypergradient<M, T>
where
    M::Problem: Equation,
{
    pub(super) fn look(&self, start: &[AnyArray], theta: &[AnyArray]) -> Result<HypergradientCheck<Params<M>>> {
        let kinds = |k: ErrorKind| Error::numeric("check_hypergradient", k);
        let tolerance = self.check().map_err(kinds)?;
        let mut solves = Solves::new(&self.method, &self.outer, self.iterations)?;
        let mut equation = ByEquation::new(&self.method, &self.outer, &self.adjoint, tolerance)?;
        equation.set(theta)?;
        let mut given = solves.given()?;
        let base = match solves.solve(&mut given, start, theta) {
            Ok(base) => base,
            Err(e) => return self.diverged(&mut equation, start, theta, e),
        };
        let refined = solves.refine(&base, given, theta)?;
        let (best, mut work, mut tight) = (refined.best, refined.work, refined.tight);
        // A solve that stalls above its own tolerance may oscillate: then Newton's method leads elsewhere.
        let stalled = best.ended.status == Status::Stalled && best.ended.residual > base.ended.tolerance;
        let root = if refined.settled && !stalled { None } else { equation.root(&base.z) };
        let size = norm(&packed(&best.z)).max(f64::MIN_POSITIVE);
        let settled = refined.settled && !(stalled && root.as_deref().is_some_and(|r| apart(r, &best.z) > AT_REST * size));
        let factor = equation.factor(root.as_deref().unwrap_or(&best.z), theta)?;
        if factor.is_some_and(|(q, _)| q > 1.0) && !settled {
            let e = Error::new("check_hypergradient", "the method came nowhere");
            return self.diverged(&mut equation, start, theta, e);
        }
        let (mut singular, mut growth) = (false, None);
        let mut note = |e: ErrorKind| -> Result<()> {
            match failure(e).map_err(kinds)? {
                Failed::Diverged { growth: g, .. } => growth = g,
                _ => singular = true,
            }
            Ok(())
        };
        let mut slopes = vec![];
        for found in [equation.given(&base.z), equation.exact(&base.z), equation.exact(&best.z)] {
            slopes.push(match found {
                Ok(s) => Some(s),
                Err(e) => {
                    note(e)?;
                    None
                }
            });
        }
        let flat = equation.flat(&best.z).map_err(kinds)?;
        // A direct solver that is not the given one may fail where that one has an answer.
        singular = slopes[0].is_none() && growth.is_none();
        let steps = self.steps.unwrap_or_else(|| usize::try_from(base.ended.iterations).unwrap_or(UNROLLED).clamp(1, UNROLLED));
        let unrolled = if steps > 0 { self.unrolled(steps, start, theta).ok() } else { None };

        let mut rows = vec![];
        let mut elsewhere = None;
        for (direction, along) in directions(theta) {
            let end = solves.error_at(&mut work, tight.as_mut(), &best.z, &moved(theta, &along, LONGEST));
            let noise = Noise { here: refined.noise, grows: (end - refined.noise).max(0.0) / LONGEST, epsilon: solves.epsilon };
            let mut value = |t: f64| {
                let point = solves.solve(&mut work, &best.z, &moved(theta, &along, t))?;
                Ok(Seen { value: point.value, moved: point.ended.iterations > 0 })
            };
            let slope = slope(&mut value, best.value, noise, self.accuracy)?;
            let terms = match slopes[2].as_ref().or(slopes[1].as_ref()) {
                Some(s) => equation.terms(&best.z, s, &along).map_err(kinds)?,
                None => 0.0,
            };
            let by = |k: usize| slopes[k].as_ref().map(|s: &equation::Slope| dot(&s.gradient, &along));
            let through = unrolled.as_ref().map(|g| dot(g, &along));
            if elsewhere.is_none() {
                elsewhere = self.elsewhere(&mut solves, (&mut work, tight.as_mut()), start, [&best.z, theta], &along, &slope)?;
            }
            rows.push(Row {
                direction,
                length: norm(&along),
                implicit: by(0),
                exact: by(1),
                tight: by(2),
                unrolled: through,
                terms,
                slope,
            });
        }
        let mut evidence = Evidence {
            rows,
            accuracy: self.accuracy,
            noise: refined.noise,
            epsilon: solves.epsilon,
            value: best.value,
            unknowns: packed(&best.z).len(),
            flat,
            singular,
            factor: factor.map(|f| f.0),
            growth,
            margin: equation.margin(&best.z)?,
            inner: [apart(&base.z, &best.z) / size, base.ended.tolerance],
            iterations: base.ended.iterations,
            settled,
            shrunk: refined.shrunk,
            adjoint: slopes[0].as_ref().map_or((f64::NAN, 0), |s| (s.outcome.residual, s.outcome.iterations)),
            elsewhere,
            steps,
        };
        let mut verdicts = evidence.verdicts();
        if verdicts.is_empty() {
            let wrong = match evidence.off() {
                Some(error) => {
                    let along = directions(theta).pop().map(|d| d.1).unwrap_or_default();
                    let beside = moved(theta, &along, AGAIN);
                    let there = solves.solve(&mut work, &best.z, &beside)?;
                    let (what, _) = equation.culprit([&best.z, theta], [&there.z, &beside], &mut |z, p| solves.value(z, p))?;
                    Some(Verdict::WrongEquation { what, error })
                }
                None => None,
            };
            verdicts = evidence.rest(wrong, None);
            if let [Verdict::UnrolledTooShort { .. }] = verdicts[..]
                && let Ok(longer) = self.unrolled(2 * steps, start, theta)
            {
                for (row, (_, along)) in evidence.rows.iter_mut().zip(directions(theta)) {
                    row.unrolled = Some(dot(&longer, &along));
                }
                let error = match evidence.rest(None, None)[..] {
                    [Verdict::UnrolledTooShort { error, .. }] => error,
                    _ => 0.0,
                };
                for (row, (_, along)) in evidence.rows.iter_mut().zip(directions(theta)) {
                    row.unrolled = unrolled.as_ref().map(|g| dot(g, &along));
                }
                verdicts = evidence.rest(None, Some(error));
            }
        }
        let implicit = slopes[0].as_ref().map(|s| s.gradient.clone());
        let mut tried = self.tried(base.ended.status, slopes[0].as_ref().map(|s| s.outcome.status), factor);
        tried.hidden = 16.0 * evidence.epsilon * evidence.value.abs() >= evidence.noise;
        tried.measure = [base.ended.residual, base.ended.tolerance];
        tried.inner = self.enough_inner(&mut solves, &mut equation, &evidence, &verdicts, (start, theta), base.ended.residual)?;
        tried.tolerance = self.enough_adjoint(&mut equation, &evidence, &verdicts, &base.z, theta);
        let verdict = verdicts.remove(0);
        let params = self.method.problem().shapes()?.1;
        let arrays = |g: &Vec<f64>| {
            let mut leaves = equation.unpack(g).into_iter();
            params.arrays(&mut |t| leaves.next().unwrap_or_else(|| AnyArray::full(t, 0.0)))
        };
        Ok(HypergradientCheck {
            remedy: tried.remedy(&verdict, &verdicts),
            verdict,
            besides: verdicts,
            along: evidence.along(),
            certificate: implicit.as_ref().and_then(|g| self.certificate(&base, theta, &equation.unpack(g))),
            implicit: implicit.as_ref().map(arrays),
            unrolled: unrolled.as_ref().map(arrays),
            inner: Some(base.ended.report(self.method.name())),
            flat,
            factor: factor.map(|f| f.0),
        })
    }
    /// Whether a solve from the start beside the point, or one step beside it where the value jumps, lands at another solution.
    fn elsewhere(
        &self,
        solves: &mut Solves<M>,
        (work, mut tight): (&mut Prepared<M>, Option<&mut Prepared<M>>),
        start: &[AnyArray],
        [best, theta]: [&[AnyArray]; 2],
        along: &[f64],
        slope: &Slope,
    ) -> Result<Option<(f64, [f64; 2])>> {
        for by in [AGAIN, -AGAIN] {
            let beside = moved(theta, along, by);
            let (Ok(followed), Ok(again)) = (solves.solve(work, best, &beside), solves.solve(work, start, &beside)) else { continue };
            let size = norm(&packed(&followed.z)).max(f64::MIN_POSITIVE);
            let mut far = apart(&followed.z, &again.z) / size;
            if far > ELSEWHERE
                && let Some(tight) = &mut tight
            {
                // Two solves that are loose may be far from each other, and on the way to one solution.
                let mut on = |p: &Point| solves.solve(tight, &p.z, &beside);
                if let (Ok(a), Ok(b)) = (on(&followed), on(&again)) {
                    far = apart(&a.z, &b.z) / size;
                }
            }
            if far > ELSEWHERE && followed.ended.converged && again.ended.converged {
                return Ok(Some((far, [again.value, followed.value])));
            }
        }
        if slope.shape == Shape::Jump {
            let here = solves.value(best, theta)?;
            let mut worst = None::<(f64, [f64; 2])>;
            for by in [1e-4, -1e-4] {
                let Ok(there) = solves.solve(work, best, &moved(theta, along, by)) else { continue };
                let far = apart(&there.z, best) / norm(&packed(best)).max(norm(&packed(&there.z))).max(f64::MIN_POSITIVE);
                if worst.is_none_or(|w| far > w.0) {
                    worst = Some((far, [there.value, here]));
                }
            }
            // Else it is the outer objective alone that jumps.
            return Ok(worst.filter(|w| w.0 > ELSEWHERE));
        }
        Ok(None)
    }
    /// What is said of a method that came nowhere: the map is no contraction, or the error stands.
    fn diverged(
        &self,
        equation: &mut ByEquation,
        start: &[AnyArray],
        theta: &[AnyArray],
        e: Error,
    ) -> Result<HypergradientCheck<Params<M>>> {
        let root = equation.root(start);
        let Some((factor, turned)) = equation.factor(root.as_deref().unwrap_or(start), theta)?.filter(|(q, _)| *q > 1.0) else {
            return Err(e);
        };
        let implicit = root.as_deref().and_then(|z| equation.exact(z).ok()).map(|s| s.gradient);
        let verdict = Verdict::NotAContraction { factor, stage: Stage::Inner };
        let params = self.method.problem().shapes()?.1;
        let arrays = |g: &Vec<f64>| {
            let mut leaves = equation.unpack(g).into_iter();
            params.arrays(&mut |t| leaves.next().unwrap_or_else(|| AnyArray::full(t, 0.0)))
        };
        Ok(HypergradientCheck {
            remedy: self.tried(Status::Diverged, None, Some((factor, turned))).remedy(&verdict, &[]),
            verdict,
            besides: vec![],
            along: vec![],
            implicit: implicit.as_ref().map(arrays),
            unrolled: None,
            certificate: None,
            inner: None,
            flat: None,
            factor: Some(factor),
        })
    }
    fn tried(&self, status: Status, adjoint_status: Option<Status>, factor: Option<(f64, bool)>) -> Tried {
        let adjoint = self.adjoint.name();
        Tried {
            limit: self.method.limits().iterations,
            status,
            measure: [f64::NAN; 2],
            approximate: self.adjoint.approximate(),
            adjoint_status,
            warm: self.warm,
            accuracy: self.accuracy,
            factor,
            minimum_norm: adjoint.contains("SVD") || adjoint.contains("minimum norm"),
            adjoint,
            relative: !matches!(self.method.limits().relative, Scalar::Value(0.0)),
            hidden: false,
            inner: None,
            tolerance: None,
        }
    }
    fn certificate(&self, base: &Point, theta: &[AnyArray], gradient: &[AnyArray]) -> Option<Certificate<Params<M>>> {
        let asked = certify(self.method.problem(), &self.outer).scale(self.method.scale());
        let mut certifier = asked.prepare().ok()?;
        certifier.with_derivative(Owned(&base.z), Owned(theta), Owned(gradient)).ok()
    }
    /// The derivative through so many steps.
    pub(super) fn unrolled(&self, steps: usize, start: &[AnyArray], theta: &[AnyArray]) -> Result<Vec<f64>> {
        let shapes = self.method.problem().shapes()?;
        let through = Function::record(shapes, |(w, p)| {
            let solution = self.method.unroll(steps).solve(Own::<Unknown<M>>(w), Own::<Params<M>>(p.clone()));
            self.outer.call((Own::<Solution<M>>(solution), Own::<Params<M>>(p)))
        })?;
        let mut gradient = vec![];
        let inputs = (Owned(start), Owned(theta));
        through.wrt(|(_, p)| p).gradient().workspace().run_each(inputs, &mut |v| {
            if v.kind().is_real() {
                gradient.extend(v.to_owned().to_f64());
            }
        })?;
        Ok(gradient)
    }
}
