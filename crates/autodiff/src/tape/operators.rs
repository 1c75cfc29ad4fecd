//! Operators between variables and numbers, with broadcasting as in NumPy.
use super::handle::DynVar;
use super::literals::literal;
use super::recording;
use super::var::Var;
use crate::array::{Element, Kind, Real, Shape};
use crate::error::Site;
use crate::operation::{Builder, Value};
use std::ops::{Add, Div, Mul, Neg, Rem, Sub};

/// Two operands at their common shape: trailing axes are aligned, an axis of length 1 repeats. Mismatches are left to the operation.
pub(crate) fn broadcast_pair(b: &mut Builder, x: Value, y: Value) -> (Value, Value) {
    let (s, t) = (b.shape(x), b.shape(y));
    if s == t {
        return (x, y);
    }
    let rank = s.len().max(t.len());
    let axis = |shape: &Shape, i: usize| if i + shape.len() < rank { 1 } else { shape[i + shape.len() - rank] };
    let common: Option<Shape> = (0..rank)
        .map(|i| match (axis(&s, i), axis(&t, i)) {
            (m, n) if m == n => Some(m),
            (1, n) => Some(n),
            (m, 1) => Some(m),
            _ => None,
        })
        .collect();
    match common {
        Some(c) => (b.broadcast_to(x, &c), b.broadcast_to(y, &c)),
        None => (x, y),
    }
}

/// Applies a binary emitter to operands at their common shape.
pub(crate) fn binary(op: &str, x: DynVar, y: DynVar, at: Site, f: impl FnOnce(&mut Builder, Value, Value) -> Value) -> DynVar {
    recording::apply(op, &[x, y], at, |b, v| {
        let (x, y) = broadcast_pair(b, v[0], v[1]);
        f(b, x, y)
    })
}

impl DynVar {
    /// self + rhs.
    pub(crate) fn add_at(self, rhs: DynVar, at: Site) -> DynVar {
        binary("add", self, rhs, at, Builder::add)
    }
    /// self − rhs.
    pub(crate) fn sub_at(self, rhs: DynVar, at: Site) -> DynVar {
        binary("sub", self, rhs, at, Builder::sub)
    }
    /// self · rhs.
    pub(crate) fn mul_at(self, rhs: DynVar, at: Site) -> DynVar {
        binary("mul", self, rhs, at, Builder::mul)
    }
    /// Σ of all elements.
    pub(crate) fn sum_at(self, at: Site) -> DynVar {
        recording::apply("sum", &[self], at, |b, v| b.sum_all(v[0]))
    }
    /// As another element type.
    pub(crate) fn cast_to_at(self, kind: Kind, at: Site) -> DynVar {
        if self.kind() == kind { self } else { recording::apply("cast", &[self], at, |b, v| b.cast(v[0], kind)) }
    }
    /// As the element type of another variable.
    pub(crate) fn cast_like(self, other: DynVar, at: Site) -> DynVar {
        self.cast_to_at(other.kind(), at)
    }
}

macro_rules! operators {
    ($($tr:ident $m:ident)*) => { $(
        impl<T: Element> $tr for Var<T> {
            type Output = Var<T>;
            #[track_caller]
            fn $m(self, rhs: Var<T>) -> Var<T> {
                Var::from_dyn(binary(stringify!($m), self.to_dyn(), rhs.to_dyn(), Site::caller(), Builder::$m))
            }
        }
        impl<T: Real> $tr<f64> for Var<T> {
            type Output = Var<T>;
            #[track_caller]
            fn $m(self, rhs: f64) -> Var<T> {
                let at = Site::caller();
                Var::from_dyn(binary(stringify!($m), self.to_dyn(), literal(rhs, T::KIND, at), at, Builder::$m))
            }
        }
        impl<T: Real> $tr<Var<T>> for f64 {
            type Output = Var<T>;
            #[track_caller]
            fn $m(self, rhs: Var<T>) -> Var<T> {
                let at = Site::caller();
                Var::from_dyn(binary(stringify!($m), literal(self, T::KIND, at), rhs.to_dyn(), at, Builder::$m))
            }
        }
        impl $tr<u32> for Var<u32> {
            type Output = Var<u32>;
            #[track_caller]
            fn $m(self, rhs: u32) -> Var<u32> {
                let at = Site::caller();
                Var::from_dyn(binary(stringify!($m), self.to_dyn(), literal(f64::from(rhs), Kind::U32, at), at, Builder::$m))
            }
        }
        impl $tr for DynVar {
            type Output = DynVar;
            /// The right operand is converted to the element type of the left one.
            #[track_caller]
            fn $m(self, rhs: DynVar) -> DynVar {
                let at = Site::caller();
                binary(stringify!($m), self, rhs.cast_like(self, at), at, Builder::$m)
            }
        }
    )* };
}
operators!(Add add Sub sub Mul mul Div div Rem rem);

impl<T: Real> Neg for Var<T> {
    type Output = Var<T>;
    #[track_caller]
    fn neg(self) -> Var<T> {
        Var::from_dyn(recording::apply("neg", &[self.to_dyn()], Site::caller(), |b, v| b.neg(v[0])))
    }
}
