//! What the broker announces of corporate actions: ex-dates, ratios, rates, new symbols.
//!
//! An activity says when it was paid; who it belongs to depends on the ex-date, which the market data
//! interface knows (`/v1/corporate-actions`). Each activity is looked up until an answer came, and
//! held back meanwhile: booked by the wrong day it would go to the wrong holders. After
//! [`LOOKUPS_MAX`] lookups without an answer it goes on as it is. The announcement service never
//! makes a snapshot fail, and a refusal by it says nothing about the keys.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Span;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use stockade_core::broker::{Activity, ActivityKind};
use stockade_core::decimal::Price;
use stockade_core::id::Symbol;

use super::activities::{IN_LIEU, ratio};
use super::calendar;
use super::client::Alpaca;
use super::number;
use super::rest::Outcome;
use super::wire;

/// Lookups of an activity that end without an answer before it goes on without one.
const LOOKUPS_MAX: u32 = 5;
/// Activities whose announcement is kept: more than a year of a large account.
const KNOWN_MAX: usize = 10_000;
/// Symbols of one request, which have to fit into an address.
const SYMBOLS_MAX: usize = 100;
/// Announcements of one page: the service's maximum.
const PAGE: usize = 1_000;
/// Pages of one lookup.
const PAGES_MAX: usize = 10;
/// Days before an activity in which its announcement is looked for, and after.
const DAYS_BACK: i32 = 30;
const DAYS_AHEAD: i32 = 7;
/// Days between an activity and the processing of what it comes from.
const DISTANCE_MAX: i32 = 10;

/// What was found about the activities met so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Announcements(Arc<Mutex<HashMap<Arc<str>, Lookup>>>);

#[derive(Debug, Clone)]
enum Lookup {
    /// So many lookups brought no answer.
    Failed(u32),
    /// The answer: an announcement, or that there is none.
    Found(Option<Announced>),
}

/// One announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Announced {
    kind: ActivityKind,
    symbol: Symbol,
    ex_date: Option<Date>,
    /// Days on which it can show on an account.
    shows: Vec<Date>,
    rate: Option<Price>,
    ratio: Option<Decimal>,
    new_symbol: Option<Symbol>,
}

#[derive(Debug, Deserialize)]
struct WirePage<'a> {
    #[serde(borrow)]
    corporate_actions: Option<BTreeMap<String, Vec<WireAnnouncement<'a>>>>,
    next_page_token: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WireAnnouncement<'a> {
    symbol: Option<String>,
    old_symbol: Option<String>,
    new_symbol: Option<String>,
    ex_date: Option<String>,
    payable_date: Option<String>,
    process_date: Option<String>,
    #[serde(borrow)]
    rate: Option<&'a RawValue>,
    #[serde(borrow)]
    new_rate: Option<&'a RawValue>,
    #[serde(borrow)]
    old_rate: Option<&'a RawValue>,
}

impl Alpaca {
    /// Adds to each new dividend, split and change of symbol what was announced, and takes out of
    /// the list those that wait for an answer.
    pub(crate) async fn learn_announced(&self, activities: &mut Vec<Activity>) {
        let new: Vec<Activity> =
            activities.iter().filter(|one| self.announcements.wants(one)).cloned().collect();
        let by_symbol: BTreeSet<&Symbol> = new.iter().filter_map(|a| a.symbol.as_ref()).collect();
        let by_symbol: Vec<&Symbol> = by_symbol.into_iter().collect();
        for symbols in by_symbol.chunks(SYMBOLS_MAX) {
            let of_these: Vec<&Activity> = new
                .iter()
                .filter(|one| one.symbol.as_ref().is_some_and(|symbol| symbols.contains(&symbol)))
                .collect();
            let found = self.announced(symbols, &of_these).await;
            if let Err(why) = &found {
                tracing::warn!(why, "corporate actions could not be looked up");
            }
            self.announcements.note(&of_these, found.ok().as_deref());
        }
        activities.retain_mut(|activity| self.announcements.complete(activity));
        // Cash for a fraction waits for the split that leaves it.
        let splits: BTreeSet<Arc<str>> = activities
            .iter()
            .filter(|one| one.kind == ActivityKind::Split)
            .map(|one| Arc::clone(&one.id))
            .collect();
        activities.retain(|one| {
            let of = one.id.strip_suffix(IN_LIEU).filter(|_| one.kind == ActivityKind::CashInLieu);
            of.is_none_or(|split| splits.contains(split))
        });
    }

    /// Announcements of the symbols around the days of the activities; an empty list where the
    /// service refuses for certain.
    async fn announced(
        &self,
        symbols: &[&Symbol],
        activities: &[&Activity],
    ) -> Result<Vec<Announced>, String> {
        let days = activities.iter().filter_map(|one| calendar::day_of(one.effective_at));
        let days: BTreeSet<Date> = days.collect();
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Vec::new()) };
        let start = first.saturating_sub(Span::new().days(DAYS_BACK)).to_string();
        let end = last.saturating_add(Span::new().days(DAYS_AHEAD)).to_string();
        let names: Vec<&str> = symbols.iter().map(|symbol| symbol.as_str()).collect();
        let names = names.join(",");
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut url = self
                .data(&["v1", "corporate-actions"])
                .map_err(|failure| format!("{failure:?}"))?;
            url.query_pairs_mut()
                .append_pair("symbols", &names)
                .append_pair("start", &start)
                .append_pair("end", &end)
                .append_pair("limit", &PAGE.to_string());
            if let Some(token) = &token {
                url.query_pairs_mut().append_pair("page_token", token);
            }
            let reply = match self.rest.get(url).await {
                Outcome::Answered(reply) => reply,
                Outcome::NotWritten(why) | Outcome::Lost(why) => return Err(why),
            };
            match reply.status {
                200..=299 => {}
                429 | 500.. => return Err(format!("http {}", reply.status)),
                // This plan, or this server, has no announcements.
                _ => return Ok(all),
            }
            let page: WirePage<'_> =
                wire::json("corporate actions", &reply.body).map_err(|fault| fault.to_string())?;
            for (list, items) in page.corporate_actions.unwrap_or_default() {
                all.extend(items.iter().filter_map(|item| item.read(&list)));
            }
            match page.next_page_token.filter(|next| !next.is_empty()) {
                None => return Ok(all),
                Some(next) if token.as_ref() == Some(&next) => break,
                next => token = next,
            }
        }
        Ok(all)
    }
}

impl WireAnnouncement<'_> {
    /// The announcement; `None` for a list that nothing here is made of, and for one that can't be
    /// read: its activity then goes on as it is.
    fn read(&self, list: &str) -> Option<Announced> {
        let kind = match list {
            "cash_dividends" => ActivityKind::Dividend,
            "forward_splits" | "reverse_splits" => ActivityKind::Split,
            "name_changes" => ActivityKind::SymbolChange,
            _ => return None,
        };
        let symbol = self.symbol.as_deref().or(self.old_symbol.as_deref())?;
        let read = |raw| number::optional("rate", raw).ok().flatten();
        let ratio = match (read(self.new_rate), read(self.old_rate)) {
            (Some(new), Some(old)) => ratio(new, old),
            _ => None,
        };
        let day = |text: &Option<String>| text.as_deref().and_then(calendar::day);
        let ex_date = day(&self.ex_date);
        let (payable, processed) = (day(&self.payable_date), day(&self.process_date));
        Some(Announced {
            kind,
            symbol: Symbol::new(symbol).ok()?,
            ex_date,
            shows: [payable, processed, ex_date].into_iter().flatten().collect(),
            rate: number::mean("rate", self.rate).ok().flatten(),
            ratio,
            new_symbol: self.new_symbol.as_deref().and_then(|text| Symbol::new(text).ok()),
        })
    }
}

impl Announced {
    /// Days between the activity and the nearest day on which this one can show.
    fn distance(&self, activity: &Activity, day: Date) -> Option<i32> {
        if self.kind != activity.kind || activity.symbol.as_ref() != Some(&self.symbol) {
            return None;
        }
        // A dividend is not paid before its ex-date.
        if self.kind == ActivityKind::Dividend && self.ex_date.is_some_and(|ex| ex > day) {
            return None;
        }
        let far = |shows: &Date| (*shows - day).get_days().abs();
        self.shows.iter().map(far).min().filter(|days| *days <= DISTANCE_MAX)
    }
}

impl Announcements {
    /// Whether the activity has to be looked up.
    fn wants(&self, activity: &Activity) -> bool {
        let kind = match activity.kind {
            ActivityKind::Dividend | ActivityKind::Split => true,
            ActivityKind::SymbolChange => activity.new_symbol.is_none(),
            _ => false,
        };
        let met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = match met.get(&activity.id) {
            None => true,
            Some(Lookup::Failed(times)) => *times < LOOKUPS_MAX,
            Some(Lookup::Found(_)) => false,
        };
        kind && activity.symbol.is_some() && activity.takes_back.is_none() && waits
    }

    /// Keeps what a lookup found; `None` where it brought no answer.
    fn note(&self, activities: &[&Activity], found: Option<&[Announced]>) {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if met.len() >= KNOWN_MAX {
            met.clear();
        }
        for activity in activities {
            let day = calendar::day_of(activity.effective_at);
            let lookup = match (found, met.get(&activity.id)) {
                (Some(found), _) => Lookup::Found(day.and_then(|day| {
                    let near = |one: &&Announced| one.distance(activity, day);
                    let near = found.iter().filter(|one| near(one).is_some()).min_by_key(near);
                    near.cloned()
                })),
                (None, Some(Lookup::Failed(times))) => Lookup::Failed(times + 1),
                (None, _) => Lookup::Failed(1),
            };
            met.insert(activity.id.clone(), lookup);
        }
    }

    /// Adds what was announced; `false` for an activity that waits for an answer.
    fn complete(&self, activity: &mut Activity) -> bool {
        let met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let announced = match met.get(&activity.id) {
            Some(Lookup::Failed(times)) => return *times >= LOOKUPS_MAX,
            Some(Lookup::Found(Some(announced))) => announced,
            Some(Lookup::Found(None)) | None => return true,
        };
        if let Some(ex) = announced.ex_date.and_then(calendar::first_moment) {
            activity.effective_at = ex;
        }
        if activity.kind == ActivityKind::Split {
            activity.ratio = announced.ratio.or(activity.ratio);
        }
        if activity.kind == ActivityKind::Dividend && !activity.net_amount.is_zero() {
            activity.per_share = activity.per_share.or(announced.rate);
        }
        activity.new_symbol = activity.new_symbol.take().or_else(|| announced.new_symbol.clone());
        true
    }
}
