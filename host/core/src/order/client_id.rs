//! The client order id: an order's owner, readable without the database.
//!
//! `sk-ERA-ACCOUNT-SLEEVE-SEQUENCE-CHECK`. The sleeve's slug may hold `-`, so it is read from both
//! ends. The check digits tell our ids from look-alikes that a person typed.

use std::fmt;

use crate::id::{OrderId, Slug};

/// The start of every client order id of ours.
pub const PREFIX: &str = "sk-";

/// A client order id, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOrderId {
    /// Random, new at each initialisation or restore from a back-up: lower-case letters and digits.
    pub era: String,
    /// The account's label.
    pub account: Slug,
    /// The owner's name.
    pub sleeve: Slug,
    /// The order's number in its account.
    pub order: OrderId,
}

impl ClientOrderId {
    /// Reads an id; `None` when it isn't one of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        let (rest, check) = body.rsplit_once('-')?;
        if check != check_digits(rest) {
            return None;
        }
        let (rest, order) = rest.rsplit_once('-')?;
        let (era, rest) = rest.split_once('-')?;
        let (account, sleeve) = rest.split_once('-')?;
        Some(Self {
            era: era.to_owned(),
            account: Slug::new(&account.replace('_', "-")).ok()?,
            sleeve: Slug::new(sleeve).ok()?,
            order: OrderId(order.parse().ok()?),
        })
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A label may hold `-`, which parts the fields; no label holds `_`.
        let account = self.account.as_str().replace('-', "_");
        let body = format!("{}-{account}-{}-{}", self.era, self.sleeve, self.order);
        write!(f, "{PREFIX}{body}-{}", check_digits(&body))
    }
}

/// Two digits, base 97 as in a bank account number: every single wrong character shows.
fn check_digits(body: &str) -> String {
    let sum = body.bytes().fold(0u32, |sum, byte| (sum * 31 + u32::from(byte)) % 97);
    format!("{sum:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let id = ClientOrderId {
            era: "x7k2p9".to_owned(),
            account: Slug::new("paper-1").expect("a slug"),
            sleeve: Slug::new("dip-buyer-2").expect("a slug"),
            order: OrderId(42),
        };
        let text = id.to_string();
        assert!(text.len() <= 128);
        assert_eq!(ClientOrderId::parse(&text), Some(id));
    }

    #[test]
    fn look_alikes_are_not_ours() {
        for text in ["", "sk-", "sk-a-b-c-1-01", "manual-1", "sk-x7k2p9-main-dip-buyer-2-43-00"] {
            assert_eq!(ClientOrderId::parse(text), None, "{text}");
        }
    }
}
