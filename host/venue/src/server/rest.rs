//! The routes of the server, and what every request passes: id, keys, budget, faults.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Extension, Router};
use stockade_exchange::faults::Fault;

use super::account_stream::AccountStream;
use super::answer::Refusal;
use super::connection::{self, MESSAGE_BYTES_MAX, Protocol};
use super::data_stream::{DataStream, HandshakeKeys};
use super::hub::{Endpoint, Outbox};
use super::listener::Cutter;
use super::shared::Shared;
use super::{account, activities, assets, data_rest, orders, positions};

/// The largest request body.
const BODY_BYTES_MAX: usize = 1 << 20;
/// The largest answer that can be cut in half.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// The account that a request's keys belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) usize);

/// Every route of the server.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let rest = Router::new()
        .merge(account::routes())
        .merge(activities::routes())
        .merge(assets::routes())
        .merge(orders::routes())
        .merge(positions::routes())
        .merge(data_rest::routes())
        .fallback(async || Refusal::not_found("endpoint not found."))
        .method_not_allowed_fallback(async || {
            let text = "method not allowed for this endpoint";
            (StatusCode::METHOD_NOT_ALLOWED, Refusal::not_found(text)).into_response()
        })
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), disturb))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), admit))
        .layer(middleware::from_fn(request_id));
    Router::new()
        .route("/stream", any(account_stream))
        .route("/v2/iex", data_endpoint(Endpoint::Iex))
        .route("/v2/sip", data_endpoint(Endpoint::Sip))
        .route("/v2/test", data_endpoint(Endpoint::Test))
        .route("/v1beta3/crypto/us", data_endpoint(Endpoint::Crypto))
        .merge(rest)
        .with_state(shared)
}

/// Gives every answer an id to ask support about.
async fn request_id(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let id = uuid::Uuid::new_v4().simple().to_string();
    if let Ok(value) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert("x-request-id", value);
    }
    answer
}

/// Looks at the keys and the budget.
async fn admit(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let crypto_data = path.starts_with("/v1beta3/crypto/");
    let data = crypto_data || path.starts_with("/v2/stocks/") || path.starts_with("/v1/");
    let keys = keys_of(request.headers());
    // Crypto history is open to those without a key; a wrong one is refused all the same.
    if keys.is_none() && crypto_data {
        return next.run(request).await;
    }
    let account = keys.and_then(|(key, secret)| shared.authenticate(&key, &secret));
    let Some(account) = account else {
        return Refusal::unauthorized().into_response();
    };
    let standing = shared.spend(account, data);
    let mut answer = if standing.allowed {
        request.extensions_mut().insert(Caller(account));
        next.run(request).await
    } else {
        Refusal::rate_limited().into_response()
    };
    standing.write(answer.headers_mut());
    answer
}

/// Does to a request what the fault plan says.
async fn disturb(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cutter): ConnectInfo<Cutter>,
    request: Request,
    next: Next,
) -> Response {
    let disturbance = shared.faults.next_request(request.method().as_str(), request.uri().path());
    let lost = |cutter: &Cutter| {
        cutter.cut();
        StatusCode::BAD_GATEWAY.into_response()
    };
    match disturbance {
        Fault::DropBefore => lost(&cutter),
        Fault::DropAfter => {
            next.run(request).await;
            lost(&cutter)
        }
        Fault::Delay { ms } => {
            let answer = next.run(request).await;
            tokio::time::sleep(Duration::from_millis(ms)).await;
            answer
        }
        Fault::Status { status } => refused(status),
        Fault::StatusAfter { status } => {
            next.run(request).await;
            refused(status)
        }
        // The beginning of an HTML page, as a proxy in front would send it.
        Fault::Garbage => with_body(next.run(request).await, "<html><head><ti".into()),
        Fault::EmptyList => with_body(next.run(request).await, "[]".into()),
        Fault::NotFound => {
            next.run(request).await;
            Refusal::not_found("order not found").into_response()
        }
        Fault::Truncate => {
            let answer = next.run(request).await;
            let (parts, body) = answer.into_parts();
            match axum::body::to_bytes(body, ANSWER_BYTES_MAX).await {
                Ok(bytes) => {
                    let half = bytes.slice(..bytes.len() / 2);
                    with_body(Response::from_parts(parts, Body::empty()), half.into())
                }
                Err(_) => lost(&cutter),
            }
        }
        // The rest belongs to the streams.
        Fault::None
        | Fault::Drop
        | Fault::Duplicate
        | Fault::Reorder
        | Fault::Disconnect
        | Fault::Hold { .. } => next.run(request).await,
    }
}

fn with_body(answer: Response, body: Body) -> Response {
    let (mut parts, _) = answer.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, body)
}

fn refused(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Refusal::rate_limited().into_response();
    }
    let refusal = Refusal::internal("internal server error occurred");
    (status, super::answer::json_text(refusal.body().to_string())).into_response()
}

/// The keys of a request: Alpaca's two headers, or HTTP basic authentication is not offered.
fn keys_of(headers: &HeaderMap) -> Option<(String, String)> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    Some((text("apca-api-key-id")?, text("apca-api-secret-key")?))
}

async fn account_stream(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    let (outbox, queue, cut) = Outbox::new();
    let patience = shared.patience();
    let protocol: Box<dyn Protocol> = Box::new(AccountStream::new(shared, outbox));
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| connection::run(socket, protocol, queue, cut, patience))
}

fn data_endpoint(endpoint: Endpoint) -> axum::routing::MethodRouter<Arc<Shared>> {
    any(data_stream).layer(Extension(endpoint))
}

async fn data_stream(
    State(shared): State<Arc<Shared>>,
    Extension(endpoint): Extension<Endpoint>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let (outbox, queue, cut) = Outbox::new();
    let patience = shared.patience();
    let content_type = headers.get("content-type").and_then(|v| v.to_str().ok());
    let msgpack = content_type.is_some_and(|t| t.starts_with("application/msgpack"));
    let keys = HandshakeKeys(keys_of(&headers));
    let protocol: Box<dyn Protocol> =
        Box::new(DataStream::new(shared, endpoint, msgpack, keys, outbox));
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| connection::run(socket, protocol, queue, cut, patience))
}
