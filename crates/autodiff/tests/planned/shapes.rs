//! Random programs of small arrays with axes of length 1, ranks 0 to 5, permuted readers and products that meet in sums: every planning
//! pass keeps their values, and those of their derivatives.
use super::{compare, inputs, program};
use hypertape_autodiff::array::{AnyArray, Kind, LeafType};
use hypertape_autodiff::execute::reference;
use hypertape_autodiff::operation::{Builder, Contraction, Part, Program, ScanSpec, Storage, Trip, Value};
use hypertape_autodiff::transform;
use hypertape_testkit::random;
use std::sync::Arc;

/// Elements that an array may have.
const LARGEST: usize = 400;

struct Dice {
    seed: u64,
    at: u64,
}

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.at += 1;
        (random::bits(self.seed, self.at) % n as u64) as usize
    }
    fn pick(&mut self, of: &[Value]) -> Value {
        of[self.below(of.len())]
    }
    fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        (0..n).for_each(|i| order.swap(i, i + self.below(n - i)));
        order
    }
    /// Half of the axes have length 1; most others length 2.
    fn shape(&mut self) -> Vec<usize> {
        let rank = self.below(6);
        (0..rank).map(|_| [1, 1, 1, 2, 2, 3][self.below(6)]).collect()
    }
}

/// A value with the shape of another, read in another order of axes where there is one.
fn alike(b: &mut Builder, d: &mut Dice, known: &[Value], x: Value) -> Value {
    let shape = b.shape(x);
    let (mut sorted, mut fits) = (shape.clone(), vec![]);
    sorted.sort_unstable();
    for v in known {
        let mut s = b.shape(*v);
        s.sort_unstable();
        if s == sorted {
            fits.push(*v);
        }
    }
    let y = d.pick(&fits);
    let from = b.shape(y);
    // For each axis of x, an axis of y of that length that is not taken yet.
    let mut free = d.order(from.len());
    let axes: Vec<usize> = shape
        .iter()
        .map(|n| {
            let at = free.iter().position(|a| from[*a] == *n).expect("the same lengths in another order");
            free.remove(at)
        })
        .collect();
    b.permute(y, &axes)
}

/// A product of two values over random pairs of axes, also of a value with itself.
fn product(b: &mut Builder, d: &mut Dice, known: &[Value]) -> Value {
    let x = d.pick(known);
    let y = if d.below(3) == 0 { x } else { d.pick(known) };
    let (s, t) = (b.shape(x), b.shape(y));
    let (mut batch, mut sum, mut free) = (vec![], vec![], d.order(t.len()));
    for i in d.order(s.len()) {
        let Some(at) = free.iter().position(|j| t[*j] == s[i]) else { continue };
        match d.below(4) {
            0 | 1 => sum.push((i, free.remove(at))),
            2 if d.below(2) == 0 => batch.push((i, free.remove(at))),
            _ => {}
        }
    }
    let rank = s.len() + t.len() - 2 * sum.len() - batch.len();
    if rank > 6 {
        return x;
    }
    let z = b.contract(x, y, Contraction { batch: batch.into_iter().collect(), sum: sum.into_iter().collect() });
    b.scale(z, 0.5)
}

/// Emits one random equation on known values.
fn grow(b: &mut Builder, d: &mut Dice, known: &[Value], depth: usize) -> Value {
    let x = d.pick(known);
    let shape = b.shape(x).to_vec();
    let rank = shape.len();
    match d.below(20) {
        0 => b.sigmoid(x),
        1..=4 => {
            let y = alike(b, d, known, x);
            b.add(x, y)
        }
        5 | 6 => {
            let y = alike(b, d, known, x);
            b.mul(x, y)
        }
        7..=10 => product(b, d, known),
        11 => {
            let axes = d.order(rank);
            b.permute(x, &axes)
        }
        12 => {
            let axes: Vec<usize> = (0..rank).filter(|_| d.below(2) == 0).collect();
            b.sum(x, &axes)
        }
        13 if rank < 5 => {
            let at = d.below(rank + 1);
            let mut to = shape.clone();
            to.insert(at, 1 + d.below(2));
            let axes: Vec<usize> = (0..to.len()).filter(|i| *i != at).collect();
            b.broadcast(x, &to, &axes)
        }
        14 => {
            // Axes of length 1 go, or come in at random places.
            let mut to: Vec<usize> = shape.iter().copied().filter(|n| *n != 1).collect();
            for _ in 0..d.below(3) {
                to.insert(d.below(to.len() + 1), 1);
            }
            b.reshape(x, &to)
        }
        15 if rank > 0 => {
            let y = alike(b, d, known, x);
            b.concatenate(&[x, y], d.below(rank))
        }
        16 => {
            let len: Vec<usize> = shape.iter().map(|n| 1 + d.below(*n)).collect();
            let back: Vec<bool> = (0..rank).map(|_| d.below(2) == 0).collect();
            let start: Vec<usize> = (0..rank)
                .map(|i| if back[i] { len[i] - 1 + d.below(shape[i] - len[i] + 1) } else { d.below(shape[i] - len[i] + 1) })
                .collect();
            b.slice(x, &start, &back.iter().map(|b| if *b { -1 } else { 1 }).collect::<Vec<_>>(), &len)
        }
        17 if rank > 0 => {
            let axis = d.below(rank);
            let mut to = shape.clone();
            to[axis] += 1;
            let start = (0..rank).map(|i| usize::from(i == axis && d.below(2) == 0)).collect();
            b.place(&to, &[(x, Part { start, step: (0..rank).map(|_| 1).collect() })])
        }
        18 if rank > 0 => b.cumulative_sum(x, d.below(rank), false),
        19 if depth > 0 => repeat(b, d, known, x),
        _ => b.tanh(x),
    }
}

/// A loop whose carry is x and whose body is a random program of it and of what it captures.
fn repeat(b: &mut Builder, d: &mut Dice, known: &[Value], x: Value) -> Value {
    let constant = d.pick(known);
    let (carry, captured) = (b.type_of(x).clone(), b.type_of(constant).clone());
    let mut inner = Builder::literal();
    let given = inner.inputs(&[LeafType::new(&[], Kind::U32), carry, captured]);
    let mut own = vec![given[1], given[2]];
    for _ in 0..4 {
        let v = grow(&mut inner, d, &own, 0);
        if inner.type_of(v).len() <= LARGEST && inner.shape(v).len() < 6 {
            own.push(v);
        }
    }
    let next = alike(&mut inner, d, &own, given[1]);
    let next = inner.tanh(next);
    let s = own[own.len() - 1];
    let s = inner.sum_all(s);
    let next = {
        let shape = inner.shape(next);
        let s = inner.broadcast_to(s, &shape);
        let s = inner.tanh(s);
        inner.add(next, s)
    };
    let body = inner.finish(&[next]).expect("a body of fitting shapes");
    let spec = ScanSpec {
        body: Arc::new(body),
        carries: 1,
        items: 0,
        constants: 1,
        stacked: 0,
        trip: Trip::Static(d.below(4)),
        reverse: false,
        storage: Storage::Iterates,
    };
    b.scan(spec, &[x, constant])[0]
}

fn random_program(seed: u64, equations: usize) -> Program {
    let mut d = Dice { seed, at: 0 };
    let shapes: Vec<Vec<usize>> = (0..3).map(|_| d.shape()).collect();
    let drawn = d.at;
    let types: Vec<(&[usize], Kind)> = shapes.iter().map(|s| (&s[..], Kind::F64)).collect();
    program(&types, |b, x| {
        let mut d = Dice { seed, at: drawn };
        let mut known = x.to_vec();
        for _ in 0..equations {
            let v = grow(b, &mut d, &known, 1);
            if b.type_of(v).len() <= LARGEST && b.shape(v).len() < 6 {
                known.push(v);
            }
        }
        // Sums of what was made are what the passes look for.
        let n = known.len();
        (0..3).map(|_| known[n - 1 - d.below(n.div_ceil(2))]).collect()
    })
}

/// The program of all cotangents of the inputs.
fn cotangents(p: &Program) -> Program {
    let (inputs, outputs) = (p.input_types().len(), p.output_types().len());
    transform::vjp(p, &vec![true; inputs], &vec![true; outputs]).expect("a rule for each operation")
}

/// Whether all values are small enough for absolute comparison.
fn tame(p: &Program, x: &[AnyArray]) -> bool {
    reference::run(p, x).is_ok_and(|y| y.iter().flat_map(AnyArray::to_f64).all(|v| v.abs() < 1e6))
}

#[test]
fn values_and_cotangents_as_the_reference() {
    for seed in 0..2000 {
        let p = random_program(20_000 + seed, 4 + (seed % 12) as usize);
        let x = inputs(&p, seed);
        if !tame(&p, &x) {
            continue;
        }
        compare(&p, &x, 1e-11);
        let back = cotangents(&p);
        let simple = transform::simplify(&back).unwrap();
        for q in [back, simple] {
            let x = inputs(&q, seed);
            if tame(&q, &x) {
                compare(&q, &x, 1e-10);
            }
        }
    }
}

#[test]
fn products_of_rank_three_with_an_axis_of_length_one_meet_in_a_sum() {
    for kind in [Kind::F64, Kind::F32] {
        for axes in [[0, 2, 1], [1, 0, 2], [2, 1, 0], [2, 0, 1], [1, 2, 0], [0, 1, 2]] {
            for (x, y) in
                [(&[1, 2, 1, 2][..], &[1, 3, 2][..]), (&[1, 3, 1, 2], &[1, 3, 2]), (&[3, 1, 2], &[3, 2]), (&[1, 1, 3, 2], &[3, 1, 2])]
            {
                let sum = [(x.len() - 1, y.len() - 1)];
                let q = program(&[(x, kind), (y, kind), (x, kind), (y, kind)], |b, v| {
                    let spec = || Contraction { batch: Default::default(), sum: sum.iter().copied().collect() };
                    let (p, q) = (b.contract(v[0], v[1], spec()), b.contract(v[2], v[3], spec()));
                    let shape = b.shape(p);
                    let squeezed: Vec<usize> = shape.iter().copied().skip(shape.len().saturating_sub(3)).collect();
                    if squeezed.iter().product::<usize>() != shape.iter().product::<usize>() {
                        return vec![b.add(p, q)];
                    }
                    let (p, q) = (b.reshape(p, &squeezed), b.reshape(q, &squeezed));
                    let turned = if squeezed.len() == 3 { b.permute(q, &axes) } else { q };
                    if b.shape(turned) != b.shape(p) { vec![p, turned] } else { vec![b.add(p, turned)] }
                });
                compare(&q, &inputs(&q, 3), if kind == Kind::F32 { 1e-5 } else { 1e-12 });
            }
        }
    }
}
