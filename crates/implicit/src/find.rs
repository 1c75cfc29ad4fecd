//! Ways to find the point: a recorded loop, or a user's own code.
use hypertape_autodiff::array::{AnyView, LeafType};
use hypertape_autodiff::execute::Counts;
use hypertape_autodiff::tree::{Feed, Structure};
use hypertape_autodiff::{ErrorKind, Result};
use std::any::Any;
use std::fmt::Debug;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    /// How many iterations it took, and the most that it may take, where that is known.
    pub(crate) iterations: Option<(u64, u64)>,
    /// The method's own stopping measure at the point, and its tolerance, if it has them.
    pub(crate) measure: Option<(f64, f64)>,
    /// Whether it found that more iterations do not help.
    pub(crate) stalled: bool,
}

/// Finds z with F(z, θ) = 0.
pub(crate) trait Find: Debug + Send + Sync + 'static {
    /// What one workspace owns.
    fn state(&self) -> Box<dyn Any + Send>;
    /// Bytes that a state holds.
    fn bytes(&self) -> u64;
    /// Whether it has a stopping measure of its own.
    fn measures(&self) -> bool;
    /// Types of the secant pairs that it hands out after the point; most have none.
    fn secants(&self) -> Vec<LeafType> {
        vec![]
    }
    /// Adds what the programs inside have executed.
    fn count(&self, state: &(dyn Any + Send), into: &mut Counts) {
        let _ = (state, into);
    }
    /// Finds the point from a start; hands out its leaves in order, then the secant pairs.
    fn find(
        &self,
        state: &mut (dyn Any + Send),
        start: &[AnyView<'_>],
        params: &[AnyView<'_>],
        sink: &mut dyn FnMut(AnyView<'_>),
    ) -> Result<Found, ErrorKind>;
}

/// What a user's code may fail with.
pub(crate) type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// A user's own code, with its state.
pub(crate) struct Closure<S: Structure, P: Structure, C, F> {
    pub(crate) solution: S,
    pub(crate) params: P,
    pub(crate) make: Box<dyn Fn() -> C + Send + Sync>,
    pub(crate) find: F,
}

impl<S: Structure, P: Structure, C, F> Debug for Closure<S, P, C, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closure")
    }
}

impl<S, P, C, R, E, F> Find for Closure<S, P, C, F>
where
    S: Structure,
    P: Structure,
    C: Send + 'static,
    R: Feed<S>,
    E: Into<AnyError>,
    F: for<'a> Fn(&mut C, P::Views<'a>, S::Views<'a>) -> Result<R, E> + Send + Sync + 'static,
{
    fn state(&self) -> Box<dyn Any + Send> {
        Box::new((self.make)())
    }
    fn bytes(&self) -> u64 {
        size_of::<C>() as u64
    }
    fn measures(&self) -> bool {
        false
    }
    fn find(
        &self,
        state: &mut (dyn Any + Send),
        start: &[AnyView<'_>],
        params: &[AnyView<'_>],
        sink: &mut dyn FnMut(AnyView<'_>),
    ) -> Result<Found, ErrorKind> {
        let state = state.downcast_mut::<C>().ok_or("the state belongs to another solver")?;
        let (mut s, mut p) = (start.iter(), params.iter());
        let absent = || AnyView::F64(ndarray::aview1::<f64>(&[]).into_dyn());
        let start = self.solution.views(&mut |_| s.next().map_or_else(absent, AnyView::reborrow));
        let params = self.params.views(&mut |_| p.next().map_or_else(absent, AnyView::reborrow));
        let found = (self.find)(state, params, start).map_err(ErrorKind::user)?;
        found.feed(&mut |v| sink(v));
        Ok(Found { iterations: None, measure: None, stalled: false })
    }
}
