//! The checker: every value made once and before use, every type as its operation says.
use super::{Program, Symbol};

impl<P: Symbol> Program<P> {
    /// What is wrong with this program, if anything: for debug builds and tests, after every transform.
    pub fn check(&self) -> Result<(), String> {
        let mut made = vec![false; self.types.len()];
        for v in &self.inputs {
            if std::mem::replace(&mut made[v.index()], true) {
                return Err(format!("input {v:?} stands twice"));
            }
        }
        for e in &self.equations {
            let label = e.op.label();
            if let Some(v) = e.inputs.iter().find(|v| !made[v.index()]) {
                return Err(format!("{label} reads {v:?} before it is made"));
            }
            let inputs: Vec<_> = e.inputs.iter().map(|v| self.type_of(*v)).collect();
            let types = e.op.infer(&inputs).map_err(|p| format!("{label}: {p}"))?;
            if types.len() != e.outputs.len() {
                return Err(format!("{label} makes {} values, {} are named", types.len(), e.outputs.len()));
            }
            for (v, t) in e.outputs.iter().zip(&types) {
                if std::mem::replace(&mut made[v.index()], true) {
                    return Err(format!("{label} makes {v:?} a second time"));
                }
                if self.type_of(*v) != t {
                    return Err(format!("{label} makes {t}, {v:?} is {}", self.type_of(*v)));
                }
            }
            for (name, body) in e.op.bodies() {
                body.check().map_err(|p| format!("{label}, {name}: {p}"))?;
            }
        }
        match self.outputs.iter().find(|v| !made[v.index()]) {
            Some(v) => Err(format!("output {v:?} is never made")),
            None => Ok(()),
        }
    }
}
