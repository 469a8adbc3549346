//! Where the figures' series come from: a file, or the books of a sleeve.

use std::path::Path;

use stockade_core::Slug;
use stockade_stats::{Options, Valuation, value};
use stockade_store::query::{
    Attribution, EquityPeriod, ExecutionQuality, attribution, equity_periods, execution_quality,
    is_shadow, round_trip_nets, sleeve_show, trades_crypto,
};
use stockade_venue::files::{EquityRow, FileError, read_equity};

use super::history::{self, Kept};
use crate::cli::context::{Context, failed, not_found};
use crate::cli::screen;
use crate::failure::Failure;

/// What is reckoned with.
pub(super) struct Data {
    pub(super) valuations: Vec<Valuation>,
    pub(super) round_trips: Vec<f64>,
    /// Periods a year, unless somebody says otherwise.
    pub(super) periods: f64,
    /// Whose books they are; a file has none.
    pub(super) account: Option<String>,
    pub(super) attribution: Option<Attribution>,
    pub(super) execution_quality: Option<ExecutionQuality>,
    /// What a session's close kept, where that is all that is asked for.
    pub(super) kept: Option<Kept>,
}

/// A file that was not taken.
pub(super) fn wrong_file(error: FileError) -> Failure {
    Failure::Usage(Failure::from(anyhow::Error::new(error)).to_string())
}

/// What a file gives: each row ends a period, and no capital moves.
pub(super) fn of_file(file: &Path) -> Result<Data, Failure> {
    let rows = read_equity(file).map_err(wrong_file)?;
    let valuation = |row: &EquityRow| {
        Some(Valuation { at: row.at, equity: value(row.equity)?, flow: 0.0, closes_period: true })
    };
    Ok(Data {
        valuations: rows.iter().filter_map(valuation).collect(),
        round_trips: Vec::new(),
        periods: Options::PERIODS_EQUITY,
        account: None,
        attribution: None,
        execution_quality: None,
        kept: None,
    })
}

/// What the books of a sleeve give; where `plain` figures are asked for, those that a session's
/// close kept, if nothing came since.
pub(super) async fn of_sleeve(
    context: &Context,
    name: &Slug,
    plain: bool,
) -> Result<Data, Failure> {
    let pool = context.pool().await?;
    let at = context.at();
    let found = sleeve_show(&pool, context.account().as_deref(), name.as_str(), at).await;
    let found = found.map_err(failed)?;
    let sleeve = found.ok_or_else(|| not_found("sleeve", name))?;
    let (account, name) = (sleeve.account.as_str(), sleeve.name.as_str());
    if is_shadow(account) {
        screen::note(&format!("{name} trades in shadow: its fills are simulated"));
    }
    let crypto = trades_crypto(&pool, account, name, at).await.map_err(failed)?;
    let kept = if plain { history::standing(&pool, account, name, at).await? } else { None };
    let (mut periods, mut nets) = (Vec::new(), Vec::new());
    if kept.is_none() {
        periods = equity_periods(&pool, account, name, crypto, at).await.map_err(failed)?;
        nets = round_trip_nets(&pool, account, name, at).await.map_err(failed)?;
    }
    let attributed = attribution(&pool, account, name, at).await.map_err(failed)?;
    let quality = execution_quality(&pool, account, name, at).await.map_err(failed)?;
    Ok(Data {
        valuations: periods.iter().filter_map(valuation).collect(),
        round_trips: nets.iter().filter_map(value).collect(),
        periods: if crypto { Options::PERIODS_CRYPTO } else { Options::PERIODS_EQUITY },
        attribution: attributed,
        execution_quality: Some(quality),
        kept,
        account: Some(sleeve.account),
    })
}

fn valuation(period: &EquityPeriod) -> Option<Valuation> {
    Some(Valuation {
        at: period.at.0,
        equity: value(period.equity)?,
        flow: value(period.flow)?,
        closes_period: period.closes_period,
    })
}
