//! Answers: JSON bodies, and refusals with Alpaca's codes.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// An error answer: `{"code": …, "message": …}` and what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// Alpaca's code: the status × 100,000 and a sub-code. A 401 has none.
    code: Option<u32>,
    message: String,
    extra: Map<String, Value>,
}

impl Refusal {
    fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self { status, code: Some(code), message: message.into(), extra: Map::new() }
    }

    /// A refusal of the exchange with the members that explain it.
    pub(crate) fn with_extra(
        status: u16,
        code: u32,
        message: String,
        extra: Map<String, Value>,
    ) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
        Self { extra, ..Self::new(status, code, message) }
    }

    /// 400: the request cannot be read.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 40_010_000, message)
    }

    /// 400 of the data interface, which has no code there.
    pub(crate) fn bad_parameter(message: impl Into<String>) -> Self {
        Self { code: None, ..Self::malformed(message) }
    }

    /// 422: a member is missing or makes no sense.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, 40_010_001, message)
    }

    /// 404: there is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, 40_410_000, message)
    }

    /// 401: the keys are wrong or missing.
    pub(crate) fn unauthorized() -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, 0, "unauthorized.");
        Self { code: None, ..refusal }
    }

    /// 403: the account does not allow it now.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, 40_310_000, message)
    }

    /// 429: the budget of the minute is used up.
    pub(crate) fn rate_limited() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, 42_910_000, "rate limit exceeded")
    }

    /// 500: the exchange itself failed; what was asked for has not happened.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 50_010_000, message)
    }

    /// The message.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The body.
    pub(crate) fn body(&self) -> Value {
        let mut body = self.extra.clone();
        if let Some(code) = self.code {
            body.insert("code".to_owned(), json!(code));
        }
        body.insert("message".to_owned(), json!(self.message));
        Value::Object(body)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, json_text(self.body().to_string())).into_response()
    }
}

/// JSON text with its content type.
pub(crate) fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], text).into_response()
}

/// A JSON answer.
pub(crate) fn ok(value: &Value) -> Response {
    json_text(value.to_string())
}

/// A JSON answer with another status.
pub(crate) fn with_status(status: StatusCode, value: &Value) -> Response {
    (status, json_text(value.to_string())).into_response()
}
