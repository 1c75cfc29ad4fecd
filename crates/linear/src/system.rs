//! The system as a solve sees it: the side that is asked for, scaled by a power of two, its products counted.
use crate::definite::{Definite, STEPS};
use crate::operator::{Known, Operator, Side};
use crate::scratch::split;
use crate::vectors::{exponent, from_right, norm, scale};
use hypertape_autodiff::outcome::{Failed, Need};

/// Products that a solve has made, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Products {
    /// With A.
    pub plain: u64,
    /// With Aᵀ.
    pub transposed: u64,
    /// With a preconditioner.
    pub preconditioner: u64,
    /// With the A or Aᵀ of a mini-batch.
    pub sampled: u64,
}

impl Products {
    /// So many more with A, or with Aᵀ.
    pub(crate) fn count(&mut self, side: Side, many: u64) {
        match side {
            Side::Plain => self.plain += many,
            Side::Transposed => self.transposed += many,
        }
    }
}

/// f A, or f Aᵀ, for a power of two f that brings its size near 1 where it is far from it. Powers of two change no digit.
///
/// f is chosen by the first product, unless the method says it first ([`System::set_factor`]).
pub struct System<'a> {
    inner: &'a mut dyn Operator,
    side: Side,
    factor: f64,
    settled: bool,
    known: Option<Known>,
    pub(crate) products: Products,
    /// What looks for a singular operator beside the solve, and scratch for two vectors and their products.
    beside: Option<Beside>,
}

/// A probe that takes its products beside those of a solve.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub(crate) probe: Definite,
    vectors: Vec<f64>,
    /// Whether a pair of products has failed: then each is taken by itself, so that an error is that of the product it belongs to, and the probe goes on after the
    /// solve.
    apart: bool,
}

impl Beside {
    /// Whether the probe wants a product beside the next one.
    fn wants(&self) -> bool {
        !self.apart && self.probe.goes_on(STEPS)
    }
}

impl std::fmt::Debug for System<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("System").field("side", &self.side).field("factor", &self.factor).field("products", &self.products).finish()
    }
}

/// Exponents of two within which a system is left as it is: squares and products stay in the range of what computes them.
fn window(epsilon: f64) -> i32 {
    if epsilon > f64::EPSILON { 8 } else { 100 }
}

/// 2^−k for an exponent outside the window, else 1.
pub(crate) fn correction(k: i32, epsilon: f64) -> f64 {
    if k.abs() > window(epsilon) { 2f64.powi(-k.clamp(-1020, 1020)) } else { 1.0 }
}

impl<'a> System<'a> {
    pub(crate) fn new(inner: &'a mut dyn Operator, side: Side) -> Self {
        System { inner, side, factor: 1.0, settled: false, known: None, products: Products::default(), beside: None }
    }
    /// From now on a product takes a step of the probe with it, as long as that has steps to make and A is known to be symmetric.
    pub(crate) fn carry(&mut self, mut beside: Beside) {
        beside.apart = false;
        self.beside = Some(beside);
    }
    /// The probe, which then goes on alone.
    pub(crate) fn carried(&mut self) -> Option<Beside> {
        self.beside.take()
    }
    /// How many unknowns there are.
    #[must_use]
    pub fn unknowns(&self) -> usize {
        self.inner.len()
    }
    /// Which side is solved.
    #[must_use]
    pub fn side(&self) -> Side {
        self.side
    }
    /// f.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.factor
    }
    /// Says f before the first product, where a step or a factorisation tells the size of A.
    pub fn set_factor(&mut self, factor: f64) {
        (self.factor, self.settled) = (factor, true);
    }
    /// The machine epsilon of what computes the products.
    #[must_use]
    pub fn epsilon(&self) -> f64 {
        self.inner.epsilon()
    }
    /// What is known of the operator.
    #[must_use]
    pub fn known(&self) -> Known {
        self.known.unwrap_or_else(|| self.inner.known())
    }
    /// Says what has been found out of the operator.
    pub fn know(&mut self, known: Known) {
        self.known = Some(known);
    }
    /// Whether products with the other side can be had.
    #[must_use]
    pub fn has_transpose(&self) -> bool {
        self.side == Side::Transposed || self.inner.has_transpose()
    }
    /// The number of secant pairs that estimate A⁻¹.
    pub(crate) fn pairs(&self) -> usize {
        self.inner.secants().map_or(0, |s| s.len())
    }
    /// Says f by the size of the estimate of A⁻¹.
    ///
    /// # Errors
    /// [`Need::Estimate`] where there is none.
    pub(crate) fn settle_by_estimate(&mut self) -> Result<(), Failed> {
        let gamma = self.inner.secants().ok_or(Failed::Lacks(Need::Estimate))?.scale();
        self.set_factor(1.0 / correction(exponent(gamma), self.epsilon()));
        Ok(())
    }
    /// x = H b/f, with the estimate H of A⁻¹, which is that of A⁻ᵀ too; `alphas` is scratch.
    ///
    /// # Errors
    /// [`Need::Estimate`] where there is none.
    pub(crate) fn estimate(&self, b: &[f64], x: &mut [f64], alphas: &mut Vec<f64>) -> Result<(), Failed> {
        self.inner.secants().ok_or(Failed::Lacks(Need::Estimate))?.apply(1.0 / self.factor, b, x, alphas);
        Ok(())
    }
    fn settle(&mut self, x: &[f64], y: &mut [f64]) {
        if !self.settled {
            let (x, y) = (norm(x), norm(y));
            self.settled = x > 0.0 && y > 0.0 && y.is_finite();
            if self.settled {
                self.factor = correction(exponent(y) - exponent(x), self.epsilon());
            }
        }
        if self.factor != 1.0 {
            scale(self.factor, y);
        }
    }
    fn product(&mut self, side: Side, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.products.count(side, 1);
        match side {
            Side::Plain => self.inner.apply(x, y),
            Side::Transposed => self.inner.apply_transposed(x, y),
        }
    }
    /// y = f A x, or f Aᵀ x, of the side that is solved.
    ///
    /// # Errors
    /// What the operator gives.
    pub fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        if self.known().symmetric
            && let Some(mut beside) = self.beside.take_if(|b| b.wants())
        {
            beside.apart = !self.two(x, y, &mut beside);
            let made = !beside.apart;
            self.beside = Some(beside);
            if made {
                return Ok(());
            }
        }
        self.product(self.side, x, y)?;
        self.settle(x, y);
        Ok(())
    }
    /// y = f A x, and a step of the probe beside it, if f is known by then; false where the pair fails.
    fn two(&mut self, x: &[f64], y: &mut [f64], Beside { probe, vectors, .. }: &mut Beside) -> bool {
        let n = x.len();
        let [xs, ys] = split::<2>(vectors, 2 * n);
        xs[..n].copy_from_slice(x);
        xs[n..].copy_from_slice(probe.direction());
        self.products.count(self.side, 2);
        let made = match self.side {
            Side::Plain => self.inner.apply_many(xs, ys),
            Side::Transposed => self.inner.apply_transposed_many(xs, ys),
        };
        if made.is_err() {
            return false;
        }
        y.copy_from_slice(&ys[..n]);
        self.settle(x, y);
        if self.settled {
            let product = &mut ys[n..];
            if self.factor != 1.0 {
                scale(self.factor, product);
            }
            probe.step(product);
        }
        true
    }
    /// Y = f A X, or f Aᵀ X, for several vectors, which follow one another: as many products.
    ///
    /// # Errors
    /// What the operator gives.
    pub fn apply_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.products.count(self.side, (x.len() / self.unknowns().max(1)) as u64);
        match self.side {
            Side::Plain => self.inner.apply_many(x, y)?,
            Side::Transposed => self.inner.apply_transposed_many(x, y)?,
        }
        self.settle(x, y);
        Ok(())
    }
    /// y = f Aᵀ x, or f A x: the transpose of the side that is solved.
    ///
    /// # Errors
    /// What the operator gives.
    pub fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.product(self.side.other(), x, y)?;
        self.settle(x, y);
        Ok(())
    }
    /// y = f A_ξ x, or f A_ξᵀ x, of the side that is solved, with the mini-batch ξ of this draw.
    ///
    /// # Errors
    /// What the operator gives; [`Need::Samples`] where it has no mini-batches.
    pub fn apply_sampled(&mut self, draw: u32, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.products.sampled += 1;
        self.inner.apply_sampled(self.side, draw, x, y)?;
        self.settle(x, y);
        Ok(())
    }
    /// r = b − A x from a start in the units of A, which is brought to those of f A. A start that leaves the range is given up for 0.
    ///
    /// # Errors
    /// What the operator gives.
    pub fn start(&mut self, b: &[f64], x: &mut [f64], r: &mut [f64]) -> Result<(), Failed> {
        if x.iter().all(|x| *x == 0.0) {
            r.copy_from_slice(b);
            return Ok(());
        }
        self.product(self.side, x, r)?;
        if !self.settled {
            let (size, image) = (norm(x), norm(r));
            self.settled = image > 0.0 && image.is_finite();
            if self.settled {
                self.factor = correction(exponent(image) - exponent(size), self.epsilon());
            }
        }
        if self.factor != 1.0 {
            scale(1.0 / self.factor, x);
        }
        from_right(b, r);
        // Where b is half rounding in the residual of the start, 0 is the better one.
        let lost = norm(r) * self.epsilon().sqrt() > norm(b);
        if lost || !self.settled || !norm(r).is_finite() || !norm(x).is_finite() {
            x.fill(0.0);
            r.copy_from_slice(b);
        }
        Ok(())
    }
}
