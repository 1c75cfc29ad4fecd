//! Numbers with exact derivatives: a value, its slopes in two directions, and its mixed second derivative.
//!
//! All arithmetic goes through [`Arithmetic`], which can disturb every result by a relative error of the size of rounding (stochastic
//! arithmetic; Vignes 1993), so that a program shows how much rounding it lets through.

/// value + first·ε₁ + second·ε₂ + mixed·ε₁ε₂ with ε₁² = ε₂² = 0 (hyper-dual numbers; Fike and Alonso 2011).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Jet {
    /// The value.
    pub v: f64,
    /// Slope in the first direction.
    pub a: f64,
    /// Slope in the second direction.
    pub b: f64,
    /// Second derivative along both.
    pub ab: f64,
}

impl Jet {
    /// A number without slopes.
    pub fn number(v: f64) -> Jet {
        Jet { v, ..Jet::default() }
    }
    /// The four parts.
    pub fn parts(self) -> [f64; 4] {
        [self.v, self.a, self.b, self.ab]
    }
    /// Whether all parts are finite.
    pub fn is_finite(self) -> bool {
        self.parts().iter().all(|p| p.is_finite())
    }
}

/// A sum without rounding of its own to speak of (Neumaier 1974), disturbed like other sums.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Total {
    sum: Jet,
    rest: Jet,
}

impl Total {
    /// One more term.
    pub(super) fn add(&mut self, cx: &mut Arithmetic, x: Jet) {
        let before = self.sum;
        if cx.noise > 0.0 {
            self.sum = cx.add(before, x);
            return;
        }
        let part = |s: f64, x: f64, rest: f64| {
            let t = s + x;
            let lost = if s.abs() >= x.abs() { (s - t) + x } else { (x - t) + s };
            (t, if lost.is_finite() { rest + lost } else { rest })
        };
        let r = self.rest;
        let [(v, p), (a, q), (b, t), (ab, u)] =
            [part(before.v, x.v, r.v), part(before.a, x.a, r.a), part(before.b, x.b, r.b), part(before.ab, x.ab, r.ab)];
        (self.sum, self.rest) = (Jet { v, a, b, ab }, Jet { v: p, a: q, b: t, ab: u });
    }
    /// The sum.
    pub(super) fn done(self) -> Jet {
        let (s, r) = (self.sum, self.rest);
        Jet { v: s.v + r.v, a: s.a + r.a, b: s.b + r.b, ab: s.ab + r.ab }
    }
}

/// How one evaluation computes.
#[derive(Debug, Clone)]
pub struct Arithmetic {
    /// The relative error that is added to every result; 0 for none.
    pub noise: f64,
    /// Whether numbers of the program are rounded to single precision.
    pub single: bool,
    /// A digest of all comparisons: two evaluations that differ in it went different ways.
    pub decisions: u64,
    /// The largest size of a finite part of any result.
    pub largest: f64,
    /// What was met that a program may refuse: a singular matrix, an index out of range, something not finite.
    pub trouble: Option<String>,
    /// Whether a number has a function's value but no finite derivative of first or second order: √ at 0, asin at 1.
    pub convention: bool,
    /// Whether a slope was taken by convention: that of √ at 0, which a composition such as (√u)² has by itself.
    pub root: bool,
    /// Whether a number lies on a kink between two smooth pieces: |x| at 0, a tie.
    pub kink: bool,
    seed: u64,
    state: u64,
    signs: u64,
    left: u32,
}

impl Arithmetic {
    /// Undisturbed.
    pub fn exact(single: bool) -> Arithmetic {
        Arithmetic {
            noise: 0.0,
            single,
            decisions: 0,
            largest: 0.0,
            trouble: None,
            convention: false,
            root: false,
            kink: false,
            seed: 0,
            state: 0,
            signs: 0,
            left: 0,
        }
    }
    /// With disturbances that depend on a seed.
    pub fn disturbed(single: bool, noise: f64, seed: u64) -> Arithmetic {
        Arithmetic { noise, seed, state: seed, ..Arithmetic::exact(single) }
    }
    /// Keeps the first trouble.
    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if self.trouble.is_none() {
            self.trouble = Some(what());
        }
    }
    /// A decision that the program takes.
    pub fn decide(&mut self, way: bool) -> bool {
        self.decisions = self.decisions.wrapping_mul(0x0100_0000_01B3).wrapping_add(1 + u64::from(way));
        way
    }
    /// The point lies on a kink.
    pub fn on_kink(&mut self, on: bool) {
        self.kink |= on;
    }
    /// A whole number that the program comes to.
    pub fn whole(&mut self, v: f64) -> f64 {
        self.decisions = self.decisions.wrapping_mul(0x0100_0000_01B3).wrapping_add(v.to_bits());
        v
    }
    /// A number of the program in its precision.
    pub fn literal(&self, v: f64) -> f64 {
        if self.single { f64::from(v as f32) } else { v }
    }
    fn shake(&mut self, v: f64) -> f64 {
        if self.noise == 0.0 {
            return v;
        }
        if self.left == 0 {
            self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            self.signs = hypertape_testkit::random::bits(self.state, 0);
            self.left = 64;
        }
        let sign = if self.signs & 1 == 1 { self.noise } else { -self.noise };
        (self.signs, self.left) = (self.signs >> 1, self.left - 1);
        v + v * sign
    }
    /// A result, disturbed in all its parts.
    fn rounded(&mut self, x: Jet) -> Jet {
        if self.noise == 0.0 {
            return x;
        }
        Jet { v: self.shake(x.v), a: self.shake(x.a), b: self.shake(x.b), ab: self.shake(x.ab) }
    }
    /// x + y.
    pub fn add(&mut self, x: Jet, y: Jet) -> Jet {
        self.rounded(Jet { v: x.v + y.v, a: x.a + y.a, b: x.b + y.b, ab: x.ab + y.ab })
    }
    /// x − y.
    pub fn sub(&mut self, x: Jet, y: Jet) -> Jet {
        self.rounded(Jet { v: x.v - y.v, a: x.a - y.a, b: x.b - y.b, ab: x.ab - y.ab })
    }
    /// −x.
    pub fn neg(&self, x: Jet) -> Jet {
        Jet { v: -x.v, a: -x.a, b: -x.b, ab: -x.ab }
    }
    /// x·y.
    pub fn mul(&mut self, x: Jet, y: Jet) -> Jet {
        let a = self.shake(x.v * y.a) + self.shake(x.a * y.v);
        let b = self.shake(x.v * y.b) + self.shake(x.b * y.v);
        let own = self.shake(x.v * y.ab) + self.shake(x.ab * y.v);
        let ab = own + self.shake(x.a * y.b) + self.shake(x.b * y.a);
        self.rounded(Jet { v: x.v * y.v, a, b, ab })
    }
    /// x·s for a number s.
    pub fn scale(&mut self, x: Jet, s: f64) -> Jet {
        self.rounded(Jet { v: x.v * s, a: x.a * s, b: x.b * s, ab: x.ab * s })
    }
    /// x / y.
    pub fn div(&mut self, x: Jet, y: Jet) -> Jet {
        let r = 1.0 / y.v;
        let q = x.v * r;
        let inverse = self.chain(y, r, -r * r, 2.0 * r * r * r);
        let mut made = self.mul(x, inverse);
        // The value as one division.
        if self.noise == 0.0 {
            made.v = if q.is_nan() { q } else { x.v / y.v };
        }
        made
    }
    /// f(x) from the value and the first two derivatives of f.
    pub fn chain(&mut self, x: Jet, f: f64, first: f64, second: f64) -> Jet {
        self.chain_within(x, f, first, second, 0.0)
    }
    /// As [`chain`](Self::chain), where the derivatives of f are known to an absolute error of `loose` units of rounding only, because they
    /// are computed from values of f near which they cancel.
    pub fn chain_within(&mut self, x: Jet, f: f64, first: f64, second: f64, loose: f64) -> Jet {
        // The error of a function is the same wherever its argument is, so it adds up over equal elements.
        let (mut f, mut first, mut second) = (f, first, second);
        if self.noise > 0.0 {
            let ways = hypertape_testkit::random::bits(self.seed, x.v.to_bits());
            let way = |k: u32| if ways >> k & 1 == 1 { self.noise } else { -self.noise };
            f += f * way(0);
            first += first * way(1) + loose * way(2);
            second += second * way(3) + loose * way(4);
        }
        self.convention |= x.v.is_finite() && !(first.is_finite() && second.is_finite());
        // A slope of 0 wins over one that is infinite, and the other way round.
        let times = |p: f64, q: f64| if p == 0.0 || q == 0.0 { 0.0 } else { p * q };
        let ab = times(first, x.ab) + times(second, times(x.a, x.b));
        self.rounded(Jet { v: f, a: times(first, x.a), b: times(first, x.b), ab })
    }
    /// Sees a result: how large it is, and whether it is finite.
    pub fn see(&mut self, x: Jet, what: &dyn std::fmt::Debug) {
        for p in x.parts() {
            // Single precision ends at 3.4e38.
            let ends = if self.single { 1e37 } else { 1e300 };
            if p.abs() < ends {
                self.largest = self.largest.max(p.abs());
            } else {
                self.note(|| format!("{p} out of {what:?}"));
            }
        }
    }
}
