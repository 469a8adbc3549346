//! One websocket connection with a watchdog, and the life of a stream around it.
//!
//! Guarantees: nothing waits longer than its deadline; a connection that is silent, pongs
//! included, is declared dead; a frame beyond the cap ends the connection; attempts are spaced by
//! [`Backoff`](super::backoff::Backoff). What the frames mean is the streams' business.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

/// Times and sizes of a stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// For connecting, and again for each step of the greeting.
    pub handshake: Duration,
    /// Between pings.
    pub ping: Duration,
    /// Silence, pongs included, after which the connection is dead.
    pub silence: Duration,
    /// First wait before connecting again; doubles.
    pub backoff_min: Duration,
    /// Longest wait before connecting again.
    pub backoff_max: Duration,
    /// Bytes of one message.
    pub frame_bytes_max: usize,
    /// Messages that wait for the host; then the stream waits.
    pub queue: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            ping: Duration::from_secs(3),
            silence: Duration::from_secs(10),
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(30),
            frame_bytes_max: 4 << 20,
            queue: 4_096,
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("not connected: {0}")]
    Connect(String),
    #[error("no answer within {0:?} to {1}")]
    Handshake(Duration, &'static str),
    #[error("silent for {0:?}")]
    Silent(Duration),
    #[error("closed by the broker")]
    Closed,
    #[error("connection lost: {0}")]
    Lost(String),
    #[error("keys refused: {0}")]
    Keys(String),
    #[error("error {0}: {1}")]
    Refused(u32, String),
    #[error("{0}")]
    Protocol(String),
    /// The host no longer listens: the end of the stream's task.
    #[error("the host stopped listening")]
    Stopped,
}

/// A message of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
}

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    limits: StreamLimits,
    pings: Interval,
    heard: Instant,
    /// Whether the stream was busy with a message since: that time is not the broker's silence.
    away: bool,
}

impl Socket {
    pub(crate) async fn connect(
        url: &str,
        tls: &Arc<rustls::ClientConfig>,
        limits: StreamLimits,
    ) -> Result<Self, Broken> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(limits.frame_bytes_max))
            .max_frame_size(Some(limits.frame_bytes_max));
        let connector = Connector::Rustls(Arc::clone(tls));
        let connect = tokio_tungstenite::connect_async_tls_with_config(
            url,
            Some(config),
            true,
            Some(connector),
        );
        let (stream, _) = tokio::time::timeout(limits.handshake, connect)
            .await
            .map_err(|_| Broken::Handshake(limits.handshake, "the connection"))?
            .map_err(|error| Broken::Connect(error.to_string()))?;
        let mut pings = tokio::time::interval(limits.ping);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        Ok(Self { stream, limits, pings, heard: Instant::now(), away: false })
    }

    pub(crate) async fn send(&mut self, text: String) -> Result<(), Broken> {
        let by = Instant::now() + self.limits.silence;
        self.write(Message::text(text), by).await
    }

    /// A write that the other side doesn't take within the silence bound is a dead connection.
    async fn write(&mut self, message: Message, by: Instant) -> Result<(), Broken> {
        match tokio::time::timeout_at(by, self.stream.send(message)).await {
            Ok(sent) => sent.map_err(|error| lost(&error)),
            Err(_) => Err(Broken::Silent(self.limits.silence)),
        }
    }

    /// The next message. Safe to drop while it waits.
    pub(crate) async fn next(&mut self) -> Result<Frame, Broken> {
        if std::mem::take(&mut self.away) {
            self.heard = Instant::now();
        }
        loop {
            let dead = self.heard + self.limits.silence;
            // What has arrived is read before the watchdog looks.
            tokio::select! {
                biased;
                message = self.stream.next() => {
                    self.heard = Instant::now();
                    if let Some(frame) = frame(message)? {
                        self.away = true;
                        return Ok(frame);
                    }
                }
                () = tokio::time::sleep_until(dead) => {
                    return Err(Broken::Silent(self.limits.silence));
                }
                _ = self.pings.tick() => {
                    self.write(Message::Ping(tungstenite::Bytes::new()), dead).await?;
                }
            }
        }
    }

    /// The next message of the greeting.
    pub(crate) async fn greeting(&mut self, to: &'static str) -> Result<Frame, Broken> {
        let limit = self.limits.handshake;
        tokio::time::timeout(limit, self.next()).await.map_err(|_| Broken::Handshake(limit, to))?
    }
}

fn frame(message: Option<Result<Message, tungstenite::Error>>) -> Result<Option<Frame>, Broken> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(Frame::Text(text.as_str().to_owned()))),
        Some(Ok(Message::Binary(bytes))) => Ok(Some(Frame::Binary(bytes.to_vec()))),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        Some(Ok(Message::Close(_))) | None => Err(Broken::Closed),
        Some(Err(error)) => Err(lost(&error)),
    }
}

fn lost(error: &tungstenite::Error) -> Broken {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Broken::Closed,
        error => Broken::Lost(error.to_string()),
    }
}
