//! The checker: every value made once and before use, every type as its operation says.
use super::{Equation, Program, Symbol, Value};
use crate::error::Site;

/// What is wrong with a program: where it is said, and the user's line of the equation, where there is one.
#[derive(Debug)]
pub(crate) struct Fault {
    /// In words.
    pub(crate) problem: String,
    /// The user's line.
    pub(crate) site: Option<Site>,
}

/// Which values are made.
struct Made(Vec<bool>);

impl Made {
    fn has(&self, v: Value) -> bool {
        self.0.get(v.index()).copied().unwrap_or(false)
    }
    /// Marks a value; says whether it is one that was not made before.
    fn add(&mut self, v: Value) -> bool {
        self.0.get_mut(v.index()).is_some_and(|m| !std::mem::replace(m, true))
    }
}

impl<P: Symbol> Program<P> {
    /// What is wrong with this program, if anything: values, types, and programs inside.
    pub fn check(&self) -> Result<(), String> {
        self.fault(true).map_or(Ok(()), |f| Err(f.problem))
    }
    /// What is wrong with how values are made and read, here and not in programs inside, if anything.
    pub fn check_values(&self) -> Result<(), String> {
        self.fault(false).map_or(Ok(()), |f| Err(f.problem))
    }
    /// The first fault; of types and programs inside only where `deep`.
    pub(crate) fn fault(&self, deep: bool) -> Option<Fault> {
        let mut made = Made(vec![false; self.types.len()]);
        let at = |site: Option<Site>, problem: String| Some(Fault { problem, site });
        if let Some(t) = self.types.iter().find(|t| !t.is_addressable()) {
            return at(None, format!("a value is {t}, of more bytes than memory has addresses"));
        }
        if let Some(v) = self.inputs.iter().find(|v| !made.add(**v)) {
            return at(None, format!("input {v:?} stands twice, or has no type"));
        }
        for e in &self.equations {
            if let Some(v) = e.inputs.iter().find(|v| !made.has(**v)) {
                return at(e.site, format!("{} reads {v:?} before it is made", e.op.label()));
            }
            if e.outputs.is_empty() {
                return at(e.site, format!("{} makes nothing", e.op.label()));
            }
            if let Some(v) = e.outputs.iter().find(|v| !made.add(**v)) {
                return at(e.site, format!("{} makes {v:?} a second time, or it has no type", e.op.label()));
            }
            if deep && let Err(problem) = self.types_fit(e) {
                return at(e.site, problem);
            }
        }
        self.outputs.iter().find(|v| !made.has(**v)).and_then(|v| at(None, format!("output {v:?} is never made")))
    }
    /// Whether an equation's values are of the types that its operation says, and the programs inside are right.
    fn types_fit(&self, e: &Equation<P>) -> Result<(), String> {
        let label = || e.op.label();
        let inputs: Vec<_> = e.inputs.iter().map(|v| self.type_of(*v)).collect();
        let types = e.op.infer(&inputs).map_err(|p| format!("{}: {p}", label()))?;
        if types.len() != e.outputs.len() {
            return Err(format!("{} makes {} values, {} are named", label(), types.len(), e.outputs.len()));
        }
        for (v, t) in e.outputs.iter().zip(&types) {
            if self.type_of(*v) != t {
                return Err(format!("{} makes {t}, {v:?} is {}", label(), self.type_of(*v)));
            }
        }
        for (name, body) in e.op.bodies() {
            body.check().map_err(|p| format!("{}, {name}: {p}", label()))?;
        }
        Ok(())
    }
}
