//! Draws functions of one, two and three numbers.
use super::writer::Writer;
use crate::language::{Binary, Id, Op, Type, Unary};
use crate::reference::{common, size};

/// A literal.
fn literal(w: &mut Writer) -> f64 {
    w.chance.of(&[0.5, 2.0, -1.0, 1.0, 0.0, 0.1, -0.75, 3.0, 1.5, 0.25])
}

/// One function of one number.
pub(super) fn unary(w: &mut Writer) -> Id {
    let x = w.any();
    let anywhere = [
        Unary::Neg,
        Unary::Square,
        Unary::Abs,
        Unary::Sign,
        Unary::Floor,
        Unary::Sin,
        Unary::Cos,
        Unary::Atan,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Softplus,
        Unary::LogSigmoid,
        Unary::Relu,
        Unary::Erf,
        Unary::Powi(2),
        Unary::Powi(3),
        Unary::Powi(0),
        Unary::Powf(3.0),
        Unary::StopGradient,
        Unary::ThroughSingle,
    ];
    // Now and then a function is applied where it has a pole or an edge.
    let careless = w.chance.chance(0.03);
    match w.chance.below(9) {
        0..=4 => {
            let f = w.chance.of(&anywhere);
            w.unary(f, x)
        }
        5 => {
            let f = w.chance.of(&[Unary::Exp, Unary::ExpM1, Unary::Sinh, Unary::Cosh]);
            let x = if careless { x } else { w.bounded(x, 3.0) };
            w.unary(f, x)
        }
        6 | 7 => {
            let f = w.chance.of(&[
                Unary::Ln,
                Unary::Ln1p,
                Unary::Sqrt,
                Unary::Recip,
                Unary::Powi(-1),
                Unary::Powi(-2),
                Unary::Powf(0.5),
                Unary::Powf(-0.75),
                Unary::Powf(1.5),
                Unary::Powf(2.5),
            ]);
            let x = if careless { x } else { w.positive(x) };
            w.unary(f, x)
        }
        _ => {
            let f = w.chance.of(&[Unary::Asin, Unary::Acos, Unary::Tan]);
            let x = if careless { x } else { w.bounded(x, 0.9) };
            w.unary(f, x)
        }
    }
}

/// One function of two or three numbers.
pub(super) fn binary(w: &mut Writer) -> Id {
    let x = w.any();
    let shape = w.shape(x);
    match w.chance.below(10) {
        0..=4 => {
            let most = w.most;
            let fits = |s: &[usize]| common(s, &shape).is_some_and(|c| size(&c) <= most);
            let y = match w.chance.weighted(&[0.1, 0.15, 0.75]) {
                0 => x,
                // Both may repeat.
                1 => w.any_where(fits).unwrap_or(x),
                _ => w.broadcastable(&shape),
            };
            let (x, y) = if w.chance.chance(0.3) { (y, x) } else { (x, y) };
            let f = w.chance.of(&[Binary::Add, Binary::Add, Binary::Sub, Binary::Mul, Binary::Mul, Binary::Mul, Binary::Max, Binary::Min]);
            w.binary(f, x, y)
        }
        5 => {
            let y = w.broadcastable(&shape);
            let f = w.chance.of(&[Binary::Div, Binary::Div, Binary::Pow, Binary::Atan2, Binary::Rem, Binary::SoftThreshold]);
            with_care(w, f, x, y)
        }
        6 => {
            let y = w.broadcastable(&shape);
            let f = w.chance.of(&[Binary::LessThan, Binary::AtMost, Binary::GreaterThan, Binary::AtLeast, Binary::Equals]);
            let test = w.binary(f, x, y);
            let yes = w.broadcastable(&shape);
            if w.chance.chance(0.3) {
                let v = literal(w);
                return w.real(Op::SelectOr(v), &[test, yes]);
            }
            let no = w.broadcastable(&shape);
            w.real(Op::Select, &[test, yes, no])
        }
        7 => {
            let v = literal(w);
            let f = w.chance.of(&[Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Min]);
            if w.chance.chance(0.5) { w.number(f, x, v) } else { w.real(Op::BinaryLeft(f, v), &[x]) }
        }
        8 => {
            let v = w.chance.of(&[0.5, 2.0, 1.5, 0.75]);
            if w.chance.chance(0.5) {
                let f = w.chance.of(&[Binary::Div, Binary::SoftThreshold, Binary::Rem]);
                return w.number(f, x, v);
            }
            let x = w.positive(x);
            let x = w.moderate(x);
            let f = w.chance.of(&[Binary::Div, Binary::Pow, Binary::Atan2]);
            w.real(Op::BinaryLeft(f, v), &[x])
        }
        _ if w.chance.chance(0.5) => {
            let low = literal(w) - 1.0;
            w.real(Op::ClampTo(low, low + 1.25), &[x])
        }
        _ => {
            let low = w.broadcastable(&shape);
            let reach = w.broadcastable(&shape);
            let reach = w.unary(Unary::Abs, reach);
            let high = w.binary(Binary::Add, low, reach);
            w.real(Op::Clamp, &[x, low, high])
        }
    }
}

/// Functions of two numbers that are not defined everywhere.
fn with_care(w: &mut Writer, f: Binary, x: Id, y: Id) -> Id {
    if w.chance.chance(0.03) && f != Binary::SoftThreshold {
        return w.binary(f, x, y);
    }
    match f {
        Binary::Div | Binary::Rem => {
            let y = w.positive(y);
            w.binary(f, x, y)
        }
        Binary::Pow => {
            let (x, y) = (w.positive(x), w.bounded(y, 3.0));
            let x = w.moderate(x);
            w.binary(f, x, y)
        }
        Binary::SoftThreshold => {
            let y = w.unary(Unary::Abs, y);
            w.binary(f, x, y)
        }
        _ => {
            let y = w.positive(y);
            w.binary(f, x, y)
        }
    }
}

/// A number or an array that is part of the program.
pub(super) fn creation(w: &mut Writer) -> Id {
    let shape = w.draw_shape();
    match w.chance.below(4) {
        0 => {
            let v = literal(w);
            w.emit(Op::Number(v), &[], Type::real(&[]))
        }
        1 => {
            let v = w.chance.of(&[0.0, 1.0]);
            w.emit(Op::Full(v), &[], Type::real(&shape))
        }
        _ => w.fresh(&shape),
    }
}
