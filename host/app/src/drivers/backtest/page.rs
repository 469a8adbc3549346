//! The pages of `backtest --out`: what a run, a sweep or a walk-forward shows.

use stockade_core::order::Side;
use stockade_stats::picture::{Axis, heat_map, value_curve};
use stockade_stats::{Figures, MonthReturn, monthly_returns, returns_of, value};

use super::goal::best;
use super::result::{BacktestResult, daily};
use super::sweep::{Params, SetResult, name_of};
use super::walk::{WINDOW_COLUMNS, Walked};
use crate::cli::backtest::Goal;
use crate::cli::screen;
use crate::cli::sweep::ParamRange;
use crate::report::{
    Curve, DrawnPicture, Fact, FigureColumn, PricePicture, ReportData, TextTable, Trade, TradeSide,
};

/// Symbols that get a picture of their price, those with the most trades first.
const PRICES_MAX: usize = 12;
/// Sets that a sweep's page lists.
const SETS_MAX: usize = 1_000;

fn fact(name: &str, value: String) -> Fact {
    Fact { name: name.to_owned(), value }
}

/// One run.
pub(super) fn of_run(result: &BacktestResult) -> ReportData {
    let summary = &result.summary;
    let names: Vec<&str> = result.names.iter().map(|(_, name)| name.as_str()).collect();
    let figures = &summary.figures;
    ReportData {
        title: format!("Backtest of {}", names.join(", ")),
        subtitle: format!("{} to {}", screen::time(summary.start), screen::time(summary.end)),
        facts: vec![
            fact("capital", screen::money(summary.initial_capital)),
            fact("final equity", screen::money(summary.final_equity)),
            fact("total return", Goal::TotalReturn.text(figures.total_return)),
            fact("sharpe", Goal::Sharpe.text(figures.sharpe)),
            fact("maximum drawdown", Goal::MaxDrawdown.text(figures.max_drawdown)),
            fact("realised", screen::money(summary.realised)),
            fact("unrealised", screen::money(summary.unrealised)),
            fact("fees", screen::money(summary.fees)),
            fact("fills", screen::grouped(&summary.fills.to_string())),
            fact("bars", screen::grouped(&summary.bars.to_string())),
        ],
        equity: vec![curve(result)],
        months: months(result),
        prices: prices(result),
        figures: vec![column("all bots", figures)],
        ..ReportData::default()
    }
}

fn curve(result: &BacktestResult) -> Curve {
    Curve {
        name: "equity".to_owned(),
        points: result.curve.iter().map(|(at, equity)| (at.0, equity.get())).collect(),
    }
}

/// Returns by month; a run inside one month is one number that stands above already.
fn months(result: &BacktestResult) -> Vec<MonthReturn> {
    let daily = daily(&result.curve, result.round_the_clock);
    let values: Vec<f64> = daily.iter().filter_map(|(_, equity)| value(equity.get())).collect();
    let ends: Vec<i64> = daily.iter().skip(1).map(|(at, _)| at.0).collect();
    match returns_of(&values) {
        Ok(returns) if returns.len() == ends.len() => monthly_returns(&returns, &ends),
        _ => Vec::new(),
    }
}

fn prices(result: &BacktestResult) -> Vec<PricePicture> {
    let trades = |symbol: &str| -> Vec<Trade> {
        let of = result.executions.iter().filter(|row| row.symbol.as_str() == symbol);
        of.map(|row| Trade {
            at: row.at.0,
            price: row.price.get(),
            qty: row.qty.get(),
            side: match row.side {
                Side::Buy => TradeSide::Buy,
                Side::Sell => TradeSide::Sell,
            },
            sleeve: result.name(row.sleeve).to_owned(),
        })
        .collect()
    };
    let mut pictures: Vec<PricePicture> = result
        .closes
        .iter()
        .map(|(symbol, points)| PricePicture {
            symbol: symbol.clone(),
            points: points.clone(),
            trades: trades(symbol),
        })
        .collect();
    pictures.sort_by_key(|picture| std::cmp::Reverse(picture.trades.len()));
    pictures.truncate(PRICES_MAX);
    pictures
}

/// Every figure, those that the data can't give with their reason.
fn column(name: &str, figures: &Figures) -> FigureColumn {
    let missing = |key: &str| {
        let why = figures.why.get(key).map_or("not enough data", String::as_str);
        format!("\u{2013} ({why})")
    };
    let part = |key: &str, figure: Option<f64>| {
        fact(key, figure.map_or_else(|| missing(key), |f| format!("{:.2} %", f * 100.0)))
    };
    let ratio = |key: &str, figure: Option<f64>| {
        fact(key, figure.map_or_else(|| missing(key), |f| format!("{f:.2}")))
    };
    FigureColumn {
        sleeve: name.to_owned(),
        figures: vec![
            part("total_return", figures.total_return),
            part("annual_return", figures.annual_return),
            part("annual_volatility", figures.annual_volatility),
            ratio("sharpe", figures.sharpe),
            ratio("sortino", figures.sortino),
            part("max_drawdown", figures.max_drawdown),
            ratio("calmar", figures.calmar),
            ratio("omega", figures.omega),
            part("var_95", figures.var_95),
            part("cvar_95", figures.cvar_95),
            fact("round_trips", figures.round_trips.to_string()),
            part("win_rate", figures.win_rate),
            ratio("profit_factor", figures.profit_factor),
            ratio("expectancy", figures.expectancy),
        ],
    }
}

/// A sweep: a picture of the figure that sets are compared by, and all sets.
pub(super) fn of_sweep(
    ranges: &[ParamRange],
    sets: &[Params],
    results: &[SetResult],
    goal: Goal,
) -> ReportData {
    let figures: Vec<Option<f64>> = results.iter().map(|result| result.figure(goal)).collect();
    let best = best(figures.iter().copied());
    let failed = results.iter().filter(|result| result.error.is_some()).count();
    let mut facts = vec![
        fact("sets", screen::grouped(&results.len().to_string())),
        fact("failed", failed.to_string()),
    ];
    if let Some(best) = best {
        facts.push(fact(&format!("best {}", goal.key()), goal.text(figures[best])));
        facts.push(fact("of", name_of(&sets[best])));
    }
    let subtitle = results.iter().find_map(|result| result.summary.as_ref()).map_or_else(
        || "no set ran to its end".to_owned(),
        |summary| {
            let (start, end) = (screen::time(summary.start), screen::time(summary.end));
            format!("{} bars, {start} to {end}", screen::grouped(&summary.bars.to_string()))
        },
    );
    ReportData {
        title: "Parameter sweep".to_owned(),
        subtitle,
        facts,
        pictures: picture(ranges, &figures, goal).into_iter().collect(),
        tables: vec![set_table(sets, results, goal)],
        ..ReportData::default()
    }
}

/// A curve over one swept parameter; a heat map over the first two, each cell the best of what the
/// others can be.
fn picture(ranges: &[ParamRange], figures: &[Option<f64>], goal: Goal) -> Option<DrawnPicture> {
    let swept: Vec<usize> =
        (0..ranges.len()).filter(|place| ranges[*place].values.len() > 1).collect();
    let axis = |place: usize| Axis { name: &ranges[place].name, values: &ranges[place].values };
    // The last parameter changes fastest.
    let digit = |set: usize, place: usize| {
        let after: usize = ranges[place + 1..].iter().map(|range| range.values.len()).product();
        set / after % ranges[place].values.len()
    };
    let title = format!("{} of each set", goal.key());
    let (svg, note) = match swept.as_slice() {
        [] => return None,
        [one] => {
            let svg = value_curve(&title, axis(*one), figures, goal.scale().unit);
            (svg, "The best value is marked; a gap is a set that failed.".to_owned())
        }
        [down, across, others @ ..] => {
            let columns = ranges[*across].values.len();
            let mut cells: Vec<Option<f64>> = vec![None; columns * ranges[*down].values.len()];
            for (set, figure) in figures.iter().enumerate() {
                let cell = &mut cells[digit(set, *down) * columns + digit(set, *across)];
                if figure.is_some_and(|new| cell.is_none_or(|old| new > old)) {
                    *cell = *figure;
                }
            }
            let svg = heat_map(&title, (axis(*across), axis(*down)), &cells, goal.scale());
            let others: Vec<&str> =
                others.iter().map(|place| ranges[*place].name.as_str()).collect();
            let rest = match others.as_slice() {
                [] => String::new(),
                others => format!(" Each cell is the best over {}.", others.join(", ")),
            };
            (svg, format!("The best cell has a frame; an empty one failed.{rest}"))
        }
    };
    Some(DrawnPicture { heading: goal.key().to_owned(), note, svg: svg? })
}

fn set_table(sets: &[Params], results: &[SetResult], goal: Goal) -> TextTable {
    let mut order: Vec<usize> = (0..results.len()).collect();
    let figure = |place: &usize| results[*place].figure(goal);
    order.sort_by(|a, b| figure(b).partial_cmp(&figure(a)).unwrap_or(std::cmp::Ordering::Equal));
    let shown = order.len().min(SETS_MAX);
    let heading = if shown < order.len() {
        format!("The best {shown} of {} sets by {}", order.len(), goal.key())
    } else {
        format!("All sets by {}", goal.key())
    };
    let rows = order.into_iter().take(shown).map(|place| {
        let result = &results[place];
        let name = name_of(&sets[place]);
        match (&result.summary, &result.error) {
            (Some(summary), None) => vec![
                name,
                goal.text(goal.of(summary)),
                screen::money(summary.final_equity),
                Goal::TotalReturn.text(summary.figures.total_return),
                Goal::Sharpe.text(summary.figures.sharpe),
                Goal::MaxDrawdown.text(summary.figures.max_drawdown),
                summary.fills.to_string(),
                String::new(),
            ],
            (_, error) => {
                let mut row = vec![String::new(); 8];
                (row[0], row[7]) = (name, error.clone().unwrap_or_default());
                row
            }
        }
    });
    let by = format!(">{}", goal.key());
    let headings =
        ["Set", &by, ">Final equity", ">Return", ">Sharpe", ">Drawdown", ">Fills", "Failed"];
    TextTable { heading, headings: headings.map(str::to_owned).to_vec(), rows: rows.collect() }
}

/// A walk-forward: the chained out-of-sample runs, and every window.
pub(super) fn of_walk(walked: &Walked, chained: &BacktestResult) -> ReportData {
    let mut data = of_run(chained);
    data.title = format!("Walk-forward, {}", data.title.replacen("Backtest", "backtest", 1));
    data.facts.insert(0, fact("windows", walked.windows.len().to_string()));
    data.tables = vec![TextTable {
        heading: format!("Windows: the best {} of each chosen in sample", walked.by),
        headings: WINDOW_COLUMNS
            .iter()
            .map(|column| {
                let text =
                    matches!(*column, "params" | "in_from" | "in_to" | "out_from" | "out_to");
                let column = column.replace('_', " ");
                if text { column } else { format!(">{column}") }
            })
            .collect(),
        rows: walked.windows.iter().map(|window| window.shown().to_vec()).collect(),
    }];
    data
}
