//! Derivatives against central differences, for users' own functions.
use super::Function;
use crate::array::{AnyArray, AnyView, Real};
use crate::error::{Error, ErrorKind, Result, Site};
use crate::tree::{AnyLeaf, Feed, Leaf, Ranked, Structure};
use std::collections::BTreeSet;

/// What the comparison found.
#[derive(Debug, Clone, PartialEq)]
pub struct GradientCheck {
    /// Directional derivative by the gradient, in a pseudo-random direction that is not of unit length.
    pub gradient: f64,
    /// The same by central differences, extrapolated (Richardson 1911).
    pub difference: f64,
    /// |gradient − difference| / max(|gradient|, |difference|), or the absolute error where both are under the error of the difference.
    pub error: f64,
    /// What rounding and truncation of the difference itself allow, and the accuracy of solutions within; of the latter at most 0.005.
    /// Near 1 the differences tell nothing.
    pub allowed: f64,
    /// The accuracy of the value that was allowed for besides rounding: what was stated, else the largest tolerance or residual, absolute or relative as
    /// the solver has it, that one within reported when it converged; 0 where there is none.
    pub inner: f64,
}

impl GradientCheck {
    /// Whether the error is within what is allowed; look at [`allowed`](Self::allowed) as well.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.error <= self.allowed
    }
    /// Itself, if the error is within what is allowed.
    ///
    /// # Errors
    /// [`ErrorKind::GradientMismatch`] with the numbers, otherwise.
    #[track_caller]
    pub fn verified(self) -> Result<Self> {
        if self.passed() {
            return Ok(self);
        }
        let GradientCheck { gradient, difference, error, allowed, .. } = self;
        Err(Error::numeric("check_gradient", ErrorKind::GradientMismatch { gradient, difference, error, allowed }).at(Site::caller()))
    }
}

impl<I: Structure, T: Real> Function<I, Leaf<T>> {
    /// Compares the gradient at a point with central differences along a fixed pseudo-random direction.
    ///
    /// All numbers move by a share, at most 1 %, of the largest, or of 1. Where that does not agree, or leaves the domain, numbers of one size at a time
    /// move by a share of their own size, and it is enough if all of these agree to 0.1 %; the result is then that of the sizes that agree least. An error
    /// at a point of the differences counts these points, from 0.
    ///
    /// A value that comes from a solver is as accurate as that solver's tolerance, which is far above rounding. The tolerances that converged solvers
    /// report widen the step of the differences and what is allowed, by at most 0.5 % of the derivative. What the differences themselves are
    /// uncertain by is added: a tenth of what halving their step changed.
    /// Where they do not tell the accuracy of the value, such as for ill-conditioned solutions, state it to
    /// [`check_gradient_within`](Function::check_gradient_within).
    ///
    /// # Errors
    /// As [`value_and_gradient`](Function::value_and_gradient).
    #[track_caller]
    pub fn check_gradient(&self, at: impl Feed<I>) -> Result<GradientCheck> {
        self.check(&at, None)
    }
    /// As [`check_gradient`](Function::check_gradient), for a value with this relative accuracy, instead of what solvers within report.
    ///
    /// # Errors
    /// As [`value_and_gradient`](Function::value_and_gradient); an accuracy that is negative or not finite.
    #[track_caller]
    pub fn check_gradient_within(&self, at: impl Feed<I>, inner: f64) -> Result<GradientCheck> {
        if !(inner.is_finite() && inner >= 0.0) {
            let (what, allowed) = ("accuracy of the value".into(), "give a finite number that is not negative, such as 1e-8");
            let kind = ErrorKind::Setting { what, value: inner, element: None, allowed };
            return Err(Error::new("check_gradient_within", kind).at(Site::caller()));
        }
        self.check(&at, Some(inner))
    }
    #[track_caller]
    fn check(&self, at: &impl Feed<I>, stated: Option<f64>) -> Result<GradientCheck> {
        let leaves: Vec<AnyLeaf> = self.inputs().leaf_types().into_iter().map(AnyLeaf).collect();
        let outputs = self.outputs().clone();
        let f = Function::from_program(self.program().map(|p| (*p).clone()), leaves, outputs);
        let mut x: Vec<AnyArray> = vec![];
        at.feed(&mut |v: AnyView<'_>| x.push(v.to_owned()));
        let both = f.wrt(|x| x).value_and_gradient();
        let mut workspace = both.workspace();
        let (mut value, mut g) = (0.0, vec![]);
        workspace.run_each(&x, &mut |v| g.push(v.to_owned()))?;
        if let Some(v) = g.first().and_then(|v| v.to_f64().first().copied()) {
            value = v;
            g.remove(0);
        }
        // What converged solvers allow themselves. The others are approximations, which are not excused.
        let reported = workspace.reports().iter().filter(|r| r.converged).flat_map(|r| [r.residual, r.tolerance]);
        let inner = stated.unwrap_or_else(|| reported.filter(|v| v.is_finite()).fold(0.0, f64::max));
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let random: Vec<Vec<f64>> = x
            .iter()
            .map(|a| {
                let real = a.kind().is_real();
                (0..a.to_f64().len())
                    .map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        if real { (seed >> 11) as f64 / (1u64 << 53) as f64 - 0.5 } else { 0.0 }
                    })
                    .collect()
            })
            .collect();
        let mut workspace = f.workspace();
        let mut along = |sizes: &[Vec<f64>]| -> Result<GradientCheck> {
            let scaled = |(r, s): (&Vec<f64>, &Vec<f64>)| r.iter().zip(s).map(|(r, s)| r * s).collect::<Vec<f64>>();
            let direction: Vec<Vec<f64>> = random.iter().zip(sizes).map(scaled).collect();
            let dot: f64 = g.iter().zip(&direction).map(|(g, d)| g.to_f64().iter().zip(d).map(|(a, b)| a * b).sum::<f64>()).sum();
            let mut made = 0;
            let mut moved = |h: f64| -> Result<f64> {
                let y: Vec<AnyArray> = x
                    .iter()
                    .zip(&direction)
                    .map(|(a, d)| {
                        let v: Vec<f64> = a.to_f64().iter().zip(d).map(|(a, d)| a + h * d).collect();
                        AnyArray::from_f64(&a.leaf_type(), &v).unwrap_or_else(|| a.clone())
                    })
                    .collect();
                made += 1;
                Ok(workspace.run(&y).map_err(|e| e.within_one("point of the differences", made - 1))?.number()?.to_f64())
            };
            let eps = T::epsilon().to_f64();
            // The accuracy of the value is its machine epsilon; steps do not grow beyond 2 % for it.
            let h = eps.max(inner).powf(0.2).min(eps.powf(0.2).max(0.02));
            let mut central = |h: f64| -> Result<f64> { Ok((moved(h)? - moved(-h)?) / (2.0 * h)) };
            let (coarse, fine) = (central(h)?, central(0.5 * h)?);
            let difference = (4.0 * fine - coarse) / 3.0;
            let size = dot.abs().max(difference.abs());
            // Rounding of f over the step, and what extrapolation still moved.
            let of = |eps: f64| 16.0 * eps * value.abs().max(1.0) / h + 1e3 * eps * size;
            let noise = of(eps) + 0.1 * (fine - coarse).abs() + of(inner).min(5e-3 * size);
            let error = (dot - difference).abs() / size.max(noise).max(f64::MIN_POSITIVE);
            Ok(GradientCheck { gradient: dot, difference, error, allowed: noise / size.max(noise).max(f64::MIN_POSITIVE), inner })
        };
        let largest = x.iter().flat_map(AnyArray::to_f64).fold(1.0, |m: f64, v| m.max(v.abs()));
        let alike = along(&x.iter().map(|a| vec![largest; a.to_f64().len()]).collect::<Vec<_>>());
        if alike.as_ref().is_ok_and(GradientCheck::passed) {
            return alike;
        }
        // A step that is too long for small numbers: each moves by its own size, and those of one size at a time, so that none hides behind larger ones.
        let own: Vec<Vec<f64>> = x.iter().map(sizes).collect();
        let scale = |size: f64| (size.log10() / 3.0).floor() as i32;
        let scales: BTreeSet<i32> = own.iter().flatten().map(|s| scale(*s)).collect();
        let mut worst: Option<GradientCheck> = None;
        for k in scales {
            let some: Vec<Vec<f64>> = own.iter().map(|v| v.iter().map(|s| if scale(*s) == k { *s } else { 0.0 }).collect()).collect();
            match along(&some) {
                Ok(c) if c.passed() && c.allowed <= TOLD => worst = Some(worst.filter(|w| w.error >= c.error).unwrap_or(c)),
                _ => return alike,
            }
        }
        worst.map_or(alike, Ok)
    }
}

/// The relative error that differences must be able to tell.
const TOLD: f64 = 1e-3;

/// The size of each number of an array: its own; that of the largest where it is 0, and 1 where all are.
fn sizes(a: &AnyArray) -> Vec<f64> {
    let v = a.to_f64();
    let largest = v.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let zero = if largest > 0.0 { largest } else { 1.0 };
    v.iter().map(|v| if *v == 0.0 { zero } else { v.abs() }).collect()
}
