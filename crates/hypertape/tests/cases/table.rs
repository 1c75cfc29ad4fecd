//! The table of all cells: a row for each case, printed when the last case has run.
use crate::adjoint::Adjoint;
use crate::check::Found;
use crate::reference::Nature;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// How a cell has ended, for the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mark {
    Right(f64),
    Refused,
    SaysSo,
    Wrong,
}

impl From<Found> for Mark {
    fn from(found: Found) -> Mark {
        match found {
            Found::Right(error) => Mark::Right(error),
            Found::Refused(..) => Mark::Refused,
            Found::SaysSo => Mark::SaysSo,
            Found::Wrong(_) => Mark::Wrong,
        }
    }
}

impl Mark {
    fn text(self) -> String {
        match self {
            Mark::Right(0.0) => "0".into(),
            Mark::Right(error) => format!("{error:.0e}"),
            Mark::Refused => "×".into(),
            Mark::SaysSo => "~".into(),
            Mark::Wrong => "WRONG".into(),
        }
    }
}

/// Certificates that were asked for and those that give a bound.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Certified {
    pub(crate) asked: usize,
    pub(crate) given: usize,
}

/// The cells of one case.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    nature: Nature,
    marks: Vec<(Adjoint, [Mark; 2])>,
    single: Vec<Mark>,
    certified: Certified,
    unrolled: Option<f64>,
}

static ROWS: Mutex<Vec<Row>> = Mutex::new(vec![]);

impl Row {
    pub(crate) fn new(name: &str, nature: &Nature) -> Row {
        Row { name: name.into(), nature: *nature, marks: vec![], single: vec![], certified: Certified::default(), unrolled: None }
    }
    pub(crate) fn adjoint(&mut self, adjoint: Adjoint, marks: [Mark; 2]) {
        self.marks.push((adjoint, marks));
    }
    pub(crate) fn single(&mut self, marks: [Mark; 2]) {
        self.single.extend(marks);
    }
    pub(crate) fn certificate(&mut self, certified: Certified) {
        self.certified = certified;
    }
    pub(crate) fn unrolled(&mut self, error: Option<f64>) {
        self.unrolled = error;
    }
    /// The row is complete; the last of all prints the table.
    pub(crate) fn finish(self) {
        let mut rows = ROWS.lock().unwrap_or_else(PoisonError::into_inner);
        rows.push(self);
        if rows.len() == crate::NAMES.len() {
            rows.sort_by_key(|row| crate::NAMES.iter().position(|name| *name == row.name));
            println!("{}", whole(&rows));
        }
    }
    fn cells(&self) -> impl Iterator<Item = Mark> + '_ {
        self.marks.iter().flat_map(|(_, marks)| *marks).chain(self.single.iter().copied())
    }
    fn line(&self) -> String {
        let Nature { n, flat, .. } = self.nature;
        let flat = if flat > 0 { format!(", {flat} flat") } else { String::new() };
        let mut line = format!("| {} | {n}{flat} | {:.0e} |", self.name, self.nature.condition());
        for (_, [reverse, forward]) in &self.marks {
            let both = match (reverse, forward) {
                (Mark::Right(a), Mark::Right(b)) => Mark::Right(a.max(*b)).text(),
                (a, b) if a == b => a.text(),
                (a, b) => format!("{}/{}", a.text(), b.text()),
            };
            let _ = write!(line, " {both} |");
        }
        let unrolled = self.unrolled.map_or("–".into(), |e| Mark::Right(e).text());
        let _ = write!(line, " {}/{} | {unrolled} |", self.certified.given, self.certified.asked);
        line
    }
}

fn whole(rows: &[Row]) -> String {
    let names: Vec<String> = Adjoint::ALL.iter().map(|a| format!("{a:?}")).collect();
    let mut text = String::from(
        "A number: right in both modes, to that error relative to the solution of the linear system. ×: refused. ~: says that it is not right. ",
    );
    text += "a/b: reverse and forward mode. Bounds: certificates with a bound, of those asked for. –: the method does not reach the solution by its own steps. ";
    text += "How near `right` is, and what is expected of a solver, follows from rounding, its tolerance and the condition number: crates/hypertape/tests/cases/rule.rs.\n\n";
    let _ = writeln!(text, "| case | n | condition | {} | bounds | unrolled |", names.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(names.len() + 5));
    rows.iter().for_each(|row| text += &(row.line() + "\n"));
    let count = |is: fn(Mark) -> bool| rows.iter().flat_map(Row::cells).filter(|m| is(*m)).count();
    let (right, refused) = (count(|m| matches!(m, Mark::Right(_))), count(|m| m == Mark::Refused));
    let (says, wrong) = (count(|m| m == Mark::SaysSo), count(|m| m == Mark::Wrong));
    let certified = rows
        .iter()
        .map(|row| row.certified)
        .fold(Certified::default(), |a, b| Certified { asked: a.asked + b.asked, given: a.given + b.given });
    let unrolled = rows.iter().filter(|row| row.unrolled.is_some()).count();
    let _ = writeln!(
        text,
        "\n{} cases, {} cells: {right} right, {refused} refused, {says} say so, {wrong} wrong.",
        rows.len(),
        right + refused + says + wrong
    );
    let _ = writeln!(
        text,
        "{} certificates, {} with a bound; a bound below the true error fails its case. {unrolled} cases unrolled.",
        certified.asked, certified.given
    );
    text
}
