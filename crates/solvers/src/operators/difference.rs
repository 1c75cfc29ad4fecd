//! Forward differences along one axis, and of images.
use super::linear::LinearOperator;
use hypertape_autodiff::Site;
use hypertape_autodiff::array::{Real, Shape};
use hypertape_autodiff::operation::{Builder, Part, Value};
use hypertape_autodiff::ops::difference::Edge;
use hypertape_autodiff::record::{self, Var};
use hypertape_autodiff::tree::{Leaf, Structure, V};

/// (D x)_i = x_{i+1} − x_i for a vector of n: n − 1 differences. ‖D‖ ≤ 2.
#[derive(Debug, Clone, Copy, Default)]
pub struct Difference1d;

/// (D x)_{0ij} = x_{i+1,j} − x_{ij} and (D x)_{1ij} = x_{i,j+1} − x_{ij}, 0 at the far border: an image (h, w) gives (2, h, w). ‖D‖ ≤ √8
/// (Chambolle 2004).
#[derive(Debug, Clone, Copy, Default)]
pub struct Gradient2d;

/// x with entries from..from+n of an axis.
fn cut(b: &mut Builder, x: Value, axis: usize, from: usize, n: usize) -> Value {
    let mut len = b.shape(x);
    let mut start = vec![0; len.len()];
    (start[axis], len[axis]) = (from, n);
    b.slice(x, &start, &vec![1; len.len()], &len)
}

/// Zeros of a shape with x placed at an index of one axis.
fn put(b: &mut Builder, shape: &Shape, x: Value, axis: usize, from: usize) -> Value {
    let mut start = Shape::from_elem(0, shape.len());
    start[axis] = from;
    let step = Shape::from_elem(1, shape.len());
    b.place(shape, &[(x, Part { start, step })])
}

fn fits(b: &mut Builder, v: Value, rank: usize, what: &str) -> bool {
    let t = b.type_of(v).clone();
    let fits = t.shape.len() == rank && (rank != 3 || t.shape[0] == 2) && t.shape.iter().all(|n| *n > 0);
    if !fits {
        let problem = format!("takes {what}, given {t}");
        b.fail(hypertape_autodiff::Error::new("difference", problem).with_operands(vec![t]));
    }
    fits
}

impl<T: Real, P: Structure> LinearOperator<Leaf<T>, Leaf<T>, P> for Difference1d {
    fn apply(&self, x: Var<T>, _: &V<P>) -> Var<T> {
        Var::from_dyn(record::apply("difference", &[x.to_dyn()], Site::caller(), |b, v| {
            if !fits(b, v[0], 1, "a vector") {
                return v[0];
            }
            let d = b.difference(v[0], 0, Edge::Zero);
            let n = b.shape(d)[0];
            cut(b, d, 0, 0, n - 1)
        }))
    }
    fn adjoint(&self, u: Var<T>, _: &V<P>) -> Var<T> {
        Var::from_dyn(record::apply("difference", &[u.to_dyn()], Site::caller(), |b, v| {
            // The transpose does not read the last difference.
            let shape = Shape::from_slice(&[b.shape(v[0]).first().copied().unwrap_or(0) + 1]);
            let u = put(b, &shape, v[0], 0, 0);
            b.difference_adjoint(u, 0, Edge::Zero)
        }))
    }
    fn norm_bound(&self) -> Option<f64> {
        Some(2.0)
    }
}

impl<T: Real, P: Structure> LinearOperator<Leaf<T>, Leaf<T>, P> for Gradient2d {
    fn apply(&self, x: Var<T>, _: &V<P>) -> Var<T> {
        Var::from_dyn(record::apply("gradient 2d", &[x.to_dyn()], Site::caller(), |b, v| {
            let x = v[0];
            if !fits(b, x, 2, "an image (h, w)") {
                return x;
            }
            let shape = b.shape(x);
            let mut one = shape.clone();
            one.insert(0, 1);
            let parts: Vec<Value> = (0..2)
                .map(|axis| {
                    let d = b.difference(x, axis, Edge::Zero);
                    b.reshape(d, &one)
                })
                .collect();
            b.concatenate(&parts, 0)
        }))
    }
    fn adjoint(&self, u: Var<T>, _: &V<P>) -> Var<T> {
        Var::from_dyn(record::apply("gradient 2d", &[u.to_dyn()], Site::caller(), |b, v| {
            let u = v[0];
            if !fits(b, u, 3, "two differences of an image (2, h, w)") {
                return u;
            }
            let shape = Shape::from_slice(&b.shape(u)[1..]);
            let parts: Vec<Value> = (0..2)
                .map(|axis| {
                    let d = cut(b, u, 0, axis, 1);
                    let d = b.reshape(d, &shape);
                    b.difference_adjoint(d, axis, Edge::Zero)
                })
                .collect();
            b.add(parts[0], parts[1])
        }))
    }
    fn norm_bound(&self) -> Option<f64> {
        Some(8f64.sqrt())
    }
}
