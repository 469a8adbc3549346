//! Two moving averages: buys when the fast mean is above the slow one, sells when it is below.
//!
//! Each symbol stands on its own. Means are compared by cross-multiplied exact sums, so every
//! language gives the same orders. The bot keeps closes alone; what it holds and what is open it
//! asks of the host.

use std::cmp::Ordering;

use stockade_sdk::{
    Bar, Config, Context, Decimal, Description, Param, Reader, Strategy, Window, Writer, qty, warn,
};

/// The second version trades alike and says so in its orders' reasons.
const VERSION: &str = if cfg!(feature = "v2") { "0.2.0" } else { env!("CARGO_PKG_VERSION") };
const UP: &str = if cfg!(feature = "v2") { "fast mean above slow" } else { "cross up" };
const DOWN: &str = if cfg!(feature = "v2") { "fast mean below slow" } else { "cross down" };

/// The strategy.
pub struct SmaCross {
    qty: Decimal,
    series: Vec<Series>,
}

/// The closes of one symbol.
struct Series {
    symbol: String,
    fast: Window,
    slow: Window,
}

impl Strategy for SmaCross {
    fn describe() -> Description {
        Description::new("sma-cross", VERSION)
            .with_param(
                Param::integer("fast", 10).between(1, 100_000).help("closes of the fast mean"),
            )
            .with_param(
                Param::integer("slow", 30).between(2, 100_000).help("closes of the slow mean"),
            )
            .with_param(
                Param::decimal("qty", qty("10"))
                    .between(qty("0.000000001"), 1_000_000_000)
                    .help("shares or coins to buy"),
            )
    }

    fn new(config: &Config) -> Result<Self, String> {
        let (fast, slow) = (config.count("fast")?, config.count("slow")?);
        if fast == 0 || fast >= slow {
            return Err(format!("fast is {fast} and slow is {slow}; fast must be the smaller"));
        }
        let mut series = Vec::new();
        series.resize_with(config.instrument_slots(), || Series {
            symbol: String::new(),
            fast: Window::new(fast),
            slow: Window::new(slow),
        });
        for info in &config.instruments {
            if let Some(slot) = usize::try_from(info.id).ok().and_then(|i| series.get_mut(i)) {
                slot.symbol.clone_from(&info.symbol);
            }
        }
        Ok(Self { qty: config.decimal("qty")?, series })
    }

    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        let slot = usize::try_from(bar.instrument).ok().and_then(|i| self.series.get_mut(i));
        let Some(series) = slot else { return };
        let close = bar.close();
        let pushed = series.slow.push(close).and_then(|()| series.fast.push(close));
        if let Err(error) = pushed {
            warn!(ctx, "{}: close {close} is left out: {error}", series.symbol);
            return;
        }
        if ctx.is_warm_up() || !series.slow.is_full() {
            return;
        }
        match series.fast.compare_means(&series.slow) {
            Some(Ordering::Greater) => buy(ctx, bar, self.qty),
            Some(Ordering::Less) => sell(ctx, bar),
            Some(Ordering::Equal) | None => {}
        }
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.count(self.series.len());
        for series in &self.series {
            out.text(&series.symbol);
            series.fast.save(&mut out);
            series.slow.save(&mut out);
        }
        out.finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let mut from = Reader::new(state)?;
        for _ in 0..from.count()? {
            let symbol = from.text()?;
            // A symbol that is no longer wanted is read into a spare place.
            let mut gone =
                Series { symbol: String::new(), fast: Window::new(1), slow: Window::new(1) };
            let kept = self.series.iter_mut().find(|s| s.symbol == symbol);
            let series = kept.unwrap_or(&mut gone);
            series.fast.restore(&mut from)?;
            series.slow.restore(&mut from)?;
        }
        Ok(from.finish()?)
    }
}

fn buy(ctx: &mut Context<'_>, bar: &Bar, qty: Decimal) {
    if !ctx.position(bar.instrument).qty.is_zero() || ctx.has_open_order(bar.instrument) {
        return;
    }
    if let Err(refusal) = ctx.buy(bar.instrument, qty).market().reason(UP).submit() {
        warn!(ctx, "purchase refused, {}: {}", refusal.code, refusal.message);
    }
}

fn sell(ctx: &mut Context<'_>, bar: &Bar) {
    let held = ctx.position(bar.instrument).qty;
    if !held.is_positive() || ctx.has_open_order(bar.instrument) {
        return;
    }
    if let Err(refusal) = ctx.sell(bar.instrument, held).market().reason(DOWN).submit() {
        warn!(ctx, "sale refused, {}: {}", refusal.code, refusal.message);
    }
}

stockade_sdk::export!(SmaCross);

#[cfg(test)]
mod tests;
