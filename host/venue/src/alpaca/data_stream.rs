//! The stock and crypto data streams.
//!
//! Guarantees: what the broker confirms is compared with what was asked for, and what it left out
//! is told (RELIABILITY M9); an error of the broker is told with its code, 406 (another host holds
//! the connection) above all; bars and trades are never dropped while the stream is up; quotes
//! that the host can't take in time are replaced by the latest of their symbol, so that the broker
//! doesn't cut a slow reader. Every time is the data's own.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use secrecy::ExposeSecret;
use serde_json::json;
use stockade_core::Symbol;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::config::{AccountConfig, Credentials};
use super::data_frame::{Ack, Item, items};
use super::market::{SymbolBar, SymbolQuote, SymbolTrade};
use super::rest::{ClientError, tls};
use super::socket::{Broken, Frame, Socket, StreamLimits};
use super::symbols::SymbolTable;

/// Which data stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Shares, from the exchange IEX.
    Stock,
    /// Coins.
    Crypto,
}

/// One of the streams' channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Bars of a minute.
    Bars,
    /// Best bid and ask.
    Quotes,
    /// Trade prints.
    Trades,
}

/// What is wanted of a stream. Bars of one time stamp come in the order of `bars`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Bars of these.
    pub bars: Vec<Symbol>,
    /// Quotes of these.
    pub quotes: Vec<Symbol>,
    /// Trade prints of these.
    pub trades: Vec<Symbol>,
}

/// What a data stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarketMessage {
    /// Subscribed, and confirmed except for what the `Partial` before it names.
    Up,
    /// Not connected, once for each time that it stops or at the first attempt; it keeps trying.
    Down {
        /// Why.
        why: String,
    },
    /// The broker confirmed less than was asked for.
    Partial {
        /// What it left out.
        missing: Vec<(Channel, Symbol)>,
    },
    /// The broker has answered for the bars of these, all that are asked for: whatever bar of them
    /// ends from now on comes by the stream, but for those that a `Partial` before it names.
    Confirmed {
        /// Which, in the order of their names.
        bars: Vec<Symbol>,
    },
    /// The bars of one time stamp that came in one frame.
    Bars(Vec<SymbolBar>),
    /// A quote.
    Quote(SymbolQuote),
    /// A trade print.
    Trade(SymbolTrade),
    /// The broker's error: 402 keys, 405 symbol limit, 406 connection limit, 407 slow reader, …
    Error {
        /// Its code.
        code: u32,
        /// Its words.
        message: String,
    },
}

/// The host's end of a data stream. The stream ends when the receiver of its messages is dropped.
#[derive(Debug)]
pub struct DataStream {
    wanted: watch::Sender<Subscription>,
}

impl DataStream {
    /// Starts a stream. The seed varies the waits between attempts.
    ///
    /// # Errors
    /// Where TLS can't be set up.
    pub fn start(
        account: &AccountConfig,
        feed: Feed,
        wanted: Subscription,
        symbols: SymbolTable,
        limits: StreamLimits,
        seed: u64,
    ) -> Result<(Self, mpsc::Receiver<MarketMessage>), ClientError> {
        let (tx, rx) = mpsc::channel(limits.queue);
        let (handle, wanted) = watch::channel(wanted);
        let url = match feed {
            Feed::Stock => account.endpoints.stock_stream.clone(),
            Feed::Crypto => account.endpoints.crypto_stream.clone(),
        };
        let task = Task {
            url,
            credentials: account.credentials.clone(),
            tls: Arc::new(tls()?),
            limits,
            symbols,
            wanted,
            _handle: handle.clone(),
            out: Outbox { tx, held: BTreeMap::new() },
        };
        tokio::spawn(task.run(seed));
        Ok((Self { wanted: handle }, rx))
    }

    /// Changes what is wanted: a live stream asks for the difference.
    pub fn subscribe(&self, wanted: Subscription) {
        self.wanted.send_replace(wanted);
    }
}

struct Task {
    url: String,
    credentials: Credentials,
    tls: Arc<rustls::ClientConfig>,
    limits: StreamLimits,
    symbols: SymbolTable,
    wanted: watch::Receiver<Subscription>,
    /// Keeps `wanted` open when the host drops its end: the receiver of messages decides.
    _handle: watch::Sender<Subscription>,
    out: Outbox,
}

/// The way to the host, with the latest quotes that it had no room for.
struct Outbox {
    tx: mpsc::Sender<MarketMessage>,
    held: BTreeMap<Symbol, SymbolQuote>,
}

impl Outbox {
    /// Hands a message over after the quotes that came before it.
    async fn send(&mut self, message: MarketMessage) -> Result<(), Broken> {
        while let Some((_, quote)) = self.held.pop_first() {
            self.put(MarketMessage::Quote(quote)).await?;
        }
        self.put(message).await
    }

    async fn put(&self, message: MarketMessage) -> Result<(), Broken> {
        self.tx.send(message).await.map_err(|_| Broken::Stopped)
    }

    /// Hands a quote over, or holds it in place of the symbol's earlier one.
    fn quote(&mut self, quote: SymbolQuote) -> Result<(), Broken> {
        if !self.held.is_empty() {
            self.held.insert(quote.symbol.clone(), quote);
            return Ok(());
        }
        match self.tx.try_send(MarketMessage::Quote(quote)) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(MarketMessage::Quote(quote))) => {
                self.held.insert(quote.symbol.clone(), quote);
                Ok(())
            }
            Err(_) => Err(Broken::Stopped),
        }
    }

    /// Waits for room and hands one held quote over. Safe to drop while it waits.
    async fn drain(&mut self) -> Result<(), Broken> {
        let room = self.tx.reserve().await.map_err(|_| Broken::Stopped)?;
        if let Some((_, quote)) = self.held.pop_first() {
            room.send(MarketMessage::Quote(quote));
        }
        Ok(())
    }
}

/// Channel and symbol: a subscription as a set.
type Wants = BTreeSet<(Channel, Symbol)>;

/// A live connection's subscription.
struct Live {
    /// What was asked for in all.
    asked: Wants,
    /// What the broker has to confirm, one for each request on its way.
    expected: VecDeque<Wants>,
    /// Until when it has to confirm what is expected.
    confirm_by: Instant,
    /// Where the symbols stand in the table.
    place: HashMap<Symbol, usize>,
    up: bool,
}

impl Task {
    async fn run(mut self, seed: u64) {
        let mut backoff = Backoff::new(self.limits.backoff_min, self.limits.backoff_max, seed);
        let mut told_down = false;
        loop {
            let mut up_since = None;
            let Err(broken) = self.connection(&mut up_since).await;
            if broken == Broken::Stopped {
                return;
            }
            tracing::warn!(url = self.url, %broken, "data stream down");
            if up_since.is_some() || !told_down {
                told_down = true;
                let down = MarketMessage::Down { why: broken.to_string() };
                if self.out.send(down).await.is_err() {
                    return;
                }
            }
            if up_since.is_some_and(|since: Instant| since.elapsed() >= self.limits.silence) {
                backoff.reset();
            }
            if matches!(broken, Broken::Keys(_)) {
                backoff.exhaust();
            }
            tokio::select! {
                () = self.out.tx.closed() => return,
                () = tokio::time::sleep(backoff.wait()) => {}
            }
        }
    }

    /// One connection, from its first byte to its end.
    async fn connection(
        &mut self,
        up_since: &mut Option<Instant>,
    ) -> Result<std::convert::Infallible, Broken> {
        let tx = self.out.tx.clone();
        let mut socket = tokio::select! {
            () = tx.closed() => return Err(Broken::Stopped),
            socket = self.greeted() => socket?,
        };
        let mut live = Live {
            asked: Wants::new(),
            expected: VecDeque::new(),
            confirm_by: Instant::now(),
            place: HashMap::new(),
            up: false,
        };
        self.ask(&mut socket, &mut live).await?;
        loop {
            if !live.up && live.expected.is_empty() {
                live.up = true;
                *up_since = Some(Instant::now());
                tracing::info!(url = self.url, "data stream up");
                self.out.send(MarketMessage::Up).await?;
            }
            tokio::select! {
                () = tx.closed() => return Err(Broken::Stopped),
                changed = self.wanted.changed() => {
                    changed.map_err(|_| Broken::Stopped)?;
                    self.ask(&mut socket, &mut live).await?;
                }
                () = tokio::time::sleep_until(live.confirm_by), if !live.expected.is_empty() => {
                    return Err(Broken::Handshake(self.limits.handshake, "the subscription"));
                }
                drained = self.out.drain(), if !self.out.held.is_empty() => drained?,
                frame = socket.next() => self.take(&frame?, &mut live).await?,
            }
        }
    }

    async fn greeted(&mut self) -> Result<Socket, Broken> {
        let mut socket = Socket::connect(&self.url, &self.tls, self.limits).await?;
        self.success(&mut socket, "connected").await?;
        let auth = json!({
            "action": "auth",
            "key": self.credentials.key_id,
            "secret": self.credentials.secret.expose_secret(),
        });
        socket.send(auth.to_string()).await?;
        self.success(&mut socket, "authenticated").await?;
        Ok(socket)
    }

    async fn success(&mut self, socket: &mut Socket, word: &'static str) -> Result<(), Broken> {
        loop {
            let frame = socket.greeting(word).await?;
            for item in read(&frame, &HashMap::new())? {
                match item {
                    Item::Success(found) if found == word => return Ok(()),
                    Item::Error { code, message } => {
                        let error = MarketMessage::Error { code, message: message.clone() };
                        self.out.send(error).await?;
                        return Err(match code {
                            401 | 402 | 409 => Broken::Keys(message),
                            _ => Broken::Refused(code, message),
                        });
                    }
                    _ => {}
                }
            }
        }
    }

    /// Asks for the difference between what is wanted and what was asked for.
    async fn ask(&mut self, socket: &mut Socket, live: &mut Live) -> Result<(), Broken> {
        let wanted = self.wanted.borrow_and_update().clone();
        live.place = wanted.bars.iter().cloned().enumerate().map(|(i, s)| (s, i)).collect();
        let wanted = wants(&wanted);
        let gone: Wants = live.asked.difference(&wanted).cloned().collect();
        let new: Wants = wanted.difference(&live.asked).cloned().collect();
        for (action, part) in [("unsubscribe", gone), ("subscribe", new)] {
            if part.is_empty() {
                continue;
            }
            if action == "subscribe" {
                live.asked = wanted.clone();
            } else {
                live.asked.retain(|want| wanted.contains(want));
            }
            live.expected.push_back(live.asked.clone());
            live.confirm_by = Instant::now() + self.limits.handshake;
            socket.send(self.request(action, &part)).await?;
        }
        Ok(())
    }

    fn request(&self, action: &str, part: &Wants) -> String {
        let names = |channel: Channel| -> Vec<Arc<str>> {
            let of_channel = part.iter().filter(|(of, _)| *of == channel);
            of_channel.map(|(_, symbol)| self.symbols.wire(symbol)).collect()
        };
        let names = |channel| names(channel).iter().map(ToString::to_string).collect::<Vec<_>>();
        json!({
            "action": action,
            "bars": names(Channel::Bars),
            "quotes": names(Channel::Quotes),
            "trades": names(Channel::Trades),
        })
        .to_string()
    }

    async fn take(&mut self, frame: &Frame, live: &mut Live) -> Result<(), Broken> {
        for item in read(frame, &live.place)? {
            match item {
                Item::Bars(bars) => self.out.send(MarketMessage::Bars(bars)).await?,
                Item::Trade(trade) => self.out.send(MarketMessage::Trade(trade)).await?,
                Item::Quote(quote) => self.out.quote(quote)?,
                Item::Error { code, message } => {
                    tracing::warn!(url = self.url, code, message, "data stream error");
                    self.out.send(MarketMessage::Error { code, message: message.clone() }).await?;
                    // Before the first confirmation it is the answer to the subscription.
                    if !live.up {
                        return Err(Broken::Refused(code, message));
                    }
                    // These answer a request; no confirmation of it will come.
                    if matches!(code, 400 | 405 | 409 | 410) {
                        live.expected.pop_front();
                    }
                }
                Item::Subscription(ack) => {
                    let expected = live.expected.pop_front().unwrap_or_default();
                    let of_bars = expected.iter().filter(|(channel, _)| *channel == Channel::Bars);
                    let bars = of_bars.map(|(_, symbol)| symbol.clone()).collect();
                    let missing = missing(expected, &ack);
                    if !missing.is_empty() {
                        self.out.send(MarketMessage::Partial { missing }).await?;
                    }
                    self.out.send(MarketMessage::Confirmed { bars }).await?;
                }
                Item::Success(_) => {}
            }
        }
        Ok(())
    }
}

fn read(frame: &Frame, place: &HashMap<Symbol, usize>) -> Result<Vec<Item>, Broken> {
    items(frame, place).map_err(|fault| Broken::Protocol(fault.to_string()))
}

fn wants(subscription: &Subscription) -> Wants {
    let lists = [
        (Channel::Bars, &subscription.bars),
        (Channel::Quotes, &subscription.quotes),
        (Channel::Trades, &subscription.trades),
    ];
    lists
        .into_iter()
        .flat_map(|(channel, symbols)| symbols.iter().map(move |symbol| (channel, symbol.clone())))
        .collect()
}

/// What an acknowledgement, which lists everything that is subscribed, leaves out.
fn missing(expected: Wants, ack: &Ack) -> Vec<(Channel, Symbol)> {
    let symbols = |names: &[String]| -> BTreeSet<Symbol> {
        names.iter().filter_map(|name| Symbol::new(name).ok()).collect()
    };
    let lists = [
        (Channel::Bars, &ack.bars),
        (Channel::Quotes, &ack.quotes),
        (Channel::Trades, &ack.trades),
    ];
    let found: BTreeMap<Channel, (BTreeSet<Symbol>, bool)> = lists
        .into_iter()
        .map(|(channel, names)| (channel, (symbols(names), names.iter().any(|name| name == "*"))))
        .collect();
    let confirmed = |(channel, symbol): &(Channel, Symbol)| {
        found.get(channel).is_some_and(|(names, all)| *all || names.contains(symbol))
    };
    expected.into_iter().filter(|want| !confirmed(want)).collect()
}
