//! The core's lots and postings against the model beside it: the same random fills through both, compared after each.
//!
//! Fills go in as a person's import does, through `step`; what is compared are the rows that come out, which are all that a database would keep: lots, round trips, entries, the position, the sleeve.
//! A failure prints a seed; `STOCKADE_BOOKS_SEED=N cargo test -p stockade-core --test books` runs that one alone.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod by_holding;
mod market;
mod model;
mod through_step;

use model::Method;
use through_step::Run;

/// Fills of one book: long enough for deep stacks of lots, short enough that exact fractions of a pool stay small.
const FILLS_PER_BOOK: usize = 400;

const METHODS: [Method; 4] = [Method::Fifo, Method::Lifo, Method::Hifo, Method::Average];

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

#[test]
fn named_lots_coin_fees_arrivals_and_fractions_agree_with_the_model() {
    for (index, method) in METHODS.into_iter().enumerate() {
        let first = 5_000_000 + 1_000_000 * u64::try_from(index).unwrap();
        let (mut fills, mut named) = (0, 0);
        for seed in first..first + 60 {
            let pair = by_holding::Pair::new(method, seed).run(200);
            fills += pair.fills;
            named += pair.named;
        }
        println!("{method:?}: {fills} fills, {named} of them name a lot");
        assert!(fills > 9_000 && named > 1_000);
    }
}

/// The comparison would find a wrong order: a model of another method disagrees soon.
#[test]
fn a_wrong_order_is_found() {
    for (core, model) in [
        (Method::Fifo, Method::Lifo),
        (Method::Lifo, Method::Fifo),
        (Method::Hifo, Method::Fifo),
        (Method::Average, Method::Fifo),
    ] {
        let found = (1..=5).all(|seed| {
            let run = move || Run::with(core, model, seed).all(FILLS_PER_BOOK);
            std::panic::catch_unwind(run).is_err()
        });
        assert!(found, "{core:?} passes for {model:?}");
    }
}
