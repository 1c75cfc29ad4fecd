//! Batching: two kernels that do the same work on the same constant data become one. A primal and its tangent then share one reading of the data.
use super::code::Instruction;
use super::item::Item;
use super::roots::Seen;
use super::schedule::Schedule;
use super::thresholds::BATCHING_WINDOW;
use hypertape_ir::array::Kind;
use hypertape_ir::error::Result;
use hypertape_ir::operation::Kernel;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A kernel that can be batched. `work` is equal for kernels that can share one reading of their data.
struct Found {
    work: (usize, bool),
    for_two: Arc<dyn Kernel>,
    inputs: Vec<Seen>,
    outputs: Vec<Seen>,
}

impl Found {
    fn of(item: &Item) -> Option<Self> {
        let Item::Step(step) = item else { return None };
        let Instruction::Kernel { kernel, inputs, outputs, .. } = &step.instruction else { return None };
        let (work, for_two) = kernel.for_two()?;
        Some(Found { work, for_two, inputs: inputs.clone(), outputs: outputs.clone() })
    }
}

/// Joins kernels in pairs. The later kernel moves up to the earlier one, if its operands are made by then.
pub(crate) fn batch(s: &mut Schedule) -> Result<()> {
    let mut found: Vec<Option<Found>> = s.items.iter().map(Found::of).collect();
    let mut alike: HashMap<(usize, bool), VecDeque<usize>> = HashMap::new();
    for (k, f) in found.iter().enumerate() {
        f.iter().for_each(|f| alike.entry(f.work).or_default().push_back(k));
    }
    for k in 0..found.len() {
        let Some(first) = found[k].take() else { continue };
        let there = |x: &Seen| s.roots[x.root].ready <= k;
        let fits = |f: &Found| f.work == first.work && f.inputs.iter().all(there);
        let Some(after) = alike.get_mut(&first.work) else { continue };
        // Kernels that were joined have left the queue, so this kernel is the first in it.
        after.pop_front();
        let Some(place) = after.iter().take(BATCHING_WINDOW).position(|j| found[*j].as_ref().is_some_and(fits)) else { continue };
        let Some(later) = after.remove(place) else { continue };
        let Some(second) = found[later].take() else { continue };
        let doubles = first.for_two.scratch();
        let scratch = (doubles > 0).then(|| Seen::whole(s.fresh(Kind::F64, doubles), &[doubles]));
        second.outputs.iter().chain(&scratch).for_each(|x| s.roots[x.root].ready = k + 1);
        let inputs = [first.inputs, second.inputs].concat();
        let outputs = [first.outputs, second.outputs].concat();
        if let Item::Step(step) = &mut s.items[k] {
            step.instruction = Instruction::Kernel { kernel: first.for_two, inputs, outputs, scratch };
        }
        s.items[later] = Item::Nothing;
    }
    Ok(())
}
