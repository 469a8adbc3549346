//! The controls' settings: data that can be read and changed while running.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::decimal::{Money, Qty};
use crate::id::Symbol;

/// Whether orders pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TradingState {
    /// All that the controls allow.
    #[default]
    Active,
    /// Only what makes a position smaller.
    Reducing,
    /// Nothing but cancels.
    Halted,
}

impl TradingState {
    /// As the database and the firm JSON write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Reducing => "reducing",
            Self::Halted => "halted",
        }
    }

    /// The stricter of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

/// The settings of one scope (an account, or a sleeve). A `None` doesn't refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Controls {
    /// `symbols`: the only symbols that may be traded.
    pub symbols: Option<Vec<Symbol>>,
    /// `max_order_notional`: highest value of one order at its worst price, in dollars.
    pub max_order_notional: Option<Money>,
    /// `max_position_qty`: highest quantity held of one symbol, open buys included.
    pub max_position_qty: Option<Qty>,
    /// `max_position_notional`: highest value held of one symbol at the worst price, open buys
    /// included, in dollars.
    pub max_position_notional: Option<Money>,
    /// `order_rate`: orders accepted in any minute of market time.
    pub order_rate: Option<u32>,
    /// `price_collar_pct`: how far a limit may be on the wrong side of the last price, and how
    /// far from it a market order may fill, in percent.
    pub price_collar_pct: Option<Decimal>,
    /// `duplicate_window_ms`: an order with the same symbol, side, size and prices within this
    /// time is refused, in milliseconds of market time.
    pub duplicate_window_ms: Option<i64>,
    /// `long_only`: a sale can't exceed what the sleeve owns and has not offered yet.
    pub long_only: bool,
    /// `market_hours`: equities only inside a regular session (extended-hours orders excepted).
    pub market_hours: bool,
    /// `daily_loss`: once equity is this far below the day's start, only reducing orders pass, in
    /// dollars.
    pub daily_loss: Option<Money>,
    /// `opposite_order_open`: an order that could trade with another sleeve's open order is
    /// refused.
    pub opposite_order_open: bool,
    /// `stale_price_ms`: a price older than this can't be traded on, in milliseconds of market
    /// time.
    pub stale_price_ms: Option<i64>,
}

impl Default for Controls {
    /// No limit but those that keep one account's sleeves apart.
    fn default() -> Self {
        Self {
            symbols: None,
            max_order_notional: None,
            max_position_qty: None,
            max_position_notional: None,
            order_rate: None,
            price_collar_pct: None,
            duplicate_window_ms: None,
            long_only: true,
            market_hours: false,
            daily_loss: None,
            opposite_order_open: true,
            stale_price_ms: None,
        }
    }
}

impl Controls {
    /// The settings of a new account that trades at a broker.
    #[must_use]
    pub fn live() -> Self {
        Self {
            order_rate: Some(60),
            price_collar_pct: Some(Decimal::from(5)),
            duplicate_window_ms: Some(100),
            market_hours: true,
            stale_price_ms: Some(900_000),
            ..Self::default()
        }
    }
}

impl Controls {
    /// Both sets together: of two limits the stricter holds.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        fn least<T: Copy + Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            }
        }
        let symbols = match (&self.symbols, &other.symbols) {
            (Some(a), Some(b)) => Some(a.iter().filter(|s| b.contains(s)).cloned().collect()),
            (a, b) => a.clone().or_else(|| b.clone()),
        };
        Self {
            symbols,
            max_order_notional: least(self.max_order_notional, other.max_order_notional),
            max_position_qty: least(self.max_position_qty, other.max_position_qty),
            max_position_notional: least(self.max_position_notional, other.max_position_notional),
            order_rate: least(self.order_rate, other.order_rate),
            price_collar_pct: least(self.price_collar_pct, other.price_collar_pct),
            duplicate_window_ms: self.duplicate_window_ms.max(other.duplicate_window_ms),
            long_only: self.long_only || other.long_only,
            market_hours: self.market_hours || other.market_hours,
            daily_loss: least(self.daily_loss, other.daily_loss),
            opposite_order_open: self.opposite_order_open || other.opposite_order_open,
            stale_price_ms: least(self.stale_price_ms, other.stale_price_ms),
        }
    }

    /// Changes one setting by its name; `none` takes a limit away.
    ///
    /// # Errors
    /// [`Refusal::UnknownSetting`] with the nearest name, or [`Refusal::NotAllowed`] with what is
    /// wrong with the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "symbols" => {
                self.symbols = optional(name, value, |v| {
                    v.split(',').map(|s| Symbol::new(s).map_err(|e| e.to_string())).collect()
                })?;
            }
            "max_order_notional" => self.max_order_notional = positive(name, value)?,
            "max_position_qty" => self.max_position_qty = positive(name, value)?,
            "max_position_notional" => self.max_position_notional = positive(name, value)?,
            "order_rate" => self.order_rate = optional(name, value, parsed)?,
            "price_collar_pct" => {
                let collar: Option<Money> = positive(name, value)?;
                if collar.is_some_and(|c| c.get() > Decimal::from(45)) {
                    return Err(bad(name, value, "at most 45 percent are allowed"));
                }
                self.price_collar_pct = collar.map(Money::get);
            }
            "duplicate_window_ms" => {
                self.duplicate_window_ms = optional(name, value, at_least_zero)?
            }
            "stale_price_ms" => self.stale_price_ms = optional(name, value, at_least_zero)?,
            "daily_loss" => self.daily_loss = positive(name, value)?,
            "market_hours" => self.market_hours = switch(name, value)?,
            // One sleeve's short may really sell another's shares, and opposite orders would trade
            // with each other, until orders can be crossed inside.
            "long_only" | "opposite_order_open" => {
                if !switch(name, value)? {
                    return Err(bad(name, value, "only \"true\" is allowed"));
                }
            }
            _ => {
                let nearest = nearest(name);
                return Err(Refusal::UnknownSetting { name: name.to_owned(), nearest });
            }
        }
        Ok(())
    }
}

/// The names that [`Controls::set`] takes.
pub const CONTROL_NAMES: [&str; 12] = [
    "symbols",
    "max_order_notional",
    "max_position_qty",
    "max_position_notional",
    "order_rate",
    "price_collar_pct",
    "duplicate_window_ms",
    "stale_price_ms",
    "daily_loss",
    "market_hours",
    "long_only",
    "opposite_order_open",
];

fn bad(name: &str, value: &str, why: &str) -> Refusal {
    // What reads numbers names the value itself.
    let quoted = format!("{value:?}");
    let why = if why.contains(&quoted) { why.to_owned() } else { format!("{quoted}: {why}") };
    Refusal::NotAllowed { what: "setting".to_owned(), name: name.to_owned(), why }
}

fn optional<T>(
    name: &str,
    value: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Refusal> {
    if value == "none" {
        return Ok(None);
    }
    read(value).map(Some).map_err(|why| bad(name, value, &why))
}

fn parsed<T: std::str::FromStr>(value: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error: T::Err| error.to_string())
}

fn at_least_zero(value: &str) -> Result<i64, String> {
    let number: i64 = parsed(value)?;
    if number < 0 { Err("it must not be below zero".to_owned()) } else { Ok(number) }
}

fn positive<T>(name: &str, value: &str) -> Result<Option<T>, Refusal>
where
    T: std::str::FromStr + Default + PartialOrd,
    T::Err: std::fmt::Display,
{
    optional(name, value, |v| {
        let number: T = parsed(v)?;
        if number > T::default() { Ok(number) } else { Err("it must be above zero".to_owned()) }
    })
}

fn switch(name: &str, value: &str) -> Result<bool, Refusal> {
    value.parse().map_err(|_| bad(name, value, "true or false is wanted"))
}

/// The name that is meant, where one has at least half of its letters in the same places (counted
/// from both ends); else all names.
fn nearest(name: &str) -> String {
    let common = |other: &str| {
        let ahead = name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        let behind =
            name.bytes().rev().zip(other.bytes().rev()).take_while(|(a, b)| a == b).count();
        ahead + behind
    };
    let best = CONTROL_NAMES.iter().copied().max_by_key(|other| common(other));
    match best.filter(|other| 2 * common(other) >= other.len()) {
        Some(best) => format!("the nearest is {best}"),
        None => format!("the settings are {}", CONTROL_NAMES.join(", ")),
    }
}
