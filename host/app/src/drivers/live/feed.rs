//! Market data: which symbols are wanted, and the two streams that bring them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use stockade_core::broker::Answer;
use stockade_core::desk::{Desk, Event};
use stockade_core::instrument::AssetClass;
use stockade_core::sleeve::Prices;
use stockade_core::{Symbol, Timestamp};
use stockade_venue::alpaca::{
    AccountConfig, Alpaca, ClientError, DataStream, Feed, HistoryRequest, MarketMessage,
    StreamLimits, Subscription, SymbolBar,
};
use tokio::sync::{mpsc, watch};

use super::Incoming;
use super::gap::{self, Filled, Gap, Missed};

/// How far back the last bar of a symbol is looked for: over a long weekend, in nanoseconds.
const LAST_BAR_NS: i64 = 5 * 86_400 * 1_000_000_000;
/// Bars read in that search.
const LAST_BARS_MAX: usize = 10_000;

/// Where the messages of the streams come from.
pub(crate) enum Source {
    /// The broker. A stream begins with the first symbol of its kind.
    Broker {
        /// Whose keys open them.
        account: Box<AccountConfig>,
        /// Shares.
        stock: Option<DataStream>,
        /// Coins.
        crypto: Option<DataStream>,
    },
    /// The host of another account, which hands them on; what is wanted of it.
    Tap(watch::Sender<Subscription>),
}

impl Source {
    /// Streams of an account's own.
    pub(crate) fn broker(account: AccountConfig) -> Self {
        Self::Broker { account: Box::new(account), stock: None, crypto: None }
    }
}

/// The data streams of an account.
pub(crate) struct Feeds {
    source: Source,
    alpaca: Arc<Alpaca>,
    inputs: mpsc::Sender<Incoming>,
    wanted: Subscription,
    /// What each stream was confirmed for since it is up.
    confirmed: Vec<(Feed, Vec<Symbol>)>,
    stock_gap: Gap,
    crypto_gap: Gap,
    looked_at: Arc<Mutex<BTreeSet<Symbol>>>,
}

/// Looks instruments up.
#[derive(Clone)]
pub(crate) struct Assets {
    alpaca: Arc<Alpaca>,
    looked_at: Arc<Mutex<BTreeSet<Symbol>>>,
}

impl Assets {
    /// Instruments as the broker describes them; symbols that it doesn't know are left out.
    pub(crate) async fn instruments(&self, symbols: &[Symbol]) -> Option<Event> {
        match self.alpaca.assets(symbols).await {
            Answer::Done { value } => {
                if let Ok(mut looked_at) = self.looked_at.lock() {
                    looked_at.extend(symbols.iter().cloned());
                }
                Some(Event::Instruments { instruments: value })
            }
            other => {
                tracing::warn!(?other, ?symbols, "the broker's asset list can't be read");
                None
            }
        }
    }

    /// The last bar of each symbol before a time, as far as the broker has one.
    pub(crate) async fn last_bars(&self, symbols: &[Symbol], before: Timestamp) -> Vec<SymbolBar> {
        let request = HistoryRequest {
            symbols: symbols.to_vec(),
            timeframe: "1Min".to_owned(),
            from: before.plus(-LAST_BAR_NS),
            to: before,
            bars_max: LAST_BARS_MAX,
        };
        let Answer::Done { value } = self.alpaca.history_bars(&request).await else {
            return Vec::new();
        };
        let last = |symbol: &Symbol| value.iter().rev().find(|bar| bar.symbol == *symbol).cloned();
        symbols.iter().filter_map(last).collect()
    }
}

impl Feeds {
    pub(crate) fn new(source: Source, alpaca: Arc<Alpaca>, inputs: mpsc::Sender<Incoming>) -> Self {
        Self {
            source,
            alpaca,
            inputs,
            wanted: Subscription::default(),
            confirmed: Vec::new(),
            stock_gap: Gap::default(),
            crypto_gap: Gap::default(),
            looked_at: Arc::default(),
        }
    }

    /// The broker has answered for the bars of these: what ended while the stream was down is read.
    /// `seen` tells the last bar of a symbol that the bot that is furthest behind was given.
    pub(crate) fn confirm(
        &mut self,
        feed: Feed,
        bars: Vec<Symbol>,
        now: Timestamp,
        seen: impl Fn(&Symbol) -> Option<Timestamp>,
    ) {
        if let Some(reading) = self.gap(feed).confirmed(&bars, now, seen) {
            tracing::info!(?feed, "the bars since the stream went down are read");
            let (alpaca, inputs) = (self.alpaca.clone(), self.inputs.clone());
            tokio::spawn(gap::read(alpaca, feed, reading, inputs));
        }
        self.confirmed.retain(|(other, _)| *other != feed);
        self.confirmed.push((feed, bars));
    }

    /// What each stream was confirmed for since it is up.
    pub(crate) fn confirmed(&self) -> &[(Feed, Vec<Symbol>)] {
        &self.confirmed
    }

    /// Somebody has waited for bars while no stream was there: what has ended meanwhile is read with
    /// the first confirmation.
    pub(crate) fn begin_behind(&mut self) {
        self.stock_gap.down();
        self.crypto_gap.down();
    }

    /// A stream is down.
    pub(crate) fn down(&mut self, feed: Feed) {
        self.confirmed.retain(|(other, _)| *other != feed);
        self.gap(feed).down();
    }

    /// Bars of a stream: given back unless they have to wait for those that were missed.
    pub(crate) fn take(&mut self, feed: Feed, bars: Vec<SymbolBar>) -> Vec<SymbolBar> {
        self.gap(feed).take(bars)
    }

    /// What was missed, and what waited for it.
    pub(crate) fn fill(&mut self, missed: Missed) -> Filled {
        self.gap(missed.feed).fill(missed)
    }

    const fn gap(&mut self, feed: Feed) -> &mut Gap {
        match feed {
            Feed::Stock => &mut self.stock_gap,
            Feed::Crypto => &mut self.crypto_gap,
        }
    }

    /// Whether every bar of a symbol that ends from now on comes by a stream.
    pub(crate) fn is_confirmed(&self, symbol: &Symbol) -> bool {
        self.confirmed.iter().any(|(_, bars)| bars.contains(symbol))
    }

    pub(crate) fn assets(&self) -> Assets {
        Assets { alpaca: self.alpaca.clone(), looked_at: self.looked_at.clone() }
    }

    /// Whether the broker was never asked for a symbol; one that it doesn't know is asked for once.
    pub(crate) fn is_new(&self, symbol: &Symbol) -> bool {
        self.looked_at.lock().is_ok_and(|set| !set.contains(symbol))
    }

    /// Subscribes to what is wanted, in table order. What the desk does not know is wanted by another
    /// host, which has asked the broker for it.
    pub(crate) fn want(&mut self, desk: &Desk, mut wanted: Subscription) {
        let table = self.alpaca.symbols().clone();
        for symbols in [&mut wanted.bars, &mut wanted.quotes, &mut wanted.trades] {
            symbols.retain(|symbol| desk.find(symbol).is_some() || table.class(symbol).is_some());
            symbols.sort_by_cached_key(|symbol| {
                let place = desk.find(symbol);
                (place.is_none(), place, symbol.clone())
            });
            symbols.dedup();
        }
        if wanted == self.wanted {
            return;
        }
        self.wanted.clone_from(&wanted);
        if let Source::Tap(want) = &self.source {
            want.send_replace(wanted);
            return;
        }
        let is_crypto = |symbol: &Symbol| {
            let instrument = desk.find(symbol).and_then(|id| desk.instrument(id));
            instrument.map_or_else(|| table.is_crypto(symbol), |i| i.class == AssetClass::Crypto)
        };
        let of = |symbols: &[Symbol], crypto: bool| {
            symbols.iter().filter(|symbol| is_crypto(symbol) == crypto).cloned().collect()
        };
        for (feed, crypto) in [(Feed::Stock, false), (Feed::Crypto, true)] {
            let subscription = Subscription {
                bars: of(&wanted.bars, crypto),
                quotes: of(&wanted.quotes, crypto),
                trades: of(&wanted.trades, crypto),
            };
            if let Err(error) = self.subscribe(feed, subscription) {
                tracing::error!(%error, "the data stream can't be set up");
            }
        }
    }

    fn subscribe(&mut self, feed: Feed, subscription: Subscription) -> Result<(), ClientError> {
        let Source::Broker { account, stock, crypto } = &mut self.source else {
            return Ok(());
        };
        let slot = match feed {
            Feed::Stock => stock,
            Feed::Crypto => crypto,
        };
        if let Some(stream) = slot {
            stream.subscribe(subscription);
            return Ok(());
        }
        // Whoever wants quotes or trades of a symbol gets its bars too.
        if subscription.bars.is_empty() {
            return Ok(());
        }
        let symbols = self.alpaca.symbols().clone();
        let seed = crate::drivers::base::machine().0.unsigned_abs();
        let limits = StreamLimits::default();
        let (stream, messages) =
            DataStream::start(account, feed, subscription, symbols, limits, seed)?;
        *slot = Some(stream);
        tokio::spawn(forward(feed, messages, self.inputs.clone()));
        Ok(())
    }
}

/// Hands a stream's messages to the host, at the host's pace.
async fn forward(
    feed: Feed,
    mut messages: mpsc::Receiver<MarketMessage>,
    inputs: mpsc::Sender<Incoming>,
) {
    while let Some(message) = messages.recv().await {
        if inputs.send(Incoming::Market(feed, message)).await.is_err() {
            return;
        }
    }
}
