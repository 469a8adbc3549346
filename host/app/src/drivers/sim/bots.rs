//! Bots: their instances, and calls that ask for anything through the capability's own admission.

use rust_decimal::Decimal;
use stockade_core::desk::{BotReport, BotRequest, Event, GoodRun, IntentBatch};
use stockade_core::order::Side;
use stockade_core::sleeve::{Buffered, Prices, SleeveView, admit};
use stockade_core::{IntentId, SleeveId, Timestamp};

use super::check::{self, Checked, Violation};
use super::world::{Happening, MS, World};

impl World {
    /// Starts an instance of a bot.
    pub(crate) fn start_bot(&mut self, sleeve: SleeveId, generation: u64) {
        if let Some(host) = &mut self.host {
            host.bots.insert(sleeve, generation);
        }
        let report = if self.random.chance(self.faults.bot_strikes) {
            BotReport::Failed { generation, cause: "trap".to_owned() }
        } else {
            BotReport::Ready { generation }
        };
        let (life, after) = (self.life, self.random.between(50, 2_000) * MS);
        self.schedule_input(after, Event::Bot { sleeve, report });
        self.schedule(after + 2, Happening::Call { life, sleeve, generation });
    }

    /// Calls a bot; what it asks for reaches the desk a moment later.
    pub(crate) fn call_bot(&mut self, sleeve: SleeveId, generation: u64) -> Checked {
        let Some(host) = &self.host else {
            return Ok(());
        };
        if host.bots.get(&sleeve) != Some(&generation) || self.quiet {
            return Ok(());
        }
        let (life, again) = (self.life, self.random.between(500, 5_000) * MS);
        self.schedule(again, Happening::Call { life, sleeve, generation });
        let after = self.random.between(1, 1_500) * MS;
        if self.random.chance(self.faults.bot_strikes / 4) {
            let mut run = GoodRun::default();
            if self.random.chance(600) {
                run.took(20, Timestamp(0), Timestamp(3_600_000 * MS));
            }
            let report = BotReport::Strike { generation, run, cause: "out of fuel".to_owned() };
            self.schedule_input(after, Event::Bot { sleeve, report });
            return Ok(());
        }
        let requests = self.ask(sleeve)?;
        if !requests.is_empty() {
            let snapshot = Some(vec![7u8; 16].into());
            let batch = IntentBatch {
                sleeve,
                generation,
                requests,
                snapshot,
                digest: "d1".into(),
                seen: self.market(),
            };
            self.schedule_input(after, Event::Intents { batch });
        }
        Ok(())
    }

    /// What a bot asks for in one call, admitted as the runtime does it.
    fn ask(&mut self, sleeve: SleeveId) -> Result<Vec<BotRequest>, Violation> {
        let Some(host) = self.host.take() else {
            return Ok(Vec::new());
        };
        let asked = host.desk.view(sleeve).map(|view| self.ask_with(&view, &host.desk));
        self.host = Some(host);
        asked.unwrap_or_else(|| Ok(Vec::new()))
    }

    fn ask_with(
        &mut self,
        view: &SleeveView,
        prices: &dyn Prices,
    ) -> Result<Vec<BotRequest>, Violation> {
        let mut buffered = Buffered::default();
        let mut next = view.next_intent.0;
        let mut held = Decimal::ZERO;
        let market = self.market();
        let asks = match self.random.below(10) {
            0..3 => 0,
            3..9 => self.random.between(1, 2),
            _ => self.random.between(3, 12),
        };
        for _ in 0..asks {
            match self.random.below(10) {
                0 | 1 if !view.orders.is_empty() => {
                    if let Some(order) = self.random.pick(&view.orders) {
                        buffered.requests.push(BotRequest::Cancel { intent_id: order.intent_id });
                    }
                }
                2 if !view.orders.is_empty() => {
                    if let Some(intent_id) =
                        self.random.pick(&view.orders).map(|order| order.intent_id)
                    {
                        let (qty, limit_price) = self.change();
                        let new_intent_id = IntentId(next);
                        next += 1;
                        buffered.requests.push(BotRequest::Replace {
                            intent_id,
                            new_intent_id,
                            qty,
                            limit_price,
                            stop_price: None,
                        });
                    }
                }
                _ => {
                    let Some(intent) = self.intent(view, prices) else {
                        continue;
                    };
                    let intent_id = IntentId(next);
                    next += 1;
                    match admit(view, prices, market, &buffered, &intent) {
                        Ok(admission) => {
                            if intent.side == Side::Buy {
                                held += check::worst_case(&intent.size, admission.worst_price);
                            }
                            buffered.submit(intent_id, intent, &admission);
                        }
                        Err(refusal) => {
                            self.counters.refusals += 1;
                            buffered.requests.push(BotRequest::Refused {
                                intent_id,
                                intent,
                                refusal,
                            });
                        }
                    }
                }
            }
        }
        let free = (view.cash - view.reserved).get();
        if held > free && held > Decimal::ZERO {
            let what = format!("one call of {} was admitted for {held}, it has {free}", view.name);
            return Err(Violation::new("I21", what));
        }
        Ok(buffered.requests)
    }
}
