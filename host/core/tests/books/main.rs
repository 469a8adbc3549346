//! The core's lots and postings against the model beside it: the same random fills through both, compared after each.
//!
//! Fills go in as a person's import does, through `step`; what is compared are the rows that come out, which are all that a database would keep: lots, round trips, entries, the position, the sleeve.
//! A failure prints a seed; `STOCKADE_BOOKS_SEED=N cargo test -p stockade-core --test books` runs that one alone.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod market;
mod model;
mod through_step;

use model::Method;
use through_step::Run;

/// Fills of one book: long enough for deep stacks of lots, short enough that exact fractions of a pool stay small.
const FILLS_PER_BOOK: usize = 400;

/// Runs books of one method until `fills` are booked.
fn compare(method: Method, first_seed: u64, fills: usize) {
    #[expect(clippy::disallowed_methods, reason = "a test may be told which seed to repeat")]
    let one = std::env::var("STOCKADE_BOOKS_SEED");
    if let Ok(seed) = one {
        Run::new(method, seed.parse().unwrap()).all(FILLS_PER_BOOK);
        return;
    }
    let (mut booked, mut widest, mut seed) = (0, 0, first_seed);
    while booked < fills {
        let told = Run::new(method, seed).all(FILLS_PER_BOOK);
        booked += told.fills;
        widest = widest.max(told.widest);
        seed += 1;
    }
    println!(
        "{method:?}: {booked} fills in {} books, widest difference {}",
        seed - first_seed,
        through_step::dollars(widest)
    );
}

#[test]
fn oldest_first_agrees_with_the_model() {
    compare(Method::Fifo, 1_000_000, 250_000);
}

#[test]
fn newest_first_agrees_with_the_model() {
    compare(Method::Lifo, 2_000_000, 250_000);
}

#[test]
fn highest_first_agrees_with_the_model() {
    compare(Method::Hifo, 3_000_000, 250_000);
}

#[test]
fn the_average_agrees_with_the_model() {
    compare(Method::Average, 4_000_000, 250_000);
}
