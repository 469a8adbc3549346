//! What a backtest came to.

use rust_decimal::Decimal;
use serde::Serialize;
use stockade_core::row::{ExecutionRow, OrderRow, RefusalRow, RoundTripRow, SleeveKind};
use stockade_core::sleeve::Prices;
use stockade_core::{InstrumentId, Money, Price, SleeveId, Symbol, Timestamp};
use stockade_exchange::Nanos;
use stockade_stats::{Figures, Options, Request, Series, figures, value};
use stockade_store::query::{At, Number};

use super::run::Kept;
use crate::cli::screen::{self, Screen};
use crate::drivers::lockstep::{Lockstep, Market};
use crate::failure::Failure;

/// `backtest --json`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    /// Bars replayed.
    pub(crate) bars: u64,
    /// Quotes replayed.
    pub(crate) quotes: u64,
    /// Trades of the market replayed.
    pub(crate) trades: u64,
    /// Orders accepted.
    pub(crate) orders: u64,
    /// Executions.
    pub(crate) fills: u64,
    /// Intents refused.
    pub(crate) refusals: u64,
    /// Time of the first bar.
    pub(crate) start: At,
    /// Time of the last bar.
    pub(crate) end: At,
    /// Capital of all bots.
    pub(crate) initial_capital: Number,
    /// Their equity at the last close.
    pub(crate) final_equity: Number,
    /// Their cash.
    pub(crate) cash: Number,
    /// Realised profit.
    pub(crate) realised: Number,
    /// Unrealised profit.
    pub(crate) unrealised: Number,
    /// Fees paid.
    pub(crate) fees: Number,
    /// Strikes of bots: a run with any is not a clean one.
    pub(crate) strikes: Vec<Struck>,
    /// Performance figures of the daily closes.
    pub(crate) figures: Figures,
    /// The whole command.
    pub(crate) elapsed_ms: u64,
    /// The event loop alone.
    pub(crate) bars_per_second: u64,
}

/// A call of a bot that ended badly.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Struck {
    /// Whose.
    pub(crate) bot: String,
    /// The time of the bar.
    pub(crate) at: At,
    /// What became of the bot: `suspended` or `quarantined`.
    pub(crate) state: String,
    /// Trap, or the limit with its value and setting.
    pub(crate) cause: String,
}

/// A backtest's result with what the files need.
pub(crate) struct BacktestResult {
    /// The summary.
    pub(crate) summary: Summary,
    /// Equity of all bots after each time stamp; the capital comes first.
    pub(super) curve: Vec<(Timestamp, Money)>,
    /// Whether days are UTC's: something is traded round the clock.
    pub(super) round_the_clock: bool,
    /// Executions.
    pub(crate) executions: Vec<ExecutionRow>,
    /// Round trips.
    pub(super) round_trips: Vec<RoundTripRow>,
    /// Closes of each symbol that was traded.
    pub(super) closes: Vec<(String, Vec<(i64, Decimal)>)>,
    /// Orders as they ended, where they were kept.
    pub(super) orders: Vec<OrderRow>,
    /// Refused intents, where they were kept.
    pub(super) refused: Vec<RefusalRow>,
    /// The last price of each symbol.
    pub(super) marks: Vec<(String, Price)>,
    /// Names of the sleeves, by number.
    pub(super) names: Vec<(u64, String)>,
}

impl BacktestResult {
    /// The name of a sleeve.
    pub(super) fn name(&self, sleeve: SleeveId) -> &str {
        self.names.iter().find(|(id, _)| *id == sleeve.0).map_or("", |(_, name)| name)
    }

    pub(super) fn new(
        lockstep: Lockstep<Kept>,
        (market, from): (&Market, usize),
        curve: Vec<(Timestamp, Money)>,
    ) -> Self {
        let desk = &lockstep.desk;
        let bots: Vec<_> = desk.sleeves().filter(|s| s.kind == SleeveKind::Bot).collect();
        let total = |of: &dyn Fn(&&&stockade_core::row::SleeveRow) -> Money| -> Money {
            bots.iter().map(|s| of(&s)).sum()
        };
        let cash = total(&|s| s.cash);
        let realised = total(&|s| s.realised);
        let capital = total(&|s| s.initial_capital + s.added - s.withdrawn);
        let equity: Money = bots.iter().map(|s| desk.equity(s.id)).sum();
        let kept = lockstep.sink;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let last = market.len() - 1;
        let first_bar = market.range(from).start;
        let (quotes, trades) = market.ticks.as_ref().map_or((0, 0), |ticks| ticks.count_from(from));
        let round_the_clock = is_round_the_clock(market);
        let summary = Summary {
            bars: count(market.bars.len() - first_bar),
            quotes: count(quotes),
            trades: count(trades),
            // Its counter holds the number of the next one.
            orders: desk.account().counters.order - 1,
            fills: count(kept.executions.len()),
            refusals: kept.refusals,
            start: At(market.at(from).0),
            end: At(market.at(last).0),
            initial_capital: Number(capital.get()),
            final_equity: Number(equity.get()),
            cash: Number(cash.get()),
            realised: Number(realised.get()),
            unrealised: Number((equity - capital - realised).get()),
            fees: Number(total(&|s| s.fees).get()),
            strikes: kept
                .strikes
                .iter()
                .map(|row| Struck {
                    bot: bots
                        .iter()
                        .find(|sleeve| sleeve.id == row.sleeve)
                        .map(|sleeve| sleeve.name.to_string())
                        .unwrap_or_default(),
                    at: At(row.at.0),
                    state: row.kind.clone(),
                    cause: row.message.clone(),
                })
                .collect(),
            figures: figures_of(&curve, &kept.round_trips, round_the_clock),
            elapsed_ms: 0,
            bars_per_second: 0,
        };
        let mark = |(place, symbol): (usize, &Symbol)| {
            let id = InstrumentId(u32::try_from(place).ok()?);
            Some((symbol.to_string(), desk.last(id)?.0))
        };
        let marks = market.symbols.iter().enumerate().filter_map(mark).collect();
        let names = bots.iter().map(|s| (s.id.0, s.name.to_string())).collect();
        let closes = closes(market, (from, first_bar), &kept.executions);
        Self {
            summary,
            curve,
            round_the_clock,
            executions: kept.executions,
            round_trips: kept.round_trips,
            orders: kept.orders.into_values().collect(),
            refused: kept.refused,
            marks,
            closes,
            names,
        }
    }
}

fn closes(
    market: &Market,
    (from, first_bar): (usize, usize),
    executions: &[ExecutionRow],
) -> Vec<(String, Vec<(i64, Decimal)>)> {
    let traded = |symbol: &&stockade_core::Symbol| executions.iter().any(|e| e.symbol == **symbol);
    let of = |symbol: &stockade_core::Symbol| {
        let place = market.symbols.iter().position(|s| s == symbol).unwrap_or(0);
        let bars = market.bars[first_bar..].iter().filter(|bar| bar.instrument.index() == place);
        let mut points: Vec<_> = bars.map(|bar| (bar.at.0, bar.close.get())).collect();
        if let Some(ticks) = market.ticks.as_ref().filter(|_| points.is_empty()) {
            let prices = ticks.prices_of(place, from).into_iter();
            points.extend(prices.map(|(at, price)| (at, price.get())));
        }
        (symbol.to_string(), points)
    };
    market.symbols.iter().filter(traded).map(of).collect()
}

/// Whether something is traded round the clock: bars of a weekend.
fn is_round_the_clock(market: &Market) -> bool {
    market.model.iter().any(|bar| bar.at.new_york_date() != bar.at.utc_date() && is_weekend(bar.at))
}

/// The last sample of each day after what there was before: New York's days for shares, UTC's where
/// a pair is traded.
pub(super) fn daily(
    curve: &[(Timestamp, Money)],
    round_the_clock: bool,
) -> Vec<(Timestamp, Money)> {
    let day = |at: Timestamp| {
        if round_the_clock { Nanos(at.0).utc_date() } else { Nanos(at.0).new_york_date() }
    };
    let mut daily: Vec<(Timestamp, Money)> = curve.first().copied().into_iter().collect();
    for pair in curve.get(1..).unwrap_or_default().windows(2) {
        if day(pair[0].0) != day(pair[1].0) {
            daily.push(pair[0]);
        }
    }
    if curve.len() > 1 {
        daily.extend(curve.last());
    }
    daily
}

/// Figures of the daily closes.
pub(super) fn figures_of(
    curve: &[(Timestamp, Money)],
    trips: &[RoundTripRow],
    round_the_clock: bool,
) -> Figures {
    let daily = daily(curve, round_the_clock);
    let daily: Vec<f64> = daily.iter().filter_map(|(_, equity)| value(equity.get())).collect();
    if daily.is_empty() {
        return Figures::default();
    }
    let trips: Vec<f64> = trips.iter().filter_map(|trip| value(trip.net.get())).collect();
    let periods = if round_the_clock { Options::PERIODS_CRYPTO } else { Options::PERIODS_EQUITY };
    let options =
        Options::new(periods, Default::default(), None).expect("the library's own periods");
    figures(&Request {
        series: Series::Equity(&daily),
        benchmark: None,
        round_trips: &trips,
        options,
    })
}

fn is_weekend(at: Nanos) -> bool {
    at.utc_date().weekday() >= 5
}

impl Summary {
    /// The failure that a run with strikes is, once its results are out.
    pub(super) fn clean(&self) -> Result<(), Failure> {
        let Some(first) = self.strikes.first() else {
            return Ok(());
        };
        Err(Failure::Failed(anyhow::anyhow!(
            "bot {} failed at the bar of {} and is {}: {} ({} strikes in all)",
            first.bot,
            first.at,
            first.state,
            first.cause,
            self.strikes.len()
        )))
    }

    /// As a file keeps it: without what depends on the machine, so that the same run gives the same
    /// bytes.
    pub(super) fn lasting(&self) -> anyhow::Result<serde_json::Value> {
        let mut value = serde_json::to_value(self)?;
        drop_times(&mut value);
        Ok(value)
    }

    /// For people.
    pub(super) fn print(&self) -> Result<(), Failure> {
        let mut table = Screen::new(&["", ">"], "nothing");
        let money = |number: &Number| screen::money(*number);
        let rows = [
            ("bars", self.bars.to_string()),
            ("quotes and trades", (self.quotes + self.trades).to_string()),
            ("from", self.start.to_string()),
            ("to", self.end.to_string()),
            ("orders", self.orders.to_string()),
            ("fills", self.fills.to_string()),
            ("refused intents", self.refusals.to_string()),
            ("strikes", self.strikes.len().to_string()),
            ("capital", money(&self.initial_capital)),
            ("equity", money(&self.final_equity)),
            ("realised", money(&self.realised)),
            ("unrealised", money(&self.unrealised)),
            ("fees", money(&self.fees)),
            ("total return", percent(self.figures.total_return)),
            ("sharpe", ratio(self.figures.sharpe)),
            ("maximum drawdown", percent(self.figures.max_drawdown)),
            ("win rate", percent(self.figures.win_rate)),
            ("bars a second", self.bars_per_second.to_string()),
        ];
        for (name, text) in rows {
            table.row([name.to_owned(), text]);
        }
        table.print()
    }
}

/// Takes out how long something took.
pub(super) fn drop_times(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.remove("elapsed_ms");
            fields.remove("bars_per_second");
            fields.values_mut().for_each(drop_times);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(drop_times),
        _ => {}
    }
}

fn percent(figure: Option<f64>) -> String {
    figure.map_or_else(|| "not enough data".to_owned(), |f| format!("{:.1} %", f * 100.0))
}

fn ratio(figure: Option<f64>) -> String {
    figure.map_or_else(|| "not enough data".to_owned(), |f| format!("{f:.2}"))
}
