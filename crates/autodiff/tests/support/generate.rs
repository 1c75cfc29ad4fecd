//! Random programs: a recipe, which is a list of numbers that proptest shrinks, and the program that it describes.
use super::{array, index, uniform};
use hypertape_autodiff::array::{AnyArray, Kind, LeafType};
use hypertape_autodiff::operation::{Builder, CondSpec, Contraction, Part, Program, ScanSpec, Storage, Trip, Value};
use proptest::prelude::*;
use std::sync::Arc;

/// One equation: which operation, on which values, with which attribute.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    op: u8,
    a: u16,
    b: u16,
    attribute: u16,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{},{},{}", self.op % OPERATIONS, self.a, self.b, self.attribute)
    }
}

const OPERATIONS: u8 = 36;

/// A program, and the bodies of its loops and branches.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    steps: Vec<Step>,
    bodies: Vec<Vec<Step>>,
}

fn steps(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    let step = any::<(u8, u16, u16, u16)>().prop_map(|(op, a, b, attribute)| Step { op, a, b, attribute });
    prop::collection::vec(step, n)
}

/// Programs of 5 to 30 equations, with bodies of up to 6.
pub(crate) fn recipes() -> impl Strategy<Value = Recipe> {
    (steps(5..30), prop::collection::vec(steps(1..6), 1..4)).prop_map(|(steps, bodies)| Recipe { steps, bodies })
}

/// What a program is written with.
struct Writer<'a> {
    bodies: &'a [Vec<Step>],
    kind: Kind,
    /// How deep loops may still go.
    depth: usize,
}

const SHAPES: [&[usize]; 3] = [&[], &[3], &[2, 3]];

/// A program of inputs [], [3], [2, 3] and a point for it. All values stay within a few units, and kinks are out.
pub(crate) fn program(recipe: &Recipe, kind: Kind) -> (Program, Vec<AnyArray>) {
    let types: Vec<LeafType> = SHAPES.iter().map(|s| LeafType::new(s, kind)).collect();
    let mut b = Builder::new();
    let inputs = b.inputs(&types);
    let mut pool = inputs.clone();
    let writer = Writer { bodies: &recipe.bodies, kind, depth: 2 };
    for step in &recipe.steps {
        writer.step(&mut b, &mut pool, *step);
    }
    let last: Vec<Value> = pool.iter().rev().take(4).copied().chain([inputs[1]]).collect();
    let p = b.finish(&last).unwrap_or_else(|e| panic!("{e}\n{recipe:?}"));
    let at = types.iter().enumerate().map(|(i, t)| uniform(t, 5 + i as u64)).collect();
    (p, at)
}

impl Writer<'_> {
    fn of(&self, shape: &[usize]) -> LeafType {
        LeafType::new(shape, self.kind)
    }
    /// A value of this shape: one of the pool, or made from one of another shape.
    fn shaped(&self, b: &mut Builder, pool: &[Value], at: u16, shape: &[usize]) -> Value {
        let fits: Vec<Value> = pool.iter().copied().filter(|v| b.shape(*v)[..] == *shape).collect();
        if !fits.is_empty() {
            return fits[at as usize % fits.len()];
        }
        let v = pool[at as usize % pool.len()];
        let n = b.shape(v).iter().product::<usize>().max(1) as f64;
        let s = b.sum_all(v);
        let s = b.scale(s, 1.0 / n);
        b.broadcast(s, shape, &[])
    }
    fn step(&self, b: &mut Builder, pool: &mut Vec<Value>, s: Step) {
        let x = pool[s.a as usize % pool.len()];
        let shape = b.shape(x);
        let rank = shape.len();
        let axis = s.attribute as usize % rank.max(1);
        let y = self.shaped(b, pool, s.b, &shape);
        let made = match s.op % OPERATIONS {
            0 => b.sin(x),
            1 => b.cos(x),
            2 => b.tanh(x),
            3 => b.sigmoid(x),
            4 => b.softplus(x),
            5 => b.atan(x),
            6 => b.erf(x),
            7 => {
                let t = b.tanh(x);
                b.exp(t)
            }
            8 => {
                let q = b.square(x);
                let q = b.plus_number(q, 1.0);
                match s.attribute % 3 {
                    0 => b.sqrt(q),
                    1 => b.ln(q),
                    _ => b.powf(q, -0.75),
                }
            }
            9 => {
                let (p, q) = (b.sin(x), b.cos(y));
                b.powi(if s.attribute.is_multiple_of(2) { p } else { q }, 1 + i32::from(s.attribute % 4))
            }
            10 | 11 => b.add(x, y),
            12 => b.sub(x, y),
            13 | 14 => {
                let p = b.tanh(y);
                b.mul(x, p)
            }
            15 => {
                let q = b.square(y);
                let q = b.plus_number(q, 1.0);
                b.div(x, q)
            }
            16 => b.scale(x, f64::from(s.attribute % 5) - 2.0),
            17 => {
                let test: Vec<f64> = (0..b.type_of(x).len()).map(|i| f64::from(s.attribute >> (i % 16) & 1)).collect();
                let test = b.constant(AnyArray::from_f64(&LeafType::new(&shape, Kind::U32), &test).expect("one for each element").into());
                b.select(test, x, y)
            }
            18 if rank > 0 => b.sum(x, &[axis]),
            19 => b.sum_all(x),
            20 if rank > 0 => b.mean(x, &[axis]),
            21 if rank > 0 => {
                let t = b.tanh(x);
                b.prod(t, &[axis])
            }
            22 if rank > 0 => b.logsumexp(x, &[axis]),
            23 if rank > 0 => b.softmax(x, &[axis]),
            24 if rank > 0 => b.cumulative_sum(x, axis, s.attribute.is_multiple_of(3)),
            25 => {
                let to = if s.attribute.is_multiple_of(2) { vec![2, 3] } else { vec![3] };
                match (rank, &to[..]) {
                    (0, _) => b.broadcast(x, &to, &[]),
                    (1, [2, 3]) if shape[0] == 3 => b.broadcast(x, &to, &[1]),
                    (1, [2, 3]) if shape[0] == 2 => b.broadcast(x, &to, &[0]),
                    _ => b.reshape(x, &[shape.iter().product()]),
                }
            }
            26 if rank > 1 => {
                let axes: Vec<usize> = (0..rank).map(|i| (i + 1) % rank).collect();
                let p = b.permute(x, &axes);
                if s.attribute.is_multiple_of(2) { b.reshape(p, &shape) } else { p }
            }
            27 if rank > 0 && shape[axis] > 1 => {
                let (mut start, mut len, mut step) = (vec![0; rank], shape.to_vec(), vec![1; rank]);
                len[axis] -= 1;
                match s.attribute % 3 {
                    0 => start[axis] = 1,
                    1 => (start[axis], step[axis]) = (shape[axis] - 1, -1),
                    _ => {}
                }
                b.slice(x, &start, &step, &len)
            }
            28 if rank > 0 => {
                let joined = b.concatenate(&[x, y], axis);
                let mut len = b.shape(joined);
                len[axis] = shape[axis];
                let mut start = vec![0; rank];
                start[axis] = shape[axis] / 2;
                b.slice(joined, &start, &vec![1; rank], &len)
            }
            29 if rank > 0 => {
                let mut to = shape.to_vec();
                to[axis] += 1;
                let start = (0..rank).map(|i| usize::from(i == axis)).collect();
                b.place(&to, &[(x, Part { start, step: smallvec::SmallVec::from_elem(1, rank) })])
            }
            30 if rank > 0 => {
                let spec = Contraction { batch: Default::default(), sum: [(axis, axis)].into_iter().collect() };
                let p = b.contract(x, y, spec);
                b.scale(p, 0.25)
            }
            31 if rank > 0 => {
                let spec = Contraction { batch: [(axis, axis)].into_iter().collect(), sum: Default::default() };
                b.contract(x, y, spec)
            }
            32 if rank > 0 && shape[axis] > 0 => {
                let n = shape[axis] as u16;
                let chosen: Vec<u32> = (0..3).map(|i| u32::from((s.attribute >> (4 * i)) % n)).collect();
                let chosen = b.constant(AnyArray::U32(ndarray::Array1::from(chosen).into_dyn()).into());
                let taken = b.take(x, chosen, axis);
                if s.attribute.is_multiple_of(2) { taken } else { b.scatter_add(taken, chosen, axis, shape[axis]) }
            }
            33 | 34 if self.depth > 0 => return self.repeat(b, pool, s),
            35 if self.depth > 0 => return self.branch(b, pool, s),
            _ => b.neg(x),
        };
        if b.type_of(made).len() <= 24 {
            pool.push(made);
        }
    }
    fn body(&self, s: Step) -> &[Step] {
        &self.bodies[s.attribute as usize % self.bodies.len()]
    }
    fn deeper(&self) -> Writer<'_> {
        Writer { bodies: self.bodies, kind: self.kind, depth: self.depth - 1 }
    }
    /// A loop with carries x and a count, items u, a constant k, and a per-step output.
    fn repeat(&self, b: &mut Builder, pool: &mut Vec<Value>, s: Step) {
        let (vector, number) = (self.of(&[3]), LeafType::new(&[], Kind::U32));
        let n = usize::from(s.attribute % 4) + usize::from(s.b % 2);
        let mut inner = Builder::new();
        let given = inner.inputs(&[number.clone(), vector.clone(), number.clone(), vector.clone(), vector]);
        let mut own = vec![given[1], given[3], given[4]];
        let counter = inner.cast(given[0], self.kind);
        own.push(inner.scale(counter, 0.1));
        for step in self.body(s) {
            self.deeper().step(&mut inner, &mut own, *step);
        }
        let y = own[own.len() - 1];
        let next = self.shaped(&mut inner, &own[own.len() / 2..], s.b, &[3]);
        let moved = inner.add(next, given[1]);
        let next = inner.tanh(moved);
        let one = inner.full_like(given[2], 1.0);
        let count = inner.add(given[2], one);
        let body = inner.finish(&[next, count, y]).unwrap_or_else(|e| panic!("{e}"));
        let trip = match s.b % 4 {
            0 => Trip::Counted(n),
            1 => {
                // Stops by the count, not by a value that differences move.
                let mut test = Builder::new();
                let given = test.inputs(&[self.of(&[3]), number, self.of(&[3])]);
                let last = test.full_like(given[1], 2.0);
                let stop = test.less_equal(last, given[1]);
                Trip::Until { test: Arc::new(test.finish(&[stop]).unwrap_or_else(|e| panic!("{e}"))), at_most: n }
            }
            _ => Trip::Static(n),
        };
        // A state takes 128 bytes, each carry in a cache line of its own.
        let storage = [Storage::Iterates, Storage::Values, Storage::Bytes(20), Storage::Bytes(256)][usize::from(s.attribute / 4 % 4)];
        let reverse = s.a.is_multiple_of(2) && !matches!(trip, Trip::Until { .. });
        let counted = matches!(trip, Trip::Counted(_));
        let start = self.shaped(b, pool, s.a, &[3]);
        let zero = b.constant(index(0).into());
        let item = self.shaped(b, pool, s.b, &[3]);
        let items = b.broadcast(item, &[n, 3], &[1]);
        let items = b.cumulative_sum(items, 0, false);
        let constant = self.shaped(b, pool, s.attribute, &[3]);
        let mut given = vec![start, zero, items, constant];
        if counted {
            given.push(b.constant(index(n.saturating_sub(1) as u32).into()));
        }
        let spec = ScanSpec { body: Arc::new(body), carries: 2, items: 1, constants: 1, stacked: 1, trip, reverse, storage };
        let made = b.scan(spec, &given);
        pool.push(made[0]);
        let rank = b.shape(made[2]).len();
        if rank <= 3 && b.type_of(made[2]).len() <= 24 {
            pool.push(b.sum(made[2], &[0]));
        }
        pool.push(b.sum(made[3], &[0]));
    }
    /// Either of two bodies of the same operands.
    fn branch(&self, b: &mut Builder, pool: &mut Vec<Value>, s: Step) {
        let side = |other: u16| {
            let mut inner = Builder::new();
            let given = inner.inputs(&[self.of(&[]), self.of(&[3])]);
            let mut own = given.clone();
            for step in self.body(Step { attribute: s.attribute.wrapping_add(other), ..s }) {
                self.deeper().step(&mut inner, &mut own, *step);
            }
            let y = self.shaped(&mut inner, &own[1..], s.b.wrapping_add(other), &[3]);
            Arc::new(inner.finish(&[y]).unwrap_or_else(|e| panic!("{e}")))
        };
        let spec = CondSpec { yes: side(0), no: side(1) };
        // Not a number that the program says, so that the branch stays.
        let test = b.constant(array(&[], &[f64::from(s.b % 2)]).into());
        let operands = [self.shaped(b, pool, s.a, &[]), self.shaped(b, pool, s.b, &[3])];
        pool.push(b.cond(spec, test, &operands)[0]);
    }
}
