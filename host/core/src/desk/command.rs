//! Commands of people: sleeves, capital, bots, orders by hand, positions, limits.

use rust_decimal::Decimal;

use super::effect::Effects;
use super::event::{Command, Reply, Scope};
use super::state::{Desk, Sleeve};
use crate::decimal::Money;
use crate::id::{OrderId, SleeveId, Slug, Symbol};
use crate::risk::{Refusal, TradingState};
use crate::row::{BotState, SleeveKind};

pub(super) type Outcome = Result<Reply, Refusal>;

pub(super) fn done(message: String) -> Reply {
    Reply::Done { message, order: None, sleeve: None, booked: None, known: None }
}

pub(super) fn not_allowed(what: &str, name: &impl ToString, why: &str) -> Refusal {
    let (what, why) = (what.to_owned(), why.to_owned());
    Refusal::NotAllowed { what, name: name.to_string(), why }
}

impl Desk {
    pub(super) fn on_command(&mut self, command: &Command, out: &mut Effects) {
        let outcome = self.execute(command, out);
        out.reply = Some(outcome.unwrap_or_else(|refusal| Reply::Refused { refusal }));
    }

    fn execute(&mut self, command: &Command, out: &mut Effects) -> Outcome {
        match command {
            Command::SleeveCreate { name, capital, lots } => {
                let id = self.create_sleeve(name, SleeveKind::Hand, *capital, *lots, out)?;
                let message = format!("sleeve {name} has {capital}");
                Ok(Reply::Done {
                    message,
                    order: None,
                    sleeve: Some(id),
                    booked: None,
                    known: None,
                })
            }
            Command::SleeveSet { name, lots } => self.set_lots(name, *lots),
            Command::CapitalAdd { name, amount } => self.add_capital(name, *amount, out),
            Command::CapitalWithdraw { name, amount } => self.withdraw(name, *amount, out),
            Command::CapitalMove { from, to, amount } => self.move_capital(from, to, *amount, out),
            Command::CapitalAllocate { name, amount } => self.allocate(name, *amount, out),
            Command::BotDeploy { .. } => self.deploy(command, out),
            Command::BotSet { name, params } => self.set_params(name, params, out),
            Command::BotStart { name } => self.bot_start(name, false, out),
            Command::BotRelease { name } => self.bot_start(name, true, out),
            Command::BotStop { name } => self.bot_stop(name, BotState::Stopped, out),
            Command::BotRemove { name } => self.bot_stop(name, BotState::Retired, out),
            Command::OrderSubmit { sleeve, intent } => self.submit_by_hand(sleeve, intent, out),
            Command::OrderCancel { order } => {
                self.cancel(*order, out)?;
                Ok(self.order_reply(*order, "cancel asked for"))
            }
            Command::OrderReplace { order, qty, limit_price } => {
                if !self.orders.contains_key(order) {
                    return Err(not_found("order", order));
                }
                let intent = self.changed(*order, *qty, *limit_price, None);
                let id = self.replace(*order, None, &intent, out)?;
                Ok(self.order_reply(id, "replacement accepted"))
            }
            Command::PositionAssign { symbol, qty, to, cost, opened } => {
                self.assign(symbol, *qty, to, *cost, *opened, out)
            }
            Command::PositionMove { from, to, symbol, qty } => {
                self.move_position(from, to, symbol, *qty, out)
            }
            Command::ImportFills { sleeve, opening, fills } => {
                self.import(sleeve, *opening, fills, out)
            }
            Command::ImportActions { activities } => self.import_activities(activities, out),
            Command::ActionBook { activity, booking } => self.book_by_hand(activity, booking, out),
            Command::RiskSet { scope, settings } => self.set_controls(scope, settings),
            Command::Halt { scope, reducing, why } => {
                let state = if *reducing { TradingState::Reducing } else { TradingState::Halted };
                self.halt(scope, state, why, out)
            }
            Command::Resume { scope } => self.resume(scope),
            Command::Reconcile => {
                if !self.account.has_broker {
                    return Err(not_allowed("account", &self.account.label, "it has no broker"));
                }
                self.request_snapshot(out);
                Ok(done("asked the broker".to_owned()))
            }
            Command::BreakResolve { break_id, action, why } => {
                self.resolve_break(*break_id, action, why, out)
            }
        }
    }

    pub(super) fn order_reply(&self, id: OrderId, what: &str) -> Reply {
        let status = self.orders.get(&id).map_or("unknown", |order| order.status.as_str());
        let message = format!("order {id}: {what} ({status})");
        Reply::Done { message, order: Some(id), sleeve: None, booked: None, known: None }
    }

    /// A sleeve that people can name: not the account's own three.
    pub(super) fn named(&self, name: &Slug) -> Result<SleeveId, Refusal> {
        let id = self.names.get(name).copied().ok_or_else(|| not_found("sleeve", name))?;
        let row = &self.sleeves[&id].row;
        if row.retired {
            return Err(not_allowed("sleeve", name, "it is retired"));
        }
        if !matches!(row.kind, SleeveKind::Bot | SleeveKind::Hand) {
            return Err(not_allowed("sleeve", name, "it is the account's own"));
        }
        Ok(id)
    }

    /// Sets controls, all of them or none.
    fn set_controls(&mut self, scope: &Scope, settings: &[(String, String)]) -> Outcome {
        match scope {
            Scope::Account => {
                let mut controls = self.account.controls.clone();
                let mut factor = self.account.allocation_factor;
                for (control, value) in settings {
                    if control == "allocation_factor" {
                        factor = allocation_factor(value)?;
                    } else {
                        controls.set(control, value)?;
                    }
                }
                self.account.controls = controls;
                self.account.allocation_factor = factor;
                self.touched.account = true;
                self.sleeves.values_mut().for_each(Sleeve::forget_controls);
                self.settle_floors();
            }
            Scope::Sleeve { name } => {
                let id = self.named(name)?;
                let mut controls = self.sleeves[&id].row.controls.clone();
                for (control, value) in settings {
                    controls.set(control, value)?;
                }
                let sleeve = self.sleeve_mut(id);
                sleeve.row.controls = controls;
                sleeve.forget_controls();
                self.begin_losses();
            }
        }
        let set = settings.iter().map(|(control, value)| format!("{control} is {value}"));
        Ok(done(set.collect::<Vec<_>>().join(", ")))
    }

    fn halt(
        &mut self,
        scope: &Scope,
        state: TradingState,
        why: &str,
        out: &mut Effects,
    ) -> Outcome {
        let reason = Some(why.to_owned());
        let sleeves: Vec<SleeveId> = match scope {
            Scope::Account => {
                (self.account.state, self.account.state_reason) = (state, reason);
                self.touched.account = true;
                for sleeve in self.sleeves.values_mut() {
                    sleeve.version += 1;
                }
                self.sleeves.keys().copied().collect()
            }
            Scope::Sleeve { name } => {
                let id = self.named(name)?;
                let row = &mut self.sleeve_mut(id).row;
                (row.state, row.state_reason) = (state, reason);
                vec![id]
            }
        };
        // Whatever works against the new state is called back.
        let stays = |side| state == TradingState::Reducing && side == crate::order::Side::Sell;
        let orders: Vec<OrderId> = self
            .open_orders()
            .filter(|order| sleeves.contains(&order.sleeve) && !stays(order.side))
            .map(|order| order.id)
            .collect();
        let count = orders.len();
        for id in orders {
            // Found open a moment ago; one that a cancel before it ended needs none.
            let _ = self.cancel(id, out);
        }
        Ok(done(format!("{}, {count} orders called back", state.as_str())))
    }

    fn resume(&mut self, scope: &Scope) -> Outcome {
        match scope {
            Scope::Account => {
                if self.account.has_broker
                    && !(self.reconciliation.ready && self.reconciliation.balanced)
                {
                    let why =
                        "the last comparison with the broker was not clean: stockade reconcile";
                    return Err(not_allowed("account", &self.account.label, why));
                }
                let beyond = self.allocated_beyond();
                if beyond.is_positive() {
                    let why = format!(
                        "its sleeves have {beyond} more than it has: withdraw capital first (stockade capital show)"
                    );
                    return Err(not_allowed("account", &self.account.label, &why));
                }
                (self.account.state, self.account.state_reason) = (TradingState::Active, None);
                self.touched.account = true;
                for sleeve in self.sleeves.values_mut() {
                    sleeve.version += 1;
                }
            }
            Scope::Sleeve { name } => {
                let id = self.named(name)?;
                let row = &mut self.sleeve_mut(id).row;
                (row.state, row.state_reason) = (TradingState::Active, None);
            }
        }
        Ok(done("active".to_owned()))
    }
}

fn allocation_factor(value: &str) -> Result<Decimal, Refusal> {
    let factor = crate::decimal::parse(value).ok();
    let why = format!("{value:?}: a number above 0 and at most 4 is wanted");
    factor
        .filter(|factor| *factor > Decimal::ZERO && *factor <= Decimal::from(4))
        .ok_or_else(|| not_allowed("setting", &"allocation_factor", &why))
}

pub(super) fn not_found(what: &str, name: &impl ToString) -> Refusal {
    Refusal::NotFound { what: what.to_owned(), name: name.to_string() }
}

pub(super) fn amount_refusal(found: Money) -> Refusal {
    not_allowed("amount", &found, "it must be above zero")
}

pub(super) fn join(symbols: &[Symbol]) -> String {
    symbols.iter().map(Symbol::as_str).collect::<Vec<_>>().join(", ")
}
