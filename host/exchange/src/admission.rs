//! What an order must satisfy before it is taken: the shape of the request, the asset's rules, the account's rules.
//!
//! Reads only. The checks come in Alpaca's order: shape, client order id, asset, market rules; then wash trade,
//! quantity and buying power.

use rust_decimal::Decimal;

use crate::asset::{Asset, SymbolId};
use crate::calendar;
use crate::config::{Mode, Sessions};
use crate::exchange::Exchange;
use crate::ids::Id;
use crate::limits::{
    MAX_CLIENT_ID, MAX_NOTIONAL, MAX_OPEN_ORDERS, MAX_ORDERS, MAX_PRICE, MAX_PRICE_SCALE, MAX_QTY,
    MAX_QTY_SCALE,
};
use crate::matching::is_sound_price;
use crate::order::{NewOrder, Order, OrderType, Side, TimeInForce};
use crate::reject::Reject;
use crate::time::{HOUR, MINUTE};

impl Exchange {
    /// The checks that need no look at positions, cash or other orders; gives the symbol.
    pub(crate) fn check_request(&self, new: &NewOrder) -> Result<SymbolId, Reject> {
        check_shape(new)?;
        if let Some(id) = &new.client_order_id {
            if id.chars().count() > MAX_CLIENT_ID {
                return Err(Reject::ClientIdTooLong);
            }
            if self.handle_of_client_id(id).is_some() {
                return Err(Reject::DuplicateClientId);
            }
        }
        let not_found = || Reject::AssetNotFound { symbol: new.symbol.chars().take(40).collect() };
        let symbol = self.symbol_id(&new.symbol).ok_or_else(not_found)?;
        let asset = &self.s.slots[symbol.index()].asset;
        if !asset.active {
            return Err(Reject::NotActive { symbol: asset.symbol.to_string() });
        }
        if !asset.tradable {
            return Err(Reject::NotTradable { symbol: asset.symbol.to_string() });
        }
        if self.s.config.check_tick {
            check_tick("limit_price", new.limit_price, asset)?;
            check_tick("stop_price", new.stop_price, asset)?;
        }
        if self.s.config.mode == Mode::Paper {
            self.check_market_rules(new, asset)?;
        }
        if self.open.len() >= MAX_OPEN_ORDERS || self.s.orders.len() >= MAX_ORDERS {
            return Err(Reject::TooManyOrders { open: self.open.len() });
        }
        Ok(symbol)
    }

    fn check_market_rules(&self, new: &NewOrder, asset: &Asset) -> Result<(), Reject> {
        if asset.is_crypto() {
            return check_crypto(new, asset);
        }
        let fractional =
            new.notional.is_some() || new.qty.is_some_and(|qty| !qty.fract().is_zero());
        if fractional && !asset.fractionable {
            return Err(Reject::NotFractionable { symbol: asset.symbol.to_string() });
        }
        if fractional && new.time_in_force != TimeInForce::Day {
            return Err(Reject::FractionalTif);
        }
        if new.notional.is_some() && new.order_type != OrderType::Market {
            return Err(Reject::NotionalType);
        }
        let waits = matches!(new.time_in_force, TimeInForce::Day | TimeInForce::Gtc);
        if new.extended_hours && (new.order_type != OrderType::Limit || !waits) {
            return Err(Reject::ExtendedHours);
        }
        if self.s.config.sessions == Sessions::Calendar {
            self.check_auction(new.time_in_force)?;
        }
        Ok(())
    }

    /// Opening orders are taken until 9:28, closing orders until ten minutes before the close; both again from 19:00.
    fn check_auction(&self, tif: TimeInForce) -> Result<(), Reject> {
        let now = self.s.now;
        let Some(session) = calendar::session(now.new_york_date()) else {
            return Ok(());
        };
        let from = match tif {
            TimeInForce::Opg => session.open.plus(-2 * MINUTE),
            TimeInForce::Cls => session.close.plus(-10 * MINUTE),
            _ => return Ok(()),
        };
        let until = session.date.midnight_utc().plus(19 * HOUR - now.new_york_offset());
        if now >= from && now < until { Err(Reject::AuctionWindow { tif }) } else { Ok(()) }
    }

    /// The account's rules. `instead` is an open order that the new one takes the place of. Gives the price at which
    /// the order holds buying power, zero where it holds none.
    pub(crate) fn check_account(
        &self,
        new: &NewOrder,
        symbol: SymbolId,
        instead: Option<u32>,
    ) -> Result<Decimal, Reject> {
        let config = &self.s.config;
        if config.mode == Mode::Paper {
            self.check_stop_side(new, symbol)?;
        }
        if config.check_wash_trade {
            self.check_wash_trade(new, symbol, instead)?;
        }
        let price = self.hold_price(new, symbol);
        let qty = self.expected_qty(new, symbol);
        if config.check_quantity {
            self.check_quantity(new, symbol, qty, instead)?;
        }
        let position = self.s.slots[symbol.index()].position.qty;
        let opens = match new.side {
            Side::Buy => position >= Decimal::ZERO || qty > -position,
            Side::Sell => position <= Decimal::ZERO,
        };
        if !opens {
            return Ok(Decimal::ZERO);
        }
        let cost_basis = new.notional.unwrap_or(qty * price);
        if config.check_buying_power {
            let crypto = self.s.slots[symbol.index()].asset.is_crypto();
            let power = self.buying_power(instead, crypto);
            if cost_basis > power {
                return Err(Reject::BuyingPower {
                    buying_power: power,
                    cost_basis: cost_basis.round_dp(2),
                });
            }
        }
        Ok(price)
    }

    fn check_stop_side(&self, new: &NewOrder, symbol: SymbolId) -> Result<(), Reject> {
        let Some((stop_price, market_price)) =
            new.stop_price.zip(self.present_price(symbol, new.side))
        else {
            return Ok(());
        };
        let buy = new.side == Side::Buy;
        let beyond = if buy { stop_price > market_price } else { stop_price < market_price };
        if beyond { Ok(()) } else { Err(Reject::StopSide { buy, market_price, stop_price }) }
    }

    /// Alpaca's table: a resting market or stop order refuses every opposite order, a resting limit order refuses
    /// opposite market and stop orders and the limit orders that could trade with it.
    fn check_wash_trade(
        &self,
        new: &NewOrder,
        symbol: SymbolId,
        instead: Option<u32>,
    ) -> Result<(), Reject> {
        for &index in &self.s.slots[symbol.index()].open {
            let resting = &self.s.orders[index as usize];
            if resting.side == new.side || instead == Some(index) {
                continue;
            }
            let limits = |t: OrderType| matches!(t, OrderType::Limit | OrderType::StopLimit);
            let market_or_stop = !limits(resting.order_type);
            let apart = match (resting.limit_price, new.limit_price, new.side) {
                (Some(sell), Some(buy), Side::Buy) | (Some(buy), Some(sell), Side::Sell) => {
                    buy < sell
                }
                _ => false,
            };
            if market_or_stop || !limits(new.order_type) || !apart {
                return Err(Reject::WashTrade { existing: resting.id, market_or_stop });
            }
        }
        Ok(())
    }

    /// A sell needs free shares, a buy that covers needs free short shares; none crosses zero.
    fn check_quantity(
        &self,
        new: &NewOrder,
        symbol: SymbolId,
        qty: Decimal,
        instead: Option<u32>,
    ) -> Result<(), Reject> {
        let slot = &self.s.slots[symbol.index()];
        let existing = slot.position.qty;
        let toward_zero = match new.side {
            Side::Buy => existing < Decimal::ZERO,
            Side::Sell => existing > Decimal::ZERO,
        };
        if !toward_zero {
            return if new.side == Side::Sell { self.check_short(qty, symbol) } else { Ok(()) };
        }
        let (held, related) = self.held(symbol, new.side, instead);
        let available = (existing.abs() - held).max(Decimal::ZERO);
        if qty <= available {
            return Ok(());
        }
        let coin = slot.asset.symbol.split('/').next().unwrap_or_default();
        if slot.asset.is_crypto() {
            return Err(Reject::Balance {
                coin: coin.to_owned(),
                requested: qty,
                available,
                balance: existing,
            });
        }
        let symbol = slot.asset.symbol.to_string();
        Err(Reject::Quantity { symbol, requested: qty, available, existing, held, related })
    }

    fn check_short(&self, qty: Decimal, symbol: SymbolId) -> Result<(), Reject> {
        let asset = &self.s.slots[symbol.index()].asset;
        if asset.is_crypto() {
            let coin = asset.symbol.split('/').next().unwrap_or_default().to_owned();
            return Err(Reject::Balance {
                coin,
                requested: qty,
                available: Decimal::ZERO,
                balance: Decimal::ZERO,
            });
        }
        if !self.s.config.shorting {
            return Err(Reject::ShortNotAllowed);
        }
        if !asset.shortable {
            return Err(Reject::NotShortable { symbol: asset.symbol.to_string() });
        }
        if qty.fract().is_zero() { Ok(()) } else { Err(Reject::FractionalShort) }
    }

    /// What open orders of a side hold of a position, and which orders these are.
    pub(crate) fn held(
        &self,
        symbol: SymbolId,
        side: Side,
        instead: Option<u32>,
    ) -> (Decimal, Vec<Id>) {
        let mut held = Decimal::ZERO;
        let mut related = Vec::new();
        for &index in &self.s.slots[symbol.index()].open {
            let order = &self.s.orders[index as usize];
            if order.side == side && instead != Some(index) {
                held += order.remaining().unwrap_or_else(|| self.notional_qty(order));
                related.push(order.id);
            }
        }
        (held, related)
    }

    /// Shares that an open notional order stands for at the present price; zero where there is none.
    fn notional_qty(&self, order: &Order) -> Decimal {
        let left = order.notional.unwrap_or_default() - order.filled_value;
        let last = self.s.slots[order.symbol_id.index()].last;
        left.checked_div(last).unwrap_or_default().round_dp(MAX_QTY_SCALE)
    }

    fn expected_qty(&self, new: &NewOrder, symbol: SymbolId) -> Decimal {
        let price = || new.limit_price.or_else(|| self.price(symbol, new.side));
        match (new.qty, new.notional) {
            (Some(qty), _) => qty,
            (None, Some(notional)) => price()
                .and_then(|p| notional.checked_div(p))
                .unwrap_or_default()
                .round_dp(MAX_QTY_SCALE),
            (None, None) => Decimal::ZERO,
        }
    }

    /// The worst price the order is taken to trade at: its limit, or a collar above stop or price (4 % below 50 dollars,
    /// 2.5 % from there on); for a short sale at least 3 % above the price. Zero where no price is known.
    fn hold_price(&self, new: &NewOrder, symbol: SymbolId) -> Decimal {
        let now = self.price(symbol, Side::Buy).unwrap_or_default();
        if new.side == Side::Sell {
            let raised = now * Decimal::new(103, 2);
            return new.limit_price.unwrap_or_default().max(raised).round_dp(4);
        }
        if let Some(limit) = new.limit_price {
            return limit;
        }
        let base = new.stop_price.unwrap_or(now);
        let collar =
            if base < Decimal::from(50) { Decimal::new(104, 2) } else { Decimal::new(1025, 3) };
        (base * collar).round_dp(4)
    }

    /// The latest price on a side of the market: the quote's, or the last one where that is newer.
    pub(crate) fn price(&self, symbol: SymbolId, side: Side) -> Option<Decimal> {
        let slot = &self.s.slots[symbol.index()];
        let quoted = match side {
            Side::Buy => slot.ask,
            Side::Sell => slot.bid,
        };
        let price = if quoted > Decimal::ZERO && slot.quote_at >= slot.last_at {
            quoted
        } else {
            slot.last
        };
        is_sound_price(price).then_some(price)
    }

    /// The same, only where it is of the session that is open now: what an order can trade at on the spot.
    pub(crate) fn present_price(&self, symbol: SymbolId, side: Side) -> Option<Decimal> {
        let slot = &self.s.slots[symbol.index()];
        if self.has_sessions(symbol) {
            let session = calendar::session(self.s.now.new_york_date())?;
            let open =
                if self.s.now >= session.open { session.open } else { session.extended_open() };
            if slot.last_at.max(slot.quote_at) < open {
                return None;
            }
        }
        self.price(symbol, side)
    }
}

fn check_shape(new: &NewOrder) -> Result<(), Reject> {
    match (new.qty, new.notional) {
        (None, None) => return Err(Reject::QtyOrNotional),
        (Some(_), Some(_)) => return Err(Reject::QtyAndNotional),
        (Some(qty), None) if qty <= Decimal::ZERO => return Err(Reject::QtyNotPositive),
        (Some(qty), None) if qty > MAX_QTY || qty.normalize().scale() > MAX_QTY_SCALE => {
            return Err(Reject::Unreadable { field: "qty", value: qty });
        }
        (None, Some(notional)) if notional < Decimal::ONE => return Err(Reject::NotionalTooSmall),
        (None, Some(notional)) if notional > MAX_NOTIONAL => {
            return Err(Reject::Unreadable { field: "notional", value: notional });
        }
        (None, Some(notional)) if notional.normalize().scale() > 2 => {
            return Err(Reject::NotionalDecimals);
        }
        _ => {}
    }
    let kind = new.order_type;
    let limit = matches!(kind, OrderType::Limit | OrderType::StopLimit);
    let stop = matches!(kind, OrderType::Stop | OrderType::StopLimit);
    check_price("limit_price", new.limit_price, limit, Reject::MissingLimit, kind)?;
    check_price("stop_price", new.stop_price, stop, Reject::MissingStop, kind)?;
    if stop && !matches!(new.time_in_force, TimeInForce::Day | TimeInForce::Gtc) {
        return Err(Reject::StopTif);
    }
    Ok(())
}

fn check_price(
    field: &'static str,
    price: Option<Decimal>,
    wanted: bool,
    missing: Reject,
    kind: OrderType,
) -> Result<(), Reject> {
    match price {
        None if wanted => Err(missing),
        None => Ok(()),
        Some(_) if !wanted => Err(Reject::NeedlessPrice { order_type: kind.as_str(), field }),
        Some(price) if price <= Decimal::ZERO => Err(Reject::PriceNotPositive { field }),
        Some(value) if value > MAX_PRICE || value.normalize().scale() > MAX_PRICE_SCALE => {
            Err(Reject::Unreadable { field, value })
        }
        Some(_) => Ok(()),
    }
}

/// Stocks: two decimals from one dollar on, four below. Crypto: multiples of the asset's tick.
fn check_tick(field: &'static str, price: Option<Decimal>, asset: &Asset) -> Result<(), Reject> {
    let Some(price) = price else { return Ok(()) };
    let fits = if asset.is_crypto() {
        price.checked_rem(asset.price_increment).is_none_or(|rest| rest.is_zero())
    } else {
        price.normalize().scale() <= if price >= Decimal::ONE { 2 } else { 4 }
    };
    if fits { Ok(()) } else { Err(Reject::SubPenny { field, price }) }
}

/// Crypto orders: market, limit, stop-limit; gtc or ioc; in steps; at least ten dollars where the price is given.
fn check_crypto(new: &NewOrder, asset: &Asset) -> Result<(), Reject> {
    if new.order_type == OrderType::Stop {
        return Err(Reject::CryptoType);
    }
    if !matches!(new.time_in_force, TimeInForce::Gtc | TimeInForce::Ioc) {
        return Err(Reject::CryptoTif);
    }
    if new.extended_hours {
        return Err(Reject::ExtendedHours);
    }
    if let Some(qty) = new.qty {
        let steps = qty.checked_rem(asset.min_trade_increment).is_none_or(|rest| rest.is_zero());
        if qty < asset.min_order_size || !steps {
            return Err(Reject::CryptoIncrement {
                min: asset.min_order_size,
                increment: asset.min_trade_increment,
            });
        }
    }
    let minimum = Decimal::TEN;
    let cost =
        new.notional.or_else(|| new.qty.zip(new.limit_price).map(|(qty, price)| qty * price));
    if new.side == Side::Buy && cost.is_some_and(|cost| cost < minimum) {
        return Err(Reject::CostBasis { minimum });
    }
    Ok(())
}
