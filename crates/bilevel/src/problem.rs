//! A bilevel problem: an inner problem whose solution depends on outer variables, and what is made of that.
use crate::counted::Counted;
use crate::domain::Domain;
use crate::leaves::len;
use hypertape_autodiff::array::{LeafType, Real};
use hypertape_autodiff::record::{Scalar, Var};
use hypertape_autodiff::tree::{Leaf, Own, Structure};
use hypertape_autodiff::{Error, ErrorKind, Function, Result};
use hypertape_solvers::{AsMapping, AsProblem, Equation, Mapping, Problem};

/// min over x of h(z(x), x), where z(x) solves an inner problem.
///
/// The inner problem is an objective, a composite objective, a map, an equation: whatever methods are made from. Data are constants of the recorded functions;
/// the outer variables are its parameters, all of them real.
///
/// ```
/// use hypertape_autodiff::{Function, record::constant, shape};
/// use hypertape_bilevel::{Aid, Bilevel, Descent, Run};
/// use hypertape_linear::Cg;
/// use hypertape_solvers::{Lbfgs, Method};
/// use ndarray::{arr0, arr1};
/// // Ridge regression of one feature; its penalty eˣ by a validation point.
/// let inner = Function::record((shape![1], shape![]), |(z, x)| 0.5 * ((z - 2.0).square() + x.exp() * z.square()).sum())?;
/// let outer = Function::record((shape![1], shape![]), |(z, _)| 0.5 * (z - 1.5).square().sum())?;
/// let problem = Bilevel::new(&inner, &outer);
/// let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-10)).adjoint(Cg::default()).warm_start();
/// let found = Run::new(&problem, &aid, Descent::new(2.0))?.steps(100).start(arr0(0.0))?.go()?;
/// // z = 2/(1 + eˣ) = 1.5 at eˣ = 1/3.
/// assert!((found.solution()[[]] - (1.0_f64 / 3.0).ln()).abs() < 1e-6);
/// # Ok::<(), hypertape_bilevel::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Bilevel<Q: Equation> {
    inner: Counted<Q>,
    outer: Result<Outer<Q>>,
    domain: Domain,
}

/// h of (solution, outer variables).
type Outer<Q> = Function<(<Q as Problem>::Solution, <Q as Problem>::Params), Leaf<f64>>;

impl<Q: Equation> Bilevel<Q> {
    /// Of an inner problem of (solution, outer variables), and an outer objective of both. Mistakes in either are found when a run or an estimator is prepared.
    #[track_caller]
    pub fn new<T: Real>(inner: &impl AsProblem<Problem = Q>, outer: &Function<(Q::Solution, Q::Params), Leaf<T>>) -> Self {
        Self::of(inner.problem(), outer)
    }
    /// The same of a map whose fixed point is looked for.
    #[track_caller]
    pub fn fixed_point<T: Real>(map: &impl AsMapping<Problem = Q>, outer: &Function<(Q::Solution, Q::Params), Leaf<T>>) -> Self
    where
        Q: Mapping,
    {
        Self::of(map.mapping(), outer)
    }
    fn of<T: Real>(inner: Q, outer: &Function<(Q::Solution, Q::Params), Leaf<T>>) -> Self {
        let outer = Function::record(outer.inputs().clone(), |(z, x)| -> Var {
            Scalar::Var(outer.call((Own::<Q::Solution>(z), Own::<Q::Params>(x))).to_dyn()).real()
        });
        Bilevel { inner: Counted::new(inner), outer, domain: Domain::all() }
    }
    /// The set that the outer variables are kept in.
    #[must_use]
    pub fn within(mut self, domain: Domain) -> Self {
        self.domain = domain;
        self
    }
    /// The inner problem, whose evaluations are counted. Clones count together: problems of runs at the same time are made apart.
    #[must_use]
    pub fn inner(&self) -> &Counted<Q> {
        &self.inner
    }
    pub(crate) fn outer(&self) -> Result<&Outer<Q>> {
        self.outer.as_ref().map_err(Clone::clone)
    }
    /// The set of the outer variables.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }
    /// Structures of the inner unknown and of the outer variables.
    ///
    /// # Errors
    /// Functions that failed; outer variables that are indices; a domain that does not fit.
    pub fn shapes(&self) -> Result<(Q::Unknown, Q::Params)> {
        let wrong = |kind: ErrorKind| Error::new("bilevel problem", kind);
        self.outer()?;
        let (unknown, params) = self.inner.inner().shapes()?;
        let types = params.leaf_types();
        if let Some(t) = types.iter().find(|t: &&LeafType| !t.kind.is_real()) {
            let problem = format!("outer variables are real, and one of them is {t}; make indices constants of the recorded functions");
            return Err(wrong(ErrorKind::Other(problem)));
        }
        self.domain.check(len(&types)).map_err(wrong)?;
        Ok((unknown, params))
    }
}

impl<Q: Equation> AsProblem for Bilevel<Q> {
    type Problem = Counted<Q>;
    fn problem(&self) -> Counted<Q> {
        self.inner.clone()
    }
}

impl<Q: Equation + Mapping> AsMapping for Bilevel<Q> {
    type Problem = Counted<Q>;
    fn mapping(&self) -> Counted<Q> {
        self.inner.clone()
    }
}
