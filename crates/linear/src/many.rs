//! Several right-hand sides with one operator: each is scaled, judged and reported by itself.
use crate::near::Near;
use crate::operator::{Operator, Side};
use crate::outcome::{Outcome, Tolerance};
use crate::stop::Goal;
use crate::system::System;
use crate::workspace::Workspace;
use hypertape_autodiff::outcome::{Failed, Reached};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

/// Solutions for the columns of a matrix B, and how each was found.
#[derive(Debug, Clone)]
pub struct Many {
    /// X, one solution a column, each of them contiguous in memory. A column that failed holds NaN, so that nobody takes it for a solution.
    pub x: Array2<f64>,
    /// How the solve of each column ended. It is for the caller to look at: a residual above the tolerance is no error here.
    pub outcomes: Vec<Result<Outcome, Failed>>,
}

impl Many {
    /// Whether every column is what was asked for, as far as rounding allows.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.outcomes.iter().all(|o| o.as_ref().is_ok_and(Outcome::converged))
    }
    /// The columns that failed, and why.
    pub fn failed(&self) -> impl Iterator<Item = (usize, &Failed)> {
        self.outcomes.iter().enumerate().filter_map(|(j, o)| o.as_ref().err().map(|e| (j, e)))
    }
}

impl Workspace {
    /// A X = B, or Aᵀ X = B, from the X given. The columns that are neither 0 nor wrong are solved together where the method has a way to do so,
    /// else one after another.
    pub(crate) fn solve_many(
        &mut self,
        a: &mut dyn Operator,
        side: Side,
        b: ArrayView2<'_, f64>,
        mut x: ArrayViewMut2<'_, f64>,
        tolerance: Tolerance,
    ) -> Vec<Result<Outcome, Failed>> {
        let (mut outcomes, mut open): (Vec<_>, Vec<(usize, Near)>) = (vec![], vec![]);
        let (mut right, mut together) = (vec![], vec![]);
        for (j, (b, mut x)) in b.columns().into_iter().zip(x.columns_mut()).enumerate() {
            let (b, mut start) = (b.to_vec(), x.to_vec());
            let begins = self.begins(a, side, [b.len(), start.len()], tolerance);
            let near = begins.and_then(|()| Near::of(&b, &mut start, tolerance, a.epsilon(), self.accuracy()));
            if let Ok(Some(near)) = near {
                right.extend(b.iter().map(|b| b * near.shrink));
                together.append(&mut start);
                open.push((j, near));
            } else {
                x.fill(0.0);
            }
            let nothing = Failed::Breakdown { what: "the method gave no result for this right-hand side", at: Reached::default() };
            outcomes.push(near.and_then(|near| if near.is_some() { Err(nothing) } else { Ok(Outcome::zero()) }));
        }
        let goals: Vec<Goal> = open.iter().map(|(_, near)| near.goal).collect();
        let mut system = System::new(a, side);
        let block = self.state().filter(|_| goals.len() > 1).and_then(|s| s.solve_block(&mut system, &right, &mut together, &goals));
        let n = system.unknowns().max(1);
        let Some(columns) = block else {
            for (j, _) in open {
                let mut solution = x.column(j).to_vec();
                outcomes[j] = self.solve(a, side, &b.column(j).to_vec(), &mut solution, tolerance);
                x.column_mut(j).iter_mut().zip(solution).for_each(|(to, v)| *to = v);
            }
            return outcomes;
        };
        let vectors = right.chunks_exact(n).zip(together.chunks_exact(n));
        let judged: Vec<_> = columns
            .into_iter()
            .zip(vectors)
            .zip(&goals)
            .map(|((column, (b, x)), goal)| {
                system.products = column.products;
                column.ended.and_then(|ended| self.judge(&mut system, b, x, goal, ended))
            })
            .collect();
        let factor = system.factor();
        for (((j, near), judged), solution) in open.into_iter().zip(judged).zip(together.chunks_exact_mut(n)) {
            outcomes[j] = near.concluded(a, factor, solution, judged);
            x.column_mut(j).iter_mut().zip(solution).for_each(|(to, v)| *to = *v);
        }
        outcomes
    }
}
