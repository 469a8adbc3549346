//! The trace of a run: a hash of everything, and lines for people when they ask.

use stockade_core::desk::{Action, Event};

/// The trace.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    printed: bool,
}

impl Trace {
    /// A trace that is only hashed, or also printed to standard error.
    pub(crate) const fn new(printed: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, printed }
    }

    /// The hash of everything so far.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// Takes bytes into the hash.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(crate) fn line(&mut self, at: i64, text: impl FnOnce() -> String) {
        if self.printed {
            eprintln!("{:>14.3} {}", seconds(at), text());
        }
    }

    pub(crate) fn event(&mut self, at: i64, event: &Event) {
        self.bytes(&at.to_le_bytes());
        self.bytes(event.kind().as_bytes());
        if self.printed && !matches!(event, Event::Timer | Event::Market { .. }) {
            let text = format!("{event:?}");
            eprintln!("{:>14.3} > {}", seconds(at), clip(&text));
        }
    }

    pub(crate) fn action(&mut self, at: i64, action: &Action) {
        if self.printed {
            let text = format!("{action:?}");
            eprintln!("{:>14.3} < {}", seconds(at), clip(&text));
        }
    }
}

/// Seconds of a day, as text with three places.
fn seconds(at: i64) -> rust_decimal::Decimal {
    rust_decimal::Decimal::new(at / 1_000_000 % 86_400_000, 3)
}

fn clip(text: &str) -> String {
    const LONGEST: usize = 2_000;
    text.chars().take(LONGEST).collect()
}
