//! The exchange's model in the core's words: for drivers that hold it in their own process.
//!
//! Translates, decides nothing. The venue does the same for the wire.

use stockade_core::broker::{
    Activity, ActivityKind, Answer, BrokerOrder, BrokerSnapshot, BrokerStatus, Fill, OrderReport,
    PositionReport, TradeUpdate,
};
use stockade_core::instrument::Instrument;
use stockade_core::order::{OrderType, Side, Size, TimeInForce};
use stockade_core::time::Session;
use stockade_core::{Money, Price, Qty, Symbol, Timestamp};
use stockade_exchange as model;

/// The exchange's spelling of a symbol in ours.
pub(crate) fn symbol(text: &str) -> Symbol {
    Symbol::new(text).expect("the exchange lists only well-formed symbols")
}

pub(crate) const fn nanos(at: Timestamp) -> model::Nanos {
    model::Nanos(at.0)
}

pub(crate) const fn timestamp(at: model::Nanos) -> Timestamp {
    Timestamp(at.0)
}

/// An instrument as the exchange's asset list gives it.
pub(crate) fn listed(asset: &model::Asset) -> Instrument {
    match asset.class {
        model::AssetClass::UsEquity => Instrument::equity(symbol(&asset.symbol)),
        model::AssetClass::Crypto => Instrument::crypto(symbol(&asset.symbol)),
    }
}

/// Posts an order.
pub(crate) fn submit(
    exchange: &mut model::Exchange,
    order: &BrokerOrder,
    at: Timestamp,
) -> Answer<OrderReport> {
    match exchange.submit(new_order(order), nanos(at)) {
        Ok(taken) => Answer::Done { value: report(&taken) },
        Err(reject) => Answer::Refused {
            http: reject.http(),
            code: reject.code(),
            message: reject.to_string(),
        },
    }
}

/// Asks for a cancel.
pub(crate) fn cancel(
    exchange: &mut model::Exchange,
    broker_order_id: &str,
    at: Timestamp,
) -> Answer<()> {
    let Ok(id) = broker_order_id.parse::<model::Id>() else {
        return Answer::NotFound;
    };
    match exchange.cancel(id, nanos(at)) {
        Ok(()) => Answer::Done { value: () },
        Err(reject) if reject.http() == 404 => Answer::NotFound,
        Err(reject) => Answer::Refused {
            http: reject.http(),
            code: reject.code(),
            message: reject.to_string(),
        },
    }
}

/// Looks an order up.
pub(crate) fn look_up(exchange: &model::Exchange, client_order_id: &str) -> Answer<OrderReport> {
    match exchange.order_by_client_id(client_order_id) {
        Some(order) => Answer::Done { value: report(order) },
        None => Answer::NotFound,
    }
}

/// Everything that a comparison needs.
pub(crate) fn snapshot(
    exchange: &model::Exchange,
    since: Timestamp,
    at: Timestamp,
) -> BrokerSnapshot {
    let account = exchange.account();
    let held = exchange.positions();
    let positions = held.iter().map(|position| PositionReport {
        symbol: symbol(&position.symbol),
        qty: Qty::new(position.qty),
        average_entry: Price::new(position.avg_entry_price),
        current_price: Some(Price::new(position.current_price)),
    });
    let query = model::OrderQuery {
        status: model::StatusFilter::All,
        limit: 500,
        direction: model::Direction::Asc,
        ..model::OrderQuery::default()
    };
    let mut orders: Vec<OrderReport> = Vec::new();
    let mut page = query;
    loop {
        let found = exchange.orders(&page);
        page.after_order_id = found.last().map(|order| order.id);
        let full = found.len() == 500;
        orders.extend(
            found
                .iter()
                .filter(|o| !o.status.is_final() || o.updated_at.0 >= since.0)
                .map(|o| report(o)),
        );
        if !full {
            break;
        }
    }
    BrokerSnapshot {
        account_id: account.account_number.to_string(),
        cash: Money::new(account.cash),
        equity: Money::new(account.equity),
        buying_power: Money::new(account.buying_power),
        trading_blocked: false,
        positions: positions.collect(),
        orders,
        fills: fills(exchange, since),
        since,
        began: at,
        sessions: sessions(at),
        activities: Vec::new(),
        corrections: Vec::new(),
    }
}

/// Fills since a time, from the activities, page by page.
pub(crate) fn fills(exchange: &model::Exchange, since: Timestamp) -> Vec<Fill> {
    let mut query = model::ActivityQuery {
        kinds: vec![model::ActivityKind::Fill],
        // The list's bound is exclusive.
        after: Some(model::Nanos(since.0.saturating_sub(1))),
        direction: model::Direction::Asc,
        page_size: 100,
        ..model::ActivityQuery::default()
    };
    let mut fills = Vec::new();
    loop {
        let page = exchange.activities(&query);
        fills.extend(page.iter().filter_map(|activity| activity_fill(activity)));
        match page.last() {
            Some(last) if page.len() == query.page_size => query.page_token = Some(last.id()),
            _ => return fills,
        }
    }
}

/// What happened to the account beside a fill.
pub(crate) fn activity(activity: &model::Activity) -> Activity {
    let kind = match activity.kind {
        model::ActivityKind::Dividend => ActivityKind::Dividend,
        model::ActivityKind::Split => ActivityKind::Split,
        model::ActivityKind::Fee => ActivityKind::Fee,
        model::ActivityKind::CryptoFee => ActivityKind::CryptoFee,
        model::ActivityKind::Deposit
        | model::ActivityKind::Withdrawal
        | model::ActivityKind::Journal => ActivityKind::Cash,
        model::ActivityKind::Fill => ActivityKind::Other,
    };
    let at = timestamp(activity.at);
    // A day's fees are charged at the midnight that ends it, and belong to its trades.
    let effective = match kind {
        ActivityKind::Fee => timestamp(activity.at.plus(-1).new_york_date().at_new_york(0, 0)),
        _ => at,
    };
    let mut told = Activity::new(activity.uuid.to_string().into(), kind, effective, at);
    told.code = match activity.sub_type.as_str() {
        "" => activity.kind.as_str().to_owned(),
        sub_type => sub_type.to_owned(),
    };
    told.symbol = activity.symbol.as_deref().map(symbol);
    told.net_amount = Money::new(activity.net_amount);
    told.qty = (!activity.qty.is_zero()).then(|| Qty::new(activity.qty));
    told.per_share = activity.per_share.map(Price::new);
    told.ratio = activity.ratio;
    told.description.clone_from(&activity.description);
    told
}

fn activity_fill(activity: &model::Activity) -> Option<Fill> {
    let part = activity.fill.as_ref()?;
    Some(Fill {
        execution_id: activity.uuid.to_text(),
        broker_order_id: part.order_id.to_text(),
        client_order_id: None,
        symbol: symbol(activity.symbol.as_deref()?),
        side: side(part.side),
        qty: Qty::new(part.qty),
        price: Price::new(part.price),
        fee: Money::ZERO,
        cumulative_qty: Some(Qty::new(part.cum_qty)),
        at: timestamp(activity.at),
        fee_qty: stockade_core::Qty::ZERO,
    })
}

/// The sessions around a time.
pub(crate) fn sessions(at: Timestamp) -> Vec<Session> {
    let today = model::Nanos(at.0).new_york_date();
    model::calendar::sessions(today.plus(-5), today.plus(10))
        .iter()
        .map(|session| {
            let (year, month, day) = session.date.ymd();
            let day = u32::try_from(year).unwrap_or(0) * 10_000 + month * 100 + day;
            Session { day, open: timestamp(session.open), close: timestamp(session.close) }
        })
        .collect()
}

/// The instrument of a symbol that the exchange lists.
pub(crate) fn instrument_of(exchange: &model::Exchange, name: &Symbol) -> Instrument {
    exchange.asset(name.as_str()).map_or_else(|| Instrument::equity(name.clone()), listed)
}

fn new_order(order: &BrokerOrder) -> model::NewOrder {
    let (qty, notional) = match order.size {
        Size::Qty(qty) => (Some(qty.get()), None),
        Size::Notional(amount) => (None, Some(amount.get())),
    };
    model::NewOrder {
        client_order_id: Some(order.client_order_id.clone()),
        symbol: order.symbol.to_string(),
        side: match order.side {
            Side::Buy => model::Side::Buy,
            Side::Sell => model::Side::Sell,
        },
        qty,
        notional,
        order_type: match order.order_type {
            OrderType::Market => model::OrderType::Market,
            OrderType::Limit { .. } => model::OrderType::Limit,
            OrderType::Stop { .. } => model::OrderType::Stop,
            OrderType::StopLimit { .. } => model::OrderType::StopLimit,
        },
        time_in_force: match order.time_in_force {
            TimeInForce::Day => model::TimeInForce::Day,
            TimeInForce::Gtc => model::TimeInForce::Gtc,
            TimeInForce::Ioc => model::TimeInForce::Ioc,
            TimeInForce::Fok => model::TimeInForce::Fok,
            TimeInForce::Opg => model::TimeInForce::Opg,
            TimeInForce::Cls => model::TimeInForce::Cls,
        },
        limit_price: order.order_type.limit_price().map(Price::get),
        stop_price: order.order_type.stop_price().map(Price::get),
        extended_hours: order.extended_hours,
    }
}

const fn side(side: model::Side) -> Side {
    match side {
        model::Side::Buy => Side::Buy,
        model::Side::Sell => Side::Sell,
    }
}

const fn status(status: model::OrderStatus) -> BrokerStatus {
    match status {
        model::OrderStatus::Accepted
        | model::OrderStatus::PendingNew
        | model::OrderStatus::New
        | model::OrderStatus::PendingCancel => BrokerStatus::Open,
        model::OrderStatus::PartiallyFilled => BrokerStatus::PartiallyFilled,
        model::OrderStatus::Filled => BrokerStatus::Filled,
        model::OrderStatus::Canceled => BrokerStatus::Canceled,
        model::OrderStatus::Expired => BrokerStatus::Expired,
        model::OrderStatus::Replaced => BrokerStatus::Replaced,
        model::OrderStatus::Rejected => BrokerStatus::Rejected,
    }
}

/// An order of the exchange as a report.
pub(crate) fn report(order: &model::Order) -> OrderReport {
    OrderReport {
        broker_order_id: order.id.to_text(),
        client_order_id: order.client_order_id.to_string(),
        symbol: symbol(&order.symbol),
        side: side(order.side),
        qty: order.qty.map(Qty::new),
        filled_qty: Qty::new(order.filled_qty),
        filled_avg_price: order.filled_avg_price.map(Price::new),
        limit_price: order.limit_price.map(Price::new),
        status: status(order.status),
        submitted_at: timestamp(order.submitted_at),
        replaced_by: order.replaced_by.map(|id| id.to_string()),
    }
}

/// A message of the exchange's account stream.
pub(crate) fn trade_update(update: &model::TradeUpdate) -> TradeUpdate {
    let fill = match (update.execution_id, update.price, update.qty) {
        (Some(execution), Some(price), Some(qty)) => Some(Fill {
            execution_id: execution.to_text(),
            broker_order_id: update.order.id.to_text(),
            client_order_id: Some(update.order.client_order_id.to_string()),
            symbol: symbol(&update.order.symbol),
            side: side(update.order.side),
            qty: Qty::new(qty),
            price: Price::new(price),
            fee: Money::new(update.fee),
            cumulative_qty: Some(Qty::new(update.order.filled_qty)),
            at: timestamp(update.at),
            fee_qty: stockade_core::Qty::ZERO,
        }),
        _ => None,
    };
    TradeUpdate {
        event: update.event.as_str().to_owned(),
        order: report(&update.order),
        fill,
        correction: None,
    }
}
