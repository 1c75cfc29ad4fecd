//! What the results of a function may be, and which operation made one that may not.
use super::Allow;
use super::diagnose::explain;
use super::trace::{Bad, Source, source};
use crate::array::{AnyArray, AnyView};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Executor;
use crate::operation::Program;
use std::sync::Arc;

/// The rules by which a function's inputs and results are looked at.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    program: Option<Arc<Program>>,
    primal: Option<Arc<Program>>,
    pub(super) allow: Allow,
    /// Outputs that are looked at: the first so many.
    watched: usize,
}

impl Guard {
    pub(super) fn new(program: Option<Arc<Program>>, primal: Option<Arc<Program>>, allow: Allow) -> Self {
        Guard { program, primal, allow, watched: usize::MAX }
    }
    /// Looks at the first so many outputs only.
    pub(super) fn watch(mut self, outputs: usize) -> Self {
        self.watched = outputs;
        self
    }
    /// Runs on inputs whose types were checked.
    pub(super) fn run(&self, executor: &mut Executor, inputs: &[AnyView<'_>]) -> Result<()> {
        for (leaf, v) in inputs.iter().enumerate() {
            if let Some((index, value)) = self.allow.refuses(v) {
                let what = format!("input {leaf} of {}", inputs.len());
                return Err(Error::new("run", ErrorKind::NotFinite { what, index, value }));
            }
        }
        executor.forgive(self.allow == Allow::Everything);
        executor.replay(inputs).map_err(|e| match &self.program {
            Some(p) => explain(e, p, inputs),
            None => e,
        })?;
        let n = executor.plan().outputs().len();
        if !self.allow.looks() || (0..n.min(self.watched)).all(|k| executor.surely_finite(k)) {
            return Ok(());
        }
        self.look(executor, inputs)
    }
    /// Looks at every element.
    #[cold]
    fn look(&self, executor: &Executor, inputs: &[AnyView<'_>]) -> Result<()> {
        let n = executor.plan().outputs().len();
        match (0..n.min(self.watched)).find_map(|k| self.allow.suspects(&executor.output(k)).map(|(index, value)| (k, index, value))) {
            Some(suspect) => self.look_into(executor, inputs, suspect),
            None => Ok(()),
        }
    }
    /// Whether what is not finite in the outputs may be; the error names the operation that made it.
    fn look_into(&self, executor: &Executor, inputs: &[AnyView<'_>], (k, index, value): (usize, Vec<usize>, f64)) -> Result<()> {
        let n = executor.plan().outputs().len();
        let watched = n.min(self.watched);
        let nan = (0..watched).find_map(|k| executor.output(k).first_nan().map(|(index, value)| (k, index, value)));
        let bad = if nan.is_some() { Bad::Nan } else { Bad::Infinite };
        let inputs: Vec<AnyArray> = inputs.iter().map(AnyView::to_owned).collect();
        let (first, mut suspect) = nan.map_or((k, Some((index, value))), |(k, index, value)| (k, Some((index, value))));
        for k in first..watched {
            // Each output by itself: one may be infinite with right, another not.
            let Some((index, value)) = suspect.take().or_else(|| executor.output(k).first_non_finite()) else { continue };
            let what = format!("output {k} of {n}");
            match self.program.as_ref().map(|p| source(p, &inputs, bad, |j| j == k)) {
                Some(Source::Operation(made)) => return Err(made.error(self.primal.as_deref(), &what, &index, value)),
                Some(Source::Outside) if bad == Bad::Infinite => {}
                _ => {
                    let kind = ErrorKind::Result { what: what.clone(), index, value, made: value, made_from: None };
                    return Err(Error::numeric(what, kind));
                }
            }
        }
        Ok(())
    }
}
