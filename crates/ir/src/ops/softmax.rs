//! logsumexp, softmax and log-softmax, without overflow: composed of simpler operations, whose rules give the exact derivatives.
//!
//! With m the largest element, which is not differentiated because the result does not depend on it: e = exp(x − m), s = Σe,
//! logsumexp = m + ln s, softmax = e/s. The derivative of logsumexp is softmax. An element −∞ counts for nothing. Where all elements are
//! −∞, and where there are none, logsumexp is −∞, softmax is 0, log-softmax is −∞, and derivatives are finite: 0 for the first two.
//! An element +∞ gives logsumexp +∞ and no derivative (NaN).
use crate::operation::{Builder, Value};

/// What the three share; all but `e` lack the axes.
struct Exponentials {
    /// The largest element, or 0 where there is no finite one.
    m: Value,
    /// exp(x − m).
    e: Value,
    /// Whether all elements are −∞.
    nothing: Value,
    /// Σe, or 1 where it is 0: no slope is infinite.
    s: Value,
}

impl Builder {
    fn exponentials(&mut self, a: Value, axes: &[usize]) -> Exponentials {
        let shape = self.shape(a);
        let m = self.max(a, axes);
        let m = self.stop_gradient(m);
        // −∞ − (−∞) would be NaN.
        let size = self.abs(m);
        let infinity = self.full_like(m, f64::INFINITY);
        let (zero, one) = (self.full_like(m, 0.0), self.full_like(m, 1.0));
        let infinite = self.equal(size, infinity);
        let m = self.select(infinite, zero, m);
        let away = self.unsum(m, &shape, axes);
        let d = self.sub(a, away);
        let e = self.exp(d);
        let s = self.sum(e, axes);
        let nothing = self.equal(s, zero);
        Exponentials { m, e, nothing, s: self.select(nothing, one, s) }
    }
    /// ln Σ eˣ over some axes, which the result lacks.
    pub fn logsumexp(&mut self, a: Value, axes: &[usize]) -> Value {
        let shape = self.shape(a);
        if axes.iter().any(|axis| shape.get(*axis) == Some(&0)) {
            // ln 0, and no mask.
            let s = self.sum(a, axes);
            return self.ln(s);
        }
        let x = self.exponentials(a, axes);
        let l = self.ln(x.s);
        let y = self.add(x.m, l);
        let none = self.full_like(y, f64::NEG_INFINITY);
        self.select(x.nothing, none, y)
    }
    /// eˣ / Σ eˣ over some axes.
    pub fn softmax(&mut self, a: Value, axes: &[usize]) -> Value {
        let shape = self.shape(a);
        let x = self.exponentials(a, axes);
        let r = self.recip(x.s);
        let r = self.unsum(r, &shape, axes);
        self.mul(x.e, r)
    }
    /// x − ln Σ eˣ over some axes.
    pub fn log_softmax(&mut self, a: Value, axes: &[usize]) -> Value {
        let shape = self.shape(a);
        let x = self.exponentials(a, axes);
        let l = self.ln(x.s);
        let l = self.add(x.m, l);
        let l = self.unsum(l, &shape, axes);
        self.sub(a, l)
    }
}
