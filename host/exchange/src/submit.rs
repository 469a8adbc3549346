//! Taking orders: from an admitted request to an order at work, its first status and its deadlines.
//!
//! Whether a request is admitted is decided in `admission`.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::asset::SymbolId;
use crate::calendar;
use crate::config::Mode;
use crate::exchange::Exchange;
use crate::ids::Id;
use crate::matching::meet_price;
use crate::order::{EventKind, NewOrder, Order, OrderStatus, TimeInForce};
use crate::reject::Reject;
use crate::time::{DAY, Nanos};

/// Days after which an order that is good till cancelled ends all the same, as at Alpaca.
const GTC_DAYS: i64 = 90;

impl Exchange {
    /// Takes an order or refuses it; nothing changes where it is refused. The answer shows the order as accepted, before any
    /// match; what happens then comes as events, in paper mode possibly already when this returns.
    ///
    /// # Errors
    /// The refusal that Alpaca would give.
    pub fn submit(&mut self, new: NewOrder, at: Nanos) -> Result<Order, Reject> {
        self.roll(at);
        let symbol = self.check_request(&new)?;
        let hold_price = self.check_account(&new, symbol, None)?;
        let index = self.place(new, symbol, hold_price, None);
        let mut answer = self.s.orders[index as usize].clone();
        if self.s.config.mode == Mode::Paper && answer.status == OrderStatus::New {
            answer.status = OrderStatus::PendingNew;
        }
        self.start(index);
        Ok(answer)
    }

    /// Writes an order that was checked; it does nothing before [`Exchange::start`].
    pub(crate) fn place(
        &mut self,
        new: NewOrder,
        symbol: SymbolId,
        hold_price: Decimal,
        replaces: Option<Id>,
    ) -> u32 {
        // `check_request` keeps the number of orders below the limit.
        let index = u32::try_from(self.s.orders.len()).unwrap_or(u32::MAX);
        let (id, client) = (self.s.ids.next(), self.s.ids.next());
        let client_order_id: Arc<str> =
            new.client_order_id.unwrap_or_else(|| client.to_string()).into();
        let now = self.s.now;
        let (status, release_at, expires_at) =
            self.times(symbol, new.time_in_force, new.extended_hours);
        let asset = &self.s.slots[symbol.index()].asset;
        self.s.orders.push(Order {
            id,
            client_order_id,
            seq: u64::from(index),
            symbol_id: symbol,
            symbol: Arc::clone(&asset.symbol),
            asset_id: asset.id,
            asset_class: asset.class,
            qty: new.qty,
            notional: new.notional,
            filled_qty: Decimal::ZERO,
            filled_avg_price: None,
            order_type: new.order_type,
            side: new.side,
            time_in_force: new.time_in_force,
            limit_price: new.limit_price,
            stop_price: new.stop_price,
            extended_hours: new.extended_hours,
            status,
            created_at: now,
            updated_at: now,
            submitted_at: now,
            filled_at: None,
            expired_at: None,
            canceled_at: None,
            failed_at: None,
            replaced_at: None,
            expires_at,
            replaced_by: None,
            replaces,
            filled_value: Decimal::ZERO,
            hold_price,
            triggered: false,
            partial_drawn: false,
            release_at,
            cancel_after_tick: false,
        });
        self.note(index);
        index
    }

    /// Puts a placed order to work: announces it and, in paper mode, lets it trade at the present price.
    pub(crate) fn start(&mut self, index: u32) {
        self.track(index);
        let order = &self.s.orders[index as usize];
        let (symbol, side, now) = (order.symbol_id, order.side, self.s.now);
        let waits = order.status == OrderStatus::Accepted;
        let closing = order.time_in_force == TimeInForce::Cls && self.has_sessions(symbol);
        self.emit(if waits { EventKind::Accepted } else { EventKind::New }, index, now);
        if waits || closing || self.s.config.mode == Mode::Reference {
            return;
        }
        let Some(price) = self.present_price(symbol, side) else {
            return;
        };
        let met = meet_price(&self.s.orders[index as usize], price);
        self.execute(index, met, now);
        let order = &self.s.orders[index as usize];
        if matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
            && !order.status.is_final()
        {
            self.end_order(index, OrderStatus::Canceled, now);
        }
    }

    /// An order's first status, when it goes to work where it has to wait, and when it expires.
    fn times(
        &mut self,
        symbol: SymbolId,
        tif: TimeInForce,
        extended: bool,
    ) -> (OrderStatus, Option<Nanos>, Option<Nanos>) {
        let now = self.s.now;
        let first = if self.s.closed { OrderStatus::Accepted } else { OrderStatus::New };
        if self.s.config.mode == Mode::Reference {
            return (first, None, None);
        }
        let gtc_end = Some(now.plus(GTC_DAYS * DAY)).filter(|_| tif == TimeInForce::Gtc);
        if !self.has_sessions(symbol) {
            return (
                first,
                None,
                if tif == TimeInForce::Day { Some(self.s.day_end) } else { gtc_end },
            );
        }
        if tif == TimeInForce::Opg {
            let session = calendar::next_open(now);
            return (OrderStatus::Accepted, Some(session.open), Some(session.close));
        }
        let today =
            calendar::session(now.new_york_date()).filter(|s| extended && now < s.extended_close());
        let session = today.unwrap_or_else(|| self.session_from(now));
        let (opens, closes) = if extended {
            (session.extended_open(), session.extended_close())
        } else {
            (session.open, session.close)
        };
        let expires = if tif == TimeInForce::Gtc { gtc_end } else { Some(closes) };
        if now >= opens {
            (first, None, expires)
        } else {
            (OrderStatus::Accepted, Some(opens), expires)
        }
    }
}
