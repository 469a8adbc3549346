//! One HTTP request, once.
//!
//! Guarantees: a request is written at most once (no redirects, no retries, no proxies); it ends
//! within its deadline, body included; a body beyond its cap is dropped. Whether a byte may have
//! left is told apart: only a failure to connect is proof that none did. What an answer means is
//! decided in [`super::classify`].

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::ExposeSecret;
use stockade_core::broker::BudgetReport;
use stockade_core::limits::NANOS_PER_SECOND;

use super::config::Credentials;

/// Times and sizes of REST requests.
#[derive(Debug, Clone, Copy)]
pub struct RestLimits {
    /// From the first byte to connect to the last byte of the body.
    pub deadline: Duration,
    /// For name, TCP and TLS; shorter than the deadline, so that it can be told apart.
    pub connect: Duration,
    /// Bytes of one answer, decompressed.
    pub body_bytes_max: usize,
}

impl Default for RestLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            body_bytes_max: 4 << 20,
        }
    }
}

/// What the client tells the host beside its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The request budget, after an answer that carried it.
    Budget(BudgetReport),
    /// The broker doesn't accept the keys (401, or 403 without a code): nothing new can be sent.
    AuthRefused {
        /// HTTP status.
        http: u16,
        /// The broker's words.
        message: String,
    },
}

/// Gets every [`Notice`], from the task of the request; must not block.
pub type Notify = Arc<dyn Fn(Notice) + Send + Sync>;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The TLS library refused its setup.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP library refused its setup.
    #[error("the HTTP client could not be made: {0}")]
    Http(#[from] reqwest::Error),
    /// A key that can't stand in a header.
    #[error("a key holds a character that no HTTP header can carry")]
    Key,
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With a whole answer.
    Answered(Reply),
    /// Proof that not a byte of it was written.
    NotWritten(String),
    /// Nobody knows what the broker made of it.
    Lost(String),
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// How long to wait before the next request, where the answer says.
    pub(crate) retry_after: Option<i64>,
}

/// The HTTP client of one account.
#[derive(Clone)]
pub(crate) struct Rest {
    client: reqwest::Client,
    limits: RestLimits,
    notify: Notify,
}

/// TLS by ring and Mozilla's roots, the same for requests and streams, whatever the machine has.
pub(crate) fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

impl Rest {
    pub(crate) fn new(
        credentials: &Credentials,
        limits: RestLimits,
        notify: Notify,
    ) -> Result<Self, ClientError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls()?)
            .default_headers(key_headers(credentials)?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // Streams know no proxy either, and one that repeats requests would break R20.
            .no_proxy()
            .http1_only()
            .connect_timeout(limits.connect)
            .timeout(limits.deadline)
            // Below the idle times of common load balancers: a connection that the other side
            // closes under a request makes the request's end unknown.
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("stockade/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, limits, notify })
    }

    pub(crate) async fn get(&self, url: Url) -> Outcome {
        self.send(Method::GET, url, None, self.limits).await
    }

    /// A GET of a long list, with a cap and deadline of its own.
    pub(crate) async fn get_long(&self, url: Url, limits: RestLimits) -> Outcome {
        self.send(Method::GET, url, None, limits).await
    }

    pub(crate) async fn post(&self, url: Url, json: Vec<u8>) -> Outcome {
        self.send(Method::POST, url, Some(json), self.limits).await
    }

    pub(crate) async fn delete(&self, url: Url) -> Outcome {
        self.send(Method::DELETE, url, None, self.limits).await
    }

    pub(crate) fn tell(&self, notice: Notice) {
        (self.notify)(notice);
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        json: Option<Vec<u8>>,
        limits: RestLimits,
    ) -> Outcome {
        let path = url.path().to_owned();
        let began = Instant::now();
        let mut request = self.client.request(method.clone(), url).timeout(limits.deadline);
        if let Some(json) = json {
            let content = HeaderValue::from_static("application/json");
            request = request.header(reqwest::header::CONTENT_TYPE, content).body(json);
        }
        let outcome = self.exchange(request, limits).await;
        let elapsed_ms = began.elapsed().as_millis();
        match &outcome {
            // Reads come by the hundred; what changes something is kept.
            Ok((reply, id)) if method == Method::GET => {
                tracing::debug!(%method, path, status = reply.status, request_id = id, elapsed_ms);
            }
            Ok((reply, id)) => {
                tracing::debug!(%method, path, status = reply.status, request_id = id, elapsed_ms);
            }
            Err(Outcome::NotWritten(why) | Outcome::Lost(why)) => {
                tracing::warn!(%method, path, elapsed_ms, why, "request without an answer");
            }
            Err(Outcome::Answered(_)) => {}
        }
        outcome.map_or_else(|failed| failed, |(reply, _)| Outcome::Answered(reply))
    }

    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        limits: RestLimits,
    ) -> Result<(Reply, String), Outcome> {
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let headers = response.headers();
        let budget = budget(headers, unix_now());
        let request_id = text(headers, "x-request-id").unwrap_or_default().to_owned();
        let retry_after = number(headers, "retry-after")
            .map(|seconds| seconds.saturating_mul(NANOS_PER_SECOND))
            .or_else(|| budget.filter(|b| b.remaining == 0).map(|b| b.resets_in));
        if let Some(report) = budget {
            self.tell(Notice::Budget(report));
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| lost(&error))? {
            if body.len() + part.len() > limits.body_bytes_max {
                let allowed = limits.body_bytes_max;
                return Err(Outcome::Lost(format!("the answer is longer than {allowed} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok((Reply { status, body, retry_after }, request_id))
    }
}

fn key_headers(credentials: &Credentials) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    let pairs = [
        ("apca-api-key-id", credentials.key_id.as_str()),
        ("apca-api-secret-key", credentials.secret.expose_secret()),
    ];
    for (name, value) in pairs {
        let mut value = HeaderValue::from_str(value).map_err(|_| ClientError::Key)?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

fn failed(error: &reqwest::Error) -> Outcome {
    // Name, TCP and TLS come before the first byte of the request; nothing else is proof.
    if error.is_connect() || error.is_builder() {
        Outcome::NotWritten(chain(error))
    } else {
        lost(error)
    }
}

fn lost(error: &reqwest::Error) -> Outcome {
    let kind = if error.is_timeout() { "timed out: " } else { "" };
    Outcome::Lost(format!("{kind}{}", chain(error)))
}

/// The error and its causes, without the address, which may hold an id but never helps.
fn chain(error: &reqwest::Error) -> String {
    let mut parts = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        parts.push(inner.to_string());
        cause = inner.source();
    }
    if parts.is_empty() { error.to_string() } else { parts.join(": ") }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    text(headers, name)?.trim().parse().ok().filter(|n| *n >= 0)
}

fn unix_now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
}

/// The budget of an answer. A window that would end in the past or more than a minute ahead is a
/// lie or a skewed clock; the budget's own window is a minute.
pub(crate) fn budget(headers: &HeaderMap, now_ns: i64) -> Option<BudgetReport> {
    let limit = u32::try_from(number(headers, "x-ratelimit-limit")?).ok()?;
    let remaining = u32::try_from(number(headers, "x-ratelimit-remaining")?).ok()?;
    let window = 60 * NANOS_PER_SECOND;
    let resets_in = match number(headers, "x-ratelimit-reset") {
        Some(epoch) => epoch.saturating_mul(NANOS_PER_SECOND).saturating_sub(now_ns),
        None => window,
    };
    Some(BudgetReport { limit, remaining, resets_in: resets_in.clamp(0, window) })
}
