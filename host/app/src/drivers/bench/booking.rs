//! Executions booked a second: each an input of its own through `step`, its rows into Postgres with
//! fsync on, lots, round trips and balanced entries included.
//!
//! Half of the executions open lots and half close them. The writer joins what waits, as in the
//! live host; how long each execution waited for its commit is measured with it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rust_decimal::Decimal;
use stockade_core::broker::{Answer, TradeUpdate};
use stockade_core::desk::{Action, Command, Desk, Effects, Event, Input, Reply, Settings, step};
use stockade_core::instrument::Instrument;
use stockade_core::ledger::LotMethod;
use stockade_core::order::{Intent, OrderType, Side, Size, TimeInForce};
use stockade_core::risk::Controls;
use stockade_core::row::Rows;
use stockade_core::{Money, Now, Price, Qty, Slug, Symbol, Timestamp};
use stockade_store::{Cluster, Group, Store, Ticket, WriterHandle, WriterOptions};

use super::broker::{FILLS, report, snapshot, update};
use super::commits::Bare;
use super::figure::{Figure, millis, per_second, percentile};
use super::place::Place;
use crate::drivers::base;
use crate::failure::Failure;

const SLEEVES: usize = 100;
const SYMBOLS: usize = 50;
/// Orders of each sleeve on each side, of one symbol each.
const ORDERS: usize = 5;
/// Executions that wait for their commits at once: one transaction runs, one is ready, one is being
/// joined.
const WINDOW: usize = 600;
/// Rows of one commit of the baseline.
const BARE_COMMIT: u64 = 5_000;
const LABEL: &str = "bench";

pub(super) async fn measure(place: &Place) -> Result<Vec<Figure>, Failure> {
    let settings = place.settings("booking")?;
    let base = base::open(&settings).await?;
    let measured = on(&base.store, &settings.data).await;
    base.close().await?;
    Ok(measured?)
}

async fn on(store: &Store, data: &std::path::Path) -> Result<Vec<Figure>> {
    let mut booking = Booking::open(store).await?;
    let mut took = Duration::ZERO;
    for side in [Side::Buy, Side::Sell] {
        let fills = booking.orders(side).await?;
        took += booking.book(fills).await?;
    }
    let Booking { writer, mut waits, executions, rows, .. } = booking;
    writer.close().await;
    // A second handle adopts the running cluster.
    let cluster = Cluster::open(data).await?;
    let mut bare = Bare::open(&cluster.url()).await?;
    let inserted = bare.many(rows, BARE_COMMIT).await?;
    bare.close().await?;
    Ok(vec![
        Figure::new(
            "booking",
            (per_second(executions, took), "executions/s"),
            ("a bare INSERT … UNNEST of as many rows", per_second(executions, inserted)),
            executions,
        ),
        Figure::alone(
            "booking-wait-p99",
            (millis(percentile(&mut waits, 99)), "ms"),
            "from the execution's arrival to its commit",
            executions,
        ),
    ])
}

struct Booking {
    desk: Desk,
    writer: WriterHandle,
    clock: i64,
    tickets: VecDeque<(Instant, Ticket)>,
    waits: Vec<Duration>,
    executions: u64,
    rows: u64,
    named: u64,
}

impl Booking {
    /// A desk that was compared with its broker, with its sleeves.
    async fn open(store: &Store) -> Result<Self> {
        let now = Now::default();
        let rows =
            Rows::new_account(Slug::new(LABEL)?, base::era(), true, Controls::default(), now);
        store.account_create(&rows.account, &rows.to_rows()).await?;
        let epoch = base::lease(store, LABEL, false).await?;
        let writer = WriterHandle::spawn(store, LABEL, epoch, WriterOptions::default()).await?;
        let desk = Desk::restore(rows, Settings::reference())?;
        let (tickets, waits) = (VecDeque::new(), Vec::new());
        let mut booking =
            Self { desk, writer, clock: 1, tickets, waits, executions: 0, rows: 0, named: 0 };
        let instruments =
            (0..SYMBOLS).map(|n| symbol(n).map(Instrument::equity)).collect::<Result<_>>()?;
        booking.put(Event::Instruments { instruments }).await?;
        booking.put(Event::Started { epoch, take_over: false }).await?;
        booking.put(Event::Snapshot { answer: Answer::Done { value: snapshot() } }).await?;
        booking.put(Event::AccountStream { up: true }).await?;
        booking.put(Event::Snapshot { answer: Answer::Done { value: snapshot() } }).await?;
        ensure!(
            booking.desk.is_ready(),
            "the desk is not ready: {:?}",
            booking.desk.reconciliation()
        );
        for number in 0..SLEEVES {
            let capital = Money::new(Decimal::from(1_000_000));
            let create =
                Command::SleeveCreate { name: sleeve(number)?, capital, lots: LotMethod::Fifo };
            booking.command(create).await?;
        }
        Ok(booking)
    }

    /// Commits an input's rows before it goes on: for what is not measured.
    async fn put(&mut self, event: Event) -> Result<Effects> {
        let mut out = self.step(event);
        let rows = std::mem::take(&mut out.rows);
        self.writer.commit(Group { rows }).await?;
        Ok(out)
    }

    fn step(&mut self, event: Event) -> Effects {
        self.clock += 1_000;
        let at = Timestamp(self.clock);
        let mut out = Effects::default();
        step(&mut self.desk, Input { now: Now { market: at, machine: at }, event }, &mut out);
        out
    }

    async fn command(&mut self, command: Command) -> Result<Effects> {
        let out = self.put(Event::Command { command }).await?;
        match &out.reply {
            Some(Reply::Done { .. }) => Ok(out),
            other => anyhow::bail!("a command came to {other:?}"),
        }
    }

    /// Sends every sleeve's orders of one side, acknowledged; gives the messages of their fills, in
    /// turns.
    async fn orders(&mut self, side: Side) -> Result<Vec<TradeUpdate>> {
        let mut sent = Vec::new();
        for number in 0..SLEEVES {
            for order in 0..ORDERS {
                let intent = Intent {
                    symbol: symbol((number * ORDERS + order) % SYMBOLS)?,
                    side,
                    size: Size::Qty(Qty::new(FILLS.into())),
                    order_type: OrderType::Limit { limit_price: Price::new(Decimal::ONE_HUNDRED) },
                    time_in_force: TimeInForce::Gtc,
                    extended_hours: false,
                    reason: None,
                    tag: None,
                    lot: None,
                };
                let out =
                    self.command(Command::OrderSubmit { sleeve: sleeve(number)?, intent }).await?;
                let submit = out.actions.into_iter().find_map(|action| match action {
                    Action::Submit { order, attempt } => Some((order, attempt)),
                    _ => None,
                });
                let (order, attempt) = submit.context("an order was not sent")?;
                let value = report(&order, 0);
                self.put(Event::Submitted {
                    order: order.order,
                    attempt,
                    answer: Answer::Done { value },
                })
                .await?;
                sent.push(order);
            }
        }
        let mut updates = Vec::new();
        for filled in 1..=FILLS {
            for order in &sent {
                self.named += 1;
                updates.push(update(order, filled, self.named, Timestamp(self.clock)));
            }
        }
        Ok(updates)
    }

    /// The measured part.
    async fn book(&mut self, updates: Vec<TradeUpdate>) -> Result<Duration> {
        let began = Instant::now();
        for update in updates {
            if self.tickets.len() >= WINDOW {
                self.wait_for_one().await?;
            }
            let arrived = Instant::now();
            let out = self.step(Event::TradeUpdate { update });
            self.rows += u64::try_from(out.rows.len())?;
            let ticket = self.writer.submit(Group { rows: out.rows }).await?;
            self.tickets.push_back((arrived, ticket));
            self.executions += 1;
        }
        while !self.tickets.is_empty() {
            self.wait_for_one().await?;
        }
        Ok(began.elapsed())
    }

    async fn wait_for_one(&mut self) -> Result<()> {
        if let Some((arrived, ticket)) = self.tickets.pop_front() {
            ticket.outcome().await?;
            self.waits.push(arrived.elapsed());
        }
        Ok(())
    }
}

fn symbol(number: usize) -> Result<Symbol> {
    Ok(Symbol::new(&format!("S{number:02}"))?)
}

fn sleeve(number: usize) -> Result<Slug> {
    Ok(Slug::new(&format!("sleeve-{number:02}"))?)
}
