//! Bars, quotes and trades: integers at hand, decimals on demand.
//!
//! The fields are the integers as they came, to be divided by a power of ten that all prices of an
//! event share: `bar.close` is 15012 and `bar.close()` is 150.12. A strategy that only adds and
//! compares closes needs no decimal.

use crate::bindings::stockade::bot::types::{Bar, Quote, Trade};
use crate::decimal::Decimal;
use crate::{Instrument, Timestamp};

impl Bar {
    /// A bar of these prices (open, high, low, close); `None` where they have no common scale in
    /// 64 bits.
    pub fn of(
        at: Timestamp,
        instrument: Instrument,
        prices: [Decimal; 4],
        volume: Decimal,
    ) -> Option<Self> {
        let price_scale = prices.iter().map(|price| price.scale).max()?;
        let unit = |price: Decimal| price.units(price_scale);
        let [open, high, low, close] = prices;
        Some(Self {
            at,
            instrument,
            price_scale,
            volume_scale: volume.scale,
            open: unit(open)?,
            high: unit(high)?,
            low: unit(low)?,
            close: unit(close)?,
            volume: volume.mantissa,
        })
    }

    /// First price.
    pub const fn open(&self) -> Decimal {
        Decimal::new(self.open, self.price_scale)
    }

    /// Highest price.
    pub const fn high(&self) -> Decimal {
        Decimal::new(self.high, self.price_scale)
    }

    /// Lowest price.
    pub const fn low(&self) -> Decimal {
        Decimal::new(self.low, self.price_scale)
    }

    /// Last price.
    pub const fn close(&self) -> Decimal {
        Decimal::new(self.close, self.price_scale)
    }

    /// Shares or coins traded.
    pub const fn volume(&self) -> Decimal {
        Decimal::new(self.volume, self.volume_scale)
    }
}

impl Quote {
    /// Best bid.
    pub const fn bid(&self) -> Decimal {
        Decimal::new(self.bid, self.price_scale)
    }

    /// Shares bid for.
    pub const fn bid_size(&self) -> Decimal {
        Decimal::new(self.bid_size, self.size_scale)
    }

    /// Best ask.
    pub const fn ask(&self) -> Decimal {
        Decimal::new(self.ask, self.price_scale)
    }

    /// Shares offered.
    pub const fn ask_size(&self) -> Decimal {
        Decimal::new(self.ask_size, self.size_scale)
    }
}

impl Trade {
    /// At what price.
    pub const fn price(&self) -> Decimal {
        Decimal::new(self.price, self.price_scale)
    }

    /// How much.
    pub const fn size(&self) -> Decimal {
        Decimal::new(self.size, self.size_scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::qty;

    #[test]
    fn prices_share_the_largest_scale() {
        let prices = [qty("1"), qty("1.25"), qty("0.5"), qty("1.1")];
        let bar = Bar::of(7, 3, prices, qty("1200")).expect("fits");
        assert_eq!((bar.open, bar.high, bar.low, bar.close), (100, 125, 50, 110));
        assert_eq!([bar.open(), bar.high(), bar.low(), bar.close()], prices);
        assert_eq!(bar.volume(), qty("1200"));
        let far = [qty("1"), qty("9223372036854775807"), qty("0.1"), qty("1")];
        assert_eq!(Bar::of(7, 3, far, Decimal::ONE), None);
    }
}
