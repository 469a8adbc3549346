//! Bollinger bands: buys when the close falls below the mean by `width` standard deviations, sells
//! everything once the close is back at the mean.
//!
//! The deviation is that of the window as a whole population. No root is taken: with the distances
//! d of the closes from the close in hand, S their sum and n their number, the close is below the
//! band exactly when S > 0 and S² > width² · (n · Σd² − S²). Sums that do not fit 128 bits give no
//! signal and a line in the log.

use stockade_sdk::{
    Bar, Config, Context, Decimal, Description, Param, Reader, Strategy, Window, Writer, qty, warn,
};

/// The strategy.
pub struct MeanReversion {
    width: Decimal,
    qty: Decimal,
    series: Vec<(String, Window)>,
}

/// Where a close stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Below the lower band.
    Below,
    /// Between the lower band and the mean.
    Between,
    /// At the mean or above.
    Mean,
}

impl Strategy for MeanReversion {
    fn describe() -> Description {
        Description::new("mean-reversion", env!("CARGO_PKG_VERSION"))
            .with_param(Param::integer("window", 20).between(2, 10_000).help("closes of the mean"))
            .with_param(
                Param::decimal("width", qty("2"))
                    .between(0, 100)
                    .help("standard deviations from the mean to the band"),
            )
            .with_param(
                Param::decimal("qty", qty("10"))
                    .between(qty("0.000000001"), 1_000_000_000)
                    .help("shares or coins to buy"),
            )
    }

    fn new(config: &Config) -> Result<Self, String> {
        let window = config.count("window")?;
        let mut series = vec![(String::new(), Window::new(window)); config.instrument_slots()];
        for info in &config.instruments {
            if let Some(slot) = usize::try_from(info.id).ok().and_then(|i| series.get_mut(i)) {
                slot.0.clone_from(&info.symbol);
            }
        }
        Ok(Self { width: config.decimal("width")?, qty: config.decimal("qty")?, series })
    }

    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        let slot = usize::try_from(bar.instrument).ok().and_then(|i| self.series.get_mut(i));
        let Some((symbol, window)) = slot else { return };
        if let Err(error) = window.push(bar.close()) {
            warn!(ctx, "{symbol}: close {} is left out: {error}", bar.close());
            return;
        }
        if ctx.is_warm_up() || !window.is_full() {
            return;
        }
        match place(window, self.width) {
            Some(Place::Below) => buy(ctx, bar, self.qty),
            Some(Place::Between) => {}
            Some(Place::Mean) => sell(ctx, bar),
            None => warn!(ctx, "{symbol}: the deviation does not fit 128 bits"),
        }
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.count(self.series.len());
        for (symbol, window) in &self.series {
            out.text(symbol);
            window.save(&mut out);
        }
        out.finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let mut from = Reader::new(state)?;
        for _ in 0..from.count()? {
            let symbol = from.text()?;
            // A symbol that is no longer wanted is read into a spare place.
            let mut gone = Window::new(1);
            let kept = self.series.iter_mut().find(|(s, _)| s == symbol);
            kept.map_or(&mut gone, |(_, window)| window).restore(&mut from)?;
        }
        Ok(from.finish()?)
    }
}

/// Where the newest value of a window stands; `None` when the sums don't fit.
fn place(window: &Window, width: Decimal) -> Option<Place> {
    let close = window.units().next_back()?;
    let count = i128::try_from(window.len()).ok()?;
    let (mut sum, mut squares) = (0i128, 0i128);
    for unit in window.units() {
        let distance = unit.checked_sub(close)?;
        sum = sum.checked_add(distance)?;
        squares = squares.checked_add(distance.checked_mul(distance)?)?;
    }
    if sum <= 0 {
        return Some(Place::Mean);
    }
    let sum_squared = sum.checked_mul(sum)?;
    let spread = count.checked_mul(squares)?.checked_sub(sum_squared)?;
    // The width is mantissa / 10^scale, so both sides are multiplied by 10^(2 · scale).
    let unit = 10i128.checked_pow(2 * u32::from(width.scale))?;
    let width_squared = i128::from(width.mantissa).checked_pow(2)?;
    let below = sum_squared.checked_mul(unit)? > width_squared.checked_mul(spread)?;
    Some(if below { Place::Below } else { Place::Between })
}

fn buy(ctx: &mut Context<'_>, bar: &Bar, qty: Decimal) {
    if !ctx.position(bar.instrument).qty.is_zero() || ctx.has_open_order(bar.instrument) {
        return;
    }
    if let Err(refusal) = ctx.buy(bar.instrument, qty).reason("below the band").submit() {
        warn!(ctx, "purchase refused, {}: {}", refusal.code, refusal.message);
    }
}

fn sell(ctx: &mut Context<'_>, bar: &Bar) {
    let held = ctx.position(bar.instrument).qty;
    if !held.is_positive() || ctx.has_open_order(bar.instrument) {
        return;
    }
    if let Err(refusal) = ctx.sell(bar.instrument, held).reason("back at the mean").submit() {
        warn!(ctx, "sale refused, {}: {}", refusal.code, refusal.message);
    }
}

stockade_sdk::export!(MeanReversion);

#[cfg(test)]
mod tests;
