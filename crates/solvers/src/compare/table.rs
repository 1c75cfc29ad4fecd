//! A comparison as a table for people, and as comma-separated values.
use super::labels::{labels, printable};
use super::phases::{Kinds, Phases};
use super::{Comparison, Measured};
use hypertape_autodiff::operation::Class;
use std::fmt::{Display, Formatter};

/// The kinds of products, each with a column of its own.
const CLASSES: [Class; 6] = [Class::Zero, Class::Dot, Class::MatVec, Class::VecMat, Class::Outer, Class::Gemm];

/// Products by kind, as a person reads them: `gemm 40 · dot 3`.
fn kinds(counts: &Kinds) -> String {
    let words: Vec<String> = counts.iter().map(|(class, times)| format!("{class} {times}")).collect();
    words.join(" · ")
}

/// All products, and those of each phase where they are known.
fn products(m: &Measured) -> String {
    let all = kinds(&m.counts.by_class());
    let Some(Phases { inner, adjoint, outer }) = &m.phases else { return all };
    let phases = [("inner", inner), ("adjoint", adjoint), ("outer", outer)];
    let words: Vec<String> = phases.iter().filter(|p| !p.1.is_empty()).map(|(name, k)| format!("{name} {}", kinds(k))).collect();
    if words.is_empty() { all } else { format!("{all} ({})", words.join("; ")) }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let names = labels(&self.rows);
        let width = names.iter().map(|n| n.chars().count()).max().unwrap_or(0).max(20);
        let certified = self.rows.iter().any(|r| matches!(&r.outcome, Some(Ok(m)) if m.certified.is_some()));
        write!(f, "{:<width$} {:>10} ", "solver", "error")?;
        if certified {
            write!(f, "{:>10} {:>10} ", "estimate", "bound")?;
        }
        writeln!(f, "{:>10} {:>12} {:>12}  products", "seconds", "planned B", "measured B")?;
        for (r, name) in self.rows.iter().zip(&names) {
            let planned = r.planned.total();
            let number = |v: Option<f64>| v.map_or("-".into(), |v| format!("{v:.3e}"));
            let measured = match &r.outcome {
                Some(Ok(m)) => Some(m),
                _ => None,
            };
            write!(f, "{name:<width$} {:>10} ", number(measured.and_then(|m| m.error)))?;
            if certified {
                let c = measured.and_then(|m| m.certified.as_ref());
                write!(f, "{:>10} {:>10} ", number(c.map(|c| c.estimate)), number(c.and_then(|c| c.bound)))?;
            }
            match &r.outcome {
                None => writeln!(f, "{:>10} {planned:>12} {:>12}", "-", "not run")?,
                Some(Err(e)) => writeln!(f, "{:>10} {planned:>12} {:>12}  {e}", "-", "failed")?,
                Some(Ok(m)) => {
                    let bytes = m.measured.map_or("-".into(), |b| b.to_string());
                    writeln!(f, "{:>10.4} {planned:>12} {bytes:>12}  {}", m.seconds, products(m))?;
                }
            }
        }
        let standings = self.rows.iter().zip(&names).filter_map(|(r, name)| match &r.outcome {
            Some(Ok(m)) => m.certified.as_ref().filter(|c| c.bound.is_none()).map(|c| (name, &c.standing)),
            _ => None,
        });
        for (name, standing) in standings {
            writeln!(f, "{name}: {standing}")?;
        }
        Ok(())
    }
}

impl Comparison {
    /// The rows as comma-separated values with a header; what is unknown is empty. Each kind of product has a column, of all and of each phase: `all_gemm`, `inner_gemm`, and so on. Rows
    /// of one name are numbered, and control characters in texts are spaces, so that a row is a line.
    #[must_use]
    pub fn csv(&self) -> String {
        let quoted = |s: &str| format!("\"{}\"", printable(s).replace('"', "\"\""));
        let number = |v: Option<f64>| v.map(|v| format!("{v:e}")).unwrap_or_default();
        let mut out = String::from("solver,error,estimate,bound,standing,seconds,planned_bytes,measured_bytes");
        for of in ["all", "inner", "adjoint", "outer"] {
            CLASSES.iter().for_each(|class| out += &format!(",{of}_{class}"));
        }
        out += ",status\n";
        for (r, name) in self.rows.iter().zip(labels(&self.rows)) {
            let (measured, status) = match &r.outcome {
                None => (None, "not run".into()),
                Some(Err(e)) => (None, e.to_string()),
                Some(Ok(m)) => (Some(m), "run".into()),
            };
            let certified = measured.and_then(|m| m.certified.as_ref());
            let phases = measured.and_then(|m| m.phases.as_ref());
            let mut cells = vec![
                quoted(&name),
                number(measured.and_then(|m| m.error)),
                number(certified.map(|c| c.estimate)),
                number(certified.and_then(|c| c.bound)),
                certified.map(|c| quoted(&c.standing)).unwrap_or_default(),
                number(measured.map(|m| m.seconds)),
                r.planned.total().to_string(),
                measured.and_then(|m| m.measured).map(|b| b.to_string()).unwrap_or_default(),
            ];
            let all = measured.map(|m| m.counts.by_class());
            for kinds in [all.as_ref(), phases.map(|p| &p.inner), phases.map(|p| &p.adjoint), phases.map(|p| &p.outer)] {
                let times = |class: Class| kinds.map(|k| k.iter().filter(|k| k.0 == class).map(|k| k.1).sum::<u64>());
                cells.extend(CLASSES.iter().map(|class| times(*class).map(|t| t.to_string()).unwrap_or_default()));
            }
            cells.push(quoted(&status));
            out += &cells.join(",");
            out.push('\n');
        }
        out
    }
}
