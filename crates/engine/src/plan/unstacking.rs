//! Unstacking: a stack, an array of a few planes along its first axis, becomes separate planes, so that work on it and on one plane can share a loop.
use super::machine::Expanded;
use super::thresholds::{PLANE_ELEMENTS, PLANES};
use hypertape_ir::array::LeafType;
use hypertape_ir::error::Result;
use hypertape_ir::operation::{Builder, Equation, Fold, Lowering, Part, Program, Value, View};

/// Takes stacks apart if planes are stacked or summed somewhere in the work on them.
pub(crate) fn unstack(x: &mut Expanded) -> Result<()> {
    let split = stacks(x);
    if split.contains(&true) {
        x.program = unstacked(x, split)?;
        x.ask()?;
    }
    Ok(())
}

fn unstacked(Expanded { program: p, asked, .. }: &Expanded, split: Vec<bool>) -> Result<Program> {
    let mut w = Writer { p, split, b: Builder::new(), whole: vec![None; p.types.len()], planes: vec![vec![]; p.types.len()] };
    for v in &p.inputs {
        w.whole[v.index()] = Some(w.b.input(p.type_of(*v).clone()));
    }
    for (e, a) in p.equations.iter().zip(asked) {
        w.b.at(e.site);
        w.equation(e, &a.lowering);
    }
    let outputs: Vec<Value> = p.outputs.iter().map(|v| w.whole(*v)).collect();
    w.b.finish(&outputs)
}

/// Whether a value is a stack that may be taken apart.
fn is_stack(t: &LeafType) -> bool {
    t.kind.is_real() && t.shape.len() > 1 && (2..=PLANES).contains(&t.shape[0]) && t.len() / t.shape[0] >= PLANE_ELEMENTS
}

/// Whether a placement makes a stack, and each of its parts is one plane.
fn stacked(p: &Program, e: &Equation, parts: &[Part]) -> bool {
    let whole = p.type_of(e.outputs[0]);
    let one = |(v, part): (&Value, &Part)| {
        let t = p.type_of(*v);
        t.shape[0] == 1 && t.shape[1..] == whole.shape[1..] && part.step[1..].iter().all(|s| *s == 1)
    };
    is_stack(whole) && e.inputs.iter().zip(parts).all(one)
}

/// For each value, whether it is taken apart. Values that elementwise equations connect form a set, and are taken apart together. This happens if
/// planes are stacked or summed somewhere in the set, and if each of its elementwise equations works plane by plane.
fn stacks(Expanded { program: p, asked, .. }: &Expanded) -> Vec<bool> {
    let lowered = || p.equations.iter().zip(asked).map(|(e, a)| (e, &a.lowering));
    let mut group: Vec<usize> = (0..p.types.len()).collect();
    fn find(group: &mut [usize], mut i: usize) -> usize {
        while group[i] != i {
            group[i] = group[group[i]];
            i = group[i];
        }
        i
    }
    for (e, l) in lowered() {
        let (Lowering::Pointwise(_), true) = (l, is_stack(p.type_of(e.outputs[0]))) else { continue };
        for v in &e.inputs {
            let (a, b) = (find(&mut group, v.index()), find(&mut group, e.outputs[0].index()));
            group[a] = b;
        }
    }
    let mut wanted = vec![false; p.types.len()];
    for (e, l) in lowered() {
        let v = match l {
            Lowering::Place { parts, .. } if stacked(p, e, parts) => e.outputs[0],
            Lowering::Fold { fold: Fold::Sum, axes } if axes[..] == [0] && is_stack(p.type_of(e.inputs[0])) => e.inputs[0],
            _ => continue,
        };
        wanted[find(&mut group, v.index())] = true;
    }
    for (e, l) in lowered() {
        if matches!(l, Lowering::Pointwise(_)) && !works_on_planes(p, e) {
            wanted[find(&mut group, e.outputs[0].index())] = false;
        }
    }
    (0..p.types.len()).map(|i| wanted[find(&mut group, i)]).collect()
}

/// Whether an elementwise equation works plane by plane, or makes no stack.
fn works_on_planes(p: &Program, e: &Equation) -> bool {
    let whole = p.type_of(e.outputs[0]);
    if !is_stack(whole) {
        return true;
    }
    let inputs: Vec<LeafType> = e.inputs.iter().map(|v| plane_of(p.type_of(*v))).collect();
    let made = e.op.infer(&inputs.iter().collect::<Vec<_>>());
    e.inputs.iter().all(|v| is_stack(p.type_of(*v))) && made.is_ok_and(|m| m[..] == [plane_of(whole)])
}

fn plane_of(t: &LeafType) -> LeafType {
    LeafType::new(&t.shape[1..], t.kind)
}

struct Writer<'a> {
    p: &'a Program,
    split: Vec<bool>,
    b: Builder,
    /// For each value of `p`, its new value as a whole, or its planes, or both.
    whole: Vec<Option<Value>>,
    planes: Vec<Vec<Value>>,
}

impl Writer<'_> {
    fn whole(&mut self, v: Value) -> Value {
        if let Some(w) = self.whole[v.index()] {
            return w;
        }
        let mut one = self.p.type_of(v).shape.clone();
        one[0] = 1;
        let planes = self.planes[v.index()].clone();
        let parts: Vec<Value> = planes.into_iter().map(|x| self.b.reshape(x, &one)).collect();
        let w = self.b.concatenate(&parts, 0);
        self.whole[v.index()] = Some(w);
        w
    }
    fn planes(&mut self, v: Value) -> Vec<Value> {
        if self.planes[v.index()].is_empty() {
            let (w, shape) = (self.whole(v), self.p.type_of(v).shape.clone());
            let (mut start, step, mut len) = (vec![0; shape.len()], vec![1; shape.len()], shape.to_vec());
            len[0] = 1;
            for k in 0..shape[0] {
                start[0] = k;
                let one = self.b.slice(w, &start, &step, &len);
                let plane = self.b.reshape(one, &shape[1..]);
                self.planes[v.index()].push(plane);
            }
        }
        self.planes[v.index()].clone()
    }
    fn equation(&mut self, e: &Equation, l: &Lowering) {
        let out = e.outputs[0];
        let t = self.p.type_of(out).clone();
        let made = self.split[out.index()];
        match l {
            Lowering::Pointwise(_) if made => {
                let inputs: Vec<Vec<Value>> = e.inputs.iter().map(|v| self.planes(*v)).collect();
                for k in 0..t.shape[0] {
                    let x: Vec<Value> = inputs.iter().map(|p| p[k]).collect();
                    let plane = self.b.emit1(e.op.clone(), &x);
                    self.planes[out.index()].push(plane);
                }
                return;
            }
            Lowering::Place { fill, parts } if made && stacked(self.p, e, parts) => {
                let blank = self.b.full(&plane_of(&t), *fill);
                let mut planes = vec![blank; t.shape[0]];
                for (v, part) in e.inputs.iter().zip(parts) {
                    let w = self.whole(*v);
                    planes[part.start[0]] = self.b.reshape(w, &t.shape[1..]);
                }
                self.planes[out.index()] = planes;
            }
            Lowering::View(View::Broadcast { axes, .. }) if made && !axes.contains(&0) => {
                let w = self.whole(e.inputs[0]);
                let axes: Vec<usize> = axes.iter().map(|a| a - 1).collect();
                let plane = self.b.broadcast(w, &t.shape[1..], &axes);
                self.planes[out.index()] = vec![plane; t.shape[0]];
            }
            Lowering::Fill(v) if made => {
                let plane = self.b.full(&plane_of(&t), *v);
                self.planes[out.index()] = vec![plane; t.shape[0]];
            }
            Lowering::Fold { fold: Fold::Sum, axes } if self.split[e.inputs[0].index()] && axes[..] == [0] => {
                let planes = self.planes(e.inputs[0]);
                let sum = planes[1..].iter().fold(planes[0], |sum, x| self.b.add(sum, *x));
                self.whole[out.index()] = Some(sum);
                return;
            }
            Lowering::View(View::Slice { start, step, len }) if self.split[e.inputs[0].index()] && len[0] == 1 => {
                let plane = self.planes(e.inputs[0])[start[0]];
                let part = self.b.slice(plane, &start[1..], &step[1..], &len[1..]);
                let one = self.b.reshape(part, len);
                self.whole[out.index()] = Some(one);
                return;
            }
            _ => {}
        }
        let inputs: Vec<Value> = e.inputs.iter().map(|v| self.whole(*v)).collect();
        let made = self.b.emit(e.op.clone(), &inputs);
        for (v, m) in e.outputs.iter().zip(made) {
            self.whole[v.index()] = Some(m);
        }
    }
}
