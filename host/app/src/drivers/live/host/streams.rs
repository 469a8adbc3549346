//! What the streams bring to a host: the account's reports, market data, and the bars that were
//! missed while a stream was down.

use anyhow::{Result, bail};
use stockade_core::Symbol;
use stockade_core::desk::Event;
use stockade_core::market::MarketEvent;
use stockade_core::sleeve::Prices as _;
use stockade_venue::alpaca::{AccountMessage, Feed, MarketMessage, SymbolBar};

use super::super::bots::MINUTE_NS;
use super::super::gap::Missed;
use super::super::market;
use super::super::outbox::Held;
use super::super::tap::{Tap, TapMessage};
use super::{Host, Parts};

impl Host {
    pub(super) async fn on_account(&mut self, message: AccountMessage) -> Result<()> {
        match message {
            AccountMessage::Up => {
                self.account_stream = true;
                self.put(Event::AccountStream { up: true }, None).await
            }
            AccountMessage::Down { why } => {
                self.account_stream = false;
                tracing::warn!(account = %self.parts.label, %why, "the account stream is down");
                self.put(Event::AccountStream { up: false }, None).await
            }
            AccountMessage::Update(update) => {
                if let Some(fill) = &update.fill {
                    self.parts.clock.see(fill.at);
                }
                self.put(Event::TradeUpdate { update: *update }, None).await
            }
        }
    }

    pub(super) async fn on_market(&mut self, feed: Feed, message: MarketMessage) -> Result<()> {
        if let Some(tap) = &mut self.tap {
            tap.pass(feed, &message, self.parts.feeds.confirmed());
        }
        match message {
            MarketMessage::Up => (self.data_stream, self.data_was_up) = (true, true),
            MarketMessage::Confirmed { bars } => {
                let Parts { bots, feeds, desk, clock, simulated, .. } = &mut self.parts;
                let by_bots = |symbol: &Symbol| bots.seen(desk.find(symbol)?);
                let by_orders = |symbol: &Symbol| simulated.as_ref()?.seen(symbol);
                let seen =
                    |symbol: &Symbol| by_bots(symbol).into_iter().chain(by_orders(symbol)).min();
                feeds.confirm(feed, bars, clock.now().market, seen);
                self.read_for_starts();
            }
            MarketMessage::Down { why } => {
                self.data_stream = false;
                self.parts.feeds.down(feed);
                tracing::warn!(account = %self.parts.label, %why, "the data stream is down");
            }
            MarketMessage::Partial { missing } => {
                tracing::warn!(account = %self.parts.label, ?missing, "the broker sends less than was asked for");
            }
            MarketMessage::Error { code: 406, message }
                if !self.parts.take_over && !self.data_was_up =>
            {
                bail!(
                    "another program reads the market data of account {} ({message}, code 406): two hosts on one \
                     account would trade against each other; stop it, or start with --take-over",
                    self.parts.label
                );
            }
            MarketMessage::Error { code, message } => {
                tracing::error!(account = %self.parts.label, code, %message, "the data stream");
            }
            MarketMessage::Bars(bars) => {
                let bars = self.parts.feeds.take(feed, bars);
                self.trade_at(&bars)?;
                for event in market::bars(&self.parts.desk, &bars) {
                    self.market_event(event).await?;
                }
            }
            MarketMessage::Quote(quote) => {
                if let Some(event) = market::quote(&self.parts.desk, &quote) {
                    self.market_event(event).await?;
                }
            }
            MarketMessage::Trade(trade) => {
                if let Some(event) = market::trade(&self.parts.desk, &trade) {
                    self.market_event(event).await?;
                }
            }
        }
        Ok(())
    }

    /// Bars that ended while a stream was down, then those that it has brought since.
    pub(super) async fn on_missed(&mut self, missed: Missed) -> Result<()> {
        let filled = self.parts.feeds.fill(missed);
        self.trade_at(&filled.past)?;
        for event in market::bars(&self.parts.desk, &filled.past) {
            if let MarketEvent::Bars { bars } = &event {
                self.parts.bots.missed(bars);
            }
            self.seen(event).await?;
        }
        self.trade_at(&filled.present)?;
        for event in market::bars(&self.parts.desk, &filled.present) {
            self.market_event(event).await?;
        }
        Ok(())
    }

    /// The orders at a broker that is simulated meet bars before any bot hears of them.
    fn trade_at(&self, bars: &[SymbolBar]) -> Result<()> {
        match &self.parts.simulated {
            Some(simulated) if !bars.is_empty() => simulated.push(bars),
            _ => Ok(()),
        }
    }

    /// The host of a shadow wants to see this one's market.
    pub(super) fn on_tap(&mut self, message: TapMessage) {
        match (message, &mut self.tap) {
            (TapMessage::Open(out), tap) => {
                *tap = Some(Tap::open(out, self.parts.feeds.confirmed()));
            }
            (TapMessage::Want(wanted), Some(tap)) => tap.want(wanted),
            (TapMessage::Want(_), None) => {}
        }
        self.feed_wanted();
    }

    async fn market_event(&mut self, event: MarketEvent) -> Result<()> {
        self.parts.bots.market(&event);
        self.seen(event).await
    }

    /// The desk, the clock and the curve take note of the market. No bot is called before.
    async fn seen(&mut self, event: MarketEvent) -> Result<()> {
        self.parts.clock.see(market::reached(&event, MINUTE_NS));
        self.put(Event::Market { market: event }, None).await?;
        self.watch_session().await?;
        let now = self.parts.clock.now().market;
        if now.since(self.sampled_at) >= self.parts.equity_interval_ns {
            self.sampled_at = now;
            self.put(Event::Sample { session_close: None }, None).await?;
        }
        Ok(())
    }

    /// Tells bots of the session's begin and end, and keeps the close of each day.
    pub(super) async fn watch_session(&mut self) -> Result<()> {
        let open = self.parts.desk.is_session_open();
        if open == self.session_open {
            return Ok(());
        }
        self.session_open = open;
        let now = self.parts.clock.now().market;
        let day = self.parts.desk.session_day(now);
        if !open {
            self.put(Event::Sample { session_close: day }, None).await?;
            self.outbox.hold(Held::Figures);
        }
        self.parts.bots.session(open, day.unwrap_or(0), now);
        Ok(())
    }
}
