//! The journal's chain: each entry's hash covers the entry and the hash before it, so that no entry
//! can be changed, dropped, added or moved without every later hash being wrong.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

use crate::row::EntryRow;

/// SHA-256 over an entry and the link before it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Link(pub [u8; 32]);

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({self})")
    }
}

impl Link {
    /// The link of `entry` (whose own `link` is not read) after this one, in the journal of
    /// `account`. Amounts count by value: trailing zeros make no difference.
    #[must_use]
    pub fn next(&self, account: &str, entry: &EntryRow) -> Self {
        let mut text = Text(Sha256::new());
        text.0.update(self.0);
        text.part(account);
        text.number(entry.id.0);
        text.0.update(entry.at.0.to_be_bytes());
        text.0.update(entry.effective_at.0.to_be_bytes());
        text.part(entry.kind.as_str());
        text.part(&entry.memo);
        text.part(entry.execution_id.as_deref().unwrap_or_default());
        text.part(entry.source_id.as_deref().unwrap_or_default());
        text.number(entry.corrects.map_or(0, |id| id.0));
        text.part(&entry.ratio.map_or_else(String::new, |ratio| ratio.normalize().to_string()));
        for posting in &entry.postings {
            text.number(posting.sleeve.0);
            text.part(posting.account.kind());
            text.part(posting.account.symbol().map_or("", |symbol| symbol.as_str()));
            text.part(&posting.amount.to_string());
            text.part(&posting.qty.to_string());
        }
        Self(text.0.finalize().into())
    }
}

struct Text(Sha256);

impl Text {
    /// A part with its length, so that no two lists of parts read the same. NUL counts as the
    /// character that the database keeps in its place.
    fn part(&mut self, part: &str) {
        if part.contains('\0') {
            return self.part(&part.replace('\0', "\u{fffd}"));
        }
        self.number(part.len() as u64);
        self.0.update(part);
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }
}
