//! The rows of a run, for a store that is not the simulator's: committed there group by group, read back, compared.

use std::panic::{AssertUnwindSafe, catch_unwind};

use stockade_core::row::{AccountRow, Row, Rows};

use super::check::Violation;
use super::trace::Trace;
use super::world::World;

/// What one seed committed.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// The rows of the new account.
    pub(crate) first: Rows,
    /// Every group that was committed after it, in order.
    pub(crate) groups: Vec<Vec<Row>>,
    /// What a desk is made of at the end.
    pub(crate) last: Rows,
}

/// Runs a seed and keeps what it commits.
pub(crate) fn record(seed: u64, steps: u64) -> Result<Recorded, Violation> {
    let mut world = World::new(seed, Trace::new(false))?;
    let first = world.tables.load(AccountRow::remembers_since).map_err(super::check::broken)?;
    world.recording = Some(Vec::new());
    catch_unwind(AssertUnwindSafe(|| world.run(steps)))
        .map_err(|panic| Violation::new("panic", super::words(panic.as_ref())))??;
    let groups = world.recording.take().unwrap_or_default();
    let last = world.tables.load(AccountRow::remembers_since).map_err(super::check::broken)?;
    Ok(Recorded { first, groups, last })
}

/// Hands every group to `commit`, in order.
///
/// # Errors
/// The first that `commit` gives.
pub(crate) fn replay<E>(
    recorded: Recorded,
    mut commit: impl FnMut(Vec<Row>) -> Result<(), E>,
) -> Result<Rows, E> {
    for group in recorded.groups {
        commit(group)?;
    }
    Ok(recorded.last)
}

/// The parts in which rows from elsewhere differ from `expected`. Order within a part has no meaning.
pub(crate) fn differences(expected: &Rows, found: &Rows) -> Vec<String> {
    fn part<T: Clone + PartialEq + std::fmt::Debug>(
        name: &str,
        expected: &[T],
        found: &[T],
        key: impl Fn(&T) -> String,
    ) -> Vec<String> {
        let sorted = |rows: &[T]| {
            let mut rows = rows.to_vec();
            rows.sort_by_key(&key);
            rows
        };
        let (expected, found) = (sorted(expected), sorted(found));
        let mut lines = Vec::new();
        if expected.len() != found.len() {
            lines.push(format!("{name}: {} rows expected, {} found", expected.len(), found.len()));
        }
        let pairs = expected.iter().zip(&found).filter(|(one, other)| one != other);
        lines
            .extend(pairs.map(|(one, other)| format!("{name}: {one:?} expected, {other:?} found")));
        lines
    }
    let mut lines = part(
        "account",
        std::slice::from_ref(&expected.account),
        std::slice::from_ref(&found.account),
        |_| String::new(),
    );
    lines.extend(part("instruments", &expected.instruments, &found.instruments, |row| {
        row.symbol.to_string()
    }));
    lines.extend(part("sleeves", &expected.sleeves, &found.sleeves, |row| row.id.to_string()));
    lines.extend(part("positions", &expected.positions, &found.positions, |row| {
        format!("{} {}", row.sleeve, row.symbol)
    }));
    lines.extend(part("lots", &expected.lots, &found.lots, |row| row.id.to_string()));
    lines.extend(part("orders", &expected.orders, &found.orders, |row| row.id.to_string()));
    lines.extend(part("executions", &expected.executions, &found.executions, |row| {
        row.execution_id.clone()
    }));
    lines.extend(part("marks", &expected.marks, &found.marks, |row| row.symbol.to_string()));
    lines.extend(part("breaks", &expected.breaks, &found.breaks, |row| row.id.to_string()));
    lines.extend(part("bots", &expected.bots, &found.bots, |row| row.sleeve.to_string()));
    lines
}
