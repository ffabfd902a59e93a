//! Random expressions over random series have the values that Prometheus' documentation wants, by an evaluator that is as plain
//! as can be: one expression, one time, a recursion over a tree of its own, plain loops over vectors of samples. Of the product
//! it asks nothing besides what says that a sample is a stale marker.
//!
//! Start at: [`case::Case::random`], [`evaluate::answer`] and [`compare::check`].

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests end at the first fault and print their totals"
)]

mod aggregate;
mod binary;
mod buckets;
mod calls;
mod case;
mod compare;
mod data;
mod dates;
mod evaluate;
mod grammar;
mod labels;
mod math;
mod native;
mod number;
mod over_time;
mod print;
mod rates;
mod select;
mod tree;

use std::cell::RefCell;
use std::collections::BTreeMap;

use case::Cases;
use compare::{Seen, check};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

/// Says how many expressions to try; the default takes some seconds of a debug build.
const EXPRESSIONS: &str = "WATCHKEEPER_NAIVE_EXPRESSIONS";
const EXPRESSIONS_DEFAULT: u32 = 2_000;
/// Says from which seed.
const SEED: &str = "WATCHKEEPER_NAIVE_SEED";

/// A whole number from the environment.
fn asked(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn random_expressions_have_the_values_of_the_naive_evaluator() {
    let seed = asked(SEED, 1);
    let config = Config {
        cases: asked(EXPRESSIONS, EXPRESSIONS_DEFAULT),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(u64::from(seed)),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let counts: RefCell<BTreeMap<String, u32>> = RefCell::default();
    let outcome = TestRunner::new(config).run(&Cases, |case| {
        let seen = check(&case).map_err(TestCaseError::fail)?;
        *counts.borrow_mut().entry(format!("{seen:?}")).or_default() += 1;
        Ok(())
    });
    let counts = counts.into_inner();
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!("seed {seed}: {reason}\n{case:?}"),
        Err(TestError::Abort(reason)) => panic!("seed {seed}: {reason}"),
    }
    println!("seed {seed}: {counts:?}");
    let of = |seen: Seen| counts.get(&format!("{seen:?}")).copied().unwrap_or(0);
    let all = counts.values().sum::<u32>();
    // A test that decides nothing cannot fail.
    assert!(of(Seen::Values) * 2 >= all, "most expressions have values");
    assert!(of(Seen::Error) * 100 >= all, "some expressions are errors");
    assert!(of(Seen::Undecided) * 10 <= all, "few expressions are left open");
}
