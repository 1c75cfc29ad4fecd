//! A recorded program with typed doors: immutable, `Send + Sync`, cheap to clone.
mod allow;
mod batched;
mod check;
mod colouring;
mod compressed;
mod dense;
mod diagnose;
mod diagonals;
mod evaluate;
mod guard;
mod linear;
mod linearization;
mod places;
mod restricted;
mod sparse;
mod switching;
mod trace;
mod workspace;
mod wrt;

pub use crate::error::Origin;
pub use allow::Allow;
pub use check::GradientCheck;
pub use diagnose::origin;
pub use evaluate::Number;
pub use linear::Linear;
pub use linearization::{Linearization, Point};
pub use restricted::{Restriction, Skeleton};
pub use sparse::SparseDerivative;
pub use workspace::Workspace;
pub use wrt::Wrt;

use crate::array::Kind;
use crate::error::{Error, ErrorKind, Result, Scalar, Site, Typed, Vectors};
use crate::execute::Executor;
use crate::operation::{Program, Report, Value};
use crate::plan::{Memory, Plan};
use crate::record::{self, DynVar};
use crate::transform;
use crate::tree::{Give, Structure, Vars};
use guard::Guard;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A program, its plan and its common derivatives, each made when it is first asked for.
#[derive(Debug)]
struct Inner {
    /// An error of a transform stays here until the function is used.
    program: Result<Arc<Program>>,
    /// The program whose derivative this one is.
    primal: Option<Arc<Program>>,
    allow: Allow,
    planned: Arc<Planned>,
    /// What solvers inside said in the last one-line call.
    reports: Mutex<Vec<Report>>,
    linearization: OnceLock<Result<Arc<Linearization>>>,
    value_and_gradient: OnceLock<Arc<Inner>>,
    hvp: OnceLock<Arc<Inner>>,
    jvp: OnceLock<Arc<Inner>>,
    vjp: OnceLock<Arc<Inner>>,
}

/// Executors that are kept between calls at the most: as many as threads may call one function at the same time.
const MOST_IDLE: usize = 64;

/// The plan of a program, made when it is first needed, and what runs it between one-line calls.
#[derive(Debug, Default)]
struct Planned {
    plan: OnceLock<Result<Arc<Plan>>>,
    idle: Mutex<Vec<Executor>>,
}

impl Inner {
    fn new(program: Result<Program>) -> Arc<Self> {
        Self::allowing(program.map(Arc::new), None, Allow::Finite, Arc::default())
    }
    fn allowing(program: Result<Arc<Program>>, primal: Option<Arc<Program>>, allow: Allow, planned: Arc<Planned>) -> Arc<Self> {
        Arc::new(Inner {
            program,
            primal,
            allow,
            planned,
            reports: Mutex::default(),
            linearization: OnceLock::new(),
            value_and_gradient: OnceLock::new(),
            hvp: OnceLock::new(),
            jvp: OnceLock::new(),
            vjp: OnceLock::new(),
        })
    }
    fn plan(&self) -> Result<Arc<Plan>> {
        self.planned
            .plan
            .get_or_init(|| {
                let program = self.program.clone()?;
                Plan::new(&program).map(Arc::new)
            })
            .clone()
    }
    fn guard(&self) -> Guard {
        Guard::new(self.program.clone().ok(), self.primal.clone(), self.allow)
    }
    /// An executor of the plan that is idle, or a new one.
    fn executor(&self) -> Result<Executor> {
        let idle = lock(&self.planned.idle).pop();
        idle.map_or_else(|| self.plan().map(Executor::new), Ok)
    }
    /// Keeps an executor for the next call, unless there are many, or it could not get its memory.
    fn keep(&self, executor: Option<Executor>) {
        let mut idle = lock(&self.planned.idle);
        if idle.len() < MOST_IDLE {
            idle.extend(executor.filter(Executor::has_memory));
        }
    }
    /// Another program made from this one.
    fn derive(&self, f: impl FnOnce(&Program) -> Result<Program>) -> Arc<Inner> {
        self.derived(self.program.clone().and_then(|p| f(&p)))
    }
    /// The program of another function that was made from this one.
    fn derived(&self, program: Result<Program>) -> Arc<Inner> {
        let primal = self.primal.clone().or_else(|| self.program.clone().ok());
        Inner::allowing(program.map(Arc::new), primal, self.allow, Arc::default())
    }
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A recorded function from `I` to `O`.
///
/// ```
/// use hypertape_autodiff::{Function, shape};
/// let f = Function::record((shape![3], shape![]), |(x, a)| (a * x.square()).sum())?;
/// let (value, (dx, da)) = f.value_and_gradient((&ndarray::arr1(&[1.0, 2.0, 3.0]), 0.5))?;
/// assert_eq!(value, 7.0);
/// assert_eq!(dx.as_slice(), Some(&[1.0, 2.0, 3.0][..]));
/// assert_eq!(da.first(), Some(&14.0));
/// # Ok::<(), hypertape_autodiff::Error>(())
/// ```
#[derive(Debug)]
pub struct Function<I: Structure, O: Structure> {
    inner: Arc<Inner>,
    inputs: I,
    outputs: O,
}

impl<I: Structure, O: Structure> Clone for Function<I, O> {
    fn clone(&self) -> Self {
        Function { inner: self.inner.clone(), inputs: self.inputs.clone(), outputs: self.outputs.clone() }
    }
}

impl<I: Structure, O: Structure> Function<I, O> {
    /// Traces `body` once. `I` comes from the shapes, `O` from what the closure returns.
    ///
    /// # Errors
    /// The first mistake in the body, with the user's line: shapes that do not fit, a foreign variable, a constant that is not finite.
    #[track_caller]
    pub fn record<R: Vars<Structure = O>>(inputs: I, body: impl FnOnce(I::Vars) -> R) -> Result<Self> {
        Self::trace(inputs, |v| Ok::<R, Error>(body(v)), Site::caller())
    }
    /// The same for a body that can fail in its own ways.
    ///
    /// # Errors
    /// The body's own error, or the first mistake in it.
    #[track_caller]
    pub fn try_record<R: Vars<Structure = O>, E: From<Error>>(inputs: I, body: impl FnOnce(I::Vars) -> Result<R, E>) -> Result<Self, E> {
        Self::trace(inputs, body, Site::caller())
    }
    fn trace<R: Vars<Structure = O>, E: From<Error>>(inputs: I, body: impl FnOnce(I::Vars) -> Result<R, E>, at: Site) -> Result<Self, E> {
        if let Some(t) = inputs.leaf_types().iter().find(|t| !t.is_addressable()) {
            let kind = ErrorKind::Unaddressable { what: "an input", given: t.clone() };
            return Err(Error::new("record", kind).at(at).into());
        }
        let (outputs, program) = record::trace(&inputs.leaf_types(), at, |v| {
            let mut given = v.iter().copied();
            let vars = inputs.vars(&mut |_| given.next().unwrap_or(DynVar::POISON));
            match catch_unwind(AssertUnwindSafe(|| body(vars))) {
                Ok(Ok(r)) => (Ok(Some(r.structure())), r.flat()),
                Ok(Err(e)) => (Err(e), vec![]),
                // After a mistake shapes are empty, and a body that counts on them may stop: the mistake is what its user wants to hear of.
                Err(_) if record::has_failed() => (Ok(None), vec![]),
                Err(panic) => resume_unwind(panic),
            }
        });
        // The body's own error comes before what the recording found.
        let (outputs, program) = (outputs?, program?);
        let types = outputs.as_ref().map(Structure::leaf_types).unwrap_or_default();
        match outputs {
            Some(outputs) if types == program.output_types() => Ok(Function { inner: Inner::new(Ok(program)), inputs, outputs }),
            _ => {
                let kind = ErrorKind::Types { of: Typed::Returned, expected: program.output_types(), given: types };
                Err(Error::new("output", kind).with_operands(program.output_types()).at(at).into())
            }
        }
    }
    pub(crate) fn from_program(program: Result<Program>, inputs: I, outputs: O) -> Self {
        Function { inner: Inner::new(program), inputs, outputs }
    }
    /// A function with these doors from a program with the same leaves.
    ///
    /// # Errors
    /// When the program's inputs or outputs are not the leaves of the structures, or the program was changed into one that cannot be.
    #[track_caller]
    pub fn with_doors(program: Program, inputs: I, outputs: O) -> Result<Self> {
        if let Some(f) = program.fault(true) {
            return Err(Error::new("with_doors", ErrorKind::Program(f.problem)).or(f.site).or_at(Site::caller()));
        }
        for (of, given, expected) in
            [(Typed::Inputs, program.input_types(), inputs.leaf_types()), (Typed::Outputs, program.output_types(), outputs.leaf_types())]
        {
            if given != expected {
                return Err(Error::new("with_doors", ErrorKind::Types { of, expected, given }).at(Site::caller()));
            }
        }
        Ok(Self::from_program(Ok(program), inputs, outputs))
    }
    /// Puts this program into the recording that is open.
    #[track_caller]
    pub fn call(&self, inputs: impl Give<I>) -> O::Vars {
        let (at, given) = (Site::caller(), inputs.give());
        let (wanted, lengths) = (self.inputs.all_lengths(), given.structure().all_lengths());
        if wanted != lengths {
            let kind = ErrorKind::Lengths { of: Vectors::Called, expected: wanted, given: lengths };
            record::fail(Error::new("call", kind).at(at));
        }
        self.call_at(given.flat(), at)
    }
    fn call_at(&self, flat: Vec<DynVar>, at: Site) -> O::Vars {
        let mut made = record::apply_many("call", &flat, at, |b, v| match &self.inner.program {
            Ok(p) => {
                let (given, wanted): (Vec<_>, _) = (v.iter().map(|v| b.type_of(*v).clone()).collect(), p.input_types());
                if given != wanted {
                    let kind = ErrorKind::Types { of: Typed::Called, expected: wanted, given: given.clone() };
                    b.fail(Error::new("call", kind).with_operands(given).at(at));
                    return self.outputs.leaf_types().iter().map(|t| b.full(t, 0.0)).collect();
                }
                b.inline(p, v)
            }
            Err(e) => {
                b.fail(e.clone().or_at(at));
                self.outputs.leaf_types().iter().map(|t| b.full(t, 0.0)).collect()
            }
        })
        .into_iter();
        self.outputs.vars(&mut |_| made.next().unwrap_or(DynVar::POISON))
    }
    /// Which inputs the derivatives are with respect to: a choice of the function's own inputs, in any nesting.
    #[track_caller]
    pub fn wrt<R: Vars>(&self, pick: impl FnOnce(I::Vars) -> R) -> Wrt<I, O, R::Structure> {
        Wrt::new(self, pick)
    }
    /// Some of the outputs, in any nesting.
    #[track_caller]
    pub fn output<R: Vars>(&self, pick: impl FnOnce(O::Vars) -> R) -> Function<I, R::Structure> {
        let (picked, outputs) = places::places("output", &self.outputs, pick);
        let inner = self.inner.derive(|p| transform::select(p, &picked?));
        Function { inner, inputs: self.inputs.clone(), outputs }
    }
    /// The same function of other inputs, from which `body` makes its own.
    ///
    /// # Errors
    /// As [`record`](Function::record).
    #[track_caller]
    pub fn rebind<J: Structure>(&self, inputs: J, body: impl FnOnce(J::Vars) -> I::Vars) -> Result<Function<J, O>> {
        let at = Site::caller();
        Ok(Function::record(inputs, |v| self.call_at(body(v).flat(), at))?.allow(self.inner.allow))
    }
    /// What runs this function again and again: one for each thread.
    #[must_use]
    pub fn workspace(&self) -> Workspace<I, O> {
        Workspace::new(self, self.inner.plan().map(Executor::new))
    }
    /// What running needs in memory, by purpose. For one real number of a function's inputs: with its gradient.
    ///
    /// A function whose derivation failed needs nothing; running it gives the error.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let scalar = matches!(&self.outputs.leaf_types()[..], [t] if t.shape.is_empty() && t.kind.is_real());
        let plan = if scalar { self.value_and_gradient_inner().plan() } else { self.inner.plan() };
        plan.map(|p| p.memory()).unwrap_or_default()
    }
    /// The plan of one evaluation, to print.
    ///
    /// # Errors
    /// When the program cannot be planned, or an earlier transform failed.
    #[track_caller]
    pub fn plan(&self) -> Result<Arc<Plan>> {
        self.inner.plan().map_err(workspace::here())
    }
    /// Shapes of the inputs.
    #[must_use]
    pub fn inputs(&self) -> &I {
        &self.inputs
    }
    /// Shapes of the outputs.
    #[must_use]
    pub fn outputs(&self) -> &O {
        &self.outputs
    }
    /// The recorded program, to print or to transform.
    ///
    /// # Errors
    /// When the transform that should have made it failed.
    #[track_caller]
    pub fn program(&self) -> Result<Arc<Program>> {
        self.inner.program.clone().map_err(workspace::here())
    }
    /// For each input leaf, whether it has derivatives.
    fn real_inputs(&self) -> Vec<bool> {
        self.inputs.leaf_types().iter().map(|t| t.kind.is_real()).collect()
    }
    fn value_and_gradient_inner(&self) -> Arc<Inner> {
        let derive = || self.inner.derive(|p| value_and_gradient(p, &vec![true; p.inputs.len()], 0));
        self.inner.value_and_gradient.get_or_init(derive).clone()
    }
}

/// (inputs…) → (outputs…, gradients of the inputs for which `wanted` holds…) of the output in this place, which must be one real number.
fn value_and_gradient(p: &Program, wanted: &[bool], place: usize) -> Result<Program> {
    let seed = p.type_of(p.outputs[place]).clone();
    if !seed.shape.is_empty() || seed.kind == Kind::U32 {
        return Err(Error::new("gradient", ErrorKind::NotOneNumber { of: Scalar::Output, given: seed }));
    }
    let seeded: Vec<bool> = (0..p.outputs.len()).map(|i| i == place).collect();
    let back = transform::vjp(p, wanted, &seeded)?;
    let mut b = crate::operation::Builder::new();
    let mut given: Vec<Value> = b.inputs(&p.input_types());
    given.push(b.full(&seed, 1.0));
    let out = b.inline(&back, &given);
    transform::dead_code(&b.finish(&out)?)
}
