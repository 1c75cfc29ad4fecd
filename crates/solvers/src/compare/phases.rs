//! Products of a hypergradient by phase: finding the solution, the derivative of that, and the outer objective with its gradient.
use super::flat;
use crate::inner::Inner;
use hypertape_autodiff::array::{AnyArray, Real};
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::operation::Class;
use hypertape_autodiff::record::{DynVar, Var};
use hypertape_autodiff::tree::{AnyLeaf, Structure, V, Vars};
use hypertape_autodiff::{Function, Result};
use std::cell::RefCell;
use std::collections::VecDeque;

/// How many products there are of each kind.
pub type Kinds = Vec<(Class, u64)>;

/// Products of one evaluation of value and gradient, by phase and kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Phases {
    /// Finding the solution.
    pub inner: Kinds,
    /// What is left: the adjoint solve and what it needs, or the way back through the unrolled steps.
    pub adjoint: Kinds,
    /// The outer objective at the solution, and its gradient.
    pub outer: Kinds,
}

/// Hands on what a solver finds, and keeps the handles.
struct Spy<'a, S: Structure, P: Structure> {
    of: &'a dyn Inner<S, P>,
    seen: RefCell<Vec<V<S>>>,
}

impl<S: Structure, P: Structure> Inner<S, P> for Spy<'_, S, P> {
    fn name(&self) -> String {
        self.of.name()
    }
    #[track_caller]
    fn solve_vars(&self, start: V<S>, params: V<P>) -> V<S> {
        let found = self.of.solve_vars(start, params);
        self.seen.borrow_mut().push(found.clone());
        found
    }
}

/// Solutions that are known already, in the order in which they are asked for.
struct Known<S: Structure>(RefCell<VecDeque<V<S>>>);

impl<S: Structure, P: Structure> Inner<S, P> for Known<S> {
    fn name(&self) -> String {
        "known".into()
    }
    fn solve_vars(&self, start: V<S>, _: V<P>) -> V<S> {
        self.0.borrow_mut().pop_front().unwrap_or(start)
    }
}

/// One run's products by kind.
fn counted<O: Structure>(f: &Function<Vec<AnyLeaf>, O>, x: &[AnyArray], out: &mut Vec<AnyArray>) -> Result<Counts> {
    let mut workspace = f.workspace();
    workspace.run_each(x, &mut |v| out.push(v.to_owned()))?;
    Ok(workspace.counts())
}

impl Phases {
    /// The solves are run by themselves, and the outer gradient with their solutions given; the rest of all products is the adjoint's.
    pub(super) fn of<S: Structure, P: Structure, I: Structure, T: Real>(
        all: &Counts,
        method: &dyn Inner<S, P>,
        inputs: &I,
        x: &[AnyArray],
        outer: &impl Fn(&dyn Inner<S, P>, I::Vars) -> Var<T>,
    ) -> Result<Phases> {
        let mut shapes: Vec<S> = vec![];
        let solves = Function::record(inputs.clone(), |v| {
            let spy = Spy { of: method, seen: RefCell::default() };
            let _ = outer(&spy, v);
            let found = spy.seen.into_inner();
            shapes = found.iter().map(Vars::structure).collect();
            found.iter().flat_map(Vars::flat).collect::<Vec<DynVar>>()
        })?;
        let mut given = vec![];
        let inner = counted(&flat(&solves)?, x, &mut given)?;
        let solutions: Vec<AnyLeaf> = solves.outputs().clone();
        let rest = Function::record((solutions, inputs.clone()), |(z, v)| {
            let mut z = z.into_iter();
            let known = shapes.iter().map(|s| s.vars(&mut |_| z.next().unwrap_or(DynVar::POISON))).collect();
            outer(&Known::<S>(RefCell::new(known)), v)
        })?;
        given.extend(x.iter().cloned());
        let outer = counted(&flat(&rest)?.wrt(|x| x).value_and_gradient(), &given, &mut vec![])?;
        let of = |c: &Counts, class: Class| c.products(class, None);
        let left = |(class, times): (Class, u64)| (class, times.saturating_sub(of(&inner, class) + of(&outer, class)));
        let adjoint = all.by_class().into_iter().map(left).filter(|(_, times)| *times > 0).collect();
        Ok(Phases { inner: inner.by_class(), adjoint, outer: outer.by_class() })
    }
}
