//! Draws reductions, running sums, and the same elements in another arrangement.
use super::writer::{MOST_AXES, Writer};
use crate::language::{Axes, Id, Op, Reduce, Type};
use crate::reference::size;

/// One fold, or a running sum.
pub(super) fn reduce(w: &mut Writer) -> Id {
    let Some(x) = w.any_where(|s| !s.is_empty()) else { return w.any() };
    let shape = w.shape(x);
    let rank = shape.len();
    let axis = w.chance.below(rank);
    if w.chance.chance(0.25) {
        let op = match w.chance.below(5) {
            0 => Op::CumulativeSum(axis),
            1 => Op::Difference(axis, w.chance.chance(0.5), w.chance.chance(0.5)),
            2 if shape[axis] > 0 => Op::LogSoftmax(axis),
            3 | 4 if shape[axis] > 0 => Op::Softmax(axis),
            _ => Op::CumulativeSum(axis),
        };
        return w.real(op, &[x]);
    }
    let some: Vec<usize> = (0..rank).filter(|_| w.chance.chance(0.5)).collect();
    let axes = match w.chance.below(6) {
        0 => Axes::All,
        1 | 2 => Axes::One(axis),
        3 => Axes::Some(if some.is_empty() { vec![axis] } else { some }),
        _ => Axes::Keep(if some.is_empty() { vec![axis] } else { some }),
    };
    let folded: usize = match &axes {
        Axes::All => size(&shape),
        Axes::One(a) => shape[*a],
        Axes::Some(a) | Axes::Keep(a) => a.iter().map(|a| shape[*a]).product(),
    };
    let mut folds = vec![Reduce::Sum, Reduce::Sum, Reduce::NormL1, Reduce::NormSquared];
    if folded > 0 {
        folds.extend([Reduce::Mean, Reduce::Max, Reduce::Min, Reduce::Logsumexp, Reduce::NormMax, Reduce::NormL2]);
    }
    if folded <= 64 {
        folds.push(Reduce::Prod);
    }
    let f = w.chance.of(&folds);
    let x = if f == Reduce::Prod { w.bounded(x, 2.0) } else { x };
    w.real(Op::Reduce(f, axes), &[x])
}

/// The same elements, or some of them, arranged in another way.
pub(super) fn arrange(w: &mut Writer) -> Id {
    let x = w.any();
    let shape = w.shape(x);
    let rank = shape.len();
    let axis = w.chance.below(rank.max(1));
    match w.chance.below(13) {
        0..=2 if rank > 1 => w.turned(x),
        3 => reshape(w, x),
        4 if rank > 0 => {
            let n = shape[axis];
            let from = w.chance.below(n + 1);
            let to = from + w.chance.below(n - from + 1);
            let step = w.chance.of(&[1, 1, 2, -1, -2, 3]);
            w.real(Op::Slice(axis, from, to, step), &[x])
        }
        5 if rank > 0 => {
            let n = shape[rank - 1];
            let from = w.chance.below(n + 1);
            let to = from + w.chance.below(n - from + 1);
            w.real(Op::SliceLast(from, to), &[x])
        }
        6 if rank > 0 => {
            let axes: Vec<usize> = (0..rank).filter(|_| w.chance.chance(0.5)).collect();
            w.real(Op::Flip(axes), &[x])
        }
        7 if rank > 0 && size(&shape) <= w.most / 4 => {
            let widths = |w: &mut Writer| (0..rank).map(|_| w.chance.of(&[0, 0, 0, 1, 2])).collect::<Vec<usize>>();
            let (before, after) = (widths(w), widths(w));
            let to: usize = (0..rank).map(|i| shape[i] + before[i] + after[i]).product();
            if to > w.most { w.turned(x) } else { w.real(Op::Pad(before, after), &[x]) }
        }
        8 => {
            let mut to: Vec<usize> = shape.iter().map(|n| if *n == 1 && w.chance.chance(0.7) { w.length() } else { *n }).collect();
            if to.len() < MOST_AXES && w.chance.chance(0.5) {
                let n = w.length();
                to.insert(0, n);
            }
            if size(&to) > w.most { x } else { w.emit(Op::BroadcastTo, &[x], Type::real(&to)) }
        }
        9 | 10 if rank > 0 => {
            let mut parts = vec![x];
            for _ in 0..1 + w.chance.below(2) {
                let mut other = shape.clone();
                if w.chance.chance(0.5) {
                    other[axis] = w.length().min(7);
                }
                parts.push(if w.chance.chance(0.2) { x } else { w.shaped(&other) });
            }
            if size(&shape) * 4 > w.most { w.turned(x) } else { w.real(Op::Concat(axis), &parts) }
        }
        11 if rank < MOST_AXES && size(&shape) * 3 <= w.most => {
            let mut parts = vec![x];
            for _ in 0..w.chance.below(3) {
                parts.push(w.shaped(&shape));
            }
            let to = [vec![parts.len()], shape].concat();
            w.emit(Op::Stack, &parts, Type::real(&to))
        }
        _ if rank > 1 && shape[rank - 1] == shape[rank - 2] => {
            let op = w.chance.of(&[0, 1, 2, 3]);
            w.real([Op::Diagonal, Op::LowerTriangle, Op::UpperTriangle, Op::Trace][op].clone(), &[x])
        }
        _ if rank > 0 && rank < MOST_AXES && size(&shape) * shape[rank - 1] <= w.most => w.real(Op::DiagonalMatrix, &[x]),
        _ => w.turned(x),
    }
}

/// Another shape: axes joined, split, axes of length 1 put in or left out.
fn reshape(w: &mut Writer, x: Id) -> Id {
    let mut to = w.shape(x);
    for _ in 0..1 + w.chance.below(2) {
        let at = w.chance.below(to.len() + 1);
        match w.chance.below(4) {
            0 if to.len() < MOST_AXES => to.insert(at, 1),
            1 if at < to.len() && to[at] == 1 => {
                to.remove(at);
            }
            2 if at + 1 < to.len() => {
                let n = to.remove(at);
                to[at] *= n;
            }
            3 if at < to.len() && to.len() < MOST_AXES && to[at] > 2 => {
                if let Some(p) = [2, 3, 7].into_iter().find(|p| to[at].is_multiple_of(*p)) {
                    to[at] /= p;
                    to.insert(at, p);
                }
            }
            _ => to = vec![size(&to)],
        }
    }
    w.emit(Op::Reshape, &[x], Type::real(&to))
}
