//! The fault switch board: decides, by seed and rate or by count, which request or message is to be disturbed.
//!
//! It only decides. The server or the simulator that asks carries the fault out, and asks once per request or message.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::order::words;
use crate::rng::Rng;

words! {
    /// Where a fault can strike.
    Site {
        SubmitOrder = "submit_order",
        CancelOrder = "cancel_order",
        ReplaceOrder = "replace_order",
        GetOrder = "get_order",
        ListOrders = "list_orders",
        Account = "account",
        Positions = "positions",
        Activities = "activities",
        /// Any other request.
        OtherRest = "other_rest",
        /// A message of the account stream.
        TradeUpdate = "trade_update",
        /// A message of a data stream.
        MarketData = "market_data",
        /// An execution's report, on every path: stream and REST.
        Fill = "fill",
    }
}

impl Site {
    const fn is_rest(self) -> bool {
        !matches!(self, Self::TradeUpdate | Self::MarketData | Self::Fill)
    }

    const fn is_list(self) -> bool {
        matches!(self, Self::ListOrders | Self::Positions | Self::Activities)
    }
}

impl PartialOrd for Site {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Site {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// What is to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// All is well.
    None,
    /// REST: close the connection without acting.
    DropBefore,
    /// REST: act, then close the connection without an answer.
    DropAfter,
    /// Act now, answer or deliver so many milliseconds later.
    Delay { ms: u64 },
    /// REST: answer with this status without acting. 429, 500, 503 and 504.
    Status { status: u16 },
    /// REST: act, then answer with this status all the same.
    StatusAfter { status: u16 },
    /// REST: act, then answer 200 with a body that is no JSON.
    Garbage,
    /// REST: act, then answer with the first half of the body.
    Truncate,
    /// REST lists: answer with `[]`.
    EmptyList,
    /// REST, one order: answer 404 although it exists.
    NotFound,
    /// Stream: leave the message out.
    Drop,
    /// Stream: send it twice.
    Duplicate,
    /// Stream: send it after the next one.
    Reorder,
    /// Stream: close the connection instead of sending it.
    Disconnect,
    /// Fill: keep the report of the execution back for so many milliseconds.
    Hold { ms: u64 },
}

/// One fault at one count: the `nth` request or message (from 1) at `site`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hit {
    pub site: Site,
    pub nth: u64,
    pub fault: Fault,
}

/// Rates of REST faults, each in permille of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestRates {
    pub drop_before: u32,
    pub drop_after: u32,
    pub delay: u32,
    /// Length of a delay, drawn from 0 to this.
    pub delay_ms: u64,
    pub status_429: u32,
    pub status_500: u32,
    pub status_503: u32,
    /// Answered although acted upon.
    pub status_504_after: u32,
    pub garbage: u32,
    pub truncate: u32,
    /// Lists only.
    pub empty_list: u32,
    /// One order only.
    pub not_found: u32,
    /// Only these sites; empty is all.
    pub sites: Vec<Site>,
}

/// Rates of stream faults, each in permille of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamRates {
    pub drop: u32,
    pub delay: u32,
    /// Length of a delay, drawn from 0 to this.
    pub delay_ms: u64,
    pub duplicate: u32,
    pub reorder: u32,
    pub disconnect: u32,
}

/// What a fault file holds. All zero, the default, disturbs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultSettings {
    pub seed: u64,
    pub rest: RestRates,
    pub trade_updates: StreamRates,
    pub market_data: StreamRates,
    /// Permille of executions whose report is held.
    pub fill_hold: u32,
    /// For how long, drawn from 0 to this.
    pub fill_hold_ms: u64,
    /// Exact hits; they come before the rates.
    pub hits: Vec<Hit>,
}

/// Settings that can't hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error("fault rates of {section} sum up to {sum} permille, allowed is 1000")]
    Rates { section: &'static str, sum: u64 },
    #[error("fault hit of {site} has nth = 0, allowed is 1 and up")]
    Nth { site: Site },
    #[error("fault hit of {site} has status {status}, allowed is 400 to 599")]
    Status { site: Site, status: u16 },
    #[error("fault {setting} is {ms} ms, allowed is {max} ms")]
    Delay { setting: &'static str, ms: u64, max: Decimal },
}

/// A delay of more than an hour is a mistake in the file.
const MAX_DELAY_MS: u64 = 3_600_000;

/// A board that is switched on. The same settings and the same sequence of questions give the same answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultPlan {
    settings: FaultSettings,
    rng: Rng,
    counts: BTreeMap<Site, u64>,
}

impl FaultPlan {
    /// A board with these settings.
    ///
    /// # Errors
    /// Where rates sum up to more than a thousand, or a hit or a delay is out of range.
    pub fn new(settings: FaultSettings) -> Result<Self, FaultError> {
        for (section, rates) in [
            ("rest", rest_faults(&settings.rest, Site::OtherRest, true)),
            ("trade_updates", stream_faults(&settings.trade_updates)),
            ("market_data", stream_faults(&settings.market_data)),
            ("fill_hold", vec![(settings.fill_hold, Fault::Drop)]),
        ] {
            let sum = rates.iter().map(|&(rate, _)| u64::from(rate)).sum();
            if sum > 1000 {
                return Err(FaultError::Rates { section, sum });
            }
        }
        for (setting, ms) in [
            ("rest.delay_ms", settings.rest.delay_ms),
            ("trade_updates.delay_ms", settings.trade_updates.delay_ms),
            ("market_data.delay_ms", settings.market_data.delay_ms),
            ("fill_hold_ms", settings.fill_hold_ms),
        ] {
            if ms > MAX_DELAY_MS {
                return Err(FaultError::Delay { setting, ms, max: Decimal::from(MAX_DELAY_MS) });
            }
        }
        for &Hit { site, nth, fault } in &settings.hits {
            if nth == 0 {
                return Err(FaultError::Nth { site });
            }
            if let Fault::Status { status } | Fault::StatusAfter { status } = fault
                && !(400..600).contains(&status)
            {
                return Err(FaultError::Status { site, status });
            }
        }
        Ok(Self { rng: Rng::new(settings.seed), settings, counts: BTreeMap::new() })
    }

    /// What happens to the request or message at hand. Ask once for each.
    pub fn decide(&mut self, site: Site) -> Fault {
        let count = self.counts.entry(site).or_default();
        *count += 1;
        let nth = *count;
        if let Some(hit) = self.settings.hits.iter().find(|hit| hit.site == site && hit.nth == nth)
        {
            return hit.fault;
        }
        let (rates, delay_ms) = match site {
            Site::TradeUpdate => {
                (stream_faults(&self.settings.trade_updates), self.settings.trade_updates.delay_ms)
            }
            Site::MarketData => {
                (stream_faults(&self.settings.market_data), self.settings.market_data.delay_ms)
            }
            Site::Fill => {
                (vec![(self.settings.fill_hold, Fault::Hold { ms: 0 })], self.settings.fill_hold_ms)
            }
            _ => (rest_faults(&self.settings.rest, site, false), self.settings.rest.delay_ms),
        };
        let mut drawn = self.rng.below(1000);
        for (rate, fault) in rates {
            if drawn < u64::from(rate) {
                return match fault {
                    Fault::Delay { .. } => {
                        Fault::Delay { ms: self.rng.below(delay_ms.saturating_add(1)) }
                    }
                    Fault::Hold { .. } => {
                        Fault::Hold { ms: self.rng.below(delay_ms.saturating_add(1)) }
                    }
                    fault => fault,
                };
            }
            drawn -= u64::from(rate);
        }
        Fault::None
    }

    /// How often a site was asked about.
    #[must_use]
    pub fn count(&self, site: Site) -> u64 {
        self.counts.get(&site).copied().unwrap_or_default()
    }
}

/// The rates that hold at a site; `all` leaves the site out of account.
fn rest_faults(rates: &RestRates, site: Site, all: bool) -> Vec<(u32, Fault)> {
    debug_assert!(site.is_rest());
    if !all && !rates.sites.is_empty() && !rates.sites.contains(&site) {
        return Vec::new();
    }
    let mut faults = vec![
        (rates.drop_before, Fault::DropBefore),
        (rates.drop_after, Fault::DropAfter),
        (rates.delay, Fault::Delay { ms: 0 }),
        (rates.status_429, Fault::Status { status: 429 }),
        (rates.status_500, Fault::Status { status: 500 }),
        (rates.status_503, Fault::Status { status: 503 }),
        (rates.status_504_after, Fault::StatusAfter { status: 504 }),
        (rates.garbage, Fault::Garbage),
        (rates.truncate, Fault::Truncate),
    ];
    if all || site.is_list() {
        faults.push((rates.empty_list, Fault::EmptyList));
    }
    if all || site == Site::GetOrder {
        faults.push((rates.not_found, Fault::NotFound));
    }
    faults
}

fn stream_faults(rates: &StreamRates) -> Vec<(u32, Fault)> {
    vec![
        (rates.drop, Fault::Drop),
        (rates.delay, Fault::Delay { ms: 0 }),
        (rates.duplicate, Fault::Duplicate),
        (rates.reorder, Fault::Reorder),
        (rates.disconnect, Fault::Disconnect),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_hits_come_before_rates() {
        let text = r#"{"seed":1,"rest":{"drop_after":1000,"sites":["submit_order"]},
            "hits":[{"site":"submit_order","nth":2,"fault":{"status":{"status":503}}}]}"#;
        let mut plan = FaultPlan::new(serde_json::from_str(text).unwrap()).unwrap();
        let submits: Vec<Fault> = (0..3).map(|_| plan.decide(Site::SubmitOrder)).collect();
        assert_eq!(submits, [Fault::DropAfter, Fault::Status { status: 503 }, Fault::DropAfter]);
        assert_eq!(plan.decide(Site::ListOrders), Fault::None);
        assert_eq!((plan.count(Site::SubmitOrder), plan.count(Site::Fill)), (3, 0));
    }

    #[test]
    fn rates_are_kept_and_repeat_with_the_seed() {
        let rest = RestRates {
            empty_list: 250,
            not_found: 250,
            delay: 100,
            delay_ms: 50,
            ..RestRates::default()
        };
        let settings = FaultSettings {
            seed: 9,
            rest,
            fill_hold: 500,
            fill_hold_ms: 5,
            ..FaultSettings::default()
        };
        let mut plan = FaultPlan::new(settings.clone()).unwrap();
        let mut again = FaultPlan::new(settings).unwrap();
        let (mut empty, mut held, mut delayed) = (0, 0, 0);
        for _ in 0..4000 {
            let fault = plan.decide(Site::Positions);
            assert_eq!(fault, again.decide(Site::Positions));
            assert_ne!(fault, Fault::NotFound, "only one order can be missing");
            empty += u32::from(fault == Fault::EmptyList);
            delayed += u32::from(matches!(fault, Fault::Delay { ms: 0..=50 }));
            assert_ne!(plan.decide(Site::SubmitOrder), Fault::EmptyList);
            again.decide(Site::SubmitOrder);
            held += u32::from(matches!(plan.decide(Site::Fill), Fault::Hold { ms: 0..=5 }));
            again.decide(Site::Fill);
        }
        assert!((850..1150).contains(&empty), "{empty}");
        assert!((300..500).contains(&delayed), "{delayed}");
        assert!((1800..2200).contains(&held), "{held}");
    }

    #[test]
    fn impossible_settings_are_refused() {
        let parse = |text: &str| FaultPlan::new(serde_json::from_str(text).unwrap());
        assert!(matches!(
            parse(r#"{"rest":{"garbage":600,"truncate":401}}"#),
            Err(FaultError::Rates { sum: 1001, .. })
        ));
        assert!(matches!(
            parse(r#"{"hits":[{"site":"fill","nth":0,"fault":"drop"}]}"#),
            Err(FaultError::Nth { .. })
        ));
        assert!(matches!(parse(r#"{"fill_hold_ms":3600001}"#), Err(FaultError::Delay { .. })));
        let status = r#"{"hits":[{"site":"account","nth":1,"fault":{"status":{"status":200}}}]}"#;
        assert!(matches!(parse(status), Err(FaultError::Status { .. })));
        assert!(serde_json::from_str::<FaultSettings>(r#"{"typo":1}"#).is_err());
    }
}
