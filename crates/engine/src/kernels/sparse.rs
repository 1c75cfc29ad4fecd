//! Products with matrices in compressed sparse rows, which are read as streams of nonzeros.
//!
//! Xᵀ f(X v) takes two passes over the matrix. Gathering and scattering limit its speed, not reading; and in one pass both vectors would compete for
//! the cache. A product with two vectors side by side takes little longer than one.
#![allow(unsafe_code, reason = "indices were checked when the matrix was made")]
use super::halves::both;
use super::vector::{Vector, per_vector};
use hypertape_ir::array::{Element, Kind, Real};
use hypertape_ir::operation::named::{Csr, Pattern};
use std::ops::Range;

/// `RUN`: entries that are handled together. `AHEAD`: by how many entries memory is prefetched.
const RUN: usize = 16;
const AHEAD: usize = 256;

/// Most terms that are summed in single precision: for each vector lane of a row, or for each column of the right-hand side.
const FEW: usize = 64;

/// Nonzeros, times columns of the right-hand side, above which a product is worth two threads.
const PARALLEL: usize = 1 << 17;

/// Which rows take part in a product, in order. Those of a result are the same bits however they are split.
#[derive(Debug, Clone, Copy)]
enum Rows<'a> {
    /// So many (the second number) from one on (the first).
    From(usize, usize),
    /// Those of these numbers.
    Named(&'a [u32]),
}

/// A matrix as its nonzeros, row by row, and which of its rows take part. Its parts were checked when it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sparse<'a, T> {
    columns: usize,
    /// Row i holds the entries starts[i] … starts[i + 1] − 1.
    starts: &'a [usize],
    /// The column of each entry, less than `columns`.
    indices: &'a [u32],
    values: &'a [T],
    rows: Rows<'a>,
    /// Whether sums over columns are in double precision though entries are in single: so if a column may have many entries.
    wide: bool,
}

impl<'a, T: Real> Sparse<'a, T> {
    /// Borrows the parts of a matrix.
    pub(crate) fn of(a: &'a Csr<T>) -> Self {
        Self::with(a.pattern(), a.values())
    }
    /// The matrix with these values in the places of a pattern.
    pub(crate) fn with(a: &'a Pattern, values: &'a [T]) -> Self {
        assert_eq!(values.len(), a.nonzeros(), "there is one value for each entry");
        Self::of_parts(a, values)
    }
    fn of_parts(a: &'a Pattern, values: &'a [T]) -> Self {
        let wide = T::KIND == Kind::F32 && a.has_long_columns();
        Sparse { columns: a.columns(), starts: a.starts(), indices: a.indices(), values, rows: Rows::From(0, a.rows()), wide }
    }
    /// Some of the rows, in this order; they may repeat. Each is less than the number of rows.
    pub(crate) fn named(self, rows: &'a [u32]) -> Self {
        Sparse { rows: Rows::Named(rows), wide: T::KIND == Kind::F32, ..self }
    }
    /// Elements of scratch memory that `dot_transposed` needs for a matrix with these places, of all rows or of some that are named.
    pub(crate) fn scratch_with(a: &'a Pattern, named: bool, k: usize) -> usize {
        let all = Self::of_parts(a, &[]);
        if named { all.named(&[]).scratch(k) } else { all.scratch(k) }
    }
    /// A part of the rows that take part.
    fn part(self, part: Range<usize>) -> Self {
        let rows = match self.rows {
            Rows::From(first, _) => Rows::From(first + part.start, part.len()),
            Rows::Named(rows) => Rows::Named(&rows[part]),
        };
        Sparse { rows, ..self }
    }
    /// How many rows take part.
    fn rows(&self) -> usize {
        match self.rows {
            Rows::From(_, count) => count,
            Rows::Named(rows) => rows.len(),
        }
    }
    /// Entries of the i-th row that takes part.
    #[inline(always)]
    fn row(&self, i: usize) -> Range<usize> {
        let i = match self.rows {
            Rows::From(first, _) => first + i,
            Rows::Named(rows) => rows[i] as usize,
        };
        self.starts[i]..self.starts[i + 1]
    }
    /// Entries of the rows that take part.
    fn nonzeros(&self) -> usize {
        match self.rows {
            Rows::From(first, count) => self.starts[first + count] - self.starts[first],
            Rows::Named(_) => (0..self.rows()).map(|i| self.row(i).len()).sum(),
        }
    }
    /// How far ahead of the i-th row's entries memory is prefetched: in the stream of all entries, or in the row that is named next.
    #[inline(always)]
    fn ahead(&self, i: usize) -> usize {
        match self.rows {
            Rows::Named(rows) if i + 1 < rows.len() => self.row(i + 1).start.wrapping_sub(self.row(i).start),
            _ => AHEAD,
        }
    }
    /// Prefetches a run of entries from this one on. The processor prefetches streams by itself, but too late here, since places of a vector are
    /// read between the entries.
    ///
    /// # Safety
    /// The processor has the instructions of V.
    #[inline(always)]
    unsafe fn fetch<V: Vector<T>>(&self, entry: usize) {
        let (indices, values) = (self.indices.as_ptr().wrapping_add(entry), self.values.as_ptr().wrapping_add(entry));
        // SAFETY: a prefetch is a hint, and no address makes it fail; the instructions are there.
        unsafe {
            V::fetch(indices.cast());
            V::fetch(values);
            V::fetch(values.wrapping_add(RUN / 2));
        }
    }
    /// y = A x, for x and y with k columns.
    pub(crate) fn dot(&self, x: &[T], y: &mut [T], k: usize) {
        assert!(x.len() == self.columns * k && y.len() == self.rows() * k, "the operands have as many rows as the matrix says");
        if k > 0 {
            self.dot_rows(x, y, k);
        }
    }
    fn dot_rows(&self, x: &[T], y: &mut [T], k: usize) {
        let rows = self.rows();
        if rows > 1 && self.nonzeros() * k >= PARALLEL {
            let (a, b) = y.split_at_mut(rows / 2 * k);
            both(|| self.part(0..rows / 2).dot_rows(x, a, k), || self.part(rows / 2..rows).dot_rows(x, b, k));
            return;
        }
        // SAFETY: `dot` checked the lengths; the parts were checked when the matrix was made.
        unsafe {
            match k {
                1 if self.columns <= i32::MAX as usize => gather_rows(self, x.as_ptr(), y),
                2 => gather_pairs(self, x.as_ptr(), y),
                _ => add_up_rows(self, x.as_ptr(), y, k),
            }
        }
    }
    /// Number of parts of the transposed product, chosen by size: one for rows that are named, since their entries are not known before.
    fn parts(&self, k: usize) -> usize {
        if let Rows::Named(_) = self.rows {
            return 1;
        }
        let work = self.nonzeros().saturating_mul(k);
        if work >= 2 * PARALLEL && self.columns.saturating_mul(8) <= self.nonzeros() { 2 } else { 1 }
    }
    /// Elements of scratch memory that `dot_transposed` needs.
    pub(crate) fn scratch(&self, k: usize) -> usize {
        if self.wide {
            return self.parts(k).saturating_mul(2).saturating_mul(self.columns).saturating_mul(k);
        }
        (self.parts(k) - 1).saturating_mul(self.columns).saturating_mul(k)
    }
    /// y = Aᵀ x, for x and y with k columns.
    pub(crate) fn dot_transposed(&self, x: &[T], y: &mut [T], k: usize, scratch: &mut [T]) {
        assert!(x.len() == self.rows() * k && y.len() == self.columns * k, "the operands have as many rows as the matrix says");
        if k == 0 {
            return;
        }
        if self.wide {
            // SAFETY: every pattern of bits is a double.
            let sums = unsafe { scratch.align_to_mut::<f64>() }.1;
            return self.scatter_wide(x, y, k, sums);
        }
        if self.parts(k) == 1 {
            return self.scatter_rows(x, y, k);
        }
        let other = &mut scratch[..self.columns * k];
        let ([a, b], [low, high]) = self.halves(x, k);
        both(|| a.scatter_rows(low, y, k), || b.scatter_rows(high, other, k));
        y.iter_mut().zip(other).for_each(|(y, o)| *y += *o);
    }
    /// The rows in two parts of about as many entries, and x for each of them.
    fn halves(self, x: &[T], k: usize) -> ([Self; 2], [&[T]; 2]) {
        let half = self.starts.partition_point(|s| *s < self.nonzeros() / 2).min(self.rows());
        let (low, high) = x.split_at(half * k);
        ([self.part(0..half), self.part(half..self.rows())], [low, high])
    }
    /// y = Aᵀ x, added up in double precision.
    fn scatter_wide(&self, x: &[T], y: &mut [T], k: usize, sums: &mut [f64]) {
        let (low, rest) = sums.split_at_mut(y.len());
        if self.parts(k) == 1 {
            self.add_wide(x, low, k);
        } else {
            let high = &mut rest[..y.len()];
            let ([a, b], [first, second]) = self.halves(x, k);
            both(|| a.add_wide(first, low, k), || b.add_wide(second, high, k));
            low.iter_mut().zip(high).for_each(|(l, h)| *l += *h);
        }
        y.iter_mut().zip(low).for_each(|(y, s)| *y = T::from_f64(*s));
    }
    fn add_wide(&self, x: &[T], sums: &mut [f64], k: usize) {
        sums.fill(0.0);
        for i in 0..self.rows() {
            let at = self.row(i);
            for (j, v) in self.indices[at.clone()].iter().zip(&self.values[at]) {
                let to = *j as usize * k;
                for (s, x) in sums[to..to + k].iter_mut().zip(&x[i * k..(i + 1) * k]) {
                    *s += Element::to_f64(*v) * Element::to_f64(*x);
                }
            }
        }
    }
    /// y = the share of these rows in Aᵀ x.
    fn scatter_rows(&self, x: &[T], y: &mut [T], k: usize) {
        y.fill(T::zero());
        // SAFETY: `dot_transposed` checked the lengths; the parts were checked when the matrix was made.
        unsafe {
            match k {
                1 => scatter_few::<T, 1>(self, x, y.as_mut_ptr()),
                2 => scatter_few::<T, 2>(self, x, y.as_mut_ptr()),
                _ => scatter_wide(self, x, y.as_mut_ptr(), k),
            }
        }
    }
}

per_vector! {
    unsafe fn gather_rows<T>(a: &Sparse<'_, T>, x: *const T, y: &mut [T]) = gather_rows_body
}

/// y_i = Σ values·x[indices] over each row that takes part, in two vector sums.
///
/// # Safety
/// The parts of `a` fit each other, and x has one element per column; there are fewer than 2³¹ columns.
#[inline(always)]
unsafe fn gather_rows_body<T: Real, V: Vector<T>>(a: &Sparse<'_, T>, x: *const T, y: &mut [T]) {
    for (i, y) in y.iter_mut().enumerate() {
        let (Range { start: mut k, end }, ahead) = (a.row(i), a.ahead(i));
        // SAFETY: entries k … end exist, and their columns are below the number of columns.
        unsafe {
            let (indices, values) = (a.indices.as_ptr(), a.values.as_ptr());
            if T::KIND == Kind::F32 && end - k > FEW * V::LANES {
                *y = long_row::<T, V>(a, x, k..end, ahead);
                continue;
            }
            let mut sums = [V::splat(T::zero()); 4];
            while k + 2 * V::LANES <= end {
                a.fetch::<V>(k.wrapping_add(ahead));
                for s in &mut sums[..2] {
                    *s = s.plus_product(V::load(values.add(k)), V::gather_first(x, indices.add(k), V::LANES));
                    k += V::LANES;
                }
            }
            while k < end {
                let n = (end - k).min(V::LANES);
                sums[0] = sums[0].plus_product(V::load_first(values.add(k), n), V::gather_first(x, indices.add(k), n));
                k += n;
            }
            let [p, q, ..] = V::sums(sums);
            *y = p + q;
        }
    }
}

/// Σ values·x[indices] over many entries: blocks are summed in single precision, and added up in double precision.
///
/// # Safety
/// As `gather_rows_body`, for these entries.
#[inline(always)]
unsafe fn long_row<T: Real, V: Vector<T>>(a: &Sparse<'_, T>, x: *const T, at: Range<usize>, ahead: usize) -> T {
    let Range { start: mut k, end } = at;
    let mut total = 0.0;
    // SAFETY: the caller's promise.
    unsafe {
        let (indices, values) = (a.indices.as_ptr(), a.values.as_ptr());
        while k < end {
            let stop = end.min(k + FEW * V::LANES);
            let mut sums = [V::splat(T::zero()); 4];
            while k + 2 * V::LANES <= stop {
                a.fetch::<V>(k.wrapping_add(ahead));
                for s in &mut sums[..2] {
                    *s = s.plus_product(V::load(values.add(k)), V::gather_first(x, indices.add(k), V::LANES));
                    k += V::LANES;
                }
            }
            while k < stop {
                let n = (stop - k).min(V::LANES);
                sums[0] = sums[0].plus_product(V::load_first(values.add(k), n), V::gather_first(x, indices.add(k), n));
                k += n;
            }
            let [p, q, ..] = V::sums(sums);
            total += Element::to_f64(p) + Element::to_f64(q);
        }
    }
    T::from_f64(total)
}

per_vector! {
    unsafe fn gather_pairs<T>(a: &Sparse<'_, T>, x: *const T, y: &mut [T]) = gather_pairs_body
}

/// y = the product with these rows, for x and y with two columns side by side: each entry reads one place of x for both. Each of four sums takes
/// every fourth entry.
///
/// # Safety
/// The parts of `a` fit each other, and x has two elements per column.
#[inline(always)]
unsafe fn gather_pairs_body<T: Real, V: Vector<T>>(a: &Sparse<'_, T>, x: *const T, y: &mut [T]) {
    for (i, y) in y.chunks_exact_mut(2).enumerate() {
        let (Range { start: mut k, end }, ahead) = (a.row(i), a.ahead(i));
        let mut totals = [0.0; 2];
        while T::KIND == Kind::F32 && end - k > 4 * FEW {
            let mut sums = [[T::zero(); 2]; 4];
            for _ in 0..FEW {
                // SAFETY: four entries from k on exist, and two elements of x for the column of each.
                unsafe { add_pairs::<T, 4>(a, x, k, &mut sums) };
                k += 4;
            }
            for c in 0..2 {
                totals[c] += sums.iter().map(|s| Element::to_f64(s[c])).sum::<f64>();
            }
        }
        let mut sums = [[T::zero(); 2]; 4];
        // SAFETY: entries k … end exist, and two elements of x for the column of each.
        unsafe {
            while k + RUN <= end {
                a.fetch::<V>(k.wrapping_add(ahead));
                for _ in 0..RUN / 4 {
                    add_pairs::<T, 4>(a, x, k, &mut sums);
                    k += 4;
                }
            }
            while k + 4 <= end {
                add_pairs::<T, 4>(a, x, k, &mut sums);
                k += 4;
            }
            while k < end {
                add_pairs::<T, 1>(a, x, k, &mut sums);
                k += 1;
            }
        }
        let [p, q, r, s] = sums;
        for c in 0..2 {
            let rest = (p[c] + q[c]) + (r[c] + s[c]);
            y[c] = if T::KIND == Kind::F32 { T::from_f64(totals[c] + Element::to_f64(rest)) } else { rest };
        }
    }
}

/// Adds N entries from the k-th on, each to its own sum.
///
/// # Safety
/// The entries exist, and two elements of x for the column of each.
#[inline(always)]
unsafe fn add_pairs<T: Real, const N: usize>(a: &Sparse<'_, T>, x: *const T, k: usize, sums: &mut [[T; 2]; 4]) {
    for (i, sum) in sums[..N].iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        let (x, v) = unsafe { (*x.add(*a.indices.get_unchecked(k + i) as usize * 2).cast::<[T; 2]>(), *a.values.get_unchecked(k + i)) };
        for c in 0..2 {
            sum[c] += v * x[c];
        }
    }
}

per_vector! {
    unsafe fn add_up_rows<T>(a: &Sparse<'_, T>, x: *const T, y: &mut [T], k: usize) = add_up_rows_body
}

/// y = the product with these rows, for x and y with `k` columns, one vector of columns at a time.
///
/// # Safety
/// The parts of `a` fit each other, and x has k elements per column.
#[inline(always)]
unsafe fn add_up_rows_body<T: Real, V: Vector<T>>(a: &Sparse<'_, T>, x: *const T, y: &mut [T], k: usize) {
    for (i, y) in y.chunks_exact_mut(k).enumerate() {
        let at = a.row(i);
        for (c, y) in y.chunks_mut(V::LANES).enumerate() {
            // SAFETY: columns c·LANES … of the rows of x that the indices name exist.
            unsafe {
                if T::KIND == Kind::F32 && at.len() > FEW {
                    for (c, y) in (c * V::LANES..).zip(y.iter_mut()) {
                        let terms = a.indices[at.clone()].iter().zip(&a.values[at.clone()]);
                        let sum: f64 = terms.map(|(j, v)| Element::to_f64(*v) * Element::to_f64(*x.add(*j as usize * k + c))).sum();
                        *y = T::from_f64(sum);
                    }
                    continue;
                }
                let mut sum = V::splat(T::zero());
                for (j, v) in a.indices[at.clone()].iter().zip(&a.values[at.clone()]) {
                    sum = sum.plus_product(V::load_first(x.add(*j as usize * k + c * V::LANES), y.len()), V::splat(*v));
                }
                sum.store_first(y.as_mut_ptr(), y.len());
            }
        }
    }
}

per_vector! {
    unsafe fn scatter_few<T, const K: usize>(a: &Sparse<'_, T>, x: &[T], y: *mut T) = scatter_few_body
}

/// y += the share of these rows in Aᵀ x, for x and y with K columns: one or two.
///
/// # Safety
/// The parts of `a` fit each other, and y has K elements per column.
#[inline(always)]
unsafe fn scatter_few_body<T: Real, V: Vector<T>, const K: usize>(a: &Sparse<'_, T>, x: &[T], y: *mut T) {
    for i in 0..a.rows() {
        let (Range { start: mut k, end }, ahead) = (a.row(i), a.ahead(i));
        let factors: [T; K] = std::array::from_fn(|c| x[i * K + c]);
        while k < end {
            let n = (end - k).min(RUN);
            // SAFETY: entries k … end exist, and K elements of y for the column of each.
            unsafe {
                if n == RUN {
                    a.fetch::<V>(k.wrapping_add(ahead));
                }
                for k in k..k + n {
                    let to = y.add(*a.indices.get_unchecked(k) as usize * K).cast::<[T; K]>();
                    let mut sum = *to;
                    for c in 0..K {
                        sum[c] += *a.values.get_unchecked(k) * factors[c];
                    }
                    *to = sum;
                }
            }
            k += n;
        }
    }
}

per_vector! {
    unsafe fn scatter_wide<T>(a: &Sparse<'_, T>, x: &[T], y: *mut T, k: usize) = scatter_wide_body
}

/// The same for x and y with `k` columns.
///
/// # Safety
/// The parts of `a` fit each other, and y has k elements per column.
#[inline(always)]
unsafe fn scatter_wide_body<T: Real, V: Vector<T>>(a: &Sparse<'_, T>, x: &[T], y: *mut T, k: usize) {
    for i in 0..a.rows() {
        let at = a.row(i);
        for (c, u) in x[i * k..(i + 1) * k].chunks(V::LANES).enumerate() {
            // SAFETY: columns c·LANES … of the rows of y that the indices name exist.
            unsafe {
                let factor = V::load_first(u.as_ptr(), u.len());
                for (j, v) in a.indices[at.clone()].iter().zip(&a.values[at.clone()]) {
                    let to = y.add(*j as usize * k + c * V::LANES);
                    V::load_first(to, u.len()).plus_product(factor, V::splat(*v)).store_first(to, u.len());
                }
            }
        }
    }
}
