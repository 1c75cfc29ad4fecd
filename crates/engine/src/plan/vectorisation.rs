//! Vectorisation: a loop over small items that do not read each other's results becomes one over blocks of items, and an instruction works on a block.
//!
//! An instruction costs what its dispatch costs, and where an item has a few dozen numbers that is most of the time. A block of items shares it. What a
//! block needs stays in the cache. Bodies that may fail or report something for one item are tried in blocks first; where that fails, the loop runs as it is,
//! and says which item it was.
use super::expand::expand;
use super::machine::{Asked, Expanded, ask_one};
use super::thresholds::{BLOCK_BYTES, BLOCK_SUMS, FEWEST_ITEMS, ITEM_WORK};
use hypertape_ir::array::LeafType;
use hypertape_ir::error::Result;
use hypertape_ir::operation::named::Named;
use hypertape_ir::operation::{Builder, Equation, Lowering, Program, ScanSpec, Storage, Trip, Value, Want};
use hypertape_ir::transform::{Blocks, carry_wants, in_blocks, wants};
use std::sync::Arc;

/// Cuts the loops of a program into blocks, where items are small; again for loops that were inside of those.
pub(crate) fn vectorise(x: &mut Expanded) -> Result<()> {
    while x.cuts.levels > 0 {
        let read = x.program.read();
        let cut = |(e, a): (&Equation, &Asked)| blocks(&x.program, e, &a.lowering, &read).filter(|(_, fails)| !fails).map(|(b, _)| b);
        let cut: Vec<Option<Blocks>> = x.program.equations.iter().zip(&x.asked).map(cut).collect();
        if cut.iter().all(Option::is_none) {
            return Ok(());
        }
        x.cuts.levels -= 1;
        x.program = rewrite(x, &cut)?;
        expand(x)?;
    }
    Ok(())
}

/// Has loops over small items that may fail tried in blocks. The blocks have one level less to try: the loops of an item may be loops over all items now,
/// and those of an item in turn. What runs where an attempt failed tries none, or the plan would double with each level of nesting.
pub(crate) fn attempt(x: &mut Expanded) -> Result<()> {
    if !x.cuts.attempts || x.cuts.levels == 0 {
        return Ok(());
    }
    let read = x.program.read();
    let p = &x.program;
    for (e, a) in p.equations.iter().zip(&mut x.asked) {
        let (Some((cut, true)), Lowering::Scan(s)) = (blocks(p, e, &a.lowering, &read), &a.lowering) else { continue };
        let types: Vec<LeafType> = e.inputs.iter().map(|v| p.type_of(*v).clone()).collect();
        let mut b = Builder::new();
        let inputs = b.inputs(&types);
        b.at(e.site);
        let Ok(made) = in_blocks(&mut b, s, &inputs, cut) else { continue };
        let first = b.finish(&made)?;
        let mut b = Builder::literal();
        let inputs = b.inputs(&types);
        b.at(e.site);
        let made = b.scan(s.clone(), &inputs);
        a.lowering = Lowering::Attempt([first, b.finish(&made)?].map(Arc::new));
    }
    Ok(())
}

fn rewrite(Expanded { program: p, asked, .. }: &Expanded, cut: &[Option<Blocks>]) -> Result<Program> {
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

/// How a loop is cut into blocks, if it pays, and whether its items may fail.
fn blocks(p: &Program, e: &Equation, l: &Lowering, read: &[bool]) -> Option<(Blocks, bool)> {
    let Lowering::Scan(s) = l else { return None };
    let Trip::Static(n) = s.trip else { return None };
    let states = &e.outputs[s.carries + s.stacked..][..s.carries];
    if n < FEWEST_ITEMS || states.iter().any(|v| read[v.index()]) || !s.adds_up() {
        return None;
    }
    let mut differs = vec![false; s.body.inputs.len()];
    differs[0] = true;
    differs[s.body_items()..s.body_items() + s.items].fill(true);
    // What is carried is added up; what is stacked is read of each item.
    let asked: Vec<Want> = (0..s.body.outputs.len()).map(|k| if k < s.carries { Want::Sum } else { Want::Each }).collect();
    let cost = Cost::of(&s.body, &differs, &asked)?;
    // A loop with nothing but kernels gains nothing. Kernels that take one item at a time are such loops.
    if !cost.plain || cost.work > ITEM_WORK * cost.equations {
        return None;
    }
    let most = (BLOCK_BYTES as f64 / cost.bytes.max(1.0)) as usize;
    if most < FEWEST_ITEMS {
        return None;
    }
    let size = Blocks::even(n, most);
    let sums: usize = e.outputs[..s.carries].iter().map(|v| p.type_of(*v).bytes()).sum();
    Some((Blocks { size, apart: (n / size).saturating_mul(sums) <= BLOCK_SUMS }, cost.fails))
}

/// What one item costs, of what differs between items: equations that run, their work (multiplications or elements), and the bytes of their results. A result of which only the
/// sum over items is read has no bytes: the block makes the sum.
#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    equations: f64,
    work: f64,
    bytes: f64,
    /// Whether an item may fail or report something.
    fails: bool,
    /// Whether there is more than kernels.
    plain: bool,
}

impl Cost {
    /// Of a body of which these inputs differ, and whose results are read as `asked` says; none where it holds what has no block form, or none that is worth it.
    fn of(p: &Program, inputs: &[bool], asked: &[Want]) -> Option<Self> {
        let differs = p.depends_on(inputs);
        let wants = wants(p, &differs, asked);
        let bytes = |v: &Value| if wants[v.index()] == Want::Each { p.type_of(*v).bytes() as f64 } else { 0.0 };
        let mut cost = Cost::default();
        cost.bytes += p.inputs.iter().zip(inputs).filter(|(_, d)| **d).map(|(v, _)| bytes(v)).sum::<f64>();
        for e in &p.equations {
            let l = ask_one(p, e).ok()?;
            let moves = e.inputs.iter().any(|v| differs[v.index()]);
            let elements: f64 = e.outputs.iter().map(|v| p.type_of(*v).len() as f64).sum();
            let bytes: f64 = e.outputs.iter().map(bytes).sum();
            let work = match &l {
                Lowering::View(_) | Lowering::Fill(_) | Lowering::Constant(_) => continue,
                // A check of what items share is made before the loop.
                Lowering::Kernel(k) if k.is_check() && !moves => continue,
                Lowering::Pointwise(_) | Lowering::Place { .. } | Lowering::Composite(_) => elements,
                Lowering::Fold { .. } => p.type_of(e.inputs[0]).len() as f64,
                Lowering::Kernel(_) => elements,
                Lowering::Named(named, _) => kernel(named, elements),
                Lowering::External(code) if code.state_bytes() == 0 => elements,
                Lowering::Contract(c) => elements * c.sum.iter().map(|(i, _)| p.type_of(e.inputs[0]).shape[*i]).product::<usize>() as f64,
                Lowering::Scan(s) => {
                    cost.add_loop(p, e, s, &differs, &wants)?;
                    continue;
                }
                _ => return None,
            };
            cost.plain |= matches!(l, Lowering::Pointwise(_) | Lowering::Fold { .. } | Lowering::Contract(_));
            cost.fails |= match &l {
                Lowering::Pointwise(_) | Lowering::Fold { .. } | Lowering::Contract(_) | Lowering::Place { .. } => false,
                Lowering::Named(named, _) => {
                    !matches!(named, Named::Norm { .. } | Named::Triangle { .. } | Named::Convolve { .. } | Named::Sparse { .. })
                }
                _ => true,
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
    fn add_loop(&mut self, p: &Program, e: &Equation, s: &ScanSpec, differs: &[bool], wants: &[Want]) -> Option<()> {
        if matches!(s.storage, Storage::Bytes(_)) {
            return None;
        }
        let mut inner = vec![false; s.body.inputs.len()];
        for (i, v) in e.inputs[..s.carries + s.items + s.constants].iter().enumerate() {
            inner[1 + i] = differs[v.index()];
        }
        // What a carry starts from is not what it goes on with.
        for i in 0..s.carries {
            inner[1 + i] |= e.outputs.iter().any(|v| differs[v.index()]);
        }
        let read: Vec<Want> = e.outputs.iter().map(|v| wants[v.index()]).collect();
        let operands: Vec<bool> = e.inputs.iter().map(|v| differs[v.index()]).collect();
        let mut asked = carry_wants(s, &operands, &read);
        asked.extend(&read[s.carries..s.carries + s.stacked]);
        let (turn, steps) = (Cost::of(&s.body, &inner, &asked)?, s.trip.at_most() as f64);
        self.equations += 1.0 + steps * turn.equations;
        self.work += steps * turn.work;
        let kept: f64 =
            e.outputs.iter().filter(|v| differs[v.index()] && wants[v.index()] == Want::Each).map(|v| p.type_of(*v).bytes() as f64).sum();
        self.bytes += turn.bytes + kept;
        self.fails |= turn.fails || matches!(s.trip, Trip::Until { .. });
        self.plain |= turn.plain;
        Some(())
    }
}

/// The work of a kernel with so many elements of results: of those that factor or solve, of matrices that are about square.
fn kernel(named: &Named, elements: f64) -> f64 {
    match named {
        Named::Cholesky { n } | Named::Lu { n } | Named::LogDet { n } => elements * *n as f64 / 2.0,
        Named::SolveByLu { n, .. } | Named::SolveByCholesky { n, .. } | Named::SolveTriangular { n, .. } => elements * *n as f64,
        Named::Convolve { geometry, .. } => elements * geometry.window.iter().product::<usize>() as f64,
        _ => elements,
    }
}
