//! `stockade figures`: what an equity curve and its round trips say.
//!
//! Reckoning is `stockade-stats`' own, sums of money are the store's; this file finds the series
//! and shows the result. A figure that the data can't give is said to be one, with the reason.

mod benchmark;
mod history;
mod series;
mod table;

use std::path::PathBuf;

use serde::Serialize;
use stockade_core::{Slug, Timestamp};
use stockade_stats::{History, Options, Performance, performance, value};
use stockade_store::query::{Attribution, ExecutionQuality};
use stockade_venue::files::read_round_trips;

use super::argument;
use super::context::Context;
use super::screen;
use crate::failure::Failure;
use benchmark::{Benchmark, Compared};
use history::AsOf;
use series::{Data, of_file, of_sleeve, wrong_file};

const EXAMPLES: &str = "Example:
  stockade figures mine
  stockade figures mine --benchmark spy.csv --window 63
  stockade figures mine --history --from 2026-01-01
  stockade figures --equity equity.csv --trades trades.csv --rf 0.02 --json";

const DEFINITIONS: &str = "Definitions
r are the simple returns of N periods, n the periods a year, f = (1+rf)^(1/n)-1, x = r-f.
  total return           prod(1+r)-1, time weighted: a deposit or withdrawal is no return
  money-weighted return  yearly rate (365 days) at which all movements of capital and the
                         equity at the end are worth nothing (XIRR), the nearest to zero
  annual return          (1+total)^(n/N)-1: years are N/n, not calendar time
  annual volatility      std(r, ddof=1)*sqrt(n)
  Sharpe                 mean(x)/std(x, ddof=1)*sqrt(n)
  downside risk          sqrt(sum(min(x,0)^2)/N)*sqrt(n): the divisor is all N
  Sortino                mean(x)*n / downside risk
  maximum drawdown       lowest e[t]/max(e[0..t])-1; the starting equity is a peak
  Calmar                 annual return / abs(maximum drawdown)
  omega                  sum(max(x,0))/sum(max(-x,0))
  beta                   cov(r,b)/var(b)
  alpha                  (1+mean(x-beta*(b-f)))^n-1, as empyrical (quantstats differs)
  VaR 5 %                5th percentile of r, linear between neighbours, as empyrical
                         (quantstats takes a normal quantile)
  CVaR 5 %               mean of the int(0.05*(N-1))+1 lowest returns
  win rate               round trips with net profit > 0 / all of them
  win rate of decided    the same / those that did not break even
  profit factor          sum of net profits / abs(sum of net losses), in money
  expectancy             mean net profit of a round trip, in money and in mean losses
  rolling                over each W consecutive returns; the first belongs to return W
  slippage               cost beyond the price that the decision used; above zero is worse
  fill rate              mean part of an ended order that was filled
  attribution            by symbol, and by the plugin's version that opened the lot; each
                         adds up to the profit
A host keeps the figures of each session's close; --history shows them, as they were believed at
--at TIME or as they are known now: a later correction makes a new version of a close's figures.
Periods end with a session's close; with the day (UTC) for a sleeve that trades crypto, or where
no session closed. A benchmark counts by its last value of the day (of the instant, where periods
are shorter), at most 7 days old. Where empyrical-reloaded 0.7.1 and quantstats 0.0.86 agree,
values equal theirs to 1e-9.";

/// Performance figures of a sleeve, or of a file of equities
#[derive(Debug, Clone, clap::Args)]
#[command(
    group = clap::ArgGroup::new("of").required(true).args(["sleeve", "equity"]),
    after_help = EXAMPLES,
    after_long_help = format!("{DEFINITIONS}\n\n{EXAMPLES}")
)]
pub(crate) struct FiguresArgs {
    /// The sleeve
    #[arg(value_name = "SLEEVE", value_parser = argument::slug)]
    sleeve: Option<Slug>,
    /// A CSV file with the header timestamp,equity
    #[arg(long, value_name = "FILE")]
    equity: Option<PathBuf>,
    /// What to compare with: a file of equities or of bars, or a symbol that the books have prices of
    #[arg(long, value_name = "FILE|SYMBOL")]
    benchmark: Option<String>,
    /// A CSV file of round trips with the column net_pnl
    #[arg(long, value_name = "FILE")]
    trades: Option<PathBuf>,
    /// Yearly risk-free rate: 0.02 is 2 %
    #[arg(long, value_name = "R", default_value_t = 0.0, allow_negative_numbers = true)]
    rf: f64,
    /// Periods a year (default: 252, or 365 for a sleeve that trades crypto)
    #[arg(long, value_name = "N")]
    periods: Option<f64>,
    /// Rolling figures over so many returns
    #[arg(long, value_name = "W")]
    window: Option<usize>,
    /// What each session's close kept of the sleeve's figures
    #[arg(long, requires = "sleeve", conflicts_with_all = ["benchmark", "trades", "rf", "periods", "window"])]
    history: bool,
    /// With --history: sessions that closed from this time on, a date or RFC 3339
    #[arg(long, value_name = "T", value_parser = argument::time, requires = "history")]
    from: Option<Timestamp>,
    /// With --history: sessions that closed before this time
    #[arg(long, value_name = "T", value_parser = argument::time, requires = "history")]
    to: Option<Timestamp>,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

impl FiguresArgs {
    /// Whether it is about the books' history: files have no past.
    pub(crate) fn of_books(&self) -> bool {
        self.sleeve.is_some()
    }
}

impl FiguresArgs {
    /// Whether a session's close keeps just this: nothing is asked for beside the sleeve.
    fn is_plain(&self) -> bool {
        let Self { benchmark, trades, rf, periods, window, .. } = self;
        benchmark.is_none()
            && trades.is_none()
            && periods.is_none()
            && window.is_none()
            && *rf == 0.0
    }
}

/// All that is known of it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    performance: Performance,
    /// Where a session's close kept them, and nothing came since.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<AsOf>,
    /// Of a sleeve alone.
    attribution: Option<Attribution>,
    /// Of a sleeve alone.
    execution_quality: Option<ExecutionQuality>,
}

/// Runs it.
pub(crate) async fn run(context: &Context, args: FiguresArgs) -> Result<(), Failure> {
    if let Some(sleeve) = args.sleeve.as_ref().filter(|_| args.history) {
        return history::run(context, sleeve, (args.from, args.to), args.json).await;
    }
    // What is wrong with the arguments is said before a database is opened.
    let options_of = |default: f64| {
        Options::new(args.periods.unwrap_or(default), args.rf, args.window)
            .map_err(|error| Failure::Usage(error.to_string()))
    };
    options_of(Options::PERIODS_EQUITY)?;
    let trades = args.trades.as_deref().map(read_round_trips).transpose().map_err(wrong_file)?;
    let named = args.benchmark.as_deref().map(Benchmark::parse).transpose()?;
    let mut data = match (&args.sleeve, &args.equity) {
        (Some(sleeve), _) => of_sleeve(context, sleeve, args.is_plain()).await?,
        (None, Some(file)) => of_file(file)?,
        (None, None) => {
            return Err(Failure::Usage("a sleeve or --equity FILE is needed".to_owned()));
        }
    };
    if let Some(net) = trades {
        data.round_trips = net.iter().filter_map(value).collect();
    }
    let compared = match named {
        None => None,
        Some(named) => Some(named.points(context, data.account.as_deref()).await?),
    };
    let (mut found, kept) = match data.kept.take() {
        Some(kept) => (kept.performance, Some(kept.as_of)),
        None => (reckon(&data, compared.as_ref(), options_of(data.periods)?), None),
    };
    if let Some(why) = compared.and_then(|compared| compared.too_little) {
        for key in ["beta", "alpha"] {
            found.figures.why.insert(key.to_owned(), why.clone());
        }
    }
    if args.sleeve.is_none() {
        for key in ["attribution", "execution_quality"] {
            let why = "a file of equities has no orders".to_owned();
            found.figures.why.insert(key.to_owned(), why);
        }
    }
    let shown = Shown {
        performance: found,
        kept,
        attribution: data.attribution,
        execution_quality: data.execution_quality,
    };
    if args.json { screen::json(&shown) } else { screen::line(&table::text(&shown)) }
}

fn reckon(data: &Data, compared: Option<&Compared>, options: Options) -> Performance {
    performance(&History {
        valuations: &data.valuations,
        benchmark: compared.map(|compared| compared.points.as_slice()),
        round_trips: &data.round_trips,
        options,
    })
}
