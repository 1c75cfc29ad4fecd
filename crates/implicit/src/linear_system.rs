//! The equation F_z(z, θ) v = b, or its transpose, as an operation with rules of its own: hence derivatives of every order.
use crate::equation::{Equation, Leaves};
use crate::failure::of_solve;
use crate::flat;
use crate::fold::{Solved, Work};
use crate::handed::Handed;
use crate::operator::Jacobian;
use crate::policy::OnResidual;
use crate::settled::unsettled;
use crate::stamp::Stamp;
use crate::system::{Held, Solved as Ended, System, Task};
use hypertape_autodiff::array::{AnyView, AnyViewMut, Kind, LeafType};
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::operation::{Common, Report};
use hypertape_autodiff::record::{self, DynVar, zeros_like};
use hypertape_autodiff::tree::{Own, Vars};
use hypertape_autodiff::{Error, ErrorKind, Primitive, Result, apply_primitive};
use hypertape_linear::{Auto, Failed, Hints, LinearSolver, Need, Reached, Secants, Side, Status, Tolerance, Workspace, norm};
use std::sync::{Arc, LazyLock};

/// v with F_z v = b, or F_zᵀ v = b.
///
/// Inputs: b…, z…, θ…, the tolerance (f64, relative to ‖b‖), the point's stamp, and the secant pairs of the method that found it, where the solver needs
/// them. Outputs: v….
#[derive(Debug, Clone)]
pub(crate) struct LinearSystem {
    pub(crate) equation: Arc<Equation>,
    pub(crate) solver: Arc<dyn LinearSolver>,
    pub(crate) side: Side,
    /// Whether a solve begins from the last one's result in the same workspace.
    pub(crate) warm: bool,
    /// The α for which I − αF_z is the Jacobian of one step of the method, where there is one.
    pub(crate) step: Option<f64>,
    /// What to do when the solve does not reach its tolerance.
    pub(crate) policy: OnResidual,
    /// How much of itself the result may change by within the uncertainty of the point.
    pub(crate) accuracy: f64,
    /// Whether it is solved on the active set, where there is one.
    pub(crate) restricted: bool,
}

/// What one workspace owns for one linear system.
#[derive(Debug)]
pub(crate) struct Scratch {
    system: Held,
    b: Vec<f64>,
    x: Vec<f64>,
    residual: Vec<f64>,
    handed: Handed,
    /// Where the equation may have a fold.
    fold: Option<Work>,
    /// ‖b‖ of the last solve, where it left a result.
    started: Option<f64>,
}

/// What solves where an estimate of the inverse was asked for and there is no pair to make one of, to which tolerance, and what is said then.
static INSTEAD: LazyLock<Arc<dyn LinearSolver>> = LazyLock::new(|| Arc::new(Auto::default()));
const TO: f64 = 1e-12;
const NO_PAIR: &str = "the method that found the point made no secant pair: the system was solved instead, as by `Auto`";

/// Right-hand sides differ by this factor in size at the most for a warm start.
const ALIKE: f64 = 1e3;

impl LinearSystem {
    /// Emits the equation in the open recording; `last` is what follows θ.
    pub(crate) fn solve(&self, b: &[DynVar], z: &[DynVar], p: &[DynVar], last: &[DynVar]) -> Vec<DynVar> {
        let inputs: Vec<DynVar> = b.iter().chain(z).chain(p).chain(last).copied().collect();
        apply_primitive(self.clone(), &inputs)
    }
    /// An affine equation has no folds, and an approximation says itself how far off it is.
    fn may_fold(&self) -> bool {
        !self.equation.affine && !self.solver.approximate() && self.accuracy.is_finite()
    }
    /// Whether an estimate of the inverse stands for a solve.
    fn estimated(&self) -> bool {
        self.solver.approximate() && self.solver.needs().contains(&Need::Estimate)
    }
    /// Makes the recording fail where the result of the solver would be differentiated and has no derivative: an estimate of the inverse belongs to one point, and how it
    /// moves with the point nobody knows; one draw of a random estimate has a derivative that estimates nothing. Whether it does.
    fn refuse(&self) -> bool {
        let why = match () {
            () if self.estimated() => {
                "its estimate of the inverse belongs to one point; for second derivatives solve with `Shine::tolerance(..)`, CG or LU"
            }
            () if self.solver.random() => {
                "its result is one draw of a random estimate; for second derivatives of the solution use a solver with a tolerance, such as CG"
            }
            () => return false,
        };
        let problem = format!("{} has no derivative: {why}", self.solver.name());
        record::fail(Error::new(system_name(self.side), problem));
        true
    }
    fn other(&self) -> LinearSystem {
        LinearSystem { side: self.side.other(), ..self.clone() }
    }
    /// A(z, θ) v as a function of (z, θ) and v.
    fn product(&self) -> &crate::equation::Product {
        if self.side == Side::Transposed { &self.equation.by_solution_transposed } else { &self.equation.by_solution }
    }
    /// The tolerance, the stamp, the secant pairs.
    fn last<'a, T>(&self, inputs: &'a [T]) -> &'a [T] {
        &inputs[2 * self.equation.solution.len() + self.equation.params.len()..]
    }
    /// (b…, z…, θ…) of a list of inputs.
    fn cut<'a, T>(&self, inputs: &'a [T]) -> [&'a [T]; 3] {
        let (n, m) = (self.equation.solution.len(), self.equation.params.len());
        [&inputs[..n], &inputs[n..2 * n], &inputs[2 * n..2 * n + m]]
    }
}

fn system_name(side: Side) -> &'static str {
    if side == Side::Transposed { "adjoint solve" } else { "linear solve" }
}

fn own(v: &[DynVar]) -> Own<Leaves> {
    Own(v.to_vec())
}

impl Primitive for LinearSystem {
    type Scratch = Scratch;
    fn name(&self) -> &str {
        system_name(self.side)
    }
    fn outputs(&self, inputs: &[LeafType]) -> Result<Vec<LeafType>, ErrorKind> {
        let e = &self.equation;
        let expected: Vec<&LeafType> = e.solution.iter().chain(&e.solution).chain(&e.params).collect();
        let fits = inputs.iter().zip(&expected).all(|(a, b)| a == *b);
        let last = inputs.get(expected.len()..expected.len() + 2);
        if !fits || last != Some(&[LeafType::new(&[], Kind::F64), LeafType::new(&[2], Kind::U32)]) {
            return Err("the right-hand side, point, parameters, tolerance and stamp are not those of the equation".into());
        }
        Ok(e.solution.clone())
    }
    fn scratch(&self, inputs: &[LeafType]) -> Scratch {
        self.scratch_among(inputs, &mut Common::default())
    }
    fn scratch_among(&self, _: &[LeafType], common: &mut Common) -> Scratch {
        let n = flat::len(&self.equation.solution);
        let fold = self.may_fold().then(|| Work::new(&self.equation.solution));
        let system = Held::new(&self.equation, common);
        Scratch { system, b: vec![0.0; n], x: vec![0.0; n], residual: vec![0.0; n], handed: Handed::new(n), fold, started: None }
    }
    fn scratch_bytes(&self, inputs: &[LeafType]) -> u64 {
        let n = flat::len(&self.equation.solution);
        let fold = if self.may_fold() { Work::bytes(&self.equation.solution) } else { 0 };
        24 * n as u64 + Handed::bytes(n, &self.last(inputs)[2..]) + fold
    }
    fn common_bytes(&self, _: &[LeafType]) -> Option<(usize, u64)> {
        let n = flat::len(&self.equation.solution);
        Some((
            Arc::as_ptr(&self.equation) as usize,
            Jacobian::bytes(&self.equation, self.solver.stop().probe) + Workspace::bytes(&*self.solver, n),
        ))
    }
    fn value(&self, s: &mut Scratch, inputs: &[AnyView<'_>], outputs: &mut [AnyViewMut<'_>]) -> Result<Option<Report>, ErrorKind> {
        let n = self.equation.solution.len();
        let (point, last) = (&inputs[n..2 * n + self.equation.params.len()], self.last(inputs));
        let stamp = Stamp::from_halves(&last[1]).ok_or("the stamp of a point is missing")?;
        let System { jacobian, solvers } = &mut *s.system.lock();
        let jacobian = jacobian.as_mut().map_err(|e| e.clone())?;
        let secants = s.handed.of(stamp, &last[2..]);
        let mut operator = jacobian.at(point, Some(stamp), &mut s.residual)?.with(secants);
        flat::pack(inputs[..n].iter().map(AnyView::reborrow), &mut s.b);
        let relative = match &last[0] {
            AnyView::F64(t) => t.iter().next().copied().unwrap_or(0.0),
            _ => 0.0,
        };
        let absolute = self.solver.stop().absolute;
        // Of a right-hand side of another size, the last solution is no start: its residual would drown this one.
        let size = norm(&s.b);
        if !(self.warm && s.started.take().is_some_and(|last| last <= ALIKE * size && size <= ALIKE * last)) {
            s.x.fill(0.0);
        }
        s.started = None;
        let pairs = secants.map(Secants::len);
        // γ b alone is no estimate: of a point from which no pair came.
        let instead = self.estimated() && pairs == Some(0);
        let solver = if instead { &*INSTEAD } else { &self.solver };
        let (z, params) = point.split_at(n);
        let failed = |f: &[f64], e| unsettled(&self.equation, z, params, f, of_solve(&**solver, e));
        let ready = solvers.of(solver, Hints { step: self.step });
        let relative = if instead { relative.max(TO) } else { relative };
        let tolerance = Tolerance { relative, absolute };
        let task = Task { side: self.side, b: &s.b, x: &mut s.x, tolerance, restricted: self.restricted, look: true };
        let Ended { outcome, active } = ready.solve(&mut operator, stamp, task).map_err(|e| failed(&s.residual, e))?;
        let mut report = Report {
            name: system_name(self.side).into(),
            iterations: Some(outcome.iterations),
            residual: outcome.residual,
            tolerance: outcome.tolerance,
            converged: outcome.converged(),
            status: outcome.status,
            active,
            pairs: pairs.filter(|_| self.solver.needs().contains(&Need::Estimate)).map(|k| k as u64),
            remark: if instead { Some(NO_PAIR) } else { outcome.remark },
        };
        // A solve that stalls at a fold is one of a system that is singular there.
        if let Some(work) = &mut s.fold
            && outcome.status != Status::IterationLimit
            && let Some(c) = (Solved {
                point,
                leaves: n,
                side: self.side,
                b: &s.b,
                x: &s.x,
                f: &s.residual,
                stamp,
                accuracy: self.accuracy,
                restricted: self.restricted,
                secants,
            })
            .check(jacobian, work, ready)?
        {
            if self.policy != OnResidual::Warn {
                return Err(c.error(self.accuracy));
            }
            (report.converged, report.status) = (false, c.status());
        }
        if !outcome.converged() && !solver.approximate() && self.policy != OnResidual::Warn {
            let at = Reached { iterations: outcome.iterations, residual: outcome.residual, condition: outcome.condition };
            return Err(failed(&s.residual, Failed::NotConverged { status: outcome.status, tolerance: outcome.tolerance, at }));
        }
        flat::unpack(&s.x, outputs.iter_mut().map(AnyViewMut::reborrow));
        s.started = Some(size);
        Ok(Some(report))
    }
    fn count(&self, s: &Scratch, into: &mut Counts) {
        if let (true, Ok(j)) = (s.system.first, &s.system.lock().jacobian) {
            j.count(into);
        }
    }
    fn forget(&self, s: &mut Scratch) {
        s.started = None;
    }
    fn tangent(&self, inputs: &[DynVar], outputs: &[DynVar], tangents: &[Option<DynVar>]) -> Vec<Option<DynVar>> {
        // A v = b: A v̇ = ḃ − Ȧ v.
        let [b, z, p] = self.cut(inputs);
        let [tb, tz, tp] = self.cut(tangents);
        if tangents.iter().all(Option::is_none) {
            return vec![None; outputs.len()];
        }
        let mut rhs = filled(tb, b);
        let moves = tz.iter().chain(tp).any(Option::is_some);
        if moves && self.refuse() {
            return vec![None; outputs.len()];
        }
        if moves {
            let moved = self.product().wrt(|(zp, _)| zp).jvp().output(|(_, t)| t);
            let at = Own::<((Leaves, Leaves), Leaves)>(((z.to_vec(), p.to_vec()), outputs.to_vec()));
            let direction = Own::<(Leaves, Leaves)>((filled(tz, z), filled(tp, p)));
            rhs = rhs.minus(&moved.call((at, direction)));
        }
        self.solve(&rhs, z, p, self.last(inputs)).into_iter().map(Some).collect()
    }
    fn cotangent(&self, inputs: &[DynVar], outputs: &[DynVar], cotangents: &[Option<DynVar>], wanted: &[bool]) -> Vec<Option<DynVar>> {
        // w = A⁻ᵀ v̄ is the cotangent of b; those of z and θ are (∂(A v))ᵀ (−w).
        let [_, z, p] = self.cut(inputs);
        if wanted[self.equation.solution.len()..].iter().any(|v| *v) && self.refuse() {
            return vec![None; inputs.len()];
        }
        let w = self.other().solve(&filled(cotangents, outputs), z, p, self.last(inputs));
        let mut bars: Vec<Option<DynVar>> = w.iter().copied().map(Some).collect();
        let n = bars.len();
        if wanted[n..].iter().any(|v| *v) {
            let moved = self.product().wrt(|(zp, _)| zp).vjp().output(|(_, c)| c);
            let at = Own::<((Leaves, Leaves), Leaves)>(((z.to_vec(), p.to_vec()), outputs.to_vec()));
            let (cz, cp) = moved.call((at, own(&negative(&w))));
            bars.extend(cz.iter().chain(&cp).map(|c| c.kind().is_real().then_some(*c)));
        }
        bars.resize(inputs.len(), None);
        bars
    }
}

/// Derivatives with zeros for those that are absent.
pub(crate) fn filled(derivatives: &[Option<DynVar>], like: &[DynVar]) -> Vec<DynVar> {
    derivatives.iter().zip(like).map(|(d, like)| d.unwrap_or_else(|| zeros_like(like))).collect()
}

/// −v: of the smaller vector, where a matrix would be the other.
pub(crate) fn negative(v: &[DynVar]) -> Vec<DynVar> {
    v.iter().map(|v| v.scaled(-1.0)).collect()
}
