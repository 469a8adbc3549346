//! Account activities, as `GET /v2/account/activities` tells them, and the walk through their pages.
//!
//! There is one per execution, fee, dividend, split and later deposit; the opening cash has none.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::Id;
use crate::limits::MAX_ACTIVITY_PAGE;
use crate::order::{Direction, OrderStatus, Side, words};
use crate::time::{Date, HOUR, MINUTE, Nanos, SECOND};

words! {
    /// Alpaca's activity types that occur here.
    ActivityKind {
        Fill = "FILL",
        Fee = "FEE",
        CryptoFee = "CFEE",
        Dividend = "DIV",
        Split = "SPLIT",
        Deposit = "CSD",
        Withdrawal = "CSW",
        Journal = "JNLC",
    }
}

words! {
    /// What an execution's activity tells.
    #[derive(Default)]
    Execution {
        /// That it happened.
        #[default]
        Fill = "fill",
        /// That an earlier one is taken back.
        Bust = "trade_bust",
        /// That it takes an earlier one's place.
        Correct = "trade_correct",
    }
}

/// What only an execution has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillPart {
    pub order_id: Id,
    pub side: Side,
    /// Sold beyond zero: the API's side is then `sell_short`.
    pub short: bool,
    pub price: Decimal,
    /// This execution's, positive.
    pub qty: Decimal,
    /// Filled so far, this execution included.
    pub cum_qty: Decimal,
    /// Still to fill; zero for a notional order.
    pub leaves_qty: Decimal,
    pub order_status: OrderStatus,
    /// Whether the order was complete with it.
    pub complete: bool,
    #[serde(default)]
    pub execution: Execution,
    /// The execution that is taken back.
    #[serde(default)]
    pub previous: Option<Id>,
}

/// One activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// For an execution its execution id.
    pub uuid: Id,
    pub kind: ActivityKind,
    /// Alpaca's sub-type, such as `TAF`; empty where there is none.
    #[serde(default)]
    pub sub_type: String,
    pub at: Nanos,
    pub symbol: Option<Arc<str>>,
    /// Of a non-trade activity: shares or coins, signed.
    pub qty: Decimal,
    /// Of a non-trade activity: US dollars, signed.
    pub net_amount: Decimal,
    /// Of a dividend.
    pub per_share: Option<Decimal>,
    /// Of a split: new shares for one old share.
    #[serde(default)]
    pub ratio: Option<Decimal>,
    pub description: String,
    pub fill: Option<FillPart>,
}

impl Activity {
    /// The API's id: `YYYYMMDDhhmmssmmm::uuid`, the digits in New York's local time, as Alpaca does it. They
    /// repeat in the hour when daylight saving time ends; the uuid never does.
    #[must_use]
    pub fn id(&self) -> String {
        let local = self.at.plus(self.at.new_york_offset());
        let (y, mo, d) = local.utc_date().ymd();
        let rest = local.0.rem_euclid(24 * HOUR);
        let (h, mi, s, ms) =
            (rest / HOUR, rest / MINUTE % 60, rest / SECOND % 60, rest / 1_000_000 % 1000);
        format!("{y:04}{mo:02}{d:02}{h:02}{mi:02}{s:02}{ms:03}::{}", self.uuid)
    }
}

/// Which activities a page holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityQuery {
    /// Empty: all.
    pub kinds: Vec<ActivityKind>,
    /// Exclusive.
    pub after: Option<Nanos>,
    /// Exclusive.
    pub until: Option<Nanos>,
    /// Only this day in New York.
    pub date: Option<Date>,
    pub order_id: Option<Id>,
    pub direction: Direction,
    /// 1 to 100; 0 gives 100.
    pub page_size: usize,
    /// Id of the last activity seen; the page starts behind it. An unknown one gives an empty page.
    pub page_token: Option<String>,
}

impl ActivityQuery {
    fn wants(&self, a: &Activity) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&a.kind))
            && self.after.is_none_or(|t| a.at > t)
            && self.until.is_none_or(|t| a.at < t)
            && self.date.is_none_or(|d| a.at.new_york_date() == d)
            && self.order_id.is_none_or(|id| a.fill.as_ref().is_some_and(|f| f.order_id == id))
    }

    /// The page of `all`, which is in order of booking.
    pub(crate) fn page<'a>(&self, all: &'a [Activity]) -> Vec<&'a Activity> {
        let size = match self.page_size {
            0 => MAX_ACTIVITY_PAGE,
            n => n.min(MAX_ACTIVITY_PAGE),
        };
        let range = match &self.page_token {
            None => 0..all.len(),
            Some(token) => {
                let uuid = token.rsplit("::").next().and_then(|text| text.parse::<Id>().ok());
                let Some(at) = uuid.and_then(|uuid| all.iter().rposition(|a| a.uuid == uuid))
                else {
                    return Vec::new();
                };
                match self.direction {
                    Direction::Asc => at + 1..all.len(),
                    Direction::Desc => 0..at,
                }
            }
        };
        let wanted = all[range].iter().filter(|a| self.wants(a));
        match self.direction {
            Direction::Asc => wanted.take(size).collect(),
            Direction::Desc => wanted.rev().take(size).collect(),
        }
    }
}
