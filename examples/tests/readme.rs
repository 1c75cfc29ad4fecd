//! The table in README.md is what the main job prints.
use hypertape::prelude::*;
use hypertape_examples::digits::Digits;
use hypertape_examples::hypergradients::{exact, measured, ways};
use hypertape_examples::softmax_regression::SoftmaxRegression;
use hypertape_testkit::allocations::Counting;

#[global_allocator]
static MEMORY: Counting = Counting::new();

const STEPS: usize = 1000;

/// The rows of the table after 1000 steps: name, error, planned and measured bytes.
fn stated() -> Vec<(String, String, u64, u64)> {
    let number = |s: &str| s.chars().filter(char::is_ascii_digit).collect::<String>().parse().expect("bytes are a number");
    let rows = include_str!("../../README.md").lines().filter(|l| l.starts_with("| unrolled,") || l.starts_with("| implicit,"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].replace(&STEPS.to_string(), "K"), cells[1].to_string(), number(cells[3]), number(cells[4]))
    })
    .collect()
}

#[test]
fn the_table_in_the_readme_is_what_the_command_prints() -> Result<(), Box<dyn std::error::Error>> {
    let problem = SoftmaxRegression::new(Digits::load()?)?;
    let (exact, ways) = (exact(&problem)?, ways(&problem, STEPS));
    let stated = stated();
    assert_eq!(stated.len(), 5, "rows of the table");
    let mut wrong = vec![];
    for (name, error, planned, bytes) in stated {
        let (_, way) = ways.iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("no way is called {name}"));
        let row = measured(&problem, &**way, &exact, &MEMORY, u64::MAX, 1)?;
        let found = row.outcome.ok_or("no limit is set")??;
        let (found_error, found_planned, found_bytes) = (found.error.unwrap_or(f64::NAN), row.planned.total(), found.measured.unwrap_or(0));
        // What is measured depends on the machine by what threads hold.
        let near = found_bytes.abs_diff(bytes) <= bytes / 20;
        if format!("{found_error:.1e}") != error || found_planned != planned || !near {
            wrong.push(format!("{name}: error {found_error:.1e}, planned {found_planned}, measured {found_bytes}"));
        }
    }
    assert!(wrong.is_empty(), "README.md says otherwise than the command:\n{}", wrong.join("\n"));
    Ok(())
}
