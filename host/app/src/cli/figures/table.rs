//! The figures for people: each with its value, or with why there is none.

use stockade_stats::{Figures, Performance, YearReturns};
use stockade_store::query::{Attribution, ExecutionQuality, Number, Share};

use super::Shown;
use crate::cli::screen::{Screen, money, percent, quantity};

/// Drawdowns that a screen shows.
const DRAWDOWNS_SHOWN: usize = 5;
/// Symbols that a screen shows: those that moved the profit most.
const SHARES_SHOWN: usize = 20;

/// All tables, one below the other.
pub(super) fn text(shown: &Shown) -> String {
    let found = &shown.performance;
    let mut parts = vec![figures(found).text()];
    let mut part = |heading: &str, screen: &Screen| {
        parts.push(format!("{heading}\n{}", screen.text()));
    };
    if !found.drawdowns.is_empty() {
        part("Deepest drawdowns", &drawdowns(found));
    }
    if !found.monthly.is_empty() {
        part("Returns by month, %", &monthly(&found.monthly));
    }
    if found.figures.rolling.total_return.iter().any(Option::is_some) {
        part("Rolling, over the latest window and the range of all", &rolling(&found.figures));
    }
    if let Some(attribution) = &shown.attribution {
        part("Profit by symbol", &shares(attribution, &attribution.by_symbol));
        if attribution.by_version.iter().any(|share| share.version.is_some()) {
            part("Profit by version", &shares(attribution, &attribution.by_version));
        }
    }
    if let Some(quality) = &shown.execution_quality {
        part("Executions", &executions(quality));
    }
    parts.join("\n\n")
}

fn share_text(value: Option<f64>) -> Option<String> {
    value.map(|value| format!("{:.1} %", value * 100.0))
}

fn ratio_text(value: Option<f64>) -> Option<String> {
    value.map(|value| format!("{value:.2}"))
}

fn figures(found: &Performance) -> Screen {
    let figures = &found.figures;
    let rows = [
        ("total return", "total_return", share_text(figures.total_return)),
        ("annual return", "annual_return", share_text(figures.annual_return)),
        ("money-weighted return", "money_weighted_return", share_text(found.money_weighted_return)),
        ("annual volatility", "annual_volatility", share_text(figures.annual_volatility)),
        ("Sharpe", "sharpe", ratio_text(figures.sharpe)),
        ("downside risk", "downside_risk", share_text(figures.downside_risk)),
        ("Sortino", "sortino", ratio_text(figures.sortino)),
        ("maximum drawdown", "max_drawdown", share_text(figures.max_drawdown)),
        ("Calmar", "calmar", ratio_text(figures.calmar)),
        ("omega", "omega", ratio_text(figures.omega)),
        ("beta", "beta", ratio_text(figures.beta)),
        ("alpha", "alpha", share_text(figures.alpha)),
        ("VaR 5 %", "var_95", share_text(figures.var_95)),
        ("CVaR 5 %", "cvar_95", share_text(figures.cvar_95)),
        ("win rate", "win_rate", share_text(figures.win_rate)),
        ("win rate of decided", "win_rate_decided", share_text(figures.win_rate_decided)),
        ("profit factor", "profit_factor", ratio_text(figures.profit_factor)),
        ("expectancy", "expectancy", ratio_text(figures.expectancy)),
        ("expectancy in losses", "expectancy_in_losses", ratio_text(figures.expectancy_in_losses)),
    ];
    let mut screen = Screen::new(&["FIGURE", ">VALUE", "WHY"], "");
    for (name, key, text) in rows {
        let why = figures.why.get(key).filter(|_| text.is_none());
        let text = text.unwrap_or_else(|| "not enough data".to_owned());
        // The value says so already.
        let why = why.map(|why| why.trim_start_matches("not enough data: ").to_owned());
        screen.row([name.to_owned(), text, why.unwrap_or_default()]);
    }
    screen.row(["returns".to_owned(), figures.returns.to_string(), span(found)]);
    screen.row(["round trips".to_owned(), figures.round_trips.to_string(), String::new()]);
    screen
}

fn span(found: &Performance) -> String {
    match (found.from, found.to) {
        (Some(from), Some(to)) => format!("{} to {}", day(&from.to_string()), day(&to.to_string())),
        _ => String::new(),
    }
}

fn day(time: &str) -> String {
    time.split('T').next().unwrap_or_default().to_owned()
}

fn drawdowns(found: &Performance) -> Screen {
    let headings = [">DEPTH", "START", "TROUGH", "RECOVERY", ">PERIODS", ">TO RECOVER"];
    let mut screen = Screen::new(&headings, "");
    for fall in found.drawdowns.iter().take(DRAWDOWNS_SHOWN) {
        screen.row([
            share_text(Some(fall.depth)).unwrap_or_default(),
            day(&fall.start.to_string()),
            day(&fall.trough.to_string()),
            fall.recovery.map_or_else(|| "not yet".to_owned(), |at| day(&at.to_string())),
            fall.length.to_string(),
            fall.recovery_length.map_or_else(|| "-".to_owned(), |length| length.to_string()),
        ]);
    }
    screen
}

fn monthly(years: &[YearReturns]) -> Screen {
    let headings = [
        "YEAR", ">JAN", ">FEB", ">MAR", ">APR", ">MAY", ">JUN", ">JUL", ">AUG", ">SEP", ">OCT",
        ">NOV", ">DEC", ">TOTAL",
    ];
    let mut screen = Screen::new(&headings, "");
    let cell = |value: f64| format!("{:.1}", value * 100.0);
    for year in years {
        let [jan, feb, mar, apr, may, jun, jul, aug, sep, oct, nov, dec] =
            year.months.map(|month| month.map_or_else(String::new, cell));
        let (name, total) = (year.year.to_string(), cell(year.total));
        screen.row([name, jan, feb, mar, apr, may, jun, jul, aug, sep, oct, nov, dec, total]);
    }
    screen
}

fn rolling(figures: &Figures) -> Screen {
    let rolling = &figures.rolling;
    let rows = [
        ("total return", &rolling.total_return, true),
        ("annual volatility", &rolling.annual_volatility, true),
        ("Sharpe", &rolling.sharpe, false),
        ("Sortino", &rolling.sortino, false),
        ("maximum drawdown", &rolling.max_drawdown, true),
        ("beta", &rolling.beta, false),
        ("alpha", &rolling.alpha, true),
    ];
    let mut screen = Screen::new(&["FIGURE", ">LATEST", ">LOWEST", ">HIGHEST", ">WINDOWS"], "");
    for (name, values, is_share) in rows {
        let text = |value: Option<f64>| {
            let text = if is_share { share_text(value) } else { ratio_text(value) };
            text.unwrap_or_else(|| "not enough data".to_owned())
        };
        let known = || values.iter().copied().flatten();
        screen.row([
            name.to_owned(),
            text(values.last().copied().flatten()),
            text(known().reduce(f64::min)),
            text(known().reduce(f64::max)),
            known().count().to_string(),
        ]);
    }
    screen
}

fn shares(attribution: &Attribution, shares: &[Share]) -> Screen {
    let headings = ["OF", ">ROUND TRIPS", ">REALISED", ">UNREALISED", ">PROFIT", ">% OF CAPITAL"];
    let mut screen = Screen::new(&headings, "");
    let mut largest: Vec<&Share> = shares.iter().collect();
    largest.sort_by_key(|share| std::cmp::Reverse(share.profit.0.abs()));
    let rest = largest.split_off(largest.len().min(SHARES_SHOWN));
    let mut row =
        |name: String, trips: i64, (realised, unrealised): (Number, Number), part: String| {
            let profit = money(Number(realised.0 + unrealised.0));
            screen.row([name, trips.to_string(), money(realised), money(unrealised), profit, part]);
        };
    for share in largest {
        let name = share.symbol.as_deref().or(share.version.as_deref());
        row(
            name.unwrap_or("(no trade, no version)").to_owned(),
            share.round_trips,
            (share.realised, share.unrealised),
            percent(share.contribution_pct),
        );
    }
    let sum = |part: fn(&Share) -> Number| Number(rest.iter().map(|share| part(share).0).sum());
    if !rest.is_empty() {
        let trips = rest.iter().map(|share| share.round_trips).sum();
        let parts = (sum(|share| share.realised), sum(|share| share.unrealised));
        row(format!("{} others", rest.len()), trips, parts, String::new());
    }
    let trips = shares.iter().map(|share| share.round_trips).sum();
    let parts = (attribution.realised, attribution.unrealised);
    row("total".to_owned(), trips, parts, String::new());
    screen
}

fn executions(quality: &ExecutionQuality) -> Screen {
    let part = |value: Option<Number>| {
        value.map(|value| format!("{:.1} %", value.0 * rust_decimal::Decimal::ONE_HUNDRED))
    };
    let bps = |value: Option<Number>| value.map(|value| format!("{:.2} bps", value.0));
    let seconds = |value: Option<Number>| {
        value.map(|value| format!("{:.3} s", value.0 / rust_decimal::Decimal::ONE_THOUSAND))
    };
    let slippage = &quality.slippage;
    let time = &quality.time_to_fill;
    let rows = [
        ("orders", "", Some(quality.orders.to_string())),
        ("executions", "", Some(quality.executions.to_string())),
        ("traded", "", Some(money(quality.traded))),
        ("fill rate", "fill_rate", part(quality.fill_rate)),
        ("filled in full", "filled_in_full", part(quality.filled_in_full)),
        ("slippage", "slippage", slippage.money.map(money)),
        ("slippage, of arrival", "slippage", bps(slippage.bps)),
        ("time to fill, median", "time_to_fill", seconds(time.median_ms)),
        ("time to fill, 95 %", "time_to_fill", seconds(time.p95_ms)),
        ("fees", "", Some(money(quality.fees))),
        ("fees, of traded", "fees_bps", bps(quality.fees_bps)),
        ("orders with an arrival price", "", Some(quantity(Number(slippage.orders.into())))),
    ];
    let mut screen = Screen::new(&["EXECUTIONS", ">VALUE", "WHY"], "");
    for (name, key, text) in rows {
        let why = quality.why.get(key).filter(|_| text.is_none()).copied().unwrap_or_default();
        screen.row([
            name.to_owned(),
            text.unwrap_or_else(|| "not enough data".to_owned()),
            why.trim_start_matches("not enough data: ").to_owned(),
        ]);
    }
    screen
}
