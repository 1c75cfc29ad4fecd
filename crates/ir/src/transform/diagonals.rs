//! The matrix of a linear program by its diagonals, where its results read the direction at fixed distances.
use crate::array::{LeafType, Shape};
use crate::error::Result;
use crate::operation::{Builder, Equation, Lowering, Part, Program, Value, View};
use crate::program::Values;
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};

/// A diagonal of the matrix between a result and a direction: the derivatives of the result's elements i by the direction's elements i + offset, for the i of a box. Elsewhere they are 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagonal {
    /// The number of the result.
    pub output: usize,
    /// The number of the direction.
    pub input: usize,
    /// As which shape the result's elements are counted, row by row.
    pub rows: Shape,
    /// As which shape the direction's elements are counted.
    pub columns: Shape,
    /// What is added to an index of a row.
    pub offset: SmallVec<[isize; 4]>,
    /// The indices i.
    pub within: Extent,
}

/// A box of indices: along each axis those from `first` to below `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The first of each axis.
    pub first: Shape,
    /// The end of each axis.
    pub end: Shape,
}

impl Extent {
    fn whole(shape: &Shape) -> Self {
        Extent { first: Shape::from_elem(0, shape.len()), end: shape.clone() }
    }
    /// How many indices along each axis.
    #[must_use]
    pub fn lengths(&self) -> Shape {
        self.first.iter().zip(&self.end).map(|(first, end)| end.saturating_sub(*first)).collect()
    }
    /// How many indices.
    #[must_use]
    pub fn size(&self) -> usize {
        self.lengths().iter().product()
    }
    /// The place of an index among these, row by row; none where it is not one of them.
    #[must_use]
    pub fn place(&self, index: &[usize]) -> Option<usize> {
        let axes = index.iter().zip(self.first.iter().zip(&self.end));
        axes.into_iter().try_fold(0, |place, (at, (first, end))| (first <= at && at < end).then(|| place * (end - first) + at - first))
    }
    /// What of it lies in an array of this shape, if that is seen `by` further on.
    fn moved(&self, by: &[isize], shape: &[usize]) -> Self {
        let moved = |at: &Shape| (0..shape.len()).map(|k| at[k].saturating_add_signed(by[k]).min(shape[k])).collect();
        Extent { first: moved(&self.first), end: moved(&self.end) }
    }
    /// The smallest that holds both.
    fn hull(&self, other: &Self) -> Self {
        let of = |a: &Shape, b: &Shape, f: fn(usize, usize) -> usize| a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect();
        Extent { first: of(&self.first, &other.first, usize::min), end: of(&self.end, &other.end, usize::max) }
    }
}

/// The most diagonals that a value may have.
const MOST: usize = 64;

/// The matrix of a linear program of (residuals…, directions…) → (results…) as a program of (residuals…) → (diagonals…), sorted by result, direction and offset.
/// None where results read the direction otherwise than at fixed distances, as products with matrices and sums do, or where the diagonals would be mostly 0.
///
/// Elementwise operations, slices and joins keep distances: their rules run on the diagonals of their operands, one after the other. So no direction is made, and each entry is
/// what its own terms give.
pub fn diagonals(linear: &Program, residuals: usize) -> Result<Option<(Program, Vec<Diagonal>)>> {
    let directions: Vec<bool> = (0..linear.inputs.len()).map(|i| i >= residuals).collect();
    let linear = &written_out(linear)?;
    let mut r =
        Rewriting { p: linear, moving: linear.depends_on(&directions), b: Builder::new(), map: HashMap::new(), terms: HashMap::new() };
    for (i, v) in linear.inputs.iter().enumerate() {
        let t = linear.type_of(*v);
        if i < residuals {
            r.map.insert(*v, r.b.input(t.clone()));
        } else {
            r.terms.insert(*v, vec![Term::identity(i - residuals, &t.shape)]);
        }
    }
    for e in &linear.equations {
        r.b.at(e.site);
        if r.equation(e).is_none() {
            return Ok(None);
        }
    }
    let (mut made, mut outputs) = (vec![], vec![]);
    let [mut held, mut entries] = [0, 0];
    for (output, v) in linear.outputs.iter().enumerate() {
        let v = r.counted(*v);
        let rows = linear.type_of(v).shape.clone();
        let Some(terms) = r.terms_of(v) else { return Ok(None) };
        let mut terms = terms.to_vec();
        terms.sort_by(|a, b| a.key.cmp(&b.key));
        // The columns of a row ascend where its terms count them alike.
        if terms.windows(2).any(|w| w[0].key.input == w[1].key.input && w[0].key.columns != w[1].key.columns) {
            return Ok(None);
        }
        for t in terms {
            held += t.within.size();
            entries += t.entries;
            outputs.push(r.coefficient(v, &t));
            let Key { input, columns, offset } = t.key;
            made.push(Diagonal { output, input, rows: rows.clone(), columns, offset, within: t.within });
        }
    }
    if held > 2 * entries {
        return Ok(None);
    }
    Ok(Some((super::dead_code(&r.b.finish(&outputs)?)?, made)))
}

/// The program with composite operations, such as differences, as the equations that they are made of.
fn written_out(p: &Program) -> Result<Program> {
    let mut b = Builder::new();
    let inputs = b.inputs(p.input_types().iter());
    let outputs = write_out(&mut b, p, &inputs, DEPTH);
    b.finish(&outputs)
}

/// How deep composites may lie in each other; deeper ones stay as they are.
const DEPTH: usize = 8;

fn write_out(b: &mut Builder, p: &Program, inputs: &[Value], depth: usize) -> Values {
    let mut map = vec![Value(0); p.types.len()];
    p.inputs.iter().zip(inputs).for_each(|(v, given)| map[v.index()] = *given);
    for e in &p.equations {
        b.at(e.site);
        let x: Values = e.inputs.iter().map(|v| map[v.index()]).collect();
        let made = match lower(p, e) {
            Lowering::Composite(parts) if depth > 0 => {
                let mut inner = Builder::new();
                let given = inner.inputs(e.inputs.iter().map(|v| p.type_of(*v)));
                let made = parts(&mut inner, &given);
                inner.finish(&made).map(|parts| write_out(b, &parts, &x, depth - 1))
            }
            _ => Ok(b.emit(e.op.clone(), &x)),
        };
        match made {
            Ok(made) => e.outputs.iter().zip(made).for_each(|(v, y)| map[v.index()] = y),
            Err(problem) => b.fail(problem),
        }
    }
    p.outputs.iter().map(|v| map[v.index()]).collect()
}

fn lower(p: &Program, e: &Equation) -> Lowering {
    let [from, to] = [&e.inputs, &e.outputs].map(|values| values.iter().map(|v| p.type_of(*v)).collect::<Vec<_>>());
    e.op.lower(&from, &to)
}

/// What a term reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    input: usize,
    columns: Shape,
    offset: SmallVec<[isize; 4]>,
}

/// coefficient[i] · direction[i + offset] for the indices i of a box.
#[derive(Debug, Clone)]
struct Term {
    key: Key,
    within: Extent,
    /// Has the shape of the box. None is 1 everywhere.
    coefficient: Option<Value>,
    /// At how many indices it may be other than 0.
    entries: usize,
}

impl Term {
    fn identity(input: usize, shape: &Shape) -> Self {
        let key = Key { input, columns: shape.clone(), offset: SmallVec::from_elem(0, shape.len()) };
        Term { key, within: Extent::whole(shape), coefficient: None, entries: shape.iter().product() }
    }
}

struct Rewriting<'a> {
    p: &'a Program,
    moving: Vec<bool>,
    b: Builder,
    /// Known values.
    map: HashMap<Value, Value>,
    /// Moving values.
    terms: HashMap<Value, Vec<Term>>,
}

impl Rewriting<'_> {
    /// None where it does not keep distances.
    fn equation(&mut self, e: &Equation) -> Option<()> {
        if !e.outputs.iter().any(|v| self.moving[v.index()]) {
            let x: Values = e.inputs.iter().map(|v| self.map[v]).collect();
            let made = self.b.emit(e.op.clone(), &x);
            self.map.extend(e.outputs.iter().copied().zip(made));
            return Some(());
        }
        let &[y] = &e.outputs[..] else { return None };
        let made = match lower(self.p, e) {
            Lowering::Pointwise(_) => self.pointwise(e)?,
            Lowering::View(View::Slice { start, step, .. }) if step.iter().all(|s| *s == 1) => {
                let back: SmallVec<[isize; 4]> = start.iter().map(|s| -(*s as isize)).collect();
                self.terms_of(e.inputs[0])?.to_vec().iter().filter_map(|t| self.moved(e.inputs[0], t, &back, y)).collect()
            }
            Lowering::Place { fill: 0.0, parts } if parts.iter().all(|p| p.step.iter().all(|s| *s == 1)) => {
                // The operands that stand still are 0: the program is linear.
                let mut met: BTreeMap<Key, Vec<(usize, Term)>> = BTreeMap::new();
                for (v, part) in e.inputs.iter().zip(&parts) {
                    let on: SmallVec<[isize; 4]> = part.start.iter().map(|s| *s as isize).collect();
                    for t in self.terms_of(*v)?.to_vec() {
                        let Some(t) = self.moved(*v, &t, &on, y) else { continue };
                        met.entry(t.key.clone()).or_default().push((0, t));
                    }
                }
                met.into_values().map(|terms| self.together(y, &terms)).collect()
            }
            Lowering::View(View::Reshape(shape)) => match self.terms.get(&e.inputs[0]).map(|terms| &terms[..]) {
                // A direction is counted in another shape from the start.
                Some([t]) if t.coefficient.is_none() && t.within.size() == self.p.type_of(y).len() => {
                    vec![Term::identity(t.key.input, &shape)]
                }
                // What else is reshaped may only be a result.
                _ => return Some(()),
            },
            _ => return None,
        };
        (made.len() <= MOST).then(|| self.terms.insert(y, made)).map(|_| ())
    }
    /// None of a value that moves otherwise than by terms.
    fn terms_of(&self, v: Value) -> Option<&[Term]> {
        match self.terms.get(&v) {
            Some(terms) => Some(terms),
            None => (!self.moving[v.index()]).then_some(&[]),
        }
    }
    /// The part of a value's term that lies in y, if y sees it `by` further on.
    fn moved(&mut self, v: Value, t: &Term, by: &[isize], y: Value) -> Option<Term> {
        let within = t.within.moved(by, &self.p.type_of(y).shape);
        if within.size() == 0 {
            return None;
        }
        let back: SmallVec<[isize; 4]> = by.iter().map(|by| -by).collect();
        let from = within.moved(&back, &self.p.type_of(v).shape);
        let mut key = t.key.clone();
        key.offset.iter_mut().zip(by).for_each(|(offset, by)| *offset -= by);
        let entries = t.entries.min(within.size());
        let coefficient = t.coefficient.map(|c| self.part(c, &t.within, &from));
        Some(Term { key, within, coefficient, entries })
    }
    /// The part of an array with the indices of one box that lies in another one.
    fn part(&mut self, a: Value, of: &Extent, within: &Extent) -> Value {
        let start: Shape = within.first.iter().zip(&of.first).map(|(first, of)| first - of).collect();
        self.b.slice(a, &start, &vec![1; start.len()], &within.lengths())
    }
    /// An elementwise equation, linear in the operands that move: it runs once for each term of theirs.
    fn pointwise(&mut self, e: &Equation) -> Option<Vec<Term>> {
        let mut met: BTreeMap<Key, Vec<(usize, Term)>> = BTreeMap::new();
        for (i, v) in e.inputs.iter().enumerate() {
            self.terms_of(*v)?.iter().for_each(|t| met.entry(t.key.clone()).or_default().push((i, t.clone())));
        }
        let whole = Extent::whole(&self.p.type_of(e.outputs[0]).shape);
        let terms = met.into_values().map(|terms| {
            let all = bounds(&terms);
            let x: Values = (e.inputs.iter().enumerate())
                .map(|(i, v)| {
                    let own: Vec<(usize, Term)> = terms.iter().filter(|(of, _)| *of == i).cloned().collect();
                    match self.map.get(v) {
                        Some(known) => self.part(*known, &whole, &all.within),
                        None => self.spread(*v, &own, &all.within),
                    }
                })
                .collect();
            Term { coefficient: Some(self.b.emit1(e.op.clone(), &x)), ..all }
        });
        Some(terms.collect())
    }
    /// Terms of one key that lie apart, as one.
    fn together(&mut self, y: Value, terms: &[(usize, Term)]) -> Term {
        match terms {
            [(_, t)] => t.clone(),
            _ => {
                let all = bounds(terms);
                Term { coefficient: Some(self.spread(y, terms, &all.within)), ..all }
            }
        }
    }
    /// What terms of one key, which lie apart, are on the indices of a box that holds them; v has their element type.
    fn spread(&mut self, v: Value, terms: &[(usize, Term)], within: &Extent) -> Value {
        let shape = within.lengths();
        let parts: Vec<(Value, Part)> = (terms.iter())
            .map(|(_, t)| {
                let start = t.within.first.iter().zip(&within.first).map(|(first, of)| first - of).collect();
                (self.coefficient(v, t), Part { start, step: Shape::from_elem(1, shape.len()) })
            })
            .collect();
        if parts.is_empty() { self.all(v, &shape, 0.0) } else { self.b.place(&shape, &parts) }
    }
    fn coefficient(&mut self, v: Value, t: &Term) -> Value {
        t.coefficient.unwrap_or_else(|| self.all(v, &t.within.lengths(), 1.0))
    }
    fn all(&mut self, v: Value, shape: &Shape, number: f64) -> Value {
        let t = LeafType { shape: shape.clone(), kind: self.p.type_of(v).kind };
        self.b.full(&t, number)
    }
    /// The value whose elements, row by row, are those of a result.
    fn counted(&self, v: Value) -> Value {
        let maker = self.p.equations.iter().rev().find(|e| e.outputs[..] == [v]);
        match maker.map(|e| (e, lower(self.p, e))) {
            Some((e, Lowering::View(View::Reshape(_)))) => self.counted(e.inputs[0]),
            _ => v,
        }
    }
}

/// A term that holds these of one key, without its coefficient.
fn bounds(terms: &[(usize, Term)]) -> Term {
    let (_, mut all) = terms[0].clone();
    for (_, t) in &terms[1..] {
        all.within = all.within.hull(&t.within);
        all.entries = (all.entries + t.entries).min(all.within.size());
    }
    all
}
