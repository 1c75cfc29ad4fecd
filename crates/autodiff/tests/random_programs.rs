//! Random programs, straight and with loops and branches: every derivative, planned and by the reference.
#[path = "support/generate.rs"]
mod generate;
mod support;

use generate::{Recipe, program, recipes};
use hypertape_autodiff::array::Kind;
use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use support::derivatives::{Check, check};
use support::{array, index, uniform};

thread_local! {
    /// While proptest looks for the smallest failing recipe, the panics on the way there are not shown.
    static SEARCHING: Cell<bool> = const { Cell::new(false) };
}

/// Runs a test on as many recipes, always the same ones, and first on those that once failed.
fn on_recipes(cases: u32, seed: u8, test: impl Fn(&Recipe)) {
    let failures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/random_programs.regressions");
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(failures))),
        max_shrink_iters: 400,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |info| {
            if !SEARCHING.get() {
                loud(info)
            }
        }));
    });
    let run = |recipe: Recipe| {
        catch_unwind(AssertUnwindSafe(|| test(&recipe))).map_err(|cause| {
            let text = cause.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic without words".into());
            TestCaseError::fail(text)
        })
    };
    SEARCHING.set(true);
    let outcome = runner.run(&recipes(), run);
    SEARCHING.set(false);
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn derivatives_in_double_precision() {
    on_recipes(96, 1, |recipe| {
        let (p, at) = program(recipe, Kind::F64);
        check(&p, &at, Check { growth: 1e4, roughness: 1e7, ..Check::default() });
    });
}

#[test]
fn derivatives_in_single_precision() {
    on_recipes(32, 2, |recipe| {
        let (p, at) = program(recipe, Kind::F32);
        check(&p, &at, Check { growth: 1e2, eps: f64::from(f32::EPSILON), ..Check::default() });
    });
}

#[test]
fn recipes_reach_every_operation() {
    let seen = RefCell::new(BTreeMap::new());
    on_recipes(128, 3, |recipe| {
        let (p, _) = program(recipe, Kind::F64);
        let listing = p.to_string();
        for name in listing.lines().filter_map(|l| l.split(" = ").nth(1)).filter_map(|l| l.split(['(', '[']).next()) {
            *seen.borrow_mut().entry(name.to_string()).or_insert(0) += 1;
        }
    });
    let seen = seen.into_inner();
    for name in ["scan", "cond", "contract", "take", "scatter_add", "prod", "max", "cumulative_sum", "place", "slice", "permute", "select"]
    {
        assert!(seen.get(name).is_some_and(|n| *n >= 10), "{name} in {seen:?}");
    }
}
