//! The broker of a shadow: the paper exchange inside this process, which trades what the real
//! account's market brings.
//!
//! Guarantees: it is handed each bar once and before any bot acts on it; what it told anybody is on
//! the disk, in one file of the data folder, so that it agrees with the shadow's books after any end;
//! nobody but this process has its key.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use stockade_core::{Slug, Symbol, Timestamp};
use stockade_exchange::JournalKind;
use stockade_venue::alpaca::{AccountConfig, Credentials, Endpoints, SymbolBar, SymbolTable};
use stockade_venue::server::{
    AccountConfig as Kept, ExchangeServer, Feed, FeedBar, Pushed, RunningExchange, ServerConfig,
    Speed,
};

use super::bots::MINUTE_NS;
use super::clock::Clock;
use crate::config::Settings;
use crate::drivers::base;

/// The key of the one account. It starts as paper keys do.
const KEY_ID: &str = "PKSHADOW";

/// The broker of a shadow.
pub(crate) struct Simulated {
    exchange: RunningExchange,
    symbols: SymbolTable,
}

/// Where a shadow's broker is kept.
pub(super) fn file_of(data: &Path, label: &Slug) -> PathBuf {
    data.join("shadow").join(format!("{label}.jsonl"))
}

impl Simulated {
    /// Opens the broker of a shadow account, or makes it; gives how it is traded with. `opened`:
    /// books know it already.
    pub(super) async fn open(
        settings: &Settings,
        label: &Slug,
        clock: &Clock,
        opened: bool,
        symbols: SymbolTable,
    ) -> Result<(Self, AccountConfig)> {
        let file = file_of(&settings.data, label);
        if opened && !file.is_file() {
            bail!(
                "account {label} has books and no broker: {} is missing; put it back, or keep the shadow in another data \
                 folder",
                file.display()
            );
        }
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("can't make the folder {}", folder.display()))?;
        }
        let cash = Decimal::from(settings.shadow_cash);
        let secret: String = (0..6).map(|_| base::era()).collect();
        let digest = Sha256::digest(label.as_str().as_bytes());
        let config = ServerConfig {
            accounts: vec![Kept { key_id: KEY_ID.to_owned(), secret: secret.clone(), cash }],
            speed: Speed::Manual,
            seed: digest.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte)),
            state_file: Some(file),
            start_on_subscribe: false,
            rules: Some(stockade_exchange::Config {
                partial_fill_permille: 0,
                ..stockade_exchange::Config::paper(cash)
            }),
            ..ServerConfig::new(Feed::Pushed(Pushed {
                start: clock.now().market.0,
                offset: clock.offset(),
            }))
        };
        let exchange = ExchangeServer::start(config).await?;
        let account = AccountConfig {
            label: label.to_string(),
            live: false,
            credentials: Credentials::new(KEY_ID, secret),
            endpoints: Endpoints::at(&exchange.url())?,
        };
        let simulated = Self { exchange, symbols };
        simulated.raise_to(cash)?;
        Ok((simulated, account))
    }

    /// Pays in what the setting asks for beyond what was ever paid in.
    fn raise_to(&self, cash: Decimal) -> Result<()> {
        let paid_in: Decimal = self
            .exchange
            .journal(KEY_ID)
            .iter()
            .filter(|line| line.kind == JournalKind::Deposit)
            .map(|line| line.cash_delta)
            .sum();
        if cash > paid_in {
            self.exchange.deposit(KEY_ID, cash - paid_in)?;
        }
        Ok(())
    }

    /// Trades these from now on.
    pub(super) fn list<'a>(&self, symbols: impl Iterator<Item = &'a Symbol>) -> Result<()> {
        let names = symbols.map(|symbol| self.symbols.wire(symbol).to_string());
        Ok(self.exchange.list(names.collect())?)
    }

    /// Bars that have ended: open orders meet them.
    pub(super) fn push(&self, bars: &[SymbolBar]) -> Result<()> {
        Ok(self.exchange.push(bars.iter().map(|bar| self.bar(bar)).collect())?)
    }

    fn bar(&self, bar: &SymbolBar) -> FeedBar {
        FeedBar {
            symbol: self.symbols.wire(&bar.symbol).to_string(),
            crypto: self.symbols.is_crypto(&bar.symbol),
            start: bar.at.0,
            end: bar.at.0 + MINUTE_NS,
            open: bar.open.get(),
            high: bar.high.get(),
            low: bar.low.get(),
            close: bar.close.get(),
            volume: bar.volume.get(),
        }
    }

    /// Lets time pass.
    pub(super) fn pass(&self) -> Result<()> {
        Ok(self.exchange.pass()?)
    }

    /// Whether any order waits for bars.
    pub(super) fn has_open_orders(&self) -> bool {
        self.open_orders(|_| true)
    }

    /// The last bar that the open orders of a symbol have met.
    pub(super) fn seen(&self, symbol: &Symbol) -> Option<Timestamp> {
        let name = self.symbols.wire(symbol);
        let waits = self.open_orders(|other| other == &*name);
        let end = self.exchange.last_at(&name).filter(|_| waits)?;
        Some(Timestamp(end - MINUTE_NS))
    }

    fn open_orders(&self, of: impl Fn(&str) -> bool) -> bool {
        let look = |exchange: &stockade_exchange::Exchange| {
            exchange.open_orders().any(|order| of(&order.symbol))
        };
        self.exchange.with_exchange(KEY_ID, look).unwrap_or(false)
    }
}
