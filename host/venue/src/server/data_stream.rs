//! The market data streams: greeting, authentication, subscriptions, in JSON or msgpack.

use std::sync::Arc;

use axum::extract::ws::Message;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::connection::Protocol;
use super::hub::{Cut, Endpoint, Out, Outbox, frame};
use super::shared::Shared;
use super::time::SECOND;
use super::value::Value;

/// Data stream error codes with their texts.
const SYNTAX: (i64, &str) = (400, "invalid syntax");
const NOT_AUTHENTICATED: (i64, &str) = (401, "not authenticated");
const AUTH_FAILED: (i64, &str) = (402, "auth failed");
const ALREADY: (i64, &str) = (403, "already authenticated");
const AUTH_TIMEOUT: (i64, &str) = (404, "auth timeout");
const SYMBOL_LIMIT: (i64, &str) = (405, "symbol limit exceeded");
const CONNECTION_LIMIT: (i64, &str) = (406, "connection limit exceeded");
const SLOW_CLIENT: (i64, &str) = (407, "slow client");
const WRONG_ACTION: (i64, &str) = (410, "invalid subscribe action for this feed");

/// The keys that came with the handshake, if any.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandshakeKeys(pub(crate) Option<(String, String)>);

/// One data connection.
pub(crate) struct DataStream {
    shared: Arc<Shared>,
    endpoint: Endpoint,
    msgpack: bool,
    keys: HandshakeKeys,
    outbox: Outbox,
    client: Option<u64>,
    ended: bool,
    ticks: u32,
}

impl DataStream {
    /// A connection that has just been upgraded.
    pub(crate) fn new(
        shared: Arc<Shared>,
        endpoint: Endpoint,
        msgpack: bool,
        keys: HandshakeKeys,
        outbox: Outbox,
    ) -> Self {
        let (client, ended, ticks) = (None, false, 0);
        Self { shared, endpoint, msgpack, keys, outbox, client, ended, ticks }
    }

    fn send(&self, value: Value) {
        self.outbox.push(Out::Frame(frame(&Value::List(vec![value]), self.msgpack)));
    }

    fn fail(&self, (code, msg): (i64, &'static str)) {
        self.send(error_message(code, msg));
    }

    fn end(&mut self, error: (i64, &'static str)) {
        self.fail(error);
        self.ended = true;
        self.outbox.push(Out::Close);
    }

    fn authenticate(&mut self, key: &str, secret: &str) {
        if self.client.is_some() {
            return self.fail(ALREADY);
        }
        let Some(account) = self.shared.authenticate(key, secret) else {
            return self.end(AUTH_FAILED);
        };
        let mut engine = self.shared.engine();
        if self.shared.one_data_connection() && engine.hub.has_data_client(account, self.endpoint) {
            drop(engine);
            return self.end(CONNECTION_LIMIT);
        }
        self.client =
            Some(engine.hub.add_data(account, self.endpoint, self.msgpack, self.outbox.clone()));
        // Still under the lock: nothing can be queued before the answer.
        self.send(success("authenticated"));
    }

    fn subscribe(&mut self, message: &Json, add: bool) {
        let Some(client) = self.client else {
            return self.fail(NOT_AUTHENTICATED);
        };
        let mut wanted = Vec::new();
        for (name, symbols) in message.as_object().into_iter().flatten() {
            if name == "action" {
                continue;
            }
            let Some(channel) = self.endpoint.channels().iter().find(|c| *c == name) else {
                // Both follow the trades; clients name them all the same.
                if matches!(name.as_str(), "corrections" | "cancelErrors") {
                    continue;
                }
                return self.fail(WRONG_ACTION);
            };
            let Some(symbols) = texts(symbols) else {
                return self.fail(SYNTAX);
            };
            wanted.push((*channel, symbols));
        }
        let mut engine = self.shared.engine();
        match engine.hub.change(client, add, &wanted) {
            Some(ack) => self.send(ack),
            None => self.fail(SYMBOL_LIMIT),
        }
    }
}

impl Protocol for DataStream {
    fn opened(&mut self) {
        self.send(success("connected"));
        if let Some((key, secret)) = self.keys.0.take() {
            self.authenticate(&key, &secret);
        }
    }

    fn received(&mut self, message: &[u8], binary: bool) {
        if self.ended {
            return;
        }
        let read: Option<Json> = if binary && self.msgpack {
            rmp_serde::from_slice(message).ok()
        } else {
            serde_json::from_slice(message).ok()
        };
        let Some(read) = read else {
            return self.fail(SYNTAX);
        };
        let text = |name: &str| read.get(name).and_then(Json::as_str);
        match text("action") {
            Some("auth") => match (text("key"), text("secret")) {
                (Some(key), Some(secret)) => self.authenticate(key, secret),
                _ => self.end(AUTH_FAILED),
            },
            Some("subscribe") => self.subscribe(&read, true),
            Some("unsubscribe") => self.subscribe(&read, false),
            _ => self.fail(SYNTAX),
        }
    }

    fn waits_for_auth(&self) -> bool {
        self.client.is_none() && !self.ended
    }

    fn auth_timed_out(&mut self) {
        self.end(AUTH_TIMEOUT);
    }

    fn tick(&mut self) {
        let (Some(client), Endpoint::Test) = (self.client, self.endpoint) else {
            return;
        };
        self.ticks = self.ticks.wrapping_add(1);
        let messages = test_messages(self.ticks);
        let engine = self.shared.engine();
        let wanted: Vec<Value> = messages
            .into_iter()
            .filter(|(channel, _)| engine.hub.wants(client, channel, TEST_SYMBOL))
            .map(|(_, value)| value)
            .collect();
        if !wanted.is_empty() {
            self.outbox.push(Out::Frame(frame(&Value::List(wanted), self.msgpack)));
        }
    }

    fn farewell(&self, why: Cut) -> Option<Message> {
        let (code, msg) = SLOW_CLIENT;
        let last = Value::List(vec![error_message(code, msg)]);
        (why == Cut::Slow).then(|| frame(&last, self.msgpack))
    }

    fn closed(&mut self) {
        if let Some(client) = self.client.take() {
            self.shared.engine().hub.remove(client);
        }
    }
}

fn success(msg: &'static str) -> Value {
    Value::map([("T", Value::text("success")), ("msg", Value::text(msg))])
}

fn error_message(code: i64, msg: &'static str) -> Value {
    Value::map([("T", Value::text("error")), ("code", Value::Int(code)), ("msg", Value::text(msg))])
}

fn texts(list: &Json) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|s| s.as_str().map(str::to_owned)).collect()
}

/// The symbol of `/v2/test`.
const TEST_SYMBOL: &str = "FAKEPACA";

/// What `/v2/test` sends each second: a made-up price that goes round in a minute.
fn test_messages(tick: u32) -> Vec<(&'static str, Value)> {
    let price = Decimal::new(13_400 + i64::from(tick % 60), 2);
    let at = Value::Time((1_700_000_000 + i64::from(tick)) * SECOND);
    let bar = |t: &'static str| {
        Value::map([
            ("T", Value::text(t)),
            ("S", Value::text(TEST_SYMBOL)),
            ("o", Value::Number(price)),
            ("h", Value::Number(price)),
            ("l", Value::Number(price)),
            ("c", Value::Number(price)),
            ("v", Value::Int(100)),
            ("n", Value::Int(1)),
            ("vw", Value::Number(price)),
            ("t", at.clone()),
        ])
    };
    let trade = Value::map([
        ("T", Value::text("t")),
        ("S", Value::text(TEST_SYMBOL)),
        ("i", Value::Int(i64::from(tick))),
        ("x", Value::text("V")),
        ("p", Value::Number(price)),
        ("s", Value::Int(100)),
        ("c", Value::List(vec![Value::text("@")])),
        ("z", Value::text("C")),
        ("t", at.clone()),
    ]);
    let quote = Value::map([
        ("T", Value::text("q")),
        ("S", Value::text(TEST_SYMBOL)),
        ("bx", Value::text("V")),
        ("bp", Value::Number(price - Decimal::new(1, 2))),
        ("bs", Value::Int(1)),
        ("ax", Value::text("V")),
        ("ap", Value::Number(price + Decimal::new(1, 2))),
        ("as", Value::Int(1)),
        ("c", Value::List(vec![Value::text("R")])),
        ("z", Value::text("C")),
        ("t", at.clone()),
    ]);
    vec![("trades", trade), ("quotes", quote), ("bars", bar("b"))]
}
