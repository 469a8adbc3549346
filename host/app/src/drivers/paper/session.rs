//! The replay itself: it opens books and exchange where they stand, and takes them from time stamp
//! to time stamp to the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rust_decimal::Decimal;
use stockade_core::desk::{Command, Desk, Event};
use stockade_core::instrument::Instrument;
use stockade_core::order::OrderStatus;
use stockade_core::row::Rows;
use stockade_core::sleeve::Prices;
use stockade_core::{Money, Now, Slug, Timestamp};
use stockade_exchange as model;
use stockade_store::{Store, WriterHandle, WriterOptions};
use stockade_venue::files::Bars;
use tokio::runtime::Handle;

use super::record::Record;
use super::sink::Committed;
use crate::cli::backtest::Profile;
use crate::config::Settings;
use crate::drivers::lockstep::{Lockstep, Maker, Market};
use crate::drivers::{backtest, base, closing, model as translate};

/// Cash of the replay's account, in dollars, as a new paper account has.
pub(super) const CASH: i64 = 100_000;
/// Seed of the exchange: the default of `backtest`.
pub(super) const SEED: u64 = 1;
/// Rounds of lookups at the start before an order of unknown outcome is left as it is.
const LOOKUPS_MAX: u32 = 20;
/// Between two of them, in nanoseconds of machine time.
const LOOKUP_NS: i64 = 15_000_000_000;
/// Keeping figures takes at most one part of so many of a replay's time.
const FIGURES_SHARE: u32 = 10;
/// Looks at a difference before it counts.
const LOOKS_MAX: u32 = 4;

/// What a session is made of.
pub(super) struct Opening {
    pub(super) runtime: Handle,
    pub(super) store: Arc<Store>,
    pub(super) settings: Settings,
    pub(super) label: Slug,
    pub(super) epoch: u64,
}

/// A replay under way.
pub(super) struct Session {
    pub(super) opening: Opening,
    pub(super) lockstep: Lockstep<Committed>,
    pub(super) market: Market,
    pub(super) maker: Box<dyn Maker>,
    /// The next time stamp.
    pub(super) place: usize,
    /// Its bars were matched before the restart; what the bots make of them is still to come.
    pub(super) matched: bool,
    sampled_at: Timestamp,
    /// Day and close of the session that the market is in.
    session: Option<(u32, Timestamp)>,
    /// When figures were last kept, and how long that took.
    figures_kept: (Instant, Duration),
}

impl Session {
    /// Opens books and exchange where they stand, and compares them.
    pub(super) fn open(opening: Opening, bars: &Bars, maker: Box<dyn Maker>) -> Result<Self> {
        let (settings, controls, config) =
            backtest::rules(Profile::Live, Money::new(Decimal::from(CASH)));
        let start = Timestamp(bars.rows.first().map_or(0, |row| row.at - 1));
        let path = opening.settings.data.join(format!("exchange-{}.jsonl", opening.label));
        let mut record = Record::open(&path, &config, SEED, bars)?;
        let mut exchange = model::Exchange::new(config, SEED, translate::nanos(start))?;
        let mut market = Market::new(bars, |symbol| exchange.intern(symbol.as_str()))?;
        let rows =
            match opening.runtime.block_on(opening.store.account_load(opening.label.as_str()))? {
                Some(rows) => rows,
                None => {
                    let now = Now { market: start, machine: start };
                    let rows =
                        Rows::new_account(opening.label.clone(), base::era(), true, controls, now);
                    let opening_rows = rows.to_rows();
                    let created = opening.store.account_create(&rows.account, &opening_rows);
                    opening.runtime.block_on(created)?;
                    rows
                }
            };
        // Books that were begun before the first run stand at no time of the market yet.
        let now = rows.account.now.market.max(start);
        let matched = record.repeat(&mut exchange, &market, now);
        let place = if record.is_finished() { market.len() } else { matched.saturating_sub(1) };
        let desk = Desk::restore(rows, settings)?;
        let spawned = WriterHandle::spawn(
            &opening.store,
            opening.label.as_str(),
            opening.epoch,
            WriterOptions::default(),
        );
        let writer = opening.runtime.block_on(spawned)?;
        let sink = Committed::new(
            opening.runtime.clone(),
            opening.store.clone(),
            opening.label.clone(),
            writer,
            record,
        );
        let epoch = opening.epoch;
        let mut lockstep = Lockstep::new(desk, exchange, sink, now);
        let listed: Vec<Instrument> = market
            .symbols
            .iter()
            .map(|symbol| translate::instrument_of(&lockstep.exchange, symbol))
            .collect();
        lockstep.put(Event::Instruments { instruments: listed })?;
        place_instruments(&mut market, &lockstep.desk)?;
        let mut session = Self {
            opening,
            lockstep,
            market,
            maker,
            place,
            matched: matched > 0,
            sampled_at: now,
            session: None,
            figures_kept: (Instant::now(), Duration::ZERO),
        };
        session.lockstep.start(epoch)?;
        session.settle_unknown()?;
        session.heed_notes()?;
        Ok(session)
    }

    /// Orders that were on their way when the last process ended are looked up at once: the
    /// exchange is here, nothing is gained by waiting.
    fn settle_unknown(&mut self) -> Result<()> {
        for _ in 0..LOOKUPS_MAX {
            self.lockstep.pass(LOOKUP_NS)?;
            let unknown = |status| matches!(status, OrderStatus::Unknown | OrderStatus::Accepted);
            if !self.lockstep.desk.open_orders().any(|order| unknown(order.status)) {
                break;
            }
        }
        Ok(())
    }

    /// One time stamp.
    pub(super) fn tick(&mut self) -> Result<()> {
        let at = self.market.at(self.place);
        if let Some((day, close)) = self.session
            && at >= close
        {
            self.lockstep.put(Event::Sample { session_close: Some(day) })?;
            self.session = None;
            self.keep_figures_in_time()?;
        }
        if std::mem::take(&mut self.matched) {
            self.lockstep.decide(self.place, &self.market)?;
        } else {
            self.lockstep.tick(self.place, &self.market)?;
        }
        self.place += 1;
        if self.session.is_none() {
            let open = translate::sessions(at).into_iter().find(|s| s.open <= at && at < s.close);
            self.session = open.map(|session| (session.day, session.close));
        }
        let interval = self.opening.settings.equity_interval_seconds.saturating_mul(1_000_000_000);
        if u64::try_from(at.since(self.sampled_at)).is_ok_and(|since| since >= interval) {
            self.sampled_at = at;
            self.lockstep.put(Event::Sample { session_close: None })?;
        }
        self.heed_notes()
    }

    /// The end of the market: open day orders are cancelled, and books and exchange compared.
    pub(super) fn finish(&mut self) -> Result<()> {
        if !self.lockstep.sink.record.is_finished() {
            self.lockstep.finish()?;
        }
        if let Some((day, _)) = self.session.take() {
            self.lockstep.put(Event::Sample { session_close: Some(day) })?;
        }
        self.keep_figures()?;
        self.heed_notes()?;
        self.compare()?;
        let last = self.lockstep.desk.reconciliation();
        if !last.balanced || self.lockstep.desk.breaks().next().is_some() {
            bail!(
                "the replay has ended and books and exchange differ: stockade reconcile shows where"
            );
        }
        Ok(())
    }

    /// A replay of years closes hundreds of sessions in a minute: figures are kept as long as that
    /// takes a tenth of the time; those of the closes between come with the next pass.
    fn keep_figures_in_time(&mut self) -> Result<()> {
        let (at, took) = self.figures_kept;
        if at.elapsed() < took * FIGURES_SHARE { Ok(()) } else { self.keep_figures() }
    }

    fn keep_figures(&mut self) -> Result<()> {
        let began = Instant::now();
        let Opening { runtime, store, label, epoch, .. } = &self.opening;
        runtime.block_on(closing::keep(store, label.as_str(), *epoch))?;
        self.figures_kept = (Instant::now(), began.elapsed());
        Ok(())
    }

    /// Compares books and exchange; a difference is looked at again before it counts.
    pub(super) fn compare(&mut self) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            let before = self.lockstep.desk.reconciliation().count;
            self.lockstep.command(Command::Reconcile)?;
            let last = self.lockstep.desk.reconciliation();
            if last.count > before && last.balanced {
                return Ok(());
            }
            self.lockstep.pass(LOOKUP_NS)?;
        }
        Ok(())
    }
}

/// The loop's bars name instruments by their place in the files; a desk that was restored may have
/// them elsewhere.
fn place_instruments(market: &mut Market, desk: &Desk) -> Result<()> {
    let places = market
        .symbols
        .iter()
        .map(|symbol| {
            desk.find(symbol)
                .with_context(|| format!("{symbol} has no place in the table of instruments"))
        })
        .collect::<Result<Vec<_>>>()?;
    market.place(&places);
    Ok(())
}
