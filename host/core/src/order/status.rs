//! The life of an order (DESIGN section 5).

use serde::{Deserialize, Serialize};

/// Where an order is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Reserved, not sent: it waits for the request budget or a conflict.
    Accepted,
    /// Claimed under an epoch; its bytes may be on their way.
    Sending,
    /// Whether the broker has it is not known. Keeps its full reservation.
    Unknown,
    /// The broker has it.
    Acknowledged,
    /// Some of it is filled.
    PartiallyFilled,
    /// All of it is filled.
    Filled,
    /// Cancelled, perhaps after fills.
    Canceled,
    /// Its time in force ended.
    Expired,
    /// Refused by the broker.
    Rejected,
    /// Another order of the broker took its place.
    Replaced,
    /// Given up after the quiet window: no evidence that the broker ever had it.
    Abandoned,
}

impl OrderStatus {
    /// All of them, in the order of an order's life.
    pub const ALL: [Self; 11] = [
        Self::Accepted,
        Self::Sending,
        Self::Unknown,
        Self::Acknowledged,
        Self::PartiallyFilled,
        Self::Filled,
        Self::Canceled,
        Self::Expired,
        Self::Rejected,
        Self::Replaced,
        Self::Abandoned,
    ];

    /// Whether nothing more is expected. A late fill is still booked.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Filled
                | Self::Canceled
                | Self::Expired
                | Self::Rejected
                | Self::Replaced
                | Self::Abandoned
        )
    }

    /// Whether the edge from here to `next` is allowed. Final states absorb, except that evidence
    /// of a broker order revives an abandoned one.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Accepted, Self::Sending | Self::Canceled | Self::Rejected | Self::Expired) => {
                true
            }
            // Back to waiting only with proof that no byte was taken (429, refused connection).
            (Self::Sending, Self::Accepted | Self::Unknown | Self::Rejected) => true,
            (Self::Unknown, Self::Abandoned | Self::Rejected) => true,
            (Self::Sending | Self::Unknown | Self::Abandoned, Self::Acknowledged) => true,
            (
                Self::Sending | Self::Unknown | Self::Acknowledged | Self::Abandoned,
                Self::PartiallyFilled,
            ) => true,
            (
                Self::Sending
                | Self::Unknown
                | Self::Abandoned
                | Self::Acknowledged
                | Self::PartiallyFilled,
                Self::Filled | Self::Canceled | Self::Expired | Self::Replaced,
            ) => true,
            (Self::Acknowledged, Self::Rejected) => true,
            _ => false,
        }
    }

    /// As the database and the firm JSON write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Acknowledged => "acknowledged",
            Self::PartiallyFilled => "partially_filled",
            Self::Filled => "filled",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Replaced => "replaced",
            Self::Abandoned => "abandoned",
        }
    }
}
