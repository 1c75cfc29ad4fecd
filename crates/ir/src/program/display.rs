//! Listings and graphs of programs for people.
use super::{Program, Symbol, Value};
use std::fmt::{self, Display, Formatter, Write};

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

fn list(values: &[Value]) -> String {
    values.iter().map(|v| v.to_string()).collect::<Vec<_>>().join(", ")
}

impl<P: Symbol> Program<P> {
    fn write(&self, f: &mut Formatter<'_>, indent: usize) -> fmt::Result {
        let pad = " ".repeat(indent);
        for v in &self.inputs {
            writeln!(f, "{pad}input {v}: {}", self.type_of(*v))?;
        }
        for e in &self.equations {
            let types = e.outputs.iter().map(|v| self.type_of(*v).to_string()).collect::<Vec<_>>().join(", ");
            writeln!(f, "{pad}{}: {types} = {}({})", list(&e.outputs), e.op.label(), list(&e.inputs))?;
            for (name, body) in e.op.bodies() {
                writeln!(f, "{pad}  {name}:")?;
                body.write(f, indent + 4)?;
            }
        }
        writeln!(f, "{pad}output {}", list(&self.outputs))
    }
    /// The program as a graph in the DOT language: nodes are equations, edges are values.
    pub fn to_dot(&self) -> Dot {
        let mut s = String::from("digraph program {\n  rankdir=TB; node [shape=box, fontname=monospace];\n");
        let mut maker: Vec<String> = vec![String::new(); self.types.len()];
        for (i, v) in self.inputs.iter().enumerate() {
            maker[v.index()] = format!("in{i}");
            let _ = writeln!(s, "  in{i} [label=\"input {v}: {}\", shape=ellipse];", self.type_of(*v));
        }
        for (i, e) in self.equations.iter().enumerate() {
            let _ = writeln!(s, "  e{i} [label=\"{}\"];", e.op.label().replace('"', "'"));
            for v in &e.inputs {
                let _ = writeln!(s, "  {} -> e{i} [label=\"{}\"];", maker[v.index()], self.type_of(*v));
            }
            for v in &e.outputs {
                maker[v.index()] = format!("e{i}");
            }
        }
        for (i, v) in self.outputs.iter().enumerate() {
            let _ = writeln!(s, "  out{i} [label=\"output {i}\", shape=ellipse]; {} -> out{i};", maker[v.index()]);
        }
        s.push_str("}\n");
        Dot(s)
    }
}

impl<P: Symbol> Display for Program<P> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

/// A graph in the DOT language; print it, and draw it with Graphviz.
#[derive(Debug, Clone)]
pub struct Dot(String);
impl Display for Dot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
