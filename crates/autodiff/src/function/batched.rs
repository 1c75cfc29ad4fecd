//! A function for many items at once.
use super::places::places;
use super::{Function, Inner};
use crate::error::Site;
use crate::record::{self, DynVar};
use crate::transform;
use crate::tree::{Structure, Vars};
use std::sync::Arc;

impl<I: Structure, O: Structure> Function<I, O> {
    /// This function for `n` items at once, as one program: the inputs that `pick` chooses have the items as a further leading axis, and so have all
    /// outputs; the other inputs are the same for every item. It computes what `n` calls compute, up to the order of sums. Elsewhere it is `vmap`.
    ///
    /// A function of many small items runs faster so, since an operation works on all of them; [`map`](crate::record::map) does that by itself where items are small,
    /// and blocks of them fit in the cache. Like any function it has derivatives: by a shared input they are sums over the items.
    ///
    /// A branch whose test differs between items runs both sides. A loop that stops by a test runs until the last item stops; each item keeps what it had
    /// when it stopped. What fails for one item fails for all.
    ///
    /// ```
    /// use hypertape_autodiff::{Function, shape};
    /// use ndarray::{arr1, arr2};
    /// let f = Function::record((shape![2], shape![2]), |(w, x)| (w * x).sum().tanh())?;
    /// let many = f.batched(3, |(_, x)| x);
    /// let (w, x) = (arr1(&[0.5, -1.0]), arr2(&[[1.0, 2.0], [0.0, 1.0], [3.0, 0.5]]));
    /// let y = many.eval((&w, &x))?;
    /// assert_eq!(y.shape(), [3]);
    /// assert!((y[[2]] - 1.0_f64.tanh()).abs() < 1e-15);
    /// let e = many.eval((&w, arr2(&[[1.0, 2.0]]))).unwrap_err().to_string();
    /// assert!(e.contains("[3,2]") && e.contains("[1,2]"));
    /// # Ok::<(), hypertape_autodiff::Error>(())
    /// ```
    ///
    /// Code of other crates ([`Primitive`](crate::Primitive), implicit solves) takes one item at a time; a function with it gives an error that names it, when it is used.
    #[must_use]
    #[track_caller]
    pub fn batched<R: Vars>(&self, n: usize, pick: impl FnOnce(I::Vars) -> R) -> Self {
        let at = Site::caller();
        let (picked, _) = places("batched", &self.inputs, pick);
        let mut each = vec![false; self.inputs.leaf_types().len()];
        picked.iter().flatten().for_each(|i| each[*i] = true);
        let program = self.inner.program.clone().and_then(|p| {
            picked?;
            transform::batch(&p, n, &each).map_err(|e| e.or_at(at))
        });
        let all = vec![true; self.outputs.leaf_types().len()];
        // After a mistake shapes say nothing.
        let n = if program.is_ok() { n } else { 0 };
        let (inputs, outputs) = (with_axis(&self.inputs, n, &each), with_axis(&self.outputs, n, &all));
        Function { inner: Inner::allowing(program.map(Arc::new), None, self.inner.allow, Arc::default()), inputs, outputs }
    }
}

/// The same nesting, where the marked leaves have a further leading axis.
#[track_caller]
fn with_axis<S: Structure>(of: &S, n: usize, each: &[bool]) -> S {
    let mut types = of.leaf_types();
    types.iter_mut().zip(each).filter(|(_, e)| **e).for_each(|(t, _)| t.shape.insert(0, n));
    let traced = record::trace(&types, Site::caller(), |v| {
        let mut given = v.iter().copied();
        (of.vars(&mut |_| given.next().unwrap_or(DynVar::POISON)).structure(), vec![])
    });
    traced.0
}
