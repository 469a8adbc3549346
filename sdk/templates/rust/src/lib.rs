//! {{name}}: buys below a price and sells above it.

use stockade_sdk::*;

/// The strategy.
pub struct {{class}} {
    below: Decimal,
    qty: Decimal,
}

impl Strategy for {{class}} {
    fn describe() -> Description {
        Description::new("{{name}}", env!("CARGO_PKG_VERSION"))
            .with_param(Param::decimal("below", qty("100")).help("price to buy below"))
            .with_param(Param::decimal("qty", qty("10")).help("shares or coins to buy"))
    }

    fn new(config: &Config) -> Result<Self, String> {
        Ok(Self { below: config.decimal("below")?, qty: config.decimal("qty")? })
    }

    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        if ctx.has_open_order(bar.instrument) {
            return;
        }
        let held = ctx.position(bar.instrument).qty;
        let answer = if held.is_zero() && bar.close() < self.below {
            ctx.buy(bar.instrument, self.qty).market().submit()
        } else if held.is_positive() && bar.close() > self.below {
            ctx.sell(bar.instrument, held).market().reason("recovered").submit()
        } else {
            return;
        };
        if let Err(refusal) = answer {
            warn!(ctx, "refused, {}: {}", refusal.code, refusal.message);
        }
    }
}

export!({{class}});

#[cfg(test)]
mod tests {
    use super::*;
    use stockade_sdk::testing::Harness;

    #[test]
    fn buys_the_dip() {
        let mut h = Harness::<{{class}}>::new("5000", &["AAPL"], &[]).unwrap();
        h.closes("AAPL", &["101", "99", "98", "102", "103"]);
        assert_eq!(h.orders().len(), 2);
        assert_eq!(h.cash(), qty("5050")); // bought at 98, sold at 103
    }
}
