//! Triangles of matrices, and solves with them.
use super::matrices::{SHAPES, each_matrix, items, matrices, on_reals, right_hand_side, square};
use crate::array::{AnyArray, Kind, LeafType, Real};
use crate::error::{ErrorKind, Matrix, Result};
use crate::operation::named::Triangle;
use crate::operation::{
    Builder, Form, Items, Lowering, Made, Maybe, Multilinear, Named, Op, Operation, Probe, Probed, Product, Value, same_value,
};
use crate::program::{Types, Values};
use smallvec::smallvec;

/// The lower or upper triangle of square matrices, the diagonal times a number, zero elsewhere. Transpose: the same.
///
/// With ½ it is Φ of Murray (2016); with 0 the strict triangle.
#[derive(Debug, Clone, PartialEq)]
pub struct Triangular {
    /// The upper triangle rather than the lower.
    pub upper: bool,
    /// Factor of the diagonal.
    pub diagonal: f64,
}

impl Multilinear for Triangular {
    fn name(&self) -> &'static str {
        "triangle"
    }
    fn attributes(&self) -> String {
        format!("{}, diagonal times {}", if self.upper { "upper" } else { "lower" }, self.diagonal)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<LeafType, ErrorKind> {
        square(inputs[0]).map(|_| inputs[0].clone())
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<AnyArray, ErrorKind> {
        fn keep<T: Real>(s: &Triangular, a: &ndarray::ArrayD<T>) -> Result<AnyArray, ErrorKind> {
            let (_, n) = items(a.shape());
            each_matrix(a, a.shape(), |_, a| {
                let element = |(at, v): (usize, &T)| match (at / n).cmp(&(at % n)) {
                    std::cmp::Ordering::Equal if s.diagonal == 0.0 => T::zero(),
                    std::cmp::Ordering::Equal => T::from_f64(s.diagonal) * *v,
                    std::cmp::Ordering::Less if s.upper => *v,
                    std::cmp::Ordering::Greater if !s.upper => *v,
                    _ => T::zero(),
                };
                Ok(a.iter().enumerate().map(element).collect())
            })
        }
        let a = inputs[0];
        on_reals!([a] => keep(self, a))
    }
    fn transpose(&self, b: &mut Builder, _: &[Value], _: usize, cotangent: Value) -> Value {
        b.triangle(cotangent, self.upper, self.diagonal)
    }
    fn batch(&self, b: &mut Builder, items: &Items<'_>) -> Result<Value> {
        let x = items.each(b, 0);
        Ok(b.triangle(x, self.upper, self.diagonal))
    }
    fn lower(&self, inputs: &[&LeafType], _: &LeafType) -> Lowering {
        let Triangular { upper, diagonal } = *self;
        Lowering::Named(Named::Triangle { upper, diagonal, n: items(&inputs[0].shape).1 }, inputs[0].kind)
    }
    fn simplify(&self, b: &mut Builder, x: &[Value]) -> Option<Value> {
        if let Some((inner, _)) = b.made_by::<Product<Triangular>>(x[0])
            && inner.0 == *self
            && (self.diagonal == 1.0 || self.diagonal == 0.0)
        {
            return Some(x[0]);
        }
        b.is_zero(x[0]).then_some(x[0])
    }
}

impl Probed for Triangular {
    fn probes(kind: Kind) -> Vec<Probe> {
        let shapes: [&[usize]; 4] = [&[3, 3], &[2, 3, 3], &[0, 0], &[1, 1]];
        let kinds = [(false, 1.0), (true, 1.0), (false, 0.5), (true, 0.0)];
        let all = shapes.into_iter().flat_map(|s| kinds.map(|k| (s, k)));
        all.map(|(s, (upper, diagonal))| Probe::new(Product(Triangular { upper, diagonal }), vec![Probe::array(s, kind, 1)])).collect()
    }
}

/// X with op(A) X = B, where only one triangle of A is read.
///
/// Ẋ = op(A)⁻¹(Ḃ − op(Ȧ) X); B̄ = op(A)⁻ᵀ X̄, and Ā is the triangle of −B̄ Xᵀ, or of −X B̄ᵀ with the transpose (Giles 2008).
#[derive(Debug, Clone, PartialEq)]
pub struct TriangularSolve(pub Triangle);

impl TriangularSolve {
    fn triangle_of(&self, b: &mut Builder, a: Value) -> Value {
        b.triangle(a, self.0.upper, if self.0.unit { 0.0 } else { 1.0 })
    }
    fn flipped(&self) -> Self {
        TriangularSolve(Triangle { transpose: !self.0.transpose, ..self.0 })
    }
    /// That no element of the diagonal, which is divided by, is 0.
    ///
    /// # Errors
    /// The first that is.
    pub fn regular<T: Real>(how: Triangle, a: &[T], n: usize) -> Result<(), ErrorKind> {
        match (0..n).find(|i| !how.unit && a[i * n + i] == T::zero()) {
            Some(i) => Err(Matrix::Triangle { pivot: i }.into()),
            None => Ok(()),
        }
    }
}

impl Operation for TriangularSolve {
    fn name(&self) -> &str {
        "solve_triangular"
    }
    fn attributes(&self) -> String {
        let side = if self.0.upper { "upper" } else { "lower" };
        format!("{side}{}{}", if self.0.transpose { ", transposed" } else { "" }, if self.0.unit { ", unit" } else { "" })
    }
    fn arity(&self) -> Option<usize> {
        Some(2)
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        right_hand_side(inputs[0], inputs[1])?;
        Ok(smallvec![inputs[1].clone()])
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        fn substitute<T: Real>(how: Triangle, a: &ndarray::ArrayD<T>, b: &ndarray::ArrayD<T>) -> Result<AnyArray, ErrorKind> {
            let (_, n) = items(a.shape());
            let k = b.shape()[b.ndim() - 1];
            let a: Vec<T> = a.iter().copied().collect();
            each_matrix(b, b.shape(), |item, b| {
                TriangularSolve::regular(how, &a[item * n * n..], n)?;
                let a = |i: usize, j: usize| a[item * n * n + if how.transpose { j * n + i } else { i * n + j }];
                let mut x = b.to_vec();
                // The triangle that stands in the equation, and the order in which its unknowns become known.
                let order: Vec<usize> = if how.upper == how.transpose { (0..n).collect() } else { (0..n).rev().collect() };
                for (done, &i) in order.iter().enumerate() {
                    for c in 0..k {
                        let known = order[..done].iter().map(|&j| a(i, j) * x[j * k + c]).fold(T::zero(), |p, q| p + q);
                        let rest = x[i * k + c] - known;
                        x[i * k + c] = if how.unit { rest } else { rest / a(i, i) };
                    }
                }
                Ok(x)
            })
        }
        let (a, b) = (inputs[0], inputs[1]);
        on_reals!([a, b] => substitute(self.0, a, b)).map(|x| vec![x])
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        let x = b.emit1(op.clone(), inputs);
        let moved = tangents[0].map(|t| {
            let t = self.triangle_of(b, t);
            let p = b.matmul_with(t, self.0.transpose, x, false);
            b.neg(p)
        });
        let rhs = b.plus(tangents[1], moved);
        let dx = rhs.map(|r| b.emit1(op.clone(), &[inputs[0], r]));
        (smallvec![x], vec![dx])
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], outputs: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        let Some(c) = cotangents[0] else { return vec![None, None] };
        let g = b.emit1(Op::new(self.flipped()), &[inputs[0], c]);
        let a = wanted[0].then(|| {
            let p = if self.0.transpose { b.matmul_with(outputs[0], false, g, true) } else { b.matmul_with(g, false, outputs[0], true) };
            let p = b.neg(p);
            self.triangle_of(b, p)
        });
        vec![a, wanted[1].then_some(g)]
    }
    fn batch(&self, b: &mut Builder, op: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        if let Some(made) = b.as_more_columns(op, items) {
            return Ok(Some(vec![(made, Form::Each)]));
        }
        Ok(Some(items.same(b, op.clone())))
    }
    fn lower(&self, inputs: &[&LeafType], _: &[&LeafType]) -> Lowering {
        let (n, k) = (items(&inputs[0].shape).1, inputs[1].shape.last().copied().unwrap_or(0));
        Lowering::Named(Named::SolveTriangular { how: self.0, n, k }, inputs[0].kind)
    }
    fn same(&self, other: &dyn Operation) -> bool {
        same_value(self, other)
    }
    fn simplify(&self, b: &mut Builder, inputs: &[Value]) -> Option<Values> {
        b.is_zero(inputs[1]).then(|| smallvec![inputs[1]])
    }
}

impl Probed for TriangularSolve {
    fn probes(kind: Kind) -> Vec<Probe> {
        let flag = [false, true];
        let all = flag
            .into_iter()
            .flat_map(|u| flag.map(|t| (u, t)))
            .flat_map(|(u, t)| flag.map(|unit| Triangle { upper: u, transpose: t, unit }));
        let probe = |how, (a, b)| Probe::new(TriangularSolve(how), vec![matrices(a, kind, 1), Probe::array(b, kind, 2)]).growing(8.0);
        all.flat_map(|how| SHAPES.map(|s| probe(how, s))).collect()
    }
}

impl Builder {
    /// The lower or upper triangle of square matrices, the diagonal times a number, zero elsewhere.
    pub fn triangle(&mut self, a: Value, upper: bool, diagonal: f64) -> Value {
        self.emit1(Op::new(Product(Triangular { upper, diagonal })), &[a])
    }
    /// X with op(A) X = B for a triangular A; B is a matrix, or a vector, for each item of the batch.
    pub fn solve_triangular(&mut self, a: Value, rhs: Value, how: Triangle) -> Value {
        self.as_columns(a, rhs, |b, rhs| b.emit1(Op::new(TriangularSolve(how)), &[a, rhs]))
    }
}
