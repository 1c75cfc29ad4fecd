//! Draws factorisations and solves, of matrices that are well conditioned.
use super::writer::Writer;
use crate::language::{Binary, Id, Op, Type};

/// A batch of square matrices: any values, made regular or positive definite by the identity.
fn square(w: &mut Writer, batch: &[usize], n: usize, positive: bool) -> Id {
    let shape = [batch, &[n, n]].concat();
    let x = w.shaped(&shape);
    let x = w.bounded(x, 1.0);
    let rank = shape.len();
    let x = if positive {
        // B Bᵀ, by a permuted reader of the same array.
        let axes: Vec<usize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
        let t = w.real(Op::Permute(axes), &[x]);
        w.real(Op::Matmul, &[x, t])
    } else {
        w.number(Binary::Mul, x, 0.5)
    };
    let ones = w.emit(Op::Full(1.0), &[], Type::real(&[n]));
    let ones = w.number(Binary::Mul, ones, 1.0 + n as f64 / 2.0);
    let identity = w.real(Op::DiagonalMatrix, &[ones]);
    w.binary(Binary::Add, x, identity)
}

/// One of linear algebra.
pub(super) fn linear_algebra(w: &mut Writer) -> Id {
    let n = w.chance.of(&[0, 1, 1, 2, 3, 4, 7, 18]);
    let batch: Vec<usize> = match w.chance.below(6) {
        0 if n < 8 => vec![w.chance.of(&[1, 2, 3])],
        1 if n < 4 => vec![w.chance.of(&[1, 2]), w.chance.of(&[0, 1, 2])],
        _ => vec![],
    };
    let rhs = if w.chance.chance(0.5) { vec![n] } else { vec![n, w.chance.of(&[0, 1, 2, 3, 9])] };
    let rhs = [batch.clone(), rhs].concat();
    match w.chance.below(8) {
        0 => {
            let a = square(w, &batch, n, true);
            w.real(Op::Cholesky, &[a])
        }
        1 | 2 => {
            let (a, b) = (square(w, &batch, n, false), w.shaped(&rhs));
            w.real(Op::Solve, &[a, b])
        }
        3 => {
            let (a, b) = (square(w, &batch, n, true), w.shaped(&rhs));
            w.real(Op::SolvePositive, &[a, b])
        }
        4 => {
            let (a, b) = (square(w, &batch, n, false), w.shaped(&rhs));
            let (upper, transposed, unit) = (w.chance.chance(0.5), w.chance.chance(0.5), w.chance.chance(0.3));
            w.real(Op::SolveTriangular(upper, transposed, unit), &[a, b])
        }
        5 => {
            let a = square(w, &batch, n, false);
            w.real(Op::Inverse, &[a])
        }
        6 => {
            let a = square(w, &batch, n, true);
            w.real(Op::LogDetPositive, &[a])
        }
        _ => {
            let a = square(w, &batch, n, false);
            let made = w.emit_all(Op::LogDet, &[a], vec![Type::real(&[]), Type::real(&[])]);
            w.chance.of(&made)
        }
    }
}
