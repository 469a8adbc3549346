//! What a strategy is handed in the loop, and when.

use std::cell::RefCell;
use std::rc::Rc;

use rust_decimal::Decimal;
use stockade_core::market::Bar;
use stockade_core::{Money, Slug, Timestamp};
use stockade_runtime::{Call, EventKind, Events, Outcome, Strike};
use stockade_venue::files::{Source, read_feed};

use super::run::{lay_out_feed, run_native};
use super::{Entry, Setup};
use crate::cli::backtest::Profile;
use crate::drivers::lockstep::{Guest, Market};
use crate::drivers::shape::{Shape, Source as BuiltOf};

const MINUTE: i64 = 60_000_000_000;

/// Everything that it was handed, with the market's time of the call.
#[derive(Default)]
struct Handed {
    bars: Vec<(Bar, Timestamp)>,
    quotes: Vec<Timestamp>,
}

struct Recorder {
    shape: Option<Shape>,
    handed: Rc<RefCell<Handed>>,
}

impl Guest for Recorder {
    fn call(&mut self, call: &Call<'_>) -> Result<Outcome, Strike> {
        let mut handed = self.handed.borrow_mut();
        match call.events {
            Events::Bars(bars) => handed.bars.extend(bars.iter().map(|bar| (*bar, call.now))),
            Events::Quotes(quotes) => handed.quotes.extend(quotes.iter().map(|quote| quote.at)),
            _ => {}
        }
        let handled = u32::try_from(call.events.len()).unwrap_or(u32::MAX);
        Ok(Outcome { handled, ..Outcome::default() })
    }

    fn hears(&self) -> bool {
        false
    }

    fn watches(&self, kind: EventKind) -> bool {
        kind == EventKind::Quotes
    }

    fn shape(&self) -> Option<Shape> {
        self.shape
    }

    fn save(&mut self) -> Result<Vec<u8>, Strike> {
        Ok(Vec::new())
    }
}

fn market(files: &[(&str, String)]) -> Market {
    let folder = tempfile::tempdir().unwrap();
    let source = |(name, text): &(&str, String)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Source { path, symbol: None }
    };
    let sources: Vec<Source> = files.iter().map(source).collect();
    lay_out_feed(&read_feed(&sources).unwrap(), &[]).unwrap()
}

/// Minutes from New York's opening on, two left out; prices rise by a cent each.
fn minutes() -> String {
    let mut text = "timestamp,open,high,low,close,volume\n".to_owned();
    for minute in (0..60).filter(|minute| ![24, 31].contains(minute)) {
        let price = Decimal::new(10_000 + minute, 2);
        let (hour, minute) = (14 + (30 + minute) / 60, (30 + minute) % 60);
        text.push_str(&format!(
            "2019-02-11T{hour}:{minute:02}:00Z,{price},{price},{price},{price},10\n"
        ));
    }
    text
}

fn run(market: &Market, shape: Option<Shape>) -> Handed {
    let capital = Money::new(Decimal::from(1_000));
    let name = Slug::new("recorder").unwrap();
    let entry = Entry { name, plugin: None, capital, params: Vec::new() };
    let setup = Setup::plain(vec![entry], capital, Profile::Reference, 1);
    let handed = Rc::new(RefCell::new(Handed::default()));
    let guest = Box::new(Recorder { shape, handed: handed.clone() });
    run_native(&setup, market, guest).unwrap();
    handed.take()
}

#[test]
fn a_bot_gets_bars_of_its_own_length_once_they_are_complete() {
    let market = market(&[("AAPL_m.csv", minutes())]);
    let shape = Shape { length: 5 * MINUTE, source: BuiltOf::Minutes };
    let handed = run(&market, Some(shape));
    // The last minutes, 15:25 to 15:29, end with the bar that they make.
    assert_eq!(handed.bars.len(), 12);
    for (place, (bar, _)) in (0..).zip(&handed.bars) {
        assert_eq!(bar.at.0, market.bars[0].at.0 + place * 5 * MINUTE);
    }
    let volume: Decimal = handed.bars.iter().map(|(bar, _)| bar.volume.get()).sum();
    assert_eq!(volume, Decimal::from(580));
    let first = handed.bars[0].0;
    assert_eq!(
        (first.open.get(), first.close.get()),
        (Decimal::new(10_000, 2), Decimal::new(10_004, 2))
    );
    assert_eq!(
        (first.high, first.low, first.volume.get()),
        (first.close, first.open, Decimal::from(50))
    );
}

#[test]
fn with_quotes_a_bar_comes_at_its_end_and_quotes_at_their_time() {
    let quotes = "timestamp,bid_price,bid_size,ask_price,ask_size\n\
                  2019-02-11T14:30:30Z,99,5,101,5\n2019-02-11T14:31:00Z,98,5,,\n";
    let market = market(&[("AAPL_m.csv", minutes()), ("AAPL_q.csv", quotes.to_owned())]);
    let handed = run(&market, None);
    assert_eq!(handed.bars.len(), 58);
    for (bar, now) in &handed.bars {
        assert_eq!(now.0, bar.at.0 + MINUTE, "a bar is known when it has ended");
    }
    let open = market.bars[0].at.0;
    assert_eq!(handed.quotes, [Timestamp(open + MINUTE / 2), Timestamp(open + MINUTE)]);
}
