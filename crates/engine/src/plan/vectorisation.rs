//! Vectorisation: a loop over small items that do not read each other's results becomes one over blocks of items, and an instruction works on a block.
//!
//! An instruction costs what its dispatch costs, and where an item has a few dozen numbers that is most of the time. A block of items shares it. What a
//! block needs stays in the cache. Bodies that may fail or report something for one item stay as they are, so that this says which item it was.
use super::expand::expand;
use super::machine::{Expanded, ask_one};
use super::thresholds::{BLOCK_BYTES, BLOCK_SUMS, FEWEST_ITEMS, ITEM_WORK, VECTORISED_DEPTH};
use hypertape_ir::error::Result;
use hypertape_ir::operation::named::Named;
use hypertape_ir::operation::{Builder, Equation, Lowering, Program, ScanSpec, Storage, Trip, Value};
use hypertape_ir::transform::{Blocks, in_blocks};

/// Cuts the loops of a program into blocks, where items are small; again for loops that were inside of those.
pub(crate) fn vectorise(x: &mut Expanded) -> Result<()> {
    for _ in 0..VECTORISED_DEPTH {
        let read = x.program.read();
        let cut: Vec<Option<Blocks>> = x.program.equations.iter().zip(&x.asked).map(|(e, a)| blocks(&x.program, e, &a.lowering, &read)).collect();
        if cut.iter().all(Option::is_none) {
            return Ok(());
        }
        x.program = rewrite(x, &cut)?;
        expand(x)?;
    }
    Ok(())
}

fn rewrite(Expanded { program: p, asked }: &Expanded, cut: &[Option<Blocks>]) -> Result<Program> {
    let mut b = Builder::new();
    let mut map = vec![Value(0); p.types.len()];
    for v in &p.inputs {
        map[v.index()] = b.input(p.type_of(*v).clone());
    }
    for ((e, a), cut) in p.equations.iter().zip(asked).zip(cut) {
        let inputs: Vec<Value> = e.inputs.iter().map(|v| map[v.index()]).collect();
        b.at(e.site);
        let made = match (&a.lowering, cut) {
            (Lowering::Scan(s), Some(blocks)) => in_blocks(&mut b, s, &inputs, *blocks).ok(),
            _ => None,
        };
        let made = made.unwrap_or_else(|| b.emit(e.op.clone(), &inputs));
        for (v, m) in e.outputs.iter().zip(made) {
            map[v.index()] = m;
        }
    }
    let outputs: Vec<Value> = p.outputs.iter().map(|v| map[v.index()]).collect();
    b.finish(&outputs)
}

/// How a loop is cut into blocks, if it pays.
fn blocks(p: &Program, e: &Equation, l: &Lowering, read: &[bool]) -> Option<Blocks> {
    let Lowering::Scan(s) = l else { return None };
    let Trip::Static(n) = s.trip else { return None };
    let states = &e.outputs[s.carries + s.stacked..][..s.carries];
    if n < FEWEST_ITEMS || states.iter().any(|v| read[v.index()]) || !s.adds_up() {
        return None;
    }
    let mut differs = vec![false; s.body.inputs.len()];
    differs[0] = true;
    differs[s.body_items()..s.body_items() + s.items].fill(true);
    let cost = Cost::of(&s.body, &differs)?;
    if cost.work > ITEM_WORK * cost.equations {
        return None;
    }
    let most = (BLOCK_BYTES as f64 / cost.bytes.max(1.0)) as usize;
    if most < FEWEST_ITEMS {
        return None;
    }
    let size = size(n, most);
    let sums: usize = e.outputs[..s.carries].iter().map(|v| p.type_of(*v).bytes() as usize).sum();
    Some(Blocks { size, apart: (n / size).saturating_mul(sums) <= BLOCK_SUMS })
}

/// Items of a block, of `n` and at most about `most`: as many as leave none over, if there is such a number that is not much smaller.
fn size(n: usize, most: usize) -> usize {
    if n <= most {
        return n;
    }
    let even = n.div_ceil(n.div_ceil(most));
    (most / 2..=most).rev().find(|size| *size > 0 && n.is_multiple_of(*size)).unwrap_or(even)
}

/// What one item costs, of what differs between items: equations that run, their work (multiplications or elements), and the bytes of their results.
#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    equations: f64,
    work: f64,
    bytes: f64,
}

impl Cost {
    /// Of a body of which these inputs differ; none where an item may fail or report something, or holds what has no block form.
    fn of(p: &Program, inputs: &[bool]) -> Option<Self> {
        let differs = p.depends_on(inputs);
        let mut cost = Cost::default();
        for (v, _) in p.inputs.iter().zip(inputs).filter(|(_, d)| **d) {
            cost.bytes += p.type_of(*v).bytes() as f64;
        }
        for e in &p.equations {
            let l = ask_one(p, e).ok()?;
            let moves = e.inputs.iter().any(|v| differs[v.index()]);
            let elements: f64 = e.outputs.iter().map(|v| p.type_of(*v).len() as f64).sum();
            let bytes: f64 = e.outputs.iter().map(|v| p.type_of(*v).bytes() as f64).sum();
            let work = match &l {
                Lowering::View(_) | Lowering::Fill(_) | Lowering::Constant(_) => continue,
                Lowering::Pointwise(_) | Lowering::Place { .. } | Lowering::Composite(_) => elements,
                Lowering::Fold { .. } | Lowering::Named(Named::Norm { .. } | Named::Triangle { .. }, _) => p.type_of(e.inputs[0]).len() as f64,
                Lowering::Contract(c) => elements * c.sum.iter().map(|(i, _)| p.type_of(e.inputs[0]).shape[*i]).product::<usize>() as f64,
                Lowering::Scan(s) => {
                    cost.add_loop(p, e, s, &differs)?;
                    continue;
                }
                _ => return None,
            };
            if moves {
                cost.equations += 1.0;
                cost.work += work;
                cost.bytes += bytes;
            }
        }
        Some(cost)
    }
    /// Adds those of a loop in the body.
    fn add_loop(&mut self, p: &Program, e: &Equation, s: &ScanSpec, differs: &[bool]) -> Option<()> {
        if !matches!(s.trip, Trip::Static(_)) || matches!(s.storage, Storage::Bytes(_)) {
            return None;
        }
        let mut inner = vec![false; s.body.inputs.len()];
        for (i, v) in e.inputs.iter().enumerate() {
            inner[1 + i] = differs[v.index()];
        }
        // What a carry starts from is not what it goes on with.
        for i in 0..s.carries {
            inner[1 + i] |= e.outputs.iter().any(|v| differs[v.index()]);
        }
        let (turn, steps) = (Cost::of(&s.body, &inner)?, s.trip.at_most() as f64);
        self.equations += 1.0 + steps * turn.equations;
        self.work += steps * turn.work;
        let read = p.read();
        let kept: f64 = e.outputs.iter().filter(|v| read[v.index()] && differs[v.index()]).map(|v| p.type_of(*v).bytes() as f64).sum();
        self.bytes += turn.bytes + kept;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_even_where_they_can_be() {
        assert_eq!(size(10, 64), 10);
        assert_eq!(size(1000, 64), 50);
        assert_eq!(size(997, 64), 63);
        assert!((1..3000).all(|n| (1..100).all(|most| (1..=most.max(1)).contains(&size(n, most)))));
    }
}
