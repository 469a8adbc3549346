//! Intents: the desk's own look at what bots and people ask for.

use super::effect::{Action, Effects, OrderUpdate};
use super::event::{BotRequest, IntentBatch};
use super::state::{Desk, Sleeve};
use crate::bug::{self, Bug};
use crate::decimal::{Money, Price, Qty};
use crate::id::{IntentId, OrderId, SleeveId, Slug};
use crate::instrument::AssetClass;
use crate::ledger::{LotMethod, LotSide};
use crate::order::{Intent, OrderStatus, OrderType, Side, Size};
use crate::risk::{Refusal, TradingState};
use crate::row::{BotEventRow, BotState, RefusalRow, Row, SnapshotRow};
use crate::sleeve::{
    Admission, Buffered, OrderView, PositionView, Prices, Pricing, SleeveView, admit,
};

/// The collar where no control names one, in percent.
const COLLAR_DEFAULT_PCT: u32 = 5;

/// What an order leaves to the one in its place, while that one is admitted.
struct GivenBack {
    sleeve: SleeveId,
    side: Side,
    instrument: crate::InstrumentId,
    qty: Qty,
    cash: Money,
}

impl Desk {
    /// A picture of a sleeve, for a handler call or for a check. `None` for an unknown sleeve.
    #[must_use]
    pub fn view(&self, id: SleeveId) -> Option<SleeveView> {
        let sleeve = self.sleeves.get(&id)?;
        let (state, state_reason) = self.trading_state(&sleeve.row);
        let controls = sleeve.controls(&self.account.controls).clone();
        let collar_pct = controls.price_collar_pct.unwrap_or_else(|| COLLAR_DEFAULT_PCT.into());
        let position =
            |(id, holding): (&crate::InstrumentId, &crate::ledger::Holding)| PositionView {
                instrument: *id,
                qty: holding.qty,
                available: holding.available(),
                cost: holding.cost,
                buying: holding.buying,
            };
        Some(SleeveView {
            sleeve: id,
            name: sleeve.scope.clone(),
            version: sleeve.version,
            cash: sleeve.row.cash,
            reserved: sleeve.row.reserved,
            positions: sleeve.holdings.iter().map(position).collect(),
            orders: sleeve.open.iter().map(|id| self.order_view(*id)).collect(),
            state,
            state_reason,
            controls,
            pricing: Pricing { collar_pct, market_as_limit: self.settings.market_as_limit },
            next_intent: sleeve.row.next_intent,
            accepted: sleeve.accepted.iter().copied().collect(),
        })
    }

    fn order_view(&self, id: OrderId) -> OrderView {
        let order = &self.orders[&id];
        let qty = match order.size {
            Size::Qty(qty) => qty,
            Size::Notional(_) => order.filled_qty + super::orders::open_qty(order),
        };
        OrderView {
            intent_id: order.intent_id,
            instrument: self.by_symbol[&order.symbol],
            side: order.side,
            qty,
            filled: order.filled_qty,
            order_type: order.order_type,
            status: order.status,
        }
    }

    /// Changes whenever what [`Desk::view`] shows of a sleeve changes.
    #[must_use]
    pub fn view_version(&self, id: SleeveId) -> u64 {
        self.sleeves.get(&id).map_or(0, |sleeve| sleeve.version)
    }

    /// Every control, in one place: the pure admission first, then what needs the whole account.
    pub(super) fn check(&mut self, id: SleeveId, intent: &Intent) -> Result<Admission, Refusal> {
        let scope = |name: &Slug| format!("sleeve {name}");
        if self.refused || !self.account.has_broker {
            let why = if self.refused { "this host must not trade it" } else { "it has no broker" };
            return Err(Refusal::NotAllowed {
                what: "account".to_owned(),
                name: self.account.label.to_string(),
                why: why.to_owned(),
            });
        }
        if !self.is_ready() {
            let why = if self.stream_up {
                "the account is being compared"
            } else {
                "the account stream is down"
            };
            return Err(Refusal::Reconciling { why: why.to_owned() });
        }
        self.day_start(id);
        let view = self
            .view(id)
            .ok_or_else(|| Refusal::NotFound { what: "sleeve".to_owned(), name: id.to_string() })?;
        let admission = admit(&view, self, self.now.market, &Buffered::default(), intent)?;
        if let Some(break_id) = self.frozen_by(&intent.symbol) {
            let symbol = intent.symbol.clone();
            return Err(Refusal::SymbolFrozen { symbol, break_id: break_id.0 });
        }
        self.check_lot(id, intent, admission.qty)?;
        if intent.side == Side::Buy {
            self.check_suspense(intent, &admission)?;
        }
        self.check_market(&view, intent, &admission)?;
        self.check_duplicate(id, &view, intent)?;
        if let Some(allowed) = view.controls.daily_loss
            && intent.side == Side::Buy
        {
            let found = self.lost_today(id);
            if found >= allowed {
                return Err(Refusal::DailyLoss { found, allowed });
            }
        }
        if view.state == TradingState::Reducing && intent.side == Side::Buy {
            return Err(Refusal::Reducing {
                scope: scope(&self.sleeves[&id].row.name),
                why: view.state_reason,
            });
        }
        if view.controls.opposite_order_open && !bug::is(Bug::OppositeOff) {
            self.check_opposite(id, intent, &admission)?;
        }
        Ok(admission)
    }

    /// While shares of a symbol belong to nobody, nobody's books of it are sure (I10).
    fn check_suspense(&self, intent: &Intent, admission: &Admission) -> Result<(), Refusal> {
        let suspense = &self.sleeves[&SleeveId::SUSPENSE].holdings;
        let qty = suspense.get(&admission.instrument).map_or(Qty::ZERO, |h| h.qty);
        if qty.is_zero() {
            return Ok(());
        }
        let symbol = intent.symbol.clone();
        Err(Refusal::Suspense { symbol, qty })
    }

    fn check_market(
        &self,
        view: &SleeveView,
        intent: &Intent,
        admission: &Admission,
    ) -> Result<(), Refusal> {
        let symbol = || intent.symbol.clone();
        let class = self.instruments[admission.instrument.index()].class;
        let waits =
            matches!(intent.time_in_force, crate::order::TimeInForce::Opg) || intent.extended_hours;
        let closed = class == AssetClass::Equity && !self.is_session_open();
        if view.controls.market_hours && closed && !waits {
            return Err(Refusal::MarketClosed { symbol: symbol() });
        }
        let Some(allowed_ms) = view.controls.stale_price_ms else {
            return Ok(());
        };
        let Some((_, at)) = self.last(admission.instrument) else {
            return Err(Refusal::NoPrice { symbol: symbol() });
        };
        let age_ms = self.now.market.since(at) / 1_000_000;
        if age_ms > allowed_ms {
            return Err(Refusal::StalePrice { symbol: symbol(), age_ms, allowed_ms });
        }
        Ok(())
    }

    fn check_duplicate(
        &self,
        id: SleeveId,
        view: &SleeveView,
        intent: &Intent,
    ) -> Result<(), Refusal> {
        let Some(allowed_ms) = view.controls.duplicate_window_ms else {
            return Ok(());
        };
        let same = |entry: &&(crate::Timestamp, crate::Symbol, Side, Size, OrderType)| {
            entry.1 == intent.symbol
                && entry.2 == intent.side
                && entry.3 == intent.size
                && entry.4 == intent.order_type
        };
        let Some(last) = self.sleeves[&id].recent.iter().rev().find(same) else {
            return Ok(());
        };
        let age_ms = self.now.market.since(last.0) / 1_000_000;
        if age_ms < allowed_ms {
            return Err(Refusal::DuplicateWindow { age_ms, allowed_ms });
        }
        Ok(())
    }

    /// An order that could trade with an open order of the account, another sleeve's or the
    /// sleeve's own: the broker would refuse it as a wash trade (FACTS section 4), and one sleeve
    /// would trade with the other.
    fn check_opposite(
        &self,
        id: SleeveId,
        intent: &Intent,
        admission: &Admission,
    ) -> Result<(), Refusal> {
        let limit = admission.sent_type.limit_price();
        let own = self.settings.wash_trades;
        let others = self.sleeves.values().filter(|s: &&Sleeve| own || s.row.id != id);
        let orders = others.flat_map(|s| s.open.iter().map(move |order| (s, &self.orders[order])));
        for (sleeve, order) in orders {
            if order.symbol != intent.symbol || order.side == intent.side {
                continue;
            }
            let theirs = order.sent_type.limit_price();
            let stops = admission.sent_type.stop_price().is_some()
                || order.sent_type.stop_price().is_some();
            let could = match (limit, theirs) {
                (Some(ours), Some(theirs)) if !stops => match intent.side {
                    Side::Buy => ours >= theirs,
                    Side::Sell => theirs >= ours,
                },
                _ => true,
            };
            if could {
                return Err(Refusal::OppositeOrderOpen {
                    symbol: intent.symbol.clone(),
                    order: order.id,
                    sleeve: sleeve.row.name.to_string(),
                });
            }
        }
        Ok(())
    }

    pub(super) fn on_intents(&mut self, batch: &IntentBatch, out: &mut Effects) {
        let Some(bot) = self.bots.get(&batch.sleeve) else {
            return;
        };
        let (present, state) = (bot.generation, bot.state);
        let stopped =
            matches!(state, BotState::Stopped | BotState::Quarantined | BotState::Retired);
        if (batch.generation != present || stopped) && !bug::is(Bug::StaleGeneration) {
            let message = format!(
                "{} intents of instance {} are void",
                batch.requests.len(),
                batch.generation
            );
            self.bot_event(batch.sleeve, batch.generation, "stale", message, out);
            return;
        }
        for request in &batch.requests {
            self.on_request(batch.sleeve, request, out);
        }
        if let Some(bytes) = &batch.snapshot
            && !batch.requests.is_empty()
        {
            out.rows.push(Row::Snapshot(SnapshotRow {
                sleeve: batch.sleeve,
                digest: batch.digest.to_string(),
                at: batch.seen,
                bytes: bytes.to_vec(),
            }));
        }
    }

    fn on_request(&mut self, sleeve: SleeveId, request: &BotRequest, out: &mut Effects) {
        match request {
            BotRequest::Submit { intent_id, intent } => {
                let taken = self.promise(sleeve, *intent_id);
                match taken.and_then(|()| self.check(sleeve, intent)) {
                    Ok(admission) => {
                        self.accept(sleeve, Some(*intent_id), intent, &admission, None, out);
                    }
                    Err(refusal) => {
                        self.refuse_intent(sleeve, *intent_id, intent, &refusal, true, out)
                    }
                }
            }
            BotRequest::Refused { intent_id, intent, refusal } => {
                // The number was told to the bot: it never means another order. It is refused anyway.
                let _ = self.promise(sleeve, *intent_id);
                self.refuse_intent(sleeve, *intent_id, intent, refusal, false, out);
            }
            BotRequest::Cancel { intent_id } => {
                if let Some(id) = self.open_by_intent(sleeve, *intent_id) {
                    // A refusal means that it has ended meanwhile; its own update tells the bot.
                    let _ = self.cancel(id, out);
                }
            }
            BotRequest::Replace { intent_id, new_intent_id, qty, limit_price, stop_price } => {
                let taken = self.promise(sleeve, *new_intent_id);
                let Some(id) = self.open_by_intent(sleeve, *intent_id) else {
                    return;
                };
                let intent = self.changed(id, *qty, *limit_price, *stop_price);
                let replaced =
                    taken.and_then(|()| self.replace(id, Some(*new_intent_id), &intent, out));
                if let Err(refusal) = replaced {
                    self.refuse_intent(sleeve, *new_intent_id, &intent, &refusal, true, out);
                }
            }
        }
    }

    /// Takes an id that a bot was told: the next one is higher. One that an earlier call has used
    /// (of a view from before that) is refused.
    fn promise(&mut self, sleeve: SleeveId, id: IntentId) -> Result<(), Refusal> {
        let row = &mut self.sleeve_mut(sleeve).row;
        if id < row.next_intent || id.0 >= IntentId::BY_HAND {
            return Err(Refusal::Exists { what: "intent".to_owned(), name: id.to_string() });
        }
        row.next_intent = IntentId(id.0 + 1);
        Ok(())
    }

    fn open_by_intent(&self, sleeve: SleeveId, intent_id: IntentId) -> Option<OrderId> {
        let open = &self.sleeves.get(&sleeve)?.open;
        open.iter().find(|id| self.orders[*id].intent_id == intent_id).copied()
    }

    /// An open order's intent with some things changed.
    pub(super) fn changed(
        &self,
        id: OrderId,
        qty: Option<Qty>,
        limit_price: Option<Price>,
        stop_price: Option<Price>,
    ) -> Intent {
        let order = &self.orders[&id];
        let order_type = order.order_type.repriced(limit_price, stop_price);
        Intent {
            symbol: order.symbol.clone(),
            side: order.side,
            size: qty.map_or(order.size, Size::Qty),
            order_type,
            time_in_force: order.time_in_force,
            extended_hours: order.extended_hours,
            reason: order.reason.clone(),
            tag: order.tag.clone(),
            lot: order.lot,
        }
    }

    /// A lot that an order names must be there to be closed, in full.
    fn check_lot(&self, id: SleeveId, intent: &Intent, qty: Qty) -> Result<(), Refusal> {
        let Some(lot) = intent.lot else { return Ok(()) };
        let sleeve = &self.sleeves[&id];
        let why = if sleeve.row.lots == LotMethod::Average {
            "the sleeve pools its lots (average): none can be named".to_owned()
        } else {
            let instrument = self.by_symbol.get(&intent.symbol);
            let holding = instrument.and_then(|id| sleeve.holdings.get(id));
            let found = holding.and_then(|holding| holding.lots().find(|row| row.id == lot));
            let closed_by = |side| if side == LotSide::Long { Side::Sell } else { Side::Buy };
            match found {
                None => {
                    format!("sleeve {} has no such open lot of {}", sleeve.row.name, intent.symbol)
                }
                Some(row) if closed_by(row.side) != intent.side => {
                    format!("a {} does not close it", intent.side.as_str())
                }
                Some(row) if qty > row.remaining => {
                    format!("{qty} are more than its remaining {}", row.remaining)
                }
                Some(_) => return Ok(()),
            }
        };
        Err(Refusal::NotAllowed { what: "lot".to_owned(), name: lot.to_string(), why })
    }

    /// Replace is cancel plus new: the new order is accepted and reserved now, and sent when the
    /// old one has ended. Neither shares nor cash are held twice: the new order is admitted against
    /// what the old one gives back.
    pub(super) fn replace(
        &mut self,
        id: OrderId,
        new_intent_id: Option<IntentId>,
        intent: &Intent,
        out: &mut Effects,
    ) -> Result<OrderId, Refusal> {
        let order = self
            .orders
            .get(&id)
            .ok_or_else(|| Refusal::NotFound { what: "order".to_owned(), name: id.to_string() })?;
        if order.status.is_final() || order.cancel_requested {
            let status =
                if order.cancel_requested { "being cancelled" } else { order.status.as_str() };
            return Err(Refusal::NotOpen { name: id.to_string(), status: status.to_owned() });
        }
        let (sleeve, side) = (order.sleeve, order.side);
        // One that waits for another to end leaves its place to the new one.
        let waits_for = order.replaces.filter(|other| {
            let ended = self.orders.get(other).is_none_or(|o| o.status.is_final());
            order.status == OrderStatus::Accepted && !ended
        });
        let back = GivenBack {
            sleeve,
            side,
            instrument: self.by_symbol[&order.symbol],
            qty: super::orders::open_qty(order),
            cash: order.reserved + order.filled_value,
        };
        let before = waits_for.unwrap_or(id);
        self.give_back(&back);
        let admission = self.check(sleeve, intent);
        self.take_back(&back);
        let admission = admission?;
        self.check_replacement(before, id, intent, &admission)?;
        let new =
            self.accept(sleeve, new_intent_id, intent, &admission, waits_for.or(Some(id)), out);
        self.cancel(id, out)?;
        Ok(new)
    }

    fn give_back(&mut self, back: &GivenBack) {
        let sleeve = self.sleeve_mut(back.sleeve);
        let holding = sleeve.holdings.entry(back.instrument).or_default();
        match back.side {
            Side::Sell => holding.selling -= back.qty,
            Side::Buy => {
                holding.buying -= back.qty;
                sleeve.row.reserved -= back.cash;
            }
        }
    }

    fn take_back(&mut self, back: &GivenBack) {
        let sleeve = self.sleeve_mut(back.sleeve);
        let holding = sleeve.holdings.entry(back.instrument).or_default();
        match back.side {
            Side::Sell => holding.selling += back.qty,
            Side::Buy => {
                holding.buying += back.qty;
                sleeve.row.reserved += back.cash;
            }
        }
    }

    /// The cash of a replacement, to the cent: what it will hold beside the order `before` that it
    /// waits for must be there. The order `old` that it takes the place of gives its own back
    /// where it is another one.
    fn check_replacement(
        &self,
        before: OrderId,
        old: OrderId,
        intent: &Intent,
        admission: &Admission,
    ) -> Result<(), Refusal> {
        let (before, old) = (&self.orders[&before], &self.orders[&old]);
        let needed = super::orders::held_behind(
            before,
            intent.size,
            admission.worst_price,
            admission.reserved,
        );
        let given = if old.id == before.id { Money::ZERO } else { old.reserved };
        let available = self.sleeves[&old.sleeve].free_cash() + given;
        if needed > available.max(Money::ZERO) {
            return Err(Refusal::Capital { needed, available });
        }
        Ok(())
    }

    fn refuse_intent(
        &mut self,
        sleeve: SleeveId,
        intent_id: IntentId,
        intent: &Intent,
        refusal: &Refusal,
        tell: bool,
        out: &mut Effects,
    ) {
        out.rows.push(Row::Refusal(RefusalRow {
            sleeve,
            intent_id,
            at: self.now.market,
            intent: intent.clone(),
            code: refusal.code(),
            message: refusal.to_string(),
        }));
        if tell {
            out.actions.push(Action::Notify {
                sleeve,
                update: OrderUpdate {
                    intent_id,
                    symbol: intent.symbol.clone(),
                    side: intent.side,
                    status: None,
                    reason: Some(refusal.code().into()),
                    filled_qty: Qty::ZERO,
                    last_qty: Qty::ZERO,
                    last_price: None,
                    lot: None,
                    at: self.now.market,
                },
            });
        }
    }

    pub(super) fn bot_event(
        &self,
        sleeve: SleeveId,
        generation: u64,
        kind: &str,
        message: String,
        out: &mut Effects,
    ) {
        let (at, kind) = (self.now.market, kind.to_owned());
        out.rows.push(Row::BotEvent(BotEventRow { sleeve, generation, at, kind, message }));
    }
}
