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
        if !check.chars().eq(check_digits(rest)) {
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
        f.write_str(&client_order_id(&self.era, &self.account, &self.sleeve, self.order))
    }
}

/// The client order id of an order, of these parts.
pub(crate) fn client_order_id(era: &str, account: &Slug, sleeve: &Slug, order: OrderId) -> String {
    let mut text = String::with_capacity(LEN_USUAL);
    text.push_str(PREFIX);
    text.push_str(era);
    text.push('-');
    // A label may hold `-`, which parts the fields; no label holds `_`.
    text.extend(account.as_str().chars().map(|letter| if letter == '-' { '_' } else { letter }));
    text.push('-');
    text.push_str(sleeve.as_str());
    text.push('-');
    push_digits(&mut text, order.0);
    let check = check_digits(&text[PREFIX.len()..]);
    text.push('-');
    text.extend(check);
    text
}

/// The order that a client order id of this era names, if it is one: by whoever knows the orders'
/// own texts and compares them.
pub(crate) fn order_named(text: &str, era: &str) -> Option<OrderId> {
    let rest = text.strip_prefix(PREFIX)?.strip_prefix(era)?.strip_prefix('-')?;
    let (rest, _check) = rest.rsplit_once('-')?;
    let (_, order) = rest.rsplit_once('-')?;
    Some(OrderId(order.parse().ok()?))
}

/// Room for most ids, in bytes.
const LEN_USUAL: usize = 64;

fn push_digits(text: &mut String, number: u64) {
    if number >= 10 {
        push_digits(text, number / 10);
    }
    text.push(digit(u32::try_from(number % 10).unwrap_or(0)));
}

fn digit(value: u32) -> char {
    char::from_digit(value, 10).unwrap_or('0')
}

/// Two digits, base 97 as in a bank account number: every single wrong character shows.
fn check_digits(body: &str) -> [char; 2] {
    let sum = body.bytes().fold(0u32, |sum, byte| (sum * 31 + u32::from(byte)) % 97);
    [digit(sum / 10), digit(sum % 10)]
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
        assert_eq!(order_named(&text, "x7k2p9"), Some(id.order));
        assert_eq!(order_named(&text, "x7k2p"), None);
        assert_eq!(text.split('-').nth(1), Some("x7k2p9"));
        assert!(text.starts_with("sk-x7k2p9-paper_1-dip-buyer-2-42-"), "{text}");
        assert_eq!(ClientOrderId::parse(&text), Some(id));
    }

    #[test]
    fn look_alikes_are_not_ours() {
        for text in ["", "sk-", "sk-a-b-c-1-01", "manual-1", "sk-x7k2p9-main-dip-buyer-2-43-00"] {
            assert_eq!(ClientOrderId::parse(text), None, "{text}");
        }
    }
}
