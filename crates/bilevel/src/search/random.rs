//! Random search.
use super::{Search, Trials};
use crate::domain::Bounds;
use crate::stochastic::below;
use hypertape_autodiff::{ErrorKind, Result};

/// Points that are drawn evenly from the box (Bergstra and Bengio 2012): of several outer variables few may matter, and each trial has new values of all. A point is a pure function of the key and the number of
/// the trial, so longer runs begin as shorter ones do.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_bilevel::{Aid, Bilevel, Domain, RandomSearch, Run};
/// use hypertape_solvers::{Lbfgs, Method};
/// let inner = Function::record((shape![1], shape![]), |(z, x)| 0.5 * ((z - 2.0).square() + x.exp() * z.square()).sum())?;
/// let outer = Function::record((shape![1], shape![]), |(z, _)| 0.5 * (z - 1.5).square().sum())?;
/// let problem = Bilevel::new(&inner, &outer).within(Domain::boxed(-4.0, 0.0));
/// let aid = Aid::new(&Lbfgs::new(&problem).tolerance(1e-10)).warm_start();
/// let found = Run::search(&problem, &aid, RandomSearch::new(100, 7))?.go()?;
/// // z = 2/(1 + eˣ) = 1.5 at x = ln ⅓; a hundred points lie about 0.04 apart.
/// assert!((found.solution()[[]] - (1.0_f64 / 3.0).ln()).abs() < 0.2 && found.records.len() == 100);
/// # Ok::<(), hypertape_bilevel::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RandomSearch {
    points: u64,
    key: u64,
}

impl RandomSearch {
    /// So many points, drawn by a key.
    #[must_use]
    pub fn new(points: u64, key: u64) -> Self {
        RandomSearch { points, key }
    }
}

impl Search for RandomSearch {
    fn name(&self) -> String {
        "random search".into()
    }
    fn check(&self, _: &[Bounds]) -> Result<(), ErrorKind> {
        if self.points == 0 { Err(ErrorKind::setting("number of points", 0.0, "give at least 1")) } else { Ok(()) }
    }
    fn count(&self, _: &[Bounds]) -> u64 {
        self.points
    }
    fn next(&self, bounds: &[Bounds], trials: Trials<'_>) -> Result<Vec<f64>> {
        let (k, n) = (trials.values.len() as u64, bounds.len() as u64);
        // 53 random bits.
        let share = |j: usize| below(self.key, k.wrapping_mul(n).wrapping_add(j as u64), 1 << 53) as f64 / (1_u64 << 53) as f64;
        Ok(bounds.iter().enumerate().map(|(j, b)| b.at(share(j))).collect())
    }
}
