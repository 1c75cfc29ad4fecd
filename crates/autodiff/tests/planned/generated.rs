//! Random programs of elementwise operations, views, folds, products, placements and casts.
use super::{compare, inputs, program};
use hypertape_autodiff::array::{AnyArray, Kind, LeafType, Shared};
use hypertape_autodiff::operation::{Builder, Contraction, Part, Value};
use hypertape_testkit::random;

struct Dice {
    seed: u64,
    at: u64,
}

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.at += 1;
        (random::bits(self.seed, self.at) % n as u64) as usize
    }
}

/// Emits one random equation on known values.
fn grow(b: &mut Builder, d: &mut Dice, known: &[Value]) -> Value {
    let x = known[d.below(known.len())];
    let shape = b.shape(x);
    let rank = shape.len();
    let alike: Vec<Value> = known.iter().copied().filter(|v| b.type_of(*v) == b.type_of(x)).collect();
    let y = alike[d.below(alike.len())];
    if !b.kind(x).is_real() {
        return b.cast(x, if d.below(2) == 0 { Kind::F64 } else { Kind::F32 });
    }
    match d.below(17) {
        0 => b.sin(x),
        1 => b.tanh(x),
        2 => b.add(x, y),
        3 => b.mul(x, y),
        4 => b.sub(y, x),
        5 => {
            let test = b.less(x, y);
            b.select(test, y, x)
        }
        6 => b.scale(x, 0.5 + d.below(3) as f64 * 0.25),
        7 => {
            let mut axes: Vec<usize> = (0..rank).collect();
            (0..rank).for_each(|i| axes.swap(i, i + d.below(rank - i)));
            b.permute(x, &axes)
        }
        8 => {
            let (mut start, mut step, mut len) = (vec![], vec![], vec![]);
            for n in &shape {
                let m = 1 + d.below(*n);
                let s = 1 + d.below((*n - 1).checked_div(m - 1).unwrap_or(1).max(1));
                let reach = (m - 1) * s;
                let from = d.below(n - reach);
                let back = d.below(3) == 0;
                start.push(if back { from + reach } else { from });
                step.push(if back { -(s as isize) } else { s as isize });
                len.push(m);
            }
            b.slice(x, &start, &step, &len)
        }
        9 => b.reshape(x, &[shape.iter().product::<usize>()]),
        10 => {
            let mut to = shape.to_vec();
            to.insert(d.below(rank + 1), 1 + d.below(4));
            let at = (0..to.len()).find(|i| to[..*i] != shape[..*i] || to[*i + 1..] == shape[*i..]).unwrap_or(0);
            let axes: Vec<usize> = (0..to.len()).filter(|i| *i != at).collect();
            b.broadcast(x, &to, &axes)
        }
        11 | 12 => {
            let axes: Vec<usize> = (0..rank).filter(|_| d.below(2) == 0).collect();
            let s = b.sum(x, &axes);
            b.scale(s, 0.3)
        }
        13 => {
            let spec = match (rank, d.below(3)) {
                (1.., 0) => Contraction { batch: Default::default(), sum: [(rank - 1, rank - 1)].into_iter().collect() },
                (1.., 1) => Contraction { batch: [(0, 0)].into_iter().collect(), sum: Default::default() },
                (2.., _) => Contraction { batch: [(0, 0)].into_iter().collect(), sum: [(1, 1)].into_iter().collect() },
                _ => Contraction::default(),
            };
            let z = b.contract(x, y, spec);
            b.scale(z, 0.2)
        }
        14 if rank > 0 => b.concatenate(&[x, y, x], d.below(rank)),
        15 if rank > 0 => {
            let mut to = shape.to_vec();
            to[0] = 2 * to[0] + 1;
            let part = Part {
                start: (0..rank).map(|i| usize::from(i == 0)).collect(),
                step: (0..rank).map(|i| if i == 0 { 2 } else { 1 }).collect(),
            };
            b.place(&to, &[(x, part)])
        }
        _ => {
            let kind = [Kind::F64, Kind::F32, Kind::U32][d.below(3)];
            // Indices are made of what is one: from 0 to below 4096.
            let x = if kind == Kind::U32 {
                let size = b.abs(x);
                let most = b.full_like(size, 4095.0);
                b.minimum(size, most)
            } else {
                x
            };
            b.cast(x, kind)
        }
    }
}

#[test]
fn planned_as_the_reference() {
    for seed in 0..400 {
        let mut single = false;
        let p = program(&[(&[5, 4], Kind::F64), (&[4], Kind::F64), (&[], Kind::F64), (&[3, 5, 4], Kind::F32)], |b, x| {
            let mut d = Dice { seed: 1000 + seed, at: 0 };
            let mut known = x.to_vec();
            known.push(b.constant(Shared::from(AnyArray::full(&LeafType::new(&[5, 4], Kind::F64), 0.25))));
            known.push(b.full(&LeafType::new(&[4], Kind::F64), 0.5));
            for _ in 0..40 {
                let v = grow(b, &mut d, &known);
                if b.type_of(v).len() <= 20_000 {
                    known.push(v);
                }
            }
            let n = known.len();
            (0..6).map(|_| known[n - 1 - d.below(n / 2)]).collect()
        });
        single |= p.types.iter().any(|t| t.kind == Kind::F32);
        let x = inputs(&p, seed);
        // Indices made from numbers of single precision may fall on either side of a whole number.
        compare(&p, &x, if single { 1e-4 } else { 1e-11 });
    }
}
