//! A market that comes from outside, bar by bar, instead of from a feed.
//!
//! Guarantees: nobody hears of anything that the disk does not have, so that an account agrees with
//! books that were told of it, whatever ends the process; a bar meets orders once; the file begins
//! anew at each start with the accounts as they are, so that it does not grow with the years.

use std::time::{SystemTime, UNIX_EPOCH};

use stockade_exchange::{Bar, Exchange, Nanos, State, SymbolId};

use super::super::config::StartError;
use super::super::history::FeedBar;
use super::super::oplog::{Entry, Header, OplogError};
use super::super::time::MINUTE;
use super::super::wire;
use super::{Engine, Pushed};

/// How long news of a bar's end may take to come here, and be answered by an order: such an order
/// meets the bar that began with that end. What is sent later waits for the next one, since nobody
/// knows which of the bar's prices came after it.
const GRACE: i64 = MINUTE / 6;

/// The market's time now, where it goes on with the machine's.
pub(super) fn present(pushed: &Pushed) -> Option<i64> {
    let offset = pushed.offset?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX).saturating_add(offset))
}

impl Engine {
    /// Bars of one or several time stamps, as soon as they have ended. Those that a symbol has had are
    /// left out.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub(crate) fn push(&mut self, mut bars: Vec<FeedBar>) -> Result<(), OplogError> {
        bars.retain(|bar| self.last_at(&bar.symbol).is_none_or(|last| bar.end > last));
        bars.sort_by(|a, b| (a.start, &a.symbol).cmp(&(b.start, &b.symbol)));
        bars.dedup_by(|a, b| (a.start, &a.symbol) == (b.start, &b.symbol));
        if bars.is_empty() {
            return Ok(());
        }
        let entry = Entry::Bars(bars);
        self.log.append(&entry)?;
        if let Entry::Bars(bars) = &entry {
            self.take_bars(bars);
        }
        self.tell()
    }

    /// Lists what the market trades, as the data interface writes it.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub(crate) fn list(&mut self, mut symbols: Vec<String>) -> Result<(), OplogError> {
        symbols.retain(|symbol| !self.symbols.contains_key(symbol));
        if symbols.is_empty() {
            return Ok(());
        }
        self.log.append(&Entry::Listed(symbols.clone()))?;
        self.take_listed(&symbols);
        Ok(())
    }

    /// Lets time pass: orders go to work and expire.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub(crate) fn pass(&mut self) -> Result<(), OplogError> {
        // The last bar of a session comes after its end.
        let at = self.now() - GRACE;
        if !self.accounts.iter().any(|account| account.exchange.is_due(Nanos(at))) {
            return Ok(());
        }
        self.log.append(&Entry::Passed(at))?;
        self.take_passed(at);
        self.tell()
    }

    /// The end of the last bar that a symbol has had.
    pub(crate) fn last_at(&self, symbol: &str) -> Option<i64> {
        let exchange = &self.accounts.first()?.exchange;
        Some(exchange.last_at(exchange.symbol_id(symbol)?)?.0)
    }

    /// The disk has what was written, where the market is handed in.
    pub(super) fn keep(&mut self) -> Result<(), OplogError> {
        if self.pushed.is_some() { self.log.sync() } else { Ok(()) }
    }

    fn tell(&mut self) -> Result<(), OplogError> {
        if self.accounts.iter().any(|account| account.exchange.has_events()) {
            self.keep()?;
        }
        self.publish_all();
        Ok(())
    }

    /// The file holds the accounts as they are now and nothing before.
    pub(super) fn begin_anew(&mut self, header: &Header) -> Result<(), StartError> {
        let states = self.accounts.iter().enumerate();
        let entries: Vec<Entry> = states
            .map(|(account, kept)| Entry::State {
                account,
                state: Box::new(kept.exchange.to_state()),
            })
            .collect();
        Ok(self.log.replace(header, &entries)?)
    }

    pub(super) fn take_state(&mut self, account: usize, state: State) -> Result<(), StartError> {
        let exchange =
            Exchange::from_state(state).map_err(|error| StartError::Feed(error.to_string()))?;
        let ids = (0..).map(SymbolId).map_while(|id| Some((exchange.symbol(id)?.to_string(), id)));
        self.symbols.extend(ids);
        let now = exchange.now().0;
        self.clock.0 = self.clock.0.max(now);
        self.last_at = self.last_at.max(now);
        if let Some(kept) = self.accounts.get_mut(account) {
            kept.exchange = exchange;
        }
        Ok(())
    }

    pub(super) fn take_listed(&mut self, symbols: &[String]) {
        for symbol in symbols {
            for account in &mut self.accounts {
                match account.exchange.intern(symbol) {
                    Ok(id) => drop(self.symbols.insert(symbol.clone(), id)),
                    Err(error) => tracing::warn!(symbol, %error, "a symbol can't be listed"),
                }
            }
        }
    }

    pub(super) fn take_bars(&mut self, known: &[FeedBar]) {
        let new: Vec<String> = known
            .iter()
            .filter(|bar| !self.symbols.contains_key(&bar.symbol))
            .map(|bar| bar.symbol.clone())
            .collect();
        self.take_listed(&new);
        let bars: Vec<Bar> = known
            .iter()
            .filter_map(|bar| Some(wire::bar(*self.symbols.get(&bar.symbol)?, bar)))
            .collect();
        let end = known.iter().map(|bar| bar.end).max().unwrap_or(0);
        for account in &mut self.accounts {
            for group in bars.chunk_by(|a, b| a.at == b.at) {
                account.exchange.on_late_bars(group, GRACE);
            }
            account.exchange.advance(Nanos(end));
            account.equities.note(end, &account.exchange);
        }
        self.clock.0 = self.clock.0.max(end);
        self.last_at = self.last_at.max(end);
    }

    pub(super) fn take_passed(&mut self, at: i64) {
        for account in &mut self.accounts {
            account.exchange.advance(Nanos(at));
            account.equities.note(at, &account.exchange);
        }
        self.last_at = self.last_at.max(at);
    }
}
