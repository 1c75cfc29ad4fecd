//! Newton's method with conjugate gradients.
use super::gradient_descent::descend;
use super::line_search::{Line, at_rest, backtrack};
use super::{alike, holds_its_problem, rest};
use crate::handles::{at_most, choose, divisor, epsilon, norm, pick, products, setting, squares};
use crate::limits::{Limits, one_number};
use crate::method::Method;
use crate::problem::{AsProblem, Smooth, asked};
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{DynVar, Scalar, Var, cond, scalar, scan_until, stop_gradient, zeros_like};
use hypertape_autodiff::tree::{V, Vars};

/// Newton's method z ← z − t (∇²f + μI)⁻¹∇f, the direction by conjugate gradients on Hessian-vector products (Dembo and Steihaug 1983).
///
/// Stopping measure: ‖∇f‖. The inner iteration stops at a residual of min(½, √‖g‖)‖g‖, after
/// [`inner_iterations`](NewtonCg::inner_iterations), or in a direction of negative curvature, which it does not take. The step t is
/// Armijo's, from 1; a step shorter than the rounding of z is not made. Unrolled, the derivative is that of the accepted steps and of the inner iterations made;
/// a step at rest leaves z where it is, and moves its derivative by (∇²f + μI)⁻¹∇f.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_solvers::{NewtonCg, Solve};
/// let f = Function::record((shape![2], shape![]), |(z, a)| z.exp().sum() - a * z.sum())?;
/// let solved = NewtonCg::new(&f).solve(&ndarray::arr1(&[0.0, 3.0]), 2.0)?;
/// assert!(solved.report.converged && (solved.solution[[0]] - 2f64.ln()).abs() < 1e-8);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NewtonCg<Q> {
    problem: Q,
    damping: Scalar,
    inner: usize,
    limits: Limits,
}

impl<Q: Smooth> NewtonCg<Q> {
    /// Of an objective of (z, parameters), without damping.
    #[must_use]
    #[track_caller]
    pub fn new(problem: &impl AsProblem<Problem = Q>) -> Self {
        NewtonCg { problem: problem.problem(), damping: Scalar::Value(0.0), inner: 100, limits: Limits::default() }
    }
    /// μ, added to the Hessian's diagonal.
    #[must_use]
    pub fn damping(mut self, damping: impl Into<Scalar>) -> Self {
        self.damping = damping.into();
        self
    }
    /// The most conjugate-gradient iterations for one direction.
    #[must_use]
    pub fn inner_iterations(mut self, most: usize) -> Self {
        self.inner = most;
        self
    }
    /// (∇²f + μI)v.
    #[track_caller]
    fn product(&self, z: &V<Q::Unknown>, p: &V<Q::Params>, v: &V<Q::Unknown>) -> V<Q::Unknown> {
        let damping = setting(self.name(), "damping", self.damping, Condition::FiniteNotNegative);
        asked::hessian_product(&self.problem, z, p, v).add_scaled(damping, v)
    }
    /// (∇²f + μI)⁻¹g, nearly.
    #[track_caller]
    fn direction(&self, z: &V<Q::Unknown>, p: &V<Q::Params>, g: &V<Q::Unknown>) -> V<Q::Unknown> {
        // Of g/‖g‖, so that no square leaves the range; the length is put back at the end.
        let length = stop_gradient(&norm(g));
        let unit = divisor(g);
        let g = &g.scaled(1.0 / unit);
        let square = length.sqrt().min(0.5).max(epsilon(g)).square();
        let start = ((zeros_like(g), g.clone(), g.clone()), squares(g), scalar::<f64>(0.0), scalar::<f64>(0.0));
        let ((x, ..), _, _, turns) = scan_until(
            start,
            self.inner,
            |(_, rr, done, _)| at_most(stop_gradient(rr), square).max(*done),
            |((x, r, d), rr, _, turns), _| {
                let hd = self.product(z, p, &d);
                let curvature = products(&d, &hd);
                let good = stop_gradient(&scalar::<f64>(0.0).less_than(curvature));
                let alpha = rr / pick(good, curvature, scalar(1.0));
                let (next, left) = (x.add_scaled(alpha, &d), r.add_scaled(-alpha, &hd));
                let now = squares(&left);
                let ahead = left.add_scaled(now / rr, &d);
                let carry = choose(good, &(next, left, ahead), &(x, r, d));
                (carry, choose(good, &now, &rr), 1.0 - good, turns + good)
            },
        );
        // Negative curvature at once: steepest descent.
        choose(at_most(turns, scalar(0.0)), g, &x).scaled(unit)
    }
    /// The direction, the accepted step, which is 0 at rest, whether it is at rest, and the gradient.
    #[track_caller]
    fn searched(&self, z: &V<Q::Unknown>, p: &V<Q::Params>) -> (V<Q::Unknown>, Var, Var, V<Q::Unknown>) {
        let (value, g) = asked::value_and_gradient(&self.problem, z, p);
        let d = self.direction(z, p, &g);
        let rest = at_rest(z, norm(&d));
        let line = Line::new(value, &g, &d);
        let t = backtrack(1.0.into(), rest, &line, |t| {
            let (value, there) = asked::value_and_gradient(&self.problem, &descend(z, t.into(), &d), p);
            (value, line.slope(&there))
        });
        (d, t, rest, g)
    }
}

impl<Q: Smooth> Method for NewtonCg<Q> {
    type Problem = Q;
    alike!();
    type State = Q::Unknown;
    holds_its_problem!("Newton-CG");
    fn start(&self, z: V<Q::Unknown>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z
    }
    fn step(&self, z: V<Q::Unknown>, p: &V<Q::Params>, (): (), _: Var<u32>) -> V<Q::Unknown> {
        let (d, t, ..) = self.searched(&z, p);
        descend(&z, t.into(), &d)
    }
    fn step_with_derivative(&self, z: V<Q::Unknown>, p: &V<Q::Params>, (): (), _: Var<u32>) -> V<Q::Unknown> {
        let (d, t, rest, g) = self.searched(&z, p);
        let moved = cond(
            rest,
            || {
                let (still, p) = (stop_gradient(&z), stop_gradient(p));
                let product = |v: &V<Q::Unknown>| self.product(&still, &p, v);
                rest::still(&rest::inverse(&z, rest::TURNS, product).times(&g, product))
            },
            || d.scaled(t),
        );
        z.minus(&moved)
    }
    fn unknown(&self, z: &V<Q::Unknown>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z.clone()
    }
    fn stopping(&self, z: &V<Q::Unknown>, p: &V<Q::Params>) -> DynVar {
        norm(&asked::value_and_gradient(&self.problem, z, p).1).to_dyn()
    }
    fn check(&self, _: Option<usize>) -> Result<(), ErrorKind> {
        if let Scalar::Value(v) = self.damping
            && !(v.is_finite() && v >= 0.0)
        {
            return Err(ErrorKind::setting("damping", v, "give a finite number that is not negative, or a variable"));
        }
        if let Scalar::Var(v) = self.damping {
            one_number("the damping", v)?;
        }
        match self.inner {
            0 => Err("no inner iterations are allowed; give `inner_iterations` at least 1".into()),
            n if u32::try_from(n).is_err() => {
                Err(format!("{n} inner iterations are more than can be counted; allow at most {}", u32::MAX).into())
            }
            _ => Ok(()),
        }
    }
}
