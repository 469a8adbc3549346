//! What can be set about an account and its exchange, checked once when the exchange is made.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::order::words;

words! {
    /// Which matching rules hold.
    Mode {
        /// The reference behaviour of a backtest: orders meet only later bars, in full, without sessions.
        Reference = "reference",
        /// As a paper account: marketable orders trade at once, some in two parts; sessions and expiry hold.
        Paper = "paper",
    }
}

words! {
    /// When stocks can trade.
    Sessions {
        /// New York's regular sessions.
        Calendar = "calendar",
        /// Always: for generated data that has no sessions.
        Always = "always",
    }
}

/// Settings of one account. Start from [`Config::paper`] or [`Config::reference`] and change fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub mode: Mode,
    /// Opening cash in US dollars, whole cents.
    pub cash: Decimal,
    /// Buying power is this times equity, less what is held. 1 is a cash account.
    pub multiplier: u32,
    /// Whether a sell may go below zero (stocks only).
    pub shorting: bool,
    /// Refuse what buying power can't carry.
    pub check_buying_power: bool,
    /// Refuse to sell more than is held and free.
    pub check_quantity: bool,
    /// Refuse an order that could trade with an open one of this account.
    pub check_wash_trade: bool,
    /// Refuse prices finer than the tick.
    pub check_tick: bool,
    pub sessions: Sessions,
    /// Of a thousand orders, how many trade a random part first and the rest at the next tick. Paper only.
    pub partial_fill_permille: u32,
    /// Of a thousand cancels, how many take effect only after the symbol's next tick. Paper only.
    pub cancel_race_permille: u32,
    /// Fee in hundredths of a per cent of each execution's value, rounded to cents.
    pub fee_bps: Decimal,
    /// Fee in US dollars per share of each execution, rounded to cents together with `fee_bps`. Stocks only.
    pub fee_per_share: Decimal,
    /// Fee in US dollars of each execution, whole cents, beside the others.
    pub fee_per_execution: Decimal,
    /// The same for crypto, instead of `fee_bps`.
    pub crypto_fee_bps: Decimal,
    /// Take a crypto buy's fee from the coins received, as Alpaca does, and not from cash.
    pub crypto_fee_in_kind: bool,
    /// Charge the day's stock trades at midnight with what regulators take: REG, TAF and CAT, as Alpaca does.
    #[serde(default)]
    pub regulatory_fees: bool,
    /// Worsens market and stop executions by so many hundredths of a per cent.
    pub slippage_bps: Decimal,
    /// Worsens the same by half of the spread, in US dollars a share; not against quotes, which have a spread.
    #[serde(default)]
    pub half_spread: Decimal,
    /// Worsens the same by so many hundredths of a per cent where an execution takes a bar's whole volume, and by the square
    /// of its share where it takes less. Against bars only.
    #[serde(default)]
    pub impact_bps: Decimal,
    /// An order set trades at most this share (0 < x <= 1) of a bar's volume. Absent: no limit.
    pub max_participation: Option<Decimal>,
}

impl Config {
    /// A paper account with Alpaca's defaults.
    #[must_use]
    pub fn paper(cash: Decimal) -> Self {
        Self {
            mode: Mode::Paper,
            cash,
            multiplier: 1,
            shorting: false,
            check_buying_power: true,
            check_quantity: true,
            check_wash_trade: true,
            check_tick: true,
            sessions: Sessions::Calendar,
            partial_fill_permille: 100,
            cancel_race_permille: 0,
            fee_bps: Decimal::ZERO,
            fee_per_share: Decimal::ZERO,
            fee_per_execution: Decimal::ZERO,
            crypto_fee_bps: Decimal::ZERO,
            crypto_fee_in_kind: false,
            regulatory_fees: false,
            slippage_bps: Decimal::ZERO,
            half_spread: Decimal::ZERO,
            impact_bps: Decimal::ZERO,
            max_participation: None,
        }
    }

    /// The backtest's broker: refuses nothing that is well formed, since the sleeve's capital is the host's to guard.
    #[must_use]
    pub fn reference(cash: Decimal) -> Self {
        Self {
            mode: Mode::Reference,
            shorting: true,
            check_buying_power: false,
            check_quantity: false,
            check_wash_trade: false,
            check_tick: false,
            sessions: Sessions::Always,
            partial_fill_permille: 0,
            ..Self::paper(cash)
        }
    }

    /// Checks every field's range.
    ///
    /// # Errors
    /// Names the field, the value found and the values allowed.
    pub fn check(&self) -> Result<(), ConfigError> {
        let max_cash = Decimal::from(1_000_000_000_000_u64);
        let bps = Decimal::from(10_000);
        range("cash", self.cash, Decimal::ZERO, max_cash)?;
        if self.cash.round_dp(2) != self.cash {
            return Err(ConfigError::SubCent { value: self.cash });
        }
        range("multiplier", Decimal::from(self.multiplier), Decimal::ONE, Decimal::from(4))?;
        let permille = Decimal::from(1000);
        range(
            "partial_fill_permille",
            Decimal::from(self.partial_fill_permille),
            Decimal::ZERO,
            permille,
        )?;
        range(
            "cancel_race_permille",
            Decimal::from(self.cancel_race_permille),
            Decimal::ZERO,
            permille,
        )?;
        range("fee_bps", self.fee_bps, Decimal::ZERO, bps)?;
        range("fee_per_share", self.fee_per_share, Decimal::ZERO, bps)?;
        range("fee_per_execution", self.fee_per_execution, Decimal::ZERO, bps)?;
        range("crypto_fee_bps", self.crypto_fee_bps, Decimal::ZERO, bps)?;
        // A sell's slippage of 100 % would give a price of zero.
        range("slippage_bps", self.slippage_bps, Decimal::ZERO, Decimal::from(5_000))?;
        range("impact_bps", self.impact_bps, Decimal::ZERO, Decimal::from(5_000))?;
        range("half_spread", self.half_spread, Decimal::ZERO, bps)?;
        if let Some(share) = self.max_participation
            && (share <= Decimal::ZERO || share > Decimal::ONE)
        {
            return Err(ConfigError::Range {
                setting: "max_participation",
                value: share,
                min: Decimal::ZERO,
                max: Decimal::ONE,
            });
        }
        Ok(())
    }
}

fn range(
    setting: &'static str,
    value: Decimal,
    min: Decimal,
    max: Decimal,
) -> Result<(), ConfigError> {
    if value < min || value > max {
        return Err(ConfigError::Range { setting, value, min, max });
    }
    Ok(())
}

/// A setting outside its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("exchange setting {setting} is {value}, allowed is {min} to {max}")]
    Range { setting: &'static str, value: Decimal, min: Decimal, max: Decimal },
    #[error("exchange setting cash is {value}, allowed are whole cents")]
    SubCent { value: Decimal },
}
