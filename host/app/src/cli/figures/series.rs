//! Where the figures' series come from: a file, or the books of a sleeve.

use std::path::Path;

use stockade_core::Slug;
use stockade_stats::{CashFlow, Options, Valuation, time_weighted, value};
use stockade_store::query::{
    EquityPoint, Filter, equity_curve, round_trip_list, sleeve_show, trades_crypto,
};
use stockade_venue::files::{FileError, read_equity};

use crate::cli::context::{Context, failed, not_found};
use crate::failure::Failure;

const NANOS_PER_DAY: i64 = 86_400 * 1_000_000_000;

/// What is reckoned with.
#[derive(Default)]
pub(crate) struct Data {
    pub(crate) series: Vec<f64>,
    pub(crate) are_returns: bool,
    pub(crate) round_trips: Vec<f64>,
    pub(crate) flows: Vec<CashFlow>,
    pub(crate) periods: Option<f64>,
    pub(crate) refused: Option<String>,
}

/// A file that was not taken.
pub(crate) fn wrong_file(error: FileError) -> Failure {
    Failure::Usage(Failure::from(anyhow::Error::new(error)).to_string())
}

/// The equities of a file.
pub(crate) fn equities(file: &Path) -> Result<Vec<f64>, Failure> {
    let rows = read_equity(file).map_err(wrong_file)?;
    Ok(rows.iter().filter_map(|row| value(row.equity)).collect())
}

/// What a file gives.
pub(crate) fn of_file(file: &Path) -> Result<Data, Failure> {
    let rows = read_equity(file).map_err(wrong_file)?;
    let amount = |place: usize, sign: f64| {
        let row = rows.get(place)?;
        Some(CashFlow { at: row.at, amount: sign * value(row.equity)? })
    };
    let flows = [amount(0, -1.0), amount(rows.len().saturating_sub(1), 1.0)];
    Ok(Data {
        series: rows.iter().filter_map(|row| value(row.equity)).collect(),
        flows: flows.into_iter().flatten().collect(),
        ..Data::default()
    })
}

/// What the books of a sleeve give.
pub(crate) async fn of_sleeve(context: &Context, name: &Slug) -> Result<Data, Failure> {
    let pool = context.pool().await?;
    let found =
        sleeve_show(&pool, context.account().as_deref(), name.as_str()).await.map_err(failed)?;
    let sleeve = found.ok_or_else(|| not_found("sleeve", name))?;
    let filter = Filter {
        account: Some(sleeve.account.clone()),
        sleeve: Some(sleeve.name.clone()),
        ..Filter::default()
    };
    let points = equity_curve(&pool, &filter).await.map_err(failed)?;
    let trips = round_trip_list(&pool, &filter).await.map_err(failed)?;
    let crypto = trades_crypto(&pool, &sleeve.account, &sleeve.name).await.map_err(failed)?;
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
            let flow =
                next.map(|next| next.net_capital.0 - point.net_capital.0).unwrap_or_default();
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
    let begin = value(first.equity).map(|equity| CashFlow { at: first.at.0, amount: -equity });
    let changes = points.windows(2).filter_map(|pair| {
        let paid_in = pair[1].net_capital.0 - pair[0].net_capital.0;
        (!paid_in.is_zero()).then_some(())?;
        Some(CashFlow { at: pair[1].at.0, amount: -value(paid_in)? })
    });
    let end = value(last.equity).map(|equity| CashFlow { at: last.at.0, amount: equity });
    begin.into_iter().chain(changes).chain(end).collect()
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
        let points = [point(1, 100, 100, 0), point(20, 90, 100, 0), point(25, 99, 100, 0)];
        let closes: Vec<bool> = valuations(&points).iter().map(|v| v.closes_period).collect();
        assert_eq!(closes, [false, true, true]);
    }
}
