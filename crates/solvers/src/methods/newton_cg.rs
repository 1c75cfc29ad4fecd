//! Newton's method with conjugate gradients.
use super::line_search::{at_rest, backtrack};
use crate::handles::{at_most, choose, like, norm, setting};
use crate::limits::{Limits, one_number};
use crate::method::Method;
use crate::objective::{Derivatives, Objective, limits};
use hypertape_autodiff::array::Real;
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{DynVar, Scalar, Var, scalar, scan_until, stop_gradient, zeros_like};
use hypertape_autodiff::tree::{Own, Structure, V, Vars};
use hypertape_autodiff::{Function, Result};

/// Newton's method z ← z − t (∇²f + μI)⁻¹∇f, the direction by conjugate gradients on Hessian-vector products (Dembo and Steihaug 1983).
///
/// Optimality map: ∇f(z, p). Stopping measure: ‖∇f‖. The inner iteration stops at a residual of min(½, √‖g‖)‖g‖, after
/// [`inner_iterations`](NewtonCg::inner_iterations), or in a direction of negative curvature, which it does not take. The step t is
/// Armijo's, from 1; a step shorter than the rounding of z is not made. Unrolled, the derivative is that of the accepted steps and of the inner iterations made.
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
pub struct NewtonCg<S: Structure, P: Structure> {
    f: Derivatives<S, P>,
    hvp: Function<((S, P), S), S>,
    damping: Scalar,
    inner: usize,
    limits: Limits,
}

impl<S: Structure, P: Structure> NewtonCg<S, P> {
    /// Of an objective of (z, parameters), without damping.
    #[must_use]
    #[track_caller]
    pub fn new<T: Real>(objective: &Objective<S, P, T>) -> Self {
        let hvp = objective.wrt(|(z, _)| z).hvp();
        NewtonCg { f: Derivatives::of(objective), hvp, damping: Scalar::Value(0.0), inner: 100, limits: Limits::default() }
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
    /// (∇²f + μI)⁻¹g, nearly.
    #[track_caller]
    fn direction(&self, z: &V<S>, p: &V<P>, g: &V<S>) -> V<S> {
        let damping = setting(self.name(), "damping", self.damping, Condition::FiniteNotNegative);
        let length = stop_gradient(&norm(g));
        let goal = length * length.sqrt().min(0.5);
        let square = goal * goal;
        let start = ((zeros_like(g), g.clone(), g.clone()), g.norm_squared::<f64>(), scalar::<f64>(0.0), scalar::<f64>(0.0));
        let ((x, ..), _, _, turns) = scan_until(
            start,
            self.inner,
            |(_, rr, done, _)| at_most(stop_gradient(rr), square).max(*done),
            |((x, r, d), rr, _, turns), _| {
                let hd = self.hvp.call(Own::<((S, P), S)>(((z.clone(), p.clone()), d.clone()))).add_scaled(damping, &d);
                let curvature = d.inner::<f64>(&hd);
                let good = stop_gradient(&scalar::<f64>(0.0).less_than(curvature));
                let alpha = rr / good.select(curvature, 1.0);
                let (next, left) = (x.add_scaled(alpha, &d), r.add_scaled(-alpha, &hd));
                let now = left.norm_squared::<f64>();
                let ahead = left.add_scaled(now / rr, &d);
                let carry = choose(good, &(next, left, ahead), &(x, r, d));
                (carry, choose(good, &now, &rr), 1.0 - good, turns + good)
            },
        );
        // Negative curvature at once: steepest descent.
        choose(at_most(turns, scalar(0.0)), g, &x)
    }
}

impl<S: Structure, P: Structure> Method for NewtonCg<S, P> {
    type Solution = S;
    type Params = P;
    type Each = ();
    type State = S;
    fn name(&self) -> &'static str {
        "Newton-CG"
    }
    fn shapes(&self) -> Result<(S, P, ())> {
        let (z, p) = self.f.gradient.inputs().clone();
        self.f.gradient.program().map(|_| (z, p, ()))
    }
    fn start(&self, z: V<S>, _: &V<P>) -> V<S> {
        z
    }
    fn step(&self, z: V<S>, p: &V<P>, (): (), _: Var<u32>) -> V<S> {
        let (value, g) = self.f.both(&z, p);
        let d = self.direction(&z, p, &g);
        let moved = |t: Var| z.zip(&d, &mut |z, d| z - like(t.into(), d) * d);
        let t = backtrack(1.0.into(), at_rest(&z, norm(&d)), value, -g.inner::<f64>(&d), |t| {
            let (value, there) = self.f.both(&moved(t), p);
            (value, -there.inner::<f64>(&d))
        });
        moved(t)
    }
    fn solution(&self, z: &V<S>) -> V<S> {
        z.clone()
    }
    fn optimality(&self, z: &V<S>, p: &V<P>) -> V<S> {
        self.f.gradient(z, p)
    }
    fn stopping(&self, z: &V<S>, p: &V<P>) -> DynVar {
        norm(&self.f.both(z, p).1).to_dyn()
    }
    fn check(&self, _: Option<usize>) -> Result<(), String> {
        if let Scalar::Value(v) = self.damping
            && !(v.is_finite() && v >= 0.0)
        {
            return Err(format!("the damping is {v}; give a finite number that is not negative, or a variable"));
        }
        if let Scalar::Var(v) = self.damping {
            one_number("the damping", v)?;
        }
        if self.inner == 0 { Err("no inner iterations are allowed; give `inner_iterations` at least 1".into()) } else { Ok(()) }
    }
    limits!();
}
