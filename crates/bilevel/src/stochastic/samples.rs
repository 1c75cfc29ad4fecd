//! What a stochastic loop may ask of a problem: gradients and products on the mini-batch of a draw, each counted.
use super::batches::Drawer;
use super::problem::Stochastic;
use crate::calls::Phases;
use crate::domain::Domain;
use crate::estimator::Memory;
use crate::file::in_short;
use crate::leaves::{Leaves, push};
use hypertape_autodiff::array::{AnyArray, AnyView, LeafType};
use hypertape_autodiff::tree::{AnyLeaf, Leaf, Structure};
use hypertape_autodiff::{Function, Result, Workspace};

type L = Vec<AnyLeaf>;
/// (z, x, rows).
type At = (L, L, L);

/// Rows of the inner or of the outer objective.
#[derive(Debug, Clone)]
pub struct Rows {
    leaf: Leaves,
    size: u64,
}

/// The objectives on mini-batches. Vectors are the leaves of a structure one after the other.
pub struct Samples {
    types: [Vec<LeafType>; 2],
    rows: [Vec<LeafType>; 2],
    drawers: [Drawer; 2],
    inner: Workspace<At, (Leaf<f64>, (L, L))>,
    product: Workspace<(At, L), L>,
    products: Workspace<(At, L), (L, L)>,
    outer: Workspace<At, (Leaf<f64>, (L, L))>,
    gradient: Workspace<At, L>,
    domain: Domain,
    first: Vec<f64>,
    /// z, x and a direction, as the functions read them: millions of entries are not allocated again for each batch.
    held: [Leaves; 3],
    pub(crate) phases: Phases,
}

impl std::fmt::Debug for Samples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Samples").field("drawers", &self.drawers).finish_non_exhaustive()
    }
}

/// A point: inner and outer variables.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a> {
    /// z.
    pub z: &'a [f64],
    /// The variables that the loop moves.
    pub free: &'a [f64],
}

/// Value and gradients of an objective on a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gradients {
    /// The value.
    pub value: f64,
    /// By z.
    pub by_z: Vec<f64>,
    /// By the variables that the loop moves.
    pub by_x: Vec<f64>,
}

fn leaves(types: &[LeafType]) -> L {
    types.iter().cloned().map(AnyLeaf).collect()
}

fn erased<S: Structure, P: Structure>(f: &Function<(S, P, Leaf<u32>), Leaf<f64>>) -> Result<Function<At, Leaf<f64>>> {
    let (z, x, rows) = f.inputs();
    let doors = (leaves(&z.leaf_types()), leaves(&x.leaf_types()), leaves(&rows.leaf_types()));
    Function::with_doors((*f.program()?).clone(), doors, Leaf::new([]))
}

impl Samples {
    pub(crate) fn new<S: Structure, P: Structure>(problem: &Stochastic<S, P>) -> Result<Self> {
        let [g, h] = problem.functions()?;
        let (z, x, rows) = g.inputs();
        let (types, rows) = ([z.leaf_types(), x.leaf_types()], [rows.leaf_types(), h.inputs().2.leaf_types()]);
        let [b, c] = problem.batches();
        let (g, h) = (erased(g)?, erased(h)?);
        let by_z = g.wrt(|(z, _, _)| z).gradient();
        Ok(Samples {
            types,
            rows,
            drawers: [Drawer::new(b)?, Drawer::new(c)?],
            inner: g.wrt(|(z, x, _)| (z, x)).value_and_gradient().workspace(),
            product: by_z.wrt(|(z, _, _)| z).jvp().output(|(_, t)| t).workspace(),
            products: by_z.wrt(|(z, x, _)| (z, x)).vjp().output(|(_, c)| c).workspace(),
            outer: h.wrt(|(z, x, _)| (z, x)).value_and_gradient().workspace(),
            gradient: by_z.workspace(),
            domain: problem.domain().clone(),
            first: problem.first()?,
            held: Default::default(),
            phases: Phases::default(),
        })
    }
    /// The rows of the next draw of the inner objective.
    ///
    /// # Errors
    /// None of a problem that was prepared.
    pub fn inner_rows(&mut self, memory: &mut Memory) -> Result<Rows> {
        self.draw(0, memory)
    }
    /// The rows of the next draw of the outer objective.
    ///
    /// # Errors
    /// None of a problem that was prepared.
    pub fn outer_rows(&mut self, memory: &mut Memory) -> Result<Rows> {
        self.draw(1, memory)
    }
    fn draw(&mut self, side: usize, memory: &mut Memory) -> Result<Rows> {
        // Each side has draws of its own, so that epochs are whole.
        memory.parts.resize(2, Memory::default());
        let k = memory.parts[side].draws;
        memory.parts[side].draws += 1;
        memory.draws += 1;
        let rows = self.drawers[side].draw(k)?;
        Ok(self.rows_of(side, &rows))
    }
    fn rows_of(&self, side: usize, rows: &[u32]) -> Rows {
        let all: Vec<f64> = rows.iter().map(|r| f64::from(*r)).collect();
        Rows { leaf: Leaves::cut(&self.rows[side], &all), size: rows.len() as u64 }
    }
    /// The parts that the rows of the inner (0) or outer (1) objective are cut into, as tables of variance reduction know them.
    #[must_use]
    pub fn parts(&self, side: usize) -> usize {
        self.drawers[side].count()
    }
    /// The rows of a part, which are always the same.
    #[must_use]
    pub fn part(&self, side: usize, k: usize) -> Rows {
        self.rows_of(side, &self.drawers[side].part(k))
    }
    /// A part that is drawn, each with the same probability: the key and the number of the next draw decide.
    pub fn drawn_part(&mut self, side: usize, memory: &mut Memory) -> usize {
        memory.parts.resize(2, Memory::default());
        let k = memory.parts[side].draws;
        memory.parts[side].draws += 1;
        memory.draws += 1;
        self.drawers[side].drawn_part(k)
    }
    /// Holds a point.
    fn hold(&mut self, at: Point<'_>) {
        let mut x = at.free.to_vec();
        self.domain.outer_of(&mut x);
        self.held[0].refill(&self.types[0], at.z);
        self.held[1].refill(&self.types[1], &x);
    }
    /// ∂g/∂z on a batch.
    ///
    /// # Errors
    /// What is not finite.
    pub fn inner_gradient(&mut self, at: Point<'_>, rows: &Rows) -> Result<Vec<f64>> {
        self.phases.inner.gradients += 1;
        self.phases.inner.samples += rows.size;
        self.hold(at);
        let [z, x, _] = &self.held;
        let mut out = Vec::with_capacity(at.z.len());
        self.gradient.run_each((z, x, &rows.leaf), &mut |v| push(&v, &mut out))?;
        Ok(out)
    }
    /// g and its gradients on a batch.
    ///
    /// # Errors
    /// What is not finite.
    pub fn inner(&mut self, at: Point<'_>, rows: &Rows) -> Result<Gradients> {
        self.phases.inner.gradients += 1;
        self.phases.inner.samples += rows.size;
        self.hold(at);
        let [z, x, _] = &self.held;
        let mut out = split(at);
        self.inner.run_each((z, x, &rows.leaf), &mut |v| out.take(&v))?;
        Ok(self.pulled(out, at))
    }
    /// h and its gradients on a batch.
    ///
    /// # Errors
    /// What is not finite.
    pub fn outer(&mut self, at: Point<'_>, rows: &Rows) -> Result<Gradients> {
        self.phases.outer += 1;
        self.phases.adjoint.samples += rows.size;
        self.hold(at);
        let [z, x, _] = &self.held;
        let mut out = split(at);
        self.outer.run_each((z, x, &rows.leaf), &mut |v| out.take(&v))?;
        Ok(self.pulled(out, at))
    }
    /// ∂²g/∂z² v on a batch.
    ///
    /// # Errors
    /// What is not finite.
    pub fn product(&mut self, at: Point<'_>, rows: &Rows, v: &[f64]) -> Result<Vec<f64>> {
        self.phases.adjoint.products += 1;
        self.phases.adjoint.samples += rows.size;
        self.hold(at);
        self.held[2].refill(&self.types[0], v);
        let [z, x, v] = &self.held;
        let mut out = Vec::with_capacity(at.z.len());
        self.product.run_each(((z, x, &rows.leaf), v), &mut |v| push(&v, &mut out))?;
        Ok(out)
    }
    /// (∂²g/∂z² v, ∂²g/∂x∂z v) on a batch: both are derivatives of (∂g/∂z)ᵀv.
    ///
    /// # Errors
    /// What is not finite.
    pub fn products(&mut self, at: Point<'_>, rows: &Rows, v: &[f64]) -> Result<[Vec<f64>; 2]> {
        self.phases.adjoint.products += 1;
        self.phases.adjoint.crosses += 1;
        self.phases.adjoint.samples += rows.size;
        self.hold(at);
        self.held[2].refill(&self.types[0], v);
        let [z, x, v] = &self.held;
        let mut out = split(at);
        out.has_value = true;
        self.products.run_each(((z, x, &rows.leaf), v), &mut |v| out.take(&v))?;
        let Gradients { by_z, by_x, .. } = self.pulled(out, at);
        Ok([by_z, by_x])
    }
    fn pulled(&self, mut out: Split, at: Point<'_>) -> Gradients {
        let mut x = at.free.to_vec();
        self.domain.outer_of(&mut x);
        self.domain.pull(&x, &mut out.made.by_x);
        out.made
    }
    /// The mini-batches and the start, in words.
    pub(crate) fn settings(&self) -> String {
        let [inner, outer] = self.drawers.each_ref().map(|d| format!("{:?}", d.batches()));
        format!("{inner}, {outer}, start {}", in_short(&self.first))
    }
    /// The inner variables at the start.
    pub(crate) fn first(&self) -> &[f64] {
        &self.first
    }
    /// Moves to free − step · direction, back into the set; returns how far that is.
    pub fn advance(&self, free: &mut [f64], step: f64, direction: &[f64]) -> f64 {
        self.domain.advance(free, step, direction)
    }
}

/// Takes a value, then the entries of z, then those of x.
struct Split {
    made: Gradients,
    n: usize,
    has_value: bool,
}

fn split(at: Point<'_>) -> Split {
    Split { made: Gradients::default(), n: at.z.len(), has_value: false }
}

impl Split {
    fn take(&mut self, v: &AnyView<'_>) {
        if !self.has_value {
            self.made.value = AnyArray::to_f64(&v.to_owned()).first().copied().unwrap_or(f64::NAN);
            self.has_value = true;
        } else if self.made.by_z.len() < self.n {
            push(v, &mut self.made.by_z);
        } else {
            push(v, &mut self.made.by_x);
        }
    }
}
