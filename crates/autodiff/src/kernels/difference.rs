//! Differences of neighbours along one axis, and the adjoint.
use super::isa::per_isa;
use crate::array::Real;

/// Differences of an array seen as (outer, n, inner), row-major.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Differences {
    /// Length of the axis.
    pub n: usize,
    /// Elements between neighbours.
    pub inner: usize,
    /// The last element's neighbour is the first; otherwise the last difference is 0.
    pub periodic: bool,
}

impl Differences {
    /// y_i = x_{i+1} − x_i.
    pub fn forward<T: Real>(&self, x: &[T], y: &mut [T]) {
        if !x.is_empty() {
            forward(*self, x, y);
        }
    }
    /// x_i = y_{i−1} − y_i: the transpose of `forward`.
    pub fn adjoint<T: Real>(&self, y: &[T], x: &mut [T]) {
        if !y.is_empty() {
            adjoint(*self, y, x);
        }
    }
}

per_isa! { fn forward<T: Real>(d: Differences, x: &[T], y: &mut [T]) = forward_body }
per_isa! { fn adjoint<T: Real>(d: Differences, y: &[T], x: &mut [T]) = adjoint_body }

/// out = a − b.
#[inline(always)]
fn minus<T: Real>(a: &[T], b: &[T], out: &mut [T]) {
    for (o, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
        *o = *a - *b;
    }
}

#[inline(always)]
fn forward_body<T: Real, const FMA: bool>(d: Differences, x: &[T], y: &mut [T]) {
    let block = d.n * d.inner;
    for (x, y) in x.chunks_exact(block).zip(y.chunks_exact_mut(block)) {
        let (body, last) = y.split_at_mut(block - d.inner);
        minus(&x[d.inner..], x, body);
        if d.periodic {
            minus(&x[..d.inner], &x[block - d.inner..], last);
        } else {
            last.fill(T::zero());
        }
    }
}

#[inline(always)]
fn adjoint_body<T: Real, const FMA: bool>(d: Differences, y: &[T], x: &mut [T]) {
    let block = d.n * d.inner;
    for (y, x) in y.chunks_exact(block).zip(x.chunks_exact_mut(block)) {
        let (first, body) = x.split_at_mut(d.inner);
        let last = &y[block - d.inner..];
        if d.periodic {
            minus(last, &y[..d.inner], first);
            minus(y, &y[d.inner..], body);
        } else if d.n == 1 {
            first.fill(T::zero());
        } else {
            first.iter_mut().zip(y).for_each(|(x, y)| *x = -*y);
            let (middle, end) = body.split_at_mut(block - 2 * d.inner);
            minus(y, &y[d.inner..block - d.inner], middle);
            end.copy_from_slice(&y[block - 2 * d.inner..block - d.inner]);
        }
    }
}
