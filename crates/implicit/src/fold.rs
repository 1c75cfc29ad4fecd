//! How much a derivative changes within the uncertainty of the solution: near a fold, where F_z is singular, by as much as itself.
use crate::flat;
use crate::judge::Newton;
use crate::operator::Jacobian;
use crate::signs::sign;
use crate::stamp::Stamp;
use crate::system::{Ready, Task};
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::array::{AnyArray, AnyView, LeafType};
use hypertape_linear::{Secants, Side, Status, Tolerance, norm};
use smallvec::SmallVec;

/// A derivative that is not determined to the accuracy asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    /// How much of itself the derivative changes by.
    pub(crate) change: f64,
    /// The uncertainty of the solution: the Newton step that it still needs, with what rounding leaves, relative to it.
    pub(crate) uncertainty: f64,
    /// The first over the second.
    pub(crate) conditioning: f64,
}

/// What a derivative may be conditioned by at the most that is not near a fold.
const WELL_CONDITIONED: f64 = 10.0;

impl Change {
    /// Whether it is for the conditioning, and not for the point alone.
    fn near(&self) -> bool {
        self.conditioning > WELL_CONDITIONED
    }
    /// As a status.
    pub(crate) fn status(&self) -> Status {
        if self.near() { Status::NearFold } else { Status::Uncertain }
    }
    /// As an error.
    pub(crate) fn error(&self, accuracy: f64) -> ErrorKind {
        let advice = if self.near() {
            "F_z is singular here or nearly so, as at a fold: move the parameters away from it, solve to a smaller residual if there is none"
        } else {
            "the point is too far from a solution: solve to a smaller residual"
        };
        let Change { change, uncertainty, conditioning } = *self;
        ErrorKind::Uncertain { change, conditioning, uncertainty, accuracy, advice }
    }
}

/// Vectors of one workspace.
#[derive(Debug)]
pub(crate) struct Work {
    moved: Vec<AnyArray>,
    z: Vec<f64>,
    f: Vec<f64>,
    to: Vec<f64>,
    direction: Vec<f64>,
    product: Vec<f64>,
    /// For the second, closer look: F with its rounding, the Newton step, F again, a solution.
    closer: [Vec<f64>; 4],
}

impl Work {
    pub(crate) fn new(types: &[LeafType]) -> Self {
        let zeros = || vec![0.0; flat::len(types)];
        let moved = types.iter().map(|t| AnyArray::full(t, 0.0)).collect();
        let closer = [zeros(), zeros(), zeros(), zeros()];
        Work { moved, z: zeros(), f: zeros(), to: zeros(), direction: zeros(), product: zeros(), closer }
    }
    /// Bytes that one of these holds.
    pub(crate) fn bytes(types: &[LeafType]) -> u64 {
        80 * flat::len(types) as u64
    }
}

/// A solved system A x = b, A = F_z or its transpose.
pub(crate) struct Solved<'a, 'v> {
    /// (z…, θ…).
    pub(crate) point: &'a [AnyView<'v>],
    pub(crate) leaves: usize,
    pub(crate) side: Side,
    pub(crate) b: &'a [f64],
    pub(crate) x: &'a [f64],
    /// F there.
    pub(crate) f: &'a [f64],
    /// The stamp of the point.
    pub(crate) stamp: Stamp,
    pub(crate) accuracy: f64,
    /// What estimates the inverse of F_z there, where something does.
    pub(crate) secants: Option<&'a Secants>,
    /// Whether further systems are solved on the active set.
    pub(crate) restricted: bool,
}

impl Solved<'_, '_> {
    /// (A(to) − A) d for the unit vector d along x, into `work.product`; F(to) into `work.f`. Whether it is finite.
    fn moved(&self, j: &mut Jacobian, work: &mut Work) -> Result<bool, ErrorKind> {
        flat::unpack(&work.to, work.moved.iter_mut().map(AnyArray::view_mut));
        let point: SmallVec<[AnyView<'_>; 16]> =
            work.moved.iter().map(AnyArray::view).chain(self.point[self.leaves..].iter().map(AnyView::reborrow)).collect();
        j.at(&point, None, &mut work.f)?.oriented(self.side, &work.direction, &mut work.product)?;
        let size = norm(self.x);
        work.product.iter_mut().zip(self.b).for_each(|(p, b)| *p -= b / size);
        Ok(work.product.iter().all(|v| v.is_finite()))
    }

    /// What is found wrong, if anything is.
    ///
    /// The solution is moved along x, which lies along the singular vector where A is nearly singular, by as much as it may be off,
    /// ‖F‖‖x‖/‖b‖, but not less than √ε‖z‖; ‖(A' − A) x‖/‖b‖ tells how much of x such a move changes, and by extrapolation what rounding of F does.
    /// That is one evaluation and one product. Only where it comes near the accuracy asked for is the change computed by two more solves:
    /// ‖A⁻¹(A(z − δ) − A) x‖ / ‖x‖ with δ = F_z⁻¹F. The solver is ready for A.
    pub(crate) fn check(&self, j: &mut Jacobian, work: &mut Work, solver: &mut Ready) -> Result<Option<Change>, ErrorKind> {
        let epsilon = j.epsilon();
        flat::pack(self.point[..self.leaves].iter().map(AnyView::reborrow), &mut work.z);
        let (size, along, right) = (norm(&work.z), norm(self.x), norm(self.b));
        let inverse = along / right;
        let shift = norm(self.f) * inverse;
        let length = shift.max(epsilon.sqrt() * size);
        if !(length > 0.0 && length.is_finite() && inverse > 0.0 && inverse.is_finite()) {
            return Ok(None);
        }
        work.direction.iter_mut().zip(self.x).for_each(|(d, x)| *d = x / along);
        let mut seen = false;
        for s in [1.0, -1.0] {
            work.to.iter_mut().zip(&work.z).zip(&work.direction).for_each(|((t, z), d)| *t = z + s * length * d);
            seen = self.moved(j, work)?;
            if seen {
                break;
            }
        }
        if !seen {
            return Ok(None);
        }
        let slope = norm(&work.product) * inverse / length;
        let (first, noisy) = (slope * shift, epsilon * (slope * size).powi(2));
        if first <= self.accuracy / 20.0 && noisy <= self.accuracy {
            return Ok(None);
        }
        let mut closer = std::mem::take(&mut work.closer);
        let found = self.change(j, work, solver, &mut closer, [size, inverse, shift, first, noisy]);
        work.closer = closer;
        found
    }
    /// The change by two more solves, where the first estimate came near the accuracy asked for.
    fn change(
        &self,
        j: &mut Jacobian,
        work: &mut Work,
        solver: &mut Ready,
        [f, delta, residual, y]: &mut [Vec<f64>; 4],
        [size, inverse, shift, first, noisy]: [f64; 5],
    ) -> Result<Option<Change>, ErrorKind> {
        let epsilon = j.epsilon();
        // The Newton step, with what changes F when z is moved by its own rounding.
        f.copy_from_slice(self.f);
        if noisy > self.accuracy {
            for seed in 0..8 {
                let ulps = (2 << (seed / 2)) as f64 * epsilon * if seed % 2 == 0 { 1.0 } else { -1.0 };
                work.to.iter_mut().zip(&work.z).enumerate().for_each(|(i, (t, z))| *t = z + ulps * z * sign(seed / 2, i));
                self.moved(j, work)?;
                for ((f, own), other) in f.iter_mut().zip(self.f).zip(&work.f) {
                    let jump = other - own;
                    if jump.abs() > f.abs() {
                        *f = if *own < 0.0 { -jump.abs() } else { jump.abs() };
                    }
                }
            }
        }
        let stamp = Some(self.stamp);
        let mut newton = Newton { solver, stamp: self.stamp, restricted: self.restricted };
        if !newton.step(&mut j.at(self.point, stamp, residual)?.with(self.secants), f, delta) {
            // F_z could not be inverted here: what the first estimate says, which is a lower one.
            let uncertainty = if size > 0.0 { shift / size } else { shift };
            return Ok((first > self.accuracy).then_some(Change { change: first, uncertainty, conditioning: first / uncertainty }));
        }
        // No point is known better than to its own rounding.
        if norm(delta) < 2.0 * epsilon * size {
            delta.iter_mut().zip(&work.direction).for_each(|(t, d)| *t = 2.0 * epsilon * size * d);
        }
        let moves = norm(delta);
        work.to.iter_mut().zip(&work.z).zip(delta.iter()).for_each(|((t, z), d)| *t = z - d);
        if !self.moved(j, work)? {
            return Ok(None);
        }
        let w = &work.product;
        y.fill(0.0);
        let mut at = j.at(self.point, stamp, residual)?.with(self.secants);
        let tolerance = Tolerance { relative: crate::judge::STEP_TOLERANCE, absolute: solver.solver.stop().absolute };
        let task = Task { side: self.side, b: w, x: y, tolerance, restricted: self.restricted, look: true };
        let solved = solver.solve(&mut at, self.stamp, task);
        let change = if solved.is_ok_and(|s| s.outcome.converged()) { norm(y) } else { norm(w) * inverse };
        let uncertainty = if size > 0.0 { moves / size } else { moves };
        let conditioning = if uncertainty > 0.0 { change / uncertainty } else { 0.0 };
        Ok((change > self.accuracy).then_some(Change { change, uncertainty, conditioning }))
    }
}
