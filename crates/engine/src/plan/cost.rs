//! The cost model: rough times in nanoseconds, which decide how work is split for threads.
use super::code::Instruction;
use super::fusion::{Fusion, Node};
use super::item::Item;
use super::roots::Seen;
use hypertape_ir::operation::UnaryFn;

/// Rough time of an item, in nanoseconds.
pub(crate) fn item(item: &Item) -> f64 {
    match item {
        Item::Nothing => 0.0,
        Item::Fusion(c) => 10.0 + fusion(c) * c.len as f64,
        Item::Stream(d) => {
            let work = d.pass.rows.saturating_mul(d.pass.columns).saturating_mul(d.heads.len() + d.ends.len());
            100.0 + 0.1 * work as f64 + fusion(&d.fusion) * d.fusion.len as f64
        }
        Item::Step(step) => instruction(&step.instruction),
    }
}

/// Rough time of one index of a fusion, in nanoseconds.
pub(crate) fn fusion(c: &Fusion) -> f64 {
    let node = |n: &Node| match n {
        Node::Load(_) => 0.4,
        Node::Join(_) => 0.6,
        Node::Const(_) => 0.0,
        Node::Unary(UnaryFn::Neg | UnaryFn::Abs | UnaryFn::Sign | UnaryFn::Floor, _) => 0.15,
        Node::Unary(UnaryFn::Sqrt | UnaryFn::Recip, _) => 0.5,
        Node::Unary(UnaryFn::Own(_), _) => 20.0,
        Node::Unary(..) => 1.2,
        _ => 0.2,
    };
    c.nodes.iter().map(node).sum::<f64>() + 0.4 * c.made.len() as f64 + 0.2 * c.endings.len() as f64
}

/// Rough time of an instruction, in nanoseconds.
fn instruction(i: &Instruction<Seen>) -> f64 {
    match i {
        Instruction::Group { .. } | Instruction::Stream(_) => 0.0,
        Instruction::Fold { x, .. } => 20.0 + 0.3 * x.layout.len() as f64,
        Instruction::Contract { plan, .. } => 20.0 + 0.15 * plan.work() as f64,
        Instruction::Copy { out, .. } | Instruction::Place { out, .. } => 20.0 + 0.8 * out.layout.len() as f64,
        Instruction::Kernel { inputs, outputs, .. } => {
            50.0 + 2.0 * inputs.iter().chain(outputs).map(|o| o.layout.len() as f64).sum::<f64>()
        }
        Instruction::External { inputs, .. } => 10_000.0 + 20.0 * inputs.iter().map(|o| o.layout.len() as f64).sum::<f64>(),
        Instruction::Scan(s) => 50.0 + s.at_most as f64 * (20.0 + s.body.cost),
        Instruction::Cond(c) => 20.0 + if c.test.is_some() { c.yes.cost.max(c.no.cost) } else { c.yes.cost },
    }
}
