//! Corporate actions of the replayed market: read from a file, due at the first bar of their
//! ex-date, announced from then on.
//!
//! The file is a CSV of `timestamp,symbol,kind,value`: the ex-date's midnight in New York; `dividend`
//! in dollars a share, or `split` in new shares for one old share. Other columns are left alone, and
//! so are symbols that the market doesn't have. Of one day dividends come before splits: their rate is
//! of old shares.

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use stockade_exchange::Nanos;
use stockade_exchange::asset::canonical;

use super::answer::{Refusal, json_text};
use super::config::StartError;
use super::params::Params;
use super::shared::Shared;
use super::value;
use crate::files::{ActionKind, read_actions as read_file};

/// Announcements in one answer, at most, as Alpaca's.
const ROWS_MAX: usize = 1_000;
/// Announcements in one answer when the request does not say.
const ROWS_DEFAULT: usize = 100;

/// One corporate action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorporateAction {
    /// The ex-date: nanoseconds of its first moment in New York.
    pub at: i64,
    /// Of this symbol.
    pub symbol: String,
    /// What it is.
    pub kind: ActionKind,
    /// Dollars a share, or new shares for one old share.
    pub value: Decimal,
}

/// Reads corporate actions.
///
/// # Errors
/// [`StartError::Actions`] with file, line and value.
pub fn read(path: &Path) -> Result<Vec<CorporateAction>, StartError> {
    let rows = read_file(path).map_err(|error| StartError::Actions(error.to_string()))?;
    let action = |row: crate::files::ActionRow| CorporateAction {
        at: row.at,
        symbol: row.symbol.as_str().to_owned(),
        kind: row.kind,
        value: row.value,
    };
    Ok(rows.into_iter().map(action).collect())
}

/// In the order in which they are due, in the exchange's spelling.
pub(crate) fn in_order(actions: &[CorporateAction]) -> Vec<CorporateAction> {
    let mut actions = actions.to_vec();
    for action in &mut actions {
        action.symbol = canonical(&action.symbol).unwrap_or_else(|| action.symbol.clone());
    }
    actions.sort_by(|a, b| (a.at, &a.symbol, a.kind).cmp(&(b.at, &b.symbol, b.kind)));
    actions
}

/// `GET /v1/corporate-actions`: what has been due so far, oldest first.
pub(crate) async fn announced(
    State(shared): State<Arc<Shared>>,
    params: Params,
) -> Result<Response, Refusal> {
    let symbols: Vec<String> =
        params.list("symbols").iter().map(|s| canonical(s).unwrap_or_else(|| s.clone())).collect();
    let types = params.list("types");
    let today = Nanos(shared.now()).new_york_date().to_string();
    // Days are compared as texts, which have the order of their days.
    let start = params.get("start").unwrap_or(&today).to_owned();
    let end = params.get("end").unwrap_or(&today).to_owned();
    let limit = params.limit_in_data(ROWS_DEFAULT, ROWS_MAX)?;
    let skip: usize = match params.get("page_token") {
        None => 0,
        Some(text) => text.parse().map_err(|_| Refusal::bad_parameter("invalid page_token"))?,
    };
    let engine = shared.engine();
    let wanted = |action: &&CorporateAction| {
        let day = Nanos(action.at).new_york_date().to_string();
        let kind = list_of(action).1;
        (symbols.is_empty() || symbols.contains(&action.symbol))
            && (types.is_empty() || types.iter().any(|name| name == kind))
            && day >= start
            && day <= end
    };
    let mut rows = engine.announced().iter().filter(wanted).skip(skip);
    let mut lists = Map::new();
    for action in rows.by_ref().take(limit) {
        let list = lists.entry(list_of(action).0).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(announcement(action));
        }
    }
    let next = rows.next().map(|_| (skip + limit).to_string());
    let answer = json!({"corporate_actions": lists, "next_page_token": next});
    Ok(json_text(answer.to_string()))
}

/// The answer's list and the request's type of an action.
fn list_of(action: &CorporateAction) -> (&'static str, &'static str) {
    match action.kind {
        ActionKind::Dividend => ("cash_dividends", "cash_dividend"),
        ActionKind::Split if action.value >= Decimal::ONE => ("forward_splits", "forward_split"),
        ActionKind::Split => ("reverse_splits", "reverse_split"),
    }
}

fn announcement(action: &CorporateAction) -> Value {
    let day = Nanos(action.at).new_york_date().to_string();
    let id = format!("{}-{}-{day}", action.symbol, action.kind.as_str());
    let mut members = json!({
        "id": id,
        "symbol": action.symbol,
        "ex_date": day,
        "process_date": day,
        "record_date": day,
    });
    match action.kind {
        ActionKind::Dividend => {
            members["rate"] = number(action.value);
            members["payable_date"] = json!(day);
            members["special"] = json!(false);
            members["foreign"] = json!(false);
        }
        ActionKind::Split => {
            let (new, old) = rates(action.value);
            members["new_rate"] = number(new);
            members["old_rate"] = number(old);
        }
    }
    members
}

/// New and old shares of a ratio, in whole shares where it is one of those.
fn rates(ratio: Decimal) -> (Decimal, Decimal) {
    let inverse = Decimal::ONE.checked_div(ratio).unwrap_or(Decimal::ONE);
    if ratio < Decimal::ONE && inverse.is_integer() {
        return (Decimal::ONE, inverse);
    }
    (ratio, Decimal::ONE)
}

/// Every digit of it, as a JSON number.
fn number(value: Decimal) -> Value {
    let text = value::Value::Number(value.normalize()).to_json();
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
