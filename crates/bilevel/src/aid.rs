//! Approximate implicit differentiation: an inner solve, then an adjoint solve, each as exact as is asked for.
use crate::calls::{Calls, Phases};
use crate::counted::{Counted, Tally};
use crate::estimator::{Ask, Certified, Estimate, Estimator, Memory, Oracle, Solve};
use crate::file::in_short;
use crate::leaves::{Leaves, flat, push};
use crate::problem::Bilevel;
use hypertape_autodiff::array::{AnyView, LeafType};
use hypertape_autodiff::record::{Scalar, Var};
use hypertape_autodiff::tree::{Feed, Leaf, Own, Structure};
use hypertape_autodiff::{Error, ErrorKind, Function, Result, Workspace, shape};
use hypertape_implicit::{Certifier, certify};
use hypertape_linear::{Auto, LinearSolver, Need, Tolerance, norm};
use hypertape_solvers::{Equation, Limits, Method, Params, Prepared, Problem, Solve as _, Unknown};
use std::sync::Arc;

/// The hypergradient h_x − F_xᵀ w with F_zᵀ w = h_z at the point where an inner method stopped (AID; Domke 2012, Pedregosa 2016), for any method whose problem has an equation
/// and any solver of linear systems: conjugate gradients, the Neumann series ([`Neumann`](hypertape_linear::Neumann)), one step ([`OneStep`](hypertape_linear::OneStep), Jacobian-free), LU, …
/// The series and the one step have the step 1 of a map; for an objective they need `.step(α)`, whatever step the method has.
///
/// Each estimate begins from the start and from an adjoint of 0, unless the last ones are asked for: what a run finds depends on that where solves stop early. Solves that end above
/// their tolerance are no errors: the record says so.
#[derive(Debug, Clone)]
pub struct Aid<M: Method> {
    method: M,
    adjoint: Arc<dyn LinearSolver>,
    warm: bool,
    warm_adjoint: bool,
    start: Result<Option<Vec<f64>>>,
}

impl<M: Method> Aid<M> {
    /// With an inner method, made from the problem: `Aid::new(&Lbfgs::new(&problem))`. Its start is 0, and the adjoint is solved by [`Auto`].
    #[must_use]
    pub fn new(method: &M) -> Self {
        Aid { method: method.clone(), adjoint: Arc::new(Auto::default()), warm: false, warm_adjoint: false, start: Ok(None) }
    }
    /// How the adjoint system is solved.
    #[must_use]
    pub fn adjoint(mut self, solver: impl LinearSolver) -> Self {
        self.adjoint = Arc::new(solver);
        self
    }
    /// Each inner solve begins where the last one ended.
    #[must_use]
    pub fn warm_start(mut self) -> Self {
        self.warm = true;
        self
    }
    /// Each adjoint solve begins with the adjoint of the last one. The Neumann series does so where it is told to add to its start ([`from_start`](hypertape_linear::Neumann::from_start)).
    #[must_use]
    pub fn warm_adjoint(mut self) -> Self {
        self.warm_adjoint = true;
        self
    }
    /// Where inner solves begin, the first one of them if they are warm.
    #[must_use]
    pub fn start(mut self, z: impl Feed<Unknown<M>>) -> Self {
        let shapes = self.method.problem().shapes();
        self.start = shapes.and_then(|(unknown, _)| flat("Aid", "the start", &z, &unknown.leaf_types()).map(Some));
        self
    }
}

/// AID that is ready.
struct Ready<M: Method> {
    name: String,
    settings: String,
    /// Whether its error falls with its tolerances.
    tolerances: bool,
    solver: Inner<M>,
    certifier: Certifier<Unknown<M>, Params<M>>,
    outer: Workspace<(Unknown<M>, Params<M>), Leaf<f64>>,
    accuracy: Tolerance,
    types: [Vec<LeafType>; 2],
    start: Vec<f64>,
    warm: bool,
    warm_adjoint: bool,
    tally: Tally,
}

/// When an inner method stops, in words.
pub(crate) fn limits<M: Method>(method: &M) -> String {
    let Limits { tolerance, relative, iterations } = *method.limits();
    let number = |s: Scalar| if let Scalar::Value(v) = s { v.to_string() } else { "a variable".into() };
    format!("tolerance {}, relative {}, at most {iterations} iterations", number(tolerance), number(relative))
}

/// The loop of the inner method, whose tolerance is an input.
pub(crate) struct Inner<M: Method> {
    prepared: Prepared<M>,
    own: f64,
}

impl<M: Method<Each = ()>> Inner<M> {
    pub(crate) fn new(method: &M, unknown: &Unknown<M>, params: &Params<M>) -> Result<Self> {
        let Scalar::Value(own) = method.limits().tolerance else {
            return Err(Error::new(method.name(), "the tolerance is a variable; give a number, which the loop may change".to_string()));
        };
        method.limits().check(method.limits().iterations).map_err(|kind| Error::new(method.name(), kind))?;
        let mut made = None;
        Function::record(shape![], |tolerance: Var| {
            made = Some(method.clone().tolerance(tolerance).prepare_here(unknown, params));
            tolerance
        })?;
        let Some(made) = made else { return Err(Error::new(method.name(), ErrorKind::misuse("nothing was recorded"))) };
        let (prepared, captures) = made?;
        if captures.len() > 1 {
            let problem = "its settings hold variables of another recording; give numbers".to_string();
            return Err(Error::new(method.name(), problem));
        }
        Ok(Inner { prepared, own })
    }
    pub(crate) fn solve(&mut self, z: &Leaves, x: &Leaves, tolerance: Option<f64>) -> Result<(Vec<f64>, Solve)> {
        let mut found = vec![];
        let tolerance = ndarray::arr0(tolerance.unwrap_or(self.own)).into_dyn();
        let captured = [AnyView::F64(tolerance.view())];
        let ended = self.prepared.run_leaves(z, x, &(), &captured, &mut |v| push(&v, &mut found))?;
        Ok((found, Solve::new(ended.iterations, ended.residual, ended.status)))
    }
}

impl<Q: Equation, M: Method<Problem = Counted<Q>, Each = ()>> Estimator<Q> for Aid<M> {
    fn prepare(&self, problem: &Bilevel<Q>) -> Result<Box<dyn Oracle>> {
        let (unknown, params) = problem.shapes()?;
        self.method.problem().made_for(problem.inner(), "Aid")?;
        let types = [unknown.leaf_types(), params.leaf_types()];
        if self.adjoint.needs().iter().any(|n| matches!(n, Need::Estimate | Need::Samples)) {
            let name = self.adjoint.name();
            let problem = format!("{name} lives on what a recorded solve hands over; record it with `Recorded::new(method.implicit(..))`");
            return Err(Error::new("Aid", ErrorKind::Other(problem)));
        }
        let solver = Inner::new(&self.method, &unknown, &params)?;
        let start = self.start.clone()?.unwrap_or_else(|| vec![0.0; crate::leaves::len(&types[0])]);
        // The equation of the counted problem: its evaluations and products are counted.
        let (inner, outer) = (problem.inner(), problem.outer()?);
        let value: Function<_, Leaf<f64>> = Function::record((unknown, params), |(z, x)| -> Var {
            let solution = inner.solution(&z, &x, self.method.scale());
            outer.call((Own::<Q::Solution>(solution), Own::<Q::Params>(x)))
        })?;
        let certifier = certify(inner, outer).scale(self.method.scale()).adjoint(self.adjoint.clone()).prepare()?;
        let stop = self.adjoint.stop();
        let Scalar::Value(relative) = stop.tolerance else {
            return Err(Error::new("Aid", "the tolerance of the adjoint solver is a variable; give a number".to_string()));
        };
        let name = format!("AID, {}, {}", self.method.name(), self.adjoint.name());
        let settings = format!(
            "{name}; inner {}, start {}, warm {}; adjoint {:?}, warm {}",
            limits(&self.method),
            in_short(&start),
            self.warm,
            self.adjoint,
            self.warm_adjoint
        );
        Ok(Box::new(Ready {
            name,
            settings,
            tolerances: !self.adjoint.approximate(),
            solver,
            certifier,
            outer: value.workspace(),
            accuracy: Tolerance { relative, absolute: stop.absolute },
            types,
            start,
            warm: self.warm,
            warm_adjoint: self.warm_adjoint,
            tally: self.method.problem().tally().clone(),
        }))
    }
}

impl<M: Method<Each = ()>> Ready<M> {
    /// The inner solution at x, and what it took.
    fn inner(&mut self, given: &Leaves, memory: &Memory, ask: Ask) -> Result<(Vec<f64>, Solve, Calls)> {
        let before = self.tally.calls();
        let from = if self.warm && !memory.solution.is_empty() { &memory.solution } else { &self.start };
        let (z, inner) = self.solver.solve(&Leaves::cut(&self.types[0], from), given, ask.inner)?;
        Ok((z, inner, self.tally.calls() - before))
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
    fn takes_tolerances(&self) -> bool {
        self.tolerances
    }
    fn first_measure(&mut self, x: &[f64], memory: &Memory) -> Result<(f64, Calls)> {
        let before = self.tally.calls();
        let from = if self.warm && !memory.solution.is_empty() { &memory.solution } else { &self.start };
        let (_, at_start) = self.solver.solve(&Leaves::cut(&self.types[0], from), &Leaves::cut(&self.types[1], x), Some(f64::MAX))?;
        Ok((at_start.residual, self.tally.calls() - before))
    }
    fn value(&mut self, x: &[f64], memory: &mut Memory, ask: Ask) -> Result<Estimate> {
        let given = Leaves::cut(&self.types[1], x);
        let (z, inner, found) = self.inner(&given, memory, ask)?;
        let mut value = vec![];
        self.outer.run_each((&Leaves::cut(&self.types[0], &z), &given), &mut |v: AnyView<'_>| push(&v, &mut value))?;
        memory.solution = z;
        Ok(Estimate {
            value: value.first().copied().unwrap_or(f64::NAN),
            gradient: vec![],
            length: f64::NAN,
            correction: 0.0,
            inner: Some(inner),
            adjoint: None,
            certified: None,
            phases: Phases { inner: found, adjoint: Calls::default(), outer: 1 },
        })
    }
    fn at(&mut self, x: &[f64], memory: &mut Memory, ask: Ask) -> Result<Estimate> {
        let given = Leaves::cut(&self.types[1], x);
        let (z, inner, found) = self.inner(&given, memory, ask)?;
        let point = Leaves::cut(&self.types[0], &z);
        let tolerance = ask.adjoint.map_or(self.accuracy, |absolute| Tolerance { relative: 0.0, absolute });
        let from: &[f64] = if self.warm_adjoint { &memory.adjoint } else { &[] };
        let before = self.tally.calls();
        let h = self.certifier.hypergradient(&point, &given, from, tolerance)?;
        let adjoint = Solve::new(h.outcome.iterations, h.outcome.absolute, h.outcome.status);
        // An adjoint of 0 needs no product.
        let crosses = u64::from(h.adjoint.iter().any(|w| *w != 0.0));
        let (mut beside, mut outer, mut certified) = (Calls { crosses, ..Calls::default() }, 1, None);
        if ask.certify {
            let c = self.certifier.with_adjoint(&point, &given, Leaves::cut(&self.types[0], &h.adjoint))?;
            let work = c.measured.work;
            beside = beside + Calls { products: work.second, crosses: work.params, ..Calls::default() };
            outer += work.outer;
            certified = Some(Certified { estimate: c.estimate, bound: c.bound });
        }
        let phases = Phases { inner: found, adjoint: self.tally.calls() - before + beside, outer };
        (memory.solution, memory.adjoint) = (z, h.adjoint);
        Ok(Estimate {
            value: h.value,
            length: norm(&h.gradient),
            gradient: h.gradient,
            correction: h.correction,
            inner: Some(inner),
            adjoint: Some(adjoint),
            certified,
            phases,
        })
    }
}
