//! Many items at once: a program whose values have the items as a further leading axis, as far as they differ.
use super::dead_code;
use super::sums::{Sums, wants};
use crate::error::{Error, ErrorKind, Result};
use crate::operation::{Builder, Equation, Form, Items, Program, Remember, Value, Want, no_rule};
use crate::program::Values;

/// The program for `n` items at once. Inputs for which `each` holds have one more leading axis, the items, and so have all outputs; the other inputs are
/// the same for every item. It computes what running the program item by item does, up to the order of sums. A branch whose test differs between the items
/// runs both sides; a loop that stops by a test runs until the last item stops, and the others keep what they had.
///
/// It is a program of the same operations, so it has all derivatives.
///
/// # Errors
/// When an operation of the program has no rule for this, which code that is not hypertape's has not; the error names it.
pub fn batch(program: &Program, n: usize, each: &[bool]) -> Result<Program> {
    if each.len() != program.inputs.len() {
        let kind = ErrorKind::count(crate::error::Counted::Program, program.inputs.len(), each.len());
        return Err(Error::new("batch", kind));
    }
    let forms: Vec<Form> = each.iter().map(|e| if *e { Form::Each } else { Form::Shared }).collect();
    for_items(program, n, &forms, &vec![Form::Each; program.outputs.len()])
}

/// The program for `n` items at once, with inputs and outputs in these forms. Outputs that are to be shared must not depend on what items have of their own.
pub(crate) fn for_items(program: &Program, n: usize, given: &[Form], asked: &[Form]) -> Result<Program> {
    let _remember = Remember::new();
    let differs = program.depends_on(&given.iter().map(|f| *f != Form::Shared).collect::<Vec<_>>());
    let asked_wants: Vec<Want> = asked.iter().map(|f| if *f == Form::Sum { Want::Sum } else { Want::Each }).collect();
    let wanted = wants(program, &differs, &asked_wants);
    let mut b = Builder::new();
    let mut map: Vec<(Value, Form)> = vec![(Value(0), Form::Shared); program.types.len()];
    for (v, f) in program.inputs.iter().zip(given) {
        let mut t = program.type_of(*v).clone();
        if *f == Form::Each {
            t.shape.insert(0, n);
        }
        if !t.is_addressable() {
            return Err(Error::new("batched", ErrorKind::Unaddressable { what: "an input of all items", given: t }));
        }
        map[v.index()] = (b.input(t), *f);
    }
    for e in &program.equations {
        b.at(e.site);
        let want: Vec<Want> = e.outputs.iter().map(|v| wanted[v.index()]).collect();
        if want.iter().all(|w| *w == Want::Nothing) && e.outputs.iter().all(|v| differs[v.index()]) {
            continue;
        }
        for (v, made) in e.outputs.iter().zip(equation(&mut b, program, e, n, &map, &differs, &want)?) {
            map[v.index()] = made;
        }
        // What comes after a mistake is not of the types that rules rely on.
        if let Some(problem) = b.problem() {
            return Err(problem.clone());
        }
    }
    let outputs: Vec<Value> = program.outputs.iter().zip(asked).map(|(v, f)| in_form(&mut b, map[v.index()], *f, n)).collect();
    dead_code(&b.finish(&outputs)?)
}

/// One equation, with what its results stand for.
fn equation(
    b: &mut Builder,
    p: &Program,
    e: &Equation,
    n: usize,
    map: &[(Value, Form)],
    differs: &[bool],
    wants: &[Want],
) -> Result<Vec<(Value, Form)>> {
    let mut given: Vec<(Value, Form)> = e.inputs.iter().map(|v| map[v.index()]).collect();
    let inputs = |given: &[(Value, Form)]| given.iter().map(|g| g.0).collect::<Values>();
    if given.iter().all(|g| g.1 == Form::Shared) {
        return Ok(b.emit(e.op.clone(), &inputs(&given)).into_iter().map(|v| (v, Form::Shared)).collect());
    }
    let mask: Vec<bool> = e.inputs.iter().map(|v| differs[v.index()]).collect();
    let sums = Sums::of(p, e, &mask);
    if sums != Sums::Apart && wants.iter().all(|w| *w <= Want::Sum) {
        for (g, differs) in given.iter_mut().zip(&mask) {
            if *differs || sums == Sums::Together {
                *g = (in_form(b, *g, Form::Sum, n), Form::Sum);
            }
        }
        return Ok(b.emit(e.op.clone(), &inputs(&given)).into_iter().map(|v| (v, Form::Sum)).collect());
    }
    let (inputs, forms): (Values, Vec<Form>) = given.iter().copied().unzip();
    let items = Items { n, inputs: &inputs, forms: &forms, wants };
    match e.op.batch(b, &e.op, &items)? {
        Some(made) => Ok(made),
        None => Err(no_rule(&e.op, p, &e.inputs).or(e.site)),
    }
}

/// A value in another form: repeated for each item, or summed over the items.
pub(crate) fn in_form(b: &mut Builder, (v, has): (Value, Form), asked: Form, n: usize) -> Value {
    match (has, asked) {
        (Form::Shared, Form::Each) => b.for_each_item(v, n),
        (Form::Shared, Form::Sum) => b.scale(v, n as f64),
        (Form::Each, Form::Sum) => b.sum_over_items(v),
        _ => v,
    }
}
