//! What the tests have in common: a feed, a REST client and stream clients.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, RequestBuilder};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::server::time::{MINUTE, parse};
use crate::server::{
    DEFAULT_KEY_ID, DEFAULT_SECRET, ExchangeServer, Feed, FeedBar, RunningExchange, ServerConfig,
    Speed,
};

/// Nothing in these tests takes long; a wait that does is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// One-minute bars from a Monday's opening: bar `n` opens at `first + n` and closes one above.
pub(super) fn rising(symbol: &str, first: i64, count: i64) -> Vec<FeedBar> {
    let opening = parse("2019-02-11T14:30:00Z").unwrap();
    (0..count)
        .map(|n| {
            let open = Decimal::from(first + n);
            FeedBar {
                symbol: symbol.to_owned(),
                crypto: false,
                start: opening + n * MINUTE,
                end: opening + (n + 1) * MINUTE,
                open,
                high: open + Decimal::new(15, 1),
                low: open - Decimal::new(5, 1),
                close: open + Decimal::ONE,
                volume: Decimal::from(1_000),
            }
        })
        .collect()
}

/// The rules without chance: every marketable order trades whole at once.
pub(super) fn calm() -> stockade_exchange::Config {
    let mut rules = stockade_exchange::Config::paper(Decimal::from(100_000));
    rules.partial_fill_permille = 0;
    rules
}

/// A manual server over bars of SPY and BTC/USD.
pub(super) fn manual() -> ServerConfig {
    let mut bars = rising("SPY", 100, 30);
    bars.extend(rising("BTC/USD", 5_000, 30));
    ServerConfig {
        speed: Speed::Manual,
        rules: Some(calm()),
        ..ServerConfig::new(Feed::Bars(bars))
    }
}

/// A server and a client with its keys.
pub(super) struct World {
    pub(super) exchange: RunningExchange,
    pub(super) rest: Rest,
}

impl World {
    pub(super) async fn start(config: ServerConfig) -> Self {
        let exchange = ExchangeServer::start(config).await.unwrap();
        let rest = Rest::new(&exchange, DEFAULT_KEY_ID, DEFAULT_SECRET);
        Self { exchange, rest }
    }

    /// A server that has replayed some steps.
    pub(super) async fn after(config: ServerConfig, steps: usize) -> Self {
        let world = Self::start(config).await;
        for _ in 0..steps {
            assert!(world.exchange.step().await.unwrap());
        }
        world
    }
}

/// A REST client.
#[derive(Clone)]
pub(super) struct Rest {
    base: String,
    key: String,
    secret: String,
    client: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// Status, code and message of a refusal.
    pub(super) fn refusal(&self) -> (u16, u64, String) {
        let body = self.json();
        let message = body["message"].as_str().unwrap_or_default().to_owned();
        (self.status, body["code"].as_u64().unwrap_or(0), message)
    }
}

impl Rest {
    pub(super) fn new(exchange: &RunningExchange, key: &str, secret: &str) -> Self {
        // The tests speak plain HTTP; the client wants a TLS provider all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { base: exchange.url(), key: key.to_owned(), secret: secret.to_owned(), client }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .header("APCA-API-KEY-ID", &self.key)
            .header("APCA-API-SECRET-KEY", &self.secret)
    }

    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, text: answer.text().await? })
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await.unwrap()
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: impl ToString) -> Answer {
        self.send(self.request(Method::POST, path).body(body.to_string())).await.unwrap()
    }

    pub(super) async fn patch(&self, path: &str, body: impl ToString) -> Answer {
        self.send(self.request(Method::PATCH, path).body(body.to_string())).await.unwrap()
    }

    /// Sends an order and gives what was answered with a 200.
    pub(super) async fn order(&self, body: Value) -> Value {
        let answer = self.post("/v2/orders", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }
}

/// A market order.
pub(super) fn market(side: &str, qty: &str, id: &str) -> Value {
    json!({"symbol": "SPY", "side": side, "type": "market", "time_in_force": "day", "qty": qty, "client_order_id": id})
}

/// A limit order.
pub(super) fn limit(side: &str, qty: &str, price: &str, id: &str) -> Value {
    let mut order = market(side, qty, id);
    order["type"] = json!("limit");
    order["limit_price"] = json!(price);
    order
}

/// A stream client.
pub(super) struct Socket {
    pub(super) inner: WebSocketStream<MaybeTlsStream<TcpStream>>,
    msgpack: bool,
}

impl Socket {
    pub(super) async fn open(
        exchange: &RunningExchange,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        let mut request = format!("{}{path}", exchange.ws_url()).into_client_request().unwrap();
        let mut msgpack = false;
        for (name, value) in headers {
            msgpack |= *value == "application/msgpack";
            let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (inner, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        Self { inner, msgpack }
    }

    pub(super) async fn send(&mut self, message: Value) {
        let message = if self.msgpack {
            Message::binary(rmp_serde::to_vec_named(&message).unwrap())
        } else {
            Message::text(message.to_string())
        };
        self.inner.send(message).await.unwrap();
    }

    /// The next message that is not a ping; `None` when the connection has ended.
    pub(super) async fn frame(&mut self) -> Option<Message> {
        loop {
            let next =
                tokio::time::timeout(PATIENCE, self.inner.next()).await.expect("a message in time");
            match next {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    return Some(message);
                }
                Some(Err(
                    Error::ConnectionClosed
                    | Error::AlreadyClosed
                    | Error::Protocol(_)
                    | Error::Io(_),
                ))
                | Some(Ok(_))
                | None => return None,
                Some(Err(error)) => panic!("{error}"),
            }
        }
    }

    /// The next message as JSON.
    pub(super) async fn next(&mut self) -> Value {
        self.next_or_end().await.expect("a message")
    }

    pub(super) async fn next_or_end(&mut self) -> Option<Value> {
        let message = self.frame().await?;
        let bytes = message.into_data();
        Some(if self.msgpack {
            let read = rmpv::decode::read_value(&mut bytes.as_ref()).unwrap();
            plain(&read)
        } else {
            serde_json::from_slice(&bytes).unwrap()
        })
    }

    /// Reads and answers pings until the connection ends, giving the number of messages.
    pub(super) async fn drain(mut self) -> usize {
        let mut count = 0;
        while self.frame().await.is_some() {
            count += 1;
        }
        count
    }
}

/// Msgpack as JSON, with a timestamp as `{"seconds", "nanos"}`.
fn plain(value: &rmpv::Value) -> Value {
    match value {
        rmpv::Value::Map(members) => Value::Object(
            members.iter().map(|(k, v)| (k.as_str().unwrap().to_owned(), plain(v))).collect(),
        ),
        rmpv::Value::Array(items) => items.iter().map(plain).collect(),
        rmpv::Value::Ext(-1, bytes) => {
            let seconds = u32::from_be_bytes(bytes.as_slice().try_into().expect("whole seconds"));
            json!({ "seconds": seconds })
        }
        rmpv::Value::F64(number) => json!(number),
        rmpv::Value::Integer(number) => json!(number.as_i64().unwrap()),
        rmpv::Value::String(text) => json!(text.as_str().unwrap()),
        rmpv::Value::Nil => Value::Null,
        other => panic!("unexpected {other}"),
    }
}

/// A data stream that is authenticated and has the bars of all symbols.
pub(super) async fn bars_of_all(exchange: &RunningExchange, path: &str) -> Socket {
    let mut socket = Socket::open(exchange, path, &[]).await;
    assert_eq!(socket.next().await[0]["msg"], "connected");
    socket.send(json!({"action": "auth", "key": DEFAULT_KEY_ID, "secret": DEFAULT_SECRET})).await;
    assert_eq!(socket.next().await[0]["msg"], "authenticated");
    socket.send(json!({"action": "subscribe", "bars": ["*"]})).await;
    assert_eq!(socket.next().await[0]["bars"], json!(["*"]));
    socket
}

/// An account stream that listens.
pub(super) async fn updates(exchange: &RunningExchange) -> Socket {
    let mut socket = Socket::open(exchange, "/stream", &[]).await;
    let keys = json!({"key_id": DEFAULT_KEY_ID, "secret_key": DEFAULT_SECRET});
    socket.send(json!({"action": "authenticate", "data": keys})).await;
    assert_eq!(socket.next().await["data"]["status"], "authorized");
    socket.send(json!({"action": "listen", "data": {"streams": ["trade_updates"]}})).await;
    assert_eq!(socket.next().await["data"]["streams"], json!(["trade_updates"]));
    socket
}
