//! SHINE: the inverse estimate of the forward quasi-Newton solver, instead of a solve.
use crate::cg::Cg;
use crate::operator::Operator;
use crate::solver::{Ended, Hints, LinearSolver, State};
use crate::stop::{Goal, Stop};
use crate::system::System;
use hypertape_autodiff::outcome::{Failed, Need, Status};
use hypertape_autodiff::record::Scalar;

/// x = H b, with the estimate H of A⁻¹ that the method which found the point has made of its secant pairs (Ramzi, Mannel, Bai, Starck, Ciuciu and Moreau 2022, "SHINE: SHaring
/// the INverse Estimate from the forward pass for bi-level optimization and implicit models"): 4 n m multiplications for m pairs, and no product with A.
///
/// H is good on the space of the last steps and may be poor elsewhere, so b decides. `Lbfgs::extra_pairs` makes it good where the derivatives of the solution lie. By default
/// the residual is **not known**, as that takes a product: the status is [`Status::Estimated`] and the residual NaN. It is an approximation by design, and never an error.
///
/// [`Shine::tolerance`] looks and falls back: one product gives the residual of H b, and where it is above the tolerance, conjugate gradients with H as their preconditioner
/// (Morales and Nocedal 2000) go on from there. The remark says which it was. That is no approximation: a residual above the tolerance is an error where that of CG is.
///
/// Where the method that found the point made no pair, as from a start at the solution, H would be a multiple of I: an implicit derivative then solves the system as by `Auto`, and its
/// report says so. A second derivative through H is refused, since how H moves with the point is not known; one by [`Shine::tolerance`] is right.
///
/// H is symmetric positive definite, so A = ∇²f at a minimum, and ∇f = 0 the equation that the problem states.
///
/// ```
/// use hypertape_linear::{Estimated, Prepare, Secants, Shine};
/// let a = ndarray::arr2(&[[2.0, 1.0], [1.0, 3.0]]);
/// // Pairs in two conjugate directions: H is A⁻¹.
/// let mut secants = Secants::new(2);
/// secants.push(&[1.0, 0.0], &[2.0, 1.0]);
/// secants.push(&[-1.0, 2.0], &[0.0, 5.0]);
/// let mut shine = Shine::default().prepare(Estimated { operator: a, secants })?;
/// let solved = shine.solve(&[3.0, 4.0])?;
/// assert!((solved.x[0] - 1.0).abs() < 1e-15 && (solved.x[1] - 1.0).abs() < 1e-15);
/// assert!(solved.outcome.products.plain == 0 && solved.outcome.residual.is_nan());
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Shine {
    /// Where it stops, if it looks at the residual.
    refined: Option<Stop>,
}

impl Shine {
    /// Refines H b until the relative residual is at or under a number or variable: nothing but one product where it already is.
    #[must_use]
    pub fn tolerance(tolerance: impl Into<Scalar>) -> Self {
        Shine { refined: Some(Stop { tolerance: tolerance.into(), probe: 0, ..Stop::default() }) }
    }
    /// Makes so many iterations of conjugate gradients at the most, where there is a tolerance; 10 n + 100 by default.
    #[must_use]
    pub fn max_iterations(mut self, iterations: usize) -> Self {
        if let Some(stop) = &mut self.refined {
            stop.iterations = Some(iterations);
        }
        self
    }
    /// Stops at this residual ‖b − A x‖ as well where it stops at a tolerance, whatever ‖b‖ is; 0 unless set.
    #[must_use]
    pub fn absolute_tolerance(mut self, tolerance: f64) -> Self {
        if let Some(stop) = &mut self.refined {
            stop.absolute = tolerance;
        }
        self
    }
}

impl LinearSolver for Shine {
    fn name(&self) -> String {
        if self.refined.is_some() { "SHINE, refined".into() } else { "SHINE".into() }
    }
    fn stop(&self) -> Stop {
        self.refined.unwrap_or_else(Stop::never)
    }
    fn needs(&self) -> Vec<Need> {
        vec![Need::Estimate]
    }
    fn approximate(&self) -> bool {
        self.refined.is_none()
    }
    /// The pairs are of all unknowns.
    fn any_size(&self) -> bool {
        false
    }
    /// The pairs are held where they come from.
    fn state_bytes(&self, n: usize) -> u64 {
        self.refined.map_or(0, |stop| Cg::by_estimate(stop).state_bytes(n))
    }
    fn state(&self, n: usize) -> Box<dyn State> {
        Box::new(Estimate { refine: self.refined.map(|stop| Cg::by_estimate(stop).state(n)), alphas: vec![] })
    }
}

#[derive(Debug)]
struct Estimate {
    refine: Option<Box<dyn State>>,
    alphas: Vec<f64>,
}

impl State for Estimate {
    fn prepare(&mut self, a: &mut dyn Operator, hints: &Hints) -> Result<(), Failed> {
        self.refine.as_mut().map_or(Ok(()), |cg| cg.prepare(a, hints))
    }
    fn solve(&mut self, a: &mut System<'_>, b: &[f64], x: &mut [f64], goal: &Goal) -> Result<Ended, Failed> {
        a.settle_by_estimate()?;
        let none = a.pairs() == 0;
        let Some(cg) = &mut self.refine else {
            a.estimate(b, x, &mut self.alphas)?;
            let remark = none.then_some("the method that found the point made no secant pair: a multiple of the right-hand side");
            return Ok(Ended { last_word: true, remark, ..Ended::new(0, Ok(Status::Estimated)) });
        };
        if x.iter().all(|x| *x == 0.0) {
            a.estimate(b, x, &mut self.alphas)?;
            // CG takes a start in the units of A.
            let factor = a.factor();
            x.iter_mut().for_each(|x| *x *= factor);
        }
        let ended = cg.solve(a, b, x, goal)?;
        let remark = if ended.iterations == 0 {
            "the estimate of the inverse was within the tolerance"
        } else {
            "the estimate of the inverse was above the tolerance: CG went on, with it as its preconditioner"
        };
        Ok(Ended { remark: Some(remark), ..ended })
    }
}
