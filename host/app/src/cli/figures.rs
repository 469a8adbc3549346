//! `stockade figures`: what an equity curve and its round trips say.
//!
//! Reckoning is `stockade-stats`' own; this file finds the series and shows the result. A figure
//! that the data can't give is said to be one, with the reason.

use std::path::{Path, PathBuf};

use serde::Serialize;
use stockade_core::Slug;
use stockade_stats::{
    CashFlow, Figures, Options, Request, Series, Valuation, figures, money_weighted, time_weighted,
    value,
};
use stockade_store::query::{
    EquityPoint, Filter, equity_curve, round_trip_list, sleeve_show, trades_crypto,
};
use stockade_venue::files::{FileError, read_equity, read_round_trips};

use super::argument;
use super::context::{Context, failed, not_found};
use super::screen::{self, Screen};
use crate::failure::Failure;

const NANOS_PER_DAY: i64 = 86_400 * 1_000_000_000;

/// Performance figures of a sleeve, or of a file of equities
#[derive(Debug, Clone, clap::Args)]
#[command(
    group = clap::ArgGroup::new("of").required(true).args(["sleeve", "equity"]),
    after_help = "Example:\n  stockade figures mine\n  stockade figures --equity equity.csv --trades trades.csv --rf 0.02 --json"
)]
pub(crate) struct FiguresArgs {
    /// The sleeve
    #[arg(value_name = "SLEEVE", value_parser = argument::slug)]
    sleeve: Option<Slug>,
    /// A CSV file with the header timestamp,equity
    #[arg(long, value_name = "FILE")]
    equity: Option<PathBuf>,
    /// A file of equities to compare with, as many as the series has
    #[arg(long, value_name = "FILE")]
    benchmark: Option<PathBuf>,
    /// A CSV file of round trips with the column net_pnl
    #[arg(long, value_name = "FILE")]
    trades: Option<PathBuf>,
    /// Yearly risk-free rate: 0.02 is 2 %
    #[arg(
        long,
        value_name = "R",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    rf: f64,
    /// Periods a year (default: 252, or 365 for a sleeve that trades crypto)
    #[arg(long, value_name = "N")]
    periods: Option<f64>,
    /// Rolling figures over so many returns
    #[arg(long, value_name = "W")]
    window: Option<usize>,
    /// One JSON document instead of a table
    #[arg(long)]
    json: bool,
}

/// The figures, and the money-weighted return beside them.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    figures: Figures,
    money_weighted_return: Option<f64>,
}

/// What is reckoned with.
#[derive(Default)]
struct Data {
    series: Vec<f64>,
    are_returns: bool,
    round_trips: Vec<f64>,
    flows: Vec<CashFlow>,
    periods: Option<f64>,
    refused: Option<String>,
}

/// Runs it.
pub(crate) async fn run(context: &Context, args: FiguresArgs) -> Result<(), Failure> {
    let mut data = match (&args.sleeve, &args.equity) {
        (Some(sleeve), _) => of_sleeve(context, sleeve).await?,
        (None, Some(file)) => of_file(file)?,
        (None, None) => {
            return Err(Failure::Usage(
                "a sleeve or --equity FILE is needed".to_owned(),
            ));
        }
    };
    if let Some(file) = &args.trades {
        let net = read_round_trips(file).map_err(wrong_file)?;
        data.round_trips = net.iter().filter_map(value).collect();
    }
    let periods = args
        .periods
        .or(data.periods)
        .unwrap_or(Options::PERIODS_EQUITY);
    let options = Options::new(periods, args.rf, args.window)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let benchmark = args.benchmark.as_deref().map(equities).transpose()?;
    let mut figures = figures(&Request {
        series: if data.are_returns {
            Series::Returns(&data.series)
        } else {
            Series::Equity(&data.series)
        },
        benchmark: benchmark.as_deref().map(Series::Equity),
        round_trips: &data.round_trips,
        options,
    });
    if let Some(reason) = data.refused {
        figures.why.insert("returns".to_owned(), reason);
    }
    let money_weighted_return = match money_weighted(&data.flows) {
        Ok(rate) => Some(rate),
        Err(error) => {
            figures
                .why
                .insert("money_weighted_return".to_owned(), error.to_string());
            None
        }
    };
    let shown = Shown {
        figures,
        money_weighted_return,
    };
    if args.json {
        screen::json(&shown)
    } else {
        table(&shown).print()
    }
}

fn wrong_file(error: FileError) -> Failure {
    Failure::Usage(Failure::from(anyhow::Error::new(error)).to_string())
}

fn equities(file: &Path) -> Result<Vec<f64>, Failure> {
    let rows = read_equity(file).map_err(wrong_file)?;
    Ok(rows.iter().filter_map(|row| value(row.equity)).collect())
}

fn of_file(file: &Path) -> Result<Data, Failure> {
    let rows = read_equity(file).map_err(wrong_file)?;
    let amount = |place: usize, sign: f64| {
        let row = rows.get(place)?;
        Some(CashFlow {
            at: row.at,
            amount: sign * value(row.equity)?,
        })
    };
    let flows = [amount(0, -1.0), amount(rows.len().saturating_sub(1), 1.0)];
    Ok(Data {
        series: rows.iter().filter_map(|row| value(row.equity)).collect(),
        flows: flows.into_iter().flatten().collect(),
        ..Data::default()
    })
}

async fn of_sleeve(context: &Context, name: &Slug) -> Result<Data, Failure> {
    let pool = context.pool().await?;
    let found = sleeve_show(&pool, context.account().as_deref(), name.as_str())
        .await
        .map_err(failed)?;
    let sleeve = found.ok_or_else(|| not_found("sleeve", name))?;
    let filter = Filter {
        account: Some(sleeve.account.clone()),
        sleeve: Some(sleeve.name.clone()),
        ..Filter::default()
    };
    let points = equity_curve(&pool, &filter).await.map_err(failed)?;
    let trips = round_trip_list(&pool, &filter).await.map_err(failed)?;
    let crypto = trades_crypto(&pool, &sleeve.account, &sleeve.name)
        .await
        .map_err(failed)?;
    let (series, refused) = match time_weighted(&valuations(&points)) {
        Ok(returns) => (returns, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    Ok(Data {
        series,
        are_returns: true,
        round_trips: trips.iter().filter_map(|trip| value(trip.net)).collect(),
        flows: flows(&points),
        periods: crypto.then_some(Options::PERIODS_CRYPTO),
        refused,
    })
}

/// Samples as valuations: a change of the net capital is a flow right after the sample before it.
/// A period ends with a session, or, where there was none, with the last sample of each day.
fn valuations(points: &[EquityPoint]) -> Vec<Valuation> {
    let sessions = points.iter().any(|point| point.session_close != 0);
    let day = |point: &EquityPoint| point.at.0.div_euclid(NANOS_PER_DAY);
    points
        .iter()
        .enumerate()
        .filter_map(|(place, point)| {
            let next = points.get(place + 1);
            let flow = next
                .map(|next| next.net_capital.0 - point.net_capital.0)
                .unwrap_or_default();
            Some(Valuation {
                equity: value(point.equity)?,
                flow: value(flow)?,
                closes_period: if sessions {
                    point.session_close != 0
                } else {
                    next.is_none_or(|next| day(next) != day(point))
                },
            })
        })
        .collect()
}

/// Movements of money as the owner sees them, with the equity at the end.
fn flows(points: &[EquityPoint]) -> Vec<CashFlow> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let begin = value(first.equity).map(|equity| CashFlow {
        at: first.at.0,
        amount: -equity,
    });
    let changes = points.windows(2).filter_map(|pair| {
        let paid_in = pair[1].net_capital.0 - pair[0].net_capital.0;
        (!paid_in.is_zero()).then_some(())?;
        Some(CashFlow {
            at: pair[1].at.0,
            amount: -value(paid_in)?,
        })
    });
    let end = value(last.equity).map(|equity| CashFlow {
        at: last.at.0,
        amount: equity,
    });
    begin.into_iter().chain(changes).chain(end).collect()
}

fn table(shown: &Shown) -> Screen {
    let figures = &shown.figures;
    let percent = |value: Option<f64>| value.map(|value| format!("{:.1} %", value * 100.0));
    let ratio = |value: Option<f64>| value.map(|value| format!("{value:.2}"));
    let rows = [
        (
            "total return",
            "total_return",
            percent(figures.total_return),
        ),
        (
            "annual return",
            "annual_return",
            percent(figures.annual_return),
        ),
        (
            "money-weighted return",
            "money_weighted_return",
            percent(shown.money_weighted_return),
        ),
        (
            "annual volatility",
            "annual_volatility",
            percent(figures.annual_volatility),
        ),
        ("Sharpe", "sharpe", ratio(figures.sharpe)),
        (
            "downside risk",
            "downside_risk",
            percent(figures.downside_risk),
        ),
        ("Sortino", "sortino", ratio(figures.sortino)),
        (
            "maximum drawdown",
            "max_drawdown",
            percent(figures.max_drawdown),
        ),
        ("Calmar", "calmar", ratio(figures.calmar)),
        ("omega", "omega", ratio(figures.omega)),
        ("beta", "beta", ratio(figures.beta)),
        ("alpha", "alpha", percent(figures.alpha)),
        ("VaR 5 %", "var_95", percent(figures.var_95)),
        ("CVaR 5 %", "cvar_95", percent(figures.cvar_95)),
        ("win rate", "win_rate", percent(figures.win_rate)),
        (
            "win rate of decided",
            "win_rate_decided",
            percent(figures.win_rate_decided),
        ),
        (
            "profit factor",
            "profit_factor",
            ratio(figures.profit_factor),
        ),
        ("expectancy", "expectancy", ratio(figures.expectancy)),
    ];
    let mut screen = Screen::new(&["FIGURE", ">VALUE", "WHY"], "");
    for (name, key, text) in rows {
        let why = figures.why.get(key).filter(|_| text.is_none());
        let text = text.unwrap_or_else(|| "not enough data".to_owned());
        screen.row([name.to_owned(), text, why.cloned().unwrap_or_default()]);
    }
    screen.row([
        "returns".to_owned(),
        figures.returns.to_string(),
        String::new(),
    ]);
    screen.row([
        "round trips".to_owned(),
        figures.round_trips.to_string(),
        String::new(),
    ]);
    screen
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;
    use stockade_store::query::{At, Number};

    fn point(hour: i64, equity: i64, capital: i64, session_close: i32) -> EquityPoint {
        EquityPoint {
            sleeve: "a".to_owned(),
            at: At(hour * 3_600 * 1_000_000_000),
            cash: Number(Decimal::from(equity)),
            market_value: Number(Decimal::ZERO),
            equity: Number(Decimal::from(equity)),
            net_capital: Number(Decimal::from(capital)),
            realised: Number(Decimal::ZERO),
            session_close,
        }
    }

    #[test]
    fn a_deposit_is_no_return() {
        let points = [
            point(1, 100, 100, 1),
            point(2, 110, 100, 2),
            point(3, 220, 200, 0),
            point(4, 231, 200, 3),
        ];
        let returns = time_weighted(&valuations(&points)).expect("returns");
        assert_eq!(returns.len(), 2);
        assert!((returns[0] - 0.1).abs() < 1e-12, "{returns:?}");
        assert!((returns[1] - 0.1).abs() < 1e-12, "{returns:?}");
        let flows = flows(&points);
        let amounts: Vec<f64> = flows.iter().map(|flow| flow.amount).collect();
        assert_eq!(amounts, [-100.0, -100.0, 231.0]);
    }

    #[test]
    fn without_sessions_days_are_periods() {
        let points = [
            point(1, 100, 100, 0),
            point(20, 90, 100, 0),
            point(25, 99, 100, 0),
        ];
        let closes: Vec<bool> = valuations(&points)
            .iter()
            .map(|v| v.closes_period)
            .collect();
        assert_eq!(closes, [false, true, true]);
    }
}
