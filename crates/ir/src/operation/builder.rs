//! Emits equations into a program under construction: what recordings and rules write with.
use super::{Equation, Op, Operation, Program, Value};
use crate::array::{Kind, LeafType, Shape};
use crate::error::{Counted, Error, ErrorKind, Malformed, Site};
use crate::program::Values;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A program under construction.
///
/// Emission never fails: the first problem is kept, and [`finish`](Builder::finish) returns it.
/// Operations add their own emitters (`add`, `sum`, `contract`, …) where they are defined.
#[derive(Debug)]
pub struct Builder {
    program: Program,
    /// For each value, the equation that makes it.
    makers: Vec<Option<u32>>,
    /// Inputs that are tangents or cotangents: where they are 0, nothing depends on what comes after.
    seeds: HashSet<Value>,
    known: HashMap<u64, Vec<u32>>,
    simplifying: bool,
    site: Option<Site>,
    error: Option<Error>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// One that simplifies as it goes: algebraic identities, and equal equations once.
    #[must_use]
    pub fn new() -> Self {
        let program = Program { types: vec![], inputs: vec![], equations: vec![], outputs: vec![] };
        Builder { program, makers: vec![], seeds: HashSet::new(), known: HashMap::new(), simplifying: true, site: None, error: None }
    }
    /// One that emits what it is told.
    #[must_use]
    pub fn literal() -> Self {
        Builder { simplifying: false, ..Self::new() }
    }
    /// The user's line that the next equations come from.
    pub fn at(&mut self, site: Option<Site>) {
        self.site = site;
    }
    /// The user's line that equations come from now.
    #[must_use]
    pub fn site(&self) -> Option<Site> {
        self.site
    }
    fn fresh(&mut self, t: LeafType, maker: Option<u32>) -> Value {
        self.program.types.push(t);
        self.makers.push(maker);
        Value(self.program.types.len() as u32 - 1)
    }
    /// A new input.
    pub fn input(&mut self, t: LeafType) -> Value {
        let v = self.fresh(t, None);
        self.program.inputs.push(v);
        v
    }
    /// A new input that is a tangent or a cotangent.
    pub(crate) fn seed(&mut self, t: LeafType) -> Value {
        let v = self.input(t);
        self.seeds.insert(v);
        v
    }
    /// Whether a value is an input that is a tangent or a cotangent.
    pub(crate) fn is_seed(&self, v: Value) -> bool {
        self.seeds.contains(&v)
    }
    /// New inputs of these types.
    pub fn inputs<'a>(&mut self, types: impl IntoIterator<Item = &'a LeafType>) -> Vec<Value> {
        types.into_iter().map(|t| self.input(t.clone())).collect()
    }
    /// Whether this builder has made the value.
    #[must_use]
    pub fn has(&self, v: Value) -> bool {
        v.index() < self.makers.len()
    }
    /// The type of a value.
    #[must_use]
    pub fn type_of(&self, v: Value) -> &LeafType {
        self.program.type_of(v)
    }
    /// The shape of a value.
    #[must_use]
    pub fn shape(&self, v: Value) -> Shape {
        self.type_of(v).shape.clone()
    }
    /// The element type of a value.
    #[must_use]
    pub fn kind(&self, v: Value) -> Kind {
        self.type_of(v).kind
    }
    /// The equation that makes a value; `None` for inputs.
    #[must_use]
    pub fn maker(&self, v: Value) -> Option<&Equation> {
        self.makers[v.index()].map(|i| &self.program.equations[i as usize])
    }
    /// The operation that makes a value, if it is of type `T`, with the inputs it reads.
    #[must_use]
    pub fn made_by<T: Operation>(&self, v: Value) -> Option<(&T, &[Value])> {
        let e = self.maker(v)?;
        Some((e.op.downcast::<T>()?, &e.inputs))
    }
    /// The first problem met so far.
    #[must_use]
    pub fn problem(&self) -> Option<&Error> {
        self.error.as_ref()
    }
    /// Keeps a problem, unless an earlier one is kept.
    pub fn fail(&mut self, e: Error) {
        self.error.get_or_insert(e);
    }
    /// Keeps the problem that these operands do not fit, and gives a stand-in for a result.
    pub fn refuse(&mut self, op: &str, operands: &[Value], problem: impl Into<ErrorKind>) -> Value {
        let operands = operands.iter().map(|v| self.type_of(*v).clone()).collect();
        self.fail(Error::refused(op, problem, operands).or(self.site));
        self.fresh(LeafType::new(&[], Kind::F64), None)
    }
    fn key(op: &Op, inputs: &[Value]) -> u64 {
        let mut h = DefaultHasher::new();
        (op.name(), inputs).hash(&mut h);
        op.hash_attributes(&mut h);
        h.finish()
    }
    /// Applies an operation.
    pub fn emit(&mut self, op: Op, inputs: &[Value]) -> Values {
        let inferred = if let Some(v) = inputs.iter().find(|v| !self.has(**v)) {
            self.fail(Error::new(op.name(), Malformed::Unknown(v.0)).or(self.site));
            return (0..4).map(|_| self.fresh(LeafType::new(&[], Kind::F64), None)).collect();
        } else {
            let types: SmallVec<[&LeafType; 8]> = inputs.iter().map(|v| self.program.type_of(*v)).collect();
            crate::program::Symbol::infer(&op, &types).and_then(|made| match made.iter().find(|t| !t.is_addressable()) {
                Some(t) => Err(ErrorKind::Unaddressable { what: "the result", given: t.clone() }),
                None => Ok(made),
            })
        };
        let types = match inferred {
            Ok(types) => types,
            Err(problem) => {
                let operands = inputs.iter().map(|v| self.type_of(*v).clone()).collect();
                self.fail(Error::refused(op.name(), problem, operands).or(self.site));
                // A stand-in, so that emission can go on; it never leaves, because `finish` returns the error.
                (0..4).map(|_| LeafType::new(&[], Kind::F64)).collect()
            }
        };
        // Only what fits is simplified: an identity such as 0 + x would hide operands of different shapes.
        if self.simplifying && self.error.is_none() {
            if let Some(v) = op.simplify(self, inputs) {
                return v;
            }
            if !op.is_opaque() {
                let key = Self::key(&op, inputs);
                for i in self.known.get(&key).into_iter().flatten() {
                    let e = &self.program.equations[*i as usize];
                    if e.inputs[..] == *inputs && op.same(&*e.op) {
                        return e.outputs.clone();
                    }
                }
                self.known.entry(key).or_default().push(self.program.equations.len() as u32);
            }
        }
        let maker = Some(self.program.equations.len() as u32);
        let outputs: Values = types.into_iter().map(|t| self.fresh(t, maker)).collect();
        self.program.equations.push(Equation { op, inputs: Values::from_slice(inputs), outputs: outputs.clone(), site: self.site });
        outputs
    }
    /// Applies an operation with one output.
    pub fn emit1(&mut self, op: Op, inputs: &[Value]) -> Value {
        self.emit(op, inputs)[0]
    }
    /// Emits a whole program on these inputs; gives its outputs.
    pub fn inline(&mut self, program: &Program, inputs: &[Value]) -> Values {
        self.inline_knowing(program, inputs, &[])
    }
    /// The same, where some of the program's values are known beforehand: pairs of such a value and what it is.
    pub fn inline_knowing(&mut self, program: &Program, inputs: &[Value], known: &[(Value, Value)]) -> Values {
        if program.inputs.len() != inputs.len() {
            let kind = ErrorKind::count(Counted::Program, program.inputs.len(), inputs.len());
            self.fail(Error::new("call", kind).or(self.site));
        }
        if let Some(f) = program.fault(false) {
            self.fail(Error::new("call", ErrorKind::Program(f.problem)).or(f.site.or(self.site)));
            let nothing = self.fresh(LeafType::new(&[], Kind::F64), None);
            return program.outputs.iter().map(|_| nothing).collect();
        }
        let mut map = vec![Value(0); program.types.len()];
        for (v, given) in program.inputs.iter().zip(inputs) {
            map[v.index()] = *given;
        }
        let fixed: HashMap<Value, Value> = known.iter().copied().collect();
        let outer = self.site;
        for e in &program.equations {
            let inputs: Values = e.inputs.iter().map(|v| map[v.index()]).collect();
            self.site = e.site.or(outer);
            let outputs = self.emit(e.op.clone(), &inputs);
            for (v, made) in e.outputs.iter().zip(outputs) {
                map[v.index()] = fixed.get(v).copied().unwrap_or(made);
            }
        }
        self.site = outer;
        program.outputs.iter().map(|v| map[v.index()]).collect()
    }
    /// Continues a table of which values depend on known inputs only, over the values made since it was last continued.
    pub fn extend_known(&self, known: &mut Vec<bool>) {
        for i in known.len()..self.makers.len() {
            let k = self.maker(Value(i as u32)).is_some_and(|e| e.inputs.iter().all(|v| known[v.index()]));
            known.push(k);
        }
    }
    /// Sum of two derivatives, either of which may be a symbolic zero.
    pub fn plus(&mut self, a: Option<Value>, b: Option<Value>) -> Option<Value> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.add(a, b)),
            (a, b) => a.or(b),
        }
    }
    /// The derivative, or zeros of the type of `like`.
    pub fn or_zeros(&mut self, d: Option<Value>, like: Value) -> Value {
        match d {
            Some(d) => d,
            None => {
                let t = self.type_of(like).clone();
                self.full(&t, 0.0)
            }
        }
    }
    /// The finished program, or the first problem.
    pub fn finish(mut self, outputs: &[Value]) -> Result<Program, Error> {
        if let Some(e) = self.error {
            return Err(e);
        }
        self.program.outputs = outputs.to_vec();
        Ok(self.program)
    }
}
