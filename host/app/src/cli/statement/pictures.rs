//! The pictures of a statement: equity, its falls, its months, trades on their prices.
//!
//! Floats stand here alone, for drawing: no number of a statement comes from them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use stockade_stats::picture::{
    Mark, Point, Shape, drawdown_curve, equity_curve as draw_equity, monthly_heat_map,
    trades_on_price,
};
use stockade_stats::{Valuation, monthly_returns, time_weighted, value};
use stockade_store::query::{
    At, EquityPoint, Filter, PgPool, QueryError, equity_curve, price_history,
};

use crate::cli::screen;
use crate::report::statement::{Picture, Statement, TradeLine};

const NANOS_PER_DAY: i64 = 86_400 * 1_000_000_000;
/// Symbols that get a picture, those with the most trades first.
const SYMBOLS_MAX: usize = 8;

/// Those that there is something for.
pub(super) async fn of(pool: &PgPool, statement: &Statement) -> Result<Vec<Picture>, QueryError> {
    let mut pictures = Vec::new();
    let filter = Filter {
        account: Some(statement.account.clone()),
        sleeve: statement.sleeve.clone(),
        to: Some(statement.to.0),
        at: statement.as_of.map(|at| at.0),
        ..Filter::default()
    };
    let all = together(equity_curve(pool, &filter).await?);
    let period: Vec<Point> =
        all.iter().filter(|point| point.at >= statement.from).filter_map(drawn).collect();
    let whose = statement.sleeve.as_ref().unwrap_or(&statement.account);
    push(&mut pictures, "Equity", draw_equity(&format!("Equity of {whose}"), &period));
    let title = "Fall below the highest equity so far";
    push(&mut pictures, "Drawdown", drawdown_curve(title, &period));
    push(&mut pictures, "Months", months(&all));
    pictures.extend(trades(pool, statement).await?);
    Ok(pictures)
}

/// One curve of all sleeves that were sampled: each sample is of all of them.
fn together(points: Vec<EquityPoint>) -> Vec<EquityPoint> {
    let mut whole: Vec<EquityPoint> = Vec::new();
    for point in points {
        let same = |last: &&mut EquityPoint| {
            (last.at, last.session_close) == (point.at, point.session_close)
        };
        // Two kinds of sample of one moment stand sleeve by sleeve.
        match whole.iter_mut().rev().take(2).find(same) {
            Some(last) => {
                last.equity.0 += point.equity.0;
                last.net_capital.0 += point.net_capital.0;
            }
            None => whole.push(point),
        }
    }
    whole.sort_by_key(|point| (point.at, point.session_close));
    whole
}

fn push(pictures: &mut Vec<Picture>, title: &str, svg: Option<String>) {
    pictures.extend(svg.map(|svg| Picture { title: title.to_owned(), svg }));
}

fn drawn(point: &EquityPoint) -> Option<Point> {
    Some(Point { at: point.at.0, value: value(point.equity)? })
}

/// Time-weighted returns by month, of everything that is known up to the statement's end.
fn months(points: &[EquityPoint]) -> Option<String> {
    let sessions = points.iter().any(|point| point.session_close != 0);
    let day = |point: &EquityPoint| point.at.0.div_euclid(NANOS_PER_DAY);
    let mut valuations = Vec::with_capacity(points.len());
    let mut ends = Vec::new();
    for (place, point) in points.iter().enumerate() {
        let next = points.get(place + 1);
        let flow = next.map(|next| next.net_capital.0 - point.net_capital.0).unwrap_or_default();
        let closes_period = if sessions {
            point.session_close != 0
        } else {
            next.is_none_or(|next| day(next) != day(point))
        };
        valuations.push(Valuation {
            at: point.at.0,
            equity: value(point.equity)?,
            flow: value(flow)?,
            closes_period,
        });
        // The first valuation is the base of the first period, whether it closes one or not.
        if closes_period && place > 0 {
            ends.push(point.at.0);
        }
    }
    let returns = time_weighted(&valuations).ok()?;
    let skipped = ends.len().checked_sub(returns.len())?;
    monthly_heat_map("Returns by month", &monthly_returns(&returns, &ends[skipped..]))
}

/// A picture for each of the symbols with the most trades, on the prices that the books keep and
/// those of the trades themselves.
async fn trades(pool: &PgPool, statement: &Statement) -> Result<Vec<Picture>, QueryError> {
    let mut by_symbol: BTreeMap<&str, Vec<&TradeLine>> = BTreeMap::new();
    for trade in &statement.trades {
        by_symbol.entry(&trade.symbol).or_default().push(trade);
    }
    let mut symbols: Vec<_> = by_symbol.into_iter().collect();
    symbols.sort_by_key(|(_, trades)| std::cmp::Reverse(trades.len()));
    let (account, as_of) = (&statement.account, statement.as_of.map(|at| at.0));
    let mut pictures = Vec::new();
    for (symbol, mut trades) in symbols.into_iter().take(SYMBOLS_MAX) {
        trades.sort_by_key(|trade| trade.at);
        let kept = price_history(pool, account, symbol, as_of).await?;
        let kept = kept.iter().filter(|(at, _)| (statement.from..statement.to).contains(at));
        let kept = kept.map(|(at, price)| (*at, price.0));
        let traded = trades.iter().map(|trade| (trade.at, trade.price));
        let mut prices: Vec<_> = kept.chain(traded).collect();
        prices.sort_by_key(|(at, _)| *at);
        let point = |(at, price): (At, Decimal)| Some(Point { at: at.0, value: value(price)? });
        let prices: Vec<Point> = prices.into_iter().filter_map(point).collect();
        let title = format!("{symbol}: trades on the price");
        let marks = trades.into_iter().filter_map(mark).collect();
        let svg = trades_on_price(&title, &prices, marks);
        push(&mut pictures, &title, svg);
    }
    Ok(pictures)
}

fn mark(trade: &TradeLine) -> Option<Mark> {
    let (shape, verb) =
        if trade.side == "buy" { (Shape::Buy, "bought") } else { (Shape::Sell, "sold") };
    let (qty, price) = (trade.qty.normalize(), trade.price.normalize());
    let title = format!("{verb} {qty} at {price}, {}", screen::time(trade.at));
    Some(Mark { at: trade.at.0, value: value(trade.price)?, shape, title })
}
