//! The figures that sessions' closes kept: as a list, and in the place of reckoning them anew.

use serde::Serialize;
use stockade_core::{Slug, Timestamp};
use stockade_stats::{Figures, Performance};
use stockade_store::query::{
    At, Filter, KeptFigures, PgPool, figure_history, figures_standing, sleeve_show,
};

use crate::cli::context::{Context, failed, not_found};
use crate::cli::screen::{self, Screen, time};
use crate::failure::Failure;

/// Which version of which close.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct AsOf {
    /// The session's day key, yyyymmdd.
    pub(super) day: i32,
    /// The session's close.
    pub(super) at: At,
    /// Up to when the books were read.
    pub(super) known_at: At,
    /// 1 is what was believed at the close.
    pub(super) version: i32,
}

/// A close's figures.
pub(super) struct Kept {
    pub(super) as_of: AsOf,
    pub(super) performance: Performance,
}

impl TryFrom<KeptFigures> for Kept {
    type Error = Failure;

    fn try_from(row: KeptFigures) -> Result<Self, Failure> {
        let KeptFigures { day, at, known_at, version, figures, .. } = row;
        let performance = serde_json::from_value(figures).map_err(|error| {
            failed(anyhow::anyhow!("the figures kept of {day}, version {version}: {error}"))
        })?;
        Ok(Self { as_of: AsOf { day, at, known_at, version }, performance })
    }
}

/// The kept figures that are (or at a moment were) a sleeve's figures.
pub(super) async fn standing(
    pool: &PgPool,
    account: &str,
    sleeve: &str,
    at: Option<i64>,
) -> Result<Option<Kept>, Failure> {
    let found = figures_standing(pool, account, sleeve, at).await.map_err(failed)?;
    found.map(Kept::try_from).transpose()
}

/// `figures SLEEVE --history`.
pub(super) async fn run(
    context: &Context,
    name: &Slug,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    json: bool,
) -> Result<(), Failure> {
    let pool = context.pool().await?;
    let found = sleeve_show(&pool, context.account().as_deref(), name.as_str(), context.at()).await;
    let sleeve = found.map_err(failed)?.ok_or_else(|| not_found("sleeve", name))?;
    let filter = Filter {
        account: Some(sleeve.account),
        sleeve: Some(sleeve.name),
        from: from.map(|at| at.0),
        to: to.map(|at| at.0),
        at: context.at(),
        ..Filter::default()
    };
    let rows = figure_history(&pool, &filter).await.map_err(failed)?;
    if json {
        return screen::json(&rows);
    }
    let kept = rows.into_iter().map(Kept::try_from).collect::<Result<Vec<_>, _>>()?;
    table(&kept).print()
}

fn table(kept: &[Kept]) -> Screen {
    let headings = [
        "SESSION",
        ">RETURN",
        ">YEARLY",
        ">VOLATILITY",
        ">SHARPE",
        ">SORTINO",
        ">DRAWDOWN",
        ">TRIPS",
        ">WINS",
        ">VERSION",
        "KNOWN AT",
    ];
    let empty = "no session's close kept figures of it: a host keeps them";
    let mut screen = Screen::new(&headings, empty);
    for Kept { as_of, performance } in kept {
        let Figures { total_return, annual_return, annual_volatility, sharpe, sortino, .. } =
            performance.figures;
        let Figures { max_drawdown, round_trips, win_rate, .. } = performance.figures;
        let day = as_of.day;
        screen.row([
            format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100),
            share(total_return),
            share(annual_return),
            share(annual_volatility),
            ratio(sharpe),
            ratio(sortino),
            share(max_drawdown),
            round_trips.to_string(),
            share(win_rate),
            as_of.version.to_string(),
            time(as_of.known_at),
        ]);
    }
    screen
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}
