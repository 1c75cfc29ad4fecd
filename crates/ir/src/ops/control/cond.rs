//! The branch operation: it runs one of two programs on the same operands.
use crate::array::{AnyArray, LeafType};
use crate::error::{Error, ErrorKind, Result};
use crate::operation::{Builder, CondSpec, Items, Lowering, Made, Maybe, Op, Operation, Program, Pruned, Value, truth};
use crate::program::{Types, Values};
use crate::reference;
use crate::transform;
use std::any::Any;
use std::sync::Arc;

/// (test, operands…) → the outputs of `yes` where the test is not 0, else of `no`. Derivatives are those of the branch that runs.
#[derive(Debug, Clone)]
pub struct Cond(pub CondSpec);

impl Cond {
    fn both(&self, f: impl Fn(&Program) -> Result<Program>) -> Result<Op> {
        Ok(Op::new(Cond(CondSpec { yes: Arc::new(f(&self.0.yes)?), no: Arc::new(f(&self.0.no)?) })))
    }
    fn jvp_rule(&self, b: &mut Builder, inputs: &[Value], tangents: &[Option<Value>]) -> Result<(Values, Maybe)> {
        let active: Vec<bool> = tangents[1..].iter().map(Option::is_some).collect();
        let (yes, no) = (self.0.yes.depends_on(&active), self.0.no.depends_on(&active));
        let n = self.0.yes.outputs.len();
        let moving: Vec<bool> = (0..n)
            .map(|i| {
                self.0.yes.type_of(self.0.yes.outputs[i]).kind.is_real()
                    && (yes[self.0.yes.outputs[i].index()] || no[self.0.no.outputs[i].index()])
            })
            .collect();
        let op = self.both(|p| transform::jvp(p, &active, &moving))?;
        let given: Vec<Value> = inputs.iter().copied().chain(tangents[1..].iter().flatten().copied()).collect();
        let out = b.emit(op, &given);
        let mut dots = out[n..].iter().copied();
        let dots = moving.iter().map(|m| if *m { dots.next() } else { None }).collect();
        Ok((out[..n].iter().copied().collect(), dots))
    }
    fn vjp_rule(&self, b: &mut Builder, inputs: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Result<Maybe> {
        let seeded: Vec<bool> = cotangents.iter().map(Option::is_some).collect();
        let n = cotangents.len();
        let op = self.both(|p| {
            let back = transform::vjp(p, &wanted[1..], &seeded)?;
            transform::select(&back, &(n..back.outputs.len()).collect::<Vec<_>>())
        })?;
        let given: Vec<Value> = inputs.iter().copied().chain(cotangents.iter().flatten().copied()).collect();
        let mut out = b.emit(op, &given).into_iter();
        Ok(wanted.iter().enumerate().map(|(i, w)| if i > 0 && *w { out.next() } else { None }).collect())
    }
}

impl Operation for Cond {
    fn name(&self) -> &str {
        "cond"
    }
    fn arity(&self) -> Option<usize> {
        Some(1 + self.0.yes.inputs.len())
    }
    fn infer(&self, inputs: &[&LeafType]) -> Result<Types, ErrorKind> {
        self.0.types(inputs)
    }
    fn value(&self, inputs: &[&AnyArray]) -> Result<Vec<AnyArray>, ErrorKind> {
        let branch = if truth(inputs[0].to_f64()[0])? { &self.0.yes } else { &self.0.no };
        let operands: Vec<AnyArray> = inputs[1..].iter().map(|a| (*a).clone()).collect();
        Ok(reference::run(branch, &operands)?)
    }
    fn jvp(&self, b: &mut Builder, op: &Op, inputs: &[Value], tangents: &[Option<Value>]) -> (Values, Maybe) {
        self.jvp_rule(b, inputs, tangents).unwrap_or_else(|e| {
            b.fail(e);
            let y = b.emit(op.clone(), inputs);
            let none = vec![None; y.len()];
            (y, none)
        })
    }
    fn vjp(&self, b: &mut Builder, inputs: &[Value], _: &[Value], cotangents: &[Option<Value>], wanted: &[bool]) -> Maybe {
        self.vjp_rule(b, inputs, cotangents, wanted).unwrap_or_else(|e| {
            b.fail(e);
            vec![None; inputs.len()]
        })
    }
    fn lower(&self, _: &[&LeafType], _: &[&LeafType]) -> Lowering {
        Lowering::Cond(self.0.clone())
    }
    fn same(&self, other: &dyn Operation) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Cond>().is_some_and(|o| Arc::ptr_eq(&o.0.yes, &self.0.yes) && Arc::ptr_eq(&o.0.no, &self.0.no))
    }
    fn bodies(&self) -> Vec<(&'static str, Arc<Program>)> {
        vec![("yes", self.0.yes.clone()), ("no", self.0.no.clone())]
    }
    fn simplify(&self, b: &mut Builder, inputs: &[Value]) -> Option<Values> {
        let branch = if b.known_number(inputs[0])? != 0.0 { &self.0.yes } else { &self.0.no };
        Some(b.inline(branch, &inputs[1..]))
    }
    fn prune(&self, read: &[bool]) -> Option<Pruned> {
        let outputs: Vec<usize> = (0..read.len()).filter(|i| read[*i]).collect();
        let (yes, no) = (super::reaches(&self.0.yes, read), super::reaches(&self.0.no, read));
        let keep: Vec<bool> = yes.iter().zip(&no).map(|(a, b)| *a || *b).collect();
        if outputs.len() == read.len() && keep.iter().all(|k| *k) {
            return None;
        }
        let order: Vec<usize> = (0..keep.len()).filter(|i| keep[*i]).collect();
        let op = self.both(|p| transform::rearrange(p, &order, &outputs)).ok()?;
        Some(Pruned { op, inputs: [true].into_iter().chain(keep).collect(), outputs: read.to_vec() })
    }
    fn split(&self, b: &mut Builder, inputs: &[Value], known: &[bool]) -> Result<Option<Values>> {
        if !known[0] {
            return Ok(None);
        }
        // A first branch operation runs the known parts of `yes` and `no`. Each side returns zeros for the residuals of the other side.
        let n = self.0.yes.outputs.len();
        let none = vec![false; n];
        let mut parts = [transform::partition(&self.0.yes, &known[1..], &none)?, transform::partition(&self.0.no, &known[1..], &none)?];
        let unknown: Vec<bool> = (0..n).map(|i| parts[0].unknown_outputs[i] || parts[1].unknown_outputs[i]).collect();
        parts.iter_mut().for_each(|p| p.ask(&unknown));
        let of = |mask: bool| -> Vec<usize> { (0..known.len() - 1).filter(|i| known[1 + i] == mask).collect() };
        let (known_in, unknown_in) = (of(true), of(false));
        let known_out: Vec<usize> = (0..n).filter(|i| !unknown[*i]).collect();
        let unknown_out: Vec<usize> = (0..n).filter(|i| unknown[*i]).collect();
        let bodies = [parts[0].known_body(&known_in, &known_out)?, parts[1].known_body(&known_in, &known_out)?];
        let types = [bodies[0].output_types(), bodies[1].output_types()];
        let m = known_out.len();
        let mut sides = vec![];
        for (side, body) in bodies.iter().enumerate() {
            let mut s = Builder::literal();
            let x: Vec<Value> = body.input_types().iter().map(|t| s.input(t.clone())).collect();
            let y = s.inline(body, &x);
            let mut out: Vec<Value> = y[..m].to_vec();
            for (other, t) in types.iter().enumerate() {
                for (j, t) in t[m..].iter().enumerate() {
                    out.push(if other == side { y[m + j] } else { s.full(t, 0.0) });
                }
            }
            sides.push(Arc::new(s.finish(&out)?));
        }
        let given: Vec<Value> = [inputs[0]].into_iter().chain(known_in.iter().map(|i| inputs[1 + i])).collect();
        let first = b.emit(Op::new(Cond(CondSpec { yes: sides[0].clone(), no: sides[1].clone() })), &given);

        let split_at = types[0].len() - m;
        let mut sides = vec![];
        for (side, p) in parts.iter().enumerate() {
            let body = p.unknown_body(&known_in, &unknown_in, &unknown_out)?;
            let mut s = Builder::literal();
            let operands = [&self.0.yes, &self.0.no][side];
            let of = |i: &usize| operands.type_of(operands.inputs[*i]).clone();
            let k: Vec<Value> = known_in.iter().map(|i| s.input(of(i))).collect();
            let r: Vec<Value> = types.iter().flat_map(|t| &t[m..]).map(|t| s.input(t.clone())).collect();
            let u: Vec<Value> = unknown_in.iter().map(|i| s.input(of(i))).collect();
            let mine = if side == 0 { &r[..split_at] } else { &r[split_at..] };
            let y = s.inline(&body, &[&k[..], mine, &u[..]].concat());
            sides.push(Arc::new(s.finish(&y)?));
        }
        let mut given = given;
        given.extend(&first[m..]);
        given.extend(unknown_in.iter().map(|i| inputs[1 + i]));
        let second = b.emit(Op::new(Cond(CondSpec { yes: sides[0].clone(), no: sides[1].clone() })), &given);
        let (mut a, mut u) = (first[..m].iter().copied(), second.iter().copied());
        let joined: Option<Values> = unknown.iter().map(|is| if *is { u.next() } else { a.next() }).collect();
        Ok(joined)
    }
    fn batch(&self, b: &mut Builder, _: &Op, items: &Items<'_>) -> Result<Option<Made>> {
        super::items::cond(&self.0, b, items).map(Some)
    }
    fn widened(&self, b: &mut Builder, inputs: &[Value], bodies: Vec<Program>) -> Result<(Values, Vec<Value>)> {
        let sides = <[Program; 2]>::try_from(bodies).map_err(|_| Error::new("cond", ErrorKind::misuse("has two sides")))?;
        super::widened::cond(&self.0, b, inputs, sides)
    }
}

impl Builder {
    /// Runs one of two programs of the operands: `yes` where `test` is not 0, else `no`.
    pub fn cond(&mut self, spec: CondSpec, test: Value, operands: &[Value]) -> Values {
        let inputs: Values = [test].into_iter().chain(operands.iter().copied()).collect();
        self.emit(Op::new(Cond(spec)), &inputs)
    }
}
