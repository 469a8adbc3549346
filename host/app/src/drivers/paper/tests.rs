//! The replay against the backtest of the same rules: the same executions, however often it is
//! killed on the way.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::Path;
use std::sync::Arc;

use rust_decimal::Decimal;
use stockade_core::desk::{BotRequest, Command, Reply};
use stockade_core::order::{Intent, OrderType, Side, Size, TimeInForce};
use stockade_core::row::BotRow;
use stockade_core::{IntentId, Money, Qty, Slug, Symbol};
use stockade_exchange::Sessions;
use stockade_runtime::{BotInstrument, Call, Cause, Events, Outcome, Strike};
use stockade_store::Store;
use stockade_store::query::{Filter, execution_list};
use stockade_store::testing::TestDatabase;
use stockade_venue::files::{Bars, Source, read_bars};
use tokio::runtime::Handle;

use super::session::{CASH, Opening, SEED, Session};
use crate::cli::backtest::Profile;
use crate::config::{Environment, Flags, Settings};
use crate::drivers::backtest::{Entry, Setup, lay_out, run_made};
use crate::drivers::base;
use crate::drivers::bench::market;
use crate::drivers::lockstep::{Guest, Made, Maker};
use crate::link::{Answer, Task};

/// Every so many bars of all its symbols it buys what it doesn't hold and sells what it does. At the
/// live bar with the number `stumbles_at` it is struck.
struct Walker {
    bars: u64,
    stumbles_at: Option<u64>,
}

const EVERY: u64 = 9;

impl Guest for Walker {
    fn call(&mut self, call: &Call<'_>) -> Result<Outcome, Strike> {
        let mut outcome = Outcome::default();
        let Events::Bars(bars) = call.events else {
            outcome.handled = u32::try_from(call.events.len()).unwrap();
            return Ok(outcome);
        };
        for (place, bar) in bars.iter().enumerate() {
            if !outcome.requests.is_empty() && bars[place - 1].at != bar.at {
                break;
            }
            outcome.handled += 1;
            self.bars += 1;
            if self.stumbles_at == Some(self.bars) && !call.warm_up {
                return Err(Strike::of(Cause::Gone));
            }
            let busy = call.view.orders.iter().any(|order| order.instrument == bar.instrument);
            if !self.bars.is_multiple_of(EVERY) || call.warm_up || busy {
                continue;
            }
            let held =
                call.view.position(bar.instrument).map_or(Qty::ZERO, |position| position.qty);
            let (side, qty) = if held.is_positive() {
                (Side::Sell, held)
            } else {
                (Side::Buy, Qty::new(Decimal::from(7)))
            };
            let place = u64::try_from(outcome.requests.len()).unwrap();
            outcome.requests.push(BotRequest::Submit {
                intent_id: IntentId(call.view.next_intent.0 + place),
                intent: Intent {
                    symbol: call.prices.instrument(bar.instrument).unwrap().symbol.clone(),
                    side,
                    size: Size::Qty(qty),
                    order_type: OrderType::Market,
                    time_in_force: TimeInForce::Day,
                    extended_hours: false,
                    reason: None,
                    tag: None,
                    lot: None,
                },
            });
        }
        Ok(outcome)
    }

    fn hears(&self) -> bool {
        true
    }

    fn save(&mut self) -> Result<Vec<u8>, Strike> {
        Ok(self.bars.to_le_bytes().to_vec())
    }
}

struct Walkers {
    stumbles_at: Option<u64>,
}

impl Maker for Walkers {
    fn make(
        &mut self,
        _: &BotRow,
        _: Vec<BotInstrument>,
        state: Option<&[u8]>,
    ) -> anyhow::Result<Made> {
        let bars = state.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
        let guest = Box::new(Walker { bars, stumbles_at: self.stumbles_at });
        Ok(Made { guest, digest: "walker".to_owned(), version: "1".to_owned(), warm_up_bars: 0 })
    }
}

fn bars(folder: &Path) -> Bars {
    let source = |name: &str, seed| {
        let path = folder.join(format!("{name}.csv"));
        market::write(&path, seed, 900, Sessions::Calendar).unwrap();
        Source { path, symbol: Some(Symbol::new(name).unwrap()) }
    };
    // The files' order is not the alphabet's: a restored desk has another table.
    read_bars(&[source("ZZZ", 1), source("AAA", 2)]).unwrap()
}

fn symbols() -> Vec<Symbol> {
    ["ZZZ", "AAA"].map(|name| Symbol::new(name).unwrap()).to_vec()
}

fn capital() -> Money {
    Money::new(Decimal::from(50_000))
}

/// What an execution is, in words.
fn line(at: i64, symbol: &str, side: &str, qty: Decimal, price: Decimal) -> String {
    format!("{at} {symbol} {side} {} {}", qty.normalize(), price.normalize())
}

/// The executions of the backtest with the live rules.
fn expected(bars: &Bars, stumbles_at: Option<u64>) -> Vec<String> {
    let name = Slug::new("walker").unwrap();
    let entry = Entry { name, plugin: None, capital: capital(), params: Vec::new() };
    let capital = Money::new(Decimal::from(CASH));
    let setup = Setup::plain(vec![entry], capital, Profile::Live, SEED);
    let (guest, maker) = (Walker { bars: 0, stumbles_at }, Walkers { stumbles_at });
    let result =
        run_made(&setup, &lay_out(bars).unwrap(), Box::new(guest), Box::new(maker)).unwrap();
    let lines = result.executions.iter();
    lines
        .map(|e| line(e.at.0, e.symbol.as_str(), e.side.as_str(), e.qty.get(), e.price.get()))
        .collect()
}

async fn booked(store: &Store) -> Vec<String> {
    let filter =
        Filter { account: Some("replay".to_owned()), limit: Some(10_000), ..Filter::default() };
    let mut found = execution_list(store.reads(), &filter).await.unwrap();
    found.sort_by_key(|execution| execution.entry);
    let text =
        |e: &stockade_store::query::Execution| line(e.at.0, &e.symbol, &e.side, e.qty.0, e.price.0);
    found.iter().map(text).collect()
}

async fn open(database: &TestDatabase, folder: &Path, bars: &Bars) -> anyhow::Result<Session> {
    open_with(database, folder, bars, Walkers { stumbles_at: None }).await
}

async fn open_with(
    database: &TestDatabase,
    folder: &Path,
    bars: &Bars,
    maker: Walkers,
) -> anyhow::Result<Session> {
    let flags = Flags { data: Some(folder.to_owned()), ..Flags::default() };
    let opening = Opening {
        runtime: Handle::current(),
        store: Arc::new(database.store.clone()),
        settings: Settings::load(flags, Environment::default()).unwrap(),
        label: Slug::new("replay").unwrap(),
        epoch: base::lease(&database.store, "replay", true).await.unwrap(),
    };
    tokio::task::block_in_place(|| Session::open(opening, bars, Box::new(maker)))
}

fn deploy(session: &mut Session) {
    let command = Command::BotDeploy {
        name: Slug::new("walker").unwrap(),
        sleeve: None,
        capital: capital(),
        plugin: "walker".to_owned(),
        digest: "walker".to_owned(),
        version: "1".to_owned(),
        params: Vec::new(),
        symbols: symbols(),
        seed: 1,
    };
    let answer = session.answer(Task::Command(Box::new(command))).unwrap();
    assert!(matches!(answer, Answer::Reply(Reply::Done { .. })), "{answer:?}");
}

fn go_on(session: &mut Session) -> anyhow::Result<()> {
    while session.place < session.market.len() {
        session.tick()?;
    }
    session.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_gives_the_executions_of_the_backtest_with_the_live_rules() {
    let folder = tempfile::tempdir().unwrap();
    let bars = bars(folder.path());
    let database = TestDatabase::new().await;
    let mut session = open(&database, folder.path(), &bars).await.unwrap();
    tokio::task::block_in_place(|| {
        deploy(&mut session);
        go_on(&mut session).unwrap();
    });
    let expected = expected(&bars, None);
    assert!(expected.len() > 100, "{} executions are no test", expected.len());
    assert_eq!(booked(&database.store).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_killed_again_and_again_gives_the_same_executions() {
    let folder = tempfile::tempdir().unwrap();
    let bars = bars(folder.path());
    let database = TestDatabase::new().await;
    let mut session = open(&database, folder.path(), &bars).await.unwrap();
    tokio::task::block_in_place(|| deploy(&mut session));
    let mut kills = 0_u32;
    loop {
        // Another number each time, so that each kind of commit is the last one some time.
        session.lockstep.sink.commits_left = 11 + kills * 5 % 37;
        if tokio::task::block_in_place(|| go_on(&mut session)).is_ok() {
            break;
        }
        kills += 1;
        assert!(
            kills < 2_000,
            "it makes no headway: {} of {}",
            session.place,
            session.market.len()
        );
        session = open(&database, folder.path(), &bars).await.unwrap();
    }
    assert!(kills >= 20, "{kills} kills are no test");
    assert_eq!(booked(&database.store).await, expected(&bars, None));
    // A replay that has ended is not begun again.
    let ended = open(&database, folder.path(), &bars).await.unwrap();
    assert_eq!(ended.place, ended.market.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_files_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut bars = bars(folder.path());
    let database = TestDatabase::new().await;
    drop(open(&database, folder.path(), &bars).await.unwrap());
    bars.rows[3].close += Decimal::ONE;
    let error = open(&database, folder.path(), &bars).await.err().unwrap();
    assert!(error.to_string().contains("belongs to a replay of other files"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_was_struck_resumes_alike_in_a_replay_and_in_a_backtest() {
    let folder = tempfile::tempdir().unwrap();
    let bars = bars(folder.path());
    let stumbles_at = Some(700);
    let expected = expected(&bars, stumbles_at);
    assert_ne!(expected, self::expected(&bars, None), "the strike makes no difference");
    let database = TestDatabase::new().await;
    let maker = Walkers { stumbles_at };
    let mut session = open_with(&database, folder.path(), &bars, maker).await.unwrap();
    tokio::task::block_in_place(|| {
        deploy(&mut session);
        go_on(&mut session).unwrap();
    });
    assert_eq!(booked(&database.store).await, expected);
    let bot = session.lockstep.desk.bots().next().unwrap();
    assert_eq!(bot.state, stockade_core::row::BotState::Running, "{bot:?}");
    assert!(!bot.strikes.is_empty());
    // It went on to the end: most executions come after the strike.
    assert!(expected.len() > 100, "{}", expected.len());
}
