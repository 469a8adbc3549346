//! Runs a strategy natively, so that a bot is tested with `cargo test` and without wasm.
//!
//! [`Harness`] checks the parameters as the host does, hands over events through the same code as
//! a component, and keeps a small account whose fills follow the backtest's reference behaviour
//! ([`Order`]). It is deterministic: time is that of the bars. It has no network, no clock and none
//! of the host's controls but capital and long-only.

mod account;

use account::Account;
pub use account::Order;

use crate::{
    ActionEvent, AssetClass, Bar, Config, Decimal, Host, Instrument, InstrumentInfo, LogLevel,
    NANOSECONDS_PER_SECOND, Param, ParamType, Position, Quote, Refusal, Running, SessionEvent,
    SessionKind, Strategy, TimerEvent, Timestamp, Trade,
};

/// Where the harness's time begins: 2024-01-02T14:30:00 UTC, an opening bell in New York.
pub const START: Timestamp = 1_704_205_800 * NANOSECONDS_PER_SECOND;
/// The time between the bars that the harness makes.
pub const MINUTE: Timestamp = 60 * NANOSECONDS_PER_SECOND;

/// A strategy with an account of its own.
pub struct Harness<S> {
    running: Running<S>,
    config: Config,
    account: Account,
    now: Timestamp,
    warm_up: bool,
    one_by_one: bool,
}

impl<S: Strategy> Harness<S> {
    /// A strategy with this much cash, these symbols (those that end in USD are crypto) and these
    /// parameters; the defaults of the description fill in the rest.
    ///
    /// # Errors
    ///
    /// Names a parameter that is unknown, missing, of the wrong type or out of bounds, or gives
    /// the text with which the strategy refused its configuration.
    pub fn new(cash: &str, symbols: &[&str], params: &[(&str, &str)]) -> Result<Self, String> {
        let cash = cash.parse().map_err(|e| format!("cash {cash:?}: {e}"))?;
        let instruments = (0..).zip(symbols).map(|(id, symbol)| InstrumentInfo {
            id,
            symbol: (*symbol).into(),
            class: if symbol.ends_with("USD") { AssetClass::Crypto } else { AssetClass::Equity },
        });
        let params = complete(&S::describe().params, params)?;
        let config = Config { instruments: instruments.collect(), params, seed: 1 };
        Ok(Self {
            running: Running::new(&config)?,
            config,
            account: Account::new(cash),
            now: START,
            warm_up: false,
            one_by_one: false,
        })
    }

    /// Calls the strategy once a time stamp, even where the host would hand over a longer list.
    #[must_use]
    pub fn one_by_one(mut self) -> Self {
        self.one_by_one = true;
        self
    }

    /// Marks the events from here on as the past, or not.
    pub fn set_warm_up(&mut self, warm_up: bool) {
        self.warm_up = warm_up;
    }

    /// Hands over bars, oldest first: open orders fill, the strategy hears of it and gets the bars.
    /// Without open orders many time stamps go in one list, as the host does it.
    pub fn bars(&mut self, bars: &[Bar]) {
        let mut rest = bars;
        while let Some(first) = rest.first() {
            self.now = first.at;
            let same = rest.iter().take_while(|b| b.at == first.at).count();
            let filled = self.account.fill(&rest[..same]);
            if !filled.is_empty() {
                self.account.begin(first.at, false);
                let mut left = filled.as_slice();
                while !left.is_empty() {
                    let handled = self.running.orders(&self.account, left, false);
                    left = &left[index(handled)..];
                }
            }
            let single = self.one_by_one || self.account.has_open_orders();
            let list = if single { &rest[..same] } else { rest };
            self.account.begin_bars(list, self.warm_up);
            let handled = index(self.running.bars(&self.account, list, self.warm_up));
            self.account.end_bars(handled);
            self.now = list[handled - 1].at;
            rest = &rest[handled..];
        }
    }

    /// One bar a close for one symbol, minute by minute, with all four prices at the close.
    pub fn closes(&mut self, symbol: &str, closes: &[&str]) {
        let bars: Vec<Bar> = (1..)
            .zip(closes)
            .map(|(minute, close)| self.flat_bar(symbol, close, self.now + minute * MINUTE))
            .collect();
        self.bars(&bars);
    }

    /// One more minute with a flat bar for each of these symbols.
    pub fn minute(&mut self, closes: &[(&str, &str)]) {
        let at = self.now + MINUTE;
        let bars: Vec<Bar> = closes.iter().map(|(s, c)| self.flat_bar(s, c, at)).collect();
        self.bars(&bars);
    }

    /// A bar with all four prices at `close`.
    pub fn flat_bar(&self, symbol: &str, close: &str, at: Timestamp) -> Bar {
        let close: Decimal = close.parse().expect("a close of a test is a decimal");
        Bar::of(at, self.instrument(symbol), [close; 4], Decimal::from(100))
            .expect("one price has one scale")
    }

    /// The session opens or closes; `day` is year * 10,000 + month * 100 + day.
    pub fn session(&mut self, kind: SessionKind, day: u32) {
        let event = SessionEvent { at: self.now, kind, day };
        self.account.begin(self.now, self.warm_up);
        self.running.sessions(&self.account, &[event], self.warm_up);
    }

    /// The period of the timer has passed.
    pub fn timer(&mut self) {
        self.account.begin(self.now, self.warm_up);
        let event = TimerEvent { at: self.now };
        self.running.timers(&self.account, &[event], self.warm_up);
    }

    /// Hands over a corporate action. The account is left as it is.
    pub fn action(&mut self, action: ActionEvent) {
        self.now = action.at;
        self.account.begin(action.at, self.warm_up);
        self.running.actions(&self.account, &[action], self.warm_up);
    }

    /// Hands over a quote.
    pub fn quote(&mut self, quote: Quote) {
        self.now = quote.at;
        self.account.begin(quote.at, self.warm_up);
        self.running.quotes(&self.account, &[quote], self.warm_up);
    }

    /// Hands over a trade of somebody.
    pub fn trade(&mut self, trade: Trade) {
        self.now = trade.at;
        self.account.begin(trade.at, self.warm_up);
        self.running.trades(&self.account, &[trade], self.warm_up);
    }

    /// Replaces the strategy by a new one that restores the state of the old one, as a reload does.
    pub fn reload(&mut self) -> Result<(), String> {
        let state = self.running.save();
        self.restore(S::describe().state_schema, &state)
    }

    /// Replaces the strategy by a new one that restores this state, which it migrates first where
    /// the schema is not its own.
    pub fn restore(&mut self, schema: u32, state: &[u8]) -> Result<(), String> {
        let mut fresh = Running::new(&self.config)?;
        if schema == S::describe().state_schema {
            fresh.restore(state)?;
        } else {
            let state = fresh.migrate(schema, state)?;
            fresh.restore(&state)?;
        }
        self.running = fresh;
        Ok(())
    }

    /// The state that a reload would carry over.
    pub fn save(&self) -> Vec<u8> {
        self.running.save()
    }

    /// The strategy, to look at.
    pub fn strategy(&self) -> &S {
        self.running.strategy()
    }

    /// Every order that was accepted, oldest first.
    pub fn orders(&self) -> Vec<Order> {
        self.account.orders()
    }

    /// Every refusal, oldest first.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.account.refusals()
    }

    /// Every line of the log, oldest first.
    pub fn log_lines(&self) -> Vec<(LogLevel, String)> {
        self.account.log_lines()
    }

    /// Cash of the account.
    pub fn cash(&self) -> Decimal {
        self.account.cash()
    }

    /// The position in a symbol.
    pub fn position(&self, symbol: &str) -> Position {
        self.account.position(self.instrument(symbol))
    }

    /// The number of a symbol.
    ///
    /// # Panics
    ///
    /// When the harness was made without the symbol.
    pub fn instrument(&self, symbol: &str) -> Instrument {
        self.config.instrument(symbol).expect("the harness was made with this symbol")
    }
}

fn index(handled: u32) -> usize {
    usize::try_from(handled).expect("a list has less than 2^32 events")
}

/// Fills in defaults and checks what the host checks at deployment.
fn complete(known: &[Param], given: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
    if let Some((name, _)) = given.iter().find(|(n, _)| known.iter().all(|p| p.name != *n)) {
        return Err(format!("parameter {name:?} is unknown"));
    }
    let value = |param: &Param| {
        let own = given.iter().find(|(n, _)| *n == param.name).map(|(_, v)| (*v).to_owned());
        let value = own
            .or_else(|| param.default.clone())
            .ok_or_else(|| format!("parameter {:?} has no default and no value", param.name))?;
        check(param, &value)?;
        Ok((param.name.clone(), value))
    };
    known.iter().map(value).collect()
}

fn check(param: &Param, value: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("parameter {:?} is {value:?}, {what}", param.name));
    let fits = match param.type_ {
        ParamType::Integer => value.parse::<i64>().is_ok(),
        ParamType::Decimal => value.parse::<Decimal>().is_ok(),
        ParamType::Boolean => value.parse::<bool>().is_ok(),
        ParamType::Text => true,
    };
    if !fits {
        return wrong("not of its type");
    }
    let Ok(number) = value.parse::<Decimal>() else {
        return Ok(());
    };
    let bound = |text: &Option<String>| text.as_deref().and_then(|t| t.parse::<Decimal>().ok());
    if bound(&param.minimum).is_some_and(|m| number < m) {
        return wrong("below its minimum");
    }
    if bound(&param.maximum).is_some_and(|m| number > m) {
        return wrong("above its maximum");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
