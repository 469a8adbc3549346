//! A broker's HTTP side that answers as each test says.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::alpaca::{AccountConfig, Alpaca, Credentials, Endpoints, Notice, RestLimits};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: Url,
    pub(super) head: String,
    pub(super) body: String,
}

impl Request {
    pub(super) fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// What the broker does with it.
pub(super) enum Reply {
    Json(u16, String),
    /// With more header lines, each ending in CRLF.
    Headed(u16, &'static str, String),
    Html(u16),
    /// Says that `promised` bytes follow, sends these, closes.
    Cut {
        promised: usize,
        sent: &'static str,
    },
    /// Closes without a word.
    Close,
    /// Says nothing and keeps the connection.
    Stall,
    /// A byte of the body, then nothing more.
    Drip,
}

pub(super) struct Broker {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Broker {
    pub(super) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&answer)));
            }
        });
        Self { url, seen }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn client(&self) -> (Alpaca, Arc<Mutex<Vec<Notice>>>) {
        client(&self.url)
    }
}

pub(super) fn client(url: &str) -> (Alpaca, Arc<Mutex<Vec<Notice>>>) {
    let limits = RestLimits {
        deadline: Duration::from_millis(2_000),
        connect: Duration::from_millis(1_000),
        body_bytes_max: 512 << 10,
    };
    client_with(url, limits)
}

pub(super) fn client_with(url: &str, limits: RestLimits) -> (Alpaca, Arc<Mutex<Vec<Notice>>>) {
    let notices = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&notices);
    let notify = Arc::new(move |notice| log.lock().unwrap().push(notice));
    (Alpaca::new(&account(url), limits, notify).unwrap(), notices)
}

pub(super) fn account(url: &str) -> AccountConfig {
    AccountConfig {
        label: "paper".to_owned(),
        live: false,
        credentials: Credentials::new("PKTEST", "secret"),
        endpoints: Endpoints::at(url).unwrap(),
    }
}

/// Fails the test instead of hanging it.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("an answer within 30 s")
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Request>>>,
    answer: Arc<impl Fn(&Request) -> Reply>,
) {
    let mut buffer = Vec::new();
    while let Some(request) = request(&mut stream, &mut buffer).await {
        let reply = answer(&request);
        seen.lock().unwrap().push(request);
        let (status, lines, body) = match reply {
            Reply::Json(status, body) => (status, "content-type: application/json\r\n", body),
            Reply::Headed(status, lines, body) => (status, lines, body),
            Reply::Html(status) => {
                (status, "content-type: text/html\r\n", "<html>no</html>".to_owned())
            }
            Reply::Cut { promised, sent } => {
                let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {promised}\r\n\r\n{sent}");
                stream.write_all(text.as_bytes()).await.unwrap();
                return;
            }
            Reply::Close => return,
            Reply::Stall => return std::future::pending().await,
            Reply::Drip => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{")
                    .await
                    .unwrap();
                return std::future::pending().await;
            }
        };
        let length = body.len();
        let text = format!("HTTP/1.1 {status} X\r\n{lines}content-length: {length}\r\n\r\n{body}");
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end].to_vec()).unwrap().to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let total = end + 4 + length.map_or(0, |text| text.parse().unwrap());
            if buffer.len() >= total {
                let line = String::from_utf8(buffer[..end].to_vec()).unwrap();
                let mut words = line.split(' ');
                let method = words.next().unwrap().to_owned();
                let url = Url::parse(&format!("http://broker{}", words.next().unwrap())).unwrap();
                let body = String::from_utf8(buffer[end + 4..total].to_vec()).unwrap();
                buffer.drain(..total);
                return Some(Request { method, url, head, body });
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// An order as the broker prints it.
pub(super) fn order_json(id: &str, client_order_id: &str, changes: &[(&str, &str)]) -> String {
    let mut order = serde_json::json!({
        "id": id, "client_order_id": client_order_id, "symbol": "AAPL", "side": "buy", "qty": "10",
        "notional": null, "filled_qty": "0", "filled_avg_price": null, "limit_price": "150.25",
        "stop_price": null, "status": "new", "submitted_at": "2026-03-02T14:30:00.123456789Z",
        "created_at": "2026-03-02T14:30:00Z", "order_class": "", "time_in_force": "day",
        "extended_hours": false, "legs": null, "subtag": null, "source": "a new member",
    });
    for (name, value) in changes {
        order[*name] = serde_json::from_str(value).unwrap();
    }
    order.to_string()
}
