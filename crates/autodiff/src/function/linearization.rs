//! The derivative of a program in two parts, planned once for all points: what depends on the point, and what is linear in a direction.
use super::Allow;
use super::trace::{Bad, Source, source};
use crate::array::{AnyArray, AnyView, LeafType};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::{Counts, Executor};
use crate::operation::{Builder, Program, Value};
use crate::plan::{Memory, Plan};
use crate::transform::{Linearized, dead_code, skeleton};
use smallvec::SmallVec;
use std::sync::{Arc, OnceLock};

/// Where a value lies that products read.
#[derive(Debug, Clone, Copy)]
enum Read {
    /// This input of the point.
    Input(usize),
    /// This output of the point's run.
    Made(usize),
}

/// The two parts of a program's derivative. Plans are made when a point first needs them, and serve all points.
#[derive(Debug)]
pub struct Linearization {
    of: Arc<Program>,
    /// What products read of a point, before the direction.
    reads: Vec<Read>,
    /// (inputs…) → (values…, what products read besides inputs…).
    value: Program,
    /// (what is read…, direction…) → J·t; the same → Jᵀ·c.
    products: [Program; 2],
    plans: OnceLock<Result<[Arc<Plan>; 3]>>,
    /// Of the products, each with two directions.
    two: [OnceLock<Result<Arc<Plan>>>; 2],
    skeleton: OnceLock<Result<Planned>>,
}

/// A plan, and the types of what it is given after the residuals.
type Planned = (Arc<Plan>, Vec<LeafType>);

impl Linearization {
    /// Of a program, from its two parts.
    ///
    /// # Errors
    /// When the linear part has no transpose.
    pub fn new(of: Arc<Program>, parts: Linearized) -> Result<Self> {
        let back = parts.transpose()?;
        let mut value = parts.primal;
        let read = value.outputs.split_off(of.outputs.len());
        let reads = read
            .into_iter()
            .map(|v| match value.inputs.iter().position(|i| *i == v) {
                Some(i) => Read::Input(i),
                None => {
                    value.outputs.push(v);
                    Read::Made(value.outputs.len() - 1)
                }
            })
            .collect();
        let (plans, two, skeleton) = (OnceLock::new(), [const { OnceLock::new() }; 2], OnceLock::new());
        Ok(Linearization { of, reads, value, products: [parts.linear, back], plans, two, skeleton })
    }
    fn plans(&self) -> Result<&[Arc<Plan>; 3]> {
        let plan = |p: &Program| Plan::new(p).map(Arc::new);
        let [forward, reverse] = &self.products;
        let made = self.plans.get_or_init(|| Ok([plan(&self.value)?, plan(forward)?, plan(reverse)?]));
        made.as_ref().map_err(Clone::clone)
    }
    /// The plan of a product with two directions: (what is read…, one…, other…) → (results of one…, of the other…). What both read is read once.
    fn two(&self, transposed: bool) -> Result<&Arc<Plan>> {
        let made = self.two[usize::from(transposed)].get_or_init(|| {
            let (product, residuals) = self.product(transposed);
            let types = product.input_types();
            let mut b = Builder::new();
            let read = b.inputs(&types[..residuals]);
            let directions = [b.inputs(&types[residuals..]), b.inputs(&types[residuals..])];
            let outputs: Vec<Value> = directions.iter().flat_map(|d| b.inline(product, &[&read[..], d].concat())).collect();
            Plan::new(&b.finish(&outputs)?).map(Arc::new)
        });
        made.as_ref().map_err(Clone::clone)
    }
    /// J·t, or Jᵀ·c, as a program of (residuals…, directions…), and how many residuals there are.
    pub(super) fn product(&self, transposed: bool) -> (&Program, usize) {
        (&self.products[usize::from(transposed)], self.reads.len())
    }
    /// (inputs…) → (values…, what a program of what products read gives…).
    pub(super) fn beside_values(&self, of: &Program) -> Result<Program> {
        let mut b = Builder::new();
        let given = b.inputs(&self.value.input_types());
        let made = b.inline(&self.value, &given);
        let read = self.reads.iter().map(|r| match r {
            Read::Input(i) => given[*i],
            Read::Made(k) => made[*k],
        });
        let rest = b.inline(of, &read.collect::<Vec<_>>());
        let outputs: Vec<Value> = made[..self.of.outputs.len()].iter().chain(&rest).copied().collect();
        dead_code(&b.finish(&outputs)?)
    }
    /// The plan of the skeleton of J·t, made once.
    pub(super) fn skeleton(&self) -> Result<&Planned> {
        let made = self.skeleton.get_or_init(|| {
            let (product, residuals) = self.product(false);
            let program = skeleton(product, residuals)?;
            let types = program.input_types().split_off(residuals);
            Ok((Arc::new(Plan::new(&program)?), types))
        });
        made.as_ref().map_err(Clone::clone)
    }
    /// What one point needs in memory: for the value, for J·t, for Jᵀ·c. Nothing where it cannot be planned.
    #[must_use]
    pub fn memory(&self) -> [Memory; 3] {
        self.plans().map_or([Memory::default(); 3], |p| [p[0].memory(), p[1].memory(), p[2].memory()])
    }
    /// Whether products read this input of a point.
    #[must_use]
    pub fn reads_input(&self, i: usize) -> bool {
        self.reads.iter().any(|r| matches!(r, Read::Input(k) if *k == i))
    }
}

/// What a thread owns to apply a derivative at one point after the other. Nothing is allocated once it is made.
#[derive(Debug)]
pub struct Point {
    of: Arc<Linearization>,
    value: Executor,
    products: [Executor; 2],
    /// The same with two directions, made when they are first applied.
    two: [Option<Box<Executor>>; 2],
    /// Which of the products was applied last, and whether with two directions.
    last: (usize, bool),
}

impl Point {
    /// One that is set nowhere yet.
    ///
    /// # Errors
    /// When the parts cannot be planned.
    pub fn new(of: &Arc<Linearization>) -> Result<Self> {
        let [value, forward, reverse] = of.plans()?.each_ref().map(|p| Executor::new(p.clone()));
        Ok(Point { of: of.clone(), value, products: [forward, reverse], two: [None, None], last: (0, false) })
    }
    /// Sets it at these inputs: runs what depends on the point.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub fn set(&mut self, at: &[AnyView<'_>]) -> Result<()> {
        self.value.run(at)
    }
    /// What it is a point of.
    #[must_use]
    pub fn of(&self) -> &Arc<Linearization> {
        &self.of
    }
    /// The run at the point.
    pub(super) fn values(&self) -> &Executor {
        &self.value
    }
    pub(super) fn executor(&mut self) -> &mut Executor {
        &mut self.value
    }
    /// An output of the program at the point.
    #[must_use]
    pub fn value(&self, k: usize) -> AnyView<'_> {
        self.value.output(k)
    }
    /// J·t, or Jᵀ·c where `transposed`; `at` are the inputs that the point was set at.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub fn apply(&mut self, transposed: bool, at: &[AnyView<'_>], direction: &[AnyView<'_>]) -> Result<()> {
        self.last = (usize::from(transposed), false);
        self.products[self.last.0].run(&inputs(&self.of, &self.value, at, direction))
    }
    /// As [`apply`](Point::apply) with two directions, one after the other in `directions`, and so are the results. What the products read is read once.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub fn apply_two(&mut self, transposed: bool, at: &[AnyView<'_>], directions: &[AnyView<'_>]) -> Result<()> {
        let k = usize::from(transposed);
        let executor = match &mut self.two[k] {
            Some(made) => made,
            none => none.insert(Box::new(Executor::new(self.of.two(transposed)?.clone()))),
        };
        executor.run(&inputs(&self.of, &self.value, at, directions))?;
        self.last = (k, true);
        Ok(())
    }
    fn done(&self) -> &Executor {
        let (k, two) = self.last;
        self.two[k].as_deref().filter(|_| two).unwrap_or(&self.products[k])
    }
    /// An output of the product that was applied last.
    #[must_use]
    pub fn result(&self, k: usize) -> AnyView<'_> {
        self.done().output(k)
    }
    /// How many outputs it has.
    #[must_use]
    pub fn results(&self) -> usize {
        self.done().plan().outputs().len()
    }
    pub(super) fn surely_finite(&self, k: usize) -> bool {
        self.done().surely_finite(k)
    }
    /// The plans of J·t and of Jᵀ·c.
    #[must_use]
    pub fn plans(&self) -> [&Arc<Plan>; 2] {
        self.products.each_ref().map(Executor::plan)
    }
    /// Kernels executed so far: for values, for J·t, for Jᵀ·c.
    #[must_use]
    pub fn counts(&self) -> [Counts; 3] {
        let product = |k: usize| {
            let mut counts = self.products[k].counts();
            self.two[k].iter().for_each(|e| counts.add(&e.counts()));
            counts
        };
        [self.value.counts(), product(0), product(1)]
    }
    /// What it holds in memory: for the value, for J·t, for Jᵀ·c.
    #[must_use]
    pub fn memory(&self) -> [Memory; 3] {
        let product = |k: usize| {
            let mut memory = self.products[k].memory();
            memory.workspace += self.two[k].as_ref().map_or(0, |e| e.memory().total());
            memory
        };
        [self.value.memory(), product(0), product(1)]
    }
    /// That element `index` of output k of the last product, which is not finite, may be so under these rules; the error names the operation
    /// that made it so. Directions are finite, or allowed not to be: so the fault is with the point.
    ///
    /// # Errors
    /// What made it.
    #[cold]
    pub(super) fn look_into(
        &self,
        allow: Allow,
        at: &[AnyView<'_>],
        direction: &[AnyView<'_>],
        (k, index, value): (usize, &[usize], f64),
    ) -> Result<()> {
        // Of two directions, the one whose product this output belongs to.
        let product = &self.of.products[self.last.0];
        let n = product.outputs.len();
        let (which, each) = (k / n, direction.len() * n / self.results());
        let direction = &direction[which * each..][..each];
        let nan = (0..n).find_map(|k| self.result(which * n + k).first_nan().map(|(index, value)| (k, index, value)));
        let bad = if nan.is_some() { Bad::Nan } else { Bad::Infinite };
        let (k, index, value) = nan.as_ref().map_or((k % n, index, value), |(k, i, v)| (*k, i, *v));
        let what = format!("output {k} of {n}");
        let given: Vec<AnyArray> = inputs(&self.of, &self.value, at, direction).iter().map(AnyView::to_owned).collect();
        if let Source::Operation(made) = source(product, &given, bad, |_| true) {
            return Err(made.error(Some(&self.of.of), &what, index, value));
        }
        // A slope that was not finite at the point.
        let maker = self.of.reads.iter().zip(&given).find(|(_, v)| v.view().first_non_finite().is_some()).and_then(|(r, _)| match r {
            Read::Input(_) => None,
            Read::Made(k) => self.of.value.equations.iter().find(|e| e.outputs.contains(&self.of.value.outputs[*k])),
        });
        if maker.is_none() && bad == Bad::Infinite && allow != Allow::Finite {
            return Ok(());
        }
        let (op, at) = maker.map_or((what.clone(), None), |e| (e.op.name().to_string(), e.site));
        Err(Error::numeric(op, ErrorKind::NoDerivative { what, index: index.to_vec(), value }).or(at))
    }
}

/// What a product is run on.
pub(super) fn inputs<'a>(
    of: &Linearization,
    value: &'a Executor,
    at: &'a [AnyView<'_>],
    direction: &'a [AnyView<'_>],
) -> SmallVec<[AnyView<'a>; 16]> {
    let read = |r: &Read| match r {
        Read::Input(i) => at[*i].reborrow(),
        Read::Made(k) => value.output(*k),
    };
    of.reads.iter().map(read).chain(direction.iter().map(AnyView::reborrow)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::constant;
    use crate::{Function, shape};
    use ndarray::{Array1, Array2};

    #[test]
    fn two_directions_give_the_bits_of_each() -> Result<()> {
        let random = |n: usize, seed: usize| Array1::from_shape_fn(n, |i| ((seed * 1009 + i * 31) as f64).sin());
        for n in [0, 1, 2, 5, 13, 50] {
            let x = Array2::from_shape_fn((4 * n, n), |(i, j)| ((i * 17 + j * 5) as f64).cos()).into_shared();
            let f = Function::record(shape![n], |w| {
                let z = constant(&x).dot(w);
                (constant(&x).t().dot(z.sigmoid()), w.exp() * w.sum())
            })?;
            let at = random(n, 1).into_dyn();
            let at = [AnyView::F64(at.view())];
            let mut point = Point::new(f.linearization()?)?;
            point.set(&at)?;
            for transposed in [false, true] {
                let each = if transposed { 2 } else { 1 };
                let owned: Vec<_> = (0..2 * each).map(|k| random(n, 2 + k).into_dyn()).collect();
                let directions: Vec<AnyView<'_>> = owned.iter().map(|d| AnyView::F64(d.view())).collect();
                let mut apart = vec![];
                for d in directions.chunks(each) {
                    point.apply(transposed, &at, d)?;
                    apart.extend((0..point.results()).map(|k| point.result(k).to_owned()));
                }
                point.apply_two(transposed, &at, &directions)?;
                let together: Vec<AnyArray> = (0..point.results()).map(|k| point.result(k).to_owned()).collect();
                assert_eq!(apart, together, "{n} unknowns, transposed: {transposed}");
            }
        }
        Ok(())
    }

    #[test]
    fn the_product_of_the_second_direction_is_looked_into_as_that_of_the_first() -> Result<()> {
        let f = Function::record(shape![3], |x| (x.exp(), (x - 1.0).sqrt()))?;
        let [at, zero, one] = [[1.0, 4.0, 9.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]].map(|v| Array1::from(v.to_vec()).into_dyn());
        let at = [AnyView::F64(at.view())];
        let both = [AnyView::F64(zero.view()), AnyView::F64(one.view())];
        let mut point = Point::new(f.linearization()?)?;
        point.set(&at)?;
        let said = |point: &Point, k: usize, directions: &[AnyView<'_>]| {
            let (index, value) = point.result(k).first_non_finite().unwrap_or((vec![9], 0.0));
            point.look_into(Allow::Finite, &at, directions, (k, &index, value)).map_err(|e| e.to_string())
        };
        point.apply(false, &at, &both[1..])?;
        let apart = said(&point, 1, &both[1..]);
        point.apply_two(false, &at, &both)?;
        assert_eq!(apart, said(&point, 3, &both));
        assert!(apart.is_err_and(|e| e.contains("output 1 of 2")));
        Ok(())
    }
}
