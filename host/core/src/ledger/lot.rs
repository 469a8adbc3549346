//! Lots and their order of closing.

use serde::{Deserialize, Serialize};

/// Bought, or sold short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LotSide {
    /// Bought.
    Long,
    /// Sold short.
    Short,
}

/// Which lot a closing execution takes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LotMethod {
    /// The oldest.
    #[default]
    Fifo,
}
