//! Sparse Jacobians and Hessians: the program finds the pattern itself; it makes the diagonals, or a few products give all entries.
use super::colouring::find;
use super::compressed::{Coloured, Products, append};
use super::diagonals::Diagonals;
use super::workspace::here;
use super::{Function, Linear, Number, Wrt};
use crate::array::{AnyArray, Kind, LeafType};
use crate::error::Result;
use crate::operation::named::{Csr, Pattern};
use crate::plan::{Memory, Plan};
use crate::tree::{Feed, Structure};
use std::sync::Arc;

/// A Jacobian or Hessian as a sparse matrix in compressed rows, at one point after the other.
///
/// Where results read the variables at fixed distances, as in chains, stencils and finite differences, the program makes the diagonals of the matrix themselves, and no product is
/// taken. Elsewhere products find the pattern at the first point: some for each halving of the columns, so their number grows as the logarithm of their number. Columns that share no row
/// are coloured alike, and each colour takes one product at each point, many of them at once. One more, with random numbers, tests the matrix at each point.
///
/// Entries that are zero at a point may be missing in its pattern. Where another one is not zero at a later point, as behind a branch or a kink, the pattern is found again. Of diagonals
/// that is exact; the test by a product sees an entry beyond 8 ε of its row, or beyond 16 times the rounding of the program itself at the point where its pattern was found.
///
/// Sources: Curtis, Powell and Reid (1974); Coleman and Moré (1983).
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// let n = 1000;
/// // Σ (x_{i+1} − x_i²)²: the Hessian has three diagonals.
/// let f = Function::record(shape![n], |x| (x.slice_last(1, n) - x.slice_last(0, n - 1).square()).square().sum())?;
/// let mut hessian = f.wrt(|x| x).hessian_sparse()?;
/// let h = hessian.at(&ndarray::Array1::from_elem(n, 0.5))?;
/// assert_eq!((h.nonzeros(), hessian.colours()), (3 * n - 2, 3));
/// // It is made by its diagonals. Of every second variable with its neighbour it takes products: one for each colour, and one that tests it.
/// assert_eq!(hessian.products(), 0);
/// let f = Function::record(shape![n], |x| (x.slice_step(0, 1, n, 2) * x.slice_step(0, 0, n, 2)).square().sum())?;
/// let mut hessian = f.wrt(|x| x).hessian_sparse()?;
/// hessian.at(&ndarray::Array1::from_elem(n, 0.5))?;
/// let products = hessian.products();
/// hessian.at(&ndarray::Array1::from_elem(n, 0.25))?;
/// assert_eq!((hessian.colours(), hessian.products() - products), (2, 3));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug)]
pub struct SparseDerivative<I: Structure, O: Structure> {
    function: Function<I, O>,
    linear: Option<Linear<I, O>>,
    /// For each real leaf of the inputs, its type, and the column of its first element if it is a variable.
    leaves: Vec<(LeafType, Option<usize>)>,
    directions: Vec<AnyArray>,
    rows: usize,
    columns: usize,
    /// Where the matrix is made by them.
    diagonals: Option<Diagonals<I, O>>,
    coloured: Option<(Coloured, Products)>,
    products: u64,
}

impl<I: Structure, O: Structure, W: Structure> Wrt<I, O, W> {
    /// The Jacobian over the flattened real outputs (rows) and variables (columns) as a sparse matrix.
    ///
    /// # Errors
    /// As [`Function::linearization`].
    #[track_caller]
    pub fn jacobian_sparse(&self) -> Result<SparseDerivative<I, O>> {
        SparseDerivative::new(self.f.clone(), &self.picked.clone()?)
    }
    /// The Hessian over the flattened variables as a sparse matrix.
    ///
    /// # Errors
    /// As [`Function::linearization`].
    #[track_caller]
    pub fn hessian_sparse(&self) -> Result<SparseDerivative<I, W>>
    where
        O: Number,
    {
        SparseDerivative::new(self.gradient(), &self.picked.clone()?)
    }
}

impl<I: Structure, O: Structure> SparseDerivative<I, O> {
    #[track_caller]
    fn new(function: Function<I, O>, picked: &[usize]) -> Result<Self> {
        function.linearization()?;
        let types = function.inputs().leaf_types();
        let mut first = vec![None; types.len()];
        let mut columns = 0;
        for i in picked.iter().copied().filter(|i| types[*i].kind.is_real()) {
            first[i] = Some(columns);
            columns += types[i].len();
        }
        let leaves: Vec<(LeafType, Option<usize>)> = types.into_iter().zip(first).filter(|(t, _)| t.kind.is_real()).collect();
        let rows = function.outputs().leaf_types().iter().filter(|t| t.kind.is_real()).map(LeafType::len).sum();
        let diagonals = Diagonals::new(&function, &leaves, columns).map_err(here())?;
        let directions = if diagonals.is_some() { vec![] } else { leaves.iter().map(|(t, _)| AnyArray::full(t, 0.0)).collect() };
        Ok(SparseDerivative { function, linear: None, leaves, directions, rows, columns, diagonals, coloured: None, products: 0 })
    }
    /// The matrix at a point.
    ///
    /// # Errors
    /// As [`Function::linearize`], and an entry that is not finite.
    #[track_caller]
    pub fn at(&mut self, point: impl Feed<I>) -> Result<Csr<f64>> {
        if let Some(diagonals) = &mut self.diagonals {
            return diagonals.at(point);
        }
        match &mut self.linear {
            Some(linear) => linear.move_to(point)?,
            None => self.linear = Some(self.function.linearize(point)?),
        }
        if let Some((values, true)) = self.entries()? {
            return self.matrix(values);
        }
        let (rows, columns) = (self.rows, self.columns);
        let single =
            self.leaves.iter().map(|l| l.0.kind).chain(self.function.outputs().leaf_types().iter().map(|t| t.kind)).any(|k| k == Kind::F32);
        let coloured = Coloured::new(find(rows, columns, |v| self.product(v))?, columns, single)?;
        let products = Products::new(self.function.linearization()?, &self.leaves, &coloured)?;
        self.coloured = Some((coloured, products));
        let values = self.entries()?.map_or(vec![], |found| found.0);
        if let Some((c, products)) = &mut self.coloured {
            c.settle(&values, &products.tested);
        }
        self.matrix(values)
    }
    /// The places of the last matrix; none before the first point.
    #[must_use]
    pub fn pattern(&self) -> Option<&Pattern> {
        self.diagonals.as_ref().map_or_else(|| self.coloured.as_ref().map(|(c, _)| &c.pattern), Diagonals::pattern)
    }
    /// Colours of the last pattern: no two columns of one colour share a row. So many products give the matrix, where it is not made by its diagonals, and one more tests it.
    /// 0 before the first point.
    #[must_use]
    pub fn colours(&self) -> usize {
        self.diagonals.as_ref().map_or_else(|| self.coloured.as_ref().map_or(0, |(c, _)| c.colours), Diagonals::colours)
    }
    /// Products so far, those that found patterns and tested matrices among them. None are taken where the matrix is made by its diagonals.
    #[must_use]
    pub fn products(&self) -> u64 {
        self.products
    }
    /// What one point needs in memory. Nothing before the first point, where products are taken.
    #[must_use]
    pub fn memory(&self) -> Memory {
        if let Some(diagonals) = &self.diagonals {
            return diagonals.memory();
        }
        let mut memory = self.linear.as_ref().map_or(Memory::default(), Linear::memory);
        let directions: usize = self.directions.iter().map(|a| a.leaf_type().bytes()).sum();
        let products = self.coloured.as_ref().map_or(0, |(_, products)| products.bytes());
        memory.workspace += directions as u64 + products;
        memory
    }
    /// The plan of the diagonals, or of one block of products, to print; none before the first point.
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.diagonals.as_ref().map_or_else(|| self.coloured.as_ref().map(|(_, products)| products.plan()), |d| Some(d.plan()))
    }
    #[track_caller]
    fn matrix(&self, values: Vec<f64>) -> Result<Csr<f64>> {
        match &self.coloured {
            Some((c, _)) => Csr::with_pattern(&c.pattern, values),
            None => Csr::new([0, 0], vec![0], vec![], vec![]),
        }
    }
    /// The entries at the point by the last pattern, in its order, and whether they agree with the product that tests them. None before the first point.
    fn entries(&mut self) -> Result<Option<(Vec<f64>, bool)>> {
        let (Some((c, products)), Some(linear)) = (&mut self.coloured, &self.linear) else { return Ok(None) };
        let values = products.values(c, |executor, directions| linear.run(executor, directions))?;
        self.products += c.colours as u64 + 1;
        if let Some(agrees) = c.agrees(&values, &products.tested) {
            return Ok(Some((values, agrees)));
        }
        // One direction after the other tells what is not finite, unless that is allowed.
        let Some((c, products)) = self.coloured.take() else { return Ok(None) };
        let looked = (0..=c.colours).try_for_each(|k| self.product(|j| c.direction(k, j)).map(|_| ()));
        self.coloured = Some((c, products));
        looked.map(|()| Some((values, true)))
    }
    /// J v, flattened, for the v whose element in column j is `v(j)`.
    fn product(&mut self, v: impl Fn(usize) -> f64) -> Result<Vec<f64>> {
        for ((_, first), to) in self.leaves.iter().zip(&mut self.directions) {
            let Some(first) = *first else { continue };
            match to {
                AnyArray::F64(a) => a.iter_mut().enumerate().for_each(|(k, to)| *to = v(first + k)),
                AnyArray::F32(a) => a.iter_mut().enumerate().for_each(|(k, to)| *to = v(first + k) as f32),
                AnyArray::U32(_) => {}
            }
        }
        self.products += 1;
        let mut result = Vec::with_capacity(self.rows);
        if let Some(linear) = &mut self.linear {
            linear.apply_leaves(&self.directions, &mut |leaf| append(&mut result, &leaf))?;
        }
        Ok(result)
    }
}
