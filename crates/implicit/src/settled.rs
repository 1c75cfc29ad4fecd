//! Whether the active set of a point is that of the solution, as far as one Newton step tells.
use crate::equation::{Equation, Leaves};
use crate::feed::Views;
use crate::flat;
use crate::signs::sign;
use hypertape_autodiff::array::{AnyArray, AnyView};
use hypertape_autodiff::function::Workspace;
use hypertape_autodiff::tree::Structure;
use hypertape_autodiff::{ErrorKind, Result};
use hypertape_linear::{Failed, norm};

/// How far beyond a Newton step a kink may lie that the step may have missed.
const BEYOND: f64 = 2.0;

/// Why a system is not solved at (z…, θ…): a kink within ‖F‖ of it, where there is one, else what is given.
#[cold]
pub(crate) fn unsettled<'a>(e: &Equation, solution: &[AnyView<'a>], params: &[AnyView<'a>], f: &[f64], kind: ErrorKind) -> ErrorKind {
    let of_system = matches!(&kind, ErrorKind::Solve { failed, .. } if failed.is_singular() || matches!(failed, Failed::Diverged { .. } | Failed::NotConverged { .. }));
    let near = || Watch::new(e).is_some_and(|mut w| w.kink_within([solution, params], f).unwrap_or(false));
    if of_system && near() { ErrorKind::SetNotSettled { source: Box::new(kind) } } else { kind }
}

type Moved = Workspace<((Leaves, Leaves), Leaves), (Leaves, Leaves)>;

/// The numbers whose signs decide which smooth piece of F is active, and their derivatives along a direction.
#[derive(Debug)]
pub(crate) struct Watch {
    moved: Moved,
    values: usize,
    direction: Vec<AnyArray>,
}

impl Watch {
    /// Of an equation; none where it has no kinks.
    pub(crate) fn new(e: &Equation) -> Option<Self> {
        if !e.has_kinks() {
            return None;
        }
        let s = e.residual.wrt(|(z, _)| z).switching();
        let values = flat::len(&s.outputs().leaf_types());
        let direction = e.solution.iter().map(|t| AnyArray::full(t, 0.0)).collect();
        Some(Watch { moved: s.wrt(|(z, _)| z).jvp().workspace(), values, direction })
    }
    /// Whether a kink lies within twice a Newton step of (z…, θ…), to first order: along the step, or along pseudo-random signs of the same length, for a point that lies on a kink already.
    pub(crate) fn kink_within(&mut self, [z, params]: [&[AnyView<'_>]; 2], step: &[f64]) -> Result<bool> {
        let each = norm(step) / (step.len().max(1) as f64).sqrt();
        let around: Vec<f64> = (0..step.len()).map(|i| each * sign(41, i)).collect();
        Ok(each > 0.0 && (self.crossed([z, params], step)? || self.crossed([z, params], &around)?))
    }
    /// Whether twice this move leads across a kink, to first order.
    fn crossed(&mut self, [z, params]: [&[AnyView<'_>]; 2], along: &[f64]) -> Result<bool> {
        flat::unpack(along, self.direction.iter_mut().map(AnyArray::view_mut));
        let direction: Vec<AnyView<'_>> = self.direction.iter().map(AnyArray::view).collect();
        let mut all = Vec::with_capacity(2 * self.values);
        self.moved.run_each(((Views(z), Views(params)), Views(&direction)), &mut |v| {
            let from = all.len();
            all.resize(from + v.shape().iter().product::<usize>(), 0.0);
            flat::pack(std::iter::once(v), &mut all[from..]);
        })?;
        let (values, moved) = all.split_at(self.values);
        Ok(values.iter().zip(moved).any(|(v, m)| *m != 0.0 && v.abs() <= BEYOND * m.abs()))
    }
}
