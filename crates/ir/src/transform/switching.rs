//! Switching variables of a program: the numbers whose signs decide which smooth piece of it is active.
use super::reach::{Control, Part, Reach, control};
use super::select;
use crate::error::Result;
use crate::operation::{Builder, Program, Remember, Switch, Value};
use crate::program::Values;
use std::collections::HashSet;

/// A program of (inputs…) → (switching variables…), real arrays (Griewank 2013). As long as none of their elements passes 0, the program's value and
/// derivatives are those of one smooth piece.
///
/// What an operation decides stands in [`Operation::switching`](crate::operation::Operation::switching). Left out is what does not move with an input
/// for which `active` holds, and what no output depends on: kinks of values without a derivative or whose derivative is not read, and jumps of values
/// that are not read. Through `stop_gradient` values move, and the derivatives of switching variables go through it.
///
/// In a loop each variable is stacked over the steps, and is ∞ in steps that are not taken; that the number of steps does not change is not among
/// them. Of a branch that is not taken all are ∞.
pub fn switching(program: &Program, active: &[bool]) -> Result<Program> {
    let _remember = Remember::new();
    let n = program.outputs.len();
    let given: Vec<Part> = active.iter().map(|a| if *a { Part::Slope } else { Part::Nothing }).collect();
    let made = rewrite(&mut Reach::default(), program, &given, &vec![Part::Slope; n])?;
    select(&made, &(n..made.outputs.len()).collect::<Vec<_>>())
}

/// (inputs…) → (outputs…, switching variables…), without `stop_gradient`: of a program whose inputs move and whose outputs are read like this.
fn rewrite(reach: &mut Reach, p: &Program, given: &[Part], outputs: &[Part]) -> Result<Program> {
    let (moves, used) = (reach.moving(p, given), reach.used(p, outputs));
    let mut b = Builder::new();
    let mut map = vec![Value(0); p.types.len()];
    for v in &p.inputs {
        map[v.index()] = b.input(p.type_of(*v).clone());
    }
    let (mut found, mut seen) = (vec![], HashSet::new());
    for e in &p.equations {
        b.at(e.site);
        let x: Values = e.inputs.iter().map(|v| map[v.index()]).collect();
        if e.op.is_stop() {
            map[e.outputs[0].index()] = x[0];
            continue;
        }
        let moving: Vec<Part> = e.inputs.iter().map(|v| moves[v.index()]).collect();
        let read: Vec<Part> = e.outputs.iter().map(|v| used[v.index()]).collect();
        let bodies = match control(p, e) {
            Some(Control::Scan(s)) => {
                let (given, asked) = (reach.moving_in_body(&s, &moving), reach.used_of_body(&s, &read));
                Some(vec![rewrite(reach, &s.body, &given, &asked)?])
            }
            Some(Control::Cond(c)) => Some(vec![rewrite(reach, &c.yes, &moving[1..], &read)?, rewrite(reach, &c.no, &moving[1..], &read)?]),
            None => None,
        };
        let (y, more) = match bodies {
            Some(bodies) => e.op.widened(&mut b, &x, bodies)?,
            None => {
                let y = b.emit(e.op.clone(), &x);
                // A kink needs a derivative that comes in and one that is asked for, a jump only values.
                let most = |parts: &[Part]| parts.iter().copied().max().unwrap_or(Part::Nothing);
                let way = most(&moving).min(most(&read));
                let switches = if way > Part::Nothing { e.op.switching(&mut b, &x, &y) } else { vec![] };
                let matters = |s: &Switch| way == Part::Slope || matches!(s, Switch::Jump(_));
                (y, switches.into_iter().filter(matters).map(Switch::value).collect())
            }
        };
        found.extend(more.into_iter().filter(|v| seen.insert(*v)));
        for (v, y) in e.outputs.iter().zip(y) {
            map[v.index()] = y;
        }
    }
    let outputs: Vec<Value> = p.outputs.iter().map(|v| map[v.index()]).chain(found).collect();
    super::dead_code(&b.finish(&outputs)?)
}
