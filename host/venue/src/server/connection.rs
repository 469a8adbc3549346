//! One websocket connection: carries a client's queue out and its messages in.
//!
//! The protocol decides what a message means; this file knows frames, pings, barriers and the
//! two ways a connection ends: in order behind its queue, or cut ahead of it.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::hub::{Cut, Out};

/// The largest message that a client may send.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// What a stream does with the messages of its client. Answers go through the client's queue.
pub(crate) trait Protocol: Send {
    /// The connection stands.
    fn opened(&mut self);
    /// A text or binary message came.
    fn received(&mut self, message: &[u8], binary: bool);
    /// Whether the client still has to say who it is; after the deadline it is told so.
    fn waits_for_auth(&self) -> bool;
    /// The client did not authenticate in time.
    fn auth_timed_out(&mut self);
    /// Once a second.
    fn tick(&mut self) {}
    /// The last frame of a connection that is cut, where the protocol has one.
    fn farewell(&self, why: Cut) -> Option<Message>;
    /// The connection has ended.
    fn closed(&mut self);
}

/// How long a connection may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For authenticating.
    pub(crate) auth: Duration,
    /// For one frame to leave.
    pub(crate) send: Duration,
}

/// Runs a connection to its end.
pub(crate) async fn run(
    socket: WebSocket,
    mut protocol: Box<dyn Protocol>,
    mut queue: mpsc::Receiver<Out>,
    mut cut: watch::Receiver<Option<Cut>>,
    patience: Patience,
) {
    let (mut sink, mut stream) = socket.split();
    protocol.opened();
    let mut pending: VecDeque<(u64, oneshot::Sender<()>)> = VecDeque::new();
    let mut barriers = 0_u64;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let auth_deadline = Instant::now() + patience.auth;
    loop {
        tokio::select! {
            biased;
            Ok(()) = cut.changed() => {
                let why = cut.borrow().unwrap_or(Cut::Stop);
                if let Some(last) = protocol.farewell(why) {
                    let _ = timeout(Duration::from_secs(1), sink.send(last)).await;
                }
                if why != Cut::Fault {
                    let _ = timeout(Duration::from_secs(1), sink.close()).await;
                }
                break;
            }
            () = tokio::time::sleep_until(auth_deadline), if protocol.waits_for_auth() => {
                protocol.auth_timed_out();
            }
            incoming = stream.next() => match incoming {
                Some(Ok(Message::Text(text))) => protocol.received(text.as_bytes(), false),
                Some(Ok(Message::Binary(bytes))) => protocol.received(&bytes, true),
                Some(Ok(Message::Pong(payload))) => reached(&mut pending, &payload),
                Some(Ok(Message::Ping(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
            out = queue.recv() => {
                let message = match out {
                    Some(Out::Frame(message)) => message,
                    Some(Out::Barrier(sender)) => {
                        barriers += 1;
                        pending.push_back((barriers, sender));
                        Message::Ping(barriers.to_be_bytes().to_vec().into())
                    }
                    Some(Out::Close) | None => {
                        let _ = timeout(Duration::from_secs(1), sink.close()).await;
                        break;
                    }
                };
                match timeout(patience.send, sink.send(message)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => break,
                }
            }
            _ = second.tick() => protocol.tick(),
        }
    }
    protocol.closed();
}

/// Resolves the barriers up to the one whose pong came.
fn reached(pending: &mut VecDeque<(u64, oneshot::Sender<()>)>, payload: &[u8]) {
    let Ok(bytes) = <[u8; 8]>::try_from(payload) else {
        return;
    };
    let number = u64::from_be_bytes(bytes);
    while pending.front().is_some_and(|(n, _)| *n <= number) {
        if let Some((_, sender)) = pending.pop_front() {
            // The waiting side may have given up.
            let _ = sender.send(());
        }
    }
}
