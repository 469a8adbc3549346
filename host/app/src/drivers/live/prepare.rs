//! What an instance needs for its start: its last state, and the bars since.

use super::bots::MINUTE_NS;
use anyhow::{Context, Result};
use stockade_core::broker::Answer;
use stockade_core::row::BotRow;
use stockade_core::{Slug, Timestamp};
use stockade_runtime::{Plugin, Snapshot};
use stockade_store::Store;
use stockade_venue::alpaca::{Alpaca, HistoryRequest};

/// Bars of history read for one bot at its start.
const HISTORY_BARS_MAX: usize = 200_000;
/// A day.
const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// What was read for a start.
pub(crate) struct Prepared {
    /// The last bar that the state has seen.
    pub(super) cursor: Option<Timestamp>,
    pub(super) state: Option<Snapshot>,
    /// From when on no bar is missing.
    pub(super) from: Timestamp,
    /// Bars since the state, or enough for the warm-up. All of them are complete.
    pub(super) bars: Vec<stockade_venue::alpaca::SymbolBar>,
}

/// Reads a bot's last state and the bars since it; without a state, the bars of its warm-up. Every
/// bar that has ended by now is among them; the broker's clock tells which have. `length` is that of the
/// bars that it describes, which are built of them.
pub(super) async fn prepare(
    store: &Store,
    alpaca: &Alpaca,
    label: &Slug,
    (row, plugin): (&BotRow, &Plugin),
    length: Option<i64>,
) -> Result<Prepared> {
    let snapshot = store.snapshot_load(label.as_str(), row.sleeve).await?;
    let warm_up = i64::from(plugin.description().warm_up_bars);
    let cursor = snapshot.as_ref().map(|snapshot| snapshot.at);
    if snapshot.is_none() && warm_up == 0 && length.is_none() {
        return Ok(Prepared { state: None, cursor, from: Timestamp::default(), bars: Vec::new() });
    }
    let now = match alpaca.clock().await {
        Answer::Done { value } => value.at,
        other => anyhow::bail!("the broker's clock can't be read: {other:?}"),
    };
    let from = match (&snapshot, length) {
        (Some(snapshot), None) => snapshot.at.plus(1),
        // The bars that were under way then are built from their beginning.
        (Some(snapshot), Some(length)) => snapshot.at.plus(-length.saturating_add(DAY_NS)),
        (None, Some(length)) if warm_up == 0 => now.plus(-length),
        (None, length) => {
            let length = length.unwrap_or(MINUTE_NS);
            // Nights and weekends have no bars: a calendar week holds at least three sessions.
            let sparse = if length < DAY_NS { 6 } else { 2 };
            now.plus(
                -warm_up.saturating_mul(length).saturating_mul(sparse).saturating_add(7 * DAY_NS),
            )
        }
    };
    let to = now.plus(-MINUTE_NS);
    let request = HistoryRequest {
        symbols: row.symbols.clone(),
        timeframe: "1Min".to_owned(),
        from,
        to,
        bars_max: HISTORY_BARS_MAX,
    };
    // A state as new as the market has nothing to catch up with.
    let bars = if from > to {
        Vec::new()
    } else {
        match alpaca.history_bars(&request).await {
            Answer::Done { value } => value,
            other => anyhow::bail!("the bars since its last state can't be read: {other:?}"),
        }
    };
    let state = snapshot.map(|snapshot| Snapshot::from_bytes(&snapshot.bytes)).transpose();
    Ok(Prepared { state: state.context("its last state")?, cursor, from, bars })
}
