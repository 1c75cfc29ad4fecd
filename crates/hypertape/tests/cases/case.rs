//! What a case is: an equation, points that satisfy it, and its two Jacobians there, written by hand.
use crate::reference::System;
use hypertape::prelude::*;
use hypertape_testkit::random::sym;
use ndarray::{Array, Array1, Array2, Dimension};
use std::rc::Rc;

/// An expression in one precision.
type Written<T> = Rc<dyn Fn(Var<T>, Var<T>) -> Var<T>>;

/// (z, θ) ↦ F, T or f, in both precisions.
pub(crate) struct Expression {
    pub(crate) double: Written<f64>,
    pub(crate) single: Written<f32>,
}

/// An expression, written once; arrays that it holds are named first.
macro_rules! expression {
    ([$($array:ident),*] |$z:ident, $p:ident| $body:expr) => {
        $crate::case::Expression {
            double: {
                $(let $array = $array.clone();)*
                std::rc::Rc::new(move |$z: Var<f64>, $p: Var<f64>| $body)
            },
            single: {
                $(let $array = $array.clone();)*
                std::rc::Rc::new(move |$z: Var<f32>, $p: Var<f32>| $body)
            },
        }
    };
}
pub(crate) use expression;

/// An element type that cases run in.
pub(crate) trait Precision: Real {
    /// The machine epsilon.
    const ROUNDING: f64;
    /// The expression in this precision.
    fn of(e: &Expression) -> Written<Self>;
}
impl Precision for f64 {
    const ROUNDING: f64 = f64::EPSILON;
    fn of(e: &Expression) -> Written<f64> {
        e.double.clone()
    }
}
impl Precision for f32 {
    const ROUNDING: f64 = f32::EPSILON as f64;
    fn of(e: &Expression) -> Written<f32> {
        e.single.clone()
    }
}

/// A constant of an expression, in its precision.
pub(crate) fn array<T: Real, D: Dimension>(a: &Array<f64, D>) -> Var<T> {
    constant(&a.mapv(T::from_f64).into_shared())
}

/// Entry i of a vector, as a vector of one entry.
pub(crate) fn entry<T: Real>(v: Var<T>, i: usize) -> Var<T> {
    v.slice_axis(0, i, i + 1)
}

/// What the expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// F, whose root is z.
    Root,
    /// T, whose fixed point is z.
    FixedPoint,
    /// f, whose stationary point is z.
    Argmin,
}

/// θ, z(θ), and the Jacobians of F there: F, z − T or ∇f.
#[derive(Clone)]
pub(crate) struct Point {
    pub(crate) params: Vec<f64>,
    pub(crate) z: Vec<f64>,
    /// F_z.
    pub(crate) a: Array2<f64>,
    /// F_θ.
    pub(crate) b: Array2<f64>,
    /// The same on the other side of a kink that z lies on.
    pub(crate) other: Option<(Array2<f64>, Array2<f64>)>,
}

impl Point {
    pub(crate) fn new(params: &[f64], z: &[f64], a: Array2<f64>, b: Array2<f64>) -> Point {
        Point { params: params.to_vec(), z: z.to_vec(), a, b, other: None }
    }
}

/// One case.
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) expression: Expression,
    /// Replayed in one workspace, forth and back.
    pub(crate) points: Vec<Point>,
    /// The weights of z in reverse mode.
    pub(crate) cotangent: Vec<f64>,
    /// The direction of θ in forward mode.
    pub(crate) tangent: Vec<f64>,
    /// Bases of the null spaces of F_zᵀ and F_z, by columns, where F_z is singular.
    pub(crate) null: Option<[Array2<f64>; 2]>,
    /// dz/dθ in closed form, where there is one.
    pub(crate) jacobian: Option<Array2<f64>>,
    /// Whether single precision holds the numbers of the case.
    pub(crate) single: bool,
}

impl Case {
    pub(crate) fn new(kind: Kind, expression: Expression, points: Vec<Point>) -> Case {
        let (n, m) = (points[0].z.len(), points[0].params.len());
        let (cotangent, tangent) = (sym(42, n).to_vec(), sym(41, m).to_vec());
        Case { kind, expression, points, cotangent, tangent, null: None, jacobian: None, single: true }
    }
    /// One point.
    pub(crate) fn at(kind: Kind, expression: Expression, params: &[f64], z: &[f64], a: Array2<f64>, b: Array2<f64>) -> Case {
        Case::new(kind, expression, vec![Point::new(params, z, a, b)])
    }
    /// A z = S θ as any kind of problem: the root itself, the fixed point of z ↦ (I − A) z + S θ, the minimiser of ½ zᵀA z − zᵀS θ.
    pub(crate) fn linear(kind: Kind, a: Array2<f64>, s: Array2<f64>, params: &[f64]) -> Case {
        let z = System::new(&a, None).solve(s.dot(&Array1::from(params.to_vec())).as_slice().expect("a vector is contiguous"));
        Case::linear_at(kind, a, s, params, &z)
    }
    /// The same at a known solution.
    pub(crate) fn linear_at(kind: Kind, a: Array2<f64>, s: Array2<f64>, params: &[f64], z: &[f64]) -> Case {
        let map = Array2::eye(z.len()) - &a;
        let expression = match kind {
            Kind::Root => expression!([a, s] | z, p | array(&a).dot(z) - array(&s).dot(p)),
            Kind::FixedPoint => expression!([map, s] | z, p | array(&map).dot(z) + array(&s).dot(p)),
            Kind::Argmin => expression!([a, s] | z, p | 0.5 * z.dot(array(&a).dot(z)) - z.dot(array(&s).dot(p))),
        };
        Case::at(kind, expression, params, z, a, -s)
    }
    /// F_z is singular: bases of the null spaces of its transpose and of itself.
    pub(crate) fn singular(self, left: Array2<f64>, right: Array2<f64>) -> Case {
        Case { null: Some([left, right]), ..self }
    }
    /// Other weights of z.
    pub(crate) fn pulled_by(self, cotangent: &[f64]) -> Case {
        Case { cotangent: cotangent.to_vec(), ..self }
    }
    /// Another direction of θ.
    pub(crate) fn pushed_by(self, tangent: &[f64]) -> Case {
        Case { tangent: tangent.to_vec(), ..self }
    }
    /// dz/dθ in closed form, against which the reference is checked.
    pub(crate) fn known(self, jacobian: Array2<f64>) -> Case {
        Case { jacobian: Some(jacobian), ..self }
    }
    /// Numbers that single precision does not hold, or that its rounding of the point changes too much.
    pub(crate) fn double_only(self) -> Case {
        Case { single: false, ..self }
    }
}
