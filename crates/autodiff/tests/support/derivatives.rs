//! Every check of a program's derivatives: differences, the transpose identity, masks, second derivatives four ways, linearization.
use super::{directions, flat, inner, largest, masked, quick, real, run, unflat};
use hypertape_autodiff::array::{AnyArray, LeafType};
use hypertape_autodiff::operation::Program;
use hypertape_autodiff::transform::{self, jvp, linearize, vjp};
use hypertape_testkit::differences::{self, assert_close};

/// What is checked, and how closely.
#[derive(Clone, Copy)]
pub(crate) struct Check {
    /// Size of intermediate values against that of the results: tolerances of rounding grow with it.
    pub(crate) growth: f64,
    /// Size of the seventh derivative over 322560, and of intermediate values, against that of the results: tolerances of differences
    /// grow with it.
    pub(crate) roughness: f64,
    /// The step of differences, against the usual one: the distance within which the function is analytic.
    pub(crate) reach: f64,
    /// Unit roundoff of the element type.
    pub(crate) eps: f64,
    /// Whether to compare with differences.
    pub(crate) exact: bool,
    /// Whether to check second derivatives.
    pub(crate) second: bool,
}

impl Default for Check {
    fn default() -> Self {
        Check { growth: 1e2, roughness: 1e3, reach: 1.0, eps: f64::EPSILON, exact: true, second: true }
    }
}

/// A program's derivatives at a point, with what they are compared to.
struct Case<'a> {
    program: &'a Program,
    at: &'a [AnyArray],
    check: Check,
    /// The inputs and outputs that have derivatives.
    active: Vec<bool>,
    wanted: Vec<bool>,
    v: Vec<AnyArray>,
    w: Vec<AnyArray>,
    ybar: Vec<AnyArray>,
}

/// Checks all derivatives of a program of double or single precision at a point.
#[track_caller]
pub(crate) fn check(program: &Program, at: &[AnyArray], check: Check) {
    let (inputs, outputs) = (program.input_types(), program.output_types());
    let (active, wanted) = (real(&inputs), real(&outputs));
    let case = Case {
        program,
        at,
        check,
        v: directions(&inputs, &active, 1),
        w: directions(&inputs, &active, 2),
        ybar: directions(&outputs, &wanted, 3),
        active,
        wanted,
    };
    case.values();
    let (jv, xbar) = case.first();
    case.masks(&jv, &xbar);
    case.linear(&jv, &xbar);
    if check.second {
        case.second();
    }
}

fn all(n: usize) -> Vec<bool> {
    vec![true; n]
}

fn tail(program: &Program, inputs: &[AnyArray], from: usize) -> Vec<AnyArray> {
    run(program, inputs).split_off(from)
}

impl Case<'_> {
    /// The tolerance of two ways to compute numbers of this size from `terms` terms.
    fn rounding(&self, scale: f64, terms: usize) -> f64 {
        4.0 * self.check.eps * self.check.growth * (terms.max(1) as f64) * (1.0 + scale)
    }
    fn size(&self) -> usize {
        flat(self.at).len().max(flat(&self.ybar).len()).max(1)
    }
    #[track_caller]
    fn same(&self, what: &str, a: &[AnyArray], b: &[AnyArray]) {
        assert_close(what, &flat(a), &flat(b), self.rounding(largest(b), self.size()));
    }
    fn given(&self, more: &[&[AnyArray]]) -> Vec<AnyArray> {
        self.at.iter().cloned().chain(more.iter().flat_map(|m| m.iter().cloned())).collect()
    }
    /// Differences of `program` (outputs from `from` on) along `v`, which moves the active ones of the first inputs.
    #[track_caller]
    fn differences(&self, what: &str, program: &Program, from: usize, rest: &[AnyArray], v: &[AnyArray], found: &[AnyArray]) {
        let types: Vec<LeafType> = masked(&program.input_types()[..self.active.len()], &self.active);
        let f = |x: &[f64]| {
            let mut moved = unflat(&types, x).into_iter();
            let mut given: Vec<AnyArray> =
                self.at.iter().zip(&self.active).map(|(x, a)| if *a { moved.next().expect("one for each") } else { x.clone() }).collect();
            given.extend(rest.iter().cloned());
            let made = quick(program, &given).split_off(from);
            flat(&made.into_iter().filter(|y| y.kind().is_real()).collect::<Vec<_>>())
        };
        let (x, v) = (flat(&masked(self.at, &self.active)), flat(v));
        let step = differences::STEP * self.check.reach;
        let y = f(&x).iter().fold(0.0, |m: f64, y| m.max(y.abs()));
        let expected = differences::jvp_with(f, &x, &v, step);
        let scale = x.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
        let tolerance = self.check.roughness * differences::tolerance(1, scale + y + largest(found), step);
        assert_close(what, &flat(found), &expected, tolerance);
    }
    fn values(&self) {
        let plain = run(self.program, self.at);
        let simple = transform::simplify(self.program).unwrap_or_else(|e| panic!("{e}"));
        self.same("simplify", &run(&simple, self.at), &plain);
        let live = transform::dead_code(self.program).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(run(&live, self.at), plain, "dead code");
        for k in 0..plain.len() {
            let one = transform::select(self.program, &[k]).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(run(&one, self.at), plain[k..=k], "dead code, all but output {k}");
        }
    }
    fn first(&self) -> (Vec<AnyArray>, Vec<AnyArray>) {
        let n = self.wanted.len();
        let forward = jvp(self.program, &self.active, &self.wanted).unwrap_or_else(|e| panic!("{e}"));
        let mut jv = run(&forward, &self.given(&[&self.v]));
        let values = jv.drain(..n).collect::<Vec<_>>();
        self.same("jvp's values", &values, &run(self.program, self.at));
        if self.check.exact && self.check.eps == f64::EPSILON {
            self.differences("jvp against differences", self.program, 0, &[], &self.v, &jv);
        }
        let backward = vjp(self.program, &self.active, &self.wanted).unwrap_or_else(|e| panic!("{e}"));
        let mut xbar = run(&backward, &self.given(&[&self.ybar]));
        let values = xbar.drain(..n).collect::<Vec<_>>();
        self.same("vjp's values", &values, &run(self.program, self.at));
        self.transposed("vjp against jvp", &self.v, &jv, &self.ybar, &xbar);
        (jv, xbar)
    }
    /// ⟨ȳ, J v⟩ = ⟨Jᵀ ȳ, v⟩.
    #[track_caller]
    fn transposed(&self, what: &str, v: &[AnyArray], jv: &[AnyArray], ybar: &[AnyArray], xbar: &[AnyArray]) {
        let ((a, size_a), (b, size_b)) = (inner(ybar, jv), inner(xbar, v));
        assert_close(what, &[a], &[b], self.rounding(size_a.max(size_b), self.size()));
    }
    /// One active input, or one seeded output, at a time: the parts add up to the whole.
    fn masks(&self, jv: &[AnyArray], xbar: &[AnyArray]) {
        let n = self.wanted.len();
        let only = |mask: &[bool], k: usize| -> Vec<bool> { (0..mask.len()).map(|i| i == k && mask[i]).collect() };
        let ones = |mask: &[bool]| -> Vec<usize> { (0..mask.len()).filter(|i| mask[*i]).collect() };
        let mut sum = vec![0.0; flat(jv).len()];
        for (j, k) in ones(&self.active).into_iter().enumerate() {
            let p = jvp(self.program, &only(&self.active, k), &self.wanted).unwrap_or_else(|e| panic!("{e}"));
            let part = flat(&tail(&p, &self.given(&[&self.v[j..=j]]), n));
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
            let p = vjp(self.program, &only(&self.active, k), &self.wanted).unwrap_or_else(|e| panic!("{e}"));
            self.same(&format!("vjp for input {k} alone"), &tail(&p, &self.given(&[&self.ybar]), n), &xbar[j..=j]);
        }
        assert_close("jvp by inputs", &sum, &flat(jv), self.rounding(largest(jv), self.size()));
        let mut sum = vec![0.0; flat(xbar).len()];
        for (j, k) in ones(&self.wanted).into_iter().enumerate() {
            let p = vjp(self.program, &self.active, &only(&self.wanted, k)).unwrap_or_else(|e| panic!("{e}"));
            let part = flat(&tail(&p, &self.given(&[&self.ybar[j..=j]]), n));
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
            let p = jvp(self.program, &self.active, &only(&self.wanted, k)).unwrap_or_else(|e| panic!("{e}"));
            self.same(&format!("jvp for output {k} alone"), &tail(&p, &self.given(&[&self.v]), n), &jv[j..=j]);
        }
        assert_close("vjp by outputs", &sum, &flat(xbar), self.rounding(largest(xbar), self.size()));
    }
    /// `linearize` divides the jvp, and the transpose of its linear part is the vjp.
    fn linear(&self, jv: &[AnyArray], xbar: &[AnyArray]) {
        let parts = linearize(self.program, &self.active, &self.wanted).unwrap_or_else(|e| panic!("{e}"));
        let mut made = run(&parts.primal, self.at);
        let residuals = made.split_off(self.wanted.len());
        self.same("linearize's values", &made, &run(self.program, self.at));
        assert_eq!(residuals.len(), parts.residuals);
        let apply = |v: &[AnyArray]| run(&parts.linear, &[&residuals, v].concat());
        self.same("linear part", &apply(&self.v), jv);
        let n = residuals.len();
        let tangents: Vec<bool> = (0..parts.linear.inputs.len()).map(|i| i >= n).collect();
        let back = vjp(&parts.linear, &tangents, &all(parts.linear.outputs.len())).unwrap_or_else(|e| panic!("{e}"));
        let back = transform::select(&back, &(parts.linear.outputs.len()..back.outputs.len()).collect::<Vec<_>>());
        let back = back.unwrap_or_else(|e| panic!("{e}"));
        let reads_tangents = back.equations.iter().flat_map(|e| &e.inputs).chain(&back.outputs);
        let own: Vec<_> = back.inputs[n..n + self.v.len()].to_vec();
        assert!(!reads_tangents.into_iter().any(|v| own.contains(v)), "a linear rule reads its linear input\n{back}");
        let given = [&residuals, &self.v[..], &self.ybar].concat();
        self.same("transpose of the linear part", &run(&back, &given), xbar);
    }
    /// H v of x ↦ ⟨ȳ, f(x)⟩ as jvp of vjp, vjp of vjp, vjp of jvp and by differences; symmetric.
    fn second(&self) {
        let (n, k) = (self.wanted.len(), self.v.len());
        let gradient = vjp(self.program, &self.active, &self.wanted).unwrap_or_else(|e| panic!("{e}"));
        let gradient = transform::select(&gradient, &(n..n + k).collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{e}"));
        let point = |rest: usize| -> Vec<bool> { self.active.iter().copied().chain(vec![false; rest]).collect() };
        let forward = jvp(&gradient, &point(self.ybar.len()), &all(k)).unwrap_or_else(|e| panic!("{e}"));
        let hessian = |v: &[AnyArray]| tail(&forward, &self.given(&[&self.ybar, v]), k);
        let (hv, hw) = (hessian(&self.v), hessian(&self.w));
        if self.check.exact && self.check.eps == f64::EPSILON {
            self.differences("jvp of vjp against differences", &gradient, 0, &self.ybar, &self.v, &hv);
        }
        self.transposed("symmetry of the second derivative", &self.w, &hw, &self.v, &hv);
        let reverse = vjp(&gradient, &point(self.ybar.len()), &all(k)).unwrap_or_else(|e| panic!("{e}"));
        self.same("vjp of vjp", &tail(&reverse, &self.given(&[&self.ybar, &self.v]), k), &hv);
        let tangent = jvp(self.program, &self.active, &self.wanted).unwrap_or_else(|e| panic!("{e}"));
        let tangent = transform::select(&tangent, &(n..n + self.ybar.len()).collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{e}"));
        let m = self.ybar.len();
        let mixed = vjp(&tangent, &point(k), &all(m)).unwrap_or_else(|e| panic!("{e}"));
        self.same("vjp of jvp", &tail(&mixed, &self.given(&[&self.v, &self.ybar]), m), &hv);
        let twice = jvp(&tangent, &point(k), &all(m)).unwrap_or_else(|e| panic!("{e}"));
        let along = tail(&twice, &self.given(&[&self.v, &self.w]), m);
        self.transposed("jvp of jvp", &self.w, &along, &self.ybar, &hv);
    }
}
