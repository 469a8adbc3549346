//! What can be traded, and the names of it: `BTC/USD` and `BTCUSD` are one asset.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::{self, Id};
use crate::limits::MAX_SYMBOL_LEN;
use crate::order::words;

/// A symbol's place in the exchange's table, given by [`crate::Exchange::intern`]; rises from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SymbolId(pub u32);

impl SymbolId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

words! {
    /// Stocks, or coins.
    AssetClass { UsEquity = "us_equity", Crypto = "crypto" }
}

/// An asset's properties. [`Asset::named`] gives the usual ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    pub id: Id,
    pub class: AssetClass,
    /// `ARCA`, `NASDAQ`, `CRYPTO`, ...
    pub exchange: String,
    /// Canonical: upper case, crypto with a slash.
    pub symbol: Arc<str>,
    pub name: String,
    pub active: bool,
    pub tradable: bool,
    pub marginable: bool,
    pub shortable: bool,
    pub fractionable: bool,
    /// Crypto: the tick. Stocks follow the sub-penny rule instead.
    pub price_increment: Decimal,
    /// Crypto: smallest quantity of an order.
    pub min_order_size: Decimal,
    /// Crypto: quantities are multiples of it.
    pub min_trade_increment: Decimal,
}

impl Asset {
    /// An asset as its symbol suggests: a crypto pair (see [`canonical`]) or a fractionable, shortable stock.
    ///
    /// # Errors
    /// Where the text can't be a symbol.
    pub fn named(symbol: &str) -> Result<Self, ListingError> {
        let symbol = canonical(symbol)
            .ok_or_else(|| ListingError::Symbol { found: symbol.chars().take(40).collect() })?;
        let crypto = symbol.contains('/');
        Ok(Self {
            id: ids::of_name(&symbol),
            class: if crypto { AssetClass::Crypto } else { AssetClass::UsEquity },
            exchange: if crypto { "CRYPTO" } else { "NASDAQ" }.to_owned(),
            name: symbol.clone(),
            symbol: symbol.into(),
            active: true,
            tradable: true,
            marginable: !crypto,
            shortable: !crypto,
            fractionable: true,
            price_increment: if crypto { Decimal::new(1, 9) } else { Decimal::new(1, 2) },
            min_order_size: Decimal::new(1, 9),
            min_trade_increment: Decimal::new(1, 9),
        })
    }

    /// The symbol as positions spell it: without a slash.
    #[must_use]
    pub fn position_symbol(&self) -> String {
        self.symbol.replace('/', "")
    }

    pub(crate) fn is_crypto(&self) -> bool {
        self.class == AssetClass::Crypto
    }
}

/// A symbol that can't be listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    #[error(
        "symbol {found:?} can't be listed, allowed are letters, digits, '.', '-' and one '/', at most {MAX_SYMBOL_LEN} characters"
    )]
    Symbol { found: String },
    #[error("the exchange has {max} symbols, which is its limit")]
    Full { max: usize },
}

/// The one spelling of a symbol: upper case, and a pair written together (`BTCUSD`, at least six letters ending in
/// `USD`, `USDT` or `USDC`) with its slash. `None` where the text can't be a symbol.
#[must_use]
pub fn canonical(text: &str) -> Option<String> {
    let text = text.to_ascii_uppercase();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/');
    if text.is_empty() || text.len() > MAX_SYMBOL_LEN || !text.chars().all(allowed) {
        return None;
    }
    if let Some((base, quote)) = text.split_once('/') {
        let whole = !base.is_empty() && !quote.is_empty() && !quote.contains('/');
        return whole.then_some(text);
    }
    if text.len() >= 6 && text.chars().all(|c| c.is_ascii_alphanumeric()) {
        for quote in ["USDT", "USDC", "USD"] {
            if let Some(base) = text.strip_suffix(quote)
                && base.len() >= 2
            {
                return Some(format!("{base}/{quote}"));
            }
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        for (text, expected) in [
            ("spy", Some("SPY")),
            ("BRK.B", Some("BRK.B")),
            ("BTCUSD", Some("BTC/USD")),
            ("btc/usd", Some("BTC/USD")),
            ("ETHUSDT", Some("ETH/USDT")),
            ("DOGEUSDC", Some("DOGE/USDC")),
            ("AUSD", Some("AUSD")),
            ("BTCPERP", Some("BTCPERP")),
            ("", None),
            ("A/B/C", None),
            ("/USD", None),
            ("A B", None),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", None),
        ] {
            assert_eq!(canonical(text).as_deref(), expected, "{text}");
        }
    }
}
