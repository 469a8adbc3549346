//! A broker's websocket side, led step by step by each test.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::alpaca::StreamLimits;

pub(super) struct Streams {
    pub(super) url: String,
    listener: TcpListener,
}

pub(super) struct Peer(pub(super) WebSocketStream<TcpStream>);

pub(super) fn limits() -> StreamLimits {
    StreamLimits {
        backoff_min: Duration::from_millis(2),
        backoff_max: Duration::from_millis(20),
        ..StreamLimits::default()
    }
}

impl Streams {
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { url, listener }
    }

    pub(super) async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        Peer(tokio_tungstenite::accept_async(stream).await.unwrap())
    }
}

impl Peer {
    pub(super) async fn hear(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(super) async fn say(&mut self, json: &Value) {
        self.0.send(Message::text(json.to_string())).await.unwrap();
    }

    pub(super) async fn say_binary(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::binary(bytes)).await.unwrap();
    }
}
