//! The solution of F(z, θ) = 0 as an operation: its value by any solver, its derivatives by the implicit function theorem.
use crate::equation::{Equation, Leaves};
use crate::find::{Find, Found};
use crate::flat;
use crate::judge::{FAR_OFF, Newton};
use crate::linear_system::{LinearSystem, filled, negative};
use crate::operator::{Jacobian, coarsest, epsilon};
use crate::policy::{Asked, OnResidual};
use crate::settled::Watch;
use crate::stamp::Stamp;
use crate::system::{Held, System};
use hypertape_autodiff::array::{AnyArray, AnyView, AnyViewMut, Kind, LeafType};
use hypertape_autodiff::error::{Counted, Typed};
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::operation::{Common, Report};
use hypertape_autodiff::record::DynVar;
use hypertape_autodiff::tree::{Own, Vars};
use hypertape_autodiff::{ErrorKind, Primitive, Result};
use hypertape_linear::{Gmres, Hints, LinearSolver, Need, Side, Status, Workspace, norm};
use smallvec::SmallVec;
use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// z with F(z, θ) = 0.
///
/// Inputs: start…, θ…, the linear solver's tolerance (f64). Outputs: z…, the stamp of that point, and the secant pairs of the method that found it, where it
/// hands them over to the linear solver.
#[derive(Debug, Clone)]
pub(crate) struct RootOf {
    pub(crate) name: Cow<'static, str>,
    pub(crate) equation: Arc<Equation>,
    pub(crate) find: Arc<dyn Find>,
    pub(crate) solver: Arc<dyn LinearSolver>,
    pub(crate) policy: OnResidual,
    /// What counts as a solution, instead of the method's own measure where it has one.
    pub(crate) asked: Asked,
    pub(crate) warm: bool,
    /// The α for which I − αF_z is the Jacobian of one step of the method, where there is one.
    pub(crate) step: Option<f64>,
}

/// What one workspace owns for one root.
#[derive(Debug)]
pub(crate) struct Scratch {
    found: Box<dyn Any + Send>,
    system: Held,
    start: Vec<AnyArray>,
    solution: Vec<AnyArray>,
    secants: Vec<AnyArray>,
    residual: Vec<f64>,
    step: Vec<f64>,
    z: Vec<f64>,
    rows: Vec<f64>,
    watch: Option<Watch>,
    started: bool,
}

/// What solves for Newton steps where derivatives are approximated.
static EXACT: LazyLock<Arc<dyn LinearSolver>> = LazyLock::new(|| Arc::new(Gmres::default()));

/// What is left of the residual of the start where a solver that stalls is not near a root.
const OSCILLATES: f64 = 1e-3;

/// Newton steps of a refinement at the most.
const REFINEMENTS: u64 = 20;

/// What was found of a point.
#[derive(Debug, Clone, Copy)]
struct Judged {
    root: bool,
    measure: f64,
    tolerance: f64,
    /// ‖F‖.
    size: f64,
    iterations: Option<u64>,
    refined: u64,
    /// Whether the measure is a Newton step relative to the point.
    newton: bool,
    /// Of the point.
    stamp: Stamp,
}

impl RootOf {
    fn system(&self, side: Side) -> LinearSystem {
        LinearSystem {
            equation: self.equation.clone(),
            solver: self.solver.clone(),
            side,
            warm: self.warm,
            step: self.step,
            policy: self.policy,
            accuracy: self.asked.accuracy,
            restricted: self.asked.restricted,
        }
    }
    fn params<'a, T>(&self, inputs: &'a [T]) -> &'a [T] {
        let n = self.equation.solution.len();
        &inputs[n..n + self.equation.params.len()]
    }
    /// The point, and what its linear systems read besides it: the tolerance, the stamp, the secant pairs.
    fn parts<'a>(&self, inputs: &[DynVar], outputs: &'a [DynVar]) -> (&'a [DynVar], Vec<DynVar>) {
        let (z, rest) = outputs.split_at(self.equation.solution.len());
        (z, inputs.last().into_iter().chain(rest).copied().collect())
    }
    /// The default tolerance on the relative Newton step: the square root of the machine epsilon of the coarsest leaf.
    fn relative(&self) -> f64 {
        self.asked.relative.unwrap_or_else(|| epsilon(coarsest(self.equation.solution.iter().map(|t| t.kind))).sqrt())
    }
    /// The solver of Newton steps: that of the derivatives, unless it is an approximation or needs what is made of this point.
    fn newton(&self) -> &Arc<dyn LinearSolver> {
        if self.solver.approximate() || self.solver.needs().contains(&Need::Estimate) { &EXACT } else { &self.solver }
    }
    /// Whether the point is a solution, and Newton steps towards one where they are asked for.
    ///
    /// Tolerances given here decide; else the method's own measure and tolerance do, where it has them; else the Newton step relative to the point.
    fn judge(&self, s: &mut Scratch, params: &[AnyView<'_>], found: Found) -> Result<Judged, ErrorKind> {
        let System { jacobian, solvers } = &mut *s.system.lock();
        let jacobian = jacobian.as_mut().map_err(|e| e.clone())?;
        flat::pack(s.solution.iter().map(AnyArray::view), &mut s.z);
        let hints = Hints { step: self.step };
        let Asked { absolute, relative, .. } = self.asked;
        let own = found.measure.filter(|_| absolute.is_none() && relative.is_none());
        let mut iterations = found.iterations.map(|(made, _)| made);
        let mut refined = 0;
        loop {
            let point = point(&s.solution, params);
            let stamp = Stamp::new();
            let mut operator = jacobian.at(&point, Some(stamp), &mut s.residual)?;
            let size = norm(&s.residual);
            let mut newton = Newton { solver: solvers.of(self.newton(), hints), stamp, restricted: self.asked.restricted };
            let mut judged = Judged { root: false, measure: size, tolerance: 0.0, size, iterations, refined, newton: false, stamp };
            if let Some((measure, tolerance)) = own.filter(|_| refined == 0) {
                (judged.measure, judged.tolerance, judged.root) = (measure, tolerance, measure <= tolerance);
                if judged.root && size.is_finite() {
                    flat::pack(s.start.iter().map(AnyArray::view), &mut s.rows);
                    let moved = s.rows.iter().zip(&s.z).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    if let Some(step) = newton.far_off(&mut operator, &s.residual, &s.z, moved, [&mut s.step, &mut s.rows])? {
                        (judged.measure, judged.tolerance, judged.root, judged.newton) = (step, FAR_OFF, false, true);
                    }
                } else if !judged.root && self.policy == OnResidual::Error && size.is_finite() {
                    // A tolerance that does not fit the scale may ask for less than rounding leaves.
                    let rounding = newton.rounding(&operator, &s.z);
                    let vectors = [&mut s.step[..], &mut s.rows[..]];
                    let step = newton.measure(&mut operator, &s.residual, &s.z, vectors, rounding)?;
                    if step <= rounding {
                        (judged.measure, judged.tolerance, judged.root, judged.newton) = (step, rounding, true, true);
                    }
                }
            } else {
                if let Some(t) = absolute {
                    (judged.tolerance, judged.root) = (t, size <= t);
                }
                if !judged.root && (absolute.is_none() || relative.is_some()) {
                    let t = self.relative();
                    let vectors = [&mut s.step[..], &mut s.rows[..]];
                    let measure = newton.measure(&mut operator, &s.residual, &s.z, vectors, t)?;
                    (judged.measure, judged.tolerance, judged.root, judged.newton) = (measure, t, measure <= t, true);
                }
            }
            if judged.root || self.policy != OnResidual::Refine || refined == REFINEMENTS || !size.is_finite() {
                return Ok(judged);
            }
            if !newton.step(&mut operator, &s.residual, &mut s.step) {
                return Ok(judged);
            }
            s.z.iter_mut().zip(&s.step).for_each(|(z, d)| *z -= d);
            drop(point);
            flat::unpack(&s.z, s.solution.iter_mut().map(AnyArray::view_mut));
            refined += 1;
            iterations = iterations.map(|k| k + 1);
        }
    }
    /// Whether a kink is within what a Newton step leaves of the way to the solution; F is in `residual`.
    fn kink_within(&self, s: &mut Scratch, params: &[AnyView<'_>], stamp: Stamp) -> Result<bool, ErrorKind> {
        let Some(watch) = &mut s.watch else { return Ok(false) };
        let System { jacobian, solvers } = &mut *s.system.lock();
        let jacobian = jacobian.as_mut().map_err(|e| e.clone())?;
        let at = point(&s.solution, params);
        let mut operator = jacobian.at(&at, Some(stamp), &mut s.residual)?;
        let solver = solvers.of(self.newton(), Hints { step: self.step });
        let mut newton = Newton { solver, stamp, restricted: self.asked.restricted };
        // What is not known is not called settled.
        if !newton.step(&mut operator, &s.residual, &mut s.step) {
            return Ok(true);
        }
        let (z, params) = at.split_at(s.solution.len());
        watch.kink_within([z, params], &s.step).map_err(ErrorKind::from)
    }
    /// ‖F‖ at the start.
    fn at_start(&self, s: &mut Scratch, params: &[AnyView<'_>]) -> Result<f64, ErrorKind> {
        let jacobian = &mut s.system.lock().jacobian;
        let jacobian = jacobian.as_mut().map_err(|e| e.clone())?;
        jacobian.at(&point(&s.start, params), None, &mut s.residual)?;
        Ok(norm(&s.residual))
    }
    /// That the point is not a solution, and what helps. `start` is ‖F‖ at the start.
    fn error(&self, j: &Judged, found: Found, start: f64) -> ErrorKind {
        let warn = "accept it with `on_residual(OnResidual::Warn)`";
        let refine = "improve it with `on_residual(OnResidual::Refine)`";
        // Farther away than where it began is no stall.
        let away = j.size > 2.0 * start;
        let advice = match found.iterations {
            _ if self.policy == OnResidual::Refine => {
                format!("check that the equation has a solution there, begin nearer to it, loosen the tolerance, or {warn}")
            }
            Some((_, _)) if j.newton && found.measure.is_some_and(|(m, t)| m <= t) => {
                format!("its own measure is under its tolerance: give a tolerance that fits the scale of the problem, {warn}, or {refine}")
            }
            Some((k, _)) if found.stalled && !away && j.size > OSCILLATES * start => {
                format!(
                    "the iterations come no nearer, as where steps oscillate or a kink is in the way: the residual was {start:e} at the start and is {:e} after {k} of them; take \
                     smaller steps, or a method that needs no contraction, such as Newton's, or {warn}",
                    j.size
                )
            }
            Some((k, limit)) if (k < limit || found.stalled) && !away => {
                format!(
                    "more than {k} of its {limit} iterations do not help, as at what rounding or a kink allows: loosen the tolerance, {warn}, or {refine}"
                )
            }
            Some((k, _)) if j.size > start && k > 0 => {
                let factor = (j.size / start).powf(1.0 / k as f64);
                format!(
                    "the iterations diverge, a step is not a contraction (factor {factor:.3}): the residual was {start:e} at the start and is {:e}; take smaller steps, or a \
                     method that needs no contraction, such as Newton's",
                    j.size
                )
            }
            Some(_) => format!("raise the iteration limit, {warn}, or {refine}"),
            None => format!("have the code solve to a smaller residual, loosen the tolerance, {warn}, or {refine}"),
        };
        let Judged { measure, tolerance, size, newton, iterations, refined, .. } = *j;
        ErrorKind::NotASolution { measure, tolerance, residual: size, newton, iterations, refined, advice }
    }
}

/// The types of found leaves must be those of the solution.
fn accept(name: &str, k: usize, v: AnyView<'_>, solution: &mut [AnyArray]) -> Result<(), ErrorKind> {
    // Arrays beyond the last leaf are counted, and refused, by the caller.
    let Some(to) = solution.get_mut(k) else { return Ok(()) };
    if !to.view_mut().assign(&v) {
        return Err(ErrorKind::types(Typed::Solution(k), &to.leaf_type(), &v.leaf_type()));
    }
    match v.first_non_finite() {
        Some((index, value)) => Err(ErrorKind::SolutionNotFinite { name: name.into(), part: k, index, value }),
        None => Ok(()),
    }
}

impl Primitive for RootOf {
    type Scratch = Scratch;
    fn name(&self) -> &str {
        &self.name
    }
    fn outputs(&self, inputs: &[LeafType]) -> Result<Vec<LeafType>, ErrorKind> {
        let e = &self.equation;
        let expected: Vec<&LeafType> = e.solution.iter().chain(&e.params).collect();
        let fits = inputs.len() == expected.len() + 1 && inputs.iter().zip(&expected).all(|(a, b)| a == *b);
        if !fits {
            // What follows the declared parameters is the library's own.
            let n = e.solution.len();
            let (start, rest) = inputs.split_at(n.min(inputs.len()));
            let (of, expected, given) = if start == &e.solution[..] {
                (Typed::Given("the parameters"), &e.params[..], &rest[..e.params.len().min(rest.len())])
            } else {
                (Typed::Given("the start"), &e.solution[..], start)
            };
            return Err(ErrorKind::Types { of, expected: expected.to_vec(), given: given.to_vec() });
        }
        Ok(e.solution.iter().cloned().chain([LeafType::new(&[2], Kind::U32)]).chain(self.find.secants()).collect())
    }
    fn scratch(&self, inputs: &[LeafType]) -> Scratch {
        self.scratch_among(inputs, &mut Common::default())
    }
    fn scratch_among(&self, _: &[LeafType], common: &mut Common) -> Scratch {
        let n = flat::len(&self.equation.solution);
        Scratch {
            found: self.find.state(),
            system: Held::new(&self.equation, common),
            start: self.equation.solution.iter().map(|t| AnyArray::full(t, 0.0)).collect(),
            solution: self.equation.solution.iter().map(|t| AnyArray::full(t, 0.0)).collect(),
            secants: self.find.secants().iter().map(|t| AnyArray::full(t, 0.0)).collect(),
            residual: vec![0.0; n],
            step: vec![0.0; n],
            z: vec![0.0; n],
            rows: vec![0.0; n],
            watch: self.asked.settled.then(|| Watch::new(&self.equation)).flatten(),
            started: false,
        }
    }
    fn scratch_bytes(&self, _: &[LeafType]) -> u64 {
        let n = flat::len(&self.equation.solution) as u64;
        let secants: usize = self.find.secants().iter().map(LeafType::bytes).sum();
        self.find.bytes() + 48 * n + secants as u64
    }
    fn common_bytes(&self, _: &[LeafType]) -> Option<(usize, u64)> {
        let steps = self.policy == OnResidual::Refine || !self.find.measures();
        let (newton, looks) = if steps {
            (Workspace::bytes(&**self.newton(), flat::len(&self.equation.solution)), self.newton().stop().probe)
        } else {
            (0, 0)
        };
        Some((Arc::as_ptr(&self.equation) as usize, Jacobian::bytes(&self.equation, looks) + newton))
    }
    fn value(&self, s: &mut Scratch, inputs: &[AnyView<'_>], outputs: &mut [AnyViewMut<'_>]) -> Result<Option<Report>, ErrorKind> {
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
        let mut k = 0_usize;
        let (mut problem, mut taken) = (Ok(()), true);
        let found = {
            let views: SmallVec<[AnyView<'_>; 8]> = s.start.iter().map(AnyArray::view).collect();
            let (solution, secants) = (&mut s.solution, &mut s.secants);
            self.find.find(&mut *s.found, &views, params, &mut |v| {
                match k.checked_sub(n).and_then(|k| secants.get_mut(k)) {
                    Some(to) => taken &= to.view_mut().assign(&v),
                    None if problem.is_ok() => problem = accept(&self.name, k, v, solution),
                    None => {}
                }
                k += 1;
            })?
        };
        let expected = n + s.secants.len();
        if k != expected || !taken {
            return Err(ErrorKind::Count { of: Counted::Solution, given: k, expected });
        }
        problem?;
        let judged = self.judge(s, params, found)?;
        if !(judged.root || self.policy == OnResidual::Warn && judged.size.is_finite()) {
            let start = self.at_start(s, params)?;
            return Err(self.error(&judged, found, start));
        }
        let stamp = judged.stamp.halves();
        let stamp = AnyView::U32(ndarray::aview1(&stamp).into_dyn());
        for (to, from) in
            outputs.iter_mut().zip(s.solution.iter().map(AnyArray::view).chain([stamp]).chain(s.secants.iter().map(AnyArray::view)))
        {
            if !to.assign(&from) {
                return Err(ErrorKind::misuse("an output does not have the type of its part of the solution"));
            }
        }
        s.started = true;
        let status = match judged {
            Judged { stamp, .. } if self.kink_within(s, params, stamp)? => Status::SetNotSettled,
            Judged { root: true, .. } => Status::Converged,
            Judged { newton: true, .. } => Status::FarFromRoot,
            _ => Status::NotARoot,
        };
        let Judged { measure: residual, tolerance, iterations, .. } = judged;
        let converged = status.converged();
        Ok(Some(Report {
            name: self.name.clone(),
            iterations,
            residual,
            tolerance,
            converged,
            status,
            active: None,
            pairs: None,
            remark: None,
        }))
    }
    fn count(&self, s: &Scratch, into: &mut Counts) {
        self.find.count(&*s.found, into);
        if let (true, Ok(j)) = (s.system.first, &s.system.lock().jacobian) {
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
        let (z, last) = self.parts(inputs, outputs);
        let at = Own::<((Leaves, Leaves), Leaves)>(((z.to_vec(), p.to_vec()), filled(tp, p)));
        let moved = self.equation.by_params.call(at).scaled(-1.0);
        let solved = self.system(Side::Plain).solve(&moved, z, p, &last);
        let mut all: Vec<Option<DynVar>> = solved.into_iter().map(Some).collect();
        all.resize(outputs.len(), None);
        all
    }
    fn cotangent(&self, inputs: &[DynVar], outputs: &[DynVar], cotangents: &[Option<DynVar>], _: &[bool]) -> Vec<Option<DynVar>> {
        // F_zᵀ u = z̄, θ̄ = F_θᵀ (−u). The start has none.
        let p = self.params(inputs);
        let (z, last) = self.parts(inputs, outputs);
        let u = self.system(Side::Transposed).solve(&filled(cotangents, z), z, p, &last);
        let at = Own::<((Leaves, Leaves), Leaves)>(((z.to_vec(), p.to_vec()), negative(&u)));
        let bars = self.equation.by_params_transposed.call(at);
        let mut all = vec![None; z.len()];
        all.extend(bars.iter().map(|c| c.kind().is_real().then_some(*c)));
        all.resize(inputs.len(), None);
        all
    }
}

/// (z…, θ…).
fn point<'v>(solution: &'v [AnyArray], params: &'v [AnyView<'_>]) -> SmallVec<[AnyView<'v>; 16]> {
    solution.iter().map(AnyArray::view).chain(params.iter().map(AnyView::reborrow)).collect()
}
