//! The passes of planning, in the order in which they run. Each says what it needs, and what it leaves.
//!
//! Planning has three stages, each with a list of passes. First the program becomes equations for the machine. Then equations become items, in the
//! order in which they run. Then items get memory. Loops and branches go through the same lists, inner ones first. In debug builds the invariants of
//! a stage are checked after each of its passes, so that a failure names the pass.
use super::code::Block;
use super::frame::Frame;
use super::machine::{Cuts, Expanded};
use super::schedule::{Given, Nest, Schedule};
use super::thresholds::VECTORISED_DEPTH;
use super::{accumulate, batching, carry_donation, emission, expand, liveness, loop_invariant, matrix_passes, order, packing};
use super::{scratch, sinking, slots, transposed_products, unstacking, vectorisation, verify};
use hypertape_ir::error::{Error, ErrorKind, Result};
use hypertape_ir::operation::{Lowering, Program};
use std::sync::Arc;

/// A pass over a `T`.
struct Pass<T> {
    name: &'static str,
    /// What must hold before it, besides the invariants of the stage.
    needs: &'static str,
    /// What holds after it.
    leaves: &'static str,
    run: fn(&mut T) -> Result<()>,
}

/// A program becomes equations that each ask for one machine instruction.
const EQUATIONS: &[Pass<Expanded>] = &[
    Pass {
        name: "expansion",
        needs: "a program whose values are made before they are read",
        leaves: "no composite and no dead equation",
        run: expand::expand,
    },
    Pass {
        name: "vectorisation",
        needs: "no composite and no dead equation",
        leaves: "loops over small items that do not depend on each other as loops over blocks of items",
        run: vectorisation::vectorise,
    },
    Pass {
        name: "unstacking",
        needs: "no composite",
        leaves: "arrays of a few planes as planes, where planes are stacked or summed up",
        run: unstacking::unstack,
    },
    Pass {
        name: "transposed products",
        needs: "no dead equation, so that every reader counts",
        leaves: "no transposition of a product that nothing else reads",
        run: transposed_products::exchange_operands,
    },
    Pass {
        name: "attempts",
        needs: "the equations of the loops as they stay",
        leaves: "loops over small items that may fail tried in blocks of items first",
        run: vectorisation::attempt,
    },
    Pass {
        name: "loop bodies",
        needs: "the equations of the loops as they stay",
        leaves: "in every loop its body in machine instructions, by these same passes",
        run: loop_bodies,
    },
    Pass {
        name: "loop-invariant code motion",
        needs: "bodies in machine instructions",
        leaves: "what is the same in every step, computed before the loop",
        run: loop_invariant::hoist,
    },
    Pass {
        name: "ordering",
        needs: "all equations, those that left loops too",
        leaves: "equations that can share a loop side by side",
        run: order::sort,
    },
];

/// Equations become items: fusions and single instructions, in the order in which they run.
const ITEMS: &[Pass<Schedule>] = &[
    Pass {
        name: "rematerialisation",
        needs: "equations in order",
        leaves: "the loops that keep some states only, and where",
        run: Schedule::rematerialise,
    },
    Pass {
        name: "greedy fusion",
        needs: "equations in order, the loops that keep some states",
        leaves: "items; views and splats as views of roots; outputs at their places",
        run: Schedule::fuse,
    },
    Pass {
        name: "sinking",
        needs: "items",
        leaves: "each fusion merged into its first reader, where both run over the same indices",
        run: sinking::sink,
    },
    Pass {
        name: "matrix passes",
        needs: "the work between two products in one fusion, as sinking leaves it",
        leaves: "a fusion and the products with one matrix around it as one item, which reads the matrix once",
        run: matrix_passes::fuse,
    },
    Pass { name: "batching", needs: "items", leaves: "two kernels that do the same work as one", run: batching::batch },
    Pass {
        name: "accumulation",
        needs: "products that no matrix pass has taken",
        leaves: "sums of matrix products without a buffer of their own; fusions that list stored results alone",
        run: accumulate::accumulate,
    },
];

/// Items get memory.
const MEMORY: &[Pass<Frame>] = &[
    Pass { name: "scratch", needs: "items as they stay", leaves: "the bytes that each item needs only while it runs", run: scratch::size },
    Pass { name: "liveness", needs: "items as they stay", leaves: "the last use of every root", run: liveness::find },
    Pass {
        name: "buffer donation",
        needs: "last uses and scratch",
        leaves: "a slot for every stored root, its own or that of an operand that dies there",
        run: slots::assign,
    },
    Pass {
        name: "packing",
        needs: "slots with their lifetimes",
        leaves: "a place for each slot, apart from slots in use at the same time",
        run: packing::place,
    },
    Pass {
        name: "carry donation",
        needs: "slots",
        leaves: "carries whose new value overwrites the old one, where nothing reads that later",
        run: carry_donation::donate,
    },
];

/// Turns a program into machine instructions. Only the outputs for which `read` holds are kept.
pub(crate) fn expand(program: &Program, read: &[bool]) -> Result<Expanded> {
    if let Some(f) = program.fault(false) {
        return Err(Error::new("plan", ErrorKind::Program(f.problem)).or(f.site));
    }
    expand_within(program, read, Cuts { levels: VECTORISED_DEPTH, attempts: true })
}

/// The same, of a program within another one that has left these cuts.
pub(super) fn expand_within(program: &Program, read: &[bool], cuts: Cuts) -> Result<Expanded> {
    let mut x = Expanded::new(program, read, cuts);
    walk(EQUATIONS, &mut x, verify::equations)?;
    Ok(x)
}

/// Plans the block of a program with these inputs. In the body of a loop, the first outputs are the new values of the carries, and the inputs after
/// the first are the old values. `may_replace` says for each carry whether its new value may be written over the old one.
pub(crate) fn block(expanded: Expanded, given: Vec<Given>, may_replace: &[bool]) -> Result<Block> {
    emission::emit(framed(scheduled(expanded, given)?, may_replace)?)
}

/// The items of a program with these inputs.
pub(super) fn scheduled(expanded: Expanded, given: Vec<Given>) -> Result<Schedule> {
    let nest = Nest { expand: expand_within, cuts: expanded.cuts, block };
    let mut s = Schedule::new(expanded, given, nest);
    walk(ITEMS, &mut s, verify::items)?;
    Ok(s)
}

/// Gives items their memory.
pub(super) fn framed(schedule: Schedule, may_replace: &[bool]) -> Result<Frame> {
    let mut f = Frame::new(schedule, may_replace);
    walk(MEMORY, &mut f, verify::memory)?;
    Ok(f)
}

/// Expands the bodies of loops, with all their outputs.
fn loop_bodies(x: &mut Expanded) -> Result<()> {
    for a in &mut x.asked {
        if let Lowering::Scan(spec) = &a.lowering {
            a.body = Some(Arc::new(expand_within(&spec.body, &vec![true; spec.body.outputs.len()], x.cuts)?));
        }
    }
    Ok(())
}

/// Runs passes. In debug builds it checks the invariants after each pass.
fn walk<T>(passes: &[Pass<T>], t: &mut T, check: fn(&T) -> std::result::Result<(), String>) -> Result<()> {
    for pass in passes {
        (pass.run)(t)?;
        if cfg!(debug_assertions) {
            check(t).map_err(|problem| broken(pass, &problem))?;
        }
    }
    Ok(())
}

/// The error that a pass broke an invariant.
fn broken<T>(Pass { name, needs, leaves, .. }: &Pass<T>, problem: &str) -> Error {
    let problem = format!("after the pass {name} (which needs {needs}, and leaves {leaves}): {problem}; this is a fault of the planner");
    Error::new("plan", ErrorKind::Plan(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_that_breaks_an_invariant_is_named() {
        let good = |_: &mut usize| Ok(());
        let passes = [
            Pass { name: "first", needs: "nothing", leaves: "all as it was", run: good },
            Pass {
                name: "second",
                needs: "nothing",
                leaves: "an even number",
                run: |n: &mut usize| {
                    *n += 1;
                    Ok(())
                },
            },
            Pass { name: "third", needs: "an even number", leaves: "all as it was", run: good },
        ];
        let even = |n: &usize| if n.is_multiple_of(2) { Ok(()) } else { Err(format!("{n} is odd")) };
        let broken = walk(&passes, &mut 2, even).expect_err("the second pass makes it odd").to_string();
        assert!(broken.contains("after the pass second") && broken.contains("an even number): 3 is odd"), "{broken}");
    }

    #[test]
    fn every_pass_has_a_name_of_its_own_and_says_what_it_needs_and_leaves() {
        let mut names = vec![];
        let mut note = |said: [&'static str; 3]| {
            assert!(said.iter().all(|s| !s.is_empty()), "{said:?}");
            assert!(!names.contains(&said[0]), "{} stands twice", said[0]);
            names.push(said[0]);
        };
        EQUATIONS.iter().for_each(|p| note([p.name, p.needs, p.leaves]));
        ITEMS.iter().for_each(|p| note([p.name, p.needs, p.leaves]));
        MEMORY.iter().for_each(|p| note([p.name, p.needs, p.leaves]));
    }
}
