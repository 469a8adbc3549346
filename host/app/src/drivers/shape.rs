//! Bars of any length, built out of one-minute bars or of trades. Pure: bars go in, complete ones come
//! out; every driver uses it, live, in the loop and for history, so that a bot sees the same bars
//! everywhere.
//!
//! **Where a bar begins.** Bars shorter than a day begin at multiples of their length since midnight
//! (New York's for stocks, UTC's for pairs), and the day's last one ends with the day; none of a
//! stock goes on beyond a session's close. Bars of a day or more hold whole days, counted from 1970, and begin at the first one's midnight; of stocks they
//! hold the regular sessions alone, as the exchange's own daily bars do.
//!
//! **When it is complete**: with the minute that ends where it ends, or with the first event at or
//! after its end, of any instrument that is built for, or with the session's end. A bar that nothing
//! was traded in does not exist.

use stockade_core::instrument::AssetClass;
use stockade_core::market::{Bar, Trade};
use stockade_core::{InstrumentId, Timestamp};
use stockade_exchange::{Nanos, calendar};
use stockade_runtime::{BarShape, BarSource};

/// A day.
const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// The bars that a bot asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Nanoseconds, above zero; beyond a day, whole days.
    pub(crate) length: i64,
    /// What they are built of.
    pub(crate) source: Source,
}

impl Shape {
    /// What a bot's description asks for.
    pub(crate) fn of(asked: BarShape) -> Self {
        let source = match asked.source {
            BarSource::Minutes => Source::Minutes,
            BarSource::Trades => Source::Trades,
        };
        Self { length: asked.length, source }
    }
}

/// What bars are built of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// One-minute bars.
    Minutes,
    /// Trades.
    Trades,
}

/// One instrument's bar under way.
#[derive(Debug, Clone, Copy)]
struct Open {
    bar: Bar,
    end: Timestamp,
}

/// What is known of an instrument.
#[derive(Debug, Clone, Copy)]
struct Slot {
    instrument: InstrumentId,
    class: AssetClass,
    /// The window of the last event, kept because most events fall into it.
    window: Option<Window>,
    open: Option<Open>,
}

/// A bar's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    start: Timestamp,
    end: Timestamp,
    /// What is not inside is not in the bar: of stocks the regular session, where bars are of days.
    from: Timestamp,
    until: Timestamp,
}

/// Builds bars of one length for some instruments.
#[derive(Debug, Clone)]
pub(crate) struct Builder {
    length: i64,
    slots: Vec<Slot>,
}

impl Builder {
    /// One that has seen nothing. `length` is above zero nanoseconds.
    pub(crate) fn new(
        length: i64,
        instruments: impl IntoIterator<Item = (InstrumentId, AssetClass)>,
    ) -> Self {
        let slot = |(instrument, class)| Slot { instrument, class, window: None, open: None };
        let mut slots: Vec<Slot> = instruments.into_iter().map(slot).collect();
        slots.sort_by_key(|slot| slot.instrument);
        Self { length: length.max(1), slots }
    }

    /// Takes the bars of one time stamp, each `interval` long; appends those that are complete now,
    /// by time and then in table order.
    pub(crate) fn bars(&mut self, bars: &[Bar], interval: i64, out: &mut Vec<Bar>) {
        let Some(first) = bars.first() else { return };
        let begun = out.len();
        self.complete(first.at, out);
        for bar in bars {
            let Some(slot) = self.slot(bar.instrument) else { continue };
            self.add(slot, bar);
            let ends = bar.at.plus(interval);
            let open = &mut self.slots[slot].open;
            if open.is_some_and(|open| ends >= open.end) {
                out.extend(open.take().map(|open| open.bar));
            }
        }
        sort(&mut out[begun..]);
    }

    /// Takes a trade; appends the bars that are complete now.
    pub(crate) fn trade(&mut self, trade: &Trade, out: &mut Vec<Bar>) {
        let begun = out.len();
        self.complete(trade.at, out);
        if let Some(slot) = self.slot(trade.instrument) {
            let (instrument, at, price) = (trade.instrument, trade.at, trade.price);
            let (open, high, low, close) = (price, price, price, price);
            self.add(slot, &Bar { instrument, at, open, high, low, close, volume: trade.size });
        }
        sort(&mut out[begun..]);
    }

    /// Something happened at a time, such as a session's end: appends the bars that end by then.
    pub(crate) fn complete(&mut self, at: Timestamp, out: &mut Vec<Bar>) {
        let begun = out.len();
        for slot in &mut self.slots {
            if slot.open.is_some_and(|open| open.end <= at) {
                out.extend(slot.open.take().map(|open| open.bar));
            }
        }
        sort(&mut out[begun..]);
    }

    fn slot(&self, instrument: InstrumentId) -> Option<usize> {
        self.slots.binary_search_by_key(&instrument, |slot| slot.instrument).ok()
    }

    /// Adds what happened in a bar or at a trade to the bar under way.
    fn add(&mut self, slot: usize, part: &Bar) {
        let length = self.length;
        let slot = &mut self.slots[slot];
        // Inside of days of stocks there are hours that belong to no bar.
        let alike = length < DAY_NS || slot.class == AssetClass::Crypto;
        let known = slot.window.filter(|window| window.start <= part.at && part.at < window.end);
        let known = known.filter(|_| alike);
        let window = known.unwrap_or_else(|| window_of(part.at, length, slot.class));
        slot.window = Some(window);
        if part.at < window.from || part.at >= window.until {
            return;
        }
        match &mut slot.open {
            Some(open) => {
                open.bar.high = open.bar.high.max(part.high);
                open.bar.low = open.bar.low.min(part.low);
                open.bar.close = part.close;
                open.bar.volume += part.volume;
            }
            None => {
                let bar = Bar { at: window.start, ..*part };
                slot.open = Some(Open { bar, end: window.until.min(window.end) });
            }
        }
    }
}

fn sort(bars: &mut [Bar]) {
    bars.sort_by_key(|bar| (bar.at, bar.instrument));
}

/// The window that a time falls into.
fn window_of(at: Timestamp, length: i64, class: AssetClass) -> Window {
    let stock = class == AssetClass::Equity;
    let date = |at: i64| if stock { Nanos(at).new_york_date() } else { Nanos(at).utc_date() };
    let midnight = |days: i64| -> i64 {
        // Days since 1970 lie within 32 bits for every time there is.
        let day = Nanos(0).utc_date().plus(i32::try_from(days).unwrap_or(i32::MAX));
        if stock { day.at_new_york(0, 0).0 } else { day.midnight_utc().0 }
    };
    let today = date(at.0).midnight_utc().0.div_euclid(DAY_NS);
    if length < DAY_NS {
        let (from, to) = (midnight(today), midnight(today + 1));
        let mut start = from + (at.0 - from).div_euclid(length) * length;
        let mut end = (start + length).min(to);
        // Where a bar would go on beyond a session's close it ends there, and what is after hours
        // begins another.
        let session = if stock { calendar::session(date(at.0)) } else { None };
        if let Some(close) = session.map(|session| session.close.0)
            && start < close
            && close < end
        {
            if at.0 < close { end = close } else { start = close }
        }
        let (start, end) = (Timestamp(start), Timestamp(end));
        return Window { start, end, from: start, until: end };
    }
    let days = length / DAY_NS;
    let first = today.div_euclid(days) * days;
    let (start, end) = (Timestamp(midnight(first)), Timestamp(midnight(first + days)));
    if !stock {
        return Window { start, end, from: start, until: end };
    }
    // The bar ends with the last session in it, and what is traded outside of sessions is in none.
    let inside = calendar::sessions(date(start.0), date(end.0 - 1));
    let until = inside.last().map_or(end, |session| Timestamp(session.close.0));
    let session = calendar::session(date(at.0));
    let session = session.filter(|session| session.open.0 <= at.0 && at.0 < session.close.0);
    match session {
        Some(_) => Window { start, end, from: start, until },
        // Before or after hours, or a day without a session: it belongs to no bar.
        None => Window { start: at, end: at.plus(1), from: end, until: start },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;
    use stockade_core::{Price, Qty};

    const MINUTE_NS: i64 = 60 * 1_000_000_000;

    fn at(text: &str) -> Timestamp {
        Timestamp(Nanos::parse(text).expect("a time").0)
    }

    fn bar(id: u32, time: &str, cents: [i64; 4], volume: i64) -> Bar {
        let [open, high, low, close] = cents.map(|cents| Price::new(Decimal::new(cents, 2)));
        let volume = Qty::new(Decimal::from(volume));
        Bar { instrument: InstrumentId(id), at: at(time), open, high, low, close, volume }
    }

    fn stocks(length: i64) -> Builder {
        let ids = [InstrumentId(1), InstrumentId(0)];
        Builder::new(length, ids.map(|id| (id, AssetClass::Equity)))
    }

    #[test]
    fn five_minutes_are_complete_with_their_last_minute() {
        let mut builder = stocks(5 * MINUTE_NS);
        let mut out = Vec::new();
        for (time, cents, volume) in [
            ("2019-02-11T14:30:00Z", [100, 110, 90, 105], 10),
            ("2019-02-11T14:31:00Z", [105, 120, 100, 101], 20),
            ("2019-02-11T14:34:00Z", [101, 102, 80, 85], 5),
        ] {
            assert!(out.is_empty());
            builder.bars(&[bar(0, time, cents, volume)], MINUTE_NS, &mut out);
        }
        assert_eq!(out, [bar(0, "2019-02-11T14:30:00Z", [100, 120, 80, 85], 35)]);
    }

    #[test]
    fn a_missing_last_minute_is_made_up_for_by_any_event_beyond() {
        let mut builder = stocks(5 * MINUTE_NS);
        let mut out = Vec::new();
        builder.bars(&[bar(0, "2019-02-11T14:30:00Z", [1, 1, 1, 1], 1)], MINUTE_NS, &mut out);
        builder.bars(&[bar(1, "2019-02-11T14:34:00Z", [2, 2, 2, 2], 1)], MINUTE_NS, &mut out);
        assert_eq!(out, [bar(1, "2019-02-11T14:30:00Z", [2, 2, 2, 2], 1)]);
        out.clear();
        builder.bars(&[bar(1, "2019-02-11T14:35:00Z", [3, 3, 3, 3], 1)], MINUTE_NS, &mut out);
        assert_eq!(out, [bar(0, "2019-02-11T14:30:00Z", [1, 1, 1, 1], 1)]);
        out.clear();
        // The session ends at 21:00.
        builder.complete(at("2019-02-11T21:00:00Z"), &mut out);
        assert_eq!(out, [bar(1, "2019-02-11T14:35:00Z", [3, 3, 3, 3], 1)]);
    }

    #[test]
    fn a_day_of_a_stock_is_its_regular_session() {
        let mut builder = stocks(DAY_NS);
        let mut out = Vec::new();
        for (time, cents) in [
            // Before the opening at 14:30 UTC, and after the close at 21:00.
            ("2019-02-11T13:00:00Z", 500),
            ("2019-02-11T14:30:00Z", 100),
            ("2019-02-11T20:59:00Z", 104),
            ("2019-02-11T21:00:00Z", 900),
            ("2019-02-12T14:30:00Z", 107),
        ] {
            builder.bars(&[bar(0, time, [cents; 4], 1)], MINUTE_NS, &mut out);
        }
        // It begins at New York's midnight and was complete with the session's last minute.
        assert_eq!(out, [bar(0, "2019-02-11T05:00:00Z", [100, 104, 100, 104], 2)]);
    }

    #[test]
    fn odd_lengths_begin_anew_each_day_and_pairs_follow_utc() {
        let pair = [(InstrumentId(0), AssetClass::Crypto)];
        let mut builder = Builder::new(7 * 60 * MINUTE_NS, pair);
        let mut out = Vec::new();
        for time in ["2021-12-31T21:30:00Z", "2021-12-31T23:59:00Z", "2022-01-01T00:00:00Z"] {
            builder.bars(&[bar(0, time, [1; 4], 1)], MINUTE_NS, &mut out);
        }
        assert_eq!(out, [bar(0, "2021-12-31T21:00:00Z", [1; 4], 2)]);
        let mut days = Builder::new(2 * DAY_NS, pair);
        out.clear();
        // 2022-01-02 is day 18994 since 1970, an even one.
        for time in ["2022-01-02T05:00:00Z", "2022-01-03T05:00:00Z", "2022-01-04T00:00:00Z"] {
            days.bars(&[bar(0, time, [1; 4], 1)], MINUTE_NS, &mut out);
        }
        assert_eq!(out, [bar(0, "2022-01-02T00:00:00Z", [1; 4], 2)]);
    }

    #[test]
    fn no_bar_of_a_stock_goes_on_beyond_the_close() {
        let mut builder = stocks(7 * MINUTE_NS);
        let mut out = Vec::new();
        // 16:00 in New York lies inside of a window of seven minutes that begins at 15:59.
        for time in ["2019-02-11T20:59:00Z", "2019-02-11T21:00:00Z", "2019-02-11T21:06:00Z"] {
            builder.bars(&[bar(0, time, [1; 4], 1)], MINUTE_NS, &mut out);
        }
        let starts: Vec<Timestamp> = out.iter().map(|bar| bar.at).collect();
        assert_eq!(starts, [at("2019-02-11T20:59:00Z"), at("2019-02-11T21:00:00Z")]);
    }

    #[test]
    fn trades_make_bars_of_seconds() {
        let mut builder = stocks(10 * 1_000_000_000);
        let mut out = Vec::new();
        let trade = |time: &str, cents: i64, size: i64| Trade {
            instrument: InstrumentId(0),
            at: at(time),
            price: Price::new(Decimal::new(cents, 2)),
            size: Qty::new(Decimal::from(size)),
        };
        for (time, cents, size) in [
            ("2019-02-11T14:30:01.5Z", 100, 5),
            ("2019-02-11T14:30:09.999Z", 90, 6),
            ("2019-02-11T14:30:10Z", 95, 7),
        ] {
            builder.trade(&trade(time, cents, size), &mut out);
        }
        assert_eq!(out, [bar(0, "2019-02-11T14:30:00Z", [100, 100, 90, 90], 11)]);
    }

    /// Whatever is cut how: the same bars come out of single events, and nothing is lost or doubled.
    #[test]
    fn volumes_add_up_and_bars_never_overlap() {
        let mut builder = stocks(13 * MINUTE_NS);
        let mut out = Vec::new();
        let start = at("2019-02-11T14:30:00Z");
        for minute in 0..3_000_i64 {
            if minute % 17 == 3 {
                continue;
            }
            let time = start.plus(minute * MINUTE_NS);
            let one = bar(0, "2019-02-11T14:30:00Z", [100 + minute; 4], 1);
            builder.bars(&[Bar { at: time, ..one }], MINUTE_NS, &mut out);
        }
        builder.complete(at("2019-03-11T14:30:00Z"), &mut out);
        let volume: Qty = out.iter().map(|bar| bar.volume).sum();
        let given = (0..3_000).filter(|minute| minute % 17 != 3).count();
        assert_eq!(volume, Qty::new(Decimal::from(given)));
        assert!(out.windows(2).all(|pair| pair[0].at < pair[1].at && pair[0].close < pair[1].open));
    }
}
