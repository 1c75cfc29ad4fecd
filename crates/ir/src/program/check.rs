//! The checker: every value made once and before use, every type as its operation says.
use super::{Equation, Program, Symbol, Value};
use crate::error::{Malformed, Site};

/// What is wrong with a program: where it is said, and the user's line of the equation, where there is one.
#[derive(Debug)]
pub struct Fault {
    /// What it is.
    pub problem: Malformed,
    /// The user's line.
    pub site: Option<Site>,
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
    pub fn check(&self) -> Result<(), Malformed> {
        self.fault(true).map_or(Ok(()), |f| Err(f.problem))
    }
    /// What is wrong with how values are made and read, here and not in programs inside, if anything.
    pub fn check_values(&self) -> Result<(), Malformed> {
        self.fault(false).map_or(Ok(()), |f| Err(f.problem))
    }
    /// The first fault; of types and programs inside only where `deep`.
    pub fn fault(&self, deep: bool) -> Option<Fault> {
        let mut made = Made(vec![false; self.types.len()]);
        let at = |site: Option<Site>, problem: Malformed| Some(Fault { problem, site });
        if let Some(t) = self.types.iter().find(|t| !t.is_addressable()) {
            return at(None, Malformed::Unaddressable(t.clone()));
        }
        if let Some(v) = self.inputs.iter().find(|v| !made.add(**v)) {
            return at(None, Malformed::Input(v.0));
        }
        for e in &self.equations {
            if let Some(v) = e.inputs.iter().find(|v| !made.has(**v)) {
                return at(e.site, Malformed::ReadEarly { operation: e.op.label(), value: v.0 });
            }
            if e.outputs.is_empty() {
                return at(e.site, Malformed::MakesNothing(e.op.label()));
            }
            if let Some(v) = e.outputs.iter().find(|v| !made.add(**v)) {
                return at(e.site, Malformed::MadeTwice { operation: e.op.label(), value: v.0 });
            }
            if deep && let Err(problem) = self.types_fit(e) {
                return at(e.site, problem);
            }
        }
        self.outputs.iter().find(|v| !made.has(**v)).and_then(|v| at(None, Malformed::NeverMade(v.0)))
    }
    /// Whether an equation's values are of the types that its operation says, and the programs inside are right.
    fn types_fit(&self, e: &Equation<P>) -> Result<(), Malformed> {
        let operation = || e.op.label();
        let inputs: Vec<_> = e.inputs.iter().map(|v| self.type_of(*v)).collect();
        let types = e.op.infer(&inputs).map_err(|p| Malformed::Refused { operation: operation(), why: p.to_string() })?;
        if types.len() != e.outputs.len() {
            return Err(Malformed::Outputs { operation: operation(), makes: types.len(), named: e.outputs.len() });
        }
        for (v, t) in e.outputs.iter().zip(&types) {
            if self.type_of(*v) != t {
                let (makes, named) = (t.clone().into(), self.type_of(*v).clone().into());
                return Err(Malformed::Typed { operation: operation(), value: v.0, makes, named });
            }
        }
        for (name, body) in e.op.bodies() {
            body.check().map_err(|flaw| Malformed::Body { operation: operation(), body: name, flaw: Box::new(flaw) })?;
        }
        Ok(())
    }
}
