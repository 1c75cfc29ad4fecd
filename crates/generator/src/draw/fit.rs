//! Values of a wanted shape, made from those that there are: permuted readers and broadcasts are drawn often.
use super::writer::{MOST_AXES, Writer};
use crate::language::{Binary, Id, Op, Type, Unary};
use crate::reference::size;

fn sorted(shape: &[usize]) -> Vec<usize> {
    let mut s = shape.to_vec();
    s.sort_unstable();
    s
}

/// Whether a shape is another behind axes of length 1.
fn leads(long: &[usize], shape: &[usize]) -> bool {
    long.ends_with(shape) && long[..long.len() - shape.len()].iter().all(|n| *n == 1)
}

impl Writer {
    /// A value of a shape: one that has it, one whose axes are turned, one that is broadcast or reshaped, or a new one.
    pub(super) fn shaped(&mut self, shape: &[usize]) -> Id {
        if self.chance.chance(0.12) {
            return self.fresh(shape);
        }
        if shape.len() > 1 && self.chance.chance(0.4) {
            let wanted = sorted(shape);
            if let Some(x) = self.any_where(|s| sorted(s) == wanted) {
                return self.turned_to(x, shape);
            }
        }
        if let Some(x) = self.any_where(|s| s == shape) {
            return x;
        }
        if self.chance.chance(0.4)
            && let Some(x) = self.any_where(|s| crate::reference::common(s, shape).is_some_and(|c| c == shape))
        {
            return self.emit(Op::BroadcastTo, &[x], Type::real(shape));
        }
        if self.chance.chance(0.4)
            && let Some(x) = self.any_where(|s| size(s) == size(shape))
        {
            return self.emit(Op::Reshape, &[x], Type::real(shape));
        }
        self.fresh(shape)
    }
    /// The axes of a value in an order that gives a shape with the same lengths.
    pub(super) fn turned_to(&mut self, x: Id, shape: &[usize]) -> Id {
        let from = self.shape(x);
        let mut left = self.chance.order(from.len());
        let mut axes = vec![];
        for n in shape {
            let at = left.iter().position(|a| from[*a] == *n).expect("both shapes have the same lengths");
            axes.push(left.remove(at));
        }
        if axes.iter().enumerate().all(|(k, a)| k == *a) {
            return x;
        }
        if axes.iter().rev().enumerate().all(|(k, a)| k == *a) && self.chance.chance(0.5) {
            return self.real(Op::T, &[x]);
        }
        self.real(Op::Permute(axes), &[x])
    }
    /// A value with its axes in random order.
    pub(super) fn turned(&mut self, x: Id) -> Id {
        let rank = self.shape(x).len();
        if rank < 2 {
            return x;
        }
        let axes = self.chance.order(rank);
        self.real(Op::Permute(axes), &[x])
    }
    /// A value that broadcasts with one of this shape, often with axes of length 1 or fewer axes.
    pub(super) fn broadcastable(&mut self, shape: &[usize]) -> Id {
        if self.chance.chance(0.5) {
            return self.shaped(shape);
        }
        if let Some(x) = self.any_where(|s| crate::reference::common(s, shape).is_some_and(|c| c.len() <= MOST_AXES && leads(&c, shape)))
            && self.chance.chance(0.6)
        {
            return x;
        }
        let skip = if self.chance.chance(0.3) { self.chance.below(shape.len() + 1) } else { 0 };
        let part: Vec<usize> = shape[skip..].iter().map(|n| if self.chance.chance(0.4) { 1 } else { *n }).collect();
        self.shaped(&part)
    }
    /// Positive numbers, away from 0.
    pub(super) fn positive(&mut self, x: Id) -> Id {
        let (low, _) = self.range(x);
        if low >= 0.1 {
            return x;
        }
        match self.chance.below(4) {
            0 => {
                let s = self.unary(Unary::Square, x);
                self.number(Binary::Add, s, 0.5)
            }
            1 => {
                let s = self.unary(Unary::Softplus, x);
                self.number(Binary::Add, s, 0.25)
            }
            2 => {
                let x = self.bounded(x, 3.0);
                self.unary(Unary::Exp, x)
            }
            _ => {
                let s = self.unary(Unary::Abs, x);
                self.number(Binary::Add, s, 0.5)
            }
        }
    }
    /// Numbers within ±`most`.
    pub(super) fn bounded(&mut self, x: Id, most: f64) -> Id {
        let (low, high) = self.range(x);
        if low >= -most && high <= most {
            return x;
        }
        let s = self.unary(Unary::Tanh, x);
        self.number(Binary::Mul, s, most * 0.75)
    }
}
