//! The simulator: the desk, its tables, a broker and everybody who acts, in one thread with a virtual clock.
//!
//! One seed is one run, repeated exactly. Each run has a subset of the faults of RELIABILITY section 1 with rates
//! of its own; after every input the invariants of section 2 are checked against the broker's own journal. At the end
//! the faults stop, and within ten minutes of virtual time everything has to be resolved.
//! The broker is `stockade-exchange`, which shares no code with the desk.
//! It doesn't simulate wasm, Postgres, the lease of two hosts, or an account that is traded while it is first seen.

mod actors;
mod bots;
mod broker;
mod check;
mod faults;
mod network;
mod random;
#[cfg(test)]
mod replay;
mod report;
mod tables;
mod trace;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use check::Violation;
use trace::Trace;
use world::World;

#[cfg(test)]
pub(crate) use replay::{differences, record, replay};
pub(crate) use report::{Counters, Failure, Outcome, Report};

/// Failing seeds that are reported; the run ends with the last of them.
const FAILURES_MAX: usize = 10;
/// One seed in so many is run twice, to see that it repeats.
const REPEATED_ONE_IN: u64 = 25;

/// Runs `seeds` seeds from `first` on; `told` hears of each failing one at once.
pub(crate) fn run(first: u64, seeds: u64, steps: u64, mut told: impl FnMut(&Failure)) -> Report {
    let mut report = Report::default();
    for seed in first..first.saturating_add(seeds) {
        let mut outcome = run_seed(seed, steps, false);
        if seed.is_multiple_of(REPEATED_ONE_IN) && outcome.failure.is_none() {
            let again = run_seed(seed, steps, false);
            if again.hash != outcome.hash {
                let what = format!(
                    "trace hashes {:016x} and {:016x} of the same seed",
                    outcome.hash, again.hash
                );
                outcome.failure =
                    Some(failure(seed, steps, outcome.steps, Violation::new("I31", what)));
            }
        }
        report.seeds += 1;
        report.steps += outcome.steps;
        report.counters.add(&outcome.counters);
        match outcome.failure {
            None => report.passed += 1,
            Some(failure) => {
                told(&failure);
                report.failures.push(failure);
            }
        }
        if report.failures.len() >= FAILURES_MAX {
            break;
        }
    }
    report
}

/// Runs one seed; `printed` prints its trace to standard error.
pub(crate) fn run_seed(seed: u64, steps: u64, printed: bool) -> Outcome {
    match World::new(seed, Trace::new(printed)) {
        Ok(mut world) => run_world(&mut world, seed, steps),
        Err(violation) => Outcome {
            counters: Counters::default(),
            steps: 0,
            hash: 0,
            failure: Some(failure(seed, steps, 0, violation)),
        },
    }
}

/// Runs seeds with a mistake in the core until one is found; gives the seed that found it.
#[cfg(all(test, feature = "seeded-bugs"))]
pub(crate) fn hunt(
    bug: stockade_core::bug::Bug,
    first: u64,
    seeds: u64,
    steps: u64,
) -> Option<Failure> {
    stockade_core::bug::set(Some(bug));
    let found =
        (first..first.saturating_add(seeds)).find_map(|seed| run_seed(seed, steps, false).failure);
    stockade_core::bug::set(None);
    found.map(|failure| Failure {
        repeat: format!("{} --bug {}", failure.repeat, bug.as_str()),
        ..failure
    })
}

fn run_world(world: &mut World, seed: u64, steps: u64) -> Outcome {
    let done = catch_unwind(AssertUnwindSafe(|| world.run(steps)));
    let violation = match done {
        Ok(checked) => checked.err(),
        Err(panic) => Some(Violation::new("panic", words(panic.as_ref()))),
    };
    Outcome {
        counters: world.counters,
        steps: world.steps,
        hash: world.trace.hash(),
        failure: violation.map(|violation| failure(seed, steps, world.steps, violation)),
    }
}

fn failure(seed: u64, steps: u64, step: u64, violation: Violation) -> Failure {
    Failure {
        seed,
        step,
        invariant: violation.invariant.to_owned(),
        what: violation.what,
        repeat: format!("stockade sim --seed {seed} --steps {steps}"),
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a word".to_owned())
}

#[cfg(test)]
mod tests;
