//! What happened to the account beside trades: dividends, fees, interest, splits, cash.
//!
//! Guarantees: nothing that the broker lists as done is left out. A type that this version doesn't
//! know, and one whose members can't be read, is [`ActivityKind::Other`]: a person decides. Two rows
//! of one split, or of one change of a symbol, are one activity. Pending rows wait.
//!
//! The broker dates activities by days of New York and may list one days after its date, so the list
//! is read from further back than executions; the core knows what it has met by its id.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use stockade_core::Timestamp;
use stockade_core::broker::{Activity, ActivityKind};
use stockade_core::decimal;
use stockade_core::id::Symbol;
use stockade_core::limits::NANOS_PER_SECOND;

use super::calendar;
use super::classify::Failure;
use super::client::Alpaca;
use super::number;
use super::wire::{self, WireError};

/// How far before executions activities are read: a fee is dated by its trades and listed after a
/// long week-end, corrections come days later.
pub(crate) const ACTIVITY_OVERLAP_NS: i64 = 10 * 24 * 3_600 * NANOS_PER_SECOND;
/// Longest description kept, in characters.
const DESCRIPTION_LEN_MAX: usize = 200;
/// How many days before its own date a fee's trade date may lie.
const TRADE_DATE_DAYS_MAX: i32 = 10;

const WHAT: &str = "an activity";
/// What a split's id has at its end as the id of the cash that it left.
pub(crate) const IN_LIEU: &str = ":cash";

impl Alpaca {
    /// Every activity that is no execution, with what the broker has announced about it.
    pub(crate) async fn account_activities(
        &self,
        since: Timestamp,
    ) -> Result<Vec<Activity>, Failure> {
        let mut rows = Vec::new();
        let path = ["v2", "account", "activities"];
        let category = [("category", "non_trade_activity")];
        self.activity_pages(&path, &category, since.plus(-ACTIVITY_OVERLAP_NS), |raw| {
            let item: WireActivity<'_> = wire::json(WHAT, raw.get().as_bytes())?;
            rows.extend(item.row()?);
            Ok(())
        })
        .await?;
        let mut activities = joined(rows);
        self.learn_announced(&mut activities).await;
        Ok(activities)
    }
}

/// An activity that is no execution.
#[derive(Debug, Deserialize)]
pub(crate) struct WireActivity<'a> {
    id: String,
    activity_type: String,
    activity_sub_type: Option<String>,
    date: Option<String>,
    created_at: Option<String>,
    #[serde(borrow)]
    net_amount: Option<&'a RawValue>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
    #[serde(borrow)]
    per_share_amount: Option<&'a RawValue>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    symbol: Option<String>,
    group_id: Option<String>,
    previous_id: Option<String>,
    description: Option<String>,
    status: Option<String>,
}

/// An activity and what links it to others of the list.
#[derive(Debug)]
pub(crate) struct Row {
    activity: Activity,
    group: Option<String>,
    corrects: bool,
}

impl WireActivity<'_> {
    /// The activity; `None` for an execution, and for one that is not done yet.
    pub(crate) fn row(self) -> Result<Option<Row>, WireError> {
        let status = self.status.as_deref().unwrap_or("executed").to_ascii_lowercase();
        if self.activity_type == "FILL" || status == "pending" {
            return Ok(None);
        }
        let (effective_at, at) = self.times()?;
        let sub_type = self.activity_sub_type.as_deref().unwrap_or_default();
        let mut activity =
            Activity::new(self.id.as_str().into(), kind(&self.activity_type), effective_at, at);
        activity.code = format!("{} {sub_type}", self.activity_type).trim_end().to_owned();
        let text = self.description.as_deref().unwrap_or_default();
        activity.description = text.chars().take(DESCRIPTION_LEN_MAX).collect();
        if let Err(fault) = self.amounts(&mut activity) {
            activity.kind = ActivityKind::Other;
            activity.description = format!("{} (unreadable: {fault})", activity.description);
        }
        refine(&mut activity);
        let corrects = match status.as_str() {
            "canceled" => {
                activity.takes_back = Some(activity.id.clone());
                activity.id = format!("{}:canceled", self.id).into();
                false
            }
            _ if self.previous_id.as_deref().is_some_and(|id| !id.is_empty()) => {
                activity.takes_back = self.previous_id.as_deref().map(Into::into);
                false
            }
            "correct" => true,
            _ => false,
        };
        Ok(Some(Row { activity, group: self.group_id.filter(|id| !id.is_empty()), corrects }))
    }

    /// The day that it belongs to, by its first moment, and when the broker booked it.
    fn times(&self) -> Result<(Timestamp, Timestamp), WireError> {
        let digits = || calendar::local_digits(self.id.split("::").next().unwrap_or_default());
        let created = self.created_at.as_deref().map(|text| wire::time(WHAT, text)).transpose()?;
        let day = self.date.as_deref().and_then(calendar::day);
        let booked = created.or_else(digits);
        let day = day.or_else(|| booked.and_then(calendar::day_of));
        let first = day.and_then(calendar::first_moment);
        match (first, booked) {
            (Some(first), booked) => Ok((first, booked.unwrap_or(first))),
            _ => Err(WireError::Time { what: WHAT, found: self.date.clone().unwrap_or_default() }),
        }
    }

    fn amounts(&self, activity: &mut Activity) -> Result<(), WireError> {
        let net = number::money("net_amount", present(self.net_amount));
        activity.net_amount = wire::of(WHAT, net)?.unwrap_or_default();
        let qty = wire::of(WHAT, number::qty("qty", present(self.qty)))?;
        activity.qty = qty.filter(|qty| !qty.is_zero());
        let rate = number::mean("per_share_amount", present(self.per_share_amount));
        activity.per_share = wire::of(WHAT, rate)?.filter(|rate| !rate.is_zero());
        let price = wire::of(WHAT, number::mean("price", present(self.price)))?;
        activity.price = price.filter(|price| !price.is_zero());
        let text = self.symbol.as_deref().filter(|text| !text.is_empty());
        activity.symbol = text.map(|text| wire::symbol(WHAT, text)).transpose()?;
        Ok(())
    }
}

/// An empty text stands for nothing.
fn present(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "\"\"")
}

/// The kind of a type (FACTS 2.2). Options are no business of this version.
fn kind(activity_type: &str) -> ActivityKind {
    match activity_type {
        text if text.starts_with("DIV") => ActivityKind::Dividend,
        "INT" | "INTNRA" | "INTTW" => ActivityKind::Interest,
        "FEE" | "PTC" | "PTR" => ActivityKind::Fee,
        "CFEE" => ActivityKind::CryptoFee,
        "SPLIT" => ActivityKind::Split,
        "CSD" | "CSW" | "JNL" | "JNLC" | "TRANS" | "ACATC" => ActivityKind::Cash,
        "JNLS" | "ACATS" | "OCT" => ActivityKind::Shares,
        "NC" => ActivityKind::SymbolChange,
        "SPIN" => ActivityKind::SpinOff,
        "MA" | "REORG" => ActivityKind::Merger,
        _ => ActivityKind::Other,
    }
}

/// What the amounts say beyond the type.
fn refine(activity: &mut Activity) {
    let moves_shares = activity.qty.is_some() && activity.symbol.is_some();
    match activity.kind {
        ActivityKind::Cash if activity.net_amount.is_zero() && moves_shares => {
            activity.kind = ActivityKind::Shares;
        }
        ActivityKind::Shares if !moves_shares => activity.kind = ActivityKind::Cash,
        // What is no cash is no cash dividend, whatever rate stands beside it.
        ActivityKind::Dividend if activity.net_amount.is_zero() => activity.per_share = None,
        ActivityKind::Fee | ActivityKind::CryptoFee => {
            let latest = activity.effective_at;
            if let Some(traded) = trade_date(&activity.description, latest) {
                activity.effective_at = traded;
            }
            if activity.kind == ActivityKind::CryptoFee && !activity.net_amount.is_zero() {
                // It was charged in dollars; the quantity only says on what.
                activity.qty = None;
            }
        }
        _ => {}
    }
}

/// The day of the trades that a fee's text names, if it lies just before the fee.
fn trade_date(text: &str, latest: Timestamp) -> Option<Timestamp> {
    let latest = calendar::day_of(latest)?;
    let earliest = latest.saturating_sub(jiff::Span::new().days(TRADE_DATE_DAYS_MAX));
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '-');
    let days = words.filter(|word| word.len() == 10).filter_map(calendar::day);
    days.filter(|day| *day >= earliest && *day <= latest).find_map(calendar::first_moment)
}

/// New shares for one old share, where the broker's words say: `2 for 1`, `1-for-10`, `4:1`.
pub(crate) fn ratio_of(text: &str) -> Option<Decimal> {
    let text = text.to_ascii_lowercase().replace("-for-", " for ").replace(':', " for ");
    let words: Vec<&str> =
        text.split([' ', ',', ';', '(', ')']).filter(|w| !w.is_empty()).collect();
    words.windows(3).filter(|three| three[1] == "for").find_map(|three| {
        let (new, old) = (decimal::parse(three[0]).ok()?, decimal::parse(three[2]).ok()?);
        ratio(new, old)
    })
}

/// New shares for one old share; `None` where it is none.
pub(crate) fn ratio(new: Decimal, old: Decimal) -> Option<Decimal> {
    let positive = new > Decimal::ZERO && old > Decimal::ZERO;
    let ratio = if positive { new.checked_div(old) } else { None };
    let ratio = ratio.map(|ratio| ratio.normalize());
    ratio.filter(|ratio| *ratio > Decimal::ZERO && *ratio != Decimal::ONE)
}

/// One activity for what the broker books in several rows.
pub(crate) fn joined(rows: Vec<Row>) -> Vec<Activity> {
    let mut siblings: BTreeMap<String, Vec<(std::sync::Arc<str>, bool)>> = BTreeMap::new();
    for row in &rows {
        if let Some(group) = &row.group {
            let member = (row.activity.id.clone(), row.corrects);
            siblings.entry(group.clone()).or_default().push(member);
        }
    }
    let mut out: Vec<Activity> = Vec::new();
    let mut parts: BTreeMap<String, Vec<Activity>> = BTreeMap::new();
    for mut row in rows {
        if row.corrects && row.activity.takes_back.is_none() {
            let group = row.group.as_ref().and_then(|group| siblings.get(group));
            let first = group.and_then(|all| all.iter().find(|(_, corrects)| !corrects));
            match first {
                Some((id, _)) => row.activity.takes_back = Some(id.clone()),
                None => {
                    row.activity.takes_back = Some(row.activity.id.clone());
                    row.activity.id = format!("{}:correct", row.activity.id).into();
                }
            }
        }
        let plain = row.activity.takes_back.is_none();
        match (row.activity.kind, &row.activity.symbol) {
            (ActivityKind::Split, Some(symbol)) if plain => {
                let key = format!("split:{symbol}:{}", row.activity.effective_at.0);
                parts.entry(key).or_default().push(row.activity);
            }
            (ActivityKind::SymbolChange, Some(_)) if plain && row.group.is_some() => {
                let group = row.group.as_deref().unwrap_or_default();
                parts.entry(format!("name:{group}")).or_default().push(row.activity);
            }
            _ => out.push(row.activity),
        }
    }
    for (key, rows) in parts {
        if key.starts_with("split:") {
            out.extend(split(&key, rows));
        } else {
            out.extend(symbol_change(&key, rows));
        }
    }
    out
}

/// One split from its rows, whose quantities say how many shares came and went; and the cash for a
/// fraction as an activity of its own.
fn split(key: &str, rows: Vec<Activity>) -> Vec<Activity> {
    let net = rows.iter().map(|row| row.net_amount).sum::<stockade_core::Money>();
    let amounts = || rows.iter().filter_map(|row| row.qty).map(stockade_core::Qty::get);
    let came: Decimal = amounts().filter(|qty| *qty > Decimal::ZERO).sum();
    let went: Decimal = amounts().filter(|qty| *qty < Decimal::ZERO).sum();
    let said = rows.iter().find_map(|row| ratio_of(&row.description));
    // With a fraction paid in cash the shares alone don't tell the ratio.
    let counted = if net.is_zero() { ratio(came, went.abs()) } else { None };
    let Some(first) = rows.first() else { return Vec::new() };
    let mut whole = Activity { id: key.into(), ..first.clone() };
    whole.qty = Some(stockade_core::Qty::new(came + went)).filter(|qty| !qty.is_zero());
    (whole.ratio, whole.net_amount) = (said.or(counted), stockade_core::Money::ZERO);
    // A price here is the market's, not one of a sale.
    whole.price = None;
    let mut out = vec![whole.clone()];
    if !net.is_zero() {
        out.push(Activity {
            id: format!("{key}{IN_LIEU}").into(),
            kind: ActivityKind::CashInLieu,
            net_amount: net,
            qty: None,
            ratio: None,
            ..whole
        });
    }
    out
}

/// The old symbol's shares go, the new one's come.
fn symbol_change(key: &str, rows: Vec<Activity>) -> Vec<Activity> {
    let symbol = |went: bool| -> Option<Symbol> {
        let row = rows.iter().find(|row| row.qty.is_some_and(|qty| qty.is_negative() == went))?;
        row.symbol.clone()
    };
    match (symbol(true), symbol(false)) {
        (Some(from), Some(to)) if from != to => {
            let first = rows.into_iter().next();
            let one = |row: Activity| Activity {
                id: key.into(),
                symbol: Some(from),
                new_symbol: Some(to),
                qty: None,
                ..row
            };
            first.map(one).into_iter().collect()
        }
        _ => rows,
    }
}
