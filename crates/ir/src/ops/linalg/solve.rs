//! Solves with general and with positive definite matrices, by factors that are computed once.
use super::cholesky::Cholesky;
use super::lu::{Lu, factored};
use super::matrices::{SHAPES, each_matrix, factors, items, matrices, on_reals, right_hand_side};
use crate::array::{AnyArray, Kind, LeafType, Real};
use crate::error::{ErrorKind, Result};
use crate::operation::{Builder, Form, Items, Lowering, Made, Maybe, Named, Op, Operation, Probe, Probed, Value, same_value};
use crate::program::{Types, Values};
use ndarray::ArrayD;
use smallvec::smallvec;

/// What a solve works with, beside the matrix itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factors {
    /// LU factors and the order of rows: inputs (A, factors, rows, B).
    Lu,
    /// The Cholesky factor of the symmetric part of A, which is what the equation holds: inputs (A, L, B).
    Cholesky,
}

/// X with op(A) X = B, by factors of A.
///
/// Ẋ = op(A)⁻¹(Ḃ − op(Ȧ) X); B̄ = op(A)⁻ᵀ X̄, Ā = −B̄ Xᵀ, or −X B̄ᵀ with the transpose (Giles 2008). The value is
/// computed from the factors, the derivative is all in A: right when the factors are those of A, as `Builder::solve` sees to.
#[derive(Debug, Clone, PartialEq)]
pub struct Solve {
    /// By which factors.
    pub by: Factors,
    /// Aᵀ stands in the equation.
    pub transpose: bool,
}

impl Solve {
    fn again(&self, b: &mut Builder, inputs: &[Value], rhs: Value, flip: bool) -> Value {
        let mut x = Values::from_slice(inputs);
        if let Some(last) = x.last_mut() {
            *last = rhs;
        }
        b.emit1(Op::new(Solve { by: self.by, transpose: self.transpose != flip && self.by == Factors::Lu }), &x)
    }
    /// What of a derivative of A stands in the equation.
    fn part(&self, b: &mut Builder, a: Value) -> Value {
        if self.by == Factors::Cholesky { b.symmetric_part(a) } else { a }
    }
}

impl Operation for Solve {
    fn name(&self) -> &str {
        "solve"
    }
    fn attributes(&self) -> String {
        let by = if self.by == Factors::Lu { "LU" } else { "Cholesky" };
        format!("{by}{}", if self.transpose { ", transposed" } else { "" })
    }
    fn arity(&self) -> Option<usize> {
        Some(if self.by == Factors::Lu { 4 } else { 3 })
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        let Some(rhs) = inputs.last() else { return Err(ErrorKind::misuse("takes a matrix, its factors and a right-hand side")) };
        right_hand_side(inputs[0], rhs)?;
        factors(inputs[0], &inputs[1..inputs.len() - 1])?;
        Ok(smallvec![(*rhs).clone()])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        fn substitute<T: Real>(s: &Solve, f: &ArrayD<T>, b: &ArrayD<T>, rows: Option<&AnyArray>) -> Result<AnyArray, ErrorKind> {
            let (_, n) = items(f.shape());
            let k = b.shape()[b.ndim() - 1];
            let f: Vec<T> = f.iter().copied().collect();
            let rows: Option<Vec<usize>> = rows.map(|r| r.to_f64().iter().map(|v| *v as usize).collect());
            each_matrix(b, b.shape(), |item, b| {
                let order: Vec<usize> = rows.as_ref().map_or((0..n).collect(), |r| r[item * n..(item + 1) * n].to_vec());
                let f = |i: usize, j: usize| f[item * n * n + i * n + j];
                let one = |_: usize| T::one();
                let diagonal = |i: usize| f(i, i);
                let mut x = vec![T::zero(); n * k];
                for c in 0..k {
                    let rhs = |i: usize| b[i * k + c];
                    let y: Vec<T> = match (s.by, s.transpose) {
                        (Factors::Cholesky, _) => {
                            let y = forward(n, f, diagonal, rhs);
                            backward(n, |i, j| f(j, i), diagonal, |i| y[i])
                        }
                        (Factors::Lu, false) => {
                            let y = forward(n, f, one, |i| rhs(order[i]));
                            backward(n, f, diagonal, |i| y[i])
                        }
                        (Factors::Lu, true) => {
                            let y = forward(n, |i, j| f(j, i), diagonal, rhs);
                            let y = backward(n, |i, j| f(j, i), one, |i| y[i]);
                            let mut x = vec![T::zero(); n];
                            order.iter().zip(y).for_each(|(i, y)| x[*i] = y);
                            x
                        }
                    };
                    y.iter().enumerate().for_each(|(i, y)| x[i * k + c] = *y);
                }
                Ok(x)
            })
        }
        let (f, b) = (inputs[1], inputs[inputs.len() - 1]);
        let rows = (self.by == Factors::Lu).then(|| inputs[2]);
        on_reals!([f, b] => substitute(self, f, b, rows)).map(|x| vec![x])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let x = b.emit1(op.clone(), inputs);
        let moved = tangents[0].map(|t| {
            let t = self.part(b, t);
            let p = b.matmul_with(t, self.transpose, x, false);
            b.neg(p)
        });
        let rhs = b.plus(tangents.last().copied().flatten(), moved);
        let dx = rhs.map(|r| self.again(b, inputs, r, false));
        (smallvec![x], vec![dx])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        let mut out = vec![None; inputs.len()];
        let Some(c) = cotangents[0] else { return out };
        let g = self.again(b, inputs, c, true);
        if wanted[0] {
            let p = if self.transpose { b.matmul_with(outputs[0], false, g, true) } else { b.matmul_with(g, false, outputs[0], true) };
            let p = b.neg(p);
            out[0] = Some(self.part(b, p));
        }
        if let Some(last) = out.last_mut() {
            *last = Some(g);
        }
        out
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        if let Some(made) = b.as_more_columns(op, items) {
            return Ok(Some(vec![(made, Form::Each)]));
        }
        Ok(Some(items.same(b, op.clone())))
    }
    fn lower(&self, inputs: &[&LeafType], outputs: &[&LeafType]) -> Lowering {
        let (n, k) = (items(&inputs[0].shape).1, outputs[0].shape.last().copied().unwrap_or(0));
        let named = match self.by {
            Factors::Lu => Named::SolveByLu { transpose: self.transpose, n, k },
            Factors::Cholesky => Named::SolveByCholesky { n, k },
        };
        Lowering::Named(named, inputs[0].kind)
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
    fn simplify(&self, b: &mut Builder, inputs: &[Value]) -> Option<Values> {
        let rhs = *inputs.last()?;
        b.is_zero(rhs).then(|| smallvec![rhs])
    }
}

impl Probed for Solve {
    fn probes(kind: Kind) -> Vec<Probe> {
        let mut probes = vec![];
        for (a, b) in SHAPES {
            let rhs = Probe::array(b, kind, 2);
            for transpose in [false, true] {
                let inputs = [factored(a, kind), vec![rhs.clone()]].concat();
                probes.push(Probe::new(Solve { by: Factors::Lu, transpose }, inputs).growing(16.0).surrogate());
            }
            let a = matrices(a, kind, 3);
            let l = Cholesky.value(&[&a]).unwrap_or_default();
            let inputs = [vec![a], l, vec![rhs]].concat();
            probes.push(Probe::new(Solve { by: Factors::Cholesky, transpose: false }, inputs).growing(16.0).surrogate());
        }
        probes
    }
}

/// y with L y = b, one unknown after the other.
fn forward<T: Real>(n: usize, l: impl Fn(usize, usize) -> T, diagonal: impl Fn(usize) -> T, b: impl Fn(usize) -> T) -> Vec<T> {
    let mut y: Vec<T> = vec![];
    for i in 0..n {
        let known = (0..i).map(|j| l(i, j) * y[j]).fold(T::zero(), |p, q| p + q);
        y.push((b(i) - known) / diagonal(i));
    }
    y
}

/// x with U x = b, from the last unknown to the first.
fn backward<T: Real>(n: usize, u: impl Fn(usize, usize) -> T, diagonal: impl Fn(usize) -> T, b: impl Fn(usize) -> T) -> Vec<T> {
    let last = n.saturating_sub(1);
    let mut x = forward(n, |i, j| u(last - i, last - j), |i| diagonal(last - i), |i| b(last - i));
    x.reverse();
    x
}

impl Builder {
    /// X with A X = B; B is a matrix, or a vector, for each item of the batch. An error at run time if A is singular.
    pub fn solve(&mut self, a: Value, rhs: Value) -> Value {
        let f = self.emit(Op::new(Lu), &[a]);
        self.as_columns(a, rhs, |b, rhs| b.solve_with_lu([a, f[0], f[1]], rhs, false))
    }
    /// X with S X = B, where S = (A + Aᵀ)/2 must be positive definite.
    pub fn solve_positive(&mut self, a: Value, rhs: Value) -> Value {
        let l = self.cholesky(a);
        let op = Op::new(Solve { by: Factors::Cholesky, transpose: false });
        self.as_columns(a, rhs, |b, rhs| b.emit1(op, &[a, l, rhs]))
    }
    /// A⁻¹; an error at run time if A is singular.
    pub fn inverse(&mut self, a: Value) -> Value {
        let mut t = self.type_of(a).clone();
        t.shape.pop();
        let ones = self.full(&t, 1.0);
        let identity = self.diagonal_matrix(ones);
        self.solve(a, identity)
    }
    pub(super) fn solve_with_lu(&mut self, [a, factors, rows]: [Value; 3], rhs: Value, transpose: bool) -> Value {
        self.emit1(Op::new(Solve { by: Factors::Lu, transpose }), &[a, factors, rows, rhs])
    }
}
