//! What an outer loop is: settings whose step reads and writes the state of a run.
use crate::calls::Calls;
use crate::domain::Domain;
use crate::estimator::{Ask, Estimate, Memory, Oracle};
use crate::record::Record;
use crate::state::State;
use hypertape_autodiff::{ErrorKind, Result};

/// An outer loop. Its settings never change; all that a step changes is in the state. Its `Debug` text is all of its settings, by which a run knows its own files.
pub trait OuterLoop: std::fmt::Debug {
    /// The field's name of it.
    fn name(&self) -> String;
    /// What is wrong with its settings for n outer variables in a set.
    ///
    /// # Errors
    /// Settings that cannot work.
    fn check(&self, n: usize, domain: &Domain) -> Result<(), ErrorKind> {
        let _ = (n, domain);
        Ok(())
    }
    /// Whether it sets the tolerances of the solves: then it takes no estimator whose error does not fall with them.
    fn sets_tolerances(&self) -> bool {
        false
    }
    /// One outer step from a state; at step 0 the loop's own vectors and numbers are empty. A loop that ends where it has evaluated the outer objective sets `state.value`, which is empty before.
    ///
    /// # Errors
    /// What the estimator says. The run goes back to the state before.
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record>;
}

/// A loop that is chosen at run time.
impl<A: OuterLoop + ?Sized> OuterLoop for Box<A> {
    fn name(&self) -> String {
        (**self).name()
    }
    fn check(&self, n: usize, domain: &Domain) -> Result<(), ErrorKind> {
        (**self).check(n, domain)
    }
    fn sets_tolerances(&self) -> bool {
        (**self).sets_tolerances()
    }
    fn step(&self, problem: &mut Asked<'_>, state: &mut State) -> Result<Record> {
        (**self).step(problem, state)
    }
}

/// Variables that a loop moves, and what the estimator has kept of them: the inner solution there.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) free: Vec<f64>,
    pub(crate) memory: Memory,
}

/// An estimator and the set of the outer variables, as a loop asks them.
pub struct Asked<'a> {
    pub(crate) oracle: &'a mut dyn Oracle,
    pub(crate) domain: &'a Domain,
    /// Whether the first point is kept that is asked for, with its solution; and this.
    pub(crate) watched: bool,
    pub(crate) seen: Option<Seen>,
}

impl Asked<'_> {
    /// The value, and the hypergradient by the variables that the loop moves.
    ///
    /// # Errors
    /// As [`Oracle::at`].
    pub fn at(&mut self, free: &[f64], memory: &mut Memory, ask: Ask) -> Result<Estimate> {
        let mut x = free.to_vec();
        self.domain.outer_of(&mut x);
        let mut e = self.oracle.at(&x, memory, ask)?;
        self.domain.pull(&x, &mut e.gradient);
        e.length = self.measure(free, &e.gradient);
        if self.watched && self.seen.is_none() {
            self.seen = Some(Seen { free: free.to_vec(), memory: memory.clone() });
        }
        Ok(e)
    }
    /// ‖x − P(x − g)‖, which is 0 at a minimum within the set, and ‖g‖ where nothing holds the variables.
    #[must_use]
    pub fn measure(&self, free: &[f64], g: &[f64]) -> f64 {
        self.domain.advance(&mut free.to_vec(), 1.0, g)
    }
    /// The stopping measure of the inner solver where it starts, and what finding it took.
    ///
    /// # Errors
    /// As [`Oracle::at`].
    pub fn first_measure(&mut self, free: &[f64], memory: &Memory) -> Result<(f64, Calls)> {
        let mut x = free.to_vec();
        self.domain.outer_of(&mut x);
        self.oracle.first_measure(&x, memory)
    }
    /// Moves to free − step · direction, back into the set; returns how far that is.
    pub fn advance(&self, free: &mut [f64], step: f64, direction: &[f64]) -> f64 {
        self.domain.advance(free, step, direction)
    }
}
