//! A thousand random programs, after those that failed once.
use hypertape_generator::check::Class;
use hypertape_generator::draw::Sizes;
use hypertape_generator::many::{Case, known, run};

#[test]
fn a_thousand_programs_are_as_the_reference_has_them() {
    let mut cases: Vec<Case> = known().into_iter().map(|(case, _)| case).collect();
    cases.extend((0..1000).map(|case| (1, case)));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let summary = run(&cases, Sizes::All, threads, &|| ());
    let mut faults = String::new();
    for ((seed, case), flags) in &summary.faults {
        for f in flags.iter().filter(|f| f.class == Class::Fault) {
            faults += &format!("seed {seed}, case {case}: {}: {}\n", f.what, f.text);
        }
        faults += &format!("    cargo run --release -p hypertape-generator -- --seed {seed} --first {case} --cases 1\n");
    }
    assert!(summary.faults.is_empty(), "{faults}{summary}");
}
