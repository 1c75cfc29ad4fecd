//! A linear program between a few indices of axes: its direction is zero elsewhere, and of its results nothing else is asked.
use super::linearize::partition;
use crate::array::Shape;
use crate::error::Result;
use crate::operation::{Builder, Contraction, Equation, Fold, Lowering, Program, Value, View};
use crate::program::Values;
use std::collections::HashMap;

/// An axis of an array that is cut down to the indices of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cut {
    /// The axis.
    pub axis: usize,
    /// The number of the set.
    pub set: usize,
}

/// A restricted linear program in two parts: what is gathered once for a point and its sets, and what runs for each direction.
#[derive(Debug, Clone)]
pub struct Restricted {
    /// (residuals…, the indices of each set…) → (what was gathered…).
    pub gather: Program,
    /// (residuals and indices at [`reads`](Restricted::reads)…, what was gathered…, directions…) → (results…).
    pub product: Program,
    /// Which inputs of `gather` the product reads itself.
    pub reads: Vec<usize>,
}

/// Restricts a linear program of (residuals…, directions…) → (results…) to sets of so many indices each: directions with a cut are given on its indices alone and are 0 elsewhere;
/// results with a cut are made on its indices alone.
///
/// Elementwise operations, sums, products of arrays and views run on what is left of their operands, and read only that part of the residuals, which is gathered once. Before any other operation a direction is
/// spread over its whole axis again.
pub fn restrict(p: &Program, residuals: usize, inputs: &[Option<Cut>], outputs: &[Option<Cut>], sets: &[usize]) -> Result<Restricted> {
    let known: Vec<bool> = (0..p.inputs.len()).map(|i| i < residuals).collect();
    let moving = p.depends_on(&known.iter().map(|k| !k).collect::<Vec<_>>());
    let mut form = zeros(p, &moving, residuals, inputs);
    for (form, want) in form.iter_mut().zip(wanted(p, &moving, outputs)) {
        if let (None, Want::Only(c)) = (&form, want) {
            *form = Some(c);
        }
    }
    let mut b = Builder::new();
    let mut map = vec![Value(0); p.types.len()];
    for v in &p.inputs[..residuals] {
        map[v.index()] = b.input(p.type_of(*v).clone());
    }
    let index = |n: &usize| crate::array::LeafType::new(&[*n], crate::array::Kind::U32);
    let indices: Vec<Value> = sets.iter().map(|n| b.input(index(n))).collect();
    for (v, cut) in p.inputs[residuals..].iter().zip(inputs) {
        let mut t = p.type_of(*v).clone();
        t.shape = shorter(&t.shape, *cut, sets);
        map[v.index()] = b.input(t);
        form[v.index()] = *cut;
    }
    let mut makers = vec![None; p.types.len()];
    for e in &p.equations {
        e.outputs.iter().for_each(|v| makers[v.index()] = Some(e));
    }
    let mut r = Rewriting { p, b, map, form, moving, makers, indices, sets, gathered: HashMap::new() };
    for e in &p.equations {
        r.b.at(e.site);
        r.equation(e);
    }
    let made: Vec<Value> = p.outputs.iter().zip(outputs).map(|(v, cut)| r.operand(*v, *cut)).collect();
    let joint = r.b.finish(&made)?;
    let n = residuals + sets.len();
    let known: Vec<bool> = (0..joint.inputs.len()).map(|i| i < n).collect();
    let parts = partition(&joint, &known, &vec![true; made.len()])?;
    let all: Vec<usize> = (0..n).collect();
    let reads = parts.inputs_read(n);
    let gather = parts.known_body(&all, &[])?;
    let product = parts.unknown_body(&reads, &(n..joint.inputs.len()).collect::<Vec<_>>(), &(0..made.len()).collect::<Vec<_>>())?;
    Ok(Restricted { gather, product, reads })
}

/// A shape with a cut axis.
fn shorter(shape: &[usize], cut: Option<Cut>, sets: &[usize]) -> Shape {
    let mut shape = Shape::from_slice(shape);
    if let Some(c) = cut {
        shape[c.axis] = sets[c.set];
    }
    shape
}

/// What an equation does to axes.
enum Way {
    /// All shapes are equal.
    Pointwise,
    /// Of one operand; for each axis of the result the operand's axis that it is.
    Axes(Vec<Option<usize>>),
    Contract(Contraction),
    Other,
}

fn way(p: &Program, e: &Equation) -> Way {
    let [from, to] = [&e.inputs, &e.outputs].map(|values| values.iter().map(|v| p.type_of(*v)).collect::<Vec<_>>());
    if to.len() != 1 {
        return Way::Other;
    }
    let same = |k: usize, i: usize| from[0].shape[i] == to[0].shape[k];
    match e.op.lower(&from, &to) {
        Lowering::Pointwise(_) => Way::Pointwise,
        Lowering::Contract(c) => Way::Contract(c),
        Lowering::Fold { fold: Fold::Sum, axes } => Way::Axes((0..from[0].shape.len()).filter(|i| !axes.contains(i)).map(Some).collect()),
        Lowering::View(View::Permute(axes)) => Way::Axes(axes.iter().copied().map(Some).collect()),
        Lowering::View(View::Broadcast { shape, axes }) => {
            Way::Axes((0..shape.len()).map(|k| axes.iter().position(|a| *a == k).filter(|i| same(k, *i))).collect())
        }
        Lowering::View(View::Reshape(shape)) => {
            let before = |s: &[usize], k: usize| s[..k].iter().product::<usize>();
            let from = &from[0].shape;
            Way::Axes(
                (0..shape.len()).map(|k| (0..from.len()).find(|i| from[*i] == shape[k] && before(from, *i) == before(&shape, k))).collect(),
            )
        }
        _ => Way::Other,
    }
}

/// Where an axis of an operand of a product stands in the result.
fn place(c: &Contraction, side: usize, axis: usize, ranks: [usize; 2]) -> Option<usize> {
    let own = |p: &(usize, usize)| if side == 0 { p.0 } else { p.1 };
    if let Some(k) = c.batch.iter().position(|p| own(p) == axis) {
        return Some(k);
    }
    let before = c.batch.len() + if side == 1 { c.free(0, ranks[0]).len() } else { 0 };
    c.free(side, ranks[side]).iter().position(|a| *a == axis).map(|k| before + k)
}

/// The axis of an operand of a product that stands at this place of the result.
fn source(c: &Contraction, side: usize, at: usize, ranks: [usize; 2]) -> Option<usize> {
    (0..ranks[side]).find(|a| place(c, side, *a, ranks) == Some(at))
}

/// The one moving operand of a product.
fn side(e: &Equation, moving: &[bool]) -> Option<usize> {
    match [moving[e.inputs[0].index()], moving[e.inputs[1].index()]] {
        [true, false] => Some(0),
        [false, true] => Some(1),
        _ => None,
    }
}

fn ranks(p: &Program, e: &Equation) -> [usize; 2] {
    [0, 1].map(|i| p.type_of(e.inputs[i]).shape.len())
}

/// For each value, the cut off which it is zero.
fn zeros(p: &Program, moving: &[bool], residuals: usize, inputs: &[Option<Cut>]) -> Vec<Option<Cut>> {
    let mut zero = vec![None; p.types.len()];
    p.inputs[residuals..].iter().zip(inputs).for_each(|(v, c)| zero[v.index()] = *c);
    for e in p.equations.iter().filter(|e| e.outputs.iter().any(|v| moving[v.index()])) {
        let y = e.outputs[0].index();
        zero[y] = match way(p, e) {
            Way::Pointwise => {
                let mut cuts = e.inputs.iter().filter(|v| moving[v.index()]).map(|v| zero[v.index()]);
                let first = cuts.next().flatten();
                first.filter(|_| cuts.all(|c| c == first))
            }
            Way::Axes(from) => {
                let cut: Option<Cut> = zero[e.inputs[0].index()];
                cut.and_then(|c| from.iter().position(|i| *i == Some(c.axis)).map(|axis| Cut { axis, ..c }))
            }
            Way::Contract(spec) => side(e, moving).and_then(|s| {
                let cut: Cut = zero[e.inputs[s].index()]?;
                Some(Cut { axis: place(&spec, s, cut.axis, ranks(p, e))?, ..cut })
            }),
            Way::Other => None,
        };
    }
    zero
}

/// What is asked of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Want {
    Nothing,
    Only(Cut),
    All,
}

/// For each value, what the results need of it.
fn wanted(p: &Program, moving: &[bool], outputs: &[Option<Cut>]) -> Vec<Want> {
    let mut want = vec![Want::Nothing; p.types.len()];
    let add = |want: &mut [Want], v: Value, w: Want| {
        let own = &mut want[v.index()];
        *own = match (*own, w) {
            (Want::Nothing, w) | (w, Want::Nothing) => w,
            (a, b) if a == b => a,
            _ => Want::All,
        };
    };
    p.outputs.iter().zip(outputs).for_each(|(v, c)| add(&mut want, *v, c.map_or(Want::All, Want::Only)));
    for e in p.equations.iter().rev().filter(|e| e.outputs.iter().any(|v| moving[v.index()])) {
        let asked = want[e.outputs[0].index()];
        let through = |axis: &dyn Fn(usize) -> Option<usize>| match asked {
            Want::Only(c) => axis(c.axis).map_or(Want::All, |axis| Want::Only(Cut { axis, ..c })),
            other => other,
        };
        let way = way(p, e);
        for (i, v) in e.inputs.iter().enumerate().filter(|(_, v)| moving[v.index()]) {
            let w = match &way {
                Way::Pointwise => asked,
                Way::Axes(from) => through(&|k| from[k]),
                Way::Contract(spec) if side(e, moving).is_some() => through(&|k| source(spec, i, k, ranks(p, e))),
                _ => Want::All,
            };
            add(&mut want, *v, w);
        }
    }
    want
}

/// A program on its way.
struct Rewriting<'a> {
    p: &'a Program,
    b: Builder,
    /// Known values whole, moving ones in their form.
    map: Vec<Value>,
    /// How a moving value is held: on a cut off which it is zero, or not wanted.
    form: Vec<Option<Cut>>,
    moving: Vec<bool>,
    makers: Vec<Option<&'a Equation>>,
    indices: Vec<Value>,
    sets: &'a [usize],
    gathered: HashMap<(Value, Cut), Value>,
}

impl Rewriting<'_> {
    fn take(&mut self, v: Value, cut: Cut) -> Value {
        self.b.take(v, self.indices[cut.set], cut.axis)
    }
    /// A made value that is held on one cut, on another one, or whole. `len` is the length of the axis of its cut.
    fn convert(&mut self, v: Value, from: Option<(Cut, usize)>, to: Option<Cut>) -> Value {
        if from.map(|(c, _)| c) == to {
            return v;
        }
        let whole = match from {
            Some((c, len)) => self.b.scatter_add(v, self.indices[c.set], c.axis, len),
            None => v,
        };
        to.map_or(whole, |c| self.take(whole, c))
    }
    fn held(&self, v: Value) -> Option<(Cut, usize)> {
        self.form[v.index()].map(|c| (c, self.p.type_of(v).shape[c.axis]))
    }
    /// A value of the program on a cut, or whole.
    fn operand(&mut self, v: Value, to: Option<Cut>) -> Value {
        match (self.moving[v.index()], to) {
            (true, _) => self.convert(self.map[v.index()], self.held(v), to),
            (false, Some(cut)) => self.known(v, cut),
            (false, None) => self.map[v.index()],
        }
    }
    /// A known value on a cut, from the parts of what it is made of.
    fn known(&mut self, v: Value, cut: Cut) -> Value {
        if let Some(made) = self.gathered.get(&(v, cut)) {
            return *made;
        }
        let p = self.p;
        let made = match self.makers[v.index()].map(|e| (e, way(p, e))) {
            Some((e, Way::Pointwise)) => {
                let x: Values = e.inputs.iter().map(|x| self.known(*x, cut)).collect();
                self.b.emit1(e.op.clone(), &x)
            }
            Some((e, Way::Axes(from))) if from[cut.axis].is_some() || self.is_broadcast(e) => {
                let x = self.operand(e.inputs[0], from[cut.axis].map(|axis| Cut { axis, ..cut }));
                self.along(e, x, Some(cut))
            }
            _ => self.take(self.map[v.index()], cut),
        };
        self.gathered.insert((v, cut), made);
        made
    }
    fn lower(&self, e: &Equation) -> Lowering {
        let [from, to] = [&e.inputs, &e.outputs].map(|values| values.iter().map(|v| self.p.type_of(*v)).collect::<Vec<_>>());
        e.op.lower(&from, &to)
    }
    fn is_broadcast(&self, e: &Equation) -> bool {
        matches!(self.lower(e), Lowering::View(View::Broadcast { .. }))
    }
    /// A view or a sum of an operand that is cut already, where the result has this cut.
    fn along(&mut self, e: &Equation, x: Value, to: Option<Cut>) -> Value {
        match self.lower(e) {
            Lowering::View(View::Reshape(shape)) => self.b.reshape(x, &shorter(&shape, to, self.sets)),
            Lowering::View(View::Broadcast { shape, axes }) => self.b.broadcast(x, &shorter(&shape, to, self.sets), &axes),
            _ => self.b.emit1(e.op.clone(), &[x]),
        }
    }
    fn equation(&mut self, e: &Equation) {
        if !e.outputs.iter().any(|v| self.moving[v.index()]) {
            let x: Values = e.inputs.iter().map(|v| self.map[v.index()]).collect();
            let made = self.b.emit(e.op.clone(), &x);
            e.outputs.iter().zip(made).for_each(|(v, y)| self.map[v.index()] = y);
            return;
        }
        let y = e.outputs[0];
        let to = self.form[y.index()];
        let (made, natural) = match way(self.p, e) {
            Way::Pointwise => {
                let x: Values = e.inputs.iter().map(|v| self.operand(*v, to)).collect();
                (self.b.emit1(e.op.clone(), &x), to)
            }
            Way::Axes(from) => self.axes(e, &from, to),
            Way::Contract(spec) if side(e, &self.moving).is_some() => self.contract(e, &spec, to),
            _ => {
                let x: Values = e.inputs.iter().map(|v| self.operand(*v, None)).collect();
                let made = self.b.emit(e.op.clone(), &x);
                for (v, made) in e.outputs.iter().zip(made) {
                    self.map[v.index()] = self.convert(made, None, self.form[v.index()]);
                }
                return;
            }
        };
        let held = natural.map(|c| (c, self.p.type_of(y).shape[c.axis]));
        self.map[y.index()] = self.convert(made, held, to);
    }
    /// A view or a sum, and the cut that its result has.
    fn axes(&mut self, e: &Equation, from: &[Option<usize>], to: Option<Cut>) -> (Value, Option<Cut>) {
        let x = e.inputs[0];
        let sums = matches!(self.lower(e), Lowering::Fold { .. });
        if let Some(held) = self.form[x.index()] {
            let natural = from.iter().position(|i| *i == Some(held.axis)).map(|axis| Cut { axis, ..held });
            if natural.is_some() || sums {
                let x = self.map[x.index()];
                return (self.along(e, x, natural), natural);
            }
        }
        let cut = to.filter(|c| from[c.axis].is_some() || self.is_broadcast(e));
        let x = self.operand(x, cut.and_then(|c| from[c.axis].map(|axis| Cut { axis, ..c })));
        (self.along(e, x, cut), cut)
    }
    /// A product of a known and a moving operand, and the cut that its result has.
    fn contract(&mut self, e: &Equation, spec: &Contraction, to: Option<Cut>) -> (Value, Option<Cut>) {
        let s = usize::from(self.moving[e.inputs[1].index()]);
        let (x, k, ranks) = (e.inputs[s], e.inputs[1 - s], ranks(self.p, e));
        let partner = |axis: usize| {
            let pairs = spec.sum.iter().chain(&spec.batch);
            pairs.map(|p| if s == 0 { (p.0, p.1) } else { (p.1, p.0) }).find(|p| p.0 == axis).map(|p| p.1)
        };
        let mut held = self.form[x.index()];
        let mut natural = held.and_then(|c| place(spec, s, c.axis, ranks).map(|axis| Cut { axis, ..c }));
        if held.is_some() && natural.is_some() && to.is_some() && natural != to {
            (held, natural) = (None, None);
        }
        // What is asked of the result's own axes, where the moving operand has not cut them already.
        let asked = to.filter(|_| natural.is_none());
        let own = asked.and_then(|c| source(spec, s, c.axis, ranks).map(|axis| Cut { axis, ..c }));
        let cut = held.or(own);
        let own_asked = asked.filter(|_| own.is_none() || held.is_none());
        let a = self.operand(x, cut);
        let mut cuts: Vec<Cut> = cut.and_then(|c| partner(c.axis).map(|axis| Cut { axis, ..c })).into_iter().collect();
        if let Some(c) = own_asked
            && own.is_none()
            && let Some(axis) = source(spec, 1 - s, c.axis, ranks)
        {
            cuts.push(Cut { axis, ..c });
        }
        let mut known = match cuts.first() {
            Some(c) => self.known(k, *c),
            None => self.map[k.index()],
        };
        for c in cuts.iter().skip(1) {
            known = self.take(known, *c);
        }
        let made = self.b.contract(if s == 0 { a } else { known }, if s == 0 { known } else { a }, spec.clone());
        (made, natural.or(own_asked))
    }
}
