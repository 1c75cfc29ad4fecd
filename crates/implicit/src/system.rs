//! What the operations of one workspace have in common of an equation: F_z at one point, and solvers that are ready for it. So the linear systems of a
//! point, forward and transposed, of every order, share one factorisation.
use crate::active::Active;
use crate::equation::Equation;
use crate::failure::of_product;
use crate::operator::{At, Jacobian};
use crate::restricted::Part;
use crate::stamp::Stamp;
use crate::support::Support;
use hypertape_autodiff::Result;
use hypertape_autodiff::operation::Common;
use hypertape_linear::{Failed, Hints, LinearSolver, Operator, Outcome, Side, Tolerance, Workspace, norm};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// F_z, and the solvers of its systems.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) jacobian: Result<Jacobian>,
    pub(crate) solvers: Solvers,
}

/// A system as one operation holds it.
#[derive(Debug)]
pub(crate) struct Held {
    system: Arc<Mutex<System>>,
    /// Whether this operation was the first to ask for it: it counts what the system executes.
    pub(crate) first: bool,
}

impl Held {
    pub(crate) fn new(e: &Arc<Equation>, common: &mut Common) -> Self {
        let mut first = false;
        let system = common.part(e, || {
            first = true;
            Mutex::new(System { jacobian: Jacobian::new(e), solvers: Solvers::default() })
        });
        Held { system, first }
    }
    /// Operations of one workspace run one after the other: nobody waits.
    pub(crate) fn lock(&self) -> MutexGuard<'_, System> {
        self.system.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Solvers, each made when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Solvers(Vec<Ready>);

impl Solvers {
    /// A solver with these hints.
    pub(crate) fn of(&mut self, solver: &Arc<dyn LinearSolver>, hints: Hints) -> &mut Ready {
        let address = |s: &Arc<dyn LinearSolver>| Arc::as_ptr(s).cast::<()>();
        let found = self.0.iter().position(|r| address(&r.solver) == address(solver) && r.hints == hints);
        let k = found.unwrap_or_else(|| {
            self.0.push(Ready {
                solver: solver.clone(),
                hints,
                whole: None,
                active: None,
                looked_at: [None, None],
                scratch: Scratch::default(),
            });
            self.0.len() - 1
        });
        &mut self.0[k]
    }
}

/// A solver's workspaces, of all unknowns and of the active ones, and the points that they are ready for.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) solver: Arc<dyn LinearSolver>,
    hints: Hints,
    whole: Option<Prepared>,
    active: Option<Prepared>,
    /// The sets whose whole residual was looked at last, of either side.
    looked_at: [Option<Arc<Support>>; 2],
    scratch: Scratch,
}

/// A workspace of so many unknowns, and the point that it is ready for.
#[derive(Debug)]
struct Prepared {
    n: usize,
    workspace: Workspace,
    at: Option<Stamp>,
}

/// Vectors of a restricted solve.
#[derive(Debug, Default)]
struct Scratch {
    right: Vec<f64>,
    x: Vec<f64>,
    product: Vec<f64>,
    solved: Vec<f64>,
}

/// A x = b, or Aᵀ x = b.
pub(crate) struct Task<'a> {
    pub(crate) side: Side,
    pub(crate) b: &'a [f64],
    /// The start, and the result.
    pub(crate) x: &'a mut [f64],
    pub(crate) tolerance: Tolerance,
    /// Whether it may be solved on the active set alone.
    pub(crate) restricted: bool,
    /// Whether a singular F_z is looked for.
    pub(crate) look: bool,
}

/// How a system was solved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Solved {
    pub(crate) outcome: Outcome,
    /// Unknowns of the active set and all, where it was solved on that.
    pub(crate) active: Option<[u64; 2]>,
}

impl Prepared {
    /// A workspace for the operator at the point of this stamp.
    fn of<'a>(
        slot: &'a mut Option<Prepared>,
        solver: &dyn LinearSolver,
        hints: &Hints,
        a: &mut dyn Operator,
        stamp: Stamp,
    ) -> Result<&'a mut Workspace, Failed> {
        let n = a.len();
        if slot.as_ref().is_some_and(|p| p.n != n) {
            *slot = None;
        }
        let p = slot.get_or_insert_with(|| Prepared { n, workspace: Workspace::new(solver, n), at: None });
        if p.at != Some(stamp) {
            p.at = None;
            p.workspace.prepare(a, hints)?;
            p.at = Some(stamp);
        }
        Ok(&mut p.workspace)
    }
}

impl Ready {
    /// Solves a system with F_z at the point of this stamp: on its active set where there is one. Of a set that was not there before, the residual of the whole system must be that of the restricted one.
    pub(crate) fn solve(&mut self, a: &mut At<'_, '_>, stamp: Stamp, task: Task<'_>) -> Result<Solved, Failed> {
        let fits = task.restricted && self.solver.any_size() && !self.solver.approximate();
        if fits
            && norm(task.b) > 0.0
            && let Some(support) = a.support(stamp)
        {
            let mut x = std::mem::take(&mut self.scratch.solved);
            x.clear();
            x.extend_from_slice(task.x);
            let found = self.on_support(a, stamp, &support, &task, &mut x);
            if let Ok(Some(outcome)) = found {
                task.x.copy_from_slice(&x);
                self.scratch.solved = x;
                return Ok(Solved { outcome, active: Some([support.active as u64, task.b.len() as u64]) });
            }
            self.scratch.solved = x;
            a.refuse_support();
        }
        let workspace = Prepared::of(&mut self.whole, &*self.solver, &self.hints, a, stamp)?;
        workspace.look_for_singular(task.look);
        let outcome = workspace.solve(a, task.side, task.b, task.x, task.tolerance)?;
        Ok(Solved { outcome, active: None })
    }
    /// The same on the active set; none where the whole system is not solved by that.
    fn on_support(
        &mut self,
        a: &mut At<'_, '_>,
        stamp: Stamp,
        support: &Arc<Support>,
        task: &Task<'_>,
        whole: &mut [f64],
    ) -> Result<Option<Outcome>, Failed> {
        let Task { side, b, tolerance, look, .. } = *task;
        let Scratch { right, x, product, .. } = &mut self.scratch;
        support.take(whole, x);
        support.take(b, right);
        product.clear();
        product.resize(b.len(), 0.0);
        let m = right.len();
        if side == Side::Plain {
            whole.copy_from_slice(b);
            support.places.iter().for_each(|i| whole[*i] = 0.0);
            if whole.iter().any(|v| *v != 0.0) {
                a.apply(whole, product)?;
                right.iter_mut().zip(&support.places).for_each(|(r, i)| *r -= product[*i]);
            }
        }
        let epsilon = a.epsilon();
        let size = norm(b);
        let mut operator = Active { at: &mut *a, stamp, n: m };
        let workspace = Prepared::of(&mut self.active, &*self.solver, &self.hints, &mut operator, stamp)?;
        workspace.look_for_singular(look);
        // Relative to what the set's own system has on its right: the rest may be much larger.
        let mut outcome = workspace.solve(&mut operator, side, right, x, tolerance)?;
        if side == Side::Transposed {
            operator.part(Part::Outward, x, product)?;
            whole.iter_mut().zip(b).zip(&*product).for_each(|((x, b), p)| *x = b - p);
        }
        support.put(x, whole);
        // The residual of the rest is that of the whole system, if the set is right. Of a set that was not there before, that is not believed.
        let mut more = 1;
        let looked_at = &mut self.looked_at[usize::from(side == Side::Transposed)];
        if looked_at.as_deref() != Some(&**support) {
            more += 1;
            a.oriented(side, whole, product).map_err(of_product)?;
            let image = norm(product);
            product.iter_mut().zip(b).for_each(|(p, b)| *p = b - *p);
            let residual = norm(product);
            let rounding = 8.0 * epsilon * (b.len() as f64).sqrt() * (image + size + outcome.norm.unwrap_or(0.0).max(1.0) * norm(whole));
            // NaN is no residual.
            if residual.is_nan() || residual > 4.0 * outcome.absolute + rounding {
                return Ok(None);
            }
            *looked_at = Some(support.clone());
        }
        let products = &mut outcome.products;
        *(if side == Side::Plain { &mut products.plain } else { &mut products.transposed }) += more;
        Ok(Some(outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hypertape_autodiff::array::AnyArray;
    use hypertape_autodiff::{Function, shape};
    use hypertape_linear::{Known, Lu};
    use hypertape_testkit::{dense, random};
    use ndarray::{Array1, Array2};

    /// A set that leaves active unknowns out is refused: the result is that of all unknowns, on both sides.
    #[test]
    fn a_wrong_set_is_found_out() {
        let n = 80;
        let a: Array2<f64> = Array2::eye(n) + 0.05 * random::sym(1, (n, n));
        let f = Function::record((shape![n], shape![n, n]), |(z, a)| a.dot(z)).unwrap();
        let equation = Arc::new(Equation::new(&f.program().unwrap(), 1, Known::default()).unwrap());
        let b: Array1<f64> = random::sym(2, n);
        let solver: Arc<dyn LinearSolver> = Arc::new(Lu);
        let given = [AnyArray::F64(Array1::zeros(n).into_dyn()), AnyArray::F64(a.clone().into_dyn())];
        let point = given.each_ref().map(AnyArray::view);
        for side in [Side::Plain, Side::Transposed] {
            let mut jacobian = Jacobian::new(&equation).unwrap();
            let stamp = Stamp::new();
            let active: Vec<bool> = (0..n).map(|i| i % 3 == 0).collect();
            let mut residual = vec![0.0; n];
            let mut at = jacobian.at(&point, Some(stamp), &mut residual).unwrap();
            at.parts().0.pretend(stamp, Support::new(&equation.solution, &active));
            let mut solvers = Solvers::default();
            let mut x = vec![0.0; n];
            let tolerance = Tolerance { relative: 1e-10, absolute: 0.0 };
            let task = Task { side, b: b.as_slice().unwrap(), x: &mut x, tolerance, restricted: true, look: true };
            let solved = solvers.of(&solver, Hints::default()).solve(&mut at, stamp, task).unwrap();
            let matrix = if side == Side::Plain { a.view() } else { a.t() };
            let expected = dense::solve(matrix, b.view()).unwrap();
            assert!(solved.active.is_none() && x.iter().zip(&expected).all(|(x, e)| (x - e).abs() < 1e-10));
        }
    }
}
