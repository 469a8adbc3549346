//! What a Store holds, and the imports of the contract.

use std::sync::Arc;

use rust_decimal::Decimal;
use stockade_core::id::LotId;
use stockade_core::order::{Intent, OrderType, Size};
use stockade_core::risk::Refusal;
use stockade_core::{Money, Price, Qty, Timestamp};
use wasmtime::ResourceLimiter;
use wasmtime::component::Resource;

use crate::bucket::Bucket;
use crate::call::{Cause, Usage};
use crate::contract::{capital, host, types as wit};
use crate::convert;
use crate::history::History;
use crate::lent::{Lease, Lent, OWN_STATUS, Table};
use crate::limits::Limits;
use crate::log::{LogBook, LogLevel, clip, escape};
use crate::wasi;

/// Bytes of a reason or tag that are kept of an intent; the admission refuses far shorter ones.
const TEXT_BYTES_MAX: usize = 400;
/// Bytes of a table's element in the host.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// The data of a bot's Store.
pub(crate) struct Host {
    pub(crate) limits: Arc<Limits>,
    pub(crate) memory: Memory,
    pub(crate) log: LogBook,
    pub(crate) table: Arc<Table>,
    pub(crate) lent: Lent,
    pub(crate) wasi: wasi::State,
    pub(crate) history: Option<Arc<History>>,
    /// The number of the handler call in hand; `None` outside of handlers.
    pub(crate) lease: Option<u32>,
    /// What the running call broke.
    pub(crate) breach: Option<Cause>,
    /// A limit that bounded the call without ending it.
    pub(crate) bounded: Option<Cause>,
    bucket: Bucket,
    host_calls: u64,
    intents: u64,
}

impl Host {
    pub(crate) fn new(
        limits: Arc<Limits>,
        table: Arc<Table>,
        history: Option<Arc<History>>,
        seed: u64,
    ) -> Self {
        Self {
            memory: Memory {
                allowed: limits.memory_bytes,
                limits: limits.clone(),
                used: 0,
                breach: None,
            },
            log: LogBook::default(),
            lent: Lent::new(table.clone()),
            wasi: wasi::State::new(seed),
            table,
            history,
            lease: None,
            breach: None,
            bounded: None,
            bucket: Bucket::default(),
            host_calls: 0,
            intents: 0,
            limits,
        }
    }

    /// Begins any call into the bot: counters anew.
    pub(crate) fn begin(&mut self) {
        (self.host_calls, self.intents) = (0, 0);
        (self.breach, self.memory.breach, self.bounded) = (None, None, None);
    }

    /// What the bot uses; its fuel is the caller's to know.
    pub(crate) fn usage(&self, fuel: u64, log_lines: u64) -> Usage {
        Usage {
            fuel,
            memory_bytes: self.memory.used,
            host_calls: self.host_calls,
            intents: self.intents,
            log_lines,
            handles: self.wasi.handles(),
        }
    }

    /// Whether a new order is too many in a short time of the market.
    fn too_many(&mut self, event: u32) -> Option<Refusal> {
        if self.lent.warm_up {
            return None;
        }
        let setting = "intents_per_second";
        let allowed = self.limits.intents_per_second;
        let found = self.bucket.take(self.lent.time_of(event), allowed).err()?;
        let allowed = u64::from(allowed);
        let what = "intents in a row:";
        self.bounded = Some(Cause::Limit { what, found, allowed, setting });
        Some(Refusal::IntentsPerSecond { found, allowed })
    }

    /// Stops the bot because of `cause`.
    pub(crate) fn stop<T>(&mut self, cause: Cause) -> wasmtime::Result<T> {
        let error = wasmtime::Error::msg(cause.to_string());
        self.breach.get_or_insert(cause);
        Err(error)
    }

    /// Counts a host call and `items` of its answer.
    pub(crate) fn charge(&mut self, items: usize) -> wasmtime::Result<()> {
        let more = u64::try_from(items / 16).unwrap_or(u64::MAX);
        self.host_calls = self.host_calls.saturating_add(1).saturating_add(more);
        let allowed = u64::from(self.limits.host_calls);
        if self.host_calls > allowed {
            let found = self.host_calls;
            let what = "host calls of one call:";
            return self.stop(Cause::Limit { what, found, allowed, setting: "host_calls" });
        }
        Ok(())
    }

    /// Counts a host call and checks the handle that came with it.
    fn enter(&mut self, capital: &Resource<Lease>) -> wasmtime::Result<()> {
        self.charge(0)?;
        if self.lease != Some(capital.rep()) {
            let what = "it used a capital handle of another call".to_owned();
            return self.stop(Cause::Contract { what });
        }
        Ok(())
    }

    /// Counts something asked for and checks the event that it names.
    fn ask(&mut self, capital: &Resource<Lease>, event: u32) -> wasmtime::Result<()> {
        self.enter(capital)?;
        self.intents += 1;
        let allowed = u64::from(self.limits.intents_per_call);
        if self.intents > allowed {
            let (what, found) = ("intents of one call:", self.intents);
            return self.stop(Cause::Limit { what, found, allowed, setting: "intents_per_call" });
        }
        if !self.lent.has_event(event) {
            let events = self.lent.count();
            let what = format!("it named event {event} of a list of {events}");
            return self.stop(Cause::Contract { what });
        }
        Ok(())
    }

    fn position_of(&self, place: u32) -> wit::Position {
        let (qty, available, cost) = self
            .table
            .at(place)
            .map_or((Qty::ZERO, Qty::ZERO, Money::ZERO), |item| self.lent.position(item.id));
        wit::Position {
            instrument: place,
            qty: convert::decimal_out(qty.get()),
            available: convert::decimal_out(available.get()),
            cost: convert::decimal_out(cost.get()),
        }
    }

    fn orders(&self) -> Vec<wit::OpenOrder> {
        let view = self.lent.view().orders.iter().filter_map(|order| {
            Some(wit::OpenOrder {
                order: order.intent_id.0,
                instrument: self.table.place(order.instrument)?,
                side: convert::side_out(order.side),
                qty: convert::decimal_out(order.qty.get()),
                filled: convert::decimal_out(order.filled.get()),
                order_type: convert::order_type_out(order.order_type),
                status: convert::status_out(Some(order.status)),
            })
        });
        let own = self.lent.own().iter().filter_map(|own| {
            Some(wit::OpenOrder {
                order: own.id.0,
                instrument: self.table.place(own.instrument)?,
                side: convert::side_out(own.intent.side),
                qty: convert::decimal_out(own.qty.get()),
                filled: convert::decimal_out(Decimal::ZERO),
                order_type: convert::order_type_out(own.intent.order_type),
                status: convert::status_out(Some(OWN_STATUS)),
            })
        });
        view.chain(own).collect()
    }

    /// The intent in the core's words, and what is wrong with its numbers. `None` when it names an
    /// instrument that the bot does not have: there is no symbol to record.
    fn intent_in(&self, intent: wit::Intent) -> Option<(Intent, Option<Refusal>)> {
        let symbol = self.table.at(intent.instrument)?.symbol.clone();
        let mut invalid = None;
        let size = match intent.size {
            wit::Size::Qty(d) => Size::Qty(Qty::new(quantity_in(d, &mut invalid))),
            wit::Size::Notional(d) => Size::Notional(Money::new(quantity_in(d, &mut invalid))),
        };
        let mut price = |d: wit::Decimal| Price::new(price_in(d, &mut invalid));
        let order_type = match intent.order_type {
            wit::OrderType::Market => OrderType::Market,
            wit::OrderType::Limit(limit) => OrderType::Limit { limit_price: price(limit) },
            wit::OrderType::Stop(stop) => OrderType::Stop { stop_price: price(stop) },
            wit::OrderType::StopLimit(both) => OrderType::StopLimit {
                stop_price: price(both.stop),
                limit_price: price(both.limit),
            },
        };
        let text = |text: Option<String>| text.map(|t| escape(clip(&t, TEXT_BYTES_MAX)).into());
        let intent = Intent {
            symbol,
            side: convert::side_in(intent.side),
            size,
            order_type,
            time_in_force: convert::time_in_force_in(intent.time_in_force),
            extended_hours: intent.extended_hours,
            reason: text(intent.reason),
            tag: text(intent.tag),
            lot: intent.lot.map(LotId),
        };
        Some((intent, invalid))
    }
}

fn quantity_in(value: wit::Decimal, invalid: &mut Option<Refusal>) -> Decimal {
    convert::decimal_in(value).unwrap_or_else(|why| {
        let found = Decimal::from(value.mantissa);
        invalid.get_or_insert(Refusal::InvalidQuantity { found, why });
        Decimal::ZERO
    })
}

fn price_in(value: wit::Decimal, invalid: &mut Option<Refusal>) -> Decimal {
    convert::decimal_in(value).unwrap_or_else(|why| {
        let found = Decimal::from(value.mantissa);
        invalid.get_or_insert(Refusal::InvalidPrice { found, why });
        Decimal::ZERO
    })
}

fn refusal_out(refusal: &Refusal) -> wit::Refusal {
    wit::Refusal { code: refusal.code().to_owned(), message: refusal.to_string() }
}

impl wit::Host for Host {}
impl capital::Host for Host {}

impl capital::HostCapital for Host {
    fn cash(&mut self, capital: Resource<Lease>) -> wasmtime::Result<wit::Decimal> {
        self.enter(&capital)?;
        Ok(convert::decimal_out(self.lent.view().cash.get()))
    }

    fn buying_power(&mut self, capital: Resource<Lease>) -> wasmtime::Result<wit::Decimal> {
        self.enter(&capital)?;
        Ok(convert::decimal_out(self.lent.buying_power().get()))
    }

    fn position(
        &mut self,
        capital: Resource<Lease>,
        place: u32,
    ) -> wasmtime::Result<wit::Position> {
        self.enter(&capital)?;
        Ok(self.position_of(place))
    }

    fn open_orders(&mut self, capital: Resource<Lease>) -> wasmtime::Result<Vec<wit::OpenOrder>> {
        self.enter(&capital)?;
        let orders = self.orders();
        self.charge(orders.len())?;
        Ok(orders)
    }

    fn submit(
        &mut self,
        capital: Resource<Lease>,
        event: u32,
        intent: wit::Intent,
    ) -> wasmtime::Result<Result<u64, wit::Refusal>> {
        self.ask(&capital, event)?;
        let place = intent.instrument;
        let Some((intent, invalid)) = self.intent_in(intent) else {
            let symbol = format!("instrument {place}");
            return Ok(Err(refusal_out(&Refusal::UnknownInstrument { symbol })));
        };
        let refused = invalid.or_else(|| self.too_many(event));
        let answer = self.lent.submit(event, intent, refused);
        Ok(answer.map(|id| id.0).map_err(|refusal| refusal_out(&refusal)))
    }

    fn replace(
        &mut self,
        capital: Resource<Lease>,
        event: u32,
        order: u64,
        qty: Option<wit::Decimal>,
        limit: Option<wit::Decimal>,
        stop: Option<wit::Decimal>,
    ) -> wasmtime::Result<Result<u64, wit::Refusal>> {
        self.ask(&capital, event)?;
        let mut invalid = None;
        let qty = qty.map(|d| Qty::new(quantity_in(d, &mut invalid)));
        let mut price = |d: wit::Decimal| Price::new(price_in(d, &mut invalid));
        let (limit, stop) = (limit.map(&mut price), stop.map(&mut price));
        let answer = match invalid.or_else(|| self.too_many(event)) {
            Some(refusal) => Err(refusal),
            None => self.lent.replace(event, order, qty, limit, stop),
        };
        Ok(answer.map(|id| id.0).map_err(|refusal| refusal_out(&refusal)))
    }

    fn cancel(
        &mut self,
        capital: Resource<Lease>,
        event: u32,
        order: u64,
    ) -> wasmtime::Result<Result<(), wit::Refusal>> {
        self.ask(&capital, event)?;
        Ok(self.lent.cancel(event, order).map_err(|refusal| refusal_out(&refusal)))
    }

    fn drop(&mut self, _: Resource<Lease>) -> wasmtime::Result<()> {
        // Only borrows are ever lent, and dropping a borrow does not come here.
        self.stop(Cause::Contract {
            what: "it dropped a capital handle that it does not own".to_owned(),
        })
    }
}

impl host::Host for Host {
    fn log(&mut self, level: wit::LogLevel, message: String) -> wasmtime::Result<()> {
        self.charge(0)?;
        let level = match level {
            wit::LogLevel::Debug => LogLevel::Debug,
            wit::LogLevel::Info => LogLevel::Info,
            wit::LogLevel::Warn => LogLevel::Warn,
            wit::LogLevel::Error => LogLevel::Error,
        };
        self.log.add(level, &message, self.limits.log_lines, self.limits.log_bytes);
        Ok(())
    }

    fn history(&mut self, event: u32, place: u32, count: u32) -> wasmtime::Result<Vec<wit::Bar>> {
        self.charge(0)?;
        let item = self.table.at(place);
        let (Some(_), Some(at), Some(item), Some(history)) =
            (self.lease, self.lent.at(event), item, &self.history)
        else {
            return Ok(Vec::new());
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        // Those of the call itself, then the kept ones before them. Whether the driver has kept
        // the call's bars already makes no difference.
        let mut late = self.lent.bars_before(place, at);
        late.drain(..late.len().saturating_sub(count));
        let before = late.first().map_or(at, |bar| Timestamp(bar.at));
        let kept = history.before(item.id, before, count - late.len());
        let mut bars: Vec<_> = kept.iter().map(|bar| convert::bar_out(bar, place)).collect();
        bars.append(&mut late);
        self.charge(bars.len())?;
        Ok(bars)
    }
}

/// Counts memories, tables and instances of a Store.
pub(crate) struct Memory {
    limits: Arc<Limits>,
    allowed: u64,
    used: u64,
    pub(crate) breach: Option<Cause>,
}

impl Memory {
    fn grow(&mut self, current: usize, desired: usize, unit: u64) -> wasmtime::Result<bool> {
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let found = self.used.saturating_add(more.saturating_mul(unit));
        if found > self.allowed {
            let (what, allowed) = ("bytes of memory:", self.allowed);
            let cause = Cause::Limit { what, found, allowed, setting: "memory_bytes" };
            let error = wasmtime::Error::msg(cause.to_string());
            self.breach.get_or_insert(cause);
            // An error and not a refusal: the bot must not go on as if nothing had happened.
            return Err(error);
        }
        self.used = found;
        Ok(true)
    }
}

fn count(of: u32) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(current, desired, 1)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(current, desired, TABLE_ELEMENT_BYTES)
    }

    fn instances(&self) -> usize {
        count(self.limits.instances)
    }

    fn tables(&self) -> usize {
        count(self.limits.tables)
    }

    fn memories(&self) -> usize {
        count(self.limits.memories)
    }
}
