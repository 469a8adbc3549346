//! Seeds pass; the same seed repeats; the rows of a run can be replayed elsewhere.

use super::*;

#[test]
fn hundred_seeds_pass() {
    let report = run(1, 100, 2_000, |failure| eprintln!("{failure:?}"));
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert!(report.counters.crashes > 100 && report.counters.unknowns > 100, "{:?}", report.counters);
}
