//! Points beside a point: on a kink a derivative is a convention, beside it there is one value.
use super::compare::{Class, Judge};
use crate::language::{Kind, Program};
use hypertape_testkit::random::unit;

/// How far, relative to 1 + |x|, and on how many sides.
const FAR: f64 = 1e-3;
const SIDES: u64 = 8;

/// The program at a point close to its own, in the precision of the program.
fn moved(program: &Program, side: u64) -> Program {
    let mut moved = program.clone();
    for (k, input) in moved.inputs.iter_mut().enumerate().filter(|(_, input)| input.of.kind == Kind::Real) {
        for (i, x) in input.data.iter_mut().enumerate() {
            let step = FAR * (1.0 + x.abs()) * (2.0 * unit(1000 * (side + 1) + k as u64, i as u64) - 1.0);
            *x = f64::from((*x + step) as f32);
        }
    }
    moved
}

/// Whether a comparison finds no fault at any of the points beside that of the program where it has a value, of which there must be one.
pub(super) fn agrees(program: &Program, compare: impl Fn(&Program, &mut Judge<'_>)) -> bool {
    let mut seen = 0;
    let right = (0..SIDES).all(|side| {
        let moved = moved(program, side);
        let mut judge = Judge::new(&moved);
        if judge.trouble().is_some() {
            return true;
        }
        seen += 1;
        compare(&moved, &mut judge);
        judge.flags.iter().all(|f| f.class < Class::Refused)
    });
    right && seen > 0
}
