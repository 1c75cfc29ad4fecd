//! Linear operators: what a solver may ask of the A in A x = b.
use crate::secants::Secants;
use hypertape_autodiff::array::Kind;
use hypertape_autodiff::outcome::{Failed, Need};
use ndarray::ArrayView2;

/// Which system is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A x = b.
    Plain,
    /// Aᵀ x = b.
    Transposed,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        if self == Side::Plain { Side::Transposed } else { Side::Plain }
    }
}

/// What is known of an operator without a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// A = Aᵀ. Solvers that need it then leave out their check.
    pub symmetric: bool,
    /// ⟨x, A x⟩ has one sign for all x ≠ 0.
    pub definite: bool,
}

/// The matrix of an operator, where it lies in memory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Matrix<'a> {
    /// Only its diagonal is not 0.
    Diagonal(&'a [f64]),
    /// All entries.
    Dense(ArrayView2<'a, f64>),
    /// The entries that are not 0.
    Sparse(&'a hypertape_autodiff::ops::sparse::Csr<f64>),
}

/// A square linear operator on vectors of doubles: a matrix, a pair of closures ([`from_fn`](crate::from_fn)), the derivative of an equation.
///
/// `&mut` because a product may need scratch.
pub trait Operator {
    /// How many unknowns there are.
    fn len(&self) -> usize;
    /// How many equations there are: as many as unknowns, or no solver takes it.
    fn rows(&self) -> usize {
        self.len()
    }
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// y = A x.
    ///
    /// # Errors
    /// What the operator's own code gives, as [`Failed::operator`]; the solve ends with it.
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed>;
    /// y = Aᵀ x.
    ///
    /// # Errors
    /// As [`apply`](Operator::apply); [`Need::Transpose`] where there is none.
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed>;
    /// Y = A X for several vectors, which follow one another in x and y. One after another unless overridden: a dense matrix makes one product
    /// of matrices of it,
    /// and a sparse one is read once.
    ///
    /// ```
    /// use hypertape_linear::{Diagonal, Operator};
    /// let mut y = [0.0; 4];
    /// Diagonal(vec![2.0, 3.0]).apply_many(&[1.0, 1.0, 5.0, 7.0], &mut y)?;
    /// assert_eq!(y, [2.0, 3.0, 10.0, 21.0]);
    /// # Ok::<(), hypertape_linear::Failed>(())
    /// ```
    ///
    /// # Errors
    /// As [`apply`](Operator::apply): then nothing is known of y.
    fn apply_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        let n = self.len().max(1);
        x.chunks_exact(n).zip(y.chunks_exact_mut(n)).try_for_each(|(x, y)| self.apply(x, y))
    }
    /// Y = Aᵀ X for several vectors.
    ///
    /// # Errors
    /// As [`apply_transposed`](Operator::apply_transposed).
    fn apply_transposed_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        let n = self.len().max(1);
        x.chunks_exact(n).zip(y.chunks_exact_mut(n)).try_for_each(|(x, y)| self.apply_transposed(x, y))
    }
    /// Whether [`apply_many`](Operator::apply_many) takes much less time for two vectors than two products, as where it reads what A is made of once for both. A search for a
    /// null space then takes its products beside those of the solve.
    fn shares_reading(&self) -> bool {
        false
    }
    /// Whether [`apply_transposed`](Operator::apply_transposed) gives products.
    fn has_transpose(&self) -> bool {
        true
    }
    /// The element type of what computes the products. Vectors are doubles; an operator in single precision rounds inside.
    fn kind(&self) -> Kind {
        Kind::F64
    }
    /// The machine epsilon of what computes the products.
    fn epsilon(&self) -> f64 {
        if self.kind() == Kind::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON }
    }
    /// What is known of it.
    fn known(&self) -> Known {
        Known::default()
    }
    /// The matrix, where it lies in memory; solvers that factorise it make it by n products otherwise.
    fn matrix(&self) -> Option<Matrix<'_>> {
        None
    }
    /// Secant pairs that estimate its inverse, where there are some.
    fn secants(&self) -> Option<&Secants> {
        None
    }
    /// Whether [`apply_sampled`](Operator::apply_sampled) gives products.
    fn has_samples(&self) -> bool {
        false
    }
    /// y = A_ξ x, or A_ξᵀ x: the product with the A of the mini-batch ξ that is the draw of this number. E A_ξ = A over the draws, which are independent; the same number is the same
    /// mini-batch, for both sides.
    ///
    /// # Errors
    /// As [`apply`](Operator::apply); [`Need::Samples`] where there is none, as by default.
    fn apply_sampled(&mut self, side: Side, draw: u32, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        let _ = (side, draw, x, y);
        Err(Failed::Lacks(Need::Samples))
    }
}

impl<A: Operator + ?Sized> Operator for &mut A {
    fn len(&self) -> usize {
        (**self).len()
    }
    fn rows(&self) -> usize {
        (**self).rows()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        (**self).apply(x, y)
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        (**self).apply_transposed(x, y)
    }
    fn apply_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        (**self).apply_many(x, y)
    }
    fn apply_transposed_many(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        (**self).apply_transposed_many(x, y)
    }
    fn shares_reading(&self) -> bool {
        (**self).shares_reading()
    }
    fn has_transpose(&self) -> bool {
        (**self).has_transpose()
    }
    fn kind(&self) -> Kind {
        (**self).kind()
    }
    fn epsilon(&self) -> f64 {
        (**self).epsilon()
    }
    fn known(&self) -> Known {
        (**self).known()
    }
    fn matrix(&self) -> Option<Matrix<'_>> {
        (**self).matrix()
    }
    fn secants(&self) -> Option<&Secants> {
        (**self).secants()
    }
    fn has_samples(&self) -> bool {
        (**self).has_samples()
    }
    fn apply_sampled(&mut self, side: Side, draw: u32, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        (**self).apply_sampled(side, draw, x, y)
    }
}

/// An operator made of closures: see [`from_fn`].
#[derive(Debug, Clone)]
pub struct Closures<F, G = NoTranspose> {
    n: usize,
    forward: F,
    transposed: G,
    known: Known,
    kind: Kind,
}

/// Stands for the products with the transpose that nobody gave.
#[derive(Debug, Clone, Copy)]
pub struct NoTranspose;

/// The operator of n unknowns whose products y = A x a closure computes; it may fail with an error of its own.
///
/// ```
/// use hypertape_linear::{Gmres, Prepare, from_fn};
/// // The second difference, matrix-free.
/// let a = from_fn(3, |x, y| {
///     (y[0], y[1], y[2]) = (2.0 * x[0] - x[1], 2.0 * x[1] - x[0] - x[2], 2.0 * x[2] - x[1]);
///     Ok::<(), String>(())
/// });
/// let x = Gmres::default().prepare(a)?.solve(&[1.0, 0.0, 1.0])?.x;
/// assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-14));
/// # Ok::<(), hypertape_linear::Failed>(())
/// ```
pub fn from_fn<F, E>(n: usize, products: F) -> Closures<F>
where
    F: FnMut(&[f64], &mut [f64]) -> Result<(), E>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Closures { n, forward: products, transposed: NoTranspose, known: Known::default(), kind: Kind::F64 }
}

impl<F, G> Closures<F, G> {
    /// With the products y = Aᵀ x.
    #[must_use]
    pub fn with_transpose<H, E>(self, products: H) -> Closures<F, H>
    where
        H: FnMut(&[f64], &mut [f64]) -> Result<(), E>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Closures { n: self.n, forward: self.forward, transposed: products, known: self.known, kind: self.kind }
    }
    /// With what is known of it, which is not checked.
    #[must_use]
    pub fn known(mut self, known: Known) -> Self {
        self.known = known;
        self
    }
    /// With the element type that the closures compute in: f64 unless set.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }
}

impl<F, E> Operator for Closures<F>
where
    F: FnMut(&[f64], &mut [f64]) -> Result<(), E>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn len(&self) -> usize {
        self.n
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        (self.forward)(x, y).map_err(Failed::operator)
    }
    /// A symmetric operator is its own transpose.
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        if self.known.symmetric { self.apply(x, y) } else { Err(Failed::Lacks(Need::Transpose)) }
    }
    fn has_transpose(&self) -> bool {
        self.known.symmetric
    }
    fn known(&self) -> Known {
        self.known
    }
    fn kind(&self) -> Kind {
        self.kind
    }
}

impl<F, G, E, H> Operator for Closures<F, G>
where
    F: FnMut(&[f64], &mut [f64]) -> Result<(), E>,
    G: FnMut(&[f64], &mut [f64]) -> Result<(), H>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    H: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn len(&self) -> usize {
        self.n
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        (self.forward)(x, y).map_err(Failed::operator)
    }
    fn apply_transposed(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        (self.transposed)(x, y).map_err(Failed::operator)
    }
    fn known(&self) -> Known {
        self.known
    }
    fn kind(&self) -> Kind {
        self.kind
    }
}
