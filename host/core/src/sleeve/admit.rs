//! The admission of an intent: one pure function, asked twice.
//!
//! The runtime asks it inside the guest's call, so that `submit` answers at once; the desk asks it
//! again when the batch arrives, against its own state. It knows one sleeve and nothing else: what
//! needs other sleeves or the calendar is checked by the desk alone.

use rust_decimal::{Decimal, RoundingStrategy};

use super::view::{Prices, SleeveView};
use crate::bug::{self, Bug};
use crate::decimal::{Money, Price, Qty};
use crate::desk::BotRequest;
use crate::id::{InstrumentId, IntentId};
use crate::instrument::{AssetClass, Instrument};
use crate::limits;
use crate::order::{Intent, OrderType, Side, Size, TimeInForce};
use crate::risk::{Refusal, TradingState};
use crate::time::Timestamp;

/// An approved intent: what will be sent and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The instrument's place in the table.
    pub instrument: InstrumentId,
    /// What is sent: a market order has become a limit at the collar where it can.
    pub sent_type: OrderType,
    /// How long, as sent.
    pub time_in_force: TimeInForce,
    /// The worst price of a fill.
    pub worst_price: Price,
    /// Cash to hold: the worst cost of a buy, nothing for a sale.
    pub reserved: Money,
    /// Quantity at most (for a notional order: what it can be at the best price in the collar).
    pub qty: Qty,
    /// The price that the decision used.
    pub decision_price: Option<Price>,
}

/// What the present call has asked for already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buffered {
    /// The requests, in order.
    pub requests: Vec<BotRequest>,
    reserved: Money,
    accepted: u32,
    moves: Vec<(InstrumentId, Side, Qty)>,
}

impl Buffered {
    /// Adds an admitted intent.
    pub fn submit(&mut self, intent_id: IntentId, intent: Intent, admission: &Admission) {
        self.hold(intent.side, admission);
        self.requests.push(BotRequest::Submit { intent_id, intent });
    }

    /// Counts an admission whose request is kept elsewhere (a replacement).
    pub fn hold(&mut self, side: Side, admission: &Admission) {
        self.reserved += admission.reserved;
        self.accepted += 1;
        self.moves.push((admission.instrument, side, admission.qty));
    }

    /// The sleeve's buying power less what this call holds; never below zero.
    #[must_use]
    pub fn buying_power(&self, view: &SleeveView) -> Money {
        if bug::is(Bug::CallIgnoresItself) {
            return view.buying_power();
        }
        let free = view.buying_power() - self.reserved;
        if free.is_negative() { Money::ZERO } else { free }
    }

    fn moved(&self, instrument: InstrumentId, side: Side) -> Qty {
        let same = |m: &&(InstrumentId, Side, Qty)| m.0 == instrument && m.1 == side;
        self.moves.iter().filter(same).map(|m| m.2).sum()
    }
}

/// Checks an intent against the view of its sleeve.
///
/// # Errors
/// The first [`Refusal`] that applies, with its numbers.
pub fn admit(
    view: &SleeveView,
    prices: &dyn Prices,
    now: Timestamp,
    buffered: &Buffered,
    intent: &Intent,
) -> Result<Admission, Refusal> {
    let unknown = || Refusal::UnknownInstrument { symbol: intent.symbol.to_string() };
    let id = prices.find(&intent.symbol).ok_or_else(unknown)?;
    let instrument = prices.instrument(id).ok_or_else(unknown)?;
    check_state(view)?;
    check_load(view, now, buffered, intent.side)?;
    check_shape(view, instrument, intent)?;
    let admission = price(view, prices, id, instrument, intent)?;
    check_collar(view, intent, &admission)?;
    check_position(view, buffered, intent, &admission)?;
    check_notional(view, intent, &admission)?;
    if view.state == TradingState::Reducing && intent.side == Side::Buy {
        let why = view.state_reason.clone();
        return Err(Refusal::Reducing { scope: view.name.clone(), why });
    }
    let available = buffered.buying_power(view);
    if admission.reserved > available {
        return Err(Refusal::Capital { needed: admission.reserved, available });
    }
    Ok(admission)
}

fn check_state(view: &SleeveView) -> Result<(), Refusal> {
    if view.state == TradingState::Halted {
        let why = view.state_reason.clone();
        return Err(Refusal::Halted { scope: view.name.clone(), why });
    }
    Ok(())
}

fn check_load(
    view: &SleeveView,
    now: Timestamp,
    buffered: &Buffered,
    side: Side,
) -> Result<(), Refusal> {
    let open = view.orders.len() + buffered.moves.len();
    if open >= limits::OPEN_ORDERS_PER_SLEEVE_MAX {
        let allowed = limits::OPEN_ORDERS_PER_SLEEVE_MAX;
        return Err(Refusal::OpenOrders { found: open + 1, allowed });
    }
    let Some(mut allowed) = view.controls.order_rate else {
        return Ok(());
    };
    // A limit on risk must not lock a position in: sales have some room beyond it.
    if side == Side::Sell && view.controls.long_only {
        allowed = allowed.saturating_add(limits::EXITS_PER_MINUTE);
    }
    let minute = 60 * limits::NANOS_PER_SECOND;
    let recent = view.accepted.iter().filter(|at| now.since(**at) < minute).count();
    let found = u32::try_from(recent).unwrap_or(u32::MAX).saturating_add(buffered.accepted);
    if found >= allowed {
        return Err(Refusal::OrderRate { found, allowed });
    }
    Ok(())
}

fn check_shape(view: &SleeveView, instrument: &Instrument, intent: &Intent) -> Result<(), Refusal> {
    if !instrument.tradable {
        return Err(Refusal::NotTradable { symbol: instrument.symbol.clone() });
    }
    if let Some(symbols) = &view.controls.symbols
        && !symbols.contains(&intent.symbol)
    {
        let allowed: Vec<&str> = symbols.iter().map(crate::id::Symbol::as_str).collect();
        let allowed = allowed.join(", ");
        return Err(Refusal::SymbolNotAllowed { symbol: intent.symbol.clone(), allowed });
    }
    for text in [&intent.reason, &intent.tag].into_iter().flatten() {
        if text.chars().count() > limits::TAG_LEN_MAX {
            let found = "a reason or tag".to_owned();
            let why = format!("at most {} characters are allowed", limits::TAG_LEN_MAX);
            return Err(Refusal::InvalidOrder { found, why });
        }
    }
    check_size(instrument, intent)?;
    check_prices(view, instrument, intent)?;
    check_terms(instrument, intent)
}

fn check_size(instrument: &Instrument, intent: &Intent) -> Result<(), Refusal> {
    let invalid = |found: Decimal, why: String| Err(Refusal::InvalidQuantity { found, why });
    match intent.size {
        Size::Qty(qty) => {
            if let Err(error) = Qty::checked(qty.get()) {
                return invalid(qty.get(), error.to_string());
            }
            if !qty.is_positive() {
                return invalid(qty.get(), "it must be above zero".to_owned());
            }
            let fraction = !qty.get().fract().is_zero();
            if fraction && !instrument.fractionable {
                return invalid(qty.get(), format!("{} has no fractions", instrument.symbol));
            }
            if let Some(least) = instrument.min_qty
                && qty < least
            {
                return invalid(qty.get(), format!("the least is {least}"));
            }
            let day = intent.time_in_force == TimeInForce::Day;
            if fraction && instrument.class == AssetClass::Equity && !day {
                return invalid(qty.get(), "a fraction of a share must be a day order".to_owned());
            }
        }
        Size::Notional(amount) => {
            if amount.get() < Decimal::ONE || amount.get().normalize().scale() > 2 {
                let why = "a notional is at least 1 dollar, in whole cents".to_owned();
                return invalid(amount.get(), why);
            }
            if let Err(error) = Money::checked(amount.get()) {
                return invalid(amount.get(), error.to_string());
            }
            if intent.order_type != OrderType::Market {
                return invalid(amount.get(), "only market orders take a notional".to_owned());
            }
        }
    }
    Ok(())
}

fn check_prices(
    view: &SleeveView,
    instrument: &Instrument,
    intent: &Intent,
) -> Result<(), Refusal> {
    let given = [intent.order_type.limit_price(), intent.order_type.stop_price()];
    for price in given.into_iter().flatten() {
        let found = price.get();
        if let Err(error) = Price::checked(found) {
            return Err(Refusal::InvalidPrice { found, why: error.to_string() });
        }
        if !price.is_positive() {
            return Err(Refusal::InvalidPrice { found, why: "it must be above zero".to_owned() });
        }
        let step = price_step(instrument, price);
        if view.pricing.market_as_limit && !(found % step).is_zero() {
            return Err(Refusal::InvalidPrice { found, why: format!("the step is {step}") });
        }
    }
    Ok(())
}

fn check_terms(instrument: &Instrument, intent: &Intent) -> Result<(), Refusal> {
    let tif = intent.time_in_force;
    let invalid = |found: &str, why: &str| {
        Err(Refusal::InvalidOrder { found: found.to_owned(), why: why.to_owned() })
    };
    if intent.extended_hours {
        let limit = matches!(intent.order_type, OrderType::Limit { .. });
        if !limit || !matches!(tif, TimeInForce::Day | TimeInForce::Gtc) {
            return invalid("extended hours", "only limit orders, day or gtc, can have them");
        }
    }
    let stop = intent.order_type.stop_price().is_some();
    if stop && !matches!(tif, TimeInForce::Day | TimeInForce::Gtc) {
        return invalid(tif.as_str(), "only day and gtc can wait for a stop price");
    }
    let notional = matches!(intent.size, Size::Notional(_));
    if notional && instrument.class == AssetClass::Equity && tif != TimeInForce::Day {
        return invalid(tif.as_str(), "a notional order for shares must be a day order");
    }
    if instrument.class == AssetClass::Crypto {
        if matches!(tif, TimeInForce::Opg | TimeInForce::Cls | TimeInForce::Fok) {
            return invalid(tif.as_str(), "crypto takes day (as gtc), gtc and ioc");
        }
        if matches!(intent.order_type, OrderType::Stop { .. }) {
            return invalid("stop", "crypto takes market, limit and stop_limit");
        }
    }
    Ok(())
}

/// The price step of an instrument at a price (FACTS section 3: sub-penny rule).
fn price_step(instrument: &Instrument, price: Price) -> Decimal {
    if let Some(step) = instrument.price_increment
        && step.is_positive()
    {
        return step.get();
    }
    match instrument.class {
        AssetClass::Crypto => Decimal::new(1, limits::PRICE_SCALE_MAX),
        AssetClass::Equity if price.get() >= Decimal::ONE => Decimal::new(1, 2),
        AssetClass::Equity => Decimal::new(1, 4),
    }
}

/// `price` moved by `percent`, on the instrument's step, never beyond the exact value.
fn moved(instrument: &Instrument, price: Price, percent: Decimal) -> Price {
    let factor = Decimal::ONE + percent / Decimal::ONE_HUNDRED;
    let exact = price.get() * factor;
    let step = price_step(instrument, Price::new(exact));
    let steps = exact / step;
    let toward = if percent.is_sign_negative() {
        RoundingStrategy::ToPositiveInfinity
    } else {
        RoundingStrategy::ToNegativeInfinity
    };
    let whole = steps.round_dp_with_strategy(0, toward);
    let at = if whole.is_zero() { step } else { whole * step };
    Price::new(at.normalize())
}

/// Decides what is sent and what it holds. See DESIGN section 5: a market order goes out as a
/// limit at the collar; where that can't be, the notional or twice the collar is held.
fn price(
    view: &SleeveView,
    prices: &dyn Prices,
    id: InstrumentId,
    instrument: &Instrument,
    intent: &Intent,
) -> Result<Admission, Refusal> {
    let last = prices.last(id).map(|(price, _)| price);
    let need_last = || last.ok_or_else(|| Refusal::NoPrice { symbol: intent.symbol.clone() });
    let collar = match intent.side {
        Side::Buy => view.pricing.collar_pct,
        Side::Sell => -view.pricing.collar_pct,
    };
    let twice = collar + collar;
    let auction = matches!(intent.time_in_force, TimeInForce::Opg | TimeInForce::Cls);
    let bounded = view.pricing.market_as_limit && !auction && matches!(intent.size, Size::Qty(_));
    let (sent_type, worst_price) = match intent.order_type {
        OrderType::Market if bounded => {
            let limit_price = moved(instrument, need_last()?, collar);
            (OrderType::Limit { limit_price }, limit_price)
        }
        OrderType::Market => (OrderType::Market, moved(instrument, need_last()?, twice)),
        OrderType::Limit { limit_price } => (intent.order_type, limit_price),
        OrderType::StopLimit { limit_price, .. } => (intent.order_type, limit_price),
        OrderType::Stop { stop_price } if bounded && intent.side == Side::Buy => {
            let limit_price = moved(instrument, stop_price, collar);
            (OrderType::StopLimit { stop_price, limit_price }, limit_price)
        }
        OrderType::Stop { stop_price } => (intent.order_type, moved(instrument, stop_price, twice)),
    };
    let (qty, cost) = match intent.size {
        Size::Qty(qty) => (qty, worst_price.times(qty).map_err(|_| too_large(qty))?),
        Size::Notional(amount) => {
            let most = moved(instrument, need_last()?, -(twice.abs()));
            (notional_qty(amount, most), amount)
        }
    };
    let time_in_force = match (instrument.class, intent.time_in_force) {
        // Crypto never closes: the broker knows no day orders for it.
        (AssetClass::Crypto, TimeInForce::Day) => TimeInForce::Gtc,
        (_, other) => other,
    };
    let reserved = if intent.side == Side::Buy { cost } else { Money::ZERO };
    Ok(Admission {
        instrument: id,
        sent_type,
        time_in_force,
        worst_price,
        reserved,
        qty,
        decision_price: last,
    })
}

fn too_large(qty: Qty) -> Refusal {
    Refusal::InvalidQuantity {
        found: qty.get(),
        why: "its value has no exact amount in 28 digits".to_owned(),
    }
}

/// What `amount` buys at `price`, rounded up at nine places: the most that it can be.
fn notional_qty(amount: Money, price: Price) -> Qty {
    let qty = amount.get() / price.get();
    Qty::new(
        qty.round_dp_with_strategy(limits::QTY_SCALE_MAX, RoundingStrategy::ToPositiveInfinity),
    )
}

fn check_collar(view: &SleeveView, intent: &Intent, admission: &Admission) -> Result<(), Refusal> {
    let Some(percent) = view.controls.price_collar_pct else {
        return Ok(());
    };
    let Some(found) = intent.order_type.limit_price() else {
        return Ok(());
    };
    let Some(last) = admission.decision_price else {
        return Err(Refusal::NoPrice { symbol: intent.symbol.clone() });
    };
    let share = percent / Decimal::ONE_HUNDRED;
    let (allowed, beyond) = match intent.side {
        Side::Buy => {
            let allowed = Price::new(last.get() * (Decimal::ONE + share));
            (allowed, found > allowed)
        }
        Side::Sell => {
            let allowed = Price::new(last.get() * (Decimal::ONE - share));
            (allowed, found < allowed)
        }
    };
    if beyond {
        return Err(Refusal::PriceCollar { side: intent.side, found, allowed, last });
    }
    Ok(())
}

fn check_position(
    view: &SleeveView,
    buffered: &Buffered,
    intent: &Intent,
    admission: &Admission,
) -> Result<(), Refusal> {
    let id = admission.instrument;
    let position = view.position(id);
    if intent.side == Side::Sell {
        let owned = position.map_or(Qty::ZERO, |p| p.available);
        let free = owned - buffered.moved(id, Side::Sell);
        let available = if free.is_negative() { Qty::ZERO } else { free };
        if view.controls.long_only && admission.qty > available {
            let symbol = intent.symbol.clone();
            return Err(Refusal::LongOnly { symbol, found: admission.qty, available });
        }
        return Ok(());
    }
    let held = position.map_or(Qty::ZERO, |p| p.qty + p.buying);
    let could = held + buffered.moved(id, Side::Buy) + admission.qty;
    let refuse = |found: Decimal, allowed: Decimal, setting: &str| {
        let (symbol, setting) = (intent.symbol.clone(), setting.to_owned());
        Err(Refusal::MaxPosition { symbol, found, allowed, setting })
    };
    if let Some(allowed) = view.controls.max_position_qty
        && could > allowed
    {
        return refuse(could.get(), allowed.get(), "max_position_qty");
    }
    if let Some(allowed) = view.controls.max_position_notional {
        let value = admission.worst_price.value_of(could);
        if value > allowed {
            return refuse(value.get(), allowed.get(), "max_position_notional");
        }
    }
    Ok(())
}

fn check_notional(
    view: &SleeveView,
    intent: &Intent,
    admission: &Admission,
) -> Result<(), Refusal> {
    let Some(allowed) = view.controls.max_order_notional else {
        return Ok(());
    };
    let found = match intent.size {
        Size::Notional(amount) => amount,
        Size::Qty(qty) => {
            // A sale's worst price is its lowest: its value is measured at the last price.
            let at = match (intent.side, admission.decision_price) {
                (Side::Sell, Some(last)) => last.max(admission.worst_price),
                _ => admission.worst_price,
            };
            at.value_of(qty)
        }
    };
    if found > allowed {
        return Err(Refusal::MaxOrderNotional { found, allowed });
    }
    Ok(())
}
