//! A comparison as a table for people, and as comma-separated values.
use super::phases::{Kinds, Phases};
use super::{Comparison, Measured};
use std::fmt::{Display, Formatter};

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
        let width = self.rows.iter().map(|r| r.name.chars().count()).max().unwrap_or(0).max(20);
        let certified = self.rows.iter().any(|r| matches!(&r.outcome, Some(Ok(m)) if m.certified.is_some()));
        write!(f, "{:<width$} {:>10} ", "solver", "error")?;
        if certified {
            write!(f, "{:>10} {:>10} ", "estimate", "bound")?;
        }
        writeln!(f, "{:>10} {:>12} {:>12}  products", "seconds", "planned B", "measured B")?;
        for r in &self.rows {
            let planned = r.planned.total();
            let number = |v: Option<f64>| v.map_or("-".into(), |v| format!("{v:.3e}"));
            let measured = match &r.outcome {
                Some(Ok(m)) => Some(m),
                _ => None,
            };
            write!(f, "{:<width$} {:>10} ", r.name, number(measured.and_then(|m| m.error)))?;
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
        let standings = self.rows.iter().filter_map(|r| match &r.outcome {
            Some(Ok(m)) => m.certified.as_ref().filter(|c| c.bound.is_none()).map(|c| (&r.name, &c.standing)),
            _ => None,
        });
        for (name, standing) in standings {
            writeln!(f, "{name}: {standing}")?;
        }
        Ok(())
    }
}

impl Comparison {
    /// The rows as comma-separated values with a header; what is unknown is empty.
    #[must_use]
    pub fn csv(&self) -> String {
        let quoted = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
        let number = |v: Option<f64>| v.map(|v| format!("{v:e}")).unwrap_or_default();
        let mut out = String::from(
            "solver,error,estimate,bound,standing,seconds,planned_bytes,measured_bytes,products,inner_products,adjoint_products,outer_products,status\n",
        );
        for r in &self.rows {
            let (measured, status) = match &r.outcome {
                None => (None, "not run".into()),
                Some(Err(e)) => (None, e.to_string()),
                Some(Ok(m)) => (Some(m), "run".into()),
            };
            let certified = measured.and_then(|m| m.certified.as_ref());
            let phases = measured.and_then(|m| m.phases.as_ref());
            let cells = [
                quoted(&r.name),
                number(measured.and_then(|m| m.error)),
                number(certified.map(|c| c.estimate)),
                number(certified.and_then(|c| c.bound)),
                certified.map(|c| quoted(&c.standing)).unwrap_or_default(),
                number(measured.map(|m| m.seconds)),
                r.planned.total().to_string(),
                measured.and_then(|m| m.measured).map(|b| b.to_string()).unwrap_or_default(),
                quoted(&measured.map(|m| kinds(&m.counts.by_class())).unwrap_or_default()),
                quoted(&phases.map(|p| kinds(&p.inner)).unwrap_or_default()),
                quoted(&phases.map(|p| kinds(&p.adjoint)).unwrap_or_default()),
                quoted(&phases.map(|p| kinds(&p.outer)).unwrap_or_default()),
                quoted(&status),
            ];
            out += &cells.join(",");
            out.push('\n');
        }
        out
    }
}
