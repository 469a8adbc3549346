//! The account stream `/stream`: authentication in both forms, the listen list, trade updates.
//!
//! Messages from the client are JSON in text or binary frames; ours are JSON in binary frames, as
//! on Alpaca's paper environment. A client gets what happens after its listen and no replay.

use std::sync::Arc;

use axum::extract::ws::Message;
use serde_json::{Value, json};

use super::connection::Protocol;
use super::hub::{Cut, Out, Outbox};
use super::shared::Shared;

/// The one stream that there is.
const TRADE_UPDATES: &str = "trade_updates";

/// One account stream connection.
pub(crate) struct AccountStream {
    shared: Arc<Shared>,
    outbox: Outbox,
    client: Option<u64>,
    ended: bool,
}

impl AccountStream {
    /// A connection that has just been upgraded.
    pub(crate) fn new(shared: Arc<Shared>, outbox: Outbox) -> Self {
        Self { shared, outbox, client: None, ended: false }
    }

    fn send(&self, value: &Value) {
        self.outbox.push(Out::Frame(Message::Binary(value.to_string().into_bytes().into())));
    }

    fn fail(&self, text: &str) {
        self.send(&json!({"action": "error", "data": {"error_message": text}}));
    }

    fn authenticate(&mut self, key: Option<&str>, secret: Option<&str>) {
        if self.client.is_some() {
            return self.fail("already authenticated");
        }
        let account = key.zip(secret).and_then(|(k, s)| self.shared.authenticate(k, s));
        let status = if account.is_some() { "authorized" } else { "unauthorized" };
        if let Some(account) = account {
            self.client = Some(self.shared.engine().hub.add_trade(account, self.outbox.clone()));
        }
        self.send(&json!({
            "stream": "authorization",
            "data": {"status": status, "action": "authenticate"},
        }));
        if account.is_none() {
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.outbox.push(Out::Close);
    }

    fn listen(&self, streams: Option<&Vec<Value>>) {
        let Some(client) = self.client else {
            return self.fail("not authenticated");
        };
        let Some(streams) = streams else {
            return self.fail("listen needs data.streams");
        };
        let known: Vec<&str> =
            streams.iter().filter_map(Value::as_str).filter(|s| *s == TRADE_UPDATES).collect();
        let mut engine = self.shared.engine();
        engine.hub.listen(client, !known.is_empty());
        // Still under the lock, so that the first update follows the acknowledgement.
        self.send(&json!({"stream": "listening", "data": {"streams": known}}));
    }
}

impl Protocol for AccountStream {
    fn opened(&mut self) {}

    fn received(&mut self, message: &[u8], _binary: bool) {
        if self.ended {
            return;
        }
        let Ok(read) = serde_json::from_slice::<Value>(message) else {
            return self.fail("message is not JSON");
        };
        let data = read.get("data").unwrap_or(&Value::Null);
        let text =
            |from: &Value, name: &str| from.get(name).and_then(Value::as_str).map(str::to_owned);
        match read.get("action").and_then(Value::as_str) {
            Some("authenticate") => {
                self.authenticate(
                    text(data, "key_id").as_deref(),
                    text(data, "secret_key").as_deref(),
                );
            }
            Some("auth") => {
                self.authenticate(text(&read, "key").as_deref(), text(&read, "secret").as_deref());
            }
            Some("listen") => self.listen(data.get("streams").and_then(Value::as_array)),
            _ => self.fail("action must be authenticate, auth or listen"),
        }
    }

    fn waits_for_auth(&self) -> bool {
        self.client.is_none() && !self.ended
    }

    fn auth_timed_out(&mut self) {
        self.fail("authentication timed out");
        self.end();
    }

    fn farewell(&self, _why: Cut) -> Option<Message> {
        None
    }

    fn closed(&mut self) {
        if let Some(client) = self.client.take() {
            self.shared.engine().hub.remove(client);
        }
    }
}
