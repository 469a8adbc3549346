//! The account, its configurations, its equity over time, the clock, the calendar and the journal.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_exchange::time::Date;
use stockade_exchange::{Exchange, Nanos, calendar};

use super::answer::{Refusal, json_text, ok};
use super::body::{self, ConfigurationsBody};
use super::params::Params;
use super::rest::Caller;
use super::shared::Shared;
use super::time::{HOUR, MINUTE, SECOND, new_york_minutes};
use super::value::Value as Exact;
use super::wire::decimal;

type Answer = Result<Response, Refusal>;

/// Market time between two equities kept for the portfolio history.
const EQUITY_INTERVAL: i64 = 15 * MINUTE;
/// Equities kept; more than ten years of trading days at the interval.
const EQUITIES_MAX: usize = 100_000;
/// Journal lines in one answer.
const JOURNAL_MAX: usize = 10_000;

/// The routes of this file.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v2/account", get(account))
        .route("/v2/account/configurations", get(configurations).patch(configure))
        .route("/v2/account/portfolio/history", get(portfolio_history))
        .route("/v2/clock", get(clock))
        .route("/v2/calendar", get(calendar_days))
        .route("/journal", get(journal))
}

/// The settings of `/v2/account/configurations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Configurations {
    /// Blocks new orders; this one has an effect here.
    pub(crate) suspend_trade: bool,
    no_shorting: bool,
    fractional_trading: bool,
    trade_confirm_email: String,
    max_margin_multiplier: String,
    ptp_no_exception_entry: bool,
}

impl Default for Configurations {
    fn default() -> Self {
        Self {
            suspend_trade: false,
            no_shorting: false,
            fractional_trading: true,
            trade_confirm_email: "all".to_owned(),
            max_margin_multiplier: "1".to_owned(),
            ptp_no_exception_entry: false,
        }
    }
}

impl Configurations {
    fn changed(mut self, body: ConfigurationsBody) -> Result<Self, Refusal> {
        if let Some(email) = body.trade_confirm_email {
            if !matches!(email.as_str(), "all" | "none") {
                return Err(Refusal::invalid(format!("invalid trade_confirm_email \"{email}\"")));
            }
            self.trade_confirm_email = email;
        }
        if let Some(multiplier) = body.max_margin_multiplier {
            if !matches!(multiplier.as_str(), "1" | "2" | "4") {
                let text = format!("invalid max_margin_multiplier \"{multiplier}\"");
                return Err(Refusal::invalid(text));
            }
            self.max_margin_multiplier = multiplier;
        }
        self.suspend_trade = body.suspend_trade.unwrap_or(self.suspend_trade);
        self.no_shorting = body.no_shorting.unwrap_or(self.no_shorting);
        self.fractional_trading = body.fractional_trading.unwrap_or(self.fractional_trading);
        self.ptp_no_exception_entry =
            body.ptp_no_exception_entry.unwrap_or(self.ptp_no_exception_entry);
        Ok(self)
    }
}

/// An account's equity over time, a value for each quarter of a market hour.
#[derive(Debug)]
pub(crate) struct Equities {
    opening: Decimal,
    values: Vec<(i64, Decimal)>,
}

impl Equities {
    /// Starts with the opening cash.
    pub(crate) fn new(at: i64, opening: Decimal) -> Self {
        Self { opening, values: vec![(at, opening)] }
    }

    /// Notes the equity after a step, if the last one is old enough.
    pub(crate) fn note(&mut self, at: i64, exchange: &Exchange) {
        let due = self.values.last().is_none_or(|(last, _)| at - last >= EQUITY_INTERVAL);
        if due && self.values.len() < EQUITIES_MAX {
            self.values.push((at, exchange.equity()));
        }
    }
}

async fn account(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
) -> Answer {
    let engine = shared.engine();
    let report = engine.exchange(account).account();
    let settings = engine.configurations(account);
    let held = (report.long_market_value + report.short_market_value.abs()).normalize();
    Ok(ok(&json!({
        "id": report.id.to_string(),
        "account_number": report.account_number,
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "cash": decimal(report.cash),
        "equity": decimal(report.equity),
        "last_equity": decimal(report.last_equity),
        "portfolio_value": decimal(report.equity),
        "buying_power": decimal(report.buying_power),
        "regt_buying_power": decimal(report.buying_power),
        "effective_buying_power": decimal(report.buying_power),
        "non_marginable_buying_power": decimal(report.non_marginable_buying_power),
        "options_buying_power": "0",
        "initial_margin": decimal(held),
        "maintenance_margin": decimal(held),
        "last_maintenance_margin": "0",
        "sma": "0",
        "long_market_value": decimal(report.long_market_value),
        "short_market_value": decimal(report.short_market_value),
        "position_market_value": decimal(held),
        "multiplier": report.multiplier.to_string(),
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "pending_transfer_out": "0",
        "pending_reg_taf_fees": "0",
        "intraday_adjustments": "0",
        "trading_blocked": false,
        "transfers_blocked": false,
        "account_blocked": false,
        "trade_suspended_by_user": settings.suspend_trade,
        "shorting_enabled": report.shorting_enabled,
        "options_approved_level": 0,
        "options_trading_level": 0,
        "created_at": report.created_at.rfc3339(),
        "balance_asof": Nanos(engine.now()).new_york_date().to_string(),
    })))
}

async fn configurations(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
) -> Answer {
    let engine = shared.engine();
    configurations_answer(engine.configurations(account))
}

async fn configure(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    bytes: Bytes,
) -> Answer {
    let body: ConfigurationsBody = body::parse(&bytes)?;
    let mut engine = shared.engine();
    let changed = engine.configurations(account).clone().changed(body)?;
    engine.configure(account, changed.clone())?;
    configurations_answer(&changed)
}

fn configurations_answer(configurations: &Configurations) -> Answer {
    let text = serde_json::to_string(configurations)
        .map_err(|error| Refusal::internal(error.to_string()))?;
    Ok(json_text(text))
}

/// `timeframe` 15Min, 1H or 1D; the kept equities between `start` and `end`, or of `period`.
async fn portfolio_history(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    params: Params,
) -> Answer {
    let engine = shared.engine();
    let now = engine.now();
    let equities = engine.equities(account);
    let timeframe = params.get("timeframe").unwrap_or("1D");
    let length = match timeframe {
        "1Min" | "5Min" | "15Min" => EQUITY_INTERVAL,
        "1H" => HOUR,
        "1D" => 24 * HOUR,
        other => return Err(Refusal::invalid(format!("invalid timeframe \"{other}\""))),
    };
    let end = params.time("end")?.unwrap_or(now);
    let start = match params.time("start")? {
        Some(start) => start,
        None => end.saturating_sub(period(params.get("period").unwrap_or("1M"))?),
    };
    let opening = equities.values.iter().rev().find(|(at, _)| *at <= start);
    let base = opening.map_or(equities.opening, |(_, equity)| *equity);
    let mut rows: Vec<(i64, Decimal)> = Vec::new();
    let present = (now, engine.exchange(account).equity());
    for (at, equity) in equities.values.iter().copied().chain([present]) {
        if at < start || at > end {
            continue;
        }
        let bucket = at - at.rem_euclid(length);
        match rows.last_mut() {
            Some(last) if last.0 == bucket => last.1 = equity,
            _ => rows.push((bucket, equity)),
        }
    }
    Ok(json_text(portfolio(&rows, base, timeframe, start).to_json()))
}

fn portfolio(rows: &[(i64, Decimal)], base: Decimal, timeframe: &str, start: i64) -> Exact {
    let share = |equity: Decimal| {
        (equity - base).checked_div(base).map_or(Decimal::ZERO, |share| share.round_dp(6))
    };
    let list = |value: &dyn Fn(Decimal) -> Decimal| {
        Exact::List(rows.iter().map(|(_, equity)| Exact::Number(value(*equity))).collect())
    };
    Exact::map([
        ("timestamp", Exact::List(rows.iter().map(|(at, _)| Exact::Int(at / SECOND)).collect())),
        ("equity", list(&|equity| equity)),
        ("profit_loss", list(&|equity| equity - base)),
        ("profit_loss_pct", list(&share)),
        ("base_value", Exact::Number(base)),
        ("base_value_asof", Exact::text(Nanos(start).new_york_date().to_string())),
        ("timeframe", Exact::text(timeframe.to_owned())),
        ("cashflow", Exact::Map(Vec::new())),
    ])
}

/// A period such as `1D`, `2W`, `3M`, `1A`, in nanoseconds.
fn period(text: &str) -> Result<i64, Refusal> {
    let unreadable = || Refusal::invalid(format!("invalid period \"{text}\""));
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: i64 = text[..digits].parse().map_err(|_| unreadable())?;
    let days = match &text[digits..] {
        "D" => 1,
        "W" => 7,
        "M" => 31,
        "A" | "Y" => 366,
        _ => return Err(unreadable()),
    };
    number.checked_mul(days * 24 * HOUR).ok_or_else(unreadable)
}

async fn clock(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
) -> Answer {
    let engine = shared.engine();
    let report = engine.exchange(account).clock(Nanos(engine.now()));
    Ok(ok(&json!({
        "timestamp": report.timestamp.rfc3339_new_york(),
        "is_open": report.is_open,
        "next_open": report.next_open.rfc3339_new_york(),
        "next_close": report.next_close.rfc3339_new_york(),
    })))
}

async fn calendar_days(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(_)): Extension<Caller>,
    params: Params,
) -> Answer {
    let today = Nanos(shared.now()).new_york_date();
    let day = |name: &str, default: Date| match params.get(name) {
        None => Ok(default),
        Some(text) => {
            // Clients send a date or a time; the date is what counts.
            let date = text.get(..10).and_then(Date::parse);
            date.ok_or_else(|| Refusal::invalid(format!("invalid {name} \"{text}\"")))
        }
    };
    let from = day("start", today.plus(-365))?;
    let to = day("end", today.plus(365))?;
    let clock = |at: Nanos| {
        let minutes = new_york_minutes(at.0);
        (minutes / 60, minutes % 60)
    };
    let days: Vec<Value> = calendar::sessions(from, to)
        .iter()
        .map(|session| {
            let with_colon = |at| {
                let (hour, minute) = clock(at);
                format!("{hour:02}:{minute:02}")
            };
            let without = |at| {
                let (hour, minute) = clock(at);
                format!("{hour:02}{minute:02}")
            };
            json!({
                "date": session.date.to_string(),
                "open": with_colon(session.open),
                "close": with_colon(session.close),
                "session_open": without(session.extended_open()),
                "session_close": without(session.extended_close()),
                "settlement_date": calendar::next_open(session.close).date.to_string(),
            })
        })
        .collect();
    Ok(ok(&Value::Array(days)))
}

/// stockade's own, not Alpaca's: the exchange's journal of the account from line `after` on, for
/// a comparison with somebody else's books. `sum` holds the cash and quantities of all lines.
async fn journal(
    State(shared): State<Arc<Shared>>,
    Extension(Caller(account)): Extension<Caller>,
    params: Params,
) -> Answer {
    let engine = shared.engine();
    let lines = engine.exchange(account).journal();
    let from = match params.get("after") {
        None => 0,
        Some(text) => match text.parse::<usize>() {
            Ok(seq) => seq.saturating_add(1),
            Err(_) => return Err(Refusal::invalid(format!("invalid after \"{text}\""))),
        },
    };
    let limit = params.limit("limit", JOURNAL_MAX, JOURNAL_MAX)?;
    let page: Vec<&stockade_exchange::JournalLine> = lines.iter().skip(from).take(limit).collect();
    let cash: Decimal = lines.iter().map(|line| line.cash_delta).sum();
    let mut quantities: std::collections::BTreeMap<&str, Decimal> =
        std::collections::BTreeMap::new();
    for line in lines {
        if let Some(symbol) = line.symbol.as_deref().filter(|_| !line.qty_delta.is_zero()) {
            *quantities.entry(symbol).or_default() += line.qty_delta;
        }
    }
    let quantities: serde_json::Map<String, Value> = quantities
        .into_iter()
        .map(|(symbol, qty)| (symbol.to_owned(), json!(decimal(qty))))
        .collect();
    let (steps, steps_in_all) = engine.progress();
    Ok(ok(&json!({
        "market_time": Nanos(engine.now()).rfc3339(),
        "finished": engine.finished(),
        "steps": steps,
        "steps_in_all": steps_in_all,
        "line_count": lines.len(),
        "sum": {"cash": decimal(cash), "qty": quantities},
        "lines": page,
    })))
}
