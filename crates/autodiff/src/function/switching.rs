//! Switching variables as a function: how far a point is from where the function has a kink or a jump.
use super::{Allow, Function, Wrt};
use crate::transform;
use crate::tree::{AnyLeaf, Structure};

impl<I: Structure, O: Structure, W: Structure> Wrt<I, O, W> {
    /// inputs → the switching variables: arrays of numbers whose signs decide which smooth piece of the function is active (A. Griewank, 2013, "On
    /// stable piecewise linearization and generalized algorithmic differentiation"). Where all keep their signs along a way, and the numbers of steps
    /// of its loops do not change, the function and its derivatives are those of one smooth piece. With the `jvp` of this function they say how far
    /// a point is from a kink in a direction: a variable s with tangent ṡ is 0 near the step −s/ṡ.
    ///
    /// | operation | variables |
    /// |---|---|
    /// | `maximum`, `minimum`, comparisons | a − b |
    /// | `abs`, `relu`, `sign` | x |
    /// | `soft_threshold` | \|x\| − t |
    /// | `max`, `min` over axes | how far each element is from the extreme one, less than 0 before it; ∞ for one that is extreme alone |
    /// | `floor`, `ceil`, remainders, numbers as indices | the distances to the ends of the step, with a sign that alternates from step to step |
    /// | `atan2(y, x)` | y where x < 0, else ∞ |
    ///
    /// They are in the order in which they are computed, each once. Those in a loop are stacked over its steps and are ∞ in steps that are not
    /// taken; those of a branch that is not taken are ∞.
    ///
    /// Left out are those that do not move with the variables of this `wrt`, and those that decide nothing about the outputs: the kink of a value
    /// whose derivative no output has, as one that is read through `stop_gradient` or by a comparison alone. A comparison counts wherever its result
    /// is read, and moves with what it compares, through `stop_gradient` too. A comparison of what is itself piecewise constant does not move. Also
    /// left out are norms and roots at 0, tests of loops, and a user's own [`Primitive`](crate::Primitive), which is smooth by contract.
    ///
    /// There may be more variables than matter: a branch of a `select` that is not taken has its own all the same, and kinks of two operations may
    /// cancel. A variable that is 0 with tangent 0 says that the point stays on a tie.
    ///
    /// Results may be infinite, so the function has [`Allow::Infinite`] where this one asks for finite results.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, array::AnyArray, shape};
    /// let f = Function::record(shape![3], |x| x.relu().sum())?;
    /// let s = f.wrt(|x| x).switching();
    /// let (x, v) = (ndarray::arr1(&[0.5, -0.25, 2.0]), ndarray::arr1(&[1.0, 1.0, 0.0]));
    /// assert_eq!(s.eval(&x)?[0].to_f64(), [0.5, -0.25, 2.0]);
    /// // Along v, the second element meets its kink after a step of 0.25.
    /// let (values, tangents): (Vec<AnyArray>, Vec<AnyArray>) = s.wrt(|x| x).jvp().eval((&x, &v))?;
    /// assert_eq!(-values[0].to_f64()[1] / tangents[0].to_f64()[1], 0.25);
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn switching(&self) -> Function<I, Vec<AnyLeaf>> {
        let mut made = self.derive(self.f.inputs.clone(), vec![], |p, _, mask| transform::switching(p, mask));
        made.outputs = made.inner.program.iter().flat_map(|p| p.output_types()).map(AnyLeaf).collect();
        match self.f.inner.allow {
            Allow::Finite | Allow::InfiniteInputs => made.allow(Allow::Infinite),
            _ => made,
        }
    }
}
