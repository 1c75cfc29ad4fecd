//! F_z at a point, as a linear operator on vectors of doubles.
use crate::equation::Equation;
use crate::failure::of_product;
use crate::flat;
use hypertape_autodiff::array::{AnyArray, AnyView, Kind};
use hypertape_autodiff::execute::{Counts, Executor};
use hypertape_autodiff::operation::Program;
use hypertape_autodiff::plan::Plan;
use hypertape_autodiff::{ErrorKind, Result};
use hypertape_linear::{Failed, Known, Operator, Side};
use smallvec::SmallVec;
use std::sync::Arc;

/// Where a value lies that products read.
#[derive(Debug, Clone, Copy)]
enum Read {
    /// This input of the point.
    Input(usize),
    /// This output of the point's run.
    Output(usize),
}

/// The executors of an equation's derivative with respect to the solution.
#[derive(Debug)]
pub(crate) struct Jacobian {
    /// Outputs of the point's run that are F.
    values: usize,
    /// What products read, before the vector.
    reads: Vec<Read>,
    point: Executor,
    forward: Executor,
    adjoint: Executor,
    leaves: Vec<AnyArray>,
    n: usize,
    equation: Arc<Equation>,
}

impl Jacobian {
    pub(crate) fn new(e: &Arc<Equation>) -> Result<Self> {
        let executor = |p| Ok::<_, hypertape_autodiff::Error>(Executor::new(Arc::new(Plan::new(p)?)));
        let (point, reads) = primal(e);
        Ok(Jacobian {
            values: e.solution.len(),
            reads,
            point: executor(&point)?,
            forward: executor(&e.linear.linear)?,
            adjoint: executor(&e.transposed)?,
            leaves: e.solution.iter().map(|t| AnyArray::full(t, 0.0)).collect(),
            n: flat::len(&e.solution),
            equation: e.clone(),
        })
    }
    /// Bytes that one of these holds.
    pub(crate) fn bytes(e: &Equation) -> u64 {
        let of = |p| Plan::new(p).map_or(0, |p| p.memory().total());
        of(&primal(e).0) + of(&e.linear.linear) + of(&e.transposed)
    }
    /// The operator at a point (z…, θ…), and F there.
    pub(crate) fn at<'a, 'v>(&'a mut self, point: &'a [AnyView<'v>], residual: &mut [f64]) -> Result<At<'a, 'v>, ErrorKind> {
        self.point.run(point)?;
        flat::pack((0..self.values).map(|k| self.point.output(k)), residual);
        Ok(At { jacobian: self, point })
    }
    /// The coarsest of the element types of the solution.
    fn kind(&self) -> Kind {
        coarsest(self.leaves.iter().map(AnyArray::kind))
    }
    /// The machine epsilon of its products.
    pub(crate) fn epsilon(&self) -> f64 {
        epsilon(self.kind())
    }
    /// Adds what its programs have executed.
    pub(crate) fn count(&self, into: &mut Counts) {
        for e in [&self.point, &self.forward, &self.adjoint] {
            into.add(&e.counts());
        }
    }
}

/// The program of the point, F first, without values that are its inputs as they are; and where products find each value that they read.
fn primal(e: &Equation) -> (Program, Vec<Read>) {
    let mut p = e.linear.primal.clone();
    let made = p.outputs.split_off(e.solution.len());
    let mut reads = vec![];
    for v in made {
        reads.push(match p.inputs.iter().position(|i| *i == v) {
            Some(i) => Read::Input(i),
            None => {
                p.outputs.push(v);
                Read::Output(p.outputs.len() - 1)
            }
        });
    }
    (p, reads)
}

/// F_z at a point.
pub(crate) struct At<'a, 'v> {
    jacobian: &'a mut Jacobian,
    point: &'a [AnyView<'v>],
}

impl At<'_, '_> {
    fn product(&mut self, v: &[f64], out: &mut [f64], adjoint: bool) -> Result<(), ErrorKind> {
        let j = &mut *self.jacobian;
        flat::unpack(v, flat::views_mut(&mut j.leaves));
        let read = |r: &Read| match r {
            Read::Input(i) => self.point[*i].reborrow(),
            Read::Output(k) => j.point.output(*k),
        };
        let inputs: SmallVec<[AnyView<'_>; 16]> = j.reads.iter().map(read).chain(j.leaves.iter().map(AnyArray::view)).collect();
        let executor = if adjoint { &mut j.adjoint } else { &mut j.forward };
        executor.run(&inputs)?;
        flat::pack((0..j.values).map(|k| executor.output(k)), out);
        if v.iter().all(|v| v.is_finite()) && !out.iter().all(|v| v.is_finite()) {
            drop(inputs);
            return self.origin(adjoint);
        }
        Ok(())
    }
    /// The error that names the operation by which a product is not finite, where one can be found.
    fn origin(&self, adjoint: bool) -> Result<(), ErrorKind> {
        let e = &self.jacobian.equation;
        let product = if adjoint { &e.by_solution_transposed } else { &e.by_solution };
        let owned = |v: &[AnyView<'_>]| v.iter().map(AnyView::to_owned).collect::<Vec<AnyArray>>();
        let (z, p) = self.point.split_at(self.jacobian.values);
        let at = ((owned(z), owned(p)), self.jacobian.leaves.clone());
        product.workspace().run_each(&at, &mut |_| {})?;
        Ok(())
    }
}

impl At<'_, '_> {
    /// out = F_z v, or F_zᵀ v.
    pub(crate) fn oriented(&mut self, side: Side, v: &[f64], out: &mut [f64]) -> Result<(), ErrorKind> {
        self.product(v, out, side == Side::Transposed)
    }
}

impl Operator for At<'_, '_> {
    fn len(&self) -> usize {
        self.jacobian.n
    }
    fn apply(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Failed> {
        self.product(v, out, false).map_err(of_product)
    }
    fn apply_transposed(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Failed> {
        self.product(v, out, true).map_err(of_product)
    }
    fn kind(&self) -> Kind {
        self.jacobian.kind()
    }
    fn known(&self) -> Known {
        self.jacobian.equation.known
    }
}

/// The coarsest of some element types.
pub(crate) fn coarsest(mut kinds: impl Iterator<Item = Kind>) -> Kind {
    if kinds.any(|k| k == Kind::F32) { Kind::F32 } else { Kind::F64 }
}

/// The machine epsilon of an element type.
pub(crate) fn epsilon(kind: Kind) -> f64 {
    if kind == Kind::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON }
}
