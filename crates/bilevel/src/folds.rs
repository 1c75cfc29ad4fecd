//! Several problems with the same outer variables: folds of cross-validation, tasks.
use crate::calls::Calls;
use crate::estimator::{Ask, Certified, Estimate, Estimator, Memory, Oracle, Solve};
use crate::problem::Bilevel;
use hypertape_autodiff::{Error, ErrorKind, Result};
use hypertape_solvers::Equation;

/// The mean of the outer objectives of several problems, each with an inner problem of its own and with the same outer variables. Warm starts are those of each part.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// use hypertape_bilevel::{Aid, Ask, Bilevel, Estimator, Folds, Memory};
/// use hypertape_solvers::{Lbfgs, Method};
/// // Folds k = 1, 2: z = k x, h = ½ z²; the mean of k² x.
/// let outer = Function::record((shape![1], shape![1]), |(z, _)| 0.5 * z.square().sum())?;
/// let problem = |k: f64| -> hypertape_autodiff::Result<_> {
///     Ok(Bilevel::new(&Function::record((shape![1], shape![1]), |(z, x)| 0.5 * (z - k * x).square().sum())?, &outer))
/// };
/// let parts = [problem(1.0)?, problem(2.0)?];
/// let folds = Folds::new(parts.iter().map(|p| (p.clone(), Aid::new(&Lbfgs::new(p).tolerance(1e-12)))));
/// let found = folds.prepare(&parts[0])?.at(&[2.0], &mut Memory::default(), Ask::default())?;
/// assert!((found.gradient[0] - 5.0).abs() < 1e-9 && (found.value - 5.0).abs() < 1e-9);
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Folds<Q: Equation, E> {
    parts: Vec<(Bilevel<Q>, E)>,
}

impl<Q: Equation, E: Estimator<Q>> Folds<Q, E> {
    /// Of problems, each with an estimator that was made from it. A run takes any one of the problems besides: its domain is that of the run.
    #[must_use]
    pub fn new(parts: impl IntoIterator<Item = (Bilevel<Q>, E)>) -> Self {
        Folds { parts: parts.into_iter().collect() }
    }
}

struct Ready(Vec<Box<dyn Oracle>>);

impl<Q: Equation, E: Estimator<Q>> Estimator<Q> for Folds<Q, E> {
    fn prepare(&self, problem: &Bilevel<Q>) -> Result<Box<dyn Oracle>> {
        use hypertape_autodiff::tree::Structure;
        let types = problem.shapes()?.1.leaf_types();
        let wrong = |problem: String| Error::new("folds", ErrorKind::Other(problem));
        if self.parts.is_empty() {
            return Err(wrong("there is no part; give at least one problem".into()));
        }
        let mut ready = vec![];
        for (k, (part, estimator)) in self.parts.iter().enumerate() {
            if part.shapes()?.1.leaf_types() != types {
                return Err(wrong(format!("part {k} has other outer variables than the problem of the run; give the same shapes")));
            }
            ready.push(estimator.prepare(part)?);
        }
        Ok(Box::new(Ready(ready)))
    }
}

/// Both solves: all iterations, the largest residual, and whether all have converged.
fn together(a: Option<Solve>, b: Option<Solve>) -> Option<Solve> {
    let (Some(a), Some(b)) = (a, b) else { return a.or(b) };
    Some(Solve { iterations: a.iterations + b.iterations, residual: a.residual.max(b.residual), converged: a.converged && b.converged })
}

impl Oracle for Ready {
    fn name(&self) -> String {
        format!("mean of {} times {}", self.0.len(), self.0.first().map_or(String::new(), |o| o.name()))
    }
    fn at(&mut self, x: &[f64], memory: &mut Memory, ask: Ask) -> Result<Estimate> {
        self.mean(memory, &mut |oracle, own| oracle.at(x, own, ask))
    }
    fn value(&mut self, x: &[f64], memory: &mut Memory, ask: Ask) -> Result<Estimate> {
        self.mean(memory, &mut |oracle, own| oracle.value(x, own, ask))
    }
    fn first_measure(&mut self, x: &[f64], memory: &Memory) -> Result<(f64, Calls)> {
        let none = Memory::default();
        let (mut most, mut all) = (0.0_f64, Calls::default());
        for (k, oracle) in self.0.iter_mut().enumerate() {
            let (measure, calls) = oracle.first_measure(x, memory.parts.get(k).unwrap_or(&none))?;
            (most, all) = (most.max(measure), all + calls);
        }
        Ok((most, all))
    }
    fn takes_tolerances(&self) -> bool {
        self.0.iter().all(|o| o.takes_tolerances())
    }
    fn settings(&self) -> String {
        let mut parts: Vec<String> = self.0.iter().map(|o| o.settings()).collect();
        parts.dedup();
        format!("mean of {}: {}", self.0.len(), parts.join(" | "))
    }
}

impl Ready {
    /// The mean of what each part is asked.
    fn mean(&mut self, memory: &mut Memory, ask: &mut dyn FnMut(&mut dyn Oracle, &mut Memory) -> Result<Estimate>) -> Result<Estimate> {
        memory.parts.resize(self.0.len(), Memory::default());
        let share = 1.0 / self.0.len() as f64;
        let mut all: Option<Estimate> = None;
        for (k, (oracle, own)) in self.0.iter_mut().zip(&mut memory.parts).enumerate() {
            let mut e = ask(&mut **oracle, own).map_err(|e| e.within_one("part", k as u64))?;
            e.value *= share;
            e.correction *= share;
            e.gradient.iter_mut().for_each(|g| *g *= share);
            e.certified = e.certified.map(|c| Certified { estimate: share * c.estimate, bound: c.bound.map(|b| share * b) });
            let Some(sum) = &mut all else {
                all = Some(e);
                continue;
            };
            sum.value += e.value;
            sum.correction += e.correction;
            sum.gradient.iter_mut().zip(&e.gradient).for_each(|(s, g)| *s += g);
            (sum.inner, sum.adjoint) = (together(sum.inner, e.inner), together(sum.adjoint, e.adjoint));
            sum.certified = sum
                .certified
                .zip(e.certified)
                .map(|(a, b)| Certified { estimate: a.estimate + b.estimate, bound: a.bound.zip(b.bound).map(|(a, b)| a + b) });
            sum.phases += e.phases;
        }
        all.ok_or_else(|| Error::new("folds", ErrorKind::misuse("there is no part")))
    }
}
