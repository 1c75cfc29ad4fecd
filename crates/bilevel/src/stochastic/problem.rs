//! A bilevel problem that is seen in mini-batches.
use super::batches::Batches;
use crate::domain::Domain;
use crate::leaves::{flat, len};
use hypertape_autodiff::array::{LeafType, Real};
use hypertape_autodiff::record::{Scalar, Var};
use hypertape_autodiff::tree::{Feed, Leaf, Own, Structure};
use hypertape_autodiff::{Error, ErrorKind, Function, Result};

/// f(solution, outer variables, rows).
type Sampled<S, P> = Function<(S, P, Leaf<u32>), Leaf<f64>>;

/// min over x of E h(z(x), x, ·), where z(x) minimises E g(·, x, ·): both objectives are recorded functions of (solution, outer variables, rows), with the mean over the rows of a batch as
/// their value.
///
/// ```
/// use hypertape_autodiff::{Function, index, record::constant, shape};
/// use hypertape_bilevel::stochastic::{Batches, Soba, Stochastic};
/// use hypertape_bilevel::Run;
/// use ndarray::Array1;
/// // g = ½ mean (z − yᵢ)² + ½ eˣ z², so z = ȳ/(1 + eˣ); h = ½ mean (z − vᵢ)².
/// let (y, v) = (Array1::linspace(1.0, 3.0, 40).into_shared(), Array1::linspace(1.0, 2.0, 40).into_shared());
/// let inner = Function::record((shape![1], shape![1], index![4]), |(z, x, rows)| {
///     0.5 * (z - constant(&y).rows(rows)).square().mean() + 0.5 * (x.exp() * z.square()).sum()
/// })?;
/// let outer = Function::record((shape![1], shape![1], index![4]), |(z, _, rows)| 0.5 * (z - constant(&v).rows(rows)).square().mean())?;
/// let problem = Stochastic::new(&inner, Batches::epochs(40, 4, 1), &outer, Batches::epochs(40, 4, 2));
/// let found = Run::stochastic(&problem, Soba::new(0.1, 0.1))?.steps(2000).start(Array1::zeros(1))?.go()?;
/// // z = 2/(1 + eˣ) = 1.5.
/// assert!((found.solution()[[0]] - (1.0_f64 / 3.0).ln()).abs() < 0.2);
/// # Ok::<(), hypertape_bilevel::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Stochastic<S: Structure, P: Structure> {
    inner: Result<Sampled<S, P>>,
    outer: Result<Sampled<S, P>>,
    batches: [Batches; 2],
    domain: Domain,
    start: Option<Result<Vec<f64>>>,
}

impl<S: Structure, P: Structure> Stochastic<S, P> {
    /// Of an inner and an outer objective, each with its mini-batches; the inputs of rows have the lengths of these.
    #[track_caller]
    pub fn new<T: Real, U: Real>(
        inner: &Function<(S, P, Leaf<u32>), Leaf<T>>,
        inner_batches: Batches,
        outer: &Function<(S, P, Leaf<u32>), Leaf<U>>,
        outer_batches: Batches,
    ) -> Self {
        let batches = [inner_batches, outer_batches];
        Stochastic { inner: double(inner), outer: double(outer), batches, domain: Domain::all(), start: None }
    }
    /// The set that the outer variables are kept in.
    #[must_use]
    pub fn within(mut self, domain: Domain) -> Self {
        self.domain = domain;
        self
    }
    /// Where the inner variables begin; 0 unless set.
    #[must_use]
    pub fn from(mut self, z: impl Feed<S>) -> Self {
        let types = self.inner.as_ref().map(|f| f.inputs().0.leaf_types()).map_err(Clone::clone);
        self.start = Some(types.and_then(|t| flat("stochastic problem", "the start", &z, &t)));
        self
    }
    pub(crate) fn domain(&self) -> &Domain {
        &self.domain
    }
    pub(crate) fn batches(&self) -> [Batches; 2] {
        self.batches
    }
    pub(crate) fn functions(&self) -> Result<[&Sampled<S, P>; 2]> {
        let inner = self.inner.as_ref().map_err(Clone::clone)?;
        Ok([inner, self.outer.as_ref().map_err(Clone::clone)?])
    }
    /// The start of the inner variables.
    pub(crate) fn first(&self) -> Result<Vec<f64>> {
        match &self.start {
            Some(z) => z.clone(),
            None => Ok(vec![0.0; len(&self.functions()?[0].inputs().0.leaf_types())]),
        }
    }
    /// Structure of the outer variables, after everything was looked at.
    pub(crate) fn params(&self) -> Result<P> {
        let wrong = |problem: String| Err(Error::new("stochastic problem", ErrorKind::Other(problem)));
        let [inner, outer] = self.functions()?;
        let types = |f: &Sampled<S, P>| (f.inputs().0.leaf_types(), f.inputs().1.leaf_types());
        if types(inner) != types(outer) {
            return wrong(
                "the inner and the outer objective are of other shapes; record both for the same solution and outer variables".into(),
            );
        }
        for (what, f, batches) in [("inner", inner, self.batches[0]), ("outer", outer, self.batches[1])] {
            let rows: usize = f.inputs().2.leaf_types().iter().map(LeafType::len).sum();
            if rows != batches.size() {
                let size = batches.size();
                return wrong(format!(
                    "the {what} objective takes {rows} rows, and its batches have {size}; record it with `index![{size}]`"
                ));
            }
        }
        let (z, x) = types(inner);
        if let Some(t) = z.iter().chain(&x).find(|t: &&LeafType| !t.kind.is_real()) {
            return wrong(format!(
                "inner and outer variables are real, and one of them is {t}; make indices constants of the recorded functions"
            ));
        }
        self.domain.check(len(&x)).map_err(|kind| Error::new("stochastic problem", kind))?;
        self.first()?;
        Ok(inner.inputs().1.clone())
    }
}

fn double<S: Structure, P: Structure, T: Real>(f: &Function<(S, P, Leaf<u32>), Leaf<T>>) -> Result<Sampled<S, P>> {
    Function::record(f.inputs().clone(), |(z, x, rows)| -> Var { Scalar::Var(f.call((Own::<S>(z), Own::<P>(x), rows)).to_dyn()).real() })
}
