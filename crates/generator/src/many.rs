//! Runs many cases on all threads, and adds up what was found.
use crate::check::{Class, Flag, check};
use crate::draw::{self, Sizes};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Mutex;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the cases of a run came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many cases ran.
    pub cases: usize,
    /// How many had no flag.
    pub clean: usize,
    /// By class and comparison: how many flags, and the first case with one.
    pub flags: BTreeMap<(Class, String), (usize, Case)>,
    /// Cases with a fault.
    pub faults: Vec<(Case, Vec<Flag>)>,
}

/// A seed and a number.
pub type Case = (u64, u64);

/// Panics of the engine are flags, not text on the terminal.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_hook(Box::new(|_| {})));
}

/// The cases that failed once, and why.
pub fn known() -> Vec<(Case, String)> {
    let of = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let mut number = || words.next().and_then(|w| w.parse().ok()).expect("a line begins with a seed and a case");
        let case = (number(), number());
        (case, words.next().unwrap_or_default().to_string())
    };
    include_str!("../failing-seeds.txt").lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(of).collect()
}

/// Draws and checks one case.
pub fn one((seed, case): Case, sizes: Sizes) -> Vec<Flag> {
    let checked = catch_unwind(AssertUnwindSafe(|| check(&draw::program(seed, case, sizes))));
    checked.unwrap_or_else(|cause| {
        let words = cause.downcast_ref::<String>().cloned().or_else(|| cause.downcast_ref::<&str>().map(|s| (*s).to_string()));
        vec![Flag { what: "the generator".into(), class: Class::Fault, text: words.unwrap_or_default() }]
    })
}

/// Checks cases; `done` is told after each.
pub fn run(cases: &[Case], sizes: Sizes, threads: usize, done: &(dyn Fn() + Sync)) -> Summary {
    quiet();
    let next = AtomicUsize::new(0);
    let summary = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let flags = one(*case, sizes);
                    summary.lock().expect("no thread panics while it adds").add(*case, flags);
                    done();
                }
            });
        }
    });
    let mut summary = summary.into_inner().expect("no thread panics while it adds");
    summary.faults.sort_by_key(|f| f.0);
    summary
}

impl Summary {
    fn add(&mut self, case: Case, flags: Vec<Flag>) {
        self.cases += 1;
        self.clean += usize::from(flags.is_empty());
        for f in &flags {
            let entry = self.flags.entry((f.class, f.what.clone())).or_insert((0, case));
            entry.0 += 1;
            entry.1 = entry.1.min(case);
        }
        if flags.iter().any(|f| f.class == Class::Fault) {
            self.faults.push((case, flags));
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} cases, {} without a flag, {} with a fault", self.cases, self.clean, self.faults.len())?;
        writeln!(f, "{:<10} {:<26} {:>8}  first (seed, case)", "class", "comparison", "flags")?;
        for ((class, what), (count, case)) in &self.flags {
            writeln!(f, "{:<10} {:<26} {count:>8}  {case:?}", format!("{class:?}"), what)?;
        }
        let classes: BTreeSet<Class> = self.flags.keys().map(|k| k.0).collect();
        for class in classes {
            writeln!(f, "{class:?}: {}", class.words())?;
        }
        Ok(())
    }
}
