//! Scene: the host is killed with orders open at the broker; they fill while it is gone, and the
//! host that comes back books them before it does anything else.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rust_decimal::Decimal;
use stockade_core::desk::{Command, Reply};
use stockade_core::order::{Intent, OrderType, Side, Size, TimeInForce};
use stockade_core::{Price, Qty, Slug, Symbol};
use stockade_store::query::{
    At, Bot, Filter, Order, OrderFilter, execution_list, order_list, order_show,
};

use super::document::Crash;
use super::plan::{BOTS, BotPlan, HAND, HAND_QTY, HAND_SYMBOLS, HOSTILE_BOT};
use super::table;
use super::tour::Tour;
use crate::drivers::base;

/// Times that the host is killed until an order has filled meanwhile: one can fill too early.
const ATTEMPTS: u32 = 3;
/// How long the host stays down at most.
const DOWN_MAX: Duration = Duration::from_secs(5);
/// How long an order may take to the broker.
const SENT_MAX: Duration = Duration::from_secs(30);
/// How long the booking of what was missed may take.
const BOOKED_MAX: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);
/// How far below the last price the orders by hand are, in hundredths of a per cent.
const BELOW_BPS: [u32; 2] = [5, 15];

/// Plays it.
pub(super) async fn play(tour: &mut Tour<'_>) -> Result<()> {
    tour.voice.scene("kill -9 of the host while orders of a person are open at the broker")?;
    for _ in 0..ATTEMPTS {
        let orders = submit(tour).await?;
        let before = std::mem::take(&mut tour.books.bots);
        let killed_at = At(base::machine().0);
        let pid = tour.stage.kill_host().await?;
        let open = open_of(tour, &orders).await?;
        let ids: Vec<String> = open.iter().map(|order| order.id.to_string()).collect();
        tour.voice.say(&format!(
            "kill -9 {pid}: the database knows of no fill of orders {}",
            ids.join(", ")
        ))?;
        let filled = filled_meanwhile(tour, &open).await?;
        let ready = tour.stage.start_host().await?;
        let recovered_ms = u64::try_from(ready.as_millis())?;
        tour.voice.say(&format!(
            "a new host restored the books and was ready to trade after {recovered_ms} ms"
        ))?;
        tour.crash = Some(Crash { killed_at, recovered_ms });
        if filled.is_empty() {
            tour.voice.say("no order filled while it was down: once more")?;
            continue;
        }
        booked(tour, &filled).await?;
        return resumed(tour, &before).await;
    }
    bail!("no order by hand filled while the host was down, in {ATTEMPTS} attempts")
}

/// Orders a little below the last price: they wait, and fill when the price comes down a bit.
async fn submit(tour: &mut Tour<'_>) -> Result<Vec<Order>> {
    let mut ids = Vec::new();
    for below in BELOW_BPS {
        for symbol in HAND_SYMBOLS {
            let limit = limit_below(tour, symbol, below).await?;
            let intent = Intent {
                symbol: Symbol::new(symbol)?,
                side: Side::Buy,
                size: Size::Qty(Qty::new(Decimal::from(HAND_QTY))),
                order_type: OrderType::Limit { limit_price: Price::new(limit) },
                time_in_force: TimeInForce::Day,
                extended_hours: false,
                reason: Some("by hand".into()),
                tag: None,
                lot: None,
            };
            let command = Command::OrderSubmit { sleeve: Slug::new(HAND)?, intent };
            let Reply::Done { order: Some(order), .. } = tour.stage.command(command).await? else {
                bail!("the host gave no number for an order by hand");
            };
            ids.push(order.0.to_string());
        }
    }
    // Only what the broker has taken can fill while nobody is there.
    let mut orders = Vec::new();
    for id in ids {
        orders.push(at_broker(tour, &id).await?);
    }
    Ok(orders)
}

async fn limit_below(tour: &Tour<'_>, symbol: &str, below_bps: u32) -> Result<Decimal> {
    let broker = tour.stage.broker()?;
    let now = broker.market_time().await?;
    let hour = 3_600 * 1_000_000_000;
    let bars = broker.bars(&[symbol], now.plus(-hour), now).await?;
    let last =
        bars.last().with_context(|| format!("the broker has no price of {symbol}"))?.close.get();
    let share = Decimal::ONE - Decimal::from(below_bps) / Decimal::from(10_000_u32);
    Ok((last * share).round_dp(2))
}

async fn at_broker(tour: &Tour<'_>, id: &str) -> Result<Order> {
    let began = Instant::now();
    loop {
        let order = order_show(tour.stage.store()?.reads(), None, id, None).await?;
        let order = order.with_context(|| format!("the database has no order {id}"))?;
        if tour.stage.broker()?.order(&order.client_order_id).await?.is_some() {
            return Ok(order);
        }
        ensure!(
            began.elapsed() < SENT_MAX,
            "order {id} did not reach the broker within {SENT_MAX:?}"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// Those without any fill in the books, now that nobody writes them.
async fn open_of(tour: &Tour<'_>, orders: &[Order]) -> Result<Vec<Order>> {
    let narrower = OrderFilter { open: true, status: None };
    let mut open = order_list(tour.stage.store()?.reads(), &by_hand(), &narrower).await?;
    open.retain(|order| {
        order.filled_qty.0.is_zero() && orders.iter().any(|mine| mine.id == order.id)
    });
    Ok(open)
}

fn by_hand() -> Filter {
    Filter { sleeve: Some(HAND.to_owned()), ..Filter::default() }
}

/// Those that the broker has filled although the books know nothing of it.
async fn filled_meanwhile(tour: &mut Tour<'_>, open: &[Order]) -> Result<Vec<Order>> {
    let began = Instant::now();
    loop {
        tour.stage.check()?;
        let mut filled = Vec::new();
        for order in open {
            let report = tour.stage.broker()?.order(&order.client_order_id).await?;
            if let Some(report) = report.filter(|report| report.filled_qty.is_positive()) {
                filled.push((order.clone(), report.filled_qty));
            }
        }
        if !filled.is_empty() || open.is_empty() || began.elapsed() > DOWN_MAX {
            for (order, qty) in &filled {
                tour.voice.say(&format!(
                    "the broker filled order {} meanwhile: bought {qty} {} for {HAND}, and nobody was there to hear of it",
                    order.id, order.symbol
                ))?;
            }
            return Ok(filled.into_iter().map(|(order, _)| order).collect());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Every fill of the time without a host is in the books, found by the comparison with the broker.
async fn booked(tour: &mut Tour<'_>, filled: &[Order]) -> Result<()> {
    let ids: Vec<i64> = filled.iter().map(|order| order.id).collect();
    tour.until("the fills of the time without a host are booked", BOOKED_MAX, async |_, books| {
        Ok(ids.iter().all(|id| books.executions_of(*id).next().is_some()).then_some(()))
    })
    .await?;
    let found = execution_list(tour.stage.store()?.reads(), &by_hand()).await?;
    for id in ids {
        let mine: Vec<_> =
            found.iter().filter(|execution| execution.order_id == Some(id)).collect();
        let first = mine.first().with_context(|| format!("order {id} has no execution"))?;
        ensure!(
            first.source != "stream",
            "the fill of order {id} came from a stream that nobody read"
        );
        tour.voice.say(&format!("found by comparing with the broker: {}", table::fill(first)))?;
    }
    Ok(())
}

/// Every well-behaved bot gets events again, from the state that was saved last.
async fn resumed(tour: &mut Tour<'_>, before: &[Bot]) -> Result<()> {
    tour.until("the bots run again", BOOKED_MAX, async |_, books| {
        let runs = |plan: &BotPlan| {
            let old =
                before.iter().find(|bot| bot.name == plan.name).map_or(0, |bot| bot.generation);
            books.bot(plan.name).map(|bot| bot.state == "running" && bot.generation > old)
        };
        let behaved = BOTS.iter().filter(|bot| bot.name != HOSTILE_BOT);
        let all = behaved.map(runs).collect::<Result<Vec<bool>>>()?;
        Ok(all.into_iter().all(|runs| runs).then_some(()))
    })
    .await?;
    let quarantined = tour.books.bot(HOSTILE_BOT)?.state == "quarantined";
    ensure!(quarantined, "{HOSTILE_BOT} left its quarantine with the crash");
    Ok(tour.voice.say(&format!("the bots trade on; {HOSTILE_BOT} stays in quarantine"))?)
}
