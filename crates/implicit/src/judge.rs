//! Whether a point is a root: asked by the Newton step it still needs, relative to the point, whatever the scale of the equation.
use crate::operator::At;
use crate::signs::sign;
use crate::stamp::Stamp;
use crate::system::{Ready, Task};
use hypertape_autodiff::ErrorKind;
use hypertape_linear::{Operator, Side, Tolerance, norm};

/// The largest |f_i| / rows_i, where 0 / 0 is 0.
fn ratio(f: &[f64], rows: &[f64]) -> f64 {
    f.iter().zip(rows).fold(0.0, |m: f64, (f, r)| if *f == 0.0 { m } else { m.max(f.abs() / r.abs()) })
}

/// How a Newton step is solved for.
pub(crate) struct Newton<'a> {
    pub(crate) solver: &'a mut Ready,
    /// Of the point.
    pub(crate) stamp: Stamp,
    /// Whether it is solved for on the active set.
    pub(crate) restricted: bool,
}

/// The relative residual to which a Newton step is solved for: it is a measure, not a result.
pub(crate) const STEP_TOLERANCE: f64 = 1e-4;

/// What a method's own tolerance may leave as the Newton step, relative to the point.
pub(crate) const FAR_OFF: f64 = 0.1;

impl Newton<'_> {
    /// The Newton step relative to the point, where it is above a tenth of both the point and of what the method has moved, and above √ε: what a
    /// method's own tolerance lets pass when it does not fit the scale of the problem. It costs one product with F_z, and a solve only where ‖F‖
    /// is above a thousandth of ‖F_z z‖.
    pub(crate) fn far_off(
        &mut self,
        a: &mut At<'_, '_>,
        f: &[f64],
        z: &[f64],
        moved: f64,
        [delta, rows]: [&mut [f64]; 2],
    ) -> Result<Option<f64>, ErrorKind> {
        let size = norm(f);
        if size == 0.0 {
            return Ok(None);
        }
        a.oriented(Side::Plain, z, rows)?;
        if size <= 1e-3 * norm(rows) || !self.step(a, f, delta) {
            return Ok(None);
        }
        let (length, own) = (norm(delta), norm(z));
        let small = length <= FAR_OFF * own.max(moved) || length <= a.epsilon().sqrt();
        Ok((!small).then(|| if own > 0.0 { length / own } else { length }))
    }
    /// A Newton step relative to z that is rounding.
    pub(crate) fn rounding(&self, a: &At<'_, '_>, z: &[f64]) -> f64 {
        8.0 * a.epsilon() * (z.len() as f64).sqrt()
    }
    /// δ with F_z δ = F; whether it was found.
    pub(crate) fn step(&mut self, a: &mut At<'_, '_>, f: &[f64], delta: &mut [f64]) -> bool {
        delta.fill(0.0);
        let tolerance = Tolerance { relative: STEP_TOLERANCE, absolute: self.solver.solver.stop().absolute };
        let task = Task { side: Side::Plain, b: f, x: delta, tolerance, restricted: self.restricted, look: true };
        self.solver.solve(a, self.stamp, task).is_ok_and(|s| s.outcome.converged())
    }

    /// What is compared with the relative tolerance: 0 where F = 0; the largest |F_i| / |F_z z|_i where that is rounding; else the Newton step,
    /// ‖F_z⁻¹F‖ / ‖z‖; 1 stands for ‖z‖ where z is 0 to the Newton step. Where F_z cannot be inverted, or only its rounding is left, each entry
    /// of F is compared with its row of F_z times z.
    ///
    /// It costs one product with F_z, then, unless F is rounding, one solve to 10⁻⁴.
    pub(crate) fn measure(
        &mut self,
        a: &mut At<'_, '_>,
        f: &[f64],
        z: &[f64],
        [delta, rows]: [&mut [f64]; 2],
        tolerance: f64,
    ) -> Result<f64, ErrorKind> {
        if f.iter().all(|v| *v == 0.0) {
            return Ok(0.0);
        }
        if !f.iter().all(|v| v.is_finite()) {
            return Ok(f64::INFINITY);
        }
        let rounding = self.rounding(a, z).min(tolerance);
        a.oriented(Side::Plain, z, rows)?;
        let by_rows = ratio(f, rows);
        if by_rows <= rounding {
            return Ok(by_rows);
        }
        let solved = self.step(a, f, delta);
        let (size, length) = (norm(z), norm(delta));
        if solved {
            if length <= tolerance * size {
                return Ok(length / size);
            }
            let largest = z.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            let landing = z.iter().zip(delta.iter()).fold(0.0, |m: f64, (z, d)| m.max((z - d).abs()));
            if landing <= 1e-3 * largest.max(if size == 0.0 { f64::INFINITY } else { 0.0 }) && length <= tolerance {
                return Ok(length);
            }
        }
        // Rows without the cancellation of one product: the size that rounding of F is relative to.
        for seed in 0..4 {
            let probe: Vec<f64> = z.iter().enumerate().map(|(i, v)| v * sign(seed, i)).collect();
            let mut image = vec![0.0; z.len()];
            a.oriented(Side::Plain, &probe, &mut image)?;
            rows.iter_mut().zip(&image).for_each(|(r, i)| *r = r.abs().max(i.abs()));
        }
        let by_rows = ratio(f, rows);
        Ok(match (solved, by_rows <= rounding) {
            (_, true) | (false, _) => by_rows,
            (true, false) if size > 0.0 => length / size,
            (true, false) => length,
        })
    }
}
