//! A sparse matrix by columns, read from an operator: from its own matrix, or by a few products where the places of its entries are known.
use crate::condition::{condition, forward_error, near_one, remark, smallest, status};
use crate::operator::{Matrix, Operator, Side};
use crate::solver::Ended;
use crate::stop::Goal;
use crate::system::System;
use crate::vectors::{axpy, dot, fill_noise, from_right, norm};
use faer::dyn_stack::{MemBuffer, StackReq};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use hypertape_autodiff::ops::sparse::Csr;
use hypertape_autodiff::outcome::{Failed, Need, Reached};
use std::sync::{Arc, OnceLock};

/// The places of entries, as settings hold them, and what was found out of them, once for all that share the settings.
pub(crate) struct Places<S> {
    given: Option<Csr<f64>>,
    found: Arc<OnceLock<Option<Arc<S>>>>,
}

impl<S> Default for Places<S> {
    fn default() -> Self {
        Places { given: None, found: Arc::default() }
    }
}

impl<S> Clone for Places<S> {
    fn clone(&self) -> Self {
        Places { given: self.given.clone(), found: self.found.clone() }
    }
}

impl<S> std::fmt::Debug for Places<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Places").field(&self.given.as_ref().map(|g| g.indices().len())).finish()
    }
}

impl<S> Places<S> {
    pub(crate) fn of(given: &Csr<f64>) -> Self {
        Places { given: Some(given.clone()), found: Arc::default() }
    }
    pub(crate) fn needs(&self) -> Vec<Need> {
        if self.given.is_some() { vec![] } else { vec![Need::Entries] }
    }
    /// What is found out of places of n unknowns, which is done at the first call. None where there are none, or it cannot be found.
    pub(crate) fn found(&self, n: usize, find: impl FnOnce(&Columns) -> Result<S, Failed>) -> Option<Arc<S>> {
        let given = self.given.as_ref().filter(|g| n > 0 && [g.rows(), g.columns()] == [n, n])?;
        let made = self.found.get_or_init(|| {
            let mut columns = Columns::new(n);
            columns.take(given.starts(), given.indices());
            find(&columns).ok().map(Arc::new)
        });
        made.clone()
    }
    /// The same for columns that were read: `other` where their places are others.
    pub(crate) fn of_columns(
        &self,
        columns: &Columns,
        find: impl FnOnce(&Columns) -> Result<S, Failed>,
        other: impl FnOnce(&Columns) -> Result<S, Failed>,
    ) -> Result<Arc<S>, Failed> {
        let same = self.given.as_ref().is_some_and(|g| columns.has(g.starts(), g.indices()));
        let found = if same { self.found(columns.n, find) } else { None };
        found.map_or_else(|| other(columns).map(Arc::new), Ok)
    }
    /// Whether no places are given, which fit one size only.
    pub(crate) fn any_size(&self) -> bool {
        self.given.is_none()
    }
    /// Bytes of the places and values of n columns, and of vectors; of the vectors alone where no places are given.
    pub(crate) fn bytes(&self, n: usize) -> u64 {
        let entries = self.given.as_ref().map_or(0, |g| g.indices().len());
        (28 * entries + 64 * n) as u64
    }
}

/// Builder methods of a solver with a field `places`.
macro_rules! places_setting {
    ($method:ty) => {
        impl $method {
            /// For operators without a matrix: where the entries of A may be other than 0, as the places of a sparse matrix whose values do not matter. Columns that
            /// share no row are found by one product together (Curtis, Powell and Reid 1974).
            #[must_use]
            pub fn places(mut self, of: &hypertape_autodiff::ops::sparse::Csr<f64>) -> Self {
                self.places = crate::sparse::Places::of(of);
                self
            }
        }
    };
}
pub(crate) use places_setting;

/// f A by columns, for a power of two f.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) n: usize,
    starts: Vec<usize>,
    rows: Vec<usize>,
    pub(crate) values: Vec<f64>,
    factor: f64,
    /// An estimate of the smallest singular value of f A from above; none before the first solve with the factors.
    smallest: Option<f64>,
    /// The sparse matrix that the places are those of, and where each of its entries lies here.
    source: Option<(Vec<usize>, Vec<u32>)>,
    at: Vec<usize>,
    /// Columns that share no row, group by group.
    groups: Vec<Vec<usize>>,
    vectors: [Vec<f64>; 3],
}

/// Memory of this layout, or the error that there is none.
pub(crate) fn memory(layout: StackReq) -> Result<MemBuffer, Failed> {
    MemBuffer::try_new(layout).map_err(|_| Failed::Memory { bytes: layout.size_bytes() as u64 })
}

impl Columns {
    pub(crate) fn new(n: usize) -> Self {
        let zeros = || vec![0.0; n];
        Columns { n, factor: 1.0, vectors: [zeros(), zeros(), zeros()], ..Columns::default() }
    }
    /// Whether these are its places.
    fn has(&self, starts: &[usize], indices: &[u32]) -> bool {
        self.source.as_ref().is_some_and(|(s, i)| s == starts && i == indices)
    }
    /// Takes the places of a sparse matrix, unless it has them already. Says whether they are new.
    fn take(&mut self, starts: &[usize], indices: &[u32]) -> bool {
        if self.has(starts, indices) {
            return false;
        }
        let mut order: Vec<(usize, usize, usize)> =
            (0..starts.len() - 1).flat_map(|i| (starts[i]..starts[i + 1]).map(move |k| (indices[k] as usize, i, k))).collect();
        order.sort_unstable();
        (self.starts, self.rows) = (vec![0; self.n + 1], Vec::with_capacity(order.len()));
        self.at = vec![0; order.len()];
        let mut last = None;
        for (j, i, k) in order {
            if last != Some((j, i)) {
                self.rows.push(i);
                self.starts[j + 1] += 1;
                last = Some((j, i));
            }
            self.at[k] = self.rows.len() - 1;
        }
        (0..self.n).for_each(|j| self.starts[j + 1] += self.starts[j]);
        self.values = vec![0.0; self.rows.len()];
        self.groups.clear();
        self.source = Some((starts.to_vec(), indices.to_vec()));
        true
    }
    /// Colours the columns one after the other by the first colour that no column with a row in common has.
    fn colour(&mut self) {
        let n = self.n;
        let mut columns_of = vec![vec![]; n];
        for j in 0..n {
            self.rows[self.starts[j]..self.starts[j + 1]].iter().for_each(|i| columns_of[*i].push(j));
        }
        let mut colours = vec![usize::MAX; n];
        let mut seen = vec![usize::MAX; n + 1];
        for j in 0..n {
            for i in &self.rows[self.starts[j]..self.starts[j + 1]] {
                columns_of[*i].iter().filter(|k| colours[**k] != usize::MAX).for_each(|k| seen[colours[*k]] = j);
            }
            let free = seen.iter().position(|s| *s != j).unwrap_or(0);
            colours[j] = free;
            if free == self.groups.len() {
                self.groups.push(vec![]);
            }
            self.groups[free].push(j);
        }
    }
    /// Reads the matrix. Says whether its places are new.
    pub(crate) fn read<S>(&mut self, a: &mut dyn Operator, places: &Places<S>) -> Result<bool, Failed> {
        let n = self.n;
        let known = match (&places.given, a.matrix()) {
            (_, Some(Matrix::Sparse(m))) => {
                let new = self.take(m.starts(), m.indices());
                self.values.fill(0.0);
                self.at.iter().zip(m.values()).for_each(|(at, v)| self.values[*at] += v);
                Some(new)
            }
            (_, Some(Matrix::Diagonal(d))) => {
                let new = self.source.is_some() || self.rows.len() != n;
                if new {
                    (self.starts, self.rows, self.source) = ((0..=n).collect(), (0..n).collect(), None);
                }
                self.values.clear();
                self.values.extend_from_slice(d);
                Some(new)
            }
            _ => None,
        };
        let new = match (known, &places.given) {
            (Some(new), _) => new,
            (None, Some(given)) => self.by_products(a, given)?,
            (None, None) => return Err(Failed::Lacks(Need::Entries)),
        };
        self.factor = near_one(&mut self.values, a.epsilon())?;
        self.smallest = None;
        Ok(new)
    }
    /// One product for each group of columns, and one more to see that no entry stands elsewhere.
    fn by_products(&mut self, a: &mut dyn Operator, given: &Csr<f64>) -> Result<bool, Failed> {
        let n = self.n;
        for (what, size) in [("a column of the places", given.rows()), ("a row of the places", given.columns())] {
            if size != n {
                return Err(Failed::WrongLength { what, given: size, expected: n });
            }
        }
        let new = self.take(given.starts(), given.indices());
        if self.groups.is_empty() {
            self.colour();
        }
        let Columns { starts, rows, values, groups, vectors: [seed, image, product], .. } = self;
        for group in groups.iter() {
            seed.fill(0.0);
            group.iter().for_each(|j| seed[*j] = 1.0);
            a.apply(seed, image)?;
            for j in group {
                (starts[*j]..starts[*j + 1]).for_each(|k| values[k] = image[rows[k]]);
            }
        }
        fill_noise(11, seed);
        a.apply(seed, image)?;
        product.fill(0.0);
        for j in 0..n {
            (starts[j]..starts[j + 1]).for_each(|k| product[rows[k]] += values[k] * seed[j]);
        }
        let size = norm(image);
        axpy(-1.0, image, product);
        let difference = norm(product);
        // What is not finite is found in the entries.
        if difference > a.epsilon().sqrt() * size {
            return Err(Failed::OtherPlaces { difference, size });
        }
        Ok(new)
    }
    /// The places, as faer takes them.
    pub(crate) fn symbolic(&self) -> SymbolicSparseColMatRef<'_, usize> {
        SymbolicSparseColMatRef::new_checked(self.n, self.n, &self.starts, None, &self.rows)
    }
    /// Places and values.
    pub(crate) fn matrix(&self) -> SparseColMatRef<'_, usize, f64> {
        SparseColMatRef::new(self.symbolic(), &self.values)
    }
    /// How many entries R of a QR factorisation has at the most, whatever the values, with the columns in this order (George and Heath 1980): as many as
    /// U of an LU factorisation with any pivots can have, and L below its diagonal too (George and Ng 1985). None above `most`.
    pub(crate) fn fill(&self, order: &[usize], most: usize) -> Option<usize> {
        let n = self.n;
        let mut of_rows = vec![vec![]; n];
        for (k, j) in order.iter().enumerate() {
            self.rows[self.starts[*j]..self.starts[j + 1]].iter().for_each(|i| of_rows[*i].push(k));
        }
        // Rows by their first column; those of one column become one.
        let mut led: Vec<Vec<Vec<usize>>> = vec![vec![]; n];
        of_rows.into_iter().filter(|r| !r.is_empty()).for_each(|r| led[r[0]].push(r));
        let (mut seen, mut fill) = (vec![usize::MAX; n], 0);
        for k in 0..n {
            let mut all = vec![];
            for column in std::mem::take(&mut led[k]).into_iter().flatten() {
                if std::mem::replace(&mut seen[column], k) != k {
                    all.push(column);
                }
            }
            fill += all.len();
            if fill > most {
                return None;
            }
            all.retain(|c| *c != k);
            if let Some(first) = all.iter().min() {
                led[*first].push(all);
            }
        }
        Some(fill)
    }
    /// The first entry of the diagonal that is not 0.
    pub(crate) fn first_of_diagonal(&self) -> f64 {
        let entry = |j: usize| (self.starts[j]..self.starts[j + 1]).find(|k| self.rows[*k] == j).map(|k| self.values[k]);
        (0..self.n).find_map(|j| entry(j).filter(|v| *v != 0.0)).unwrap_or(0.0)
    }
    /// Solves by factors and judges the result; `solve` overwrites a vector with A⁻¹ or A⁻ᵀ times it.
    pub(crate) fn solve(
        &mut self,
        a: &mut System<'_>,
        b: &[f64],
        x: &mut [f64],
        goal: &Goal,
        solve: &mut dyn FnMut(&mut [f64], bool),
    ) -> Result<Ended, Failed> {
        a.set_factor(self.factor);
        let turned = a.side() == Side::Transposed;
        let mut solve = |v: &mut [f64], transposed: bool| solve(v, transposed != turned);
        let [residual, weights, v] = &mut self.vectors;
        x.copy_from_slice(b);
        solve(x, false);
        a.apply(x, residual)?;
        from_right(b, residual);
        // |A||x|, and the largest sum of a column.
        weights.fill(0.0);
        let mut size = 0.0_f64;
        for j in 0..self.n {
            let entries = self.starts[j]..self.starts[j + 1];
            size = size.max(self.values[entries.clone()].iter().map(|v| v.abs()).sum());
            for k in entries {
                let (row, unknown) = if turned { (j, self.rows[k]) } else { (self.rows[k], j) };
                weights[row] += self.values[k].abs() * x[unknown].abs();
            }
        }
        let image = norm(weights);
        let error = forward_error(weights, v, &mut solve, [b, x, residual], a.epsilon());
        let length = norm(residual);
        let condition = condition(size, v, &mut solve);
        if !length.is_finite() || !dot(x, x).is_finite() || condition * 4.0 * a.epsilon() * (self.n as f64).sqrt() >= 1.0 {
            x.fill(0.0);
            return Err(Failed::Singular { at: Reached { iterations: 0, residual: 1.0, condition: Some(condition) }, flat: None });
        }
        let status = status(error, length, image, b.len(), goal);
        self.smallest = self.smallest.or_else(|| smallest(v, &mut solve));
        let remark = remark(status, length, goal);
        Ok(Ended { last_word: true, residual: Some(length), condition, smallest: self.smallest, remark, ..Ended::new(0, Ok(status)) })
    }
}
