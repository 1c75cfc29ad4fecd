//! A program as readable lines.
use super::live::bodies;
use super::{Id, Kind, Op, Program, Step, Type};
use std::fmt;

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.kind == Kind::Index { "u32" } else { "" };
        write!(f, "{mark}{:?}", self.shape)
    }
}

fn names(ids: &[Id]) -> String {
    ids.iter().map(|i| format!("v{i}")).collect::<Vec<_>>().join(", ")
}

fn types(types: &[Type]) -> String {
    types.iter().map(Type::to_string).collect::<Vec<_>>().join(", ")
}

/// The operation on one line, without its bodies.
fn head(op: &Op) -> String {
    match op {
        Op::Scan { carries, steps, storage, .. } => format!("scan of {steps} steps, {carries} carries, keeps {storage:?}"),
        Op::ScanUntil { limit, storage, .. } => format!("scan_until of at most {limit} steps, keeps {storage:?}"),
        Op::Map(_) => "map".into(),
        Op::Cond(..) => "cond".into(),
        Op::Call(_) => "call".into(),
        other => format!("{other:?}"),
    }
}

fn steps(f: &mut fmt::Formatter<'_>, steps: &[Step], mut next: Id, indent: usize) -> fmt::Result {
    for step in steps {
        let made: Vec<Id> = (next..next + step.types.len()).collect();
        if step.op != Op::Absent {
            writeln!(f, "{:indent$}{} : {} = {}  ({})", "", names(&made), types(&step.types), head(&step.op), names(&step.args))?;
            for body in bodies(&step.op) {
                let given: Vec<Id> = (next..next + body.inputs.len()).collect();
                writeln!(f, "{:indent$}  given {} : {}", "", names(&given), types(&body.inputs))?;
                self::steps(f, &body.steps, next + body.inputs.len(), indent + 4)?;
                writeln!(f, "{:indent$}  hands on {}", "", names(&body.outputs))?;
            }
        }
        next += step.types.len();
    }
    Ok(())
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "in {} precision", if self.single { "single" } else { "double" })?;
        for (k, input) in self.inputs.iter().enumerate() {
            let used = format!("Input({k})");
            let shown = |v: &[f64]| {
                let head: Vec<String> = v.iter().take(12).map(|v| format!("{v}")).collect();
                format!("[{}{}]", head.join(", "), if v.len() > 12 { ", …" } else { "" })
            };
            writeln!(f, "{used} : {} = {}, axes in memory {:?}", input.of, shown(&input.data), input.order)?;
            if input.of.kind == Kind::Real {
                writeln!(f, "    directions {} and {}", shown(&input.directions[0]), shown(&input.directions[1]))?;
            }
        }
        steps(f, &self.steps, 0, 0)?;
        writeln!(f, "outputs {}, loss v{}", names(&self.outputs), self.loss)
    }
}
