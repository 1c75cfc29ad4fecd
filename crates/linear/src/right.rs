//! Preconditioning from the right: A M⁻¹ u = b − A x₀, x = x₀ + M⁻¹ u, whose residual is that of x.
use crate::operator::{Operator, Side};
use crate::preconditioner::Inverse;
use crate::scratch::split;
use crate::solver::Ended;
use crate::system::System;
use hypertape_autodiff::array::Kind;
use hypertape_autodiff::outcome::{Failed, Need};

/// A M⁻¹, as an operator.
struct Right<'a, 's> {
    a: &'a mut System<'s>,
    by: &'a mut dyn Inverse,
    z: &'a mut [f64],
    applied: u64,
}

impl Operator for Right<'_, '_> {
    fn len(&self) -> usize {
        self.z.len()
    }
    fn apply(&mut self, x: &[f64], y: &mut [f64]) -> Result<(), Failed> {
        self.applied += 1;
        self.by.apply(self.a.side(), x, self.z)?;
        self.a.apply(self.z, y)
    }
    fn apply_transposed(&mut self, _: &[f64], _: &mut [f64]) -> Result<(), Failed> {
        Err(Failed::Lacks(Need::Transpose))
    }
    fn has_transpose(&self) -> bool {
        false
    }
    fn kind(&self) -> Kind {
        if self.a.epsilon() > f64::EPSILON { Kind::F32 } else { Kind::F64 }
    }
}

/// Runs the iterations on A, or with a preconditioner on A M⁻¹.
pub(crate) fn solve(
    a: &mut System<'_>,
    by: &mut Option<Box<dyn Inverse>>,
    vectors: &mut Vec<f64>,
    b: &[f64],
    x: &mut [f64],
    iterate: impl FnOnce(&mut System<'_>, &[f64], &mut [f64]) -> Result<Ended, Failed>,
) -> Result<Ended, Failed> {
    let Some(by) = by else { return iterate(a, b, x) };
    let [r, u, z] = split::<3>(vectors, b.len());
    a.start(b, x, r)?;
    u.fill(0.0);
    let side = a.side();
    let mut right = Right { a, by: &mut **by, z, applied: 0 };
    let mut system = System::new(&mut right, Side::Plain);
    system.set_factor(1.0);
    let mut ended = iterate(&mut system, r, u)?;
    right.by.apply(side, u, right.z)?;
    x.iter_mut().zip(right.z.iter()).for_each(|(x, z)| *x += z);
    ended.preconditioned = right.applied + 1;
    (ended.residual, ended.norm, ended.smallest) = (None, 0.0, None);
    Ok(ended)
}

/// Bytes of the vectors that this takes.
pub(crate) fn bytes(by: &crate::preconditioner::Chosen, n: usize) -> u64 {
    by.as_ref().map_or(0, |p| p.bytes(n) + 24 * n as u64)
}
