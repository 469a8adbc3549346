//! Who listens to what: the connected stream clients and the queue of each.
//!
//! Every message is put into a client's queue under the same lock that changed the state, so a
//! client sees everything in the order in which it happened. Queues are bounded: a client that
//! does not keep up is cut, never waited for. What paces a replay at full speed is the barrier: a
//! websocket ping behind the messages of a step, whose pong says that the client has read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Message;
use tokio::sync::{mpsc, oneshot, watch};

use super::value::Value;

/// Messages that wait for one client; a step of a replay puts at most one per channel.
pub(crate) const QUEUE_MESSAGES_MAX: usize = 16_384;
/// Symbols over all channels that one connection can ask for.
pub(crate) const SYMBOLS_MAX: usize = 30_000;

/// What goes to a client.
#[derive(Debug)]
pub(crate) enum Out {
    /// A frame.
    Frame(Message),
    /// A ping; the sender is told when its pong is back.
    Barrier(oneshot::Sender<()>),
    /// The end of the connection, after what was queued before.
    Close,
}

/// Why a connection is ended from our side, ahead of its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The client does not read fast enough.
    Slow,
    /// The fault plan says so.
    Fault,
    /// The server stops.
    Stop,
}

/// The sending end of a client's queue.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    queue: mpsc::Sender<Out>,
    cut: Arc<watch::Sender<Option<Cut>>>,
}

impl Outbox {
    /// A queue with its two receiving ends.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Out>, watch::Receiver<Option<Cut>>) {
        let (queue, messages) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let (cut, cuts) = watch::channel(None);
        (Self { queue, cut: Arc::new(cut) }, messages, cuts)
    }

    /// Queues a message, or cuts the client whose queue is full.
    pub(crate) fn push(&self, out: Out) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(out) {
            self.cut(Cut::Slow);
        }
    }

    /// Ends the connection at once.
    pub(crate) fn cut(&self, why: Cut) {
        self.cut.send_if_modified(|cut| cut.is_none() && cut.replace(why).is_none());
    }
}

/// Which of the market data endpoints a client is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Endpoint {
    /// `/v2/iex`: equities.
    Iex,
    /// `/v2/sip`: equities.
    Sip,
    /// `/v2/test`: the symbol FAKEPACA round the clock.
    Test,
    /// `/v1beta3/crypto/us`.
    Crypto,
}

impl Endpoint {
    /// The channels that can be subscribed to here, in the order of the acknowledgement.
    pub(crate) const fn channels(self) -> &'static [&'static str] {
        match self {
            Self::Crypto => &["trades", "quotes", "orderbooks", "bars", "updatedBars", "dailyBars"],
            _ => &[
                "trades",
                "quotes",
                "bars",
                "updatedBars",
                "dailyBars",
                "statuses",
                "lulds",
                "imbalances",
            ],
        }
    }

    const fn carries(self, crypto: bool) -> bool {
        match self {
            Self::Crypto => crypto,
            Self::Iex | Self::Sip => !crypto,
            Self::Test => false,
        }
    }
}

/// What one client wants: symbols per channel, `*` for all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subscriptions(BTreeMap<&'static str, BTreeSet<String>>);

impl Subscriptions {
    /// Whether a message of this channel and symbol is wanted.
    pub(crate) fn wants(&self, channel: &str, symbol: &str) -> bool {
        self.0.get(channel).is_some_and(|set| set.contains(symbol) || set.contains("*"))
    }

    /// Adds symbols; `false` when the connection has too many then, and nothing was added.
    pub(crate) fn add(&mut self, wanted: &[(&'static str, Vec<String>)]) -> bool {
        let asked: usize = wanted.iter().map(|(_, symbols)| symbols.len()).sum();
        let have: usize = self.0.values().map(BTreeSet::len).sum();
        if asked + have > SYMBOLS_MAX {
            return false;
        }
        for (channel, symbols) in wanted {
            self.0.entry(channel).or_default().extend(symbols.iter().cloned());
        }
        true
    }

    /// Takes symbols away.
    pub(crate) fn remove(&mut self, unwanted: &[(&'static str, Vec<String>)]) {
        for (channel, symbols) in unwanted {
            if let Some(set) = self.0.get_mut(channel) {
                for symbol in symbols {
                    set.remove(symbol);
                }
            }
        }
    }

    /// The acknowledgement: the full state after a change.
    pub(crate) fn acknowledgement(&self, endpoint: Endpoint) -> Value {
        let list = |channel: &str| {
            let symbols = self.0.get(channel).into_iter().flatten();
            Value::List(symbols.map(|s| Value::text(s.clone())).collect())
        };
        let mut members = vec![("T".into(), Value::text("subscription"))];
        for channel in endpoint.channels() {
            members.push(((*channel).into(), list(channel)));
        }
        if endpoint != Endpoint::Crypto {
            // Corrections and cancellations come with the trades, unasked.
            members.push(("corrections".into(), list("trades")));
            members.push(("cancelErrors".into(), list("trades")));
        }
        Value::Map(members)
    }

    fn is_empty(&self) -> bool {
        self.0.values().all(BTreeSet::is_empty)
    }
}

/// One message of the market.
#[derive(Debug, Clone)]
pub(crate) struct MarketMessage {
    /// The subscription channel, such as `bars`.
    pub(crate) channel: &'static str,
    /// The symbol, as the data interface writes it.
    pub(crate) symbol: String,
    /// Whether it belongs to the crypto endpoint.
    pub(crate) crypto: bool,
    /// The message with its `T`.
    pub(crate) value: Value,
}

#[derive(Debug)]
struct DataClient {
    id: u64,
    account: usize,
    endpoint: Endpoint,
    msgpack: bool,
    subscriptions: Subscriptions,
    outbox: Outbox,
}

#[derive(Debug)]
struct TradeClient {
    id: u64,
    account: usize,
    listening: bool,
    outbox: Outbox,
}

/// All stream clients.
#[derive(Debug)]
pub(crate) struct Hub {
    next_id: u64,
    data: Vec<DataClient>,
    trade: Vec<TradeClient>,
    subscribed: watch::Sender<usize>,
}

impl Hub {
    /// A hub without clients.
    pub(crate) fn new() -> Self {
        Self { next_id: 0, data: Vec::new(), trade: Vec::new(), subscribed: watch::channel(0).0 }
    }

    /// The number of data clients with a subscription, as it changes.
    pub(crate) fn subscribed(&self) -> watch::Receiver<usize> {
        self.subscribed.subscribe()
    }

    /// Whether the account has a data client on this endpoint already.
    pub(crate) fn has_data_client(&self, account: usize, endpoint: Endpoint) -> bool {
        self.data.iter().any(|c| c.account == account && c.endpoint == endpoint)
    }

    /// Registers an authenticated data client.
    pub(crate) fn add_data(
        &mut self,
        account: usize,
        endpoint: Endpoint,
        msgpack: bool,
        outbox: Outbox,
    ) -> u64 {
        self.next_id += 1;
        let subscriptions = Subscriptions::default();
        let id = self.next_id;
        self.data.push(DataClient { id, account, endpoint, msgpack, subscriptions, outbox });
        id
    }

    /// Registers an authenticated account stream client, which does not listen yet.
    pub(crate) fn add_trade(&mut self, account: usize, outbox: Outbox) -> u64 {
        self.next_id += 1;
        self.trade.push(TradeClient { id: self.next_id, account, listening: false, outbox });
        self.next_id
    }

    /// Forgets a client.
    pub(crate) fn remove(&mut self, id: u64) {
        self.data.retain(|c| c.id != id);
        self.trade.retain(|c| c.id != id);
        self.count();
    }

    /// Changes a data client's subscriptions and gives its acknowledgement; `None` when it would
    /// have too many.
    pub(crate) fn change(
        &mut self,
        id: u64,
        add: bool,
        wanted: &[(&'static str, Vec<String>)],
    ) -> Option<Value> {
        let client = self.data.iter_mut().find(|c| c.id == id)?;
        if add {
            if !client.subscriptions.add(wanted) {
                return None;
            }
        } else {
            client.subscriptions.remove(wanted);
        }
        let ack = client.subscriptions.acknowledgement(client.endpoint);
        self.count();
        Some(ack)
    }

    /// Whether a data client wants a message; for messages made per client, as on `/v2/test`.
    pub(crate) fn wants(&self, id: u64, channel: &str, symbol: &str) -> bool {
        self.data.iter().any(|c| c.id == id && c.subscriptions.wants(channel, symbol))
    }

    /// Says whether an account stream client wants trade updates.
    pub(crate) fn listen(&mut self, id: u64, listening: bool) {
        self.trade.iter_mut().filter(|c| c.id == id).for_each(|c| c.listening = listening);
    }

    /// Queues the messages of one step: one frame for each client that wants any of them.
    pub(crate) fn publish(&self, messages: &[MarketMessage]) {
        for client in &self.data {
            let wanted: Vec<Value> = messages
                .iter()
                .filter(|m| client.endpoint.carries(m.crypto))
                .filter(|m| client.subscriptions.wants(m.channel, &m.symbol))
                .map(|m| m.value.clone())
                .collect();
            if !wanted.is_empty() {
                client.outbox.push(Out::Frame(frame(&Value::List(wanted), client.msgpack)));
            }
        }
    }

    /// Queues one frame of the account stream for each listening client of the account.
    pub(crate) fn publish_trade(&self, account: usize, json: &str) {
        for client in self.trade.iter().filter(|c| c.listening && c.account == account) {
            // Paper sends JSON in binary frames.
            client.outbox.push(Out::Frame(Message::Binary(json.as_bytes().to_vec().into())));
        }
    }

    /// The same, after a while; what comes meanwhile overtakes it.
    pub(crate) fn publish_trade_late(&self, account: usize, json: &str, after: Duration) {
        let clients = self.trade.iter().filter(|c| c.listening && c.account == account);
        let outboxes: Vec<Outbox> = clients.map(|c| c.outbox.clone()).collect();
        let message = Message::Binary(json.as_bytes().to_vec().into());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            outboxes.iter().for_each(|outbox| outbox.push(Out::Frame(message.clone())));
        });
    }

    /// Queues a barrier for every client; each receiver resolves when its client has read all
    /// that was queued before, or has gone.
    pub(crate) fn barrier(&self) -> Vec<(Outbox, oneshot::Receiver<()>)> {
        let data = self.data.iter().filter(|c| !c.subscriptions.is_empty()).map(|c| &c.outbox);
        let trade = self.trade.iter().filter(|c| c.listening).map(|c| &c.outbox);
        data.chain(trade)
            .map(|outbox| {
                let (reached, wait) = oneshot::channel();
                outbox.push(Out::Barrier(reached));
                (outbox.clone(), wait)
            })
            .collect()
    }

    /// Cuts the account stream clients of one account.
    pub(crate) fn cut_trade(&self, account: usize, why: Cut) {
        self.trade.iter().filter(|c| c.account == account).for_each(|c| c.outbox.cut(why));
    }

    /// Cuts the data clients of every account.
    pub(crate) fn cut_data(&self, why: Cut) {
        self.data.iter().for_each(|c| c.outbox.cut(why));
    }

    /// Cuts everybody.
    pub(crate) fn cut_all(&self, why: Cut) {
        self.cut_data(why);
        self.trade.iter().for_each(|c| c.outbox.cut(why));
    }

    fn count(&self) {
        let count = self.data.iter().filter(|c| !c.subscriptions.is_empty()).count();
        self.subscribed.send_replace(count);
    }
}

/// A frame in the client's encoding.
pub(crate) fn frame(value: &Value, msgpack: bool) -> Message {
    if msgpack {
        Message::Binary(value.to_msgpack().into())
    } else {
        Message::Text(value.to_json().into())
    }
}
