//! F_z at a point, as a linear operator on vectors of doubles.
use crate::equation::{Equation, Leaves, Product};
use crate::failure::of_product;
use crate::feed::Views;
use crate::flat;
use crate::restricted::Restricted;
use crate::stamp::Stamp;
use crate::support::Support;
use hypertape_autodiff::array::{AnyArray, AnyView, Kind};
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::function::Point;
use hypertape_autodiff::{Error, ErrorKind, Result, Workspace};
use hypertape_linear::{Failed, Known, Operator, Secants, Side};
use smallvec::SmallVec;
use std::sync::Arc;

/// The executors of an equation's derivative with respect to the solution.
#[derive(Debug)]
pub(crate) struct Jacobian {
    /// Outputs of the point's run that are F.
    values: usize,
    point: Point,
    leaves: Vec<AnyArray>,
    /// The same for a second direction, made when one comes.
    second: Vec<AnyArray>,
    n: usize,
    pub(crate) equation: Arc<Equation>,
    /// Where the point is set.
    set: Option<Stamp>,
    restricted: Restricted,
    /// What runs the products with mini-batches, plain and transposed.
    sampled: [Option<Workspace<((Leaves, Leaves), Leaves), Leaves>>; 2],
}

impl Jacobian {
    pub(crate) fn new(e: &Arc<Equation>) -> Result<Self> {
        Ok(Jacobian {
            values: e.solution.len(),
            point: Point::new(&e.linear)?,
            leaves: e.solution.iter().map(|t| AnyArray::full(t, 0.0)).collect(),
            second: vec![],
            n: flat::len(&e.solution),
            equation: e.clone(),
            set: None,
            restricted: Restricted::default(),
            sampled: [None, None],
        })
    }
    /// Bytes that one of these holds, at the most, for a solver that looks for a null space up to so many unknowns: two directions at once then.
    pub(crate) fn bytes(e: &Equation, looks: usize) -> u64 {
        let n = flat::len(&e.solution);
        let directions = if n <= looks { 3 } else { 1 };
        let planned = |p: &Product| p.plan().map_or(0, |p| p.memory().total());
        let sampled = e.sampled.as_ref().map_or(0, |s| planned(&s.plain) + planned(&s.transposed));
        let [value, forward, reverse] = e.linear.memory().map(|m| m.total());
        value + directions * (forward + reverse + 8 * n as u64) + sampled
    }
    /// The operator at a point (z…, θ…), and F there. It is set anew unless it was set last at the point of this stamp.
    pub(crate) fn at<'a, 'v>(
        &'a mut self,
        point: &'a [AnyView<'v>],
        stamp: Option<Stamp>,
        residual: &mut [f64],
    ) -> Result<At<'a, 'v>, ErrorKind> {
        if stamp.is_none() || self.set != stamp {
            self.set = None;
            self.equation.evaluated();
            self.point.set(point)?;
            self.set = stamp;
        }
        flat::pack((0..self.values).map(|k| self.point.value(k)), residual);
        Ok(At { jacobian: self, point, secants: None })
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
        self.point.counts().iter().for_each(|c| into.add(c));
        self.restricted.count(into);
    }
}

/// F_z at a point.
pub(crate) struct At<'a, 'v> {
    jacobian: &'a mut Jacobian,
    point: &'a [AnyView<'v>],
    /// What estimates its inverse, where something does.
    secants: Option<&'a Secants>,
}

impl<'a, 'v> At<'a, 'v> {
    /// With what estimates its inverse.
    pub(crate) fn with(mut self, secants: Option<&'a Secants>) -> Self {
        self.secants = secants;
        self
    }
    /// out = F_z v, or F_zᵀ v.
    pub(crate) fn oriented(&mut self, side: Side, v: &[f64], out: &mut [f64]) -> Result<(), ErrorKind> {
        self.jacobian.equation.multiplied();
        self.one(side, v, out)
    }
    fn one(&mut self, side: Side, v: &[f64], out: &mut [f64]) -> Result<(), ErrorKind> {
        let j = &mut *self.jacobian;
        flat::unpack(v, j.leaves.iter_mut().map(AnyArray::view_mut));
        let direction: SmallVec<[AnyView<'_>; 8]> = j.leaves.iter().map(AnyArray::view).collect();
        j.point.apply(side == Side::Transposed, self.point, &direction)?;
        flat::pack((0..j.values).map(|k| j.point.result(k)), out);
        drop(direction);
        if !out.iter().all(|v| v.is_finite()) && v.iter().all(|v| v.is_finite()) {
            return self.origin(side);
        }
        Ok(())
    }
    /// The same for several directions, which follow one another in v and out: two at a time, which read the point once.
    fn many(&mut self, side: Side, v: &[f64], out: &mut [f64]) -> Result<(), ErrorKind> {
        let n = self.jacobian.n.max(1);
        for (v, out) in v.chunks(2 * n).zip(out.chunks_mut(2 * n)) {
            v.chunks(n).for_each(|_| self.jacobian.equation.multiplied());
            if v.len() < 2 * n || !self.two(side, v, out)? {
                v.chunks(n).zip(out.chunks_mut(n)).try_for_each(|(v, out)| self.one(side, v, out))?;
            }
        }
        Ok(())
    }
    /// The same for two directions; false where a product is not finite: then each is made by itself, to find out which and why.
    fn two(&mut self, side: Side, v: &[f64], out: &mut [f64]) -> Result<bool, ErrorKind> {
        let j = &mut *self.jacobian;
        if j.second.is_empty() {
            j.second.clone_from(&j.leaves);
        }
        let (one, other) = v.split_at(j.n);
        flat::unpack(one, j.leaves.iter_mut().map(AnyArray::view_mut));
        flat::unpack(other, j.second.iter_mut().map(AnyArray::view_mut));
        let directions: SmallVec<[AnyView<'_>; 8]> = j.leaves.iter().chain(&j.second).map(AnyArray::view).collect();
        j.point.apply_two(side == Side::Transposed, self.point, &directions)?;
        flat::pack((0..2 * j.values).map(|k| j.point.result(k)), out);
        Ok(out.iter().all(|v| v.is_finite()))
    }
    /// out = F_z v, or F_zᵀ v, of the mini-batch of this draw.
    fn sampled(&mut self, side: Side, draw: u32, v: &[f64], out: &mut [f64]) -> Result<()> {
        let j = &mut *self.jacobian;
        let Some(of) = &j.equation.sampled else {
            return Err(Error::new("implicit", ErrorKind::misuse("the problem has no mini-batches")));
        };
        let (slot, product) = if side == Side::Transposed { (1, &of.transposed) } else { (0, &of.plain) };
        j.equation.multiplied();
        let workspace = j.sampled[slot].get_or_insert_with(|| product.workspace());
        flat::unpack(v, j.leaves.iter_mut().map(AnyArray::view_mut));
        let (before, after) = self.point.split_at(j.values + of.place);
        let draw = ndarray::arr0(draw).into_dyn();
        let draw = AnyView::U32(draw.view());
        let mut all: SmallVec<[AnyView<'_>; 16]> = before.iter().map(AnyView::reborrow).collect();
        all.push(draw);
        all.extend(after.iter().map(AnyView::reborrow).chain(j.leaves.iter().map(AnyArray::view)));
        let mut rest = out;
        workspace.run_each(Views(&all), &mut |leaf| {
            let n = leaf.shape().iter().product();
            let (to, others) = std::mem::take(&mut rest).split_at_mut(n);
            flat::pack(std::iter::once(leaf), to);
            rest = others;
        })
    }
    /// The active set, where it pays to solve on it alone.
    pub(crate) fn support(&mut self, stamp: Stamp) -> Option<Arc<Support>> {
        let (restricted, equation, point, at) = self.parts();
        restricted.support(equation, point, at, stamp)
    }
    /// Solves with all unknowns from now on, at this point.
    pub(crate) fn refuse_support(&mut self) {
        self.jacobian.restricted.refuse();
    }
    /// What restricted products are made of.
    pub(crate) fn parts(&mut self) -> (&mut Restricted, &Equation, &Point, &[AnyView<'v>]) {
        let j = &mut *self.jacobian;
        (&mut j.restricted, &*j.equation, &j.point, self.point)
    }
    /// The error that names the operation by which a product is not finite, where one can be found: the whole product is run as a function.
    #[cold]
    fn origin(&self, side: Side) -> Result<(), ErrorKind> {
        let e = &self.jacobian.equation;
        let product = if side == Side::Transposed { &e.by_solution_transposed } else { &e.by_solution };
        let owned = |v: &[AnyView<'_>]| v.iter().map(AnyView::to_owned).collect::<Vec<AnyArray>>();
        let (z, p) = self.point.split_at(self.jacobian.values);
        let at = ((owned(z), owned(p)), self.jacobian.leaves.clone());
        product.workspace().run_each(&at, &mut |_| {})?;
        Ok(())
    }
}

impl Operator for At<'_, '_> {
    fn len(&self) -> usize {
        self.jacobian.n
    }
    fn apply(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Failed> {
        self.oriented(Side::Plain, v, out).map_err(of_product)
    }
    fn apply_transposed(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Failed> {
        self.oriented(Side::Transposed, v, out).map_err(of_product)
    }
    fn apply_many(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Failed> {
        self.many(Side::Plain, v, out).map_err(of_product)
    }
    fn apply_transposed_many(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Failed> {
        self.many(Side::Transposed, v, out).map_err(of_product)
    }
    fn shares_reading(&self) -> bool {
        true
    }
    fn kind(&self) -> Kind {
        self.jacobian.kind()
    }
    fn known(&self) -> Known {
        self.jacobian.equation.known
    }
    fn secants(&self) -> Option<&Secants> {
        self.secants
    }
    fn has_samples(&self) -> bool {
        self.jacobian.equation.sampled.is_some()
    }
    fn apply_sampled(&mut self, side: Side, draw: u32, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.sampled(side, draw, x, y).map_err(|e| of_product(e.into()))
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
