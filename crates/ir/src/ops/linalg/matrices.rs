//! What the operations on matrices share: shapes, naive loops over a batch, and products in rules.
use crate::array::{AnyArray, Kind, LeafType, Real, Shape};
use crate::error::{Elements, ErrorKind, Misfit, Typed};
use crate::operation::{Builder, Contraction, Items, Op, Probe, Value};
use ndarray::{ArrayD, IxDyn};

/// Leading axes and size of square matrices.
pub(super) fn square(t: &LeafType) -> Result<(Shape, usize), ErrorKind> {
    if !t.kind.is_real() {
        return Err(ErrorKind::elements(Elements::Real, &[t]));
    }
    match t.shape[..] {
        [.., m, n] if m == n => Ok((t.shape[..t.shape.len() - 2].into(), n)),
        _ => Err(Misfit::NotSquare { given: t.clone() }.into()),
    }
}

/// That `b` is a right-hand side of n rows for square matrices `a`.
pub(super) fn right_hand_side(a: &LeafType, b: &LeafType) -> Result<(), ErrorKind> {
    let (batch, n) = square(a)?;
    if a.kind != b.kind {
        return Err(ErrorKind::elements(Elements::Alike, &[a, b]));
    }
    let fits = b.shape.len() == a.shape.len() && b.shape[..batch.len()] == batch[..] && b.shape[batch.len()] == n;
    if fits { Ok(()) } else { Err(Misfit::RightHandSide { matrix: a.clone().into(), given: b.clone().into(), rows: n }.into()) }
}

/// That these are factors of the matrices `a`: a matrix each, and of LU an order of the rows.
pub(super) fn factors(a: &LeafType, given: &[&LeafType]) -> Result<(), ErrorKind> {
    let (mut rows, n) = square(a)?;
    rows.push(n);
    let order = LeafType { shape: rows, kind: Kind::U32 };
    match given {
        [f, rest @ ..] if *f == a && rest.iter().all(|r| **r == order) => Ok(()),
        _ => {
            let given = given.iter().map(|t| (*t).clone()).collect();
            Err(ErrorKind::Types { of: Typed::Factors, expected: vec![a.clone(), order], given })
        }
    }
}

/// Batch items and size of square matrices of this shape.
pub(super) fn items(shape: &[usize]) -> (usize, usize) {
    let n = shape.last().copied().unwrap_or(0);
    (shape[..shape.len().saturating_sub(2)].iter().product(), n)
}

/// The first pivot of triangular factors that is within the rounding of what it is left over from, `terms(j, k)` for k < j: nothing of it
/// can be relied on. The error of such a difference is some √n units of the terms' sizes (Higham 2002, section 3.1).
pub(super) fn rounded_away<T: Real>(n: usize, pivot: impl Fn(usize) -> T, terms: impl Fn(usize, usize) -> T) -> Option<(usize, T)> {
    let unit = T::epsilon() * T::from_f64(2.0 * (n as f64).sqrt());
    (0..n).map(|j| (j, pivot(j))).find(|(j, p)| {
        let size = (0..*j).map(|k| terms(*j, k).abs()).fold(T::zero(), |p, q| p + q);
        p.abs() <= unit * size
    })
}

/// Applies `f` to f64 or f32 arrays of equal kind: `$go` is run with `T` and typed arrays.
macro_rules! on_reals {
    ([$($x:ident),+] => $go:expr) => {
        match ($($x,)+) {
            ($(AnyArray::F64($x),)+) => $go,
            ($(AnyArray::F32($x),)+) => $go,
            _ => Err($crate::error::ErrorKind::misuse("element types differ")),
        }
    };
}
pub(super) use on_reals;

/// Calls `f` for each matrix of a batch; `f` gives the matching matrix of the result, in row-major order.
pub(super) fn each_matrix<T: Real>(
    a: &ArrayD<T>,
    shape: &[usize],
    mut f: impl FnMut(usize, &[T]) -> Result<Vec<T>, ErrorKind>,
) -> Result<AnyArray, ErrorKind> {
    let flat: Vec<T> = a.iter().copied().collect();
    let (count, _) = items(a.shape());
    let size = flat.len().checked_div(count).unwrap_or(0);
    let mut out = vec![];
    for i in 0..count {
        out.extend(f(i, &flat[i * size..(i + 1) * size])?);
    }
    ArrayD::from_shape_vec(IxDyn(shape), out).map(T::array).map_err(|_| ErrorKind::misuse("the matrices do not fill their shape"))
}

/// Well-conditioned square matrices to test with: the identity and a little more.
pub(super) fn matrices(shape: &[usize], kind: Kind, seed: u32) -> AnyArray {
    let (_, n) = items(shape);
    let little = Probe::array(shape, kind, seed);
    let element = |(i, v): (usize, &f64)| v / (2 * n) as f64 + if i / n % n == i % n { 1.0 } else { 0.0 };
    let elements: Vec<f64> = little.to_f64().iter().enumerate().map(element).collect();
    AnyArray::from_f64(&little.leaf_type(), &elements).unwrap_or(little)
}

/// Shapes of matrices and right-hand sides to test with.
pub(super) const SHAPES: [(&[usize], &[usize]); 6] =
    [(&[3, 3], &[3, 2]), (&[4, 4], &[4, 1]), (&[1, 1], &[1, 1]), (&[0, 0], &[0, 2]), (&[3, 3], &[3, 0]), (&[2, 3, 3], &[2, 3, 2])];

impl Builder {
    /// a·b over the last two axes, either transposed; leading axes run together.
    pub fn matmul_with(&mut self, a: Value, transpose_a: bool, b: Value, transpose_b: bool) -> Value {
        let rank = self.shape(a).len();
        if rank < 2 {
            return self.dot(a, b);
        }
        let (inner_a, inner_b) = (rank - 1 - usize::from(transpose_a), rank - 2 + usize::from(transpose_b));
        let batch = (0..rank - 2).map(|i| (i, i)).collect();
        self.contract(a, b, Contraction { batch, sum: [(inner_a, inner_b)].into_iter().collect() })
    }
    /// The last two axes exchanged.
    pub fn transpose_last(&mut self, a: Value) -> Value {
        let rank = self.shape(a).len();
        let mut axes: Vec<usize> = (0..rank).collect();
        if rank >= 2 {
            axes.swap(rank - 2, rank - 1);
        }
        self.permute(a, &axes)
    }
    /// (a + aᵀ)/2 over the last two axes.
    pub fn symmetric_part(&mut self, a: Value) -> Value {
        let t = self.transpose_last(a);
        let s = self.add(a, t);
        self.scale(s, 0.5)
    }
    /// Sum of the diagonal of the last two axes.
    pub fn trace(&mut self, a: Value) -> Value {
        let d = self.diagonal(a);
        let last = self.shape(d).len().saturating_sub(1);
        self.sum(d, &[last])
    }
    /// Applies `f` to a right-hand side as matrices: a vector for each item of the batch of `a` becomes a matrix of one column.
    pub(super) fn as_columns(&mut self, a: Value, rhs: Value, f: impl FnOnce(&mut Self, Value) -> Value) -> Value {
        let shape = self.shape(rhs);
        if shape.len() + 1 != self.shape(a).len() {
            return f(self, rhs);
        }
        let mut column = shape.clone();
        column.push(1);
        let rhs = self.reshape(rhs, &column);
        let x = f(self, rhs);
        // After a mistake in the operands the stand-in has another shape, and the error is already kept.
        if self.problem().is_some() { x } else { self.reshape(x, &shape) }
    }
    /// A solve of which the items share the matrix: their right-hand sides as columns of one.
    pub(super) fn as_more_columns(&mut self, op: &Op, items: &Items<'_>) -> Option<Value> {
        let last = items.inputs.len() - 1;
        let shape = items.shape(self, last);
        if (0..last).any(|i| items.is_each(i)) || shape.len() != 2 {
            return None;
        }
        let (n, k) = (shape[0], shape[1]);
        let rhs = self.permute(items.inputs[last], &[1, 0, 2]);
        let rhs = self.reshape(rhs, &[n, items.n * k]);
        let x = self.emit1(op.clone(), &[&items.inputs[..last], &[rhs]].concat());
        let x = self.reshape(x, &[n, items.n, k]);
        Some(self.permute(x, &[1, 0, 2]))
    }
}
