//! A bot that misbehaves, to watch the host contain it: at every bar it asks for far more than its
//! capital buys, and after a number of bars it loops for ever.
//!
//! Nothing it asks for is ever accepted; what stops the loop is the host.

use stockade_sdk::{Bar, Config, Context, Description, Param, Reader, Strategy, Writer, qty, warn};

/// The strategy.
pub struct Hostile {
    after: u64,
    seen: u64,
}

impl Strategy for Hostile {
    fn describe() -> Description {
        Description::new("hostile", env!("CARGO_PKG_VERSION")).with_param(
            Param::integer("after", 20)
                .between(0, 1_000_000)
                .help("bars of overspending before it loops for ever"),
        )
    }

    fn new(config: &Config) -> Result<Self, String> {
        let after = config.integer("after")?;
        let after = u64::try_from(after).map_err(|_| format!("after is {after}, below 0"))?;
        Ok(Self { after, seen: 0 })
    }

    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        if ctx.is_warm_up() {
            return;
        }
        self.seen += 1;
        if self.seen > self.after {
            loop {
                std::hint::spin_loop();
            }
        }
        let asked = qty("1000000000");
        if let Err(refusal) = ctx.buy(bar.instrument, asked).market().submit() {
            warn!(ctx, "asked for {asked}, refused: {}", refusal.code);
        }
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u64(self.seen);
        out.finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let mut from = Reader::new(state)?;
        self.seen = from.u64()?;
        Ok(from.finish()?)
    }
}

stockade_sdk::export!(Hostile);

#[cfg(test)]
mod tests {
    use stockade_sdk::testing::Harness;

    use super::*;

    #[test]
    fn overspends_at_every_bar_and_is_refused() {
        let mut h = Harness::<Hostile>::new("1000", &["AAPL"], &[]).expect("starts");
        h.closes("AAPL", &["1"; 20]);
        assert_eq!(h.refusals().len(), 20);
        assert!(h.orders().is_empty());
    }
}
