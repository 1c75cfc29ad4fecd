//! The derivative through one inner step, whose second-order term is a difference of two gradients: DARTS.
use crate::aid::{Inner, limits};
use crate::calls::{Calls, Phases};
use crate::counted::{Counted, Tally};
use crate::estimator::{Ask, Estimate, Estimator, Memory, Oracle};
use crate::file::in_short;
use crate::leaves::{Leaves, flat, len, push};
use crate::problem::Bilevel;
use hypertape_autodiff::array::{AnyView, Kind, LeafType};
use hypertape_autodiff::record::Var;
use hypertape_autodiff::tree::{Feed, Leaf, Structure, Vars};
use hypertape_autodiff::{Error, ErrorKind, Function, Result, Workspace};
use hypertape_linear::norm;
use hypertape_solvers::{Equation, Method, Params, Problem, Smooth, Unknown};

/// The derivative of h(z − ξ ∇_z g(z, x), x) by x, with z held fixed (DARTS; Liu, Simonyan and Yang 2019):
///
/// h_x(z′, x) − ξ (∇_x g(z + εv, x) − ∇_x g(z − εv, x)) / 2ε with z′ = z − ξ ∇_z g(z, x) and v = h_z(z′, x).
///
/// z are weights that are trained beside x: before each estimate the inner method moves them on from where they stand, as far as its own settings let it.
/// `FiniteDifference::new(&GradientDescent::new(&problem).step_size(0.1).tolerance(0.0).max_iterations(1), 0.1)` is DARTS without its momentum: one step on z, one on x.
/// With ξ = 0 the derivative is h_x(z, x) alone, their first-order approximation; [`exact`](FiniteDifference::exact) takes a product with the mixed second derivative in the place of the difference.
///
/// This is not the derivative of h(z(x), x), and its error does not vanish as z is solved for: it looks one step ahead. An estimate costs 3 inner gradients, of which two are by x, beside
/// the steps on z. The difference is wrong by ε²‖v‖² times third derivatives, by kinks that lie between the two points, and by rounding over ε‖v‖. Where it is not set, ε‖v‖ is
/// 2 ∛u max(1, ‖z‖), with u the spacing of the numbers near 1: in single precision that is the 0.01 of the paper for short z, and in double precision 10⁻⁵.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_bilevel::{Ask, Bilevel, Estimator, FiniteDifference, Memory};
/// use hypertape_solvers::{GradientDescent, Method};
/// use ndarray::arr1;
/// // g = ½(z − x)², h = ½z²: from z = 1 and x = 3 a step of ξ = ½ leads to z′ = 2, and the derivative is z′ ξ = 1.
/// let inner = Function::record((shape![1], shape![1]), |(z, x)| 0.5 * (z - x).square().sum())?;
/// let outer = Function::record((shape![1], shape![1]), |(z, _)| 0.5 * z.square().sum())?;
/// let problem = Bilevel::new(&inner, &outer);
/// let fixed = GradientDescent::new(&problem).max_iterations(0);
/// let found = FiniteDifference::new(&fixed, 0.5).start(arr1(&[1.0])).prepare(&problem)?.at(&[3.0], &mut Memory::default(), Ask::default())?;
/// assert!(found.value == 2.0 && (found.gradient[0] - 1.0).abs() < 1e-9);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FiniteDifference<M: Method> {
    method: M,
    step: f64,
    displacement: Option<f64>,
    exact: bool,
    start: Result<Option<Vec<f64>>>,
}

impl<M: Method> FiniteDifference<M> {
    /// With the method that moves z before each estimate, made from the problem, and the step size ξ of the step that is looked ahead. z starts from 0, where many models do not move: see [`start`](FiniteDifference::start).
    #[must_use]
    pub fn new(method: &M, step_size: f64) -> Self {
        FiniteDifference { method: method.clone(), step: step_size, displacement: None, exact: false, start: Ok(None) }
    }
    /// ε‖v‖, how far z is displaced to either side; 0.01 in the paper.
    #[must_use]
    pub fn displacement(mut self, length: f64) -> Self {
        self.displacement = Some(length);
        self
    }
    /// The product ξ ∂/∂x (∇_z g(z, x)ᵀ v) instead of the difference.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }
    /// Where z begins.
    #[must_use]
    pub fn start(mut self, z: impl Feed<Unknown<M>>) -> Self {
        let shapes = self.method.problem().shapes();
        self.start = shapes.and_then(|(unknown, _)| flat("FiniteDifference", "the start", &z, &unknown.leaf_types()).map(Some));
        self
    }
    fn check(&self) -> Result<()> {
        let bad = |what, value, allowed| Err(Error::new("FiniteDifference", ErrorKind::setting(what, value, allowed)));
        if !(self.step.is_finite() && self.step >= 0.0) {
            return bad("step size", self.step, "give a finite number that is not negative; 0 leaves the second-order term out");
        }
        if let Some(length) = self.displacement
            && !(length.is_finite() && length > 0.0)
        {
            return bad("displacement", length, "give a finite positive number, such as 0.01");
        }
        Ok(())
    }
}

type Both<S, P> = (S, P);

/// How the second-order term is made.
enum Second<S: Structure, P: Structure> {
    /// ∇_x g.
    Difference(Workspace<Both<S, P>, P>),
    /// ∂/∂x (∇_z g(z, x)ᵀ v) of (z, x) and v.
    Product(Workspace<(Both<S, P>, S), P>),
}

struct Ready<M: Method> {
    name: String,
    settings: String,
    solver: Inner<M>,
    ahead: Workspace<Both<Unknown<M>, Params<M>>, Unknown<M>>,
    outer: Workspace<Both<Unknown<M>, Params<M>>, (Leaf<f64>, Both<Unknown<M>, Params<M>>)>,
    second: Second<Unknown<M>, Params<M>>,
    types: [Vec<LeafType>; 2],
    start: Vec<f64>,
    step: f64,
    displacement: Option<f64>,
    tally: Tally,
}

impl<Q, M> Estimator<Q> for FiniteDifference<M>
where
    Q: Equation + Smooth + Problem<Solution = <Q as Problem>::Unknown>,
    M: Method<Problem = Counted<Q>, Each = ()>,
{
    fn prepare(&self, problem: &Bilevel<Q>) -> Result<Box<dyn Oracle>> {
        self.check()?;
        let (unknown, params) = problem.shapes()?;
        self.method.problem().made_for(problem.inner(), "DARTS")?;
        let types = [unknown.leaf_types(), params.leaf_types()];
        let shapes = (unknown.clone(), params.clone());
        let (counted, plain) = (self.method.problem().clone(), problem.inner().inner().clone());
        let ahead = Function::record(shapes.clone(), |(z, x)| counted.gradient(&z, &x))?;
        let second = if self.exact {
            let along: Function<_, Leaf<f64>> =
                Function::record((shapes, unknown.clone()), |((z, x), v)| -> Var { plain.gradient(&z, &x).inner(&v) })?;
            Second::Product(along.wrt(|((_, x), _)| x).gradient().workspace())
        } else {
            let value: Function<_, Leaf<f64>> = Function::record(shapes, |(z, x)| plain.value_and_gradient(&z, &x).0)?;
            Second::Difference(value.wrt(|(_, x)| x).gradient().workspace())
        };
        let kind = ["finite difference", "exact"][usize::from(self.exact)];
        let start = self.start.clone()?.unwrap_or_else(|| vec![0.0; len(&types[0])]);
        let name = format!("one step ahead, {kind}, {}", self.method.name());
        let settings = format!(
            "{name}; step {}, displacement {:?}; inner {}, start {}",
            self.step,
            self.displacement,
            limits(&self.method),
            in_short(&start)
        );
        Ok(Box::new(Ready {
            name,
            settings,
            solver: Inner::new(&self.method, &unknown, &params)?,
            ahead: ahead.workspace(),
            outer: problem.outer()?.wrt(|all| all).value_and_gradient().workspace(),
            second,
            start,
            types,
            step: self.step,
            displacement: self.displacement,
            tally: self.method.problem().tally().clone(),
        }))
    }
}

/// All leaves of what a workspace gives, one after the other.
fn run<I: Structure, O: Structure>(w: &mut Workspace<I, O>, at: impl Feed<I>) -> Result<Vec<f64>> {
    let mut out = vec![];
    w.run_each(at, &mut |v: AnyView<'_>| push(&v, &mut out))?;
    Ok(out)
}

/// a + t b.
fn along(a: &[f64], t: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + t * b).collect()
}

impl<M: Method<Each = ()>> Ready<M> {
    /// ξ times the derivative by x of ∇_z gᵀ v, and what it took.
    fn second_order(&mut self, z: &[f64], given: &Leaves, v: &[f64]) -> Result<(Vec<f64>, Calls)> {
        let types = &self.types[0];
        let length = norm(v);
        if self.step == 0.0 || length == 0.0 {
            return Ok((vec![0.0; len(&self.types[1])], Calls::default()));
        }
        let (mut term, calls) = match &mut self.second {
            Second::Product(w) => {
                let at = ((Leaves::cut(types, z), given), Leaves::cut(types, v));
                (run(w, ((&at.0.0, at.0.1), &at.1))?, Calls { crosses: 1, ..Calls::default() })
            }
            Second::Difference(w) => {
                let single = types.iter().any(|t| t.kind == Kind::F32);
                let rounding = if single { f64::from(f32::EPSILON) } else { f64::EPSILON };
                let epsilon = self.displacement.unwrap_or_else(|| 2.0 * rounding.cbrt() * norm(z).max(1.0)) / length;
                let mut side = |t: f64| run(w, (&Leaves::cut(types, &along(z, t, v)), given));
                let (up, down) = (side(epsilon)?, side(-epsilon)?);
                let slope = up.iter().zip(&down).map(|(a, b)| (a - b) / (2.0 * epsilon)).collect();
                (slope, Calls { gradients: 2, ..Calls::default() })
            }
        };
        term.iter_mut().for_each(|t| *t *= self.step);
        Ok((term, calls))
    }
}

impl<M: Method<Each = ()>> Oracle for Ready<M> {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn settings(&self) -> String {
        self.settings.clone()
    }
    fn unknowns(&self) -> Option<usize> {
        Some(self.start.len())
    }
    fn at(&mut self, x: &[f64], memory: &mut Memory, ask: Ask) -> Result<Estimate> {
        let before = self.tally.calls();
        let given = Leaves::cut(&self.types[1], x);
        let from = if memory.solution.is_empty() { &self.start } else { &memory.solution };
        let (z, inner) = self.solver.solve(&Leaves::cut(&self.types[0], from), &given, ask.inner)?;
        let slope = run(&mut self.ahead, (&Leaves::cut(&self.types[0], &z), &given))?;
        let found = self.tally.calls() - before;
        let ahead = along(&z, -self.step, &slope);
        let outer = run(&mut self.outer, (&Leaves::cut(&self.types[0], &ahead), &given))?;
        let (value, both) = outer.split_first().ok_or_else(|| Error::new("FiniteDifference", ErrorKind::misuse("no value was made")))?;
        let (v, direct) = both.split_at(len(&self.types[0]));
        let (term, calls) = self.second_order(&z, &given, v)?;
        memory.solution = z;
        let phases = Phases { inner: found, adjoint: calls, outer: 1 };
        let gradient = along(direct, -1.0, &term);
        Ok(Estimate {
            value: *value,
            length: norm(&gradient),
            gradient,
            correction: 0.0,
            inner: Some(inner),
            adjoint: None,
            certified: None,
            phases,
        })
    }
}
