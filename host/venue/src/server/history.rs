//! The bars of the feed by symbol, and what of them is past at the market's present time.
//!
//! The whole feed is in memory; a question never sees beyond the time it is asked at. Coarser
//! bars are added up from the feed's own. The feed has no trade counts and no average prices, so
//! `n` counts the feed's bars in a bar and `vw` weighs their (high + low + close) / 3 by volume.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use stockade_exchange::time::Date;

use super::time::{HOUR, MINUTE, date, midnight};
use super::value::Value;

/// One bar of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedBar {
    /// As the data interface writes it: `SPY`, `BTC/USD`.
    pub symbol: String,
    /// Whether it trades round the clock on the crypto endpoints.
    pub crypto: bool,
    /// Start of the interval.
    pub start: i64,
    /// End of the interval: when the bar is known.
    pub end: i64,
    /// First price.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Shares or coins.
    pub volume: Decimal,
}

/// A bar as it is answered: one of the feed, or several added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    start: i64,
    open: Decimal,
    high: Decimal,
    low: Decimal,
    close: Decimal,
    volume: Decimal,
    count: i64,
    /// Sum of typical price × volume.
    turnover: Decimal,
}

impl Row {
    /// The one bar.
    pub(crate) fn of(bar: &FeedBar) -> Self {
        Self {
            start: bar.start,
            open: bar.open,
            high: bar.high,
            low: bar.low,
            close: bar.close,
            volume: bar.volume,
            count: 1,
            turnover: typical(bar).checked_mul(bar.volume).unwrap_or_default(),
        }
    }

    fn add(&mut self, bar: &FeedBar) {
        self.high = self.high.max(bar.high);
        self.low = self.low.min(bar.low);
        self.close = bar.close;
        self.volume = self.volume.saturating_add(bar.volume);
        self.count += 1;
        let more = typical(bar).checked_mul(bar.volume).unwrap_or_default();
        self.turnover = self.turnover.saturating_add(more);
    }

    fn average(&self) -> Decimal {
        self.turnover.checked_div(self.volume).map_or(self.close, |vw| vw.round_dp(6))
    }

    /// The bar's start.
    pub(crate) const fn start(&self) -> i64 {
        self.start
    }

    /// The members of a bar, without type and symbol.
    pub(crate) fn value(&self) -> Value {
        Value::map([
            ("t", Value::Time(self.start)),
            ("o", Value::Number(self.open)),
            ("h", Value::Number(self.high)),
            ("l", Value::Number(self.low)),
            ("c", Value::Number(self.close)),
            ("v", Value::size(self.volume)),
            ("n", Value::Int(self.count)),
            ("vw", Value::Number(self.average())),
        ])
    }
}

fn typical(bar: &FeedBar) -> Decimal {
    ((bar.high + bar.low + bar.close) / Decimal::from(3)).round_dp(9)
}

/// How long a requested bar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timeframe {
    /// So many nanoseconds, counted from midnight UTC.
    Fixed(i64),
    /// A day: New York's for equities, UTC's for crypto.
    Day,
    /// A week from Monday.
    Week,
    /// So many calendar months, counted from January.
    Months(u32),
}

impl Timeframe {
    /// Reads `5Min`, `1Hour`, `1Day`, `1Week`, `3Month` and their short forms.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let n: i64 = text[..digits].parse().ok()?;
        match (&text[digits..], n) {
            ("Min" | "T", 1..=59) => Some(Self::Fixed(n * MINUTE)),
            ("Hour" | "H", 1..=23) => Some(Self::Fixed(n * HOUR)),
            ("Day" | "D", 1) => Some(Self::Day),
            ("Week" | "W", 1) => Some(Self::Week),
            ("Month" | "M", 1 | 2 | 3 | 4 | 6 | 12) => u32::try_from(n).ok().map(Self::Months),
            _ => None,
        }
    }

    /// The start of the bar that holds an instant.
    pub(crate) fn floor(self, at: i64, crypto: bool) -> i64 {
        let today = date(at, crypto);
        match self {
            Self::Fixed(length) => at - at.rem_euclid(length),
            Self::Day => midnight(today, crypto),
            Self::Week => {
                // Sunday is 0; a week begins on Monday.
                let back = i32::try_from((today.weekday() + 6) % 7).unwrap_or(0);
                midnight(today.plus(-back), crypto)
            }
            Self::Months(n) => {
                let (year, month, _) = today.ymd();
                let first = Date::new(year, (month - 1) / n * n + 1, 1).unwrap_or(today);
                midnight(first, crypto)
            }
        }
    }
}

#[derive(Debug, Default)]
struct Series {
    crypto: bool,
    bars: Vec<FeedBar>,
}

/// Every bar of the feed by symbol, in time order.
#[derive(Debug, Default)]
pub(crate) struct History {
    series: BTreeMap<String, Series>,
}

impl History {
    /// Sorts a feed by symbol; its bars are in time order.
    pub(crate) fn new(bars: impl IntoIterator<Item = FeedBar>) -> Self {
        let mut series: BTreeMap<String, Series> = BTreeMap::new();
        for bar in bars {
            let entry = series.entry(bar.symbol.clone()).or_default();
            entry.crypto = bar.crypto;
            entry.bars.push(bar);
        }
        Self { series }
    }

    /// Bars known at `now`, oldest first.
    pub(crate) fn known(&self, symbol: &str, now: i64) -> &[FeedBar] {
        let Some(series) = self.series.get(symbol) else {
            return &[];
        };
        &series.bars[..series.bars.partition_point(|b| b.end <= now)]
    }

    /// The last bar known at `now`.
    pub(crate) fn latest(&self, symbol: &str, now: i64) -> Option<&FeedBar> {
        self.known(symbol, now).last()
    }

    /// Bars of a timeframe whose start is within `from..=to`, known at `now`. The feed's bars are
    /// added up; a feed coarser than the timeframe has nothing to give.
    pub(crate) fn rows(
        &self,
        symbol: &str,
        timeframe: Timeframe,
        (from, to): (i64, i64),
        now: i64,
    ) -> Vec<Row> {
        let known = self.known(symbol, now);
        let mut rows: Vec<Row> = Vec::new();
        let crypto = self.series.get(symbol).is_some_and(|s| s.crypto);
        // Whole bars only: begin where the first wanted bar begins.
        let first = known.partition_point(|b| b.start < timeframe.floor(from, crypto));
        for bar in &known[first..] {
            let start = timeframe.floor(bar.start, crypto);
            if start > to {
                break;
            }
            let finer = match timeframe {
                Timeframe::Fixed(length) => bar.end - bar.start <= length,
                _ => true,
            };
            if start < from || !finer {
                continue;
            }
            match rows.last_mut() {
                Some(row) if row.start == start => row.add(bar),
                _ => rows.push(Row { start, ..Row::of(bar) }),
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::server::time::parse;

    fn bar(at: &str, close: i64, volume: i64) -> FeedBar {
        let start = parse(at).unwrap();
        let price = Decimal::from(close);
        FeedBar {
            symbol: "SPY".into(),
            crypto: false,
            start,
            end: start + MINUTE,
            open: price,
            high: price + Decimal::ONE,
            low: price - Decimal::ONE,
            close: price,
            volume: Decimal::from(volume),
        }
    }

    #[test]
    fn nothing_after_now_is_seen_and_bars_add_up() {
        let history = History::new([
            bar("2019-02-11T14:30:00Z", 100, 10),
            bar("2019-02-11T14:34:00Z", 104, 30),
            bar("2019-02-11T14:35:00Z", 90, 10),
        ]);
        let now = parse("2019-02-11T14:35:30Z").unwrap();
        let all = (i64::MIN / 2, i64::MAX / 2);
        let rows = history.rows("SPY", Timeframe::parse("5Min").unwrap(), all, now);
        assert_eq!(
            rows[0].value().to_json(),
            r#"{"t":"2019-02-11T14:30:00Z","o":100,"h":105,"l":99,"c":104,"v":40,"n":2,"vw":103}"#
        );
        assert_eq!(rows.len(), 1);
        assert_eq!(history.rows("SPY", Timeframe::Fixed(MINUTE), all, now + MINUTE).len(), 3);
        assert_eq!(history.latest("SPY", now).unwrap().close, Decimal::from(104));
        assert!(history.rows("QQQ", Timeframe::Day, all, now).is_empty());
    }

    #[test]
    fn calendar_bars_begin_at_midnight_in_new_york() {
        let at = parse("2019-02-14T02:30:00Z").unwrap();
        let start = |text: &str| {
            crate::server::time::rfc3339(Timeframe::parse(text).unwrap().floor(at, false))
        };
        assert_eq!(start("1Day"), "2019-02-13T05:00:00Z");
        assert_eq!(start("1Week"), "2019-02-11T05:00:00Z");
        assert_eq!(start("3Month"), "2019-01-01T05:00:00Z");
        assert_eq!(start("1Hour"), "2019-02-14T02:00:00Z");
        assert!(Timeframe::parse("60Min").is_none());
        assert!(Timeframe::parse("Min").is_none());
    }
}
