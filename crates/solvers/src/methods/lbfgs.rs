//! Limited-memory BFGS.
use super::extra_pairs::{due, gradient_by_a_parameter};
use super::gradient_descent::descend;
use super::line_search::{Line, at_rest, weak_wolfe};
use super::{alike, holds_its_problem, rest};
use crate::handles::{divisor, join, like, norm, pick, products, ravel, reshape, rows, select, shape, squares, unravel};
use crate::limits::Limits;
use crate::method::Method;
use crate::problem::{AsProblem, Smooth, asked};
use hypertape_autodiff::ErrorKind;
use hypertape_autodiff::Site;
use hypertape_autodiff::array::LeafType;
use hypertape_autodiff::record::{self, DynVar, Scalar, Var, cond, scalar, stop_gradient, zeros_like};
use hypertape_autodiff::tree::{AnyLeaf, Leaf, V, Vars};

/// Limited-memory BFGS (Liu and Nocedal 1989): z ← z − t H g, with H the two-loop product over the last m pairs s = z⁺ − z, y = g⁺ − g.
///
/// Stopping measure: ‖∇f‖. A pair enters when sᵀy > 10⁻¹⁰ ‖s‖‖y‖, so H stays positive definite. The step t
/// satisfies the weak Wolfe conditions (Lewis and Overton 2013) up to the rounding of f. Unrolled, the derivative is that of the accepted
/// steps: t and the choice of pairs do not change with small changes of the problem. A step shorter than the rounding of z is not made; unrolled, it
/// leaves z where it is and moves its derivative by (∇²f)⁻¹∇f (conjugate gradients on Hessian-vector products), so the derivative becomes that of the solution.
///
/// **Second derivatives** of the steps before do not come near those of the solution, however good the solution is: H changes with the parameters as
/// fast as the gradient vanishes. Those of an unrolled solve are therefore an error unless it comes to rest, where two or three more steps
/// make them those of the solution; [`second_derivatives_of_steps`](Lbfgs::second_derivatives_of_steps) allows them everywhere. Differentiate implicitly otherwise.
///
/// ```
/// use hypertape_autodiff::{Function, shape, Site};
/// use hypertape_solvers::{Lbfgs, Method, Solve};
/// let rosenbrock = Function::record((shape![2], shape![]), |(z, a)| {
///     let (x, y) = (z.dot(hypertape_autodiff::record::constant(ndarray::arr1(&[1.0, 0.0]))), z.dot(hypertape_autodiff::record::constant(ndarray::arr1(&[0.0, 1.0]))));
///     (1.0 - x) * (1.0 - x) + a * (y - x * x) * (y - x * x)
/// })?;
/// let solved = Lbfgs::new(&rosenbrock).solve(&ndarray::arr1(&[-1.2, 1.0]), 100.0)?;
/// assert!(solved.report.converged && (solved.solution[[1]] - 1.0).abs() < 1e-6);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Lbfgs<Q> {
    problem: Q,
    memory: usize,
    /// Steps from one extra pair to the next, where there are some.
    extra: Option<usize>,
    twice: bool,
    limits: Limits,
}

impl<Q: Smooth> Lbfgs<Q> {
    /// Of an objective of (z, parameters), with 10 pairs.
    #[must_use]
    #[track_caller]
    pub fn new(problem: &impl AsProblem<Problem = Q>) -> Self {
        Lbfgs { problem: problem.problem(), memory: 10, extra: None, twice: false, limits: Limits::default() }
    }
    /// The number of pairs m.
    #[must_use]
    pub fn memory(mut self, pairs: usize) -> Self {
        self.memory = pairs;
        self
    }
    /// After every so many steps, one more pair: s = H ∂_θ∇f, y = ∇²f s, with θ each number of the parameters in its turn. So H comes near the inverse of ∇²f where the derivatives of
    /// the solution lie, and the linear solver `Shine` needs no product to give them (outer-problem awareness: Ramzi et al. 2022, who take y as a difference of
    /// gradients).
    ///
    /// It is meant for few parameters, of which some rounds fit in the [`memory`](Lbfgs::memory) besides the pairs of the steps; variables that the objective reads otherwise are
    /// not among them. Each extra pair costs one product with ∂_θ∇f and one with ∇²f. No gradient of an outer objective is needed, so that one solve serves all of them, forward and reverse.
    #[must_use]
    pub fn extra_pairs(mut self, every: usize) -> Self {
        self.extra = Some(every);
        self
    }
    /// Allows second derivatives of unrolled steps that do not come to rest: those of the iterate, which are not near those of the solution.
    #[must_use]
    pub fn second_derivatives_of_steps(mut self) -> Self {
        self.twice = true;
        self
    }
    /// The step, the value and gradient that it leads to, whether it is at rest, and the direction.
    ///
    /// All but the direction are constants for derivatives: a trial may lie where the objective has none.
    #[track_caller]
    fn searched(
        &self,
        z: &V<Q::Unknown>,
        f: Var,
        g: &V<Q::Unknown>,
        pairs: Pairs,
        p: &V<Q::Params>,
    ) -> (Var, (Var, V<Q::Unknown>), Var, V<Q::Unknown>) {
        let flat = ravel(g);
        let direction = two_loops(flat, pairs, self.memory);
        // Rounding may spoil the direction; the gradient is always one of descent.
        let slope: Var = Scalar::Var(dot(direction, flat / like(divisor(&flat).into(), flat))).real();
        let direction = select(scalar::<f64>(0.0).less_than(slope), direction, flat);
        let back = unravel(direction, z);
        let rest = at_rest(z, norm(&back));
        let line = Line::new(f, g, &back);
        let (z, along, p) = stop_gradient(&(z.clone(), back.clone(), p.clone()));
        let (t, value, gradient) = weak_wolfe(rest, &line, stop_gradient(&(f, g.clone())), |t| {
            let (value, gradient) = asked::value_and_gradient(&self.problem, &descend(&z, t.into(), &along), &p);
            let slope = line.slope(&gradient);
            (value, slope, gradient)
        });
        (t, (value, gradient), rest, back)
    }
    /// The pairs after step k: with an extra one, where it is its turn.
    #[track_caller]
    fn aware(&self, pairs: Pairs, z: &V<Q::Unknown>, p: &V<Q::Params>, k: Var<u32>) -> Pairs {
        let Some(every) = self.extra else { return pairs };
        let (now, turn) = due(k, every);
        let one_more = || {
            let along = gradient_by_a_parameter(&self.problem, z, p, turn)?;
            let s = unravel(two_loops(ravel(&along), pairs, self.memory), z);
            let y = asked::hessian_product(&self.problem, z, p, &s);
            Some(self.remember(pairs, ravel(&s), ravel(&y)))
        };
        cond(now, || one_more().unwrap_or(pairs), || pairs)
    }
    /// The pairs with one more, where its curvature is plainly positive.
    #[track_caller]
    fn remember(&self, (s, y, rho, ratio, gamma): Pairs, ds: DynVar, dy: DynVar) -> Pairs {
        let (a, b) = (divisor(&ds), divisor(&dy));
        let (us, uy) = (ds / like(a.into(), ds), dy / like(b.into(), dy));
        let (cosine, square) = (products(&us, &uy), squares(&uy));
        let keep = stop_gradient(&scalar::<f64>(CURVATURE).less_than(cosine));
        let one = scalar::<f64>(1.0);
        let (cosine, square) = (pick(keep, cosine, one), pick(keep, square, one));
        let number = |v: Var| like(v.into(), ds);
        let (inverse, apart, scale) = (number(1.0 / cosine), number(a / b), number(cosine / square * (a / b)));
        (push(keep, s, us), push(keep, y, uy), push(keep, rho, inverse), push(keep, ratio, apart), select(keep, scale, gamma))
    }
}

/// A pair enters when the cosine of its angle is above this.
const CURVATURE: f64 = 1e-10;
/// The most pairs.
const PAIRS: usize = 1000;
/// Steps at rest go on until they have shrunk the error of the derivative by this: twice the digits, for second derivatives.
const SETTLED: f64 = 1e-26;

/// The pairs' s and y over their lengths, 1/sᵀy of these, which is 0 where there is no pair yet, the length of s over that of y, and γ, with H₀ = γ I.
///
/// So no square or product leaves the range; lengths are constants that cancel.
type Pairs = (DynVar, DynVar, DynVar, DynVar, DynVar);

/// aᵀb of two vectors.
#[track_caller]
fn dot(a: DynVar, b: DynVar) -> DynVar {
    record::apply("dot", &[a, b], Site::caller(), |builder, v| builder.dot(v[0], v[1]))
}

#[track_caller]
fn full(t: &LeafType) -> DynVar {
    record::apply("full", &[], Site::caller(), |b, _| b.full(t, 0.0))
}

/// Row i of a matrix.
#[track_caller]
fn row(a: DynVar, i: usize) -> DynVar {
    let n = shape(a).last().copied().unwrap_or(0);
    reshape(rows(a, i, 1), &[n])
}

/// All but the first row, then one more; or as before where `test` is 0.
#[track_caller]
fn push(test: Var, history: DynVar, newest: DynVar) -> DynVar {
    let m = shape(history).first().copied().unwrap_or(1);
    let mut one = shape(newest);
    one.insert(0, 1);
    let newest = reshape(newest, &one);
    let moved = if m > 1 { join(&[rows(history, 1, m - 1), newest]) } else { newest };
    select(test, moved, history)
}

/// H g by the two loops.
#[track_caller]
fn two_loops(g: DynVar, (s, y, rho, ratio, gamma): Pairs, memory: usize) -> DynVar {
    let number = |of: DynVar, i: usize| reshape(rows(of, i, 1), &[]);
    let mut q = g;
    let mut alphas = vec![];
    for i in (0..memory).rev() {
        let alpha = number(rho, i) * dot(row(s, i), q);
        q = q - alpha * row(y, i);
        alphas.push(alpha);
    }
    let mut r = gamma * q;
    for (i, alpha) in alphas.into_iter().rev().enumerate() {
        let beta = number(rho, i) * dot(row(y, i), r);
        r = r + (number(ratio, i) * alpha - beta) * row(s, i);
    }
    r
}

impl<Q: Smooth> Method for Lbfgs<Q> {
    type Problem = Q;
    alike!();
    /// z; f and ∇f at z; the pairs and γ; what steps at rest left of the derivative's error.
    type State = (Q::Unknown, (Leaf<f64>, Q::Unknown), (AnyLeaf, AnyLeaf, AnyLeaf, AnyLeaf, AnyLeaf), Leaf<f64>);
    holds_its_problem!("L-BFGS");
    fn start(&self, z: V<Q::Unknown>, p: &V<Q::Params>) -> V<Self::State> {
        let (f, g) = asked::value_and_gradient(&self.problem, &z, p);
        let flat = ravel(&z);
        let (n, kind) = (shape(flat).first().copied().unwrap_or(0), flat.kind());
        let history = full(&LeafType::new(&[self.memory, n], kind));
        let numbers = full(&LeafType::new(&[self.memory], kind));
        // The first step has length 1 at the most: γ = 1/max(1, ‖g‖).
        let slopes = ravel(&g);
        let long = stop_gradient(&scalar::<f64>(1.0).less_than(norm(&g)));
        // A norm of 0 has no second derivative, though nothing depends on it.
        let ones = zeros_like(&slopes) + like(scalar::<f64>(1.0).into(), slopes);
        let length = norm(&select(long, slopes, ones));
        let gamma = like(Scalar::from(pick(long, length, scalar(1.0)).recip()), flat);
        (z, (f, g), (history, history, numbers, numbers, gamma), scalar(1.0))
    }
    fn step(&self, (z, (f, g), pairs, left): V<Self::State>, p: &V<Q::Params>, (): (), k: Var<u32>) -> V<Self::State> {
        let (t, there, _, back) = self.searched(&z, f, &g, pairs, p);
        let next = descend(&z, t.into(), &back);
        let pairs = self.remember(pairs, ravel(&next.minus(&z)), ravel(&there.1.minus(&g)));
        let pairs = self.aware(pairs, &next, p, k);
        (next, there, pairs, left)
    }
    fn step_with_derivative(&self, (z, (f, g), pairs, left): V<Self::State>, p: &V<Q::Params>, (): (), k: Var<u32>) -> V<Self::State> {
        let (t, _, rest, back) = self.searched(&z, f, &g, pairs, p);
        let open = scalar::<f64>(SETTLED).less_than(left);
        let (next, now) = cond(
            rest * open,
            || {
                let (still, fixed) = (stop_gradient(&z), stop_gradient(p));
                let product = |v: &V<Q::Unknown>| asked::hessian_product(&self.problem, &still, &fixed, v);
                let inverse = rest::inverse(&z, rest::TURNS, product);
                (z.minus(&rest::still(&inverse.times(&g, product))), stop_gradient(&left) * inverse.left)
            },
            || (descend(&z, t.into(), &back), stop_gradient(&left)),
        );
        let there = asked::value_and_gradient(&self.problem, &next, p);
        let (ds, dy) = (ravel(&next.minus(&z)), ravel(&there.1.minus(&g)));
        let pairs = cond(rest, || pairs, || self.aware(self.remember(pairs, ds, dy), &next, p, k));
        (next, there, pairs, now)
    }
    fn resume(&self, (z, _, pairs, _): V<Self::State>, p: &V<Q::Params>) -> V<Self::State> {
        let there = asked::value_and_gradient(&self.problem, &z, p);
        (z, there, pairs, scalar(1.0))
    }
    fn unsettled(&self, (.., left): &V<Self::State>) -> Option<Var> {
        (!self.twice).then(|| stop_gradient(left))
    }
    fn unknown(&self, (z, ..): &V<Self::State>, _: &V<Q::Params>) -> V<Q::Unknown> {
        z.clone()
    }
    fn stopping(&self, (_, (_, g), ..): &V<Self::State>, _: &V<Q::Params>) -> DynVar {
        norm(g).to_dyn()
    }
    fn secants(&self, (_, _, (s, y, _, ratio, gamma), _): &V<Self::State>) -> Option<[DynVar; 4]> {
        Some([*s, *y, *ratio, *gamma])
    }
    fn check(&self, _: Option<usize>) -> Result<(), ErrorKind> {
        match self.memory {
            0 => Err("it remembers no pairs; give `memory` at least 1".into()),
            _ if self.extra == Some(0) => Err("an extra pair is asked for after every 0 steps; give `extra_pairs` at least 1".into()),
            m if m > PAIRS => Err(format!("it remembers {m} pairs; give `memory` at most {PAIRS}").into()),
            _ => Ok(()),
        }
    }
}
