//! The solution of F(z, θ) = 0 as an operation: its value by any solver, its derivatives by the implicit function theorem.
use crate::adjoint::LinearSolve;
use crate::equation::{Equation, Leaves};
use crate::find::Find;
use crate::flat;
use crate::linear_system::{LinearSystem, filled, negative, reborrow};
use crate::operator::{Jacobian, epsilon};
use crate::policy::OnResidual;
use hypertape_autodiff::array::{AnyArray, AnyView, AnyViewMut, LeafType};
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::operation::Report;
use hypertape_autodiff::record::DynVar;
use hypertape_autodiff::tree::{Own, Vars};
use hypertape_autodiff::{Primitive, Problem, Result};
use hypertape_solvers::krylov::norm;
use smallvec::SmallVec;
use std::any::Any;
use std::sync::Arc;

/// z with F(z, θ) = 0.
///
/// Inputs: start…, θ…, the linear solver's tolerance (f64). Outputs: z….
#[derive(Debug, Clone)]
pub(crate) struct RootOf {
    pub(crate) name: String,
    pub(crate) equation: Arc<Equation>,
    pub(crate) find: Arc<dyn Find>,
    pub(crate) solver: Arc<dyn LinearSolve>,
    pub(crate) policy: OnResidual,
    /// The largest ‖F‖ that counts as a solution, instead of the method's own measure where it has one.
    pub(crate) tolerance: Option<f64>,
    pub(crate) warm: bool,
    /// The α for which I − αF_z is the Jacobian of one step of the method, where there is one.
    pub(crate) step: Option<f64>,
}

/// What one workspace owns for one root.
#[derive(Debug)]
pub(crate) struct Scratch {
    found: Box<dyn Any + Send>,
    jacobian: Result<Jacobian>,
    start: Vec<AnyArray>,
    solution: Vec<AnyArray>,
    residual: Vec<f64>,
    step: Vec<f64>,
    z: Vec<f64>,
    state: Box<dyn Any + Send>,
    started: bool,
}

impl RootOf {
    fn system(&self, transposed: bool) -> LinearSystem {
        LinearSystem {
            equation: self.equation.clone(),
            solver: self.solver.clone(),
            transposed,
            warm: self.warm,
            step: self.step,
            policy: self.policy,
        }
    }
    fn params<'a, T>(&self, inputs: &'a [T]) -> &'a [T] {
        let n = self.equation.solution.len();
        &inputs[n..n + self.equation.params.len()]
    }
    /// The default tolerance on ‖F‖: the square root of the machine epsilon of the coarsest leaf, relative to 1 + ‖z‖.
    fn default_tolerance(&self, z: &[f64]) -> f64 {
        epsilon(self.equation.solution.iter().map(|t| t.kind)).sqrt() * (1.0 + norm(z))
    }
}

/// The types of found leaves must be those of the solution.
fn accept(name: &str, k: usize, v: AnyView<'_>, solution: &mut [AnyArray]) -> Result<(), Problem> {
    // Arrays beyond the last leaf are counted, and refused, by the caller.
    let Some(to) = solution.get_mut(k) else { return Ok(()) };
    match (to, &v) {
        (AnyArray::F64(a), AnyView::F64(b)) if a.shape() == b.shape() => a.assign(b),
        (AnyArray::F32(a), AnyView::F32(b)) if a.shape() == b.shape() => a.assign(b),
        (to, v) => {
            let problem = format!(
                "{name} gave {} for part {k} of the solution, which is {}; give it that shape and element type",
                v.leaf_type(),
                to.leaf_type()
            );
            return Err(problem.into());
        }
    }
    match v.first_non_finite() {
        Some((index, value)) => Err(format!(
            "{name} gave a solution that is not finite: element {index:?} of part {k} is {value}; check what it computes there"
        )
        .into()),
        None => Ok(()),
    }
}

impl Primitive for RootOf {
    type Scratch = Scratch;
    fn name(&self) -> &str {
        &self.name
    }
    fn outputs(&self, inputs: &[LeafType]) -> Result<Vec<LeafType>, Problem> {
        let e = &self.equation;
        let expected: Vec<&LeafType> = e.solution.iter().chain(&e.params).collect();
        let fits = inputs.len() == expected.len() + 1 && inputs.iter().zip(&expected).all(|(a, b)| a == *b);
        if !fits {
            let show = |t: &[&LeafType]| t.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(format!("the start and parameters must be ({})", show(&expected)).into());
        }
        Ok(e.solution.clone())
    }
    fn scratch(&self, _: &[LeafType]) -> Scratch {
        let n = flat::len(&self.equation.solution);
        Scratch {
            found: self.find.state(),
            jacobian: Jacobian::new(&self.equation),
            start: self.equation.solution.iter().map(|t| AnyArray::full(t, 0.0)).collect(),
            solution: self.equation.solution.iter().map(|t| AnyArray::full(t, 0.0)).collect(),
            residual: vec![0.0; n],
            step: vec![0.0; n],
            z: vec![0.0; n],
            state: if self.policy == OnResidual::Refine { self.solver.state(n) } else { Box::new(()) },
            started: false,
        }
    }
    fn scratch_bytes(&self, _: &[LeafType]) -> u64 {
        let n = flat::len(&self.equation.solution) as u64;
        let refine = if self.policy == OnResidual::Refine { 8 * self.solver.state_len(n as usize) as u64 } else { 0 };
        self.find.bytes() + Jacobian::bytes(&self.equation) + 32 * n + refine
    }
    fn value(&self, s: &mut Scratch, inputs: &[AnyView<'_>], outputs: &mut [AnyViewMut<'_>]) -> Result<Option<Report>, Problem> {
        let n = self.equation.solution.len();
        let params = self.params(inputs);
        if self.warm && s.started {
            for (start, last) in s.start.iter_mut().zip(&s.solution) {
                start.clone_from(last);
            }
        } else {
            for (k, v) in inputs[..n].iter().enumerate() {
                accept("the start", k, v.reborrow(), &mut s.start)?;
            }
        }
        s.started = false;
        let mut k = 0;
        let mut problem = Ok(());
        let found = {
            let views: SmallVec<[AnyView<'_>; 8]> = s.start.iter().map(AnyArray::view).collect();
            let solution = &mut s.solution;
            self.find.find(&mut *s.found, &views, params, &mut |v| {
                if problem.is_ok() {
                    problem = accept(&self.name, k, v, solution);
                }
                k += 1;
            })?
        };
        if k != n {
            return Err(format!("{} gave {k} arrays for a solution of {n}; give one for each leaf", self.name).into());
        }
        problem?;
        let jacobian = s.jacobian.as_mut().map_err(|e| e.clone())?;
        flat::pack(s.solution.iter().map(AnyArray::view), &mut s.z);
        let size = {
            let point = point(&s.solution, params);
            jacobian.at(&point, &mut s.residual)?;
            norm(&s.residual)
        };
        let bound = self.tolerance.unwrap_or_else(|| self.default_tolerance(&s.z));
        // A tolerance given here decides; else the method's own measure does, where it has one.
        let (mut residual, mut tolerance) = match found.measure {
            Some(own) if self.tolerance.is_none() => own,
            _ => (size, bound),
        };
        let mut iterations = found.iterations;
        let mut converged = residual <= tolerance;
        if !converged && self.policy == OnResidual::Refine {
            let linear_tolerance = 1e-2;
            tolerance = bound;
            for left in (0..=20).rev() {
                let point = point(&s.solution, params);
                let mut operator = jacobian.at(&point, &mut s.residual)?;
                residual = norm(&s.residual);
                if residual <= tolerance || left == 0 {
                    break;
                }
                s.step.fill(0.0);
                self.solver.solve(&mut operator, &s.residual, &mut s.step, linear_tolerance, self.step, &mut *s.state)?;
                s.z.iter_mut().zip(&s.step).for_each(|(z, d)| *z -= d);
                drop(point);
                flat::unpack(&s.z, flat::views_mut(&mut s.solution));
                iterations += 1;
            }
            converged = residual <= tolerance;
        }
        if !(converged || self.policy == OnResidual::Warn && residual.is_finite() && size.is_finite()) {
            let problem = format!(
                "the point found is not a solution: residual {residual:e}, tolerance {tolerance:e}, {iterations} iterations; raise the iteration limit, \
                 accept it with `on_residual(OnResidual::Warn)`, or improve it with `on_residual(OnResidual::Refine)`"
            );
            return Err(problem.into());
        }
        for (to, from) in outputs.iter_mut().map(reborrow).zip(&s.solution) {
            match (to, from) {
                (AnyViewMut::F64(mut a), AnyArray::F64(b)) => a.assign(b),
                (AnyViewMut::F32(mut a), AnyArray::F32(b)) => a.assign(b),
                _ => {}
            }
        }
        s.started = true;
        let status = if converged { "converged" } else { "not converged" };
        Ok(Some(Report { name: self.name.clone(), iterations, residual, tolerance, converged, status }))
    }
    fn count(&self, s: &Scratch, into: &mut Counts) {
        self.find.count(&*s.found, into);
        if let Ok(j) = &s.jacobian {
            j.count(into);
        }
    }
    fn forget(&self, s: &mut Scratch) {
        s.started = false;
    }
    fn tangent(&self, inputs: &[DynVar], outputs: &[DynVar], tangents: &[Option<DynVar>]) -> Vec<Option<DynVar>> {
        // F_z ż = −F_θ θ̇.
        let (p, tp) = (self.params(inputs), self.params(tangents));
        if tp.iter().all(Option::is_none) {
            return vec![None; outputs.len()];
        }
        let at = Own::<((Leaves, Leaves), Leaves)>(((outputs.to_vec(), p.to_vec()), filled(tp, p)));
        let moved = self.equation.by_params.call(at).scaled(-1.0);
        self.system(false).solve(&moved, outputs, p, inputs[inputs.len() - 1]).into_iter().map(Some).collect()
    }
    fn cotangent(&self, inputs: &[DynVar], outputs: &[DynVar], cotangents: &[Option<DynVar>], _: &[bool]) -> Vec<Option<DynVar>> {
        // F_zᵀ u = z̄, θ̄ = F_θᵀ (−u). The start has none.
        let p = self.params(inputs);
        let u = self.system(true).solve(&filled(cotangents, outputs), outputs, p, inputs[inputs.len() - 1]);
        let at = Own::<((Leaves, Leaves), Leaves)>(((outputs.to_vec(), p.to_vec()), negative(&u)));
        let bars = self.equation.by_params_transposed.call(at);
        let mut all = vec![None; outputs.len()];
        all.extend(bars.iter().map(|c| c.kind().is_real().then_some(*c)));
        all.resize(inputs.len(), None);
        all
    }
}

/// (z…, θ…).
fn point<'v>(solution: &'v [AnyArray], params: &'v [AnyView<'_>]) -> SmallVec<[AnyView<'v>; 16]> {
    solution.iter().map(AnyArray::view).chain(params.iter().map(AnyView::reborrow)).collect()
}
