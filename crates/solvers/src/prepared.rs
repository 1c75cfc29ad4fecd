//! A method on a problem of known shapes, recorded and planned once, solved again and again.
use crate::drive::drive;
use crate::method::{Method, Params, Solution, Unknown};
use crate::problem::Problem;
use crate::report::{Ended, Solved};
use hypertape_autodiff::array::{AnyArray, AnyView, LeafType};
use hypertape_autodiff::error::Typed;
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::function::origin;
use hypertape_autodiff::operation::Program;
use hypertape_autodiff::record::{self, DynVar, Var};
use hypertape_autodiff::tree::{AnyLeaf, Feed, Leaf, Ranked, Structure, V, Vars};
use hypertape_autodiff::{Allow, Error, ErrorKind, Function, Result, Site, Workspace};

/// Solution; the unknown, where it is another, and the secant pairs, where they are handed over; then steps run, then [last step undone, residual, tolerance, stalled].
type Outputs<M> = (Solution<M>, Vec<AnyLeaf>, (Leaf<u32>, [Leaf<f64>; 4]));
/// Start, parameters, what differs from step to step, and variables of the recording that it was prepared in.
type Inputs<M> = (Unknown<M>, Params<M>, <M as Method>::Each, Vec<AnyLeaf>);
/// The structures of a start, of parameters, and of what differs from step to step.
type Doors<M> = (Unknown<M>, Params<M>, <M as Method>::Each);

/// A method on a problem of known shapes, recorded and planned once. It replays without recording, and allocates nothing once warm.
#[derive(Debug)]
pub struct Prepared<M: Method> {
    name: &'static str,
    function: Function<Inputs<M>, Outputs<M>>,
    /// Made when it is first solved.
    workspace: Option<Workspace<Inputs<M>, Outputs<M>>>,
    /// Leaves of the solution, and of the unknown where it is another.
    leaves: (usize, usize),
    /// Types of the secant pairs that it hands over.
    secants: Vec<LeafType>,
    at: Site,
}

impl<M: Method> Clone for Prepared<M> {
    /// Another one for another thread: the recording is shared, the workspace is its own.
    fn clone(&self) -> Self {
        Prepared {
            name: self.name,
            function: self.function.clone(),
            workspace: None,
            leaves: self.leaves,
            secants: self.secants.clone(),
            at: self.at,
        }
    }
}

/// What was recorded besides the count and the numbers.
struct Recorded<M: Method> {
    solution: Solution<M>,
    /// Where it is another.
    unknown: Vec<LeafType>,
    /// Where they are handed over.
    secants: Vec<LeafType>,
}

/// An argument error of a method.
pub(crate) fn wrong(name: &str, problem: impl Into<ErrorKind>, at: Site) -> Error {
    Error::new(name, problem).at(at)
}

/// What the method was made for; its own mistakes are at the line where it is used.
pub(crate) fn shapes<M: Method>(m: &M, at: Site) -> Result<Doors<M>> {
    let both = || {
        let (unknown, params) = m.problem().shapes()?;
        Ok((unknown, params, m.each()?))
    };
    record::on_behalf(at, &[crate::SOURCES], both).map_err(|e: Error| e.or_at(at))
}

/// That a start, parameters, and what differs from step to step (stacked) have the types that the method was made for.
pub(crate) fn fits<M: Method>(m: &M, given: [&[LeafType]; 3], at: Site) -> Result<()> {
    let (solution, params, each) = shapes(m, at)?;
    let list = |t: &[LeafType]| t.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    for (what, given, asked) in [("the start", given[0], solution.leaf_types()), ("the parameters", given[1], params.leaf_types())] {
        if given != asked {
            let given = given.to_vec();
            let problem = ErrorKind::Types { of: Typed::Given(what), expected: asked, given: given.clone() };
            return Err(Error::new(m.name(), problem).with_operands(given).at(at));
        }
    }
    let (each, stacked) = (each.leaf_types(), given[2]);
    let steps = stacked.first().and_then(|t| t.shape.first());
    let row = |(t, one): (&LeafType, &LeafType)| t.kind == one.kind && t.shape.first() == steps && t.shape.get(1..) == Some(&one.shape[..]);
    if stacked.len() != each.len() || !stacked.iter().zip(&each).all(row) {
        let problem = format!("a step takes ({}); give these with one leading axis more, of one entry a step", list(&each));
        return Err(Error::new(m.name(), problem).with_operands(stacked.to_vec()).at(at));
    }
    Ok(())
}

/// The structure of handles with these leaf types.
fn with_leaves<S: Structure>(s: &S, types: &[LeafType], at: Site) -> S {
    let (structure, _) = record::trace(types, at, |v| {
        let mut given = v.iter().copied();
        (s.vars(&mut |_| given.next().unwrap_or(DynVar::POISON)).structure(), vec![])
    });
    structure
}

impl<M: Method> Prepared<M> {
    /// Records in a recording of its own; steps and tolerances that are variables of another one are an error.
    pub(crate) fn new(m: &M, doors: Doors<M>, at: Site) -> Result<Self> {
        let types = Self::check(m, &doors, at)?;
        let (made, program) = record::trace(&types, at, |v| Self::body(m, &doors, v, false, at));
        Self::assemble(m, doors, made, program?, vec![], at)
    }
    /// Records as a region of the open recording: variables of it that the method holds become further inputs, and are returned. With `secants`, those
    /// of the method are handed over, where it has some.
    pub(crate) fn capturing(m: &M, doors: Doors<M>, secants: bool, at: Site) -> Result<(Self, Vec<DynVar>)> {
        let types = Self::check(m, &doors, at)?;
        let (made, captured) = record::capture(&types, at, m.name(), |v| Self::body(m, &doors, v, secants, at));
        let Some(captured) = captured else {
            return Err(wrong(m.name(), "the recording it is used in has failed before", at));
        };
        let extra = captured.captures.iter().map(|v| AnyLeaf(v.leaf_type().unwrap_or(LeafType::new(&[], v.kind())))).collect();
        Ok((Self::assemble(m, doors, made, captured.program, extra, at)?, captured.captures))
    }
    fn check(m: &M, doors: &Doors<M>, at: Site) -> Result<Vec<LeafType>> {
        let each = doors.2.leaf_types();
        fits(m, [&doors.0.leaf_types(), &doors.1.leaf_types(), &each], at)?;
        let steps = each.first().map_or(m.limits().iterations, |t| t.shape.first().copied().unwrap_or(0));
        m.limits().check(steps).and_then(|()| m.check(Some(steps))).map_err(|problem| wrong(m.name(), problem, at))?;
        let mut types = doors.0.leaf_types();
        types.extend(doors.1.leaf_types());
        types.extend(each);
        Ok(types)
    }
    fn body(m: &M, doors: &Doors<M>, v: &[DynVar], secants: bool, at: Site) -> (Recorded<M>, Vec<DynVar>) {
        record::on_behalf(at, &[crate::SOURCES], || {
            let mut given = v.iter().copied();
            let mut next = |_: &LeafType| given.next().unwrap_or(DynVar::POISON);
            let (start, params, each): (V<Unknown<M>>, V<Params<M>>, V<M::Each>) =
                (doors.0.vars(&mut next), doors.1.vars(&mut next), doors.2.vars(&mut next));
            let (unknown, pairs, (count, numbers)) = drive(m, start, &params, each);
            let solution = m.problem().solution(&unknown, &params, m.scale());
            let (mut out, other) = (solution.flat(), unknown.flat());
            let same = out.len() == other.len() && out.iter().zip(&other).all(|(a, b)| a.same_value(*b));
            let other = if same { vec![] } else { other };
            let pairs: Vec<DynVar> = pairs.filter(|_| secants).into_iter().flatten().collect();
            let types = |v: &[DynVar]| v.iter().filter_map(|v| v.leaf_type()).collect();
            let made = Recorded { solution: solution.structure(), unknown: types(&other), secants: types(&pairs) };
            out.extend(other);
            out.extend(pairs);
            out.push(count.to_dyn());
            out.extend(numbers.map(Var::to_dyn));
            (made, out)
        })
    }
    fn assemble(m: &M, doors: Doors<M>, made: Recorded<M>, program: Program, extra: Vec<AnyLeaf>, at: Site) -> Result<Self> {
        let Recorded { solution, unknown, secants } = made;
        let leaves = (solution.leaf_types().len(), unknown.len());
        let number = || Leaf::<f64>::new([]);
        let others = unknown.into_iter().chain(secants.iter().cloned()).map(AnyLeaf).collect();
        let outputs = (solution, others, (Leaf::<u32>::new([]), [number(), number(), number(), number()]));
        let function = Function::with_doors(program, (doors.0, doors.1, doors.2, extra), outputs)?;
        Ok(Prepared { name: m.name(), function, workspace: None, leaves, secants, at })
    }
    /// Types of the secant pairs that [`run_leaves`](Prepared::run_leaves) hands over, as [`Method::secants`] says: none, or four.
    #[must_use]
    pub fn secants(&self) -> &[LeafType] {
        &self.secants
    }
    /// The shapes that one step gets, with the leading axis of what was given.
    pub(crate) fn stacked(each: &M::Each, given: &impl Feed<M::Each>, at: Site) -> M::Each {
        let mut types = vec![];
        given.feed(&mut |v| types.push(v.leaf_type()));
        with_leaves(each, &types, at)
    }

    /// Solves from a start. The solution lies in this workspace. Give `captured` the values of the variables that
    /// [`prepare_here`](crate::Solve::prepare_here) returned, else nothing.
    ///
    /// # Errors
    /// Inputs that do not fit or are not finite; a value inside that is not finite, with the iteration, and the operation and line it came from.
    #[track_caller]
    pub fn run(
        &mut self,
        start: impl Feed<Unknown<M>>,
        params: impl Feed<Params<M>>,
        each: impl Feed<M::Each>,
        captured: &[AnyView<'_>],
    ) -> Result<(<Solution<M> as Structure>::Views<'_>, Ended)> {
        let given = (&start, &params, &each, captured);
        let (solution, _, (count, numbers)) = workspace(&mut self.workspace, &self.function).run(given)?;
        let [a, b, c, d] = numbers;
        let r = Ended::new(count.number()?, [a.number()?, b.number()?, c.number()?, d.number()?]);
        if !r.residual.is_finite() {
            return Err(not_finite(&self.function, &owned::<Inputs<M>>(&given), self.name, r, self.at));
        }
        Ok((solution, r))
    }
    /// As [`run`](Prepared::run), with every leaf of the unknown handed out in order, and then those of the secant pairs; errors name the line where it was prepared.
    ///
    /// # Errors
    /// As [`run`](Prepared::run).
    pub fn run_leaves(
        &mut self,
        start: &impl Feed<Unknown<M>>,
        params: &impl Feed<Params<M>>,
        each: &impl Feed<M::Each>,
        captured: &[AnyView<'_>],
        sink: &mut dyn FnMut(AnyView<'_>),
    ) -> Result<Ended> {
        let given = (start, params, each, captured);
        let (solution, other) = self.leaves;
        let (from, leaves) = if other == 0 { (0, solution) } else { (solution, solution + other) };
        let leaves = leaves + self.secants.len();
        let (mut k, mut steps, mut numbers) = (0, 0, [0.0; 4]);
        workspace(&mut self.workspace, &self.function).run_each(given, &mut |v| {
            match (k < leaves, &v) {
                (true, _) if k < from => {}
                (true, _) => sink(v),
                (_, AnyView::U32(n)) => steps = n.number().unwrap_or_default(),
                (_, AnyView::F64(x)) => numbers[k - leaves - 1] = x.number().unwrap_or(f64::NAN),
                _ => {}
            }
            k += 1;
        })?;
        let r = Ended::new(steps, numbers);
        self.finite(&given, r)?;
        Ok(r)
    }
    /// What its program has executed.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.workspace.as_ref().map(Workspace::counts).unwrap_or_default()
    }
    /// Forgets what earlier solves left for later ones: warm starts of solvers within.
    pub fn forget_warm_starts(&mut self) {
        self.workspace.iter_mut().for_each(Workspace::forget_warm_starts);
    }
    /// The recorded loop.
    #[must_use]
    pub fn function(&self) -> &Function<Inputs<M>, Outputs<M>> {
        &self.function
    }
}

impl<M: Method<Each = ()>> Prepared<M> {
    /// Solves from a start.
    ///
    /// # Errors
    /// As [`run`](Prepared::run).
    #[track_caller]
    pub fn solve(&mut self, start: impl Feed<Unknown<M>>, params: impl Feed<Params<M>>) -> Result<Solved<Solution<M>>> {
        self.owned(start, params, ())
    }
}

impl<M: Method> Prepared<M> {
    /// [`run`](Prepared::run) with the solution copied out.
    #[track_caller]
    pub(crate) fn owned(
        &mut self,
        start: impl Feed<Unknown<M>>,
        params: impl Feed<Params<M>>,
        each: impl Feed<M::Each>,
    ) -> Result<Solved<Solution<M>>> {
        let given = (&start, &params, &each, Vec::<AnyArray>::new());
        let mut out = self.function.outputs().arrays(&mut |t| AnyArray::full(t, 0.0));
        workspace(&mut self.workspace, &self.function).run_into(&given, &mut out)?;
        let (solution, _, (count, [a, b, c, d])) = out;
        let r = Ended::new(count.number()?, [a.number()?, b.number()?, c.number()?, d.number()?]);
        self.finite(&given, r)?;
        Ok(Solved { solution, report: r.report(self.name) })
    }
    fn finite(&self, given: &impl Feed<Inputs<M>>, r: Ended) -> Result<()> {
        if r.residual.is_finite() {
            return Ok(());
        }
        Err(not_finite(&self.function, &owned(given), self.name, r, self.at))
    }
}

/// What runs the loop. What is not finite in its results is looked into here, with the iteration.
fn workspace<'a, I: Structure, O: Structure>(made: &'a mut Option<Workspace<I, O>>, f: &Function<I, O>) -> &'a mut Workspace<I, O> {
    made.get_or_insert_with(|| {
        let mut w = f.workspace();
        w.allow(Allow::Results);
        w
    })
}

fn owned<S: Structure>(given: &impl Feed<S>) -> Vec<AnyArray> {
    let mut arrays = vec![];
    given.feed(&mut |v| arrays.push(v.to_owned()));
    arrays
}

/// The error of a loop that met a value that is not finite.
fn not_finite<I: Structure, O: Structure>(f: &Function<I, O>, inputs: &[AnyArray], name: &str, r: Ended, at: Site) -> Error {
    let found = f.program().ok().and_then(|p| origin(&p, inputs));
    let kind = match found {
        // What arose after the loop is of its last iteration.
        Some(o) => ErrorKind::Diverged {
            iteration: Some(o.turn.map_or(r.iterations, |t| t + 1)),
            value: o.value,
            origin: Some(o.seen_from(Some(at))),
        },
        None => ErrorKind::Diverged { iteration: Some(r.iterations), value: r.residual, origin: None },
    };
    Error::numeric(name, kind).at(at)
}
