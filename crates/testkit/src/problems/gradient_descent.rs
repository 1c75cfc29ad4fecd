//! Unrolled gradient descent on `a w² / 2 − θ w`: the iterate and its derivatives in everything, in closed form.
//!
//! With `r = 1 − η a` and `w* = θ / a`, the iterate is `w_K = w* + rᴷ (w₀ − w*)`.

/// The numbers that the iterate depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quadratic {
    /// The curvature `a`.
    pub curvature: f64,
    /// The linear term `θ`.
    pub theta: f64,
    /// The step size `η`.
    pub step_size: f64,
    /// The start `w₀`.
    pub start: f64,
    /// The number of steps `K`.
    pub steps: i32,
}

/// `w_K` and its derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Iterate {
    /// `w_K`.
    pub value: f64,
    /// `∂w_K/∂a`.
    pub by_curvature: f64,
    /// `∂w_K/∂θ`.
    pub by_theta: f64,
    /// `∂w_K/∂η`.
    pub by_step_size: f64,
    /// `∂w_K/∂w₀`.
    pub by_start: f64,
}

/// The case of the tables: a = 2, θ = 3, η = 0.1, w₀ = 0, K = 10.
pub const CASE: Quadratic = Quadratic { curvature: 2.0, theta: 3.0, step_size: 0.1, start: 0.0, steps: 10 };

impl Quadratic {
    /// The iterate and its derivatives in closed form.
    #[must_use]
    pub fn closed_form(&self) -> Iterate {
        let Quadratic { curvature: a, theta, step_size: eta, start, steps } = *self;
        let ratio = 1.0 - eta * a;
        let power = ratio.powi(steps);
        // d(rᴷ)/dr, which is zero for no steps even at r = 0.
        let slope = if steps == 0 { 0.0 } else { f64::from(steps) * ratio.powi(steps - 1) };
        let distance = start - theta / a;
        Iterate {
            value: theta / a + power * distance,
            by_curvature: -(1.0 - power) * theta / (a * a) - eta * slope * distance,
            by_theta: (1.0 - power) / a,
            by_step_size: -a * slope * distance,
            by_start: power,
        }
    }

    /// The iterate by running the steps.
    #[must_use]
    pub fn run(&self) -> f64 {
        (0..self.steps).fold(self.start, |w, _| w - self.step_size * (self.curvature * w - self.theta))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{STEP, assert_close, gradient, rounding, tolerance};

    fn list(iterate: &Iterate) -> [f64; 5] {
        [iterate.value, iterate.by_curvature, iterate.by_theta, iterate.by_step_size, iterate.by_start]
    }

    #[test]
    fn values_are_the_known_ones() {
        let known = [1.3389387264, -0.4681427712, 0.4463129088, 4.02653184, 0.1073741824];
        assert_close("case", &list(&CASE.closed_form()), &known, rounding(10, 5.0));
    }

    #[test]
    fn the_closed_form_agrees_with_the_steps_and_their_differences() {
        for case in
            [CASE, Quadratic { start: -0.7, steps: 3, ..CASE }, Quadratic { steps: 0, ..CASE }, Quadratic { step_size: 0.5, ..CASE }]
        {
            let found = case.closed_form();
            assert_close("value", &[case.run()], &[found.value], rounding(10, 2.0));
            let at = [case.curvature, case.theta, case.step_size, case.start];
            let run = |x: &[f64]| Quadratic { curvature: x[0], theta: x[1], step_size: x[2], start: x[3], ..case }.run();
            // (1 − η a)ᴷ at K = 10 has a seventh derivative by η below 10⁸, and 10⁸ / 322560 is below 500.
            let allowed = tolerance(10, 10.0, STEP) + 500.0 * STEP.powi(6);
            assert_close("gradient", &gradient(run, &at), &list(&found)[1..], allowed);
        }
    }
}
