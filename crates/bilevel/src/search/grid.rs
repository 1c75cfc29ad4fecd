//! Grid search.
use super::{Search, Trials};
use crate::domain::Bounds;
use hypertape_autodiff::{Error, ErrorKind, Result};

/// The points of a grid: so many values of each outer variable, evenly spaced from its least to its largest; of one value, the middle. The last variable changes first. For logarithms of
/// penalties it is the usual grid of powers.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_bilevel::{Aid, Bilevel, Domain, GridSearch, Run};
/// use hypertape_solvers::{Lbfgs, Method};
/// let inner = Function::record((shape![1], shape![]), |(z, x)| 0.5 * ((z - 2.0).square() + x.exp() * z.square()).sum())?;
/// let outer = Function::record((shape![1], shape![]), |(z, _)| 0.5 * (z - 1.5).square().sum())?;
/// let problem = Bilevel::new(&inner, &outer).within(Domain::boxed(-4.0, 0.0));
/// let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-10)).warm_start();
/// let found = Run::search(&problem, &aid, GridSearch::new(5))?.go()?;
/// // z = 2/(1 + eˣ), and −1 is nearest to ln ⅓ of −4, −3, …, 0. No adjoint system was solved.
/// assert_eq!((found.solution()[[]], found.records.len(), found.phases().adjoint.total()), (-1.0, 5, 0));
/// # Ok::<(), hypertape_bilevel::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GridSearch {
    values: Vec<usize>,
}

impl GridSearch {
    /// So many values of each outer variable.
    #[must_use]
    pub fn new(values: usize) -> Self {
        GridSearch { values: vec![values] }
    }
    /// So many values of each outer variable, one after the other.
    #[must_use]
    pub fn each(values: impl IntoIterator<Item = usize>) -> Self {
        GridSearch { values: values.into_iter().collect() }
    }
    /// The values of variable j.
    fn of(&self, j: usize) -> usize {
        if let [all] = self.values[..] { all } else { self.values.get(j).copied().unwrap_or(0) }
    }
    /// All points; none where they cannot be counted.
    fn points(&self, n: usize) -> Option<u64> {
        (0..n).try_fold(1_u64, |all, j| all.checked_mul(self.of(j) as u64))
    }
}

impl Search for GridSearch {
    fn name(&self) -> String {
        "grid search".into()
    }
    fn check(&self, bounds: &[Bounds]) -> Result<(), ErrorKind> {
        let n = bounds.len();
        if self.values.len() != 1 && self.values.len() != n {
            let problem = format!("the grid has {} variables, and the problem {n}; give as many", self.values.len());
            return Err(ErrorKind::Other(problem));
        }
        if (0..n).any(|j| self.of(j) == 0) {
            return Err(ErrorKind::setting("number of values in a grid", 0.0, "give at least 1 for each variable"));
        }
        match self.points(n) {
            Some(_) => Ok(()),
            None => Err(ErrorKind::Other(format!("the grid has more than 2⁶⁴ points in {n} variables; search at random"))),
        }
    }
    fn count(&self, bounds: &[Bounds]) -> u64 {
        self.points(bounds.len()).unwrap_or(u64::MAX)
    }
    fn next(&self, bounds: &[Bounds], trials: Trials<'_>) -> Result<Vec<f64>> {
        let (mut k, all) = (trials.values.len() as u64, self.count(bounds));
        if k >= all {
            let problem = format!("all {all} points of the grid were tried; give the run at most {all} steps");
            return Err(Error::new(self.name(), ErrorKind::Other(problem)));
        }
        let mut point = vec![0.0; bounds.len()];
        for j in (0..bounds.len()).rev() {
            let m = self.of(j) as u64;
            let share = if m == 1 { 0.5 } else { (k % m) as f64 / (m - 1) as f64 };
            point[j] = bounds[j].at(share);
            k /= m;
        }
        Ok(point)
    }
}
