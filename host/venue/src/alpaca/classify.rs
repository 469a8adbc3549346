//! What the end of a request means (RELIABILITY R1 to R8).
//!
//! Guarantees: "refused" needs a definitive status and a JSON body in the broker's own form, or a
//! 401, which is given before a request is looked at; "not taken" needs proof; everything else is
//! unknown.

use serde::Deserialize;
use stockade_core::broker::Answer;

use super::rest::{Notice, Outcome, Reply, Rest};
use super::wire::{self, WireError, WireRefusal};

/// Wait before the next try after a 429 that doesn't say how long, in nanoseconds.
const RETRY_AFTER_DEFAULT_NS: i64 = 1_000_000_000;
/// Longest wait taken from an answer: the budget's window.
const RETRY_AFTER_MAX_NS: i64 = 60_000_000_000;
/// Longest message kept of an answer, in characters.
const MESSAGE_LEN_MAX: usize = 500;

/// Every end of a request but the good one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    Refused { http: u16, code: u32, message: String },
    NotFound,
    NotTaken { retry_after: i64, why: String },
    Unknown { why: String },
}

impl<T> From<Failure> for Answer<T> {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { http, code, message } => Self::Refused { http, code, message },
            Failure::NotFound => Self::NotFound,
            Failure::NotTaken { retry_after, why } => Self::NotTaken { retry_after, why },
            Failure::Unknown { why } => Self::Unknown { why },
        }
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Unknown { why: error.to_string() }
    }
}

pub(crate) fn answer<T>(result: Result<T, Failure>) -> Answer<T> {
    match result {
        Ok(value) => Answer::Done { value },
        Err(failure) => failure.into(),
    }
}

impl Failure {
    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// Whether the broker says that it has met the client order id before. Its code varies, so its
    /// words decide.
    pub(crate) fn is_duplicate_id(&self) -> bool {
        let Self::Refused { http: 400 | 403 | 409 | 422, message, .. } = self else {
            return false;
        };
        let message = message.to_ascii_lowercase();
        message.contains("client_order_id")
            && (message.contains("unique") || message.contains("duplicate"))
    }
}

/// The body of a success, or what the end means. `NotFound` is for a 404 in the broker's form.
pub(crate) fn success(rest: &Rest, outcome: Outcome) -> Result<Vec<u8>, Failure> {
    let reply = match outcome {
        Outcome::Answered(reply) => reply,
        Outcome::NotWritten(why) => {
            return Err(Failure::NotTaken { retry_after: RETRY_AFTER_DEFAULT_NS, why });
        }
        Outcome::Lost(why) => return Err(Failure::Unknown { why }),
    };
    if (200..300).contains(&reply.status) {
        return Ok(reply.body);
    }
    Err(failure(rest, reply))
}

fn failure(rest: &Rest, reply: Reply) -> Failure {
    let refusal: Option<WireRefusal> = wire::json("a refusal", &reply.body).ok();
    let http = reply.status;
    let code = refusal.as_ref().map_or(0, WireRefusal::code);
    let words = refusal.as_ref().map(|refusal| cut(&refusal.message));
    match (http, words) {
        (401, words) => {
            let message = words.unwrap_or_else(|| "unauthorized".to_owned());
            rest.tell(Notice::AuthRefused { http, message: message.clone() });
            Failure::Refused { http, code, message }
        }
        (429, words) => Failure::NotTaken {
            retry_after: reply
                .retry_after
                .unwrap_or(RETRY_AFTER_DEFAULT_NS)
                .clamp(0, RETRY_AFTER_MAX_NS),
            why: words.unwrap_or_else(|| "too many requests".to_owned()),
        },
        (404, Some(_)) => Failure::NotFound,
        (400 | 403 | 409 | 422, Some(message)) => {
            if http == 403 && code == 0 {
                rest.tell(Notice::AuthRefused { http, message: message.clone() });
            }
            Failure::Refused { http, code, message }
        }
        (_, words) => {
            let words = words.unwrap_or_else(|| cut(&String::from_utf8_lossy(&reply.body)));
            Failure::unknown(format!("http {http}: {words}"))
        }
    }
}

/// The end of a POST: there a 404 in the broker's form refuses the asset, for certain.
pub(crate) fn posted(rest: &Rest, outcome: Outcome) -> Result<Vec<u8>, Failure> {
    let words = match &outcome {
        Outcome::Answered(reply) if reply.status == 404 => {
            wire::json::<WireRefusal>("a refusal", &reply.body).ok()
        }
        _ => None,
    };
    success(rest, outcome).map_err(|failure| match (failure, words) {
        (Failure::NotFound, Some(refusal)) => {
            Failure::Refused { http: 404, code: refusal.code(), message: cut(&refusal.message) }
        }
        (failure, _) => failure,
    })
}

/// Reads the body of a success; garbage makes the whole request unknown.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    what: &'static str,
    body: &'a [u8],
) -> Result<T, Failure> {
    Ok(wire::json(what, body)?)
}

fn cut(text: &str) -> String {
    text.chars().take(MESSAGE_LEN_MAX).collect()
}
