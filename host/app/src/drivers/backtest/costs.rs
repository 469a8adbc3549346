//! What trading costs, as the exchange of a run is told.

use rust_decimal::Decimal;
use stockade_exchange::Config;

use crate::cli::backtest::CostArgs as Costs;

impl Costs {
    /// Sets the exchange's fees, slippage and the part of a bar's volume that an order may fill.
    pub(super) fn set(&self, config: &mut Config) {
        let hundred = Decimal::ONE_HUNDRED;
        config.fee_per_execution = self.fee.get();
        config.fee_per_share = self.fee_per_share;
        // One percent is a hundred of its hundredths.
        config.fee_bps = self.fee_percent * hundred;
        config.crypto_fee_bps = config.fee_bps;
        config.regulatory_fees = self.regulatory_fees;
        config.slippage_bps = self.slippage_bps;
        config.half_spread = self.half_spread;
        config.impact_bps = self.impact_bps;
        config.max_participation = self.max_participation.map(|percent| percent / hundred);
    }
}
