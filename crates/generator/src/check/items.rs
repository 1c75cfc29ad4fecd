//! Two points at once, as items of one function, against the reference at the first.
use super::compare::Judge;
use super::engine::{attempt, flat, parts, slopes};
use crate::door;
use crate::language::Program;
use crate::reference::{Arithmetic, evaluate};
use hypertape::array::{AnyArray, LeafType, Real};

/// The arrays of two points along a further leading axis.
fn stacked(x: &[AnyArray], y: &[AnyArray]) -> Vec<AnyArray> {
    let both = |(x, y): (&AnyArray, &AnyArray)| {
        let shape = [&[2], x.shape()].concat();
        let elements = [x.to_f64(), y.to_f64()].concat();
        AnyArray::from_f64(&LeafType::new(&shape, x.kind()), &elements)
    };
    x.iter().zip(y).filter_map(both).collect()
}

/// The first half of each array.
fn first(all: &[AnyArray]) -> Vec<f64> {
    let half = |a: &AnyArray| {
        let mut all = a.to_f64();
        all.truncate(all.len() / 2);
        all
    };
    all.iter().flat_map(half).collect()
}

/// Values of two items, and the gradient of the sum of their losses.
pub(super) fn run<T: Real>(program: &Program, judge: &mut Judge<'_>) {
    // What cannot be recorded was said before.
    if judge.flags.iter().any(|f| f.what == "record") {
        return;
    }
    let Some(f) = attempt(judge, "record", || door::outputs::<T>(program)) else { return };
    let Some(l) = attempt(judge, "record", || door::loss::<T>(program)) else { return };
    let x = door::point::<T>(program, false);
    let other = door::point::<T>(program, true);
    // Where the program is refused at the second point, the first stands twice.
    let there = evaluate(program, true, Arithmetic::exact(program.single));
    let at = stacked(&x, if there.arithmetic.trouble.is_none() { &other } else { &x });
    if let Some(y) = attempt(judge, "two items", || f.batched(2, |inputs| inputs).eval(&at)) {
        judge.compare("two items", &first(&y), &[], |e| parts(e, |x| x.v));
    }
    // There the derivative is a convention.
    if judge.reference.arithmetic.root {
        return;
    }
    let ones = AnyArray::full(&LeafType::new(&[2], T::KIND), 1.0);
    let ones = T::into_array(ones);
    let Some(ones) = ones else { return };
    if let Some((_, g)) = attempt(judge, "gradient of two items", || l.batched(2, |inputs| inputs).vjp(&at, &ones)) {
        let directions = [door::direction::<T>(program, 0), door::direction::<T>(program, 1)].map(|d| flat(&d));
        slopes(judge, "gradient of two items", &first(&g), [&directions[0], &directions[1]]);
    }
}
