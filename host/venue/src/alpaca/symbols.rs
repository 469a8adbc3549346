//! stockade's spelling of a symbol and the broker's.
//!
//! Alpaca writes a crypto pair `BTC/USD` in orders and data and `BTCUSD` in positions; stockade
//! writes `BTCUSD` everywhere. The pairs are learned from the broker's own asset list.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use stockade_core::Symbol;
use stockade_core::instrument::AssetClass;

/// What the broker's asset list said of the symbols met so far. Clones share one table.
#[derive(Debug, Clone, Default)]
pub struct SymbolTable {
    entries: Arc<RwLock<HashMap<Symbol, Entry>>>,
}

#[derive(Debug, Clone)]
struct Entry {
    wire: Arc<str>,
    class: AssetClass,
}

impl SymbolTable {
    /// Takes the broker's spelling of a symbol and its class.
    pub fn learn(&self, symbol: Symbol, wire: &str, class: AssetClass) {
        let entry = Entry { wire: wire.into(), class };
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.insert(symbol, entry);
    }

    /// The broker's spelling; stockade's own where the asset list was not asked (equities have
    /// only one).
    #[must_use]
    pub fn wire(&self, symbol: &Symbol) -> Arc<str> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(symbol).map_or_else(|| symbol.as_str().into(), |entry| Arc::clone(&entry.wire))
    }

    /// The class, where the asset list was asked.
    #[must_use]
    pub fn class(&self, symbol: &Symbol) -> Option<AssetClass> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(symbol).map(|entry| entry.class)
    }

    /// Whether the symbol is known to be a crypto pair.
    #[must_use]
    pub fn is_crypto(&self, symbol: &Symbol) -> bool {
        self.class(symbol) == Some(AssetClass::Crypto)
    }
}
