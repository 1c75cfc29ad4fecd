//! A program under construction: every step is evaluated as it is written, so that the next one is chosen by the values that there are.
use super::chance::Chance;
use crate::language::{Binary, Body, Id, Input, Kind, Op, Step, Type, Unary};
use crate::reference::{Arithmetic, Jet, Tensor, Value, results, size};

/// The most axes that a drawn value has.
pub(super) const MOST_AXES: usize = 5;

/// What programs are written with.
#[derive(Debug)]
pub(super) struct Writer {
    /// Choices.
    pub(super) chance: Chance,
    /// Single precision.
    pub(super) single: bool,
    /// Inputs so far.
    pub(super) inputs: Vec<Input>,
    /// Their values.
    given: Vec<Value>,
    /// Values by place, at one point of the loops that they stand in.
    env: Vec<Value>,
    /// Their types.
    types: Vec<Type>,
    /// Steps of the region that is open.
    pub(super) steps: Vec<Step>,
    /// The first value that may be used: a called function sees nothing outside.
    pub(super) floor: Id,
    /// How many bodies are open.
    pub(super) depth: usize,
    /// Lengths that axes of this program have.
    pub(super) lengths: Vec<usize>,
    /// The most elements of a value.
    pub(super) most: usize,
    /// Draws a step.
    one: fn(&mut Writer),
    cx: Arithmetic,
}

impl Writer {
    /// An empty program, whose steps `one` draws.
    pub(super) fn new(chance: Chance, single: bool, lengths: Vec<usize>, most: usize, one: fn(&mut Writer)) -> Writer {
        let cx = Arithmetic::exact(single);
        let (inputs, given, env, types, steps) = (vec![], vec![], vec![], vec![], vec![]);
        Writer { chance, single, inputs, given, env, types, steps, floor: 0, depth: 0, lengths, most, one, cx }
    }
    /// A number of steps of any family.
    pub(super) fn some_steps(&mut self, n: usize) {
        (0..n).for_each(|_| (self.one)(self));
    }
    /// How many values there are.
    pub(super) fn count(&self) -> usize {
        self.env.len()
    }
    /// The type of a value.
    pub(super) fn of(&self, id: Id) -> &Type {
        &self.types[id]
    }
    /// The shape of a value.
    pub(super) fn shape(&self, id: Id) -> Vec<usize> {
        self.types[id].shape.clone()
    }
    /// The value at the point.
    pub(super) fn value(&self, id: Id) -> &Value {
        &self.env[id]
    }
    /// Smallest and largest element; (0, 0) of nothing.
    pub(super) fn range(&self, id: Id) -> (f64, f64) {
        let data = &self.env[id].real().data;
        let fold = |start: f64, f: fn(f64, f64) -> f64| data.iter().fold(start, |m, x| f(m, x.v));
        if data.is_empty() { (0.0, 0.0) } else { (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max)) }
    }
    /// Writes a step with one result. The shape may be left out where the operands give it.
    pub(super) fn emit(&mut self, op: Op, args: &[Id], of: Type) -> Id {
        self.emit_all(op, args, vec![of])[0]
    }
    /// Writes a step.
    pub(super) fn emit_all(&mut self, op: Op, args: &[Id], types: Vec<Type>) -> Vec<Id> {
        let mut step = Step { op, args: args.to_vec(), types };
        let made = results(&mut self.cx, &self.given, &mut self.env, &step);
        step.types = made
            .iter()
            .map(|v| match v {
                Value::Real(t) => Type::real(&t.shape),
                Value::Index(t) => Type::index(&t.shape),
                Value::Absent => panic!("a drawn step is not absent"),
            })
            .collect();
        let first = self.env.len();
        self.types.extend(step.types.iter().cloned());
        self.env.extend(made);
        self.steps.push(step);
        (first..self.env.len()).collect()
    }
    /// Writes a step with a real result whose shape the operands give.
    pub(super) fn real(&mut self, op: Op, args: &[Id]) -> Id {
        self.emit(op, args, Type::real(&[]))
    }
    /// A function of one number.
    pub(super) fn unary(&mut self, f: Unary, x: Id) -> Id {
        self.real(Op::Unary(f), &[x])
    }
    /// A function of two arrays.
    pub(super) fn binary(&mut self, f: Binary, x: Id, y: Id) -> Id {
        self.real(Op::Binary(f), &[x, y])
    }
    /// A function of an array and a number.
    pub(super) fn number(&mut self, f: Binary, x: Id, v: f64) -> Id {
        self.real(Op::BinaryRight(f, v), &[x])
    }
    /// Divided by a power of two until it is of moderate size.
    pub(super) fn moderate(&mut self, x: Id) -> Id {
        let (low, high) = self.range(x);
        let top = low.abs().max(high.abs());
        if top.is_finite() && top > 8.0 { self.number(Binary::Mul, x, 2f64.powi(-(top.log2().ceil() as i32) + 1)) } else { x }
    }
    /// For each value, whether a step reads it.
    pub(super) fn read(&self) -> Vec<bool> {
        let mut read = vec![false; self.env.len()];
        self.steps.iter().for_each(|s| s.each_read(&mut |id| read[id] = true, self.env.len()));
        read
    }
    /// Real values that may be used.
    pub(super) fn reals(&self) -> Vec<Id> {
        (self.floor..self.env.len()).filter(|i| self.types[*i].kind == Kind::Real && self.env[*i] != Value::Absent).collect()
    }
    /// Values of indices that may be used.
    pub(super) fn indices(&self) -> Vec<Id> {
        (self.floor..self.env.len()).filter(|i| self.types[*i].kind == Kind::Index).collect()
    }
    /// A real value, mostly a late one.
    pub(super) fn any(&mut self) -> Id {
        let all = self.reals();
        if all.is_empty() {
            let shape = self.draw_shape();
            return self.fresh(&shape);
        }
        let back = if self.chance.chance(0.6) { self.chance.below(all.len().min(4)) } else { self.chance.below(all.len()) };
        all[all.len() - 1 - back]
    }
    /// A real value for which a test holds.
    pub(super) fn any_where(&mut self, test: impl Fn(&[usize]) -> bool) -> Option<Id> {
        let fits: Vec<Id> = self.reals().into_iter().filter(|i| test(&self.types[*i].shape)).collect();
        if fits.is_empty() { None } else { Some(self.chance.of(&fits)) }
    }
    /// A length of an axis.
    pub(super) fn length(&mut self) -> usize {
        let lengths = self.lengths.clone();
        self.chance.of(&lengths)
    }
    /// A shape, with axes of length 1 often.
    pub(super) fn draw_shape(&mut self) -> Vec<usize> {
        let rank = self.chance.weighted(&[0.08, 0.22, 0.28, 0.22, 0.12, 0.08]);
        let mut shape: Vec<usize> = (0..rank).map(|_| if self.chance.chance(0.25) { 1 } else { self.length() }).collect();
        while size(&shape) > self.most {
            let longest = (0..rank).max_by_key(|i| shape[*i]).expect("a shape of many elements has axes");
            shape[longest] = if shape[longest] > 7 { 7 } else { 1 };
        }
        shape
    }
    /// Numbers of one of several kinds: spread, whole (so that there are ties), with zeros.
    pub(super) fn draw_numbers(&mut self, n: usize) -> Vec<f64> {
        let way = self.chance.weighted(&[0.6, 0.2, 0.1, 0.1]);
        let single = self.single;
        let number = |c: &mut Chance| match way {
            0 => 4.0 * c.unit() - 2.0,
            1 => c.below(5) as f64 - 2.0,
            2 if c.chance(0.5) => 0.0,
            2 => 2.0 * c.unit() - 1.0,
            _ => 0.25 + c.unit(),
        };
        (0..n).map(|_| if single { f64::from(number(&mut self.chance) as f32) } else { number(&mut self.chance) }).collect()
    }
    /// A new input, or a constant; a constant in a called function.
    pub(super) fn fresh(&mut self, shape: &[usize]) -> Id {
        let n = size(shape);
        let data = self.draw_numbers(n);
        if self.floor > 0 || self.inputs.len() >= 7 || self.chance.chance(0.12) {
            return self.emit(Op::Constant(data), &[], Type::real(shape));
        }
        let single = self.single;
        let direction = |c: &mut Chance| -> Vec<f64> {
            let number = |c: &mut Chance| if single { f64::from((2.0 * c.unit() - 1.0) as f32) } else { 2.0 * c.unit() - 1.0 };
            (0..n).map(|_| number(c)).collect()
        };
        let moved = |v: f64| if single { f64::from((v * 1.0625) as f32) } else { v * 1.0625 };
        let other = data.iter().map(|v| moved(*v)).collect();
        let directions = [direction(&mut self.chance), direction(&mut self.chance)];
        self.input(Input { of: Type::real(shape), data, other, directions, order: vec![] })
    }
    /// A new input.
    pub(super) fn input(&mut self, mut input: Input) -> Id {
        let rank = input.of.shape.len();
        input.order = if self.chance.chance(0.25) { self.chance.order(rank) } else { (0..rank).collect() };
        let value = match input.of.kind {
            Kind::Index => Value::Index(Tensor::new(&input.of.shape, input.data.iter().map(|v| *v as u32).collect())),
            Kind::Real => {
                let jet = |i: usize| Jet { v: input.data[i], a: input.directions[0][i], b: input.directions[1][i], ab: 0.0 };
                Value::Real(Tensor::new(&input.of.shape, (0..input.data.len()).map(jet).collect()))
            }
        };
        let of = input.of.clone();
        self.given.push(value);
        self.inputs.push(input);
        self.emit(Op::Input(self.inputs.len() - 1), &[], of)
    }
    /// A body: `draw` writes its steps on values of these types and says what it hands on.
    pub(super) fn body(&mut self, inputs: Vec<Type>, values: Vec<Value>, draw: impl FnOnce(&mut Writer, &[Id]) -> Vec<Id>) -> Body {
        let first = self.env.len();
        self.types.extend(inputs.iter().cloned());
        self.env.extend(values);
        let outside = std::mem::take(&mut self.steps);
        self.depth += 1;
        let given: Vec<Id> = (first..self.env.len()).collect();
        let outputs = draw(self, &given);
        self.depth -= 1;
        let steps = std::mem::replace(&mut self.steps, outside);
        self.env.truncate(first);
        self.types.truncate(first);
        Body { inputs, steps, outputs }
    }
}
