//! What a command that changed something says.

use serde::Serialize;
use stockade_core::desk::{Command, Reply};

use super::context::Context;
use super::screen;
use crate::failure::Failure;

/// A reply as JSON.
#[derive(Debug, Serialize)]
struct Said<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    booked: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<u64>,
}

/// Has the desk carry out one command and says what came of it.
pub(crate) async fn of(context: &Context, command: Command, json: bool) -> Result<(), Failure> {
    say(&context.change_one(command).await?, json)
}

/// Says what came of a command.
pub(crate) fn say(reply: &Reply, json: bool) -> Result<(), Failure> {
    match reply {
        Reply::Refused { refusal } => Err(Failure::refused(refusal)),
        Reply::Done { message, .. } if !json => screen::line(message),
        Reply::Done { message, order, booked, known, .. } => screen::json(&Said {
            message,
            order: order.map(|order| order.0),
            booked: *booked,
            known: *known,
        }),
    }
}
