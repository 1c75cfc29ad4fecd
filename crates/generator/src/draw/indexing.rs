//! Draws gathers, scatters and windows, by indices that are constants, inputs, computed or random.
use super::writer::{MOST_AXES, Writer};
use crate::language::{Binary, Id, Index, Input, Kind, Op, Type, Unary};
use crate::reference::size;

/// Indices of a shape, below n.
pub(super) fn indices(w: &mut Writer, shape: &[usize], n: usize) -> Id {
    let below = n as u32;
    let count = size(shape);
    match w.chance.below(7) {
        0 => {
            let data = (0..count).map(|_| w.chance.below(n) as f64).collect();
            w.emit(Op::Constant(data), &[], Type::index(shape))
        }
        1 | 2 if w.floor == 0 && w.inputs.len() < 8 => {
            let data: Vec<f64> = (0..count).map(|_| w.chance.below(n) as f64).collect();
            let other = data.iter().rev().copied().collect();
            let zeros = vec![0.0; count];
            w.input(Input { of: Type::index(shape), data, other, directions: [zeros.clone(), zeros], order: vec![] })
        }
        3 => {
            // From real numbers on (0, 1).
            let x = w.shaped(shape);
            let x = w.bounded(x, 4.0);
            let s = w.unary(Unary::Sigmoid, x);
            let s = w.number(Binary::Mul, s, n as f64);
            w.emit(Op::ToIndex, &[s], Type::index(shape))
        }
        4 => {
            let counter = counter(w);
            let key = w.chance.bits();
            w.emit(Op::RandomIndex(key, below), &[counter], Type::index(shape))
        }
        5 if shape.len() == 1 => {
            let i = w.emit(Op::Iota(shape[0]), &[], Type::index(shape));
            let i = w.emit(Op::IndexNumber(Index::Mul, 3), &[i], Type::index(shape));
            w.emit(Op::IndexNumber(Index::Rem, below), &[i], Type::index(shape))
        }
        _ => {
            // A counter or other indices, below n by their remainder.
            let fits: Vec<Id> = w.indices().into_iter().filter(|i| w.of(*i).shape == shape).collect();
            let i = if fits.is_empty() {
                let data = (0..count).map(|_| w.chance.below(n) as f64).collect();
                w.emit(Op::Constant(data), &[], Type::index(shape))
            } else {
                w.chance.of(&fits)
            };
            let i = if w.chance.chance(0.3) { w.emit(Op::IndexNumber(Index::Add, 1), &[i], Type::index(shape)) } else { i };
            w.emit(Op::IndexNumber(Index::Rem, below), &[i], Type::index(shape))
        }
    }
}

/// One index.
fn counter(w: &mut Writer) -> Id {
    let fits: Vec<Id> = w.indices().into_iter().filter(|i| w.of(*i).shape.is_empty()).collect();
    if fits.is_empty() || w.chance.chance(0.2) {
        let v = w.chance.below(5) as f64;
        return w.emit(Op::Constant(vec![v]), &[], Type::index(&[]));
    }
    w.chance.of(&fits)
}

fn index_shape(w: &mut Writer) -> Vec<usize> {
    match w.chance.below(5) {
        0 => vec![],
        1..=3 => vec![w.length().min(64)],
        _ => vec![w.length().min(7), w.length().min(7)],
    }
}

/// One gather, scatter or window.
pub(super) fn indexing(w: &mut Writer) -> Id {
    let Some(x) = w.any_where(|s| !s.is_empty() && s.iter().all(|n| *n > 0)) else { return w.any() };
    let shape = w.shape(x);
    let rank = shape.len();
    let axis = w.chance.below(rank);
    match w.chance.below(9) {
        0..=2 => {
            let of = index_shape(w);
            let axis = if w.chance.chance(0.4) { 0 } else { axis };
            if rank - 1 + of.len() > MOST_AXES || size(&shape) / shape[axis] * size(&of) > w.most {
                return x;
            }
            let i = indices(w, &of, shape[axis]);
            let op = if axis == 0 && w.chance.chance(0.5) { Op::Rows } else { Op::Take(axis) };
            w.real(op, &[x, i])
        }
        3 | 4 => {
            // The axes of the indices are those of x from `axis` on.
            let take = 1 + w.chance.below((rank - axis).min(2));
            let len = w.chance.of(&[1, 2, 3, 7]);
            let i = indices(w, &shape[axis..axis + take], len);
            w.real(Op::ScatterAdd(axis, len), &[x, i])
        }
        5 => {
            let len = 1 + w.chance.below(shape[0]);
            let i = indices(w, &[], shape[0] - len + 1);
            w.real(Op::SliceAt(len), &[x, i])
        }
        6 => {
            let rows = shape[0] + w.chance.below(4);
            if size(&shape[1..]) * rows > w.most {
                return x;
            }
            let i = indices(w, &[], rows - shape[0] + 1);
            w.real(Op::PlaceAt(rows), &[x, i])
        }
        7 => {
            let of = index_shape(w);
            let classes = w.chance.of(&[1, 2, 3, 7]);
            let i = indices(w, &of, classes);
            if w.chance.chance(0.5) { w.real(Op::OneHot(classes), &[i]) } else { w.real(Op::ToReal, &[i]) }
        }
        _ => {
            let i = counter(w);
            let key = w.chance.bits();
            let of = w.draw_shape();
            w.emit(Op::Uniform(key), &[i], Type::real(&of))
        }
    }
}

/// Arithmetic of indices.
pub(super) fn of_indices(w: &mut Writer) -> Option<Id> {
    let all = w.indices();
    if all.is_empty() {
        return None;
    }
    let i = w.chance.of(&all);
    let shape = w.of(i).shape.clone();
    let same: Vec<Id> = all.into_iter().filter(|j| w.of(*j).shape == shape).collect();
    let j = w.chance.of(&same);
    let of = Type { shape: shape.clone(), kind: Kind::Index };
    let made = match w.chance.below(4) {
        0 => {
            let f = w.chance.of(&[Index::Add, Index::Sub, Index::Mul, Index::Equals, Index::LessThan]);
            w.emit(Op::Index(f), &[i, j], of)
        }
        1 => {
            let f = w.chance.of(&[Index::Add, Index::Sub, Index::Mul, Index::Rem]);
            let v = 1 + w.chance.below(4) as u32;
            w.emit(Op::IndexNumber(f, v), &[i], of)
        }
        2 if !shape.is_empty() && shape[0] > 0 => {
            let rows = super::indexing::indices(w, &[2], shape[0]);
            w.emit(Op::Rows, &[i, rows], of)
        }
        _ if shape.len() > 1 => w.emit(Op::T, &[i], of),
        _ => i,
    };
    Some(made)
}
