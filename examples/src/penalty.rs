//! One penalty for logistic regression: the problem on which outer loops and searches are compared (Pedregosa 2016).
//!
//! Rows have length 1, labels below the mean are −1. Inner: the summed logistic loss on one half and eᵃ/2 ‖w‖²; outer: the loss on the other half. On 20 Newsgroups w has 130 107 entries and more.

use crate::digits::{Digits, unit_rows};
use crate::folder::{find, numbers};
use crate::newsgroups::Messages;
use hypertape::bilevel::{Aid, Ask, Bilevel, Estimator, Memory, Outcome, OuterLoop, Run};
use hypertape::prelude::*;
use ndarray::{ArcArray1, ArcArray2, Array1, arr0};
use std::cell::RefCell;
use std::error::Error as StdError;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::rc::Rc;

type Done<T> = std::result::Result<T, Box<dyn StdError>>;

/// Rows and labels of ±1.
type Part = (Csr<f64>, ArcArray1<f64>);

/// The problem.
pub type Problem = Bilevel<Objective<Leaf, Leaf>>;

/// Rows for training and for validation.
#[derive(Debug)]
pub struct LogPenalty {
    /// What the rows are.
    pub name: &'static str,
    train: Part,
    validation: Part,
    features: usize,
}

impl LogPenalty {
    /// 20 Newsgroups, of the folder given or that of `HYPERTAPE_DATA`; none where it is absent.
    ///
    /// # Errors
    /// Files that are not in their format.
    pub fn newsgroups(folder: Option<&PathBuf>) -> Done<Option<LogPenalty>> {
        let Some(all) = Messages::load(folder, "train")? else { return Ok(None) };
        let mean = all.classes.iter().map(|c| f64::from(*c)).sum::<f64>() / all.classes.len() as f64;
        let half = |name: &str| -> Done<Option<Part>> {
            let Some(path) = find(folder, &format!("splits/20news_half_{name}.txt")) else { return Ok(None) };
            let which = numbers(&path)?;
            let y = which.iter().map(|i| if f64::from(all.classes[*i]) < mean { -1.0 } else { 1.0 }).collect::<Array1<f64>>();
            Ok(Some((all.matrix(&which)?, y.into_shared())))
        };
        let (Some(train), Some(validation)) = (half("train")?, half("validation")?) else { return Ok(None) };
        Ok(Some(LogPenalty { name: "20 newsgroups", train, validation, features: all.features }))
    }
    /// Digits below 5 against the others.
    ///
    /// # Errors
    /// As [`Digits::load`].
    pub fn digits() -> Done<LogPenalty> {
        let d = Digits::load()?;
        let half = |x: &ArcArray2<f64>, labels: &[usize]| -> Done<Part> {
            let y = labels.iter().map(|l| if *l < 5 { -1.0 } else { 1.0 }).collect::<Array1<f64>>();
            Ok((unit_rows(x)?, y.into_shared()))
        };
        let (train, validation) = (half(&d.x_train, &d.labels_train)?, half(&d.x_validation, &d.labels_validation)?);
        Ok(LogPenalty { name: "digits", train, validation, features: 64 })
    }
    /// The problem, with counts of its own.
    ///
    /// # Errors
    /// None of these data.
    pub fn problem(&self) -> Result<Problem> {
        let p = self.features;
        let loss = |(x, y): &Part, w: Var| (-(constant(y) * csr(x).dot(w))).softplus().sum();
        let inner = Function::record((shape![p], shape![]), |(w, a)| loss(&self.train, w) + 0.5 * a.exp() * w.square().sum())?;
        let outer = Function::record((shape![p], shape![]), |(w, _)| loss(&self.validation, w))?;
        Ok(Bilevel::new(&inner, &outer))
    }
    /// The exact value and hypergradient at a, warm.
    ///
    /// # Errors
    /// What cannot be solved.
    pub fn exact(&self) -> Done<impl FnMut(f64) -> Result<(f64, f64)> + use<>> {
        let problem = self.problem()?;
        let aid = Aid::new(&NewtonCg::new(&problem).tolerance(1e-7)).adjoint(Cg::tolerance(1e-10).trusted()).warm_start().warm_adjoint();
        let (mut oracle, mut memory) = (aid.prepare(&problem)?, Memory::default());
        Ok(move |a: f64| {
            let e = oracle.at(&[a], &mut memory, Ask::default())?;
            Ok((e.value, e.gradient[0]))
        })
    }
    /// The a of the least loss between −12 and 0 and that loss, by bisection on exact hypergradients, and the loss at a = 0.
    ///
    /// # Errors
    /// As [`exact`](LogPenalty::exact).
    pub fn least(&self) -> Done<(f64, f64, f64)> {
        let mut exact = self.exact()?;
        let at_start = exact(0.0)?.0;
        let (mut low, mut high) = (-12.0, 0.0);
        for _ in 0..40 {
            let a = 0.5 * (low + high);
            if exact(a)?.1 > 0.0 { high = a } else { low = a }
        }
        let best = 0.5 * (low + high);
        Ok((best, exact(best)?.0, at_start))
    }
    /// Steps of an outer loop from a = 0, with AID by warm Newton and conjugate gradients. `least` is what suboptimality is above.
    ///
    /// # Errors
    /// What cannot be solved.
    pub fn run(&self, name: &str, algorithm: impl OuterLoop + 'static, steps: u64, least: f64) -> Done<Ran> {
        let problem = self.problem()?;
        let aid = Aid::new(&NewtonCg::new(&problem)).adjoint(Cg::default().trusted()).warm_start().warm_adjoint();
        let curve = Rc::new(RefCell::new(vec![]));
        let (seen, mut exact) = (curve.clone(), self.exact()?);
        let outcome = Run::new(&problem, &aid, algorithm)?
            .steps(steps)
            .each(move |r, a, _| {
                // What the record counts led to this a.
                let Ok((value, _)) = exact(a[[]]) else { return ControlFlow::Break(()) };
                seen.borrow_mut().push((r.phases.total(), value - least));
                ControlFlow::Continue(())
            })
            .start(arr0(0.0))?
            .go()?;
        Ok(Ran { name: name.into(), curve: curve.take(), outcome })
    }
}

/// A run, and after each step the gradients and products so far and the suboptimality of a.
#[derive(Debug)]
pub struct Ran {
    /// Its name.
    pub name: String,
    /// What it found.
    pub outcome: Outcome<Leaf>,
    /// Calls and suboptimality.
    pub curve: Vec<(u64, f64)>,
}

impl Ran {
    /// The calls after which it is below a suboptimality for the first time.
    #[must_use]
    pub fn calls_to(&self, suboptimality: f64) -> Option<u64> {
        self.curve.iter().find(|c| c.1 < suboptimality).map(|c| c.0)
    }
}
