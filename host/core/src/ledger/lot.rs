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

/// Which lot a closing execution takes first (FIGURES.md, Lots). Ties go to the older lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LotMethod {
    /// The oldest.
    #[default]
    Fifo,
    /// The newest.
    Lifo,
    /// The one with the highest price per share, in both directions.
    Hifo,
    /// All lots are one pool: a share costs what the pool costs on average, and is as old as the
    /// pool's oldest share.
    Average,
}

impl LotMethod {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fifo, Self::Lifo, Self::Hifo, Self::Average];

    /// As commands and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::Lifo => "lifo",
            Self::Hifo => "hifo",
            Self::Average => "average",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}
