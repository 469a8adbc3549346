//! Names and numbers of things, each a type of its own.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

use crate::limits;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// A sleeve of one account. The account's own three come first, see [`SleeveId::HOUSE`].
    SleeveId
);
number!(
    /// An order of one account, in order of acceptance.
    OrderId
);
number!(
    /// What a bot calls its order: unique within its sleeve, given at `submit`.
    IntentId
);
number!(
    /// A balanced entry of one account's journal.
    EntryId
);
number!(
    /// A lot of one account.
    LotId
);
number!(
    /// A round trip of one account.
    RoundTripId
);
number!(
    /// A break that reconciliation found.
    BreakId
);
number!(
    /// A recorded input of one account: its place in the order of things.
    InputIndex
);

impl SleeveId {
    /// The sleeve of cash that is not allocated.
    pub const HOUSE: Self = Self(1);
    /// The sleeve of shares and cash that nobody owns yet.
    pub const SUSPENSE: Self = Self(2);
    /// The pseudo-sleeve that carries the broker's own rounding of cash.
    pub const ROUNDING: Self = Self(3);
    /// The first sleeve that a person or bot can have.
    pub const FIRST: Self = Self(10);
}

impl IntentId {
    /// Set in the intent ids of orders that a person placed on a bot's sleeve, so that they can
    /// never meet a number that the bot was promised.
    pub const BY_HAND: u64 = 1 << 62;
}

/// An instrument's place in the desk's table: small, for the hot path. Never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstrumentId(pub u32);

impl InstrumentId {
    /// As an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Why a name was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A symbol that no broker could know.
    #[error(
        "\"{found}\" is no symbol: 1 to {allowed} of A-Z and 0-9, with single '.' or '-' inside (BRK.B), or a crypto pair (BTC/USD)"
    )]
    Symbol {
        /// What was found.
        found: String,
        /// The longest allowed.
        allowed: usize,
    },
    /// A sleeve or bot name that can't stand in a client order id.
    #[error("\"{found}\" is no name: 1 to {allowed} of a-z, 0-9 and inner '-', first a letter")]
    Slug {
        /// What was found.
        found: String,
        /// The longest allowed.
        allowed: usize,
    },
}

/// What crypto pairs are quoted in, behind the slash.
const QUOTES: [&str; 6] = ["USD", "USDT", "USDC", "BTC", "ETH", "EUR"];

/// A symbol in stockade's spelling: upper case, crypto pairs without a slash (`BTCUSD`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Symbol(Arc<str>);

impl Symbol {
    /// Reads a symbol; the slash of a crypto pair is dropped. Any other slash is refused: `BRK/B`
    /// without it would be another company's.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let allowed = limits::SYMBOL_LEN_MAX;
        // Nearly every text is a symbol as it stands: those of a broker's own messages.
        let word_byte = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if !text.is_empty() && text.len() <= allowed && text.bytes().all(word_byte) {
            return Ok(Self(text.into()));
        }
        let upper = text.trim().to_ascii_uppercase();
        let word = |part: &str| !part.is_empty() && part.bytes().all(word_byte);
        let symbol = match upper.split_once('/') {
            Some((base, quote)) if word(base) && QUOTES.contains(&quote) => {
                format!("{base}{quote}")
            }
            Some(_) => String::new(),
            None => upper,
        };
        if symbol.len() > allowed || !symbol.split(['.', '-']).all(word) {
            let found = text.chars().take(40).collect();
            return Err(NameError::Symbol { found, allowed });
        }
        Ok(Self(symbol.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Symbol {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of a sleeve or bot, short enough to stand in a client order id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Slug(Arc<str>);

impl Slug {
    /// Reads a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let allowed = limits::SLUG_LEN_MAX;
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if !starts || text.len() > allowed || text.ends_with('-') || !text.bytes().all(known) {
            let found = text.chars().take(40).collect();
            return Err(NameError::Slug { found, allowed });
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
