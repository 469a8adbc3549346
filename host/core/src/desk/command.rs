//! Commands of people: sleeves, capital, bots, orders by hand, positions, limits.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::effect::{Action, Effects};
use super::event::{Command, ImportKind, ImportedFill, Reply, Scope};
use super::restore::Prints;
use super::state::{Desk, Sleeve};
use crate::broker::Fill;
use crate::decimal::{Money, Qty};
use crate::id::{OrderId, SleeveId, Slug, Symbol};
use crate::ledger::{EntryKind, Holding, LedgerAccount, LotMethod, Posting};
use crate::limits;
use crate::risk::{Refusal, TradingState};
use crate::row::{BotRow, BotState, ExecutionKey, ExecutionSource, Row, SleeveKind};
use crate::time::Timestamp;

type Outcome = Result<Reply, Refusal>;

fn done(message: String) -> Reply {
    Reply::Done {
        message,
        order: None,
        sleeve: None,
        booked: None,
        known: None,
    }
}

fn not_allowed(what: &str, name: &impl ToString, why: &str) -> Refusal {
    let (what, why) = (what.to_owned(), why.to_owned());
    Refusal::NotAllowed {
        what,
        name: name.to_string(),
        why,
    }
}

impl Desk {
    pub(super) fn on_command(&mut self, command: &Command, out: &mut Effects) {
        let outcome = self.execute(command, out);
        out.reply = Some(outcome.unwrap_or_else(|refusal| Reply::Refused { refusal }));
    }

    fn execute(&mut self, command: &Command, out: &mut Effects) -> Outcome {
        match command {
            Command::SleeveCreate {
                name,
                capital,
                lots,
            } => {
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
            Command::OrderReplace {
                order,
                qty,
                limit_price,
            } => {
                if !self.orders.contains_key(order) {
                    return Err(not_found("order", order));
                }
                let intent = self.changed(*order, *qty, *limit_price);
                let id = self.replace(*order, None, &intent, out)?;
                Ok(self.order_reply(id, "replacement accepted"))
            }
            Command::PositionAssign {
                symbol,
                qty,
                to,
                cost,
                opened,
            } => self.assign(symbol, *qty, to, *cost, *opened, out),
            Command::PositionMove {
                from,
                to,
                symbol,
                qty,
            } => self.move_position(from, to, symbol, *qty, out),
            Command::ImportFills {
                sleeve,
                opening,
                fills,
            } => self.import(sleeve, *opening, fills, out),
            Command::RiskSet {
                scope,
                control,
                value,
            } => self.set_control(scope, control, value),
            Command::Halt {
                scope,
                reducing,
                why,
            } => {
                let state = if *reducing {
                    TradingState::Reducing
                } else {
                    TradingState::Halted
                };
                self.halt(scope, state, why, out)
            }
            Command::Resume { scope } => self.resume(scope),
            Command::Reconcile => {
                if !self.account.has_broker {
                    return Err(not_allowed(
                        "account",
                        &self.account.label,
                        "it has no broker",
                    ));
                }
                self.request_snapshot(out);
                Ok(done("asked the broker".to_owned()))
            }
            Command::BreakResolve {
                break_id,
                action,
                why,
            } => {
                self.resolve_break(*break_id, action, why, out)?;
                Ok(done(format!("break {break_id} is resolved")))
            }
        }
    }

    fn order_reply(&self, id: OrderId, what: &str) -> Reply {
        let status = self
            .orders
            .get(&id)
            .map_or("unknown", |order| order.status.as_str());
        let message = format!("order {id}: {what} ({status})");
        Reply::Done {
            message,
            order: Some(id),
            sleeve: None,
            booked: None,
            known: None,
        }
    }

    /// A sleeve that people can name: not the account's own three.
    fn named(&self, name: &Slug) -> Result<SleeveId, Refusal> {
        let id = self
            .names
            .get(name)
            .copied()
            .ok_or_else(|| not_found("sleeve", name))?;
        let row = &self.sleeves[&id].row;
        if row.retired {
            return Err(not_allowed("sleeve", name, "it is retired"));
        }
        if !matches!(row.kind, SleeveKind::Bot | SleeveKind::Hand) {
            return Err(not_allowed("sleeve", name, "it is the account's own"));
        }
        Ok(id)
    }

    // Sleeves and capital.

    fn create_sleeve(
        &mut self,
        name: &Slug,
        kind: SleeveKind,
        capital: Money,
        lots: LotMethod,
        out: &mut Effects,
    ) -> Result<SleeveId, Refusal> {
        if self.names.contains_key(name) {
            return Err(Refusal::Exists {
                what: "sleeve".to_owned(),
                name: name.to_string(),
            });
        }
        if self.sleeves.range(SleeveId::FIRST..).count() >= limits::SLEEVES_MAX {
            let why = format!("an account has at most {} sleeves", limits::SLEEVES_MAX);
            return Err(not_allowed("sleeve", name, &why));
        }
        if capital.is_negative() {
            return Err(amount_refusal(capital));
        }
        self.check_allocation(capital)?;
        let id = SleeveId(self.account.counters.sleeve);
        self.account.counters.sleeve += 1;
        self.touched.account = true;
        let mut row = self.blank_sleeve(id, name.clone(), kind);
        row.lots = lots;
        row.initial_capital = capital;
        self.names.insert(name.clone(), id);
        self.sleeves.insert(id, Sleeve::new(row));
        self.touched.sleeves.insert(id);
        self.fund(capital, out);
        self.shift_capital(
            SleeveId::HOUSE,
            id,
            capital,
            &format!("capital of {name}"),
            out,
        );
        Ok(id)
    }

    fn set_lots(&mut self, name: &Slug, lots: LotMethod) -> Outcome {
        let id = self.named(name)?;
        if !self.sleeves[&id].is_flat() {
            return Err(not_allowed(
                "sleeve",
                name,
                "the lot method changes only while it is flat",
            ));
        }
        self.sleeve_mut(id).row.lots = lots;
        Ok(done(format!("sleeve {name} closes lots by {lots:?}")))
    }

    /// The account without a broker makes the cash that it allocates.
    fn fund(&mut self, amount: Money, out: &mut Effects) {
        if self.account.has_broker || amount.is_zero() {
            return;
        }
        self.sleeve_mut(SleeveId::HOUSE).row.added += amount;
        let leg = |account, amount| Posting {
            sleeve: SleeveId::HOUSE,
            account,
            amount,
        };
        let postings = vec![
            leg(LedgerAccount::Cash, amount),
            leg(LedgerAccount::Capital, -amount),
        ];
        self.post(
            EntryKind::Deposit,
            "deposit".to_owned(),
            None,
            postings,
            out,
        );
    }

    /// Σ capital can't exceed the account: what house has, and what the factor lends it.
    fn check_allocation(&self, asked: Money) -> Result<(), Refusal> {
        if !self.account.has_broker {
            return Ok(());
        }
        if self.account.opened_at.is_none() {
            return Err(Refusal::Reconciling {
                why: "the account was not seen yet".to_owned(),
            });
        }
        let factor = self.account.allocation_factor;
        let equity: Money = self
            .sleeves
            .values()
            .map(|s| s.row.cash + self.value_of(s))
            .sum();
        let lent = (equity.get() * (factor - Decimal::ONE)).round_dp(2);
        let available = self.sleeves[&SleeveId::HOUSE].row.cash + Money::new(lent);
        if asked > available {
            return Err(Refusal::AllocationSum {
                asked,
                available,
                factor,
            });
        }
        Ok(())
    }

    /// Moves cash with its capital; the sleeves' `added` and `withdrawn` are the caller's.
    fn shift_capital(
        &mut self,
        from: SleeveId,
        to: SleeveId,
        amount: Money,
        memo: &str,
        out: &mut Effects,
    ) {
        if amount.is_zero() {
            return;
        }
        if from == SleeveId::HOUSE {
            self.sleeve_mut(from).row.withdrawn += amount;
        }
        if to == SleeveId::HOUSE {
            self.sleeve_mut(to).row.added += amount;
        }
        let leg = |sleeve, account, amount| Posting {
            sleeve,
            account,
            amount,
        };
        let postings = vec![
            leg(from, LedgerAccount::Cash, -amount),
            leg(from, LedgerAccount::Capital, amount),
            leg(to, LedgerAccount::Cash, amount),
            leg(to, LedgerAccount::Capital, -amount),
        ];
        self.post(EntryKind::Allocation, memo.to_owned(), None, postings, out);
    }

    fn add_capital(&mut self, name: &Slug, amount: Money, out: &mut Effects) -> Outcome {
        let id = self.named(name)?;
        if !amount.is_positive() {
            return Err(amount_refusal(amount));
        }
        self.check_allocation(amount)?;
        self.fund(amount, out);
        self.sleeve_mut(id).row.added += amount;
        self.shift_capital(
            SleeveId::HOUSE,
            id,
            amount,
            &format!("capital added to {name}"),
            out,
        );
        Ok(done(format!("added {amount} to {name}")))
    }

    fn check_free(&self, id: SleeveId, asked: Money) -> Result<(), Refusal> {
        if !asked.is_positive() {
            return Err(amount_refusal(asked));
        }
        let available = self.sleeves[&id].free_cash();
        if asked > available {
            return Err(Refusal::Withdrawal { asked, available });
        }
        Ok(())
    }

    fn withdraw(&mut self, name: &Slug, amount: Money, out: &mut Effects) -> Outcome {
        let id = self.named(name)?;
        self.check_free(id, amount)?;
        self.sleeve_mut(id).row.withdrawn += amount;
        self.shift_capital(
            id,
            SleeveId::HOUSE,
            amount,
            &format!("capital withdrawn from {name}"),
            out,
        );
        Ok(done(format!("withdrew {amount} from {name}")))
    }

    fn move_capital(
        &mut self,
        from: &Slug,
        to: &Slug,
        amount: Money,
        out: &mut Effects,
    ) -> Outcome {
        let (source, target) = (self.named(from)?, self.named(to)?);
        if source == target {
            return Err(not_allowed(
                "sleeve",
                from,
                "capital moves between two different sleeves",
            ));
        }
        self.check_free(source, amount)?;
        self.sleeve_mut(source).row.withdrawn += amount;
        self.sleeve_mut(target).row.added += amount;
        self.shift_capital(
            source,
            target,
            amount,
            &format!("capital from {from} to {to}"),
            out,
        );
        Ok(done(format!("moved {amount} from {from} to {to}")))
    }

    fn allocate(&mut self, name: &Slug, amount: Money, out: &mut Effects) -> Outcome {
        let id = self.named(name)?;
        if amount.is_negative() {
            return Err(amount_refusal(amount));
        }
        let change = amount - self.sleeves[&id].net_capital();
        if change.is_positive() {
            self.add_capital(name, change, out)?;
        } else if change.is_negative() {
            self.withdraw(name, change.abs(), out)?;
        }
        Ok(done(format!("{name} has {amount} of capital")))
    }

    // Bots.

    fn deploy(&mut self, command: &Command, out: &mut Effects) -> Outcome {
        let Command::BotDeploy {
            name,
            sleeve,
            capital,
            plugin,
            digest,
            version,
            params,
            symbols,
            seed,
        } = command
        else {
            unreachable!("called for BotDeploy alone")
        };
        if symbols.is_empty() || symbols.len() > limits::SYMBOLS_PER_BOT_MAX {
            let why = format!("it needs 1 to {} symbols", limits::SYMBOLS_PER_BOT_MAX);
            return Err(not_allowed("bot", name, &why));
        }
        if self
            .bots
            .values()
            .any(|b| b.name == *name && b.state != BotState::Retired)
        {
            return Err(Refusal::Exists {
                what: "bot".to_owned(),
                name: name.to_string(),
            });
        }
        let id = match sleeve {
            None => self.create_sleeve(name, SleeveKind::Bot, *capital, LotMethod::Fifo, out)?,
            Some(sleeve) => {
                let id = self.named(sleeve)?;
                let taken = self
                    .bots
                    .get(&id)
                    .is_some_and(|b| b.state != BotState::Retired);
                if taken || !self.sleeves[&id].is_flat() {
                    return Err(not_allowed(
                        "sleeve",
                        sleeve,
                        "it has a bot, positions or open orders",
                    ));
                }
                if capital.is_positive() {
                    self.add_capital(sleeve, *capital, out)?;
                }
                self.sleeve_mut(id).row.kind = SleeveKind::Bot;
                id
            }
        };
        self.sleeve_mut(id).row.controls.symbols = Some(symbols.clone());
        let generation = self.bots.get(&id).map_or(0, |b| b.generation);
        let bot = BotRow {
            sleeve: id,
            name: name.clone(),
            plugin: plugin.clone(),
            digest: digest.clone(),
            version: version.clone(),
            params: params.clone(),
            symbols: symbols.clone(),
            seed: *seed,
            generation,
            state: BotState::Loading,
            state_reason: None,
            strikes: Vec::new(),
            suspended_until: None,
            created_at: self.now.market,
        };
        self.bots.insert(id, bot);
        self.touched.bots.insert(id);
        self.bot_event(
            id,
            generation,
            "deployed",
            format!("plugin {plugin} version {version}"),
            out,
        );
        if self.is_ready() {
            self.start_bot(id, "deployed", out);
        }
        let message = format!("bot {name} has {capital} and trades {}", join(symbols));
        Ok(Reply::Done {
            message,
            order: None,
            sleeve: Some(id),
            booked: None,
            known: None,
        })
    }

    fn bot_named(&self, name: &Slug) -> Result<SleeveId, Refusal> {
        let bot = self
            .bots
            .values()
            .find(|b| b.name == *name && b.state != BotState::Retired);
        bot.map(|b| b.sleeve).ok_or_else(|| not_found("bot", name))
    }

    fn set_params(
        &mut self,
        name: &Slug,
        params: &[(String, String)],
        out: &mut Effects,
    ) -> Outcome {
        let id = self.bot_named(name)?;
        let Some(bot) = self.bot_mut(id) else {
            return Err(not_found("bot", name));
        };
        for (key, value) in params {
            match bot.params.iter_mut().find(|(known, _)| known == key) {
                Some(pair) => pair.1.clone_from(value),
                None => bot.params.push((key.clone(), value.clone())),
            }
        }
        if bot.state == BotState::Running {
            out.actions.push(Action::StopBot { sleeve: id });
            self.start_bot(id, "parameters changed", out);
        }
        Ok(done(format!("bot {name} has new parameters")))
    }

    fn bot_start(&mut self, name: &Slug, release: bool, out: &mut Effects) -> Outcome {
        let id = self.bot_named(name)?;
        let state = self.bots[&id].state;
        match state {
            BotState::Running | BotState::Loading => {
                return Err(not_allowed("bot", name, "it runs already"));
            }
            BotState::Quarantined if !release => {
                return Err(not_allowed(
                    "bot",
                    name,
                    "it is in quarantine: stockade bot release",
                ));
            }
            BotState::Stopped | BotState::Suspended if release => {
                return Err(not_allowed("bot", name, "it is not in quarantine"));
            }
            _ => {}
        }
        if let Some(bot) = self.bot_mut(id) {
            bot.strikes.clear();
        }
        self.start_bot(
            id,
            if release {
                "released"
            } else {
                "started by a person"
            },
            out,
        );
        let generation = self.bots[&id].generation;
        let kind = if release { "released" } else { "starting" };
        self.bot_event(id, generation, kind, "by a person".to_owned(), out);
        Ok(done(format!("bot {name} starts")))
    }

    fn bot_stop(&mut self, name: &Slug, state: BotState, out: &mut Effects) -> Outcome {
        let id = self.bot_named(name)?;
        if state == BotState::Retired {
            if !self.sleeves[&id].is_flat() {
                let why = "its sleeve has positions or open orders";
                return Err(not_allowed("bot", name, why));
            }
            self.sleeve_mut(id).row.kind = SleeveKind::Hand;
        }
        self.set_bot_state(id, state, Some("by a person"));
        let generation = self.bots[&id].generation;
        let (kind, text) = match state {
            BotState::Retired => ("retired", "removed; its sleeve stays, traded by hand"),
            _ => ("stopped", "by a person"),
        };
        self.bot_event(id, generation, kind, text.to_owned(), out);
        out.actions.push(Action::StopBot { sleeve: id });
        Ok(done(format!("bot {name} is {kind}")))
    }

    // Orders by hand, positions.

    fn submit_by_hand(
        &mut self,
        name: &Slug,
        intent: &crate::order::Intent,
        out: &mut Effects,
    ) -> Outcome {
        let id = self.named(name)?;
        let admission = match self.check(id, intent) {
            Ok(admission) => admission,
            Err(refusal) => {
                out.rows.push(Row::Refusal(crate::row::RefusalRow {
                    sleeve: id,
                    intent_id: crate::id::IntentId(0),
                    at: self.now.market,
                    intent: intent.clone(),
                    code: refusal.code(),
                    message: refusal.to_string(),
                }));
                return Err(refusal);
            }
        };
        let order = self.accept(id, None, intent, &admission, None, out);
        Ok(self.order_reply(order, "accepted"))
    }

    /// Gives shares of suspense to a sleeve, at a cost and date of the owner's books. The sleeve's
    /// capital grows by the cost; suspense's falls by what it carried.
    fn assign(
        &mut self,
        symbol: &Symbol,
        qty: Qty,
        to: &Slug,
        cost: Money,
        opened: Timestamp,
        out: &mut Effects,
    ) -> Outcome {
        let target = self.named(to)?;
        let instrument = self.known(symbol)?;
        if cost.is_negative() {
            return Err(amount_refusal(cost));
        }
        self.check_not_short(target, to, instrument)?;
        let parts = self.take(SleeveId::SUSPENSE, instrument, symbol, qty, out)?;
        let fees: Money = parts.iter().map(|lot| lot.fee).sum();
        let carried = parts.iter().map(|lot| lot.cost).sum::<Money>() + fees;
        let lot = crate::row::LotRow {
            id: crate::id::LotId(self.account.counters.lot),
            sleeve: target,
            symbol: symbol.clone(),
            side: crate::ledger::LotSide::Long,
            opened_at: opened,
            qty,
            remaining: qty,
            entry_price: crate::Price::new(crate::decimal::round_half_even(
                cost.get() / qty.get(),
                limits::LEDGER_SCALE,
            )),
            cost,
            cost_left: cost,
            fee: Money::ZERO,
            fee_left: Money::ZERO,
            execution_id: parts
                .first()
                .map_or_else(|| "assigned".into(), |lot| lot.execution_id.clone()),
        };
        self.account.counters.lot += 1;
        self.give(target, instrument, vec![lot], out);
        self.sleeve_mut(SleeveId::SUSPENSE).row.withdrawn += carried;
        self.sleeve_mut(target).row.added += cost;
        let memo = format!("{qty} {symbol} from suspense to {to} at a cost of {cost}");
        let from = (SleeveId::SUSPENSE, carried, fees);
        self.post_transfer(from, (target, cost), symbol, memo, out);
        Ok(done(format!("{to} has {qty} {symbol}")))
    }

    fn move_position(
        &mut self,
        from: &Slug,
        to: &Slug,
        symbol: &Symbol,
        qty: Qty,
        out: &mut Effects,
    ) -> Outcome {
        let (source, target) = (self.named(from)?, self.named(to)?);
        if source == target {
            return Err(not_allowed(
                "sleeve",
                from,
                "shares move between two different sleeves",
            ));
        }
        let instrument = self.known(symbol)?;
        self.check_not_short(target, to, instrument)?;
        let mut parts = self.take(source, instrument, symbol, qty, out)?;
        let carried: Money = parts.iter().map(|lot| lot.cost + lot.fee).sum();
        let fees: Money = parts.iter().map(|lot| lot.fee).sum();
        for lot in &mut parts {
            // The opening fee becomes part of the cost: the receiving sleeve never paid it.
            lot.id = crate::id::LotId(self.account.counters.lot);
            self.account.counters.lot += 1;
            lot.sleeve = target;
            lot.cost += lot.fee;
            lot.cost_left = lot.cost;
            (lot.fee, lot.fee_left) = (Money::ZERO, Money::ZERO);
        }
        self.give(target, instrument, parts, out);
        self.sleeve_mut(source).row.withdrawn += carried;
        self.sleeve_mut(target).row.added += carried;
        let memo = format!("{qty} {symbol} from {from} to {to}");
        let from = (source, carried, fees);
        self.post_transfer(from, (target, carried), symbol, memo, out);
        Ok(done(format!("{to} has {qty} {symbol} more")))
    }

    /// Moves shares at cost. What the source carried includes their opening fees, which leave with
    /// them: for the source it is as if they had never been paid.
    fn post_transfer(
        &mut self,
        (from, carried, fees): (SleeveId, Money, Money),
        (to, cost): (SleeveId, Money),
        symbol: &Symbol,
        memo: String,
        out: &mut Effects,
    ) {
        let leg = |sleeve, account, amount| Posting {
            sleeve,
            account,
            amount,
        };
        let position = || LedgerAccount::Position(symbol.clone());
        let postings = vec![
            leg(from, position(), fees - carried),
            leg(from, LedgerAccount::Fees, -fees),
            leg(from, LedgerAccount::Capital, carried),
            leg(to, position(), cost),
            leg(to, LedgerAccount::Capital, -cost),
        ];
        self.post(EntryKind::Transfer, memo, None, postings, out);
    }

    fn known(&self, symbol: &Symbol) -> Result<crate::InstrumentId, Refusal> {
        let missing = || Refusal::UnknownInstrument {
            symbol: symbol.to_string(),
        };
        self.by_symbol.get(symbol).copied().ok_or_else(missing)
    }

    /// Shares that come to a sleeve that is short of them would close its lots without a price.
    fn check_not_short(
        &self,
        id: SleeveId,
        name: &Slug,
        instrument: crate::InstrumentId,
    ) -> Result<(), Refusal> {
        let holding = self.sleeves[&id].holdings.get(&instrument);
        if holding.is_some_and(|h| h.qty.is_negative()) {
            let why = "it is short of the symbol: shares can't be given to it";
            return Err(not_allowed("sleeve", name, why));
        }
        Ok(())
    }

    /// Takes shares that are not offered out of a sleeve.
    fn take(
        &mut self,
        id: SleeveId,
        instrument: crate::InstrumentId,
        symbol: &Symbol,
        qty: Qty,
        out: &mut Effects,
    ) -> Result<Vec<crate::row::LotRow>, Refusal> {
        let free = self.sleeves[&id]
            .holdings
            .get(&instrument)
            .map_or(Qty::ZERO, Holding::available);
        if !qty.is_positive() || qty > free {
            return Err(Refusal::LongOnly {
                symbol: symbol.clone(),
                found: qty,
                available: free,
            });
        }
        let sleeve = self.sleeve_mut(id);
        let holding = sleeve.holdings.entry(instrument).or_default();
        let (parts, changed) = holding.take(qty);
        if holding.is_empty() {
            sleeve.holdings.remove(&instrument);
        }
        self.touched.positions.insert((id, instrument));
        out.rows.extend(changed.into_iter().map(Row::Lot));
        Ok(parts)
    }

    fn give(
        &mut self,
        id: SleeveId,
        instrument: crate::InstrumentId,
        lots: Vec<crate::row::LotRow>,
        out: &mut Effects,
    ) {
        let holding = self.sleeve_mut(id).holdings.entry(instrument).or_default();
        for lot in lots {
            holding.add(lot.clone());
            out.rows.push(Row::Lot(lot));
        }
        self.touched.positions.insert((id, instrument));
    }

    /// Books the fills of a file that are not known yet.
    fn import(
        &mut self,
        name: &Slug,
        opening: bool,
        fills: &[ImportedFill],
        out: &mut Effects,
    ) -> Outcome {
        let id = self.named(name)?;
        if self.account.has_broker {
            let why = "its fills come from the broker; shares from before are in suspense, and position assign \
                       gives them to a sleeve with their cost and date";
            return Err(not_allowed("sleeve", name, why));
        }
        let source = if opening {
            ExecutionSource::Opening
        } else {
            ExecutionSource::Import
        };
        let (mut booked, mut known) = (0u64, 0u64);
        for row in fills {
            let key = ExecutionKey {
                execution_id: row.execution_id.clone(),
                broker_order_id: String::new(),
                cumulative_qty: None,
            };
            let prints = Prints::of(&key);
            if self.is_known(&prints) {
                known += 1;
                continue;
            }
            self.remember(&prints);
            booked += 1;
            match &row.kind {
                ImportKind::Trade {
                    side,
                    qty,
                    price,
                    fee,
                } => {
                    let fill = Fill {
                        execution_id: row.execution_id.clone(),
                        broker_order_id: String::new(),
                        client_order_id: None,
                        symbol: row.symbol.clone(),
                        side: *side,
                        qty: *qty,
                        price: *price,
                        fee: *fee,
                        cumulative_qty: None,
                        at: row.at,
                    };
                    self.book(id, None, &fill, source, out);
                    let instrument = self.instrument_of(&row.symbol, out);
                    self.mark(instrument, *price, row.at);
                }
                ImportKind::Split { ratio } => self.split(id, row, *ratio, out),
            }
        }
        let message = format!("{booked} booked, {known} known already");
        Ok(Reply::Done {
            message,
            order: None,
            sleeve: Some(id),
            booked: Some(booked),
            known: Some(known),
        })
    }

    fn split(&mut self, id: SleeveId, row: &ImportedFill, ratio: Decimal, out: &mut Effects) {
        let instrument = self.instrument_of(&row.symbol, out);
        let sleeve = self.sleeve_mut(id);
        let Some(holding) = sleeve.holdings.get_mut(&instrument) else {
            return;
        };
        let (cost, lots) = (holding.cost, holding.split(ratio));
        self.touched.positions.insert((id, instrument));
        out.rows.extend(lots.into_iter().map(Row::Lot));
        if let Some(mark) = &mut self.marks[instrument.index()]
            && mark.at <= row.at
        {
            let price =
                crate::decimal::round_half_even(mark.price.get() / ratio, limits::LEDGER_SCALE);
            (mark.price, mark.at, mark.stored) = (crate::Price::new(price), row.at, false);
        }
        self.touched.marks.insert(instrument);
        let leg = |amount| Posting {
            sleeve: id,
            account: LedgerAccount::Position(row.symbol.clone()),
            amount,
        };
        let memo = format!("split of {}: {ratio} for 1", row.symbol);
        let execution_id: Arc<str> = row.execution_id.as_str().into();
        self.post(
            EntryKind::Split,
            memo,
            Some(&execution_id),
            vec![leg(-cost), leg(cost)],
            out,
        );
    }

    // Limits and states.

    fn set_control(&mut self, scope: &Scope, control: &str, value: &str) -> Outcome {
        match scope {
            Scope::Account if control == "allocation_factor" => {
                let factor = crate::decimal::parse(value).ok();
                let factor = factor.filter(|f| *f > Decimal::ZERO && *f <= Decimal::from(4));
                let why = "a number above 0 and at most 4 is wanted";
                let factor = factor.ok_or_else(|| not_allowed("setting", &control, why))?;
                self.account.allocation_factor = factor;
                self.touched.account = true;
            }
            Scope::Account => {
                self.account.controls.set(control, value)?;
                self.touched.account = true;
                for sleeve in self.sleeves.values_mut() {
                    sleeve.version += 1;
                }
            }
            Scope::Sleeve { name } => {
                let id = self.named(name)?;
                self.sleeve_mut(id).row.controls.set(control, value)?;
            }
        }
        Ok(done(format!("{control} is {value}")))
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
        Ok(done(format!(
            "{}, {count} orders called back",
            state.as_str()
        )))
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

fn not_found(what: &str, name: &impl ToString) -> Refusal {
    Refusal::NotFound {
        what: what.to_owned(),
        name: name.to_string(),
    }
}

fn amount_refusal(found: Money) -> Refusal {
    not_allowed("amount", &found, "it must be above zero")
}

fn join(symbols: &[Symbol]) -> String {
    symbols
        .iter()
        .map(Symbol::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
