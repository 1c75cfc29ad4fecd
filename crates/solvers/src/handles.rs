//! Small operations on handles of any element type: what methods need beyond the operators.
use hypertape_autodiff::Site;
use hypertape_autodiff::array::{Kind, Real, Shape};
use hypertape_autodiff::ops::require::Condition;
use hypertape_autodiff::record::{self, DynVar, Scalar, Var, constant};
use hypertape_autodiff::tree::Vars;
use ndarray::Array1;

/// Shape of a handle; empty when its recording is not open.
pub(crate) fn shape(v: DynVar) -> Shape {
    v.leaf_type().map(|t| t.shape).unwrap_or_default()
}

/// Makes the recording fail with the reason why a handle is not one of its own, if there is such a handle.
pub(crate) fn known(op: &str, handles: &[DynVar], at: Site) {
    for v in handles.iter().filter(|v| v.leaf_type().is_none()) {
        record::apply(op, &[*v], at, |_, x| x[0]);
    }
}

/// A setting that satisfies a condition: an error about the setting `what` of `of` otherwise, now where it is fixed, else when it runs.
#[track_caller]
pub(crate) fn require<T: Real>(of: &str, what: &str, v: Var<T>, condition: Condition) -> Var<T> {
    Var::from_dyn(require_dyn(of, what, v.to_dyn(), condition))
}

/// [`require`] of any real element type.
#[track_caller]
pub(crate) fn require_dyn(of: &str, what: &str, v: DynVar, condition: Condition) -> DynVar {
    record::apply(of, &[v], Site::caller(), |b, x| b.require(x[0], condition, of, what))
}

/// A setting of a method, looked at when it runs if it is a variable; numbers are looked at by the method's own check.
#[track_caller]
pub(crate) fn setting(of: &str, what: &str, s: Scalar, condition: Condition) -> Scalar {
    match s {
        Scalar::Value(_) => s,
        Scalar::Var(v) => Scalar::Var(require_dyn(of, what, v, condition)),
    }
}

/// A number or variable as a double.
#[track_caller]
pub(crate) fn double(s: impl Into<Scalar>) -> Var {
    s.into().real()
}

/// A scalar in the element type of `like`.
#[track_caller]
pub(crate) fn like(s: Scalar, like: DynVar) -> DynVar {
    let at = Site::caller();
    let v = match s {
        Scalar::Value(x) => record::scalar::<f64>(x).to_dyn(),
        Scalar::Var(v) => v,
    };
    if v.kind() == like.kind() { v } else { record::apply("cast", &[v], at, |b, x| b.cast(x[0], like.kind())) }
}

/// `yes` where the scalar `test` is not 0, else `no`. What is not chosen may be NaN.
#[track_caller]
pub(crate) fn select(test: Var, yes: DynVar, no: DynVar) -> DynVar {
    record::apply("select", &[test.to_dyn(), yes, no], Site::caller(), |b, v| {
        let kind = b.kind(v[1]);
        let test = b.cast(v[0], kind);
        let shape = b.shape(v[1]);
        let test = b.broadcast_to(test, &shape);
        b.select(test, v[1], v[2])
    })
}

/// [`select`] leaf by leaf.
#[track_caller]
pub(crate) fn choose<W: Vars>(test: Var, yes: &W, no: &W) -> W {
    yes.zip(no, &mut |y, n| select(test, y, n))
}

/// The same elements under another shape.
#[track_caller]
pub(crate) fn reshape(v: DynVar, shape: &[usize]) -> DynVar {
    record::apply("reshape", &[v], Site::caller(), |b, x| b.reshape(x[0], shape))
}

/// Entries `from..from + n` of the leading axis.
#[track_caller]
pub(crate) fn rows(v: DynVar, from: usize, n: usize) -> DynVar {
    record::apply("slice", &[v], Site::caller(), |b, x| {
        let mut len = b.shape(x[0]);
        let rank = len.len();
        if let Some(first) = len.first_mut() {
            *first = n;
        }
        let mut start = vec![0; rank];
        if let Some(first) = start.first_mut() {
            *first = from;
        }
        b.slice(x[0], &start, &vec![1; rank], &len)
    })
}

/// Arrays one after another along the leading axis.
#[track_caller]
pub(crate) fn join(parts: &[DynVar]) -> DynVar {
    record::apply("concat", parts, Site::caller(), |b, v| b.concatenate(v, 0))
}

/// The counters `0..n`.
#[track_caller]
pub(crate) fn counters(n: usize) -> Var<u32> {
    constant(Array1::from_iter(0..n as u32))
}

/// Entry k of a vector, k traced.
#[track_caller]
pub(crate) fn entry(v: DynVar, k: Var<u32>) -> DynVar {
    record::apply("entry", &[v, k.to_dyn()], Site::caller(), |b, x| b.rows(x[0], x[1]))
}

/// aᵀb over all real leaves, in double precision.
#[track_caller]
pub(crate) fn products<W: Vars>(a: &W, b: &W) -> Var {
    let at = Site::caller();
    let mut total: Option<Var> = None;
    for (a, b) in a.flat().into_iter().zip(b.flat()).filter(|(a, _)| a.kind().is_real()) {
        let part = record::apply("inner", &[a, b], at, |m, v| {
            let (x, y) = (m.cast(v[0], Kind::F64), m.cast(v[1], Kind::F64));
            let xy = m.mul(x, y);
            m.sum_all(xy)
        });
        total = Some(total.map_or(Var::from_dyn(part), |t| t + Var::from_dyn(part)));
    }
    total.unwrap_or_else(|| record::scalar(0.0))
}

/// ‖w‖₂² over all real leaves, in double precision.
#[track_caller]
pub(crate) fn squares<W: Vars>(w: &W) -> Var {
    products(w, w)
}

/// ‖w‖₂ over all real leaves. Where squares would leave the range, the entries are divided by the largest one first.
#[track_caller]
pub(crate) fn norm<W: Vars>(w: &W) -> Var {
    let square = squares(w);
    let plain = record::scalar::<f64>(1e-280).less_than(square) * square.less_than(record::scalar(1e300));
    record::cond(plain, || square.sqrt(), || scaled_norm(w))
}

/// ‖w‖₂ to divide by, as a constant for derivatives: 1 where it is 0 or not finite.
#[track_caller]
pub(crate) fn divisor<W: Vars>(w: &W) -> Var {
    let n = record::stop_gradient(&norm(w));
    pick(record::scalar::<f64>(0.0).less_than(n) * at_most(n, record::scalar(f64::MAX)), n, record::scalar(1.0))
}

/// max |x| over all real leaves, in double precision; NaN where one is.
#[track_caller]
pub(crate) fn largest<W: Vars>(w: &W) -> Var {
    let at = Site::caller();
    w.flat().into_iter().filter(|v| v.kind().is_real() && !shape(*v).contains(&0)).fold(record::scalar::<f64>(0.0), |most, v| {
        most.max(Var::from_dyn(record::apply("norm", &[v], at, |b, x| {
            let x = b.cast(x[0], Kind::F64);
            let axes: Vec<usize> = (0..b.shape(x).len()).collect();
            b.norm_max(x, &axes)
        })))
    })
}

#[track_caller]
fn scaled_norm<W: Vars>(w: &W) -> Var {
    let at = Site::caller();
    let largest = largest(w);
    let some = record::scalar::<f64>(0.0).less_than(largest) * at_most(largest, record::scalar(f64::MAX));
    let scale = record::stop_gradient(&pick(some, largest, record::scalar(1.0)));
    let unit = |v: DynVar| {
        if v.kind().is_real() {
            record::apply("norm", &[v, scale.to_dyn()], at, |b, x| {
                let y = b.cast(x[0], Kind::F64);
                let by = b.broadcast_to(x[1], &b.shape(y));
                b.div(y, by)
            })
        } else {
            v
        }
    };
    let units: Vec<DynVar> = w.flat().into_iter().map(unit).collect();
    scale * squares(&units).sqrt()
}

/// √(a² + b²), element by element, with squares of quotients by the larger one. At 0, 0 its derivative is 0 by convention, as that of √.
#[track_caller]
pub(crate) fn hypot(a: DynVar, b: DynVar) -> DynVar {
    record::apply("hypot", &[a, b], Site::caller(), |m, v| {
        let b = m.broadcast_to(v[1], &m.shape(v[0]));
        let (p, q) = (m.abs(v[0]), m.abs(b));
        let largest = m.maximum(p, q);
        let largest = m.stop_gradient(largest);
        let one = m.full_like(largest, 1.0);
        let scale = m.select(largest, largest, one);
        let (p, q) = (m.div(v[0], scale), m.div(b, scale));
        let (p, q) = (m.square(p), m.square(q));
        let sum = m.add(p, q);
        let root = m.sqrt(sum);
        m.mul(scale, root)
    })
}

/// [`select`] of two numbers.
#[track_caller]
pub(crate) fn pick(test: Var, yes: Var, no: Var) -> Var {
    Var::from_dyn(select(test, yes.to_dyn(), no.to_dyn()))
}

/// The machine epsilon of the coarsest leaf.
pub(crate) fn epsilon<W: Vars>(w: &W) -> f64 {
    if w.flat().iter().any(|v| v.kind() == Kind::F32) { f64::from(f32::EPSILON) } else { f64::EPSILON }
}

/// 1 where a ≤ b, both finite.
#[track_caller]
pub(crate) fn at_most(a: Var, b: Var) -> Var {
    1.0 - b.less_than(a)
}

/// All leaves of a structure as one vector, in the element type of the first: what methods with a history work on.
#[track_caller]
pub(crate) fn ravel<W: Vars>(w: &W) -> DynVar {
    let flat = w.flat();
    let kind = flat.first().map_or(Kind::F64, |v| v.kind());
    record::apply("ravel", &flat, Site::caller(), |b, v| {
        let parts: Vec<_> = v
            .iter()
            .map(|x| {
                let n = b.shape(*x).iter().product();
                let x = b.reshape(*x, &[n]);
                b.cast(x, kind)
            })
            .collect();
        if let [one] = parts[..] { one } else { b.concatenate(&parts, 0) }
    })
}

/// The structure of `like` from one vector: the inverse of [`ravel`].
#[track_caller]
pub(crate) fn unravel<W: Vars>(v: DynVar, like: &W) -> W {
    let at = Site::caller();
    let mut from = 0;
    like.map(&mut |l| {
        let (shape, start) = (shape(l), from);
        let n: usize = shape.iter().product();
        from += n;
        record::apply("unravel", &[v], at, |b, x| {
            let part = b.slice(x[0], &[start], &[1], &[n]);
            let part = b.reshape(part, &shape);
            b.cast(part, l.kind())
        })
    })
}
