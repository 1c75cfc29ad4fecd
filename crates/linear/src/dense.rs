//! The matrix itself and a factorisation of it in place: what the direct solvers share.
use crate::condition::{forward_error, near_one, one_norm_condition, remark, smallest, status};
use crate::operator::{Matrix, Operator, Side};
use crate::solver::Ended;
use crate::stop::Goal;
use crate::system::System;
use crate::vectors::{from_right, norm};
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::{MatMut, MatRef, Par};
use hypertape_autodiff::outcome::Failed;

/// Unknowns from which on factorisations use more than one thread.
const THREADS: usize = 256;

/// A matrix by columns, scaled by a power of two, and room for its factors. All of it is there before the first factorisation.
pub(crate) struct Dense {
    pub(crate) n: usize,
    /// f A.
    pub(crate) matrix: Vec<f64>,
    pub(crate) factors: Vec<f64>,
    /// f.
    factor: f64,
    /// An estimate of the smallest singular value of f A from above; none before the first solve with the factors.
    pub(crate) smallest: Option<f64>,
    vectors: [Vec<f64>; 3],
    memory: MemBuffer,
}

impl std::fmt::Debug for Dense {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dense").field("n", &self.n).finish_non_exhaustive()
    }
}

/// How many threads a factorisation of n unknowns takes.
pub(crate) fn threads(n: usize) -> Par {
    if n < THREADS { Par::Seq } else { faer::get_global_parallelism() }
}

impl Dense {
    pub(crate) fn new(n: usize, scratch: StackReq) -> Self {
        let zeros = || vec![0.0; n];
        let memory = MemBuffer::new(scratch);
        Dense {
            n,
            matrix: vec![0.0; n * n],
            factors: vec![0.0; n * n],
            factor: 1.0,
            smallest: None,
            vectors: [zeros(), zeros(), zeros()],
            memory,
        }
    }
    pub(crate) fn bytes(n: usize) -> u64 {
        (n as u64).saturating_mul(n as u64).saturating_mul(16).saturating_add((n as u64).saturating_mul(40))
    }
    /// The matrix of an operator, copied or by n products.
    pub(crate) fn read(&mut self, a: &mut dyn Operator) -> Result<(), Failed> {
        let n = self.n;
        let known = match a.matrix() {
            Some(Matrix::Dense(m)) => {
                self.matrix.iter_mut().zip(m.t().iter()).for_each(|(to, v)| *to = *v);
                true
            }
            Some(Matrix::Diagonal(d)) => {
                self.matrix.fill(0.0);
                d.iter().enumerate().for_each(|(i, v)| self.matrix[i * n + i] = *v);
                true
            }
            Some(Matrix::Sparse(m)) => {
                self.matrix.fill(0.0);
                m.entries().for_each(|(i, j, v)| self.matrix[j * n + i] += v);
                true
            }
            None => false,
        };
        if !known {
            let unit = &mut self.vectors[0];
            for (j, column) in self.matrix.chunks_exact_mut(n.max(1)).enumerate() {
                unit.fill(0.0);
                unit[j] = 1.0;
                a.apply(unit, column)?;
            }
        }
        self.factor = near_one(&mut self.matrix, a.epsilon())?;
        self.smallest = None;
        Ok(())
    }
    /// That the matrix is its own transpose, up to the rounding of what made its entries.
    pub(crate) fn symmetric(&self, epsilon: f64) -> Result<(), Failed> {
        let (m, n) = (&self.matrix, self.n);
        let (mut size, mut difference) = (0.0_f64, 0.0_f64);
        for i in 0..n {
            for j in 0..=i {
                size = size.max(m[j * n + i].abs());
                difference = difference.max((m[j * n + i] - m[i * n + j]).abs());
            }
        }
        if difference > size * epsilon.sqrt() { Err(Failed::NotSymmetric { difference, size }) } else { Ok(()) }
    }
    /// The room for the factors, and scratch.
    pub(crate) fn room(&mut self) -> (MatMut<'_, f64>, &mut MemStack) {
        (MatMut::from_column_major_slice_mut(&mut self.factors, self.n, self.n), MemStack::new(&mut self.memory))
    }
    /// The matrix, the room for the factors, and scratch.
    pub(crate) fn both(&mut self) -> (MatRef<'_, f64>, MatMut<'_, f64>, &mut MemStack) {
        let n = self.n;
        let factors = MatMut::from_column_major_slice_mut(&mut self.factors, n, n);
        (MatRef::from_column_major_slice(&self.matrix, n, n), factors, MemStack::new(&mut self.memory))
    }
    /// Solves by the factors and judges the result; `solve` overwrites a vector with A⁻¹ or A⁻ᵀ times it.
    pub(crate) fn solve(
        &mut self,
        a: &mut System<'_>,
        b: &[f64],
        x: &mut [f64],
        goal: &Goal,
        solve: &mut dyn FnMut(MatRef<'_, f64>, &mut [f64], bool),
    ) -> Result<Ended, Failed> {
        a.set_factor(self.factor);
        let turned = a.side() == Side::Transposed;
        let n = self.n;
        let factors = MatRef::from_column_major_slice(&self.factors, n, n);
        let mut solve = |v: &mut [f64], transposed: bool| solve(factors, v, transposed != turned);
        let [residual, weights, v] = &mut self.vectors;
        x.copy_from_slice(b);
        solve(x, false);
        a.apply(x, residual)?;
        from_right(b, residual);
        // |A||x|.
        weights.fill(0.0);
        for (j, column) in self.matrix.chunks_exact(n.max(1)).enumerate() {
            for (i, m) in column.iter().enumerate() {
                let (row, unknown) = if turned { (j, i) } else { (i, j) };
                weights[row] += m.abs() * x[unknown].abs();
            }
        }
        let image = norm(weights);
        let error = forward_error(weights, v, &mut solve, [b, x, residual], a.epsilon());
        let length = norm(residual);
        let status = status(error, length, image, b.len(), goal);
        self.smallest = self.smallest.or_else(|| smallest(v, &mut solve));
        Ok(Ended {
            last_word: true,
            residual: Some(length),
            condition: one_norm_condition(&self.matrix, v, &mut solve),
            smallest: self.smallest,
            remark: remark(status, length, goal),
            ..Ended::new(0, Ok(status))
        })
    }
}
