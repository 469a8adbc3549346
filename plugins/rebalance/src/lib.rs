//! Holds target weights over several symbols: every `every` time stamps with bars, or at each
//! session's open, it sells what is too much and, once the sales are done, buys what is missing.
//!
//! Long only; the weights are of equity less the part `cash` that stays uninvested. Equities trade
//! in whole shares, crypto in steps of 0.000001, and nothing below a dollar. A symbol without
//! weight is sold. A rebalancing waits until every symbol has a price and no order is open, and
//! what is refused waits for the next one.

use stockade_sdk::{
    Config, Context, Decimal, Description, EventKind, Instrument, OrderEvent, Param, Reader,
    Rounding, SessionEvent, SessionKind, Side, Strategy, Timestamp, Writer, qty, warn,
};

/// Orders below this many dollars are not worth their while, and the broker refuses them.
const SMALLEST_ORDER: Decimal = qty("1");

/// The strategy.
pub struct Rebalance {
    /// Time stamps between two rebalancings; 0 means at the session's open.
    every: u64,
    /// The part of equity that may be invested.
    invested: Decimal,
    targets: Vec<Target>,
    seen: u64,
    last: Timestamp,
    /// A rebalancing is waiting to begin.
    due: bool,
    /// Sales are out, and purchases follow them.
    selling: bool,
}

/// What should be held of an instrument.
struct Target {
    instrument: Instrument,
    weight: Decimal,
    /// Places of a quantity.
    places: u8,
}

impl Strategy for Rebalance {
    fn describe() -> Description {
        let events = [EventKind::Bars, EventKind::Orders, EventKind::Session];
        Description::new("rebalance", env!("CARGO_PKG_VERSION"))
            .with_events(&events)
            .with_param(
                Param::text("weights", "")
                    .help("SYMBOL=WEIGHT, separated by commas; empty means equal weights"),
            )
            .with_param(
                Param::integer("every", 0)
                    .between(0, 1_000_000)
                    .help("bars between two rebalancings; 0 means at the open of each session"),
            )
            .with_param(
                Param::decimal("cash", qty("0.02"))
                    .between(0, 1)
                    .help("part of equity that stays in cash"),
            )
    }

    fn new(config: &Config) -> Result<Self, String> {
        let weights = weights(config)?;
        let total = weights.iter().try_fold(Decimal::ZERO, |sum, w| sum.checked_add(*w));
        if !total.is_some_and(|t| t.is_positive() && t <= Decimal::ONE) {
            return Err("the weights must add up to more than 0 and at most 1".into());
        }
        let targets = config.instruments.iter().zip(weights).map(|(info, weight)| Target {
            instrument: info.id,
            weight,
            places: if info.is_crypto() { 6 } else { 0 },
        });
        let every = config.integer("every")?;
        Ok(Self {
            every: u64::try_from(every).map_err(|_| format!("every is {every}, below 0"))?,
            invested: Decimal::ONE - config.decimal("cash")?,
            targets: targets.collect(),
            seen: 0,
            last: Timestamp::MIN,
            due: false,
            selling: false,
        })
    }

    fn after_bars(&mut self, ctx: &mut Context<'_>, at: Timestamp) {
        if at > self.last {
            self.last = at;
            self.seen += 1;
            self.due |= self.every > 0 && self.seen.is_multiple_of(self.every);
        }
        self.proceed(ctx);
    }

    fn on_session(&mut self, ctx: &mut Context<'_>, session: &SessionEvent) {
        self.due |= self.every == 0 && session.kind == SessionKind::Open;
        self.proceed(ctx);
    }

    fn on_order(&mut self, ctx: &mut Context<'_>, _order: &OrderEvent) {
        self.proceed(ctx);
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u64(self.seen);
        out.i64(self.last);
        out.boolean(self.due);
        out.boolean(self.selling);
        out.finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let mut from = Reader::new(state)?;
        self.seen = from.u64()?;
        self.last = from.i64()?;
        self.due = from.boolean()?;
        self.selling = from.boolean()?;
        Ok(from.finish()?)
    }
}

impl Rebalance {
    /// Takes the next step that can be taken.
    fn proceed(&mut self, ctx: &mut Context<'_>) {
        if ctx.is_warm_up() || !(self.due || self.selling) {
            return;
        }
        if self.selling {
            if ctx.open_orders().iter().all(|o| o.side != Side::Sell) {
                self.selling = false;
                self.purchases(ctx);
            }
        } else if ctx.open_orders().is_empty() && self.has_prices(ctx) {
            self.due = false;
            self.selling = self.sales(ctx);
            if !self.selling {
                self.purchases(ctx);
            }
        }
    }

    fn has_prices(&self, ctx: &Context<'_>) -> bool {
        self.targets.iter().all(|t| ctx.price(t.instrument).is_some_and(Decimal::is_positive))
    }

    /// What should be held of each target now.
    fn wanted(&self, ctx: &mut Context<'_>) -> Vec<(Instrument, u8, Decimal, Decimal)> {
        let equity = ctx.equity().and_then(|e| e.mul_to(self.invested, 9, Rounding::Down));
        let of = |target: &Target| {
            let price = ctx.price(target.instrument)?;
            let value = equity?.mul_to(target.weight, 9, Rounding::Down)?;
            let wanted = value.checked_div(price, target.places, Rounding::Down)?;
            Some((target.instrument, target.places, price, wanted))
        };
        self.targets.iter().filter_map(of).collect()
    }

    /// Sells what is too much; true when a sale is out.
    fn sales(&self, ctx: &mut Context<'_>) -> bool {
        let mut out = false;
        for (instrument, _, price, wanted) in self.wanted(ctx) {
            let excess = ctx.position(instrument).qty - wanted;
            if !is_worth_it(excess, price) {
                continue;
            }
            match ctx.sell(instrument, excess).reason("rebalance").submit() {
                Ok(_) => out = true,
                Err(refusal) => {
                    warn!(ctx, "sale refused, {}: {}", refusal.code, refusal.message);
                }
            }
        }
        out
    }

    /// Buys what is missing, as far as the free cash goes.
    fn purchases(&self, ctx: &mut Context<'_>) {
        for (instrument, places, price, wanted) in self.wanted(ctx) {
            // The host holds more than the last price for a market order, hence the same margin.
            let free = ctx.buying_power().mul_to(self.invested, 9, Rounding::Down);
            let affordable = free.and_then(|f| f.checked_div(price, places, Rounding::Down));
            let missing = wanted - ctx.position(instrument).qty;
            let missing = affordable.map_or(Decimal::ZERO, |a| a.min(missing));
            if !is_worth_it(missing, price) {
                continue;
            }
            if let Err(refusal) = ctx.buy(instrument, missing).tag("rebalance").submit() {
                warn!(ctx, "purchase refused, {}: {}", refusal.code, refusal.message);
            }
        }
    }
}

fn is_worth_it(qty: Decimal, price: Decimal) -> bool {
    qty.is_positive()
        && qty.mul_to(price, 9, Rounding::Down).is_none_or(|value| value >= SMALLEST_ORDER)
}

/// The weight of each instrument of the configuration, in its order.
fn weights(config: &Config) -> Result<Vec<Decimal>, String> {
    let text = config.text("weights")?;
    if text.trim().is_empty() {
        let count = i64::try_from(config.instruments.len()).unwrap_or(i64::MAX);
        let equal = Decimal::ONE.checked_div(count, 9, Rounding::Down);
        let equal = equal.ok_or("the deployment names no symbol")?;
        return Ok(vec![equal; config.instruments.len()]);
    }
    let mut weights = vec![Decimal::ZERO; config.instruments.len()];
    for part in text.split(',') {
        let (symbol, weight) = part
            .split_once('=')
            .ok_or_else(|| format!("{part:?} in weights is not SYMBOL=WEIGHT"))?;
        let (symbol, weight) = (symbol.trim(), weight.trim());
        let index = config.instruments.iter().position(|i| i.symbol == symbol);
        let index = index.ok_or_else(|| format!("{symbol:?} in weights is not deployed"))?;
        weights[index] =
            weight.parse().ok().filter(|w: &Decimal| !w.is_negative()).ok_or_else(|| {
                format!("the weight of {symbol} is {weight:?}, not a decimal from 0")
            })?;
    }
    Ok(weights)
}

stockade_sdk::export!(Rebalance);

#[cfg(test)]
mod tests;
