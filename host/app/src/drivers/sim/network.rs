//! The way to the broker and back: every request can be lost, late, doubled or answered wrongly.

use stockade_core::broker::{Answer, BrokerOrder, BrokerSnapshot, OrderReport};
use stockade_core::desk::Event;
use stockade_core::limits::NANOS_PER_SECOND;
use stockade_core::{OrderId, Timestamp};

use super::super::model;
use super::broker::READ_LAG_S;
use super::check::Checked;
use super::world::{Happening, MS, World};

/// The host's own limit on a request.
const TIMEOUT: i64 = 10 * NANOS_PER_SECOND;

/// What becomes of the broker's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It arrives.
    Arrives,
    /// It is lost; the host has been told so, or will be.
    Lost,
}

/// A request on its way.
#[derive(Debug)]
pub(crate) enum Request {
    Submit { life: u64, order: BrokerOrder, attempt: u32, way: Way },
    Cancel { life: u64, order: OrderId, broker_order_id: String, way: Way },
    LookUp { life: u64, order: OrderId, client_order_id: String },
}

fn unknown<T>() -> Answer<T> {
    Answer::Unknown { why: "timed out".to_owned() }
}

impl World {
    fn latency(&mut self) -> i64 {
        if self.random.chance(self.faults.slow) {
            self.random.between(500, 6_000) * MS
        } else {
            self.random.between(5, 150) * MS
        }
    }

    /// Whether faults may strike: not before the account is opened, whose first look has to be sound.
    fn calm(&self) -> bool {
        self.quiet || self.host.as_ref().is_none_or(|host| host.desk.account().opened_at.is_none())
    }

    fn strikes(&mut self, rate: u32) -> bool {
        !self.calm() && self.random.chance(rate)
    }

    pub(crate) fn submit(&mut self, order: BrokerOrder, attempt: u32) {
        self.counters.submits += 1;
        let used = self.broker.count_request(self.now, 1);
        self.tell_budget(used);
        let (id, life, there) = (order.order, self.life, self.latency());
        let back = self.latency();
        let answer = |answer| Event::Submitted { order: id, attempt, answer };
        let post = |way| {
            Happening::Reach(Box::new(Request::Submit { life, order: order.clone(), attempt, way }))
        };
        if self.strikes(self.faults.submit_not_taken) {
            self.checks.not_taken(&order.client_order_id);
            self.counters.not_taken += 1;
            let retry_after = self.random.between(0, 20) * NANOS_PER_SECOND;
            self.schedule_input(
                back,
                answer(Answer::NotTaken { retry_after, why: "429".to_owned() }),
            );
        } else if self.strikes(self.faults.submit_lost) {
            self.counters.unknowns += 1;
            self.schedule_input(TIMEOUT, answer(unknown()));
        } else if self.strikes(self.faults.submit_late) {
            self.counters.unknowns += 1;
            self.counters.late_posts += 1;
            let late = self.random.between(20, 240) * NANOS_PER_SECOND;
            self.schedule_input(TIMEOUT, answer(unknown()));
            self.schedule(late, post(Way::Lost));
        } else if self.strikes(self.faults.submit_unanswered) {
            self.counters.unknowns += 1;
            let after = if self.random.chance(500) { TIMEOUT } else { back };
            self.schedule_input(after, answer(unknown()));
            self.schedule(there, post(Way::Lost));
        } else if self.strikes(self.faults.submit_refused) {
            let message = "insufficient buying power".to_owned();
            self.schedule_input(
                there + back,
                answer(Answer::Refused { http: 403, code: 40_310_000, message }),
            );
        } else if self.strikes(self.faults.submit_twice) {
            self.schedule(there, post(Way::Lost));
            self.schedule(there + MS, post(Way::Arrives));
        } else {
            self.schedule(there, post(Way::Arrives));
        }
    }

    pub(crate) fn cancel(&mut self, order: OrderId, broker_order_id: String) {
        self.counters.cancels += 1;
        let used = self.broker.count_request(self.now, 1);
        self.tell_budget(used);
        let (life, there) = (self.life, self.latency());
        if self.strikes(self.faults.cancel_lost) {
            self.schedule_input(TIMEOUT, Event::CancelAnswered { order, answer: unknown() });
            return;
        }
        let lost = self.strikes(self.faults.cancel_unanswered);
        if lost {
            self.schedule_input(TIMEOUT, Event::CancelAnswered { order, answer: unknown() });
        }
        let way = if lost { Way::Lost } else { Way::Arrives };
        self.schedule(
            there,
            Happening::Reach(Box::new(Request::Cancel { life, order, broker_order_id, way })),
        );
    }

    pub(crate) fn look_up(&mut self, order: OrderId, client_order_id: String) {
        self.counters.lookups += 1;
        let used = self.broker.count_request(self.now, 1);
        self.tell_budget(used);
        if self.strikes(self.faults.read_fails) {
            self.schedule_input(TIMEOUT, Event::LookedUp { order, answer: unknown() });
            return;
        }
        let (life, there) = (self.life, self.latency());
        self.schedule(
            there,
            Happening::Reach(Box::new(Request::LookUp { life, order, client_order_id })),
        );
    }

    pub(crate) fn snapshot(&mut self, since: Timestamp) {
        self.counters.snapshots += 1;
        let used = self.broker.count_request(self.now, 7);
        self.tell_budget(used);
        if self.strikes(self.faults.read_fails) {
            self.schedule_input(TIMEOUT, Event::Snapshot { answer: unknown() });
            return;
        }
        let (life, there, at) = (self.life, self.latency(), self.market());
        // The clock is read first, the account a moment later.
        let snapshot = Box::new(self.broker.snapshot_account(since, at));
        self.schedule(there, Happening::Part { life, part: 0, snapshot });
    }

    /// Reads the next part of a snapshot: the account, positions, orders, fills, each at its own time.
    pub(crate) fn read_part(&mut self, life: u64, part: u8, mut snapshot: BrokerSnapshot) {
        let at = self.market();
        match part {
            0 => {
                let account = self.broker.snapshot_account(snapshot.since, at);
                (snapshot.cash, snapshot.equity) = (account.cash, account.equity);
            }
            1 => {
                let lag = if self.strikes(self.faults.positions_lag) {
                    self.random.between(1, READ_LAG_S)
                } else {
                    0
                };
                snapshot.positions =
                    self.broker.snapshot_positions(at.plus(-lag * NANOS_PER_SECOND));
            }
            2 => {
                let lags = self.strikes(self.faults.lookup_lags);
                let (broker, now) = (&self.broker, self.now);
                let lately = |id: &str| {
                    broker.landed.get(id).is_some_and(|at| now - at < READ_LAG_S * NANOS_PER_SECOND)
                };
                snapshot.orders = broker.snapshot_orders(snapshot.since, |id| lags && lately(id));
            }
            _ => {
                let rate = u64::from(if self.calm() { 0 } else { self.faults.activity_late });
                let renamed = self.faults.activity_renamed > 0;
                let late = |fill: &stockade_core::broker::Fill| {
                    let lot = fingerprint(&fill.execution_id);
                    let delay = i64::try_from(lot / 1_000 % 120).unwrap_or(0) * NANOS_PER_SECOND;
                    lot % 1_000 < rate && at.since(fill.at) < delay
                };
                snapshot.fills = self.broker.snapshot_fills(snapshot.since, renamed, late);
            }
        }
        let after = self.latency();
        if part < 3 {
            self.schedule(
                after,
                Happening::Part { life, part: part + 1, snapshot: Box::new(snapshot) },
            );
        } else {
            let event = Event::Snapshot { answer: Answer::Done { value: snapshot } };
            self.schedule(after, Happening::Input { life, event: Box::new(event) });
        }
    }

    /// A request is at the broker.
    pub(crate) fn reach(&mut self, request: Request) -> Checked {
        let at = self.market();
        let back = self.latency();
        match request {
            Request::Submit { life, order, attempt, way } => {
                let answer = self.broker.submit(&order, self.now, at);
                self.trace.line(self.now, || {
                    format!("  broker: {} {:?}", order.client_order_id, answer_kind(&answer))
                });
                if let Answer::Refused { message, .. } = &answer {
                    self.counters.refused += 1;
                    super::check::refused(self, &order, message)?;
                }
                if way == Way::Arrives {
                    let event = Event::Submitted { order: order.order, attempt, answer };
                    self.schedule(back, Happening::Input { life, event: Box::new(event) });
                }
            }
            Request::Cancel { life, order, broker_order_id, way } => {
                let answer = model::cancel(&mut self.broker.exchange, &broker_order_id, at);
                if way == Way::Arrives {
                    let event = Event::CancelAnswered { order, answer };
                    self.schedule(back, Happening::Input { life, event: Box::new(event) });
                }
            }
            Request::LookUp { life, order, client_order_id } => {
                let landed = self.broker.landed.get(&client_order_id).copied();
                let lately = landed.is_some_and(|at| self.now - at < READ_LAG_S * NANOS_PER_SECOND);
                let answer = if lately && self.strikes(self.faults.lookup_lags) {
                    Answer::NotFound
                } else {
                    model::look_up(&self.broker.exchange, &client_order_id)
                };
                let event = Event::LookedUp { order, answer };
                self.schedule(back, Happening::Input { life, event: Box::new(event) });
            }
        }
        self.deliver();
        Ok(())
    }

    /// Sends what happened at the broker down the account stream.
    pub(crate) fn deliver(&mut self) {
        self.broker.read_journal();
        for update in self.broker.exchange.drain_events() {
            if update.execution_id.is_some() {
                self.counters.executions += 1;
            }
            let Some(socket) = self.broker.socket else {
                self.counters.updates_lost += 1;
                continue;
            };
            if self.strikes(self.faults.update_lost) {
                self.counters.updates_lost += 1;
                continue;
            }
            let update = Box::new(model::trade_update(&update));
            if self.strikes(self.faults.update_twice) {
                self.counters.updates_doubled += 1;
                let after = self.random.between(5, 3_000) * MS;
                self.schedule(after, Happening::Update { socket, update: update.clone() });
            }
            let late = self.strikes(self.faults.update_late);
            let after = if late { self.random.between(200, 20_000) * MS } else { 5 * MS };
            self.counters.updates_late += u64::from(late);
            self.schedule(after, Happening::Update { socket, update });
        }
    }
}

fn answer_kind(answer: &Answer<OrderReport>) -> String {
    match answer {
        Answer::Done { value } => {
            format!("takes it as {} ({:?})", value.broker_order_id, value.status)
        }
        Answer::Refused { http, message, .. } => format!("refuses it: {http} {message}"),
        other => format!("{other:?}"),
    }
}

/// A number that belongs to a text.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
