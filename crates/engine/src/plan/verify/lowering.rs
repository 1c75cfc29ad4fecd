//! Checks of lowerings: what an operation asks of the executor must fit the types of its values. A plan relies only on what is checked here.
use hypertape_ir::array::LeafType;
use hypertape_ir::error::{ErrorKind, Malformed, Typed};
use hypertape_ir::operation::{Contraction, Instruction, Lowering, Micro, Part, Reg, View};

/// Checks that a lowering fits values of these types.
pub(crate) fn lowering(l: &Lowering, inputs: &[&LeafType], outputs: &[&LeafType]) -> Result<(), ErrorKind> {
    let operands = |n: usize| -> Result<&LeafType, ErrorKind> {
        match outputs {
            [y] if inputs.len() == n => Ok(y),
            _ => Err(Malformed::LoweredOperands { expected: n, operands: inputs.len(), results: outputs.len() }.into()),
        }
    };
    match l {
        Lowering::Pointwise(m) => {
            let y = operands(usize::from(m.inputs))?;
            let alike = inputs.iter().all(|x| x.shape == y.shape);
            if alike && micro(m) {
                Ok(())
            } else {
                Err(ErrorKind::misuse("its lowering works on other shapes, or on registers that are not there"))
            }
        }
        Lowering::Fold { axes, .. } => {
            let y = operands(1)?;
            let kept = |x: &LeafType| (0..x.shape.len()).filter(|i| !axes.contains(i)).map(|i| x.shape[i]).collect::<Vec<_>>();
            let ascending = axes.windows(2).all(|w| w[0] < w[1]) && axes.last().is_none_or(|a| *a < inputs[0].shape.len());
            same(ascending && kept(inputs[0])[..] == y.shape[..] && inputs[0].kind == y.kind, "fold", y)
        }
        Lowering::View(v) => {
            let y = operands(1)?;
            same(inputs[0].kind == y.kind && view(v, inputs[0], y), "view", y)
        }
        Lowering::Contract(c) => {
            let y = operands(2)?;
            same(y.kind.is_real() && inputs.iter().all(|x| x.kind == y.kind) && contraction(c, inputs, y), "product", y)
        }
        Lowering::Fill(_) => operands(0).map(|_| ()),
        Lowering::Constant(c) => {
            let y = operands(0)?;
            same(c.leaf_type() == *y, "constant", y)
        }
        Lowering::Place { parts, .. } => {
            let y = operands(parts.len())?;
            let fit = inputs.iter().zip(parts).all(|(x, p)| x.kind == y.kind && part(p, x, y));
            same(fit && apart(parts, inputs), "placement", y)
        }
        Lowering::Scan(spec) => agree(spec.types(inputs)?.iter(), outputs),
        Lowering::Attempt(both) => both.iter().try_for_each(|p| {
            if !p.input_types().iter().eq(inputs.iter().copied()) {
                return Err(ErrorKind::misuse("what is tried takes other operands"));
            }
            agree(p.output_types().iter(), outputs)
        }),
        Lowering::Cond(spec) => agree(spec.types(inputs)?.iter(), outputs),
        // The equations of a composite are checked once it is expanded. Kernels and external code read and write slices.
        Lowering::Composite(_) | Lowering::Kernel(_) | Lowering::Named(..) | Lowering::External(_) => Ok(()),
    }
}

fn same(fits: bool, what: &'static str, y: &LeafType) -> Result<(), ErrorKind> {
    if fits { Ok(()) } else { Err(Malformed::Lowering { what, result: y.clone() }.into()) }
}

fn agree<'a>(made: impl Iterator<Item = &'a LeafType> + Clone, outputs: &[&LeafType]) -> Result<(), ErrorKind> {
    if made.clone().eq(outputs.iter().copied()) {
        return Ok(());
    }
    let expected = outputs.iter().map(|t| (*t).clone()).collect();
    Err(ErrorKind::Types { of: Typed::Lowered, expected, given: made.cloned().collect() })
}

/// Whether every register is set before it is read.
fn micro(m: &Micro) -> bool {
    let most = usize::from(m.inputs) + m.code.len();
    let there = |k: usize, r: &Reg| usize::from(r.0) < usize::from(m.inputs) + k;
    let each = m.code.iter().enumerate().all(|(k, i)| match i {
        Instruction::Const(_) => true,
        Instruction::Unary(_, a) => there(k, a),
        Instruction::Binary(_, a, b) => there(k, a) && there(k, b),
        Instruction::Select(a, b, c) => there(k, a) && there(k, b) && there(k, c),
    });
    most <= usize::from(u16::MAX) && each && there(m.code.len(), &m.result)
}

/// Whether the view of `x` has the shape of `y`, and stays within `x`.
fn view(v: &View, x: &LeafType, y: &LeafType) -> bool {
    let (from, to) = (&x.shape, &y.shape);
    match v {
        View::Reshape(shape) => shape == to && x.len() == y.len(),
        View::Permute(axes) => {
            let mut seen = vec![false; from.len()];
            axes.len() == from.len()
                && to.len() == from.len()
                && axes.iter().zip(to).all(|(a, n)| from.get(*a) == Some(n) && !std::mem::replace(&mut seen[*a], true))
        }
        View::Broadcast { shape, axes } => {
            let mut seen = vec![false; shape.len()];
            let fits =
                |(a, n): (&usize, &usize)| shape.get(*a).is_some_and(|m| m == n || *n == 1) && !std::mem::replace(&mut seen[*a], true);
            shape == to && axes.len() == from.len() && axes.iter().zip(from).all(fits)
        }
        View::Slice { start, step, len } => {
            let ranks = [start.len(), step.len(), len.len()] == [from.len(); 3];
            let within = |i: usize| {
                let last = start[i] as i128 + step[i] as i128 * (len[i] as i128 - 1);
                len[i] == 0 || start[i] < from[i] && last >= 0 && last < from[i] as i128
            };
            len == to && ranks && (0..from.len()).all(within)
        }
        View::Diagonal => matches!(&from[..], [batch @ .., m, n] if m == n && to.split_last() == Some((n, batch))),
    }
}

fn contraction(c: &Contraction, inputs: &[&LeafType], y: &LeafType) -> bool {
    let (a, b) = (&inputs[0].shape, &inputs[1].shape);
    let mut used = [vec![false; a.len()], vec![false; b.len()]];
    let pairs = c.batch.iter().chain(&c.sum).all(|(i, j)| {
        a.get(*i).is_some()
            && a.get(*i) == b.get(*j)
            && !std::mem::replace(&mut used[0][*i], true)
            && !std::mem::replace(&mut used[1][*j], true)
    });
    let free = |side: usize, s: &[usize]| (0..s.len()).filter(|i| !used[side][*i]).map(|i| s[i]).collect::<Vec<_>>();
    pairs && c.batch.iter().map(|p| a[p.0]).chain(free(0, a)).chain(free(1, b)).eq(y.shape.iter().copied())
}

/// Whether a part lies within the whole.
fn part(p: &Part, x: &LeafType, y: &LeafType) -> bool {
    let (x, y) = (&x.shape, &y.shape);
    let within = |i: usize| {
        let last = p.step[i].checked_mul(x[i].saturating_sub(1)).and_then(|reach| reach.checked_add(p.start[i]));
        x[i] == 0 || p.step[i] > 0 && last.is_some_and(|last| last < y[i])
    };
    [x.len(), p.start.len(), p.step.len()] == [y.len(); 3] && (0..x.len()).all(within)
}

/// Whether no two parts of an array share a place. If all parts lie one after another along an axis, pairs need not be compared.
fn apart(parts: &[Part], inputs: &[&LeafType]) -> bool {
    let mut all: Vec<(&Part, &[usize])> =
        parts.iter().zip(inputs).map(|(p, x)| (p, &x.shape[..])).filter(|(_, x)| !x.contains(&0)).collect();
    let last = |(p, x): &(&Part, &[usize]), i: usize| p.start[i] + p.step[i] * (x[i] - 1);
    let rank = all.first().map_or(0, |(p, _)| p.start.len());
    for i in 0..rank {
        all.sort_by_key(|(p, _)| p.start[i]);
        if all.windows(2).all(|w| last(&w[0], i) < w[1].0.start[i]) {
            return true;
        }
    }
    let between = |x: &(&Part, &[usize]), y: &(&Part, &[usize]), i: usize| {
        let (s, from, to) = (x.0.step[i], x.0.start[i], y.0.start[i]);
        last(x, i) < to || last(y, i) < from || s == y.0.step[i] && from % s != to % s
    };
    all.iter().enumerate().all(|(k, x)| all[..k].iter().all(|y| (0..rank).any(|i| between(x, y, i))))
}
