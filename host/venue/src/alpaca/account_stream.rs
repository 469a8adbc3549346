//! The account stream: trade updates as they happen.
//!
//! Guarantees: no update is dropped while the stream is up, however slow the host is; the stream
//! is up only once the broker has confirmed that it sends trade updates (RELIABILITY W15). There
//! is no replay: after each `Up` the host reads a snapshot before it takes on risk.

use std::sync::Arc;

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use stockade_core::broker::TradeUpdate;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::config::{AccountConfig, Credentials};
use super::rest::{ClientError, tls};
use super::socket::{Broken, Frame, Socket, StreamLimits};
use super::wire::{self, WireTradeUpdate};

/// What the account stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountMessage {
    /// It listens; what happened before is not told.
    Up,
    /// It doesn't, once for each time that it stops or at the first attempt; it keeps trying.
    Down {
        /// Why.
        why: String,
    },
    /// Something happened to an order.
    Update(Box<TradeUpdate>),
}

const TRADE_UPDATES: &str = "trade_updates";

/// Starts the stream; it ends when the receiver is dropped. The seed varies the waits between
/// attempts.
///
/// # Errors
/// Where TLS can't be set up.
pub fn account_stream(
    account: &AccountConfig,
    limits: StreamLimits,
    seed: u64,
) -> Result<mpsc::Receiver<AccountMessage>, ClientError> {
    let (tx, rx) = mpsc::channel(limits.queue);
    let stream = AccountStream {
        url: account.endpoints.account_stream.clone(),
        credentials: account.credentials.clone(),
        tls: Arc::new(tls()?),
        limits,
        tx,
    };
    tokio::spawn(stream.run(seed));
    Ok(rx)
}

struct AccountStream {
    url: String,
    credentials: Credentials,
    tls: Arc<rustls::ClientConfig>,
    limits: StreamLimits,
    tx: mpsc::Sender<AccountMessage>,
}

#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    stream: Option<String>,
    action: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct Control {
    status: Option<String>,
    streams: Option<Vec<String>>,
    error_message: Option<String>,
}

impl AccountStream {
    async fn run(self, seed: u64) {
        let mut backoff = Backoff::new(self.limits.backoff_min, self.limits.backoff_max, seed);
        let mut told_down = false;
        loop {
            let mut up_since = None;
            let Err(broken) = self.connection(&mut up_since).await;
            if broken == Broken::Stopped {
                return;
            }
            let url = &self.url;
            tracing::warn!(url, %broken, "account stream down");
            if up_since.is_some() || !told_down {
                told_down = true;
                let down = AccountMessage::Down { why: broken.to_string() };
                if self.tx.send(down).await.is_err() {
                    return;
                }
            }
            // A connection that breaks as soon as it is up must not be tried without a pause.
            if up_since.is_some_and(|since: Instant| since.elapsed() >= self.limits.silence) {
                backoff.reset();
            }
            if matches!(broken, Broken::Keys(_)) {
                backoff.exhaust();
            }
            tokio::select! {
                () = self.tx.closed() => return,
                () = tokio::time::sleep(backoff.wait()) => {}
            }
        }
    }

    /// One connection, from its first byte to its end.
    async fn connection(
        &self,
        up_since: &mut Option<Instant>,
    ) -> Result<std::convert::Infallible, Broken> {
        let mut socket = tokio::select! {
            () = self.tx.closed() => return Err(Broken::Stopped),
            socket = self.greeted() => socket?,
        };
        self.tell(AccountMessage::Up).await?;
        *up_since = Some(Instant::now());
        tracing::info!(url = self.url, "account stream up");
        loop {
            let frame = tokio::select! {
                () = self.tx.closed() => return Err(Broken::Stopped),
                frame = socket.next() => frame?,
            };
            if let Some(update) = update(&frame)? {
                self.tell(AccountMessage::Update(Box::new(update))).await?;
            }
        }
    }

    async fn tell(&self, message: AccountMessage) -> Result<(), Broken> {
        self.tx.send(message).await.map_err(|_| Broken::Stopped)
    }

    async fn greeted(&self) -> Result<Socket, Broken> {
        let mut socket = Socket::connect(&self.url, &self.tls, self.limits).await?;
        let authenticate = json!({"action": "authenticate", "data": {
            "key_id": self.credentials.key_id,
            "secret_key": self.credentials.secret.expose_secret(),
        }});
        socket.send(authenticate.to_string()).await?;
        let ack = reply(&mut socket, "authorization").await?;
        if ack.status.as_deref() != Some("authorized") {
            return Err(Broken::Keys(ack.status.unwrap_or_else(|| "no status".to_owned())));
        }
        let listen = json!({"action": "listen", "data": {"streams": [TRADE_UPDATES]}});
        socket.send(listen.to_string()).await?;
        let streams = reply(&mut socket, "listening").await?.streams.unwrap_or_default();
        if !streams.iter().any(|name| name == TRADE_UPDATES) {
            let found = streams.join(", ");
            let why = format!("the broker listens for [{found}], asked was [{TRADE_UPDATES}]");
            return Err(Broken::Protocol(why));
        }
        Ok(socket)
    }
}

/// The answer to a step of the greeting. Updates that come before it are left to the snapshot.
async fn reply(socket: &mut Socket, stream: &'static str) -> Result<Control, Broken> {
    loop {
        let frame = socket.greeting(stream).await?;
        let envelope = envelope(&frame)?;
        let control = || -> Control {
            envelope.data.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
        };
        if envelope.action.as_deref() == Some("error") {
            return Err(Broken::Protocol(control().error_message.unwrap_or_default()));
        }
        if envelope.stream.as_deref() == Some(stream) {
            return Ok(control());
        }
    }
}

fn envelope(frame: &Frame) -> Result<Envelope<'_>, Broken> {
    // Paper sends JSON in binary frames, live in text frames.
    let bytes = match frame {
        Frame::Text(text) => text.as_bytes(),
        Frame::Binary(bytes) => bytes,
    };
    wire::json("a stream message", bytes).map_err(|error| Broken::Protocol(error.to_string()))
}

/// The update of a frame. One that can't be read ends the connection, since what it said can only
/// be found by the snapshot that follows the next one.
fn update(frame: &Frame) -> Result<Option<TradeUpdate>, Broken> {
    let envelope = envelope(frame)?;
    if envelope.action.as_deref() == Some("error") {
        let words = envelope.data.map(|raw| raw.get().chars().take(200).collect());
        return Err(Broken::Protocol(words.unwrap_or_default()));
    }
    if envelope.stream.as_deref() != Some(TRADE_UPDATES) {
        return Ok(None);
    }
    let unreadable = |fault: wire::WireError| Broken::Protocol(fault.to_string());
    let data = envelope.data.map_or("", RawValue::get);
    let update: WireTradeUpdate<'_> =
        wire::json("a trade update", data.as_bytes()).map_err(unreadable)?;
    if update.order.is_multi_leg() {
        tracing::warn!("an update of an order of several legs is left out");
        return Ok(None);
    }
    let (update, fault) = update.update().map_err(unreadable)?;
    if let Some(fault) = fault {
        let order = &update.order.broker_order_id;
        tracing::error!(order, event = update.event, %fault, "a fill is left out of its update");
    }
    Ok(Some(update))
}
