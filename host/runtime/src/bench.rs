//! Measures what a call costs.

use std::time::{Duration, Instant};

use stockade_core::Timestamp;
use stockade_core::market::Bar;
use stockade_core::sleeve::{Prices, SleeveView};

use crate::bot::Bot;
use crate::call::{Call, Strike};
use crate::events::{Bars, Events};
use crate::wire::Laid;

/// What handing over bars took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallOverhead {
    /// Bars handed over.
    pub bars: u64,
    /// Calls that it took.
    pub calls: u64,
    /// Machine time in all.
    pub took: Duration,
    /// Instructions in all.
    pub fuel: u64,
}

/// Hands `bars` to `bot` in lists of `batch`, as replayed past: what the bot asks for is refused,
/// so that every list is handled whole.
pub fn measure_call_overhead(
    bot: &mut Bot,
    bars: &[Bar],
    batch: usize,
    view: &SleeveView,
    prices: &dyn Prices,
) -> Result<CallOverhead, Strike> {
    let mut out = CallOverhead { bars: 0, calls: 0, took: Duration::ZERO, fuel: 0 };
    let laid = Laid::new(bars);
    let begin = Instant::now();
    for (list, start) in bars.chunks(batch.max(1)).zip((0..).step_by(batch.max(1))) {
        let mut rest = list;
        while !rest.is_empty() {
            let at = start + (list.len() - rest.len());
            let now = rest.last().map_or(Timestamp(0), |bar| bar.at);
            let events = Events::Bars(Bars::laid(rest, &laid, at));
            let outcome = bot.call(&Call { events, warm_up: true, view, prices, now })?;
            out.calls += 1;
            out.bars += u64::from(outcome.handled);
            out.fuel += outcome.fuel_used;
            rest = usize::try_from(outcome.handled).ok().and_then(|n| rest.get(n..)).unwrap_or(&[]);
        }
    }
    out.took = begin.elapsed();
    Ok(out)
}
