//! `stockade figures`: what an equity curve and its round trips say.
//!
//! Reckoning is `stockade-stats`' own; this file finds the series and shows the result. A figure
//! that the data can't give is said to be one, with the reason.

mod series;

use std::path::PathBuf;

use serde::Serialize;
use stockade_core::Slug;
use stockade_stats::{Figures, Options, Request, Series, figures, money_weighted, value};
use stockade_venue::files::read_round_trips;

use super::argument;
use super::context::Context;
use super::screen::{self, Screen};
use crate::failure::Failure;
use series::{equities, of_file, of_sleeve, wrong_file};

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
    #[arg(long, value_name = "R", default_value_t = 0.0, allow_negative_numbers = true)]
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

/// Runs it.
pub(crate) async fn run(context: &Context, args: FiguresArgs) -> Result<(), Failure> {
    let mut data = match (&args.sleeve, &args.equity) {
        (Some(sleeve), _) => of_sleeve(context, sleeve).await?,
        (None, Some(file)) => of_file(file)?,
        (None, None) => {
            return Err(Failure::Usage("a sleeve or --equity FILE is needed".to_owned()));
        }
    };
    if let Some(file) = &args.trades {
        let net = read_round_trips(file).map_err(wrong_file)?;
        data.round_trips = net.iter().filter_map(value).collect();
    }
    let periods = args.periods.or(data.periods).unwrap_or(Options::PERIODS_EQUITY);
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
            figures.why.insert("money_weighted_return".to_owned(), error.to_string());
            None
        }
    };
    let shown = Shown { figures, money_weighted_return };
    if args.json { screen::json(&shown) } else { table(&shown).print() }
}

fn table(shown: &Shown) -> Screen {
    let figures = &shown.figures;
    let percent = |value: Option<f64>| value.map(|value| format!("{:.1} %", value * 100.0));
    let ratio = |value: Option<f64>| value.map(|value| format!("{value:.2}"));
    let rows = [
        ("total return", "total_return", percent(figures.total_return)),
        ("annual return", "annual_return", percent(figures.annual_return)),
        ("money-weighted return", "money_weighted_return", percent(shown.money_weighted_return)),
        ("annual volatility", "annual_volatility", percent(figures.annual_volatility)),
        ("Sharpe", "sharpe", ratio(figures.sharpe)),
        ("downside risk", "downside_risk", percent(figures.downside_risk)),
        ("Sortino", "sortino", ratio(figures.sortino)),
        ("maximum drawdown", "max_drawdown", percent(figures.max_drawdown)),
        ("Calmar", "calmar", ratio(figures.calmar)),
        ("omega", "omega", ratio(figures.omega)),
        ("beta", "beta", ratio(figures.beta)),
        ("alpha", "alpha", percent(figures.alpha)),
        ("VaR 5 %", "var_95", percent(figures.var_95)),
        ("CVaR 5 %", "cvar_95", percent(figures.cvar_95)),
        ("win rate", "win_rate", percent(figures.win_rate)),
        ("win rate of decided", "win_rate_decided", percent(figures.win_rate_decided)),
        ("profit factor", "profit_factor", ratio(figures.profit_factor)),
        ("expectancy", "expectancy", ratio(figures.expectancy)),
    ];
    let mut screen = Screen::new(&["FIGURE", ">VALUE", "WHY"], "");
    for (name, key, text) in rows {
        let why = figures.why.get(key).filter(|_| text.is_none());
        let text = text.unwrap_or_else(|| "not enough data".to_owned());
        screen.row([name.to_owned(), text, why.cloned().unwrap_or_default()]);
    }
    screen.row(["returns".to_owned(), figures.returns.to_string(), String::new()]);
    screen.row(["round trips".to_owned(), figures.round_trips.to_string(), String::new()]);
    screen
}
