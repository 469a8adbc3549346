//! Values across the border: the core's types and the contract's.
//!
//! Outward, a number that does not fit loses decimal places toward zero, never more. Inward,
//! nothing is lost: a decimal is taken exactly or refused.

use rust_decimal::Decimal;
use stockade_core::instrument::AssetClass;
use stockade_core::market::{Bar, Quote, Trade};
use stockade_core::order::{OrderStatus, OrderType, Side, TimeInForce};
use stockade_core::{Price, Timestamp};

use crate::contract::{actions, types as wit};
use crate::events::{ActionEvent, ActionKind, SessionEvent, SessionKind};

/// Decimal places of the contract's decimal.
const SCALE_MAX: u32 = 18;

/// For the bot.
pub(crate) fn decimal_out(value: Decimal) -> wit::Decimal {
    let (mut mantissa, mut scale) = (value.mantissa(), value.scale());
    loop {
        if scale <= SCALE_MAX
            && let (Ok(mantissa), Ok(scale)) = (i64::try_from(mantissa), u8::try_from(scale))
        {
            return wit::Decimal { mantissa, scale };
        }
        if scale == 0 {
            let mantissa = if mantissa < 0 { i64::MIN } else { i64::MAX };
            return wit::Decimal { mantissa, scale: 0 };
        }
        mantissa /= 10;
        scale -= 1;
    }
}

/// From the bot, exactly. `Err` says why not.
pub(crate) fn decimal_in(value: wit::Decimal) -> Result<Decimal, String> {
    let scale = u32::from(value.scale);
    if scale > SCALE_MAX {
        return Err(format!("its scale is {scale}, at most {SCALE_MAX} is allowed"));
    }
    Ok(Decimal::new(value.mantissa, scale).normalize())
}

/// Numbers as multiples of the smallest unit that one of them needs, or the next larger ones where
/// a multiple does not fit.
fn at_common_scale<const N: usize>(values: [Decimal; N]) -> (u8, [i64; N]) {
    let mut scale = values.iter().map(Decimal::scale).max().unwrap_or(0).min(SCALE_MAX);
    loop {
        let units = values.map(|value| units(value, scale));
        if scale == 0 || units.iter().all(Option::is_some) {
            let most = |value: Decimal| {
                if value.is_sign_negative() { i64::MIN } else { i64::MAX }
            };
            let mut out = values.map(most);
            for (out, units) in out.iter_mut().zip(units) {
                *out = units.unwrap_or(*out);
            }
            return (u8::try_from(scale).unwrap_or_default(), out);
        }
        scale -= 1;
    }
}

/// `value` · 10^`scale` without its fraction; `None` beyond 64 bits.
fn units(value: Decimal, scale: u32) -> Option<i64> {
    let (mantissa, own) = (value.mantissa(), value.scale());
    if own == scale {
        return i64::try_from(mantissa).ok();
    }
    if own > scale {
        return i64::try_from(mantissa / 10_i128.checked_pow(own - scale)?).ok();
    }
    let factor = 10_i128.checked_pow(scale - own)?;
    i64::try_from(mantissa.checked_mul(factor)?).ok()
}

pub(crate) fn bar_out(bar: &Bar, instrument: u32) -> wit::Bar {
    let prices = [bar.open, bar.high, bar.low, bar.close].map(Price::get);
    let (price_scale, [open, high, low, close]) = at_common_scale(prices);
    let (volume_scale, [volume]) = at_common_scale([bar.volume.get()]);
    wit::Bar { at: bar.at.0, instrument, price_scale, volume_scale, open, high, low, close, volume }
}

pub(crate) fn quote_out(quote: &Quote, instrument: u32) -> wit::Quote {
    let (price_scale, [bid, ask]) = at_common_scale([quote.bid.get(), quote.ask.get()]);
    let (size_scale, [bid_size, ask_size]) =
        at_common_scale([quote.bid_size.get(), quote.ask_size.get()]);
    wit::Quote { at: quote.at.0, instrument, price_scale, size_scale, bid, bid_size, ask, ask_size }
}

pub(crate) fn trade_out(trade: &Trade, instrument: u32) -> wit::Trade {
    let (price_scale, [price]) = at_common_scale([trade.price.get()]);
    let (size_scale, [size]) = at_common_scale([trade.size.get()]);
    wit::Trade { at: trade.at.0, instrument, price_scale, size_scale, price, size }
}

pub(crate) const fn timer_out(at: Timestamp) -> wit::TimerEvent {
    wit::TimerEvent { at: at.0 }
}

pub(crate) const fn session_out(event: &SessionEvent) -> wit::SessionEvent {
    let kind = match event.kind {
        SessionKind::Open => wit::SessionKind::Open,
        SessionKind::Close => wit::SessionKind::Close,
    };
    wit::SessionEvent { at: event.at.0, kind, day: event.day }
}

pub(crate) fn action_out(event: &ActionEvent, instrument: u32) -> actions::ActionEvent {
    let kind = match event.kind {
        ActionKind::Split => actions::ActionKind::Split,
        ActionKind::Dividend => actions::ActionKind::Dividend,
        ActionKind::SymbolChange => actions::ActionKind::SymbolChange,
        ActionKind::Other => actions::ActionKind::Other,
    };
    actions::ActionEvent {
        at: event.at.0,
        instrument,
        kind,
        ratio_new: decimal_out(event.ratio_new),
        ratio_old: decimal_out(event.ratio_old),
        amount: decimal_out(event.amount.get()),
        symbol: event.symbol.as_ref().map(ToString::to_string),
    }
}

pub(crate) const fn side_out(side: Side) -> wit::Side {
    match side {
        Side::Buy => wit::Side::Buy,
        Side::Sell => wit::Side::Sell,
    }
}

pub(crate) const fn side_in(side: wit::Side) -> Side {
    match side {
        wit::Side::Buy => Side::Buy,
        wit::Side::Sell => Side::Sell,
    }
}

pub(crate) const fn class_out(class: AssetClass) -> wit::AssetClass {
    match class {
        AssetClass::Equity => wit::AssetClass::Equity,
        AssetClass::Crypto => wit::AssetClass::Crypto,
    }
}

pub(crate) const fn time_in_force_in(value: wit::TimeInForce) -> TimeInForce {
    match value {
        wit::TimeInForce::Day => TimeInForce::Day,
        wit::TimeInForce::Gtc => TimeInForce::Gtc,
        wit::TimeInForce::Ioc => TimeInForce::Ioc,
        wit::TimeInForce::Fok => TimeInForce::Fok,
        wit::TimeInForce::Opg => TimeInForce::Opg,
        wit::TimeInForce::Cls => TimeInForce::Cls,
    }
}

pub(crate) fn order_type_out(value: OrderType) -> wit::OrderType {
    let price = |p: Price| decimal_out(p.get());
    match value {
        OrderType::Market => wit::OrderType::Market,
        OrderType::Limit { limit_price } => wit::OrderType::Limit(price(limit_price)),
        OrderType::Stop { stop_price } => wit::OrderType::Stop(price(stop_price)),
        OrderType::StopLimit { stop_price, limit_price } => {
            let (stop, limit) = (price(stop_price), price(limit_price));
            wit::OrderType::StopLimit(wit::StopLimitPrices { stop, limit })
        }
    }
}

/// `None` is an order that the host refused.
pub(crate) const fn status_out(status: Option<OrderStatus>) -> wit::OrderStatus {
    match status {
        None => wit::OrderStatus::Refused,
        Some(OrderStatus::Accepted) => wit::OrderStatus::Accepted,
        Some(OrderStatus::Sending) => wit::OrderStatus::Sending,
        Some(OrderStatus::Unknown) => wit::OrderStatus::Unknown,
        Some(OrderStatus::Acknowledged) => wit::OrderStatus::Acknowledged,
        Some(OrderStatus::PartiallyFilled) => wit::OrderStatus::PartiallyFilled,
        Some(OrderStatus::Filled) => wit::OrderStatus::Filled,
        Some(OrderStatus::Canceled) => wit::OrderStatus::Canceled,
        Some(OrderStatus::Expired) => wit::OrderStatus::Expired,
        Some(OrderStatus::Rejected) => wit::OrderStatus::Rejected,
        Some(OrderStatus::Replaced) => wit::OrderStatus::Replaced,
        Some(OrderStatus::Abandoned) => wit::OrderStatus::Abandoned,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_fit_is_rounded_toward_zero() {
        let out = |text: &str| {
            let d = decimal_out(text.parse().unwrap());
            (d.mantissa, d.scale)
        };
        assert_eq!(out("12.5"), (125, 1));
        assert_eq!(out("-12345678901.12345678999"), (-1_234_567_890_112_345_678, 8));
        assert_eq!(out("0.0000000000000000000999"), (0, 18));
        assert_eq!(out("79228162514264337593543950335"), (i64::MAX, 0));
        assert_eq!(out("-79228162514264337593543950335"), (i64::MIN, 0));
    }

    #[test]
    fn numbers_of_one_event_share_a_scale() {
        let out = |texts: [&str; 2]| at_common_scale(texts.map(|text| text.parse().unwrap()));
        assert_eq!(out(["150", "150.25"]), (2, [15_000, 15_025]));
        assert_eq!(out(["-0.5", "0.50"]), (2, [-50, 50]));
        // The larger number takes decimal places from the smaller, toward zero.
        assert_eq!(out(["9223372036854775.5", "0.00019"]), (3, [9_223_372_036_854_775_500, 0]));
        assert_eq!(out(["79228162514264337593543950335", "-1.5"]), (0, [i64::MAX, -1]));
        assert_eq!(out(["0.0000000000000000000999", "0"]), (18, [0, 0]));
    }

    proptest! {
        #[test]
        fn a_common_scale_loses_nothing_that_fits(a: i64, b: i64, x in 0_u32..=9, y in 0_u32..=9) {
            let (a, b) = (a >> 32, b >> 32);
            let values = [Decimal::new(a, x), Decimal::new(b, y)];
            let (scale, units) = at_common_scale(values);
            prop_assert_eq!(units.map(|unit| Decimal::new(unit, u32::from(scale))), values);
        }

        #[test]
        fn every_decimal_of_the_contract_is_taken_exactly_or_refused(mantissa: i64, scale: u8) {
            match decimal_in(wit::Decimal { mantissa, scale }) {
                Ok(value) => {
                    prop_assert!(scale <= 18);
                    let back = decimal_out(value);
                    let missing = u32::from(scale - back.scale);
                    let grown = i128::from(back.mantissa) * 10_i128.pow(missing);
                    prop_assert_eq!(grown, i128::from(mantissa));
                }
                Err(why) => {
                    prop_assert!(scale > 18);
                    prop_assert!(why.contains(&scale.to_string()));
                }
            }
        }
    }
}
